"""Permutation importance, against scikit-learn's own and against a plain loop."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import make_classification, make_regression
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import check_scoring, make_scorer, max_error
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune.criteria.permutation_walks import permutations
from skprune.feature_selection import _permutation_importance
from skprune.feature_selection._permutation_importance import (
    permutation_importances,
    permuted_copies,
)

RNG = np.random.RandomState(0)
WEIGHT = RNG.uniform(0.5, 2, 120)
CLASSES = make_classification(
    240, 6, n_informative=4, n_redundant=0, n_classes=3, flip_y=0.2, random_state=0
)
BINARY = make_classification(240, 6, n_informative=3, flip_y=0.2, random_state=0)
NUMBERS = make_regression(240, 6, n_informative=4, noise=20.0, random_state=0)
HOLES = (np.where(np.random.RandomState(1).rand(240, 6) < 0.2, np.nan, CLASSES[0]), CLASSES[1])
SEED = 5

# Models whose trees are walked again, and what they are asked for.
WALKED = [
    (DecisionTreeClassifier(random_state=0), CLASSES, None),
    (DecisionTreeRegressor(random_state=0), NUMBERS, "neg_mean_absolute_error"),
    (RandomForestClassifier(9, min_samples_leaf=3, random_state=0), CLASSES, "neg_log_loss"),
    (RandomForestClassifier(9, random_state=0), HOLES, None),
    (RandomForestClassifier(9, random_state=0), BINARY, "roc_auc"),
    (RandomForestRegressor(9, random_state=0), NUMBERS, None),
    (ExtraTreesClassifier(9, random_state=0), CLASSES, "balanced_accuracy"),
    (ExtraTreesRegressor(9, random_state=0), NUMBERS, "r2"),
    (BaggingClassifier(n_estimators=9, max_features=0.5, random_state=0), CLASSES, None),
    (BaggingRegressor(n_estimators=9, max_features=0.5, random_state=0), NUMBERS, None),
    (GradientBoostingClassifier(n_estimators=9, random_state=0), CLASSES, "neg_log_loss"),
    (GradientBoostingClassifier(n_estimators=9, random_state=0), BINARY, "roc_auc"),
    (GradientBoostingRegressor(n_estimators=9, init="zero", random_state=0), NUMBERS, None),
    (HistGradientBoostingClassifier(max_iter=9, random_state=0), HOLES, None),
    (HistGradientBoostingRegressor(max_iter=9, loss="gamma"), (NUMBERS[0], NUMBERS[1] ** 2), None),
]
# Models that answer for many copies of the table at a time.
STACKED = [
    (LogisticRegression(), CLASSES, None),
    (LogisticRegression(), BINARY, "roc_auc"),
    (LogisticRegression(), CLASSES, "neg_log_loss"),
    (make_pipeline(StandardScaler(), LogisticRegression()), CLASSES, None),
    (make_pipeline(StandardScaler(), RandomForestRegressor(5, random_state=0)), NUMBERS, None),
    (AdaBoostClassifier(n_estimators=5, random_state=0), CLASSES, None),
    (KNeighborsClassifier(), CLASSES, None),
    (GradientBoostingRegressor(n_estimators=3, init=LinearRegression()), NUMBERS, None),
    (Ridge(), (NUMBERS[0], np.stack([NUMBERS[1], -NUMBERS[1]], axis=1)), None),
    (
        RandomForestRegressor(5, random_state=0),
        (NUMBERS[0], np.stack([NUMBERS[1], NUMBERS[0][:, 0]], axis=1)),
        None,
    ),
    (HistGradientBoostingClassifier(max_iter=5, categorical_features=[0]), CLASSES, None),
]


def fit(model, data):
    """A model fitted on half of the rows, and the other half."""
    X, y = data
    if getattr(model, "categorical_features", None) == [0]:
        X = X.copy()
        X[:, 0] = np.round(X[:, 0]) + 5
    return model.fit(X[:120], y[:120]), X[120:], y[120:]


def theirs(model, X, y, scoring=None, weight=None, n_repeats=3):
    rng = np.random.RandomState(SEED)
    found = permutation_importance(
        model, X, y, scoring=scoring, n_repeats=n_repeats, random_state=rng, sample_weight=weight
    )
    return found.importances


def ours(model, X, y, scoring=None, weight=None, n_repeats=3, **params):
    seed = np.random.RandomState(SEED).randint(np.iinfo(np.int32).max + 1)
    scorer = check_scoring(model, scoring)
    return permutation_importances(
        model, X, y, scorer, n_repeats=n_repeats, seed=seed, sample_weight=weight, **params
    )


def name_of(value):
    return type(value).__name__ if hasattr(value, "fit") else None


@pytest.mark.parametrize(("model", "data", "scoring"), WALKED, ids=name_of)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["alike", "weighted"])
def test_trees_are_walked_to_the_values_of_scikit_learn(model, data, scoring, weight):
    model, X, y = fit(model, data)
    assert _permutation_importance._leaves_of(model, X) is not None
    found = ours(model, X, y, scoring, weight)
    assert_array_equal(found, theirs(model, X, y, scoring, weight))
    assert len(np.unique(found)) > 4


@pytest.mark.parametrize(("model", "data", "scoring"), STACKED, ids=name_of)
def test_stacks_give_the_values_of_scikit_learn(model, data, scoring):
    model, X, y = fit(model, data)
    assert _permutation_importance._leaves_of(model, X) is None
    found = ours(model, X, y, scoring, WEIGHT)
    assert_allclose(found, theirs(model, X, y, scoring, WEIGHT), atol=1e-12)
    assert len(np.unique(found)) > 3


@pytest.mark.parametrize("block", [1, 2**14, 2**17])
@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(9, random_state=0),
        GradientBoostingClassifier(n_estimators=5, random_state=0),
        LogisticRegression(),
    ],
    ids=name_of,
)
def test_blocks_do_not_change_values(model, block, monkeypatch):
    model, X, y = fit(model, CLASSES)
    whole = ours(model, X, y, "neg_log_loss")
    monkeypatch.setattr(_permutation_importance, "BLOCK", block)
    assert_allclose(ours(model, X, y, "neg_log_loss"), whole, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "model", [RandomForestClassifier(9, random_state=0), LogisticRegression()], ids=name_of
)
def test_groups_are_permuted_row_by_row(model):
    model, X, y = fit(model, CLASSES)
    units = np.array([0, 1, 0, 2, 1, 0])
    found = ours(model, X, y, units=units)
    seed = np.random.RandomState(SEED).randint(np.iinfo(np.int32).max + 1)
    for unit in range(3):
        for repeat, source in enumerate(permutations(len(X), 3, seed)):
            permuted = np.where(units == unit, X[source], X)
            fall = model.score(X, y) - model.score(permuted, y)
            assert found[unit, repeat] == pytest.approx(fall, abs=1e-12)


def test_a_scorer_of_ones_own_sees_the_model_and_the_permuted_rows():
    model, X, y = fit(RandomForestRegressor(5, random_state=0), NUMBERS)
    seen = []

    def scorer(asked, rows, targets):
        seen.append(rows)
        assert asked is model
        return -np.abs(asked.predict(rows) - targets).max()

    found = ours(model, X, y, scorer, WEIGHT)  # which it does not take
    assert_allclose(found, theirs(model, X, y, scorer), atol=1e-12)
    assert len(seen) == 2 * (1 + 6 * 3)


def test_weights_pass_by_a_metric_that_takes_none():
    model, X, y = fit(RandomForestRegressor(5, random_state=0), NUMBERS)
    scorer = make_scorer(max_error, greater_is_better=False)
    assert_array_equal(ours(model, X, y, scorer, WEIGHT), theirs(model, X, y, scorer))


def test_a_model_with_a_score_of_its_own_is_asked_for_it():
    class Own(LogisticRegression):
        def score(self, X, y, sample_weight=None):
            return 2 * super().score(X, y, sample_weight)

    model, X, y = fit(Own(), CLASSES)
    assert_array_equal(ours(model, X, y), 2 * ours(model, X, y, "accuracy"))


def test_a_tree_that_answers_otherwise_is_asked():
    class Other(RandomForestRegressor):
        def predict(self, X):
            return super().predict(X) ** 3

    model, X, y = fit(Other(5, random_state=0), NUMBERS)
    assert_array_equal(ours(model, X, y, "r2"), theirs(model, X, y, "r2"))


def test_a_frozen_model_is_the_model():
    model, X, y = fit(RandomForestClassifier(5, random_state=0), CLASSES)
    assert_array_equal(ours(FrozenEstimator(model), X, y), ours(model, X, y))


def test_frames_of_any_kind_give_the_same():
    X, y = CLASSES
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["a"] = np.where(frame["a"] > 0, "high", "low")
    frame["b"] = pd.cut(frame["b"], 3, labels=["x", "y", "z"])
    encoder = OneHotEncoder(handle_unknown="ignore")
    model = make_pipeline(encoder, LogisticRegression()).fit(frame[:120], y[:120])
    found = ours(model, frame[120:], y[120:])
    assert_allclose(found, theirs(model, frame[120:], y[120:]), atol=1e-12)
    plain = frame.astype({"b": str})
    as_polars = pl.DataFrame(plain.to_dict("list"))
    model = make_pipeline(encoder, LogisticRegression()).fit(as_polars[:120], y[:120])
    assert_allclose(ours(model, as_polars[120:], y[120:]), found, atol=1e-12)


def test_names_of_columns_reach_the_model():
    frame = pd.DataFrame(CLASSES[0], columns=list("abcdef"))
    model = RandomForestClassifier(5, random_state=0).fit(frame, CLASSES[1])
    bare = RandomForestClassifier(5, random_state=0).fit(*CLASSES)
    assert_array_equal(ours(model, frame, CLASSES[1]), ours(bare, *CLASSES))
    logistic = LogisticRegression().fit(frame, CLASSES[1])
    assert ours(logistic, frame, CLASSES[1]).any()


def test_copies_keep_types_and_rows():
    frame = pd.DataFrame({"n": [1, 2, 3], "t": ["a", "b", None], "c": pd.Categorical(list("xyx"))})
    frame = frame.set_axis(["n", "t", "t"], axis=1).set_axis([7, 8, 9])
    source = np.array([1, 2, 0])
    stack = permuted_copies(frame, [(np.array([0]), source), (np.array([1, 2]), source)])
    assert stack.dtypes.tolist() == frame.dtypes.tolist()
    assert stack.columns.tolist() == frame.columns.tolist()
    assert stack.index.tolist() == [7, 8, 9, 7, 8, 9]
    assert stack.iloc[:, 0].tolist() == [2, 3, 1, 1, 2, 3]
    assert stack.iloc[:, 2].tolist() == ["x", "y", "x", "y", "x", "x"]
    assert frame.iloc[:, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix])
@pytest.mark.parametrize("model", [LogisticRegression(), DecisionTreeClassifier(random_state=0)])
def test_sparse_tables_stay_sparse(kind, model):
    X, y = np.where(np.abs(CLASSES[0]) < 0.5, 0.0, CLASSES[0]), CLASSES[1]
    model.fit(X, y)
    assert_allclose(ours(model, kind(X), y), theirs(model, X, y), atol=1e-12)
    units = np.array([0, 0, 1, 2, 2, 2])
    assert_allclose(ours(model, kind(X), y, units=units), ours(model, X, y, units=units))


def test_a_constant_model_loses_nothing():
    model, X, y = fit(DummyRegressor(), NUMBERS)
    assert_array_equal(ours(model, X, y), 0)
    stump, X, y = fit(RandomForestClassifier(3, max_depth=1, random_state=0), CLASSES)
    used = {tree.tree_.feature[0] for tree in stump.estimators_}
    found = ours(stump, X, y).any(axis=1)
    assert set(np.flatnonzero(found)) <= used
    single = RandomForestClassifier(3, random_state=0).fit(X, np.ones(len(X)))  # no splits
    assert_array_equal(ours(single, X, np.ones(len(X))), 0)
