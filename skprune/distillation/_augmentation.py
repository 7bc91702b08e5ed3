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
    """Some training rows, and rows that were made of them.

    Attributes
    ----------
    index : ndarray of int
        The training rows.
    made : array-like of shape (n_made, n_features)
        The rows that were made.
    parents : ndarray of int, shape (n_made,)
        Training rows that they were made of.
    """

    index: Any
    made: Any
    parents: Any


def make_rows(rows, index, share, rng):
    """Return a part of the rows with new ones, made of near rows.

    Parameters
    ----------
    rows : Rows
        The training rows.
    index : ndarray of int
        Those of the part.
    share : float
        New rows per row of the part.
    rng : RandomState
        Source of the draws.

    Returns
    -------
    Part
        Its `made` has the type of ``rows.X``.

    Raises
    ------
    InputError
        If the table is sparse, or distances cannot be measured on it.
    """
    n_new = round(share * len(index))
    X = rows_of(rows.X, index)
    if not n_new or len(index) < 2:
        return Part(index, rows_of(X, []), index[:0])
    near = NearestNeighbors(n_neighbors=min(N_NEIGHBORS, len(index) - 1))
    near.fit(_measured(X))
    parents, sources = swap(near.kneighbors(return_distance=False), n_new, np.shape(X)[1], rng)
    return Part(index, take_by_column(X, sources.T), index[parents])


def _measured(X):
    """Return a table of numbers in units of its columns' deviations; missing ones are zero."""
    try:
        values = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = (
            f"augment makes rows of near ones, but distances cannot be measured on X: {error}. "
            "Give augment=0, or encode the columns as numbers first."
        )
        raise InputError(msg) from error
    here = np.isfinite(values)
    counts = np.maximum(here.sum(axis=0), 1)  # a column may have no values at all
    centred = np.where(here, values, 0.0)
    centred = np.where(here, centred - centred.sum(axis=0) / counts, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / counts)
    return centred / np.where(spread > 0, spread, 1.0)
