"""Transformers that remove columns."""

from skprune.feature_selection._correlation import CorrelationPruner
from skprune.feature_selection._information import InformationPruner
from skprune.feature_selection._permutation import PermutationPruner
from skprune.feature_selection._random import RandomPruner
from skprune.feature_selection._relief import ReliefPruner
from skprune.feature_selection._rules import RulePruner
from skprune.feature_selection._shadow import ShadowPruner

__all__ = [
    "CorrelationPruner",
    "InformationPruner",
    "PermutationPruner",
    "RandomPruner",
    "ReliefPruner",
    "RulePruner",
    "ShadowPruner",
]
