"""Relief: a column is worth what it differs more between near rows of other targets.

Rows near each other that have different targets should differ in a column that matters, and
rows near each other that have the same should not. As nearness is that of all columns at
once, columns that say something only together are found too.

Who is near is the criterion: the nearest rows of each class ("relieff"), all rows nearer than
the mean distance ("surf"), or nearer than the row's own mean less half a standard deviation
("multisurf"). What is made of it is the same: for each row and class, the mean differences
to the near rows of that class; those of the own class count against a column, those of
the others for it, in proportion to the shares of the classes. With a target that is a
quantity all rows are of one class, and differences of the target take the place of classes.

A weight counts rows: a row of weight 3 has two more of its kind beside it.
"""

from functools import partial
from itertools import combinations_with_replacement, starmap

import numpy as np

from skprune.arrays.blocks import block_size, blocks, even_blocks
from skprune.arrays.rounding import round_scores
from skprune.criteria.row_differences import difference_sums, distances

# Rows of a square of distances, which is searched for both sides and stays in the cache; and
# elements of a stripe of distances between some rows and all (8 MB).
SQUARE = 640
STRIPE = 2**20
# Squares that are searched at a time, and candidates from which on they are sorted out.
BATCH = 256
CANDIDATES = 2**22
# Columns of a square that share one minimum where it is searched.
CHUNK = 16
# Pairs whose differences are summed at a time by one thread.
PAIRS = 2**14
# Distances closer to a radius than this share of it are on it, not within it.
ROUNDING = 1e-12
FARTHEST = np.finfo(np.float64).max


def relief_scores(rows, criterion, n_neighbors=10, target=None, run=starmap):
    """Score the columns of a table.

    Parameters
    ----------
    rows : Rows
        The rows; of one class if the target is a quantity.
    criterion : {"relieff", "surf", "multisurf"}
        Which rows are near.
    n_neighbors : int, default=10
        Number of near rows of each class, for "relieff".
    target : ndarray of shape (n_rows,), default=None
        The target of each row, scaled to a range of 1, if it is a quantity.
    run : callable, default=itertools.starmap
        Calls a function with each tuple of arguments and returns the results in order.

    Returns
    -------
    ndarray of shape (n_columns,)
        Scores in [-1, 1], the higher the better; NaN for columns that do not vary.

    Notes
    -----
    O(n_rows^2 * n_columns) for the distances, half of them for "relieff", where it leads;
    the others sum over a third of all pairs, which takes several times as long. Memory
    is O(n_rows * n_neighbors) for "relieff", O(n_rows) for the others, and blocks.
    """
    if criterion == "relieff":
        all_rows = slice(0, len(rows.weight))
        i, j, amount = _nearest(rows, n_neighbors, run)
        weights = _weigh(rows, target, all_rows, i, j, amount)
        pieces = blocks(len(i), PAIRS)
        tasks = [(i[piece], j[piece], weights[:, piece]) for piece in pieces]
        sums = sum(run(partial(difference_sums, rows), tasks))
        totals = weights.sum(axis=1)
    else:
        radius = _mean_distance(rows, run) if criterion == "surf" else None
        size = block_size(STRIPE, len(rows.weight))
        stripes = [(block, radius) for block in _cut(rows, size)]
        parts = run(partial(_sum_within, rows, target), stripes)
        sums, totals = map(sum, zip(*parts, strict=True))
    scores = sums[0] if target is None else _regress(sums, totals)
    return np.where(rows.varies, round_scores(scores), np.nan)


def _cut(rows, size):
    """Cut the rows of each class into blocks of about equal length."""
    return [block for span in rows.spans for block in even_blocks(span.start, span.stop, size)]


def _squares(rows):
    """Return the pairs of blocks of rows that hold each pair of rows once."""
    return list(combinations_with_replacement(_cut(rows, SQUARE), 2))


# Who is near: the nearest rows of each class.


def _nearest(rows, n_neighbors, run):
    """Find the nearest rows of each class; return the pairs, and how often each counts.

    Each square of distances gives candidates, and bounds to those of later squares.
    """
    # So many rows are enough whatever their weights, and one more in place of the row itself.
    enough = [
        np.searchsorted(np.sort(rows.weight[span]).cumsum(), n_neighbors) + 2 for span in rows.spans
    ]
    bound = np.full((len(rows.weight), len(rows.spans)), FARTHEST)
    squares = _squares(rows)
    found, taken = [], 0
    for batch in blocks(len(squares), BATCH):
        for sides in run(partial(_search_square, rows, enough, bound), squares[batch]):
            found += sides
        last = batch.stop == len(squares)
        if last or sum(len(i) for i, _, _ in found) > 2 * taken + CANDIDATES:
            i, j, far = map(np.concatenate, zip(*found, strict=True))
            left = np.flatnonzero(far <= bound[i, rows.label[j]])
            i, j, far, used = _take_nearest(rows, n_neighbors, i[left], j[left], far[left])
            found, taken = [(i, j, far)], len(i)
    return i, j, used


def _take_nearest(rows, n_neighbors, i, j, far):
    """Return the nearest of some pairs for each row and class, and how often each counts.

    Of rows that are as near, the first ones count; the last one may count in part.
    """
    group = i * len(rows.spans) + rows.label[j]
    order = np.lexsort((far, group))  # stable: `j` ascends in the squares as they are listed
    i, j, far, group = i[order], j[order], far[order], group[order]
    amount = _amount(rows, i, j)
    before = amount.cumsum() - amount
    first = np.flatnonzero(np.diff(group, prepend=-1))
    before -= np.repeat(before[first], np.diff(first, append=len(group)))
    used = np.clip(n_neighbors - before, 0.0, amount)
    left = np.flatnonzero(used)
    return i[left], j[left], far[left], used[left]


def _search_square(rows, enough, bound, left, right):
    """Return the candidates, on both sides, among the pairs of two blocks of rows."""
    far = distances(rows, left, right)
    if left == right:
        alone = np.flatnonzero(rows.weight[left] <= 1)
        far[alone, alone] = np.inf
    label, other = rows.label[right.start], rows.label[left.start]
    found = [_search(far, enough[label], bound[:, label], left, right)]
    if left != right:
        far = np.ascontiguousarray(far.T)
        found.append(_search(far, enough[other], bound[:, other], right, left))
    return found


def _search(far, enough, bound, left, right):
    """Return pairs with their distances: the nearest ones in each row of `far`, and some more.

    The bounds are lowered in place. Threads may undo that for each other, which lets more
    candidates through and changes no result.
    """
    limit = bound[left]
    n_left, n_right = far.shape
    if n_right > enough:
        # The minima of chunks are values of different columns: as many of them as are
        # enough bound what is looked for, and they are quicker sorted than all values.
        chunk = max(1, min(CHUNK, n_right // (4 * enough)))
        chunks = far[:, : n_right // chunk * chunk].reshape(n_left, chunk, -1).min(axis=1)
        limit = np.minimum(limit, np.partition(chunks, enough - 1, axis=1)[:, enough - 1])
        bound[left] = limit
    place = np.flatnonzero(far <= limit[:, None])
    if len(place) > 2 * enough * n_left and n_right > enough:  # many are as near as each other
        place = np.argsort(far, axis=1, kind="stable")[:, :enough]
        place = (place + n_right * np.arange(n_left)[:, None]).ravel()
    i, j = np.divmod(place, n_right)
    return i + left.start, j + right.start, far.ravel()[place]


def _amount(rows, i, j):
    """Return how many rows like `j` there are beside row `i`."""
    return np.where(i == j, np.maximum(rows.weight[j] - 1.0, 0.0), rows.weight[j])


# Who is near: the rows within a radius.


def _mean_distance(rows, run):
    """Return the mean distance of two rows."""
    itself = np.minimum(rows.weight, 1.0)
    total = rows.weight.sum() ** 2 - rows.weight @ itself
    return sum(run(partial(_distance_sum, rows, itself), _squares(rows))) / total


def _distance_sum(rows, itself, left, right):
    """Return the sum of the distances in a square, and in the one across the diagonal."""
    far = distances(rows, left, right)
    found = rows.weight[left] @ far @ rows.weight[right]
    if left == right:
        return found - (rows.weight[left] * itself[left]) @ far.diagonal()
    return 2 * found


def _own_radius(far, weight, own):
    """Return the radius of each row of `far`: mean less half a standard deviation."""
    to_itself = far[np.arange(len(own)), own]
    itself = np.minimum(weight[own], 1.0)
    total = weight.sum() - itself
    mean = (far @ weight - to_itself * itself) / total
    square = (far - mean[:, None]) ** 2 @ weight - (to_itself - mean) ** 2 * itself
    return mean - np.sqrt(np.maximum(square, 0.0) / total) / 2


def _sum_within(rows, target, block, radius):
    """Return the sums over the pairs of a block of rows with those within a radius."""
    far = np.hstack([distances(rows, block, span) for span in rows.spans])
    own = np.arange(block.start, block.stop)
    if radius is None:
        radius = _own_radius(far, rows.weight, own)
    limit = np.broadcast_to(radius - ROUNDING * np.abs(radius), len(own))
    near = far < limit[:, None]
    near[np.arange(len(own)), own] &= rows.weight[own] > 1
    i, j = np.nonzero(near)
    i += block.start
    weights = _weigh(rows, target, block, i, j, _amount(rows, i, j))
    return difference_sums(rows, i, j, weights), weights.sum(axis=1)


# What is made of those that are near.


def _weigh(rows, target, block, i, j, amount):
    """Return what each pair counts in the sums: its part of a mean, and of its row.

    The sums are those of the score with classes; with a quantity, those of the
    differences (N_dA, and its total m) and of their products with the differences of the
    target (N_dCdA, and N_dC).
    """
    n_classes = len(rows.spans)
    label, weight = rows.label[block], rows.weight[block]
    group = (i - block.start) * n_classes + rows.label[j]
    counts = np.bincount(group, amount, len(label) * n_classes).reshape(-1, n_classes)
    share = (counts > 0).astype(np.float64)
    if target is None:
        own = np.arange(len(label)), label
        hits = share[own]
        share *= np.bincount(rows.label, rows.weight)
        share[own] = 0.0
        share /= np.maximum(share.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        share[own] = -hits
    share *= weight[:, None] / rows.weight.sum() / np.where(counts > 0, counts, 1.0)
    weights = amount * share.ravel()[group]
    if target is None:
        return weights[None]
    return np.stack([weights, weights * np.abs(target[i] - target[j])])


def _regress(sums, totals):
    """Return the scores for a quantity: N_dCdA / N_dC - (N_dA - N_dCdA) / (m - N_dC)."""
    (changed, both), (total, moved) = sums, totals
    still = total - moved
    found = both / moved if moved > 0 else np.zeros_like(both)
    return found - (changed - both) / still if still > ROUNDING * total else found
