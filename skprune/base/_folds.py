"""Folds: those of a splitter, and a division in which each sample is held out once."""

import numpy as np
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import get_routing_for_object

from skprune.exceptions import InputError


def splits_of(cv, X, y, *, classifier, **params):
    """Return the folds of a splitter: some, and as many as it announces.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        As in `GridSearchCV`.
    X, y : array-like
        Samples and targets.
    classifier : bool
        Whether the folds are stratified, where `cv` leaves it open.
    **params : dict
        Passed to the splitter, such as `groups`; None is as good as left out.

    Returns
    -------
    list of tuple of ndarray
        Indices of training and test samples.

    Raises
    ------
    InputError
        If there is no fold, or another number of them than is announced, or the splitter needs
        groups and there are none.
    """
    params = {name: value for name, value in params.items() if value is not None}
    splitter = check_cv(cv, y, classifier=classifier)
    try:
        n_announced = splitter.get_n_splits(X, y, **params)
        splits = list(splitter.split(X, y, **params))
    except ValueError as error:
        if "groups" in params or not divides_by_groups(cv):
            raise
        msg = (
            f"cv={cv!r} divides the samples by their groups, but no groups were given: {error} "
            "Pass groups to fit, one for each sample."
        )
        raise InputError(msg) from error
    if not splits:
        msg = (
            f"No fits were performed: cv={cv!r} yields no fold. Was the CV iterator empty? Give "
            "a number of folds, or a splitter that yields some."
        )
        raise InputError(msg)
    if len(splits) != n_announced:
        msg = (
            f"cv.split and cv.get_n_splits return inconsistent results for cv={cv!r}. Expected "
            f"{n_announced} splits, got {len(splits)}. Mend the splitter, or give "
            "list(cv.split(X, y))."
        )
        raise InputError(msg)
    return splits


def divides_by_groups(cv):
    """Whether the `split` of a splitter requests groups, as `GroupKFold` does."""
    return bool(get_routing_for_object(cv).consumes("split", ["groups"]))


def request_groups(request, cv):
    """Request groups for `fit` where a splitter divides by them, unless the user decides otherwise.

    Parameters
    ----------
    request : MetadataRequest
        The request of a consumer whose `fit` takes `groups`; changed in place.
    cv : object
        What was given for the folds.

    Returns
    -------
    MetadataRequest
        The same.
    """
    if divides_by_groups(cv) and request.fit.requests.get("groups") is None:
        request.fit.add_request(param="groups", alias=True)
    return request


def fold_of_each(splits, n_samples, cv):
    """Return the fold in which each sample is held out.

    Parameters
    ----------
    splits : list of tuple of ndarray
        Indices of training and test samples.
    n_samples : int
        Number of samples.
    cv : object
        What was given for the folds; for messages.

    Returns
    -------
    ndarray of int, shape (n_samples,)
        Folds, from 0.

    Raises
    ------
    InputError
        If a sample is not held out exactly once.
    """
    fold, times = np.zeros(n_samples, dtype=int), np.zeros(n_samples, dtype=int)
    for k, (_, held) in enumerate(splits):
        fold[held] = k
        times[np.arange(n_samples)[held]] += 1
    if (times != 1).any():
        msg = (
            f"cv={cv!r} holds some samples out {times[times != 1][0]} times. Each sample is to be "
            "held out once: give a number of folds, or a splitter such as KFold."
        )
        raise InputError(msg)
    return fold


def check_training_weights(fold, weight, cv):
    """Refuse folds outside of which no sample has a weight.

    Parameters
    ----------
    fold : ndarray of int, shape (n_samples,)
        The fold in which each sample is held out.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    cv : object
        What was given for the folds; for messages.

    Raises
    ------
    InputError
        If all samples of positive weight are in one fold: there would be no training samples.
    """
    weighty = np.unique(fold[weight > 0])
    if len(weighty) == 1:
        msg = (
            f"sample_weight is zero for all training samples of fold {weighty[0]} of cv={cv!r} "
            "(counted from 0): no model can be fitted without it. Shuffle the folds, or leave out "
            "the samples of weight zero."
        )
        raise InputError(msg)
