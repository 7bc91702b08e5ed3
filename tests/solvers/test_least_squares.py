"""Least squares on subsets of columns, compared with numpy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array

from skprune.solvers.least_squares import (
    NestedSolver,
    moments,
    root_of,
    solve_on,
    sums_of_squares,
)


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
@pytest.mark.parametrize("center", [False, True])
def test_sums_of_squares_are_diagonals_of_moments(center, kind):
    rng = np.random.default_rng(0)
    X = kind(rng.normal(size=(30, 5)) * (rng.random((30, 5)) < 0.5))
    weights = rng.random((30, 3))
    weights[:, 2] = 0
    expected = [moments(X, w, center=center)[0].diagonal() for w in weights.T]
    assert_allclose(sums_of_squares(X, weights, center=center).T, expected, atol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("center", [False, True])
def test_weighted_moments_match_repeated_rows(center, sparse):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 5)) * (rng.random((30, 5)) < 0.5)
    weight = rng.integers(0, 3, 30)
    repeated = X.repeat(weight, axis=0)
    shift = repeated.mean(axis=0) if center else np.zeros(5)
    gram, mean = moments(csr_array(X) if sparse else X, weight.astype(float), center=center)
    assert_allclose(gram, (repeated - shift).T @ (repeated - shift), atol=1e-12)
    assert_allclose(mean, shift, atol=1e-15)


def test_solution_matches_the_kept_columns():
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(40, 6)), rng.normal(size=40)
    kept = np.array([True, False, True, True, False, True])
    found = solve_on(X.T @ X, X.T @ y, kept)
    assert_allclose(found[kept], np.linalg.lstsq(X[:, kept], y)[0], rtol=1e-10)
    assert (found[~kept] == 0).all()
    assert (solve_on(X.T @ X, X.T @ y, ~kept & False) == 0).all()


def test_several_targets_share_a_solve():
    rng = np.random.default_rng(3)
    X, Y = rng.normal(size=(40, 6)), rng.normal(size=(40, 3))
    kept = np.array([True, False, True, True, False, True])
    for X_ in (X, np.column_stack([X[:, :5], X[:, 0] + X[:, 2]])):  # second: dependent
        found = solve_on(X_.T @ X_, X_.T @ Y, kept)
        single = [solve_on(X_.T @ X_, X_.T @ y, kept) for y in Y.T]
        assert_allclose(found, np.transpose(single), rtol=1e-10, atol=1e-12)


def test_dependent_columns_give_the_minimum_norm_solution():
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(40, 4)), rng.normal(size=40)
    X = np.column_stack([X, X[:, 0], X[:, 1] - X[:, 2]])
    found = solve_on(X.T @ X, X.T @ y, np.ones(6, bool))
    assert_allclose(found, np.linalg.lstsq(X, y)[0], rtol=1e-8)


@pytest.mark.parametrize("dependent", [None, 0, 3, 5])
def test_nested_columns_share_one_factorisation(dependent):
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(40, 7)), rng.normal(size=40)
    order = np.array([4, 1, 6, 0, 2, 5])  # the last column is in no subset but that of all
    if dependent is not None:
        X[:, order[dependent]] = X[:, order[:dependent]].sum(axis=1)
    gram, pull = X.T @ X, X.T @ y
    solver = NestedSolver(gram, pull, order)
    for n in range(7):
        kept = np.isin(np.arange(7), order[:n])
        found = solver.solve(kept)
        if dependent is not None and n > dependent:
            assert found is None
        else:
            assert_allclose(found, solve_on(gram, pull, kept), rtol=1e-10, atol=1e-14)
            assert (found[~kept] == 0).all()
    assert solver.solve(np.arange(7) == 3) is None


def test_root_has_the_products_of_the_table():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(40, 6)), rng.normal(size=(40, 2))
    root, target = root_of(X.T @ X, X.T @ y, (y**2).sum(axis=0))
    assert root.shape == (7, 6)
    for ours, exact in ((root.T @ root, X.T @ X), (root.T @ target, X.T @ y)):
        assert_allclose(ours, exact, atol=1e-12)
    assert_allclose((target**2).sum(axis=0), (y**2).sum(axis=0))


def test_nearly_dependent_columns_have_no_root():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(40, 3))
    X = np.column_stack([X, X[:, 0] + 1e-6 * rng.normal(size=40)])
    assert root_of(X.T @ X, X.T @ X[:, :1], np.ones(1)) == (None, None)
