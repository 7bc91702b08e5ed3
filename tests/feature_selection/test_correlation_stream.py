"""`CorrelationPruner.partial_fit`: batches of rows give what all rows at once give."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skprune import CorrelationPruner
from skprune.exceptions import InputError, LevelError


def table(missing=0.0, n_rows=300, n_columns=10):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 4)) @ rng.normal(size=(4, n_columns)) + 50
    X += 0.3 * rng.normal(size=X.shape) + np.arange(n_rows)[:, None] / 100
    X[rng.random(X.shape) < missing] = np.nan
    X[:, 7] = 1.0
    return X


def stream(pruner, X, weight=None):
    for rows in np.split(np.arange(len(X)), [2, 40, 41, 200]):
        pruner.partial_fit(X[rows], sample_weight=None if weight is None else weight[rows])
    return pruner


@pytest.mark.parametrize(
    "params",
    [
        {"threshold": 0.6},
        {"keep": 0.4, "prefer": "variance"},
        {"linkage": "average", "threshold": 0.6},
        {"groups": [[0, 1], [3, 5]], "always_keep": [2], "threshold": 0.5},
        {"criterion": "vif", "threshold": 0.8},
    ],
    ids=str,
)
@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_batches_equal_all_rows(params, missing, weighted):
    if missing and params.get("criterion") == "vif":
        pytest.skip("it reads no missing values")
    X = table(missing)
    weight = np.random.default_rng(1).integers(1, 4, len(X)) if weighted else None
    whole = CorrelationPruner(**params).fit(X, sample_weight=weight)
    found = stream(CorrelationPruner(**params), X, weight)
    assert not whole.keep_mask_.all()
    pd.testing.assert_frame_equal(found.report_, whole.report_, rtol=0, atol=1e-10)
    assert_array_equal(found.path_.units, whole.path_.units)


def test_a_pickle_goes_on_where_it_was_and_fit_begins_anew():
    X = table()
    pruner = CorrelationPruner(threshold=0.6)
    half = pickle.loads(pickle.dumps(clone(pruner).partial_fit(X[:100])))
    found = half.partial_fit(X[100:])
    expected = clone(pruner).fit(X)
    assert_array_equal(found.keep_mask_, expected.keep_mask_)
    found.fit(X[:50])
    assert_array_equal(found.keep_mask_, clone(pruner).fit(X[:50]).keep_mask_)
    again = found.partial_fit(X[50:100]).partial_fit(X[100:])
    assert_array_equal(again.keep_mask_, clone(pruner).fit(X[50:]).keep_mask_)


@pytest.mark.parametrize("criterion", ["spearman", "cramer", "mixed"])
def test_ranks_and_bins_need_all_rows(criterion):
    pruner = CorrelationPruner(criterion=criterion)
    assert not hasattr(pruner, "partial_fit")
    with pytest.raises(AttributeError) as caught:
        pruner.partial_fit(table())
    assert "Choose 'pearson' or 'vif', or call fit" in str(caught.value.__cause__)


def test_a_batch_that_fails_is_not_added():
    X = table()
    pruner = CorrelationPruner(keep=5).partial_fit(X[:100])
    bad = X[100:].copy()
    bad[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        pruner.partial_fit(bad)
    with pytest.raises(LevelError, match="keep=1 cannot be met"):
        pruner.set_params(keep=1).partial_fit(X[100:])
    found = pruner.set_params(keep=5).partial_fit(X[100:])
    expected = CorrelationPruner(keep=5).fit(X)
    pd.testing.assert_frame_equal(found.report_, expected.report_, rtol=0, atol=1e-10)


def test_a_batch_has_no_target_and_the_same_columns():
    X = table()
    with pytest.raises(InputError, match="partial_fit uses no target"):
        CorrelationPruner(prefer="association").partial_fit(X, X[:, 0])
    pruner = CorrelationPruner().partial_fit(X)
    with pytest.raises(ValueError, match="9 features, but CorrelationPruner is expecting 10"):
        pruner.partial_fit(X[:, :9])
