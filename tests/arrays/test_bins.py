"""Binning, compared with quantiles computed column by column."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from scipy import sparse

from skprune.arrays.bins import MAX_BINS, MISSING, bin_codes, default_bins, find_bins


def table(n_rows=300, n_columns=7, missing=0.1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_columns))
    X[:, 1] = np.round(X[:, 1])  # few distinct values
    X[:, 2] = np.round(10 * X[:, 2])  # many, and ties
    X[:, 3] = 1.5
    X[:, 4] = np.where(rng.random(n_rows) < 0.9, 0.0, X[:, 4])
    X[rng.random(X.shape) < missing] = np.nan
    X[:, 5] = np.nan
    return X


def encode(X, nominal=None, n_bins=6, sample_weight=None):
    return bin_codes(X, find_bins(X, nominal, n_bins, sample_weight))


def slow_codes(x, n_bins):
    """Codes of one column: the boundary of distinct values nearest to each quantile."""
    present = x[~np.isnan(x)]
    values, counts = np.unique(present, return_counts=True)
    edges = values[:-1]
    if len(values) > n_bins:
        up_to = np.cumsum(counts)[:-1]
        targets = [k * len(present) / n_bins for k in range(1, n_bins)]
        edges = np.unique([values[np.argmin(np.abs(up_to - target))] for target in targets])
    codes = [MISSING if np.isnan(v) else 1 + sum(v > edge for edge in edges) for v in x]
    return np.array(codes)


@pytest.mark.parametrize("n_bins", [2, 6, 30])
def test_codes_match_binning_one_column_at_a_time(n_bins):
    X = table()
    codes = encode(X, n_bins=n_bins)
    assert codes.dtype == np.uint8
    assert codes.flags.f_contiguous
    assert_array_equal(codes, np.column_stack([slow_codes(x, n_bins) for x in X.T]))


def test_block_size_does_not_change_codes(monkeypatch):
    X = table()
    whole = encode(X)
    monkeypatch.setattr("skprune.arrays.bins.BLOCK", 700)
    assert_array_equal(encode(X), whole)


def test_bins_have_equal_counts_without_ties():
    x = np.random.default_rng(0).permutation(1000.0 * np.arange(1000))[:, None]
    assert_array_equal(np.bincount(encode(x, n_bins=10)[:, 0])[1:], np.full(10, 100))


def test_a_majority_value_has_a_bin_of_its_own():
    x = np.concatenate([np.zeros(900), -np.arange(1.0, 51), np.arange(1.0, 51)])[:, None]
    assert_array_equal(np.bincount(encode(x)[:, 0]), [0, 50, 900, 50])
    assert_array_equal(np.bincount(encode(np.minimum(x, 0))[:, 0]), [0, 50, 950])


def test_n_codes_is_an_exclusive_upper_bound():
    X = table()
    bins = find_bins(X, n_bins=6)
    assert (bin_codes(X, bins).max(axis=0) < bins.n_codes).all()
    assert bins.n_codes[[3, 5]].tolist() == [2, 2]


def test_weights_mean_repetition():
    X = table()
    X[:, 0] = np.random.default_rng(1).integers(0, 9, len(X))
    nominal = np.arange(X.shape[1]) == 0
    weight = np.random.default_rng(2).integers(0, 4, len(X))
    weighted = find_bins(X, nominal, None, weight)
    repeated = find_bins(X.repeat(weight, axis=0), nominal)
    assert_array_equal(weighted.edges, repeated.edges)
    assert_array_equal(weighted.categories[0], repeated.categories[0])


@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 40), st.integers(1, 3)), elements=st.integers(-9, 9)
    ),
    st.integers(2, 9),
)
@settings(deadline=None, max_examples=60)
def test_codes_are_invariant_under_increasing_transformations(X, n_bins):
    assert_array_equal(encode(X, n_bins=n_bins), encode(np.exp(X) + X, n_bins=n_bins))


def test_bins_apply_to_other_rows():
    X = table()
    bins = find_bins(X, n_bins=6)
    assert_array_equal(bin_codes(X[40:50], bins), bin_codes(X, bins)[40:50])
    far = bin_codes(np.array([[-1e9] * 7, [1e9] * 7]), bins)
    assert_array_equal(far[0], np.ones(7))
    assert_array_equal(far[1], bins.n_codes - 1)


def test_float32_and_float64_give_the_same_codes():
    X = table().astype(np.float32)
    assert_array_equal(encode(X), encode(X.astype(np.float64)))


def test_sparse_tables_give_the_same_codes(monkeypatch):
    X = np.nan_to_num(table())
    monkeypatch.setattr("skprune.arrays.bins.BLOCK", 700)
    nominal = np.arange(7) == 1
    for kind in (sparse.csc_array, sparse.csc_matrix):
        assert_array_equal(encode(kind(X), nominal), encode(X, nominal))


def test_frequent_categories_have_own_codes_and_rare_ones_share_one():
    values = np.concatenate([np.repeat(np.arange(MAX_BINS), 2), [500.0, 600.0, np.nan]])
    X = np.column_stack([values, values])
    bins = find_bins(X, np.array([True, False]), n_bins=3)
    codes = bin_codes(X, bins)
    assert_array_equal(codes[:-3, 0], values[:-3] + 1)
    assert codes[-3:, 0].tolist() == [255, 255, MISSING]
    assert bins.n_codes.tolist() == [256, 4]
    assert bin_codes(np.array([[7.5, 0]]), bins)[0, 0] == 255


def test_categories_of_little_weight_share_a_code():
    X = np.array([[0.0], [0.0], [1.0], [2.0], [2.0], [np.nan]])
    weight = np.array([1.0, 1.0, 3.0, 1.0, 0.5, 1.0])
    bins = find_bins(X, np.array([True]), sample_weight=weight, min_weight=2)
    assert bin_codes(X, bins)[:, 0].tolist() == [1, 1, 2, 3, 3, MISSING]


def test_an_all_missing_nominal_column_has_no_categories():
    X = np.full((3, 1), np.nan)
    bins = find_bins(X, np.array([True]))
    assert_array_equal(bin_codes(np.array([[np.nan], [2.0]]), bins), [[MISSING], [1]])


def test_default_bins_grow_with_n_rows():
    assert [default_bins(n) for n in (1, 27, 150, 1000, 10**6)] == [2, 3, 5, 10, 16]
