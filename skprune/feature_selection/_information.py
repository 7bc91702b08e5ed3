"""Information about a target, with little of it twice: mRMR and its relatives."""

import warnings
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from skprune._compat import Interval, StrOptions
from skprune.arrays.bins import bin_codes, find_bins
from skprune.arrays.rounding import round_scores
from skprune.base._levels import units_to_keep
from skprune.criteria.association import correlation_tile, describe
from skprune.criteria.f_statistic import (
    correlation_with,
    explained_by_classes,
    explained_by_number,
    f_statistic,
    standardize,
)
from skprune.criteria.forward_selection import (
    DIFFERENCE,
    MEAN,
    MINIMUM,
    fcbf,
    quotient,
    select_forward,
)
from skprune.criteria.information import (
    conditional_information,
    count,
    mutual_information,
    symmetric_uncertainty,
)
from skprune.exceptions import PruningWarning
from skprune.feature_selection._columns import warn_of_small_weights
from skprune.feature_selection._path import DecidedPath, RankedPath
from skprune.feature_selection._ranking import BaseRankingPruner
from skprune.feature_selection._target_type import read_target

# Smallest redundancy of a pair in a quotient, in nats and as a correlation: about what noise
# has in a thousand rows, and what mrmr_selection takes.
FLOOR_INFORMATION, FLOOR_CORRELATION = 0.01, 0.001
# Fewer rows of a category say what happened to them, not what will; with many such categories
# a column would seem to say much, whatever it is.
FEWEST_ROWS = 5


class InformationPruner(BaseRankingPruner):
    """Keep the columns that say most about the target and least that others say.

    The first column picked is the one that says most about the target. Each next one is
    the best *beside* those that were picked, as the criterion has it; so a copy of a
    column comes late, however good it is. Columns are cut into bins once, and all
    information is counted over those.

    Parameters
    ----------
    criterion : {"mrmr", "jmi", "cmim", "fcbf", "mi"}, default="mrmr"
        What the score of a column is, beside the columns picked before it:

        - "mrmr", its relevance against its mean redundancy with them (`scheme`);
        - "jmi", joint mutual information: what it says about the target if one of them is
          known, on average over them. This orders as the usual sum of I(X_j X_s; Y) does;
        - "cmim", the same at worst: the least over them, and over none;
        - "mi", what it says by itself, whatever the others say;
        - "fcbf" decides by itself. From the highest symmetric uncertainty with the target
          down, a column stays unless one that stays is as close to it as the target is.
    relevance : {"mutual_info", "f_statistic", "correlation"}, default=None
        For "mrmr": what a column is worth alone. The redundancy of two columns is their
        mutual information, or for the last two their absolute Pearson correlation.
        "correlation" is the absolute correlation with a numeric target, the correlation
        ratio with classes. None means "mutual_info".
    scheme : {"quotient", "difference"}, default=None
        For "mrmr": relevance over mean redundancy, or relevance less it. In a quotient
        each pair has a redundancy of at least 0.01 nats, or a correlation of at least
        0.001, and so has the first column picked. None means "quotient".
    task : {"auto", "classification", "regression"}, default="auto"
        What `y` is. With "auto", strings, booleans and at most 20 distinct whole numbers
        are classes, other numbers a quantity, which is cut into bins as a column is.
    n_bins : int, default=None
        Bins of a column of numbers, at most, from 2 to 254. Columns with no more distinct
        values have a bin for each, categories of 5 rows or more keep theirs (254 of them at
        most; the others share one), and missing values are a bin of their own. None means
        the cube root of the total weight of the rows, from 2 to 16.
    keep : int or float, default=None
        Number (int) or fraction (float in (0, 1]) of columns that stay. If neither `keep`
        nor `threshold` is given, half of them stay. Not for "fcbf".
    threshold : float, default=None
        Columns are picked as long as their score is above it. Not for "fcbf".
    groups : list of lists or dict of lists, default=None
        Columns, by name or place, that stand or fall together. A group is picked by its
        best column, and then all its columns count as picked.
    always_keep : list of str or int, default=None
        Columns that stay at every level, with their groups. They count as picked from the
        start.

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Columns that stay.
    scores_ : ndarray of shape (`n_features_in_`,)
        Score of each column when it was picked; of those that were not, a bound from
        above when the last one was. Picks are kept in their order: scores of "mrmr" and "jmi"
        may rise from one to the next. In nats for mutual information, except quotients; NaN
        for columns that are constant, or have no F statistic, which go first. Columns of a
        group have the score of the best of them. For "fcbf" it is the symmetric uncertainty
        of each column with the target, from 0 to 1.
    ranking_ : ndarray of int, shape (`n_features_in_`,)
        Ranks, the best 1; behind the columns picked, by the bounds (``keep=1.0`` picks
        all). For "fcbf" 1 for columns that stay and 2 for the others.
    report_ : DataFrame
        A row per input column: `feature`, `kept`, `score`, `reason`, `value`, `partner`
        and `rank`. For "fcbf", `partner` is the column that stands for one that went and
        `value` their symmetric uncertainty.
    path_ : RankedPath or DecidedPath
        Every level of this fit, computed when it is first asked for; not pickled.
    n_features_in_ : int
        Number of columns seen by `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen by `fit`, if all are strings.

    Raises
    ------
    LevelError
        By `fit`, if `keep` or `threshold` cannot be met, or is given with "fcbf".
    InputError
        By `fit`, if `groups` or `always_keep` name columns that do not exist, or if
        columns of text are given with "f_statistic" or "correlation".

    Warns
    -----
    PruningWarning
        If a parameter is set that has no meaning for the criterion, "fcbf" finds nothing, or
        weights are too small to count rows.

    See Also
    --------
    CorrelationPruner : Removes redundant columns, with or without a target.
    sklearn.feature_selection.mutual_info_classif : Mutual information from neighbours.

    Notes
    -----
    Information is estimated from counts, less the bias of counting (Miller and Madow), and
    lies between 0 and the entropies of both sides. Information does not change
    under increasing maps of the columns. Sparse tables are read as they are where information
    is counted, and their bins take a byte per cell; "f_statistic" and "correlation" take
    dense tables without text, and make a standardised copy.

    The F statistic is that of `sklearn.feature_selection.f_classif` or `f_regression`,
    over the rows that have the column; columns are correlated over the rows that have
    both. `sample_weight` counts as repetition of rows throughout, so weights should add
    up to a number of rows.

    With n rows, p columns and k picks, O(n p k) at most, and O(n p log n) for the bins; no
    more picks are made than the level needs, and no more pairs of columns are looked at
    than the picks need. A tie goes to the column that says more by
    itself, then to the first one. Until it is pickled, the fitted pruner refers to the
    bins (or to the standardised copy), so that `path_` can be computed.

    References
    ----------
    C. Ding and H. Peng, "Minimum redundancy feature selection from microarray gene
    expression data", Journal of Bioinformatics and Computational Biology 3, 2005.

    H. H. Yang and J. Moody, "Data visualization and feature selection: new algorithms for
    nongaussian data", NIPS 1999.

    F. Fleuret, "Fast binary feature selection with conditional mutual information", JMLR
    5, 2004.

    L. Yu and H. Liu, "Feature selection for high-dimensional data: a fast
    correlation-based filter solution", ICML 2003.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skprune import InformationPruner
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> pruner = InformationPruner(keep=3).fit(X, y)
    >>> sorted(pruner.get_feature_names_out())
    ['mean texture', 'worst perimeter', 'worst smoothness']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "criterion": [StrOptions({"mrmr", "jmi", "cmim", "fcbf", "mi"})],
        "relevance": [StrOptions({"mutual_info", "f_statistic", "correlation"}), None],
        "scheme": [StrOptions({"difference", "quotient"}), None],
        "task": [StrOptions({"auto", "classification", "regression"})],
        "n_bins": [Interval(Integral, 2, 254, closed="both"), None],
        **BaseRankingPruner._parameter_constraints,
    }
    _needs_target: ClassVar[bool] = True
    _deciding: ClassVar[frozenset[str]] = frozenset({"fcbf"})

    def __init__(
        self,
        *,
        criterion="mrmr",
        relevance=None,
        scheme=None,
        task="auto",
        n_bins=None,
        keep=None,
        threshold=None,
        groups=None,
        always_keep=None,
    ):
        self.criterion = criterion
        self.relevance = relevance
        self.scheme = scheme
        self.task = task
        self.n_bins = n_bins
        self.keep = keep
        self.threshold = threshold
        self.groups = groups
        self.always_keep = always_keep

    @property
    def _standardizes(self):
        """Whether columns are correlated, and not counted."""
        return self.criterion == "mrmr" and self.relevance in {"f_statistic", "correlation"}

    @property
    def _reads(self):  # type: ignore[override]  # what can be read depends on a parameter
        return frozenset({"nan"} if self._standardizes else {"nan", "categories", "sparse"})

    def _prune_columns(self, table, y, sample_weight):
        self._warn_of_unused_parameters()
        warn_of_small_weights(sample_weight, stacklevel=5)
        if self._decides:
            return self._decide(table, y, sample_weight)
        if self.criterion == "mi":
            return super()._prune_columns(table, y, sample_weight)
        measure = self._correlate if self._standardizes else self._count
        rank = partial(_rank, measure(table, y, sample_weight), self._units, self._forced)
        n_columns, level = len(self._units), self._level_of(self.keep, self.threshold)
        if level.get("keep") is not None:
            needed = {"n_columns": units_to_keep(min(level["keep"], n_columns), n_columns)}
        else:
            needed = {"n_columns": n_columns, "threshold": level["threshold"]}
        return self._cut(rank(**needed)), partial(rank, n_columns=n_columns)

    def _score_columns(self, table, y, sample_weight):
        return _information(*self._codes(table, y, sample_weight))

    def _warn_of_idle_parameters(self):
        reasons = {}
        if self.criterion != "mrmr":
            reason = f"criterion={self.criterion!r} has one way to score"
            reasons = {"relevance": reason, "scheme": reason}
        elif self._standardizes:
            reasons = {"n_bins": f"relevance={self.relevance!r} reads the values themselves"}
        self._warn_if_set(reasons, stacklevel=6)

    def _codes(self, table, y, sample_weight):
        """Return the columns and the target as counted codes."""
        find = partial(find_bins, n_bins=self.n_bins, sample_weight=sample_weight)
        bins = find(table.X, table.nominal, min_weight=FEWEST_ROWS)
        counted = count(bin_codes(table.X, bins), bins.n_codes, sample_weight)
        target = read_target(y, self.task)
        if target.classes is not None:
            return counted, count(target.y[:, None], [len(target.classes)], sample_weight)
        bins = find(target.y[:, None])
        return counted, count(bin_codes(target.y[:, None], bins), bins.n_codes, sample_weight)

    def _count(self, table, y, sample_weight):
        """Return relevance, terms of pairs, and the scheme that makes scores of both."""
        counted, target = self._codes(table, y, sample_weight)
        if self.criterion == "mrmr":
            term = partial(mutual_information, counted, counted)
            scheme = self._scheme(FLOOR_INFORMATION)
        else:
            term = partial(conditional_information, counted, target)
            scheme = MEAN if self.criterion == "jmi" else MINIMUM
        return _information(counted, target), term, scheme

    def _correlate(self, table, y, sample_weight):
        """Return relevance, terms of pairs, and the scheme that makes scores of both."""
        described, target = describe(table.X, sample_weight), read_target(y, self.task)
        standard = standardize(described)
        explain = explained_by_number if target.classes is None else explained_by_classes
        explained = explain(standard, target.y)
        if self.relevance == "correlation":
            relevance = round_scores(np.sqrt(explained.share))
        else:
            relevance = f_statistic(explained)
        redundancy = partial(correlation_with, standard)
        if len(standard.incomplete):
            redundancy = partial(_correlation_of_pairs, described)
        return relevance, redundancy, self._scheme(FLOOR_CORRELATION)

    def _scheme(self, floor):
        return DIFFERENCE if self.scheme == "difference" else quotient(floor)

    def _decide(self, table, y, sample_weight):
        counted, target = self._codes(table, y, sample_weight)
        every = np.arange(len(self._units))
        strength = symmetric_uncertainty(counted, target, 0, every)
        self.scores_ = np.where(counted.varies, strength, np.nan)
        if not strength.any() and not self._forced.any():
            msg = (
                "No column says anything about the target. The first one that varies stays "
                "nevertheless; see scores_."
            )
            warnings.warn(msg, PruningWarning, stacklevel=5)
        close = partial(symmetric_uncertainty, counted, counted)
        self._blanket = fcbf(self.scores_, close, self._units, self._forced)
        self.ranking_ = np.where(self._blanket.kept, 1, 2)
        path = DecidedPath(self._blanket.kept)
        return self._cut_own(path), path

    def _set_level(self, path, index):
        if not self._decides:
            self._cut(path)
        super()._set_level(path, index)

    def _make_report(self):
        if not self._decides:
            return super()._make_report()
        names, kept, (_, partner, value) = self._names(), self.keep_mask_, self._blanket
        lost = np.where(partner < 0, "says nothing about the target", "says no more than partner")
        reason = np.where(kept, np.where(self._forced, "always kept", ""), lost)
        return pd.DataFrame(
            {
                "feature": names,
                "kept": kept,
                "score": self.scores_,
                "reason": reason.astype(object),
                "value": np.where(kept, np.nan, value),
                "partner": np.where(kept | (partner < 0), None, names[partner]),
                "rank": self.ranking_,
            }
        )


def _rank(measured, units, forced, **needed):
    """Return the path of as many picks as are needed."""
    relevance, term, scheme = measured
    picks = select_forward(relevance, term, scheme, units, forced, **needed)
    return RankedPath(picks.scores, order=picks.order, units=units, forced=forced)


def _information(counted, target):
    """Return what each column says about the target by itself; NaN if it is constant."""
    found = mutual_information(counted, target, 0, np.arange(len(counted.n_codes)))
    return np.where(counted.varies, found, np.nan)


def _correlation_of_pairs(table, s, columns):
    """Return the absolute correlations over the rows that both columns of a pair have."""
    return np.abs(correlation_tile(table, table, columns, np.array([s]))[:, 0])
