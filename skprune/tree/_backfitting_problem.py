"""What backfitting a fitted model means: its loss, its targets and its rows."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import expit, softmax
from sklearn.utils import check_array, compute_sample_weight

from skprune._compat import check_sample_weight
from skprune.exceptions import InputError
from skprune.solvers import additive_losses as losses
from skprune.solvers.backfitting import Backfitting


class Rows(NamedTuple):
    """Rows in the terms of a loss.

    Attributes
    ----------
    leaf : ndarray of int, shape (n_trees, n_rows)
        The leaf of each row in each tree.
    target : ndarray of shape (n_columns, n_rows)
        What the loss compares with.
    weight : ndarray of shape (n_rows,)
        Weights.
    offset : ndarray of shape (n_columns, n_rows) or None
        Raw prediction before the first tree.
    """

    leaf: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    offset: np.ndarray | None

    def take(self, rows):
        """Return some of the rows."""
        offset = None if self.offset is None else self.offset[:, rows]
        return Rows(self.leaf[:, rows], self.target[:, rows], self.weight[rows], offset)

    def join(self, more):
        """Return these rows and others."""
        offset = None
        if self.offset is not None:
            offset = np.concatenate([self.offset, more.offset], axis=1)
        return Rows(
            np.concatenate([self.leaf, more.leaf], axis=1),
            np.concatenate([self.target, more.target], axis=1),
            np.concatenate([self.weight, more.weight]),
            offset,
        )


class Problem(NamedTuple):
    """What is fitted to which loss.

    Attributes
    ----------
    loss : Loss
        One of `skprune.solvers.additive_losses`.
    columns : ndarray of int, shape (n_trees,) or None
        The column of each tree, None where every tree serves all.
    shared : bool
        Whether the columns share the structure of a pruned tree.
    center, scale : ndarray of shape (n_columns,)
        Raw predictions in the unit of the target are ``center + scale * raw``.
    answer : callable
        From these to what the model predicts, or the probabilities of the last classes.
    """

    loss: losses.Loss
    columns: np.ndarray | None
    shared: bool
    center: np.ndarray
    scale: np.ndarray
    answer: Callable[[np.ndarray], np.ndarray]

    def rows(self, surgeon, part, *, held_out=False):
        """Return rows in the terms of the loss; `part` is a `ValidationData`."""
        target, weight = _targets(surgeon, part.y, part.sample_weight, held_out=held_out)
        offset = self.offset(surgeon, part.X)
        if not surgeon.is_classifier:
            target = (target - self.center[:, np.newaxis]) / self.scale[:, np.newaxis]
        return Rows(surgeon.apply(part.X), target, weight, offset)

    def offset(self, surgeon, X):
        """Return the raw prediction before the first tree, or None without one."""
        if not surgeon.is_boosting:
            return None
        return surgeon.raw_init(X).T / self.scale[:, np.newaxis]

    def start(self, structures, rows, seed):
        """Return a backfitting that has not begun."""
        return Backfitting(
            structures,
            structures.rank(rows.leaf),
            rows.target,
            self.loss,
            rows.weight,
            seed,
            columns=self.columns,
            shared=self.shared,
            offset=rows.offset,
        )


def problem_of(surgeon, X, y, sample_weight):
    """Say what backfitting a model means.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    X : array-like of shape (n_rows, n_features)
        Rows.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Their targets.
    sample_weight : array-like of shape (n_rows,) or None
        Their weights.

    Returns
    -------
    Problem
        A forest is fitted to the squared error or to the log-loss, boosting to its own.

    Raises
    ------
    InputError
        If the targets do not go with the model.
    """
    target, weight = _targets(surgeon, y, sample_weight)
    n_columns = len(target)
    made = partial(
        Problem,
        columns=surgeon.tree_column if surgeon.is_boosting else None,
        shared=not (surgeon.is_classifier or surgeon.is_boosting),
        center=np.zeros(n_columns),
        scale=np.ones(n_columns),
    )
    if surgeon.is_classifier:
        if surgeon.is_boosting and surgeon.model.loss == "exponential":
            return made(losses.ExponentialLoss(), answer=_double_expit)
        loss = losses.BinomialLoss() if n_columns == 1 else losses.MultinomialLoss()
        return made(loss, answer=expit if n_columns == 1 else _softmax)
    name = surgeon.model.loss if surgeon.is_boosting else "squared_error"
    if name in LOG_LINK:
        return made(LOG_LINK[name](), answer=np.exp)
    spread = np.sqrt(np.cov(target, aweights=weight, ddof=0).reshape(n_columns, -1).diagonal())
    scale = np.where(spread > 0, spread, 1.0)
    center = np.zeros(n_columns)
    if not surgeon.is_boosting:
        center = np.average(target, axis=1, weights=weight)
    loss = _loss_of(name, surgeon.model, X, target, weight, scale)
    return made(loss, center=center, scale=scale, answer=_itself)


def _loss_of(name, model, X, target, weight, scale):
    """Return the loss of a regressor whose raw prediction is its answer."""
    if name == "squared_error":
        return losses.SquaredLoss()
    if name == "huber":
        # The bend of the last stage: a quantile of the residuals, which it leaves behind.
        residual = np.abs(target[0] - model.predict(X)) / scale
        bend = np.quantile(residual[weight > 0], model.alpha)
        return losses.HuberLoss(max(float(bend), 1e-6))
    if name == "absolute_error":
        return losses.QuantileLoss(0.5)
    return losses.QuantileLoss(model.alpha if hasattr(model, "alpha") else model.quantile)


LOG_LINK: dict[str, type[losses.Loss]] = {"poisson": losses.PoissonLoss, "gamma": losses.GammaLoss}


def _itself(raw):
    return raw


def _softmax(raw):
    return softmax(raw, axis=0)


def _double_expit(raw):
    return expit(2 * raw)


def _targets(surgeon, y, sample_weight, *, held_out=False):
    """Return targets as columns, and weights that hold those of the classes."""
    if y is None:
        msg = "criterion='backfitting' was given, but fit got no y. Give fit the targets."
        raise InputError(msg)
    y = np.asarray(y)
    table = y.reshape(len(y), -1)
    weight = check_sample_weight(sample_weight, table[:, 0], dtype=float, ensure_non_negative=True)
    if not surgeon.is_classifier:
        if table.shape[1] != surgeon.n_outputs:
            msg = (
                f"y has {table.shape[1]} outputs, but the model has {surgeon.n_outputs}. Give "
                "the targets that the model was made for."
            )
            raise InputError(msg)
        return check_array(table, dtype=float, input_name="y").T, weight
    if surgeon.n_outputs > 1:
        msg = (
            f"y has {surgeon.n_outputs} outputs, but criterion='backfitting' fits classifiers "
            "of one. Fit one model per output, or use criterion='cost_complexity'."
        )
        raise InputError(msg)
    codes = surgeon.encode(table)[:, 0]
    unknown = codes < 0
    if held_out:  # a class so rare that all its rows were held out
        weight, codes = np.where(unknown, 0.0, weight), np.maximum(codes, 0)
    elif unknown.any():
        msg = (
            f"y has labels that the model does not know: {np.unique(y[unknown])[:5]}; known "
            f"are {surgeon.model.classes_}. Leave these rows out."
        )
        raise InputError(msg)
    class_weight = getattr(surgeon.model, "class_weight", None)
    if class_weight is not None:
        balanced = isinstance(class_weight, str)
        weight = weight * compute_sample_weight("balanced" if balanced else class_weight, y)
    n_classes = len(surgeon.model.classes_)
    columns = np.arange(n_classes) if n_classes > 2 else np.ones(1)
    return (columns[:, np.newaxis] == codes).astype(float), weight
