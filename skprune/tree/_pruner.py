"""Tree pruner: removes splits, in one tree or in every tree of an ensemble."""

import warnings
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils import check_random_state, indexable

from skprune._compat import Interval, StrOptions, rows_of
from skprune.base import VALIDATION, BaseModelPruner
from skprune.base._frames import has_missing
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

__all__ = ["TreePruner"]

CRITERIA = frozenset(
    {"backfitting", "cost_complexity", "lossless", "pessimistic", "random", "reduced_error"}
)
# Criteria whose risks are those of a tree that predicts the target by itself.
JUDGES_TREES_ALONE = frozenset({"reduced_error", "pessimistic"})
# Criteria that say themselves what the leaves hold.
SETS_VALUES = frozenset({"backfitting", "lossless"})


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
    criterion : {"cost_complexity", "reduced_error", "pessimistic", "backfitting", "lossless", \
            "random"}, default="cost_complexity"
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
        - "lossless": nothing, so that every prediction stays what it is: leaves that store
          the same are merged, branches that no row can reach given the splits above are
          dropped, and a tree that is there twice votes twice in place of its twin. It decides
          by itself how much goes, and takes no `keep` or `threshold`;
        - "random": the baseline that every other criterion is held against.
    keep : int or float, default=None
        Leaves that stay over the whole model: at most so many (int) or this fraction
        (float in (0, 1]). ``keep=1.0`` is the whole model. If `threshold` is None too,
        half of the leaves stay.
    threshold : float, default=None
        Splits with a score above it stay.
    recovery : {"shrinkage"} or None, default=None
        What becomes of the leaf values after a cut. "shrinkage" moves them towards the values
        of the nodes above, the more the fewer training rows these hold [5]_; at every level
        but the whole model. Not for boosting. "backfitting" and "lossless" have values of
        their own.
    ridge : float, default=None
        Strength of the shrinkage of leaf values, in rows. Of "backfitting": rows of value 0
        that each leaf is joined by; None chooses one per level by `validation`. Of
        ``recovery="shrinkage"``: rows in a node at which the step to its children is halved;
        None chooses one for all levels by `validation`.
    validation : {"oob", "train"}, float or None, default=None
        Rows that "reduced_error" looks at, and that choose `ridge`: those out of each tree's
        bootstrap sample, the training rows, or a fraction that is held out (the model is then
        grown on the rest). None is "oob" where the model bootstraps, else 0.2. With a
        `FrozenEstimator` the rows given to `fit` choose. Of "backfitting" they choose the
        ridges, and values are fitted to all rows. No row is out of the samples of all
        trees: "oob" there grows a quarter of the members once more, on 80 % of the rows (for
        up to five parts of few rows), and those out of this bag choose.
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
        threshold at which the split is in the model, 0 for none; of "lossless" 1 for splits
        that stay and 0 for others.
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

    "lossless" keeps predicted classes as they are, and numbers up to rounding where trees are
    merged. Branches that only missing values can take stay wherever the model takes missing
    values. Equal trees of classifiers are merged where ties of their votes stay ties: in
    forests with pure leaves, and in `AdaBoostClassifier` if its weights allow no tie. Those of
    regressors are, but for `AdaBoostRegressor`, a median. Members of `AdaBoostClassifier` cast
    hard votes: there leaves of one class are equal, and what a member says of its
    probabilities by itself may change. Thresholds and values that were rounded, or trees grown
    on few distinct values, leave most to be found.

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
        estimator,
        *,
        criterion="cost_complexity",
        keep=None,
        threshold=None,
        recovery=None,
        ridge=None,
        validation=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.criterion = criterion
        self.keep = keep
        self.threshold = threshold
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
                f"criterion={self.criterion!r} judges each tree by its own predictions, but a "
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
        """Whether leaf values are shrunk after a cut."""
        return self.recovery == "shrinkage" and self.criterion not in SETS_VALUES

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.criterion == "backfitting" and tags.estimator_type == "classifier":
            tags.target_tags.multi_output = False
            tags.classifier_tags.multi_label = False
        return tags

    def _needs_rows(self):
        chooses_ridge = self._shrinks and self.ridge is None
        return chooses_ridge or self.criterion in {"reduced_error", "backfitting"}

    def _resolve_validation(self):
        if self.criterion == "backfitting" and self.ridge is not None:
            if self.validation is not None:
                reason = "the ridge is given, and no rows have to choose it"
                self._warn_of_unused("validation", reason, stacklevel=6)
            return "train"
        return super()._resolve_validation()

    def _prune_model(self, model, rows):
        surgeon = surgeon_for(model)
        if self.criterion == "lossless":
            return LosslessPath(surgeon)
        if np.isnan(surgeon.table.weight).any():
            msg = (
                f"The splits of this {type(model).__name__} do not say how many rows they saw, as "
                "those that a Quantizer decoded. Prune it before it is quantised, or give "
                "criterion='lossless'."
            )
            raise InputError(msg)
        if self.criterion == "backfitting":
            return self._backfit(surgeon, rows)
        whole = 0.0 if self.criterion == "cost_complexity" else -np.inf
        scale = {"whole": whole, "common_scale": self.criterion != "random"}
        path = TreePath(surgeon, scores := self._score(surgeon, rows), **scale)
        if not self._shrinks:
            return path
        ridge = best_ridge(surgeon, path, rows) if self.ridge is None else self.ridge
        return TreePath(surgeon, scores, ridge=ridge, **scale)

    def _backfit(self, surgeon, rows):
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))

        def scout(grow):
            """Grow a quarter of the members on some of the rows."""
            n_members = max(10, self.estimator.n_estimators // 4)
            weight = rows.sample_weight
            params = {} if weight is None else {"sample_weight": np.asarray(weight)[grow]}
            small = clone(self.estimator).set_params(n_estimators=n_members)
            X, y = indexable(rows.X, rows.y)
            return small.fit(rows_of(X, grow), rows_of(y, grow), **params)

        found = backfit(
            surgeon, rows, ridge=self.ridge, seed=seed, scout=scout if rows.out_of_bag else None
        )
        parts = [part for part in (rows, rows.grown_on) if part is not None]
        return BackfitPath(surgeon, *found, missing=any(has_missing(part.X) for part in parts))

    def _score(self, surgeon, rows):
        table = surgeon.table
        if self.criterion == "random":
            return random_scores(table, check_random_state(self.random_state))
        if self.criterion == "reduced_error":
            return weakest_link(table, validation_risk(surgeon, rows))
        if self.criterion == "pessimistic":
            return weakest_link(table, pessimistic_risk(table))
        scores = weakest_link(table, training_risk(table))
        # Impurity never rises with a split: scores of zero or just below are rounding.
        # As with ccp_alpha=0, a threshold of 0 keeps them.
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
    constraints = getattr(model, "monotonic_cst", None)
    signs = list(constraints.values() if isinstance(constraints, dict) else constraints or [])
    if np.any(signs):
        warnings.warn(
            f"{type(model).__name__} has monotonic_cst={constraints!r}, which leaf values that "
            "are fitted anew do not keep. Use criterion='cost_complexity' to keep them.",
            PruningWarning,
            stacklevel=5,
        )
