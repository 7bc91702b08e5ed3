"""Surgery for single decision trees, and the reading and writing of `Tree` objects."""

import copy
from types import MappingProxyType

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from sklearn.utils.validation import check_is_fitted

from skprune._nodes import NO_NODE, NodeTable, check_children, preorder
from skprune.exceptions import UnsupportedModelError

# What scikit-learn writes into the fields of a leaf.
LEAF = MappingProxyType(
    {
        "left_child": NO_NODE,
        "right_child": NO_NODE,
        "feature": -2,
        "threshold": -2.0,
        "missing_go_to_left": 0,
    }
)
KEPT_BY_LEAVES = frozenset({"impurity", "n_node_samples", "weighted_n_node_samples"})


class TreeSurgeon:
    """Reads and cuts one decision tree; the base of the surgeons of ensembles.

    Parameters
    ----------
    model : fitted estimator
        Never changed.

    Attributes
    ----------
    model : fitted estimator
        As given.
    table : NodeTable
        All nodes of all its trees.
    split_parameters, split_bytes : ndarray of shape (n_nodes,)
        Numbers and bytes that are saved when a split is collapsed.
    """

    def __init__(self, model):
        check_is_fitted(model)
        self.model = model
        self._trees = [tree.tree_ for tree in self._members()]
        self.table = self._read()
        node_bytes = np.array([_node_bytes(tree) for tree in self._trees])
        leaf_values = np.array([tree.value[0].size for tree in self._trees])
        # A collapse turns a split and two leaves into one leaf.
        self.split_bytes = 2 * node_bytes[self.table.tree]
        self.split_parameters = (2 + leaf_values)[self.table.tree]

    @classmethod
    def check(cls, model):
        """Refuse a model whose parameters already say that it cannot be read."""

    def _members(self):
        """Return the fitted tree estimators."""
        return [self.model]

    def _values(self):
        """Return the values of each tree; arrays of shape (n_nodes, n_outputs, n_values)."""
        return [tree.value for tree in self._trees]

    def _read(self):
        nodes = [_records(tree) for tree in self._trees]
        offsets = np.concatenate([[0], np.cumsum([len(n) for n in nodes])])

        def column(name):
            return np.concatenate([n[name] for n in nodes])

        shift = np.repeat(offsets[:-1], np.diff(offsets))
        left, right = column("left_child"), column("right_child")
        table = NodeTable(
            left=np.where(left == NO_NODE, NO_NODE, left + shift),
            right=np.where(right == NO_NODE, NO_NODE, right + shift),
            feature=column("feature"),
            threshold=column("threshold"),
            missing_left=column("missing_go_to_left").astype(bool),
            value=np.concatenate(self._values()),
            weight=column("weighted_n_node_samples"),
            impurity=column("impurity"),
            offsets=offsets,
        )
        check_children(table)
        return table

    def cut(self, keep_split):
        """Build the plain model in which only some splits are left.

        Parameters
        ----------
        keep_split : ndarray of bool, shape (n_nodes,)
            Splits that stay; what lies below a collapsed split goes with it.

        Returns
        -------
        estimator
            A deep copy of the model with rebuilt trees; a tree that loses nothing keeps
            the order of its nodes.

        Notes
        -----
        O(nodes), plus the copy.
        """
        table = self.table
        order, offsets, depth = preorder(table, keep_split)
        position = np.full(table.n_nodes, NO_NODE)
        position[order] = np.arange(len(order))
        # A deep copy that finds a tree in its memo takes the entry for the tree's copy. Its
        # own copies of trees would do, but for their padding bytes, which are left to chance.
        memo = {}
        for t, tree in enumerate(self._trees):
            kept = order[offsets[t] : offsets[t + 1]]
            if len(kept) == tree.node_count:
                memo[id(tree)] = _copy(tree)
                continue
            stays = keep_split[kept]
            left, right = (
                np.where(stays, position[child[kept]] - offsets[t], NO_NODE)
                for child in (table.left, table.right)
            )
            local = kept - table.offsets[t]
            memo[id(tree)] = _rebuild(tree, local, left, right, int(depth[t]))
        model = copy.deepcopy(self.model, memo)
        if len(order) < table.n_nodes:
            self._after_cut(model)
        return model

    def _after_cut(self, model):
        """Bring attributes that spoke of the whole model in line with the cut one."""

    def apply(self, X):
        """Send rows down every tree.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of int, shape (n_trees, n_rows)
            The leaf of each row, as an index into `table`.
        """
        return self.model.apply(X)[np.newaxis]

    def in_bag(self):
        """Return the training rows of each tree, or None without bootstrap samples."""

    def mean_value(self, leaf):
        """Average the values of leaves over the trees, as the model itself adds them up.

        Parameters
        ----------
        leaf : ndarray of int, shape (n_trees, n_rows)
            Nodes that rows end in.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs, n_values)
            Means.
        """
        total = np.zeros((leaf.shape[1], *self.table.value.shape[1:]))
        # One after the other: sums in another order differ in the last bit.
        for nodes in leaf:
            total += self.table.value[nodes]
        total /= len(leaf)
        return total

    def encode(self, y):
        """Turn class labels into indices of the values.

        Parameters
        ----------
        y : ndarray of shape (n_rows, n_outputs)
            Labels.

        Returns
        -------
        ndarray of int, shape (n_rows, n_outputs)
            Indices; -1 for labels that the model does not know.
        """
        classes = self.model.classes_ if self.n_outputs > 1 else [self.model.classes_]
        codes = np.empty(y.shape, dtype=np.intp)
        for output, labels in enumerate(classes):
            # Through an index and not a sort: labels of mixed type still compare.
            known, given = (pd.Index(_as_numbers(a)) for a in (labels, y[:, output]))
            codes[:, output] = known.get_indexer(given)
        return codes

    @property
    def answers_by_mean(self):
        """Whether predictions are made of mean values; a subclass may make its own."""
        kind = type(self.model)
        known = next(cls for cls in kind.__mro__ if cls.__module__.startswith("sklearn."))
        return all(
            getattr(kind, method, None) is getattr(known, method, None)
            for method in ("predict", "predict_proba")
        )

    @property
    def is_classifier(self):
        """Whether values are class fractions."""
        return is_classifier(self.model)

    @property
    def n_outputs(self):
        """Number of targets."""
        return self.table.value.shape[1]

    def size(self):
        """Return leaves, parameters and bytes of the model; a tuple of int."""
        leaf_values = [tree.value[0].size for tree in self._trees]
        n_nodes = np.array([tree.node_count for tree in self._trees])
        n_leaves = (n_nodes + 1) // 2
        parameters = 2 * (n_nodes - n_leaves) + n_leaves * leaf_values
        n_bytes = n_nodes * [_node_bytes(tree) for tree in self._trees]
        return int(n_leaves.sum()), int(parameters.sum()), int(n_bytes.sum())


def _as_numbers(labels):
    """Return booleans as 0 and 1, which they equal elsewhere; other labels as they are."""
    labels = np.asarray(labels)
    return labels.astype(int) if labels.dtype.kind == "b" else labels


def _records(tree):
    """Return the node records of a `Tree`, refusing fields that are not known."""
    nodes = tree.__getstate__()["nodes"]
    unknown = sorted(set(nodes.dtype.names) - set(LEAF) - KEPT_BY_LEAVES)
    if unknown:
        msg = (
            f"The nodes of this tree have the fields {unknown}, which this version of "
            "skprune does not know and would drop. Update skprune, or use an older "
            "scikit-learn."
        )
        raise UnsupportedModelError(msg)
    return nodes


def _node_bytes(tree):
    state = tree.__getstate__()
    return state["nodes"].dtype.itemsize + state["values"][0].nbytes


def _copy(tree):
    """Build a `Tree` like another, its nodes in the same order."""
    nodes = np.arange(tree.node_count)
    return _rebuild(tree, nodes, tree.children_left, tree.children_right, tree.max_depth)


def _rebuild(tree, order, left, right, depth):
    """Build a new `Tree` from some nodes of another, in the order given.

    Whole records are copied as bytes, and the padding between their fields is zeroed, so
    that equal trees have equal pickles; the constructor and `__setstate__` of the tree's
    own class do the rest.
    """
    cls, arguments, state = tree.__reduce__()
    old = np.ascontiguousarray(state["nodes"])
    raw = old.view(np.uint8).reshape(len(old), old.dtype.itemsize)[order]
    raw[:, _padding(old.dtype)] = 0
    nodes = raw.reshape(-1).view(old.dtype)
    nodes["left_child"], nodes["right_child"] = left, right
    for field in set(LEAF) & set(nodes.dtype.names):
        nodes[field][left == NO_NODE] = LEAF[field]
    state |= {
        "max_depth": depth,
        "node_count": len(order),
        "nodes": nodes,
        "values": np.ascontiguousarray(state["values"][order]),
    }
    fresh = cls(*arguments)
    fresh.__setstate__(state)
    return fresh


def _padding(dtype):
    """Return which bytes of a record belong to no field."""
    idle = np.ones(dtype.itemsize, dtype=bool)
    for field, offset in dtype.fields.values():
        idle[offset : offset + field.itemsize] = False
    return idle


SURGEONS = {
    DecisionTreeClassifier: TreeSurgeon,
    DecisionTreeRegressor: TreeSurgeon,
    ExtraTreeClassifier: TreeSurgeon,
    ExtraTreeRegressor: TreeSurgeon,
}
