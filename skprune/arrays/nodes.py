"""NodeTable: any number of trees as flat arrays, and the level-by-level passes over them.

The nodes of all trees are concatenated in the same arrays; children and parents are indices
into the whole table, and -1 means "none". All tree traversals are in this module: one numpy
pass per depth level over all trees at once, so that a pass costs O(n_nodes) element
operations in a number of numpy calls proportional to the depth of the deepest tree.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from skprune.exceptions import InputError

NO_NODE = -1
MALFORMED = (
    "The model was edited in place, or read from a damaged file: fit it again, or load an intact "
    "copy."
)


@dataclass(frozen=True, eq=False)
class NodeTable:
    """Any number of binary trees in one set of flat arrays.

    Attributes
    ----------
    left, right : ndarray of int, shape (n_nodes,)
        Children, as indices into the table; -1 for a leaf.
    feature : ndarray of int, shape (n_nodes,)
        Feature that a node splits on; negative for a leaf.
    threshold : ndarray of float, shape (n_nodes,)
        A sample goes left if its value is less than or equal to this.
    missing_left : ndarray of bool, shape (n_nodes,)
        Whether NaN goes left.
    value : ndarray of float, shape (n_nodes, n_outputs, n_values)
        Prediction of each node as if it were a leaf.
    weight : ndarray of float, shape (n_nodes,)
        Weighted number of training samples.
    impurity : ndarray of float, shape (n_nodes,)
        Training impurity, by the criterion that the tree was grown with.
    offsets : ndarray of int, shape (n_trees + 1,)
        Nodes of tree t are ``offsets[t]:offsets[t + 1]``; the first is its root.
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    impurity: np.ndarray
    offsets: np.ndarray

    @property
    def n_nodes(self):
        """Number of nodes of all trees."""
        return len(self.left)

    @property
    def n_trees(self):
        """Number of trees."""
        return len(self.offsets) - 1

    @property
    def roots(self):
        """Index of the root of each tree; ndarray of shape (n_trees,)."""
        return self.offsets[:-1]

    @cached_property
    def is_split(self):
        """Whether a node is a split; ndarray of bool, shape (n_nodes,)."""
        return self.left != NO_NODE

    @property
    def n_splits(self):
        """Number of splits of all trees."""
        return (self.n_nodes - self.n_trees) // 2

    @property
    def n_leaves(self):
        """Number of leaves of all trees: splits plus trees."""
        return self.n_splits + self.n_trees

    @cached_property
    def tree(self):
        """Index of the tree of each node; ndarray of shape (n_nodes,)."""
        return np.repeat(np.arange(self.n_trees), np.diff(self.offsets))

    @cached_property
    def parent(self):
        """Parent of each node, -1 for roots; ndarray of shape (n_nodes,)."""
        parent = np.full(self.n_nodes, NO_NODE)
        splits = np.flatnonzero(self.is_split)
        parent[self.left[splits]] = splits
        parent[self.right[splits]] = splits
        return parent

    @cached_property
    def levels(self):
        """The splits at each depth, from the roots down; a list of index arrays."""
        levels: list[np.ndarray] = []
        frontier = self.roots
        while True:
            splits = frontier[self.is_split[frontier]]
            if splits.size == 0:
                return levels
            levels.append(splits)
            frontier = np.concatenate([self.left[splits], self.right[splits]])

    @cached_property
    def depth(self):
        """Depth of each node, 0 for roots; ndarray of shape (n_nodes,)."""
        depth = np.zeros(self.n_nodes, dtype=np.intp)
        for level, splits in enumerate(self.levels):
            depth[self.left[splits]] = level + 1
            depth[self.right[splits]] = level + 1
        return depth


def depths(left, right):
    """Return the depth of each node of one tree.

    Parameters
    ----------
    left, right : ndarray of int, shape (n_nodes,)
        Children; -1 for leaves. The first node is the root.

    Returns
    -------
    ndarray of int, shape (n_nodes,)
        Depths, 0 for the root. O(n_nodes).
    """
    depth, frontier = np.zeros(len(left), dtype=np.intp), np.zeros(1, dtype=np.intp)
    while (frontier := frontier[left[frontier] != NO_NODE]).size:
        below = np.concatenate([left[frontier], right[frontier]])
        depth[below] = depth[frontier[0]] + 1
        frontier = below
    return depth


def check_children(table):
    """Check that the child arrays form trees.

    Parameters
    ----------
    table : NodeTable
        The trees, as read from a fitted model or a file.

    Raises
    ------
    InputError
        If a child is outside its tree, a node has one child or two parents, or a node
        cannot be reached from its root. Traversing such arrays could read out of bounds or
        not terminate.

    Notes
    -----
    O(n_nodes).
    """
    first, end = table.offsets[table.tree], table.offsets[table.tree + 1]
    for child in (table.left, table.right):
        if ((child != NO_NODE) & ((child < first) | (child >= end))).any():
            msg = f"A child index is outside its tree. {MALFORMED}"
            raise InputError(msg)
    if ((table.left == NO_NODE) != (table.right == NO_NODE)).any():
        msg = f"A node has one child; it must have two or none. {MALFORMED}"
        raise InputError(msg)
    splits = np.flatnonzero(table.is_split)
    children = np.concatenate([table.left[splits], table.right[splits]])
    n_parents = np.bincount(children, minlength=table.n_nodes)
    n_parents[table.roots] += 1
    if (n_parents != 1).any():
        msg = (
            "Every node except the root must have one parent; this tree has orphans or shared "
            f"nodes. {MALFORMED}"
        )
        raise InputError(msg)
    # Every node has one parent and roots have none, so unreachable nodes form cycles.
    n_reached = table.n_trees + 2 * sum(len(level) for level in table.levels)
    if n_reached != table.n_nodes:
        msg = f"Only {n_reached} of {table.n_nodes} nodes can be reached from a root. {MALFORMED}"
        raise InputError(msg)


def bottom_up_sum(table, amount):
    """Sum a quantity over each node's subtree, including the node.

    Parameters
    ----------
    table : NodeTable
        The trees.
    amount : ndarray of shape (n_nodes, ...)
        Contribution of each node.

    Returns
    -------
    ndarray of shape (n_nodes, ...)
        Sums over subtrees.

    Notes
    -----
    O(n_nodes) per column.
    """
    total = amount.copy()
    for splits in reversed(table.levels):
        total[splits] += total[table.left[splits]] + total[table.right[splits]]
    return total


def bottom_up_max(table, score):
    """Return the largest score in each node's subtree, including the node; O(n_nodes).

    Parameters and result as for `bottom_up_sum`, of one score per node.
    """
    best = score.copy()
    for splits in reversed(table.levels):
        below = np.maximum(best[table.left[splits]], best[table.right[splits]])
        best[splits] = np.maximum(best[splits], below)
    return best


def top_down_min(table, score):
    """Return the smallest score on the path from the root to each node, inclusive; O(n_nodes).

    Parameters and result as for `bottom_up_sum`, of one score per node.
    """
    least = score.copy()
    for splits in table.levels:
        for child in (table.left[splits], table.right[splits]):
            least[child] = np.minimum(least[child], least[splits])
    return least


def survivors(table, keep_split):
    """Return the node of the pruned trees that each node's samples end up in.

    Parameters
    ----------
    table : NodeTable
        The trees.
    keep_split : ndarray of bool, shape (n_nodes,)
        Splits to keep; a collapsed split becomes a leaf and its subtree is removed.

    Returns
    -------
    ndarray of int, shape (n_nodes,)
        The topmost collapsed node on the path from the root, or the node itself.

    Notes
    -----
    O(n_nodes).
    """
    survivor = np.arange(table.n_nodes)
    collapsed = ~keep_split
    for splits in table.levels:
        for child in (table.left[splits], table.right[splits]):
            # Children of a collapsed or removed parent are removed with it.
            removed = collapsed[splits] | (survivor[splits] != splits)
            survivor[child] = np.where(removed, survivor[splits], child)
    return survivor


def splice(table, only_child):
    """Remove splits, each replaced by one of its children.

    Parameters
    ----------
    table : NodeTable
        The trees.
    only_child : ndarray of int, shape (n_nodes,)
        The child that replaces a split; -1 for nodes that are kept.

    Returns
    -------
    left, right : ndarray of int, shape (n_nodes,)
        Children after the removals; -1 for leaves. Undefined for nodes that can no longer be
        reached from a root.
    roots : ndarray of int, shape (n_trees,)
        Root of each tree, not necessarily the first of its nodes any more.

    Notes
    -----
    O(n_nodes), in one bottom-up pass. `preorder` takes the result as `links`.
    """
    replacement = np.arange(table.n_nodes)
    for splits in reversed(table.levels):
        removed = splits[only_child[splits] != NO_NODE]
        replacement[removed] = replacement[only_child[removed]]
    left = np.where(table.is_split, replacement[table.left], NO_NODE)
    right = np.where(table.is_split, replacement[table.right], NO_NODE)
    return left, right, replacement[table.roots]


def preorder(table, keep_split, links=None):
    """Return the kept nodes in preorder after collapsing splits.

    Parameters
    ----------
    table : NodeTable
        The trees.
    keep_split : ndarray of bool, shape (n_nodes,)
        Splits to keep; a collapsed split becomes a leaf and its subtree is removed.
    links : tuple of (ndarray, ndarray, ndarray), default=None
        Left children, right children and roots that override those of the table, as
        `splice` returns them.

    Returns
    -------
    order : ndarray of int, shape (n_kept,)
        Kept nodes, tree by tree: parents before children, left before right.
    offsets : ndarray of int, shape (n_trees + 1,)
        Start of each tree in `order`.
    depth : ndarray of int, shape (n_trees,)
        Depth of each pruned tree, 0 for a single leaf.

    Notes
    -----
    O(n_nodes): subtree sizes bottom-up, then positions top-down.
    """
    to_left, to_right, roots = links or (table.left, table.right, table.roots)
    levels, frontier = [], roots
    depth = np.zeros(table.n_trees, dtype=np.intp)
    while (splits := frontier[keep_split[frontier]]).size:
        levels.append(splits)
        depth[table.tree[splits]] = len(levels)
        frontier = np.concatenate([to_left[splits], to_right[splits]])
    size = np.ones(table.n_nodes, dtype=np.intp)
    for splits in reversed(levels):
        size[splits] += size[to_left[splits]] + size[to_right[splits]]
    offsets = np.concatenate([[0], np.cumsum(size[roots])])
    position = np.full(table.n_nodes, NO_NODE)
    position[roots] = offsets[:-1]
    for splits in levels:
        left, right = to_left[splits], to_right[splits]
        position[left] = position[splits] + 1
        position[right] = position[splits] + 1 + size[left]
    kept = np.flatnonzero(position != NO_NODE)
    order = np.empty(len(kept), dtype=np.intp)
    order[position[kept]] = kept
    return order, offsets, depth


def compact(table, keep_split, links=None):
    """Build the table of the pruned trees.

    Parameters
    ----------
    table : NodeTable
        The trees.
    keep_split : ndarray of bool, shape (n_nodes,)
        Splits to keep; a collapsed split becomes a leaf and its subtree is removed.
    links : tuple of (ndarray, ndarray, ndarray), default=None
        As in `preorder`.

    Returns
    -------
    smaller : NodeTable
        Trees in preorder; collapsed splits still store their feature and threshold.
    order : ndarray of int, shape (n_kept,)
        Index in `table` of each node.

    Notes
    -----
    O(n_nodes).
    """
    order, offsets, _ = preorder(table, keep_split, links)
    position = np.full(table.n_nodes, NO_NODE)
    position[order] = np.arange(len(order))
    left, right = (
        np.where(keep_split[order], position[side[order]], NO_NODE)
        for side in (links or (table.left, table.right))[:2]
    )
    names = ("feature", "threshold", "missing_left", "value", "weight", "impurity")
    rest = {name: getattr(table, name)[order] for name in names}
    return NodeTable(left=left, right=right, offsets=offsets, **rest), order


def walk(table, node, look_up):
    """Descend from given nodes to leaves, one level per step.

    Parameters
    ----------
    table : NodeTable
        The trees.
    node : ndarray of int, shape (n_walks,)
        Current node of each walk; updated in place, finally a leaf.
    look_up : callable
        Called with indices of walks and the features that they compare next, both ndarray
        of int; returns the values in the precision in which the model compares (float32
        for trees).

    Yields
    ------
    walks : ndarray of int
        Walks that moved in this step.
    split : ndarray of int
        The split that each of them was at.
    goes_left : ndarray of bool
        Whether each of them went left.

    Notes
    -----
    O(n_walks * depth).
    """
    walks = np.flatnonzero(table.is_split[node])
    while walks.size:
        split = node[walks]
        x = look_up(walks, table.feature[split])
        goes_left = step(table, split, x)
        node[walks] = np.where(goes_left, table.left[split], table.right[split])
        yield walks, split, goes_left
        walks = walks[table.is_split[node[walks]]]


def step(table, split, x):
    """Return which values go left at splits; O(n_walks).

    Parameters
    ----------
    table : NodeTable
        The trees.
    split : ndarray of int, shape (n_walks,)
        Splits.
    x : ndarray of shape (n_walks,)
        Value of the feature that each split compares.

    Returns
    -------
    ndarray of bool, shape (n_walks,)
        True for left; missing values follow the default direction of the split.
    """
    return (x <= table.threshold[split]) | (np.isnan(x) & table.missing_left[split])


def route(table, X):
    """Find the leaf of each sample in each tree.

    Parameters
    ----------
    table : NodeTable
        The trees.
    X : ndarray of shape (n_samples, n_features)
        Samples, in the precision in which the model compares (float32 for trees).

    Returns
    -------
    ndarray of int, shape (n_samples, n_trees)
        Leaves, as indices into the table.

    Notes
    -----
    O(n_samples * n_trees * depth).
    """
    node = np.tile(table.roots, len(X))
    for _ in walk(table, node, lambda walks, feature: X[walks // table.n_trees, feature]):
        pass
    return node.reshape(len(X), table.n_trees)
