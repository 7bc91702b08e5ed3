"""The columns of a table: which hold no numbers, their codes, and how users name them."""

import warnings
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skprune._compat import rows_of
from skprune.base._frames import column_of, read_numbers
from skprune.exceptions import InputError, PruningWarning

# Weights below this on average are shares of something, and no numbers of repetitions.
LEAST_MEAN_WEIGHT = 0.1
# What cells of type object may hold that is no number.
TEXT, TIMES = (str, bytes), (date, timedelta)


class Columns(NamedTuple):
    """A table as numbers.

    Attributes
    ----------
    X : ndarray or sparse array of shape (n_rows, n_columns)
        Numbers, and codes of categories; NaN where there is no value.
    nominal : ndarray of bool, shape (n_columns,)
        Columns that hold codes of categories, whose order and distance mean nothing.
    """

    X: Any
    nominal: Any


# Columns that hold no numbers.


def find_text(X):
    """Return the places of the columns that hold something else than numbers.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns)
        A pandas or polars frame, an array or nested lists.

    Returns
    -------
    list of int
        Text, categories, dates and whatever else is neither a number nor a boolean.
    """
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        return [i for i, dtype in enumerate(X.dtypes) if not _is_numeric(X, i, dtype)]
    if isinstance(X, (list, tuple)) or (hasattr(X, "dtype") and X.dtype.kind in "OSUT"):
        cells = _cells(X)
        return [i for i, column in enumerate(cells.T) if _holds(column, (*TEXT, *TIMES))]
    return []


def refuse_text(X, places, what):
    """Name the columns that are not numeric, before numpy fails on one of their values.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns)
        The table.
    places : list of int
        Columns that are refused; nothing happens if there are none.
    what : str
        Who refuses, and why; begins the message.

    Raises
    ------
    InputError
        If there are such columns.
    """
    if not places:
        return
    labels = list(X.columns) if hasattr(X, "columns") else None
    named = [f"x{i}" if labels is None else labels[i] for i in places]
    shown = ", ".join(map(repr, named[:10])) + (", ..." if len(named) > 10 else "")
    msg = (
        f"{what}, but {len(named)} column(s) hold something else: {shown}. Encode them first "
        "(for example with OneHotEncoder or OrdinalEncoder), or select the numeric columns "
        "(for example with make_column_selector)."
    )
    raise InputError(msg)


def encode_text(X, places, what, *, hashed=False):
    """Replace columns of text and categories by codes.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns)
        A pandas or polars frame, an array or nested lists.
    places : list of int
        Columns to encode, as `find_text` returns them.
    what : str
        Who reads the table, and what of it; begins the message about dates.
    hashed : bool, default=False
        Whether a code is a hash of the value's text (53 bits), the same in any other rows.

    Returns
    -------
    DataFrame or ndarray of shape (n_rows, n_columns)
        Floats: the numbers, codes from 0 in order of appearance, NaN for what is missing.
        A DataFrame with the names of `X` if it is a frame.

    Raises
    ------
    InputError
        If some columns hold dates or durations.
    """
    frame = hasattr(X, "columns")
    X = X if frame else _cells(X)
    refuse_text(X, [i for i in places if _is_time(column_of(X, i))], what)
    values = np.empty(X.shape)
    rest = np.setdiff1d(np.arange(values.shape[1]), places)
    values[:, rest] = read_numbers(X, rest)
    for i in places:
        codes, labels = pd.factorize(pd.Series(list(column_of(X, i)), dtype=object))
        known = _hash_labels(labels) if hashed else np.arange(len(labels))
        values[:, i] = np.append(known, np.nan)[codes]  # a code of -1 is no value
    return pd.DataFrame(values, columns=list(X.columns)) if frame else values


def _hash_labels(labels):
    """Return 53 bits for each label, which are exact in float64."""
    texts = np.array([str(label) for label in labels], dtype=object)
    return pd.util.hash_array(texts, categorize=False) >> np.uint64(11)


def _cells(X):
    cells = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
    return cells if cells.ndim == 2 else np.empty((0, 0), dtype=object)


def _is_numeric(X, i, dtype):
    """Whether column `i` of a pandas or polars frame holds numbers or booleans."""
    if hasattr(dtype, "is_numeric"):  # polars
        return dtype.is_numeric() or str(dtype) in {"Boolean", "Null"}
    if dtype == np.dtype(object):
        return not _holds(X.iloc[:, i], (*TEXT, *TIMES))
    return pd.api.types.is_numeric_dtype(dtype)


def _is_time(column):
    """Whether a column holds dates or durations."""
    if hasattr(column.dtype, "is_temporal"):  # polars
        return column.dtype.is_temporal()
    if column.dtype == np.dtype(object):
        return _holds(column, TIMES)
    if isinstance(column.dtype, pd.PeriodDtype):
        return True
    return getattr(column.dtype, "kind", "O") in "mM"


def _holds(column, kinds):
    return any(isinstance(value, kinds) and value is not pd.NaT for value in column)


# How users name columns.


# Rows and their weights.


def rows_that_count(table, y, sample_weight):
    """Leave out the rows without weight, which are as if they were not there.

    Parameters
    ----------
    table : Columns
        The table.
    y : array-like of shape (n_rows, ...) or None
        The target.
    sample_weight : ndarray of shape (n_rows,) or None
        Non-negative weights, not all zero.

    Returns
    -------
    tuple of Columns, array-like or None, and ndarray or None
        The three for the rows that have weight; as given if all have.
    """
    if sample_weight is None or sample_weight.all():
        return table, y, sample_weight
    rows = np.flatnonzero(sample_weight)
    return table._replace(X=rows_of(table.X, rows)), rows_of(y, rows), sample_weight[rows]


def warn_of_light_rows(sample_weight, *, stacklevel):
    """Warn if weights are too small to be repetitions, for criteria in which that matters.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_rows,) or None
        Positive weights.
    stacklevel : int
        The level of `warnings.warn`.
    """
    if sample_weight is None or sample_weight.mean() >= LEAST_MEAN_WEIGHT:
        return
    msg = (
        f"sample_weight adds up to {sample_weight.sum():.3g} in {len(sample_weight)} rows, and a "
        "weight counts as that many rows: there is next to nothing to judge columns by. Rescale "
        "it to a mean of 1."
    )
    warnings.warn(msg, PruningWarning, stacklevel=stacklevel)
