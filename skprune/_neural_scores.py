"""What the weights or the hidden units of a network are worth, whichever network it is by now."""

import numpy as np
from sklearn.utils import check_random_state

from skprune._network import curvatures, forward
from skprune.criteria import saliency
from skprune.solvers import fine_tuning, layerwise, neurons

# They look at no rows.
WITHOUT_ROWS = ("magnitude", "layer_magnitude", "lamp", "random")
CRITERIA = ("obs", "wanda", "gradient", "l1", *WITHOUT_ROWS)


def score_units(network, rows, criterion, *, by_neuron, alpha=0.0, seed=None):
    """Score all units of a network, layer after layer.

    Parameters
    ----------
    network : Network
        The network; weights that are zero are gone.
    rows : NetworkRows or None
        Needed by all criteria but those in `WITHOUT_ROWS`.
    criterion : str
        One of `CRITERIA`.
    by_neuron : bool
        Whether units are hidden units, or weights.
    alpha : float, default=0.0
        Penalty of the training that "l1" does.
    seed : int, default=None
        Draws "random".

    Returns
    -------
    ndarray of shape (n_units,)
        Scores. Infinite for what cannot go: the best input of each unit, or the best unit of
        each hidden layer; zero for hidden units that are redundant, and for zeros.
    """
    if criterion == "random":
        rng = check_random_state(seed)
        shapes = (
            [c.shape[1] for c in network.coefs[:-1]] if by_neuron else map(np.shape, network.coefs)
        )
        scores = [1.0 - rng.uniform(size=shape) for shape in shapes]
    else:
        scores = (_of_neurons if by_neuron else _of_weights)(network, rows, criterion, alpha)
    if by_neuron:
        scores = _spare_redundant(network, rows, scores)
        return np.concatenate([_protected(each[:, np.newaxis]).ravel() for each in scores])
    scores = [np.where(coef != 0, s, 0.0) for coef, s in zip(network.coefs, scores, strict=True)]
    return np.concatenate([_protected(each).ravel() for each in scores])


def _of_weights(network, rows, criterion, alpha):
    if criterion in WITHOUT_ROWS:
        return getattr(saliency, criterion)(network.coefs)
    if criterion == "l1":
        return fine_tuning.shrink_weights(network, *rows, alpha=alpha)
    read = forward(network, rows.X)
    if criterion == "obs":
        return layerwise.weight_costs(network, read, rows.weight)
    if criterion == "wanda":
        bend = curvatures(network, read, rows.weight)
        return saliency.wanda(network, read, bend, rows.weight)
    return saliency.gradient(network, read, rows.target, rows.weight)


def _of_neurons(network, rows, criterion, alpha):
    if criterion == "l1":
        return fine_tuning.shrink_weights(network, *rows, alpha=alpha, groups=True)
    if criterion == "magnitude":
        return saliency.neuron_magnitude(network)
    read = forward(network, rows.X)
    if criterion == "obs":
        return neurons.neuron_costs(network, read, rows.weight)
    if criterion == "wanda":
        bend = curvatures(network, read, rows.weight)
        return saliency.neuron_spread(network, read, bend, rows.weight)
    return saliency.neuron_gradient(network, read, rows.target, rows.weight)


def _spare_redundant(network, rows, scores):
    """Return scores that are zero for units whose part another unit or the intercept takes."""
    if rows is None:
        return scores
    partners = neurons.redundant(network, forward(network, rows.X), rows.weight)
    return [
        np.where(found.gone, 0.0, np.maximum(each, np.finfo(float).tiny))
        for found, each in zip(partners, scores, strict=True)
    ]


def _protected(scores):
    """Return scores of which the largest of each column is infinite."""
    scores = np.array(scores, dtype=np.float64)
    scores[scores.argmax(axis=0), np.arange(scores.shape[1])] = np.inf
    return scores
