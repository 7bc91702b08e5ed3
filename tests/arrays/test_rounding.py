"""Scores rounded so that equal features have equal scores."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skprune.arrays.rounding import round_mantissa, round_scores


def test_scores_that_differ_by_rounding_are_equal():
    scores = np.array([0.1 + 0.2, 0.3, -0.3, np.nan])
    found = round_scores(scores)
    assert found[0] == found[1] == -found[2] == 0.3
    assert np.isnan(found[3])
    assert round_scores(scores, out=scores) is scores
    assert_array_equal(scores, found)


@given(st.floats(1e-280, 1e280), st.integers(-5, 5))
def test_numbers_of_any_size_keep_forty_bits(value, n_ulps):
    value = float(round_mantissa(value))
    near = value * (1 + n_ulps * np.finfo(float).eps)
    assert round_mantissa(near) == value
    assert_allclose(round_mantissa(value * np.pi), value * np.pi, rtol=2.0**-40)
    assert_array_equal(round_mantissa(np.array([0.0, -value, np.inf])), [0.0, -value, np.inf])
