"""Additive models of the log-odds of two classes, built as boosting from the trees of a forest.

A model of one stage is fitted on a few artificial samples, so that scikit-learn itself sets all
fitted attributes; then its stage is replaced.
"""

import copy
from typing import NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier

from skprune.arrays.nodes import NO_NODE
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery._records import cut_records, new_tree
from skprune.surgery.trees import remaining_trees

# Artificial samples per class: scikit-learn warns of targets with few repeated labels, which
# could be those of a regression.
SAMPLES_PER_CLASS = 3


def additive_classifier(surgeon, keep_split, keep_tree, value, intercept, *, missing):
    """Build a classifier whose log-odds are sums over the trees of another classifier.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of a classification tree, forest or bagging of one output and two classes.
    keep_split : ndarray of bool, shape (n_nodes,)
        Splits to keep.
    keep_tree : ndarray of bool, shape (n_trees,)
        Trees to keep; without any, a single leaf remains.
    value : ndarray of shape (n_nodes,)
        What each node, as a leaf, adds to the log-odds of the second class.
    intercept : float
        Constant term.
    missing : bool
        Whether missing values must be routed.

    Returns
    -------
    GradientBoostingClassifier or HistGradientBoostingClassifier
        The latter if `missing`. Its `predict_proba` is the logistic function of the intercept
        plus the values of the leaves of a sample, which are those of the surgeon's model. It
        shares no data with that model.

    Raises
    ------
    InputError
        If an array has the wrong shape or holds values that are not finite.
    UnsupportedModelError
        If the trees are not those of a classifier of one output that averages votes.

    Notes
    -----
    O(nodes). Impurities, and so `feature_importances_`, are those of the original trees.

    Only histogram gradient boosting routes missing values, and only gradient boosting takes
    sparse samples. The former compares in double precision where trees compare in single
    precision: each threshold becomes the largest number that rounds to at most the old one. It
    stores the intercept itself. Gradient boosting stores the intercept as class fractions, which
    are clipped and rounded; the difference is added to the leaves of the first stage.
    """
    check_votes(surgeon, n_classes=2)
    table = surgeon.table
    keep_split, keep_tree, value, intercept = map(
        np.asarray, (keep_split, keep_tree, value, intercept)
    )
    check_arrays(
        ("keep_split", keep_split, (table.n_nodes,)),
        ("keep_tree", keep_tree, (table.n_trees,)),
        ("value", value, (table.n_nodes,)),
        ("intercept", intercept, ()),
    )
    members = list(kept_members(surgeon, keep_split, keep_tree))
    values = [value[member.kept] * keep_tree[member.tree] for member in members]
    build = _histogram_boosting if missing else _gradient_boosting
    model = build(surgeon, members, values, float(intercept))
    name_as(model, surgeon.model)
    return model


class Member(NamedTuple):
    """A tree of the result.

    Attributes
    ----------
    tree : int
        Its index.
    kept : ndarray of int, shape (n_kept,)
        Its nodes, as indices of the table.
    nodes : structured ndarray of shape (n_kept,)
        Their records, with features of the model.
    depth : int
        Its depth.
    """

    tree: int
    kept: np.ndarray
    nodes: np.ndarray
    depth: int


def kept_members(surgeon, keep_split, keep_tree):
    """Yield what a cut leaves of the trees of a model.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    keep_split : ndarray of bool, shape (n_nodes,)
        Splits to keep.
    keep_tree : ndarray of bool, shape (n_trees,)
        Trees to keep. Without any, the root of the first one remains.

    Yields
    ------
    Member
        Each tree.
    """
    table = surgeon.table
    trees = np.flatnonzero(keep_tree) if keep_tree.any() else [0]
    kept_splits = keep_split & keep_tree[table.tree]
    for t, kept, left, right, depth in remaining_trees(table, kept_splits, trees):
        nodes = cut_records(surgeon.records(t), kept - table.offsets[t], left, right)
        columns, is_split = surgeon.columns_of(t), left != NO_NODE
        if columns is not None:
            nodes["feature"][is_split] = columns[nodes["feature"][is_split]]
        yield Member(t, kept, nodes, depth)


def _gradient_boosting(surgeon, members, values, intercept):
    model = fit_shell(
        GradientBoostingClassifier(
            n_estimators=1, learning_rate=1.0, max_depth=None, random_state=0
        ),
        surgeon,
    )
    model.init_.class_prior_ = expit(np.array([-intercept, intercept]))
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_)))[0, 0]
    values[0] = values[0] + (intercept - start)
    like, n_stages = model.estimators_[0, 0], len(members)
    model.estimators_ = np.empty((n_stages, 1), dtype=object)
    for stage, (member, value) in enumerate(zip(members, values, strict=True)):
        tree = copy.copy(like)
        tree.tree_ = new_tree(like.tree_, member.nodes, value.reshape(-1, 1, 1), member.depth)
        model.estimators_[stage, 0] = tree
    model.n_estimators = model.n_estimators_ = n_stages
    model.train_score_ = np.full(n_stages, np.nan)
    return model


def _histogram_boosting(surgeon, members, values, intercept):
    model = fit_shell(
        HistGradientBoostingClassifier(
            max_iter=1,
            learning_rate=1.0,
            max_leaf_nodes=None,
            early_stopping=False,
            categorical_features=None,
            random_state=0,
        ),
        surgeon,
        n_features=1,
    )
    _widen(model, surgeon.model.n_features_in_)
    like, model._predictors = model._predictors[0][0], []
    for member, value in zip(members, values, strict=True):
        tree = copy.deepcopy(like)
        tree.nodes = _packed(
            member.nodes, surgeon.table.depth[member.kept], value, like.nodes.dtype
        )
        model._predictors.append([tree])
    model._baseline_prediction = np.full((1, 1), intercept)
    model.max_iter = len(members)
    return model


def _widen(model, n_features):
    """Let a histogram boosting of one constant feature have many: binning each takes long."""
    bins = model._bin_mapper
    model.n_features_in_ = model._n_features = n_features
    bins.bin_thresholds_ = bins.bin_thresholds_ * n_features
    bins.n_bins_non_missing_ = bins.n_bins_non_missing_.repeat(n_features)
    bins.is_categorical_ = bins.is_categorical_.repeat(n_features)


def _packed(old, depth, value, dtype):
    """Return the node records of a tree as histogram gradient boosting stores them."""
    nodes = np.zeros(len(old), dtype=dtype)
    left, right = old["left_child"], old["right_child"]
    is_split = left != NO_NODE
    risk = old["impurity"] * old["weighted_n_node_samples"]
    nodes["value"] = value
    nodes["count"] = old["n_node_samples"]
    nodes["depth"] = depth
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


def fit_shell(model, surgeon, n_features=None):
    """Fit a model on artificial samples with the classes and number of features of another."""
    n_features = surgeon.model.n_features_in_ if n_features is None else n_features
    classes = np.repeat(surgeon.model.classes_, SAMPLES_PER_CLASS)
    return model.fit(np.zeros((len(classes), n_features)), classes)


def name_as(model, source):
    """Give a model the class labels and the feature names of another."""
    model.classes_ = source.classes_.copy()
    if hasattr(source, "feature_names_in_"):
        model.feature_names_in_ = source.feature_names_in_.copy()


def check_votes(surgeon, *, n_classes):
    """Raise an error for models that do not average votes, or with other numbers of classes.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    n_classes : int
        Needed number of classes; 3 stands for all larger ones.
    """
    model = surgeon.model
    if not surgeon.is_classifier or not surgeon.has_means or surgeon.n_outputs > 1:
        msg = (
            f"{type(model).__name__} of {surgeon.n_outputs} outputs was given; only trees of "
            "classifiers of one output that average votes can be turned into log-odds. Allowed "
            "are decision trees, forests and bagging."
        )
        raise UnsupportedModelError(msg)
    if min(3, given := len(model.classes_)) != n_classes:
        msg = (
            f"The model has {given} classes, {model.classes_}, but its log-odds need "
            f"{'2' if n_classes == 2 else 'more than 2'}. Fit the model on samples of so many."
        )
        raise InputError(msg)


def check_arrays(*arrays):
    """Raise an error for arrays of a wrong shape, or with values that are not finite.

    Parameters
    ----------
    *arrays : tuple of (str, ndarray, tuple of int)
        Name, array, and needed shape.
    """
    for name, array, shape in arrays:
        if array.shape != shape:
            msg = f"{name} has shape {array.shape}; these trees and classes need {shape}."
            raise InputError(msg)
        if not np.isfinite(array).all():
            msg = f"{name} is not finite; give finite log-odds."
            raise InputError(msg)
