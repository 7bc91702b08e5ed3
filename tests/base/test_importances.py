"""Importances of the pruned model, which scikit-learn's selectors read."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from skprune import Distiller, LinearPruner, SamplePruner, TreePruner

LINEAR, TREE = LogisticRegression(), DecisionTreeClassifier(random_state=0)


@pytest.mark.parametrize(
    "pruner",
    [
        LinearPruner(LINEAR, keep=0.5),
        SamplePruner(LINEAR, random_state=0),
        TreePruner(TREE),
        Distiller(LINEAR, LINEAR, gate=False),
        Distiller(LINEAR, TREE, gate=False),
    ],
)
def test_selectors_read_the_importances_of_the_pruned_model(pruner):
    X, y = make_classification(120, 6, n_informative=3, random_state=0)
    assert RFE(pruner, n_features_to_select=3).fit(X, y).n_features_ == 3
    fitted = clone(pruner).fit(X, y)
    name = "coef_" if hasattr(fitted.estimator_, "coef_") else "feature_importances_"
    np.testing.assert_array_equal(getattr(fitted, name), getattr(fitted.estimator_, name))
    support = SelectFromModel(pruner).fit(X, y).get_support()
    of_result = SelectFromModel(fitted.estimator_, prefit=True).fit(X)
    np.testing.assert_array_equal(support, of_result.get_support())
    assert not hasattr(clone(pruner), name)
