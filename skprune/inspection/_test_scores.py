"""Scores of the levels of a search on test data, beside those that selected the level."""

import numpy as np
from sklearn.pipeline import Pipeline

from skprune.base import BaseModelPruner
from skprune.exceptions import InputError, LevelError


def score_on_test_data(search, levels, X, y, scoring):
    """Score the levels of the chosen combination, each cut from the refitted model.

    Parameters
    ----------
    search : PruningSearchCV or GridSearchCV
        Fitted, with a best estimator that is a pruner of a model, or a pipeline that ends in one.
    levels : DataFrame
        As `read_levels` returns it.
    X, y : array-like
        Test samples and targets.
    scoring : str, callable or None
        As in `PruningPath.score`.

    Returns
    -------
    ndarray of shape (n_rows,)
        NaN for levels of other combinations, and for those that the refitted model does not have.

    Raises
    ------
    InputError
        If the best estimator has no path of models.
    """
    model, prefix = getattr(search, "best_estimator_", None), ""
    while isinstance(model, Pipeline):
        X = model[:-1].transform(X) if len(model) > 1 else X
        name, model = model.steps[-1]
        prefix += f"{name}__"
    if not isinstance(model, BaseModelPruner) or not hasattr(model, "path_"):
        msg = (
            "X_test was given, but the best estimator of this search has no path of models whose "
            "levels could be scored on it: it is no pruner of a model, or it was pickled. Leave "
            "X_test and y_test out, and compare single models instead."
        )
        raise InputError(msg)
    path, rows = model.path_, np.full(len(levels), -1)
    line = levels.loc[levels["chosen"], "line"].iloc[0]
    for i in np.flatnonzero(levels["line"] == line):
        params = search.cv_results_["params"][i]
        level = {name: params.get(f"{prefix}{name}") for name in model._level_names()}
        try:
            rows[i] = model._row_of_level(path, level)
        except LevelError:
            continue
    found = np.unique(rows[rows >= 0])
    scores = np.full(len(path) + 1, np.nan)  # the last is that of rows without a level
    scores[found] = path.score(X, y, scoring=scoring, index=found)
    return scores[rows]
