"""Fitted models of trees as sums over the leaves of a sample."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from skprune.arrays.nodes import NodeTable
from skprune.exceptions import UnsupportedModelError
from skprune.surgery import family_of, has_surgeon, surgeon_for

# Losses of histogram gradient boosting whose raw predictions are logarithms.
LOGARITHMIC = {"gamma", "poisson"}


@dataclass(frozen=True, eq=False)
class TreeSum:
    """A model whose prediction is a function of a sum over the leaves of a sample.

    Attributes
    ----------
    table : NodeTable
        The trees.
    columns : ndarray of int, shape (n_nodes,)
        Feature of each split, among those of the fit.
    is_used : ndarray of bool, shape (n_trees,)
        False for trees that equal an earlier one, which has their weight.
    weight : ndarray of shape (n_nodes, n_sums)
        What each node adds to the sums, as a leaf; those of one target stand together.
    start : ndarray of shape (n_sums,)
        The sums before the first tree.
    link : {"Identity", "Sigmoid", "Softmax", "Exp"}
        The function of the sums that is predicted.
    compares_in : type
        Precision in which values are compared with thresholds.
    last_wins : bool
        Whether even odds of two classes predict the second one.
    n_outputs : int
        Number of targets.
    """

    table: NodeTable
    columns: np.ndarray
    is_used: np.ndarray
    weight: np.ndarray
    start: np.ndarray
    link: str
    compares_in: type
    last_wins: bool
    n_outputs: int


def tree_sum(model: Any) -> TreeSum | None:
    """Read a fitted model of trees as a sum.

    Parameters
    ----------
    model : fitted estimator
        Any estimator.

    Returns
    -------
    TreeSum or None
        None if the model is no sum of trees, as AdaBoost.

    Raises
    ------
    UnsupportedModelError
        If it splits by categories.

    Notes
    -----
    O(nodes) per sum.
    """
    if not has_surgeon(model) or family_of(model) not in {"tree", "embedded"}:
        return None
    surgeon = surgeon_for(model)
    _check_splits(surgeon)
    if isinstance(model, Pipeline):
        weight, start = surgeon.table.value[:, 0], model[-1].intercept_
    elif getattr(surgeon, "has_constant_start", False) and surgeon.is_boosting:
        weight, start = _boosted(surgeon)
    elif surgeon.predicts_by_mean and not surgeon.is_boosting:
        weight = surgeon.contributions.reshape(surgeon.table.n_nodes, -1) / surgeon.table.n_trees
        start = np.zeros(weight.shape[1])
    else:
        return None
    first, copies = _first_trees(surgeon)
    if getattr(model, "loss", None) == "exponential" and surgeon.is_classifier:
        weight, start = 2 * weight, 2 * start  # the sum is half of the log-odds
    return TreeSum(
        table=surgeon.table,
        columns=surgeon.columns,
        is_used=first,
        weight=weight * copies[surgeon.table.tree, np.newaxis],
        start=np.asarray(start, dtype=float),
        link=_link(surgeon, weight.shape[1]),
        compares_in=surgeon.compares_in,
        last_wins=bool(surgeon.is_boosting and surgeon.even_odds_win),
        n_outputs=surgeon.n_outputs,
    )


def _boosted(surgeon):
    """Return what each node adds to the raw scores, and where they start."""
    table, n_scores = surgeon.table, surgeon.n_values_per_stage
    weight = np.zeros((table.n_nodes, n_scores))
    place = np.arange(table.n_nodes), surgeon.tree_column[table.tree]
    weight[place] = surgeon.learning_rate * table.value[:, 0, 0]
    any_sample = np.zeros((1, surgeon.model.n_features_in_))
    if (names := getattr(surgeon.model, "feature_names_in_", None)) is not None:
        any_sample = pd.DataFrame(any_sample, columns=names)
    return weight, np.ravel(surgeon.raw_init(any_sample))


def _first_trees(surgeon):
    """Return which trees come first, and how many trees each of these replaces."""
    table, nodes = surgeon.table, np.arange(surgeon.table.n_nodes)
    same = surgeon.spread(nodes)
    if not np.array_equal(surgeon.columns, surgeon.columns[same]):
        return np.ones(table.n_trees, dtype=bool), np.ones(table.n_trees)
    copies = np.bincount(table.tree[same[table.roots]], minlength=table.n_trees)
    return copies > 0, copies


def _link(surgeon, n_sums):
    if surgeon.is_boosting or isinstance(surgeon.model, Pipeline):
        if surgeon.is_classifier:
            return "Sigmoid" if n_sums == 1 else "Softmax"
        if surgeon.model.loss in LOGARITHMIC:
            return "Exp"
    return "Identity"


def _check_splits(surgeon):
    """Refuse splits by categories."""
    n_sets = np.count_nonzero(surgeon.table.is_split & ~surgeon.is_ordered)
    if n_sets:
        msg = (
            f"{n_sets} splits of this {type(surgeon.model).__name__} are by sets of categories, "
            "which a tree in ONNX does not have. Encode the categories before the model, for "
            "example with OneHotEncoder, instead of categorical_features."
        )
        raise UnsupportedModelError(msg)
