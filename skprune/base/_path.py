"""Pruning paths: all levels of one fitted model, from the whole model to the smallest."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import check_scoring

from skprune._compat import predicts_only
from skprune.arrays.annotations import MatrixLike
from skprune.base._levels import check_level, slack, units_to_keep
from skprune.exceptions import LevelError


class BasePath(ABC):
    """All levels of one fitted pruner, from the whole to the smallest.

    A path is a sequence of levels, each cut from the same fitted model. Subclasses define
    the result at a level (`_build`) and the level of a threshold (`_index_of_threshold`).

    Parameters
    ----------
    levels : DataFrame
        One row per level, the whole model or all features first. Columns: `keep` (fraction
        of the units that are kept), `threshold` (a value that selects this level), the number
        of units that are kept, named as in `unit`, and further sizes.
    unit : str
        Name of the column that counts the units.
    common_scale : bool, default=True
        Whether a threshold has the same meaning for models fitted to other samples, so that
        cross-validation can match the levels of folds by threshold.

    Attributes
    ----------
    levels : DataFrame
        As above.
    """

    def __init__(self, levels: pd.DataFrame, *, unit: str, common_scale: bool = True) -> None:
        self.levels = levels
        self.unit = unit
        self.common_scale = common_scale

    def __len__(self) -> int:
        return len(self.levels)

    def __repr__(self) -> str:
        units = self.units
        return f"<{type(self).__name__}: {len(self)} levels, {units[0]} to {units[-1]} {self.unit}>"

    @cached_property
    def units(self) -> NDArray[Any]:
        """Number of units that are kept, per level; ndarray of shape (n_levels,)."""
        return self.levels[self.unit].to_numpy()

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Units, parameters and bytes per level; ndarray of shape (n_levels, 3).

        NaN where they are not counted.
        """
        columns = [self.unit, "parameters", "bytes"]
        return self.levels.reindex(columns=columns).to_numpy(dtype=float)

    def locate(
        self, *, keep: float | None = None, threshold: float | None = None, index: int | None = None
    ) -> int:
        """Return the index of the level that the argument selects; give exactly one.

        Parameters
        ----------
        keep : int or float, optional
            Maximum number (int) or fraction (float in (0, 1]) of units to keep.
        threshold : float, optional
            Units with a score above it are kept.
        index : int, optional
            Row of `levels`; negative ones count from the smallest level.

        Returns
        -------
        int
            Row of `levels`.

        Raises
        ------
        LevelError
            If not exactly one argument is given, it is malformed, or all levels keep more
            units than the number given.
        """
        if (keep is not None) + (threshold is not None) + (index is not None) != 1:
            msg = (
                f"keep={keep!r}, threshold={threshold!r} and index={index!r} were given, but "
                "exactly one of them selects a level. Give one, and leave the others at None."
            )
            raise LevelError(msg)
        if index is None:
            check_level(keep, threshold)
        return self._locate(keep, threshold, index)

    def _locate(self, keep=None, threshold=None, index=None):
        """Return the row of `levels` of a level that has been checked."""
        if index is not None:
            return self._index_of_row(index)
        if threshold is not None:
            return int(self._index_of_threshold(threshold))
        return self._index_of_keep(keep)

    def cut(
        self, *, keep: float | None = None, threshold: float | None = None, index: int | None = None
    ) -> Any:
        """Build the result at one level, which exactly one argument selects.

        Parameters
        ----------
        keep : int or float, optional
            Maximum number (int) or fraction (float in (0, 1]) of units to keep.
        threshold : float, optional
            Units with a score above it are kept.
        index : int, optional
            Row of `levels`; negative ones count from the smallest level.

        Returns
        -------
        object
            A plain model, or a boolean mask of features to keep. It shares no data with the
            path.

        Raises
        ------
        LevelError
            If there is no such level.
        """
        return self._build(self.locate(keep=keep, threshold=threshold, index=index))

    @property
    def lost_rows(self) -> bool:
        """Whether a pickle left out the samples that the levels are fitted to."""
        return False

    @abstractmethod
    def _build(self, index):
        """Build the result at row `index` of `levels`."""

    @abstractmethod
    def _index_of_threshold(self, threshold):
        """Return the row of `levels` that `threshold` selects."""

    def _index_of_row(self, index):
        n_levels = len(self)
        if isinstance(index, (bool, np.bool_)) or not isinstance(index, (int, np.integer)):
            msg = f"index={index!r} is not a row of the path. Give an int."
            raise LevelError(msg)
        if not -n_levels <= index < n_levels:
            msg = (
                f"index={index} is outside the path, which has {n_levels} levels. Give an index "
                f"from {-n_levels} to {n_levels - 1}."
            )
            raise LevelError(msg)
        return int(index) % n_levels

    def _rows_of(self, index):
        """Return some rows of `levels`, or all for None, as an array of int."""
        rows = range(len(self)) if index is None else map(self._index_of_row, index)
        return np.fromiter(rows, dtype=np.intp)

    def _index_of_keep(self, keep):
        units = self.units
        count = units_to_keep(keep, int(units[0]), self.unit)
        small_enough = units <= count
        if small_enough.any():
            # Paths need not be nested: take the largest level, and the first of equal ones.
            return int(np.argmax(np.where(small_enough, units, 0)))
        smallest = int(np.argmin(units))
        if isinstance(keep, (int, np.integer)):
            msg = (
                f"keep={keep} cannot be met: the smallest level of this path keeps "
                f"{units[smallest]} of {units[0]} {self.unit}. Give at least "
                f"keep={units[smallest]}, or a fraction, which selects that level if it is smaller."
            )
            raise LevelError(msg)
        return smallest


class PruningPath(BasePath):
    """All levels of one fitted model, from the whole model to the smallest one.

    The `path_` of a fitted model pruner. Any level can be cut as a plain model, and all of them
    can predict and be scored, without another fit.

    Parameters
    ----------
    model : fitted estimator
        The whole model.
    levels : DataFrame
        One row per level, the whole model first. Columns: `keep` (fraction of the units that
        are kept), `threshold` (a value that selects this level), the number of units that are
        kept, named as in `unit`, and further sizes.
    unit : str
        Name of the column that counts the units.
    common_scale : bool, default=True
        Whether a threshold has the same meaning for models fitted to other samples, so that
        cross-validation can match the levels of folds by threshold.

    Attributes
    ----------
    levels : DataFrame
        As above; for trees the columns are `keep`, `threshold`, `leaves`, `nodes`,
        `parameters` and `bytes`.
    model : fitted estimator
        The whole model.
    scores : ndarray
        Importance of each unit; larger scores are kept, and `threshold` is on their scale.
    rank_shares : ndarray
        Replaces `scores` where the criterion only orders the units: the share of the units
        that are removed no later than each. Larger shares are kept, and `threshold` is one.

    See Also
    --------
    TreePruner : Its `path_` is one.
    PruningPathDisplay : Draws score against size along a path.

    Notes
    -----
    Subclasses that can score or predict levels faster than by cutting them override
    `free_scores`, `snapshots` or `segments`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import PruningPath, TreePruner
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    >>> path = TreePruner(tree).fit(X, y).path_
    >>> isinstance(path, PruningPath)
    True
    >>> path.levels[["leaves", "nodes"]]
       leaves  nodes
    0       3      5
    1       2      3
    2       1      1
    >>> path.cut(keep=2).get_depth()
    1
    >>> path.score(X, y, scoring="accuracy").round(2)
    array([0.96, 0.67, 0.33])
    """

    # A path has one of them.
    scores: Any
    rank_shares: Any
    # Smallest threshold that selects each level but the first, ascending.
    _breaks: Any
    # The last level built and the result, which a fit needs more than once.
    _last: tuple[int | None, Any] = (None, None)

    def __init__(
        self, model: Any, levels: pd.DataFrame, *, unit: str, common_scale: bool = True
    ) -> None:
        self.model = model
        super().__init__(levels, unit=unit, common_scale=common_scale)

    @abstractmethod
    def mask(self, index: int) -> NDArray[np.bool_]:
        """Return the units that are kept at a level.

        Parameters
        ----------
        index : int
            Row of `levels`.

        Returns
        -------
        ndarray of bool
            Aligned with the `scores` or the `rank_shares` of the units.
        """

    @abstractmethod
    def report(self, index: int) -> pd.DataFrame:
        """Tabulate what is removed and what is kept at a level.

        Parameters
        ----------
        index : int
            Row of `levels`.

        Returns
        -------
        DataFrame
            The `report_` of a pruner at this level; its rows depend on the pruner.
        """

    def _index_of_threshold(self, threshold):
        # Subclasses without such breaks override this.
        return np.searchsorted(self._breaks, slack(threshold), side="right")

    def __getstate__(self):
        return {
            name: value for name, value in self.__dict__.items() if name not in {"_last", "units"}
        }

    def _once(self, index, make):
        """Return the result of `make` for a level; that of the last level is cached."""
        if self._last[0] != index:
            self._last = index, make()
        return self._last[1]

    def predictions(
        self, X: MatrixLike, *, method: str = "predict", index: ArrayLike | None = None
    ) -> Iterator[Any]:
        """Predict at one level after the other.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        method : {"predict", "predict_proba"}, default="predict"
            Method of the model.
        index : array-like of int, default=None
            Rows of `levels`, ascending; all if None.

        Yields
        ------
        ndarray of shape (n_samples, ...)
            Predictions of the model cut at that level.
        """
        for model in self.snapshots(X, index):
            yield getattr(model, method)(X)

    def score(
        self,
        X: MatrixLike,
        y: ArrayLike,
        *,
        scoring: Any = None,
        sample_weight: ArrayLike | None = None,
        index: ArrayLike | None = None,
    ) -> Any:
        """Score the levels on test data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Test samples; use data seen neither in fitting nor in selection.
        y : array-like of shape (n_samples,)
            True targets.
        scoring : str, callable or mapping of them, default=None
            As in `sklearn.metrics.check_scoring`; None is the model's own score.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.
        index : array-like of int, default=None
            Rows of `levels`; all if None.

        Returns
        -------
        ndarray of shape (n_levels,), or a dict of them
            A score per level; a dict if `scoring` is a mapping.

        Notes
        -----
        For a single tree and the name of a metric that is computed from sums over samples
        (accuracy, balanced accuracy, F1, precision, recall, log-loss, Brier, squared and
        absolute error, R2), all levels together cost O(n_nodes + n_samples). Otherwise a level
        costs its predictions, or the update of those that differ from the previous level.
        """
        rows = self._rows_of(index)
        specs = scoring if isinstance(scoring, Mapping) else {"score": scoring}
        free = {name: self.free_scores(s, X, y, sample_weight) for name, s in specs.items()}
        scorers = {
            name: check_scoring(self.model, self.resolve_scoring(spec))
            for name, spec in specs.items()
            if free[name] is None
        }
        scores = {k: np.empty(len(self)) if v is None else v for k, v in free.items()}
        levels = np.unique(rows) if scorers else rows[:0]
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        predicting = all(predicts_only(scorer) for scorer in scorers.values())
        models = self.snapshots(X, levels) if predicting else map(self._build, levels)
        for level, model in zip(levels, models, strict=True):
            for name, scorer in scorers.items():
                scores[name][level] = scorer(model, X, y, **weights)
        scores = {name: values[rows] for name, values in scores.items()}
        return scores if isinstance(scoring, Mapping) else scores["score"]

    def free_scores(
        self, scoring: Any, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.float64] | None:
        """Score all levels at once, if the model and the metric allow it.

        Parameters
        ----------
        scoring : str, callable or None
            The metric; only names and None are recognised.
        X : array-like of shape (n_samples, n_features)
            Test samples.
        y : array-like of shape (n_samples,)
            True targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        ndarray of shape (n_levels,) or None
            Scores; None if the levels have to be scored one by one.
        """

    def resolve_scoring(self, scoring: Any) -> Any:
        """Replace ``None`` by the name of the metric of the model's own score, if known.

        Parameters
        ----------
        scoring : object
            A `scoring`; only None is replaced.

        Returns
        -------
        object
            `scoring`, or the name of the metric of the model's own `score`.
        """
        return _own_metric(self.model) if scoring is None else scoring

    def snapshots(self, X: MatrixLike, index: ArrayLike | None = None) -> Iterator[Any]:  # noqa: ARG002 - a hook
        """Yield models with the predictions of one level after the other, for given samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        index : array-like of int, default=None
            Rows of `levels`, ascending; all if None.

        Yields
        ------
        estimator
            Predicts as the cut model does, for these samples only.

        Raises
        ------
        LevelError
            If `index` is not ascending, or outside the path.
        """
        for level in self._ascending(index):
            yield self._build(level)

    def segments(self, X: MatrixLike) -> Iterable[tuple[Any, ...]] | None:
        """Return predictions with the range of levels at which each sample has them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        iterable of (ndarray, ndarray, ndarray, estimator), or None
            Indices of samples, for each the first level and the end (exclusive) of a range of
            levels with the same prediction, and an estimator that predicts it. Together they
            cover every sample at every level once, and the first covers all samples at the
            first level. None if the levels have to predict one by one.
        """

    def _ascending(self, index):
        index = self._rows_of(index)
        if (np.diff(index) < 0).any():
            msg = f"index={index.tolist()} is not ascending. Give rows of the path in that order."
            raise LevelError(msg)
        return index


def tabulate(unit, thresholds, columns):
    """Return the `levels` of a path.

    Parameters
    ----------
    unit : str
        Name of the column that counts the units.
    thresholds : ndarray of shape (n_levels,)
        A value that selects each level.
    columns : dict of ndarray
        The other columns, `unit` among them.

    Returns
    -------
    DataFrame
        These columns, and before them `keep`, the fraction of the units that are kept.
    """
    units = columns[unit]
    keep = units / units[0] if units[0] else 1.0  # of no units, all are kept
    return pd.DataFrame({"keep": keep, "threshold": thresholds, **columns})


def _own_metric(model):
    """Return the name of the metric that a model's `score` computes, if it is the usual."""
    if type(model).score is ClassifierMixin.score:
        return "accuracy"
    return "r2" if type(model).score is RegressorMixin.score else None
