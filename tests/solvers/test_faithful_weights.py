"""Faithful weights preserve all predictions, and the programs are solved to optimality."""

from itertools import chain, combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog
from scipy.stats import binom
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

from skprune.solvers import faithful_weights as faithful
from skprune.solvers.faithful_weights import disagreement_bound, faithful_weights

MARGIN = 0.05


def forest_votes(n_classes, n_members=25, n_rows=800, *, hard=False, seed=0):
    X, y = make_classification(
        1500, 10, n_informative=6, n_classes=n_classes, flip_y=0.1, random_state=seed
    )
    forest = RandomForestClassifier(n_members, max_depth=6, random_state=seed).fit(X[:700], y[:700])
    votes = np.array([tree.predict_proba(X[700 : 700 + n_rows]) for tree in forest.estimators_])
    return np.eye(n_classes)[votes.argmax(axis=2)] if hard else votes


def predict(weight, votes):
    return np.tensordot(weight, votes, 1).argmax(axis=1)


def constraints(votes, weight, margin):
    """All leads and required leads, sample by sample and class by class."""
    score = np.tensordot(weight / weight.sum(), votes, 1)
    lead, least = [], []
    for i, row in enumerate(score):
        winner = row.argmax()
        for c in range(len(row)):
            if c != winner:
                lead.append(votes[:, i, winner] - votes[:, i, c])
                least.append(min(1, (row[winner] - row[c]) / margin))
    return np.array(lead), np.array(least)


@pytest.mark.parametrize("min_members", [False, True], ids=["sum", "min_members"])
@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_all_predictions_are_preserved(n_classes, hard, min_members):
    votes = forest_votes(n_classes, n_members=16, n_rows=150, hard=hard)
    weight = np.random.default_rng(0).integers(1, 3, len(votes)).astype(float)
    found = faithful_weights(votes, weight, min_members=min_members, time_limit=2.0)
    assert_array_equal(predict(found, votes), predict(weight, votes))
    assert (found >= 0).all()
    assert_allclose(found.sum(), weight.sum())
    lead, least = constraints(votes, weight, 1e-3)
    assert (lead @ (found / found.sum()) >= 1e-3 * least - 1e-8).all()
    if min_members or hard:
        assert np.count_nonzero(found) < len(votes)


def test_ties_go_to_the_first_class_as_before():
    rng = np.random.default_rng(0)
    for _ in range(8):
        votes = np.eye(3)[rng.integers(0, 3, (6, 12))]
        weight = np.ones(6)
        score = votes.sum(axis=0)
        assert (score == score.max(axis=1, keepdims=True)).sum(axis=1).max() > 1
        for min_members in (False, True):
            found = faithful_weights(votes, weight, min_members=min_members)
            assert_array_equal(predict(found, votes), score.argmax(axis=1))


def least_sum_of_vertices(lead, least):
    """The optimum, by enumeration of the vertices of the feasible set."""
    n = lead.shape[1]
    planes, values = np.vstack([lead, np.eye(n)]), np.append(least, np.zeros(n))
    best = np.inf
    for pick in map(list, combinations(range(len(planes)), n)):
        if abs(np.linalg.det(planes[pick])) > 1e-9:
            corner = np.linalg.solve(planes[pick], values[pick])
            if (planes @ corner >= values - 1e-9).all():
                best = min(best, corner.sum())
    return best


def fewest_of_subsets(lead, least, total):
    members = range(lead.shape[1])
    for pick in chain.from_iterable(combinations(members, k) for k in range(1, len(members) + 1)):
        found = linprog(np.ones(len(pick)), A_ub=-lead[:, pick], b_ub=-least, bounds=(0, None))
        if found.status == 0 and found.fun <= total + 1e-9:
            return len(pick)
    raise AssertionError


@pytest.mark.parametrize("seed", range(12))
def test_optimum_matches_brute_force(seed):
    rng = np.random.default_rng(seed)
    votes, weight = rng.dirichlet(np.ones(3), (4, 5)), rng.random(4) + 0.1
    lead, least = constraints(votes, weight, MARGIN)
    found = faithful_weights(votes, weight, margin=MARGIN, rounds=0)
    share = found / found.sum()
    # The smallest sum of weights with all required leads.
    needed = np.max(least / (lead @ share))
    assert_allclose(needed, least_sum_of_vertices(lead, least), rtol=1e-6)
    min_members = faithful_weights(votes, weight, margin=MARGIN, min_members=True)
    assert np.count_nonzero(min_members) == fewest_of_subsets(lead, least, 1 / MARGIN)


@pytest.mark.parametrize("batch", [1, 20, 10**6])
def test_cutting_planes_solve_the_program_with_all_constraints(batch, monkeypatch):
    monkeypatch.setattr(faithful, "BATCH", batch)
    votes = forest_votes(3, n_members=12, n_rows=60)
    weight = np.ones(len(votes))
    lead, least = constraints(votes, weight, MARGIN)
    everything = linprog(weight, A_ub=-lead, b_ub=-least, bounds=(0, None))
    found = faithful_weights(votes, weight, margin=MARGIN, rounds=0)
    needed = np.max(least / (lead @ (found / found.sum())))
    assert_allclose(needed, everything.fun, rtol=1e-5)


def test_reweighting_rounds_reduce_the_number_of_members():
    votes = forest_votes(2, n_members=40, n_rows=300)
    weight = np.ones(len(votes))
    counts = [np.count_nonzero(faithful_weights(votes, weight, rounds=r)) for r in (0, 4)]
    assert counts[1] < counts[0]


def test_an_infeasible_program_returns_the_given_weights(monkeypatch):
    votes, weight = forest_votes(2, n_members=5, n_rows=30), np.arange(1.0, 6.0)
    monkeypatch.setattr(faithful, "_least_sum", lambda *_: None)
    assert_array_equal(faithful_weights(votes, weight), weight)


def test_without_time_the_weights_of_the_linear_program_are_returned():
    votes, weight = forest_votes(2, n_members=10, n_rows=100), np.ones(10)
    linear = faithful_weights(votes, weight)
    assert_array_equal(faithful_weights(votes, weight, min_members=True, time_limit=0.0), linear)


def test_copies_of_a_member_are_removed():
    votes = np.repeat(forest_votes(3, n_members=4, n_rows=100), 5, axis=0)
    found = faithful_weights(votes, np.ones(20), min_members=True)
    assert np.count_nonzero(found) <= 4


@pytest.mark.parametrize("n_rows", [1, 10, 57])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_bound_has_the_stated_confidence(n_rows, confidence):
    counts = np.arange(n_rows + 1)
    bound = disagreement_bound(counts, n_rows, confidence)
    assert bound[-1] == 1
    assert (np.diff(bound) > 0).all()
    # Exact: at the bound, a count at most as large has probability 1 - confidence.
    assert_allclose(binom.cdf(counts, n_rows, bound)[:-1], 1 - confidence, rtol=1e-9)
    for share in np.linspace(0.001, 0.999, 97):
        covered = binom.pmf(counts, n_rows, share)[bound >= share].sum()
        assert covered >= confidence - 1e-12


def test_bound_without_disagreement_follows_the_rule_of_three():
    assert_allclose(disagreement_bound(0, 3000), 3 / 3000, rtol=0.01)
    assert isinstance(disagreement_bound(0, 3000), float)
    assert disagreement_bound(0, 0) == 1


def test_given_predictions_are_preserved():
    """A tie that the model breaks the other way."""
    votes = np.array([[[1.0, 0.0]], [[0.0, 1.0]], [[0.2, 0.8]], [[0.8, 0.2]]])
    votes = np.concatenate([votes, np.tile([0.9, 0.1], (4, 1, 1))], axis=1)
    weight = np.ones(4)
    for winner in ([0, 0], [1, 0]):
        found = faithful_weights(votes, weight, winner=np.array(winner))
        assert_array_equal(predict(found, votes), winner)


def test_strict_samples_get_a_positive_lead():
    votes = forest_votes(2, n_members=12, n_rows=200, hard=True)
    weight = np.ones(len(votes))
    score = np.tensordot(weight, votes, 1)
    tied = score[:, 0] == score[:, 1]
    assert tied.any()
    found = faithful_weights(votes, weight, strict=tied)
    if not np.array_equal(found, weight):
        lead = np.tensordot(found, votes, 1) @ [1, -1]
        assert (lead[tied] > 0).all()
    one = np.flatnonzero(tied)[:1]
    found = faithful_weights(votes[:, one], weight, strict=np.ones(1, dtype=bool))
    lead = np.tensordot(found, votes[:, one], 1) @ [1, -1]
    assert (lead > 1e-9).all()
