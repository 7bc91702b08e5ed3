"""Association: how alike columns are, and which of them say nothing new.

`describe` reads how to standardise each column of a table, and `correlation_tile` makes the
correlations of one block of columns with another out of it, by GEMM, a piece of the rows at
a time. No standardised copy of the table is ever made: beside the table, at most ten arrays
of 16 MB are alive, whatever its size. `target_strength` and `class_strength` say how
strongly each column goes with a target.

Columns are correlated over the rows that both have (pairwise complete). A weight is a
number of repetitions. What is undefined (a column that is constant or empty on the rows
that count) is a correlation of 0.

Correlations are rounded to 13 decimals. So a pair whose correlation is mathematically 0.9
is not above a threshold of 0.9, and equal correlations are equal, although rounding
errors differ with block sizes, weights and the number of threads.
"""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.blocks import block_size, even_blocks
from skprune.arrays.rounding import round_scores

# Columns per block, at most: large enough for GEMM to run at full speed and for its work to
# outweigh standardising the two blocks anew.
BLOCK_COLUMNS = 1024
# Elements of one piece of a block (16 MB), and of the smaller pieces that stay in the
# processor's cache while their moments are taken.
PIECE = 2**21
CACHED_PIECE = 2**16
# A pair whose variance, on the rows that it shares, is below this share of the second moment
# around the column's own mean has lost too many digits: it is computed in two passes.
CANCELLED = 1e-3
# Integers up to here are exact in float32, halves up to half of it.
EXACT_FLOAT32 = 2**23


class Table(NamedTuple):
    """Columns, and how to standardise them to mean 0 and sum of squares 1.

    Attributes
    ----------
    X : ndarray of shape (n_rows, n_columns)
        The values as given, NaN where there is none.
    rows : ndarray of int or None
        Rows that count, if not all do.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows that count.
    total : float
        Sum of the weights.
    present : ndarray of shape (n_columns,)
        Sum of the weights of the rows that have a value.
    incomplete : ndarray of bool, shape (n_columns,)
        Columns in which some row that counts has no value.
    scale : ndarray of shape (n_columns,) or None
        Powers of two that bring huge and tiny values within the range of squares.
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
    """Read off a table how to standardise its columns.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns), float64 or float32
        Finite values and NaN.
    sample_weight : ndarray of shape (n_rows,), default=None
        Non-negative weights, not all zero; a weight of 2 equals the row twice.

    Returns
    -------
    Table
        Holds `X` itself, not a copy; a sparse one by rows, of which pieces are made dense.

    Notes
    -----
    O(n_rows * n_columns), in float64 whatever the type of `X`.
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
    # Squares that overflowed, or vanished although the values differ: once more, scaled.
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
    """Return lowest, highest, present weight, incompleteness, mean and sum of squares.

    The sums of squares are around the mean. Pieces of rows are merged as in Chan, Golub
    and LeVeque (1983), so nothing cancels. O(n_rows * n_columns).
    """
    n_columns = X.shape[1]
    parts = []
    for columns in even_blocks(0, n_columns, BLOCK_COLUMNS):
        index = np.arange(n_columns)[columns]
        state = (np.nan, np.nan, np.zeros(len(index)), False, np.zeros(len(index)), 0.0)
        with np.errstate(over="ignore", invalid="ignore"):
            for piece in pieces(X, rows, len(index), CACHED_PIECE):
                values = _gather(X, rows, piece, index)
                if scale is not None:
                    values *= scale[index]
                state = _merge(state, values, None if weight is None else weight[piece])
        parts.append(state)
    return tuple(np.concatenate(moment) for moment in zip(*parts, strict=True))


def _merge(state, values, weight):
    """Add a piece of rows to the moments of its columns; `values` is overwritten."""
    low, high, present, incomplete, mean, square = state
    low = np.fmin(low, np.fmin.reduce(values))
    high = np.fmax(high, np.fmax.reduce(values))
    absent = np.isnan(values)
    lacks = absent.any(axis=0)
    values[absent] = 0.0
    there = np.ones(1) if weight is None else weight[:, None]
    if lacks.any():
        there = ~absent * there
    added = np.broadcast_to(there, values.shape).sum(axis=0, dtype=np.float64)
    divisor = np.where(added > 0, added, 1.0)
    own_mean = (values * there).sum(axis=0) / divisor
    values -= own_mean
    weighted = values * there
    # What rounding left in the mean is taken out of both moments.
    rest = weighted.sum(axis=0) / divisor
    own_square = np.einsum("ij,ij->j", values, weighted) - rest**2 * added
    shift = own_mean + rest - mean
    total = present + added
    share = added / np.where(total > 0, total, 1.0)
    square = square + np.maximum(own_square, 0.0) + shift**2 * present * share
    return low, high, total, incomplete | lacks, mean + shift * share, square


def pieces(X, rows, n_columns, n_elements):
    """Cut the rows that count into slices of about `n_elements` in `n_columns` columns."""
    n_rows = X.shape[0] if rows is None else len(rows)
    return even_blocks(0, n_rows, block_size(n_elements, n_columns))


def _gather(X, rows, piece, columns):
    """Copy a piece of the rows of some columns as float64, along the memory of `X`."""
    if hasattr(X, "tocsr"):
        part = X[piece if rows is None else rows[piece]][:, columns].toarray()
    elif rows is not None:
        part = X[rows[piece, None], columns]
    elif X.flags.c_contiguous:
        part = np.take(X[piece], columns, axis=1)
    else:
        part = X.T[columns, piece].T
    return part.astype(np.float64, copy=False)


def standardized(table, piece, columns):
    """Standardise a piece of some columns, with 0 for what is absent.

    Returns
    -------
    values : ndarray of shape (n_piece, n_columns)
        Standardised values.
    weighted : ndarray of shape (n_piece, n_columns)
        The same times the roots of the weights.
    there : ndarray of shape (n_piece, n_incomplete)
        Roots of the weights where the incomplete ones of `columns` have a value, else 0.
    """
    values = _gather(table.X, table.rows, piece, columns)
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
    there = (~absent).astype(np.float64)
    if table.weight is None:
        return values, values, there
    root = np.sqrt(table.weight[piece, None])
    return values, values * root, there * root


def correlation_tile(left, right, a, b):
    """Correlate each of some columns with each of others, over the rows that both have.

    Parameters
    ----------
    left, right : Table
        Tables of the same rows and weights; may be the same.
    a, b : ndarray of int, shape (n_a,) and (n_b,)
        Columns of `left` and of `right`; the same object twice costs half.

    Returns
    -------
    ndarray of shape (n_a, n_b)
        Pearson correlations, in [-1, 1] and rounded to 13 decimals.

    Notes
    -----
    With Z the standardised values (0 where absent), M the 0/1 mask of what is present and
    N = Ma'Mb, S = Za'Mb, Q = (Za*Za)'Mb (and alike with the sides swapped), P = Za'Zb:
    covariance P - S_ab S_ba / N, variances Q - S*S / N. One GEMM if no value is absent,
    O(n_rows * n_a * n_b); up to six for the pairs with an incomplete column. The few
    pairs in which these differences cancel are computed in two passes, O(n_rows) each.
    """
    same = left is right and a is b
    sums: list[Any] = [0.0] * 6
    for piece in pieces(left.X, left.rows, max(len(a), len(b)), PIECE):
        side_a = standardized(left, piece, a)
        side_b = side_a if same else standardized(right, piece, b)
        for i, product in enumerate(_products(side_a, side_b, same=same)):
            sums[i] += product
    found = sums[0]
    if left.incomplete[a].any() or right.incomplete[b].any():
        found, cancelled = _pairwise(left, right, a, b, sums)
        _repair(left, right, a, b, found, cancelled)
    return round_scores(np.clip(found, -1.0, 1.0, out=found), out=found)


def _products(side_a, side_b, *, same):
    """Return P, N, S_ab, Q_ab, S_ba, Q_ba of one piece, restricted to incomplete columns."""
    (values_a, weighted_a, there_a), (values_b, weighted_b, there_b) = side_a, side_b
    cross = weighted_a.T @ weighted_b
    shared = there_a.T @ there_b
    if not (there_a.shape[1] or there_b.shape[1]):
        return (cross,)
    sum_a, square_a = weighted_a.T @ there_b, (values_a * weighted_a).T @ there_b
    if same:
        return cross, shared, sum_a, square_a, sum_a.T, square_a.T
    sum_b, square_b = there_a.T @ weighted_b, there_a.T @ (values_b * weighted_b)
    return cross, shared, sum_a, square_a, sum_b, square_b


def _pairwise(left, right, a, b, sums):
    """Turn sums over shared rows into correlations; say which of them cancelled."""
    cross, shared, sum_ab, square_ab, sum_ba, square_ba = sums
    in_a, in_b = np.flatnonzero(left.incomplete[a]), np.flatnonzero(right.incomplete[b])
    # A complete column shares all rows of the other, on which the other is standardised.
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
        cancelled &= n > 1.5  # a single row has no correlation
    found[~(sound & alive)] = 0.0
    return found, cancelled


def _repair(left, right, a, b, found, cancelled):
    """Compute the cancelled pairs again, in two passes; `found` is overwritten."""
    every = slice(None)
    for i in np.flatnonzero(cancelled.any(axis=1)):
        x = _gather(left.X, left.rows, every, a[i : i + 1])
        x = x if left.scale is None else x * left.scale[a[i]]
        with_i = np.flatnonzero(cancelled[i])
        for span in even_blocks(0, len(with_i), block_size(PIECE, len(x))):
            others = with_i[span]
            y = _gather(right.X, right.rows, every, b[others])
            y = y if right.scale is None else y * right.scale[b[others]]
            absent = np.isnan(x) | np.isnan(y)
            found[i, others] = _two_pass(np.where(absent, np.nan, x), y, absent, left.weight)


def _two_pass(x, y, absent, weight):
    """Correlate the columns of `x` and `y`, each pair over its own rows."""
    y[absent] = np.nan
    there = ~absent * (1.0 if weight is None else weight[:, None])
    total = there.sum(axis=0)
    constant = np.zeros(y.shape[1], dtype=bool)
    deviations = []
    for values in (x, y):
        constant |= ~(np.fmin.reduce(values) < np.fmax.reduce(values))
        around = np.where(absent, 0.0, values)
        for _ in range(2):  # the second time takes out what rounding left in the mean
            mean = (around * there).sum(axis=0) / np.where(total > 0, total, 1.0)
            around = np.where(absent, 0.0, around - mean)
        deviations.append(around / np.where(constant, 1.0, np.abs(around).max(axis=0)))
    x, y = deviations
    norm = np.sqrt((x * x * there).sum(axis=0) * (y * y * there).sum(axis=0))
    defined = ~constant & (norm > 0)
    return np.divide((x * y * there).sum(axis=0), norm, out=np.zeros_like(norm), where=defined)


def ranks(X, sample_weight=None):
    """Rank each column, ties at their average and NaN left out.

    Pearson correlations of ranks are Spearman's. Columns are ranked one by one, so a row
    that one of two columns lacks still counts in the ranks of the other.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Finite values and NaN.
    sample_weight : ndarray of shape (n_rows,), default=None
        Non-negative weights; a weight of 2 equals the row twice.

    Returns
    -------
    ndarray of shape (n_rows, n_columns), in Fortran order
        Ranks from 0.5 up (only differences matter), NaN where `X` is. In float32, half the
        memory of a float64 table, where that is exact, else in float64.

    Notes
    -----
    O(n_rows log n_rows) per column; the one copy of the table that Spearman needs.
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
    """Return how strongly each column goes with a numeric target.

    Parameters
    ----------
    table : Table
        The columns.
    y : ndarray of shape (n_rows,)
        Finite target.

    Returns
    -------
    ndarray of shape (n_columns,)
        Absolute Pearson correlation, over the rows that have the column.

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
    """Return how strongly each column goes with a target of classes.

    Parameters
    ----------
    table : Table
        The columns.
    codes : ndarray of int, shape (n_rows,)
        Class of each row, from 0 up.

    Returns
    -------
    ndarray of shape (n_columns,)
        Correlation ratio (eta), in [0, 1]: root of the share of the column's variance
        that lies between the classes. With two classes, the absolute correlation with
        either's indicator.

    Notes
    -----
    A GEMM with the one-hot classes O: eta^2 = sum of (Z'O)^2 / (M'O) over the classes,
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
        for piece in pieces(table.X, table.rows, max(len(index), n_classes), PIECE):
            one_hot = (codes[piece, None] == np.arange(n_classes)) * root[piece, None]
            _, weighted, there = standardized(table, piece, index)
            sums += weighted.T @ one_hot
            counts[incomplete] += there.T @ one_hot
        share = np.divide(sums**2, counts, out=np.zeros_like(sums), where=counts > 0)
        strength[block] = np.sqrt(np.clip(share.sum(axis=1), 0.0, 1.0))
    return round_scores(strength)


def correlation_tiles(table, members):
    """Lay out the correlations of a table's columns as tiles.

    Parameters
    ----------
    table : Table
        The columns; of `ranks` for Spearman's correlations.
    members : list of ndarray of int
        The columns of each block.

    Returns
    -------
    callable
        ``make(i, j)`` gives the correlations between the columns of two blocks: in the
        same way, so to the same bits, whoever asks.
    """
    return lambda i, j: correlation_tile(table, table, members[i], members[j])
