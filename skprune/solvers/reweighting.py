"""Non-negative weights of members, with or without a penalty, from their Gram matrix.

The problem is ``min 1/2 w'Aw - b'w + penalty * sum(w)`` over ``w >= 0``, with A the mean
products of the members' predictions and b their mean products with the target.
"""

import numpy as np

# Relative to the diagonal, so that members that predict alike still have one solution.
RIDGE = 1e-10
LEAST = 1e-100
TOLERANCE = 1e-10


def non_negative(gram, aim, start=None):
    """Minimise ``1/2 w'Gw - a'w`` over ``w >= 0``.

    The active-set method of Lawson and Hanson (1974) on the normal equations: the exact
    minimum over the support, members joining and leaving until no gradient points inward.

    Parameters
    ----------
    gram : ndarray of shape (T, T)
        Positive semidefinite.
    aim : ndarray of shape (T,)
        The linear part.
    start : ndarray of shape (T,), default=None
        Weights to start from; zeros if None.

    Returns
    -------
    ndarray of shape (T,)
        Weights.

    Notes
    -----
    O(s^3) for each change of a support of s members; from a near start few are needed.
    """
    n_members = len(gram)
    # Members without any error have a Gram matrix of zeros: then they share alike.
    ridge = RIDGE * max(gram.diagonal().mean(), LEAST)
    gram = gram + ridge * np.eye(n_members)
    weights = np.zeros(n_members) if start is None else start.copy()
    if start is not None:
        weights = _walk(gram, aim, weights, weights > 0)
    tolerance = TOLERANCE * max(np.abs(aim).max(), np.finfo(float).tiny)
    for _ in range(10 * n_members):
        slope = np.where(weights > 0, -np.inf, aim - gram @ weights)
        joins = np.argmax(slope)
        if slope[joins] <= tolerance:
            break
        support = weights > 0
        support[joins] = True
        weights = _walk(gram, aim, weights, support)
    return weights


def _walk(gram, aim, weights, support):
    """Go to the minimum over a support; members that reach zero on the way leave it."""
    support = support.copy()
    while support.any():
        target = np.zeros_like(weights)
        target[support] = np.linalg.solve(gram[np.ix_(support, support)], aim[support])
        if (target[support] > 0).all():
            return target
        falls = support & (target <= 0)
        step = (weights[falls] / (weights[falls] - target[falls]).clip(np.finfo(float).tiny)).min()
        weights = weights + min(step, 1.0) * (target - weights)
        gone = support & (weights <= np.finfo(float).eps * np.abs(weights).max())
        gone |= falls & (weights <= 0)
        weights[gone] = 0.0
        support &= ~gone
    return np.zeros_like(weights)


def lasso_path(gram, aim, n_penalties=100, shortest=1e-4):
    """Return the weights for penalties from none to the one that leaves a single member.

    Parameters
    ----------
    gram : ndarray of shape (T, T)
        Mean products of the members' predictions.
    aim : ndarray of shape (T,)
        Mean products of the predictions with the target; at least one positive.
    n_penalties : int, default=100
        Penalties on a geometric grid, and zero.
    shortest : float, default=1e-4
        The smallest penalty of the grid, relative to the largest.

    Returns
    -------
    penalties : ndarray of shape (n_penalties + 1,)
        Descending, the last one zero.
    weights : ndarray of shape (n_penalties + 1, T)
        Weights, each computed from those before.
    """
    largest = aim.max() * (1 - 1e-9)
    penalties = np.append(np.geomspace(largest, shortest * largest, n_penalties), 0.0)
    weights = np.empty((len(penalties), len(aim)))
    before = None
    for row, penalty in enumerate(penalties):
        weights[row] = before = non_negative(gram, aim - penalty, before)
    return penalties, weights


def average_weights(residual_gram):
    """Return the weights of the average with the least squared error.

    Parameters
    ----------
    residual_gram : ndarray of shape (T, T)
        Mean products of the members' residuals.

    Returns
    -------
    ndarray of shape (T,)
        Non-negative, adding up to one.

    Notes
    -----
    Up to scale the minimum of ``w'Gw`` over averages is that of ``1/2 w'Gw - sum(w)``.
    """
    weights = non_negative(residual_gram, np.ones(len(residual_gram)))
    return weights / weights.sum()
