"""Feed-forward networks as arrays: forward pass, backward pass and losses.

Surgery reads a fitted model into a `Network` and builds a model from one. Criteria and
solvers use the passes of this module and implement none of their own. Each output function
is paired with the loss for which it is the canonical link (squared error, log-loss, Poisson),
so the gradient with respect to the raw scores is always ``prediction - target``.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, log_softmax, softmax


class Network(NamedTuple):
    """Weights of a feed-forward network, layer by layer.

    Attributes
    ----------
    coefs : tuple of ndarray of shape (n_inputs, n_units)
        Weights of each layer; column j holds the incoming weights of unit j.
    intercepts : tuple of ndarray of shape (n_units,)
        Intercepts of each layer.
    activation : {"identity", "logistic", "tanh", "relu"}
        Activation function of the hidden units.
    output : {"identity", "softmax", "logistic", "exp"}
        Output function, applied to the raw scores (the pre-activations of the last layer).
    """

    coefs: Any
    intercepts: Any
    activation: str
    output: str


def activate(activation, pre_activations):
    """Apply an activation function; ndarray of the same shape."""
    if activation == "relu":
        return np.maximum(pre_activations, 0.0)
    functions = {"identity": np.array, "logistic": expit, "tanh": np.tanh}
    return functions[activation](pre_activations)


def activation_derivative(activation, values):
    """Return the derivative of an activation as a function of its value; bool for relu."""
    if activation == "relu":
        return values > 0
    if activation == "logistic":
        return values * (1 - values)
    return 1 - values**2 if activation == "tanh" else np.ones_like(values)


def forward(network, X):
    """Forward pass.

    Parameters
    ----------
    network : Network
        Its weights.
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        Samples.

    Returns
    -------
    list
        The inputs of each layer, starting with `X`, then the raw scores: ``n_layers + 1``
        arrays. O(n_samples * n_weights) time, O(n_samples * n_units) memory.
    """
    inputs = [X]
    for coef, intercept in zip(network.coefs, network.intercepts, strict=True):
        pre_activations = inputs[-1] @ coef
        pre_activations += intercept
        if len(inputs) == len(network.coefs):
            inputs.append(pre_activations)
        else:
            inputs.append(activate(network.activation, pre_activations))
    return inputs


def predictions(network, raw):
    """Apply the output function to raw scores; returns means or class probabilities."""
    if network.output == "softmax":
        return softmax(raw, axis=1)
    return {"identity": np.array, "logistic": expit, "exp": np.exp}[network.output](raw)


def losses(network, raw, target):
    """Return the loss of each sample, summed over outputs; O(n_samples * n_outputs).

    Parameters
    ----------
    network : Network
        Only its output function is used.
    raw : ndarray of shape (n_samples, n_outputs)
        Raw scores.
    target : ndarray of shape (n_samples, n_outputs)
        Values, or class probabilities: one-hot or soft labels.

    Returns
    -------
    ndarray of shape (n_samples,)
        Half squared errors, cross-entropies in nats, or Poisson losses up to a constant.
    """
    if network.output == "softmax":
        return -(target * log_softmax(raw, axis=1)).sum(axis=1)
    if network.output == "logistic":
        return (np.logaddexp(0.0, raw) - target * raw).sum(axis=1)
    if network.output == "exp":
        return (np.exp(raw) - target * raw).sum(axis=1)
    return ((raw - target) ** 2).sum(axis=1) / 2


def backward(network, inputs, gradients):
    """Backward pass (backpropagation).

    Parameters
    ----------
    network : Network
        Its weights.
    inputs : list
        From `forward`.
    gradients : ndarray of shape (n_samples, n_outputs)
        Gradient of each sample's loss with respect to its raw scores, or any other vectors
        to propagate.

    Returns
    -------
    list of ndarray of shape (n_samples, n_units)
        Gradients with respect to the pre-activations of each layer.
        O(n_samples * n_weights).
    """
    back = [gradients]
    for coef, values in zip(network.coefs[:0:-1], inputs[-2:0:-1], strict=True):
        gradient = back[-1] @ coef.T
        gradient *= activation_derivative(network.activation, values)
        back.append(gradient)
    return back[::-1]


def curvatures(network, inputs, weight):
    """Return the Gauss-Newton curvature of the loss in each pre-activation.

    Parameters
    ----------
    network : Network
        Its weights.
    inputs : list
        From `forward`.
    weight : ndarray of shape (n_samples,)
        Sample weights.

    Returns
    -------
    list of ndarray of shape (n_units,)
        Weighted mean over samples of the diagonal of the generalised Gauss-Newton matrix
        ``J' H J``, where H is the Hessian with respect to the raw scores and J their
        Jacobian. O(n_samples * n_weights * n_outputs).
    """
    predicted = predictions(network, inputs[-1])
    total = [np.zeros(len(intercept)) for intercept in network.intercepts]
    for output in range(predicted.shape[1]):
        # Column `output` of a square root R of the Hessian: H is the sum of r r'.
        own = predicted[:, output]
        root = np.zeros_like(predicted)
        if network.output == "softmax":
            root = -np.sqrt(own[:, np.newaxis]) * predicted
            root[:, output] += np.sqrt(own)
        elif network.output == "logistic":
            root[:, output] = np.sqrt(own * (1 - own))
        else:
            root[:, output] = np.sqrt(own) if network.output == "exp" else 1.0
        parts = backward(network, inputs, root)
        total = [sum_ + weight @ part**2 for sum_, part in zip(total, parts, strict=True)]
    return [sum_ / weight.sum() for sum_ in total]
