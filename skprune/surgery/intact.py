"""Checks of everything inside a fitted object before it predicts.

Each model inside is read by its surgeon, which refuses what is malformed. What surgeons do not
read but compiled code trusts is checked here: sparse arrays, vocabularies, categories.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skprune._compat import output_sizes
from skprune.exceptions import PruningError
from skprune.surgery._checks import require, require_indices, require_shape, require_sparse
from skprune.surgery._registry import class_name, has_surgeon, surgeon_for
from skprune.surgery.coded import CodedModel
from skprune.surgery.coded_checks import check_codes
from skprune.surgery.forests import ForestSurgeon

# What a malformed attribute raises where it is first looked at.
MALFORMED = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    NameError,
    NotFittedError,
    TypeError,
    ValueError,
)
LAYOUTS = frozenset({"bsr", "coo", "csc", "csr"})


def check_intact(fitted):
    """Raise an error for an object if a model anywhere inside is malformed.

    Parameters
    ----------
    fitted : object
        An estimator, or anything that holds some. Codes are decoded to be checked.

    Raises
    ------
    InputError
        If fitted attributes do not fit together, or are out of range.

    Notes
    -----
    O(size of the object).
    """
    waiting, seen = [(fitted, False)], {}
    while waiting:
        part, is_open = waiting.pop()
        if not is_open and id(part) in seen:
            continue
        seen[id(part)] = part  # an object that is kept keeps its id
        try:
            if is_open:
                _check_estimator(part)
                continue
            # What is inside is checked first: a surgeon may let it predict.
            waiting.append((part, True))
            waiting += [(inner, False) for inner in _parts_of(part)]
        except PruningError:
            raise
        except MALFORMED as error:
            require(False, part, f"{type(error).__name__}: {error}", "see its documentation")  # noqa: FBT003


def _parts_of(part):
    """Check what is no estimator by itself; return the objects inside."""
    if isinstance(part, np.ndarray):
        require(part.dtype.kind != "c", part, "it holds complex numbers", "give real ones")
        return part.ravel().tolist() if part.dtype == object else []
    if isinstance(part, dict | list | tuple | set):
        return list(part.values() if isinstance(part, dict) else part)
    if isinstance(part, CodedModel):
        check_codes(part)
        return [part.decode()]  # what it is decoded from is no model by itself
    if sparse.issparse(part):
        _check_sparse(part)
    elif hasattr(part, "__dict__") and not isinstance(part, type):
        return list(vars(part).values())
    return []


def _check_estimator(model):
    if isinstance(model, type) or not hasattr(model, "get_params"):
        return
    names = [class_name(cls) for cls in type(model).__mro__]
    if HASHING & {*names}:  # these predict without a fit
        _check_hashes(model)
    if not _is_fitted(model):
        return
    for name in names:
        if check := CHECKS.get(name):
            check(model)
        for attribute in PER_FEATURE.get(name, "").split():
            # A single number would be that of all features.
            if (numbers := vars(model).get(attribute)) is not None:
                require_shape(model, attribute, numbers, (model.n_features_in_,))
    mask = vars(model).get("keep_mask_")
    if mask is not None and hasattr(model, "get_support"):
        require_shape(model, "keep_mask_", mask, (model.n_features_in_,))
    if has_surgeon(model):
        surgeon_for(model)


def _is_fitted(model):
    """Return whether an estimator has fitted attributes."""
    if hasattr(model, "steps"):
        return all(_is_fitted(step) for _, step in model.steps if hasattr(step, "get_params"))
    return any(name.endswith("_") and not name.startswith("__") for name in vars(model))


def _check_sparse(array):
    require(array.format in LAYOUTS, array, f"its layout is {array.format}", "it is not stored")
    if array.format != "coo":
        require_sparse(array, "it", array)
        return
    for axis, places in enumerate(array.coords):
        require_indices(array, f"axis {axis}", places, array.shape[axis])


def _check_vocabulary(model):
    words = vars(model).get("vocabulary_", {})
    places = np.array(list(words.values()), dtype=np.int64)
    require_indices(model, "vocabulary_", places, len(words))
    require(len(set(places.tolist())) == len(words), model, "two words share a column", "one each")


def _check_hashes(model):
    given = f"n_features={model.n_features!r}"
    fits = type(model.n_features) is int and 0 < model.n_features < 2**31
    require(fits, model, given, "give a positive number")


def _check_categories(model):
    sizes = vars(model).get("_n_features_outs")
    if sizes is None:
        return
    given = f"it counts {sizes} categories"
    require(list(sizes) == list(output_sizes(model)), model, given, "they must be its own")
    for column, places in enumerate(getattr(model, "_default_to_infrequent_mappings", None) or []):
        if places is not None:
            n_values = sizes[column] + (model.drop is not None)
            require_indices(model, "infrequent categories", places, n_values)


def _check_bins(model):
    bins, edges = vars(model).get("n_bins_"), vars(model).get("bin_edges_")
    if bins is None:
        return
    given = f"it counts {bins} bins"
    sizes = [len(own) - 1 for own in edges]
    require(list(bins) == sizes, model, given, f"its edges are those of {sizes}")
    ascending = all((np.diff(own) >= 0).all() for own in edges)
    require(ascending, model, "edges of bins do not ascend", "give them in order")


def _check_known_categories(model):
    """Check that categories are as many as the bins that the trees were grown on."""
    mapper = vars(model).get("_bin_mapper")
    if mapper is None or model.is_categorical_ is None:
        return
    for column in np.flatnonzero(mapper.is_categorical_):
        known, n_bins = mapper.bin_thresholds_[column], int(mapper.n_bins_non_missing_[column])
        require_shape(model, "known categories", known, (n_bins,))
        require(len(np.unique(known)) == n_bins, model, "categories stand twice", "give each once")


def _check_libsvm(model):
    """Check what libsvm trusts: its numbers of classes, pairs, vectors and coefficients."""
    counts, n_pairs = model._n_support, len(model._intercept_)
    given = f"it counts the vectors of {len(counts)} classes"
    n_classes = len(counts)
    require(n_classes * (n_classes - 1) // 2 == n_pairs, model, given, "one per class is needed")
    total = int(counts.sum())
    fits = total == len(model.support_) or not hasattr(model, "classes_")
    require(fits and (counts >= 0).all(), model, f"it counts {total} vectors", "give all")
    for name in ("_probA", "_probB"):
        size = len(getattr(model, name))
        require(size in {0, n_pairs}, model, f"{name} has {size} numbers", f"give {n_pairs}")
    dual, vectors = model._dual_coef_, model.support_vectors_
    stored = model._sparse
    given = "its arrays are not all sparse, or all dense"
    alike = sparse.issparse(dual) == sparse.issparse(vectors) == stored
    require(alike or callable(model.kernel), model, given, "they must be alike")
    if sparse.issparse(dual):
        full = dual.shape[0] * dual.shape[1]
        require(len(dual.data) == full, model, "coefficients are missing", f"give {full}")


def _check_isolation(model):
    """Check what trees that are not asked to check samples would trust."""
    width = model._max_features
    trees = list(zip(model.estimators_, model.estimators_features_, strict=True))
    for tree, features in trees:
        require_indices(model, "features of a tree", features, model.n_features_in_)
        require_shape(model, "features of a tree", features, (width,))
        given = f"a tree takes {tree.tree_.n_features} features of {width}"
        require(tree.tree_.n_features == width, model, given, "they must be as many")
    for lengths in (model._decision_path_lengths, model._average_path_length_per_tree):
        for (tree, _), own in zip(trees, lengths, strict=True):
            require_shape(model, "lengths of paths", own, (tree.tree_.node_count,))


def _check_factors(model):
    shape = (model.n_components_, model.n_features_in_)
    require_shape(model, "components_", model.components_, shape)


# Attributes that hold one number for each feature.
PER_FEATURE = {
    "sklearn.MaxAbsScaler": "scale_ max_abs_",
    "sklearn.MinMaxScaler": "scale_ min_ data_min_ data_max_",
    "sklearn.PowerTransformer": "lambdas_",
    "sklearn.RobustScaler": "scale_ center_",
    "sklearn.SimpleImputer": "statistics_",
    "sklearn.StandardScaler": "scale_ mean_ var_",
}
HASHING = frozenset({"sklearn.FeatureHasher", "sklearn.HashingVectorizer"})
CHECKS: dict[str, Callable[[Any], Any]] = {
    "sklearn.CountVectorizer": _check_vocabulary,
    "sklearn.DictVectorizer": _check_vocabulary,
    "sklearn.KBinsDiscretizer": _check_bins,
    "sklearn.OneHotEncoder": _check_categories,
    "sklearn.IsolationForest": _check_isolation,
    "sklearn.MiniBatchNMF": _check_factors,
    "sklearn.NMF": _check_factors,
    "sklearn.RandomTreesEmbedding": ForestSurgeon,
    "sklearn.BaseHistGradientBoosting": _check_known_categories,
    "sklearn.BaseLibSVM": _check_libsvm,
}
