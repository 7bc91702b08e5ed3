"""The three rules of redundancy, and their path, on a matrix that is known."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skprune import CorrelationPruner
from skprune.criteria.redundancy import order_by_priority
from skprune.exceptions import LevelError, PruningWarning
from skprune.feature_selection._redundancy_path import RedundancyPath, rule_of

# The first says what the third says, and the second what the fourth does.
MATRIX = np.array(
    [
        [1.0, 0.1, -0.9, 0.2],
        [0.1, 1.0, 0.1, 0.7],
        [-0.9, 0.1, 1.0, 0.1],
        [0.2, 0.7, 0.1, 1.0],
    ]
)
RULES = [("pearson", None), ("pearson", "complete"), ("pearson", "average"), ("vif", None)]


def layout_of(priority, units=(0, 1, 2, 3), forced=()):
    forced = np.isin(np.arange(4), forced)
    return order_by_priority(np.array(priority), np.array(units), forced)


def rule(layout, criterion="pearson", linkage=None):
    members = layout.members
    return rule_of(criterion, linkage, lambda i, j: MATRIX[np.ix_(members[i], members[j])], layout)


@pytest.mark.parametrize(("criterion", "linkage"), RULES)
def test_what_goes_has_a_partner(criterion, linkage):
    layout = layout_of([0.0, 3.0, 2.0, 1.0])
    found = rule(layout, criterion, linkage).at(0.4).spread(layout)
    assert found.kept.tolist() == [False, True, True, False]
    assert found.nearest[[0, 3]].tolist() == [2, 1]
    if criterion == "pearson":
        assert found.value[[0, 3]].tolist() == [-0.9, 0.7]
    if linkage is not None:
        assert found.cluster.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(("criterion", "linkage"), RULES)
def test_a_path_pickles_and_knows_each_level(criterion, linkage):
    layout = layout_of([0.0, 3.0, 2.0, 1.0])
    fresh = rule(layout, criterion, linkage)
    path = RedundancyPath(rule(layout, criterion, linkage), layout)
    path = pickle.loads(pickle.dumps(path))
    assert path.units.tolist() == [4, 3, 2, 1]
    for index, threshold in enumerate(path.levels["threshold"]):
        found = fresh.at(threshold).spread(layout)
        assert_array_equal(found.kept, path.cut(index=index))
        again = path.at(threshold)
        for one, other in zip(found[:4], again[:4], strict=True):
            assert_array_equal(one, other)


def test_columns_are_cut_by_every_name():
    layout = layout_of([3.0, 0.0, 2.0, 1.0])
    path = RedundancyPath(rule(layout), layout)
    assert path.levels.columns.tolist() == ["keep", "threshold", "columns"]
    assert path.units.tolist() == [4, 3, 2, 2, 1]
    assert np.isnan(path.sizes[:, 1:]).all()
    assert_array_equal(path.cut(keep=3), [True, True, False, True])
    assert_array_equal(path.cut(keep=0.5), [True, False, False, True])
    found = [path.locate(threshold=t) for t in (np.inf, 0.9, 0.89, 0.7, 0.69, 0.15, -1)]
    assert found == [0, 0, 1, 1, 2, 3, 4]
    path.cut(index=0)[:] = False  # a copy
    assert path.cut(index=0).all()


def test_a_count_below_the_smallest_level_names_it():
    layout = layout_of([3.0, 0.0, 2.0, 1.0], forced=(0, 2))
    path = RedundancyPath(rule(layout), layout)
    with pytest.raises(LevelError, match="smallest level of this path keeps 2 of 4 columns"):
        path.cut(keep=1)


@pytest.mark.parametrize(("criterion", "linkage"), RULES)
def test_units_go_together_and_forced_ones_stay(criterion, linkage):
    layout = layout_of([0.0, 3.0, 2.0, 1.0], units=(0, 1, 0, 2), forced=(3,))
    path = RedundancyPath(rule(layout, criterion, linkage), layout)
    masks = np.array([path.cut(index=index) for index in range(len(path))])
    assert_array_equal(masks[:, 0], masks[:, 2])
    assert masks[:, 3].all()
    assert path.units.tolist() == [4, 3, 1]


@pytest.mark.parametrize(
    ("params", "warns"),
    [
        ({"keep": 3}, True),
        ({"linkage": "average"}, True),
        ({"criterion": "vif"}, True),
        ({}, False),
    ],
)
def test_memory_for_all_pairs_is_announced(monkeypatch, params, warns):
    X = np.random.default_rng(0).normal(size=(50, 8))
    monkeypatch.setattr("skprune.feature_selection._redundancy_path.MUCH_MEMORY", 1000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pruner = CorrelationPruner(**params).fit(X)
    said = [each for each in caught if "All pairs of 8 features" in str(each.message)]
    assert bool(said) == warns
    if not warns:
        with pytest.warns(PruningWarning, match="GB of memory. Give a threshold"):
            pruner.path_.levels  # noqa: B018 - it is computed now
    monkeypatch.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CorrelationPruner(**params).fit(X).path_.levels  # noqa: B018
