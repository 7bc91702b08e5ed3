"""Objective: the stronger penalty where data are nearly separable."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from skprune.base._rows import ValidationData
from skprune.linear_model._objective import Objective
from skprune.surgery import surgeon_for


def table(n_classes=3):
    """Classes far apart, and integer weights."""
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=90)
    centres = rng.normal(scale=6, size=(n_classes, 6))
    return centres[y] + rng.normal(size=(90, 6)), y, rng.integers(1, 4, 90)


def objective(X, y, weight=None, **params):
    model = LogisticRegression(tol=1e-8, max_iter=10_000, **params).fit(X, y, weight)
    return Objective(surgeon_for(model), ValidationData(X, y, weight, out_of_bag=False))


def mean_curvature(probability, weight):
    return np.average((probability * (1 - probability)).mean(axis=1), weights=weight)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_nearly_separable_data_get_a_tenth_of_the_curvature_without_features(n_classes, intercept):
    X, y, weight = table(n_classes)
    own = objective(X, y, weight, C=100.0, fit_intercept=intercept)
    firm = own.regularized()
    share = np.bincount(y, weight)[-len(own.coef) :] / weight.sum()
    none = np.tile(share, (len(y), 1))
    probability = own.model.predict_proba(X)[:, -len(own.coef) :]
    assert mean_curvature(probability, weight) < 0.1 * mean_curvature(none, weight)
    mean = np.average(X, axis=0, weights=weight) if intercept else 0
    expected = 0.1 * mean_curvature(none, weight) * (weight @ (X - mean) ** 2)
    assert (expected > 0.01).all()
    assert_allclose(firm.penalty, np.tile(expected, (len(own.coef), 1)))
    assert_array_equal(firm.coef, own.coef)
    assert_allclose(own.penalty, 0.01)
    more = firm.hessian(0, np.arange(6)) - own.hessian(0, np.arange(6))
    assert_allclose(more, np.diag(expected - 0.01), atol=1e-8 * expected.max())


def test_features_with_that_much_of_a_penalty_keep_it():
    X, y, _ = table()
    X[:, :3] *= 1e-6
    firm = objective(X, y, C=100.0).regularized()
    assert_allclose(firm.penalty[:, :3], 0.01)
    assert (firm.penalty[:, 3:] > 0.1).all()


def test_enough_curvature_or_penalty_is_left_as_it_is():
    X, y, _ = table()
    noisy = objective(X, np.random.default_rng(0).permutation(y), C=100.0)
    assert noisy.regularized() is noisy
    penalized = objective(X, y, C=100.0)
    assert penalized.regularized() is not penalized
    penalized.penalty = np.full(penalized.coef.shape, 1e6)
    assert penalized.regularized() is penalized


def test_weights_are_repetitions_and_sparse_samples_equal_dense_ones():
    X, y, weight = table()
    X = np.where(np.abs(X) > 1, X, 0.0)
    weighed = objective(X, y, weight, C=100.0)
    for rows in (
        ValidationData(X.repeat(weight, axis=0), y.repeat(weight), None, out_of_bag=False),
        ValidationData(sparse.csr_array(X), y, weight, out_of_bag=False),
    ):
        other = Objective(surgeon_for(weighed.model), rows).regularized()
        assert_allclose(other.penalty, weighed.regularized().penalty)
        assert sparse.issparse(other.X) == sparse.issparse(rows.X)
