"""scikit-learn's own selectors in a `PruningSearchCV`: as in a grid search, in fewer fits."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, SelectPercentile
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skprune import CorrelationPruner, PruningSearchCV, RandomPruner, TreePruner
from skprune.exceptions import LevelError, UnsupportedModelError
from skprune.model_selection._fit_once import fit_once
from skprune.model_selection._level_adapters import adapt

TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
CASES = [
    (SelectKBest(), {"k": [1, 3, 7, 12, "all"]}),
    (SelectPercentile(), {"percentile": [5, 20, 33.3, 50, 100]}),
    (SelectFromModel(TREE), {"threshold": [None, "mean", "0.5*median", 0.05, -np.inf]}),
    (SelectFromModel(TREE, threshold=-np.inf), {"max_features": [1, 4, None, np.size]}),
    (SelectFromModel(TREE), {"threshold": ["mean", 1e-3], "max_features": [2, 6]}),
    (RFE(LogisticRegression(C=0.1)), {"n_features_to_select": [1, 4, 0.5, None, 12]}),
    (RFE(TREE, step=3), {"n_features_to_select": [1, 2, 3, 5, 6, 7, 11, 12, 0.3]}),
    (RFE(TREE, step=0.4), {"n_features_to_select": [1, 2, 5, 8, 9, 10]}),
    (
        RFE(LogisticRegression(), importance_getter=lambda model: abs(model.coef_[0])),
        {"n_features_to_select": [2, 9]},
    ),
]


def named(case):
    selector, grid = case
    return f"{type(selector).__name__}-{'-'.join(grid)}"


over_cases = pytest.mark.parametrize(("selector", "grid"), CASES, ids=map(named, CASES))


def data():
    """Columns of which some tie: two are equal, and some are of few values."""
    X, y = make_classification(160, 12, n_informative=4, n_redundant=2, random_state=0)
    X[:, 7] = X[:, 2]
    X[:, 9:] = np.round(X[:, 9:])
    return X, y


def pipeline(selector):
    return make_pipeline(StandardScaler(), selector, LogisticRegression())


@over_cases
def test_results_are_those_of_a_grid_search(selector, grid):
    X, y = data()
    name = type(selector).__name__.lower()
    grid = {f"{name}__{key}": values for key, values in grid.items()}
    if any(callable(value) for values in grid.values() for value in values):
        grid = {key: [v for v in values if not callable(v)] for key, values in grid.items()}
    plain = GridSearchCV(pipeline(selector), grid, cv=3).fit(X, y)
    ours = PruningSearchCV(pipeline(selector), grid, cv=3, refit=True).fit(X, y)
    assert ours.cv_results_["params"] == plain.cv_results_["params"]
    for key in ["mean_test_score", *[f"split{i}_test_score" for i in range(3)]]:
        assert_array_equal(ours.cv_results_[key], plain.cv_results_[key])
    assert_array_equal(ours.predict_proba(X), plain.predict_proba(X))
    assert type(ours.best_estimator_[1]) is type(selector)
    support = plain.best_estimator_[1].get_support()
    assert_array_equal(ours.best_estimator_[1].get_support(), support)


@over_cases
def test_each_level_is_what_a_fit_at_it_gives(selector, grid):
    X, y = data()
    opened = pipeline(selector)
    opened[1].set_params(**adapt(selector)._whole_level())
    fitted = fit_once(opened, (opened.steps[1][0],), X, y, {})
    for key, values in grid.items():
        for value in values:
            value = (lambda X: X.shape[1] // 3) if callable(value) else value  # noqa: PLW2901
            level = adapt(selector)._level_params() | {key: value}
            alone = pipeline(clone(selector).set_params(**level)).fit(X, y)
            cut = fitted.at(fitted.locate(level), level)
            assert vars(cut[1]).keys() == vars(alone[1]).keys()
            assert cut[1].get_params().keys() == alone[1].get_params().keys()
            assert_array_equal(cut[1].get_support(), alone[1].get_support())
            for fact in ("ranking_", "scores_", "n_features_", "max_features_"):
                assert_array_equal(getattr(cut[1], fact, 0), getattr(alone[1], fact, 0))
            assert_array_equal(cut.predict_proba(X), alone.predict_proba(X))
            if isinstance(selector, RFE):
                assert_array_equal(cut[1].predict(cut[0].transform(X)), alone[:2].predict(X))


@pytest.mark.parametrize("selector", [c[0] for c in CASES], ids=map(named, CASES))
def test_the_path_keeps_every_number_of_columns(selector):
    X, y = data()
    search = PruningSearchCV(pipeline(selector), cv=2, refit=True).fit(X, y)
    assert search.cv_results_["mean_units"].tolist() == list(range(12, 0, -1))
    chosen = clone(pipeline(selector)).set_params(**search.best_params_).fit(X, y)
    assert_array_equal(chosen.predict_proba(X), search.predict_proba(X))
    assert search.best_params_


def test_a_selector_is_fitted_once_per_fold():
    calls = []

    def score(X, y):
        calls.append(len(X))
        return np.abs(np.corrcoef(X.T, y)[-1, :-1])

    X, y = data()
    PruningSearchCV(pipeline(SelectKBest(score)), cv=3).fit(X, y)
    assert len(calls) == 4


@pytest.mark.parametrize("level", ["max_features", "threshold"])
def test_importances_are_asked_for_once_per_fold(level):
    calls = []

    def getter(model):
        calls.append(model)
        return model.feature_importances_

    X, y = data()
    selector = SelectFromModel(TREE, threshold=-np.inf, importance_getter=getter)
    grid = {f"selectfrommodel__{level}": [2, 4, 7] if level == "max_features" else [0.01, 0.05]}
    search = PruningSearchCV(pipeline(selector), grid, cv=3).fit(X, y)
    assert len(calls) == 4
    assert search.best_estimator_[1].importance_getter is getter
    expected = clone(pipeline(selector)).set_params(**search.best_params_).fit(X, y)
    assert_array_equal(search.predict_proba(X), expected.predict_proba(X))


class KeepsTheFirst(SelectKBest):
    """A selector that selects otherwise than the class it derives from."""

    def _get_support_mask(self):
        return super()._get_support_mask() | (np.arange(self.n_features_in_) == 0)


@pytest.mark.parametrize(
    "grid",
    [
        {"select": ["passthrough", None, SelectKBest(k=3), CorrelationPruner(threshold=0.5)]},
        [{"select": ["passthrough"]}, {"select": [SelectKBest()], "select__k": [2, 5]}],
        {"select": [KeepsTheFirst()], "select__k": [1, 4]},
    ],
)
def test_other_steps_are_as_in_a_grid_search(grid):
    X, y = data()
    pipe = Pipeline([("select", SelectKBest(k=2)), ("tree", TreePruner(TREE))])
    grid = [
        one | {"tree__keep": [1.0, 0.4]} for one in (grid if isinstance(grid, list) else [grid])
    ]
    ours, theirs = (kind(pipe, grid, cv=3).fit(X, y) for kind in (PruningSearchCV, GridSearchCV))
    assert_array_equal(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]


def test_the_last_pruner_has_the_path():
    X, y = data()
    both = make_pipeline(CorrelationPruner(), SelectKBest(), LogisticRegression())
    search = PruningSearchCV(both, cv=2).fit(X, y)
    assert set(search.best_params_) == {"selectkbest__k"}
    both = make_pipeline(SelectKBest(k=3), TreePruner(TREE))
    search = PruningSearchCV(both, {"treepruner__keep": [0.5], "selectkbest__k": [2, 3]}, cv=2)
    assert search.fit(X, y).cv_results_["mean_units"].shape == (2,)


def test_a_selector_at_the_end_has_no_path():
    X, y = data()
    end = make_pipeline(SelectKBest(k=3), RFE(ExtraTreesClassifier(3), n_features_to_select=2))
    search = PruningSearchCV(end, {"selectkbest__k": [4, 8]}, cv=2).fit(X, y)
    assert search.cv_results_["mean_units"].tolist() == [4, 8]


def test_swapped_steps_have_levels_of_their_own():
    X, y = data()
    grid = [
        {"select": [SelectKBest()], "select__k": [2, 6]},
        {"select": [CorrelationPruner()], "select__keep": [3]},
    ]
    model = make_pipeline(SelectKBest(), LogisticRegression())
    model.steps[0] = ("select", model.steps[0][1])
    search = PruningSearchCV(model, grid, cv=2).fit(X, y)
    assert search.cv_results_["mean_units"].tolist() == [2, 6, 3]


def test_no_column_at_all_is_refused():
    X, y = data()
    search = PruningSearchCV(
        pipeline(SelectKBest()), {"selectkbest__k": [0]}, cv=2, error_score="raise"
    )
    with pytest.raises(LevelError, match="SelectKBest keeps no feature at k=0"):
        search.fit(X, y)


def test_routed_weights_reach_the_model():
    X, y = data()
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        scoring = get_scorer("accuracy").set_score_request(sample_weight=True)
        inner = clone(TREE).set_fit_request(sample_weight=True)
        pipe = make_pipeline(RFE(inner, step=2), model)
        grid = {"rfe__n_features_to_select": [3, 8]}
        plain = GridSearchCV(pipe, grid, cv=2, scoring=scoring).fit(X, y, sample_weight=weight)
        ours = PruningSearchCV(pipe, grid, cv=2, scoring=scoring, refit=True).fit(
            X, y, sample_weight=weight
        )
    key = "mean_test_score"
    assert_array_equal(ours.cv_results_[key], plain.cv_results_[key])


# joblib says so where a disk is slow.
@pytest.mark.filterwarnings("ignore:Persisting input arguments:UserWarning")
@pytest.mark.parametrize("step", [SelectKBest(), RandomPruner(random_state=0)])
def test_a_memory_does_not_matter(step, tmp_path):
    """Which fits copies of the steps, here of two before the pruner and of one behind it."""
    X, y = data()
    steps = StandardScaler(), MinMaxScaler(), step, MaxAbsScaler(), LogisticRegression()
    plain, cached = (
        PruningSearchCV(make_pipeline(*steps, memory=m), cv=2, error_score="raise").fit(X, y)
        for m in (None, str(tmp_path))
    )
    key = "mean_test_score"
    assert_array_equal(plain.cv_results_[key], cached.cv_results_[key])
    assert_array_equal(plain.predict_proba(X), cached.predict_proba(X))


@pytest.mark.parametrize(
    ("selector", "level"),
    [
        (SelectKBest(), {"k": -1}),
        (SelectPercentile(), {"percentile": 101}),
        (SelectFromModel(TREE), {"max_features": -1}),
        (RFE(TREE), {"n_features_to_select": -3}),
        (RFE(TREE), {"n_features_to_select": 1.5}),
    ],
)
def test_levels_that_a_fit_refuses_are_refused(selector, level):
    X, y = data()
    name, value = next(iter(level.items()))
    grid = {f"{type(selector).__name__.lower()}__{name}": [value]}
    search = PruningSearchCV(pipeline(selector), grid, cv=2, error_score="raise")
    with pytest.raises(ValueError, match=f"'{name}' parameter of {type(selector).__name__} must"):
        search.fit(X, y)


def test_a_step_that_passes_through_is_told_what_to_be_instead():
    X, y = data()
    grid = {"selectkbest": [SelectKBest(k=2), "passthrough"]}
    pipe = make_pipeline(SelectKBest(), KNeighborsClassifier())
    with pytest.raises(UnsupportedModelError, match="'passthrough' give it a level that keeps all"):
        PruningSearchCV(pipe, grid, cv=2).fit(X, y)


def test_levels_that_are_functions_of_rows_may_be_routed():
    X, y = data()
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        scoring = get_scorer("accuracy").set_score_request(sample_weight=True)
        inner = clone(TREE).set_fit_request(sample_weight=True)
        pipe = make_pipeline(SelectKBest(k=8), SelectFromModel(inner, threshold=-np.inf), model)
        grid = {"selectfrommodel__max_features": [lambda X: X.shape[1] // 2]}
        search = PruningSearchCV(pipe, grid, cv=2, scoring=scoring, error_score="raise")
        search.fit(X, y, sample_weight=np.ones(len(y)))
    assert search.cv_results_["mean_units"].tolist() == [4]
