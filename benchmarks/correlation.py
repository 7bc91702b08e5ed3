"""Correlation pruning: time against the usual loop, and memory of a wide table.

The peer is feature-engine's ``DropCorrelatedFeatures`` if it is installed, else its
algorithm written out: pandas' ``.corr()``, then a double loop over the columns. It keeps the
first column of each group by name; here the columns are named in order, and ours is asked
for the same with ``prefer="order"``. Both answers are checked before any time is shown: the
columns that stay are the same, and no pair above the threshold is left.

Variance inflation is held against the usual loop: the factor of each column by statsmodels
(else by one least-squares solve each), the largest one goes, begin again.
"""

import subprocess
import sys
from functools import partial
from statistics import median

import numpy as np
import pandas as pd

from benchmarks._measure import row, seconds, side_by_side, table
from skprune import CorrelationPruner

THRESHOLD = 0.8
N_ROWS, N_COLUMNS = 10_000, 1_000
INFLATED_ROWS, INFLATED_COLUMNS = 1_000, 30
INFLATION = 5.0
WIDE_ROWS, WIDE_COLUMNS = 2_000, 20_000
GIGABYTE = 2**30


def run(repeat):
    """Measure ours and the peer side by side.

    Parameters
    ----------
    repeat : int
        Rounds, three at least; the peer, which takes long, is in one or three of them.

    Returns
    -------
    DataFrame
        Columns `what`, `ours`, `peer`, `ratio`, `note`.
    """
    X = make_table(N_ROWS, N_COLUMNS)
    holes = X.mask(np.random.default_rng(1).random(X.shape) < 0.05)
    size = f"{N_ROWS:,} x {N_COLUMNS:,}"
    return table(
        compare(f"pearson, {size}", X, "pearson", repeat, peer_repeat=3),
        compare(f"pearson with 5 % NaN, {size}", holes, "pearson", repeat, peer_repeat=1),
        compare(f"spearman, {size}", X, "spearman", repeat, peer_repeat=1),
        compare_inflation(repeat),
        whole_path(X, repeat),
        wide_table(),
    )


def make_table(n_rows, n_columns):
    """Return columns of which half are noisy copies of the other half, in one block."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, n_columns))
    half = n_columns // 2
    X[:, half:] += X[:, : n_columns - half] * rng.uniform(0, 4, n_columns - half)
    return pd.DataFrame(X, columns=[f"c{i:05d}" for i in range(n_columns)])


def loop(X, method):
    """Return the columns that feature-engine keeps, computed the way it does."""
    strong = np.triu(np.abs(X.corr(method=method).to_numpy()), 1) > THRESHOLD
    examined, dropped = set(), set()
    columns = list(X.columns)
    for i, first in enumerate(columns):
        if first not in examined:
            examined.add(first)
            for j, second in enumerate(columns):
                if second not in examined and strong[i, j]:
                    examined.add(second)
                    dropped.add(second)
    return [column for column in columns if column not in dropped]


def peer_of():
    """Return the name of the peer and a function that returns the columns it keeps."""
    try:
        from feature_engine.selection import DropCorrelatedFeatures
    except ImportError:
        return "pandas loop", loop

    def drop(X, method):
        peer = DropCorrelatedFeatures(
            threshold=THRESHOLD, method=method, missing_values="ignore"
        ).fit(X)
        gone = set(peer.features_to_drop_)
        return [column for column in X.columns if column not in gone]

    return "feature-engine", drop


def ours(X, criterion):
    """Return the columns that CorrelationPruner keeps."""
    pruner = CorrelationPruner(criterion=criterion, threshold=THRESHOLD, prefer="order")
    return pruner.fit(X).get_feature_names_out().tolist()


def surviving_pairs(X, columns, criterion):
    """Count the pairs above the threshold that are left, by pandas' own measure."""
    X = X[columns].rank() if criterion == "spearman" else X[columns]
    return int((np.triu(X.corr().abs().to_numpy(), 1) > THRESHOLD + 1e-12).sum())


def compare(what, X, criterion, repeat, peer_repeat):
    """Check both answers, then time both in turns; return a row of the table."""
    name, peer = peer_of()
    kept, peer_kept = ours(X, criterion), peer(X, criterion)
    left, peer_left = (surviving_pairs(X, c, criterion) for c in (kept, peer_kept))
    if left:
        msg = f"{what}: {left} pairs above the threshold survive ours."
        raise AssertionError(msg)
    same = "same columns" if kept == peer_kept else f"{len(set(kept) ^ set(peer_kept))} differ"
    note = f"{len(kept)} stay, {same}; pairs left: 0 ours, {peer_left} {name}"
    both = partial(ours, X, criterion), partial(peer, X, criterion)
    return side_by_side(what, *both, max(3, repeat), note, peer_repeat=peer_repeat)


def inflation_of():
    """Return the name of the peer and a function that returns a variance inflation factor."""
    try:
        from statsmodels.stats.outliers_influence import variance_inflation_factor
    except ImportError:

        def solve(X, column):
            others = np.delete(X, column, axis=1)
            rest = X[:, column] - others @ np.linalg.lstsq(others, X[:, column])[0]
            return (X[:, column] @ X[:, column]) / (rest @ rest)

        return "loop of solves", solve
    return "statsmodels", variance_inflation_factor


def inflation_loop(X, factor):
    """Return the columns that stay when the most inflated one goes until none is above."""
    values, columns = (X - X.mean()).to_numpy(), np.arange(X.shape[1])
    while True:
        found = [factor(values[:, columns], i) for i in range(len(columns))]
        if max(found) <= INFLATION:
            return X.columns[columns].tolist()
        columns = np.delete(columns, np.argmax(found))


def inflation_ours(X):
    """Return the columns that CorrelationPruner keeps by variance inflation."""
    pruner = CorrelationPruner(criterion="vif", threshold=1 - 1 / INFLATION, prefer="order")
    return pruner.fit(X).get_feature_names_out().tolist()


def compare_inflation(repeat):
    """Check both answers, then time both in turns; return a row of the table."""
    X = make_table(INFLATED_ROWS, INFLATED_COLUMNS)
    name, factor = inflation_of()
    kept, peer_kept = inflation_ours(X), inflation_loop(X, factor)
    same = "same columns" if kept == peer_kept else f"{len(set(kept) ^ set(peer_kept))} differ"
    both = partial(inflation_ours, X), partial(inflation_loop, X, factor)
    what = f"vif, {INFLATED_ROWS:,} x {INFLATED_COLUMNS}"
    note = f"{len(kept)} stay, {same}; peer: {name}"
    return side_by_side(what, *both, max(3, repeat), note, peer_repeat=1)


def whole_path(X, repeat):
    """Time the fit with all its levels."""
    rounds = [seconds(lambda: CorrelationPruner().fit(X).path_) for _ in range(max(3, repeat))]
    times, paths = zip(*rounds, strict=True)
    return row("fit and whole path", f"{median(times):.3g} s", "", "", f"{len(paths[0])} levels")


def wide_table():
    """Measure the peak memory of a process that fits a wide table; Linux only."""
    # `getrusage` would count what the process that started it had used before.
    code = (
        "from pathlib import Path\n"
        "from benchmarks.correlation import *\n"
        "def peak():\n"
        "    status = Path('/proc/self/status').read_text()\n"
        "    return 1024 * int(status.split('VmHWM:')[1].split()[0])\n"
        "X = np.random.default_rng(0).standard_normal((WIDE_ROWS, WIDE_COLUMNS))\n"
        "data = peak()\n"
        "spent, pruner = seconds(partial(CorrelationPruner(threshold=THRESHOLD).fit, X))\n"
        "assert pruner.keep_mask_.all()\n"
        "print(data, peak(), spent)\n"
    )
    answer = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    data, peak, spent = map(float, answer.stdout.split())
    whole = WIDE_COLUMNS**2 * 8
    note = (
        f"whole process, {data / GIGABYTE:.2f} GB of it before fit; {spent:.0f} s; "
        "peer: its correlation matrix alone"
    )
    return row(
        f"peak memory, {WIDE_ROWS:,} x {WIDE_COLUMNS:,}",
        f"{peak / GIGABYTE:.2f} GB",
        f"{whole / GIGABYTE:.2f} GB",
        f"{whole / peak:.1f}x",
        note,
    )
