"""The size of fitted models: units, parameters, bytes."""

import math
from dataclasses import dataclass
from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skprune._compat import is_constant
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery import family_of, has_surgeon, surgeon_for, surgeon_type
from skprune.surgery.coded import CodedModel

__all__ = ["SIZES", "ModelSize", "model_size", "size_scorer"]

SIZES = ("units", "parameters", "bytes")


@dataclass(frozen=True)
class ModelSize:
    """The size of a fitted model.

    Parameters
    ----------
    units : int or float
        The units that the pruner of the model counts with `keep`, such as leaves for trees
        and their ensembles, or support vectors. NaN for several models of different kinds.
    parameters : int
        Number of values that predictions depend on: for trees the feature and the threshold
        of each split and the values of each leaf, for support vector machines the vectors,
        the dual coefficients and the offsets.
    bytes : int
        Bytes of the arrays that store the units: for trees the node records and the values.
        A pickle of the model is slightly larger. A tree that stands several times in a forest,
        as one object, is counted once.

    See Also
    --------
    model_size : Measures a model.

    Examples
    --------
    >>> from skprune import ModelSize
    >>> ModelSize(units=5, parameters=18, bytes=720).units
    5
    """

    units: int | float
    parameters: int
    bytes: int


def model_size(model: Any) -> ModelSize:
    """Measure the size of a fitted model.

    Parameters
    ----------
    model : fitted estimator
        A model of a supported class. For a pruner or a search the plain result is measured,
        for a quantizer the codes that it stores, for a pipeline the last step, for a
        `FrozenEstimator` or a `TransformedTargetRegressor` the model inside. A pipeline of a
        `RandomTreesEmbedding` and a `LogisticRegression` is a model of trees, whose leaves hold
        the coefficients. Of voting, stacking, chains, calibration, and one model per class or
        output, all models are measured together, without the calibrators.

    Returns
    -------
    ModelSize
        Its units, parameters and bytes. Units are NaN where models of several kinds are inside.

    Raises
    ------
    UnsupportedModelError
        If the class of the model is not supported.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    See Also
    --------
    size_scorer : The same as a scorer.
    compare : Tabulates sizes and scores of several models.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import model_size
    >>> tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    >>> model_size(tree.fit(*load_iris(return_X_y=True)))
    ModelSize(units=3, parameters=13, bytes=440)
    """
    if isinstance(model, CodedModel):
        return ModelSize(*map(int, model.size()))
    if has_surgeon(model):
        return ModelSize(*map(int, surgeon_for(model).size()))
    if (parts := _parts_of(model)) is not None:
        return _total(parts)
    inner = _inner(model)
    if inner is None:
        surgeon_type(model)  # an unknown model: its error lists the known ones
    return model_size(inner)


# Estimators whose fitted models are in `estimators_`, and perhaps one more behind these.
SEVERAL = (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    OneVsOneClassifier,
    OneVsRestClassifier,
    RegressorChain,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)


def _parts_of(model):
    """Return the fitted models of an estimator that holds several, or one as its regressor."""
    if isinstance(model, TransformedTargetRegressor):
        check_is_fitted(model)
        return [model.regressor_]
    if isinstance(model, CalibratedClassifierCV):
        check_is_fitted(model)
        return [each.estimator for each in model.calibrated_classifiers_]
    if not isinstance(model, SEVERAL):
        return None
    check_is_fitted(model)
    parts = [*model.estimators_, getattr(model, "final_estimator_", None)]
    # One class against a rest that is empty is predicted as a constant.
    return [part for part in parts if part is not None and not is_constant(part)]


def _total(parts):
    """Return the size of several models together; units of several kinds do not add up."""
    sizes = [model_size(part) for part in parts]
    kinds = {_kind(part) for part in parts}
    units = sum(size.units for size in sizes) if len(kinds) < 2 else math.nan
    return ModelSize(
        units, sum(size.parameters for size in sizes), sum(size.bytes for size in sizes)
    )


def _kind(model):
    """Return the family of the innermost model; the class of what is not one model."""
    try:
        found = plain_model(model)
    except UnsupportedModelError:
        return type(model)
    return type(found) if isinstance(found, CodedModel) else family_of(found)


def size_or_nan(model):
    """Return the size of a fitted model as a dict; of one that no surgeon knows NaN."""
    try:
        size = model_size(model)
    except UnsupportedModelError:
        return dict.fromkeys(SIZES, math.nan)
    return {name: getattr(size, name) for name in SIZES}


def plain_model(model):
    """Return the innermost model, which predicts, or the codes that represent it.

    Parameters
    ----------
    model : estimator
        A model of a supported class, or an estimator that contains one: see `model_size`.

    Returns
    -------
    estimator or CodedModel
        The innermost model.

    Raises
    ------
    UnsupportedModelError
        If its class is not supported.
    """
    if isinstance(model, CodedModel):
        return model
    inner = None if has_surgeon(model) else _inner(model)
    if inner is None:
        surgeon_type(model)  # an unknown model: its error lists the known ones
        return model
    return plain_model(inner)


def _inner(model):
    """Return the model inside a search, a pruner, a pipeline or a frozen model, or None."""
    if isinstance(model, FrozenEstimator):  # it delegates the attributes of its model
        return model.estimator
    if isinstance(model, Pipeline):
        return model.steps[-1][1]
    if isinstance(codes := getattr(model, "codes_", None), CodedModel):
        return codes
    found = _found(model)
    if found is None and hasattr(model, "estimator") and hasattr(model, "fit"):
        check_is_fitted(model)
    return found


def _found(model):
    """Return the model that a search or a pruner has fitted, or None."""
    for attribute in ("best_estimator_", "estimator_"):
        inner = getattr(model, attribute, None)
        # Ensembles have an `estimator_` too, the unfitted template of their members.
        if inner is not None and _is_fitted(inner):
            return inner
    return None


def plain_result(model):
    """Return the model that a search, a pruner or a distiller has fitted.

    Parameters
    ----------
    model : fitted estimator
        Any estimator.

    Returns
    -------
    estimator
        Its `best_estimator_` or fitted `estimator_`, recursively; else the model itself.
    """
    inner = _found(model)
    return model if inner is None else plain_result(inner)


def _is_fitted(model):
    try:
        check_is_fitted(model)
    except NotFittedError:
        return False
    return True


class size_scorer:  # noqa: N801 - it is used as a function, as make_scorer is
    """Make a scorer of the size of a model, for searches and reports that take scorers.

    Parameters
    ----------
    size : {"units", "parameters", "bytes"}, default="units"
        The size to measure; see `ModelSize`.

    See Also
    --------
    model_size : The sizes themselves.
    OneStandardError : Selects by such a score in the results of a plain `GridSearchCV`.

    Notes
    -----
    The score is the negated size, because greater scores are better.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import size_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> scorer = size_scorer("units")
    >>> scorer(DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, y), X, y)
    -3
    """

    def __init__(self, size: str = "units") -> None:
        if size not in SIZES:
            msg = f"size={size!r} is not known. Allowed are {', '.join(map(repr, SIZES))}."
            raise InputError(msg)
        self.size = size

    def __call__(
        self,
        estimator: Any,
        X: Any = None,  # noqa: ARG002 - as scorers are called
        y: Any = None,  # noqa: ARG002 - same
        sample_weight: Any = None,  # noqa: ARG002 - same
        **params: Any,  # noqa: ARG002 - same
    ) -> int | float:
        """Return the negated size of a fitted model.

        Parameters
        ----------
        estimator : fitted estimator
            The model.
        X : object, default=None
            Not used.
        y : object, default=None
            Not used.
        sample_weight : object, default=None
            Not used: the size does not depend on samples.
        **params : dict
            Not used.

        Returns
        -------
        int
            Minus the size.
        """
        return -getattr(model_size(estimator), self.size)

    def _accept_sample_weight(self):
        # Called by searches with several scorers when they are given weights.
        return True

    def __repr__(self) -> str:
        return f"size_scorer({self.size!r})"
