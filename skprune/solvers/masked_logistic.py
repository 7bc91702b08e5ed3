"""Logistic regression with some coefficients fixed at zero.

The objective is that of scikit-learn, up to a factor: the weighted sum of log-losses plus the
sum of ``penalty / 2 * coef ** 2``; intercepts are not penalised.
"""

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs
from scipy.optimize import minimize
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit, log_expit, logsumexp, softmax

# Largest absolute gradient of the mean loss at which L-BFGS is followed by Newton's method,
# and at which that stops, in coordinates scaled to about unit curvature.
NEAR = 1e-5
TOLERANCE = 1e-12
MAX_ITER = 1000
# Up to so many coefficients of one output a Hessian costs less than the steps that it saves. It
# is kept as long as a step with it reduces the gradient to less than the share `SLOW`.
FEW = 100
SLOW = 0.1
CHORD_STEPS = 40
NEWTON_STEPS = 10


def fit(X, codes, weight, penalty, mask, start, *, intercept, polish=True, near=False):
    """Minimise the log-loss over the coefficients that a mask keeps.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        Samples.
    codes : ndarray of int, shape (n_samples,)
        Encoded class labels, from 0.
    weight : ndarray of shape (n_samples,)
        Sample weights, not all zero.
    penalty : float or ndarray of shape (n_outputs, n_features)
        L2 penalty, as above; at least 0.
    mask : ndarray of bool, shape (n_outputs, n_features)
        Coefficients to fit; the others are zero. For two classes there is one output, that
        of the second class.
    start : tuple of ndarray
        Initial coefficients and intercepts; masked coefficients are ignored.
    intercept : bool
        Whether intercepts are fitted; otherwise they are fixed.
    polish : bool, default=True
        Whether to converge up to rounding; otherwise to a gradient of 1e-5 of the mean loss.
    near : bool, default=False
        Whether the start is so near the minimum that Newton steps should be tried at once.

    Returns
    -------
    coef : ndarray of shape (n_outputs, n_features)
        Exactly zero where masked.
    intercept : ndarray of shape (n_outputs,)
        Intercepts.

    Notes
    -----
    L-BFGS on coefficients scaled to about unit curvature, so that the scale of features does
    not matter; then Newton steps by conjugate gradients, which converge up to rounding if
    there is a penalty. O(n_samples * n_features * n_outputs) per product with `X`. For one
    output of few coefficients with a penalty, Newton steps alone: O(n_samples * n_features^2)
    for each of two or three Hessians.
    """
    used = mask.any(axis=0)
    penalty = np.broadcast_to(penalty, mask.shape)[:, used]
    problem = _Problem(X[:, used], codes, weight, penalty, mask[:, used], start[1], intercept)
    point = problem.pack(np.asarray(start[0])[:, used])
    if problem.has_small_hessian:
        found = _newton(problem, point, TOLERANCE if polish else NEAR)
        if found is not None:
            return _spread(problem, found, mask, used)
    if near:
        found = _polish(problem, point)
        if np.abs(problem.gradient(found)).max(initial=0.0) <= NEAR * NEAR:
            return _spread(problem, found, mask, used)
    options = {"maxiter": MAX_ITER, "maxfun": 2 * MAX_ITER, "gtol": NEAR, "maxcor": 20, "ftol": 0}
    found = minimize(problem.value, point, jac=True, method="L-BFGS-B", options=options)
    return _spread(problem, _polish(problem, found.x) if polish else found.x, mask, used)


def _spread(problem, point, mask, used):
    """Return the coefficients of all features, and the intercepts."""
    coef, shift = problem.unpack(point)
    whole = np.zeros(mask.shape)
    whole[:, used] = coef
    return whole, np.array(shift)


def _newton(problem, point, tolerance):
    """Take Newton steps, with a new Hessian where the last one no longer serves.

    Returns the minimum, or None if the steps do not lead to it.
    """
    gradient, root = problem.gradient(point), None
    for _ in range(CHORD_STEPS):
        size = np.abs(gradient).max(initial=0.0)
        if size <= tolerance:
            return point
        renewed = root is None
        if renewed:
            root, failed = dpotrf(problem.hessian(point), lower=True)
            if failed:
                return None
        step, _ = dpotrs(root, gradient[:, np.newaxis], lower=True)
        next_gradient = problem.gradient(point - step[:, 0])
        next_size = np.abs(next_gradient).max()
        if not next_size < SLOW * size:
            root = None
        if next_size < size:
            point, gradient = point - step[:, 0], next_gradient
        elif renewed:
            break
    return point if np.abs(gradient).max() <= NEAR * NEAR else None


def _polish(problem, point):
    """Take Newton steps while they reduce the gradient."""
    gradient = problem.gradient(point)
    for _ in range(NEWTON_STEPS):
        size = np.abs(gradient).max(initial=0.0)
        if size <= TOLERANCE:
            break
        product = LinearOperator((len(point),) * 2, matvec=problem.products_at(point), dtype=float)
        # Where probabilities are 0 or 1 there is no curvature, and a step has no bound: it is not
        # taken, as its gradient is no smaller.
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            step, _ = cg(product, -gradient, rtol=min(1e-3, np.sqrt(size)), maxiter=200)
            next_gradient = problem.gradient(point + step)
        if not np.abs(next_gradient).max() < size:
            break
        point, gradient = point + step, next_gradient
    return point


class _Problem:
    """The mean loss as a function of the scaled free coefficients and the intercepts."""

    def __init__(self, X, codes, weight, penalty, free, offset, intercept):
        self.X, self.codes, self.penalty, self.free = X, codes, penalty, free
        self.transposed = X.T  # of a sparse matrix, a new object at every call
        self.total = weight.sum()
        self.weight = weight[:, np.newaxis]
        self.offset, self.intercept = np.array(offset, dtype=float), intercept
        squares = X**2 if isinstance(X, np.ndarray) else X.power(2)
        # An upper bound of the curvature, as p (1 - p) <= 1/4: scaling needs no precision.
        curvature = np.sqrt((squares.T @ weight / 4 + penalty) / self.total)
        scale = np.where(curvature > 0, curvature, 1.0)
        self.scale = np.broadcast_to(scale, free.shape)[free]

    def pack(self, coef):
        """Return the vector of scaled free coefficients and intercepts."""
        shift = self.offset / 2 if self.intercept else np.zeros(0)
        return np.concatenate([coef[self.free] * self.scale, shift])

    def unpack(self, point):
        """Return the coefficients and intercepts of a vector."""
        coef = np.zeros(self.free.shape)
        coef[self.free] = point[: len(self.scale)] / self.scale
        return coef, 2 * point[len(self.scale) :] if self.intercept else self.offset

    def value(self, point):
        """Return the objective and its gradient."""
        coef, shift = self.unpack(point)
        loss, gradient = log_loss(self.X @ coef.T + shift, self.codes)
        value = self.weight[:, 0] @ loss + (self.penalty * coef**2).sum() / 2
        return value / self.total, self._back(gradient, coef)

    @property
    def has_small_hessian(self):
        """Whether there is one output of few coefficients, all of them with a penalty."""
        few = len(self.free) == 1 and self.free.size <= FEW and bool(self.free.all())
        return few and isinstance(self.X, np.ndarray) and bool((self.penalty > 0).all())

    def gradient(self, point):
        """Return the gradient alone."""
        coef, shift = self.unpack(point)
        rest = probabilities(self.X @ coef.T + shift)
        if rest.shape[1] == 1:
            rest -= self.codes[:, np.newaxis] == 1
        else:
            rest[np.arange(len(rest)), self.codes] -= 1.0
        return self._back(rest, coef)

    def hessian(self, point):
        """Return the Hessian for one output; O(n_samples * n_features^2)."""
        coef, shift = self.unpack(point)
        chance = expit(self.X @ coef.T + shift)
        curvature = self.weight * chance * (1 - chance)
        weighted = curvature * self.X
        found = (weighted.T @ self.X + np.diag(self.penalty[0])) / np.outer(self.scale, self.scale)
        if self.intercept:
            border = 2 * weighted.sum(axis=0) / self.scale
            found = np.block(
                [[found, border[:, np.newaxis]], [border, np.array([[4 * curvature.sum()]])]]
            )
        return found / self.total

    def products_at(self, point):
        """Return a function that multiplies vectors by the Hessian at a point."""
        coef, shift = self.unpack(point)
        p = probabilities(self.X @ coef.T + shift)

        def product(direction):
            coef, shift = self.unpack(np.ravel(direction))
            if not self.intercept:
                shift = np.zeros(len(coef))
            moved = p * (self.X @ coef.T + shift)
            return self._back(moved - p * moved.sum(axis=1, keepdims=True), coef)

        return product

    def _back(self, by_raw, coef):
        """Return the gradient, from gradients with respect to the raw scores."""
        by_raw = self.weight * by_raw
        by_coef = ((self.transposed @ by_raw).T + self.penalty * coef)[self.free] / self.scale
        by_shift = 2 * by_raw.sum(axis=0) if self.intercept else np.zeros(0)
        if len(by_shift) > 1:
            by_shift -= by_shift.mean()  # rounding: a common shift has no effect, and no curvature
        return np.concatenate([by_coef, by_shift]) / self.total


def probabilities(raw):
    """Return class probabilities; for a single column that of the second class."""
    return expit(raw) if raw.shape[1] == 1 else softmax(raw, axis=1)


def log_loss(raw, codes):
    """Return the log-loss of each sample and its gradient in the raw scores.

    Parameters
    ----------
    raw : ndarray of shape (n_samples, n_outputs)
        Raw scores; for two classes one column, that of the second class.
    codes : ndarray of int, shape (n_samples,)
        Encoded class labels.

    Returns
    -------
    loss : ndarray of shape (n_samples,)
        In nats.
    gradient : ndarray of shape (n_samples, n_outputs)
        Probabilities minus one-hot labels. O(n_samples * n_outputs).
    """
    if raw.shape[1] == 1:
        signed = np.where(codes[:, np.newaxis] == 1, raw, -raw)
        return -log_expit(signed[:, 0]), expit(raw) - (codes[:, np.newaxis] == 1)
    rows = np.arange(len(codes))
    norm = logsumexp(raw, axis=1)
    gradient = np.exp(raw - norm[:, np.newaxis])
    loss = norm - raw[rows, codes]
    gradient[rows, codes] -= 1.0
    return loss, gradient
