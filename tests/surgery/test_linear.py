"""Linear models: coefficients in, a plain copy with others out."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import (
    BayesianRidge,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    SGDClassifier,
)
from sklearn.svm import SVC, LinearSVR
from sklearn.utils import all_estimators, get_tags

from skprune import model_size
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.linear_model._losses import LOSSES
from skprune.surgery import surgeon_for
from skprune.surgery._registry import SURGEONS, class_name

# Models that choose a penalty of another model, whose coefficients they have.
SEARCHES = {"ElasticNetCV", "LassoCV", "LassoLarsCV", "LassoLarsIC", "LogisticRegressionCV"}
LINEAR = {name for name, entry in SURGEONS.items() if entry.family == "linear"}
KINDS = [kind for _, kind in all_estimators() if class_name(kind) in LINEAR]


def table_for(model):
    if is_classifier(model):
        return make_classification(120, 6, n_informative=4, n_classes=3, random_state=0)
    n_outputs = 1 if get_tags(model).target_tags.single_output else 2  # multi-task
    X, y = make_regression(120, 6, n_targets=n_outputs, noise=1.0, random_state=0)
    return X, np.exp(y / np.abs(y).max())  # positive, as some models want it


def fitted(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*table_for(model))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_was_read_is_what_is_written(kind):
    model = fitted(kind())
    before = pickle.dumps(model)
    X, _ = table_for(model)
    surgeon = surgeon_for(model)
    same = surgeon.replace(surgeon.coef, surgeon.intercept)
    assert type(same) is kind
    for name in ("coef_", "intercept_"):
        old, new = getattr(model, name), getattr(same, name)
        assert type(old) is type(new)
        assert_array_equal(old, new, strict=True)
    assert_array_equal(same.predict(X), model.predict(X))
    assert pickle.dumps(model) == before
    assert pickle.dumps(surgeon.whole()) == before
    assert not np.shares_memory(same.coef_, model.coef_)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_callers_know_of_the_objective(kind):
    model = fitted(kind())
    surgeon, (X, y) = surgeon_for(model), table_for(model)
    assert surgeon.loss[0] in LOSSES
    assert np.all(surgeon.l2_penalty(np.ones(len(X))) >= 0)
    assert surgeon.may_be_smooth or not surgeon.is_smooth
    small = surgeon.with_fixed_penalty()
    if kind.__name__ not in SEARCHES:
        assert type(small) is kind
        return
    assert kind.__name__.startswith(type(small).__name__)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small.fit(X, y)
    tolerance = 0.05 * np.abs(model.coef_).max()  # the solvers start elsewhere
    assert_allclose(small.coef_, model.coef_, atol=tolerance)


def test_what_describes_the_whole_model_is_gone():
    surgeon = surgeon_for(fitted(LinearRegression()))
    small = surgeon.replace(0 * surgeon.coef, surgeon.intercept)
    assert not hasattr(small, "singular_")
    assert not hasattr(small, "rank_")
    assert small.n_features_in_ == 6
    small = surgeon_for(fitted(LogisticRegressionCV(cv=2, max_iter=1000)))
    assert not hasattr(small.replace(small.coef, small.intercept), "coefs_paths_")


def test_size_counts_what_is_not_zero():
    surgeon = surgeon_for(fitted(LogisticRegression()))
    coef = surgeon.coef.copy()
    coef[:, 2:] = 0
    small = surgeon.replace(coef, surgeon.intercept)
    size = model_size(small)
    assert (size.units, size.parameters, size.bytes) == (6, 9, 8 * (18 + 3))
    assert model_size(surgeon.model).units == 18
    no_intercept = model_size(fitted(Ridge(fit_intercept=False)))
    assert (no_intercept.parameters, no_intercept.bytes) == (6, 48)


def test_sparse_coefficients_stay_sparse():
    model = fitted(SGDClassifier(random_state=0)).sparsify()
    X, _ = table_for(model)
    surgeon = surgeon_for(model)
    coef = surgeon.coef.copy()
    coef[:, 1:] = 0
    small = surgeon.replace(coef, surgeon.intercept)
    assert type(small.coef_) is type(model.coef_)
    assert small.coef_.nnz == 3
    assert_array_equal(small.decision_function(X), X @ coef.T + surgeon.intercept)
    assert model_size(small).bytes < model_size(model).bytes


def test_several_targets_and_one_column_of_them():
    X, y = make_regression(50, 4, n_targets=3, random_state=0)
    assert surgeon_for(LinearRegression().fit(X, y)).coef.shape == (3, 4)
    column = LinearRegression().fit(X, y[:, :1])
    surgeon = surgeon_for(column)
    same = surgeon.replace(surgeon.coef, surgeon.intercept)
    assert same.coef_.shape == column.coef_.shape == (1, 4)
    assert same.intercept_.shape == column.intercept_.shape


def test_malformed_arrays_are_refused():
    surgeon = surgeon_for(fitted(LinearSVR(max_iter=10_000)))
    with pytest.raises(InputError, match=r"coef has shape \(1, 5\).*give arrays of shape \(1, 6\)"):
        surgeon.replace(surgeon.coef[:, 1:], surgeon.intercept)
    with pytest.raises(InputError, match="not finite"):
        surgeon.replace(surgeon.coef * np.nan, surgeon.intercept)


def test_unfitted_and_unknown_models_are_refused():
    with pytest.raises(NotFittedError):
        surgeon_for(Ridge())
    for model in (SVC(kernel="linear"), BayesianRidge()):  # more than coef_ speaks there
        with pytest.raises(UnsupportedModelError, match=r"Known are: .*LinearRegression"):
            surgeon_for(model, family="linear")
