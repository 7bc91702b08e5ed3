"""Lossless pruning: smaller models with the same predictions for all samples."""

import pickle
from copy import deepcopy
from functools import cache

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import EnsemblePruner, PruningSearchCV, TreePruner, model_size
from skprune.exceptions import InputError, LevelError, PruningWarning
from skprune.surgery import surgeon_for

SEED = {"random_state": 0}
MODELS = [
    DecisionTreeClassifier(min_samples_leaf=3, **SEED),
    DecisionTreeRegressor(**SEED),
    RandomForestClassifier(8, **SEED),
    RandomForestRegressor(8, max_depth=6, **SEED),
    ExtraTreesRegressor(5, bootstrap=True, **SEED),
    BaggingClassifier(n_estimators=6, max_features=0.7, **SEED),
    BaggingRegressor(n_estimators=6, bootstrap_features=True, **SEED),
    GradientBoostingClassifier(n_estimators=8, **SEED),
    GradientBoostingRegressor(n_estimators=8, max_depth=5, **SEED),
    HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2, **SEED),
    HistGradientBoostingRegressor(max_iter=3, categorical_features=[0, 2], **SEED),
    AdaBoostClassifier(DecisionTreeClassifier(max_depth=4), n_estimators=8, **SEED),
    AdaBoostRegressor(DecisionTreeRegressor(max_depth=5), n_estimators=8, **SEED),
]
NO_NAN = GradientBoostingClassifier | GradientBoostingRegressor
NO_NAN |= AdaBoostClassifier | AdaBoostRegressor
over_models = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


def table_for(model, *, missing=False):
    make = make_classification if is_classifier(model) else make_regression
    extra = {"n_classes": 3, "flip_y": 0.2} if is_classifier(model) else {"noise": 9.0}
    X, y = make(400, 6, n_informative=4, random_state=0, **extra)
    X = np.round(2 * X) / 2
    X[:, [0, 2]] = np.abs(np.round(X[:, [0, 2]]))  # categorical features, if requested
    if missing:
        X[np.random.default_rng(1).random(X.shape) < 0.15] = np.nan
    return X, y


def rows_for(model, X):
    """Training samples, samples at and near every threshold, and with missing values."""
    rng = np.random.default_rng(0)
    near = np.nan_to_num(rng.permuted(X, axis=0)) + rng.choice([0, 0.25, -1e-7, 7], (2000, 1, 1))
    random = near.reshape(-1, X.shape[1])[:3000]
    random[:, [0, 2]] = np.abs(np.round(random[:, [0, 2]]))
    if isinstance(model, NO_NAN):
        return [np.nan_to_num(X), random]
    return [X, random, np.where(rng.random(random.shape) < 0.3, np.nan, random)]


@cache
def _fitted(index, missing):
    return pickle.dumps(clone(MODELS[index]).fit(*table_for(MODELS[index], missing=missing)))


def fitted(model, *, missing=False):
    return pickle.loads(_fitted(MODELS.index(model), missing))


def coarse(model):
    """Round the thresholds of a fitted model, so that some branches are unreachable."""
    for tree in surgeon_for(model)._trees:
        at = tree.nodes["num_threshold"] if hasattr(tree, "nodes") else tree.threshold
        at[:] = np.round(at)
    return model


def simplified(model):
    return TreePruner(FrozenEstimator(model), criterion="lossless").fit(None).estimator_


def assert_same_answers(model, small, X):
    for rows in rows_for(model, X):
        if is_classifier(model):
            np.testing.assert_array_equal(small.predict(rows), model.predict(rows))
            probabilities = small.predict_proba(rows), model.predict_proba(rows)
            np.testing.assert_allclose(*probabilities, rtol=1e-9, atol=1e-11)
        else:
            np.testing.assert_allclose(small.predict(rows), model.predict(rows), rtol=1e-12)


@over_models
@pytest.mark.parametrize("missing", [False, True], ids=["complete", "missing"])
@pytest.mark.parametrize("rounded", [False, True], ids=["as grown", "rounded"])
def test_all_predictions_are_preserved(model, rounded, missing):
    if missing and isinstance(model, NO_NAN):
        pytest.skip("the model takes no missing values")
    X, _ = table_for(model, missing=missing)
    model = fitted(model, missing=missing)
    model = coarse(model) if rounded else model
    small = simplified(model)
    assert type(small) is type(model)
    assert_same_answers(model, small, X)
    assert_same_answers(model, pickle.loads(pickle.dumps(small)), X)
    before, after = model_size(model), model_size(small)
    assert after.units < before.units or not rounded
    assert after.bytes <= before.bytes


@over_models
def test_nothing_more_can_be_removed(model):
    small = simplified(coarse(fitted(model)))
    again = TreePruner(FrozenEstimator(small), criterion="lossless").fit(None)
    assert len(again.path_) == 1
    assert again.keep_mask_.all()
    assert model_size(again).units == model_size(small).units


@over_models
def test_path_mask_and_report_agree(model):
    pruner = TreePruner(FrozenEstimator(coarse(fitted(model))), criterion="lossless")
    path = pruner.fit(None).path_
    assert list(path.levels.index) == [0, 1]
    for index in (0, 1):
        cut, row = path.cut(index=index), path.levels.loc[index]
        surgeon, size = surgeon_for(cut), model_size(cut)
        assert (size.units, size.parameters, size.bytes) == tuple(
            row[["leaves", "parameters", "bytes"]]
        )
        stored = surgeon.is_stored
        assert (stored.sum(), stored[surgeon.table.roots].sum()) == tuple(row[["nodes", "trees"]])
        leaves, depth = path.count_by_tree(index)
        kept = surgeon_for(path.cut(index=index))
        own = np.zeros(kept.table.n_trees, dtype=int)
        np.maximum.at(own, kept.table.tree, kept.table.depth)
        if (leaves > 0).sum() == len(own):
            np.testing.assert_array_equal(depth[leaves > 0], own)
            assert leaves.sum() == size.units
        assert path.mask(index).sum() == (surgeon.table.is_split & stored).sum()
    assert pruner.report_["leaves"].sum() == path.count_by_tree(1)[0].sum()
    np.testing.assert_array_equal(pruner.keep_mask_, pruner.scores_ > 0)
    assert path.locate(threshold=-1) == path.locate(keep=1.0) == 0
    assert path.locate(threshold=0) == 1
    whole = clone(pruner).set_params(keep=1.0).fit(None)
    assert len(whole.path_.model.__dict__) == len(whole.estimator_.__dict__)
    assert model_size(whole).units == path.units[0]


@pytest.mark.parametrize("depth", [1, 3, None])
@pytest.mark.parametrize("kind", [BaggingClassifier, BaggingRegressor])
def test_duplicate_trees_vote_with_multiplicity(kind, depth):
    """Members with all samples and some features: as many distinct ones as feature sets."""
    tree = (DecisionTreeClassifier if kind is BaggingClassifier else DecisionTreeRegressor)(
        max_depth=depth, **SEED
    )
    model = kind(tree, n_estimators=15, bootstrap=False, max_features=0.5, **SEED)
    X, y = table_for(model)
    X = X[:, 1:4] + np.arange(3) / 8  # three sets of one column
    y = X.sum(axis=1) > 1 if depth is None and kind is BaggingClassifier else y
    model.fit(X, y)
    small = simplified(model)
    assert len(set(small.estimators_)) <= 3
    assert small.n_estimators == len(small.estimators_) == len(small.estimators_features_) == 15
    assert model_size(small).bytes < 0.3 * model_size(model).bytes
    assert len(pickle.dumps(small)) < 0.4 * len(pickle.dumps(model))
    rows = np.concatenate([X, X + 0.125, np.random.default_rng(0).normal(size=(5000, 3))])
    for method in ("predict", "predict_proba") if kind is BaggingClassifier else ("predict",):
        np.testing.assert_array_equal(getattr(small, method)(rows), getattr(model, method)(rows))


@pytest.mark.parametrize("n_trees", [2, 3, 7, 10, 48])
def test_ties_of_votes_are_preserved(n_trees):
    """Pure leaves on few samples: many equal trees, and many tied votes."""
    rng = np.random.default_rng(n_trees)
    X, y = rng.integers(0, 2, (5, 2)).astype(float), np.array([0, 1, 0, 2, 1])
    X = np.concatenate([X[:, :1], np.arange(5.0)[:, np.newaxis]], axis=1)
    model = RandomForestClassifier(n_trees, random_state=0).fit(X, y)
    small = simplified(model)
    rows = np.stack(np.meshgrid(np.linspace(-1, 2, 13), np.linspace(-1, 6, 57)), -1).reshape(-1, 2)
    proba = model.predict_proba(rows)
    assert n_trees > 2 or (proba[:, 0] == proba[:, 1]).any()
    np.testing.assert_array_equal(small.predict(rows), model.predict(rows))
    np.testing.assert_allclose(small.predict_proba(rows), proba, atol=1e-11)
    assert n_trees < 10 or len(set(small.estimators_)) < n_trees


def test_equal_trees_are_merged():
    X, y = table_for(DecisionTreeClassifier())
    tree = DecisionTreeClassifier(max_depth=3, **SEED)
    model = BaggingClassifier(tree, n_estimators=9, bootstrap=False, **SEED).fit(X, y)
    model.estimators_ = [deepcopy(model.estimators_[0]) for _ in range(9)]
    small = simplified(model)
    assert len(small.estimators_) == 1
    np.testing.assert_allclose(small.predict_proba(X), model.predict_proba(X), rtol=1e-14)


@pytest.mark.parametrize("kind", [GradientBoostingRegressor, HistGradientBoostingRegressor])
def test_equal_stages_are_merged_into_the_first(kind):
    X, y = table_for(DecisionTreeRegressor())
    model = twice(kind(max_depth=2, **SEED), X, y)
    small = simplified(model)
    assert surgeon_for(small).table.n_trees == surgeon_for(model).table.n_trees / 2 == 3
    np.testing.assert_allclose(small.predict(X), model.predict(X), rtol=1e-12)


@pytest.mark.parametrize("kind", [GradientBoostingClassifier, HistGradientBoostingClassifier])
def test_equal_stages_of_classifiers_are_kept(kind):
    """Accidental ties of sums of real numbers cannot be preserved."""
    X, y = table_for(DecisionTreeClassifier())
    model = twice(kind(max_depth=2, **SEED), X, y)
    small = simplified(model)
    assert surgeon_for(small).table.n_trees == surgeon_for(model).table.n_trees
    np.testing.assert_array_equal(small.decision_function(X), model.decision_function(X))


def twice(model, X, y):
    """Fit three stages and duplicate each."""
    histogram = hasattr(model, "max_iter")
    model.set_params(**{"max_iter" if histogram else "n_estimators": 3}).fit(X, y)
    if histogram:
        model._predictors = model._predictors + deepcopy(model._predictors)
    else:
        model.estimators_ = np.concatenate([model.estimators_, deepcopy(model.estimators_)])
        model.n_estimators = model.n_estimators_ = 6
    return model


def test_members_whose_weights_can_tie_are_not_merged():
    """Members A, B, A, B of equal weight: disagreements of A and B are ties."""
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 0, 1, 1])
    model = AdaBoostClassifier(n_estimators=1, random_state=0).fit(X, y)
    one = model.estimators_[0]
    other = deepcopy(one).fit(X, [0, 1, 0, 1])
    model.estimators_ = [deepcopy(tree) for tree in (one, other, one, other)]
    model.n_estimators, model.estimator_errors_ = 4, np.zeros(4)
    for weights, n_left in [
        ([0.1, 0.3, 0.3, 0.1], 4),
        ([0.1, 0.3, 0.4, 0.2], 4),
        ([1, 2, 3, 9], 2),
    ]:
        model.estimator_weights_ = np.array(weights, dtype=float)
        small = simplified(model)
        assert len(small.estimators_) == n_left
        np.testing.assert_array_equal(small.predict(X), model.predict(X))


@pytest.mark.parametrize("seed", range(40))
def test_classes_are_preserved_on_small_tables_with_many_ties(seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, (rng.integers(4, 20), 3)).astype(float)
    y = np.r_[0, 1, rng.integers(0, rng.integers(2, 4), len(X) - 2)]
    rows = np.stack(np.meshgrid(*[[0, 0.5, 1, 2]] * 3), -1).reshape(-1, 3)
    stump = DecisionTreeClassifier(max_depth=1)
    for model in [
        AdaBoostClassifier(n_estimators=12, random_state=seed),
        RandomForestClassifier(12, random_state=seed),
        BaggingClassifier(stump, n_estimators=12, max_features=0.5, random_state=seed),
    ]:
        small = simplified(model.fit(X, y))
        np.testing.assert_array_equal(small.predict(rows), model.predict(rows))


def test_adaboost_uses_hard_votes_only():
    X, y = table_for(DecisionTreeClassifier())
    model = AdaBoostClassifier(n_estimators=60, **SEED).fit(X[:, :2], y > 0)
    X = X[:, :2]
    small = simplified(model)
    assert len(small.estimators_) < 60
    assert len(small.estimators_) == small.n_estimators == len(small.estimator_errors_)
    assert small.estimator_weights_.sum() == pytest.approx(model.estimator_weights_.sum())
    assert model_size(small).units < 0.9 * model_size(model).units
    np.testing.assert_allclose(small.decision_function(X), model.decision_function(X), atol=1e-14)


def test_importances_use_the_samples_that_reach_a_node():
    X, y = table_for(DecisionTreeClassifier())
    tree = AdaBoostClassifier(DecisionTreeClassifier(max_depth=5), n_estimators=2, **SEED).fit(X, y)
    for member in simplified(tree).estimators_:
        nodes = member.tree_
        split = np.flatnonzero(nodes.children_left >= 0)
        below = nodes.n_node_samples[[nodes.children_left[split], nodes.children_right[split]]]
        np.testing.assert_array_equal(nodes.n_node_samples[split], below.sum(axis=0))


@pytest.mark.parametrize("level", [{"keep": 0.5}, {"keep": 3}, {"keep": 1}, {"threshold": 0.0}])
@pytest.mark.parametrize("pruner", [TreePruner, EnsemblePruner])
def test_criteria_with_their_own_level_refuse_one(pruner, level):
    criterion = "lossless" if pruner is TreePruner else "faithful"
    with pytest.raises(LevelError, match="decides by itself what is kept"):
        pruner(RandomForestClassifier(3), criterion=criterion, **level).fit(*table_for(MODELS[0]))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"criterion": "lossless", "recovery": "shrinkage"}, "sets the leaf values itself"),
        ({"criterion": "lossless", "ridge": 3.0}, "no leaf values are shrunk"),
        ({"criterion": "cost_complexity", "ridge": 3.0}, "no leaf values are shrunk"),
        ({"criterion": "lossless", "validation": 0.3}, "uses no validation data"),
        ({"criterion": "lossless", "validation": "oob"}, "uses no validation data"),
    ],
)
def test_ignored_parameters_are_named(params, words):
    X, y = table_for(MODELS[0])
    with pytest.warns(PruningWarning, match=words) as caught:
        TreePruner(RandomForestClassifier(3, **SEED), **params).fit(X, y)
    assert {w.filename for w in caught} == {__file__}


def test_a_search_compares_it_with_other_criteria():
    X, y = table_for(MODELS[0])
    model = AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=5, **SEED)
    grid = {"criterion": ["lossless", "cost_complexity"], "keep": ["path"]}
    search = PruningSearchCV(TreePruner(model), grid, cv=3).fit(X, y)
    found = search.cv_results_
    rows = [i for i, p in enumerate(found["params"]) if p["criterion"] == "lossless"]
    assert len(rows) == 2
    assert found["mean_test_score"][rows[0]] == found["mean_test_score"][rows[1]]
    assert found["mean_units"][rows[1]] < found["mean_units"][rows[0]]


def test_shrinkage_is_not_for_boosting():
    with pytest.raises(InputError, match="hold no means of the target"):
        TreePruner(AdaBoostRegressor(), recovery="shrinkage").fit(*table_for(MODELS[1]))
