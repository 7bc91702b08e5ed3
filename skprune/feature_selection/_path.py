"""Paths of feature pruners: which features are kept at each level."""

import numpy as np

from skprune.base._path import BasePath, tabulate
from skprune.exceptions import LevelError


class DecidedPath(BasePath):
    """The two levels of a pruner that determines the selection: all features, and the selected.

    Parameters
    ----------
    kept : ndarray of bool, shape (n_features,)
        Features that are kept; if all are, there is one level.
    """

    def __init__(self, kept):
        self._masks = np.ones((1 if kept.all() else 2, len(kept)), dtype=bool)
        self._masks[-1] = kept
        levels = _levels(self._masks.sum(axis=1), np.full(len(self._masks), np.nan))
        super().__init__(levels, unit="columns", common_scale=False)

    def _build(self, index):
        return self._masks[index].copy()

    def _index_of_threshold(self, threshold):
        msg = (
            f"threshold={threshold!r} was given, but this pruner determines the selection by "
            "itself. Give index=0 for all features, or index=-1 for the selected ones."
        )
        raise LevelError(msg)


class RankedPath(BasePath):
    """The levels of a ranking: groups of features are removed one by one, the worst first.

    Thresholds are not comparable across folds, because scores may increase with the number of
    samples. Levels that separate features of equal scores can be selected by `keep` only; their
    threshold is NaN.

    Parameters
    ----------
    scores : ndarray of shape (n_features,)
        Score of each feature, the higher the better; NaN is the lowest.
    order : ndarray of int, shape (n_ranked,), default=None
        Features, the best first, if their order is not that of the scores; a score is then
        capped by those before it. Features that are not in it come after, ordered by score.
        Default: by score, and by index for equal scores.
    units : ndarray of int, shape (n_features,), default=None
        The unit of each feature, numbered from 0; features of one unit are kept or removed
        together, with the best of them. Default: each its own.
    forced : ndarray of bool, shape (n_features,), default=None
        Features that are kept at every level; whole units. Default: none.

    Attributes
    ----------
    scores : ndarray of shape (n_features,)
        Score of the unit of each feature.
    own_scores : ndarray of shape (n_features,)
        Score of each feature, as given.
    best : ndarray of int, shape (n_features,)
        The best feature of the unit of each feature, which has the score of the unit.
    ranking : ndarray of int, shape (n_features,)
        Rank of the unit of each feature, the best 1; forced ones share rank 1.

    Notes
    -----
    O(n_features log n_features); masks are computed on demand.
    """

    def __init__(self, scores, *, order=None, units=None, forced=None):
        n_columns = len(scores)
        units = np.arange(n_columns) if units is None else units
        forced = np.zeros(n_columns, dtype=bool) if forced is None else forced
        falling = np.argsort(-np.where(np.isnan(scores), -np.inf, scores), kind="stable")
        if order is not None:
            falling = np.concatenate([order, falling[~np.isin(falling, order)]])
        first = np.sort(np.unique(units[falling], return_index=True)[1])
        best = falling[first]  # of each unit, the best unit first
        best = best[np.argsort(~forced[best], kind="stable")]
        self._n_forced = int(forced[best].sum())
        self._position = np.empty(len(best), dtype=np.intp)
        self._position[units[best]] = np.arange(len(best))
        self._position = self._position[units]
        self.own_scores, self.best = scores, best[self._position]
        self.scores = scores[self.best]
        self.ranking = np.maximum(self._position - max(self._n_forced - 1, 0), 0) + 1
        # A threshold removes units from the end, hence the accumulated minimum.
        free = scores[best[self._n_forced :]]
        self._floor = np.minimum.accumulate(np.where(np.isnan(free), -np.inf, free))
        counts = np.bincount(self._position).cumsum()[::-1]
        n_levels = len(best) - max(self._n_forced, 1) + 1
        thresholds = np.append(-np.inf, self._floor[::-1])
        # No threshold separates a kept feature from a removed one of equal score.
        thresholds[np.append(self._floor[::-1], np.inf) == thresholds] = np.nan
        thresholds = thresholds[:n_levels]
        super().__init__(_levels(counts[:n_levels], thresholds), unit="columns", common_scale=False)

    def _build(self, index):
        return self._position < self._position.max() + 1 - index

    def _index_of_threshold(self, threshold):
        above = np.count_nonzero(self._floor > threshold)
        if above + self._n_forced == 0:
            msg = (
                f"threshold={threshold!r} keeps no feature: the highest score is "
                f"{self._floor[0]:.6g}. Give a lower threshold, or keep=1."
            )
            raise LevelError(msg)
        return len(self._floor) - above


def _levels(counts, thresholds):
    return tabulate("columns", thresholds, {"columns": counts})
