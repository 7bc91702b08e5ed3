"""Losses of linear models: their slope and their curvature, row by row.

A loss is a function of the raw scores ``X @ coef.T + intercept`` and of the targets, both of
shape (n_rows, n_outputs); the targets of classifiers are 1 and -1.

Losses with corners, or whose slope has them, bend on some rows only. But whatever goes moves
the scores, and other rows then: their curvature is the mean over normal moves, which are as
wide as the scores spread.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr, softmax


class Squared:
    """Half of the squared error, and the silhouette of all losses."""

    def slope(self, raw, target):
        """Return the derivative of each row's loss in its scores."""
        return raw - target

    def curvature(self, raw, target, weight):  # noqa: ARG002 - others look at them
        """Return the second derivative, by itself; `weight` says how much each row counts."""
        return np.ones(raw.shape)


# Of classifiers.


class Logistic(Squared):
    """Log-loss, of each class against the rest."""

    def slope(self, raw, target):
        """See `Squared`."""
        return self.chances(raw) - (target > 0)

    def curvature(self, raw, target, weight):  # noqa: ARG002 - others look at them
        """See `Squared`."""
        chance = self.chances(raw)
        return chance * (1 - chance)

    def chances(self, raw):
        """Return probabilities."""
        return expit(raw)


class Softmax(Logistic):
    """Log-loss of all classes together; the curvature is that of each class by itself."""

    def chances(self, raw):
        """Return probabilities."""
        return expit(raw) if raw.shape[1] == 1 else softmax(raw, axis=1)


@dataclass(frozen=True)
class Hinge(Squared):
    """What the margin of a row lacks: its score towards its class, of so much."""

    margin: float

    def slope(self, raw, target):
        """See `Squared`."""
        return -target * (raw * target < self.margin)

    def curvature(self, raw, target, weight):
        """See `Squared`."""
        return _jump(raw * target, self.margin, weight)


class SquaredHinge(Squared):
    """The square of what the margin of a row lacks of 1."""

    def slope(self, raw, target):
        """See `Squared`."""
        return -2 * target * np.maximum(1 - raw * target, 0)

    def curvature(self, raw, target, weight):
        """See `Squared`."""
        return 2.0 * _below(raw * target, 1.0, weight)


class ModifiedHuber(Squared):
    """The squared hinge, and a line for margins below -1."""

    def slope(self, raw, target):
        """See `Squared`."""
        return -2 * target * np.clip(1 - raw * target, 0, 2)

    def curvature(self, raw, target, weight):
        """See `Squared`."""
        margin = raw * target
        return 2.0 * (_below(margin, 1.0, weight) - _below(margin, -1.0, weight))


# Of regressions.


@dataclass(frozen=True)
class Deviance(Squared):
    """Half of the Tweedie deviance of a power, with a logarithmic link."""

    power: float

    def slope(self, raw, target):
        """See `Squared`."""
        return (np.exp(raw) - target) * np.exp((1 - self.power) * raw)

    def curvature(self, raw, target, weight):  # noqa: ARG002 - others look at them
        """See `Squared`; its expectation over targets."""
        return np.exp((2 - self.power) * raw)


@dataclass(frozen=True)
class Huber(Squared):
    """Squared loss, and a line for errors above a limit."""

    limit: float

    def slope(self, raw, target):
        """See `Squared`."""
        return np.clip(raw - target, -self.limit, self.limit)

    def curvature(self, raw, target, weight):  # noqa: ARG002 - others look at it
        """See `Squared`."""
        return 1.0 * (np.abs(raw - target) <= self.limit)


@dataclass(frozen=True)
class Tube(Squared):
    """Absolute errors beyond a tolerance."""

    epsilon: float

    def slope(self, raw, target):
        """See `Squared`."""
        return np.sign(raw - target) * (np.abs(raw - target) > self.epsilon)

    def curvature(self, raw, target, weight):
        """See `Squared`."""
        error = raw - target
        return _jump(error, self.epsilon, weight) + _jump(error, -self.epsilon, weight)


@dataclass(frozen=True)
class SquaredTube(Squared):
    """Squared errors beyond a tolerance."""

    epsilon: float

    def slope(self, raw, target):
        """See `Squared`."""
        error = raw - target
        return 2 * np.sign(error) * np.maximum(np.abs(error) - self.epsilon, 0)

    def curvature(self, raw, target, weight):  # noqa: ARG002 - others look at it
        """See `Squared`."""
        return 2.0 * (np.abs(raw - target) > self.epsilon)


@dataclass(frozen=True)
class Pinball(Squared):
    """The loss of a quantile."""

    quantile: float

    def slope(self, raw, target):
        """See `Squared`."""
        return np.where(raw > target, 1 - self.quantile, -self.quantile)

    def curvature(self, raw, target, weight):
        """See `Squared`."""
        return _jump(raw - target, 0.0, weight)


def _jump(value, at, weight):
    """Return the curvature of a slope that rises by 1 at a place, per value and output."""
    width = _spread(value, weight)
    return np.exp(-(((value - at) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))


def _below(value, at, weight):
    """Return the share of moves after which values are below a place."""
    return ndtr((at - value) / _spread(value, weight))


def _spread(value, weight):
    """Return the standard deviation of values, per output."""
    mean = np.average(value, axis=0, weights=weight)
    spread = np.sqrt(np.average((value - mean) ** 2, axis=0, weights=weight))
    return np.where(spread > 0, spread, 1.0)
