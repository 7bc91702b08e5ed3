"""What runs in production: models without skprune, safe files, ONNX graphs, and monitoring."""

from skprune.deployment._monitor import AgreementMonitor
from skprune.deployment._onnx import to_onnx
from skprune.deployment._persistence import dump, load
from skprune.deployment._strip import strip

__all__ = ["AgreementMonitor", "dump", "load", "strip", "to_onnx"]
