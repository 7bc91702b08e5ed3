"""Quantization of what a model stores."""

from skprune.quantization._quantizer import Quantizer

__all__ = ["Quantizer"]
