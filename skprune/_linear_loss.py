"""What a linear model minimised: its loss, row by row, and its ridge.

A loss is a function of the raw scores ``X @ coef.T + intercept`` and of the targets, both of
shape (n_rows, n_outputs); the targets of classifiers are 1 and -1.

Losses with corners, or whose slope has them, bend on some rows only. But whatever goes moves
the scores, and other rows then: their curvature is the mean over normal moves, which are as
wide as the scores spread.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, ndtr, softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.svm import LinearSVC, LinearSVR

SGD = (SGDClassifier, SGDRegressor, Perceptron)
GLMS = (PoissonRegressor, GammaRegressor, TweedieRegressor)


def loss_of(model):
    """Return the loss that a model was fitted with, or what stands in for it.

    Parameters
    ----------
    model : fitted estimator
        A linear model.

    Returns
    -------
    Squared
        Or another loss; squared for models that are not known, which are regressions.
    """
    if isinstance(model, LogisticRegression | LinearDiscriminantAnalysis):
        return Logistic() if fits_by_class(model) else Softmax()
    if isinstance(model, GLMS):
        return _deviance_of(model)
    if isinstance(model, HuberRegressor):
        return Huber(model.epsilon * model.scale_)
    if isinstance(model, QuantileRegressor):
        return Pinball(model.quantile)
    name = "perceptron" if isinstance(model, Perceptron) else getattr(model, "loss", None)
    return _named(name, getattr(model, "epsilon", 0.0))


def _named(name, epsilon):
    return {
        "hinge": Hinge(1.0),
        "perceptron": Hinge(0.0),
        "squared_hinge": SquaredHinge(),
        "modified_huber": ModifiedHuber(),
        "log_loss": Logistic(),
        "huber": Huber(epsilon),
        "epsilon_insensitive": Tube(epsilon),
        "squared_epsilon_insensitive": SquaredTube(epsilon),
    }.get(name, Squared())


def _deviance_of(model):
    """Return the loss of a generalised linear model; the squared one if its link is none."""
    if not isinstance(model, TweedieRegressor):
        return Deviance(1 if isinstance(model, PoissonRegressor) else 2)
    has_log = model.link == "log" or (model.link == "auto" and model.power > 0)
    return Deviance(model.power) if has_log else Squared()


def fits_by_class(model):
    """Say whether a logistic model fits each of several classes against the rest."""
    if getattr(model, "solver", None) == "liblinear":
        return True
    return getattr(model, "multi_class", None) == "ovr" and len(model.classes_) > 2


def penalty_of(model, weight):
    """Return what half of multiplies the squared coefficients, beside a summed loss.

    Parameters
    ----------
    model : fitted estimator
        A linear model.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.

    Returns
    -------
    float or ndarray of shape (n_outputs,)
        At least 0. An L1 penalty bends nowhere, and counts for nothing.
    """
    penalty: Any = 0.0
    if isinstance(model, LogisticRegression):
        strength = model.C_ if hasattr(model, "C_") else model.C
        penalty = _ridge_share(model) / np.ravel(strength)
    elif isinstance(model, LinearSVC | LinearSVR):
        penalty = 0.0 if getattr(model, "penalty", "l2") == "l1" else 1 / model.C
    elif isinstance(model, Ridge | RidgeCV | RidgeClassifier | RidgeClassifierCV):
        penalty = model.alpha_ if hasattr(model, "alpha_") else model.alpha
    elif isinstance(model, ElasticNet | ElasticNetCV):  # the lasso is one, of ratio 1
        alpha = getattr(model, "alpha_", getattr(model, "alpha", 0.0))
        penalty = alpha * (1 - (ratios_of(model) or [1.0])[0]) * weight.sum()
    elif isinstance(model, GLMS):
        penalty = model.alpha * weight.sum()
    elif isinstance(model, HuberRegressor):
        penalty = model.alpha * model.scale_
    elif isinstance(model, SGD):  # its penalty counts rows, whatever they weigh
        share = {"l2": 1.0, "elasticnet": 1 - model.l1_ratio}.get(model.penalty, 0.0)
        penalty = model.alpha * share * len(weight)
    return penalty


def _ridge_share(model):
    """Return how much of the penalty of a logistic model is squared."""
    # The ratio speaks for scikit-learn from 1.8 on, and before for the elastic net only.
    named = {"l2": 1.0, "l1": 0.0, None: 0.0}
    penalty = getattr(model, "penalty", "deprecated")
    return named[penalty] if penalty in named else 1 - (ratios_of(model) or [0.0])[0]


def ratios_of(model):
    """Return the shares of the L1 penalty, as a list; empty if the model names none."""
    found = getattr(model, "l1_ratio_", getattr(model, "l1_ratio", None))
    return [] if found is None else [float(r) for r in np.ravel(found) if r is not None]


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
