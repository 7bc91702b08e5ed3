"""Rules: time against feature-engine, one transformer of it for each rule.

The table has columns of every kind: constant, nearly constant, duplicated, drifting. Both
sides must remove the same columns before any time is shown.
"""

import numpy as np
import pandas as pd

from benchmarks._measure import row, side_by_side
from skprune import RulePruner

N_ROWS, N_COLUMNS = 10_000, 1_000
SHARE, LIMIT = 0.95, 0.25


def rows(repeat):
    """Measure ours and the peer side by side.

    Parameters
    ----------
    repeat : int
        Rounds, three at least.

    Returns
    -------
    list of dict
        Rows of a table of results.
    """
    size = f"{N_ROWS:,} x {N_COLUMNS:,}"
    try:
        import feature_engine.selection as peer
    except ImportError:
        return [row(f"rules, {size}", "", "", "", "feature-engine is not installed")]
    X = make_table()
    off = {"constant": None, "missing": None, "duplicates": False}
    constant, nearly = peer.DropConstantFeatures(), peer.DropConstantFeatures(tol=SHARE)
    double, drift = peer.DropDuplicateFeatures(), peer.DropHighPSIFeatures(threshold=LIMIT)
    pairs = [
        ("constant", off | {"constant": 1.0}, [constant]),
        ("nearly constant", off | {"constant": SHARE}, [nearly]),
        ("duplicates", off | {"duplicates": True}, [double]),
        ("constant and duplicates", {}, [constant, double]),
        ("drift (psi)", off | {"psi": LIMIT}, [drift]),
        ("all four", {"constant": SHARE, "psi": LIMIT}, [nearly, double, drift]),
    ]
    return [
        compare(f"rules: {what}, {size}", X, RulePruner(**params), peers, repeat)
        for what, params, peers in pairs
    ]


def make_table():
    """Return columns of all kinds, in a random order."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_ROWS, N_COLUMNS))
    tenth = N_COLUMNS // 10
    kinds = [slice(i * tenth, (i + 1) * tenth) for i in range(6)]
    X[:, kinds[0]] = np.arange(tenth)
    X[:, kinds[1]] *= rng.random((N_ROWS, tenth)) > 0.97
    X[:, kinds[2]] = X[:, kinds[3]]
    X[N_ROWS // 2 :, kinds[4]] += 1.0
    X[:, kinds[5]] = np.round(X[:, kinds[5]])
    X = X[:, rng.permutation(N_COLUMNS)]
    return pd.DataFrame(X, columns=[f"c{i:05d}" for i in range(N_COLUMNS)])


def compare(what, X, pruner, peers, repeat):
    """Check both answers, then time both in turns; return a row of the table."""

    def theirs():
        return set().union(*(peer.fit(X).features_to_drop_ for peer in peers))

    def ours():
        return set(X.columns[~pruner.fit(X).get_support()])

    gone, peer_gone = ours(), theirs()
    if gone != peer_gone:
        msg = f"{what}: {len(gone ^ peer_gone)} columns differ."
        raise AssertionError(msg)
    return side_by_side(what, ours, theirs, max(3, repeat), f"same {len(gone)} removed")
