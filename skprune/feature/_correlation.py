"""Redundant columns: no two that stay are correlated above a threshold."""

from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_array, check_consistent_length

from skprune._column_path import ColumnPath
from skprune._columns import read_target
from skprune._compat import StrOptions
from skprune.base import BaseFeaturePruner
from skprune.criteria.association import (
    class_strength,
    correlation_tiles,
    describe,
    ranks,
    target_strength,
)
from skprune.criteria.redundancy import greedy_walk, threshold_path, whole_matrix, whole_tile
from skprune.exceptions import LevelError

# Mantissa bits of a variance that count: those below are rounding, and would decide ties.
VARIANCE_BITS = 40


class CorrelationPruner(BaseFeaturePruner):
    """Remove redundant columns: no pair that stays is correlated above a threshold.

    The columns are walked from the highest priority to the lowest. A column stays unless
    it is correlated above the threshold with one that stayed before it. So no surviving
    pair is above the threshold, and for each column that goes there is one that stays and
    stands for it; `report_` names it.

    Parameters
    ----------
    criterion : {"pearson", "spearman"}, default="pearson"
        Correlation of the values or of their ranks (ties at their average). Each pair is
        correlated over the rows that have both columns; ranks are taken column by column.
    keep : int or float, default=None
        Largest number (int) or fraction (float in (0, 1]) of columns that stay: the
        largest level of the threshold path that has no more columns. This needs the path
        (see Notes).
    threshold : float, default=None
        Largest absolute correlation, in [0, 1], that is allowed between two columns that
        stay; a lower one prunes more. If neither `keep` nor `threshold` is given, it is
        0.9.
    prefer : {"association", "variance", "missing", "order"}, default=None
        Which of two columns too close to each other stays: the one that goes better with
        `y` (absolute correlation with a numeric target, correlation ratio with classes),
        has the larger variance, the fewer missing values, or comes first. Ties go to the
        one that comes first. None means "association" if `fit` is given `y`, else
        "missing".

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Columns that stay.
    scores_ : ndarray of shape (`n_features_in_`,)
        Largest absolute correlation of each column with a column of higher priority that
        stays; 0 if there is none. Contrary to other pruners, a column *goes* if its score
        is above the threshold.
    report_ : DataFrame
        A row per input column: `feature`, `kept`, `score` (as in `scores_`), `reason`
        (empty for columns that stay), `value` (the signed correlation for which it went),
        `partner` (the column, of those that stay, that stands for it) and `priority` (the
        value by which the columns were ordered, the highest first: association, variance,
        share of rows present, or 0 for all).
    path_ : ColumnPath
        Every level of this fit, computed when it is first asked for; not pickled.
    n_features_in_ : int
        Number of columns seen by `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen by `fit`, if all are strings.

    Raises
    ------
    LevelError
        By `fit`, if `threshold` is outside [0, 1] or `keep` cannot be met.
    ValueError
        By `fit`, if columns are not numeric, if values are infinite, or if
        ``prefer="association"`` has no `y`.

    See Also
    --------
    sklearn.feature_selection.VarianceThreshold : Removes columns that hardly vary.
    sklearn.feature_selection.SelectKBest : Ranks columns one by one, redundant or not.

    Notes
    -----
    Columns that are constant, or empty, have correlation 0 with all others and stay: they
    are not redundant by this measure. NaN is allowed, infinity is not. Correlations are
    rounded to 13 decimals, so that a pair at the threshold is not above it.

    In `y`, strings, booleans and at most 20 distinct whole numbers are classes; other
    numbers are quantities. With several outputs, the strongest association counts. For
    `criterion="spearman"` the association is that of ranks too. `sample_weight` counts as
    repetition of rows throughout.

    With a threshold, correlations are made block by block and not stored: beside the
    table, memory is about 100 MB (Spearman adds a copy of the table as ranks). The
    path (`keep`, `path_`) needs all pairs, about 40 bytes for each: 40 MB for 1,000 columns
    and 4 GB for 10,000. It is not nested: a column may come back at a smaller level, when
    the one that stood for it goes. Until it is pickled, the fitted pruner refers to the
    table, so that `path_` can be computed.

    References
    ----------
    M. A. Hall, "Correlation-based feature selection for machine learning", PhD thesis,
    University of Waikato, 1999.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skprune import CorrelationPruner
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> pruner = CorrelationPruner(threshold=0.9).set_output(transform="pandas")
    >>> pruner.fit_transform(X, y).shape
    (569, 21)
    >>> report = pruner.report_.set_index("feature")
    >>> report.loc["mean radius", "partner"]
    'worst perimeter'
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseFeaturePruner._parameter_constraints,
        "criterion": [StrOptions({"pearson", "spearman"})],
        "prefer": [StrOptions({"association", "variance", "missing", "order"}), None],
    }

    def __init__(self, *, criterion="pearson", keep=None, threshold=None, prefer=None):
        self.criterion = criterion
        self.keep = keep
        self.threshold = threshold
        self.prefer = prefer

    _reads: ClassVar[frozenset[str]] = frozenset({"nan"})
    _min_rows: ClassVar[int] = 2  # a correlation over a single row does not exist
    _default_level: ClassVar[dict[str, float]] = {"threshold": 0.9}

    def _validate_table(self, X, y):
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            msg = (
                f"threshold={self.threshold!r} is no absolute correlation. Allowed is a "
                "float from 0 (only uncorrelated columns stay together) to 1 (all stay)."
            )
            raise LevelError(msg)
        table, _ = super()._validate_table(X, None)
        prefer = self.prefer or ("missing" if y is None else "association")
        if prefer != "association":
            return table, None
        if y is None:
            msg = (
                "prefer='association' was given, but fit got no y. Give fit the target, or "
                "choose prefer='variance', 'missing' or 'order'."
            )
            raise ValueError(msg)
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        check_consistent_length(table.X, y)
        return table, y

    def _prune_columns(self, table, y, sample_weight):
        X = table.X
        table = _table_of(X, sample_weight, self.criterion)
        self._priority = self._rate(table, X, y, sample_weight)
        order = np.argsort(-self._priority, kind="stable")
        make, blocks = correlation_tiles(table, order)
        if self.keep is not None:
            path = CorrelationPath(make, blocks, order)
            index = path.locate(keep=self.keep)
            self._note(path.walk(index), path.levels["threshold"][index])
            return self._walk.kept, path
        limit = self._default_level["threshold"] if self.threshold is None else self.threshold
        self._note(_in_table_order(greedy_walk(make, blocks, limit), order), limit)
        return self._walk.kept, partial(_path_of, X, sample_weight, self.criterion, order)

    def _rate(self, table, X, y, sample_weight):
        """Return the priority of each column, free of rounding noise: ties are ties."""
        if y is not None:
            return _association(table, y, sample_weight, self.criterion)
        if self.prefer == "variance":
            table = table if self.criterion == "pearson" else describe(X, sample_weight)
            mantissa, exponent = np.frexp(table.variance)
            return np.ldexp(np.round(np.ldexp(mantissa, VARIANCE_BITS)), exponent - VARIANCE_BITS)
        if self.prefer == "order":
            return np.zeros(X.shape[1])
        return np.round(table.present / table.total, 13)

    def _note(self, walk, limit):
        self._walk, self._limit = walk, limit
        self.scores_ = np.abs(walk.value)

    def _set_level(self, path, index):
        self._note(path.walk(index), path.levels["threshold"][index])
        super()._set_level(path, index)

    def _make_report(self):
        kept, nearest, value = self._walk
        names = self._names()
        reason = f"absolute {self.criterion} correlation above {self._limit:.6g}"
        return pd.DataFrame(
            {
                "feature": names,
                "kept": kept,
                "score": self.scores_,
                "reason": np.where(kept, "", reason).astype(object),
                "value": np.where(kept, np.nan, value),
                "partner": np.where(kept, None, names[nearest]),
                "priority": self._priority,
            }
        )


class CorrelationPath(ColumnPath):
    """The levels of a `CorrelationPruner`; knows the partners at each level too.

    Parameters
    ----------
    make : callable
        Makes the tiles of correlations, as for `greedy_walk`.
    blocks : list of slice
        Their columns, in order of priority.
    order : ndarray of int, shape (n_features,)
        Columns of the table in that order.
    """

    def __init__(self, make, blocks, order):
        self._matrix = whole_matrix(make, blocks)
        self._order = order
        masks, breaks = threshold_path(self._matrix)
        # Each level within its range; all columns stay at 1, whatever the rows.
        middles = (breaks + np.append(breaks[1:], 0.0)) / 2
        super().__init__(masks[:, np.argsort(order)], breaks, np.append(1.0, middles))

    def walk(self, index):
        """Return what `greedy_walk` finds at row `index` of `levels`, in table order."""
        threshold = self.levels["threshold"][index]
        make, blocks = whole_tile(self._matrix)
        return _in_table_order(greedy_walk(make, blocks, threshold), self._order)


def _path_of(X, sample_weight, criterion, order):
    """Return the path of a table; the pruner holds this call until `path_` is asked for."""
    table = _table_of(X, sample_weight, criterion)
    make, blocks = correlation_tiles(table, order)
    return CorrelationPath(make, blocks, order)


def _table_of(X, sample_weight, criterion):
    """Return what is correlated. Another criterion gives other tiles; the walk is the same."""
    return describe(X if criterion == "pearson" else ranks(X, sample_weight), sample_weight)


def _in_table_order(walk, order):
    """Put a walk over columns in order of priority back into the order of the table."""
    back = np.argsort(order)
    nearest = np.where(walk.nearest < 0, -1, order[walk.nearest])
    return walk._replace(kept=walk.kept[back], nearest=nearest[back], value=walk.value[back])


def _association(table, y, sample_weight, criterion):
    """Return the strongest association of each column with the outputs of a target."""
    found = np.zeros(table.X.shape[1])
    for output in y.reshape(len(y), -1).T:
        target = read_target(output)
        if target.classes is None:
            values = target.y
            if criterion == "spearman":
                values = ranks(values[:, None], sample_weight)[:, 0]
            strength = target_strength(table, values)
        else:
            strength = class_strength(table, target.y)
        found = np.maximum(found, strength)
    return found
