"""Optimal brain surgeon, compared with refits of every candidate."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skprune.exceptions import InputError
from skprune.solvers import inverse_hessian
from skprune.solvers.inverse_hessian import (
    Elimination,
    eliminate,
    eliminate_shared,
    merge_orders,
)


def problem(seed, n_models=1, n_coordinates=6, n_outputs=1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_models, 4 * n_coordinates, n_coordinates))
    X[:, :, -1] += X[:, :, 0]
    return X.mT @ X, rng.normal(size=(n_models, n_coordinates, n_outputs))


def loss_of(H, W, kept):
    """The minimal loss on a subset of coordinates, by a direct solve."""
    total = 0.0
    for hessian, optimum in zip(H, W, strict=True):
        found = np.zeros_like(optimum)
        pull = (hessian @ optimum)[kept]
        found[kept] = np.linalg.solve(hessian[np.ix_(kept, kept)], pull)
        change = found - optimum
        total += (change * (hessian @ change)).sum() / 2
    return total


def by_refits(H, W, units, forced):
    """Repeatedly remove the unit without which a refit is best."""
    kept, waiting = np.ones(len(units), dtype=bool), np.flatnonzero(~forced).tolist()
    order, costs, now = [], [], 0.0
    while waiting:
        losses = [loss_of(H, W, kept & (units != unit)) for unit in waiting]
        best = int(np.argmin(losses))
        order.append(waiting.pop(best))
        costs.append(losses[best] - now)
        now, kept = losses[best], kept & (units != order[-1])
    return order, costs


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_models=st.integers(1, 3),
    n_outputs=st.integers(1, 2),
    units=st.sampled_from([[0, 1, 2, 3, 4, 5], [0, 1, 1, 2, 0, 3], [0, 0, 0, 1, 1, 1], [0] * 6]),
    forces=st.booleans(),
)
def test_order_and_costs_match_refits(seed, n_models, n_outputs, units, forces):
    H, W = problem(seed, n_models, n_outputs=n_outputs)
    units = np.array(units)
    forced = np.arange(units.max() + 1) == (1 if forces else -1)
    found = eliminate(H, W, units, forced)
    order, costs = by_refits(H, W, units, forced)
    assert found.order.tolist() == order
    assert_allclose(found.cost, costs, rtol=1e-8, atol=1e-10)


def test_least_squares_levels_are_refits():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 40))
    X[:, 20:] += X[:, :20]
    y = X[:, :10] @ rng.normal(size=10) + rng.normal(size=300)
    W = np.linalg.lstsq(X, y)[0][None, :, None]
    found = eliminate((X.T @ X)[None], W)
    squares = ((y - X @ W[0, :, 0]) ** 2).sum() + 2 * np.cumsum(found.cost)
    kept = np.ones(40, dtype=bool)
    for unit, expected in zip(found.order[:-1], squares[:-1], strict=True):
        kept[unit] = False
        refit = np.linalg.lstsq(X[:, kept], y)[0]
        assert_allclose(expected, ((y - X[:, kept] @ refit) ** 2).sum(), rtol=1e-10)


@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-6])
def test_near_duplicates_do_not_degrade_later_removals(gap):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 12))
    X[:, 6:] = X[:, :6] + gap * X[:, 6:]
    H, W = (X.T @ X)[None], rng.normal(size=(1, 12, 1))
    found = eliminate(H, W)
    kept = np.ones(12, dtype=bool)
    now = 0.0
    for unit, cost in zip(found.order[:-1], found.cost[:-1], strict=True):
        kept[unit] = False
        after = loss_of(H, W, kept)
        if now > 1e-3:  # below, direct solves have lost their digits too
            assert_allclose(cost, after - now, rtol=1e-4)
        now = after


def test_updates_and_restarts_do_not_change_the_result(monkeypatch):
    H, W = problem(3, 2, 30)
    plain = eliminate(H, W)
    monkeypatch.setattr(inverse_hessian, "UPDATE_EVERY", 4)
    monkeypatch.setattr(inverse_hessian, "MAX_DRIFT", -1.0)
    often = eliminate(H, W)
    assert_array_equal(often.order, plain.order)
    assert_allclose(often.cost, plain.cost, rtol=1e-9)


@pytest.mark.parametrize("units", [range(12), [0, 1, 1, 2, 0, 3, 4, 5, 6, 6, 6, 7]])
@pytest.mark.parametrize("forces", [False, True])
def test_frequent_updates_match_refits(monkeypatch, units, forces):
    monkeypatch.setattr(inverse_hessian, "UPDATE_EVERY", 2)
    units = np.array(units)
    H, W = problem(1, 2, len(units), 2)
    forced = np.arange(units.max() + 1) == (3 if forces else -1)
    found = eliminate(H, W, units, forced)
    order, costs = by_refits(H, W, units, forced)
    assert found.order.tolist() == order
    assert_allclose(found.cost, costs, rtol=1e-8, atol=1e-10)


def test_two_matrices_are_in_memory_besides_the_hessian():
    (H,), (W,) = problem(0, n_coordinates=500)
    tracemalloc.start()
    eliminate_shared([(H, W, np.arange(500))], 500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * H.nbytes  # plus temporary blocks


def test_the_first_of_equal_units_is_removed_first():
    found = eliminate(np.eye(4)[None], np.array([2.0, 1.0, 1.0, 1.0]).reshape(1, 4, 1))
    assert found.order.tolist() == [1, 2, 3, 0]
    assert_allclose(found.cost, [0.5, 0.5, 0.5, 2.0])


def test_a_singular_hessian_is_refused_and_damping_helps():
    X = np.random.default_rng(0).normal(size=(20, 3))
    X = np.column_stack([X, np.zeros(20)])
    H, W = (X.T @ X)[None], np.ones((1, 4, 1))
    with pytest.raises(InputError, match=r"not positive definite.*Add a penalty or damping"):
        eliminate(H, W)
    assert eliminate(H, W, damping=0.01).order[0] == 3


def test_inputs_are_not_modified():
    H, W = problem(0)
    before = H.copy(), W.copy()
    eliminate(H, W, damping=0.1)
    assert_array_equal(H, before[0])
    assert_array_equal(W, before[1])


def test_orders_are_merged_by_running_maxima_of_costs():
    first = Elimination(np.array([2, 0, 1]), np.array([3.0, 1.0, 5.0]))
    second = Elimination(np.array([1, 0]), np.array([2.0, 4.0]))
    model, unit = merge_orders([first, second])
    assert model.tolist() == [1, 0, 0, 1, 0]
    assert unit.tolist() == [1, 2, 0, 0, 1]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_shared_models_match_one_model_with_padded_coordinates(seed):
    (H,), (W,) = problem(seed, n_coordinates=8)
    parts = [np.array([0, 1, 2, 5, 7]), np.array([1, 2, 3, 4]), np.array([6, 4, 0])]
    models = [(H[np.ix_(part, part)], W[part], part) for part in parts]
    whole, weights = np.tile(np.eye(8), (3, 1, 1)), np.zeros((3, 8, 1))
    for m, part in enumerate(parts):
        whole[m][np.ix_(part, part)] = H[np.ix_(part, part)]
        weights[m, part] = W[part]
    found, expected = eliminate_shared(models, 8), eliminate(whole, weights)
    assert_array_equal(found.order, expected.order)
    assert_allclose(found.cost, expected.cost, rtol=1e-8, atol=1e-12)


def test_updates_and_restarts_do_not_change_shared_models(monkeypatch):
    (H,), (W,) = problem(3, n_coordinates=8)
    models = [(H, W, np.arange(8)), (H[:4, :4], W[:4], np.arange(4))]
    expected = eliminate_shared(models, 8)
    monkeypatch.setattr(inverse_hessian, "UPDATE_EVERY", 2)
    settled = eliminate_shared(models, 8)
    assert_array_equal(settled.order, expected.order)
    assert_allclose(settled.cost, expected.cost, rtol=1e-9)
    monkeypatch.setattr(inverse_hessian, "CANCELLED", 1.0)
    again = eliminate_shared(models, 8)
    assert_array_equal(again.order, expected.order)
    assert_allclose(again.cost, expected.cost, rtol=1e-9)
