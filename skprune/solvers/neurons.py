"""Hidden units: redundant units, removal costs of the others, and smaller networks.

Duplicate and constant units are removed without loss: their outgoing weights are added to
those of the duplicate, or to the intercepts of the next layer. The removal cost of other units
follows from a quadratic model whose Hessian is the covariance of a layer's units. The units of
the next layer share it, each weighted by the curvature of the loss in its pre-activation.

References
----------
B. Hassibi and D. G. Stork, "Second order derivatives for network pruning: optimal brain
surgeon", NIPS 1992.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from skprune.arrays.network import curvatures
from skprune.solvers.inverse_hessian import eliminate
from skprune.solvers.layerwise import DAMPING, constant_inputs, second_moments

CONSTANT = -1


class Redundant(NamedTuple):
    """Duplicate and constant units of a hidden layer.

    Attributes
    ----------
    partner : ndarray of int, shape (n_units,)
        The first unit equal to this one (the unit itself if it is not redundant); -1 for
        constant units.
    value : ndarray of shape (n_units,)
        Activation of constant units; 0 for others.
    """

    partner: Any
    value: Any

    @property
    def is_redundant(self):
        """Units that can be removed without loss; ndarray of bool, shape (n_units,)."""
        return self.partner != np.arange(len(self.partner))


def redundant(network, inputs, weight):
    """Find hidden units that are constant or duplicates.

    Parameters
    ----------
    network : Network
        Its weights.
    inputs : list
        Inputs of each layer, from `forward`.
    weight : ndarray of shape (n_samples,)
        Sample weights; samples of weight zero are ignored.

    Returns
    -------
    list of Redundant
        One per hidden layer. Units are duplicates if their activations agree exactly on all
        samples, or if they have the same weights and intercept.
        O(n_samples * n_units * log(n_units)).
    """
    found, rows = [], np.flatnonzero(weight > 0)
    layers = zip(network.coefs, network.intercepts, inputs[1:-1], strict=False)
    for coef, intercept, values in layers:
        constant = constant_inputs(values, weight)
        partner = _first_equal(values[rows], np.vstack([coef, intercept]))
        partner[constant] = CONSTANT
        found.append(Redundant(partner, np.where(constant, values[rows[0]], 0.0)))
    return found


def _first_equal(*tables):
    """Return the first column of each group that is linked by equality in some table."""
    every = np.arange(tables[0].shape[1])
    equal = []
    for table in tables:
        # Adding 0.0 replaces -0.0, so that equal columns have equal bytes.
        column = np.ascontiguousarray(table.T + 0.0)
        keys = column.view(np.dtype((np.void, column.itemsize * column.shape[1])))[:, 0]
        _, first, which = np.unique(keys, return_index=True, return_inverse=True)
        equal.append(first[which])
    ends = (np.tile(every, len(tables)), np.concatenate(equal))
    links = coo_array((np.ones(len(ends[0])), ends), shape=(len(every), len(every)))
    label = connected_components(links, directed=False)[1]
    return np.unique(label, return_index=True)[1][label]


def fold(network, found, removed):
    """Move the contribution of redundant units to their duplicates or to intercepts.

    Parameters
    ----------
    network : Network
        Its weights.
    found : list of Redundant
        From `redundant`.
    removed : list of ndarray of bool, shape (n_units,)
        Units to remove, per hidden layer; those that are not redundant are unchanged.

    Returns
    -------
    Network
        Network with the same predictions, up to rounding, on the samples of `redundant`, in
        which the outgoing weights of removed redundant units are zero. O(n_weights).
    """
    coefs, intercepts = list(network.coefs), list(network.intercepts)
    for layer, (each, removing) in enumerate(zip(found, removed, strict=True), start=1):
        units = np.flatnonzero(removing & each.is_redundant)
        coef = coefs[layer].copy()
        intercepts[layer] = intercepts[layer] + each.value[units] @ coef[units]
        twins = units[each.partner[units] != CONSTANT]
        np.add.at(coef, each.partner[twins], coef[twins])
        coef[units] = 0.0
        coefs[layer] = coef
    return network._replace(coefs=tuple(coefs), intercepts=tuple(intercepts))


def neuron_costs(network, inputs, weight, *, damping=DAMPING):
    """Return the increase of the loss by removing each hidden unit after all cheaper ones.

    Parameters
    ----------
    network : Network
        Its weights.
    inputs : list
        Inputs of each layer, from `forward`.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    damping : float, default=0.01
        Added to the variances of units, relative to their mean.

    Returns
    -------
    list of ndarray of shape (n_units,)
        In units of the mean loss: the running maximum of the costs along the order of each
        layer. Zero for redundant units, infinite for the last unit of a layer.
        O(n_samples * n_units^2 + n_units^3) per layer.
    """
    found = redundant(network, inputs, weight)
    coefs = fold(network, found, [each.is_redundant for each in found]).coefs
    curvature = curvatures(network, inputs, weight)
    costs = []
    for each, values, coef, own in zip(found, inputs[1:-1], coefs[1:], curvature[1:], strict=True):
        cost, rest = np.zeros(len(each.partner)), np.flatnonzero(~each.is_redundant)
        if len(rest):
            hessian = second_moments(values[:, rest], weight, damping=damping)
            removed = eliminate(hessian[np.newaxis], (coef[rest] * np.sqrt(own))[np.newaxis])
            cost[rest[removed.order]] = np.maximum.accumulate(removed.cost)
            cost[rest[removed.order[-1]]] = np.inf
        else:
            cost[0] = np.inf
        costs.append(cost)
    return costs


def drop(network, kept):
    """Remove hidden units; O(n_weights).

    Parameters
    ----------
    network : Network
        Its weights.
    kept : list of ndarray of bool, shape (n_units,)
        Units to keep, per hidden layer.

    Returns
    -------
    Network
        Smaller arrays. The contribution of removed units is lost: call `fold` and `refit`
        before.
    """
    n_inputs, n_outputs = network.coefs[0].shape[0], network.coefs[-1].shape[1]
    sides = [np.ones(n_inputs, dtype=bool), *kept, np.ones(n_outputs, dtype=bool)]
    return network._replace(
        coefs=tuple(
            coef[np.ix_(above, below)]
            for coef, above, below in zip(network.coefs, sides[:-1], sides[1:], strict=True)
        ),
        intercepts=tuple(
            each[below] for each, below in zip(network.intercepts, sides[1:], strict=True)
        ),
    )
