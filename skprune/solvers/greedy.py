"""Greedy ensemble selection for the squared error of the weighted average.

With ``G`` the mean products of the members' residuals and ``w`` their weights, the squared
error of the average over a set S is ``sum_(s,t in S) w_s w_t G_st / (sum_(s in S) w_s)^2``,
so the Gram matrix is all that is needed.
"""

import numpy as np

# A swap must reduce the error by more than rounding, relative to it.
GAIN = 1e-12


def forward(gram, member_weight=None):
    """Add the member that reduces the squared error of the average most.

    Parameters
    ----------
    gram : ndarray of shape (T, T)
        Mean products of the residuals of all pairs of members.
    member_weight : ndarray of shape (T,), default=None
        Weights of the members in the average; equal if None.

    Returns
    -------
    ndarray of int, shape (T,)
        Members, best first.

    Notes
    -----
    O(T) per member.
    """
    gram, member_weight = _scaled(gram, member_weight)
    n_members = len(gram)
    order, excluded = np.empty(n_members, dtype=np.intp), np.zeros(n_members)
    total, sums, error = 0.0, np.zeros(n_members), 0.0
    for place in range(n_members):
        errors = error + 2 * sums + gram.diagonal()
        order[place] = best = np.argmin(_average(errors, total + member_weight) + excluded)
        error, total = errors[best], total + member_weight[best]
        sums += gram[best]
        excluded[best] = np.inf
    return order


def backward(gram, member_weight=None):
    """Remove the member without which the squared error of the average is smallest.

    Parameters and result as for `forward`; the member removed last comes first. O(T) per
    member.
    """
    gram, member_weight = _scaled(gram, member_weight)
    n_members = len(gram)
    order, excluded = np.empty(n_members, dtype=np.intp), np.zeros(n_members)
    total, sums, error = member_weight.sum(), gram.sum(axis=1), gram.sum()
    for place in range(n_members - 1, -1, -1):
        errors = error - 2 * sums + gram.diagonal()
        worst = np.argmin(_average(errors, total - member_weight) + excluded)
        if place == 0:
            worst = np.argmin(excluded)
        order[place] = worst
        error, total = errors[worst], total - member_weight[worst]
        sums -= gram[worst]
        excluded[worst] = np.inf
    return order


def swaps(gram, member_weight=None):
    """Select members of every size: add the best one, then swap while the error decreases.

    Parameters
    ----------
    gram, member_weight
        As for `forward`.

    Returns
    -------
    ndarray of bool, shape (T, T)
        Row k - 1 is the mask of the k selected members. The sets are not nested.

    Notes
    -----
    O(T k) per swap of one of k members.
    """
    gram, member_weight = _scaled(gram, member_weight)
    n_members = len(gram)
    chosen, masks = np.zeros(n_members, dtype=bool), np.empty((n_members, n_members), dtype=bool)
    for size in range(n_members):
        sums = gram @ chosen
        errors = sums @ chosen + 2 * sums + gram.diagonal()
        errors = _average(errors, member_weight @ chosen + member_weight)
        chosen[np.argmin(np.where(chosen, np.inf, errors))] = True
        _swap(gram, member_weight, chosen)
        masks[size] = chosen
    return masks


def _swap(gram, member_weight, chosen):
    """Swap members in place until no swap reduces the error."""
    while not chosen.all():
        inside, outside = np.flatnonzero(chosen), np.flatnonzero(~chosen)
        sums = gram @ chosen
        error, total = sums @ chosen, member_weight @ chosen
        without = (error - 2 * sums + gram.diagonal())[inside, np.newaxis]
        joined = (2 * sums + gram.diagonal())[outside]
        errors = without + joined - 2 * gram[np.ix_(inside, outside)]
        totals = total - member_weight[inside, np.newaxis] + member_weight[outside]
        errors = _average(errors, totals)
        best = np.unravel_index(np.argmin(errors), errors.shape)
        now = _average(error, total)
        if not errors[best] < now - GAIN * abs(now):
            return
        chosen[inside[best[0]]], chosen[outside[best[1]]] = False, True


def _scaled(gram, member_weight):
    member_weight = (
        np.ones(len(gram)) if member_weight is None else np.asarray(member_weight, dtype=float)
    )
    return gram * np.outer(member_weight, member_weight), member_weight


def _average(error, total):
    """Return the error of averages; infinite if the total weight is zero."""
    total = np.asarray(total)
    tiny = total <= np.finfo(float).tiny
    return np.where(tiny, np.inf, error / np.where(tiny, 1.0, total) ** 2)
