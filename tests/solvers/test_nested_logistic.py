"""Nested logistic regressions, compared with those that start anew."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_classification

from skprune.solvers import masked_logistic
from skprune.solvers.nested_logistic import NestedLogistic


@pytest.mark.parametrize("subsets", [range(8, -1, -1), (8, 5, 5, 2), (3,)])
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize(
    ("scale", "penalty", "spread"),
    [(1.0, 1.0, 1.0), (1e3, 1e-3, 2.0), (np.geomspace(1e-3, 1e3, 8), 10.0, 1.0)],
)
def test_each_subset_is_fitted_up_to_rounding(scale, penalty, spread, intercept, subsets):
    X, y = make_classification(
        300, 8, n_informative=4, flip_y=0.1, class_sep=spread, random_state=0
    )
    X = X * scale + 1
    weight = np.random.default_rng(0).uniform(0.0, 2.0, len(y))
    order = np.random.default_rng(1).permutation(8)
    start, fixed = np.zeros(8), 0.0 if intercept else 0.3
    solver = NestedLogistic(
        X[:, order], y == 1, weight, np.full(8, penalty), start, fixed, intercept=intercept
    )
    for n_kept in subsets:
        mask = np.isin(np.arange(8), order[:n_kept])[np.newaxis]
        whole = start[np.newaxis], np.array([fixed])
        expected = masked_logistic.fit(X, y, weight, penalty, mask, whole, intercept=intercept)
        coef, shift = solver.fit(n_kept)
        close = 1e-5 * np.abs(expected[0]).max()  # of a flat objective, by its gradient
        assert_allclose(coef, expected[0][0, order[:n_kept]], rtol=1e-6, atol=close)
        assert_allclose(shift, expected[1][0], rtol=1e-5)


def test_what_has_no_minimum_is_given_up():
    X = np.array([[-1e200], [1e200]])
    with np.errstate(all="ignore"):
        solver = NestedLogistic(
            X, np.array([False, True]), np.ones(2), np.ones(1), np.ones(1), 0.0, intercept=True
        )
        assert solver.fit(1) is None
