"""Snapshots of a linear path predict as the cut models do, to the last bit."""

from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_array, csr_array
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.svm import LinearSVC, LinearSVR

from skprune import LinearPruner
from skprune.linear_model import _walk
from skprune.surgery.linear import LinearSurgeon

X, y = make_classification(120, 6, n_informative=4, flip_y=0.2, random_state=0)
X3, y3 = make_classification(
    160, 6, n_informative=5, n_redundant=0, n_classes=3, flip_y=0.2, random_state=0
)
XR, yr = make_regression(120, 6, noise=40.0, random_state=0)
WORDS = np.array(["no", "yes", "maybe"])
METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function")
PLAIN = [  # they predict by the formulas alone
    (LinearRegression(), XR, yr),
    (LinearRegression(), XR, np.c_[yr, -yr]),
    (Ridge(), XR.astype(np.float32), yr.astype(np.float32)),
    (Ridge(), csc_array(XR), yr),
    (ElasticNet(), csr_array(XR), yr),
    (HuberRegressor(), XR, yr),
    (SGDRegressor(random_state=0), XR, yr),
    (LinearSVR(), XR, yr),
    (LogisticRegression(), X, WORDS[y]),
    (LogisticRegression(), X3, y3),
    (LogisticRegression(), csr_array(X), y),
    (LogisticRegression(solver="liblinear"), X, y),
    (LinearDiscriminantAnalysis(), X3, y3),
    (SGDClassifier(loss="log_loss", random_state=0), X, y),
    (RidgeClassifier(), X3, WORDS[y3]),
    (Perceptron(random_state=0), X3, y3),
    (LinearSVC(), X, y),
]


def assert_levels_predict_as_models(model, data, target, **params):
    """Compare the snapshots of all levels with the models; return the path."""
    pruner = LinearPruner(model, criterion="magnitude", recovery=None, **params)
    path = pruner.fit(data, target).path_
    assert len(path) > 5
    for index, snapshot in enumerate(path.snapshots(data)):
        cut = path.cut(index=index)
        assert is_classifier(snapshot) == is_classifier(cut)
        for method in METHODS:
            assert hasattr(snapshot, method) == hasattr(cut, method)
            if hasattr(cut, method):
                with np.errstate(divide="ignore"):  # logarithms of chances of zero
                    found, expected = (getattr(each, method)(data) for each in (snapshot, cut))
                assert found.dtype == expected.dtype
                np.testing.assert_array_equal(found, expected)
    return path


@pytest.mark.parametrize(("model", "data", "target"), PLAIN)
def test_snapshots_equal_the_models_and_build_none(model, data, target, monkeypatch):
    path = assert_levels_predict_as_models(model, data, target)

    build = Mock(side_effect=AssertionError)
    monkeypatch.setattr(LinearSurgeon, "replace", build)
    for snapshot in path.snapshots(data):
        snapshot.predict(data)
        if is_classifier(model):
            snapshot.decision_function(data)
        if type(model) in {LogisticRegression, LinearDiscriminantAnalysis}:
            snapshot.predict_proba(data)
    assert not build.called


class Positive(LinearRegression):
    """Its predictions are not those of its class."""

    def predict(self, X):
        return np.maximum(super().predict(X), 0.0)


@pytest.mark.parametrize(
    ("model", "data", "target", "params"),
    [
        (PoissonRegressor(), XR, np.exp(yr / 100), {}),
        (SGDClassifier(loss="modified_huber", random_state=0), X3, y3, {}),
        (LogisticRegression(), X, np.arange(2)[y], {"sparse_coef": True}),
        (Positive(), XR, yr, {}),
    ],
)
def test_other_predictions_are_those_of_the_models(model, data, target, params):
    assert_levels_predict_as_models(clone(model), data, target, **params)


def test_named_columns_are_checked_once():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    path = assert_levels_predict_as_models(LogisticRegression(), frame, y)
    with pytest.raises(ValueError, match="feature names"):
        next(path.snapshots(frame[list("fedcba")]))


@pytest.mark.parametrize("limit", [0, 3, 300])
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("params", [{"unit": "feature"}, {"criterion": "magnitude"}])
@pytest.mark.parametrize("rows", [None, [0, 2, 3], [4], []])
@pytest.mark.parametrize("data", [(X, y), (csr_array(X), y), (X3, y3)])
def test_refits_in_turn_equal_refits_alone(data, rows, params, penalty, limit, monkeypatch):
    monkeypatch.setattr(_walk, "MAX_NESTED", limit)
    samples, code = data
    weight = np.linspace(0.1, 2, len(code))
    model = LogisticRegression(C=1 / penalty, class_weight="balanced")
    path = LinearPruner(model, **params).fit(samples, WORDS[code], sample_weight=weight).path_
    rows = range(len(path)) if rows is None else rows
    for index, snapshot in zip(rows, path.snapshots(samples, rows), strict=True):
        cut = path.cut(index=index)
        np.testing.assert_allclose(snapshot.coef, cut.coef_, rtol=1e-7)
        found, expected = (m.decision_function(samples) for m in (snapshot, cut))
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
