"""Backfitting of a fitted model: the solutions of its path."""

import warnings

import numpy as np

from skprune.exceptions import PruningWarning
from skprune.tree._backfitting_problem import problem_of
from skprune.tree._backfitting_ridges import (
    MIN_PENALTY,
    PENALTY_GRID,
    ValidationRun,
    choose_ridges,
    is_complete,
    most_leaves,
    those_of_effect,
    validation_runs,
)

# Between levels whose sizes have a larger ratio another one is computed, and so on, so often.
LARGEST_RATIO, BISECTIONS = 1.5, 3


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
        Fits a model of the same kind to the samples of given indices, with a given number of
        trees; None if samples were held out, or if the trees themselves are used.

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
        ridges = [ridge]
    elif len(known) > 1:
        ridges = choose_ridges([ValidationRun(surgeon, problem, known[0], known[1], seed)])
    else:
        ridges = choose_ridges(validation_runs(surgeon, problem, rows, together, grow_on, seed))
    most = most_leaves(surgeon.table.n_leaves)
    solutions = descend(problem, structures, together, ridges, seed=seed, most=most)
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


def descend(problem, structures, rows, ridges, *, seed, most):
    """Compute the path from no tree to many leaves, by decreasing penalties.

    Each ridge has a path of its own, which gives the levels that the ridge is meant for: a level
    that continued the path of another ridge would keep much of the trees that suited that one.

    Parameters
    ----------
    problem : Problem
        The optimisation problem.
    structures : Structures
        The trees.
    rows : BackfittingData
        Training data.
    ridges : list of float
        The ridge of each penalty of `PENALTY_GRID`; the last is that of all smaller ones too.
    seed : int
        Seed of the order of the trees.
    most : float
        The first level with this many leaves is the last one.

    Returns
    -------
    list of Solution
        From the largest penalty to the smallest.
    """
    penalties = _penalties(rows)
    ridges = np.array(ridges[: len(penalties)])
    ridges = np.append(ridges, np.repeat(ridges[-1:], len(penalties) - len(ridges)))
    found = []
    for ridge in np.unique(ridges):
        mine = np.flatnonzero(ridges == ridge)
        state = problem.start(structures, rows, seed)
        solutions = _path_of(state, penalties[: mine[-1] + 1], ridge, most)
        # Levels between two penalties of the grid belong to the smaller of the two.
        place = np.searchsorted(-penalties, [-s.penalty for s in solutions])
        found += [s for s, at in zip(solutions, place, strict=True) if ridges[at] == ridge]
    return sorted(found, key=lambda solution: -solution.penalty)


def _path_of(state, penalties, ridge, most):
    """Return the levels of a path with one ridge; the state is changed.

    Those that belong to other ridges are computed too: where a path went in larger steps to
    where its own levels begin, these would be worse.
    """
    found, at, step = [state.descend(penalties[0], ridge)], 0, 1
    halvings = [len(found[0].node)]
    while at + step < len(penalties):
        at += step
        more, state = _approach(state, found[-1], penalties[at], ridge, BISECTIONS)
        growth = len(more[-1].node) / max(1, len(found[-1].node))
        found += more
        # Where sizes grow slowly, a level per halving of the penalty is enough.
        step = 2 if at % 2 == 0 and len(more) == 1 and growth ** (2 / step) <= LARGEST_RATIO else 1
        if at % 2 == 0:
            halvings.append(len(found[-1].node))
        if is_complete(halvings, most):
            break
    return found


def _approach(state, last, penalty, ridge, bisections):
    """Return the level of the next penalty, after levels that fill a gap, and its state."""
    after = state.copy()
    solution = after.descend(penalty, ridge)
    if not bisections or len(solution.node) <= LARGEST_RATIO * len(last.node) + 1:
        return [solution], after
    middle = np.sqrt(last.penalty * penalty)
    first, state = _approach(state, last, middle, ridge, bisections - 1)
    rest, state = _approach(state, first[-1], penalty, ridge, bisections - 1)
    return first + rest, state


def _penalties(rows):
    """Return the penalties in units of the summed loss, down to the smallest."""
    return those_of_effect(PENALTY_GRID * rows.weight.sum(), MIN_PENALTY)
