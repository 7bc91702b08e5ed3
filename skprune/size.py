"""What a fitted model stores: units, parameters, bytes."""

import math
from dataclasses import dataclass

from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skprune.exceptions import UnsupportedModelError
from skprune.surgery import has_surgeon, surgeon_for, surgeon_type
from skprune.surgery.coded import CodedModel

__all__ = ["SIZES", "ModelSize", "model_size", "size_scorer"]

SIZES = ("units", "parameters", "bytes")


@dataclass(frozen=True)
class ModelSize:
    """What a fitted model stores.

    Parameters
    ----------
    units : int
        What the model's pruner counts with `keep`: leaves for trees and their ensembles,
        support vectors.
    parameters : int
        Numbers that predictions depend on: for trees the column and the threshold of each
        split and the values of each leaf, for support vectors their own values, the dual
        coefficients and the offsets.
    bytes : int
        Bytes of the arrays that hold the units: for trees the node records and the
        values. A pickle holds these and a little more.

    See Also
    --------
    model_size : Measures a model.

    Examples
    --------
    >>> from skprune import ModelSize
    >>> ModelSize(units=5, parameters=18, bytes=720).units
    5
    """

    units: int
    parameters: int
    bytes: int


def model_size(model):
    """Count what a fitted model stores.

    Parameters
    ----------
    model : fitted estimator
        A model that a surgeon knows. Of a pruner and of a search the plain result is
        measured, of a quantizer the codes that it stores, of a pipeline the last step, of a
        `FrozenEstimator` what it holds.

    Returns
    -------
    ModelSize
        Its units, parameters and bytes.

    Raises
    ------
    UnsupportedModelError
        If no surgeon knows the model.
    sklearn.exceptions.NotFittedError
        If the model is not fitted.

    See Also
    --------
    size_scorer : The same as a scorer.
    compare : Sizes and scores of several models side by side.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import model_size
    >>> tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    >>> model_size(tree.fit(*load_iris(return_X_y=True)))
    ModelSize(units=3, parameters=13, bytes=440)
    """
    found = plain_model(model)
    reader = found if isinstance(found, CodedModel) else surgeon_for(found)
    return ModelSize(*map(int, reader.size()))


def size_or_nan(model):
    """Return the size of a fitted model as a dict; of one that no surgeon knows NaN."""
    try:
        size = model_size(model)
    except UnsupportedModelError:
        return dict.fromkeys(SIZES, math.nan)
    return {name: getattr(size, name) for name in SIZES}


def plain_model(model):
    """Return the model that does the predicting, or the codes that it is made of.

    Parameters
    ----------
    model : estimator
        A model that a surgeon knows, or what holds one: see `model_size`.

    Returns
    -------
    estimator or CodedModel
        The innermost model.

    Raises
    ------
    UnsupportedModelError
        If no surgeon knows it.
    """
    if isinstance(model, CodedModel):
        return model
    inner = None if has_surgeon(model) else _inner(model)
    if inner is None:
        surgeon_type(model)  # an unknown model: its error lists the known ones
        return model
    return plain_model(inner)


def _inner(model):
    """Return what a search, a pruner, a pipeline or a frozen model holds, or None."""
    if isinstance(model, FrozenEstimator):  # it passes the attributes of its model on
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
    """Return what a search or a pruner has fitted, or None."""
    for attribute in ("best_estimator_", "estimator_"):
        inner = getattr(model, attribute, None)
        # Ensembles have an `estimator_` too, the unfitted template of their members.
        if inner is not None and _is_fitted(inner):
            return inner
    return None


def plain_result(model):
    """Return the model that a search, a pruner or a teacher of models has found.

    Parameters
    ----------
    model : fitted estimator
        Any estimator.

    Returns
    -------
    estimator
        Its `best_estimator_` or fitted `estimator_`, and of that again; else the model itself.
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
    """Make a scorer of a size, for searches and reports that take scorers.

    Parameters
    ----------
    size : {"units", "parameters", "bytes"}, default="units"
        What to count; see `ModelSize`.

    See Also
    --------
    model_size : The sizes themselves.
    OneStandardError : Reads such a score in the results of a plain `GridSearchCV`.

    Notes
    -----
    The score is the negated size, since for a scorer greater is better.

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

    def __init__(self, size="units"):
        if size not in SIZES:
            msg = f"size={size!r} is not known. Allowed are {', '.join(map(repr, SIZES))}."
            raise ValueError(msg)
        self.size = size

    def __call__(self, estimator, X=None, y=None, sample_weight=None, **params):  # noqa: ARG002 - as scorers are called
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
            Not used: a size needs no weights, so there is nothing to warn of.
        **params : dict
            Not used.

        Returns
        -------
        int
            Minus the size.
        """
        return -getattr(model_size(estimator), self.size)

    def _accept_sample_weight(self):
        # Searches ask this of each of several scorers when they are given weights.
        return True

    def __repr__(self):
        return f"size_scorer({self.size!r})"
