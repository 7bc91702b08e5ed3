"""Orders of samples, best first: by stratified or unequal-probability sampling, or difficulty."""

import numpy as np

# Largest share of a class that is removed as its hardest samples: in a rare class all are hard.
MAX_SHARE = 0.5


def shares(key, stratum):
    """Return the rank of each sample within its stratum, divided by the stratum's size.

    When samples are sorted by it, every prefix is stratified.

    Parameters
    ----------
    key : tuple of ndarray of shape (n_samples,)
        Sort keys within a stratum, ascending; the first key is the primary one.
    stratum : ndarray of int, shape (n_samples,)
        Encoded strata, from 0.

    Returns
    -------
    ndarray of shape (n_samples,)
        In (0, 1). O(n_samples log n_samples).
    """
    order = np.lexsort((*key[::-1], stratum))
    counts = np.bincount(stratum)
    found = np.empty(len(stratum))
    found[order] = np.arange(len(order)) - (counts.cumsum() - counts)[stratum[order]] + 0.5
    return found / counts[stratum]


def at_random(stratum, rng):
    """Draw a random order of which every prefix is stratified; O(n_samples log n_samples)."""
    return shares((rng.permutation(len(stratum)),), stratum).argsort(kind="stable")


def without_hardest(difficulty, hardest, stratum, rng, *, capped):
    """Order samples at random, except that the hardest ones come last, the hardest at the end.

    Parameters
    ----------
    difficulty : ndarray of shape (n_samples,)
        Difficulty, larger is harder.
    hardest : float
        Share of the samples that are removed before all others, in [0, 1].
    stratum : ndarray of int, shape (n_samples,)
        Strata of the other samples.
    rng : RandomState
        Draws the order of the others, and breaks ties.
    capped : bool
        Whether at most a share `MAX_SHARE` of each stratum is removed as the hardest, or
        `hardest` if that is larger.

    Returns
    -------
    ndarray of int, shape (n_samples,)
        All samples; the last is removed first. O(n_samples log n_samples).
    """
    draw = rng.permutation(len(stratum))
    ease = shares((-difficulty, draw), np.zeros_like(stratum))
    hard = ease < hardest
    if capped:
        hard &= shares((ease,), stratum) < max(MAX_SHARE, hardest)
    return np.where(hard, 2 - ease, shares((draw,), stratum)).argsort(kind="stable")


def by_sampling(odds, rng):
    """Draw priorities for sampling with unequal probabilities, without replacement.

    Parameters
    ----------
    odds : ndarray of shape (n_samples,)
        Positive odds of being drawn.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    priority : ndarray of shape (n_samples,)
        The k samples of highest priority are a draw of size k. With the importance weights
        ``max(1, t / odds)``, t the highest priority of the others, weighted sums over the
        draw are unbiased estimates of sums over all samples. O(n_samples).

    References
    ----------
    N. Duffield, C. Lund and M. Thorup, "Priority sampling for estimation of arbitrary subset
    sums", Journal of the ACM 54, 2007.
    """
    return odds / (1 - rng.uniform(size=len(odds)))


def with_every_class(order, weight, codes):
    """Move samples of weight zero to the end, and one sample of each class to the front.

    Parameters
    ----------
    order : ndarray of int, shape (n_samples,)
        Samples, best first.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    codes : ndarray of int, shape (n_samples,), or None
        Encoded class labels; None without classes.

    Returns
    -------
    ndarray of int, shape (n_samples,)
        The best sample of each class, then the others in their order.
        O(n_samples log n_samples).
    """
    order = order[np.argsort(weight[order] <= 0, kind="stable")]
    if codes is None:
        return order
    first = np.unique(codes[order], return_index=True)[1]
    return np.concatenate([order[np.sort(first)], np.delete(order, first)])
