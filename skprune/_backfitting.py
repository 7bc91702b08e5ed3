"""Backfitting of a fitted model: its problem, its ridges and the solutions of its path."""

import warnings
from collections.abc import Callable
from functools import partial
from itertools import repeat
from typing import NamedTuple

import numpy as np
from scipy.special import expit, softmax
from sklearn.utils import check_array, compute_sample_weight

from skprune._compat import check_sample_weight
from skprune.exceptions import InputError, PruningWarning
from skprune.solvers import losses
from skprune.solvers.backfitting import Backfitting, Solution, predict_raw
from skprune.solvers.layout import lay_out
from skprune.surgery import surgeon_for

# Ridges to choose from, in rows that a leaf is joined by; they grow along a path, as what
# is fitted to noise does.
RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)

# Penalties of a leaf, as shares of the mean loss: two levels per halving. They are the same
# on all data, so that folds meet at the same levels.
PENALTIES = 2.0 ** (-np.arange(6, 80) / 2)
# Ridges are judged by one of five parts of the rows, or by more of them where rows are few.
N_PARTS, MANY_ROWS = 5, 2000
# The path ends where this many halvings of the penalty in a row have not lowered the loss of
# held-out rows; models of a few leaves are not yet judged.
PATIENCE, FEW_LEAVES = 2, 20
# Below this price, in units of the summed loss, leaves are bought for nothing.
LEAST_PRICE = 1 / 1024


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
        One of `skprune.solvers.losses`.
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
        """Return rows in the terms of the loss; `part` is a `ChoosingRows`."""
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


def backfit(surgeon, rows, *, ridge, seed, scout):
    """Follow the path of a fitted model.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    rows : ChoosingRows
        What it is fitted to; rows that were held out choose the ridge.
    ridge : float or None
        The ridge of all levels; None lets rows choose.
    seed : int
        Draws the order of the trees, and rows.
    scout : callable or None
        Grows a smaller model of the same kind on the rows that it is given, as indices;
        None where rows were held out, or cannot be.

    Returns
    -------
    tuple
        Problem, Structures, solutions from the smallest to the largest, total weight.
    """
    parts = [part for part in (rows.grown_on, rows) if part is not None]
    problem = problem_of(surgeon, parts[0].X, parts[0].y, parts[0].sample_weight)
    known = [problem.rows(surgeon, part, held_out=part is not parts[0]) for part in parts]
    _warn_of_light_rows(known)
    together = known[0].join(known[1]) if len(known) > 1 else known[0]
    structures, total = (
        lay_out(surgeon.table, together.leaf, together.weight),
        together.weight.sum(),
    )
    if surgeon.is_classifier and len(surgeon.model.classes_) < 2:
        return problem, structures, [], total  # nothing to tell apart
    if ridge is not None:
        ridges = repeat(ridge)
    elif len(known) > 1:
        ridges = choose_ridges([Trial(surgeon, problem, known[0], known[1], seed)])
    else:
        ridges = choose_ridges(_trials(surgeon, problem, rows, together, scout, seed))
    most_leaves = _most_leaves(surgeon, together.target.shape)
    solutions = descend(problem, structures, together, ridges, seed=seed, most_leaves=most_leaves)
    return problem, structures, solutions, total


def _warn_of_light_rows(known):
    """Say so if weights are no counts: prices and ridges are in rows."""
    total = sum(rows.weight.sum() for rows in known)
    n_rows = sum(np.count_nonzero(rows.weight) for rows in known)
    if total < n_rows / 10:
        warnings.warn(
            f"The weights of {n_rows} rows add up to {total:g}; to backfitting these are so many "
            "rows, too few to be worth leaves. Scale sample_weight to a mean of 1.",
            PruningWarning,
            stacklevel=5,
        )


def _most_leaves(surgeon, shape):
    """Return where a path ends; beyond, a leaf has too few rows, or splits cost less to cut."""
    (n_columns, n_rows), n_leaves = shape, surgeon.table.n_leaves
    share = 0.5 if surgeon.is_boosting else min(0.25, n_columns / 10)
    return max(min(share * n_leaves, n_columns * n_rows / 2), min(50, n_leaves / 2))


def _same(one, two):
    """Say whether two solutions keep the same leaves."""
    return np.array_equal(one.node, two.node) and np.array_equal(one.column, two.column)


class Trial:
    """A backfitting of some rows, that others judge as it goes.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of a model that never saw the rows that judge.
    problem : Problem
        What is fitted.
    rows, held : Rows
        Rows to fit to, and rows to judge by.
    seed : int
        Draws the order of the trees.
    """

    def __init__(self, surgeon, problem, rows, held, seed):
        self.problem, self.tree_of = problem, surgeon.table.tree
        self.weight, self.held = rows.weight.sum(), held
        self.structures = lay_out(surgeon.table, rows.leaf, rows.weight)
        self.rank = self.structures.rank(held.leaf)
        self.state = problem.start(self.structures, rows, seed)

    def attempt(self, penalty, ridge):
        """Go on to a penalty from where the trial stands, and leave it there.

        Parameters
        ----------
        penalty : float
            Price of a leaf, as a share of the mean loss.
        ridge : float
            The ridge to try.

        Returns
        -------
        tuple
            The state that it leads to, the summed loss of the held-out rows, and leaves.
        """
        way = self.state.copy()
        solution = way.descend(penalty * self.weight, ridge)
        raw = predict_raw(self.structures, self.tree_of, self.rank, solution, self.held.offset)
        loss = self.held.weight @ self.problem.loss.value(self.held.target, raw)
        return way, loss, len(solution.node)


def _trials(surgeon, problem, rows, known, scout, seed):
    """Return trials on parts of the rows; a scout keeps the trees from knowing the others.

    Few rows are noisy judges, and more parts of them cost little.
    """
    n_rows = known.target.shape[1]
    if n_rows < 2:
        msg = (
            f"n_samples={n_rows} is too few: some rows have to choose the ridge. Give more "
            "rows, or set ridge."
        )
        raise InputError(msg)
    n_parts = min(N_PARTS, n_rows)
    parts = np.array_split(np.random.default_rng(seed).permutation(n_rows), n_parts)
    trials = []
    most = n_parts if scout else 2
    for held in parts[: max(1, min(most, MANY_ROWS // n_rows))]:
        grow = np.setdiff1d(np.arange(n_rows), held)
        if scout is not None:
            surgeon = surgeon_for(scout(grow))
            known = known._replace(leaf=surgeon.apply(rows.X))
        trials.append(Trial(surgeon, problem, known.take(grow), known.take(held), seed))
    return trials


def choose_ridges(trials):
    """Choose the ridge of each penalty by the loss of held-out rows.

    Along the path the ridge stays, or moves up while that leaves less penalised loss on the
    held-out rows: what can be fitted to noise grows with the model.

    Parameters
    ----------
    trials : list of Trial
        Backfittings that have not begun.

    Returns
    -------
    list of float
        A ridge per penalty.
    """
    at, chosen, best, idle = 0, [], np.inf, 0
    least = LEAST_PRICE / max(trial.weight for trial in trials)
    for penalty in PENALTIES[1::2][PENALTIES[1::2] >= least]:  # every other one, for the time
        loss, leaves, ways = _attempt(trials, penalty, RIDGES[at])
        while at + 1 < len(RIDGES):
            up = _attempt(trials, penalty, RIDGES[at + 1])
            if up[0] + penalty * up[1] >= loss + penalty * leaves:
                break
            (loss, leaves, ways), at = up, at + 1
        for trial, way in zip(trials, ways, strict=True):
            trial.state = way
        chosen += [RIDGES[at]] * 2
        idle = 0 if loss < best or leaves < FEW_LEAVES else idle + 1
        best = min(best, loss)
        if idle == PATIENCE:
            break
    return chosen


def _attempt(trials, penalty, ridge):
    """Return the mean loss of all held-out rows, the mean leaves, and where trials end."""
    ways, losses, leaves = zip(*(t.attempt(penalty, ridge) for t in trials), strict=True)
    judges = sum(trial.held.weight.sum() for trial in trials)
    return sum(losses) / judges, np.mean(leaves), ways


def descend(problem, structures, rows, ridges, *, seed, most_leaves):
    """Follow the path from no tree to many leaves.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    structures : Structures
        The trees.
    rows : Rows
        What it is fitted to.
    ridges : iterable of float
        The ridge of each penalty; the path ends with them.
    seed : int
        Draws the order of the trees.
    most_leaves : float
        Where the path ends.

    Returns
    -------
    list of Solution
        From the largest penalty at which a tree survives to the smallest.
    """
    state = problem.start(structures, rows, seed)
    found: list[Solution] = []
    for price, ridge in zip(_prices(rows), ridges, strict=False):
        solution = state.descend(price, ridge)
        if len(solution.node) > most_leaves:
            break
        if found and _same(found[-1], solution):
            found.pop()  # the same leaves at a lower price
        found.append(solution)
    return found


def _prices(rows):
    """Return the penalties in units of the summed loss, down to the least."""
    prices = PENALTIES * rows.weight.sum()
    return prices[prices >= LEAST_PRICE]
