"""Column statistics, compared with pandas and between chunkings."""

from functools import reduce
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skprune.criteria.column_statistics import (
    FREQUENT,
    N_TRACKED,
    merge_states,
    most_frequent_share,
    summarize,
)

SEVEN = 7  # the column of `mixed` that equals another


def mixed(n_rows, seed=0):
    """Columns of all types."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 11))
    X[:, 1] = 3.0
    X[:, 2] = np.nan
    X[:, 3] = rng.integers(0, 5, n_rows)
    X[:, 4] *= rng.random(n_rows) < 0.3
    X[:, 5] = rng.permutation(n_rows)
    X[rng.random(n_rows) < 0.3, 6] = np.nan
    X[:, SEVEN] = X[:, 4]
    X[:, 8] = -0.0
    X[:, 9] = np.where(rng.random(n_rows) < 0.2, np.nan, rng.integers(0, 3, n_rows))
    X[:, 10] = 1e9 + X[:, 10]
    return X


def in_chunks(X, cuts, weight=None):
    """The state of a table, merged from the chunks that end at `cuts`."""
    ends = sorted({0, len(X), *cuts})
    weights = [None if weight is None else weight[a:b] for a, b in pairwise(ends)]
    states = [
        summarize(X[a:b], w, start=a, track=True)
        for (a, b), w in zip(pairwise(ends), weights, strict=True)
    ]
    return reduce(merge_states, states)


def assert_same(found, expected):
    """Assert that statistics agree to 1e-10 and hashes exactly."""
    assert found.n_rows == expected.n_rows
    assert_array_equal(found.digest, expected.digest)
    assert_array_equal(found.whole, expected.whole)
    for name in ("total", "missing", "present", "low", "high", "square"):
        a, b = getattr(found, name), getattr(expected, name)
        assert_allclose(a, b, rtol=1e-10, atol=1e-10, err_msg=name)
    means = (state.mean + state.rest for state in (found, expected))
    assert_allclose(*means, rtol=1e-10, atol=1e-10)
    assert_allclose(*map(most_frequent_share, (found, expected)), rtol=1e-10)
    assert found.seen.keys() == expected.seen.keys()
    for j, values in found.seen.items():
        assert_array_equal(values, expected.seen[j])


@pytest.mark.parametrize("n_rows", [1, 2, 40, 300, 3000])
@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_match_pandas(n_rows, weighted):
    X = mixed(n_rows)
    weight = np.random.default_rng(1).integers(1, 4, n_rows) if weighted else None
    state = summarize(X, weight, track=True)
    frame = pd.DataFrame(X if weight is None else X.repeat(weight, axis=0))
    assert state.total == len(frame)
    assert_array_equal(state.missing, frame.isna().sum())
    assert_array_equal(state.present, frame.notna().sum())
    assert_array_equal(state.low, frame.min())
    assert_array_equal(state.high, frame.max())
    some = state.present > 0
    assert_allclose(state.mean[some], frame.mean()[some], rtol=1e-12, atol=1e-14)
    assert_allclose((state.square / state.total)[1], 0, atol=1e-20)
    with np.errstate(invalid="ignore"):
        assert_allclose(state.square / state.present, frame.var(ddof=0), rtol=1e-9, atol=1e-12)
    top = np.array([frame[j].value_counts(dropna=False).iloc[0] for j in frame]) / len(frame)
    many = frame.nunique() > N_TRACKED
    most = np.maximum(np.where(many & (top <= FREQUENT), 0, top), frame.isna().mean())
    assert_allclose(most_frequent_share(state), most)
    once = [j for j in frame if frame[j].notna().all() and pd.DataFrame(X)[j].is_unique]
    assert sorted(state.seen) == [j for j in once if (X[:, j] % 1 == 0).all()]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_rows", [3, 200, 1000])
def test_sparse_and_dense_tables_agree(n_rows, weighted):
    X = mixed(n_rows)
    X[:, [0, 10]] *= np.random.default_rng(2).random((n_rows, 2)) < 0.1
    weight = np.random.default_rng(1).integers(1, 4, n_rows) if weighted else None
    dense = summarize(X, weight, track=True)
    assert_same(summarize(sparse.csc_array(X), weight, track=True), dense)
    stored = sparse.csc_array(X)
    stored.data[stored.data == X[0, 3]] = 0.0  # explicit zeros
    assert_same(
        summarize(stored, weight, track=True), summarize(stored.toarray(), weight, track=True)
    )


def test_duplicate_sparse_entries_are_summed_in_a_copy():
    X = sparse.csc_array(
        (np.array([1.0, 2.0, 5.0]), np.array([1, 1, 0]), np.array([0, 2, 3])), shape=(3, 2)
    )
    assert not X.has_canonical_format
    assert_same(summarize(X, track=True), summarize(X.toarray(), track=True))
    assert X.nnz == 3


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 200),
    st.lists(st.integers(1, 199), max_size=6),
    st.integers(0, 5),
    st.booleans(),
)
def test_chunking_does_not_change_the_result(n_rows, cuts, seed, weighted):
    X = mixed(n_rows, seed)
    X[:, 6] = np.round(X[:, 6])
    weight = np.random.default_rng(seed).random(n_rows) + 0.1 if weighted else None
    cuts = [cut for cut in cuts if cut < n_rows]
    assert_same(in_chunks(X, cuts, weight), summarize(X, weight, track=True))


@pytest.mark.parametrize("size", [3, 100, 999])
def test_a_value_frequent_in_all_chunks_is_counted_exactly(size):
    rng = np.random.default_rng(0)
    X = np.where(rng.random((2000, 4)) < [0.5, 0.7, 0.9, 0.99], 1.5, rng.normal(size=(2000, 4)))
    found = most_frequent_share(in_chunks(X, range(0, 2000, size)))
    assert_allclose(found, (X == 1.5).mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("size", [7, 300])
def test_a_value_that_becomes_frequent_late_is_tracked(size):
    # First as many frequent values as can be tracked, or none; then a single one.
    first = np.column_stack([np.arange(1000) % N_TRACKED, np.arange(1000)])
    X = np.concatenate([first, np.full((2000, 2), -1.0)])
    found = most_frequent_share(in_chunks(X, range(0, 3000, size)))
    assert (found <= 2 / 3 + 1e-12).all()
    assert (found > 2 / 3 - 2 / N_TRACKED).all()
    assert_allclose(most_frequent_share(summarize(X)), 2 / 3)


def test_large_means_do_not_affect_the_variance():
    x = np.random.default_rng(0).normal(size=(5000, 1))
    for origin in (0.0, 1e6, 1e10):
        moved = x + origin
        exact = ((moved - origin) - (moved - origin).mean()) ** 2
        for state in (summarize(moved), in_chunks(moved, range(0, 5000, 77))):
            assert_allclose(state.square, exact.sum(axis=0), rtol=1e-9)


def test_values_that_overflow_are_counted():
    X = np.array([[1e300, -1e300], [1e300, 1e300], [-1e300, np.nan]])
    state = summarize(X)
    assert_allclose(most_frequent_share(state), [2 / 3, 1 / 3])
    assert_array_equal(state.high, [1e300, 1e300])
