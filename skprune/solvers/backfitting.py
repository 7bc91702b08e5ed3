"""Penalised backfitting: joint subtree pruning, tree removal and leaf refit.

Given the structures of many trees, all leaf values and pruned subtrees are re-optimised to
minimise

    sum of losses + penalty * leaves + ridge / 2 * sum of squared leaf values

by block coordinate descent, one tree at a time. For a quadratic loss each step is exact: the
optimal values of all nodes and the optimal pruned subtree follow from sums over leaves and
one bottom-up pass. Other losses are replaced by a quadratic model once per pass; a pass that
increases the objective is undone and repeated with shorter steps.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skprune.solvers.additive_losses import Loss
from skprune.solvers.backfitting_layout import Structures


class Solution(NamedTuple):
    """One level of a backfitted model: its leaves and their values.

    Attributes
    ----------
    penalty, ridge : float
        The parameters of the objective.
    intercept : ndarray of shape (n_columns,)
        Constant part of the raw prediction.
    node : ndarray of int, shape (n_leaves,)
        Nodes of the table that are leaves of the pruned trees, tree by tree, from left to
        right.
    column : ndarray of int, shape (n_leaves,)
        Column that a leaf contributes to; 0 if all columns share one structure.
    value : ndarray of shape (n_leaves, n_shared)
        Contribution to that column, or to each of the columns that share the structure.
    """

    penalty: float
    ridge: float
    intercept: np.ndarray
    node: np.ndarray
    column: np.ndarray
    value: np.ndarray


class _Fit(NamedTuple):
    """Fit of one tree: structure and node of each leaf, values per leaf of the full tree."""

    own: np.ndarray
    leaves: np.ndarray
    value: np.ndarray
    squares: float


@dataclass
class Backfitting:
    """State of a backfitting, used for warm starts along a path of penalties.

    Parameters
    ----------
    structures : Structures
        The trees.
    rank : ndarray of int, shape (n_trees, n_samples)
        Leaf of each sample, numbered by `Structures.rank`.
    target : ndarray of shape (n_columns, n_samples)
        Target of the loss.
    loss : Loss
        One of `skprune.solvers.additive_losses`.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    seed : int
        Seed of the order of the trees in each pass.
    columns : ndarray of int, shape (n_trees,), default=None
        The single column that each tree contributes to; None if to all columns.
    shared : bool, default=False
        Whether all columns share one pruned structure per tree, or each has its own.
    offset : ndarray of shape (n_columns, n_samples), default=None
        Fixed part of the raw prediction.

    Notes
    -----
    A step costs O((n_samples + n_nodes) * n_columns); memory is
    O(n_samples * (n_trees / 2 + n_columns)).
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
        """Return an independent copy of the state."""
        twin = object.__new__(Backfitting)
        twin.__dict__.update(self.__dict__)
        twin.fits, twin.raw = dict(self.fits), self.raw.copy()
        return twin

    def descend(self, penalty, ridge, n_passes=2):
        """Decrease the objective at given penalties, starting from the current state.

        Parameters
        ----------
        penalty : float
            Cost per leaf, in units of the summed loss.
        ridge : float
            L2 penalty on leaf values, ``ridge / 2 * value ** 2``: equivalent to adding
            curvature `ridge` with target 0 to each leaf.
        n_passes : int, default=2
            Number of passes. The first may add removed trees again, the others visit the
            remaining ones.

        Returns
        -------
        Solution
            The model after the last pass.
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
        """Visit trees in random order; undo and damp passes that increase the objective."""
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
        model = self.loss.quadratic_model(self.target, self.raw)
        residual = model.negative_gradient * self.weight
        hessian = np.asarray(model.curvature) * self.weight * self.damping
        hessian = np.broadcast_to(hessian, residual.shape)
        shift = residual.sum(axis=1) / hessian.sum(axis=1)
        self.intercept = self.intercept + shift
        self.raw += shift[:, np.newaxis]
        residual -= hessian * shift[:, np.newaxis]
        trees = np.array(sorted(self.fits), dtype=np.intp)
        if widen:
            trees = np.append(trees, self._promising(residual, hessian, penalty, ridge))
        for tree in np.random.default_rng([self.seed, self.n_passes]).permutation(trees):
            self._step(tree, residual, hessian, penalty, ridge)

    def _promising(self, residual, hessian, penalty, ridge):
        """Return the removed trees that would lower the objective, evaluated independently."""
        structures, n_own = self.structures, len(residual) if self.columns is None else 1
        offsets = structures.offsets
        value, alone = np.zeros((2, n_own, offsets[-1]))
        removed = np.array([t for t in range(len(offsets) - 1) if t not in self.fits], np.intp)
        for tree in removed:
            mine, at = self._columns_of(tree), slice(offsets[tree], offsets[tree + 1])
            layout, rank = structures.layouts[tree], self.rank[tree].astype(np.intp)
            sums = _below(layout, rank, residual[mine])
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

    def _columns_of(self, tree):
        """Return the columns that a tree contributes to."""
        if self.columns is None:
            return slice(None)
        return slice(self.columns[tree], self.columns[tree] + 1)

    def _step(self, tree, residual, hessian, penalty, ridge):
        """Refit one tree; `residual`, the negative gradient of the model, is updated."""
        layout, old = self.structures.layouts[tree], self.fits.get(tree)
        if not layout.levels:
            return
        rank = self.rank[tree].astype(np.intp)  # once, instead of in each call of numpy
        mine = self._columns_of(tree)
        residual, hessian, raw = residual[mine], hessian[mine], self.raw[mine]
        if old is not None:
            before = old.value.take(rank, axis=1)
            residual += hessian * before
            raw -= before
        sums = _below(layout, rank, residual), self._hessian(tree, layout, rank, hessian)
        new = _prune(layout, *sums, penalty, ridge, shared=self.shared)
        if new is None:
            self.fits.pop(tree, None)
            return
        after = new.value.take(rank, axis=1)
        residual -= hessian * after
        raw += after
        self.fits[tree] = new

    def _hessian(self, tree, layout, rank, hessian):
        if not self.loss.is_quadratic:
            return _below(layout, rank, hessian)
        if tree not in self._hessians:  # identical in all passes and columns
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
    """Sum over the samples below each node; ndarray of shape (n_columns, n_nodes)."""
    total = np.zeros((len(amount), layout.stop[0] + 1))
    for row, column in zip(total, amount, strict=True):
        np.cumsum(np.bincount(rank, column, layout.stop[0]), out=row[1:])
    return total.take(layout.stop, axis=1) - total.take(layout.start, axis=1)


def _prune(layout, residual, hessian, penalty, ridge, *, shared):
    """Find the optimal pruned subtree of each column and its values.

    Parameters
    ----------
    layout : Layout
        The tree.
    residual, hessian : ndarray of shape (n_columns, n_nodes)
        Sums over the samples of each node.
    penalty, ridge : float
        Cost per leaf, and L2 penalty on its value.
    shared : bool
        Whether all columns share one subtree.

    Returns
    -------
    _Fit or None
        The subtrees; None if all are collapsed to the root, whose value belongs to the
        intercept.
    """
    value = residual / (hessian + ridge)
    alone = 0.5 * residual * value
    if shared:
        alone = alone.sum(axis=0, keepdims=True)
    alone -= penalty
    best = alone.copy()
    for splits, begin, end in reversed(layout.levels):
        children = best[:, begin:end:2] + best[:, begin + 1 : end : 2]
        best[:, splits] = np.maximum(children, best[:, splits])
    keep_split = best > alone
    grown = np.flatnonzero(keep_split[:, 0] & (best[:, 0] > 0))
    if not grown.size:
        return None
    which, found = _frontier(layout, keep_split, grown)
    rows = slice(None) if shared else grown[which]
    leaf_value = value[rows][:, found] if shared else value[rows, found][np.newaxis]
    full = np.zeros((len(value), layout.stop[0]))
    repeated = np.repeat(leaf_value, layout.stop[found] - layout.start[found], axis=1)
    full[slice(None) if shared else grown] = repeated.reshape(-1, layout.stop[0])
    return _Fit(grown[which], found, full, float((leaf_value**2).sum()))


def _frontier(layout, keep_split, grown):
    """Return the leaves of the pruned subtrees.

    Parameters
    ----------
    layout : Layout
        The tree.
    keep_split : ndarray of bool, shape (n_structures, n_nodes)
        Splits to keep in each structure.
    grown : ndarray of int, shape (n_grown,)
        Structures whose root is split.

    Returns
    -------
    which, leaves : ndarray of int, shape (n_leaves,)
        Index into `grown` and node of each leaf; structure by structure, from left to right.
    """
    which, node = np.arange(len(grown)), np.zeros(len(grown), dtype=np.intp)
    leaves = []
    while node.size:
        split = keep_split[grown[which], node]
        leaves.append((which[~split], node[~split]))
        left = layout.left[node[split]]
        which, node = np.tile(which[split], 2), np.concatenate([left, left + 1])
    which, node = (np.concatenate(part) for part in zip(*leaves, strict=True))
    order = np.argsort(which * layout.stop[0] + layout.start[node])
    return which[order], node[order]


def predict_raw(structures, tree_of, rank, solution, offset=None):
    """Return the raw predictions of a solution; O(n_samples * n_remaining_trees).

    Parameters
    ----------
    structures : Structures
        The trees.
    tree_of : ndarray of int, shape (n_nodes,)
        The tree of each node of the table.
    rank : ndarray of int, shape (n_trees, n_samples)
        Leaf numbers of the samples.
    solution : Solution
        The pruned model.
    offset : ndarray of shape (n_columns, n_samples), default=None
        Fixed part of the raw prediction.

    Returns
    -------
    ndarray of shape (n_columns, n_samples)
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
