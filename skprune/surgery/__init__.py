"""How to cut? The only reader and writer of the fitted internals of models."""

from skprune.surgery._dispatch import (
    LINEAR_SURGEONS,
    NEURAL_SURGEONS,
    SVM_SURGEONS,
    TREE_SURGEONS,
    surgeon_for,
    surgeon_type,
)
from skprune.surgery.additive import additive_classifier

__all__ = [
    "LINEAR_SURGEONS",
    "NEURAL_SURGEONS",
    "SVM_SURGEONS",
    "TREE_SURGEONS",
    "additive_classifier",
    "surgeon_for",
    "surgeon_type",
]
