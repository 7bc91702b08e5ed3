"""Rebuilt trees: what they predict, what they hold, and what they leave alone."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from skprune.arrays.nodes import route, survivors
from skprune.criteria.weakest_link import random_scores, training_risk, weakest_link
from skprune.exceptions import UnsupportedModelError
from skprune.surgery import surgeon_for
from skprune.surgery._records import records
from tests._trees import naive_depth

RNG_SEED = 0


def with_gaps(X, share=0.2):
    """Return a table in which some values are missing."""
    gaps = np.random.default_rng(RNG_SEED).random(X.shape) < share
    return np.where(gaps, np.nan, X)


def several_targets(y):
    return np.column_stack([y, np.arange(len(y)) % 4, y > np.median(y)])


def _fit(model, load, change_X=lambda X: X, change_y=lambda y: y, **fit_params):
    X, y = load(return_X_y=True)
    X = change_X(X)
    return clone(model).fit(X, change_y(y), **fit_params), X


def _cases():
    classifier, regressor = DecisionTreeClassifier(random_state=0), DecisionTreeRegressor()
    weight = np.random.default_rng(0).integers(0, 4, 178).astype(float)
    words = np.array(["setosa", "versicolor", "virginica"])
    return {
        "classifier": (classifier, load_breast_cancer),
        "regressor": (regressor, load_diabetes),
        "extra classifier": (ExtraTreeClassifier(random_state=0), load_wine),
        "extra regressor": (ExtraTreeRegressor(random_state=0), load_diabetes),
        "best first": (
            DecisionTreeRegressor(max_leaf_nodes=40, random_state=0),
            load_diabetes,
        ),
        "outputs": (classifier, load_wine, lambda X: X, several_targets),
        "output numbers": (regressor, load_diabetes, lambda X: X, several_targets),
        "words": (classifier, load_iris, lambda X: X[:, :2], lambda y: words[y]),
        "missing": (classifier, load_wine, with_gaps),
        "missing numbers": (regressor, load_diabetes, with_gaps),
        "missing in extra": (ExtraTreeRegressor(random_state=0), load_diabetes, with_gaps),
        "absolute": (
            DecisionTreeRegressor(criterion="absolute_error", max_depth=6, random_state=0),
            load_diabetes,
        ),
        "weights": (classifier, load_wine, lambda X: X[:, :3], lambda y: y, weight),
    }


def fitted(name):
    model, load, *rest = _cases()[name]
    if len(rest) == 3:
        return _fit(model, load, *rest[:2], sample_weight=rest[2])
    return _fit(model, load, *rest)


each_case = pytest.mark.parametrize("case", _cases())


def masks(table):
    """Return keep-masks: none, some at random (also below cut splits), half, and all."""
    rng = np.random.RandomState(0)
    scores = random_scores(table, rng)
    return [
        np.zeros(table.n_nodes, dtype=bool),
        table.is_split & (rng.uniform(size=table.n_nodes) < 0.9),
        table.is_split & (scores > np.median(scores[table.is_split])),
        weakest_link(table, training_risk(table)) > 0,
    ]


def assert_sound(tree):
    """Check that a `Tree` is in preorder, without dead nodes, with true depth and leaves."""
    state = tree.__getstate__()
    nodes, n_nodes = state["nodes"], state["node_count"]
    left, right = nodes["left_child"], nodes["right_child"]
    assert len(nodes) == len(state["values"]) == n_nodes == tree.node_count == tree.capacity
    splits, leaf = np.flatnonzero(left != -1), left == -1
    assert_array_equal(leaf, right == -1)
    assert_array_equal(left[splits], splits + 1)
    children = np.concatenate([left[splits], right[splits]])
    assert (children > np.tile(splits, 2)).all()
    assert_array_equal(np.sort(children), np.arange(1, n_nodes))
    for field, marker in {"feature": -2, "threshold": -2.0, "missing_go_to_left": 0}.items():
        assert (nodes[field][leaf] == marker).all()
    assert (nodes["feature"][splits] >= 0).all()
    assert tree.n_leaves == leaf.sum()
    # Preorder with right > left + subtree: a walk that counts must meet them in this order.
    walk, stack = [], [0]
    while stack:
        node = stack.pop()
        walk.append(node)
        if left[node] != -1:
            stack += [right[node], left[node]]
    assert walk == list(range(n_nodes))


@each_case
def test_rebuilt_trees_predict_what_routing_by_hand_gives(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    table = surgeon.table
    for keep in masks(table):
        smaller = surgeon.cut(keep)
        end = survivors(table, keep & table.is_split)[route(table, np.float32(X))[:, 0]]
        value = table.value[end]
        if not surgeon.is_classifier:
            expected = value[:, :, 0] if surgeon.n_outputs > 1 else value[:, 0, 0]
            assert_array_equal(smaller.predict(X), expected)
            continue
        proba = smaller.predict_proba(X)
        for output, chance in enumerate(proba if surgeon.n_outputs > 1 else [proba]):
            assert_array_equal(chance, value[:, output, : chance.shape[1]])
        classes = model.classes_ if surgeon.n_outputs > 1 else [model.classes_]
        labels = [c[value[:, k].argmax(axis=1)] for k, c in enumerate(classes)]
        assert_array_equal(smaller.predict(X).reshape(len(X), -1).T, labels)


@each_case
def test_rebuilt_trees_are_sound_and_keep_their_records(case):
    model, _ = fitted(case)
    surgeon = surgeon_for(model)
    table, whole = surgeon.table, model.tree_.__getstate__()
    for keep in masks(table):
        keep = keep & table.is_split  # noqa: PLW2901 - leaves in a mask have no meaning
        tree = surgeon.cut(keep).tree_
        assert tree.max_depth == naive_depth(table, 0, keep)
        assert set(whole) == set(tree.__getstate__())
        if tree.node_count == table.n_nodes:
            continue
        assert_sound(tree)
        ends = np.unique(survivors(table, keep))
        assert tree.n_leaves == (~keep[ends]).sum()
        for field in ("impurity", "n_node_samples", "weighted_n_node_samples"):
            kept = np.sort(whole["nodes"][field][ends])
            assert_array_equal(np.sort(tree.__getstate__()["nodes"][field]), kept)


@each_case
def test_leaves_in_a_mask_have_no_meaning(case):
    model, _ = fitted(case)
    surgeon = surgeon_for(model)
    keep = masks(surgeon.table)[2]
    assert pickle.dumps(surgeon.cut(keep)) == pickle.dumps(
        surgeon.cut(keep & surgeon.table.is_split)
    )


@each_case
def test_keeping_all_changes_nothing(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    same = surgeon.cut(surgeon.table.is_split)
    assert same is not model
    assert same.tree_ is not model.tree_
    assert same.predict(X).tobytes() == model.predict(X).tobytes()
    assert_array_equal(same.apply(X), model.apply(X))  # also where nodes are not in preorder
    assert len(pickle.dumps(same)) <= len(pickle.dumps(model))
    assert vars(same).keys() == vars(model).keys()


@each_case
def test_the_model_that_goes_in_is_untouched_and_shares_nothing(case):
    model, X = fitted(case)
    before = pickle.dumps(model)
    answers = model.predict(X).tobytes()
    surgeon = surgeon_for(model)
    for keep in masks(surgeon.table):
        smaller = surgeon.cut(keep)
        for field in ("value", "threshold", "feature", "impurity"):
            assert not np.shares_memory(getattr(smaller.tree_, field), getattr(model.tree_, field))
        smaller.tree_.value[...] = -1
        smaller.tree_.threshold[...] = 0
    assert pickle.dumps(model) == before
    assert model.predict(X).tobytes() == answers


@each_case
def test_equal_cuts_have_equal_pickles(case):
    model, X = fitted(case)
    table, rng = surgeon_for(model).table, np.random.default_rng(0)
    for keep in [*masks(table), table.is_split]:
        pickles = set()
        # A deep copy leaves the bytes between the fields of a record to chance.
        for whole in [model, *(copy.deepcopy(model) for _ in range(4))]:
            litter = [rng.bytes(64 * n) for n in (10, 50, table.n_nodes)]
            del litter
            pickles.add(pickle.dumps(surgeon_for(whole).cut(keep)))
        assert len(pickles) == 1
        again = pickle.loads(pickles.pop())
        assert_array_equal(again.predict(X), surgeon_for(model).cut(keep).predict(X))


@each_case
def test_smaller_trees_have_smaller_pickles(case):
    model, _ = fitted(case)
    surgeon = surgeon_for(model)
    lengths = [len(pickle.dumps(surgeon.cut(keep))) for keep in masks(surgeon.table)[::2]]
    assert sorted(lengths) == lengths
    assert lengths[-1] < 0.7 * len(pickle.dumps(model))


@each_case
def test_a_cut_tree_can_be_read_and_cut_again(case):
    model, _ = fitted(case)
    surgeon = surgeon_for(model)
    keep = masks(surgeon.table)[2]
    once = surgeon_for(surgeon.cut(keep))
    root_alone = once.cut(np.zeros(once.table.n_nodes, dtype=bool))
    assert root_alone.tree_.node_count == 1
    assert root_alone.tree_.max_depth == 0
    assert_array_equal(once.table.value[0], surgeon.table.value[0])


@pytest.mark.parametrize("missing_left", [True, False], ids=["left", "right"])
def test_missing_values_go_where_they_went(missing_left):
    #  The values of the gap are like those of one side, so that it goes there.
    x = np.array([0.0, 1, 2, 3, 4, 5, 6, 7, np.nan, np.nan])
    gap = 0.0 if missing_left else 1.0
    y = np.array([0, 0, 0, 0.2, 1, 1, 1, 1.3, gap, gap])
    model = DecisionTreeRegressor(random_state=0).fit(x[:, np.newaxis], y)
    surgeon = surgeon_for(model)
    assert surgeon.table.missing_left[0] == missing_left
    keep = np.arange(surgeon.table.n_nodes) == 0
    stump = surgeon.cut(keep)
    side = surgeon.table.left[0] if missing_left else surgeon.table.right[0]
    assert_array_equal(stump.predict([[np.nan]]), surgeon.table.value[side, 0])


def test_gaps_go_both_ways_in_the_cases_with_missing_values():
    for case in ("missing", "missing numbers", "missing in extra"):
        model, _ = fitted(case)
        table = surgeon_for(model).table
        assert 0 < table.missing_left[table.is_split].mean() < 1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("kind", [DecisionTreeClassifier, DecisionTreeRegressor])
def test_monotonic_constraints_survive(kind, sign):
    X = np.random.default_rng(0).uniform(size=(400, 2))
    y = sign * X[:, 0] + 0.5 * np.random.default_rng(1).normal(size=400)
    if kind is DecisionTreeClassifier:
        y = (y > np.median(y)).astype(int)
    model = kind(monotonic_cst=[sign, 0], random_state=0).fit(X, y)
    surgeon = surgeon_for(model)
    grid = np.linspace(0, 1, 200)
    for keep in masks(surgeon.table):
        smaller = surgeon.cut(keep)
        assert smaller.monotonic_cst == [sign, 0]
        for other in (0.1, 0.5, 0.9):
            rows = np.column_stack([grid, np.full(200, other)])
            value = (
                smaller.predict_proba(rows)[:, 1]
                if kind is DecisionTreeClassifier
                else smaller.predict(rows)
            )
            assert (sign * np.diff(value) >= 0).all()


def test_trees_that_grow_best_first_are_read_in_their_own_order():
    model, _ = fitted("best first")
    table = surgeon_for(model).table
    splits = np.flatnonzero(table.is_split)
    assert (table.left[splits] != splits + 1).any()  # else this case would show nothing


def test_the_table_holds_what_the_tree_holds():
    model, X = fitted("missing")
    surgeon, tree = surgeon_for(model), model.tree_
    table = surgeon.table
    for column, of_tree in {
        "left": tree.children_left,
        "right": tree.children_right,
        "feature": tree.feature,
        "threshold": tree.threshold,
        "missing_left": tree.missing_go_to_left,
        "value": tree.value,
        "weight": tree.weighted_n_node_samples,
        "impurity": tree.impurity,
    }.items():
        assert_array_equal(getattr(table, column), of_tree)
    assert_array_equal(surgeon.apply(X), [model.apply(X)])
    assert_array_equal(route(table, np.float32(X))[:, 0], model.apply(X))
    assert surgeon.in_bag() is None


@each_case
def test_mean_value_is_what_the_tree_answers(case):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    value = surgeon.mean_value(surgeon.apply(X))
    if surgeon.is_classifier:
        proba = model.predict_proba(X)
        for output, chance in enumerate(proba if surgeon.n_outputs > 1 else [proba]):
            assert_array_equal(value[:, output, : chance.shape[1]], chance)
    else:
        assert_array_equal(value[:, :, 0], model.predict(X).reshape(len(X), -1))


@each_case
def test_new_values_are_stored_in_nodes_that_stay_in_a_fresh_buffer(case):
    model, _ = fitted(case)
    surgeon = surgeon_for(model)
    table, before = surgeon.table, pickle.dumps(model)
    value = np.random.default_rng(0).normal(size=table.value.shape)
    for keep in [*masks(table), table.is_split]:
        stored = surgeon.cut(keep & table.is_split, keep_tree=np.array([True]), value=value)
        same = surgeon.cut(keep & table.is_split)
        one, other = stored.tree_.__getstate__(), same.tree_.__getstate__()
        assert one["nodes"].tobytes() == other["nodes"].tobytes()
        survived = survivors(table, keep & table.is_split) == np.arange(table.n_nodes)
        assert_array_equal(
            np.sort(stored.tree_.value, axis=None), np.sort(value[survived], axis=None)
        )
        assert not np.shares_memory(stored.tree_.value, value)
    whole = surgeon.cut(table.is_split, value=value)
    assert_array_equal(whole.tree_.value, value)
    assert pickle.dumps(model) == before


@each_case
def test_sizes_are_those_of_the_tree_and_sink_as_the_surgeon_says(case):
    model, _ = fitted(case)
    surgeon = surgeon_for(model)
    table = surgeon.table
    leaves, parameters, n_bytes = surgeon.size()
    state = model.tree_.__getstate__()
    assert leaves == model.get_n_leaves()
    assert parameters == 2 * table.n_splits + leaves * state["values"][0].size
    assert n_bytes == state["nodes"].nbytes + state["values"].nbytes
    keep = table.is_split & (masks(table)[2])
    gone = table.is_split & ~keep
    assert surgeon_for(surgeon.cut(keep)).size() == (
        leaves - gone.sum(),
        parameters - surgeon.split_parameters[gone].sum(),
        n_bytes - surgeon.split_bytes[gone].sum(),
    )


class TreeOfTheFuture:
    """Stands in for a `Tree` whose nodes have one more field."""

    def __init__(self, tree):
        self.state = tree.__getstate__()
        nodes = self.state["nodes"]
        wider = np.dtype([*((n, nodes.dtype[n]) for n in nodes.dtype.names), ("split_kind", "u1")])
        self.state["nodes"] = np.zeros(len(nodes), dtype=wider)
        self.node_count, self.value = len(nodes), self.state["values"]

    def __getstate__(self):
        return self.state


def test_a_node_field_that_is_not_known_is_refused():
    model, _ = fitted("classifier")
    with pytest.raises(UnsupportedModelError, match=r"fields \['split_kind'\].*would drop"):
        records(TreeOfTheFuture(model.tree_))
    model.tree_ = TreeOfTheFuture(model.tree_)
    with pytest.raises(UnsupportedModelError, match="split_kind"):
        surgeon_for(model)


def test_a_tree_that_was_edited_in_place_is_refused():
    model, _ = fitted("classifier")
    model.tree_.children_left[0] = -1
    with pytest.raises(ValueError, match="edited in place"):
        surgeon_for(model)


@pytest.mark.parametrize(
    "kind",
    [DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor],
)
def test_a_tree_that_is_not_fitted_says_so(kind):
    with pytest.raises(NotFittedError, match=kind.__name__):
        surgeon_for(kind())
