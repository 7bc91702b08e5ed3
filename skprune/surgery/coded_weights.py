"""Coded weights: the weight arrays of a model, and the coded model that they make."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from skprune.arrays.network import forward
from skprune.surgery._registry import family_of
from skprune.surgery.coded import CodedArray, CodedArrays


class Weights(NamedTuple):
    """A weight array of a model.

    Attributes
    ----------
    part : str
        Attribute that contains it.
    place : int
        Its index among the arrays of the attribute, such as a layer.
    values : ndarray of float64
        The numbers, dense, in the shape in which the model stores them.
    axis : int
        Axis along which a channel extends: numbers that share a scale.
    dtype : dtype
        Type of the numbers in the model.
    """

    part: str
    place: int
    values: Any
    axis: int
    dtype: Any

    @property
    def nbytes(self):
        """Bytes of the dense array in the model; int."""
        return self.values.size * self.dtype.itemsize


class LinearWeights:
    """The coefficients of a linear model; a channel is an output.

    Parameters
    ----------
    surgeon : LinearSurgeon
        Reader and writer of the model.

    Attributes
    ----------
    surgeon : LinearSurgeon
        As given.
    arrays : list of Weights
        All weights.
    plain_bytes : int
        Bytes of the numbers that are not coded.
    fine_bits : int
        Bits from which on rounding is so fine that error feedback is not needed.
    needs_samples : bool
        Whether error feedback uses the covariance of samples.
    has_intercept : bool
        Whether an intercept corrects the mean rounding error.
    """

    fine_bits, needs_samples = 8, True

    def __init__(self, surgeon):
        self.surgeon, stored = surgeon, surgeon.model.coef_
        values = surgeon.coef.reshape(np.shape(stored))
        self.arrays = [Weights("coef_", 0, values, -1, stored.dtype)]
        self.has_intercept = bool(getattr(surgeon.model, "fit_intercept", True))
        self.plain_bytes = surgeon.intercept.nbytes if self.has_intercept else 0

    def inputs(self, X):
        """Return the inputs that each array is multiplied with, for given samples."""
        return [X]

    def coded(self, codes, shifts):
        """Return the coded model.

        Parameters
        ----------
        codes : list of QuantizedArray
            QuantizedArray of each array.
        shifts : list of ndarray
            Corrections of the intercepts that belong to each array, or zero.
        """
        surgeon = self.surgeon
        part = CodedArray.like(surgeon.model.coef_, codes[0])
        coef = codes[0].decode().reshape(surgeon.coef.shape)
        model = surgeon.replace(coef, surgeon.intercept + shifts[0])
        return CodedArrays(model, {"coef_": part}, surgeon.size()[:2], self.plain_bytes)


class NetworkWeights:
    """The weights of a network; a channel is a unit. See `LinearWeights`."""

    fine_bits, needs_samples, has_intercept = 8, True, True

    def __init__(self, surgeon):
        self.surgeon, coefs = surgeon, surgeon.network.coefs
        self.arrays = [
            Weights("coefs_", layer, coef, 0, stored.dtype)
            for layer, (coef, stored) in enumerate(zip(coefs, surgeon.model.coefs_, strict=True))
        ]
        self.plain_bytes = sum(each.nbytes for each in surgeon.model.intercepts_)

    def inputs(self, X):
        """Return the inputs of each layer, for given samples."""
        return forward(self.surgeon.network, X)[:-1]

    def coded(self, codes, shifts):
        """Return the coded model; see `LinearWeights.coded`."""
        surgeon, stored = self.surgeon, self.surgeon.model.coefs_
        pairs = zip(surgeon.network.intercepts, shifts, strict=True)
        network = surgeon.network._replace(
            coefs=tuple(each.decode() for each in codes),
            intercepts=tuple(intercept + shift for intercept, shift in pairs),
        )
        sparse = {layer for layer, coef in enumerate(stored) if issparse(coef)}
        parts = [CodedArray.like(*pair) for pair in zip(stored, codes, strict=True)]
        model = surgeon.replace(network, sparse=sparse)
        return CodedArrays(model, {"coefs_": parts}, surgeon.size()[:2], self.plain_bytes)


class VectorWeights:
    """The support vectors and dual coefficients of a support vector machine.

    See `LinearWeights`. A channel of the vectors is a feature, one of the coefficients is a pair
    of classes. Sparse vectors, and those of precomputed or callable kernels, are not coded.
    Error feedback between vectors uses the dual coefficients: a model with the linear kernel sums
    the vectors, so that others can correct the error of one. With other kernels it has no use.
    """

    needs_samples = has_intercept = False

    def __init__(self, surgeon):
        self.surgeon, model = surgeon, surgeon.model
        vectors, dual = model.support_vectors_, model.dual_coef_
        self.arrays, self._sparse = [], issparse(dual)
        self.fine_bits = 17 if model.kernel == "linear" else 0
        is_plain = surgeon.is_precomputed or callable(model.kernel) or issparse(vectors)
        if surgeon.n_vectors and not is_plain:
            self.arrays.append(Weights("support_vectors_", 0, vectors, 0, vectors.dtype))
        if surgeon.n_vectors and not self._sparse:
            self.arrays.append(Weights("dual_coef_", 0, dual, -1, dual.dtype))
        coded = sum(each.nbytes for each in self.arrays)
        # Libsvm has its own copy of the coefficients, which may have the opposite sign.
        twice = model._dual_coef_ is not dual and not self._sparse
        self.plain_bytes = surgeon.size()[2] - coded - (dual.nbytes if twice else 0)

    def inputs(self, X):  # noqa: ARG002 - other weights need it
        """Return the coefficients that multiply the vectors, a row per pair of classes."""
        return [self.surgeon.coefficients.T]

    def coded(self, codes, shifts):  # noqa: ARG002 - other weights need them
        """Return the coded model; see `LinearWeights.coded`."""
        model = self.surgeon.whole()
        parts = {
            each.part: CodedArray.like(getattr(model, each.part), code)
            for each, code in zip(self.arrays, codes, strict=True)
        }
        if "dual_coef_" in parts:
            negated = (model._dual_coef_ == -model.dual_coef_).all() and model.dual_coef_.any()
            own = parts["dual_coef_"]
            parts["_dual_coef_"] = own._replace(negated=bool(negated))
        return CodedArrays(model, parts, self.surgeon.size()[:2], self.plain_bytes)


FAMILIES = {"linear": LinearWeights, "neural": NetworkWeights, "svm": VectorWeights}


def weights_for(surgeon):
    """Return the weight arrays of the model of a surgeon; a `LinearWeights` or its like."""
    return FAMILIES[family_of(surgeon.model)](surgeon)
