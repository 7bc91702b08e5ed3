"""The path of support vectors: which are kept at every level, and their refitted coefficients."""

import copy

import numpy as np
import pandas as pd

from skprune.base._ordered_path import OrderedPath, remaining, removal_levels


class SVMPath(OrderedPath):
    """The levels of a support vector machine; a cut gives a plain model with fewer vectors.

    Parameters
    ----------
    surgeon : SVMSurgeon
        Reader and writer of the whole model.
    order : ndarray of int, shape (n_vectors,)
        The vectors; the first one is removed first.
    refit : Refit, default=None
        Refits the coefficients and offsets of the vectors that are kept; they are unchanged
        if None.
    """

    def __init__(self, surgeon, order, refit=None):
        self._surgeon, self._refit = surgeon, refit
        removed_at = removal_levels(order, len(order))
        super().__init__(surgeon.model, removed_at, unit="vectors")

    def _sizes(self, n_levels):
        sizes = self._surgeon.vector_sizes().T
        sizes = np.array([remaining(self._removed_at, n_levels, size) for size in sizes])
        sizes[0] += len(self._surgeon.offsets)
        sizes[:, 0] = self._surgeon.size()[1:]
        return {"parameters": sizes[0], "bytes": sizes[1]}

    def report(self, index):
        """Tabulate the support vectors; see `PruningPath.report`.

        The columns are the training sample that each was, whether it is kept, and its rank share.
        """
        table = {
            "row": self.model.support_,
            "kept": self.mask(index),
            "rank_share": self.rank_shares,
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
