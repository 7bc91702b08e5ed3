"""Pruning criteria: pure functions of arrays that score or order units."""
