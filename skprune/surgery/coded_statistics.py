"""What trees store of their training samples in few bytes: counts, weights and impurities."""

import zlib
from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.nodes import bottom_up_sum

# Ratio of the largest decrease of the risk to the smallest that is not stored as zero.
RANGE = 1e9
# Codes of a byte for decreases above zero; neighbouring ones differ by 8.5 %.
N_CODES = 255
# Smallest positive number in half precision.
MIN_HALF = 2.0**-24


class Compressed(NamedTuple):
    """A one-dimensional array, compressed without loss.

    Attributes
    ----------
    data : bytes
        Its compressed bytes.
    dtype : dtype
        Type of its numbers.
    """

    data: bytes
    dtype: Any

    @classmethod
    def of(cls, array):
        """Compress an array, with or without a search for repeated runs; O(size)."""
        data = np.ascontiguousarray(array).tobytes()
        found = []
        for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY):
            packer = zlib.compressobj(level=9, strategy=strategy)
            found.append(packer.compress(data) + packer.flush())
        return cls(min(found, key=len), array.dtype)

    @classmethod
    def of_counts(cls, counts):
        """Compress whole numbers, in the shortest type that holds them."""
        return cls.of(counts.astype(np.min_scalar_type(int(counts.max(initial=0)))))

    @property
    def nbytes(self):
        """Number of compressed bytes."""
        return len(self.data)

    def array(self):
        """Return the array."""
        return np.frombuffer(zlib.decompress(self.data), dtype=self.dtype)


class NodeStatistics(NamedTuple):
    """Training samples, weights and impurities of the nodes of trees.

    Counts and weights are stored for the leaves; those of splits are sums over the leaves below.
    Impurities follow from the risk of each leaf and the decrease of the risk at each split. Where
    these are those of squared errors, of numbers or of class fractions (the Gini impurity), they
    follow from the values and are not stored. Others are rounded to a byte of a logarithmic
    scale.

    Attributes
    ----------
    counts : Compressed
        Number of training samples of each leaf.
    weights : Compressed or None
        Weighted number of each leaf: what whole numbers exceed the counts by, or fractions of
        `heaviest` in half precision. None if it is `counts`.
    splits, leaves : Compressed or None
        Codes of the weighted decrease of the impurity at splits, and of the weighted impurity of
        leaves, as fractions of `largest`; None if it follows from the values.
    heaviest, largest : float
        Largest weight of a leaf, and largest decrease.
    """

    counts: Compressed
    weights: Compressed | None
    splits: Compressed | None
    leaves: Compressed | None
    heaviest: float
    largest: float

    @classmethod
    def of(cls, table, n_samples, order):
        """Encode the statistics of trees.

        Parameters
        ----------
        table : NodeTable
            The trees.
        n_samples : ndarray of int, shape (n_nodes,)
            Number of training samples of each node.
        order : ndarray of int, shape (n_nodes,)
            Nodes in the order in which they are stored.
        """
        risk = np.where(table.weight != 0, table.impurity * table.weight, 0.0)
        split = np.flatnonzero(table.is_split)
        decrease = risk.copy()
        decrease[split] -= risk[table.left[split]] + risk[table.right[split]]
        largest, expected = float(decrease.max()), squared_decreases(table, table.weight)
        rounding = 1e-6 * np.abs(risk).max()

        def part(nodes):
            if np.allclose(expected[nodes], decrease[nodes], rtol=1e-3, atol=rounding):
                return None
            return Compressed.of(_log_codes(decrease[nodes], largest))

        splits, leaves = order[table.is_split[order]], order[~table.is_split[order]]
        counts, weights = n_samples[leaves], table.weight[leaves]
        heaviest = float(weights.max())
        return cls(
            Compressed.of_counts(counts),
            _compressed(weights, counts, heaviest),
            part(splits),
            part(leaves),
            heaviest,
            largest,
        )

    @property
    def nbytes(self):
        """Bytes of the compressed arrays and of the two scales."""
        parts = (self.counts, self.weights, self.splits, self.leaves)
        return 16 + sum(part.nbytes for part in parts if part is not None)

    def decode(self, table):
        """Return the statistics of each node.

        Parameters
        ----------
        table : NodeTable
            The trees, with their nodes in the order in which they were stored. Its weights and
            impurities, and the values of splits, are not used.

        Returns
        -------
        n_samples, weight, impurity : ndarray of shape (n_nodes,)
            Numbers of samples, weighted numbers and impurities. O(n_nodes).
        """
        leaf = ~table.is_split
        n_samples, weight = np.zeros(table.n_nodes, dtype=np.int64), np.zeros(table.n_nodes)
        n_samples[leaf] = weight[leaf] = self.counts.array()
        if self.weights is not None:
            stored = self.weights.array()
            is_share = stored.dtype == np.float16
            more = self.heaviest * stored.astype(float) if is_share else weight[leaf] + stored
            weight[leaf] = more
        weight = bottom_up_sum(table, weight)
        decrease = squared_decreases(table, weight)
        for nodes, codes in ((table.is_split, self.splits), (leaf, self.leaves)):
            if codes is not None:
                decrease[nodes] = _from_log_codes(codes.array(), self.largest)
        risk = bottom_up_sum(table, decrease)
        impurity = np.divide(risk, weight, out=np.zeros_like(risk), where=weight != 0)
        return bottom_up_sum(table, n_samples), weight, impurity


def squared_decreases(table, weight):
    """Return what squared errors decrease by at splits, and what they are at leaves.

    Parameters
    ----------
    table : NodeTable
        Trees; only their structure and the values of their leaves are used.
    weight : ndarray of shape (n_nodes,)
        Weights of the nodes.

    Returns
    -------
    ndarray of shape (n_nodes,)
        For class fractions, errors are those of predicting the classes by them, the Gini
        impurity; for numbers they are zero at leaves. A mean over outputs. O(n_nodes).
    """
    value, weight = table.value, weight[:, np.newaxis, np.newaxis]
    split, n_outputs = np.flatnonzero(table.is_split), value.shape[1]
    total = bottom_up_sum(table, np.where(table.is_split[:, None, None], 0.0, weight * value))
    mean = np.divide(total, weight, out=np.zeros_like(total), where=weight != 0)
    found = np.zeros(table.n_nodes)
    left, right = table.left[split], table.right[split]
    share = weight[left] * weight[right]
    share = np.divide(share, weight[split], out=np.zeros_like(share), where=weight[split] != 0)
    found[split] = (share * (mean[left] - mean[right]) ** 2).sum(axis=(1, 2)) / n_outputs
    if value.shape[2] > 1:
        leaf = ~table.is_split
        mixed = (value[leaf] * (1 - value[leaf])).sum(axis=(1, 2))
        found[leaf] = weight[leaf, 0, 0] * np.maximum(mixed, 0.0) / n_outputs
    return found


def _compressed(weights, counts, heaviest):
    """Return the weights of leaves in few bytes; None if they are the counts."""
    more = weights - counts
    if not more.any():
        return None
    if (more >= 0).all() and np.array_equal(more, np.rint(more)) and heaviest < 2**32:
        return Compressed.of_counts(more)
    shares = weights / (heaviest or 1.0)
    # A leaf with a weight keeps one.
    shares = np.where((shares > 0) & (shares < MIN_HALF), MIN_HALF, shares)
    return Compressed.of(shares.astype(np.float16))


def _log_codes(values, largest):
    """Return bytes of a logarithmic scale from ``largest / RANGE`` to `largest`; 0 below it."""
    codes = np.zeros(len(values), dtype=np.uint8)
    used = values > largest / RANGE if largest > 0 else np.zeros(len(values), dtype=bool)
    place = np.log(values[used] / largest) / np.log(RANGE)
    codes[used] = N_CODES + np.rint((N_CODES - 1) * place)
    return codes


def _from_log_codes(codes, largest):
    """Return the numbers that `_log_codes` stored."""
    found = largest * RANGE ** ((codes.astype(float) - N_CODES) / (N_CODES - 1))
    return np.where(codes > 0, found, 0.0)
