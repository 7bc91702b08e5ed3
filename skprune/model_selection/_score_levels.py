"""Scores of all levels of one fit: what happens within one fold of a `PruningSearchCV`."""

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
    score_model,
    scorers_by_name,
)
from skprune.base import BasePruner, PruningPath
from skprune.exceptions import InputError, PruningError, UnsupportedModelError
from skprune.model_selection._named_scores import NamedScores
from skprune.model_selection._paired import PairedLosses
from skprune.model_selection._predictions import Block, PredictsOnce
from skprune.size import model_size


class Scoring(NamedTuple):
    """How levels are scored.

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

    def error_scores(self):
        """Return the scores of a fit that failed."""
        if isinstance(self.scorer, MultimetricScorer):
            return dict.fromkeys(self.scorers, self.error_score)
        return self.error_score


class Part(NamedTuple):
    """Training or test samples of a fold, their targets, and parameters of the scorer."""

    X: Any
    y: Any
    params: dict[str, Any]


def score_levels(fitted, levels, parts, scoring):
    """Score all levels of one fit.

    Parameters
    ----------
    fitted : FittedEnd, FittedMiddle or RefittedPerLevel
        The fit.
    levels : list of dict
        The parameters of the pruner that name each level.
    parts : dict of str to Part
        What to score on.
    scoring : Scoring
        How to score.

    Returns
    -------
    list of dict
        Per level the scores of each part, the error if it failed, `sizes` and `increase`.

    Raises
    ------
    Exception
        What the fast way raises, where each level can be scored by itself: a score is
        missing only where it would be so in `GridSearchCV`.
    """
    results, located = {}, {}
    for place, level in enumerate(levels):
        try:
            located[place] = fitted.locate(level)
        except Exception as error:
            # A pruner refuses a level by an error of its own kind: another is a fault of ours.
            refused = isinstance(error, PruningError) or not isinstance(fitted.pruner, BasePruner)
            if scoring.error_score == "raise" or not refused:
                raise
            results[place] = failure_of(scoring, parts, format_exc())
    # Levels that fall on the same row of the path are scored once.
    level_of = {index: levels[place] for place, index in located.items()}
    try:
        scored = _score_located(fitted, level_of, parts, scoring)
    except Exception:
        if scoring.error_score == "raise":
            raise
        scored = _score_plainly(fitted, level_of, parts, scoring)
        # The fast way failed where the plain one does not: the fault is not the model's.
        if all(result["error"] is None for result in scored.values()):
            raise
    sizes = fitted.path.sizes
    for place, index in located.items():
        found = {"sizes": sizes[index], "fit_error": None, "increase": None, "error": None}
        results[place] = {**found, **scored[index]}
    return [results[place] for place in range(len(levels))]


def check_any_score(results):
    """Refuse results of levels that hold no score at all, with the first error.

    Parameters
    ----------
    results : list of dict
        As of `score_levels`, of all folds.

    Raises
    ------
    InputError
        If all test scores are NaN.
    """
    scores = [result["test_scores"] for result in results]
    values = [list(s.values()) if isinstance(s, dict) else [s] for s in scores]
    if not np.isnan(np.array(values, dtype=float)).all():
        return
    errors = [result["error"] for result in results if result["error"] is not None]
    first = f" The first error is:\n{errors[0]}" if errors else ""
    msg = (
        f"All {len(results)} test scores are NaN, so that no level can be chosen. Mend the model "
        f"or the scorer, or search with refit=False.{first}"
    )
    raise InputError(msg)


def _score_located(fitted, level_of, parts, scoring):
    """Score rows of a path.

    Parameters
    ----------
    fitted : FittedEnd, FittedMiddle or RefittedPerLevel
        The fit.
    level_of : dict of int to dict
        Rows of the path, and the parameters of the pruner that name them.
    parts : dict of str to Part
        What to score on.
    scoring : Scoring
        How to score.

    Returns
    -------
    dict of int to dict
        Per row the scores of each part, `increase`, and `fit_error` where that failed.
    """
    path = fitted.path
    data = {key: part._replace(X=fitted.transform(part.X)) for key, part in parts.items()}
    free = {key: _free_scores(path, part, scoring) for key, part in data.items()}
    rest = [name for name in scoring.scorers if any(name not in each for each in free.values())]
    named = {key: _named_scores(path, part, scoring, rest) for key, part in data.items()}
    rest = [name for name in rest if any(name not in each.names for each in named.values())]
    losses = _paired_losses(path, data["test_scores"], scoring)
    scorer = _scorer_of(path, scoring, rest) if rest else None
    has_snapshots, known = isinstance(path, PruningPath), {}
    walks = has_snapshots and all(map(predicts_only, _each(scorer)))
    if has_snapshots:
        scored = known = _walk(
            path, sorted(level_of), data, scorer if walks else None, losses, named
        )
    if not walks:
        scored = _score_cuts(fitted, level_of, parts, data, scorer, scoring)
    for index, result in scored.items():
        if result.get("fit_error") is None:
            result["increase"] = losses.increase(index) if losses else None
            for key in parts:
                values = {name: float(free[key][name][index]) for name in free[key]}
                values |= known.get(index, {}).pop(f"named_{key}", {})
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


def _named_scores(path, part, scoring, rest):
    """Return the scores that need predictions only, of those metrics that are not free."""
    if not isinstance(path, PruningPath) or part.params or part.y is None:
        return NamedScores(path, {}, ())
    return NamedScores(path, {name: scoring.specs.get(name, name) for name in rest}, part.y)


def _paired_losses(path, part, scoring):
    """Return the losses that are compared with those of the whole model; None if there are none.

    They are complete already where the path predicts all levels together.
    """
    # Which scorer routed weights are meant for is not known here.
    if not isinstance(path, PruningPath) or (part.params and routing_enabled()) or part.y is None:
        return None
    spec = scoring.specs.get(scoring.metric, next(iter(scoring.specs.values())))
    losses = PairedLosses(path, spec, part.y, part.params.get("sample_weight"))
    if not losses.applies:
        return None
    if (segments := path.segments(part.X)) is not None:
        losses.add_segments(segments)
    return losses


def _walk(path, order, data, scorer, losses, named):
    """Visit the levels of a path once.

    For the scorer (if there is one), the paired losses, and the scores that need predictions
    only, which are results by the key of their part after "named_".
    """
    scored: dict[int, dict[str, Any]] = {index: {} for index in order}
    adds_losses = losses is not None and not losses.complete
    scores = scorer is not None or any(each.names for each in named.values())
    if not (scores or adds_losses):
        return scored
    visited = data if scores else {"test_scores": data["test_scores"]}
    methods = {key: named[key].methods for key in visited}
    if adds_losses:
        methods["test_scores"] = methods["test_scores"] | {losses.method}
    levels = sorted({0, *order}) if adds_losses else order  # losses need the whole model
    snapshots = [path.snapshots(part.X, levels) for part in visited.values()]
    blocks: dict[str, Block] = {}
    for index, *models in zip(levels, *snapshots, strict=True):
        pairs = {}
        for (key, part), model in zip(visited.items(), map(PredictsOnce, models), strict=True):
            if key not in blocks:
                blocks[key] = Block(path.model, part.X, methods[key])
            blocks[key].add(index, model)
            pairs[key] = model, part
        if scorer is not None and index in scored:
            scored[index] |= _score(pairs, scorer, "raise")
        if index == levels[-1] or any(block.is_full for block in blocks.values()):
            _score_blocks(blocks, scored, losses if adds_losses else None, named)
            blocks = {}
    return scored


def _score_blocks(blocks, scored, losses, named):
    """Score the levels of a block for each part of the samples; in place."""
    if losses is not None:
        losses.add_levels(blocks["test_scores"])
    for key, block in blocks.items():
        for name, values in named[key].of(block).items():
            for index, value in zip(block.levels, values.tolist(), strict=True):
                if index in scored:
                    scored[index].setdefault(f"named_{key}", {})[name] = value


def _score_cuts(fitted, level_of, parts, data, scorer, scoring):
    """Score levels by scorers that need the cut model itself; as `_walk`."""
    path, scorers, scored = fitted.path, _each(scorer), {}
    # A scorer of the user's own may read any step, and the samples as they were given.
    predicts = all(predicts_only(each) or passes_through(each) for each in scorers)
    cut, given = (fitted.predictor_at, data) if predicts else (fitted.at, parts)
    for index in sorted(level_of):
        try:
            model = cut(index, level_of[index])
        except Exception:
            if scoring.error_score == "raise":
                raise
            scored[index] = failure_of(scoring, parts, format_exc())
            continue
        pairs = {key: (model, part) for key, part in given.items()}
        scored[index] = _score(pairs, scorer, "raise")
        if not isinstance(path, PruningPath):
            scored[index]["sizes"] = _sizes_at(path, index, model)
    return scored


def _score_plainly(fitted, level_of, parts, scoring):
    """Cut each level and score it by itself, as `GridSearchCV` does; as `_score_located`.

    A result has the `error` of its model or of its scorer as well, or None.
    """
    scored = {}
    for index in sorted(level_of):
        try:
            model = fitted.at(index, level_of[index])
        except Exception:  # noqa: BLE001 - it is reported with the failed fits
            scored[index] = failure_of(scoring, parts, format_exc())
            continue
        pairs = {key: (model, part) for key, part in parts.items()}
        try:
            found, error = _score(pairs, _raising(scoring.scorer), "raise"), None
        except Exception:  # noqa: BLE001 - the second try below warns of it
            error = format_exc()
            # Once more, for the scores and the warnings of GridSearchCV.
            found = _score(pairs, scoring.scorer, scoring.error_score)
        scored[index] = {**found, "error": error}
        if not isinstance(fitted.path, PruningPath):
            scored[index]["sizes"] = _sizes_at(fitted.path, index, model)
    return scored


def _score(pairs, scorer, error_score):
    """Score one model, or one snapshot per part; dict of str to score."""
    return {
        key: score_model(model, part.X, part.y, scorer, part.params, error_score)
        for key, (model, part) in pairs.items()
    }


def _scorer_of(path, scoring, rest):
    """Return the scorer of the remaining metrics; None is resolved to the name of its metric."""
    scorers = {}
    for name in rest:
        scorers[name] = scoring.scorers[name]
        if scoring.specs.get(name, name) is None and isinstance(path, PruningPath):
            spec = path.resolve_scoring(None)
            if spec is not None:
                scorers[name] = check_scoring(path.model, spec)
    if isinstance(scoring.scorer, MultimetricScorer):
        return MultimetricScorer(scorers=scorers, raise_exc=True)
    return scorers["score"]


def _raising(scorer):
    """Return a scorer that hands errors on, also if it holds several."""
    if isinstance(scorer, MultimetricScorer):
        return MultimetricScorer(scorers=scorers_by_name(scorer), raise_exc=True)
    return scorer


def _each(scorer):
    if scorer is None:
        return []
    return scorers_by_name(scorer).values() if isinstance(scorer, MultimetricScorer) else [scorer]


def _merge(scoring, free, rest):
    """Combine scores to what the scorer would have returned."""
    if isinstance(scoring.scorer, MultimetricScorer):
        return {name: free.get(name, rest.get(name)) for name in scoring.scorers}
    return free.get("score", rest)


def failure_of(scoring, parts, error):
    """Return the result of a fit that failed."""
    return {
        **{key: scoring.error_scores() for key in parts},
        "fit_error": error,
        "error": error,
        "sizes": (np.nan, np.nan, np.nan),
        "increase": None,
        "score_time": 0.0,
    }


def _sizes_at(path, index, model):
    """Return the units of a level, and parameters and bytes of the model behind a pruner."""
    units = path.units[index]
    with suppress(UnsupportedModelError):
        size = model_size(model)
        return size.units if np.isnan(units) else units, size.parameters, size.bytes
    return units, np.nan, np.nan
