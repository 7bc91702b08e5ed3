"""Sums over trees at each level of a path: those of the cut models, to the last bit."""

from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)

from skprune import TreePruner
from skprune.base._snapshot import Snapshot
from skprune.tree import _level_sums

FEW, FEW_STAGES = {"n_estimators": 5, "random_state": 0}, {"max_iter": 5, "min_samples_leaf": 5}
CASES = {
    "extra trees": (ExtraTreesClassifier(max_depth=5, **FEW), load_wine),
    "forest of numbers": (RandomForestRegressor(max_depth=5, **FEW), load_diabetes),
    "boosting of classes": (GradientBoostingClassifier(**FEW), load_wine),
    "boosting from zero": (GradientBoostingClassifier(init="zero", **FEW), load_wine),
    "boosting of numbers": (
        GradientBoostingRegressor(subsample=0.5, loss="huber", **FEW),
        load_diabetes,
    ),
    "histograms of classes": (HistGradientBoostingClassifier(**FEW_STAGES), load_iris),
    "histograms of numbers": (
        HistGradientBoostingRegressor(loss="poisson", **FEW_STAGES),
        load_diabetes,
    ),
}


@cache
def fitted(case, recovery=None):
    """Return a path, and samples that it was not grown on."""
    model, load = CASES[case]
    X, y = load(return_X_y=True)
    return TreePruner(model, recovery=recovery).fit(X[::2], y[::2]).path_, X[1::2]


def check_some_levels(path, X):
    """Compare predictions of some levels with those of the models that a cut builds."""
    methods = [
        name
        for name in ("predict", "predict_proba", "decision_function")
        if hasattr(path.model, name)
    ]
    levels = np.unique(np.linspace(0, len(path) - 1, 12).astype(int))
    for level, found in zip(levels, path.snapshots(X, levels), strict=True):
        cut = path.cut(index=level)
        for method in methods:
            expected = getattr(cut, method)(X)
            assert getattr(found, method)(X).tobytes() == expected.tobytes()


@pytest.mark.parametrize("case", CASES)
def test_sums_are_those_of_the_cut_models(case):
    path, X = fitted(case)
    check_some_levels(path, X)


def test_shrunk_values_count_from_the_second_level_on():
    path, X = fitted("forest of numbers", "shrinkage")
    check_some_levels(path, X)


@pytest.mark.parametrize("case", ["extra trees", "boosting of classes"])
def test_values_that_do_not_fit_are_looked_up(case, monkeypatch):
    path, X = fitted(case)
    monkeypatch.setattr(_level_sums, "MAX_CELLS", 0)
    check_some_levels(path, X)


@pytest.mark.parametrize("case", CASES)
def test_no_model_is_built(case, monkeypatch):
    path, X = fitted(case)
    monkeypatch.setattr(type(path), "_build", None)
    assert len(list(path.snapshots(X))) == len(path)


class OwnPrediction(GradientBoostingRegressor):
    """Boosting that predicts in its own way."""

    def predict(self, X):
        return super().predict(X[:, ::-1])


def test_the_model_of_a_user_predicts_by_itself():
    X, y = load_diabetes(return_X_y=True)
    path = TreePruner(OwnPrediction(**FEW)).fit(X[::2], y[::2]).path_
    check_some_levels(path, X[1::2])


def test_predictions_of_a_level_stay_what_they_were():
    path, X = fitted("histograms of numbers")
    first, second, *_ = path.snapshots(X)
    before = first.predict(X).copy()
    second.predict(X)
    assert_array_equal(first.predict(X), before)
    assert not isinstance(first, Snapshot)
