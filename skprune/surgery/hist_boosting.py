"""Surgery for histogram gradient boosting: packed node records, and bitsets of categories."""

import copy
from dataclasses import replace

import numpy as np

from skprune._compat import n_rows_of
from skprune.arrays.nodes import NO_NODE, NodeTable, bottom_up_sum, check_children, depths, preorder
from skprune.exceptions import UnsupportedModelError
from skprune.surgery._checks import check_nodes, require, require_indices, require_shape
from skprune.surgery._records import copy_records
from skprune.surgery.boosting import BoostingSurgeon, with_leaf_means

# The fields of a split that scikit-learn leaves at zero in a leaf.
FIELDS_OF_SPLITS = (
    "feature_idx",
    "num_threshold",
    "missing_go_to_left",
    "left",
    "right",
    "bin_threshold",
    "is_categorical",
    "bitset_idx",
)
# A set of up to 256 categories is stored in so many numbers of 32 bits.
WORDS_OF_A_BITSET = 8
FIELDS = frozenset({*FIELDS_OF_SPLITS, "value", "count", "gain", "depth", "is_leaf"})


class HistBoostingSurgeon(BoostingSurgeon):
    """Reads and cuts histogram gradient boosting.

    The values of leaves include the learning rate; those of splits do not, and are not means
    for some losses. In `table` the value of a split is the mean of the leaves below instead,
    weighted by training samples. Features are those of the fit. For a categorical split `table`
    has the feature but not the categories, which `apply` leaves to the model. With every split,
    the risk that `table.impurity` represents decreases by exactly the gain.
    """

    learning_rate = 1.0
    even_odds_win = False
    takes_missing = True
    compares_in = np.float64

    def _read_trees(self):
        per_stage = self.n_values_per_stage
        sizes = {len(stage) for stage in self.model._predictors}
        given = f"its stages have {sizes} trees"
        require(sizes == {per_stage}, self.model, given, f"each must have {per_stage}")
        baseline = self.model._baseline_prediction
        require_shape(self.model, "_baseline_prediction", baseline, (1, per_stage))
        trees = [tree for stage in self.model._predictors for tree in stage]
        if len(set(map(id, trees))) < len(trees):  # one tree stands twice: only by hand
            self.model = copy.copy(self.model)
            stages = [[copy.copy(tree) for tree in stage] for stage in self.model._predictors]
            self.model._predictors, trees = stages, [tree for stage in stages for tree in stage]
        unknown = sorted(set(trees[0].nodes.dtype.names) - FIELDS)
        if unknown:
            msg = (
                f"The nodes of this model have the fields {unknown}, which this version of "
                "skprune does not know. Update skprune, or use an older scikit-learn."
            )
            raise UnsupportedModelError(msg)
        return trees

    def _read(self):
        nodes = [tree.nodes for tree in self._trees]
        offsets = np.concatenate([[0], np.cumsum([len(n) for n in nodes])])
        column = {name: np.concatenate([n[name] for n in nodes]) for name in nodes[0].dtype.names}
        is_leaf = column["is_leaf"].astype(bool)
        self._check_splits(column, is_leaf)
        shift = np.repeat(offsets[:-1], np.diff(offsets))
        weight = column["count"].astype(float)
        table = NodeTable(
            left=np.where(is_leaf, NO_NODE, column["left"] + shift),
            right=np.where(is_leaf, NO_NODE, column["right"] + shift),
            feature=np.where(is_leaf, -2, self._columns()[column["feature_idx"]]),
            threshold=np.where(is_leaf, -2.0, column["num_threshold"]),
            missing_left=column["missing_go_to_left"].astype(bool),
            value=column["value"][:, np.newaxis, np.newaxis],
            weight=weight,
            impurity=np.where(is_leaf, 0.0, column["gain"]),
            offsets=offsets,
        )
        check_children(table)
        check_nodes(self.model, table, self.model.n_features_in_)
        # A leaf may store the gain of a split that was not made; it is not counted.
        risk = bottom_up_sum(table, table.impurity)
        return with_leaf_means(replace(table, impurity=risk / weight))

    def _check_splits(self, column, is_leaf):
        """Raise an error for indices and counts that are out of range."""
        model, n_empty = self.model, np.count_nonzero(column["count"] < 1)
        require(not n_empty, model, f"{n_empty} nodes have no samples", "give at least one")
        require_indices(model, "feature_idx", column["feature_idx"][~is_leaf], model.n_features_in_)
        categorical = np.asarray(model._bin_mapper.is_categorical_, dtype=bool)
        for tree in self._trees:
            nodes = tree.nodes[(tree.nodes["is_leaf"] == 0) & (tree.nodes["is_categorical"] != 0)]
            require(
                categorical[nodes["feature_idx"]].all(),
                model,
                "it splits a numerical feature by categories",
                "only those of categorical_features may be",
            )
            for bitsets in _bitsets(tree):
                require_shape(model, "a set of categories", bitsets, (-1, WORDS_OF_A_BITSET))
                require_indices(model, "bitset_idx", nodes["bitset_idx"], len(bitsets))

    def _columns(self):
        return feature_order(self.model)

    @property
    def n_samples(self):
        """Number of training samples of each node; ndarray of int, shape (n_nodes,)."""
        return np.concatenate([tree.nodes["count"] for tree in self._trees])

    def in_preorder(self):
        """Return copies of the trees with their nodes in preorder."""
        table = self.table
        order, offsets, depth = preorder(table, table.is_split)
        place = np.empty(table.n_nodes, dtype=np.intp)
        place[order] = np.arange(table.n_nodes)
        trees = []
        for tree, first, end, deep in zip(
            self._trees, offsets[:-1], offsets[1:], depth, strict=True
        ):
            nodes = order[first:end]
            left, right = (
                np.where(table.is_split[nodes], place[child[nodes]] - first, NO_NODE)
                for child in (table.left, table.right)
            )
            trees.append(self._new_tree(tree, nodes - first, left, right, deep, None))
        return trees

    @property
    def is_ordered(self):
        """Whether each node compares with a threshold, if it splits; shape (n_nodes,)."""
        return ~np.concatenate([tree.nodes["is_categorical"] for tree in self._trees]).astype(bool)

    def _split_sizes(self):
        nodes = np.concatenate([tree.nodes for tree in self._trees])
        row_bytes = sum(b.itemsize * b.shape[1] for b in _bitsets(self._trees[0]))
        n_bytes = 2 * nodes.dtype.itemsize + row_bytes * nodes["is_categorical"].astype(int)
        return np.full(len(nodes), 3), n_bytes

    def size(self):
        """Return leaves, parameters and bytes of the model; a tuple of int."""
        n_leaves, n_splits = self.table.n_leaves, self.table.n_splits
        n_bytes = sum(a.nbytes for tree in self._trees for a in (tree.nodes, *_bitsets(tree)))
        return n_leaves, 2 * n_splits + n_leaves, n_bytes

    def apply(self, X):
        """Find the leaf of each sample in each tree; shape (n_trees, n_samples)."""
        # The model itself routes categories and missing values: a copy predicts the numbers of
        # nodes, whose sums over stages are integers, and so exact.
        twin = copy.copy(self.model)
        twin._predictors = [[_numbered(tree) for tree in stage] for stage in twin._predictors]
        twin._baseline_prediction = np.zeros((1, self.n_values_per_stage))
        total = np.stack(list(twin._staged_raw_predict(X)))
        leaf = np.diff(total, axis=0, prepend=0).astype(np.intp)
        leaf = leaf.transpose(0, 2, 1).reshape(self.table.n_trees, -1)
        return leaf + self.table.roots[:, np.newaxis]

    def raw_init(self, X):
        """Return the raw scores before the first stage; see `BoostingSurgeon.raw_init`."""
        return np.tile(self.model._baseline_prediction, (n_rows_of(X), 1))

    def _new_tree(self, tree, order, left, right, depth, value):  # noqa: ARG002 - a hook
        nodes = copy_records(tree.nodes, order)
        is_leaf = left == NO_NODE
        nodes["left"], nodes["right"] = np.maximum(left, 0), np.maximum(right, 0)
        nodes["is_leaf"] = is_leaf
        nodes["depth"] = depths(left, right)
        for field in FIELDS_OF_SPLITS:
            nodes[field][is_leaf] = 0
        if value is not None:
            nodes["value"] = value[:, 0, 0]
        categorical = np.flatnonzero(nodes["is_categorical"])
        rows = nodes["bitset_idx"][categorical]
        nodes["bitset_idx"][categorical] = np.arange(len(rows))
        fresh = copy.copy(tree)
        fresh.nodes = nodes
        fresh.binned_left_cat_bitsets, fresh.raw_left_cat_bitsets = (
            bitsets[rows] for bitsets in _bitsets(tree)
        )
        return fresh

    def _set_members(self, shell, trees):
        members = iter([self._trees[t] for t in trees])
        n_stages = len(trees) // self.n_values_per_stage
        shell._predictors = [
            [next(members) for _ in range(self.n_values_per_stage)] for _ in range(n_stages)
        ]
        shell.max_iter = n_stages
        # Early stopping by a scorer leaves a method in the instance that is bound to the whole
        # model, and holds a reference to it.
        vars(shell).pop("_raw_predict", None)

    def _after_cut(self, model, trees, *, whole):
        first = self._first_stages(trees, whole=whole)
        # The first score is that of the baseline. Without early stopping there are no scores.
        n_scores = 0 if first is None else first + 1
        model.train_score_ = model.train_score_[:n_scores].copy()
        model.validation_score_ = model.validation_score_[:n_scores].copy()


def feature_order(model):
    """Return the features in the order in which the trees of a model number them."""
    if model.is_categorical_ is None:
        return np.arange(model.n_features_in_)
    return np.argsort(~np.asarray(model.is_categorical_, dtype=bool), kind="stable")


def new_nodes(
    like,
    left,
    right,
    depth,
    feature,
    threshold,
    missing_left,
    value,
    count,
    weight,
    impurity,
):
    """Return node records with all fields but those that only growing a tree needs.

    Parameters
    ----------
    like : structured ndarray of shape (1,)
        A record with these fields.
    left, right, depth, feature, threshold, missing_left, value : ndarray of shape (n_nodes,)
        Values of the fields; the children of leaves are -1. A threshold of NaN is a categorical
        split; the sets of categories are numbered in the order of the nodes.
    count, weight, impurity : ndarray of shape (n_nodes,)
        Numbers of samples, and what the gains follow from.

    Returns
    -------
    structured ndarray of shape (n_nodes,)
        One record per node.
    """
    nodes, is_leaf = np.zeros(len(left), dtype=like.dtype), left == NO_NODE
    categorical = np.isnan(threshold) & ~is_leaf
    nodes["left"], nodes["right"] = np.maximum(left, 0), np.maximum(right, 0)
    nodes["depth"], nodes["is_leaf"], nodes["value"] = depth, is_leaf, value
    risk = weight * impurity
    nodes["count"] = count
    nodes["gain"] = np.where(is_leaf, -1.0, risk - risk[left] - risk[right])
    nodes["feature_idx"] = np.where(is_leaf, 0, feature)
    nodes["num_threshold"] = np.where(is_leaf | categorical, 0.0, threshold)
    nodes["missing_go_to_left"] = missing_left
    nodes["is_categorical"] = categorical
    nodes["bitset_idx"][categorical] = np.arange(categorical.sum())
    return nodes


def _bitsets(tree):
    return tree.binned_left_cat_bitsets, tree.raw_left_cat_bitsets


def _numbered(tree):
    """Return a copy of a tree in which the value of each node is its number."""
    twin = copy.copy(tree)
    twin.nodes = tree.nodes.copy()
    twin.nodes["value"] = np.arange(len(twin.nodes))
    return twin
