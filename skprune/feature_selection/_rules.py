"""Columns that a rule says are of no use, whatever is predicted: the reason for each."""

import warnings
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from skprune._compat import Interval, fit_context
from skprune.arrays.bins import find_bins
from skprune.criteria.column_statistics import merge_states, most_frequent_share, summarize
from skprune.criteria.drift import Drift, count_bins, ks_statistic, split_rows, stability_index
from skprune.criteria.duplicates import differ, first_duplicate
from skprune.exceptions import InputError, PruningWarning
from skprune.feature_selection._base import BaseFeaturePruner
from skprune.feature_selection._columns import positive_weight_only
from skprune.feature_selection._path import DecidedPath

# In the order in which the rules are asked, the words of the report.
REASONS = {
    "missing": "share without a value at least {:.6g}",
    "constant": "share of one value at least {:.6g}",
    "duplicates": "equal to another column",
    "identifiers": "no value twice",
    "psi": "population stability index at least {:.6g}",
    "ks": "Kolmogorov-Smirnov statistic at least {:.6g}",
}
# Fewer rows without a repeated value do not make an identifier.
MIN_IDENTIFIERS = 50
# The usual number of bins, for which the usual limits of the stability index are meant.
PSI_BINS = 10
# A share that misses its limit by rounding alone does not miss it.
ROUNDING = 1e-10


class RulePruner(BaseFeaturePruner):
    """Remove columns by rules: constant, empty, duplicated, identifiers, drifting.

    Each rule has a parameter of its own: the value of its figure from which on a column
    goes, or whether the rule holds at all. By default go only the columns that add nothing
    to the others: those with one value throughout and those equal to an earlier one.
    `report_` says for each column which rule it broke.

    Parameters
    ----------
    constant : float or None, default=1.0
        A column goes if one value is in at least this share of the rows, in (0.5, 1]; 1.0
        means constant, 0.99 nearly so. "No value" is a value of its own here: a column
        that is 5 or missing says something. None switches the rule off, as below.
    missing : float or None, default=1.0
        A column goes if at least this share of the rows, in (0, 1], has no value.
    duplicates : bool, default=True
        Whether a column goes if it is equal to an earlier one (or a later one that is
        always kept): in all rows the same number, whatever its type, or the same text, or
        no value in both.
    identifiers : bool, default=False
        Whether a column goes if it has a value in each row, none of them twice, in 50 rows
        or more. Only whole numbers, text and categories are looked at.
    psi : float or None, default=None
        A column goes if its population stability index is at least this: how much the
        distribution of the later rows differs from that of the earlier ones, over ten bins
        of about equal weight in the earlier ones, and one for "no value". Usual limits are
        0.1 for a slight and 0.25 for a large shift.
    ks : float or None, default=None
        A column of numbers goes if its two-sample Kolmogorov-Smirnov statistic is at least
        this, in (0, 1]: the largest difference of the two distribution functions, of the
        rows that have a value. Categories, which have no order, are left to `psi`.
    reference : float or table of shape (n_reference, n_features), default=0.5
        The earlier rows, for `psi` and `ks`. A float is the first share of the rows given
        to `fit`, which are in order of time then; the rest are the later ones. A table
        (array, sparse matrix or DataFrame, with the columns of `X`) is compared with all
        rows given to `fit`.
    keep : float, default=None
        None, or 1.0 to keep all columns: the rules decide by themselves what stays.
    threshold : None, default=None
        There is no common scale; must be None.
    groups : list of lists or dict of lists, default=None
        Columns, by name or place, that stand or fall together: a group goes if each of
        its columns breaks a rule.
    always_keep : list of str or int, default=None
        Columns that stay, with their groups.

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Columns that stay.
    scores_ : ndarray of shape (`n_features_in_`,)
        Share of the rows that do not hold the column's most frequent value, 0 for constant
        columns. In columns with more than 128 distinct values, one that is in at most an
        eighth of the rows counts as none, which is a score of 1.
    statistics_ : DataFrame
        A row per input column, whose name is the index: `missing` and `share` (of the rows
        that have no value, and the most frequent one), `low`, `high`, `mean` and `std`.
    report_ : DataFrame
        A row per input column: `feature`, `kept`, `score`, `reason` (the first rule that it
        broke, in the order above but `missing` first), `value` (the figure that broke it) and
        `partner` (the column that it is equal to).
    path_ : DecidedPath
        All columns, and those that stay; not pickled.
    n_features_in_ : int
        Number of columns seen by `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen by `fit`, if all are strings.

    Raises
    ------
    InputError
        By `fit`, if no column would stay, if `reference` leaves one of the two sets of rows
        empty, or if `groups` or `always_keep` name columns that do not exist.
    LevelError
        By `fit`, if `keep` or `threshold` ask for another level.

    See Also
    --------
    CorrelationPruner : Removes columns that are nearly the same as another.
    sklearn.feature_selection.VarianceThreshold : Removes columns that hardly vary.

    Notes
    -----
    One pass over the table, in blocks that fit the processor's cache, gives all statistics;
    a sparse table costs its stored entries (bins and sorting for `psi` and `ks` fill in its
    zeros, a block of columns at a time). Equal columns are found by 128 bits of hash and
    compared value by value. Numbers are read as float64: whole numbers beyond 2**53 are
    rounded.

    `sample_weight` counts as repetition in shares, moments and drift, and rows of weight 0
    do not exist; identifiers are a matter of rows, repeated or not.

    `partial_fit` gives the same with rows in pieces, with these differences. Equal columns
    are told by hashes alone. In columns with more than 128 distinct values, the share of the
    most frequent one leaves out the pieces in which it is in less than one of 128 rows: it
    may be too low if the rows are sorted, never too high. `psi` needs a table as `reference`,
    and `ks` is refused: it needs all values. If no column would stay, all do, with a
    warning, for the next rows may tell. To go on from, a fitted pruner holds, and pickles, up
    to 3 kB per column; with `identifiers` all values of the columns that have not repeated one.

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
    ['equal to another column', 'age']
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseFeaturePruner._parameter_constraints,
        "constant": [Interval(Real, 0.5, 1, closed="right"), None],
        "missing": [Interval(Real, 0, 1, closed="right"), None],
        "duplicates": ["boolean"],
        "identifiers": ["boolean"],
        "psi": [Interval(Real, 0, None, closed="neither"), None],
        "ks": [Interval(Real, 0, 1, closed="right"), None],
        "reference": [Interval(Real, 0, 1, closed="neither"), "array-like", "sparse matrix"],
    }
    _reads: ClassVar[frozenset[str]] = frozenset({"nan", "categories", "sparse"})
    _hashes_categories: ClassVar[bool] = True
    _min_rows: ClassVar[int] = 2  # a single row is constant
    # What was seen so far: statistics, bins with counts or None, columns of categories.
    _state: Any
    _drift: Any
    _nominal: Any

    def __init__(
        self,
        *,
        constant=1.0,
        missing=1.0,
        duplicates=True,
        identifiers=False,
        psi=None,
        ks=None,
        reference=0.5,
        keep=None,
        threshold=None,
        groups=None,
        always_keep=None,
    ):
        self.constant = constant
        self.missing = missing
        self.duplicates = duplicates
        self.identifiers = identifiers
        self.psi = psi
        self.ks = ks
        self.reference = reference
        self.keep = keep
        self.threshold = threshold
        self.groups = groups
        self.always_keep = always_keep

    @property
    def _decides(self):
        """Whether this decides by itself what stays."""
        return True

    @property
    def statistics_(self):
        """What the one pass over the table found; a row per column."""
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
    def partial_fit(self, X, y=None, sample_weight=None):  # noqa: ARG002 - rules use no target
        """Add rows to those seen so far, and decide anew which columns stay.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            More rows of the table.
        y : Ignored
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; a weight of 2 equals the row twice.

        Returns
        -------
        self : object
            The fitted pruner.

        Raises
        ------
        InputError
            If a rule cannot be told from rows in pieces, or was off when rows were seen.
        """
        self._own_level()  # refused before any work
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
        self._nominal = table.nominal if first else self._same_kinds(state, table.nominal)
        self._state = state if first else merge_states(self._state, state)
        self._drift = drift
        self._decide(self._equals(None), {"psi": self._index()})
        if not self.keep_mask_.any():
            warnings.warn(f"{self._nothing_stays()} None is removed yet.", PruningWarning, 3)
            self.keep_mask_[:] = True
        self._path = DecidedPath(self.keep_mask_)
        self.keep_mask_ = self._cut_own(self._path)
        self.report_ = self._make_report()
        return self

    def _prune_columns(self, table, y, sample_weight):  # noqa: ARG002 - rules use no target
        X, weight = table.X, sample_weight
        self._nominal = table.nominal
        self._state = summarize(X, weight, table.nominal, track=self.identifiers)
        self._drift = None
        figures = self._measure_drift(X, weight) if (self.psi or self.ks) else {}
        self._decide(self._equals(X), figures)
        if not self.keep_mask_.any():
            del self.keep_mask_  # a pruner that would keep nothing is not fitted
            raise InputError(self._nothing_stays())
        path = DecidedPath(self.keep_mask_)
        return self._cut_own(path), path

    # What the rules look at.

    def _equals(self, X):
        """Return for each column the one that stands for it, compared by value if `X` is given."""
        found = first_duplicate(self._state.digest, self._nominal, self._forced)
        if X is not None:
            copies = np.flatnonzero(found != np.arange(len(found)))
            other = copies[differ(X, copies, found[copies])]
            found[other] = other
        return found

    def _measure_drift(self, X, weight):
        """Return the figures of the rules of drift."""
        later, after = X, weight
        if isinstance(self.reference, Real):
            (earlier, before), (later, after) = split_rows(X, weight, self.reference)
            if not (earlier.shape[0] and later.shape[0]):
                msg = (
                    f"reference={self.reference!r} of {X.shape[0]} row(s) leaves no rows before "
                    "or none after. Give more rows, another share, or a table of earlier rows."
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
        return None if self._drift is None else stability_index(self._drift)

    def _validate_reference(self, nominal, state):
        """Validate the table of earlier rows, and return it."""
        table = self._validate_table(self.reference, None, reset=False, ensure_min_samples=1)[0]
        clash = np.flatnonzero((table.nominal != nominal) & (state.present > 0))
        values = table.X[:, clash]
        values = values.toarray() if hasattr(values, "toarray") else values
        differ = np.zeros(len(nominal), dtype=bool)
        differ[clash] = ~np.isnan(values).all(axis=0)  # a column without values is of any type
        self._refuse_kinds(differ, "reference and X")
        return table.X

    def _read_reference(self, nominal, state):
        """Return the bins and counts of the table of earlier rows."""
        X = self._validate_reference(nominal, state)
        bins = find_bins(X, nominal, PSI_BINS)
        return Drift(bins, count_bins(X, bins), 0.0)

    def _check_pieces(self, *, first):
        """Refuse the rules that cannot be told from rows in pieces."""
        wrong = None
        if self.ks is not None:
            wrong = f"ks={self.ks!r} needs all values at once. Use psi, or fit"
        elif self.psi is not None and isinstance(self.reference, Real):
            wrong = (
                f"reference={self.reference!r} is a share of rows whose number is not known. "
                "Give a table of earlier rows, or use fit"
            )
        elif not first and (
            (self.identifiers and self._state.seen is None)
            or (self.psi is not None and self._drift is None)
        ):
            wrong = (
                "identifiers or psi was switched on after rows had been seen. Begin with a clone"
            )
        if wrong:
            msg = f"partial_fit was called, but {wrong}."
            raise InputError(msg)

    def _same_kinds(self, state, nominal):
        """Return which columns hold categories, the same in all pieces."""
        here, before = state.present > 0, self._state.present > 0
        self._refuse_kinds(
            (nominal != self._nominal) & here & before, "these rows and earlier ones"
        )
        return np.where(here, nominal, self._nominal)

    def _refuse_kinds(self, differ, between):
        if differ.any():
            msg = (
                f"{differ.sum()} column(s) hold text in one of {between} and numbers in the other: "
                f"{', '.join(map(repr, self._names()[differ][:10]))}. Give all rows the same types."
            )
            raise InputError(msg)

    # What the rules say.

    def _decide(self, equals, drift):
        """Ask each rule, and set what is to be reported and the columns that stay."""
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
            broken = (figure >= limit - ROUNDING) & (self._reason == "")
            self._reason[broken] = REASONS[rule].format(limit)
            self._value[broken] = np.nan if rule == "duplicates" else figure[broken]
        twin = self._reason == REASONS["duplicates"]
        self._partner = np.where(twin, equals, -1)
        stays = (self._reason == "") | self._forced
        self.keep_mask_ = np.isin(self._units, self._units[stays])

    def _nothing_stays(self):
        reasons = pd.Series(self._reason).value_counts()
        found = "; ".join(f"{reason} ({n})" for reason, n in reasons.items())
        return (
            f"No column would stay of {self.n_features_in_}, after {self._state.n_rows} row(s): "
            f"{found}. Loosen a rule, or name columns in always_keep."
        )

    def _make_report(self):
        names, kept = self._names(), self.keep_mask_
        stayed = np.where(self._forced, "always kept", "")
        return pd.DataFrame(
            {
                "feature": names,
                "kept": kept,
                "score": self.scores_,
                "reason": np.where(kept, stayed, self._reason).astype(object),
                "value": self._value,
                "partner": np.where(self._partner < 0, None, names[self._partner]),
            }
        )
