"""Forests made small: what each way keeps of them, on rows that chose nothing.

The first part searches the paths of backfitting of a forest of 100 trees, as a user would: five
folds, six ridges; the smallest level that loses at most half a point of balanced accuracy (R2 for
regression) there, at 80 % confidence or by the mean, or nothing, or that a test finds not worse by
half a point. The second part (SKPRUNE_WAYS=1) compares ways to prune: every way may look at the
same fifth of the training rows, and takes its smallest level that loses at most half a point
there; a small forest from scratch has as many leaves as backfitting took. Losses and compressions
are those of the test rows, fits and paths are in processor time.
"""

import os
import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from benchmarks._measure import processor_seconds, row, seconds, table
from benchmarks._sets import tables
from skprune import (
    EnsemblePruner,
    NonInferior,
    PruningSearchCV,
    TreePruner,
    WithinTolerance,
    make_pruner,
    model_size,
)

TOLERANCE = 0.005
# The rule that is stated beforehand comes first; the others show what it does.
RULES = {
    "half a point at 80 %": WithinTolerance(TOLERANCE, reference="whole", confidence=0.8),
    "half a point": WithinTolerance(TOLERANCE, reference="whole"),
    "no loss": WithinTolerance(0.0, reference="whole"),
    "non-inferior": NonInferior(TOLERANCE),
}
# The ways are compared where a fifth of the training rows can tell half a point, and the slow
# ones among them take minutes, not hours.
ROWS = range(3000, 16_000)
WAYS = os.environ.get("SKPRUNE_WAYS") == "1"
SEEDS = [int(seed) for seed in os.environ.get("SKPRUNE_SEEDS", "0").split(",")]


def run(repeat):  # noqa: ARG001 - seeds and sets are the rounds here
    """Measure; see the docstring of the module."""
    warnings.simplefilter("ignore")
    found, ways = [], []
    for kind in (RandomForestClassifier, RandomForestRegressor):  # compiles, where there is numba
        TreePruner(kind(5), criterion="backfitting").fit(*make_classification(n_classes=2))
    TreePruner(RandomForestClassifier(5), criterion="backfitting").fit(*load_iris(return_X_y=True))
    for seed in SEEDS:
        for data in tables(seed):
            found += searched(data, seed)
            print(pd.DataFrame(found[-len(RULES) :]).to_string(index=False, header=False))
            if WAYS and len(data.y) in ROWS:
                ways += compared(data, seed)
    return table(*summary(found), *summary_of_ways(ways))


def forest_for(data, seed):
    """Return the forest that is pruned; a third of the columns per split for regression."""
    if data.kind == "regression":
        return RandomForestRegressor(100, max_features=1 / 3, random_state=seed)
    return RandomForestClassifier(100, random_state=seed)


def score(data, model, X=None, y=None):
    """Return the balanced accuracy or R2, on the test rows if none are given."""
    X, y = (data.X_test, data.y_test) if X is None else (X, y)
    metric = r2_score if data.kind == "regression" else balanced_accuracy_score
    return metric(y, model.predict(X))


def stored(model):
    """Return leaf values and bytes; two fractions that add up to one count as one value."""
    size = model_size(model)
    n_classes = len(getattr(model, "classes_", [0]))
    several = n_classes > 2 and isinstance(model, RandomForestClassifier | Pipeline)
    each = n_classes if several else 1
    return size.units * each, size.bytes


def searched(data, seed):
    """Return what each rule chooses from the paths of backfitting; a list of dict."""
    forest = forest_for(data, seed)
    fit_time, whole = processor_seconds(lambda: clone(forest).fit(data.X, data.y))
    pruner = make_pruner(forest, keep=1e-9)
    both_time, _ = processor_seconds(lambda: clone(pruner).fit(data.X, data.y))
    given = clone(pruner).set_params(estimator=FrozenEstimator(whole))
    path_time, _ = processor_seconds(
        lambda: clone(given).set_params(ridge=10.0).fit(data.X, data.y)
    )
    metric = "r2" if data.kind == "regression" else "balanced_accuracy"
    search = PruningSearchCV(make_pruner(forest), scoring=metric, refit=False, max_levels=1000)
    search_time, results = processor_seconds(lambda: search.fit(data.X, data.y).cv_results_)
    values, n_bytes = stored(whole)
    waits, rows = latency(data, whole), []
    for name, rule in RULES.items():
        level = results["params"][rule(results)]
        path = given.set_params(ridge=level["ridge"]).fit(data.X, data.y).path_
        small = path.cut(threshold=level.get("threshold", 0.0))
        less_values, less_bytes = stored(small)
        batch, single = waits / latency(data, small)
        rows.append(
            {
                "set": data.name,
                "kind": data.kind,
                "seed": seed,
                "rule": name,
                "whole": round(score(data, whole), 4),
                "loss": round(score(data, whole) - score(data, small), 4),
                "values": round(values / less_values, 1),
                "bytes": round(n_bytes / less_bytes, 1),
                "ridge": level["ridge"],
                "batch": round(batch, 1),
                "single": round(single, 1),
                "fit": round(fit_time, 2),
                "path": round(path_time / fit_time, 2),
                "path and ridge": round((both_time - fit_time) / fit_time, 2),
                "search": round(search_time / fit_time, 1),
            }
        )
    return rows


def latency(data, model):
    """Return the seconds of a prediction of all test rows and of one, the least of five."""
    return np.array(
        [
            min(seconds(lambda X=X: model.predict(X))[0] for _ in range(5))
            for X in (data.X_test, data.X_test[:1])
        ]
    )


def summary(found):
    """Yield a row per kind and rule."""
    for (kind, rule), some in pd.DataFrame(found).groupby(["kind", "rule"], sort=False):
        beyond = int((some["loss"] > TOLERANCE).sum())
        yield row(
            f"{kind}, {rule}: {len(some)} sets",
            f"{geometric(some['values']):.0f}x values, {geometric(some['bytes']):.0f}x bytes",
            f"mean loss {100 * some['loss'].mean():.2f} points",
            f"path {some['path'].median():.2f} fits, "
            f"with choice of ridge {some['path and ridge'].median():.2f}",
            f"{beyond} beyond the tolerance on test rows, no loss at all on "
            f"{int((some['loss'] <= 0).sum())}, whole kept on {int((some['values'] <= 1).sum())}; "
            f"predictions {some['batch'].median():.1f}x (least {some['batch'].min():.1f}), "
            f"of one row {some['single'].median():.1f}x (least {some['single'].min():.1f})",
        )


def compared(data, seed):
    """Return what each way to prune makes of one forest; a list of dict."""
    stratify = None if data.kind == "regression" else data.y
    X, X_choose, y, y_choose = train_test_split(
        data.X, data.y, test_size=0.2, stratify=stratify, random_state=seed
    )
    fit_time, whole = seconds(lambda: forest_for(data, seed).fit(X, y))
    n_leaves, floor = model_size(whole).units, score(data, whole, X_choose, y_choose) - TOLERANCE
    rows = []
    for name, make in ways_for(data, seed, whole).items():
        try:
            time, path = seconds(lambda make=make: make().fit(X, y).path_)
        except ValueError as error:
            print(f"{data.name}, {name}: {error}")
            continue
        levels = spread(path.units)
        models = path.snapshots(X_choose, levels)
        good = [score(data, model, X_choose, y_choose) >= floor for model in models]
        good = levels[good]
        small = path.cut(index=good[np.argmin(path.levels.bytes.to_numpy()[good])])
        extra = time - fit_time if name == "backfitting" else time
        rows.append(_way(data, name, whole, small, extra / fit_time))
        if name == "backfitting":
            rows.append(_way(data, "from scratch", whole, *scratch(data, seed, X, y, small)))
    for entry in rows:
        entry["leaves"] = n_leaves / entry.pop("units")
    return rows


def spread(units, most=60):
    """Return some levels of a path, the whole first, their sizes falling by equal factors."""
    aims = np.geomspace(units[0], max(1, units[-1]), most)
    return np.unique(np.searchsorted(-np.minimum.accumulate(units), -aims).clip(max=len(units) - 1))


def ways_for(data, seed, whole):
    """Return the pruners, by name."""
    frozen, forest = FrozenEstimator(whole), forest_for(data, seed)
    orders = ["reduced_error", "random", "lasso"]
    orders += [] if data.kind == "regression" else ["complementarity", "margin_distance", "drep"]
    ways = {
        "backfitting": lambda: TreePruner(
            forest, criterion="backfitting", keep=1e-9, random_state=seed
        ),
        "cost complexity": lambda: TreePruner(frozen),
        "random splits": lambda: TreePruner(frozen, criterion="random", random_state=seed),
    }
    for order in orders:
        # Members are judged out of bag, on the rows that grew the forest.
        ways[f"members: {order}"] = lambda order=order: EnsemblePruner(
            forest, criterion=order, random_state=seed
        )
    return ways


def scratch(data, seed, X, y, small):
    """Return the best small forest with as many leaves, of some numbers of trees, and its time."""
    budget, best = model_size(small).units, (-np.inf, None)
    time = 0.0
    for n_trees in (5, 10, 20, 50, 100):
        if budget < 2 * n_trees:
            continue
        model = forest_for(data, seed).set_params(
            n_estimators=n_trees, max_leaf_nodes=max(2, budget // n_trees)
        )
        spent, model = seconds(lambda model=model: model.fit(X, y))
        time += spent
        # The best on the test rows: this flatters the rival.
        best = max(best, (score(data, model), n_trees, model), key=lambda b: b[0])
    return (best[2] if best[1] else forest_for(data, seed).set_params(max_depth=1).fit(X, y)), time


def _way(data, name, whole, small, time):
    return {
        "set": data.name,
        "kind": data.kind,
        "way": name,
        "loss": score(data, whole) - score(data, small),
        "units": model_size(small).units,
        "bytes": stored(whole)[1] / stored(small)[1],
        "time": time,
    }


def summary_of_ways(ways):
    """Yield a row per kind and way."""
    if not ways:
        return
    for (kind, way), some in pd.DataFrame(ways).groupby(["kind", "way"], sort=False):
        yield row(
            f"{kind}, {way}: {len(some)} sets",
            f"{geometric(some['leaves']):.1f}x leaves, {geometric(some['bytes']):.1f}x bytes",
            f"mean loss {100 * some['loss'].mean():.2f} points",
            f"{some['time'].median():.2f} fits" if way != "from scratch" else "",
            "",
        )


def geometric(values):
    """Return the geometric mean."""
    return np.exp(np.log(values).mean())
