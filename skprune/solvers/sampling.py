"""Orders of rows, the best first: what a score of difficulty, a draw or a choice makes of them."""

import numpy as np

# Share of a class that may go as the hardest: all rows of a rare class are hard.
MOST = 0.5


def shares(key, stratum):
    """Return the place of each row in its stratum as a share of the stratum; O(n log n).

    Sorted by it, every first part of the rows holds the strata in proportion.

    Parameters
    ----------
    key : tuple of ndarray of shape (n_rows,)
        What the rows of a stratum are sorted by, ascending; the first key counts first.
    stratum : ndarray of int, shape (n_rows,)
        Codes from 0.

    Returns
    -------
    ndarray of shape (n_rows,)
        In (0, 1).
    """
    order = np.lexsort((*key[::-1], stratum))
    counts = np.bincount(stratum)
    found = np.empty(len(stratum))
    found[order] = np.arange(len(order)) - (counts.cumsum() - counts)[stratum[order]] + 0.5
    return found / counts[stratum]


def at_random(stratum, rng):
    """Draw an order in which every first part holds the strata in proportion; ndarray of int."""
    return shares((rng.permutation(len(stratum)),), stratum).argsort(kind="stable")


def without_hardest(difficulty, hardest, stratum, rng, *, capped):
    """Order rows at random, but for the hardest ones, of which the hardest goes first.

    Parameters
    ----------
    difficulty : ndarray of shape (n_rows,)
        The hardest row has the highest.
    hardest : float
        Share of the rows that go before any other, in [0, 1].
    stratum : ndarray of int, shape (n_rows,)
        What the others are kept in proportion of.
    rng : RandomState
        Draws the others, and breaks ties.
    capped : bool
        Whether no stratum loses more than `MOST` of its rows as the hardest, unless `hardest`
        is more.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        All rows, the best first.
    """
    draw = rng.permutation(len(stratum))
    ease = shares((-difficulty, draw), np.zeros_like(stratum))
    hard = ease < hardest
    if capped:
        hard &= shares((ease,), stratum) < max(MOST, hardest)
    return np.where(hard, 2 - ease, shares((draw,), stratum)).argsort(kind="stable")


def by_sampling(odds, rng):
    """Draw rows by unequal odds, without replacement, in an order that serves any number of them.

    Parameters
    ----------
    odds : ndarray of shape (n_rows,)
        Positive.
    rng : RandomState
        Draws.

    Returns
    -------
    priority : ndarray of shape (n_rows,)
        The rows with the highest are the sample. Weighted by ``max(1, t / odds)``, t the
        highest priority of the others, their sums are on average those of all rows.

    References
    ----------
    N. Duffield, C. Lund and M. Thorup, "Priority sampling for estimation of arbitrary subset
    sums", Journal of the ACM 54, 2007.
    """
    return odds / (1 - rng.uniform(size=len(odds)))


def with_every_class(order, weight, codes):
    """Move rows without weight to the end, and one row of each class to the front.

    Parameters
    ----------
    order : ndarray of int, shape (n_rows,)
        The best first.
    weight : ndarray of shape (n_rows,)
        Weights.
    codes : ndarray of int, shape (n_rows,), or None
        Classes; none if None.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        The best row of each class, and then the order as it was.
    """
    order = order[np.argsort(weight[order] <= 0, kind="stable")]
    if codes is None:
        return order
    first = np.unique(codes[order], return_index=True)[1]
    return np.concatenate([order[np.sort(first)], np.delete(order, first)])
