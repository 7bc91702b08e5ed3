"""Levels: what is allowed, what it means, and what the refusals say."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier

from skprune import CorrelationPruner, InformationPruner, RulePruner, TreePruner
from skprune.base import _path, _pruner
from skprune.base._levels import (
    TIE_RTOL,
    check_level,
    distinct,
    midpoints,
    slack,
    units_to_keep,
)
from skprune.exceptions import LevelError, PruningError, PruningWarning
from tests._trees import reproducible

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "keep",
    [1, 10**9, 1.0, 1e-9, np.int64(3), np.uint8(3), np.float32(0.5), Fraction(1, 3), None],
    ids=repr,
)
def test_counts_and_fractions_are_levels(keep):
    check_level(keep, None)


@pytest.mark.parametrize(
    "threshold",
    [0, -3, 0.5, -0.0, INF, -INF, np.int64(3), np.float32(0.5), np.float64(-INF), None],
    ids=repr,
)
def test_numbers_are_thresholds(threshold):
    check_level(None, threshold)


@pytest.mark.parametrize(
    "keep",
    [
        *(0, -1, 0.0, -0.5, 1.5, 2.0, np.nextafter(1, 2), np.int64(0)),
        *(NAN, INF, -INF, np.float64(NAN)),
        *(True, False, np.True_, "0.5", "half", [0.5], 1j),
    ],
    ids=repr,
)
def test_what_is_no_count_and_no_fraction_is_refused_by_value(keep):
    with pytest.raises(LevelError) as caught:
        check_level(keep, None)
    assert str(caught.value) == (
        f"keep={keep!r} is not a level. Allowed are an int of at least 1 (the number of units "
        "that are kept), a float in (0, 1] (the fraction that is kept) or None."
    )


@pytest.mark.parametrize(
    "threshold",
    [NAN, np.float64(NAN), True, np.False_, "0", [0.0], 1j, Fraction(1, 3), 10**400],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_number_is_refused_as_a_threshold(threshold):
    with pytest.raises(LevelError) as caught:
        check_level(None, threshold)
    assert str(caught.value) == (
        f"threshold={threshold!r} is not a level. Allowed is an int or a float, on the scale of "
        "the criterion's scores, or None."
    )


@pytest.mark.parametrize(("keep", "threshold"), [(3, 0.1), (0.5, 0), (1.0, -INF)])
def test_one_level_is_named_once(keep, threshold):
    message = f"Both keep={keep} and threshold={threshold} were given.*one of them to None"
    with pytest.raises(LevelError, match=message):
        check_level(keep, threshold)


def test_the_refusal_is_caught_as_a_value_error_and_as_one_of_ours():
    assert issubclass(LevelError, ValueError)
    assert issubclass(LevelError, PruningError)


@reproducible
@given(st.integers(1, 5000), st.data())
def test_a_fraction_that_was_a_count_finds_its_count(n_units, data):
    count = data.draw(st.integers(1, n_units))
    for keep in (count / n_units, np.float64(count) / n_units):
        assert units_to_keep(keep, n_units) == count


@pytest.mark.parametrize(
    ("keep", "n_units", "count"),
    [
        *((0.5, 9, 4), (0.5, 10, 5), (1.0, 7, 7), (0.999, 7, 6), (0.29, 100, 29)),
        *((1e-6, 7, 1), (0.3, 1, 1), (1, 7, 1), (7, 7, 7)),
        *((np.int32(3), 7, 3), (np.float32(0.5), 7, 3)),
    ],
)
def test_fractions_are_rounded_down_and_never_to_nothing(keep, n_units, count):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = units_to_keep(keep, n_units)
    assert kept == count
    assert isinstance(kept, int)


def test_more_units_than_there_are_is_all_of_them_with_a_warning():
    message = "keep=12 is more than the 7 leaves of the whole model; nothing is removed"
    with pytest.warns(PruningWarning, match=message):
        assert units_to_keep(12, 7, "leaves") == 7


# Ties.


@reproducible
@given(hnp.arrays(float, st.integers(0, 12), elements=st.integers(-3, 3).map(lambda i: i / 3)))
def test_distinct_scores_are_the_unique_ones(scores):
    assert_array_equal(distinct(scores), np.unique(scores))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_scores_that_differ_by_rounding_are_one_score_the_largest(scale, sign):
    noise = np.array([0, 1, 3, 2]) * 1e-16
    scores = sign * scale * (1 + noise)
    other = sign * scale * (1 + 4 * TIE_RTOL)
    expected = sorted([scores.max(), other])
    assert_array_equal(distinct(np.append(scores, other)), expected)


def test_distinct_leaves_its_input_as_it_is():
    scores = np.array([3.0, 1.0, 2.0])
    distinct(scores)
    assert_array_equal(scores, [3, 1, 2])


@pytest.mark.parametrize("threshold", [3.0, -3.0, 1e-300, 1e9])
def test_slack_reaches_over_rounding_and_no_further(threshold):
    assert slack(threshold) > threshold * (1 + 1e-12 * np.sign(threshold))
    assert slack(threshold) < threshold * (1 + 1e-8 * np.sign(threshold))


@pytest.mark.parametrize("threshold", [0.0, INF, -INF])
def test_zero_and_infinity_need_no_slack(threshold):
    assert slack(threshold) == threshold


ascending = st.lists(
    st.one_of(st.integers(-5, 5).map(float), st.floats(-1e9, 1e9, allow_subnormal=False)),
    min_size=1,
    max_size=8,
).map(lambda values: distinct(np.array(values)))


@reproducible
@given(ascending)
def test_midpoints_lie_between_their_neighbours(breaks):
    middle = midpoints(breaks)
    assert len(middle) == len(breaks) - 1
    assert (breaks[:-1] < middle).all()
    assert (middle < breaks[1:]).all()
    # Far enough that the slack of a cut there does not reach the next score.
    assert all(slack(m) < high for m, high in zip(middle, breaks[1:], strict=True))


def test_midpoints_are_geometric_between_penalties():
    breaks = np.array([-4.0, -2.0, 0.0, 1.0, 4.0, 100.0])
    assert_array_equal(midpoints(breaks), [-3, -1, 0.5, 2, 20])


# Fits.


@pytest.mark.parametrize(
    "pruner",
    [
        TreePruner(DecisionTreeClassifier(random_state=0), keep=5),
        TreePruner(DecisionTreeClassifier(random_state=0), criterion="lossless"),
        CorrelationPruner(keep=2),
        CorrelationPruner(threshold=0.5),
        InformationPruner(keep=2),
        RulePruner(),
    ],
    ids=str,
)
def test_a_fit_checks_its_level_once(monkeypatch, pruner):
    checked = []

    def check(keep, threshold):
        checked.append((keep, threshold))

    for module in (_path, _pruner):
        monkeypatch.setattr(module, "check_level", check)
    pruner.fit(*load_iris(return_X_y=True))
    assert checked == [(pruner.keep, pruner.threshold)]
