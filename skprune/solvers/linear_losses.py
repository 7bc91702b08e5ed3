"""Losses of linear models: gradients and Hessians, sample by sample.

A loss is a function of the raw scores ``X @ coef.T + intercept`` and of the targets, both of
shape (n_samples, n_outputs); the targets of classifiers are 1 and -1. All methods cost
O(n_samples * n_outputs).

Piecewise linear losses have no curvature almost everywhere, and squared hinges have jumps in
it. Their curvature is smoothed with a Gaussian as wide as the scores' standard deviation,
since removing coefficients changes the scores.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr, softmax


class LinearLoss(ABC):
    """Base of the losses of linear models."""

    @abstractmethod
    def gradient(self, raw, target):
        """Return the derivative of each sample's loss with respect to its raw scores.

        Parameters
        ----------
        raw, target : ndarray of shape (n_samples, n_outputs)
            Raw scores and targets.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            Derivatives.
        """

    @abstractmethod
    def hessian(self, raw, target, weight):
        """Return the diagonal of the Hessian of each sample's loss in its raw scores.

        Parameters
        ----------
        raw, target : ndarray of shape (n_samples, n_outputs)
            Raw scores and targets.
        weight : ndarray of shape (n_samples,)
            Sample weights, by which the width of smoothing is computed.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            Second derivatives, not multiplied by the weights.
        """


class Squared(LinearLoss):
    """Squared error, ``(raw - y) ** 2 / 2``."""

    def gradient(self, raw, target):
        """See `LinearLoss`."""
        return raw - target

    def hessian(self, raw, target, weight):  # noqa: ARG002 - used by other losses
        """See `LinearLoss`."""
        return np.ones(raw.shape)


# Classification.


class Logistic(LinearLoss):
    """Log-loss, one class against the rest."""

    def gradient(self, raw, target):
        """See `LinearLoss`."""
        return self.probabilities(raw) - (target > 0)

    def hessian(self, raw, target, weight):  # noqa: ARG002 - used by other losses
        """See `LinearLoss`."""
        probability = self.probabilities(raw)
        return probability * (1 - probability)

    def probabilities(self, raw):
        """Return class probabilities; ndarray of the same shape."""
        return expit(raw)


class Softmax(Logistic):
    """Multinomial log-loss."""

    def probabilities(self, raw):
        """Return class probabilities; ndarray of the same shape."""
        return expit(raw) if raw.shape[1] == 1 else softmax(raw, axis=1)


@dataclass(frozen=True)
class Hinge(LinearLoss):
    """Hinge loss, ``max(0, margin - y * raw)``."""

    margin: float

    def gradient(self, raw, target):
        """See `LinearLoss`."""
        return -target * (raw * target < self.margin)

    def hessian(self, raw, target, weight):
        """See `LinearLoss`."""
        return _smoothed_jump(raw * target, self.margin, weight)


class SquaredHinge(LinearLoss):
    """Squared hinge loss, ``max(0, 1 - y * raw) ** 2``."""

    def gradient(self, raw, target):
        """See `LinearLoss`."""
        return -2 * target * np.maximum(1 - raw * target, 0)

    def hessian(self, raw, target, weight):
        """See `LinearLoss`."""
        return 2.0 * _smoothed_step(raw * target, 1.0, weight)


class ModifiedHuber(LinearLoss):
    """Squared hinge loss where ``y * raw >= -1``, else ``-4 * y * raw``."""

    def gradient(self, raw, target):
        """See `LinearLoss`."""
        return -2 * target * np.clip(1 - raw * target, 0, 2)

    def hessian(self, raw, target, weight):
        """See `LinearLoss`."""
        margin = raw * target
        return 2.0 * (_smoothed_step(margin, 1.0, weight) - _smoothed_step(margin, -1.0, weight))


# Regression.


@dataclass(frozen=True)
class Deviance(LinearLoss):
    """Half the Tweedie deviance of a given power, with a log link."""

    power: float

    def gradient(self, raw, target):
        """See `LinearLoss`."""
        return (np.exp(raw) - target) * np.exp((1 - self.power) * raw)

    def hessian(self, raw, target, weight):  # noqa: ARG002 - used by other losses
        """See `LinearLoss`; the expected Hessian, as in Fisher scoring."""
        return np.exp((2 - self.power) * raw)


@dataclass(frozen=True)
class Huber(LinearLoss):
    """Squared error up to an absolute error of `limit`, linear beyond."""

    limit: float

    def gradient(self, raw, target):
        """See `LinearLoss`."""
        return np.clip(raw - target, -self.limit, self.limit)

    def hessian(self, raw, target, weight):  # noqa: ARG002 - used by other losses
        """See `LinearLoss`."""
        return 1.0 * (np.abs(raw - target) <= self.limit)


@dataclass(frozen=True)
class EpsilonInsensitive(LinearLoss):
    """Epsilon-insensitive loss, ``max(0, abs(raw - y) - epsilon)``."""

    epsilon: float

    def gradient(self, raw, target):
        """See `LinearLoss`."""
        return np.sign(raw - target) * (np.abs(raw - target) > self.epsilon)

    def hessian(self, raw, target, weight):
        """See `LinearLoss`."""
        error = raw - target
        return _smoothed_jump(error, self.epsilon, weight) + _smoothed_jump(
            error, -self.epsilon, weight
        )


@dataclass(frozen=True)
class SquaredEpsilonInsensitive(LinearLoss):
    """Squared epsilon-insensitive loss, ``max(0, abs(raw - y) - epsilon) ** 2``."""

    epsilon: float

    def gradient(self, raw, target):
        """See `LinearLoss`."""
        error = raw - target
        return 2 * np.sign(error) * np.maximum(np.abs(error) - self.epsilon, 0)

    def hessian(self, raw, target, weight):  # noqa: ARG002 - used by other losses
        """See `LinearLoss`."""
        return 2.0 * (np.abs(raw - target) > self.epsilon)


@dataclass(frozen=True)
class Pinball(LinearLoss):
    """Pinball loss of a quantile."""

    quantile: float

    def gradient(self, raw, target):
        """See `LinearLoss`."""
        return np.where(raw > target, 1 - self.quantile, -self.quantile)

    def hessian(self, raw, target, weight):
        """See `LinearLoss`."""
        return _smoothed_jump(raw - target, 0.0, weight)


def _smoothed_jump(value, at, weight):
    """Return the smoothed second derivative where the gradient jumps by 1."""
    width = _spread(value, weight)
    return np.exp(-(((value - at) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))


def _smoothed_step(value, at, weight):
    """Return the smoothed indicator of values below a point."""
    return ndtr((at - value) / _spread(value, weight))


def _spread(value, weight):
    """Return the weighted standard deviation of values, per output; 1 if it is 0."""
    mean = np.average(value, axis=0, weights=weight)
    spread = np.sqrt(np.average((value - mean) ** 2, axis=0, weights=weight))
    return np.where(spread > 0, spread, 1.0)
