"""Leave out of fitted pipelines what no later step reads.

Each kind of predictor and of transformer has one function in `READERS` or `STEPS`, found by the
name of its class. Subclasses are not known: they may read more than their base class. What is not
known reads all of its features and returns all of them.
"""

import copy

import numpy as np
from sklearn.base import MetaEstimatorMixin
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from skprune.surgery import narrowed_readers as readers
from skprune.surgery import narrowed_steps as steps
from skprune.surgery._registry import SURGEONS, class_name
from skprune.surgery.narrowed import Narrowed
from skprune.surgery.narrowed_columns import narrow_columns
from skprune.surgery.narrowed_pipelines import narrow_pipeline
from skprune.surgery.selections import is_passthrough, n_outputs, selected_columns

TREES = "DecisionTree* ExtraTree* RandomForest* ExtraTrees* GradientBoosting* AdaBoost*"
# Discriminant analysis projects by other arrays too.
LINEAR = " ".join(
    name.partition(".")[2]
    for name, entry in SURGEONS.items()
    if entry.family == "linear" and "Discriminant" not in name
)


def _table(*lines):
    """Return functions by the names of classes; "*" is both "Classifier" and "Regressor"."""
    return {
        f"sklearn.{name.rstrip('*')}{end}": function
        for function, names in lines
        for name in names.split()
        for end in (("Classifier", "Regressor") if name.endswith("*") else ("",))
    }


READERS = _table(
    (readers.of_trees, TREES),
    (readers.of_bagged_trees, "Bagging*"),
    (readers.of_histograms, "HistGradientBoosting*"),
    (readers.of_linear, LINEAR),
)
STEPS = _table(
    (steps.of_columns, "StandardScaler MinMaxScaler MaxAbsScaler RobustScaler"),
    (steps.of_imputer, "SimpleImputer"),
    (steps.of_ordinal, "OrdinalEncoder"),
    (steps.of_one_hot, "OneHotEncoder"),
    (steps.of_polynomials, "PolynomialFeatures"),
    (steps.of_words, "CountVectorizer TfidfVectorizer"),
    (steps.of_frequencies, "TfidfTransformer"),
)
# Estimators that pass their samples to one fitted model inside, and its name.
AROUND = {
    "sklearn.FrozenEstimator": "estimator",
    "sklearn.TransformedTargetRegressor": "regressor_",
    "sklearn.TunedThresholdClassifierCV": "estimator_",
    "sklearn.FixedThresholdClassifier": "estimator_",
}


class Narrowing:
    """Narrows fitted estimators, and collects what could not be left out.

    Attributes
    ----------
    complaints : list of str
        Why some steps remain as they are, although not all of what they return is read.
    widths : dict of int to int
        How many features estimators return, by their ids, where a step that takes them shows it.
    """

    def __init__(self):
        self.complaints = []
        self.widths = {}

    def of(self, model, read, sparse):
        """Narrow a fitted estimator.

        Parameters
        ----------
        model : fitted estimator
            A predictor or a transformer; it is not changed.
        read : ndarray of int or None
            Those of its output features that are read; None for a predictor. A selection has
            no model of its own: whoever passes samples to it may select before.
        sparse : bool or None
            Whether its samples are sparse; None if that is not known.

        Returns
        -------
        Narrowed
            It returns at least what is read.
        """
        if is_passthrough(model):
            return Narrowed(model, read, read)
        selected = None if read is None else selected_columns(model)
        if selected is not None:
            return Narrowed(None, selected[read], read)
        if type(model) is ColumnTransformer:
            return narrow_columns(model, read, self)
        if isinstance(model, Pipeline):
            return narrow_pipeline(model, read, sparse, self)
        return self._of_class(model, read, sparse, class_name(type(model)))

    def _of_class(self, model, read, sparse, name):
        """Narrow an estimator by the functions for its class."""
        if name in AROUND:
            return self._around(model, AROUND[name], read, sparse)
        if read is None:
            found = READERS[name](model, sparse) if name in READERS else self._unknown(model)
        elif name in STEPS:
            found = STEPS[name](model, read, sparse)
        else:
            found = "it is not known which features each of its own depends on"
        if isinstance(found, str):
            return self.whole(model, read, found)
        return found

    def whole(self, model, read, reason):
        """Return an estimator as it is; complain if not all that it returns is read."""
        outputs = None
        if read is not None:
            outputs = np.arange(self.widths.get(id(model)) or n_outputs(model))
            if len(read) == len(outputs):
                reason = ""
            elif reason:
                unread = f"{len(outputs) - len(read)} of {len(outputs)} features are not read"
                reason = f"{unread}, but {reason}"
        if reason:
            self.complaints.append(f"{type(model).__name__}: {reason}")
        n_features = getattr(model, "n_features_in_", None)
        return Narrowed(model, None if n_features is None else np.arange(n_features), outputs)

    def _unknown(self, model):
        if isinstance(model, MetaEstimatorMixin) or hasattr(model, "estimators_"):
            return "it is not known which features it reads"
        return self.whole(model, None, "")

    def _around(self, model, attribute, read, sparse):
        part = self.of(getattr(model, attribute), read, sparse)
        if part.model is None:  # a selection
            return self.whole(model, read, "it holds a selection")
        twin = copy.copy(model)
        setattr(twin, attribute, part.model)
        for name in ("n_features_in_", "feature_names_in_"):
            if name in vars(model):
                setattr(twin, name, getattr(part.model, name))
        return part._replace(model=twin)
