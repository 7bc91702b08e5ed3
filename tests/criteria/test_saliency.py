"""Scores of weights and hidden units, compared with loops over samples and weights."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, csr_matrix

from skprune.arrays.network import Network, backward, curvatures, forward, losses, predictions
from skprune.criteria.saliency import (
    gradient,
    lamp,
    layer_magnitude,
    magnitude,
    neuron_gradient,
    neuron_magnitude,
    neuron_spread,
    wanda,
)

SIZES = (3, 4, 5, 2)


@pytest.fixture
def case():
    rng = np.random.default_rng(0)
    coefs = tuple(rng.normal(size=s) for s in pairwise(SIZES))
    intercepts = tuple(rng.normal(size=size) for size in SIZES[1:])
    network = Network(coefs, intercepts, "tanh", "softmax")
    X = rng.normal(size=(20, 3))
    return network, X, rng.dirichlet(np.ones(2), size=20), rng.integers(0, 4, size=20)


def lamp_by_loop(coef):
    flat, scores = (coef**2).ravel(), np.zeros(coef.size)
    for i, square in enumerate(flat):
        scores[i] = square / sum(other for other in flat if other >= square) if square else 0.0
    return scores.reshape(coef.shape)


def test_magnitudes_are_absolute_values(case):
    network = case[0]
    for score, coef in zip(magnitude(network.coefs), network.coefs, strict=True):
        assert_array_equal(score, np.abs(coef))


def test_layer_magnitude_gives_uniform_sparsity():
    coefs = [np.array([[1e-3, -3e-3], [2e-3, 4e-3]]), np.array([[5.0, 0.0, -7.0]])]
    first, last = layer_magnitude(coefs)
    assert_array_equal(first, [[0.25, 0.75], [0.5, 1.0]])
    assert_array_equal(last, [[0.5, 0.0, 1.0]])
    assert_array_equal(layer_magnitude([np.zeros((2, 2))])[0], np.zeros((2, 2)))


@pytest.mark.parametrize("digits", [0, 6])  # rounded to none, many are equal or zero
def test_lamp_matches_a_loop(digits):
    coef = np.random.default_rng(0).normal(size=(6, 5)).round(digits)
    assert_allclose(lamp([coef, np.zeros((2, 2))])[0], lamp_by_loop(coef), rtol=1e-12)
    assert_array_equal(lamp([np.zeros((2, 2))])[0], np.zeros((2, 2)))


def test_wanda_matches_a_loop(case):
    network, X, _, weight = case
    inputs = forward(network, X)
    curvature = curvatures(network, inputs, weight)
    for layer, score in enumerate(wanda(network, inputs, curvature, weight)):
        for (i, j), found in np.ndenumerate(score):
            size = np.sqrt(np.average(inputs[layer][:, i] ** 2, weights=weight))
            expected = abs(network.coefs[layer][i, j]) * size * np.sqrt(curvature[layer][j])
            assert found == pytest.approx(expected)


def test_gradient_matches_a_loop(case):
    network, X, target, weight = case
    inputs = forward(network, X)
    gradients = backward(network, inputs, predictions(network, inputs[-1]) - target)
    for layer, score in enumerate(gradient(network, inputs, target, weight)):
        for (i, j), found in np.ndenumerate(score):
            slope = inputs[layer][:, i] * gradients[layer][:, j]
            expected = network.coefs[layer][i, j] ** 2 * np.average(slope**2, weights=weight) / 2
            assert found == pytest.approx(expected)


def test_neuron_gradient_matches_finite_differences(case):
    network, X, target, weight = case
    inputs = forward(network, X)
    for layer, score in enumerate(neuron_gradient(network, inputs, target, weight)):
        for unit, found in enumerate(score):
            sides = []
            for step in (1e-5, -1e-5):  # perturb the outgoing weights
                coefs = [coef.copy() for coef in network.coefs]
                coefs[layer + 1][unit] *= 1 + step
                twin = network._replace(coefs=coefs)
                sides.append(losses(twin, forward(twin, X)[-1], target))
            slope = (sides[0] - sides[1]) / 2e-5
            assert found == pytest.approx(np.average(slope**2, weights=weight), rel=1e-6)


def test_neuron_magnitude_and_spread_match_loops(case):
    network, X, _, weight = case
    inputs = forward(network, X)
    curvature = curvatures(network, inputs, weight)
    sizes, spreads = neuron_magnitude(network), neuron_spread(network, inputs, curvature, weight)
    for layer in range(2):
        for unit in range(SIZES[layer + 1]):
            coming, going = network.coefs[layer][:, unit], network.coefs[layer + 1][unit]
            expected = np.linalg.norm(coming) * np.linalg.norm(going)
            assert sizes[layer][unit] == pytest.approx(expected)
            copies = np.repeat(inputs[layer + 1][:, unit], weight)
            expected = np.std(copies) * np.sqrt((going**2 * curvature[layer + 1]).sum())
            assert spreads[layer][unit] == pytest.approx(expected)


@pytest.mark.parametrize("kind", [csr_array, csr_matrix])
def test_sparse_and_dense_samples_give_the_same_scores(case, kind):
    network, X, target, weight = case
    X = np.where(X > 0, X, 0.0)
    dense, sparse = forward(network, X), forward(network, kind(X))
    curvature = curvatures(network, dense, weight)
    pairs = [
        (wanda(network, inputs, curvature, weight)[0], gradient(network, inputs, target, weight)[0])
        for inputs in (dense, sparse)
    ]
    assert_allclose(pairs[0], pairs[1], rtol=1e-12)
    assert isinstance(pairs[1][0], np.ndarray)
