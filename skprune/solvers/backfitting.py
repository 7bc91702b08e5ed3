"""Penalised backfitting: joint subtree pruning, tree removal and leaf refit.

Given the structures of many trees, all leaf values and pruned subtrees are re-optimised to
minimise

    sum of losses + penalty * leaves + ridge / 2 * sum of squared leaf values

by block coordinate descent, one tree at a time. For a quadratic loss each step is exact: the
optimal values of all nodes and the optimal pruned subtree follow from sums over leaves and
one bottom-up pass. Other losses are replaced by a quadratic model once per pass; a pass that
increases the objective is undone and repeated with shorter steps.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skprune.arrays.compiled import compiled
from skprune.solvers import backfitting_loops
from skprune.solvers.additive_losses import Loss
from skprune.solvers.backfitting_layout import Structures
from skprune.solvers.backfitting_steps import Fits, add_leaves, leaf_sums, promising, sweep

# What a step costs in numpy: its calls, and each sample and column.
SECONDS_PER_STEP, SECONDS_PER_SAMPLE = 1e-4, 2e-8


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
    n_passes: int = 0
    damping: float = 1.0

    def __post_init__(self):
        trees, n_columns = self.structures.trees, len(self.target)
        self.first = np.zeros(len(self.rank), np.intp) if self.columns is None else self.columns
        n_own = n_columns if self.columns is None else 1
        self.fits = Fits.none(trees, n_own, 1 if self.shared else n_own)
        self.known = np.empty((0, trees.leaf_offsets[-1]))
        self._loss_sum = None  # of the current raw predictions, once it is known
        if self.offset is None:
            self.intercept = self.loss.intercept(self.target, self.weight)
            self.raw = np.repeat(self.intercept[:, np.newaxis], self.target.shape[1], axis=1)
        else:
            self.intercept = np.zeros(len(self.target))
            if (self.offset == self.offset[:, :1]).all():
                # A constant may be far from the target, where steps would overshoot.
                best = self.loss.intercept(self.target, self.weight)
                self.intercept = best - self.offset[:, 0]
            self.raw = self.offset + self.intercept[:, np.newaxis]

    def copy(self):
        """Return an independent copy of the state."""
        twin = object.__new__(Backfitting)
        twin.__dict__.update(self.__dict__)
        twin.fits, twin.raw = self.fits.copy(), self.raw.copy()
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
        if self._loss_sum is None:
            self._loss_sum = self.weight @ self.loss.value(self.target, self.raw)
        loss = self._loss_sum
        n_leaves, squares = self.fits.n_leaves.sum(), self.fits.squares.sum()
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
        hessian = np.ascontiguousarray(np.broadcast_to(hessian, residual.shape))
        if self.loss.is_quadratic and not len(self.known):  # identical in all passes and columns
            self.known = leaf_sums(self.structures.trees, self.rank, hessian[0])[np.newaxis]
        shift = residual.sum(axis=1) / hessian.sum(axis=1)
        self.intercept = self.intercept + shift
        self.raw += shift[:, np.newaxis]
        self._loss_sum = None
        residual -= hessian * shift[:, np.newaxis]
        visited = self.fits.n_leaves > 0
        order = np.flatnonzero(visited)
        if widen:
            removed = np.flatnonzero(~visited)
            found = self._promising(removed, residual, hessian, penalty, ridge)
            order = np.append(order, removed[found])
        order = np.random.default_rng([self.seed, self.n_passes]).permutation(order)
        problem = self.structures.trees, self.rank, self.first, self.fits, self.known
        move = compiled(backfitting_loops.sweep, sweep, self._seconds(order))
        move(*problem, residual, hessian, self.raw, order, penalty, ridge)

    def _promising(self, removed, residual, hessian, penalty, ridge):
        """Return which of the removed trees would lower the objective."""
        shape = len(self.fits.value), len(self.fits.kept)
        problem = self.structures.trees, self.rank, self.first, self.known, residual, hessian
        find = compiled(backfitting_loops.promising, promising, self._seconds(removed))
        return find(*problem, removed, shape, penalty, ridge)

    def _seconds(self, trees):
        """Return the seconds that a visit of some trees takes in numpy, roughly."""
        return len(trees) * (
            SECONDS_PER_STEP + SECONDS_PER_SAMPLE * self.rank.shape[1] * len(self.fits.value)
        )

    def _solution(self, penalty, ridge):
        structures, fits = self.structures, self.fits
        trees = structures.trees
        structure, at = np.divmod(np.flatnonzero(fits.kept), fits.kept.shape[1])
        tree = np.searchsorted(trees.offsets, at, side="right") - 1
        order = np.lexsort((trees.start[at], structure, tree))
        structure, at, tree = structure[order], at[order], tree[order]
        own = structure[:, np.newaxis]
        if self.shared:
            own = np.arange(len(self.target))
        leaf = trees.leaf_offsets[tree] + trees.start[at]
        return Solution(
            penalty,
            ridge,
            self.intercept,
            structures.node[at],
            self.first[tree] + structure,
            fits.value[own, leaf[:, np.newaxis]],
        )


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
    node, tree = solution.node, tree_of[solution.node]
    edges = np.flatnonzero(np.diff(tree * len(raw) + solution.column, prepend=-1, append=-1))
    per_tree = SECONDS_PER_STEP + SECONDS_PER_SAMPLE * rank.shape[1] * solution.value.shape[1]
    add = compiled(backfitting_loops.add_leaves, add_leaves, len(edges) * per_tree)
    start, stop = structures.start[node], structures.stop[node]
    add(raw, rank, edges, tree, solution.column, start, stop, solution.value)
    return raw
