"""The rows of a network as arrays: what its loss is made of."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import validate_data

from skprune._compat import check_sample_weight
from skprune.arrays.labels import codes_of
from skprune.base._rows import nothing_known
from skprune.exceptions import InputError

# Larger values have squares whose sums over rows are not finite.
LARGEST = 1e100


class NetworkRows(NamedTuple):
    """Rows as a network is trained on them.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n_rows, n_features)
        The rows, in float64.
    target : ndarray of shape (n_rows, n_outputs)
        Values, or probabilities of classes.
    weight : ndarray of shape (n_rows,)
        Weights; zero for a class that the network does not know.
    """

    X: Any
    target: Any
    weight: Any


def read_rows(model, rows):
    """Read rows as the fit of a network does.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        The fitted network.
    rows : ValidationData
        The rows.

    Returns
    -------
    NetworkRows
        The same in arrays.

    Raises
    ------
    InputError
        If there is no target, or one of another shape, values are too large to be squared, or
        no row says anything about the network.
    """
    if rows.y is None:
        msg = f"{type(model).__name__} is pruned by its targets. Give fit a y."
        raise InputError(msg)
    X = validate_data(model, rows.X, reset=False, accept_sparse="csr", dtype=np.float64)
    check_consistent_length(X, rows.y)
    if max(X.max(), -X.min()) > LARGEST:
        msg = f"X has values beyond {LARGEST:.0e}, whose squares have no sum. Scale the columns."
        raise InputError(msg)
    weight = check_sample_weight(rows.sample_weight, X, dtype=np.float64)
    target, known = _target(model, rows.y)
    weight = np.where(known, weight, 0.0)
    if not (weight > 0).any():
        raise nothing_known(len(weight))
    return NetworkRows(X, target, weight)


def _target(model, y):
    """Return targets in the shape of the outputs, and whether the network knows them."""
    labels_of_rows = model.out_activation_ == "logistic" and model.n_outputs_ > 1
    if is_classifier(model) and not labels_of_rows:
        codes = codes_of(model.classes_, column_or_1d(y))
        named = np.arange(model.n_outputs_) if model.n_outputs_ > 1 else np.ones(1, dtype=int)
        return np.equal.outer(codes, named).astype(np.float64), codes >= 0
    y = y.toarray() if issparse(y) else np.asarray(y)
    target = check_array(y.reshape(len(y), -1), dtype=np.float64, input_name="y")
    if target.shape[1] != model.n_outputs_:
        msg = (
            f"y has {target.shape[1]} columns, but the network has {model.n_outputs_} outputs. "
            "Give a column for each."
        )
        raise InputError(msg)
    return target, np.ones(len(y), dtype=bool)
