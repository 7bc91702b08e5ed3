from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from skprune.criteria.sequential import EXCESS, exact_interval, initial_wealth, log_evidence


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (0, 50), (3, 50), (49, 50), (50, 50), (981, 1000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.999])
def test_interval_is_that_of_scipy(hits, n, confidence):
    expected = binomtest(hits, n).proportion_ci(confidence, method="exact")
    assert exact_interval(hits, n, confidence) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_interval_of_no_samples_excludes_nothing():
    assert exact_interval(0, 0, 0.95) == (0.0, 1.0)


def test_interval_covers_every_share_at_least_as_often_as_stated():
    n, hits = 40, np.arange(41)
    low, high = exact_interval(hits, np.full(41, n), 0.95)
    for share in np.linspace(0.001, 0.999, 200):
        covered = binom.pmf(hits, n, share)[(low <= share) & (share <= high)].sum()
        assert covered >= 0.95 - 1e-12


def by_definition(losses, limit):
    """The evidence after each sample, as the sum over bets and over times of the first one."""
    found = []
    for t in range(1, len(losses) + 1):
        total = 1 / np.log2(t + 2)
        for start in range(1, t + 1):
            stake = 1 / np.log2(start + 1) - 1 / np.log2(start + 2)
            factors = [1 + EXCESS / limit * (x - limit) for x in losses[start - 1 : t]]
            total += stake * np.prod(factors, axis=0).mean()
        found.append(np.log(total))
    return np.array(found)


@pytest.mark.parametrize("limit", [0.02, 0.3, 0.9])
def test_evidence_is_that_of_the_definition(limit):
    rng = np.random.default_rng(0)
    for losses in (rng.random(30), (rng.random(30) < 0.3).astype(float), np.ones(5), np.zeros(30)):
        found, _ = log_evidence(losses, limit, initial_wealth(), 0)
        np.testing.assert_allclose(found, by_definition(losses, limit), rtol=1e-10, atol=1e-12)


def test_batches_change_nothing_but_rounding():
    losses = (np.random.default_rng(1).random(70_000) < 0.03).astype(float)
    whole, end = log_evidence(losses, 0.02, initial_wealth(), 0)
    parts, wealth, start = [], initial_wealth(), 0
    for size in (1, 1, 3, 995, 40_000, 29_000):
        found, wealth = log_evidence(losses[start : start + size], 0.02, wealth, start)
        parts.append(found)
        start += size
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(wealth, end, rtol=1e-9)


@pytest.mark.parametrize("limit", [Fraction(1, 50), Fraction(1, 3)])
def test_expectation_at_the_limit_is_one(limit):
    """Over all streams of ten samples, each weighted by its exact probability."""
    n, total = 10, 0.0
    for code in range(2**n):
        losses = np.array([(code >> place) & 1 for place in range(n)], dtype=float)
        hits = int(losses.sum())
        found, _ = log_evidence(losses, float(limit), initial_wealth(), 0)
        total += float(limit**hits * (1 - limit) ** (n - hits)) * np.exp(found[-1])
    assert total == pytest.approx(1.0, abs=1e-12)


def test_stakes_of_late_samples_do_not_vanish():
    """Their difference would cancel: 1 / log2(t + 1) - 1 / log2(t + 2)."""
    _, wealth = log_evidence(np.full(1, 0.5), 0.5, initial_wealth(), 10**12)
    # 1 / (t * log(2) * log2(t) ** 2) for large t
    expected = np.log(1 / (1e12 * np.log(2) * np.log2(1e12) ** 2))
    np.testing.assert_allclose(wealth, expected, rtol=1e-10)


def test_false_alarms_at_the_limit_are_as_rare_as_stated():
    """Of 400 streams that are as bad as the hypothesis allows, read after each of 2,000 samples."""
    rng = np.random.default_rng(2)
    streams = (rng.random((400, 2000)) < 0.02).astype(float)
    largest = [log_evidence(s, 0.02, initial_wealth(), 0)[0].max() for s in streams]
    # 0.05 and three standard errors of its estimate
    assert np.mean(np.array(largest) >= np.log(20)) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_a_change_is_found_also_after_many_samples():
    rng = np.random.default_rng(3)
    for quiet, delay in ((0, 2000), (20_000, 2500)):
        before, after = rng.random(quiet) < 0.02, rng.random(delay) < 0.05
        losses = np.concatenate([before, after]).astype(float)
        found, _ = log_evidence(losses, 0.02, initial_wealth(), 0)
        assert found[:quiet].max(initial=0.0) < np.log(20)
        assert found.max() >= np.log(20)
