"""Refits of the coefficients of the support vectors that are kept."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.utils import indexable

from skprune._compat import check_sample_weight, n_rows_of, rows_of
from skprune.arrays.blocks import block_size, blocks
from skprune.base._targets import samples_missing
from skprune.exceptions import InputError

# Number of kernel values held at once in a pass over the samples.
BATCH = 2**21
# Ridge in feature space: near-duplicate vectors leave the coefficients undetermined.
RIDGE = 1e-6
# Share of the diagonal that is added to it, for duplicate vectors.
DAMPING = 1e-10
# Shares of the uncentred decision values: centred ones below the first are mostly rounding
# errors, those below the second only rounding errors.
FLOOR = 1e-6
ROUNDING = 1e-14
# Sums of squares below it can be multiplied.
LARGEST = 1e150


class Refit:
    """Coefficients and offsets of some vectors that best approximate the whole model.

    Parameters
    ----------
    surgeon : SVMSurgeon
        Reader of the whole model.
    form : ndarray of shape (n_vectors, n_vectors)
        Quadratic form of coefficients that gives the squared distance of two models,
        positive definite. Held, not copied.
    mean : ndarray of shape (n_vectors,) or float, default=0.0
        Mean kernel value of each vector, which the offset compensates.
    """

    def __init__(self, surgeon, form, mean=0.0):
        self._own, self._offsets = surgeon.coefficients, surgeon.offsets
        self._takes_part = surgeon.takes_part
        self._form, self._pull = form, form @ self._own
        self._mean = np.broadcast_to(mean, len(form))

    def __call__(self, kept):
        """Return coefficients and offsets for some vectors; O(n_kept^3) per pair of classes.

        Parameters
        ----------
        kept : ndarray of bool, shape (n_vectors,)
            Vectors that are kept.

        Returns
        -------
        coefficients : ndarray of shape (n_vectors, n_pairs)
            Zero for the others.
        offsets : ndarray of shape (n_pairs,)
            Offsets.
        """
        found = np.zeros(self._own.shape)
        for pair, takes_part in enumerate(self._takes_part.T):
            may = np.flatnonzero(kept & takes_part)
            if len(may):
                form = self._form[np.ix_(may, may)]
                factor = cho_factor(form, lower=True, overwrite_a=True, check_finite=False)
                found[may, pair] = cho_solve(factor, self._pull[may, pair])
        return found, self._offsets + self._mean @ (self._own - found)


def decision_values_form(surgeon, rows, similarity=None):
    """Return the quadratic form of squared differences of decision values, over samples.

    One pass over the samples is enough: none of them is held.

    Parameters
    ----------
    surgeon : SVMSurgeon
        Reader of the whole model.
    rows : ValidationData
        The samples.
    similarity : ndarray of shape (n_vectors, n_vectors), default=None
        Kernel matrix of the vectors, positive definite. Overwritten, to save the memory of
        another matrix of this size.

    Returns
    -------
    form : ndarray of shape (n_vectors, n_vectors)
        As `Refit` takes it. O(n_samples n_vectors^2).
    mean : ndarray of shape (n_vectors,)
        Mean kernel value of each vector.

    Raises
    ------
    InputError
        If no sample has a positive weight, or kernel values are too large to be squared.
    """
    (X,) = indexable(rows.X)
    n_rows, n_vectors = n_rows_of(X), surgeon.n_vectors
    weight = check_sample_weight(rows.sample_weight, np.empty((n_rows, 1)), dtype=np.float64)
    if not weight.any():
        raise samples_missing(n_rows)
    root = np.sqrt(weight / weight.sum())
    form, mean = np.zeros((n_vectors, n_vectors)), np.zeros(n_vectors)
    for batch in blocks(n_rows, block_size(BATCH, n_vectors)):
        values = surgeon.kernel(rows_of(X, batch)) * root[batch, np.newaxis]
        with np.errstate(over="ignore", invalid="ignore"):
            form += values.T @ values  # the same array twice: half of it is computed
            mean += root[batch] @ values
    whole = np.trace(form)
    if not whole < LARGEST:
        msg = (
            "The kernel values of these samples are too large to be squared. Scale the features, "
            "for example by a StandardScaler."
        )
        raise InputError(msg)
    form -= np.outer(mean, mean)  # the offset compensates the mean
    trace = np.trace(form)
    np.einsum("ii->i", form)[:] += max(DAMPING * trace / max(1, n_vectors), ROUNDING * whole) or 1.0
    if similarity is not None and n_vectors:
        similarity *= RIDGE * (max(trace, FLOOR * whole) or 1.0) / np.trace(similarity)
        form += similarity
    return form, mean
