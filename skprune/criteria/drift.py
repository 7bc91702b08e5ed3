"""Drift: how much the columns of later rows differ from those of earlier ones.

`stability_index` compares counts per bin, which add up over chunks of rows; `ks_statistic`
compares the values themselves.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.bins import Bins, code_columns
from skprune.arrays.blocks import block_size, blocks

# Share of the rows that an empty bin counts as: the logarithm of 0 is none.
EMPTY = 1e-4
# Elements of one block of columns (8 MB).
BLOCK = 2**20


class Drift(NamedTuple):
    """The bins of some columns, and the weights in them of two sets of rows.

    Attributes
    ----------
    bins : Bins
        Of the earlier rows.
    earlier, later : ndarray of shape (n_columns, n_codes)
        Weights of the earlier and the later rows, as `count_bins` returns them.
    """

    bins: Any
    earlier: Any
    later: Any


def split_rows(X, sample_weight, share):
    """Divide rows into the first share and the rest.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        The rows.
    sample_weight : ndarray of shape (n_rows,) or None
        Positive weights. If all are whole the border lies between two repetitions, else
        within a row, which then counts in both parts, with a part of its weight.
    share : float
        Share of the weight that comes first, in (0, 1).

    Returns
    -------
    list of (X, sample_weight)
        The two parts, views of an array; the first has no rows if the share is too small.
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
    """Weigh the rows of each bin of each column.

    Parameters
    ----------
    X : ndarray or csc array of shape (n_rows, n_columns)
        Finite values and NaN.
    bins : Bins
        Of the same columns.
    sample_weight : ndarray of shape (n_rows,), default=None
        Weights; a weight of 2 equals the row twice.

    Returns
    -------
    ndarray of shape (n_columns, n_codes)
        Weights; those of two sets of rows add up.

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
        codes = code_columns(X[:, begin:end], some).T + np.arange(end - begin)[:, None] * n_codes
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
        Weights per bin of two sets of rows, neither without weight.

    Returns
    -------
    ndarray of shape (n_columns,)
        Sum over the bins of ``(p - q) * log(p / q)``, with p and q the shares of the rows,
        1e-4 at least. 0 if nothing differs; natural logarithm.

    Notes
    -----
    The symmetrised divergence of Kullback and Leibler (1951); O(n_columns * n_codes).
    """
    p, q = (np.maximum(n / n.sum(axis=1, keepdims=True), EMPTY) for n in drift[1:])
    return ((p - q) * np.log(p / q)).sum(axis=1)


def ks_statistic(earlier, later, before=None, after=None):
    """Return the two-sample Kolmogorov-Smirnov statistic of each column.

    Parameters
    ----------
    earlier, later : ndarray or csc array of shape (n_earlier, n_columns), (n_later, n_columns)
        The two sets of rows; finite values, and NaN, which is left out.
    before, after : ndarray of shape (n_earlier,) and (n_later,), default=None
        Weights of the rows; a weight of 2 equals the row twice.

    Returns
    -------
    ndarray of shape (n_columns,)
        Largest difference of the two distribution functions, in [0, 1]; 0 where one side
        has no value.

    Notes
    -----
    O(n_rows log n_rows) per column, sorted a block of columns at a time.
    """
    found = np.empty(earlier.shape[1])
    signs = [np.ones(earlier.shape[0]) if before is None else before]
    signs.append(np.ones(later.shape[0]) if after is None else after)
    for block in blocks(len(found), block_size(BLOCK, earlier.shape[0])):
        sides, steps = [], []
        for X, weight in zip((earlier, later), signs, strict=True):
            values = X[:, block]
            values = (values.toarray() if hasattr(values, "toarray") else values).T
            there = ~np.isnan(values) * weight
            present = there.sum(axis=1, keepdims=True)
            sides.append(values)
            steps.append(there / np.where(present > 0, present, np.inf))
        values = np.concatenate(sides, axis=1)
        step = np.concatenate([steps[0], -steps[1]], axis=1)
        order = np.argsort(values, axis=1)
        values = np.take_along_axis(values, order, axis=1)
        gap = np.abs(np.cumsum(np.take_along_axis(step, order, axis=1), axis=1))
        # Within ties the order means nothing.
        gap[:, :-1][values[:, :-1] == values[:, 1:]] = 0.0
        found[block] = gap.max(axis=1)
        one_sided = np.logical_xor(*(np.isnan(side).all(axis=1) for side in sides))
        found[block][one_sided] = 0.0
    return np.clip(found, 0.0, 1.0)
