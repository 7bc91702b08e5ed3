"""The rules, on results made by hand and on those of both searches."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from skprune import (
    OneStandardError,
    PruningSearchCV,
    TreePruner,
    WithinBudget,
    WithinTolerance,
    size_scorer,
)
from skprune.exceptions import InputError


def results(score, units, std=0.04, n_splits=4, **more):
    table = {"mean_test_score": np.array(score, float), "mean_units": np.array(units)}
    table["std_test_score"] = np.full(len(score), std)
    table |= {f"split{i}_test_score": table["mean_test_score"] for i in range(n_splits)}
    return table | more


TABLE = results([0.85, 0.90, 0.90, 0.885, 0.875, 0.5], [100, 80, 60, 20, 10, 1])


@pytest.mark.parametrize(
    ("rule", "row"),
    [
        (OneStandardError(), 3),  # 0.04 / sqrt(4) = 0.02 below 0.90
        (WithinTolerance(0.0), 2),
        (WithinTolerance(0.026), 4),
        (WithinTolerance(1.0), 5),
        (WithinBudget(100), 2),
        (WithinBudget(59), 3),
        (WithinBudget(1), 5),
    ],
    ids=str,
)
def test_the_row_that_is_chosen(rule, row):
    assert rule(TABLE) == row


def test_ties_in_size_go_to_the_better_score():
    assert WithinTolerance(0.1)(results([0.8, 0.85, 0.9], [5, 5, 9])) == 1


def test_the_error_is_that_of_the_smallest_of_the_best():
    table = results([0.9, 0.9, 0.85], [10, 9, 1])
    table["std_test_score"] = np.array([0.2, 0.0, 0.0])
    assert OneStandardError()(table) == 1


def test_rows_without_a_score_are_left_out():
    assert OneStandardError()(results([np.nan, 0.9, np.nan], [1, 2, 0])) == 1
    table = [([np.nan], [1.0]), ([0.9], [np.nan]), ([np.nan, 0.9], [1.0, np.nan])]
    causes = ["no score is known", "size of these models is not known", "each lacks one"]
    for (scores, sizes), cause in zip(table, causes, strict=True):
        with pytest.raises(InputError, match=f"No row has both a score.*{cause}"):
            OneStandardError()(results(scores, sizes))


def test_metric_and_size_are_read_by_name():
    table = results([0.9, 0.1], [9, 1], mean_bytes=[1.0, 2.0], mean_test_auc=[0.1, 0.9])
    assert WithinTolerance(0.0, metric="auc", size="bytes")(table) == 1
    assert WithinTolerance(1.0, size="bytes")(table) == 0


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (OneStandardError(metric="auc"), r"finds no column 'mean_test_auc'.*\['score'\]"),
        (WithinTolerance(0.1, size="leaves"), "add a size_scorer to the scoring"),
        (WithinTolerance(-1), "tolerance=-1 .* must be a number of at least 0"),
        (WithinTolerance(float("nan")), "must be a number of at least 0"),
        (WithinTolerance("a"), "tolerance='a' was given to WithinTolerance"),
        (WithinBudget(), "was given no budget"),
        (WithinBudget("9"), "budget='9' was given to WithinBudget"),
        (WithinBudget(9, batch_size=0), "batch_size=0 was given to WithinBudget"),
        (
            WithinBudget(0.5),
            r"budget=0.5: the closest has 1 units \(row 5\). Raise",
        ),
    ],
    ids=str,
)
def test_what_cannot_be_read_or_met_is_explained(rule, words):
    with pytest.raises(InputError, match=words):
        rule(TABLE)


def test_tolerance_counts_from_the_best_or_from_the_whole():
    table = results([0.90, 0.95, 0.91, 0.88], [100, 50, 10, 1])
    assert WithinTolerance(0.01)(table) == 1
    assert WithinTolerance(0.01, reference="whole")(table) == 2
    assert WithinTolerance(0.02, reference="whole")(table) == 3
    assert WithinTolerance(0.0, reference="whole")(results([0.9, 0.8], [9, 1])) == 0
    with pytest.raises(InputError, match=r"reference='all' .* Allowed are 'best' and 'whole'"):
        WithinTolerance(reference="all")(table)


def test_a_confidence_adds_the_uncertainty_of_the_loss():
    """The smallest level passes by its mean, the next by the end of its interval."""
    increases = {
        "mean_loss_increase": [0.0, 0.002, 0.004, 0.006],
        "se_loss_increase": [0.0, 0.002, 0.01, 0.001],
        "row_loss_increase": [0.0, 0.001, 0.001, 0.001],
    }
    table = results([0.90, 0.898, 0.896, 0.894], [100, 50, 10, 1], **increases)
    rule = WithinTolerance(0.005, reference="whole")
    assert rule(table) == 2
    assert clone(rule).set_params(confidence=0.5)(table) == 2  # the mean itself
    assert clone(rule).set_params(confidence=0.8)(table) == 1  # .002 + .84 * .002 <= .005
    assert clone(rule).set_params(confidence=0.99)(table) == 0  # .002 + 2.33 * .002 > .005
    # Another combination of parameters whose whole model is worse by .004 has less to lose.
    worse = {key: [0.0, 0.0001, 0.0, 0.0008] for key in increases}
    table = results([0.90, 0.8999, 0.896, 0.8952], [100, 50, 10, 1], **worse)
    table["combination"] = np.array([0, 0, 1, 1])
    assert clone(rule).set_params(confidence=0.5)(table) == 3
    assert clone(rule).set_params(confidence=0.99)(table) == 2
    table["mean_loss_increase"] = [np.nan] * 4
    assert clone(rule).set_params(confidence=0.5)(table) == 0
    del table["mean_loss_increase"]
    with pytest.raises(InputError, match="only a PruningSearchCV over a pruner of models"):
        clone(rule).set_params(confidence=0.5)(table)
    with pytest.raises(InputError, match=r"confidence=1 was given to WithinTolerance; .* below 1"):
        WithinTolerance(confidence=1)(table)


def test_several_budgets_have_to_be_kept_together():
    sizes = {"mean_bytes": np.array([9, 5, 3, 6]), "latency": np.array([1.0, 3.0, 2.0, np.nan])}
    table = results([0.9, 0.8, 0.7, 0.95], [4, 3, 2, 1], **sizes)
    assert WithinBudget(bytes=9)(table) == 3
    assert WithinBudget(bytes=5)(table) == 1
    assert WithinBudget(bytes=5, latency=2.5)(table) == 2
    assert WithinBudget(latency=2.5)(table) == 0  # what was not timed is in no budget
    with pytest.raises(InputError, match=r"bytes=2, latency=1: .* 3 bytes and a latency of 2 s"):
        WithinBudget(bytes=2, latency=1)(table)


def test_units_of_several_kinds_are_compared_in_bytes_by_default():
    table = results([0.9, 0.9], [1, 2], mean_bytes=np.array([20, 10]))
    assert OneStandardError()(table) == 0
    assert OneStandardError()(table | {"unit": np.array(["leaves", "leaves"])}) == 0
    mixed = table | {"unit": np.array(["leaves", "members"])}
    assert OneStandardError()(mixed) == 1
    assert OneStandardError(size="units")(mixed) == 0


@pytest.mark.parametrize("rule", [OneStandardError(), WithinTolerance(0.02), WithinBudget(30)])
def test_rules_serve_both_searches_alike(rule):
    X, y = make_classification(300, 8, flip_y=0.2, random_state=0)
    pruner = TreePruner(DecisionTreeClassifier(random_state=0))
    grid = {"keep": [1.0, 0.5, 0.2, 0.1, 2]}
    ours = PruningSearchCV(pruner, grid, refit=rule).fit(X, y)
    plain = GridSearchCV(
        pruner, grid, scoring={"score": "accuracy", "units": size_scorer()}, refit=rule
    ).fit(X, y)
    assert ours.best_params_ == plain.best_params_


def test_rules_are_parameters_like_others():
    rule = clone(WithinBudget(5, size="bytes"))
    assert {k: v for k, v in rule.get_params().items() if v is not None} == {
        "budget": 5,
        "batch_size": 1,
        "metric": "score",
        "size": "bytes",
    }
    assert repr(rule) == "WithinBudget(budget=5, size='bytes')"
    search = PruningSearchCV(DecisionTreeClassifier(), refit=WithinTolerance())
    assert clone(search.set_params(refit__tolerance=0.3)).refit.tolerance == 0.3
