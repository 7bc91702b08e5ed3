"""The bases of all pruners and of their paths.

A subclass writes one hook: `BaseModelPruner` asks for the path of a fitted model
(`_prune_model`); the bases of transformers are in `feature_selection`. Think twice before
anything is added here: what is here is inherited by every pruner there will ever be.
"""

from skprune.base._model import VALIDATION, BaseModelPruner
from skprune.base._path import BasePath, PruningPath
from skprune.base._pruner import BasePruner

__all__ = ["VALIDATION", "BaseModelPruner", "BasePath", "BasePruner", "PruningPath"]
