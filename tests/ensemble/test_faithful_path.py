"""Faithful pruning: few members, the same class for every reference row, and a bound."""

import warnings

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from skprune import EnsemblePruner, PruningSearchCV
from skprune.base._rows import hold_out
from skprune.exceptions import InputError, PruningWarning

X, Y = make_classification(
    500, 8, n_informative=5, n_classes=3, class_sep=1.5, flip_y=0.05, random_state=0
)
Y = np.array(["a", "b", "c"])[Y]
SEED = {"random_state": 0}
KINDS = [
    ("stump", DecisionTreeClassifier(max_depth=2, **SEED)),
    ("tree", DecisionTreeClassifier(**SEED)),
    ("other tree", DecisionTreeClassifier(max_features=3, **SEED)),
    ("line", LogisticRegression()),
    ("near", KNeighborsClassifier()),
    ("bayes", GaussianNB()),
]
MODELS = [
    RandomForestClassifier(30, **SEED),
    RandomForestClassifier(20, max_depth=4, **SEED),
    ExtraTreesClassifier(31, min_samples_leaf=3, **SEED),
    BaggingClassifier(n_estimators=20, max_features=0.6, **SEED),
    BaggingClassifier(LogisticRegression(), n_estimators=20, **SEED),
    AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=30, **SEED),
    VotingClassifier(KINDS, voting="soft"),
    VotingClassifier([*KINDS, ("gone", "drop")], weights=[1, 1, 1, 2, 2, 2, 9]),
]
NAMES = ["forest", "shallow", "extra", "bagging", "bagged lines", "adaboost", "soft", "hard"]
over_models = pytest.mark.parametrize("model", MODELS, ids=NAMES)


def faithful(model, **params):
    return EnsemblePruner(model, criterion="faithful", **params)


@over_models
def test_every_class_is_kept_on_the_reference_rows(model):
    pruner = faithful(model, **SEED).fit(X, Y)
    grown, held = hold_out(X, Y, 0.2, stratified=True, seed=0)
    whole = pruner.path_.cut(keep=1.0)
    np.testing.assert_array_equal(whole.predict(X), clone(model).fit(X[grown], Y[grown]).predict(X))
    np.testing.assert_array_equal(pruner.predict(X[grown]), whole.predict(X[grown]))
    assert type(pruner.estimator_) is type(whole)
    if len(pruner.path_) > 1:
        n_differ = (pruner.predict(X[held]) != whole.predict(X[held])).sum()
        # The share at which so few differing rows have a chance of 5 %.
        bound = pruner.disagreement_bound_
        assert binom.cdf(n_differ, len(held), bound) == pytest.approx(0.05)
        assert len(set(pruner.estimator_.estimators_)) < len(whole.estimators_)
        assert len(pruner.estimator_.estimators_) <= len(whole.estimators_)
        np.testing.assert_array_equal(pruner.keep_mask_, pruner.scores_ > 0)
        assert pruner.report_["weight"].sum() == pytest.approx(1)
    else:
        assert pruner.disagreement_bound_ == 0
    if hasattr(whole, "predict_proba"):
        np.testing.assert_allclose(pruner.predict_proba(X).sum(axis=1), 1)


def test_most_of_these_lose_members():
    lose = [len(faithful(model, **SEED).fit(X, Y).path_) for model in MODELS]
    assert lose.count(2) >= 5


@over_models
def test_rows_given_with_a_frozen_model_are_the_reference(model):
    fitted = clone(model).fit(X[:250], Y[:250])
    pruner = faithful(FrozenEstimator(fitted)).fit(X[250:], Y[250:])
    np.testing.assert_array_equal(pruner.predict(X[250:]), fitted.predict(X[250:]))
    assert np.isnan(pruner.disagreement_bound_) or len(pruner.path_) == 1


def test_votes_that_are_often_tied_are_kept():
    """Even numbers of hard votes: the plain model breaks ties as it did."""
    rng = np.random.default_rng(0)
    rows, target = rng.integers(0, 3, (300, 5)).astype(float), rng.integers(0, 2, 300)
    for model in [
        RandomForestClassifier(10, bootstrap=False, max_features=2, **SEED),
        AdaBoostClassifier(n_estimators=10, **SEED),
        VotingClassifier(KINDS[:4]),
    ]:
        pruner = faithful(model, validation="train").fit(rows, target)
        whole = clone(model).fit(rows, target)
        np.testing.assert_array_equal(pruner.predict(rows), whole.predict(rows))


def test_several_outputs():
    rows, target = make_multilabel_classification(200, 6, n_classes=3, random_state=0)
    model = RandomForestClassifier(20, max_depth=5, **SEED)
    pruner = faithful(model, validation="train").fit(rows, target)
    np.testing.assert_array_equal(pruner.predict(rows), model.fit(rows, target).predict(rows))


@pytest.mark.untraced
def test_the_bound_covers_the_disagreement_on_new_rows():
    missed = 0
    for seed in range(20):
        rows, target = make_classification(6000, 8, n_informative=5, random_state=seed)
        model = RandomForestClassifier(15, max_depth=5, random_state=seed)
        pruner = faithful(model, random_state=seed, validation=0.3).fit(rows[:500], target[:500])
        whole = pruner.path_.cut(keep=1.0)
        differ = (pruner.predict(rows[500:]) != whole.predict(rows[500:])).mean()
        missed += differ > pruner.disagreement_bound_
        assert pruner.disagreement_bound_ < 0.2
    assert missed <= binom.ppf(0.99, 20, 0.05)  # one in twenty may


def test_the_bound_goes_with_the_level():
    pruner = faithful(MODELS[0], keep=1.0, **SEED).fit(X, Y)
    assert pruner.disagreement_bound_ == 0
    assert pruner.keep_mask_.all()
    pruner.set_params(keep=None).fit(X, Y)
    assert 0 < pruner.disagreement_bound_ < 1
    assert np.isnan(pruner.set_params(validation="train").fit(X, Y).disagreement_bound_)
    assert not hasattr(pruner.set_params(criterion="error").fit(X, Y), "disagreement_bound_")


def test_rows_choose_or_bound_but_never_both():
    pruner = faithful(MODELS[0], **SEED)
    grown, held = hold_out(X, Y, 0.2, stratified=True, seed=0)
    other = X.copy()
    other[held] = np.random.default_rng(0).permuted(X[held], axis=0)
    first, second = (clone(pruner).fit(rows, Y) for rows in (X, other))
    np.testing.assert_array_equal(first.scores_, second.scores_)
    assert len(grown) + len(held) == len(X)


@pytest.mark.parametrize(
    ("model", "params", "words"),
    [
        (RandomForestRegressor(), {}, "preserves the classes that a classifier predicts"),
        (GradientBoostingClassifier(), {}, "Allowed for it is criterion='stages'"),
        (RandomForestClassifier(), {"validation": "oob"}, "Give None, a fraction or 'train'"),
    ],
)
def test_what_cannot_be_faithful_is_explained(model, params, words):
    with pytest.raises(InputError, match=words):
        faithful(model, **params).fit(X, Y)


def test_a_search_scores_the_whole_and_the_faithful_model():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PruningWarning)
        search = PruningSearchCV(faithful(MODELS[0], **SEED), cv=3).fit(X, Y)
    assert len(search.cv_results_["params"]) == 2
    assert search.cv_results_["mean_units"][1] < search.cv_results_["mean_units"][0]
