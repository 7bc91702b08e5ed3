"""Lossless pruning: parts of trees whose removal changes no prediction.

There are three kinds: splits whose leaves all predict the same value, branches that no sample
can reach given the splits above, and duplicate trees. Splits of the first kind are collapsed
and take the value of a leaf below them, since the mean stored at the split may differ in the
last bit. Those of the second kind are replaced by the child that can be reached
(`skprune.arrays.nodes.splice`).
"""

import numpy as np

from skprune.arrays.nodes import NO_NODE, preorder


def equal_children(table):
    """Find the splits whose leaves all store the same value.

    Parameters
    ----------
    table : NodeTable
        The trees.

    Returns
    -------
    ndarray of int, shape (n_nodes,)
        One of the leaves below each such split, whose values are equal to the bit; -1 for
        other splits and for leaves.

    Notes
    -----
    One bottom-up pass: O(n_nodes * n_values).
    """
    bits = _bits(table.value)
    # The leftmost leaf represents each subtree.
    leaf, equal = np.arange(table.n_nodes), ~table.is_split
    for splits in reversed(table.levels):
        left, right = table.left[splits], table.right[splits]
        same = (bits[leaf[left]] == bits[leaf[right]]).all(axis=1)
        equal[splits] = equal[left] & equal[right] & same
        leaf[splits] = leaf[left]
    return np.where(equal & table.is_split, leaf, NO_NODE)


def dead_branches(table, *, missing=True, dtype=np.float32, ordered=None):
    """Find the splits with only one reachable child.

    Ancestors that split on the same feature bound its values; a branch outside these bounds
    is never taken. Bounds are compared at the precision of the data: two thresholds with no
    float32 number between them are equal.

    Parameters
    ----------
    table : NodeTable
        The trees.
    missing : bool, default=True
        Whether samples may hold NaN. If so, a branch that NaN could take is reachable.
    dtype : dtype, default=np.float32
        Precision in which the model compares: float64 for histogram boosting.
    ordered : ndarray of bool, shape (n_nodes,), default=None
        Splits that compare with their threshold; others (categorical splits) are ignored.
        All if None.

    Returns
    -------
    ndarray of int, shape (n_nodes,)
        The only reachable child; -1 for splits with two reachable children, for leaves, and
        for nodes that are not reachable themselves.

    Notes
    -----
    The nearest ancestor with the same feature is found by climbing from all nodes at once:
    O(n_nodes * depth) steps at worst and O(n_nodes) memory. The bounds are then passed down
    in one top-down pass.
    """
    splits = table.is_split if ordered is None else table.is_split & ordered
    at = _round_down(table.threshold, dtype)
    above, turned_left = _same_column_above(table, splits)
    # A sample with value x can reach the node if low < x <= high, or if x is NaN and `nan`.
    low, high = np.full(table.n_nodes, -np.inf), np.full(table.n_nodes, np.inf)
    nan = np.full(table.n_nodes, missing)
    for level in table.levels:
        node = level[above[level] != NO_NODE]
        up, left = above[node], turned_left[node]
        low[node] = np.where(left, low[up], np.maximum(low[up], at[up]))
        high[node] = np.where(left, np.minimum(high[up], at[up]), high[up])
        nan[node] = nan[up] & (left == table.missing_left[up])
    goes_left = (np.minimum(at, high) > low) | (nan & table.missing_left)
    goes_right = (high > np.maximum(at, low)) | (nan & ~table.missing_left)
    only = np.where(goes_left, table.left, table.right)
    return np.where(splits & (goes_left ^ goes_right), only, NO_NODE)


def duplicate_trees(table):
    """Find duplicate trees.

    Parameters
    ----------
    table : NodeTable
        The trees, their nodes in any order.

    Returns
    -------
    ndarray of int, shape (n_trees,)
        Index of the first tree with the same splits and leaves, to the bit; the tree's own
        index if it is the first.

    Notes
    -----
    Trees are hashed in preorder and compared with the first one of the same hash:
    O(n_nodes * n_values). After a hash collision, duplicates may be missed.
    """
    order, offsets, _ = preorder(table, table.is_split)
    records, size = _records(table, order), np.diff(offsets)
    place = np.arange(len(order)) - np.repeat(offsets[:-1], size)
    hashes = np.add.reduceat(_mixed(records, place), offsets[:-1])
    keys = np.column_stack([hashes, size.astype(np.uint64)])
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    first = first[group.ravel()]
    twin = np.repeat(offsets[first], size) + place
    differs = (records != records[twin]).any(axis=1)
    is_duplicate = ~np.logical_or.reduceat(differs, offsets[:-1])
    return np.where(is_duplicate, first, np.arange(table.n_trees))


def _same_column_above(table, splits):
    """Return each split's nearest ancestor on the same feature, and if the path goes left."""
    above = np.full(table.n_nodes, NO_NODE)
    turned_left = np.zeros(table.n_nodes, dtype=bool)
    node = np.flatnonzero(splits)
    child, up = node, table.parent[node]
    while True:
        inside = up != NO_NODE
        node, child, up = node[inside], child[inside], up[inside]
        if node.size == 0:
            return above, turned_left
        found = splits[up] & (table.feature[up] == table.feature[node])
        above[node[found]] = up[found]
        turned_left[node[found]] = table.left[up[found]] == child[found]
        node, child = node[~found], up[~found]
        up = table.parent[child]


def _round_down(threshold, dtype):
    """Return the largest number of a dtype that is at most each threshold, as float64."""
    with np.errstate(over="ignore"):  # an overflow gives infinity, which is rounded down below
        near = threshold.astype(dtype)
    below = np.nextafter(near, np.array(-np.inf, dtype=dtype))
    return np.where(near > threshold, below, near).astype(float)


def _bits(value):
    """Return the bits of each float64 as an integer."""
    flat = np.ascontiguousarray(value, dtype=np.float64).reshape(len(value), -1)
    return flat.view(np.uint64)


def _records(table, order):
    """Return the contents of each node; in preorder they determine the tree's shape."""
    splits = table.is_split[order]
    value = np.where(splits[:, np.newaxis], np.uint64(0), _bits(table.value)[order])
    threshold = np.where(splits, _bits(table.threshold)[order, 0], np.uint64(0))
    code = np.where(splits, 2 * table.feature[order] + table.missing_left[order], -1)
    return np.column_stack([code.astype(np.uint64), threshold, value])


def _mixed(records, place):
    """Return a 64-bit hash of each record and its position."""
    mixed = place.astype(np.uint64)
    for column in records.T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(32))
