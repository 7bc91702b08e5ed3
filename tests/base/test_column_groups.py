"""Columns as users name them: names, places and groups."""

import numpy as np
import pytest

from skprune.base._column_groups import place_columns, units_of
from skprune.exceptions import InputError

NAMES = np.array(["a", "b", "c"], dtype=object)


def test_columns_are_found_by_name_and_by_place():
    assert place_columns(["c", 0, -2], NAMES, 3, "always_keep").tolist() == [2, 0, 1]
    assert place_columns("b", NAMES, 3, "always_keep").tolist() == [1]
    assert units_of({"g": ["c", 0]}, NAMES, 3).tolist() == [0, 1, 0]


def test_a_name_that_two_columns_have_names_neither():
    names = np.array(["a", "b", "a"], dtype=object)
    with pytest.raises(InputError, match=r"names .* 'a', but the features \[0, 2\] all"):
        place_columns(["a"], names, 3, "always_keep")
    assert place_columns(["b", 2], names, 3, "always_keep").tolist() == [1, 2]


def test_names_of_several_lines_stay_in_one_line():
    names = np.array(["a\nb", "c"], dtype=object)
    with pytest.raises(InputError) as error:
        place_columns(["d"], names, 2, "always_keep")
    assert "\n" not in str(error.value)


def test_a_group_is_a_list_of_columns():
    with pytest.raises(InputError, match=r"groups has 'a' in place of a group\. Give a list"):
        units_of(["a", "b"], NAMES[:2], 2)
    with pytest.raises(InputError, match="groups has 1 in place of a group"):
        units_of([0, 1][1:], None, 2)
