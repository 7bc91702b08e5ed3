"""One fit, all levels: what happens within one fold of a `PruningSearchCV`."""

import copy
import time
from contextlib import suppress
from traceback import format_exc
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline

from skprune._compat import (
    MultimetricScorer,
    passes_through,
    predicts_only,
    routing_enabled,
    rows_of_params,
    score_model,
    scorers_by_name,
    split_rows,
)
from skprune.exceptions import UnsupportedModelError
from skprune.path import TreePath
from skprune.size import model_size


class Scoring(NamedTuple):
    """How to score.

    Attributes
    ----------
    specs : dict of str to object
        The `scoring` of each metric as the user wrote it: names are recognised.
    scorer : callable
        The scorer, or the scorers of all metrics together.
    error_score : "raise" or float
        As in `GridSearchCV`.
    """

    specs: dict[str, Any]
    scorer: Any
    error_score: Any

    @property
    def scorers(self):
        """The scorer of each metric; dict."""
        if isinstance(self.scorer, MultimetricScorer):
            return scorers_by_name(self.scorer)
        return {"score": self.scorer}

    def failed(self):
        """Return what stands in for the scores of a failed fit."""
        if isinstance(self.scorer, MultimetricScorer):
            return dict.fromkeys(self.scorers, self.error_score)
        return self.error_score


class Part(NamedTuple):
    """Rows to score: the data and the parameters of the scorer."""

    X: Any
    y: Any
    params: dict[str, Any]


class FittedEnd:
    """An estimator that ends in a pruner (or is one), fitted once.

    Parameters
    ----------
    estimator : estimator
        Fitted here; a `Pipeline`, or the pruner itself.
    X, y : array-like
        Training rows.
    fit_params : dict
        Parameters of its `fit`.
    """

    def __init__(self, estimator, X, y, fit_params):
        self.estimator = estimator.fit(X, **_target(y), **fit_params)
        self.is_pipeline = isinstance(estimator, Pipeline)
        self.pruner = estimator.steps[-1][1] if self.is_pipeline else estimator
        self.path = self.pruner.path_

    def enter(self, X):
        """Transform rows by the steps before the pruner."""
        if not self.is_pipeline or len(self.estimator.steps) == 1:
            return X
        return self.estimator[:-1].transform(X)

    def at(self, index, level):
        """Return the whole estimator, fitted, with the pruner cut at a level."""
        twin = cut_pruner(self.pruner, self.path, index, level)
        if not self.is_pipeline:
            return twin
        *steps, (name, _) = self.estimator.steps
        return _pipeline_like(self.estimator, [*steps, (name, twin)])

    def predictor_at(self, index, level):
        """Return what predicts from rows that have entered."""
        return cut_pruner(self.pruner, self.path, index, level)


class FittedMiddle:
    """A pipeline with a pruner of columns inside it, fitted up to the pruner.

    Parameters
    ----------
    estimator : Pipeline
        Its steps are fitted here, those after the pruner once per level.
    position : int
        Index of the pruner's step.
    X, y : array-like
        Training rows.
    fit_params : dict
        Parameters of its `fit`.
    """

    def __init__(self, estimator, position, X, y, fit_params):
        self.estimator, self.position, self.y = estimator, position, y
        self.fit_params = fit_params
        self.name, self.pruner = estimator.steps[position]
        front = estimator[:position]
        if position:
            X = front.fit_transform(X, y, **self._params_of(front))
        # Named as in the pipeline, so that the same parameters reach it.
        own = self._params_of(estimator[position : position + 1])
        own = {key.removeprefix(f"{self.name}__"): value for key, value in own.items()}
        self.X = X
        self.pruner.fit(X, **_target(y), **own)
        self.path = self.pruner.path_

    def _params_of(self, pipeline):
        names = tuple(f"{name}__" for name, _ in pipeline.steps)
        return {k: v for k, v in self.fit_params.items() if k.startswith(names)}

    def enter(self, X):
        """Transform rows by the steps before the pruner."""
        return self.estimator[: self.position].transform(X) if self.position else X

    def at(self, index, level):
        """Return the whole pipeline, fitted, with the pruner cut at a level."""
        steps = [*self.estimator.steps[: self.position]]
        return _pipeline_like(
            self.estimator, steps + self.predictor_at(index, level).steps
        )

    def predictor_at(self, index, level):
        """Return what predicts from rows that have entered: what follows is refitted."""
        twin = cut_pruner(self.pruner, self.path, index, level)
        tail = clone(self.estimator[self.position + 1 :])
        tail.fit(twin.transform(self.X), self.y, **self._params_of(tail))
        return _pipeline_like(self.estimator, [(self.name, twin), *tail.steps])


class FittedAnew:
    """A pipeline that is fitted as a whole for every level: slow, always right.

    It serves where metadata is routed: which step gets what, only the pipeline knows.

    Parameters
    ----------
    estimator : Pipeline
        Fitted here once, to learn the path.
    position : int
        Index of the pruner's step.
    X, y : array-like
        Training rows.
    fit_params : dict
        Parameters of its `fit`.
    """

    def __init__(self, estimator, position, X, y, fit_params):
        self.estimator = estimator.fit(X, **_target(y), **fit_params)
        self.rows = X, y
        self.fit_params = fit_params
        self.name, self.pruner = estimator.steps[position]
        self.path = self.pruner.path_

    def enter(self, X):
        """Return the rows as they are: every level has its own steps."""
        return X

    def at(self, index, level):  # noqa: ARG002 - the level says it all
        """Return the whole pipeline, fitted at a level."""
        X, y = self.rows
        params = {f"{self.name}__{key}": value for key, value in level.items()}
        estimator = clone(self.estimator).set_params(**params)
        return estimator.fit(X, **_target(y), **self.fit_params)

    predictor_at = at


def fit_once(estimator, position, X, y, fit_params):
    """Fit an estimator as far as all levels share it.

    Parameters
    ----------
    estimator : estimator
        Its pruner keeps everything.
    position : int or None
        Step of the pruner in a pipeline; None if the estimator is the pruner.
    X, y : array-like
        Training rows.
    fit_params : dict
        Parameters of `fit`.

    Returns
    -------
    FittedEnd or FittedMiddle
        With a `path`.
    """
    if position is None or position == len(estimator.steps) - 1:
        return FittedEnd(estimator, X, y, fit_params)
    names = tuple(f"{name}__" for name, _ in estimator.steps)
    if fit_params and (routing_enabled() or not all(k.startswith(names) for k in fit_params)):
        return FittedAnew(estimator, position, X, y, fit_params)
    return FittedMiddle(estimator, position, X, y, fit_params)


def fit_and_score(
    estimator, position, X, y, *, split, levels, scoring, fit_params, score_params, train_too
):
    """Fit one combination of the other parameters on one fold; score all its levels.

    Parameters
    ----------
    estimator : estimator
        With the other parameters set, and a pruner that keeps everything.
    position : int or None
        Step of the pruner in a pipeline; None if the estimator is the pruner.
    X, y : array-like
        All rows.
    split : tuple of ndarray
        Training and test rows.
    levels : list of dict
        `keep` and `threshold` of each level.
    scoring : Scoring
        How to score.
    fit_params, score_params : dict
        Parameters of `fit` and of the scorer, for all rows.
    train_too : bool
        Whether to score the training rows as well.

    Returns
    -------
    list of dict
        Per level what scikit-learn keeps of a fit (scores, times, error), and `sizes`.
    """
    train, test = split
    X_train, y_train = split_rows(estimator, X, y, train)
    X_test, y_test = split_rows(estimator, X, y, test, train)
    parts = {"test_scores": Part(X_test, y_test, rows_of_params(X, score_params, test))}
    if train_too:
        params = rows_of_params(X, score_params, train)
        parts["train_scores"] = Part(X_train, y_train, params)
    started = time.time()
    try:
        params = rows_of_params(X, fit_params, train)
        fitted = fit_once(estimator, position, X_train, y_train, params)
    except Exception:
        if scoring.error_score == "raise":
            raise
        failure = _failure(scoring, parts, format_exc())
        return [{**failure, "fit_time": time.time() - started} for _ in levels]
    fit_time, started = time.time() - started, time.time()
    results = score_levels(fitted, levels, parts, scoring)
    share = (time.time() - started) / max(1, len(levels))
    return [{**r, "fit_time": fit_time, "score_time": share} for r in results]


def score_levels(fitted, levels, parts, scoring):
    """Score all levels of one fit.

    Parameters
    ----------
    fitted : FittedEnd or FittedMiddle
        The fit.
    levels : list of dict
        `keep` and `threshold` of each level.
    parts : dict of str to Part
        The rows to score.
    scoring : Scoring
        How to score.

    Returns
    -------
    list of dict
        Per level the scores of each part, the error if it failed, and `sizes`.
    """
    results, wanted = {}, {}
    for row, level in enumerate(levels):
        try:
            wanted[row] = locate(fitted.pruner, fitted.path, level)
        except Exception:
            if scoring.error_score == "raise":
                raise
            results[row] = _failure(scoring, parts, format_exc())
    entered = {key: part._replace(X=fitted.enter(part.X)) for key, part in parts.items()}
    free = {key: _free_scores(fitted.path, part, scoring) for key, part in entered.items()}
    rest = [name for name in scoring.scorers if any(name not in f for f in free.values())]
    # Levels that fall on the same row of the path are scored once.
    level_of = {index: levels[row] for row, index in wanted.items()}
    scored = _score_each(fitted, level_of, parts, entered, scoring, rest)
    for row, index in wanted.items():
        result = {"sizes": fitted.path.sizes[index], "fit_error": None, **scored[index]}
        if result["fit_error"] is None:
            for key in parts:
                values = {name: float(free[key][name][index]) for name in free[key]}
                result[key] = _merge(scoring, values, result.get(key, {}))
        results[row] = result
    return [results[row] for row in range(len(levels))]


def _free_scores(path, part, scoring):
    """Score all levels by the metrics that allow it; dict of str to ndarray."""
    if not isinstance(path, TreePath) or set(part.params) - {"sample_weight"}:
        return {}
    if part.params and routing_enabled():
        return {}
    scores = {
        name: path.free_scores(spec, part.X, part.y, part.params.get("sample_weight"))
        for name, spec in scoring.specs.items()
    }
    return {name: values for name, values in scores.items() if values is not None}


def _score_each(fitted, level_of, parts, entered, scoring, rest):
    """Score levels by the metrics that need a model, or what stands in for one.

    Returns
    -------
    dict of int to dict
        Per row of the path the scores of each part, and `fit_error` where that failed.
    """
    order = sorted(level_of)
    if not rest:
        return {index: {} for index in order}
    path, scorer = fitted.path, _scorer_of(fitted.path, scoring, rest)
    scorers = _each(scorer)
    scored = {}
    if isinstance(path, TreePath) and all(map(predicts_only, scorers)):
        stand_ins = [path.snapshots(part.X, order) for part in entered.values()]
        for index, *models in zip(order, *stand_ins, strict=True):
            rows = dict(zip(entered, zip(models, entered.values(), strict=True), strict=True))
            scored[index] = _ask(rows, scorer, scoring)
        return scored
    # A scorer of the user's own may look at any step, and at rows as they came.
    blind = all(predicts_only(each) or passes_through(each) for each in scorers)
    make, rows = (fitted.predictor_at, entered) if blind else (fitted.at, parts)
    for index in order:
        try:
            model = make(index, level_of[index])
        except Exception:
            if scoring.error_score == "raise":
                raise
            scored[index] = _failure(scoring, parts, format_exc())
            continue
        scored[index] = _ask({key: (model, part) for key, part in rows.items()}, scorer, scoring)
        if not isinstance(path, TreePath):
            scored[index]["sizes"] = (path.sizes[index][0], *_size_of_what_follows(model))
    return scored


def _ask(rows, scorer, scoring):
    """Score one model, or one stand-in per part; dict of str to score."""
    return {
        key: score_model(model, part.X, part.y, scorer, part.params, scoring.error_score)
        for key, (model, part) in rows.items()
    }


def _scorer_of(path, scoring, rest):
    """Return the scorer of the metrics that are left, with None resolved to its name."""
    scorers = {}
    for name in rest:
        scorers[name] = scoring.scorers[name]
        if scoring.specs.get(name, name) is None and isinstance(path, TreePath):
            spec = path.resolve_scoring(None)
            if spec is not None:
                scorers[name] = check_scoring(path.model, spec)
    if isinstance(scoring.scorer, MultimetricScorer):
        raises = scoring.error_score == "raise"
        return MultimetricScorer(scorers=scorers, raise_exc=raises)
    return scorers["score"]


def _each(scorer):
    return scorers_by_name(scorer).values() if isinstance(scorer, MultimetricScorer) else [scorer]


def _merge(scoring, free, rest):
    """Bring scores together as the scorer would have returned them."""
    if isinstance(scoring.scorer, MultimetricScorer):
        return {name: free.get(name, rest.get(name)) for name in scoring.scorers}
    return free.get("score", rest)


def _failure(scoring, parts, error):
    """Return the result of a fit that failed."""
    scores = {key: scoring.failed() for key in parts}
    sizes = (np.nan, np.nan, np.nan)
    return {**scores, "fit_error": error, "sizes": sizes, "score_time": 0.0}


def _size_of_what_follows(model):
    with suppress(UnsupportedModelError):
        size = model_size(model)
        return size.parameters, size.bytes
    return np.nan, np.nan


def locate(pruner, path, level):
    """Return the row of a path that a pruner would cut at a level.

    Parameters
    ----------
    pruner : BasePruner
        It decides where the level names none.
    path : PruningPath
        Its path.
    level : dict
        Its `keep` and `threshold`.

    Returns
    -------
    int
        Row of the path's levels.
    """
    return path.locate(**pruner._level_of(**level))


def cut_pruner(pruner, path, index, level):
    """Return a fitted copy of a pruner, cut at one row of its path.

    Parameters
    ----------
    pruner : BasePruner
        Fitted.
    path : PruningPath
        Its path.
    index : int
        Row of the path's levels.
    level : dict
        `keep` and `threshold` that the copy shall have.

    Returns
    -------
    BasePruner
        Without a path.
    """
    return pruner._at_level(path, index).set_params(**level)


def _pipeline_like(pipeline, steps):
    """Return a pipeline of fitted steps with the settings of another."""
    twin = copy.copy(pipeline)
    twin.steps = steps
    return twin


def _target(y):
    return {} if y is None else {"y": y}
