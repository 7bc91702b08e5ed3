"""The levels of a fitted search: their lines, scores and sizes, and which one is the whole."""

from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from skprune.base import BasePruner
from skprune.exceptions import InputError
from skprune.model_selection._cv_results import CVResults
from skprune.model_selection._level_adapters import adapt, step_with_levels


def read_levels(search, metric, size):
    """Return the levels of a search as the frame of a display.

    Parameters
    ----------
    search : PruningSearchCV or GridSearchCV
        Fitted.
    metric : str
        Name of the metric.
    size : str
        Name of the size.

    Returns
    -------
    levels : DataFrame
        A row per row of `cv_results_`.
    path : BasePath or None
        The path of the chosen estimator, where it is known.

    Raises
    ------
    InputError
        If the search is not fitted, or there is no such metric or size.
    """
    columns = getattr(search, "cv_results_", None)
    if columns is None:
        msg = (
            f"{type(search).__name__} has no cv_results_. Give a fitted search; for a "
            "fitted pruner there is from_estimator."
        )
        raise InputError(msg)
    results, params = CVResults(columns), columns["params"]
    given, fitted = (
        _pruner_of(getattr(search, name, None)) for name in ("estimator", "best_estimator_")
    )
    swapped = [adapt(value) for row in params for value in row.values()]
    names = _level_names(params, [given, fitted, *swapped])
    step = names[0].rpartition("__")[0] if names else ""
    levels = pd.DataFrame(
        {
            "line": [_other_params(row, names) for row in params],
            size: results.sizes(size),
            metric: results.scores(metric),
            "standard_error": results.standard_errors(metric),
            "chosen": np.arange(len(params)) == getattr(search, "best_index_", -1),
            "whole": [
                _is_whole(row, names, adapt(row.get(step)) or given, fitted) for row in params
            ],
        }
    )
    return levels, getattr(fitted, "path_", None)


def _pruner_of(model):
    """Return what has the level protocol in a model, fitted or not; None if nothing has."""
    model = getattr(model, "student_", model)
    if isinstance(model, Pipeline):
        position = step_with_levels(model)
        return None if position is None else adapt(model.steps[position][1])
    return model if isinstance(model, BasePruner) else None


def _level_names(params, pruners):
    """Return the names of the parameters that vary along a line.

    These are the parameters that name the level of one pruner, or, where the search is not
    over levels, the parameter with the most values.
    """
    known = [pruner for pruner in pruners if pruner is not None] or [BasePruner]
    level_names = {name for pruner in known for name in pruner._level_names()}
    values: dict[str, set[str]] = {}
    for row in params:
        for name, value in row.items():
            values.setdefault(name, set()).add(repr(value))
    groups: dict[str, list[str]] = {}
    for name in values:
        prefix, _, last = name.rpartition("__")
        if last in level_names:
            groups.setdefault(prefix, []).append(name)
    found = list(groups.values()) or [[name] for name in values]
    return max(found, key=lambda names: sum(len(values[name]) for name in names), default=[])


def _other_params(row, names):
    """Return the parameters of a row that are not its level, as a text."""
    return ", ".join(
        # An estimator may print over several lines.
        f"{name}={' '.join(str(value).split())}"
        for name, value in row.items()
        if name not in names
    )


def _is_whole(row, names, given, fitted):
    """Return whether a row is known to keep everything.

    Parameters
    ----------
    row : dict of str to object
        Parameters of the row.
    names : list of str
        Those that may name a level.
    given, fitted : BasePruner, SelectorAdapter or None
        The pruner of the row as it was given, and that of the best estimator.

    Returns
    -------
    bool
        Whether the level of the row is the whole, or the first one of the path.
    """
    pruner = given or fitted
    level = {} if given is None else given._level_params()
    level |= {name.rpartition("__")[2]: row[name] for name in names if name in row}
    wholes = [(pruner or BasePruner)._whole_level()]
    if type(pruner) is type(fitted) and hasattr(fitted, "path_"):
        wholes.append(fitted._level_of_row(fitted.path_, 0))
    return any(
        all(_is_same(level.get(name), value) for name, value in whole.items()) for whole in wholes
    )


def _is_same(value, whole):
    """Compare parameters of a level: 1 is one unit, 1.0 is all of them."""
    return isinstance(value, Integral) == isinstance(whole, Integral) and bool(value == whole)
