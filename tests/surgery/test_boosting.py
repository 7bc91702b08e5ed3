"""Rebuilt gradient boosting and AdaBoost: raw scores, stages, and what the model says of itself."""

import pickle
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import TreePruner
from skprune.arrays.nodes import route, survivors
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery import surgeon_for
from skprune.surgery.boosting import compact_stages, never_tied, with_leaf_means
from tests._trees import node_tables, reproducible, subtree

SMALL = {"n_estimators": 6, "random_state": 0}
CASES = {
    "three classes": GradientBoostingClassifier(**SMALL),
    "two classes": GradientBoostingClassifier(loss="exponential", **SMALL),
    "subsample": GradientBoostingClassifier(subsample=0.6, **SMALL),
    "other beginning": GradientBoostingClassifier(init=GaussianNB(), **SMALL),
    "from zero": GradientBoostingClassifier(init="zero", **SMALL),
    "early stop": GradientBoostingClassifier(n_iter_no_change=2, tol=0.5, random_state=0),
    "regressor": GradientBoostingRegressor(subsample=0.6, **SMALL),
    "absolute": GradientBoostingRegressor(loss="absolute_error", learning_rate=0.3, **SMALL),
    "quantile": GradientBoostingRegressor(loss="quantile", max_leaf_nodes=6, **SMALL),
    "linear beginning": GradientBoostingRegressor(init=LinearRegression(), **SMALL),
    "number from zero": GradientBoostingRegressor(init="zero", **SMALL),
}
each_case = pytest.mark.parametrize("case", CASES)


@cache
def _fitted(case):
    model = clone(CASES[case])
    if isinstance(model, GradientBoostingRegressor):
        X, y = load_diabetes(return_X_y=True)
    else:
        X, y = load_wine(return_X_y=True)
        y = (y == 1) if case == "two classes" else np.array(["a", "b", "c"])[y]
    return pickle.dumps((model.fit(X, y), X))


def fitted(case):
    """A fitted model and its rows, fresh each time."""
    return pickle.loads(_fitted(case))


def raw(model, X):
    """The raw scores, one column per tree of a stage."""
    answer = getattr(model, "decision_function", model.predict)(X)
    return answer.reshape(len(X), -1)


def naive(surgeon, X, keep_split, keep_tree, value):
    """Add up the values of the leaves that rows end in, tree after tree."""
    leaf = route(surgeon.table, np.float32(X))
    total = surgeon.raw_init(X)
    for t in np.flatnonzero(keep_tree):
        end = survivors(surgeon.table, keep_split)[leaf[:, t]]
        total[:, surgeon.tree_column[t]] += surgeon.learning_rate * value[end, 0, 0]
    return total


def drawn(table, seed):
    rng = np.random.default_rng(seed)
    keep_tree = rng.random(table.n_trees) < 0.6
    keep_tree[rng.integers(table.n_trees)] = True
    return table.is_split & (rng.random(table.n_nodes) < 0.85), keep_tree, rng


@each_case
def test_raw_scores_are_sums_over_what_stays(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    table, everything = surgeon.table, np.ones(surgeon.table.n_trees, dtype=bool)
    assert_array_equal(surgeon.apply(X), route(table, np.float32(X)).T)
    assert_allclose(raw(model, X), naive(surgeon, X, table.is_split, everything, table.value))
    for seed in range(2):
        keep_split, keep_tree, rng = drawn(table, seed)
        value = rng.normal(size=table.value.shape)
        for trees in (everything, keep_tree):
            for given_value in (None, value):
                smaller = surgeon.cut(keep_split, keep_tree=trees, value=given_value)
                used = table.value if given_value is None else given_value
                expected = naive(surgeon, X, keep_split, trees, used)
                assert_allclose(raw(smaller, X), expected, rtol=1e-12, atol=1e-12)
                assert type(smaller) is type(model)


@each_case
def test_the_model_that_goes_in_is_untouched_and_shares_nothing(case):
    model, X = fitted(case)
    before = pickle.dumps(model)
    surgeon = surgeon_for(model)
    for seed in range(2):
        keep_split, keep_tree, _ = drawn(surgeon.table, seed)
        value = surgeon.table.value.copy()
        smaller = surgeon.cut(keep_split, keep_tree=keep_tree, value=value)
        for member in smaller.estimators_.ravel():
            member.tree_.value[...] = -1
            member.random_state = 5
        smaller.train_score_[...] = 3
        assert_array_equal(value, surgeon.table.value)
    surgeon.apply(X)
    surgeon.raw_init(X)
    assert pickle.dumps(model) == before


@each_case
def test_keeping_all_changes_nothing(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    same = surgeon.cut(surgeon.table.is_split, keep_tree=np.ones(surgeon.table.n_trees, bool))
    assert raw(same, X).tobytes() == raw(model, X).tobytes()
    assert len(pickle.dumps(same)) <= len(pickle.dumps(model))
    assert vars(same).keys() == vars(model).keys()
    assert_array_equal(same.train_score_, model.train_score_)


# Traps.


@pytest.mark.parametrize("case", ["three classes", "absolute", "two classes"])
def test_splits_do_not_keep_the_means_that_they_were_grown_with(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    table = surgeon.table
    stored = np.concatenate([m.tree_.value for m in model.estimators_.ravel()])
    assert abs(stored - table.value)[table.is_split].max() > 0.05
    assert_array_equal(stored[~table.is_split], table.value[~table.is_split])
    roots = surgeon.cut(np.zeros(table.n_nodes, dtype=bool))
    for t, member in enumerate(roots.estimators_.ravel()):
        leaves = [n for n in subtree(table, table.roots[t]) if not table.is_split[n]]
        mean = np.average(stored[leaves, 0, 0], weights=table.weight[leaves])
        assert member.tree_.value[0, 0, 0] == pytest.approx(mean)
    expected = surgeon.raw_init(X)[:1] + 0  # no row is told apart
    assert np.ptp(raw(roots, X) - surgeon.raw_init(X), axis=0).max() < 1e-9
    assert expected.shape[1] == surgeon.n_values_per_stage


def test_squared_error_has_the_same_means_either_way():
    X, y = load_diabetes(return_X_y=True)
    model = GradientBoostingRegressor(**SMALL).fit(X, y)
    stored = np.concatenate([m.tree_.value for m in model.estimators_.ravel()])
    assert_allclose(surgeon_for(model).table.value, stored, rtol=1e-9, atol=1e-9)


@reproducible
@given(node_tables())
def test_means_of_leaves_are_those_of_plain_recursion(table):
    means = with_leaf_means(table).value
    for node in range(table.n_nodes):
        leaves = [n for n in subtree(table, node) if not table.is_split[n]]
        expected = np.average(table.value[leaves], axis=0, weights=table.weight[leaves])
        assert_allclose(means[node], expected, rtol=1e-12)


def test_leaves_without_weight_have_means_too():
    X, y = load_diabetes(return_X_y=True)
    model = GradientBoostingRegressor(**SMALL).fit(X, y)
    table = surgeon_for(model).table
    table.weight[...] = 0
    means = with_leaf_means(table).value
    assert np.isfinite(means).all()


@reproducible
@given(hnp.arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 4))))
def test_stages_hold_every_tree_that_stays_in_its_order(keep):
    rows = compact_stages(keep)
    assert len(rows) == max(1, keep.sum(axis=0).max())
    for column in range(keep.shape[1]):
        own = rows[:, column]
        stays = keep[own, column]
        assert_array_equal(own[stays], np.flatnonzero(keep[:, column]))
        assert (np.diff(stays.astype(int)) <= 0).all()  # those that fill places come last


# Stages.


@each_case
def test_the_first_stages_are_those_of_the_staged_model(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    staged = list(model.staged_predict(X))
    for k in range(1, len(staged) + 1):
        keep_tree = np.arange(surgeon.table.n_trees) < k * surgeon.n_values_per_stage
        first = surgeon.cut(surgeon.table.is_split, keep_tree=keep_tree)
        assert_array_equal(first.predict(X), staged[k - 1])
        assert first.n_estimators_ == len(first.estimators_) == k
        assert first.n_estimators == (k if k < len(staged) else model.n_estimators)
        assert_array_equal(first.train_score_, model.train_score_[:k])
        if hasattr(model, "oob_scores_"):
            assert_array_equal(first.oob_scores_, model.oob_scores_[:k])
            assert_array_equal(first.oob_improvement_, model.oob_improvement_[:k])
            assert first.oob_score_ == first.oob_scores_[-1]


def test_trees_move_up_in_their_class_and_leaves_of_zero_fill_the_places():
    model, X = fitted("subsample")
    surgeon = surgeon_for(model)
    keep = np.zeros((6, 3), dtype=bool)
    keep[[1, 3, 5], 0], keep[4, 1] = True, True
    smaller = surgeon.cut(surgeon.table.is_split, keep_tree=keep.ravel())
    assert smaller.estimators_.shape == (3, 3)
    assert smaller.n_estimators == smaller.n_estimators_ == 3
    for stage, column, old in [(0, 0, 1), (1, 0, 3), (2, 0, 5), (0, 1, 4)]:
        tree, whole = smaller.estimators_[stage, column].tree_, model.estimators_[old, column].tree_
        assert_array_equal(tree.value, whole.value)
    for stage, column in [(1, 1), (2, 1), (0, 2), (1, 2), (2, 2)]:
        tree = smaller.estimators_[stage, column].tree_
        assert tree.node_count == 1
        assert tree.value[0, 0, 0] == 0
    assert np.isnan(smaller.train_score_).all()
    assert len(smaller.train_score_) == 3
    assert not any(hasattr(smaller, name) for name in ("oob_score_", "oob_scores_"))
    assert_array_equal(list(smaller.staged_predict(X))[-1], smaller.predict(X))


@pytest.mark.parametrize("change", ["split", "value"])
def test_curves_go_with_the_first_change_of_a_tree(change):
    model, _ = fitted("subsample")
    surgeon = surgeon_for(model)
    keep, value = surgeon.table.is_split.copy(), None
    if change == "split":
        keep[surgeon.table.levels[-1][0]] = False
    else:
        value = surgeon.table.value
    smaller = surgeon.cut(keep, value=value)
    assert np.isnan(smaller.train_score_).all()
    assert not hasattr(smaller, "oob_improvement_")
    assert smaller.n_estimators == 6


def test_a_cut_model_grows_on_in_a_warm_start():
    X, y = load_wine(return_X_y=True)
    model = GradientBoostingClassifier(warm_start=True, **SMALL).fit(X, y)
    surgeon = surgeon_for(model)
    smaller = surgeon.cut(drawn(surgeon.table, 0)[0])
    first = raw(smaller, X)
    smaller.set_params(n_estimators=8).fit(X, y)
    assert_array_equal(list(smaller.staged_decision_function(X))[5], first)
    assert np.isfinite(smaller.train_score_[6:]).all()


# What a solver reads.


@each_case
def test_the_beginning_is_what_is_left_without_trees(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    zero = surgeon.cut(surgeon.table.is_split, value=np.zeros_like(surgeon.table.value))
    assert_allclose(surgeon.raw_init(X), raw(zero, X), rtol=1e-15)
    assert surgeon.n_values_per_stage == (3 if raw(model, X).shape[1] == 3 else 1)
    assert surgeon.tree_column.shape == (surgeon.table.n_trees,)


def test_frames_and_sparse_rows_are_taken_as_the_model_takes_them():
    frame, y = load_wine(return_X_y=True, as_frame=True)
    model = GradientBoostingClassifier(**SMALL).fit(frame, y)
    surgeon = surgeon_for(model)
    plain = surgeon_for(GradientBoostingClassifier(**SMALL).fit(frame.to_numpy(), y))
    assert_array_equal(surgeon.apply(frame), plain.apply(csr_matrix(frame)))
    assert_array_equal(surgeon.raw_init(frame), plain.raw_init(csr_matrix(frame)))


def test_sample_weights_weigh_the_means():
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).integers(1, 5, len(y)).astype(float)
    model = GradientBoostingRegressor(loss="huber", **SMALL).fit(X, y, weight)
    surgeon = surgeon_for(model)
    table, leaf = surgeon.table, surgeon.apply(X)
    for t in range(table.n_trees):
        mean = np.average(table.value[leaf[t], 0, 0], weights=weight)
        assert table.value[table.roots[t], 0, 0] == pytest.approx(mean)


# AdaBoost.


ADA = {
    "classifier": AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), **SMALL),
    "stumps": AdaBoostClassifier(**SMALL),
    "regressor": AdaBoostRegressor(DecisionTreeRegressor(max_depth=5), **SMALL),
    "regressor by default": AdaBoostRegressor(loss="square", **SMALL),
}


def ada(case):
    load = load_diabetes if "regressor" in case else load_wine
    X, y = load(return_X_y=True)
    return clone(ADA[case]).fit(X, y), X


@pytest.mark.parametrize("case", ADA)
def test_weights_and_errors_follow_the_members_of_adaboost(case):
    model, X = ada(case)
    surgeon = surgeon_for(model)
    table = surgeon.table
    assert_array_equal(surgeon.apply(X), route(table, np.float32(X)).T)
    keep_tree = np.arange(table.n_trees) % 2 == 0
    smaller = surgeon.cut(table.is_split, keep_tree=keep_tree)
    assert smaller.n_estimators == len(smaller.estimators_) == keep_tree.sum()
    kept = np.flatnonzero(keep_tree)
    assert_array_equal(smaller.estimator_weights_, model.estimator_weights_[kept])
    assert_array_equal(smaller.estimator_errors_, model.estimator_errors_[kept])
    by_hand = pickle.loads(pickle.dumps(model))
    by_hand.estimators_ = [by_hand.estimators_[t] for t in kept]
    by_hand.estimator_weights_ = by_hand.estimator_weights_[kept]
    assert_array_equal(smaller.predict(X), by_hand.predict(X))
    assert np.isfinite(smaller.feature_importances_).all()


@pytest.mark.parametrize("case", ADA)
def test_members_of_adaboost_are_cut_as_they_would_be_alone(case):
    model, X = ada(case)
    before = pickle.dumps(model)
    surgeon = surgeon_for(model)
    same = surgeon.cut(surgeon.table.is_split)
    assert_array_equal(same.predict(X), model.predict(X))
    assert len(pickle.dumps(same)) <= len(before)
    keep = drawn(surgeon.table, 0)[0]
    offsets = surgeon.table.offsets
    smaller = surgeon.cut(keep)
    for t, (whole, member) in enumerate(zip(model.estimators_, smaller.estimators_, strict=True)):
        alone = surgeon_for(whole).cut(keep[offsets[t] : offsets[t + 1]])
        assert pickle.dumps(member.tree_) == pickle.dumps(alone.tree_)
    assert pickle.dumps(model) == before


def test_adaboost_that_stopped_early_keeps_its_weights_true():
    X, y = load_wine(return_X_y=True)
    model = AdaBoostClassifier(DecisionTreeClassifier(), n_estimators=5).fit(X, y)
    assert len(model.estimators_) == 1 < len(model.estimator_weights_)
    surgeon = surgeon_for(model)
    stump = surgeon.cut(np.zeros(surgeon.table.n_nodes, bool))
    assert_array_equal(stump.predict(X), np.full(len(X), stump.predict(X[:1])))


def test_adaboost_over_anything_but_trees_is_refused_before_any_fit():
    model = AdaBoostClassifier(LogisticRegression())
    with pytest.raises(UnsupportedModelError, match="holds members of type LogisticRegression"):
        TreePruner(model).fit([[0], [1]], [0, 1])
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(UnsupportedModelError, match="holds members of type DummyRegressor"):
        surgeon_for(AdaBoostRegressor(DummyRegressor(), n_estimators=2).fit(X, y))


# What the pruner refuses.


@pytest.mark.parametrize("criterion", ["reduced_error", "pessimistic"])
@pytest.mark.parametrize("model", [GradientBoostingClassifier(), AdaBoostClassifier()])
def test_criteria_of_trees_that_predict_alone_are_refused(model, criterion):
    with pytest.raises(InputError, match=r"corrects those before it. Allowed for it are"):
        TreePruner(model, criterion=criterion).fit([[0], [1]], [0, 1])


@reproducible
@given(st.lists(st.integers(1, 30), min_size=1, max_size=6), st.booleans())
def test_ties_of_votes_are_found(weights, binary):
    signs = (-1, 1) if binary else (-1, 0, 1)
    sums = [np.dot(weights, s) for s in product(signs, repeat=len(weights)) if any(s)]
    assert never_tied(np.array(weights) / 7, signs) == (0 not in sums)


def test_too_many_votes_may_be_tied():
    weights = np.random.default_rng(0).random(60)
    assert never_tied(weights[:40], (-1, 1))
    assert not never_tied(weights, (-1, 1))
    assert not never_tied(weights[:27], (-1, 0, 1))
