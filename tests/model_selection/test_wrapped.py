"""Estimators around and under a pruner: searched as GridSearchCV searches them."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import (
    CorrelationPruner,
    Distiller,
    LinearPruner,
    PruningSearchCV,
    TreePruner,
    make_pruner,
)
from skprune.exceptions import InputError, PruningWarning
from skprune.model_selection import _fit_wrapped

X, y = make_classification(120, 6, n_informative=4, flip_y=0.1, random_state=0)
XR, yr = make_regression(120, 6, noise=10, random_state=0)
MANY = np.column_stack([y, XR[:, 0] > 0])
TREE, REG = DecisionTreeClassifier(random_state=0), DecisionTreeRegressor(random_state=0)
T, R, L = TreePruner(TREE), TreePruner(REG), LinearPruner(LogisticRegression())
LEVELS = [0.5, 4]

# Which student is returned is beside the point here.
pytestmark = pytest.mark.filterwarnings("ignore:The student learned no better")

FAST = [
    (
        TransformedTargetRegressor(R, func=np.arcsinh, inverse_func=np.sinh),
        {"regressor__keep": [1.0, *LEVELS]},
    ),
    (
        make_pipeline(
            StandardScaler(),
            TransformedTargetRegressor(
                make_pipeline(PolynomialFeatures(), R), transformer=StandardScaler()
            ),
        ),
        {"transformedtargetregressor__regressor__treepruner__keep": LEVELS},
    ),
    (
        TransformedTargetRegressor(
            make_pipeline(CorrelationPruner(), Ridge()), transformer=StandardScaler()
        ),
        {"regressor__correlationpruner__keep": [5, 3]},
    ),
]
PLAIN = [
    (CalibratedClassifierCV(T, cv=2), {"estimator__keep": LEVELS}, y),
    (TunedThresholdClassifierCV(L, cv=2), {"estimator__keep": [0.5, 3]}, y),
    (MultiOutputClassifier(T), {"estimator__keep": LEVELS}, MANY),
    (OneVsRestClassifier(L), {"estimator__keep": [0.5, 3]}, y),
    (OneVsOneClassifier(L), {"estimator__keep": [0.5, 3]}, y),
    (VotingClassifier([("a", T), ("b", L)]), {"b__keep": [0.5, 3], "a__keep": [2, 4]}, y),
    (StackingClassifier([("a", T)], final_estimator=L, cv=2), {"a__keep": LEVELS}, y),
    (
        make_pipeline(StandardScaler(), CalibratedClassifierCV(T, cv=2)),
        {"calibratedclassifiercv__estimator__keep": LEVELS},
        y,
    ),
    (
        make_pipeline(ColumnTransformer([("c", CorrelationPruner(), [0, 1, 2])]), TREE),
        {"columntransformer__c__keep": [1, 2]},
        y,
    ),
    (Distiller(RandomForestClassifier(30, random_state=0), T, cv=2), {"student__keep": LEVELS}, y),
]


def named(value):
    return type(value[-1] if hasattr(value, "steps") else value).__name__


def assert_same(estimator, grid, X, y):
    plain = GridSearchCV(estimator, grid, cv=2).fit(X, y)
    ours = PruningSearchCV(estimator, grid, cv=2, refit=True).fit(X, y)
    assert ours.cv_results_["params"] == plain.cv_results_["params"]
    assert_array_equal(ours.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])
    assert_array_equal(ours.predict(X), plain.predict(X))
    assert vars(ours.best_estimator_).keys() == vars(plain.best_estimator_).keys()
    assert (ours.cv_results_["mean_bytes"] > 0).all()
    return ours


@pytest.mark.parametrize(("estimator", "grid"), FAST, ids=[str(i) for i in range(len(FAST))])
def test_transformed_targets_are_searched_by_one_fit(estimator, grid):
    assert_same(estimator, grid, XR, yr)
    search = PruningSearchCV(estimator, cv=2, refit=True, max_levels=4).fit(XR, yr)
    again = clone(estimator).set_params(**search.best_params_).fit(XR, yr)
    assert_array_equal(again.predict(XR), search.predict(XR))
    assert len(search.cv_results_["params"]) > 2


def test_a_transformed_target_is_fitted_once_per_fold(monkeypatch):
    fits = []
    whole = TransformedTargetRegressor.fit
    monkeypatch.setattr(
        TransformedTargetRegressor, "fit", lambda *a, **k: (fits.append(1), whole(*a, **k))[1]
    )
    grid = {"regressor__keep": [1.0, 0.5, 0.2], "regressor__criterion": ["random", "pessimistic"]}
    estimator = TransformedTargetRegressor(R, transformer=StandardScaler())
    PruningSearchCV(estimator, grid | {"regressor__criterion": ["cost_complexity"]}, cv=3).fit(
        XR, yr
    )
    assert len(fits) == 3 + 1


@pytest.mark.parametrize(("estimator", "grid", "target"), PLAIN, ids=[named(c[0]) for c in PLAIN])
@pytest.mark.filterwarnings("ignore:.*every level is fitted by itself")
def test_other_wrappers_are_fitted_plainly(estimator, grid, target):
    assert_same(estimator, grid, X, target)


@pytest.mark.filterwarnings("ignore:.*every level is fitted by itself")
def test_outputs_of_a_regressor_are_fitted_plainly():
    assert_same(MultiOutputRegressor(R), {"estimator__keep": LEVELS}, XR, np.c_[yr, -yr])


@pytest.mark.parametrize("case", [0, 2, 5, 6, 7, 9], ids=lambda i: named(PLAIN[i][0]))
def test_the_path_of_a_wrapped_pruner_is_read_and_the_cost_is_told(case):
    estimator, _, target = PLAIN[case]
    search = PruningSearchCV(estimator, cv=2, refit=True, max_levels=3)
    with pytest.warns(PruningWarning, match="every level is fitted by itself, as in GridSearchCV"):
        search.fit(X, target)
    assert len(search.cv_results_["params"]) > 1
    again = clone(estimator).set_params(**search.best_params_).fit(X, target)
    assert_array_equal(again.predict(X), search.predict(X))


@pytest.mark.filterwarnings("ignore:.*every level is fitted by itself")
def test_a_path_that_cannot_be_read_is_explained(monkeypatch):
    monkeypatch.setattr(_fit_wrapped, "_fitted_part", lambda *_: None)
    with pytest.raises(InputError, match=r"List them: \{'estimator__keep': \[...\]\}"):
        PruningSearchCV(OneVsRestClassifier(L), cv=2).fit(X, y)


@pytest.mark.filterwarnings("ignore:.*every level is fitted by itself")
def test_the_teacher_of_all_levels_is_fitted_once_per_fold(monkeypatch):
    fits = []
    whole = RandomForestClassifier.fit
    monkeypatch.setattr(
        RandomForestClassifier, "fit", lambda *a, **k: (fits.append(1), whole(*a, **k))[1]
    )
    teacher = RandomForestClassifier(30, random_state=0)
    alone = len(Distiller(teacher, T, cv=2).fit(X, y) and fits)
    fits.clear()
    grid = {"student__keep": [1.0, 0.5, 0.3, 4]}
    PruningSearchCV(Distiller(teacher, T, cv=2), grid, cv=2, refit=False).fit(X, y)
    assert len(fits) == 2 * alone


@pytest.mark.parametrize(
    ("model", "inner"),
    [
        (TransformedTargetRegressor(REG), "regressor"),
        (OneVsRestClassifier(TREE), "estimator"),
        (Distiller(RandomForestClassifier(), TREE), "student"),
    ],
)
def test_the_model_inside_is_wrapped(model, inner):
    wrapped = make_pruner(model, keep=3)
    assert type(wrapped) is type(model)
    assert isinstance(getattr(wrapped, inner), TreePruner)
    assert getattr(wrapped, inner).keep == 3
    assert not isinstance(getattr(model, inner), TreePruner)
