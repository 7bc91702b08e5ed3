"""What models and tables are made of, as plain arrays."""
