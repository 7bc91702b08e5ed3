"""Associations of nominal columns, compared with scipy, pandas and published formulas."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats.contingency import association

from skprune.criteria import contingency
from skprune.criteria.association import correlation_tile, describe
from skprune.criteria.contingency import (
    MixedTable,
    cramer_tile,
    describe_categories,
    mixed_tile,
    ratio_tile,
)

N_ROWS, N_COLUMNS = 200, 6
every = np.arange(N_COLUMNS)


def codes(missing=0.2, seed=0):
    """Codes from 1, 0 for missing; columns with various degrees of association."""
    rng = np.random.default_rng(seed)
    found = rng.integers(1, 6, size=(N_ROWS, N_COLUMNS)).astype(np.uint8)
    found[:, 1] = found[:, 0] % 5 + 1  # the same categories with permuted codes
    found[:, 2] = (found[:, 0] + 1) // 2  # coarser
    found[:, 3] = np.where(rng.random(N_ROWS) < 0.6, found[:, 0], found[:, 3])
    found[rng.random(found.shape) < missing] = 0
    return found


def categories(found, weight=None):
    return describe_categories(found, np.full(found.shape[1], 7), weight)


def crosstab(a, b):
    both = (a > 0) & (b > 0)
    return pd.crosstab(a[both], b[both]).to_numpy()


def bergsma(table):
    n, (r, c) = table.sum(), table.shape
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi2 = ((table - expected) ** 2 / expected).sum() / n
    phi2 = max(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    r, c = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return np.sqrt(phi2 / (min(r, c) - 1))


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("corrected", [False, True])
def test_cramer_matches_scipy_and_bergsma(missing, corrected):
    X = codes(missing)
    found = cramer_tile(categories(X), categories(X), every, every, corrected=corrected)
    for i, j in np.ndindex(found.shape):
        table = crosstab(X[:, i], X[:, j])
        expected = bergsma(table) if corrected else association(table, method="cramer")
        assert_allclose(found[i, j], expected, atol=1e-12)
    assert_allclose(found[0, 1], 1.0, atol=1e-12)


def eta(x, groups, *, corrected):
    there = ~np.isnan(x) & (groups > 0)
    x = pd.Series(x[there])
    means = x.groupby(groups[there]).transform("mean")
    share = ((means - x.mean()) ** 2).sum() / ((x - x.mean()) ** 2).sum()
    if corrected:
        n, k = len(x), len(np.unique(groups[there]))
        share = max(0.0, 1 - (1 - share) * (n - 1) / (n - k))
    return np.sqrt(share)


def numbers(missing=0.2):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N_ROWS, 4)) + 5
    X[:, 0] += codes(0.0)[:, 0]
    X[rng.random(N_ROWS) < missing, 1] = np.nan  # only some columns are incomplete
    return X


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("corrected", [False, True])
def test_correlation_ratio_matches_its_definition(monkeypatch, missing, corrected):
    monkeypatch.setattr(contingency, "CHUNK", 64)  # several chunks of rows
    X, groups = numbers(missing), codes(missing)
    found = ratio_tile(describe(X), categories(groups), np.arange(4), every, corrected=corrected)
    expected = [[eta(x, g, corrected=corrected) for g in groups.T] for x in X.T]
    assert_allclose(found, expected, atol=1e-12)


def mixed(weight=None, rows=slice(None)):
    X = np.column_stack([numbers(), codes()])[rows]
    nominal = np.arange(X.shape[1]) >= 4
    found = describe_categories(np.nan_to_num(X).astype(np.uint8), np.where(nominal, 7, 2), weight)
    return MixedTable(describe(X, weight), found, nominal)


def test_mixed_tile_selects_the_measure_by_column_types():
    found = mixed_tile(mixed(), mixed(), np.array([5, 0, 9, 1]), np.array([8, 1, 2]))
    table, groups = describe(numbers()), categories(codes())

    def ratio(number, category):
        return ratio_tile(table, groups, np.array([number]), np.array([category]))[0]

    assert_allclose(found[[0, 2]][:, :1], cramer_tile(groups, groups, [1, 5], [4]), atol=1e-12)
    assert_allclose(found[1, :1], ratio(0, 4), atol=1e-12)
    assert_allclose(found[2, 1:2], ratio(1, 5), atol=1e-12)
    some, others = np.array([0, 1]), np.array([1, 2])
    assert_array_equal(found[[1, 3]][:, 1:], correlation_tile(table, table, some, others))


def test_weights_are_repetitions():
    weight = np.random.default_rng(2).integers(0, 4, N_ROWS)
    whole = np.arange(10)
    one, other = mixed(weight.astype(float)), mixed(rows=np.repeat(np.arange(N_ROWS), weight))
    found, expected = (mixed_tile(table, table, whole, whole) for table in (one, other))
    assert_allclose(found, expected, atol=1e-12)


def test_chance_and_constants_give_no_association():
    rng = np.random.default_rng(0)
    names = np.arange(1, 201, dtype=np.uint8)  # an identifier
    X = np.column_stack([names, rng.integers(1, 5, (200, 2)), np.ones(200)]).astype(np.uint8)
    X = np.column_stack([X, np.zeros(200, dtype=np.uint8)])
    table = describe_categories(X, np.full(5, 202))
    found = cramer_tile(table, table, np.arange(5), np.arange(5))
    assert (found[np.triu_indices(5, 1)] < 0.25).all()
    assert_array_equal(found[[0, 3, 4]], 0.0)
    raw = cramer_tile(table, table, np.arange(5), np.arange(5), corrected=False)
    assert_array_equal(raw[0, 1:3], 1.0)
    values = describe(np.column_stack([rng.normal(size=200), np.full(200, 0.1)]))
    ratio = ratio_tile(values, table, np.arange(2), np.arange(5))
    assert_array_equal(ratio[0, [0, 3, 4]], 0.0)
    assert_array_equal(ratio[1], 0.0)
    single = describe_categories(np.ones((1, 2), dtype=np.uint8), np.array([3, 3]))
    assert_array_equal(cramer_tile(single, single, np.arange(2), np.arange(2)), 0.0)
