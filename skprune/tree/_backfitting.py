"""Backfitting of a fitted model: choice of the ridges, and the solutions of the path."""

import warnings
from itertools import repeat

import numpy as np

from skprune.exceptions import InputError, PruningWarning
from skprune.solvers.backfitting import Solution, predict_raw
from skprune.surgery import surgeon_for
from skprune.tree._backfitting_problem import problem_of

# Candidate ridges, in units of sample weight. They increase along a path, as overfitting does.
RIDGE_GRID = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)

# Penalties per leaf, as shares of the mean loss: two levels per halving. They do not depend on
# the data, so that folds share the same levels.
PENALTY_GRID = 2.0 ** (-np.arange(6, 80) / 2)
# Ridges are evaluated on one of five parts of the samples, or on more of them for few samples.
N_PARTS, ENOUGH_SAMPLES = 5, 2000
# The path ends after this many consecutive halvings of the penalty that did not reduce the
# validation loss; models with fewer leaves than the second number do not count.
PATIENCE, FEW_LEAVES = 2, 20
# Smallest penalty, in units of the summed loss; below it leaves are almost free.
MIN_PENALTY = 1 / 1024


def backfit(surgeon, rows, *, ridge, seed, grow_on):
    """Compute the backfitting path of a fitted model.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    rows : ValidationData
        Training data; held-out samples choose the ridge.
    ridge : float or None
        Ridge of all levels; None to choose one per level.
    seed : int
        Seed of the order of the trees and of splits of the samples.
    grow_on : callable or None
        Fits a smaller model of the same kind to the samples of given indices; None if samples
        were held out, or if the trees themselves are used.

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
    structures = problem.lay_out(surgeon, together)
    total = together.weight.sum()
    if surgeon.is_classifier and len(surgeon.model.classes_) < 2:
        return problem, structures, [], total  # a single class
    if ridge is not None:
        ridges = repeat(ridge)
    elif len(known) > 1:
        ridges = choose_ridges([ValidationRun(surgeon, problem, known[0], known[1], seed)])
    else:
        ridges = choose_ridges(_validation_runs(surgeon, problem, rows, together, grow_on, seed))
    most_leaves = _most_leaves(surgeon, together.target.shape)
    solutions = descend(problem, structures, together, ridges, seed=seed, most_leaves=most_leaves)
    return problem, structures, solutions, total


def _warn_of_light_rows(known):
    """Warn of weights that are no counts: penalties and ridges are in units of samples."""
    total = sum(rows.weight.sum() for rows in known)
    n_rows = sum(np.count_nonzero(rows.weight) for rows in known)
    if total < n_rows / 10:
        warnings.warn(
            f"The weights of {n_rows} samples sum to {total:g}; backfitting takes them as that "
            "many samples, too few to keep leaves. Scale sample_weight to a mean of 1.",
            PruningWarning,
            stacklevel=5,
        )


def _most_leaves(surgeon, shape):
    """Return the largest number of leaves of a path.

    Larger models have too few samples per leaf, or are hardly smaller than the whole one.
    """
    (n_columns, n_rows), n_leaves = shape, surgeon.table.n_leaves
    share = 0.5 if surgeon.is_boosting else min(0.25, n_columns / 10)
    return max(min(share * n_leaves, n_columns * n_rows / 2), min(50, n_leaves / 2))


def _same(one, two):
    """Return whether two solutions keep the same leaves."""
    return np.array_equal(one.node, two.node) and np.array_equal(one.column, two.column)


class ValidationRun:
    """Backfitting on a training split, scored on a validation split.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of a model that was fitted without the validation split.
    problem : Problem
        The optimisation problem.
    rows, held_out : BackfittingData
        Training and validation split.
    seed : int
        Seed of the order of the trees.
    """

    def __init__(self, surgeon, problem, rows, held_out, seed):
        self.problem, self.tree_of = problem, surgeon.table.tree
        self.weight, self.held_out = rows.weight.sum(), held_out
        self.structures = problem.lay_out(surgeon, rows)
        self.rank = self.structures.rank(held_out.leaf)
        self.state = problem.start(self.structures, rows, seed)

    def next_state(self, penalty, ridge):
        """Return the next state for a penalty and a ridge; the run itself is unchanged.

        Parameters
        ----------
        penalty : float
            Cost per leaf, as a share of the mean loss.
        ridge : float
            Ridge to evaluate.

        Returns
        -------
        tuple
            The next state, the summed validation loss, and the number of leaves.
        """
        state = self.state.copy()
        solution = state.descend(penalty * self.weight, ridge)
        raw = predict_raw(self.structures, self.tree_of, self.rank, solution, self.held_out.offset)
        loss = self.held_out.weight @ self.problem.loss.value(self.held_out.target, raw)
        return state, loss, len(solution.node)


def _validation_runs(surgeon, problem, rows, known, grow_on, seed):
    """Return runs on parts of the samples, with trees grown without the validation split.

    For few samples more parts are used: each is a noisy estimate, and they cost little.
    """
    n_rows = known.target.shape[1]
    if n_rows < 2:
        msg = (
            f"n_samples={n_rows} is too small: some samples are needed to choose the ridge. Give "
            "more samples, or set ridge."
        )
        raise InputError(msg)
    n_parts = min(N_PARTS, n_rows)
    parts = np.array_split(np.random.default_rng(seed).permutation(n_rows), n_parts)
    runs = []
    most = n_parts if grow_on else 2
    for held_out in parts[: max(1, min(most, ENOUGH_SAMPLES // n_rows))]:
        grow = np.setdiff1d(np.arange(n_rows), held_out)
        if grow_on is not None:
            surgeon = surgeon_for(grow_on(grow))
            known = known._replace(leaf=surgeon.apply(rows.X))
        runs.append(ValidationRun(surgeon, problem, known.take(grow), known.take(held_out), seed))
    return runs


def choose_ridges(runs):
    """Choose the ridge of each penalty by the validation loss.

    Along the path the ridge is increased while that reduces the penalised validation loss;
    it never decreases, since larger models overfit more.

    Parameters
    ----------
    runs : list of ValidationRun
        Runs in their initial state.

    Returns
    -------
    list of float
        One ridge per penalty.
    """
    at, chosen, best, n_stale = 0, [], np.inf, 0
    least = MIN_PENALTY / max(run.weight for run in runs)
    every_other = PENALTY_GRID[1::2]  # to save time
    for penalty in every_other[every_other >= least]:
        loss, leaves, states = _next_states(runs, penalty, RIDGE_GRID[at])
        while at + 1 < len(RIDGE_GRID):
            up = _next_states(runs, penalty, RIDGE_GRID[at + 1])
            if up[0] + penalty * up[1] >= loss + penalty * leaves:
                break
            (loss, leaves, states), at = up, at + 1
        for run, state in zip(runs, states, strict=True):
            run.state = state
        chosen += [RIDGE_GRID[at]] * 2
        n_stale = 0 if loss < best or leaves < FEW_LEAVES else n_stale + 1
        best = min(best, loss)
        if n_stale == PATIENCE:
            break
    return chosen


def _next_states(runs, penalty, ridge):
    """Return the mean validation loss, the mean number of leaves, and the next states."""
    states, losses, leaves = zip(*(t.next_state(penalty, ridge) for t in runs), strict=True)
    total = sum(run.held_out.weight.sum() for run in runs)
    return sum(losses) / total, np.mean(leaves), states


def descend(problem, structures, rows, ridges, *, seed, most_leaves):
    """Compute the path from no tree to many leaves, by decreasing penalties.

    Parameters
    ----------
    problem : Problem
        The optimisation problem.
    structures : Structures
        The trees.
    rows : BackfittingData
        Training data.
    ridges : iterable of float
        The ridge of each penalty; the path has no more levels.
    seed : int
        Seed of the order of the trees.
    most_leaves : float
        Maximum number of leaves.

    Returns
    -------
    list of Solution
        From the largest penalty at which a tree survives to the smallest.
    """
    state = problem.start(structures, rows, seed)
    found: list[Solution] = []
    for penalty, ridge in zip(_penalties(rows), ridges, strict=False):
        solution = state.descend(penalty, ridge)
        if len(solution.node) > most_leaves:
            break
        if found and _same(found[-1], solution):
            found.pop()  # the same leaves at a smaller penalty
        found.append(solution)
    return found


def _penalties(rows):
    """Return the penalties in units of the summed loss, down to the smallest."""
    penalties = PENALTY_GRID * rows.weight.sum()
    return penalties[penalties >= MIN_PENALTY]
