"""Non-negative least squares: optimality conditions, and comparison with SciPy."""

import numpy as np
import pytest
from scipy.optimize import nnls

from skprune.solvers import reweighting


def case(seed, n_members=12, n_rows=60):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n_rows)
    votes = y + rng.normal(size=(n_members, n_rows)) * rng.uniform(0.3, 2.0, (n_members, 1))
    return votes, y


def conditions(gram, product, weights):
    """Violation of the optimality conditions."""
    gradient = gram @ weights - product
    return max(np.abs(gradient[weights > 0]).max(initial=0), (-gradient).max())


@pytest.mark.parametrize("seed", range(10))
def test_weights_match_scipy(seed):
    votes, y = case(seed)
    weights = reweighting.non_negative(votes @ votes.T, votes @ y)
    np.testing.assert_allclose(weights, nnls(votes.T, y)[0], atol=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_path_satisfies_the_optimality_conditions(seed):
    votes, y = case(seed)
    gram, product = votes @ votes.T / len(y), votes @ y / len(y)
    penalties, weights = reweighting.lasso_path(gram, product, n_penalties=30)
    assert (np.diff(penalties) < 0).all()
    assert penalties[-1] == 0
    for penalty, row in zip(penalties, weights, strict=True):
        assert (row >= 0).all()
        assert conditions(gram, product - penalty, row) < 1e-7
    assert (weights[0] > 0).sum() == 1
    assert (weights[-1] > 0).sum() > 1


def test_warm_and_cold_starts_agree():
    votes, y = case(0)
    gram, product = votes @ votes.T, votes @ y
    start = reweighting.non_negative(gram, product[::-1].copy())
    np.testing.assert_allclose(
        reweighting.non_negative(gram, product, start),
        reweighting.non_negative(gram, product),
        atol=1e-7,
    )


def test_identical_members_are_handled():
    votes, y = case(0, 5)
    votes = np.concatenate([votes, votes])
    gram, product = votes @ votes.T, votes @ y
    weights = reweighting.non_negative(gram, product)
    assert conditions(gram, product, weights) < 1e-5
    np.testing.assert_allclose(weights @ votes, nnls(votes.T, y)[0] @ votes, atol=1e-5)


def test_weights_are_zero_for_a_target_orthogonal_to_all_members():
    assert not reweighting.non_negative(np.eye(3), np.array([-1.0, -2.0, 0.0])).any()


def test_members_without_error_get_equal_weights():
    np.testing.assert_allclose(reweighting.average_weights(np.zeros((4, 4))), 0.25)


@pytest.mark.parametrize("seed", range(5))
def test_average_weights_are_optimal(seed):
    votes, y = case(seed)
    residuals = votes - y
    gram = residuals @ residuals.T / len(y)
    weights = reweighting.average_weights(gram)
    assert weights.sum() == pytest.approx(1)
    error = weights @ gram @ weights
    rng = np.random.default_rng(0)
    others = rng.dirichlet(np.full(len(weights), 0.3), 2000)
    others = np.concatenate([others, 0.9 * weights + 0.1 * others])
    assert (np.einsum("ij,jk,ik->i", others, gram, others) >= error - 1e-9).all()


def test_whole_numbers_are_small_and_no_more_than_members():
    rng = np.random.default_rng(0)
    for n_members in (1, 2, 7, 60):
        weights = rng.random(n_members) ** 3
        rounded = reweighting.whole_numbers(weights)
        assert rounded.max() <= 16
        totals = rounded.sum(axis=1)
        assert (np.diff(totals) >= 0).all()
        assert (totals >= 1).all()
        assert (totals <= n_members).all()
        np.testing.assert_array_equal(rounded, np.rint(rounded))
        assert len(np.unique(rounded, axis=0)) == len(rounded)
        assert (rounded[:, np.argmax(weights)] == rounded.max(axis=1)).all()


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([0.5, 0.5, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]),
        ([0.2, 0.6, 0, 0.2, 0, 0], [1, 3, 0, 1, 0, 0]),
        ([1e-9, 1.0], [0, 1]),
        ([3.0], [1]),
        ([0.5, 0.3, 0.2], [1, 1, 0]),  # three trees in all
    ],
)
def test_nearest_whole_numbers(weights, expected):
    np.testing.assert_array_equal(reweighting.nearest_whole_numbers(np.array(weights)), expected)


def test_no_scale_gives_nearer_whole_numbers():
    rng = np.random.default_rng(1)
    for _ in range(20):
        weights = rng.random(5) * (rng.random(5) < 0.8) + [1e-3, 0, 0, 0, 0]
        weights = np.concatenate([weights, np.zeros(20)]) / weights.sum()
        found = reweighting.nearest_whole_numbers(weights)

        def error(copies, weights=weights):
            return ((copies / copies.sum() - weights) ** 2).sum()

        for scale in np.linspace(1, 16, 16):
            copies = np.rint(scale * weights / weights.max())
            assert copies.sum() > 25 or error(found) <= error(copies) + 1e-15


def test_a_member_has_weight_whose_product_is_the_only_positive_one_and_tiny():
    penalties, weights = reweighting.lasso_path(np.eye(3), np.array([1e-12, -1.0, -2.0]))
    assert (weights[:, 0] > 0).all()
    assert not weights[:, 1:].any()
    np.testing.assert_allclose(weights[:, 0], 1e-12 - penalties)
