"""Removal costs, compared with explicit inverses; refits, compared with least squares."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, csr_matrix
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from skprune.arrays.network import Network, activate, curvatures, forward
from skprune.criteria.saliency import magnitude
from skprune.solvers import layerwise
from skprune.solvers.layerwise import (
    constant_inputs,
    refit,
    removal_costs,
    second_moments,
    solve_columns,
    weight_costs,
)
from skprune.surgery.neural import NeuralSurgeon


def make_network(seed, sizes=(5, 7, 6, 3)):
    rng = np.random.default_rng(seed)
    coefs = tuple(rng.normal(size=s) for s in pairwise(sizes))
    intercepts = tuple(rng.normal(size=size) / 2 for size in sizes[1:])
    network = Network(coefs, intercepts, "relu", "softmax")
    return network, rng.normal(size=(60, sizes[0])), rng.integers(1, 4, size=60), rng


def costs_by_inverses(C, w):
    """Repeatedly remove the cheapest weight of one unit, with explicit inverses."""
    cost, left, now = np.zeros(len(w)), np.flatnonzero(w), 0.0
    w = w.copy()
    while len(left):
        B = np.linalg.inv(C[np.ix_(left, left)])
        scores = w[left] ** 2 / B.diagonal() / 2
        best = np.argmin(scores)
        now = cost[left[best]] = max(now, scores[best])
        w[left] -= B[:, best] * w[left[best]] / B[best, best]
        left = np.delete(left, best)
    return cost


def refit_by_lstsq(H, sums, coef, mask, weight, damping):
    """Least squares of one layer, with the ridge as additional rows."""
    share = weight / weight.sum()
    spread = H - share @ H
    penalty = damping * (share @ spread**2).mean()
    found = np.zeros(coef.shape)
    for unit in range(coef.shape[1]):
        kept = mask[:, unit]
        rows = np.vstack([np.sqrt(share)[:, None] * spread, np.sqrt(penalty) * np.eye(len(coef))])
        aim = np.sqrt(share) * (sums[:, unit] - share @ sums[:, unit])
        aim = np.concatenate([aim, np.sqrt(penalty) * coef[:, unit] * kept])
        found[kept, unit] = np.linalg.lstsq(rows[:, kept], aim)[0]
    return found, share @ (sums - H @ found)


def masks_of_share(scores, keep):
    """Masks of the weights with the highest scores over all layers."""
    floor = np.quantile(np.concatenate([score.ravel() for score in scores]), 1 - keep)
    return [score > floor for score in scores]


@pytest.mark.parametrize("kind", [np.array, csr_array, csr_matrix])
def test_second_moments_match_the_weighted_covariance(kind):
    rng = np.random.default_rng(0)
    X, weight = rng.poisson(1.0, size=(40, 4)).astype(float), rng.integers(0, 3, size=40)
    expected = np.cov(X.T, fweights=weight, ddof=0)
    found = second_moments(kind(X), weight, damping=0.1)
    assert_allclose(found, expected + 0.1 * np.trace(expected) / 4 * np.eye(4), atol=1e-12)


@pytest.mark.parametrize("kind", [np.array, csr_array, csr_matrix])
def test_constant_inputs_ignore_samples_of_weight_zero(kind):
    X = np.array([[0.1, 0.0, 2.0, -3.0], [0.1, 0.0, 3.0, -3.0], [0.1, 0.0, 2.0, 5.0]])
    X[1, 0] += 1e-16
    assert_array_equal(constant_inputs(kind(X), np.ones(3)), [True, True, False, False])
    assert_array_equal(constant_inputs(kind(X), np.array([1, 2, 0])), [True, True, False, True])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n_inputs=st.integers(1, 9),
    n_units=st.integers(1, 6),
    zeros=st.sampled_from([0.0, 0.4, 1.0]),
    block=st.sampled_from([1, 3, 48]),
    memory=st.sampled_from([1, 5000, 1e9]),
)
def test_removal_costs_match_explicit_inverses(seed, n_inputs, n_units, zeros, block, memory):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3 * n_inputs, n_inputs)) + rng.normal(size=(3 * n_inputs, 1))
    C = X.T @ X / len(X) + 0.01 * np.eye(n_inputs)
    W = np.where(rng.random((n_inputs, n_units)) < zeros, 0.0, rng.normal(size=(n_inputs, n_units)))
    expected = np.transpose([costs_by_inverses(C, w) for w in W.T])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layerwise, "BLOCK", block)
        found = removal_costs(C, W, memory=memory)
    assert_allclose(found, expected, rtol=1e-7, atol=1e-12)


def test_excess_inputs_are_removed_at_once():
    rng = np.random.default_rng(0)
    X, W = rng.normal(size=(60, 12)) + rng.normal(size=(60, 1)), rng.normal(size=(12, 3))
    C = X.T @ X / 60
    W[3:, 2] = 0.0  # within the limit
    found = removal_costs(C, W, one_by_one=5)
    assert_allclose(found[:, 2], removal_costs(C, W)[:, 2], rtol=1e-8)
    for unit in range(2):
        alone = W[:, unit] ** 2 / np.linalg.inv(C).diagonal() / 2
        gone, stays = np.split(np.argsort(alone), [7])
        assert_allclose(found[gone, unit], alone[gone], rtol=1e-10)
        best = np.zeros(12)
        best[stays] = np.linalg.solve(C[np.ix_(stays, stays)], C[stays] @ W[:, unit])
        expected = np.maximum(costs_by_inverses(C, best), alone[gone[-1]])
        assert_allclose(found[stays, unit], expected[stays], rtol=1e-8)


def test_weight_costs_are_removal_costs_times_curvature():
    network, X, weight, _ = make_network(0)
    X[:, 2] = 4.0  # constant: absorbed by the intercept
    network.coefs[1][3, 2] = 0.0
    inputs = forward(network, X)
    found = weight_costs(network, inputs, weight, damping=0.02)
    for H, coef, own, cost in zip(
        inputs, network.coefs, curvatures(network, inputs, weight), found, strict=False
    ):
        C = second_moments(H, weight, damping=0.02)
        alive = np.where(np.ptp(H, axis=0)[:, None] == 0, 0.0, coef)
        expected = [b * costs_by_inverses(C, w) for b, w in zip(own, alive.T, strict=True)]
        assert_allclose(cost, np.transpose(expected), rtol=1e-8, atol=1e-12)
    assert (found[0][2] == 0).all()
    assert found[1][3, 2] == 0
    sparse = weight_costs(network, [csr_array(X), *inputs[1:]], weight, damping=0.02)
    assert_allclose(sparse[0], found[0], rtol=1e-8, atol=1e-12)


def test_sample_weights_are_repetitions():
    network, X, weight, rng = make_network(1)
    copies = np.repeat(X, weight, axis=0)
    ones = np.ones(len(copies))
    masks = [rng.random(coef.shape) < 0.5 for coef in network.coefs]
    for a, b in zip(
        weight_costs(network, forward(network, X), weight),
        weight_costs(network, forward(network, copies), ones),
        strict=True,
    ):
        assert_allclose(a, b, rtol=1e-8)
    a, b = refit(network, masks, X, weight), refit(network, masks, copies, ones)
    assert_allclose(np.concatenate(a.coefs, axis=None), np.concatenate(b.coefs, axis=None))


@pytest.mark.parametrize("kind", [np.array, csr_array, csr_matrix])
def test_refit_is_least_squares_layer_by_layer(kind):
    network, X, weight, rng = make_network(2)
    X[:, 4] = 0.0
    masks = [rng.random(coef.shape) < 0.6 for coef in network.coefs]
    masks[1][:, :3] = masks[1][:, :1]  # equal sets of inputs
    masks[2][:, 0] = False
    found = refit(network, masks, kind(X), weight, damping=0.05)
    reads, whole = X, X
    for layer, (coef, intercept, mask) in enumerate(
        zip(network.coefs, network.intercepts, masks, strict=True)
    ):
        sums = whole @ coef + intercept
        expected, means = refit_by_lstsq(reads, sums, coef, mask, weight, 0.05)
        assert_allclose(found.coefs[layer], expected, rtol=1e-8, atol=1e-10)
        assert_allclose(found.intercepts[layer], means, rtol=1e-8, atol=1e-10)
        assert not found.coefs[layer][~mask].any()
        reads = activate("relu", reads @ found.coefs[layer] + found.intercepts[layer])
        whole = activate("relu", sums)


def test_layers_before_the_first_change_are_unchanged():
    network, X, weight, _ = make_network(3)
    network.coefs[0][1, 1] = 0.0
    masks = [coef != 0 for coef in network.coefs]
    kept = refit(network, masks, X, weight)
    assert all(a is b for a, b in zip(kept.coefs, network.coefs, strict=True))
    masks[1][0] = False
    found = refit(network, masks, X, weight)
    assert found.coefs[0] is network.coefs[0]
    assert not np.array_equal(found.coefs[2], network.coefs[2])


def test_a_layer_without_inputs_outputs_its_mean():
    network, X, weight, _ = make_network(4)
    masks = [np.ones(coef.shape, dtype=bool) for coef in network.coefs]
    masks[1][:] = False
    found = refit(network, masks, X, weight)
    raw = forward(network, X)[-1]
    expected = np.broadcast_to(np.average(raw, axis=0, weights=weight), raw.shape)
    assert_allclose(forward(found, X)[-1], expected, rtol=1e-10)
    assert_array_equal(found.coefs[2], network.coefs[2])


def test_equal_sets_of_inputs_share_a_factorisation(monkeypatch):
    calls = []

    def counted(_, pull, kept):
        calls.append(kept)
        return np.zeros(pull.shape)

    monkeypatch.setattr(layerwise, "solve_on", counted)
    mask = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 0]], dtype=bool)
    solve_columns(np.eye(3), np.ones((3, 4)), mask)
    assert len(calls) == 3


def test_accuracy_on_digits_without_most_weights():
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, random_state=0)
    model = MLPClassifier(100, max_iter=40, learning_rate_init=0.005, random_state=0)
    with pytest.warns(match="converge"):
        model.fit(X, y)
    network, weight = NeuralSurgeon(model).network, np.ones(len(X))
    costs = weight_costs(network, forward(network, X), weight)

    def score(scores, keep):
        smaller = refit(network, masks_of_share(scores, keep), X, weight)
        return (forward(smaller, X_test)[-1].argmax(axis=1) == y_test).mean()

    found = [score(costs, keep) for keep in (0.2, 0.1, 0.05)]
    assert (np.array(found) >= [0.960, 0.930, 0.855]).all(), found
    assert found[2] > score(magnitude(network.coefs), 0.05)


@pytest.mark.parametrize("kind", [np.array, csr_array])
def test_refit_with_known_products_is_the_same(kind):
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(60, 5)) + 2, rng.integers(0, 3, size=60)
    X[:, 3] = 1.5  # constant: its weight is preserved by the penalty
    network = Network(
        (rng.normal(size=(5, 4)), rng.normal(size=(4, 2))),
        (rng.normal(size=4), rng.normal(size=2)),
        "tanh",
        "identity",
    )
    masks = [rng.uniform(size=coef.shape) < 0.6 for coef in network.coefs]
    X = kind(X)
    first = layerwise.input_products(X, weight)
    found, expected = (refit(network, masks, X, weight, first=given) for given in (first, None))
    for one, other in zip(
        found.coefs + found.intercepts, expected.coefs + expected.intercepts, strict=True
    ):
        assert_allclose(one, other, atol=1e-10)
    assert np.isfinite(layerwise.second_moments(kind(np.full((60, 5), 1e-200)), weight)).all()
    assert (layerwise.second_moments(X * 0, weight) == np.eye(5)).all()
