"""Data that a criterion may look at, and hold-out splits."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from skprune._compat import n_rows_of
from skprune.exceptions import InputError


class ValidationData(NamedTuple):
    """Data that a criterion may look at.

    Attributes
    ----------
    X, y : array-like
        Samples and their targets.
    sample_weight : ndarray of shape (n_samples,) or None
        Their weights.
    out_of_bag : bool
        Whether each member may look only at the samples that it was not fitted to.
    grown_on : ValidationData or None
        The data that the model was fitted to, where these were held out from it.
    """

    X: Any
    y: Any
    sample_weight: Any
    out_of_bag: bool
    grown_on: Any = None


def rows_left_behind():
    """Return the error of a path that has lost the data that a level is fitted to.

    Returns
    -------
    InputError
        Paths hold data by reference, in memory only: pickles and copies leave them out.
    """
    msg = (
        "This path was pickled or copied, which leaves out the samples that its levels are "
        "fitted to; only keep=1.0 can be cut. Cut before, fit the pruner again, or set its "
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
    """Split samples into training and validation samples.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    share : float
        Share of the validation samples, in (0, 1).
    stratified : bool
        Whether to keep the proportions of the classes, where they are large enough.
    seed : int, RandomState instance or None
        Source of the draw.
    copies : ndarray of int, shape (n_samples,), default=None
        Equal for samples that are copies of one, which are put into the same part; the split
        is then not stratified.

    Returns
    -------
    train, validation : ndarray of int
        Indices of samples.

    Raises
    ------
    InputError
        If one of the parts would be empty.
    """
    if copies is not None:
        _, first, copies = np.unique(copies, return_index=True, return_inverse=True)
        _, held = hold_out(first, first, share, stratified=False, seed=seed)
        is_held = np.isin(copies, held)
        return np.flatnonzero(~is_held), np.flatnonzero(is_held)
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
            f"validation={share} of {n_rows} samples leaves an empty part: {error} Give "
            "more samples, another fraction, or validation='train'."
        )
        raise InputError(msg) from error
