"""What runs in production: fitted models without skprune, files without pickle, ONNX graphs."""

from skprune.deployment._onnx import to_onnx
from skprune.deployment._persistence import dump, load
from skprune.deployment._strip import strip

__all__ = ["dump", "load", "strip", "to_onnx"]
