"""Encoded labels: positions among the known classes, whatever labels are made of."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skprune.arrays.labels import encode_labels, encode_targets

# Integers that floats hold exactly: pandas compares objects as Python does, without rounding.
INTEGERS = st.integers(-3, 3) | st.integers(-(2**53), 2**53)
FLOATS = st.floats() | st.integers(-3, 3).map(float)
TEXTS = st.text("ab0é\x00", max_size=3) | st.sampled_from(["0", "1", "True", "nan", "None"])
KINDS = {
    np.int64: INTEGERS,
    np.uint8: st.integers(0, 255),
    np.uint64: st.integers(0, 3) | st.integers(0, 2**53),
    np.float64: FLOATS,
    bool: st.booleans(),
    str: TEXTS,
    bytes: st.binary(max_size=2),
    object: INTEGERS | FLOATS | st.booleans() | TEXTS | st.none() | st.just(np.nan),
}


@st.composite
def label_arrays(draw, *, distinct):
    dtype = draw(st.sampled_from(list(KINDS)))
    values = np.array(draw(st.lists(KINDS[dtype], min_size=1, max_size=12)), dtype=dtype)
    return np.array(pd.unique(values), dtype=dtype) if distinct else values


def by_pandas(classes, labels):
    """Return the positions that an index of pandas finds, booleans being numbers."""
    known, asked = (
        pd.Index(a.astype(np.int64) if a.dtype == bool else a, dtype=object)
        for a in (classes, labels)
    )
    return known.get_indexer(asked)


@given(label_arrays(distinct=True), label_arrays(distinct=False))
def test_labels_are_found_as_an_index_of_pandas_finds_them(classes, labels):
    found = encode_labels(classes, labels)
    assert found.dtype == np.intp
    assert_array_equal(found, by_pandas(classes, labels))


@given(label_arrays(distinct=True), st.data())
def test_each_known_label_is_found_in_any_order_of_the_classes(classes, data):
    codes = data.draw(st.lists(st.integers(0, len(classes) - 1)))
    codes = np.array(codes, dtype=np.intp)
    assert_array_equal(encode_labels(classes, classes[codes]), codes)
    assert_array_equal(encode_labels(classes.astype(object), classes[codes]), codes)


@pytest.mark.parametrize(
    ("classes", "labels", "codes"),
    [
        ([0, 1], [True, False, True], [1, 0, 1]),
        ([False, True], [1.0, 0.0, 0.5], [1, 0, -1]),
        ([1, 2, 3], ["1", "2", "x"], [-1, -1, -1]),
        ([1.0, np.nan], [np.nan, 1, 2], [1, 0, -1]),
        (["a", "b"], np.array(["b", None, np.nan, "a"], dtype=object), [1, -1, -1, 0]),
        (["a", "bcd"], ["abc", "bc", "bcd"], [-1, -1, 1]),
        (np.array([2**53, 2**53 + 1]), np.array([2**53 + 1], dtype=np.uint64), [1]),
        ([], [1, 2], [-1, -1]),
        ([1, 2], [], []),
        (
            np.array(["2001-01-01", "NaT"], dtype="M8[s]"),
            np.array(["NaT", "2001-01-01", "2002-01-01"], dtype="M8[ns]"),
            [1, 0, -1],
        ),
    ],
)
def test_labels_of_other_types(classes, labels, codes):
    assert_array_equal(encode_labels(classes, labels), codes)


def test_targets_are_encoded_output_by_output():
    classes = [np.array([3, 5]), np.array(["a", "b"])]
    y = np.array([[5, "b"], [3, "c"]], dtype=object)
    assert_array_equal(encode_targets(classes, y), [[1, 1], [0, -1]])
    assert_array_equal(encode_targets(np.array([3, 5]), [5, 4, 3]), [[1], [-1], [0]])
