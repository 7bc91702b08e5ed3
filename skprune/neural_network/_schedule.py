"""Pruning a network to one level: in one round or several, with the recovery after each."""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from skprune.arrays.network import Network, forward, predictions
from skprune.base._rows import rows_left_behind
from skprune.solvers import fine_tuning, layerwise, neurons

SCHEDULES = ("one_shot", "iterative", "cubic")


class Tuning(NamedTuple):
    """How a pruned network is trained further.

    Attributes
    ----------
    alpha : float
        L2 penalty, that of the whole network.
    solver : {"lbfgs", "adam"}
        Optimiser.
    max_iter : int
        Iterations, or epochs, of all rounds together.
    learning_rate, batch_size : float, int
        Of "adam".
    soft_labels : float
        Weight of the predictions of the whole network in the targets.
    held_out : NetworkData or None
        Validation data for early stopping.
    seed : int
        Draws the batches.
    """

    alpha: float
    solver: str
    max_iter: int
    learning_rate: float
    batch_size: int
    soft_labels: float
    held_out: Any
    seed: int


class Rounds:
    """Prunes one network to any number of units, each time from the whole network.

    Parameters
    ----------
    network : Network
        The whole network.
    rows : NetworkData or None
        Training data of least squares and fine-tuning.
    score : callable
        Maps a network to the flat scores of its units; see `score_units`.
    by_neuron : bool
        Whether units are hidden units, or weights.
    recovery : {"least_squares", "fine_tune"} or None
        Adjustment of the remaining weights after each removal.
    schedule : str
        One of `SCHEDULES`.
    n_rounds : int
        Rounds of "iterative" and "cubic".
    rewind : bool
        Whether each round starts from the weights of the whole network.
    tuning : Tuning or None
        For "fine_tune".
    """

    def __init__(
        self, network, rows, score, *, by_neuron, recovery, schedule, n_rounds, rewind, tuning
    ):
        self.network, self.by_neuron = network, by_neuron
        self.n_rounds = 1 if schedule == "one_shot" else n_rounds
        self._rows, self._score = rows, score
        self._recovery, self._schedule = recovery, schedule
        self._rewind, self._tuning = rewind, tuning
        self._needs_rows = rows is not None
        # Measured: least squares improve a training after the removal of many weights at once,
        # but not after the removal of a few, or of hidden units.
        at_once = self.n_rounds == 1 and not by_neuron and not self._rewind
        self._refits = recovery == "least_squares" or (recovery == "fine_tune" and at_once)

    def __getstate__(self):
        # Samples are held by reference, in memory only, and `score` may hold them too.
        return self.__dict__ | dict.fromkeys(("_rows", "_score", "_tuning", "_products"))

    @property
    def lost_rows(self):
        """Whether samples are needed, and a pickle left them out."""
        return self._needs_rows and self._rows is None

    @cached_property
    def _products(self):
        return layerwise.input_products(self._rows.X, self._rows.weight)

    @property
    def fewest(self):
        """Smallest number of units that rounds can reach: those whose scores are infinite."""
        widths = [coef.shape[1] for coef in self.network.coefs]
        if self.by_neuron:
            return len(widths) - 1
        # One input of each output, one input of each unit that is such an input, and so on.
        return int(np.minimum.accumulate(widths[::-1]).sum())

    def run(self, order, n_kept):
        """Prune to some number of units.

        Parameters
        ----------
        order : ndarray of int
            Units of the whole network that may be removed, the first to be removed first.
        n_kept : int
            Number of units that are kept.

        Returns
        -------
        network : Network
            The pruned network, with smaller layers where units are hidden units.
        left : ndarray of bool, shape (n_units,)
            Units that are kept.

        Raises
        ------
        InputError
            If samples are needed, and a pickle left them out.
        """
        if self.lost_rows:
            raise rows_left_behind()
        network, left = self.network, self.whole()
        for turn, count in enumerate(self._counts(int(left.sum()), n_kept)):
            if turn:
                order = self._order(network, left)
            was = left.copy()
            left[order[: left.sum() - count]] = False
            network = self._recover(self._cut(network, was, left), turn)
        return network, left

    def whole(self):
        """Return which units the whole network has; ndarray of bool, shape (n_units,)."""
        if self.by_neuron:
            return np.ones(sum(map(len, self.network.intercepts[:-1])), dtype=bool)
        return np.concatenate([coef.ravel() != 0 for coef in self.network.coefs])

    def _counts(self, n_units, n_kept):
        """Return the units that are left after each round."""
        done = np.arange(1, self.n_rounds + 1) / self.n_rounds
        if self._schedule == "iterative":
            counts = n_units * (n_kept / n_units) ** done
        else:  # Zhu and Gupta: many in the first rounds, few in the last ones
            counts = n_kept + (n_units - n_kept) * (1 - done) ** 3
        return np.maximum(np.ceil(counts - 1e-9).astype(int), n_kept)

    def _order(self, network, left):
        scores = self._score(network)
        places = np.flatnonzero(left) if self.by_neuron else np.arange(len(left))
        return places[in_order(scores, left[places])]

    def _cut(self, network, was, left):
        """Remove units and, if `recovery` asks for it, refit the rest."""
        if self._rewind or self._recovery == "least_squares":
            network, was = self.network, self.whole()
        X, weight = (None, None) if self._rows is None else (self._rows.X, self._rows.weight)
        if not self.by_neuron:
            masks = split(left, [coef.shape for coef in network.coefs])
            if self._refits:
                return layerwise.refit(network, masks, X, weight, first=self._products)
            return _masked(network, masks)
        kept = split(left[was], [(len(each),) for each in network.intercepts[:-1]])
        if self._rows is not None:
            found = neurons.redundant(network, forward(network, X), weight)
            network = neurons.fold(network, found, [~each for each in kept])
        if self._refits:
            masks = [np.ones(network.coefs[0].shape, dtype=bool)]
            masks += [
                np.broadcast_to(each[:, np.newaxis], coef.shape) & (coef != 0)
                for each, coef in zip(kept, network.coefs[1:], strict=True)
            ]
            network = layerwise.refit(network, masks, X, weight)
        return neurons.drop(network, kept)

    def _recover(self, network, turn):
        if self._recovery != "fine_tune":
            return network
        how, (X, target, weight) = self._tuning, self._rows
        held_out = how.held_out
        if how.soft_labels:
            target = self._softened(X, target)
            held_out = held_out and held_out._replace(
                target=self._softened(held_out.X, held_out.target)
            )
        # The last round gets the remainder of the division.
        share = how.max_iter // self.n_rounds
        if turn == self.n_rounds - 1:
            share = how.max_iter - share * (self.n_rounds - 1)
        return fine_tuning.fine_tune(
            network,
            [coef != 0 for coef in network.coefs],
            X,
            target,
            weight,
            alpha=how.alpha,
            solver=how.solver,
            max_iter=share,
            learning_rate=how.learning_rate,
            batch_size=how.batch_size,
            held_out=held_out,
            rng=check_random_state(how.seed),
        )

    def _softened(self, X, target):
        soft = predictions(self.network, forward(self.network, X)[-1])
        return (1 - self._tuning.soft_labels) * target + self._tuning.soft_labels * soft


def in_order(scores, left):
    """Return which units may be removed, the lowest score first; of equal ones the last.

    The last input weight of a unit may have the score of its last output weight, which is
    removed before it.
    """
    removable = np.flatnonzero(np.isfinite(scores) & left)[::-1]
    return removable[np.argsort(scores[removable], kind="stable")]


def split(flat, shapes):
    """Return the parts of a flat array, layer by layer; a list of ndarray."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
    return [part.reshape(s) for part, s in zip(np.split(flat, ends), shapes, strict=True)]


def _masked(network, masks):
    coefs = (np.where(mask, c, 0.0) for mask, c in zip(masks, network.coefs, strict=True))
    return Network(tuple(coefs), *network[1:])
