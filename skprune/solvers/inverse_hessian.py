"""Order and refit together: remove the unit that costs least, and update all others.

Near an optimum w the loss is ``E + (v - w)' H (v - w) / 2``. Setting the coordinates q of a
unit to zero, all others at their best, costs ``w_q' inv(B_qq) w_q / 2`` with B = inv(H); the
others move by ``-B_:q inv(B_qq) w_q``, and ``B - B_:q inv(B_qq) B_q:`` is the inverse for
those that are left. So one inverse gives the whole path, from all units to none. For least
squares the loss is that form exactly, and every level is the refit of its units.

The downdated inverse is never formed: it is ``B - U U'``, with a column of U per coordinate
removed, and a step costs a product with U. Where much of the diagonal has been taken away,
too few of its digits are left, and the inverse of what remains is computed afresh.

References
----------
B. Hassibi and D. G. Stork, "Second order derivatives for network pruning: optimal brain
surgeon", NIPS 1992.

E. Frantar, S. P. Singh and D. Alistarh, "Optimal brain compression", NeurIPS 2022.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from skprune.exceptions import InputError

# A diagonal entry that fell below this share of what it was has lost too many digits.
CANCELLED = 1e-6
# Steps between two looks at the residual, and the share of the gradient it may drift to.
LOOK = 64
DRIFT = 1e-10


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
    O(n_coordinates^3) per model for the inverse and as much for all removals together;
    memory of about ``24 * n_models * n_coordinates^2`` bytes, all in float64.
    """
    units = np.arange(H.shape[1]) if units is None else units
    state = _State(damped(H, damping), np.asarray(W, dtype=np.float64), _members(units))
    waiting = np.ones(len(state.members), dtype=bool)
    if forced is not None:
        waiting &= ~forced
    order = np.empty(np.count_nonzero(waiting), dtype=np.intp)
    cost = np.empty(len(order))
    for step in range(len(order)):
        scores = np.where(waiting, state.scores(), np.inf)
        unit = int(np.argmin(scores))
        order[step], cost[step] = unit, scores[unit]
        waiting[unit] = False
        state.remove(unit)
        if state.has_drifted(look=step % LOOK == LOOK - 1):
            state.restart()
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
    O(n_coordinates^3) time and ``24 * n_coordinates^2`` bytes per model, each of its own
    size.
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
            if state.has_drifted(look=step % LOOK == LOOK - 1):
                state.restart()
            parts[holder, models[holder][2]] = state.scores()
    return Elimination(order, cost)


def best_weights(H, W, kept, *, damping=0.0):
    """Return the optimum of the same losses with some coordinates only.

    Parameters
    ----------
    H, W, damping
        As for `eliminate`.
    kept : ndarray of bool, shape (n_coordinates,)
        Coordinates that may differ from zero.

    Returns
    -------
    ndarray of shape (n_models, n_coordinates, n_outputs)
        Exactly zero elsewhere. O(n_kept^3) per model.
    """
    H = damped(H, damping)
    found = np.zeros(W.shape)
    for m, pull in enumerate(H @ W):
        found[m, kept] = cho_solve(_factor(H[m][np.ix_(kept, kept)]), pull[kept])
    return found


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

    Attributes
    ----------
    base : ndarray of shape (n_models, n_coordinates, n_coordinates)
        The inverse when it was last computed.
    taken : ndarray of shape (n_models, n_coordinates, n_coordinates)
        Its first `n_taken` columns are U: now the inverse is ``base - U U'``.
    blocks : ndarray of shape (n_models, n_units, size, size)
        The part of the inverse of each unit, filled up with the identity.
    """

    def __init__(self, H, W, members):
        self.H, self.members = H, members
        self.there = members >= 0
        self.pull = H @ W  # stays the gradient's other half, whatever has gone
        self.alive = np.ones(H.shape[1], dtype=bool)
        self.restart()

    def restart(self):
        """Compute the inverse and the weights of what is left afresh."""
        left = np.flatnonzero(self.alive)
        self.base, self.W = np.zeros(self.H.shape), np.zeros(self.pull.shape)
        for m, hessian in enumerate(self.H):
            factor = _factor(hessian[np.ix_(left, left)])
            self.base[m][np.ix_(left, left)] = cho_solve(factor, np.eye(len(left)))
            self.W[m, left] = cho_solve(factor, self.pull[m, left])
        self.taken, self.n_taken = np.zeros((*self.H.shape[:2], len(left))), 0
        inside = self.there & self.alive[self.members]
        both = inside[:, :, None] & inside[:, None, :]
        parts = self.base[:, self.members[:, :, None], self.members[:, None, :]]
        self.blocks = np.where(both, parts, np.eye(self.members.shape[1]))
        self.start = self.base.diagonal(axis1=1, axis2=2).copy()
        self.diagonal = self.start.copy()

    def scores(self):
        """Return what the removal of each unit costs."""
        W = np.where(self.there[:, :, None], self.W[:, self.members], 0.0)
        if W.shape[2] == 1:
            return (W**2 / self.blocks).sum(axis=(0, 2, 3)) / 2
        return (W * np.linalg.solve(self.blocks, W)).sum(axis=(0, 2, 3)) / 2

    def remove(self, unit):
        """Set the coordinates of a unit to zero, and bring the others to their best."""
        q = self.members[unit][self.there[unit]]
        taken = self.taken[:, :, : self.n_taken]
        column = self.base[:, :, q] - taken @ taken[:, q].mT
        root = np.linalg.cholesky(column[:, q])
        update = np.linalg.solve(root, column.mT).mT
        self.W -= update @ np.linalg.solve(root, self.W[:, q])
        self.W[:, q] = 0.0
        self.alive[q] = False
        self.taken[:, :, self.n_taken : self.n_taken + len(q)] = update
        self.n_taken += len(q)
        self.diagonal -= (update**2).sum(axis=2)
        part = np.where(self.there[:, :, None], update[:, self.members], 0.0)
        self.blocks -= part @ part.mT
        self.blocks[:, unit] = np.eye(self.members.shape[1])

    def has_drifted(self, *, look):
        """Say whether rounding has gone too far; at the gradient only if asked to look."""
        left = self.alive
        if (self.diagonal[:, left] < CANCELLED * self.start[:, left]).any():
            return True
        if not (look and left.any()):
            return False
        gradient = (self.H @ self.W - self.pull)[:, left]
        return np.abs(gradient).max() > DRIFT * np.abs(self.pull).max()


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
