"""Surgery for support vector machines: support vectors are removed, coefficients replaced."""

import copy
from itertools import combinations

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.metrics.pairwise import pairwise_kernels
from sklearn.utils.validation import validate_data

from skprune._compat import n_rows_of, rows_of
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery._base import Surgeon
from skprune.surgery._checks import (
    require,
    require_finite,
    require_indices,
    require_shape,
    require_sparse,
)

# Attribute in which a model with a callable kernel stores its training samples.
SAMPLES = "_BaseLibSVM__Xfit"
# Number of vectors on which predictions of a rebuilt model are checked.
N_CHECKED = 64


class SVMSurgeon(Surgeon):
    """Reads and cuts one support vector machine.

    The decision function is ``kernel(X) @ coefficients + offsets``, with one column per pair of
    classes; models of two classes, of regression and of one class have a single column.

    It is given a fitted model and keeps it unchanged as `model`; see `Surgeon`.

    Attributes
    ----------
    n_vectors : int
        Number of support vectors.
    coefficients : ndarray of shape (n_vectors, n_pairs)
        Dual coefficients; zero where a vector takes no part in a pair.
    offsets : ndarray of shape (n_pairs,)
        Offsets.
    takes_part : ndarray of bool, shape (n_vectors, n_pairs)
        Whether a vector may have a coefficient in a pair: it belongs to one of the two classes.
    """

    def __init__(self, model):
        super().__init__(model)
        self._check_arrays()
        self.n_vectors = len(model.support_)
        self.offsets = model.intercept_
        dual = model.dual_coef_
        dual = dual.toarray() if sparse.issparse(dual) else dual
        self._shape = dual.shape
        if is_classifier(model):
            self._label = np.repeat(np.arange(len(model.n_support_)), model.n_support_)
            pairs = np.array(list(combinations(range(len(model.n_support_)), 2)))
            self.takes_part = (self._label[:, None, None] == pairs).any(axis=2)
        else:
            self._label = np.zeros(self.n_vectors, dtype=np.intp)
            pairs = np.zeros((1, 2), dtype=np.intp)
            self.takes_part = np.ones((self.n_vectors, 1), dtype=bool)
        # The coefficient of a vector of the first class of a pair is in the row of the second
        # class minus one, as no class is paired with itself; two classes share the only row.
        first = self._label[:, None] == pairs[:, 0]
        self._row = np.where(first, np.maximum(pairs[:, 1] - 1, 0), pairs[:, 0])
        own = dual[self._row, np.arange(self.n_vectors)[:, None]]
        self.coefficients = np.where(self.takes_part, own, 0.0)

    def _check_arrays(self):
        """Raise an error if the fitted arrays do not fit together."""
        model, n_vectors, n_rows, n_pairs = self.model, len(self.model.support_), 1, 1
        if is_classifier(model):
            n_classes = len(model.n_support_)  # not classes_: one may have had no weight
            n_rows, n_pairs = n_classes - 1, n_classes * (n_classes - 1) // 2
            total = int(model.n_support_.sum())
            given = f"n_support_ counts {total} vectors, and support_ has {n_vectors}"
            require(
                total == n_vectors and (model.n_support_ >= 0).all(),
                model,
                given,
                "they must be as many",
            )
        names = ("dual_coef_", "_dual_coef_", "intercept_", "_intercept_")
        for name in names:
            shape = (n_rows, n_vectors) if "dual" in name else (n_pairs,)
            require_shape(model, name, getattr(model, name), shape)
            require_sparse(model, name, getattr(model, name))
        require_finite(model, **{name: getattr(model, name) for name in names})
        require_indices(model, "support_", model.support_, model.shape_fit_[0])
        if not callable(model.kernel) and not self.is_precomputed:
            vectors = model.support_vectors_
            require_shape(model, "support_vectors_", vectors, (n_vectors, model.n_features_in_))
            require_sparse(model, "support_vectors_", vectors)
            require_finite(model, support_vectors_=vectors)

    @property
    def is_precomputed(self):
        """Whether the model takes kernel values instead of features."""
        return self.model.kernel == "precomputed"

    def _stored(self):
        """Return the support vectors; an array or a CSR matrix."""
        if not callable(self.model.kernel):
            return self.model.support_vectors_
        return rows_of(getattr(self.model, SAMPLES), self.model.support_)

    def kernel(self, X):
        """Return the kernel values of samples with the support vectors.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples; for a precomputed kernel, their kernel values with the training samples.

        Returns
        -------
        ndarray of shape (n_samples, n_vectors)
            Kernel values.
        """
        if not callable(self.model.kernel):
            X = validate_data(self.model, X, reset=False, accept_sparse="csr", dtype=np.float64)
        return self._kernel_values(X)

    def _kernel_values(self, X):
        """Return the kernel values of validated samples with the support vectors."""
        model = self.model
        if callable(model.kernel):
            found = model.kernel(X, self._stored())
            found = found.toarray() if sparse.issparse(found) else found
            return np.asarray(found, dtype=np.float64)
        if self.is_precomputed:
            return X[:, model.support_]
        if not self.n_vectors:
            return np.zeros((X.shape[0], 0))
        params = {"gamma": model._gamma, "degree": model.degree, "coef0": model.coef0}
        if sparse.issparse(model.support_vectors_):
            X = sparse.csr_array(X)
        return pairwise_kernels(
            X, model.support_vectors_, metric=model.kernel, filter_params=True, **params
        )

    def kernel_matrix(self, X=None):
        """Return the kernel values of the support vectors with each other.

        Parameters
        ----------
        X : array-like of shape (n_training_samples, n_training_samples), default=None
            Only for a precomputed kernel: the matrix that the model was fitted on.

        Returns
        -------
        ndarray of shape (n_vectors, n_vectors)
            Symmetric.

        Raises
        ------
        InputError
            If that matrix is missing for a precomputed kernel.
        """
        if not self.is_precomputed:
            found = self._kernel_values(self._stored()) if self.n_vectors else np.zeros((0, 0))
            return _symmetric(found)
        X, n_samples = np.asarray(X, dtype=np.float64), self.model.shape_fit_[0]
        support = self.model.support_
        found = X[np.ix_(support, support)] if X.shape == (n_samples, n_samples) else None
        if found is None or not np.allclose(found, found.T, atol=1e-8 * np.abs(found).max()):
            msg = (
                f"X has shape {X.shape}, and is not the symmetric kernel matrix of the {n_samples} "
                "samples that the model was fitted on. Give that matrix, or a criterion that "
                "compares no vectors, such as 'magnitude'."
            )
            raise InputError(msg)
        return _symmetric(found)

    def cut(self, keep, *, coefficients=None, offsets=None):
        """Build the plain model of some of the support vectors.

        Parameters
        ----------
        keep : ndarray of bool, shape (n_vectors,)
            Vectors to keep, at least one.
        coefficients : ndarray of shape (n_vectors, n_pairs), default=None
            New dual coefficients; unchanged if None.
        offsets : ndarray of shape (n_pairs,), default=None
            New offsets; unchanged if None.

        Returns
        -------
        estimator
            A copy without any data of the removed vectors. With a callable kernel, ``support_``
            indexes the kept vectors, which are the only samples that the copy stores.

        Raises
        ------
        InputError
            If no vector is kept, or an array has the wrong shape.
        """
        coefficients = self.coefficients if coefficients is None else coefficients
        offsets = self.offsets if offsets is None else offsets
        self._check_cut(keep, coefficients, offsets)
        model, kept = copy.copy(self.model), np.flatnonzero(keep)
        dual = np.zeros(self._shape)
        vector, pair = np.nonzero(self.takes_part)
        dual[self._row[vector, pair], vector] = coefficients[vector, pair]
        self._write(model, np.ascontiguousarray(dual[:, kept]), np.array(offsets, dtype=np.float64))
        support = self.model.support_
        if callable(model.kernel):
            setattr(model, SAMPLES, vectors := rows_of(self._stored(), kept))
            model.shape_fit_ = (len(kept), *np.shape(vectors)[1:])
            model.support_ = np.arange(len(kept), dtype=support.dtype)
        else:
            model.support_ = support[kept]
            if not self.is_precomputed:
                model.support_vectors_ = self.model.support_vectors_[kept]
        model._n_support = self._counts(kept)
        return copy.deepcopy(model)

    def _counts(self, kept):
        """Return the number of kept vectors of each class."""
        counts = self.model._n_support
        if is_classifier(self.model):
            left = np.bincount(self._label[kept], minlength=len(counts))
        else:  # one count, or the same count twice
            left = np.where(counts > 0, len(kept), 0)
        return left.astype(counts.dtype)

    def _check_cut(self, keep, coefficients, offsets):
        given = (np.shape(keep), np.shape(coefficients), np.shape(offsets))
        needed = ((self.n_vectors,), self.coefficients.shape, self.offsets.shape)
        if given != needed or not np.any(keep):
            msg = (
                f"keep, coefficients and offsets have shapes {given}, and {np.sum(keep)} vectors "
                f"are kept. Give arrays of shapes {needed}, and keep at least one vector."
            )
            raise InputError(msg)

    def _write(self, model, dual, offsets):
        """Set dual coefficients and offsets, public and private."""
        flipped = is_classifier(model) and len(model.classes_) == 2
        if sparse.issparse(self.model.dual_coef_):
            # Zeros are stored too: predictions use the data as a dense array.
            like, (n_rows, n_kept) = self.model.dual_coef_, dual.shape
            ends = np.arange(n_rows + 1) * n_kept
            places = np.tile(np.arange(n_kept), n_rows)
            dual = type(like)((dual.ravel(), places, ends), shape=dual.shape)
        model.dual_coef_, model.intercept_ = dual, offsets
        model._dual_coef_ = -dual if flipped else dual
        model._intercept_ = -offsets if flipped else offsets.copy()
        if hasattr(model, "offset_"):
            model.offset_ = -offsets

    def check_parity(self):
        """Check that the model predicts the same once it is rebuilt with all its vectors.

        Raises
        ------
        UnsupportedModelError
            If predictions depend on anything else than the arrays that are read here.
        """
        if not self.n_vectors:
            return
        some = np.unique(np.linspace(0, self.n_vectors - 1, N_CHECKED).astype(int))  # of each class
        if self.is_precomputed:  # any values, one for each training sample
            X = np.zeros((len(some), self.model.shape_fit_[0]))
            X[np.arange(len(some)), self.model.support_[some]] = 1.0
        else:
            X = rows_of(self._stored(), some)
        kernel = self._kernel_values(X)
        values = kernel @ self.coefficients + self.offsets
        scale = 1 + np.abs(self.coefficients).sum() * np.abs(kernel).max()
        rebuilt = self.cut(np.ones(self.n_vectors, dtype=bool))
        whole, again = (
            _pair_values(model, X).reshape(values.shape) for model in (self.model, rebuilt)
        )
        if not (
            np.allclose(whole, again, rtol=0, atol=1e-9 * scale)
            and np.allclose(whole, values, rtol=0, atol=1e-6 * scale)
        ):
            msg = (
                f"{type(self.model).__name__} predicts differently once it is rebuilt from its "
                "support vectors. Give a kernel whose value for a pair of samples does not depend "
                "on other samples, and a model whose fitted attributes are unchanged."
            )
            raise UnsupportedModelError(msg)

    def vector_sizes(self):
        """Return the size of each vector.

        Returns
        -------
        ndarray of int, shape (n_vectors, 2)
            Parameters and bytes.
        """
        parameters, n_bytes = _row_sizes(self._stored(), self.n_vectors)
        if self.is_precomputed:
            parameters = np.ones(self.n_vectors, dtype=np.intp)  # the index of its column in X
        n_rows = self._shape[0]
        copies = 1 if self.model._dual_coef_ is self.model.dual_coef_ else 2
        n_bytes = n_bytes + 8 * n_rows * copies + self.model.support_.itemsize
        return np.column_stack([parameters + n_rows, n_bytes])

    def size(self):
        """Return vectors, parameters and bytes of the model; a tuple of int."""
        parameters, n_bytes = self.vector_sizes().sum(axis=0)
        if callable(self.model.kernel):  # the whole model stores all its training samples
            samples = getattr(self.model, SAMPLES)
            n_bytes += _row_sizes(samples, n_rows_of(samples))[1].sum()
            n_bytes -= _row_sizes(self._stored(), self.n_vectors)[1].sum()
        return self.n_vectors, int(parameters) + len(self.offsets), int(n_bytes)


def _symmetric(K):
    """Return the mean of a matrix and its transpose, a new array."""
    K = K + K.T
    K /= 2
    return K


def _pair_values(model, X):
    """Return the decision function of each pair of classes, or the predictions."""
    model = copy.copy(model)
    vars(model).pop("feature_names_in_", None)  # the vectors have none
    if not hasattr(model, "decision_function"):
        return model.predict(X)
    if is_classifier(model):
        model.decision_function_shape = "ovo"
    return model.decision_function(X)


def _row_sizes(rows, n_rows):
    """Return the numbers and the bytes of each row of an array."""
    if sparse.issparse(rows):
        counts = np.diff(sparse.csr_array(rows).indptr)
        return counts, counts * (rows.dtype.itemsize + 4) + 4
    rows = np.asarray(rows)
    width = rows.size // n_rows if n_rows else 0
    return np.full(n_rows, width), np.full(n_rows, width * rows.itemsize)
