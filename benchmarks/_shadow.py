"""All-relevant columns: the answer of BorutaPy, its own spread, and the time of both.

The columns that matter are planted: 10 of 100 for classes, 5 of 100 for a quantity (Friedman's
first function). Both sides get one core and the forest that BorutaPy's own pages recommend; it
is asked for its automatic number of trees where they do, which grows with the columns. It is
run with another seed too: its agreement with itself is what ours can be held against. A table
takes some four minutes.
"""

import importlib.util
from statistics import mean, median

import numpy as np
from sklearn.datasets import make_classification, make_friedman1
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from benchmarks._measure import row, seconds
from skprune import ShadowPruner

N_ROWS, N_COLUMNS = 1000, 100
SIZE = f"{N_ROWS:,} x {N_COLUMNS:,}"


def rows(repeat):
    """Measure ours and the peer side by side.

    Parameters
    ----------
    repeat : int
        Tables, each with a seed of its own.

    Returns
    -------
    list of dict
        Rows of the table: `what`, `ours`, `peer`, `ratio`, `note`.
    """
    classes = RandomForestClassifier(max_depth=5, class_weight="balanced", n_jobs=1)
    quantity = RandomForestRegressor(max_depth=5, n_jobs=1)
    return [
        *compare("classes", planted_classes, classes, repeat, n_estimators="auto"),
        *compare("classes, 100 trees", planted_classes, classes, repeat, n_estimators=100),
        *compare("quantity, 100 trees", planted_quantity, quantity, repeat, n_estimators=100),
    ]


def planted_classes(seed):
    """Return a table, its classes and the columns that they are made of."""
    X, y = make_classification(
        N_ROWS, N_COLUMNS, n_informative=10, n_redundant=0, shuffle=False, random_state=seed
    )
    return X, y, set(range(10))


def planted_quantity(seed):
    """Return a table, its quantity and the columns that it is made of."""
    X, y = make_friedman1(N_ROWS, N_COLUMNS, noise=1.0, random_state=seed)
    return X, y, set(range(5))


def ours(X, y, estimator, seed):
    """Return the columns that ShadowPruner confirms."""
    decision = ShadowPruner(estimator, random_state=seed).fit(X, y).decision_
    return set(np.flatnonzero(decision == "confirmed").tolist())


def theirs(X, y, estimator, seed, n_estimators):
    """Return the columns that BorutaPy confirms."""
    from boruta import BorutaPy

    estimator = type(estimator)(**estimator.get_params())  # it is overwritten
    peer = BorutaPy(estimator, n_estimators=n_estimators, random_state=seed).fit(X, y)
    return set(np.flatnonzero(peer.support_).tolist())


def compare(what, plant, estimator, repeat, n_estimators):
    """Run all sides in turns, over some tables; return a row for each forest of ours."""
    what = f"shadows, {what}, {SIZE}"
    if importlib.util.find_spec("boruta") is None:
        return [row(what, "", "", "", "BorutaPy is not installed")]
    runs = []
    for seed in range(repeat):
        X, y, truth = plant(seed)
        runs.append(
            {
                "truth": (0.0, truth),
                "peer": seconds(lambda: theirs(X, y, estimator, seed, n_estimators)),  # noqa: B023
                "same forest": seconds(lambda: ours(X, y, estimator, seed)),  # noqa: B023
                "own forest": seconds(lambda: ours(X, y, None, seed)),  # noqa: B023
                "again": (0.0, theirs(X, y, estimator, seed + 1000, n_estimators)),
            }
        )
    return [summary(f"{what}, {side}", runs, side) for side in ("same forest", "own forest")]


def summary(what, runs, side):
    """Return the row of one of our sides: times and mean Jaccard similarities."""
    times = {name: [run[name][0] for run in runs] for name in (side, "peer")}
    ratios = np.divide(times["peer"], times[side])

    def alike(first, second):
        sets = [(run[first][1], run[second][1]) for run in runs]
        return f"{mean(len(a & b) / max(len(a | b), 1) for a, b in sets):.3f}"

    return row(
        what,
        f"{median(times[side]):.3g} s",
        f"{median(times['peer']):.3g} s",
        f"{sum(times['peer']) / sum(times[side]):.3g} ({ratios.min():.3g}-{ratios.max():.3g})",
        f"{len(runs)} tables; Jaccard with BorutaPy {alike(side, 'peer')}, BorutaPy with itself "
        f"{alike('peer', 'again')}, with the truth {alike(side, 'truth')} ours and "
        f"{alike('peer', 'truth')} BorutaPy",
    )
