"""Synthetic samples that mix nearest neighbours (MUNGE)."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.neighbors import NearestNeighbors

from skprune._compat import rows_of
from skprune.base._frames import take_by_column
from skprune.exceptions import InputError
from skprune.solvers.soft_labels import swap

N_NEIGHBORS = 5


class Part(NamedTuple):
    """Some training samples, and synthetic samples made from them.

    Attributes
    ----------
    index : ndarray of int
        The training samples.
    made : array-like of shape (n_made, n_features)
        The synthetic samples.
    parents : ndarray of int, shape (n_made,)
        For each of them, one of the training samples that it mixes.
    """

    index: Any
    made: Any
    parents: Any


def augment(data, index, share, rng):
    """Return a part of the training samples, with synthetic samples that mix neighbours.

    Parameters
    ----------
    data : TrainingData
        All training samples.
    index : ndarray of int
        Those of the part.
    share : float
        Number of synthetic samples per sample of the part.
    rng : RandomState
        Source of the draws.

    Returns
    -------
    Part
        Its `made` has the type of ``data.X``.

    Raises
    ------
    InputError
        If ``data.X`` is sparse, or is not numeric.
    """
    n_new = round(share * len(index))
    X = rows_of(data.X, index)
    if not n_new or len(index) < 2:
        return Part(index, rows_of(X, index[:0]), index[:0])
    near = NearestNeighbors(n_neighbors=min(N_NEIGHBORS, len(index) - 1))
    near.fit(_standardized(X))
    parents, sources = swap(near.kneighbors(return_distance=False), n_new, np.shape(X)[1], rng)
    return Part(index, take_by_column(X, sources.T), index[parents])


def _standardized(X):
    """Return standardized features; missing values are the mean, zero."""
    try:
        values = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = (
            f"augment mixes nearest neighbours, but X has no distances: {error}. Give augment=0, "
            "or encode the features as numbers first."
        )
        raise InputError(msg) from error
    here = np.isfinite(values)
    counts = np.maximum(here.sum(axis=0), 1)  # a feature may have no values at all
    centred = np.where(here, values, 0.0)
    centred = np.where(here, centred - centred.sum(axis=0) / counts, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / counts)
    return centred / np.where(spread > 0, spread, 1.0)
