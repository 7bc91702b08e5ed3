"""Faithful weights: sparse ensemble weights that preserve all predictions.

The prediction of an ensemble is the class with the largest weighted sum of votes, or the first
of tied classes. Weights with the same predictions on reference samples satisfy linear
constraints, one per sample and other class. Few of these are active, so each program is
solved with a subset of them, to which violated constraints are added until there are none
(cutting planes).

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

# Number of constraints in the first program, and maximum number added per iteration.
BATCH = 500

# Tolerated violation: the feasibility tolerance of HiGHS (1e-7), with a margin for rounding.
SLACK = 1e-6


def faithful_weights(
    votes,
    weight,
    *,
    winner=None,
    strict=None,
    margin=1e-3,
    rounds=4,
    min_members=False,
    time_limit=10.0,
):
    """Find sparse weights that give the same prediction on every reference sample.

    Parameters
    ----------
    votes : ndarray of shape (n_members, n_samples, n_classes)
        Votes of the members: class probabilities, or one-hot predictions.
    weight : ndarray of shape (n_members,)
        Weights of the members in the whole ensemble; non-negative, not all zero.
    winner : ndarray of int, shape (n_samples,), default=None
        Predictions to preserve; those of the whole ensemble as summed here if None. A model
        may sum in another order and so break ties differently.
    strict : ndarray of bool, shape (n_samples,), default=None
        Samples on which a tie is not sufficient; none if None.
    margin : float, default=1e-3
        Minimum lead of the winning class over every other, as a share of the sum of the
        weights; the lead in the whole ensemble if that is smaller. Positive.
    rounds : int, default=4
        Rounds of reweighting, in which small weights become more expensive, to remove their
        members. With 0 only the sum of the weights is minimised.
    min_members : bool, default=False
        Whether to minimise the number of members itself, by an integer program.
    time_limit : float, default=10.0
        Seconds for the integer programs, after which the best solution so far is used; a
        result that reaches the limit may depend on the machine.

    Returns
    -------
    ndarray of shape (n_members,)
        Sparse weights with the same sum as `weight`; those of the whole ensemble if no others
        are feasible. ``np.tensordot(weights, votes, 1).argmax(axis=1)`` is the prediction of
        the whole ensemble on every sample.

    Notes
    -----
    The linear program minimises the sum of weights that give each winner a lead of 1 (or its
    own lead divided by `margin`, if that is smaller). This maximises the smallest lead rather
    than sparsity; the rounds of reweighting then use the cost ``1 / weight`` with the weights
    of the previous solution (Candes, Wakin and Boyd 2008).

    Where the whole ensemble is tied, the first class wins and a tie is sufficient. Samples
    whose prediction changes by rounding get a larger required lead in the next iteration.

    Every program is followed by a check of all samples: O(n_members * n_samples * n_classes).
    """
    weight = np.asarray(weight, dtype=float)
    if winner is None:
        winner = np.tensordot(weight, votes, 1).argmax(axis=1)
    need = np.minimum(_leads(votes, weight, winner) / (weight.sum() * margin), 1.0)
    if strict is not None:
        need[strict] = np.maximum(need[strict], 10 * SLACK)
    need[np.arange(len(winner)), winner] = -np.inf
    # Start with the constraints closest to being violated.
    chosen = np.argsort(need, axis=None, kind="stable")[len(winner) :][:BATCH]
    problem = votes, winner, need, weight.sum()
    best, chosen = _cutting_planes(*problem, chosen, _least_sum)
    if best is None:
        return weight
    found = best
    for _ in range(rounds):
        cost = 1 / (found + 1e-3 * found.max())
        solve = partial(_least_cost, cost=cost / cost.max(), budget=1 / margin)
        found, chosen = _cutting_planes(*problem, chosen, solve)
        if found is None:
            break
        best = min(best, found, key=np.count_nonzero)
    if min_members:
        deadline = time.monotonic() + time_limit
        solve = partial(_fewest_members, margin=margin, deadline=deadline)
        found, _ = _cutting_planes(*problem, chosen, solve)
        best = best if found is None else min(best, found, key=np.count_nonzero)
    return _scaled(best, weight.sum())


def disagreement_bound(n_disagree, n_samples, confidence=0.95):
    """Bound the probability that two models disagree, from held-out test samples.

    Parameters
    ----------
    n_disagree : int or ndarray of int
        Number of samples on which they disagree.
    n_samples : int or ndarray of int
        Number of samples, used in fitting or selecting neither model.
    confidence : float, default=0.95
        Confidence level of the bound.

    Returns
    -------
    float or ndarray
        Exact (Clopper-Pearson) one-sided upper bound; 1 if they disagree everywhere. About
        ``3 / n_samples`` at 95 % if they never do.
    """
    agree = np.asarray(n_samples) - n_disagree
    bound = betaincinv(np.asarray(n_disagree) + 1.0, np.maximum(agree, 1.0), confidence)
    return np.where(agree > 0, bound, 1.0)[()]


def _leads(votes, weight, winner):
    """Return the lead of each sample's winner over each class."""
    score = np.tensordot(weight, votes, 1)
    return np.take_along_axis(score, winner[:, np.newaxis], axis=1) - score


def _scaled(weight, total):
    return weight * (total / weight.sum())


def _cutting_planes(votes, winner, need, total, chosen, solve):
    """Solve with few constraints and add violated ones until there are none.

    Parameters
    ----------
    votes : ndarray of shape (n_members, n_samples, n_classes)
        Votes of the members.
    winner : ndarray of int, shape (n_samples,)
        Predictions to preserve.
    need : ndarray of shape (n_samples, n_classes)
        Required lead over each class; increased in place where rounding demands it.
    total : float
        Sum of the weights with which predictions are checked.
    chosen : ndarray of int
        Initial constraints, as flat indices into `need`.
    solve : callable
        Maps the members' leads and the required leads to weights, or None.

    Returns
    -------
    weight : ndarray of shape (n_members,) or None
        None if a program is infeasible.
    chosen : ndarray of int
        The constraints of the last program.
    """
    n_classes = need.shape[1]
    while True:
        row, other = np.divmod(chosen, n_classes)
        lead = (votes[:, row, winner[row]] - votes[:, row, other]).T
        found = solve(lead, need.flat[chosen])
        if found is None or not found.any():
            return None, chosen
        got = np.tensordot(_scaled(found, total), votes, 1).argmax(axis=1)
        violation = (need - _leads(votes, found, winner)).ravel()
        wrong = np.flatnonzero(got != winner)
        wrong = wrong * n_classes + got[wrong]
        violation[wrong] = np.maximum(violation[wrong], 2 * SLACK)
        again = np.intersect1d(wrong, chosen)
        need.flat[again] = np.maximum(10 * need.flat[again], 10 * SLACK)
        violation[chosen] = -np.inf
        violated = np.flatnonzero(violation > SLACK)
        if not violated.size and not again.size:
            return found, chosen
        if (need.flat[again] > 1).any():
            return None, chosen
        worst = violated[np.argsort(-violation[violated], kind="stable")[:BATCH]]
        chosen = np.concatenate([chosen, worst])


def _least_sum(lead, least):
    """Minimise the sum of the weights under some constraints; None if infeasible."""
    found = linprog(np.ones(lead.shape[1]), A_ub=-lead, b_ub=-least, bounds=(0, None))
    return found.x if found.status == 0 else None


def _least_cost(lead, least, cost, budget):
    """Minimise a weighted sum of the weights under some constraints and a bound on their sum."""
    rows, limits = np.vstack([-lead, np.ones_like(cost)]), np.append(-least, budget)
    found = linprog(cost, A_ub=rows, b_ub=limits, bounds=(0, None))
    return found.x if found.status == 0 else None


def _fewest_members(lead, least, margin, deadline):
    """Minimise the number of members under some constraints; None if time is up.

    The weights are normalised to sum 1, so a member's indicator bounds its weight without a
    big-M constant. The integer program selects the members; their weights are then found by
    the linear program.
    """
    n_members, seconds = lead.shape[1], deadline - time.monotonic()
    if seconds <= 0:
        return None
    identity, zeros = np.eye(n_members), np.zeros((len(lead), n_members))
    ones = np.ones(n_members)
    found = milp(
        np.append(0 * ones, ones),
        integrality=np.append(0 * ones, ones),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(np.hstack([lead, zeros]), lb=margin * least),
            LinearConstraint(np.hstack([identity, -identity]), ub=0),
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
    sparse = np.zeros(n_members)
    sparse[members] = weight
    return sparse
