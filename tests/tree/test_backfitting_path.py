"""Backfitting paths: the resulting models, for every model and loss, and their benefit."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_breast_cancer, load_digits, make_friedman1
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.tree import DecisionTreeClassifier

from skprune import PruningSearchCV, TreePruner, model_size
from skprune.base._rows import ValidationData
from skprune.exceptions import InputError, PruningWarning

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 6)).astype(np.float32).astype(float)
SIGNAL = X[:, 0] + np.where(X[:, 1] > 0, 1.0, -0.5) * X[:, 2]
REAL = SIGNAL + 0.5 * RNG.normal(size=400)
BINARY = np.array(["no", "yes"])[(SIGNAL + RNG.logistic(size=400) > 0).astype(int)]
THREE = np.digitize(REAL, [-0.7, 0.7])
COUNTS = RNG.poisson(np.exp(SIGNAL / 2)).astype(float)
POSITIVE = RNG.gamma(2, np.exp(SIGNAL / 2))


def pruner(model, **params):
    return TreePruner(model, criterion="backfitting", random_state=0, **params)


MODELS = [
    (RandomForestClassifier(6, random_state=0), BINARY),
    (RandomForestClassifier(6, random_state=0), THREE),
    (ExtraTreesClassifier(6, random_state=0), THREE),
    (BaggingClassifier(n_estimators=6, max_features=0.6, random_state=0), BINARY),
    (RandomForestRegressor(6, random_state=0), REAL),
    (RandomForestRegressor(6, random_state=0), np.column_stack([REAL, COUNTS])),
    (GradientBoostingClassifier(n_estimators=10, random_state=0), BINARY),
    (GradientBoostingClassifier(n_estimators=10, random_state=0), THREE),
    (GradientBoostingClassifier(loss="exponential", n_estimators=10, random_state=0), BINARY),
    (GradientBoostingRegressor(n_estimators=10, init="zero", random_state=0), REAL),
    (GradientBoostingRegressor(loss="huber", n_estimators=10, random_state=0), REAL),
    (GradientBoostingRegressor(loss="absolute_error", n_estimators=10, random_state=0), REAL),
    (GradientBoostingRegressor(loss="quantile", n_estimators=10, random_state=0), REAL),
    (HistGradientBoostingClassifier(max_iter=10, random_state=0), BINARY),
    (HistGradientBoostingClassifier(max_iter=10, random_state=0), THREE),
    (HistGradientBoostingRegressor(loss="poisson", max_iter=10, random_state=0), COUNTS),
    (HistGradientBoostingRegressor(loss="gamma", max_iter=10, random_state=0), POSITIVE),
    (HistGradientBoostingRegressor(loss="absolute_error", max_iter=10, random_state=0), REAL),
    (HistGradientBoostingRegressor(loss="quantile", quantile=0.3, max_iter=10), REAL),
]
over_models = pytest.mark.parametrize(
    ("model", "y"), MODELS, ids=[f"{n}-{type(m).__name__}" for n, (m, _) in enumerate(MODELS)]
)


@over_models
def test_snapshots_and_cuts_agree(model, y):
    """Snapshots are sums over the solver's leaves, cuts are plain models."""
    path = pruner(model, ridge=3.0).fit(X, y).path_
    assert len(path) > 4
    for index, known in enumerate(path.snapshots(X)):
        small = path.cut(index=index)
        assert tuple(path.levels.loc[index, ["leaves", "parameters", "bytes"]]) == tuple(
            vars(model_size(small)).values()
        )
        if is_classifier(model):
            np.testing.assert_array_equal(small.predict(X), known.predict(X))
            np.testing.assert_allclose(small.predict_proba(X), known.predict_proba(X), atol=1e-10)
            np.testing.assert_allclose(small.predict_proba(X).sum(axis=1), 1)
        else:
            np.testing.assert_allclose(small.predict(X), known.predict(X), rtol=1e-9, atol=1e-9)


@over_models
def test_training_loss_decreases_along_the_path(model, y):
    """From the smallest model on, more leaves at a smaller penalty never fit worse."""
    fitted = pruner(model, ridge=1.0).fit(X, y)
    path, problem, losses = fitted.path_, fitted.path_._problem, []
    data = problem.data(path._surgeon, ValidationData(X, y, None, out_of_bag=False))
    for known in list(path.snapshots(X))[:0:-1]:
        if is_classifier(model):
            raw = np.atleast_2d(known.decision_function(X).T)
        else:
            answer = np.asarray(known.predict(X), dtype=float).reshape(len(X), -1).T
            raw = np.log(answer) if problem.inverse_link is np.exp else answer
            raw = (raw - problem.center[:, np.newaxis]) / problem.scale[:, np.newaxis]
        losses.append(problem.loss.value(data.target, raw).mean())
    assert losses[-1] < 0.97 * losses[0]
    assert (np.diff(losses) <= 0.01 * losses[0]).all()


@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gaps"])
@pytest.mark.parametrize("y", [BINARY, THREE], ids=["two classes", "three"])
def test_missing_values_go_as_in_the_forest(y, gaps):
    """Whether or not there were any in training."""
    holes = np.where(RNG.random(X.shape) < 0.2, np.nan, X)
    path = (
        pruner(RandomForestClassifier(12, random_state=0), ridge=3.0)
        .fit(holes if gaps else X, y)
        .path_
    )
    for index, known in enumerate(path.snapshots(holes)):
        cut = path.cut(index=index)
        np.testing.assert_allclose(
            cut.predict_proba(holes), known.predict_proba(holes), rtol=0, atol=1e-12
        )


def frame_answers(frame, y):
    """Probabilities for the rows of a frame, which the forest is fitted to too."""
    forest = RandomForestClassifier(12, random_state=0)
    return pruner(forest, ridge=3.0, keep=0.1).fit(frame, y).estimator_.predict_proba(frame)


def test_sparse_rows_give_a_model_of_sparse_rows():
    sparse = csr_array(np.where(np.abs(X) < 0.5, 0, X))
    for y in (BINARY, THREE):
        small = pruner(RandomForestClassifier(12, random_state=0), ridge=3.0, keep=0.1)
        plain = clone(small).fit(sparse.toarray(), y).estimator_
        small = small.fit(sparse, y).estimator_
        np.testing.assert_allclose(
            small.predict_proba(sparse), plain.predict_proba(sparse.toarray()), rtol=0, atol=1e-12
        )
        frame = pd.DataFrame.sparse.from_spmatrix(csr_matrix(sparse))
        assert frame_answers(frame, y) == pytest.approx(small.predict_proba(sparse))


def test_several_classes_share_the_trees_of_a_plain_pipeline():
    names = np.array(["low", "middle", "high"], dtype=object)[THREE]
    frame = pd.DataFrame(X, columns=list("abcdef"))
    fitted = pruner(RandomForestClassifier(12, random_state=0), ridge=3.0).fit(frame, names)
    path = fitted.path_
    for index, known in enumerate(path.snapshots(frame)):
        small = path.cut(index=index)
        np.testing.assert_array_equal(small.classes_, ["high", "low", "middle"])
        np.testing.assert_array_equal(small.feature_names_in_, list("abcdef"))
        np.testing.assert_array_equal(small.predict(frame), known.predict(frame))
        if index:  # to the bit
            assert [type(step) for step in small] == [RandomTreesEmbedding, LogisticRegression]
            raw = small.decision_function(frame)
            np.testing.assert_array_equal(raw, known.decision_function(frame))
            assert small[0].n_estimators == path.levels.trees[index]
    leaves, _ = path.count_by_tree(5)
    assert leaves.sum() == path.levels.leaves[5] == path.cut(index=5)[-1].coef_.shape[1]


def test_nodes_of_few_samples_are_split_for_several_classes():
    forest = RandomForestClassifier(5, random_state=0)
    least = {}
    for name, y in [("two", BINARY), ("three", THREE), ("ten", np.arange(400) % 10)]:
        least[name] = pruner(forest, ridge=3.0).fit(X, y).path_._problem.least_weight
    # The same gain at the same prior: 5 samples at gradients of 1/2, 2.6 at those of .95.
    assert least == {"two": 5, "three": 3, "ten": 2}


def test_a_forest_becomes_a_hundred_times_smaller_without_loss():
    X, y = make_friedman1(2500, noise=1.0, random_state=0)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    forest = RandomForestRegressor(40, max_features=1 / 3, random_state=0)
    fitted = pruner(forest, keep=0.01).fit(X, y)
    small, whole = fitted.estimator_, fitted.path_.cut(keep=1.0)
    assert model_size(small).bytes * 100 <= model_size(whole).bytes
    assert small.score(X_test, y_test) > whole.score(X_test, y_test)
    frozen = FrozenEstimator(whole)
    for criterion in ("cost_complexity", "random"):
        rival = TreePruner(frozen, criterion=criterion, keep=0.01, random_state=0).fit(X, y)
        assert small.score(X_test, y_test) > rival.score(X_test, y_test) + 0.05


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_pruned_classification_forests_have_valid_probabilities(load):
    X, X_test, y, y_test = train_test_split(*load(return_X_y=True), random_state=0)
    forest = RandomForestClassifier(50, random_state=0).fit(X, y)
    path = pruner(FrozenEstimator(forest), ridge=1.0).fit(X, y).path_
    small = path.cut(keep=0.15)
    assert small.score(X_test, y_test) > forest.score(X_test, y_test) - 0.05
    assert log_loss(y_test, small.predict_proba(X_test)) < 0.3
    assert model_size(small).bytes * 5 < model_size(forest).bytes


def test_ridges_are_chosen_on_validation_data():
    """Noise needs large ridges, a clear signal small ones."""
    noise = RNG.normal(size=400)
    forest = RandomForestRegressor(10, random_state=0)
    clear = pruner(forest).fit(X, SIGNAL).path_.levels.ridge
    noisy = pruner(forest).fit(X, noise).path_.levels.ridge
    assert noisy.max() > clear.max()
    for validation in ("oob", "train", 0.3):
        levels = pruner(forest, validation=validation).fit(X, REAL).path_.levels
        assert levels.ridge[1:].between(0.3, 1000).all()


def test_a_given_ridge_needs_no_validation_data():
    model = GradientBoostingRegressor(n_estimators=15, random_state=0)
    path = pruner(model, ridge=3.0).fit(X, REAL).path_
    np.testing.assert_array_equal(path.model.predict(X), clone(model).fit(X, REAL).predict(X))
    assert (path.levels.ridge[1:] == 3.0).all()


def test_weights_and_class_weights_are_used():
    forest = RandomForestClassifier(15, random_state=0)
    heavy = np.where(BINARY == "yes", 5.0, 1.0)
    frozen = FrozenEstimator(clone(forest).fit(X, BINARY))
    plain = pruner(frozen, ridge=3.0, keep=0.1).fit(X, BINARY)
    weighted = pruner(frozen, ridge=3.0, keep=0.1).fit(X, BINARY, sample_weight=heavy)
    assert weighted.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.1
    rare = BINARY.copy()
    rare[RNG.random(400) < 0.6] = "no"
    share = {}
    for class_weight in (None, "balanced"):
        own = clone(forest).set_params(class_weight=class_weight)
        fitted = pruner(own, ridge=3.0, keep=0.1).fit(X, rare)
        share[class_weight] = fitted.predict_proba(X)[:, 1].mean()
    assert share["balanced"] > share[None] + 0.1


def test_thresholds_are_costs_per_leaf():
    path = pruner(RandomForestRegressor(12, random_state=0), ridge=3.0).fit(X, REAL).path_
    thresholds = path.levels.threshold.to_numpy()
    assert (np.diff(thresholds) > 0).all()
    assert path.locate(threshold=0.0) == 0
    assert [path.locate(threshold=t) for t in thresholds] == list(range(len(path)))
    assert path.locate(threshold=thresholds[1] / 100) == 1
    assert path.locate(threshold=1e9) == len(path) - 1
    assert path.common_scale


def test_the_search_equals_a_grid_search():
    grid = [{"keep": [1.0, 0.1]}, {"threshold": [0.0, 0.05]}]
    model = pruner(RandomForestClassifier(5, max_depth=4, random_state=0))
    ours = PruningSearchCV(model, grid, cv=2, refit=False).fit(X[:200], THREE[:200]).cv_results_
    peer = GridSearchCV(model, grid, cv=2, refit=False).fit(X[:200], THREE[:200]).cv_results_
    np.testing.assert_array_equal(ours["mean_test_score"], peer["mean_test_score"])


@pytest.mark.parametrize(
    ("model", "y", "words"),
    [
        (AdaBoostClassifier(), BINARY, "fits trees jointly that add up"),
        (DecisionTreeClassifier(), BINARY, "fits trees jointly that add up"),
        (RandomForestClassifier(5), np.column_stack([BINARY, BINARY]), "has 2 outputs"),
    ],
)
def test_invalid_input_is_refused(model, y, words):
    with pytest.raises(InputError, match=words):
        pruner(model).fit(X, y)


@pytest.mark.parametrize("validation", ["train", 0.5])
@pytest.mark.parametrize(
    ("model", "y"),
    [(RandomForestRegressor(3, random_state=0), REAL), (RandomForestClassifier(3), BINARY)],
)
def test_one_sample_of_positive_weight_chooses_no_ridge(model, y, validation):
    weight = np.eye(1, len(y))[0]
    with pytest.raises(ValueError, match=r"positive weight|non-zero"):
        pruner(model).set_params(validation=validation).fit(X, y, sample_weight=weight)


def test_samples_of_a_frozen_model_are_checked():
    frozen = FrozenEstimator(RandomForestClassifier(5, random_state=0).fit(X, BINARY))
    with pytest.raises(InputError, match=r"labels that the model does not know: .*maybe"):
        pruner(frozen).fit(X[:3], ["yes", "no", "maybe"])
    with pytest.raises(InputError, match="requires y to be passed"):
        pruner(frozen).fit(X)


def test_an_ignored_ridge_warns():
    with pytest.warns(PruningWarning, match="ridge"):
        TreePruner(DecisionTreeClassifier(random_state=0), ridge=3.0).fit(X, BINARY)


@pytest.mark.parametrize("seed", range(6))
def test_smaller_levels_have_no_more_leaves_on_few_samples(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(20, 6)), np.arange(20) % 2
    model = GradientBoostingClassifier(n_estimators=4, max_depth=4, subsample=0.7, random_state=0)
    pruner = TreePruner(model, criterion="backfitting", random_state=0)
    for validation in (None, "train"):
        path = pruner.set_params(validation=validation).fit(X, y).path_
        assert (np.diff(path.units) <= 0).all()
