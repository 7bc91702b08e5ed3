"""The type of a target: classes or a continuous quantity."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from skprune.exceptions import InputError

# At most this many distinct whole numbers are classes.
MAX_INTEGER_CLASSES = 20


class Target(NamedTuple):
    """A target as class codes or floats.

    Attributes
    ----------
    y : ndarray of shape (n_samples,)
        Class codes from 0, or floats.
    classes : ndarray or None
        The labels in order of the codes; None for a continuous target.
    """

    y: Any
    classes: Any


def read_target(y, task="auto"):
    """Read a target as classes or as a continuous quantity.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        The target.
    task : {"auto", "classification", "regression"}, default="auto"
        With "auto", strings, booleans and at most 20 distinct whole numbers are classes,
        other numbers a continuous target.

    Returns
    -------
    Target
        Its `y` holds floats of a continuous target, and int codes of classes.

    Raises
    ------
    InputError
        If regression is asked for and `y` holds no numbers, or classification and it holds
        fractions.
    """
    values = _plain(y)
    if task == "regression" and values.dtype.kind not in "iufb":
        msg = (
            f"task='regression' was given, but y holds {values[:1].tolist()[0]!r}, which is no "
            "number. Convert y to numbers, or give task='classification'."
        )
        raise InputError(msg)
    if task == "regression":
        return Target(values.astype(np.float64), None)
    if task == "classification" and values.dtype.kind == "f" and (values % 1 != 0).any():
        shown = values[values % 1 != 0][:1].tolist()[0]
        msg = (
            f"task='classification' was given, but y holds {shown!r}: classes are strings, "
            "booleans or whole numbers. Bin y first, or give task='regression'."
        )
        raise InputError(msg)
    classes, codes = np.unique(values, return_inverse=True)
    if task == "auto" and is_continuous(classes):
        return Target(values.astype(np.float64), None)
    return Target(codes, classes)


def is_continuous(values):
    """Return whether distinct values of a target are a continuous quantity, not classes."""
    if values.dtype.kind not in "iuf":
        return False
    return len(values) > MAX_INTEGER_CLASSES or bool((values % 1 != 0).any())


def _plain(output):
    """Return an object array as floats if it holds only numbers, else as strings."""
    if output.dtype.kind != "O":
        return output
    return output.astype(float if all(isinstance(v, Real) for v in output) else str)
