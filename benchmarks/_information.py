"""InformationPruner against mrmr_selection, mrmrs, scikit-learn and plain loops."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.feature_selection import mutual_info_classif

from benchmarks._measure import row, side_by_side
from skprune import InformationPruner
from skprune.arrays.bins import bin_codes, find_bins

N_ROWS, N_COLUMNS, N_KEPT = 2_000, 1_000, 50
N_TOP = 10


def rows(repeat):
    """Measure ours and the peers side by side.

    Parameters
    ----------
    repeat : int
        Rounds per measurement.

    Returns
    -------
    list of dict
        Rows of the table.
    """
    X, y = make_classification(
        N_ROWS, N_COLUMNS, n_informative=40, n_redundant=60, n_classes=3, random_state=0
    )
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(N_COLUMNS)])
    return [
        mrmr(frame, y, repeat, "mrmr_selection", peer_of_selection, peer_repeat=2),
        mrmr(frame, y, repeat, "mrmrs (Rust)", peer_of_mrmrs),
        information(repeat),
        *(loop(criterion, repeat) for criterion in ("jmi", "cmim")),
    ]


def mrmr(frame, y, repeat, name, peer_of, peer_repeat=None):
    """Check the list of mRMR, then time it; return a row of the table."""
    what = f"mRMR against {name}, {N_ROWS:,} x {N_COLUMNS:,}, {N_KEPT} kept"
    try:
        peer = peer_of(frame, y)
    except ImportError:
        return row(what, "", "", "", f"{name} is not installed")
    ours = partial(picked, frame, y, relevance="f_statistic", scheme="quotient")
    check(what, ours(), peer())
    return side_by_side(what, ours, peer, repeat, "same list", peer_repeat=peer_repeat)


def picked(frame, y, **params):
    """Return the names of the columns that stay, in the order of their picks."""
    pruner = InformationPruner(keep=N_KEPT, **params).fit(frame, y)
    return frame.columns[np.argsort(pruner.ranking_, kind="stable")[:N_KEPT]].tolist()


def peer_of_selection(frame, y):
    """Return mrmr_selection's call; with one job, which is its fastest."""
    with warnings.catch_warnings():  # it changes the filters when it is imported
        from mrmr import mrmr_classif

    target = pd.Series(y)
    return partial(mrmr_classif, frame, target, N_KEPT, n_jobs=1, show_progress=False)


def peer_of_mrmrs(frame, y):
    """Return the call of the Rust package."""
    import polars as pl
    from mrmrs import mrmr as rust

    table, target = pl.DataFrame(frame.to_dict("list")), pl.Series("y", y)
    return lambda: [f.name for f in rust(table, target, N_KEPT, "classification")]


def information(repeat):
    """Time mutual information against scikit-learn's estimate from neighbours."""
    X, y = make_classification(10_000, 50, n_informative=10, n_redundant=10, random_state=0)
    ours = partial(InformationPruner(criterion="mi").fit, X, y)
    peer = partial(mutual_info_classif, X, y, random_state=0)
    best = [set(np.argsort(-scores)[:N_TOP]) for scores in (ours().scores_, peer())]
    note = f"{len(best[0] & best[1])} of the best {N_TOP} are the same"
    return side_by_side("mutual information, 10,000 x 50", ours, peer, repeat, note)


def loop(criterion, repeat):
    """Time a criterion against the loop that computes every term anew."""
    X, y = make_classification(1_000, 40, n_informative=8, random_state=0)
    codes = bin_codes(X, find_bins(X))
    what = f"{criterion}, 1,000 x 40, 8 kept"

    def ours():
        ranking = InformationPruner(criterion=criterion, keep=8).fit(X, y).ranking_
        return np.argsort(ranking, kind="stable")[:8].tolist()

    peer = partial(plain_loop, codes, y, np.mean if criterion == "jmi" else np.min, 8)
    check(what, ours(), peer())
    return side_by_side(what, ours, peer, repeat, "same list; peer: plain loop", peer_repeat=2)


def plain_loop(codes, y, summary, n_kept):
    """Pick by sums over cells, each of them counted when it is needed."""
    columns = range(codes.shape[1])
    alone = [_entropy(codes[:, j]) + _entropy(y) - _entropy(codes[:, j], y) for j in columns]
    chosen = [int(np.argmax(alone))]
    while len(chosen) < n_kept:
        scores = np.full(len(columns), -np.inf)
        for j in set(columns) - set(chosen):
            terms = [_beside(codes[:, j], codes[:, s], y) for s in chosen]
            scores[j] = summary([*terms, alone[j]] if summary is np.min else terms)
        chosen.append(int(np.argmax(scores)))
    return chosen


def _beside(x, z, y):
    found = _entropy(x, z) + _entropy(z, y) - _entropy(z) - _entropy(x, z, y)
    return max(found, 0.0)


def _entropy(*columns):
    counts = np.unique(np.column_stack(columns), axis=0, return_counts=True)[1]
    n = counts.sum()
    return -(counts / n) @ np.log(counts / n) + (len(counts) - 1) / (2 * n)


def check(what, ours, peer):
    """Refuse to time two sides that differ."""
    if ours != peer:
        msg = f"{what}: ours {ours}, peer {peer}."
        raise AssertionError(msg)
