"""What can go without changing a single prediction.

Three kinds: splits whose whole subtree answers the same, branches that no row can reach
given the splits above, and trees that are there twice. Splits of the first kind are
collapsed, with the value of a leaf below them: the mean at the split may differ in the last
bit. Those of the second are spliced out in favour of the child that is reached
(`skprune.arrays.nodes.splice`).
"""

import numpy as np

from skprune.arrays.nodes import NO_NODE, preorder


def equal_children(table):
    """Find the splits whose whole subtree stores one value.

    Parameters
    ----------
    table : NodeTable
        The trees.

    Returns
    -------
    ndarray of int, shape (n_nodes,)
        A leaf below each split all of whose leaves have the same value, to the bit; -1
        for other splits and for leaves.

    Notes
    -----
    One pass from below: O(nodes * values).
    """
    bits = _bits(table.value)
    # One leaf speaks for each subtree; where it does not, the subtree is not equal.
    leaf, equal = np.arange(table.n_nodes), ~table.is_split
    for splits in reversed(table.levels):
        left, right = table.left[splits], table.right[splits]
        same = (bits[leaf[left]] == bits[leaf[right]]).all(axis=1)
        equal[splits] = equal[left] & equal[right] & same
        leaf[splits] = leaf[left]
    return np.where(equal & table.is_split, leaf, NO_NODE)


def dead_branches(table, *, missing=True, dtype=np.float32, ordered=None):
    """Find the splits of which rows can reach one child only.

    The splits above that look at the same column bound its value; a branch on the far side
    of a bound is never taken. Bounds are compared on the numbers that rows can hold: two
    thresholds with no float32 between them are the same.

    Parameters
    ----------
    table : NodeTable
        The trees.
    missing : bool, default=True
        Whether rows may hold NaN. If so, a branch that NaN could take stays.
    dtype : dtype, default=np.float32
        Numbers that the model compares: float64 for histogram boosting.
    ordered : ndarray of bool, shape (n_nodes,), default=None
        Splits that compare with their threshold; others, of categories, are left alone.
        All if None.

    Returns
    -------
    ndarray of int, shape (n_nodes,)
        The only child that rows can reach; -1 for splits with both, for leaves, and below
        a branch that is dead itself.

    Notes
    -----
    The nearest ancestor with the same column is found by climbing, all nodes at once, those
    that have found theirs dropping out: O(nodes * depth) steps at worst, and O(nodes)
    memory. What is bounded there is then handed down in one pass from the top.
    """
    splits = table.is_split if ordered is None else table.is_split & ordered
    at = _round_down(table.threshold, dtype)
    above, turned_left = _same_column_above(table, splits)
    # A row with value x gets here if low < x <= high, or if NaN can.
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
    """Find the trees that are there already.

    Parameters
    ----------
    table : NodeTable
        The trees; their nodes may stand in any order.

    Returns
    -------
    ndarray of int, shape (n_trees,)
        Index of the first tree with the same splits and leaves, to the bit; its own
        where there is none before it.

    Notes
    -----
    Trees are hashed in preorder, and compared with the first one of the same hash:
    O(nodes * values). Two trees that share a hash by accident are left as they are.
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
    really = ~np.logical_or.reduceat(differs, offsets[:-1])
    return np.where(really, first, np.arange(table.n_trees))


def _same_column_above(table, splits):
    """Return the nearest ancestor that bounds a split's column, and whether it went left."""
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
    """Return the largest number of a type that is not above each threshold, as float64."""
    with np.errstate(over="ignore"):  # beyond the largest number: infinity, and one step back
        near = threshold.astype(dtype)
    below = np.nextafter(near, np.array(-np.inf, dtype=dtype))
    return np.where(near > threshold, below, near).astype(float)


def _bits(value):
    """Return numbers as whole numbers that are equal if and only if their bits are."""
    flat = np.ascontiguousarray(value, dtype=np.float64).reshape(len(value), -1)
    return flat.view(np.uint64)


def _records(table, order):
    """Return what each node says, leaves and splits apart; the shape follows in preorder."""
    splits = table.is_split[order]
    value = np.where(splits[:, np.newaxis], np.uint64(0), _bits(table.value)[order])
    threshold = np.where(splits, _bits(table.threshold)[order, 0], np.uint64(0))
    code = np.where(splits, 2 * table.feature[order] + table.missing_left[order], -1)
    return np.column_stack([code.astype(np.uint64), threshold, value])


def _mixed(records, place):
    """Return a hash of each record and its place, as whole numbers modulo 2**64."""
    mixed = place.astype(np.uint64)
    for column in records.T:
        mixed = (mixed ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return mixed ^ (mixed >> np.uint64(32))
