"""Additive models of several classes: trees as features of a multinomial logistic regression.

A pipeline of one tree is fitted on a few artificial samples, so that scikit-learn itself sets all
fitted attributes; then its trees, the columns of its encoder and its coefficients are replaced.
"""

import copy

import numpy as np
from sklearn.ensemble import RandomTreesEmbedding
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skprune.arrays.nodes import NO_NODE
from skprune.surgery._checks import require, require_finite, require_shape
from skprune.surgery._records import new_tree, node_bytes, records
from skprune.surgery.additive import check_arrays, check_votes, fit_shell, kept_members
from skprune.surgery.boosting import with_leaf_means
from skprune.surgery.forests import ForestSurgeon

# Coefficients in single precision take half the bytes; predictions are sums in double precision.
PRECISION = np.float32


def embedded_classifier(surgeon, keep_split, keep_tree, value, intercept):
    """Build a classifier whose log-odds are sums of vectors over the trees of another classifier.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of a classification tree, forest or bagging of one output and K >= 3 classes.
    keep_split : ndarray of bool, shape (n_nodes,)
        Splits to keep.
    keep_tree : ndarray of bool, shape (n_trees,)
        Trees to keep; without any, a single leaf remains.
    value : ndarray of shape (K, n_nodes)
        What each node, as a leaf, adds to the log-odds of each class; stored in single precision.
    intercept : ndarray of shape (K,)
        Constant term of each class.

    Returns
    -------
    Pipeline
        `RandomTreesEmbedding` and `LogisticRegression`. Each leaf is a column of the embedding,
        and its values are the coefficients of this column, so that `predict_proba` is the softmax
        of the intercept plus the values of the leaves of a sample. It shares no data with the
        surgeon's model.

    Raises
    ------
    InputError
        If an array has the wrong shape or holds values that are not finite.
    UnsupportedModelError
        If the trees are not those of a classifier of one output that averages votes.

    Notes
    -----
    O(nodes * K). The embedding takes sparse samples, and missing values in dense ones, which go
    where they go in the original trees. Impurities are those of the original trees.
    """
    check_votes(surgeon, n_classes=3)
    table, n_classes = surgeon.table, len(surgeon.model.classes_)
    keep_split, keep_tree, value, intercept = map(
        np.asarray, (keep_split, keep_tree, value, intercept)
    )
    check_arrays(
        ("keep_split", keep_split, (table.n_nodes,)),
        ("keep_tree", keep_tree, (table.n_trees,)),
        ("value", value, (n_classes, table.n_nodes)),
        ("intercept", intercept, (n_classes,)),
    )
    model = fit_shell(_unfitted(), surgeon)
    embedding, last = model[0], model[-1]
    leaves = _set_trees(embedding, surgeon, kept_members(surgeon, keep_split, keep_tree))
    coefficients = value[:, leaves] * keep_tree[table.tree[leaves]]
    last.coef_ = np.ascontiguousarray(coefficients, dtype=PRECISION)
    last.intercept_ = intercept.astype(float)
    last.n_features_in_ = len(leaves)
    last.classes_ = surgeon.model.classes_.copy()
    if hasattr(surgeon.model, "feature_names_in_"):
        embedding.feature_names_in_ = surgeon.model.feature_names_in_.copy()
    return model


def _unfitted():
    """Return the pipeline; what it hands on is sparse, whatever output a user asks for."""
    embedding = RandomTreesEmbedding(n_estimators=1, max_depth=None, random_state=0)
    return make_pipeline(embedding.set_output(transform="default"), LogisticRegression())


def _set_trees(embedding, surgeon, members):
    """Replace the trees of a fitted embedding; return their leaves as indices of the table."""
    like, trees, categories, found = embedding.estimators_[0], [], [], []
    number = np.min_scalar_type(np.diff(surgeon.table.offsets).max())  # saves memory
    for member in members:
        tree = copy.copy(like)
        value = np.zeros((len(member.kept), 1, 1))  # the embedding has no use for values
        tree.tree_ = new_tree(like.tree_, member.nodes, value, member.depth)
        trees.append(tree)
        is_leaf = np.flatnonzero(member.nodes["left_child"] == NO_NODE)
        categories.append(is_leaf.astype(number))
        found.append(member.kept[is_leaf])
    embedding.estimators_, embedding.n_estimators = trees, len(trees)
    embedding.one_hot_encoder_.set_output(transform="default")
    set_leaves(embedding, categories)
    return np.concatenate(found)


class EmbeddedTreesSurgeon(ForestSurgeon):
    """Reads trees that are the features of a logistic regression; see `embedded_classifier`.

    In `table` the values of a leaf are its coefficients, and those of a split the means of the
    leaves below it.
    """

    has_means = predicts_by_mean = is_additive = False

    def _members(self):
        return self.model[0].estimators_

    def _read_trees(self):
        trees, last = super()._read_trees(), self.model[-1]
        leaves = [np.flatnonzero(records(tree)["left_child"] == NO_NODE) for tree in trees]
        categories = self.model[0].one_hot_encoder_.categories_
        same = len(categories) == len(leaves) and all(map(np.array_equal, categories, leaves))
        given = "its encoder knows other leaves than its trees have"
        require(same, self.model, given, "the categories must be the leaves")
        require_shape(self.model, "coef_", last.coef_, (-1, sum(map(len, leaves))))
        require_finite(self.model, coef_=last.coef_, intercept_=last.intercept_)
        return trees

    def _values(self):
        found, first = [], 0
        coefficients, categories = self.model[-1].coef_, self.model[0].one_hot_encoder_.categories_
        for tree, leaves in zip(self._trees, categories, strict=True):
            value = np.zeros((tree.node_count, 1, len(coefficients)))
            value[leaves, 0] = coefficients[:, first : first + len(leaves)].T
            first += len(leaves)
            found.append(value)
        return found

    def _read(self):
        return with_leaf_means(super()._read())

    @property
    def embedding(self):
        """Reader of the trees as the embedding holds them, a `ForestSurgeon`."""
        return ForestSurgeon(self.model[0])

    def apply(self, X):
        """Find the leaf of each sample in each tree; shape (n_trees, n_samples)."""
        return self.model[0].apply(X).T + self.table.roots[:, np.newaxis]

    def _single_precision(self, X):
        return self.embedding._single_precision(X)

    @property
    def node_bytes(self):
        """Bytes of a node; the embedding has no use for the value that a tree stores in it."""
        return node_bytes(self._trees[0])

    @property
    def leaf_bytes(self):
        """Bytes that a leaf adds: its coefficients, and its number in its tree."""
        number = self.model[0].one_hot_encoder_.categories_[0]
        coefficients = self.model[-1].coef_
        return number.itemsize + len(coefficients) * coefficients.itemsize

    def size(self):
        """Return leaves, parameters and bytes of the model; a tuple of int."""
        n_values, n_leaves = self.model[-1].coef_.shape
        n_nodes = self.table.n_nodes
        n_parameters = 2 * (n_nodes - n_leaves) + n_values * n_leaves
        return n_leaves, n_parameters, n_nodes * self.node_bytes + n_leaves * self.leaf_bytes


def set_leaves(embedding, leaves):
    """Make the leaves of trees the columns of a fitted embedding.

    Parameters
    ----------
    embedding : RandomTreesEmbedding
        Changed in place.
    leaves : list of ndarray of int
        Leaves of each tree, ascending.
    """
    encoder, sizes = embedding.one_hot_encoder_, [len(each) for each in leaves]
    encoder.categories_, encoder._n_features_outs = leaves, sizes
    encoder.n_features_in_, embedding._n_features_out = len(sizes), sum(sizes)
