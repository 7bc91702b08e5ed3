"""Clusters: which columns belong together, as a tree of merges.

Columns are merged by hierarchical clustering on ``1 - |strength|``, the closest first. With
complete linkage the strength of a merge is the weakest between the members of the two
clusters, with average linkage the mean, with single linkage the strongest.

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


class Merges(NamedTuple):
    """The merges of columns into clusters, the strongest first.

    Attributes
    ----------
    pairs : ndarray of int, shape (n_columns - 1, 2)
        What is merged: columns from 0 up, and ``n_columns + i`` for the result of merge i.
    strength : ndarray of shape (n_columns - 1,)
        Strength of each merge, in [0, 1], falling.
    """

    pairs: Any
    strength: Any


def merge_columns(strength, linkage="complete"):
    """Merge columns one by one, the closest first, until all are in one cluster.

    Parameters
    ----------
    strength : ndarray of shape (n_columns, n_columns)
        Strengths of association; only absolute values above the diagonal are read, in
        [0, 1].
    linkage : {"complete", "average", "single"}, default="complete"
        Strength of two clusters: the weakest, the mean or the strongest of their pairs.

    Returns
    -------
    Merges
        All merges.

    Notes
    -----
    O(n_columns^2) time and memory.
    """
    n_columns = len(strength)
    if n_columns == 1:
        return Merges(np.empty((0, 2), dtype=np.intp), np.empty(0))
    above = strength[np.triu_indices(n_columns, 1)]
    tree = link(1.0 - np.minimum(np.abs(above), 1.0), linkage)
    # Rounded, so that a merge at a threshold is not above it.
    return Merges(tree[:, :2].astype(np.intp), round_scores(1.0 - tree[:, 2]))


def cut_merges(merges, threshold):
    """Return the clusters after all merges above a threshold.

    Parameters
    ----------
    merges : Merges
        Merges of columns.
    threshold : float
        Merges at or below it are not made.

    Returns
    -------
    ndarray of int, shape (n_columns,)
        The cluster of each column, numbered from 0 in order of their first columns.
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
    """Put columns that are close to each other into clusters.

    Parameters
    ----------
    strength : ndarray of shape (n_columns, n_columns)
        Strengths of association; only absolute values above the diagonal are read, in
        [0, 1].
    threshold : float
        Clusters are merged while their strength is above it: with complete linkage all
        pairs within a cluster are above it.
    linkage : {"complete", "average", "single"}, default="complete"
        Strength of two clusters: the weakest, the mean or the strongest of their pairs.

    Returns
    -------
    ndarray of int, shape (n_columns,)
        The cluster of each column, numbered from 0 in order of their first columns.

    Notes
    -----
    O(n_columns^2) time and memory.
    """
    return cut_merges(merge_columns(strength, linkage), threshold)


def leaving_strength(merges, n_forced=0):
    """Return when each column gives way to the best of a cluster that it joins.

    Parameters
    ----------
    merges : Merges
        Merges of columns that are in order of priority, the best first.
    n_forced : int, default=0
        So many of the first columns never leave.

    Returns
    -------
    ndarray of shape (n_columns,)
        Strength of the merge at which a better column comes to stand for it; 0 for what
        never leaves. At a threshold, columns above it have left and those that stay are
        the best of their clusters.

    Notes
    -----
    Of two clusters that merge the worse of the two best leaves: one column per merge, so
    the sets that stay are nested.
    """
    n_columns = len(merges.pairs) + 1
    best = np.arange(2 * n_columns - 1)
    strength = np.zeros(n_columns)
    for i, (a, b) in enumerate(merges.pairs):
        best[n_columns + i], loser = sorted((best[a], best[b]))
        if loser >= n_forced:
            strength[loser] = merges.strength[i]
    return strength
