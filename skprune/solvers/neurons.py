"""Hidden units: those that say nothing new, what the others cost, and networks without some.

Units that give the same in all rows, or one value, leave at no loss: the next layer reads
their twin, or has them in its intercepts. What the removal of another unit costs is least
squares with the covariance of a layer's units as the Hessian, which the units of the next
layer share, each weighted by the curvature of the loss in its sum.

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
    """Units of a hidden layer that say nothing new.

    Attributes
    ----------
    partner : ndarray of int, shape (n_units,)
        The first unit that gives the same, itself for one that stays, and -1 for one that
        is constant.
    value : ndarray of shape (n_units,)
        What a constant unit gives; 0 for others.
    """

    partner: Any
    value: Any

    @property
    def gone(self):
        """Units that may leave at no loss; ndarray of bool, shape (n_units,)."""
        return self.partner != np.arange(len(self.partner))


def redundant(network, read, weight):
    """Find units that are constant, or equal to another.

    Parameters
    ----------
    network : Network
        Its weights.
    read : list
        What each layer reads, from `forward`.
    weight : ndarray of shape (n_rows,)
        Rows of weight zero do not count.

    Returns
    -------
    list of Redundant
        One per hidden layer. Units are equal if they give the same in all rows, to the bit,
        or have the same weights and intercept. O(n_rows * n_units * log(n_units)).
    """
    found, rows = [], np.flatnonzero(weight > 0)
    layers = zip(network.coefs, network.intercepts, read[1:-1], strict=False)
    for coef, intercept, values in layers:
        constant = constant_inputs(values, weight)
        partner = _first_equal(values[rows], np.vstack([coef, intercept]))
        partner[constant] = CONSTANT
        found.append(Redundant(partner, np.where(constant, values[rows[0]], 0.0)))
    return found


def _first_equal(*tables):
    """Return the first of the columns that are equal in any of the tables, or through others."""
    every = np.arange(tables[0].shape[1])
    equal = []
    for table in tables:
        # Adding zero makes one of both zeros; then equal columns are equal bytes.
        column = np.ascontiguousarray(table.T + 0.0)
        keys = column.view(np.dtype((np.void, column.itemsize * column.shape[1])))[:, 0]
        _, first, which = np.unique(keys, return_index=True, return_inverse=True)
        equal.append(first[which])
    ends = (np.tile(every, len(tables)), np.concatenate(equal))
    links = coo_array((np.ones(len(ends[0])), ends), shape=(len(every), len(every)))
    label = connected_components(links, directed=False)[1]
    return np.unique(label, return_index=True)[1][label]


def fold(network, found, gone):
    """Move what redundant units say to their partners and intercepts.

    Parameters
    ----------
    network : Network
        Its weights.
    found : list of Redundant
        From `redundant`.
    gone : list of ndarray of bool, shape (n_units,)
        Units that leave, per hidden layer; those that are not redundant stay untouched.

    Returns
    -------
    Network
        The same answers, to rounding, on rows where units are redundant; nothing reads
        those any more.
    """
    coefs, intercepts = list(network.coefs), list(network.intercepts)
    for layer, (each, leaving) in enumerate(zip(found, gone, strict=True), start=1):
        units = np.flatnonzero(leaving & each.gone)
        coef = coefs[layer].copy()
        intercepts[layer] = intercepts[layer] + each.value[units] @ coef[units]
        twins = units[each.partner[units] != CONSTANT]
        np.add.at(coef, each.partner[twins], coef[twins])
        coef[units] = 0.0
        coefs[layer] = coef
    return network._replace(coefs=tuple(coefs), intercepts=tuple(intercepts))


def neuron_costs(network, read, weight, *, damping=DAMPING):
    """Return what removing each hidden unit adds to the loss, cheaper ones gone already.

    Parameters
    ----------
    network : Network
        Its weights.
    read : list
        What each layer reads, from `forward`.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    damping : float, default=0.01
        Added to the variances of units, as a share of their mean.

    Returns
    -------
    list of ndarray of shape (n_units,)
        In the unit of the loss, per row: the largest cost so far along the order of each
        layer. Zero for redundant units, infinite for the last unit of a layer.
        O(n_rows * n_units^2 + n_units^3) per layer.
    """
    found = redundant(network, read, weight)
    coefs = fold(network, found, [each.gone for each in found]).coefs
    bends = curvatures(network, read, weight)
    costs = []
    for each, values, coef, bend in zip(found, read[1:-1], coefs[1:], bends[1:], strict=True):
        cost, rest = np.zeros(len(each.partner)), np.flatnonzero(~each.gone)
        if len(rest):
            hessian = second_moments(values[:, rest], weight, damping=damping)
            removed = eliminate(hessian[np.newaxis], (coef[rest] * np.sqrt(bend))[np.newaxis])
            cost[rest[removed.order]] = np.maximum.accumulate(removed.cost)
            cost[rest[removed.order[-1]]] = np.inf
        else:
            cost[0] = np.inf
        costs.append(cost)
    return costs


def drop(network, kept):
    """Return the network without some of its hidden units.

    Parameters
    ----------
    network : Network
        Its weights.
    kept : list of ndarray of bool, shape (n_units,)
        Units that stay, per hidden layer.

    Returns
    -------
    Network
        Smaller arrays. What removed units said is lost: `fold` and `refit` come first.
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
