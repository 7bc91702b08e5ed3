"""Tree pruner: removes splits, in one tree or in every tree of an ensemble."""

from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_consistent_length

from skprune._backfit_path import BackfitPath
from skprune._backfitting import backfit
from skprune._compat import Interval, StrOptions, check_sample_weight, rows_of
from skprune._rows import has_missing
from skprune._tree_path import TreePath
from skprune.base import BaseModelPruner
from skprune.criteria.complexity import (
    error_risk,
    pessimistic_risk,
    random_scores,
    squared_risk,
    training_risk,
    weakest_link,
)
from skprune.exceptions import InputError
from skprune.surgery import surgeon_for, surgeon_type
from skprune.surgery.boosting import BoostingSurgeon
from skprune.surgery.forests import ForestSurgeon

__all__ = ["TreePruner"]

CRITERIA = frozenset(
    {"backfitting", "cost_complexity", "pessimistic", "random", "reduced_error"}
)
# Criteria whose risks are those of a tree that predicts the target by itself.
JUDGES_TREES_ALONE = frozenset({"reduced_error", "pessimistic"})


class TreePruner(BaseModelPruner):
    """Prune the splits of a decision tree or of every tree of an ensemble.

    The splits that matter least are collapsed into leaves, weakest first. What comes back
    in `estimator_` is a plain model of the class that went in, rebuilt without the nodes
    that are gone. All levels of pruning come from one fit: see `path_`.

    Parameters
    ----------
    estimator : estimator
        A `DecisionTree*`, `ExtraTree*`, `RandomForest*`, `ExtraTrees*`, a `Bagging*` or
        `AdaBoost*` of trees, a `GradientBoosting*` or a `HistGradientBoosting*`. It is
        cloned and fitted; a model that is fitted already comes in a
        `sklearn.frozen.FrozenEstimator`, and is then copied, never changed.
    criterion : {"cost_complexity", "reduced_error", "pessimistic", "backfitting", "random"}, \
            default="cost_complexity"
        What a split is worth, as a price per leaf:

        - "cost_complexity": training impurity that it removes [1]_; `threshold` is the
          ``ccp_alpha`` of scikit-learn; for `HistGradientBoosting*` the gain per training
          row;
        - "reduced_error": errors (squared errors for regressors) that it removes on
          validation rows; ``threshold=0`` is reduced-error pruning [2]_;
        - "pessimistic": errors that it removes by the upper confidence limit of the
          training errors, for classifiers; ``threshold=0`` is the error-based pruning of
          C4.5 [3]_;
        - "backfitting": what it saves of the loss if all trees that are left, and the
          values of all their leaves, are fitted anew together [4]_; for forests, bagging
          and gradient boosting, far the smallest models; `threshold` is the price of a leaf
          as a share of the mean loss;
        - "random": the baseline that every other criterion is held against.
    keep : int or float, default=None
        Leaves that stay over the whole model: at most so many (int) or this fraction
        (float in (0, 1]). ``keep=1.0`` is the whole model. If `threshold` is None too,
        half of the leaves stay.
    threshold : float, default=None
        Splits with a score above it stay.
    ridge : float, default=None
        Shrinkage of the leaf values that "backfitting" fits: rows of value 0 that each leaf
        is joined by. None chooses one per level by `validation`.
    validation : {"oob", "train"}, float or None, default=None
        Rows that "reduced_error" looks at: those out of each tree's bootstrap sample,
        the training rows, or a fraction that is held out (the model is then grown on the
        rest). None is "oob" where the model bootstraps, else 0.2. With a
        `FrozenEstimator` the rows given to `fit` choose. Of "backfitting" they choose the
        ridges, and values are fitted to all rows. No row is out of the samples of all
        trees: "oob" there grows a third of the members once more, on 80 % of the rows, and
        those out of this bag choose.
    random_state : int, RandomState instance or None, default=None
        Draws the held-out rows, the order of trees in "backfitting" and the scores of
        "random". It is not passed on: set that of the inner model too.

    Attributes
    ----------
    estimator_ : estimator
        The pruned model, plain.
    path_ : PruningPath
        All levels of this fit. Not part of the pickle.
    scores_ : ndarray of shape (n_splits,)
        Price per leaf of each split of the whole model, tree by tree in the order of
        their nodes; never above that of the split's parent. Of "backfitting" the largest
        threshold at which the split is in the model, 0 for none.
    keep_mask_ : ndarray of bool, shape (n_splits,)
        Splits that stay.
    report_ : DataFrame
        A row per tree of the whole model: leaves and depth, before and after (0 leaves: it
        is gone; where each class has its own cut, leaves over all classes).
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Impurity-based importances of the pruned model, where it has them.
    n_features_in_ : int
        Number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where they are all strings.

    See Also
    --------
    PruningSearchCV : Cross-validates all levels for the price of one cross-validation.
    sklearn.tree.DecisionTreeClassifier.cost_complexity_pruning_path : The path of a
        single tree.

    Notes
    -----
    Fitting costs the fit of the inner model plus O(nodes log nodes * depth).

    "reduced_error" and "pessimistic" are not for boosting: none of its trees predicts the
    target by itself. A split of a boosted tree that is collapsed predicts the weighted
    mean of the leaves it had.

    One common threshold on a forest takes about half of its nodes for free, seldom more:
    "backfitting" is made for that. It minimises the sum of losses, a price per leaf and
    half a ridge per squared leaf value, one tree after the other over all their pruned
    subtrees, exactly for the squared loss and by bounds of the curvature for others; each
    level starts from the smaller one before it. Its levels are not nested: what one level
    has cut may be back in a larger one. Regression forests are fitted to the squared error
    and stay what they are; classification forests are fitted to the log-loss and come back
    as a plain `GradientBoostingClassifier` (a `HistGradientBoostingClassifier` where
    training rows have missing values), with one tree per class and stage; boosting is
    fitted to its own loss and stays what it is. Trees may vanish as a whole. O(rows * trees)
    per level, once or twice; rows * trees * 12 bytes of memory.

    Deploy `estimator_`. The pruner's own pickle holds the pruned model and its scores, and
    a model that came in a `FrozenEstimator` whole.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen, C. Stone, "Classification and Regression
       Trees", 1984.
    .. [2] J. R. Quinlan, "Simplifying decision trees", International Journal of
       Man-Machine Studies 27, 1987.
    .. [3] J. R. Quinlan, "C4.5: Programs for Machine Learning", 1993.
    .. [4] A. Buja, T. Hastie, R. Tibshirani, "Linear smoothers and additive models", Annals
       of Statistics 17, 1989 (backfitting); S. Ren, X. Cao, Y. Wei, J. Sun, "Global
       refinement of random forest", CVPR 2015 (joint leaf refit).

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import TreePruner
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> pruner = TreePruner(DecisionTreeClassifier(random_state=0), keep=5).fit(X, y)
    >>> pruner.estimator_
    DecisionTreeClassifier(random_state=0)
    >>> int(pruner.estimator_.get_n_leaves()), int(pruner.path_.units[0])
    (4, 22)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseModelPruner._parameter_constraints,
        "criterion": [StrOptions(CRITERIA)],
        "ridge": [Interval(Real, 0, None, closed="neither"), None],
        "validation": [
            StrOptions({"oob", "train"}),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        criterion="cost_complexity",
        keep=None,
        threshold=None,
        ridge=None,
        validation=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.criterion = criterion
        self.keep = keep
        self.threshold = threshold
        self.ridge = ridge
        self.validation = validation
        self.random_state = random_state

    def _check_model(self, model):
        kind = surgeon_type(model)
        if self.criterion == "backfitting":
            _check_additive(model, kind)
        if kind.is_boosting and self.criterion in JUDGES_TREES_ALONE:
            msg = (
                f"criterion={self.criterion!r} judges each tree by its own predictions, but a "
                f"tree of {type(model).__name__} corrects those before it. Allowed for it are "
                "'backfitting', 'cost_complexity' and 'random'."
            )
            raise InputError(msg)
        if self.criterion == "pessimistic" and not is_classifier(model):
            msg = (
                f"criterion='pessimistic' counts the errors of a classifier, but "
                f"{type(model).__name__} is none. Allowed for it are 'cost_complexity', "
                "'reduced_error' and 'random'."
            )
            raise InputError(msg)

    def _needs_rows(self):
        return self.criterion in {"reduced_error", "backfitting"}

    def _resolve_validation(self):
        if self.criterion == "backfitting" and self.ridge is not None:
            return "train"  # all rows are fitted to, none has to choose
        return super()._resolve_validation()

    def _prune_model(self, model, rows):
        surgeon = surgeon_for(model)
        if self.criterion == "backfitting":
            return self._backfit(surgeon, rows)
        if self.criterion == "random":
            rng = check_random_state(self.random_state)
            scores = random_scores(surgeon.table, rng)
            return TreePath(surgeon, scores, common_scale=False)
        scores = weakest_link(surgeon.table, self._risk(surgeon, rows))
        if self.criterion != "cost_complexity":
            return TreePath(surgeon, scores)
        # Impurity never rises with a split: scores of zero or just below are rounding.
        # As with ccp_alpha=0, a threshold of 0 keeps them.
        scores = np.where(surgeon.table.is_split, scores.clip(np.finfo(float).tiny), scores)
        return TreePath(surgeon, scores, whole=0.0)

    def _backfit(self, surgeon, rows):
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))

        def scout(grow):
            """Grow a third of the members on some of the rows."""
            n_members = max(10, self.estimator.n_estimators // 3)
            weight = rows.sample_weight
            params = {} if weight is None else {"sample_weight": np.asarray(weight)[grow]}
            small = clone(self.estimator).set_params(n_estimators=n_members)
            return small.fit(rows_of(rows.X, grow), rows_of(rows.y, grow), **params)

        found = backfit(
            surgeon, rows, ridge=self.ridge, seed=seed, scout=scout if rows.out_of_bag else None
        )
        parts = [part for part in (rows, rows.grown_on) if part is not None]
        return BackfitPath(surgeon, *found, missing=any(has_missing(part.X) for part in parts))

    def _risk(self, surgeon, rows):
        if self.criterion == "cost_complexity":
            return training_risk(surgeon.table)
        if self.criterion == "reduced_error":
            return _validation_risk(surgeon, rows)
        return pessimistic_risk(surgeon.table)

    def _make_report(self, path, index):
        leaves, depth = path.count_by_tree(0)
        leaves_left, depth_left = path.count_by_tree(index)
        return pd.DataFrame(
            {
                "leaves_before": leaves,
                "leaves": leaves_left,
                "depth_before": depth,
                "depth": depth_left,
            }
        ).rename_axis("tree")


def _check_additive(model, kind):
    """Refuse backfitting where there is nothing to fit jointly."""
    if not issubclass(kind, ForestSurgeon | BoostingSurgeon):
        msg = (
            f"criterion='backfitting' fits trees jointly that add up, which those of "
            f"{type(model).__name__} do not. Allowed are forests, bagging, gradient boosting "
            "and histogram gradient boosting; else use criterion='cost_complexity'."
        )
        raise InputError(msg)


def _validation_risk(surgeon, rows):
    """Return the risk of each node over the rows that choose."""
    y = _targets(surgeon, rows)
    leaf = surgeon.apply(rows.X)
    weight = check_sample_weight(rows.sample_weight, leaf[0], dtype=float)
    tree, row = np.nonzero(_may_look(surgeon, leaf.shape, out_of_bag=rows.out_of_bag))
    if weight[row].sum() <= 0:
        msg = (
            f"No row of n_samples={len(y)} is left to choose by: every tree was grown on "
            "all rows of positive weight. Give validation='train' or a fraction of the rows."
        )
        raise InputError(msg)
    risk = error_risk if surgeon.is_classifier else squared_risk
    return risk(surgeon.table, leaf[tree, row], y[row], weight[row])


def _targets(surgeon, rows):
    """Return the targets, or the codes of the labels, that nodes are judged by.

    Returns
    -------
    ndarray of shape (n_rows, n_outputs)
        Numbers; for a classifier indices of its classes, -1 where it does not know one.
    """
    if rows.y is None:
        msg = "criterion='reduced_error' was given, but fit got no y. Give fit the targets."
        raise InputError(msg)
    y = np.asarray(rows.y)
    check_consistent_length(rows.X, y)
    y = y.reshape(len(y), -1)
    if y.shape[1] != surgeon.n_outputs:
        msg = (
            f"y has {y.shape[1]} outputs, but the model has {surgeon.n_outputs}. Give the "
            "targets that the model was made for."
        )
        raise InputError(msg)
    if not surgeon.is_classifier:
        return check_array(y, dtype=float, input_name="y")
    codes = surgeon.encode(y)
    if (codes < 0).all():
        msg = (
            f"No label of y is known to the model: given were {np.unique(y)[:5]}, known are "
            f"{surgeon.model.classes_}. Give the labels that the model was made for."
        )
        raise InputError(msg)
    return codes


def _may_look(surgeon, shape, *, out_of_bag):
    """Return which rows may judge which tree; ndarray of bool, shape (n_trees, n_rows)."""
    looks = np.ones(shape, dtype=bool)
    if out_of_bag:
        for tree, seen in enumerate(surgeon.in_bag()):
            looks[tree, seen] = False
    return looks
