"""Sums over trees of the values that samples reach, at one level of a path after the other."""

import numpy as np

# Largest number of values, of all samples in all trees, that are held; else they are looked up.
MAX_CELLS = 2**25


class LevelSums:
    """Sums over the trees of the values of the leaves that samples reach.

    Samples are routed through the whole trees once. At each level only those samples of a tree
    move up whose leaf is collapsed.

    Parameters
    ----------
    table : NodeTable
        The whole trees.
    leaf : ndarray of int, shape (n_trees, n_samples)
        Leaf of each sample in each whole tree.
    end : ndarray of int, shape (n_nodes,)
        Level from which each node is inside a collapsed subtree.
    n_values : int
        Values per node.
    start : ndarray of shape (n_samples, n_columns), default=None
        What the sums start from; zeros in `n_values` columns if None. Nodes of one value add to
        one column, the trees to each in turn, as in the stages of boosting.
    """

    def __init__(self, table, leaf, end, n_values, start=None):
        self._parent = table.parent
        self._end_of = end.astype(np.int32)
        self._node = np.array(leaf, order="C")  # flat views of both are written to
        self._end = self._end_of[self._node]
        self._start = np.zeros((leaf.shape[1], n_values)) if start is None else start
        self._value = self._votes = None

    def at(self, level, value):
        """Return the sums at a level; ndarray of shape (n_samples, n_columns).

        Parameters
        ----------
        level : int
            The level, not below that of the call before.
        value : ndarray of shape (n_nodes, n_values)
            Values of the nodes. The same object as in the call before if they are the same.
            O(n_trees * n_samples * n_values).
        """
        moved = self._climb(level)
        if value is not self._value:
            self._value = value
            fits = self._node.size * value.shape[1] <= MAX_CELLS
            self._votes = value[self._node] if fits else None
        elif self._votes is not None:
            self._votes.reshape(-1, value.shape[1])[moved] = value[self._node.flat[moved]]
        total = self._start.copy()
        n_columns = total.shape[1]
        # One tree after the other: sums in another order differ in the last bit.
        for tree, nodes in enumerate(self._node):
            votes = value[nodes] if self._votes is None else self._votes[tree]
            if votes.shape[1] == n_columns:
                total += votes
            else:
                total[:, tree % n_columns] += votes[:, 0]
        return total

    def _climb(self, level):
        """Move samples up to the leaves of a level; return which cells of the matrix moved."""
        node, end = self._node.reshape(-1), self._end.reshape(-1)
        moved = cells = np.flatnonzero(end <= level)
        while cells.size:
            node[cells] = self._parent[node[cells]]
            end[cells] = self._end_of[node[cells]]
            cells = cells[end[cells] <= level]
        return moved
