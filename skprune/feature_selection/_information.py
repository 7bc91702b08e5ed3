"""Information about the target with little redundancy: mRMR and related criteria."""

import warnings
from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from skprune._compat import Interval, StrOptions
from skprune.arrays.annotations import Groups
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

# Minimum redundancy of a pair in a quotient, in nats and as a correlation: about that of noise
# in a thousand samples; the minimum of mrmr_selection.
FLOOR_INFORMATION, FLOOR_CORRELATION = 0.01, 0.001
# Rarer categories are pooled: each would seem informative about the target of its few samples,
# and features with many of them always.
MIN_PER_CATEGORY = 5


# Number of features above which the default level, half of them, is announced as expensive.
MANY_COLUMNS = 20_000


class InformationPruner(BaseRankingPruner):
    """Select features by information about the target that others do not have (mRMR, JMI, ...).

    Forward selection: the first feature is the most informative one about the target, and each
    next one has the best score *given* those selected before it; so a copy of a feature comes
    late, however informative it is. Features are binned once, and information is estimated
    from the counts of the bins.

    Parameters
    ----------
    criterion : {"mrmr", "jmi", "cmim", "fcbf", "mi"}, default="mrmr"
        The score of a feature X_j, given the features X_s that are selected before it, with
        target Y:

        - "mrmr": its relevance against its mean redundancy with them (see `scheme`);
        - "jmi": joint mutual information, the mean of I(X_j; Y | X_s) over them, which orders
          features as the usual sum of I(X_j X_s; Y) does;
        - "cmim": the minimum of I(X_j; Y | X_s) over them, and of I(X_j; Y);
        - "mi": the mutual information I(X_j; Y), whatever is selected;
        - "fcbf": decides by itself how many features are kept. In order of falling symmetric
          uncertainty with the target, a feature is kept unless its symmetric uncertainty with
          a kept one is at least as large as with the target.
    relevance : {"mutual_info", "f_statistic", "correlation"}, default=None
        For "mrmr": the relevance of a feature. The redundancy of two features is their mutual
        information, or for the last two options their absolute Pearson correlation.
        "correlation" is the absolute correlation with a numeric target, and the correlation
        ratio with classes. None means "mutual_info".
    scheme : {"quotient", "difference"}, default=None
        For "mrmr": relevance divided by mean redundancy, or minus it. In a quotient a pair has
        a redundancy of at least 0.01 nats, or a correlation of at least 0.001; the relevance
        of the first feature is divided by that minimum. None means "quotient".
    task : {"auto", "classification", "regression"}, default="auto"
        Type of the target. With "auto", strings, booleans and at most 20 distinct whole numbers
        are classes, other numbers a continuous target, which is binned as features are.
    n_bins : int, default=None
        Maximum number of bins of a numeric feature, from 2 to 254. Features with no more
        distinct values have a bin for each. Categories of 5 samples or more have a bin for each
        (at most 254), the others share one. Missing values have a bin of their own. None means
        the cube root of the sum of the sample weights, from 2 to 16.
    keep : int or float, default=None
        Number (int) or fraction (float in (0, 1]) of features to keep. If neither `keep` nor
        `threshold` is given, half of them are kept. Not for "fcbf".
    threshold : float, default=None
        Features are selected as long as their score is above it. Not for "fcbf".
    groups : list of lists or dict of lists, default=None
        Features, by name or index, that are kept or removed together. A group is selected when
        its best feature is.
    always_keep : list of str or int, default=None
        Features that are kept at every level, with their groups. They are selected first.

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Mask of the features that are kept.
    scores_ : ndarray of shape (`n_features_in_`,)
        Score of each feature at its selection; of features that were not selected, an upper
        bound at the last selection. Scores of "mrmr" and "jmi" may rise from one selection to
        the next, and features are kept in the order of selection. In nats for mutual
        information, except quotients; NaN for features that are constant or have no F
        statistic, which are removed first. Features of a group have the score of the best of
        them. For "fcbf" it is the symmetric uncertainty with the target, from 0 to 1.
    ranking_ : ndarray of int, shape (`n_features_in_`,)
        Ranks, in the order of selection from 1; features that were not selected are ranked by
        the bounds (``keep=1.0`` selects all). For "fcbf" 1 for kept and 2 for removed features.
    report_ : DataFrame
        A row per input feature: `feature`, `kept`, `score`, `reason`, `value`, `partner` and
        `rank`. For "fcbf", `partner` is the kept feature by which one is removed, and `value`
        their symmetric uncertainty.
    path_ : RankedPath or DecidedPath
        All levels of this fit, computed on first access; not pickled.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen during `fit`, if all are strings.

    Raises
    ------
    LevelError
        By `fit`, if `keep` or `threshold` cannot be met, or is given with "fcbf".
    InputError
        By `fit`, if `groups` or `always_keep` name features that do not exist, or if features
        of text are given with "f_statistic" or "correlation".

    Warns
    -----
    PruningWarning
        If a parameter is set that the criterion ignores, if no feature is informative for
        "fcbf", or if weights are too small to be numbers of repetitions.

    See Also
    --------
    CorrelationPruner : Removes redundant features, with or without a target.
    sklearn.feature_selection.mutual_info_classif : Mutual information by nearest neighbours.

    Notes
    -----
    Information is estimated from counts, with the bias correction of Miller and Madow, and
    clipped to [0, the smaller entropy]. It is invariant under increasing transformations of
    the features. Sparse matrices remain sparse where information is estimated, and their bins
    take a byte per value; "f_statistic" and "correlation" need dense, numeric features and make
    a standardised copy.

    The F statistic is that of `sklearn.feature_selection.f_classif` or `f_regression`, over the
    samples in which the feature is not missing; correlations are over the samples in which
    neither feature is missing. `sample_weight` counts as repetition throughout, so weights
    should sum to a number of samples.

    Of n samples and p features, k selections take O(n p k) at most, and binning O(n p log n).
    No more features are selected than the level needs, and no more pairs of features compared
    than the selections need. Ties go to the feature with the higher relevance, then to the
    first one. Until it is pickled, the fitted pruner holds a reference to the bins (or to the
    standardised copy), to compute `path_`.

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
        criterion: str = "mrmr",
        relevance: str | None = None,
        scheme: str | None = None,
        task: str = "auto",
        n_bins: int | None = None,
        keep: float | None = None,
        threshold: float | None = None,
        groups: Groups | None = None,
        always_keep: ArrayLike | None = None,
    ) -> None:
        super().__init__(keep=keep, threshold=threshold, groups=groups, always_keep=always_keep)
        self.criterion = criterion
        self.relevance = relevance
        self.scheme = scheme
        self.task = task
        self.n_bins = n_bins

    @property
    def _standardizes(self):
        """Whether features are correlated instead of binned."""
        return self.criterion == "mrmr" and self.relevance in {"f_statistic", "correlation"}

    @property
    def _reads(self):  # type: ignore[override]  # what can be read depends on a parameter
        return frozenset({"nan"} if self._standardizes else {"nan", "categories", "sparse"})

    def _prune_columns(self, table, y, sample_weight):
        self._warn_of_unused_parameters()
        self._warn_of_many_features()
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

    def _warn_of_unused_parameters(self):
        reasons = {}
        if self.criterion != "mrmr":
            reason = f"criterion={self.criterion!r} has one way to score"
            reasons = {"relevance": reason, "scheme": reason}
        elif self._standardizes:
            reasons = {"n_bins": f"relevance={self.relevance!r} reads the values themselves"}
        self._warn_if_set(reasons, stacklevel=6)

    def _warn_of_many_features(self):
        """Warn of the cost of the default level, which nobody asked for."""
        n_columns = self.n_features_in_
        one_by_one = not self._decides and self.criterion != "mi"
        if one_by_one and self.keep is None and self.threshold is None and n_columns > MANY_COLUMNS:
            warnings.warn(
                f"keep and threshold are not given, so that half of {n_columns:,} features are "
                "selected one by one: the time grows with the square of their number, to "
                f"{n_columns**2 // 2:,} comparisons of two features. Give a smaller keep, or "
                "criterion='mi' or 'fcbf'.",
                PruningWarning,
                stacklevel=5,
            )

    def _codes(self, table, y, sample_weight):
        """Return the counted bin codes of the features and of the target."""
        find = partial(find_bins, n_bins=self.n_bins, sample_weight=sample_weight)
        bins = find(table.X, table.nominal, min_weight=MIN_PER_CATEGORY)
        counted = count(bin_codes(table.X, bins), bins.n_codes, sample_weight)
        target = read_target(y, self.task)
        if target.classes is not None:
            return counted, count(target.y[:, None], [len(target.classes)], sample_weight)
        bins = find(target.y[:, None])
        return counted, count(bin_codes(target.y[:, None], bins), bins.n_codes, sample_weight)

    def _count(self, table, y, sample_weight):
        """Return relevance, pairwise terms, and the scheme that combines them to scores."""
        counted, target = self._codes(table, y, sample_weight)
        if self.criterion == "mrmr":
            term = partial(mutual_information, counted, counted)
            scheme = self._scheme(FLOOR_INFORMATION)
        else:
            term = partial(conditional_information, counted, target)
            scheme = MEAN if self.criterion == "jmi" else MINIMUM
        return _information(counted, target), term, scheme

    def _correlate(self, table, y, sample_weight):
        """Return relevance, pairwise terms, and the scheme that combines them to scores."""
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
                "No feature is informative about the target. The first one that is not constant "
                "is kept nevertheless; see scores_."
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
        kept, (_, partner, value) = self.keep_mask_, self._blanket
        why = np.where(partner < 0, "no information about the target", "redundant with partner")
        value, partner = np.where(kept, np.nan, value), np.where(kept, -1, partner)
        return self._tabulate(why, value, partner).assign(rank=self.ranking_)


def _rank(measured, units, forced, **needed):
    """Return the path of as many selections as are needed."""
    relevance, term, scheme = measured
    picks = select_forward(relevance, term, scheme, units, forced, **needed)
    return RankedPath(picks.scores, order=picks.order, units=units, forced=forced)


def _information(counted, target):
    """Return the mutual information of each feature and the target; NaN if it is constant."""
    found = mutual_information(counted, target, 0, np.arange(len(counted.n_codes)))
    return np.where(counted.varies, found, np.nan)


def _correlation_of_pairs(table, s, columns):
    """Return absolute correlations over the samples in which neither feature is missing."""
    return np.abs(correlation_tile(table, table, columns, np.array([s]))[:, 0])
