"""Real columns against shadows: copies that chance alone ties to the target.

In a round, a unit wins if it is more important than the best shadow. `decide` turns wins and
losses into verdicts. All functions are O(n_units), but for the copies.
"""

import numpy as np
from scipy.special import betaincc, betaln

CONFIRMED, TENTATIVE, REJECTED = 1, 0, -1
# Confirmed is against "it wins at most half of the rounds", the hypothesis of the paper;
# rejected is against "it wins three rounds of four". Between them either may be found.
CHANCE, STRONG = 0.5, 0.75


def shadow_columns(X, units, n_least, rng):
    """Return shadows: the columns, with the rows of each unit in an order of its own.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        The columns.
    units : ndarray of int, shape (n_columns,)
        The unit of each column; columns of one unit are permuted together.
    n_least : int
        Shadows there are at least; the columns are used more than once where they are fewer.
    rng : numpy.random.Generator
        Draws the orders.

    Returns
    -------
    ndarray of shape (n_rows, n_shadows)
        The shadows, one or more whole sets.

    Notes
    -----
    O(n_rows x n_shadows).
    """
    times = -(-n_least // X.shape[1])
    places = np.unique(units, return_inverse=True)[1]
    n_units = places.max() + 1
    rows = np.broadcast_to(np.arange(len(X))[:, None], (len(X), times * n_units))
    rows = rng.permuted(rows, axis=0)
    places = np.concatenate([places + n_units * i for i in range(times)])
    return np.take_along_axis(np.tile(X, times), rows[:, places], axis=0)


def best_of_units(importances, units, n_units):
    """Return the importance of the best column of each unit; -inf where it has none.

    Parameters
    ----------
    importances : ndarray of shape (n_columns,)
        Importances, the higher the better.
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
    """Weigh counts against the hypothesis that each round is won with at most some chance.

    The evidence is the likelihood ratio of all higher chances together, with the prior
    Beta(1, 1/2) cut to them, which leans to those near 1, against `chance` itself. Under the
    hypothesis its expectation is at most 1 whenever one stops to look (Ville's inequality: it
    ever reaches c with probability at most 1 / c), however rounds depend on earlier ones.

    Parameters
    ----------
    wins, losses : ndarray of int
        Counts of rounds.
    chance : float
        Highest probability to win, in (0, 1), under the hypothesis.

    Returns
    -------
    ndarray
        Natural logarithm of the evidence; 0 for no rounds.

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
    """Choose units of which, on average, at most a share `alpha` is chosen wrongly.

    The largest k is sought for which k units have evidence of at least n / (alpha k): the
    step-up of Benjamini and Hochberg, which with evidence holds however units depend on
    each other.

    Parameters
    ----------
    evidence : ndarray of shape (n_units,)
        Logarithms of evidence.
    alpha : float
        Bound of the expected share of false ones among those chosen.

    Returns
    -------
    ndarray of bool, shape (n_units,)
        Units chosen.

    References
    ----------
    R. Wang and A. Ramdas, "False discovery rate control with e-values", Journal of the Royal
    Statistical Society B 84(3), 2022.
    """
    n_units = len(evidence)
    falling = np.sort(evidence)[::-1]
    needed = np.log(n_units / alpha) - np.log(np.arange(1, n_units + 1))
    enough = np.flatnonzero(falling >= needed)
    if not enough.size:
        return np.zeros(n_units, dtype=bool)
    return evidence >= falling[enough[-1]]


def decide(verdicts, wins, losses, alpha):
    """Confirm or reject tentative units; other verdicts stand.

    Parameters
    ----------
    verdicts : ndarray of int, shape (n_units,)
        `CONFIRMED`, `TENTATIVE` or `REJECTED`.
    wins, losses : ndarray of int, shape (n_units,)
        Rounds that each unit won and lost up to its verdict.
    alpha : float
        Bound of the expected share of units with a chance of at most `CHANCE` among the
        confirmed, and of those with at least `STRONG` among the rejected.

    Returns
    -------
    ndarray of int, shape (n_units,)
        The verdicts now.
    """
    good = log_evidence(wins, losses, CHANCE)
    confirmed = discoveries(np.where(verdicts == REJECTED, -np.inf, good), alpha)
    verdicts = np.where(confirmed, CONFIRMED, verdicts)
    bad = log_evidence(losses, wins, 1 - STRONG)
    rejected = discoveries(np.where(verdicts == CONFIRMED, -np.inf, bad), alpha)
    return np.where(rejected, REJECTED, verdicts)
