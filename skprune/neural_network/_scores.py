"""Importance scores of weights and hidden units, before and between pruning rounds."""

import numpy as np
from sklearn.utils import check_random_state

from skprune.arrays.network import curvatures, forward
from skprune.criteria import saliency
from skprune.solvers import fine_tuning, layerwise, neurons

# Criteria that use no data.
WITHOUT_ROWS = ("magnitude", "layer_magnitude", "lamp", "random")
CRITERIA = ("obs", "wanda", "gradient", "l1", *WITHOUT_ROWS)


def score_units(network, rows, criterion, *, by_neuron, alpha=0.0, seed=None):
    """Score all units of a network, layer after layer.

    Parameters
    ----------
    network : Network
        The network; weights that are zero count as removed.
    rows : NetworkData or None
        Needed by all criteria but those in `WITHOUT_ROWS`.
    criterion : str
        One of `CRITERIA`.
    by_neuron : bool
        Whether units are hidden units, or weights.
    alpha : float, default=0.0
        L2 penalty of the training that "l1" does.
    seed : int, default=None
        Draws "random".

    Returns
    -------
    ndarray of shape (n_units,)
        Scores. Infinite for units that cannot be removed: the best input weight of each output
        and of each unit with such an output weight, or the best unit of each hidden layer. Zero
        for redundant hidden units, for zero weights, and for weights into units without
        output weights.
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
    return np.concatenate([each.ravel() for each in _cap_by_outputs(network.coefs, scores)])


def _of_weights(network, rows, criterion, alpha):
    if criterion in WITHOUT_ROWS:
        return getattr(saliency, criterion)(network.coefs)
    if criterion == "l1":
        return fine_tuning.shrink_weights(network, *rows, alpha=alpha)
    read = forward(network, rows.X)
    if criterion == "obs":
        return layerwise.weight_costs(network, read, rows.weight)
    if criterion == "wanda":
        curvature = curvatures(network, read, rows.weight)
        return saliency.wanda(network, read, curvature, rows.weight)
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
        curvature = curvatures(network, read, rows.weight)
        return saliency.neuron_spread(network, read, curvature, rows.weight)
    return saliency.neuron_gradient(network, read, rows.target, rows.weight)


def _spare_redundant(network, rows, scores):
    """Return scores that are zero for constant and duplicate units only."""
    if rows is None:
        return scores
    partners = neurons.redundant(network, forward(network, rows.X), rows.weight)
    return [
        np.where(found.is_redundant, 0.0, np.maximum(each, np.finfo(float).tiny))
        for found, each in zip(partners, scores, strict=True)
    ]


def _cap_by_outputs(coefs, scores):
    """Cap scores so that a unit's last input is removed no earlier than its last output.

    No input weight of a unit scores higher than its best output weight, and its best input
    weight scores as high; the best input weight of an output is infinite.
    """
    last, found = np.inf, []
    for coef, score in zip(coefs[::-1], scores[::-1], strict=True):
        alive = coef != 0
        best = np.where(alive, score, -1.0).argmax(axis=0), np.arange(coef.shape[1])
        kept = np.where(alive, np.minimum(score, last), 0.0)
        kept[best] = np.where(alive[best], last, 0.0)
        found.append(kept)
        last = kept.max(axis=1)
    return found[::-1]


def _protected(scores):
    """Return scores with the largest of each column set to infinity."""
    scores = np.array(scores, dtype=np.float64)
    scores[scores.argmax(axis=0), np.arange(scores.shape[1])] = np.inf
    return scores
