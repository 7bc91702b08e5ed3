"""LightGBM, read from its text and written back."""

import copy
from inspect import signature

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skprune import (
    EnsemblePruner,
    PruningSearchCV,
    Quantizer,
    TreePruner,
    make_pruner,
    model_size,
    size_scorer,
)
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery import _lightgbm_text as texts
from skprune.surgery import surgeon_for
from tests._boosters import check_cuts, check_leaves, check_paths, check_stages, data_for

lightgbm = pytest.importorskip("lightgbm")
Classifier, Regressor = lightgbm.LGBMClassifier, lightgbm.LGBMRegressor
SMALL = {"n_estimators": 5, "num_leaves": 9, "n_jobs": 1, "random_state": 0, "verbose": -1}
CASES = {
    "three classes": Classifier(**SMALL),
    "two classes with missing": Classifier(**SMALL),
    "squares": Regressor(**SMALL),
    "missing": Regressor(**SMALL),
    "missing or zero": Regressor(**SMALL, zero_as_missing=True),
    "absolute": Regressor(**SMALL, objective="mae"),
    "quantile": Regressor(**SMALL, objective="quantile", alpha=0.3),
    "huber": Regressor(**SMALL, objective="huber", alpha=40.0),
    "poisson": Regressor(**SMALL, objective="poisson"),
    "gamma": Regressor(**SMALL, objective="gamma"),
    "tweedie": Regressor(**SMALL, objective="tweedie"),
    "roots of targets": Regressor(**SMALL, reg_sqrt=True),
    "categories": Regressor(**SMALL, min_data_per_group=5, cat_smooth=1.0),
    "single categories": Regressor(**SMALL, min_child_samples=5, max_cat_to_onehot=99),
    "single leaves": Regressor(**SMALL, min_child_samples=500),
    "subsample": Regressor(**SMALL, subsample=0.6, subsample_freq=1, importance_type="gain"),
}
each_case = pytest.mark.parametrize("case", CASES)


def raw(model, X):
    return model.predict(X, raw_score=True).reshape(len(X), -1)


def saved(model):
    return model.booster_.model_to_string(num_iteration=-1)


def fitted(case):
    X, y = data_for(case)
    return clone(CASES[case]).fit(X, y), X


@each_case
def test_leaves_are_those_of_a_plain_walk(case):
    check_leaves(*fitted(case))


@each_case
def test_cuts_predict_what_stays(case):
    check_cuts(*fitted(case), raw, saved)


@each_case
def test_the_text_is_written_as_it_was_read(case):
    model, _ = fitted(case)
    document = texts.parse(saved(model))
    assert texts.write(document, document.trees) == saved(model)


@each_case
def test_the_library_writes_the_result_as_skprune_does(case):
    model, _ = fitted(case)
    surgeon = surgeon_for(model)
    cut = surgeon.cut(surgeon.table.is_split & (surgeon.table.depth < 2))
    document = texts.parse(saved(cut))
    assert texts.write(document, document.trees) == saved(cut)
    assert cut.booster_.feature_name() == model.booster_.feature_name()
    assert cut.booster_.pandas_categorical == model.booster_.pandas_categorical


@pytest.mark.parametrize("case", ["three classes", "categories", "missing or zero"])
def test_the_library_saves_and_loads_the_result(case, tmp_path):
    model, X = fitted(case)
    surgeon = surgeon_for(model)
    cut = surgeon.cut(surgeon.table.is_split & (surgeon.table.depth < 2))
    cut.booster_.save_model(tmp_path / "model.txt")
    loaded = lightgbm.Booster(model_file=tmp_path / "model.txt")
    assert_array_equal(loaded.predict(X, raw_score=True).reshape(len(X), -1), raw(cut, X))
    shares = cut.predict(X, pred_contrib=True).reshape(len(X), surgeon.n_values_per_stage, -1)
    assert_allclose(shares.sum(axis=2), raw(cut, X))
    n_nodes = 2 * model_size(cut).units - surgeon.table.n_trees
    assert len(cut.booster_.trees_to_dataframe()) == n_nodes


@pytest.mark.parametrize(
    "case", ["two classes with missing", "three classes", "squares", "huber", "categories"]
)
def test_paths_of_all_criteria(case):
    check_paths(CASES[case], *data_for(case), raw)


@pytest.mark.parametrize("case", ["absolute", "quantile", "huber", "poisson", "gamma"])
def test_backfitting_minimises_the_loss_of_the_model(case):
    model, (X, y) = CASES[case], data_for(case)
    how = {"criterion": "backfitting", "ridge": 3.0, "keep": 0.5, "random_state": 0}
    pruner = TreePruner(model, **how).fit(X, y)
    whole = clone(model).fit(X, y)

    def loss(model):
        error = y - model.predict(X)
        return np.mean(error * (0.3 - (error < 0)) if case == "quantile" else np.abs(error))

    assert model_size(pruner).units <= model_size(whole).units / 2
    assert loss(pruner) < 1.02 * loss(whole)


def test_class_weights_are_part_of_the_loss():
    X, y = load_breast_cancer(return_X_y=True)
    how = {"criterion": "backfitting", "ridge": 3.0, "keep": 8, "random_state": 0}
    plain = TreePruner(Classifier(**SMALL), **how).fit(X, y).predict_proba(X)[:, 1].mean()
    for params in ({"scale_pos_weight": 30.0}, {"class_weight": {0: 1, 1: 30}}):
        given = TreePruner(Classifier(**SMALL, **params), **how).fit(X, y)
        assert given.predict_proba(X)[:, 1].mean() > plain + 0.02
    with pytest.raises(UnsupportedModelError, match="is_unbalance"):
        TreePruner(Classifier(**SMALL, is_unbalance=True), **how).fit(X, y)


@pytest.mark.parametrize("case", ["three classes", "squares"])
def test_last_stages_are_removed(case):
    def first(model, X, n):
        return model.predict(X, raw_score=True, num_iteration=n).reshape(len(X), -1)

    check_stages(CASES[case], *data_for(case), raw, first)


def stopped_early():
    X, y = load_diabetes(return_X_y=True)
    model = Regressor(n_estimators=200, n_jobs=1, verbose=-1)
    stop = {"callbacks": [lightgbm.early_stopping(4, verbose=False)]}
    if "eval_X" in signature(model.fit).parameters:
        stop |= {"eval_X": X[300:], "eval_y": y[300:]}
    else:
        stop |= {"eval_set": [(X[300:], y[300:])]}
    return model, stop, X, y


def test_stages_after_the_best_one_are_left_out():
    model, stop, X, y = stopped_early()
    model.fit(X[:300], y[:300], **stop)
    best = model.best_iteration_
    assert 2 < best < 196
    for source in (model, copy.deepcopy(model)):
        surgeon = surgeon_for(source)
        assert surgeon.table.n_trees == best
        whole = surgeon.cut(surgeon.table.is_split)
        assert_array_equal(raw(whole, X), raw(model, X))
        assert whole.best_iteration_ == whole.booster_.num_trees() == best
        assert whole.best_score_ == model.best_score_
    smaller = EnsemblePruner(FrozenEstimator(model), criterion="stages", keep=2).fit(X, y)
    first = model.predict(X, raw_score=True, num_iteration=2)
    assert_array_equal(raw(smaller.estimator_, X)[:, 0], first)
    assert not smaller.estimator_.best_iteration_
    assert not smaller.estimator_.evals_result_


def test_early_stopping_passes_through():
    model, stop, X, y = stopped_early()
    pruner = TreePruner(model).fit(X[:300], y[:300], **stop)
    known = clone(model).fit(X[:300], y[:300], **stop)
    assert_array_equal(raw(pruner.path_.cut(keep=1.0), X), raw(known, X))


def test_searches_pipelines_and_scorers():
    X, y = load_wine(return_X_y=True)
    model = Classifier(**SMALL)
    steps = make_pipeline(StandardScaler(), TreePruner(model))
    search = PruningSearchCV(steps, cv=3, max_levels=4).fit(X, y)
    result = search.best_estimator_[-1].estimator_
    assert type(result) is Classifier
    assert model_size(search).units == -size_scorer()(search) == model_size(result).units
    assert (np.diff(search.cv_results_["mean_units"]) < 0).all()
    assert make_pruner(model).criterion == "backfitting"
    assert make_pruner(Classifier(mc=[1, 0])).criterion == "cost_complexity"


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"boosting_type": "dart"}, "dart"),
        ({"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}, "averages its trees"),
        ({"linear_tree": True}, "linear models"),
    ],
)
def test_other_boosters_are_refused(params, reason):
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(UnsupportedModelError, match=reason):
        TreePruner(Regressor(**SMALL, **params)).fit(X, y)


def test_what_needs_more_than_trees_is_refused():
    X, y = load_diabetes(return_X_y=True)
    for criterion in ("reduced_error", "pessimistic"):
        with pytest.raises(InputError, match="corrects those before it"):
            TreePruner(Regressor(**SMALL), criterion=criterion).fit(X, y)
    for case, name in (("tweedie", "tweedie"), ("roots of targets", "regression sqrt")):
        with pytest.raises(UnsupportedModelError, match=f"'{name}', is not known"):
            TreePruner(CASES[case], criterion="backfitting").fit(X, y)
    with pytest.raises(UnsupportedModelError, match="fewer bits"):
        Quantizer(Regressor(**SMALL)).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="ranks samples"):
        make_pruner(lightgbm.LGBMRanker())


@pytest.mark.parametrize("line", ["num_leaves=", "label_index="])
def test_unknown_fields_are_refused(line, monkeypatch):
    model, _ = fitted("squares")
    text = saved(model).replace(line, f"surprise=1\n{line}", 1)
    monkeypatch.setattr(model.booster_, "model_to_string", lambda **_: text)
    with pytest.raises(UnsupportedModelError, match="surprise"):
        surgeon_for(model)
