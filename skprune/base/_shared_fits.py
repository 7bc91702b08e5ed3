"""Fits that several pruners need, made once: what a search lends to the pruners of a fold."""

import time
from collections.abc import Hashable
from contextlib import contextmanager
from types import FunctionType
from typing import Any, NamedTuple

import joblib
from sklearn.base import BaseEstimator

# Private attribute of a pruner while its fit may take what others have fitted.
LENT = "_lent_fits"
# Besides its parameters, what `clone` copies of an estimator, and its fit may depend on.
REQUESTS = ("_metadata_request", "_sklearn_output_config")


class Slot(NamedTuple):
    """Fits of one setting to the same data, and the seconds that each took; by their key."""

    setting: Hashable
    data: tuple[Any, ...]
    made: dict[Hashable, tuple[Any, float]]


class SharedFits:
    """Fits that are made once, of the latest setting of each kind.

    Attributes
    ----------
    saved : float
        Seconds that the fits took which were taken from here.
    """

    def __init__(self):
        self._slots: dict[str, Slot] = {}
        self.saved = 0.0

    def once(self, kind, setting, data, key, make):
        """Return what `make` returns, or returned before for the same arguments.

        Parameters
        ----------
        kind : str
            What is made. Another setting, or other data, of this kind release those before.
        setting : hashable
            What determines the result, beside the data.
        data : tuple of object
            What it is fitted to; compared by identity.
        key : hashable
            Further settings, of which all results are held.
        make : callable
            Makes the result, which nobody changes. An error is not held.

        Returns
        -------
        object
            The very object that was made first.
        """
        slot = self._slots.get(kind)
        if slot is None or slot.setting != setting or not _same(slot.data, data):
            slot = self._slots[kind] = Slot(setting, data, {})
        if key in slot.made:
            result, seconds = slot.made[key]
            self.saved += seconds
            return result
        started, before = time.time(), self.saved
        result = make()
        slot.made[key] = result, time.time() - started + self.saved - before
        return result

    def release(self):
        """Forget all fits."""
        self._slots = {}

    def __getstate__(self):
        return {"_slots": {}, "saved": 0.0}


@contextmanager
def lent(pruner, fits):
    """Let the fit of a pruner take what others have fitted.

    Parameters
    ----------
    pruner : object
        Anything; only pruners of models take what is lent.
    fits : SharedFits or None
        None to lend nothing.
    """
    setattr(pruner, LENT, fits)
    try:
        yield
    finally:
        delattr(pruner, LENT)


class Same:
    """A value that is equal to itself only."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Same) and self.value is other.value

    def __hash__(self):
        return id(self.value)


def signature_of(value):
    """Return what is equal for parameters, or unfitted estimators, whose fits are equal.

    Parameters
    ----------
    value : object
        Estimators are compared by class and parameters, other values by what they hold, where
        that can be told.

    Returns
    -------
    hashable
        Equal signatures have equal fits; those of unequal values differ.
    """
    if isinstance(value, (list, tuple)):
        return type(value), *map(signature_of, value)
    if isinstance(value, dict):
        return type(value), *((key, signature_of(each)) for key, each in value.items())
    if value is None or isinstance(value, (str, bytes, bool, int, float)):
        return type(value), repr(value)
    copies = getattr(type(value), "__sklearn_clone__", BaseEstimator.__sklearn_clone__)
    if isinstance(value, (type, FunctionType)) or copies is not BaseEstimator.__sklearn_clone__:
        return Same(value)  # a frozen model is more than its parameters
    return _signature_of_object(value)


def _signature_of_object(value):
    if hasattr(value, "get_params"):
        params = sorted(value.get_params(deep=False).items())
        extras = joblib.hash([getattr(value, name, None) for name in REQUESTS])
        return type(value), *((name, signature_of(each)) for name, each in params), extras
    try:
        return type(value), joblib.hash(value)
    except Exception:  # noqa: BLE001 - what cannot be pickled may raise anything
        return Same(value)


def _same(one, two):
    return len(one) == len(two) and all(a is b for a, b in zip(one, two, strict=True))
