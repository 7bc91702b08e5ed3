"""Predictions of all levels of a single tree at once, against those of the cut trees."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import PruningSearchCV, TreePruner

CRITERIA = ["cost_complexity", "reduced_error", "random"]


def small_table(seed):
    """A few rows of few values, so that many splits collapse at one level."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, (int(rng.integers(4, 40)), 2)).astype(float)
    return X, (X[:, 0] != X[:, 1]) * 1.0 + rng.integers(0, 2, len(X))


@pytest.mark.filterwarnings("ignore:.*one sample each:skprune.exceptions.PruningWarning")
@pytest.mark.parametrize("recovery", [None, "shrinkage"])
@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("model", [DecisionTreeClassifier, DecisionTreeRegressor])
def test_segments_cover_every_sample_at_every_level_once(model, criterion, recovery):
    for seed in range(15):
        X, y = small_table(seed)
        tree = model(random_state=0)
        pruner = TreePruner(tree, criterion=criterion, recovery=recovery, random_state=0)
        path = pruner.fit(X, y).path_
        found = np.full((len(path), len(X)), np.nan)
        for rows, start, end, stand_in in path.segments(X):
            values = stand_in.predict(X[rows])
            for row, first, last, value in zip(rows, start, end, values, strict=True):
                assert np.isnan(found[first:last, row]).all()
                found[first:last, row] = value
        expected = [path.cut(index=level).predict(X) for level in range(len(path))]
        np.testing.assert_array_equal(found, expected)


def test_search_over_a_tree_whose_splits_collapse_together_keeps_its_scores():
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 10, float)
    y = (X[:, 0] != X[:, 1]) * 1.0
    pruner, grid = TreePruner(DecisionTreeRegressor(random_state=0)), {"keep": [1.0, 0.5]}
    fast = PruningSearchCV(pruner, grid, cv=2, refit=True).fit(X, y)
    slow = GridSearchCV(pruner, grid, cv=2).fit(X, y)
    expected = slow.cv_results_["mean_test_score"]
    np.testing.assert_allclose(fast.cv_results_["mean_test_score"], expected)
    assert fast.best_params_ == slow.best_params_
