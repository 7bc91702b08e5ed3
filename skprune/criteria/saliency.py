"""Saliency: importance scores of the weights and hidden units of a network.

Scores of weights are one array per layer, shaped like its weights; scores of units are one
array per hidden layer. They are comparable across layers, and the lowest is removed first.
Zero weights score zero.

References
----------
Y. LeCun, J. S. Denker and S. A. Solla, "Optimal brain damage", NIPS 1989.

J. Lee et al., "Layer-adaptive sparsity for the magnitude-based pruning", ICLR 2021.

P. Molchanov et al., "Importance estimation for neural network pruning", CVPR 2019.

M. Sun et al., "A simple and effective pruning approach for large language models", ICLR 2024.
"""

import numpy as np
from scipy.stats import rankdata

from skprune.arrays.network import backward, predictions


def magnitude(coefs):
    """Score weights by their magnitude.

    Parameters
    ----------
    coefs : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer.

    Returns
    -------
    list of ndarray of shape (n_inputs, n_units)
        Absolute values. O(n_weights).
    """
    return [np.abs(coef) for coef in coefs]


def layer_magnitude(coefs):
    """Score weights by the rank of their magnitude in the layer: uniform layer sparsity.

    Parameters and result as for `magnitude`. The score is the rank among the layer's non-zero
    weights, divided by their number. Of equal weights the first ranks lower.
    O(n_weights * log(n_weights)).
    """
    scores = []
    for coef in coefs:
        score, nonzero = np.zeros(coef.shape), coef != 0
        found = rankdata(np.abs(coef[nonzero]), method="ordinal")
        score[nonzero] = found / max(len(found), 1)
        scores.append(score)
    return scores


def lamp(coefs):
    """Score weights by layer-adaptive magnitude (LAMP).

    Parameters and result as for `magnitude`. The score is ``w**2 / sum(v**2)`` over all weights v
    of the layer with ``abs(v) >= abs(w)``. The largest weight of a layer scores 1.
    O(n_weights * log(n_weights)).
    """
    scores = []
    for coef in coefs:
        squares = np.sort(coef**2, axis=None)
        not_smaller = np.cumsum(squares[::-1])[::-1]
        whole = not_smaller[np.searchsorted(squares, coef**2)]
        scores.append(np.divide(coef**2, whole, out=np.zeros(coef.shape), where=whole > 0))
    return scores


def wanda(network, inputs, curvature, weight):
    """Score weights by their effect on the pre-activations (Wanda), scaled by curvature.

    Parameters
    ----------
    network : Network
        Its weights.
    inputs : list
        Inputs of each layer, from `forward`; the first may be sparse.
    curvature : list of ndarray of shape (n_units,)
        Curvature of the loss in the pre-activations, from `curvatures`.
    weight : ndarray of shape (n_samples,)
        Sample weights.

    Returns
    -------
    list of ndarray of shape (n_inputs, n_units)
        ``abs(w) * rms(input) * sqrt(curvature)``; the last factor makes layers comparable.
        O(n_samples * n_units).
    """
    ones = np.ones((len(weight), 1))
    return [
        np.abs(coef) * np.sqrt(_mean_products(values, ones, weight) * own)
        for coef, values, own in zip(network.coefs, inputs, curvature, strict=False)
    ]


def gradient(network, inputs, target, weight):
    """Score weights by the empirical Fisher diagonal (as in optimal brain damage).

    At an optimum the gradients of the samples sum to zero, so their squares are used.

    Parameters
    ----------
    network, inputs, weight
        As for `wanda`.
    target : ndarray of shape (n_samples, n_outputs)
        Values, or class probabilities.

    Returns
    -------
    list of ndarray of shape (n_inputs, n_units)
        ``w**2 * mean(g**2) / 2``, where g is the derivative of a sample's loss with respect
        to the weight w. O(n_samples * n_weights).
    """
    gradients = backward(network, inputs, predictions(network, inputs[-1]) - target)
    return [
        coef**2 * _mean_products(values, own, weight) / 2
        for coef, values, own in zip(network.coefs, inputs, gradients, strict=False)
    ]


def neuron_magnitude(network):
    """Score hidden units by the norms of their incoming and outgoing weights.

    Parameters
    ----------
    network : Network
        Its weights.

    Returns
    -------
    list of ndarray of shape (n_units,)
        The product of both norms, per hidden layer. O(n_weights).
    """
    return [
        np.linalg.norm(incoming, axis=0) * np.linalg.norm(outgoing, axis=1)
        for incoming, outgoing in zip(network.coefs, network.coefs[1:], strict=False)
    ]


def neuron_spread(network, inputs, curvature, weight):
    """Score hidden units by the variation that they cause in the next layer.

    Parameters
    ----------
    network, inputs, curvature, weight
        As for `wanda`.

    Returns
    -------
    list of ndarray of shape (n_units,)
        ``std(activation) * sqrt(sum(curvature * outgoing**2))``, with the curvature in the
        pre-activations that the outgoing weights lead to. O(n_samples * n_units).
    """
    scores = []
    for values, outgoing, own in zip(inputs[1:-1], network.coefs[1:], curvature[1:], strict=True):
        mean = np.average(values, axis=0, weights=weight)
        spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
        scores.append(spread * np.sqrt(outgoing**2 @ own))
    return scores


def neuron_gradient(network, inputs, target, weight):
    """Score hidden units by the first-order change of the samples' losses without them.

    Parameters
    ----------
    network, inputs, target, weight
        As for `gradient`.

    Returns
    -------
    list of ndarray of shape (n_units,)
        ``mean((activation * g)**2)``, where g is the derivative of a sample's loss with
        respect to the activation. O(n_samples * n_weights).
    """
    gradients = backward(network, inputs, predictions(network, inputs[-1]) - target)
    return [
        np.average((values * (own @ outgoing.T)) ** 2, axis=0, weights=weight)
        for values, own, outgoing in zip(
            inputs[1:-1], gradients[1:], network.coefs[1:], strict=True
        )
    ]


def _mean_products(values, gradients, weight):
    """Return means over samples of ``values**2 * gradients**2``; shape (n_inputs, n_units)."""
    squares = values**2 if isinstance(values, np.ndarray) else values.multiply(values)
    return squares.T @ (gradients**2 * (weight / weight.sum())[:, np.newaxis])
