"""Rows that stand for others: condensed nearest neighbours, and facility location."""

import numpy as np
from scipy.spatial.distance import cdist

from skprune.arrays.blocks import block_size, blocks

# Distances that are held at once while rows are gone through.
BATCH = 2**22
# Rounding of a product of two rows, relative to their norms and per column.
ROUNDING = 8 * np.finfo(float).eps
# Candidates whose gains are brought up to date together.
CANDIDATES = 16


def condense(X, codes, kept):
    """Find rows by whose nearest one every row gets its class.

    In each round every chosen row is asked for the rows that it is nearest to and gets wrong,
    and the nearest of these is chosen too. Rows are asked in no order, so that shuffling them
    changes nothing but ties.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.
    codes : ndarray of int, shape (n_rows,)
        Their classes, 0 to the number of them less one.
    kept : ndarray of bool, shape (n_rows,)
        Rows that are chosen beforehand. A class without one starts with the row that is
        nearest to its mean.

    Returns
    -------
    ndarray of bool, shape (n_rows,)
        Chosen rows. A nearest neighbour among them has the class of the row, for all rows but
        those that another class has at the same place.

    Notes
    -----
    O(n_rest * n_features) per chosen row, n_rest the rows that are not chosen yet; in blocks.

    References
    ----------
    F. Angiulli, "Fast condensed nearest neighbor rule", ICML 2005; the consistent subset is
    that of P. E. Hart, "The condensed nearest neighbor rule", IEEE Transactions on Information
    Theory 14, 1968.
    """
    chosen = kept.copy()
    for code in np.setdiff1d(codes, codes[kept]):
        (rows,) = np.nonzero(codes == code)
        apart = ((X[rows] - X[rows].mean(axis=0)) ** 2).sum(axis=1)
        chosen[rows[apart.argmin()]] = True
    distance, nearest = np.full(len(X), np.inf), np.zeros(len(X), dtype=np.intp)
    new, centred = np.flatnonzero(chosen), X - X.mean(axis=0)
    while len(new):
        rest = np.flatnonzero(~chosen)
        for part in blocks(len(new), block_size(BATCH, len(rest))):
            found = _nearest(X, centred, rest, new[part])
            apart = ((X[rest] - X[found]) ** 2).sum(axis=1)
            nearest[rest] = np.where(apart < distance[rest], found, nearest[rest])
            distance[rest] = np.minimum(apart, distance[rest])
        wrong = rest[codes[rest] != codes[nearest[rest]]]
        order = wrong[np.lexsort((wrong, distance[wrong], nearest[wrong]))]
        new = order[np.unique(nearest[order], return_index=True)[1]]
        chosen[new] = True
    return chosen


def _nearest(X, centred, rest, block):
    """Return the one of `block` that is nearest to each of `rest`; ndarray of int."""
    norm = (centred**2).sum(axis=1)
    # Squared distances less the norm of the row: one product, which rounds more than a sum of
    # squares. Where that could tell, the squares are summed.
    apart = centred[rest] @ (-2 * centred[block].T)
    apart += norm[block]
    best = apart.argmin(axis=1)
    rounding = ROUNDING * X.shape[1] * (norm[rest] + norm[block].max())
    limit = apart[np.arange(len(rest)), best] + rounding
    unsure = np.flatnonzero(np.count_nonzero(apart <= limit[:, np.newaxis], axis=1) > 1)
    best[unsure] = cdist(X[rest[unsure]], X[block], "sqeuclidean").argmin(axis=1)
    return block[best]


def facility_location(X, weight):
    """Order rows by how much nearer each brings the others to a chosen one, greedily.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.
    weight : ndarray of shape (n_rows,)
        How much each row counts, none negative.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        All rows, the one that stands for most first.

    Notes
    -----
    Gains only shrink, so that those of the best candidates alone are brought up to date, some
    at a time. Holds n_rows^2 distances; O(n_rows^2 * n_features), and after that as a rule
    O(n_rows) per row of the order.

    References
    ----------
    M. Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978;
    K. Wei, R. Iyer and J. Bilmes, "Submodularity in data subset selection and active learning",
    ICML 2015.
    """
    apart = cdist(X, X)
    near = np.full(len(X), apart.max(initial=0.0))
    bound = (near - apart) @ weight
    order = np.empty(len(X), dtype=np.intp)
    n_looked = min(CANDIDATES, len(X))
    for place in range(len(X)):
        looked = order[:0]
        while (best := bound.argmax()) not in looked:
            # With the best itself, which a tie may keep out of them.
            looked = np.append(np.argpartition(-bound, n_looked - 1)[:n_looked], best)
            fresh = np.maximum(near - apart[looked], 0.0) @ weight
            bound[looked] = np.where(np.isneginf(bound[looked]), -np.inf, fresh)
        order[place] = best
        bound[best] = -np.inf
        np.minimum(near, apart[best], out=near)
    return order
