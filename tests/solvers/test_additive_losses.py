"""Losses, compared with finite differences and with scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss, mean_gamma_deviance, mean_pinball_loss, mean_poisson_deviance

from skprune.solvers import additive_losses as losses

RNG = np.random.default_rng(0)
BINARY = RNG.integers(0, 2, (1, 40)).astype(float)
ONE_HOT = np.eye(3)[:, RNG.integers(0, 3, 40)]
REAL = RNG.normal(size=(1, 40))
TWO = RNG.normal(size=(2, 40))
COUNTS = RNG.poisson(2, (1, 40)).astype(float)
POSITIVE = RNG.gamma(2, size=(1, 40))

CASES = [
    (losses.SquaredLoss(), REAL),
    (losses.SquaredLoss(), TWO),
    (losses.BinomialLoss(), BINARY),
    (losses.MultinomialLoss(), ONE_HOT),
    (losses.ExponentialLoss(), BINARY),
    (losses.PoissonLoss(), COUNTS),
    (losses.GammaLoss(), POSITIVE),
    (losses.HuberLoss(0.7), REAL),
]
over_cases = pytest.mark.parametrize(("loss", "target"), CASES, ids=lambda c: type(c).__name__)


def raw_for(target, scale=1.0):
    return scale * np.random.default_rng(1).normal(size=target.shape)


@over_cases
def test_negative_gradient_matches_finite_differences(loss, target):
    raw, eps = raw_for(target), 1e-6
    negative_gradient, _ = loss.quadratic_model(target, raw)
    for column in range(len(target)):
        step = np.zeros_like(raw)
        step[column] = eps
        slope = (loss.value(target, raw + step) - loss.value(target, raw - step)) / (2 * eps)
        np.testing.assert_allclose(-negative_gradient[column], slope, atol=1e-6)


@over_cases
def test_curvature_bounds_the_second_derivative(loss, target):
    """In any direction over the columns."""
    raw, eps = raw_for(target), 1e-4
    _, curvature = loss.quadratic_model(target, raw)
    for seed in range(20):
        direction = np.random.default_rng(seed).normal(size=raw.shape)
        ahead, here, behind = (loss.value(target, raw + s * eps * direction) for s in (1, 0, -1))
        second = (ahead - 2 * here + behind) / eps**2
        bound = (np.broadcast_to(curvature, raw.shape) * direction**2).sum(axis=0)
        assert (second <= bound + 1e-5).all()


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_quantile_loss_is_majorised(level):
    """The parabola touches the loss at the residual, and lies above it elsewhere."""
    loss, raw = losses.QuantileLoss(level), raw_for(REAL)
    negative_gradient, curvature = loss.quadratic_model(REAL, raw)
    here = loss.value(REAL, raw)
    for step in np.linspace(-3, 3, 41):
        model = here - (negative_gradient * step)[0] + (curvature * step**2)[0] / 2
        assert (loss.value(REAL, raw + step) <= model + 1e-12).all()


@over_cases
def test_intercept_minimises_the_loss(loss, target):
    weight = RNG.random(target.shape[1]) + 0.1
    intercept = loss.intercept(target, weight)
    raw = np.repeat(intercept[:, np.newaxis], target.shape[1], axis=1)
    if isinstance(loss, losses.HuberLoss):
        return  # the median is only approximate
    negative_gradient, _ = loss.quadratic_model(target, raw)
    np.testing.assert_allclose(negative_gradient @ weight, 0, atol=1e-10)


def test_quantile_intercept_is_the_weighted_quantile():
    weight = RNG.integers(1, 5, 40).astype(float)
    loss = losses.QuantileLoss(0.3)
    found = loss.intercept(REAL, weight)[0]
    best = minimize_scalar(
        lambda c: weight @ loss.value(REAL, np.full_like(REAL, c)), bounds=(-2, 2), method="bounded"
    )
    assert weight @ loss.value(REAL, np.full_like(REAL, found)) <= best.fun + 0.01 * weight.sum()


def test_values_match_scikit_learn():
    raw = raw_for(BINARY)
    chance = 1 / (1 + np.exp(-raw[0]))
    own = losses.BinomialLoss().value(BINARY, raw).mean()
    np.testing.assert_allclose(own, log_loss(BINARY[0], chance))
    raw = raw_for(ONE_HOT)
    chance = np.exp(raw) / np.exp(raw).sum(axis=0)
    own = losses.MultinomialLoss().value(ONE_HOT, raw).mean()
    np.testing.assert_allclose(own, log_loss(ONE_HOT.argmax(axis=0), chance.T))
    raw = raw_for(REAL)
    own = losses.QuantileLoss(0.2).value(REAL, raw).mean()
    np.testing.assert_allclose(own, mean_pinball_loss(REAL[0], raw[0], alpha=0.2), atol=0.025)


@pytest.mark.parametrize(
    ("loss", "target", "deviance"),
    [
        (losses.PoissonLoss(), COUNTS, mean_poisson_deviance),
        (losses.GammaLoss(), POSITIVE, mean_gamma_deviance),
    ],
)
def test_log_link_losses_are_half_deviances(loss, target, deviance):
    one, two = raw_for(target), raw_for(target, 0.5)
    own = loss.value(target, one).mean() - loss.value(target, two).mean()
    peer = deviance(target[0], np.exp(one[0])) - deviance(target[0], np.exp(two[0]))
    np.testing.assert_allclose(own, peer / 2)
