"""Surgery for neural networks: weights are set to zero, hidden units are removed."""

import copy
from itertools import pairwise

import numpy as np
from scipy.sparse import csc_array, issparse
from sklearn.base import clone

from skprune.arrays.network import Network
from skprune.exceptions import InputError
from skprune.surgery._base import Surgeon
from skprune.surgery._checks import require, require_finite, require_shape, require_sparse

# State of the training of the whole network, from which a smaller one could not continue.
STALE_ATTRIBUTES = (
    "_optimizer",
    "_best_coefs",
    "_best_intercepts",
    "_coef_indptr",
    "_intercept_indptr",
    "loss_",
)


class NeuralSurgeon(Surgeon):
    """Reads the layers of a network, and builds networks with other layers.

    It is given a fitted model and keeps it unchanged as `model`; see `Surgeon`.

    Attributes
    ----------
    network : Network
        Its layers, dense, in float64.
    sparse : list of int
        Layers whose weights the model stores as sparse arrays.
    itemsize : int
        Bytes per number in the model.
    """

    fitted_attribute = "coefs_"

    def __init__(self, model):
        super().__init__(model)
        self._check_layers()
        self._dtype = model.coefs_[0].dtype
        self.itemsize = self._dtype.itemsize
        self.sparse = [i for i, coef in enumerate(model.coefs_) if issparse(coef)]
        dense = (coef.toarray() if issparse(coef) else coef for coef in model.coefs_)
        self.network = Network(
            tuple(np.array(coef, dtype=np.float64) for coef in dense),
            tuple(np.array(intercept, dtype=np.float64) for intercept in model.intercepts_),
            model.activation,
            model.out_activation_,
        )

    def _check_layers(self):
        """Raise an error if the layers of the model do not fit together."""
        model, n_layers = self.model, len(self.model.coefs_)
        given = f"it has {n_layers} layers of weights and {len(model.intercepts_)} of intercepts"
        allowed = f"n_layers_={model.n_layers_} needs {model.n_layers_ - 1} of both"
        fits = n_layers == len(model.intercepts_) == model.n_layers_ - 1 > 0
        require(fits, model, given, allowed)
        ends = [*(coef.shape[0] for coef in model.coefs_[1:]), model.n_outputs_]
        begins = [model.n_features_in_, *ends[:-1]]
        for i, (coef, intercept) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
            require_shape(model, f"coefs_[{i}]", coef, (begins[i], ends[i]))
            require_shape(model, f"intercepts_[{i}]", intercept, (ends[i],))
            require_sparse(model, f"coefs_[{i}]", coef)
            require_finite(model, **{f"coefs_[{i}]": coef, f"intercepts_[{i}]": intercept})

    def replace(self, network, *, sparse=()):
        """Build the plain model with other layers.

        Parameters
        ----------
        network : Network
            As many layers, inputs and outputs; hidden layers may be smaller.
        sparse : collection of int, default=()
            Layers whose weights are stored as sparse arrays. Such a model predicts, but cannot
            be trained until `densified` makes it dense.

        Returns
        -------
        estimator
            A deep copy without the attributes that describe the whole model. Further training
            with `warm_start` or `partial_fit` starts as after a first fit.

        Raises
        ------
        InputError
            If the layers do not fit together, or a number is not finite.
        """
        self._check(network)
        shell = copy.copy(self.model)
        for name in ("coefs_", "intercepts_", *STALE_ATTRIBUTES):
            shell.__dict__.pop(name, None)
        model = copy.deepcopy(shell)
        dense = [coef.astype(self._dtype) for coef in network.coefs]
        model.coefs_ = [csc_array(c) if i in sparse else c for i, c in enumerate(dense)]
        model.intercepts_ = [each.astype(self._dtype) for each in network.intercepts]
        sizes = tuple(len(intercept) for intercept in network.intercepts[:-1])
        if sizes != tuple(len(intercept) for intercept in self.network.intercepts[:-1]):
            model.hidden_layer_sizes = sizes
        _forget_training(model)
        return model

    def densified(self):
        """Return a deep copy of the model in which all weights are dense arrays."""
        model = copy.deepcopy(self.model)
        model.coefs_ = [coef.toarray() if issparse(coef) else coef for coef in model.coefs_]
        return model

    def _check(self, network):
        whole = self.network
        shapes = [coef.shape for coef in network.coefs]
        ends = (whole.coefs[0].shape[0], whole.coefs[-1].shape[1])
        fits = len(shapes) == len(whole.coefs) and (shapes[0][0], shapes[-1][1]) == ends
        fits &= all(a[1] == b[0] for a, b in pairwise(shapes))
        fits &= [len(each) for each in network.intercepts] == [shape[1] for shape in shapes]
        if not (fits and all(size for shape in shapes for size in shape)):
            msg = (
                f"The layers have shapes {shapes}; give {len(whole.coefs)} consecutive layers, "
                f"from {ends[0]} inputs to {ends[1]} outputs, with at least one unit each."
            )
            raise InputError(msg)
        if not all(np.isfinite(each).all() for each in (*network.coefs, *network.intercepts)):
            msg = (
                "The weights that were found for this level are not finite. Scale the features, "
                "increase alpha, or set recovery=None."
            )
            raise InputError(msg)

    def from_scratch(self):
        """Return an unfitted dense network with at most as many weights.

        Where weights are zero, all hidden layers are narrower by the same factor, the smallest
        that suffices.
        """
        network, model = self.network, clone(self.model)
        if len(network.coefs) == 1:
            return model
        n_weights = sum(np.count_nonzero(coef) for coef in network.coefs)
        ends = network.coefs[0].shape[0], network.coefs[-1].shape[1]
        widths = np.array([coef.shape[1] for coef in network.coefs[:-1]])

        def dense(widths):
            return sum(a * b for a, b in pairwise([ends[0], *widths, ends[1]]))

        # Each width of the widest layer is a candidate, its own width first.
        tries = [
            np.maximum(1, widths * step // widths.max()) for step in range(widths.max(), 0, -1)
        ]
        chosen = next((w for w in tries if dense(w) <= n_weights), tries[-1])
        if not np.array_equal(chosen, widths):
            model.set_params(hidden_layer_sizes=tuple(chosen.tolist()))
        return model

    def size(self):
        """Return non-zero weights, parameters and bytes of the model; a tuple of int."""
        counts = [np.count_nonzero(coef) for coef in self.network.coefs]
        n_intercepts = sum(map(len, self.network.intercepts))
        shapes = [coef.shape for coef in self.network.coefs]
        n_bytes = sum(self.layer_bytes(shapes, counts, self.sparse)) + self.itemsize * n_intercepts
        return sum(counts), sum(counts) + n_intercepts, int(n_bytes)

    def layer_bytes(self, shapes, counts, sparse):
        """Return the bytes of the weights of each layer, without intercepts.

        Parameters
        ----------
        shapes : list of (int, int)
            Inputs and units of each layer.
        counts : list of int or ndarray of int
            Non-zero weights of each layer.
        sparse : collection of int
            Layers that are stored as sparse arrays, as in `replace`.

        Returns
        -------
        list
            A number, or an array of numbers, per layer.
        """
        entry = self.itemsize
        return [
            np.multiply(count, entry + 4) + 4 * (np.asarray(shape[1]) + 1)
            if layer in sparse
            else np.zeros_like(count) + entry * np.multiply(*shape)
            for layer, (shape, count) in enumerate(zip(shapes, counts, strict=True))
        ]


def _forget_training(model):
    """Reset the state of the optimiser, so that training continues from the weights alone."""
    if not hasattr(model, "_no_improvement_count"):  # L-BFGS keeps no state
        return
    early = model.early_stopping
    model.t_, model.loss_curve_, model._no_improvement_count = 0, [], 0
    model.best_loss_ = None if early else np.inf
    model.validation_scores_ = [] if early else None
    model.best_validation_score_ = -np.inf if early else None
