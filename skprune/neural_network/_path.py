"""The path of a network: which weights or hidden units are kept at every level."""

from itertools import pairwise

import numpy as np
import pandas as pd

from skprune.base._ordered_path import OrderedPath, remaining, removal_levels
from skprune.neural_network._schedule import in_order, split


class NeuralPath(OrderedPath):
    """The levels of a network; a cut gives the plain model, with zeros or with fewer units.

    Parameters
    ----------
    surgeon : NeuralSurgeon
        Reader and writer of the whole model.
    scores : ndarray of shape (n_units,)
        Scores of all units, layer after layer; infinite for those that are never removed.
    rounds : Rounds
        Prunes to a level.
    sparse : collection of int, default=()
        Layers that are stored as sparse columns where that takes fewer bytes.

    Notes
    -----
    With rounds, every level is pruned by rounds of its own, so that only its number of units
    is known before it is cut.
    """

    def __init__(self, surgeon, scores, rounds, *, sparse=()):
        self._surgeon, self._rounds, self._sparse = surgeon, rounds, sparse
        whole = rounds.whole()
        self._order = in_order(scores, whole)
        if rounds.n_rounds > 1:
            self._order = self._order[: max(0, whole.sum() - rounds.fewest)]
        super().__init__(
            surgeon.model,
            np.where(whole, removal_levels(self._order, len(scores)), 0),
            scores[self._order],
            scores,
            unit="neurons" if rounds.by_neuron else "weights",
            n_levels=len(self._order) + 1,
        )

    def _sizes(self, n_levels):
        network = self._rounds.network
        sizes = [coef.shape[1] for coef in network.coefs]
        ends = [network.coefs[0].shape[0]]
        if self._rounds.by_neuron:
            # A weight is removed with the first of the two units that it connects.
            units = split(self._removed_at, [(size,) for size in sizes[:-1]])
            fixed = [np.full(n, n_levels) for n in (ends[0], sizes[-1])]
            units = [fixed[0], *units, fixed[1]]
            pairs = zip(units, units[1:], network.coefs, strict=False)
            removed = [np.where(c != 0, np.minimum.outer(a, b), 0) for a, b, c in pairs]
            widths = [remaining(each, n_levels) for each in units]
        else:
            removed = split(self._removed_at, [coef.shape for coef in network.coefs])
            widths = [np.full(n_levels, size) for size in (*ends, *sizes)]
        weights = [remaining(each, n_levels) for each in removed]
        n_intercepts = sum(widths[1:])
        shapes = list(pairwise(widths))
        n_bytes = sum(self._stored(shapes, weights)[1]) + self._surgeon.itemsize * n_intercepts
        n_bytes[0] = self._surgeon.size()[2]  # the whole model is stored unchanged
        parameters = sum(weights) + n_intercepts
        parameters, n_bytes = parameters.astype(float), n_bytes.astype(float)
        if self._rounds.n_rounds > 1:  # the size of each layer depends on the rounds
            n_bytes[1:] = np.where(self._rounds.by_neuron | bool(self._sparse), np.nan, n_bytes[1:])
        return {"parameters": parameters, "bytes": n_bytes}

    def _stored(self, shapes, counts):
        """Return the bytes of each layer, dense and in the smaller format."""
        dense, other = (
            self._surgeon.layer_bytes(shapes, counts, layers) for layers in ((), self._sparse)
        )
        return dense, [np.minimum(d, o) for d, o in zip(dense, other, strict=True)]

    @property
    def lost_rows(self):
        """Whether this was pickled, and can cut the whole model only; see `PruningPath`."""
        return self._rounds.lost_rows

    def mask(self, index):
        """Return the units that are kept at a level; see `PruningPath.mask`."""
        if index == 0 or self._rounds.n_rounds == 1:
            return super().mask(index)
        return self._run(index)[1].copy()

    def report(self, index):
        """Tabulate what is left of each layer of weights; see `PruningPath.report`."""
        whole, mask = self._rounds.network, self.mask(index)
        before = [coef != 0 for coef in whole.coefs]
        if self._rounds.by_neuron:
            ends = [np.ones(n, dtype=bool) for n in (before[0].shape[0], before[-1].shape[1])]
            kept = split(mask, [(coef.shape[1],) for coef in before[:-1]])
            units = [ends[0], *kept, ends[1]]
            left = [b[a][:, c] for a, b, c in zip(units, before, units[1:], strict=False)]
        else:
            left = split(mask, [coef.shape for coef in before])
        return pd.DataFrame(
            {
                "inputs_before": [int(coef.any(axis=1).sum()) for coef in before],
                "inputs": [int(coef.any(axis=1).sum()) for coef in left],
                "units_before": [coef.shape[1] for coef in before],
                "units": [coef.shape[1] for coef in left],
                "weights_before": [int(coef.sum()) for coef in before],
                "weights": [int(coef.sum()) for coef in left],
            },
            index=pd.RangeIndex(len(before), name="layer"),
        )

    def _run(self, index):
        """Return the network of a level and the units that it has; the last level is cached."""
        return self._once(index, lambda: self._rounds.run(self._order, int(self.units[index])))

    def _build(self, index):
        if index == 0:
            return self._surgeon.whole()
        network = self._run(index)[0]
        return self._surgeon.replace(network, sparse=self._sparse_layers(network))

    def _sparse_layers(self, network):
        shapes = [coef.shape for coef in network.coefs]
        counts = [np.count_nonzero(coef) for coef in network.coefs]
        stored = zip(*self._stored(shapes, counts), strict=True)
        return {layer for layer, (dense, best) in enumerate(stored) if best < dense}
