"""What a model stores, counted by hand."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import ModelSize, TreePruner, compare, model_size, size_scorer
from skprune.exceptions import UnsupportedModelError
from skprune.size import SIZES

X, y = load_iris(return_X_y=True)
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)


def by_hand(members, values_per_leaf):
    """Count nodes one after the other: 64 bytes for a record and 8 for each value."""
    units = parameters = n_bytes = 0
    for member in members:
        for feature in member.tree_.feature:
            is_leaf = feature < 0
            units += is_leaf
            parameters += values_per_leaf if is_leaf else 2
            n_bytes += 64 + 8 * values_per_leaf
    return ModelSize(units, parameters, n_bytes)


def test_a_stump_by_hand():
    stump = DecisionTreeRegressor().fit([[0.0], [1.0]], [0.0, 1.0])
    assert model_size(stump) == ModelSize(units=2, parameters=4, bytes=3 * 72)


@pytest.mark.parametrize(
    ("model", "values_per_leaf"),
    [
        (TREE, 3),
        (DecisionTreeRegressor(max_depth=4), 1),
        (RandomForestClassifier(4, random_state=0), 3),
        (RandomForestRegressor(4, random_state=0), 1),
        (BaggingClassifier(TREE, n_estimators=4, max_features=0.5, random_state=0), 3),
    ],
    ids=["tree", "regressor", "forest", "forest of numbers", "bagging"],
)
def test_nodes_are_counted_one_by_one(model, values_per_leaf):
    model = clone(model).fit(X, y)
    expected = by_hand(getattr(model, "estimators_", [model]), values_per_leaf)
    assert model_size(model) == expected
    assert all(type(getattr(model_size(model), size)) is int for size in SIZES)


def test_each_output_has_its_values():
    targets = np.column_stack([y, y > 0])
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, targets)
    assert model_size(tree) == by_hand([tree], 2 * 3)  # both outputs have room for 3 classes


def test_bytes_are_most_of_the_pickle_of_a_large_model():
    forest = RandomForestRegressor(5, random_state=0).fit(*load_diabetes(return_X_y=True))
    assert 0.9 < model_size(forest).bytes / len(pickle.dumps(forest)) <= 1


class SearchLike(BaseEstimator):
    """Holds the best of several models, as searches do."""

    def __init__(self, best):
        self.best_estimator_ = best


@pytest.mark.parametrize("inner", [TREE, RandomForestClassifier(3, random_state=0)], ids=repr)
@pytest.mark.parametrize(
    "wrap",
    [
        FrozenEstimator,
        SearchLike,
        lambda model: make_pipeline(StandardScaler(), model).fit(X, y),
        lambda model: make_pipeline(StandardScaler(), FrozenEstimator(model)),
        lambda model: SearchLike(make_pipeline(StandardScaler(), FrozenEstimator(model))),
        lambda model: FrozenEstimator(make_pipeline(StandardScaler(), model).fit(X, y)),
        lambda model: TreePruner(clone(model), keep=1.0).fit(X, y),
        lambda model: FrozenEstimator(TreePruner(clone(model), keep=1.0).fit(X, y)),
        lambda model: GridSearchCV(model, {"min_samples_leaf": [1]}, cv=2).fit(X, y),
        lambda model: RFE(model, n_features_to_select=4).fit(X, y),
    ],
    ids=[
        "frozen",
        "search-like",
        "pipeline",
        "pipeline of frozen",
        "search of a pipeline",
        "frozen pipeline",
        "pruner",
        "frozen pruner",
        "grid search",
        "selector",
    ],
)
def test_of_a_wrapper_the_model_inside_is_measured(wrap, inner):
    inner = clone(inner).fit(X, y)
    assert model_size(wrap(inner)) == model_size(inner)


def test_of_a_pruner_the_plain_result_is_measured():
    pruner = TreePruner(TREE, keep=3).fit(X, y)
    assert model_size(pruner) == by_hand([pruner.estimator_], 3)
    assert model_size(pruner).units == 3


@pytest.mark.parametrize(
    "model",
    [
        TREE.__class__(),
        TreePruner(TREE),
        GridSearchCV(TREE, {"max_depth": [1]}),
        make_pipeline(StandardScaler(), TREE.__class__()),
        FrozenEstimator(RandomForestClassifier()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_that_is_not_fitted_says_so(model):
    with pytest.raises(NotFittedError, match="not fitted"):
        model_size(model)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (KNeighborsClassifier(), "KNeighborsClassifier is not a model that skprune can prune"),
        (AdaBoostClassifier(GaussianNB()), "AdaBoostClassifier holds members of type GaussianNB"),
        (
            BaggingClassifier(LogisticRegression(), n_estimators=2),
            "type LogisticRegression, .* measured .*EnsemblePruner removes whole members",
        ),
        (IsolationForest(), "IsolationForest cannot be pruned: it caches the path lengths"),
    ],
    ids=["neighbors", "boosting", "bagging", "isolation"],
)
def test_a_model_that_no_surgeon_knows_is_refused_for_itself(model, message):
    with pytest.raises(UnsupportedModelError, match=message):
        model_size(model.fit(X, y))


# Estimators around one model, and those that hold several.

STUMP, LINE = DecisionTreeClassifier(max_depth=1), LogisticRegression(max_iter=500)
Y_TWO = np.column_stack([y, np.asarray(X)[:, 0] > np.median(np.asarray(X)[:, 0])])


def measured(*parts):
    sizes = [model_size(part) for part in parts]
    return [sum(getattr(size, name) for size in sizes) for name in SIZES]


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        (TransformedTargetRegressor(DecisionTreeRegressor()), lambda m: [m.regressor_]),
        (
            CalibratedClassifierCV(STUMP, cv=2),
            lambda m: [each.estimator for each in m.calibrated_classifiers_],
        ),
        (TunedThresholdClassifierCV(STUMP, cv=2), lambda m: [m.estimator_]),
        (OneVsRestClassifier(TreePruner(STUMP)), lambda m: m.estimators_),
        (OneVsOneClassifier(STUMP), lambda m: m.estimators_),
        (VotingClassifier([("a", STUMP), ("b", TreePruner(STUMP))]), lambda m: m.estimators_),
        (
            StackingClassifier([("a", STUMP)], final_estimator=STUMP, cv=2),
            lambda m: [*m.estimators_, m.final_estimator_],
        ),
        (make_pipeline(StandardScaler(), OneVsRestClassifier(LINE)), lambda m: m[-1].estimators_),
    ],
    ids=lambda value: type(value).__name__,
)
def test_all_models_inside_are_measured(model, parts):
    binary = y == y[0]
    fitted = model.fit(X, binary.astype(float) if is_regressor(model) else binary)
    size = model_size(fitted)
    assert [getattr(size, name) for name in SIZES] == measured(*parts(fitted))
    assert size.bytes > 0
    table = compare({"it": fitted}, X, binary, n_repeats=0)
    assert table.loc["it", "bytes"] == size.bytes


def test_one_model_per_output_is_measured():
    fitted = MultiOutputClassifier(STUMP).fit(X, Y_TWO)
    assert [getattr(model_size(fitted), name) for name in SIZES] == measured(*fitted.estimators_)


def test_units_of_several_kinds_do_not_add_up():
    fitted = VotingClassifier([("a", STUMP), ("b", LINE)]).fit(X, y)
    size = model_size(fitted)
    assert np.isnan(size.units)
    assert size.bytes == measured(*fitted.estimators_)[2]
    with pytest.raises(NotFittedError):
        model_size(VotingClassifier([("a", STUMP)]))


# The scorer.


@pytest.mark.parametrize("size", SIZES)
def test_the_score_is_the_negated_size(size):
    tree = clone(TREE).fit(X, y)
    assert size_scorer(size)(tree, X, y) == -getattr(model_size(tree), size)
    assert repr(size_scorer(size)) == f"size_scorer({size!r})"


plain_or_weighted = pytest.mark.parametrize(
    "weights", [{}, {"sample_weight": np.ones(len(y))}], ids=["plain", "weighted"]
)


@plain_or_weighted
def test_a_grid_search_takes_it_beside_other_scores(weights):
    search = GridSearchCV(
        TREE,
        {"max_leaf_nodes": [2, 4]},
        scoring={"accuracy": "accuracy", **{size: size_scorer(size) for size in SIZES}},
        refit="units",
        cv=3,
    ).fit(X, y, **weights)
    assert search.cv_results_["mean_test_units"].tolist() == [-2, -4]
    assert search.cv_results_["mean_test_parameters"].tolist() == [-8, -18]
    assert search.best_params_ == {"max_leaf_nodes": 2}


@plain_or_weighted
def test_a_grid_search_takes_it_alone_and_it_survives_a_pickle(weights):
    scorer = pickle.loads(pickle.dumps(size_scorer("bytes")))
    search = GridSearchCV(TREE, {"max_leaf_nodes": [4, 2]}, scoring=scorer, cv=2)
    search.fit(X, y, **weights)
    assert search.best_score_ == -3 * (64 + 8 * 3)


@pytest.mark.parametrize("size", ["leaves", None, 3])
def test_a_size_that_is_not_known_is_refused(size):
    with pytest.raises(ValueError, match=r"'units', 'parameters', 'bytes'") as caught:
        size_scorer(size)
    assert f"size={size!r}" in str(caught.value)
