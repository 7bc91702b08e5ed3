"""Pruning rows: what each criterion ranks by, what stays, and what is refused."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import PruningSearchCV, SamplePruner
from skprune.exceptions import InputError, LevelError, PruningWarning, UnsupportedModelError
from skprune.sample._pruner import HARDNESS, OF_NUMBERS, USED_BY

NB = GaussianNB()


@pytest.fixture(scope="module")
def classes():
    return make_classification(240, 6, n_informative=4, n_classes=3, flip_y=0.1, random_state=0)


@pytest.fixture(scope="module")
def quantity():
    X, y = make_regression(120, 4, noise=10.0, random_state=0)
    y[:6] += 500.0
    return X, y


# Scores.


def test_errors_are_out_of_fold(classes):
    X, y = classes[0][:60], classes[1][:60]
    pruner = SamplePruner(KNeighborsClassifier(1), cv=60, random_state=0).fit(X, y)
    near = NearestNeighbors(n_neighbors=1).fit(X).kneighbors(return_distance=False)[:, 0]
    np.testing.assert_allclose(pruner.difficulty_, np.sqrt(2) * (y != y[near]))
    with joblib.parallel_config("threading"):
        together = clone(pruner).set_params(n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(pruner.rank_shares_, together.rank_shares_)


def test_wrong_labels_go_first(classes):
    X, y = classes
    y = np.where(np.arange(240) < 24, (y + 1) % 3, y)
    pruner = SamplePruner(RandomForestClassifier(20, random_state=0), keep=0.9, random_state=0)
    pruner.fit(X, y)
    assert (~pruner.keep_mask_[:24]).mean() > 3 * (~pruner.keep_mask_[24:]).mean()
    gone = np.argsort(pruner.difficulty_)[-24:]
    assert not pruner.keep_mask_[gone].any()


@pytest.mark.parametrize("criterion", sorted(HARDNESS))
def test_as_many_are_the_hardest_as_labels_are_wrong(criterion):
    X, y = make_classification(1000, 12, n_informative=6, class_sep=1.5, flip_y=0, random_state=0)
    model = {
        "forgetting": GradientBoostingClassifier(n_estimators=20, random_state=0),
        "influence": RandomForestClassifier(20, random_state=0),
        "el2n": KNeighborsClassifier(15),
    }[criterion]
    for share in (0.0, 0.1, 0.3):
        wrong = np.random.RandomState(0).uniform(size=1000) < share
        pruner = SamplePruner(model, criterion=criterion, random_state=0)
        pruner.fit(X, np.where(wrong, 1 - y, y))
        assert pruner.hardest_ == pytest.approx(wrong.mean(), abs=0.05)
        hardest = pruner.hardest_
        # As many are given by hand, and are the same.
        pruner.set_params(hardest=hardest)
        if criterion == "el2n":
            ranks = pruner.rank_shares_
            np.testing.assert_array_equal(
                pruner.fit(X, np.where(wrong, 1 - y, y)).rank_shares_, ranks
            )
            assert pruner.hardest_ == hardest
    assert not hasattr(pruner.set_params(criterion="random", hardest="auto").fit(X, y), "hardest_")


def test_no_number_of_a_regular_quantity_is_among_the_hardest(quantity):
    X, y = quantity
    assert SamplePruner(Ridge(), random_state=0).fit(X, y).hardest_ == 6 / 120
    pruner = SamplePruner(Ridge(), random_state=0).fit(X[6:], y[6:])
    assert pruner.hardest_ == 0
    drawn = SamplePruner(Ridge(), hardest=0.0, random_state=0).fit(X[6:], y[6:])
    np.testing.assert_array_equal(pruner.keep_mask_, drawn.keep_mask_)


@pytest.mark.parametrize("criterion", ["el2n", "influence"])
def test_outliers_of_a_quantity_go_first(quantity, criterion):
    pruner = SamplePruner(Ridge(), criterion=criterion, keep=0.95, random_state=0).fit(*quantity)
    assert np.flatnonzero(~pruner.keep_mask_).tolist() == list(range(6))


@pytest.mark.parametrize("model", [LinearRegression(), Ridge(3.0, fit_intercept=False)])
def test_influence_is_cooks_distance(quantity, model):
    X, y = quantity
    found = SamplePruner(model, criterion="influence", random_state=0).fit(X, y).difficulty_
    whole = clone(model).fit(X, y)
    free = X.shape[1] + model.fit_intercept
    noise = ((y - whole.predict(X)) ** 2).sum() / (len(y) - free)
    penalty = getattr(model, "alpha", 0.0)
    for row in (0, 50, 119):
        rest = np.arange(len(y)) != row
        other = clone(model).fit(X[rest], y[rest])
        moved = ((whole.predict(X) - other.predict(X)) ** 2).sum()
        moved += penalty * ((whole.coef_ - other.coef_) ** 2).sum()
        assert found[row] == pytest.approx(moved / (free * noise))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_influence_in_logistic_regression_is_near_that_of_refits(classes, n_classes):
    X, y = classes[0], np.minimum(classes[1], n_classes - 1)
    weight = np.arange(240) % 3.0  # a row in eight goes; one of them has no weight to lose
    model, rows = LogisticRegression(tol=1e-10, max_iter=1000), np.arange(0, 240, 8)
    pruner = SamplePruner(model, criterion="influence", random_state=0)
    found = pruner.fit(X, y, sample_weight=weight).difficulty_
    assert not found[weight == 0].any()
    whole = clone(model).fit(X, y, weight)
    answer, raw = whole.predict_proba(X)[:, -1 if n_classes == 2 else slice(None)], []
    rows = rows[weight[rows] > 0]
    for row in rows:
        rest = np.where(np.arange(240) == row, 0, weight)
        raw.append(clone(model).fit(X, y, rest).decision_function(X))
    moved = np.asarray(raw) - whole.decision_function(X)
    if n_classes == 2:
        squares = answer * (1 - answer) * moved**2
    else:
        squares = (answer * moved**2).sum(axis=2) - (answer * moved).sum(axis=2) ** 2
    assert np.corrcoef(np.log(squares @ weight), np.log(found[rows]))[0, 1] > 0.98


def test_influence_in_poisson_regression_is_near_that_of_refits(classes):
    X = classes[0]
    y = np.random.RandomState(0).poisson(np.exp(0.3 * X[:, 0] + 1))
    model, rows = PoissonRegressor(alpha=0.1, tol=1e-9, max_iter=1000), np.arange(0, 240, 8)
    found = SamplePruner(model, criterion="influence", random_state=0).fit(X, y).difficulty_
    whole = clone(model).fit(X, y)
    moved = []
    for row in rows:
        rest = clone(model).fit(X, y, np.where(np.arange(240) == row, 0, 1))
        moved.append(whole.predict(X) @ np.log(rest.predict(X) / whole.predict(X)) ** 2)
    assert np.corrcoef(np.log(moved), np.log(found[rows]))[0, 1] > 0.98


@pytest.mark.parametrize("columns", [1.0, 0.5])
def test_influence_in_bagging_is_the_error_out_of_bag(quantity, columns):
    X, y = quantity
    model = BaggingRegressor(n_estimators=8, max_features=columns, random_state=0)
    pruner = SamplePruner(model, criterion="influence", random_state=0).fit(X, y)
    model.fit(X, y)
    errors = np.full((8, 120), np.nan)
    members = zip(
        model.estimators_, model.estimators_samples_, model.estimators_features_, strict=True
    )
    for member, (tree, seen, own) in enumerate(members):
        errors[member] = (tree.predict(X[:, own]) - y) ** 2
        errors[member, seen] = np.nan
    known = np.isfinite(errors).any(axis=0)
    np.testing.assert_allclose(pruner.difficulty_[known], np.nanmean(errors[:, known], axis=0))


def test_forgetting_follows_stages(classes):
    X, y = classes
    model = GradientBoostingClassifier(n_estimators=6, max_depth=2, random_state=0)
    found = SamplePruner(model, criterion="forgetting", random_state=0).fit(X, y).difficulty_
    right = np.array([stage == y for stage in model.fit(X, y).staged_predict(X)])
    events = (right[:-1] & ~right[1:]).sum(axis=0)
    np.testing.assert_array_equal(found, np.where(right.any(axis=0), events, 6))


def test_forgetting_follows_passes(classes):
    X, y = classes
    weight = np.r_[np.zeros(20), np.ones(220)]
    model = SGDClassifier(random_state=0)
    pruner = SamplePruner(model, criterion="forgetting", random_state=0)
    found = pruner.fit(X, y, sample_weight=weight).difficulty_
    assert set(found) <= set(range(21))
    assert len(set(found)) > 2
    assert not pruner.keep_mask_[:20].any()  # rows without weight go before any other


# Criteria that decide.


def test_edited_neighbours_and_links(classes):
    X, y = classes
    near = NearestNeighbors(n_neighbors=3).fit(X).kneighbors(return_distance=False)
    agree = (y[near] == y[:, np.newaxis]).all(axis=1)
    pruner = SamplePruner(NB, criterion="disagreement").fit(X, y)
    np.testing.assert_array_equal(pruner.keep_mask_, agree)
    smallest = np.bincount(y).argmin()
    pruner.set_params(remove="majority").fit(X, y)
    np.testing.assert_array_equal(pruner.keep_mask_, agree | (y == smallest))
    first = near[:, 0]
    linked = (first[first] == np.arange(240)) & (y != y[first])
    pruner = SamplePruner(NB, criterion="tomek").fit(X, y)
    np.testing.assert_array_equal(pruner.keep_mask_, ~linked)
    np.testing.assert_array_equal(pruner.difficulty_, linked)
    assert len(pruner.path_) == 2
    np.testing.assert_array_equal(pruner.path_.mask(pruner.path_.locate(threshold=0.5)), ~linked)
    assert SamplePruner(NB, criterion="tomek", keep=1.0).fit(X, y).keep_mask_.all()
    with pytest.raises(LevelError, match="decides by itself"):
        SamplePruner(NB, criterion="tomek", keep=0.5).fit(X, y)


def test_condensed_rows_tell_all_rows_apart(classes):
    X, y = classes
    pruner = SamplePruner(KNeighborsClassifier(1), criterion="condensed").fit(X, y)
    assert pruner.score(X, y) == 1.0
    assert len(pruner.sample_indices_) < 200


@pytest.mark.parametrize("criterion", ["disagreement", "tomek", "condensed"])
@pytest.mark.parametrize("remove", ["both", "majority"])
def test_rows_without_weight_are_nobodys_neighbours(classes, criterion, remove):
    X, y = classes
    pruner = SamplePruner(NB, criterion=criterion, remove=remove)
    weight = np.where(pruner.fit(X, y).keep_mask_ & (np.arange(240) % 3 > 0), 0.0, 1.0)
    rows = np.flatnonzero(weight)
    plain = clone(pruner).fit(X[rows], y[rows])
    pruner.fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(pruner.sample_indices_, rows[plain.sample_indices_])
    np.testing.assert_array_equal(pruner.difficulty_[rows], plain.difficulty_)
    pruner.fit(X, y, sample_weight=weight * (y > 0))  # a class without weight keeps one row
    assert np.bincount(y[pruner.sample_indices_])[0] == 1


def test_a_class_that_would_go_keeps_a_row():
    X, y = np.arange(12.0)[:, np.newaxis], np.repeat([0, 1, 0], [5, 2, 5])
    pruner = SamplePruner(NB, criterion="disagreement").fit(X, y)
    assert (y[pruner.sample_indices_] == 1).sum() == 1
    X, y = np.arange(100.0)[:, np.newaxis], np.r_[np.zeros(99, int), 1]
    tree = DecisionTreeClassifier(random_state=0)
    for criterion in ("el2n", "leverage", "prototype", "random"):
        pruner = SamplePruner(tree, criterion=criterion, keep=2, random_state=0).fit(X, y)
        assert sorted(y[pruner.sample_indices_]) == [0, 1]
    with pytest.raises(LevelError, match="Give at least keep=2"):
        SamplePruner(tree, keep=1, random_state=0).fit(X, y)


# What a cut is.


def test_cut_is_a_fit_on_the_rows_with_their_weights(quantity):
    X, y = quantity
    weight = np.random.RandomState(0).uniform(0.5, 2, 120)
    for criterion in ("el2n", "leverage"):
        pruner = SamplePruner(Ridge(), criterion=criterion, keep=50, random_state=0)
        pruner.fit(X, y, sample_weight=weight)
        rows = pruner.sample_indices_
        assert len(rows) == 50
        own = weight[rows] if criterion == "el2n" else pruner.sample_weight_
        np.testing.assert_array_equal(
            pruner.estimator_.coef_, Ridge().fit(X[rows], y[rows], own).coef_
        )
    assert (pruner.sample_weight_ >= weight[rows]).all()
    assert pruner.sample_weight_.sum() == pytest.approx(weight.sum(), rel=0.3)
    np.testing.assert_array_equal(pruner.path_.weights(0), weight)
    weight[:30] = 0.0  # such samples are removed first, and represent no others
    pruner.set_params(keep=110).fit(X, y, sample_weight=weight)
    assert pruner.sample_weight_[:20].tolist() == [0.0] * 20
    np.testing.assert_array_equal(pruner.sample_weight_[20:], weight[30:])


def test_prototypes_stand_for_their_class(monkeypatch, classes):
    X, y = classes
    monkeypatch.setattr("skprune.sample._pruner.PART", 50)  # classes of 80 rows in two parts
    reach = {}
    for criterion in ("prototype", "random"):
        pruner = SamplePruner(NB, criterion=criterion, keep=30, random_state=0).fit(X, y)
        kept = pruner.sample_indices_
        assert (abs(np.bincount(y[kept]) - 10) <= 1).all()
        near = NearestNeighbors(n_neighbors=1).fit(X[kept])
        reach[criterion] = near.kneighbors(X)[0].mean()
    assert reach["prototype"] < 0.95 * reach["random"]


def test_report_counts_rows(classes, quantity):
    X, y = classes
    names = np.array(["a", "b", "c"])[y]
    report = SamplePruner(NB, keep=120, random_state=0).fit(X, names).report_
    assert report.index.tolist() == ["a", "b", "c"]
    assert report["samples_before"].tolist() == np.bincount(y).tolist()
    assert report["samples"].sum() == 120
    assert (report["mean_difficulty"] < report["mean_difficulty_before"]).all()
    report = SamplePruner(Ridge(), keep=60, random_state=0).fit(*quantity).report_
    assert report["samples_before"].tolist() == [12] * 10
    assert (report["from"].iloc[1:].to_numpy() >= report["to"].iloc[:-1].to_numpy()).all()


def test_fit_resample_returns_the_types_given(classes):
    X, y = pd.DataFrame(classes[0]).add_prefix("x"), pd.Series(classes[1])
    pruner = SamplePruner(NB, keep=50, random_state=0)
    small, target = pruner.fit_resample(X, y)
    pd.testing.assert_frame_equal(small, X.iloc[pruner.sample_indices_])
    pd.testing.assert_series_equal(target, y.iloc[pruner.sample_indices_])
    assert len(pruner.predict(X)) == 240
    assert pruner.get_feature_names_out().tolist() == X.columns.tolist()


def test_search_is_a_grid_search(classes):
    X, y = classes
    grid = {"keep": [1.0, 0.6, 0.3]}
    pruner = SamplePruner(NB, random_state=0)
    ours = PruningSearchCV(pruner, grid, cv=3, refit=True).fit(X, y)
    peer = GridSearchCV(pruner, grid, cv=3).fit(X, y)
    np.testing.assert_array_equal(
        ours.cv_results_["mean_test_score"], peer.cv_results_["mean_test_score"]
    )
    pipeline = make_pipeline(StandardScaler(), pruner)
    search = PruningSearchCV(pipeline, cv=2, max_levels=4).fit(X, y)
    assert len(search.best_estimator_[-1].sample_indices_) <= 240


def test_search_over_a_criterion_that_decides(classes):
    pruner = SamplePruner(NB, criterion="tomek")
    search = PruningSearchCV(pruner, {"remove": ["both", "majority"]}, cv=2).fit(*classes)
    assert len(search.cv_results_["params"]) == 4  # all samples, and those that it keeps


@pytest.mark.parametrize(
    "model", [LinearSVC(random_state=0), Perceptron(random_state=0), KNeighborsClassifier(3)]
)
def test_any_classifier_has_errors(classes, model):
    X, y = classes
    found = SamplePruner(model, random_state=0).fit(X, y).difficulty_
    assert ((found >= 0) & (found <= np.sqrt(2))).all()
    two = SamplePruner(model, random_state=0).fit(X, y > 0).difficulty_
    assert two[(y > 0)].mean() < two[y == 0].mean()  # the rarer class is the harder one


def test_only_what_is_measured_is_reported(classes):
    X, y = classes
    pruner = SamplePruner(DecisionTreeClassifier(random_state=0), random_state=0).fit(X, y)
    assert pruner.report_.columns.tolist()[2:] == ["mean_difficulty_before", "mean_difficulty"]
    pruner.set_params(criterion="random").fit(X, y)
    assert not hasattr(pruner, "difficulty_")
    assert pruner.report_.columns.tolist() == ["samples_before", "samples"]
    pruner.set_params(criterion="tomek").fit(X, y)
    assert not hasattr(pruner, "rank_shares_")
    np.testing.assert_array_equal(pruner.scores_, pruner.keep_mask_)


def test_classifier_without_scores_is_asked_for_classes(classes):
    class Silent(DecisionTreeClassifier):
        predict_proba = property()

    found = SamplePruner(Silent(max_depth=3), random_state=0).fit(*classes).difficulty_
    np.testing.assert_allclose(np.unique(found), [0, np.sqrt(2)])


def test_class_of_one_row_is_answered_by_the_other():
    X, y = np.arange(9.0)[:, np.newaxis], np.r_[np.zeros(8), 1]
    found = SamplePruner(LogisticRegression(), random_state=0).fit(X, y).difficulty_
    assert found[-1] == pytest.approx(np.sqrt(2))


def test_sparse_rows_and_missing_values(classes):
    X, y = classes
    for criterion in ("disagreement", "tomek"):
        dense = SamplePruner(LogisticRegression(), criterion=criterion).fit(X, y)
        sparse = SamplePruner(LogisticRegression(), criterion=criterion).fit(csr_array(X), y)
        np.testing.assert_array_equal(dense.keep_mask_, sparse.keep_mask_)
    sparse = SamplePruner(Ridge(), criterion="influence", random_state=0).fit(csr_array(X), y)
    dense = SamplePruner(Ridge(), criterion="influence", random_state=0).fit(X, y)
    np.testing.assert_allclose(sparse.difficulty_, dense.difficulty_, rtol=1e-3)
    holes = np.where(X > 2, np.nan, X)
    model = HistGradientBoostingClassifier(max_iter=3, random_state=0)
    assert len(SamplePruner(model, random_state=0).fit(holes, y).sample_indices_) == 120
    with pytest.raises(ValueError, match="contains NaN"):
        SamplePruner(model, criterion="leverage", random_state=0).fit(holes, y)


def test_frozen_model_is_the_whole_and_a_clone_of_it_the_rest(classes):
    X, y = classes
    model = RandomForestClassifier(5, random_state=0).fit(X[:50], y[:50])
    pruner = SamplePruner(FrozenEstimator(model), criterion="influence", random_state=0)
    pruner.fit(X, y, sample_weight=np.ones(240))
    plain = SamplePruner(model, criterion="influence", random_state=0)
    plain.fit(X, y, sample_weight=np.ones(240))
    np.testing.assert_array_equal(pruner.difficulty_, plain.difficulty_)
    np.testing.assert_array_equal(pruner.predict_proba(X), plain.predict_proba(X))
    whole = pruner.path_.cut(keep=1.0)
    np.testing.assert_array_equal(whole.predict_proba(X), model.predict_proba(X))


def test_routed_weights_reach_every_fit(classes):
    X, y = classes
    weight = np.r_[np.full(120, 0.1), np.ones(120)]
    plain = SamplePruner(NB, random_state=0).fit(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        model = GaussianNB().set_fit_request(sample_weight=True)
        routed = SamplePruner(model, random_state=0).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(plain.difficulty_, routed.difficulty_)
    np.testing.assert_array_equal(plain.predict_proba(X), routed.predict_proba(X))


def test_pickled_weights_need_the_rows(quantity):
    pruner = SamplePruner(Ridge(), criterion="leverage", random_state=0).fit(*quantity)
    path = pickle.loads(pickle.dumps(pruner.path_))
    with pytest.raises(InputError, match="leaves out the samples"):
        path.weights(3)


# Errors teach.


@pytest.mark.parametrize(
    ("model", "criterion", "words"),
    [
        (KMeans(), "el2n", "Give a classifier or a regressor"),
        (Ridge(), "tomek", "it compares classes. Use criterion='el2n'"),
        (KNeighborsClassifier(), "leverage", "takes no sample_weight"),
        (make_pipeline(Ridge()), "influence", "make the pruner the last step"),
        (KNeighborsClassifier(), "forgetting", "neither staged_predict nor partial_fit"),
        (Lasso(), "influence", "defined for linear, ridge, logistic"),
        (RandomForestClassifier(bootstrap=False), "influence", "bootstrap=True"),
    ],
)
def test_models_that_do_not_go_with_the_criterion(classes, model, criterion, words):
    with pytest.raises(UnsupportedModelError, match=words):
        SamplePruner(model, criterion=criterion).fit(*classes)


def test_rows_and_models_that_do_not_serve(classes):
    X, y = classes
    tree = DecisionTreeRegressor(random_state=0)
    with pytest.raises(InputError, match="allows one only"):
        SamplePruner(tree).fit(X, np.column_stack([y, y]))
    with pytest.raises(InputError, match="requires y to be passed"):
        SamplePruner(tree).fit(X)
    with pytest.raises(InputError, match="Give at least two samples"):
        SamplePruner(tree).fit(X[:1], y[:1])
    with pytest.raises(InputError, match="closed form"):
        SamplePruner(LinearRegression(positive=True), criterion="influence").fit(X, y)


@pytest.mark.parametrize("criterion", sorted(OF_NUMBERS))
def test_rows_that_are_no_numbers_belong_behind_a_pipeline(classes, criterion):
    X, y = classes
    frame = pd.DataFrame(X[:60]).add_prefix("x").assign(word=["a", "b"] * 30)
    drop = make_column_transformer(("drop", ["word"]), remainder="passthrough")
    if criterion != "leverage":  # which needs weights, and a pipeline takes none
        with pytest.raises(InputError, match=r"string to float(.|\n)*last step of a pipeline"):
            SamplePruner(make_pipeline(drop, NB), criterion=criterion).fit(frame, y[:60])
    pruner = SamplePruner(NB, criterion=criterion, random_state=0)
    assert len(make_pipeline(drop, pruner).fit(frame, y[:60]).predict(frame)) == 60
    if criterion not in {"disagreement", "tomek"}:
        with pytest.raises(InputError, match=r"(?i)sparse(.|\n)*and dense"):
            SamplePruner(LogisticRegression(), criterion=criterion).fit(csr_array(X), y)


@pytest.mark.parametrize("name", USED_BY)
def test_idle_parameters_warn(classes, name):
    other = {"hardest": 0.2, "cv": 3, "n_neighbors": 4, "remove": "majority"}[name]
    with pytest.warns(PruningWarning, match=f"{name}={other!r} has no meaning here"):
        SamplePruner(NB, criterion="random", random_state=0, **{name: other}).fit(*classes)
    assert "random" not in USED_BY[name]
