"""Which models have a surgeon, when its module is imported, and errors for other models."""

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from sklearn.utils import all_estimators

from skprune.exceptions import PruningError, UnsupportedModelError
from skprune.surgery import (
    family_of,
    has_members,
    has_surgeon,
    members_type,
    surgeon_for,
    surgeon_type,
)
from skprune.surgery._registry import (
    MEMBERS,
    PIPELINES,
    SURGEONS,
    Entry,
    class_name,
    models_of,
)

TREES = [
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    BaggingClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    AdaBoostClassifier,
    AdaBoostRegressor,
]
MACHINES = [SVC, NuSVC, SVR, NuSVR, OneClassSVM]
FAMILIES = {"tree", "linear", "neural", "svm"}


def known(family=None):
    """Names of the classes that are known, of one family or of all."""
    names = (name for name, entry in SURGEONS.items() if family in {None, entry.family})
    return {name.rpartition(".")[2] for name in names}


@pytest.mark.parametrize("kind", [*TREES, *MACHINES])
def test_known_models_have_a_surgeon_fitted_or_not(kind):
    entry = SURGEONS[class_name(kind)]
    assert surgeon_type(kind()) is entry.load()
    X, y = load_iris(return_X_y=True)
    model = kind().fit(X, y)
    surgeon = surgeon_for(model)
    assert type(surgeon) is entry.load()
    assert surgeon.model is model


def test_every_entry_names_a_model_and_its_reader():
    estimators = dict(all_estimators())
    for entries in (SURGEONS, MEMBERS):
        for name, entry in entries.items():
            package, _, kind = name.partition(".")
            if package == "sklearn":
                assert class_name(estimators[kind]) == name
            elif find_spec(package):
                assert class_name(getattr(import_module(package), kind)) == name
            assert callable(entry.load())


def test_pipelines_are_known_by_their_steps():
    embedded = make_pipeline(RandomTreesEmbedding(), LogisticRegression())
    for steps, entry in PIPELINES.items():
        assert tuple(class_name(type(step)) for step in embedded) == steps
        assert surgeon_type(embedded) is entry.load()
    for other in (embedded[:1], embedded[1:], make_pipeline(RandomTreesEmbedding(), Ridge())):
        assert not has_surgeon(other)
        with pytest.raises(UnsupportedModelError, match="Pipeline cannot be pruned"):
            surgeon_type(other)
    assert not has_surgeon(embedded, family="tree")


BOOSTERS = {
    *("LGBMClassifier", "LGBMRegressor", "XGBClassifier", "XGBRFClassifier"),
    *("XGBRFRegressor", "XGBRegressor"),
}


def test_no_other_trees_and_machines_are_known():
    assert known("tree") == {kind.__name__ for kind in TREES} | BOOSTERS
    assert known("svm") == {kind.__name__ for kind in MACHINES}
    assert {entry.family for entry in SURGEONS.values()} == FAMILIES
    assert models_of(surgeon_type(DecisionTreeClassifier())) == {
        "sklearn.DecisionTreeClassifier",
        "sklearn.DecisionTreeRegressor",
        "sklearn.ExtraTreeClassifier",
        "sklearn.ExtraTreeRegressor",
    }


@pytest.mark.parametrize("kind", TREES)
def test_what_callers_know_of_trees_before_the_fit(kind):
    surgeon, name = surgeon_type(kind()), kind.__name__
    alone = name.startswith(("DecisionTree", "ExtraTreeC", "ExtraTreeR"))
    assert surgeon.is_boosting == ("Boost" in name)
    assert surgeon.has_means == ("Boost" not in name)
    assert surgeon.is_additive == (not alone and "AdaBoost" not in name)


class OwnForest(RandomForestClassifier):
    """A user's own forest."""


def test_a_subclass_is_cut_as_its_parent_and_stays_a_subclass():
    X, y = load_iris(return_X_y=True)
    surgeon = surgeon_for(OwnForest(3, random_state=0).fit(X, y))
    stumps = surgeon.cut(np.zeros(surgeon.table.n_nodes, dtype=bool))
    assert type(stumps) is OwnForest
    assert [member.tree_.node_count for member in stumps.estimators_] == [1, 1, 1]


@pytest.mark.parametrize("fit", [False, True], ids=["unfitted", "fitted"])
def test_an_isolation_forest_is_refused_with_the_reason(fit):
    model = IsolationForest(n_estimators=2)
    if fit:
        model.fit(load_iris().data)
    with pytest.raises(UnsupportedModelError, match=r"IsolationForest .* path lengths .*wrong"):
        surgeon_for(model)


class OwnIsolation(IsolationForest):
    """A user's own isolation forest."""


def test_a_subclass_of_a_refused_model_is_refused_for_the_same_reason():
    with pytest.raises(UnsupportedModelError, match=r"OwnIsolation cannot be pruned.*lengths"):
        surgeon_type(OwnIsolation())


def test_a_pipeline_is_told_where_the_pruner_goes():
    pipeline = make_pipeline(StandardScaler(), DecisionTreeClassifier())
    with pytest.raises(UnsupportedModelError, match=r"Pipeline .* inside the pipeline"):
        surgeon_type(pipeline)


@pytest.mark.parametrize(
    "model",
    [
        RandomTreesEmbedding(),
        KNeighborsClassifier(),
        "forest",
        None,
    ],
    ids=lambda model: type(model).__name__,
)
def test_unknown_types_are_told_all_known_ones(model):
    with pytest.raises(UnsupportedModelError) as caught:
        surgeon_type(model)
    message = str(caught.value)
    assert message.startswith(f"{type(model).__name__} is not a model")
    assert all(name in message for name in known())
    assert not has_surgeon(model)
    assert not has_members(model)


def test_a_family_knows_only_its_own_models():
    for model, own in [(LinearRegression(), "linear"), (SVC(), "svm"), (TREES[0](), "tree")]:
        assert family_of(model) == own
        assert has_surgeon(model, family=own)
        for family in FAMILIES - {own}:
            assert not has_surgeon(model, family=family)
            with pytest.raises(UnsupportedModelError, match="Known are: ") as caught:
                surgeon_type(model, family=family)
            assert all(name in str(caught.value) for name in known(family))


TOY_SURGEON = """
import toyboost
from skprune.surgery._base import Surgeon

class ToySurgeon(Surgeon):
    fitted_attribute = "n_units_"
    def size(self):
        return self.model.n_units_, 0, 0
"""
TOY_PACKAGE = """
from sklearn.base import BaseEstimator

class ToyBooster(BaseEstimator):
    def fit(self, X=None, y=None):
        self.n_units_ = 3
        return self
"""


def test_the_module_of_a_surgeon_is_imported_when_a_model_comes_in(tmp_path, monkeypatch):
    (tmp_path / "toyboost.py").write_text(TOY_PACKAGE)
    (tmp_path / "toy_surgeon.py").write_text(TOY_SURGEON)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(SURGEONS, "toyboost.ToyBooster", Entry("tree", "toy_surgeon", "ToySurgeon"))
    with pytest.raises(UnsupportedModelError, match="ToyBooster"):
        surgeon_type(KNeighborsClassifier())
    assert family_of(DecisionTreeClassifier()) == "tree"
    assert not {"toyboost", "toy_surgeon"} & set(sys.modules)
    toyboost = import_module("toyboost")
    assert "toy_surgeon" not in sys.modules
    own = type("OwnBooster", (toyboost.ToyBooster,), {})
    for model in (toyboost.ToyBooster(), own()):
        assert family_of(model) == "tree"
        assert surgeon_type(model, family="tree").__module__ == "toy_surgeon"
    assert surgeon_for(own().fit()).size() == (3, 0, 0)
    for module in ("toyboost", "toy_surgeon"):
        monkeypatch.delitem(sys.modules, module)


LOOK_UP = """
import sys
import skprune
from sklearn.svm import SVC
surgeons = {f"skprune.surgery.{name}" for name in ("linear", "neural", "svm")}
optional = {"xgboost", "lightgbm", "skl2onnx", "onnxruntime", "polars", "matplotlib"}
assert not (surgeons | optional) & set(sys.modules), (surgeons | optional) & set(sys.modules)
skprune.make_pruner(SVC())
assert surgeons & set(sys.modules) == {"skprune.surgery.svm"}
assert not optional & set(sys.modules)
"""


def test_importing_skprune_imports_neither_surgeons_nor_optional_packages():
    done = subprocess.run([sys.executable, "-c", LOOK_UP], check=False, capture_output=True)
    assert not done.returncode, done.stderr.decode()


def test_members_are_found_in_the_same_way():
    assert has_members(OwnForest())
    assert members_type(OwnForest()) is members_type(RandomForestClassifier())
    assert not has_members(IsolationForest())
    assert set(MEMBERS) - set(SURGEONS) == {"sklearn.VotingClassifier", "sklearn.VotingRegressor"}


def test_a_class_in_place_of_a_model_is_refused():
    with pytest.raises(UnsupportedModelError, match="is a class; give an instance"):
        surgeon_type(DecisionTreeClassifier)


def test_the_refusal_is_caught_as_a_type_error_and_as_one_of_ours():
    assert issubclass(UnsupportedModelError, TypeError)
    assert issubclass(UnsupportedModelError, PruningError)
