"""Checks of fitted attributes: what is malformed is refused before anything traverses it.

Compiled code of scikit-learn trusts fitted attributes: an index out of range in a model that was
edited, or read from a damaged file, would read or write outside of an array. NaN would spread
through scores without an error.
"""

import numpy as np
from scipy.sparse import issparse

from skprune.exceptions import InputError


def require(holds, model, given, allowed):
    """Raise an error for a fitted model that is malformed.

    Parameters
    ----------
    holds : bool
        Whether the model is as it should be.
    model : estimator
        The model.
    given, allowed : str
        What it has, and what is allowed.

    Raises
    ------
    InputError
        If not `holds`; the message names the class of the model and says what to do.
    """
    if not holds:
        msg = (
            f"This fitted {type(model).__name__} is malformed: {given}; {allowed}. It was edited, "
            "or read from a damaged file: fit it again, or load an intact copy."
        )
        raise InputError(msg)


def require_finite(model, **arrays):
    """Raise an error if a fitted array, dense or sparse, has a value that is no finite number."""
    for name, array in arrays.items():
        numbers = array.data if issparse(array) else np.asarray(array)
        given = f"{name} holds values of type {numbers.dtype}"
        require(numbers.dtype.kind in "biuf", model, given, "give real numbers")
        n_wrong = np.count_nonzero(~np.isfinite(numbers))
        require(not n_wrong, model, f"{name} has {n_wrong} values that are not finite", "give none")


def require_shape(model, name, array, shape):
    """Raise an error if a fitted array has another shape than needed; -1 is any length."""
    given = np.shape(array)
    fits = len(given) == len(shape) and all(
        needed in {-1, size} for size, needed in zip(given, shape, strict=True)
    )
    require(fits, model, f"{name} has shape {given}", f"its shape must be {shape}")


def require_indices(model, name, indices, n_values):
    """Raise an error if fitted indices are not all from 0 to below a number of values."""
    indices = np.asarray(indices)
    outside = indices[(indices < 0) | (indices >= n_values)]
    require(
        not len(outside),
        model,
        f"{name} has the index {outside[0] if len(outside) else None}",
        f"indices must be from 0 to {n_values - 1}",
    )


def require_sparse(model, name, array):
    """Raise an error if a fitted sparse array stores indices that are out of range."""
    if issparse(array):
        try:
            array.check_format(full_check=True)
        except ValueError as error:
            require(False, model, f"{name} is no valid sparse array ({error})", "give one")  # noqa: FBT003


def check_nodes(model, table, n_features):
    """Check the trees of a model.

    Parameters
    ----------
    model : estimator
        The model.
    table : NodeTable
        Its trees, whose children have been checked.
    n_features : int or ndarray of int, shape (n_nodes,)
        Number of features that the tree of each node was fitted on.

    Raises
    ------
    InputError
        If a split is on a feature that the model does not have, or a number is NaN. Values and
        impurities of nodes without any weight are not defined, and may be NaN. O(nodes).
    """
    split = table.is_split
    features = np.where(split, table.feature, 0)
    outside = features[(features < 0) | (features >= n_features)]
    require(
        not len(outside),
        model,
        f"a split is on feature {outside[0] if len(outside) else None}",
        f"features must be from 0 to {np.max(n_features) - 1}",
    )
    weighted = table.weight != 0
    for name, numbers, used in (
        ("threshold", table.threshold, split),
        ("weight", table.weight, True),
        ("impurity", table.impurity, weighted),
        ("value", table.value.reshape(table.n_nodes, -1).sum(axis=1), weighted & ~split),
    ):
        n_wrong = np.count_nonzero(np.isnan(numbers) & used)
        require(not n_wrong, model, f"the {name} of {n_wrong} nodes is NaN", "give numbers")
