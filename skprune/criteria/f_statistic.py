"""F statistics: how much of each column's variance a target explains.

Of standardised columns all sums come from matrix products. A column is compared over the
rows that have it. A weight is a number of repetitions.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.rounding import round_mantissa, round_scores

# A share of the variance below this is rounding.
NOTHING_LEFT = 1e-13


class Standard(NamedTuple):
    """Columns with mean 0 and sum of squares 1, as rows of a matrix.

    Attributes
    ----------
    values : ndarray of shape (n_columns, n_rows)
        Standardised values times the roots of the weights, of the rows that count; 0
        where there is no value.
    root : ndarray of shape (n_rows,)
        Roots of the weights.
    incomplete : ndarray of int, shape (n_incomplete,)
        Columns that lack values.
    there : ndarray of shape (n_incomplete, n_rows)
        Roots of the weights where those have one, else 0.
    rows : ndarray of int or slice
        The rows that count.
    varies : ndarray of bool, shape (n_columns,)
        Columns that are not constant.
    """

    values: Any
    root: Any
    incomplete: Any
    there: Any
    rows: Any
    varies: Any


def standardize(table):
    """Make the standardised copy of a table.

    Parameters
    ----------
    table : association.Table
        The columns, and how to standardise them.

    Returns
    -------
    Standard
        A copy in float64.
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
    return Standard(values, root, incomplete, ~absent * root, rows, table.factor > 0)


class Explained(NamedTuple):
    """The share of each column's variance that a target explains.

    Attributes
    ----------
    share : ndarray of shape (n_columns,)
        From 0 to 1; NaN for columns that are constant.
    between, within : ndarray of shape (n_columns,)
        Degrees of freedom of what is explained, and of the rest.
    """

    share: Any
    between: Any
    within: Any


def explained_by_classes(standard, codes):
    """Return the squared correlation ratio of each column with classes.

    Parameters
    ----------
    standard : Standard
        The columns.
    codes : ndarray of int, shape (n_all_rows,)
        Class of each row, from 0 up, the rows that do not count included.

    Returns
    -------
    Explained
        Only classes that the rows of a column have count. One GEMM.
    """
    codes = codes[standard.rows]
    one_hot = (codes == np.arange(codes.max() + 1)[:, None]) * standard.root
    sums = standard.values @ one_hot.T
    counts = np.tile(one_hot @ standard.root, (len(sums), 1))
    counts[standard.incomplete] = standard.there @ one_hot.T
    share = np.divide(sums**2, counts, out=np.zeros_like(sums), where=counts > 0).sum(axis=1)
    n_classes = np.count_nonzero(counts, axis=1)
    return Explained(_share(standard, share), n_classes - 1, counts.sum(axis=1) - n_classes)


def explained_by_number(standard, y):
    """Return the squared correlation of each column with a numeric target.

    Parameters
    ----------
    standard : Standard
        The columns.
    y : ndarray of shape (n_all_rows,)
        Finite target, the rows that do not count included.

    Returns
    -------
    Explained
        One matrix-vector product, and two more over the columns that lack values.
    """
    root, y = standard.root, y[standard.rows]
    total = root @ root
    y = y - y.min()
    y = y / (y.max() or 1.0)
    for _ in range(2):  # the second time takes out what rounding left in the mean
        y = y - root @ (root * y) / total
    n_present = np.full(len(standard.values), total)
    square = np.full(len(standard.values), np.sum((root * y) ** 2))
    if len(standard.incomplete):
        there = standard.there
        n_present[standard.incomplete] = n = there @ root
        mean = np.divide(there @ (root * y), n, out=np.zeros_like(n), where=n > 0)
        square[standard.incomplete] = there @ (root * y**2) - n * mean**2
    product = standard.values @ (root * y)
    share = np.divide(product**2, square, out=np.zeros_like(square), where=square > 0)
    return Explained(_share(standard, share), np.ones_like(n_present), n_present - 2)


def f_statistic(explained):
    """Return the F statistic of each column.

    Parameters
    ----------
    explained : Explained
        The shares and their degrees of freedom.

    Returns
    -------
    ndarray of shape (n_columns,)
        Explained over unexplained mean square: infinite where all is explained, NaN where
        undefined (constant columns, no degrees of freedom left).
    """
    share, between, within = explained
    rest = 1.0 - share
    defined = (between > 0) & (within > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = share / np.where(rest > NOTHING_LEFT, rest, 0.0) * within / between
    return np.where(defined, round_mantissa(found), np.nan)


def correlation_with(standard, s, columns):
    """Return the absolute correlation of some columns with column `s`.

    Parameters
    ----------
    standard : Standard
        Columns that lack no values.
    s : int
        One of them.
    columns : ndarray of int, shape (n_chosen,)
        Others.

    Returns
    -------
    ndarray of shape (n_chosen,)
        From 0 to 1, rounded to 13 decimals. O(n_rows * n_chosen).
    """
    # Not by BLAS, whose threads take longer to start than this takes.
    found = np.einsum("ij,j->i", standard.values[columns], standard.values[s])
    return round_scores(np.abs(found))


def _share(standard, share):
    return np.where(standard.varies, np.clip(share, 0.0, 1.0), np.nan)
