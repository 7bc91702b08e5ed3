"""The choice of the ridges of backfitting, by validation losses at equal numbers of leaves."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.ndimage import convolve1d

from skprune.exceptions import InputError
from skprune.solvers.backfitting import predict_raw
from skprune.surgery import surgeon_for

# Candidate ridges, in units of sample weight, from the one that is tried first: in each
# direction others are tried as long as the last one was better at some size.
FIRST_RIDGE, SMALLER_RIDGES, LARGER_RIDGES = 30.0, (10.0, 3.0, 1.0, 0.3), (100.0, 300.0, 1000.0)
# The path of a smaller ridge is given up after this many levels in a row whose loss exceeds that of
# another level, of the same size or smaller, by more than this share of what the best model
# explains. A larger ridge is followed to the end: it is worse at small sizes, and may be better
# only at large ones.
PATIENCE, HOPELESS = 3, 0.1
# Weights of neighbouring levels in the choice of a ridge.
SMOOTHING = (1.0, 2.0, 3.0, 2.0, 1.0)
# Most ridges of the levels of a path: each of them costs a path of its own.
MOST_RIDGES = 3

# Penalties per leaf, as shares of the mean loss: two levels per halving. They do not depend on
# the data, so that folds share the same levels.
PENALTY_GRID = 2.0 ** (-np.arange(6, 80) / 2)
# Smallest penalty, in units of the summed loss; below it leaves are free.
MIN_PENALTY = 2.0**-20
# A path ends at this share of the leaves of the whole model. It may end from the second share of
# these on, where halving the penalty three times adds less than the third share to the leaves:
# the others have no effect on the training samples.
LARGEST_SHARE, MAY_END, LEAST_GROWTH = 1 / 3, 0.1, 0.1
# Ridges are compared up to this many leaves per training sample.
LEAVES_PER_SAMPLE = 2
# Models of this many leaves are small enough for the path to go on to all of them.
SMALL_MODEL = 50
# Ridges are compared on forests of this share of the trees, and of this many of them at least.
SHARE_OF_TREES, FEWEST_TREES = 0.25, 25
# Ridges are evaluated on one of five parts of the samples, or on two of them for few samples.
N_PARTS, MOST_PARTS, ENOUGH_SAMPLES = 5, 2, 6000


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
    share : float, default=1
        Number of trees of this model, as a share of those that ridges are chosen for.
    """

    def __init__(self, surgeon, problem, rows, held_out, seed, share=1.0):
        self.problem, self.rows, self.held_out, self.seed = problem, rows, held_out, seed
        self.share = share
        self.weight, self.tree_of = rows.weight.sum(), surgeon.table.tree
        self.structures = problem.lay_out(surgeon, rows)
        self.rank = self.structures.rank(held_out.leaf)
        # Beyond this size the ridge of the last comparison is kept.
        enough = max(SMALL_MODEL, LEAVES_PER_SAMPLE * rows.target.shape[1])
        n_leaves = surgeon.table.n_leaves
        self.most_leaves = min(most_leaves(n_leaves / share), n_leaves, enough)

    def start(self):
        """Return a backfitting that has not begun."""
        return self.problem.start(self.structures, self.rows, self.seed)

    def advance(self, state, penalty, ridge):
        """Continue a backfitting to the next penalty; the state is changed.

        Parameters
        ----------
        state : Backfitting
            From `start`.
        penalty : float
            Cost per leaf, as a share of the mean loss.
        ridge : float
            Ridge to evaluate, of a model of all trees.

        Returns
        -------
        tuple
            The number of leaves, and the summed validation loss.
        """
        in_use = np.count_nonzero(state.fits.n_leaves)
        own_ridge = ridge * share_in_use(in_use, len(state.fits.n_leaves), self.share)
        solution = state.descend(penalty * self.weight, own_ridge)
        raw = predict_raw(self.structures, self.tree_of, self.rank, solution, self.held_out.offset)
        loss = self.held_out.weight @ self.problem.loss.value(self.held_out.target, raw)
        return len(solution.node), loss


def validation_runs(surgeon, problem, rows, known, grow_on, seed):
    """Return runs on parts of the samples, with trees grown without the validation split.

    For few samples two parts are used, as each is a noisy estimate. `grow_on` takes the samples
    and the number of trees.
    """
    counted = np.flatnonzero(known.weight)  # a part of the others would have no loss
    if len(counted) < 2:
        msg = (
            f"n_samples={len(counted)} of positive weight is too small: some samples are needed to "
            "choose the ridge. Give more samples, or set ridge."
        )
        raise InputError(msg)
    n_parts = min(N_PARTS, len(counted))
    parts = np.array_split(np.random.default_rng(seed).permutation(counted), n_parts)
    runs = []
    n_used = max(1, min(MOST_PARTS, n_parts, ENOUGH_SAMPLES // len(counted)))
    n_trees = surgeon.table.n_trees
    for held_out in parts[:n_used]:
        grow = np.setdiff1d(np.arange(len(known.weight)), held_out)
        if grow_on is not None:
            surgeon = surgeon_for(grow_on(grow, fewer_trees(n_trees)))
            known = known._replace(leaf=surgeon.apply(rows.X))
        share = surgeon.table.n_trees / n_trees
        parted = known.take(grow), known.take(held_out)
        runs.append(ValidationRun(surgeon, problem, *parted, seed, share))
    return runs


def share_in_use(in_use, n_trees, share):
    """Return the trees in use as a share of those that a larger forest would use.

    A sum over fewer trees, each shrunk by the same ridge, is shrunk more, so that the ridge has to
    follow the number of trees in use. A small model takes few trees from any forest, a large one
    takes all that there are. In between, trees are taken here as if each were drawn with the same
    chance, any number of times: the larger forest is drawn from as often.

    Parameters
    ----------
    in_use, n_trees : int
        Trees that a model uses, and those of its forest.
    share : float
        Size of this forest, as a share of the larger one.

    Returns
    -------
    float
        From `share` to 1.
    """
    in_larger = n_trees / share * (1 - (1 - in_use / n_trees) ** share)
    return in_use / in_larger if in_use else 1.0


def fewer_trees(n_trees):
    """Return the number of trees that ridges of a forest of `n_trees` trees are compared on."""
    return min(n_trees, max(FEWEST_TREES, round(SHARE_OF_TREES * n_trees)))


class ValidationPath(NamedTuple):
    """What a path with one ridge gives on validation samples.

    Attributes
    ----------
    leaves, loss : ndarray of shape (n_levels,)
        Mean number of leaves and mean validation loss at the first penalties.
    is_whole : bool
        Whether it went on to its end, rather than being given up because others are better.
    """

    leaves: np.ndarray
    loss: np.ndarray
    is_whole: bool = True

    def loss_at(self, leaves):
        """Return the loss at numbers of leaves, NaN where the path has no such size.

        Beyond its end a path has the loss of its last model: ends differ from path to path.
        """
        # Of levels with as many leaves the last one, of the smallest penalty, counts.
        size, first = np.unique(self.leaves[::-1], return_index=True)
        loss = self.loss[::-1][first]
        beyond = loss[-1] if self.is_whole else np.nan
        return np.interp(np.log1p(leaves), np.log1p(size), loss, left=np.nan, right=beyond)


def choose_ridges(runs):
    """Choose the ridge of each penalty by the validation loss at equal numbers of leaves.

    Each ridge has a path of its own. At the number of leaves of each of its levels the loss is
    compared with the least one of all paths; excesses are averaged over neighbouring levels,
    and the ridge of the least average is chosen. (At equal penalties the losses of two ridges do
    not compare: a larger ridge leaves fewer leaves.)

    Parameters
    ----------
    runs : list of ValidationRun
        Training and validation splits.

    Returns
    -------
    list of float
        One ridge per penalty, up to that of the largest model that was evaluated.
    """
    least = MIN_PENALTY / max(run.weight for run in runs)
    penalties = those_of_effect(PENALTY_GRID[1::2], least)  # every other, to save time
    paths = {FIRST_RIDGE: _follow(runs, penalties, FIRST_RIDGE, {})}
    chosen = _best_ridges(paths)
    for direction in (LARGER_RIDGES, SMALLER_RIDGES):
        for ridge in direction:
            paths[ridge] = _follow(runs, penalties, ridge, paths)
            chosen = _best_ridges(paths)
            if ridge not in chosen:
                break
    chosen = _best_ridges(paths, MOST_RIDGES)
    return [float(ridge) for ridge in np.repeat(chosen, 2)]


def _follow(runs, penalties, ridge, rivals):
    """Return the `ValidationPath` of a ridge; a small one ends where others are far better."""
    states, total = [run.start() for run in runs], sum(run.held_out.weight.sum() for run in runs)
    most = np.mean([run.most_leaves for run in runs])
    leaves, loss, n_behind = [], [], 0
    for penalty in penalties:
        steps = [run.advance(s, penalty, ridge) for run, s in zip(runs, states, strict=True)]
        leaves.append(np.mean([size for size, _ in steps]))
        loss.append(sum(value for _, value in steps) / total)
        best = np.nanmin([*loss, *(rival.loss_at(leaves[-1]) for rival in rivals.values())])
        explained = loss[0] - min([*loss, *(rival.loss.min() for rival in rivals.values())])
        is_behind = ridge <= FIRST_RIDGE and loss[-1] - best > HOPELESS * explained
        n_behind = n_behind + 1 if is_behind else 0
        if n_behind == PATIENCE or is_complete(leaves, most):
            break
    return ValidationPath(np.array(leaves), np.array(loss), n_behind < PATIENCE)


def those_of_effect(penalties, least):
    """Return the first penalties, down to the least one that has an effect; at least one."""
    return penalties[: max(1, np.count_nonzero(penalties >= least))]


def most_leaves(n_leaves):
    """Return the number of leaves at which the path of a model of `n_leaves` leaves ends."""
    return max(LARGEST_SHARE * n_leaves, min(SMALL_MODEL, n_leaves))


def is_complete(leaves, most):
    """Return whether a path has reached its end.

    Parameters
    ----------
    leaves : list of float
        Number of leaves after each halving of the penalty.
    most : float
        The number of leaves at which it ends at the latest.

    Returns
    -------
    bool
        Whether the last level is the largest one.
    """
    if leaves[-1] >= most:
        return True
    if len(leaves) <= 3 or leaves[-1] < MAY_END * most:
        return False
    return leaves[-1] < (1 + LEAST_GROWTH) * leaves[-4]


def _best_ridges(paths, most=None):
    """Return the ridge of the least excess, over neighbours, at each penalty of some paths.

    If there are more of them than `most`, those that serve all penalties best together are taken.
    """
    ridges = np.array(sorted(paths))
    n_levels = max(len(path.loss) for path in paths.values())
    excess = np.full((len(ridges), n_levels), np.nan)
    for row, path in zip(excess, (paths[ridge] for ridge in ridges), strict=True):
        at_size = [other.loss_at(path.leaves) for other in paths.values()]
        row[: len(path.loss)] = path.loss - np.nanmin(at_size, axis=0)
        row[: len(path.loss)][path.leaves < 2] = np.nan  # no tree: there is nothing to shrink
        if path.is_whole:  # at smaller penalties its last model remains what it has to offer
            row[len(path.loss) :] = row[len(path.loss) - 1]
    known = np.isfinite(excess)
    average = convolve1d(np.where(known, excess, 0.0), SMOOTHING, axis=1, mode="constant")
    average /= np.maximum(convolve1d(known.astype(float), SMOOTHING, axis=1, mode="constant"), 1)
    average[~known] = np.inf
    found = np.isfinite(average).any(axis=0)
    if not found.any():
        return np.full(n_levels, FIRST_RIDGE)
    if most and len(np.unique(average[:, found].argmin(axis=0))) > most:
        some = [list(subset) for subset in combinations(range(len(ridges)), most)]
        excesses = [average[subset][:, found].min(axis=0).sum() for subset in some]
        few = some[int(np.argmin(excesses))]
        if np.isfinite(min(excesses)):
            ridges, average = ridges[few], average[few]
    best = average.argmin(axis=0)
    # Levels without a comparison have the ridge of the next one that has one, else of the last.
    place = np.flatnonzero(found)
    return ridges[best[place[np.searchsorted(place, np.arange(n_levels)).clip(max=len(place) - 1)]]]
