"""Tables of dask: partitions that are read one after the other, and columns selected lazily."""

import numpy as np
import pandas as pd

from skprune.base._frames import is_frame, refuse_other_tables, stack_rows
from skprune.exceptions import InputError


def is_partitioned(X):
    """Return whether a table is a frame or an array of dask."""
    kind = type(X)
    return kind.__module__.partition(".")[0] == "dask" and kind.__name__ in {"DataFrame", "Array"}


def refuse_partitions(X):
    """Refuse a table of dask, whose samples cannot be indexed, where all are needed at once."""
    if is_partitioned(X):
        refuse_other_tables(X)


def partitions_of(X, sample_weight, min_rows):
    """Read a table partition by partition; one of them is in memory at a time.

    Parameters
    ----------
    X : frame or array of dask, of shape (n_samples, n_features)
        The table.
    sample_weight : array-like of shape (n_samples,) or None
        Sample weights; all of them are in memory.
    min_rows : int
        Samples of the first part at least; partitions are joined for that.

    Yields
    ------
    part : DataFrame, ndarray or sparse matrix of shape (n_rows, n_features)
        Consecutive samples. Partitions without samples, or of weight 0 only, are left out.
    weight : ndarray of shape (n_rows,) or None
        Their weights.

    Raises
    ------
    InputError
        If the number of weights is not that of samples, or no sample has a positive weight.
    """
    weight = None if sample_weight is None else np.asarray(sample_weight)
    start, waiting, yielded = 0, None, False
    for part in _parts(X):
        stop = start + part.shape[0]
        own = None if weight is None else weight[start:stop]
        if weight is not None and len(weight) < stop:
            raise _weights_differ(weight, f"more than {start}")
        start = stop
        if part.shape[0] == 0 or (own is not None and not own.any()):
            continue
        waiting = (part, own) if waiting is None else _joined(waiting, (part, own))
        if yielded or waiting[0].shape[0] >= min_rows:
            yielded = True
            yield waiting
            waiting = None
    if weight is not None and len(weight) != start:
        raise _weights_differ(weight, start)
    if waiting is not None:
        yield waiting  # too few: the criterion says so
    elif not yielded:
        what = f"{start} sample(s)" + (", all of weight 0" if start else "")
        msg = f"X is a dask {type(X).__name__} with {what}. Give samples of positive weight."
        raise InputError(msg)


def _joined(before, after):
    """Return two parts and their weights as one."""
    weight = None if before[1] is None else np.concatenate([before[1], after[1]])
    return stack_rows(before[0], after[0]), weight


def _parts(X):
    """Compute the partitions of a table, one at a time."""
    if is_frame(X):
        for number in range(X.npartitions):
            yield X.partitions[number].compute()
        return
    if X.ndim != 2:
        msg = f"X is a dask Array with {X.ndim} dimension(s). Give one of 2 dimensions."
        raise InputError(msg)
    X = X.rechunk({1: -1})
    for number in range(X.numblocks[0]):
        yield X.blocks[number].compute()


def _weights_differ(weight, n_samples):
    msg = (
        f"sample_weight has {len(weight)} weights, but X has {n_samples} samples. Give one weight "
        "for each."
    )
    return InputError(msg)


def header_of(X):
    """Return an empty table of the names of a table of dask, or an array of one row of zeros."""
    if is_frame(X):
        return pd.DataFrame(columns=list(X.columns))
    return np.zeros((1, X.shape[1]))


def select_lazily(X, mask):
    """Return some columns of a table of dask; nothing is computed."""
    places = np.flatnonzero(mask)
    return X.iloc[:, places.tolist()] if is_frame(X) else X[:, places]
