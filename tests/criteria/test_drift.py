"""Drift, compared with scipy and plain loops, and by simulation."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.stats import ks_2samp

from skprune.arrays.bins import find_bins
from skprune.criteria.drift import (
    Drift,
    binned_ks,
    count_bins,
    ks_statistic,
    split_rows,
    stability_index,
)


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    earlier, later = rng.normal(size=(300, 6)), rng.normal(size=(200, 6))
    later[:, 1] += 1.0
    for X in (earlier, later):
        X[:, 2] = np.round(X[:, 2])
        X[rng.random(len(X)) < 0.3, 3] = np.nan
        X[:, 4] *= rng.random(len(X)) < 0.2
    later[::2, 5] = np.nan
    return earlier, later


def index_of(earlier, later, n_bins=10, **weights):
    bins = find_bins(earlier, n_bins=n_bins, sample_weight=weights.get("before"))
    counts = count_bins(earlier, bins, weights.get("before"))
    return stability_index(Drift(bins, counts, count_bins(later, bins, weights.get("after"))))


def test_stability_index_matches_a_loop(samples):
    earlier, later = samples
    found = index_of(earlier, later)
    for j in range(earlier.shape[1]):
        a, b = earlier[:, j], later[:, j]
        edges = [-np.inf, *np.unique(find_bins(a[:, None], n_bins=10).edges), np.inf]
        total = 0.0
        for low, high in [*pairwise(edges), (np.nan, np.nan)]:
            inside = [np.isnan(x) if np.isnan(low) else (x > low) & (x <= high) for x in (a, b)]
            p, q = (max(np.mean(part), 1e-4) for part in inside)
            total += (p - q) * np.log(p / q)
        assert_allclose(found[j], total)
    assert found.argmax() == 5  # half of the later values are missing
    assert (found[[0, 2, 3, 4]] < 0.25).all()
    assert (found[[1, 5]] > 0.25).all()


def test_equal_samples_have_no_drift(samples):
    earlier, _ = samples
    assert_array_equal(index_of(earlier, earlier), np.zeros(6))
    assert_allclose(ks_statistic(earlier, earlier), np.zeros(6), atol=1e-12)


def test_new_categories_are_drift():
    a = np.array([1.0, 2.0, 2.0, np.nan])[:, None]
    b = np.array([1.0, 7.0, 7.0, np.nan])[:, None]
    bins = find_bins(a, np.array([True]))
    found = stability_index(Drift(bins, count_bins(a, bins), count_bins(b, bins)))
    assert_allclose(found, 2 * (0.5 - 1e-4) * np.log(0.5 / 1e-4))


def test_ks_matches_scipy(samples):
    earlier, later = samples
    found = ks_statistic(earlier, later)
    for j in range(earlier.shape[1]):
        pair = [x[~np.isnan(x)] for x in (earlier[:, j], later[:, j])]
        assert_allclose(found[j], ks_2samp(*pair).statistic, atol=1e-12)


@pytest.mark.parametrize("n_bins", [4, 30, 200])
def test_ks_of_bins_is_a_bound_of_that_of_the_values(samples, n_bins):
    earlier, later = samples
    bins = find_bins(earlier, None, n_bins)
    drift = Drift(bins, count_bins(earlier, bins), count_bins(later, bins))
    exact, found = ks_statistic(earlier, later), binned_ks(drift)
    assert (found <= exact + 1e-12).all()
    shares = [n[:, 1:] / n[:, 1:].sum(axis=1, keepdims=True) for n in drift[1:]]
    slack = np.minimum(*(share.max(axis=1) for share in shares))
    assert (found >= exact - slack - 1e-12).all()


def test_ks_is_zero_without_values_on_one_side():
    empty = np.full((5, 1), np.nan)
    assert ks_statistic(empty, np.ones((3, 1))).tolist() == [0.0]
    assert ks_statistic(np.ones((3, 1)), empty).tolist() == [0.0]
    assert ks_statistic(empty, empty).tolist() == [0.0]


def test_sparse_and_dense_tables_agree(samples):
    earlier, later = map(np.nan_to_num, samples)
    pair = sparse.csc_array(earlier), sparse.csc_array(later)
    assert_allclose(ks_statistic(*pair), ks_statistic(earlier, later))
    bins = find_bins(earlier, n_bins=10)
    assert_array_equal(count_bins(pair[1], bins), count_bins(later, bins))


def test_weights_are_repetitions(samples):
    rng = np.random.default_rng(1)
    before, after = (rng.integers(1, 4, len(X)) for X in samples)
    repeated = [X.repeat(w, axis=0) for X, w in zip(samples, (before, after), strict=True)]
    assert_allclose(index_of(*samples, before=before, after=after), index_of(*repeated))
    assert_allclose(ks_statistic(*samples, before, after), ks_statistic(*repeated), atol=1e-12)


def test_counts_are_additive(samples):
    earlier, later = samples
    bins = find_bins(earlier, n_bins=10)
    whole = count_bins(later, bins)
    assert_array_equal(count_bins(later[:70], bins) + count_bins(later[70:], bins), whole)
    assert_array_equal(whole.sum(axis=1), 200)


def test_block_size_does_not_change_the_result(samples, monkeypatch):
    earlier, later = samples
    nominal = np.arange(6) == 2
    bins = find_bins(earlier, nominal, n_bins=10)
    whole = count_bins(later, bins), ks_statistic(earlier, later)
    monkeypatch.setattr("skprune.criteria.drift.BLOCK", 500)
    assert_array_equal(count_bins(later, bins), whole[0])
    assert_array_equal(ks_statistic(earlier, later), whole[1])


@pytest.mark.parametrize(
    ("weight", "share", "before", "after"),
    [
        (None, 0.5, [0, 1], [2, 3, 4]),
        (None, 0.1, [], [0, 1, 2, 3, 4]),
        ([1, 1, 1, 1, 1], 0.6, {0: 1, 1: 1, 2: 1}, {3: 1, 4: 1}),
        ([1, 1, 3, 1, 2], 0.5, {0: 1, 1: 1, 2: 2}, {2: 1, 3: 1, 4: 2}),
        ([1, 1, 3, 1, 2], 0.25, {0: 1, 1: 1}, {2: 3, 3: 1, 4: 2}),
        ([0.5] * 5, 0.5, {0: 0.5, 1: 0.5, 2: 0.25}, {2: 0.25, 3: 0.5, 4: 0.5}),
    ],
)
def test_rows_are_split_by_weight(weight, share, before, after):
    X = np.arange(5.0)[:, None]
    given = None if weight is None else np.array(weight, dtype=float)
    for (rows, part), expected in zip(split_rows(X, given, share), (before, after), strict=True):
        assert rows[:, 0].tolist() == list(expected)
        if weight is None:
            assert part is None
            assert np.shares_memory(rows, X) or not len(rows)
        else:
            assert part.tolist() == list(expected.values())


def test_drift_is_detected_and_noise_is_not():
    rng = np.random.default_rng(0)
    shift = np.repeat([0.0, 0.3, 1.0], 200)
    earlier, later = rng.normal(size=(1000, 600)), rng.normal(size=(1000, 600)) + shift
    for found, limit in ((index_of(earlier, later), 0.25), (ks_statistic(earlier, later), 0.2)):
        beyond = (found.reshape(3, -1) > limit).mean(axis=1)
        assert beyond[0] == beyond[1] == 0
        assert beyond[2] == 1
