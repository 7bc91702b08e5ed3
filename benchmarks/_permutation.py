"""Permutation importance against scikit-learn's: the same permutations, the same values."""

from functools import partial

import numpy as np
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import check_scoring

from benchmarks._measure import side_by_side
from skprune.feature_selection._permutation_importance import permutation_importances

N_ROWS, N_COLUMNS, N_REPEATS = 1_000, 100, 5
SEED = 0


def rows(repeat):
    """Measure models of both kinds: trees that are walked again, and stacks of copies.

    Parameters
    ----------
    repeat : int
        Rounds; the peer, which takes long, is in three of them at most.

    Yields
    ------
    dict
        A row of the table.
    """
    X, y = make_classification(N_ROWS, N_COLUMNS, n_informative=10, random_state=0)
    numbers = make_regression(N_ROWS, N_COLUMNS, n_informative=10, noise=10.0, random_state=0)
    yield compare(
        "RandomForestClassifier(100)", RandomForestClassifier(random_state=0), X, y, repeat
    )
    yield compare(
        "RandomForestRegressor(100)", RandomForestRegressor(random_state=0), *numbers, repeat
    )
    for model, way in [
        (GradientBoostingClassifier(random_state=0), ""),
        (HistGradientBoostingClassifier(random_state=0), ""),
        (AdaBoostClassifier(random_state=0), ", stacked"),
        (LogisticRegression(), ", stacked"),
    ]:
        yield compare(f"{type(model).__name__}{way}", model, X, y, repeat)


def compare(what, model, X, y, repeat):
    """Check that both give the same values, then time both in turns; a row of the table."""
    model.fit(X, y)
    scorer = check_scoring(model)
    # The number that scikit-learn draws from its random state, and seeds all columns with.
    seed = np.random.RandomState(SEED).randint(np.iinfo(np.int32).max + 1)
    ours = partial(permutation_importances, model, X, y, scorer, n_repeats=N_REPEATS, seed=seed)
    peer = partial(permutation_importance, model, X, y, n_repeats=N_REPEATS, random_state=SEED)
    off = np.abs(ours() - peer().importances).max()
    if off > 1e-12:
        msg = f"{what}: the importances are off by {off}."
        raise AssertionError(msg)
    note = "importances equal" + (f" to {off:.0e}" if off else ", bit for bit")
    what = f"permutation importance, {what}"
    return side_by_side(what, ours, peer, max(3, repeat), note, peer_repeat=3)
