"""The path of training samples: which are kept at every level, and the model fitted to them."""

import copy

import numpy as np
import pandas as pd

from skprune.base._ordered_path import OrderedPath, removal_levels
from skprune.base._rows import rows_left_behind


class SamplePath(OrderedPath):
    """The levels of a training set; a cut fits a clone of the model to the samples kept.

    Parameters
    ----------
    model : fitted estimator
        The model fitted to all samples.
    rows : TrainingSamples
        The samples, held by reference and in memory only.
    order : ndarray of int, shape (n_samples,)
        The samples; the last one is removed first.
    difficulty : ndarray of shape (n_samples,) or None
        How hard each sample is; None if the criterion does not measure it.
    smallest : int
        Number of samples of the last level.
    decided : bool, default=False
        Whether there is not a level between the first and the last; samples of the last one then
        have a score of 1 and the others of 0.
    sampled : tuple of two ndarrays of shape (n_samples,), default=None
        Odds and priorities of random sampling; samples then get importance weights.
    """

    def __init__(self, model, rows, order, difficulty, *, smallest, decided=False, sampled=None):
        self._rows, self._sampled, self.difficulty = rows, sampled, difficulty
        self._strata = rows.stratum, rows.classes, rows.target
        n_samples, ordered, scores = len(order), None, None
        removed_at, n_levels = removal_levels(order[::-1], n_samples), n_samples - smallest + 1
        if decided:
            kept = removed_at > n_samples - smallest
            ordered, scores = np.array([0.0, 1.0]), kept.astype(float)
            removed_at, n_levels = 1 + kept, min(2, n_levels)
        super().__init__(model, removed_at, ordered, scores, unit="samples", n_levels=n_levels)

    @property
    def lost_rows(self):
        """Whether this was pickled, and can cut the whole model only; see `PruningPath`."""
        return self._rows is None

    def __getstate__(self):
        return super().__getstate__() | {"_rows": None}

    def weights(self, index):
        """Return the weights of the samples that are kept, if they were randomly sampled.

        Parameters
        ----------
        index : int
            Row of `levels`.

        Returns
        -------
        ndarray of shape (n_kept,) or None
            The sample weights over the inclusion probabilities.

        Raises
        ------
        InputError
            If a pickle left the samples out.
        """
        if self._sampled is None:
            return None
        kept, weight = self.mask(index), self._own_rows().weight
        if kept.all():
            return weight.copy()
        odds, priority = self._sampled
        factor = np.ones(len(odds))  # samples of weight 0 have odds of 0
        np.divide(priority[~kept].max(), odds, out=factor, where=odds > 0)
        return (weight * np.maximum(1.0, factor))[kept]

    def report(self, index):
        """Tabulate what is left of each class, or tenth of the samples by target, at a level.

        See `PruningPath.report`. The columns are the numbers of samples before and after, and
        their mean difficulty.
        """
        stratum, classes, target = self._strata
        kept, groups = self.mask(index), np.unique(stratum)
        parts = {"_before": ..., "": kept}

        def total(rows, amount=None):
            amount = None if amount is None else amount[rows]
            return np.bincount(stratum[rows], amount, groups.max() + 1)

        columns = {f"samples{name}": total(rows) for name, rows in parts.items()}
        if self.difficulty is not None:
            for name, rows in parts.items():
                n_samples = np.where(n := columns[f"samples{name}"], n, np.nan)
                columns[f"mean_difficulty{name}"] = total(rows, self.difficulty) / n_samples
        table = pd.DataFrame(columns).loc[groups]
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
