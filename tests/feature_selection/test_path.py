"""Paths of columns: masks, decisions and rankings."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skprune.exceptions import LevelError
from skprune.feature_selection._path import DecidedPath, RankedPath


def test_a_decision_has_two_levels():
    path = DecidedPath(np.array([True, False, True]))
    assert path.units.tolist() == [3, 2]
    assert_array_equal(path.cut(index=-1), [True, False, True])
    assert len(DecidedPath(np.ones(3, dtype=bool))) == 1
    with pytest.raises(LevelError, match="determines the selection by itself"):
        path.cut(threshold=0.5)


# Rankings.


def test_the_worst_goes_first_and_the_first_of_equals_stays():
    path = RankedPath(np.array([1.0, 3.0, np.nan, 3.0]))
    assert path.ranking.tolist() == [3, 1, 4, 2]
    assert path.units.tolist() == [4, 3, 2, 1]
    assert_array_equal(path.cut(keep=1), [False, True, False, False])
    assert_array_equal(path.cut(keep=3), [True, True, False, True])


def test_a_threshold_keeps_what_is_above_it():
    path = RankedPath(np.array([1.0, 3.0, 2.0]))
    for threshold in (-np.inf, 0.99, 1.0, 1.5, 2.0, 2.99):
        assert_array_equal(path.cut(threshold=threshold), path.scores > threshold)
    with pytest.raises(LevelError, match="keeps no feature: the highest score is 3"):
        path.cut(threshold=3.0)


@pytest.mark.parametrize("forced", [[], [1], [1, 4]])
@pytest.mark.parametrize("scores", [[1, 3, np.nan, 3, 2], [0, 0, 0, 0, 0], [5, 4, 3, 2, np.nan]])
def test_the_threshold_of_a_level_cuts_it_or_is_none_where_scores_tie(scores, forced):
    scores = np.array(scores, dtype=float)
    path = RankedPath(scores, forced=np.isin(np.arange(5), forced))
    reached = path.levels["threshold"].dropna()
    for index, threshold in reached.items():
        assert_array_equal(path.cut(threshold=threshold), path.cut(index=index))
    values = np.append(-np.inf, np.delete(scores, forced))
    values = values[values < (np.inf if forced else np.nanmax(scores))]
    assert {path.locate(threshold=value) for value in values} == set(reached.index)


def test_units_go_together_with_the_best_of_them():
    units = np.array([0, 1, 0, 2])
    path = RankedPath(np.array([1.0, 2.0, 3.0, 0.5]), units=units)
    assert path.scores.tolist() == [3.0, 2.0, 3.0, 0.5]
    assert path.ranking.tolist() == [1, 2, 1, 3]
    assert path.best.tolist() == [2, 1, 2, 3]
    assert path.units.tolist() == [4, 3, 2]
    assert_array_equal(path.cut(keep=2), [True, False, True, False])
    with pytest.raises(LevelError, match="Give at least keep=2"):
        path.cut(keep=1)


def test_forced_columns_stay_at_every_level():
    forced = np.array([False, False, True, True])
    path = RankedPath(np.array([1.0, 2.0, 0.0, 0.5]), forced=forced)
    assert path.ranking.tolist() == [3, 2, 1, 1]
    assert path.units.tolist() == [4, 3, 2]
    assert all(path.cut(index=index)[forced].all() for index in range(3))
    assert_array_equal(path.cut(threshold=np.inf), forced)
    assert len(RankedPath(np.zeros(2), forced=np.ones(2, dtype=bool))) == 1


def test_an_order_of_its_own_counts_scores_down():
    path = RankedPath(np.array([5.0, 1.0, 4.0, 0.0]), order=np.array([1, 0]))
    assert path.ranking.tolist() == [2, 1, 3, 4]
    assert_array_equal(path.cut(keep=1), [False, True, False, False])
    with pytest.raises(LevelError):  # the first pick scored 1: none behind it counts more
        path.cut(threshold=1.0)
    assert path.cut(threshold=0.5).sum() == 3
