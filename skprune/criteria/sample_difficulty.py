"""Difficulty of rows: how much each one errs, moves a fit, is forgotten, or is out of place.

Of all scores but `leverage` the high ones are those of rows that a model is better without.
"""

import numpy as np
from scipy.linalg import svd

# Share of the largest singular value below which a direction is rounding.
RANK_RTOL = 1e-10


def error_norm(answer, target):
    """Return the norm of the error of each row: EL2N for probabilities; O(cells).

    Parameters
    ----------
    answer : ndarray of shape (n_rows, n_values)
        Probabilities of classes, or predicted values, best of a model that has not seen the row.
    target : ndarray of shape (n_rows, n_values)
        Ones and zeros of the class, or values.

    Returns
    -------
    ndarray of shape (n_rows,)
        Between 0 and the square root of 2 for probabilities; absolute errors for one value.

    References
    ----------
    M. Paul, S. Ganguli and G. K. Dziugaite, "Deep learning on a data diet: finding important
    examples early in training", NeurIPS 2021.
    """
    return np.sqrt(((answer - target) ** 2).sum(axis=1))


def leverage(X, weight):
    """Return the leverage of each row in a linear fit with an intercept.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        The rows.
    weight : ndarray of shape (n_rows,)
        Their weights, none negative, one of them positive.

    Returns
    -------
    ndarray of shape (n_rows,)
        Sums of squares of the rows of U, the left singular vectors of the weighted rows; in
        [0, 1], adding up to the rank. O(n_rows * n_features^2).

    References
    ----------
    P. Ma, M. W. Mahoney and B. Yu, "A statistical perspective on algorithmic leveraging",
    Journal of Machine Learning Research 16, 2015.
    """
    root = np.sqrt(weight)[:, np.newaxis]
    centred = (X - np.average(X, axis=0, weights=weight)) * root
    # Columns of one scale: what counts as rounding is then the same for all of them.
    size = np.sqrt((centred**2).sum(axis=0))
    varies = size > RANK_RTOL * np.sqrt(((X * root) ** 2).sum(axis=0))
    left, values, _ = svd(centred[:, varies] / size[varies], full_matrices=False)
    real = values > RANK_RTOL * max(values.max(initial=0.0), np.finfo(float).tiny)
    return np.minimum((left[:, real] ** 2).sum(axis=1) + weight / weight.sum(), 1.0)


def leave_one_out_error(error, share):
    """Return the error of each row by the fit without it: e / (1 - h); O(n_rows).

    Parameters
    ----------
    error : ndarray of shape (n_rows,)
        Errors of a least-squares fit, with or without a ridge.
    share : ndarray of shape (n_rows,)
        Diagonal of its hat matrix, in [0, 1].

    Returns
    -------
    ndarray of shape (n_rows,)
        Exact where ``share < 1``; a row that alone decides its own fit has an infinite error,
        or none.
    """
    alone = share >= 1 - RANK_RTOL
    found = error / np.where(alone, 1.0, 1 - share)
    return np.where(alone & (error != 0), np.copysign(np.inf, error), found)


def cooks_distance(slope, curvature, form):
    """Return how far a fit moves without each row: Cook's distance, but for a factor; O(n_rows).

    Parameters
    ----------
    slope : ndarray of shape (n_rows,)
        First derivative of the loss of the row in its raw score, times its weight.
    curvature : ndarray of shape (n_rows,)
        Second derivative, times the weight.
    form : ndarray of shape (n_rows,)
        ``x' inv(H) x`` of each row, H the curvature of the summed loss.

    Returns
    -------
    ndarray of shape (n_rows,)
        The change d of the coefficients as ``d' H d``: exact for squared losses, else one
        Newton step.

    References
    ----------
    R. D. Cook, "Detection of influential observation in linear regression", Technometrics 19,
    1977; D. Pregibon, "Logistic regression diagnostics", The Annals of Statistics 9, 1981.
    """
    return leave_one_out_error(slope, curvature * form) ** 2 * form


def out_of_bag_error(losses, unseen):
    """Return the mean loss of each row over the members that have not seen it: Data-OOB.

    Parameters
    ----------
    losses : ndarray of shape (n_members, n_rows)
        Loss of each member at each row.
    unseen : ndarray of bool, shape (n_members, n_rows)
        Whether the member was not grown on the row.

    Returns
    -------
    ndarray of shape (n_rows,)
        NaN for rows that every member has seen. O(n_members * n_rows).

    References
    ----------
    Y. Kwon and J. Zou, "Data-OOB: out-of-bag estimate as a simple and efficient data value",
    ICML 2023, arXiv:2304.07718.
    """
    count = unseen.sum(axis=0)
    total = np.where(unseen, losses, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def forgetting(stages):
    """Count how often each row was got right and then wrong again.

    Parameters
    ----------
    stages : iterable of ndarray of bool, shape (n_rows,)
        Whether each row is got right, after one stage of training after the other.

    Returns
    -------
    ndarray of shape (n_rows,)
        Events; the number of stages for rows that were never got right. O(stages * n_rows).

    References
    ----------
    M. Toneva et al., "An empirical study of example forgetting during deep neural network
    learning", ICLR 2019, arXiv:1812.05159.
    """
    events, before, ever, n_stages = 0.0, False, False, 0
    for right in stages:
        events = events + (before & ~right)
        before, ever = right, ever | right
        n_stages += 1
    return np.where(ever, events, float(n_stages))


def disagreement(codes, neighbours):
    """Return the share of the neighbours of each row that have another class.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows,)
        Classes.
    neighbours : ndarray of int, shape (n_rows, n_neighbors)
        Nearest other rows.

    Returns
    -------
    ndarray of shape (n_rows,)
        In [0, 1]. Edited nearest neighbours keeps the rows with 0. O(n_rows * n_neighbors).

    References
    ----------
    D. L. Wilson, "Asymptotic properties of nearest neighbor rules using edited data", IEEE
    Transactions on Systems, Man, and Cybernetics 2, 1972.
    """
    return (codes[neighbours] != codes[:, np.newaxis]).mean(axis=1)


def tomek_links(codes, nearest):
    """Find rows that are nearest to each other and of different classes; O(n_rows).

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows,)
        Classes.
    nearest : ndarray of int, shape (n_rows,)
        Nearest other row.

    Returns
    -------
    ndarray of bool, shape (n_rows,)
        Rows of a link.

    References
    ----------
    I. Tomek, "Two modifications of CNN", IEEE Transactions on Systems, Man, and Cybernetics 6,
    1976.
    """
    return (nearest[nearest] == np.arange(len(codes))) & (codes[nearest] != codes)
