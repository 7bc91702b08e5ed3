"""Association: blockwise correlations of columns with each other and with a target.

`describe` computes how to standardise each column of a table. From that, `correlation_tile`
computes the correlations of one block of columns with another by GEMM, a chunk of rows at a
time. The table is never copied as a whole: besides it, at most ten arrays of 16 MB are in
memory. `target_strength` and `class_strength` measure the association of each column with a
target.

Correlations are pairwise complete: over the rows in which both columns have a value. Weights
are numbers of repetitions. An undefined correlation (a column that is constant or empty on
the rows with positive weight) is 0.

Correlations are rounded to 13 decimals. So a correlation that is mathematically 0.9 is not
above a threshold of 0.9, and equal correlations compare equal although rounding errors vary
with block sizes, weights and the number of threads.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.blocks import block_size, even_blocks
from skprune.arrays.rounding import round_scores

# Maximum number of columns per block: large enough for GEMM to run at full speed and for its
# cost to dominate that of standardising both blocks again for every tile.
BLOCK_COLUMNS = 1024
# Elements per chunk of rows of a block (16 MB), and per smaller chunk that stays in the
# processor's cache while its moments are computed.
CHUNK = 2**21
CACHED_CHUNK = 2**16
# If the variance of a column on the rows shared with another is below this fraction of the
# second moment about its overall mean, too many digits cancel: two passes are used instead.
CANCELLED = 1e-3
# Multiples of 1/2 are exact in float32 up to this.
EXACT_FLOAT32 = 2**23


class Table(NamedTuple):
    """Columns and the statistics that standardise them to mean 0 and sum of squares 1.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_columns)
        The values as given, NaN where missing.
    rows : ndarray of int or None
        Rows with positive weight; None for all rows.
    weight : ndarray of shape (n_rows,) or None
        Weights of these rows.
    total : float
        Sum of the weights.
    present : ndarray of shape (n_columns,)
        Sum of the weights of the rows with a value.
    incomplete : ndarray of bool, shape (n_columns,)
        Columns with missing values in rows of positive weight.
    scale : ndarray of shape (n_columns,) or None
        Powers of two that keep squares of huge and tiny values in range.
    center, factor : ndarray of shape (n_columns,)
        ``(x * scale - center) * factor`` is standardised; `factor` is 0 for columns that
        are constant or empty.
    variance : ndarray of shape (n_columns,)
        Variance of each column; 0 where undefined.
    """

    X: Any
    rows: Any
    weight: Any
    total: float
    present: Any
    incomplete: Any
    scale: Any
    center: Any
    factor: Any
    variance: Any


def describe(X, sample_weight=None):
    """Compute how to standardise the columns of a table.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns), float64 or float32
        Finite values and NaN.
    sample_weight : ndarray of shape (n_rows,), default=None
        Non-negative weights, not all zero; a weight of 2 equals the row twice.

    Returns
    -------
    Table
        Holds `X` itself, not a copy; a sparse `X` in CSR format, densified in chunks of rows.

    Notes
    -----
    O(n_rows * n_columns), in float64 whatever the dtype of `X`.
    """
    rows = weight = None
    X = X.tocsr() if hasattr(X, "tocsr") else X
    total = float(X.shape[0])
    if sample_weight is not None:
        weight = np.asarray(sample_weight, dtype=np.float64)
        if not weight.all():
            rows = np.flatnonzero(weight)
            weight = weight[rows]
        total = float(weight.sum())
    moments = partial(_moments, X, rows, weight)
    low, high, present, incomplete, mean, square = moments(None)
    scale = None
    # Repeat with scaled values where squares overflowed, or underflowed for distinct values.
    extreme = ~(np.isfinite(square) & np.isfinite(mean)) | ((square < 1e-280) & (low < high))
    if extreme.any():
        exponent = np.frexp(np.maximum(np.abs(low), np.abs(high)))[1]
        scale = np.ldexp(1.0, np.where(extreme, np.clip(-exponent, -1000, 1000), 0))
        *_, mean, square = moments(scale)
    varies = (low < high) & (square > 0)
    factor = np.divide(1.0, np.sqrt(square), out=np.zeros_like(square), where=varies)
    variance = np.divide(square, present, out=np.zeros_like(square), where=varies)
    if scale is not None:
        with np.errstate(over="ignore", under="ignore"):
            variance = variance / scale / scale
    return Table(X, rows, weight, total, present, incomplete, scale, mean, factor, variance)


def _moments(X, rows, weight, scale):
    """Return minimum, maximum, present weight, incompleteness, mean and sum of squares.

    The sums of squares are about the mean. Chunks of rows are combined as in Chan, Golub
    and LeVeque (1983), which avoids cancellation. O(n_rows * n_columns).
    """
    n_columns = X.shape[1]
    parts = []
    for columns in even_blocks(0, n_columns, BLOCK_COLUMNS):
        index = np.arange(n_columns)[columns]
        state = (np.nan, np.nan, np.zeros(len(index)), False, np.zeros(len(index)), 0.0)
        with np.errstate(over="ignore", invalid="ignore"):
            for chunk in row_chunks(X, rows, len(index), CACHED_CHUNK):
                values = _gather(X, rows, chunk, index)
                if scale is not None:
                    values *= scale[index]
                state = _add_chunk(state, values, None if weight is None else weight[chunk])
        parts.append(state)
    return tuple(np.concatenate(moment) for moment in zip(*parts, strict=True))


def _add_chunk(state, values, weight):
    """Add a chunk of rows to the moments of its columns; `values` is overwritten."""
    low, high, present, incomplete, mean, square = state
    low = np.fmin(low, np.fmin.reduce(values))
    high = np.fmax(high, np.fmax.reduce(values))
    absent = np.isnan(values)
    has_missing = absent.any(axis=0)
    values[absent] = 0.0
    own_weight = np.ones(1) if weight is None else weight[:, None]
    if has_missing.any():
        own_weight = ~absent * own_weight
    added = np.broadcast_to(own_weight, values.shape).sum(axis=0, dtype=np.float64)
    divisor = np.where(added > 0, added, 1.0)
    own_mean = (values * own_weight).sum(axis=0) / divisor
    values -= own_mean
    weighted = values * own_weight
    # Correct both moments for the rounding error of the mean.
    error = weighted.sum(axis=0) / divisor
    own_square = np.einsum("ij,ij->j", values, weighted) - error**2 * added
    shift = own_mean + error - mean
    total = present + added
    share = added / np.where(total > 0, total, 1.0)
    square = square + np.maximum(own_square, 0.0) + shift**2 * present * share
    return low, high, total, incomplete | has_missing, mean + shift * share, square


def row_chunks(X, rows, n_columns, n_elements):
    """Split the rows with positive weight into slices of about `n_elements` elements each."""
    n_rows = X.shape[0] if rows is None else len(rows)
    return even_blocks(0, n_rows, block_size(n_elements, n_columns))


def _gather(X, rows, chunk, columns):
    """Copy a chunk of rows of some columns as float64, in the memory order of `X`."""
    if hasattr(X, "tocsr"):
        part = X[chunk if rows is None else rows[chunk]][:, columns].toarray()
    elif rows is not None:
        part = X[rows[chunk, None], columns]
    elif X.flags.c_contiguous:
        part = np.take(X[chunk], columns, axis=1)
    else:
        part = X.T[columns, chunk].T
    return part.astype(np.float64, copy=False)


def standardized(table, chunk, columns):
    """Standardise a chunk of rows of some columns, missing values imputed by 0.

    Parameters
    ----------
    table : Table
        The columns.
    chunk : slice
        Rows, among those with positive weight.
    columns : ndarray of int
        Columns.

    Returns
    -------
    values : ndarray of shape (n_chunk, n_columns)
        Standardised values.
    weighted : ndarray of shape (n_chunk, n_columns)
        The same times the square roots of the weights.
    present : ndarray of shape (n_chunk, n_incomplete)
        Square roots of the weights where the incomplete ones of `columns` have a value,
        else 0. O(n_chunk * n_columns).
    """
    values = _gather(table.X, table.rows, chunk, columns)
    if table.scale is not None:
        values *= table.scale[columns]
    values -= table.center[columns]
    values *= table.factor[columns]
    incomplete = np.flatnonzero(table.incomplete[columns])
    absent = np.isnan(values[:, incomplete])
    if len(incomplete) == len(columns):
        values[absent] = 0.0
    else:
        values[:, incomplete] = np.where(absent, 0.0, values[:, incomplete])
    present = (~absent).astype(np.float64)
    if table.weight is None:
        return values, values, present
    root = np.sqrt(table.weight[chunk, None])
    return values, values * root, present * root


def correlation_tile(left, right, a, b):
    """Return the pairwise complete correlations of two sets of columns.

    Parameters
    ----------
    left, right : Table
        Tables of the same rows and weights; may be identical.
    a, b : ndarray of int, shape (n_a,) and (n_b,)
        Columns of `left` and of `right`; half the cost if both are the same object.

    Returns
    -------
    ndarray of shape (n_a, n_b)
        Pearson correlations, in [-1, 1] and rounded to 13 decimals.

    Notes
    -----
    With Z the standardised values (0 where missing), M the 0/1 mask of present values and
    N = Ma'Mb, S = Za'Mb, Q = (Za*Za)'Mb (also with the sides swapped), P = Za'Zb:
    covariance P - S_ab S_ba / N, variances Q - S*S / N. One GEMM if no value is missing,
    O(n_rows * n_a * n_b); up to six for the pairs with an incomplete column. The few
    pairs in which these differences cancel are computed in two passes, O(n_rows) each.
    """
    same = left is right and a is b
    sums: list[Any] = [0.0] * 6
    for chunk in row_chunks(left.X, left.rows, max(len(a), len(b)), CHUNK):
        side_a = standardized(left, chunk, a)
        side_b = side_a if same else standardized(right, chunk, b)
        for i, product in enumerate(_products(side_a, side_b, same=same)):
            sums[i] += product
    found = sums[0]
    if left.incomplete[a].any() or right.incomplete[b].any():
        found, cancelled = _pairwise(left, right, a, b, sums)
        _recompute(left, right, a, b, found, cancelled)
    return round_scores(np.clip(found, -1.0, 1.0, out=found), out=found)


def _products(side_a, side_b, *, same):
    """Return P, N, S_ab, Q_ab, S_ba, Q_ba of one chunk, restricted to incomplete columns."""
    (values_a, weighted_a, present_a), (values_b, weighted_b, present_b) = side_a, side_b
    cross = weighted_a.T @ weighted_b
    shared = present_a.T @ present_b
    if not (present_a.shape[1] or present_b.shape[1]):
        return (cross,)
    sum_a, square_a = weighted_a.T @ present_b, (values_a * weighted_a).T @ present_b
    if same:
        return cross, shared, sum_a, square_a, sum_a.T, square_a.T
    sum_b, square_b = present_a.T @ weighted_b, present_a.T @ (values_b * weighted_b)
    return cross, shared, sum_a, square_a, sum_b, square_b


def _pairwise(left, right, a, b, sums):
    """Return the correlations from sums over shared rows, and where digits cancelled."""
    cross, shared, sum_ab, square_ab, sum_ba, square_ba = sums
    in_a, in_b = np.flatnonzero(left.incomplete[a]), np.flatnonzero(right.incomplete[b])
    # With a complete column, the shared rows are those that standardised the other column.
    n = np.minimum.outer(left.present[a], right.present[b])
    n[np.ix_(in_a, in_b)] = shared
    sum_a, sum_b = np.zeros_like(cross), np.zeros_like(cross)
    square_a, square_b = np.ones_like(cross), np.ones_like(cross)
    sum_a[:, in_b], square_a[:, in_b] = sum_ab, square_ab
    sum_b[in_a], square_b[in_a] = sum_ba, square_ba
    with np.errstate(divide="ignore", invalid="ignore"):
        variance_a = square_a - sum_a**2 / n
        variance_b = square_b - sum_b**2 / n
        found = (cross - sum_a * sum_b / n) / np.sqrt(variance_a * variance_b)
    sound = (variance_a > CANCELLED * square_a) & (variance_b > CANCELLED * square_b)
    alive = np.logical_and.outer(left.factor[a] > 0, right.factor[b] > 0)
    cancelled = ~sound & alive & (square_a > 0) & (square_b > 0)
    if left.weight is None:
        cancelled &= n > 1.5  # undefined on a single row
    found[~(sound & alive)] = 0.0
    return found, cancelled


def _recompute(left, right, a, b, found, cancelled):
    """Recompute the cancelled pairs in two passes; `found` is overwritten."""
    every = slice(None)
    for i in np.flatnonzero(cancelled.any(axis=1)):
        x = _gather(left.X, left.rows, every, a[i : i + 1])
        x = x if left.scale is None else x * left.scale[a[i]]
        with_i = np.flatnonzero(cancelled[i])
        for span in even_blocks(0, len(with_i), block_size(CHUNK, len(x))):
            others = with_i[span]
            y = _gather(right.X, right.rows, every, b[others])
            y = y if right.scale is None else y * right.scale[b[others]]
            absent = np.isnan(x) | np.isnan(y)
            found[i, others] = _two_pass(np.where(absent, np.nan, x), y, absent, left.weight)


def _two_pass(x, y, absent, weight):
    """Correlate the columns of `x` and `y`, each pair over the rows it shares."""
    y[absent] = np.nan
    own_weight = ~absent * (1.0 if weight is None else weight[:, None])
    total = own_weight.sum(axis=0)
    constant = np.zeros(y.shape[1], dtype=bool)
    deviations = []
    for values in (x, y):
        constant |= ~(np.fmin.reduce(values) < np.fmax.reduce(values))
        centered = np.where(absent, 0.0, values)
        for _ in range(2):  # the second iteration removes the rounding error of the mean
            mean = (centered * own_weight).sum(axis=0) / np.where(total > 0, total, 1.0)
            centered = np.where(absent, 0.0, centered - mean)
        deviations.append(centered / np.where(constant, 1.0, np.abs(centered).max(axis=0)))
    x, y = deviations
    norm = np.sqrt((x * x * own_weight).sum(axis=0) * (y * y * own_weight).sum(axis=0))
    defined = ~constant & (norm > 0)
    cross = (x * y * own_weight).sum(axis=0)
    return np.divide(cross, norm, out=np.zeros_like(norm), where=defined)


def ranks(X, sample_weight=None):
    """Rank each column; ties get their average rank, NaN stays NaN.

    Pearson correlations of ranks are Spearman's. Columns are ranked independently, so a row
    that is missing in one of two columns still counts in the ranks of the other.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Finite values and NaN.
    sample_weight : ndarray of shape (n_rows,), default=None
        Non-negative weights; a weight of 2 equals the row twice.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), in Fortran order
        Ranks, from 0.5 (only differences matter). float32 where that is exact, which takes
        half the memory, else float64.

    Notes
    -----
    O(n_rows log n_rows) per column; the only copy of the table that Spearman needs.
    """
    n_rows, n_columns = X.shape
    weight = np.ones(n_rows) if sample_weight is None else sample_weight.astype(np.float64)
    exact = weight.sum() < EXACT_FLOAT32 and not (weight % 1).any()
    out = np.empty(X.shape, dtype=np.float32 if exact else np.float64, order="F")
    starts = np.empty(n_rows, dtype=bool)
    starts[:1] = True
    for j in range(n_columns):
        order = np.argsort(X[:, j])
        ordered = X[order, j]
        np.not_equal(ordered[1:], ordered[:-1], out=starts[1:])
        group = np.cumsum(starts) - 1
        ends = np.append(np.flatnonzero(starts[1:]), n_rows - 1)
        up_to = np.cumsum(weight[order])[ends]
        middle = (up_to + np.append(0.0, up_to[:-1])) / 2
        out[order, j] = middle[group]
        out[np.isnan(X[:, j]), j] = np.nan
    return out


def target_strength(table, y):
    """Return the association of each column with a numeric target.

    Parameters
    ----------
    table : Table
        The columns.
    y : ndarray of shape (n_rows,)
        Finite target.

    Returns
    -------
    ndarray of shape (n_columns,)
        Absolute Pearson correlation, over the rows in which the column has a value.

    Notes
    -----
    O(n_rows * n_columns).
    """
    weight = table.weight
    if table.rows is not None:
        weight = np.zeros(len(y))
        weight[table.rows] = table.weight
    target = describe(np.asarray(y, dtype=np.float64)[:, None], weight)
    blocks = even_blocks(0, table.X.shape[1], BLOCK_COLUMNS)
    index, only = np.arange(table.X.shape[1]), np.arange(1)
    tiles = [correlation_tile(table, target, index[block], only) for block in blocks]
    return np.abs(np.concatenate(tiles)[:, 0])


def class_strength(table, codes):
    """Return the association of each column with class labels.

    Parameters
    ----------
    table : Table
        The columns.
    codes : ndarray of int, shape (n_rows,)
        Encoded class labels, from 0.

    Returns
    -------
    ndarray of shape (n_columns,)
        Correlation ratio (eta), in [0, 1]: square root of the between-class share of the
        column's variance. With two classes, the absolute correlation with the indicator of
        either class.

    Notes
    -----
    One GEMM with the one-hot labels O: eta^2 = sum over classes of (Z'O)^2 / (M'O).
    O(n_rows * n_columns * n_classes).
    """
    codes = codes if table.rows is None else codes[table.rows]
    n_classes = int(codes.max()) + 1
    root = np.ones(len(codes)) if table.weight is None else np.sqrt(table.weight)
    strength = np.empty(table.X.shape[1])
    for block in even_blocks(0, len(strength), BLOCK_COLUMNS):
        index = np.arange(len(strength))[block]
        incomplete = np.flatnonzero(table.incomplete[index])
        sums = np.zeros((len(index), n_classes))
        counts = np.zeros((len(index), n_classes))
        counts += np.bincount(codes, root**2, n_classes)
        counts[incomplete] = 0.0
        for chunk in row_chunks(table.X, table.rows, max(len(index), n_classes), CHUNK):
            one_hot = (codes[chunk, None] == np.arange(n_classes)) * root[chunk, None]
            _, weighted, present = standardized(table, chunk, index)
            sums += weighted.T @ one_hot
            counts[incomplete] += present.T @ one_hot
        share = np.divide(sums**2, counts, out=np.zeros_like(sums), where=counts > 0)
        strength[block] = np.sqrt(np.clip(share.sum(axis=1), 0.0, 1.0))
    return round_scores(strength)


def correlation_tiles(table, members):
    """Return a function that computes the tiles of a table's correlation matrix.

    Parameters
    ----------
    table : Table
        The columns; those of `ranks` for Spearman's correlations.
    members : list of ndarray of int
        The columns of each block.

    Returns
    -------
    callable
        ``make(i, j)`` returns the correlations between the columns of two blocks, the same
        bits on every call; cost as for `correlation_tile`.
    """
    return lambda i, j: correlation_tile(table, table, members[i], members[j])
