"""Choosing how far to prune: the search, its rules, and the right pruner for a model."""

from skprune.model_selection._budget import WithinBudget
from skprune.model_selection._make import make_pruner
from skprune.model_selection._make_search import make_search
from skprune.model_selection._non_inferior import NonInferior
from skprune.model_selection._rules import OneStandardError, WithinTolerance
from skprune.model_selection._search import PruningSearchCV

__all__ = [
    "NonInferior",
    "OneStandardError",
    "PruningSearchCV",
    "WithinBudget",
    "WithinTolerance",
    "make_pruner",
    "make_search",
]
