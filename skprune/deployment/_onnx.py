"""Conversion of results, and of pipelines that hold pruners, to ONNX."""

import copy
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skprune._compat import import_extra
from skprune.arrays.annotations import MatrixLike
from skprune.deployment._onnx_pruners import allowed_options, inner_of, register_pruners
from skprune.deployment._onnx_trees import tree_converters
from skprune.exceptions import InputError

DTYPES = (np.float32, np.float64)


def to_onnx(
    fitted: Any,
    X: MatrixLike,
    *,
    dtype: DTypeLike = np.float32,
    target_opset: int | None = None,
) -> Any:
    """Convert a fitted model, pruner, pipeline or search to ONNX.

    Parameters
    ----------
    fitted : fitted estimator
        The result of a pruner (its `estimator_`), the pruner itself, or a pipeline, search or
        ensemble of scikit-learn that may hold pruners.
    X : array-like of shape (n_samples, n_features)
        Samples as `fitted` takes them. Only the number and the types of the features are used,
        so that one sample is enough. A frame becomes one input for each column if `fitted`
        starts with a `ColumnTransformer` or a column holds no numbers, else a single input "X".
    dtype : {numpy.float32, numpy.float64}, default=numpy.float32
        Precision of the numbers that the graph takes; give it its data in this precision.
        Columns without numbers are text.
    target_opset : int, default=None
        Version of the operators of the graph; if None, the newest that skl2onnx has tested.

    Returns
    -------
    onnx.ModelProto
        The graph. A classifier has the outputs "label" and "probabilities", which is a matrix.

    Raises
    ------
    MissingExtraError
        If skl2onnx is not installed.
    InputError
        If `dtype` is another type, or `X` is not a matrix.
    UnsupportedModelError
        If an ensemble of trees splits by categories, or its labels are neither integers nor
        strings.
    skl2onnx.common.exceptions.MissingConverter
        If another part of `fitted` has no converter.

    See Also
    --------
    model_size : Measures what a model stores.

    Notes
    -----
    The graph of a sum of trees takes the same branch as the model at every threshold: numbers in
    double precision are rounded to single precision where scikit-learn does so, and missing
    values take the branch that they take in the model. The result is computed in single precision,
    whatever `dtype` is. O(nodes) per value of a leaf.

    The converters of trees are used in this call only. Those of pruners remain registered with
    skl2onnx. Its options other than these, such as `zipmap`, can be set with its own `to_onnx`.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skprune import TreePruner, to_onnx
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> whole = RandomForestClassifier(20, random_state=0).fit(X, y)
    >>> pruner = TreePruner(RandomForestClassifier(20, random_state=0), keep=0.25).fit(X, y)
    >>> for fitted in (whole, pruner):
    ...     print(f"{len(to_onnx(fitted, X).SerializeToString()) / 1000:.0f} kB")
    28 kB
    8 kB
    """
    skl2onnx = import_extra("skl2onnx", "export", "to_onnx")
    if not any(np.dtype(dtype) == allowed for allowed in DTYPES):
        msg = f"dtype={dtype!r} was given. Give numpy.float32 or numpy.float64."
        raise InputError(msg)
    check_is_fitted(fitted)
    register_pruners()
    model = unwrapped(fitted)
    return skl2onnx.convert_sklearn(
        model,
        name=f"ONNX({type(model).__name__})",
        initial_types=_inputs(model, X, np.dtype(dtype)),
        target_opset=target_opset,
        options=_options(model) or None,
        **tree_converters(),
    )


def unwrapped(model):
    """Return a fitted estimator without the pruners, searches and frozen models at its end.

    Parameters
    ----------
    model : fitted estimator
        It is not changed.

    Returns
    -------
    estimator
        The model inside; of a pipeline a shallow copy.
    """
    while (inner := inner_of(model)) is not None:
        model = inner
    if isinstance(model, Pipeline):
        model = copy.copy(model)
        model.steps = [(name, unwrapped(step)) for name, step in model.steps]
    if isinstance(model, VotingClassifier):
        model = copy.copy(model)
        model.flatten_transform = False  # no part of predictions, and skl2onnx refuses it
    return model


def _options(model):
    """Return the options by which the probabilities of a classifier come as a matrix."""
    options = {}
    while is_classifier(model):
        if "zipmap" in allowed_options(model):
            options[id(model)] = {"zipmap": False}
        if not isinstance(model, Pipeline):
            break
        model = model.steps[-1][1]
    return options


def _inputs(model, X, dtype):
    """Return the names and the types of the inputs of the graph."""
    types = import_extra("skl2onnx.common.data_types", "export", "to_onnx")
    numbers = types.FloatTensorType if dtype == np.float32 else types.DoubleTensorType
    columns = getattr(X, "columns", None)
    if columns is None:
        X = X if hasattr(X, "shape") else np.asarray(X)
        if len(X.shape) != 2:
            msg = f"X has shape {X.shape}. Give a matrix of shape (n_samples, n_features)."
            raise InputError(msg)
        is_text = getattr(X.dtype, "kind", "f") not in "fiub"
        return [("X", (types.StringTensorType if is_text else numbers)([None, X.shape[1]]))]
    first = model.steps[0][1] if isinstance(model, Pipeline) else model
    is_number = [_holds_numbers(X[name]) for name in columns]
    if all(is_number) and not isinstance(first, ColumnTransformer):
        return [("X", numbers([None, len(columns)]))]
    kinds = [numbers if number else types.StringTensorType for number in is_number]
    return [(str(name), kind([None, 1])) for name, kind in zip(columns, kinds, strict=True)]


def _holds_numbers(column):
    """Return whether a column of a frame holds numbers or truth values."""
    return np.asarray(column[:1]).dtype.kind in "fiub"
