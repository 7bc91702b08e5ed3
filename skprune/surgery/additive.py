"""Additive models of log-odds, built as plain gradient boosting from the trees of a forest.

A model of one stage is fitted on a few artificial samples, so that scikit-learn itself sets all
fitted attributes; then its stage is replaced.
"""

import copy
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

from skprune.arrays.nodes import NO_NODE
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery._records import cut_records, new_tree
from skprune.surgery.boosting import compact_stages
from skprune.surgery.trees import remaining_trees

# Artificial samples per class: scikit-learn warns of targets with few repeated labels, which
# could be those of a regression.
SAMPLES_PER_CLASS = 3


def additive_classifier(surgeon, keep_split, keep_tree, value, intercept, *, missing):
    """Build a classifier whose log-odds are sums over the trees of another classifier.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of a classification tree, forest or bagging of one output. K is 1 for two
        classes, else the number of classes.
    keep_split : ndarray of bool, shape (K, n_nodes)
        Splits to keep in the trees of each column of log-odds.
    keep_tree : ndarray of bool, shape (K, n_trees)
        Trees to keep in each column; a column may have none.
    value : ndarray of shape (K, n_nodes)
        What each node, as a leaf, adds to the column.
    intercept : ndarray of shape (K,)
        Constant term of each column.
    missing : bool
        Whether missing values must be routed.

    Returns
    -------
    GradientBoostingClassifier or HistGradientBoostingClassifier
        The latter if `missing`. Its `predict_proba` is the logistic function, or the softmax,
        of the intercept plus the values of the leaves of a sample, which are those of the
        surgeon's model. It shares no data with that model.

    Raises
    ------
    InputError
        If an array has the wrong shape or holds values that are not finite.
    UnsupportedModelError
        If the trees are not those of a classifier of one output that averages votes.

    Notes
    -----
    O(K * nodes). The trees of a column move to the first stages; placeholders in the others are
    leaves of value 0. Impurities, and so `feature_importances_`, are those of the original
    trees.

    Only histogram gradient boosting routes missing values. It compares in double precision
    where trees compare in single precision: each threshold becomes the largest number that
    rounds to at most the old one. It stores the intercept itself. Gradient boosting stores the
    intercept as class fractions, which are clipped and rounded; the difference is added to the
    leaves of the first stage.
    """
    _check_model(surgeon)
    keep_tree, value, intercept = (np.asarray(a) for a in (keep_tree, value, intercept))
    _check_arrays(surgeon, keep_split, keep_tree, value, intercept)
    places = list(_places(surgeon, keep_split, keep_tree, value))
    model = (_histogram_boosting if missing else _gradient_boosting)(surgeon, places, intercept)
    source = surgeon.model
    model.classes_ = source.classes_.copy()
    if hasattr(source, "feature_names_in_"):
        model.feature_names_in_ = source.feature_names_in_.copy()
    return model


@dataclass
class Place:
    """Stage and column of a tree of the result, its node records and values."""

    stage: int
    column: int
    nodes: np.ndarray
    depths: np.ndarray
    value: np.ndarray


def _places(surgeon, keep_split, keep_tree, value):
    """Yield the trees of the result, column by column."""
    table = surgeon.table
    members = compact_stages(keep_tree.T)
    for column in range(len(keep_tree)):
        kept_splits = keep_split[column] & keep_tree[column, table.tree]
        cut = remaining_trees(table, kept_splits, members[:, column])
        for stage, (t, kept, left, right, _) in enumerate(cut):
            nodes = cut_records(surgeon.records(t), kept - table.offsets[t], left, right)
            columns, is_split = surgeon.columns_of(t), left != NO_NODE
            if columns is not None:
                nodes["feature"][is_split] = columns[nodes["feature"][is_split]]
            # A placeholder is a leaf without effect.
            own = value[column, kept] * keep_tree[column, t]
            yield Place(stage, column, nodes, table.depth[kept], own.astype(float))


def _gradient_boosting(surgeon, places, intercept):
    n_stages = 1 + max(place.stage for place in places)
    model = _shell(
        GradientBoostingClassifier(
            n_estimators=1, learning_rate=1.0, max_depth=None, random_state=0
        ),
        surgeon,
    )
    difference = _set_prior(model, intercept)
    like = model.estimators_[0, 0]
    model.estimators_ = np.empty((n_stages, len(intercept)), dtype=object)
    for place in places:
        shift = difference[place.column] if place.stage == 0 else 0.0
        value = (place.value + shift)[:, np.newaxis, np.newaxis]
        member = copy.copy(like)
        member.tree_ = new_tree(like.tree_, place.nodes, value, int(place.depths.max()))
        model.estimators_[place.stage, place.column] = member
    model.n_estimators = model.n_estimators_ = n_stages
    model.train_score_ = np.full(n_stages, np.nan)
    return model


def _set_prior(model, intercept):
    """Store the intercept as class fractions; return what the model's own raw scores lack."""
    if len(intercept) == 1:
        model.init_.class_prior_ = expit(np.concatenate([-intercept, intercept]))
    else:
        model.init_.class_prior_ = softmax(intercept)
    return intercept - model._raw_predict_init(np.zeros((1, model.n_features_in_)))[0]


def _histogram_boosting(surgeon, places, intercept):
    n_stages = 1 + max(place.stage for place in places)
    model = _shell(
        HistGradientBoostingClassifier(
            max_iter=1,
            learning_rate=1.0,
            max_leaf_nodes=None,
            early_stopping=False,
            categorical_features=None,
            random_state=0,
        ),
        surgeon,
    )
    like = model._predictors[0][0]
    model._predictors = [[None] * len(intercept) for _ in range(n_stages)]
    for place in places:
        member = copy.deepcopy(like)
        member.nodes = _packed(place, like.nodes.dtype)
        model._predictors[place.stage][place.column] = member
    model._baseline_prediction = intercept[np.newaxis].astype(float)
    model.max_iter = n_stages
    return model


def _packed(place, dtype):
    """Return the node records of a tree as histogram gradient boosting stores them."""
    old, nodes = place.nodes, np.zeros(len(place.nodes), dtype=dtype)
    left, right = old["left_child"], old["right_child"]
    is_split = left != NO_NODE
    risk = old["impurity"] * old["weighted_n_node_samples"]
    nodes["value"] = place.value
    nodes["count"] = old["n_node_samples"]
    nodes["depth"] = place.depths
    nodes["is_leaf"] = ~is_split
    nodes["gain"] = np.where(is_split, risk - risk[left] - risk[right], -1.0)
    nodes["left"], nodes["right"] = np.maximum(left, 0), np.maximum(right, 0)
    nodes["feature_idx"] = np.maximum(old["feature"], 0)
    nodes["num_threshold"] = np.where(is_split, last_to_go_left(old["threshold"]), 0.0)
    nodes["missing_go_to_left"] = old["missing_go_to_left"]
    return nodes


def last_to_go_left(threshold):
    """Return the largest number that is at most a threshold once rounded to single precision.

    Parameters
    ----------
    threshold : ndarray of float
        Thresholds that single-precision numbers are compared with.

    Returns
    -------
    ndarray of float
        Thresholds for double precision: the midpoint to the next single-precision number, or
        the number before it where the midpoint rounds up.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        single = np.asarray(threshold).astype(np.float32)
        single = np.where(single > threshold, np.nextafter(single, np.float32(-np.inf)), single)
        above = np.nextafter(single, np.float32(np.inf))
        middle = single + (above.astype(float) - single) / 2
        middle = np.where(np.isnan(middle), single, middle)  # infinite thresholds
        rounds_up = middle.astype(np.float32) > single
    return np.where(rounds_up & np.isfinite(middle), np.nextafter(middle, -np.inf), middle)


def _shell(model, surgeon):
    """Fit a model of one stage with the right classes and number of features."""
    classes = np.repeat(surgeon.model.classes_, SAMPLES_PER_CLASS)
    return model.fit(np.zeros((len(classes), surgeon.model.n_features_in_)), classes)


def _check_model(surgeon):
    model = surgeon.model
    if not surgeon.is_classifier or not surgeon.has_means or surgeon.n_outputs > 1:
        msg = (
            f"{type(model).__name__} of {surgeon.n_outputs} outputs was given; only trees of "
            "classifiers of one output that average votes can be turned into log-odds. Allowed "
            "are decision trees, forests and bagging."
        )
        raise UnsupportedModelError(msg)
    if len(model.classes_) < 2:
        msg = (
            f"The model has a single class, {model.classes_}, but log-odds need two. Fit the model "
            "on samples of at least two classes."
        )
        raise InputError(msg)


def _check_arrays(surgeon, keep_split, keep_tree, value, intercept):
    table, n_classes = surgeon.table, len(surgeon.model.classes_)
    k = 1 if n_classes == 2 else n_classes
    for name, array, shape in (
        ("keep_split", keep_split, (k, table.n_nodes)),
        ("keep_tree", keep_tree, (k, table.n_trees)),
        ("value", value, (k, table.n_nodes)),
        ("intercept", intercept, (k,)),
    ):
        if np.shape(array) != shape:
            msg = (
                f"{name} has shape {np.shape(array)}; for {n_classes} classes, {table.n_trees} "
                f"trees and {table.n_nodes} nodes give {shape}."
            )
            raise InputError(msg)
    if not (np.isfinite(value).all() and np.isfinite(intercept).all()):
        msg = "value or intercept is not finite; give finite log-odds."
        raise InputError(msg)
