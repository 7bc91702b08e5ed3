"""Features of text, categories and dates."""

from datetime import date, timedelta

import pandas as pd
import pytest

from skprune import CorrelationPruner, RulePruner
from skprune.exceptions import InputError


@pytest.mark.parametrize("value", [date(2024, 2, 29), timedelta(days=1), pd.Timestamp(0)])
def test_dates_among_objects_are_named(value):
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "day": [value, None, value]}, dtype=object)
    for table in (X, X.to_numpy(), X.to_numpy().tolist()):
        with pytest.raises(InputError, match=r"1 feature\(s\) hold something else: '(day|x1)'"):
            CorrelationPruner(criterion="mixed").fit(table)


def test_a_date_that_is_missing_is_no_date():
    X = pd.DataFrame({"a": ["x", pd.NaT, "y"], "b": [1, 2, 3]}, dtype=object)
    assert RulePruner().fit(X).statistics_["missing"].tolist() == [1 / 3, 0.0]
