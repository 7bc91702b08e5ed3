"""Digests of everything that a fitted estimator holds and computes, for `behaviour`."""

import hashlib
import warnings
from functools import partial

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone

from skprune import model_size

METHODS = ("predict", "predict_proba", "decision_function", "score_samples", "transform")
PLAIN = (np.ndarray, np.generic, str, bool, int, float, list, tuple)  # what has a digest


def describe(estimator, X, y, n_train, sample_weight=None):
    """Fit an estimator, and return digests of everything that it then holds and computes.

    Parameters
    ----------
    estimator : estimator
        What is fitted; a copy of it is.
    X, y : array-like
        All samples: the first of them fit, and all are predicted.
    n_train : int
        How many fit.
    sample_weight : ndarray of shape (n_train,), default=None
        Their weights.

    Returns
    -------
    dict of str to str
        Digests by name; of a fit that fails the error alone.
    """
    fitted = clone(estimator)
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = _entries("fit", lambda: fitted.fit(X[:n_train], y[:n_train], **weights))
        for name, compute in [] if found else _results(fitted, X, y):  # found is an error
            found |= _entries(name, compute)
    return found


def name_of(estimator):
    """Return the class and the changed parameters of an estimator, on one line."""
    return " ".join(estimator.__repr__(N_CHAR_MAX=10**6).split())


def _digest(value):
    """Return a short text, the same for values that are equal to the last bit."""
    if isinstance(value, np.ma.MaskedArray):
        return f"masked {value.dtype} {_digest(value.tolist())}"
    if isinstance(value, np.ndarray) and value.dtype != object:
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()[:20]}"
    if isinstance(value, BaseEstimator):
        return name_of(value)
    if isinstance(value, dict):
        value = list(value.items())
    text = repr(value)
    if isinstance(value, list | tuple | np.ndarray):
        text = f"{type(value).__name__} [{', '.join(map(_digest, value))}]"
    return text if len(text) <= 100 else hashlib.sha256(text.encode()).hexdigest()[:20]


def _entries(name, compute):
    """Return digests of what a function returns: by key, by column, none of other objects."""
    try:
        value = compute()
    except Exception as error:  # noqa: BLE001 - whatever it raises is its behaviour
        return {name: f"{type(error).__name__}: {error}"}
    if isinstance(value, pd.DataFrame):
        # By position: columns may be renamed while their values stay the same.
        columns = [column.to_numpy() for _, column in value.items()]
        value = dict(enumerate([list(value.columns), value.index.to_numpy(), *columns]))
    if isinstance(value, dict):
        return {f"{name} {k}": _digest(each) for k, each in value.items() if "time" not in str(k)}
    return {name: _digest(value)} if isinstance(value, PLAIN) else {}


def _predictions(model, X):
    """Return what each method of a model returns."""
    return {method: getattr(model, method)(X) for method in METHODS if hasattr(model, method)}


def _results(fitted, X, y):
    """Yield all that a fitted estimator holds and computes: a name, and what returns it."""
    for name in dir(fitted):
        public = name.endswith("_") and not name.startswith("_") and "time" not in name
        if public and hasattr(fitted, name):
            yield name, partial(getattr, fitted, name)
    yield "fitted", lambda: _predictions(fitted, X)
    if hasattr(fitted, "get_support"):
        yield "support", fitted.get_support
    if hasattr(fitted, "predict"):
        yield "size", lambda: vars(model_size(fitted))
    if hasattr(fitted, "path_"):
        yield from _path_results(fitted.path_, X, y)


def _path_results(path, X, y):
    """Yield all levels of a path, and the predictions and scores of three of them."""
    last = len(path) - 1
    keep = [1.0, 0.7, 0.3, 0.05, int(path.units[0]), int(path.units[last])]
    threshold = path.levels.get("threshold", pd.Series(dtype=float)).dropna()
    yield "path keep", lambda: [path.locate(keep=each) for each in keep]
    yield "path threshold", lambda: [path.locate(threshold=each) for each in threshold]
    yield "path levels", lambda: path.levels
    yield "path sizes", lambda: path.sizes
    if not hasattr(path, "mask"):
        yield "path masks", lambda: np.array([path.cut(index=i) for i in range(last + 1)])
        return
    yield "path masks", lambda: np.array([path.mask(i) for i in range(last + 1)])
    rows = sorted({last // 3, 2 * last // 3, last})
    for row in rows:
        yield f"path level {row}", lambda i=row: _predictions(path.cut(index=i), X)
    yield "path scores", lambda: path.score(X, y, index=rows)
