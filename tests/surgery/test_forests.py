"""Rebuilt forests and bagged trees: every member, and what the ensemble says of itself."""

import pickle
import warnings

import numpy as np
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from skprune.arrays.nodes import route, survivors
from skprune.criteria.weakest_link import random_scores
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery import surgeon_for

WORDS = np.array(["setosa", "versicolor", "virginica"])
SMALL = {"n_estimators": 6, "random_state": 0}
TREE = DecisionTreeClassifier(random_state=0)


def _gaps(X):
    return np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)


CASES = {
    "forest": (RandomForestClassifier(**SMALL), load_wine),
    "forest of numbers": (RandomForestRegressor(**SMALL), load_diabetes),
    "extra trees": (ExtraTreesClassifier(**SMALL), load_wine),
    "extra trees of numbers": (ExtraTreesRegressor(**SMALL), load_diabetes),
    "extra trees, bootstrap": (ExtraTreesClassifier(bootstrap=True, **SMALL), load_wine),
    "max_samples": (RandomForestRegressor(max_samples=0.5, **SMALL), load_diabetes),
    "warm start": (RandomForestClassifier(warm_start=True, **SMALL), load_wine),
    "two jobs": (RandomForestClassifier(n_jobs=2, **SMALL), load_wine),
    "best first": (RandomForestClassifier(max_leaf_nodes=9, **SMALL), load_wine),
    "stumps and leaves": (RandomForestClassifier(max_depth=1, **SMALL), load_wine),
    "bagging": (BaggingClassifier(TREE, **SMALL), load_wine),
    "bagging of numbers": (BaggingRegressor(DecisionTreeRegressor(), **SMALL), load_diabetes),
    "bagging by default": (BaggingClassifier(**SMALL), load_wine),
    "some columns": (BaggingClassifier(TREE, max_features=0.5, **SMALL), load_wine),
    "columns drawn twice": (BaggingRegressor(bootstrap_features=True, **SMALL), load_diabetes),
    "few rows each": (BaggingClassifier(TREE, max_samples=4, **SMALL), load_wine),
    "bagged extra trees": (BaggingClassifier(ExtraTreeClassifier(), **SMALL), load_wine),
    "bagging in two jobs": (BaggingClassifier(TREE, n_jobs=2, **SMALL), load_wine),
}
each_case = pytest.mark.parametrize("case", CASES)
VARIANTS = {
    "plain": (lambda X: X, lambda y: y),
    "gaps": (_gaps, lambda y: y),
    "words": (lambda X: X, lambda y: WORDS[y] if y.max() == 2 else y),
}


def fitted(case, variant="plain", **fit_params):
    model, load = CASES[case]
    change_X, change_y = VARIANTS[variant]
    X, y = load(return_X_y=True)
    X, y = change_X(X), change_y(y)
    with parallel_config("threading"):  # no processes to wait for
        return clone(model).fit(X, y, **fit_params), X, y


def masks(table):
    """Return keep-masks: none, random, half by nested scores, and one tree untouched."""
    rng = np.random.RandomState(0)
    scores = random_scores(table, rng)
    half = table.is_split & (scores > np.median(scores[table.is_split]))
    last_whole = table.is_split & (half | (table.tree == table.n_trees - 1))
    none = np.zeros(table.n_nodes, dtype=bool)
    return [none, table.is_split & (rng.uniform(size=len(none)) < 0.9), half, last_whole]


def answers(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def member_columns(model, X):
    features = getattr(model, "estimators_features_", [slice(None)] * len(model.estimators_))
    return [np.float32(X[:, columns]) for columns in features]


@pytest.mark.parametrize("variant", VARIANTS)
@each_case
def test_rebuilt_ensembles_answer_what_routing_by_hand_gives(case, variant):
    model, X, _ = fitted(case, variant)
    model.set_params(n_jobs=None)
    surgeon = surgeon_for(model)
    table = surgeon.table
    leaf = np.stack([route(table, own)[:, t] for t, own in enumerate(member_columns(model, X))])
    assert_array_equal(surgeon.apply(X), leaf)
    for keep in masks(table):
        mean = surgeon.mean_value(survivors(table, keep)[leaf])[:, 0]
        smaller = surgeon.cut(keep)
        if surgeon.is_classifier:
            assert_array_equal(smaller.predict_proba(X), mean)
            assert_array_equal(smaller.predict(X), model.classes_[mean.argmax(axis=1)])
        else:
            assert_array_equal(smaller.predict(X), mean[:, 0])


@each_case
def test_each_member_is_cut_as_it_would_be_alone(case):
    model, _, _ = fitted(case)
    surgeon = surgeon_for(model)
    offsets = surgeon.table.offsets
    for keep in masks(surgeon.table):
        smaller = surgeon.cut(keep)
        assert type(smaller) is type(model)
        assert smaller.get_params().keys() == model.get_params().keys()
        for t, (whole, member) in enumerate(
            zip(model.estimators_, smaller.estimators_, strict=True)
        ):
            alone = surgeon_for(whole).cut(keep[offsets[t] : offsets[t + 1]])
            assert pickle.dumps(member.tree_) == pickle.dumps(alone.tree_)


@pytest.mark.parametrize("variant", VARIANTS)
@each_case
def test_mean_value_is_what_the_ensemble_answers_to_the_last_bit(case, variant):
    model, X, _ = fitted(case, variant)
    model.set_params(n_jobs=1)
    surgeon = surgeon_for(model)
    value = surgeon.mean_value(surgeon.apply(X))[:, 0]
    assert_array_equal(value if surgeon.is_classifier else value[:, 0], answers(model, X))


@each_case
def test_keeping_all_changes_nothing(case):
    model, X, _ = fitted(case)
    model.set_params(n_jobs=1)  # sums of several threads come in any order
    surgeon = surgeon_for(model)
    same = surgeon.cut(surgeon.table.is_split)
    assert answers(same, X).tobytes() == answers(model, X).tobytes()
    assert len(pickle.dumps(same)) <= len(pickle.dumps(model))
    assert vars(same).keys() == vars(model).keys()


@each_case
def test_the_model_that_goes_in_is_untouched_and_shares_nothing(case):
    model, X, _ = fitted(case)
    before = pickle.dumps(model)
    surgeon = surgeon_for(model)
    surgeon.apply(X)
    surgeon.in_bag()
    for keep in [*masks(surgeon.table), surgeon.table.is_split]:
        for member in surgeon.cut(keep).estimators_:
            member.tree_.value[...] = -1
            member.tree_.threshold[...] = 0
    assert pickle.dumps(model) == before


@each_case
def test_equal_cuts_have_equal_pickles(case):
    model, _, _ = fitted(case)
    surgeon, rng = surgeon_for(model), np.random.default_rng(0)
    for keep in [*masks(surgeon.table), surgeon.table.is_split]:
        pickles = set()
        for _ in range(4):
            litter = [rng.bytes(64 * int(n)) for n in np.diff(surgeon.table.offsets)]
            del litter
            pickles.add(pickle.dumps(surgeon.cut(keep)))
        assert len(pickles) == 1


# What trees saw.


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case not in ("extra trees", "extra trees of numbers")],
)
def test_in_bag_rows_are_those_that_the_trees_counted(case, weighted):
    n_rows = len(CASES[case][1](return_X_y=True)[1])
    weight = np.random.default_rng(0).uniform(0.1, 3, n_rows) if weighted else None
    model, X, _ = fitted(case, sample_weight=weight)
    in_bag = surgeon_for(model).in_bag()
    assert len(in_bag) == len(model.estimators_)
    for own, rows, member in zip(member_columns(model, X), in_bag, model.estimators_, strict=True):
        tree = member.tree_
        leaves = tree.children_left == -1
        # Scikit-learn passes repetitions as weights, or as rows: both count each row seen.
        counts = [
            np.bincount(member.apply(own[seen]), minlength=tree.node_count)[leaves]
            for seen in (np.unique(rows), rows)
        ]
        assert any(np.array_equal(tree.n_node_samples[leaves], count) for count in counts)
        assert len(np.unique(rows)) < n_rows


@pytest.mark.parametrize("case", ["extra trees", "extra trees of numbers"])
def test_trees_that_saw_all_rows_have_no_bag(case):
    model, _, _ = fitted(case)
    assert surgeon_for(model).in_bag() is None


OUT_OF_BAG = [
    pytest.param(RandomForestClassifier, load_wine, "oob_decision_function_", id="forest"),
    pytest.param(RandomForestRegressor, load_diabetes, "oob_prediction_", id="forest reg"),
    pytest.param(BaggingClassifier, load_wine, "oob_decision_function_", id="bagging"),
    pytest.param(BaggingRegressor, load_diabetes, "oob_prediction_", id="bagging reg"),
]


@pytest.mark.parametrize(("kind", "load", "attribute"), OUT_OF_BAG)
def test_out_of_bag_attributes_go_with_the_first_split_and_not_before(kind, load, attribute):
    X, y = load(return_X_y=True)
    model = kind(n_estimators=60, oob_score=True, bootstrap=True, random_state=0).fit(X, y)
    surgeon = surgeon_for(model)
    same = surgeon.cut(surgeon.table.is_split)
    assert same.oob_score_ == model.oob_score_
    assert_array_equal(getattr(same, attribute), getattr(model, attribute))
    one_gone = surgeon.table.is_split.copy()
    one_gone[surgeon.table.levels[-1][0]] = False
    smaller = surgeon.cut(one_gone)
    assert not hasattr(smaller, "oob_score_")
    assert not hasattr(smaller, attribute)
    assert hasattr(model, "oob_score_")
    assert hasattr(model, attribute)
    assert smaller.oob_score is True


# Members.


def _with_a_member_that_missed_a_class():
    X, y = load_iris(return_X_y=True)
    model = BaggingClassifier(TREE, n_estimators=3, random_state=0).fit(X, WORDS[y])
    seen = y != 1
    model.estimators_[1] = DecisionTreeClassifier(random_state=0).fit(X[seen], y[seen])
    return model, X


def test_a_member_that_missed_a_class_votes_for_those_it_knows():
    model, X = _with_a_member_that_missed_a_class()
    surgeon = surgeon_for(model)
    own = surgeon.table.tree == 1
    assert (surgeon.table.value[own][:, 0, 1] == 0).all()
    assert (surgeon.table.value[own][:, 0, 2] > 0).any()
    assert_array_equal(surgeon.mean_value(surgeon.apply(X))[:, 0], model.predict_proba(X))
    for keep in masks(surgeon.table):
        smaller = surgeon.cut(keep)
        ends = survivors(surgeon.table, keep)[surgeon.apply(X)]
        assert_array_equal(smaller.predict_proba(X), surgeon.mean_value(ends)[:, 0])
        assert smaller.estimators_[1].tree_.value.shape[2] == 2


def test_a_member_that_misses_a_class_is_found_in_small_samples():
    X, y = load_wine(return_X_y=True)
    model = BaggingClassifier(TREE, n_estimators=8, max_samples=3, random_state=0).fit(X, y)
    surgeon = surgeon_for(model)
    assert_array_equal(surgeon.mean_value(surgeon.apply(X))[:, 0], model.predict_proba(X))


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (BaggingClassifier(LogisticRegression(max_iter=5000), n_estimators=2), "LogisticReg"),
        (BaggingRegressor(KNeighborsRegressor(), n_estimators=2), "KNeighborsRegressor"),
        (BaggingClassifier(RandomForestClassifier(2), n_estimators=2), "RandomForestClassifier"),
    ],
    ids=["linear", "neighbours", "forests"],
)
def test_bagging_over_anything_but_trees_is_refused_by_name(model, name):
    X, y = load_iris(return_X_y=True)
    message = f"{type(model).__name__} holds members of type {name}.*DecisionTreeClassifier"
    with pytest.raises(UnsupportedModelError, match=message):
        surgeon_for(model.fit(X / X.max(axis=0), y))


@pytest.mark.parametrize("kind", sorted({type(model) for model, _ in CASES.values()}, key=str))
def test_an_ensemble_that_is_not_fitted_says_so(kind):
    with pytest.raises(NotFittedError, match=kind.__name__):
        surgeon_for(kind())


# Kinds of input.


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor])
def test_several_outputs_are_cut_together(kind):
    X, y = load_wine(return_X_y=True)
    targets = np.column_stack([y, np.arange(len(y)) % 4])
    model = kind(**SMALL, n_jobs=1).fit(X, targets)
    surgeon = surgeon_for(model)
    for keep in [*masks(surgeon.table), surgeon.table.is_split]:
        mean = surgeon.mean_value(survivors(surgeon.table, keep)[surgeon.apply(X)])
        smaller = surgeon.cut(keep)
        if kind is RandomForestRegressor:
            assert_array_equal(smaller.predict(X), mean[:, :, 0])
        else:
            for output, proba in enumerate(smaller.predict_proba(X)):
                assert_array_equal(proba, mean[:, output, : proba.shape[1]])


@pytest.mark.parametrize("case", ["forest", "bagging", "some columns", "columns drawn twice"])
def test_frames_and_sparse_rows_are_taken_as_the_model_takes_them(case):
    _, load = CASES[case]
    frame, y = load(return_X_y=True, as_frame=True)
    model = clone(CASES[case][0]).fit(frame, y)
    expected = surgeon_for(model).apply(frame)
    assert_array_equal(
        surgeon_for(model).cut(surgeon_for(model).table.is_split).predict(frame),
        model.predict(frame),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        assert_array_equal(surgeon_for(model).apply(frame.to_numpy()), expected)
        assert_array_equal(surgeon_for(model).apply(csr_matrix(frame)), expected)


def test_sample_weights_survive():
    weight = np.random.default_rng(0).uniform(0.5, 2, 178)
    model, _, _ = fitted("extra trees", sample_weight=weight)
    surgeon = surgeon_for(model)
    smaller = surgeon.cut(masks(surgeon.table)[2])
    for member in smaller.estimators_:
        assert member.tree_.weighted_n_node_samples[0] == pytest.approx(weight.sum())


def test_monotonic_constraints_survive():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(300, 2))
    y = X[:, 0] + rng.normal(size=300)
    model = RandomForestRegressor(monotonic_cst=[1, 0], **SMALL).fit(X, y)
    surgeon = surgeon_for(model)
    for keep in masks(surgeon.table):
        smaller = surgeon.cut(keep)
        assert smaller.monotonic_cst == [1, 0]
        grid = np.column_stack([np.linspace(0, 1, 200), np.full(200, 0.5)])
        # The mean of monotone trees is monotone but for the rounding of the sum.
        assert (np.diff(smaller.predict(grid)) >= -1e-12).all()


def test_a_cut_forest_grows_on_in_a_warm_start():
    model, X, y = fitted("warm start")
    surgeon = surgeon_for(model)
    smaller = surgeon.cut(masks(surgeon.table)[2])
    kept = [pickle.dumps(member.tree_) for member in smaller.estimators_]
    smaller.set_params(n_estimators=8).fit(X, y)
    assert [pickle.dumps(member.tree_) for member in smaller.estimators_[:6]] == kept
    assert len(smaller.estimators_) == 8
    assert len(model.estimators_) == 6


# Trees that go, and values that change.


def _votes(surgeon, X, keep_split, keep_tree, value):
    end = survivors(surgeon.table, keep_split)[surgeon.apply(X)][keep_tree]
    return value[end].mean(axis=0)[:, 0]


@each_case
def test_an_ensemble_of_fewer_trees_votes_with_these(case):
    model, X, _ = fitted(case)
    model.set_params(n_jobs=None)
    surgeon = surgeon_for(model)
    table, before = surgeon.table, pickle.dumps(model)
    rng = np.random.default_rng(0)
    known = np.ones_like(table.value, dtype=bool)
    if isinstance(model, BaggingClassifier):  # a member has no column for what it missed
        for t, member in enumerate(model.estimators_):
            known[table.tree == t] = np.isin(np.arange(known.shape[2]), member.classes_)
    for keep in [*masks(table), table.is_split]:
        keep_tree = rng.random(table.n_trees) < 0.5
        keep_tree[rng.integers(table.n_trees)] = True
        drawn = np.where(known, rng.random(table.value.shape), 0)
        for value in (None, drawn):
            smaller = surgeon.cut(keep, keep_tree=keep_tree, value=value)
            assert smaller.n_estimators == len(smaller.estimators_) == keep_tree.sum()
            used = table.value if value is None else value
            expected = _votes(surgeon, X, keep, keep_tree, used)
            expected = expected if surgeon.is_classifier else expected[:, 0]
            np.testing.assert_allclose(answers(smaller, X), expected, rtol=1e-12, atol=1e-15)
            assert len(pickle.dumps(smaller)) <= len(before)
            for member in smaller.estimators_:
                member.tree_.value[...] = -1
    assert pickle.dumps(model) == before


@pytest.mark.parametrize(
    "case", ["forest", "max_samples", "bagging", "some columns", "columns drawn twice"]
)
def test_samples_and_columns_stay_those_of_the_trees_that_stay(case):
    model, _, _ = fitted(case)
    surgeon = surgeon_for(model)
    keep_tree = np.array([True, False, False, True, True, False])
    smaller = surgeon.cut(surgeon.table.is_split, keep_tree=keep_tree)
    for name in ("estimators_samples_", "estimators_features_"):
        if hasattr(model, name):
            for old, new in zip(np.flatnonzero(keep_tree), getattr(smaller, name), strict=True):
                assert_array_equal(getattr(model, name)[old], new)


@pytest.mark.parametrize(("kind", "load", "attribute"), OUT_OF_BAG)
def test_out_of_bag_attributes_go_with_a_tree_and_with_a_value(kind, load, attribute):
    X, y = load(return_X_y=True)
    model = kind(n_estimators=60, oob_score=True, bootstrap=True, random_state=0).fit(X, y)
    surgeon = surgeon_for(model)
    table = surgeon.table
    for change in ({"keep_tree": np.arange(60) > 0}, {"value": table.value}):
        smaller = surgeon.cut(table.is_split, **change)
        assert not hasattr(smaller, "oob_score_")
        assert not hasattr(smaller, attribute)
    assert hasattr(surgeon.cut(table.is_split, keep_tree=np.ones(60, bool)), attribute)


def test_values_of_several_outputs_change_together():
    X, y = load_diabetes(return_X_y=True)
    model = RandomForestRegressor(**SMALL).fit(X, np.column_stack([y, -y]))
    surgeon = surgeon_for(model)
    table, keep = surgeon.table, masks(surgeon.table)[2]
    keep_tree = np.arange(6) < 4
    value = np.random.default_rng(0).normal(size=table.value.shape)
    end = survivors(table, keep)[surgeon.apply(X)][keep_tree]
    smaller = surgeon.cut(keep, keep_tree=keep_tree, value=value)
    np.testing.assert_allclose(smaller.predict(X), value[end].mean(axis=0)[:, :, 0])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keep_tree": np.zeros(6, bool)}, "keeps 0 trees of 6.*at least one must be True"),
        ({"keep_tree": np.ones(5, bool)}, r"shape \(5,\)"),
        ({"value": np.zeros(3)}, r"value has shape \(3,\); give an array like table.value: \("),
    ],
)
def test_cuts_of_the_wrong_shape_are_refused(change, words):
    surgeon = surgeon_for(fitted("forest")[0])
    with pytest.raises(InputError, match=words):
        surgeon.cut(surgeon.table.is_split, **change)
