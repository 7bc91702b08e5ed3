"""Prototype selection: condensed nearest neighbours and facility location."""

import numpy as np
from scipy.spatial.distance import cdist

# Distances in memory at a time.
BATCH = 2**22
# Rounding error of the product of two samples, relative to their norms and per feature.
ROUNDING = 8 * np.finfo(float).eps
# Candidates whose gains are updated together.
CANDIDATES = 16


def condense(X, codes, kept):
    """Find a consistent subset for the nearest-neighbour rule (fast condensed NN).

    In each round, for every prototype the nearest of the samples that it misclassifies is
    added. The rule does not depend on the order of the samples, except for ties.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples.
    codes : ndarray of int, shape (n_samples,)
        Encoded class labels, from 0.
    kept : ndarray of bool, shape (n_samples,)
        Initial prototypes. A class without one starts with the sample nearest to its mean.

    Returns
    -------
    ndarray of bool, shape (n_samples,)
        Prototypes. The nearest one of every sample has its class, except for samples that
        coincide with one of another class.

    Notes
    -----
    O(n_rest * n_features) per prototype, where n_rest samples are not prototypes yet; in
    blocks.

    References
    ----------
    F. Angiulli, "Fast condensed nearest neighbor rule", ICML 2005; the consistent subset is
    that of P. E. Hart, "The condensed nearest neighbor rule", IEEE Transactions on Information
    Theory 14, 1968.
    """
    chosen = kept.copy()
    for code in np.setdiff1d(codes, codes[kept]):
        (rows,) = np.nonzero(codes == code)
        squares = ((X[rows] - X[rows].mean(axis=0)) ** 2).sum(axis=1)
        chosen[rows[squares.argmin()]] = True
    distance, nearest = np.full(len(X), np.inf), np.zeros(len(X), dtype=np.intp)
    new, centred = np.flatnonzero(chosen), X - X.mean(axis=0)
    while len(new):
        rest = np.flatnonzero(~chosen)
        step = max(1, BATCH // max(1, len(rest)))
        for start in range(0, len(new), step):
            found = _nearest(X, centred, rest, new[start : start + step])
            squares = ((X[rest] - X[found]) ** 2).sum(axis=1)
            nearest[rest] = np.where(squares < distance[rest], found, nearest[rest])
            distance[rest] = np.minimum(squares, distance[rest])
        wrong = rest[codes[rest] != codes[nearest[rest]]]
        order = wrong[np.lexsort((wrong, distance[wrong], nearest[wrong]))]
        new = order[np.unique(nearest[order], return_index=True)[1]]
        chosen[new] = True
    return chosen


def _nearest(X, centred, rest, block):
    """Return the sample of `block` nearest to each of `rest`; ndarray of int."""
    norm = (centred**2).sum(axis=1)
    # Squared distances minus the norm of the sample, by one matrix product. Where its rounding
    # error could change the result, distances are computed directly.
    squares = centred[rest] @ (-2 * centred[block].T)
    squares += norm[block]
    best = squares.argmin(axis=1)
    rounding = ROUNDING * X.shape[1] * (norm[rest] + norm[block].max())
    limit = squares[np.arange(len(rest)), best] + rounding
    unsure = np.flatnonzero(np.count_nonzero(squares <= limit[:, np.newaxis], axis=1) > 1)
    best[unsure] = cdist(X[rest[unsure]], X[block], "sqeuclidean").argmin(axis=1)
    return block[best]


def facility_location(X, weight):
    """Order samples by greedy facility location.

    The objective is the weighted sum of the distances from each sample to the nearest one
    selected; each step selects the sample that reduces it most.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples.
    weight : ndarray of shape (n_samples,)
        Non-negative sample weights.

    Returns
    -------
    ndarray of int, shape (n_samples,)
        All samples in order of selection.

    Notes
    -----
    Lazy evaluation: the objective is submodular, so old gains are upper bounds, and only
    those of the best candidates are updated. O(n_samples^2) memory;
    O(n_samples^2 * n_features) time, plus typically O(n_samples) per selected sample.

    References
    ----------
    M. Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978;
    K. Wei, R. Iyer and J. Bilmes, "Submodularity in data subset selection and active learning",
    ICML 2015.
    """
    distance = cdist(X, X)
    nearest = np.full(len(X), distance.max(initial=0.0))
    bound = (nearest - distance) @ weight
    order = np.empty(len(X), dtype=np.intp)
    n_candidates = min(CANDIDATES, len(X))
    for place in range(len(X)):
        updated = order[:0]
        while (best := bound.argmax()) not in updated:
            # Append the best itself, which the partition may leave out in case of ties.
            updated = np.append(np.argpartition(-bound, n_candidates - 1)[:n_candidates], best)
            gain = np.maximum(nearest - distance[updated], 0.0) @ weight
            bound[updated] = np.where(np.isneginf(bound[updated]), -np.inf, gain)
        order[place] = best
        bound[best] = -np.inf
        np.minimum(nearest, distance[best], out=nearest)
    return order
