"""Boosting made small: the path of backfitting, searched as a user would.

Gradient boosting of 100 stages of depth 6, and histogram gradient boosting of 200 stages of 31
leaves: chosen by five folds at half a point of balanced accuracy (R2 for regression), judged on
rows that chose nothing.
"""

import warnings

import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from benchmarks._measure import row, seconds, table
from benchmarks._sets import tables
from benchmarks.ensembles import SEEDS, TOLERANCE, geometric, score
from skprune import PruningSearchCV, TreePruner, WithinTolerance, model_size


def run(repeat):  # noqa: ARG001 - seeds and sets are the rounds here
    """Measure; see the docstring of the module."""
    warnings.simplefilter("ignore")
    found = []
    for seed in SEEDS:
        for data in tables(seed):
            for model in models_for(data, seed):
                found.append(searched(data, model, seed))
                print(pd.DataFrame(found[-1:]).to_string(index=False, header=False))
    return table(*summary(found))


def models_for(data, seed):
    """Return the two kinds of boosting."""
    own = {"n_estimators": 100, "max_depth": 6, "random_state": seed}
    histogram = {"max_iter": 200, "early_stopping": False, "random_state": seed}
    if data.kind == "regression":
        return GradientBoostingRegressor(**own), HistGradientBoostingRegressor(**histogram)
    return GradientBoostingClassifier(**own), HistGradientBoostingClassifier(**histogram)


def searched(data, model, seed):
    """Return what is chosen; a dict."""
    fit_time, whole = seconds(lambda: clone(model).fit(data.X, data.y))
    pruner = TreePruner(model, criterion="backfitting", keep=1e-9, random_state=seed)
    both_time, fitted = seconds(lambda: clone(pruner).fit(data.X, data.y))
    metric = "r2" if data.kind == "regression" else "balanced_accuracy"
    search = PruningSearchCV(pruner, scoring=metric, refit=False, max_levels=1000)
    results = search.fit(data.X, data.y).cv_results_
    level = results["params"][WithinTolerance(TOLERANCE, reference="whole")(results)]
    small = fitted.path_.cut(threshold=level.get("threshold", 0.0))
    size, less = model_size(whole), model_size(small)
    return {
        "set": data.name,
        "model": type(model).__name__,
        "whole": round(score(data, whole), 4),
        "loss": round(score(data, whole) - score(data, small), 4),
        "leaves": round(size.units / less.units, 1),
        "bytes": round(size.bytes / less.bytes, 1),
        "path": round((both_time - fit_time) / fit_time, 2),
    }


def summary(found):
    """Yield a row per kind of boosting."""
    frame = pd.DataFrame(found)
    frame["model"] = frame["model"].str.removesuffix("Classifier").str.removesuffix("Regressor")
    for model, some in frame.groupby("model", sort=False):
        yield row(
            f"{model}: {len(some)} sets",
            f"{geometric(some['leaves']):.1f}x leaves, {geometric(some['bytes']):.1f}x bytes",
            f"mean loss {100 * some['loss'].mean():.2f} points",
            f"path {some['path'].median():.2f} fits",
            f"{int((some['loss'] > TOLERANCE).sum())} sets beyond the tolerance on test rows",
        )
