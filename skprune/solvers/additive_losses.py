"""Losses of additive models: value, gradient and an upper bound of the curvature.

Targets and raw predictions are arrays of shape (n_columns, n_samples), one column per class
or output. A loss implements three methods, so that one solver serves all losses. Each costs
O(n_samples * n_columns).
"""

from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import expit, log_softmax, softmax

# Well fitted samples have almost no curvature. This fraction of the largest possible one is
# the minimum, so that steps remain within the range of the quadratic model.
MIN_CURVATURE = 0.02

_TINY = np.finfo(float).tiny


class QuadraticModel(NamedTuple):
    """Quadratic model of a loss at given raw predictions.

    Attributes
    ----------
    negative_gradient : ndarray of shape (n_columns, n_samples)
        Negative gradient.
    curvature : float or ndarray of shape (n_columns, n_samples)
        Upper bound of the Hessian: a diagonal matrix over the columns of each sample.
    """

    negative_gradient: np.ndarray
    curvature: float | np.ndarray


class Loss(Protocol):
    """Interface of a loss."""

    is_quadratic: bool

    def intercept(self, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the optimal constant prediction of each column; shape (n_columns,)."""

    def value(self, target: np.ndarray, raw: np.ndarray) -> np.ndarray:
        """Return the loss of each sample; shape (n_samples,)."""

    def quadratic_model(self, target: np.ndarray, raw: np.ndarray) -> QuadraticModel:
        """Return the `QuadraticModel` at raw predictions."""


class SquaredLoss:
    """Squared error, ``(y - raw) ** 2 / 2``; one column per output."""

    is_quadratic = True

    def intercept(self, target, weight):
        """Return the optimal constant of each column; ndarray of shape (n_columns,)."""
        return np.average(target, axis=1, weights=weight)

    def value(self, target, raw):
        """Return the loss of each sample; ndarray of shape (n_samples,)."""
        return 0.5 * ((target - raw) ** 2).sum(axis=0)

    def quadratic_model(self, target, raw):
        """Return the `QuadraticModel` at raw predictions."""
        return QuadraticModel(target - raw, 1.0)


class BinomialLoss:
    """Binary log-loss; the target is 0 or 1, raw predictions are log-odds."""

    is_quadratic = False

    def intercept(self, target, weight):
        """Return the log-odds of the frequency of the second class."""
        share = _inside(np.average(target, axis=1, weights=weight))
        return np.log(share) - np.log1p(-share)

    def value(self, target, raw):
        """Return the loss of each row."""
        return (np.logaddexp(0, raw) - target * raw)[0]

    def quadratic_model(self, target, raw):
        """Return the `QuadraticModel` at raw predictions."""
        probability = expit(raw)
        curvature = np.maximum(probability * (1 - probability), MIN_CURVATURE / 4)
        return QuadraticModel(target - probability, curvature)


class MultinomialLoss:
    """Multinomial log-loss; the target is one-hot, one column per class."""

    is_quadratic = False

    def intercept(self, target, weight):
        """Return the centred logarithms of the class frequencies."""
        log_share = np.log(_inside(np.average(target, axis=1, weights=weight)))
        return log_share - log_share.mean()

    def value(self, target, raw):
        """Return the loss of each row."""
        return -(target * log_softmax(raw, axis=0)).sum(axis=0)

    def quadratic_model(self, target, raw):
        """Return the `QuadraticModel` at raw predictions.

        The Hessian of a sample, diag(p) - p p', is bounded by 2 diag(p (1 - p)), since the
        difference is diagonally dominant, and by diag(p), since p p' is positive semidefinite.
        Each sample takes the bound of the smaller trace: the second, unless one class is likely.
        """
        probability = softmax(raw, axis=0)
        is_likely = (probability**2).sum(axis=0) > 0.5
        bound = np.where(is_likely, 2 * (1 - probability), 1.0) * probability
        return QuadraticModel(target - probability, np.maximum(bound, MIN_CURVATURE / 2))


class ExponentialLoss:
    """Exponential loss (AdaBoost); the target is 0 or 1, raw predictions half log-odds."""

    is_quadratic = False

    def intercept(self, target, weight):
        """Return half the log-odds of the frequency of the second class."""
        return BinomialLoss().intercept(target, weight) / 2

    def value(self, target, raw):
        """Return the loss of each row."""
        return np.exp((1 - 2 * target) * raw)[0]

    def quadratic_model(self, target, raw):
        """Return the `QuadraticModel` at raw predictions."""
        sign = 2 * target - 1
        loss = np.exp(-sign * raw)
        return QuadraticModel(sign * loss, np.maximum(loss, MIN_CURVATURE))


class _LogLinkLoss:
    """Base of the losses with a log link."""

    is_quadratic = False

    def intercept(self, target, weight):
        """Return the logarithm of the mean."""
        return np.log(np.maximum(np.average(target, axis=1, weights=weight), _TINY))


class PoissonLoss(_LogLinkLoss):
    """Half the Poisson deviance, up to a constant that depends on the target only."""

    def value(self, target, raw):
        """Return the loss of each row."""
        return (np.exp(raw) - target * raw)[0]

    def quadratic_model(self, target, raw):
        """Return the `QuadraticModel` at raw predictions."""
        mean = np.exp(raw)
        return QuadraticModel(target - mean, np.maximum(mean, MIN_CURVATURE))


class GammaLoss(_LogLinkLoss):
    """Half the gamma deviance, up to a constant that depends on the target only."""

    def value(self, target, raw):
        """Return the loss of each row."""
        return (target * np.exp(-raw) + raw)[0]

    def quadratic_model(self, target, raw):
        """Return the `QuadraticModel` at raw predictions."""
        ratio = target * np.exp(-raw)
        return QuadraticModel(ratio - 1, np.maximum(ratio, MIN_CURVATURE))


class QuantileLoss:
    """Pinball loss; half the absolute error for the level 0.5.

    Parameters
    ----------
    level : float, default=0.5
        Quantile to predict.

    Notes
    -----
    Smoothed at the kink and majorised by the parabola that touches it at the current residual
    (D. R. Hunter and K. Lange, "Quantile regression via an MM algorithm", 2000). Targets are
    expected in units of their spread; smoothing lowers the value by at most 1/40 of it.
    """

    is_quadratic = False
    smoothing = 0.01

    def __init__(self, level=0.5):
        self.level = level

    def intercept(self, target, weight):
        """Return the weighted quantile of each column."""
        return np.array([_quantile(column, weight, self.level) for column in target])

    def value(self, target, raw):
        """Return the loss of each row."""
        residual = target - raw
        pinball = residual * (self.level - (residual < 0))
        return (pinball - self.smoothing / 2 * np.log1p(np.abs(residual) / self.smoothing)).sum(
            axis=0
        )

    def quadratic_model(self, target, raw):
        """Return the `QuadraticModel` at raw predictions."""
        residual = target - raw
        curvature = 0.5 / (np.abs(residual) + self.smoothing)
        return QuadraticModel(curvature * residual + self.level - 0.5, curvature)


class HuberLoss:
    """Huber loss.

    Parameters
    ----------
    delta : float
        Absolute residual above which the loss is linear, in units of the target.
    """

    is_quadratic = False

    def __init__(self, delta):
        self.delta = delta

    def intercept(self, target, weight):
        """Return the weighted median of each column."""
        return np.array([_quantile(column, weight, 0.5) for column in target])

    def value(self, target, raw):
        """Return the loss of each row."""
        residual = np.abs(target - raw)
        inner = np.minimum(residual, self.delta)
        return (inner * (residual - 0.5 * inner)).sum(axis=0)

    def quadratic_model(self, target, raw):
        """Return the `QuadraticModel` at raw predictions."""
        residual = target - raw
        curvature = self.delta / np.maximum(np.abs(residual), self.delta)
        return QuadraticModel(curvature * residual, curvature)


def _inside(share):
    """Clip frequencies to the interior of (0, 1), so that log-odds are finite."""
    return np.clip(share, 1e-6, 1 - 1e-6)


def _quantile(values, weight, level):
    """Return the weighted quantile: the smallest value with cumulative weight >= level."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    return values[order][np.searchsorted(reached, level * reached[-1])]
