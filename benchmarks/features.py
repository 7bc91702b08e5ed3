"""Pruners of columns against their peers: the same answer first, then the time.

Peers come with the extra `bench`; a row of one that is not installed says so. Correlation has
a benchmark of its own, `correlation`, and planted truth too, `planted`.
"""

import subprocess
import sys
from functools import partial

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from benchmarks import _information, _permutation, _relief, _rules, _shadow
from benchmarks._measure import row, seconds, side_by_side, table
from skprune import PruningSearchCV

PEERS = {
    "rules": _rules.rows,
    "information": _information.rows,
    "relief": _relief.rows,
    "shadow": _shadow.rows,
    "permutation": _permutation.rows,
}


def run(repeat):
    """Measure ours and the peers side by side.

    Parameters
    ----------
    repeat : int
        Rounds per measurement.

    Returns
    -------
    DataFrame
        Columns `what`, `ours`, `peer`, `ratio`, `note`.
    """
    parts = [*PEERS.values(), selectors, import_time]
    return table(*(row for part in parts for row in part(repeat)))


def selectors(repeat):
    """Search over scikit-learn's own selectors, against `GridSearchCV`."""
    X, y = make_classification(2_000, 40, n_informative=10, random_state=0)
    forest = ExtraTreesClassifier(100, random_state=0)
    cases = {
        "SelectFromModel of a forest, 40 levels, 5 folds": (
            SelectFromModel(forest, threshold=-np.inf),
            {"selectfrommodel__max_features": list(range(1, 41))},
        ),
        "RFE, 40 levels, 5 folds": (
            RFE(LogisticRegression()),
            {"rfe__n_features_to_select": list(range(1, 41))},
        ),
    }
    for what, (selector, grid) in cases.items():
        pipe = make_pipeline(selector, LogisticRegression())
        searches = [kind(pipe, grid, refit=False) for kind in (PruningSearchCV, GridSearchCV)]
        scores = [s.fit(X, y).cv_results_["mean_test_score"] for s in searches]
        if not np.array_equal(*scores):
            msg = f"{what}: the scores differ."
            raise AssertionError(msg)
        fits = [partial(search.fit, X, y) for search in searches]
        yield side_by_side(what, *fits, repeat, "equal mean test scores", peer_repeat=1)


def import_time(repeat):
    """Time `import skprune` on top of what every user of it imports."""
    base = "import sklearn.ensemble, pandas"
    codes = {"nothing": "pass", "base": base, "ours": f"{base}, skprune"}
    times = {name: [] for name in codes}
    for _ in range(max(7, repeat)):
        for name, code in codes.items():
            start = partial(subprocess.run, [sys.executable, "-c", code], check=True)
            times[name].append(seconds(start)[0])
    nothing, base_time, ours = (float(np.median(times[name])) for name in codes)
    share = (ours - base_time) / (base_time - nothing)
    yield row(
        "import skprune",
        f"{ours - base_time:.3f} s",
        f"{base_time - nothing:.3f} s",
        f"{share:.0%}",
        f"on top of `{base}`; interpreter's own {nothing:.3f} s left out",
    )
