"""Non-negative least squares and lasso for the weights of ensemble members, and their rounding.

The problem is ``min 1/2 w'Aw - b'w + penalty * sum(w)`` over ``w >= 0``, with A the mean
products of the members' predictions and b their mean products with the target.
"""

import numpy as np

# Ridge relative to the mean diagonal, so that identical members have a unique solution.
RIDGE = 1e-10
MIN_SCALE = 1e-100
TOLERANCE = 1e-10
# Largest whole number that a weight is rounded to, and the number of scales per unit of it.
MOST = 16
SCALES = 4


def non_negative(gram, product, start=None):
    """Minimise ``1/2 w'Gw - a'w`` over ``w >= 0``.

    The active-set method of Lawson and Hanson (1974) on the normal equations: exact minima
    over the support, which members enter and leave until the optimality conditions hold.

    Parameters
    ----------
    gram : ndarray of shape (T, T)
        The matrix G, positive semidefinite.
    product : ndarray of shape (T,)
        The linear term a.
    start : ndarray of shape (T,), default=None
        Initial weights; zeros if None.

    Returns
    -------
    ndarray of shape (T,)
        Weights.

    Notes
    -----
    O(s^3) for each change of a support of s members; few are needed from a good start.
    """
    n_members = len(gram)
    # For a Gram matrix of zeros (members without error) the ridge gives equal weights.
    ridge = RIDGE * max(gram.diagonal().mean(), MIN_SCALE)
    gram = gram + ridge * np.eye(n_members)
    weights = np.zeros(n_members) if start is None else start.copy()
    if start is not None:
        weights = _walk(gram, product, weights, weights > 0)
    tolerance = TOLERANCE * max(np.abs(product).max(), np.finfo(float).tiny)
    for _ in range(10 * n_members):
        descent = np.where(weights > 0, -np.inf, product - gram @ weights)
        entering = np.argmax(descent)
        if descent[entering] <= tolerance:
            break
        support = weights > 0
        support[entering] = True
        weights = _walk(gram, product, weights, support)
    return weights


def _walk(gram, product, weights, support):
    """Move to the minimum over a support; members that reach zero on the way leave it."""
    support = support.copy()
    while support.any():
        target = np.zeros_like(weights)
        target[support] = np.linalg.solve(gram[np.ix_(support, support)], product[support])
        if (target[support] > 0).all():
            return target
        blocking = support & (target <= 0)
        way = (weights[blocking] - target[blocking]).clip(np.finfo(float).tiny)
        step = (weights[blocking] / way).min()
        weights = weights + min(step, 1.0) * (target - weights)
        leaving = support & (weights <= np.finfo(float).eps * np.abs(weights).max())
        leaving |= blocking & (weights <= 0)
        weights[leaving] = 0.0
        support &= ~leaving
    return np.zeros_like(weights)


def lasso_path(gram, product, n_penalties=100, min_ratio=1e-4):
    """Return the lasso path: weights for penalties from that of a single member down to zero.

    Parameters
    ----------
    gram : ndarray of shape (T, T)
        Mean products of the members' predictions.
    product : ndarray of shape (T,)
        Mean products of the predictions with the target; at least one is positive.
    n_penalties : int, default=100
        Number of penalties on a geometric grid, besides zero.
    min_ratio : float, default=1e-4
        Smallest penalty of the grid, relative to the largest.

    Returns
    -------
    penalties : ndarray of shape (n_penalties + 1,)
        Descending; the last one is zero.
    weights : ndarray of shape (n_penalties + 1, T)
        Weights, computed with warm starts; one member has some at least. O(s^3) per change of a
        support of s members.
    """
    largest = product.max() * (1 - 1e-9)
    penalties = np.append(np.geomspace(largest, min_ratio * largest, n_penalties), 0.0)
    weights = np.empty((len(penalties), len(product)))
    before = None
    for row, penalty in enumerate(penalties):
        before = non_negative(gram, product - penalty, before)
        if not before.any():  # the gain of the first member is within the tolerance
            first = np.argmax(product)
            before[first] = (product[first] - penalty) / gram[first, first]
        weights[row] = before
    return penalties, weights


def average_weights(residual_gram):
    """Return the convex weights that minimise the squared error of the average.

    Parameters
    ----------
    residual_gram : ndarray of shape (T, T)
        Mean products of the members' residuals.

    Returns
    -------
    ndarray of shape (T,)
        Non-negative weights with sum one. O(s^3) per change of a support of s members.

    Notes
    -----
    Up to scale, the minimiser of ``w'Gw`` subject to ``sum(w) = 1`` is that of
    ``1/2 w'Gw - sum(w)``.
    """
    weights = non_negative(residual_gram, np.ones(len(residual_gram)))
    return weights / weights.sum()


def whole_numbers(weights, most=MOST):
    """Round weights to small whole numbers, at several scales.

    Parameters
    ----------
    weights : ndarray of shape (T,)
        Non-negative weights, not all zero.
    most : int, default=16
        Largest whole number.

    Returns
    -------
    ndarray of shape (n_scales, T)
        Whole numbers about proportional to the weights, in ascending order of their sum, which
        is at most T. A weight that is small beside the largest one becomes 0. O(most * T).
    """
    scales = np.arange(SCALES, SCALES * most + 1) / SCALES
    rounded = np.rint(scales[:, np.newaxis] * (weights / weights.max()))
    rounded = np.unique(rounded[rounded.sum(axis=1) <= len(weights)], axis=0)
    return rounded[np.argsort(rounded.sum(axis=1), kind="stable")]


def nearest_whole_numbers(weights, most=MOST):
    """Return the whole numbers whose shares are nearest to those of weights.

    Parameters and costs are those of `whole_numbers`; the result, of shape (T,), has the least
    squared error of the shares, and the least sum among equal ones.
    """
    rounded = whole_numbers(weights, most)
    shares = rounded / rounded.sum(axis=1, keepdims=True)
    error = ((shares - weights / weights.sum()) ** 2).sum(axis=1)
    return rounded[np.argmax(error <= error.min() * (1 + 1e-9) + np.finfo(float).eps ** 2)]
