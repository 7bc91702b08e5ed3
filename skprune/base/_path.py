"""Pruning paths: every level of one fitted model, from the whole to the smallest."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
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

    A path is what a pruner makes of its scores: a sequence of levels, each cut off the
    same fitted model. Subclasses say what is built at a level (`_build`) and at which
    level a threshold falls (`_index_of_threshold`).

    Parameters
    ----------
    levels : DataFrame
        A row per level, the whole first. Columns: `keep` (fraction of the units that
        stay), `threshold` (a value at which this level is cut), the count of the units
        that stay, named as in `unit`, and whatever else the family counts.
    unit : str
        Name of the column that counts the units.
    common_scale : bool, default=True
        Whether a threshold means the same for models grown on other rows, so that levels
        may be carried between the folds of a cross-validation as thresholds.

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

    @property
    def units(self) -> NDArray[Any]:
        """Number of units that stay, per level; ndarray of shape (n_levels,)."""
        return self.levels[self.unit].to_numpy()

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Units, parameters and bytes per level; ndarray of shape (n_levels, 3).

        NaN where the family does not count them.
        """
        columns = [self.unit, "parameters", "bytes"]
        return self.levels.reindex(columns=columns).to_numpy(dtype=float)

    def locate(
        self, *, keep: float | None = None, threshold: float | None = None, index: int | None = None
    ) -> int:
        """Return the index of the level that the arguments name.

        Parameters
        ----------
        keep : int or float, optional
            Number (int, an upper bound) or fraction (float in (0, 1]) of the units that
            stay.
        threshold : float, optional
            Units with a score above it stay.
        index : int, optional
            Row of `levels`; negative ones count from the smallest level.

        Returns
        -------
        int
            Row of `levels`.

        Raises
        ------
        LevelError
            If not exactly one argument is given, it is malformed, or no level is as
            small as the count given.
        """
        if (keep is not None) + (threshold is not None) + (index is not None) != 1:
            msg = (
                f"keep={keep!r}, threshold={threshold!r} and index={index!r} were given; "
                "exactly one of them names a level."
            )
            raise LevelError(msg)
        if index is None:
            check_level(keep, threshold)
        return self._locate(keep, threshold, index)

    def _locate(self, keep=None, threshold=None, index=None):
        """Return the row of `levels` that a level names, which has been checked."""
        if index is not None:
            return self._index_of_row(index)
        if threshold is not None:
            return int(self._index_of_threshold(threshold))
        return self._index_of_keep(keep)

    def cut(
        self, *, keep: float | None = None, threshold: float | None = None, index: int | None = None
    ) -> Any:
        """Build the result at one level; exactly one argument names it.

        Parameters
        ----------
        keep, threshold, index : int or float, optional
            A level, named as for `locate`.

        Returns
        -------
        object
            A plain model, or a boolean keep-mask for columns. It shares nothing with
            the path.

        Raises
        ------
        LevelError
            If there is no such level.
        """
        return self._build(self.locate(keep=keep, threshold=threshold, index=index))

    @property
    def lost_rows(self) -> bool:
        """Whether this was pickled, which left behind rows that its levels are fitted on."""
        return False

    @abstractmethod
    def _build(self, index):
        """Build the result at row `index` of `levels`."""

    @abstractmethod
    def _index_of_threshold(self, threshold):
        """Return the row of `levels` that is cut at `threshold`."""

    def _index_of_row(self, index):
        n_levels = len(self)
        if isinstance(index, (bool, np.bool_)) or not isinstance(index, (int, np.integer)):
            msg = f"index={index!r} is no row of the path; give an int."
            raise LevelError(msg)
        if not -n_levels <= index < n_levels:
            msg = (
                f"index={index} is outside the path, which has {n_levels} levels: allowed "
                f"are {-n_levels} to {n_levels - 1}."
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
            # The largest of them, and the first of these: paths need not be nested.
            return int(np.argmax(np.where(small_enough, units, 0)))
        smallest = int(np.argmin(units))
        if isinstance(keep, (int, np.integer)):
            msg = (
                f"keep={keep} cannot be met: the smallest level of this path keeps "
                f"{units[smallest]} of {units[0]} {self.unit}. Give at least "
                f"keep={units[smallest]}, or a fraction, which stops there by itself."
            )
            raise LevelError(msg)
        return smallest


class PruningPath(BasePath):
    """All levels of one fitted model, from the whole model to the smallest one.

    The `path_` of a fitted model pruner. Every level can be cut off as a plain model, and
    all of them predicted with and scored, without another fit.

    Parameters
    ----------
    model : fitted estimator
        The whole model.
    levels : DataFrame
        A row per level, the whole first. Columns: `keep` (fraction of the units that
        stay), `threshold` (a value at which this level is cut), the count of the units
        that stay, named as in `unit`, and whatever else the family counts.
    unit : str
        Name of the column that counts the units.
    common_scale : bool, default=True
        Whether a threshold means the same for models grown on other rows, so that levels
        may be carried between the folds of a cross-validation as thresholds.

    Attributes
    ----------
    levels : DataFrame
        As above; for trees the columns are `keep`, `threshold`, `leaves`, `nodes`,
        `parameters` and `bytes`.
    model : fitted estimator
        The whole model.
    scores : ndarray
        Importance of each unit; larger scores are kept, and `threshold` is in their unit.
    rank_shares : ndarray
        In place of `scores` where the criterion only orders the units: the share of the units
        that are removed no later than each. Larger shares are kept, and `threshold` is one.

    See Also
    --------
    TreePruner : Its `path_` is one.
    PruningPathDisplay : Draws score against size along a path.

    Notes
    -----
    A family that can score or predict its levels cheaper than by cutting them overrides
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
    # Thresholds from which on each level but the first is cut, ascending.
    _breaks: Any
    # The level that was made last, and what was made; a fit asks for it more than once.
    _last: tuple[int | None, Any] = (None, None)

    def __init__(
        self, model: Any, levels: pd.DataFrame, *, unit: str, common_scale: bool = True
    ) -> None:
        self.model = model
        super().__init__(levels, unit=unit, common_scale=common_scale)

    @abstractmethod
    def mask(self, index: int) -> NDArray[np.bool_]:
        """Return the units that stay at a level.

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
        """Tabulate what is removed and what is left at a level.

        Parameters
        ----------
        index : int
            Row of `levels`.

        Returns
        -------
        DataFrame
            The `report_` of a pruner at this level; its rows depend on the family.
        """

    def _index_of_threshold(self, threshold):
        # A family with other thresholds says so; here they cut from each break on.
        return np.searchsorted(self._breaks, slack(threshold), side="right")

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "_last"}

    def _once(self, index, make):
        """Return what `make` makes of a level, that of the last one from memory."""
        if self._last[0] != index:
            self._last = index, make()
        return self._last[1]

    def predictions(
        self, X: MatrixLike, *, method: str = "predict", index: ArrayLike | None = None
    ) -> Iterator[Any]:
        """Predict at one level after the other.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.
        method : {"predict", "predict_proba"}, default="predict"
            What to ask of the model.
        index : array-like of int, default=None
            Rows of `levels`, ascending; all if None.

        Yields
        ------
        ndarray of shape (n_rows, ...)
            What the model cut at that level answers.
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
        """Score the levels on rows that should not have chosen anything.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.
        y : array-like of shape (n_rows,)
            Their targets.
        scoring : str, callable or mapping of them, default=None
            As in `sklearn.metrics.check_scoring`; None is the model's own score.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.
        index : array-like of int, default=None
            Rows of `levels`; all if None.

        Returns
        -------
        ndarray of shape (n_levels,), or a dict of them
            A score per level; a dict if `scoring` is a mapping.

        Notes
        -----
        For a single tree and a metric that adds up over rows (accuracy, balanced
        accuracy, F1, precision, recall, log-loss, Brier, squared and absolute error,
        R2; by name), all levels together cost O(nodes + rows). Elsewhere a level costs a
        prediction, or what has changed of it since the level before.
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
        honest = all(predicts_only(scorer) for scorer in scorers.values())
        models = self.snapshots(X, levels) if honest else map(self._build, levels)
        for level, model in zip(levels, models, strict=True):
            for name, scorer in scorers.items():
                scores[name][level] = scorer(model, X, y, **weights)
        scores = {name: values[rows] for name, values in scores.items()}
        return scores if isinstance(scoring, Mapping) else scores["score"]

    def free_scores(
        self, scoring: Any, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> NDArray[np.float64] | None:
        """Score all levels at once, if the family and the metric allow it.

        Parameters
        ----------
        scoring : str, callable or None
            Only names, and None, can be recognised.
        X : array-like of shape (n_rows, n_features)
            Rows.
        y : array-like of shape (n_rows,)
            Their targets.
        sample_weight : array-like of shape (n_rows,), default=None
            Weights of the rows.

        Returns
        -------
        ndarray of shape (n_levels,) or None
            Scores; None if the levels have to be scored one by one.
        """

    def resolve_scoring(self, scoring: Any) -> Any:
        """Name the metric that ``None`` stands for, where it is the usual one.

        Parameters
        ----------
        scoring : object
            A `scoring`; only None is looked at.

        Returns
        -------
        object
            `scoring`, or the name of the metric of the model's own `score`.
        """
        return _own_metric(self.model) if scoring is None else scoring

    def snapshots(self, X: MatrixLike, index: ArrayLike | None = None) -> Iterator[Any]:  # noqa: ARG002 - a hook
        """Stand in for the models cut at one level after the other, on given rows.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            The rows that the models will be asked about.
        index : array-like of int, default=None
            Rows of `levels`, ascending; all if None.

        Yields
        ------
        estimator
            Answers as the cut model would, for these rows only.

        Raises
        ------
        LevelError
            If `index` descends or leaves the path.
        """
        for level in self._ascending(index):
            yield self._build(level)

    def segments(self, X: MatrixLike) -> Iterable[tuple[Any, ...]] | None:
        """Say what each row is answered, and from which level to which.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        iterable of (ndarray, ndarray, ndarray, estimator), or None
            Some rows, the first level with an answer and the one at which it ends, and
            what stands in for a model with that answer. Together they cover every row
            at every level once, and the first covers all rows of the whole model. None
            if the levels have to be asked one by one.
        """

    def _ascending(self, index):
        index = self._rows_of(index)
        if (np.diff(index) < 0).any():
            msg = f"index={index.tolist()} goes back; give rows of the path in ascending order."
            raise LevelError(msg)
        return index


def tabulate(unit, thresholds, columns):
    """Return the `levels` of a path.

    Parameters
    ----------
    unit : str
        Name of the column that counts the units.
    thresholds : ndarray of shape (n_levels,)
        A value at which each level is cut.
    columns : dict of ndarray
        The other columns, `unit` among them.

    Returns
    -------
    DataFrame
        These columns, and before them `keep`, the fraction of the units that stay.
    """
    units = columns[unit]
    keep = units / units[0] if units[0] else 1.0  # nothing is all of nothing
    return pd.DataFrame({"keep": keep, "threshold": thresholds, **columns})


def _own_metric(model):
    """Return the name of the metric that a model's `score` computes, if it is the usual."""
    if type(model).score is ClassifierMixin.score:
        return "accuracy"
    return "r2" if type(model).score is RegressorMixin.score else None
