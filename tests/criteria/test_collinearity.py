"""Variance inflation, compared with regressions of each column on all others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression

from skprune.criteria.collinearity import eliminate_collinear, explained_share


def table(n_columns=12, seed=0, noise=0.3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 5)) @ rng.normal(size=(5, n_columns))
    return X + noise * rng.normal(size=X.shape)


def regress(X, column, others):
    if not len(others):
        return 0.0
    return LinearRegression().fit(X[:, others], X[:, column]).score(X[:, others], X[:, column])


def naive(X, n_forced, threshold):
    """Backward elimination by explicit regressions."""
    stay, gone = list(range(X.shape[1])), np.zeros(X.shape[1])
    while True:
        share = [regress(X, j, [k for k in stay if k != j]) for j in stay]
        free = [-1.0 if j < n_forced else round(s, 9) for j, s in zip(stay, share, strict=True)]
        worst = len(free) - 1 - int(np.argmax(free[::-1]))
        if free[worst] <= threshold:
            return gone, np.array(stay), np.array(share)
        gone[stay.pop(worst)] = free[worst]


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 12),
    st.integers(0, 1000),
    st.sampled_from([0.01, 0.3, 3.0]),
    st.sampled_from([0.0, 0.5, 0.9, 0.999]),
    st.integers(0, 3),
    st.booleans(),
)
def test_elimination_matches_explicit_regressions(n, seed, noise, threshold, n_forced, dependent):
    X = table(n, seed, noise)
    if dependent and n > 6 > n_forced:
        X[:, 4] = X[:, 0] - 2 * X[:, 3]
        X[:, 6] = 3 - X[:, 1]
    matrix = np.corrcoef(X.T).reshape(n, n)
    gone = eliminate_collinear(matrix, np.arange(n), n_forced, threshold)
    expected, stay, share = naive(X, n_forced, threshold)
    assert_allclose(gone, expected, atol=1e-8)
    assert_array_equal(gone == 0, expected == 0)
    found = explained_share(matrix[np.ix_(stay, stay)], np.arange(len(stay)))
    assert_allclose(found, share, atol=1e-8)


def test_a_higher_threshold_stops_the_same_elimination_earlier():
    matrix = np.corrcoef(table(30, noise=0.1).T)
    whole = eliminate_collinear(matrix, np.arange(30))
    for threshold in [*whole, 0.3, 0.99, 1.0]:
        gone = eliminate_collinear(matrix, np.arange(30), 0, threshold)
        assert_array_equal(gone, np.where(whole > threshold, whole, 0.0))


@pytest.mark.parametrize("seed", range(3))
def test_more_columns_than_rows(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20, 60))
    gone = eliminate_collinear(np.corrcoef(X.T), np.arange(60), 0, 1 - 1e-9)
    # 20 centered rows span 19 dimensions: the first 19 columns are kept.
    assert_array_equal(gone, np.arange(60) >= 19)


def test_precision_survives_a_large_inflation():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 12))
    X[:, 6:] = X[:, :6] + 10.0 ** -np.arange(1, 4).repeat(2) * X[:, 6:]
    expected, _, _ = naive(X, 0, 0.0)
    found = eliminate_collinear(np.corrcoef(X.T), np.arange(12))
    assert_allclose(found, expected, atol=2e-9)
    assert_array_equal(np.argsort(-found, kind="stable"), np.argsort(-expected, kind="stable"))


def test_groups_have_the_generalised_vif():
    X = table(9)
    X[:, 2] = X[:, 0] + X[:, 1]  # dependent within its group, which is ignored
    starts = np.array([0, 3, 4, 6])
    matrix = np.corrcoef(X.T)
    found = explained_share(matrix, starts)
    parts = [[0, 1], [3], [4, 5], [6, 7, 8]]
    independent = [j for part in parts for j in part]

    def det(columns):
        return np.linalg.det(matrix[np.ix_(columns, columns)])

    for share, part in zip(found, parts, strict=True):
        others = [j for j in independent if j not in part]
        inflation = det(part) * det(others) / det(independent)
        assert_allclose(1 / (1 - share), inflation ** (1 / len(part)), rtol=1e-6)
    # The coding of a group is irrelevant.
    X[:, 6:] = X[:, 6:] @ np.random.default_rng(0).normal(size=(3, 3))
    assert_allclose(explained_share(np.corrcoef(X.T), starts), found, atol=1e-8)


def test_groups_are_removed_as_a_whole():
    X = table(9, noise=1.0)
    X[:, 7] = X[:, 0] + X[:, 1]
    starts = np.array([0, 2, 4, 6])  # the last has a column that the first explains
    matrix = np.corrcoef(X.T)
    gone = eliminate_collinear(matrix, starts, 0, 0.99)
    assert gone.tolist() == [0, 0, 0, 1]
    assert eliminate_collinear(matrix, starts, 4, 0.0).tolist() == [0, 0, 0, 0]
    assert (explained_share(matrix, starts) == 1).tolist() == [True, False, False, True]
    steps = eliminate_collinear(matrix, starts)
    stay = np.flatnonzero(np.repeat(steps < 1, [2, 2, 2, 3]))
    shares = explained_share(matrix[np.ix_(stay, stay)], np.array([0, 2, 4]))
    assert steps[:3].max() == shares.max()


def test_all_columns_of_a_linear_combination_are_explained():
    X = table(6, noise=3.0)
    X[:, 5] = X[:, 1] - X[:, 2]
    found = explained_share(np.corrcoef(X.T), np.arange(6))
    assert (found == 1).tolist() == [False, True, True, False, False, True]
    expected = [regress(X, j, [k for k in range(5) if k != j]) for j in (0, 3, 4)]
    assert_allclose(found[[0, 3, 4]], expected, atol=1e-9)
