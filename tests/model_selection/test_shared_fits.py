"""What combinations of a search share: one fit of equal models, and of equal steps before them."""

import warnings

import numpy as np
import pytest
from joblib import hash as digest
from joblib import parallel_config
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skprune import (
    EnsemblePruner,
    LinearPruner,
    MLPPruner,
    PruningSearchCV,
    RandomPruner,
    SamplePruner,
    SVMPruner,
    TreePruner,
)
from skprune.base._shared_fits import LENT, SharedFits, lent, signature_of

X, y = make_classification(120, 6, n_informative=4, flip_y=0.2, random_state=0)
XR, yr = make_regression(120, 6, noise=30.0, random_state=0)
FOREST = RandomForestClassifier(3, max_depth=3, random_state=0)
TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
LEVELS = {"keep": [1.0, 0.4]}
FITS: list[str] = []


class CountedTree(DecisionTreeClassifier):
    """It notes its fits."""

    def fit(self, X, y, sample_weight=None, **params):
        FITS.append("tree")
        return super().fit(X, y, sample_weight, **params)


class CountedForest(RandomForestClassifier):
    """It notes its fits."""

    def fit(self, X, y, sample_weight=None):
        FITS.append("forest")
        return super().fit(X, y, sample_weight)


class CountedScaler(StandardScaler):
    """It notes its fits, and what it transforms."""

    def fit(self, X, y=None, sample_weight=None):
        FITS.append("scaler")
        return super().fit(X, y, sample_weight)

    def transform(self, X, copy=None):
        FITS.append("transform")
        return super().transform(X, copy)


def assert_equal_to_grid_search(pruner, grid, data=(X, y), **params):
    """Every row has the scores of `GridSearchCV`; the order of rows is that of the grid."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # networks stop early, parameters without a meaning
        search = PruningSearchCV(pruner, grid, cv=2, refit=False, **params).fit(*data)
        reference = GridSearchCV(pruner, grid, cv=2, refit=False, **params).fit(*data)
    assert search.cv_results_["params"] == reference.cv_results_["params"]
    for key in [key for key in reference.cv_results_ if "test" in key and "rank" not in key]:
        found, expected = search.cv_results_[key], reference.cv_results_[key]
        # Counts are equal to the last bit; sums may be taken in another order.
        np.testing.assert_allclose(found, expected, rtol=0 if is_classifier(pruner) else 1e-10)


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("pruner", "grid", "data"),
    [
        (
            TreePruner(FOREST, random_state=0),
            {
                "criterion": ["cost_complexity", "reduced_error", "pessimistic", "random"],
                "validation": [None, 0.3],
                "recovery": [None, "shrinkage"],
            },
            (X, y),
        ),
        (
            TreePruner(FOREST, random_state=np.random.RandomState(0)),
            {"criterion": ["reduced_error", "random"], "validation": [0.2, 0.3]},
            (X, y),
        ),
        (
            TreePruner(FOREST, criterion="backfitting", random_state=0),
            {"ridge": [1.0, 10.0]},
            (X, y),
        ),
        (
            TreePruner(
                GradientBoostingRegressor(n_estimators=3, random_state=0),
                criterion="backfitting",
                random_state=0,
            ),
            {"ridge": [1.0, 10.0], "estimator__max_depth": [2, 3]},
            (XR, yr),
        ),
        (
            TreePruner(HistGradientBoostingClassifier(max_iter=4, random_state=0)),
            {"criterion": ["cost_complexity", "random"], "random_state": [0, 1]},
            (X, y),
        ),
        (
            EnsemblePruner(BaggingClassifier(n_estimators=6, random_state=0), random_state=0),
            {"criterion": ["reduced_error", "nnls", "random"], "validation": [None, 0.3]},
            (X, y),
        ),
        (
            LinearPruner(LogisticRegression(), random_state=0),
            {"criterion": ["obs", "magnitude", "random"], "recovery": ["refit", None]},
            (X, y),
        ),
        (
            LinearPruner(LinearRegression()),
            {"criterion": ["obs", "wald"], "unit": ["weight", "feature"]},
            (XR, yr),
        ),
        (
            SVMPruner(SVC()),
            {"criterion": ["obs", "magnitude"], "recovery": ["refit", None]},
            (X, y),
        ),
        (
            MLPPruner(MLPClassifier(5, solver="lbfgs", max_iter=30, random_state=0)),
            {"criterion": ["obs", "lamp"], "unit": ["weight"], "recovery": ["least_squares", None]},
            (X, y),
        ),
        (
            SamplePruner(TREE, random_state=0),
            {"criterion": ["el2n", "random", "prototype"]},
            (X, y),
        ),
        (
            Pipeline([("scale", StandardScaler()), ("prune", TreePruner(FOREST, random_state=0))]),
            {"prune__criterion": ["reduced_error", "random"], "scale__with_mean": [True, False]},
            (X, y),
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseEstimator) else None,
)
def test_equals_grid_search_for_parameters_of_the_pruner(pruner, grid, data):
    prefix = "prune__" if isinstance(pruner, Pipeline) else ""
    levels = {prefix + name: values for name, values in LEVELS.items()}
    assert_equal_to_grid_search(pruner, grid | levels, data)


@pytest.mark.parametrize(
    ("grid", "n_fits"),
    [
        ({"criterion": ["cost_complexity", "pessimistic", "random"]}, 1),
        ({"criterion": ["cost_complexity", "reduced_error"], "validation": [0.2]}, 2),
        ({"ridge": [1.0, 3.0, 10.0], "criterion": ["backfitting"]}, 1),
        ({"random_state": [0, 1], "criterion": ["reduced_error"], "validation": [0.2]}, 2),
        ({"estimator__max_depth": [2, 3], "criterion": ["random", "cost_complexity"]}, 2),
        ([{"criterion": ["random"]}, {"criterion": ["cost_complexity"]}], 1),
    ],
)
def test_models_that_are_equal_are_fitted_once_per_fold(grid, n_fits):
    grids = [each | {"keep": "path"} for each in (grid if isinstance(grid, list) else [grid])]
    pruner = TreePruner(CountedForest(3, max_depth=4, random_state=0), random_state=0)
    FITS.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        PruningSearchCV(pruner, grids, cv=3, max_levels=4).fit(X, y)
    assert len(FITS) == n_fits * (3 + 1)


def test_pruners_of_one_model_in_one_step_share_it():
    forest = CountedForest(3, max_depth=4, random_state=0)
    pruners = [TreePruner(forest), EnsemblePruner(forest), EnsemblePruner(forest, criterion="drep")]
    FITS.clear()
    grid = {"prune": pruners, "prune__keep": "path"}
    PruningSearchCV(Pipeline([("prune", pruners[0])]), grid, cv=3, refit=False).fit(X, y)
    assert len(FITS) == 3 + 1


def test_steps_before_the_pruner_are_fitted_once_per_setting():
    pipeline = Pipeline([("scale", CountedScaler()), ("prune", TreePruner(CountedTree()))])
    pipeline.set_params(prune__estimator__random_state=0)
    grid = {
        "scale__with_std": [True, False],
        "prune__estimator__max_depth": [2, 3],
        "prune__criterion": ["cost_complexity", "random"],
        "prune__keep": [1.0, 0.5],
    }
    FITS.clear()
    search = PruningSearchCV(pipeline, grid, cv=3, refit=False).fit(X, y)
    assert {kind: FITS.count(kind) for kind in set(FITS)} == {
        "scaler": 2 * 3,
        "transform": 2 * 3 * 2,  # of training and of test samples
        "tree": 2 * 2 * 3,
    }
    reference = GridSearchCV(pipeline, grid, cv=3, refit=False).fit(X, y)
    assert search.cv_results_["params"] == reference.cv_results_["params"]


class CountedSelector(RandomPruner):
    """It notes its fits."""

    def fit(self, X, y=None):
        FITS.append("selector")
        return super().fit(X, y)


@pytest.mark.parametrize("selector", [CountedSelector(random_state=0), SelectKBest()])
def test_pruners_of_features_are_fitted_once_for_all_models_behind_them(selector):
    pipeline = Pipeline([("scale", CountedScaler()), ("select", selector), ("model", TREE)])
    level = "select__k" if isinstance(selector, SelectKBest) else "select__keep"
    grid = {"model__max_depth": [1, 2, 3], level: [2, 4]}
    FITS.clear()
    PruningSearchCV(pipeline, grid, cv=3, refit=False).fit(X, y)
    assert FITS.count("scaler") == 3
    assert FITS.count("selector") == (0 if isinstance(selector, SelectKBest) else 3)
    assert_equal_to_grid_search(pipeline, grid)


@pytest.mark.parametrize("n_jobs", [2, 7])
def test_groups_do_not_depend_on_the_number_of_jobs(n_jobs):
    pipeline = make_pipeline(StandardScaler(), TreePruner(TREE, random_state=0))
    grid = {
        "treepruner__criterion": ["cost_complexity", "random"],
        "treepruner__estimator__max_depth": [2, 3],
        "treepruner__keep": "path",
    }
    with parallel_config("threading"):
        results = [
            PruningSearchCV(pipeline, grid, cv=2, n_jobs=jobs).fit(X, y).cv_results_
            for jobs in (1, n_jobs)
        ]
    assert results[0]["params"] == results[1]["params"]
    np.testing.assert_array_equal(*(each["mean_test_score"] for each in results))


def test_weights_reach_the_shared_steps():
    pipeline = Pipeline([("scale", StandardScaler()), ("prune", TreePruner(TREE))])
    weights = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    fit_params = {"scale__sample_weight": weights, "prune__sample_weight": weights}
    grid = {"prune__criterion": ["cost_complexity", "pessimistic"], "prune__keep": [1.0, 0.5]}
    ours, reference = (
        kind(pipeline, grid, cv=3, refit=False).fit(X, y, **fit_params).cv_results_
        for kind in (PruningSearchCV, GridSearchCV)
    )
    np.testing.assert_array_equal(ours["mean_test_score"], reference["mean_test_score"])


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_a_combination_that_fails_does_not_fail_others_of_its_group():
    grid = {"criterion": ["cost_complexity", "pessimistic", "random"], "keep": [1.0, 0.5]}
    model = GradientBoostingRegressor(n_estimators=3, random_state=0)
    pruner = TreePruner(model, random_state=0)  # pessimistic is for classifiers
    with pytest.warns(FitFailedWarning, match="counts the errors of a classifier|corrects"):
        search = PruningSearchCV(pruner, grid, cv=3, refit=False).fit(XR, yr)
    with pytest.warns(FitFailedWarning):
        reference = GridSearchCV(pruner, grid, cv=3, refit=False).fit(XR, yr)
    found, expected = (each.cv_results_["mean_test_score"] for each in (search, reference))
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(found).sum() == 2


def test_errors_are_not_shared():
    fits, made = SharedFits(), []

    def make():
        made.append(1)
        if len(made) == 1:
            raise ValueError("once")
        return len(made)

    with pytest.raises(ValueError, match="once"):
        fits.once("model", 1, (X,), None, make)
    answers = [fits.once("model", 1, (X,), None, make) for _ in range(2)]
    assert answers == [2, 2]


def test_another_setting_releases_the_fits_before():
    fits, made = SharedFits(), []

    def once(setting, data, key):
        return fits.once("model", setting, data, key, lambda: made.append(setting) or len(made))

    other = X.copy()
    answers = [once("a", (X,), 1), once("a", (X,), 2), once("a", (X,), 1)]
    answers += [once("b", (X,), 1), once("a", (X,), 1), once("a", (other,), 1), once("a", (X,), 1)]
    assert answers == [1, 2, 1, 3, 4, 5, 6]


def test_the_time_of_a_shared_fit_counts_for_each_combination():
    pruner = TreePruner(RandomForestClassifier(60, random_state=0))
    grid = {"criterion": ["random", "cost_complexity"], "keep": [0.5]}
    times = PruningSearchCV(pruner, grid, cv=3).fit(X, y).cv_results_["mean_fit_time"]
    assert times.min() > times.max() / 3


class WithState(TransformerMixin, BaseEstimator):
    """A parameter of any kind."""

    def __init__(self, value=None):
        self.value = value


def test_signatures_tell_unequal_parameters_apart():
    model = clone(TREE).fit(X, y)
    with config_context(enable_metadata_routing=True):
        requesting = LogisticRegression().set_fit_request(sample_weight=True)
    values = [None, True, 1, 1.0, "1", [1], (1,), {"a": 1}, {"a": 1.0}, np.arange(3), np.ones(3)]
    values += [np.random.RandomState(0), np.random.RandomState(1), lambda: 0, lambda: 0]
    values += [FOREST, clone(FOREST).set_params(n_estimators=5), DecisionTreeClassifier]
    values += [FrozenEstimator(model), FrozenEstimator(model), LogisticRegression(), requesting]
    values += [StandardScaler(), StandardScaler().set_output(transform="pandas")]
    signatures = [signature_of(WithState(value)) for value in values]
    assert len(set(signatures)) == len(values)
    for value, signature in zip(values, signatures, strict=True):
        again = clone(WithState(value)) if not hasattr(value, "fit") else WithState(value)
        assert signature_of(again) == signature


def test_nothing_is_lent_after_a_fit():
    fits, pruner = SharedFits(), TreePruner(TREE)
    with lent(pruner, fits):
        pruner.fit(X, y)
    assert LENT not in vars(pruner)
    with pytest.raises(ValueError, match="NaN"), lent(pruner, fits):
        pruner.fit(X, np.full(len(y), np.nan))
    assert LENT not in vars(pruner)


def test_the_model_is_the_same_object_and_unchanged():
    fits = SharedFits()
    criteria = ["cost_complexity", "random", "lossless"]
    pruners = [TreePruner(FOREST, criterion=criterion, random_state=0) for criterion in criteria]
    digests = []
    for pruner in pruners:
        with lent(pruner, fits):
            pruner.fit(X, y)
        digests.append(digest(pruner.path_.model))
    assert len({id(pruner.path_.model) for pruner in pruners}) == len(set(digests)) == 1
