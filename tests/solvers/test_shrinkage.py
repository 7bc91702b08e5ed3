"""Hierarchical shrinkage, compared with a recursive formula."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier

from skprune.arrays.nodes import NO_NODE
from skprune.solvers.shrinkage import hierarchical_shrinkage
from skprune.surgery import surgeon_for
from tests._trees import ancestors, node_tables, reproducible


def naive(table, node, ridge):
    way = ancestors(table, node)[::-1]
    value = table.value[way[0]].copy()
    for above, below in pairwise(way):
        step = table.value[below] - table.value[above]
        value += step / (1 + ridge / table.weight[above])
    return value


@reproducible
@given(node_tables())
@pytest.mark.parametrize("ridge", [0.0, 0.7, 10.0, np.inf])
def test_shrinkage_matches_the_sum_over_ancestors(ridge, table):
    expected = [naive(table, node, ridge) for node in range(table.n_nodes)]
    assert_allclose(hierarchical_shrinkage(table, ridge), expected, atol=1e-12)


@reproducible
@given(node_tables())
def test_ridge_of_zero_and_infinity(table):
    assert_array_equal(hierarchical_shrinkage(table, 0), table.value)
    roots = table.value[table.roots[table.tree]]
    assert_allclose(hierarchical_shrinkage(table, np.inf), roots, atol=1e-12)


def test_class_fractions_remain_fractions():
    X, y = make_classification(300, n_informative=4, n_classes=3, random_state=0)
    table = surgeon_for(RandomForestClassifier(5, random_state=0).fit(X, y)).table
    value = hierarchical_shrinkage(table, 20.0)
    leaves = table.left == NO_NODE
    assert value[leaves].min() > 0  # no leaf is pure any more
    assert_allclose(value.sum(axis=2), 1)
    assert (value.max(axis=2) <= table.value.max(axis=2) + 1e-12)[leaves].mean() > 0.99
