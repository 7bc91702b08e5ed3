"""The base class of the transformers that rank features by a score."""

from abc import abstractmethod

import numpy as np

from skprune.feature_selection._base import BaseFeaturePruner
from skprune.feature_selection._path import RankedPath


class BaseRankingPruner(BaseFeaturePruner):
    """Base class of the transformers that rank features by a score.

    A subclass writes `_score_columns`. A group has the score of its best feature; a subclass
    that scores groups itself gives all features of a group the same score.
    """

    def _prune_columns(self, table, y, sample_weight):
        scores = self._score_columns(table, y, sample_weight)
        path = RankedPath(scores, units=self._units, forced=self._forced)
        return self._cut(path), path

    @abstractmethod
    def _score_columns(self, table, y, sample_weight):
        """Return a score per feature, larger is better; NaN is removed first."""

    def _cut(self, path):
        """Set the attributes of a ranked path; return the mask at the level of the parameters."""
        self.scores_, self.ranking_ = path.scores, path.ranking
        self._own, self._best = path.own_scores, path.best
        return self._cut_own(path)

    def _make_report(self):
        n_units = int(self._units.max()) + 1
        ranks = [f"rank {rank} of {n_units}" for rank in self.ranking_]
        partner = np.where(self._best == np.arange(len(ranks)), -1, self._best)
        return self._tabulate(ranks, self._own, partner).assign(rank=self.ranking_)
