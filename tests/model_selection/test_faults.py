"""Searches when something fails: errors of models as in GridSearchCV, those of our own raised."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skprune import (
    CorrelationPruner,
    OneStandardError,
    PermutationPruner,
    PruningSearchCV,
    TreePruner,
)
from skprune.exceptions import InputError, PruningWarning
from skprune.model_selection import _fit_once, _level_adapters, _paired

X, y = load_breast_cancer(return_X_y=True)
X, y = X[::3], y[::3]
TREE = TreePruner(DecisionTreeClassifier(random_state=0))
PATH = type(clone(TREE).fit(X, y).path_)
COLUMNS = make_pipeline(StandardScaler(), CorrelationPruner(), LogisticRegression())
SELECTOR = make_pipeline(StandardScaler(), SelectKBest(), LogisticRegression())


def broken(*args, **kwargs):  # noqa: ARG001 - stands for any function
    """Stand for a fault of our own."""
    msg = "a fault of ours"
    raise IndexError(msg)


@pytest.mark.parametrize(
    ("estimator", "owner", "name", "scoring"),
    [
        (TREE, PATH, "free_scores", None),
        (TREE, PATH, "snapshots", "roc_auc"),
        (TREE, PATH, "snapshots", ["accuracy", "roc_auc"]),
        (TREE, _paired.PairedLosses, "increase", None),
        (TREE, TreePruner, "_row_of_level", None),
        (make_pipeline(StandardScaler(), TREE), _fit_once.FittedEnd, "transform", None),
        (COLUMNS, _fit_once.FittedMiddle, "transform", None),
        (SELECTOR, _fit_once.FittedMiddle, "__init__", None),
        (SELECTOR, _level_adapters.SelectKBestAdapter, "_order", None),
    ],
)
def test_a_fault_of_ours_is_raised(monkeypatch, estimator, owner, name, scoring):
    level = {TREE: "keep", COLUMNS: "correlationpruner__keep", SELECTOR: "selectkbest__k"}
    grid = {level.get(estimator, "treepruner__keep"): [3, 2]}
    search = PruningSearchCV(estimator, grid, cv=2, scoring=scoring, refit=False)
    monkeypatch.setattr(owner, name, broken)
    with pytest.raises(IndexError, match="a fault of ours"):
        search.fit(X, y)


def test_a_fault_of_ours_in_a_snapshot_is_raised(monkeypatch):
    search = PruningSearchCV(TREE, {"keep": [3, 2]}, cv=2, scoring="roc_auc", refit=False)
    whole = PATH.snapshots

    class Broken:
        """A snapshot that cannot predict."""

        def __init__(self, model):
            self.model = model

        def predict_proba(self, X):  # noqa: ARG002 - as a model is called
            """Fail."""
            broken()

        def __getattr__(self, name):
            return getattr(self.model, name)

    monkeypatch.setattr(PATH, "snapshots", lambda *args: map(Broken, whole(*args)))
    with pytest.raises(IndexError, match="a fault of ours"):
        search.fit(X, y)


class Mute(DecisionTreeClassifier):
    """A tree whose predictions fail in some folds."""

    def predict(self, X, check_input=True):
        """Fail on samples that hold a given value."""
        if np.isclose(X[:, 0], X_FAILS).any() and len(X) < 100:
            msg = "this model cannot predict"
            raise RuntimeError(msg)
        return super().predict(X, check_input)


X_FAILS = X[0, 0]


class Refusing(LogisticRegression):
    """A classifier that refuses a single column."""

    def fit(self, X, y, sample_weight=None):
        """Refuse a single column."""
        if X.shape[1] == 1:
            msg = "one column is too few"
            raise ValueError(msg)
        return super().fit(X, y, sample_weight)


def refusing_scorer(estimator, X, y):
    """Fail for small trees."""
    if estimator.estimator_.get_n_leaves() < 4:
        msg = "this tree is too small"
        raise ValueError(msg)
    return estimator.score(X, y)


@pytest.mark.parametrize(
    ("estimator", "name", "scoring"),
    [
        (TreePruner(Mute(random_state=0)), "keep", make_scorer(accuracy_score)),
        (TREE, "keep", refusing_scorer),
        (TREE, "keep", {"a": "accuracy", "b": refusing_scorer}),
        (make_pipeline(CorrelationPruner(), Refusing()), "correlationpruner__keep", None),
        (make_pipeline(SelectKBest(), Refusing()), "selectkbest__k", None),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_a_fault_of_the_model_or_the_scorer_is_a_missing_score(estimator, name, scoring):
    results = [
        kind(clone(estimator), {name: [8, 1]}, cv=3, scoring=scoring, refit=False)
        .fit(X, y)
        .cv_results_
        for kind in (PruningSearchCV, GridSearchCV)
    ]
    scores = [key for key in results[1] if "_test_" in key]
    assert any(np.isnan(results[1][key]).any() for key in scores)
    for key in scores:
        np.testing.assert_allclose(results[0][key], results[1][key], atol=1e-12, err_msg=key)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_score_at_all_is_an_error_with_its_cause():
    def failing(estimator, X, y):  # noqa: ARG001 - as a scorer is called
        msg = "this scorer fails"
        raise KeyError(msg)

    for refit in (True, OneStandardError()):
        with pytest.raises(InputError, match=r"(?s)test scores are NaN.*this scorer fails"):
            PruningSearchCV(TREE, cv=2, scoring=failing, refit=refit).fit(X, y)
    with pytest.raises(InputError, match="test scores are NaN"):
        PruningSearchCV(TREE, cv=2, scoring=lambda *_: np.nan).fit(X, y)
    search = PruningSearchCV(TREE, cv=2, scoring=failing, refit=False).fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).all()


class Miscounting(KFold):
    """A splitter that announces another number of folds than it yields."""

    def get_n_splits(self, X=None, y=None, groups=None):  # noqa: ARG002 - as a splitter is called
        """Announce one fold more."""
        return super().get_n_splits() + 1


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"cv": []}, "No fits were performed"),
        ({"cv": Miscounting(3)}, "inconsistent results. Expected 4 splits, got 3"),
        ({"scoring": lambda *_: "good"}, "scoring must return a number, got good"),
        ({"scoring": {"a": "accuracy", "b": lambda *_: None}}, "scoring must return a number"),
    ],
)
def test_folds_and_scorers_are_refused_as_by_grid_search(params, words):
    params = {"cv": 2, "refit": False, **params}
    with pytest.raises(ValueError, match=words.split(". ")[-1]):
        GridSearchCV(TREE, {"keep": [0.5]}, **params).fit(X, y)
    with pytest.raises(ValueError, match=words.split(". ")[-1]):
        PruningSearchCV(TREE, **params).fit(X, y)


def test_folds_that_weigh_nothing_are_left_out():
    folds = list(KFold(3).split(X, y))
    weight = np.ones(len(y))
    weight[folds[0][1]] = 0
    with pytest.warns(PruningWarning, match=r"folds \[0\] of cv="):
        search = PruningSearchCV(TREE, cv=folds).fit(X, y, sample_weight=weight)
    assert search.n_splits_ == 2
    rest = PruningSearchCV(TREE, cv=folds[1:]).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], rest.cv_results_["mean_test_score"]
    )
    pruner = PermutationPruner(DecisionTreeClassifier(random_state=0), cv=KFold(3), random_state=0)
    with pytest.warns(PruningWarning, match=r"folds \[0\] of cv="):
        pruner.fit(X, y, sample_weight=weight)
    assert pruner.importances_.shape[1] == 2
    assert np.isfinite(pruner.scores_).all()
    for fit in (
        PruningSearchCV(TREE, cv=folds[:1]).fit,
        clone(pruner).set_params(cv=folds[:1]).fit,
    ):
        with pytest.raises(InputError, match="there are no others"):
            fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("weight", [np.ones(9), np.ones(len(y) + 1), 1.0, np.ones((len(y), 1))])
def test_weights_of_a_wrong_length_are_refused(weight):
    pruner = TreePruner(DecisionTreeClassifier(), criterion="reduced_error", validation=0.2)
    frozen = TreePruner(
        FrozenEstimator(DecisionTreeClassifier().fit(X, y)), criterion="reduced_error"
    )
    for model in (TREE, pruner, frozen, PruningSearchCV(TREE)):
        with pytest.raises(InputError, match="Give one weight for each sample"):
            clone(model).fit(X, y, sample_weight=weight)
