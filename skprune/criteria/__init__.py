"""What is a unit worth? Pure functions of arrays that score units."""
