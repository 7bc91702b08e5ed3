"""Features of text, categories and dates."""

import warnings
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from skprune import CorrelationPruner, RulePruner
from skprune.exceptions import InputError, PruningWarning


@pytest.mark.parametrize("value", [date(2024, 2, 29), timedelta(days=1), pd.Timestamp(0)])
def test_dates_among_objects_are_named(value):
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "day": [value, None, value]}, dtype=object)
    for table in (X, X.to_numpy(), X.to_numpy().tolist()):
        with pytest.raises(InputError, match=r"1 feature\(s\) hold something else: '(day|x1)'"):
            CorrelationPruner(criterion="mixed").fit(table)


def test_a_date_that_is_missing_is_no_date():
    X = pd.DataFrame({"a": ["x", pd.NaT, "y"], "b": [1, 2, 3]}, dtype=object)
    assert RulePruner().fit(X).statistics_["missing"].tolist() == [1 / 3, 0.0]


@pytest.mark.parametrize("framed", [False, True])
def test_whole_numbers_that_are_rounded_to_equal_floats_are_named(framed):
    ids = np.column_stack([np.arange(12) + 2**60, np.arange(12), (np.arange(12) % 5) << 58])
    X = pd.DataFrame(ids, columns=["a", "b", "c"]) if framed else ids
    with pytest.warns(PruningWarning, match=r"\['a'\]" if framed else r"\[0\]") as caught:
        RulePruner().fit(X)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RulePruner().fit(X.iloc[:, 1:] if framed else X[:, 1:])
