"""Weights of a score, routed and not, reach the inner model of every pruner of models."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.metadata_routing import get_routing_for_object

from skprune import LinearPruner, TreePruner
from tests._instances import MODEL_PRUNERS, name_of


def routes_scores(model):
    """Say whether scikit-learn routes weights to the `score` of the model itself."""
    if not hasattr(model, "set_score_request"):
        return False
    with sklearn.config_context(enable_metadata_routing=True):
        try:
            routing = get_routing_for_object(clone(model).set_score_request(sample_weight=True))
        except NotImplementedError:
            return False
        return "sample_weight" in routing.consumes("score", ["sample_weight"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "pruner", [p for p in MODEL_PRUNERS if routes_scores(p.estimator)], ids=name_of
)
def test_routed_weights_of_a_score_reach_the_inner_model(pruner):
    make = make_classification if is_classifier(pruner) else make_regression
    X, y = make(120, 6, n_informative=4, random_state=0)
    weight = np.random.default_rng(0).exponential(size=len(y))
    found = clone(pruner).fit(X, y)
    with sklearn.config_context(enable_metadata_routing=True):
        inner = clone(found.estimator).set_score_request(sample_weight=True)
        found.set_params(estimator=inner)
        chain = make_pipeline(StandardScaler().fit(X), found)
        expected = found.estimator_.score(chain[:-1].transform(X), y, sample_weight=weight)
        assert chain.score(X, y, sample_weight=weight) == expected
        assert chain.score(X, y) == found.estimator_.score(chain[:-1].transform(X), y)
        # Requested of the pruner itself, as of any estimator.
        found.set_params(estimator=clone(inner).set_score_request(sample_weight=None))
        found.set_score_request(sample_weight=True)
        assert chain.score(X, y, sample_weight=weight) == expected


def test_weights_of_a_cross_validation_are_those_of_the_inner_model():
    X, y = make_classification(200, 6, flip_y=0.2, random_state=0)
    weight = np.where(y, 10.0, 0.1)
    with sklearn.config_context(enable_metadata_routing=True):
        tree = DecisionTreeClassifier(max_depth=3, random_state=0)
        tree.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        pruner = TreePruner(tree, keep=1.0)
        try:
            cross_validate(make_pipeline(tree), X, y, params={"sample_weight": weight}, cv=3)
        except UnsetMetadataPassedError:
            pytest.skip("this scikit-learn does not route to the score of a meta-estimator")
        scores = [
            cross_validate(each, X, y, params={"sample_weight": weight}, cv=3)["test_score"]
            for each in (tree, pruner)
        ]
        np.testing.assert_array_equal(*scores)
        frozen = TreePruner(FrozenEstimator(clone(tree).fit(X, y)), keep=1.0).fit(X, y)
        chain = make_pipeline(frozen)
        assert chain.score(X, y, sample_weight=weight) == frozen.estimator_.score(X, y, weight)


def test_a_score_without_weights_is_called_without_them():
    class Own(LogisticRegression):
        def score(self, X, y):  # noqa: ARG002 - as a model is called
            return 0.25

    X, y = make_classification(60, 6, random_state=0)
    pruner = LinearPruner(FrozenEstimator(LogisticRegression().fit(X, y)), keep=1.0).fit(X, y)
    pruner.estimator_ = Own().fit(X, y)
    assert pruner.score(X, y) == 0.25
