"""Mutual information of discrete columns with a target and with each other.

All quantities are entropies of counts, in nats; the joint counts of a block of columns with
one variable are a single `bincount`. Weights are numbers of repetitions.

The plug-in estimate overstates mutual information by about the number of cells divided by
twice the number of rows. Estimates are corrected for this bias (Miller and Madow), using the
number of occupied cells, and clipped between 0 and the entropies that bound them. They are
rounded to 13 decimals, so that equal columns have equal values whatever the order of
summation.

References
----------
G. A. Miller, "Note on the bias of information estimates", Information Theory in
Psychology, 1955.
G. Brown, A. Pocock, M.-J. Zhao and M. Lujan, "Conditional likelihood maximisation: a
unifying framework for information theoretic feature selection", JMLR 13, 2012.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import xlogy

from skprune.arrays.blocks import block_size, blocks
from skprune.arrays.rounding import round_scores

# Elements per block of columns: small enough for the processor's cache.
BLOCK = 2**18


class Counted(NamedTuple):
    """Discrete columns and their entropies.

    Attributes
    ----------
    codes : ndarray of int, shape (n_rows, n_columns), best in Fortran order
        Codes, from 0, in rows of positive weight.
    n_codes : ndarray of int, shape (n_columns,)
        Exclusive upper bound of the codes of each column.
    weight : ndarray of shape (n_rows,) or None
        Weights of these rows.
    total : float
        Sum of the weights.
    entropy : ndarray of shape (n_columns,)
        Plug-in entropies, in nats, without bias correction.
    n_cells : ndarray of int, shape (n_columns,)
        Number of codes that occur.
    """

    codes: Any
    n_codes: Any
    weight: Any
    total: float
    entropy: Any
    n_cells: Any

    @property
    def varies(self):
        """Whether each column has more than one code."""
        return self.n_cells > 1


def count(codes, n_codes, sample_weight=None):
    """Compute the entropy of each column.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows, n_columns)
        Codes, from 0.
    n_codes : ndarray of int, shape (n_columns,)
        Exclusive upper bound of the codes of each column.
    sample_weight : ndarray of shape (n_rows,), default=None
        Non-negative weights, not all zero; a weight of 2 equals the row twice.

    Returns
    -------
    Counted
        O(n_rows * n_columns).
    """
    weight, total = None, float(len(codes))
    if sample_weight is not None:
        rows = np.flatnonzero(sample_weight)
        weight = np.asarray(sample_weight, dtype=np.float64)[rows]
        codes, total = codes[rows], float(weight.sum())
    counted = Counted(codes, np.asarray(n_codes, dtype=np.intp), weight, total, None, None)
    nothing = np.zeros(len(codes), dtype=np.intp)
    entropy, n_cells = _joint(counted, np.arange(codes.shape[1]), nothing, 1)[0]
    return counted._replace(entropy=entropy, n_cells=n_cells)


def mutual_information(table, other, s, columns):
    """Return I(X_j; Z), the mutual information of each column with one variable.

    Parameters
    ----------
    table : Counted
        The columns X.
    other : Counted
        Table that holds the variable Z: a target, or the same table.
    s : int
        Column of `other` that is Z.
    columns : ndarray of int, shape (n_chosen,)
        Columns of `table` to evaluate.

    Returns
    -------
    ndarray of shape (n_chosen,)
        In nats, between 0 and the smaller of the two entropies.

    Notes
    -----
    H(X) + H(Z) - H(X, Z), O(n_rows * n_chosen).
    """
    entropy, n_cells = _joint(table, columns, other.codes[:, s], other.n_codes[s])[0]
    excess = table.n_cells[columns] + other.n_cells[s] - n_cells - 1
    found = table.entropy[columns] + other.entropy[s] - entropy + excess / (2 * table.total)
    return _bounded(found, np.minimum(table.entropy[columns], other.entropy[s]))


def conditional_information(table, target, s, columns):
    """Return I(X_j; Y | X_s), the conditional mutual information of each column and a target.

    The joint mutual information is I(X_j X_s; Y) = I(X_s; Y) + I(X_j; Y | X_s).

    Parameters
    ----------
    table : Counted
        The columns X.
    target : Counted
        The target Y, a single column.
    s : int
        The column that is conditioned on.
    columns : ndarray of int, shape (n_chosen,)
        Columns of `table` to evaluate.

    Returns
    -------
    ndarray of shape (n_chosen,)
        In nats, between 0 and the smaller of H(X_j) and H(Y).

    Notes
    -----
    H(X_j, X_s) + H(X_s, Y) - H(X_s) - H(X_j, X_s, Y), O(n_rows * n_chosen).
    """
    n_classes = target.n_codes[0]
    y, known = target.codes[:, 0], table.codes[:, s]
    pair, triple = _joint(table, columns, known, table.n_codes[s], y, n_classes)
    entropy, n_cells = _joint(table, np.array([s]), y, n_classes)[0]
    found = pair[0] + entropy - table.entropy[s] - triple[0]
    excess = pair[1] + n_cells - table.n_cells[s] - triple[1]
    ceiling = np.minimum(table.entropy[columns], target.entropy[0])
    return _bounded(found + excess / (2 * table.total), ceiling)


def symmetric_uncertainty(table, other, s, columns):
    """Return the symmetric uncertainty 2 I(X_j; Z) / (H(X_j) + H(Z)).

    Parameters
    ----------
    table, other, s, columns
        As for `mutual_information`.

    Returns
    -------
    ndarray of shape (n_chosen,)
        In [0, 1]; 0 if both are constant. O(n_rows * n_chosen).
    """
    shared = 2 * mutual_information(table, other, s, columns)
    together = table.entropy[columns] + other.entropy[s]
    found = np.divide(shared, together, out=np.zeros_like(shared), where=together > 0)
    return _bounded(found, 1.0)


def _joint(table, columns, z, n_z, y=None, n_classes=1):
    """Return entropy and number of occupied cells of (X_j, Z), for each of some columns.

    With `y`, also return both for (X_j, Z, Y). O(n_rows * n_columns), a block of columns at
    a time; the cells of all columns in a block are concatenated, once per class.
    """
    most_cells = table.n_codes[columns].max(initial=1) * n_z * n_classes
    size = block_size(BLOCK, max(len(z), most_cells))
    found = []
    for block in blocks(max(1, len(columns)), size):  # one empty block without columns
        part = columns[block]
        sizes = table.n_codes[part] * n_z
        starts, n_cells = np.cumsum(sizes) - sizes, sizes.sum()
        cell = table.codes.T[part].astype(np.intp)
        cell *= n_z
        cell += z if y is None else z + n_cells * y
        cell += starts[:, None]
        weight = None if table.weight is None else np.tile(table.weight, len(part))
        counts = np.bincount(cell.ravel(), weight, n_classes * n_cells)
        counts = counts.reshape(n_classes, n_cells)
        measured = [_entropy(counts.sum(axis=0)[None], starts, table.total)]
        if y is not None:
            measured.append(_entropy(counts, starts, table.total))
        found.append(measured)
    return [
        tuple(np.concatenate(values) for values in zip(*measured, strict=True))
        for measured in zip(*found, strict=True)
    ]


def _entropy(counts, starts, total):
    """Return entropy and number of occupied cells of concatenated tables of counts."""
    n_cells = np.add.reduceat(np.count_nonzero(counts, axis=0), starts)
    weighted_logs = np.add.reduceat(_x_log_x(counts).sum(axis=0), starts)
    entropy = np.maximum(np.log(total) - weighted_logs / total, 0.0)
    return np.where(n_cells > 1, entropy, 0.0), n_cells


def _x_log_x(counts):
    """Return c log c of each count c, from a lookup table where that is smaller."""
    if counts.dtype.kind == "f" or counts.max(initial=0) > counts.size:
        return xlogy(counts, counts)
    numbers = np.arange(counts.max(initial=0) + 1)
    return xlogy(numbers, numbers)[counts]


def _bounded(found, ceiling):
    return round_scores(np.clip(found, 0.0, ceiling))
