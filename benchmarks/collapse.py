"""Collapse alphas of a forest and of one large tree, and the rebuilt forest.

The alphas are compared with the path that scikit-learn computes for each tree.
"""

import pickle

import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeRegressor

from benchmarks._measure import row, seconds, side_by_side, table
from skprune import TreePruner
from skprune.base._levels import distinct
from skprune.criteria.weakest_link import training_risk, weakest_link
from skprune.surgery import surgeon_for


def run(repeat):
    """Measure; see the docstring of the module."""
    return table(*forest_rows(repeat), tree_row(repeat))


def forest_rows(repeat):
    """Measure a forest of 100 trees on 20,000 rows."""
    X, y = make_classification(20_000, 30, n_informative=10, flip_y=0.2, random_state=0)
    forest = RandomForestClassifier(100, random_state=0)
    fit_time, _ = seconds(lambda: forest.fit(X, y))

    def alphas():
        surgeon = surgeon_for(forest)
        return surgeon, weakest_link(surgeon.table, training_risk(surgeon.table))

    times = [seconds(alphas)[0] for _ in range(repeat)]
    surgeon, scores = alphas()
    worst = max(difference(surgeon.table, scores, t, X, y, forest) for t in range(len(forest)))
    share = row(
        "alphas of 100 trees, against the forest's fit",
        f"{np.median(times):.3g} s",
        f"{fit_time:.3g} s",
        f"{fit_time / np.median(times):.3g}",
        f"{np.median(times) / fit_time:.1%} of the fit (asked: 15 %), reading included; "
        f"{surgeon.table.n_nodes} nodes; largest relative difference {worst:.1e} (asked: 1e-9)",
    )
    rebuilt = TreePruner(forest, keep=1.0).fit(X, y).estimator_
    identical = rebuilt.predict_proba(X).tobytes() == forest.predict_proba(X).tobytes()
    sizes = len(pickle.dumps(rebuilt)), len(pickle.dumps(forest))
    same = row(
        "forest at keep=1.0, against the original",
        f"{sizes[0]} bytes",
        f"{sizes[1]} bytes",
        f"{sizes[1] / sizes[0]:.6f}",
        f"predictions byte-identical: {identical}",
    )
    return share, same


def difference(nodes, scores, t, X, y, forest):
    """Return the largest relative difference to the path of scikit-learn for one tree."""
    weight = np.bincount(forest.estimators_samples_[t], minlength=len(y)).astype(float)
    path = clone(forest[t]).cost_complexity_pruning_path(X, y, sample_weight=weight)
    own = slice(nodes.offsets[t], nodes.offsets[t + 1])
    ours = distinct(scores[own][nodes.is_split[own]])
    theirs = distinct(path.ccp_alphas[1:])
    if len(ours) != len(theirs):
        msg = f"Tree {t}: {len(ours)} levels, but {len(theirs)} by scikit-learn."
        raise AssertionError(msg)
    return np.max(np.abs(ours / theirs - 1))


def tree_row(repeat):
    """Measure one tree of about 120,000 nodes."""
    X, y = make_regression(60_000, 10, noise=50.0, random_state=0)
    tree = DecisionTreeRegressor(random_state=0)
    fit_time, _ = seconds(lambda: tree.fit(X, y))

    def ours():
        surgeon = surgeon_for(tree)
        return weakest_link(surgeon.table, training_risk(surgeon.table))

    def peer():
        results["path"] = clone(tree).cost_complexity_pruning_path(X, y)

    results = {}
    measured = side_by_side(
        "path of one tree, against scikit-learn", ours, peer, repeat, peer_repeat=1
    )
    scores = ours()
    theirs = distinct(results["path"].ccp_alphas[1:])
    found = distinct(scores[np.isfinite(scores)])
    worst = np.max(np.abs(found / theirs - 1)) if len(found) == len(theirs) else np.nan
    measured["note"] += (
        f"; {tree.tree_.node_count} nodes; the peer's time holds a fit of {fit_time:.2g} s; "
        f"largest relative difference {worst:.1e}"
    )
    return measured
