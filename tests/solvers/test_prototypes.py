"""Prototypes, compared with naive loops of the same rules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.neighbors import KNeighborsClassifier

from skprune.solvers import prototypes
from skprune.solvers.prototypes import condense, facility_location


def naive_condense(X, codes):
    """The same rule, one sample at a time."""
    apart, chosen = cdist(X, X, "sqeuclidean"), []
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        chosen.append(rows[((X[rows] - X[rows].mean(axis=0)) ** 2).sum(axis=1).argmin()])
    while True:
        asked = {}
        for row in set(range(len(X))) - set(chosen):
            nearest = min(chosen, key=lambda c: apart[row, c])
            if codes[nearest] != codes[row]:
                asked.setdefault(nearest, []).append((apart[row, nearest], row))
        if not asked:
            return np.isin(np.arange(len(X)), chosen)
        chosen += [min(rows)[1] for rows in asked.values()]


@pytest.mark.parametrize("batch", [1, 2**22])
def test_prototypes_match_a_naive_loop(monkeypatch, batch):
    monkeypatch.setattr(prototypes, "BATCH", batch)
    rng = np.random.default_rng(0)
    X, codes = rng.normal(size=(120, 3)), rng.integers(0, 3, 120)
    found = condense(X, codes, np.zeros(120, dtype=bool))
    np.testing.assert_array_equal(found, naive_condense(X, codes))
    shuffled = rng.permutation(120)
    again = condense(X[shuffled], codes[shuffled], np.zeros(120, dtype=bool))
    np.testing.assert_array_equal(again, found[shuffled])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(0, 2)), min_size=1))
def test_prototypes_classify_all_samples(rows):
    X, codes = (
        np.array(rows, dtype=float)[:, :2],
        np.unique([r[2] for r in rows], return_inverse=True)[1],
    )
    kept = condense(X, codes, np.zeros(len(X), dtype=bool))
    places, where = np.unique(X, axis=0, return_inverse=True)
    kinds = [len(set(codes[where.ravel() == place])) for place in range(len(places))]
    clear = np.array(kinds)[where.ravel()] == 1  # not coincident with another class
    # Ties between two classes are ambiguous.
    apart = cdist(X, X[kept], "sqeuclidean")
    for row in np.flatnonzero(clear):
        at = codes[kept][apart[row] == apart[row].min()]
        assert codes[row] in at


def test_prototypes_are_consistent_without_ties():
    rng = np.random.default_rng(1)
    X, codes = rng.normal(size=(200, 4)), rng.integers(0, 2, 200)
    kept = condense(X, codes, codes == 1)
    assert kept[codes == 1].all()
    assert not kept.all()
    assert KNeighborsClassifier(1).fit(X[kept], codes[kept]).score(X, codes) == 1.0


@pytest.mark.parametrize("copies", [1, 4])
def test_facility_location_is_greedy(copies):
    rng = np.random.default_rng(2)
    X, weight = rng.normal(size=(70, 3)).repeat(copies, axis=0), rng.uniform(size=70 * copies)
    order = facility_location(X, weight)
    assert sorted(order) == list(range(70 * copies))
    apart = cdist(X, X)
    near = np.full(len(X), apart.max())
    for row in order:  # as good as the best, up to ties
        gains = np.maximum(near - apart, 0) @ weight
        assert gains[row] == pytest.approx(gains.max(), abs=1e-9)
        near = np.minimum(near, apart[row])


def test_facility_location_of_one_sample():
    assert facility_location(np.ones((1, 2)), np.ones(1)).tolist() == [0]
