"""Optimal brain surgeon: remove the unit that costs least and update all others.

Near an optimum w the loss is ``E + (v - w)' H (v - w) / 2``. Setting the coordinates q of a
unit to zero, with the others re-optimised, costs ``w_q' inv(B_qq) w_q / 2`` where
``B = inv(H)``; the others change by ``-B_:q inv(B_qq) w_q``, and ``B - B_:q inv(B_qq) B_q:``
is the inverse Hessian of the remaining ones. So one inverse yields the whole path, from all
units to none. For least squares the quadratic form is exact, and every level is the refit of
its units.

The inverse is downdated in blocks: between two updates it is represented as ``B - U' U``,
with one row of U per removed coordinate, and a step costs one product with the few rows of U.
Removed coordinates are dropped from B from time to time. When downdating has cancelled most
of a diagonal entry, the inverse of the remaining part is recomputed.

References
----------
B. Hassibi and D. G. Stork, "Second order derivatives for network pruning: optimal brain
surgeon", NIPS 1992.

E. Frantar, S. P. Singh and D. Alistarh, "Optimal brain compression", NeurIPS 2022.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri

from skprune.exceptions import InputError

# A diagonal entry reduced to below this fraction of its initial value has lost its digits.
CANCELLED = 1e-6
# Removals between two updates of the inverse, and the largest residual gradient tolerated at
# an update, relative to the largest entry of ``H w``.
UPDATE_EVERY = 64
MAX_DRIFT = 1e-10
# The inverse is compacted when a smaller share of its coordinates remains.
MIN_ALIVE = 0.9
# Rows per block when a triangular matrix is mirrored.
MIRROR_ROWS = 256


class Elimination(NamedTuple):
    """Units in order of removal, and the cost of each removal.

    Attributes
    ----------
    order : ndarray of int, shape (n_removed,)
        Units, the first removed first.
    cost : ndarray of shape (n_removed,)
        Increase of the loss by each removal, with the remaining units re-optimised.
    """

    order: Any
    cost: Any


def eliminate(H, W, units=None, forced=None, *, damping=0.0):
    """Remove units one by one, each time the one that costs least.

    Parameters
    ----------
    H : ndarray of shape (n_models, n_coordinates, n_coordinates)
        Hessian of each model's loss at its optimum, positive definite. Models are pruned
        together: a unit has coordinates in each of them.
    W : ndarray of shape (n_models, n_coordinates, n_outputs)
        The optimum; the outputs of a model share its Hessian.
    units : ndarray of int, shape (n_coordinates,), default=None
        The unit of each coordinate, numbered from 0; coordinates of one unit are removed
        together. Default: one unit per coordinate.
    forced : ndarray of bool, shape (n_units,), default=None
        Units that are kept. Default: none.
    damping : float, default=0.0
        Added to the diagonal of each Hessian, relative to its mean.

    Returns
    -------
    Elimination
        All units that are not forced; of equal costs the first unit is removed first.

    Raises
    ------
    InputError
        If a Hessian is not positive definite.

    Notes
    -----
    O(n_coordinates^3) per model for the inverse and as much for all removals together, mostly
    in matrix products; about ``16 * n_models * n_coordinates^2`` bytes of memory besides `H`,
    all in float64.
    """
    units = np.arange(H.shape[1]) if units is None else units
    state = _State(damped(H, damping), np.asarray(W, dtype=np.float64), _members(units))
    waiting = np.ones(len(state.units), dtype=bool)
    if forced is not None:
        waiting &= ~forced
    order = np.empty(np.count_nonzero(waiting), dtype=np.intp)
    cost = np.empty(len(order))
    for step in range(len(order)):
        scores = np.where(waiting[state.units], state.scores(), np.inf)
        place = int(np.argmin(scores))
        unit = order[step] = state.units[place]
        cost[step] = scores[place]
        waiting[unit] = False
        state.remove(unit)
    return Elimination(order, cost)


def eliminate_shared(models, n_units, *, damping=0.0):
    """Remove units one by one from models that share only some of their units.

    Parameters
    ----------
    models : list of (H, W, units)
        Hessian of shape (n_coordinates, n_coordinates), optimum of shape
        (n_coordinates, n_outputs), and the distinct units of the coordinates.
    n_units : int
        Total number of units.
    damping : float, default=0.0
        As for `eliminate`.

    Returns
    -------
    Elimination
        All units; the result of `eliminate` if every model has a coordinate for every unit.

    Notes
    -----
    O(n_coordinates^3) time and, besides `H`, ``8 * n_coordinates^2`` bytes per model, with
    the number of coordinates of each, plus as much again for the largest.
    """
    states = [
        _State(damped(H[np.newaxis], damping), W[np.newaxis], np.arange(len(units))[:, np.newaxis])
        for H, W, units in models
    ]
    places = np.full((len(models), n_units), -1)
    parts = np.zeros((len(models), n_units))
    for m, (_, _, own) in enumerate(models):
        places[m, own] = np.arange(len(own))
        parts[m, own] = states[m].scores()
    waiting = np.ones(n_units, dtype=bool)
    order, cost = np.empty(n_units, dtype=np.intp), np.empty(n_units)
    for step in range(n_units):
        scores = np.where(waiting, parts.sum(axis=0), np.inf)
        unit = int(np.argmin(scores))
        order[step], cost[step] = unit, scores[unit]
        waiting[unit] = False
        for holder in np.flatnonzero(places[:, unit] >= 0):
            state = states[holder]
            state.remove(places[holder, unit])
            parts[holder, models[holder][2][state.units]] = state.scores()
    return Elimination(order, cost)


def damped(H, damping):
    """Return Hessians with a fraction of their mean diagonal added to the diagonal.

    Parameters
    ----------
    H, damping
        As for `eliminate`.

    Returns
    -------
    ndarray of float64, shape (n_models, n_coordinates, n_coordinates)
        `H` itself without damping. O(size).
    """
    if not (damping and H.size):
        return np.asarray(H, dtype=np.float64)
    H, every = np.array(H, dtype=np.float64), np.arange(H.shape[1])
    H[:, every, every] += damping * H[:, every, every].mean(axis=1, keepdims=True)
    return H


def merge_orders(eliminations):
    """Merge the orders of models that were pruned independently.

    Parameters
    ----------
    eliminations : list of Elimination
        One per model.

    Returns
    -------
    model, unit : ndarray of int, shape (n_removed,)
        Model and unit of each removal, sorted by the running maximum of the costs within a
        model: a unit that becomes cheap only after more expensive ones were removed comes
        after them. O(n_removed log n_removed).
    """
    cost = [np.maximum.accumulate(found.cost) for found in eliminations]
    model = np.repeat(np.arange(len(cost)), [len(each) for each in cost])
    order = np.argsort(np.concatenate(cost), kind="stable")
    return model[order], np.concatenate([found.order for found in eliminations])[order]


class _State:
    """The inverse Hessian and the weights of the remaining coordinates.

    Remaining units and coordinates are renumbered at each compaction: `units` are the units
    and `coordinates` the coordinates, ordered by unit.

    Attributes
    ----------
    base : ndarray of shape (n_models, n_left, n_left)
        The inverse at the last update.
    recent : ndarray of shape (n_models, UPDATE_EVERY + size, n_left)
        Its first `n_recent` rows are U: the current inverse is ``base - U' U``.
    diagonal : ndarray of shape (n_models, n_left)
        Diagonal of the inverse; infinite for removed coordinates.
    blocks : ndarray of shape (n_models, n_units, size, size)
        Diagonal block of the inverse for each unit, padded with the identity; None if every
        unit is a single coordinate.
    """

    def __init__(self, H, W, members):
        self.H, self.all_members = H, members
        self.pull = H @ W  # the linear term of the loss, which removals do not change
        self.alive = np.ones(len(members), dtype=bool)
        self.restart()

    def restart(self):
        """Recompute the inverse and the weights of the remaining coordinates."""
        self._number()
        left = self.coordinates
        is_whole = np.array_equal(left, np.arange(self.H.shape[1]))
        self.base = np.empty((len(self.H), len(left), len(left)))
        self.W = np.empty((len(self.H), len(left), self.pull.shape[2]))
        for m, hessian in enumerate(self.H):
            factor = _factor(hessian if is_whole else hessian[np.ix_(left, left)])
            self.W[m] = cho_solve(factor, self.pull[m, left])
            self.base[m] = _inverse(factor[0])
        self.diagonal = self.base.diagonal(axis1=1, axis2=2).copy()
        self.start = self.diagonal.copy()
        self.blocks = None
        if (size := self.members.shape[1]) > 1:
            parts = self.base[:, self.members[:, :, None], self.members[:, None, :]]
            both = self.present[:, :, None] & self.present[:, None, :]
            self.blocks = np.where(both, parts, np.eye(size))

    def _number(self):
        """Renumber the remaining units and coordinates."""
        self.units = np.flatnonzero(self.alive)
        self.place = np.cumsum(self.alive) - 1
        members = self.all_members[self.units]
        self.present = members >= 0
        self.coordinates = members[self.present]
        self.members = np.where(
            self.present, np.cumsum(self.present).reshape(members.shape) - 1, -1
        )
        self.recent = np.empty(
            (len(self.H), UPDATE_EVERY + members.shape[1], len(self.coordinates))
        )
        self.n_recent = 0

    def scores(self):
        """Return the cost of removing each of `units`; 0 for removed ones."""
        if self.blocks is None:
            return (self.W**2 / self.diagonal[:, :, None]).sum(axis=(0, 2)) / 2
        W = np.where(self.present[:, :, None], self.W[:, self.members], 0.0)
        return (W * np.linalg.solve(self.blocks, W)).sum(axis=(0, 2, 3)) / 2

    def remove(self, unit):
        """Set the coordinates of a unit to zero and re-optimise the others."""
        place = self.place[unit]
        q = self.members[place][self.present[place]]
        recent, stop = self.recent[:, : self.n_recent], self.n_recent + len(q)
        rows = self.base[:, q] - recent[:, :, q].mT @ recent
        update, moved = _whitened(rows[:, :, q], rows, self.W[:, q])
        self.W -= update.mT @ moved
        self.W[:, q] = 0.0
        self.recent[:, self.n_recent : stop], self.n_recent = update, stop
        self.diagonal -= (update**2).sum(axis=1)
        self.diagonal[:, q] = np.inf
        self.alive[unit] = False
        if self.blocks is not None:
            part = np.where(self.present[:, :, None], update.mT[:, self.members], 0.0)
            self.blocks -= part @ part.mT
            self.blocks[:, place] = np.eye(self.members.shape[1])
        if (self.diagonal < CANCELLED * self.start).any():
            self.restart()
        elif self.n_recent >= UPDATE_EVERY:
            self.restart() if self._has_drifted() else self._update()

    def _update(self):
        """Apply the pending downdates, and drop removed coordinates if present are many."""
        recent = self.recent[:, : self.n_recent]
        stay, left = self.alive[self.units], np.isfinite(self.diagonal[0])
        if left.sum() < MIN_ALIVE * len(left):
            rows, recent = np.flatnonzero(left), recent[:, :, left]
            self.base = self.base[:, rows[:, None], rows]
            self.W, self.diagonal = self.W[:, left], self.diagonal[:, left]
            self.start = self.start[:, left]
            self.blocks = None if self.blocks is None else self.blocks[:, stay]
            self._number()
        for m, rows in enumerate(recent):
            self.base[m] -= rows.T @ rows  # model by model: a single temporary matrix
        self.n_recent = 0

    def _has_drifted(self):
        left = np.isfinite(self.diagonal[0])
        W = np.zeros(self.pull.shape)
        W[:, self.coordinates] = self.W
        gradient = (self.H @ W - self.pull)[:, self.coordinates[left]]
        return np.abs(gradient).max(initial=0.0) > MAX_DRIFT * np.abs(self.pull).max()


def _whitened(pivot, *parts):
    """Return ``inv(L) @ part`` for each part, with L the Cholesky factor of the pivot."""
    if pivot.shape[1] == 1:
        root = np.sqrt(pivot)
        return [part / root for part in parts]
    root = np.linalg.cholesky(pivot)
    return [np.linalg.solve(root, part) for part in parts]


def _inverse(factor):
    """Return the inverse of a matrix from its lower Cholesky factor, which is overwritten."""
    found = dpotri(factor, lower=True, overwrite_c=True)[0].T  # valid in the upper triangle
    for start in range(0, len(found), MIRROR_ROWS):
        stop = start + MIRROR_ROWS
        found[stop:, start:stop] = found[start:stop, stop:].T
        corner = found[start:stop, start:stop]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
    return found


def _factor(hessian):
    try:
        return cho_factor(hessian, lower=True)
    except np.linalg.LinAlgError as error:
        msg = (
            "The Hessian is not positive definite: some coordinates are linearly dependent. "
            "Add a penalty or damping, or remove such coordinates first."
        )
        raise InputError(msg) from error


def _members(units):
    """Return the coordinates of each unit, padded with -1; shape (n_units, largest size)."""
    order = np.argsort(units, kind="stable")
    sizes = np.bincount(units)
    place = np.arange(len(units)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    members = np.full((len(sizes), sizes.max()), -1)
    members[units[order], place] = order
    return members
