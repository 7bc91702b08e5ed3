"""Soft labels: sums, exact losses, draws, and round trips through logits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skprune.solvers import soft_labels


def labels_of(seed, n_rows=40, n_classes=3):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(n_classes, 0.3), n_rows)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from([0.0, 1e-3, 0.2, 1.0]))
def test_weights_of_expanded_samples_add_up(seed, n_classes, floor):
    labels = labels_of(seed, n_classes=n_classes)
    weight = np.random.default_rng(seed).integers(0, 4, len(labels)).astype(float)
    rows, codes, weights = soft_labels.expand(labels, weight, floor)
    assert (np.diff(rows) >= 0).all()
    assert len(set(zip(rows, codes, strict=True))) == len(rows)
    np.testing.assert_allclose(np.bincount(rows, weights, len(labels)), weight)
    back = np.zeros_like(labels)
    back[rows, codes] = weights
    for row, label in enumerate(labels):
        kept = label > floor if (label > floor).any() else label == label.max()
        expected = np.where(kept, label, 0.0)
        if floor < 0.3:
            np.testing.assert_allclose(back[row], weight[row] * expected / expected.sum())
        assert label.argmax() in codes[rows == row]


def test_fitting_expanded_samples_is_fitting_soft_labels():
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(60, 2)), labels_of(0, 60, 2)
    rows, codes, weights = soft_labels.expand(labels, np.ones(60), 0.0)
    model = LogisticRegression(C=1.0, tol=1e-10).fit(X[rows], codes, sample_weight=weights)
    # The gradient of cross-entropy with soft labels plus penalty is zero.
    error = model.predict_proba(X)[:, 1] - labels[:, 1]
    np.testing.assert_allclose(X.T @ error + model.coef_[0], 0.0, atol=1e-5)
    assert abs(error.sum()) < 1e-5


@pytest.mark.parametrize("n_classes", [2, 4])
def test_logits_round_trip(n_classes):
    labels = labels_of(1, n_classes=n_classes)
    labels = (labels + 0.01) / (labels + 0.01).sum(axis=1, keepdims=True)
    logits = soft_labels.to_logits(labels)
    assert logits.shape == ((40,) if n_classes == 2 else (40, n_classes))
    np.testing.assert_allclose(soft_labels.from_logits(logits), labels)


def test_logits_of_one_hot_labels_are_finite():
    logits = soft_labels.to_logits(np.array([[0.0, 1.0], [1.0, 0.0]]))
    np.testing.assert_allclose(logits, [np.log(1000.0), -np.log(1000.0)])


@pytest.mark.parametrize("temperature", [0.25, 1.0, 4.0])
def test_temperature_divides_logits(temperature):
    labels = labels_of(2) + 1e-9
    expected = soft_labels.from_logits(np.log(labels) / temperature)
    np.testing.assert_allclose(soft_labels.soften(labels, temperature), expected, rtol=1e-6)


def test_low_temperatures_do_not_underflow():
    labels = soft_labels.soften(np.full((1, 1000), 1e-3), 1e-3)
    np.testing.assert_allclose(labels, 1e-3)


def test_classes_are_drawn_with_their_probabilities():
    labels = np.tile([0.0, 0.2, 0.5, 0.3, 0.0], (20_000, 1))
    drawn = soft_labels.draw(labels, np.random.RandomState(0))
    np.testing.assert_allclose(np.bincount(drawn, minlength=5) / 20_000, labels[0], atol=0.015)
    certain = soft_labels.one_hot(np.arange(5), 5)
    np.testing.assert_array_equal(soft_labels.draw(certain, np.random.RandomState(0)), np.arange(5))


def test_synthetic_samples_mix_a_sample_and_a_neighbour():
    neighbors = np.array([[1, 2], [0, 2], [3, 1], [2, 0]])
    parents, sources = soft_labels.swap(neighbors, 403, 6, np.random.RandomState(0))
    np.testing.assert_array_equal(parents, np.arange(403) % 4)
    for parent, source in zip(parents, sources, strict=True):
        others = set(source) - {parent}
        assert len(others) <= 1
        assert others <= set(neighbors[parent])
    assert 0.45 < (sources != parents[:, np.newaxis]).mean() < 0.55


def test_log_loss_matches_scikit_learn():
    labels, codes = labels_of(3), np.arange(40) % 3
    labels[0] = [0.0, 0.5, 0.5]
    weight = np.random.default_rng(0).uniform(size=40)
    expected = log_loss(codes, labels, sample_weight=weight)
    assert soft_labels.log_loss(labels, weight, codes) == pytest.approx(expected)
