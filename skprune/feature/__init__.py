"""Transformers that remove columns."""

from skprune.feature._correlation import CorrelationPruner
from skprune.feature._information import InformationPruner
from skprune.feature._permutation import PermutationPruner
from skprune.feature._random import RandomPruner
from skprune.feature._relief import ReliefPruner
from skprune.feature._rules import RulePruner
from skprune.feature._shadow import ShadowPruner

__all__ = [
    "CorrelationPruner",
    "InformationPruner",
    "PermutationPruner",
    "RandomPruner",
    "ReliefPruner",
    "RulePruner",
    "ShadowPruner",
]
