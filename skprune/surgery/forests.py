"""Surgery for forests and for bagged trees."""

import numpy as np

from skprune.surgery.trees import TreeSurgeon, check_members

# Bits of a factor that turns a sum of votes into a mean without moving it: 1e-12.
LEAST_BITS = 40
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

    def mergeable(self, first):
        """Say which trees another one can speak for; of a classifier all or none.

        Votes of a forest are often tied, and sums that are rounded otherwise would break
        ties otherwise. They are merged if the sums stay exact (pure leaves), or if all
        trees are the same.
        """
        alike = (first == first[0]).all()
        if not self.is_classifier or alike or self._bits >= LEAST_BITS:
            return first
        return np.arange(len(first))

    @property
    def _bits(self):
        table = self.table
        return exact_bits(table.value[~table.is_split], table.n_trees)

    def _votes_of(self, copies):
        share = (copies > 0).sum() / copies.sum()
        if self.is_classifier and (copies > 1).any() and (copies > 0).sum() > 1:
            scale = 2.0**self._bits
            share = np.rint(share * scale) / scale
        return copies * share


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

    @property
    def columns(self):
        """Column of each node's split in the table of the fit; ndarray of shape (n_nodes,)."""
        sizes = [len(columns) for columns in self.model.estimators_features_]
        start = np.concatenate([[0], np.cumsum(sizes)])[self.table.tree]
        feature, every = self.table.feature, np.concatenate(self.model.estimators_features_)
        return np.where(feature < 0, feature, every[start + np.maximum(feature, 0)])

    def apply(self, X):
        """Send rows down every tree; ndarray of int, shape (n_trees, n_rows)."""
        X = self._in_single(X)
        members = zip(self._members(), self.model.estimators_features_, strict=True)
        leaf = np.stack([member.apply(X[:, columns]) for member, columns in members])
        return leaf + self.table.roots[:, np.newaxis]


def exact_bits(value, n_trees):
    """Return how many bits a factor of some values may have, so that sums stay exact.

    Parameters
    ----------
    value : ndarray
        Values.
    n_trees : int
        How many of them are added up.

    Returns
    -------
    int
        Bits; 0 if none are left, or the values are no multiples of a power of two.
    """
    for fraction_bits in range(11):
        if np.array_equal(scaled := np.ldexp(value, fraction_bits), np.rint(scaled)):
            largest = max(1.0, np.abs(scaled).max()) * n_trees
            return max(0, 52 - int(np.ceil(np.log2(largest))))
    return 0
