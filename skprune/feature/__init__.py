"""Feature pruners: transformers that remove columns."""

from skprune.feature._correlation import CorrelationPruner

__all__ = ["CorrelationPruner"]
