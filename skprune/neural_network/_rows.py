"""The data of a network as arrays: samples, targets of its outputs, weights."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import validate_data

from skprune.base._rows import refuse_huge
from skprune.base._targets import samples_missing, targets_for_model


class NetworkData(NamedTuple):
    """Samples as a network is trained on them.

    Attributes
    ----------
    X : ndarray or CSR matrix of shape (n_samples, n_features)
        The samples, in float64.
    target : ndarray of shape (n_samples, n_outputs)
        Values, or probabilities of classes.
    weight : ndarray of shape (n_samples,)
        Weights; zero for labels that the network does not know.
    """

    X: Any
    target: Any
    weight: Any


def network_data(model, rows):
    """Read samples as the fit of a network does.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        The fitted network.
    rows : ValidationData
        The samples.

    Returns
    -------
    NetworkData
        The same in arrays.

    Raises
    ------
    InputError
        If the targets do not suit the network, values are too large to be squared, or no
        sample has a positive weight and a label that the network knows.
    """
    X = validate_data(model, rows.X, reset=False, accept_sparse="csr", dtype=np.float64)
    refuse_huge(X)
    multilabel = model.out_activation_ == "logistic" and model.n_outputs_ > 1
    target, known, weight = targets_for_model(
        model,
        X,
        rows.y,
        rows.sample_weight,
        f"Pruning {type(model).__name__}",
        n_outputs=model.n_outputs_,
        multilabel=multilabel,
    )
    weight = np.where(known.all(axis=1), weight, 0.0)
    if not (weight > 0).any():
        raise samples_missing(len(weight), labels=True)
    if is_classifier(model) and not multilabel:
        codes = np.arange(model.n_outputs_) if model.n_outputs_ > 1 else np.ones(1, dtype=int)
        target = (target == codes).astype(np.float64)
    return NetworkData(X, target, weight)
