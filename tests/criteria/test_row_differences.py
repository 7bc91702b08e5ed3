"""Differences of samples, compared with loops over all pairs of values."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skprune.criteria.row_differences import difference_sums, distances, encode_samples


def differ(X, nominal, label, i, j, f):
    """The difference of two samples in a feature, averaged over the class if missing."""
    present = ~np.isnan(X[:, f])
    span = np.ptp(X[present, f]) if present.any() else 0.0

    def entries(row):
        if present[row]:
            return X[[row], f]
        of_class = X[present & (label == label[row]), f]
        return of_class if len(of_class) else X[present, f]

    pairs = [(a, b) for a in entries(i) for b in entries(j)]
    if not pairs or not span:
        return 0.0
    return np.mean([float(a != b) if nominal[f] else abs(a - b) / span for a, b in pairs])


def all_differences(X, nominal, label):
    n, p = X.shape
    return np.array(
        [
            [[differ(X, nominal, label, i, j, f) for f in range(p)] for j in range(n)]
            for i in range(n)
        ]
    )


def mixed_table(n_rows, n_classes, holes, seed=0):
    """Two numeric, two nominal and a constant feature; samples sorted by class."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 5)) * [1, 100, 1, 1, 1]
    X[:, 2:4] = rng.integers(0, 4, (n_rows, 2))
    X[:, 4] = 3.0
    X[rng.random(X.shape) < holes] = np.nan
    label = np.sort(np.append(np.arange(n_classes), rng.integers(0, n_classes, n_rows))[:n_rows])
    return X, np.array([False, False, True, True, False]), label


@pytest.mark.parametrize("holes", [0.0, 0.2, 0.7])
@pytest.mark.parametrize("n_classes", [1, 3])
def test_differences_and_distances_match_loops(n_classes, holes):
    X, nominal, label = mixed_table(24, n_classes, holes)
    rows = encode_samples(X, nominal, label, np.ones(24))
    expected = all_differences(X, nominal, label)
    i, j = np.divmod(np.arange(24 * 24), 24)
    weights = np.random.default_rng(1).normal(size=(2, len(i)))
    assert_allclose(
        difference_sums(rows, i, j, weights), weights @ expected.reshape(-1, 5), atol=1e-12
    )
    found = np.block([[distances(rows, a, b) for b in rows.spans] for a in rows.spans])
    different = i.reshape(24, 24) != j.reshape(24, 24)
    assert_allclose(found[different], expected.sum(axis=2)[different], atol=1e-12)


def test_a_class_without_values_takes_those_of_all_samples():
    X, nominal, label = mixed_table(20, 3, 0.1)
    X[label == 1, 0] = X[label == 1, 2] = np.nan
    X[:, 1] = np.nan
    rows = encode_samples(X, nominal, label, np.ones(20))
    expected = all_differences(X, nominal, label).sum(axis=2)
    i, j = np.triu_indices(20, 1)
    found = np.block([[distances(rows, a, b) for b in rows.spans] for a in rows.spans])
    assert_allclose(found[i, j], expected[i, j], atol=1e-12)
    assert_array_equal(rows.varies, [True, False, True, True, False])


def test_weights_are_repetitions_in_expectations():
    X, nominal, label = mixed_table(20, 2, 0.3)
    weight = np.random.default_rng(2).integers(1, 4, 20)
    weighted = encode_samples(X, nominal, label, weight.astype(float))
    again = encode_samples(
        X.repeat(weight, axis=0), nominal, label.repeat(weight), np.ones(weight.sum())
    )
    assert_allclose(weighted.expected.repeat(weight, axis=1), again.expected, atol=1e-14)


def test_a_range_that_overflows_is_scaled():
    X = np.array([[-1.5e308, 0.0], [1.5e308, 5e-324], [0.0, 0.0]])
    rows = encode_samples(X, np.zeros(2, dtype=bool), np.zeros(3, dtype=int), np.ones(3))
    assert_array_equal(rows.values[:, 0], [0.0, 1.0, 0.5])
    assert np.isfinite(rows.values).all()


def test_columns_in_any_memory_order_and_the_input_untouched():
    X, nominal, label = mixed_table(20, 2, 0.2)
    before = X.copy()
    first = encode_samples(X, nominal, label, np.ones(20))
    second = encode_samples(np.asfortranarray(X), nominal, label, np.ones(20))
    assert_array_equal(X, before)
    for one, other in zip(first, second, strict=True):
        assert_array_equal(one, other)
