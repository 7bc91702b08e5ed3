"""Trees as codes, and back."""

import numpy as np
import pytest
from sklearn.base import clone, is_regressor
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.inspection import partial_dependence
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune.arrays.nodes import preorder
from skprune.quantization._trees import TreeCoder
from skprune.surgery import surgeon_for
from skprune.surgery.coded_trees import floor_to, links_of
from tests._instances import BOOSTING, TREES, name_of

MORE = [
    DecisionTreeClassifier(max_leaf_nodes=15, random_state=0),  # its nodes are in no preorder
    BaggingClassifier(n_estimators=5, max_samples=4, random_state=1),  # some miss a class
    BaggingClassifier(n_estimators=5, max_features=0.5, bootstrap_features=True, random_state=0),
    RandomForestRegressor(40, max_depth=2, oob_score=True, random_state=0),
    GradientBoostingClassifier(n_estimators=3, random_state=None),
]


def data_for(model):
    if is_regressor(model):
        return make_regression(200, 6, random_state=0)
    return make_classification(200, 6, n_informative=4, n_classes=3, random_state=0)


def said(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@pytest.mark.parametrize("model", TREES + BOOSTING + MORE, ids=name_of)
def test_sixteen_bits_give_the_model_back(model):
    X, y = data_for(model)
    model = clone(model).fit(X, y)
    coded = TreeCoder(surgeon_for(model), X).code(16)
    decoded = coded.decode()
    assert type(decoded) is type(model)
    np.testing.assert_allclose(said(decoded, X), said(model, X), rtol=1e-6, atol=1e-7)
    whole, back = surgeon_for(model), surgeon_for(decoded)
    assert back.size()[:2] == whole.size()[:2] == coded.size()[:2]
    np.testing.assert_array_equal(np.diff(back.table.offsets), np.diff(whole.table.offsets))
    # Counts are exact, weights and impurities nearly so.
    order = preorder(whole.table, whole.table.is_split)[0]
    np.testing.assert_array_equal(back.n_samples, whole.n_samples[order])
    np.testing.assert_allclose(back.table.weight, whole.table.weight[order], rtol=1e-3)
    before, after = (surgeon.table.weight * surgeon.table.impurity for surgeon in (whole, back))
    # Decreases below a billionth of the largest are zero.
    np.testing.assert_allclose(after, before[order], rtol=0.05, atol=1e-8 * before.max())
    if hasattr(model, "feature_importances_"):
        importances = model.feature_importances_
        np.testing.assert_allclose(decoded.feature_importances_, importances, atol=0.01)


@pytest.mark.parametrize("scale", [1.0, 2.5, 1e-6])
def test_weights_come_back_as_they_were(scale):
    X, y = data_for(DecisionTreeClassifier())
    weight = scale * np.random.default_rng(0).random(len(y)) ** 20
    model = DecisionTreeClassifier(max_depth=6, random_state=0).fit(X, y, sample_weight=weight)
    surgeon = surgeon_for(model)
    decoded = TreeCoder(surgeon, X).code(16).decode()
    largest = surgeon.table.weight.max()
    back = decoded.tree_.weighted_n_node_samples
    np.testing.assert_allclose(back, surgeon.table.weight, rtol=1e-3, atol=1e-6 * largest)
    assert (back > 0).all()
    np.testing.assert_array_equal(decoded.tree_.n_node_samples, model.tree_.n_node_samples)


def test_partial_dependence_by_recursion_is_that_of_the_model():
    X, y = make_regression(300, 5, random_state=0)
    for model in (
        DecisionTreeRegressor(max_depth=6),
        RandomForestRegressor(10, max_depth=6, random_state=0),
        GradientBoostingRegressor(n_estimators=10, random_state=0),
        HistGradientBoostingRegressor(max_iter=10),
    ):
        model.fit(X, y)
        coded = TreeCoder(surgeon_for(model), X).code(16)
        whole, decoded = (
            partial_dependence(each, X, [1], kind="average", method="recursion")["average"]
            for each in (model, coded.decode())
        )
        np.testing.assert_allclose(decoded, whole, rtol=1e-5, atol=1e-4)
        # The statistics take few bytes: about one and a half per node.
        assert coded._statistics.nbytes < 16 + 100 + 2 * coded._structure.splits.n_codes


def test_missing_values_and_categories_go_the_same_way():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    X[:, 1] = rng.integers(0, 7, 400)
    y = (X[:, 0] > 0) ^ (X[:, 1] % 3 == 0) ^ (rng.random(400) < 0.1)
    X[rng.random(X.shape) < 0.2] = np.nan
    hist = HistGradientBoostingClassifier(
        max_iter=5, min_samples_leaf=3, categorical_features=[1], early_stopping=False
    )
    for model in (hist, RandomForestClassifier(5, random_state=0)):
        model.fit(X, y)
        decoded = TreeCoder(surgeon_for(model), X).code(8).decode()
        np.testing.assert_allclose(said(decoded, X), said(model, X), rtol=1e-5, atol=1e-6)
    decoded = TreeCoder(surgeon_for(hist), X).code(8).decode()  # bins are found anew
    more = decoded.set_params(warm_start=True, max_iter=30).fit(X, y)
    assert more.score(X, y) > hist.score(X, y)


def test_several_outputs_and_a_lone_leaf():
    X, y = make_regression(100, 4, n_targets=3, random_state=0)
    for model in (DecisionTreeRegressor(max_depth=5), DecisionTreeRegressor(max_depth=1)):
        model.fit(X, y)
        decoded = TreeCoder(surgeon_for(model), X).code(16).decode()
        np.testing.assert_allclose(decoded.predict(X), model.predict(X), rtol=1e-6)
    stump = DecisionTreeRegressor().fit(X, np.ones(100))
    assert (TreeCoder(surgeon_for(stump), X).code(1).decode().predict(X) == 1).all()
    lone = HistGradientBoostingClassifier(max_iter=2).fit(X[:, :1], y[:, 0] > 0)  # one column
    decoded = TreeCoder(surgeon_for(lone), X[:, :1]).code(16).decode()
    np.testing.assert_allclose(said(decoded, X[:, :1]), said(lone, X[:, :1]), rtol=1e-6)


def test_links_follow_from_which_nodes_are_splits():
    X, y = make_classification(300, 5, flip_y=0.3, random_state=0)
    forest = RandomForestClassifier(7, random_state=0).fit(X, y)
    table = surgeon_for(forest).table  # grown depth first: in preorder
    left, right, offsets = links_of(table.is_split)
    np.testing.assert_array_equal(left, table.left)
    np.testing.assert_array_equal(right, table.right)
    np.testing.assert_array_equal(offsets, table.offsets)
    left, right, offsets = links_of(np.zeros(3, dtype=bool))
    np.testing.assert_array_equal(offsets, [0, 1, 2, 3])


def test_single_precision_thresholds_send_the_same_numbers_left():
    rng = np.random.default_rng(0)
    x = np.sort(rng.normal(size=1000).astype(np.float32))
    threshold = (x[1:].astype(float) + x[:-1]) / 2
    short = floor_to(threshold, np.float32)
    assert short.dtype == np.float32
    np.testing.assert_array_equal(x[:, None] <= short, x[:, None] <= threshold)
