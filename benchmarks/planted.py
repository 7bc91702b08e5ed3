"""Planted truth: whether pruners of columns rank the informative ones above the noise.

For tables whose informative columns are known: the chance that an informative column ranks
above one of noise (0.5 is a guess), ours and that of the univariate F statistic, and how
many of the best columns are informative. Tables of SKPRUNE_DATA are skipped if absent, and
SKPRUNE_SETS, if set, names those to use.
"""

import os
import warnings

import numpy as np
from sklearn.datasets import make_classification, make_friedman1
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_selection import f_classif, f_regression
from sklearn.metrics import roc_auc_score

import skprune
from benchmarks import _sets
from benchmarks._measure import row, seconds, table

MAX_ROWS = 5_000
SEED = 0


def run(repeat):
    """Rank the columns of every table by every pruner.

    Parameters
    ----------
    repeat : int
        Seeds of the generated tables, three at most.

    Returns
    -------
    DataFrame
        Columns `what`, `ours`, `peer`, `ratio`, `note`.
    """
    asked = os.environ.get("SKPRUNE_SETS")
    rows = []
    for name, sets in truths(min(repeat, 3)).items():
        if asked and name not in asked.split(","):
            continue
        drawn = list(sets())
        for method in methods(drawn[0][1]):
            rows.append(rate(f"{name}: {method}", method, drawn))
            print(rows[-1]["what"], rows[-1]["ours"], rows[-1]["note"], flush=True)
    return table(*rows)


def truths(n_seeds):
    """Return the tables by name; each yields (X, y, informative)."""
    seeds = range(n_seeds)
    generated = {
        "linear": lambda: (clusters(seed) for seed in seeds),
        "xor": lambda: (xor(seed) for seed in seeds),
        "friedman": lambda: (friedman(seed) for seed in seeds),
    }
    known = {"madelon": inflated, "fried": first(5), "waveform5000": slice(1, 20)}
    there = {
        name: lambda name=name, truth=truth: [shipped(name, truth)]
        for name, truth in known.items()
        if (_sets.FOLDER / f"{name}.csv.gz").exists()
    }
    return generated | there


def clusters(seed):
    """Ten informative columns, ten combinations of them and eighty of noise."""
    X, y = make_classification(
        1_000,
        100,
        n_informative=10,
        n_redundant=10,
        n_clusters_per_class=1,
        flip_y=0.05,
        shuffle=False,
        random_state=seed,
    )
    return X, y, np.arange(100) < 20


def xor(seed):
    """Two columns that say something only together, and fifty of noise."""
    X = np.random.default_rng(seed).standard_normal((1_000, 52))
    return X, ((X[:, 0] > 0) ^ (X[:, 1] > 0)).astype(int), np.arange(52) < 2


def friedman(seed):
    """Five columns with interactions and curves, and forty-five of noise."""
    X, y = make_friedman1(1_000, 50, noise=1.0, random_state=seed)
    return X, y, np.arange(50) < 5


def shipped(name, truth):
    """Return a table of the folder, at most `MAX_ROWS` rows of it."""
    X, y = _sets.load(name)
    rows = np.random.default_rng(SEED).permutation(len(X))[:MAX_ROWS]
    informative = np.zeros(X.shape[1], dtype=bool)
    informative[truth(X) if callable(truth) else truth] = True
    return X[rows], y[rows], informative


def first(n):
    """Return the first columns."""
    return slice(0, n)


def inflated(X):
    """Return columns that are combinations of others: in madelon the 20 that are not noise."""
    return np.diag(np.linalg.inv(np.corrcoef(X.T.astype(float)))) > 10


def methods(y):
    """Return the pruners to rank by, for a target."""
    classes = len(np.unique(y)) < 20
    forest = (RandomForestClassifier if classes else RandomForestRegressor)(
        100, min_samples_leaf=5, random_state=SEED, n_jobs=-1
    )
    return {
        "mutual information": skprune.InformationPruner(criterion="mi"),
        "mRMR": skprune.InformationPruner(),
        "JMI": skprune.InformationPruner(criterion="jmi"),
        "CMIM": skprune.InformationPruner(criterion="cmim"),
        "ReliefF": skprune.ReliefPruner(),
        "MultiSURF": skprune.ReliefPruner(criterion="multisurf"),
        "shadows": skprune.ShadowPruner(random_state=SEED),
        "permutation": skprune.PermutationPruner(forest, n_repeats=3, random_state=SEED),
        "random": skprune.RandomPruner(random_state=SEED),
    }


def rate(what, method, drawn):
    """Return a row: how well a pruner ranks, beside the univariate F statistic."""
    ours, peer, found, wanted, spent = [], [], 0, 0, []
    for X, y, informative in drawn:
        pruner = methods(y)[method]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", skprune.exceptions.PruningWarning)
            time, pruner = seconds(lambda p=pruner, X=X, y=y: p.set_params(keep=0.5).fit(X, y))
        rank = whole_ranking(pruner, X)
        ours.append(roc_auc_score(informative, -rank))
        univariate = f_classif if len(np.unique(y)) < 20 else f_regression
        peer.append(roc_auc_score(informative, np.nan_to_num(univariate(X, y)[0])))
        best = np.argsort(rank, kind="stable")[: informative.sum()]
        found += informative[best].sum()
        wanted += informative.sum()
        spent.append(time)
    n_rows, n_columns = drawn[0][0].shape
    note = (
        f"{found} of the {wanted} best are informative; {n_rows:,} x {n_columns}, "
        f"{np.mean(spent):.2g} s"
    )
    return row(what, f"{np.mean(ours):.3f}", f"{np.mean(peer):.3f}", "", note)


def whole_ranking(pruner, X):
    """Return the rank of each column over the whole path, the best first."""
    path = pruner.path_
    kept = np.sum([path.cut(index=index) for index in range(len(path))], axis=0)
    return X.shape[1] - kept
