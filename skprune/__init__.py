"""Prune features and models with scikit-learn.

The result of every pruner is plain: a smaller scikit-learn model, or fewer columns.
"""

from skprune.base import PruningPath
from skprune.deployment import AgreementMonitor, dump, load, strip, to_onnx
from skprune.distillation import Distiller
from skprune.ensemble import EnsemblePruner
from skprune.feature_selection import (
    CorrelationPruner,
    InformationPruner,
    PermutationPruner,
    RandomPruner,
    ReliefPruner,
    RulePruner,
    ShadowPruner,
)
from skprune.inspection import (
    ParetoDisplay,
    PruningPathDisplay,
    ReportDisplay,
    compare,
    report,
    report_of,
)
from skprune.linear_model import LinearPruner
from skprune.model_selection import (
    NonInferior,
    OneStandardError,
    PruningSearchCV,
    WithinBudget,
    WithinTolerance,
    make_pruner,
    make_search,
)
from skprune.neural_network import MLPPruner, densify
from skprune.quantization import Quantizer
from skprune.sample import SamplePruner
from skprune.size import ModelSize, model_size, size_scorer
from skprune.svm import SVMPruner
from skprune.tree import TreePruner

__version__ = "0.1.0.dev0"

__all__ = [
    "AgreementMonitor",
    "CorrelationPruner",
    "Distiller",
    "EnsemblePruner",
    "InformationPruner",
    "LinearPruner",
    "MLPPruner",
    "ModelSize",
    "NonInferior",
    "OneStandardError",
    "ParetoDisplay",
    "PermutationPruner",
    "PruningPath",
    "PruningPathDisplay",
    "PruningSearchCV",
    "Quantizer",
    "RandomPruner",
    "ReliefPruner",
    "ReportDisplay",
    "RulePruner",
    "SVMPruner",
    "SamplePruner",
    "ShadowPruner",
    "TreePruner",
    "WithinBudget",
    "WithinTolerance",
    "compare",
    "densify",
    "dump",
    "load",
    "make_pruner",
    "make_search",
    "model_size",
    "report",
    "report_of",
    "size_scorer",
    "strip",
    "to_onnx",
]
