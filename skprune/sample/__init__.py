"""Pruning of training samples."""

from skprune.sample._pruner import SamplePruner

__all__ = ["SamplePruner"]
