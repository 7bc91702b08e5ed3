"""Held-out samples: the proportions of classes, and classes of few samples."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from skprune import EnsemblePruner
from skprune._compat import fit_takes_weights
from skprune.base._rows import hold_out
from skprune.exceptions import InputError, PruningWarning


def split(y, share=0.2, seed=0, **params):
    return hold_out(np.zeros((len(y), 1)), y, share, stratified=True, seed=seed, **params)


def test_classes_are_held_out_in_proportion():
    y = np.repeat(["a", "b"], [80, 20])
    train, held = split(y)
    theirs = train_test_split(np.arange(100), test_size=0.2, stratify=y, random_state=0)
    assert_array_equal(train, theirs[0])
    assert_array_equal(held, theirs[1])


def test_lone_sample_is_grown_on_and_the_rest_is_stratified():
    y = np.repeat([0, 1, 2], [80, 20, 1])
    for seed in range(20):
        with pytest.warns(PruningWarning, match="1 of 3 classes have one sample each"):
            train, held = split(y, seed=seed)
        assert sorted([*train, *held]) == list(range(101))
        assert 100 in train
        assert abs(np.bincount(y[held])[1] - 0.2 * len(held)) < 1


@pytest.mark.filterwarnings("ignore:.*one sample each")
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_no_class_is_lost(share):
    rng = np.random.default_rng(0)
    for seed in range(50):
        y = np.concatenate([np.zeros(30, dtype=int), rng.integers(0, 9, 20)])
        copies = rng.integers(0, 20, len(y))
        for params in ({}, {"copies": copies}):
            train, held = split(y, share, seed, **params)
            assert set(y[train]) == set(y)
            assert len(held)
            assert sorted([*train, *held]) == list(range(len(y)))
        assert not set(copies[train]) & set(copies[held])
        Y = np.stack([y, y[::-1]], axis=1)
        train, _ = split(Y, share, seed)
        assert all(set(Y[train, k]) == set(y) for k in range(2))


@pytest.mark.filterwarnings("ignore:.*one sample each")
def test_classes_of_one_sample_alone_leave_nothing_to_hold_out():
    with pytest.raises(InputError, match="leaves an empty part"):
        split(np.arange(5))


@pytest.mark.parametrize("member", [DecisionTreeClassifier(random_state=0), GaussianNB()])
def test_voting_models_hand_weights_to_their_members(member):
    X, y = make_classification(80, random_state=0)
    weight = np.random.default_rng(0).integers(0, 3, 80)
    vote = VotingClassifier([("a", member), ("b", LogisticRegression()), ("c", "drop")])
    whole = clone(vote).fit(X, y, sample_weight=weight)
    pruner = EnsemblePruner(vote, keep=1.0, validation="train").fit(X, y, sample_weight=weight)
    assert_array_equal(pruner.predict(X), whole.predict(X))
    stack = StackingClassifier([("a", member)], KNeighborsClassifier())
    assert fit_takes_weights(vote)
    assert not fit_takes_weights(stack)
    unweighted = VotingClassifier([("a", member), ("b", KNeighborsClassifier())])
    with pytest.raises(InputError, match="or a member of it, takes none"):
        EnsemblePruner(unweighted).fit(X, y, sample_weight=weight)


def test_labels_that_cannot_be_compared_reach_the_check_of_the_model():
    y = np.array([1, "a"] * 10, dtype=object)
    train, held = split(y)
    assert sorted([*train, *held]) == list(range(20))
    with pytest.raises((TypeError, ValueError), match=r"Unknown label type|not supported between"):
        EnsemblePruner(RandomForestClassifier(3)).set_params(validation=0.2).fit(np.eye(20), y)
