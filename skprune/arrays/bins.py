"""Columns as small codes: one binning that all that counts shares.

`find_bins` reads the bins off a table once, `code_columns` turns any rows with the same
columns into codes of one byte. Code 0 is "no value" in every column; values have the codes
from 1 up. Bins end at values of the table and depend on the order of the values only, so
that they follow any increasing map of a column. A weight is a number of repetitions.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.blocks import block_size, blocks

MISSING = 0
# Values of one column that a byte can tell apart, beside "no value" and "any other".
MAX_BINS = 254
# Elements of one block of columns: small enough for the processor's cache.
BLOCK = 2**18


class Bins(NamedTuple):
    """The bins of some columns.

    Attributes
    ----------
    n_codes : ndarray of int, shape (n_columns,)
        The codes of a column are below this; some of them may be those of no row.
    edges : ndarray of shape (n_columns, n_edges)
        Highest value of each bin of a numeric column but the last, ascending, then
        infinity. All infinity for nominal columns.
    categories : dict of int to ndarray
        Of each nominal column the values that have a code of their own, the first 1;
        any other value has the code after those.
    """

    n_codes: Any
    edges: Any
    categories: Any


def default_bins(n_rows):
    """Return a number of bins: the cube root of the number of rows, from 2 to 16.

    Then three columns together have about as many cells as there are rows.
    """
    return int(np.clip(np.round(np.cbrt(n_rows)), 2, 16))


def find_bins(X, nominal=None, n_bins=None, sample_weight=None, *, fewest=1):
    """Find bins of about equal weight for each column of a table.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        Finite values, and NaN where there is none.
    nominal : ndarray of bool, shape (n_columns,), default=None
        Columns of codes whose order means nothing. Default: none.
    n_bins : int, default=None
        Bins of a numeric column, at most, from 2 to 254; a column that has no more
        distinct values has a bin for each. Default: `default_bins` of the total weight.
        Nominal columns keep up to 254 values, the rarer ones share a bin.
    sample_weight : ndarray of shape (n_rows,), default=None
        Non-negative weights, not all zero; a weight of 2 equals the row twice.
    fewest : float, default=1
        Values of a nominal column with less weight than this share a bin too.

    Returns
    -------
    Bins
        What `code_columns` takes.

    Notes
    -----
    Each edge is where two distinct values part, the one nearest to the quantile. So a
    value that most rows share has a bin of its own, the same seen from either end.
    O(n_rows log n_rows) per column, a block of columns at a time.
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
        int(j): _categories(_dense(X, [j])[rows, 0], weight, fewest)
        for j in np.flatnonzero(nominal)
    }
    n_codes = np.isfinite(edges).sum(axis=1) + 2
    for j, values in categories.items():
        n_codes[j] = len(values) + 2
    return Bins(n_codes, edges, categories)


def code_columns(X, bins):
    """Turn values into the codes of their bins.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        Values, and NaN where there is none; of the rows that gave the bins or of others.
    bins : Bins
        As `find_bins` returns them.

    Returns
    -------
    ndarray of uint8, shape (n_rows, n_columns), in Fortran order
        Codes from 1 up, and 0 for NaN.

    Notes
    -----
    O(n_rows * n_columns * n_bins), in comparisons of whole blocks.
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
    """Return the edges of some columns, (n_columns, n_bins - 1), filled up with infinity."""
    values = values.T
    if weight is None:
        ordered = np.sort(values, axis=1)
        up_to = np.broadcast_to(np.arange(1.0, values.shape[1] + 1), values.shape)
    else:
        order = np.argsort(values, axis=1)
        ordered = np.take_along_axis(values, order, axis=1)
        up_to = np.cumsum(weight[order], axis=1)
    # Where two distinct values part; NaN comes last and parts nothing.
    column, place = np.nonzero(ordered[:, :-1] < ordered[:, 1:])
    below = up_to[column, place]
    n_parts = np.bincount(column, minlength=len(values))
    chosen = (n_parts < n_bins)[column]
    chosen[_nearest(column, below, n_parts, _present(ordered, up_to), n_bins)] = True
    column, place = column[chosen], place[chosen]
    starts = np.searchsorted(column, np.arange(len(values)))
    edges = np.full((len(values), n_bins - 1), np.inf)
    edges[column, np.arange(len(column)) - starts[column]] = ordered[column, place]
    return edges


def _present(ordered, up_to):
    """Return the weight of the rows of each column that have a value."""
    n_present = np.count_nonzero(~np.isnan(ordered), axis=1)
    return np.where(n_present > 0, up_to[np.arange(len(ordered)), n_present - 1], 0.0)


def _nearest(column, below, n_parts, present, n_bins):
    """Return the partings nearest to the quantiles, of columns with more than needed."""
    many = np.flatnonzero(n_parts >= n_bins)
    last = np.cumsum(n_parts)[many, None] - 1
    first = last - n_parts[many, None] + 1
    # One search for all columns: each has a range of its own. Whole weights stay exact.
    span = np.floor(present.max(initial=0.0)) + 2
    target = np.arange(1, n_bins) * present[many, None] / n_bins
    after = np.searchsorted(below + column * span, target + many[:, None] * span)
    before, after = np.clip(after - 1, first, last), np.clip(after, first, last)
    return np.where(target - below[before] <= below[after] - target, before, after)


def _categories(values, weight, fewest):
    """Return the values that have a code of their own: frequent ones."""
    there = ~np.isnan(values)
    distinct, place = np.unique(values[there], return_inverse=True)
    counts = np.bincount(place, None if weight is None else weight[there], len(distinct))
    most = np.argsort(-counts, kind="stable")[:MAX_BINS]
    return np.sort(distinct[most[counts[most] >= fewest]])


def _code_categories(values, known):
    if not len(known):
        return np.where(np.isnan(values), MISSING, 1)
    place = np.minimum(np.searchsorted(known, values), len(known) - 1)
    codes = np.where(known[place] == values, place, len(known)) + 1
    return np.where(np.isnan(values), MISSING, codes)


def _dense(X, columns):
    block = X[:, columns]
    return block.toarray() if hasattr(block, "toarray") else block
