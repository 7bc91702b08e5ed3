"""Information: what columns say about a target and about each other, counted over codes.

Everything is an entropy of counts, in nats: the counts of a block of columns against one
variable are a single `bincount`. A weight is a number of repetitions.

Counting cells overstates information by about their number over twice that of the rows.
Estimates have this bias taken out (Miller and Madow), over the cells that hold rows, and
are then kept between 0 and the entropies that bound them. They are rounded to 13 decimals,
so that equal columns are equal whatever the order in which their cells are added.

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

# Elements of one block of columns: small enough for the processor's cache.
BLOCK = 2**18


class Counted(NamedTuple):
    """Columns of codes, and how much each can say.

    Attributes
    ----------
    codes : ndarray of int, shape (n_rows, n_columns), best in Fortran order
        Codes from 0 up, of the rows that count.
    n_codes : ndarray of int, shape (n_columns,)
        The codes of a column are below this.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows that count.
    total : float
        Sum of the weights.
    entropy : ndarray of shape (n_columns,)
        Entropies in nats, of the shares as they are.
    n_cells : ndarray of int, shape (n_columns,)
        Codes that some row has.
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
    """Count the codes of each column.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows, n_columns)
        Codes from 0 up.
    n_codes : ndarray of int, shape (n_columns,)
        The codes of a column are below this.
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
    """Return I(X_j; Z), the information that each column has about one variable.

    Parameters
    ----------
    table : Counted
        The columns.
    other : Counted
        Where the variable is: a target, or the same table.
    s : int
        Its place there.
    columns : ndarray of int, shape (n_chosen,)
        Which columns of the table.

    Returns
    -------
    ndarray of shape (n_chosen,)
        Nats, from 0 to the lower one of the two entropies.

    Notes
    -----
    H(X) + H(Z) - H(X, Z), O(n_rows * n_chosen).
    """
    entropy, n_cells = _joint(table, columns, other.codes[:, s], other.n_codes[s])[0]
    excess = table.n_cells[columns] + other.n_cells[s] - n_cells - 1
    found = table.entropy[columns] + other.entropy[s] - entropy + excess / (2 * table.total)
    return _bounded(found, np.minimum(table.entropy[columns], other.entropy[s]))


def conditional_information(table, target, s, columns):
    """Return I(X_j; Y | X_s), what each column says about a target beyond another column.

    Together the two columns say I(X_j X_s; Y) = I(X_s; Y) + I(X_j; Y | X_s).

    Parameters
    ----------
    table : Counted
        The columns.
    target : Counted
        The target, a single column.
    s : int
        The column that is known.
    columns : ndarray of int, shape (n_chosen,)
        Which columns of the table.

    Returns
    -------
    ndarray of shape (n_chosen,)
        Nats, from 0 to the lower one of H(X_j) and H(Y).

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
    """Return 2 I(X_j; Z) / (H(X_j) + H(Z)), the information as a share of what could be.

    Parameters
    ----------
    table, other, s, columns
        As for `mutual_information`.

    Returns
    -------
    ndarray of shape (n_chosen,)
        From 0 to 1; 0 where nothing varies.
    """
    shared = 2 * mutual_information(table, other, s, columns)
    together = table.entropy[columns] + other.entropy[s]
    found = np.divide(shared, together, out=np.zeros_like(shared), where=together > 0)
    return _bounded(found, 1.0)


def _joint(table, columns, z, n_z, y=None, n_classes=1):
    """Return entropy and number of cells of (X_j, Z), for each of some columns.

    With `y`, return both for (X_j, Z, Y) too. O(n_rows * n_columns), a block of columns
    at a time; the cells of all columns in a block lie one after the other, once per class.
    """
    most_cells = table.n_codes[columns].max(initial=1) * n_z * n_classes
    size = block_size(BLOCK, max(len(z), most_cells))
    found = []
    for block in blocks(max(1, len(columns)), size):  # no columns are a block too
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
    """Return entropy and number of cells of sets of counts, each from its start on."""
    n_cells = np.add.reduceat(np.count_nonzero(counts, axis=0), starts)
    surprise = np.add.reduceat(_x_log_x(counts).sum(axis=0), starts)
    entropy = np.maximum(np.log(total) - surprise / total, 0.0)
    return np.where(n_cells > 1, entropy, 0.0), n_cells


def _x_log_x(counts):
    """Return c log c of each count, from a table where that is shorter."""
    if counts.dtype.kind == "f" or counts.max(initial=0) > counts.size:
        return xlogy(counts, counts)
    numbers = np.arange(counts.max(initial=0) + 1)
    return xlogy(numbers, numbers)[counts]


def _bounded(found, ceiling):
    return round_scores(np.clip(found, 0.0, ceiling))
