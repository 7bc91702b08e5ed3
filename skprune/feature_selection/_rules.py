"""Features that are useless whatever is predicted, by rules, with the reason for each."""

import warnings
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skprune._compat import Interval, fit_context
from skprune.arrays.annotations import Groups, MatrixLike
from skprune.arrays.bins import find_bins
from skprune.criteria.column_statistics import merge_states, most_frequent_share, summarize
from skprune.criteria.drift import Drift, count_bins, ks_statistic, split_rows, stability_index
from skprune.criteria.duplicates import differ, first_duplicate
from skprune.exceptions import InputError, PruningWarning
from skprune.feature_selection._batches import BaseBatchPruner
from skprune.feature_selection._columns import positive_weight_only
from skprune.feature_selection._path import DecidedPath

# Reasons in the report, in the order in which the rules are applied.
REASONS = {
    "missing": "share of missing values at least {:.6g}",
    "constant": "share of one value at least {:.6g}",
    "duplicates": "equal to another feature",
    "identifiers": "all values distinct",
    "psi": "population stability index at least {:.6g}",
    "ks": "Kolmogorov-Smirnov statistic at least {:.6g}",
}
# With fewer samples, distinct values may be coincidence and no identifier.
MIN_IDENTIFIERS = 50
# The usual limits of the population stability index are meant for this number of bins.
PSI_BINS = 10
# A share below its limit by no more than this is at the limit: the rest is rounding.
ROUNDING = 1e-10


class RulePruner(BaseBatchPruner):
    """Remove constant, missing, duplicated, identifier-like or drifting features by rules.

    Each rule has a parameter: the limit from which on a feature is removed, or whether the
    rule is applied. By default only features are removed that carry no information beside the
    others: constant ones and those equal to an earlier one. `report_` holds the rule by which
    each feature was removed.

    Parameters
    ----------
    constant : float or None, default=1.0
        Remove features of which one value has at least this share of the samples, in (0.5, 1];
        1.0 removes constant features, 0.99 nearly constant ones as well. Missing counts as a
        value here: a feature that is 5 or missing is not constant. None turns the rule off, as
        below.
    missing : float or None, default=1.0
        Remove features that are missing in at least this share of the samples, in (0, 1].
    duplicates : bool, default=True
        Whether to remove features that are equal to an earlier one (or to a later one that is
        always kept): in all samples the same number, whatever its type, or the same text, or
        missing in both.
    identifiers : bool, default=False
        Whether to remove features with 50 values or more, none of them missing and all of them
        distinct. Only whole numbers, text, categories and dates are checked.
    psi : float or None, default=None
        Remove features with at least this population stability index. It measures how much
        the distribution of the later samples differs from that of the earlier ones, over ten
        bins of about equal weight in the earlier ones, and one for missing values. Usual limits
        are 0.1 for a slight and 0.25 for a large shift. Dates and durations are left out, as
        later samples have later ones.
    ks : float or None, default=None
        Remove numeric features with at least this two-sample Kolmogorov-Smirnov statistic, in
        (0, 1]: the largest difference of the two distribution functions, without missing
        values. Categories have no order; `psi` covers them.
    reference : float or array-like of shape (n_reference, n_features), default=0.5
        The earlier samples, for `psi` and `ks`. A float is a share of the samples given to
        `fit`, which have to be in order of time: the first ones are the earlier, the rest the
        later samples. A table (array, sparse matrix or DataFrame, with the features of `X`) is
        compared with all samples given to `fit`.
    keep : float, default=None
        None, or 1.0 to keep all features: the rules themselves decide how many are kept.
    threshold : None, default=None
        Must be None, as the rules have no common scale.
    groups : list of lists or dict of lists, default=None
        Features, by name or index, that are kept or removed together: a group is removed if a
        rule applies to each of its features.
    always_keep : list of str or int, default=None
        Features that are kept, with their groups.

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Mask of the features that are kept.
    scores_ : ndarray of shape (`n_features_in_`,)
        Share of the samples without the feature's most frequent value; 0 for constant
        features. In features with more than 128 distinct values, a most frequent value of at
        most an eighth of the samples is not counted, which gives a score of 1.
    statistics_ : DataFrame
        A row per input feature, indexed by its name: `missing` (share of missing values),
        `share` (of the most frequent value), `low`, `high`, `mean` and `std`.
    report_ : DataFrame
        A row per input feature: `feature`, `kept`, `score`, `reason` (the first rule that
        applies, in the order above but `missing` first), `value` (the statistic that reached
        its limit) and `partner` (the feature that it is equal to).
    path_ : DecidedPath
        Two levels, all features and the kept ones; not pickled.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen during `fit`, if all are strings.

    Raises
    ------
    InputError
        By `fit`, if no feature would be kept, if `reference` leaves the earlier or the later
        samples empty, or if `groups` or `always_keep` name features that do not exist.
    LevelError
        By `fit`, if `keep` or `threshold` name another level.

    See Also
    --------
    CorrelationPruner : Removes features that are nearly equal to others.
    sklearn.feature_selection.VarianceThreshold : Removes features of low variance.

    Notes
    -----
    All statistics come from one pass over `X`, in blocks that fit the processor's cache. Of a
    sparse matrix only the stored entries are read (`psi` and `ks` fill in its zeros, a block of
    features at a time). Equal features are found by a hash of 128 bits and compared value by
    value. Numbers are read as float64: whole numbers beyond 2**53 are rounded.

    `sample_weight` counts as repetition in shares, moments and drift, and samples of weight 0
    are left out; `identifiers` counts samples, whatever their weights.

    `partial_fit` reads the samples in batches and gives the same result, but: equal features
    are found by their hash alone; in features with more than 128 distinct values, the share of
    the most frequent one leaves out batches in which it has less than one of 128 samples, so
    it may be too low if the samples are sorted, but never too high; `psi` needs a table as
    `reference`; and `ks` is refused, as it needs all values at once. If no feature would be
    kept, all are, with a warning, as the next batch may change that. The state between batches,
    which is pickled too, takes up to 3 kB per feature; with `identifiers`, all values of the
    features without a repeated one.

    References
    ----------
    A. Metwally, D. Agrawal and A. El Abbadi, "Efficient computation of frequent and top-k
    elements in data streams", ICDT 2005.

    T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample
    variance", The American Statistician, 1983.

    S. Kullback and R. A. Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics, 1951.

    Examples
    --------
    >>> import pandas as pd
    >>> from skprune import RulePruner
    >>> X = pd.DataFrame(
    ...     {"age": [31, 45, 27], "years": [31.0, 45.0, 27.0], "site": "a", "sex": ["f", "m", "f"]}
    ... )
    >>> pruner = RulePruner().fit(X)
    >>> pruner.get_feature_names_out()
    array(['age', 'sex'], dtype=object)
    >>> report = pruner.report_.set_index("feature")
    >>> report.loc["site", "reason"]
    'share of one value at least 1'
    >>> report.loc["years", ["reason", "partner"]].tolist()
    ['equal to another feature', 'age']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseBatchPruner._parameter_constraints,
        "constant": [Interval(Real, 0.5, 1, closed="right"), None],
        "missing": [Interval(Real, 0, 1, closed="right"), None],
        "duplicates": ["boolean"],
        "identifiers": ["boolean"],
        "psi": [Interval(Real, 0, None, closed="neither"), None],
        "ks": [Interval(Real, 0, 1, closed="right"), None],
        "reference": [Interval(Real, 0, 1, closed="neither"), "array-like", "sparse matrix"],
    }
    _reads: ClassVar[frozenset[str]] = frozenset({"nan", "categories", "dates", "sparse"})
    _hashes_categories: ClassVar[bool] = True
    _min_rows: ClassVar[int] = 2  # in a single sample all features are constant
    # The state between batches: statistics, bins with counts or None, categorical features, dates.
    _state: Any
    _drift: Any
    _nominal: Any
    _temporal: Any

    def __init__(
        self,
        *,
        constant: float | None = 1.0,
        missing: float | None = 1.0,
        duplicates: bool = True,
        identifiers: bool = False,
        psi: float | None = None,
        ks: float | None = None,
        reference: ArrayLike = 0.5,
        keep: float | None = None,
        threshold: None = None,
        groups: Groups | None = None,
        always_keep: ArrayLike | None = None,
    ) -> None:
        super().__init__(keep=keep, threshold=threshold, groups=groups, always_keep=always_keep)
        self.constant = constant
        self.missing = missing
        self.duplicates = duplicates
        self.identifiers = identifiers
        self.psi = psi
        self.ks = ks
        self.reference = reference

    @property
    def _decides(self):
        """Whether the criterion itself decides how many features are kept."""
        return True

    @property
    def statistics_(self) -> pd.DataFrame:
        """Statistics of the samples seen so far; a row per feature."""
        check_is_fitted(self)
        state = self._state
        with np.errstate(invalid="ignore"):
            std = np.sqrt(state.square / np.where(state.present > 0, state.present, np.nan))
        moments = {"low": state.low, "high": state.high, "mean": state.mean, "std": std}
        unordered = self._nominal | (state.present == 0)
        return pd.DataFrame(
            {
                "missing": state.missing / state.total,
                "share": most_frequent_share(state),
                **{name: np.where(unordered, np.nan, value) for name, value in moments.items()},
            },
            index=self._names(),
        )

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: MatrixLike,
        y: Any = None,  # noqa: ARG002 - rules use no target
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Add a batch of samples to those seen so far, and decide again which features to keep.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The batch.
        y : Ignored
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights; a weight of 2 equals the sample twice.

        Returns
        -------
        self : object
            The fitted pruner.

        Raises
        ------
        InputError
            If a rule cannot be applied to batches, or was off in an earlier batch.
        """
        return self._fit_batch(X, sample_weight)

    def _begin_partitions(self, y):  # noqa: ARG002 - rules use no target
        self.__dict__.pop("_state", None)
        self._check_pieces(first=True, what="X is a table of dask", whole="give X.compute()")

    def _add_batch(self, X, sample_weight):
        first = "_state" not in self.__dict__
        self._check_pieces(first=first)
        table, _ = self._validate_table(X, None, reset=first, ensure_min_samples=1)
        weight = self._validate_weight(table, sample_weight)
        self._read_columns_named(table)
        table, _, weight = positive_weight_only(table, None, weight)
        X = table.X
        start = 0 if first else self._state.n_rows
        state = summarize(X, weight, table.nominal, start=start, track=self.identifiers)
        drift = None
        if self.psi is not None:
            drift = self._read_reference(table.nominal, state) if first else self._drift
            drift = drift._replace(later=drift.later + count_bins(X, drift.bins, weight))
        self._temporal = table.temporal | (False if first else self._temporal)
        self._nominal = table.nominal if first else self._same_kinds(state, table.nominal)
        self._state = state if first else merge_states(self._state, state)
        self._drift = drift

    def _decide_batches(self, *, final):
        self._decide(self._equals(None), {"psi": self._index()})
        if not self.keep_mask_.any():
            if final:
                raise InputError(self._nothing_kept())
            warnings.warn(f"{self._nothing_kept()} None is removed yet.", PruningWarning, 5)
            self.keep_mask_[:] = True
        self._path = DecidedPath(self.keep_mask_)
        self.keep_mask_ = self._cut_own(self._path)
        self.report_ = self._make_report()

    def _prune_columns(self, table, y, sample_weight):  # noqa: ARG002 - rules use no target
        X, weight = table.X, sample_weight
        self._nominal, self._temporal = table.nominal, table.temporal
        self._state = summarize(X, weight, table.nominal, track=self.identifiers)
        self._drift = None
        figures = self._measure_drift(X, weight) if (self.psi or self.ks) else {}
        self._decide(self._equals(X), figures)
        if not self.keep_mask_.any():
            del self.keep_mask_  # a pruner that would keep nothing is not fitted
            raise InputError(self._nothing_kept())
        path = DecidedPath(self.keep_mask_)
        return self._cut_own(path), path

    # What the rules compare.

    def _equals(self, X):
        """Return the first feature that equals each, compared by value if `X` is given."""
        found = first_duplicate(self._state.digest, self._nominal, self._forced)
        if X is not None:
            copies = np.flatnonzero(found != np.arange(len(found)))
            other = copies[differ(X, copies, found[copies])]
            found[other] = other
        return found

    def _measure_drift(self, X, weight):
        """Return the statistics of the rules of drift."""
        later, after = X, weight
        if isinstance(self.reference, Real):
            (earlier, before), (later, after) = split_rows(X, weight, self.reference)
            if not (earlier.shape[0] and later.shape[0]):
                msg = (
                    f"reference={self.reference!r} of {X.shape[0]} sample(s) leaves no earlier or "
                    "no later samples. Give more samples, another share, or a table of earlier "
                    "samples."
                )
                raise InputError(msg)
        else:
            earlier, before = self._validate_reference(self._nominal, self._state), None
        figures = {}
        if self.psi is not None:
            bins = find_bins(earlier, self._nominal, PSI_BINS, before)
            counts = count_bins(earlier, bins, before), count_bins(later, bins, after)
            self._drift = Drift(bins, *counts)
            figures["psi"] = self._index()
        if self.ks is not None:
            figures["ks"] = np.full(X.shape[1], np.nan)
            numbers = np.flatnonzero(~self._nominal)
            pair = earlier[:, numbers], later[:, numbers]
            figures["ks"][numbers] = ks_statistic(*pair, before, after)
        return figures

    def _index(self):
        if self._drift is None:
            return None
        return np.where(self._temporal, np.nan, stability_index(self._drift))

    def _validate_reference(self, nominal, state):
        """Validate the table of earlier samples, and return it."""
        table = self._validate_table(self.reference, None, reset=False, ensure_min_samples=1)[0]
        clash = np.flatnonzero((table.nominal != nominal) & (state.present > 0))
        values = table.X[:, clash]
        values = values.toarray() if hasattr(values, "toarray") else values
        differ = np.zeros(len(nominal), dtype=bool)
        differ[clash] = ~np.isnan(values).all(axis=0)  # a feature without values is of any type
        self._refuse_kinds(differ, "reference and X")
        return table.X

    def _read_reference(self, nominal, state):
        """Return the bins and counts of the table of earlier samples."""
        X = self._validate_reference(nominal, state)
        bins = find_bins(X, nominal, PSI_BINS)
        return Drift(bins, count_bins(X, bins), 0.0)

    def _check_pieces(self, *, first, what="partial_fit was called", whole="use fit"):
        """Refuse the rules that cannot be applied to batches."""
        wrong = None
        if self.ks is not None:
            wrong = f"ks={self.ks!r} needs all values at once. Use psi, or {whole}"
        elif self.psi is not None and isinstance(self.reference, Real):
            wrong = (
                f"reference={self.reference!r} is a share of a number of samples that is not "
                f"known yet. Give a table of earlier samples, or {whole}"
            )
        elif not first and (
            (self.identifiers and self._state.seen is None)
            or (self.psi is not None and self._drift is None)
        ):
            wrong = "identifiers or psi was turned on after the first batch. Begin with a clone"
        if wrong:
            msg = f"{what}, but {wrong}."
            raise InputError(msg)

    def _same_kinds(self, state, nominal):
        """Return which features are categorical, which has to be the same in all batches."""
        here, before = state.present > 0, self._state.present > 0
        self._refuse_kinds(
            (nominal != self._nominal) & here & before, "these samples and earlier ones"
        )
        return np.where(here, nominal, self._nominal)

    def _refuse_kinds(self, differ, between):
        if differ.any():
            msg = (
                f"{differ.sum()} feature(s) hold text in one of {between} and numbers in the "
                f"other: {', '.join(map(repr, self._names()[differ][:10]))}. Give all samples the "
                "same types."
            )
            raise InputError(msg)

    # What the rules decide.

    def _decide(self, equals, drift):
        """Apply each rule; set the mask of kept features and the reasons of the others."""
        state, n_columns = self._state, self.n_features_in_
        share = most_frequent_share(state)
        unique = np.zeros(n_columns)
        unique[list(state.seen or ())] = state.n_rows
        figures = {
            "missing": (state.missing / state.total, self.missing),
            "constant": (share, self.constant),
            "duplicates": (equals != np.arange(n_columns), 1 if self.duplicates else None),
            "identifiers": (unique, MIN_IDENTIFIERS if self.identifiers else None),
            "psi": (drift.get("psi"), self.psi),
            "ks": (drift.get("ks"), self.ks),
        }
        self.scores_ = 1.0 - share
        self._reason = np.full(n_columns, "", dtype=object)
        self._value = np.full(n_columns, np.nan)
        for rule, (figure, limit) in figures.items():
            if limit is None:
                continue
            new = (figure >= limit - ROUNDING) & (self._reason == "")
            self._reason[new] = REASONS[rule].format(limit)
            self._value[new] = np.nan if rule == "duplicates" else figure[new]
        is_duplicate = self._reason == REASONS["duplicates"]
        self._partner = np.where(is_duplicate, equals, -1)
        kept = (self._reason == "") | self._forced
        self.keep_mask_ = np.isin(self._units, self._units[kept])

    def _nothing_kept(self):
        reasons = pd.Series(self._reason).value_counts()
        found = "; ".join(f"{reason} ({n})" for reason, n in reasons.items())
        return (
            f"None of n_features={self.n_features_in_} would be kept after {self._state.n_rows} "
            f"sample(s): {found}. Loosen a rule, or name features in always_keep."
        )

    def _make_report(self):
        return self._tabulate(self._reason, self._value, self._partner)
