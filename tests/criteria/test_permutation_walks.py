"""Rerouted decision paths, compared with routing the whole permuted table."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skprune.arrays.nodes import route
from skprune.criteria.permutation_walks import decision_steps, permutations, reroute
from tests._trees import N_FEATURES, node_tables, reproducible

N_ROWS = 7


def test_permutations_are_cumulative_as_in_scikit_learn():
    rng, order, column = np.random.RandomState(3), np.arange(9), np.arange(9.0)
    for source in permutations(9, 4, 3):
        rng.shuffle(order)
        column = column[order]  # scikit-learn shuffles the shuffled column again
        assert_array_equal(np.arange(9.0)[source], column)


@reproducible
@given(
    node_tables(),
    st.lists(st.integers(-1, 1), min_size=N_FEATURES, max_size=N_FEATURES).map(np.array),
    st.lists(st.integers(0, N_ROWS - 1), min_size=1, unique=True).map(np.array),
    st.integers(0, 99),
)
def test_changed_paths_match_routing_the_permuted_table(table, unit_of, rows, seed):
    rng = np.random.default_rng(seed)
    X = rng.choice([-1.0, -0.5, 0.0, 0.5, 1.0, np.nan], size=(N_ROWS, N_FEATURES))
    source = rng.permutation(N_ROWS)
    known = decision_steps(table, X, rows, unit_of)
    assert_array_equal(known.leaf.reshape(-1, len(rows)), route(table, X[rows]).T)
    unit, walks, leaf = reroute(table, X, rows, unit_of, known, source)
    assert_array_equal(unit, np.sort(unit))
    for each in (0, 1):
        found, mine = known.leaf.copy(), unit == each
        assert len(set(walks[mine])) == mine.sum()
        found[walks[mine]] = leaf[mine]
        permuted = np.where(unit_of == each, X[source], X)
        assert_array_equal(found.reshape(-1, len(rows)), route(table, permuted[rows]).T)
        old = known.leaf[walks[mine]]
        looks = np.isin(table.feature[table.is_split], np.flatnonzero(unit_of == each))
        assert looks.any() or not mine.any()
        assert (old != leaf[mine]).all() or len(old) == 0
