"""Votes and predictions of members on the validation samples."""

import numpy as np

from skprune.base._rows import out_of_bag_mask
from skprune.base._targets import samples_missing, targets_for_model


def read_votes(members, rows, criterion):
    """Collect the votes of all members, and the targets that they are compared with.

    Parameters
    ----------
    members : Members
        Reader of the whole ensemble.
    rows : ValidationData
        The validation samples.
    criterion : str
        What needs them, for errors.

    Returns
    -------
    votes : ndarray of shape (n_members, n_targets, n_values)
        Predictions. Each output of a classifier is a target of its own, each sample of a
        regressor is one.
    y : ndarray of shape (n_targets,) or (n_targets, n_outputs)
        Class codes, or floats.
    weight : ndarray of shape (n_targets,)
        Positive weights.
    mask : ndarray of bool, shape (n_members, n_targets), or None
        Which targets evaluate which member; None if all do.

    Raises
    ------
    InputError
        If the targets do not suit the model, or none is left to evaluate a member on.
    """
    y, known, weight = targets_for_model(
        members.model,
        rows.X,
        rows.y,
        rows.sample_weight,
        f"criterion={criterion!r}",
        n_outputs=members.n_outputs if members.knows_outputs else None,
    )
    n_samples, n_outputs = y.shape
    votes = members.votes(rows.X)
    mask = out_of_bag_mask(members.in_bag(), n_samples) if rows.out_of_bag else None
    if members.is_classifier:
        y = y.ravel()
        votes = votes.reshape(len(votes), len(y), -1)
        weight = weight.repeat(n_outputs)
        mask = None if mask is None else mask.repeat(n_outputs, axis=1)
        known = known.ravel()
    else:
        known = known.all(axis=1)
    used = known & (weight > 0)
    if not used.any() or (mask is not None and not mask[:, used].any()):
        raise samples_missing(n_samples, labels=members.is_classifier, out_of_bag=rows.out_of_bag)
    mask = None if mask is None else mask[:, used]
    return votes[:, used], y[used], weight[used], mask


def standardize_votes(votes, y, weight, *, classifies):
    """Center votes and targets on the mean target, and scale regression to unit variance."""
    target = np.eye(votes.shape[2])[y] if classifies else y
    center = np.average(target, axis=0, weights=weight)
    scale = np.ones_like(center)
    if not classifies:
        spread = np.sqrt(np.average((target - center) ** 2, axis=0, weights=weight))
        scale = np.where(spread > 0, spread, 1.0)
    return (votes - center) / scale, (target - center) / scale
