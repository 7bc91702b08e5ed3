"""Feed-forward networks as arrays: one pass forward, one pass back, and the loss.

`Network` is what surgery reads a fitted model into and what it builds one from. Criteria and
solvers use the passes here and write none themselves. Every loss is the one that belongs to
the output (squares, log-losses, Poisson), so that its slope in the raw scores is always the
answer less the target.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, log_softmax, softmax


class Network(NamedTuple):
    """Weights of a feed-forward network, layer by layer.

    Attributes
    ----------
    coefs : tuple of ndarray of shape (n_inputs, n_units)
        Weights of each layer: those of a unit are a column.
    intercepts : tuple of ndarray of shape (n_units,)
        Intercepts of each layer.
    activation : {"identity", "logistic", "tanh", "relu"}
        What hidden units make of their sums.
    output : {"identity", "softmax", "logistic", "exp"}
        What the last layer makes of its sums, the raw scores.
    """

    coefs: Any
    intercepts: Any
    activation: str
    output: str


def activate(activation, sums):
    """Return what hidden units make of their sums; ndarray of the same shape."""
    if activation == "relu":
        return np.maximum(sums, 0.0)
    return {"identity": np.array, "logistic": expit, "tanh": np.tanh}[activation](sums)


def steepness(activation, values):
    """Return the derivative of an activation, from what it gave; ndarray, bool for relu."""
    if activation == "relu":
        return values > 0
    if activation == "logistic":
        return values * (1 - values)
    return 1 - values**2 if activation == "tanh" else np.ones_like(values)


def forward(network, X):
    """Pass rows through a network.

    Parameters
    ----------
    network : Network
        Its weights.
    X : ndarray or sparse matrix of shape (n_rows, n_features)
        The rows.

    Returns
    -------
    list
        What each layer reads, `X` first, and the raw scores last: one more than layers.
        O(n_rows * n_weights) time, O(n_rows * n_units) memory.
    """
    read = [X]
    for coef, intercept in zip(network.coefs, network.intercepts, strict=True):
        sums = read[-1] @ coef
        sums += intercept
        last = len(read) == len(network.coefs)
        read.append(sums if last else activate(network.activation, sums))
    return read


def predictions(network, raw):
    """Return what a network says for raw scores: means, or probabilities of classes."""
    if network.output == "softmax":
        return softmax(raw, axis=1)
    return {"identity": np.array, "logistic": expit, "exp": np.exp}[network.output](raw)


def losses(network, raw, target):
    """Return the loss of each row, summed over outputs.

    Parameters
    ----------
    network : Network
        Only its output is looked at.
    raw : ndarray of shape (n_rows, n_outputs)
        Raw scores.
    target : ndarray of shape (n_rows, n_outputs)
        Values, or probabilities of classes: certain ones, or soft labels.

    Returns
    -------
    ndarray of shape (n_rows,)
        Half the squares, cross-entropies in nats, or Poisson losses without their constant.
    """
    if network.output == "softmax":
        return -(target * log_softmax(raw, axis=1)).sum(axis=1)
    if network.output == "logistic":
        return (np.logaddexp(0.0, raw) - target * raw).sum(axis=1)
    if network.output == "exp":
        return (np.exp(raw) - target * raw).sum(axis=1)
    return ((raw - target) ** 2).sum(axis=1) / 2


def backward(network, read, slopes):
    """Pass slopes in the raw scores back through a network.

    Parameters
    ----------
    network : Network
        Its weights.
    read : list
        From `forward`.
    slopes : ndarray of shape (n_rows, n_outputs)
        Derivative of each row's loss in its raw scores, or any vectors to pass back.

    Returns
    -------
    list of ndarray of shape (n_rows, n_units)
        The same in the sums of each layer. O(n_rows * n_weights).
    """
    back = [slopes]
    for coef, values in zip(network.coefs[:0:-1], read[-2:0:-1], strict=True):
        part = back[-1] @ coef.T
        part *= steepness(network.activation, values)
        back.append(part)
    return back[::-1]


def curvatures(network, read, weight):
    """Return how the loss bends in the sums of each unit.

    Parameters
    ----------
    network : Network
        Its weights.
    read : list
        From `forward`.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.

    Returns
    -------
    list of ndarray of shape (n_units,)
        Mean over rows of the diagonal of the generalised Gauss-Newton matrix: the curvature
        of the loss in the raw scores, passed back. O(n_rows * n_weights * n_outputs).
    """
    said = predictions(network, read[-1])
    total = [np.zeros(len(intercept)) for intercept in network.intercepts]
    for output in range(said.shape[1]):
        # A square root of the curvature: its outer products sum to it over outputs.
        root = np.zeros_like(said)
        if network.output == "softmax":
            root = -np.sqrt(said[:, [output]]) * said
            root[:, output] += np.sqrt(said[:, output])
        elif network.output == "logistic":
            root[:, output] = np.sqrt(said[:, output] * (1 - said[:, output]))
        else:
            root[:, output] = np.sqrt(said[:, output]) if network.output == "exp" else 1.0
        parts = backward(network, read, root)
        total = [sum_ + weight @ part**2 for sum_, part in zip(total, parts, strict=True)]
    return [sum_ / weight.sum() for sum_ in total]
