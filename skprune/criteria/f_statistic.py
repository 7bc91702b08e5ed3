"""F statistics: the share of each column's variance that a target explains.

All sums are matrix products of standardised columns. A column is compared over the rows in
which it has a value. Weights are numbers of repetitions.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.rounding import round_mantissa, round_scores

# A smaller unexplained share of variance is rounding error.
NOTHING_LEFT = 1e-13


class StandardizedColumns(NamedTuple):
    """Columns with mean 0 and sum of squares 1, as rows of a matrix.

    Attributes
    ----------
    values : ndarray of shape (n_columns, n_rows)
        Standardised values times the square roots of the weights, in rows with positive
        weight; 0 where missing.
    root : ndarray of shape (n_rows,)
        Square roots of the weights.
    incomplete : ndarray of int, shape (n_incomplete,)
        Columns with missing values.
    present : ndarray of shape (n_incomplete, n_rows)
        Square roots of the weights where these columns have a value, else 0.
    rows : ndarray of int or slice
        The rows with positive weight.
    varies : ndarray of bool, shape (n_columns,)
        Columns that are not constant.
    """

    values: Any
    root: Any
    incomplete: Any
    present: Any
    rows: Any
    varies: Any


def standardize(table):
    """Return a standardised copy of a table; O(n_rows * n_columns).

    Parameters
    ----------
    table : association.Table
        The columns, from `association.describe`.

    Returns
    -------
    StandardizedColumns
        In float64.
    """
    rows = slice(None) if table.rows is None else table.rows
    values = np.array(table.X[rows].T, dtype=np.float64, order="C")
    root = np.ones(values.shape[1]) if table.weight is None else np.sqrt(table.weight)
    if table.scale is not None:
        values *= table.scale[:, None]
    values -= table.center[:, None]
    values *= table.factor[:, None]
    incomplete = np.flatnonzero(table.incomplete)
    absent = np.isnan(values[incomplete])
    values[incomplete] = np.where(absent, 0.0, values[incomplete])
    if table.weight is not None:
        values *= root
    present = ~absent * root
    return StandardizedColumns(values, root, incomplete, present, rows, table.factor > 0)


class Explained(NamedTuple):
    """The share of each column's variance that a target explains.

    Attributes
    ----------
    share : ndarray of shape (n_columns,)
        Explained share, in [0, 1]; NaN for constant columns.
    between, within : ndarray of shape (n_columns,)
        Degrees of freedom of the explained and of the residual variance.
    """

    share: Any
    between: Any
    within: Any


def explained_by_classes(standard, codes):
    """Return the squared correlation ratio of each column with class labels.

    Parameters
    ----------
    standard : StandardizedColumns
        The columns.
    codes : ndarray of int, shape (n_all_rows,)
        Encoded class labels, from 0, of all rows, those of weight 0 included.

    Returns
    -------
    Explained
        Degrees of freedom count the classes that occur where the column has a value. One
        GEMM, O(n_rows * n_columns * n_classes).
    """
    codes = codes[standard.rows]
    one_hot = (codes == np.arange(codes.max() + 1)[:, None]) * standard.root
    sums = standard.values @ one_hot.T
    counts = np.tile(one_hot @ standard.root, (len(sums), 1))
    counts[standard.incomplete] = standard.present @ one_hot.T
    share = np.divide(sums**2, counts, out=np.zeros_like(sums), where=counts > 0).sum(axis=1)
    n_classes = np.count_nonzero(counts, axis=1)
    return Explained(_share(standard, share), n_classes - 1, counts.sum(axis=1) - n_classes)


def explained_by_number(standard, y):
    """Return the squared correlation of each column with a numeric target.

    Parameters
    ----------
    standard : StandardizedColumns
        The columns.
    y : ndarray of shape (n_all_rows,)
        Finite target of all rows, those of weight 0 included.

    Returns
    -------
    Explained
        O(n_rows * n_columns): one matrix-vector product, and two over the incomplete columns.
    """
    root, y = standard.root, y[standard.rows]
    total = root @ root
    y = y - y.min()
    y = y / (y.max() or 1.0)
    for _ in range(2):  # the second iteration removes the rounding error of the mean
        y = y - root @ (root * y) / total
    n_present = np.full(len(standard.values), total)
    square = np.full(len(standard.values), np.sum((root * y) ** 2))
    if len(standard.incomplete):
        present = standard.present
        n_present[standard.incomplete] = n = present @ root
        mean = np.divide(present @ (root * y), n, out=np.zeros_like(n), where=n > 0)
        square[standard.incomplete] = present @ (root * y**2) - n * mean**2
    product = standard.values @ (root * y)
    share = np.divide(product**2, square, out=np.zeros_like(square), where=square > 0)
    return Explained(_share(standard, share), np.ones_like(n_present), n_present - 2)


def f_statistic(explained):
    """Return the F statistic of each column.

    Parameters
    ----------
    explained : Explained
        Explained shares and degrees of freedom.

    Returns
    -------
    ndarray of shape (n_columns,)
        Explained over residual mean square: infinite if there is no residual variance, NaN
        if undefined (constant columns, no degrees of freedom). O(n_columns).
    """
    share, between, within = explained
    residual = 1.0 - share
    defined = (between > 0) & (within > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = share / np.where(residual > NOTHING_LEFT, residual, 0.0) * within / between
    return np.where(defined, round_mantissa(found), np.nan)


def correlation_with(standard, s, columns):
    """Return the absolute correlation of some columns with column `s`.

    Parameters
    ----------
    standard : StandardizedColumns
        Columns without missing values.
    s : int
        Index of one of them.
    columns : ndarray of int, shape (n_chosen,)
        Indices of others.

    Returns
    -------
    ndarray of shape (n_chosen,)
        Values in [0, 1], rounded to 13 decimals. O(n_rows * n_chosen).
    """
    # Not BLAS: starting its threads takes longer than the product.
    found = np.einsum("ij,j->i", standard.values[columns], standard.values[s])
    return round_scores(np.abs(found))


def _share(standard, share):
    return np.where(standard.varies, np.clip(share, 0.0, 1.0), np.nan)
