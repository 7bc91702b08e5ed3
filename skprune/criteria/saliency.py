"""Saliency: what each weight and each hidden unit of a network is worth by itself.

Scores of weights are one array per layer, shaped like its weights; scores of units one array
per hidden layer. They compare over the layers, and the lowest goes first. A weight that is
zero scores zero.

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
    """Score weights by their size.

    Parameters
    ----------
    coefs : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer.

    Returns
    -------
    list of ndarray of shape (n_inputs, n_units)
        Absolute values.
    """
    return [np.abs(coef) for coef in coefs]


def layer_magnitude(coefs):
    """Score weights by the rank of their size in the layer, so that all lose the same share.

    Parameters
    ----------
    coefs : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer.

    Returns
    -------
    list of ndarray of shape (n_inputs, n_units)
        Share of the layer's weights that are not larger; only those that are not zero count.
        Of equal ones the first ranks lower. O(n_weights * log(n_weights)).
    """
    scores = []
    for coef in coefs:
        score, there = np.zeros(coef.shape), coef != 0
        found = rankdata(np.abs(coef[there]), method="ordinal")
        score[there] = found / max(len(found), 1)
        scores.append(score)
    return scores


def lamp(coefs):
    """Score weights by their share in the squares that are left once all smaller ones went.

    Parameters
    ----------
    coefs : list of ndarray of shape (n_inputs, n_units)
        Weights of each layer.

    Returns
    -------
    list of ndarray of shape (n_inputs, n_units)
        The square, over the sum of the layer's squares that are not smaller. The largest
        weight of a layer scores 1. O(n_weights * log(n_weights)).
    """
    scores = []
    for coef in coefs:
        squares = np.sort(coef**2, axis=None)
        not_smaller = np.cumsum(squares[::-1])[::-1]
        whole = not_smaller[np.searchsorted(squares, coef**2)]
        scores.append(np.divide(coef**2, whole, out=np.zeros(coef.shape), where=whole > 0))
    return scores


def wanda(network, read, bend, weight):
    """Score weights by what they add to the sums of their units, as far as that matters.

    Parameters
    ----------
    network : Network
        Its weights.
    read : list
        What each layer reads, from `forward`; the first may be sparse.
    bend : list of ndarray of shape (n_units,)
        Curvature of the loss in the sums of each unit, from `curvatures`.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.

    Returns
    -------
    list of ndarray of shape (n_inputs, n_units)
        Absolute weights, times the root mean square of the input, times the root of the
        curvature: what compares over layers. O(n_rows * n_units).
    """
    every = np.ones((len(weight), 1))
    return [
        np.abs(coef) * np.sqrt(_mean_products(values, every, weight) * own)
        for coef, values, own in zip(network.coefs, read, bend, strict=False)
    ]


def gradient(network, read, target, weight):
    """Score weights by the squared slopes of the rows' losses: the diagonal of their Hessian.

    At an optimum the slopes of the rows add up to zero, so that they count by their squares.

    Parameters
    ----------
    network, read, weight
        As for `wanda`.
    target : ndarray of shape (n_rows, n_outputs)
        Values, or probabilities of classes.

    Returns
    -------
    list of ndarray of shape (n_inputs, n_units)
        Half the squared weight, times the mean squared slope of the loss in it.
        O(n_rows * n_weights).
    """
    slopes = backward(network, read, predictions(network, read[-1]) - target)
    return [
        coef**2 * _mean_products(values, own, weight) / 2
        for coef, values, own in zip(network.coefs, read, slopes, strict=False)
    ]


def neuron_magnitude(network):
    """Score hidden units by the norms of the weights that come in and that go out.

    Parameters
    ----------
    network : Network
        Its weights.

    Returns
    -------
    list of ndarray of shape (n_units,)
        The product of both norms, per hidden layer.
    """
    return [
        np.linalg.norm(coming, axis=0) * np.linalg.norm(going, axis=1)
        for coming, going in zip(network.coefs, network.coefs[1:], strict=False)
    ]


def neuron_spread(network, read, bend, weight):
    """Score hidden units by how much the sums of the next layer vary with them.

    Parameters
    ----------
    network, read, bend, weight
        As for `wanda`.

    Returns
    -------
    list of ndarray of shape (n_units,)
        Standard deviation of what the unit gives, times the norm of its outgoing weights,
        each times the root of the curvature where it goes. O(n_rows * n_units).
    """
    scores = []
    for values, going, own in zip(read[1:-1], network.coefs[1:], bend[1:], strict=True):
        mean = np.average(values, axis=0, weights=weight)
        spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
        scores.append(spread * np.sqrt(going**2 @ own))
    return scores


def neuron_gradient(network, read, target, weight):
    """Score hidden units by what the rows' losses would change without them, to first order.

    Parameters
    ----------
    network, read, target, weight
        As for `gradient`.

    Returns
    -------
    list of ndarray of shape (n_units,)
        Mean square of what the unit gives times the slope of the row's loss in it.
        O(n_rows * n_weights).
    """
    slopes = backward(network, read, predictions(network, read[-1]) - target)
    return [
        np.average((values * (own @ going.T)) ** 2, axis=0, weights=weight)
        for values, own, going in zip(read[1:-1], slopes[1:], network.coefs[1:], strict=True)
    ]


def _mean_products(values, slopes, weight):
    """Return means over rows of ``values**2 * slopes**2``; (n_inputs, n_units)."""
    squares = values**2 if isinstance(values, np.ndarray) else values.multiply(values)
    return squares.T @ (slopes**2 * (weight / weight.sum())[:, np.newaxis])
