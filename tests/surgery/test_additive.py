"""Additive models of two classes: what they predict, and that they are whole plain models."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier

from skprune.arrays.nodes import survivors
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery import surgeon_for
from skprune.surgery.additive import additive_classifier, last_to_go_left
from tests._trees import SMALL, reproducible
from tests._trees import VOTING_TREES as MODELS

LABELS = {
    "numbers": lambda y: np.minimum(y, 1) + 3,
    "booleans": lambda y: y == 1,
    "two words": lambda y: np.array(["yes", "no"], dtype=object)[np.minimum(y, 1)],
}


def with_gaps(X):
    return np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)


def drawn(surgeon, seed, share=0.6):
    """Draw what stays, and values far from any fit."""
    rng, table = np.random.default_rng(seed), surgeon.table
    keep_split = table.is_split & (rng.random(table.n_nodes) < 0.9)
    keep_tree = rng.random(table.n_trees) < share
    return keep_split, keep_tree, rng.normal(size=table.n_nodes), rng.normal()


def naive(surgeon, X, keep_split, keep_tree, value, intercept):
    """Add up the values of the leaves that rows end in, tree after tree."""
    end = survivors(surgeon.table, keep_split)[surgeon.apply(X)]
    return intercept + (value[end] * keep_tree[:, np.newaxis]).sum(axis=0)


def chances(raw):
    return np.column_stack([expit(-raw), expit(raw)])


def two_classes():
    X, y = load_wine(return_X_y=True)
    return X, np.minimum(y, 1)


@pytest.mark.parametrize("missing", [False, True], ids=["plain", "missing"])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("name", MODELS)
def test_probabilities_are_those_of_the_sums(name, labels, missing):
    X, y = load_wine(return_X_y=True)
    X = with_gaps(X) if missing else X
    model = clone(MODELS[name]).fit(X, LABELS[labels](y))
    surgeon = surgeon_for(model)
    for seed in range(3):
        arguments = drawn(surgeon, seed, share=[0.6, 1.0, 0.2][seed])
        raw = naive(surgeon, X, *arguments)
        result = additive_classifier(surgeon, *arguments, missing=missing)
        kind = HistGradientBoostingClassifier if missing else GradientBoostingClassifier
        assert type(result) is kind
        assert_allclose(result.predict_proba(X), chances(raw), rtol=0, atol=1e-12)
        assert_allclose(result.decision_function(X), raw, rtol=0, atol=1e-12)
        assert_array_equal(result.classes_, model.classes_)
        assert result.classes_.dtype == model.classes_.dtype
        assert_array_equal(result.predict(X), model.classes_[chances(raw).argmax(axis=1)])


@pytest.mark.parametrize("missing", [False, True], ids=["plain", "missing"])
def test_the_result_is_a_whole_plain_model(missing):
    frame = load_wine(as_frame=True).data
    y = two_classes()[1]
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(frame, y))
    before = pickle.dumps(surgeon.model)
    arguments = drawn(surgeon, 0)
    result = additive_classifier(surgeon, *arguments, missing=missing)
    n_stages = arguments[1].sum()
    assert_array_equal(result.feature_names_in_, frame.columns)
    assert result.n_features_in_ == frame.shape[1]
    staged = list(result.staged_predict_proba(frame))
    assert len(staged) == n_stages
    assert_array_equal(staged[-1], result.predict_proba(frame))
    pickled = pickle.dumps(result)
    assert b"skprune" not in pickled
    again = pickle.loads(pickled)
    assert_array_equal(again.predict_proba(frame), result.predict_proba(frame))
    assert pickle.dumps(additive_classifier(surgeon, *arguments, missing=missing)) == pickled
    own = surgeon_for(result)
    assert own.table.n_trees == n_stages
    depth = [own.table.depth[own.table.tree == t].max() for t in range(own.table.n_trees)]
    if missing:
        assert result.n_iter_ == result.max_iter == n_stages
        assert [tree.get_max_depth() for tree in own._trees] == depth
    else:
        assert result.n_estimators_ == result.n_estimators == n_stages
        assert [tree.max_depth for tree in own._trees] == depth
        assert np.isfinite(result.feature_importances_).all()
        assert result.feature_importances_.sum() == pytest.approx(1)
        assert len(result.train_score_) == n_stages
    clone(result).fit(frame, y)
    assert pickle.dumps(surgeon.model) == before


@pytest.mark.parametrize("missing", [False, True], ids=["plain", "missing"])
def test_without_trees_the_intercept_is_left(missing):
    X, y = two_classes()
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(X, y))
    keep_split, keep_tree, value, intercept = drawn(surgeon, 0)
    keep_tree[:] = False
    result = additive_classifier(surgeon, keep_split, keep_tree, value, intercept, missing=missing)
    assert surgeon_for(result).table.n_nodes == 1
    expected = chances(np.full(len(X), intercept))
    assert_allclose(result.predict_proba(X), expected, rtol=0, atol=1e-15)
    if not missing:
        assert_array_equal(result.feature_importances_, 0)


@pytest.mark.parametrize("missing", [False, True], ids=["plain", "missing"])
@pytest.mark.parametrize("intercept", [60.0, -45.0, 9.0])
def test_an_intercept_that_class_fractions_cannot_hold_is_kept(intercept, missing):
    X, y = two_classes()
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(X, y))
    keep_split, keep_tree, value, _ = drawn(surgeon, 0)
    arguments = keep_split, keep_tree, value - intercept / 3, intercept
    raw = naive(surgeon, X, *arguments)
    result = additive_classifier(surgeon, *arguments, missing=missing)
    assert_allclose(result.decision_function(X), raw, rtol=0, atol=1e-12)


def test_class_fractions_of_the_prior_are_those_of_the_intercept():
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(*two_classes()))
    *arguments, _ = drawn(surgeon, 0)
    result = additive_classifier(surgeon, *arguments, np.log(0.3 / 0.7), missing=False)
    assert_allclose(result.init_.class_prior_, [0.7, 0.3])


# Thresholds.


single = st.floats(width=32, allow_nan=False, allow_infinity=False)


@reproducible
@given(single, st.integers(-3, 3), st.booleans())
def test_a_threshold_moves_to_the_last_number_that_single_precision_sends_left(x, ulps, between):
    threshold = np.float64(x)
    if between:  # as midpoints between singles are
        with np.errstate(over="ignore"):
            above = np.float64(np.nextafter(np.float32(x), np.float32(np.inf)))
        threshold = threshold if np.isinf(above) else (threshold + above) / 2
    for _ in range(abs(ulps)):
        threshold = np.nextafter(threshold, np.sign(ulps) * np.inf)
    last = last_to_go_left(np.array([threshold]))[0]
    with np.errstate(over="ignore"):
        assert np.float32(last) <= threshold or last == np.inf
        assert np.isinf(last) or np.float32(np.nextafter(last, np.inf)) > threshold


def test_rows_on_the_edge_of_a_threshold_go_as_they_went():
    X, y = load_breast_cancer(return_X_y=True)
    X = X[:, :4]
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(X, y))
    arguments = drawn(surgeon, 0, share=1.0)
    result = additive_classifier(surgeon, *arguments, missing=True)
    table = surgeon.table
    splits = np.flatnonzero(table.is_split)
    edge = X[np.arange(len(splits)) % len(X)].copy()
    edge[np.arange(len(splits)), table.feature[splits]] = table.threshold[splits]
    last = edge.copy()
    last[np.arange(len(splits)), table.feature[splits]] = last_to_go_left(table.threshold[splits])
    rows = np.concatenate(
        [np.nextafter(e, side) for e in (edge, last) for side in (-np.inf, np.inf)]
    )
    rows = np.concatenate([rows, edge, last, np.float32(edge)])
    raw = naive(surgeon, rows, *arguments)
    assert_allclose(result.decision_function(rows), raw, rtol=0, atol=1e-12)


# Refusals.


def test_what_is_no_vote_is_refused():
    X, y = load_wine(return_X_y=True)
    targets = np.column_stack([y, y])
    for model in (
        RandomForestRegressor(2).fit(X, y),
        RandomForestClassifier(2).fit(X, targets),
        GradientBoostingClassifier(n_estimators=2).fit(X, y),
    ):
        with pytest.raises(UnsupportedModelError, match="Allowed are decision trees, forests"):
            additive_classifier(surgeon_for(model), None, None, None, None, missing=False)
    for labels in (y, np.zeros(len(y))):
        other = surgeon_for(DecisionTreeClassifier().fit(X, labels))
        with pytest.raises(InputError, match=r"The model has . classes, .* need 2\."):
            additive_classifier(other, None, None, None, None, missing=False)


@pytest.mark.parametrize(
    ("position", "name"), enumerate(["keep_split", "keep_tree", "value", "intercept"])
)
def test_wrong_shapes_are_refused_by_name(position, name):
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(*two_classes()))
    arguments = list(drawn(surgeon, 0))
    arguments[position] = np.zeros(2)
    with pytest.raises(InputError, match=rf"{name} has shape \(2,\); .* need \("):
        additive_classifier(surgeon, *arguments, missing=False)


def test_values_that_are_not_finite_are_refused():
    surgeon = surgeon_for(RandomForestClassifier(**SMALL).fit(*two_classes()))
    *arguments, _ = drawn(surgeon, 0)
    with pytest.raises(InputError, match="not finite"):
        additive_classifier(surgeon, *arguments, np.inf, missing=False)


def test_bins_of_many_features_are_those_of_a_fit_on_all_of_them():
    """They are not fitted one by one, which takes seconds for ten thousand."""
    X, y = load_breast_cancer(return_X_y=True)
    surgeon = surgeon_for(RandomForestClassifier(2, max_depth=2, random_state=0).fit(X, y))
    table = surgeon.table
    model = additive_classifier(
        surgeon,
        table.is_split,
        np.ones(table.n_trees, bool),
        np.zeros(table.n_nodes),
        0.0,
        missing=True,
    )
    fitted = clone(model).set_params(max_iter=1).fit(np.zeros((6, X.shape[1])), [0, 1] * 3)
    assert vars(fitted).keys() == vars(model).keys()
    assert fitted.n_features_in_ == model.n_features_in_
    assert fitted._n_features == model._n_features
    for (name, one), two in zip(
        vars(fitted._bin_mapper).items(), vars(model._bin_mapper).values(), strict=True
    ):
        if name != "bin_thresholds_":
            assert_array_equal(one, two)
            assert np.asarray(one).dtype == np.asarray(two).dtype
    thresholds = model._bin_mapper.bin_thresholds_
    assert [len(each) for each in thresholds] == [0] * X.shape[1]
