"""Distillation of a large model into a small one."""

from skprune.distillation._distiller import Distiller

__all__ = ["Distiller"]
