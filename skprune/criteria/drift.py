"""Drift: difference between the distributions of a column in earlier and later rows.

`stability_index` and `binned_ks` compare counts per bin, which are additive over chunks of rows;
`ks_statistic` compares the empirical distribution functions.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.bins import MISSING, Bins, bin_codes
from skprune.arrays.blocks import block_size, blocks

# Smallest share of rows of a bin, so that its logarithm is finite.
EMPTY = 1e-4
# Elements per block of columns (8 MB).
BLOCK = 2**20


class Drift(NamedTuple):
    """Histograms of some columns in two sets of rows.

    Attributes
    ----------
    bins : Bins
        Bins of the earlier rows.
    earlier, later : ndarray of shape (n_columns, n_codes)
        Weights per bin of the earlier and the later rows, from `count_bins`.
    """

    bins: Any
    earlier: Any
    later: Any


def split_rows(X, sample_weight, share):
    """Split rows into an earlier and a later part; O(n_rows).

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        The rows, in temporal order.
    sample_weight : ndarray of shape (n_rows,) or None
        Positive weights. If all are integers the split is between two repetitions. Otherwise
        it may be within a row, which is then in both parts with a fraction of its weight.
    share : float
        Share of the total weight of the earlier part, in (0, 1).

    Returns
    -------
    list of (X, sample_weight)
        The two parts, as views; the earlier one is empty if the share is too small.
    """
    weight = np.ones(X.shape[0]) if sample_weight is None else sample_weight
    border = share * weight.sum()
    if not (weight % 1).any():
        border = np.floor(border + 1e-9)
    before = np.clip(border - (np.cumsum(weight) - weight), 0.0, weight)
    last, start = np.count_nonzero(before), np.count_nonzero(before == weight)
    parts = (slice(last), before), (slice(start, None), weight - before)
    return [(X[rows], None if sample_weight is None else part[rows]) for rows, part in parts]


def count_bins(X, bins, sample_weight=None):
    """Return the histogram of each column: the total weight of the rows in each bin.

    Parameters
    ----------
    X : ndarray or csc array of shape (n_rows, n_columns)
        Finite values and NaN.
    bins : Bins
        Bins of the columns.
    sample_weight : ndarray of shape (n_rows,), default=None
        Weights; a weight of 2 equals the row twice.

    Returns
    -------
    ndarray of shape (n_columns, n_codes)
        Weights, additive over sets of rows.

    Notes
    -----
    O(n_rows * n_columns * n_bins), a block of columns at a time.
    """
    n_columns, n_codes = X.shape[1], int(bins.n_codes.max())
    counts = np.empty((n_columns, n_codes))
    for block in blocks(n_columns, block_size(BLOCK, X.shape[0])):
        begin, end = block.start, block.stop
        known = {j - begin: v for j, v in bins.categories.items() if begin <= j < end}
        some = Bins(bins.n_codes[begin:end], bins.edges[begin:end], known)
        codes = bin_codes(X[:, begin:end], some).T + np.arange(end - begin)[:, None] * n_codes
        weight = None
        if sample_weight is not None:
            weight = np.broadcast_to(sample_weight, codes.shape).ravel()
        found = np.bincount(codes.ravel(), weight, (end - begin) * n_codes)
        counts[begin:end] = found.reshape(-1, n_codes)
    return counts


def stability_index(drift):
    """Return the population stability index of each column.

    Parameters
    ----------
    drift : Drift
        Weights per bin of two sets of rows, both with positive total weight.

    Returns
    -------
    ndarray of shape (n_columns,)
        Sum over bins of ``(p - q) * log(p / q)``, where p and q are the shares of rows in a
        bin, clipped below at 1e-4. Natural logarithm; 0 for equal distributions.

    Notes
    -----
    The symmetrised Kullback-Leibler divergence (1951); O(n_columns * n_codes).
    """
    p, q = (np.maximum(n / n.sum(axis=1, keepdims=True), EMPTY) for n in drift[1:])
    return ((p - q) * np.log(p / q)).sum(axis=1)


def binned_ks(drift):
    """Return the two-sample Kolmogorov-Smirnov statistic of each column, of its bins.

    Parameters
    ----------
    drift : Drift
        Weights per bin of two sets of rows; the bins of numeric columns, which have an order.

    Returns
    -------
    ndarray of shape (n_columns,)
        Largest difference of the two distribution functions at an edge of a bin, in [0, 1],
        without missing values; 0 where all values of one side are missing. It is at most
        the statistic of the values, and lower by no more than the smaller of the two shares
        of a bin.

    Notes
    -----
    O(n_columns * n_codes).
    """
    shares, present = [], True
    for counts in drift[1:]:
        up_to = np.delete(counts, MISSING, axis=1).cumsum(axis=1)
        total = up_to[:, -1:]
        shares.append(up_to / np.where(total > 0, total, 1.0))
        present = present & (total[:, 0] > 0)
    return np.where(present, np.abs(shares[0] - shares[1]).max(axis=1), 0.0)


def ks_statistic(earlier, later, before=None, after=None):
    """Return the two-sample Kolmogorov-Smirnov statistic of each column.

    Parameters
    ----------
    earlier, later : ndarray or csc array of shape (n_earlier, n_columns), (n_later, n_columns)
        The two sets of rows; finite values, and NaN, which is ignored.
    before, after : ndarray of shape (n_earlier,) and (n_later,), default=None
        Weights of the earlier and the later rows; a weight of 2 equals the row twice.

    Returns
    -------
    ndarray of shape (n_columns,)
        Largest difference of the two empirical distribution functions, in [0, 1]; 0 where
        all values of one side are missing.

    Notes
    -----
    O(n_rows log n_rows) per column, a block of columns at a time.
    """
    found = np.empty(earlier.shape[1])
    weights = [np.ones(earlier.shape[0]) if before is None else before]
    weights.append(np.ones(later.shape[0]) if after is None else after)
    for block in blocks(len(found), block_size(BLOCK, earlier.shape[0])):
        sides, steps = [], []
        for X, weight in zip((earlier, later), weights, strict=True):
            values = X[:, block]
            values = (values.toarray() if hasattr(values, "toarray") else values).T
            own_weight = ~np.isnan(values) * weight
            present = own_weight.sum(axis=1, keepdims=True)
            sides.append(values)
            steps.append(own_weight / np.where(present > 0, present, np.inf))
        values = np.concatenate(sides, axis=1)
        step = np.concatenate([steps[0], -steps[1]], axis=1)
        order = np.argsort(values, axis=1)
        values = np.take_along_axis(values, order, axis=1)
        gap = np.abs(np.cumsum(np.take_along_axis(step, order, axis=1), axis=1))
        # Compare only after the last of tied values.
        gap[:, :-1][values[:, :-1] == values[:, 1:]] = 0.0
        found[block] = gap.max(axis=1)
        one_sided = np.logical_xor(*(np.isnan(side).all(axis=1) for side in sides))
        found[block][one_sided] = 0.0
    return np.clip(found, 0.0, 1.0)
