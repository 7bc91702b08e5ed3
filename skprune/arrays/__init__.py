"""Plain array representations of models and tables."""
