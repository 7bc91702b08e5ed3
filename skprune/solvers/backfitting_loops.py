"""Backfitting as loops, for a compiler: the twins of `skprune.solvers.backfitting_steps`.

Arguments and results are those of the functions of the same names there, to the bit: sums run in
the same order.
"""

import numpy as np


def sweep(trees, rank, first, fits, known, residual, hessian, raw, order, penalty, ridge):
    """Refit trees, one after the other; see the numpy form."""
    n_own, n_structures = fits.value.shape[0], fits.kept.shape[0]
    per = n_own // n_structures
    n_nodes, n_leaves = _largest(trees.offsets), _largest(trees.leaf_offsets)
    push, mass = np.empty(n_leaves + 1), np.empty(n_leaves + 1)
    value, alone, best = np.empty((n_own, n_nodes)), np.empty(n_nodes), np.empty(n_nodes)
    queue, after = np.empty(n_nodes, np.intp), np.empty(n_leaves)
    for tree in order:
        begin, end = trees.offsets[tree], trees.offsets[tree + 1]
        if end - begin < 3:
            continue
        start, stop = trees.start[begin:end], trees.stop[begin:end]
        parent, left = trees.parent[begin:end], trees.left[begin:end]
        leaves = trees.leaf_offsets[tree : tree + 2]
        fits.n_leaves[tree], fits.squares[tree] = 0, 0.0
        for structure in range(n_structures):
            alone[: end - begin] = 0.0
            for own in range(structure * per, (structure + 1) * per):
                row = first[tree] + own
                before = fits.value[own, leaves[0] : leaves[1]]
                _leaf_sums(rank[tree], residual[row], hessian[row], known, leaves, push, mass)
                _add_fit(before, push, mass)
                _score_nodes(start, stop, push, mass, ridge, value[own], alone)
            _best_subtrees(parent, penalty, alone, best)
            n_kept = _prune(left, alone, best, fits.kept[structure, begin:end], queue)
            fits.n_leaves[tree] += n_kept
            for own in range(structure * per, (structure + 1) * per):
                row = first[tree] + own
                before, squares = fits.value[own, leaves[0] : leaves[1]], fits.squares[tree]
                fits.squares[tree] = _spread(
                    queue[:n_kept], start, stop, value[own], after, squares
                )
                _apply(rank[tree], before, after, residual[row], hessian[row], raw[row])


def promising(trees, rank, first, known, residual, hessian, removed, shape, penalty, ridge):
    """Return which removed trees would lower the objective; see the numpy form."""
    per = shape[0] // shape[1]
    n_nodes, n_leaves = _largest(trees.offsets), _largest(trees.leaf_offsets)
    push, mass = np.empty(n_leaves + 1), np.empty(n_leaves + 1)
    value, alone, best = np.empty(n_nodes), np.empty(n_nodes), np.empty(n_nodes)
    found = np.zeros(len(removed), np.bool_)
    for at, tree in enumerate(removed):
        begin, end = trees.offsets[tree], trees.offsets[tree + 1]
        leaves = trees.leaf_offsets[tree : tree + 2]
        start, stop = trees.start[begin:end], trees.stop[begin:end]
        for structure in range(shape[1]):
            alone[: end - begin] = 0.0
            for own in range(structure * per, (structure + 1) * per):
                row = first[tree] + own
                _leaf_sums(rank[tree], residual[row], hessian[row], known, leaves, push, mass)
                _cumulate(push, mass, leaves[1] - leaves[0])
                _score_nodes(start, stop, push, mass, ridge, value, alone)
            _best_subtrees(trees.parent[begin:end], penalty, alone, best)
            if best[0] > max(alone[0], 0.0):
                found[at] = True
                break
    return found


def add_leaves(raw, rank, edges, tree, column, start, stop, value):
    """Add the leaves of pruned trees to raw predictions; see the numpy form."""
    for at in range(len(edges) - 1):
        begin, end = edges[at], edges[at + 1]
        full, leaf = np.empty(stop[end - 1]), rank[tree[begin]]
        for shared in range(value.shape[1]):
            for entry in range(begin, end):
                full[start[entry] : stop[entry]] = value[entry, shared]
            own = raw[column[begin] + shared]
            for row in range(len(leaf)):
                own[row] += full[leaf[row]]


def _largest(offsets):
    """Return the largest difference of neighbouring offsets."""
    largest = 0
    for at in range(len(offsets) - 1):
        largest = max(largest, offsets[at + 1] - offsets[at])
    return largest


def _leaf_sums(rank, residual, hessian, known, leaves, push, mass):
    """Sum over the samples of each leaf; entry ``r + 1`` is leaf ``r``."""
    n_leaves = leaves[1] - leaves[0]
    push[: n_leaves + 1] = 0.0
    if len(known):
        for row in range(len(rank)):
            push[rank[row] + 1] += residual[row]
        mass[0] = 0.0
        for leaf in range(n_leaves):  # an assignment of slices takes seconds to compile
            mass[leaf + 1] = known[0, leaves[0] + leaf]
        return
    mass[: n_leaves + 1] = 0.0
    for row in range(len(rank)):
        leaf = rank[row] + 1
        push[leaf] += residual[row]
        mass[leaf] += hessian[row]


def _add_fit(before, push, mass):
    """Add the values of the previous fit back to the residuals, and cumulate over leaves."""
    for leaf in range(len(before)):
        push[leaf + 1] += mass[leaf + 1] * before[leaf]
    _cumulate(push, mass, len(before))


def _cumulate(push, mass, n_leaves):
    for leaf in range(n_leaves):
        push[leaf + 1] += push[leaf]
        mass[leaf + 1] += mass[leaf]


def _score_nodes(start, stop, push, mass, ridge, value, alone):
    """Set the optimal value of each node and add what it gains as a leaf."""
    for node in range(len(start)):
        below = push[stop[node]] - push[start[node]]
        value[node] = below / (mass[stop[node]] - mass[start[node]] + ridge)
        alone[node] += 0.5 * below * value[node]


def _best_subtrees(parent, penalty, alone, best):
    """Set the gain of the best pruned subtree of each node; NaN spreads as in numpy."""
    for node in range(len(parent)):
        alone[node] -= penalty
        best[node] = alone[node]
    for left in range(len(parent) - 2, 0, -2):
        both, above = best[left] + best[left + 1], parent[left]
        if both > best[above] or both != both:  # noqa: PLR0124 - NaN
            best[above] = both


def _prune(left, alone, best, kept, queue):
    """Mark the leaves of the best subtree, none if it is empty; return their number."""
    kept[:] = False
    if not (best[0] > alone[0] and best[0] > 0):
        return 0
    queue[0], n_seen, at, n_kept = 0, 1, 0, 0
    while at < n_seen:  # breadth first: nodes come in their order
        node = queue[at]
        at += 1
        if best[node] > alone[node]:
            queue[n_seen], queue[n_seen + 1] = left[node], left[node] + 1
            n_seen += 2
        else:
            kept[node] = True
            queue[n_kept] = node  # behind `at`: the marked nodes in front of the queue
            n_kept += 1
    return n_kept


def _spread(kept, start, stop, value, after, squares):
    """Write the values of some nodes to their leaves; return the sum of squares."""
    if not len(kept):
        after[: stop[0]] = 0.0
    for node in kept:
        squares += value[node] * value[node]
        for leaf in range(start[node], stop[node]):
            after[leaf] = value[node]
    return squares


def _apply(rank, before, after, residual, hessian, raw):
    """Replace the previous values of leaves in the residuals and the raw predictions."""
    same = True
    for leaf in range(len(before)):
        change = after[leaf] - before[leaf]
        before[leaf], after[leaf] = after[leaf], change
        same &= change == 0
    if same:
        return
    for row in range(len(rank)):
        change = after[rank[row]]
        residual[row] -= hessian[row] * change
        raw[row] += change
