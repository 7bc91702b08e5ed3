"""Targets: whether they name classes or measure something."""

from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from skprune.exceptions import InputError

# A numeric target with at most this many distinct values, all whole, is one of classes.
MAX_INTEGER_CLASSES = 20


class Target(NamedTuple):
    """A target, and what it is.

    Attributes
    ----------
    y : ndarray of shape (n_rows,)
        Codes of classes from 0, or numbers.
    classes : ndarray or None
        The labels in order of the codes; None for a quantity.
    """

    y: Any
    classes: Any


def read_target(y, task="auto"):
    """Read a target as classes or as a quantity.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        The target.
    task : {"auto", "classification", "regression"}, default="auto"
        With "auto", strings, booleans and at most 20 distinct whole numbers are classes,
        other numbers a quantity.

    Returns
    -------
    Target
        Its `y` holds floats for a quantity and int codes for classes.

    Raises
    ------
    InputError
        If a quantity is asked for and `y` holds no numbers, or classes and it holds fractions.
    """
    values = _plain(y)
    if task == "regression" and values.dtype.kind not in "iufb":
        msg = f"task='regression' was given, but y holds {values[:1].tolist()[0]!r}, no numbers."
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
    if task == "auto" and is_quantity(classes):
        return Target(values.astype(np.float64), None)
    return Target(codes, classes)


def is_quantity(values):
    """Whether distinct values of a target measure something, or else name classes."""
    if values.dtype.kind not in "iuf":
        return False
    return len(values) > MAX_INTEGER_CLASSES or bool((values % 1 != 0).any())


def _plain(output):
    """Return an object array as numbers if it holds only such, else as strings."""
    if output.dtype.kind != "O":
        return output
    return output.astype(float if all(isinstance(v, Real) for v in output) else str)
