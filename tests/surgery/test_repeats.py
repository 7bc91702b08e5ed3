"""Members that stand several times in a model, as one object."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator

from skprune import EnsemblePruner, Quantizer, TreePruner, model_size
from skprune.surgery import members_for, surgeon_for

SEED = {"random_state": 0}
MODELS = [
    RandomForestClassifier(5, oob_score=True, max_depth=6, **SEED),
    ExtraTreesRegressor(5, max_depth=6, **SEED),
    BaggingClassifier(n_estimators=5, max_features=0.6, **SEED),
    BaggingRegressor(n_estimators=5, max_features=0.6, oob_score=True, **SEED),
]
over_models = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
COPIES = np.array([0.0, 3.0, 1.0, 0.0, 16.0])


def table_for(model):
    if is_classifier(model):
        return make_classification(200, 6, n_informative=4, n_classes=3, flip_y=0.2, random_state=0)
    return make_regression(200, 6, noise=9.0, random_state=0)


@pytest.fixture(scope="module", params=MODELS, ids=lambda m: type(m).__name__)
def repeated(request):
    """A model with repeated members, the model that it was made of, and a table."""
    X, y = table_for(request.param)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few members give few out-of-bag scores
        whole = clone(request.param).fit(X, y)
    return members_for(whole).keep(COPIES > 0, COPIES), whole, X, y


def answers(model, X):
    return model.predict_proba(X) if is_classifier(model) else model.predict(X)


def test_a_repeated_member_is_one_object_with_its_own_values(repeated):
    model, whole, X, _ = repeated
    assert model.n_estimators == len(model.estimators_) == COPIES.sum()
    assert len(set(model.estimators_)) == 3
    expected = np.average([t.tree_.value[0, 0, 0] for t in whole.estimators_], weights=COPIES)
    assert np.mean([t.tree_.value[0, 0, 0] for t in model.estimators_]) == pytest.approx(expected)
    votes = members_for(whole).votes(X)
    mean = np.average(votes, axis=0, weights=COPIES)
    np.testing.assert_allclose(answers(model, X).reshape(mean.shape), mean, rtol=1e-10, atol=1e-12)
    assert not hasattr(model, "oob_score_")


def test_it_is_stored_once(repeated):
    model, whole, X, _ = repeated
    assert len(pickle.dumps(model)) < 0.8 * len(pickle.dumps(whole))
    sizes = members_for(whole).sizes()[COPIES > 0].sum(axis=0)
    size = model_size(model)
    np.testing.assert_array_equal(sizes, [size.parameters, size.bytes])
    for twin in (
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
        surgeon_for(model).cut(surgeon_for(model).table.is_split),
        members_for(model).keep(np.ones(20, dtype=bool)),
    ):
        assert len(set(twin.estimators_)) == 3
        assert model_size(twin) == size
        np.testing.assert_array_equal(answers(twin, X), answers(model, X))


def test_training_rows_of_a_repeated_member_are_its_own(repeated):
    model, whole, _, _ = repeated
    if not whole.bootstrap:
        pytest.skip("its members are grown on all rows")
    places = np.repeat(np.arange(5), COPIES.astype(int))
    for rows, place in zip(model.estimators_samples_, places, strict=True):
        np.testing.assert_array_equal(rows, whole.estimators_samples_[place])


def test_copies_that_are_cut_otherwise_become_trees_of_their_own(repeated):
    model, _, X, _ = repeated
    surgeon = surgeon_for(model)
    before = answers(model, X)
    table = surgeon.table
    keep = table.is_split & ~((table.tree == 1) & (table.depth > 1))
    keep &= ~(np.isin(table.tree, [7, 8]) & (table.depth > 0))
    cut = surgeon.cut(keep)
    np.testing.assert_array_equal(answers(model, X), before)
    assert len(set(cut.estimators_)) == len({id(t.tree_) for t in cut.estimators_}) == 5
    assert cut.estimators_[7] is cut.estimators_[8]
    value = np.array(surgeon.mean_value(climbed(table, keep, surgeon.apply(X))))
    np.testing.assert_array_equal(answers(cut, X).reshape(value[:, 0].shape), value[:, 0])
    again = surgeon_for(cut).cut(surgeon_for(cut).table.is_split)
    np.testing.assert_array_equal(answers(again, X), answers(cut, X))
    assert len(set(again.estimators_)) == 5


def climbed(table, keep, leaf):
    """Return the leaf of each sample when some splits are collapsed."""
    above = np.full(table.n_nodes, -1)
    for node in range(table.n_nodes):  # parents come first
        parent = table.parent[node]
        if parent >= 0:
            above[node] = above[parent] if above[parent] >= 0 else (-1 if keep[parent] else parent)
    return np.where(above[leaf] >= 0, above[leaf], leaf)


@pytest.mark.parametrize(
    ("criterion", "params"),
    [("cost_complexity", {}), ("random", SEED), ("reduced_error", {}), ("lossless", {})],
)
def test_levels_of_splits_have_the_sizes_of_their_models(repeated, criterion, params):
    model, _, X, y = repeated
    path = TreePruner(FrozenEstimator(model), criterion=criterion, **params).fit(X, y).path_
    levels = np.unique(np.linspace(0, len(path) - 1, 9).astype(int))
    for index, snapshot in zip(levels, path.snapshots(X, levels), strict=True):
        cut, row = path.cut(index=index), path.levels.loc[index]
        size = model_size(cut)
        assert (size.units, size.parameters, size.bytes) == tuple(
            row[["leaves", "parameters", "bytes"]]
        )
        assert len(set(cut.estimators_)) <= 3
        np.testing.assert_array_equal(answers(snapshot, X), answers(cut, X))


def test_levels_of_members_have_the_sizes_of_their_models(repeated):
    model, _, X, y = repeated
    for criterion in ("error", "nnls"):
        path = EnsemblePruner(FrozenEstimator(model), criterion=criterion).fit(X, y).path_
        for index in range(len(path)):
            size = model_size(path.cut(index=index))
            row = path.levels.loc[index]
            assert (size.parameters, size.bytes) == tuple(row[["parameters", "bytes"]])


def test_a_quantizer_reads_repeated_members(repeated):
    model, whole, X, _ = repeated
    codes = Quantizer(FrozenEstimator(model), bits=16).fit(X)
    scale = 1.0 if is_classifier(model) else np.abs(answers(model, X)).max()
    np.testing.assert_allclose(answers(codes, X), answers(model, X), atol=2e-3 * scale)
    decoded = codes.estimator_.estimators_
    places = [model.estimators_.index(member) for member in model.estimators_]
    assert [decoded.index(member) for member in decoded] == places
    once = Quantizer(FrozenEstimator(members_for(whole).keep(COPIES > 0)), bits=16).fit(X)
    np.testing.assert_array_equal(codes.path_.levels["bytes"], once.path_.levels["bytes"])
    for bits in (16, 8, 2):
        model_bytes = model_size(codes.set_params(bits=bits).fit(X)).bytes
        assert (
            model_bytes
            == codes.codes_.nbytes
            == model_size(once.set_params(bits=bits).fit(X)).bytes
        )


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingRegressor(n_estimators=3, max_depth=4, **SEED),
        GradientBoostingClassifier(n_estimators=3, max_depth=4, **SEED),
        HistGradientBoostingRegressor(max_iter=3, max_leaf_nodes=9, **SEED),
    ],
    ids=lambda m: type(m).__name__,
)
def test_boosting_in_which_one_tree_stands_twice(model):
    """No fit makes such a model; it is read and cut correctly all the same."""
    X, y = table_for(model)
    model = clone(model).fit(X, y)
    if hasattr(model, "_predictors"):
        model._predictors[2] = list(model._predictors[1])
    else:
        model.estimators_[2] = model.estimators_[1]
    own = pickle.loads(pickle.dumps(model))
    if hasattr(own, "_predictors"):
        own._predictors[2] = copy.deepcopy(own._predictors[2])
    else:
        own.estimators_[2] = [copy.deepcopy(tree) for tree in own.estimators_[2]]
    shared, apart = surgeon_for(model), surgeon_for(own)
    keep = shared.table.is_split & ~((shared.table.tree == 1) & (shared.table.depth > 1))
    for kept in (shared.table.is_split, keep):
        cuts = shared.cut(kept), apart.cut(kept)
        np.testing.assert_array_equal(*(cut.predict(X) for cut in cuts))
    trees = np.arange(shared.table.n_trees) != 1
    cuts = (surgeon.cut(keep, keep_tree=trees) for surgeon in (shared, apart))
    np.testing.assert_array_equal(*(cut.predict(X) for cut in cuts))
