"""Losses of additive models: value, slope and an upper bound of the curvature.

A loss sees targets and raw predictions as arrays of shape (n_columns, n_rows), a column
per class or output, and is asked for three things only, so that one solver serves all.
Each costs O(rows * columns).
"""

from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import expit, log_softmax, softmax

# Rows that are fitted already have almost no curvature; a share of the largest keeps steps
# within the reach of the quadratic model.
LEAST_CURVATURE = 0.02

_TINY = np.finfo(float).tiny


class Slope(NamedTuple):
    """What a quadratic model of a loss needs at some raw predictions.

    Attributes
    ----------
    descent : ndarray of shape (n_columns, n_rows)
        Negative gradient.
    curvature : float or ndarray of shape (n_columns, n_rows)
        A bound of the second derivatives, jointly over the columns.
    """

    descent: np.ndarray
    curvature: float | np.ndarray


class Loss(Protocol):
    """What a solver asks of a loss."""

    is_quadratic: bool

    def intercept(self, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the best constant of each column; shape (n_columns,)."""

    def value(self, target: np.ndarray, raw: np.ndarray) -> np.ndarray:
        """Return the loss of each row; shape (n_rows,)."""

    def slope(self, target: np.ndarray, raw: np.ndarray) -> Slope:
        """Return the `Slope` at raw predictions."""


class SquaredLoss:
    """Half the squared error; several columns are several outputs."""

    is_quadratic = True

    def intercept(self, target, weight):
        """Return the best constant of each column; ndarray of shape (n_columns,)."""
        return np.average(target, axis=1, weights=weight)

    def value(self, target, raw):
        """Return the loss of each row; ndarray of shape (n_rows,)."""
        return 0.5 * ((target - raw) ** 2).sum(axis=0)

    def slope(self, target, raw):
        """Return the `Slope` at raw predictions."""
        return Slope(target - raw, 1.0)


class BinomialLoss:
    """Log-loss of two classes; the target is 0 or 1, raw predictions are log-odds."""

    is_quadratic = False

    def intercept(self, target, weight):
        """Return the log-odds of the share of the second class."""
        share = _inside(np.average(target, axis=1, weights=weight))
        return np.log(share) - np.log1p(-share)

    def value(self, target, raw):
        """Return the loss of each row."""
        return (np.logaddexp(0, raw) - target * raw)[0]

    def slope(self, target, raw):
        """Return the `Slope` at raw predictions."""
        chance = expit(raw)
        curvature = np.maximum(chance * (1 - chance), LEAST_CURVATURE / 4)
        return Slope(target - chance, curvature)


class MultinomialLoss:
    """Log-loss of several classes; the target is one-hot, a column per class."""

    is_quadratic = False

    def intercept(self, target, weight):
        """Return centred logarithms of the shares of the classes."""
        log_share = np.log(_inside(np.average(target, axis=1, weights=weight)))
        return log_share - log_share.mean()

    def value(self, target, raw):
        """Return the loss of each row."""
        return -(target * log_softmax(raw, axis=0)).sum(axis=0)

    def slope(self, target, raw):
        """Return the `Slope` at raw predictions.

        The second derivatives of a row, diag(p) - p p', are bounded by twice the diagonal
        matrix of p (1 - p): the difference is diagonally dominant.
        """
        chance = softmax(raw, axis=0)
        curvature = np.maximum(2 * chance * (1 - chance), LEAST_CURVATURE / 2)
        return Slope(target - chance, curvature)


class ExponentialLoss:
    """Loss of AdaBoost; the target is 0 or 1, raw predictions are half log-odds."""

    is_quadratic = False

    def intercept(self, target, weight):
        """Return half the log-odds of the share of the second class."""
        return BinomialLoss().intercept(target, weight) / 2

    def value(self, target, raw):
        """Return the loss of each row."""
        return np.exp((1 - 2 * target) * raw)[0]

    def slope(self, target, raw):
        """Return the `Slope` at raw predictions."""
        sign = 2 * target - 1
        loss = np.exp(-sign * raw)
        return Slope(sign * loss, np.maximum(loss, LEAST_CURVATURE))


class _LogLinkLoss:
    """Base of the losses whose raw predictions are logarithms of means."""

    is_quadratic = False

    def intercept(self, target, weight):
        """Return the logarithm of the mean."""
        return np.log(np.maximum(np.average(target, axis=1, weights=weight), _TINY))


class PoissonLoss(_LogLinkLoss):
    """Half the deviance of counts, up to a constant of the target."""

    def value(self, target, raw):
        """Return the loss of each row."""
        return (np.exp(raw) - target * raw)[0]

    def slope(self, target, raw):
        """Return the `Slope` at raw predictions."""
        mean = np.exp(raw)
        return Slope(target - mean, np.maximum(mean, LEAST_CURVATURE))


class GammaLoss(_LogLinkLoss):
    """Half the deviance of positive targets, up to a constant of the target."""

    def value(self, target, raw):
        """Return the loss of each row."""
        return (target * np.exp(-raw) + raw)[0]

    def slope(self, target, raw):
        """Return the `Slope` at raw predictions."""
        ratio = target * np.exp(-raw)
        return Slope(ratio - 1, np.maximum(ratio, LEAST_CURVATURE))


class QuantileLoss:
    """Pinball loss; at the level 0.5 it is half the absolute error.

    Parameters
    ----------
    level : float, default=0.5
        Quantile to predict.

    Notes
    -----
    Smoothed at its kink, where it has no curvature, and bounded by the parabola that touches
    it at the current residual (D. R. Hunter and K. Lange, "Quantile regression via an MM
    algorithm", 2000). Targets are expected in units of their spread; the value is at most a
    fortieth of that below the pinball loss.
    """

    is_quadratic = False
    blur = 0.01

    def __init__(self, level=0.5):
        self.level = level

    def intercept(self, target, weight):
        """Return the weighted quantile of each column."""
        return np.array([_quantile(column, weight, self.level) for column in target])

    def value(self, target, raw):
        """Return the loss of each row."""
        residual = target - raw
        pinball = residual * (self.level - (residual < 0))
        return (pinball - self.blur / 2 * np.log1p(np.abs(residual) / self.blur)).sum(axis=0)

    def slope(self, target, raw):
        """Return the `Slope` at raw predictions."""
        residual = target - raw
        curvature = 0.5 / (np.abs(residual) + self.blur)
        return Slope(curvature * residual + self.level - 0.5, curvature)


class HuberLoss:
    """Squared error near zero, absolute error beyond a bend.

    Parameters
    ----------
    bend : float
        Residual from which the loss is linear, in units of the target.
    """

    is_quadratic = False

    def __init__(self, bend):
        self.bend = bend

    def intercept(self, target, weight):
        """Return the weighted median of each column."""
        return np.array([_quantile(column, weight, 0.5) for column in target])

    def value(self, target, raw):
        """Return the loss of each row."""
        residual = np.abs(target - raw)
        inner = np.minimum(residual, self.bend)
        return (inner * (residual - 0.5 * inner)).sum(axis=0)

    def slope(self, target, raw):
        """Return the `Slope` at raw predictions."""
        residual = target - raw
        curvature = self.bend / np.maximum(np.abs(residual), self.bend)
        return Slope(curvature * residual, curvature)


def _inside(share):
    """Keep shares off 0 and 1, where log-odds have no end."""
    return np.clip(share, 1e-6, 1 - 1e-6)


def _quantile(values, weight, level):
    """Return a weighted quantile: the least value with enough weight at or below it."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    return values[order][np.searchsorted(reached, level * reached[-1])]
