"""Orders of samples: stratified prefixes, and samples that are removed first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skprune.solvers.sampling import at_random, by_sampling, with_every_class, without_hardest

CODES = np.repeat([0, 1, 2], [60, 30, 10])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 5))
def test_every_prefix_is_stratified(codes, seed):
    codes = np.unique(codes, return_inverse=True)[1]
    order = at_random(codes, np.random.RandomState(seed))
    assert sorted(order) == list(range(len(codes)))
    counts = np.cumsum(np.equal.outer(codes[order], np.unique(codes)), axis=0)
    fair = np.arange(1, len(codes) + 1)[:, np.newaxis] * counts[-1] / len(codes)
    # Each stratum deviates by less than one sample of its own and of each other stratum.
    assert (np.abs(counts - fair) <= counts.shape[1] / 2 + 0.5).all()


@pytest.mark.parametrize("capped", [True, False])
def test_hardest_samples_are_removed_first_and_others_at_random(capped):
    difficulty = np.random.RandomState(0).uniform(size=100) + 10 * (CODES == 2)
    rng = np.random.RandomState(1)
    order = without_hardest(difficulty, 0.1, CODES, rng, capped=capped)
    hardest = np.argsort(difficulty)[-10:]
    removed = order[::-1][: 5 if capped else 10]  # no class loses more than half of its samples
    np.testing.assert_array_equal(removed, hardest[::-1][: len(removed)])
    left = np.bincount(CODES[order[:45]])
    assert abs(left[0] - 2 * left[1]) <= 3
    easiest = without_hardest(difficulty, 1.0, CODES, rng, capped=capped)
    np.testing.assert_array_equal(easiest, np.argsort(difficulty))
    none = without_hardest(difficulty, 0.0, CODES, np.random.RandomState(2), capped=capped)
    np.testing.assert_array_equal(none, at_random(CODES, np.random.RandomState(2)))


def test_sampling_is_unbiased():
    rng = np.random.RandomState(0)
    odds, values = rng.uniform(0.2, 3, 30), rng.normal(5, 1, 30)
    sums = []
    for _ in range(4000):
        priority = by_sampling(odds, rng)
        kept = priority > (limit := np.sort(priority)[-11])
        sums.append((values * np.maximum(1, limit / odds))[kept].sum())
    error = np.std(sums) / np.sqrt(len(sums))
    assert abs(np.mean(sums) - values.sum()) < 4 * error < 0.05 * values.sum()


def test_every_class_is_kept_and_samples_of_weight_zero_come_last():
    weight = np.ones(100)
    weight[:20] = 0
    order = with_every_class(np.arange(100), weight, CODES)
    assert order[:3].tolist() == [20, 60, 90]
    assert sorted(order[-20:]) == list(range(20))
    assert with_every_class(np.arange(100), weight, None)[0] == 20
