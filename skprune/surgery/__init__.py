"""How to cut? The only reader and writer of the fitted internals of models."""

from skprune.surgery._dispatch import surgeon_for, surgeon_type

__all__ = ["surgeon_for", "surgeon_type"]
