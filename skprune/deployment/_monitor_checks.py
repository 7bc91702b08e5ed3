"""Parameters and input of a monitor, checked."""

from numbers import Real

import numpy as np
from sklearn.base import is_regressor

from skprune.exceptions import InputError

PARAMETERS = ("level", "tolerance", "confidence", "atol", "drift")


def check_params(level, tolerance, confidence, atol, drift):
    """Return the parameters by name; InputError if one is out of range."""
    return {
        "level": within(level, "level", low=0, high=1, optional=True),
        "tolerance": within(tolerance, "tolerance", low=0, high=1, closed=True),
        "confidence": within(confidence, "confidence", low=0, high=1),
        "atol": within(atol, "atol", low=0, high=np.inf, closed=True, optional=True),
        "drift": bool(drift),
    }


def within(value, name, *, low, high, closed=False, optional=False):
    """Return a parameter as a float, or None; InputError if it is out of range."""
    if value is None and optional:
        return None
    number = isinstance(value, Real) and not isinstance(value, bool)
    if number and (low < value < high or (closed and value == low)):
        return float(value)
    msg = (
        f"{name}={value!r} was given. Allowed are numbers from {low} "
        f"{'(included)' if closed else '(excluded)'} to {high} (excluded)"
        f"{', and None' if optional else ''}. Give one of these."
    )
    raise InputError(msg)


def check_models(models, atol):
    """Refuse regressors if only equal predictions would agree."""
    for model in models:
        if atol is None and hasattr(model, "__sklearn_tags__") and is_regressor(model):
            msg = (
                f"{type(model).__name__} predicts numbers, which are seldom equal, but "
                "atol=None. Give the largest difference that counts as agreement."
            )
            raise InputError(msg)


def check_length(X, n_samples):
    """Refuse a table of another length than the predictions."""
    n = None if X is None else X.shape[0] if hasattr(X, "shape") else len(X)
    if n not in {None, n_samples}:
        msg = f"X has {n} sample(s), but there are {n_samples} predictions. Give one for each."
        raise InputError(msg)


def check_level(level, baseline, n_seen, stated):
    """Return the level of a stored state; ValueError if it does not fit the rest."""
    level = within(level, "level", low=0, high=1, optional=True)
    if level is None and (n_seen or baseline.n_samples):
        raise ValueError
    if stated is not None and level != stated:
        raise ValueError
    return level
