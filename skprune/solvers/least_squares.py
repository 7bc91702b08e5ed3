"""Least squares on subsets of columns, from the Gram matrix of all columns."""

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs

# A pivot below this fraction of its diagonal entry is rounding: the columns are dependent.
SINGULAR = 1e-13
# A pivot below this fraction has lost half of its digits.
NEARLY_SINGULAR = 1e-8
# Cells of the part of a table that fits a cache, but no fewer rows than make products worthwhile.
CHUNK_CELLS = 32_768
MIN_ROWS = 512


def solve_on(gram, pull, kept):
    """Solve the normal equations on a subset of the columns.

    Parameters
    ----------
    gram : ndarray of shape (n_columns, n_columns)
        Products of the columns, centred if there is an intercept, plus any penalty on the
        diagonal.
    pull : ndarray of shape (n_columns,) or (n_columns, n_targets)
        Products of the columns with the target or targets.
    kept : ndarray of bool, shape (n_columns,)
        Columns with a coefficient; those of the others are zero.

    Returns
    -------
    ndarray of the shape of `pull`
        The solution, that of minimum norm if it is not unique. O(n_kept^3).
    """
    found = np.zeros(pull.shape)
    matrix, right = gram[kept][:, kept], pull[kept]
    if not len(right):  # SciPy below 1.14 refuses an empty system
        return found
    # Paths solve hundreds of small systems: the checks of `scipy.linalg` would take longer.
    root, failed = dpotrf(matrix, lower=True)
    if not failed and (root.diagonal() ** 2 > SINGULAR * matrix.diagonal()).all():
        solution, _ = dpotrs(root, right.reshape(len(right), -1), lower=True)
        found[kept] = solution.reshape(right.shape)
    else:
        found[kept] = np.linalg.lstsq(matrix, right, rcond=SINGULAR)[0]
    return found


class NestedSolver:
    """Solves the normal equations on nested subsets of the columns, by one factorisation.

    The leading part of a Cholesky factor is the factor of the leading part of the matrix, and
    the same holds for the first of the two triangular systems.

    Parameters
    ----------
    gram : ndarray of shape (n_columns, n_columns)
        As of `solve_on`.
    pull : ndarray of shape (n_columns,)
        Products of the columns with the target.
    order : ndarray of int, shape (n_ordered,)
        Columns; the subsets are the first so many of them.

    Notes
    -----
    O(n_ordered^3), and O(n_kept^2) for each subset.
    """

    def __init__(self, gram, pull, order):
        self.order = order
        matrix = gram[np.ix_(order, order)]
        self._root, failed = dpotrf(matrix, lower=True)
        self.n_regular = failed - 1 if failed > 0 else len(order)
        pivots = self._root.diagonal()[: self.n_regular] ** 2
        singular = pivots <= SINGULAR * matrix.diagonal()[: self.n_regular]
        if singular.any():
            self.n_regular = int(singular.argmax())
        n = self.n_regular
        self._half = dtrtrs(self._root[:n, :n], pull[order[:n]], lower=True)[0] if n else pull[:0]

    def solve(self, kept):
        """Solve the equations on some columns.

        Parameters
        ----------
        kept : ndarray of bool, shape (n_columns,)
            The columns.

        Returns
        -------
        ndarray of shape (n_columns,) or None
            As of `solve_on`; None if these are not the first of the order, or are dependent.
        """
        n = np.count_nonzero(kept)
        first = self.order[:n]
        if n > self.n_regular or not kept[first].all():
            return None
        found = np.zeros(len(kept))
        if n:
            found[first] = dtrtrs(self._root[:n, :n], self._half[:n], lower=True, trans=1)[0]
        return found


def root_of(gram, cross, squares):
    """Return a small table with given products: a square root of them.

    Parameters
    ----------
    gram : ndarray of shape (n_columns, n_columns)
        Products of the columns of a table, without a penalty.
    cross : ndarray of shape (n_columns, n_targets)
        Products of the columns with the targets.
    squares : ndarray of shape (n_targets,)
        Sums of squares of the targets.

    Returns
    -------
    X : ndarray of shape (n_columns + 1, n_columns)
        Rows, whose products are `gram`; None if columns are nearly dependent, for then rounding
        errors of the products are no small errors of the rows.
    y : ndarray of shape (n_columns + 1, n_targets)
        Their targets. The last row has no columns: what no column explains. O(n_columns^3).
    """
    n_columns = len(gram)
    root, failed = dpotrf(gram, lower=True)
    if failed or (root.diagonal() ** 2 <= NEARLY_SINGULAR * gram.diagonal()).any():
        return None, None
    half = dtrtrs(root, cross, lower=True)[0] if n_columns else cross
    rest = np.sqrt(np.maximum(squares - (half**2).sum(axis=0), 0.0))
    return np.vstack([root.T, np.zeros((1, n_columns))]), np.vstack([half, rest])


def moments(X, weight, *, center):
    """Return the weighted Gram matrix of columns, and their means.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        Columns; not densified if sparse.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    center : bool
        Whether to subtract the means, as for a fit with an intercept.

    Returns
    -------
    gram : ndarray of shape (n_columns, n_columns)
        Sum over rows of ``weight * x x'``.
    mean : ndarray of shape (n_columns,)
        Weighted means; zeros without `center`. O(n_rows * n_columns^2).
    """
    total = weight.sum()
    mean = X.T @ weight / total if center and total > 0 else np.zeros(X.shape[1])
    if isinstance(X, np.ndarray):
        return _gram(X, mean, np.sqrt(weight)[:, np.newaxis]), mean
    products = (X.T @ X.multiply(weight[:, np.newaxis]).tocsr()).toarray()
    return products - total * np.outer(mean, mean), mean


def _gram(X, mean, scale):
    """Return the products of shifted and scaled columns; a few rows are copied at a time."""
    n_rows, n_columns = X.shape
    size = max(MIN_ROWS, CHUNK_CELLS // max(1, n_columns))
    buffer, found = np.empty((min(size, n_rows), n_columns)), np.zeros((n_columns, n_columns))
    for start in range(0, n_rows, size):
        rows = slice(start, start + size)
        part = np.subtract(X[rows], mean, out=buffer[: n_rows - start])
        part *= scale[rows]
        found += part.T @ part
    return found


def sums_of_squares(X, weights, *, center):
    """Return weighted sums of squares of columns, the diagonals of their Gram matrices.

    Parameters
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        Columns; not densified if sparse.
    weights : ndarray of shape (n_rows, n_weightings)
        Several sets of non-negative weights.
    center : bool
        Whether to subtract the weighted means.

    Returns
    -------
    ndarray of shape (n_columns, n_weightings)
        Non-negative. O(n_rows * n_columns * n_weightings), or O(n_stored * n_weightings) for
        a sparse `X`.
    """
    dense = isinstance(X, np.ndarray)
    if dense and center:
        X = X - X.mean(axis=0)  # squares of values far from zero would cancel
    squares = (X**2 if dense else X.power(2)).T @ weights
    if not center:
        return squares
    total = weights.sum(axis=0)
    sums = X.T @ weights
    return np.maximum(squares - sums**2 / np.where(total > 0, total, 1.0), 0.0)
