"""Folds of every pruner that has them: any splitter, groups, and what is refused."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    RepeatedKFold,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from skprune import Distiller, PermutationPruner, SamplePruner
from skprune.exceptions import InputError, PruningWarning

TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
X, Y = make_classification(120, 6, n_informative=4, flip_y=0.1, random_state=0)
GROUPS = np.random.RandomState(0).randint(0, 6, 120)
WITH_FOLDS = [
    PermutationPruner(TREE, n_repeats=2, random_state=0),
    Distiller(LogisticRegression(), TREE, mix=0.1, random_state=0),
    SamplePruner(GaussianNB(), random_state=0),
    SamplePruner(LogisticRegression(), criterion="influence", random_state=0),
]
everywhere = pytest.mark.parametrize(
    "pruner", WITH_FOLDS, ids=lambda p: f"{type(p).__name__}-{getattr(p, 'criterion', '')}"
)
pytestmark = pytest.mark.filterwarnings("ignore:The student learned no better")


def outcome(pruner):
    """What depends on the folds."""
    if isinstance(pruner, PermutationPruner):
        return pruner.importances_
    if isinstance(pruner, Distiller):
        return pruner.report_[["accuracy", "log_loss"]].to_numpy()
    return np.r_[pruner.hardest_, pruner.rank_shares_]


@everywhere
def test_splitters_and_their_splits_are_the_same(pruner):
    cv = GroupKFold(3)
    found = outcome(clone(pruner).set_params(cv=cv).fit(X, Y, groups=GROUPS))
    splits = list(cv.split(X, Y, GROUPS))
    np.testing.assert_array_equal(outcome(clone(pruner).set_params(cv=splits).fit(X, Y)), found)
    once = iter(splits)
    np.testing.assert_array_equal(outcome(clone(pruner).set_params(cv=once).fit(X, Y)), found)
    assert not np.array_equal(found, outcome(clone(pruner).set_params(cv=3).fit(X, Y)))


@everywhere
@pytest.mark.parametrize("cv", [GroupKFold(3), LeaveOneGroupOut()])
def test_groups_are_asked_for_where_they_are_missing(pruner, cv):
    with pytest.raises(InputError, match=r"no groups were given(.|\n)*Pass groups to fit"):
        clone(pruner).set_params(cv=cv).fit(X, Y)


@everywhere
def test_groups_are_routed_to_the_splitter(pruner):
    pruner = clone(pruner).set_params(cv=GroupKFold(3))
    found = outcome(clone(pruner).fit(X, Y, groups=GROUPS))
    with config_context(enable_metadata_routing=True):
        np.testing.assert_array_equal(outcome(clone(pruner).fit(X, Y, groups=GROUPS)), found)
        routed = cross_validate(
            pruner,
            X,
            Y,
            scoring=lambda model, *_: len(np.ravel(outcome(model))),
            cv=GroupKFold(2),
            params={"groups": GROUPS},
            error_score="raise",
        )
    assert (routed["test_score"] > 0).all()


@everywhere
def test_folds_that_are_none_or_fewer_than_announced_are_refused(pruner):
    class Disagreeing(KFold):
        def get_n_splits(self, *_args, **_kwargs):
            return 7

    class Empty(KFold):
        def split(self, *_args, **_kwargs):
            return iter(())

    for cv, words in [
        (Disagreeing(3), "Expected 7 splits, got 3"),
        (Empty(3), "yields no fold"),
        ([], "yields no fold"),
    ]:
        with pytest.raises(InputError, match=words):
            clone(pruner).set_params(cv=cv).fit(X, Y)


@everywhere
def test_each_sample_is_held_out_once_where_that_matters(pruner):
    pruner = clone(pruner).set_params(cv=RepeatedKFold(n_splits=3, n_repeats=2, random_state=0))
    if isinstance(pruner, PermutationPruner):
        assert pruner.fit(X, Y).importances_.shape[1] == 6
        return
    with pytest.raises(InputError, match="holds some samples out 2 times"):
        pruner.fit(X, Y)
    with pytest.raises(InputError, match="holds some samples out 0 times"):
        pruner.set_params(cv=list(KFold(3).split(X))[:2]).fit(X, Y)


@everywhere
def test_folds_without_weight_are_left_out_or_named(pruner):
    pruner = clone(pruner).set_params(cv=KFold(4))
    weight = np.repeat([0.0, 1.0], [30, 90])
    if isinstance(pruner, PermutationPruner):
        with pytest.warns(PruningWarning, match=r"of folds \[0\]"):
            pruner.fit(X, Y, sample_weight=weight)
    else:  # nothing is averaged over folds: what such samples are predicted to be has no weight
        pruner.fit(X, Y, sample_weight=weight)
    with pytest.raises(InputError, match="training"):
        pruner.fit(X, Y, sample_weight=1 - weight)
