"""Class labels as positions among the known classes."""

from itertools import repeat

import numpy as np

# Kinds of arrays that are searched in sorted order: labels of other kinds are hashed.
NUMBERS, SORTED = "iuf", "USMm"


def encode_labels(classes, labels):
    """Return the position of each label among the classes.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
        Distinct known labels, in any order.
    labels : array-like of shape (n_labels,)
        Labels. Equal numbers are the same label whatever their type, booleans included.

    Returns
    -------
    ndarray of int, shape (n_labels,)
        Positions; -1 for labels that are not among the classes.

    Notes
    -----
    O(n_labels log n_classes) for numbers and for strings. Objects are hashed, as labels of
    mixed types cannot be sorted.
    """
    classes, labels = _as_numbers(classes), _as_numbers(labels)
    if len(classes) and _share_an_order(classes.dtype, labels.dtype):
        return _search(classes, labels)
    return _look_up(classes, labels)


def encode_targets(classes, y):
    """Encode the labels of each output.

    Parameters
    ----------
    classes : array-like of shape (n_classes,) or list of n_outputs of these
        The `classes_` of a classifier.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels.

    Returns
    -------
    ndarray of int, shape (n_samples, n_outputs)
        Positions among the classes of the output; -1 for labels that are not among them.
    """
    y = np.asarray(y)
    y = y.reshape(len(y), -1)
    classes = classes if isinstance(classes, list) else [classes]
    codes = np.empty(y.shape, dtype=np.intp)
    for output, (known, labels) in enumerate(zip(classes, y.T, strict=True)):
        codes[:, output] = encode_labels(known, labels)
    return codes


def _as_numbers(labels):
    """Return booleans as 0 and 1, which they equal elsewhere; other labels as they are."""
    labels = np.asarray(labels)
    return labels.astype(np.intp) if labels.dtype.kind == "b" else labels


def _share_an_order(one, other):
    """Return whether labels of two types can be compared in sorted order, and exactly."""
    kinds = {one.kind, other.kind}
    if kinds <= set(NUMBERS):
        # Signed and unsigned integers of 64 bits meet in floats, which round.
        return "f" in kinds or np.result_type(one, other).kind != "f"
    return len(kinds) == 1 and one.kind in SORTED


def _search(classes, labels):
    order = np.argsort(classes, kind="stable")
    ordered = classes[order]
    place = np.searchsorted(ordered, labels)
    np.minimum(place, len(classes) - 1, out=place)
    found = ordered[place]
    same = found == labels
    if labels.dtype.kind in "fMm":
        same |= (found != found) & (labels != labels)  # noqa: PLR0124 - NaN and NaT
    return np.where(same, order[place], -1)


def _look_up(classes, labels):
    known = {label: i for i, label in enumerate(classes.tolist())}
    codes = np.fromiter(map(known.get, labels.tolist(), repeat(-1)), np.intp, len(labels))
    for label, i in known.items():
        if _is_nan(label):  # one NaN is not equal to another, but the same label
            codes[np.fromiter(map(_is_nan, labels.tolist()), bool, len(labels))] = i
    return codes


def _is_nan(label):
    return isinstance(label, float) and label != label  # noqa: PLR0124
