"""Backfitted boosting against histogram boosting that is trained small from scratch.

At each size the rival is the best of some fifty settings by its mean score on the test
rows, which flatters it; ours is the largest level of one path within the size, which nothing
chose. Means over the seeds.
"""

import warnings
from collections import defaultdict

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from benchmarks._measure import row, table
from benchmarks._sets import tables
from benchmarks.ensembles import SEEDS, score
from skprune import TreePruner, model_size

SIZES = (60, 120, 240, 480, 960)
SETTINGS = [
    (n_stages, leaves, rate)
    for n_stages in (4, 8, 15, 30, 60, 120)
    for leaves in (4, 8, 16, 31)
    for rate in (0.1, 0.3, 1.0)
    if rate < 1 or n_stages < 30
    if n_stages * leaves <= 1.3 * max(SIZES)
]


def run(repeat):  # noqa: ARG001 - seeds and sets are the rounds here
    """Measure; see the docstring of the module."""
    warnings.simplefilter("ignore")
    ours, rivals = defaultdict(list), defaultdict(list)
    for seed in SEEDS:
        for data in tables(seed):
            for size, value in backfitted(data, seed).items():
                ours[data.name, size].append(value)
            for setting in SETTINGS:
                rivals[data.name, setting].append(trained(data, setting, seed))
    return table(*(_compare(name, ours, rivals) for name in dict.fromkeys(n for n, _ in ours)))


def boosting(data, **params):
    """Return histogram boosting for a table."""
    regression = data.kind == "regression"
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return kind(early_stopping=False, **params)


def trained(data, setting, seed):
    """Return leaves and score of one small model from scratch."""
    n_stages, leaves, rate = setting
    model = boosting(
        data, max_iter=n_stages, max_leaf_nodes=leaves, learning_rate=rate, random_state=seed
    ).fit(data.X, data.y)
    return model_size(model).units, score(data, model)


def backfitted(data, seed):
    """Return the score of the largest level within each size."""
    source = boosting(data, max_iter=200, random_state=seed)
    pruner = TreePruner(source, criterion="backfitting", keep=1e-9, random_state=seed)
    path = pruner.fit(data.X, data.y).path_
    units = path.units
    within = [np.flatnonzero(units <= size)[0] for size in SIZES]
    levels = sorted(set(within))
    known = dict(zip(levels, path.snapshots(data.X_test, levels), strict=True))
    return {size: score(data, known[at]) for size, at in zip(SIZES, within, strict=True)}


def _compare(name, ours, rivals):
    mine, best = [], []
    for size in SIZES:
        means = [
            np.mean([value for _, value in found])
            for (whose, _), found in rivals.items()
            if whose == name and np.mean([leaves for leaves, _ in found]) <= size
        ]
        if means:  # several classes need a tree for each
            mine.append(np.mean(ours[name, size]))
            best.append(max(means))
    sizes = SIZES[-len(mine) :]
    wins = int((np.array(mine) > np.array(best)).sum())
    return row(
        name,
        " ".join(f"{value:.4f}" for value in mine),
        " ".join(f"{value:.4f}" for value in best),
        f"{wins} of {len(sizes)} sizes",
        f"at most {', '.join(map(str, sizes))} leaves",
    )
