"""Shadow features (Boruta): permuted copies that are independent of the target.

In each round a unit wins if it is more important than the best shadow. `decide` turns the
numbers of wins and losses into verdicts. All functions are O(n_units) unless stated.
"""

import numpy as np
from scipy.special import betaincc, betaln

CONFIRMED, TENTATIVE, REJECTED = 1, 0, -1
# Win probabilities of the null hypotheses: a unit is confirmed against "at most 1/2" (that of
# the paper) and rejected against "at least 3/4". In between either verdict is acceptable.
CHANCE, STRONG = 0.5, 0.75


def shadow_columns(X, units, n_least, rng):
    """Return shadows: copies of the columns, permuted independently for each unit.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        The columns.
    units : ndarray of int, shape (n_columns,)
        The unit of each column; columns of one unit are permuted together.
    n_least : int
        Minimum number of shadows; several copies of all columns are made if necessary.
    rng : numpy.random.Generator
        Draws the permutations.

    Returns
    -------
    ndarray of shape (n_rows, n_shadows)
        The shadows: one or more permuted copies of `X`.

    Notes
    -----
    O(n_rows * n_shadows).
    """
    times = -(-n_least // X.shape[1])
    places = np.unique(units, return_inverse=True)[1]
    n_units = places.max() + 1
    rows = np.broadcast_to(np.arange(len(X))[:, None], (len(X), times * n_units))
    rows = rng.permuted(rows, axis=0)
    places = np.concatenate([places + n_units * i for i in range(times)])
    return np.take_along_axis(np.tile(X, times), rows[:, places], axis=0)


def best_of_units(importances, units, n_units):
    """Return the importance of the best column of each unit; -inf without columns.

    Parameters
    ----------
    importances : ndarray of shape (n_columns,)
        Importances, higher is better.
    units : ndarray of int, shape (n_columns,)
        The unit of each column.
    n_units : int
        Number of units.

    Returns
    -------
    ndarray of shape (n_units,)
        Importances of units.
    """
    best = np.full(n_units, -np.inf)
    np.maximum.at(best, units, importances)
    return best


def log_evidence(wins, losses, chance):
    """Return log e-values against the hypothesis that the win probability is at most `chance`.

    The e-value is a mixture likelihood ratio: the alternative is the prior Beta(1, 1/2),
    which favours probabilities near 1, truncated to ``(chance, 1)``; the null is `chance`.
    Under the hypothesis its expectation is at most 1 at any stopping time, even if rounds
    depend on earlier ones: it ever reaches c with probability at most 1 / c (Ville).

    Parameters
    ----------
    wins, losses : ndarray of int
        Numbers of rounds.
    chance : float
        Largest win probability under the hypothesis, in (0, 1).

    Returns
    -------
    ndarray
        Natural logarithms of the e-values; 0 without rounds.

    References
    ----------
    A. Wald, "Sequential Analysis", Wiley, 1947; the mixture is that of H. Robbins,
    "Statistical methods related to the law of the iterated logarithm", Annals of
    Mathematical Statistics 41, 1970.
    """

    def log_mass_above(a, b):
        share = np.maximum(betaincc(a, b, chance), np.finfo(float).tiny)
        return betaln(a, b) + np.log(share)

    ratio = log_mass_above(wins + 1.0, losses + 0.5) - log_mass_above(1.0, 0.5)
    return ratio - wins * np.log(chance) - losses * np.log1p(-chance)


def discoveries(evidence, alpha):
    """Select units with control of the false discovery rate (e-BH).

    Selects the k units with the largest e-values, for the largest k such that all of these
    are at least ``n_units / (alpha * k)``. With e-values this Benjamini-Hochberg procedure is
    valid under arbitrary dependence of the units.

    Parameters
    ----------
    evidence : ndarray of shape (n_units,)
        Logarithms of e-values.
    alpha : float
        Bound on the false discovery rate.

    Returns
    -------
    ndarray of bool, shape (n_units,)
        Selected units. O(n_units log n_units).

    References
    ----------
    R. Wang and A. Ramdas, "False discovery rate control with e-values", Journal of the Royal
    Statistical Society B 84(3), 2022.
    """
    n_units = len(evidence)
    descending = np.sort(evidence)[::-1]
    required = np.log(n_units / alpha) - np.log(np.arange(1, n_units + 1))
    sufficient = np.flatnonzero(descending >= required)
    if not sufficient.size:
        return np.zeros(n_units, dtype=bool)
    return evidence >= descending[sufficient[-1]]


def decide(verdicts, wins, losses, alpha):
    """Confirm or reject tentative units; earlier verdicts are final.

    Parameters
    ----------
    verdicts : ndarray of int, shape (n_units,)
        `CONFIRMED`, `TENTATIVE` or `REJECTED`.
    wins, losses : ndarray of int, shape (n_units,)
        Numbers of rounds that each unit won and lost until its verdict.
    alpha : float
        Bound on the expected share of units with a win probability of at most `CHANCE` among
        the confirmed ones, and of units with at least `STRONG` among the rejected ones.

    Returns
    -------
    ndarray of int, shape (n_units,)
        Updated verdicts. O(n_units log n_units).
    """
    good = log_evidence(wins, losses, CHANCE)
    confirmed = discoveries(np.where(verdicts == REJECTED, -np.inf, good), alpha)
    verdicts = np.where(confirmed, CONFIRMED, verdicts)
    bad = log_evidence(losses, wins, 1 - STRONG)
    rejected = discoveries(np.where(verdicts == CONFIRMED, -np.inf, bad), alpha)
    return np.where(rejected, REJECTED, verdicts)
