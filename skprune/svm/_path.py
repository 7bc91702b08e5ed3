"""The path of support vectors: which of them stay at every level, and what they then say."""

import copy

import numpy as np
import pandas as pd

from skprune.base import PruningPath
from skprune.base._levels import midpoints, rank_shares


class SVMPath(PruningPath):
    """The levels of a support vector machine; a cut gives the plain model of what stays.

    Parameters
    ----------
    surgeon : SVMSurgeon
        Reader and writer of the whole model.
    order : ndarray of int, shape (n_vectors,)
        The vectors; the first one goes first.
    refit : Refit, default=None
        Gives the vectors that stay new coefficients and offsets; they keep their own if
        None.
    """

    def __init__(self, surgeon, order, refit=None):
        self._surgeon, self._refit = surgeon, refit
        n_vectors = len(order)
        self._place, self.scores = rank_shares(order[::-1])
        self._breaks = np.sort(self.scores)[:-1]
        # Level k is without the first k vectors; without any, a model is its offset.
        counts = np.arange(n_vectors, 0, -1) if n_vectors else np.zeros(1, dtype=np.intp)
        sizes = np.zeros((len(counts), 2), dtype=np.intp)
        sizes[: len(order)] = surgeon.vector_sizes()[order[::-1]].cumsum(axis=0)[::-1]
        sizes[:, 0] += len(surgeon.offsets)
        sizes[0] = surgeon.size()[1:]
        levels = pd.DataFrame(
            {
                "keep": counts / n_vectors if n_vectors else 1.0,
                "threshold": np.concatenate([[-np.inf], midpoints(np.sort(self.scores))]),
                "vectors": counts,
                "parameters": sizes[:, 0],
                "bytes": sizes[:, 1],
            }
        )
        super().__init__(surgeon.model, levels, unit="vectors", common_scale=False)

    def mask(self, index):
        """Return the vectors that stay at a level; see `PruningPath.mask`."""
        return self._place < self.units[index]

    def report(self, index):
        """Say of each support vector whether it stays at a level.

        Parameters
        ----------
        index : int
            Row of `levels`.

        Returns
        -------
        DataFrame
            A row per support vector: the training row that it was, whether it is kept, its
            score.
        """
        table = {
            "row": self.model.support_,
            "kept": self.mask(index),
            "score": self.scores,
        }
        return pd.DataFrame(table).rename_axis("vector")

    def _build(self, index):
        if index == 0:
            return copy.deepcopy(self.model)
        kept = self.mask(index)
        if self._refit is None:
            return self._surgeon.cut(kept)
        coefficients, offsets = self._refit(kept)
        return self._surgeon.cut(kept, coefficients=coefficients, offsets=offsets)
