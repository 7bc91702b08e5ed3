"""Rebuilt histogram boosting: packed records, categories, missing values, and its stages."""

import copy
import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from skprune.arrays.nodes import route, survivors
from skprune.criteria.weakest_link import training_risk
from skprune.exceptions import UnsupportedModelError
from skprune.surgery import surgeon_for
from tests._trees import subtree

SMALL = {"max_iter": 6, "min_samples_leaf": 4, "random_state": 0}
CASES = {
    "three classes": HistGradientBoostingClassifier(**SMALL),
    "two classes": HistGradientBoostingClassifier(**SMALL),
    "early stop": HistGradientBoostingClassifier(early_stopping=True, **SMALL),
    "regressor": HistGradientBoostingRegressor(early_stopping=True, scoring="r2", **SMALL),
    "absolute": HistGradientBoostingRegressor(loss="absolute_error", **SMALL),
    "quantile": HistGradientBoostingRegressor(loss="quantile", quantile=0.8, **SMALL),
    "missing": HistGradientBoostingRegressor(**SMALL),
    "columns of categories": HistGradientBoostingRegressor(categorical_features=[2, 7], **SMALL),
    "frame of categories": HistGradientBoostingRegressor(
        categorical_features="from_dtype", **SMALL
    ),
}
CATEGORICAL = ["columns of categories", "frame of categories"]
each_case = pytest.mark.parametrize("case", CASES)


def table_with_categories():
    """Numbers with gaps, and two columns of categories that matter, with gaps too."""
    X, y = load_diabetes(return_X_y=True)
    rng = np.random.default_rng(0)
    X = np.where(rng.random(X.shape) < 0.1, np.nan, X)
    X[:, 2], X[:, 7] = rng.integers(0, 30, len(X)), rng.integers(0, 9, len(X))
    y = y + 80 * (X[:, 2] % 3 == 1) + 60 * np.isin(X[:, 7], [1, 4, 8])
    X[::11, 2] = np.nan
    return X, y


def data_for(case):
    if case in CATEGORICAL:
        X, y = table_with_categories()
        if case == "frame of categories":
            X = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
            X["x2"], X["x7"] = X["x2"].astype("category"), X["x7"].astype("category")
        return X, y
    if "classes" in case or case == "early stop":
        X, y = load_wine(return_X_y=True)
        return X, (y == 1) if case == "two classes" else np.array(["a", "b", "c"])[y]
    X, y = load_diabetes(return_X_y=True)
    if case == "missing":
        X = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    return X, y


@cache
def _fitted(case):
    X, y = data_for(case)
    return pickle.dumps((clone(CASES[case]).fit(X, y), X))


def fitted(case):
    """A fitted model and its rows, fresh each time."""
    return pickle.loads(_fitted(case))


def raw(model, X):
    answer = getattr(model, "decision_function", model.predict)(X)
    return answer.reshape(len(X), -1)


def walk(model, X):
    """Send rows down every tree by plain code; nodes as numbers within their tree."""
    X = model._preprocess_X(X, reset=False)
    known, position = model._bin_mapper.make_known_categories_bitsets()
    return [[_walk(t, x, known, position) for x in X] for stage in model._predictors for t in stage]


def _has(bitset, category):
    return bool(bitset[category // 32] >> (category % 32) & 1)


def _walk(tree, x, known, position):
    node = 0
    while not (record := tree.nodes[node])["is_leaf"]:
        feature = record["feature_idx"]
        value = x[feature]
        if np.isnan(value):
            left = record["missing_go_to_left"]
        elif record["is_categorical"]:
            category = int(value)
            left = record["missing_go_to_left"]
            if category >= 0 and _has(known[position[feature]], category):
                left = _has(tree.raw_left_cat_bitsets[record["bitset_idx"]], category)
        else:
            left = value <= record["num_threshold"]
        node = int(record["left"] if left else record["right"])
    return node


def naive(surgeon, X, keep_split, keep_tree, value):
    total = surgeon.raw_init(X)
    end = survivors(surgeon.table, keep_split)[surgeon.apply(X)]
    for t in np.flatnonzero(keep_tree):
        total[:, surgeon.tree_column[t]] += surgeon.learning_rate * value[end[t], 0, 0]
    return total


def drawn(table, seed):
    rng = np.random.default_rng(seed)
    keep_tree = rng.random(table.n_trees) < 0.6
    keep_tree[rng.integers(table.n_trees)] = True
    return table.is_split & (rng.random(table.n_nodes) < 0.85), keep_tree, rng


@each_case
def test_leaves_are_those_of_a_plain_walk(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    leaf = np.array(walk(model, X)) + surgeon.table.roots[:, np.newaxis]
    assert_array_equal(surgeon.apply(X), leaf)
    if case not in CATEGORICAL:
        assert_array_equal(route(surgeon.table, X).T, leaf)


def test_categories_that_were_never_seen_go_where_the_model_sends_them():
    model, X = fitted("columns of categories")
    new = X[:50].copy()
    new[:, 2], new[:, 7] = 31, 200
    surgeon = surgeon_for(model)
    leaf = np.array(walk(model, new)) + surgeon.table.roots[:, np.newaxis]
    assert_array_equal(surgeon.apply(new), leaf)


@each_case
def test_raw_scores_are_sums_over_what_stays(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    table, everything = surgeon.table, np.ones(surgeon.table.n_trees, dtype=bool)
    assert_allclose(raw(model, X), naive(surgeon, X, table.is_split, everything, table.value))
    before = pickle.dumps(model)
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
                for tree in surgeon_for(smaller)._trees:
                    tree.nodes["value"] = -1
                    tree.raw_left_cat_bitsets[...] = 0
    assert pickle.dumps(model) == before


@each_case
def test_keeping_all_changes_nothing(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    same = surgeon.cut(surgeon.table.is_split)
    assert raw(same, X).tobytes() == raw(model, X).tobytes()
    assert len(pickle.dumps(same)) <= len(pickle.dumps(model))
    assert vars(same).keys() == vars(model).keys()
    assert_array_equal(same.train_score_, model.train_score_)
    for old, new in zip(surgeon._trees, surgeon_for(same)._trees, strict=True):
        assert old.nodes.tobytes() == new.nodes.tobytes()
        assert old.nodes.dtype == new.nodes.dtype
        assert not np.shares_memory(old.nodes, new.nodes)


@each_case
def test_a_cut_model_stands_alone(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    keep_split, keep_tree, _ = drawn(surgeon.table, 0)
    smaller = surgeon.cut(keep_split, keep_tree=keep_tree)
    pickled = pickle.dumps(smaller)
    assert len(pickled) < len(pickle.dumps(model))
    assert_array_equal(raw(pickle.loads(pickled), X), raw(smaller, X))
    assert_array_equal(list(smaller.staged_predict(X))[-1], smaller.predict(X))
    assert pickle.dumps(surgeon.cut(keep_split, keep_tree=keep_tree)) == pickled


# Records.


@each_case
def test_records_are_sound_after_a_cut(case):
    model, _ = fitted(case)
    surgeon = surgeon_for(model)
    keep_split, keep_tree, _ = drawn(surgeon.table, 1)
    smaller = surgeon_for(surgeon.cut(keep_split, keep_tree=keep_tree))
    lost = surgeon.size()[2] - smaller.size()[2]
    assert lost > 0
    for tree in smaller._trees:
        nodes, leaf = tree.nodes, tree.nodes["is_leaf"].astype(bool)
        splits = np.flatnonzero(~leaf)
        assert_array_equal(nodes["left"][splits], splits + 1)
        assert (nodes["right"][splits] > splits + 1).all()
        for field in ("left", "right", "feature_idx", "is_categorical", "bitset_idx"):
            assert (nodes[field][leaf] == 0).all()
        n_categorical = nodes["is_categorical"].sum()
        assert tree.raw_left_cat_bitsets.shape == tree.binned_left_cat_bitsets.shape
        assert len(tree.raw_left_cat_bitsets) == n_categorical
        rows = nodes["bitset_idx"][nodes["is_categorical"].astype(bool)]
        assert_array_equal(np.sort(rows), np.arange(n_categorical))
        assert tree.get_n_leaf_nodes() == leaf.sum() == (len(nodes) + 1) // 2


@each_case
def test_sizes_sink_as_the_surgeon_says(case):
    model, _ = fitted(case)
    surgeon = surgeon_for(model)
    keep = drawn(surgeon.table, 0)[0]
    # What lies below a collapsed split goes too.
    gone = surgeon.table.is_split & (survivors(surgeon.table, keep) != np.arange(len(keep)))
    gone |= surgeon.table.is_split & ~keep
    leaves, parameters, n_bytes = surgeon.size()
    assert surgeon_for(surgeon.cut(keep)).size() == (
        leaves - gone.sum(),
        parameters - surgeon.split_parameters[gone].sum(),
        n_bytes - surgeon.split_bytes[gone].sum(),
    )


@pytest.mark.parametrize("case", CATEGORICAL)
def test_categorical_columns_are_those_of_the_table(case):
    model, X = fitted(case)
    table = surgeon_for(model).table
    categorical = np.concatenate([t.nodes["is_categorical"] for s in model._predictors for t in s])
    assert categorical.any()
    assert set(table.feature[categorical.astype(bool)]) <= {2, 7}
    assert (table.feature[table.is_split] < X.shape[1]).all()
    numeric = table.is_split & ~categorical.astype(bool)
    values = np.asarray(X, dtype=float)
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    threshold, feature = table.threshold[numeric], table.feature[numeric]
    present = np.isfinite(threshold)
    assert (threshold >= low[feature])[present].all()
    assert (threshold <= high[feature])[present].all()


def test_a_node_field_that_is_not_known_is_refused():
    model, _ = fitted("two classes")
    tree = model._predictors[0][0]
    wider = np.dtype([*tree.nodes.dtype.descr, ("split_kind", "u1")])
    tree.nodes = np.zeros(len(tree.nodes), dtype=wider)
    with pytest.raises(UnsupportedModelError, match=r"fields \['split_kind'\]"):
        surgeon_for(model)


# Traps.


@pytest.mark.parametrize("case", ["three classes", "absolute", "missing"])
def test_splits_are_on_the_scale_of_their_leaves(case):
    model, _ = fitted(case)
    table = surgeon_for(model).table
    stored = np.concatenate([t.nodes["value"] for stage in model._predictors for t in stage])
    assert_array_equal(stored[~table.is_split], table.value[~table.is_split, 0, 0])
    for node in np.flatnonzero(table.is_split)[:60]:
        leaves = [n for n in subtree(table, node) if not table.is_split[n]]
        mean = np.average(stored[leaves], weights=table.weight[leaves])
        assert table.value[node, 0, 0] == pytest.approx(mean, abs=1e-12)


def test_collapse_values_are_ten_times_smaller_than_what_splits_store():
    model, _ = fitted("missing")  # learning_rate=0.1
    table = surgeon_for(model).table
    stored = np.concatenate([t.nodes["value"] for stage in model._predictors for t in stage])
    inner = table.is_split & (table.parent >= 0)
    ratio = stored[inner] / table.value[inner, 0, 0]
    assert np.median(ratio) == pytest.approx(10)


@each_case
def test_the_risk_falls_by_the_gain_of_each_split(case):
    model, _ = fitted(case)
    table = surgeon_for(model).table
    gain = np.concatenate([t.nodes["gain"] for stage in model._predictors for t in stage])
    risk = training_risk(table)
    splits = np.flatnonzero(table.is_split)
    fall = risk[splits] - risk[table.left[splits]] - risk[table.right[splits]]
    rows = table.weight[table.roots][table.tree[splits]]
    assert_allclose(fall * rows, gain[splits], rtol=1e-9, atol=1e-9 * abs(gain).max())
    assert (risk[~table.is_split] == 0).all()


# Stages.


@each_case
def test_the_first_stages_are_those_of_the_staged_model(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    staged = list(model.staged_predict(X))
    for k in range(1, len(staged)):
        keep_tree = np.arange(surgeon.table.n_trees) < k * surgeon.n_values_per_stage
        first = surgeon.cut(surgeon.table.is_split, keep_tree=keep_tree)
        assert_array_equal(first.predict(X), staged[k - 1])
        assert first.n_iter_ == first.max_iter == k
        assert_array_equal(first.train_score_, model.train_score_[: k + 1])
        assert_array_equal(first.validation_score_, model.validation_score_[: k + 1])


def test_trees_move_up_in_their_class_and_leaves_of_zero_fill_the_places():
    model, _ = fitted("early stop")
    surgeon = surgeon_for(model)
    keep = np.zeros((6, 3), dtype=bool)
    keep[[1, 3], 0], keep[4, 1] = True, True
    smaller = surgeon.cut(surgeon.table.is_split, keep_tree=keep.ravel())
    assert [len(stage) for stage in smaller._predictors] == [3, 3]
    for stage, column, old in [(0, 0, 1), (1, 0, 3), (0, 1, 4)]:
        nodes = smaller._predictors[stage][column].nodes
        assert_array_equal(nodes, model._predictors[old][column].nodes)
    for stage, column in [(1, 1), (0, 2), (1, 2)]:
        nodes = smaller._predictors[stage][column].nodes
        assert len(nodes) == 1
        assert nodes["value"][0] == 0
    assert smaller.train_score_.size == smaller.validation_score_.size == 0
    assert smaller.n_iter_ == smaller.max_iter == 2


def test_a_cut_model_grows_on_in_a_warm_start():
    X, y = data_for("two classes")
    model = HistGradientBoostingClassifier(warm_start=True, **SMALL).fit(X, y)
    surgeon = surgeon_for(model)
    smaller = surgeon.cut(drawn(surgeon.table, 0)[0])
    first = raw(smaller, X)
    smaller.set_params(max_iter=8).fit(X, y)
    assert_array_equal(list(smaller.staged_decision_function(X))[5].ravel(), first[:, 0])


@each_case
def test_the_beginning_is_what_is_left_without_trees(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    zero = surgeon.cut(surgeon.table.is_split, value=np.zeros_like(surgeon.table.value))
    assert_array_equal(surgeon.raw_init(X), raw(zero, X))
    twin = copy.deepcopy(model)
    surgeon.raw_init(X)[...] = 9
    assert_array_equal(raw(twin, X), raw(model, X))
    assert surgeon.learning_rate == 1.0
