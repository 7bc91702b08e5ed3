"""Contingency: association of nominal columns with each other and with numeric ones.

`cramer_tile` computes Cramer's V between nominal columns, `ratio_tile` the correlation ratio
between numeric and nominal columns; both as tiles for `redundancy`. All contingency tables
come from one sparse product of one-hot columns.

Pairs are compared over the rows in which both have a value; weights are numbers of
repetitions. Columns with many categories appear associated by chance: an identifier would be
perfectly associated with everything. So both measures are corrected for their expectation
under independence (Bergsma for V, Kelley for the ratio). Two columns with identical
categories still have V = 1; undefined values are 0. Values are rounded as in `association`,
so that ties are exact.

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
from skprune.criteria.association import CHUNK, correlation_tile, row_chunks, standardized

# If the sum of squares of a column over the rows shared with another is below this fraction
# of that about the mean of all rows, it is rounding error and the column is constant there.
CONSTANT = 1e-12


class Categories(NamedTuple):
    """Nominal columns, in the rows with positive weight.

    Attributes
    ----------
    codes : ndarray of uint8, shape (n_rows, n_columns)
        Category codes, from 1; 0 where missing.
    n_categories : ndarray of int, shape (n_columns,)
        Upper bound of the codes of each column; not every code has to occur.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows.
    """

    codes: Any
    n_categories: Any
    weight: Any


def describe_categories(codes, n_codes, sample_weight=None):
    """Collect nominal columns; O(n_rows * n_columns).

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_rows, n_columns)
        Category codes, from 1; 0 where missing.
    n_codes : ndarray of int, shape (n_columns,)
        Exclusive upper bound of the codes of each column.
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
    """Return the one-hot encoding of some columns, and the first indicator of each.

    Rows are scaled by the square roots of their weights, so that products sum weights.
    """
    codes = table.codes[rows][:, columns]
    n_categories = table.n_categories[columns]
    starts = np.cumsum(n_categories) - n_categories
    place = codes + (starts - 1)
    present = codes > 0
    ends = np.append(0, np.cumsum(np.count_nonzero(present, axis=1)))
    root = np.ones(len(codes)) if table.weight is None else np.sqrt(table.weight[rows])
    data = np.repeat(root, np.diff(ends))
    return csr_array((data, place[present], ends), shape=(len(codes), n_categories.sum())), starts


def cramer_tile(left, right, a, b, *, corrected=True):
    """Return Cramer's V between two sets of nominal columns.

    Parameters
    ----------
    left, right : Categories
        Tables of the same rows and weights; may be identical.
    a, b : ndarray of int, shape (n_a,) and (n_b,)
        Columns of `left` and of `right`.
    corrected : bool, default=True
        Whether to correct for the expectation under independence.

    Returns
    -------
    ndarray of shape (n_a, n_b)
        Values in [0, 1], rounded to 13 decimals; 0 where a column has one category.

    Notes
    -----
    With counts n_ij of a pair and margins r_i and c_j: phi^2 = sum n_ij^2 / (r_i c_j) - 1 and
    V^2 = phi^2 / min(R - 1, C - 1), where R and C categories occur. The correction replaces
    phi^2 by max(0, phi^2 - (R - 1)(C - 1)/(n - 1)), R by R - (R - 1)^2/(n - 1) and C
    likewise. O(n_rows * n_a * n_b) plus the size of all contingency tables, which are in
    memory.
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
        freedom = np.where(n > 1, n - 1, np.inf)
        phi2 -= (n_rows - 1) * (n_columns - 1) / freedom
        n_rows -= (n_rows - 1) ** 2 / freedom
        n_columns -= (n_columns - 1) ** 2 / freedom
    smaller = np.minimum(n_rows, n_columns) - 1
    defined = (smaller > CONSTANT) & (phi2 > 0)
    found = np.divide(phi2, smaller, out=np.zeros_like(phi2), where=defined)
    return round_scores(np.sqrt(np.clip(found, 0.0, 1.0)))


def ratio_tile(numbers, categories, a, b, *, corrected=True):
    """Return the correlation ratio of numeric columns with nominal ones.

    Parameters
    ----------
    numbers : Table
        Numeric columns, from `association.describe`.
    categories : Categories
        Nominal columns with the same rows and weights.
    a, b : ndarray of int, shape (n_a,) and (n_b,)
        Columns of `numbers` and of `categories`.
    corrected : bool, default=True
        Whether to correct for the expectation under independence.

    Returns
    -------
    ndarray of shape (n_a, n_b)
        Eta: square root of the between-category share of the variance, in [0, 1], rounded
        to 13 decimals.

    Notes
    -----
    The correction replaces eta^2 by max(0, 1 - (1 - eta^2)(n - 1)/(n - C)), where C
    categories occur. O(n_rows * n_a * n_b), in sparse products with one-hot categories.
    """
    ends = np.cumsum(categories.n_categories[b])
    starts = ends - categories.n_categories[b]
    sums, squares, counts = np.zeros((3, ends[-1], len(a)))
    for chunk in row_chunks(numbers.X, numbers.rows, max(len(a), len(b)), CHUNK):
        hot, _ = _one_hot(categories, b, chunk)
        values, weighted, present = standardized(numbers, chunk, a)
        root = np.ones(len(values)) if numbers.weight is None else np.sqrt(numbers.weight[chunk])
        roots = np.repeat(root[:, None], len(a), axis=1)
        roots[:, numbers.incomplete[a]] = present
        sums += hot.T @ weighted
        squares += hot.T @ (values * weighted)
        counts += hot.T @ roots
    between = np.divide(sums**2, counts, out=np.zeros_like(sums), where=counts > 0)
    occurs = (counts > 0).astype(np.float64)
    total, n, between, square, n_categories = (
        np.add.reduceat(part, starts, axis=0).T for part in (sums, counts, between, squares, occurs)
    )
    around = np.divide(total**2, n, out=np.zeros_like(total), where=n > 0)
    varies = square - around > CONSTANT * square
    share = np.divide(between - around, square - around, out=np.zeros_like(n), where=varies)
    if corrected:
        freedom = n - n_categories
        ratio = np.divide(n - 1, freedom, out=np.ones_like(n), where=freedom > 0)
        share = np.where(freedom > 0, 1 - (1 - share) * ratio, 0.0)
    return round_scores(np.sqrt(np.clip(share, 0.0, 1.0)))


class MixedTable(NamedTuple):
    """A table with numeric and nominal columns.

    Attributes
    ----------
    numbers : Table
        All columns; the nominal ones are ignored.
    categories : Categories
        All columns; the numeric ones are ignored.
    nominal : ndarray of bool, shape (n_columns,)
        Which columns are nominal.
    """

    numbers: Any
    categories: Any
    nominal: Any


def mixed_tile(left, right, a, b):
    """Return the association between two sets of numeric or nominal columns.

    Parameters
    ----------
    left, right : MixedTable
        Tables of the same rows and weights; may be identical.
    a, b : ndarray of int, shape (n_a,) and (n_b,)
        Columns of `left` and of `right`.

    Returns
    -------
    ndarray of shape (n_a, n_b)
        Pearson's correlation of two numeric columns, Cramer's V of two nominal ones,
        correlation ratio of one of each; costs as for the three tiles.
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
