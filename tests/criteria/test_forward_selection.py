"""Forward selection, compared with double loops that recompute every score."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skprune.criteria.forward_selection import (
    DIFFERENCE,
    MEAN,
    MINIMUM,
    fcbf,
    quotient,
    select_forward,
)

P = 12
FLOOR = 0.2


def problem(seed, digits=3):
    """Relevance and a symmetric matrix of terms, rounded so that some are tied."""
    rng = np.random.default_rng(seed)
    relevance = np.round(rng.random(P), digits)
    terms = np.round(rng.random((P, P)), digits)
    return relevance, np.round((terms + terms.T) / 2, digits)


def term_of(matrix):
    return lambda s, columns: matrix[s, columns]


SCHEMES = {
    "difference": (
        DIFFERENCE,
        lambda relevance, terms: relevance - (np.mean(terms) if len(terms) else 0),
    ),
    "quotient": (
        quotient(FLOOR),
        lambda relevance, terms: (
            relevance / (np.mean(np.maximum(terms, FLOOR)) if len(terms) else FLOOR)
        ),
    ),
    "mean": (
        MEAN,
        lambda relevance, terms: np.mean(terms) if len(terms) else relevance,
    ),
    "minimum": (
        MINIMUM,
        lambda relevance, terms: min([relevance, *terms]),
    ),
}
over_schemes = pytest.mark.parametrize("name", SCHEMES)


def naive_selection(relevance, matrix, score, units, forced, n_columns):
    """Select with all terms of every candidate in every step."""
    taken, order, at_pick = set(np.flatnonzero(forced)), [], {}
    chosen = sorted(j for j in taken if not np.isnan(relevance[j]))
    while len(taken) < n_columns:
        left = [j for j in range(P) if j not in taken and not np.isnan(relevance[j])]
        if not left:
            break
        scores = {j: score(relevance[j], [matrix[s, j] for s in chosen]) for j in left}
        best = max(left, key=lambda j: (round(scores[j], 10), relevance[j], -j))
        order.append(best)
        at_pick[best] = scores[best]
        members = [j for j in range(P) if units[j] == units[best]]
        taken |= set(members)
        chosen += [j for j in members if not np.isnan(relevance[j])]
    return order, at_pick


@over_schemes
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_columns", [1, 4, P])
def test_selection_matches_eager_evaluation(name, seed, n_columns, monkeypatch):
    monkeypatch.setattr("skprune.criteria.forward_selection.BATCH", 3)
    scheme, score = SCHEMES[name]
    relevance, matrix = problem(seed)
    relevance[3] = np.nan
    nobody = np.zeros(P, dtype=bool)
    for units, forced in [
        (np.arange(P), nobody),
        (np.arange(P) // 2, nobody),
        (np.arange(P) // 2, np.isin(np.arange(P), [2, 3, 8, 9])),
    ]:
        found = select_forward(relevance, term_of(matrix), scheme, units, forced, n_columns)
        order, at_pick = naive_selection(relevance, matrix, score, units, forced, n_columns)
        assert found.order.tolist() == order
        assert_allclose(found.scores[order], [at_pick[j] for j in order], rtol=1e-12)
        assert_array_equal(np.isnan(found.scores), np.isnan(relevance))


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=60)
def test_lazy_minima_match_eager_ones_with_ties(seed):
    relevance, matrix = problem(seed, digits=1)
    nobody = np.zeros(P, dtype=bool)
    found = select_forward(relevance, term_of(matrix), MINIMUM, np.arange(P), nobody, P)
    order, _ = naive_selection(relevance, matrix, SCHEMES["minimum"][1], np.arange(P), nobody, P)
    assert found.order.tolist() == order


def test_lazy_minima_evaluate_few_terms():
    relevance = np.append(np.full(5, 0.5), np.full(995, 0.01))
    asked = []

    def term(_s, columns):
        asked.append(len(columns))
        return np.where(columns < 5, 0.4, 0.01)

    nobody = np.zeros(1000, dtype=bool)
    found = select_forward(relevance, term, MINIMUM, np.arange(1000), nobody, 5)
    assert found.order.tolist() == [0, 1, 2, 3, 4]
    assert sum(asked) < 700


@over_schemes
def test_selection_ends_at_the_threshold(name):
    scheme, _ = SCHEMES[name]
    relevance, matrix = problem(0)
    every = np.arange(P), np.zeros(P, dtype=bool), P
    whole = select_forward(relevance, term_of(matrix), scheme, *every)
    lowest = np.minimum.accumulate(whole.scores[whole.order])
    found = select_forward(relevance, term_of(matrix), scheme, *every, threshold=lowest[3])
    assert found.order.tolist() == whole.order[: (lowest > lowest[3]).sum()].tolist()


@over_schemes
def test_without_eligible_columns_nothing_is_selected(name):
    scheme, _ = SCHEMES[name]
    empty = np.full(P, np.nan)
    nobody = np.zeros(P, dtype=bool)
    found = select_forward(empty, None, scheme, np.arange(P), nobody, P)
    assert len(found.order) == 0
    assert np.isnan(found.scores).all()


def naive_fcbf(strength, matrix):
    """FCBF as published: pairs in a sorted list."""
    left = sorted((j for j in range(P) if strength[j] > 0), key=lambda j: (-strength[j], j))
    kept = []
    while left:
        s = left.pop(0)
        kept.append(s)
        left = [j for j in left if not matrix[s, j] >= strength[j]]
    return sorted(kept)


@pytest.mark.parametrize("seed", range(10))
def test_fcbf_matches_the_published_algorithm(seed):
    strength, matrix = problem(seed, digits=1)
    strength[4] = 0
    units, nobody = np.arange(P), np.zeros(P, dtype=bool)
    found = fcbf(strength, term_of(matrix), units, nobody)
    assert np.flatnonzero(found.kept).tolist() == naive_fcbf(strength, matrix)
    gone = np.flatnonzero(~found.kept & (strength > 0))
    assert found.kept[found.partner[gone]].all()
    assert (strength[found.partner[gone]] >= strength[gone]).all()
    assert_array_equal(found.value[gone], matrix[gone, found.partner[gone]])
    assert (found.value[gone] >= strength[gone]).all()
    assert (found.partner[found.kept] == -1).all()
    assert found.partner[4] == -1


def test_fcbf_keeps_units_with_any_kept_column():
    strength = np.array([0.9, 0.5, 0.4, 0.3, 0.0])
    matrix = np.zeros((5, 5))
    matrix[0, 1] = matrix[0, 3] = 0.8
    nobody = np.zeros(5, dtype=bool)
    close = term_of(matrix)
    alone_ = fcbf(strength, close, np.arange(5), nobody)
    assert alone_.kept.tolist() == [True, False, True, False, False]
    grouped = fcbf(strength, close, np.array([0, 1, 1, 2, 0]), nobody)
    assert grouped.kept.tolist() == [True, True, True, False, True]
    assert grouped.partner.tolist() == [-1, -1, -1, 0, -1]
    weak = fcbf(strength, close, np.arange(5), np.arange(5) == 3)
    assert weak.kept.tolist() == [True, False, True, True, False]


def test_fcbf_keeps_at_least_one_column():
    found = fcbf(np.zeros(4), None, np.array([0, 1, 0, 2]), np.zeros(4, dtype=bool))
    assert found.kept.tolist() == [True, False, True, False]
