"""Tree pruning: removal of splits in single trees and ensembles of trees."""

from skprune.tree._pruner import TreePruner

__all__ = ["TreePruner"]
