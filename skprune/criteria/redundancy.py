"""Redundancy: which columns say nothing that a better one does not say.

`greedy_walk` keeps the columns that are not too close to one of higher priority, and makes
the strengths of association that it needs tile by tile. `threshold_path` finds every set
that the walk can keep, from the whole matrix.

Both take any symmetric measure of association whose absolute values are in [0, 1], as tiles:
``make(i, j)`` gives the signed strengths between the columns of blocks ``i <= j``, where
`blocks` are consecutive slices of the columns in order of priority. A tile has to have the
same bits whenever it is made: then the walk and the path agree on every tie.

References
----------
M. A. Hall, "Correlation-based feature selection for machine learning", PhD thesis,
University of Waikato, 1999.
"""

from typing import Any, NamedTuple

import numpy as np


def whole_tile(matrix):
    """Present a whole matrix as a single tile; returns `make` and `blocks`."""
    return lambda _i, _j: matrix, [slice(0, len(matrix))]


def whole_matrix(make, blocks):
    """Put all tiles together; O(n_columns^2) memory.

    Parameters
    ----------
    make : callable
        Makes the tiles.
    blocks : list of slice
        Their columns.

    Returns
    -------
    ndarray of shape (n_columns, n_columns)
        Only what is above the diagonal is to be read.
    """
    if len(blocks) == 1:
        return make(0, 0)
    matrix = np.zeros((blocks[-1].stop, blocks[-1].stop))
    for j, columns in enumerate(blocks):
        for i, rows in enumerate(blocks[: j + 1]):
            matrix[rows, columns] = make(i, j)
    return matrix


class Walk(NamedTuple):
    """What a greedy walk found, in its own order of the columns.

    Attributes
    ----------
    kept : ndarray of bool, shape (n_columns,)
        Columns that stay.
    nearest : ndarray of int, shape (n_columns,)
        The kept column of higher priority that each is closest to; -1 if there is none
        with a strength other than 0.
    value : ndarray of shape (n_columns,)
        Signed strength of association with it, else 0.
    """

    kept: Any
    nearest: Any
    value: Any


def greedy_walk(make, blocks, threshold):
    """Keep each column unless a kept one of higher priority is closer than a threshold.

    No two kept columns have an absolute strength above the threshold, and each dropped one
    has a kept one that it is above the threshold with.

    Parameters
    ----------
    make : callable
        Makes the tiles.
    blocks : list of slice
        Their columns, in order of priority.
    threshold : float
        Largest absolute strength that is allowed between two columns that stay.

    Returns
    -------
    Walk
        In the order of the blocks.

    Notes
    -----
    Each tile is made once, and only if some column of its first block was kept:
    O(n_columns^2) strengths at most, of which one tile is in memory at a time.
    """
    n_columns = blocks[-1].stop
    kept = np.zeros(n_columns, dtype=bool)
    nearest = np.full(n_columns, -1)
    value = np.zeros(n_columns)
    for j, columns in enumerate(blocks):
        for i, rows in enumerate(blocks[:j]):
            first = np.flatnonzero(kept[rows])
            if len(first):
                tile = make(i, j)[first]
                closest = np.argmax(np.abs(tile), axis=0)
                found = tile[closest, np.arange(tile.shape[1])]
                _approach(nearest[columns], value[columns], first[closest] + rows.start, found)
        tile = make(j, j)
        for k, column in enumerate(range(columns.start, columns.stop)):
            if abs(value[column]) <= threshold:
                kept[column] = True
                later = slice(column + 1, columns.stop)
                _approach(nearest[later], value[later], column, tile[k, k + 1 :])
    return Walk(kept, nearest, value)


def _approach(nearest, value, candidate, found):
    """Note a kept column where it is strictly closer than those before it; in place."""
    closer = np.abs(found) > np.abs(value)
    np.copyto(nearest, candidate, where=closer)
    np.copyto(value, found, where=closer)


def threshold_path(matrix):
    """Find every set of columns that `greedy_walk` keeps as the threshold falls from 1.

    Parameters
    ----------
    matrix : ndarray of shape (n_columns, n_columns)
        Strengths of association, columns in order of priority.

    Returns
    -------
    masks : ndarray of bool, shape (n_levels, n_columns)
        The sets. They shrink on the whole but are not nested: a column comes back when
        the one that stood for it goes.
    breaks : ndarray of shape (n_levels - 1,)
        Descending: set ``i + 1`` is kept at thresholds below ``breaks[i]``, down to and
        including the next break.

    Notes
    -----
    A set stays until the threshold falls below the largest strength within it. The pairs
    are sorted once and enter in falling order; each column counts the kept columns of
    higher priority that it conflicts with, and only columns whose count reaches or leaves
    0 change. O(n_columns^2 log n_columns) for the sort plus O(n_columns) per change;
    about ``32 * n_columns^2`` bytes.
    """
    n_columns = len(matrix)
    first, second, rising = _sorted_pairs(matrix)
    kept = np.ones(n_columns, dtype=bool)
    conflicts = np.zeros(n_columns, dtype=np.intp)
    masks, breaks, start = [kept.copy()], [], 0
    while (hit := _first_within(kept, first, second, start)) < len(first):
        limit = -rising[hit]
        # Pairs of one strength enter together: no threshold tells them apart.
        stop = int(np.searchsorted(rising, -limit, side="right"))
        enter = slice(start, stop)
        conflicts += np.bincount(second[enter][kept[first[enter]]], minlength=n_columns)
        _settle(kept, conflicts, matrix, limit)
        masks.append(kept.copy())
        breaks.append(limit)
        start = stop
    return np.array(masks), np.array(breaks, dtype=np.float64)


def _sorted_pairs(matrix):
    """Return the pairs with a strength other than 0, the strongest first, and it negated."""
    first, second = (index.astype(np.int32) for index in np.triu_indices(len(matrix), 1))
    rising = -np.abs(matrix[first, second])
    order = np.argsort(rising)[: np.count_nonzero(rising)]
    return first[order], second[order], rising[order]


def _first_within(kept, first, second, start):
    """Return the first pair from `start` on whose columns are both kept, else the number."""
    step = 256
    while start < len(first):
        within = kept[first[start : start + step]] & kept[second[start : start + step]]
        if within.any():
            return start + int(np.argmax(within))
        start += step
        step *= 2
    return len(first)


def _settle(kept, conflicts, matrix, limit):
    """Let columns go and come back, in order, until each is kept if free of conflicts."""
    column = 0
    while True:
        wrong = kept[column:] == (conflicts[column:] > 0)
        ahead = int(np.argmax(wrong)) if len(wrong) else 0
        if not (len(wrong) and wrong[ahead]):
            return
        column += ahead
        kept[column] ^= True
        against = np.abs(matrix[column, column + 1 :]) >= limit
        conflicts[column + 1 :] += against if kept[column] else -against.astype(np.intp)
        column += 1
