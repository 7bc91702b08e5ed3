"""Hidden units: redundant ones are removed without loss, others at the cost of a refit."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from skprune.arrays.network import Network, activate, curvatures, forward
from skprune.solvers.layerwise import refit, second_moments
from skprune.solvers.neurons import drop, fold, neuron_costs, redundant


def make_network(seed, sizes=(4, 8, 6, 3)):
    rng = np.random.default_rng(seed)
    coefs = tuple(rng.normal(size=s) for s in pairwise(sizes))
    intercepts = tuple(rng.normal(size=size) / 2 for size in sizes[1:])
    network = Network(coefs, intercepts, "relu", "softmax")
    return network, rng.normal(size=(80, sizes[0])), rng.integers(1, 4, size=80)


@pytest.fixture
def case():
    """A network with redundant units.

    In the first hidden layer 2 is dead, 7 constant, 4 and 5 equal 1; in the second 5 equals 0.
    """
    network, X, weight = make_network(0)
    (first, second, _), (below, above, _) = network.coefs, network.intercepts
    above += 3.0  # no other unit is dead
    below[2] = -100.0
    first[:, 7], below[7] = 0.0, 1.5
    first[:, [4, 5]], below[[4, 5]] = first[:, [1]], below[1]
    second[:, 5], above[5] = second[:, 0], above[0]
    return network, X, weight


def outgoing(network, kept):
    """Masks without the outgoing weights of removed units."""
    return [
        np.ones(network.coefs[0].shape, dtype=bool),
        *(
            np.broadcast_to(own[:, np.newaxis], coef.shape)
            for own, coef in zip(kept, network.coefs[1:], strict=True)
        ),
    ]


@pytest.mark.parametrize("kind", [np.array, csr_array])
def test_dead_constant_and_equal_units_are_found(case, kind):
    network, X, weight = case
    first, second = redundant(network, forward(network, kind(X)), weight)
    assert_array_equal(first.partner, [0, 1, -1, 3, 1, 1, 6, -1])
    assert_array_equal(first.value, [0, 0, 0, 0, 0, 0, 0, 1.5])
    assert_array_equal(first.is_redundant, [0, 0, 1, 0, 1, 1, 0, 1])
    assert_array_equal(second.partner, [0, 1, 2, 3, 4, 0])


def test_samples_of_weight_zero_do_not_distinguish_units():
    network, X, weight = make_network(1)
    inputs = forward(network, X)
    inputs[1][:, 3] = inputs[1][:, 0]
    inputs[1][5, 3] += 1.0
    assert redundant(network, inputs, weight)[0].partner[3] == 3
    weight[5] = 0
    assert redundant(network, inputs, weight)[0].partner[3] == 0


def test_units_with_equal_weights_are_duplicates_despite_rounding():
    network, X, weight = make_network(1)
    network.coefs[0][:, 3], network.intercepts[0][3] = (
        network.coefs[0][:, 0],
        network.intercepts[0][0],
    )
    inputs = forward(network, X)
    inputs[1][:, 3] *= 1 + 1e-15
    inputs[1][:, 6] = inputs[1][:, 3]  # transitively equal to the first
    assert_array_equal(redundant(network, inputs, weight)[0].partner, [0, 1, 2, 0, 4, 5, 0, 7])


def test_fold_changes_no_prediction(case):
    network, X, weight = case
    inputs = forward(network, X)
    found = redundant(network, inputs, weight)
    before = [coef.copy() for coef in network.coefs]
    every = [np.ones(8, dtype=bool), np.ones(6, dtype=bool)]
    for removed in (
        every,
        [each.is_redundant for each in found],
        [np.arange(8) == 5, np.arange(6) == 9],
    ):
        folded = fold(network, found, removed)
        assert_allclose(forward(folded, X)[-1], inputs[-1], rtol=1e-10)
        for layer in range(2):
            left = folded.coefs[layer + 1].any(axis=1)
            assert_array_equal(left, ~(removed[layer] & found[layer].is_redundant))
    assert all(map(np.array_equal, network.coefs, before))


def test_redundant_units_are_dropped_without_loss(case):
    network, X, weight = case
    inputs = forward(network, X)
    found = redundant(network, inputs, weight)
    kept = [~each.is_redundant for each in found]
    folded = fold(network, found, [each.is_redundant for each in found])
    same = refit(folded, outgoing(network, kept), X, weight)
    assert all(a is b for a, b in zip(same.coefs, folded.coefs, strict=True))
    small = drop(same, kept)
    assert [coef.shape for coef in small.coefs] == [(4, 4), (4, 5), (5, 3)]
    assert_allclose(forward(small, X)[-1], inputs[-1], rtol=1e-10)


def test_costs_match_least_squares(case):
    network, X, weight = case
    inputs = forward(network, X)
    costs = neuron_costs(network, inputs, weight, damping=0.02)
    found = redundant(network, inputs, weight)
    coefs = fold(network, found, [each.is_redundant for each in found]).coefs
    curvature = curvatures(network, inputs, weight)
    for layer, cost in enumerate(costs):
        left = np.flatnonzero(~found[layer].is_redundant)
        assert (cost[found[layer].is_redundant] == 0).all()
        C = second_moments(inputs[layer + 1][:, left], weight, damping=0.02)
        W, order, now, largest = coefs[layer + 1][left], [], 0.0, 0.0
        rest = list(range(len(left)))
        for _ in range(len(left) - 1):  # the loss without each, by a direct solve
            tries = []
            for unit in rest:
                kept = [other for other in rest if other != unit]
                change = -W
                change[kept] += np.linalg.solve(C[np.ix_(kept, kept)], C[kept] @ W)
                tries.append((change * (C @ change) * curvature[layer + 1]).sum() / 2)
            order.append(rest.pop(int(np.argmin(tries))))
            largest, now = max(largest, min(tries) - now), min(tries)
            assert cost[left[order[-1]]] == pytest.approx(largest, rel=1e-6, abs=1e-9)
        assert cost[left[rest[0]]] == np.inf


def test_a_layer_of_constants_keeps_one_unit():
    network, X, weight = make_network(2)
    network.coefs[0][:] = 0.0
    costs = neuron_costs(network, forward(network, X), weight)
    assert_array_equal(costs[0], [np.inf, 0, 0, 0, 0, 0, 0, 0])
    assert_array_equal(costs[1], [np.inf, 0, 0, 0, 0, 0])


def test_dropped_units_are_equivalent_to_masked_ones():
    network, X, weight = make_network(3)
    kept = [np.arange(8) % 2 == 0, np.arange(6) != 2]
    masked = refit(network, outgoing(network, kept), X, weight)
    small = drop(masked, kept)
    assert_allclose(forward(small, X)[-1], forward(masked, X)[-1], rtol=1e-10)
    sums = activate("relu", X @ small.coefs[0] + small.intercepts[0])
    assert sums.shape == (80, 4)
    worse = drop(network, kept)

    def loss(other):
        return ((forward(other, X)[-1] - forward(network, X)[-1]) ** 2).sum()

    assert loss(small) < loss(worse) / 2
