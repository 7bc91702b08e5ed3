"""Scores of all levels at once, compared with scikit-learn's scorers on the pruned trees."""

import warnings
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import get_scorer
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune.criteria.weakest_link import training_risk, weakest_link
from skprune.surgery import surgeon_for
from skprune.tree._level_scores import CONFUSION, PROBABILITY, REGRESSION
from skprune.tree._path import TreePath

FAMILIES = ("f1", "precision", "recall")
AVERAGES = ("_macro", "_micro", "_weighted")
ANY_CLASSES = [
    "accuracy",
    "balanced_accuracy",
    *(family + average for family in FAMILIES for average in AVERAGES),
]
COUNTS = [*ANY_CLASSES, *FAMILIES]
CHANCES = ["neg_log_loss", "neg_brier_score"]
NUMBERS = [
    "r2",
    "neg_mean_squared_error",
    "neg_root_mean_squared_error",
    "neg_mean_absolute_error",
]


def path_of(X, y, *, kind=DecisionTreeClassifier, sample_weight=None, risk=None):
    tree = kind(random_state=0).fit(X, y, sample_weight=sample_weight)
    surgeon = surgeon_for(tree)
    risk = training_risk(surgeon.table) if risk is None else risk(surgeon.table)
    return TreePath(surgeon, weakest_link(surgeon.table, risk))


@cache
def grown(load, *, kind=DecisionTreeClassifier, risk=None, shift=0, **params):
    """A path that tests share, with samples that it was not grown on, and their labels."""
    X, y, held_X, held_y = train_test(load, **params)
    return path_of(X, y + shift if shift else y, kind=kind, risk=risk), held_X, held_y


@cache
def exact():
    """A path whose first tree is exact, and the samples that it was grown on."""
    X, y = load_diabetes(return_X_y=True)
    return path_of(X, y + 1e6, kind=DecisionTreeRegressor), X, y + 1e6


@cache
def cuts(path):
    """All models of a path, which several metrics score."""
    return [path.cut(index=index) for index in range(len(path))]


def any_risk(table):
    return np.random.default_rng(0).integers(-9, 10, table.n_nodes).astype(float)


def train_test(load, noise=0.2, classes=None):
    """Return training and test samples, with some labels redrawn."""
    X, y = load(return_X_y=True)
    rng = np.random.default_rng(0)
    if noise:
        y = np.where(rng.random(len(y)) < noise, rng.permutation(y), y)
    if classes is not None:
        y = np.asarray(classes)[y]
    return X[::2], y[::2], X[1::2], y[1::2]


def one_by_one(path, metric, X, y, weight):
    weights = {} if weight is None else {"sample_weight": weight}
    scorer = get_scorer(metric)
    with warnings.catch_warnings():
        # Small trees may never predict a class; scikit-learn warns and counts it as 0.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return np.array([scorer(model, X, y, **weights) for model in cuts(path)])


def all_scores(path, metric, X, y, weight=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return path.score(X, y, scoring=metric, sample_weight=weight)


def test_the_lists_above_name_all_metrics():
    assert set(COUNTS) - {"accuracy"} == set(CONFUSION)
    assert set(CHANCES) == set(PROBABILITY)
    assert set(NUMBERS) == set(REGRESSION)


WEIGHTS = {
    "plain": lambda _: None,
    "whole": lambda n: np.random.default_rng(1).integers(1, 5, n),
    "list": lambda n: [1.0, 2.0] * (n // 2) + [3.0] * (n % 2),
}
each_weight = pytest.mark.parametrize("weights", WEIGHTS)


@pytest.mark.parametrize(
    ("weights", "risk"),
    [("plain", None), ("plain", any_risk), ("whole", None), ("list", any_risk)],
    ids=["plain", "any risk", "whole", "list, any risk"],
)
@pytest.mark.parametrize("metric", COUNTS)
def test_counts_of_two_classes_agree_exactly(metric, risk, weights):
    path, held_X, held_y = grown(load_breast_cancer, risk=risk)
    weight = WEIGHTS[weights](len(held_y))
    free = path.free_scores(metric, held_X, held_y, weight)
    assert_array_equal(free, one_by_one(path, metric, held_X, held_y, weight))


@pytest.mark.parametrize(
    ("weights", "classes"),
    [("plain", [0, 1, 2]), ("whole", [7, 3, 5]), ("list", ["c", "a", "b"])],
    ids=str,
)
@pytest.mark.parametrize("metric", ANY_CLASSES)
def test_counts_of_several_classes_agree_exactly(metric, classes, weights):
    path, held_X, held_y = grown(load_wine, noise=0.4, classes=tuple(classes))
    weight = WEIGHTS[weights](len(held_y))
    free = path.free_scores(metric, held_X, held_y, weight)
    assert_array_equal(free, one_by_one(path, metric, held_X, held_y, weight))


@pytest.mark.parametrize("metric", COUNTS)
def test_counts_with_weights_of_any_size_agree_closely(metric):
    path, held_X, held_y = grown(load_breast_cancer)
    weight = np.random.default_rng(0).uniform(0.01, 10, len(held_y))
    free = path.free_scores(metric, held_X, held_y, weight)
    assert_allclose(free, one_by_one(path, metric, held_X, held_y, weight), rtol=1e-10)


@pytest.mark.parametrize("classes", [[0, 1], [0.0, 1.0], [-1, 1], [False, True]], ids=str)
@pytest.mark.parametrize("metric", FAMILIES)
def test_the_positive_class_is_1(metric, classes):
    X, y, held_X, held_y = train_test(load_breast_cancer, classes=classes)
    path = path_of(X, y)
    free = path.free_scores(metric, held_X, held_y)
    assert_array_equal(free, one_by_one(path, metric, held_X, held_y, None))


@each_weight
@pytest.mark.parametrize(
    ("metric", "classes"),
    [
        ("neg_log_loss", [0, 1]),
        ("neg_log_loss", ["no", "yes"]),
        ("neg_log_loss", [3, 8]),
        ("neg_brier_score", [0, 1]),
        ("neg_brier_score", [-1, 1]),
        ("neg_brier_score", [3, 8]),
        ("neg_brier_score", [False, True]),
    ],
    ids=str,
)
def test_losses_of_probabilities_agree_closely(metric, classes, weights):
    X, y, held_X, held_y = train_test(load_breast_cancer, classes=classes)
    path = path_of(X, y)
    weight = WEIGHTS[weights](len(held_y))
    free = path.free_scores(metric, held_X, held_y, weight)
    assert_allclose(free, one_by_one(path, metric, held_X, held_y, weight), rtol=1e-10)


def test_brier_score_of_strings_is_refused_by_the_scorer():
    X, y, held_X, held_y = train_test(load_breast_cancer, classes=["no", "yes"])
    path = path_of(X, y)
    assert path.free_scores("neg_brier_score", held_X, held_y) is None
    with pytest.raises(ValueError, match="pos_label is not specified"):
        path.score(held_X, held_y, scoring="neg_brier_score")


@each_weight
def test_log_loss_of_several_classes_agrees_closely(weights):
    X, y, held_X, held_y = train_test(load_wine, noise=0.4)
    path = path_of(X, y)
    weight = WEIGHTS[weights](len(held_y))
    free = path.free_scores("neg_log_loss", held_X, held_y, weight)
    expected = one_by_one(path, "neg_log_loss", held_X, held_y, weight)
    assert_allclose(free, expected, rtol=1e-10)


@each_weight
@pytest.mark.parametrize("shift", [0, 1e4], ids=["near zero", "far from zero"])
@pytest.mark.parametrize("metric", NUMBERS)
def test_regression_errors_agree_closely(metric, shift, weights):
    path, held_X, held_y = grown(load_diabetes, kind=DecisionTreeRegressor, shift=shift)
    weight = WEIGHTS[weights](len(held_y))
    free = path.free_scores(metric, held_X, held_y + shift, weight)
    expected = one_by_one(path, metric, held_X, held_y + shift, weight)
    # R2 crosses zero, where only its distance from 1 has a relative error.
    assert_allclose(1 - free, 1 - expected, rtol=1e-10)
    assert_allclose(free, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("metric", NUMBERS)
def test_errors_vanish_where_the_tree_is_exact(metric):
    path, X, y = exact()
    free = path.free_scores(metric, X, y)
    assert free[0] == (1 if metric == "r2" else 0)
    assert_allclose(free, one_by_one(path, metric, X, y, None), rtol=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_an_error_of_zero_at_the_root_is_not_negative(seed):
    X, y, held_X, _ = train_test(load_diabetes)
    y = y + np.random.default_rng(seed).normal(size=len(y))
    path = path_of(X, y, kind=DecisionTreeRegressor)
    as_the_root = np.full(len(held_X), path.cut(index=-1).predict(held_X[:1]).item())
    for metric in NUMBERS[1:]:
        free = path.free_scores(metric, held_X, as_the_root)
        assert (free <= 0).all()
        assert free[-1] == pytest.approx(0, abs=1e-4)


def test_integer_targets_are_accepted():
    X, y = load_diabetes(return_X_y=True)
    path = path_of(X, y, kind=DecisionTreeRegressor)
    whole = y.astype(int)
    assert_array_equal(path.free_scores("r2", X, whole), path.free_scores("r2", X, y))


def test_accuracy_counts_unknown_labels_as_errors():
    X, y, held_X, held_y = train_test(load_wine, noise=0)
    path = path_of(X[y < 2], y[y < 2])
    free = path.free_scores("accuracy", held_X, held_y)
    assert_array_equal(free, one_by_one(path, "accuracy", held_X, held_y, None))
    assert free.max() < 0.8


@pytest.mark.parametrize("metric", [m for m in ANY_CLASSES if m != "accuracy"])
@pytest.mark.parametrize("missing", ["label of the rows", "label of the tree", "weight of a class"])
def test_labels_on_one_side_only_are_left_to_scikit_learn(metric, missing):
    X, y, held_X, held_y = train_test(load_wine)
    weight = None
    if missing == "label of the tree":
        X, y = X[y < 2], y[y < 2]
    elif missing == "label of the rows":
        held_X, held_y = held_X[held_y < 2], held_y[held_y < 2]
    else:
        weight = (held_y < 2).astype(float)
    path = path_of(X, y)
    assert path.free_scores(metric, held_X, held_y, weight) is None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        found = all_scores(path, metric, held_X, held_y, weight)
        assert_array_equal(found, one_by_one(path, metric, held_X, held_y, weight))


def test_an_unknown_class_of_weight_zero_is_left_to_scikit_learn():
    X, y, held_X, held_y = train_test(load_wine, noise=0)
    path = path_of(X[y < 2], y[y < 2])
    weight = (held_y < 2).astype(float)
    assert path.free_scores("f1_macro", held_X, held_y, weight) is None


@pytest.mark.parametrize("metric", CHANCES)
def test_losses_of_probabilities_need_all_classes(metric):
    X, y, held_X, held_y = train_test(load_breast_cancer)
    path = path_of(X, y)
    only = held_y == 1
    assert path.free_scores(metric, held_X[only], held_y[only]) is None
    assert path.free_scores(metric, held_X, held_y, only.astype(float)) is None
    assert path.free_scores(metric, held_X, np.where(only, 1, 5)) is None


def test_brier_of_several_classes_is_left_to_scikit_learn():
    X, y, held_X, held_y = train_test(load_wine)
    assert path_of(X, y).free_scores("neg_brier_score", held_X, held_y) is None


@pytest.mark.parametrize("metric", FAMILIES)
@pytest.mark.parametrize("classes", [["no", "yes"], [1, 2], [0, 1, 2]], ids=str)
def test_without_a_positive_class_the_scorer_decides(metric, classes):
    load = load_wine if len(classes) == 3 else load_breast_cancer
    X, y, held_X, held_y = train_test(load, classes=classes)
    path = path_of(X, y)
    assert path.free_scores(metric, held_X, held_y) is None
    if classes == [1, 2]:  # 1 is then the positive class, though it comes first
        found = all_scores(path, metric, held_X, held_y)
        assert_array_equal(found, one_by_one(path, metric, held_X, held_y, None))
    else:
        with pytest.raises(ValueError, match=r"pos_label|average='binary'"):
            path.score(held_X, held_y, scoring=metric)


def test_a_constant_target_is_left_to_scikit_learn():
    X, y, held_X, _ = train_test(load_diabetes)
    path = path_of(X, y, kind=DecisionTreeRegressor)
    constant = np.full(len(held_X), 150.0)
    assert path.free_scores("r2", held_X, constant) is None
    found = path.score(held_X, constant, scoring="r2")
    assert_array_equal(found, one_by_one(path, "r2", held_X, constant, None))
    free = path.free_scores("neg_mean_squared_error", held_X, constant)
    expected = one_by_one(path, "neg_mean_squared_error", held_X, constant, None)
    assert_allclose(free, expected, rtol=1e-10)


def test_one_sample_is_left_to_scikit_learn():
    X, y, held_X, held_y = train_test(load_diabetes)
    path = path_of(X, y, kind=DecisionTreeRegressor)
    assert path.free_scores("r2", held_X[:1], held_y[:1]) is None
    found = all_scores(path, "r2", held_X[:1], held_y[:1])
    assert np.isnan(found).all()


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "explained_variance", "nope"])
def test_other_metrics_are_left_to_scikit_learn(metric):
    X, y, held_X, held_y = train_test(load_breast_cancer)
    assert path_of(X, y).free_scores(metric, held_X, held_y) is None


@pytest.mark.parametrize("metric", NUMBERS)
def test_regression_errors_are_not_for_classifiers(metric):
    X, y, held_X, held_y = train_test(load_breast_cancer)
    assert path_of(X, y).free_scores(metric, held_X, held_y) is None


@pytest.mark.parametrize("metric", [*COUNTS, *CHANCES])
def test_counts_are_not_for_regressors(metric):
    X, y, held_X, held_y = train_test(load_diabetes)
    path = path_of(X, y, kind=DecisionTreeRegressor)
    assert path.free_scores(metric, held_X, held_y) is None


def outcome(call):
    """Return the result of a call, or the type and message of its error."""
    try:
        return call().tolist()
    except (ValueError, ZeroDivisionError) as error:
        return type(error), str(error)


@pytest.mark.parametrize(
    "change",
    [
        lambda y, w: (y + 0.5, w),
        lambda y, w: (y.astype(str), w),
        lambda y, w: (y[:-1], w),
        lambda y, w: (y, w[:-1]),
        lambda y, w: (y[:-1], w[:-1]),
        lambda y, w: (y, np.where(w > 0, np.nan, w)),
        lambda y, w: (y, 0 * w),
    ],
    ids=[
        "numbers",
        "words",
        "few targets",
        "few weights",
        "few of both",
        "NaN weights",
        "no weight",
    ],
)
# Versions of scikit-learn differ in what they refuse and warn of.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_malformed_input_gives_the_same_as_the_scorer(change):
    X, y, held_X, held_y = train_test(load_wine)
    path = path_of(X, y)
    held_y, weight = change(held_y, np.ones(len(held_y)))
    assert path.free_scores("accuracy", held_X, held_y, weight) is None
    found = outcome(lambda: all_scores(path, "accuracy", held_X, held_y, weight))
    expected = outcome(lambda: one_by_one(path, "accuracy", held_X, held_y, weight))
    assert str(found) == str(expected)  # as strings, since NaN is not equal to NaN


@pytest.mark.parametrize("metric", NUMBERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_targets_that_are_not_finite_are_refused_by_the_scorer(metric, bad):
    X, y, held_X, held_y = train_test(load_diabetes)
    path = path_of(X, y, kind=DecisionTreeRegressor)
    held_y = np.append(held_y[:-1], bad)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        path.score(held_X, held_y, scoring=metric)


def test_samples_of_weight_zero_are_ignored():
    X, y, held_X, held_y = train_test(load_iris)
    path = path_of(X, y)
    rng = np.random.default_rng(0)
    for _ in range(5):
        weight = rng.integers(0, 2, len(held_y)).astype(float)
        seen = weight > 0
        for metric in ("accuracy", "f1_macro", "neg_log_loss"):
            weighted = path.free_scores(metric, held_X, held_y, weight)
            assert_array_equal(weighted, path.free_scores(metric, held_X[seen], held_y[seen]))


def test_a_tree_grown_with_weights_is_scored_by_its_own_values():
    X, y, held_X, held_y = train_test(load_wine, noise=0.4)
    weight = np.random.default_rng(0).uniform(0.1, 5, len(y))
    path = path_of(X, y, sample_weight=weight)
    for metric in ("accuracy", "f1_macro", "neg_log_loss"):
        free = path.free_scores(metric, held_X, held_y)
        assert_allclose(free, one_by_one(path, metric, held_X, held_y, None), rtol=1e-10)


def test_missing_values_are_routed_like_in_the_tree():
    X, y, held_X, held_y = train_test(load_wine)
    gaps = np.random.default_rng(0).random(X.shape) < 0.3
    path = path_of(np.where(gaps, np.nan, X), y)
    held_X = np.where(gaps, np.nan, held_X)
    free = path.free_scores("f1_macro", held_X, held_y)
    assert_array_equal(free, one_by_one(path, "f1_macro", held_X, held_y, None))
