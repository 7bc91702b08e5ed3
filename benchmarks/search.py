"""PruningSearchCV against GridSearchCV, and every level against plain fits.

The first row searches 50 alphas by five folds, without a refit on either side; the second
scores every level of the path and refits, against the six fits that this needs anyway. Both
on 20,000 rows and 30 columns.
"""

import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from benchmarks._measure import side_by_side, table
from skprune import PruningSearchCV, TreePruner

TREE = DecisionTreeClassifier(random_state=0)


def run(repeat):
    """Measure; see the docstring of the module."""
    X, y = make_classification(20_000, 30, n_informative=10, flip_y=0.2, random_state=0)
    alphas = fifty_alphas(X, y)

    def ours():
        search = PruningSearchCV(TREE, {"threshold": alphas}, refit=False)
        return search.fit(X, y).cv_results_["mean_test_score"]

    def peer():
        search = GridSearchCV(TREE, {"ccp_alpha": alphas}, refit=False)
        results["grid"] = search.fit(X, y).cv_results_["mean_test_score"]

    results = {}
    grid = side_by_side(
        "50 alphas, 5 folds, against GridSearchCV", ours, peer, repeat, peer_repeat=1
    )
    same = np.array_equal(ours(), results["grid"])
    if not same:
        msg = "The mean test scores differ from those of GridSearchCV."
        raise AssertionError(msg)
    grid["note"] += "; mean_test_score equal to the last bit"

    def every_level():
        results["levels"] = len(PruningSearchCV(TREE).fit(X, y).cv_results_["params"])

    def plain_fits():
        for train, _ in StratifiedKFold(5).split(X, y):
            clone(TREE).fit(X[train], y[train])
        clone(TREE).fit(X, y)

    levels = side_by_side(
        "every level and the refit, against six fits", every_level, plain_fits, repeat
    )
    levels["note"] += f"; {results['levels']} levels; asked: ratio of at least 1 / 1.3 = 0.77"
    return table(grid, levels)


def fifty_alphas(X, y):
    """Return 50 midpoints between the alphas of the tree on all rows."""
    levels = TreePruner(TREE, keep=1.0).fit(X, y).path_.levels
    rows = np.linspace(1, len(levels) - 2, 50).astype(int)
    return list(levels["threshold"].iloc[rows])
