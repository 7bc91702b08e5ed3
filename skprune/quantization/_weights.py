"""Weights in few bits: of linear models, of networks, of support vector machines."""

import numpy as np
from sklearn.utils.validation import validate_data

from skprune._compat import check_sample_weight
from skprune.arrays.packing import exponent_of, packed_bytes
from skprune.base._rows import refuse_huge
from skprune.exceptions import InputError
from skprune.quantization._path import report_row
from skprune.solvers.codebooks import affine, codebook, error_feedback, half_precision
from skprune.solvers.least_squares import moments
from skprune.surgery.coded_weights import weights_for

# Largest number of inputs for which a covariance matrix is built.
MAX_INPUTS = 2000
# Share of the mean variance that is added to all variances.
DAMPING = 0.01


class WeightCoder:
    """Encodes the weights of one model with any number of bits.

    Parameters
    ----------
    surgeon : LinearSurgeon, NeuralSurgeon or SVMSurgeon
        Reader and writer of the model.
    method : {"auto", "affine", "codebook", "feedback"}
        How weights are rounded.
    rows : ValidationData or None
        Training samples, whose covariance error feedback uses; held by reference.
    """

    def __init__(self, surgeon, method, rows):
        self.surgeon, self._method, self._rows = surgeon, method, rows
        self._weights, self._moments = weights_for(surgeon), None

    def __getstate__(self):
        return self.__dict__ | {"_rows": None}

    @property
    def whole_bits(self):
        """Bits of a number of the model."""
        return 8 * max((each.dtype.itemsize for each in self._weights.arrays), default=8)

    def _method_of(self, weights, bits):
        """Return how an array is rounded to a number of bits."""
        feeds_back = bits < self._weights.fine_bits and _allows_feedback(weights)
        chosen = self._method
        if chosen == "auto":
            chosen = "feedback" if feeds_back else "affine"
        elif chosen == "feedback" and not _allows_feedback(weights):
            chosen = "affine"
        # Decision values are small differences of large sums of the dual coefficients.
        coarse = bits <= 8 and weights.part != "dual_coef_"
        return chosen if coarse or (chosen == "feedback" and feeds_back) else "half_precision"

    @property
    def allows_feedback(self):
        """Whether error feedback is possible for any array."""
        return any(map(_allows_feedback, self._weights.arrays))

    def nbytes(self, bits):
        """Return the bytes of the model as codes of a number of bits; int."""
        return self._weights.plain_bytes + sum(
            _nbytes(each, self._method_of(each, bits), bits) for each in self._weights.arrays
        )

    def code(self, bits):
        """Return the model as `CodedArrays` of codes of a number of bits.

        Raises
        ------
        InputError
            If error feedback needs training samples, and there are none.
        """
        codes = [self._coded(place, bits) for place in range(len(self._weights.arrays))]
        shifts = [self._shift(place, bits, each) for place, each in enumerate(codes)]
        return self._weights.coded(codes, shifts)

    def _coded(self, place, bits):
        """Return the codes of one array."""
        each = self._weights.arrays[place]
        method, exponent = self._method_of(each, bits), exponent_of(each.values)
        W = np.ldexp(each.values, -exponent)
        if method == "half_precision":
            codes = half_precision(W, each.axis)
        elif method == "feedback":
            codes = error_feedback(W, bits, each.axis, self._seen(bits)[place][0])
        else:
            codes = (affine if method == "affine" else codebook)(W, bits, each.axis)
        return codes._replace(exponent=exponent)

    def _shift(self, place, bits, codes):
        """Return the intercept correction for the mean rounding error."""
        each = self._weights.arrays[place]
        if self._method_of(each, bits) != "feedback" or not self._weights.has_intercept:
            return 0.0
        lost = each.values - codes.decode()
        return np.tensordot(self._seen(bits)[place][1], lost, axes=(0, each.axis))

    def _seen(self, bits):
        """Return the damped covariance and the mean of the inputs of each array."""
        if self._moments is None:
            self._moments = self._read(bits)
        return self._moments

    def _read(self, bits):
        X, weight = self._checked_rows(bits) if self._weights.needs_samples else (None, None)
        found = []
        for H in self._weights.inputs(X):
            shares = np.ones(len(H)) if weight is None else weight
            C, mean = moments(H, shares, center=self._weights.has_intercept)
            damping = DAMPING * C.diagonal().mean() or 1.0
            np.fill_diagonal(C, C.diagonal() + damping)
            found.append((C / shares.sum(), mean))
        return found

    def _checked_rows(self, bits):
        if self._rows is None or self._rows.X is None:
            msg = (
                f"{bits} bits need error feedback from the covariance of the training samples, but "
                "there are none; a pickled path leaves them out. Fit with samples, cut before "
                "pickling, or give method='affine' or 'codebook'."
            )
            raise InputError(msg)
        model = self.surgeon.model
        X = validate_data(model, self._rows.X, reset=False, accept_sparse="csr", dtype=np.float64)
        refuse_huge(X)
        weight = check_sample_weight(self._rows.sample_weight, X, dtype=np.float64)
        return X, weight if weight.any() else np.ones_like(weight)

    def report(self, coded):
        """Return a row of the report for each array; `coded` is None for the whole model."""
        rows = []
        for each in self._weights.arrays:
            values, bits, n_bytes = each.values, 8 * each.dtype.itemsize, each.nbytes
            if coded is not None:
                codes = coded.codes_of(each.part, each.place)
                values, bits, n_bytes = codes.decode(), codes.width, codes.nbytes
            rows.append(report_row(each.part, each.place, each.values, values, bits, n_bytes))
        return rows


def _allows_feedback(weights):
    """Return whether error feedback is possible for an array."""
    return weights.part != "dual_coef_" and weights.values.shape[weights.axis] <= MAX_INPUTS


def _nbytes(weights, method, bits):
    """Return the bytes that an array takes as codes; int."""
    W, axis = weights.values, weights.axis
    channels = W.size // max(1, W.shape[axis])
    if method == "half_precision":
        return 2 * W.size + 4 * channels
    if method == "codebook":
        return codebook(W, bits, axis).nbytes
    n_alive = np.count_nonzero(W)
    places = packed_bytes(W.size, 1) if n_alive < W.size else 0
    return packed_bytes(n_alive, bits) + places + 8 * channels
