"""F statistics and correlations, compared with sklearn and numpy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.feature_selection import f_classif, f_regression, r_regression

from skprune.criteria.association import describe
from skprune.criteria.f_statistic import (
    correlation_with,
    explained_by_classes,
    explained_by_number,
    f_statistic,
    standardize,
)


def table(seed=0, n_rows=200):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, n_rows)
    X = rng.normal(size=(n_rows, 6)) + classes[:, None] * np.array([0, 0.1, 0.5, 2, 20, 1])
    X[:, 5] += 1e4
    return X, classes, X @ rng.normal(size=6) - 1e4 + rng.normal(size=n_rows)


def standard(X, weight=None):
    return standardize(describe(X, weight))


def f_of(X, y, weight=None):
    explain = explained_by_classes if y.dtype.kind == "i" else explained_by_number
    return f_statistic(explain(standard(X, weight), y))


def test_f_statistics_match_sklearn():
    X, classes, y = table()
    centred = X - [0, 0, 0, 0, 0, 1e4]  # sums of squares of large values cancel in sklearn
    assert_allclose(f_of(X, classes), f_classif(centred, classes)[0], rtol=1e-10)
    assert_allclose(f_of(X, y), f_regression(centred, y)[0], rtol=1e-10)
    share = explained_by_number(standard(X), y).share
    assert_allclose(share, r_regression(centred, y) ** 2, rtol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_with_missing_values_are_ignored(weighted):
    X, classes, y = table()
    rng = np.random.default_rng(1)
    holes = rng.random(X.shape) < np.array([0, 0.1, 0.3, 0, 0.5, 0.2])
    holes[classes == 2, 4] = True  # no value of this class
    X[holes] = np.nan
    X[:, 5] -= 1e4
    weight = rng.integers(0, 4, len(y)) if weighted else np.ones(len(y), dtype=int)
    found = f_of(X, classes, weight), f_of(X, y, weight)
    for j in range(6):
        rows = np.repeat(np.flatnonzero(~holes[:, j]), weight[~holes[:, j]])
        x = X[rows, j : j + 1]
        assert_allclose(found[0][j], f_classif(x, classes[rows])[0][0], rtol=1e-9)
        assert_allclose(found[1][j], f_regression(x, y[rows])[0][0], rtol=1e-9)


def test_constant_columns_are_undefined_and_perfect_ones_infinite():
    X, classes, y = table()
    X = np.column_stack([np.full(len(y), 0.1), classes, y, np.full(len(y), np.nan)])
    for target, perfect in ((classes, 1), (y, 2)):
        found = f_of(X, target)
        assert np.isnan(found[[0, 3]]).all()
        assert np.isinf(found).nonzero()[0].tolist() == [perfect]
    assert np.isnan(f_of(X[:2], y[:2])).all()  # no degrees of freedom
    assert np.isnan(f_of(X, np.zeros(len(y), dtype=int))).all()
    assert (f_of(X, np.ones(len(y)))[1:3] == 0).all()


def test_equal_columns_are_equal_to_the_bit():
    X, classes, y = table()
    X = np.column_stack([X[:, [2]]] * 7 + [X])
    assert len(set(f_of(X, classes)[:7])) == len(set(f_of(X, y)[:7])) == 1
    found = correlation_with(standard(X), 9, np.arange(7))
    assert_array_equal(found, np.ones(7))


@pytest.mark.parametrize("weighted", [False, True])
def test_correlations_match_numpy(weighted):
    X, _, y = table()
    weight = np.random.default_rng(1).integers(0, 4, len(y)) if weighted else None
    rows = X.repeat(weight, axis=0) if weighted else X
    expected = np.abs(np.corrcoef(rows, rowvar=False))
    found = correlation_with(standard(X, weight), 2, np.array([0, 4, 5]))
    assert_allclose(found, expected[2, [0, 4, 5]], atol=1e-10)


def test_huge_and_tiny_values_do_not_overflow():
    X, classes, y = table()
    scale = np.array([1e200, 1e-200, 1.0, 1.0, 1e300, 1.0])
    assert_allclose(f_of(X[:, :5] * scale[:5], classes), f_of(X[:, :5], classes), rtol=1e-9)
    assert_allclose(f_of(X, y * 1e-200), f_of(X, y), rtol=1e-9)
