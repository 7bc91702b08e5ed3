"""Masked training, compared with finite differences, scikit-learn and closed forms."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import approx_fprime
from scipy.sparse import csr_array, csr_matrix
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier

from skprune.arrays.network import Network, forward, losses
from skprune.solvers import fine_tuning
from skprune.solvers.fine_tuning import fine_tune, shrink_weights
from skprune.surgery.neural import NeuralSurgeon

ALPHA = 0.3


def make_network(sizes=(4, 6, 5, 3), activation="tanh", output="softmax", seed=0):
    rng = np.random.default_rng(seed)
    coefs = tuple(rng.normal(size=shape) / 2 for shape in pairwise(sizes))
    return Network(
        coefs, tuple(rng.normal(size=size) / 2 for size in sizes[1:]), activation, output
    )


def table(n_rows=60, n_columns=4, n_outputs=3):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n_rows, n_columns)) * (rng.random((n_rows, n_columns)) < 0.8)
    return X, rng.dirichlet(np.ones(n_outputs), size=n_rows), rng.uniform(0.2, 2.0, n_rows)


def some(network, share=0.5):
    rng = np.random.default_rng(2)
    return [rng.random(coef.shape) < share for coef in network.coefs]


def every(network):
    return [np.ones(coef.shape, dtype=bool) for coef in network.coefs]


def masked(network, masks):
    return network._replace(coefs=tuple(c * m for c, m in zip(network.coefs, masks, strict=True)))


def objective(network, X, target, weight, alpha=ALPHA):
    loss = weight @ losses(network, forward(network, X)[-1], target)
    return (loss + alpha / 2 * sum((coef**2).sum() for coef in network.coefs)) / weight.sum()


def parameters(network):
    return np.concatenate([part.ravel() for part in (*network.coefs, *network.intercepts)])


@pytest.mark.parametrize("output", ["identity", "softmax", "logistic", "exp"])
@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_gradient_matches_finite_differences(output, container):
    network, (X, target, weight) = make_network(output=output), table()
    masks = some(network)
    problem = fine_tuning._Problem(network, masks, (container(X), target, weight), ALPHA)
    start = problem.point()
    value, slope = problem.value(start)
    assert_allclose(value, objective(masked(network, masks), X, target, weight), rtol=1e-12)
    assert_allclose(slope, approx_fprime(start, lambda p: problem.value(p)[0], 1e-7), atol=1e-6)


def test_batch_gradients_are_unbiased():
    network, rows = make_network(), table()
    problem = fine_tuning._Problem(network, some(network), rows, ALPHA)
    start = problem.point()
    parts = [problem.value(start, batch) for batch in np.arange(60).reshape(4, 15)]
    value, slope = problem.value(start)
    assert_allclose(np.mean([part[0] for part in parts]), value)
    assert_allclose(np.mean([part[1] for part in parts], axis=0), slope)


def test_result_matches_scikit_learn_from_the_same_start():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(8, solver="lbfgs", alpha=1.0, max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
        network = NeuralSurgeon(model).network
        model.set_params(warm_start=True, max_iter=300).fit(X, y)
    found = fine_tune(
        network, every(network), X, np.eye(3)[y], np.ones(150), alpha=1.0, max_iter=300, tol=1e-4
    )
    assert_allclose(objective(found, X, np.eye(3)[y], np.ones(150), 1.0), model.loss_, rtol=1e-3)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_masked_weights_are_zero_and_the_others_improve(solver, activation):
    network, rows = make_network(activation=activation), table()
    masks = some(network)
    masks[0][2] = False
    before = parameters(network).copy()
    found = fine_tune(
        network, masks, *rows, alpha=ALPHA, solver=solver, rng=np.random.RandomState(0), max_iter=20
    )
    for coef, mask in zip(found.coefs, masks, strict=True):
        assert_array_equal(coef != 0, mask)
    assert objective(found, *rows) < objective(masked(network, masks), *rows)
    assert_array_equal(parameters(network), before)


def test_gradient_vanishes_at_convergence():
    network, rows = make_network(), table()
    masks = some(network)
    found = fine_tune(network, masks, *rows, alpha=ALPHA, max_iter=2000, tol=1e-6)
    problem = fine_tuning._Problem(found, masks, rows, ALPHA)
    assert np.abs(problem.value(problem.point())[1]).max() < 1e-4


def test_integer_weights_are_repetitions():
    network, (X, target, _) = make_network(), table()
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    again = np.repeat(np.arange(len(X)), weight)
    once = fine_tune(network, some(network), X, target, weight, alpha=ALPHA, max_iter=15)
    ones = np.ones(len(again))
    many = fine_tune(
        network, some(network), X[again], target[again], ones, alpha=ALPHA, max_iter=15
    )
    assert_allclose(parameters(once), parameters(many), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_sparse_and_dense_samples_agree(solver):
    network, (X, target, weight) = make_network(), table()
    held = table(20)
    ends = [
        fine_tune(
            network, some(network), container(X), target, weight, alpha=ALPHA, solver=solver,
            max_iter=10, held_out=(container(held[0]), *held[1:]), rng=np.random.RandomState(0),
        )
        for container in (np.asarray, csr_array, csr_matrix)
    ]  # fmt: skip
    for end in ends[1:]:
        assert_allclose(parameters(end), parameters(ends[0]), rtol=1e-7, atol=1e-10)


def test_batches_are_drawn_by_rng():
    network, rows = make_network(), table()
    first, same, other = (
        fine_tune(
            network, some(network), *rows, alpha=ALPHA, solver="adam", max_iter=3, batch_size=7,
            rng=np.random.RandomState(seed),
        )
        for seed in (0, 0, 1)
    )  # fmt: skip
    assert_array_equal(parameters(first), parameters(same))
    assert (parameters(first) != parameters(other)).any()


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_the_best_network_on_held_out_data_is_returned(solver, monkeypatch):
    network, rows = make_network((4, 30, 3)), table(30)
    held = table(25)[0], np.roll(table(25)[1], 3, axis=0), np.ones(25)
    seen = []
    loss = fine_tuning._Problem.loss

    def spy(problem, point, rows):
        seen.append((loss(problem, point, rows), point.copy()))
        return seen[-1][0]

    monkeypatch.setattr(fine_tuning._Problem, "loss", spy)
    found = fine_tune(
        network, every(network), *rows, alpha=0.0, solver=solver, max_iter=500, held_out=held,
        patience=4, tol=1e-9, learning_rate=0.02, rng=np.random.RandomState(0),
    )  # fmt: skip
    values = [value for value, _ in seen]
    best = int(np.argmin(values))
    assert_array_equal(parameters(found), seen[best][1])
    assert len(values) == best + 5 < 500
    raw = forward(found, held[0])[-1]
    assert_allclose(losses(found, raw, held[1]).mean(), values[best], rtol=1e-12)


def test_diverging_training_returns_the_masked_network():
    network, rows = make_network(), table()
    masks = some(network)
    found = fine_tune(
        network, masks, *rows, alpha=ALPHA, solver="adam", learning_rate=1e3, max_iter=3,
        rng=np.random.RandomState(0),
    )  # fmt: skip
    assert_array_equal(parameters(found), parameters(masked(network, masks)))


def test_adam_stops_when_the_objective_stagnates():
    network, rows = make_network(), table()
    drawn = np.random.RandomState(0)
    fine_tune(
        network, every(network), *rows, alpha=ALPHA, solver="adam", max_iter=50, tol=np.inf,
        patience=3, rng=drawn,
    )  # fmt: skip
    again = np.random.RandomState(0)
    for _ in range(3):
        again.permutation(60)
    assert drawn.randint(10**6) == again.randint(10**6)


def test_proximal_training_of_one_layer_solves_the_lasso():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(80, 6)), rng.uniform(0.5, 1.5, 80)
    target = X @ rng.normal(size=(6, 2)) + rng.normal(size=(80, 2))
    network = Network((np.ones((6, 2)),), (np.zeros(2),), "identity", "identity")
    problem = fine_tuning._Problem(network, every(network), (X, target, weight), ALPHA)
    penalty = 0.4
    *_, end = fine_tuning._shrunken(problem, [penalty], 3000, 0.01, fine_tuning._unchanged)
    slope, coef = problem.value(end)[1], end[:12]
    assert 0 < (coef == 0).sum() < 12
    assert_allclose(slope[:12][coef != 0], -penalty * np.sign(coef[coef != 0]), atol=1e-6)
    assert (np.abs(slope[:12][coef == 0]) <= penalty).all()
    assert_allclose(slope[12:], 0, atol=1e-6)


def test_proximal_training_in_groups_solves_the_group_lasso():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(80, 6)), np.ones(80)
    target = X @ (rng.normal(size=(6, 2)) * [[1], [1], [0.1], [0.1], [0], [0]])
    layers = (np.eye(6), np.ones((6, 2))), (np.zeros(6), np.zeros(2))
    network = Network(*layers, "identity", "identity")
    problem = fine_tuning._Problem(network, every(network), (X, target, weight), 0)
    problem.free = np.r_[36:48, 54:56]  # with a fixed first layer the problem is convex
    *_, end = fine_tuning._shrunken(problem, [0.2], 1000, 0.01, fine_tuning._means_by_unit)
    coef, slope = end[36:48].reshape(6, 2), problem.value(end[problem.free])[1][:12].reshape(6, 2)
    live = coef.any(axis=1)
    assert 0 < live.sum() < 6
    directions = coef[live] / np.linalg.norm(coef[live], axis=1, keepdims=True)
    assert_allclose(slope[live], -0.2 * np.sqrt(2) * directions, atol=1e-6)
    assert (np.linalg.norm(slope[~live], axis=1) <= 0.2 * np.sqrt(2)).all()


def test_important_weights_survive_larger_penalties():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(200, 6)), np.ones(200)
    target = np.maximum(X[:, :1] - X[:, 1:2], 0)
    network = make_network((6, 10, 1), "relu", "identity")
    network.coefs[0][3, 4] = 0.0
    network = fine_tune(network, [c != 0 for c in network.coefs], X, target, weight, alpha=1e-3)
    scores = shrink_weights(network, X, target, weight, alpha=1e-3)
    assert [each.shape for each in scores] == [coef.shape for coef in network.coefs]
    assert scores[0][:2].max() > scores[0][2:].max()
    flat = np.concatenate([each.ravel() for each in scores])
    assert scores[0][3, 4] == 0
    assert len(np.unique(flat)) == len(flat)
    units = shrink_weights(network, X, target, weight, alpha=1e-3, groups=True)
    assert [each.shape for each in units] == [(10,)]
    assert len(np.unique(units[0])) == 10


def test_order_of_scores_does_not_depend_on_the_scale_of_targets():
    X, target, weight = table(80)
    network = make_network(output="identity", activation="relu")
    larger = network._replace(
        coefs=(*network.coefs[:-1], network.coefs[-1] * 1024),
        intercepts=(*network.intercepts[:-1], network.intercepts[-1] * 1024),
    )
    one = shrink_weights(network, X, target, weight, alpha=0.0, groups=True)
    two = shrink_weights(larger, X, 1024 * target, weight, alpha=0.0, groups=True)
    assert_allclose(np.argsort(one[-1]), np.argsort(two[-1]))


def test_a_constant_target_needs_no_weights():
    X, target, weight = table()
    network = make_network((4, 5, 3), output="identity")
    scores = shrink_weights(network, X, 0 * target, weight, alpha=ALPHA)
    assert all(np.isfinite(each).all() for each in scores)
