"""Faithful weights: few members that answer as the whole ensemble does.

The answer of an ensemble is the class with the largest weighted sum of votes, of equals the
first. The weights that give the same answers on reference rows meet linear constraints, one
per row and other class. Few of these bind, so each programme is solved with some of them,
and those that its solution breaks are added until there are none (cutting planes).

References
----------
J. E. Kelley, "The cutting-plane method for solving convex programs", Journal of the Society
for Industrial and Applied Mathematics 8, 1960.

E. J. Candes, M. B. Wakin and S. P. Boyd, "Enhancing sparsity by reweighted l1 minimization",
Journal of Fourier Analysis and Applications 14, 2008.

C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
case of the binomial", Biometrika 26, 1934.
"""

import time
from functools import partial

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.special import betaincinv

# Constraints that the first programme holds, and how many each round may add.
BATCH = 500

# What HiGHS may leave unmet (1e-7), with room for sums.
SLACK = 1e-6


def faithful_weights(
    votes,
    weight,
    *,
    winner=None,
    strict=None,
    margin=1e-3,
    rounds=4,
    fewest=False,
    time_limit=10.0,
):
    """Find few members whose weighted votes give the same class on every reference row.

    Parameters
    ----------
    votes : ndarray of shape (n_members, n_rows, n_classes)
        What each member gives to each class: probabilities, or 1 for its class.
    weight : ndarray of shape (n_members,)
        Weights of the members in the whole ensemble; not negative, some positive.
    winner : ndarray of int, shape (n_rows,), default=None
        The answers to keep; those of the whole ensemble as summed here if None. It may have
        added up in another order, and broken ties otherwise.
    strict : ndarray of bool, shape (n_rows,), default=None
        Rows on which a tie is not enough; none if None.
    margin : float, default=1e-3
        Lead that a class keeps over every other, as a share of the sum of the weights; its
        own lead in the whole ensemble where that is less. Positive.
    rounds : int, default=4
        How often small weights are made dearer, and the programme solved again, to be rid
        of their members. With 0 the sum of the weights is minimised, and no more.
    fewest : bool, default=False
        Whether to minimise the number of members itself, by an integer programme.
    time_limit : float, default=10.0
        Seconds for the integer programmes; what is found until then counts, so that a
        result that reaches it may depend on the machine.

    Returns
    -------
    ndarray of shape (n_members,)
        Weights, many of them 0, with the same sum as `weight`; those of the whole ensemble
        if no others do. ``np.tensordot(weights, votes, 1).argmax(axis=1)`` is the answer of
        the whole ensemble on every row.

    Notes
    -----
    The linear programme minimises the sum of weights that give each class a lead of 1 (or
    its own lead over `margin`, if that is less). That makes the least lead large rather
    than the members few, which the rounds do: the price of a weight is one over what it
    was (Candes, Wakin and Boyd 2008).

    Where the whole ensemble is tied, the first class has won, and a tie is enough again;
    rows that rounding takes to another class are given a lead in the next round.

    Each programme holds the constraints that bind, and all rows are looked at after it:
    O(members * rows * classes).
    """
    weight = np.asarray(weight, dtype=float)
    if winner is None:
        winner = np.tensordot(weight, votes, 1).argmax(axis=1)
    need = np.minimum(_leads(votes, weight, winner) / (weight.sum() * margin), 1.0)
    if strict is not None:
        need[strict] = np.maximum(need[strict], 10 * SLACK)
    need[np.arange(len(winner)), winner] = -np.inf
    # The rows of the smallest leads are those that bind.
    chosen = np.argsort(need, axis=None, kind="stable")[len(winner) :][:BATCH]
    problem = votes, winner, need, weight.sum()
    best, chosen = _cutting_planes(*problem, chosen, _least_sum)
    if best is None:
        return weight
    found = best
    for _ in range(rounds):
        price = 1 / (found + 1e-3 * found.max())
        solve = partial(_least_price, price=price / price.max(), budget=1 / margin)
        found, chosen = _cutting_planes(*problem, chosen, solve)
        if found is None:
            break
        best = min(best, found, key=np.count_nonzero)
    if fewest:
        deadline = time.monotonic() + time_limit
        solve = partial(_fewest_members, margin=margin, deadline=deadline)
        found, _ = _cutting_planes(*problem, chosen, solve)
        best = best if found is None else min(best, found, key=np.count_nonzero)
    return _scaled(best, weight.sum())


def disagreement_bound(n_disagree, n_rows, confidence=0.95):
    """Bound the share of rows on which two models disagree, from held-out rows.

    Parameters
    ----------
    n_disagree : int or ndarray of int
        Rows on which they disagree.
    n_rows : int or ndarray of int
        Rows looked at, which had no part in making either model.
    confidence : float, default=0.95
        Probability with which the bound holds.

    Returns
    -------
    float or ndarray
        Exact (Clopper-Pearson) one-sided upper bound; 1 if they disagree everywhere. About
        ``3 / n_rows`` at 95 % where they never do.
    """
    agree = np.asarray(n_rows) - n_disagree
    bound = betaincinv(np.asarray(n_disagree) + 1.0, np.maximum(agree, 1.0), confidence)
    return np.where(agree > 0, bound, 1.0)[()]


def _leads(votes, weight, winner):
    """Return by how much the winner of each row leads each class."""
    score = np.tensordot(weight, votes, 1)
    return np.take_along_axis(score, winner[:, np.newaxis], axis=1) - score


def _scaled(weight, total):
    return weight * (total / weight.sum())


def _cutting_planes(votes, winner, need, total, chosen, solve):
    """Solve with few constraints and add what is broken, until nothing is.

    Parameters
    ----------
    votes : ndarray of shape (n_members, n_rows, n_classes)
        Votes of the members.
    winner : ndarray of int, shape (n_rows,)
        The answers to keep.
    need : ndarray of shape (n_rows, n_classes)
        Lead that is needed over each class; raised in place where rounding needs more.
    total : float
        Sum of the weights that the answers are made with.
    chosen : ndarray of int
        Constraints to begin with, as flat indices into `need`.
    solve : callable
        From the leads that members give and those needed to weights, or None.

    Returns
    -------
    weight : ndarray of shape (n_members,) or None
        None if a programme had no solution.
    chosen : ndarray of int
        The constraints of the last programme.
    """
    n_classes = need.shape[1]
    while True:
        row, other = np.divmod(chosen, n_classes)
        lead = (votes[:, row, winner[row]] - votes[:, row, other]).T
        found = solve(lead, need.flat[chosen])
        if found is None or not found.any():
            return None, chosen
        got = np.tensordot(_scaled(found, total), votes, 1).argmax(axis=1)
        short = (need - _leads(votes, found, winner)).ravel()
        wrong = np.flatnonzero(got != winner)
        wrong = wrong * n_classes + got[wrong]
        short[wrong] = np.maximum(short[wrong], 2 * SLACK)
        again = np.intersect1d(wrong, chosen)
        need.flat[again] = np.maximum(10 * need.flat[again], 10 * SLACK)
        short[chosen] = -np.inf
        broken = np.flatnonzero(short > SLACK)
        if not broken.size and not again.size:
            return found, chosen
        if (need.flat[again] > 1).any():
            return None, chosen
        worst = broken[np.argsort(-short[broken], kind="stable")[:BATCH]]
        chosen = np.concatenate([chosen, worst])


def _least_sum(lead, least):
    """Minimise the sum of weights under some constraints; None if there are no weights."""
    found = linprog(np.ones(lead.shape[1]), A_ub=-lead, b_ub=-least, bounds=(0, None))
    return found.x if found.status == 0 else None


def _least_price(lead, least, price, budget):
    """Minimise the price of weights under some constraints, their sum within a budget."""
    rows, limits = np.vstack([-lead, np.ones_like(price)]), np.append(-least, budget)
    found = linprog(price, A_ub=rows, b_ub=limits, bounds=(0, None))
    return found.x if found.status == 0 else None


def _fewest_members(lead, least, margin, deadline):
    """Minimise the number of members under some constraints; None if there was no time.

    The weights add up to 1, so that a member is in or out within the bounds of its own
    weight, and no large constant is needed. Which members is what the programme says; their
    weights are then those of the linear one.
    """
    n_members, seconds = lead.shape[1], deadline - time.monotonic()
    if seconds <= 0:
        return None
    each, nothing = np.eye(n_members), np.zeros((len(lead), n_members))
    ones = np.ones(n_members)
    found = milp(
        np.append(0 * ones, ones),
        integrality=np.append(0 * ones, ones),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(np.hstack([lead, nothing]), lb=margin * least),
            LinearConstraint(np.hstack([each, -each]), ub=0),
            LinearConstraint(np.append(ones, 0 * ones), lb=1, ub=1),
        ],
        options={"time_limit": seconds},
    )
    if found.x is None:
        return None
    members = np.flatnonzero(found.x[n_members:] > 0.5)
    weight = _least_sum(lead[:, members], least)
    if weight is None:
        return None
    alone = np.zeros(n_members)
    alone[members] = weight
    return alone
