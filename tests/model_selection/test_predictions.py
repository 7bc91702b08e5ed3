"""Every level predicts once, for all scorers and the paired losses together."""

from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV

from skprune import LinearPruner, PruningSearchCV
from skprune.model_selection._predictions import PredictsOnce

X, y = make_classification(120, 6, n_informative=4, flip_y=0.2, random_state=0)
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
