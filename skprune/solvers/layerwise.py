"""Layerwise optimal brain compression: removal costs and least-squares refits of layers.

Removing weights of unit j changes its pre-activations by ``H d``, where H are the inputs of
the layer and the intercept compensates the mean. So the loss increases by
``g_j d' C d / 2``, with C the covariance of the inputs and g_j the curvature of the loss in
the pre-activation. All units of a layer share C, but each has its own order of removal.

References
----------
E. Frantar, S. P. Singh and D. Alistarh, "Optimal brain compression", NeurIPS 2022.
"""

import numpy as np

from skprune.arrays.network import activate, curvatures
from skprune.solvers.least_squares import moments, solve_on

# Damping: fraction of the mean variance that is added to all variances. Orders of removal use
# more than refits: late removals are far from where the quadratic model holds.
DAMPING = 0.01
ORDER_DAMPING = 0.1
# Columns whose range is at most this fraction of the largest absolute value are constant.
ROUNDING = 1e-12
# Bytes of the inverses that are in memory at a time.
MEMORY = 256e6
# Removals between two updates of the inverses: enough for matrix products at full speed.
BLOCK = 64
# Inputs per unit that are removed one by one; further inputs are removed all at once.
ONE_BY_ONE = 256


def second_moments(H, weight, *, damping=DAMPING):
    """Return the damped covariance of the inputs of a layer.

    Parameters
    ----------
    H : ndarray or sparse array of shape (n_samples, n_inputs)
        Inputs; sparse ones are not densified.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    damping : float, default=0.01
        Added to the diagonal, relative to its mean; if all variances are zero, 1 is added.

    Returns
    -------
    ndarray of shape (n_inputs, n_inputs)
        Covariance. O(n_samples * n_inputs^2).
    """
    products = moments(H, weight, center=True)[0] / weight.sum()
    diagonal = products.diagonal()
    np.fill_diagonal(products, diagonal + (damping * diagonal.mean() or 1.0))
    return products


def constant_inputs(H, weight):
    """Return which inputs are constant, up to rounding, on samples with positive weight.

    Parameters as for `second_moments`.

    Returns
    -------
    ndarray of bool, shape (n_inputs,)
        O(n_samples * n_inputs).
    """
    rows = H if (weight > 0).all() else H[np.flatnonzero(weight > 0)]
    highest, lowest = rows.max(axis=0), rows.min(axis=0)
    if not isinstance(rows, np.ndarray):
        highest, lowest = highest.toarray().ravel(), lowest.toarray().ravel()
    return highest - lowest <= ROUNDING * np.maximum(np.abs(highest), np.abs(lowest))


def weight_costs(network, inputs, weight, *, damping=ORDER_DAMPING):
    """Return the increase of the loss by removing each weight after all cheaper ones.

    Parameters
    ----------
    network : Network
        Its weights; zeros count as removed.
    inputs : list
        Inputs of each layer, from `forward`; the first may be sparse.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    damping : float, default=0.1
        As for `second_moments`; positive.

    Returns
    -------
    list of ndarray of shape (n_inputs, n_units)
        In units of the mean loss: the running maximum of the costs along each unit's order,
        so that a global ranking respects all orders. Zero for zero weights and constant
        inputs. O(n_samples * n_inputs^2) per layer, plus `removal_costs`.
    """
    found = []
    curvature = curvatures(network, inputs, weight)
    for H, coef, own in zip(inputs, network.coefs, curvature, strict=False):
        alive = np.where(constant_inputs(H, weight)[:, np.newaxis], 0.0, coef)
        found.append(own * removal_costs(second_moments(H, weight, damping=damping), alive))
    return found


def removal_costs(C, W, *, one_by_one=ONE_BY_ONE, memory=MEMORY):
    """Remove the inputs of each unit one by one, each time the one that costs least.

    Parameters
    ----------
    C : ndarray of shape (n_inputs, n_inputs)
        Hessian that all units share, positive definite.
    W : ndarray of shape (n_inputs, n_units)
        Weights; zeros count as removed.
    one_by_one : int, default=256
        For units with more inputs, the excess is removed at once: the inputs whose individual
        removal costs least, at that cost.
    memory : float, default=256e6
        Approximate number of bytes of working memory; a single unit may exceed it.

    Returns
    -------
    ndarray of shape (n_inputs, n_units)
        Running maximum of the costs of removal in each unit.

    Notes
    -----
    The downdated inverse of each unit is represented as ``B - U'U`` between updates:
    O(one_by_one^3) per unit, half of it in matrix products, and O(n_inputs^3) once.
    """
    floor, W = _remove_many(C, W, one_by_one)
    costs, alive = np.zeros(W.shape), W != 0
    sizes = alive.sum(axis=0)
    by_size = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    while len(by_size):
        size = sizes[by_size[0]]
        width = max(1, int(memory / (40 * size**2)))
        units, by_size = by_size[:width], by_size[width:]
        members = np.argsort(~alive[:, units].T, axis=1, kind="stable")[:, :size]
        inverses, weights = _systems(C, W[:, units].T, alive[:, units].T, members)
        # Padding entries of units with fewer inputs are zero weights, which cost 0.
        costs[members, units[:, np.newaxis]] = _orders(inverses, weights)
    return np.maximum(costs, floor)


def _remove_many(C, W, limit):
    """Reduce units with too many inputs to at most `limit` inputs, all at once.

    Returns
    -------
    floor : ndarray of shape (n_inputs, n_units)
        Individual cost of each removed weight; for kept weights the largest of these.
    W : ndarray of shape (n_inputs, n_units)
        Refitted weights of the kept inputs.
    """
    alive = W != 0
    if (alive.sum(axis=0) <= limit).all():
        return 0.0, W
    alone = W**2 / np.linalg.inv(C).diagonal()[:, np.newaxis] / 2
    last = np.sort(alone, axis=0)[-limit]
    kept, best = alive & (alone >= last), W.copy()
    wide = (alive & ~kept).any(axis=0)
    best[:, wide] = solve_columns(C, C @ W[:, wide], kept[:, wide])
    return np.where(kept, np.where(kept, 0.0, alone).max(axis=0), alone), best


def _systems(C, W, alive, members):
    """Return the inverse Hessian and the weights of the members of each unit.

    Units with fewer members are padded with uncoupled zero weights, which are removed first.
    """
    present = np.take_along_axis(alive, members, axis=1)
    weights = np.where(present, np.take_along_axis(W, members, axis=1), 0.0)
    if present.all() and (members == members[0]).all():
        inverse = np.linalg.inv(C[np.ix_(members[0], members[0])])
        return np.broadcast_to(inverse, (len(W), *inverse.shape)), weights
    both = present[:, :, np.newaxis] & present[:, np.newaxis]
    parts = C[members[:, :, np.newaxis], members[:, np.newaxis]]
    return np.linalg.inv(np.where(both, parts, np.eye(members.shape[1]))), weights


def _orders(B, W):
    """Return the running maximum of the costs of removal of each unit's members.

    Parameters
    ----------
    B : ndarray of shape (n_units, n_members, n_members)
        Inverse Hessians; not modified.
    W : ndarray of shape (n_units, n_members)
        Weights.
    """
    costs, unit = np.empty(W.shape), np.arange(len(W))
    places, largest = np.broadcast_to(np.arange(W.shape[1]), W.shape), np.zeros(len(W))
    while W.shape[1]:
        size = min(BLOCK, W.shape[1])
        taken, waiting = np.empty((len(W), size, W.shape[1])), np.ones(W.shape, dtype=bool)
        diagonal = B.diagonal(axis1=1, axis2=2).copy()
        for step in range(size):
            scores = np.where(waiting, W**2 / diagonal, np.inf)
            q = np.argmin(scores, axis=1)
            largest = np.maximum(largest, scores[unit, q] / 2)
            costs[unit, places[unit, q]] = largest
            before = taken[:, :step]
            update = B[unit, q] - (before[unit, :, q][:, np.newaxis] @ before)[:, 0]
            update /= np.sqrt(diagonal[unit, q])[:, np.newaxis]
            W = W - update * (W[unit, q] / np.sqrt(diagonal[unit, q]))[:, np.newaxis]
            diagonal -= update**2
            waiting[unit, q], diagonal[unit, q] = False, 1.0
            taken[:, step] = update
        # All units have the same number of members left: compact them together.
        left = np.nonzero(waiting)[1].reshape(len(W), -1)
        part = np.take_along_axis(taken, left[:, np.newaxis], axis=2)
        B = B[unit[:, np.newaxis, np.newaxis], left[:, :, np.newaxis], left[:, np.newaxis]]
        B -= part.mT @ part
        W, places = (np.take_along_axis(each, left, axis=1) for each in (W, places))
    return costs


def input_products(H, weight):
    """Return the centred products of the inputs of a layer, and their means.

    Parameters as for `second_moments`.

    Returns
    -------
    products : ndarray of shape (n_inputs, n_inputs)
        Weighted sums over samples; exactly zero for constant inputs.
        O(n_samples * n_inputs^2).
    mean : ndarray of shape (n_inputs,)
        Weighted means.
    """
    products, mean = moments(H, weight, center=True)
    constant = constant_inputs(H, weight)
    products[constant], products[:, constant] = 0.0, 0.0
    return products, mean


def refit(network, masks, X, weight, *, damping=DAMPING, first=None):
    """Refit the kept weights by least squares, layer by layer.

    Each layer, on the outputs of the pruned and refitted layers before it, approximates the
    pre-activations that it had in the whole network.

    Parameters
    ----------
    network : Network
        The whole network.
    masks : list of ndarray of bool, shape (n_inputs, n_units)
        Weights to keep; the others are exactly zero.
    X : ndarray or sparse array of shape (n_samples, n_features)
        Samples.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    damping : float, default=0.01
        Ridge penalty on the change of the weights, relative to the mean variance of the
        layer's inputs.
    first : tuple, default=None
        The `input_products` of `X`, if known.

    Returns
    -------
    Network
        A layer is unchanged if its masked weights were zero and no layer before it changed.
        O(n_samples * n_inputs^2) per layer, less for the first with `first`, plus
        O(n_kept^3) per distinct set of inputs.
    """
    layers, whole, pruned = [], X, X
    for coef, intercept, mask in zip(network.coefs, network.intercepts, masks, strict=True):
        target, best = whole @ coef + intercept, (coef, intercept)
        changed = pruned is not whole
        if changed or coef[~mask].any():
            given = pruned is X and first
            best = _fit_layer(pruned, target, coef, mask, weight, damping, given)
            changed = True
        layers.append(best)
        whole = activate(network.activation, target)
        pruned = activate(network.activation, pruned @ best[0] + best[1]) if changed else whole
    coefs, intercepts = zip(*layers, strict=True)
    return network._replace(coefs=coefs, intercepts=intercepts)


def _fit_layer(H, target, coef, mask, weight, damping, given):
    """Return weights and intercepts whose pre-activations best fit given ones."""
    products, mean = given or input_products(H, weight)
    target_mean = weight @ target / weight.sum()
    variance = products.diagonal()
    # If products are given, the targets are a linear function of these inputs.
    pull = products @ coef if given else H.T @ (weight[:, np.newaxis] * (target - target_mean))
    # For constant inputs these are rounding errors; the penalty then preserves their weights.
    pull[variance == 0] = 0.0
    penalty = damping * variance.mean() or 1.0
    found = solve_columns(products + penalty * np.eye(len(mean)), pull + penalty * coef, mask)
    return found, target_mean - mean @ found


def solve_columns(gram, pull, mask):
    """Solve least squares for each unit on its own inputs; equal sets share a factorisation.

    Parameters
    ----------
    gram : ndarray of shape (n_inputs, n_inputs)
        Products of the inputs, plus the penalty.
    pull : ndarray of shape (n_inputs, n_units)
        Products with the targets.
    mask : ndarray of bool, shape (n_inputs, n_units)
        Inputs with a coefficient.

    Returns
    -------
    ndarray of shape (n_inputs, n_units)
        Exactly zero where masked. O(n_kept^3) per distinct column of `mask`.
    """
    found = np.zeros(pull.shape)
    packed = np.packbits(mask, axis=0)
    _, which = np.unique(packed, axis=1, return_inverse=True)
    which = which.ravel()  # NumPy 2.0.0 returns it as a column
    order = np.argsort(which, kind="stable")
    for units in np.split(order, np.flatnonzero(np.diff(which[order])) + 1):
        found[:, units] = solve_on(gram, pull[:, units], mask[:, units[0]])
    return found
