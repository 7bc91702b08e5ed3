"""Relief: features score by how much more they differ between near misses than near hits.

A hit is a neighbour of the same class, a miss one of another class. Neighbours are found in
the space of all features, so features that are relevant only in interaction are found too.

The variants define neighbours differently: the k nearest samples of each class ("relieff"),
all samples closer than the mean distance ("surf"), or closer than the sample's own mean
distance minus half its standard deviation ("multisurf"). The scores are the same: for each
sample and class, the mean differences to the neighbours of that class; those to hits are
subtracted, those to misses added in proportion to the class frequencies. In regression
(RReliefF) all samples are in one class, and differences of the target replace classes.

Weights are numbers of repetitions: a sample of weight 3 has two copies at distance 0.
"""

from functools import partial
from itertools import combinations_with_replacement, starmap

import numpy as np

from skprune.arrays.blocks import block_size, blocks, even_blocks
from skprune.arrays.rounding import round_scores
from skprune.criteria.row_differences import difference_sums, distances

# Samples per side of a square block of distances, which is searched in both directions and
# stays in the cache; and elements of a stripe of distances from some samples to all (8 MB).
SQUARE = 640
STRIPE = 2**20
# Squares per batch, and the number of new candidates that triggers their reduction.
BATCH = 256
CANDIDATES = 2**22
# Columns of a square that are replaced by their minimum when bounds are computed.
CHUNK = 16
# Pairs per task whose differences are summed by one thread.
PAIRS = 2**14
# Relative tolerance: distances equal to a radius up to this are outside it.
ROUNDING = 1e-12
FARTHEST = np.finfo(np.float64).max


def relief_scores(rows, criterion, n_neighbors=10, target=None, run=starmap):
    """Score the features of a table.

    Parameters
    ----------
    rows : EncodedSamples
        The samples; all in one class for regression.
    criterion : {"relieff", "surf", "multisurf"}
        Definition of neighbours.
    n_neighbors : int, default=10
        Number of neighbours of each class, for "relieff".
    target : ndarray of shape (n_samples,), default=None
        Target of a regression, scaled to a range of 1.
    run : callable, default=itertools.starmap
        Calls a function with each tuple of arguments and returns the results in order.

    Returns
    -------
    ndarray of shape (n_features,)
        Scores in [-1, 1], higher is better; NaN for constant features.

    Notes
    -----
    O(n_samples^2 * n_features) for the distances; "relieff" computes half of them, and they
    dominate. "surf" and "multisurf" also sum the differences of about a third of all pairs,
    which takes several times as long. Memory, besides blocks of fixed size, is
    O(n_samples * n_neighbors) for "relieff" and O(n_samples) for the others.
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
    """Split the samples of each class into blocks of about equal length."""
    return [block for span in rows.spans for block in even_blocks(span.start, span.stop, size)]


def _squares(rows):
    """Return the pairs of blocks of samples that cover each pair of samples once."""
    return list(combinations_with_replacement(_cut(rows, SQUARE), 2))


# Neighbours of ReliefF: the nearest samples of each class.


def _nearest(rows, n_neighbors, run):
    """Find the nearest samples of each class; return the pairs and their weights.

    Each square of distances yields candidates, and bounds that limit those of later squares.
    """
    # Candidates that suffice whatever their weights, one of them in place of the sample itself.
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
    """Return the nearest of some pairs for each sample and class, and their weights.

    Of equally distant samples the first are used; the last one may be used with a part of its
    weight, so that the weights of a sample and class add up to `n_neighbors`.
    """
    group = i * len(rows.spans) + rows.label[j]
    order = np.lexsort((far, group))  # stable: `j` ascends in the order of the squares
    i, j, far, group = i[order], j[order], far[order], group[order]
    amount = _amount(rows, i, j)
    before = amount.cumsum() - amount
    first = np.flatnonzero(np.diff(group, prepend=-1))
    before -= np.repeat(before[first], np.diff(first, append=len(group)))
    used = np.clip(n_neighbors - before, 0.0, amount)
    left = np.flatnonzero(used)
    return i[left], j[left], far[left], used[left]


def _search_square(rows, enough, bound, left, right):
    """Return the candidates, in both directions, among the pairs of two blocks of samples."""
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
    """Return a superset of the nearest pairs in each row of `far`, with their distances.

    The bounds are lowered in place. A race between threads can only loosen them again, which
    admits more candidates but does not change the result.
    """
    limit = bound[left]
    n_left, n_right = far.shape
    if n_right > enough:
        # The minima of `enough` disjoint chunks bound the `enough` smallest values, and there
        # are fewer of them to sort.
        chunk = max(1, min(CHUNK, n_right // (4 * enough)))
        chunks = far[:, : n_right // chunk * chunk].reshape(n_left, chunk, -1).min(axis=1)
        limit = np.minimum(limit, np.partition(chunks, enough - 1, axis=1)[:, enough - 1])
        bound[left] = limit
    place = np.flatnonzero(far <= limit[:, None])
    if len(place) > 2 * enough * n_left and n_right > enough:  # many ties
        place = np.argsort(far, axis=1, kind="stable")[:, :enough]
        place = (place + n_right * np.arange(n_left)[:, None]).ravel()
    i, j = np.divmod(place, n_right)
    return i + left.start, j + right.start, far.ravel()[place]


def _amount(rows, i, j):
    """Return the weight of sample `j` as a neighbour of `i`: without one copy if i = j."""
    return np.where(i == j, np.maximum(rows.weight[j] - 1.0, 0.0), rows.weight[j])


# Neighbours of SURF and MultiSURF: the samples within a radius.


def _mean_distance(rows, run):
    """Return the mean distance over all pairs of samples."""
    itself = np.minimum(rows.weight, 1.0)
    total = rows.weight.sum() ** 2 - rows.weight @ itself
    return sum(run(partial(_distance_sum, rows, itself), _squares(rows))) / total


def _distance_sum(rows, itself, left, right):
    """Return the weighted sum of the distances in a square and in its transpose."""
    far = distances(rows, left, right)
    found = rows.weight[left] @ far @ rows.weight[right]
    if left == right:
        return found - (rows.weight[left] * itself[left]) @ far.diagonal()
    return 2 * found


def _own_radius(far, weight, own):
    """Return the MultiSURF radius of each row of `far`, ``mean - std / 2``."""
    to_itself = far[np.arange(len(own)), own]
    itself = np.minimum(weight[own], 1.0)
    total = weight.sum() - itself
    mean = (far @ weight - to_itself * itself) / total
    square = (far - mean[:, None]) ** 2 @ weight - (to_itself - mean) ** 2 * itself
    return mean - np.sqrt(np.maximum(square, 0.0) / total) / 2


def _sum_within(rows, target, block, radius):
    """Return the sums over the pairs of a block of samples with their neighbours."""
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


# Scores from the differences of neighbours.


def _weigh(rows, target, block, i, j, amount):
    """Return the coefficient of each pair in the sums that make up the scores.

    In classification there is one sum, the score. In regression there are two: of the
    differences (N_dA, total m), and of their products with the differences of the target
    (N_dCdA, total N_dC), in the notation of Robnik-Sikonja and Kononenko.
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
    """Return the RReliefF scores, ``N_dCdA / N_dC - (N_dA - N_dCdA) / (m - N_dC)``."""
    (changed, both), (total, moved) = sums, totals
    still = total - moved
    found = both / moved if moved > 0 else np.zeros_like(both)
    return found - (changed - both) / still if still > ROUNDING * total else found
