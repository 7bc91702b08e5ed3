"""Pruning of splits, in one tree or in all trees of an ensemble."""

from skprune.tree._pruner import TreePruner

__all__ = ["TreePruner"]
