"""Networks layer by layer: what weights cost with the others at their best, and that best.

Seen from a layer, the loss bends in the sums of its units. Removing weights of unit j moves
its sums by ``H d``, where H is what the layer reads and the intercept takes up the mean, so
that the loss grows by ``g_j d' C d / 2`` with C the covariance of H and g_j the curvature.
All units of a layer share C, and each has an order of its own.

References
----------
E. Frantar, S. P. Singh and D. Alistarh, "Optimal brain compression", NeurIPS 2022.
"""

import numpy as np

from skprune.arrays.network import activate, curvatures
from skprune.solvers.least_squares import moments, solve_on

# Share of the mean variance that is added to all variances. Orders trust the covariance less
# than a refit may: at the end of a long path their quadratic model is far from home.
DAMPING = 0.01
ORDER_DAMPING = 0.1
# Columns whose values differ by no more than this share of the largest are constant.
ROUNDING = 1e-12
# Bytes of the inverses that are held at a time.
MEMORY = 256e6
# Removals between two updates of the inverses: enough for products at full speed.
BLOCK = 64
# Inputs of a unit that are removed one by one; what a unit has beyond them goes at once.
ONE_BY_ONE = 256


def second_moments(H, weight, *, damping=DAMPING):
    """Return the covariance of what a layer reads, damped.

    Parameters
    ----------
    H : ndarray or sparse array of shape (n_rows, n_inputs)
        Inputs; sparse ones are never made dense.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    damping : float, default=0.01
        Added to the diagonal, as a share of its mean; 1 is added where all of it is zero.

    Returns
    -------
    ndarray of shape (n_inputs, n_inputs)
        O(n_rows * n_inputs^2).
    """
    products = moments(H, weight, center=True)[0] / weight.sum()
    diagonal = products.diagonal()
    np.fill_diagonal(products, diagonal + (damping * diagonal.mean() or 1.0))
    return products


def constant_inputs(H, weight):
    """Return which columns have one value, to rounding, in all rows that have a weight.

    Parameters
    ----------
    H, weight
        As for `second_moments`.

    Returns
    -------
    ndarray of bool, shape (n_inputs,)
        O(n_rows * n_inputs).
    """
    rows = H if (weight > 0).all() else H[np.flatnonzero(weight > 0)]
    highest, lowest = rows.max(axis=0), rows.min(axis=0)
    if not isinstance(rows, np.ndarray):
        highest, lowest = highest.toarray().ravel(), lowest.toarray().ravel()
    return highest - lowest <= ROUNDING * np.maximum(np.abs(highest), np.abs(lowest))


def weight_costs(network, read, weight, *, damping=ORDER_DAMPING):
    """Return what removing each weight adds to the loss, those that cost less gone already.

    Parameters
    ----------
    network : Network
        Its weights; those that are zero have gone already.
    read : list
        What each layer reads, from `forward`; the first may be sparse.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    damping : float, default=0.1
        As for `second_moments`; positive.

    Returns
    -------
    list of ndarray of shape (n_inputs, n_units)
        In the unit of the loss, per row: the largest cost so far along the order of each
        unit, so that a global ranking keeps to all orders. Zero for weights that are zero
        and for inputs that are constant. O(n_rows * n_inputs^2) per layer, and
        `removal_costs`.
    """
    found = []
    for H, coef, bend in zip(read, network.coefs, curvatures(network, read, weight), strict=False):
        alive = np.where(constant_inputs(H, weight)[:, np.newaxis], 0.0, coef)
        found.append(bend * removal_costs(second_moments(H, weight, damping=damping), alive))
    return found


def removal_costs(C, W, *, one_by_one=ONE_BY_ONE, memory=MEMORY):
    """Remove the inputs of each unit one by one, always the one that costs that unit least.

    Parameters
    ----------
    C : ndarray of shape (n_inputs, n_inputs)
        Hessian that all units share, positive definite.
    W : ndarray of shape (n_inputs, n_units)
        Weights; zeros have gone already.
    one_by_one : int, default=256
        Units with more inputs first lose the others together: those that would cost least if
        each went alone, at that cost.
    memory : float, default=256e6
        Bytes to work in, about; one unit at a time takes what it takes.

    Returns
    -------
    ndarray of shape (n_inputs, n_units)
        What each removal costs, and at least as much as those before it in the same unit.

    Notes
    -----
    The downdated inverse of each unit is ``B - U'U`` for a number of removals, then computed:
    O(one_by_one^3) per unit, half of it as products of matrices, and O(n_inputs^3) once.
    """
    floor, W = _lose_many(C, W, one_by_one)
    costs, alive = np.zeros(W.shape), W != 0
    sizes = alive.sum(axis=0)
    by_size = np.argsort(-sizes, kind="stable")[: np.count_nonzero(sizes)]
    while len(by_size):
        size = sizes[by_size[0]]
        width = max(1, int(memory / (40 * size**2)))
        units, by_size = by_size[:width], by_size[width:]
        members = np.argsort(~alive[:, units].T, axis=1, kind="stable")[:, :size]
        inverses, weights = _systems(C, W[:, units].T, alive[:, units].T, members)
        # Entries that fill up a shorter unit are zero and cost nothing, as their weights do.
        costs[members, units[:, np.newaxis]] = _orders(inverses, weights)
    return np.maximum(costs, floor)


def _lose_many(C, W, limit):
    """Bring units with too many inputs down to a number of them, all at once.

    Returns
    -------
    floor : ndarray of shape (n_inputs, n_units)
        What each removed weight would cost alone, and the largest of these where one stays.
    W : ndarray of shape (n_inputs, n_units)
        The best weights on those that stay.
    """
    alive = W != 0
    if (alive.sum(axis=0) <= limit).all():
        return 0.0, W
    alone = W**2 / np.linalg.inv(C).diagonal()[:, np.newaxis] / 2
    last = np.sort(alone, axis=0)[-limit]
    stays, best = alive & (alone >= last), W.copy()
    wide = (alive & ~stays).any(axis=0)
    best[:, wide] = solve_columns(C, C @ W[:, wide], stays[:, wide])
    return np.where(stays, np.where(stays, 0.0, alone).max(axis=0), alone), best


def _systems(C, W, alive, members):
    """Return the inverse Hessian and the weights of the members of each unit.

    Where a unit has fewer than others, uncoupled weights of zero fill up; they go first.
    """
    there = np.take_along_axis(alive, members, axis=1)
    weights = np.where(there, np.take_along_axis(W, members, axis=1), 0.0)
    if there.all() and (members == members[0]).all():
        inverse = np.linalg.inv(C[np.ix_(members[0], members[0])])
        return np.broadcast_to(inverse, (len(W), *inverse.shape)), weights
    both = there[:, :, np.newaxis] & there[:, np.newaxis]
    parts = C[members[:, :, np.newaxis], members[:, np.newaxis]]
    return np.linalg.inv(np.where(both, parts, np.eye(members.shape[1]))), weights


def _orders(B, W):
    """Return the largest cost so far of each removal, from inverses and weights.

    Parameters
    ----------
    B : ndarray of shape (n_units, n_members, n_members)
        Inverse Hessians, which are not written to.
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
        # All units have lost as many: what is left of them moves together.
        left = np.nonzero(waiting)[1].reshape(len(W), -1)
        part = np.take_along_axis(taken, left[:, np.newaxis], axis=2)
        B = B[unit[:, np.newaxis, np.newaxis], left[:, :, np.newaxis], left[:, np.newaxis]]
        B -= part.mT @ part
        W, places = (np.take_along_axis(each, left, axis=1) for each in (W, places))
    return costs


def input_products(H, weight):
    """Return the centred products of what a layer reads, and its means.

    Parameters
    ----------
    H, weight
        As for `second_moments`.

    Returns
    -------
    products : ndarray of shape (n_inputs, n_inputs)
        Sums over the rows; exactly zero for constant inputs. O(n_rows * n_inputs^2).
    mean : ndarray of shape (n_inputs,)
        Weighted means.
    """
    products, mean = moments(H, weight, center=True)
    constant = constant_inputs(H, weight)
    products[constant], products[:, constant] = 0.0, 0.0
    return products, mean


def refit(network, masks, X, weight, *, damping=DAMPING, first=None):
    """Bring the weights that are left to their best, layer by layer.

    Each layer reads what the layers before it, pruned and refitted, make of the rows, and
    comes as near as it can to the sums that its units had in the whole network.

    Parameters
    ----------
    network : Network
        The whole one.
    masks : list of ndarray of bool, shape (n_inputs, n_units)
        Weights that may differ from zero; the others are exactly zero.
    X : ndarray or sparse array of shape (n_rows, n_features)
        Rows.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    damping : float, default=0.01
        Pull towards the weights of the whole network, as a share of the mean variance of
        what a layer reads.
    first : tuple, default=None
        The `input_products` of `X`, where they are known.

    Returns
    -------
    Network
        A layer stays as it was if all that is masked was zero and no layer before it has
        changed. O(n_rows * n_inputs^2) per layer, less for the first with `first`, and
        O(n_kept^3) per distinct set of inputs.
    """
    layers, whole, reads = [], X, X
    for coef, intercept, mask in zip(network.coefs, network.intercepts, masks, strict=True):
        sums, best = whole @ coef + intercept, (coef, intercept)
        changed = reads is not whole
        if changed or coef[~mask].any():
            given = reads is X and first
            best = _nearest(reads, sums, coef, mask, weight, damping, given)
            changed = True
        layers.append(best)
        whole = activate(network.activation, sums)
        reads = activate(network.activation, reads @ best[0] + best[1]) if changed else whole
    coefs, intercepts = zip(*layers, strict=True)
    return network._replace(coefs=coefs, intercepts=intercepts)


def _nearest(H, sums, coef, mask, weight, damping, given):
    """Return weights and intercepts whose sums come nearest to given ones."""
    products, mean = given or input_products(H, weight)
    aim = weight @ sums / weight.sum()
    variance = products.diagonal()
    # Where products are given, the sums are made of these very inputs.
    pull = products @ coef if given else H.T @ (weight[:, np.newaxis] * (sums - aim))
    # Of constant inputs only rounding is left; the penalty leaves their weights as they are.
    pull[variance == 0] = 0.0
    penalty = damping * variance.mean() or 1.0
    found = solve_columns(products + penalty * np.eye(len(mean)), pull + penalty * coef, mask)
    return found, aim - mean @ found


def solve_columns(gram, pull, mask):
    """Solve least squares for each unit on inputs of its own; equal sets share a factor.

    Parameters
    ----------
    gram : ndarray of shape (n_inputs, n_inputs)
        Products of the inputs, and the penalty.
    pull : ndarray of shape (n_inputs, n_units)
        Products with the targets.
    mask : ndarray of bool, shape (n_inputs, n_units)
        Inputs that may have a weight.

    Returns
    -------
    ndarray of shape (n_inputs, n_units)
        Exactly zero elsewhere. O(n_kept^3) per distinct column of `mask`.
    """
    found = np.zeros(pull.shape)
    packed = np.packbits(mask, axis=0)
    _, which = np.unique(packed, axis=1, return_inverse=True)
    order = np.argsort(which, kind="stable")
    for units in np.split(order, np.flatnonzero(np.diff(which[order])) + 1):
        found[:, units] = solve_on(gram, pull[:, units], mask[:, units[0]])
    return found
