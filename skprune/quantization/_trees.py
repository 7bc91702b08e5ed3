"""Quantization of thresholds and leaf values: codebooks for the trees of a model."""

import numpy as np

from skprune.arrays.packing import QuantizedArray, exponent_of, pack, packed_bytes, width_of
from skprune.quantization._path import report_row
from skprune.solvers.codebooks import clusters, labels, means, medians
from skprune.surgery.coded_trees import CodedTrees, Leaves, Thresholds, TreeReading


class TreeCoder:
    """Encodes a tree model with any number of bits.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    X : array-like of shape (n_samples, n_features) or None
        Training samples, between which a threshold can be moved without effect; not held.
    """

    whole_bits = 64

    def __init__(self, surgeon, X=None):
        self.surgeon, self._reading = surgeon, TreeReading(surgeon)
        values = None if X is None else self._reading.sorted_columns(X)
        self._cuts, self._values = Cuts(self._reading, values), LeafValues(self._reading)

    def nbytes(self, bits):
        """Return the bytes of the model as codes of a number of bits; int."""
        n_bytes = self._reading.shape_bytes()
        return n_bytes + self._cuts.nbytes(bits) + self._values.nbytes(bits)

    def code(self, bits):
        """Return the model as codes; CodedTrees."""
        return CodedTrees(self._reading, self._cuts.code(bits), self._values.code(bits))

    def report(self, coded):
        """Return rows of the report; `coded` is None for the whole model."""
        reading, rows = self._reading, []
        before = np.where(reading.ordered, reading.threshold.astype(float), np.nan)
        after = before if coded is None else coded.thresholds.of(reading.column)
        width = 64 if coded is None else coded.thresholds.codes.width
        for column in np.unique(reading.column):
            here = reading.column == column
            n_bytes = 8 * here.sum()
            if coded is not None:
                n_bytes = packed_bytes(here.sum(), width) + coded.thresholds.table_bytes(column)
            rows.append(
                report_row("threshold", int(column), before[here], after[here], width, n_bytes)
            )
        values = reading.leaf_values
        if coded is None:
            return [*rows, report_row("leaf", 0, values, values, 64, values.nbytes)]
        leaves = coded.leaves
        after = leaves.values()
        return [*rows, report_row("leaf", 0, values, after, leaves.codes.width, leaves.nbytes)]


class Cuts:
    """The distinct thresholds of each feature, and their positions among the training samples.

    Parameters
    ----------
    reading : TreeReading
        The trees.
    values : dict of int to ndarray, or None
        Values of features, ascending; if None, positions are those among all thresholds.
    """

    def __init__(self, reading, values):
        column = reading.column
        threshold = np.where(reading.ordered, reading.threshold, 0.0)
        order = np.lexsort([threshold, column])
        column, threshold = column[order], threshold[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (np.diff(column) != 0) | (threshold[1:] != threshold[:-1])
        self._place = np.empty(len(order), dtype=np.intp)
        self._place[order] = np.cumsum(new) - 1
        # Splits of many samples matter more, but splits of few decide close votes: hence the root.
        weight = np.bincount(self._place, np.sqrt(reading.weight[reading.splits]))
        threshold = np.where(reading.ordered[order], threshold, np.nan)
        self._table = threshold[new].astype(reading.surgeon.compares_in)
        used, counts = np.unique(column[new], return_counts=True)
        self._used, self._counts, self._weight = used, counts, weight
        self._n_columns = reading.n_columns
        self._offsets = np.concatenate([[0], np.cumsum(counts)])
        self._at = self._coordinates(values)

    def _coordinates(self, values):
        """Return the number of samples below each threshold, and fractions between equal ones."""
        if values is None:
            return np.cumsum(self._weight) - self._weight / 2
        found = np.empty(len(self._table))
        for column, first, end in zip(
            self._used, self._offsets[:-1], self._offsets[1:], strict=True
        ):
            below = np.searchsorted(values[int(column)], self._table[first:end], side="right")
            gap, counts = np.unique(below, return_counts=True)
            inside = np.arange(end - first) - np.repeat(np.cumsum(counts) - counts, counts)
            found[first:end] = np.repeat(gap, counts) + inside / np.repeat(2 * counts, counts)
        return found

    def _kept(self, bits):
        return np.minimum(self._counts, 2**bits)

    def nbytes(self, bits):
        """Return the bytes of the thresholds as codes; int."""
        kept = self._kept(bits)
        n_bytes = packed_bytes(len(self._place), width_of(kept.max(initial=1)))
        n_bytes += self._table.itemsize * int(kept.sum())
        return n_bytes + self._n_columns * self._small.itemsize

    @property
    def _small(self):
        return np.min_scalar_type(self._counts.max(initial=1))

    def code(self, bits):
        """Return the thresholds as codes; each is replaced by the median of its cluster."""
        kept, counts = self._kept(bits), np.zeros(self._n_columns, dtype=self._small)
        counts[self._used] = kept
        if not len(self._table):
            return Thresholds(pack(self._place, 0), self._table, counts)
        starts = clusters(self._at, self._weight, self._offsets, kept)
        run = labels(starts, len(self._table))
        own = run - np.repeat(np.cumsum(kept) - kept, self._counts)
        codes = pack(own[self._place], width_of(kept.max()))
        return Thresholds(codes, self._table[medians(self._weight, starts)], counts)


class LeafValues:
    """The distinct values of leaves.

    A codebook of whole rows of values is used where it is lossless or where a single number
    determines the row; otherwise a codebook of single values.

    Parameters
    ----------
    reading : TreeReading
        The trees.
    """

    def __init__(self, reading):
        values, weight = reading.leaf_values, reading.weight[reading.leaves]
        self._exponent = 0 if reading.n_shares else exponent_of(values)
        values = np.ldexp(values, -self._exponent)
        self._shape, self._shares = values.shape, reading.n_shares
        self._rows, self._row_of = np.unique(values, axis=0, return_inverse=True)
        self._row_of = self._row_of.ravel()
        self._row_weight = np.bincount(self._row_of, weight)
        self._single = values.shape[1] == 1 or (values.shape[1] == self._shares == 2)
        scalars = self._rows[:, :1] if self._single else self._rows
        self._scalars, self._scalar_of = np.unique(scalars, return_inverse=True)
        self._scalar_of = self._scalar_of.reshape(scalars.shape)
        weight = np.repeat(self._row_weight, scalars.shape[1])
        self._weight = np.bincount(self._scalar_of.ravel(), weight)

    def nbytes(self, bits):
        """Return the bytes of the leaves as codes; int."""
        n_leaves, n_values = self._shape
        if len(self._rows) <= 2**bits:
            table = _short(self._rows).nbytes
            return packed_bytes(n_leaves, width_of(len(self._rows))) + table
        kept = min(2**bits, len(self._scalars))
        if self._single:
            return packed_bytes(n_leaves, width_of(kept)) + 4 * kept * n_values
        return packed_bytes(n_leaves * n_values, width_of(kept)) + 4 * kept

    def code(self, bits):
        """Return the values as codes."""
        if len(self._rows) <= 2**bits:
            codes = pack(self._row_of, width_of(len(self._rows)))
            return Leaves(codes, _short(self._rows), 0, self._exponent)
        kept = min(2**bits, len(self._scalars))
        starts = clusters(self._scalars, self._weight, [0, len(self._scalars)], [kept])
        table = means(self._scalars, self._weight, starts)
        run = labels(starts, len(self._scalars))[self._scalar_of]
        if self._single:
            table = table[:, np.newaxis]
            if self._shape[1] == 2:
                table = np.hstack([table, 1 - table])
            codes = pack(run[self._row_of, 0], width_of(kept))
            return Leaves(codes, table.astype(np.float32), 0, self._exponent)
        codes = pack(run[self._row_of].ravel(), width_of(kept))
        codes = QuantizedArray(codes, self._shape, table=table.astype(np.float32))
        return Leaves(codes, None, self._shares, self._exponent)


def _short(values):
    """Return numbers in single precision where that is lossless."""
    short = values.astype(np.float32)
    return short if np.array_equal(short, values) else values
