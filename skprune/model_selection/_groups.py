"""Groups of combinations that share what is fitted: the tasks of a search."""

import time
from itertools import chain
from traceback import format_exc
from typing import Any, NamedTuple

from joblib import effective_n_jobs
from sklearn.base import clone

from skprune._compat import rows_of_params, split_rows
from skprune.base._shared_fits import SharedFits
from skprune.model_selection._fit_once import fit_once, shared_by
from skprune.model_selection._score_levels import Part, failure_of, score_levels


class Fit(NamedTuple):
    """A fit of a combination, its seconds and its path; None and the error, if it failed."""

    fitted: Any
    seconds: Any
    path: Any = None


def groups_of(plan, n_folds, n_jobs):
    """Group combinations that share fits.

    Parameters
    ----------
    plan : dict of int to Combination
        The combinations, by their number.
    n_folds : int
        How often each group is fitted.
    n_jobs : int or None
        Number of tasks in parallel.

    Returns
    -------
    list of list of int
        Combinations of equal steps before the pruner; within a group, those whose models are
        equal too follow each other. Only the latter make a group where there would be too few
        tasks for all jobs otherwise.
    """
    fronts: dict[Any, dict[Any, list[int]]] = {}
    for number, combination in plan.items():
        front, rest = shared_by(combination.estimator, combination.route)
        parts = fronts.setdefault((front, () if front else rest), {})
        parts.setdefault(rest, []).append(number)
    if len(fronts) * n_folds < effective_n_jobs(n_jobs):
        return [numbers for parts in fronts.values() for numbers in parts.values()]
    return [list(chain.from_iterable(parts.values())) for parts in fronts.values()]


def by_number(groups, done):
    """Return the results of groups by the number of their combinations; dict."""
    return {
        number: result
        for group, results in zip(groups, done, strict=True)
        for number, result in zip(group, results, strict=True)
    }


def fit_group(combinations, X, y, fit_params, *, catch, with_path):
    """Fit combinations that share fits.

    Parameters
    ----------
    combinations : list of (estimator, tuple of str)
        Estimators, and the way to their pruner.
    X, y : array-like
        Training samples and targets.
    fit_params : dict
        Parameters of `fit`.
    catch : bool
        Whether to return errors, rather than raise them.
    with_path : bool
        Whether the path is asked for, which may take another fit.

    Returns
    -------
    list of Fit
        The seconds include those of the fits that were taken from other combinations.
    """
    fits, done = SharedFits(), []
    for estimator, route in combinations:
        started, before = time.time(), fits.saved
        try:
            fitted = fit_once(estimator, route, X, y, fit_params, fits)
            path = getattr(fitted, "named_path", fitted.path) if with_path else None
        except Exception as error:
            if not catch:
                raise
            done.append(Fit(None, error))
        else:
            done.append(Fit(fitted, time.time() - started + fits.saved - before, path))
    fits.release()
    return done


def score_group(combinations, levels, X, y, *, split, scoring, fit_params, score_params, train_too):
    """Fit combinations that share fits on one fold, and score all their levels.

    Parameters
    ----------
    combinations : list of (estimator, tuple of str)
        Estimators with the other parameters set, whose pruners keep everything, and the way to
        the pruner.
    levels : list of list of dict
        For each, the parameters of the pruner that name each level.
    X, y : array-like
        Samples and targets of all folds.
    split : tuple of ndarray
        Indices of training and test samples.
    scoring : Scoring
        How to score.
    fit_params, score_params : dict
        Parameters of `fit` and of the scorer, for all samples.
    train_too : bool
        Whether to score the training samples as well.

    Returns
    -------
    list of list of dict
        Per level what scikit-learn keeps of a fit (scores, times, error), `sizes`, and the
        `increase` of the loss over that of the whole model.
    """
    train, test = split
    estimator = combinations[0][0]
    X_train, y_train = split_rows(estimator, X, y, train)
    X_test, y_test = split_rows(estimator, X, y, test, train)
    parts = {"test_scores": Part(X_test, y_test, rows_of_params(X, score_params, test))}
    if train_too:
        parts["train_scores"] = Part(X_train, y_train, rows_of_params(X, score_params, train))
    fit_params, fits = rows_of_params(X, fit_params, train), SharedFits()
    data = X_train, y_train, fit_params
    return [
        _fit_and_score(estimator, route, own, data, fits, parts, scoring)
        for (estimator, route), own in zip(combinations, levels, strict=True)
    ]


def _fit_and_score(estimator, route, levels, data, fits, parts, scoring):
    """Fit one combination, and score all its levels."""
    X, y, params = data
    started, before = time.time(), fits.saved
    try:
        fitted = fit_once(estimator, route, X, y, params, fits)
    except Exception:
        if scoring.error_score == "raise" or _fits_plainly(estimator, X, y, params):
            raise
        failure = failure_of(scoring, parts, format_exc())
        return [{**failure, "fit_time": time.time() - started} for _ in levels]
    fit_time = time.time() - started + fits.saved - before
    started, before = time.time(), fits.saved
    results = score_levels(fitted, levels, parts, scoring)
    share = (time.time() - started + fits.saved - before) / max(1, len(levels))
    return [{**r, "fit_time": fit_time, "score_time": share} for r in results]


def _fits_plainly(estimator, X, y, params):
    """Say whether the estimator itself can be fitted, which `fit_once` could not."""
    try:
        clone(estimator).fit(X, **({} if y is None else {"y": y}), **params)
    except Exception:  # noqa: BLE001 - the error of the fit before is the one that is reported
        return False
    return True
