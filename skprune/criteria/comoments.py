"""Co-moments: correlations of rows that come in batches.

`read_batch` reads counts, means and sums of squares and products off some rows, around
their own means, and `merge` puts two such states together: nothing cancels, however far
apart the batches are, and the result is that of all rows at once up to rounding.

Without missing values a column has one count and mean. With them it has one per other
column, over the rows that have both. The same formulas serve: arrays of shape
(n_columns, 1) stand for rows of equal values.

References
----------
T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance",
The American Statistician 37(3), 1983.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.rounding import round_scores

# A column whose sum of squares, on the rows that a pair shares, is below this share of that
# on all rows is constant there: the rest is rounding.
CONSTANT = 1e-12


class Comoments(NamedTuple):
    """Sums over rows, pair by pair. An entry (i, j) is over the rows that have both.

    Attributes
    ----------
    total : float
        Sum of the weights of all rows.
    varies : ndarray of bool, shape (n_columns,)
        Columns with more than one value.
    level : ndarray of shape (n_columns,)
        Some value of each column; NaN if there is none.
    count : ndarray of shape (1, 1) or (n_columns, n_columns)
        Sum of the weights.
    mean : ndarray of shape (n_columns, 1) or (n_columns, n_columns)
        Mean of i.
    square : ndarray of shape (n_columns, 1) or (n_columns, n_columns)
        Sum of squares of i around it.
    cross : ndarray of shape (n_columns, n_columns)
        Sum of products of i and j around their means.
    """

    total: float
    varies: Any
    level: Any
    count: Any
    mean: Any
    square: Any
    cross: Any


def read_batch(X, sample_weight=None):
    """Read co-moments off a batch of rows.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        Finite values and NaN; a sparse batch is made dense.
    sample_weight : ndarray of shape (n_rows,), default=None
        Non-negative weights, not all zero; a weight of 2 equals the row twice.

    Returns
    -------
    Comoments
        Of these rows.

    Notes
    -----
    One GEMM, O(n_rows * n_columns^2), or four where values are missing: with Z the values
    around their means (0 where absent) and M the mask, Z'Z, M'M, Z'M and (Z*Z)'M.
    """
    values = (X.toarray() if hasattr(X, "toarray") else X).astype(np.float64)
    weight = np.ones((len(values), 1))
    if sample_weight is not None:
        rows = np.flatnonzero(sample_weight)
        values, weight = values[rows], np.asarray(sample_weight, np.float64)[rows, None]
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    absent = np.isnan(values)
    there = ~absent * weight
    values[absent] = 0.0
    present = there.sum(axis=0)
    center = (values * there).sum(axis=0) / np.where(present > 0, present, 1.0)
    values = np.where(absent, 0.0, values - center)
    weighted = values * weight
    cross, total = weighted.T @ values, float(weight.sum())
    if absent.any():
        mask = (~absent).astype(np.float64)
        count, sums = there.T @ mask, weighted.T @ mask
        square = (values * weighted).T @ mask
    else:
        count, sums = np.full((1, 1), total), weighted.sum(axis=0)[:, None]
        square = np.diag(cross)[:, None]
    shift = np.divide(sums, count, out=np.zeros_like(sums), where=count > 0)
    mean = center[:, None] + shift
    square = np.maximum(square - shift * sums, 0.0)
    cross -= shift * np.broadcast_to(sums, cross.shape).T
    return Comoments(total, low < high, low, count, mean, square, cross)


def merge(left, right):
    """Return the co-moments of the rows of two batches together; O(n_columns^2)."""
    varies = left.varies | right.varies | (left.level < right.level) | (left.level > right.level)
    count = left.count + right.count
    share = np.divide(right.count, count, out=np.zeros_like(count), where=count > 0)
    shift = right.mean - left.mean
    between = left.count * share
    both = np.broadcast_to(shift, left.cross.shape)
    return Comoments(
        left.total + right.total,
        varies,
        np.fmin(left.level, right.level),
        count,
        left.mean + shift * share,
        left.square + right.square + shift**2 * between,
        left.cross + right.cross + both * both.T * between,
    )


def correlations(state):
    """Return Pearson correlations, each over the rows that have both columns.

    Parameters
    ----------
    state : Comoments
        Of all rows.

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
        In [-1, 1], rounded to 13 decimals; 0 where a column is constant.
    """
    own = np.where(state.varies, np.diagonal(np.broadcast_to(state.square, state.cross.shape)), 0.0)
    defined = np.broadcast_to(state.square > CONSTANT * own[:, None], state.cross.shape)
    defined = defined & defined.T & np.logical_and.outer(own > 0, own > 0)
    norm = np.sqrt(state.square) * np.sqrt(state.square).T
    found = np.divide(state.cross, norm, out=np.zeros_like(state.cross), where=defined)
    return round_scores(np.clip(found, -1.0, 1.0))


def variances(state):
    """Return the variance of each column, 0 where undefined, and the weight that has a value."""
    shape = state.cross.shape
    square = np.diagonal(np.broadcast_to(state.square, shape))
    count = np.diagonal(np.broadcast_to(state.count, shape))
    there = state.varies & (count > 0)
    return np.divide(square, count, out=np.zeros(len(square)), where=there), count
