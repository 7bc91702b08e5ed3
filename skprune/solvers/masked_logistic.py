"""Logistic regression in which some coefficients are held at zero.

The objective is that of scikit-learn, up to a factor: the log-loss summed over weighted
rows, plus ``penalty / 2`` times the sum of squared coefficients; intercepts are free.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp

# Largest gradient of the mean loss at the end, in coordinates of unit curvature.
TOLERANCE = 1e-9
MAX_ITER = 2000


def fit(X, codes, weight, penalty, mask, start, *, intercept):
    """Minimise the log-loss over the coefficients that are not masked.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_rows, n_columns)
        Rows.
    codes : ndarray of int, shape (n_rows,)
        Class of each row, from 0.
    weight : ndarray of shape (n_rows,)
        Weights of the rows, not all zero.
    penalty : float
        As above; at least 0.
    mask : ndarray of bool, shape (n_outputs, n_columns)
        Coefficients that may differ from zero. One output is the second of two classes.
    start : tuple of ndarray
        Coefficients and intercepts to start from; where masked they are not looked at.
    intercept : bool
        Whether intercepts are fitted; else they stay.

    Returns
    -------
    coef : ndarray of shape (n_outputs, n_columns)
        Exactly zero where masked.
    intercept : ndarray of shape (n_outputs,)
        Intercepts.

    Notes
    -----
    L-BFGS over the free coefficients, each measured in the root of its curvature, so that
    columns of any scale do; O(n_rows * n_columns * n_outputs) per iteration.
    """
    used = mask.any(axis=0)
    X, free, total = X[:, used], mask[:, used], weight.sum()
    first, offset = np.where(mask, start[0], 0.0)[:, used], np.array(start[1], dtype=float)
    squares = X**2 if isinstance(X, np.ndarray) else X.power(2)
    # The mean of p (1 - p) is below a quarter; what is right up to a factor will do.
    curvature = np.sqrt((squares.T @ weight / 4 + penalty) / total)
    scale = np.where(curvature > 0, curvature, 1.0)
    columns = np.broadcast_to(scale, free.shape)[free]
    n_free = len(columns)

    def unpack(point):
        coef = np.zeros(free.shape)
        coef[free] = point[:n_free] / columns
        return coef, 2 * point[n_free:] if intercept else offset

    def objective(point):
        coef, shift = unpack(point)
        loss, slope = log_loss(X @ coef.T + shift, codes)
        slope = weight[:, np.newaxis] * slope
        by_coef = ((X.T @ slope).T + penalty * coef)[free] / columns
        by_shift = 2 * slope.sum(axis=0) if intercept else np.zeros(0)
        value = weight @ loss + penalty / 2 * (coef**2).sum()
        return value / total, np.concatenate([by_coef, by_shift]) / total

    point = np.concatenate([first[free] * columns, offset / 2 if intercept else np.zeros(0)])
    options = {"maxiter": MAX_ITER, "maxfun": 2 * MAX_ITER, "gtol": TOLERANCE, "ftol": 0.0}
    options["maxcor"] = 20
    found = minimize(objective, point, jac=True, method="L-BFGS-B", options=options)
    coef, shift = unpack(found.x)
    whole = np.zeros(mask.shape)
    whole[:, used] = coef
    return whole, np.array(shift)


def log_loss(raw, codes):
    """Return the log-loss of each row, and its slope in the raw scores.

    Parameters
    ----------
    raw : ndarray of shape (n_rows, n_outputs)
        Scores; one column holds those of the second of two classes.
    codes : ndarray of int, shape (n_rows,)
        Class of each row.

    Returns
    -------
    loss : ndarray of shape (n_rows,)
        In nats.
    slope : ndarray of shape (n_rows, n_outputs)
        Probabilities minus what would have been right.
    """
    if raw.shape[1] == 1:
        signed = np.where(codes[:, np.newaxis] == 1, raw, -raw)
        return -log_expit(signed[:, 0]), expit(raw) - (codes[:, np.newaxis] == 1)
    rows = np.arange(len(codes))
    norm = logsumexp(raw, axis=1)
    slope = np.exp(raw - norm[:, np.newaxis])
    loss = norm - raw[rows, codes]
    slope[rows, codes] -= 1.0
    return loss, slope
