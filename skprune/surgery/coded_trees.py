"""Coded trees: their structure in bits, their thresholds and leaves in codebooks."""

from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.nodes import NO_NODE, NodeTable, preorder
from skprune.arrays.packing import PackedIntegers, pack, packed_bytes, width_of
from skprune.surgery.boosting import with_leaf_means
from skprune.surgery.coded import CodedModel
from skprune.surgery.coded_skeletons import skeleton_of
from skprune.surgery.coded_statistics import NodeStatistics


class Structure(NamedTuple):
    """The structure of trees, one after the other, with their nodes in preorder.

    Attributes
    ----------
    splits : PackedIntegers
        Whether each node is a split.
    columns : PackedIntegers
        Feature of each split.
    missing_left : PackedIntegers or None
        Whether NaN goes left at each split; if None, at no split.
    """

    splits: PackedIntegers
    columns: PackedIntegers
    missing_left: PackedIntegers | None

    @property
    def nbytes(self):
        """Bytes of the packed bits."""
        return sum(part.nbytes for part in self if part is not None)


class Thresholds(NamedTuple):
    """The thresholds of splits: a codebook per feature.

    Attributes
    ----------
    codes : PackedIntegers
        Position of each split's threshold in the codebook of its feature.
    table : ndarray of float32 or float64, shape (n_thresholds,)
        Thresholds, feature by feature.
    counts : ndarray of int, shape (n_features,)
        Number of thresholds of each feature.
    """

    codes: PackedIntegers
    table: Any
    counts: Any

    @property
    def nbytes(self):
        """Bytes of the codes and of the codebooks."""
        return self.codes.nbytes + self.table.nbytes + self.counts.nbytes

    def table_bytes(self, column):
        """Return the bytes of the codebook of a feature; int."""
        return int(self.counts[column]) * self.table.itemsize

    def of(self, columns):
        """Return the threshold of each split, given its feature; ndarray of float64."""
        first = np.cumsum(self.counts.astype(np.intp)) - self.counts
        return self.table[first[columns] + self.codes.unpack()].astype(np.float64)


class Leaves(NamedTuple):
    """The values of leaves: a codebook of vectors of values, or of single values.

    Attributes
    ----------
    codes : QuantizedArray
        The values themselves, or the position of each leaf's vector in `table`.
    table : ndarray of shape (n_vectors, n_values) or None
        Vectors of values.
    shares : int
        Number of values in a group that sums to one; 0 if no group does.
    exponent : int
        Power of two that scales the values to the range of single precision.
    """

    codes: Any
    table: Any
    shares: int
    exponent: int

    @property
    def nbytes(self):
        """Bytes of the codes and of the codebook."""
        return self.codes.nbytes + (0 if self.table is None else self.table.nbytes)

    def values(self):
        """Return the values of each leaf; ndarray of shape (n_leaves, n_values)."""
        if self.table is not None:
            found = self.table[self.codes.unpack()].astype(np.float64)
            return np.ldexp(found, self.exponent)
        found = np.ldexp(self.codes.decode(), self.exponent)
        if not self.shares:
            return found
        groups = found.reshape(len(found), -1, self.shares)
        total = groups.sum(axis=2, keepdims=True)
        return np.where(total > 0, groups / np.where(total > 0, total, 1), groups).reshape(
            found.shape
        )


class TreeReading:
    """The trees of a model in preorder, as they are coded.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.

    Attributes
    ----------
    surgeon : TreeSurgeon
        As given.
    first : ndarray of int, shape (n_trees,)
        Position at which each tree stands first.
    order : ndarray of int, shape (n_coded,)
        Nodes of the table in preorder; those of a tree that stands several times once.
    splits, leaves : ndarray of int
        Splits and leaves among them.
    column : ndarray of int, shape (n_splits,)
        Feature of each split, among those of the fit.
    threshold : ndarray of shape (n_splits,)
        The largest number that goes left, in the precision in which the model compares.
    ordered : ndarray of bool, shape (n_splits,)
        Whether a split compares with its threshold.
    weight : ndarray of shape (n_nodes,)
        Weight of the training samples of each node, times the number of places at which its tree
        stands; positive where it stands first.
    """

    def __init__(self, surgeon):
        self.surgeon, table = surgeon, surgeon.table
        self.first = surgeon._first
        if surgeon.embedding is not None:  # its leaves have coefficients by the place of a tree
            self.first = np.arange(table.n_trees)
        copies = np.bincount(self.first, minlength=table.n_trees)[table.tree]
        order = preorder(table, table.is_split)[0]
        self.order = order[copies[order] > 0]
        is_split = table.is_split[self.order]
        self.splits, self.leaves = self.order[is_split], self.order[~is_split]
        self.column = surgeon.columns[self.splits]
        self.threshold = floor_to(table.threshold[self.splits], surgeon.compares_in)
        self.ordered = surgeon.is_ordered[self.splits]
        self.weight = np.maximum(table.weight, 1e-6 * (table.weight.max() or 1.0)) * copies

    @property
    def n_columns(self):
        """Number of features of the model."""
        return self.surgeon.model.n_features_in_

    @property
    def leaf_values(self):
        """Values of each leaf; ndarray of shape (n_leaves, n_values)."""
        return self.surgeon.table.value[self.leaves].reshape(len(self.leaves), -1)

    @property
    def n_shares(self):
        """Number of values of a leaf that sum to one: class fractions; 0 if they are others."""
        surgeon = self.surgeon
        has_fractions = surgeon.is_classifier and surgeon.predicts_by_mean
        return surgeon.table.value.shape[2] if has_fractions else 0

    @cached_property
    def statistics(self):
        """Counts, weights and impurities of the nodes; NodeStatistics."""
        surgeon = self.surgeon
        return NodeStatistics.of(surgeon.table, surgeon.n_samples, self.order)

    def structure(self):
        """Return the structure of the trees as bits."""
        table = self.surgeon.table
        missing = table.missing_left[self.splits]
        return Structure(
            pack(table.is_split[self.order], 1),
            pack(self.column, width_of(self.n_columns)),
            pack(missing, 1) if missing.any() else None,
        )

    def shape_bytes(self):
        """Return the bytes of `structure` and `statistics`; int."""
        n_splits = len(self.splits)
        n_bytes = packed_bytes(len(self.order), 1) + self.statistics.nbytes
        n_bytes += packed_bytes(n_splits, width_of(self.n_columns))
        missing = self.surgeon.table.missing_left[self.splits].any()
        return n_bytes + (packed_bytes(n_splits, 1) if missing else 0)

    def sorted_columns(self, X):
        """Return the sorted values of each feature that has a split.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        dict of int to ndarray, or None
            None for sparse samples, and for models that do not compare in single precision.
        """
        if self.surgeon.compares_in is not np.float32:
            return None
        X = self.surgeon._single_precision(X)
        if not isinstance(X, np.ndarray):
            return None
        used = np.unique(self.column)
        # NaN is sorted to the end, above all thresholds.
        return {int(column): np.sort(X[:, column]) for column in used}


def floor_to(threshold, dtype):
    """Return the largest numbers of a precision that are not above given thresholds."""
    with np.errstate(over="ignore"):
        single = np.asarray(threshold).astype(dtype)
    return np.where(single > threshold, np.nextafter(single, dtype(-np.inf)), single)


class CodedTrees(CodedModel):
    """A tree model as codes.

    Parameters
    ----------
    reading : TreeReading
        The model.
    thresholds : Thresholds
        Codes of the thresholds.
    leaves : Leaves
        Codes of the values.

    Attributes
    ----------
    thresholds : Thresholds
        As given.
    leaves : Leaves
        As given.

    Notes
    -----
    Predictions do not depend on impurities and numbers of samples, but partial dependence, SHAP
    values and importances do: the plain model holds them. They take less than two bytes per
    node. Counts are exact, and take a byte or less per leaf; so do whole weights, such as those
    of bootstrap samples; other weights take two bytes per leaf and are within 0.1 %. Impurities
    take nothing where they follow from the values, as for the Gini impurity and for squared errors
    in leaves of equal targets, otherwise a byte per node, and are then within 5 %. The
    value of a split is the weighted mean of the leaves below it.
    """

    def __init__(self, reading, thresholds, leaves):
        surgeon = reading.surgeon
        super().__init__(skeleton_of(surgeon, reading.first), surgeon.size()[:2])
        self._structure, self.thresholds, self.leaves = reading.structure(), thresholds, leaves
        self._statistics, self._shape = reading.statistics, surgeon.table.value.shape[1:]

    @property
    def nbytes(self):
        """Bytes of structure, statistics, thresholds and leaves; int."""
        parts = (self._structure, self._statistics, self.thresholds, self.leaves)
        return sum(part.nbytes for part in parts)

    def decode(self):
        """Build the plain model; O(nodes), and a constant per tree."""
        table = self._table()
        n_samples, weight, impurity = self._statistics.decode(table)
        table = with_leaf_means(replace(table, weight=weight, impurity=impurity))
        return self._shell.with_nodes(table, n_samples)

    def _table(self):
        is_split = self._structure.splits.unpack().astype(bool)
        left, right, offsets = links_of(is_split)
        column = self._structure.columns.unpack()
        missing, none = self._structure.missing_left, np.full(len(is_split), np.nan)
        feature, threshold, missing_left = (
            np.full(len(is_split), -2),
            np.full(len(is_split), -2.0),
            np.zeros(len(is_split), dtype=bool),
        )
        feature[is_split], threshold[is_split] = column, self.thresholds.of(column)
        if missing is not None:
            missing_left[is_split] = missing.unpack().astype(bool)
        value = np.zeros((len(is_split), *self._shape))
        value[~is_split] = self.leaves.values().reshape(-1, *self._shape)
        return NodeTable(left, right, feature, threshold, missing_left, value, none, none, offsets)


def links_of(is_split):
    """Return the children of nodes in preorder, given which of them are splits.

    Parameters
    ----------
    is_split : ndarray of bool, shape (n_nodes,)
        Nodes of any number of trees, one tree after the other.

    Returns
    -------
    left, right : ndarray of int, shape (n_nodes,)
        Children; -1 for leaves.
    offsets : ndarray of int, shape (n_trees + 1,)
        First node of each tree.

    Notes
    -----
    The number of nodes that are still to come rises by one at a split and falls by one at a leaf.
    The left subtree of a split ends where it first falls below its value at the split.
    O(n log n).
    """
    n_nodes = len(is_split)
    waiting = np.cumsum(np.where(is_split, 1, -1))
    # A tree ends where the sum falls below all previous ones.
    least = np.minimum.accumulate(np.concatenate([[0], waiting]))
    ends = np.flatnonzero(np.diff(least) < 0) + 1
    offsets = np.concatenate([[0], ends])
    node = np.arange(n_nodes)
    level = waiting - waiting.min()
    keys = (level + 1) * n_nodes + node
    ascending = np.sort(keys)
    splits = np.flatnonzero(is_split)
    found = ascending[np.searchsorted(ascending, keys[splits] - n_nodes)]
    left, right = np.full(n_nodes, NO_NODE), np.full(n_nodes, NO_NODE)
    left[splits], right[splits] = splits + 1, found % n_nodes + 1
    return left, right, offsets
