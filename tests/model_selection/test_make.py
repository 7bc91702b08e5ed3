"""make_pruner finds the family of a model."""

import pickle

import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingRegressor, IsolationForest, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, ExtraTreeRegressor

from skprune import PruningSearchCV, SVMPruner, TreePruner, make_pruner, model_size
from skprune.exceptions import UnsupportedModelError


@pytest.mark.parametrize(
    "model",
    [DecisionTreeClassifier(), ExtraTreeRegressor(), RandomForestClassifier(), BaggingRegressor()],
    ids=lambda m: type(m).__name__,
)
def test_trees_and_their_ensembles_get_a_tree_pruner(model):
    pruner = make_pruner(model, keep=7)
    assert type(pruner) is TreePruner
    assert pruner.estimator is model
    assert pruner.keep == 7


@pytest.mark.parametrize("kind", [SVC, NuSVC, SVR, NuSVR, OneClassSVM])
def test_support_vector_machines_get_a_pruner_of_their_own(kind):
    pruner = make_pruner(model := kind(), keep=7)
    assert type(pruner) is SVMPruner
    assert pruner.estimator is model


def test_a_frozen_model_stays_frozen():
    frozen = FrozenEstimator(DecisionTreeClassifier().fit([[0], [1]], [0, 1]))
    assert make_pruner(frozen).estimator is frozen


def test_a_pruner_is_returned_and_changed_only_as_a_copy():
    pruner = TreePruner(DecisionTreeClassifier())
    assert make_pruner(pruner) is pruner
    assert make_pruner(pruner, keep=3).keep == 3
    assert pruner.keep is None


def test_the_last_step_of_a_pipeline_is_wrapped_in_a_copy():
    pipeline = make_pipeline(StandardScaler(), DecisionTreeClassifier())
    wrapped = make_pruner(pipeline, keep=4)
    assert wrapped.steps[-1][0] == "decisiontreeclassifier"
    assert wrapped[-1].keep == 4
    assert isinstance(pipeline[-1], DecisionTreeClassifier)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (KNeighborsClassifier(), "KNeighborsClassifier is not a model that skprune can prune"),
        (IsolationForest(), "silently wrong after a cut"),
    ],
)
def test_other_models_are_refused(model, words):
    with pytest.raises(UnsupportedModelError, match=words):
        make_pruner(model)


@pytest.mark.parametrize("between", [StandardScaler(), "passthrough", None])
def test_every_step_of_a_frozen_pipeline_stays_as_it_is(between):
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(5, random_state=0)
    pipeline = make_pipeline(StandardScaler(), between, forest).fit(X, y)
    before = pickle.dumps(pipeline)
    model = make_pruner(FrozenEstimator(pipeline), keep=1.0).fit(X[:50], y[:50])
    assert isinstance(model[-1], TreePruner)
    assert_array_equal(model.predict_proba(X), pipeline.predict_proba(X))
    small = clone(model).set_params(randomforestclassifier__keep=0.2).fit(X, y)
    assert model_size(small).units < model_size(pipeline).units
    nested = FrozenEstimator(make_pipeline(StandardScaler(), clone(pipeline)).fit(X, y))
    assert isinstance(make_pruner(nested)[-1][-1], TreePruner)
    search = PruningSearchCV(FrozenEstimator(pipeline), cv=2).fit(X, y)
    assert search.cv_results_["mean_test_score"].max() > 0.9
    assert pickle.dumps(pipeline) == before


def test_a_frozen_pipeline_that_is_not_fitted_is_named():
    with pytest.raises(NotFittedError, match="RandomForestClassifier"):
        make_pruner(FrozenEstimator(make_pipeline(StandardScaler(), RandomForestClassifier())))
