"""Streaming column statistics: one pass over chunks of rows.

`summarize` computes the `State` of a chunk of rows and `merge_states` combines two states; the
result does not depend on how a table is split into chunks. The caller leaves out rows of
weight zero. A sparse table costs its stored entries: the implicit zeros of a column are
handled as one entry.

All statistics are exact except the counts of values over several chunks. Up to `N_TRACKED`
values per column are tracked, so counts are exact for columns with no more distinct values.
For other columns a chunk reports the values held by more than ``1 / N_TRACKED`` of its rows,
and a value counts as frequent only if more than a share `FREQUENT` of all rows holds it. Its
count misses the chunks in which it was rare, so it may be too low but never too high.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.blocks import block_size, blocks

# Values tracked per column, and the share of rows above which a value counts as frequent.
N_TRACKED = 128
FREQUENT = 1 / 8
# Elements per block of columns (2 MB), which stays in the processor's cache.
BLOCK = 2**18
# log2 of the number of hash buckets, of which there are far more than tracked values.
BUCKET_BITS = 10
# Odd constants that mix bits (Steele, Lea and Flood, 2014), and the bits of NaN.
STEP, MIX, MIX_AGAIN, NO_VALUE = map(
    np.uint64, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x7FF8000000000001)
)


class State(NamedTuple):
    """Statistics of the columns over some rows.

    Attributes
    ----------
    n_rows : int
        Number of rows.
    total : float
        Sum of their weights.
    missing, present : ndarray of shape (n_columns,)
        Weight of the rows without and with a value.
    low, high : ndarray of shape (n_columns,)
        Minimum and maximum; NaN if all values are missing.
    mean, rest, square : ndarray of shape (n_columns,)
        Mean, its rounding error (``mean + rest`` is more accurate), and sum of squares about
        the mean.
    whole : ndarray of bool, shape (n_columns,)
        Columns of integral values only.
    digest : ndarray of uint64, shape (n_columns, 2)
        Hash of the values in order of their rows: equal for columns with equal values.
    values, counts, bounds : ndarray of shape (n_columns, n_tracked)
        Tracked values (padded with NaN), their weights, and upper bounds of their weights.
        ``n_tracked`` is the largest number of values tracked in a column, at most
        `N_TRACKED`.
    slack : ndarray of shape (n_columns,)
        Upper bound of the weight of any value that is not tracked; 0 if there is none.
    seen : dict of int to ndarray, or None
        Sorted values of the integral and nominal columns without repeated or missing values
        so far; None if not requested.
    """

    n_rows: int
    total: float
    missing: Any
    present: Any
    low: Any
    high: Any
    mean: Any
    rest: Any
    square: Any
    whole: Any
    digest: Any
    values: Any
    counts: Any
    bounds: Any
    slack: Any
    seen: Any


class _Entries(NamedTuple):
    """The entries of some columns, column by column."""

    values: Any
    weight: Any  # None if all weights are one
    rows: Any  # None if every column has an entry for every row
    first: Any  # index of the first entry of each column


def summarize(X, sample_weight=None, nominal=None, *, start=0, track=False):
    """Summarise some rows of a table.

    Parameters
    ----------
    X : ndarray or csc array of shape (n_rows, n_columns), float64 or float32
        At least one row; finite values and NaN.
    sample_weight : ndarray of shape (n_rows,), default=None
        Positive weights; a weight of 2 equals the row twice.
    nominal : ndarray of bool, shape (n_columns,), default=None
        Nominal columns (encoded categories). Default: none.
    start : int, default=0
        Number of rows in earlier chunks, which enters the hashes.
    track : bool, default=False
        Whether to keep the values of integral and nominal columns without repeated values,
        from which identifiers are recognised.

    Returns
    -------
    State
        Statistics of these rows alone.

    Notes
    -----
    O(n_rows log n_rows) per column, counting only stored entries of a sparse table; a block
    of columns at a time.
    """
    n_rows, n_columns = X.shape
    if hasattr(X, "indptr") and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    nominal = np.zeros(n_columns, dtype=bool) if nominal is None else nominal
    total = float(n_rows) if weight is None else float(weight.sum())
    keys = _mix(np.arange(start + 1, start + n_rows + 1).astype(np.uint64) * STEP)
    keys = np.column_stack([keys, _mix(keys + STEP)])
    seen: dict[int, Any] = {}
    parts = []
    for block in blocks(n_columns, block_size(BLOCK, n_rows)):
        entries = _read(X, block, weight, total)
        bits = _hashed(entries.values)
        moments = _moments(entries)
        candidates = moments[-1] | nominal[block] if track else np.zeros(1, dtype=bool)
        frequent, unique = _frequent(entries, bits, moments[1], n_rows, candidates)
        parts.append((*moments, _digest(entries, bits, keys), *frequent))
        seen |= {block.start + j: values for j, values in unique.items()}
    *known, values, counts, bounds, slack = map(np.concatenate, zip(*parts, strict=True))
    tracked = _trim(values, counts, bounds)
    return State._make([n_rows, total, *known, *tracked, slack, seen if track else None])


def merge_states(state, other):
    """Combine the states of two disjoint sets of rows.

    Parameters
    ----------
    state, other : State
        States of the same columns.

    Returns
    -------
    State
        State of all rows. Means and squares are combined as in Chan, Golub and LeVeque
        (1983). O(n_columns * n_tracked log n_tracked), plus the number of values in `seen`.
    """
    present = state.present + other.present
    share = other.present / np.where(present > 0, present, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        shift = (other.mean - state.mean) + (other.rest - state.rest)
        mean = state.mean + shift * share
        rest = (state.mean - mean) + shift * share + state.rest
        square = state.square + other.square + shift**2 * state.present * share
    values, counts, bounds, slack = _merge_frequent(state, other)
    return State(
        state.n_rows + other.n_rows,
        state.total + other.total,
        state.missing + other.missing,
        present,
        np.fmin(state.low, other.low),
        np.fmax(state.high, other.high),
        mean,
        rest,
        square,
        state.whole & other.whole,
        state.digest + other.digest,
        values,
        counts,
        bounds,
        slack,
        _merge_seen(state.seen, other.seen),
    )


def most_frequent_share(state):
    """Return the share of rows that hold the most frequent value of each column.

    Parameters
    ----------
    state : State
        State of a table.

    Returns
    -------
    ndarray of shape (n_columns,)
        Shares, in [0, 1]; "missing" counts as a value. In a column with more than
        `N_TRACKED` values, values held by at most a share `FREQUENT` of the rows count as 0.
        O(n_columns * n_tracked).
    """
    most = state.counts.max(axis=1, initial=0.0)
    most[(state.slack > 0) & (most <= FREQUENT * state.total)] = 0.0
    return np.minimum(np.maximum(most, state.missing) / state.total, 1.0)


# Statistics of one block of columns.


def _read(X, block, weight, total):
    """Return the entries of a block of columns, with -0.0 replaced by 0.0."""
    if not hasattr(X, "indptr"):
        values = np.ascontiguousarray(X[:, block].T, dtype=np.float64)
        first = np.arange(len(values)) * X.shape[0]
        weight = None if weight is None else np.broadcast_to(weight, values.shape).ravel()
        return _Entries(values.ravel() + 0.0, weight, None, first)
    part = X[:, block]
    n_stored = np.diff(part.indptr)
    weight = np.ones(X.shape[0]) if weight is None else weight
    stored = weight[part.indices]
    column = np.repeat(np.arange(len(n_stored)), n_stored)
    # The implicit zeros become one entry; its row index is irrelevant, as zeros hash to 0.
    blank = np.flatnonzero(n_stored < X.shape[0])
    implicit = total - np.bincount(column, stored, len(n_stored))
    at = part.indptr[blank + 1]
    values = np.insert(part.data.astype(np.float64), at, 0.0) + 0.0
    lengths = n_stored + (n_stored < X.shape[0])
    return _Entries(
        values,
        np.insert(stored, at, implicit[blank]),
        np.insert(part.indices, at, 0),
        np.cumsum(lengths) - lengths,
    )


def _lengths(entries):
    return np.diff(entries.first, append=len(entries.values))


def _moments(entries):
    """Return missing, present, low, high, mean, rest, square and whole of `State`."""
    values, weight, _, first = entries
    lengths = _lengths(entries)
    absent = np.isnan(values)
    whole = np.logical_and.reduceat((np.rint(values) == values) | absent, first)
    low, high = np.fmin.reduceat(values, first), np.fmax.reduceat(values, first)
    if weight is None:
        missing = np.add.reduceat(absent, first, dtype=np.float64)
        own_weight, present = ~absent, lengths - missing
    else:
        missing = np.add.reduceat(weight * absent, first)
        own_weight = weight * ~absent
        present = np.add.reduceat(own_weight, first)
    divisor = np.where(present > 0, present, 1.0)
    filled = np.where(absent, 0.0, values) if absent.any() else values
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.add.reduceat(filled * own_weight, first) / divisor
        centered = filled - np.repeat(mean, lengths)
        weighted = centered * own_weight
        rest = np.add.reduceat(weighted, first) / divisor
        square = np.add.reduceat(centered * weighted, first) - rest**2 * present
    return missing, present, low, high, mean, rest, np.maximum(square, 0.0), whole


def _hashed(values):
    """Return a 64-bit hash of each value: one to one, 0 for 0, one hash for all NaN."""
    return _mix(np.where(np.isnan(values), NO_VALUE, values.view(np.uint64)))


def _digest(entries, bits, keys):
    """Return the hash of each column: a sum over its entries, to which zeros add nothing."""
    if entries.rows is None:
        return bits.reshape(len(entries.first), -1) @ keys
    return np.add.reduceat(bits[:, None] * keys[entries.rows], entries.first)


def _mix(bits):
    """Mix the bits of 64-bit integers bijectively; 0 is mapped to 0."""
    bits = (bits ^ (bits >> np.uint64(30))) * MIX
    bits = (bits ^ (bits >> np.uint64(27))) * MIX_AGAIN
    return bits ^ (bits >> np.uint64(31))


# Frequent values.


def _frequent(entries, bits, present, n_rows, candidates):
    """Return values, counts, bounds and slack of each column, and columns of unique values.

    The latter only among the `candidates`. A column is sorted if it is a candidate or has a
    hash bucket heavy enough to hold a frequent value.
    """
    n_columns = len(entries.first)
    values, counts = np.full((n_columns, N_TRACKED), np.nan), np.zeros((n_columns, N_TRACKED))
    slack = _heaviest(entries, bits)
    sort = np.flatnonzero(candidates | (slack * N_TRACKED >= present))
    if not len(sort):
        return (values, counts, counts, slack), {}
    ordered, weight, first = _ordered(entries, sort)
    column, starts, total = _runs(ordered, weight, first)
    n_runs = np.bincount(column, minlength=len(sort))
    kept = (n_runs <= N_TRACKED)[column] | (total * N_TRACKED > present[sort][column])
    slack[sort] = 0.0
    np.maximum.at(slack, sort[column[~kept]], total[~kept])
    which = column[kept]
    at = sort[which], np.arange(len(which)) - np.searchsorted(which, which)
    values[at], counts[at] = ordered[starts[kept]], total[kept]
    unique = np.flatnonzero((n_runs == n_rows) & np.broadcast_to(candidates, n_columns)[sort])
    by_column = np.split(ordered, first[1:])
    return (values, counts, counts, slack), {int(sort[j]): by_column[j].copy() for j in unique}


def _heaviest(entries, bits):
    """Return the weight of the heaviest hash bucket of each column."""
    bucket = (bits >> np.uint64(64 - BUCKET_BITS)).astype(np.intp)
    bucket += np.repeat(np.arange(len(entries.first)) << BUCKET_BITS, _lengths(entries))
    weights = np.bincount(bucket, entries.weight, len(entries.first) << BUCKET_BITS)
    return weights.reshape(-1, 1 << BUCKET_BITS).max(axis=1).astype(np.float64)


def _ordered(entries, columns):
    """Return the entries of some columns, sorted within each, NaN last."""
    values, weight, rows, first = entries
    if rows is None:
        values = values.reshape(len(first), -1)[columns]
        first = np.arange(len(columns)) * values.shape[1]
        if weight is None:
            return np.sort(values, axis=1).ravel(), None, first
        order = np.argsort(values, axis=1)
        weight = weight.reshape(len(entries.first), -1)[columns]
        ordered = (np.take_along_axis(part, order, axis=1) for part in (values, weight))
        return *(part.ravel() for part in ordered), first
    lengths = _lengths(entries)
    among = np.repeat(np.isin(np.arange(len(first)), columns), lengths)
    lengths = lengths[columns]
    order = np.lexsort((values[among], np.repeat(np.arange(len(columns)), lengths)))
    return values[among][order], weight[among][order], np.cumsum(lengths) - lengths


def _runs(values, weight, first):
    """Return the column, start and weight of each distinct value."""
    begins = np.empty(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=begins[1:])
    begins[first] = True
    starts = np.flatnonzero(begins)
    if weight is None:
        counts = np.diff(starts, append=len(values)).astype(np.float64)
    else:
        counts = np.add.reduceat(weight, starts)
    real = ~np.isnan(values[starts])
    starts, counts = starts[real], counts[real]
    return np.searchsorted(first, starts, side="right") - 1, starts, counts


def _merge_seen(seen, other):
    """Merge the values of columns that are unique on both sides; drop repeated ones."""
    if seen is None or other is None:
        return None
    pairs = {j: np.sort(np.concatenate([seen[j], other[j]])) for j in seen if j in other}
    return {j: values for j, values in pairs.items() if (values[1:] != values[:-1]).all()}


def _merge_frequent(state, other):
    """Merge tables of frequent values, as in the space-saving algorithm.

    The values with the largest upper bounds are kept, not those with the largest counts
    (Metwally, Agrawal and El Abbadi, 2005), so that a value can become frequent late.
    """
    sides = state, other
    values = np.concatenate([side.values for side in sides], axis=1)
    counts = np.concatenate([side.counts for side in sides], axis=1)
    bounds = np.concatenate([side.bounds for side in sides], axis=1)
    # A value tracked on one side only may weigh up to the other side's slack there.
    unseen = [np.repeat(other.slack[:, None], state.values.shape[1], axis=1)]
    unseen.append(np.repeat(state.slack[:, None], other.values.shape[1], axis=1))
    more = np.concatenate(unseen, axis=1)
    order = np.argsort(values, axis=1, kind="stable")
    values, counts, bounds, more = _take(order, values, counts, bounds, more)
    twin = values[:, 1:] == values[:, :-1]
    counts[:, :-1] += np.where(twin, counts[:, 1:], 0.0)
    bounds[:, :-1] += np.where(twin, bounds[:, 1:], more[:, :-1])
    bounds[:, -1:] += more[:, -1:]
    bounds[:, 1:][twin] = 0.0  # already added to the entry before
    bounds[np.isnan(values)] = 0.0
    order = np.argsort(-bounds, axis=1, kind="stable")
    values, counts, bounds = _take(order, values, counts, bounds)
    values[bounds == 0], counts[bounds == 0] = np.nan, 0.0
    slack = bounds[:, N_TRACKED:].max(axis=1, initial=0.0)
    tracked = (part[:, :N_TRACKED] for part in (values, counts, bounds))
    return *_trim(*tracked), np.maximum(slack, state.slack + other.slack)


def _take(order, *arrays):
    return [np.take_along_axis(array, order, axis=1) for array in arrays]


def _trim(values, *others):
    """Trim trailing entries that are unused in every column."""
    width = int((~np.isnan(values)).sum(axis=1).max(initial=0))
    return [array[:, :width].copy() for array in (values, *others)]
