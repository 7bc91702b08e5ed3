"""Every level predicts once, for all scorers and the paired losses together."""

import warnings
from collections import Counter

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV

from skprune import LinearPruner, PruningSearchCV, TreePruner
from skprune.model_selection import _predictions
from skprune.model_selection._predictions import PredictsOnce

X, y = make_classification(120, 6, n_informative=4, flip_y=0.2, random_state=0)
X3, y3 = make_classification(
    120, 6, n_informative=5, n_redundant=0, n_classes=3, flip_y=0.2, random_state=0
)
XR, yr = make_regression(120, 6, noise=40.0, random_state=0)
CALLS: Counter[str] = Counter()


class Counted(LogisticRegression):
    """It counts its predictions."""

    def predict(self, X):
        CALLS["predict"] += 1
        return self.classes_[(LogisticRegression.decision_function(self, X) > 0).astype(int)]

    def predict_proba(self, X):
        CALLS["predict_proba"] += 1
        return super().predict_proba(X)

    def decision_function(self, X):
        CALLS["decision_function"] += 1
        return LogisticRegression.decision_function(self, X)


@pytest.mark.parametrize(
    ("scoring", "asked"),
    [
        ("accuracy", {"predict"}),
        (["accuracy", "f1", "precision", "recall"], {"predict"}),
        ("matthews_corrcoef", {"predict"}),
        ("roc_auc", {"predict", "decision_function"}),
        (["roc_auc", "average_precision", "f1"], {"predict", "decision_function"}),
        (["balanced_accuracy", "f1", "roc_auc"], {"predict", "decision_function"}),
    ],
)
def test_each_level_predicts_once(scoring, asked):
    levels = [1.0, 0.7, 0.5, 0.2]
    pruner = LinearPruner(Counted(), criterion="magnitude", recovery=None)
    CALLS.clear()
    search = PruningSearchCV(pruner, {"keep": levels}, scoring=scoring, cv=3, refit=False)
    found = search.fit(X, y).cv_results_
    assert dict(CALLS) == dict.fromkeys(asked, 3 * len(levels))
    reference = GridSearchCV(pruner, {"keep": levels}, scoring=scoring, cv=3, refit=False)
    for key, values in reference.fit(X, y).cv_results_.items():
        if key.startswith("split"):
            np.testing.assert_array_equal(found[key], values)


FOREST = TreePruner(RandomForestRegressor(3, random_state=0))
WORDS = np.array(["no", "maybe", "yes"])


@pytest.mark.parametrize(
    ("pruner", "data", "scoring"),
    [
        (LinearPruner(LogisticRegression()), (X, y), None),
        (LinearPruner(LogisticRegression()), (X3, WORDS[y3]), "balanced_accuracy"),
        (LinearPruner(LogisticRegression()), (X3, y3), ["accuracy", "f1_macro", "neg_log_loss"]),
        (LinearPruner(LogisticRegression()), (X3, y3), {"a": "accuracy", "b": "roc_auc_ovr"}),
        (LinearPruner(LogisticRegression()), (X, 2 * y - 1), ["neg_brier_score", "neg_log_loss"]),
        (LinearPruner(LogisticRegression()), (csr_array(X), y), ["accuracy", "neg_brier_score"]),
        (LinearPruner(Ridge()), (csc_array(XR), yr), ["r2", "neg_mean_absolute_error"]),
        (LinearPruner(LogisticRegression()), (X, WORDS[y]), ["roc_auc", "roc_auc_ovo"]),
        (TreePruner(RandomForestClassifier(3, max_depth=2, random_state=0)), (X, y), "roc_auc"),
        (LinearPruner(LogisticRegression()), (X, y), ["f1", "precision", "recall", "f1_macro"]),
        (
            LinearPruner(LogisticRegression()),
            (X3, WORDS[y3]),
            ["f1_weighted", "precision_macro", "recall_weighted", "f1_micro"],
        ),
        (FOREST, (XR, yr), ["r2", "neg_mean_squared_error", "neg_root_mean_squared_error"]),
        (FOREST, (XR, yr), "neg_mean_absolute_error"),
        (FOREST, (XR, yr.astype(np.float32)), "r2"),
        (LinearPruner(Ridge()), (XR, np.c_[yr, yr]), "r2"),
        (LinearPruner(Ridge()), (XR, yr), None),
    ],
)
def test_metrics_known_by_name_equal_those_of_grid_search(pruner, data, scoring):
    params = {"scoring": scoring, "cv": 2, "refit": False, "return_train_score": True}
    search = PruningSearchCV(pruner, {"keep": [1.0, 0.5, 0.2]}, **params).fit(*data)
    reference = GridSearchCV(pruner, {"keep": [1.0, 0.5, 0.2]}, **params).fit(*data)
    for key, values in reference.cv_results_.items():
        if key.startswith("split"):
            if any(name in key for name in ("f1", "precision", "recall", "accuracy")):
                np.testing.assert_array_equal(search.cv_results_[key], values)
            np.testing.assert_allclose(search.cv_results_[key], values, rtol=1e-10)


@pytest.mark.parametrize("scoring", [["roc_auc", "neg_log_loss"], "balanced_accuracy"])
def test_levels_are_scored_block_by_block(scoring, monkeypatch):
    data = X, WORDS[y]
    results = []
    for cells in (1, 100, 10**6):
        monkeypatch.setattr(_predictions, "MAX_CELLS", cells)
        search = PruningSearchCV(LinearPruner(LogisticRegression()), scoring=scoring, refit=False)
        results.append(search.set_params(cv=3).fit(*data).cv_results_)
    for key in ("mean_test_score", "mean_test_roc_auc", "mean_loss_increase", "se_loss_increase"):
        for each in results[:2]:
            if key in each:
                np.testing.assert_allclose(each[key], results[2][key], rtol=1e-12, atol=1e-15)


def test_a_share_of_nothing_is_warned_of_as_in_grid_search():
    pruner = LinearPruner(LogisticRegression(C=1e-4), recovery=None)  # it predicts one class
    rare = np.arange(120) % 10 == 0
    params = {"scoring": ["precision", "f1_macro"], "cv": 2, "refit": False}
    results = []
    for kind in (PruningSearchCV, GridSearchCV):
        with pytest.warns(UndefinedMetricWarning, match="Precision is ill-defined"):
            results.append(kind(pruner, {"keep": [1.0, 0.5]}, **params).fit(X, rare).cv_results_)
    for key in ("split0_test_precision", "split1_test_f1_macro"):
        np.testing.assert_array_equal(results[0][key], results[1][key])


def test_a_metric_that_is_not_defined_fails_as_in_grid_search():
    classes = np.r_[np.zeros(20), np.ones(20), np.full(2, 2.0)]  # the last is in one fold only
    folds = [(np.arange(0, 42, 2), np.arange(1, 40, 2)), (np.arange(1, 42, 2), np.arange(0, 42, 2))]
    pruner = LinearPruner(LogisticRegression(), criterion="magnitude", recovery=None)
    params = {"scoring": "neg_log_loss", "cv": folds, "refit": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, expected = (
            kind(pruner, {"keep": [1.0, 0.5]}, **params).fit(X[:42], classes).cv_results_
            for kind in (PruningSearchCV, GridSearchCV)
        )
    assert np.isnan(expected["split0_test_score"]).all()
    for key in ("split0_test_score", "split1_test_score"):
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-10)


@pytest.mark.parametrize("scoring", ["neg_log_loss", ["neg_log_loss", "neg_brier_score"]])
def test_probabilities_serve_scorers_and_losses(scoring):
    pruner = LinearPruner(Counted(), criterion="magnitude", recovery=None)
    CALLS.clear()
    PruningSearchCV(pruner, {"keep": [1.0, 0.5]}, scoring=scoring, cv=3, refit=False).fit(X, y)
    assert CALLS["predict_proba"] == 3 * 2
    assert not CALLS["predict"]


def test_other_samples_are_predicted_anew():
    model = PredictsOnce(Ridge().fit(X, y))
    np.testing.assert_array_equal(model.predict(X)[:5], model.predict(X[:5]))
    assert model.predict(X) is not model.predict(X.copy())
    assert not hasattr(model, "predict_proba")
    assert model.coef_.shape == (6,)
