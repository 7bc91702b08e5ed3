"""Votes and predictions of members on the rows of a criterion."""

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from skprune._compat import check_sample_weight
from skprune.exceptions import InputError


def read_votes(members, rows, criterion):
    """Return the votes, the targets (codes for classifiers), the weights, and who looks."""
    if rows.y is None:
        msg = f"criterion={criterion!r} was given, but fit got no y. Give fit the targets."
        raise InputError(msg)
    y = np.asarray(rows.y)
    check_consistent_length(rows.X, y)
    n_outputs = y.size // len(y)
    if n_outputs != members.n_outputs and members.knows_outputs:
        msg = (
            f"y has {n_outputs} outputs, but the model has {members.n_outputs}. Give the "
            "targets that the model was made for."
        )
        raise InputError(msg)
    votes = members.votes(rows.X)
    weight = check_sample_weight(rows.sample_weight, votes[0], dtype=float)
    looks = None
    if rows.out_of_bag:
        looks = np.ones(votes.shape[:2], dtype=bool)
        for member, seen in enumerate(members.in_bag()):
            looks[member, seen] = False
    if not members.is_classifier:
        y = check_array(y.reshape(len(y), -1), dtype=float, input_name="y")
        known = np.ones(len(y), dtype=bool)
    else:
        # Each target of a row is a vote of its own.
        y = members.encode(y)
        known = y >= 0
        votes = votes.reshape(len(votes), len(y), -1)
        weight = weight.repeat(n_outputs)
        looks = None if looks is None else looks.repeat(n_outputs, axis=1)
    known &= weight > 0
    if not known.any() or (looks is not None and not looks[:, known].any()):
        msg = (
            f"No row of n_samples={len(y)} is left to choose by: none has a positive weight, "
            "a target that the model knows, and a member that was not grown on it. Give "
            "other rows, validation='train' or a fraction of the rows."
        )
        raise InputError(msg)
    looks = None if looks is None else looks[:, known]
    return votes[:, known], y[known], weight[known], looks


def standardize_votes(votes, y, weight, *, classifies):
    """Center votes and targets on the mean target, and bring regression to unit variance."""
    target = np.eye(votes.shape[2])[y] if classifies else y
    center = np.average(target, axis=0, weights=weight)
    scale = np.ones_like(center)
    if not classifies:
        spread = np.sqrt(np.average((target - center) ** 2, axis=0, weights=weight))
        scale = np.where(spread > 0, spread, 1.0)
    return (votes - center) / scale, (target - center) / scale
