"""What runs in production: models without skprune, their ONNX graphs, and who watches them."""

from skprune.deployment._monitor import AgreementMonitor
from skprune.deployment._onnx import to_onnx
from skprune.deployment._strip import strip

__all__ = ["AgreementMonitor", "strip", "to_onnx"]
