"""Targets in the terms of a fitted model, and the errors of targets that do not suit it."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from skprune._compat import check_sample_weight
from skprune.arrays.labels import encode_targets
from skprune.base._rows import refuse_huge
from skprune.exceptions import InputError


class ModelTargets(NamedTuple):
    """Targets and sample weights in the terms of a fitted model.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_outputs)
        Class codes, which are positions in `classes_`, -1 for labels that the model does not
        know; or floats.
    known : ndarray of bool, shape (n_samples, n_outputs)
        Which values are numbers or labels that the model knows.
    weight : ndarray of shape (n_samples,)
        Sample weights; 1 where none were given.
    """

    values: np.ndarray
    known: np.ndarray
    weight: np.ndarray


def targets_for_model(
    model, X, y, sample_weight, purpose, *, n_outputs=None, multilabel=False, non_negative=False
):
    """Read targets as the fit of a model reads them.

    Parameters
    ----------
    model : fitted classifier or regressor
        Its `classes_` encode the labels.
    X : array-like of shape (n_samples, n_features)
        The samples; only their number is read.
    y : array-like or sparse matrix of shape (n_samples,) or (n_samples, n_outputs)
        Their targets.
    sample_weight : array-like of shape (n_samples,) or None
        Their weights.
    purpose : str
        What needs the targets; begins the message if there are none.
    n_outputs : int, default=None
        Outputs of a model of numbers; None where it does not tell. A classifier has one per
        array of `classes_`.
    multilabel : bool, default=False
        Whether the targets of a classifier are 0 and 1, a column per label. They stay numbers.
    non_negative : bool, default=False
        Whether negative weights are refused.

    Returns
    -------
    ModelTargets
        Class codes of classifiers, floats otherwise.

    Raises
    ------
    InputError
        If there is no target, it has another number of outputs than the model, or the model
        knows none of the labels.
    """
    if y is None:
        raise targets_missing(purpose)
    table = y.toarray() if issparse(y) else np.asarray(y)
    check_consistent_length(X, table)
    table = table.reshape(len(table), -1)
    encodes = is_classifier(model) and not multilabel
    if encodes:
        n_outputs = len(model.classes_) if isinstance(model.classes_, list) else 1
    if n_outputs is not None and table.shape[1] != n_outputs:
        msg = (
            f"y has {table.shape[1]} outputs, but the model has {n_outputs}. Give the targets "
            "that the model is made for."
        )
        raise InputError(msg)
    if encodes:
        values = encode_targets(model.classes_, table)
        known = values >= 0
        if not known.any():
            raise labels_unknown(model, table)
    else:
        values = as_numbers(table)
        refuse_huge(values, "y")
        known = np.ones(values.shape, dtype=bool)
    weight = check_sample_weight(
        sample_weight, values, dtype=np.float64, ensure_non_negative=non_negative
    )
    return ModelTargets(values, known, weight)


def as_numbers(table):
    """Return targets of a regressor as floats.

    Parameters
    ----------
    table : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Targets.

    Returns
    -------
    ndarray of float64
        The same.

    Raises
    ------
    InputError
        If they hold text or other objects that are no numbers.
    """
    try:
        return check_array(table, ensure_2d=False, dtype=np.float64, input_name="y")
    except (TypeError, ValueError) as error:
        if table.dtype.kind not in "OSU":
            raise
        msg = (
            f"y holds values that are no numbers: {_first(table)}, but the model predicts numbers. "
            "Give it numbers, or prune a classifier."
        )
        raise InputError(msg) from error


def single_target(y, purpose):
    """Return a target of one value per sample; a column gives the usual warning.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, 1)
        Targets.
    purpose : str
        What needs them; begins the message if there are none.

    Returns
    -------
    array-like of shape (n_samples,)
        As given, if it is of this shape.

    Raises
    ------
    InputError
        If there is no target, or several per sample.
    """
    if y is None:
        raise targets_missing(purpose)
    values = y if issparse(y) else np.asarray(y)
    if values.ndim == 2 and values.shape[1] > 1:
        raise too_many_outputs(values.shape[1], purpose)
    return y if values.ndim == 1 else column_or_1d(y, warn=True)


# Errors, each with what was given, what is allowed and what to do.


def targets_missing(purpose):
    """Return the error of a fit without targets; `purpose` says what needs them."""
    # The words in the middle are those that scikit-learn's own checks look for.
    msg = f"{purpose} requires y to be passed, but the target y is None. Give fit the targets."
    return InputError(msg)


def too_many_outputs(n_outputs, purpose, advice="Prune for each output separately"):
    """Return the error of several outputs where `purpose` allows one only."""
    return InputError(f"y has {n_outputs} outputs, but {purpose} allows one only. {advice}.")


def samples_missing(n_samples, *, labels=False, out_of_bag=False):
    """Return the error of data of which no sample can be used.

    Parameters
    ----------
    n_samples : int
        Samples that were given.
    labels : bool, default=False
        Whether a sample needs a label that the model knows, beside a positive weight.
    out_of_bag : bool, default=False
        Whether it needs a member of the model that was not fitted on it.

    Returns
    -------
    InputError
        The error.
    """
    needs = ["a positive weight"]
    needs += ["a label that the model knows"] * labels
    needs += ["a tree or member that was not fitted on it"] * out_of_bag
    instead = ", or validation='train' or a fraction of the samples" if out_of_bag else ""
    msg = (
        f"None of the n_samples={n_samples} samples has {' and '.join(needs)}. Give other "
        f"data{instead}."
    )
    return InputError(msg)


def labels_unknown(model, labels):
    """Return the error of labels that a classifier was not fitted on.

    Parameters
    ----------
    model : fitted classifier
        The model.
    labels : ndarray
        Labels that it does not know.

    Returns
    -------
    InputError
        The error.
    """
    classes = model.classes_ if isinstance(model.classes_, list) else [model.classes_]
    known = ", ".join(str(_first(labels)) for labels in classes)
    msg = (
        f"y has labels that the model does not know: {_first(labels)}; it knows {known}. Leave "
        "their samples out, or fit the model on them."
    )
    return InputError(msg)


def _first(labels, n_shown=10):
    """Return the first distinct labels."""
    return list(dict.fromkeys(np.ravel(labels).tolist()))[:n_shown]
