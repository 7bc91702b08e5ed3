"""The base class of all transformers that remove features."""

from abc import abstractmethod
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from skprune._compat import fit_context, output_config
from skprune.arrays.annotations import MatrixLike
from skprune.base._column_groups import name_columns, place_columns, units_of
from skprune.base._frames import (
    cells_of,
    is_frame,
    non_numeric_columns,
    refuse_non_finite,
    refuse_other_tables,
)
from skprune.base._partitions import header_of, is_partitioned, select_lazily
from skprune.base._pruner import BasePruner, all_or_nothing
from skprune.base._rows import check_weights_fit
from skprune.base._targets import single_target
from skprune.exceptions import InputError
from skprune.feature_selection._columns import (
    Columns,
    encode_columns,
    positive_weight_only,
    warn_of_rounding,
)


class BaseFeaturePruner(SelectorMixin, BasePruner):
    """Base class of the transformers that remove features.

    A subclass writes `_prune_columns`, which sets `scores_` and the state of the report, and
    returns the keep-mask and the path (or a callable that computes the path when it is first
    read). It finds `_units`, the unit of each feature (those of a group share one), and
    `_forced`, the features that are always kept. Those with a `partial_fit` derive from
    `BaseBatchPruner`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "keep": [Integral, Real, None],
        "threshold": [Real, None],
        "groups": [list, tuple, dict, None],
        "always_keep": ["array-like", str, None],
    }
    _unit_name: ClassVar[str] = "columns"
    # What the criterion supports beside finite numbers: "nan", "categories", "dates", "sparse".
    _reads: ClassVar[frozenset[str]] = frozenset()
    # Whether the code of a category depends on the category alone, not on other samples.
    _hashes_categories: ClassVar[bool] = False
    _needs_target: ClassVar[bool] = False
    _min_rows: ClassVar[int] = 1
    # Whether samples of weight 0 are removed; not where others count samples too (a splitter).
    _drops_rows: ClassVar[bool] = True

    def __init__(self, *, keep=None, threshold=None, groups=None, always_keep=None):
        self.keep = keep
        self.threshold = threshold
        self.groups = groups
        self.always_keep = always_keep

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: MatrixLike, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Find the features to keep.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples. A frame or an array of dask is read partition by partition where
            there is a `partial_fit`, and is refused otherwise.
        y : array-like of shape (n_samples,), default=None
            Target, for criteria that use one.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights; a weight of 2 equals the sample twice.

        Returns
        -------
        self : object
            The fitted pruner.

        Raises
        ------
        LevelError
            If `keep` or `threshold` is malformed or cannot be met.
        InputError
            If features hold values that the criterion does not support, or do not exist.
        """
        with all_or_nothing(self):
            self._own_level()  # refused before any work
            if is_partitioned(X):
                self._fit_partitions(X, y, sample_weight)
                return self
            table, y = self._validate_table(X, y)
            sample_weight = self._validate_weight(table, sample_weight)
            if self._drops_rows:
                table, y, sample_weight = positive_weight_only(table, y, sample_weight)
            self._read_columns_named(table)
            self.keep_mask_, self._path = self._prune_columns(table, y, sample_weight)
            self.report_ = self._make_report()
        return self

    def _fit_partitions(self, X, y, sample_weight):  # noqa: ARG002 - a hook
        """Fit to a table of dask, which most criteria cannot; see `BaseBatchPruner`."""
        msg = (
            f"X is a dask {type(X).__name__}, and {self!r} needs all samples at once. Give "
            "X.compute() if they fit in memory. RulePruner, and CorrelationPruner with "
            "criterion='pearson' or 'vif', read partition by partition."
        )
        raise InputError(msg)

    def _validate_table(self, X, y, **checks):
        """Validate the input, with further checks; return `Columns`, and the target."""
        given = X
        X, text, temporal = encode_columns(
            X,
            type(self).__name__,
            categories="categories" in self._reads,
            times="dates" in self._reads,
            hashed=self._hashes_categories,
        )
        warn_of_rounding(given, stacklevel=4)
        how = {
            "dtype": [np.float64, np.float32],
            "ensure_all_finite": "allow-nan" if "nan" in self._reads else True,
            "ensure_min_samples": self._min_rows,
            "accept_sparse": "csc" if "sparse" in self._reads else False,
            **checks,
        }
        if self._needs_target:
            y = single_target(y, type(self).__name__)
            X, y = validate_data(self, X, y, **how)
        else:
            X = validate_data(self, X, **how)
        return Columns(X, *(np.isin(np.arange(X.shape[1]), i) for i in (text, temporal))), y

    def transform(self, X: MatrixLike) -> MatrixLike:
        """Return the features that are kept.

        Values are not read, so that text, dates and the like pass through; so do missing values
        if `fit` accepts them. Infinity is refused, as by `fit`. Of a table of dask columns are
        selected lazily: nothing is computed, and so no value is refused.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        array-like of shape (n_samples, n_kept)
            The same values; a frame of the library that `set_output` names.

        Raises
        ------
        InputError
            If features hold infinity, or missing values that `fit` refuses.
        """
        check_is_fitted(self, "keep_mask_")
        if is_partitioned(X):
            return self._transform_lazily(X)
        refuse_other_tables(X)
        # numpy turns numbers beside text into text, and refuses them beside dates.
        mixed = (isinstance(X, (list, tuple)) or is_frame(X)) and bool(non_numeric_columns(X))
        library = output_config("transform", estimator=self)["dense"]
        stays = is_frame(X) and type(X).__module__.startswith(library)
        how = {"dtype": None, "accept_sparse": "csr", "ensure_all_finite": False, "reset": False}
        if mixed and not is_frame(X):
            X = cells_of(X)
        table = validate_data(self, X, skip_check_array=stays or mixed, **how)
        refuse_non_finite(X if is_frame(X) else table, missing=self._passes_missing())
        return self._transform(cells_of(X) if mixed and not stays else table)

    def _transform_lazily(self, X):
        """Return the kept columns of a table of dask."""
        library = output_config("transform", estimator=self)["dense"]
        if library != "default":
            msg = (
                f"X is a dask {type(X).__name__}, and set_output asks for {library}. Give "
                'X.compute(), or set_output(transform="default") for columns of dask.'
            )
            raise InputError(msg)
        validate_data(self, header_of(X), skip_check_array=True, reset=False)
        return select_lazily(X, self._get_support_mask())

    def _passes_missing(self):
        """Return whether missing values pass through `transform`."""
        return get_tags(self).input_tags.allow_nan

    def _validate_weight(self, table, sample_weight):
        if sample_weight is None:
            return None
        check_weights_fit(table.X, {"sample_weight": sample_weight})
        weight = np.asarray(sample_weight, dtype=np.float64)
        if not weight.any():
            msg = (
                "sample_weight is zero for all samples. Give at least one sample a positive weight."
            )
            raise InputError(msg)
        return weight

    def _read_columns_named(self, table):
        """Read the parameters that name features, and whether samples are sparse."""
        self._sparse = issparse(table.X)  # a plain selection has to know
        columns = getattr(self, "feature_names_in_", None), self.n_features_in_
        self._units = units_of(self._groups_in(table), *columns)
        self._forced = np.zeros(self.n_features_in_, dtype=bool)
        always_keep = getattr(self, "always_keep", None)
        if always_keep is not None:
            forced = place_columns(always_keep, *columns, "always_keep")
            self._forced = np.isin(self._units, self._units[forced])

    def _groups_in(self, table):  # noqa: ARG002 - a hook
        """Return the groups of features, as `units_of` takes them."""
        return getattr(self, "groups", None)

    @abstractmethod
    def _prune_columns(self, table, y, sample_weight):
        """Return the keep-mask and the path, or a callable that computes the path."""

    @abstractmethod
    def _make_report(self):
        """Return a DataFrame with a row per input feature."""

    def _tabulate(self, why_removed, value, partner):
        """Return the columns that all reports have; `partner` is negative where there is none."""
        names, kept = self._names(), self.keep_mask_
        why_kept = np.where(self._forced, "always kept", "")
        return pd.DataFrame(
            {
                "feature": names,
                "kept": kept,
                "score": self.scores_,
                "reason": np.where(kept, why_kept, why_removed).astype(object),
                "value": value,
                "partner": np.where(partner < 0, None, names[partner]),
            }
        )

    def _cut_own(self, path):
        """Return the columns that are kept at the level that the parameters name."""
        return path.cut(index=self._row_of_own_level(path))

    def _set_level(self, path, index):
        self.keep_mask_ = path.cut(index=index)
        self.report_ = self._make_report()

    def _names(self):
        """Return the names of the features, generated where they have none."""
        return name_columns(getattr(self, "feature_names_in_", None), self.n_features_in_)

    def _get_support_mask(self):
        check_is_fitted(self, "keep_mask_")
        return self.keep_mask_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = "nan" in self._reads
        tags.input_tags.categorical = "categories" in self._reads
        tags.input_tags.sparse = "sparse" in self._reads
        tags.target_tags.required = self._needs_target
        return tags
