"""The optimisation problem of backfitting a fitted model: its loss, targets and data."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import expit, softmax
from sklearn.utils import compute_sample_weight

from skprune.base._targets import (
    labels_unknown,
    samples_missing,
    targets_for_model,
    too_many_outputs,
)
from skprune.exceptions import UnsupportedModelError
from skprune.solvers import additive_losses as losses
from skprune.solvers.backfitting import Backfitting
from skprune.solvers.backfitting_layout import lay_out


class BackfittingData(NamedTuple):
    """Samples in the terms of a loss.

    Attributes
    ----------
    leaf : ndarray of int, shape (n_trees, n_samples)
        The leaf of each sample in each tree.
    target : ndarray of shape (n_columns, n_samples)
        Targets of the loss.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    offset : ndarray of shape (n_columns, n_samples) or None
        Raw prediction before the first tree.
    """

    leaf: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    offset: np.ndarray | None

    def take(self, samples):
        """Return some of the samples."""
        offset = None if self.offset is None else self.offset[:, samples]
        return BackfittingData(
            self.leaf[:, samples], self.target[:, samples], self.weight[samples], offset
        )

    def join(self, more):
        """Return these samples and others."""
        offset = None
        if self.offset is not None:
            offset = np.concatenate([self.offset, more.offset], axis=1)
        return BackfittingData(
            np.concatenate([self.leaf, more.leaf], axis=1),
            np.concatenate([self.target, more.target], axis=1),
            np.concatenate([self.weight, more.weight]),
            offset,
        )


class Problem(NamedTuple):
    """The optimisation problem of backfitting a fitted model.

    Attributes
    ----------
    loss : Loss
        One of `skprune.solvers.additive_losses`.
    columns : ndarray of int, shape (n_trees,) or None
        The column of each tree, None where every tree adds to all.
    shared : bool
        Whether the columns share the structure of a pruned tree.
    center, scale : ndarray of shape (n_columns,)
        Raw predictions in the unit of the target are ``center + scale * raw``.
    inverse_link : callable
        From these to predictions, or to the probabilities of the last classes.
    least_weight : float
        Nodes of smaller weight are not split.
    """

    loss: losses.Loss
    columns: np.ndarray | None
    shared: bool
    center: np.ndarray
    scale: np.ndarray
    inverse_link: Callable[[np.ndarray], np.ndarray]
    least_weight: float = 5.0

    def data(self, surgeon, rows, *, held_out=False):
        """Return samples in the terms of the loss.

        Parameters
        ----------
        surgeon : TreeSurgeon
            Reader of the model.
        rows : ValidationData
            The samples.
        held_out : bool, default=False
            Whether labels that the model does not know get weight 0, instead of an error.

        Returns
        -------
        BackfittingData
            The same samples.
        """
        target, weight = _targets(surgeon, rows, held_out=held_out)
        offset = self.offset(surgeon, rows.X)
        if not surgeon.is_classifier:
            target = (target - self.center[:, np.newaxis]) / self.scale[:, np.newaxis]
        return BackfittingData(surgeon.apply(rows.X), target, weight, offset)

    def offset(self, surgeon, X):
        """Return the raw prediction before the first tree, or None without one."""
        if not (surgeon.is_boosting and surgeon.has_start):
            return None
        return surgeon.raw_init(X).T / self.scale[:, np.newaxis]

    def lay_out(self, surgeon, data):
        """Return the trees in the layout of the solver, for the samples that it is fitted to."""
        return lay_out(surgeon.table, data.leaf, data.weight, least_weight=self.least_weight)

    def start(self, structures, data, seed):
        """Return a backfitting that has not begun."""
        return Backfitting(
            structures,
            structures.rank(data.leaf),
            data.target,
            self.loss,
            data.weight,
            seed,
            columns=self.columns,
            shared=self.shared,
            offset=data.offset,
        )


def problem_of(surgeon, rows):
    """Build the optimisation problem of backfitting a fitted model.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    rows : ValidationData
        The samples that it is fitted to.

    Returns
    -------
    Problem
        A forest is fitted to the squared error or to the log-loss, boosting to its own loss.

    Raises
    ------
    InputError
        If the targets do not suit the model.
    """
    target, weight = _targets(surgeon, rows)
    n_columns = len(target)
    problem = partial(
        Problem,
        columns=surgeon.tree_column if surgeon.is_boosting else None,
        shared=not surgeon.is_boosting,
        center=np.zeros(n_columns),
        scale=np.ones(n_columns),
    )
    name = surgeon.loss if surgeon.is_boosting else "squared_error"
    if surgeon.is_boosting:
        _check_loss(surgeon, name)
    if surgeon.is_classifier:
        if surgeon.is_boosting and name == "exponential":
            return problem(losses.ExponentialLoss(), inverse_link=_double_expit)
        if n_columns == 1:
            return problem(losses.BinomialLoss(), inverse_link=expit)
        least = 5.0 if surgeon.is_boosting else _least_weight(target, weight)
        return problem(losses.MultinomialLoss(), inverse_link=_softmax, least_weight=least)
    if name in LOG_LINK:
        return problem(LOG_LINK[name](), inverse_link=np.exp)
    spread = np.sqrt(np.cov(target, aweights=weight, ddof=0).reshape(n_columns, -1).diagonal())
    scale = np.where(spread > 0, spread, 1.0)
    center = np.zeros(n_columns)
    if not surgeon.is_boosting:
        center = np.average(target, axis=1, weights=weight)
    loss = _loss_of(name, surgeon, rows.X, target, weight, scale)
    return problem(loss, center=center, scale=scale, inverse_link=_identity)


def _least_weight(target, weight):
    """Return the weight from which on splitting a node can pay, for several classes.

    A leaf of n samples lowers the loss by about n**2 * v / (2 * ridge), where v is the mean square
    of the gradient of a sample. It is 1/4 for two equally frequent classes, for which 5 samples
    are needed, but one minus the sum of the squared class frequencies for vectors of log-odds: up
    to four times as much, so that half the samples suffice.
    """
    share = np.average(target, axis=1, weights=weight)
    square = max(1 - float(share @ share), 0.25)
    return math.floor(5.0 * math.sqrt(0.25 / square))


def _check_loss(surgeon, name):
    """Raise an error for boosting of a loss that is not known here."""
    kind, known = type(surgeon.model).__name__, OF_CLASSES if surgeon.is_classifier else OF_NUMBERS
    if name not in known:
        msg = (
            f"criterion='backfitting' minimises the loss of the model, but that of this {kind}, "
            f"{name!r}, is not known. Known are {', '.join(map(repr, sorted(known)))}. Fit the "
            "model to one of these, or use criterion='cost_complexity'."
        )
        raise UnsupportedModelError(msg)
    if np.isnan(surgeon.positive_weight):
        msg = (
            f"is_unbalance=True was given to {kind}: the weights of the classes depend on the "
            "samples. Give class_weight='balanced' instead, or use criterion='cost_complexity'."
        )
        raise UnsupportedModelError(msg)
    if name == "quantile" and np.isnan(surgeon.loss_level):
        msg = (
            f"criterion='backfitting' was given with a {kind} of several quantiles. Fit one model "
            "per quantile, or use criterion='cost_complexity'."
        )
        raise UnsupportedModelError(msg)


def _loss_of(name, surgeon, X, target, weight, scale):
    """Return the loss of a regressor that predicts its raw prediction."""
    if name == "squared_error":
        return losses.SquaredLoss()
    if name == "huber":
        # The transition point of the last stage: a quantile of the residuals.
        if surgeon.loss_delta is not None:
            return losses.HuberLoss(float(surgeon.loss_delta / scale[0]))
        residual = np.abs(target[0] - surgeon.model.predict(X)) / scale
        delta = np.quantile(residual[weight > 0], surgeon.loss_level)
        return losses.HuberLoss(max(float(delta), 1e-6))
    if name == "absolute_error":
        return losses.QuantileLoss(0.5)
    return losses.QuantileLoss(surgeon.loss_level)


OF_CLASSES = frozenset({"exponential", "log_loss"})
OF_NUMBERS = frozenset({"absolute_error", "gamma", "huber", "poisson", "quantile", "squared_error"})
LOG_LINK: dict[str, type[losses.Loss]] = {"poisson": losses.PoissonLoss, "gamma": losses.GammaLoss}


def _identity(raw):
    return raw


def _softmax(raw):
    return softmax(raw, axis=0)


def _double_expit(raw):
    return expit(2 * raw)


def _targets(surgeon, rows, *, held_out=False):
    """Return the targets as rows, one-hot for classifiers, and weights times class weights."""
    purpose, model = "criterion='backfitting'", surgeon.model
    if surgeon.is_classifier and surgeon.n_outputs > 1:
        advice = "Fit one classifier per output, or use criterion='cost_complexity'"
        raise too_many_outputs(surgeon.n_outputs, f"{purpose} for classifiers", advice)
    values, known, weight = targets_for_model(
        model,
        rows.X,
        rows.y,
        rows.sample_weight,
        purpose,
        n_outputs=surgeon.n_outputs,
        non_negative=True,
    )
    target = values.T
    if surgeon.is_classifier:
        codes, known = values[:, 0], known[:, 0]
        target, weight = _one_hot(surgeon, codes, known, np.asarray(rows.y), weight, held_out)
    if not weight.any():
        raise samples_missing(len(weight), labels=surgeon.is_classifier)
    return target, weight


def _one_hot(surgeon, codes, known, y, weight, held_out):
    """Return a row per class, one for two classes, and weights times class weights."""
    model = surgeon.model
    if held_out:  # a class may be so rare that all its samples are held out
        weight, codes = np.where(known, weight, 0.0), np.maximum(codes, 0)
    elif not known.all():
        raise labels_unknown(model, np.ravel(y)[~known])
    class_weight = getattr(model, "class_weight", None)
    if class_weight is not None:
        balanced = isinstance(class_weight, str)
        weight = weight * compute_sample_weight("balanced" if balanced else class_weight, y)
    if len(model.classes_) == 2:
        weight = np.where(codes == 1, surgeon.positive_weight * weight, weight)
    n_classes = len(model.classes_)
    columns = np.arange(n_classes) if n_classes > 2 else np.ones(1)
    return (columns[:, np.newaxis] == codes).astype(float), weight
