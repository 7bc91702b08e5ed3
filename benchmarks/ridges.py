"""The ridge that backfitting chooses against the best constant ridge, at equal numbers of leaves.

The best constant ridge is chosen by the score on the test rows, which flatters it. Points of R2
on these rows; SKPRUNE_SEEDS lists the seeds.
"""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from benchmarks._measure import row, table
from benchmarks._sets import tables
from benchmarks.ensembles import SEEDS, forest_for, score
from skprune import TreePruner

RIDGES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
SIZES = (250, 1000, 4000)


def run(repeat):  # noqa: ARG001 - seeds and sets are the rounds here
    """Measure; see the docstring of the module."""
    warnings.simplefilter("ignore")
    found = []
    for seed in SEEDS:
        for data in tables(seed):
            if data.kind == "regression":
                found += compared(data, seed)
                print(pd.DataFrame(found[-len(SIZES) :]).to_string(index=False, header=False))
    return table(*summary(pd.DataFrame(found).dropna()))


def compared(data, seed):
    """Return the R2 of the chosen and of the best constant ridge at each size; a list of dict."""
    forest = forest_for(data, seed).fit(data.X, data.y)
    pruner = TreePruner(forest, criterion="backfitting", keep=1e-9, random_state=seed)
    chosen = scores(data, clone(pruner).fit(data.X, data.y).path_)
    frozen = clone(pruner).set_params(estimator=FrozenEstimator(forest))
    constant = np.array(
        [
            scores(data, clone(frozen).set_params(ridge=ridge).fit(data.X, data.y).path_)
            for ridge in RIDGES
        ]
    )
    return [
        {
            "set": data.name,
            "seed": seed,
            "leaves": size,
            "chosen": chosen[at],
            "best": np.nanmax(constant[:, at], initial=-np.inf),
            "ridge": RIDGES[int(np.nan_to_num(constant[:, at], nan=-np.inf).argmax())],
        }
        for at, size in enumerate(SIZES)
    ]


def scores(data, path):
    """Return the score of the largest level within each size; NaN where all levels are smaller."""
    found = []
    for size in SIZES:
        within = np.flatnonzero(path.units <= size)
        reached = within[0] > 0 and path.units[within[0] - 1] < 2 * size
        found.append(score(data, path.cut(index=within[0])) if reached else np.nan)
    return found


def summary(frame):
    """Yield a row per size, and one for all."""
    lost = 100 * (frame["best"] - frame["chosen"])
    for size, some in [*lost.groupby(frame["leaves"]), ("all", lost)]:
        yield row(
            f"{size} leaves: {len(some)} cases",
            f"{100 * frame['chosen'][some.index].mean():.2f}",
            f"{100 * frame['best'][some.index].mean():.2f}",
            f"{some.mean():.2f} points behind",
            f"spread {some.std():.2f}, at most {some.max():.2f}",
        )
