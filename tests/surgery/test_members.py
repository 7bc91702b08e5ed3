"""Members of ensembles: what they say, and the plain models of some of them."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import model_size
from skprune.exceptions import UnsupportedModelError
from skprune.surgery import members_for, members_type, surgeon_for

VOTERS = [
    ("tree", DecisionTreeClassifier(max_depth=4, random_state=0)),
    ("gone", "drop"),
    ("line", LogisticRegression()),
    ("near", KNeighborsClassifier()),
]
AVERAGED = [
    RandomForestClassifier(6, max_depth=4, random_state=0),
    RandomForestRegressor(6, random_state=0),
    ExtraTreesRegressor(6, random_state=0),
    BaggingClassifier(n_estimators=6, max_features=0.5, random_state=0),
    BaggingRegressor(n_estimators=6, random_state=0),
    BaggingClassifier(KNeighborsClassifier(), n_estimators=6, max_features=0.5, random_state=0),
    BaggingClassifier(RidgeClassifier(), n_estimators=6, random_state=0),
    BaggingRegressor(KNeighborsRegressor(), n_estimators=6, random_state=0),
    VotingClassifier(VOTERS, voting="soft", weights=[1, 9, 2, 3]),
    VotingRegressor(
        [
            ("tree", DecisionTreeRegressor(random_state=0)),
            ("line", LinearRegression()),
            ("near", KNeighborsRegressor()),
        ]
    ),
]
BY_HAND = [
    VotingClassifier(VOTERS, weights=[1, 9, 2, 2]),
    AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=6, random_state=0),
    AdaBoostClassifier(LogisticRegression(), n_estimators=4, random_state=0),
    AdaBoostRegressor(DecisionTreeRegressor(max_depth=3), n_estimators=6, random_state=0),
]
STAGED = [
    GradientBoostingClassifier(n_estimators=6, max_depth=2, random_state=0),
    GradientBoostingRegressor(n_estimators=6, subsample=0.5, random_state=0),
    HistGradientBoostingClassifier(max_iter=6, max_leaf_nodes=6, random_state=0),
    HistGradientBoostingRegressor(max_iter=6, max_leaf_nodes=6, random_state=0),
]
KINDS = AVERAGED + BY_HAND + STAGED


def name_of(model):
    inner = getattr(model, "estimator", None)
    words = [type(model).__name__, type(inner).__name__ if inner is not None else ""]
    return "-".join(filter(None, [*words, str(getattr(model, "voting", ""))]))


def fitted(model):
    if is_classifier(model):
        X, y = make_classification(200, 6, n_informative=4, n_classes=3, random_state=0)
        y = np.array(["b", "c", "a"])[y]
    else:
        X, y = make_regression(200, 6, random_state=0)
    return model.fit(X, y), X, y


def some_of(members):
    mask = np.arange(members.n_members) % 2 == 0
    return np.arange(members.n_members) < 3 if members.sequential else mask


@pytest.mark.parametrize("model", AVERAGED, ids=name_of)
@pytest.mark.parametrize("new", [False, True], ids=["own weights", "new weights"])
def test_model_of_some_members_answers_with_their_mean(model, new):
    model, X, _ = fitted(model)
    members = members_for(model)
    mask = some_of(members)
    weights = np.where(mask, np.arange(members.n_members) + 1.0, 0.0)
    weights /= 1 if members.repeats else weights.sum()
    cut = members.keep(mask, weights if new else None)
    votes = members.votes(X)
    assert votes.shape[:2] == (members.n_members, len(X))
    share = weights if new else members.weights * mask
    mean = np.average(votes, axis=0, weights=share)
    answer = cut.predict_proba(X) if is_classifier(cut) else cut.predict(X)[:, np.newaxis]
    np.testing.assert_allclose(answer, mean, rtol=1e-10, atol=1e-12)
    if is_classifier(cut) and mean.shape[1] == len(cut.classes_):
        np.testing.assert_allclose(answer.sum(axis=1), 1)


def test_hard_voting_counts_the_votes_of_those_that_stay():
    model, X, _ = fitted(BY_HAND[0])
    members = members_for(model)
    assert members.names == ["tree", "line", "near"]
    np.testing.assert_array_equal(members.weights, [1, 2, 2])
    votes = members.votes(X)
    assert set(np.unique(votes)) == {0, 1}
    for weights in (None, np.array([0.5, 0, 0.5])):
        cut = members.keep(np.array([True, False, True]), weights)
        share = [1, 0, 2] if weights is None else weights
        expected = np.tensordot(share, votes, 1).argmax(axis=1)
        np.testing.assert_array_equal(cut.predict(X), model.classes_[expected])
        assert list(cut.named_estimators_) == ["tree", "near"]
        assert [name for name, _ in cut.estimators] == ["tree", "near"]
        assert len(cut.weights) == 2


def test_new_weights_leave_a_place_for_dropped_members():
    model, X, _ = fitted(VotingClassifier(VOTERS, voting="soft"))
    cut = members_for(model).keep(np.ones(3, bool), np.array([0.2, 0.3, 0.5]))
    assert cut.weights == [0.2, 0.0, 0.3, 0.5]
    assert cut.predict_proba(X).shape == (200, 3)


@pytest.mark.parametrize("model", BY_HAND[1:3], ids=name_of)
def test_adaboost_counts_weighted_votes(model):
    model, X, _ = fitted(model)
    members = members_for(model)
    votes = members.votes(X)
    mask = some_of(members)
    for weights in (None, np.where(mask, 1.0 / mask.sum(), 0.0)):
        cut = members.keep(mask, weights)
        share = model.estimator_weights_ * mask if weights is None else weights
        expected = np.tensordot(share, votes, 1)
        np.testing.assert_array_equal(cut.predict(X), model.classes_[expected.argmax(axis=1)])
        assert len(cut.estimators_) == len(cut.estimator_weights_) == len(cut.estimator_errors_)


def test_adaboost_regressor_takes_the_median_of_those_that_stay():
    model, X, _ = fitted(BY_HAND[3])
    members = members_for(model)
    cut = members.keep(np.arange(6) == 2)
    np.testing.assert_array_equal(cut.predict(X), members.votes(X)[2, :, 0])


@pytest.mark.parametrize("model", STAGED, ids=name_of)
def test_first_stages_are_what_the_model_was_after_them(model):
    model, X, _ = fitted(model)
    members = members_for(model)
    assert members.n_members == 6
    cut = members.keep(np.arange(6) < 3)
    method = "staged_predict_proba" if is_classifier(model) else "staged_predict"
    after = list(getattr(model, method)(X))[2]
    answer = cut.predict_proba(X) if is_classifier(model) else cut.predict(X)
    np.testing.assert_array_equal(answer, after)


@pytest.mark.parametrize("model", KINDS, ids=name_of)
def test_nothing_cut_is_the_model_itself_and_nothing_is_shared(model):
    model, X, _ = fitted(model)
    members = members_for(model)
    copy = members.keep(np.ones(members.n_members, bool))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    before = joblib.hash(model)  # neighbors count how often they are asked
    cut = members.keep(some_of(members))
    assert type(cut) is type(model)
    assert len(pickle.dumps(cut)) < len(pickle.dumps(model))
    assert pickle.dumps(cut) == pickle.dumps(members.keep(some_of(members)))
    if hasattr(cut, "n_estimators"):
        assert cut.n_estimators == some_of(members).sum()
    assert joblib.hash(model) == before
    own = {id(m) for m in np.ravel(getattr(model, "estimators_", []))}
    assert not own & {id(m) for m in np.ravel(getattr(cut, "estimators_", []))}


@pytest.mark.parametrize("model", KINDS, ids=name_of)
def test_sizes_add_up_to_those_of_the_model(model):
    model, _, _ = fitted(model)
    members = members_for(model)
    sizes = members.sizes()
    assert sizes.shape == (members.n_members, 2)
    try:
        surgeon_for(model)
    except UnsupportedModelError:
        assert np.isnan(sizes).any()
        return
    for mask in (np.ones(members.n_members, bool), some_of(members)):
        size = model_size(members.keep(mask))
        np.testing.assert_array_equal(sizes[mask].sum(axis=0), [size.parameters, size.bytes])


@pytest.mark.parametrize("model", [AVERAGED[0], AVERAGED[3], AVERAGED[5]], ids=name_of)
def test_training_rows_of_each_member_are_known(model):
    model, _, _ = fitted(model)
    members = members_for(model)
    for mine, known in zip(members.in_bag(), model.estimators_samples_, strict=True):
        np.testing.assert_array_equal(mine, known)
    cut = members.keep(some_of(members))
    for mine, known in zip(
        cut.estimators_samples_, np.array(model.estimators_samples_)[::2], strict=True
    ):
        np.testing.assert_array_equal(mine, known)


def test_members_without_bootstrap_have_no_rows_of_their_own():
    for model in (ExtraTreesRegressor(3), BY_HAND[0], BY_HAND[1]):
        assert members_for(fitted(model)[0]).in_bag() is None


def test_out_of_bag_scores_of_the_whole_bagging_go():
    model = BaggingClassifier(KNeighborsClassifier(), 40, oob_score=True, random_state=0)
    model, _, _ = fitted(model)
    cut = members_for(model).keep(np.arange(40) < 9)
    assert not hasattr(cut, "oob_score_")
    assert hasattr(model, "oob_score_")


def test_labels_are_encoded():
    X, y = make_classification(60, 4, random_state=0)
    for labels in (np.array(["x", "y"]), np.array([False, True])):
        model = RandomForestClassifier(2, random_state=0).fit(X, labels[y])
        np.testing.assert_array_equal(members_for(model).encode(labels[y]), y)
    assert list(members_for(model).encode(["x", "?"])) == [-1, -1]


def test_votes_of_several_outputs_are_columns():
    X, y = make_regression(60, 4, n_targets=3, random_state=0)
    model = RandomForestRegressor(3, random_state=0).fit(X, y)
    votes = members_for(model).votes(X)
    assert votes.shape == (3, 60, 3)
    np.testing.assert_allclose(votes.mean(axis=0), model.predict(X))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (LogisticRegression(), "Known are: .*VotingRegressor"),
        (DecisionTreeClassifier(), "no members"),
        (IsolationForest(), "caches the path lengths"),
        (make_pipeline(LogisticRegression()), "inside the pipeline"),
    ],
)
def test_models_without_members_are_refused(model, words):
    with pytest.raises(UnsupportedModelError, match=words):
        members_type(model)


def test_size_of_voting_needs_that_of_each_member():
    with pytest.raises(UnsupportedModelError, match=r"^KNeighborsClassifier"):
        model_size(fitted(BY_HAND[0])[0])
