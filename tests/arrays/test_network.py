"""Network passes, compared with scikit-learn's and with finite differences."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skprune.arrays.network import Network, backward, curvatures, forward, losses, predictions
from skprune.surgery.neural import NeuralSurgeon

ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]
OUTPUTS = ["identity", "softmax", "logistic", "exp"]


def make_network(activation, output, seed=0, sizes=(3, 5, 4, 3)):
    rng = np.random.default_rng(seed)
    coefs = tuple(rng.normal(size=shape) / 2 for shape in pairwise(sizes))
    intercepts = tuple(rng.normal(size=size) / 2 for size in sizes[1:])
    return Network(coefs, intercepts, activation, output)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_match_scikit_learn(activation, n_classes):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.integers(n_classes, size=30)
    y[:n_classes] = range(n_classes)
    model = MLPClassifier((5, 4), activation=activation, max_iter=3, solver="lbfgs")
    with pytest.warns(match="converge"):
        model.fit(X, y)
    network = NeuralSurgeon(model).network
    for rows in (X, csr_matrix(X)):
        found = predictions(network, forward(network, rows)[-1])
        assert np.allclose(found[:, -1], model.predict_proba(X)[:, -1], rtol=1e-12)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_means_match_scikit_learn(loss):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.poisson(2.0, size=30)
    model = MLPRegressor(hidden_layer_sizes=5, loss=loss, max_iter=3, solver="lbfgs")
    with pytest.warns(match="converge"):
        model.fit(X, y)
    network = NeuralSurgeon(model).network
    found = predictions(network, forward(network, X)[-1])
    assert np.allclose(found[:, 0], model.predict(X), rtol=1e-12)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_gradients_match_finite_differences(activation, output):
    rng = np.random.default_rng(1)
    network = make_network(activation, output)
    X, target = rng.normal(size=(7, 3)), rng.dirichlet(np.ones(3), size=7)
    inputs = forward(network, X)
    back = backward(network, inputs, predictions(network, inputs[-1]) - target)
    for layer, (values, gradients) in enumerate(zip(inputs, back, strict=False)):
        gradient = values.T @ gradients
        for place in [(0, 0), (2, 1)]:
            found = []
            for step in (1e-5, -1e-5):
                moved = [coef.copy() for coef in network.coefs]
                moved[layer][place] += step
                twin = network._replace(coefs=tuple(moved))
                found.append(losses(twin, forward(twin, X)[-1], target).sum())
            assert gradient[place] == pytest.approx((found[0] - found[1]) / 2e-5, abs=1e-6)


@pytest.mark.parametrize("output", OUTPUTS)
def test_curvatures_of_raw_scores_match_finite_differences(output):
    rng = np.random.default_rng(2)
    network, X = make_network("tanh", output), rng.normal(size=(7, 3))
    weight, target = rng.integers(0, 3, size=7), rng.dirichlet(np.ones(3), size=7)
    inputs = forward(network, X)
    found = curvatures(network, inputs, weight)[-1]
    for unit in range(3):
        parts = []
        for step in (1e-4, 0.0, -1e-4):
            raw = inputs[-1].copy()
            raw[:, unit] += step
            parts.append(np.average(losses(network, raw, target), weights=weight))
        second = (parts[0] - 2 * parts[1] + parts[2]) / 1e-8
        assert found[unit] == pytest.approx(second, abs=1e-6)


def test_curvatures_of_hidden_units_match_jacobians():
    network, X = make_network("tanh", "softmax"), np.random.default_rng(3).normal(size=(6, 3))
    inputs = forward(network, X)
    found = curvatures(network, inputs, np.ones(6))
    predicted = predictions(network, inputs[-1])
    unit = np.eye(3)
    for layer in range(3):
        expected = np.zeros(len(network.intercepts[layer]))
        for row in range(6):
            hessian = np.diag(predicted[row]) - np.outer(predicted[row], predicted[row])
            one = [values[[row]] for values in inputs]
            jacobian = np.concatenate([backward(network, one, e[None])[layer] for e in unit])
            expected += (jacobian.T @ hessian @ jacobian).diagonal()
        assert np.allclose(found[layer], expected / 6, rtol=1e-10)
