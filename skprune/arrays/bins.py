"""Shared binning of columns into uint8 codes.

`find_bins` finds the bins of a table once; `bin_codes` maps any rows with the same columns
to codes of one byte. Code 0 marks missing values, bins are numbered from 1. Bin edges are
values of the table and depend on the order of the values only, so the codes are invariant
under increasing transformations of a column. Weights are numbers of repetitions.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.blocks import block_size, blocks

MISSING = 0
# Distinct values of a column with codes of their own: a byte also needs codes for missing
# values and for all other values.
MAX_BINS = 254
# Elements per block of columns: small enough for the processor's cache.
BLOCK = 2**18


class Bins(NamedTuple):
    """The bins of some columns.

    Attributes
    ----------
    n_codes : ndarray of int, shape (n_columns,)
        Exclusive upper bound of each column's codes; not every code has to occur.
    edges : ndarray of shape (n_columns, n_edges)
        Largest value of each bin of a numeric column except the last, ascending and padded
        with infinity. All infinity for nominal columns.
    categories : dict of int to ndarray
        For each nominal column the values with codes of their own, 1, 2, ...; all other
        values share the next code.
    """

    n_codes: Any
    edges: Any
    categories: Any


def default_bins(n_rows):
    """Return the default number of bins: the cube root of the number of rows, from 2 to 16.

    The joint table of three columns then has about as many cells as there are rows.
    """
    return int(np.clip(np.round(np.cbrt(n_rows)), 2, 16))


def find_bins(X, nominal=None, n_bins=None, sample_weight=None, *, min_weight=1):
    """Find bins of about equal weight for each column of a table.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        Finite values, NaN where missing.
    nominal : ndarray of bool, shape (n_columns,), default=None
        Nominal columns, whose values have no order. Default: none.
    n_bins : int, default=None
        Maximum number of bins of a numeric column, from 2 to 254; a column with at most
        that many distinct values has one bin per value. Default: `default_bins` of the
        total weight. Nominal columns keep up to 254 values; rarer ones share a bin.
    sample_weight : ndarray of shape (n_rows,), default=None
        Non-negative weights, not all zero; a weight of 2 equals the row twice.
    min_weight : float, default=1
        Values of a nominal column with less total weight than this also share that bin.

    Returns
    -------
    Bins
        Input of `bin_codes`.

    Notes
    -----
    Each edge is the boundary between two distinct values that is nearest to the quantile.
    So a value that most rows share has a bin of its own, and binning a column and its
    negation gives the same partition. O(n_rows log n_rows) per column, a block of columns
    at a time.
    """
    n_columns = X.shape[1]
    rows: Any = slice(None)
    weight = None
    if sample_weight is not None:
        rows = np.flatnonzero(sample_weight)
        weight = np.asarray(sample_weight, dtype=np.float64)[rows]
    if n_bins is None:
        n_bins = default_bins(X.shape[0] if weight is None else weight.sum())
    nominal = np.zeros(n_columns, dtype=bool) if nominal is None else nominal
    edges = np.full((n_columns, n_bins - 1), np.inf)
    numeric = np.flatnonzero(~nominal)
    for part in blocks(len(numeric), block_size(BLOCK, X.shape[0])):
        edges[numeric[part]] = _edges(_dense(X, numeric[part])[rows], n_bins, weight)
    categories = {
        int(j): _categories(_dense(X, [j])[rows, 0], weight, min_weight)
        for j in np.flatnonzero(nominal)
    }
    n_codes = np.isfinite(edges).sum(axis=1) + 2
    for j, values in categories.items():
        n_codes[j] = len(values) + 2
    return Bins(n_codes, edges, categories)


def bin_codes(X, bins):
    """Encode values by the bins that they fall into.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        Values, NaN where missing; not necessarily the rows that defined the bins.
    bins : Bins
        From `find_bins`.

    Returns
    -------
    ndarray of uint8, shape (n_rows, n_columns), in Fortran order
        Codes, from 1; 0 for NaN.

    Notes
    -----
    O(n_rows * n_columns * n_bins) vectorized comparisons.
    """
    codes = np.empty(X.shape, dtype=np.uint8, order="F")
    for part in blocks(X.shape[1], block_size(BLOCK, X.shape[0])):
        values = np.ascontiguousarray(_dense(X, part).T)
        found = codes[:, part].T
        found[:] = 1
        for edge in bins.edges[part].T:
            reached = np.flatnonzero(np.isfinite(edge))
            if len(reached) == len(edge):
                found += values > edge[:, None]
            else:
                found[reached] += values[reached] > edge[reached, None]
        found[np.isnan(values)] = MISSING
    for j, known in bins.categories.items():
        codes[:, j] = _code_categories(_dense(X, [j])[:, 0], known)
    return codes


def _edges(values, n_bins, weight):
    """Return the edges of some columns, padded with infinity; shape (n_columns, n_bins - 1)."""
    values = values.T
    if weight is None:
        ordered = np.sort(values, axis=1)
        up_to = np.broadcast_to(np.arange(1.0, values.shape[1] + 1), values.shape)
    else:
        order = np.argsort(values, axis=1)
        ordered = np.take_along_axis(values, order, axis=1)
        up_to = np.cumsum(weight[order], axis=1)
    # Boundaries between distinct values; NaN sorts last and never compares as larger.
    column, place = np.nonzero(ordered[:, :-1] < ordered[:, 1:])
    below = up_to[column, place]
    n_boundaries = np.bincount(column, minlength=len(values))
    chosen = (n_boundaries < n_bins)[column]
    total = _total_weight(ordered, up_to)
    chosen[_nearest_to_quantiles(column, below, n_boundaries, total, n_bins)] = True
    column, place = column[chosen], place[chosen]
    starts = np.searchsorted(column, np.arange(len(values)))
    edges = np.full((len(values), n_bins - 1), np.inf)
    edges[column, np.arange(len(column)) - starts[column]] = ordered[column, place]
    return edges


def _total_weight(ordered, up_to):
    """Return the total weight of the non-missing values of each column."""
    n_present = np.count_nonzero(~np.isnan(ordered), axis=1)
    return np.where(n_present > 0, up_to[np.arange(len(ordered)), n_present - 1], 0.0)


def _nearest_to_quantiles(column, below, n_boundaries, total, n_bins):
    """Return the boundaries nearest to the quantiles, for columns with more than needed."""
    many = np.flatnonzero(n_boundaries >= n_bins)
    last = np.cumsum(n_boundaries)[many, None] - 1
    first = last - n_boundaries[many, None] + 1
    # A single search for all columns, each shifted to its own range of values. The shift is
    # a whole number, so that integer weights stay exact.
    span = np.floor(total.max(initial=0.0)) + 2
    target = np.arange(1, n_bins) * total[many, None] / n_bins
    after = np.searchsorted(below + column * span, target + many[:, None] * span)
    before, after = np.clip(after - 1, first, last), np.clip(after, first, last)
    return np.where(target - below[before] <= below[after] - target, before, after)


def _categories(values, weight, min_weight):
    """Return the most frequent values, which get codes of their own."""
    present = ~np.isnan(values)
    distinct, place = np.unique(values[present], return_inverse=True)
    counts = np.bincount(place, None if weight is None else weight[present], len(distinct))
    most = np.argsort(-counts, kind="stable")[:MAX_BINS]
    return np.sort(distinct[most[counts[most] >= min_weight]])


def _code_categories(values, known):
    if not len(known):
        return np.where(np.isnan(values), MISSING, 1)
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    codes = np.where(known[place] == values, place, len(known)) + 1
    return np.where(np.isnan(values), MISSING, codes)


def _dense(X, columns):
    block = X[:, columns]
    return block.toarray() if hasattr(block, "toarray") else block
