"""Pruning of the members of ensembles."""

from skprune.ensemble._pruner import EnsemblePruner

__all__ = ["EnsemblePruner"]
