"""Trees as features of a logistic regression: what they predict, and that they are whole models."""

import pickle

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import (
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomTreesEmbedding,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skprune import model_size
from skprune.arrays.nodes import survivors
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery import has_surgeon, surgeon_for
from skprune.surgery.embedded import embedded_classifier
from tests._trees import SMALL
from tests._trees import VOTING_TREES as MODELS

LABELS = {
    "numbers": lambda y: y + 3,
    "words": lambda y: np.array(["a", "bb", "ccc"])[y],
    "objects": lambda y: np.array(["ccc", "bb", "a"], dtype=object)[y],
    "floats": lambda y: -1.0 * y,
}
X, Y = load_wine(return_X_y=True)
GAPS = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)


def drawn(surgeon, seed, share=0.6):
    """Draw what stays, and values far from any fit."""
    rng, table, k = np.random.default_rng(seed), surgeon.table, len(surgeon.model.classes_)
    keep_split = table.is_split & (rng.random(table.n_nodes) < 0.9)
    keep_tree = rng.random(table.n_trees) < share
    return keep_split, keep_tree, rng.normal(size=(k, table.n_nodes)), rng.normal(size=k)


def naive(surgeon, rows, keep_split, keep_tree, value, intercept):
    """Add up the values of the leaves that rows end in, tree after tree, as they are stored."""
    end, stored = survivors(surgeon.table, keep_split)[surgeon.apply(rows)], np.float32(value)
    raw = np.zeros((rows.shape[0], len(intercept)))
    for t in np.flatnonzero(keep_tree):
        raw += stored[:, end[t]].T
    return raw + intercept


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("name", MODELS)
def test_probabilities_are_those_of_the_sums(name, labels):
    model = clone(MODELS[name]).fit(X, LABELS[labels](Y))
    surgeon = surgeon_for(model)
    for seed, share in enumerate([0.6, 1.0, 0.2, 0.0]):
        arguments = drawn(surgeon, seed, share)
        result = embedded_classifier(surgeon, *arguments)
        for rows in (X, GAPS, csr_array(np.where(X < 1, 0, X))):
            raw = naive(surgeon, rows, *arguments)
            assert_array_equal(result.decision_function(rows), raw)
            assert_allclose(result.predict_proba(rows), softmax(raw, axis=1), rtol=0, atol=1e-15)
            assert_array_equal(result.predict(rows), model.classes_[raw.argmax(axis=1)])
        assert_array_equal(result.classes_, model.classes_)
        assert result.classes_.dtype == model.classes_.dtype


def test_the_result_is_a_whole_plain_model():
    frame, y = load_wine(return_X_y=True, as_frame=True)
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(frame, y))
    before, arguments = pickle.dumps(surgeon.model), drawn(surgeon, 0)
    result = embedded_classifier(surgeon, *arguments)
    fitted = make_pipeline(RandomTreesEmbedding(3), LogisticRegression()).fit(frame, y)
    assert [type(step) for step in result] == [type(step) for step in fitted]
    assert result.n_features_in_ == 13
    assert_array_equal(result.feature_names_in_, frame.columns)
    for own, other in (
        *zip(result, fitted, strict=True),
        (result[0].one_hot_encoder_, fitted[0].one_hot_encoder_),
        (result[0].estimators_[0], fitted[0].estimators_[0]),
    ):
        extra = {"_sklearn_output_config"} & set(vars(own))  # what a user asks for does not matter
        assert set(vars(own)) - extra == set(vars(other))
    n_trees = arguments[1].sum()
    assert result[0].n_estimators == len(result[0].estimators_) == n_trees
    codes = result[0].transform(frame)
    assert codes.shape == (len(y), result[-1].coef_.shape[1])
    assert_array_equal(codes.sum(axis=1), n_trees)
    assert len(result[0].get_feature_names_out()) == codes.shape[1]
    assert result[0].feature_importances_.sum() == pytest.approx(1)
    for tree in result[0].estimators_:
        assert tree.get_depth() == tree.tree_.max_depth
    again = pickle.loads(pickled := pickle.dumps(result))
    assert b"skprune" not in pickled
    assert_array_equal(again.predict_proba(frame), result.predict_proba(frame))
    assert pickle.dumps(embedded_classifier(surgeon, *arguments)) == pickled
    clone(result).fit(frame, y)
    assert pickle.dumps(surgeon.model) == before


def test_output_of_frames_changes_nothing():
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(X, Y))
    result = embedded_classifier(surgeon, *drawn(surgeon, 0))
    expected = result.predict_proba(X)
    with sklearn.config_context(transform_output="pandas"):
        assert_array_equal(result.predict_proba(X), expected)


def test_sizes_are_those_of_the_arrays():
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(X, Y))
    result = embedded_classifier(surgeon, *drawn(surgeon, 0))
    n_nodes = sum(tree.tree_.node_count for tree in result[0].estimators_)
    n_leaves = result[-1].coef_.shape[1]
    size = model_size(result)
    assert (size.units, size.parameters) == (n_leaves, 2 * (n_nodes - n_leaves) + 3 * n_leaves)
    numbers = sum(each.nbytes for each in result[0].one_hot_encoder_.categories_)
    assert size.bytes == 72 * n_nodes + result[-1].coef_.nbytes + numbers
    assert model_size(make_pipeline(StandardScaler(), result)) == size
    grown = make_pipeline(RandomTreesEmbedding(3), LogisticRegression()).fit(X, Y)
    assert model_size(grown).units == grown[-1].coef_.shape[1]
    other = make_pipeline(StandardScaler(), LogisticRegression())
    assert not has_surgeon(other)
    with pytest.raises(UnsupportedModelError, match="Pipeline cannot be pruned"):
        surgeon_for(other.fit(X, Y))


def test_what_is_no_vote_of_several_classes_is_refused():
    boosted = GradientBoostingClassifier(n_estimators=2).fit(X, Y)
    with pytest.raises(UnsupportedModelError, match="Allowed are decision trees, forests"):
        embedded_classifier(surgeon_for(boosted), None, None, None, None)
    binary = RandomForestClassifier(2).fit(*load_breast_cancer(return_X_y=True))
    with pytest.raises(InputError, match=r"The model has 2 classes, .* need more than 2"):
        embedded_classifier(surgeon_for(binary), None, None, None, None)


@pytest.mark.parametrize(
    ("position", "name"), enumerate(["keep_split", "keep_tree", "value", "intercept"])
)
def test_wrong_shapes_are_refused_by_name(position, name):
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(X, Y))
    arguments = list(drawn(surgeon, 0))
    arguments[position] = arguments[position][..., :2]
    with pytest.raises(InputError, match=rf"{name} has shape \(.*; these trees and classes need"):
        embedded_classifier(surgeon, *arguments)


def test_malformed_results_are_refused():
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(X, Y))
    for damage in ("categories", "coefficients", "infinite"):
        result = embedded_classifier(surgeon, *drawn(surgeon, 0))
        if damage == "categories":
            result[0].one_hot_encoder_.categories_[0] += 1
        elif damage == "coefficients":
            result[-1].coef_ = result[-1].coef_[:, 1:]
        else:
            result[-1].coef_[0, 0] = np.inf
        with pytest.raises(InputError, match="This fitted Pipeline is malformed"):
            model_size(result)
