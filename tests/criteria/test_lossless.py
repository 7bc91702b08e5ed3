"""What goes without changing a prediction, against enumeration of the rows there are."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

from skprune.arrays.nodes import NO_NODE, NodeTable, preorder, route, splice
from skprune.criteria.lossless import dead_branches, duplicate_trees, equal_children
from skprune.surgery import surgeon_for
from tests._trees import ancestors, node_tables, reproducible, rows, single_tree, subtree

FIELDS = ("feature", "threshold", "missing_left", "value", "weight", "impurity")


def spliced(table, only_child):
    """Return the table of the trees without the splits that are taken out."""
    links = splice(table, only_child)
    order, offsets, _ = preorder(table, table.is_split, links)
    position = np.full(table.n_nodes + 1, NO_NODE)
    position[order] = np.arange(len(order))
    left, right = (position[side[order]] for side in links[:2])
    return NodeTable(
        left=left, right=right, offsets=offsets, **{f: getattr(table, f)[order] for f in FIELDS}
    )


def predict(table, X):
    return table.value[route(table, X)]


def naive_equal(table, node):
    leaves = [below for below in subtree(table, node) if table.left[below] == NO_NODE]
    return len({table.value[leaf].tobytes() for leaf in leaves}) == 1


@reproducible
@given(node_tables(), st.integers(1, 2), rows)
def test_splits_above_equal_leaves_are_found_and_collapsed(table, n_kinds, X):
    table = replace(table, value=np.floor(table.value[:, :, :n_kinds] / 3))
    leaf = equal_children(table)
    found = leaf != NO_NODE
    expected = [
        table.left[node] != NO_NODE and naive_equal(table, node) for node in range(table.n_nodes)
    ]
    assert_array_equal(found, expected)
    smaller = spliced(table, np.where(found, table.left, NO_NODE))
    assert_array_equal(predict(smaller, X), predict(table, X))
    assert (equal_children(smaller) == NO_NODE).all()
    for node in np.flatnonzero(found):
        assert leaf[node] in subtree(table, node)
        assert table.left[leaf[node]] == NO_NODE


def test_values_have_to_be_equal_to_the_bit():
    left, right = np.array([1, -1, -1]), np.array([2, -1, -1])
    value = np.array([0.0, 0.3, np.nextafter(0.3, 1)]).reshape(3, 1, 1)
    zeros = np.zeros(3)
    table = NodeTable(
        left, right, np.zeros(3, int), zeros, zeros, value, zeros, zeros, np.array([0, 3])
    )
    assert_array_equal(equal_children(table), [NO_NODE] * 3)
    value[2] = 0.3
    assert_array_equal(equal_children(table), [1, NO_NODE, NO_NODE])


def naive_dead(table, node, values, ordered):
    """The only reachable child, by enumeration of the feature's values."""

    def goes_left(split, x):
        if np.isnan(x):
            return bool(table.missing_left[split])
        return bool(x <= table.threshold[split])

    column, sides = table.feature[node], set()
    way = ancestors(table, node)
    for x in values:
        obeys = all(
            goes_left(above, x) == (table.left[above] == below)
            for below, above in pairwise(way)
            if table.feature[above] == column and ordered[above]
        )
        if obeys:
            sides.add(goes_left(node, x))
    if len(sides) != 1 or not ordered[node]:
        return NO_NODE
    return table.left[node] if sides.pop() else table.right[node]


def values_around(thresholds, dtype, *, missing):
    """Representatives of all values that some threshold distinguishes."""
    near = np.unique(thresholds).astype(dtype)
    near = np.concatenate([np.nextafter(near, dtype(side)) for side in (-9e9, 9e9)] + [near])
    near = np.concatenate([near, [-9e9, 9e9], near.astype(dtype) + dtype(0.1)])
    return [*near.astype(dtype), *([np.nan] if missing else [])]


@reproducible
@given(node_tables(max_splits=12), st.booleans(), st.booleans(), st.integers(0, 2**32 - 1), rows)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unreachable_branches_are_found_and_removed(dtype, table, missing, alike, seed, X):
    rng = np.random.default_rng(seed)
    # Few columns, and thresholds with no float32 between them.
    threshold = table.threshold + 1e-12 * rng.integers(-1, 2, table.n_nodes)
    table = replace(table, threshold=threshold, feature=np.minimum(table.feature, int(alike)))
    values = values_around(threshold[table.is_split], dtype, missing=missing)
    found = dead_branches(table, missing=missing, dtype=dtype)
    ordered = table.is_split
    expected = [
        naive_dead(table, node, values, ordered) if ordered[node] else NO_NODE
        for node in range(table.n_nodes)
    ]
    assert_array_equal(found, expected)
    X = X if missing else np.nan_to_num(X)
    smaller = spliced(table, found)
    assert_array_equal(predict(smaller, X), predict(table, X))
    assert (dead_branches(smaller, missing=missing, dtype=dtype) == NO_NODE).all()


@reproducible
@given(node_tables(max_splits=12), st.integers(0, 2**32 - 1))
def test_categorical_splits_are_ignored(table, seed):
    column_is_ordered = np.random.default_rng(seed).random(3) < 0.5
    ordered = table.is_split & column_is_ordered[table.feature]
    values = values_around(table.threshold[table.is_split], np.float32, missing=True)
    expected = [
        naive_dead(table, node, values, ordered) if ordered[node] else NO_NODE
        for node in range(table.n_nodes)
    ]
    assert_array_equal(dead_branches(table, ordered=ordered), expected)


def test_a_branch_reachable_by_nan_only_is_kept():
    # x <= 1, then x <= 2 to the left of it: only NaN could be above 2 there.
    left, right = np.array([1, 3, -1, -1, -1]), np.array([2, 4, -1, -1, -1])
    zeros = np.zeros(5)
    table = NodeTable(
        left,
        right,
        feature=np.zeros(5, int),
        threshold=np.array([1.0, 2.0, -2, -2, -2]),
        missing_left=np.array([True, False, False, False, False]),
        value=np.zeros((5, 1, 1)),
        weight=zeros,
        impurity=zeros,
        offsets=np.array([0, 5]),
    )
    assert (dead_branches(table) == NO_NODE).all()
    assert_array_equal(dead_branches(table, missing=False), [-1, 3, -1, -1, -1])
    away = replace(table, missing_left=np.zeros(5, bool))  # NaN went to node 2 before
    assert_array_equal(dead_branches(away), [-1, 3, -1, -1, -1])


def test_thresholds_beyond_float32_and_infinity():
    left, right = np.array([1, -1, -1]), np.array([2, -1, -1])
    zeros, never, ends = np.zeros(3), np.zeros(3, dtype=bool), np.array([0, 3])
    table = NodeTable(left, right, np.zeros(3, int), zeros, never, zeros, zeros, zeros, ends)
    for threshold in (1e39, np.inf):
        one = replace(table, threshold=np.array([threshold, -2, -2]))
        assert dead_branches(one)[0] == NO_NODE  # NaN goes right
    one = replace(table, threshold=np.array([np.inf, -2, -2]))
    assert dead_branches(one, missing=False, dtype=np.float64)[0] == 1


def joined(tables):
    shifts = np.cumsum([0, *(table.n_nodes for table in tables)])
    shifted = {
        side: np.concatenate(
            [
                np.where(getattr(table, side) == NO_NODE, NO_NODE, getattr(table, side) + shift)
                for table, shift in zip(tables, shifts, strict=False)
            ]
        )
        for side in ("left", "right")
    }
    rest = {f: np.concatenate([getattr(table, f) for table in tables]) for f in FIELDS}
    return NodeTable(**shifted, **rest, offsets=shifts)


def shuffled(tree, seed):
    """The same tree with its nodes in another order; the root is still first."""
    order = np.append(0, 1 + np.random.default_rng(seed).permutation(tree.n_nodes - 1))
    position = np.append(np.argsort(order), NO_NODE)
    sides = {side: position[getattr(tree, side)[order]] for side in ("left", "right")}
    rest = {f: getattr(tree, f)[order] for f in FIELDS}
    return NodeTable(**sides, **rest, offsets=tree.offsets)


def naive_key(table, node):
    if table.left[node] == NO_NODE:
        return table.value[node].tobytes()
    own = table.feature[node], table.threshold[node], table.missing_left[node]
    return *own, naive_key(table, table.left[node]), naive_key(table, table.right[node])


@reproducible
@given(node_tables(max_splits=3), st.lists(st.integers(0, 99), min_size=1, max_size=6))
def test_duplicate_trees_are_found_in_any_order_of_nodes(table, picks):
    trees = [shuffled(single_tree(table, pick % table.n_trees), pick) for pick in picks]
    trees[-1] = replace(trees[-1], weight=trees[-1].weight + 1, impurity=trees[-1].impurity + 1)
    many = joined(trees)
    keys = [naive_key(tree, 0) for tree in trees]
    assert_array_equal(duplicate_trees(many), [keys.index(key) for key in keys])


def test_trees_that_differ_anywhere_are_no_duplicates():
    X, y = make_classification(200, random_state=0)
    tree = surgeon_for(RandomForestClassifier(1, random_state=0).fit(X, y)).table
    split = np.flatnonzero(tree.is_split)[-1]
    leaf = np.flatnonzero(~tree.is_split)[-1]
    others = []
    for field, node, change in [
        ("feature", split, 1),
        ("threshold", split, 1e-9),
        ("missing_left", split, True),
        ("value", leaf, 1e-12),
    ]:
        changed = getattr(tree, field).copy()
        changed[node] = ~changed[node] if field == "missing_left" else changed[node] + change
        others.append(replace(tree, **{field: changed}))
    mirrored = replace(tree, left=tree.right, right=tree.left)
    # Other fields of leaves and splits are meaningless.
    value, threshold = tree.value.copy(), tree.threshold.copy()
    value[split], threshold[leaf] = -1, 7
    same = replace(tree, value=value, threshold=threshold)
    many = joined([tree, *others, mirrored, same])
    assert_array_equal(duplicate_trees(many), [0, 1, 2, 3, 4, 5, 0])


def test_hash_collisions_are_no_duplicates(monkeypatch):
    monkeypatch.setattr(
        "skprune.criteria.lossless._mixed", lambda records, _: np.zeros(len(records), np.uint64)
    )
    X, y = make_classification(200, random_state=0)
    forest = RandomForestClassifier(8, max_depth=1, random_state=0).fit(X, y)
    table = surgeon_for(forest).table
    assert_array_equal(duplicate_trees(table), np.arange(8))


def test_real_forests_predict_the_same():
    X, y = make_classification(500, 5, random_state=0)
    X = np.round(X, 1)
    forest = RandomForestClassifier(10, min_samples_leaf=5, random_state=0).fit(X, y)
    table = surgeon_for(forest).table
    table = replace(table, value=np.round(table.value))  # labels instead of shares
    rows = np.round(np.random.default_rng(0).normal(size=(2000, 5)), 2).astype(np.float32)
    smaller = spliced(table, dead_branches(table, missing=False))
    smaller = spliced(smaller, equal_children(smaller))
    assert smaller.n_nodes < 0.9 * table.n_nodes
    assert_array_equal(predict(smaller, rows), predict(table, rows))
