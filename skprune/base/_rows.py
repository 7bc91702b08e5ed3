"""Data that a criterion may look at, and hold-out splits."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from skprune._compat import n_rows_of
from skprune.exceptions import InputError, PruningWarning

# Larger values have squares whose sum over the samples is not finite.
MAX_VALUE = 1e100


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


def check_weights_fit(X, weights):
    """Refuse sample weights that are not one number per sample, finite and not negative.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples.
    weights : dict of str to array-like of shape (n_samples,) or None
        Weights, by the name of the parameter.

    Raises
    ------
    InputError
        If there are more or fewer weights than samples, they are not in one dimension, or one
        is no number, infinite, missing or negative.
    """
    for name, weight in weights.items():
        if weight is None:
            continue
        shape = np.asarray(weight).shape
        if shape != (n_rows_of(X),):
            msg = (
                f"{name} has shape {shape}, but X has {n_rows_of(X)} samples. Give one weight "
                "for each sample."
            )
            raise InputError(msg)
        if fault := _fault_of_weights(weight):
            msg = (
                f"{name} holds {fault}. Allowed are finite numbers of at least 0. Leave the "
                "samples out, or give them a weight of 0, which does the same."
            )
            raise InputError(msg)


def _fault_of_weights(weight):
    """Return what is wrong with the values of weights; empty if nothing is."""
    try:
        values = np.asarray(weight, dtype=np.float64)
    except (TypeError, ValueError):
        return "a value that is no number"
    if not np.isfinite(values).all():
        return "NaN or infinity"
    if (values > MAX_VALUE).any():
        return f"values beyond {MAX_VALUE:.0e}, whose squares are not finite"
    return "negative values, which no criterion can take" if (values < 0).any() else ""


def refuse_huge(values, name="X"):
    """Refuse samples or targets that a criterion cannot square.

    Parameters
    ----------
    values : ndarray or sparse matrix
        Finite numbers.
    name : {"X", "y"}, default="X"
        What they are.

    Raises
    ------
    InputError
        If a value is so large that sums of squares are not finite.
    """
    if max(values.max(), -values.min()) > MAX_VALUE:
        msg = (
            f"{name} has values beyond {MAX_VALUE:.0e}, whose sum of squares is not finite. Scale "
            f"the {'target' if name == 'y' else 'features'}."
        )
        raise InputError(msg)


def folds_that_weigh(splits, train_weights, test_weights, *, cv, stacklevel):
    """Return the folds with samples of positive weight, both to train and to test.

    Parameters
    ----------
    splits : list of tuple of ndarray
        Indices of training and test samples.
    train_weights, test_weights : list of array-like of shape (n_samples,)
        The weights that are given where samples are fitted to, and where they are predicted.
    cv : object
        What was given for the folds; for messages.
    stacklevel : int
        As of `warnings.warn`; a `PruningWarning` names the folds that are left out.

    Returns
    -------
    list of tuple of ndarray
        All folds, where there are no weights.

    Raises
    ------
    InputError
        If no fold is left.
    """
    parts = [[np.asarray(w) for w in part] for part in (train_weights, test_weights)]
    weightless = [
        number
        for number, split in enumerate(splits)
        if any(not w[rows].any() for rows, part in zip(split, parts, strict=True) for w in part)
    ]
    if not weightless:
        return splits
    found = f"sample_weight is zero for all training or all test samples of folds {weightless}"
    advice = "Shuffle the folds, or leave out the samples of weight zero."
    if len(weightless) == len(splits):
        msg = f"{found} of cv={cv!r} (counted from 0), and there are no others. {advice}"
        raise InputError(msg)
    warnings.warn(
        f"{found} of cv={cv!r} (counted from 0), which are left out. {advice}",
        PruningWarning,
        stacklevel=stacklevel + 1,
    )
    return [split for number, split in enumerate(splits) if number not in weightless]


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
        Whether targets are classes: each keeps a training sample, and their proportions are
        kept where they are large enough.
    seed : int, RandomState instance or None
        Source of the draw.
    copies : ndarray of int, shape (n_samples,), default=None
        Equal for samples that are copies of one, which are put into the same part; the
        proportions of classes are then not kept.

    Returns
    -------
    train, validation : ndarray of int
        Indices of samples.

    Raises
    ------
    InputError
        If one of the parts would be empty.
    """
    n_rows, targets = n_rows_of(X), np.asarray(y)
    # The fit of the model refuses a classifier's target that is continuous.
    continuous = targets.dtype.kind == "f" and (targets != np.floor(targets)).any()
    stratified = stratified and targets.shape[:1] == (n_rows,) and not continuous
    stratified = stratified and _are_ordered(targets)
    group = np.arange(n_rows)
    try:
        if copies is not None:
            _, first, group = np.unique(copies, return_index=True, return_inverse=True)
            held = train_test_split(first, test_size=share, random_state=seed)[1]
            is_held = np.isin(group, group[held])
            train, held = np.flatnonzero(~is_held), np.flatnonzero(is_held)
        elif stratified and targets.size == n_rows:
            train, held = _hold_out_by_class(targets.ravel(), share, seed)
        else:
            train, held = train_test_split(group, test_size=share, random_state=seed)
    except ValueError as error:
        raise _empty_part(share, n_rows, error) from error
    if stratified:
        train, held = _return_lost_classes(train, held, targets.reshape(n_rows, -1), group)
        if not len(held):
            raise _empty_part(share, n_rows, "each class has one training sample at least.")
    return train, held


def _are_ordered(targets):
    """Say whether labels can be compared; the fit of the model refuses those that cannot."""
    try:
        np.unique(targets)
    except TypeError:
        return False
    return True


def _empty_part(share, n_rows, reason):
    """Return the error of a split that has an empty part."""
    msg = (
        f"validation={share} of {n_rows} samples leaves an empty part: {reason} Give "
        "more samples, another fraction, or validation='train'."
    )
    return InputError(msg)


def _hold_out_by_class(targets, share, seed):
    """Split samples in proportion to their classes; classes of one sample are not held out."""
    _, code, counts = np.unique(targets, return_inverse=True, return_counts=True)
    n_held = int(np.ceil(share * len(targets)))
    is_lone = counts[code] == 1
    rest, lone = np.flatnonzero(~is_lone), np.flatnonzero(is_lone)
    if not len(rest):
        raise ValueError("each class has one sample.")
    if len(lone):
        warnings.warn(
            f"{len(lone)} of {len(counts)} classes have one sample each: the model is fitted to "
            "it, and no validation sample is of these classes.",
            PruningWarning,
            stacklevel=6,
        )
        n_held = min(n_held, max(1, len(rest) - 1))
    roomy = min(n_held, len(rest) - n_held) >= (counts > 1).sum()
    train, held = train_test_split(
        rest, test_size=n_held, stratify=targets[rest] if roomy else None, random_state=seed
    )
    return np.concatenate([train, lone]), held


def _return_lost_classes(train, held, targets, group):
    """Move a sample, with its copies, to the training samples for each class that has none."""
    for target in targets.T:
        for label in np.setdiff1d(target, target[train]):
            own = np.isin(group[held], group[held[target[held] == label][:1]])
            train, held = np.concatenate([train, held[own]]), held[~own]
    return train, held
