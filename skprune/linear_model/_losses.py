"""The losses of linear models by name."""

from collections.abc import Callable
from functools import partial

from skprune.solvers.linear_losses import (
    Deviance,
    Hinge,
    Huber,
    Logistic,
    ModifiedHuber,
    Pinball,
    Softmax,
    Squared,
    SquaredHinge,
    SquaredTube,
    Tube,
)

# By the names that surgeons give them, which are those of scikit-learn where it has one.
LOSSES: dict[str, Callable[..., Squared]] = {
    "deviance": Deviance,
    "epsilon_insensitive": Tube,
    "hinge": partial(Hinge, 1.0),
    "huber": Huber,
    "log_loss": Logistic,
    "modified_huber": ModifiedHuber,
    "perceptron": partial(Hinge, 0.0),
    "quantile": Pinball,
    "softmax": Softmax,
    "squared_epsilon_insensitive": SquaredTube,
    "squared_error": Squared,
    "squared_hinge": SquaredHinge,
}


def loss_of(surgeon):
    """Return the loss that the model of a `LinearSurgeon` minimises; a `Squared` or its like."""
    name, *parameters = surgeon.loss
    return LOSSES[name](*parameters)
