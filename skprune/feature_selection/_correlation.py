"""Redundant columns: what stays is not explained by the rest of what stays."""

from typing import Any, ClassVar

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_consistent_length

from skprune._compat import StrOptions, fit_context
from skprune.base._frames import non_numeric_columns
from skprune.criteria.comoments import merge_batches, read_batch
from skprune.criteria.redundancy import order_by_priority
from skprune.exceptions import InputError, LevelError
from skprune.feature_selection._association_measures import StreamedCorrelations, strength_of
from skprune.feature_selection._base import BaseFeaturePruner
from skprune.feature_selection._columns import refuse_text
from skprune.feature_selection._redundancy_path import RedundancyPath, rule_of

# What the strengths of each criterion are called in reports.
NAMES = {
    "pearson": "absolute pearson correlation",
    "spearman": "absolute spearman correlation",
    "cramer": "Cramer's V",
    "mixed": "association",
    "vif": "variance inflation",
}
# What each criterion can read beside finite numbers.
READS = {
    "pearson": frozenset({"nan", "sparse"}),
    "spearman": frozenset({"nan"}),
    "cramer": frozenset({"nan", "categories"}),
    "mixed": frozenset({"nan", "categories"}),
    "vif": frozenset({"sparse"}),
}


def _adds_up(pruner):
    """Say whether the criterion is a function of sums over rows."""
    if pruner.criterion in {"pearson", "vif"}:
        return True
    msg = (
        f"criterion={pruner.criterion!r} has no partial_fit: ranks and bins need all rows at "
        "once. Choose 'pearson' or 'vif', or call fit."
    )
    raise AttributeError(msg)


class CorrelationPruner(BaseFeaturePruner):
    """Remove redundant columns: no pair that stays is correlated above the threshold.

    The columns are walked from the highest priority to the lowest. A column stays unless
    it is correlated above the threshold with one that stayed before it. So no surviving
    pair is above the threshold, and for each column that goes there is one that stays and
    stands for it; `report_` names it. Other criteria compare categories too, or remove what
    all others together explain; with a `linkage`, the best column of each cluster stays.

    Parameters
    ----------
    criterion : {"pearson", "spearman", "cramer", "mixed", "vif"}, default="pearson"
        What is held against the threshold. Of pairs, over the rows that have both columns:
        the absolute correlation of values or of their ranks (column by column, ties at
        their average); Cramer's V of categories, numbers in bins of about equal size; or
        "mixed", by kind: correlation of two columns of numbers, V of two of categories,
        correlation ratio of one of each. "vif" is no measure of pairs but 1 - 1/VIF, the
        share R2 of a column's variance that all others that stay explain: while one is
        above the threshold, the column with the largest variance inflation factor goes.
    linkage : {"complete", "average"}, default=None
        Instead of the walk, merge columns into clusters while their weakest ("complete")
        or mean ("average") association is above the threshold, and keep the one with the
        highest priority of each. With "complete" all columns of a cluster are pairwise
        above the threshold. Columns that stay may be, too: they are of different clusters.
    keep : int or float, default=None
        Largest number (int) or fraction (float in (0, 1]) of columns that stay: the
        largest level of the threshold path that has no more columns. This needs the path
        (see Notes).
    threshold : float, default=None
        Largest absolute value of the criterion, in [0, 1], that is allowed among columns
        that stay; a lower one prunes more. If neither `keep` nor `threshold` is given, it
        is 0.9, for "vif" a variance inflation of 10 (and 0.8 is one of 5).
    groups : list of lists or dict of lists, default=None
        Columns, by name or place, that stand or fall together. The strength of two groups
        is that of their closest pair; pairs within a group do not count. For "vif" it is
        the generalised variance inflation per column.
    always_keep : list of str or int, default=None
        Columns that stay at every level, with their groups. They have the highest
        priority, and stay even where they are above the threshold with each other.
    prefer : {"association", "variance", "missing", "order"}, default=None
        Which columns have priority: those that go better with `y` (absolute correlation
        with a numeric target, correlation ratio with classes), have the larger variance,
        the fewer missing values, or come first. Ties go to the one that comes first. None
        means "association" if `fit` is given `y`, else "missing".

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Columns that stay.
    scores_ : ndarray of shape (`n_features_in_`,)
        Uniqueness of each column, 1 less its `association` in `report_`; for "vif" that is the
        reciprocal of its variance inflation. Columns are kept whose score is at least
        ``1 - threshold``.
    ranking_ : ndarray of int, shape (`n_features_in_`,)
        Rank of each column's priority, the best 1; columns of a group share one, and those
        always kept share 1.
    report_ : DataFrame
        A row per input column: `feature`, `kept`, `score` (as in `scores_`), `reason`
        (empty for columns that are kept), `value` (the signed association with the partner,
        or the variance inflation factor, of a removed column), `partner` (the kept column
        that replaces it; for "vif" the closest one), `association` (what is compared with the
        threshold: the largest absolute association with a kept column of higher priority;
        with a `linkage`, the strength of the merge with the column that replaces it; for "vif"
        the share of its variance that the others explain, or explained when it was removed;
        0 if there is none), `priority` (the value by which the columns were ordered, the
        highest first: association with the target, variance, share of samples present, or 0
        for all), `rank` and, with a `linkage`, `cluster`.
    path_ : RedundancyPath
        Every level of this fit, found when the first one is asked for; not pickled.
    n_features_in_ : int
        Number of columns seen by `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen by `fit`, if all are strings.

    Raises
    ------
    LevelError
        By `fit`, if `threshold` is outside [0, 1] or `keep` cannot be met.
    InputError
        By `fit`, if columns are not numeric but the criterion needs numbers, if `groups` or
        `always_keep` name columns that do not exist, or if ``prefer="association"`` has no
        `y`.
    ValueError
        By `fit`, if values are infinite, or missing for "vif".

    See Also
    --------
    sklearn.feature_selection.VarianceThreshold : Removes columns that hardly vary.
    sklearn.feature_selection.SelectKBest : Ranks columns one by one, redundant or not.

    Notes
    -----
    Columns that are constant, or empty, have correlation 0 with all others and stay: they
    are not redundant by this measure. NaN is allowed except for "vif", infinity is not.
    Sparse tables are read for "pearson" and "vif", pieces of them made dense.
    Values are rounded to 13 decimals ("vif": 10), so that one at the threshold is not
    above it.

    Cramer's V and, in "mixed", the correlation ratio are corrected for chance (Bergsma
    2013; Kelley 1935), else columns of many categories would look associated with
    everything. A column that is a coarser grouping of another has V = 1 or nearly so: V
    does not say which of the two knows more. Of each column the 254 most frequent
    categories are told apart. "cramer" and "mixed" measure the association with `y` in
    the same way; by variance, categories come last.

    For "vif", columns that are linear combinations of others of higher priority (less than
    1e-8 of their variance is their own) go first, then the one with the largest factor,
    among equals that of lowest priority, until none is above the threshold.

    In `y`, strings, booleans and at most 20 distinct whole numbers are classes; other
    numbers are quantities. With several outputs, the strongest association counts. For
    `criterion="spearman"` the association is that of ranks too. `sample_weight` counts as
    repetition of rows throughout.

    In the walk with a threshold, strengths are made block by block and not stored: beside
    the table, memory is about 100 MB (Spearman adds a copy of the table as ranks). All else
    needs all pairs, and the path of the walk (`keep`, `path_`) about 40 bytes for each: 40
    MB for 1,000 columns and 4 GB for 10,000. That path is not nested: a column may come
    back at a smaller level, when the one that stood for it goes. Those of clusters and of
    "vif" are nested. Until it is pickled, the fitted pruner refers to the table, so that
    `path_` can be computed. After `partial_fit`, pickles hold the sums over rows, one or
    four matrices of all pairs, so that further batches can be added.

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
        **BaseFeaturePruner._parameter_constraints,
        "criterion": [StrOptions(set(NAMES))],
        "linkage": [StrOptions({"complete", "average"}), None],
        "prefer": [StrOptions({"association", "variance", "missing", "order"}), None],
    }

    def __init__(
        self,
        *,
        criterion="pearson",
        linkage=None,
        keep=None,
        threshold=None,
        groups=None,
        always_keep=None,
        prefer=None,
    ):
        super().__init__(keep=keep, threshold=threshold, groups=groups, always_keep=always_keep)
        self.criterion = criterion
        self.linkage = linkage
        self.prefer = prefer

    _min_rows: ClassVar[int] = 2  # a correlation over a single row does not exist
    _default_level: ClassVar[dict[str, float]] = {"threshold": 0.9}

    @property
    def _reads(self):  # type: ignore[override]  # it depends on the criterion
        return READS.get(self.criterion, frozenset())

    @available_if(_adds_up)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):  # noqa: ARG002 - as scikit-learn has it
        """Add a batch of rows, and find the columns that stay.

        The result is that of `fit` on all batches together, up to rounding. What `fit`
        saw is not among them: the first call after it begins anew.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Some rows of the table.
        y : None
            Ignored: a batch does not say whether a target is of classes or a quantity.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; a weight of 2 equals the row twice.

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
                "prefer='association' was given, but partial_fit reads no target. Choose "
                "prefer='variance', 'missing' or 'order', or call fit."
            )
            raise InputError(msg)
        self._own_level()  # refused before any work
        state = self.__dict__.get("_comoments")
        more = {} if state is None else {"reset": False, "ensure_min_samples": 1}
        table, _ = self._validate_table(X, None, **more)
        batch = read_batch(table.X, self._validate_weight(table, sample_weight))
        state = batch if state is None else merge_batches(state, batch)
        self._read_columns_named(table)
        self.keep_mask_, self._path = self._decide(StreamedCorrelations(state))
        self.report_ = self._make_report()
        self._comoments = state  # a batch that fails is not added
        return self

    def _own_level(self):
        level = super()._own_level()
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            what = "no absolute correlation"
            how = "from 0 (only uncorrelated columns stay together) to 1 (all stay)."
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
        self._comoments = None  # partial_fit begins anew
        return self._decide(strength_of(self.criterion, table, sample_weight), y)

    def _decide(self, strength, y=None):
        """Return the mask and the path of a table of which the strengths are known."""
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
