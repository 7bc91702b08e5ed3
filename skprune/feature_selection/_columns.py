"""Columns that hold no numbers, their codes, and samples without weight."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skprune._compat import rows_of
from skprune.base._frames import (
    cells_of,
    column_names,
    column_of,
    is_frame,
    is_nested,
    is_temporal,
    non_numeric_columns,
    read_numbers,
    with_names_of,
    without_na,
)
from skprune.exceptions import InputError, PruningWarning

# Sample weights with a smaller mean are shares of something, not numbers of repetitions.
MIN_MEAN_WEIGHT = 0.1
# Whole numbers up to this are exact as floats.
LARGEST_EXACT = 2**53


class Columns(NamedTuple):
    """A table as numbers.

    Attributes
    ----------
    X : ndarray or sparse array of shape (n_samples, n_features)
        Numbers, and codes of categories; NaN where there is no value.
    nominal : ndarray of bool, shape (n_features,)
        Features that hold codes of categories, whose order and distance mean nothing.
    temporal : ndarray of bool, shape (n_features,)
        Those of them that hold dates or durations; None if dates are not encoded.
    """

    X: Any
    nominal: Any
    temporal: Any = None


def warn_of_rounding(X, *, stacklevel):
    """Warn of whole numbers that differ but are equal once they are floats.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The table. Only features of 64-bit whole numbers are read.
    stacklevel : int
        As of `warnings.warn`.
    """
    places = []
    is_table = is_frame(X) or (isinstance(X, np.ndarray) and X.ndim == 2)
    for place in range(X.shape[1] if is_table else 0):
        values = np.asarray(column_of(X, place)) if is_frame(X) else X[:, place]
        if values.dtype.kind not in "iu" or not len(values):
            continue
        if max(int(values.max()), -int(values.min())) <= LARGEST_EXACT:
            continue
        if len(np.unique(values)) > len(np.unique(values.astype(np.float64))):
            places.append(place)
    if places:
        names = column_names(X)
        shown = places if names is None else [names[place] for place in places]
        warnings.warn(
            f"The features {shown} hold whole numbers beyond 2**53 that are equal once they "
            "are rounded to floats, and are compared as equal. If they identify something, leave "
            "them out, or make them text.",
            PruningWarning,
            stacklevel=stacklevel + 1,
        )


# Features that hold no numbers.


def refuse_text(X, places, what):
    """Name the features that are not numeric, before numpy fails on one of their values.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The table.
    places : list of int
        Features that are refused; nothing happens if there are none.
    what : str
        What refuses them, and why; begins the message.

    Raises
    ------
    InputError
        If there are such features.
    """
    if not places:
        return
    labels = column_names(X)
    named = [f"x{i}" if labels is None else labels[i] for i in places]
    shown = ", ".join(map(repr, named[:10])) + (", ..." if len(named) > 10 else "")
    msg = (
        f"{what}, but {len(named)} feature(s) hold something else: {shown}. Encode them first "
        "(for example with OneHotEncoder or OrdinalEncoder), or select the numeric features "
        "(for example with make_column_selector)."
    )
    raise InputError(msg)


def encode_columns(X, what, *, categories, times=False, hashed=False):
    """Replace features that hold no numbers by codes, or refuse them.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        A table of any kind.
    what : str
        What reads the table; begins the messages.
    categories : bool
        Whether text and categories are encoded; they are refused otherwise.
    times, hashed : bool, default=False
        As of `encode_text`.

    Returns
    -------
    X : array-like of shape (n_samples, n_features)
        The table, with codes; not validated yet.
    text : list of int
        Features that hold codes.
    temporal : list of int
        Those of them that hold dates or durations; none if dates are not encoded.

    Raises
    ------
    InputError
        If features are refused.
    """
    text = non_numeric_columns(X)
    X = without_na(X)
    if text and not is_frame(X):
        X = cells_of(X)
    temporal = [i for i in text if times and is_temporal(column_of(X, i))]
    what = f"{what} reads numbers"
    if not categories:
        refuse_text(X, text, what)
    elif text:
        X = encode_text(X, text, f"{what} and categories", hashed=hashed, times=times)
    return X, text, temporal


def encode_text(X, places, what, *, hashed=False, times=False):
    """Replace features of text and categories, and of dates if they are read, by codes.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        A pandas or polars frame, an array or nested lists.
    places : list of int
        Features to encode, as `non_numeric_columns` returns them.
    what : str
        What reads the table, and which of its features; begins the messages.
    hashed : bool, default=False
        Whether a code is a hash of the value's text (53 bits), the same in any other samples.
    times : bool, default=False
        Whether dates and durations are encoded too.

    Returns
    -------
    DataFrame or ndarray of shape (n_samples, n_features)
        Floats: the numbers, codes from 0 in order of appearance, NaN for missing values. A
        DataFrame with the names of `X` if it is a frame.

    Raises
    ------
    InputError
        If features hold lists or dicts, or dates or durations that are not encoded.
    """
    X = X if is_frame(X) else cells_of(X)
    wrong = is_nested if times else lambda column: is_temporal(column) or is_nested(column)
    refuse_text(X, [i for i in places if wrong(column_of(X, i))], what)
    values = np.empty(X.shape)
    rest = np.setdiff1d(np.arange(values.shape[1]), places)
    values[:, rest] = read_numbers(X, rest)
    for i in places:
        codes, labels = pd.factorize(pd.Series(list(column_of(X, i)), dtype=object))
        known = _hash_labels(labels) if hashed else np.arange(len(labels))
        values[:, i] = np.append(known, np.nan)[codes]  # a code of -1 is no value
    return with_names_of(X, values)


def _hash_labels(labels):
    """Return 53 bits for each label, which are exact in float64."""
    texts = np.array([str(label) for label in labels], dtype=object)
    return pd.util.hash_array(texts, categorize=False) >> np.uint64(11)


# Samples and their weights.


def positive_weight_only(table, y, sample_weight):
    """Leave out the samples without weight, which count as if they were absent.

    Parameters
    ----------
    table : Columns
        The table.
    y : array-like of shape (n_samples, ...) or None
        The target.
    sample_weight : ndarray of shape (n_samples,) or None
        Non-negative weights, not all zero.

    Returns
    -------
    tuple of Columns, array-like or None, and ndarray or None
        The three for the samples with a positive weight; as given if all have one.
    """
    if sample_weight is None or sample_weight.all():
        return table, y, sample_weight
    rows = np.flatnonzero(sample_weight)
    return table._replace(X=rows_of(table.X, rows)), rows_of(y, rows), sample_weight[rows]


def warn_of_small_weights(sample_weight, *, stacklevel):
    """Warn if weights are too small to be repetitions, for criteria in which that matters.

    Parameters
    ----------
    sample_weight : ndarray of shape (n_samples,) or None
        Positive weights.
    stacklevel : int
        The level of `warnings.warn`.
    """
    if sample_weight is None or sample_weight.mean() >= MIN_MEAN_WEIGHT:
        return
    msg = (
        f"sample_weight adds up to {sample_weight.sum():.3g} over {len(sample_weight)} samples, "
        "and a weight counts as that many samples: too few to score features by. Rescale it to a "
        "mean of 1."
    )
    warnings.warn(msg, PruningWarning, stacklevel=stacklevel)
