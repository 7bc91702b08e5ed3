"""Duplicate columns: found by their hashes, verified by their values."""

import numpy as np

from skprune.arrays.blocks import block_size, blocks

# Elements per block of columns (2 MB).
BLOCK = 2**18


def first_duplicate(digest, nominal, priority):
    """Return the representative of each group of columns with the same hash.

    Parameters
    ----------
    digest : ndarray of uint64, shape (n_columns, 2)
        Hashes of the columns.
    nominal : ndarray of bool, shape (n_columns,)
        Nominal columns, which are never duplicates of numeric ones.
    priority : ndarray of bool, shape (n_columns,)
        Columns that are preferred as representatives.

    Returns
    -------
    ndarray of int, shape (n_columns,)
        The first column with the same hash, or the first one with priority.
        O(n_columns log n_columns).
    """
    order = np.argsort(~priority, kind="stable")
    keys = np.column_stack([digest, nominal.astype(np.uint64)])[order]
    _, first, which = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    found = np.empty(len(order), dtype=np.intp)
    found[order] = order[first[which.ravel()]]
    return found


def differ(X, columns, others):
    """Return which pairs of columns differ; missing values are equal to each other.

    Parameters
    ----------
    X : ndarray or csc array of shape (n_rows, n_columns)
        The table.
    columns, others : ndarray of int, shape (n_pairs,)
        The columns to compare, pair by pair.

    Returns
    -------
    ndarray of bool, shape (n_pairs,)
        Whether the columns differ in any row. O(n_rows * n_pairs).
    """
    found = np.zeros(len(columns), dtype=bool)
    for part in blocks(len(columns), block_size(BLOCK, X.shape[0])):
        a, b = (X[:, side[part]] for side in (columns, others))
        if hasattr(X, "indptr"):
            a, b = a.toarray(), b.toarray()
        found[part] = ((a != b) & ~(np.isnan(a) & np.isnan(b))).any(axis=0)
    return found
