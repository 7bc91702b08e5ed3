"""Ridges are chosen by whole paths, at equal numbers of leaves, and are never locked in."""

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.frozen import FrozenEstimator

from skprune import TreePruner
from skprune.tree._backfitting_ridges import (
    FIRST_RIDGE,
    ValidationPath,
    _best_ridges,
    fewer_trees,
    is_complete,
    most_leaves,
    share_in_use,
)

LEAVES = np.array([0, 2, 4, 8, 16, 32, 64, 128])


def path(loss, leaves=LEAVES):
    return ValidationPath(np.asarray(leaves, float), np.asarray(loss, float))


def test_losses_are_compared_at_equal_sizes():
    """The larger ridge is better at each penalty, for its models are smaller there, not so well.

    A model of half the leaves loses a third less than one of all: at equal sizes the smaller
    ridge is better.
    """
    loss = 1 / np.sqrt(LEAVES + 1.0)
    small = path(loss)
    large = path(1.1 / np.sqrt(LEAVES * 2 + 1.0), LEAVES * 2)
    assert (large.loss[1:] < small.loss[1:]).all()
    assert (_best_ridges({3.0: small, 100.0: large}) == 3.0).all()


def test_each_size_has_its_own_ridge_which_may_decrease_again():
    first = np.array([1, 1, 0.8, 0.6, 0.5, 0.5, 0.4, 0.3])
    second = np.array([1, 1, 0.9, 0.7, 0.4, 0.3, 0.5, 0.5])
    chosen = _best_ridges({3.0: path(first), 100.0: path(second)})
    assert chosen.tolist() == [3.0] * 4 + [100.0] * 2 + [3.0] * 2


def test_a_single_level_does_not_choose():
    """One early level of a few leaves, or any other, that happens to prefer a huge ridge."""
    good = 1 / np.sqrt(LEAVES + 1.0)
    lucky = good * 1.05
    for level in range(1, len(LEAVES)):
        odd = np.where(np.arange(len(LEAVES)) == level, good * 0.97, lucky)
        assert (_best_ridges({10.0: path(good), 1000.0: path(odd)}) == 10.0).all()


def test_what_cannot_be_compared_follows_its_neighbours():
    """Levels without trees, and levels that a path has not reached."""
    assert (_best_ridges({10.0: path(np.ones(3), np.zeros(3))}) == FIRST_RIDGE).all()
    good, bad = 1 / np.sqrt(LEAVES + 1.0), 1.2 / np.sqrt(LEAVES + 1.0)
    ended = path(good[:4], LEAVES[:4])
    given_up = ended._replace(is_whole=False)
    chosen = _best_ridges({1.0: given_up, 300.0: path(bad)})
    assert chosen[:4].tolist() == [1.0] * 4
    assert chosen[5:].tolist() == [300.0] * 3
    # A path that has reached its end is not given up for one that gets there later.
    assert (_best_ridges({1.0: ended, 300.0: path(bad)}) == 1.0).all()
    # Nor is one preferred for its last model, which is larger than all others and worse.
    larger = path(bad, LEAVES * 1.5)
    assert (_best_ridges({1.0: path(good), 300.0: larger}) == 1.0).all()


def test_a_path_ends_where_nothing_is_left_to_keep():
    assert most_leaves(3000) == 1000
    assert most_leaves(40) == 40
    assert not is_complete([10, 10, 10, 10, 10], 1000)  # an early rest
    assert not is_complete([10, 50, 150, 180, 200], 1000)
    assert is_complete([10, 50, 190, 195, 198, 200], 1000)
    assert is_complete([10, 1200], 1000)


def test_the_ridge_is_not_locked_in():
    """One early level once chose the ridge of all larger ones."""
    X, y = make_friedman1(6000, n_features=10, noise=2.0, random_state=43)
    model = HistGradientBoostingRegressor(max_iter=80, random_state=1).fit(X[:1500], y[:1500])
    pruner = TreePruner(
        FrozenEstimator(model), criterion="backfitting", keep=300, random_state=0
    ).fit(X[:1500], y[:1500])
    rivals = [
        pruner.set_params(ridge=ridge).fit(X[:1500], y[:1500]).score(X[1500:], y[1500:])
        for ridge in (10.0, 30.0, 100.0, 300.0)
    ]
    chosen = pruner.set_params(ridge=None).fit(X[:1500], y[:1500]).score(X[1500:], y[1500:])
    assert chosen > max(rivals) - 0.01


@pytest.mark.parametrize("ridge", [1.0, 30.0])
def test_levels_leave_no_gap(ridge):
    """Sizes of neighbours differ by a factor of 1.5 at most, up to a third of the leaves."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 6))
    y = (X[:, 0] + X[:, 1] ** 2 + rng.normal(size=800) > 1).astype(int)
    forest = RandomForestClassifier(30, random_state=0).fit(X, y)
    path = (
        TreePruner(FrozenEstimator(forest), criterion="backfitting", ridge=ridge, random_state=0)
        .fit(X, y)
        .path_
    )
    units = path.units[1:][::-1]
    ratio = units[1:] / units[:-1]
    assert ratio[units[:-1] > 30].max() < 1.55
    assert units[-1] > path.units[0] / 4
    assert (np.diff(path.units) < 0).all()


def test_ridges_follow_the_number_of_trees_in_use():
    """Few trees of many are the same in any forest; where all are in use, their number counts."""
    share = [share_in_use(n, 25, 0.25) for n in (0, 1, 10, 20, 24, 25)]
    assert share[0] == 1
    assert 0.98 < share[1] < 1
    assert share[-1] == 0.25
    assert (np.diff(share) <= 0).all()
    assert share_in_use(10, 25, 0.25) == pytest.approx(10 / (100 * (1 - 0.6**0.25)))
    for n_trees in range(26):  # equal forests use the same trees
        assert share_in_use(n_trees, 25, 1.0) == pytest.approx(1)
    assert [fewer_trees(n) for n in (5, 30, 100, 400)] == [5, 25, 25, 100]


def test_few_ridges_serve_all_levels():
    """Each ridge costs a path; those are left out that make the least difference."""
    good = 1 / np.sqrt(LEAVES + 1.0)
    paths = {}
    for at, (ridge, gain) in enumerate({3.0: 0.1, 10.0: 0.001, 30.0: 0.1}.items()):
        loss = good.copy()
        loss[1 + 2 * at : 3 + 2 * at + (at == 2)] -= gain
        paths[ridge] = path(loss)
    assert set(_best_ridges(paths, 2)) == {3.0, 30.0}
    assert len(set(_best_ridges(paths, 1))) == 1


def test_the_trees_that_choose_a_ridge_are_fewer(monkeypatch):
    """They are grown without the validation part, and without what else the model computes."""
    grown, fit = [], RandomForestClassifier.fit

    def noted(forest, X, y, **params):
        grown.append((forest.n_estimators, len(X), forest.oob_score))
        return fit(forest, X, y, **params)

    monkeypatch.setattr(RandomForestClassifier, "fit", noted)

    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(30, oob_score=True, random_state=0)
    TreePruner(forest, criterion="backfitting", random_state=0).fit(X[:100], y[:100])
    assert grown == [(30, 100, True), (25, 80, False), (25, 80, False)]
