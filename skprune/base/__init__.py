"""The bases of all pruners: of columns, of columns by rank, and of fitted models.

A subclass writes one hook. `BaseRankingPruner` asks for a score per column
(`_score_columns`), `BaseFeaturePruner` for the columns that stay (`_prune_columns`),
`BaseModelPruner` for the path of a fitted model (`_prune_model`). Think twice before
anything is added here: what is here is inherited by every pruner there will ever be.
"""

from skprune.base._features import BaseFeaturePruner
from skprune.base._model import VALIDATION, BaseModelPruner
from skprune.base._pruner import BasePruner
from skprune.base._ranking import BaseRankingPruner

__all__ = [
    "VALIDATION",
    "BaseFeaturePruner",
    "BaseModelPruner",
    "BasePruner",
    "BaseRankingPruner",
]
