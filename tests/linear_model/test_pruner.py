"""LinearPruner: exact levels, masked refits, units, groups, sparse rows, errors."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    make_classification,
    make_regression,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    HuberRegressor,
    Lasso,
    LassoCV,
    LassoLars,
    LassoLarsIC,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    MultiTaskLasso,
    Perceptron,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier

from skprune import (
    LinearPruner,
    PruningSearchCV,
    make_pruner,
    model_size,
)
from skprune.exceptions import InputError, PruningWarning, UnsupportedModelError
from skprune.linear_model import _objective, _scores
from skprune.linear_model._pruner import CRITERIA


def squares(model, X, y, weight=None):
    return np.average((y - model.predict(X)) ** 2, weights=weight)


def classes(n_classes=3, n_samples=200):
    return make_classification(
        n_samples, 8, n_informative=5, n_classes=n_classes, flip_y=0.1, random_state=0
    )


# Squared loss: every level is the refit of its columns.


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("unit", ["weight", "feature"])
def test_every_level_of_least_squares_is_the_refit_of_its_columns(criterion, unit):
    X, y = load_diabetes(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0.1, 2.0, len(y))
    pruner = LinearPruner(LinearRegression(), criterion=criterion, unit=unit, random_state=0)
    path = pruner.fit(X, y, sample_weight=weight).path_
    assert_array_equal(path.units, np.arange(10, 0, -1))
    for index in range(len(path)):
        kept, model = path.mask(index), path.cut(index=index)
        alone = LinearRegression().fit(X[:, kept], y, sample_weight=weight)
        assert_allclose(squares(model, X, y, weight), squares(alone, X[:, kept], y, weight), 1e-8)
        assert_allclose(model.coef_[kept], alone.coef_, rtol=1e-7)
        assert (model.coef_[~kept] == 0).all()


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_array])
def test_ridge_with_several_targets_and_penalties(intercept, kind):
    X, y = make_regression(80, 7, n_targets=3, noise=5.0, random_state=0)
    model = Ridge(alpha=np.array([0.1, 1.0, 10.0]), fit_intercept=intercept)
    weights = LinearPruner(model, keep=9).fit(kind(X), y)
    assert weights.keep_mask_.shape == weights.estimator_.coef_.shape == (3, 7)
    columns = LinearPruner(model, unit="feature", keep=4).fit(kind(X), y)
    for pruner in (weights, columns):
        found = pruner.estimator_
        for target, coef in enumerate(found.coef_):
            kept = coef != 0
            alone = Ridge(alpha=[0.1, 1.0, 10.0][target], fit_intercept=intercept)
            alone.fit(X[:, kept], y[:, target])
            assert_allclose(coef[kept], alone.coef_, rtol=1e-8)
            if intercept:
                assert_allclose(found.intercept_[target], alone.intercept_, rtol=1e-8)


def test_the_order_is_that_of_the_exact_elimination():
    X, y = make_regression(60, 6, n_informative=6, noise=30.0, random_state=1)
    path = LinearPruner(LinearRegression()).fit(X, y).path_
    kept = np.ones(6, dtype=bool)
    for index in range(1, 6):
        losses = []
        for column in np.flatnonzero(kept):
            rest = kept & (np.arange(6) != column)
            losses.append((squares(LinearRegression().fit(X[:, rest], y), X[:, rest], y), column))
        kept[min(losses)[1]] = False
        assert_array_equal(path.mask(index), kept)


def test_scores_are_what_a_removal_adds_to_the_loss():
    X, y = load_diabetes(return_X_y=True)
    pruner = LinearPruner(LinearRegression()).fit(X, y)
    loss = [len(y) / 2 * squares(pruner.path_.cut(index=i), X, y) for i in range(10)]
    steps = np.maximum.accumulate(np.diff(loss))
    assert_allclose(np.sort(pruner.scores_)[:9], steps, rtol=1e-7)


def test_wald_is_the_squared_t_statistic():
    X, y = load_diabetes(return_X_y=True)
    found = LinearPruner(LinearRegression(), criterion="wald").fit(X, y).scores_
    full = np.column_stack([np.ones(len(y)), X])
    coef, rest = np.linalg.lstsq(full, y)[:2]
    variance = rest[0] / (len(y) - 11) * np.linalg.inv(full.T @ full).diagonal()
    assert_allclose(found, (coef**2 / variance)[1:], rtol=1e-8)


def test_l1_scores_are_penalties_of_the_lasso():
    X, y = make_regression(100, 6, noise=20.0, random_state=0)
    X = StandardScaler().fit_transform(X)
    found = LinearPruner(LinearRegression(), criterion="l1").fit(X, y).scores_
    for column, penalty in enumerate(found / np.sqrt(100)):  # columns of length 1, not sqrt(n)
        above, below = (
            Lasso(penalty * by / 10, tol=1e-10, max_iter=10**5).fit(X, y - y.mean()).coef_[column]
            for by in (10.01 / np.sqrt(100) * 10, 9.99 / np.sqrt(100) * 10)
        )
        assert above == 0
        assert below != 0


def test_dependent_columns_cost_nothing_and_are_refitted_all_the_same():
    X, y = load_diabetes(return_X_y=True)
    X = np.column_stack([X, X[:, 2], X[:, 3] + X[:, 8]])
    path = LinearPruner(LinearRegression()).fit(X, y).path_
    assert_allclose(squares(path.cut(keep=10), X, y), squares(path.model, X, y), rtol=1e-8)
    more = make_regression(10, 30, random_state=0)  # more columns than rows
    assert np.isfinite(LinearPruner(LinearRegression(), keep=5).fit(*more).estimator_.coef_).all()


# Logistic regression.


def test_masked_weights_keep_the_penalty_and_the_weights_of_classes():
    X, y = classes()
    weight = np.random.default_rng(1).uniform(0.5, 1.5, len(y))
    model = LogisticRegression(C=0.5, class_weight={0: 1.0, 1: 3.0, 2: 0.5}, tol=1e-10)
    pruner = LinearPruner(model, keep=10).fit(X, y, sample_weight=weight)
    small = pruner.estimator_
    assert (small.coef_ != 0).sum() == 10
    assert_array_equal(small.coef_ != 0, pruner.keep_mask_)
    row_weight = weight * np.array([1.0, 3.0, 0.5])[y]
    slope = row_weight[:, np.newaxis] * (small.predict_proba(X) - np.eye(3)[y])
    gradient = slope.T @ X + small.coef_ / 0.5
    assert_allclose(gradient[pruner.keep_mask_], 0, atol=1e-8)
    assert_allclose(slope.sum(axis=0), 0, atol=1e-8)


@pytest.mark.filterwarnings("ignore:Setting penalty=None")  # scikit-learn 1.8, of an infinite C
@pytest.mark.parametrize("params", [{}, {"C": np.inf}, {"class_weight": "balanced"}])
def test_whole_columns_are_fitted_as_scikit_learn_does(params):
    X, y = classes(2)
    model = LogisticRegression(tol=1e-12, max_iter=10_000, solver="newton-cg", **params)
    pruner = LinearPruner(model, unit="feature", keep=4).fit(X, y)
    alone = clone(model).fit(X[:, pruner.keep_mask_], y)
    assert_allclose(pruner.estimator_.coef_[:, pruner.keep_mask_], alone.coef_, rtol=1e-6)
    assert_allclose(pruner.estimator_.intercept_, alone.intercept_, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of attributes that will be numbers
def test_what_the_cross_validation_chose_stays():
    X, y = classes(3)
    model = LogisticRegressionCV(Cs=[0.01], cv=2)
    small = LinearPruner(model, keep=8).fit(X, y).estimator_
    own = LinearPruner(LogisticRegression(C=0.01, tol=1e-10), keep=8).fit(X, y).estimator_
    assert_allclose(small.coef_, own.coef_, rtol=1e-2, atol=1e-4)
    X, y = make_regression(100, 8, n_informative=4, noise=5.0, random_state=0)
    for model in (LassoCV(cv=3), ElasticNetCV(cv=3, l1_ratio=0.8), LassoLarsIC()):
        small = LinearPruner(model, keep=3).fit(X, y).estimator_
        assert type(small) is type(model)
        assert small.alpha_ == clone(model).fit(X, y).alpha_


def test_nearly_separable_data_are_ordered_under_a_stronger_penalty():
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, train_size=300, random_state=0, stratify=y)
    path = LinearPruner(LogisticRegression(max_iter=1000)).fit(X, y).path_
    small = path.cut(keep=0.05)
    assert small.score(X_test, y_test) > 0.75  # by the curvature that it has itself .64
    # But it is its own penalty that a level has.
    slope = small.predict_proba(X) - np.eye(10)[y]
    assert_allclose((slope.T @ X + small.coef_)[small.coef_ != 0], 0, atol=1e-7)


@pytest.mark.parametrize("criterion", ["obs", "l1"])
def test_other_data_are_ordered_under_the_own_penalty(criterion, monkeypatch):
    X, y = classes(3)
    pruner = LinearPruner(LogisticRegression(), criterion=criterion)
    found = pruner.fit(X, y).scores_
    monkeypatch.setattr(_objective.Objective, "regularized", lambda self: self)
    assert_array_equal(clone(pruner).fit(X, y).scores_, found)


@pytest.mark.parametrize("unit", ["weight", "feature"])
def test_orders_under_a_stronger_penalty_know_weights_and_sparse_samples(unit):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=90)
    X = 6 * rng.normal(size=(3, 12))[y] + rng.normal(size=(90, 12))
    X[np.abs(X) < 1] = 0
    weight = rng.integers(1, 4, 90)
    pruner = LinearPruner(LogisticRegression(tol=1e-8, max_iter=1000), unit=unit, keep=4)
    weighed = clone(pruner).fit(X, y, sample_weight=weight)
    repeated = clone(pruner).fit(X.repeat(weight, axis=0), y.repeat(weight))
    thin = clone(pruner).fit(sparse.csr_array(X), y, sample_weight=weight)
    for other in (repeated, thin):
        assert_array_equal(other.keep_mask_, weighed.keep_mask_)
        assert_allclose(other.scores_, weighed.scores_, rtol=0.02)
    # Without a refit the penalty and the curvature are those of the given model.
    own, firm = (
        clone(pruner).set_params(criterion="l1", recovery=recovery).fit(X, y).scores_
        for recovery in (None, "refit")
    )
    assert firm.max() > 1.5 * own.max()


@pytest.mark.slow
@pytest.mark.parametrize(
    "scale", [FunctionTransformer(lambda X: X / 16), StandardScaler(), FunctionTransformer()]
)
def test_digits_keep_their_accuracy(scale):
    X, y = load_digits(return_X_y=True)
    scores = []
    for seed in range(10):
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=0.4, random_state=seed, stratify=y
        )
        X_train, X_test = scale.fit_transform(X_train), scale.transform(X_test)
        path = LinearPruner(LogisticRegression(max_iter=1000)).fit(X_train, y_train).path_
        scores.append([path.cut(keep=k).score(X_test, y_test) for k in (0.2, 0.1, 0.05)])
    assert (np.mean(scores, axis=0) >= [0.942, 0.905, 0.850]).all()


# Everything else with coefficients.

REGRESSORS = [
    RidgeCV(),
    Lasso(0.01),
    ElasticNet(0.01),
    SGDRegressor(random_state=0),
    LinearSVR(max_iter=100_000, random_state=0),
    HuberRegressor(max_iter=1000),
    PoissonRegressor(),
    TweedieRegressor(power=1.5),
    LinearRegression(positive=True),
]


@pytest.mark.parametrize("model", REGRESSORS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("criterion", ["obs", "wald", "l1", "gradient", "scaled_magnitude"])
def test_regressors_find_the_columns_that_matter(model, criterion):
    X, y = make_regression(200, 8, n_informative=3, noise=5.0, random_state=0)
    y = np.exp(y / np.abs(y).max())
    matter = np.abs(LinearRegression().fit(X, y).coef_) > 0.05
    pruner = LinearPruner(model, criterion=criterion, keep=int(matter.sum())).fit(X, y)
    if not getattr(model, "positive", False) and criterion != "gradient":
        assert_array_equal(pruner.keep_mask_, matter)
    assert ((pruner.estimator_.coef_ == 0) | pruner.keep_mask_).all()
    alone = clone(model).fit(X[:, pruner.keep_mask_], y)
    assert_allclose(pruner.predict(X), alone.predict(X[:, pruner.keep_mask_]), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    "model",
    [RidgeClassifier(), LinearSVC(random_state=0), SGDClassifier(random_state=0), Perceptron()],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_classes_against_the_rest_are_fitted_one_by_one(model, class_weight):
    X, y = classes()
    model = clone(model).set_params(class_weight=class_weight)
    pruner = LinearPruner(model, keep=12).fit(X, y)
    assert pruner.estimator_.coef_.shape == (3, 8)
    assert_array_equal(pruner.estimator_.coef_[~pruner.keep_mask_], 0)
    columns = LinearPruner(model, unit="feature", keep=5).fit(X, y)
    alone = clone(model).fit(X[:, columns.keep_mask_], y)
    assert_allclose(
        columns.decision_function(X),
        alone.decision_function(X[:, columns.keep_mask_]),
        rtol=1e-6,
        atol=1e-8,
    )


@pytest.mark.parametrize("criterion", sorted(CRITERIA))
def test_a_class_without_weight_has_no_share_in_a_balance(criterion):
    X, y = classes()
    weight = np.where(y == 1, 0.0, 1.0)
    model = LinearSVC(class_weight="balanced", tol=1e-8, random_state=0)
    pruner = LinearPruner(model, criterion=criterion, unit="feature", keep=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.filterwarnings("ignore", "divide by zero", RuntimeWarning)  # of scikit-learn
        pruner.fit(X, y, sample_weight=weight)
        alone = clone(model).fit(X[:, pruner.keep_mask_], y, sample_weight=weight)
    assert_allclose(pruner.coef_[:, pruner.keep_mask_], alone.coef_, rtol=1e-4, atol=1e-6)


def test_outputs_that_are_fitted_together_are_refused_one_by_one():
    X, y = classes()
    pruner = LinearPruner(LinearDiscriminantAnalysis())
    with pytest.raises(InputError, match=r"3 outputs jointly.*Set unit='feature'"):
        pruner.fit(X, y)
    kept = clone(pruner).set_params(unit="feature", keep=4).fit(X, y)
    alone = LinearDiscriminantAnalysis().fit(X[:, kept.keep_mask_], y)
    assert_allclose(kept.predict_proba(X), alone.predict_proba(X[:, kept.keep_mask_]))
    assert (clone(pruner).set_params(recovery=None).fit(X, y).estimator_.coef_ == 0).sum() == 12


@pytest.mark.parametrize(
    "model",
    [
        Lasso(0.01),
        ElasticNet(0.01),
        LassoLars(0.01),
        Ridge(np.array([1.0, 2.0, 3.0]), positive=True),
    ],
)
def test_targets_are_fitted_one_by_one(model):
    X, y = make_regression(80, 6, n_targets=3, noise=5.0, random_state=0)
    y /= y.std(axis=0)
    pruner = LinearPruner(model, keep=7).fit(X, y)
    alone = clone(model)
    for target, kept in enumerate(pruner.keep_mask_):
        coef, intercept = np.zeros(6), y[:, target].mean()
        if kept.any():
            if isinstance(model, Ridge):
                alone.set_params(alpha=model.alpha[target])
            alone.fit(X[:, kept], y[:, target])
            coef[kept], intercept = alone.coef_, alone.intercept_
        assert_allclose(pruner.estimator_.coef_[target], coef, rtol=1e-6, atol=1e-9)
        assert_allclose(pruner.estimator_.intercept_[target], intercept, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dependent", [False, True])
@pytest.mark.parametrize(
    "model",
    [
        Lasso(0.5, tol=1e-10),
        Lasso(0.5, tol=1e-10, fit_intercept=False, positive=True, warm_start=True),
        ElasticNet(0.1, l1_ratio=0.3, tol=1e-10, selection="random", random_state=0),
        LassoCV(cv=3, tol=1e-10),
    ],
)
def test_weighted_levels_of_means_of_squares_are_refits(model, dependent, kind):
    X, y = make_regression(80, 6, n_informative=6, noise=5.0, random_state=0)
    X += 3.0
    if dependent:
        X[:, 5] = X[:, 0]
    weight = np.random.default_rng(0).random(80) * 2
    path = LinearPruner(model).fit(kind(X), y, sample_weight=weight).path_
    alone = Lasso(path.model.alpha_, tol=1e-10) if isinstance(model, LassoCV) else clone(model)
    for level in range(1, len(path) - 1):
        kept = np.flatnonzero(path.mask(level))
        alone.set_params(warm_start=False).fit(X[:, kept], y, sample_weight=weight)
        found = path.cut(index=level).predict(kind(X))
        assert_allclose(found, alone.predict(X[:, kept]), rtol=1e-5, atol=1e-4)


def test_tasks_share_their_columns():
    X, y = make_regression(80, 6, n_targets=3, noise=5.0, random_state=0)
    pruner = LinearPruner(MultiTaskLasso(1.0), unit="feature", keep=3).fit(X, y)
    alone = MultiTaskLasso(1.0).fit(X[:, pruner.keep_mask_], y)
    assert_allclose(pruner.estimator_.coef_[:, pruner.keep_mask_], alone.coef_, rtol=1e-6)
    with pytest.raises(InputError, match="3 outputs jointly"):
        clone(pruner).set_params(unit="weight").fit(X, y)


def test_weights_of_classes_are_those_of_the_fit():
    X, y = classes(3)
    weight = np.random.default_rng(0).uniform(0.1, 2.0, len(y))
    model = RidgeClassifier(class_weight="balanced")  # whose balance counts rows, not weights
    pruner = LinearPruner(model, unit="feature", keep=4).fit(X, y, sample_weight=weight)
    alone = clone(model).fit(X[:, pruner.keep_mask_], y, sample_weight=weight)
    assert_allclose(pruner.estimator_.coef_[:, pruner.keep_mask_], alone.coef_, rtol=1e-8)
    own = LinearPruner(LinearRegression(), keep=1.0).fit(X, y).path_.model
    assert_allclose(own.coef_, LinearRegression().fit(X, y).coef_)


@pytest.mark.parametrize("criterion", ["obs", "scaled_magnitude", "gradient"])
def test_without_an_intercept_a_constant_column_is_none(criterion):
    X, y = load_diabetes(return_X_y=True)
    X = np.column_stack([np.ones(len(y)), X])
    model = LinearRegression(fit_intercept=False)
    assert LinearPruner(model, criterion=criterion, keep=3).fit(X, y).keep_mask_[0]
    X, y = classes(3)
    for model in (LinearSVC(fit_intercept=False), SGDClassifier(fit_intercept=False)):
        small = LinearPruner(clone(model).set_params(random_state=0), keep=2).fit(X, y).estimator_
        assert (np.ravel(small.intercept_) == 0).all()


def test_columns_far_from_zero_keep_their_digits():
    X, y = load_diabetes(return_X_y=True)
    far = X + np.where(np.arange(10) < 5, 1e8, 0) * X.std(axis=0)
    near, moved = (
        LinearPruner(LinearRegression(), criterion="scaled_magnitude").fit(rows, y).scores_
        for rows in (X, far)
    )
    assert_allclose(moved, near, rtol=1e-4)


@pytest.mark.parametrize("loss", ["hinge", "modified_huber", "squared_hinge"])
def test_a_scale_of_the_scores_changes_no_order_of_a_perceptron(loss):
    X, y = classes(2)
    small, large = (
        LinearPruner(Perceptron(eta0=eta, random_state=0), keep=3).fit(X, y).keep_mask_
        for eta in (1.0, 1000.0)
    )
    assert_array_equal(small, large)
    model = SGDClassifier(loss=loss, random_state=0)
    huge = LinearPruner(model, keep=3).fit(1e4 * X, y)  # scores so large that no row is near
    assert huge.keep_mask_.sum() == 3
    assert np.isfinite(huge.scores_).all()


@pytest.mark.slow
@pytest.mark.parametrize("model", [LinearSVC(), SGDClassifier(alpha=1e-3), Perceptron()])
def test_curvature_beats_magnitude_under_a_hinge(model):
    X, y = load_digits(return_X_y=True)
    scores = []
    for seed in range(4):
        X_train, X_test, y_train, y_test = train_test_split(
            X / 16, y, test_size=0.4, random_state=seed, stratify=y
        )
        model = clone(model).set_params(random_state=0)
        scores.append(
            [
                LinearPruner(model, criterion=criterion, keep=0.05)
                .fit(X_train, y_train)
                .score(X_test, y_test)
                for criterion in ("obs", "scaled_magnitude")
            ]
        )
    ours, theirs = np.mean(scores, axis=0)
    assert ours > theirs + 0.1


# Levels, units, groups.


def test_without_recovery_coefficients_keep_their_values():
    X, y = load_diabetes(return_X_y=True)
    whole = LinearRegression().fit(X, y)
    pruner = LinearPruner(LinearRegression(), criterion="magnitude", recovery=None, keep=3)
    small = pruner.fit(X, y).estimator_
    largest = np.abs(whole.coef_) >= np.sort(np.abs(whole.coef_))[-3]
    assert_array_equal(small.coef_, np.where(largest, whole.coef_, 0))
    assert small.intercept_ == whole.intercept_
    threshold = np.sort(np.abs(whole.coef_))[4]
    assert clone(pruner).set_params(keep=None, threshold=threshold).fit(X, y).keep_mask_.sum() == 5


def test_coefficients_that_are_zero_are_no_units():
    X, y = make_regression(100, 12, n_informative=4, noise=1.0, random_state=0)
    model = Lasso(5.0)
    alive = model.fit(X, y).coef_ != 0
    pruner = LinearPruner(clone(model), keep=1.0).fit(X, y)
    assert 0 < pruner.path_.units[0] == alive.sum() < 12
    assert_array_equal(pruner.keep_mask_, alive)
    empty = LinearPruner(Lasso(1e6)).fit(X, y)
    assert len(empty.path_) == 1
    assert not empty.keep_mask_.any()
    assert model_size(empty).units == 0


@pytest.mark.parametrize("criterion", CRITERIA)
@pytest.mark.parametrize("model", [LinearRegression(), LogisticRegression()])
def test_groups_stand_or_fall_together(criterion, model):
    X, y = classes(3)
    groups = [[0, 3], [1, 2, 7]]
    pruner = LinearPruner(
        model, criterion=criterion, unit="feature", groups=groups, random_state=0
    ).fit(X, y)
    path = pruner.path_
    assert len(path) == 5
    for index in range(5):
        mask = path.mask(index)
        assert mask.sum() == path.units[index]
        assert all(len(set(mask[group])) == 1 for group in groups)
        assert (np.atleast_2d(path.cut(index=index).coef_).any(axis=0) == mask).all()
    with pytest.warns(PruningWarning, match="groups are of features"):
        clone(pruner).set_params(unit="weight").fit(X, y)


@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), LinearSVC(random_state=0), SGDRegressor(random_state=0), Perceptron()],
    ids=lambda model: type(model).__name__,
)
def test_sparse_coefficients_where_they_save_bytes(model):
    X, y = make_classification(300, 40, n_informative=6, n_classes=3, random_state=0)
    params = {"criterion": "magnitude", "recovery": None}
    path = LinearPruner(model, sparse_coef=True, **params).fit(X, y).path_
    plain = LinearPruner(model, **params).fit(X, y).path_
    kinds = set()
    for index in range(0, len(path), 7):
        small, dense = path.cut(index=index), plain.cut(index=index)
        coef = small.coef_
        kinds.add(sparse.issparse(coef))
        arrays = [coef.data, coef.indices, coef.indptr] if sparse.issparse(coef) else [coef]
        n_bytes = sum(a.nbytes for a in [*arrays, small.intercept_])
        assert n_bytes == model_size(small).bytes == path.levels["bytes"][index]
        assert n_bytes <= model_size(dense).bytes
        assert_allclose(small.predict(X), dense.predict(X), rtol=1e-10)
        # Before scikit-learn 1.8 a row of coefficients comes back as a table of one.
        assert_array_equal(small.densify().coef_.ravel(), dense.coef_.ravel())
    assert kinds == {False, True}
    assert not sparse.issparse(path.cut(keep=1.0).coef_)
    assert not sparse.issparse(path.cut(keep=0.9).coef_)


def test_sparse_coefficients_of_a_model_that_has_none():
    X, y = load_diabetes(return_X_y=True)
    with pytest.warns(
        PruningWarning, match="sparse_coef=True has no meaning.*Ridge are always dense"
    ):
        pruner = LinearPruner(Ridge(), keep=1, sparse_coef=True).fit(X, y)
    assert isinstance(pruner.estimator_.coef_, np.ndarray)


def test_report_names_the_columns():
    frame, y = load_diabetes(return_X_y=True, as_frame=True)
    pruner = LinearPruner(LinearRegression(), keep=2).fit(frame, y)
    report = pruner.report_
    assert list(report.index) == list(frame.columns)
    assert report.index[report["kept"]].tolist() == ["bmi", "s5"]
    assert report["weights"].sum() == 2
    assert_array_equal(pruner.estimator_.feature_names_in_, frame.columns)


# Sparse rows and many columns.


@pytest.mark.parametrize(
    "model", [LogisticRegression(tol=1e-10), LinearSVC(tol=1e-8, random_state=0), RidgeClassifier()]
)
@pytest.mark.parametrize("criterion", CRITERIA)
def test_sparse_rows_give_what_dense_ones_give(model, criterion):
    X, y = classes(3)
    X = np.where(np.abs(X) > 1, X, 0)
    pruner = LinearPruner(model, criterion=criterion, keep=12, random_state=0)
    dense, thin = (clone(pruner).fit(rows, y) for rows in (X, sparse.csr_matrix(X)))
    if not (criterion == "random" or isinstance(model, LinearSVC)):
        assert_array_equal(dense.keep_mask_, thin.keep_mask_)
        assert_allclose(dense.decision_function(X), thin.decision_function(X), rtol=1e-3, atol=1e-3)
    assert thin.keep_mask_.sum() == 12


def words(n_rows=600, n_words=20_000):
    """Counts of words, few of which say something about the class."""
    rng = np.random.default_rng(0)
    found = np.minimum(rng.pareto(0.6, size=(n_rows, 60)) * 20, n_words - 1).astype(int)
    rows = np.arange(n_rows).repeat(60)
    X = sparse.csr_matrix((np.ones(n_rows * 60), (rows, found.ravel())), (n_rows, n_words))
    signal = rng.normal(size=(n_words, 3)) * (rng.random((n_words, 1)) < 0.05)
    return X, np.argmax(X @ signal + rng.normal(size=(n_rows, 3)), axis=1)


@pytest.mark.parametrize(
    "model", [LogisticRegression(max_iter=1000), LinearSVC(random_state=0), RidgeClassifier()]
)
def test_many_columns_are_never_made_dense(model, monkeypatch):
    X, y = words()

    def refuse(self, *args, **kwargs):
        assert min(self.shape) < 50, f"a matrix of {self.shape} is made dense"
        return plain(self, *args, **kwargs)

    plain = sparse.csr_matrix.toarray
    monkeypatch.setattr(sparse.csr_matrix, "toarray", refuse)
    pruner = LinearPruner(model, criterion="scaled_magnitude", keep=0.05).fit(X, y)
    assert model_size(pruner).units <= 0.05 * pruner.path_.units[0]
    assert pruner.score(X, y) > 0.7
    # Above 2,000 columns by the diagonal of the curvature; the l1 path is refused.
    wald = clone(pruner).set_params(criterion="wald").fit(X, y)
    assert wald.score(X, y) > 0.7
    with pytest.raises(InputError, match=r"at most 2000 of them. Use criterion='obs'"):
        clone(pruner).set_params(criterion="l1").fit(X, y)


@pytest.mark.parametrize("unit", ["weight", "feature"])
@pytest.mark.parametrize("model", [LinearSVC(random_state=0), RidgeClassifier()])
def test_wide_models_are_ordered_by_the_diagonal_and_renewed(model, unit, monkeypatch):
    X, y = words(300, 4000)
    monkeypatch.setattr(_scores, "MAX_COLUMNS", 100)
    monkeypatch.setattr(_scores, "FEW_COLUMNS", 60)
    path = LinearPruner(model, unit=unit).fit(X, y).path_
    whole = clone(model).fit(X, y)
    rows = X.toarray()
    margin = whole.decision_function(X) * np.where(np.equal.outer(y, range(3)), 1, -1)
    curvature = np.ones(margin.shape)
    if isinstance(model, LinearSVC):
        curvature = 2 * norm.cdf((1 - margin) / margin.std(axis=0))
    share = curvature / curvature.sum(axis=0)
    spread = np.array(
        [c @ (rows - s @ rows) ** 2 for c, s in zip(curvature.T, share.T, strict=True)]
    )
    cost = whole.coef_**2 * (spread + 1)
    cost = cost.sum(axis=0) if unit == "feature" else cost
    half = path.mask(len(path) // 2)
    alive = cost > 0
    assert cost[alive & ~half].max() <= cost[half].min() * (1 + 1e-9)
    # The second half goes by the costs at a refit, which other units have.
    quarter = path.mask(3 * len(path) // 4)
    assert cost[half & ~quarter].max() > cost[quarter].min()
    assert np.isfinite(path.scores).all()


# Contracts that the common tests do not see.


def test_a_pickle_holds_no_rows():
    X, y = classes(3, n_samples=2000)
    pruner = LinearPruner(LogisticRegression()).fit(X, y)
    fewer = LinearPruner(LogisticRegression()).fit(X[:200], y[:200])
    for part in (lambda pruner: pruner, lambda pruner: pruner.path_):
        sizes = [len(pickle.dumps(part(each))) for each in (pruner, fewer)]
        assert abs(sizes[0] - sizes[1]) < 100
    assert b"_linear" not in pickle.dumps(pruner.estimator_)


@pytest.mark.parametrize("model", [LogisticRegression(), LinearSVC(random_state=0)])
def test_a_pickled_path_says_that_its_rows_are_gone(model):
    X, y = classes(3)
    path = LinearPruner(model).fit(X, y).path_
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(path))))
    assert_array_equal(again.cut(keep=1.0).coef_, path.cut(keep=1.0).coef_)
    assert again.levels.equals(path.levels)
    assert_array_equal(again.mask(5), path.mask(5))
    with pytest.raises(
        InputError, match=r"pickled or copied, which leaves out the samples.*keep=1"
    ):
        again.cut(keep=5)
    path.cut(keep=5)  # the one that was pickled has them
    free = LinearPruner(model, recovery=None).fit(X, y).path_
    assert_array_equal(pickle.loads(pickle.dumps(free)).cut(keep=5).coef_, free.cut(keep=5).coef_)


def test_a_pickled_path_of_squared_loss_needs_no_rows():
    X, y = load_diabetes(return_X_y=True)
    path = LinearPruner(Ridge()).fit(X, y).path_
    stored = pickle.dumps(path)
    assert len(stored) < X.nbytes / 3
    again = pickle.loads(pickle.dumps(pickle.loads(stored)))
    for index in range(len(path)):
        assert_array_equal(again.cut(index=index).coef_, path.cut(index=index).coef_)


def test_rows_of_a_frozen_model_are_those_given():
    X, y = classes(3)
    model = LogisticRegression().fit(X, y)
    before = pickle.dumps(model)
    own = LinearPruner(LogisticRegression(), keep=9).fit(X, y)
    frozen = LinearPruner(FrozenEstimator(model), keep=9).fit(X, y)
    assert_array_equal(own.estimator_.coef_, frozen.estimator_.coef_)
    assert pickle.dumps(model) == before
    other = LinearPruner(FrozenEstimator(model), keep=9).fit(X[:50], np.append(y[:49], 9))
    assert (other.estimator_.coef_ != 0).sum() == 9  # a row of an unknown class says nothing
    with pytest.raises(InputError, match="labels that the model does not know"):
        LinearPruner(FrozenEstimator(model)).fit(X, y + 7)
    with pytest.raises(InputError, match="requires y to be passed"):
        LinearPruner(FrozenEstimator(model)).fit(X)
    unseen = LinearPruner(FrozenEstimator(model), criterion="magnitude", recovery=None, keep=9)
    assert (unseen.fit(None).estimator_.coef_ != 0).sum() == 9


@pytest.mark.parametrize(
    "model", [LinearDiscriminantAnalysis(), LinearSVC(random_state=0), RidgeClassifier()]
)
def test_rows_of_unknown_and_of_absent_classes(model):
    X, y = classes(3)
    frozen = FrozenEstimator(model.fit(X, y))
    pruner = LinearPruner(frozen, unit="feature", keep=4)
    few = y >= 0
    few[:20] = False
    weight = np.linspace(1, 2, len(y))
    weight = {} if isinstance(model, LinearDiscriminantAnalysis) else {"sample_weight": weight}
    strange = clone(pruner).fit(X, np.where(few, y, 9), **weight).estimator_
    known = clone(pruner).fit(X[few], y[few], **{k: v[few] for k, v in weight.items()}).estimator_
    assert_array_equal(strange.coef_, known.coef_)
    if isinstance(model, RidgeClassifier):
        balanced = RidgeClassifier(class_weight="balanced").fit(X, y)
        found = LinearPruner(FrozenEstimator(balanced), keep=4).fit(X[y < 2], y[y < 2])
        assert (found.estimator_.coef_ != 0).sum() == 4
        return
    with pytest.raises(
        InputError, match=r"There are no samples of the classes \[2\].*recovery=None"
    ):
        clone(pruner).fit(X[y < 2], y[y < 2])
    clone(pruner).set_params(recovery=None).fit(X[y < 2], y[y < 2])


def test_other_models_are_refused():
    with pytest.raises(UnsupportedModelError, match=r"Known are: .*LogisticRegression"):
        LinearPruner(DecisionTreeClassifier()).fit([[0.0], [1.0]], [0, 1])


# With the search.


def test_make_pruner_wraps_linear_models():
    assert isinstance(make_pruner(Ridge(), keep=3), LinearPruner)
    pipeline = make_pruner(make_pipeline(StandardScaler(), LogisticRegression()), keep=3)
    X, y = classes(2)
    assert model_size(pipeline.fit(X, y)).units == 3


def test_the_search_equals_a_grid_search():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    pruner, grid = LinearPruner(LogisticRegression()), {"keep": [2, 5, 0.5, 1.0]}
    ours = PruningSearchCV(pruner, grid, cv=3, refit=True).fit(X, y)
    theirs = GridSearchCV(pruner, grid, cv=3).fit(X, y)
    assert_array_equal(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"])
    assert ours.best_params_ == theirs.best_params_
    path = PruningSearchCV(LogisticRegression(), cv=3).fit(X, y)
    assert model_size(path).units < 30
    assert path.best_score_ > 0.95


def test_the_search_in_other_processes_finds_the_same():
    X, y = classes(3)
    search = PruningSearchCV(LinearPruner(LogisticRegression()), {"keep": [3, 9]}, cv=2)
    alone, beside = (clone(search).set_params(n_jobs=n).fit(X, y) for n in (1, 2))
    assert_array_equal(alone.predict_proba(X), beside.predict_proba(X))
    assert not beside.best_estimator_.path_.lost_rows  # fitted here, and not sent


def test_refits_do_not_converge_in_silence():
    X, y = classes(2)
    pruner = LinearPruner(LinearSVC(max_iter=1, random_state=0), keep=4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pruner.fit(X, y)
    assert sum(issubclass(w.category, ConvergenceWarning) for w in caught) >= 2


def test_a_search_over_a_model_without_coefficients_keeps_it():
    X, y = load_diabetes(return_X_y=True)
    search = PruningSearchCV(LinearPruner(Lasso(alpha=1e6)), cv=2).fit(X, y)
    assert search.best_params_ == {"keep": 1.0}
    assert not search.best_estimator_.estimator_.coef_.any()
