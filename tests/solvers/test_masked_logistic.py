"""Masked logistic regression, compared with scikit-learn and with its gradient."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import check_grad
from scipy.sparse import csr_array
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from skprune.solvers import masked_logistic


def table(n_classes, scale=1.0):
    X, y = make_classification(
        150, 6, n_informative=4, n_classes=n_classes, flip_y=0.3, random_state=0
    )
    weight = np.random.default_rng(0).uniform(0.2, 2.0, len(y))
    return X * scale, y, weight


def refit(X, y, weight, C, mask, *, intercept=True):
    start = np.zeros(mask.shape), np.zeros(len(mask))
    return masked_logistic.fit(X, y, weight, 1 / C, mask, start, intercept=intercept)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("intercept", [False, True])
def test_unmasked_fit_matches_scikit_learn(n_classes, intercept):
    X, y, weight = table(n_classes)
    model = LogisticRegression(C=0.3, tol=1e-12, max_iter=10_000, fit_intercept=intercept)
    model.set_params(solver="newton-cg").fit(X, y, sample_weight=weight)
    mask = np.ones(model.coef_.shape, dtype=bool)
    coef, offset = refit(X, y, weight, 0.3, mask, intercept=intercept)
    assert_allclose(coef, model.coef_, rtol=1e-6, atol=1e-7)
    # A shift common to all classes does not change probabilities.
    level = (offset - model.intercept_).mean() if n_classes > 2 else 0.0
    assert_allclose(offset - level, model.intercept_, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_masked_columns_have_no_effect(n_classes):
    X, y, weight = table(n_classes)
    kept = np.array([True, True, False, True, False, False])
    mask = np.tile(kept, (1 if n_classes == 2 else n_classes, 1))
    coef, _ = refit(X, y, weight, 2.0, mask)
    model = LogisticRegression(C=2.0, tol=1e-12, max_iter=10_000, solver="newton-cg")
    model.fit(X[:, kept], y, sample_weight=weight)
    assert_allclose(coef[:, kept], model.coef_, rtol=1e-6, atol=1e-7)
    assert (coef[:, ~kept] == 0).all()


@pytest.mark.parametrize("scale", [1.0, np.array([1e-3, 1.0, 10.0, 1e3, 1.0, 0.1])])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_gradient_is_zero_on_the_support(n_classes, scale):
    X, y, weight = table(n_classes, scale)
    n_outputs = 1 if n_classes == 2 else n_classes
    mask = np.random.default_rng(1).random((n_outputs, 6)) < 0.6
    coef, offset = refit(X, y, weight, 1.0, mask)
    assert (coef[~mask] == 0).all()
    slope = weight[:, np.newaxis] * masked_logistic.log_loss(X @ coef.T + offset, y)[1]
    gradient = slope.T @ X + coef
    size = np.abs(slope).T @ np.abs(X)
    assert (np.abs(gradient) <= 1e-8 * size)[mask].all()
    assert_allclose(slope.sum(axis=0), 0, atol=1e-8)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_gradient_and_hessian_match_finite_differences(n_classes):
    X, y, weight = table(n_classes)
    free = np.random.default_rng(2).random((1 if n_classes == 2 else 3, 6)) < 0.7
    offset = np.linspace(-1, 1, len(free))
    problem = masked_logistic._Problem(X, y, weight, 0.5, free, offset, intercept=True)
    point = np.random.default_rng(3).normal(size=free.sum() + len(free))
    assert check_grad(lambda p: problem.value(p)[0], lambda p: problem.value(p)[1], point) < 1e-6
    way = np.random.default_rng(4).normal(size=len(point))
    ahead, behind = (problem.value(point + h * way)[1] for h in (1e-5, -1e-5))
    assert_allclose(problem.products_at(point)(way), (ahead - behind) / 2e-5, atol=1e-8)


def test_sparse_samples_and_empty_supports():
    X, y, weight = table(3)
    mask = np.random.default_rng(5).random((3, 6)) < 0.5
    dense = refit(X, y, weight, 1.0, mask)
    for one, other in zip(dense, refit(csr_array(X), y, weight, 1.0, mask), strict=True):
        assert_allclose(one, other, rtol=1e-8, atol=1e-10)
    coef, offset = refit(X, y, weight, 1.0, mask & False)
    assert (coef == 0).all()
    shares = np.bincount(y, weight) / weight.sum()
    assert_allclose(masked_logistic.probabilities(offset[np.newaxis])[0], shares, rtol=1e-8)


def test_weights_are_repetitions():
    X, y, _ = table(3)
    weight = np.random.default_rng(6).integers(0, 3, len(y))
    mask = np.random.default_rng(7).random((3, 6)) < 0.6
    weighted = refit(X, y, weight.astype(float), 1.0, mask)
    twice = X.repeat(weight, axis=0), y.repeat(weight), np.ones(weight.sum())
    assert_allclose(weighted[0], refit(*twice, 1.0, mask)[0], rtol=1e-9, atol=1e-11)
    assert_array_equal(weighted[0] != 0, mask)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("n_kept", [0, 1, 6])
@pytest.mark.parametrize("C", [1e-2, 1.0, 1e4])
def test_few_coefficients_are_found_without_lbfgs(intercept, n_kept, C, monkeypatch):
    X, y, weight = table(2)
    mask = np.arange(6)[np.newaxis] < n_kept
    expected = refit(csr_array(X), y, weight, C, mask, intercept=intercept)
    monkeypatch.setattr(masked_logistic, "minimize", None)
    found = refit(X, y, weight, C, mask, intercept=intercept)
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=1e-7, atol=1e-9)


def test_lbfgs_serves_where_newton_steps_do_not():
    X, y, weight = table(2)
    X[:, 0] = 100 * (2 * y - 1)  # separable, and far from the start
    mask, start = np.ones((1, 6), dtype=bool), (np.full((1, 6), -1.0), np.zeros(1))
    penalty = np.full(mask.shape, 1e-9)
    problem = masked_logistic._Problem(X, y, weight, penalty, mask, start[1], intercept=True)
    far = problem.pack(start[0])
    assert problem.has_small_hessian
    assert masked_logistic._newton(problem, far, masked_logistic.TOLERANCE) is None
    coef, offset = masked_logistic.fit(X, y, weight, 1e-9, mask, start, intercept=True)
    assert ((X @ coef[0] + offset > 0) == (y == 1)).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_start_without_curvature_is_left_without_a_warning(n_classes):
    X, y, weight = table(n_classes, scale=1e4)
    mask = np.ones((1 if n_classes == 2 else n_classes, 6), dtype=bool)
    mask[0, 0] = False
    far = np.linspace(-1, 1, mask.size).reshape(mask.shape) * 1e3, np.zeros(len(mask))
    penalty = 1e-3 * np.mean(X**2)
    near = masked_logistic.fit(X, y, weight, penalty, mask, far, intercept=True, near=True)
    zero = np.zeros(mask.shape), np.zeros(len(mask))
    expected = masked_logistic.fit(X, y, weight, penalty, mask, zero, intercept=True)
    for one, other in zip(near, expected, strict=True):
        assert_allclose(one, other, rtol=1e-5, atol=1e-9)
