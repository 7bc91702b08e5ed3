"""Surgery for gradient boosting and AdaBoost, and the base of all surgeons of boosting."""

import copy
from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np
from sklearn.utils.validation import validate_data

from skprune.arrays.nodes import bottom_up_sum
from skprune.surgery._checks import require, require_finite, require_shape
from skprune.surgery._registry import registered_class
from skprune.surgery.trees import TreeSurgeon
from skprune.surgery.wrapped_trees import WrappedTreesSurgeon

OUT_OF_BAG_CURVES = ("oob_improvement_", "oob_scores_")
# Sums of weights that are searched for ties: those of half of 42 members, or of 26 with more
# than two classes.
MAX_SUMS = 2**21
# Weight of leaves that no sample of positive weight reached, so that their mean is defined.
MIN_WEIGHT = 1e-200


class BoostingSurgeon(TreeSurgeon, ABC):
    """Base of the surgeons of gradient boosting: stages of one tree per raw score.

    The raw scores are ``raw_init(X)`` plus ``learning_rate`` times the values of the
    leaves; each tree adds to one column of them. Trees are numbered stage by stage.

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
    has_means = predicts_by_mean = False
    # Whether raw scores start from more than zero, before the first stage.
    has_start = True
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
    def loss(self):
        """Name of the loss that the stages minimise."""
        return self.model.loss

    @property
    def loss_level(self):
        """Level of the quantile that is predicted, for the quantile loss."""
        return self.model.alpha if hasattr(self.model, "alpha") else self.model.quantile

    @property
    def loss_delta(self):
        """Residual from which on the Huber loss is linear; None for a quantile, ``alpha``."""

    @property
    def tree_column(self):
        """Which raw score each tree adds to; ndarray of int, shape (n_trees,)."""
        return np.arange(self.table.n_trees) % self.n_values_per_stage

    @abstractmethod
    def raw_init(self, X):
        """Return the raw scores before the first stage; shape (n_samples, n_values_per_stage)."""

    @property
    def predicts_by_sum(self):
        """Whether the model predicts from sums of leaves; unknown, so False, for subclasses."""
        kind = type(self.model)
        return kind.__module__.startswith("sklearn.") and registered_class(self.model) is kind

    @property
    def has_constant_start(self):
        """Whether `raw_init` is the same for all samples; unknown, so False, for subclasses."""
        init = getattr(self.model, "init", None)
        is_original = registered_class(self.model) is type(self.model)
        return is_original and (init is None or init == "zero")

    def with_raw_scores(self, raw):
        """Return a copy of the model that predicts from given raw scores.

        Parameters
        ----------
        raw : ndarray of shape (n_samples, n_values_per_stage)
            Raw scores.

        Returns
        -------
        estimator
            A shallow copy of the model, for these samples only.
        """
        twin = copy.copy(self.model)
        twin._raw_predict = lambda *_, **__: raw
        return twin

    def mergeable(self, first):
        """Return the tree that can replace each one; none in classifiers, whose sums may tie."""
        return np.arange(len(first)) if self.is_classifier else first

    def _merged_weight(self, copies):
        return copies

    def _arrange(self, keep_tree):
        stages = compact_stages(keep_tree.reshape(-1, self.n_values_per_stage))
        return (stages * self.n_values_per_stage + np.arange(stages.shape[1])).ravel()

    def _first_stages(self, trees, *, whole):
        """Return the number of stages if they are the first ones, unchanged; else None."""
        if whole and np.array_equal(trees, np.arange(len(trees))):
            return len(trees) // self.n_values_per_stage
        return None


class GradientBoostingSurgeon(BoostingSurgeon):
    """Reads and cuts gradient boosting.

    The value that a split stores is the mean before the leaves were fitted to the loss, and not
    a prediction. In `table` it is the weighted mean of the leaves below instead.
    """

    takes_missing = False

    def _members(self):
        return list(self.model.estimators_.ravel())

    def _read_trees(self):
        """Check what the compiled loop over stages trusts, before it runs for the first time."""
        model, width = self.model, self.n_values_per_stage
        require_shape(model, "estimators_", model.estimators_, (-1, width))
        n_classes = len(model.classes_) if self.is_classifier else 1
        wanted = n_classes if n_classes > 2 else 1
        require(width == wanted, model, f"its stages have {width} trees", f"give {wanted}")
        trees = super()._read_trees()
        for tree in trees:
            require_shape(model, "the values of a tree", tree.value, (-1, 1, 1))
        # It adds to a column of these scores for each tree of a stage.
        start = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))
        require_shape(model, "the scores before the first stage", start, (1, width))
        return trees

    def _read(self):
        return with_leaf_means(super()._read())

    def apply(self, X):
        """Find the leaf of each sample in each tree; shape (n_trees, n_samples)."""
        leaf = self.model.apply(self._validated(X))
        leaf = leaf.reshape(len(leaf), -1).T.astype(np.intp)
        return leaf + self.table.roots[:, np.newaxis]

    def raw_init(self, X):
        """Return the raw scores before the first stage; see `BoostingSurgeon.raw_init`."""
        return self.model._raw_predict_init(self._validated(X))

    def _validated(self, X):
        """Return samples in the form that the trees take, without feature names."""
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
            # A warm start continues the curve of the training loss; NaN where it is unknown.
            model.train_score_ = np.full(len(model.estimators_), np.nan)
            for name in [*curves, *(["oob_score_"] if curves else [])]:
                delattr(model, name)
            return
        for name in ["train_score_", *curves]:
            setattr(model, name, getattr(model, name)[:first].copy())
        if curves:
            model.oob_score_ = model.oob_scores_[-1]


class AdaBoostSurgeon(WrappedTreesSurgeon):
    """Reads and cuts AdaBoost of trees: weighted votes, or a weighted median."""

    is_boosting = True
    has_means = predicts_by_mean = takes_missing = False

    def _members(self):
        members, weights = super()._members(), self.model.estimator_weights_
        given = f"it has {len(weights)} estimator_weights_ for {len(members)} members"
        require(len(weights) >= len(members), self.model, given, "give one for each member")
        require_finite(self.model, estimator_weights_=weights)
        given = "it has weights of members that it does not have"
        require(not np.any(weights[len(members) :]), self.model, given, "give zeros there")
        return members

    def apply(self, X):
        """Find the leaf of each sample in each tree; shape (n_trees, n_samples)."""
        X = self._single_precision(X)
        leaf = np.stack([member.apply(X) for member in self.model.estimators_])
        return leaf + self.table.roots[:, np.newaxis]

    @property
    def contributions(self):
        """What each node, as a leaf, adds to predictions: for classifiers a hard vote."""
        value = self.table.value
        if not self.is_classifier:
            return value
        return np.eye(value.shape[2])[value.argmax(axis=2)]

    def mergeable(self, first):
        """Return the tree that can replace each one.

        For classifiers all equal trees or none: where votes can be tied, sums that are rounded
        differently would break ties differently. For regressors none: the last bit of a sum of
        weights may move the weighted median to the prediction of another tree.
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
        """Build the plain model without splits and trees that no prediction depends on."""
        model = super().merge(keep_split, only_child, value, first)
        if len(np.unique(first)) < len(first):
            model.estimator_weights_ = self._merged_weights(first)
        return model

    def _set_members(self, shell, trees):
        model = self.model
        shell.estimators_ = [model.estimators_[t] for t in trees]
        shell.n_estimators = len(trees)
        # Where boosting stopped early there are more weights than members.
        shell.estimator_weights_ = model.estimator_weights_[trees]
        shell.estimator_errors_ = model.estimator_errors_[trees]


def compact_stages(keep):
    """Move the trees of each column to the first stages.

    Parameters
    ----------
    keep : ndarray of bool, shape (n_stages, n_columns)
        Trees to keep. The trees of a column are summed, so that their stage does not matter.

    Returns
    -------
    ndarray of int, shape (n_remaining_stages, n_columns)
        The former stage of each tree; where a column has fewer trees than another, trees that
        are not kept are the placeholders.
    """
    n_left = max(1, keep.sum(axis=0).max())
    return np.argsort(~keep, axis=0, kind="stable")[:n_left]


def never_tied(weights, signs):
    """Return whether no choice of signs makes a sum of weights zero, up to rounding.

    Parameters
    ----------
    weights : ndarray of shape (n_weights,)
        Weights of votes.
    signs : tuple of int
        Effects of a vote on the lead of one class over another: -1 and 1, and 0 if there are
        other classes. The sum of zeros alone is not counted.

    Returns
    -------
    bool
        False also if there are too many sums to search.

    Notes
    -----
    Each sum of one half of the weights is searched for among those of the other half:
    O(k log k) for ``k = len(signs) ** (n_weights / 2)``, at most `MAX_SUMS`.
    """
    half = len(weights) // 2
    if len(signs) ** (len(weights) - half) > MAX_SUMS:
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


def with_leaf_means(table):
    """Return a table in which the value of a split is the weighted mean of the leaves below it.

    Parameters
    ----------
    table : NodeTable
        Trees of which only the leaves store predictions.

    Returns
    -------
    NodeTable
        The same trees.

    Notes
    -----
    O(nodes) per value.
    """
    split = table.is_split[:, np.newaxis, np.newaxis]
    weight = np.maximum(table.weight, MIN_WEIGHT)[:, np.newaxis, np.newaxis]
    total = bottom_up_sum(table, np.where(split, 0.0, weight * table.value))
    mean = total / bottom_up_sum(table, np.where(split, 0.0, weight))
    return replace(table, value=np.where(split, mean, table.value))
