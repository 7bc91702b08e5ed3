"""Network pruner: removes weights, or whole hidden units, of scikit-learn's networks."""

from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
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

__all__ = ["MLPPruner", "densify"]


class MLPPruner(BaseModelPruner):
    """Prune the weights of a network, or its hidden units.

    Weights that the network needs least become exact zeros, or hidden units leave its arrays;
    what stays makes up for them. What comes back in `estimator_` is a plain
    `MLPClassifier` or `MLPRegressor`, which predicts and trains on as before. All levels of
    a pruning in one shot come from one fit: see `path_`.

    Parameters
    ----------
    estimator : estimator
        An `MLPClassifier` or `MLPRegressor`. It is cloned and fitted; a network that is
        fitted already comes in a `sklearn.frozen.FrozenEstimator`, and is then copied, never
        changed.
    criterion : str, default="obs"
        Which units go first, over all layers:

        - "obs": layer by layer always the input that a unit needs least when its others make
          up for it [1]_, weighed by how much the loss bends in that unit; of hidden units
          the ones whose part the others of their layer can take;
        - "wanda": the weight times the size of its input [2]_, weighed in the same way; of
          hidden units the spread of what they say times their outgoing weights;
        - "gradient": the squared weight times the mean squared slope of the loss in it;
        - "l1": the highest L1 penalty under which the weights do not vanish in training, or
          the outgoing weights of a hidden unit together;
        - "magnitude": the absolute weight, over all layers; of hidden units the norm of the
          incoming times that of the outgoing weights;
        - "layer_magnitude": the same, of every layer the same share (weights only);
        - "lamp": the squared weight over the sum of squares of those in its layer that are
          no smaller [3]_ (weights only);
        - "random": the baseline that every other criterion is held against.
    unit : {"weight", "neuron"}, default="weight"
        What goes: single weights, or hidden units. Only the latter make a dense network
        faster.
    keep : int or float, default=None
        Weights that are not zero, or hidden units of all layers together, that stay: at most
        so many (int) or this fraction (float in (0, 1]). ``keep=1.0`` is the whole model. If
        `threshold` is None too, half stay.
    threshold : float, default=None
        Units with a score above it stay.
    recovery : {"least_squares", "fine_tune"} or None, default="least_squares"
        "least_squares" gives every layer in turn the weights and intercepts with which its
        sums come nearest to those of the whole network. "fine_tune" trains what stays,
        after the same if weights went in one shot. None leaves the values as they are.
    schedule : {"one_shot", "iterative", "cubic"}, default="one_shot"
        All at once; or in `n_rounds` rounds, each with scores and a recovery of its own,
        that remove the same share each, or much at first and little in the end [4]_. With
        rounds every level is pruned from the whole network by itself.
    n_rounds : int, default=8
        Rounds of "iterative" and "cubic".
    rewind : bool, default=False
        Whether what stays goes back to the values that it has in the whole network before
        each training, for "fine_tune".
    solver : {"lbfgs", "adam"}, default="lbfgs"
        What trains in "fine_tune": all rows at a time, or batches of them, with the learning
        rate and the batch size of the network.
    tuning_iter : int, default=120
        Iterations of "lbfgs" or passes over the rows of "adam", over all rounds together. With
        rounds "adam" wants some four times as many.
    soft_labels : float, default=0.0
        Share, in [0, 1], of the answers of the whole network in the targets of "fine_tune".
    validation : float, default=None
        Share of the rows, in (0, 1), that the network is not grown on and that say when
        "fine_tune" stops. None: all rows train, for `tuning_iter`. With a frozen model the rows
        passed to `fit` train.
    sparse_coef : bool, default=False
        Whether layers come back as sparse arrays where these take fewer bytes; those that are
        sparse already do in any case. They predict, seldom faster, and cannot be trained
        until `densify` makes them dense. The first layer stays dense if the rows of the fit
        are sparse.
    random_state : int, RandomState instance or None, default=None
        Draws the order of "random", the batches of "adam" and the rows of `validation`. It is
        not passed on: set that of the inner model too.

    Attributes
    ----------
    estimator_ : estimator
        The pruned network, plain. Trained on with `warm_start` or `partial_fit` it starts
        from its weights; scikit-learn then moves the zeros too.
    path_ : PruningPath
        All levels of this fit. It holds the rows of the fit by reference, and leaves them
        behind in a pickle. Not part of the pickle of the pruner.
    scores_ : ndarray of shape (n_units,)
        Score of each weight (the flattened `coefs_`, one layer after the other) or hidden
        unit. Infinite for what never goes: an input of each output and of each unit on
        the way to it, or the best unit of each hidden layer.
    keep_mask_ : ndarray of bool, shape (n_units,)
        Units that stay, in the same order.
    report_ : DataFrame
        A row per layer of weights: inputs that it reads, units and weights, before and after.
    unread_features_ : ndarray
        Columns, by name if they have any, that the pruned network does not read.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    n_features_in_ : int
        Number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where they are all strings.

    See Also
    --------
    PruningSearchCV : Cross-validates all levels of a pruner.
    densify : Gives a network with sparse weights its dense arrays back.

    Notes
    -----
    A layer of d inputs and c units costs "obs" O(c d^3) once, the other criteria O(n c d)
    for n rows, and a level O(n c d + c d^3) of least squares at the most. Hidden units cost
    "obs" O(d^3) per layer. The path holds the products of the columns, once a level is refitted.

    Hidden units that say the same on all rows of the fit, or as another one, go first: the
    intercepts of the next layer or the other unit take their part, at no loss on these rows.
    Every hidden layer keeps a unit. A unit keeps its best input as long as a weight reads it:
    weights into a unit score no more than the best of those that read it, and go with that.

    A small network that is trained from scratch is often as good as one whose units were
    pruned: hold the result against it with ``compare(..., scratch=(X, y))``.

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
    >>> network = MLPClassifier(20, solver="lbfgs", alpha=0.1, random_state=0)
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
        """Columns that the pruned network does not read; ndarray of str or int."""
        read = surgeon_for(self._fitted_inner("unread_features_")).network.coefs[0].any(axis=1)
        return getattr(self, "feature_names_in_", np.arange(len(read)))[~read]

    def _check_model(self, model):
        surgeon_type(model, family="neural")

    def _needs_rows(self):
        return self.recovery is not None or self.criterion not in WITHOUT_ROWS

    def _resolve_validation(self):
        # Without a share to hold out, nothing stops the training before its last iteration.
        idle = self.validation is None or self.recovery != "fine_tune"
        return "train" if idle and self.validation != "oob" else super()._resolve_validation()

    def _warn_of_unused_validation(self, *, frozen):
        trains = self.recovery == "fine_tune"
        if trains or frozen or not self._needs_rows():
            super()._warn_of_unused_validation(frozen=frozen)
        elif isinstance(self.validation, Real):
            reason = f"recovery={self.recovery!r} trains nothing that could be stopped"
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
        judge = partial(
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
            judge,
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
        return NeuralPath(surgeon, judge(surgeon.network), rounds, sparse=sparse)

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
        idle = {}
        if self.recovery != "fine_tune":
            reason = f"recovery={self.recovery!r} trains nothing"
            idle = dict.fromkeys(("rewind", "solver", "tuning_iter", "soft_labels"), reason)
        if self.schedule == "one_shot":
            idle["n_rounds"] = "schedule='one_shot' has one round"
        self._warn_if_set(idle, stacklevel=6)


def densify(model: Any) -> Any:
    """Give a network with sparse weights its dense arrays back.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        A fitted network, such as an `MLPPruner` with ``sparse_coef=True`` made.

    Returns
    -------
    estimator
        A deep copy with dense `coefs_`, which can be trained on. It predicts the same, but for
        rounding.

    See Also
    --------
    MLPPruner : Makes sparse weights if asked to.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> from skprune import MLPPruner, densify
    >>> X, y = load_iris(return_X_y=True)
    >>> network = MLPClassifier(20, solver="lbfgs", alpha=0.1, random_state=0)
    >>> sparse = MLPPruner(network, keep=0.1, sparse_coef=True).fit(X, y).estimator_
    >>> sparse.coefs_[0].nnz + sparse.coefs_[1].nnz
    14
    >>> densify(sparse).coefs_[0].shape
    (4, 20)
    """
    return surgeon_for(model, family="neural").densified()
