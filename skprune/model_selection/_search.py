"""PruningSearchCV: a grid search in which the level of pruning costs almost nothing."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from itertools import product
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skprune._compat import (
    BaseSearchCV,
    Interval,
    MultimetricScorer,
    check_refit,
    choose_row,
    fit_context,
    has_callbacks,
    insert_error_scores,
    passes_through,
    report_fit_failures,
    route_fit_params,
    scorers_by_name,
    scorers_of,
    tabulate,
)
from skprune.arrays.annotations import MatrixLike
from skprune.base import PruningPath
from skprune.base._delegation import tags_of
from skprune.base._levels import geometric_levels
from skprune.base._model import INNER_TAGS
from skprune.base._pruner import all_or_nothing, without_earlier_fits
from skprune.exceptions import InputError, PruningWarning
from skprune.model_selection._candidates import PATH, combinations
from skprune.model_selection._folds import folds_of
from skprune.model_selection._groups import by_number, fit_group, groups_of, score_group
from skprune.model_selection._paired import UNKNOWN, over_folds
from skprune.model_selection._rows import WholeFit, list_rows
from skprune.model_selection._rules import BaseRule, OneStandardError, WithinBudget
from skprune.model_selection._score_levels import Scoring, check_any_score
from skprune.size import SIZES


class PruningSearchCV(BaseSearchCV):
    """Cross-validate the level of pruning, together with any other parameters.

    A `GridSearchCV` that gets all levels of pruning from one fit: in each fold, each combination
    of the *other* parameters is fitted once and scored at every level. On the same grid the
    results are those of `GridSearchCV`.

    Parameters
    ----------
    estimator : estimator
        A pruner, a `Pipeline` with a pruner in it (the levels are those of the last one), or a
        bare model or a pipeline that ends in one, which `make_pruner` wraps. Inside a pipeline,
        scikit-learn's `SelectKBest`, `SelectPercentile`, `SelectFromModel` and `RFE` count as
        pruners too: they are fitted once per fold, and only the steps after them once per
        level.
    param_grid : dict or list of dict, default=None
        As in `GridSearchCV`, with parameters of the pruner or of the pipeline. The value
        "path" for the pruner's `keep` (a selector's `k`, `percentile`, `max_features` or
        `n_features_to_select`, the `bits` of a `Quantizer`) is replaced by the levels of the
        path of each combination's fit to all samples. None means ``{"keep": "path"}``, which is
        also added to a grid that names no level, if the pruner has none of its own. Where a
        `TreePruner` by "backfitting" has no `ridge`, None also tries ridges from 1 to 300.
    scoring : str, callable, list, tuple or dict, default=None
        As in `GridSearchCV`.
    n_jobs : int, default=None
        Number of fits in parallel, as in `GridSearchCV`.
    refit : callable, bool or str, default=OneStandardError()
        Which level is refitted: a rule, True for the best, the name of a scorer for the
        best by that, False for none. The default is the smallest model whose score is
        within one standard error of the best.
    cv : int, cross-validation generator or iterable, default=None
        As in `GridSearchCV`.
    verbose : int, default=0
        Prints the number of fits if positive.
    pre_dispatch : int or str, default="2*n_jobs"
        As in `GridSearchCV`.
    error_score : "raise" or float, default=np.nan
        Score of a level that fails, as in `GridSearchCV`.
    return_train_score : bool, default=False
        Whether to score the training samples as well.
    max_levels : int, default=100
        Largest number of levels that "path" is replaced by, spread geometrically in units with
        both ends; a single tree whose metrics add up over samples is scored at all levels,
        which costs nothing.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        As in `GridSearchCV`, and `mean_units`, `mean_parameters` and `mean_bytes`, the mean
        sizes over the folds: units are what the levels of the pruner count (features for a
        pruner of features, whose parameters and bytes are those of the model behind it). Rows
        are identified by `params`. `mean_fit_time` is the time of the one fit that all levels
        of a combination share. It includes the model, and the steps before it, also where
        they were fitted only once for several combinations.
    best_estimator_ : estimator
        The pruner (or the pipeline) at the chosen level, fitted to all samples; the plain
        smaller model is its `estimator_`. Not with ``refit=False``.
    best_score_ : float
        Mean cross-validated score of the chosen level. It was used for the selection and is
        optimistic: estimate the performance on data seen neither in fitting nor in selection.
        Not where several metrics are scored and `refit` names none of them.
    best_params_ : dict
        Parameters of the chosen level.
    best_index_ : int
        Its row in `cv_results_`.
    scorer_ : callable or dict
        The scorer, or one per metric.
    n_splits_ : int
        Number of folds; those in which all weights are zero are left out, with a warning.
    refit_time_ : float
        Seconds for the fit to all samples.
    multimetric_ : bool
        Whether there are several metrics.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where they are all strings.

    See Also
    --------
    TreePruner : Prunes to a given level.
    OneStandardError : The default rule.
    NonInferior : A rule with a guarantee.
    PruningPathDisplay : Draws score against size.

    Notes
    -----
    Levels are carried to the folds as thresholds (midpoints between the levels of the path)
    where the criterion has a common scale, otherwise as fractions.

    Combinations that differ only in parameters of the pruner itself share the fit of the model
    inside it, and those whose steps before the pruner are equal share them. With
    ``random_state=None`` a shared model draws once.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import PruningSearchCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> search = PruningSearchCV(DecisionTreeClassifier(random_state=0)).fit(X, y)
    >>> search.best_estimator_.estimator_.get_n_leaves()
    np.int64(4)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseSearchCV._parameter_constraints,
        "param_grid": [dict, list, tuple, None],
        "max_levels": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Callable[..., Any] | str | bool = OneStandardError(),  # noqa: B008 - a rule holds no state
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str | None = "2*n_jobs",
        error_score: float | str = np.nan,
        return_train_score: bool = False,
        max_levels: int = 100,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_grid = param_grid
        self.max_levels = max_levels

    def __getstate__(self):
        state = without_earlier_fits(self, super().__getstate__())
        scorer = state.get("scorer_")
        if passes_through(scorer):  # it holds the estimator
            state["scorer_"] = type(scorer)(state["estimator"])
        return state

    def __sklearn_tags__(self):
        # Not those of BaseSearchCV, which reads the tags of the estimator and fails if it has none.
        tags, inner = super(BaseSearchCV, self).__sklearn_tags__(), tags_of(self.estimator)
        for name in (*INNER_TAGS, "array_api_support"):
            setattr(tags, name, deepcopy(getattr(inner, name)))
        return tags

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: ArrayLike | None = None, **params: Any) -> Self:
        """Score all levels of all combinations, choose one and refit it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target.
        **params : dict
            Parameters of the `fit` of the estimator, of the scorer and of the splitter
            (`groups`), as in `GridSearchCV`.

        Returns
        -------
        self : object
            The fitted search.
        """
        with all_or_nothing(self):
            if has_callbacks(self):
                message = "Callbacks are registered, but PruningSearchCV does not call them yet."
                warnings.warn(message, PruningWarning, stacklevel=3)
            scorer, refit_metric = scorers_of(self)
            self._check_rule(scorer)
            specs = self._specs(scorer)
            metric = getattr(self.refit, "metric", self.refit)
            metric = metric if isinstance(metric, str) and metric in specs else next(iter(specs))
            scoring = Scoring(specs, scorer, self.error_score, metric)
            X, y = indexable(X, y)
            routed = route_fit_params(self, X, params)
            splits = folds_of(self.cv, X, y, routed, classifier=is_classifier(self.estimator))
            self.n_splits_ = len(splits)
            for stale in ("best_estimator_", "refit_time_", "feature_names_in_", "best_score_"):
                self.__dict__.pop(stale, None)
            plan = combinations(self.estimator, self.param_grid)
            self._check_units(plan)
            with Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch) as parallel:
                whole = self._fit_whole(parallel, plan, scoring, X, y, routed.estimator.fit)
                rows = list_rows(plan, whole)
                if self.verbose > 0:
                    print(  # noqa: T201 - what verbose asks for
                        f"Fitting {len(splits)} folds for each of {len(plan)} combinations, "
                        f"totalling {len(splits) * len(plan)} fits, scored at {len(rows)} levels"
                    )
                out = self._score_rows(parallel, plan, rows, splits, scoring, X, y, routed)
            self._summarise(rows, out, refit_metric)
            if self.refit:
                row = rows[self.best_index_]
                fitted = whole.get(row.combination)
                self._refit(plan[row.combination], fitted, row, X, y, routed.estimator.fit)
            several = isinstance(scorer, MultimetricScorer)
            self.scorer_ = scoring.scorers if several else scorer
        return self

    def score(self, X: MatrixLike, y: ArrayLike | None = None, **params: Any) -> float:
        """Score the refitted model by the metric of the selection.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Test samples; use data seen neither in fitting nor in selection.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            True targets.
        **params : dict
            Parameters of the scorer, as in `GridSearchCV`.

        Returns
        -------
        float
            The score.
        """
        if not (getattr(self, "multimetric_", False) and callable(self.refit)):
            return super().score(X, y, **params)
        check_is_fitted(self)
        metric = getattr(self.refit, "metric", None)
        if metric is None:
            msg = (
                f"refit={self.refit!r} chose among several metrics, and names none of them for "
                "the score. Give a rule with a metric, or use scorer_ directly."
            )
            raise InputError(msg)
        data = (X,) if y is None else (X, y)
        if isinstance(self.scorer_, dict):
            return self.scorer_[metric](self.best_estimator_, *data, **params)
        return self.scorer_(self.best_estimator_, *data, **params)[metric]

    def _check_units(self, plan):
        """Refuse a rule that would compare a number of leaves with one of members."""
        counted = sorted({each.pruner._unit_name for each in plan})
        if len(counted) > 1 and getattr(self.refit, "size", None) == "units":
            msg = (
                f"The grid holds pruners that count {' and '.join(counted)}, which cannot be "
                f"compared. Give the rule another size: refit={type(self.refit).__name__}"
                '(size="bytes").'
            )
            raise InputError(msg)

    def _check_rule(self, scorer):
        """Refuse a rule that could not choose, before any work."""
        if isinstance(self.refit, type):
            msg = f"refit is the class {self.refit.__name__}; give an instance of it."
            raise InputError(msg)
        several = isinstance(scorer, MultimetricScorer) or callable(self.scoring)
        if (
            isinstance(self.refit, str)
            and not several
            and self.refit not in {"score", self.scoring}
        ):
            msg = (
                f"refit={self.refit!r} is neither a rule nor a metric of scoring={self.scoring!r}. "
                "Give an instance of a rule, such as OneStandardError(), or True for the best "
                "score."
            )
            raise InputError(msg)
        if isinstance(self.refit, BaseRule):
            named = isinstance(scorer, MultimetricScorer)
            metrics = list(scorers_by_name(scorer)) if named else ["score"]
            self.refit.check(None if callable(self.scoring) else metrics, SIZES)

    def _specs(self, scorer):
        """Return the scoring of each metric as it was written, for names to be known."""
        if not isinstance(scorer, MultimetricScorer):
            return {"score": self.scoring}
        if isinstance(self.scoring, dict):
            return self.scoring
        return {name: name for name in self.scoring}

    def _fit_whole(self, parallel, plan, scoring, X, y, fit_params):
        """Fit to all samples where the grid asks for the path; dict of int to WholeFit."""
        asked = {
            number: combination
            for number, combination in enumerate(plan)
            if any(PATH in named.values() for _, named in combination.entries)
        }
        groups = groups_of(asked, 1, self.n_jobs)
        done = parallel(
            delayed(fit_group)(
                [plan[number].unfitted() for number in group],
                X,
                y,
                fit_params,
                catch=self.error_score != "raise",
            )
            for group in groups
        )
        fits = by_number(groups, done)
        failed = [fit.seconds for fit in fits.values() if fit.fitted is None]
        if failed and len(failed) == len(plan):
            raise failed[0]  # no combination has levels
        return {
            number: WholeFit(fitted, seconds, fitted and self._levels(fitted, scoring, X, y))
            for number, (fitted, seconds) in fits.items()
        }

    def _levels(self, fitted, scoring, X, y):
        """Choose the rows of a path that are scored."""
        path = fitted.path
        if len(path) > self.max_levels and isinstance(path, PruningPath):
            transformed = fitted.transform(X)
            specs = scoring.specs.values()
            if all(path.free_scores(spec, transformed, y) is not None for spec in specs):
                return np.arange(len(path))
        return geometric_levels(path.units, self.max_levels)

    def _score_rows(self, parallel, plan, rows, splits, scoring, X, y, routed):
        """Score all rows on all folds; a list of dict, ordered by row."""
        mine: list[list[int]] = [[] for _ in plan]
        for at, row in enumerate(rows):
            mine[row.combination].append(at)
        groups = groups_of(dict(enumerate(plan)), len(splits), self.n_jobs)
        tasks = list(product(groups, range(len(splits))))
        done = parallel(
            delayed(score_group)(
                [plan[number].unfitted() for number in group],
                [[rows[at].level for at in mine[number]] for number in group],
                X,
                y,
                split=splits[fold],
                scoring=scoring,
                fit_params=routed.estimator.fit,
                score_params=routed.scorer.score,
                train_too=self.return_train_score,
            )
            for group, fold in tasks
        )
        out = np.empty((len(rows), len(splits)), dtype=object)
        for (group, fold), each in zip(tasks, done, strict=True):
            for number, results in zip(group, each, strict=True):
                out[mine[number], fold] = results
        return list(out.ravel())

    def _summarise(self, rows, out, refit_metric):
        """Set `cv_results_`, and what `refit` chooses from it."""
        report_fit_failures(out, self.error_score)
        if callable(self.scoring):
            insert_error_scores(out, self.error_score)
        if self.refit:
            check_any_score(out)
        results = tabulate(self, [row.params for row in rows], self.n_splits_, out)
        sizes = np.array([result["sizes"] for result in out], dtype=float)
        means = sizes.reshape(len(rows), self.n_splits_, len(SIZES)).mean(axis=1)
        results |= {f"mean_{size}": column for size, column in zip(SIZES, means.T, strict=True)}
        results["combination"] = np.array([row.combination for row in rows])
        increases = [result["increase"] for result in out]
        if any(increases):
            paired = np.array([found or UNKNOWN for found in increases])
            results |= over_folds(paired.reshape(len(rows), self.n_splits_, len(UNKNOWN)))
        first = out[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            check_refit(self, first)
            refit_metric = self.refit
        self.cv_results_ = results
        if not self.refit and self.multimetric_:
            return
        self.best_index_ = choose_row(self, refit_metric, results)
        self.best_params_ = results["params"][self.best_index_]
        # A rule knows its metric; of a plain callable only a single one can be meant.
        metric = refit_metric if isinstance(refit_metric, str) else "score"
        scores = results.get(f"mean_test_{getattr(self.refit, 'metric', metric)}")
        if scores is not None:
            self.best_score_ = scores[self.best_index_]

    def _refit(self, combination, whole, row, X, y, fit_params):
        """Set `best_estimator_`; the fit of the path is used again where there is one."""
        # From another process a path may come back without data that its levels need.
        if whole is None or whole.fitted is None or whole.fitted.path.lost_rows:
            own = [combination.unfitted()]
            fitted, seconds = fit_group(own, X, y, fit_params, catch=False)[0]
        else:
            fitted, seconds, _ = whole
        started = time.time()
        index = fitted.locate(row.level)
        self.best_estimator_ = fitted.at(index, row.level)
        self.refit_time_ = seconds + time.time() - started
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        if isinstance(self.refit, WithinBudget):
            self._warn_of_budget(fitted.path, index)

    def _warn_of_budget(self, path, index):
        """Warn if the refitted model is above the budget, unlike those of the folds."""
        if self.refit.size in SIZES:
            size = path.sizes[index][SIZES.index(self.refit.size)]
            if size > self.refit.budget:
                warnings.warn(
                    f"The refitted model has {size:g} {self.refit.size}, above "
                    f"budget={self.refit.budget:g}: the rule compares means over the folds, "
                    "which have fewer samples. Lower the budget, or cut a smaller level off "
                    "best_estimator_.path_.",
                    PruningWarning,
                    stacklevel=4,
                )
