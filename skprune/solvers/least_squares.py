"""Least squares on some columns, from the products of all of them."""

import numpy as np
from scipy.linalg import cholesky, solve_triangular

# A pivot below this share of its diagonal entry is rounding: the columns are dependent.
SINGULAR = 1e-13


def solve_on(gram, pull, kept):
    """Return the coefficients of least squares on some columns; the others are zero.

    Parameters
    ----------
    gram : ndarray of shape (n_columns, n_columns)
        Products of the columns, centred where there is an intercept, and the penalty on
        the diagonal.
    pull : ndarray of shape (n_columns,) or (n_columns, n_targets)
        Products of the columns with the target, or with several.
    kept : ndarray of bool, shape (n_columns,)
        Columns that may have a coefficient.

    Returns
    -------
    ndarray of the shape of `pull`
        The solution; of several the shortest one. O(n_kept^3).
    """
    found = np.zeros(pull.shape)
    inside, aim = gram[np.ix_(kept, kept)], pull[kept]
    try:
        root = cholesky(inside, lower=True)
        definite = (root.diagonal() ** 2 > SINGULAR * inside.diagonal()).all()
    except np.linalg.LinAlgError:
        definite = False
    if definite:
        half = solve_triangular(root, aim, lower=True)
        found[kept] = solve_triangular(root, half, lower=True, trans="T")
    elif len(aim):
        found[kept] = np.linalg.lstsq(inside, aim, rcond=SINGULAR)[0]
    return found


def moments(X, weight, *, center):
    """Return the products of weighted columns, and their means.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        The rows; a sparse one is never made dense.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    center : bool
        Whether the means are taken away first, as an intercept does.

    Returns
    -------
    gram : ndarray of shape (n_columns, n_columns)
        Sum over the rows of ``weight * x x'``.
    mean : ndarray of shape (n_columns,)
        Weighted means; zeros if not `center`. O(n_rows * n_columns^2).
    """
    total = weight.sum()
    mean = X.T @ weight / total if center and total > 0 else np.zeros(X.shape[1])
    if isinstance(X, np.ndarray):
        scaled = np.sqrt(weight)[:, np.newaxis] * (X - mean)
        return scaled.T @ scaled, mean
    products = (X.T @ X.multiply(weight[:, np.newaxis]).tocsr()).toarray()
    return products - total * np.outer(mean, mean), mean


def sums_of_squares(X, weights, *, center):
    """Return the weighted sums of squares of columns, the diagonals of their products.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        The rows; a sparse one is never made dense.
    weights : ndarray of shape (n_rows, n_weightings)
        Several weights of the rows, each at least 0.
    center : bool
        Whether the means under each weighting are taken away first.

    Returns
    -------
    ndarray of shape (n_columns, n_weightings)
        At least 0. O(n_rows * n_columns * n_weightings), or the numbers in a sparse `X`.
    """
    dense = isinstance(X, np.ndarray)
    if dense and center:
        X = X - X.mean(axis=0)  # far from zero, squares would have no digits to spare
    squares = (X**2 if dense else X.power(2)).T @ weights
    if not center:
        return squares
    total = weights.sum(axis=0)
    sums = X.T @ weights
    return np.maximum(squares - sums**2 / np.where(total > 0, total, 1.0), 0.0)
