"""strip: predictions stay, skprune goes, and the input is not touched."""

import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

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
    RulePruner,
    SamplePruner,
    SVMPruner,
    TreePruner,
    size_scorer,
    strip,
)
from skprune.exceptions import UnsupportedModelError

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)
X, Y = X.iloc[::3], Y.iloc[::3]
TREE = DecisionTreeClassifier(random_state=0)
LINEAR = LogisticRegression()
METHODS = ["predict", "predict_proba", "decision_function", "transform", "score_samples"]

# Predictions of a pickle, where nothing of skprune can be imported.
ELSEWHERE = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "skprune":
            raise ImportError("skprune is not installed here")

sys.meta_path.insert(0, Blocker())
import joblib

done = []
for model, table in joblib.load(sys.argv[1]):
    methods = [m for m in sys.argv[2].split(",") if hasattr(model, m)]
    done.append({m: getattr(model, m)(table) for m in methods})
assert "skprune" not in sys.modules
joblib.dump(done, sys.argv[3])
"""


def outputs(model, table=X):
    return {m: getattr(model, m)(table) for m in METHODS if hasattr(model, m)}


def assert_same(found, expected):
    assert set(found) >= set(expected)
    for method, values in expected.items():
        assert type(found[method]) is type(values), method
        for one, other in zip(*map(dense, (found[method], values)), strict=True):
            np.testing.assert_array_equal(one, other)
        if isinstance(values, pd.DataFrame):
            pd.testing.assert_frame_equal(found[method], values)


def dense(values):
    return [values.toarray() if hasattr(values, "toarray") else np.asarray(values)]


CASES = {
    "tree": TreePruner(TREE, keep=4),
    "forest": EnsemblePruner(RandomForestClassifier(6, random_state=0), keep=3),
    "linear": LinearPruner(LINEAR, keep=6),
    "network": MLPPruner(MLPClassifier(4, max_iter=20, random_state=0), keep=0.5),
    "machine": SVMPruner(SVC(), keep=0.5),
    "bits": Quantizer(RandomForestClassifier(4, random_state=0), bits=4),
    "bits of a pruner": Quantizer(TreePruner(TREE, keep=5), bits=3),
    "student": Distiller(RandomForestClassifier(5, random_state=0), TREE, gate=False),
    "student that is a pruner": Distiller(TREE, TreePruner(TREE, keep=5), gate=False),
    "samples": SamplePruner(TREE, cv=2, random_state=0),
    "columns": InformationPruner(keep=5),
    "columns as a frame": InformationPruner(keep=5).set_output(transform="pandas"),
    "search": PruningSearchCV(TreePruner(TREE), cv=2),
    "search of a pipeline": PruningSearchCV(make_pipeline(InformationPruner(), TREE), cv=2),
    "plain search": GridSearchCV(TreePruner(TREE), {"keep": [3, 5]}, cv=2),
    "pipeline": make_pipeline(
        StandardScaler(), CorrelationPruner(), InformationPruner(keep=4), LinearPruner(LINEAR)
    ),
    "columns first": make_pipeline(RandomPruner(random_state=0), StandardScaler(), LINEAR),
    "column transformer": make_column_transformer(
        (RandomPruner(keep=2, random_state=0), [0, 1, 2]),
        (make_pipeline(StandardScaler(), RulePruner()), ["mean area", "mean radius"]),
        remainder=RandomPruner(keep=3, random_state=0),
    ).set_output(transform="pandas"),
    "union": FeatureUnion([("a", RandomPruner(random_state=0)), ("b", StandardScaler())]),
    "bagging": BaggingClassifier(TreePruner(TREE, keep=4), n_estimators=3, random_state=0),
    "bagging of pipelines": BaggingClassifier(
        make_pipeline(InformationPruner(keep=3), TREE), n_estimators=3, random_state=0
    ),
    "voting": VotingClassifier(
        [("a", TreePruner(TREE, keep=4)), ("b", LinearPruner(LINEAR))], voting="soft"
    ),
    "stacking": StackingClassifier(
        [("a", TreePruner(TREE, keep=4))], TreePruner(TREE, keep=2), cv=2
    ),
    "boosting": AdaBoostClassifier(TreePruner(TREE, keep=2), n_estimators=3, random_state=0),
    "calibration": CalibratedClassifierCV(TreePruner(TREE, keep=5), cv=2),
    "threshold": TunedThresholdClassifierCV(TreePruner(TREE, keep=5), cv=2),
    "one against the rest": OneVsRestClassifier(TreePruner(TREE, keep=5)),
    "frozen": FrozenEstimator(TreePruner(TREE, keep=5).fit(X, Y)),
    "selector": make_pipeline(SelectFromModel(TreePruner(TREE, keep=5)), TREE),
    "selector by bits": make_pipeline(SelectFromModel(Quantizer(TREE, bits=1)), TREE),
    "elimination": make_pipeline(RFE(LinearPruner(LINEAR), step=0.5), TREE),
    "histogram boosting": TreePruner(HistGradientBoostingClassifier(max_iter=3), keep=0.5),
}


@pytest.fixture(scope="module")
def fitted():
    return {
        name: (quietly_fitted(model, table_of(name)), table_of(name))
        for name, model in CASES.items()
    }


def table_of(name):
    return np.asarray(X) if name == "bits" else X  # one of each kind of table


def quietly_fitted(model, table, y=Y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of fits that end early, or that are degenerate
        return clone(model).fit(table, y)


@pytest.mark.parametrize("name", CASES)
def test_copy_is_equal_and_plain(name, fitted):
    model, table = fitted[name]
    before = pickle.dumps(model)
    plain = strip(model)
    assert pickle.dumps(model) == before
    assert b"skprune" not in pickle.dumps(plain)
    assert_same(outputs(plain, table), outputs(model, table))
    for attribute in ("n_features_in_", "feature_names_in_", "classes_"):
        if hasattr(model, attribute):
            np.testing.assert_array_equal(getattr(plain, attribute), getattr(model, attribute))
    if hasattr(model, "transform"):
        assert list(plain.get_feature_names_out()) == list(model.get_feature_names_out())


@pytest.mark.parametrize("name", CASES)
def test_clone_can_be_fitted(name, fitted):
    model, table = fitted[name]
    again = quietly_fitted(clone(strip(model)), table)
    assert b"skprune" not in pickle.dumps(again)
    assert set(outputs(again, table)) >= set(outputs(model, table)) - {"score_samples"}


def test_predicts_where_skprune_is_not_installed(fitted, tmp_path):
    files = [str(tmp_path / "models"), ",".join(METHODS), str(tmp_path / "predictions")]
    joblib.dump([(strip(model), table) for model, table in fitted.values()], files[0])
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # Sums depend on the layout of a table in memory, and that of a file is its own.
    tables = [table for _, table in joblib.load(files[0])]
    for (model, _), table, found in zip(
        fitted.values(), tables, joblib.load(files[2]), strict=True
    ):
        assert_same(found, outputs(model, table))


def test_pickle_with_a_pruner_does_not_load_elsewhere(fitted, tmp_path):
    """What the test above would see if anything were left."""
    files = [str(tmp_path / "models"), "predict", str(tmp_path / "predictions")]
    joblib.dump([fitted["pipeline"]], files[0])
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *files], capture_output=True, text=True, check=False
    )
    assert "skprune is not installed here" in done.stderr


class Container(ClassifierMixin, BaseEstimator):
    """A class of another package, with models in places of all kinds."""

    def __init__(self, estimator, function=None):
        self.estimator = estimator
        self.function = function

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        model = clone(self.estimator).fit(X, y)
        self.held_ = {"list": [model, (model,)], "array": np.array([model, None], dtype=object)}
        return self

    def predict(self, X):
        return self.held_["array"][0].predict(X)


def test_containers_of_other_packages():
    model = Container(TreePruner(TREE, keep=5), function=lambda x: x).fit(X, Y)
    plain = strip(model)
    tree = plain.held_["list"][0]
    assert type(tree) is type(plain.estimator) is DecisionTreeClassifier
    assert tree is plain.held_["list"][1][0] is plain.held_["array"][0]
    assert plain.function is model.function
    assert type(model.held_["list"][0]) is TreePruner
    np.testing.assert_array_equal(plain.predict(X), model.predict(X))


def test_both_attributes_of_an_ensemble_hold_one_model(fitted):
    plain = strip(fitted["voting"][0])
    assert plain.named_estimators_["a"] is plain.estimators_[0]
    assert type(plain.estimators[0][1]) is DecisionTreeClassifier


def test_regressor_inside_a_transformed_target():
    table, y = load_diabetes(return_X_y=True)
    tree = TreePruner(DecisionTreeRegressor(random_state=0), keep=8)
    model = TransformedTargetRegressor(tree, transformer=StandardScaler()).fit(table, y)
    plain = strip(model)
    assert type(plain.regressor_) is DecisionTreeRegressor
    np.testing.assert_array_equal(plain.predict(table), model.predict(table))


def test_frozen_model_in_a_template_is_not_carried_along():
    forest = RandomForestClassifier(20, random_state=0).fit(np.asarray(X), Y)
    pruner = EnsemblePruner(FrozenEstimator(forest), keep=2)
    plain = strip(BaggingClassifier(pruner, n_estimators=1).fit(np.asarray(X), Y))
    assert type(plain.estimator) is RandomForestClassifier
    assert not hasattr(plain.estimator, "estimators_")


def test_sparse_samples_remain_sparse():
    table = csr_array(np.asarray(X) * (np.asarray(X) > np.asarray(X).mean(axis=0)))
    model = quietly_fitted(make_pipeline(RandomPruner(random_state=0), LinearPruner(LINEAR)), table)
    plain = strip(model)
    assert_same(outputs(plain[:1], table), outputs(model[:1], table))
    assert_same(outputs(plain, table), outputs(model, table))


@pytest.mark.parametrize("pruner", [RulePruner(), CorrelationPruner()])
def test_pruner_of_batches_of_sparse_samples(pruner):
    table = csr_array(np.asarray(X) * (np.asarray(X) > np.asarray(X).mean(axis=0)))
    model = clone(pruner).partial_fit(table[:50]).partial_fit(table[50:])
    assert_same(outputs(strip(model), table), outputs(model, table))


def test_pruner_of_samples_before_the_last_step_is_passed_by():
    imblearn = pytest.importorskip("imblearn.pipeline")
    model = imblearn.make_pipeline(
        StandardScaler(), SamplePruner(TREE, cv=2, random_state=0), clone(TREE)
    )
    model.fit(X, Y)
    plain = strip(model)
    assert plain.steps[1][1] == "passthrough"
    assert model.steps[1][1] != "passthrough"
    np.testing.assert_array_equal(plain.predict(X), model.predict(X))


def test_unfitted_is_refused():
    with pytest.raises(NotFittedError):
        strip(TreePruner(TREE))


def test_search_without_refit_is_refused():
    search = GridSearchCV(TreePruner(TREE), {"keep": [3]}, cv=2, refit=False).fit(X, Y)
    with pytest.raises(UnsupportedModelError, match="refit=False"):
        strip(Container(search).fit(X, Y))


def test_student_of_logits_is_refused():
    student = DecisionTreeRegressor(max_depth=3, random_state=0)
    with pytest.raises(UnsupportedModelError, match="logits"):
        strip(Distiller(TREE, student, gate=False).fit(X, Y))


@pytest.mark.parametrize("left", [size_scorer(), strip])
def test_what_has_no_plain_twin_is_named(left):
    with pytest.raises(UnsupportedModelError, match=r"(size_scorer|strip) is a part of skprune"):
        strip(Container(TREE, function=left).fit(X, Y))
