"""Losses of linear models: gradients and Hessians, compared with finite differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import log_expit, logsumexp
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.svm import LinearSVC, LinearSVR

from skprune.linear_model._loss_and_penalty import loss_of, penalty_of
from skprune.solvers import linear_losses as losses

SIGNS = {
    losses.Logistic(): lambda raw, y: -log_expit(raw * y),
    losses.Hinge(1.0): lambda raw, y: np.maximum(1 - raw * y, 0),
    losses.Hinge(0.0): lambda raw, y: np.maximum(-raw * y, 0),
    losses.SquaredHinge(): lambda raw, y: np.maximum(1 - raw * y, 0) ** 2,
    losses.ModifiedHuber(): lambda raw, y: np.where(
        raw * y < -1, -4 * raw * y, np.maximum(1 - raw * y, 0) ** 2
    ),
}
NUMBERS = {
    losses.Squared(): lambda raw, y: (raw - y) ** 2 / 2,
    losses.Huber(0.7): lambda raw, y: np.where(
        np.abs(raw - y) < 0.7, (raw - y) ** 2 / 2, 0.7 * np.abs(raw - y) - 0.245
    ),
    losses.EpsilonInsensitive(0.3): lambda raw, y: np.maximum(np.abs(raw - y) - 0.3, 0),
    losses.SquaredEpsilonInsensitive(0.3): lambda raw, y: np.maximum(np.abs(raw - y) - 0.3, 0) ** 2,
    losses.Pinball(0.2): lambda raw, y: np.where(y > raw, 0.2 * (y - raw), 0.8 * (raw - y)),
}


def deviance(power):
    def loss(raw, y):
        mean = np.exp(raw)
        if power == 1:
            return y * np.log(y / mean) - y + mean
        if power == 2:
            return np.log(mean / y) + y / mean - 1
        one, two = 1 - power, 2 - power
        return y**two / (one * two) - y * mean**one / one + mean**two / two

    return loss


POSITIVE = {losses.Deviance(p): deviance(p) for p in (1, 1.5, 2)}
PIECEWISE_LINEAR = [losses.EpsilonInsensitive(0.3), losses.Pinball(0.2)]
KINDS = {"sign": SIGNS, "number": NUMBERS, "positive": POSITIVE}
EVERY = [(loss, name) for name, table in KINDS.items() for loss in table]


def scores(kind):
    rng = np.random.default_rng(0)
    raw, y = rng.normal(scale=2, size=(200, 2)), rng.normal(scale=2, size=(200, 2))
    return raw, {"sign": np.sign(y), "number": y, "positive": np.abs(y) + 0.1}[kind]


@pytest.mark.parametrize(("loss", "kind"), EVERY)
def test_gradients_match_finite_differences(loss, kind):
    raw, y = scores(kind)
    value = KINDS[kind][loss]
    difference = (value(raw + 1e-6, y) - value(raw - 1e-6, y)) / 2e-6
    assert_allclose(loss.gradient(raw, y), difference, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("loss", [losses.Squared(), losses.Logistic()])
def test_hessians_of_smooth_losses_match_finite_differences(loss):
    raw, y = scores("sign")
    difference = (loss.gradient(raw + 1e-5, y) - loss.gradient(raw - 1e-5, y)) / 2e-5
    assert_allclose(loss.hessian(raw, y, np.ones(200)), difference, rtol=1e-6)


@pytest.mark.parametrize("power", [1, 1.5, 2])
def test_hessians_of_deviances_are_expectations(power):
    raw, _ = scores("positive")
    loss = losses.Deviance(power)
    y = np.exp(raw)
    difference = (loss.gradient(raw + 1e-5, y) - loss.gradient(raw - 1e-5, y)) / 2e-5
    assert_allclose(loss.hessian(raw, None, None), difference, rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "kind"),
    [
        *((loss, "sign") for loss in list(SIGNS)[1:]),
        *((loss, "number") for loss in PIECEWISE_LINEAR),
    ],
)
def test_hessians_of_nonsmooth_losses_are_gaussian_smoothed(loss, kind):
    raw, y = scores(kind)
    weight = np.random.default_rng(1).uniform(size=200)
    value = raw * y if kind == "sign" else raw - y
    mean = np.average(value, axis=0, weights=weight)
    width = np.sqrt(np.average((value - mean) ** 2, axis=0, weights=weight))
    # Second derivative of the loss after convolution with a Gaussian.
    moves = np.linspace(-8, 8, 40001)
    density = np.exp(-(moves**2) / 2) * (moves[1] - moves[0]) / np.sqrt(2 * np.pi)
    found = loss.hessian(raw, y, weight)
    for row in range(5):
        for output in range(2):
            shifted = raw[row, output] + width[output] * moves
            aim = np.full(len(moves), y[row, output])
            # By parts: E[g'(z)] = E[g(z) * move] / width.
            expected = (loss.gradient(shifted, aim) * moves * density).sum() / width[output]
            assert_allclose(found[row, output], expected, atol=1e-3)


def test_softmax_matches_finite_differences():
    raw, _ = scores("number")
    raw = np.column_stack([raw, raw[:, 0] / 2])
    y = np.where(np.equal.outer(np.arange(200) % 3, range(3)), 1.0, -1.0)
    loss, step = losses.Softmax(), 1e-5

    def value(raw):
        return logsumexp(raw, axis=1) - raw[y > 0]

    for output in range(3):
        shifted = step * np.eye(3)[output]
        slope = (value(raw + shifted) - value(raw - shifted)) / (2 * step)
        assert_allclose(loss.gradient(raw, y)[:, output], slope, atol=1e-8)
        change = loss.gradient(raw + shifted, y) - loss.gradient(raw - shifted, y)
        second = change[:, output] / (2 * step)
        assert_allclose(loss.hessian(raw, y, None)[:, output], second, atol=1e-8)


def gradient(model, X, y):
    """The gradient of the objective at a fitted model, by the loss and penalty read from it."""
    raw = (X @ model.coef_.ravel() + model.intercept_).reshape(-1, 1)
    slope = loss_of(model).gradient(raw, y.reshape(-1, 1))
    return X.T @ slope.ravel() + penalty_of(model, np.ones(len(y))) * model.coef_.ravel()


@pytest.mark.filterwarnings("ignore:Setting penalty=None")  # scikit-learn 1.8, of an infinite C
@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        Ridge(3.0),
        ElasticNet(0.1, l1_ratio=0.0, tol=1e-10, max_iter=100_000),
        HuberRegressor(alpha=0.3, tol=1e-10, max_iter=10_000),
        PoissonRegressor(alpha=0.2, tol=1e-10),
        TweedieRegressor(power=1.5, alpha=0.2, tol=1e-10),
        TweedieRegressor(power=0, alpha=0.2, tol=1e-10),
        LinearSVR(loss="squared_epsilon_insensitive", epsilon=0.1, tol=1e-10, max_iter=100_000),
        LogisticRegression(C=0.3, tol=1e-10),
        LogisticRegression(C=np.inf, tol=1e-10),
        LinearSVC(C=0.3, tol=1e-10, max_iter=100_000),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # a pure ridge
def test_loss_and_penalty_match_the_objective_of_the_fit(model):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4))
    y = np.exp(X[:, 0] / 3 + rng.normal(scale=0.3, size=200))
    if hasattr(model, "decision_function"):
        y = np.where(y > 1, 1, -1)
    at_zero = gradient(model.fit(X, y), X, y)
    model.coef_ = model.coef_ * 0
    assert np.abs(at_zero).max() < 1e-3 * np.abs(gradient(model, X, y)).max()


def test_an_l1_penalty_is_no_ridge():
    weight = np.ones(9)
    model = LogisticRegression(C=0.5, l1_ratio=0.25)
    model.penalty = "elasticnet"
    assert penalty_of(model, weight) == pytest.approx(1.5)
    assert penalty_of(LinearSVC(penalty="l1"), weight) == 0
    assert penalty_of(Lasso(), weight) == 0
    assert penalty_of(Perceptron(), weight) == 0
    half = SGDClassifier(penalty="elasticnet", l1_ratio=0.5, alpha=0.1)
    assert penalty_of(half, weight) == pytest.approx(0.45)
