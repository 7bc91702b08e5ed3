"""What is left of a fitted estimator when some features are not passed on any more."""

import copy
from typing import Any, NamedTuple

import numpy as np


class Narrowed(NamedTuple):
    """An estimator that takes fewer features, or returns fewer.

    Attributes
    ----------
    model : estimator
        A fitted copy, or the estimator itself if it is not changed.
    inputs : ndarray of int or None
        The features that it takes, as indices of those that it took, in order; None if it takes
        no table, but text.
    outputs : ndarray of int or None
        Likewise the features that it returns; None for a predictor.
    """

    model: Any
    inputs: Any
    outputs: Any


def at_least_one(columns):
    """Return the indices that are not negative, of leaves; the first feature if there are none."""
    columns = columns[columns >= 0]
    return columns if len(columns) else np.zeros(1, dtype=int)


def with_inputs(model, inputs):
    """Return a shallow copy whose number and names of features are those of some features."""
    twin = copy.copy(model)
    if hasattr(model, "n_features_in_"):
        twin.n_features_in_ = len(inputs)
    if hasattr(model, "feature_names_in_"):
        twin.feature_names_in_ = model.feature_names_in_[inputs]
    return twin
