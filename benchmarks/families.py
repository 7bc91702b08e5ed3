"""Five families in one search, against a GridSearchCV for each of them.

Each family sits behind a `ColumnTransformer` of mixed columns (imputed and scaled numbers, one-hot
categories), and is searched at the same ten levels on both sides; forests by backfitting, whose
levels cost most in a grid search, and by members. On 600 rows and 3 folds, without a refit. The
mean test scores have to be equal, but for rounding. Seconds are of
processor time. The second row of each table is the call of
`make_search` by itself: the levels of the path, the rule, and the refit.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from benchmarks._measure import processor_seconds, row, table
from benchmarks._sets import FOLDER
from skprune import EnsemblePruner, PruningSearchCV, make_pruner, make_search

N_SAMPLES, N_FOLDS = 600, 3
LEVELS = [1.0, 0.7, 0.5, 0.35, 0.25, 0.17, 0.12, 0.08, 0.06, 0.04]
CLASSIFIERS = [
    DecisionTreeClassifier(random_state=0),
    RandomForestClassifier(30, random_state=0),
    HistGradientBoostingClassifier(max_iter=50, random_state=0),
    LogisticRegression(max_iter=200),
    MLPClassifier(hidden_layer_sizes=(32,), max_iter=30, random_state=0),
]
REGRESSORS = [
    DecisionTreeRegressor(random_state=0),
    RandomForestRegressor(30, random_state=0),
    HistGradientBoostingRegressor(max_iter=50, random_state=0),
    Ridge(),
    MLPRegressor(hidden_layer_sizes=(32,), max_iter=100, random_state=0),
]


def run(repeat):  # noqa: ARG001 - one round takes minutes
    """Measure; see the docstring of the module."""
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # networks that stop early
        for name, models in {"adult": CLASSIFIERS, "california_housing": REGRESSORS}.items():
            rows += _measure(name, models)
    return table(*rows)


def _measure(name, models):
    X, y = _load(name)
    pruners = [make_pruner(model) for model in models]
    pruners.insert(2, EnsemblePruner(models[1]))
    pipelines = [make_pipeline(_columns(), pruner) for pruner in pruners]
    grids = [{f"{pipeline.steps[-1][0]}__keep": LEVELS} for pipeline in pipelines]
    nested = [
        {"model": [pipeline]} | {f"model__{key}": values for key, values in grid.items()}
        for pipeline, grid in zip(pipelines, grids, strict=True)
    ]
    whole = Pipeline([("model", pipelines[0])])
    search = PruningSearchCV(whole, nested, cv=N_FOLDS, refit=False)
    ours, found = processor_seconds(lambda: search.fit(X, y).cv_results_)
    peer, scores, parts = 0.0, [], []
    for pipeline, grid in zip(pipelines, grids, strict=True):
        plain = GridSearchCV(pipeline, grid, cv=N_FOLDS, refit=False)
        took, each = processor_seconds(lambda plain=plain: plain.fit(X, y).cv_results_)
        scores.append(each["mean_test_score"])
        parts.append(f"{took:.3g}")
        peer += took
    # Sums over samples may differ in the last bits.
    np.testing.assert_allclose(found["mean_test_score"], np.concatenate(scores), rtol=1e-9)
    bare = [make_pipeline(_columns(), model) for model in models]
    chosen = make_search(*bare, cv=N_FOLDS, max_levels=10)
    took, _ = processor_seconds(lambda: chosen.fit(X, y))
    results, best = chosen.cv_results_, chosen.best_index_
    front = results["family"][chosen.pareto_front_]
    note = f"{results['family'][best]}, {results['mean_bytes'][best]:,.0f} bytes; on the front "
    note += ", ".join(f"{family} {n}" for family, n in pd.Series(front).value_counts().items())
    return [
        row(
            f"{name}, ten levels each",
            f"{ours:.3g} s",
            f"{peer:.3g} s",
            f"{peer / ours:.3g}",
            f"scores equal; GridSearchCV by family: {', '.join(parts)} s",
        ),
        row(f"{name}, make_search", f"{took:.3g} s", "", "", note),
    ]


def _load(name):
    frame = pd.read_csv(FOLDER / f"{name}.csv.gz").sample(N_SAMPLES, random_state=0)
    return frame.drop(columns="target"), frame["target"].to_numpy()


def _columns():
    return make_column_transformer(
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (
            OneHotEncoder(handle_unknown="ignore", min_frequency=20, sparse_output=False),
            make_column_selector(dtype_exclude="number"),
        ),
    )
