"""Redundancy: which columns say nothing that a better one does not say.

`order_by_priority` sorts columns by priority. `greedy_walk` keeps those that are not too close
to one of higher priority, and makes the strengths of association that it needs tile by tile.
`threshold_path` finds every set that the walk can keep, from the whole matrix.

All take any symmetric measure of association whose absolute values are in [0, 1], as tiles:
``make(i, j)`` gives the signed strengths between the units of blocks ``i <= j``, where
`blocks` are consecutive slices of the units in order of priority. A tile has to have the
same bits whenever it is made: then the walk and the path agree on every tie. A unit is a
column, or a group of columns that stand or fall together.

References
----------
M. A. Hall, "Correlation-based feature selection for machine learning", PhD thesis,
University of Waikato, 1999.
"""

from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

# Width of a block at most, in columns or categories: large enough for the products of
# matrices to run at full speed and for their work to outweigh what is done anew per tile.
BLOCK_WIDTH = 1024


class PriorityOrder(NamedTuple):
    """Columns in order of priority, the highest first, cut into blocks.

    Attributes
    ----------
    order : ndarray of int, shape (n_columns,)
        The columns; those of a unit follow each other.
    starts : ndarray of int, shape (n_units,)
        Where each unit begins in `order`.
    n_forced : int
        So many of the first units always stay.
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
    """Put columns in order of priority and cut them into blocks.

    Parameters
    ----------
    priority : ndarray of shape (n_columns,)
        Priority of each column, the higher the better. A unit has that of its best; ties
        go to the first.
    units : ndarray of int, shape (n_columns,)
        Unit of each column, numbered in order of their first columns.
    forced : ndarray of bool, shape (n_columns,)
        Columns that always stay, and so come first; whole units.
    width : ndarray of int, shape (n_columns,), default=None
        What each column adds to the width of a block; 1 each if None.

    Returns
    -------
    PriorityOrder
        No unit is in two blocks.

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
    """Turn strengths between columns into those between units.

    Parameters
    ----------
    make : callable
        Makes tiles of the columns in `layout.members`.
    layout : PriorityOrder
        The units.

    Returns
    -------
    callable
        Makes tiles of the units: of each two the strength of the closest pair of their
        columns. What it says of a unit and itself is not to be read.
    """
    if len(layout.starts) == len(layout.order):
        return make
    starts = [layout.starts[block] - layout.starts[block.start] for block in layout.blocks]
    return lambda i, j: closest_pairs(make(i, j), starts[i], starts[j])


def closest_pairs(tile, rows, columns):
    """Return the signed strength of the closest pair between groups of rows and columns.

    Parameters
    ----------
    tile : ndarray of shape (n_rows, n_columns)
        Signed strengths.
    rows, columns : ndarray of int
        Where the groups begin; ascending from 0.

    Returns
    -------
    ndarray of shape (len(rows), len(columns))
        Strengths.
    """
    high, low = (
        reduce.reduceat(reduce.reduceat(tile, rows, axis=0), columns, axis=1)
        for reduce in (np.maximum, np.minimum)
    )
    return np.where(high >= -low, high, low)


def whole_tile(matrix):
    """Present a whole matrix as a single tile; returns `make`, which pickles, and `blocks`."""
    return partial(_only_tile, matrix), [slice(0, len(matrix))]


def _only_tile(matrix, _i, _j):
    return matrix


def whole_matrix(make, blocks):
    """Put all tiles together; O(n_units^2) memory.

    Parameters
    ----------
    make : callable
        Makes the tiles.
    blocks : list of slice
        Their units.

    Returns
    -------
    ndarray of shape (n_units, n_units)
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


def greedy_walk(make, blocks, threshold, n_forced=0):
    """Keep each column unless a kept one of higher priority is closer than a threshold.

    No two kept columns, unless both are forced, have an absolute strength above the
    threshold, and each dropped one has a kept one that it is above the threshold with.

    Parameters
    ----------
    make : callable
        Makes the tiles.
    blocks : list of slice
        Their columns, in order of priority.
    threshold : float
        Largest absolute strength that is allowed between two columns that stay.
    n_forced : int, default=0
        So many of the first columns stay however close they are to each other.

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
            if abs(value[column]) <= threshold or column < n_forced:
                kept[column] = True
                later = slice(column + 1, columns.stop)
                _approach(nearest[later], value[later], column, tile[k, k + 1 :])
    return Walk(kept, nearest, value)


def _approach(nearest, value, candidate, found):
    """Note a kept column where it is strictly closer than those before it; in place."""
    closer = np.abs(found) > np.abs(value)
    np.copyto(nearest, candidate, where=closer)
    np.copyto(value, found, where=closer)


def threshold_path(matrix, n_forced=0):
    """Find every set of columns that `greedy_walk` keeps as the threshold falls from 1.

    Parameters
    ----------
    matrix : ndarray of shape (n_columns, n_columns)
        Strengths of association, columns in order of priority.
    n_forced : int, default=0
        So many of the first columns are in every set.

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
    first, second, rising = _sorted_pairs(matrix, n_forced)
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


def _sorted_pairs(matrix, n_forced):
    """Return the pairs of which one can go, the strongest first, and the strength negated."""
    first, second = (index.astype(np.int32) for index in np.triu_indices(len(matrix), 1))
    if n_forced > 1:
        first, second = first[second >= n_forced], second[second >= n_forced]
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
