"""Tables: what their columns hold, and tables that are made of others."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from scipy.sparse import csr_array, csr_matrix

from skprune.base._frames import (
    column_names,
    has_missing,
    is_frame,
    is_sparse,
    non_numeric_columns,
    read_numbers,
    refuse_non_finite,
    stack_rows,
    take_by_column,
    with_names_of,
)
from skprune.exceptions import InputError

VALUES = {"a": [1.5, None, -2.0], "b": [True, False, None], "c": ["x", None, "y"], "d": [1, 2, 3]}
PANDAS = pd.DataFrame(VALUES).astype({"a": "Float64", "b": "boolean", "c": "category"})
POLARS = pl.DataFrame(VALUES)
frames = pytest.mark.parametrize("X", [PANDAS, POLARS], ids=["pandas", "polars"])


@frames
def test_numbers_are_read_with_nan_for_what_is_missing(X):
    expected = [[1.5, 1.0, 1], [np.nan, 0.0, 2], [-2.0, np.nan, 3]]
    found = read_numbers(X, np.array([0, 1, 3]))
    assert found.dtype == np.float64
    assert_array_equal(found, expected)
    for kind in (np.array, csr_array, csr_matrix):
        assert_array_equal(read_numbers(kind(expected), np.array([2, 0])), found[:, [2, 0]])


@frames
def test_columns_of_text_are_found(X):
    assert non_numeric_columns(X) == [2]
    assert column_names(X) == list("abcd")
    assert is_frame(X)


@pytest.mark.parametrize("kind", [np.asarray, csr_array, csr_matrix])
def test_arrays_have_no_names(kind):
    X = kind(np.eye(2))
    assert non_numeric_columns(X) == []
    assert column_names(X) is None
    assert not is_frame(X)
    assert with_names_of(X, np.eye(2)).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("value", [date(2024, 2, 29), timedelta(days=1), pd.Timestamp(0), "x"])
def test_text_and_dates_among_objects_are_found(value):
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [value, None, value]}, dtype=object)
    for table in (X, X.to_numpy(), X.to_numpy().tolist()):
        assert non_numeric_columns(table) == [1]
    assert non_numeric_columns([1, 2]) == []  # no table: refused elsewhere


@pytest.mark.parametrize(
    ("X", "missing"),
    [
        (PANDAS, True),
        (PANDAS[["d"]], False),
        (np.eye(2), False),
        (np.array([[1, None]], dtype=object), True),
        (csr_array([[0, np.nan]]), True),
        (csr_array([[0, 1.0]]), False),
    ],
)
def test_missing_values_are_found(X, missing):
    assert has_missing(X) is missing


def test_tables_of_sparse_columns_only_are_sparse():
    sparse = pd.DataFrame.sparse.from_spmatrix(csr_matrix(np.eye(2)))
    for table in (csr_array(np.eye(2)), csr_matrix(np.eye(2)), sparse):
        assert is_sparse(table)
    mixed = sparse.assign(dense=[1.0, 2.0])
    for table in (np.eye(2), mixed, mixed[[]], pl.DataFrame({"a": [1]}), [[1.0]]):
        assert not is_sparse(table)


@pytest.mark.parametrize(
    "kind", [pd.DataFrame, pl.DataFrame, np.asarray, csr_array, lambda X: X.astype(object)]
)
def test_columns_that_are_not_finite_are_named(kind):
    X = np.eye(3)
    refuse_non_finite(kind(X), missing=False)
    X[0, 2] = np.nan
    refuse_non_finite(kind(X), missing=True)
    with pytest.raises(InputError, match=r"1 feature\(s\) contain NaN\. .*2'"):
        refuse_non_finite(kind(X), missing=False)
    X[1, 1] = np.inf
    with pytest.raises(InputError, match=r"1 feature\(s\) contain infinity\. .*1'"):
        refuse_non_finite(kind(X), missing=True)


def test_tables_that_cannot_be_read_are_refused_with_the_way_out():
    arrow = type("Table", (), {"__module__": "pyarrow.lib"})()
    for table, way in [(arrow, r"X\.to_pandas\(\)"), (POLARS.lazy(), r"X\.collect\(\)")]:
        with pytest.raises(InputError, match=way):
            non_numeric_columns(table)


def test_missing_whole_numbers_of_object_arrays_are_read():
    X = np.array([[1, "a"], [pd.NA, "b"], [None, "c"]], dtype=object)
    assert_array_equal(read_numbers(X, np.array([0]))[:, 0], [1, np.nan, np.nan])


@frames
def test_numbers_get_the_names_of_a_frame(X):
    named = with_names_of(X, np.zeros((2, 4)))
    assert_frame_equal(named, pd.DataFrame(np.zeros((2, 4)), columns=list("abcd")))


SOURCES = np.array([[0, 1, 2, 2], [1, 1, 0, 2], [2, 0, 0, 0], [2, 2, 2, 1]])


@frames
def test_each_column_takes_its_values_from_rows_of_its_own(X):
    made = take_by_column(X, SOURCES)
    assert type(made) is type(X)
    assert list(made.columns) == list("abcd")
    assert list(made.dtypes) == list(X.dtypes)
    for i, rows in enumerate(SOURCES):
        column, own = (
            (made.iloc[:, i].tolist(), X.iloc[:, i].tolist())
            if X is PANDAS
            else (made[:, i].to_list(), X[:, i].to_list())
        )
        assert column == [own[row] for row in rows]


def test_columns_of_an_array_take_their_values_from_rows_of_their_own():
    X = np.arange(12.0).reshape(3, 4)
    made = take_by_column(X, SOURCES)
    assert_array_equal(made, [[X[row, i] for i, row in enumerate(rows)] for rows in SOURCES.T])
    assert_array_equal(take_by_column(X, list(SOURCES)), made)


def test_names_may_repeat_and_the_index_may_follow():
    X = pd.DataFrame([[1, "x"], [2, "y"]], columns=["a", "a"], index=["r", "s"])
    made = take_by_column(X, [[1, 0], [0, 0]], index_from=[1, 1])
    assert_frame_equal(
        made, pd.DataFrame([[2, "x"], [1, "x"]], columns=["a", "a"], index=["s", "s"])
    )
    assert list(take_by_column(X, [[1, 0], [0, 0]]).index) == [0, 1]


@frames
def test_rows_are_stacked(X):
    both = stack_rows(X, take_by_column(X, SOURCES))
    assert type(both) is type(X)
    assert both.shape == (7, 4)
    if X is PANDAS:
        assert list(both.index) == list(range(7))
    assert_array_equal(stack_rows(np.eye(2), np.ones((1, 2))), [[1, 0], [0, 1], [1, 1]])
