"""What was asked of a search or a pruner, and why it chose what it chose, in words."""

import numpy as np
import pandas as pd
from sklearn.feature_selection import SelectorMixin

from skprune.base import BasePruner
from skprune.inspection._page import number
from skprune.model_selection import NonInferior, OneStandardError, WithinBudget, WithinTolerance
from skprune.model_selection._cv_results import CVResults
from skprune.model_selection._named_rules import rule_of

BEST = "The model with the best mean cross-validated {metric} was chosen."


def rule_in_words(search, metric):
    """Return the rule by which a search has chosen, as sentences.

    Parameters
    ----------
    search : PruningSearchCV or GridSearchCV
        Fitted.
    metric : str
        Name of the score, as it is written on the page.

    Returns
    -------
    str
        For a callable that is not of this package its name.
    """
    rule = rule_of(search.refit)
    size = CVResults(search.cv_results_).size_name(getattr(rule, "size", None))
    if isinstance(rule, OneStandardError):
        return (
            f"The smallest model (fewest {size}) was chosen whose mean cross-validated {metric} is "
            f"within one standard error of the best one. {_limit(_best(search, rule))}"
        )
    if isinstance(rule, WithinTolerance):
        sure = "" if rule.confidence is None else f", at a confidence of {rule.confidence:.0%}"
        return (
            f"The smallest model (fewest {size}) was chosen whose mean cross-validated {metric} is "
            f"at most {rule.tolerance:g} below that of the {rule.reference} model{sure}."
        )
    if isinstance(rule, WithinBudget):
        return _budget(rule, metric)
    if isinstance(rule, NonInferior):
        return (
            f"The smallest model (fewest {size}) was chosen that a paired test at a confidence of "
            f"{rule.confidence:.0%} finds not worse than the whole model by more than "
            f"{rule.margin:g}."
        )
    if rule is True or isinstance(rule, str):
        return BEST.format(metric=metric)
    return f"The model was chosen by {getattr(rule, '__name__', type(rule).__name__)}."


def _budget(rule, metric):
    limits = dict(rule.limits())
    latency = limits.pop("latency", None)
    sizes = " and ".join(f"{value:,g} {name}" for name, value in limits.items())
    within = [f"at most {sizes} on average over the folds"] if sizes else []
    if latency is not None:
        within.append(f"a latency of at most {latency:g} s after the refit")
    return (
        f"Of the models with {' and '.join(within)}, the one with the best mean cross-validated "
        f"{metric} was chosen."
    )


def _best(search, rule):
    """Return the best mean score and its standard error, those that a rule reads; or None."""
    results = CVResults(search.cv_results_)
    score = results.scores(rule.metric)
    size = results.sizes(results.size_name(rule.size))
    if np.isnan(score).all():
        return None
    rows = np.flatnonzero(score == np.nanmax(score))
    row = rows[np.argsort(size[rows], kind="stable")[0]]  # of equal scores that of the smallest
    return float(score[row]), float(results.standard_errors(rule.metric)[row])


def _limit(best):
    if best is None:
        return ""
    score, error = best
    return (
        f"The best mean is {number(score)}, with a standard error of {number(error)}: "
        f"{number(score - error)} or more was enough."
    )


def search_in_words(search):
    """Return what a search was asked, as a list of sentences."""
    results = search.cv_results_
    n_combinations = len(pd.unique(np.asarray(results.get("combination", [0]))))
    n_levels = len(results["params"])
    families = results.get("family")
    what = f"{n_levels:,} models"
    if n_combinations > 1:
        what += f" of {n_combinations:,} combinations of parameters"
    if families is not None and len(set(families)) > 1:
        what += f" and {len(set(families))} families"
    lines = [f"{what} were scored by cross-validation over {search.n_splits_} splits."]
    names = sorted({name for row in results["params"] for name in row})
    lines.append(f"Searched parameters: {', '.join(names)}.")
    return lines


def level_in_words(step, path, *, searched):
    """Return how much a fitted pruner, or a selector of scikit-learn, was asked to keep."""
    where = f" (step {path})" if path else ""
    name = f"{type(step).__name__}{where}"
    if not isinstance(step, BasePruner):
        kind = "selector of scikit-learn" if isinstance(step, SelectorMixin) else "step"
        return f"{name}: a {kind}."
    params = step.get_params(deep=False)
    criterion = params.get("criterion")
    how = f", criterion {criterion!r}" if isinstance(criterion, str) else ""
    if searched:
        return f"{name}{how}: how much it keeps was searched."
    level = {key: params.get(key) for key in step._level_names() if params.get(key) is not None}
    if level:
        given = " and ".join(f"{key}={value!r}" for key, value in level.items())
        return f"{name}{how}: {given}."
    return f"{name}{how}: no level was given, so that its default holds."
