"""The greedy walk and its threshold path, compared with a double loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from skprune.criteria import redundancy
from skprune.criteria.redundancy import (
    closest_pairs,
    greedy_walk,
    order_by_priority,
    threshold_path,
    tiles_of_units,
    whole_matrix,
    whole_tile,
)


def naive_walk(matrix, threshold, n_forced=0):
    kept = []
    for j in range(len(matrix)):
        if j < n_forced or all(abs(matrix[i, j]) <= threshold for i in kept):
            kept.append(j)
    return np.isin(np.arange(len(matrix)), kept)


def naive_path(matrix):
    """Repeat the walk just below the largest strength within the set until it is 0."""
    masks, breaks, threshold = [naive_walk(matrix, 1.0)], [], 1.0
    while True:
        inner = np.triu(np.abs(matrix), 1)[np.ix_(masks[-1], masks[-1])]
        if not (threshold := inner.max()):
            return np.array(masks), np.array(breaks)
        breaks.append(threshold)
        masks.append(naive_walk(matrix, np.nextafter(threshold, -1)))


def blocked(matrix, *edges):
    """Divide a matrix into tiles; the second value lists the computed tiles."""
    blocks = [slice(*ends) for ends in zip((0, *edges), (*edges, len(matrix)), strict=True)]
    made = []

    def make(i, j):
        made.append((i, j))
        return matrix[blocks[i], blocks[j]]

    return (make, blocks), made


# Few distinct values, so that most are tied.
strengths = st.integers(1, 9).flatmap(
    lambda n: hnp.arrays(np.float64, (n, n), elements=st.integers(-4, 4).map(lambda i: i / 4))
)


@settings(deadline=None)
@given(strengths, st.sampled_from([0.0, 0.25, 0.3, 0.5, 1.0]))
def test_walk_matches_a_double_loop(matrix, threshold):
    walk = greedy_walk(*whole_tile(matrix), threshold)
    assert_array_equal(walk.kept, naive_walk(matrix, threshold))
    inner = np.triu(np.abs(matrix), 1)[np.ix_(walk.kept, walk.kept)]
    assert inner.max() <= threshold
    for j in np.flatnonzero(~walk.kept):
        i = walk.nearest[j]
        assert walk.kept[i]
        assert i < j
        assert walk.value[j] == matrix[i, j]
        assert abs(matrix[i, j]) > threshold


@settings(deadline=None)
@given(strengths)
def test_path_holds_every_set(matrix):
    masks, breaks = threshold_path(matrix)
    expected_masks, expected_breaks = naive_path(matrix)
    assert_array_equal(masks, expected_masks)
    assert_array_equal(breaks, expected_breaks)


@pytest.mark.parametrize("edges", [(3,), (1, 4, 8), (5, 6, 7)])
@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.9])
def test_tile_size_does_not_change_the_walk(edges, threshold):
    matrix = np.corrcoef(np.random.default_rng(0).normal(size=(10, 6)))
    whole = greedy_walk(*whole_tile(matrix), threshold)
    tiled, _ = blocked(matrix, *edges)
    for one, other in zip(whole, greedy_walk(*tiled, threshold), strict=True):
        assert_array_equal(one, other)
    above = np.triu_indices(10, 1)
    assert_array_equal(whole_matrix(*tiled)[above], matrix[above])


def test_no_tile_is_computed_for_a_block_without_kept_columns():
    matrix = np.ones((9, 9))
    tiled, made = blocked(matrix, 3, 6)
    greedy_walk(*tiled, 0.5)
    assert made == [(0, 0), (0, 1), (1, 1), (0, 2), (2, 2)]


def test_path_of_a_larger_table_matches_walks():
    rng = np.random.default_rng(0)
    matrix = np.corrcoef(rng.normal(size=(120, 20)) @ rng.normal(size=(20, 40)))
    masks, breaks = threshold_path(matrix)
    assert masks.sum(axis=1)[0] == 120
    assert masks.sum(axis=1)[-1] == 1
    for mask, threshold in zip(masks, [*breaks, 0.0], strict=True):
        assert_array_equal(mask, naive_walk(matrix, threshold))
    for mask, threshold in zip(masks[1:], breaks, strict=True):
        assert_array_equal(mask, naive_walk(matrix, np.nextafter(threshold, 0)))


def test_path_is_not_nested():
    # The second column is removed for the first; the third, redundant with it, is kept again.
    matrix = np.array([[1.0, 0.8, 0.0], [0.8, 1.0, 0.9], [0.0, 0.9, 1.0]])
    masks, breaks = threshold_path(matrix)
    assert masks.tolist() == [[True, True, True], [True, True, False], [True, False, True]]
    assert breaks.tolist() == [0.9, 0.8]


@settings(deadline=None)
@given(strengths, st.integers(1, 4), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_forced_columns_are_kept_at_every_level(matrix, n_forced, threshold):
    n_forced = min(n_forced, len(matrix))
    walk = greedy_walk(*whole_tile(matrix), threshold, n_forced)
    assert_array_equal(walk.kept, naive_walk(matrix, threshold, n_forced))
    masks, breaks = threshold_path(matrix, n_forced)
    assert masks[:, :n_forced].all()
    for mask, limit in zip(masks, [*breaks, 0.0], strict=True):
        assert_array_equal(mask, naive_walk(matrix, limit, n_forced))
    for mask, limit in zip(masks[1:], breaks, strict=True):
        assert_array_equal(mask, naive_walk(matrix, np.nextafter(limit, -1), n_forced))


def test_forced_columns_come_first_and_units_are_adjacent(monkeypatch):
    monkeypatch.setattr(redundancy, "BLOCK_WIDTH", 4)
    priority = np.array([0.1, 0.5, 0.5, 0.3, 0.9, 0.2, 0.5])
    units = np.array([0, 1, 2, 0, 3, 4, 2])
    forced = units == 4
    layout = order_by_priority(priority, units, forced)
    assert layout.order.tolist() == [5, 4, 1, 2, 6, 3, 0]
    assert layout.starts.tolist() == [0, 1, 2, 3, 5]
    assert layout.sizes.tolist() == [1, 1, 1, 2, 2]
    assert layout.n_forced == 1
    assert layout.unit_of.tolist() == [4, 2, 3, 4, 1, 0, 3]
    assert layout.blocks == [slice(0, 3), slice(3, 5)]
    assert [part.tolist() for part in layout.members] == [[5, 4, 1], [2, 6, 3, 0]]
    wide = order_by_priority(priority, units, forced, np.array([1, 1, 9, 1, 1, 1, 9]))
    assert [part.tolist() for part in wide.members] == [[5, 4, 1], [2, 6], [3, 0]]


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 20), st.integers(0, 1000))
def test_strength_of_units_is_that_of_their_closest_columns(n_columns, n_units, width, seed):
    rng = np.random.default_rng(seed)
    signed = np.round(rng.uniform(-1, 1, (n_columns, n_columns)), 1)
    signed = np.triu(signed) + np.triu(signed, 1).T
    units = np.unique(rng.integers(0, n_units, n_columns), return_inverse=True)[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redundancy, "BLOCK_WIDTH", width)
        layout = order_by_priority(rng.random(n_columns), units, np.zeros(n_columns, dtype=bool))
    members = layout.members
    assert_array_equal(np.concatenate(members), layout.order)
    make = tiles_of_units(lambda i, j: signed[np.ix_(members[i], members[j])], layout)
    found = whole_matrix(make, layout.blocks)
    parts = np.split(layout.order, layout.starts[1:])
    for i, j in zip(*np.triu_indices(len(parts), 1), strict=True):
        between = signed[np.ix_(parts[i], parts[j])]
        assert abs(found[i, j]) == np.abs(between).max()
        assert found[i, j] in between


def test_closest_pairs_keep_their_sign():
    tile = np.array([[0.1, -0.9, 0.2], [0.5, 0.3, -0.2]])
    found = closest_pairs(tile, np.array([0]), np.array([0, 2]))
    assert found.tolist() == [[-0.9, 0.2]]
