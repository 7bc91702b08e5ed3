"""Surgery for forests and for bagged trees."""

import numpy as np
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.utils.validation import validate_data

from skprune.surgery.trees import TreeSurgeon, check_members

OUT_OF_BAG_ATTRIBUTES = ("oob_score_", "oob_decision_function_", "oob_prediction_")


class ForestSurgeon(TreeSurgeon):
    """Reads and cuts random forests and extra-trees."""

    def _members(self):
        return self.model.estimators_

    def _set_members(self, shell, trees):
        shell.estimators_ = [self.model.estimators_[t] for t in trees]
        shell.n_estimators = len(trees)

    def _after_cut(self, model, trees, *, whole):  # noqa: ARG002 - a hook
        # They describe the whole model; the rows to compute them anew are not here.
        for name in OUT_OF_BAG_ATTRIBUTES:
            if hasattr(model, name):
                delattr(model, name)

    def apply(self, X):
        """Send rows down every tree; ndarray of int, shape (n_trees, n_rows)."""
        return self.model.apply(X).T + self.table.roots[:, np.newaxis]

    def in_bag(self):
        """Return the training rows of each tree, or None without bootstrap samples."""
        return self.model.estimators_samples_ if self.model.bootstrap else None


class BaggingSurgeon(ForestSurgeon):
    """Reads and cuts bagged decision trees; each may look at its own columns."""

    @classmethod
    def check(cls, model):
        """Refuse members that are no trees; None stands for a tree."""
        if model.estimator is not None:
            check_members(model, [model.estimator])

    def _members(self):
        check_members(self.model, self.model.estimators_)
        return self.model.estimators_

    def _values(self):
        values = super()._values()
        if not self.is_classifier:
            return values
        # A member that missed a class in its sample has no column for it.
        padded = []
        for member, value in zip(self._members(), values, strict=True):
            full = np.zeros((len(value), 1, self.model.n_classes_))
            full[:, :, member.classes_.astype(np.intp)] = value
            padded.append(full)
        return padded

    def _as_stored(self, tree, value):
        if not self.is_classifier:
            return value
        return value[:, :, self._members()[tree].classes_.astype(np.intp)]

    def _set_members(self, shell, trees):
        super()._set_members(shell, trees)
        shell.estimators_features_ = [self.model.estimators_features_[t] for t in trees]
        # The samples are drawn anew from these whenever they are asked for.
        if len(seeds := self.model._seeds) == self.table.n_trees:
            shell._seeds = seeds[trees]

    def columns_of(self, tree):
        """Return which columns the features of a tree are."""
        return np.asarray(self.model.estimators_features_[tree])

    def apply(self, X):
        """Send rows down every tree; ndarray of int, shape (n_trees, n_rows)."""
        X = validate_data(
            self.model,
            X,
            reset=False,
            accept_sparse="csr",
            dtype=np.float32,
            ensure_all_finite="allow-nan",
        )
        members = zip(self._members(), self.model.estimators_features_, strict=True)
        leaf = np.stack([member.apply(X[:, columns]) for member, columns in members])
        return leaf + self.table.roots[:, np.newaxis]


SURGEONS = {
    RandomForestClassifier: ForestSurgeon,
    RandomForestRegressor: ForestSurgeon,
    ExtraTreesClassifier: ForestSurgeon,
    ExtraTreesRegressor: ForestSurgeon,
    BaggingClassifier: BaggingSurgeon,
    BaggingRegressor: BaggingSurgeon,
}
