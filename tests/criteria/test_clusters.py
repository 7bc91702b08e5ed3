"""Clusters of columns, compared with scipy's own cut and with their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.cluster.hierarchy import fcluster, linkage

from skprune.criteria.clusters import (
    build_dendrogram,
    cluster_columns,
    cut_dendrogram,
    removal_strength,
)


def strengths(n_columns=12, seed=0, decimals=13):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 3)) @ rng.normal(size=(3, n_columns))
    return np.round(np.corrcoef((X + rng.normal(size=X.shape)).T).reshape(n_columns, -1), decimals)


@pytest.mark.parametrize("method", ["complete", "average", "single"])
@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.6, 0.99])
def test_clusters_match_scipy(method, threshold):
    strength = strengths()
    found = cluster_columns(strength, threshold, method)
    tree = linkage(1 - np.abs(strength[np.triu_indices(12, 1)]), method)
    expected = fcluster(tree, 1 - threshold, criterion="distance")
    assert_array_equal(found[:, None] == found, expected[:, None] == expected)
    first = np.unique(found, return_index=True)[1]
    assert (np.diff(first) > 0).all()  # numbered in order of first occurrence


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 12), st.integers(0, 1000), st.sampled_from([1, 13]), st.floats(0, 1))
def test_pairs_within_complete_clusters_are_above_the_threshold(
    n_columns, seed, decimals, threshold
):
    strength = strengths(n_columns, seed, decimals)
    labels = cluster_columns(strength, threshold)
    within = (labels[:, None] == labels) & ~np.eye(n_columns, dtype=bool)
    assert (np.abs(strength)[within] > threshold).all()


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 12), st.integers(0, 1000), st.integers(0, 3), st.floats(0, 1))
def test_the_best_of_each_cluster_is_kept(n_columns, seed, n_forced, threshold):
    merges = build_dendrogram(strengths(n_columns, seed), "average")
    assert (np.diff(merges.strength) <= 0).all()
    labels = cut_dendrogram(merges, threshold)
    best = np.unique(labels, return_index=True)[1]
    index = np.arange(n_columns)
    expected = np.isin(index, best) | (index < n_forced)
    assert_array_equal(removal_strength(merges, n_forced) <= threshold, expected)


def test_a_merge_at_the_threshold_is_not_made():
    strength = np.array([[1.0, 0.9], [0.9, 1.0]])
    assert cluster_columns(strength, 0.9).tolist() == [0, 1]
    assert cluster_columns(strength, np.nextafter(0.9, 0)).tolist() == [0, 0]
    assert cluster_columns(np.ones((1, 1)), 0.0).tolist() == [0]
