"""Time of backfitting a forest, in fits of it, and latency of its models against the whole.

Processor time of the path of one ridge, and of path and choice of the ridges together, without the
fit of the forest itself. SKPRUNE_FAST=0 measures without the extra `fast`. Predictions of all test
rows and of one are timed for the largest level within a third, a tenth and a thirtieth of the
leaves; the ratio is how many times as fast the pruned model is.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator

from benchmarks._measure import processor_seconds, row, table
from benchmarks._sets import tables
from benchmarks.ensembles import SEEDS, forest_for, latency
from skprune import TreePruner, make_pruner

SHARES = (3, 10, 30)


def run(repeat):  # noqa: ARG001 - seeds and sets are the rounds here
    """Measure; see the docstring of the module."""
    warnings.simplefilter("ignore")
    warm_up()
    found = []
    for seed in SEEDS:
        for data in tables(seed):
            found.append(timed(data, seed))
            print(pd.DataFrame(found[-1:]).to_string(index=False, header=len(found) == 1))
    return table(*summary(pd.DataFrame(found)))


def warm_up():
    """Compile and load kernels, where they are to be used."""
    for kind in (RandomForestClassifier, RandomForestRegressor):
        TreePruner(kind(5), criterion="backfitting").fit(*make_classification(n_classes=2))
    TreePruner(RandomForestClassifier(5), criterion="backfitting").fit(*load_iris(return_X_y=True))


def timed(data, seed):
    """Return the times of one forest; a dict."""
    forest = forest_for(data, seed)
    fit_time, whole = processor_seconds(lambda: clone(forest).fit(data.X, data.y))
    pruner = make_pruner(forest, keep=1e-9)
    both_time, _ = processor_seconds(lambda: clone(pruner).fit(data.X, data.y))
    given = clone(pruner).set_params(estimator=FrozenEstimator(whole), ridge=10.0)
    path_time, fitted = processor_seconds(lambda: given.fit(data.X, data.y))
    waits, units = latency(data, whole), fitted.path_.units
    entry = {
        "set": data.name,
        "kind": data.kind,
        "rows": len(data.y),
        "fit": round(fit_time, 2),
        "path": round(path_time / fit_time, 2),
        "path and ridge": round((both_time - fit_time) / fit_time, 2),
    }
    for share in SHARES:
        level = min(np.searchsorted(-units, -units[0] / share), len(units) - 1)
        batch, single = waits / latency(data, fitted.path_.cut(index=level))
        entry |= {f"batch {share}": round(batch, 1), f"single {share}": round(single, 1)}
    return entry


def summary(frame):
    """Yield a row per kind."""
    for kind, some in frame.groupby("kind", sort=False):
        speed = ", ".join(
            f"a {share}th: {some[f'batch {share}'].median():.1f}x and "
            f"{some[f'single {share}'].median():.1f}x"
            for share in SHARES
        )
        yield row(
            f"{kind}: {len(some)} forests",
            f"path {some['path'].median():.2f} fits",
            f"with choice of ridge {some['path and ridge'].median():.2f}",
            f"{some['path and ridge'].min():.2f} to {some['path and ridge'].max():.2f}",
            f"batch and single row, at {speed}",
        )
