"""MLPPruner: levels, rounds, what follows a cut, and what a user would try next."""

import pickle
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix, issparse
from sklearn.datasets import load_digits, load_iris, make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline

from skprune import LinearPruner, MLPPruner, PruningSearchCV, densify, make_pruner, model_size
from skprune.arrays.network import forward, predictions
from skprune.exceptions import InputError, PruningWarning
from skprune.neural_network._schedule import split
from skprune.surgery.neural import NeuralSurgeon

X, y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
WEIGHTS = ["obs", "wanda", "gradient", "l1", "magnitude", "layer_magnitude", "lamp", "random"]
NEURONS = ["obs", "wanda", "gradient", "l1", "magnitude", "random"]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def grown(*sizes, kind=MLPClassifier, **params):
    params = {"solver": "lbfgs", "max_iter": 50, "random_state": 0, **params}
    return kind(hidden_layer_sizes=sizes or (8, 6), **params)


@pytest.fixture(scope="module")
def whole():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return FrozenEstimator(grown().fit(X, y))


@pytest.fixture(scope="module")
def digits():
    rows, target = load_digits(return_X_y=True)
    rows, target = rows[:900] / 16, target[:900]
    network = MLPClassifier(30, solver="lbfgs", max_iter=60, alpha=1.0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return FrozenEstimator(network.fit(rows[:600], target[:600])), rows, target


@pytest.mark.parametrize("criterion", WEIGHTS)
def test_weights_go_and_every_unit_that_is_read_keeps_an_input(whole, criterion):
    path = MLPPruner(whole, criterion=criterion, random_state=0).fit(X, y).path_
    fewest = np.isinf(path.scores).sum()
    assert 5 <= fewest <= 9
    assert path.units.tolist() == list(range(4 * 8 + 8 * 6 + 6 * 3, fewest - 1, -1))
    for index in range(0, len(path), 3):
        coefs = path.cut(index=index).coefs_
        assert sum(np.count_nonzero(coef) for coef in coefs) == path.units[index]
        assert coefs[-1].any(axis=0).all()
        for coef, reads in pairwise(coefs):
            assert coef.any(axis=0)[reads.any(axis=1)].all()
        gone = ~path.mask(index)
        assert (np.concatenate([coef.ravel() for coef in coefs])[gone] == 0).all()


@pytest.mark.parametrize("criterion", NEURONS)
def test_units_leave_and_every_layer_keeps_one(whole, criterion):
    path = MLPPruner(whole, criterion=criterion, unit="neuron", random_state=0).fit(X, y).path_
    assert path.units.tolist() == list(range(14, 1, -1))
    for index in range(1, len(path)):
        model = path.cut(index=index)
        kept = path.mask(index)
        assert model.hidden_layer_sizes == (kept[:8].sum(), kept[8:].sum())
        assert sum(model.hidden_layer_sizes) == path.units[index]
        size = model_size(model)
        assert (size.parameters, size.bytes) == tuple(
            path.levels.iloc[index][["parameters", "bytes"]]
        )
    assert path.cut(index=-1).hidden_layer_sizes == (1, 1)


def test_weights_into_a_unit_go_with_the_last_that_reads_it(whole):
    path = MLPPruner(whole, criterion="magnitude").fit(X, y).path_
    shapes = [coef.shape for coef in whole.estimator.coefs_]
    first, second, last = split(path.scores, shapes)
    for scores, reads in ((first, second), (second, last)):
        np.testing.assert_array_equal(scores.max(axis=0), reads.max(axis=1))
    np.testing.assert_array_equal(last.max(axis=0), np.inf)
    for index, threshold in enumerate(path.levels.threshold):
        if np.isfinite(threshold):  # no scores are parted: nothing leads nowhere
            coefs = path.cut(index=index).coefs_
            for coef, reads in pairwise(coefs):
                np.testing.assert_array_equal(coef.any(axis=0), reads.any(axis=1))


def test_obs_is_better_than_magnitude_and_chance(digits):
    model, rows, target = digits
    scores = {}
    for unit, keep in (("weight", 0.07), ("neuron", 4)):
        for criterion in ("obs", "magnitude", "random"):
            pruner = MLPPruner(model, criterion=criterion, unit=unit, keep=keep, random_state=0)
            fitted = pruner.fit(rows[:600], target[:600])
            scores[unit, criterion] = fitted.score(rows[600:], target[600:])
        assert scores[unit, "obs"] > max(scores[unit, "magnitude"], scores[unit, "random"])
        alone = MLPPruner(model, unit=unit, keep=keep, recovery=None).fit(rows[:600], target[:600])
        assert alone.score(rows[600:], target[600:]) < scores[unit, "obs"]
        refitted, trained = (
            MLPPruner(model, unit=unit, keep=keep, **params)
            .fit(rows[:600], target[:600])
            .predict_proba(rows[:600])
            for params in ({}, {"recovery": "fine_tune", "tuning_iter": 30})
        )
        assert log_loss(target[:600], trained) < 0.7 * log_loss(target[:600], refitted)


def twins(network):
    """The network with a copy of its first unit, a dead unit and a constant one beside."""
    (first, second), (offsets, last) = network.coefs, network.intercepts
    nothing = np.zeros((len(first), 2))
    first = np.hstack([first, first[:, :1], nothing])
    offsets = np.concatenate([offsets, offsets[:1], [-1.0, 2.0]])
    return network._replace(
        coefs=(first, np.vstack([second, second[2:5]])), intercepts=(offsets, last)
    )


@pytest.mark.parametrize("criterion", NEURONS)
@pytest.mark.parametrize("recovery", ["least_squares", None])
def test_units_that_say_nothing_new_go_first_at_no_loss(criterion, recovery):
    surgeon = NeuralSurgeon(grown(8).fit(X, y))
    model = surgeon.replace(twins(surgeon.network))
    pruner = MLPPruner(
        FrozenEstimator(model),
        criterion=criterion,
        unit="neuron",
        recovery=recovery,
        random_state=0,
    )
    needs = pruner._needs_rows()
    path = pruner.fit(X, y).path_
    n_free = 3 + sum(path.scores[:8] == 0) if needs else 0
    for index in range(1, n_free + 1):
        np.testing.assert_allclose(
            path.cut(index=index).predict_proba(X), model.predict_proba(X), atol=1e-9
        )
    if needs:
        assert not path.mask(n_free)[8:].any()
        fresh = X + 0.5  # a copy and a constant are so on any rows
        np.testing.assert_allclose(
            path.cut(index=3).predict_proba(fresh), model.predict_proba(fresh), atol=1e-9
        )


def test_least_squares_come_nearest_to_the_whole(whole):
    pruner = MLPPruner(whole, keep=0.4).fit(X, y)
    surgeons = [NeuralSurgeon(m).network for m in (whole.estimator, pruner.estimator_)]
    alone = MLPPruner(whole, keep=0.4, recovery=None).fit(X, y)
    raw = [forward(each, X)[-1] for each in (*surgeons, NeuralSurgeon(alone.estimator_).network)]
    assert ((raw[1] - raw[0]) ** 2).mean() < 0.2 * ((raw[2] - raw[0]) ** 2).mean()


@pytest.mark.parametrize("schedule", ["iterative", "cubic"])
@pytest.mark.parametrize("unit", ["weight", "neuron"])
@pytest.mark.parametrize("rewind", [False, True])
def test_rounds_prune_each_level_from_the_whole(whole, schedule, unit, rewind):
    params = {"unit": unit, "schedule": schedule, "n_rounds": 3, "rewind": rewind}
    pruner = MLPPruner(whole, recovery="fine_tune", tuning_iter=15, keep=0.4, **params)
    alone = pruner.fit(X, y)
    path = MLPPruner(whole, recovery="fine_tune", tuning_iter=15, **params).fit(X, y).path_
    path.cut(keep=0.7)  # what was looked at before does not matter
    cut = path.cut(keep=0.4)
    np.testing.assert_array_equal(cut.predict_proba(X), alone.predict_proba(X))
    index = path.locate(keep=0.4)
    assert path.mask(index).sum() == path.units[index] == alone.keep_mask_.sum()
    units = model_size(cut).units if unit == "weight" else sum(cut.hidden_layer_sizes)
    assert units == path.units[index]


def test_counts_of_rounds():
    path = MLPPruner(grown(), schedule="cubic", n_rounds=4).fit(X, y).path_
    counts = path._rounds._counts(100, 10)
    assert counts.tolist() == [48, 22, 12, 10]
    path = MLPPruner(grown(), schedule="iterative", n_rounds=2).fit(X, y).path_
    assert path._rounds._counts(100, 1).tolist() == [10, 1]
    assert path._rounds._counts(7, 7).tolist() == [7, 7]


def test_weights_of_rows_mean_repetition(whole):
    weight = np.random.default_rng(0).integers(0, 3, size=len(y))
    trained = {"criterion": "gradient", "recovery": "fine_tune", "tuning_iter": 5}
    for params in ({}, {"unit": "neuron"}, trained):
        pruner = MLPPruner(whole, keep=0.3, **params)
        weighted = pruner.fit(X, y, sample_weight=weight)
        first = weighted.scores_, weighted.predict_proba(X)
        repeated = pruner.fit(X.repeat(weight, axis=0), y.repeat(weight))
        np.testing.assert_allclose(first[0], repeated.scores_, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(first[1], repeated.predict_proba(X), atol=1e-6)


def test_sparse_rows_are_read_as_dense_ones(whole):
    for params in ({}, {"unit": "neuron"}, {"recovery": "fine_tune", "tuning_iter": 5}):
        found = [
            MLPPruner(whole, keep=0.4, **params).fit(rows, y).predict_proba(X)
            for rows in (X, csr_matrix(X))
        ]
        np.testing.assert_allclose(*found, atol=1e-6)


def test_sparse_coef_where_it_is_smaller(whole):
    dense = MLPPruner(whole, keep=0.2).fit(X, y)
    sparse = MLPPruner(whole, keep=0.2, sparse_coef=True).fit(X, y)
    np.testing.assert_allclose(sparse.predict_proba(X), dense.predict_proba(X))
    assert model_size(sparse).bytes < model_size(dense).bytes
    assert any(map(issparse, sparse.estimator_.coefs_))
    plain = densify(sparse.estimator_)
    assert not any(map(issparse, plain.coefs_))
    steps = Pipeline([("scale", "passthrough"), ("net", sparse)])
    for nested in (densify(sparse), densify(steps)[-1]):
        assert type(nested) is MLPClassifier
        np.testing.assert_array_equal(nested.predict_proba(X), plain.predict_proba(X))
    assert steps[-1] is sparse
    light = LinearPruner(LogisticRegression(), keep=0.1, sparse_coef=True).fit(X, y)
    assert issparse(light.coef_)
    assert not issparse(densify(light).coef_)
    assert issparse(light.coef_)
    assert len(pickle.dumps(sparse.estimator_)) > 0
    for index in (1, 30, 60, -1):
        size = model_size(sparse.path_.cut(index=index))
        assert size.bytes == sparse.path_.levels["bytes"].iloc[index]
    rows = csr_matrix(X)
    pruner = MLPPruner(whole, keep=0.2, sparse_coef=True).fit(rows, y)
    np.testing.assert_allclose(pruner.predict_proba(rows), dense.predict_proba(X), atol=1e-9)


def test_soft_labels_are_answers_of_the_whole():
    noisy = np.where(np.arange(len(y)) % 5 == 0, (y + 1) % 3, y)
    model = FrozenEstimator(grown(alpha=0.1).fit(X, y))
    soft, hard = (
        MLPPruner(model, keep=0.5, recovery="fine_tune", soft_labels=share).fit(X, noisy)
        for share in (1.0, 0.0)
    )
    network = NeuralSurgeon(model.estimator).network
    truth = predictions(network, forward(network, X)[-1])
    errors = [np.abs(each.predict_proba(X) - truth).mean() for each in (soft, hard)]
    assert errors[0] < 0.5 * errors[1]


def test_validation_holds_rows_out_for_the_training_to_stop():
    pruner = MLPPruner(grown(), recovery="fine_tune", validation=0.3, keep=0.3, random_state=0)
    pruner.fit(X, y)
    whole = pruner.path_.cut(keep=1.0)
    assert not np.array_equal(whole.predict_proba(X), grown().fit(X, y).predict_proba(X))
    longer = MLPPruner(
        grown(), recovery="fine_tune", validation=0.3, keep=0.3, random_state=0, tuning_iter=1000
    ).fit(X, y)
    np.testing.assert_array_equal(
        pruner.estimator_.coefs_[0] == 0, longer.estimator_.coefs_[0] == 0
    )
    with pytest.warns(PruningWarning, match="has no training that could stop early"):
        MLPPruner(grown(), validation=0.3).fit(X, y)


def test_parameters_that_do_not_go_together():
    with pytest.raises(InputError, match="Use criterion='magnitude', or unit='weight'"):
        MLPPruner(grown(), criterion="lamp", unit="neuron").fit(X, y)
    with pytest.warns(PruningWarning, match="rewind=True has no meaning here"):
        MLPPruner(grown(), rewind=True).fit(X, y)
    for name, value in {"soft_labels": 0.5, "solver": "adam", "tuning_iter": 9}.items():
        with pytest.warns(PruningWarning, match=f"{name}={value!r} has no meaning here"):
            MLPPruner(grown(), **{name: value}).fit(X, y)
    with pytest.warns(PruningWarning, match="'one_shot' has one round"):
        MLPPruner(grown(), n_rounds=3).fit(X, y)


def test_a_network_without_hidden_layers():
    model = grown().set_params(hidden_layer_sizes=())
    pruner = MLPPruner(model, keep=0.5).fit(X, y)
    assert pruner.report_.weights.tolist() == [6]
    with pytest.raises(InputError, match=r"no hidden layer\. Use unit='weight'"):
        MLPPruner(model, unit="neuron").fit(X, y)


def test_rows_that_do_not_go_with_the_network(whole):
    several = FrozenEstimator(grown(3).fit(X, np.stack([y == 0, y > 1], axis=1)))
    for model, target in (
        (several, y > 1),
        (FrozenEstimator(grown(3, kind=MLPRegressor).fit(X, y)), X),
        (whole, np.stack([y, y, y], axis=1)),
    ):
        with pytest.raises(InputError, match="outputs, but the model has"):
            MLPPruner(model).fit(X, target)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        MLPPruner(whole).fit(X, y[1:])
    with pytest.raises(InputError, match="Scale the features"):
        MLPPruner(whole).fit(X * 1e200, y)


def test_nothing_is_drawn_where_chance_has_no_part(whole, monkeypatch):
    monkeypatch.setattr("skprune.neural_network._pruner.check_random_state", None)
    MLPPruner(whole, recovery="fine_tune", tuning_iter=2).fit(X, y)
    with pytest.warns(PruningWarning):
        MLPPruner(whole, solver="adam").fit(X, y)


def test_pickled_paths_leave_all_rows_behind():
    params = {"recovery": "fine_tune", "tuning_iter": 2, "validation": 0.5, "random_state": 0}
    sizes = [
        len(
            pickle.dumps(MLPPruner(grown(3), **params).fit(np.tile(X, (n, 1)), np.tile(y, n)).path_)
        )
        for n in (1, 5)
    ]
    assert sizes[1] < sizes[0] + 500
    path = MLPPruner(grown(3)).fit(X, y).path_
    before = len(pickle.dumps(path))
    path.cut(keep=0.3)
    assert len(pickle.dumps(path)) < before + 100


def test_masks_of_rounds_are_copies(whole):
    pruner = MLPPruner(whole, schedule="cubic", n_rounds=2).fit(X, y)
    pruner.keep_mask_[:] = False
    index = pruner.path_.locate(keep=0.5)
    assert pruner.path_.mask(index).sum() == pruner.path_.units[index]


@pytest.mark.parametrize("criterion", ["obs", "l1"])
def test_rounds_reach_their_smallest_level(whole, criterion):
    params = {"schedule": "cubic", "n_rounds": 3, "recovery": None}
    path = MLPPruner(whole, criterion=criterion, **params).fit(X, y).path_
    assert path.units[-1] == 3 + 3 + 3
    coefs = path.cut(index=-1).coefs_
    assert sum(np.count_nonzero(coef) for coef in coefs) == 9
    assert coefs[-1].any(axis=0).all()


def test_sparse_layers_stay_sparse(whole):
    sparse = MLPPruner(whole, keep=0.2, sparse_coef=True).fit(X, y).estimator_
    path = MLPPruner(FrozenEstimator(sparse)).fit(X, y).path_
    for index in (0, 1, -1):
        size = model_size(path.cut(index=index))
        assert path.levels["bytes"].iloc[index] == size.bytes <= model_size(sparse).bytes
    cheap = MLPPruner(whole, keep=0.2, sparse_coef=True, criterion="magnitude", recovery=None).fit(
        csr_matrix(X), y
    )
    assert [issparse(coef) for coef in cheap.estimator_.coefs_] == [False, True, True]


def test_columns_that_are_not_read_are_named():
    table = pd.DataFrame(X, columns=list("abcd")).assign(
        e=np.random.default_rng(0).normal(size=150)
    )
    pruner = MLPPruner(grown(), keep=0.1).fit(table, y)
    unread = pruner.unread_features_
    assert len(unread)
    coef = pruner.estimator_.coefs_[0]
    assert (coef[table.columns.isin(unread)] == 0).all()
    assert pruner.report_["inputs"].iloc[0] == 5 - len(unread)
    moved = table.copy()
    moved[unread] = 1e6
    np.testing.assert_array_equal(pruner.predict(moved), pruner.predict(table))
    assert MLPPruner(grown(), keep=1.0).fit(X, y).unread_features_.tolist() == []


def test_labels_of_rows_and_several_targets():
    labels = np.stack([y == 0, y > 1], axis=1).astype(int)
    found = MLPPruner(grown(), keep=0.5).fit(X, csr_matrix(labels)).predict_proba(X)
    np.testing.assert_array_equal(
        found, MLPPruner(grown(), keep=0.5).fit(X, labels).predict_proba(X)
    )
    for target in (labels, y > 0, np.array(["a", "b", "c"])[y]):
        pruner = MLPPruner(grown(), keep=0.5).fit(X, target)
        assert pruner.predict(X).shape == target.shape
        assert pruner.score(X, target) > 0.9
    rows, value = make_friedman1(200, 5, random_state=0)
    two = np.stack([value, -value], axis=1)
    pruner = MLPPruner(grown(20, kind=MLPRegressor, max_iter=200), unit="neuron", keep=10)
    assert pruner.fit(rows, two).score(rows, two) > 0.6
    counts = np.round(np.abs(value))
    poisson = MLPRegressor(
        hidden_layer_sizes=8, loss="poisson", solver="lbfgs", max_iter=80, random_state=0
    )
    for recovery in ("least_squares", "fine_tune"):
        pruner = MLPPruner(poisson, keep=0.6, recovery=recovery).fit(rows, counts)
        assert (pruner.predict(rows) > 0).all()
        assert pruner.score(rows, counts) > 0.3


def test_rows_of_an_unknown_class_say_nothing(whole):
    target = y.copy()
    target[:7] = 17
    found = MLPPruner(whole, keep=0.4).fit(X, target)
    expected = MLPPruner(whole, keep=0.4).fit(X[7:], y[7:])
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X))
    with pytest.raises(InputError, match="labels that the model does not know"):
        MLPPruner(whole, keep=0.4).fit(X, np.full(len(y), 17))


def test_search_prunes_networks():
    search = PruningSearchCV(grown(), cv=3, max_levels=6).fit(X, y)
    assert isinstance(search.best_estimator_, MLPPruner)
    assert isinstance(make_pruner(grown()), MLPPruner)
    assert model_size(search.best_estimator_).units < 98
    assert search.best_estimator_.score(X, y) > 0.9
