"""Permutation importance on held-out data: features that a model does without."""

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_random_state
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length, validate_data

from skprune._compat import HasMethods, Interval, StrOptions, fit_takes_weights, rows_of
from skprune.arrays.annotations import Groups, MatrixLike, Seed
from skprune.base._delegation import tags_of
from skprune.base._folds import request_groups, splits_of
from skprune.base._frames import (
    has_missing,
    is_frame,
    non_numeric_columns,
    read_numbers,
    refuse_non_finite,
    refuse_other_tables,
)
from skprune.base._frozen import check_frozen
from skprune.base._rows import folds_that_weigh
from skprune.criteria.association import correlation_tile, describe, ranks
from skprune.criteria.clusters import cluster_columns
from skprune.feature_selection._columns import Columns, refuse_text
from skprune.feature_selection._permutation_importance import permutation_importances
from skprune.feature_selection._ranking import BaseRankingPruner


class PermutationPruner(BaseRankingPruner):
    """Remove features of low permutation importance on held-out data.

    A clone of the estimator is fitted on the training samples of each fold. In the held-out
    samples the values of a feature are shuffled; the importance of the feature is how much the
    score of the model drops, averaged over folds and repeats. Redundant features mask each
    other, as the model still has the information of one in the other. They can be shuffled
    together, as a group.

    Parameters
    ----------
    estimator : estimator
        A model, or a pipeline that ends in one; never changed. It is given `X` as it is, so
        that a pipeline may encode text.
    scoring : str or callable, default=None
        As in `sklearn.metrics.check_scoring`; None is the `score` of the estimator.
    cv : int, splitter or iterable, default=5
        Folds, as in `sklearn.model_selection.check_cv`. A splitter that needs groups takes those
        of `fit`.
    n_repeats : int, default=5
        Number of times that each feature is shuffled in each fold.
    keep : int or float, default=None
        Number (int) or fraction (float in (0, 1]) of features to keep. If neither `keep` nor
        `threshold` is given, half of them are kept.
    threshold : float, default=None
        Features with an importance above it are kept, in the unit of `scoring`. With 0 those are
        kept whose shuffling lowers the score on unseen data.
    groups : list of lists, dict of lists or float, default=None
        Features, by name or index, that are shuffled together, sample by sample, and kept or
        removed together. With a float in [0, 1), groups are clusters of features of which all
        pairs have an absolute rank correlation above it.
    always_keep : list of str or int, default=None
        Features that are kept at every level, with their groups.
    random_state : int, RandomState instance or None, default=None
        Draws the permutations. The estimator has its own.
    n_jobs : int, default=None
        Number of folds in parallel, as in joblib.

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Mask of the features that are kept.
    scores_ : ndarray of shape (`n_features_in_`,)
        Mean importances, in the unit of `scoring`; equal within a group.
    importances_ : ndarray of shape (`n_features_in_`, n_folds, `n_repeats`)
        Drop of the score in each fold and repeat.
    ranking_ : ndarray of int, shape (`n_features_in_`,)
        Ranks; the most important feature has rank 1.
    report_ : DataFrame
        A row per input feature: `feature`, `kept`, `score`, `reason`, `value`, `partner` (the
        first feature of its group), `rank`, `std` (standard deviation over folds and
        repeats) and `se` (standard error of the mean over folds; NaN if there is only one).
    path_ : RankedPath
        All levels of this fit; not pickled.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen during `fit`, if all are strings.

    Raises
    ------
    LevelError
        By `fit`, if `keep` or `threshold` cannot be met.
    InputError
        By `fit`, if `groups` or `always_keep` name features that do not exist, or the
        estimator refuses features of text.

    See Also
    --------
    sklearn.inspection.permutation_importance : The importances of one fitted model.
    CorrelationPruner : Removes one of two redundant features.
    RandomPruner : The baseline.

    Notes
    -----
    The values are those of `sklearn.inspection.permutation_importance` for the same
    permutations. In decision trees, forests, bagged trees and gradient boosting, samples are
    sent again only through the splits at which a permutation changes their path:
    O(n_samples * n_trees * depth * n_repeats) for all features together. Other models predict
    many permuted copies in one call, in blocks of 64 MB. Where `scoring` is a custom function
    of the model, copies are scored one by one. Predictions for a sample must not depend on the
    other samples.

    `sample_weight` is passed to the fit of the estimator (of a pipeline: of its last step) and
    to the scorer, if they take it. Groups by correlation hold numeric features only and are
    found in all samples, without the target. This takes a matrix of all pairs of features, and
    a dense copy of a sparse matrix.

    Folds share most of their training samples, so that `se` is slightly too small.

    References
    ----------
    L. Breiman, "Random forests", Machine Learning 45, 2001.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skprune import PermutationPruner
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> forest = RandomForestClassifier(20, random_state=0)
    >>> pruner = PermutationPruner(forest, cv=3, groups=0.9, keep=8, random_state=0)
    >>> pruner.fit_transform(X, y).shape
    (569, 8)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseRankingPruner._parameter_constraints,
        "estimator": [HasMethods(["fit"])],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "cv": ["cv_object"],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "groups": [list, tuple, dict, Interval(Real, 0, 1, closed="left"), None],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }
    _needs_target: ClassVar[bool] = True
    _min_rows: ClassVar[int] = 2
    _drops_rows: ClassVar[bool] = False

    def __init__(
        self,
        estimator: Any,
        *,
        scoring: Any = None,
        cv: Any = 5,
        n_repeats: int = 5,
        keep: float | None = None,
        threshold: float | None = None,
        groups: Groups | float | None = None,
        always_keep: ArrayLike | None = None,
        random_state: Seed | None = None,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(keep=keep, threshold=threshold, groups=groups, always_keep=always_keep)
        self.estimator = estimator
        self.scoring = scoring
        self.cv = cv
        self.n_repeats = n_repeats
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Find the features to keep.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights, for the fit of the estimator and the scorer, if they take them.
        groups : array-like of shape (n_samples,), default=None
            Groups of the samples, for a splitter as `cv`. Groups of features are a parameter of
            the pruner.

        Returns
        -------
        self : object
            The fitted pruner.

        Raises
        ------
        LevelError
            If `keep` or `threshold` is malformed or cannot be met.
        InputError
            If features do not exist or hold values that the estimator does not support, or the
            folds are none, or need groups.
        """
        self._sample_groups = groups
        try:
            return super().fit(X, y, sample_weight)
        finally:
            del self._sample_groups

    def get_metadata_routing(self) -> MetadataRequest:
        """Return the metadata request.

        Returns
        -------
        MetadataRequest
            `fit` requests groups where `cv` needs them.
        """
        return request_groups(super().get_metadata_routing(), self.cv)

    def _validate_table(self, X, y, **checks):
        """Return the table as it is: the estimator itself refuses what it cannot read."""
        refuse_other_tables(X)
        if not is_frame(X):
            how: dict[str, Any] = {
                "accept_sparse": "csr",
                "dtype": None,
                "ensure_all_finite": False,
            }
            how |= {"ensure_min_samples": self._min_rows, "estimator": self, **checks}
            X = check_array(X, **how)
        validate_data(self, X, y, skip_check_array=True)
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        check_consistent_length(X, y)
        refuse_non_finite(X, missing=True)
        self._met_missing = has_missing(X)
        nominal = np.zeros(X.shape[1], dtype=bool)
        nominal[non_numeric_columns(X)] = True
        return Columns(X, nominal), y

    def _passes_missing(self):
        """Return whether fit met missing values, or a part of the estimator reads them."""
        parts = [self.estimator, *self.estimator.get_params().values()]
        models = [p for p in parts if hasattr(p, "__sklearn_tags__") and not isinstance(p, type)]
        return self._met_missing or any(tags_of(m).input_tags.allow_nan for m in models)

    def _groups_in(self, table):
        if not isinstance(self.groups, Real):
            return self.groups
        numeric = np.flatnonzero(~table.nominal)
        strength = _rank_correlations(read_numbers(table.X, numeric))
        cluster = cluster_columns(strength, self.groups)
        return [numeric[cluster == label] for label in range(cluster.max(initial=-1) + 1)]

    def _score_columns(self, table, y, sample_weight):
        check_frozen(self.estimator)
        weights = [] if sample_weight is None else [sample_weight]
        stratified = is_classifier(self.estimator)
        groups = self._sample_groups
        splits = splits_of(self.cv, table.X, y, classifier=stratified, groups=groups)
        splits = folds_that_weigh(splits, weights, weights, cv=self.cv, stacklevel=6)
        rng = check_random_state(self.random_state)
        seeds = rng.randint(np.iinfo(np.int32).max, size=len(splits))
        job = delayed(_importances_of_fold)
        try:
            # `fit` turned off the validation of parameters, which the estimator needs.
            with config_context(skip_parameter_validation=False):
                found = Parallel(n_jobs=self.n_jobs)(
                    job(self, table.X, y, sample_weight, split, int(seed), self._units)
                    for split, seed in zip(splits, seeds, strict=True)
                )
        except (ValueError, TypeError) as error:
            name = type(self.estimator).__name__
            what = f"{name} raised {str(error)!r} on this table. It may need numbers"
            refuse_text(table.X, np.flatnonzero(table.nominal).tolist(), what)
            raise
        self.importances_ = np.stack(found, axis=1)[self._units]
        return self.importances_.mean(axis=(1, 2))

    def _make_report(self):
        report = super()._make_report()
        n_folds = self.importances_.shape[1]
        report["std"] = self.importances_.std(axis=(1, 2))
        spread = self.importances_.mean(axis=2).std(axis=1) if n_folds > 1 else np.nan
        report["se"] = spread / np.sqrt(max(n_folds - 1, 1))
        return report

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = tags_of(self.estimator).input_tags
        for name in ("allow_nan", "categorical", "string", "sparse"):
            setattr(tags.input_tags, name, getattr(inner, name))
        return tags


def _importances_of_fold(pruner, X, y, sample_weight, split, seed, units):
    """Fit the estimator and permute held-out samples; shape (n_units, n_repeats)."""
    train, test = split
    model = clone(pruner.estimator)
    params = _fit_weights(model, rows_of(sample_weight, train))
    model.fit(rows_of(X, train), y[train], **params)
    return permutation_importances(
        model,
        rows_of(X, test),
        y[test],
        check_scoring(model, pruner.scoring),
        n_repeats=pruner.n_repeats,
        seed=seed,
        units=units,
        sample_weight=rows_of(sample_weight, test),
    )


def _fit_weights(estimator, weight):
    """Return the sample weights as a parameter of `fit`; nothing if it takes none."""
    name, last = "sample_weight", estimator
    if isinstance(estimator, Pipeline):
        step, last = estimator.steps[-1]
        name = f"{step}__{name}"
    return {name: weight} if weight is not None and fit_takes_weights(last) else {}


def _rank_correlations(X):
    """Return Spearman's correlations of all pairs of features."""
    table, every = describe(ranks(X)), np.arange(X.shape[1])
    return correlation_tile(table, table, every, every)
