"""Paired losses, against the models of the folds and a loop over their rows."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import BaggingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import CorrelationPruner, NonInferior, OneStandardError, PruningSearchCV, TreePruner
from skprune.exceptions import InputError

X, y = make_classification(250, 8, n_informative=5, flip_y=0.2, weights=[0.7], random_state=0)
X3, y3 = make_classification(260, 8, n_informative=5, n_classes=3, flip_y=0.2, random_state=0)
XR, yr = make_regression(250, 6, noise=40.0, random_state=0)
W = np.random.RandomState(0).randint(0, 4, 250).astype(float)

CV = KFold(4, shuffle=True, random_state=0)
GRID = {"keep": [1.0, 0.6, 0.3, 0.1, 0.05]}
TREE = DecisionTreeClassifier(random_state=0)
FOREST = RandomForestClassifier(3, random_state=0)
NUMBER = DecisionTreeRegressor(random_state=0)
BAG = BaggingRegressor(NUMBER, n_estimators=3, random_state=0)


def error(model, X, y, w):  # noqa: ARG001 - one signature
    return model.predict(X) != y


def balanced(model, X, y, w):
    miss, classes = model.predict(X) != y, np.unique(y)
    total = {c: w[y == c].sum() / w.sum() for c in classes}
    return miss / np.array([total[c] * len(classes) for c in y])


def log_loss(model, X, y, w):  # noqa: ARG001 - one signature
    own = model.predict_proba(X)[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return -np.log(np.clip(own, np.finfo(float).eps, None))


def brier(model, X, y, w):  # noqa: ARG001 - one signature
    return (model.predict_proba(X)[:, 1] - y) ** 2


def squared(model, X, y, w):  # noqa: ARG001 - one signature
    return (model.predict(X) - y) ** 2


def r2(model, X, y, w):
    spread = np.average((y - np.average(y, weights=w)) ** 2, weights=w)
    return (model.predict(X) - y) ** 2 / spread


def absolute(model, X, y, w):  # noqa: ARG001 - one signature
    return np.abs(model.predict(X) - y)


CASES = [
    (None, error, (X, y), (TREE, FOREST)),
    ("accuracy", error, (X3, y3), (TREE, FOREST)),
    ("balanced_accuracy", balanced, (X3, y3), (TREE, FOREST)),
    ("neg_log_loss", log_loss, (X3, y3), (TREE, FOREST)),
    ("neg_brier_score", brier, (X, y), (TREE, FOREST)),
    (None, r2, (XR, yr), (NUMBER, BAG)),
    ("neg_mean_squared_error", squared, (XR, yr), (NUMBER, BAG)),
    ("neg_mean_absolute_error", absolute, (XR, yr), (NUMBER, BAG)),
]
PAIRS = [(model, *case[:3]) for case in CASES for model in case[3]]


def name(value):
    return getattr(value, "__name__", type(value).__name__) if callable(value) else str(value)[:24]


def naive(model, loss, data, weight=None):
    """Mean and standard error per level, fold by fold and row by row."""
    X, y = data
    params = {} if weight is None else {"sample_weight": weight}
    weight = np.ones(len(y)) if weight is None else weight
    mean, variance = np.zeros(5), np.zeros(5)
    for train, test in CV.split(X):
        own = {key: value[train] for key, value in params.items()}
        path = TreePruner(model).fit(X[train], y[train], **own).path_
        w, rows = weight[test], X[test]
        whole = loss(path.cut(index=0), rows, y[test], w).astype(float)
        groups = y[test] if loss is balanced else np.zeros(len(test))
        for i, keep in enumerate(GRID["keep"]):
            d = loss(path.cut(keep=keep), rows, y[test], w) - whole
            mean[i] += np.average(d, weights=w) / 4
            for group in np.unique(groups):
                at = groups == group
                n, share = (w[at] > 0).sum(), w[at] / w.sum()
                centred = d[at] - np.average(d[at], weights=w[at])
                variance[i] += n / (n - 1) * (share**2 * centred**2).sum() / 16
    return mean, np.sqrt(variance)


def searched(model, data, scoring=None, params=None, **more):
    search = PruningSearchCV(TreePruner(model), GRID, scoring=scoring, cv=CV, **more)
    return search.fit(*data, **(params or {})).cv_results_


@pytest.mark.parametrize(("model", "scoring", "loss", "data"), PAIRS, ids=name)
def test_mean_and_error_are_those_of_a_loop(model, scoring, loss, data):
    results = searched(model, data, scoring)
    mean, deviation = naive(model, loss, data)
    scale = np.abs(mean).max()
    np.testing.assert_allclose(results["mean_loss_increase"], mean, atol=1e-12 * scale)
    np.testing.assert_allclose(results["se_loss_increase"], deviation, atol=1e-9 * scale)
    # The metric adds up, so that the mean is the difference of the scores.
    lost = results["mean_test_score"][0] - results["mean_test_score"]
    np.testing.assert_allclose(results["mean_loss_increase"], lost, atol=1e-12 * scale)
    assert mean[-1] != 0


@pytest.mark.parametrize(("model", "scoring", "loss", "data"), PAIRS, ids=name)
def test_weights_of_rows_count(model, scoring, loss, data):
    if len(data[1]) != len(W):
        data = tuple(part[: len(W)] for part in data)
    results = searched(model, data, scoring, {"sample_weight": W})
    mean, deviation = naive(model, loss, data, W)
    scale = np.abs(mean).max()
    np.testing.assert_allclose(results["mean_loss_increase"], mean, atol=1e-12 * scale)
    np.testing.assert_allclose(results["se_loss_increase"], deviation, atol=1e-9 * scale)


@pytest.mark.parametrize("model", [NUMBER, BAG], ids=name)
def test_the_root_of_the_squared_error_is_exact(model):
    results = searched(model, (XR, yr), "neg_root_mean_squared_error")
    lost = results["mean_test_score"][0] - results["mean_test_score"]
    np.testing.assert_allclose(results["mean_loss_increase"], lost, rtol=1e-11)
    assert (results["se_loss_increase"][1:] > 0).all()


def test_one_row_of_errors_is_its_share():
    results = searched(FOREST, (X3, y3))
    np.testing.assert_allclose(results["row_loss_increase"], [0] + [1 / len(y3)] * 4)
    results = searched(TREE, (X, y), "balanced_accuracy")
    rarest = min(np.bincount(y[test]).min() for _, test in CV.split(X))
    np.testing.assert_allclose(results["row_loss_increase"], [0] + [1 / rarest / 8] * 4)
    loss = searched(TREE, (X, y), "neg_log_loss")["row_loss_increase"][1:]
    assert (loss > 1 / len(y)).all()  # a single row may lose more than 1


def test_whole_model_is_the_reference_even_if_the_grid_leaves_it_out():
    grid = {"keep": [0.3, 0.1]}
    for model in (TREE, FOREST):
        alone = PruningSearchCV(TreePruner(model), grid, cv=CV).fit(X, y).cv_results_
        together = searched(model, (X, y))
        for part in ("mean", "se", "row"):
            key = f"{part}_loss_increase"
            np.testing.assert_array_equal(alone[key], together[key][[2, 3]])


def leaves(estimator, X, y):  # noqa: ARG001 - as a scorer is called
    return -float(sum(estimator.report_["leaves"]))


@pytest.mark.parametrize("model", [TREE, FOREST], ids=name)
def test_the_metric_is_that_of_the_rule_or_the_first(model):
    plain = {s: searched(model, (X, y), s) for s in ("accuracy", "neg_log_loss")}
    several = ["neg_log_loss", "accuracy", "roc_auc"]

    def column(scoring, refit):
        return searched(model, (X, y), scoring, refit=refit)["mean_loss_increase"]

    expected = {s: results["mean_loss_increase"] for s, results in plain.items()}
    np.testing.assert_array_equal(column(several, "accuracy"), expected["accuracy"])
    rule = OneStandardError(metric="accuracy")
    np.testing.assert_array_equal(column(several, rule), expected["accuracy"])
    np.testing.assert_array_equal(column(several, False), expected["neg_log_loss"])
    # Metrics without row losses of their own are replaced by the error.
    for scoring in ("roc_auc", leaves):
        np.testing.assert_allclose(column(scoring, True), expected["accuracy"], atol=1e-15)


def test_each_combination_has_its_own_whole_model():
    grid = {"estimator__max_depth": [2, 6], "keep": [1.0, 0.5]}
    results = PruningSearchCV(TreePruner(TREE), grid, cv=CV).fit(X, y).cv_results_
    np.testing.assert_array_equal(results["combination"], [0, 0, 1, 1])
    np.testing.assert_array_equal(results["mean_loss_increase"][[0, 2]], 0)
    lost = results["mean_test_score"][[0, 2]] - results["mean_test_score"][[1, 3]]
    np.testing.assert_allclose(results["mean_loss_increase"][[1, 3]], lost, atol=1e-15)


def test_steps_before_the_pruner_transform_the_rows():
    model = make_pipeline(StandardScaler(), clone(FOREST))
    grid = {"randomforestclassifier__keep": [1.0, 0.2]}
    results = PruningSearchCV(model, grid, cv=CV).fit(X, y).cv_results_
    lost = -np.diff(results["mean_test_score"])
    np.testing.assert_allclose(results["mean_loss_increase"][1:], lost, atol=1e-15)


def test_pruners_of_columns_have_no_paired_losses():
    model = make_pipeline(CorrelationPruner(), LogisticRegression())
    grid = {"correlationpruner__threshold": [1.0, 0.5]}
    results = PruningSearchCV(model, grid, cv=CV).fit(X, y).cv_results_
    assert not [key for key in results if "loss_increase" in key]


@pytest.mark.filterwarnings("ignore")
def test_what_fails_is_not_known():
    grid = {"estimator__max_depth": [-1, 3], "keep": [0.5]}
    search = PruningSearchCV(TreePruner(TREE), grid, refit=False, cv=CV).fit(X, y)
    assert list(np.isnan(search.cv_results_["mean_loss_increase"])) == [True, False]
    few = np.where(np.arange(len(y)) < 2, 2, y)  # a fold may never have seen its class
    results = PruningSearchCV(TreePruner(TREE), GRID, cv=KFold(4), refit=False).fit(X, few)
    assert np.isnan(results.cv_results_.get("mean_loss_increase", np.nan)).all()


def test_routed_weights_and_several_outputs_are_left_out():
    with sklearn.config_context(enable_metadata_routing=True):
        tree = clone(TREE).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scorer = sklearn.metrics.get_scorer("accuracy").set_score_request(sample_weight=True)
        search = PruningSearchCV(TreePruner(tree), GRID, cv=CV, scoring=scorer)
        assert "mean_loss_increase" not in search.fit(X, y, sample_weight=W).cv_results_
    both = np.c_[yr, -2 * yr]
    results = searched(NUMBER, (XR, both))
    lost = results["mean_test_score"][0] - results["mean_test_score"]
    np.testing.assert_allclose(results["mean_loss_increase"], lost, atol=1e-12)
    results = searched(NUMBER, (XR, both), "neg_root_mean_squared_error")
    assert "mean_loss_increase" not in results
    with pytest.raises(InputError, match="only a PruningSearchCV"):
        searched(NUMBER, (XR, both), "neg_root_mean_squared_error", refit=NonInferior())
