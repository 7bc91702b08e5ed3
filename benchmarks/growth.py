"""How the cost of pruning grows with rows, columns, trees and classes, in processor time.

One number grows while the others stay at 2,000 rows, 20 columns, 20 trees and two classes. Models
are frozen: their fit, which stands in rows of its own, is not part of the pruning. Set
``OMP_NUM_THREADS=1``, as processor time counts idle threads as well. The environment variable
``SKPRUNE_FIGURES`` names a CSV file that the figures are written to; the documentation draws
``docs/figures/growth.csv``.
"""

import os
import sys
import warnings

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from benchmarks._measure import processor_seconds
from skprune import (
    CorrelationPruner,
    EnsemblePruner,
    InformationPruner,
    LinearPruner,
    RulePruner,
    TreePruner,
)

BASE = {"rows": 2000, "columns": 20, "trees": 20, "classes": 2}
GROWING = {
    "rows": [500, 2000, 8000, 32000],
    "columns": [10, 20, 80, 320],
    "trees": [5, 20, 80, 320],
    "classes": [2, 4, 8, 16],
}


def run(repeat):
    """Measure; see the docstring of the module."""
    dict(measure(rows=100, columns=5, trees=2, classes=2, rounds=1))  # compiled code is loaded
    rows = []
    for axis, sizes in GROWING.items():
        for size in sizes:
            for what, seconds in measure(**BASE | {axis: size}, rounds=min(repeat, 2)):
                if axis == "trees" and what in TABLES:
                    continue  # they have none
                rows.append({"axis": axis, "size": size, "what": what, "seconds": seconds})
                print(rows[-1], file=sys.stderr, flush=True)
    table = pd.DataFrame(rows)
    if path := os.environ.get("SKPRUNE_FIGURES"):
        table.round({"seconds": 4}).to_csv(path, index=False, lineterminator="\n")
    return table


TABLES = {
    "RulePruner": RulePruner(),
    "CorrelationPruner": CorrelationPruner(),
    "InformationPruner": InformationPruner(),
}


def measure(rows, columns, trees, classes, rounds):
    """Yield what runs, and its seconds of processor time."""
    X, y = make_classification(
        rows,
        columns,
        n_informative=min(columns, 10),
        n_redundant=0,
        n_classes=classes,
        n_clusters_per_class=1,
        random_state=0,
    )
    forest = RandomForestClassifier(trees, random_state=0)
    linear = LogisticRegression(max_iter=200)
    yield "fit of the forest", least(lambda: forest.fit(X, y), rounds)
    yield "fit of LogisticRegression", least(lambda: linear.fit(X, y), rounds)
    frozen = FrozenEstimator(forest)
    pruners = TABLES | {
        "TreePruner": TreePruner(frozen),
        "TreePruner, backfitting": TreePruner(frozen, criterion="backfitting", ridge=1.0),
        "EnsemblePruner": EnsemblePruner(frozen),
        "LinearPruner": LinearPruner(FrozenEstimator(linear)),
    }
    for name, pruner in pruners.items():
        yield name, least(lambda pruner=pruner: fit(pruner, X, y), rounds)


def fit(pruner, X, y):
    """Fit, and compute the path, which some pruners leave for later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few samples for so many leaves
        return pruner.fit(X, y).path_


def least(function, rounds):
    """Return the least processor time of some rounds."""
    return float(np.min([processor_seconds(function)[0] for _ in range(rounds)]))
