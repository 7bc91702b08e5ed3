"""EnsemblePruner: what is its own beside the contracts in `test_common.py`."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier

from skprune import EnsemblePruner, PruningSearchCV
from skprune.ensemble import _pruner
from skprune.ensemble._pruner import BY_VOTES, CRITERIA, ONE_BY_ONE, REWEIGHTINGS
from skprune.exceptions import InputError, PruningWarning, UnsupportedModelError

X, Y = make_classification(400, 8, n_informative=5, n_classes=3, flip_y=0.1, random_state=0)
XR, YR = make_regression(400, 8, n_informative=5, noise=20, random_state=0)
FOREST = RandomForestClassifier(12, random_state=0)
REGRESSORS = RandomForestRegressor(12, random_state=0)
VOTING = VotingClassifier(
    [
        ("tree", DecisionTreeClassifier(random_state=0)),
        ("line", LogisticRegression()),
        ("near", KNeighborsClassifier()),
        ("bayes", GaussianNB()),
    ],
    voting="soft",
)
FOR_FORESTS = [criterion for criterion in CRITERIA if criterion not in {"stages", "faithful"}]


@pytest.mark.parametrize("criterion", FOR_FORESTS)
def test_every_criterion_prunes_a_forest(criterion):
    pruner = EnsemblePruner(FOREST, criterion=criterion, keep=4, random_state=0).fit(X, Y)
    n_members = len(set(pruner.estimator_.estimators_))
    assert 1 <= n_members <= 4
    assert n_members <= pruner.estimator_.n_estimators <= FOREST.n_estimators
    assert pruner.estimator_.n_estimators == len(pruner.estimator_.estimators_)
    assert n_members == 4 or criterion in REWEIGHTINGS
    assert pruner.report_["kept"].sum() == n_members == pruner.keep_mask_.sum()
    assert pruner.report_["weight"].sum() == pytest.approx(1)
    assert pruner.score(X, Y) > 0.6
    np.testing.assert_allclose(pruner.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("model", [FOREST, REGRESSORS, VOTING], ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("criterion", ["reduced_error", "swaps", "nnls", "lasso"])
def test_snapshots_are_the_cut_models_to_the_bit(model, criterion):
    x, y = (XR, YR) if model is REGRESSORS else (X, Y)
    path = EnsemblePruner(model, criterion=criterion, random_state=0).fit(x[:300], y[:300]).path_
    for index, snapshot in enumerate(path.snapshots(x[300:])):
        cut = path.cut(index=index)
        np.testing.assert_array_equal(snapshot.predict(x[300:]), cut.predict(x[300:]))
        if hasattr(cut, "predict_proba"):
            proba = cut.predict_proba(x[300:])
            np.testing.assert_array_equal(snapshot.predict_proba(x[300:]), proba)


@pytest.mark.parametrize("criterion", FOR_FORESTS)
def test_members_are_judged_out_of_bag(criterion):
    if criterion == "random":
        pytest.skip("it looks at no rows")
    own = EnsemblePruner(FOREST, criterion=criterion).fit(X, Y)
    training = EnsemblePruner(FOREST, criterion=criterion, validation="train").fit(X, Y)
    assert own.report_["error"].mean() > 2 * training.report_["error"].mean()
    held = EnsemblePruner(FOREST, criterion=criterion, validation=0.3, random_state=0).fit(X, Y)
    assert held.path_.cut(keep=1.0).estimators_[0].tree_.n_node_samples[0] < 280


def test_error_in_the_report_is_that_of_each_member():
    model = ExtraTreesClassifier(5, max_depth=3, random_state=0).fit(X[:200], Y[:200])
    pruner = EnsemblePruner(FrozenEstimator(model), criterion="error").fit(X[200:], Y[200:])
    errors = [1 - tree.score(X[200:], Y[200:]) for tree in model.estimators_]
    np.testing.assert_allclose(pruner.report_["error"], errors)
    order = np.argsort(errors, kind="stable")
    np.testing.assert_allclose(pruner.rank_shares_[order], [1, 0.8, 0.6, 0.4, 0.2])


def test_thresholds_of_orders_are_shares_of_members():
    path = EnsemblePruner(FOREST, criterion="error").fit(X, Y).path_
    for index, threshold in enumerate(path.levels["threshold"]):
        assert path.locate(threshold=threshold) == index
        np.testing.assert_array_equal(path.rank_shares > threshold, path.mask(index))
    assert path.locate(threshold=99) == len(path) - 1


def test_orders_have_rank_shares_and_weights_have_scores():
    pruner = EnsemblePruner(FOREST, criterion="error")
    with pytest.raises(AttributeError, match="no scores_: it is not fitted"):
        _ = pruner.scores_
    pruner.fit(X, Y)
    assert not hasattr(pruner, "scores_")
    assert pruner.report_["rank_share"].tolist() == pruner.rank_shares_.tolist()
    pruner.set_params(criterion="lasso").fit(X, Y)
    assert not hasattr(pruner, "rank_shares_")
    assert pruner.report_["score"].tolist() == pruner.scores_.tolist()


@pytest.mark.parametrize("criterion", ONE_BY_ONE)
def test_a_fit_orders_only_the_members_that_it_keeps(criterion, monkeypatch):
    asked, whole_order = [], BY_VOTES[criterion]

    def pick(votes, n_picks=None):
        asked.append(n_picks)
        return whole_order(votes, n_picks)

    monkeypatch.setitem(_pruner.BY_VOTES, criterion, pick)
    pruner = EnsemblePruner(FOREST, criterion=criterion)
    whole = clone(pruner).set_params(keep=1.0).fit(X, Y).path_
    assert asked == [12]
    for level in ({"keep": 4}, {"keep": 1}, {"threshold": 0.7}, {}):
        asked.clear()
        few = clone(pruner).set_params(**level).fit(X, Y)
        n_kept = few.keep_mask_.sum()
        assert "levels" in repr(few.path_)
        assert len(few.path_) == 12
        path, pickled = few.path_, pickle.loads(pickle.dumps(few))
        assert asked == [n_kept]
        index = 12 - n_kept
        np.testing.assert_array_equal(few.keep_mask_, whole.mask(index))
        # Those that are removed share the lowest value, on which no kept one is.
        shares = np.where(few.keep_mask_, whole.rank_shares, index / 12)
        np.testing.assert_allclose(few.rank_shares_, shares, rtol=1e-15)
        np.testing.assert_allclose(pickled.rank_shares_, few.rank_shares_, rtol=1e-7)
        assert pickled.report_.equals(few.report_)
        again = pruner._at_level(whole, index)
        np.testing.assert_array_equal(again.rank_shares_, few.rank_shares_)
        assert again.report_.equals(few.report_)
        # The whole order is that of a fit that asks for it at once.
        for other in (pickle.loads(pickle.dumps(path)), path):
            assert other.levels.equals(whole.levels)
            np.testing.assert_array_equal(other.units, other.levels["members"])
            np.testing.assert_array_equal(other.rank_shares, whole.rank_shares)
            for row in range(12):
                np.testing.assert_array_equal(other.mask(row), whole.mask(row))
                assert other.locate(threshold=other.levels["threshold"][row]) == row
        assert asked == [n_kept, 12]


@pytest.mark.parametrize("criterion", REWEIGHTINGS)
def test_thresholds_of_weights_are_penalties(criterion):
    path = EnsemblePruner(FOREST, criterion=criterion).fit(X, Y).path_
    thresholds = path.levels["threshold"].to_numpy()
    assert (np.diff(thresholds) > 0).all()
    assert (np.diff(path.units) < 0).all()
    assert [path.locate(threshold=t) for t in thresholds] == list(range(len(path)))


def test_new_weights_lower_the_squared_error():
    rows = XR[:300], YR[:300]
    model = FrozenEstimator(RandomForestRegressor(30, max_depth=4, random_state=0).fit(*rows))
    choose = XR[300:], YR[300:]

    def error(criterion):
        path = EnsemblePruner(model, criterion=criterion).fit(*choose).path_
        level = path.cut(keep=5)
        assert len(set(level.estimators_)) == 5 or criterion in REWEIGHTINGS
        return np.mean((level.predict(choose[0]) - choose[1]) ** 2)

    assert error("swaps") <= error("reduced_error") <= error("error")
    assert error("nnls") < error("error")


@pytest.mark.parametrize("criterion", FOR_FORESTS)
def test_every_criterion_prunes_voting(criterion):
    pruner = EnsemblePruner(VOTING, criterion=criterion, keep=2, random_state=0).fit(X, Y)
    names = pruner.report_.index[pruner.report_["kept"]]
    assert list(pruner.estimator_.named_estimators_) == list(names)
    assert 1 <= len(names) <= 2
    assert np.isnan(pruner.path_.levels["bytes"].iloc[0])


@pytest.mark.parametrize("criterion", [one for one in FOR_FORESTS if one not in REWEIGHTINGS])
@pytest.mark.parametrize("place", range(4))
def test_members_without_a_vote_go_first(criterion, place):
    weights = np.eye(4)[place]
    for voting in ("soft", "hard"):
        model = clone(VOTING).set_params(voting=voting, weights=weights)
        path = EnsemblePruner(model, criterion=criterion, random_state=0).fit(X, Y).path_
        expected = path.model.predict(X)
        for index in range(4):
            np.testing.assert_array_equal(path.cut(index=index).predict(X), expected)


def test_voting_of_regressors():
    model = VotingRegressor([("line", LinearRegression()), ("near", KNeighborsRegressor())])
    pruner = EnsemblePruner(model, keep=1, random_state=0).fit(XR, YR)
    assert list(pruner.estimator_.named_estimators_) == ["line"]


def test_bagging_of_other_members_than_trees():
    model = BaggingClassifier(KNeighborsClassifier(), n_estimators=6, random_state=0)
    pruner = EnsemblePruner(model, keep=3).fit(X, Y)
    assert len(pruner.estimator_.estimators_) == 3
    pruner = EnsemblePruner(model, criterion="nnls", keep=3).fit(X, Y)
    assert len(set(pruner.estimator_.estimators_)) == pruner.keep_mask_.sum() <= 3


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingClassifier(n_estimators=6, random_state=0),
        HistGradientBoostingClassifier(max_iter=6, random_state=0),
        AdaBoostClassifier(n_estimators=6, random_state=0),
    ],
    ids=lambda m: type(m).__name__,
)
def test_stages_are_cut_from_the_end_and_no_row_is_held_out(model):
    pruner = EnsemblePruner(model, criterion="stages", keep=3).fit(X, Y)
    np.testing.assert_array_equal(pruner.keep_mask_, np.arange(6) < 3)
    whole = pruner.path_.cut(keep=1.0)
    after = list(whole.staged_predict_proba(X))[2]
    np.testing.assert_allclose(pruner.predict_proba(X), after, rtol=1e-12)


def test_search_over_members():
    search = PruningSearchCV(EnsemblePruner(FOREST, random_state=0), cv=3).fit(X, Y)
    assert len(search.cv_results_["params"]) == 12
    assert len(search.best_estimator_.estimator_.estimators_) <= 12


def test_search_over_penalties():
    pruner = EnsemblePruner(REGRESSORS, criterion="lasso", random_state=0)
    search = PruningSearchCV(pruner, cv=3).fit(XR, YR)
    assert "threshold" in str(search.cv_results_["params"]) or search.best_score_ > 0


def test_several_outputs():
    y = np.column_stack([YR, 1000 * YR[::-1], YR**2])
    pruner = EnsemblePruner(REGRESSORS, keep=4).fit(XR, y)
    assert pruner.predict(XR).shape == y.shape
    labels = np.column_stack([Y, Y[::-1]])
    for criterion in FOR_FORESTS:
        chosen = EnsemblePruner(FOREST, criterion=criterion, keep=4).fit(X, labels)
        assert chosen.predict(X).shape == labels.shape
    frozen = FrozenEstimator(clone(FOREST).fit(X, labels))
    errors = EnsemblePruner(frozen, criterion="error").fit(X, labels).report_["error"]
    expected = [(tree.predict(X) != labels).mean() for tree in frozen.estimator.estimators_]
    np.testing.assert_allclose(errors, expected)
    with pytest.raises(InputError, match="y has 1 outputs, but the model has 2"):
        EnsemblePruner(frozen).fit(X, Y)


def test_labels_of_any_kind_and_rows_of_unknown_classes():
    names = np.array(["b", "c", "a"])[Y]
    pruner = EnsemblePruner(FOREST, keep=4).fit(X, names)
    codes = EnsemblePruner(FOREST, keep=4).fit(X, np.array([1, 2, 0])[Y])
    np.testing.assert_array_equal(pruner.keep_mask_, codes.keep_mask_)
    frozen = FrozenEstimator(RandomForestClassifier(5, random_state=0).fit(X[:200], Y[:200]))
    known = EnsemblePruner(frozen).fit(X[200:], Y[200:])
    more = np.concatenate([Y[200:], [7, 8]])
    other = EnsemblePruner(frozen).fit(np.concatenate([X[200:], X[:2]]), more)
    np.testing.assert_array_equal(known.keep_mask_, other.keep_mask_)


def test_a_target_without_signal_keeps_one_member_at_least():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=60)
    frozen = FrozenEstimator(clone(REGRESSORS).fit(XR, YR))
    for y in (noise, np.zeros(60), -frozen.estimator.predict(XR[:60])):
        path = EnsemblePruner(frozen, criterion="nnls").fit(XR[:60], y).path_
        assert path.units[-1] >= 1
        assert np.isfinite(path.cut(index=-1).predict(XR)).all()


@pytest.mark.parametrize(
    ("model", "criterion", "words"),
    [
        (GradientBoostingClassifier(), "reduced_error", "Allowed for it is criterion='stages'"),
        (HistGradientBoostingClassifier(), "random", "only the last ones can be removed"),
        (FOREST, "stages", "no order of their own"),
        (AdaBoostRegressor(), "nnls", "cannot store new weights"),
        *[
            (REGRESSORS, criterion, "counts votes for classes")
            for criterion in sorted(set(BY_VOTES) - {"reduced_error", "error"})
        ],
    ],
)
def test_criteria_that_do_not_go_with_the_model_are_refused(model, criterion, words):
    with pytest.raises(InputError, match=words):
        EnsemblePruner(model, criterion=criterion).fit(X, Y)


def test_other_models_are_refused():
    with pytest.raises(UnsupportedModelError, match=r"Known are: .*VotingClassifier"):
        EnsemblePruner(DecisionTreeClassifier()).fit(X, Y)


def test_rows_that_cannot_choose_are_refused():
    frozen = FrozenEstimator(clone(FOREST).fit(X, Y))
    with pytest.raises(InputError, match="requires y to be passed"):
        EnsemblePruner(frozen).fit(X)
    with pytest.raises(InputError, match="labels that the model does not know"):
        EnsemblePruner(frozen).fit(X[:3], [7, 8, 9])
    with pytest.raises(InputError, match="None of the n_samples=3 samples has a positive weight"):
        EnsemblePruner(frozen).fit(X[:3], [1, 8, 9], sample_weight=[0, 1, 1])
    with pytest.warns(PruningWarning, match="uses no validation data"):
        EnsemblePruner(FOREST, criterion="random", validation=0.2).fit(X, Y)


def test_one_member_stays_one():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PruningWarning)
        for criterion in FOR_FORESTS:
            model = RandomForestClassifier(1, random_state=0)
            path = EnsemblePruner(model, criterion=criterion).fit(X, Y).path_
            assert list(path.units) == [1]


def test_random_follows_its_seed():
    masks = [
        EnsemblePruner(FOREST, criterion="random", random_state=s).fit(X, Y).keep_mask_
        for s in (0, 0, 1)
    ]
    assert (masks[0] == masks[1]).all()
    assert not (masks[0] == masks[2]).all()


ZERO_WEIGHTS = clone(VOTING).set_params(weights=[0, 1, 0, 2])
HARD = clone(VOTING).set_params(voting="hard")
BAGGED = BaggingClassifier(n_estimators=9, max_features=0.7, random_state=0)


def answer(model):
    return (model.predict if getattr(model, "voting", "") == "hard" else model.predict_proba)(X)


@pytest.mark.parametrize("criterion", [*REWEIGHTINGS, "faithful"])
@pytest.mark.parametrize(
    "model",
    [VOTING, ZERO_WEIGHTS, HARD, FOREST, BAGGED],
    ids=["soft", "zero weights", "hard", "forest", "bagging"],
)
def test_levels_of_weights_are_those_of_fits(model, criterion):
    frozen = FrozenEstimator(clone(model).fit(X[:200], Y[:200]))
    pruner = EnsemblePruner(frozen, criterion=criterion)
    path = pruner.fit(X[200:], Y[200:]).path_
    whole = EnsemblePruner(frozen, criterion=criterion, keep=1.0).fit(X[200:], Y[200:])
    np.testing.assert_array_equal(answer(whole.estimator_), answer(frozen.estimator))
    np.testing.assert_array_equal(answer(path.cut(keep=1.0)), answer(frozen.estimator))
    if criterion == "faithful":
        np.testing.assert_array_equal(answer(pruner.estimator_), answer(path.cut(index=-1)))
        return
    for keep in range(1, path.units[0] + 1):
        alone = EnsemblePruner(frozen, criterion=criterion, keep=keep).fit(X[200:], Y[200:])
        np.testing.assert_array_equal(answer(alone.estimator_), answer(path.cut(keep=keep)))
        assert alone.keep_mask_.sum() <= keep


@pytest.mark.parametrize("criterion", [*REWEIGHTINGS, "faithful"])
@pytest.mark.parametrize("model", [FOREST, BAGGED], ids=["forest", "bagging"])
def test_leaves_of_weighted_members_are_probabilities(model, criterion):
    pruner = EnsemblePruner(clone(model), criterion=criterion, random_state=0).fit(X, Y)
    members = pruner.estimator_.estimators_
    for member in members:
        np.testing.assert_allclose(member.tree_.value.sum(axis=2), 1)
    copies = np.unique([id(member) for member in members], return_counts=True)[1]
    assert copies.max() <= 16
    assert len(copies) == pruner.keep_mask_.sum()
    shares = pruner.report_["weight"][pruner.keep_mask_]
    np.testing.assert_allclose(np.sort(shares), np.sort(copies) / len(members))
