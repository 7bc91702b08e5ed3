"""Take results to where they predict."""

from skprune.deployment._onnx import to_onnx

__all__ = ["to_onnx"]
