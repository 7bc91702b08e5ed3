"""Weights as codes: which arrays of a model hold them, and the model that codes stand for."""

from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse

from skprune.arrays.network import forward
from skprune.surgery.coded import CodedArray, CodedArrays
from skprune.surgery.linear import LinearSurgeon
from skprune.surgery.neural import NeuralSurgeon
from skprune.surgery.svm import SVMSurgeon


class Weights(NamedTuple):
    """An array of weights.

    Attributes
    ----------
    part : str
        Attribute that holds it.
    place : int
        Which of the arrays there, such as a layer.
    values : ndarray of float64
        The numbers, dense, in the shape in which the model stores them.
    axis : int
        Axis along which a channel runs: numbers that share a scale.
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
        """Bytes of the numbers in the model, dense; int."""
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
        Bytes of the numbers that stay as they are.
    fine : int
        Bits that round so finely that errors need not be handed on.
    reads_rows : bool
        Whether rows say how errors are handed on.
    centred : bool
        Whether an intercept takes up the mean of what rounding does.
    """

    fine, reads_rows = 8, True

    def __init__(self, surgeon):
        self.surgeon, stored = surgeon, surgeon.model.coef_
        values = surgeon.coef.reshape(np.shape(stored))
        self.arrays = [Weights("coef_", 0, values, -1, stored.dtype)]
        self.centred = bool(getattr(surgeon.model, "fit_intercept", True))
        self.plain_bytes = surgeon.intercept.nbytes if self.centred else 0

    def reads(self, X):
        """Return what each array reads, given rows."""
        return [X]

    def coded(self, codes, shifts):
        """Return the model as codes.

        Parameters
        ----------
        codes : list of QuantizedArray
            One for each array.
        shifts : list of ndarray
            What is added to the intercepts that belong to each array, or zero.
        """
        surgeon = self.surgeon
        part = CodedArray.like(surgeon.model.coef_, codes[0])
        coef = codes[0].decode().reshape(surgeon.coef.shape)
        model = surgeon.replace(coef, surgeon.intercept + shifts[0])
        return CodedArrays(model, {"coef_": part}, surgeon.size()[:2], self.plain_bytes)


class NetworkWeights:
    """The weights of a network; a channel is a unit. As `LinearWeights`."""

    fine, reads_rows, centred = 8, True, True

    def __init__(self, surgeon):
        self.surgeon, coefs = surgeon, surgeon.network.coefs
        self.arrays = [
            Weights("coefs_", layer, coef, 0, stored.dtype)
            for layer, (coef, stored) in enumerate(zip(coefs, surgeon.model.coefs_, strict=True))
        ]
        self.plain_bytes = sum(each.nbytes for each in surgeon.model.intercepts_)

    def reads(self, X):
        """Return what each array reads, given rows."""
        return forward(self.surgeon.network, X)[:-1]

    def coded(self, codes, shifts):
        """Return the model as codes; see `LinearWeights.coded`."""
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
    """The support vectors and dual coefficients of a machine; as `LinearWeights`.

    A channel of the vectors is a column, one of the coefficients a row of theirs. Vectors that
    are sparse, are not in the model, or belong to a kernel of the user's stay as they are.
    Coefficients say how errors of vectors are handed on: the linear kernel adds vectors up, so
    that others can make up for one. Other kernels see each vector by itself.
    """

    reads_rows = centred = False

    def __init__(self, surgeon):
        self.surgeon, model = surgeon, surgeon.model
        vectors, dual = model.support_vectors_, model.dual_coef_
        self.arrays, self._sparse = [], issparse(dual)
        self.fine = 17 if model.kernel == "linear" else 0
        held = not (surgeon.is_precomputed or callable(model.kernel) or issparse(vectors))
        if held and surgeon.n_vectors:
            self.arrays.append(Weights("support_vectors_", 0, vectors, 0, vectors.dtype))
        if surgeon.n_vectors and not self._sparse:
            self.arrays.append(Weights("dual_coef_", 0, dual, -1, dual.dtype))
        coded = sum(each.nbytes for each in self.arrays)
        # Libsvm reads a copy of the coefficients that may have another sign.
        twice = model._dual_coef_ is not dual and not self._sparse
        self.plain_bytes = surgeon.size()[2] - coded - (dual.nbytes if twice else 0)

    def reads(self, X):  # noqa: ARG002 - as of other weights
        """Return what the vectors are multiplied by, a row per pair of classes."""
        return [self.surgeon.coefficients.T]

    def coded(self, codes, shifts):  # noqa: ARG002 - as of other weights
        """Return the model as codes; see `LinearWeights.coded`."""
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


WEIGHTS: MappingProxyType[type, Any] = MappingProxyType(
    {LinearSurgeon: LinearWeights, NeuralSurgeon: NetworkWeights, SVMSurgeon: VectorWeights}
)
