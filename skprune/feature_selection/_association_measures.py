"""Measures of association between features, one for each criterion of redundancy.

Each computes tiles of pairwise strengths for `criteria.redundancy`, and priorities of features:
their association with a target, their variance, or the share of values that are not missing.
"""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from skprune.arrays.bins import bin_codes, find_bins
from skprune.arrays.blocks import blocks
from skprune.arrays.rounding import round_mantissa, round_scores
from skprune.criteria.association import (
    class_strength,
    correlation_tiles,
    describe,
    ranks,
    target_strength,
)
from skprune.criteria.comoments import correlations, variances
from skprune.criteria.contingency import MixedTable, describe_categories, mixed_tile
from skprune.feature_selection._target_type import read_target

# Features compared with a target at a time, which keeps their counts per class small.
TARGET_BLOCK = 256


class Strength(ABC):
    """Pairwise association of the features of a table.

    Attributes
    ----------
    width : ndarray of int, shape (n_features,), or None
        Number of categories of each feature; None for 1 each.
    """

    width: Any = None

    @abstractmethod
    def tiles(self, members):
        """Return a callable that computes signed strengths between two blocks of features."""

    @abstractmethod
    def moments(self):
        """Return the variance of each feature and its share of values that are not missing."""

    def rate(self, prefer):
        """Return the priority of each feature, rounded so that equal ones are ties."""
        variance, share = self.moments()
        if prefer == "variance":
            return round_mantissa(variance)
        return round_scores(share) if prefer == "missing" else np.zeros(len(share))


class StrengthWithTarget(Strength):
    """Association measures of samples in memory, which can be compared with a target."""

    @abstractmethod
    def associate(self, output):
        """Return the association of each feature with an output, in [0, 1]."""

    def rate_by_target(self, y):
        """Return the priority of each feature: its highest association with an output of `y`."""
        outputs = y.reshape(len(y), -1).T
        return np.max([self.associate(output) for output in outputs], axis=0)


class Correlations(StrengthWithTarget):
    """Correlations of numbers, or of their ranks.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite values and NaN.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights.
    ranked : bool
        Whether ranks are correlated. This copies the table.
    """

    def __init__(self, X, sample_weight, *, ranked):
        self._X, self._weight, self._ranked = X, sample_weight, ranked
        self._table = describe(ranks(X, sample_weight) if ranked else X, sample_weight)

    def tiles(self, members):
        return correlation_tiles(self._table, members)

    def moments(self):
        table = describe(self._X, self._weight) if self._ranked else self._table
        return table.variance, table.present / table.total

    def associate(self, output):
        target = read_target(output)
        if target.classes is not None:
            return class_strength(self._table, target.y)
        values = ranks(target.y[:, None], self._weight)[:, 0] if self._ranked else target.y
        return target_strength(self._table, values)


class Associations(StrengthWithTarget):
    """Associations of numbers and categories, each pair by a measure for its types.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite values, codes of categories, and NaN.
    nominal : ndarray of bool, shape (n_features,)
        Features that hold categories.
    sample_weight : ndarray of shape (n_samples,) or None
        Weights.
    binned : bool
        Whether numbers are compared as categories too, in bins of about equal weight.
    """

    def __init__(self, X, nominal, sample_weight, *, binned):
        self._weight, self._binned = sample_weight, binned
        self._nominal = nominal
        self._kinds = self._read(X, nominal)
        width = self._kinds.categories.n_categories
        self.width = np.where(self._kinds.nominal, width, 1)

    def _read(self, X, nominal):
        read = np.ones_like(nominal) if self._binned else nominal
        codes = np.zeros(X.shape, dtype=np.uint8, order="F")
        n_codes = np.full(X.shape[1], 2)
        if read.any():
            bins = find_bins(X[:, read], nominal[read], sample_weight=self._weight)
            codes[:, read], n_codes[read] = bin_codes(X[:, read], bins), bins.n_codes
        categories = describe_categories(codes, n_codes, self._weight)
        return MixedTable(describe(X, self._weight), categories, read)

    def tiles(self, members):
        return lambda i, j: mixed_tile(self._kinds, self._kinds, members[i], members[j])

    def moments(self):
        table = self._kinds.numbers
        return np.where(self._nominal, 0.0, table.variance), table.present / table.total

    def associate(self, output):
        target = read_target(output)
        kinds = self._read(target.y[:, None] * 1.0, np.array([target.classes is not None]))
        columns, only = np.arange(len(self._nominal)), np.arange(1)
        parts = blocks(len(columns), TARGET_BLOCK)
        found = [mixed_tile(self._kinds, kinds, columns[part], only) for part in parts]
        return np.abs(np.concatenate(found)[:, 0])


class StreamedCorrelations(Strength):
    """Correlations of samples that came in batches.

    Parameters
    ----------
    state : Comoments
        Their co-moments.
    """

    def __init__(self, state):
        self._state = state

    def tiles(self, members):
        matrix = correlations(self._state)
        return lambda i, j: matrix[np.ix_(members[i], members[j])]

    def moments(self):
        variance, count = variances(self._state)
        return variance, count / self._state.total


def strength_of(criterion, table, sample_weight):
    """Return the association measure of a criterion, for a table as `Columns`."""
    if criterion in {"cramer", "mixed"}:
        return Associations(table.X, table.nominal, sample_weight, binned=criterion == "cramer")
    return Correlations(table.X, sample_weight, ranked=criterion == "spearman")
