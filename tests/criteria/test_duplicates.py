"""Duplicate columns, compared with pandas, and columns that must be distinguished."""

import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal
from scipy import sparse

from skprune.criteria.column_statistics import summarize
from skprune.criteria.duplicates import differ, first_duplicate


def test_duplicates_match_pandas():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (4, 60)).astype(float)
    X[rng.random(X.shape) < 0.2] = np.nan
    found = first_duplicate(summarize(X).digest, np.zeros(60, bool), np.zeros(60, bool))
    copies = pd.DataFrame(X).T.duplicated()
    assert_array_equal(found != np.arange(60), copies)
    assert not differ(X, np.arange(60), found).any()
    assert not differ(sparse.csc_array(X), np.arange(60), found).any()


def test_dtype_sign_of_zero_and_nan_payload_are_ignored():
    a = np.array([1.0, 0.0, np.nan, 4.0])
    b = np.array([1.0, -0.0, -np.nan, 4.0])
    digest = summarize(np.column_stack([a, b])).digest
    assert_array_equal(digest[0], digest[1])
    assert_array_equal(summarize(a.astype(np.float32)[:, None]).digest[0], digest[0])
    assert_array_equal(summarize(sparse.csc_array(a[:, None])).digest[0], digest[0])


def test_row_order_and_small_changes_are_distinguished():
    x = np.arange(1000.0)
    columns = [x, x[::-1], np.roll(x, 1), np.where(x == 500, np.nextafter(500, 501), x)]
    digest = summarize(np.column_stack(columns)).digest
    assert len(np.unique(digest[:, 0])) == len(np.unique(digest[:, 1])) == 4


def test_columns_with_priority_represent_the_others():
    digest = np.array([[1, 1], [2, 2], [1, 1], [1, 1], [2, 2]], dtype=np.uint64)
    none, nominal = np.zeros(5, bool), np.array([0, 0, 0, 0, 1], bool)
    assert first_duplicate(digest, none, none).tolist() == [0, 1, 0, 0, 1]
    assert first_duplicate(digest, none, np.arange(5) == 2).tolist() == [2, 1, 2, 2, 1]
    assert first_duplicate(digest, nominal, none).tolist() == [0, 1, 0, 0, 4]


def test_columns_with_the_same_hash_are_compared():
    X = np.array([[1.0, 1.0, np.nan], [2.0, 3.0, 2.0]])
    assert differ(X, np.array([1, 2, 0]), np.array([0, 0, 0])).tolist() == [True, True, False]
    assert differ(X, np.array([], dtype=int), np.array([], dtype=int)).tolist() == []
