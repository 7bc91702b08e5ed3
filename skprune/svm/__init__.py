"""Pruning of support vectors."""

from skprune.svm._pruner import SVMPruner

__all__ = ["SVMPruner"]
