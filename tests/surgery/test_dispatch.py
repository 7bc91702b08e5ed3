"""Which models have a surgeon, and what the others are told."""

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
from sklearn.linear_model import LinearRegression
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

from skprune.exceptions import PruningError, UnsupportedModelError
from skprune.surgery import (
    LINEAR_SURGEONS,
    NEURAL_SURGEONS,
    SVM_SURGEONS,
    TREE_SURGEONS,
    surgeon_for,
    surgeon_type,
)
from skprune.surgery._dispatch import SURGEONS

KNOWN = [
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
    SVC,
    NuSVC,
    SVR,
    NuSVR,
    OneClassSVM,
]


@pytest.mark.parametrize("kind", KNOWN)
def test_known_models_have_a_surgeon_fitted_or_not(kind):
    assert surgeon_type(kind()) is SURGEONS[kind]
    X, y = load_iris(return_X_y=True)
    model = kind().fit(X, y)
    surgeon = surgeon_for(model)
    assert type(surgeon) is SURGEONS[kind]
    assert surgeon.model is model


def test_no_other_model_is_known():
    assert set(TREE_SURGEONS) | set(SVM_SURGEONS) == set(KNOWN)
    others = set(LINEAR_SURGEONS) | set(NEURAL_SURGEONS)
    assert set(SURGEONS) == set(KNOWN) | others
    assert not set(KNOWN) & others


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
    assert all(kind.__name__ in message for kind in KNOWN)


def test_a_family_knows_only_its_own_models():
    assert surgeon_type(LinearRegression()) is surgeon_type(LinearRegression(), LINEAR_SURGEONS)
    for model, family in [
        (LinearRegression(), TREE_SURGEONS),
        (DecisionTreeClassifier(), LINEAR_SURGEONS),
        (SVC(), TREE_SURGEONS),
        (LinearRegression(), SVM_SURGEONS),
    ]:
        with pytest.raises(UnsupportedModelError, match="Known are: ") as caught:
            surgeon_type(model, family)
        assert all(kind.__name__ in str(caught.value) for kind in family)


def test_a_class_in_place_of_a_model_is_refused():
    with pytest.raises(UnsupportedModelError, match="is a class; give an instance"):
        surgeon_type(DecisionTreeClassifier)


def test_the_refusal_is_caught_as_a_type_error_and_as_one_of_ours():
    assert issubclass(UnsupportedModelError, TypeError)
    assert issubclass(UnsupportedModelError, PruningError)
