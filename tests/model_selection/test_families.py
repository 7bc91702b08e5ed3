"""Searches over pruners that count different things, and over those that decide by themselves."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline

from skprune import (
    EnsemblePruner,
    OneStandardError,
    PruningSearchCV,
    TreePruner,
    WithinTolerance,
)
from skprune.exceptions import InputError

X, Y = make_classification(300, 6, flip_y=0.1, random_state=0)
FOREST = RandomForestClassifier(6, random_state=0)


def both_families(rule):
    pruners = [TreePruner(FOREST), EnsemblePruner(FOREST)]
    grid = [{"p": [pruner], "p__keep": "path"} for pruner in pruners]
    return PruningSearchCV(Pipeline([("p", pruners[0])]), grid, refit=rule, cv=2, max_levels=4)


def test_leaves_and_members_do_not_compare():
    with pytest.raises(InputError, match=r'count leaves and members.*size="bytes"'):
        both_families(OneStandardError()).fit(X, Y)
    both_families(OneStandardError(size="bytes")).fit(X, Y)


def test_the_whole_is_the_best_of_the_largest_of_each_combination():
    results = {
        "mean_test_score": np.array([0.70, 0.69, 0.90, 0.89, 0.60]),
        "mean_units": np.array([100, 5, 50, 20, 1]),
        "combination": np.array([0, 0, 1, 1, 1]),
    }
    assert WithinTolerance(0.02, reference="whole")(results) == 3


@pytest.mark.parametrize(
    "pruner",
    [
        TreePruner(AdaBoostClassifier(n_estimators=20, random_state=0), criterion="lossless"),
        EnsemblePruner(FOREST, criterion="faithful", random_state=0),
    ],
)
def test_levels_that_criteria_decide_can_be_fitted_again(pruner):
    search = PruningSearchCV(pruner, cv=2).fit(X, Y)
    for params in search.cv_results_["params"]:
        clone(pruner).set_params(**params).fit(X, Y)
    again = clone(search.best_estimator_).fit(X, Y)
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
