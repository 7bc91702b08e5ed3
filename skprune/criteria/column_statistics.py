"""Statistics of columns, in one pass that can be cut into chunks of rows.

`summarize` reads some rows of a table into a `State`, and `merge` adds up two states; the
state of a table is that of its chunks merged, whatever the chunks. Rows without weight are
left out by the caller. A sparse table costs its stored entries: the zeros between them are
one entry per column.

What is exact: all of it, but for the counts of values in chunks. Up to `N_TRACKED` values per
column are tracked, so that columns with no more distinct values are exact. In others a
chunk passes on the values in more than one of `N_TRACKED` of its rows, and a value counts as
frequent only if it is in more than a share `FREQUENT` of all rows, which is far more. Its
count misses the chunks in which it was rare; it may be too low, never too high.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.blocks import block_size, blocks

# Values tracked per column, and the share of the rows from which on others do not matter.
N_TRACKED = 128
FREQUENT = 1 / 8
# Elements of one block of columns (2 MB), which stays in the processor's cache.
BLOCK = 2**18
# Buckets of hashed values, far more than values tracked.
BUCKET_BITS = 10
# Odd constants that mix bits (Steele, Lea and Flood, 2014), and the bits of "no value".
STEP, MIX, MIX_AGAIN, NO_VALUE = map(
    np.uint64, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x7FF8000000000001)
)


class State(NamedTuple):
    """What is known of the columns after some rows.

    Attributes
    ----------
    n_rows : int
        Number of rows.
    total : float
        Sum of their weights.
    missing, present : ndarray of shape (n_columns,)
        Weight of the rows without and with a value.
    low, high : ndarray of shape (n_columns,)
        Lowest and highest value; NaN where there is none.
    mean, rest, square : ndarray of shape (n_columns,)
        Mean, what rounding left of it, and sum of squares around it.
    whole : ndarray of bool, shape (n_columns,)
        Columns all of whose values are whole numbers.
    digest : ndarray of uint64, shape (n_columns, 2)
        Hash of the values and their rows: equal for columns with equal values.
    values, counts, bounds : ndarray of shape (n_columns, n_tracked)
        Values (NaN where there are fewer), their weights, and upper bounds of these over all
        rows. As wide as the column with the most values needs, `N_TRACKED` at most.
    slack : ndarray of shape (n_columns,)
        Upper bound of the weight of any other value; 0 if there is none.
    seen : dict of int to ndarray, or None
        All values, sorted, of the columns of whole numbers and categories that have not
        repeated one or lacked one so far; None if they are not tracked.
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
    """The entries of some columns, column after column."""

    values: Any
    weight: Any  # None if all are one
    rows: Any  # None if each column has all rows
    first: Any  # of each column


def summarize(X, sample_weight=None, nominal=None, *, start=0, track=False):
    """Summarise some rows of a table.

    Parameters
    ----------
    X : ndarray or csc array of shape (n_rows, n_columns), float64 or float32
        At least one row; finite values and NaN.
    sample_weight : ndarray of shape (n_rows,), default=None
        Positive weights; a weight of 2 equals the row twice.
    nominal : ndarray of bool, shape (n_columns,), default=None
        Columns of codes of categories. Default: none.
    start : int, default=0
        Number of rows before these, which tells rows apart in hashes.
    track : bool, default=False
        Whether to hold the values of columns of whole numbers and of categories that have
        not repeated one.

    Returns
    -------
    State
        That of these rows alone.

    Notes
    -----
    O(n_rows log n_rows) per column, by the stored entries of a sparse table; a block of
    columns at a time.
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


def merge(state, other):
    """Add up the states of two sets of rows, numbered apart.

    Parameters
    ----------
    state, other : State
        Of the same columns.

    Returns
    -------
    State
        That of the rows of both. Means and squares are merged as in Chan, Golub and
        LeVeque (1983).
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


def share_of_one_value(state):
    """Return the share of the rows of each column that hold its most frequent value.

    Parameters
    ----------
    state : State
        Of a table.

    Returns
    -------
    ndarray of shape (n_columns,)
        In [0, 1]; "no value" is a value of its own here. In a column with more than
        `N_TRACKED` values, one that is in at most a share `FREQUENT` of the rows counts as
        none.
    """
    most = state.counts.max(axis=1, initial=0.0)
    most[(state.slack > 0) & (most <= FREQUENT * state.total)] = 0.0
    return np.minimum(np.maximum(most, state.missing) / state.total, 1.0)


# One block of columns.


def _read(X, block, weight, total):
    """Return the entries of a block of columns, zero being positive."""
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
    # The zeros that are not stored are one entry, whose row plays no part.
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
    """Return missing, present, low, high, mean, rest, square and wholeness of columns."""
    values, weight, _, first = entries
    lengths = _lengths(entries)
    absent = np.isnan(values)
    whole = np.logical_and.reduceat((np.rint(values) == values) | absent, first)
    low, high = np.fmin.reduceat(values, first), np.fmax.reduceat(values, first)
    if weight is None:
        missing = np.add.reduceat(absent, first, dtype=np.float64)
        there, present = ~absent, lengths - missing
    else:
        missing = np.add.reduceat(weight * absent, first)
        there = weight * ~absent
        present = np.add.reduceat(there, first)
    divisor = np.where(present > 0, present, 1.0)
    filled = np.where(absent, 0.0, values) if absent.any() else values
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.add.reduceat(filled * there, first) / divisor
        around = filled - np.repeat(mean, lengths)
        weighted = around * there
        rest = np.add.reduceat(weighted, first) / divisor
        square = np.add.reduceat(around * weighted, first) - rest**2 * present
    return missing, present, low, high, mean, rest, np.maximum(square, 0.0), whole


def _hashed(values):
    """Return 64 bits for each value: equal ones for equal values, and 0 for 0."""
    return _mix(np.where(np.isnan(values), NO_VALUE, values.view(np.uint64)))


def _digest(entries, bits, keys):
    """Return the hash of each column: a sum over its entries, in which zeros are 0."""
    if entries.rows is None:
        return bits.reshape(len(entries.first), -1) @ keys
    return np.add.reduceat(bits[:, None] * keys[entries.rows], entries.first)


def _mix(bits):
    """Mix the bits of 64-bit integers, one to one; 0 stays 0."""
    bits = (bits ^ (bits >> np.uint64(30))) * MIX
    bits = (bits ^ (bits >> np.uint64(27))) * MIX_AGAIN
    return bits ^ (bits >> np.uint64(31))


# Frequent values.


def _frequent(entries, bits, present, n_rows, candidates):
    """Return values, counts, bounds and slack of each column; and values without a repeat.

    The latter only of the columns that are `candidates`. Columns are sorted if they are,
    or if they have a bucket of hashed values so heavy that one of these may be frequent.
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
    """Return the weight of the heaviest bucket of hashed values of each column."""
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
    """Merge the values of columns that have repeated none on either side."""
    if seen is None or other is None:
        return None
    pairs = {j: np.sort(np.concatenate([seen[j], other[j]])) for j in seen if j in other}
    return {j: values for j, values in pairs.items() if (values[1:] != values[:-1]).all()}


def _merge_frequent(state, other):
    """Merge tables of frequent values, as in the space-saving algorithm.

    An upper bound, not the count, decides what stays (Metwally, Agrawal and El Abbadi,
    2005): a value that was rare and becomes frequent gets in.
    """
    sides = state, other
    values = np.concatenate([side.values for side in sides], axis=1)
    counts = np.concatenate([side.counts for side in sides], axis=1)
    bounds = np.concatenate([side.bounds for side in sides], axis=1)
    # Where only one side tracks a value, the other may hold as much as its slack.
    unseen = [np.repeat(other.slack[:, None], state.values.shape[1], axis=1)]
    unseen.append(np.repeat(state.slack[:, None], other.values.shape[1], axis=1))
    more = np.concatenate(unseen, axis=1)
    order = np.argsort(values, axis=1, kind="stable")
    values, counts, bounds, more = _take(order, values, counts, bounds, more)
    twin = values[:, 1:] == values[:, :-1]
    counts[:, :-1] += np.where(twin, counts[:, 1:], 0.0)
    bounds[:, :-1] += np.where(twin, bounds[:, 1:], more[:, :-1])
    bounds[:, -1:] += more[:, -1:]
    bounds[:, 1:][twin] = 0.0  # it went into the one before
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
    """Cut off the end at which no column has a value."""
    width = int((~np.isnan(values)).sum(axis=1).max(initial=0))
    return [array[:, :width].copy() for array in (values, *others)]
