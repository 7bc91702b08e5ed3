"""Level passes, compared with plain recursion; pruned tables, compared with naive routing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skprune.arrays.nodes import (
    NO_NODE,
    NodeTable,
    bottom_up_max,
    bottom_up_sum,
    check_children,
    compact,
    depths,
    preorder,
    route,
    splice,
    survivors,
    top_down_min,
)
from tests._trees import (
    ancestors,
    cut_table,
    naive_depth,
    naive_preorder,
    naive_route,
    node_tables,
    per_node,
    reproducible,
    rows,
    subtree,
    tied,
)

masked = per_node(st.booleans(), dtype=bool)


def table_of(left, right, *ends):
    """Return a table with the given children and zeros elsewhere; `ends` are tree ends."""
    left, right = np.array(left), np.array(right)
    n_nodes = len(left)
    zeros = np.zeros(n_nodes)
    return NodeTable(
        left=left,
        right=right,
        feature=np.zeros(n_nodes, dtype=int),
        threshold=zeros,
        missing_left=zeros.astype(bool),
        value=np.zeros((n_nodes, 1, 1)),
        weight=zeros,
        impurity=zeros,
        offsets=np.array([0, *ends]),
    )


@reproducible
@given(node_tables())
def test_counts_parents_depths_and_levels_follow_from_the_children(table):
    splits = [node for node in range(table.n_nodes) if table.left[node] != NO_NODE]
    assert_array_equal(np.flatnonzero(table.is_split), splits)
    assert table.n_splits == len(splits)
    assert table.n_leaves == table.n_nodes - len(splits)
    paths = [ancestors(table, node) for node in range(table.n_nodes)]
    assert_array_equal(table.parent, [path[1] if len(path) > 1 else NO_NODE for path in paths])
    assert_array_equal(table.depth, [len(path) - 1 for path in paths])
    assert_array_equal(table.roots[table.tree], [path[-1] for path in paths])
    by_depth = [sorted(level) for level in table.levels]
    deepest = max((table.depth[node] for node in splits), default=-1)
    assert by_depth == [
        [node for node in splits if table.depth[node] == depth] for depth in range(deepest + 1)
    ]


@reproducible
@given(node_tables())
def test_check_children_accepts_any_tree(table):
    check_children(table)


@reproducible
@given(per_node(tied))
def test_bottom_up_sum_covers_the_subtree(drawn):
    table, amount = drawn
    before = amount.copy()
    expected = [amount[subtree(table, node)].sum() for node in range(table.n_nodes)]
    assert_array_equal(bottom_up_sum(table, amount), expected)
    assert_array_equal(amount, before)


@reproducible
@given(per_node(tied, width=2))
def test_bottom_up_sum_handles_columns_separately(drawn):
    table, amount = drawn
    expected = [bottom_up_sum(table, column) for column in amount.T]
    assert_array_equal(bottom_up_sum(table, amount), np.transpose(expected))


@reproducible
@given(per_node(tied))
def test_bottom_up_max_covers_the_subtree(drawn):
    table, score = drawn
    before = score.copy()
    expected = [score[subtree(table, node)].max() for node in range(table.n_nodes)]
    assert_array_equal(bottom_up_max(table, score), expected)
    assert_array_equal(score, before)


@reproducible
@given(per_node(tied))
def test_top_down_min_covers_the_path_from_the_root(drawn):
    table, score = drawn
    before = score.copy()
    expected = [score[ancestors(table, node)].min() for node in range(table.n_nodes)]
    assert_array_equal(top_down_min(table, score), expected)
    assert_array_equal(score, before)


@reproducible
@given(masked)
def test_survivor_is_the_topmost_collapsed_node(drawn):
    table, mask = drawn
    keep = mask & table.is_split
    for node, survivor in enumerate(survivors(table, keep)):
        above = ancestors(table, node)[1:]
        collapsed = [split for split in above if not keep[split]]
        assert survivor == (collapsed[-1] if collapsed else node)


@reproducible
@given(masked)
def test_preorder_matches_recursion(drawn):
    table, mask = drawn
    keep = mask & table.is_split
    order, offsets, depth = preorder(table, keep)
    expected = [naive_preorder(table, root, keep) for root in table.roots]
    assert_array_equal(order, np.concatenate(expected))
    assert_array_equal(np.diff(offsets), [len(nodes) for nodes in expected])
    assert offsets[0] == 0
    assert_array_equal(depth, [naive_depth(table, root, keep) for root in table.roots])


@reproducible
@given(masked)
def test_preorder_is_idempotent(drawn):
    table, mask = drawn
    smaller, _ = cut_table(table, mask & table.is_split)
    check_children(smaller)
    order, offsets, _ = preorder(smaller, smaller.is_split)
    assert_array_equal(order, np.arange(smaller.n_nodes))
    assert_array_equal(offsets, smaller.offsets)


@reproducible
@given(masked)
def test_compact_matches_a_naive_construction(drawn):
    table, keep_split = drawn
    keep_split &= table.is_split
    smaller, order = compact(table, keep_split)
    expected, same = cut_table(table, keep_split)
    assert_array_equal(order, same)
    for name in ("left", "right", "value", "weight", "impurity", "offsets"):
        assert_array_equal(getattr(smaller, name), getattr(expected, name))
    split = smaller.is_split
    for name in ("feature", "threshold", "missing_left"):
        assert_array_equal(getattr(smaller, name)[split], getattr(expected, name)[split])


@reproducible
@given(per_node(st.sampled_from([-1, -1, 0, 1]), dtype=int), rows)
def test_compact_after_splice_routes_like_the_spliced_tree(drawn, X):
    table, side = drawn
    child = np.where(side == 0, table.left, table.right)
    only_child = np.where((side >= 0) & table.is_split, child, NO_NODE)
    links = splice(table, only_child)
    smaller, order = compact(table, table.is_split, links)
    check_children(smaller)
    for i, row in enumerate(X):
        for t, root in enumerate(links[2]):
            node = root
            while table.is_split[node]:
                x = row[table.feature[node]]
                left = table.missing_left[node] if np.isnan(x) else x <= table.threshold[node]
                node = links[0][node] if left else links[1][node]
            assert order[route(smaller, X)[i, t]] == node


@reproducible
@given(node_tables(max_trees=1))
def test_depths_match_the_table(table):
    assert_array_equal(depths(table.left, table.right), table.depth)


@reproducible
@given(node_tables(), rows)
def test_route_matches_naive_routing(table, X):
    expected = [[naive_route(table, r, row, table.is_split) for r in table.roots] for row in X]
    assert_array_equal(route(table, X), expected)


@reproducible
@given(masked, rows)
def test_survivors_are_consistent_with_routing(drawn, X):
    table, mask = drawn
    keep = mask & table.is_split
    ends = survivors(table, keep)[route(table, X)]
    by_hand = [[naive_route(table, r, row, keep) for r in table.roots] for row in X]
    assert_array_equal(ends, by_hand)
    smaller, order = cut_table(table, keep)
    assert_array_equal(order[route(smaller, X)], ends)
    assert smaller.n_leaves == table.n_trees + len(set(order) & set(np.flatnonzero(keep)))


@pytest.mark.parametrize(
    ("missing_left", "leaf"), [(True, 1), (False, 2)], ids=["goes left", "goes right"]
)
def test_nan_follows_the_default_direction(missing_left, leaf):
    table = table_of([1, -1, -1], [2, -1, -1], 3)
    table = replace(table, missing_left=np.array([missing_left, False, False]))
    assert route(table, np.array([[np.nan]])).item() == leaf


def test_a_value_at_the_threshold_goes_left():
    table = table_of([1, -1, -1], [2, -1, -1], 3)
    assert_array_equal(route(table, np.array([[0.0], [np.nextafter(0, 1)]])), [[1], [2]])


def test_route_of_no_samples_is_empty():
    assert route(table_of([1, -1, -1], [2, -1, -1], 3), np.empty((0, 1))).shape == (0, 1)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (table_of([1, -1, -1], [3, -1, -1], 3), "outside its tree"),
        (table_of([-2, -1, -1], [2, -1, -1], 3), "outside its tree"),
        (table_of([1, -1, -1, -1], [3, -1, -1, -1], 3, 4), "outside its tree"),
        (table_of([-1, 2, -1, -1], [-1, 0, -1, -1], 1, 4), "outside its tree"),
        (table_of([1, -1, -1], [-1, -1, -1], 3), "has one child"),
        (table_of([-1, -1, -1], [2, -1, -1], 3), "has one child"),
        (table_of([1, -1, -1], [1, -1, -1], 3), "orphans or shared"),
        (table_of([1, 3, 3, -1, -1], [2, 4, 4, -1, -1], 5), "orphans or shared"),
        (table_of([-1, -1, -1], [-1, -1, -1], 3), "orphans or shared"),
        (table_of([1, 0, -1, -1], [2, 3, -1, -1], 4), "orphans or shared"),
        (table_of([-1, 2, 1, -1, -1], [-1, 3, 4, -1, -1], 5), r"Only 1 of 5 nodes"),
        (
            table_of([1, -1, -1, 3, -1], [2, -1, -1, 4, -1], 5),
            r"Only 3 of 5 nodes can be reached from a root",
        ),
    ],
    ids=[
        "beyond the end",
        "below none",
        "in the next tree",
        "in the previous tree",
        "no right child",
        "no left child",
        "both children equal",
        "two parents",
        "orphans",
        "the root is a child",
        "two nodes are each other's child",
        "a node is its own child",
    ],
)
def test_check_children_refuses_malformed_trees(table, message):
    with pytest.raises(ValueError, match=message):
        check_children(table)


@reproducible
@given(per_node(st.sampled_from([-1, -1, 0, 1]), dtype=int))
def test_splice_replaces_parents_by_children(drawn):
    table, choice = drawn
    chosen = np.where(choice == 0, table.left, table.right)
    only_child = np.where(table.is_split & (choice >= 0), chosen, NO_NODE)
    left, right, roots = splice(table, only_child)

    def naive(node):
        """The nodes of a tree in preorder, skipping removed splits."""
        if only_child[node] != NO_NODE:
            return naive(only_child[node])
        if table.left[node] == NO_NODE:
            return [node]
        return [node, *naive(table.left[node]), *naive(table.right[node])]

    order, offsets, depth = preorder(table, table.is_split, (left, right, roots))
    trees = [naive(root) for root in table.roots]
    assert_array_equal(order, np.concatenate(trees))
    assert_array_equal(offsets, np.cumsum([0, *map(len, trees)]))
    assert_array_equal(roots, [tree[0] for tree in trees])
    for node in order[table.is_split[order]]:
        assert left[node] == naive(table.left[node])[0]
        assert right[node] == naive(table.right[node])[0]
    assert len(depth) == table.n_trees
    untouched = splice(table, np.full(table.n_nodes, NO_NODE))
    for ours, theirs in zip(untouched, (table.left, table.right, table.roots), strict=True):
        assert_array_equal(ours, theirs)
