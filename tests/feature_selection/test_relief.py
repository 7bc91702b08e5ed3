"""Columns by their neighbourhoods."""

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.feature_selection import f_classif, f_regression

from skprune import ReliefPruner
from skprune.exceptions import InputError, PruningWarning

CRITERIA = ["relieff", "surf", "multisurf"]
over_criteria = pytest.mark.parametrize("criterion", CRITERIA)


def xor(n_rows=400, n_columns=12, seed=0):
    """The class is whether two columns have the same sign."""
    X = np.random.default_rng(seed).uniform(-1, 1, (n_rows, n_columns))
    return X, X[:, 3] * X[:, 7] > 0


@over_criteria
@pytest.mark.parametrize("seed", range(3))
def test_columns_that_say_something_only_together_rank_first(criterion, seed):
    X, y = xor(seed=seed)
    assert f_classif(X, y)[1][[3, 7]].min() > 1e-3  # one by one they say nothing
    found = ReliefPruner(criterion=criterion, keep=2).fit(X, y)
    assert found.get_support(indices=True).tolist() == [3, 7]


@over_criteria
@pytest.mark.parametrize("seed", range(3))
def test_interactions_rank_first_for_a_quantity(criterion, seed):
    X, _ = xor(seed=seed)
    y = X[:, 3] * X[:, 7]
    assert f_regression(X, y)[1][[3, 7]].min() > 1e-3
    found = ReliefPruner(criterion=criterion, keep=2).fit(X, y)
    assert found.get_support(indices=True).tolist() == [3, 7]


@over_criteria
def test_categories_rank_by_what_they_say_together(criterion):
    rng = np.random.default_rng(0)
    kinds = np.array(["red", "green", "blue"], dtype=object)[rng.integers(0, 3, (300, 6))]
    y = np.where((kinds[:, 1] == "red") == (kinds[:, 4] == "red"), "yes", "no")
    X = pd.DataFrame(kinds, columns=list("abcdef"))
    X["c"] = X["c"].astype("category")
    found = ReliefPruner(criterion=criterion, keep=2).fit(X, y)
    assert found.get_feature_names_out().tolist() == ["b", "e"]
    renamed = X.astype(object).replace({"red": "zinc", "blue": "amber"})
    again = clone(found).fit(renamed.iloc[:, ::-1], y)
    assert_allclose(again.scores_[::-1], found.scores_, rtol=0, atol=1e-12)


@over_criteria
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_missing_values_cost_no_more_than_their_share(criterion, task):
    X, y = xor()
    y = y if task == "classification" else X[:, 3] * X[:, 7]
    X[np.random.default_rng(1).random(X.shape) < 0.05] = np.nan
    X[:, 0] = np.nan
    found = ReliefPruner(criterion=criterion, task=task, keep=2).fit(X, y)
    assert found.get_support(indices=True).tolist() == [3, 7]
    assert np.isnan(found.scores_[0])
    assert found.ranking_[0] == 12


@over_criteria
def test_scores_depend_neither_on_threads_nor_on_labels(criterion):
    X, y = xor()
    found = ReliefPruner(criterion=criterion).fit(X, y)
    again = ReliefPruner(criterion=criterion, n_jobs=2).fit(X, y)
    assert_array_equal(again.scores_, found.scores_)
    with joblib.parallel_config("loky", n_jobs=2):  # blocks share what they found
        assert_array_equal(clone(found).fit(X, y).scores_, found.scores_)
    named = clone(found).fit(X, np.where(y, "a", "b"))
    assert_allclose(named.scores_, found.scores_, rtol=0, atol=1e-15)


@over_criteria
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_units_of_columns_do_not_matter(criterion, task):
    X, y = xor()
    y = y.astype(float) if task == "classification" else X[:, 3] * X[:, 7]
    found = ReliefPruner(criterion=criterion, task=task).fit(X, y)
    other = clone(found).fit(X * 2.0 ** np.arange(-6, 6), 8 * y)
    assert_array_equal(other.scores_, found.scores_)
    single = clone(found).fit(X.astype(np.float32), y)
    assert_allclose(single.scores_, found.scores_, atol=1e-3)


@over_criteria
def test_rows_without_weight_are_not_there(criterion):
    X, y = xor()
    y = y.astype(int)
    y[:30], X[:30] = 2, 100.0  # another class, and other ranges
    weight = np.repeat([0.0, 1.0], [30, 370])
    found = ReliefPruner(criterion=criterion).fit(X, y, sample_weight=weight)
    alone = ReliefPruner(criterion=criterion).fit(X[30:], y[30:])
    assert_array_equal(found.scores_, alone.scores_)


def test_weights_that_are_no_repetitions_warn():
    X, y = xor(60, 8)
    with pytest.warns(PruningWarning, match="adds up to 1 over 60 samples") as caught:
        ReliefPruner().fit(X, y, sample_weight=np.full(60, 1 / 60))
    assert caught[0].filename == __file__


def test_constant_columns_never_win():
    X, _ = xor(60, 8)
    X[:, 1] = 7.0
    y = np.random.default_rng(0).integers(0, 2, 60)  # no column says anything
    found = ReliefPruner(keep=1).fit(X, y)
    assert np.isnan(found.scores_[1])
    assert found.ranking_[1] == 8


@over_criteria
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_equal_columns_tie_and_the_first_one_wins(criterion, task):
    for seed in range(10):
        X, y = xor(50, 9, seed)
        found = ReliefPruner(criterion=criterion, task=task).fit(np.hstack([X, X]), y.astype(int))
        assert_array_equal(found.scores_[:9], found.scores_[9:])
        assert_array_equal(found.ranking_[:9] + 1, found.ranking_[9:])


def test_few_values_are_categories_by_the_rule_of_skrebate():
    i = np.arange(60)
    X = np.column_stack([i * 7 % 3, i * i % 10, i // 6]).astype(float)  # 3, 6 and 10 values
    y = (X[:, 0] == 1) ^ (X[:, 1] > 4)
    found = ReliefPruner(criterion="multisurf", discrete_threshold=10).fit(X, y).scores_
    # skrebate.MultiSURF().fit(X, y).feature_importances_ of skrebate 0.8.4
    assert_allclose(found, [0.10508008675, 0.09379403878, -0.00734336183], rtol=0, atol=1e-10)


@over_criteria
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_few_values_are_categories_where_that_is_asked(criterion, task):
    X, y = xor()
    X[:, :3] = np.round(3 * X[:, :3])  # at most 7 values
    X[::9, 1] = np.nan
    y = y if task == "classification" else X[:, 3] * X[:, 7]
    frame = pd.DataFrame(X).astype(dict.fromkeys(range(3), "category"))
    numbers = ReliefPruner(criterion=criterion, task=task)
    coded = clone(numbers).set_params(discrete_threshold=7).fit(X, y)
    assert_allclose(coded.scores_, numbers.fit(frame, y).scores_, rtol=0, atol=1e-12)
    assert not np.allclose(coded.scores_, numbers.fit(X, y).scores_)
    few = clone(numbers).set_params(discrete_threshold=6).fit(X, y)
    assert_array_equal(few.scores_, numbers.scores_)


def test_task_says_what_the_target_is():
    X, y = xor(60, 8)
    as_numbers = ReliefPruner(task="regression").fit(X, y.astype(int))
    as_classes = ReliefPruner(task="classification").fit(X, y.astype(int))
    assert not np.allclose(as_numbers.scores_, as_classes.scores_)
    assert_array_equal(ReliefPruner().fit(X, y.astype(int)).scores_, as_classes.scores_)
    with pytest.raises(InputError, match=r"task='regression' was given, but y holds '[ab]'"):
        ReliefPruner(task="regression").fit(X, np.where(y, "a", "b"))
    with pytest.raises(InputError, match=r"task='classification' was given, but y holds -?0\."):
        ReliefPruner(task="classification").fit(X, X[:, 0])


@pytest.mark.parametrize("value", [0.0, "a", 0.5])
def test_a_target_of_one_value_is_refused(value):
    with pytest.raises(InputError, match=f"y has one value only, {value!r}, in"):
        ReliefPruner().fit(xor(60, 8)[0], np.full(60, value))


def test_neighbours_without_meaning_warn():
    X, y = xor(60, 8)
    with pytest.warns(
        PruningWarning, match="n_neighbors=3 has no meaning for criterion='surf'"
    ) as caught:
        ReliefPruner(criterion="surf", n_neighbors=3).fit(X, y)
    assert caught[0].filename == __file__
