"""Logistic regression in which some coefficients are held at zero.

The objective is that of scikit-learn, up to a factor: the log-loss summed over weighted
rows, plus the sum of ``penalty / 2`` times squared coefficients; intercepts are free.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit, log_expit, logsumexp, softmax

# Largest gradient of the mean loss where L-BFGS hands over to Newton's method, and at the
# end, in coordinates of about unit curvature.
NEAR = 1e-5
TOLERANCE = 1e-12
MAX_ITER = 1000
NEWTON_STEPS = 10


def fit(X, codes, weight, penalty, mask, start, *, intercept, polish=True):
    """Minimise the log-loss over the coefficients that are not masked.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_rows, n_columns)
        Rows.
    codes : ndarray of int, shape (n_rows,)
        Class of each row, from 0.
    weight : ndarray of shape (n_rows,)
        Weights of the rows, not all zero.
    penalty : float or ndarray of shape (n_outputs, n_columns)
        As above; at least 0.
    mask : ndarray of bool, shape (n_outputs, n_columns)
        Coefficients that may differ from zero. One output is the second of two classes.
    start : tuple of ndarray
        Coefficients and intercepts to start from; where masked they are not looked at.
    intercept : bool
        Whether intercepts are fitted; else they stay.
    polish : bool, default=True
        Whether to go on to rounding; else to a gradient of 1e-5 of the mean loss.

    Returns
    -------
    coef : ndarray of shape (n_outputs, n_columns)
        Exactly zero where masked.
    intercept : ndarray of shape (n_outputs,)
        Intercepts.

    Notes
    -----
    L-BFGS over the free coefficients, each measured in the root of its curvature, so that
    columns of any scale do; then Newton steps by conjugate gradients, to rounding where
    there is a penalty. O(n_rows * n_columns * n_outputs) per product with the rows.
    """
    used = mask.any(axis=0)
    penalty = np.broadcast_to(penalty, mask.shape)[:, used]
    problem = _Problem(X[:, used], codes, weight, penalty, mask[:, used], start[1], intercept)
    point = problem.pack(np.asarray(start[0])[:, used])
    options = {"maxiter": MAX_ITER, "maxfun": 2 * MAX_ITER, "gtol": NEAR, "maxcor": 20, "ftol": 0}
    found = minimize(problem.value, point, jac=True, method="L-BFGS-B", options=options)
    coef, shift = problem.unpack(_polish(problem, found.x) if polish else found.x)
    whole = np.zeros(mask.shape)
    whole[:, used] = coef
    return whole, np.array(shift)


def _polish(problem, point):
    """Take Newton steps while they bring the gradient down."""
    slope = problem.value(point)[1]
    for _ in range(NEWTON_STEPS):
        size = np.abs(slope).max(initial=0.0)
        if size <= TOLERANCE:
            break
        product = LinearOperator((len(point),) * 2, matvec=problem.products_at(point), dtype=float)
        step, _ = cg(product, -slope, rtol=min(1e-3, np.sqrt(size)), maxiter=200)
        ahead = problem.value(point + step)[1]
        if not np.abs(ahead).max() < size:
            break
        point, slope = point + step, ahead
    return point


class _Problem:
    """The mean loss as a function of the free coefficients, scaled, and the intercepts."""

    def __init__(self, X, codes, weight, penalty, free, offset, intercept):
        self.X, self.codes, self.penalty, self.free = X, codes, penalty, free
        self.total = weight.sum()
        self.weight = weight[:, np.newaxis]
        self.offset, self.intercept = np.array(offset, dtype=float), intercept
        squares = X**2 if isinstance(X, np.ndarray) else X.power(2)
        # The mean of p (1 - p) is below a quarter; what is right up to a factor will do.
        curvature = np.sqrt((squares.T @ weight / 4 + penalty) / self.total)
        scale = np.where(curvature > 0, curvature, 1.0)
        self.scale = np.broadcast_to(scale, free.shape)[free]

    def pack(self, coef):
        """Return the point of some coefficients and the intercepts."""
        shift = self.offset / 2 if self.intercept else np.zeros(0)
        return np.concatenate([coef[self.free] * self.scale, shift])

    def unpack(self, point):
        """Return coefficients and intercepts of a point."""
        coef = np.zeros(self.free.shape)
        coef[self.free] = point[: len(self.scale)] / self.scale
        return coef, 2 * point[len(self.scale) :] if self.intercept else self.offset

    def value(self, point):
        """Return the objective and its gradient."""
        coef, shift = self.unpack(point)
        loss, slope = log_loss(self.X @ coef.T + shift, self.codes)
        value = self.weight[:, 0] @ loss + (self.penalty * coef**2).sum() / 2
        return value / self.total, self._back(slope, coef)

    def products_at(self, point):
        """Return the function that multiplies with the Hessian at a point."""
        coef, shift = self.unpack(point)
        p = probabilities(self.X @ coef.T + shift)

        def product(direction):
            coef, shift = self.unpack(np.ravel(direction))
            if not self.intercept:
                shift = np.zeros(len(coef))
            moved = p * (self.X @ coef.T + shift)
            return self._back(moved - p * moved.sum(axis=1, keepdims=True), coef)

        return product

    def _back(self, slope, coef):
        """Turn slopes in the scores into the gradient."""
        slope = self.weight * slope
        by_coef = ((self.X.T @ slope).T + self.penalty * coef)[self.free] / self.scale
        by_shift = 2 * slope.sum(axis=0) if self.intercept else np.zeros(0)
        return np.concatenate([by_coef, by_shift]) / self.total


def probabilities(raw):
    """Return the probabilities of scores; of one column that of the second class."""
    return expit(raw) if raw.shape[1] == 1 else softmax(raw, axis=1)


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
