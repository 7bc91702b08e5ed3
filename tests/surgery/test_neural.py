"""Surgery of networks: what is read is what predicts, and what is built can be trained on."""

import pickle
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_matrix, issparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skprune.exceptions import InputError
from skprune.surgery.neural import NeuralSurgeon

X, y = load_iris(return_X_y=True)
SOLVERS = ["lbfgs", "adam", "sgd"]


@pytest.fixture(autouse=True)
def _short_training():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def grown(kind=MLPClassifier, **params):
    return kind(hidden_layer_sizes=(6, 5), max_iter=20, random_state=0, **params).fit(X, y)


def dropped(network, unit=0):
    """The network without a unit of its first hidden layer."""
    stay = np.arange(network.coefs[0].shape[1]) != unit
    coefs = (network.coefs[0][:, stay], network.coefs[1][stay], *network.coefs[2:])
    return network._replace(
        coefs=coefs, intercepts=(network.intercepts[0][stay], *network.intercepts[1:])
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_was_read_is_built(dtype):
    model = MLPClassifier((6, 5), max_iter=20, random_state=0).fit(X.astype(dtype), y)
    surgeon = NeuralSurgeon(model)
    before = pickle.dumps(model)
    built = surgeon.replace(surgeon.network)
    assert [coef.dtype for coef in built.coefs_] == [dtype] * 3
    assert built.hidden_layer_sizes == (6, 5)
    np.testing.assert_array_equal(
        built.predict_proba(X.astype(dtype)), model.predict_proba(X.astype(dtype))
    )
    assert pickle.dumps(model) == before
    assert not any(np.shares_memory(a, b) for a, b in zip(built.coefs_, model.coefs_, strict=True))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_smaller_network_is_trained_on(solver, early_stopping):
    model = grown(solver=solver, early_stopping=early_stopping)
    surgeon = NeuralSurgeon(model)
    built = surgeon.replace(dropped(surgeon.network))
    assert built.hidden_layer_sizes == (5, 5)
    assert [coef.shape for coef in built.coefs_] == [(4, 5), (5, 5), (5, 3)]
    assert len(pickle.dumps(built)) < len(pickle.dumps(model))
    clone(built).fit(X, y)
    start = [coef.copy() for coef in built.coefs_]
    built.set_params(warm_start=True, max_iter=15, tol=0.0).fit(X, y)
    # It goes on from the weights that it was given, and does not stop at once.
    assert built.n_iter_ == 15 or solver == "lbfgs"
    moved = [np.abs(a - b).max() for a, b in zip(built.coefs_, start, strict=True)]
    assert max(moved) > 0
    assert solver == "lbfgs" or max(moved) < 1.0
    if solver != "lbfgs" and not early_stopping:
        built.partial_fit(X, y)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_sparse_layers_predict_and_become_dense_again(kind):
    model = grown(kind)
    surgeon = NeuralSurgeon(model)
    network = surgeon.network
    coefs = tuple(np.where(np.abs(coef) > 0.3, coef, 0.0) for coef in network.coefs)
    sparse = surgeon.replace(network._replace(coefs=coefs), sparse={1, 2})
    dense = surgeon.replace(network._replace(coefs=coefs))
    assert [issparse(coef) for coef in sparse.coefs_] == [False, True, True]
    for rows in (X, csr_matrix(X)):
        np.testing.assert_allclose(sparse.predict(rows), dense.predict(rows))
    stored = sum(
        coef.data.nbytes + coef.indices.nbytes + coef.indptr.nbytes for coef in sparse.coefs_[1:]
    )
    n_bytes = sparse.coefs_[0].nbytes + sum(each.nbytes for each in sparse.intercepts_) + stored
    n_weights = sum(np.count_nonzero(coef) for coef in coefs)
    n_intercepts = sum(map(len, network.intercepts))
    assert NeuralSurgeon(sparse).size() == (n_weights, n_weights + n_intercepts, n_bytes)
    again = NeuralSurgeon(sparse).densified()
    np.testing.assert_allclose(again.predict(X), sparse.predict(X))
    again.set_params(warm_start=True).fit(X, y)


def test_layers_that_do_not_fit_are_refused():
    surgeon = NeuralSurgeon(grown())
    network = surgeon.network
    with pytest.raises(InputError, match="give 3 consecutive layers, from 4 inputs to 3"):
        surgeon.replace(network._replace(coefs=network.coefs[:2]))
    with pytest.raises(InputError, match="with at least one unit each"):
        surgeon.replace(
            network._replace(
                coefs=(np.ones((4, 0)), np.ones((0, 5)), network.coefs[2]),
                intercepts=(np.ones(0), *network.intercepts[1:]),
            )
        )
    with pytest.raises(InputError, match="not finite"):
        surgeon.replace(network._replace(coefs=tuple(coef + np.inf for coef in network.coefs)))
