"""The rows that a model is fitted on, as what is ranked: their targets, weights and strata."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils import check_array, column_or_1d, indexable

from skprune._compat import check_sample_weight, rows_of, rows_of_params
from skprune.exceptions import InputError

# A quantity is divided into so many parts of as many rows.
N_PARTS = 10


class SampleRows(NamedTuple):
    """Rows that may go.

    Attributes
    ----------
    X, y : array-like
        The rows and their targets, as they were given.
    sample_weight : array-like of shape (n_rows,) or None
        Weights, as they were given.
    params : dict
        What the `fit` of the model takes beside these, the weights among them.
    weight : ndarray of shape (n_rows,)
        Weights, 1 where none were given.
    classes : ndarray of shape (n_classes,) or None
        Labels; None for a quantity.
    target : ndarray of shape (n_rows,)
        Codes of the classes, or numbers.
    stratum : ndarray of int, shape (n_rows,)
        Codes of the classes, or tenths of the rows by their target.
    """

    X: Any
    y: Any
    sample_weight: Any
    params: dict
    weight: Any
    classes: Any
    target: Any
    stratum: Any

    def fit(self, model, kept=None, weight=None):
        """Fit a clone of a model on some of the rows.

        Parameters
        ----------
        model : estimator
            Fitted or not; never changed.
        kept : ndarray of bool, shape (n_rows,), default=None
            Rows to fit on; all if None.
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


def one_target(y):
    """Return a target of one value per row; a column is warned of, as everywhere.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, 1)
        Targets.

    Returns
    -------
    array-like of shape (n_rows,)
        As given, if it is of this shape.

    Raises
    ------
    InputError
        If there is no target, or several per row.
    """
    if y is None:
        msg = "Rows are ranked by their targets: requires y to be passed, but the target y is None."
        raise InputError(msg)
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] > 1:
        msg = (
            f"y has {values.shape[1]} columns, but rows are ranked by one target. Prune the rows "
            "of each target by itself."
        )
        raise InputError(msg)
    return y if values.ndim == 1 else column_or_1d(y, warn=True)


def read_rows(model, X, y, sample_weight, params):
    """Read rows as the targets of a model say.

    Parameters
    ----------
    model : estimator
        A classifier or a regressor.
    X, y, sample_weight : array-like
        The rows; one target per row.
    params : dict
        Parameters of its `fit`.

    Returns
    -------
    SampleRows
        The rows, by reference.

    Raises
    ------
    ValueError
        If a weight is negative: such a row would go first, whatever it says.
    """
    X, y = indexable(X, y)
    values, classes = np.asarray(y), None
    like = np.empty((len(values), 1))
    weight = check_sample_weight(sample_weight, like, dtype=np.float64, ensure_non_negative=True)
    if is_classifier(model):
        classes, values = np.unique(values, return_inverse=True)
        stratum = values
    else:
        values = check_array(values, ensure_2d=False, dtype=np.float64, input_name="y")
        stratum = np.empty(len(values), dtype=np.intp)
        stratum[values.argsort(kind="stable")] = np.arange(len(values)) * N_PARTS // len(values)
    return SampleRows(X, y, sample_weight, params, weight, classes, values, stratum)
