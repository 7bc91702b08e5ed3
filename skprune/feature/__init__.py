"""Transformers that remove columns."""

from skprune.feature._correlation import CorrelationPruner
from skprune.feature._random import RandomPruner

__all__ = ["CorrelationPruner", "RandomPruner"]
