"""Differences between samples, feature by feature and in total (Gower distance).

The difference of two values is in [0, 1]: for numbers the absolute difference divided by the
range of the feature, for categories 0 if equal and 1 otherwise. If a value is missing, the
difference is its expectation given the class (Robnik-Sikonja and Kononenko 2003). The
distance of two samples is the sum of their differences.

Samples are sorted by class, so that a block of distances involves at most two classes. It is
computed by a compiled loop over present values, plus two GEMMs for missing ones.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

# Elements per temporary array in sums over pairs, which stays in the cache.
CACHED = 2**16


class EncodedSamples(NamedTuple):
    """Samples of positive weight, sorted by class and encoded for comparison.

    Attributes
    ----------
    values : ndarray of shape (n_samples, n_features)
        Numbers scaled to [0, 1] and unscaled category codes; 0 where missing.
    numbers, codes : ndarray of shape (n_samples, n_numeric), (n_samples, n_nominal)
        The numeric and the nominal features of `values`.
    weight : ndarray of shape (n_samples,)
        Positive sample weights.
    label : ndarray of int, shape (n_samples,)
        Class of each sample.
    spans : list of slice
        The samples of each class.
    varies : ndarray of bool, shape (n_features,)
        Features with at least two distinct values.
    incomplete : ndarray of int
        Features with missing values.
    missing : ndarray of shape (n_samples, n_incomplete)
        1.0 where a value is missing, else 0.0.
    expected : ndarray of shape (n_classes, n_samples, n_incomplete)
        Expected difference of each (present or missing) value to a value of each class.
    known : ndarray of shape (n_samples, n_incomplete)
        Difference of each value to 0, the placeholder of missing values in `values`.
    """

    values: Any
    numbers: Any
    codes: Any
    weight: Any
    label: Any
    spans: Any
    varies: Any
    incomplete: Any
    missing: Any
    expected: Any
    known: Any


def encode_samples(X, nominal, label, weight):
    """Encode a table for `distances` and `difference_sums`.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite numbers and category codes (distinct integers); NaN where missing.
    nominal : ndarray of bool, shape (n_features,)
        Nominal features.
    label : ndarray of int, shape (n_samples,)
        Encoded class labels, from 0 and in ascending order; every class occurs.
    weight : ndarray of shape (n_samples,)
        Positive weights; a weight of 2 equals the sample twice.

    Returns
    -------
    EncodedSamples
        At most two copies of the table, and one per class of the incomplete features.

    Notes
    -----
    O(n_samples * n_features), plus O(n_classes * n_samples log n_samples) per incomplete
    feature.
    """
    absent = np.isnan(X)
    low, high = np.fmin.reduce(X), np.fmax.reduce(X)
    varies = low < high
    half = np.where(varies, high / 2 - low / 2, 1.0)  # half the range, as the range may overflow
    scaled = (X / 2 - low / 2) / np.where(half > 0, half, 1.0)
    values = np.ascontiguousarray(np.where(nominal, X, scaled))
    incomplete = np.flatnonzero(absent.any(axis=0))
    spans = [slice(*ends) for ends in pairwise(np.searchsorted(label, np.arange(label[-1] + 2)))]
    expected = np.zeros((len(spans), len(X), len(incomplete)))
    for place, column in enumerate(incomplete):
        of_type = _expected_mismatches if nominal[column] else _expected_distances
        expected[:, :, place] = _expect(of_type, values[:, column], weight, spans)
    values[absent] = 0.0
    missing = absent[:, incomplete].astype(np.float64)
    known = np.abs(values[:, incomplete])
    return EncodedSamples(
        values,
        np.ascontiguousarray(values[:, ~nominal]) if nominal.any() else values,
        np.ascontiguousarray(values[:, nominal]),
        weight,
        label,
        spans,
        varies,
        incomplete,
        missing,
        expected,
        np.where(nominal[incomplete], np.minimum(known, 1.0), known),
    )


def _expect(of_type, column, weight, spans):
    """Return the expected differences of a feature's entries to values of each class."""
    absent = np.isnan(column)
    out = np.zeros((len(spans), len(column)))
    if absent.all():
        return out
    # A class without values takes those of all samples.
    members = [np.flatnonzero(~absent[span]) + span.start for span in spans]
    members = [rows if len(rows) else np.flatnonzero(~absent) for rows in members]
    for found, rows in zip(out, members, strict=True):
        found[~absent] = of_type(column[rows], weight[rows] / weight[rows].sum(), column[~absent])
        for span, others in zip(spans, members, strict=True):
            missing = np.flatnonzero(absent[span]) + span.start
            found[missing] = np.average(found[others], weights=weight[others])
    return out


def _expected_distances(values, share, of):
    """Return the weighted mean distance of numbers to `values`; O(n log n)."""
    order = np.argsort(values, kind="stable")
    below = np.append(0.0, np.cumsum(share[order]))
    sums = np.append(0.0, np.cumsum((share * values)[order]))
    place = np.searchsorted(values[order], of, side="right")
    return of * (2 * below[place] - below[-1]) + sums[-1] - 2 * sums[place]


def _expected_mismatches(values, share, of):
    """Return the weighted share of `values` that differ from each code; O(n log n)."""
    distinct, place = np.unique(np.concatenate([values, of]), return_inverse=True)
    shares = np.bincount(place[: len(values)], share, minlength=len(distinct))
    return 1.0 - shares[place[len(values) :]]


def distances(rows, left, right):
    """Return the distances between two blocks of samples.

    Parameters
    ----------
    rows : EncodedSamples
        The samples.
    left, right : slice
        The blocks, each within one class.

    Returns
    -------
    ndarray of shape (n_left, n_right)
        Sums of the differences over all features.

    Notes
    -----
    O(n_left * n_right * n_features).
    """
    found = np.zeros((left.stop - left.start, right.stop - right.start))
    if rows.numbers.shape[1]:
        found = cdist(rows.numbers[left], rows.numbers[right], "cityblock")
    if n_nominal := rows.codes.shape[1]:
        found += np.rint(n_nominal * cdist(rows.codes[left], rows.codes[right], "hamming"))
    if len(rows.incomplete):
        # Replace the differences to the placeholder by their expectations.
        correction = rows.expected[rows.label[left.start], right] - rows.known[right]
        found += rows.missing[left] @ correction.T
        correction = rows.expected[rows.label[right.start], left] - rows.known[left]
        found += (correction * (1.0 - rows.missing[left])) @ rows.missing[right].T
    return found


def difference_sums(rows, i, j, weights):
    """Return weighted sums of the differences of pairs of samples, feature by feature.

    Parameters
    ----------
    rows : EncodedSamples
        The samples.
    i, j : ndarray of int, shape (n_pairs,)
        The pairs.
    weights : ndarray of shape (n_sums, n_pairs)
        Coefficient of each pair in each sum.

    Returns
    -------
    ndarray of shape (n_sums, n_features)
        The sums.

    Notes
    -----
    O(n_pairs * n_features), in blocks of pairs.
    """
    n_columns = rows.values.shape[1]
    sums = np.zeros((len(weights), n_columns))
    step = max(1, CACHED // n_columns)
    for start in range(0, len(i), step):
        part = slice(start, start + step)
        sums += weights[:, part] @ _differences(rows, i[part], j[part])
    return sums


def _differences(rows, i, j):
    """Return the differences of pairs of samples; shape (n_pairs, n_features)."""
    found = np.take(rows.values, i, axis=0)
    found -= np.take(rows.values, j, axis=0)
    np.abs(found, out=found)
    if rows.codes.shape[1]:
        np.minimum(found, 1.0, out=found)  # codes are integers, so this is 0 or 1 for them
    if len(rows.incomplete):
        to_j = np.where(
            rows.missing[j] > 0, rows.expected[rows.label[j], i], found[:, rows.incomplete]
        )
        found[:, rows.incomplete] = np.where(
            rows.missing[i] > 0, rows.expected[rows.label[i], j], to_j
        )
    return found
