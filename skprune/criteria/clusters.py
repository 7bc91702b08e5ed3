"""Hierarchical clustering of columns.

Columns are clustered agglomeratively with the distance ``1 - |strength|``, where strength is
their association. The strength of a merge is the smallest between members of the two
clusters with complete linkage, the mean with average and the largest with single linkage.

References
----------
D. Muellner, "Modern hierarchical, agglomerative clustering algorithms", 2011,
arXiv:1109.2378.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.cluster.hierarchy import linkage as link
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from skprune.arrays.rounding import round_scores


class Dendrogram(NamedTuple):
    """The merges of an agglomerative clustering of columns, strongest first.

    Attributes
    ----------
    pairs : ndarray of int, shape (n_columns - 1, 2)
        Merged clusters, numbered as in SciPy's linkage matrix: columns from 0, and
        ``n_columns + i`` for the result of merge i.
    strength : ndarray of shape (n_columns - 1,)
        Strength of each merge, in [0, 1], non-increasing.
    """

    pairs: Any
    strength: Any


def build_dendrogram(strength, linkage="complete"):
    """Cluster columns agglomeratively.

    Parameters
    ----------
    strength : ndarray of shape (n_columns, n_columns)
        Strengths of association; only absolute values above the diagonal are used, in
        [0, 1].
    linkage : {"complete", "average", "single"}, default="complete"
        Strength of two clusters: the smallest, mean or largest of their pairs.

    Returns
    -------
    Dendrogram
        All merges, up to a single cluster.

    Notes
    -----
    O(n_columns^2) time and memory.
    """
    n_columns = len(strength)
    if n_columns == 1:
        return Dendrogram(np.empty((0, 2), dtype=np.intp), np.empty(0))
    above = strength[np.triu_indices(n_columns, 1)]
    tree = link(1.0 - np.minimum(np.abs(above), 1.0), linkage)
    # Rounded, so that a merge at a threshold is not above it.
    return Dendrogram(tree[:, :2].astype(np.intp), round_scores(1.0 - tree[:, 2]))


def cut_dendrogram(merges, threshold):
    """Return the clusters formed by the merges above a threshold; O(n_columns log n_columns).

    Parameters
    ----------
    merges : Dendrogram
        All merges.
    threshold : float
        Only merges with a larger strength are applied.

    Returns
    -------
    ndarray of int, shape (n_columns,)
        Cluster labels, numbered from 0 in order of first occurrence.
    """
    n_columns = len(merges.pairs) + 1
    n_merges = np.count_nonzero(merges.strength > threshold)
    parts = merges.pairs[:n_merges].ravel()
    wholes = np.repeat(n_columns + np.arange(n_merges), 2)
    size = n_columns + n_merges
    joined = coo_array((np.ones(len(parts)), (parts, wholes)), shape=(size, size))
    labels = connected_components(joined, directed=False)[1][:n_columns]
    first = np.unique(labels, return_index=True)[1][labels]
    return np.unique(first, return_inverse=True)[1]


def cluster_columns(strength, threshold, linkage="complete"):
    """Cluster columns that are strongly associated.

    Parameters
    ----------
    strength : ndarray of shape (n_columns, n_columns)
        Strengths of association; only absolute values above the diagonal are used, in
        [0, 1].
    threshold : float
        Clusters are merged while their strength is above it: with complete linkage all
        pairs within a cluster are above it.
    linkage : {"complete", "average", "single"}, default="complete"
        Strength of two clusters: the smallest, mean or largest of their pairs.

    Returns
    -------
    ndarray of int, shape (n_columns,)
        Cluster labels, numbered from 0 in order of first occurrence.

    Notes
    -----
    O(n_columns^2) time and memory.
    """
    return cut_dendrogram(build_dendrogram(strength, linkage), threshold)


def removal_strength(merges, n_forced=0):
    """Return the merge strength at which each column is removed from its cluster.

    Parameters
    ----------
    merges : Dendrogram
        Merges of columns that are sorted by priority, best first.
    n_forced : int, default=0
        Number of leading columns that are never removed.

    Returns
    -------
    ndarray of shape (n_columns,)
        Strength of the merge at which a column of higher priority replaces this one; 0 if
        it is never removed. The columns whose strength is at most a threshold are the best
        ones of the clusters at that threshold.

    Notes
    -----
    Each merge keeps the better of the two clusters' best columns and removes the other, so
    the kept sets are nested. O(n_columns).
    """
    n_columns = len(merges.pairs) + 1
    best = np.arange(2 * n_columns - 1)
    strength = np.zeros(n_columns)
    for i, (a, b) in enumerate(merges.pairs):
        best[n_columns + i], removed = sorted((best[a], best[b]))
        if removed >= n_forced:
            strength[removed] = merges.strength[i]
    return strength
