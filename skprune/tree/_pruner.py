"""Tree pruner: removes splits, in one tree or in every tree of an ensemble."""

import warnings
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils import check_random_state, indexable

from skprune._compat import Interval, StrOptions, rows_of
from skprune.arrays.annotations import Seed
from skprune.base import VALIDATION, BaseModelPruner
from skprune.base._frames import is_sparse
from skprune.criteria.weakest_link import (
    pessimistic_risk,
    random_scores,
    training_risk,
    weakest_link,
)
from skprune.exceptions import InputError, PruningWarning
from skprune.surgery import surgeon_for, surgeon_type
from skprune.tree._backfitting import backfit
from skprune.tree._backfitting_path import BackfitPath
from skprune.tree._lossless_path import LosslessPath
from skprune.tree._path import TreePath
from skprune.tree._scores import best_ridge, validation_risk

CRITERIA = frozenset(
    {"backfitting", "cost_complexity", "lossless", "pessimistic", "random", "reduced_error"}
)
# Criteria that evaluate the predictions of each tree by itself.
JUDGES_TREES_ALONE = frozenset({"reduced_error", "pessimistic"})
# Ridges of backfitting that a search without a grid tries.
SEARCHED_RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
# Criteria that set the leaf values.
SETS_VALUES = frozenset({"backfitting", "lossless"})


class TreePruner(BaseModelPruner):
    """Prune the splits of a decision tree or of every tree of an ensemble.

    The least important splits are collapsed into leaves, weakest first. The result in
    `estimator_` is a plain model, rebuilt without the removed nodes: of the same class, but
    for "backfitting" of classification forests (see Notes). All levels of pruning come from
    one fit: see `path_`.

    Parameters
    ----------
    estimator : estimator
        A `DecisionTree*`, `ExtraTree*`, `RandomForest*`, `ExtraTrees*`, a `Bagging*` or
        `AdaBoost*` of trees, a `GradientBoosting*` or a `HistGradientBoosting*`; with the extra
        `boosting` a classifier or regressor of XGBoost or LightGBM. It is cloned and fitted. To
        prune a fitted model, wrap it in a `sklearn.frozen.FrozenEstimator`; it is then copied and
        not modified.
    criterion : {"cost_complexity", "reduced_error", "pessimistic", "backfitting", "lossless", \
            "random"}, default="cost_complexity"
        Importance of a split, as a cost per leaf:

        - "cost_complexity": reduction of the training impurity [1]_; `threshold` is the
          ``ccp_alpha`` of scikit-learn; for `HistGradientBoosting*` the gain per training
          sample, for XGBoost and LightGBM the gain that they store;
        - "reduced_error": reduction of the error (squared error for regressors) on
          validation samples; ``threshold=0`` is reduced-error pruning [2]_;
        - "pessimistic": reduction of the upper confidence limit of the training error, for
          classifiers; ``threshold=0`` is the error-based pruning of C4.5 [3]_;
        - "backfitting": reduction of the loss when all remaining trees and all their leaf
          values are refitted jointly [4]_; for forests, bagging and gradient boosting; gives
          by far the smallest models; `threshold` is the cost per leaf as a share of the mean
          loss;
        - "lossless": removes only what does not change predictions: splits whose leaves all
          store the same value, branches that no sample can reach given the splits above, and
          duplicate trees, which become one. It determines the number of leaves itself and
          takes no `keep` or `threshold`;
        - "random": random scores, the baseline of all other criteria.
    keep : int or float, default=None
        Leaves to keep over the whole model: their maximum number (int) or fraction (float in
        (0, 1]). ``keep=1.0`` is the whole model. If `threshold` is None too, half of the
        leaves are kept.
    threshold : float, default=None
        Splits with a score above it are kept.
    recovery : {"shrinkage"} or None, default=None
        Adjustment of the leaf values after pruning. "shrinkage" (hierarchical shrinkage [5]_)
        shrinks them towards the values of their ancestors, more strongly if these hold few
        training samples, at every level except the whole model. Not for boosting; ignored by
        "backfitting" and "lossless", which set the leaf values themselves.
    ridge : float, default=None
        Strength of the shrinkage of leaf values, in samples. For "backfitting" the L2 penalty:
        each leaf is shrunk as if it held that many additional samples with target 0; None
        chooses one per level by `validation`. For ``recovery="shrinkage"`` the number of
        samples in a node at which the step to its children is halved; None chooses one for
        all levels by `validation`.
    validation : {"oob", "train"}, float or None, default=None
        Validation data of "reduced_error" and for the choice of `ridge`: the out-of-bag
        samples of each tree, the training samples, or a held-out fraction (the model is then
        fitted to the rest). None is "oob" if the model bootstraps, else 0.2. With a
        `FrozenEstimator` the samples given to `fit` are the validation data. For
        "backfitting" they are used to choose the ridges, and values are fitted to all
        samples. As no sample is out of bag for all trees, "oob" then fits a model of a quarter
        of the trees to 80 % of the samples and uses the remaining 20 % (twice, with other
        parts, if there are at most 3,000 samples).
    random_state : int, RandomState instance or None, default=None
        Draws the held-out samples, the order of trees in "backfitting" and the scores of
        "random". It is not passed on: set that of the inner model too.

    Attributes
    ----------
    estimator_ : estimator
        The pruned model, plain.
    path_ : PruningPath
        All levels of this fit. Not part of the pickle.
    scores_ : ndarray of shape (n_splits,)
        Importance of each split of the whole model as a cost per leaf, tree by tree in node
        order; at most that of the split's parent. For "backfitting" the largest threshold at
        which the split is kept, 0 for none; for "lossless" 1 for splits that are kept and 0
        for others.
    keep_mask_ : ndarray of bool, shape (n_splits,)
        Splits that are kept.
    report_ : DataFrame
        One row per tree of the whole model: number of leaves and depth, before and after (0
        leaves: the tree is removed).
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Impurity-based importances of the pruned model, where it has them.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    PruningSearchCV : Cross-validates all levels at the cost of one cross-validation.
    sklearn.tree.DecisionTreeClassifier.cost_complexity_pruning_path : The path of a
        single tree.

    Notes
    -----
    Fitting costs the fit of the inner model plus O(n_nodes log n_nodes * depth).

    "reduced_error" and "pessimistic" are not for boosting, where no tree predicts the target
    by itself. A collapsed split of a boosted tree predicts the weighted mean of its leaves.

    A common threshold removes about half of the nodes of a forest without loss, seldom more.
    "backfitting" goes further. It minimises the sum of losses plus a cost per leaf plus
    ``ridge / 2`` times the squared leaf values by block coordinate descent: one tree at a
    time, over all its pruned subtrees, exactly for the squared loss and by bounds of the
    curvature for others; each level starts from the next smaller one. Its levels are not
    nested: a split that is removed at one level may be present at a smaller one. Regression
    forests are fitted to the squared error and keep their class. Classification forests are
    fitted to the log-loss. For two classes they are returned as a plain
    `HistGradientBoostingClassifier`, which routes missing values as the forest does, or, if the
    samples are sparse, as a `GradientBoostingClassifier`, which takes no missing values even
    where the forest does: give dense samples if they can occur. For several classes they are
    returned as a plain `sklearn.pipeline.Pipeline` of a `RandomTreesEmbedding`, whose trees all
    classes share, and a `LogisticRegression`, whose coefficients are the log-odds of its
    leaves. Boosting is fitted to its own loss and keeps its class. Whole trees may be removed.
    O(n_samples * n_trees) time per level, once or twice, and
    ``12 * n_samples * n_trees`` bytes of memory.

    "lossless" preserves predicted classes exactly, and numbers up to rounding if trees are
    merged. Branches that only missing values can take are kept if the model supports missing
    values. Equal trees of forests and bagging become one object that stands several times in
    ``estimators_``. Those of `AdaBoostClassifier` are merged if its weights cannot tie, those
    of other boosted regressors always, except in `AdaBoostRegressor`, which predicts a median,
    and those of other boosted classifiers never. Members of
    `AdaBoostClassifier` cast hard votes: leaves that predict the same class count as equal,
    and the probabilities of a single member may change. Most is removed from models with
    rounded thresholds and values, or grown on features with few distinct values.

    Deploy `estimator_`. The pickle of the pruner contains the pruned model and its scores,
    and the whole model if that was given in a `FrozenEstimator`.

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
    .. [5] A. Agarwal, Y. Tan, O. Ronen, C. Singh, B. Yu, "Hierarchical shrinkage: improving
       the accuracy and interpretability of tree-based models", ICML 2022.

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

    _unit_name: ClassVar[str] = "leaves"
    _deciding: ClassVar[frozenset[str]] = frozenset({"lossless"})
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseModelPruner._parameter_constraints,
        "criterion": [StrOptions(CRITERIA)],
        "recovery": [StrOptions({"shrinkage"}), None],
        "ridge": [Interval(Real, 0, None, closed="neither"), None],
        "validation": VALIDATION,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        criterion: str = "cost_complexity",
        keep: float | None = None,
        threshold: float | None = None,
        recovery: str | None = None,
        ridge: float | None = None,
        validation: float | str | None = None,
        random_state: Seed | None = None,
    ) -> None:
        super().__init__(estimator, keep=keep, threshold=threshold)
        self.criterion = criterion
        self.recovery = recovery
        self.ridge = ridge
        self.validation = validation
        self.random_state = random_state

    def _check_model(self, model):
        kind = surgeon_type(model, family="tree")
        if self.criterion == "backfitting":
            _check_additive(model, kind)
        if self._shrinks and not kind.has_means:
            msg = (
                "recovery='shrinkage' moves values towards the means above them, but nodes of "
                f"{type(model).__name__} hold no means of the target. Leave recovery at None; "
                "criterion='backfitting' shrinks the leaves of gradient boosting."
            )
            raise InputError(msg)
        if self.criterion in JUDGES_TREES_ALONE and not kind.has_means:
            joint = "'backfitting', " if kind.is_additive else ""
            msg = (
                f"criterion={self.criterion!r} evaluates each tree by its own predictions, but a "
                f"tree of {type(model).__name__} corrects those before it. Allowed for it are "
                f"{joint}'cost_complexity', 'lossless' and 'random'."
            )
            raise InputError(msg)
        if self.criterion == "pessimistic" and not is_classifier(model):
            msg = (
                f"criterion='pessimistic' counts the errors of a classifier, but "
                f"{type(model).__name__} is none. Allowed for it are 'cost_complexity', "
                "'reduced_error', 'lossless' and 'random'."
            )
            raise InputError(msg)
        self._warn_of_unused_recovery()

    def _warn_of_unused_recovery(self):
        if self._shrinks:
            return
        idle = {"recovery": f"criterion={self.criterion!r} sets the leaf values itself"}
        if self.criterion != "backfitting":
            idle["ridge"] = "no leaf values are shrunk"
        self._warn_if_set(idle, stacklevel=6)

    @property
    def _shrinks(self):
        """Whether leaf values are shrunk after pruning."""
        return self.recovery == "shrinkage" and self.criterion not in SETS_VALUES

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.criterion == "backfitting" and tags.estimator_type == "classifier":
            tags.target_tags.multi_output = False
            tags.classifier_tags.multi_label = False
        return tags

    def _search_grid(self):
        # A search knows the metric, and the trees are grown once for all ridges.
        searched = self.criterion == "backfitting" and self.ridge is None
        return {"ridge": list(SEARCHED_RIDGES)} if searched else {}

    def _needs_rows(self):
        chooses_ridge = self._shrinks and self.ridge is None
        return chooses_ridge or self.criterion in {"reduced_error", "backfitting"}

    def _resolve_validation(self):
        if self.criterion == "backfitting" and self.ridge is not None:
            if self.validation is not None:
                reason = "the ridge is given and need not be chosen"
                self._warn_of_unused("validation", reason, stacklevel=6)
            return "train"
        return super()._resolve_validation()

    def _prune_model(self, model, rows):
        surgeon = surgeon_for(model)
        if self.criterion == "lossless":
            return LosslessPath(surgeon)
        if self.criterion == "backfitting":
            return self._backfit(surgeon, rows)
        whole = 0.0 if self.criterion == "cost_complexity" else -np.inf
        scale = {"whole": whole, "common_scale": self.criterion != "random"}
        scores = surgeon.spread(self._score(surgeon, rows))
        path = TreePath(surgeon, scores, **scale)
        if not self._shrinks:
            return path
        ridge = best_ridge(surgeon, path, rows) if self.ridge is None else self.ridge
        return TreePath(surgeon, scores, ridge=ridge, **scale)

    def _backfit(self, surgeon, rows):
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))

        def grow_on(samples, n_trees):
            """Fit the model to some of the samples, with so many trees."""
            weight, model = rows.sample_weight, clone(self.estimator)
            asked, known = (
                {"n_estimators": n_trees, "oob_score": False},
                model.get_params(deep=False),
            )
            model.set_params(**{name: asked[name] for name in asked if name in known})
            params = {} if weight is None else {"sample_weight": np.asarray(weight)[samples]}
            X, y = indexable(rows.X, rows.y)
            return model.fit(rows_of(X, samples), rows_of(y, samples), **params)

        found = backfit(
            surgeon, rows, ridge=self.ridge, seed=seed, grow_on=grow_on if rows.out_of_bag else None
        )
        parts = [part for part in (rows, rows.grown_on) if part is not None]
        sparse = any(is_sparse(part.X) for part in parts)
        return BackfitPath(surgeon, *found, missing=surgeon.takes_missing and not sparse)

    def _score(self, surgeon, rows):
        table = surgeon.table
        if self.criterion == "random":
            return random_scores(table, check_random_state(self.random_state))
        if self.criterion == "reduced_error":
            return weakest_link(table, validation_risk(surgeon, rows))
        if self.criterion == "pessimistic":
            return weakest_link(table, pessimistic_risk(table))
        scores = weakest_link(table, training_risk(table))
        # Splits never increase impurity, so scores of zero or slightly less are rounding errors.
        # As with ccp_alpha=0, a threshold of 0 keeps these splits.
        return np.where(table.is_split, scores.clip(np.finfo(float).tiny), scores)


def _check_additive(model, kind):
    """Refuse backfitting where there is nothing to fit jointly."""
    if not kind.is_additive:
        msg = (
            f"criterion='backfitting' fits trees jointly that add up, which those of "
            f"{type(model).__name__} do not. Allowed are forests, bagging, gradient boosting "
            "and histogram gradient boosting; else use criterion='cost_complexity'."
        )
        raise InputError(msg)
    constraints = kind.constraints(model)
    signs = list(constraints.values() if isinstance(constraints, dict) else constraints or [])
    if np.any(signs):
        warnings.warn(
            f"{type(model).__name__} has monotonic_cst={constraints!r}, which refitted leaf "
            "values do not satisfy. Use criterion='cost_complexity' to preserve them.",
            PruningWarning,
            stacklevel=5,
        )
