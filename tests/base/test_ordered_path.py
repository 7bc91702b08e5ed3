"""Ordered paths: what each level keeps and counts, and at which threshold it is cut."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skprune.base._ordered_path import OrderedPath, remaining, removal_levels


class Toy(OrderedPath):
    """A path of units of different weights."""

    def __init__(self, *args, weight=1, **kwargs):
        self._weight = weight
        super().__init__(None, *args, unit="units", **kwargs)

    def _sizes(self, n_levels):
        return {"weight": remaining(self._removed_at, n_levels, self._weight)}

    def _build(self, index):
        return self.mask(index)

    def report(self, index):
        return self.levels.loc[[index]]


def test_an_order_alone_gives_rank_shares():
    path = Toy(removal_levels(np.array([2, 0, 1]), 3))
    assert not hasattr(path, "scores")
    assert_allclose(path.rank_shares, [2 / 3, 1, 1 / 3])
    assert path.units.tolist() == [3, 2, 1]
    masks = [path.cut(threshold=threshold).tolist() for threshold in path.levels["threshold"]]
    assert masks == [[True, True, True], [True, True, False], [False, True, False]]
    for threshold in (-1, 0.2, 1 / 3, 0.5, 2 / 3, 0.9):
        assert_array_equal(path.cut(threshold=threshold), path.rank_shares > threshold + 1e-9)


def test_equal_scores_are_parted_by_count_alone():
    scores = np.array([3.0, 1.0, 1.0, 2.0])
    order = np.array([1, 2, 3, 0])
    path = Toy(removal_levels(order, 4), scores[order], scores)
    assert path.scores is scores
    assert_allclose(path.levels["threshold"], [-np.inf, np.nan, np.sqrt(2), np.sqrt(6)])
    assert path.cut(keep=3).tolist() == [True, False, True, True]
    assert path.locate(threshold=1.0) == 2


def test_the_last_units_may_be_removed_too():
    scores = np.array([1.0, np.inf, 2.0])
    removed_at = removal_levels(np.array([0, 2]), 3)
    path = Toy(removed_at, scores[[0, 2]], scores, n_levels=3)
    assert path.units.tolist() == [3, 2, 1]
    assert path.levels["threshold"].iloc[-1] == 2.0  # nothing removable lies above
    assert path.cut(threshold=99).tolist() == [False, True, False]


def test_units_of_one_level_are_removed_together():
    scores = np.array([[1.0, 2.0], [1.0, 3.0]])
    path = Toy(np.array([[1, 2], [1, 3]]), np.array([1.0, 2.0, 3.0]), scores)
    assert path.units.tolist() == [4, 2, 1]
    assert path.mask(1).tolist() == [[False, True], [False, True]]


def test_what_the_whole_does_not_have_is_at_no_level():
    removed_at = np.array([0, 2, 1])
    path = Toy(removed_at, np.array([0.1, 0.2]), np.array([0.0, 0.2, 0.1]))
    assert path.units.tolist() == [2, 1]
    assert path.mask(0).tolist() == [False, True, True]
    empty = Toy(np.zeros(3, dtype=int), np.empty(0), np.zeros(3))
    assert empty.levels[["keep", "units"]].to_numpy().tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("weight", "left", "kind"),
    [
        (1, [3, 2, 1], "i"),
        (np.array([5, 7, 1]), [13, 12, 7], "i"),
        (np.array([True, False, True]), [2, 1, 0], "i"),
        (np.array([0.5, 0.25, 1.0]), [1.75, 0.75, 0.25], "f"),
        (np.array([np.nan, 7.0, 1.0]), [np.nan, np.nan, 7.0], "f"),
    ],
    ids=str,
)
def test_amounts_are_those_of_the_units_that_are_left(weight, left, kind):
    found = Toy(removal_levels(np.array([2, 0, 1]), 3), weight=weight).levels["weight"]
    assert found.dtype.kind == kind
    assert_array_equal(found, left)
