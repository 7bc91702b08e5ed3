"""Surgery for gradient boosting and AdaBoost, and what all additive models share."""

import copy
from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np
from sklearn.utils.validation import validate_data

from skprune.arrays.nodes import bottom_up_sum
from skprune.surgery.trees import TreeSurgeon, check_members

OUT_OF_BAG_CURVES = ("oob_improvement_", "oob_scores_")
# Sums of votes that are looked at for ties: those of half of 42 members, or 26 with more
# than two classes.
MOST_SUMS = 2**21
# A subtree that no row of positive weight reached still has a mean.
LEAST_WEIGHT = 1e-200


class BoostingSurgeon(TreeSurgeon, ABC):
    """Base of the surgeons of gradient boosting: stages of one tree per raw score.

    The raw scores are ``raw_init(X)`` plus ``learning_rate`` times the values of the
    leaves, each tree adding to its column. Trees are numbered stage by stage.

    Attributes
    ----------
    learning_rate : float
        Factor of the values in `table`.
    n_values_per_stage : int
        Trees per stage, the number of raw scores.
    tree_column : ndarray of int, shape (n_trees,)
        Which raw score each tree adds to.
    """

    is_additive = is_boosting = True
    has_means = answers_by_mean = False
    # Whether even odds of two classes predict the second one.
    even_odds_win = True

    @property
    def learning_rate(self):
        """Factor of the values in `table`."""
        return float(self.model.learning_rate)

    @property
    def n_values_per_stage(self):
        """Trees per stage, the number of raw scores."""
        return self.model.n_trees_per_iteration_

    @property
    def tree_column(self):
        """Which raw score each tree adds to; ndarray of int, shape (n_trees,)."""
        return np.arange(self.table.n_trees) % self.n_values_per_stage

    @abstractmethod
    def raw_init(self, X):
        """Return the raw scores before the first stage.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_rows, n_values_per_stage)
            Raw scores.
        """

    @property
    def starts_alike(self):
        """Whether `raw_init` is the same for all rows; of a subclass nothing is known."""
        init = getattr(self.model, "init", None)
        known = type(self.model).__module__.startswith("sklearn.")
        return known and (init is None or init == "zero")

    def stand_in(self, raw):
        """Return what answers as the model would, had it added up to given raw scores.

        Parameters
        ----------
        raw : ndarray of shape (n_rows, n_values_per_stage)
            Raw scores.

        Returns
        -------
        estimator
            A shallow copy of the model, for these rows only.
        """
        twin = copy.copy(self.model)
        twin._raw_predict = lambda *_, **__: raw
        return twin

    def mergeable(self, first):
        """Say which trees another one can speak for; for classes, where sums may tie, none."""
        return np.arange(len(first)) if self.is_classifier else first

    def _votes_of(self, copies):
        return copies

    def _arrange(self, keep_tree):
        rows = stages(keep_tree.reshape(-1, self.n_values_per_stage))
        return (rows * self.n_values_per_stage + np.arange(rows.shape[1])).ravel()

    def _first_stages(self, trees, *, whole):
        """Return how many stages are left, if they are the first ones as they were."""
        if whole and np.array_equal(trees, np.arange(len(trees))):
            return len(trees) // self.n_values_per_stage
        return None


class GradientBoostingSurgeon(BoostingSurgeon):
    """Reads and cuts gradient boosting.

    What a split stores there is the mean before the leaves were fitted to the loss, and
    no prediction. In `table` a split has the weighted mean of its leaves instead.
    """

    takes_missing = False

    def _members(self):
        return list(self.model.estimators_.ravel())

    def _read(self):
        return with_means_of_leaves(super()._read())

    def apply(self, X):
        """Send rows down every tree; ndarray of int, shape (n_trees, n_rows)."""
        leaf = self.model.apply(self._checked(X))
        leaf = leaf.reshape(len(leaf), -1).T.astype(np.intp)
        return leaf + self.table.roots[:, np.newaxis]

    def raw_init(self, X):
        """Return the raw scores before the first stage; shape (n_rows, n_values_per_stage)."""
        return self.model._raw_predict_init(self._checked(X))

    def _checked(self, X):
        """Return rows as the trees see them: these know no names of columns."""
        return validate_data(
            self.model, X, dtype=np.float32, order="C", accept_sparse="csr", reset=False
        )

    def _set_members(self, shell, trees):
        members = self.model.estimators_.ravel()[trees]
        shell.estimators_ = members.reshape(-1, self.n_values_per_stage)
        shell.n_estimators = shell.n_estimators_ = len(shell.estimators_)

    def _after_cut(self, model, trees, *, whole):
        first = self._first_stages(trees, whole=whole)
        curves = [name for name in OUT_OF_BAG_CURVES if hasattr(model, name)]
        if first is None:
            # A warm start continues the curve of the training loss: NaN for what is unknown.
            model.train_score_ = np.full(len(model.estimators_), np.nan)
            for name in [*curves, *(["oob_score_"] if curves else [])]:
                delattr(model, name)
            return
        for name in ["train_score_", *curves]:
            setattr(model, name, getattr(model, name)[:first].copy())
        if curves:
            model.oob_score_ = model.oob_scores_[-1]


class AdaBoostSurgeon(TreeSurgeon):
    """Reads and cuts AdaBoost over trees: weighted votes, or a weighted median."""

    is_boosting = True
    has_means = answers_by_mean = takes_missing = False

    @classmethod
    def check(cls, model):
        """Refuse members that are no trees; None stands for a tree."""
        if model.estimator is not None:
            check_members(model, [model.estimator])

    def _members(self):
        check_members(self.model, self.model.estimators_)
        return self.model.estimators_

    def apply(self, X):
        """Send rows down every tree; ndarray of int, shape (n_trees, n_rows)."""
        X = self._in_single(X)
        leaf = np.stack([member.apply(X) for member in self.model.estimators_])
        return leaf + self.table.roots[:, np.newaxis]

    @property
    def answers(self):
        """What the model reads at each node: of classifiers a hard vote."""
        value = self.table.value
        if not self.is_classifier:
            return value
        return np.eye(value.shape[2])[value.argmax(axis=2)]

    def mergeable(self, first):
        """Say which trees another one can speak for.

        Of a classifier all or none: where votes can be tied, sums that are rounded otherwise
        would break ties otherwise. In a weighted median none: there a last bit may move the
        answer to another tree's.
        """
        if self.is_classifier:
            signs = (-1, 1) if len(self.model.classes_) == 2 else (-1, 0, 1)
            if never_tied(self._merged_weights(first), signs):
                return first
        return np.arange(len(first))

    def _merged_weights(self, first):
        weights = self.model.estimator_weights_[: len(first)]
        return np.bincount(first, weights)[np.unique(first)]

    def merge(self, keep_split, only_child, value, first):
        """Build the plain model without splits and trees that change no answer."""
        model = super().merge(keep_split, only_child, value, first)
        if len(np.unique(first)) < len(first):
            model.estimator_weights_ = self._merged_weights(first)
        return model

    def _set_members(self, shell, trees):
        model = self.model
        shell.estimators_ = [model.estimators_[t] for t in trees]
        shell.n_estimators = len(trees)
        # Where boosting stopped early there are more of these than members.
        shell.estimator_weights_ = model.estimator_weights_[trees]
        shell.estimator_errors_ = model.estimator_errors_[trees]


def stages(keep):
    """Move the trees of each column up to the first stages.

    Parameters
    ----------
    keep : ndarray of bool, shape (n_stages, n_columns)
        Trees that stay. Those of a column add up, so that their stage does not matter.

    Returns
    -------
    ndarray of int, shape (n_stages_left, n_columns)
        The former stage of the tree in each place; where a column has fewer trees than
        another, one that does not stay fills the place.
    """
    n_left = max(1, keep.sum(axis=0).max())
    return np.argsort(~keep, axis=0, kind="stable")[:n_left]


def never_tied(weights, signs):
    """Say whether no choice of signs makes a sum of weights vanish, but for rounding.

    Parameters
    ----------
    weights : ndarray of shape (n_weights,)
        Weights of votes.
    signs : tuple of int
        What a vote can do to the lead of one class over another: -1 and 1, and 0 if there
        are other classes. That all do nothing is not counted.

    Returns
    -------
    bool
        False also if there are too many sums to look at.

    Notes
    -----
    Each sum of one half of the weights is looked for among those of the other:
    O(k log k) for ``k = len(signs) ** (n_weights / 2)``, at most `MOST_SUMS`.
    """
    half = len(weights) // 2
    if len(signs) ** (len(weights) - half) > MOST_SUMS:
        return False
    sums = []
    for part in (weights[:half], weights[half:]):
        total = np.zeros(1)
        for weight in part:
            total = np.add.outer(total, weight * np.array(signs)).ravel()
        sums.append(np.sort(total))
    rounding = 4 * len(weights) * np.finfo(float).eps * np.abs(weights).sum()
    first = np.searchsorted(sums[1], -sums[0] - rounding, side="left")
    end = np.searchsorted(sums[1], -sums[0] + rounding, side="right")
    return bool((end - first).sum() == signs.count(0))


def with_means_of_leaves(table):
    """Return a table in which the value of a split is the weighted mean of its leaves.

    Parameters
    ----------
    table : NodeTable
        Trees in which the values of leaves only are predictions.

    Returns
    -------
    NodeTable
        The same trees.

    Notes
    -----
    O(nodes) per value.
    """
    split = table.is_split[:, np.newaxis, np.newaxis]
    weight = np.maximum(table.weight, LEAST_WEIGHT)[:, np.newaxis, np.newaxis]
    total = bottom_up_sum(table, np.where(split, 0.0, weight * table.value))
    mean = total / bottom_up_sum(table, np.where(split, 0.0, weight))
    return replace(table, value=np.where(split, mean, table.value))
