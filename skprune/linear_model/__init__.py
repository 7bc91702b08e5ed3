"""Pruning of the coefficients of linear models."""

from skprune.linear_model._pruner import LinearPruner

__all__ = ["LinearPruner"]
