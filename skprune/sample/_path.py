"""The path of training rows: which of them stay at every level, and the model fitted on them."""

import copy

import numpy as np
import pandas as pd

from skprune.base import PruningPath
from skprune.base._levels import midpoints, rank_shares
from skprune.base._rows import rows_left_behind


class SamplePath(PruningPath):
    """The levels of a training set; a cut fits a clone of the model on the rows that stay.

    Parameters
    ----------
    model : fitted estimator
        The model of all rows.
    rows : TrainingSamples
        The rows, held by reference and in memory only.
    order : ndarray of int, shape (n_rows,)
        The rows; the last one goes first.
    measure : ndarray of shape (n_rows,) or None
        What the criterion says of each row; the `scores` if None.
    smallest : int
        Rows that stay at the last level.
    decided : bool, default=False
        Whether there is no level between the whole and the last; rows that stay there then have
        a score of 1 and the others of 0.
    sampled : tuple of two ndarrays of shape (n_rows,), default=None
        Odds and priorities of a draw: rows are weighted by what they stand for.
    """

    def __init__(self, model, rows, order, measure, *, smallest, decided=False, sampled=None):
        n_rows = len(order)
        self._rows, self._sampled = rows, sampled
        self._strata = rows.stratum, rows.classes, rows.target
        self._place, self.scores = rank_shares(order)
        counts = np.arange(n_rows, smallest - 1, -1)
        ordered = np.sort(self.scores)
        self._breaks, thresholds = ordered[: len(counts) - 1], midpoints(ordered[: len(counts)])
        if decided:
            self.scores = (self._place < smallest).astype(float)
            counts = np.unique([smallest, n_rows])[::-1]
            self._breaks = np.zeros(len(counts) - 1)
            thresholds = self._breaks + 0.5
        self.measure = self.scores if measure is None else measure
        levels = pd.DataFrame(
            {
                "keep": counts / n_rows,
                "threshold": np.concatenate([[-np.inf], thresholds]),
                "samples": counts,
            }
        )
        super().__init__(model, levels, unit="samples", common_scale=False)

    @property
    def lost_rows(self):
        """Whether this was pickled, and can cut no level but the whole; see `PruningPath`."""
        return self._rows is None

    def __getstate__(self):
        return super().__getstate__() | {"_rows": None}

    def mask(self, index):
        """Return the rows that stay at a level; see `PruningPath.mask`."""
        return self._place < self.units[index]

    def weights(self, index):
        """Return the weights of the rows that stay, where rows were drawn to stand for others.

        Parameters
        ----------
        index : int
            Row of `levels`.

        Returns
        -------
        ndarray of shape (n_kept,) or None
            Those that were given, divided by the odds to be drawn.

        Raises
        ------
        InputError
            If the rows were left behind in a pickle.
        """
        if self._sampled is None:
            return None
        kept, weight = self.mask(index), self._own_rows().weight
        if kept.all():
            return weight.copy()
        odds, priority = self._sampled
        stands_for = np.ones(len(odds))  # rows without weight have no odds, and stand for none
        np.divide(priority[~kept].max(), odds, out=stands_for, where=odds > 0)
        return (weight * np.maximum(1.0, stands_for))[kept]

    def report(self, index):
        """Say of each class, or tenth of the rows by their target, what is left at a level.

        Parameters
        ----------
        index : int
            Row of `levels`.

        Returns
        -------
        DataFrame
            A row per class or tenth: rows before and after, and their mean measure.
        """
        stratum, classes, target = self._strata
        kept, groups = self.mask(index), np.unique(stratum)
        counts = [np.bincount(stratum[rows], minlength=groups.max() + 1) for rows in (..., kept)]
        sums = [
            np.bincount(stratum[rows], self.measure[rows], minlength=groups.max() + 1)
            for rows in (..., kept)
        ]
        means = [s / np.where(n, n, np.nan) for s, n in zip(sums, counts, strict=True)]
        table = pd.DataFrame(
            {
                "samples_before": counts[0],
                "samples": counts[1],
                "mean_score_before": means[0],
                "mean_score": means[1],
            }
        ).loc[groups]
        if classes is not None:
            return table.set_axis(pd.Index(classes, name="class"))
        ends = [[end(target[stratum == group]) for group in groups] for end in (np.min, np.max)]
        table.insert(0, "from", ends[0])
        table.insert(1, "to", ends[1])
        return table.rename_axis("tenth")

    def _own_rows(self):
        if self._rows is None:
            raise rows_left_behind()
        return self._rows

    def _build(self, index):
        if index == 0:
            return copy.deepcopy(self.model)

        def fit():
            return self._own_rows().fit(self.model, self.mask(index), self.weights(index))

        return copy.deepcopy(self._once(index, fit))
