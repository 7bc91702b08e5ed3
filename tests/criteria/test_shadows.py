"""Shadows and the sequential test, whose exact errors are found by enumeration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad

from skprune.criteria.shadows import (
    CHANCE,
    CONFIRMED,
    REJECTED,
    STRONG,
    TENTATIVE,
    best_of_units,
    decide,
    discoveries,
    log_evidence,
    shadow_columns,
)


def table(n_rows=40, n_columns=4):
    """Distinct integers."""
    return np.arange(n_rows * n_columns, dtype=float).reshape(n_rows, n_columns)


def test_shadows_hold_the_values_of_their_columns():
    X = table()
    shadows = shadow_columns(X, np.arange(4), 3, np.random.default_rng(0))
    assert_array_equal(np.sort(shadows, axis=0), X)
    assert (shadows != X).any(axis=0).all()
    rows = (shadows - X[0]) / 4
    assert len(np.unique(rows, axis=1).T) == 4  # independent permutations


def test_columns_of_a_unit_are_permuted_together():
    X = table()
    units = np.array([5, 2, 5, 7])
    rows = (shadow_columns(X, units, 1, np.random.default_rng(0)) - X[0]) / 4
    assert_array_equal(rows[:, 0], rows[:, 2])
    assert (rows[:, 0] != rows[:, 1]).any()


@pytest.mark.parametrize(("n_least", "n_shadows"), [(1, 4), (4, 4), (5, 8), (9, 12)])
def test_number_of_shadows_is_at_least_the_minimum(n_least, n_shadows):
    X = table()
    shadows = shadow_columns(X, np.array([0, 1, 0, 2]), n_least, np.random.default_rng(0))
    assert shadows.shape == (40, n_shadows)
    assert_array_equal(np.sort(shadows, axis=0), np.tile(X, n_shadows // 4))
    assert len(np.unique(shadows[:, 1::4], axis=1).T) == n_shadows // 4


def test_shadows_keep_missing_values_and_dtype():
    X = table().astype(np.float32)
    X[::3, 1] = np.nan
    shadows = shadow_columns(X, np.arange(4), 5, np.random.default_rng(0))
    assert shadows.dtype == np.float32
    assert_array_equal(np.isnan(shadows).sum(axis=0), np.isnan(np.tile(X, 2)).sum(axis=0))


def test_importance_of_a_unit_is_that_of_its_best_column():
    found = best_of_units(np.array([1.0, 3.0, 2.0]), np.array([0, 0, 2]), 3)
    assert_array_equal(found, [3.0, -np.inf, 2.0])


@pytest.mark.parametrize(("wins", "losses"), [(0, 0), (9, 0), (0, 7), (5, 2), (30, 29)])
@pytest.mark.parametrize("chance", [0.5, 0.25])
def test_evidence_is_the_mixture_of_likelihood_ratios(wins, losses, chance):
    def prior(p):
        return 1 / np.sqrt(1 - p)

    def ratio(p):
        return prior(p) * (p / chance) ** wins * ((1 - p) / (1 - chance)) ** losses

    expected = quad(ratio, chance, 1)[0] / quad(prior, chance, 1)[0]
    assert_allclose(np.exp(log_evidence(wins, losses, chance)), expected, rtol=1e-6)


@given(wins=st.integers(0, 300), losses=st.integers(0, 300), chance=st.sampled_from([0.25, 0.5]))
def test_evidence_has_expectation_one_under_the_hypothesis(wins, losses, chance):
    now, won, lost = np.exp(
        log_evidence(
            np.array([wins, wins + 1, wins]), np.array([losses, losses, losses + 1]), chance
        )
    )
    assert won > now > lost
    assert_allclose(chance * won + (1 - chance) * lost, now, rtol=1e-8)


def test_evidence_is_finite_after_many_rounds():
    assert np.isfinite(log_evidence(np.array([0, 10**5]), np.array([10**5, 0]), 0.5)).all()


def crossing(chance, bar, p, n_rounds, look):
    """Exact probability that evidence ever reaches a bar at a look, for win probability p."""
    alive = np.array([1.0])  # by wins
    crossed = 0.0
    for n in range(1, n_rounds + 1):
        alive = np.convolve(alive, [1 - p, p])
        if n % look == 0:
            wins = np.arange(n + 1)
            over = log_evidence(wins, n - wins, chance) >= np.log(bar)
            crossed += alive[over].sum()
            alive = np.where(over, 0.0, alive)
    return crossed


@pytest.mark.parametrize("bar", [20, 200, 2000])
@pytest.mark.parametrize("look", [1, 3])
def test_error_probability_is_bounded_for_any_number_of_looks(bar, look):
    for chance in (CHANCE, 1 - STRONG):
        wrong = [crossing(chance, bar, p, 300, look) for p in (chance, chance / 2)]
        assert 0 < wrong[1] < wrong[0] <= 1 / bar


def test_power_for_a_relevant_column():
    assert crossing(CHANCE, 200, 0.999, 9, 3) > 0.99  # nine rounds suffice
    assert crossing(CHANCE, 200, 1.0, 8, 1) == 0
    assert crossing(CHANCE, 200, 0.9, 20, 3) > 0.5


def test_discoveries_need_enough_evidence_for_their_number():
    evidence = np.log([100.0, 1.0, 40.0, 30.0, 0.1])
    # At alpha=0.05, one needs 100, two need 50, three need 34: only the first stands alone.
    assert_array_equal(discoveries(evidence, 0.05), [1, 0, 0, 0, 0])
    evidence[3] = np.log(34.0)
    assert_array_equal(discoveries(evidence, 0.05), [1, 0, 1, 1, 0])
    assert not discoveries(np.zeros(4), 0.05).any()
    assert discoveries(np.array([np.log(20.0) + 1e-9]), 0.05).all()


@given(st.lists(st.floats(-5, 15), min_size=1, max_size=12), st.sampled_from([0.01, 0.05, 0.3]))
def test_discoveries_are_the_largest_self_consistent_set(evidence, alpha):
    evidence = np.array(evidence)
    n = len(evidence)
    sizes = [k for k in range(1, n + 1) if (evidence >= np.log(n / (alpha * k))).sum() >= k]
    chosen = discoveries(evidence, alpha)
    assert chosen.sum() >= max(sizes, default=0)
    assert bool(chosen.any()) == bool(sizes)
    if sizes:
        assert_array_equal(chosen, evidence >= np.sort(evidence)[::-1][max(sizes) - 1])


def test_verdicts_are_final_and_consistent():
    verdicts = np.array([TENTATIVE, TENTATIVE, TENTATIVE, CONFIRMED, REJECTED])
    wins, losses = np.array([9, 0, 5, 6, 0]), np.array([0, 9, 4, 3, 3])
    found = decide(verdicts, wins, losses, 0.05)
    assert_array_equal(found, [CONFIRMED, REJECTED, TENTATIVE, CONFIRMED, REJECTED])


def test_three_losses_reject_noise_among_many_columns_only():
    for n_units, verdict in [(100, REJECTED), (1, REJECTED)]:
        losses = np.full(n_units, 3)
        assert (decide(np.zeros(n_units, int), 0 * losses, losses, 0.05) == verdict).all()
    losses = np.where(np.arange(100) < 50, 3, 0)
    assert (decide(np.zeros(100, int), 0 * losses, losses, 0.05) == TENTATIVE).all()


@pytest.mark.untraced
@pytest.mark.parametrize("chance", [0.5, 0.3])
def test_false_discovery_rate_of_the_confirmed(chance):
    # 40 columns win with the highest chance that is no more than luck, 5 always; they share
    # their luck, as columns that meet the same shadows do.
    rng = np.random.default_rng(0)
    false_share = []
    for _ in range(300):
        verdicts, wins, rounds = np.zeros((3, 45), dtype=int)
        for _ in range(20):
            luck = (rng.random() < chance) if rng.random() < 0.5 else rng.random(40) < chance
            won = np.append(np.broadcast_to(luck, 40), np.ones(5, dtype=bool))
            for_ = verdicts == TENTATIVE
            wins, rounds = wins + (won & for_), rounds + for_
            verdicts = decide(verdicts, wins, rounds - wins, 0.05)
        confirmed = verdicts == CONFIRMED
        assert confirmed[40:].all()
        false_share.append(confirmed[:40].sum() / confirmed.sum())
    assert np.mean(false_share) <= 0.05
