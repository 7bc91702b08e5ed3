"""Scores of every level of a single tree at once, for metrics that are additive over samples.

A node is a leaf of the pruned tree from the level at which it is collapsed to that at which
its parent is. So the statistic that it contributes as a leaf is added at the first level and
subtracted at the second, and a cumulative sum yields the statistic of every level:
O(n_nodes + n_samples) for all levels together (O(n_samples * depth) for the absolute error,
which cannot be computed from moments).
"""

from types import MappingProxyType

import numpy as np
from scipy.special import xlogy

from skprune.criteria.weakest_link import class_weights, squared_loss


def level_scores(metric, table, removed_at, n_levels, node, y, weight, classes):
    """Score all levels of one tree by a metric, if that is possible.

    Parameters
    ----------
    metric : str
        Name of a scikit-learn scorer.
    table : NodeTable
        One tree with one output.
    removed_at : ndarray of int, shape (n_nodes,)
        Level from which a split is collapsed; 0 for leaves.
    n_levels : int
        Number of levels.
    node : ndarray of int, shape (n_samples,)
        Leaf of each sample in the whole tree.
    y : array-like of shape (n_samples,)
        Targets.
    weight : array-like of shape (n_samples,) or None
        Sample weights.
    classes : ndarray of shape (n_classes,) or None
        Class labels; None for a regressor.

    Returns
    -------
    ndarray of shape (n_levels,) or None
        Scores; None if the metric is not additive, and in edge cases (a class without
        samples, a constant target, labels that the scorer would refuse), which are left to
        scikit-learn.
    """
    y = np.asarray(y)
    weight = np.ones(y.shape) if weight is None else np.asarray(weight, dtype=float)
    if not y.shape == weight.shape == node.shape or not weight.sum() > 0:
        return None
    span = removed_at, _end_of(table, removed_at, n_levels), n_levels
    if classes is None:
        if metric not in REGRESSION or y.dtype.kind not in "iuf" or not np.isfinite(y).all():
            return None
        return REGRESSION[metric](table, span, node, y.astype(float), weight)
    return _class_scores(metric, table, span, node, _encode(classes, y), weight, classes)


def _encode(classes, y):
    """Return the position of each label in `classes`, -1 if unknown; None if incomparable."""
    if (classes.dtype.kind in "OUST") != (y.dtype.kind in "OUST"):
        return None
    try:
        position = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    except TypeError:
        return None
    label = np.where(classes[position] == y, position, -1)
    # Unknown numbers may be a continuous target, which scorers refuse.
    return None if y.dtype.kind == "f" and (label < 0).any() else label


def _end_of(table, removed_at, n_levels):
    """Return the level from which each node's parent is collapsed."""
    return np.where(table.parent < 0, n_levels, removed_at[table.parent])


def _level_sums(span, amount, column=None, n_columns=1):
    """Sum the contributions of the leaves of each level.

    Parameters
    ----------
    span : tuple of (ndarray, ndarray, int)
        First level at which each node is a leaf, the first at which it no longer is, and the
        number of levels.
    amount : ndarray of shape (n_nodes,)
        Non-negative contribution of a node as a leaf.
    column : ndarray of int, shape (n_nodes,), default=None
        The sum that a node contributes to, if there are several.
    n_columns : int, default=1
        Number of sums.

    Returns
    -------
    ndarray of shape (n_levels, n_columns)
        The sums. O(n_nodes + n_levels * n_columns).
    """
    start, end, n_levels = span
    column = np.zeros(len(amount), dtype=np.intp) if column is None else column
    alive = start < end
    amount, column = amount[alive], column[alive]
    size = (n_levels + 1) * n_columns
    change = np.bincount(start[alive] * n_columns + column, amount, size)
    change -= np.bincount(end[alive] * n_columns + column, amount, size)
    # Rounding may make a sum of zero slightly negative.
    return np.cumsum(change.reshape(-1, n_columns), axis=0)[:n_levels].clip(min=0)


def _class_scores(metric, table, span, node, label, weight, classes):
    """Return the scores of a classifier from the weight of each class at each node."""
    if label is None:
        return None
    weights = class_weights(table, node, label, weight)
    if metric == "accuracy":
        return _accuracy(table, span, weights, weight.sum())
    # With absent or unknown classes, the set of labels that scorers use depends on the level.
    if not (weights[0] > 0).all() or (label < 0).any():
        return None
    if metric in CONFUSION:
        return _confusion_scores(metric, table, span, weights, classes)
    return PROBABILITY[metric](table, span, weights, classes) if metric in PROBABILITY else None


def _hits(table, weights):
    """Return each node's prediction and the weight of the samples that it classifies correctly."""
    prediction = table.value[:, 0].argmax(axis=1)
    return prediction, weights[np.arange(table.n_nodes), prediction]


def _accuracy(table, span, weights, total):
    _, hit = _hits(table, weights)
    return _level_sums(span, hit)[:, 0] / total


def _confusion_scores(metric, table, span, weights, classes):
    """Return scores that depend on the diagonal and margins of the confusion matrix."""
    if not defines(metric, classes):
        return None
    n_classes = len(classes)
    prediction, hit = _hits(table, weights)
    hits = _level_sums(span, hit, prediction, n_classes)
    predicted = _level_sums(span, weights.sum(axis=1), prediction, n_classes)
    return from_margins(metric, hits, predicted, weights[0])


def defines(metric, classes):
    """Return whether a metric of `CONFUSION` needs no `pos_label` for these classes."""
    binary = len(classes) == 2 and classes.dtype.kind in "iufb" and classes[1] == 1
    return binary or CONFUSION[metric][1] != "binary"


def from_margins(metric, hits, predicted, actual):
    """Return scores from the diagonal and the margins of confusion matrices.

    Parameters
    ----------
    metric : str
        One of `CONFUSION`.
    hits, predicted : ndarray of shape (n_levels, n_classes)
        Weight of the samples that are rightly, and at all, predicted to be of each class.
    actual : ndarray of shape (n_classes,)
        Weight of the samples of each class, not zero.

    Returns
    -------
    ndarray of shape (n_levels,)
        The scores.
    """
    family, average = CONFUSION[metric]
    if average == "micro":
        hits, predicted = (a.sum(axis=1, keepdims=True) for a in (hits, predicted))
        actual = actual.sum(keepdims=True)
    if family == "precision":
        per_class = np.divide(hits, predicted, out=np.zeros(hits.shape), where=predicted > 0)
    elif family == "recall":
        per_class = hits / actual
    else:
        per_class = 2 * hits / (actual + predicted)
    if average == "binary":
        return per_class[:, 1]
    shares = np.broadcast_to(actual, per_class.shape) if average == "weighted" else None
    return np.average(per_class, axis=1, weights=shares)


def _neg_log_loss(table, span, weights, _):
    eps = np.finfo(float).eps
    probability = np.clip(table.value[:, 0, : weights.shape[1]], eps, 1 - eps)
    loss = -xlogy(weights, probability).sum(axis=1)
    return -_level_sums(span, loss)[:, 0] / weights[0].sum()


def _neg_brier_score(table, span, weights, classes):
    # The scorer refuses strings, and its scale for several classes depends on the version.
    if len(classes) != 2 or classes.dtype.kind not in "iufb":
        return None
    probability = table.value[:, 0, :2]
    square = probability**2
    error = square.sum(axis=1, keepdims=True) - square + (1 - probability) ** 2
    loss = (weights * error).sum(axis=1)
    return -_level_sums(span, loss)[:, 0] / weights[0].sum() / 2


def _mean_squared_error(table, span, node, y, weight):
    loss = squared_loss(table, node, y[:, np.newaxis], weight)
    return _level_sums(span, loss)[:, 0] / weight.sum()


def _neg_mean_squared_error(table, span, node, y, weight):
    return -_mean_squared_error(table, span, node, y, weight)


def _neg_root_mean_squared_error(table, span, node, y, weight):
    return -np.sqrt(_mean_squared_error(table, span, node, y, weight))


def _neg_mean_absolute_error(table, span, node, y, weight):
    value, loss, total = table.value[:, 0, 0], np.zeros(table.n_nodes), weight.sum()
    while node.size:
        loss += np.bincount(node, weight * np.abs(y - value[node]), table.n_nodes)
        node = table.parent[node]
        above = node >= 0
        node, y, weight = node[above], y[above], weight[above]
    return -_level_sums(span, loss)[:, 0] / total


def _r2(table, span, node, y, weight):
    spread = np.average((y - np.average(y, weights=weight)) ** 2, weights=weight)
    if len(y) < 2 or spread == 0:
        return None
    return 1 - _mean_squared_error(table, span, node, y, weight) / spread


CONFUSION = MappingProxyType(
    {"balanced_accuracy": ("recall", "macro")}
    | {
        f"{family}{suffix}": (family, average)
        for family in ("f1", "precision", "recall")
        for suffix, average in {
            "": "binary",
            "_macro": "macro",
            "_micro": "micro",
            "_weighted": "weighted",
        }.items()
    }
)
PROBABILITY = MappingProxyType({"neg_log_loss": _neg_log_loss, "neg_brier_score": _neg_brier_score})
REGRESSION = MappingProxyType(
    {
        "r2": _r2,
        "neg_mean_squared_error": _neg_mean_squared_error,
        "neg_root_mean_squared_error": _neg_root_mean_squared_error,
        "neg_mean_absolute_error": _neg_mean_absolute_error,
    }
)
