"""PruningSearchCV against the slow reference: GridSearchCV on the same grid."""

import re
import threading
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_breast_cancer, make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, make_scorer, matthews_corrcoef
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    ShuffleSplit,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import (
    CorrelationPruner,
    NonInferior,
    OneStandardError,
    PruningSearchCV,
    TreePruner,
    WithinBudget,
    WithinTolerance,
    make_pruner,
    model_size,
    size_scorer,
)
from skprune.exceptions import InputError, LevelError, PruningWarning, UnsupportedModelError
from skprune.tree._pruner import SEARCHED_RIDGES

X, y = make_classification(240, 8, n_informative=5, flip_y=0.2, random_state=0)
X[:, 1] = X[:, 0] + 0.05 * X[:, 1]
X3, y3 = make_classification(400, 8, n_informative=5, n_classes=3, flip_y=0.2, random_state=0)
XR, yr = make_regression(300, 6, noise=40.0, random_state=0)

TREE = TreePruner(DecisionTreeClassifier(random_state=0))
FOREST = TreePruner(RandomForestClassifier(3, random_state=0))
LEVELS = {"threshold": [0.0, 0.003, 0.005, 0.02, 1.0]}
MIXED = {"keep": [1.0, 0.6, 0.1, 12, None]}


def second(cv_results):
    """A callable refit without a rule."""
    return min(2, len(cv_results["params"]) - 1)


def leaves(estimator, X, y):  # noqa: ARG001 - as a scorer is called
    """A scorer of the user's own, which looks into the fitted pruner."""
    return -float(sum(estimator.report_["leaves"]))


def assert_same_results(search, grid, *, exact=True):
    assert search.cv_results_["params"] == grid.cv_results_["params"]
    assert set(grid.cv_results_) <= set(search.cv_results_)
    for key, column in grid.cv_results_.items():
        ours = search.cv_results_[key]
        if "time" in key or key == "params":
            continue
        if key.startswith("param_"):
            assert list(map(str, ours)) == list(map(str, column))
        elif exact:
            np.testing.assert_array_equal(ours, column, err_msg=key)
        elif not key.startswith("rank"):  # ranks of scores that differ by rounding
            np.testing.assert_allclose(ours, column, rtol=1e-10, err_msg=key)


def both(estimator, grid, data, fit_params=None, **params):
    params = {"cv": 2, **params}
    search = PruningSearchCV(estimator, grid, **params).fit(*data, **(fit_params or {}))
    steps = estimator.named_steps.values() if isinstance(estimator, Pipeline) else [estimator]
    has_pruner = any(hasattr(step, "keep") or isinstance(step, SelectKBest) for step in steps)
    reference = GridSearchCV(estimator if has_pruner else make_pruner(estimator), grid, **params)
    return search, reference.fit(*data, **(fit_params or {}))


def label(value):
    """A name for a parameter that is the same in every process."""
    words = value if isinstance(value, list) else list(value) if isinstance(value, dict) else None
    return getattr(value, "__name__", str(value)) if words is None else "+".join(words)


@pytest.mark.untraced
@pytest.mark.parametrize(
    "scoring",
    [
        None,
        "accuracy",
        "balanced_accuracy",
        "f1",
        "precision_macro",
        "recall_weighted",
        "f1_micro",
        "roc_auc",
        make_scorer(matthews_corrcoef),
        leaves,
        ["accuracy", "f1_macro"],
        {"auc": "roc_auc", "bal": "balanced_accuracy", "leaves": leaves},
    ],
    ids=label,
)
@pytest.mark.parametrize("pruner", [TREE, FOREST], ids=["tree", "forest"])
@pytest.mark.parametrize("grid", [LEVELS, MIXED], ids=["thresholds", "fractions and counts"])
def test_equals_grid_search_to_the_last_bit(pruner, grid, scoring):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # precision of a class that is never predicted
        assert_same_results(
            *both(pruner, grid, (X, y), scoring=scoring, refit=False, return_train_score=True)
        )


@pytest.mark.parametrize(
    ("estimator", "data", "scoring"),
    [
        (TREE, (X, y), "neg_log_loss"),
        (TREE, (X, y), "neg_brier_score"),
        (TREE, (X3, y3), "neg_log_loss"),
        (TREE, (X3, y3), "f1_macro"),
        (TreePruner(DecisionTreeRegressor(random_state=0)), (XR, yr), None),
        (TreePruner(DecisionTreeRegressor(random_state=0)), (XR, yr), "neg_mean_absolute_error"),
        (TreePruner(DecisionTreeRegressor(random_state=0)), (XR, yr), "neg_mean_squared_error"),
        (TreePruner(ExtraTreesRegressor(4, random_state=0)), (XR, yr), "r2"),
        (TreePruner(DecisionTreeRegressor(random_state=0)), (XR, np.c_[yr, yr]), "r2"),
    ],
    ids=lambda value: None if isinstance(value, tuple) else str(value),
)
def test_equals_grid_search_for_sums(estimator, data, scoring):
    grid = {"keep": [1.0, 0.5, 0.2]}
    assert_same_results(
        *both(estimator, grid, data, scoring=scoring, refit=False, return_train_score=True),
        exact=False,
    )


@pytest.mark.parametrize("criterion", ["reduced_error", "pessimistic", "random"])
def test_equals_grid_search_for_other_criteria(criterion):
    pruner = TreePruner(DecisionTreeClassifier(random_state=0), random_state=0)
    grid = {"criterion": [criterion], "threshold": [-0.001, 0.0, 0.01], "keep": [None]}
    assert_same_results(*both(pruner, grid, (X, y), refit=False))


def test_equals_grid_search_with_other_parameters_refitted():
    grid = {"estimator__max_depth": [2, None], "threshold": [0.0, 0.01], "keep": [None]}
    search, reference = both(TREE, grid, (X, y), refit=True)
    assert_same_results(search, reference)
    assert search.best_params_ == reference.best_params_
    assert search.best_score_ == reference.best_score_
    np.testing.assert_array_equal(search.predict_proba(X), reference.predict_proba(X))


def test_equals_grid_search_on_a_bare_model_and_on_lists_of_grids():
    grid = [{"keep": [0.5]}, {"estimator__max_depth": [3], "threshold": [0.0, 0.01]}]
    assert_same_results(*both(DecisionTreeClassifier(random_state=0), grid, (X, y), refit=False))


PIPELINES = {
    "model pruner last": (
        make_pipeline(StandardScaler(), TREE),
        {"treepruner__threshold": [0.0, 0.01], "standardscaler__with_mean": [True, False]},
    ),
    "bare model last": (
        make_pipeline(StandardScaler(), RandomForestClassifier(4, random_state=0)),
        {"randomforestclassifier__keep": [1.0, 0.3]},
    ),
    "columns, then a model": (
        make_pipeline(StandardScaler(), CorrelationPruner(), LogisticRegression()),
        {"correlationpruner__threshold": [1.0, 0.9, 0.3], "logisticregression__C": [0.1, 1]},
    ),
    "columns first": (
        make_pipeline(CorrelationPruner(), DecisionTreeClassifier(random_state=0)),
        {"correlationpruner__keep": [1.0, 5, 2], "decisiontreeclassifier__max_depth": [3]},
    ),
    "two pruners: the last has the path": (
        make_pipeline(CorrelationPruner(), TREE),
        {"correlationpruner__threshold": [1.0, 0.5], "treepruner__keep": [0.5, 0.1]},
    ),
    "the step itself is searched": (
        Pipeline([("scale", StandardScaler()), ("prune", TREE)]),
        [
            {"prune": [TREE, FOREST], "prune__keep": [1.0, 0.2]},
            {"prune": [TreePruner(BaggingClassifier(n_estimators=3, random_state=0))]},
        ],
    ),
}


@pytest.mark.untraced
@pytest.mark.parametrize("case", PIPELINES)
@pytest.mark.parametrize("scoring", [None, "roc_auc", ["accuracy", "roc_auc"]], ids=label)
def test_equals_grid_search_in_a_pipeline(case, scoring):
    estimator, grid = PIPELINES[case]
    assert_same_results(
        *both(estimator, grid, (X, y), scoring=scoring, refit=False, return_train_score=True)
    )


@pytest.mark.parametrize("case", PIPELINES)
def test_refitted_pipeline_equals_that_of_grid_search(case):
    estimator, grid = PIPELINES[case]
    search, reference = both(estimator, grid, (X, y), refit=True)
    assert search.best_index_ == reference.best_index_
    np.testing.assert_array_equal(search.predict_proba(X), reference.predict_proba(X))


def test_fit_parameters_reach_the_steps():
    weight = np.random.RandomState(0).rand(len(y))
    for position, name in enumerate(["logisticregression", "correlationpruner"]):
        estimator = make_pipeline(CorrelationPruner(), LogisticRegression())
        grid = {"correlationpruner__threshold": [1.0, 0.5]}
        params = {f"{name}__sample_weight": weight}
        search, reference = both(estimator, grid, (X, y), params, scoring="neg_log_loss")
        assert_same_results(search, reference)
        assert position in (0, 1)


def test_weights_of_rows_reach_fit_and_score():
    weight = np.random.RandomState(0).rand(len(y))
    assert_same_results(
        *both(TREE, LEVELS, (X, y), {"sample_weight": weight}, refit=False), exact=False
    )


OLD = tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 8)


@pytest.mark.parametrize(
    "scoring",
    [
        pytest.param(None, marks=pytest.mark.skipif(OLD, reason="Pipeline.score asks anew")),
        "roc_auc",
    ],
)
def test_metadata_is_routed(scoring):
    weight = np.random.RandomState(0).rand(len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        pruner = CorrelationPruner().set_fit_request(sample_weight=False)
        estimator = make_pipeline(pruner, model)
        grid = {"correlationpruner__threshold": [1.0, 0.5]}
        params = {"sample_weight": weight, "groups": np.arange(len(y)) % 7}
        if scoring is not None:
            scoring = sklearn.metrics.get_scorer(scoring).set_score_request(sample_weight=True)
        assert_same_results(
            *both(estimator, grid, (X, y), params, cv=GroupKFold(3), scoring=scoring)
        )
        tree = DecisionTreeClassifier(random_state=0).set_fit_request(sample_weight=True)
        tree.set_score_request(sample_weight=False)
        f1 = sklearn.metrics.get_scorer("f1").set_score_request(sample_weight=True)
        assert_same_results(
            *both(TreePruner(tree), LEVELS, (X, y), params, cv=GroupKFold(3), scoring=f1)
        )


def test_groups_and_generators_of_folds():
    groups = np.arange(len(y)) % 7
    assert_same_results(*both(TREE, LEVELS, (X, y), {"groups": groups}, cv=GroupKFold(3)))
    cv = ShuffleSplit(3, random_state=0)
    assert_same_results(*both(TREE, LEVELS, (X, y), cv=cv))
    assert_same_results(*both(TREE, LEVELS, (X, y), cv=list(cv.split(X))))


def test_frames_and_labels_of_any_kind():
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
    words = pd.Series(np.array(["no", "yes"])[y])
    search, reference = both(TREE, LEVELS, (frame, words), scoring="balanced_accuracy")
    assert_same_results(search, reference)
    assert list(search.feature_names_in_) == list(frame.columns)
    assert list(search.classes_) == ["no", "yes"]


def test_a_level_that_cannot_be_met_scores_nan_and_the_others_go_on():
    grid = {"keep": [1.0, 2, 0.5]}  # two leaves cannot be left of three trees
    with (
        pytest.warns(FitFailedWarning, match="cannot be met"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search = PruningSearchCV(FOREST, grid, refit=False).fit(X, y)
    assert list(np.isnan(search.cv_results_["mean_test_score"])) == [False, True, False]
    assert np.isnan(search.cv_results_["mean_units"][1])
    with pytest.raises(LevelError, match="smallest level of this path keeps 3"):
        PruningSearchCV(FOREST, grid, error_score="raise").fit(X, y)


def test_a_fit_that_fails_is_reported_as_by_grid_search():
    grid = {"estimator__max_depth": [-1, 3], "keep": [0.5]}
    with (
        pytest.warns(FitFailedWarning, match="max_depth"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search = PruningSearchCV(TREE, grid, refit=False).fit(X, y)
    assert list(np.isnan(search.cv_results_["mean_test_score"])) == [True, False]
    with pytest.raises(ValueError, match="max_depth"):
        PruningSearchCV(TREE, grid, error_score="raise").fit(X, y)


def test_the_path_is_scored_at_every_level_of_a_tree():
    search = PruningSearchCV(DecisionTreeClassifier(random_state=0)).fit(X, y)
    path = search.best_estimator_.path_
    results = search.cv_results_
    assert len(results["params"]) == len(path)
    assert [p["threshold"] for p in results["params"]] == list(path.levels.threshold)
    reference = GridSearchCV(TREE, {"threshold": list(path.levels.threshold)}, refit=False).fit(
        X, y
    )
    assert_same_results(search, reference)
    # Sizes are means over the folds' own models.
    sizes = GridSearchCV(
        TREE,
        {"threshold": list(path.levels.threshold)},
        scoring={name: size_scorer(name) for name in ("units", "parameters", "bytes")},
        refit=False,
    ).fit(X, y)
    for name in ("units", "parameters", "bytes"):
        np.testing.assert_allclose(results[f"mean_{name}"], -sizes.cv_results_[f"mean_test_{name}"])


def test_the_path_of_a_forest_is_scored_at_max_levels():
    search = PruningSearchCV(FOREST, max_levels=7).fit(X, y)
    units = search.cv_results_["mean_units"]
    assert len(units) == 7
    assert (np.diff(units) < 0).all()
    assert search.best_params_ == search.cv_results_["params"][search.best_index_]
    level = clone(FOREST).set_params(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(level.predict_proba(X), search.predict_proba(X))
    assert search.best_score_ == search.cv_results_["mean_test_score"][search.best_index_]


def test_a_path_without_a_common_scale_crosses_folds_as_fractions():
    pruner = TreePruner(DecisionTreeClassifier(random_state=0), criterion="random", random_state=0)
    search = PruningSearchCV(pruner, max_levels=5, scoring="roc_auc").fit(X, y)
    keeps = [params["keep"] for params in search.cv_results_["params"]]
    assert keeps[0] == 1.0
    assert keeps == sorted(keeps, reverse=True)
    assert 3 <= len(keeps) <= 5


def test_path_in_a_grid_with_other_parameters_has_a_path_each():
    grid = {"keep": "path", "estimator__max_depth": [2, 4]}
    search = PruningSearchCV(TREE, grid).fit(X, y)
    depths = [params["estimator__max_depth"] for params in search.cv_results_["params"]]
    assert depths == sorted(depths)
    assert depths.count(2) < depths.count(4)


def test_path_of_columns_refits_what_follows_once_per_level():
    fits = []

    class Counting(LogisticRegression):
        def fit(self, X, y=None, sample_weight=None):
            fits.append(X.shape)
            return super().fit(X, y, sample_weight)

    entered = []
    estimator = make_pipeline(
        FunctionTransformer(lambda X: entered.append(len(X)) or X), CorrelationPruner(), Counting()
    )
    grid = {"correlationpruner__threshold": [1.0, 0.9, 0.2]}
    PruningSearchCV(estimator, grid, cv=2, refit=False).fit(X, y)
    assert len(fits) == 2 * 3
    assert len(entered) == 2 * 2  # training and test rows of each fold, once


def test_one_fit_per_fold_and_combination():
    fits = []

    class Counting(DecisionTreeClassifier):
        def fit(self, X, y, sample_weight=None, check_input=True):
            fits.append(1)
            return super().fit(X, y, sample_weight, check_input)

    search = PruningSearchCV(Counting(random_state=0), cv=5).fit(X, y)
    assert len(search.cv_results_["params"]) > 20
    assert len(fits) == 5 + 1


def test_a_pruner_of_its_own_level_is_searched_at_that_level():
    pruner = clone(TREE).set_params(keep=0.3)
    assert_same_results(*both(pruner, {"estimator__max_depth": [3, 6]}, (X, y), refit=False))
    search = PruningSearchCV(pruner).fit(X, y)  # "path" overrides it
    assert len(search.cv_results_["params"]) > 10
    assert search.cv_results_["params"][3]["keep"] is None
    clone(pruner).set_params(**search.best_params_).fit(X, y)


@pytest.mark.parametrize(
    ("refit", "message"),
    [("f1", None), (OneStandardError(metric="f1"), None), (True, "multi-metric")],
)
def test_several_metrics_need_to_know_which_chooses(refit, message):
    search = PruningSearchCV(TREE, LEVELS, scoring=["accuracy", "f1"], refit=refit)
    if message:
        with pytest.raises(ValueError, match=message):
            search.fit(X, y)
        return
    search.fit(X, y)
    column = search.cv_results_["mean_test_f1"]
    assert search.best_score_ == column[search.best_index_]
    assert set(search.scorer_) == {"accuracy", "f1"}


def test_refit_takes_a_rule_a_bool_or_a_callable():
    results = {}
    for refit in [OneStandardError(), WithinTolerance(0.0), True, False, second]:
        search = PruningSearchCV(TREE, LEVELS, refit=refit).fit(X, y)
        results[str(refit)[:12]] = search
        assert hasattr(search, "best_estimator_") == (refit is not False)
        scores = search.cv_results_["mean_test_score"]
        assert search.best_score_ == scores[search.best_index_]
        if isinstance(refit, bool):
            assert search.best_score_ == scores.max()
    assert results["<function se"].best_index_ == 2


def test_callable_scoring_that_returns_several_scores():
    def scoring(estimator, X, y):
        return {"hit": estimator.score(X, y), "size": -model_size(estimator).units}

    assert_same_results(*both(TREE, LEVELS, (X, y), scoring=scoring, refit="hit"))


def test_result_is_plain_and_as_small_as_reported():
    Xc, yc = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(10, random_state=0)
    search = PruningSearchCV(TreePruner(forest), max_levels=20).fit(Xc, yc)
    plain = search.best_estimator_.estimator_
    assert type(plain) is RandomForestClassifier
    assert model_size(search) == model_size(plain)
    path = search.best_estimator_.path_
    assert model_size(plain).units == path.units[path.locate(**search.best_params_)]


def test_the_simplest_line_gets_the_smallest_model():
    """A bare forest is pruned by backfitting, over ridges; its result is plain too."""
    Xc, yc = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(10, random_state=0)
    search = PruningSearchCV(forest, cv=3, max_levels=20).fit(Xc, yc)
    by_cost = PruningSearchCV(TreePruner(forest), cv=3, max_levels=20).fit(Xc, yc)
    assert type(search.best_estimator_.estimator_) is HistGradientBoostingClassifier
    assert set(search.cv_results_["param_ridge"]) == set(SEARCHED_RIDGES)
    assert model_size(search).units < model_size(by_cost).units


def test_frozen_model_is_searched_without_any_fit():
    model = DecisionTreeClassifier(random_state=0).fit(X[:200], y[:200])
    search = PruningSearchCV(FrozenEstimator(model)).fit(X[200:], y[200:])
    assert model_size(search).units < model_size(model).units


def test_rows_that_cannot_be_scored_give_nan_as_in_grid_search():
    words = np.repeat(["a", "b", "c"], [119, 119, 2]).reshape(-1, 1)
    estimator = make_pipeline(OneHotEncoder(), TREE)  # no fold knows all words
    grid = {"treepruner__keep": [1.0, 0.5]}
    results = []
    for search in (PruningSearchCV, GridSearchCV):
        with (
            pytest.warns(UserWarning, match="unknown categories"),
            pytest.warns(UserWarning, match="non-finite"),
        ):
            fitted = search(estimator, grid, cv=KFold(3), refit=False).fit(words, y)
        results.append(fitted.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(*results)
    assert np.isnan(results[0]).all()
    with pytest.raises(ValueError, match="unknown categories"):
        PruningSearchCV(estimator, grid, cv=KFold(3), error_score="raise").fit(words, y)


def test_a_combination_without_a_path_does_not_end_the_search():
    grid = {"criterion": ["cost_complexity", "pessimistic"], "keep": "path"}
    pruner = TreePruner(DecisionTreeRegressor(random_state=0))
    with (
        pytest.warns(FitFailedWarning, match="counts the errors of a classifier"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search = PruningSearchCV(pruner, grid, cv=3).fit(XR, yr)
    assert search.best_params_["criterion"] == "cost_complexity"
    assert np.isnan(search.cv_results_["mean_test_score"][-1])
    with pytest.raises(InputError, match="counts the errors of a classifier"):
        PruningSearchCV(pruner, grid, cv=3, error_score="raise").fit(XR, yr)


def test_score_is_by_the_metric_that_chose():
    rule = OneStandardError(metric="f1")
    search = PruningSearchCV(TREE, LEVELS, scoring=["accuracy", "f1"], refit=rule, cv=3).fit(X, y)
    assert search.score(X, y) == f1_score(y, search.predict(X))
    assert np.isfinite(cross_val_score(search, X, y, cv=2)).all()

    def scoring(estimator, X, y):
        return {"f1": f1_score(y, estimator.predict(X)), "one": 1.0}

    search.set_params(scoring=scoring).fit(X, y)
    assert search.score(X, y) == f1_score(y, search.predict(X))
    for several in (["accuracy", "f1"], scoring):
        search.set_params(scoring=several, refit=second).fit(X, y)
        assert not hasattr(search, "best_score_")
        with pytest.raises(InputError, match="names none of them for the score"):
            search.score(X, y)


@pytest.mark.parametrize(
    ("refit", "scoring", "words"),
    [
        (OneStandardError(), ["accuracy", "f1"], r"metric='score'\) names nothing"),
        (OneStandardError(size="leaves"), None, r"Allowed are \['units', 'parameters', 'bytes'"),
        (WithinTolerance(-1), None, "tolerance=-1"),
        (WithinBudget("9"), None, "budget='9'"),
        (OneStandardError, None, "give an instance"),
        ("one_standard", None, "neither a rule nor a metric.*'one_standard_error'"),
        ("within_budget", None, "needs a budget"),
        ("non_inferior", ["accuracy", "f1"], r"metric='score'\) names nothing"),
        ("f1", "accuracy", "neither a rule nor a metric"),
    ],
)
def test_a_rule_that_could_not_choose_is_refused_before_any_fit(refit, scoring, words):
    model = DecisionTreeClassifier(max_depth=-1)  # its fit would raise another error
    with pytest.raises(InputError, match=words):
        PruningSearchCV(model, scoring=scoring, refit=refit, error_score="raise").fit(X, y)


def test_a_model_above_the_budget_is_not_delivered_in_silence():
    search = PruningSearchCV(
        DecisionTreeRegressor(random_state=0), {"keep": [0.5]}, refit=WithinBudget(100), cv=2
    )
    with pytest.warns(PruningWarning, match=r"refitted model has 1\d\d units, above budget=100"):
        search.fit(XR, yr)


def test_a_second_fit_leaves_nothing_of_the_first():
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(8)])
    search = PruningSearchCV(TREE, LEVELS, cv=3).fit(frame, y).fit(X, y)
    assert not hasattr(search, "feature_names_in_")
    assert not hasattr(search.best_estimator_, "feature_names_in_")
    assert not hasattr(search.set_params(refit=False).fit(X, y), "best_estimator_")


def test_a_second_path_in_one_grid_is_refused():
    chain = make_pipeline(CorrelationPruner(), TREE)
    grid = {"correlationpruner__keep": "path", "treepruner__keep": "path"}
    with pytest.raises(LevelError, match=r"one pruner owns the path.*'treepruner__keep'"):
        PruningSearchCV(chain, grid).fit(X, y)
    listed = grid | {"correlationpruner__keep": [4, 2]}
    PruningSearchCV(chain, listed, cv=2).fit(X, y)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("one_standard_error", OneStandardError()),
        ("within_tolerance", WithinTolerance()),
        ("non_inferior", NonInferior()),
    ],
)
@pytest.mark.filterwarnings("ignore:No level could be shown")
def test_rules_have_names(name, rule):
    named = PruningSearchCV(TREE, refit=name, cv=3).fit(X, y)
    given = PruningSearchCV(TREE, refit=rule, cv=3).fit(X, y)
    assert named.best_params_ == given.best_params_
    assert named.refit == name
    assert named.score(X, y) == given.score(X, y)


@pytest.mark.parametrize(
    ("grid", "error", "words"),
    [
        ({"keep": ["half"]}, LevelError, "keep='half' is not a level"),
        ({"keep": [b"half"]}, LevelError, "keep=b'half' is not a level"),
        ({"keep": [[0.5]]}, LevelError, r"keep=\[0.5\] is not a level"),
        ({"keep": [0.5], "threshold": [0.1]}, LevelError, "each alone selects a level"),
        ({"max_depth": [3]}, ValueError, "estimator__<name>"),
        ({"keep": 0.5}, TypeError, "list"),
        ({"keep": []}, ValueError, "non-empty"),
        ([], InputError, "names no point"),
        ({"keep": "path", "threshold": [0.1]}, LevelError, "keep='path' and threshold=0.1 meet"),
    ],
)
def test_grids_that_make_no_sense_are_refused(grid, error, words):
    with pytest.raises(error, match=words):
        PruningSearchCV(DecisionTreeClassifier(), grid).fit(X, y)


def test_parameters_of_a_wrapped_last_step_are_explained():
    estimator = Pipeline([("scale", StandardScaler()), ("clf", DecisionTreeClassifier())])
    with pytest.raises(ValueError, match="'clf__estimator__<name>'"):
        PruningSearchCV(estimator, {"clf__max_depth": [3]}).fit(X, y)
    grid = {"clf__estimator__max_depth": [3], "clf__keep": [0.5]}
    PruningSearchCV(estimator, grid, cv=3).fit(X, y)


def test_max_levels_needs_two():
    with pytest.raises(ValueError, match="max_levels"):
        PruningSearchCV(TREE, max_levels=1).fit(X, y)


def test_verbose_says_how_many_fits_and_how_long_they_take(capsys):
    PruningSearchCV(TREE, {"keep": "path"}, verbose=1).fit(X, y)
    first, *lines = capsys.readouterr().out.splitlines()
    assert "Fitting 5 folds for each of 1 combinations" in first
    assert len(lines) == 1 + 5
    assert lines[0].startswith("[1 of 6] DecisionTreeClassifier/TreePruner on all samples")
    assert re.search(r"\[2 of 6\] .* fold 1 of 5, \d+ levels; [\d.]+ s elapsed, about", lines[1])
    assert lines[-1].endswith("s elapsed")


class Recorder:
    """A callback that notes what begins and ends."""

    def __init__(self):
        self.seen = []

    def setup(self, estimator, context):  # noqa: ARG002 - the protocol
        """Note that it was set up."""
        self.seen.append("setup")

    def on_fit_task_begin(self, estimator, context):  # noqa: ARG002 - the protocol
        """Note a task."""
        self.seen.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context):  # noqa: ARG002 - the protocol
        """Note its end."""
        self.seen.append(("end", context.task_name))

    def teardown(self, estimator, context):  # noqa: ARG002 - the protocol
        """Note that it is closed."""
        self.seen.append("teardown")


@pytest.mark.skipif(not hasattr(GridSearchCV, "set_callbacks"), reason="before scikit-learn 1.9")
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_callbacks_see_every_fold(n_jobs):
    recorder = Recorder()
    search = PruningSearchCV(TREE, {"keep": "path"}, cv=3, n_jobs=n_jobs)
    search.set_callbacks(recorder).fit(X, y)
    assert (recorder.seen[0], recorder.seen[-1]) == ("setup", "teardown")
    for what in ("begin", "end"):
        names = [name for event, name in recorder.seen[1:-1] if event == what]
        assert {"fit", "paths", "folds"} < set(names)
        assert sum("fold " in name for name in names) == 3
    failing = PruningSearchCV(TREE, {"keep": [-1]}, cv=3, error_score="raise")
    recorder.seen.clear()
    threads = threading.active_count()
    with pytest.raises(LevelError):
        failing.set_callbacks(recorder).fit(X, y)
    assert recorder.seen[-1] == "teardown"
    assert threading.active_count() <= threads


def test_a_grid_without_a_level_searches_the_path():
    search = PruningSearchCV(FOREST, {"estimator__max_depth": [3, None]}, cv=3).fit(X, y)
    named = PruningSearchCV(FOREST, {"estimator__max_depth": [3, None], "keep": "path"}, cv=3)
    assert search.cv_results_["params"] == named.fit(X, y).cv_results_["params"]
    assert len(search.cv_results_["params"]) > 10
    chain = make_pipeline(StandardScaler(), CorrelationPruner(), LogisticRegression())
    search = PruningSearchCV(chain, {"logisticregression__C": [0.1, 1.0]}, cv=3).fit(X, y)
    assert len(search.cv_results_["params"]) > 4
    # The level that a pruner has of its own stays, as in GridSearchCV.
    chain.set_params(correlationpruner__keep=3)
    grid = {"logisticregression__C": [0.1, 1.0]}
    assert_same_results(*both(chain, grid, (X, y), refit=False))


def test_what_cannot_be_pruned_is_refused_with_the_way_out():
    for model in (KNeighborsClassifier(), make_pipeline(StandardScaler(), KNeighborsClassifier())):
        with pytest.raises(UnsupportedModelError, match="search with GridSearchCV"):
            PruningSearchCV(model).fit(X, y)


class Oversampler(BaseEstimator):
    """A sampler as those of imbalanced-learn: it repeats the rows of one class."""

    def fit_resample(self, X, y):
        """Repeat."""
        rows = np.r_[np.arange(len(y)), np.flatnonzero(y == 1)]
        return X[rows], y[rows]


class SamplingPipeline(Pipeline):
    """A pipeline with samplers, as that of imbalanced-learn: they act in `fit` alone."""

    def _validate_steps(self):
        """Accept samplers."""

    def _transformed(self, X):
        for _, step in self.steps[:-1]:
            X = X if hasattr(step, "fit_resample") else step.transform(X)
        return X

    def fit(self, X, y=None):
        """Fit the steps in turn."""
        for _, step in self.steps[:-1]:
            if hasattr(step, "fit_resample"):
                X, y = step.fit_resample(X, y)
            else:
                X = step.fit(X, y).transform(X)
        self.steps[-1][1].fit(X, y)
        return self

    def predict(self, X):
        """Predict with the last step."""
        return self.steps[-1][1].predict(self._transformed(X))

    def score(self, X, y=None):
        """Score the last step."""
        return self.steps[-1][1].score(self._transformed(X), y)


@pytest.mark.parametrize(
    ("steps", "grid"),
    [
        ([Oversampler(), TREE], {"2__keep": [1.0, 0.5, 3]}),
        ([StandardScaler(), Oversampler(), TREE], {"3__keep": [1.0, 0.5, 3]}),
        ([Oversampler(), CorrelationPruner(), LogisticRegression()], {"2__keep": [8, 5, 3]}),
        ([CorrelationPruner(), Oversampler(), LogisticRegression()], {"1__keep": [8, 5, 3]}),
        ([Oversampler(), SelectKBest(), LogisticRegression()], {"2__k": [8, 5, 3]}),
    ],
)
@pytest.mark.parametrize("scoring", [None, "accuracy"])
def test_samplers_may_stand_in_the_pipeline(steps, grid, scoring):
    chain = SamplingPipeline([(str(i), step) for i, step in enumerate(steps, 1)])
    search, slow = both(chain, grid, (X, y), scoring=scoring, refit=True)
    assert_same_results(search, slow)
    np.testing.assert_array_equal(search.predict(X), slow.predict(X))


def test_samplers_of_imbalanced_learn_may_stand_in_the_pipeline():
    sampling = pytest.importorskip("imblearn.over_sampling")
    chain = pytest.importorskip("imblearn.pipeline").make_pipeline
    sampler = sampling.RandomOverSampler(random_state=0)
    grid = {"treepruner__keep": [1.0, 0.5]}
    assert_same_results(*both(chain(StandardScaler(), sampler, TREE), grid, (X, y)))
    grid = {"selectkbest__k": [8, 3]}
    chain = chain(SelectKBest(), sampler, LogisticRegression())
    assert_same_results(*both(chain, grid, (X, y)))
