"""The training samples that are ranked: their targets, weights and strata."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils import check_array, indexable

from skprune._compat import check_sample_weight, rows_of, rows_of_params
from skprune.arrays.labels import encode_labels
from skprune.base._targets import as_numbers
from skprune.exceptions import InputError

# Strata of a continuous target: so many quantile groups of equally many samples.
N_QUANTILE_GROUPS = 10


class TrainingSamples(NamedTuple):
    """Training samples that may be removed.

    Attributes
    ----------
    X, y : array-like
        The samples and their targets, as given.
    sample_weight : array-like of shape (n_samples,) or None
        Weights, as given.
    params : dict
        What the `fit` of the model takes beside these, the weights included.
    weight : ndarray of shape (n_samples,)
        Weights, 1 where none were given.
    classes : ndarray of shape (n_classes,) or None
        Labels; None for a continuous target.
    target : ndarray of shape (n_samples,)
        Class codes, or floats.
    stratum : ndarray of int, shape (n_samples,)
        Class codes, or tenths of the samples by their target.
    groups : array-like of shape (n_samples,) or None
        Groups for a splitter.
    """

    X: Any
    y: Any
    sample_weight: Any
    params: dict
    weight: Any
    classes: Any
    target: Any
    stratum: Any
    groups: Any = None

    def fit(self, model, kept=None, weight=None):
        """Fit a clone of a model on some of the samples.

        Parameters
        ----------
        model : estimator
            Fitted or not; never changed.
        kept : ndarray of bool, shape (n_samples,), default=None
            Samples to fit on; all if None.
        weight : ndarray of shape (n_kept,), default=None
            Their weights; those that were given if None.

        Returns
        -------
        estimator
            The fitted clone.
        """
        kept = np.arange(len(self.target)) if kept is None else np.flatnonzero(kept)
        params = rows_of_params(self.X, self.params, kept)
        if weight is not None:
            params["sample_weight"] = weight
        return clone(model).fit(rows_of(self.X, kept), rows_of(self.y, kept), **params)


def training_samples(model, X, y, sample_weight, params, groups=None):
    """Read samples in the terms of a classifier or a regressor that may not be fitted.

    Parameters
    ----------
    model : estimator
        A classifier or a regressor.
    X, y, sample_weight : array-like
        The samples; one target per sample.
    params : dict
        Parameters of its `fit`.
    groups : array-like of shape (n_samples,), default=None
        Groups for a splitter.

    Returns
    -------
    TrainingSamples
        The samples, by reference.

    Raises
    ------
    ValueError
        If a weight is negative: such a sample would be removed first, whatever its score.
    InputError
        If labels are of types that do not compare, or `y` lacks a class that a fitted classifier
        knows.
    """
    X, y = indexable(X, y)
    values, classes = np.asarray(y), None
    like = np.empty((len(values), 1))
    weight = check_sample_weight(sample_weight, like, dtype=np.float64, ensure_non_negative=True)
    if is_classifier(model):
        check_array(values, ensure_2d=False, dtype=None, input_name="y")  # a frozen model did not
        classes, values = _classes_of(values)
        known = getattr(model, "classes_", classes)
        if len(lost := known[encode_labels(classes, known) < 0]):
            msg = (
                f"y has no samples of the classes {lost.tolist()}, which the given model knows. "
                "Give samples of all of its classes, as the model is fitted to them again."
            )
            raise InputError(msg)
        stratum = values
    else:
        values = as_numbers(values)
        stratum = np.empty(len(values), dtype=np.intp)
        place = np.arange(len(values))
        stratum[values.argsort(kind="stable")] = place * N_QUANTILE_GROUPS // len(values)
    return TrainingSamples(X, y, sample_weight, params, weight, classes, values, stratum, groups)


def _classes_of(labels):
    """Return the classes, sorted, and the class of each sample."""
    try:
        return np.unique(labels, return_inverse=True)
    except TypeError as error:
        kinds = sorted({type(label).__name__ for label in labels.ravel().tolist()})
        msg = f"y has labels of {len(kinds)} types: {', '.join(kinds)}. Give labels of one type."
        raise InputError(msg) from error
