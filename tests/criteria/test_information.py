"""Entropies and information, compared with sklearn and sums over cells."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import mutual_info_score

from skprune.criteria.information import (
    conditional_information,
    count,
    mutual_information,
    symmetric_uncertainty,
)


def coded(n_rows=200, n_columns=6, n_codes=4, seed=0):
    """Dependent discrete columns, and classes that depend on some of them."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, n_codes, (n_rows, n_columns))
    codes[:, 1] = np.where(rng.random(n_rows) < 0.7, codes[:, 0], codes[:, 1])
    codes[:, 2] = 1
    y = np.where(rng.random(n_rows) < 0.6, codes[:, 1] // 2, rng.integers(0, 3, n_rows))
    return codes, y


def counted(codes, weight=None):
    codes = np.asarray(codes)
    codes = codes[:, None] if codes.ndim == 1 else codes
    return count(codes, codes.max(axis=0) + 1, weight)


def entropy(*columns):
    """Entropy and number of cells, cell by cell."""
    cells = Counter(zip(*columns, strict=True))
    n = len(columns[0])
    return -sum(c / n * np.log(c / n) for c in cells.values()), len(cells)


def corrected(*signed):
    """A sum of signed entropies, each corrected by (cells - 1) / 2n."""
    return sum(
        sign * (entropy(*columns)[0] + (entropy(*columns)[1] - 1) / (2 * len(columns[0])))
        for sign, *columns in signed
    )


def bounded(found, *columns):
    return min(max(found, 0.0), *(entropy(column)[0] for column in columns))


def test_entropies_match_sums_over_cells():
    codes, _ = coded()
    found = counted(codes)
    slow = [entropy(column) for column in codes.T]
    assert_allclose(found.entropy, [h for h, _ in slow], atol=1e-14)
    assert_array_equal(found.n_cells, [n for _, n in slow])
    assert_array_equal(found.varies, np.arange(6) != 2)


def test_mutual_information_matches_sums_over_cells():
    codes, y = coded()
    found = mutual_information(counted(codes), counted(y), 0, np.arange(6))
    slow = [bounded(corrected((1, x), (1, y), (-1, x, y)), x, y) for x in codes.T]
    assert_allclose(found, slow, atol=1e-12)
    assert found[2] == 0


def test_uncorrected_mutual_information_matches_sklearn():
    codes, y = coded()
    found = mutual_information(counted(codes), counted(y), 0, np.arange(6))
    for x, value in zip(codes.T, found, strict=True):
        bias = (entropy(x, y)[1] - entropy(x)[1] - entropy(y)[1] + 1) / (2 * len(y))
        assert max(mutual_info_score(x, y) - bias, 0.0) == pytest.approx(value, abs=1e-12)


def test_correction_removes_the_bias_of_independent_columns():
    rng = np.random.default_rng(0)
    codes, y = rng.integers(0, 10, (1000, 200)), rng.integers(0, 4, 1000)
    found = mutual_information(counted(codes), counted(y), 0, np.arange(200))
    plain = np.mean([mutual_info_score(x, y) for x in codes.T])
    assert plain > 0.012
    assert found.mean() < 0.2 * plain


def test_conditional_information_matches_sums_over_cells():
    codes, y = coded()
    for s in (0, 1, 2):
        found = conditional_information(counted(codes), counted(y), s, np.arange(6))
        z = codes[:, s]
        slow = [
            bounded(corrected((1, x, z), (1, z, y), (-1, z), (-1, x, z, y)), x, y) for x in codes.T
        ]
        assert_allclose(found, slow, atol=1e-12)


def test_a_constant_has_no_information_and_conditioning_on_it_no_effect():
    codes, y = coded()
    table, target = counted(codes), counted(y)
    beside = conditional_information(table, target, 2, np.arange(6))
    assert_allclose(beside, mutual_information(table, target, 0, np.arange(6)), atol=1e-12)
    assert beside[2] == 0
    assert conditional_information(table, target, 0, np.array([0]))[0] == 0


def test_symmetric_uncertainty_is_symmetric_and_a_share():
    codes, _ = coded()
    table = counted(codes)
    found = np.array([symmetric_uncertainty(table, table, s, np.arange(6)) for s in range(6)])
    assert_array_equal(found, found.T)
    assert_array_equal(np.diag(found), np.arange(6) != 2)
    shared = mutual_information(table, table, 0, np.array([1]))[0]
    assert found[0, 1] == pytest.approx(2 * shared / (table.entropy[0] + table.entropy[1]))


def test_weights_mean_repetition():
    codes, y = coded()
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    weighted = counted(codes, weight), counted(y, weight)
    n_codes = codes.max(axis=0) + 1
    repeated = (
        count(codes.repeat(weight, axis=0), n_codes),
        count(y.repeat(weight)[:, None], [y.max() + 1]),
    )
    for kernel in (mutual_information, conditional_information, symmetric_uncertainty):
        found, expected = (kernel(*tables, 0, np.arange(6)) for tables in (weighted, repeated))
        assert_allclose(found, expected, atol=1e-12)


def test_blocks_of_columns_and_rows_without_weight_change_nothing(monkeypatch):
    codes, y = coded()
    half = np.arange(len(y)) < 100
    whole = conditional_information(counted(codes), counted(y), 0, np.arange(6))
    part = mutual_information(counted(codes, half), counted(y, half), 0, np.arange(6))
    monkeypatch.setattr("skprune.criteria.information.BLOCK", 450)
    again = conditional_information(counted(codes), counted(y), 0, np.arange(6))
    assert_array_equal(again, whole)
    first = mutual_information(counted(codes[:100]), counted(y[:100]), 0, np.arange(6))
    assert_allclose(part, first, atol=1e-12)


def test_no_columns_are_no_values():
    codes, y = coded()
    none = np.arange(0)
    assert mutual_information(counted(codes), counted(y), 0, none).shape == (0,)
    assert conditional_information(counted(codes), counted(y), 0, none).shape == (0,)


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.just(3)), elements=st.integers(0, 5)),
)
@settings(deadline=None, max_examples=100)
def test_information_is_never_above_the_entropies(codes):
    table = counted(codes)
    target = counted(codes[:, 2])
    for s in range(3):
        shared = mutual_information(table, table, s, np.arange(3))
        assert (shared >= 0).all()
        assert (shared <= np.minimum(table.entropy, table.entropy[s]) + 1e-12).all()
        beside = conditional_information(table, target, s, np.arange(3))
        assert (beside >= 0).all()
        assert (beside <= np.minimum(table.entropy, target.entropy) + 1e-12).all()
        assert (symmetric_uncertainty(table, table, s, np.arange(3)) <= 1).all()
