"""Surgery for linear models: coefficients are set to zero, or refitted."""

import copy

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone

from skprune.exceptions import InputError
from skprune.surgery._base import Surgeon
from skprune.surgery._checks import require, require_finite, require_shape, require_sparse
from skprune.surgery._stale import STALE_IN_LINEAR

# Parameters that a search over penalties chooses, though a model without a search has them too.
CHOSEN = frozenset({"alpha", "C", "l1_ratio", "precompute"})


class LinearSurgeon(Surgeon):
    """Reads the coefficients of a linear model, and builds models with other coefficients.

    Its own objective is least squares without a penalty; `linear_objectives` has the others.

    It is given a fitted model and keeps it unchanged as `model`; see `Surgeon`.

    Attributes
    ----------
    coef : ndarray of shape (n_outputs, n_features)
        Its coefficients, dense, in float64.
    intercept : ndarray of shape (n_outputs,)
        Its intercepts; zeros if it has none.
    """

    fitted_attribute = "coef_"
    # Whether each output is a model of its own, which can be fitted without the others.
    fits_outputs_apart = False
    # Whether a fit selects or ranks features for all outputs together, so that units are features.
    joins_outputs = False
    # Whether balanced class weights depend on the sample weights.
    balances_by_weight = False
    # Whether the objective is smooth for some settings of the parameters.
    may_be_smooth = False
    # Whether the loss is the mean of squared errors, whatever the number of samples.
    averages_squares = False

    def __init__(self, model):
        super().__init__(model)
        stored = model.coef_
        require_sparse(model, "coef_", stored)
        require_finite(model, coef_=stored, intercept_=model.intercept_)
        dense = stored.toarray() if issparse(stored) else np.asarray(stored)
        self._shape, self._dtype = dense.shape, dense.dtype
        self.coef = np.atleast_2d(dense).astype(np.float64)
        intercept = np.ravel(np.asarray(model.intercept_, dtype=np.float64))
        n_outputs = len(self.coef)
        require_shape(model, "coef_", self.coef, (-1, model.n_features_in_))
        given = f"it has {len(intercept)} intercepts for {n_outputs} rows of coef_"
        fits = np.ndim(model.intercept_) == 0 or len(intercept) == n_outputs
        require(fits, model, given, "give a number, or one for each row")
        self.intercept = np.broadcast_to(intercept, n_outputs).copy()

    @property
    def loss(self):
        """Name of the loss that the model minimises, and its parameters; a tuple."""
        return ("squared_error",)

    def l2_penalty(self, weight):  # noqa: ARG002 - a hook
        """Return the L2 penalty `alpha` of ``sum(loss) + alpha / 2 * ||coef||**2``.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,)
            Sample weights of the fit.

        Returns
        -------
        float or ndarray of shape (n_outputs,)
            At least 0. An L1 penalty has no curvature, and is left out.
        """
        return 0.0

    @property
    def is_least_squares(self):
        """Whether coefficients solve least squares with at most an L2 penalty."""
        return False

    @property
    def is_multinomial(self):
        """Whether coefficients minimise the log-loss of all classes with at most an L2 penalty."""
        return False

    @property
    def is_smooth(self):
        """Whether loss and penalty of the fitted model are smooth."""
        return self.is_least_squares or self.is_multinomial

    def with_fixed_penalty(self):
        """Return an unfitted model with the penalty that the model was fitted with.

        Returns
        -------
        estimator
            Of the same class; of a search the model that it searches the penalty of.
        """
        return clone(self.model)

    def _with_own_parameters(self, other):
        """Set all parameters that another model shares, but for those that a search chose."""
        own = set(other.get_params()) - CHOSEN
        shared = {name: v for name, v in self.model.get_params().items() if name in own}
        return other.set_params(**shared)

    @property
    def _l1_ratios(self):
        """Shares of the L1 penalty, as a list; empty if the model has none."""
        found = getattr(self.model, "l1_ratio_", getattr(self.model, "l1_ratio", None))
        return [] if found is None else [float(r) for r in np.ravel(found) if r is not None]

    @property
    def columns(self):
        """Features with a non-zero coefficient; ndarray of int."""
        return np.flatnonzero((self.coef != 0).any(axis=0))

    def replace(self, coef, intercept, *, sparsify=False):
        """Build the plain model with other coefficients.

        Parameters
        ----------
        coef : ndarray of shape (n_outputs, n_features)
            Coefficients; pruned ones are exactly zero.
        intercept : ndarray of shape (n_outputs,)
            Intercepts.
        sparsify : bool, default=False
            Whether `coef_` becomes sparse where that saves bytes; for models with a method
            `sparsify`.

        Returns
        -------
        estimator
            A deep copy without the attributes that describe the whole model. `coef_` and
            `intercept_` keep their shapes and types, and a sparse `coef_` is sparse.

        Raises
        ------
        InputError
            If an array has the wrong shape, or a number is not finite.
        """
        dense, shift = self.stored(coef, intercept)
        shell = copy.copy(self.model)
        for name in STALE_IN_LINEAR:
            shell.__dict__.pop(name, None)
        stored = shell.coef_
        del shell.coef_, shell.intercept_
        model = copy.deepcopy(shell)
        model.coef_ = type(stored)(dense) if issparse(stored) else dense
        model.intercept_ = shift
        n_weights = np.count_nonzero(dense)
        if sparsify and self._sparse_bytes(n_weights) < self._dense_bytes:
            model.sparsify()
        return model

    def stored(self, coef, intercept):
        """Return other coefficients and intercepts in the shape and type of the model's own.

        Parameters and errors are those of `replace`; coefficients are dense in any case.
        """
        if np.shape(coef) != self.coef.shape or np.shape(intercept) != self.intercept.shape:
            msg = (
                f"coef has shape {np.shape(coef)} and intercept {np.shape(intercept)}; give "
                f"arrays of shape {self.coef.shape} and {self.intercept.shape}."
            )
            raise InputError(msg)
        if not (np.isfinite(coef).all() and np.isfinite(intercept).all()):
            msg = (
                "The coefficients that were found for this level are not finite. Scale the "
                "features, add a penalty, or set recovery=None."
            )
            raise InputError(msg)
        dense = np.array(coef, dtype=self._dtype).reshape(self._shape)
        return dense, _as_stored(self.model.intercept_, np.asarray(intercept))

    def size(self):
        """Return non-zero coefficients, parameters and bytes of the model; a tuple of int."""
        return tuple(int(n) for n in self.size_of(np.count_nonzero(self.coef)))

    def size_of(self, n_weights, *, sparsify=False):
        """Return the size of a model that `replace` builds with so many coefficients.

        Parameters
        ----------
        n_weights : int or ndarray of int
            Number of non-zero coefficients.
        sparsify : bool, default=False
            As in `replace`.

        Returns
        -------
        tuple
            Non-zero coefficients; parameters, which are these and the intercepts; and bytes.
            A dense `coef_` has the same bytes whatever its zeros.
        """
        n_intercepts = np.size(self.model.intercept_)
        if not getattr(self.model, "fit_intercept", True):
            n_intercepts = 0
        n_bytes = self._sparse_bytes(n_weights)
        if not issparse(self.model.coef_):
            dense = self._dense_bytes + 0 * n_weights
            n_bytes = np.minimum(n_bytes, dense) if sparsify else dense
        return n_weights, n_weights + n_intercepts, n_bytes + self.intercept.itemsize * n_intercepts

    @property
    def _dense_bytes(self):
        return self.coef.size * self._dtype.itemsize

    def _sparse_bytes(self, n_weights):
        """Return the bytes of a CSR matrix: its data, indices and indptr."""
        index = np.dtype(np.int32).itemsize
        return n_weights * (self._dtype.itemsize + index) + index * (len(self.coef) + 1)


def _as_stored(stored, intercept):
    """Return intercepts in the shape and the type in which the model stores its own."""
    if np.ndim(stored) == 0:
        return type(stored)(intercept[0])
    if np.size(stored) != len(intercept):  # a single zero, where there are no intercepts
        return np.array(stored)
    return intercept.astype(np.asarray(stored).dtype).reshape(np.shape(stored))
