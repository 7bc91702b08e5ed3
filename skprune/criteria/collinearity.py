"""Collinearity: which columns are explained by all the others together.

The measure is the share R^2 of a column's variance that the other columns explain. The
variance inflation factor is ``1 / (1 - R^2)``: a share of 0.9 is an inflation of 10. Columns
go one by one, the most inflated first; `eliminate_collinear` finds the share at which each goes.

A unit may be a group of columns. Its inflation is the generalised one of Fox and Monette,
``(det C_gg * det B_gg)^(1/d)`` for d columns that are independent within it, where B is the
inverse of the correlations C: the usual one for a single column, and the same however the
group is coded.

References
----------
D. A. Belsley, E. Kuh and R. E. Welsch, "Regression diagnostics", Wiley, 1980.

J. Fox and G. Monette, "Generalized collinearity diagnostics", Journal of the American
Statistical Association 87(417), 1992.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

# A column with less variance that is its own is a linear combination of others: the inverse
# would hold rounding errors only.
DEPENDENT = 1e-8
# Coefficients of such a combination that are not 0.
INVOLVED = 1e-6
# Shares are rounded to it: equal ones are equal, and one at a threshold is not above it.
DECIMALS = 10
# Downdates leave errors as large as the inflations were: the inverse is made anew when the
# largest has fallen by this factor, which is eight times at most.
STALE = 10.0


def eliminate_collinear(matrix, starts, n_forced=0, threshold=0.0):
    """Remove the most explained unit until none is explained above a threshold.

    Parameters
    ----------
    matrix : ndarray of shape (n_columns, n_columns)
        Correlations, with ones on the diagonal; columns in order of priority, those of a
        unit behind each other.
    starts : ndarray of int, shape (n_units,)
        First column of each unit.
    n_forced : int, default=0
        So many of the first units never go.
    threshold : float, default=0.0
        Largest share, in [0, 1], that may be left.

    Returns
    -------
    ndarray of shape (n_units,)
        The share of each unit at the time when it goes; 0 for those that stay. Shares only
        fall as units go, so the units with shares above a higher threshold are those that
        it removes.

    Notes
    -----
    What is a linear combination of columns of higher priority goes first, at a share of 1;
    among equals, the unit of lowest priority goes. With B the inverse, B - B_q B_qq^-1 B_q'
    is the inverse without the unit q. Only its diagonal and the column of the next unit are
    made: O(n_columns * n_gone) for each that goes, after inversions in O(n_columns^3). Four
    matrices are in memory.
    """
    gone = np.zeros(len(starts))
    if threshold >= 1:
        return gone
    unit_of = _unit_of(matrix, starts)
    columns, dependent = _independent(matrix, unit_of, n_forced)
    gone[unit_of[dependent]] = last = 1.0
    gone[:n_forced] = 0.0
    while True:
        inverse = _invert(matrix, columns, unit_of)
        made = None
        while True:
            share = _shares(inverse, len(starts))
            share[:n_forced] = -1.0
            worst = len(share) - 1 - int(np.argmax(share[::-1]))  # the last of equals
            inflation = 1.0 / max(1.0 - share[worst], DEPENDENT)
            made = inflation if made is None else made
            alive = inverse.diagonal > 0
            if inflation * STALE < made or np.count_nonzero(alive) < len(alive) / 2:
                break
            last = min(last, share[worst])
            if last <= threshold:
                return gone
            gone[worst] = last
            inverse = _without(inverse, np.flatnonzero(inverse.units == worst))
        columns = columns[alive]


def explained_share(matrix, starts):
    """Return the share of each unit's variance that all other units explain.

    Parameters
    ----------
    matrix : ndarray of shape (n_columns, n_columns)
        Correlations, with ones on the diagonal; columns in order of priority, those of a
        unit behind each other.
    starts : ndarray of int, shape (n_units,)
        First column of each unit.

    Returns
    -------
    ndarray of shape (n_units,)
        Shares, in [0, 1] and rounded to 10 decimals.

    Notes
    -----
    O(n_columns^3).
    """
    unit_of = _unit_of(matrix, starts)
    columns, dependent = _independent(matrix, unit_of, len(starts))
    inverse = _invert(matrix, columns, unit_of)
    share = _shares(inverse, len(starts))
    # Forced units, or all at a threshold of 1, may be combinations of each other.
    share[unit_of[dependent]] = 1.0
    involved = np.abs(inverse.start @ matrix[np.ix_(columns, dependent)]) > INVOLVED
    share[inverse.units[involved.any(axis=1)]] = 1.0
    return share


def _unit_of(matrix, starts):
    return np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(matrix))))


class _Inverse(NamedTuple):
    """An inverse B of correlations, some columns of which are gone by now.

    Attributes
    ----------
    start : ndarray of shape (n_columns, n_columns)
        What it was when all were there.
    steps : ndarray of shape (n_columns, n_columns)
        The first `n_steps` columns V give ``B = start - V V'``.
    n_steps : int
        Columns that are gone.
    diagonal : ndarray of shape (n_columns,)
        Its diagonal; 0 for what is gone.
    units : ndarray of int, shape (n_columns,)
        Unit of each column.
    groups : list of tuple
        Of each unit of several columns: the unit, its columns, and the logarithm of the
        determinant of their correlations.
    """

    start: Any
    steps: Any
    n_steps: int
    diagonal: Any
    units: Any
    groups: Any


def _invert(matrix, columns, unit_of):
    """Invert the correlations of some independent columns."""
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
    # What rounding leaves of a gone column is no column.
    diagonal[(inverse.diagonal == 0) | np.isin(np.arange(len(diagonal)), places)] = 0.0
    return inverse._replace(n_steps=n_steps, diagonal=diagonal)


def _shares(inverse, n_units):
    """Return the share of each unit that the others explain; -1 for units that are gone."""
    there = inverse.diagonal > 0
    share = np.full(n_units, -1.0)
    share[inverse.units[there]] = 1.0 - 1.0 / inverse.diagonal[there]
    for unit, places, own in inverse.groups:
        if there[places[0]]:
            total = own + np.linalg.slogdet(_part(inverse, places, places))[1]
            share[unit] = -np.expm1(-total / len(places))
    return np.where(share > -1, np.round(np.clip(share, 0.0, 1.0), DECIMALS), -1.0)


def _independent(matrix, unit_of, n_forced):
    """Return columns that are no combination of those before, and what shows the others.

    A unit is left out as a whole if one of its columns is a combination of those of units
    before it, which is the second result; if it is forced, only that column is left out. A
    unit that is dependent within itself is reduced to a basis.
    """
    none = np.empty(0, dtype=np.intp)
    try:
        if (np.diag(np.linalg.cholesky(matrix)) ** 2).min() > DEPENDENT:
            return np.arange(len(matrix)), none
    except np.linalg.LinAlgError:
        pass  # some pivot is negative
    factor = np.zeros(matrix.shape, order="F")
    rest = np.diag(matrix).copy()
    kept: list[int] = []
    dependent: list[int] = []
    edges = np.flatnonzero(np.diff(unit_of)) + 1
    for unit, places in enumerate(np.split(np.arange(len(matrix)), edges)):
        n_kept, before = len(kept), rest.copy()
        basis = places
        if len(places) > 1:
            own = matrix[np.ix_(places, places)]
            basis = places[_independent(own, np.arange(len(own)), len(own))[0]]
        for j in basis:
            if rest[j] > DEPENDENT:
                m = len(kept)
                column = matrix[:, j] - factor[:, :m] @ factor[j, :m]
                factor[:, m] = column / np.sqrt(rest[j])
                rest -= factor[:, m] ** 2
                kept.append(j)
                continue
            dependent.append(j)
            if unit >= n_forced:
                del kept[n_kept:]
                rest = before
                break
    return np.array(kept, dtype=np.intp), np.array(dependent, dtype=np.intp)
