"""Contingency: how alike columns of categories are, to each other and to numbers.

`cramer_tile` makes Cramer's V between columns of categories, `ratio_tile` the correlation
ratio between columns of numbers and of categories; both as tiles for `redundancy`. All
tables of counts come from one sparse product of one-hot columns.

Pairs are compared over the rows that both have, and a weight is a number of repetitions.
Many categories look associated by chance: an identifier would be perfectly associated with
everything. So what chance alone is expected to give is taken out (Bergsma for V, Kelley for
the ratio). Two columns that name the same categories still have V = 1, and what is undefined
is 0. Strengths are rounded as those of `association`, so that ties are ties.

References
----------
W. Bergsma, "A bias-correction for Cramer's V and Tschuprow's T", Journal of the Korean
Statistical Society 42(3), 2013.

T. L. Kelley, "An unbiased correlation ratio measure", PNAS 21(9), 1935.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from skprune.arrays.rounding import round_scores
from skprune.criteria.association import PIECE, correlation_tile, pieces, standardized

# A column varies on the rows that a pair shares if its sum of squares there is above this
# share of what it is around the mean of all rows: below it there are rounding errors only.
CONSTANT = 1e-12


class Categories(NamedTuple):
    """Columns of categories, and the rows that count.

    Attributes
    ----------
    codes : ndarray of uint8, shape (n_rows, n_columns)
        Codes from 1 up; 0 where there is no value. Only rows that count.
    n_categories : ndarray of int, shape (n_columns,)
        The codes of a column are at most this; some may be those of no row.
    weight : ndarray of shape (n_rows,) or None
        Weights of these rows.
    """

    codes: Any
    n_categories: Any
    weight: Any


def describe_categories(codes, n_codes, sample_weight=None):
    """Read columns of codes.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_rows, n_columns)
        Codes from 1 up; 0 where there is no value.
    n_codes : ndarray of int, shape (n_columns,)
        The codes of a column are below this.
    sample_weight : ndarray of shape (n_rows,), default=None
        Non-negative weights; a weight of 2 equals the row twice.

    Returns
    -------
    Categories
        Without the rows of weight 0.
    """
    if sample_weight is None:
        return Categories(codes, n_codes - 1, None)
    rows = np.flatnonzero(sample_weight)
    weight = np.asarray(sample_weight, dtype=np.float64)[rows]
    return Categories(codes[rows], n_codes - 1, weight)


def _one_hot(table, columns, rows=slice(None)):
    """Return the one-hot columns of some columns, and where each begins.

    The rows are multiplied by the roots of their weights, so that products count weights.
    """
    codes = table.codes[rows][:, columns]
    n_categories = table.n_categories[columns]
    starts = np.cumsum(n_categories) - n_categories
    place = codes + (starts - 1)
    there = codes > 0
    ends = np.append(0, np.cumsum(np.count_nonzero(there, axis=1)))
    root = np.ones(len(codes)) if table.weight is None else np.sqrt(table.weight[rows])
    data = np.repeat(root, np.diff(ends))
    return csr_array((data, place[there], ends), shape=(len(codes), n_categories.sum())), starts


def cramer_tile(left, right, a, b, *, corrected=True):
    """Return Cramer's V of each of some columns with each of others.

    Parameters
    ----------
    left, right : Categories
        Tables of the same rows and weights; may be the same.
    a, b : ndarray of int, shape (n_a,) and (n_b,)
        Columns of `left` and of `right`.
    corrected : bool, default=True
        Whether to take out what chance is expected to give.

    Returns
    -------
    ndarray of shape (n_a, n_b)
        Values in [0, 1], rounded to 13 decimals; 0 where a column has one category.

    Notes
    -----
    With counts n_ij of a pair, margins r_i and c_j: phi^2 = sum n_ij^2 / (r_i c_j) - 1 and
    V^2 = phi^2 / min(R - 1, C - 1), for R and C categories that occur. Corrected:
    phi^2 - (R - 1)(C - 1)/(n - 1), at least 0, and R - (R - 1)^2/(n - 1), C alike.
    O(n_rows * n_a * n_b) plus the size of all tables of counts, which are in memory.
    """
    hot_a, rows = _one_hot(left, a)
    hot_b, columns = _one_hot(right, b)
    counts = (hot_a.T @ hot_b).toarray()
    by_row = np.add.reduceat(counts, columns, axis=1)
    by_column = np.add.reduceat(counts, rows, axis=0)
    n = np.add.reduceat(by_row, rows, axis=0)
    n_rows = np.add.reduceat((by_row > 0).astype(np.float64), rows, axis=0)
    n_columns = np.add.reduceat((by_column > 0).astype(np.float64), columns, axis=1)
    expected = np.repeat(by_row, right.n_categories[b], axis=1)
    expected *= np.repeat(by_column, left.n_categories[a], axis=0)
    np.square(counts, out=counts)
    np.divide(counts, expected, out=counts, where=expected > 0)
    phi2 = np.add.reduceat(np.add.reduceat(counts, rows, axis=0), columns, axis=1) - 1.0
    if corrected:
        others = np.where(n > 1, n - 1, np.inf)
        phi2 -= (n_rows - 1) * (n_columns - 1) / others
        n_rows -= (n_rows - 1) ** 2 / others
        n_columns -= (n_columns - 1) ** 2 / others
    smaller = np.minimum(n_rows, n_columns) - 1
    defined = (smaller > CONSTANT) & (phi2 > 0)
    found = np.divide(phi2, smaller, out=np.zeros_like(phi2), where=defined)
    return round_scores(np.sqrt(np.clip(found, 0.0, 1.0)))


def ratio_tile(numbers, categories, a, b, *, corrected=True):
    """Return the correlation ratio of columns of numbers with columns of categories.

    Parameters
    ----------
    numbers : Table
        Columns of numbers, as `association.describe` returns them.
    categories : Categories
        Columns of the same rows and weights.
    a, b : ndarray of int, shape (n_a,) and (n_b,)
        Columns of `numbers` and of `categories`.
    corrected : bool, default=True
        Whether to take out what chance is expected to give.

    Returns
    -------
    ndarray of shape (n_a, n_b)
        Eta: root of the share of the variance of the numbers that lies between the
        categories, in [0, 1], rounded to 13 decimals.

    Notes
    -----
    Corrected, eta^2 is 1 - (1 - eta^2)(n - 1)/(n - C), at least 0, for C categories that
    occur. O(n_rows * n_a * n_b), in sparse products with the one-hot categories.
    """
    ends = np.cumsum(categories.n_categories[b])
    starts = ends - categories.n_categories[b]
    sums, squares, counts = np.zeros((3, ends[-1], len(a)))
    for piece in pieces(numbers.X, numbers.rows, max(len(a), len(b)), PIECE):
        hot, _ = _one_hot(categories, b, piece)
        values, weighted, present = standardized(numbers, piece, a)
        root = np.ones(len(values)) if numbers.weight is None else np.sqrt(numbers.weight[piece])
        there = np.repeat(root[:, None], len(a), axis=1)
        there[:, numbers.incomplete[a]] = present
        sums += hot.T @ weighted
        squares += hot.T @ (values * weighted)
        counts += hot.T @ there
    between = np.divide(sums**2, counts, out=np.zeros_like(sums), where=counts > 0)
    occurs = (counts > 0).astype(np.float64)
    total, n, between, square, n_categories = (
        np.add.reduceat(part, starts, axis=0).T for part in (sums, counts, between, squares, occurs)
    )
    around = np.divide(total**2, n, out=np.zeros_like(total), where=n > 0)
    varies = square - around > CONSTANT * square
    share = np.divide(between - around, square - around, out=np.zeros_like(n), where=varies)
    if corrected:
        free = n - n_categories
        ratio = np.divide(n - 1, free, out=np.ones_like(n), where=free > 0)
        share = np.where(free > 0, 1 - (1 - share) * ratio, 0.0)
    return round_scores(np.sqrt(np.clip(share, 0.0, 1.0)))


class Kinds(NamedTuple):
    """Columns of numbers and of categories, side by side.

    Attributes
    ----------
    numbers : Table
        All columns; those of categories are not read.
    categories : Categories
        All columns; those of numbers are not read.
    nominal : ndarray of bool, shape (n_columns,)
        Columns that hold categories.
    """

    numbers: Any
    categories: Any
    nominal: Any


def mixed_tile(left, right, a, b):
    """Return how alike each of some columns is to each of others, by their kinds.

    Parameters
    ----------
    left, right : Kinds
        Tables of the same rows and weights; may be the same.
    a, b : ndarray of int, shape (n_a,) and (n_b,)
        Columns of `left` and of `right`.

    Returns
    -------
    ndarray of shape (n_a, n_b)
        Pearson's correlation of two columns of numbers, Cramer's V of two of categories,
        correlation ratio of one of each.
    """
    tile = np.zeros((len(a), len(b)))
    for kind_a in (False, True):
        rows = np.flatnonzero(left.nominal[a] == kind_a)
        for kind_b in (False, True):
            columns = np.flatnonzero(right.nominal[b] == kind_b)
            if not (len(rows) and len(columns)):
                continue
            some, others = a[rows], b[columns]
            if kind_a and kind_b:
                found = cramer_tile(left.categories, right.categories, some, others)
            elif kind_a:
                found = ratio_tile(right.numbers, left.categories, others, some).T
            elif kind_b:
                found = ratio_tile(left.numbers, right.categories, some, others)
            else:
                found = correlation_tile(left.numbers, right.numbers, some, others)
            tile[np.ix_(rows, columns)] = found
    return tile
