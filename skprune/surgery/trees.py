"""Surgery for single decision trees, and the base of all surgeons of trees."""

import copy

import numpy as np
from sklearn.base import is_classifier
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from skprune.arrays.nodes import NO_NODE, NodeTable, check_children, preorder, splice
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery._records import cut_records, new_tree, node_bytes, records


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

    # Whether later trees were grown on what earlier ones had left over: no tree of a
    # boosted model predicts the target by itself.
    is_boosting = False
    # What the model compares with thresholds, and whether it takes missing values.
    compares_in: type = np.float32
    takes_missing = True

    def __init__(self, model):
        check_is_fitted(model)
        self.model = model
        self._trees = self._read_trees()
        self.table = self._read()
        self.split_parameters, self.split_bytes = self._split_sizes()

    @classmethod
    def check(cls, model):
        """Refuse a model whose parameters already say that it cannot be read."""

    def _members(self):
        """Return the fitted tree estimators."""
        return [self.model]

    def _read_trees(self):
        """Return the tree objects that a cut replaces."""
        return [tree.tree_ for tree in self._members()]

    def _split_sizes(self):
        """Return the numbers and the bytes that each split is worth."""
        n_bytes = np.array([node_bytes(tree) for tree in self._trees])
        leaf_values = np.array([tree.value[0].size for tree in self._trees])
        # A collapse turns a split and two leaves into one leaf.
        tree = self.table.tree
        return (2 + leaf_values)[tree], 2 * n_bytes[tree]

    def _values(self):
        """Return the values of each tree; arrays of shape (n_nodes, n_outputs, n_values)."""
        return [tree.value for tree in self._trees]

    def _read(self):
        nodes = [records(tree) for tree in self._trees]
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

    def cut(self, keep_split, *, keep_tree=None, value=None, only_child=None):
        """Build the plain model in which only some splits and trees are left.

        Parameters
        ----------
        keep_split : ndarray of bool, shape (n_nodes,)
            Splits that stay; what lies below a collapsed split goes with it.
        keep_tree : ndarray of bool, shape (n_trees,), default=None
            Members that stay, at least one; all if None.
        value : ndarray of shape (n_nodes, n_outputs, n_values), default=None
            What the nodes that stay store, in the shape and the unit of ``table.value``.
            If None they keep what they store, and collapsed splits get ``table.value``.
        only_child : ndarray of int, shape (n_nodes,), default=None
            Node below a split that takes its place; -1 for splits that are not taken out.

        Returns
        -------
        estimator
            A deep copy of the model with rebuilt trees; a tree that loses nothing keeps
            the order of its nodes.

        Raises
        ------
        InputError
            If `keep_tree` keeps nothing, or an array has the wrong shape.

        Notes
        -----
        O(nodes), plus the copy of what stays.
        """
        keep_tree, value = self._check_cut(keep_tree, value)
        trees = self._arrange(keep_tree)
        if not keep_tree.all():
            keep_split = keep_split & keep_tree[self.table.tree]
        # A deep copy that finds a tree in its memo takes the entry for the tree's copy. Its
        # own copies of trees would do, but for their padding bytes, which are left to chance.
        links = None if only_child is None else splice(self.table, only_child)
        memo, whole = self._rebuilt(keep_split, trees, keep_tree, value, links)
        shell = self.model
        if not keep_tree.all():
            shell = copy.copy(self.model)
            self._set_members(shell, trees)
        model = copy.deepcopy(shell, memo)
        if not (whole and keep_tree.all()):
            self._after_cut(model, trees, whole=whole)
        return model

    def _check_cut(self, keep_tree, value):
        n_trees, shape = self.table.n_trees, self.table.value.shape
        keep_tree = np.ones(n_trees, bool) if keep_tree is None else np.asarray(keep_tree, bool)
        if keep_tree.shape != (n_trees,) or not keep_tree.any():
            msg = (
                f"keep_tree has shape {keep_tree.shape} and keeps {keep_tree.sum()} trees of "
                f"{n_trees}. Give one bool for each tree; at least one must be True."
            )
            raise InputError(msg)
        if value is not None and np.shape(value) != shape:
            msg = f"value has shape {np.shape(value)}; give an array like table.value: {shape}."
            raise InputError(msg)
        return keep_tree, None if value is None else np.asarray(value, dtype=float)

    def _rebuilt(self, keep_split, trees, keep_tree, value, links):
        """Build the trees of the result.

        Returns
        -------
        memo : dict
            The new tree for the id of each old one.
        whole : bool
            Whether all that stay are as they were.
        """
        table, memo, whole = self.table, {}, value is None
        for t, kept, left, right, depth in pieces(table, keep_split, trees, links):
            tree = self._trees[t]
            loses = not keep_tree[t] or len(kept) < table.offsets[t + 1] - table.offsets[t]
            whole &= not loses
            stored = None
            if not keep_tree[t]:  # it fills a place where boosting needs a tree
                stored = np.zeros((len(kept), *table.value.shape[1:]))
            elif loses or value is not None:
                stored = self._as_stored(t, (table.value if value is None else value)[kept])
            nodes = kept - table.offsets[t]
            memo[id(tree)] = self._new_tree(tree, nodes, left, right, depth, stored)
        return memo, whole

    def merge(self, keep_split, only_child, value, first):
        """Build the plain model without splits and trees that change no answer.

        Parameters
        ----------
        keep_split, only_child, value : ndarray
            As in `cut`.
        first : ndarray of int, shape (n_trees,)
            The tree that speaks for each one, as `mergeable` allows.

        Returns
        -------
        estimator
            As from `cut`; a tree that speaks for several has their votes.
        """
        copies = np.bincount(first, minlength=len(first))
        votes = self._votes_of(copies)[self.table.tree, np.newaxis, np.newaxis]
        keep_tree = copies > 0
        return self.cut(keep_split, keep_tree=keep_tree, value=votes * value, only_child=only_child)

    def mergeable(self, first):
        """Say which trees another one can speak for, so that the model answers the same.

        Parameters
        ----------
        first : ndarray of int, shape (n_trees,)
            Index of the first tree that is equal to each one; its own if there is none.

        Returns
        -------
        ndarray of int, shape (n_trees,)
            The same, or a tree's own index where it has to stay.
        """
        return first

    def _votes_of(self, copies):
        """Return what values are multiplied by in a tree that speaks for so many."""
        return np.ones(len(copies))

    @property
    def answers(self):
        """What the model reads at each node; ndarray of shape (n_nodes, n_outputs, n_values)."""
        return self.table.value

    @property
    def columns(self):
        """Column of each node's split in the table of the fit; ndarray of shape (n_nodes,)."""
        return self.table.feature

    @property
    def is_ordered(self):
        """Whether each node compares with a threshold, if it splits; shape (n_nodes,)."""
        return np.ones(self.table.n_nodes, dtype=bool)

    def _arrange(self, keep_tree):
        """Return the trees of the result, in order; those not to be kept fill places."""
        return np.flatnonzero(keep_tree)

    def _set_members(self, shell, trees):
        """Let a shallow copy of the model hold some of its members only."""

    def _as_stored(self, tree, value):  # noqa: ARG002 - a hook
        """Turn values of nodes into what a tree stores."""
        return value

    def _new_tree(self, tree, order, left, right, depth, value):
        """Build a tree from some nodes of another; values stay what they are if None."""
        if value is None:
            value = tree.value[order]
        return new_tree(tree, cut_records(records(tree), order, left, right), value, depth)

    def _after_cut(self, model, trees, *, whole):
        """Bring attributes that spoke of the whole model in line with the cut one.

        Parameters
        ----------
        model : estimator
            The result.
        trees : ndarray of int
            Which trees of the whole model it holds.
        whole : bool
            Whether these are as they were.
        """

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

    def _in_single(self, X):
        """Return rows as the trees of an ensemble see them, which know no names of columns."""
        return validate_data(
            self.model,
            X,
            reset=False,
            accept_sparse="csr",
            dtype=np.float32,
            ensure_all_finite="allow-nan",
        )

    def in_bag(self):
        """Return the training rows of each tree, or None without bootstrap samples."""

    def records(self, tree):
        """Return the node records of one tree, as scikit-learn holds them; a copy."""
        return records(self._trees[tree])

    def columns_of(self, tree):
        """Return which columns the features of a tree are, or None if they are themselves.

        Parameters
        ----------
        tree : int
            Index of a tree.

        Returns
        -------
        ndarray of int, shape (n_features_of_the_tree,), or None
            Columns of the table that the model was fitted on.
        """

    def mean_value(self, leaf, value=None):
        """Average the values of leaves over the trees, as the model itself adds them up.

        Parameters
        ----------
        leaf : ndarray of int, shape (n_trees, n_rows)
            Nodes that rows end in.
        value : ndarray of shape (n_nodes, n_outputs, n_values), default=None
            Their values, ``table.value`` if None.

        Returns
        -------
        ndarray of shape (n_rows, n_outputs, n_values)
            Means.
        """
        value = self.table.value if value is None else value
        total = np.zeros((leaf.shape[1], *value.shape[1:]))
        # One after the other: sums in another order differ in the last bit.
        for nodes in leaf:
            total += value[nodes]
        total /= len(leaf)
        return total

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
        n_bytes = n_nodes * [node_bytes(tree) for tree in self._trees]
        return int(n_leaves.sum()), int(parameters.sum()), int(n_bytes.sum())


def pieces(table, keep_split, trees, links=None):
    """Walk through what is left of some trees.

    Parameters
    ----------
    table : NodeTable
        The trees.
    keep_split : ndarray of bool, shape (n_nodes,)
        Splits that stay.
    trees : iterable of int
        Trees to walk through.
    links : tuple of (ndarray, ndarray, ndarray), default=None
        Children and roots, where they are not those of the table; what `splice` returns.

    Yields
    ------
    tree : int
        Its index.
    kept : ndarray of int, shape (n_kept,)
        Its nodes that stay, as indices into the table: in preorder, or in the order they
        have if all of them stay.
    left, right : ndarray of int, shape (n_kept,)
        Their children, as positions in `kept`; -1 for leaves.
    depth : int
        Depth of what stays.
    """
    order, offsets, depth = preorder(table, keep_split, links)
    to_left, to_right, _ = links or (table.left, table.right, None)
    position = np.full(table.n_nodes, NO_NODE)
    for t in trees:
        first, end = table.offsets[t : t + 2]
        kept = order[offsets[t] : offsets[t + 1]]
        if len(kept) == end - first:
            kept = np.arange(first, end)
        position[kept] = np.arange(len(kept))
        left, right = (
            np.where(keep_split[kept], position[child[kept]], NO_NODE)
            for child in (to_left, to_right)
        )
        yield t, kept, left, right, int(depth[t])


def check_members(model, members):
    """Refuse members of an ensemble that are no plain trees.

    Parameters
    ----------
    model : estimator
        The ensemble.
    members : list of estimator
        Its members, or the template of them.

    Raises
    ------
    UnsupportedModelError
        If one is no tree; the message lists what is allowed.
    """
    strangers = {type(m).__name__ for m in members if type(m) not in SURGEONS}
    if strangers:
        msg = (
            f"{type(model).__name__} holds members of type {', '.join(sorted(strangers))}, "
            "but only ensembles of trees can be pruned. Allowed members: "
            f"{', '.join(cls.__name__ for cls in SURGEONS)}."
        )
        raise UnsupportedModelError(msg)


SURGEONS = {
    DecisionTreeClassifier: TreeSurgeon,
    DecisionTreeRegressor: TreeSurgeon,
    ExtraTreeClassifier: TreeSurgeon,
    ExtraTreeRegressor: TreeSurgeon,
}
