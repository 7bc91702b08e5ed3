"""Validation scores of nodes; the rest is held by the tests of `TreePruner`."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from skprune import TreePruner
from skprune.base._rows import ValidationData
from skprune.surgery import surgeon_for
from skprune.tree._scores import N_LEVELS, RIDGE_GRID, best_ridge

XC, YC = make_classification(
    400, 6, n_informative=3, flip_y=0.3, n_redundant=0, n_classes=3, random_state=0
)
XR, YR = make_regression(400, 6, noise=80, random_state=0)


def loss_of(model, X, y, weight):
    """Squared error of the predictions of a model, of probabilities if it has them."""
    if not hasattr(model, "predict_proba"):
        return weight @ (model.predict(X) - y) ** 2
    return weight @ ((model.predict_proba(X) - np.eye(3)[y]) ** 2).sum(axis=1)


@pytest.mark.parametrize("n_levels", [2, 4])
@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeRegressor(random_state=0),
        RandomForestRegressor(3, random_state=0),
        RandomForestClassifier(3, random_state=0),
        BaggingClassifier(n_estimators=2, random_state=0),
    ],
    ids=lambda m: type(m).__name__,
)
def test_the_ridge_is_that_of_the_least_loss(model, n_levels, monkeypatch):
    monkeypatch.setattr("skprune.tree._scores.N_LEVELS", n_levels)
    X, y = (XC, YC) if "Class" in type(model).__name__ else (XR, YR)
    weight = np.random.default_rng(0).integers(0, 3, 60).astype(float)
    pruner = TreePruner(model, recovery="shrinkage")
    paths = [pruner.set_params(ridge=r or 1e-300).fit(X[60:], y[60:]).path_ for r in RIDGE_GRID]
    rows = ValidationData(X[:60], y[:60], weight, out_of_bag=False)
    found = best_ridge(surgeon_for(paths[0].model), paths[0], rows)
    units = paths[0].units
    aims = np.geomspace(units[0], units[-1], n_levels + 1)[1:-1]
    levels = [*[np.argmax(units <= aim) for aim in aims], len(units) - 1]
    losses = [[loss_of(p.cut(index=i), X[:60], y[:60], weight) for i in levels] for p in paths]
    relative = (np.array(losses) / losses[0]).sum(axis=1)
    assert found == RIDGE_GRID[relative.argmin()]


def test_out_of_bag_samples_evaluate_only_trees_that_were_not_fitted_on_them():
    model = RandomForestRegressor(3, random_state=0)
    pruner = TreePruner(model, recovery="shrinkage").fit(XR, YR)
    path = pruner.path_
    free = np.ones((3, len(YR)), dtype=bool)
    for tree, seen in zip(free, path.model.estimators_samples_, strict=True):
        tree[seen] = False
    units, losses = path.units, []
    aims = np.geomspace(units[0], units[-1], N_LEVELS + 1)[1:-1]
    levels = [*[np.argmax(units <= aim) for aim in aims], len(units) - 1]
    for ridge in RIDGE_GRID:
        own = clone(pruner).set_params(ridge=ridge or 1e-300).fit(XR, YR).path_
        losses.append([])
        for level in levels:
            each = np.array([tree.predict(XR) for tree in own.cut(index=level).estimators_])
            known = free.any(axis=0)
            guess = (each * free).sum(axis=0)[known] / free.sum(axis=0)[known]
            losses[-1].append(((guess - YR[known]) ** 2).sum())
    relative = (np.array(losses) / losses[0]).sum(axis=1)
    assert path.levels["ridge"].iloc[-1] == RIDGE_GRID[relative.argmin()]


def test_out_of_bag_samples_need_more_shrinkage_than_training_samples():
    model = RandomForestRegressor(10, random_state=0)
    pruner = TreePruner(model, recovery="shrinkage", criterion="random", random_state=0)
    out_of_bag = pruner.fit(XR, YR).path_.levels["ridge"].iloc[-1]
    training = pruner.set_params(validation="train").fit(XR, YR).path_.levels["ridge"].iloc[-1]
    assert training == 0 < out_of_bag
