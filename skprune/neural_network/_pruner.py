"""Network pruner: removes weights, or whole hidden units, of scikit-learn's networks."""

import copy
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from skprune._compat import Interval, StrOptions
from skprune.arrays.annotations import Seed
from skprune.base import VALIDATION, BaseModelPruner
from skprune.exceptions import InputError
from skprune.neural_network._path import NeuralPath
from skprune.neural_network._rows import network_data
from skprune.neural_network._schedule import SCHEDULES, Rounds, Tuning
from skprune.neural_network._scores import CRITERIA, WITHOUT_ROWS, score_units
from skprune.surgery import surgeon_for, surgeon_type


class MLPPruner(BaseModelPruner):
    """Prune the weights of a network, or its hidden units.

    The least important weights are set to exactly zero, or the least important hidden units
    are removed from the arrays; the remaining weights are adjusted to compensate. The result
    in `estimator_` is a plain `MLPClassifier` or `MLPRegressor`, which can be trained further.
    One fit gives all levels of one-shot pruning: see `path_`.

    Parameters
    ----------
    estimator : estimator
        An `MLPClassifier` or `MLPRegressor`. It is cloned and fitted; a network that is
        fitted already comes in a `sklearn.frozen.FrozenEstimator`, and is then copied, never
        changed.
    criterion : str, default="obs"
        Which units are removed first, over all layers:

        - "obs": optimal brain surgeon, layer by layer: each time the input whose removal
          changes the pre-activation of a unit least after the other inputs of that unit are
          adjusted [1]_, weighted by the curvature of the loss in that pre-activation; for
          hidden units, the one whose contribution to the next layer the others of its layer
          can best replace;
        - "wanda": the absolute weight times the norm of its input [2]_, with the same
          weighting; for hidden units the spread of their activations times their outgoing
          weights;
        - "gradient": the squared weight times the mean squared gradient of the loss in it;
        - "l1": the highest L1 penalty at which the weight remains nonzero in training; for
          hidden units, a penalty on the group of their outgoing weights;
        - "magnitude": the absolute weight, over all layers; for hidden units the norm of the
          incoming times that of the outgoing weights;
        - "layer_magnitude": the absolute weight, with the same fraction removed from every
          layer (weights only);
        - "lamp": the squared weight over the sum of squares of the weights of its layer that
          are no smaller [3]_ (weights only);
        - "random": random scores, the baseline of all other criteria.
    unit : {"weight", "neuron"}, default="weight"
        What is removed: single weights, or hidden units. Only the latter make a dense network
        faster.
    keep : int or float, default=None
        Non-zero weights, or hidden units of all layers together, to keep: their maximum number
        (int) or fraction (float in (0, 1]). ``keep=1.0`` is the whole model. If `threshold` is
        None too, half of them are kept.
    threshold : float, default=None
        Units with a score above it are kept.
    recovery : {"least_squares", "fine_tune"} or None, default="least_squares"
        "least_squares" fits the weights and intercepts of one layer after the other to the
        pre-activations of the whole network. "fine_tune" trains the remaining weights, after
        such a fit if weights are pruned in one shot. None leaves the values unchanged.
    schedule : {"one_shot", "iterative", "cubic"}, default="one_shot"
        Removes everything at once, or in `n_rounds` rounds, each with its own scores and
        recovery: "iterative" removes the same fraction in each round, "cubic" much in the
        first rounds and little in the last ones [4]_. With rounds, every level is pruned
        separately from the whole network.
    n_rounds : int, default=8
        Number of rounds of "iterative" and "cubic".
    rewind : bool, default=False
        Whether the remaining weights are reset to their values in the whole network before
        each training, for "fine_tune".
    solver : {"lbfgs", "adam"}, default="lbfgs"
        Optimiser of "fine_tune": L-BFGS on all samples, or Adam on mini-batches, with the
        learning rate and the batch size of the network.
    tuning_iter : int, default=120
        Iterations of "lbfgs" or epochs of "adam", over all rounds together. With rounds,
        "adam" needs about four times as many.
    soft_labels : float, default=0.0
        Weight, in [0, 1], of the predictions of the whole network in the targets of
        "fine_tune" (soft labels).
    validation : float, default=None
        Fraction of the samples, in (0, 1), that is held out as validation data for early
        stopping of "fine_tune"; the network is fitted to the rest. None trains on all samples,
        for `tuning_iter` iterations. With a frozen model the samples passed to `fit` are the
        training data.
    sparse_coef : bool, default=False
        Whether layers are stored as sparse arrays where these take fewer bytes; layers that
        are sparse already always are. Such a network predicts, seldom faster, and cannot be
        trained until `densify` makes it dense. The first layer remains dense if the samples
        given to `fit` are sparse.
    random_state : int, RandomState instance or None, default=None
        Draws the scores of "random", the batches of "adam" and the samples of `validation`. It
        is not passed on: set that of the inner model too.

    Attributes
    ----------
    estimator_ : estimator
        The pruned network, plain. Training it further with `warm_start` or `partial_fit`
        starts from its weights; scikit-learn then updates the zeros too.
    path_ : PruningPath
        All levels of this fit. It holds a reference to the training data; a pickle of the path
        leaves them out. Not part of the pickle of the pruner.
    scores_ : ndarray of shape (n_units,)
        Score of each weight (the flattened `coefs_`, one layer after the other) or hidden
        unit. Infinite for those that are never removed: one input of each output and of each
        unit on the path to it, or the best unit of each hidden layer.
    keep_mask_ : ndarray of bool, shape (n_units,)
        Units that are kept, in the same order.
    report_ : DataFrame
        One row per layer of weights: number of inputs with a weight, of units and of weights,
        before and after.
    unread_features_ : ndarray
        Features, by name or index, that the pruned network ignores.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    PruningSearchCV : Cross-validates all levels of a pruner.
    densify : Converts a network with sparse weights to dense arrays.

    Notes
    -----
    For a layer of d inputs and c units, "obs" takes O(c d^3) time once, the other criteria
    O(n c d) for n samples, and the least squares of a level at most O(n c d + c d^3). For
    hidden units "obs" takes O(d^3) per layer. Once a level is refitted, the path holds the
    matrix of products of the features.

    Constant and duplicate hidden units are removed first; their contribution moves to the
    next layer's intercepts or to the duplicate, so that training predictions do not change.
    Every hidden layer keeps at least one unit. The best input weight of a unit is removed no
    earlier than its last output weight: scores of the weights into a unit are capped by the
    largest score of its output weights.

    A small network trained from scratch is often as accurate as one whose hidden units were
    pruned: compare them with ``compare(..., scratch=(X, y))``.

    References
    ----------
    .. [1] E. Frantar, S. P. Singh and D. Alistarh, "Optimal brain compression", NeurIPS 2022.
    .. [2] M. Sun, Z. Liu, A. Bair and J. Z. Kolter, "A simple and effective pruning approach
       for large language models", ICLR 2024.
    .. [3] J. Lee, S. Park, S. Mo, S. Ahn and J. Shin, "Layer-adaptive sparsity for the
       magnitude-based pruning", ICLR 2021.
    .. [4] M. Zhu and S. Gupta, "To prune, or not to prune: exploring the efficacy of pruning
       for model compression", ICLR workshop 2018.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> from skprune import MLPPruner
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier(20, solver="lbfgs", alpha=0.1, max_iter=1000, random_state=0)
    >>> pruner = MLPPruner(network, unit="neuron", keep=3).fit(X, y)
    >>> pruner.estimator_.coefs_[0].shape
    (4, 3)
    >>> pruner.report_["weights"].tolist()
    [12, 9]
    """

    _unit_name: ClassVar[str] = "weights"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseModelPruner._parameter_constraints,
        "criterion": [StrOptions(set(CRITERIA))],
        "unit": [StrOptions({"weight", "neuron"})],
        "recovery": [StrOptions({"least_squares", "fine_tune"}), None],
        "schedule": [StrOptions(set(SCHEDULES))],
        "n_rounds": [Interval(Integral, 1, None, closed="left")],
        "rewind": ["boolean"],
        "solver": [StrOptions({"lbfgs", "adam"})],
        "tuning_iter": [Interval(Integral, 1, None, closed="left")],
        "soft_labels": [Interval(Real, 0, 1, closed="both")],
        "validation": VALIDATION,
        "sparse_coef": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        criterion: str = "obs",
        unit: str = "weight",
        keep: float | None = None,
        threshold: float | None = None,
        recovery: str | None = "least_squares",
        schedule: str = "one_shot",
        n_rounds: int = 8,
        rewind: bool = False,
        solver: str = "lbfgs",
        tuning_iter: int = 120,
        soft_labels: float = 0.0,
        validation: float | str | None = None,
        sparse_coef: bool = False,
        random_state: Seed | None = None,
    ) -> None:
        super().__init__(estimator, keep=keep, threshold=threshold)
        self.criterion = criterion
        self.unit = unit
        self.recovery = recovery
        self.schedule = schedule
        self.n_rounds = n_rounds
        self.rewind = rewind
        self.solver = solver
        self.tuning_iter = tuning_iter
        self.soft_labels = soft_labels
        self.validation = validation
        self.sparse_coef = sparse_coef
        self.random_state = random_state

    @property
    def unread_features_(self) -> NDArray[Any]:
        """Features that the pruned network ignores; ndarray of str or int."""
        read = surgeon_for(self._fitted_inner("unread_features_")).network.coefs[0].any(axis=1)
        return getattr(self, "feature_names_in_", np.arange(len(read)))[~read]

    def _check_model(self, model):
        surgeon_type(model, family="neural")

    def _needs_rows(self):
        return self.recovery is not None or self.criterion not in WITHOUT_ROWS

    def _resolve_validation(self):
        # Without a held-out fraction there is no early stopping.
        unused = self.validation is None or self.recovery != "fine_tune"
        return "train" if unused and self.validation != "oob" else super()._resolve_validation()

    def _warn_of_unused_validation(self, *, frozen):
        trains = self.recovery == "fine_tune"
        if trains or frozen or not self._needs_rows():
            super()._warn_of_unused_validation(frozen=frozen)
        elif isinstance(self.validation, Real):
            reason = f"recovery={self.recovery!r} has no training that could stop early"
            self._warn_of_unused("validation", reason, stacklevel=5)

    def _fit_whole(self, X, y, sample_weight, fit_params, copies):
        self._grown_sparse = issparse(X)
        return super()._fit_whole(X, y, sample_weight, fit_params, copies)

    def _prune_model(self, model, rows):
        surgeon, by_neuron = surgeon_for(model), self.unit == "neuron"
        self._check_parameters(n_hidden=len(surgeon.network.coefs) - 1)
        grown = held_out = None
        if rows is not None:
            grown = network_data(model, rows.grown_on or rows)
            held_out = network_data(model, rows) if rows.grown_on else None
        seed = None
        trains = self.recovery == "fine_tune"
        if self.criterion == "random" or (trains and self.solver == "adam"):
            seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        score = partial(
            score_units,
            rows=grown,
            criterion=self.criterion,
            by_neuron=by_neuron,
            alpha=model.alpha,
            seed=seed,
        )
        rounds = Rounds(
            surgeon.network,
            grown,
            score,
            by_neuron=by_neuron,
            recovery=self.recovery,
            schedule=self.schedule,
            n_rounds=self.n_rounds,
            rewind=self.rewind and trains,
            tuning=self._tuning(model, held_out, seed),
        )
        sparse = surgeon.sparse
        if self.sparse_coef:  # scikit-learn cannot add an intercept to a sparse product
            sparse = range(int(self._grown_sparse), len(surgeon.network.coefs))
        return NeuralPath(surgeon, score(surgeon.network), rounds, sparse=sparse)

    def _tuning(self, model, held_out, seed):
        return Tuning(
            alpha=model.alpha,
            solver=self.solver,
            max_iter=self.tuning_iter,
            learning_rate=model.learning_rate_init,
            batch_size=200 if model.batch_size == "auto" else model.batch_size,
            soft_labels=self.soft_labels,
            held_out=held_out,
            seed=seed,
        )

    def _check_parameters(self, n_hidden):
        if self.unit == "neuron" and not n_hidden:
            msg = "unit='neuron' was given, but the network has no hidden layer. Use unit='weight'."
            raise InputError(msg)
        if self.unit == "neuron" and self.criterion in {"layer_magnitude", "lamp"}:
            msg = (
                f"criterion={self.criterion!r} was given with unit='neuron', but it compares "
                "single weights. Use criterion='magnitude', or unit='weight'."
            )
            raise InputError(msg)
        unused = {}
        if self.recovery != "fine_tune":
            reason = f"recovery={self.recovery!r} trains nothing"
            unused = dict.fromkeys(("rewind", "solver", "tuning_iter", "soft_labels"), reason)
        if self.schedule == "one_shot":
            unused["n_rounds"] = "schedule='one_shot' has one round"
        self._warn_if_set(unused, stacklevel=6)


def densify(model: Any) -> Any:
    """Convert a network with sparse weights to dense arrays.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor, linear model, pruner or Pipeline
        A fitted network or linear model, such as the result of an `MLPPruner` with
        ``sparse_coef=True``; the pruner itself; or a pipeline that ends in one of these.

    Returns
    -------
    estimator
        A deep copy of the model with dense `coefs_` or `coef_`, which can be trained further. Its
        predictions are the same up to rounding. A pruner is replaced by its plain model.

    See Also
    --------
    MLPPruner : Stores sparse weights with ``sparse_coef=True``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> from skprune import MLPPruner, densify
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier(20, solver="lbfgs", alpha=0.1, max_iter=1000, random_state=0)
    >>> sparse = MLPPruner(network, keep=0.1, sparse_coef=True).fit(X, y).estimator_
    >>> sparse.coefs_[0].nnz + sparse.coefs_[1].nnz
    14
    >>> densify(sparse).coefs_[0].shape
    (4, 20)
    """
    if isinstance(model, Pipeline):
        twin = copy.deepcopy(model)
        name, last = twin.steps[-1]
        twin.steps[-1] = (name, densify(last))
        return twin
    if isinstance(model, BaseModelPruner):
        return densify(model.estimator_)
    if hasattr(model, "densify"):  # linear models
        return copy.deepcopy(model).densify()
    return surgeon_for(model, family="neural").densified()
