"""Pruning of the weights and hidden units of networks."""

from skprune.neural_network._pruner import MLPPruner, densify

__all__ = ["MLPPruner", "densify"]
