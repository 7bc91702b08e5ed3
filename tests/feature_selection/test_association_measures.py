"""What pairs of columns are measured by: the numbers that priorities and tiles come from."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr

from skprune.criteria.comoments import read_batch
from skprune.feature_selection._association_measures import StreamedCorrelations, strength_of
from skprune.feature_selection._columns import Columns

CRITERIA = ["pearson", "spearman", "cramer", "mixed", "vif"]


def table(missing=0.1):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4)) @ rng.normal(size=(4, 6))
    X[:, 5] = rng.integers(0, 3, 90)
    X[rng.random(X.shape) < missing] = np.nan
    return Columns(X, np.arange(6) == 5), np.random.default_rng(1).integers(1, 3, 90)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_priorities_that_need_no_target(criterion):
    columns, weight = table()
    strength = strength_of(criterion, columns, weight)
    repeated = np.repeat(columns.X, weight, axis=0)
    assert_allclose(strength.rate("missing"), (~np.isnan(repeated)).mean(axis=0), atol=1e-12)
    expected = np.nanvar(repeated, axis=0)
    if criterion in {"cramer", "mixed"}:
        expected[5] = 0.0  # codes of categories have no variance
    assert_allclose(strength.rate("variance"), expected, rtol=1e-11)
    assert_array_equal(strength.rate("order"), 0.0)


@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_target_is_one_more_column(criterion):
    columns, weight = table(missing=0.0)
    y = columns.X[:, 2]
    rated = strength_of(criterion, columns, weight).rate_by_target(y)
    assert rated[2] == rated.max() == pytest.approx(1.0)
    whole = np.column_stack([columns.X, y])
    with_target = strength_of(criterion, Columns(whole, np.arange(7) == 5), weight)
    tile = with_target.tiles([np.arange(7)])(0, 0)
    assert_allclose(rated, np.abs(tile[-1, :-1]), atol=1e-12)
    if criterion == "spearman":
        repeated = np.repeat(columns.X, weight, axis=0)
        assert_allclose(tile[:6, :6], spearmanr(repeated).statistic, atol=1e-12)


def test_batches_make_the_same_tiles_but_hold_no_target():
    columns, weight = table()
    members = [np.array([3, 1]), np.array([0, 2, 4])]
    streamed = StreamedCorrelations(read_batch(columns.X, weight))
    expected = strength_of("pearson", columns, weight).tiles(members)(0, 1)
    assert_allclose(streamed.tiles(members)(0, 1), expected, atol=1e-12)
    assert not hasattr(streamed, "rate_by_target")
