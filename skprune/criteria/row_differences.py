"""How much two rows differ, column by column and in all.

The difference of two values is in [0, 1]: for numbers their distance over the range of the
column, for categories 1 unless they are the same. What is missing differs from a value by as
much as values of its class do on average (Robnik-Sikonja and Kononenko 2003): by what is
expected, not by nothing. The distance of two rows is the sum of their differences.

Rows are held class by class, so that a block of distances is between two classes at most:
it is then a compiled loop over what is known, and two GEMMs for what is missing.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

# Elements of the arrays that are made for some pairs of rows at a time: they fit the cache.
CACHED = 2**16


class EncodedSamples(NamedTuple):
    """Rows, ready to be compared; sorted by class, and those without weight left out.

    Attributes
    ----------
    values : ndarray of shape (n_rows, n_columns)
        Numbers scaled to [0, 1], codes of categories as they are; 0 where missing.
    numbers, codes : ndarray of shape (n_rows, n_numbers), (n_rows, n_nominal)
        The columns of `values` by kind.
    weight : ndarray of shape (n_rows,)
        Weights, all positive.
    label : ndarray of int, shape (n_rows,)
        Class of each row.
    spans : list of slice
        The rows of each class.
    varies : ndarray of bool, shape (n_columns,)
        Columns with at least two distinct values.
    gappy : ndarray of int
        Columns in which values are missing.
    missing : ndarray of shape (n_rows, n_gappy)
        1.0 where a value is missing.
    expected : ndarray of shape (n_classes, n_rows, n_gappy)
        Expected difference of each value, or of what is missing, to a value of each class.
    known : ndarray of shape (n_rows, n_gappy)
        Difference of each value to what stands in `values` for what is missing.
    """

    values: Any
    numbers: Any
    codes: Any
    weight: Any
    label: Any
    spans: Any
    varies: Any
    gappy: Any
    missing: Any
    expected: Any
    known: Any


def encode_samples(X, nominal, label, weight):
    """Make a table ready for `distances` and `difference_sums`.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Finite numbers and codes of categories (distinct whole numbers); NaN where missing.
    nominal : ndarray of bool, shape (n_columns,)
        Columns of categories.
    label : ndarray of int, shape (n_rows,)
        Class of each row, from 0 up and in ascending order; every class has rows.
    weight : ndarray of shape (n_rows,)
        Positive weights; a weight of 2 equals the row twice.

    Returns
    -------
    EncodedSamples
        Two copies of the table at most, and one per class of the columns with gaps.

    Notes
    -----
    O(n_rows * n_columns), and O(n_classes * n_rows log n_rows) per column with gaps.
    """
    absent = np.isnan(X)
    low, high = np.fmin.reduce(X), np.fmax.reduce(X)
    varies = low < high
    half = np.where(varies, high / 2 - low / 2, 1.0)  # of the range, which may overflow
    scaled = (X / 2 - low / 2) / np.where(half > 0, half, 1.0)
    values = np.ascontiguousarray(np.where(nominal, X, scaled))
    gappy = np.flatnonzero(absent.any(axis=0))
    spans = [slice(*ends) for ends in pairwise(np.searchsorted(label, np.arange(label[-1] + 2)))]
    expected = np.zeros((len(spans), len(X), len(gappy)))
    for place, column in enumerate(gappy):
        of_kind = _expected_mismatches if nominal[column] else _expected_distances
        expected[:, :, place] = _expect(of_kind, values[:, column], weight, spans)
    values[absent] = 0.0
    missing = absent[:, gappy].astype(np.float64)
    known = np.abs(values[:, gappy])
    return EncodedSamples(
        values,
        np.ascontiguousarray(values[:, ~nominal]) if nominal.any() else values,
        np.ascontiguousarray(values[:, nominal]),
        weight,
        label,
        spans,
        varies,
        gappy,
        missing,
        expected,
        np.where(nominal[gappy], np.minimum(known, 1.0), known),
    )


def _expect(of_kind, column, weight, spans):
    """Return the expected differences of a column's entries to values of each class."""
    absent = np.isnan(column)
    out = np.zeros((len(spans), len(column)))
    if absent.all():
        return out
    # A class without values has those of all rows.
    members = [np.flatnonzero(~absent[span]) + span.start for span in spans]
    members = [rows if len(rows) else np.flatnonzero(~absent) for rows in members]
    for found, rows in zip(out, members, strict=True):
        found[~absent] = of_kind(column[rows], weight[rows] / weight[rows].sum(), column[~absent])
        for span, others in zip(spans, members, strict=True):
            lost = np.flatnonzero(absent[span]) + span.start
            found[lost] = np.average(found[others], weights=weight[others])
    return out


def _expected_distances(values, share, of):
    """Return the mean distance of numbers to `values`; O(n log n)."""
    order = np.argsort(values, kind="stable")
    below = np.append(0.0, np.cumsum(share[order]))
    sums = np.append(0.0, np.cumsum((share * values)[order]))
    place = np.searchsorted(values[order], of, side="right")
    return of * (2 * below[place] - below[-1]) + sums[-1] - 2 * sums[place]


def _expected_mismatches(values, share, of):
    """Return the share of `values` that differ from each code."""
    kinds, place = np.unique(np.concatenate([values, of]), return_inverse=True)
    shares = np.bincount(place[: len(values)], share, minlength=len(kinds))
    return 1.0 - shares[place[len(values) :]]


def distances(rows, left, right):
    """Return the distances between rows of one class and rows of one class.

    Parameters
    ----------
    rows : EncodedSamples
        The rows.
    left, right : slice
        Which of them; each within one class.

    Returns
    -------
    ndarray of shape (n_left, n_right)
        Sums of the differences of all columns.

    Notes
    -----
    O(n_left * n_right * n_columns).
    """
    found = np.zeros((left.stop - left.start, right.stop - right.start))
    if rows.numbers.shape[1]:
        found = cdist(rows.numbers[left], rows.numbers[right], "cityblock")
    if n_nominal := rows.codes.shape[1]:
        found += np.rint(n_nominal * cdist(rows.codes[left], rows.codes[right], "hamming"))
    if len(rows.gappy):
        # What is known of a pair is already in: it gives way to what is expected.
        more = rows.expected[rows.label[left.start], right] - rows.known[right]
        found += rows.missing[left] @ more.T
        more = rows.expected[rows.label[right.start], left] - rows.known[left]
        found += (more * (1.0 - rows.missing[left])) @ rows.missing[right].T
    return found


def difference_sums(rows, i, j, weights):
    """Sum the differences of pairs of rows, column by column.

    Parameters
    ----------
    rows : EncodedSamples
        The rows.
    i, j : ndarray of int, shape (n_pairs,)
        The pairs.
    weights : ndarray of shape (n_sums, n_pairs)
        What a pair counts in each sum.

    Returns
    -------
    ndarray of shape (n_sums, n_columns)
        The sums.

    Notes
    -----
    O(n_pairs * n_columns), some pairs at a time.
    """
    n_columns = rows.values.shape[1]
    sums = np.zeros((len(weights), n_columns))
    step = max(1, CACHED // n_columns)
    for start in range(0, len(i), step):
        piece = slice(start, start + step)
        sums += weights[:, piece] @ _differences(rows, i[piece], j[piece])
    return sums


def _differences(rows, i, j):
    """Return the differences of pairs of rows, of shape (n_pairs, n_columns)."""
    found = np.take(rows.values, i, axis=0)
    found -= np.take(rows.values, j, axis=0)
    np.abs(found, out=found)
    if rows.codes.shape[1]:
        np.minimum(found, 1.0, out=found)  # codes are whole numbers
    if len(rows.gappy):
        to_j = np.where(rows.missing[j] > 0, rows.expected[rows.label[j], i], found[:, rows.gappy])
        found[:, rows.gappy] = np.where(rows.missing[i] > 0, rows.expected[rows.label[i], j], to_j)
    return found
