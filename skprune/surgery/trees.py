"""Surgery for single decision trees, and the base of all surgeons of trees."""

import copy
from functools import partial

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from skprune.arrays.nodes import NO_NODE, NodeTable, check_children, preorder, splice
from skprune.exceptions import InputError
from skprune.surgery._base import Surgeon
from skprune.surgery._checks import check_nodes, require
from skprune.surgery._records import cut_records, new_tree, node_bytes, records
from skprune.surgery._registry import registered_class
from skprune.surgery._repeats import NewTrees, first_of

ONE = "the trees of a model must have values of one shape"


class TreeSurgeon(Surgeon):
    """Reads and cuts one decision tree; the base of the surgeons of ensembles.

    It is given a fitted model and keeps it unchanged as `model`; see `Surgeon`.

    Attributes
    ----------
    table : NodeTable
        All nodes of all its trees.
    is_stored : ndarray of bool, shape (n_nodes,)
        False for nodes of trees that are one object with an earlier tree of the model. Their
        table is that of the earlier one; they take no memory.
    split_parameters, split_bytes : ndarray of shape (n_nodes,)
        Parameters and bytes that collapsing a split saves.
    """

    # Whether the prediction is a sum or a mean over several trees.
    is_additive = False
    # Whether each tree is fitted to what the previous ones predict wrongly (boosting).
    is_boosting = False
    # Whether nodes store means of the target, so that every tree predicts it by itself.
    has_means = True
    # Precision in which the model compares with thresholds.
    compares_in: type = np.float32
    # Whether sums over `table`, in double precision, are what a cut model predicts.
    has_snapshots = True

    def __init__(self, model):
        super().__init__(model)
        self._trees = self._read_trees()
        self.table = self._read()
        self._first = first_of(self._trees)
        self.is_stored = (self._first == np.arange(len(self._first)))[self.table.tree]
        self.split_parameters, self.split_bytes = (
            np.where(self.is_stored, sizes, 0) for sizes in self._split_sizes()
        )

    def _members(self):
        """Return the fitted tree estimators."""
        return [self.model]

    def _read_trees(self):
        """Return the tree objects that a cut replaces."""
        return [tree.tree_ for tree in self._members()]

    def _split_sizes(self):
        """Return the parameters and the bytes that collapsing each split saves."""
        n_bytes = np.array([node_bytes(tree) for tree in self._trees])
        leaf_values = np.array([tree.value[0].size for tree in self._trees])
        # A collapse turns a split and two leaves into one leaf.
        tree = self.table.tree
        return (2 + leaf_values)[tree], 2 * n_bytes[tree]

    def _values(self):
        """Return the values of each tree; arrays of shape (n_nodes, n_outputs, n_values)."""
        return [tree.value for tree in self._trees]

    def _read(self):
        nodes, values = [records(tree) for tree in self._trees], self._values()
        shapes = {value.shape[1:] for value in values}
        require(len(shapes) == 1, self.model, f"its trees have values of shapes {shapes}", ONE)
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
            value=np.concatenate(values),
            weight=column("weighted_n_node_samples"),
            impurity=column("impurity"),
            offsets=offsets,
        )
        check_children(table)
        check_nodes(self.model, table, self._n_features()[table.tree])
        self._check_counts(table)
        return table

    def _n_features(self):
        """Return the number of features that each tree is given; shape (n_trees,)."""
        return np.full(len(self._trees), self.model.n_features_in_)

    def _check_counts(self, table):
        """Raise an error for nodes without samples, and for a depth that is not the true one."""
        n_empty = np.count_nonzero(self.n_samples < 1)
        require(not n_empty, self.model, f"{n_empty} nodes have no samples", "give at least one")
        # Compiled code reserves memory for paths of `max_depth` nodes.
        depth = np.maximum.reduceat(table.depth, table.roots)
        stored = np.array([tree.max_depth for tree in self._trees])
        require(
            (stored >= depth).all(),
            self.model,
            "a tree is deeper than its max_depth",
            "its max_depth must be its depth",
        )

    def cut(self, keep_split, *, keep_tree=None, value=None, only_child=None):
        """Build the plain model that keeps some of the splits and trees.

        Parameters
        ----------
        keep_split : ndarray of bool, shape (n_nodes,)
            Splits to keep; all nodes below a collapsed split are removed.
        keep_tree : ndarray of bool, shape (n_trees,), default=None
            Trees to keep, at least one; all if None.
        value : ndarray of shape (n_nodes, n_outputs, n_values), default=None
            New values of the nodes, in the shape and the unit of ``table.value``. If None, nodes
            keep the value that they store, and collapsed splits get ``table.value``.
        only_child : ndarray of int, shape (n_nodes,), default=None
            Child that replaces a split; -1 for splits that are not replaced.

        Returns
        -------
        estimator
            A deep copy of the model with rebuilt trees; an unchanged tree keeps the order of
            its nodes.

        Raises
        ------
        InputError
            If `keep_tree` keeps nothing, or an array has the wrong shape.

        Notes
        -----
        O(nodes), and the time of the copy.
        """
        keep_tree, value = self._check_cut(keep_tree, value)
        trees = self._arrange(keep_tree)
        if not keep_tree.all():
            keep_split = keep_split & keep_tree[self.table.tree]
        # `deepcopy` takes the trees from its memo. Unchanged trees are rebuilt too: copies made by
        # scikit-learn hold uninitialised padding bytes, so equal models would pickle differently.
        links = None if only_child is None else splice(self.table, only_child)
        new, whole = self._rebuilt(keep_split, trees, keep_tree, value, links)
        shell = self.model
        if not keep_tree.all():
            shell = copy.copy(self.model)
            self._set_members(shell, trees)
        model = copy.deepcopy(new.separated(shell, trees), new.memo)
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
        new : NewTrees
            The new trees.
        whole : bool
            Whether all these trees are unchanged.
        """
        table, new, whole = self.table, NewTrees(self._trees), value is None
        for t, kept, left, right, depth in remaining_trees(table, keep_split, trees, links):
            tree = self._trees[t]
            loses = not keep_tree[t] or len(kept) < table.offsets[t + 1] - table.offsets[t]
            whole &= not loses
            stored = None
            if not keep_tree[t]:  # a placeholder: each stage of boosting needs all its trees
                stored = np.zeros((len(kept), *table.value.shape[1:]))
            elif loses or value is not None:
                stored = self._as_stored(t, (table.value if value is None else value)[kept])
            parts = kept - table.offsets[t], left, right, depth, stored
            new.add(t, parts, partial(self._new_tree, tree))
        return new, whole

    def merge(self, keep_split, only_child, value, first):
        """Build the plain model without splits and trees that no prediction depends on.

        Parameters
        ----------
        keep_split, only_child, value : ndarray
            As in `cut`.
        first : ndarray of int, shape (n_trees,)
            The tree that replaces each one, as `mergeable` allows.

        Returns
        -------
        estimator
            As from `cut`; a tree that replaces several has their weight.
        """
        copies = np.bincount(first, minlength=len(first))
        weight = self._merged_weight(copies)[self.table.tree, np.newaxis, np.newaxis]
        return self.cut(
            keep_split, keep_tree=copies > 0, value=weight * value, only_child=only_child
        )

    def mergeable(self, first):
        """Return the tree that can replace each one without changing a prediction.

        Parameters
        ----------
        first : ndarray of int, shape (n_trees,)
            Index of the first tree that equals each one; its own if there is none.

        Returns
        -------
        ndarray of int, shape (n_trees,)
            The same, or a tree's own index where it cannot be replaced.
        """
        return first

    def _merged_weight(self, copies):
        """Return the factors of the values of trees, given how many trees each one replaces."""
        return np.ones(len(copies))

    def spread(self, values):
        """Give trees that are one object the values that its first occurrence has.

        Parameters
        ----------
        values : ndarray of shape (n_nodes, ...)
            Values of the nodes.

        Returns
        -------
        ndarray of shape (n_nodes, ...)
            Values with which a cut leaves these trees one object.
        """
        table = self.table
        shift = table.roots - table.roots[self._first]
        return values[np.arange(table.n_nodes) - shift[table.tree]]

    @property
    def contributions(self):
        """What each node, as a leaf, adds to predictions; shape (n_nodes, n_outputs, n_values)."""
        return self.table.value

    @property
    def columns(self):
        """Feature of each node's split, among those of the fit; ndarray of shape (n_nodes,)."""
        return self.table.feature

    @property
    def positive_weight(self):
        """Factor of the weights of the second class of two, in the loss of the model."""
        return 1.0

    @classmethod
    def constraints(cls, model):
        """Return the monotonic constraints among the parameters of a model, or None."""
        return getattr(model, "monotonic_cst", None)

    @property
    def n_samples(self):
        """Number of training samples of each node; ndarray of int, shape (n_nodes,)."""
        return np.concatenate([tree.n_node_samples for tree in self._trees])

    @property
    def is_ordered(self):
        """Whether each node, if it splits, compares with a threshold; shape (n_nodes,)."""
        return np.ones(self.table.n_nodes, dtype=bool)

    def _arrange(self, keep_tree):
        """Return the trees of the result in order; trees that are not kept are placeholders."""
        return np.flatnonzero(keep_tree)

    def _set_members(self, shell, trees):
        """Replace the members of a shallow copy of the model by some of them."""

    def _as_stored(self, tree, value):  # noqa: ARG002 - a hook
        """Return values of nodes in the form in which a tree stores them."""
        return value

    def _new_tree(self, tree, order, left, right, depth, value):
        """Build a tree from some nodes of another, with their own values if `value` is None."""
        if value is None:
            value = tree.value[order]
        return new_tree(tree, cut_records(records(tree), order, left, right), value, depth)

    def _after_cut(self, model, trees, *, whole):
        """Update or remove the attributes that describe the whole model.

        Parameters
        ----------
        model : estimator
            The result.
        trees : ndarray of int
            Its trees, as indices of the whole model.
        whole : bool
            Whether these trees are unchanged.
        """

    def apply(self, X):
        """Find the leaf of each sample in each tree.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of int, shape (n_trees, n_samples)
            Leaves, as indices into `table`.
        """
        return self.model.apply(X)[np.newaxis]

    def _single_precision(self, X):
        """Return samples in the form that the trees of an ensemble take, without feature names."""
        return validate_data(
            self.model,
            X,
            reset=False,
            accept_sparse="csr",
            dtype=np.float32,
            ensure_all_finite="allow-nan",
        )

    @property
    def takes_missing(self):
        """Whether the model predicts for samples with missing values, if they are dense."""
        # Even if there were none in training.
        return get_tags(self.model).input_tags.allow_nan

    def in_bag(self):
        """Return the training samples of each tree, or None without bootstrap."""

    @property
    def embedding(self):
        """Reader of the trees alone, if they are features of another model; else None."""
        return None

    def records(self, tree):
        """Return a copy of the node records of one tree, as scikit-learn stores them."""
        return records(self._trees[tree])

    def columns_of(self, tree):
        """Return the features that a tree was fitted on, or None if it was fitted on all.

        Parameters
        ----------
        tree : int
            Index of a tree.

        Returns
        -------
        ndarray of int, shape (n_features_of_the_tree,), or None
            Indices among the features of the model.
        """

    def mean_value(self, leaf, value=None):
        """Average the values of leaves over the trees, in the order in which the model does.

        Parameters
        ----------
        leaf : ndarray of int, shape (n_trees, n_samples)
            Leaf of each sample in each tree.
        value : ndarray of shape (n_nodes, n_outputs, n_values), default=None
            Values of the nodes; ``table.value`` if None.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs, n_values)
            Means.
        """
        value = self.table.value if value is None else value
        total = np.zeros((leaf.shape[1], *value.shape[1:]))
        # One tree after the other: sums in another order differ in the last bit.
        for nodes in leaf:
            total += value[nodes]
        total /= len(leaf)
        return total

    @property
    def predicts_by_mean(self):
        """Whether the model predicts by `mean_value`; a user's subclass may override it."""
        kind, original = type(self.model), registered_class(self.model)
        return all(
            getattr(kind, method, None) is getattr(original, method, None)
            for method in ("predict", "predict_proba")
        )

    # Whether the model predicts from `raw_init` and the sums of the leaves of its stages.
    predicts_by_sum = False

    @property
    def has_constant_start(self):
        """Whether raw scores are the values of leaves plus constants, as in boosting."""
        return False

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
        trees = [self._trees[t] for t in np.unique(self._first)]
        leaf_values = [tree.value[0].size for tree in trees]
        n_nodes = np.array([tree.node_count for tree in trees])
        n_leaves = (n_nodes + 1) // 2
        parameters = 2 * (n_nodes - n_leaves) + n_leaves * leaf_values
        n_bytes = n_nodes * [node_bytes(tree) for tree in trees]
        return int(n_leaves.sum()), int(parameters.sum()), int(n_bytes.sum())

    def bytes_of(self, n_nodes, n_leaves):  # noqa: ARG002 - a hook
        """Return the bytes of models with so many nodes and leaves; the splits are ordered."""
        return n_nodes * (self.size()[2] // self.table.n_nodes)


def remaining_trees(table, keep_split, trees, links=None):
    """Iterate over what a cut leaves of some trees.

    Parameters
    ----------
    table : NodeTable
        The trees.
    keep_split : ndarray of bool, shape (n_nodes,)
        Splits to keep.
    trees : iterable of int
        Trees to iterate over.
    links : tuple of (ndarray, ndarray, ndarray), default=None
        Children and roots as `splice` returns them; those of the table if None.

    Yields
    ------
    tree : int
        Its index.
    kept : ndarray of int, shape (n_kept,)
        Its remaining nodes, as indices into the table: in preorder, or in their own order if
        all of them remain.
    left, right : ndarray of int, shape (n_kept,)
        Their children, as positions in `kept`; -1 for leaves.
    depth : int
        Depth of the remaining tree.
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
