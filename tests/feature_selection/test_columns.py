"""Columns as users name and type them."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from skprune import RulePruner
from skprune.base._column_groups import place_columns, units_of
from skprune.exceptions import InputError
from skprune.feature_selection._columns import find_text


def test_columns_are_found_by_name_and_by_place():
    names = np.array(["a", "b", "c"], dtype=object)
    assert place_columns(["c", 0, -2], names, 3, "always_keep").tolist() == [2, 0, 1]
    assert place_columns("b", names, 3, "always_keep").tolist() == [1]
    assert units_of({"g": ["c", 0]}, names, 3).tolist() == [0, 1, 0]


def test_a_name_that_two_columns_have_names_neither():
    names = np.array(["a", "b", "a"], dtype=object)
    with pytest.raises(InputError, match=r"always_keep names .* 'a', but the columns \[0, 2\] all"):
        place_columns(["a"], names, 3, "always_keep")
    assert place_columns(["b", 2], names, 3, "always_keep").tolist() == [1, 2]


@pytest.mark.parametrize("value", [date(2024, 2, 29), timedelta(days=1), pd.Timestamp(0)])
def test_dates_among_objects_are_named(value):
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "day": [value, None, value]}, dtype=object)
    for table in (X, X.to_numpy(), X.to_numpy().tolist()):
        assert find_text(table) == [1]
        with pytest.raises(InputError, match=r"1 column\(s\) hold something else: '(day|x1)'"):
            RulePruner().fit(table)


def test_a_date_that_is_missing_is_no_date():
    X = pd.DataFrame({"a": ["x", pd.NaT, "y"], "b": [1, 2, 3]}, dtype=object)
    assert RulePruner().fit(X).statistics_["missing"].tolist() == [1 / 3, 0.0]


def test_a_group_is_a_list_of_columns():
    with pytest.raises(InputError, match=r"groups has 'a' in place of a group\. Give a list"):
        units_of(["a", "b"], np.array(["a", "b"], dtype=object), 2)
    with pytest.raises(InputError, match="groups has 1 in place of a group"):
        units_of([0, 1][1:], None, 2)
