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

from skprune.exceptions import UnsupportedModelError
from skprune.surgery.trees import SURGEONS as TREE_SURGEONS
from skprune.surgery.trees import TreeSurgeon

OUT_OF_BAG_ATTRIBUTES = ("oob_score_", "oob_decision_function_", "oob_prediction_")


class ForestSurgeon(TreeSurgeon):
    """Reads and cuts random forests and extra-trees."""

    def _members(self):
        return self.model.estimators_

    def _after_cut(self, model):
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
            _check_members(model, [model.estimator])

    def _members(self):
        _check_members(self.model, self.model.estimators_)
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


def _check_members(model, members):
    strangers = {type(m).__name__ for m in members if type(m) not in TREE_SURGEONS}
    if strangers:
        msg = (
            f"{type(model).__name__} holds members of type {', '.join(sorted(strangers))}, "
            "but only bagged trees can be pruned. Allowed members: "
            f"{', '.join(cls.__name__ for cls in TREE_SURGEONS)}."
        )
        raise UnsupportedModelError(msg)


SURGEONS = {
    RandomForestClassifier: ForestSurgeon,
    RandomForestRegressor: ForestSurgeon,
    ExtraTreesClassifier: ForestSurgeon,
    ExtraTreesRegressor: ForestSurgeon,
    BaggingClassifier: BaggingSurgeon,
    BaggingRegressor: BaggingSurgeon,
}
