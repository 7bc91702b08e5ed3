"""Co-moments of batches, compared with those of all rows at once."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skprune.criteria.comoments import correlations, merge_batches, read_batch, variances


def table(missing, n_rows=200, n_columns=7):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 4)) @ rng.normal(size=(4, n_columns)) + 100
    X += np.arange(n_rows)[:, None] / 10  # batches are far apart
    X[rng.random(X.shape) < missing] = np.nan
    X[:, 5] = np.nan
    X[150:, 5] = 3.0
    X[:, 6] = 0.1
    return X


def stream(X, edges, weight=None):
    state = None
    for rows in np.split(np.arange(len(X)), edges):
        batch = read_batch(X[rows], None if weight is None else weight[rows])
        state = batch if state is None else merge_batches(state, batch)
    return state


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("edges", [[], [1], [20, 21, 90], list(range(10, 200, 10))])
def test_merged_batches_match_all_rows_at_once(missing, edges):
    X = table(missing)
    state = stream(X, edges)
    expected = pd.DataFrame(X).corr().fillna(0.0).to_numpy().copy()
    expected[np.arange(7) > 4] = 0.0
    found = correlations(state)
    assert_allclose(found, expected, atol=1e-12)
    variance, count = variances(state)
    assert_allclose(variance[:5], np.nanvar(X[:, :5], axis=0), rtol=1e-12)
    assert_array_equal(variance[5:], 0.0)
    assert_array_equal(count, (~np.isnan(X)).sum(axis=0))
    assert state.total == 200


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_weights_are_repetitions(missing):
    X = table(missing)
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    found = correlations(stream(X, [50, 60], weight))
    assert_allclose(found, correlations(read_batch(np.repeat(X, weight, axis=0))), atol=1e-12)


def test_missing_values_may_occur_in_some_batches_only():
    X = table(0.0)
    X[80:120, 2] = np.nan
    expected = pd.DataFrame(X[:, :5]).corr().to_numpy()
    found = correlations(stream(X, [40, 100, 160]))
    assert_allclose(found[:5, :5], expected, atol=1e-12)


def test_a_column_constant_on_the_shared_rows_has_no_correlation():
    X = np.random.default_rng(0).normal(size=(60, 3))
    X[:30, 0] = 0.1
    X[30:, 1] = np.nan
    found = correlations(stream(X, [10, 40]))
    assert found[0, 1] == 0.0
    assert abs(found[0, 2]) > 0
