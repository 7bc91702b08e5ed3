"""The types that a file may hold: a fixed list, which no file adds to.

An estimator of scikit-learn is on the list if fitted attributes that lie lead to no more than an
error of Python, or if they are checked after loading. Those whose compiled code trusts them
(nearest neighbours, clusters, dictionaries and topics) are not.
"""

from functools import cache
from inspect import isfunction

import numpy as np
import scipy.special
import sklearn.feature_selection
import sklearn.metrics
from sklearn.utils import all_estimators, check_array

# Packages of scikit-learn whose estimators are trusted, and the exceptions.
PACKAGES = frozenset(
    [
        "calibration",
        "compose",
        "decomposition",
        "discriminant_analysis",
        "dummy",
        "ensemble",
        "feature_extraction",
        "feature_selection",
        "frozen",
        "impute",
        "isotonic",
        "kernel_approximation",
        "linear_model",
        "model_selection",
        "multiclass",
        "multioutput",
        "naive_bayes",
        "neural_network",
        "pipeline",
        "preprocessing",
        "random_projection",
        "svm",
        "tree",
    ]
)
UNCHECKED = frozenset(
    [
        "LatentDirichletAllocation",
        "DictionaryLearning",
        "MiniBatchDictionaryLearning",
        "SparseCoder",
    ]
)
# What to do with types that are not trusted, by their package.
ADVICE = {
    "": "Strip the object of it, or store it by other means.",
    "xgboost": (
        "Store the model by the format of xgboost: strip(fitted).save_model(path), which "
        "load_model reads."
    ),
    "lightgbm": (
        "Store the model by the format of lightgbm: strip(fitted).booster_.save_model(path), "
        "which lightgbm.Booster(model_file=path) reads."
    ),
}
# Parts of fitted estimators of scikit-learn.
PARTS = frozenset(
    [
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.AbsoluteError",
        "sklearn._loss.loss.ExponentialLoss",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfGammaLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfPoissonLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss.loss.HuberLoss",
        "sklearn._loss.loss.PinballLoss",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.compose._column_transformer._RemainderColsList",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.feature_extraction.text._VectorizerMixin",
        "sklearn.metrics._scorer._MultimetricScorer",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.metrics._scorer._Scorer",
        "sklearn.model_selection._split.GroupKFold",
        "sklearn.model_selection._split.GroupShuffleSplit",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.LeaveOneGroupOut",
        "sklearn.model_selection._split.LeaveOneOut",
        "sklearn.model_selection._split.PredefinedSplit",
        "sklearn.model_selection._split.RepeatedKFold",
        "sklearn.model_selection._split.RepeatedStratifiedKFold",
        "sklearn.model_selection._split.ShuffleSplit",
        "sklearn.model_selection._split.StratifiedGroupKFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.model_selection._split.StratifiedShuffleSplit",
        "sklearn.model_selection._split.TimeSeriesSplit",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
    ]
)
# What skprune returns, and its parts.
OURS = frozenset(
    [
        "skprune.distillation._distiller.Distiller",
        "skprune.ensemble._pruner.EnsemblePruner",
        "skprune.feature_selection._correlation.CorrelationPruner",
        "skprune.feature_selection._information.InformationPruner",
        "skprune.feature_selection._permutation.PermutationPruner",
        "skprune.feature_selection._random.RandomPruner",
        "skprune.feature_selection._relief.ReliefPruner",
        "skprune.feature_selection._rules.RulePruner",
        "skprune.feature_selection._shadow.ShadowPruner",
        "skprune.linear_model._pruner.LinearPruner",
        "skprune.model_selection._budget.WithinBudget",
        "skprune.model_selection._non_inferior.NonInferior",
        "skprune.model_selection._rules.OneStandardError",
        "skprune.model_selection._rules.WithinTolerance",
        "skprune.model_selection._search.PruningSearchCV",
        "skprune.neural_network._pruner.MLPPruner",
        "skprune.quantization._quantizer.Quantizer",
        "skprune.sample._pruner.SamplePruner",
        "skprune.surgery.coded.CodedArrays",
        "skprune.surgery.coded.WholeModel",
        "skprune.surgery.coded_skeletons.EmbeddedSkeleton",
        "skprune.surgery.coded_skeletons.TreeModelSkeleton",
        "skprune.surgery.coded_trees.CodedTrees",
        "skprune.svm._pruner.SVMPruner",
        "skprune.tree._pruner.TreePruner",
    ]
)
# Named tuples of skprune.
TUPLES = frozenset(
    [
        "builtins.tuple",
        "skprune.base._compact.ColumnTable",
        "skprune.base._compact.PackedMask",
        "skprune.base._compact.RoundedArray",
        "skprune.arrays.packing.PackedIntegers",
        "skprune.arrays.packing.QuantizedArray",
        "skprune.criteria.column_statistics.State",
        "skprune.criteria.forward_selection.FCBFResult",
        "skprune.feature_selection._redundancy_path.Reduction",
        "skprune.surgery.coded.CodedArray",
        "skprune.surgery.coded_skeletons.Distinct",
        "skprune.surgery.coded_statistics.Compressed",
        "skprune.surgery.coded_statistics.NodeStatistics",
        "skprune.surgery.coded_trees.Leaves",
        "skprune.surgery.coded_trees.Structure",
        "skprune.surgery.coded_trees.Thresholds",
    ]
)
STAND_INS = frozenset(
    f"{__package__}._stored.{name}" for name in ("StoredDict", "StoredFrame", "StoredSpline")
)
DICTS = frozenset({"builtins.dict", "sklearn.utils._bunch.Bunch"})
PRIMITIVES = frozenset(f"builtins.{kind.__name__}" for kind in (bool, int, float, str, type(None)))
SCALARS = frozenset(
    f"numpy.{kind.__name__}"
    for kind in {*np.sctypeDict.values()}
    if issubclass(kind, np.number | np.bool_ | np.str_)
)
SPARSE = frozenset(
    f"scipy.sparse._{layout}.{layout}_{kind}"
    for layout in ("bsr", "coo", "csc", "csr")
    for kind in ("array", "matrix")
)
LOSSES = frozenset(
    f"sklearn._loss._loss.Cy{name}"
    for name in [
        "AbsoluteError",
        "ExponentialLoss",
        "HalfBinomialLoss",
        "HalfGammaLoss",
        "HalfMultinomialLoss",
        "HalfPoissonLoss",
        "HalfSquaredError",
        "HalfTweedieLoss",
        "HalfTweedieLossIdentity",
        "HuberLoss",
        "PinballLoss",
    ]
) | {
    f"sklearn.linear_model._sgd_fast.{name}"
    for name in (
        [
            "EpsilonInsensitive",
            "Hinge",
            "ModifiedHuber",
            "SquaredEpsilonInsensitive",
            "SquaredHinge",
        ]
    )
}
# Modules in which skops finds the ufuncs of a module.
UFUNCS = {
    np: ("numpy", "numpy._core._multiarray_umath"),
    scipy.special: tuple(
        f"scipy.special{inner}" for inner in ("", "._ufuncs", "._special_ufuncs", "._ufuncs_cxx")
    ),
}
TREE = "sklearn.tree._tree.Tree"
RANDOM_STATE, GENERATOR = "numpy.random.mtrand.RandomState", "numpy.random._generator.Generator"


@cache
def estimators():
    """Return the names of the trusted estimators and their parts; frozenset of str."""
    found = {f"{kind.__module__}.{kind.__qualname__}" for _, kind in all_estimators()}
    trusted = {
        name
        for name in found
        if name.split(".")[0] == "sklearn"
        and name.split(".")[1] in PACKAGES
        and name.rpartition(".")[2] not in UNCHECKED
    }
    return frozenset(trusted) | PARTS | OURS


@cache
def functions():
    """Return the names of the trusted functions: metrics, scores of features, ufuncs, checks."""
    # Histogram boosting of categories checks its input by a step of its own.
    found = {f"{check_array.__module__}.{check_array.__name__}"}
    for module in (sklearn.metrics, sklearn.feature_selection):
        public = (getattr(module, name) for name in module.__all__)
        found |= {f"{each.__module__}.{each.__name__}" for each in public if isfunction(each)}
    for module in (np, scipy.special):
        names = (name for name in dir(module) if isinstance(getattr(module, name), np.ufunc))
        found |= {f"{home}.{name}" for name in names for home in UFUNCS[module]}
    return frozenset(found)
