"""What the parameters of a linear model say: which loss it minimised, and which penalty."""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LassoCV,
    LassoLars,
    LassoLarsCV,
    LassoLarsIC,
    LogisticRegression,
    LogisticRegressionCV,
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

from skprune.solvers.linear_losses import (
    Deviance,
    EpsilonInsensitive,
    Hinge,
    Huber,
    Logistic,
    ModifiedHuber,
    Pinball,
    Softmax,
    Squared,
    SquaredEpsilonInsensitive,
    SquaredHinge,
)

# What a cross-validation finds by itself, of the parameters that it shares with its model.
CHOSEN = frozenset({"alpha", "C", "l1_ratio", "precompute"})
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
    LinearLoss
        Its loss; squared error for unknown models, which are regressions.
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
        "epsilon_insensitive": EpsilonInsensitive(epsilon),
        "squared_epsilon_insensitive": SquaredEpsilonInsensitive(epsilon),
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


def with_fixed_penalty(model):
    """Return a clone that keeps the penalty which a cross-validation chose.

    Parameters
    ----------
    model : fitted estimator
        A linear model.

    Returns
    -------
    estimator
        Not fitted; of the same kind without the cross-validation, if there was one.
    """
    small: Any = None
    if isinstance(model, LassoCV):
        small = Lasso(alpha=model.alpha_)
    elif isinstance(model, ElasticNetCV):
        small = ElasticNet(alpha=model.alpha_, l1_ratio=model.l1_ratio_)
    elif isinstance(model, LassoLarsCV | LassoLarsIC):
        small = LassoLars(alpha=model.alpha_)
    elif isinstance(model, LogisticRegressionCV) and len(np.unique(model.C_)) == 1:
        small = LogisticRegression(C=np.ravel(model.C_)[0])
        if ratios_of(model):
            small.set_params(l1_ratio=ratios_of(model)[0])
    if small is None:
        return clone(model)
    own = set(small.get_params()) - CHOSEN
    return small.set_params(**{k: v for k, v in model.get_params().items() if k in own})
