"""Scores of samples, compared with refits, loops and explicit matrices."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.linear_model import LinearRegression, Ridge

from skprune.criteria.sample_difficulty import (
    cooks_distance,
    disagreement,
    error_norm,
    far_outliers,
    forgetting,
    leave_one_out_error,
    leverage,
    out_of_bag_error,
    tomek_links,
    wrong_labels,
)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 5))
    return X, X @ rng.normal(size=5) + rng.normal(size=40), rng.uniform(0.2, 3, 40)


def hat_of(X, weight, ridge=0.0):
    """The design with an intercept, and the curvature of the weighted squared loss."""
    design = np.column_stack([np.ones(len(X)), X])
    penalty = ridge * np.diag([0.0] + [1.0] * X.shape[1])
    return design, design.T @ (weight[:, np.newaxis] * design) + penalty


def test_wrong_labels_are_those_of_which_a_model_is_confident():
    rng = np.random.default_rng(0)
    for n_classes in (2, 4):
        codes = rng.integers(0, n_classes, 300)
        probabilities = rng.dirichlet(np.full(n_classes, 0.5), 300)
        probabilities[np.arange(300), codes] += 0.2
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        weight = rng.integers(0, 3, 300).astype(float)
        confidence = [
            np.average(probabilities[codes == k, k], weights=weight[codes == k])
            for k in range(n_classes)
        ]
        n_wrong = sum(
            any(
                row[k] >= confidence[k] and row[k] > row[code]
                for k in range(n_classes)
                if k != code
            )
            for row, code, w in zip(probabilities, codes, weight, strict=True)
            if w
        )
        assert n_wrong > 10
        assert wrong_labels(probabilities, codes, weight) == pytest.approx(n_wrong / 300)
    # A class without weight is no alternative, and one class has none.
    alone = wrong_labels(np.array([[0.4, 0.6], [0.9, 0.1]]), np.zeros(2, int), np.ones(2))
    assert alone == 0
    assert wrong_labels(np.ones((3, 1)), np.zeros(3, int), np.ones(3)) == 0


def test_labels_that_follow_the_probabilities_are_not_wrong():
    codes = np.repeat([0, 1], 50)
    sure, unsure = np.eye(2)[codes], np.full((100, 2), 0.5)
    assert wrong_labels(sure, codes, np.ones(100)) == 0
    assert wrong_labels(unsure, codes, np.ones(100)) == 0
    swapped = np.r_[1 - codes[:10], codes[10:]]
    assert wrong_labels(sure, swapped, np.ones(100)) == 0.1


def test_far_outliers_are_outside_of_the_outer_fences():
    residuals = np.r_[np.arange(-50.0, 51), 202.0, -197.0, 1e6]  # the quartiles are 25 and -25
    weight = np.ones(104)
    low, high = np.percentile(residuals, [25, 75])
    outside = abs(residuals - (low + high) / 2) > 3.5 * (high - low)
    assert far_outliers(residuals, weight) == outside.mean() > 0
    assert far_outliers(np.random.default_rng(0).normal(size=10_000), np.ones(10_000)) == 0
    weight[-3:] = 0
    assert far_outliers(residuals, weight) == 0
    assert far_outliers(np.r_[np.zeros(90), np.ones(10)], np.ones(100)) == 0  # quartiles are equal


def test_error_norm_of_each_sample():
    answer = np.array([[0.8, 0.2], [0.0, 1.0]])
    target = np.array([[1, 0], [1, 0]])
    np.testing.assert_allclose(error_norm(answer, target), [np.sqrt(0.08), np.sqrt(2)])
    np.testing.assert_allclose(error_norm(answer[:, :1], target[:, :1]), [0.2, 1.0])


def test_leverage_is_the_diagonal_of_the_hat_matrix(table):
    X, _, weight = table
    X = np.column_stack([X * np.array([1e-6, 1, 1, 1e6, 1]), X[:, 0] - X[:, 1], np.ones(len(X))])
    full, _ = np.linalg.qr(
        np.sqrt(weight)[:, np.newaxis] * np.column_stack([np.ones(40), X[:, :5]])
    )
    np.testing.assert_allclose(leverage(X[:, :5], weight), (full**2).sum(axis=1), rtol=1e-6)
    twice = np.column_stack([X[:, :5], 2 * X[:, 1], np.ones(40)])  # same rank
    np.testing.assert_allclose(leverage(twice, weight), (full**2).sum(axis=1), rtol=1e-6)
    assert leverage(X[:, :5], weight).sum() == pytest.approx(6)


@pytest.mark.parametrize("ridge", [0.0, 2.0])
def test_leave_one_out_error_matches_refits(table, ridge):
    X, y, weight = table
    design, H = hat_of(X, weight, ridge)
    model = Ridge(ridge) if ridge else LinearRegression()
    error = y - model.fit(X, y, weight).predict(X)
    share = weight * np.einsum("ij,jk,ik->i", design, np.linalg.inv(H), design)
    for row in range(0, 40, 7):
        rest = np.arange(40) != row
        alone = y[row] - model.fit(X[rest], y[rest], weight[rest]).predict(X[[row]])[0]
        assert leave_one_out_error(error, share)[row] == pytest.approx(alone)


def test_samples_of_leverage_one():
    found = leave_one_out_error(np.array([1.0, -1.0, 0.0]), np.ones(3))
    np.testing.assert_array_equal(found, [np.inf, -np.inf, 0.0])


def test_cooks_distance_matches_refits(table):
    X, y, weight = table
    design, H = hat_of(X, weight, 2.0)
    form = np.einsum("ij,jk,ik->i", design, np.linalg.inv(H), design)
    model = Ridge(2.0).fit(X, y, weight)
    whole = np.append(model.intercept_, model.coef_)
    found = cooks_distance(weight * (model.predict(X) - y), weight, form)
    for row in range(0, 40, 7):
        rest = np.arange(40) != row
        model.fit(X[rest], y[rest], weight[rest])
        moved = np.append(model.intercept_, model.coef_) - whole
        assert found[row] == pytest.approx(moved @ H @ moved)


def test_out_of_bag_error_is_the_mean_over_out_of_bag_members():
    losses = np.array([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]])
    unseen = np.array([[True, False, False], [True, True, False]])
    np.testing.assert_array_equal(out_of_bag_error(losses, unseen), [3.0, 6.0, np.nan])


def test_forgetting_counts_events_and_never_learnt_samples():
    history = np.array([[0, 1, 0, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]], bool)
    np.testing.assert_array_equal(forgetting(iter(history.T)), [2, 0, 5, 0])


def test_neighbour_scores_match_loops():
    rng = np.random.default_rng(1)
    X, codes = rng.normal(size=(60, 2)), rng.integers(0, 3, 60)
    apart = cdist(X, X) + np.diag(np.full(60, np.inf))
    near = apart.argsort(axis=1)[:, :3]
    for row in range(60):
        share = sum(codes[other] != codes[row] for other in near[row]) / 3
        assert disagreement(codes, near)[row] == pytest.approx(share)
    links = {
        (a, b)
        for a in range(60)
        for b in range(60)
        if near[a, 0] == b and near[b, 0] == a and codes[a] != codes[b]
    }
    assert links
    assert set(np.flatnonzero(tomek_links(codes, near[:, 0]))) == {a for a, _ in links}
