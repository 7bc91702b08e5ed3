"""Results of trees and members in other tools: ONNX, by us and by skl2onnx, and SHAP values.

The tools read the fitted trees themselves, so that a result predicts the same there only if what
it stores is what scikit-learn would have stored.
"""

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from skprune import EnsemblePruner, Quantizer, TreePruner, to_onnx
from skprune.ensemble._pruner import BY_SQUARES, BY_VOTES, CRITERIA
from tests._instances import (
    BACKFITTED,
    BOOSTING,
    ENSEMBLE_PRUNERS,
    SHRUNK,
    TREES,
    name_of,
)

skl2onnx = pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")
shap = pytest.importorskip("shap")

pytestmark = pytest.mark.untraced

# What the tools do not read even where nothing was pruned. Of the gradient boosting of
# scikit-learn, SHAP reads the one of two classes.
NOT_IN_SHAP = {
    "BaggingClassifier",
    "BaggingRegressor",
    "AdaBoostClassifier",
    "AdaBoostRegressor",
    "Pipeline",
}
# Our converters read every result. skl2onnx by itself reads no histogram gradient boosting of
# scikit-learn 1.9, and no embedding of trees with the sparse output that ours has.
NOT_IN_SKL2ONNX = {"HistGradientBoostingClassifier", "HistGradientBoostingRegressor", "Pipeline"}

MEMBERS = [
    RandomForestClassifier(9, max_depth=6, random_state=0),
    RandomForestRegressor(9, max_depth=6, random_state=0),
    BaggingClassifier(n_estimators=9, max_features=0.7, random_state=0),
    BaggingRegressor(n_estimators=9, max_features=0.7, random_state=0),
]
ONLY_VOTES = {"faithful", *BY_VOTES} - set(BY_SQUARES)
ALONE = {"reduced_error", "pessimistic"}

CUT = [
    TreePruner(model, criterion=criterion, random_state=0)
    for model in [*TREES, *BOOSTING]
    for criterion in ("cost_complexity", "reduced_error", "pessimistic", "lossless", "random")
    if model in TREES or criterion not in ALONE
    if is_classifier(model) or criterion != "pessimistic"
]
CHOSEN = [
    EnsemblePruner(model, criterion=criterion, random_state=0)
    for model in MEMBERS
    for criterion in CRITERIA
    if criterion != "stages" and (is_classifier(model) or criterion not in ONLY_VOTES)
] + ENSEMBLE_PRUNERS[-4:]
QUANTIZED = [Quantizer(model, bits=6) for model in [*TREES, *BOOSTING]]
QUICK = {"nnls", "lasso", "faithful", "lossless", "cost_complexity", "backfitting", "stages"}
PRUNERS = [
    pytest.param(
        pruner,
        n_classes,
        id=f"{name_of(pruner)}-{n_classes}",
        marks=[] if getattr(pruner, "criterion", "lossless") in QUICK else pytest.mark.slow,
    )
    for pruner in [*CUT, *BACKFITTED, *SHRUNK, *CHOSEN, *QUANTIZED]
    for n_classes in ([2, 3] if is_classifier(pruner) else [0])
]


def table_for(n_classes):
    """A table in single precision, in which both tools compare with thresholds."""
    if n_classes:
        X, y = make_classification(
            150, 6, n_informative=4, n_classes=n_classes, flip_y=0.2, random_state=0
        )
    else:
        X, y = make_regression(150, 6, noise=9.0, random_state=0)
    return X.astype(np.float32).astype(float), y


def graphs_of(model, X):
    """The model in ONNX, by our converters and, where it has some, by those of skl2onnx."""
    yield to_onnx(model, X[:1])
    if type(model).__name__ not in NOT_IN_SKL2ONNX:
        options = {id(model): {"zipmap": False}} if is_classifier(model) else None
        yield skl2onnx.to_onnx(model, X[:1].astype(np.float32), options=options)


def assert_same_in_onnx(model, X):
    for graph in graphs_of(model, X):
        assert_graph_predicts(graph, model, X)


def assert_graph_predicts(graph, model, X):
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    first, *rest = session.run(None, {"X": X.astype(np.float32)})
    expected = model.predict(X)
    if not is_classifier(model):
        np.testing.assert_allclose(first.ravel(), expected, atol=1e-5 * np.abs(expected).max())
        return
    np.testing.assert_allclose(rest[0], proba := model.predict_proba(X), atol=1e-5)
    two = np.sort(proba, axis=1)[:, -2:]
    clear = two[:, 1] - two[:, 0] > 2e-5  # single precision may break a tie otherwise
    np.testing.assert_array_equal(first[clear], expected[clear])


def assert_additive_in_shap(model, X):
    name = type(model).__name__
    n_classes = len(getattr(model, "classes_", []))
    if name in NOT_IN_SHAP or (name == "GradientBoostingClassifier" and n_classes > 2):
        return
    explainer = shap.TreeExplainer(model)
    values = np.asarray(explainer.shap_values(X[:20], check_additivity=False))
    total = values.sum(axis=1) + explainer.expected_value
    method = "predict_proba" if is_classifier(model) else "predict"
    method = "decision_function" if hasattr(model, "decision_function") else method
    expected = getattr(model, method)(X[:20])
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(total.reshape(expected.shape), expected, atol=1e-6 * scale)


@pytest.mark.parametrize(("pruner", "n_classes"), PRUNERS)
def test_results_predict_the_same_in_other_tools(pruner, n_classes):
    X, y = table_for(n_classes)
    model = clone(pruner).fit(X, y).estimator_
    assert_same_in_onnx(model, X)
    assert_additive_in_shap(model, X)


@pytest.mark.parametrize("model", BOOSTING[2:], ids=lambda m: type(m).__name__)
def test_what_is_not_asked_fails_without_a_pruner(model):
    """A tool that learns to read one of these fails here: it is then asked."""
    X, y = table_for(3 if is_classifier(model) else 0)
    name, model = type(model).__name__, clone(model).fit(X, y)
    if name in NOT_IN_SKL2ONNX:
        with pytest.raises(ValueError, match="Unable to create node"):
            skl2onnx.to_onnx(model, X[:1].astype(np.float32))
    if name in NOT_IN_SHAP:
        with pytest.raises(Exception, match="not yet supported"):
            shap.TreeExplainer(model)
