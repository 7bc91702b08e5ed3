"""Predictors that take only the features that they read, with the same predictions.

Each function takes a predictor and whether its samples are sparse (None: unknown). It returns a
`Narrowed`, or the reason why the predictor cannot do without some features that it does not read.
"""

import copy

import numpy as np
from scipy.sparse import issparse

from skprune.surgery._records import records
from skprune.surgery._stale import STALE_IN_LINEAR
from skprune.surgery.narrowed import Narrowed, at_least_one, with_inputs

# They depend on all samples of the fit, and have an entry per feature or per sample.
PER_FEATURE_OF_BINS = (
    "bin_thresholds_",
    "is_categorical_",
    "n_bins_non_missing_",
    "is_categorical",
    "known_categories",
)
DENSE_SUMS = (
    "sums over fewer columns of a dense table may differ in the last bit; of a sparse one they "
    "would be equal"
)


def of_trees(model, sparse):  # noqa: ARG001 - as all readers are called
    """Narrow a tree, a forest, or boosting of trees."""
    trees = _trees_of(model)
    if trees is None or not _starts_constant(model):
        return "not all of its parts are trees"
    used = [records(tree.tree_)["feature"] for tree in trees]
    inputs = at_least_one(np.unique(np.concatenate(used)))
    twin = with_inputs(model, inputs)
    if hasattr(model, "tree_"):
        return Narrowed(_renumbered(model, inputs), inputs, None)
    made = {id(tree): _renumbered(tree, inputs) for tree in trees}
    if isinstance(model.estimators_, np.ndarray):
        twin.estimators_ = model.estimators_.copy()
        twin.estimators_.ravel()[:] = [made[id(tree)] for tree in trees]
    else:
        twin.estimators_ = [made[id(tree)] for tree in trees]
    return Narrowed(twin, inputs, None)


def of_bagged_trees(model, sparse):  # noqa: ARG001 - as all readers are called
    """Narrow bagged trees, each of which has features of its own."""
    trees = _trees_of(model)
    if trees is None:
        return "not all of its parts are trees"
    pairs = list(zip(trees, model.estimators_features_, strict=True))
    used = [np.asarray(columns)[_features(tree)] for tree, columns in pairs]
    inputs = at_least_one(np.unique(np.concatenate(used)))
    twin = with_inputs(model, inputs)
    twin.estimators_, twin.estimators_features_ = [], []
    for tree, columns in zip(trees, used, strict=True):
        twin.estimators_.append(_renumbered(tree, at_least_one(_features(tree))))
        places = np.searchsorted(inputs, columns)
        twin.estimators_features_.append(places if len(places) else np.zeros(1, dtype=int))
    return Narrowed(twin, inputs, None)


def of_histograms(model, sparse):  # noqa: ARG001 - as all readers are called
    """Narrow histogram gradient boosting; the thresholds of bins of other features go too."""
    if model.is_categorical_ is not None:
        return "it has categorical features"
    trees = [tree for stage in model._predictors for tree in stage]
    used = [tree.nodes["feature_idx"][tree.nodes["is_leaf"] == 0] for tree in trees]
    inputs = at_least_one(np.unique(np.concatenate(used)).astype(int))
    twin, bins = with_inputs(model, inputs), copy.copy(model._bin_mapper)
    for name in set(PER_FEATURE_OF_BINS) & set(vars(bins)):
        values = getattr(bins, name)
        if isinstance(values, list):
            setattr(bins, name, [values[i] for i in inputs])
        elif values is not None:
            setattr(bins, name, values[inputs])
    twin._bin_mapper = bins
    twin._predictors = [[_renumbered_nodes(tree, inputs) for tree in s] for s in model._predictors]
    vars(twin).pop("_raw_predict", None)  # bound to the wider model
    if hasattr(twin, "_n_features"):
        twin._n_features = len(inputs)
    return Narrowed(twin, inputs, None)


def of_linear(model, sparse):
    """Narrow a linear model whose coefficients of some features are all zero."""
    stored = model.coef_
    coef = np.atleast_2d(stored.toarray() if issparse(stored) else stored)
    inputs = at_least_one(np.flatnonzero((coef != 0).any(axis=0)))
    if len(inputs) == coef.shape[1]:
        return Narrowed(model, inputs, None)
    if not sparse:
        return f"{coef.shape[1] - len(inputs)} features have coefficients of zero, but {DENSE_SUMS}"
    twin = with_inputs(model, inputs)
    for name in STALE_IN_LINEAR:
        vars(twin).pop(name, None)
    twin.coef_ = (
        stored.tocsc()[:, inputs].asformat(stored.format)
        if issparse(stored)
        else (np.ascontiguousarray(stored[..., inputs]))
    )
    return Narrowed(twin, inputs, None)


def _trees_of(model):
    """Return the trees of a model; None if it has parts that are no single trees."""
    if hasattr(model, "tree_"):
        return [model]
    trees = list(np.ravel(np.asarray(model.estimators_, dtype=object)))
    return trees if all(hasattr(tree, "tree_") for tree in trees) else None


def _starts_constant(model):
    """Return whether boosting starts from constants, as it does by default."""
    start = getattr(model, "init_", None)
    return start is None or isinstance(start, str) or type(start).__name__.startswith("Dummy")


def _features(tree):
    """Return the features that a tree splits on."""
    feature = records(tree.tree_)["feature"]
    return np.unique(feature[feature >= 0])


def _renumbered(model, inputs):
    """Return a tree that takes some features, among which are all that it splits on."""
    twin = with_inputs(model, inputs)
    cls, (_, *arguments), state = model.tree_.__reduce__()
    nodes = records(model.tree_).copy()
    split = nodes["feature"] >= 0
    nodes["feature"][split] = np.searchsorted(inputs, nodes["feature"][split])
    twin.tree_ = cls(len(inputs), *arguments)
    twin.tree_.__setstate__(state | {"nodes": nodes})
    return twin


def _renumbered_nodes(tree, inputs):
    """Return a tree of histogram boosting that takes some features."""
    twin = copy.copy(tree)
    twin.nodes = tree.nodes.copy()
    split = twin.nodes["is_leaf"] == 0
    twin.nodes["feature_idx"][split] = np.searchsorted(inputs, tree.nodes["feature_idx"][split])
    return twin
