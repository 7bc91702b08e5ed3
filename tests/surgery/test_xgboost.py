"""XGBoost, read from its saved form and written back."""

import copy
import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skprune import (
    Distiller,
    EnsemblePruner,
    PruningSearchCV,
    Quantizer,
    ShadowPruner,
    TreePruner,
    make_pruner,
    model_size,
    size_scorer,
)
from skprune.exceptions import InputError, PruningWarning, UnsupportedModelError
from skprune.surgery import surgeon_for
from tests._boosters import check_cuts, check_leaves, check_paths, check_stages, data_for

xgboost = pytest.importorskip("xgboost")
Classifier, Regressor = xgboost.XGBClassifier, xgboost.XGBRegressor
SMALL = {"n_estimators": 5, "max_depth": 4, "n_jobs": 1, "random_state": 0}
CASES = {
    "three classes": Classifier(**SMALL),
    "two classes with missing": Classifier(**SMALL),
    "squares": Regressor(**SMALL),
    "missing": Regressor(**SMALL, base_score=0.3),
    "zero is missing": Regressor(**SMALL, missing=0.0),
    "two outputs": Regressor(**SMALL),
    "absolute": Regressor(**SMALL, objective="reg:absoluteerror"),
    "quantile": Regressor(**SMALL, objective="reg:quantileerror", quantile_alpha=0.3),
    "poisson": Regressor(**SMALL, objective="count:poisson"),
    "gamma": Regressor(**SMALL, objective="reg:gamma"),
    "tweedie": Regressor(**SMALL, objective="reg:tweedie"),
    "deleted nodes": Regressor(**SMALL, tree_method="exact", gamma=1e5),
    "leafwise": Regressor(**SMALL, grow_policy="lossguide", max_leaves=7),
    "stumps only": Regressor(**SMALL, gamma=1e9),
    "partition of categories": Regressor(**SMALL, enable_categorical=True, max_cat_to_onehot=1),
    "single categories": Regressor(**SMALL, enable_categorical=True, max_cat_to_onehot=99),
    "forest": xgboost.XGBRFRegressor(**SMALL),
    "forest of three classes": xgboost.XGBRFClassifier(**SMALL),
    "subsample": Regressor(**SMALL, subsample=0.6, colsample_bytree=0.5),
}
each_case = pytest.mark.parametrize("case", CASES)


def raw(model, X):
    return model.predict(X, output_margin=True).reshape(len(X), -1)


def saved(model):
    return bytes(model.get_booster().save_raw("json"))


def fitted(case):
    X, y = data_for(case)
    return clone(CASES[case]).fit(X, y), X


@each_case
def test_leaves_are_those_of_a_plain_walk(case):
    check_leaves(*fitted(case))


@each_case
def test_cuts_predict_what_stays(case):
    check_cuts(*fitted(case), raw, saved)


@pytest.mark.parametrize("case", ["three classes", "partition of categories", "deleted nodes"])
def test_the_library_saves_and_loads_the_result(case, tmp_path):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    cut = surgeon.cut(surgeon.table.is_split & (surgeon.table.depth < 2))
    cut.save_model(tmp_path / "model.ubj")
    loaded = type(model)()
    loaded.load_model(tmp_path / "model.ubj")
    assert_array_equal(raw(loaded, X), raw(cut, X))
    assert cut.get_booster().feature_names == model.get_booster().feature_names
    assert cut.get_booster().feature_types == model.get_booster().feature_types
    data = xgboost.DMatrix(X, enable_categorical=True)
    shares = cut.get_booster().predict(data, pred_contribs=True)
    assert_allclose(shares.sum(axis=-1).reshape(len(X), -1), raw(cut, X), rtol=1e-4, atol=1e-4)
    gains = cut.get_booster().get_score(importance_type="total_gain")
    n_nodes = 2 * model_size(cut).units - surgeon.table.n_trees
    assert len(cut.get_booster().trees_to_dataframe()) == n_nodes
    assert sum(gains.values()) > 0


@pytest.mark.parametrize(
    "case", ["two classes with missing", "three classes", "squares", "forest", "single categories"]
)
def test_paths_of_all_criteria(case):
    check_paths(CASES[case], *data_for(case), raw)


@pytest.mark.parametrize("case", ["absolute", "quantile", "poisson", "gamma", "two outputs"])
def test_backfitting_minimises_the_loss_of_the_model(case):
    model, (X, y) = CASES[case], data_for(case)
    y = y / 100
    how = {"criterion": "backfitting", "ridge": 3.0, "keep": 0.5, "random_state": 0}
    pruner = TreePruner(model, **how).fit(X, y)
    whole = clone(model).fit(X, y)

    def loss(model):
        error = y - model.predict(X)
        if case == "quantile":
            return np.mean(error * (0.3 - (error < 0)))
        return np.mean(np.abs(error))

    assert model_size(pruner).units <= model_size(whole).units / 2
    assert loss(pruner) < 1.02 * loss(whole)


def test_backfitting_corrects_a_base_score_that_is_far_from_the_target():
    X, y = load_diabetes(return_X_y=True)
    model = clone(CASES["poisson"]).set_params(base_score=0.5, n_estimators=40)
    errors = []
    for seed in range(3):
        how = {"criterion": "backfitting", "ridge": 3.0, "keep": 0.5, "random_state": seed}
        errors.append(np.abs(y - TreePruner(model, **how).fit(X, y).predict(X)).mean())
    assert max(errors) < 0.7 * np.abs(y - np.mean(y)).mean()


def test_positive_weights_are_part_of_the_loss():
    X, y = data_for("two classes")
    model = Classifier(**SMALL)
    how = {"criterion": "backfitting", "ridge": 3.0, "keep": 8, "random_state": 0}
    given = TreePruner(clone(model).set_params(scale_pos_weight=30.0), **how).fit(X, y)
    plain = TreePruner(model, **how).fit(X, y)
    assert given.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.02


@pytest.mark.parametrize("case", ["three classes", "squares"])
def test_last_stages_are_removed(case):
    def first(model, X, n):
        return model.predict(X, output_margin=True, iteration_range=(0, n)).reshape(len(X), -1)

    check_stages(CASES[case], *data_for(case), raw, first)


def test_stages_after_the_best_one_are_left_out():
    X, y = load_diabetes(return_X_y=True)
    model = Regressor(n_estimators=60, early_stopping_rounds=4, n_jobs=1)
    model.fit(X[:300], y[:300], eval_set=[(X[300:], y[300:])], verbose=False)
    best, n_stages = model.best_iteration, model.get_booster().num_boosted_rounds()
    assert best + 1 < n_stages < 60
    surgeon = surgeon_for(model)
    assert surgeon.table.n_trees == best + 1
    whole = surgeon.cut(surgeon.table.is_split)
    assert_array_equal(raw(whole, X), raw(model, X))
    assert (whole.best_iteration, whole.best_score) == (best, model.best_score)
    assert whole.get_booster().num_boosted_rounds() == best + 1
    smaller = EnsemblePruner(FrozenEstimator(model), criterion="stages", keep=2).fit(X, y)
    first = model.predict(X, output_margin=True, iteration_range=(0, 2))
    assert_array_equal(raw(smaller.estimator_, X)[:, 0], first)
    assert not hasattr(smaller.estimator_, "best_iteration")
    assert not hasattr(smaller.estimator_, "evals_result_")


def test_early_stopping_passes_through():
    X, y = load_diabetes(return_X_y=True)
    model = Regressor(n_estimators=60, early_stopping_rounds=4, n_jobs=1)
    pruner = TreePruner(model).fit(X[:300], y[:300], eval_set=[(X[300:], y[300:])], verbose=False)
    known = clone(model).fit(X[:300], y[:300], eval_set=[(X[300:], y[300:])], verbose=False)
    assert_array_equal(raw(pruner.path_.cut(keep=1.0), X), raw(known, X))


def test_searches_pipelines_and_scorers():
    X, y = load_wine(return_X_y=True)
    model = Classifier(**SMALL)
    search = PruningSearchCV(make_pipeline(StandardScaler(), TreePruner(model)), cv=3, max_levels=4)
    search.fit(X, y)
    result = search.best_estimator_[-1].estimator_
    assert type(result) is Classifier
    assert model_size(search).units == -size_scorer()(search) == model_size(result).units
    assert (np.diff(search.cv_results_["mean_units"]) < 0).all()
    assert make_pruner(model).criterion == "backfitting"
    bound = Classifier(**SMALL, monotone_constraints="(1,0)")
    assert make_pruner(bound).criterion == "cost_complexity"
    with pytest.warns(PruningWarning, match="monotonic"):
        TreePruner(bound, criterion="backfitting", ridge=1.0).fit(X[:, :2], y)


def test_pruners_that_take_any_estimator_take_it():
    X, y = load_wine(return_X_y=True)
    model = Classifier(**SMALL)
    student = DecisionTreeClassifier(random_state=0)
    assert Distiller(model, student, random_state=0).fit(X, y).score(X, y) > 0.8
    assert ShadowPruner(model, random_state=0).fit(X, y).get_support().any()


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"booster": "dart"}, "scales each tree"),
        ({"booster": "gblinear"}, "has no trees"),
        ({"multi_strategy": "multi_output_tree"}, "leaves that are vectors"),
    ],
)
def test_other_boosters_are_refused(params, reason):
    X, y = data_for("two outputs")
    model = Regressor(n_estimators=2, n_jobs=1, **params)
    with pytest.raises(UnsupportedModelError, match=reason):
        TreePruner(model).fit(X, y)
    model.fit(X, y)
    model.set_params(booster=None, multi_strategy=None)  # what it holds is refused too
    with pytest.raises(UnsupportedModelError):
        surgeon_for(model)


def test_forests_that_are_boosted_are_refused():
    X, y = load_diabetes(return_X_y=True)
    model = Regressor(**SMALL, num_parallel_tree=3).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="num_parallel_tree"):
        model_size(model)


def test_what_needs_more_than_trees_is_refused():
    X, y = load_diabetes(return_X_y=True)
    for criterion in ("reduced_error", "pessimistic"):
        with pytest.raises(InputError, match="corrects those before it"):
            TreePruner(Regressor(**SMALL), criterion=criterion).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="'reg:tweedie', is not known"):
        TreePruner(CASES["tweedie"], criterion="backfitting").fit(X, y)
    several = Regressor(**SMALL, objective="reg:quantileerror", quantile_alpha=[0.2, 0.8])
    with pytest.raises(UnsupportedModelError, match="several quantiles"):
        TreePruner(several, criterion="backfitting").fit(X, y)
    with pytest.raises(UnsupportedModelError, match="fewer bits"):
        Quantizer(Regressor(**SMALL)).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="ranks samples"):
        make_pruner(xgboost.XGBRanker())


@pytest.mark.parametrize("place", [(), ("learner",), ("learner", "gradient_booster", "model")])
def test_unknown_fields_are_refused(place, monkeypatch):
    model, _ = fitted("squares")
    document = json.loads(saved(model))
    inner = document
    for name in place:
        inner = inner[name]
    inner["surprise"] = 1
    model = copy.copy(model)
    text = bytearray(json.dumps(document).encode())
    monkeypatch.setattr(model.get_booster(), "save_raw", lambda _: text)
    with pytest.raises(UnsupportedModelError, match="surprise"):
        surgeon_for(model)
