"""Tables of all kinds: pandas and polars frames, arrays, sparse matrices and nested lists.

Nothing else asks which library a table comes from.
"""

from datetime import date, timedelta

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from skprune._compat import rows_of
from skprune.exceptions import InputError

# Values that are no numbers, in columns of type object.
TEXT, TIMES = (str, bytes), (date, timedelta, pd.Period)
NESTED = (list, tuple, set, dict, np.ndarray)


def is_frame(X):
    """Return whether a table has named columns of their own types."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def column_names(X):
    """Return the names of the columns; None without names."""
    return list(X.columns) if is_frame(X) else None


def column_of(X, i):
    """Return one column: a series of the library, or an array."""
    return X.iloc[:, i] if hasattr(X, "iloc") else X[:, i]


# What columns hold.


def cells_of(X):
    """Return an array, or nested lists as an array of objects; empty if it is no table."""
    cells = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
    return cells if cells.ndim == 2 else np.empty((0, 0), dtype=object)


def non_numeric_columns(X):
    """Return the columns that hold something else than numbers and booleans.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The table.

    Returns
    -------
    list of int
        Columns of text, categories, dates and whatever else. A column without values is none
        of them.

    Raises
    ------
    InputError
        If the table is of a kind whose columns cannot be read.
    """
    refuse_other_tables(X)
    if is_frame(X):
        return [i for i, dtype in enumerate(X.dtypes) if not _is_numeric(X, i, dtype)]
    if isinstance(X, (list, tuple)) or (hasattr(X, "dtype") and X.dtype.kind in "OSUT"):
        return [i for i, column in enumerate(cells_of(X).T) if _holds(column, (*TEXT, *TIMES))]
    return []


def is_temporal(column):
    """Return whether a column, as of `column_of`, holds dates or durations."""
    if hasattr(column.dtype, "is_temporal"):  # polars
        return column.dtype.is_temporal()
    if column.dtype == np.dtype(object):
        return _holds(column, TIMES)
    if isinstance(column.dtype, pd.PeriodDtype):
        return True
    return getattr(column.dtype, "kind", "O") in "mM"


def is_nested(column):
    """Return whether a column, as of `column_of`, holds lists, dicts or the like."""
    if hasattr(column.dtype, "is_nested"):  # polars
        return column.dtype.is_nested()
    return column.dtype == np.dtype(object) and _holds(column, NESTED)


def refuse_other_tables(X):
    """Refuse tables whose columns cannot be read, and say how to convert them.

    Parameters
    ----------
    X : object
        What is given as a table.

    Raises
    ------
    InputError
        If `X` is a LazyFrame of polars, a Table of pyarrow, or a table of dask.
    """
    library, name = type(X).__module__.partition(".")[0], type(X).__name__
    how = {("polars", "LazyFrame"): "collect", ("pyarrow", "Table"): "to_pandas"}
    how |= dict.fromkeys([("dask", "DataFrame"), ("dask", "Array")], "compute")
    if (library, name) in how:
        msg = (
            f"X is a {library} {name}. Allowed are arrays, sparse matrices and frames of pandas "
            f"and polars. Give X.{how[library, name]}()."
        )
        raise InputError(msg)


def is_sparse(X):
    """Return whether a table is sparse: a sparse matrix, or a frame of sparse columns only."""
    kinds = list(X.dtypes) if is_frame(X) else []
    return issparse(X) or (bool(kinds) and all(isinstance(k, pd.SparseDtype) for k in kinds))


def has_missing(X):
    """Return whether a table has missing values, NaN or None; O(cells)."""
    if issparse(X):
        X = X.tocoo().data
    return bool(np.asarray(pd.isna(X if hasattr(X, "isna") else np.asarray(X))).any())


def _is_numeric(X, i, dtype):
    if hasattr(dtype, "is_numeric"):  # polars
        return dtype.is_numeric() or str(dtype) in {"Boolean", "Null"}
    if dtype == np.dtype(object):
        return not _holds(X.iloc[:, i], (*TEXT, *TIMES, *NESTED))
    return pd.api.types.is_numeric_dtype(dtype)


def _holds(column, kinds):
    return any(isinstance(value, kinds) and value is not pd.NaT for value in column)


def refuse_non_finite(X, *, missing):
    """Name the columns that hold infinity, or missing values where they are not allowed.

    Text, dates and the like are not looked at.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        The table, not of nested lists.
    missing : bool
        Whether missing values are allowed.

    Raises
    ------
    InputError
        If there is such a column.
    """
    places = _find(np.isinf, X)
    what = "infinity. Replace it, for example with the largest value that is allowed"
    if not (places or missing):
        places = _find(np.isnan, X)
        what = "NaN. Replace missing values, for example with SimpleImputer"
    if places:
        labels = column_names(X)
        named = [f"x{i}" if labels is None else str(labels[i]) for i in places[:10]]
        shown = ", ".join(map(repr, named)) + (", ..." if len(places) > len(named) else "")
        msg = f"{len(places)} feature(s) contain {what}: {shown}."
        raise InputError(msg)


def _find(is_bad, X):
    """Return the columns of numbers in which a value is bad."""
    if issparse(X):
        X = X.tocoo()
        return np.unique(X.col[is_bad(X.data)]).tolist()
    if not is_frame(X) and X.dtype.kind != "O":
        return np.flatnonzero(is_bad(X).any(axis=0)).tolist() if X.dtype.kind in "fc" else []
    numeric = np.setdiff1d(np.arange(X.shape[1]), non_numeric_columns(X))
    return numeric[is_bad(read_numbers(X, numeric)).any(axis=0)].tolist()


# Reading and building tables.


def read_numbers(X, columns):
    """Read some columns as numbers.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        The table, not of nested lists.
    columns : ndarray of int, shape (n_read,)
        Columns that hold numbers, booleans and nothing else.

    Returns
    -------
    ndarray of float64, shape (n_samples, n_read)
        NaN where there is no value.
    """
    if hasattr(X, "iloc"):
        return without_na(X.iloc[:, columns]).to_numpy(dtype=np.float64, na_value=np.nan)
    if is_frame(X):
        return X[:, columns.tolist()].to_numpy().astype(np.float64)
    part = without_na(X[:, columns])
    return np.asarray(part.toarray() if issparse(part) else part, dtype=np.float64)


def without_na(X):
    """Return a table with NaN for the missing values of objects: float() does not read pandas' NA.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        A table.

    Returns
    -------
    array-like or sparse matrix of shape (n_samples, n_features)
        The same table if there are no such values; nested lists with them become an array.
    """
    if hasattr(X, "iloc"):
        objects = np.flatnonzero(X.dtypes == np.dtype(object))
        places = [i for i in objects if _holds(column_of(X, i), type(pd.NA))]
        X = X.copy(deep=False) if places else X
        for i in places:
            X.isetitem(i, np.where(X.iloc[:, i].isna(), np.nan, X.iloc[:, i]))
        return X
    if isinstance(X, (list, tuple)):
        cells = cells_of(X)
        return without_na(cells) if any(_holds(row, type(pd.NA)) for row in cells) else X
    if getattr(X, "dtype", None) == np.dtype(object) and not issparse(X):
        return np.where(pd.isna(X), np.nan, X)
    return X


def with_names_of(X, values):
    """Return numbers as a pandas frame with the column names of `X`; as they are without."""
    return pd.DataFrame(values, columns=column_names(X)) if is_frame(X) else values


def take_by_column(X, sources, index_from=None):
    """Build a table each of whose columns takes its values from rows of its own.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The table; dense.
    sources : sequence of n_features ndarrays of int, each of shape (n_rows,)
        For each column the rows of `X` that its values come from.
    index_from : ndarray of int, shape (n_rows,), default=None
        The rows of `X` that the index of a pandas frame comes from; a new index if None.

    Returns
    -------
    array-like of shape (n_rows, n_features)
        Of the kind of `X`; columns keep their types.
    """
    if hasattr(X, "iloc"):
        values = {i: X.iloc[:, i].array.take(rows) for i, rows in enumerate(sources)}
        index = None if index_from is None else X.index.take(index_from)
        return pd.DataFrame(values, index=index).set_axis(X.columns, axis=1)  # names may repeat
    if is_frame(X):
        return type(X)(
            [rows_of(X[name], rows) for name, rows in zip(X.columns, sources, strict=True)]
        )
    return np.take_along_axis(np.asarray(X), np.asarray(sources).T, axis=0)


def stack_rows(X, more):
    """Return the rows of two tables of one kind as one; a pandas frame gets a new index."""
    if hasattr(X, "iloc"):
        return pd.concat([X, more], ignore_index=True)
    if is_frame(X):
        return X.vstack(more)
    return np.concatenate([np.asarray(X), more])
