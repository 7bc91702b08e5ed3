"""The steps of backfitting on flat arrays, in numpy: the reference of their compiled twins."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Fits(NamedTuple):
    """The pruned trees of a backfitting; a removed tree has no leaves, and values of 0.

    Attributes
    ----------
    value : ndarray of shape (n_own, n_leaves)
        Value of each leaf of all full trees, for each column that a tree contributes to.
    kept : ndarray of bool, shape (n_structures, n_nodes)
        Nodes that are leaves of a pruned tree. One structure for all columns, or one for each.
    n_leaves : ndarray of int, shape (n_trees,)
        Number of them in each tree.
    squares : ndarray of shape (n_trees,)
        Sum of their squared values.
    """

    value: np.ndarray
    kept: np.ndarray
    n_leaves: np.ndarray
    squares: np.ndarray

    @classmethod
    def none(cls, trees, n_own, n_structures):
        """Return the fits before the first step: every tree is removed."""
        return cls(
            np.zeros((n_own, trees.leaf_offsets[-1])),
            np.zeros((n_structures, trees.offsets[-1]), dtype=bool),
            np.zeros(len(trees.offsets) - 1, dtype=np.intp),
            np.zeros(len(trees.offsets) - 1),
        )

    def copy(self):
        """Return an independent copy."""
        return Fits(*(array.copy() for array in self))


def sweep(trees, rank, first, fits, known, residual, hessian, raw, order, penalty, ridge):
    """Refit trees, one after the other.

    Parameters
    ----------
    trees : Trees
        Layouts of the trees.
    rank : ndarray of int, shape (n_trees, n_samples)
        Leaf of each sample.
    first : ndarray of int, shape (n_trees,)
        First column that a tree contributes to.
    fits : Fits
        The pruned trees; changed in place.
    known : ndarray of shape (1, n_leaves) or (0, n_leaves)
        Sums of `hessian` over leaves, if they are the same for all columns and sweeps.
    residual, hessian : ndarray of shape (n_columns, n_samples)
        Negative gradient and curvature of the quadratic model, times weights. The first is
        changed in place.
    raw : ndarray of shape (n_columns, n_samples)
        Raw predictions; changed in place.
    order : ndarray of int, shape (n_steps,)
        The trees to refit.
    penalty, ridge : float
        Cost per leaf, and L2 penalty on its value.

    Notes
    -----
    O((n_samples + n_nodes) * n_own) per step.
    """
    n_own = len(fits.value)
    for tree in order:
        own = slice(first[tree], first[tree] + n_own)
        if trees.offsets[tree + 1] - trees.offsets[tree] > 1:
            state = residual[own], hessian[own], raw[own]
            _step(trees, tree, rank[tree].astype(np.intp), fits, known, *state, penalty, ridge)


def promising(trees, rank, first, known, residual, hessian, removed, shape, penalty, ridge):
    """Return which removed trees would lower the objective, each evaluated by itself.

    Parameters
    ----------
    trees, rank, first, known, residual, hessian, penalty, ridge
        As for `sweep`.
    removed : ndarray of int, shape (n_removed,)
        The trees.
    shape : tuple of int
        Number of columns that each tree contributes to, and of structures.

    Returns
    -------
    ndarray of bool, shape (n_removed,)
        Whether some pruned subtree is better than none.

    Notes
    -----
    O((n_samples + n_nodes) * n_own) per tree.
    """
    n_own, n_structures = shape
    alone = np.zeros((n_structures, trees.offsets[-1]))
    for tree in removed:
        own, at = slice(first[tree], first[tree] + n_own), _nodes(trees, tree)
        samples = rank[tree].astype(np.intp)  # once, instead of in each call of numpy
        push, mass = _sums(trees, tree, samples, known, residual[own], hessian[own])
        alone[:, at] = _score(trees, at, push, mass, ridge, n_structures)[1]
    alone -= penalty
    best = alone.copy()
    for begin, end in reversed(list(pairwise(trees.depths))):
        left = trees.lefts[begin:end]
        parent = trees.parent[left] + trees.base[left]
        best[:, parent] = np.maximum(best[:, left] + best[:, left + 1], best[:, parent])
    roots = trees.offsets[removed]
    return (best[:, roots] > np.maximum(alone[:, roots], 0)).any(axis=0)


def add_leaves(raw, rank, edges, tree, column, start, stop, value):
    """Add the leaves of pruned trees to raw predictions.

    Parameters
    ----------
    raw : ndarray of shape (n_columns, n_samples)
        Raw predictions; changed in place.
    rank : ndarray of int, shape (n_trees, n_samples)
        Leaf of each sample in the full trees.
    edges : ndarray of int, shape (n_structures + 1,)
        Start of each pruned structure among the leaves; the last is their number.
    tree, column, start, stop : ndarray of int, shape (n_kept,)
        Tree and first column of each leaf, and the leaves of the full tree below it.
    value : ndarray of shape (n_kept, n_shared)
        What each leaf adds to its column and to those that follow.

    Notes
    -----
    O(n_samples * n_structures * n_shared).
    """
    for begin, end in pairwise(edges):
        full = np.repeat(value[begin:end], (stop - start)[begin:end], axis=0)
        own = slice(column[begin], column[begin] + value.shape[1])
        raw[own] += full.T.take(rank[tree[begin]].astype(np.intp), axis=1)


def leaf_sums(trees, rank, amount):
    """Sum over the samples of each leaf of all trees; O(n_samples * n_trees).

    Parameters
    ----------
    trees, rank
        As for `sweep`.
    amount : ndarray of shape (n_samples,)
        What to sum.

    Returns
    -------
    ndarray of shape (n_leaves,)
        Sums.
    """
    sizes = np.diff(trees.leaf_offsets)
    rows = zip(rank, sizes, strict=True)
    return np.concatenate([np.bincount(row, amount, size) for row, size in rows])


def _nodes(trees, tree):
    return slice(trees.offsets[tree], trees.offsets[tree + 1])


def _sums(trees, tree, rank, known, residual, hessian):
    """Sum residuals and curvatures over the samples of each leaf of a tree."""
    begin, end = trees.leaf_offsets[tree : tree + 2]
    push, mass = (
        np.array([np.bincount(rank, row, end - begin) for row in rows])
        for rows in (residual, hessian[: 0 if len(known) else None])
    )
    return push, known[:, begin:end] if len(known) else mass


def _score(trees, at, push, mass, ridge, n_structures):
    """Return the optimal values of the nodes of a tree, and what each gains as a leaf."""
    below, weight = (_below(trees, at, leaves) for leaves in (push, mass))
    value = below / (weight + ridge)
    gain = 0.5 * below * value
    return value, gain if n_structures > 1 else gain.sum(axis=0, keepdims=True)


def _below(trees, at, leaves):
    """Sum over the leaves below each node; ndarray of shape (n_columns, n_nodes)."""
    total = np.zeros((len(leaves), leaves.shape[1] + 1))
    np.cumsum(leaves, axis=1, out=total[:, 1:])
    return total.take(trees.stop[at], axis=1) - total.take(trees.start[at], axis=1)


def _step(trees, tree, rank, fits, known, residual, hessian, raw, penalty, ridge):
    """Refit one tree."""
    at, leaves = _nodes(trees, tree), slice(*trees.leaf_offsets[tree : tree + 2])
    before = fits.value[:, leaves]
    push, mass = _sums(trees, tree, rank, known, residual, hessian)
    push += mass * before
    value, alone = _score(trees, at, push, mass, ridge, len(fits.kept))
    kept = _prune(trees, tree, alone - penalty)
    leaf_values = value[np.broadcast_to(kept, value.shape)]
    fits.kept[:, at] = kept
    fits.n_leaves[tree] = kept.sum()
    fits.squares[tree] = np.cumsum(np.append(0.0, leaf_values**2))[-1]  # in the order of a loop
    after = _spread(kept, trees.start[at], trees.stop[at], value)
    change = after - before
    before[:] = after
    for column in np.flatnonzero(change.any(axis=1)):
        step = change[column].take(rank)
        residual[column] -= hessian[column] * step
        raw[column] += step


def _prune(trees, tree, alone):
    """Mark the leaves of the best pruned subtree of each structure; none where it is empty."""
    parent = trees.parent[_nodes(trees, tree)]
    edges = trees.edges[slice(*trees.edge_offsets[tree : tree + 2])].tolist()
    levels = list(pairwise(edges[1:]))  # the children at each depth, in pairs
    alone = alone[0] if len(alone) == 1 else np.ascontiguousarray(alone.T)  # nodes come first
    best = alone.copy()
    for begin, end in reversed(levels):
        both = best[begin:end:2] + best[begin + 1 : end : 2]
        above = parent[begin:end:2]
        best[above] = np.maximum(both, best[above])
    keep_split = best > alone
    alive = np.zeros(best.shape, dtype=bool)
    alive[0] = keep_split[0] & (best[0] > 0)
    for begin, end in levels:
        above = parent[begin:end]
        alive[begin:end] = alive[above] & keep_split[above]
        if not alive[begin:end].any():
            break
    return np.atleast_2d((alive & ~keep_split).T)


def _spread(kept, start, stop, value):
    """Return the values of the marked nodes at each of their leaves; 0 where none is marked."""
    full = np.zeros((len(value), stop[0]))
    kept = np.broadcast_to(kept, value.shape)
    column, node = np.nonzero(kept)
    order = np.argsort(column * stop[0] + start[node])
    column, node = column[order], node[order]
    repeated = np.repeat(value[column, node], (stop - start)[node])
    full[kept.any(axis=1)] = repeated.reshape(-1, stop[0])
    return full
