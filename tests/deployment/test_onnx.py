"""Graphs in ONNX predict as the models do, at every threshold, alone and inside pipelines."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags

from skprune import (
    CorrelationPruner,
    Distiller,
    EnsemblePruner,
    InformationPruner,
    LinearPruner,
    MLPPruner,
    PruningSearchCV,
    Quantizer,
    RandomPruner,
    SamplePruner,
    SVMPruner,
    TreePruner,
    to_onnx,
)
from skprune.exceptions import InputError, MissingExtraError, UnsupportedModelError
from skprune.surgery import surgeon_for
from tests._instances import BOOSTING, TREES, name_of

skl2onnx = pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")

X, Y = make_classification(200, 8, n_informative=4, n_classes=3, random_state=0)
X = X.astype(np.float32).astype(float)
TWO, TEXT = Y > 0, np.array(["one", "three", "two"])[Y]
NUMBER = 3 * X[:, 0] + X[:, 1] ** 2
FOREST = RandomForestClassifier(8, max_depth=5, random_state=0)
REGRESSOR = RandomForestRegressor(8, max_depth=5, random_state=0)
BOOSTED = HistGradientBoostingClassifier(max_iter=5, random_state=0)
BACKFITTED = TreePruner(FOREST, criterion="backfitting", ridge=1.0, random_state=0)
SCALED = make_pipeline(StandardScaler(), LinearPruner(LogisticRegression()))
PRECISIONS = [np.float32, np.float64]


def run(graph, feed):
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feed)


def assert_same(model, X, dtype, feed=None):
    """Labels are equal where the model does not hesitate, numbers within 1e-5."""
    label, *rest = run(to_onnx(model, X[:1], dtype=dtype), feed or {"X": X.astype(dtype)})
    expected = model.predict(X.astype(dtype) if feed is None else X)
    if not is_classifier(model):
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(label.reshape(expected.shape), expected, atol=1e-5 * scale)
        return
    if not hasattr(model, "predict_proba"):
        np.testing.assert_array_equal(label, expected)
        return
    proba = model.predict_proba(X.astype(dtype) if feed is None else X)
    np.testing.assert_allclose(rest[0], proba, atol=1e-5)
    two = np.sort(proba, axis=1)[:, -2:]
    clear = two[:, 1] - two[:, 0] > 2e-5
    assert clear.mean() > 0.5
    np.testing.assert_array_equal(label[clear], expected[clear])


def samples_at_thresholds(model, X, n_rows=600):
    """Samples of which one value is a threshold, or next to one in either precision."""
    surgeon, rng = surgeon_for(model), np.random.default_rng(0)
    table = surgeon.table
    splits = rng.choice(np.flatnonzero(table.is_split & np.isfinite(table.threshold)), n_rows)
    exact = table.threshold[splits]
    single = exact.astype(np.float32)
    near = [exact, single]
    for side in (-np.inf, np.inf):
        near += [np.nextafter(exact, side), np.nextafter(single, np.float32(side)).astype(float)]
    rows = X[rng.integers(0, len(X), n_rows)]
    rows[np.arange(n_rows), surgeon.columns[splits]] = np.choose(
        rng.integers(0, len(near), n_rows), near
    )
    return rows


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize(
    ("model", "missing"),
    [
        pytest.param(model, missing, id=f"{name_of(model)}{'-missing' * missing}")
        for model in [*TREES, *BOOSTING]
        for missing in [False, True]
        if not missing or get_tags(model).input_tags.allow_nan
    ],
)
def test_samples_at_thresholds_take_the_same_branch(model, missing, dtype):
    rng, rows = np.random.default_rng(1), X + 1e-9 * np.arange(len(X))[:, np.newaxis]
    if missing:
        rows[rng.random(rows.shape) < 0.1] = np.nan
    model = clone(model).fit(rows, TEXT if is_classifier(model) else NUMBER)
    assert_same(model, samples_at_thresholds(model, rows), dtype)


@pytest.mark.parametrize("dtype", PRECISIONS)
@pytest.mark.parametrize("seed", range(4))
def test_tiny_huge_infinite_and_missing_values_take_the_same_branch(seed, dtype):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((80, 4)) * 10.0 ** rng.integers(-44, 36, 4)
    rows[rng.random(rows.shape) < 0.2] = np.nan
    y = rng.integers(0, 3, 80)
    forest = RandomForestClassifier(4, random_state=0).fit(rows, y)
    assert_same(forest, rows, dtype)
    rows[rng.random(rows.shape) < 0.1] = np.inf
    rows[rng.random(rows.shape) < 0.1] = -np.inf
    if dtype is np.float64:
        rows[:, 0] *= 1e200
    boosted = HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=2, random_state=0)
    assert_same(boosted.fit(rows, y), rows, dtype)


def test_graphs_of_rounded_thresholds_would_differ():
    """The samples above tell apart what a plain conversion to single precision would do."""
    rows = X + 1e-9 * np.arange(len(X))[:, np.newaxis]
    model = HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(rows, NUMBER)
    near = samples_at_thresholds(model, rows)
    label = run(to_onnx(model, near), {"X": near.astype(np.float32)})[0].ravel()
    assert np.abs(label - model.predict(near)).max() > 1e-3


MODELS = {
    "pruner": (TreePruner(FOREST), TEXT),
    "truth values": (TreePruner(FOREST), TWO),
    "whole numbers": (TreePruner(BOOSTED), 10 * Y - 10),
    "backfitted, two classes": (BACKFITTED, TWO),
    "backfitted, three classes": (BACKFITTED, TEXT),
    "weighted members": (EnsemblePruner(FOREST, criterion="lasso", random_state=0), TEXT),
    "one leaf": (TreePruner(DecisionTreeClassifier(random_state=0), keep=1), TEXT),
    "exponential loss": (GradientBoostingClassifier(loss="exponential", n_estimators=6), TWO),
    "start at zero": (GradientBoostingClassifier(init="zero", n_estimators=6), Y),
    "poisson": (HistGradientBoostingRegressor(loss="poisson", max_iter=8), np.exp(NUMBER / 5)),
    "gamma": (HistGradientBoostingRegressor(loss="gamma", max_iter=8), np.exp(NUMBER / 5)),
    "several numbers": (TreePruner(REGRESSOR), np.c_[NUMBER, X[:, 3]]),
    "AdaBoost": (EnsemblePruner(AdaBoostClassifier(n_estimators=8, random_state=0), keep=4), TEXT),
    "linear": (LinearPruner(Ridge()), NUMBER),
    "linear SVC": (LinearPruner(LinearSVC()), TEXT),
    "SVC": (SVMPruner(SVC(random_state=0)), Y),
    "SVR": (make_pipeline(StandardScaler(), SVMPruner(SVR())), NUMBER),
    "outliers": (SVMPruner(OneClassSVM()), None),
    "network": (
        make_pipeline(
            StandardScaler(),
            MLPPruner(MLPClassifier((8,), max_iter=300, tol=1e-2, random_state=0), random_state=0),
        ),
        TEXT,
    ),
    "decoded": (Quantizer(FOREST, bits=6), TEXT),
    "student": (Distiller(BOOSTED, DecisionTreeClassifier(max_depth=4), random_state=0), TEXT),
    "samples": (SamplePruner(FOREST, random_state=0), TEXT),
    "columns": (make_pipeline(StandardScaler(), CorrelationPruner(), TreePruner(FOREST)), TEXT),
    "first column": (make_pipeline(RandomPruner(keep=1, always_keep=[0]), FOREST), TEXT),
    "pipelines": (make_pipeline(InformationPruner(keep=6), SCALED), TEXT),
    "union": (make_pipeline(make_union(RandomPruner(keep=3), StandardScaler()), FOREST), TEXT),
    "search": (PruningSearchCV(make_pipeline(StandardScaler(), TreePruner(FOREST)), cv=2), TEXT),
    "grid": (GridSearchCV(TreePruner(REGRESSOR), {"keep": [0.5, 1.0]}, cv=2), NUMBER),
    "voting": (
        VotingClassifier(
            [("a", TreePruner(FOREST)), ("b", SCALED), ("c", BACKFITTED), ("d", BOOSTED)],
            voting="soft",
        ),
        TEXT,
    ),
    "mean": (VotingRegressor([("a", TreePruner(REGRESSOR)), ("b", Ridge())]), NUMBER),
    "stacking": (StackingClassifier([("a", TreePruner(FOREST)), ("b", SCALED)], cv=2), Y),
    "bagging": (
        EnsemblePruner(BaggingClassifier(LogisticRegression(), n_estimators=4), keep=2),
        Y,
    ),
}


# skl2onnx reads attributes of SVC that scikit-learn 1.9 deprecates; goes with its next release.
@pytest.mark.filterwarnings("ignore:Attribute `prob[AB]_` was deprecated:FutureWarning")
@pytest.mark.parametrize("name", MODELS)
def test_models_and_pipelines_with_pruners_convert(name):
    model, y = MODELS[name]
    model = clone(model).fit(X, y)
    for dtype in PRECISIONS:
        assert_same(model, X, dtype)


FRONTS = {
    "correlated": [CorrelationPruner(threshold=0.5)],
    "scaled, informative": [StandardScaler(), InformationPruner(keep=5)],
    "informative, scaled": [InformationPruner(keep=6), StandardScaler()],
    "drawn, union": [
        make_union(RandomPruner(keep=3, random_state=0), StandardScaler()),
        RandomPruner(keep=6, random_state=1),
    ],
    "grouped": [RandomPruner(groups=[[0, 1]], always_keep=[1], keep=4, random_state=0)],
}
BACKS = {
    "leaves": TreePruner(FOREST, keep=20),
    "members": EnsemblePruner(FOREST, keep=3, random_state=0),
    "stages": TreePruner(BOOSTED, keep=0.4),
    "backfitted": BACKFITTED,
    "coefficients": LinearPruner(LogisticRegression(), keep=6),
    "codes": Quantizer(FOREST, bits=6),
}


@pytest.mark.slow
@pytest.mark.parametrize("back", BACKS)
@pytest.mark.parametrize("front", FRONTS)
def test_thirty_pipelines_agree(front, back):
    """Labels and probabilities, on training samples and on samples of another draw."""
    model = make_pipeline(*map(clone, FRONTS[front]), clone(BACKS[back])).fit(X, TEXT)
    rows = np.random.default_rng(1).normal(size=(300, 8)).astype(np.float32).astype(float)
    for dtype in PRECISIONS:
        assert_same(model, X, dtype)
        assert_same(model, rows, dtype)


def test_several_targets_of_classes_have_a_matrix_each():
    model = RandomForestClassifier(5, max_depth=4, random_state=0).fit(X, np.c_[TWO, Y])
    label, proba = run(to_onnx(model, X), {"X": X.astype(np.float32)})
    np.testing.assert_array_equal(label, model.predict(X))
    for k, expected in enumerate(model.predict_proba(X)):
        np.testing.assert_allclose(proba[k][:, : expected.shape[1]], expected, atol=1e-6)


def test_a_frozen_pruner_converts():
    assert_same(FrozenEstimator(TreePruner(FOREST).fit(X, TEXT)), X, np.float32)


@pytest.mark.parametrize("dtype", PRECISIONS)
def test_a_frame_is_one_input_for_each_column_where_its_columns_are_named(dtype):
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    frame["text"] = np.where(X[:, 0] > 0, "yes", "no")
    numbers = make_pipeline(StandardScaler(), RandomPruner(keep=3, random_state=0))
    columns = ColumnTransformer([("n", numbers, list("abcd")), ("t", OneHotEncoder(), ["text"])])
    model = make_pipeline(columns, TreePruner(BOOSTED)).fit(frame, TEXT)
    feed = {
        name: frame[[name]].to_numpy(object if name == "text" else dtype) for name in frame.columns
    }
    assert_same(model, frame, dtype, feed)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(CorrelationPruner(), TreePruner(FOREST)),
        TreePruner(GradientBoostingClassifier(n_estimators=5)),
        TreePruner(BOOSTED),
        BACKFITTED,
    ],
    ids=name_of,
)
def test_a_frame_of_numbers_is_one_input(model):
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    model = clone(model).fit(frame, TEXT)
    assert_same(model, frame, np.float32, {"X": X.astype(np.float32)})


@pytest.mark.parametrize("target_opset", [11, 15])
def test_older_operators_can_be_asked_for(target_opset):
    for y in (TEXT, TWO, np.c_[TWO, Y]):
        model = BOOSTED if y.ndim == 1 else FOREST
        model = clone(model).fit(X, y)
        graph = to_onnx(model, X, dtype=np.float64, target_opset=target_opset)
        assert {o.domain: o.version for o in graph.opset_import}[""] <= target_opset
        np.testing.assert_array_equal(run(graph, {"X": X})[0], model.predict(X))


def test_members_that_stand_several_times_are_stored_once():
    model = EnsemblePruner(FOREST, criterion="lasso", random_state=0).fit(X, Y).estimator_
    n_distinct = len({id(member) for member in model.estimators_})
    assert n_distinct < len(model.estimators_)
    ensemble = next(n for n in to_onnx(model, X).graph.node if n.op_type.startswith("Tree"))
    trees = next(a for a in ensemble.attribute if a.name == "nodes_treeids")
    assert len(set(trees.ints)) == n_distinct


def test_splits_by_categories_are_refused():
    rng = np.random.default_rng(0)
    rows = np.c_[rng.integers(0, 6, 200), X[:, 0]]
    model = HistGradientBoostingRegressor(categorical_features=[0], max_iter=5)
    model.fit(rows, np.isin(rows[:, 0], [1, 4]) + 0.0)
    with pytest.raises(UnsupportedModelError, match=r"sets of categories.*OneHotEncoder"):
        to_onnx(model, rows)


def test_labels_that_onnx_lacks_are_refused():
    model = RandomForestClassifier(3, random_state=0).fit(X, np.where(TWO, "a", "b"))
    model.classes_ = np.array([0.5, 1.5])
    with pytest.raises(UnsupportedModelError, match=r"\[0.5, 1.5\]"):
        to_onnx(model, X)


def test_what_cannot_be_converted_is_refused():
    model = TreePruner(FOREST).fit(X, Y)
    with pytest.raises(InputError, match="float64"):
        to_onnx(model, X, dtype=np.int64)
    with pytest.raises(InputError, match=r"shape \(8,\)"):
        to_onnx(model, X[0])
    with pytest.raises(NotFittedError):
        to_onnx(TreePruner(FOREST), X)


def test_the_extra_is_named_without_skl2onnx(monkeypatch):
    model = TreePruner(FOREST).fit(X, Y)
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(MissingExtraError, match="export"):
        to_onnx(model, X)


def test_the_converters_of_skl2onnx_stay_what_they_are():
    model = RandomForestClassifier(3, max_depth=3, random_state=0).fit(X, Y)
    options = {id(model): {"zipmap": False, "decision_leaf": True}}
    to_onnx(model, X)
    graph = skl2onnx.to_onnx(model, X[:1].astype(np.float32), options=options)
    leaves = run(graph, {"X": X.astype(np.float32)})[2]
    assert len(leaves) == len(X)


def test_skl2onnx_converts_pruners_by_itself_afterwards():
    model = make_pipeline(CorrelationPruner(), TreePruner(FOREST)).fit(X, Y)
    to_onnx(model, X)
    options = {id(model): {"zipmap": False}}
    graph = skl2onnx.to_onnx(model, X[:1].astype(np.float32), options=options)
    proba = run(graph, {"X": X.astype(np.float32)})[1]
    np.testing.assert_allclose(proba, model.predict_proba(X), atol=1e-5)


def test_the_fitted_object_stays_what_it_is():
    model = make_pipeline(StandardScaler(), TreePruner(FOREST)).fit(X, Y)
    steps = [id(step) for _, step in model.steps]
    voting = VotingClassifier([("a", FOREST)]).fit(X, Y)
    for each in (model, voting):
        to_onnx(each, X)
    assert [id(step) for _, step in model.steps] == steps
    assert voting.flatten_transform is True
