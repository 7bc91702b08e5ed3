"""What runs in production: fitted models without skprune, and their ONNX graphs."""

from skprune.deployment._onnx import to_onnx
from skprune.deployment._strip import strip

__all__ = ["strip", "to_onnx"]
