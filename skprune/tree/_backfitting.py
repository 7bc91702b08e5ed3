"""Backfitting of a fitted model: its problem, its ridges and the solutions of its path."""

import warnings
from itertools import repeat

import numpy as np

from skprune.exceptions import InputError, PruningWarning
from skprune.solvers.backfitting import Solution, predict_raw
from skprune.solvers.backfitting_layout import lay_out
from skprune.surgery import surgeon_for
from skprune.tree._backfitting_problem import problem_of

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


def backfit(surgeon, rows, *, ridge, seed, scout):
    """Follow the path of a fitted model.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    rows : ValidationData
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
    problem = problem_of(surgeon, parts[0])
    known = [problem.data(surgeon, part, held_out=part is not parts[0]) for part in parts]
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
    rows, held : BackfittingData
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
    rows : BackfittingData
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
