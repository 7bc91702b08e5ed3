"""The base class of the transformers that rank features by a score."""

from abc import abstractmethod

import numpy as np
import pandas as pd

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
        names, kept = self._names(), self.keep_mask_
        n_units = int(self._units.max()) + 1
        ranks = [f"rank {rank} of {n_units}" for rank in self.ranking_]
        others = self._best != np.arange(len(names))
        return pd.DataFrame(
            {
                "feature": names,
                "kept": kept,
                "score": self.scores_,
                "reason": np.where(kept, np.where(self._forced, "always kept", ""), ranks).astype(
                    object
                ),
                "value": self._own,
                "partner": np.where(others, names[self._best], None),
                "rank": self.ranking_,
            }
        )
