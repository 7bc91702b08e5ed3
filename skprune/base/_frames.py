"""Columns and rows of pandas frames, polars frames and arrays."""

import numpy as np
import pandas as pd


def read_numbers(X, columns):
    """Read some columns as numbers.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_columns)
        A pandas or polars frame, an array or a sparse matrix.
    columns : ndarray of int, shape (n_read,)
        Columns that hold numbers, booleans and nothing else.

    Returns
    -------
    ndarray of float64, shape (n_rows, n_read)
        NaN where there is no value.
    """
    if hasattr(X, "iloc"):
        return X.iloc[:, columns].to_numpy(dtype=np.float64, na_value=np.nan)
    if hasattr(X, "columns"):
        return X[:, columns.tolist()].to_numpy().astype(np.float64)
    part = X[:, columns]
    return np.asarray(part.toarray() if hasattr(part, "toarray") else part, dtype=np.float64)


def column_of(X, i):
    return X.iloc[:, i] if hasattr(X, "iloc") else X[:, i]


def stack(X, made):
    """Return rows and those made of them as one table."""
    if hasattr(X, "iloc"):
        return pd.concat([X, made], ignore_index=True)
    if hasattr(X, "columns"):  # polars
        return X.vstack(made)
    return np.concatenate([np.asarray(X), made])
