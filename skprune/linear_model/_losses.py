"""The losses of linear models by name."""

from collections.abc import Callable
from functools import partial

from skprune.solvers.linear_losses import (
    Deviance,
    EpsilonInsensitive,
    Hinge,
    Huber,
    LinearLoss,
    Logistic,
    ModifiedHuber,
    Pinball,
    Softmax,
    Squared,
    SquaredEpsilonInsensitive,
    SquaredHinge,
)

# By the names that surgeons give them, which are those of scikit-learn where it has one.
LOSSES: dict[str, Callable[..., LinearLoss]] = {
    "deviance": Deviance,
    "epsilon_insensitive": EpsilonInsensitive,
    "hinge": partial(Hinge, 1.0),
    "huber": Huber,
    "log_loss": Logistic,
    "modified_huber": ModifiedHuber,
    "perceptron": partial(Hinge, 0.0),
    "quantile": Pinball,
    "softmax": Softmax,
    "squared_epsilon_insensitive": SquaredEpsilonInsensitive,
    "squared_error": Squared,
    "squared_hinge": SquaredHinge,
}


def loss_of(surgeon):
    """Return the loss that the model of a `LinearSurgeon` minimises; LinearLoss."""
    name, *parameters = surgeon.loss
    return LOSSES[name](*parameters)
