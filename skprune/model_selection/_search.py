"""PruningSearchCV: a grid search in which the level of pruning costs almost nothing."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_classifier
from sklearn.utils import indexable
from sklearn.utils.parallel import Parallel
from sklearn.utils.validation import check_is_fitted

from skprune._compat import (
    BaseSearchCV,
    Interval,
    MultimetricScorer,
    begin_task,
    check_refit,
    choose_row,
    end_task,
    fit_context,
    insert_error_scores,
    open_callbacks,
    passes_through,
    report_fit_failures,
    route_fit_params,
    scorers_of,
    tabulate,
    with_callbacks,
)
from skprune.arrays.annotations import MatrixLike
from skprune.base._delegation import tags_of
from skprune.base._model import INNER_TAGS
from skprune.base._pruner import all_or_nothing, without_earlier_fits
from skprune.exceptions import InputError, PruningWarning
from skprune.model_selection._budget import WithinBudget
from skprune.model_selection._candidates import combinations
from skprune.model_selection._cv_results import CVResults, extend_columns
from skprune.model_selection._folds import folds_of
from skprune.model_selection._latency import Latencies
from skprune.model_selection._named_rules import check_rule, check_units, rule_of
from skprune.model_selection._progress import Progress
from skprune.model_selection._rows import list_rows
from skprune.model_selection._rules import OneStandardError
from skprune.model_selection._run import Run
from skprune.model_selection._score_levels import Scoring, check_any_score
from skprune.size import SIZES

# Attributes of an earlier fit that this one may not set.
STALE = ("best_estimator_", "refit_time_", "feature_names_in_", "best_score_", "pareto_front_")


class PruningSearchCV(BaseSearchCV):
    """Cross-validate the level of pruning, together with any other parameters.

    A `GridSearchCV` that gets all levels of pruning from one fit: in each fold, each combination
    of the *other* parameters is fitted once and scored at every level. On the same grid the
    results are those of `GridSearchCV`.

    Parameters
    ----------
    estimator : estimator
        A pruner, a `Pipeline` with a pruner in it (the levels are those of the last one), or a
        bare model or a pipeline that ends in one, which `make_pruner` wraps. Pipelines may be
        nested, and other estimators may be around the pruner; see Notes. Inside a pipeline,
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
        Which level is refitted: a rule, its name ("one_standard_error", "within_tolerance" or
        "non_inferior", with its defaults), True for the best, the name of a scorer for the best
        by that, False for none. The default is the smallest model whose score is within one
        standard error of the best.
    cv : int, cross-validation generator or iterable, default=None
        As in `GridSearchCV`.
    verbose : int, default=0
        If positive, prints the number of fits, and a line for each that is done, with the time
        that has passed and the time that is left.
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
        are identified by `params`; `unit` is what each counts, such as "leaves", `family` the
        classes of its model and of what is around that, such as "Ridge/LinearPruner".
        `mean_fit_time` is the time of the one fit that all levels
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
    pareto_front_ : ndarray of int
        Rows of `cv_results_` that no smaller model reaches by score, the smallest first; by the
        size of the rule, else in units, or in bytes where the rows count different units. Not
        where several metrics are scored and `refit` names none of them.
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
    make_search : Makes a search over several models.
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
    @with_callbacks
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
        context = open_callbacks(self, max_subtasks=2)
        begin_task(context, self)
        with all_or_nothing(self):
            rule = rule_of(self.refit)
            scorer, refit_metric = scorers_of(self, rule)
            check_rule(rule, self.scoring, scorer, [*SIZES, "latency"])
            scoring = self._scoring(rule, scorer)
            X, y = indexable(X, y)
            routed = route_fit_params(self, X, params)
            splits = folds_of(self.cv, X, y, routed, classifier=is_classifier(self.estimator))
            self.n_splits_ = len(splits)
            for stale in STALE:
                self.__dict__.pop(stale, None)
            plan = combinations(self.estimator, self.param_grid)
            check_units(rule, plan)
            progress = Progress(self, context)
            # Results come one after the other only where somebody watches them come.
            how = "generator" if progress.is_watched else "list"
            with Parallel(self.n_jobs, pre_dispatch=self.pre_dispatch, return_as=how) as parallel:
                run = Run(self, plan, scoring, X, y, routed, splits, parallel, progress)
                run.announce()
                whole = run.fit_whole()
                rows = list_rows(plan, whole)
                out = run.score_rows(rows)
            latencies = None
            if "latency" in getattr(rule, "sizes_asked", list)():
                latencies = Latencies(run, whole, rows, rule)
            self._summarise(run, rows, out, refit_metric, rule, latencies)
            if rule:
                self._refit(run, whole, rows[self.best_index_], rule)
            several = isinstance(scorer, MultimetricScorer)
            self.scorer_ = scoring.scorers if several else scorer
        end_task(context, self)
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
        rule = rule_of(self.refit)
        if not (getattr(self, "multimetric_", False) and callable(rule)):
            return super().score(X, y, **params)
        check_is_fitted(self)
        metric = getattr(rule, "metric", None)
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

    def _scoring(self, rule, scorer):
        """Return how levels are scored, with the names of the metrics as they were written."""
        if not isinstance(scorer, MultimetricScorer):
            specs = {"score": self.scoring}
        elif isinstance(self.scoring, dict):
            specs = self.scoring
        else:
            specs = {name: name for name in self.scoring}
        metric = getattr(rule, "metric", rule)
        metric = metric if isinstance(metric, str) and metric in specs else next(iter(specs))
        return Scoring(specs, scorer, self.error_score, metric)

    def _summarise(self, run, rows, out, refit_metric, rule, latencies):
        """Set `cv_results_`, and what `refit` chooses from it."""
        report_fit_failures(out, self.error_score)
        if callable(self.scoring):
            insert_error_scores(out, self.error_score)
        if rule:
            check_any_score(out)
        results = tabulate(self, [row.params for row in rows], self.n_splits_, out)
        extend_columns(results, rows, run.plan, out)
        first = out[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            check_refit(self, rule, first)
            refit_metric = rule
        if latencies is not None:
            results |= latencies.measure(rule.rows_to_time(results))
        self.cv_results_ = results
        # A rule knows its metric; of a plain callable only a single one can be meant.
        metric = refit_metric if isinstance(refit_metric, str) else "score"
        metric = getattr(rule, "metric", metric)
        scores = results.get(f"mean_test_{metric}")
        if scores is not None:
            table = CVResults(results)
            size = table.size_name(getattr(rule, "size", None))
            self.pareto_front_ = table.front(metric, size)
        if not rule and self.multimetric_:
            return
        choose = partial(choose_row, rule, refit_metric, results)
        self.best_index_ = choose() if latencies is None else latencies.choose(choose)
        self.best_params_ = results["params"][self.best_index_]
        if scores is not None:
            self.best_score_ = scores[self.best_index_]

    def _refit(self, run, whole, row, rule):
        """Set `best_estimator_`; the fit of the path is used again where there is one."""
        fitted, seconds = run.fit_again(whole, row.combination)
        started = time.time()
        index = fitted.locate(row.level)
        self.best_estimator_ = fitted.at(index, row.level)
        self.refit_time_ = seconds + time.time() - started
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
        if isinstance(rule, WithinBudget):
            self._warn_of_budget(rule, fitted.path.sizes[index])

    def _warn_of_budget(self, rule, sizes):
        """Warn if the refitted model is above the budget, unlike those of the folds."""
        sizes = dict(zip(SIZES, sizes, strict=True))
        for name, limit in rule.limits(without_latency=True).items():
            if sizes.get(name, 0) > limit:
                warnings.warn(
                    f"The refitted model has {sizes[name]:g} {name}, above "
                    f"{rule.parameter_of(name)}={limit:g}: the rule compares means over the "
                    "folds, which have fewer samples. Lower the budget, or cut a smaller level "
                    "off best_estimator_.path_.",
                    PruningWarning,
                    stacklevel=5,
                )
