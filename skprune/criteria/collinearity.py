"""Multicollinearity: backward elimination by variance inflation factors.

The measure is R^2, the share of a column's variance that all other columns explain. The
variance inflation factor is ``VIF = 1 / (1 - R^2)``: a share of 0.9 is an inflation of 10.
`eliminate_collinear` removes the column with the largest VIF until none is left and returns
the share at which each one is removed.

A unit may be a group of columns. Its inflation is the generalised VIF of Fox and Monette,
``(det C_gg * det B_gg)^(1/d)`` for d linearly independent columns, where C is the correlation
matrix and B its inverse. It equals the VIF for a single column and does not depend on the
coding of the group.

References
----------
D. A. Belsley, E. Kuh and R. E. Welsch, "Regression diagnostics", Wiley, 1980.

J. Fox and G. Monette, "Generalized collinearity diagnostics", Journal of the American
Statistical Association 87(417), 1992.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

# A column whose unexplained share of variance is smaller counts as a linear combination of
# others: its entries of the inverse would be rounding errors.
DEPENDENT = 1e-8
# Larger coefficients of such a combination count as non-zero.
INVOLVED = 1e-6
# Shares are rounded to it, so that ties are exact and a share at a threshold is not above it.
DECIMALS = 10
# The errors of downdates grow with the largest VIF. The inverse is recomputed when that has
# fallen by this factor, which happens at most eight times.
STALE = 10.0


def eliminate_collinear(matrix, starts, n_forced=0, threshold=0.0):
    """Remove the unit with the largest R^2 until none exceeds a threshold.

    Parameters
    ----------
    matrix : ndarray of shape (n_columns, n_columns)
        Correlations, with ones on the diagonal; columns sorted by priority, those of a unit
        adjacent.
    starts : ndarray of int, shape (n_units,)
        First column of each unit.
    n_forced : int, default=0
        Number of leading units that are never removed.
    threshold : float, default=0.0
        Largest R^2, in [0, 1], of the units that are kept.

    Returns
    -------
    ndarray of shape (n_units,)
        R^2 of each unit when it is removed; 0 for units that are kept. R^2 only decreases as
        units are removed, so a higher threshold removes the units whose value exceeds it.

    Notes
    -----
    Linear combinations of columns of higher priority are removed first, with an R^2 of 1;
    of equal units, that of lowest priority is removed. With B the inverse,
    ``B - B_q B_qq^-1 B_q'`` is the inverse without unit q. Only its diagonal and the columns
    of the next unit are computed: O(n_columns * n_removed) per removal, after inversions in
    O(n_columns^3). Four matrices are in memory.
    """
    removed = np.zeros(len(starts))
    if threshold >= 1:
        return removed
    unit_of = _unit_of(matrix, starts)
    columns, dependent = _independent(matrix, unit_of, n_forced)
    removed[unit_of[dependent]] = last = 1.0
    removed[:n_forced] = 0.0
    while True:
        inverse = _invert(matrix, columns, unit_of)
        initial = None
        while True:
            share = _shares(inverse, len(starts))
            share[:n_forced] = -1.0
            worst = len(share) - 1 - int(np.argmax(share[::-1]))  # the last of equals
            inflation = 1.0 / max(1.0 - share[worst], DEPENDENT)
            initial = inflation if initial is None else initial
            alive = inverse.diagonal > 0
            if inflation * STALE < initial or np.count_nonzero(alive) < len(alive) / 2:
                break
            last = min(last, share[worst])
            if last <= threshold:
                return removed
            removed[worst] = last
            inverse = _without(inverse, np.flatnonzero(inverse.units == worst))
        columns = columns[alive]


def explained_share(matrix, starts):
    """Return the share of each unit's variance that all other units explain.

    Parameters
    ----------
    matrix : ndarray of shape (n_columns, n_columns)
        Correlations, with ones on the diagonal; columns sorted by priority, those of a unit
        adjacent.
    starts : ndarray of int, shape (n_units,)
        First column of each unit.

    Returns
    -------
    ndarray of shape (n_units,)
        Shares R^2, in [0, 1] and rounded to 10 decimals.

    Notes
    -----
    O(n_columns^3).
    """
    unit_of = _unit_of(matrix, starts)
    columns, dependent = _independent(matrix, unit_of, len(starts))
    inverse = _invert(matrix, columns, unit_of)
    share = _shares(inverse, len(starts))
    # Forced units, or all units at a threshold of 1, may be linearly dependent.
    share[unit_of[dependent]] = 1.0
    involved = np.abs(inverse.start @ matrix[np.ix_(columns, dependent)]) > INVOLVED
    share[inverse.units[involved.any(axis=1)]] = 1.0
    return share


def _unit_of(matrix, starts):
    return np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(matrix))))


class _Inverse(NamedTuple):
    """The inverse B of a correlation matrix from which columns have been removed.

    Attributes
    ----------
    start : ndarray of shape (n_columns, n_columns)
        The inverse before any removal.
    steps : ndarray of shape (n_columns, n_columns)
        The first `n_steps` columns V give ``B = start - V V'``.
    n_steps : int
        Number of removed columns.
    diagonal : ndarray of shape (n_columns,)
        Diagonal of B; 0 for removed columns.
    units : ndarray of int, shape (n_columns,)
        Unit of each column.
    groups : list of tuple
        For each unit of several columns: the unit, its columns, and the log-determinant of
        their correlations.
    """

    start: Any
    steps: Any
    n_steps: int
    diagonal: Any
    units: Any
    groups: Any


def _invert(matrix, columns, unit_of):
    """Invert the correlation matrix of linearly independent columns."""
    units, part = unit_of[columns], matrix[np.ix_(columns, columns)]
    start = cho_solve((np.linalg.cholesky(part), True), np.eye(len(columns)))
    groups = []
    for unit in np.flatnonzero(np.bincount(units) > 1):
        places = np.flatnonzero(units == unit)
        groups.append((unit, places, np.linalg.slogdet(part[np.ix_(places, places)])[1]))
    steps = np.empty(start.shape, order="F")
    return _Inverse(start, steps, 0, np.diag(start).copy(), units, groups)


def _part(inverse, rows, columns):
    """Return some rows and columns of an inverse."""
    steps = inverse.steps[:, : inverse.n_steps]
    return inverse.start[rows][:, columns] - steps[rows] @ steps[columns].T


def _without(inverse, places):
    """Return an inverse without some columns."""
    part = _part(inverse, slice(None), places)
    root = np.linalg.cholesky(part[places])
    step = solve_triangular(root, part.T, lower=True).T
    n_steps = inverse.n_steps + len(places)
    inverse.steps[:, inverse.n_steps : n_steps] = step
    diagonal = inverse.diagonal - (step**2).sum(axis=1)
    # Rounding errors must not revive removed columns.
    diagonal[(inverse.diagonal == 0) | np.isin(np.arange(len(diagonal)), places)] = 0.0
    return inverse._replace(n_steps=n_steps, diagonal=diagonal)


def _shares(inverse, n_units):
    """Return the R^2 of each unit given the others; -1 for removed units."""
    alive = inverse.diagonal > 0
    share = np.full(n_units, -1.0)
    share[inverse.units[alive]] = 1.0 - 1.0 / inverse.diagonal[alive]
    for unit, places, own in inverse.groups:
        if alive[places[0]]:
            total = own + np.linalg.slogdet(_part(inverse, places, places))[1]
            share[unit] = -np.expm1(-total / len(places))
    return np.where(share > -1, np.round(np.clip(share, 0.0, 1.0), DECIMALS), -1.0)


def _independent(matrix, unit_of, n_forced):
    """Return linearly independent columns, and those found to depend on earlier ones.

    If a column of a unit is a linear combination of columns of earlier units, it is reported
    in the second result and the whole unit is left out, or only the column if the unit is
    forced. A unit whose own columns are linearly dependent is reduced to a basis.
    O(n_columns^3).
    """
    none = np.empty(0, dtype=np.intp)
    try:
        if (np.diag(np.linalg.cholesky(matrix)) ** 2).min() > DEPENDENT:
            return np.arange(len(matrix)), none
    except np.linalg.LinAlgError:
        pass  # not positive definite: find the dependent columns below
    factor = np.zeros(matrix.shape, order="F")
    residual = np.diag(matrix).copy()
    kept: list[int] = []
    dependent: list[int] = []
    edges = np.flatnonzero(np.diff(unit_of)) + 1
    for unit, places in enumerate(np.split(np.arange(len(matrix)), edges)):
        n_kept, before = len(kept), residual.copy()
        basis = places
        if len(places) > 1:
            own = matrix[np.ix_(places, places)]
            basis = places[_independent(own, np.arange(len(own)), len(own))[0]]
        for j in basis:
            if residual[j] > DEPENDENT:
                m = len(kept)
                column = matrix[:, j] - factor[:, :m] @ factor[j, :m]
                factor[:, m] = column / np.sqrt(residual[j])
                residual -= factor[:, m] ** 2
                kept.append(j)
                continue
            dependent.append(j)
            if unit >= n_forced:
                del kept[n_kept:]
                residual = before
                break
    return np.array(kept, dtype=np.intp), np.array(dependent, dtype=np.intp)
