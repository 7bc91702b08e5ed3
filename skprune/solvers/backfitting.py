"""Penalised backfitting: joint subtree pruning, tree removal and leaf refit.

Given the structures of many trees, all leaf values and all cuts are chosen anew to minimise

    sum of losses + penalty * leaves + ridge / 2 * squared leaf values

one tree after the other, the others held fixed. For a quadratic loss each step is exact: the
best values of all nodes and the best of all pruned subtrees come from sums over leaves and
one pass up the tree. Other losses are replaced by a quadratic model once per pass, and a
pass that does not lower the objective is taken back and repeated with shorter steps.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skprune.solvers.additive_losses import Loss
from skprune.solvers.backfitting_layout import Structures


class Solution(NamedTuple):
    """One level of a backfitted model: what stays, and its values.

    Attributes
    ----------
    penalty, ridge : float
        As they were given.
    intercept : ndarray of shape (n_columns,)
        Constant part of the raw prediction.
    node : ndarray of int, shape (n_leaves,)
        Nodes of the table that are leaves now, tree by tree, each from left to right.
    column : ndarray of int, shape (n_leaves,)
        Column that a leaf adds to; 0 where all columns share their structures.
    value : ndarray of shape (n_leaves, n_shared)
        What it adds: to its column, or to each of the columns that share it.
    """

    penalty: float
    ridge: float
    intercept: np.ndarray
    node: np.ndarray
    column: np.ndarray
    value: np.ndarray


class _Fit(NamedTuple):
    """What one tree adds: structure and position of its leaves, and values per full leaf."""

    own: np.ndarray
    leaves: np.ndarray
    value: np.ndarray
    squares: float


@dataclass
class Backfitting:
    """The state of a backfitting: carried on from penalty to penalty.

    Parameters
    ----------
    structures : Structures
        The trees.
    rank : ndarray of int, shape (n_trees, n_rows)
        The leaf of each row, as `Structures.rank` numbers them.
    target : ndarray of shape (n_columns, n_rows)
        What the loss compares with.
    loss : Loss
        One of `skprune.solvers.additive_losses`.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    seed : int
        Draws the order of the trees in each pass.
    columns : ndarray of int, shape (n_trees,), default=None
        The one column that each tree adds to; None if each tree serves all columns.
    shared : bool, default=False
        Whether the columns share one pruned structure per tree, or each cuts its own.
    offset : ndarray of shape (n_columns, n_rows), default=None
        Part of the raw prediction that is not fitted.

    Notes
    -----
    A step costs O((rows + nodes) * columns); memory O(rows * (trees / 2 + columns)).
    """

    structures: Structures
    rank: np.ndarray
    target: np.ndarray
    loss: Loss
    weight: np.ndarray
    seed: int
    columns: np.ndarray | None = None
    shared: bool = False
    offset: np.ndarray | None = None
    fits: dict[int, _Fit] = field(default_factory=dict)
    n_passes: int = 0
    damping: float = 1.0

    def __post_init__(self):
        if self.offset is None:
            self.intercept = self.loss.intercept(self.target, self.weight)
            self.raw = np.repeat(self.intercept[:, np.newaxis], self.target.shape[1], axis=1)
        else:
            self.intercept = np.zeros(len(self.target))
            self.raw = self.offset.copy()
        self._hessians = {}

    def copy(self):
        """Return a state that can go another way."""
        twin = object.__new__(Backfitting)
        twin.__dict__.update(self.__dict__)
        twin.fits, twin.raw = dict(self.fits), self.raw.copy()
        return twin

    def descend(self, penalty, ridge, n_passes=2):
        """Lower the objective at one penalty, from where the last one ended.

        Parameters
        ----------
        penalty : float
            Price of a leaf, in units of the summed loss.
        ridge : float
            Price of half the square of a leaf value: rows of value 0 that each leaf is
            joined by, in units of the curvature.
        n_passes : int, default=2
            The first lets removed trees back in, the others visit those that are left.

        Returns
        -------
        Solution
            Where it ended.
        """
        for number in range(n_passes):
            self._pass(penalty, ridge, widen=number == 0)
        return self._solution(penalty, ridge)

    def objective(self, penalty, ridge):
        """Return the penalised loss of the current state."""
        loss = self.weight @ self.loss.value(self.target, self.raw)
        n_leaves = sum(len(fit.leaves) for fit in self.fits.values())
        squares = sum(fit.squares for fit in self.fits.values())
        return loss + penalty * n_leaves + ridge / 2 * squares

    def _pass(self, penalty, ridge, *, widen):
        """Visit trees in random order; take back what raises the objective."""
        self.n_passes += 1
        if self.loss.is_quadratic:
            self._sweep(penalty, ridge, widen=widen)
            return
        before, least = self.copy(), self.objective(penalty, ridge)
        for _ in range(8):
            self._sweep(penalty, ridge, widen=widen)
            after = self.objective(penalty, ridge)
            if after <= least + 1e-9 * abs(least):
                self.damping = max(1.0, self.damping / 2)
                return
            damping = 4 * self.damping
            self.__dict__.update(before.copy().__dict__)
            self.damping = damping
        self.damping = 1.0

    def _sweep(self, penalty, ridge, *, widen):
        slope = self.loss.slope(self.target, self.raw)
        push = slope.descent * self.weight
        hessian = np.asarray(slope.curvature) * self.weight * self.damping
        hessian = np.broadcast_to(hessian, push.shape)
        shift = push.sum(axis=1) / hessian.sum(axis=1)
        self.intercept = self.intercept + shift
        self.raw += shift[:, np.newaxis]
        push -= hessian * shift[:, np.newaxis]
        trees = np.array(sorted(self.fits), dtype=np.intp)
        if widen:
            trees = np.append(trees, self._promising(push, hessian, penalty, ridge))
        for tree in np.random.default_rng([self.seed, self.n_passes]).permutation(trees):
            self._step(tree, push, hessian, penalty, ridge)

    def _promising(self, push, hessian, penalty, ridge):
        """Return the removed trees that would pay as things stand, all judged at once."""
        structures, n_own = self.structures, len(push) if self.columns is None else 1
        offsets = structures.offsets
        value, alone = np.zeros((2, n_own, offsets[-1]))
        removed = np.array([t for t in range(len(offsets) - 1) if t not in self.fits], np.intp)
        for tree in removed:
            mine, at = self._mine(tree), slice(offsets[tree], offsets[tree + 1])
            layout, rank = structures.layouts[tree], self.rank[tree].astype(np.intp)
            sums = _below(layout, rank, push[mine])
            value[:, at] = sums / (self._hessian(tree, layout, rank, hessian[mine]) + ridge)
            alone[:, at] = 0.5 * sums * value[:, at]
        if self.shared:
            alone = alone.sum(axis=0, keepdims=True)
        alone -= penalty
        best = alone.copy()
        for splits, left in reversed(structures.levels):
            best[:, splits] = np.maximum(best[:, left] + best[:, left + 1], best[:, splits])
        roots = offsets[removed]
        return removed[(best[:, roots] > np.maximum(alone[:, roots], 0)).any(axis=0)]

    def _mine(self, tree):
        """Return the columns that a tree adds to."""
        if self.columns is None:
            return slice(None)
        return slice(self.columns[tree], self.columns[tree] + 1)

    def _step(self, tree, push, hessian, penalty, ridge):
        """Refit one tree; `push` is what the quadratic model still pulls, and is updated."""
        layout, old = self.structures.layouts[tree], self.fits.get(tree)
        if not layout.levels:
            return
        rank = self.rank[tree].astype(np.intp)  # once: numpy would in each call
        mine = self._mine(tree)
        push, hessian, raw = push[mine], hessian[mine], self.raw[mine]
        if old is not None:
            was = old.value.take(rank, axis=1)
            push += hessian * was
            raw -= was
        sums = _below(layout, rank, push), self._hessian(tree, layout, rank, hessian)
        new = _prune(layout, *sums, penalty, ridge, shared=self.shared)
        if new is None:
            self.fits.pop(tree, None)
            return
        now = new.value.take(rank, axis=1)
        push -= hessian * now
        raw += now
        self.fits[tree] = new

    def _hessian(self, tree, layout, rank, hessian):
        if not self.loss.is_quadratic:
            return _below(layout, rank, hessian)
        if tree not in self._hessians:  # the same in every pass, and for every column
            self._hessians[tree] = _below(layout, rank, hessian[:1])
        return self._hessians[tree]

    def _solution(self, penalty, ridge):
        node, column, value = [], [], []
        for tree in sorted(self.fits):
            layout, fit = self.structures.layouts[tree], self.fits[tree]
            first = 0 if self.columns is None else self.columns[tree]
            node.append(layout.node[fit.leaves])
            column.append(first + fit.own)
            start = layout.start[fit.leaves]
            value.append(fit.value[:, start].T if self.shared else fit.value[fit.own, start, None])
        n_shared = len(self.target) if self.shared else 1
        return Solution(
            penalty,
            ridge,
            self.intercept,
            np.concatenate([*node, np.empty(0, dtype=np.intp)]),
            np.concatenate([*column, np.empty(0, dtype=np.intp)]),
            np.concatenate([*value, np.empty((0, n_shared))]),
        )


def _below(layout, rank, amount):
    """Add up what rows contribute over the leaves below each node; (n_columns, n_nodes)."""
    total = np.zeros((len(amount), layout.stop[0] + 1))
    for row, column in zip(total, amount, strict=True):
        np.cumsum(np.bincount(rank, column, layout.stop[0]), out=row[1:])
    return total.take(layout.stop, axis=1) - total.take(layout.start, axis=1)


def _prune(layout, push, hessian, penalty, ridge, *, shared):
    """Find the best pruned subtree of each column and its values.

    Parameters
    ----------
    layout : Layout
        The tree.
    push, hessian : ndarray of shape (n_columns, n_nodes)
        Sums over the rows of each node.
    penalty, ridge : float
        Price of a leaf, and of half its squared value.
    shared : bool
        Whether one subtree serves all columns.

    Returns
    -------
    _Fit or None
        The subtrees; a tree collapsed to its root is none, its value belongs to the
        intercept.
    """
    value = push / (hessian + ridge)
    alone = 0.5 * push * value
    if shared:
        alone = alone.sum(axis=0, keepdims=True)
    alone -= penalty
    best = alone.copy()
    for splits, begin, end in reversed(layout.levels):
        children = best[:, begin:end:2] + best[:, begin + 1 : end : 2]
        best[:, splits] = np.maximum(children, best[:, splits])
    pays = best > alone
    grown = np.flatnonzero(pays[:, 0] & (best[:, 0] > 0))
    if not grown.size:
        return None
    which, found = _frontier(layout, pays, grown)
    rows = slice(None) if shared else grown[which]
    held = value[rows][:, found] if shared else value[rows, found][np.newaxis]
    full = np.zeros((len(value), layout.stop[0]))
    spread = np.repeat(held, layout.stop[found] - layout.start[found], axis=1)
    full[slice(None) if shared else grown] = spread.reshape(-1, layout.stop[0])
    return _Fit(grown[which], found, full, float((held**2).sum()))


def _frontier(layout, pays, grown):
    """Return the leaves of the subtrees of the splits that pay.

    Parameters
    ----------
    layout : Layout
        The tree.
    pays : ndarray of bool, shape (n_structures, n_nodes)
        Splits that pay in each structure.
    grown : ndarray of int, shape (n_grown,)
        Structures whose root is split.

    Returns
    -------
    which, leaves : ndarray of int, shape (n_leaves,)
        Position in `grown`, and node; structure by structure from left to right.
    """
    which, node = np.arange(len(grown)), np.zeros(len(grown), dtype=np.intp)
    ended = []
    while node.size:
        split = pays[grown[which], node]
        ended.append((which[~split], node[~split]))
        left = layout.left[node[split]]
        which, node = np.tile(which[split], 2), np.concatenate([left, left + 1])
    which, node = (np.concatenate(part) for part in zip(*ended, strict=True))
    order = np.argsort(which * layout.stop[0] + layout.start[node])
    return which[order], node[order]


def predict_raw(structures, tree_of, rank, solution, offset=None):
    """Add up a solution for rows; O(rows * trees that are left).

    Parameters
    ----------
    structures : Structures
        The trees.
    tree_of : ndarray of int, shape (n_nodes,)
        The tree of each node of the table.
    rank : ndarray of int, shape (n_trees, n_rows)
        Leaf numbers of the rows.
    solution : Solution
        What stays.
    offset : ndarray of shape (n_columns, n_rows), default=None
        Part of the raw prediction that was not fitted.

    Returns
    -------
    ndarray of shape (n_columns, n_rows)
        Raw predictions.
    """
    raw = np.repeat(solution.intercept[:, np.newaxis], rank.shape[1], axis=1)
    if offset is not None:
        raw += offset
    node, n_shared = solution.node, solution.value.shape[1]
    width = structures.stop[node] - structures.start[node]
    key = tree_of[node] * len(raw) + solution.column
    edges = np.flatnonzero(np.diff(key, prepend=-1, append=-1))
    for begin, end in pairwise(edges):
        full = np.repeat(solution.value[begin:end], width[begin:end], axis=0)
        column = solution.column[begin]
        raw[column : column + n_shared] += full.T.take(
            rank[tree_of[node[begin]]].astype(np.intp), axis=1
        )
    return raw
