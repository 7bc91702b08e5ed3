"""Co-moments: streaming correlations over batches of rows.

`read_batch` computes counts, means, and sums of squares and products about the means for a
batch of rows, and `merge_batches` combines two such states without cancellation, however far
apart the batches' means are. The result is that of all rows at once up to rounding.

Without missing values a column has one count and mean. With missing values it has one per
other column, over the rows in which both have a value. The same formulas serve both cases
by broadcasting arrays of shape (n_columns, 1).

References
----------
T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance",
The American Statistician 37(3), 1983.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.rounding import round_scores

# If the sum of squares of a column over the rows shared with another is below this fraction
# of that over all its rows, it is rounding error and the column counts as constant there.
CONSTANT = 1e-12


class Comoments(NamedTuple):
    """Pairwise sums over rows. Entry (i, j) covers the rows in which both have a value.

    Attributes
    ----------
    total : float
        Sum of the weights of all rows.
    varies : ndarray of bool, shape (n_columns,)
        Columns with more than one value.
    level : ndarray of shape (n_columns,)
        The minimum of each column; NaN if all values are missing.
    count : ndarray of shape (1, 1) or (n_columns, n_columns)
        Sum of the weights.
    mean : ndarray of shape (n_columns, 1) or (n_columns, n_columns)
        Mean of column i.
    square : ndarray of shape (n_columns, 1) or (n_columns, n_columns)
        Sum of squares of column i about that mean.
    cross : ndarray of shape (n_columns, n_columns)
        Sum of products of columns i and j about their means.
    """

    total: float
    varies: Any
    level: Any
    count: Any
    mean: Any
    square: Any
    cross: Any


def read_batch(X, sample_weight=None):
    """Compute the co-moments of a batch of rows.

    Parameters as for `describe` of `criteria.association`; a sparse batch is densified.

    Returns
    -------
    Comoments
        Co-moments of these rows.

    Notes
    -----
    One GEMM, O(n_rows * n_columns^2), or four if values are missing: with Z the centered
    values (0 where missing) and M the mask of present values, Z'Z, M'M, Z'M and (Z*Z)'M.
    """
    values = (X.toarray() if hasattr(X, "toarray") else X).astype(np.float64)
    weight = np.ones((len(values), 1))
    if sample_weight is not None:
        rows = np.flatnonzero(sample_weight)
        values, weight = values[rows], np.asarray(sample_weight, np.float64)[rows, None]
    low, high = np.fmin.reduce(values), np.fmax.reduce(values)
    absent = np.isnan(values)
    own_weight = ~absent * weight
    values[absent] = 0.0
    present = own_weight.sum(axis=0)
    center = (values * own_weight).sum(axis=0) / np.where(present > 0, present, 1.0)
    values = np.where(absent, 0.0, values - center)
    weighted = values * weight
    cross, total = weighted.T @ values, float(weight.sum())
    if absent.any():
        mask = (~absent).astype(np.float64)
        count, sums = own_weight.T @ mask, weighted.T @ mask
        square = (values * weighted).T @ mask
    else:
        count, sums = np.full((1, 1), total), weighted.sum(axis=0)[:, None]
        square = np.diag(cross)[:, None]
    shift = np.divide(sums, count, out=np.zeros_like(sums), where=count > 0)
    mean = center[:, None] + shift
    square = np.maximum(square - shift * sums, 0.0)
    cross -= shift * np.broadcast_to(sums, cross.shape).T
    return Comoments(total, low < high, low, count, mean, square, cross)


def merge_batches(left, right):
    """Return the co-moments of the union of two batches; O(n_columns^2)."""
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
    """Return pairwise complete Pearson correlations; O(n_columns^2).

    Parameters
    ----------
    state : Comoments
        Co-moments of all rows.

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
        Correlations in [-1, 1], rounded to 13 decimals; 0 where a column is constant.
    """
    own = np.where(state.varies, np.diagonal(np.broadcast_to(state.square, state.cross.shape)), 0.0)
    defined = np.broadcast_to(state.square > CONSTANT * own[:, None], state.cross.shape)
    defined = defined & defined.T & np.logical_and.outer(own > 0, own > 0)
    norm = np.sqrt(state.square) * np.sqrt(state.square).T
    found = np.divide(state.cross, norm, out=np.zeros_like(state.cross), where=defined)
    return round_scores(np.clip(found, -1.0, 1.0))


def variances(state):
    """Return the variance of each column (0 where undefined) and the weight of its values."""
    shape = state.cross.shape
    square = np.diagonal(np.broadcast_to(state.square, shape))
    count = np.diagonal(np.broadcast_to(state.count, shape))
    defined = state.varies & (count > 0)
    return np.divide(square, count, out=np.zeros(len(square)), where=defined), count
