"""The rows that choose: which rows a criterion may look at, and how they are held out."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from skprune._compat import n_rows_of
from skprune.exceptions import InputError


class ChoosingRows(NamedTuple):
    """The rows that a criterion may look at.

    Attributes
    ----------
    X, y : array-like
        The rows and their targets.
    sample_weight : ndarray of shape (n_rows,) or None
        Their weights.
    out_of_bag : bool
        Whether each member may look only at the rows that it was not grown on.
    grown_on : ChoosingRows or None
        The rows that the model was grown on, where these were held out from it.
    """

    X: Any
    y: Any
    sample_weight: Any
    out_of_bag: bool
    grown_on: Any = None


def rows_left_behind():
    """Return the error of a path without rows that is asked for a level that needs them.

    Returns
    -------
    InputError
        Rows are held by reference, in memory only: a pickle and a copy leave them behind.
    """
    msg = (
        "This path was pickled or copied, which leaves behind the rows that its levels are "
        "fitted on; only keep=1.0 can be cut. Cut before, fit the pruner again, or set its "
        "recovery=None."
    )
    return InputError(msg)


def out_of_bag_mask(in_bag, n_samples):
    """Return which samples each member of an ensemble was not fitted on.

    Parameters
    ----------
    in_bag : list of n_members ndarrays of int
        The samples that each member was fitted on.
    n_samples : int
        Number of samples.

    Returns
    -------
    ndarray of bool, shape (n_members, n_samples)
        False where the member was fitted on the sample.
    """
    mask = np.ones((len(in_bag), n_samples), dtype=bool)
    for member, samples in enumerate(in_bag):
        mask[member, samples] = False
    return mask


def hold_out(X, y, share, *, stratified, seed, copies=None):
    """Divide rows into those that grow a model and those that choose its level.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features)
        The rows.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Their targets.
    share : float
        Share of the rows that choose, in (0, 1).
    stratified : bool
        Whether to keep the shares of the classes, where there are rows enough.
    seed : int, RandomState instance or None
        Source of the draw.
    copies : ndarray of int, shape (n_rows,), default=None
        Equal for rows that are copies of one, which stay together; then nothing is stratified.

    Returns
    -------
    grow, choose : ndarray of int
        Indices of rows.

    Raises
    ------
    InputError
        If one of the parts would be empty.
    """
    if copies is not None:
        _, first, copies = np.unique(copies, return_index=True, return_inverse=True)
        _, choose = hold_out(first, first, share, stratified=False, seed=seed)
        held = np.isin(copies, choose)
        return np.flatnonzero(~held), np.flatnonzero(held)
    n_rows, targets = n_rows_of(X), np.asarray(y)
    stratify = None
    if stratified and targets.size == n_rows:
        classes, counts = np.unique(targets, return_counts=True)
        n_held = int(np.ceil(share * n_rows))
        roomy = min(n_held, n_rows - n_held) >= len(classes)
        stratify = targets.ravel() if counts.min() > 1 and roomy else None
    try:
        return train_test_split(
            np.arange(n_rows), test_size=share, stratify=stratify, random_state=seed
        )
    except ValueError as error:
        msg = (
            f"validation={share} of {n_rows} rows leaves an empty part: {error} Give "
            "more rows, another fraction, or validation='train'."
        )
        raise InputError(msg) from error


def fit_copies(model, X, y, copies, **params):
    """Fit a model to rows of which some are copies of one, and say so to a pruner in it.

    Parameters
    ----------
    model : estimator
        A pruner, a pipeline that ends in one, or any other, which is not told.
    X : array-like of shape (n_rows, n_features)
        The rows.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Their targets.
    copies : ndarray of int, shape (n_rows,), or None
        As in `hold_out`.
    **params : dict
        Passed to `fit`.

    Returns
    -------
    estimator
        The model, fitted.
    """
    pruner = model
    while isinstance(pruner, Pipeline):
        pruner = pruner.steps[-1][1]
    if copies is None or not hasattr(pruner, "row_copies"):
        return model.fit(X, y, **params)
    pruner.row_copies = copies
    try:
        return model.fit(X, y, **params)
    finally:
        del pruner.row_copies  # they say nothing of the next fit
