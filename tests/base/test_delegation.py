"""Delegation to an inner estimator, by an estimator that does nothing else."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import make_classification
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.mixture import GaussianMixture

from skprune.base._delegation import DelegatesToModel, inner_attribute

X, y = make_classification(80, 5, random_state=0)
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "score_samples")


class Wrapper(DelegatesToModel, BaseEstimator):
    """Fits a clone, under other names than the usual ones."""

    _inner_names = ("inner_", "inner")
    coef_ = inner_attribute("coef_", "Coefficients.")

    def __init__(self, inner):
        self.inner = inner

    def fit(self, X, y=None):
        self.inner_ = clone(self.inner).fit(X, y)
        return self


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        RidgeClassifier(),
        IsolationForest(n_estimators=5, random_state=0),
        GaussianMixture(random_state=0),
    ],
)
def test_methods_are_those_of_the_inner_estimator(model):
    wrapper, alone = Wrapper(model), clone(model).fit(X, y)
    available = [name for name in METHODS if hasattr(model, name)]
    assert [name for name in METHODS if hasattr(wrapper, name)] == available
    wrapper.fit(X, y)
    assert [name for name in METHODS if hasattr(wrapper, name)] == available
    for name in available:
        np.testing.assert_array_equal(getattr(wrapper, name)(X), getattr(alone, name)(X))


def test_score_takes_weights():
    wrapper = Wrapper(LogisticRegression()).fit(X, y)
    weight = np.arange(80.0)
    assert wrapper.score(X, y, weight) == wrapper.inner_.score(X, y, weight)
    assert wrapper.score(X, y, weight) != wrapper.score(X, y)


def test_attributes_are_read_from_the_fitted_one():
    wrapper = Wrapper(LogisticRegression())
    with pytest.raises(AttributeError, match="Wrapper has no coef_ before fit"):
        _ = wrapper.coef_
    assert wrapper.fit(X, y).coef_ is wrapper.inner_.coef_
    assert Wrapper.coef_.__doc__ == "Coefficients."
