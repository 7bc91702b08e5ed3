"""Removal of redundant features: those that are associated with other kept features."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_array, check_consistent_length

from skprune._compat import StrOptions, available_if, fit_context
from skprune.arrays.annotations import Groups, MatrixLike
from skprune.base._frames import non_numeric_columns
from skprune.criteria.comoments import merge_batches, read_batch
from skprune.criteria.redundancy import order_by_priority
from skprune.exceptions import InputError, LevelError
from skprune.feature_selection._association_measures import StreamedCorrelations, strength_of
from skprune.feature_selection._batches import BaseBatchPruner
from skprune.feature_selection._columns import refuse_text
from skprune.feature_selection._redundancy_path import RedundancyPath, rule_of

# Names of the association measures in reports.
NAMES = {
    "pearson": "absolute pearson correlation",
    "spearman": "absolute spearman correlation",
    "cramer": "Cramer's V",
    "mixed": "association",
    "vif": "variance inflation",
}
# What each criterion accepts besides finite numbers.
READS = {
    "pearson": frozenset({"nan", "sparse"}),
    "spearman": frozenset({"nan"}),
    "cramer": frozenset({"nan", "categories"}),
    "mixed": frozenset({"nan", "categories"}),
    "vif": frozenset({"sparse"}),
}


def _adds_up(pruner):
    """Return whether the criterion is a function of sums over samples, which batches add to."""
    if pruner.criterion in {"pearson", "vif"}:
        return True
    msg = (
        f"criterion={pruner.criterion!r} has no partial_fit: ranks and bins need all samples "
        "at once. Choose 'pearson' or 'vif', or call fit."
    )
    raise AttributeError(msg)


class CorrelationPruner(BaseBatchPruner):
    """Remove redundant features, so that no kept pair is correlated above the threshold.

    Features are considered in order of descending priority. A feature is kept unless its
    correlation with a feature kept before it is above the threshold. Hence no kept pair is
    above the threshold, and every removed feature is represented by a kept one, which
    `report_` names. Other criteria also compare categories, or remove features that all
    others together explain; with a `linkage`, the best feature of each cluster is kept.

    Parameters
    ----------
    criterion : {"pearson", "spearman", "cramer", "mixed", "vif"}, default="pearson"
        The measure that is compared with the threshold. For pairs of features, over the
        samples in which neither is missing: the absolute correlation of values ("pearson") or
        of ranks ("spearman"; ranks within each feature, ties averaged); Cramer's V of
        categories, with numbers in bins of about equal size ("cramer"); or, by type,
        correlation of two numeric features, Cramer's V of two categorical ones, and the
        correlation ratio of one of each ("mixed"). "vif" does not measure pairs: it is 1 -
        1/VIF, the share R2 of a feature's variance that all other kept features explain. While
        one is above the threshold, the feature with the largest variance inflation factor is
        removed.
    linkage : {"complete", "average"}, default=None
        Instead of the above, merges features into clusters while the weakest ("complete") or
        mean ("average") association between them is above the threshold, and keeps the
        feature of highest priority of each cluster. With "complete" all pairs within a
        cluster are above the threshold. Kept features, which are of different clusters, may
        be so too.
    keep : int or float, default=None
        Maximum number (int) or fraction (float in (0, 1]) of features to keep: the largest
        level of the threshold path with no more features. This computes the path (see Notes).
    threshold : float, default=None
        Largest absolute value of the criterion, in [0, 1], that is allowed among kept
        features; lower values remove more. If neither `keep` nor `threshold` is given, it is
        0.9, for "vif" a variance inflation factor of 10 (0.8 is a factor of 5).
    groups : list of lists or dict of lists, default=None
        Features, by name or index, that are kept or removed together. The association of two
        groups is that of their closest pair; pairs within a group are ignored. For "vif" it
        is the generalised variance inflation per feature.
    always_keep : list of str or int, default=None
        Features that are kept at every level, with their groups. They have the highest
        priority, and are kept even if their association with each other is above the
        threshold.
    prefer : {"association", "variance", "missing", "order"}, default=None
        Which features have priority: those with the stronger association with `y` (absolute
        correlation with a numeric target, correlation ratio with classes), the larger
        variance, fewer missing values, or the lower index. Ties are resolved by index. None
        means "association" if `fit` is given `y`, else "missing".

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Features that are kept.
    scores_ : ndarray of shape (`n_features_in_`,)
        Uniqueness of each feature, 1 minus its `association` in `report_`; for "vif" that is
        the reciprocal of its variance inflation factor. Features are kept whose score is at
        least ``1 - threshold``.
    ranking_ : ndarray of int, shape (`n_features_in_`,)
        Rank of each feature by priority, the best 1; features of a group share one, and those
        always kept share 1.
    report_ : DataFrame
        One row per input feature: `feature`, `kept`, `score` (as in `scores_`), `reason`
        (empty for features that are kept), `value` (the signed association with the partner,
        or the variance inflation factor, of a removed feature), `partner` (the kept feature
        that replaces it; for "vif" the closest one), `association` (what is compared with the
        threshold: the largest absolute association with a kept feature of higher priority;
        with a `linkage`, the strength of the merge with the feature that replaces it; for "vif"
        the share of its variance that the others explain, or explained when it was removed;
        0 if there is none), `priority` (the value by which the features were ordered, the
        highest first: association with the target, variance, share of samples present, or 0
        for all), `rank` and, with a `linkage`, `cluster`.
    path_ : RedundancyPath
        All levels of this fit, computed when first read. Not part of the pickle.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if they are all strings.

    Raises
    ------
    LevelError
        By `fit`, if `threshold` is outside [0, 1] or `keep` cannot be met.
    InputError
        By `fit`, if features are not numeric but the criterion needs numbers, if `groups` or
        `always_keep` contain features that do not exist, or if ``prefer="association"`` is
        given without `y`.
    ValueError
        By `fit`, if values are infinite, or missing for "vif".

    See Also
    --------
    sklearn.feature_selection.VarianceThreshold : Removes features of low variance.
    sklearn.feature_selection.SelectKBest : Ranks features one by one, redundant or not.

    Notes
    -----
    Constant and empty features have correlation 0 with all others and are kept: they are not
    redundant by this measure. NaN is allowed except for "vif", infinity is not. Sparse
    matrices are supported by "pearson" and "vif", and made dense in parts. Values are rounded
    to 13 decimals ("vif": 10), so that a value equal to the threshold is not above it.

    Cramer's V and, in "mixed", the correlation ratio are corrected for chance (Bergsma 2013;
    Kelley 1935); otherwise features with many categories would appear associated with all
    others. If one feature is a coarser grouping of another, V is 1 or slightly less, whichever
    of them has more information. Of each feature the 254 most frequent categories are
    distinguished. "cramer" and "mixed" measure the association with `y` in the same way; with
    ``prefer="variance"`` categorical features come last.

    For "vif", features that are linear combinations of others of higher priority (which
    explain all but 1e-8 of their variance) are removed first, then the feature with the
    largest factor, among equal ones that of lowest priority, until none is above the
    threshold.

    In `y`, strings, booleans and at most 20 distinct whole numbers are classes; other numbers
    are a numeric target. With several outputs, the strongest association counts. For
    ``criterion="spearman"`` the association with `y` is that of ranks too. `sample_weight`
    counts as repetition of samples throughout.

    With a threshold and no `linkage`, associations are computed in blocks and not stored:
    besides the data, memory is about 100 MB ("spearman" adds a copy of the data as ranks).
    Otherwise all pairs are stored, and the path of the default procedure (`keep`, `path_`)
    takes about 40 bytes per pair: 40 MB for 1,000 features and 4 GB for 10,000. That path is
    not nested: a removed feature may be kept at a smaller level at which the feature that
    represented it is removed. Those of clusters and of "vif" are nested. Until it is pickled,
    the fitted pruner refers to the data, so that `path_` can be computed. After `partial_fit`,
    pickles contain the sums over samples, one or four matrices of all pairs, so that further
    batches can be added.

    References
    ----------
    M. A. Hall, "Correlation-based feature selection for machine learning", PhD thesis,
    University of Waikato, 1999.

    W. Bergsma, "A bias-correction for Cramer's V and Tschuprow's T", Journal of the Korean
    Statistical Society 42(3), 2013.

    J. Fox and G. Monette, "Generalized collinearity diagnostics", Journal of the American
    Statistical Association 87(417), 1992.

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
        **BaseBatchPruner._parameter_constraints,
        "criterion": [StrOptions(set(NAMES))],
        "linkage": [StrOptions({"complete", "average"}), None],
        "prefer": [StrOptions({"association", "variance", "missing", "order"}), None],
    }

    def __init__(
        self,
        *,
        criterion: str = "pearson",
        linkage: str | None = None,
        keep: float | None = None,
        threshold: float | None = None,
        groups: Groups | None = None,
        always_keep: ArrayLike | None = None,
        prefer: str | None = None,
    ) -> None:
        super().__init__(keep=keep, threshold=threshold, groups=groups, always_keep=always_keep)
        self.criterion = criterion
        self.linkage = linkage
        self.prefer = prefer

    _min_rows: ClassVar[int] = 2  # the correlation over a single sample is undefined
    _default_level: ClassVar[dict[str, float]] = {"threshold": 0.9}

    @property
    def _reads(self):  # type: ignore[override]  # it depends on the criterion
        return READS.get(self.criterion, frozenset())

    @available_if(_adds_up)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: MatrixLike,
        y: Any = None,  # noqa: ARG002 - as scikit-learn has it
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Add a batch of samples, and select the features to keep.

        The result is that of `fit` on all batches together, up to rounding. Data given to
        `fit` are not included: the first call after it starts with its own batch alone.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            A batch of samples.
        y : None
            Ignored: the type of a target cannot be determined from a batch.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights; a weight of 2 is equivalent to repeating the sample.

        Returns
        -------
        self : object
            The fitted pruner.

        Raises
        ------
        InputError
            If ``prefer="association"``.
        """
        if self.prefer == "association":
            msg = (
                "prefer='association' was given, but partial_fit uses no target. Choose "
                "prefer='variance', 'missing' or 'order', or call fit."
            )
            raise InputError(msg)
        return self._fit_batch(X, sample_weight)

    def _begin_partitions(self, y):
        if self.prefer == "association" or (self.prefer is None and y is not None):
            msg = (
                "The samples are a table of dask, by whose partitions features cannot be ordered "
                "by their association with y. Choose prefer='variance', 'missing' or 'order', or "
                "give X.compute()."
            )
            raise InputError(msg)
        self._comoments = None

    def _add_batch(self, X, sample_weight):
        state = self.__dict__.get("_comoments")
        more = {} if state is None else {"reset": False, "ensure_min_samples": 1}
        table, _ = self._validate_table(X, None, **more)
        batch = read_batch(table.X, self._validate_weight(table, sample_weight))
        self._comoments = batch if state is None else merge_batches(state, batch)
        self._read_columns_named(table)

    def _decide_batches(self, *, final):
        self.keep_mask_, self._path = self._decide(StreamedCorrelations(self._comoments))
        self.report_ = self._make_report()
        if final:
            self._comoments = None  # as after any other `fit`

    def _own_level(self):
        level = super()._own_level()
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            what = "no absolute correlation"
            how = "from 0 (only uncorrelated features are kept) to 1 (all are kept)."
            if self.criterion == "vif":
                what = "no share of variance"
                how = "from 0 to 1: 1 - 1/VIF, so that 0.9 is a variance inflation of 10."
            raise LevelError(f"threshold={self.threshold!r} is {what}. Allowed is a float {how}")
        return level

    def _validate_table(self, X, y, **checks):
        if self.criterion == "vif" and self.linkage is not None:
            self._warn_of_unused("linkage", "criterion='vif' compares no pairs", stacklevel=5)
        if "categories" not in self._reads:
            who = f"{type(self).__name__} with criterion={self.criterion!r}"
            how = "criterion='mixed' and 'cramer' read categories too"
            refuse_text(X, non_numeric_columns(X), f"{who} reads numbers ({how})")
        table, _ = super()._validate_table(X, None, **checks)
        prefer = self.prefer or ("missing" if y is None else "association")
        if prefer != "association":
            return table, None
        if y is None:
            msg = (
                "prefer='association' was given, but fit got no y. Give fit the target, or "
                "choose prefer='variance', 'missing' or 'order'."
            )
            raise InputError(msg)
        y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        check_consistent_length(table.X, y)
        return table, y

    def _prune_columns(self, table, y, sample_weight):
        self._comoments = None  # partial_fit starts again
        return self._decide(strength_of(self.criterion, table, sample_weight), y)

    def _decide(self, strength, y=None):
        """Return the mask and the path from the associations of features."""
        if y is None:
            self._priority = strength.rate(self.prefer or "missing")
        else:
            self._priority = strength.rate_by_target(y)
        layout = order_by_priority(self._priority, self._units, self._forced, strength.width)
        self.ranking_ = np.maximum(layout.unit_of - max(layout.n_forced - 1, 0), 0) + 1
        rule = rule_of(self.criterion, self.linkage, strength.tiles(layout.members), layout)
        path = RedundancyPath(rule, layout)
        threshold = self._level_of(self.keep, self.threshold)["threshold"]
        if threshold is None:
            threshold = path.levels["threshold"][self._row_of_own_level(path)]
        self._note(path, threshold)
        return self._found.kept, path

    def _note(self, path, threshold):
        self._limit, self._found = threshold, path.at(threshold)
        self.scores_ = self._found.scores

    def _set_level(self, path, index):
        self._note(path, path.levels["threshold"][index])
        super()._set_level(path, index)

    def _make_report(self):
        kept, association, nearest, value, cluster = self._found
        limit = self._limit
        if self.criterion == "vif":
            limit = 1.0 / (1.0 - limit) if limit < 1 else np.inf
        reason = np.full(len(kept), f"{NAMES[self.criterion]} above {limit:.6g}", dtype=object)
        if self.criterion == "vif":
            reason[association == 1] = "linear combination of columns of higher priority"
        value, partner = np.where(kept, np.nan, value), np.where(kept, -1, nearest)
        ranks = {"association": association, "priority": self._priority, "rank": self.ranking_}
        ranks |= {} if cluster is None else {"cluster": cluster}
        return self._tabulate(reason, value, partner).assign(**ranks)
