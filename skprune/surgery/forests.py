"""Surgery for forests and for bagged trees."""

import numpy as np

from skprune.surgery._checks import require, require_indices
from skprune.surgery.trees import TreeSurgeon
from skprune.surgery.wrapped_trees import WrappedTreesSurgeon

OUT_OF_BAG_ATTRIBUTES = ("oob_score_", "oob_decision_function_", "oob_prediction_")


class ForestSurgeon(TreeSurgeon):
    """Reads and cuts random forests and extra-trees."""

    is_additive = True

    def _members(self):
        return self.model.estimators_

    def _set_members(self, shell, trees):
        shell.estimators_ = [self.model.estimators_[t] for t in trees]
        shell.n_estimators = len(trees)

    def _after_cut(self, model, trees, *, whole):  # noqa: ARG002 - a hook
        drop_out_of_bag(model)

    def apply(self, X):
        """Find the leaf of each sample in each tree; shape (n_trees, n_samples)."""
        return self.model.apply(X).T + self.table.roots[:, np.newaxis]

    def in_bag(self):
        """Return the training samples of each tree, or None without bootstrap."""
        return self.model.estimators_samples_ if self.model.bootstrap else None

    def merge(self, keep_split, only_child, value, first):
        """Build the plain model without splits that no prediction depends on.

        Equal trees become one object that stands several times, so that sums keep their order
        and ties of votes stay as they are. If all trees are equal, one is enough.
        """
        kept, places = np.unique(first, return_inverse=True)
        keep_tree = np.isin(np.arange(len(first)), kept)
        model = self.cut(keep_split, keep_tree=keep_tree, value=value, only_child=only_child)
        if 1 < len(kept) < len(first):
            repeat_members(model, places)
        return model


class BaggingSurgeon(WrappedTreesSurgeon, ForestSurgeon):
    """Reads and cuts bagged decision trees; each may have features of its own."""

    def _n_features(self):
        lists, n_trees = self.model.estimators_features_, len(self._trees)
        given = f"it has {len(lists)} lists of features for {n_trees} trees"
        require(len(lists) == n_trees, self.model, given, "give one for each tree")
        for columns in lists:
            require_indices(self.model, "estimators_features_", columns, self.model.n_features_in_)
        return np.array([len(columns) for columns in lists])

    def _values(self):
        values = super()._values()
        if not self.is_classifier:
            return values
        # A tree has no values for classes that are missing in its bootstrap sample.
        padded = []
        for member, value in zip(self._members(), values, strict=True):
            full = np.zeros((len(value), 1, self.model.n_classes_))
            own = member.classes_.astype(np.intp)
            require_indices(self.model, "classes_ of a tree", own, self.model.n_classes_)
            given = f"a tree has {value.shape[2]} values for {len(own)} classes"
            require(value.shape[2] == len(own), self.model, given, "give one for each class")
            full[:, :, own] = value
            padded.append(full)
        return padded

    def _as_stored(self, tree, value):
        if not self.is_classifier:
            return value
        return value[:, :, self._members()[tree].classes_.astype(np.intp)]

    def _set_members(self, shell, trees):
        super()._set_members(shell, trees)
        shell.estimators_features_ = [self.model.estimators_features_[t] for t in trees]
        # `estimators_samples_` draws the samples from these seeds whenever it is read.
        if len(seeds := self.model._seeds) == self.table.n_trees:
            shell._seeds = seeds[trees]

    def columns_of(self, tree):
        """Return the features that a tree was fitted on."""
        return np.asarray(self.model.estimators_features_[tree])

    @property
    def columns(self):
        """Feature of each node's split, among those of the fit; ndarray of shape (n_nodes,)."""
        sizes = [len(columns) for columns in self.model.estimators_features_]
        start = np.concatenate([[0], np.cumsum(sizes)])[self.table.tree]
        feature, every = self.table.feature, np.concatenate(self.model.estimators_features_)
        return np.where(feature < 0, feature, every[start + np.maximum(feature, 0)])

    def apply(self, X):
        """Find the leaf of each sample in each tree; shape (n_trees, n_samples)."""
        X = self._single_precision(X)
        members = zip(self._members(), self.model.estimators_features_, strict=True)
        leaf = np.stack([member.apply(X[:, columns]) for member, columns in members])
        return leaf + self.table.roots[:, np.newaxis]


def repeat_members(model, members):
    """Let the members of a forest or of bagging stand as often as they are given, in place.

    Parameters
    ----------
    model : estimator
        A new model.
    members : ndarray of int
        Its members, each at least once.
    """
    model.estimators_ = [model.estimators_[m] for m in members]
    model.n_estimators = len(members)
    if hasattr(model, "estimators_features_"):
        model.estimators_features_ = [model.estimators_features_[m] for m in members]
        # `estimators_samples_` draws the samples from these seeds whenever it is read.
        if len(model._seeds) == members.max() + 1:
            model._seeds = model._seeds[members]
    drop_out_of_bag(model)


def drop_out_of_bag(model):
    """Remove what describes the whole model and needs the training data to be recomputed."""
    for name in OUT_OF_BAG_ATTRIBUTES:
        vars(model).pop(name, None)
