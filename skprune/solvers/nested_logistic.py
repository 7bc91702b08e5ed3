"""Logistic regression of two classes on nested subsets of the features, each fit from the last.

The objective is that of `masked_logistic`. Where one feature after the other is left out, the
minimum moves little, and the Hessian changes little: the leading part of one Cholesky factor
serves many subsets, and the first step of a fit is exact for a quadratic objective.
"""

from typing import Any

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs
from scipy.special import expit

from skprune.solvers.masked_logistic import NEAR, TOLERANCE

# Steps with one Hessian; if they do not lead to the minimum, there is a new one.
MAX_STEPS = 12
# A step that leaves more than this share of the gradient is followed by a new Hessian.
SLOW = 0.3
MAX_HESSIANS = 8


class NestedLogistic:
    """Minimises the log-loss over ever fewer features.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The features, in the order of the subsets, which are the first so many of them.
    positive : ndarray of bool, shape (n_samples,)
        Whether each sample is of the second class.
    weight : ndarray of shape (n_samples,)
        Sample weights, not all zero.
    penalty : ndarray of shape (n_features,)
        ``alpha`` of ``sum(loss) + alpha / 2 * coef**2``, positive.
    coef : ndarray of shape (n_features,)
        Coefficients to start from.
    offset : float
        Intercept to start from, or the fixed one.
    intercept : bool
        Whether the intercept is fitted.

    Notes
    -----
    Coefficients are scaled to about unit curvature, as in `masked_logistic`.
    """

    def __init__(self, X, positive, weight, penalty, coef, offset, *, intercept):
        self._target, self._weight = positive.astype(float), weight[:, np.newaxis]
        self._total, self._first = weight.sum(), int(intercept)
        self._scale = np.sqrt((weight @ X**2 / 4 + penalty) / self._total)
        n_rows, n_columns = X.shape
        # The intercept has a column of its own, the first, which stays in all subsets.
        self._A = np.empty((n_rows, n_columns + self._first), order="F")
        np.divide(X, self._scale, out=self._A[:, self._first :])
        self._A[:, : self._first] = 2.0
        self._penalty = np.append(np.zeros(self._first), penalty / self._scale**2)
        self._fixed = 0.0 if intercept else offset
        self._point = np.append(np.full(self._first, offset / 2), coef * self._scale)
        self._root: Any = None

    def fit(self, n_kept):
        """Fit the first features, no more of them than before.

        Parameters
        ----------
        n_kept : int
            How many features.

        Returns
        -------
        tuple of (ndarray of shape (n_kept,), float), or None
            Coefficients and intercept up to rounding; None if the minimum was not found.
            O(n_samples * n_kept) for each of a few steps, and O(n_samples * n_kept^2) where
            the Hessian no longer serves.
        """
        point = self._reduce(n_kept + self._first)
        gradient = self._gradient(point)
        for _ in range(MAX_HESSIANS):
            if self._root is not None:
                point, gradient = self._descend(point, gradient)
            size = np.abs(gradient).max(initial=0.0)
            if size <= TOLERANCE:
                break
            self._root, failed = dpotrf(self._hessian(point), lower=True)
            if failed:
                return None
        if not np.abs(gradient).max(initial=0.0) <= NEAR * NEAR:
            return None
        self._point = point
        shift = 2 * point[0] if self._first else self._fixed
        return point[self._first :] / self._scale[:n_kept], shift

    def _reduce(self, size):
        """Return the last point without its end, for which the others make up."""
        head, tail = self._point[:size], self._point[size:]
        if self._root is None or not tail.size or not size:
            return head
        pull = tail @ self._root[size : len(self._point), :size]
        return head + dtrtrs(self._root[:size, :size], pull, lower=True, trans=1)[0]

    def _descend(self, point, gradient):
        """Take quasi-Newton steps from the Hessian at hand, as long as they are good ones."""
        moves: list[Any] = []
        root = self._root[: len(point), : len(point)]
        size = np.abs(gradient).max(initial=0.0)
        for _ in range(MAX_STEPS):
            if size <= TOLERANCE:
                break
            step = -_solve(root, moves, gradient)
            found = self._gradient(point + step)
            next_size = np.abs(found).max()
            is_slow = not next_size < SLOW * size
            if next_size < size:
                moves.append((step, found - gradient))
                point, gradient, size = point + step, found, next_size
            if is_slow:
                break
        return point, gradient

    def _raw(self, point):
        return self._A[:, : len(point)] @ point + self._fixed

    def _gradient(self, point):
        rest = self._raw(point)
        expit(rest, out=rest)
        rest -= self._target
        rest *= self._weight[:, 0]
        found = rest @ self._A[:, : len(point)] + self._penalty[: len(point)] * point
        return found / self._total

    def _hessian(self, point):
        chance = expit(self._raw(point))[:, np.newaxis]
        root = self._A[:, : len(point)] * np.sqrt(self._weight * chance * (1 - chance))
        found = root.T @ root
        found[np.diag_indices_from(found)] += self._penalty[: len(point)]
        return found / self._total


def _solve(root, moves, gradient):
    """Multiply by the inverse of a Hessian that is updated by moves (BFGS).

    Parameters
    ----------
    root : ndarray of shape (n, n)
        Cholesky factor of the Hessian before the moves.
    moves : list of (ndarray, ndarray)
        Steps, and the changes of the gradient that they made.
    gradient : ndarray of shape (n,)
        What is multiplied. O(n^2 + n * len(moves)).
    """
    rest, shares = gradient.copy(), []
    for step, change in reversed(moves):
        shares.append((step @ rest) / (step @ change))
        rest -= shares[-1] * change
    found = dpotrs(root, rest[:, np.newaxis], lower=True)[0][:, 0]
    for (step, change), share in zip(moves, reversed(shares), strict=True):
        found += (share - (change @ found) / (step @ change)) * step
    return found
