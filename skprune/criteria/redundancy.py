"""Redundancy: greedy removal of columns that are strongly associated with better ones.

`order_by_priority` sorts columns by priority. `greedy_walk` visits them in this order and
keeps those that are not too strongly associated with a kept one, computing the associations
tile by tile. `threshold_path` finds every set that this can keep, from the whole matrix.

Any symmetric measure of association with absolute values in [0, 1] can be used. It is passed
as tiles: ``make(i, j)`` returns the signed strengths between the units of blocks ``i <= j``,
where `blocks` are consecutive slices of the units in order of priority. A tile must have the
same bits on every call, so that ties are decided consistently. A unit is a column, or a group
of columns that are kept or removed together.

References
----------
M. A. Hall, "Correlation-based feature selection for machine learning", PhD thesis,
University of Waikato, 1999.
"""

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

# Maximum width of a block, in columns or categories: large enough for matrix products to run
# at full speed and to dominate the overhead per tile.
BLOCK_WIDTH = 1024


class PriorityOrder(NamedTuple):
    """Columns in order of priority, the highest first, divided into blocks.

    Attributes
    ----------
    order : ndarray of int, shape (n_columns,)
        The columns; those of a unit are adjacent.
    starts : ndarray of int, shape (n_units,)
        First position of each unit in `order`.
    n_forced : int
        Number of leading units that are always kept.
    blocks : list of slice
        The blocks, as slices of the units.
    """

    order: Any
    starts: Any
    n_forced: int
    blocks: Any

    @property
    def sizes(self):
        """Number of columns of each unit; ndarray of int, shape (n_units,)."""
        return np.diff(np.append(self.starts, len(self.order)))

    @property
    def unit_of(self):
        """Unit of each column, in the order of the table; ndarray of int."""
        unit_of = np.empty(len(self.order), dtype=np.intp)
        unit_of[self.order] = np.repeat(np.arange(len(self.starts)), self.sizes)
        return unit_of

    @property
    def spans(self):
        """The blocks, as slices of `order`."""
        edges = [*self.starts[[block.start for block in self.blocks]], len(self.order)]
        return [slice(*ends) for ends in pairwise(edges)]

    @property
    def members(self):
        """Columns of each block; list of ndarray of int."""
        return [self.order[span] for span in self.spans]


def order_by_priority(priority, units, forced, width=None):
    """Sort columns by priority and divide them into blocks.

    Parameters
    ----------
    priority : ndarray of shape (n_columns,)
        Priority of each column, higher is better. A unit has that of its best column; ties
        go to the first.
    units : ndarray of int, shape (n_columns,)
        Unit of each column, numbered in order of first occurrence.
    forced : ndarray of bool, shape (n_columns,)
        Columns that are always kept and therefore come first; whole units.
    width : ndarray of int, shape (n_columns,), default=None
        Contribution of each column to the width of a block; ones if None.

    Returns
    -------
    PriorityOrder
        Units are not divided between blocks.

    Notes
    -----
    O(n_columns log n_columns).
    """
    best = np.full(units.max() + 1, -np.inf)
    np.maximum.at(best, units, priority)
    free = np.ones(len(best), dtype=bool)
    free[units[forced]] = False
    place = np.empty(len(best), dtype=np.intp)
    place[np.lexsort((-best, free))] = np.arange(len(best))
    order = np.lexsort((-priority, place[units]))
    starts = np.flatnonzero(np.diff(place[units][order], prepend=-1))
    up_to = np.cumsum(np.ones(len(order)) if width is None else width[order])
    n_blocks = int(-(-up_to[-1] // BLOCK_WIDTH))
    edges = np.floor(np.linspace(0, up_to[-1], n_blocks + 1)[1:-1])
    cuts = np.unique(np.searchsorted(np.append(0, up_to)[starts], edges))
    inner = cuts[(cuts > 0) & (cuts < len(starts))].tolist()
    blocks = [slice(*ends) for ends in pairwise([0, *inner, len(starts)])]
    return PriorityOrder(order, starts, int(np.count_nonzero(~free)), blocks)


def tiles_of_units(make, layout):
    """Reduce tiles of columns to tiles of units.

    Parameters
    ----------
    make : callable
        Returns tiles of the columns in `layout.members`.
    layout : PriorityOrder
        The units.

    Returns
    -------
    callable
        Returns tiles of the units: the strength of the most strongly associated pair of
        their columns. Entries of a unit with itself are meaningless.
    """
    if len(layout.starts) == len(layout.order):
        return make
    starts = [layout.starts[block] - layout.starts[block.start] for block in layout.blocks]
    return lambda i, j: closest_pairs(make(i, j), starts[i], starts[j])


def closest_pairs(tile, rows, columns):
    """Return the entry of largest absolute value in each block of a tile.

    Parameters
    ----------
    tile : ndarray of shape (n_rows, n_columns)
        Signed strengths.
    rows, columns : ndarray of int
        First rows and columns of the blocks; ascending from 0.

    Returns
    -------
    ndarray of shape (len(rows), len(columns))
        Signed strengths. O(n_rows * n_columns).
    """
    high, low = (
        reduce.reduceat(reduce.reduceat(tile, rows, axis=0), columns, axis=1)
        for reduce in (np.maximum, np.minimum)
    )
    return np.where(high >= -low, high, low)


def whole_tile(matrix):
    """Wrap a whole matrix as a single tile; returns `make`, which can be pickled, and `blocks`."""
    return partial(_only_tile, matrix), [slice(0, len(matrix))]


def _only_tile(matrix, _i, _j):
    return matrix


def whole_matrix(make, blocks):
    """Assemble the matrix from its tiles; O(n_units^2) memory.

    Parameters
    ----------
    make : callable
        Returns the tiles.
    blocks : list of slice
        Their units.

    Returns
    -------
    ndarray of shape (n_units, n_units)
        Only entries above the diagonal are meaningful.
    """
    if len(blocks) == 1:
        return make(0, 0)
    matrix = np.zeros((blocks[-1].stop, blocks[-1].stop))
    for j, columns in enumerate(blocks):
        for i, rows in enumerate(blocks[: j + 1]):
            matrix[rows, columns] = make(i, j)
    return matrix


class Walk(NamedTuple):
    """Result of `greedy_walk`, with columns in order of priority.

    Attributes
    ----------
    kept : ndarray of bool, shape (n_columns,)
        Columns that are kept.
    nearest : ndarray of int, shape (n_columns,)
        The kept column of higher priority with the strongest association; -1 if all
        associations are 0.
    value : ndarray of shape (n_columns,)
        Signed strength of that association, else 0.
    """

    kept: Any
    nearest: Any
    value: Any


def greedy_walk(make, blocks, threshold, n_forced=0):
    """Remove each column that is too strongly associated with a kept one of higher priority.

    No pair of kept columns, unless both are forced, has an absolute strength above the
    threshold, and each removed column is above the threshold with a kept one.

    Parameters
    ----------
    make : callable
        Returns the tiles.
    blocks : list of slice
        Their columns, in order of priority.
    threshold : float
        Largest absolute strength allowed between two kept columns.
    n_forced : int, default=0
        Number of leading columns that are kept unconditionally.

    Returns
    -------
    Walk
        In the order of the blocks.

    Notes
    -----
    Each tile is computed once, and only if a column of its first block is kept:
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
                _update(nearest[columns], value[columns], first[closest] + rows.start, found)
        tile = make(j, j)
        for k, column in enumerate(range(columns.start, columns.stop)):
            if abs(value[column]) <= threshold or column < n_forced:
                kept[column] = True
                later = slice(column + 1, columns.stop)
                _update(nearest[later], value[later], column, tile[k, k + 1 :])
    return Walk(kept, nearest, value)


def _update(nearest, value, candidate, found):
    """Record a kept column where its association is the strongest so far; in place."""
    closer = np.abs(found) > np.abs(value)
    np.copyto(nearest, candidate, where=closer)
    np.copyto(value, found, where=closer)


def threshold_path(matrix, n_forced=0):
    """Find every set of columns that `greedy_walk` keeps as the threshold decreases from 1.

    Parameters
    ----------
    matrix : ndarray of shape (n_columns, n_columns)
        Strengths of association, columns in order of priority.
    n_forced : int, default=0
        Number of leading columns that are in every set.

    Returns
    -------
    masks : ndarray of bool, shape (n_levels, n_columns)
        The sets. They are not nested: a removed column is kept again when the column that
        it was redundant with is removed.
    breaks : ndarray of shape (n_levels - 1,)
        Descending: set ``i + 1`` is kept at thresholds below ``breaks[i]``, down to and
        including the next break.

    Notes
    -----
    A set is valid until the threshold falls below the largest strength within it. Pairs are
    sorted once and added in decreasing order; each column counts its conflicts with kept
    columns of higher priority, and changes when its count becomes positive or zero.
    O(n_columns^2 log n_columns) for the sort plus O(n_columns) per change; about
    ``32 * n_columns^2`` bytes.
    """
    n_columns = len(matrix)
    first, second, rising = _sorted_pairs(matrix, n_forced)
    kept = np.ones(n_columns, dtype=bool)
    conflicts = np.zeros(n_columns, dtype=np.intp)
    masks, breaks, start = [kept.copy()], [], 0
    while (hit := _first_within(kept, first, second, start)) < len(first):
        limit = -rising[hit]
        # Pairs of equal strength are added together: no threshold separates them.
        stop = int(np.searchsorted(rising, -limit, side="right"))
        enter = slice(start, stop)
        conflicts += np.bincount(second[enter][kept[first[enter]]], minlength=n_columns)
        _settle(kept, conflicts, matrix, limit)
        masks.append(kept.copy())
        breaks.append(limit)
        start = stop
    return np.array(masks), np.array(breaks, dtype=np.float64)


def _sorted_pairs(matrix, n_forced):
    """Return the pairs that are not both forced, strongest first, and negated strengths."""
    first, second = (index.astype(np.int32) for index in np.triu_indices(len(matrix), 1))
    if n_forced > 1:
        first, second = first[second >= n_forced], second[second >= n_forced]
    rising = -np.abs(matrix[first, second])
    order = np.argsort(rising)[: np.count_nonzero(rising)]
    return first[order], second[order], rising[order]


def _first_within(kept, first, second, start):
    """Return the first pair from `start` with both columns kept; ``len(first)`` if none."""
    step = 256
    while start < len(first):
        within = kept[first[start : start + step]] & kept[second[start : start + step]]
        if within.any():
            return start + int(np.argmax(within))
        start += step
        step *= 2
    return len(first)


def _settle(kept, conflicts, matrix, limit):
    """Remove and restore columns, in order, until exactly those without conflicts are kept."""
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
