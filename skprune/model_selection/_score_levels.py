"""Scoring all levels of one fit: what happens within one fold of a `PruningSearchCV`."""

import time
import warnings
from contextlib import suppress
from traceback import format_exc
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import check_scoring

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
from skprune.base import PruningPath
from skprune.exceptions import UnsupportedModelError
from skprune.model_selection._fit_once import fit_once
from skprune.model_selection._paired import PairedLosses
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
    metric : str
        Name of the metric whose losses are compared with those of the whole model.
    """

    specs: dict[str, Any]
    scorer: Any
    error_score: Any
    metric: str = "score"

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
        Per level what scikit-learn keeps of a fit (scores, times, error), `sizes`, and the
        `increase` of the loss against the whole model.
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
    fitted : FittedEnd, FittedMiddle or RefittedPerLevel
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
        Per level the scores of each part, the error if it failed, `sizes` and `increase`.
    """
    results, wanted = {}, {}
    for row, level in enumerate(levels):
        try:
            wanted[row] = fitted.locate(level)
        except Exception:
            if scoring.error_score == "raise":
                raise
            results[row] = _failure(scoring, parts, format_exc())
    # Levels that fall on the same row of the path are scored once.
    level_of = {index: levels[row] for row, index in wanted.items()}
    try:
        scored = _score_wanted(fitted, level_of, parts, scoring)
    except Exception:
        if scoring.error_score == "raise":
            raise
        warnings.warn(
            f"Scoring failed. The scores of this fold are set to {scoring.error_score}. "
            f"Details:\n{format_exc()}",
            UserWarning,
            stacklevel=2,
        )
        scored = {index: {key: scoring.failed() for key in parts} for index in level_of}
    sizes = fitted.path.sizes
    for row, index in wanted.items():
        found = {"sizes": sizes[index], "fit_error": None, "increase": None}
        results[row] = {**found, **scored[index]}
    return [results[row] for row in range(len(levels))]


def _score_wanted(fitted, level_of, parts, scoring):
    """Score some levels, given per row of the path; dict of int to dict of scores."""
    entered = {key: part._replace(X=fitted.transform(part.X)) for key, part in parts.items()}
    free = {key: _free_scores(fitted.path, part, scoring) for key, part in entered.items()}
    rest = [name for name in scoring.scorers if any(name not in f for f in free.values())]
    losses = _paired_losses(fitted.path, entered["test_scores"], scoring)
    scored = _score_each(fitted, level_of, parts, entered, scoring, rest, losses)
    for index, result in scored.items():
        if result.get("fit_error") is None:
            result["increase"] = losses.increase(index) if losses else None
            for key in parts:
                values = {name: float(free[key][name][index]) for name in free[key]}
                result[key] = _merge(scoring, values, result.get(key, {}))
    return scored


def _free_scores(path, part, scoring):
    """Score all levels by the metrics that allow it; dict of str to ndarray."""
    if not isinstance(path, PruningPath) or set(part.params) - {"sample_weight"}:
        return {}
    if part.params and routing_enabled():
        return {}
    scores = {
        name: path.free_scores(spec, part.X, part.y, part.params.get("sample_weight"))
        for name, spec in scoring.specs.items()
    }
    return {name: values for name, values in scores.items() if values is not None}


def _paired_losses(path, part, scoring):
    """Start to compare row losses with those of the whole model; None if there are none.

    They are complete already where the path knows the answers of all levels together.
    """
    # Which scorer routed weights are meant for is not to be seen here.
    if not isinstance(path, PruningPath) or (part.params and routing_enabled()) or part.y is None:
        return None
    spec = scoring.specs.get(scoring.metric, next(iter(scoring.specs.values())))
    losses = PairedLosses(path, spec, part.y, part.params.get("sample_weight"))
    if not losses.serves:
        return None
    if (segments := path.segments(part.X)) is not None:
        losses.see_segments(segments)
    return losses


def _score_each(fitted, level_of, parts, entered, scoring, rest, losses):
    """Score levels by the metrics that need a model, or what stands in for one.

    Returns
    -------
    dict of int to dict
        Per row of the path the scores of each part, and `fit_error` where that failed.
    """
    path, order = fitted.path, sorted(level_of)
    scorer = _scorer_of(path, scoring, rest) if rest else None
    honest = all(map(predicts_only, _each(scorer))) if rest else True
    if isinstance(path, PruningPath):
        scored = _walk(path, order, entered, scorer if honest else None, scoring, losses)
        if honest:
            return scored
    return _score_cuts(fitted, level_of, parts, entered, scorer, scoring)


def _walk(path, order, entered, scorer, scoring, losses):
    """Go down a path once, for the scorer (if there is one) and for the paired losses."""
    scored: dict[int, dict[str, Any]] = {index: {} for index in order}
    waits = losses is not None and not losses.complete
    if scorer is None and not waits:
        return scored
    asked = entered if scorer else {"test_scores": entered["test_scores"]}
    levels = sorted({0, *order}) if waits else order  # losses are held against the whole
    stand_ins = [path.snapshots(part.X, levels) for part in asked.values()]
    for index, *models in zip(levels, *stand_ins, strict=True):
        rows = dict(zip(asked, zip(models, asked.values(), strict=True), strict=True))
        if waits:
            model, part = rows["test_scores"]
            losses.see(index, model, part.X)
        if scorer and index in scored:
            scored[index] = _ask(rows, scorer, scoring)
    return scored


def _score_cuts(fitted, level_of, parts, entered, scorer, scoring):
    """Score levels by a scorer that has to be shown the cut model; as `_score_each`."""
    path, scorers, scored = fitted.path, _each(scorer), {}
    # A scorer of the user's own may look at any step, and at rows as they came.
    blind = all(predicts_only(each) or passes_through(each) for each in scorers)
    make, rows = (fitted.predictor_at, entered) if blind else (fitted.at, parts)
    for index in sorted(level_of):
        try:
            model = make(index, level_of[index])
        except Exception:
            if scoring.error_score == "raise":
                raise
            scored[index] = _failure(scoring, parts, format_exc())
            continue
        scored[index] = _ask({key: (model, part) for key, part in rows.items()}, scorer, scoring)
        if not isinstance(path, PruningPath):
            scored[index]["sizes"] = (path.units[index], *_size_of_what_follows(model))
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
        if scoring.specs.get(name, name) is None and isinstance(path, PruningPath):
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
    return {
        **scores,
        "fit_error": error,
        "sizes": sizes,
        "increase": None,
        "score_time": 0.0,
    }


def _size_of_what_follows(model):
    with suppress(UnsupportedModelError):
        size = model_size(model)
        return size.parameters, size.bytes
    return np.nan, np.nan
