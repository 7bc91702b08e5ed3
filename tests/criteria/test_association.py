"""Correlations and associations, compared with pandas, scipy and plain loops."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import rankdata, spearmanr

from skprune.criteria import association, redundancy
from skprune.criteria.association import (
    class_strength,
    correlation_tile,
    correlation_tiles,
    describe,
    ranks,
    target_strength,
)
from skprune.criteria.redundancy import order_by_priority, whole_matrix


def table(n_rows=150, n_columns=12, missing=0.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_columns)) @ rng.normal(size=(n_columns, n_columns))
    X += 10 * rng.normal(size=n_columns)
    X[rng.random(X.shape) < missing] = np.nan
    return X


def correlations(X, sample_weight=None):
    described = describe(X, sample_weight)
    columns = np.arange(X.shape[1])
    return correlation_tile(described, described, columns, columns)


def pandas_correlations(X):
    return pd.DataFrame(X).corr().fillna(0.0).to_numpy()


@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_pairwise_complete_correlations_match_pandas(missing, layout):
    X = np.asarray(table(missing=missing), order=layout)
    assert_allclose(correlations(X), pandas_correlations(X), atol=1e-12)


def test_few_incomplete_columns_among_complete_ones():
    X = table()
    X[::3, 2], X[1::7, 9] = np.nan, np.nan
    assert_allclose(correlations(X), pandas_correlations(X), atol=1e-12)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_block_and_chunk_sizes_do_not_change_the_result(monkeypatch, missing):
    X = table(missing=missing, n_columns=17)
    expected = correlations(X)
    monkeypatch.setattr(redundancy, "BLOCK_WIDTH", 5)
    monkeypatch.setattr(association, "BLOCK_COLUMNS", 5)
    monkeypatch.setattr(association, "CHUNK", 64)
    monkeypatch.setattr(association, "CACHED_CHUNK", 32)
    priority = np.random.default_rng(1).random(17)
    layout = order_by_priority(priority, np.arange(17), np.zeros(17, dtype=bool))
    order = layout.order
    assert [block.stop for block in layout.blocks] == [4, 8, 12, 17]
    above = np.triu_indices(17, 1)
    make = correlation_tiles(describe(X), layout.members)
    found = whole_matrix(make, layout.blocks)[above]
    assert_allclose(found, expected[np.ix_(order, order)][above], atol=2e-13)


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("transform", [lambda X: X, ranks])
def test_weights_are_repetitions(missing, transform):
    X = table(missing=missing)
    X[:, 3] = np.round(X[:, 3])
    X[0, 5] = 1e6  # a row of weight 0 has no effect
    weight = np.random.default_rng(2).integers(0, 4, len(X)).astype(float)
    weight[0] = 0
    repeated = np.repeat(X, weight.astype(int), axis=0)
    if transform is ranks:
        expected, found = correlations(ranks(repeated)), correlations(ranks(X, weight), weight)
    else:
        expected, found = correlations(repeated), correlations(X, weight)
    assert_allclose(found, expected, atol=2e-13)
    assert_allclose(describe(X, weight).variance, np.nanvar(repeated, axis=0), rtol=1e-12)


def test_only_ratios_of_weights_matter():
    X, weight = table(missing=0.2), np.random.default_rng(3).random(150)
    assert_allclose(correlations(X, weight), correlations(X, weight * 1e-9), atol=2e-13)


def test_ranks_match_scipy():
    X = np.round(table(), 0)
    assert_array_equal(ranks(X) + 0.5, rankdata(X, axis=0))
    assert_allclose(correlations(ranks(X)), spearmanr(X).statistic, atol=1e-12)


def test_ranks_ignore_missing_values():
    X = np.array([[3.0], [np.nan], [1.0], [3.0]])
    assert_array_equal(ranks(X)[:, 0], [2.0, np.nan, 0.5, 2.0])


def test_ranks_are_float64_where_float32_would_round():
    X = np.arange(4.0)[:, None]
    assert ranks(X).dtype == np.float32
    assert ranks(X, np.full(4, 1e8)).dtype == np.float64
    assert ranks(X, np.full(4, 0.3)).dtype == np.float64


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e300, np.nan])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_constant_and_empty_columns_have_no_correlation(constant, missing):
    X = table(missing=missing)
    X[:, 4] = constant
    found = correlations(X)
    assert_array_equal(found[4], 0.0)
    assert_array_equal(found[:, 4], 0.0)
    assert_allclose(found, pandas_correlations(X), atol=1e-12)


def test_column_constant_on_the_shared_rows_has_no_correlation():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    X[:30, 0] = 0.1
    X[30:, 1] = np.nan
    found = correlations(X)
    assert found[0, 1] == found[1, 0] == 0.0
    assert abs(found[0, 2]) > 0
    X[1:, 1] = np.nan
    assert correlations(X)[1, 2] == 0.0  # a single shared row


@pytest.mark.parametrize("weighted", [False, True])
def test_cancellation_is_detected_and_recomputed(weighted):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    X[:, 1] += X[:, 0]
    X[200:, 0] += 1e6  # far from the column's mean over the rows shared by the pair
    X[200:, 1] = np.nan
    weight = np.full(400, 2.0) if weighted else None
    assert_allclose(correlations(X, weight), pandas_correlations(X), atol=1e-11)
    # The deviations of the shifted column were rounded by 1e6: compare on the rows alone.
    expected = np.corrcoef(X[:200, 0], X[:200, 1])[0, 1]
    assert_allclose(correlations(X, weight)[0, 1], expected, atol=1e-12)


@pytest.mark.parametrize("factor", [1e-200, 1e-150, 1e150, 1e300])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_huge_and_tiny_values(factor, missing):
    X = table(missing=missing)
    scaled = X.copy()
    scaled[:, ::2] *= factor
    assert_allclose(correlations(scaled), correlations(X), atol=1e-12)


def test_float32_is_summed_in_float64():
    X = (table() + 1000).astype(np.float32)
    assert_allclose(correlations(X), np.corrcoef(X.astype(np.float64).T), atol=1e-12)


def test_large_means_do_not_cancel():
    X = table(n_rows=5000)
    assert_allclose(correlations(X + 1e6), np.corrcoef(X.T), atol=1e-8)


def test_equal_correlations_are_equal():
    x = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0])
    y = np.array([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    found = correlations(np.column_stack([x, y, 7 - 3 * y, x * 0.3, 1e5 + x]))
    assert len(set(np.abs(found[0, [1, 2]])) | {abs(found[3, 1]), abs(found[4, 2])}) == 1
    assert found[0, 3] == found[0, 4] == 1.0


@settings(deadline=None, max_examples=50)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(2, 8), st.integers(1, 6)),
        elements=st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, np.nan])),
    )
)
def test_correlations_stay_within_bounds(X):
    found = correlations(X)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 1.0
    assert_allclose(found, found.T, atol=1e-6)


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_numeric_target(missing, weighted):
    X = table(missing=missing)
    y = X[:, :3].sum(axis=1)
    y = np.where(np.isnan(y), 1.0, y)
    weight = np.random.default_rng(0).integers(0, 3, len(X)) if weighted else np.ones(len(X))
    rows = np.repeat(np.arange(len(X)), weight.astype(int))
    expected = pd.DataFrame(X[rows]).corrwith(pd.Series(y[rows])).abs()
    found = target_strength(describe(X, weight if weighted else None), y)
    assert_allclose(found, expected, atol=1e-12)


def correlation_ratio(x, codes):
    """Textbook eta, over the rows in which x is present."""
    there = ~np.isnan(x)
    x, codes = x[there], codes[there]
    means = np.array([x[codes == c].mean() for c in codes])
    return np.sqrt(((means - x.mean()) ** 2).sum() / ((x - x.mean()) ** 2).sum())


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_labels(missing, weighted):
    X = table(missing=missing)
    codes = np.random.default_rng(0).integers(0, 4, len(X))
    X[:, 1] += codes
    weight = np.random.default_rng(1).integers(0, 3, len(X)) if weighted else np.ones(len(X))
    rows = np.repeat(np.arange(len(X)), weight.astype(int))
    expected = [correlation_ratio(x, codes[rows]) for x in X[rows].T]
    found = class_strength(describe(X, weight if weighted else None), codes)
    assert_allclose(found, expected, atol=1e-12)


def test_two_classes_give_the_absolute_correlation():
    X = table()
    codes = (X[:, 0] > X[:, 0].mean()).astype(int)
    described = describe(X)
    assert_allclose(class_strength(described, codes), target_strength(described, codes), atol=1e-12)
