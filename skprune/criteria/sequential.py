"""Exact intervals of a share, and a test of a mean that may be read after every sample.

`exact_interval` is valid at one number of samples that is fixed in advance. `log_evidence` is the
logarithm of an e-process: a non-negative process that starts at 1 and whose expectation is at most
1 at any stopping time, as long as the hypothesis is true. By Ville's inequality it ever reaches
``1 / alpha`` with probability at most alpha.
"""

import numpy as np
from scipy.stats import beta

from skprune.arrays.blocks import blocks

# Alternatives that are bet on: the mean loss exceeds its limit by these shares of the way to 1.
EXCESS = 0.5 ** np.arange(1, 11)
# Samples per block: a bet loses at most half of its stake at each, and 2**-512 is still a float.
BLOCK = 512


def exact_interval(n_successes, n_samples, confidence):
    """Return the interval of Clopper and Pearson (1934) of a share.

    Parameters
    ----------
    n_successes, n_samples : int or ndarray of int
        Numbers of successes and of samples.
    confidence : float
        Coverage, in (0, 1). Each end is exceeded with probability at most
        ``(1 - confidence) / 2``.

    Returns
    -------
    low, high : float or ndarray
        The ends; 0 and 1 without samples. O(1).
    """
    tail = (1.0 - confidence) / 2.0
    hits, n = np.asarray(n_successes, dtype=np.float64), np.asarray(n_samples, dtype=np.float64)
    low = np.where(hits > 0, beta.ppf(tail, np.maximum(hits, 1), n - hits + 1), 0.0)
    high = np.where(hits < n, beta.isf(tail, hits + 1, np.maximum(n - hits, 1)), 1.0)
    return low[()], high[()]


def initial_wealth():
    """Return the state of `log_evidence` before the first sample; shape (n_bets,)."""
    return np.full(len(EXCESS), -np.inf)


def log_evidence(losses, limit, wealth, n_seen):
    """Return the evidence against "the mean loss is at most `limit`" after each sample.

    Parameters
    ----------
    losses : ndarray of shape (n_samples,)
        Losses in [0, 1], in the order in which they arrive.
    limit : float
        Largest mean loss of the hypothesis, in (0, 1).
    wealth : ndarray of shape (n_bets,)
        State after the samples seen before, from `initial_wealth` or from here.
    n_seen : int
        Number of samples seen before.

    Returns
    -------
    evidence : ndarray of shape (n_samples,)
        Natural logarithm of the e-process.
    wealth : ndarray of shape (n_bets,)
        The state after these samples.

    Notes
    -----
    The betting scheme of Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
    betting", JRSS B 2024: a sample multiplies the stake by ``1 + bet * (loss - limit)``, a fair
    or unfavourable bet under the hypothesis, whatever the losses before. The bets are fixed:
    ``excess * (1 - limit) / (limit * (1 - limit))`` for ten excesses from 1/2 to 1/1024, the
    optimal ones if losses are 0 or 1 with mean ``limit + excess * (1 - limit)``; they share the
    capital equally.

    A test that bets from the first sample on loses capital while the hypothesis is true, and
    would detect a later change the later. So the capital is divided over all times at which a
    change may begin, as in the mixtures of Shin, Ramdas and Rinaldo, "E-detectors", 2023: the
    stake before sample t is ``1 / log2(t + 1) - 1 / log2(t + 2)``, and ``1 / log2(t + 2)``
    remains. The stakes add up to 1, so the sum is an e-process, not only a detector with
    a bounded rate of false alarms.

    Samples may come in any batches: the result is the same up to rounding.
    O(n_samples * n_bets).
    """
    bets = EXCESS / limit
    found = np.empty(len(losses))
    for part in blocks(len(losses), BLOCK):
        time = n_seen + np.arange(part.start + 1.0, part.stop + 1)
        gain = np.log1p(bets[:, None] * (losses[part] - limit)).cumsum(axis=1)
        before = np.concatenate([np.zeros((len(bets), 1)), gain[:, :-1]], axis=1)
        # A stake that underflows is negligible beside those before it.
        stakes = np.exp(_log_stakes(time) - before).cumsum(axis=1)
        scale = np.maximum(wealth, 0.0)[:, None]
        grown = gain + scale + np.log(np.exp(wealth[:, None] - scale) + np.exp(-scale) * stakes)
        largest = grown.max(axis=0)
        mean = np.log(np.exp(grown - largest).mean(axis=0)) + largest
        found[part] = np.logaddexp(mean, -np.log(np.log2(time + 2)))
        wealth = grown[:, -1]
    return found, wealth


def _log_stakes(time):
    """Return the logarithm of the stake before each sample, without cancellation."""
    step = np.log1p(1 / (time + 1)) / np.log(2)
    return np.log(step) - np.log(np.log2(time + 1)) - np.log(np.log2(time + 2))
