"""Weights in few bits: of linear models, of networks, of support vector machines."""

import numpy as np
from sklearn.utils.validation import validate_data

from skprune._codes import packed_bytes
from skprune._compat import check_sample_weight
from skprune._quantized_path import report_row
from skprune.exceptions import InputError
from skprune.solvers.codebooks import affine, codebook, feedback, halves
from skprune.solvers.least_squares import moments
from skprune.surgery.coded_weights import WEIGHTS

# Bits below which errors are handed on, where nothing else is asked for: so many and more
# round so finely that it is not worth the rows.
FINE = 8
# Above so many inputs no matrix of inputs by inputs is built.
MAX_INPUTS = 2000
# Share of the mean variance that is added to all.
DAMPING = 0.01


class WeightCoder:
    """Turns the weights of one model into codes, in any number of bits.

    Parameters
    ----------
    surgeon : LinearSurgeon, NeuralSurgeon or SVMSurgeon
        Reader and writer of the model.
    method : {"auto", "affine", "codebook", "feedback"}
        How weights are rounded.
    rows : ChoosingRows or None
        Rows whose covariance says how errors are handed on; held by reference.
    """

    def __init__(self, surgeon, method, rows):
        self.surgeon, self._method, self._rows = surgeon, method, rows
        self._weights, self._moments = WEIGHTS[type(surgeon)](surgeon), None

    def __getstate__(self):
        return self.__dict__ | {"_rows": None}

    @property
    def whole_bits(self):
        """Bits of a number of the model."""
        return 8 * max((each.dtype.itemsize for each in self._weights.arrays), default=8)

    def _method_of(self, weights, bits):
        """Return how an array is rounded to a number of bits."""
        if bits > 8:
            return "halves"
        chosen = self._method
        if chosen == "auto":
            chosen = "feedback" if bits < FINE else "affine"
        n_inputs = weights.values.shape[weights.axis]
        idle = weights.part not in {"coef_", "coefs_"} or n_inputs > MAX_INPUTS
        return "affine" if chosen == "feedback" and idle else chosen

    def nbytes(self, bits):
        """Return the bytes of the model as codes of a number of bits; int."""
        return self._weights.plain_bytes + sum(
            _nbytes(each, self._method_of(each, bits), bits) for each in self._weights.arrays
        )

    def code(self, bits):
        """Return the model as codes.

        Parameters
        ----------
        bits : int
            Bits of a number.

        Returns
        -------
        CodedArrays
            The model.

        Raises
        ------
        InputError
            If errors are to be handed on and the rows are not there.
        """
        codes = [self._coded(place, bits) for place in range(len(self._weights.arrays))]
        shifts = [self._shift(place, bits, each) for place, each in enumerate(codes)]
        return self._weights.coded(codes, shifts)

    def _coded(self, place, bits):
        """Return the codes of one array."""
        each = self._weights.arrays[place]
        method = self._method_of(each, bits)
        if method == "halves":
            return halves(each.values, each.axis)
        if method == "feedback":
            return feedback(each.values, bits, each.axis, self._seen(bits)[place][0])
        return (affine if method == "affine" else codebook)(each.values, bits, each.axis)

    def _shift(self, place, bits, codes):
        """Return what makes up in the intercepts for the mean of what rounding does."""
        each = self._weights.arrays[place]
        if self._method_of(each, bits) != "feedback" or not self._weights.centred:
            return 0.0
        lost = each.values - codes.decode()
        return np.tensordot(self._seen(bits)[place][1], lost, axes=(0, each.axis))

    def _seen(self, bits):
        """Return the covariance and the mean of what each array reads, damped."""
        if self._moments is None:
            self._moments = self._read(bits)
        return self._moments

    def _read(self, bits):
        if self._rows is None or self._rows.X is None:
            msg = (
                f"{bits} bits were asked for: so few take the covariance of training rows, which "
                "are not there; a pickled path leaves the rows of the fit behind. Fit again with "
                "rows, cut before pickling, or give method='affine' or 'codebook'."
            )
            raise InputError(msg)
        model = self.surgeon.model
        X = validate_data(model, self._rows.X, reset=False, accept_sparse="csr", dtype=np.float64)
        weight = check_sample_weight(self._rows.sample_weight, X, dtype=np.float64)
        weight = np.maximum(weight, 0.0)
        weight = weight if weight.any() else np.ones_like(weight)
        found = []
        for H in self._weights.reads(X):
            C, mean = moments(H, weight, center=self._weights.centred)
            pull = DAMPING * C.diagonal().mean() or 1.0
            np.fill_diagonal(C, C.diagonal() + pull)
            found.append((C / weight.sum(), mean))
        return found

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


def _nbytes(weights, method, bits):
    """Return the bytes that an array takes as codes; int."""
    W, axis = weights.values, weights.axis
    channels = W.size // max(1, W.shape[axis])
    if method == "halves":
        return 2 * W.size + 4 * channels
    if method == "codebook":
        return codebook(W, bits, axis).nbytes
    n_alive = np.count_nonzero(W)
    places = packed_bytes(W.size, 1) if n_alive < W.size else 0
    return packed_bytes(n_alive, bits) + places + 8 * channels
