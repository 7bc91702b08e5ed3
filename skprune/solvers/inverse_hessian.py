"""Order and refit together: remove the unit that costs least, and update all others.

Near an optimum w the loss is ``E + (v - w)' H (v - w) / 2``. Setting the coordinates q of a
unit to zero, all others at their best, costs ``w_q' inv(B_qq) w_q / 2`` with B = inv(H); the
others move by ``-B_:q inv(B_qq) w_q``, and ``B - B_:q inv(B_qq) B_q:`` is the inverse for
those that are left. So one inverse gives the whole path, from all units to none. For least
squares the loss is that form exactly, and every level is the refit of its units.

The inverse is downdated many coordinates at a time: between two such updates it is
``B - U' U``, with a row of U per coordinate removed, and a step costs one product with the
few rows of U. What has gone is left out of B now and then. Where much of the diagonal has
been taken away, too few of its digits are left, and the inverse of what remains is computed
afresh.

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

# A diagonal entry that fell below this share of what it was has lost too many digits.
CANCELLED = 1e-6
# Removals between two updates of the inverse; then the residual is looked at, which may drift
# to this share of the gradient.
LOOK = 64
DRIFT = 1e-10
# Share of the coordinates that have to be left, or the inverse is copied without the others.
DENSE = 0.9
# Rows of a matrix that are mirrored at once.
MIRROR = 256


class Elimination(NamedTuple):
    """Units in the order in which they went, and what each removal cost.

    Attributes
    ----------
    order : ndarray of int, shape (n_removed,)
        Units, the cheapest first.
    cost : ndarray of shape (n_removed,)
        What each removal added to the loss, with all units that are left at their best.
    """

    order: Any
    cost: Any


def eliminate(H, W, units=None, forced=None, *, damping=0.0):
    """Remove one unit after the other, each time the one that costs least.

    Parameters
    ----------
    H : ndarray of shape (n_models, n_coordinates, n_coordinates)
        Hessian of each model's loss at its optimum, positive definite. Models are pruned
        together: a unit has its coordinates in each of them.
    W : ndarray of shape (n_models, n_coordinates, n_outputs)
        The optimum; the outputs of a model share its Hessian.
    units : ndarray of int, shape (n_coordinates,), default=None
        The unit of each coordinate, numbered from 0; coordinates of one unit go together.
        Default: each its own.
    forced : ndarray of bool, shape (n_units,), default=None
        Units that are not removed. Default: none.
    damping : float, default=0.0
        Added to the diagonal of each Hessian, as a share of its mean.

    Returns
    -------
    Elimination
        All units that are not forced; of equal costs the first unit goes first.

    Raises
    ------
    InputError
        If a Hessian is not positive definite.

    Notes
    -----
    O(n_coordinates^3) per model for the inverse and as much for all removals together, most
    of it in products of matrices; memory of about ``16 * n_models * n_coordinates^2`` bytes
    beside `H`, all in float64.
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
    """Remove one unit after the other from models that share some of their units.

    Parameters
    ----------
    models : list of (H, W, units)
        Hessian of shape (n_coordinates, n_coordinates), optimum of shape
        (n_coordinates, n_outputs), and the unit of each coordinate, none of them twice.
    n_units : int
        Units of all models together.
    damping : float, default=0.0
        As for `eliminate`.

    Returns
    -------
    Elimination
        All units. What `eliminate` finds where each model has a coordinate for each unit.

    Notes
    -----
    O(n_coordinates^3) time and, beside `H`, ``8 * n_coordinates^2`` bytes per model, each of
    its own size, and as much again for the largest.
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
    """Return Hessians with a share of the mean of their diagonals added to them.

    Parameters
    ----------
    H, damping
        As for `eliminate`.

    Returns
    -------
    ndarray of float64, shape (n_models, n_coordinates, n_coordinates)
        `H` itself if there is nothing to add.
    """
    if not (damping and H.size):
        return np.asarray(H, dtype=np.float64)
    H, every = np.array(H, dtype=np.float64), np.arange(H.shape[1])
    H[:, every, every] += damping * H[:, every, every].mean(axis=1, keepdims=True)
    return H


def merge_orders(eliminations):
    """Put the orders of models that were pruned each by itself into one.

    Parameters
    ----------
    eliminations : list of Elimination
        One per model.

    Returns
    -------
    model, unit : ndarray of int, shape (n_removed,)
        Whose unit goes, the cheapest first. A unit that became cheap only once dearer ones
        of its model had gone waits for them: what counts is the largest cost so far.
    """
    cost = [np.maximum.accumulate(found.cost) for found in eliminations]
    model = np.repeat(np.arange(len(cost)), [len(each) for each in cost])
    order = np.argsort(np.concatenate(cost), kind="stable")
    return model[order], np.concatenate([found.order for found in eliminations])[order]


class _State:
    """The inverse Hessian and the weights of what is left.

    What is left is numbered anew whenever much has gone: `units` are its units and
    `coordinates` its coordinates, ordered by unit.

    Attributes
    ----------
    base : ndarray of shape (n_models, n_left, n_left)
        The inverse when it was last updated.
    recent : ndarray of shape (n_models, LOOK + size, n_left)
        Its first `n_recent` rows are U: now the inverse is ``base - U' U``.
    diagonal : ndarray of shape (n_models, n_left)
        Of the inverse; infinite where a coordinate has gone.
    blocks : ndarray of shape (n_models, n_units, size, size)
        The part of the inverse of each unit, filled up with the identity; None if each unit
        is one coordinate.
    """

    def __init__(self, H, W, members):
        self.H, self.all_members = H, members
        self.pull = H @ W  # stays the gradient's other half, whatever has gone
        self.alive = np.ones(len(members), dtype=bool)
        self.restart()

    def restart(self):
        """Compute the inverse and the weights of what is left afresh."""
        self._number()
        left = self.coordinates
        all_as_they_are = np.array_equal(left, np.arange(self.H.shape[1]))
        self.base = np.empty((len(self.H), len(left), len(left)))
        self.W = np.empty((len(self.H), len(left), self.pull.shape[2]))
        for m, hessian in enumerate(self.H):
            factor = _factor(hessian if all_as_they_are else hessian[np.ix_(left, left)])
            self.W[m] = cho_solve(factor, self.pull[m, left])
            self.base[m] = _inverse(factor[0])
        self.diagonal = self.base.diagonal(axis1=1, axis2=2).copy()
        self.start = self.diagonal.copy()
        self.blocks = None
        if (size := self.members.shape[1]) > 1:
            parts = self.base[:, self.members[:, :, None], self.members[:, None, :]]
            both = self.there[:, :, None] & self.there[:, None, :]
            self.blocks = np.where(both, parts, np.eye(size))

    def _number(self):
        """Give the units and coordinates that are left numbers."""
        self.units = np.flatnonzero(self.alive)
        self.place = np.cumsum(self.alive) - 1
        members = self.all_members[self.units]
        self.there = members >= 0
        self.coordinates = members[self.there]
        self.members = np.where(self.there, np.cumsum(self.there).reshape(members.shape) - 1, -1)
        self.recent = np.empty((len(self.H), LOOK + members.shape[1], len(self.coordinates)))
        self.n_recent = 0

    def scores(self):
        """Return what the removal of each of `units` costs; nothing if it has gone."""
        if self.blocks is None:
            return (self.W**2 / self.diagonal[:, :, None]).sum(axis=(0, 2)) / 2
        W = np.where(self.there[:, :, None], self.W[:, self.members], 0.0)
        return (W * np.linalg.solve(self.blocks, W)).sum(axis=(0, 2, 3)) / 2

    def remove(self, unit):
        """Set the coordinates of a unit to zero, and bring the others to their best."""
        place = self.place[unit]
        q = self.members[place][self.there[place]]
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
            part = np.where(self.there[:, :, None], update.mT[:, self.members], 0.0)
            self.blocks -= part @ part.mT
            self.blocks[:, place] = np.eye(self.members.shape[1])
        if (self.diagonal < CANCELLED * self.start).any():
            self.restart()
        elif self.n_recent >= LOOK:
            self.restart() if self._has_drifted() else self._settle()

    def _settle(self):
        """Update the inverse, and leave out what has gone."""
        recent = self.recent[:, : self.n_recent]
        stay, left = self.alive[self.units], np.isfinite(self.diagonal[0])
        if left.sum() < DENSE * len(left):
            rows, recent = np.flatnonzero(left), recent[:, :, left]
            self.base = self.base[:, rows[:, None], rows]
            self.W, self.diagonal = self.W[:, left], self.diagonal[:, left]
            self.start = self.start[:, left]
            self.blocks = None if self.blocks is None else self.blocks[:, stay]
            self._number()
        for m, rows in enumerate(recent):
            self.base[m] -= rows.T @ rows  # model by model: one matrix more at a time
        self.n_recent = 0

    def _has_drifted(self):
        left = np.isfinite(self.diagonal[0])
        W = np.zeros(self.pull.shape)
        W[:, self.coordinates] = self.W
        gradient = (self.H @ W - self.pull)[:, self.coordinates[left]]
        return np.abs(gradient).max(initial=0.0) > DRIFT * np.abs(self.pull).max()


def _whitened(pivot, *parts):
    """Return the parts, divided by the root of a pivot of shape (n_models, size, size)."""
    if pivot.shape[1] == 1:
        root = np.sqrt(pivot)
        return [part / root for part in parts]
    root = np.linalg.cholesky(pivot)
    return [np.linalg.solve(root, part) for part in parts]


def _inverse(factor):
    """Return the inverse of a matrix from its lower Cholesky factor, which is overwritten."""
    found = dpotri(factor, lower=True, overwrite_c=True)[0].T  # now the upper half is right
    for start in range(0, len(found), MIRROR):
        stop = start + MIRROR
        found[stop:, start:stop] = found[start:stop, stop:].T
        corner = found[start:stop, start:stop]
        corner[:] = np.triu(corner) + np.triu(corner, 1).T
    return found


def _factor(hessian):
    try:
        return cho_factor(hessian, lower=True)
    except np.linalg.LinAlgError as error:
        msg = (
            "The Hessian is not positive definite: some coordinates are combinations of others. "
            "Add a penalty or damping, or remove such coordinates first."
        )
        raise InputError(msg) from error


def _members(units):
    """Return the coordinates of each unit, (n_units, largest size), filled up with -1."""
    order = np.argsort(units, kind="stable")
    sizes = np.bincount(units)
    place = np.arange(len(units)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    members = np.full((len(sizes), sizes.max()), -1)
    members[units[order], place] = order
    return members
