"""What rows say about nodes: their risks as leaves, and how much their values shrink."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length

from skprune._compat import check_sample_weight
from skprune.arrays.nodes import survivors
from skprune.base._levels import geometric_levels
from skprune.criteria.weakest_link import error_risk, squared_risk
from skprune.exceptions import InputError
from skprune.solvers.shrinkage import hierarchical_shrinkage

# Strengths of hierarchical shrinkage to choose from, in rows, and how many levels judge.
STRENGTHS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
N_JUDGES = 5


class Judges(NamedTuple):
    """Rows as the trees see them.

    Attributes
    ----------
    leaf : ndarray of int, shape (n_trees, n_rows)
        The leaf of each row in each tree.
    y : ndarray of shape (n_rows, n_outputs)
        Numbers; for a classifier indices of its classes, -1 where it does not know one.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    looks : ndarray of bool, shape (n_trees, n_rows)
        Which rows may judge which tree.
    """

    leaf: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    looks: np.ndarray


def judges(surgeon, rows, purpose):
    """Send the rows that choose down the trees.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    rows : ValidationData
        The rows.
    purpose : str
        The parameter that needs them, for errors.

    Returns
    -------
    Judges
        The rows.

    Raises
    ------
    InputError
        If the targets do not go with the model, or no row is left.
    """
    y = _targets(surgeon, rows, purpose)
    leaf = surgeon.apply(rows.X)
    weight = check_sample_weight(rows.sample_weight, leaf[0], dtype=float)
    looks = np.ones(leaf.shape, dtype=bool)
    if rows.out_of_bag:
        for tree, seen in enumerate(surgeon.in_bag()):
            looks[tree, seen] = False
    if not (looks @ weight).sum() > 0:
        msg = (
            f"No row of n_samples={len(y)} is left to choose by: every tree was grown on "
            "all rows of positive weight. Give validation='train' or a fraction of the rows."
        )
        raise InputError(msg)
    return Judges(leaf, y, weight, looks)


def validation_risk(surgeon, rows):
    """Return the risk of each node over the rows that choose.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    rows : ValidationData
        The rows.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Weighted errors, or squared errors, of each node as a leaf.
    """
    leaf, y, weight, looks = judges(surgeon, rows, "criterion='reduced_error'")
    tree, row = np.nonzero(looks)
    risk = error_risk if surgeon.is_classifier else squared_risk
    return risk(surgeon.table, leaf[tree, row], y[row], weight[row])


def best_strength(surgeon, path, rows):
    """Choose the strength of hierarchical shrinkage with which a path errs least.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    path : TreePath
        The levels, without shrinkage.
    rows : ValidationData
        The rows that choose.

    Returns
    -------
    float
        In rows, one for all levels: it is part of how far a step is taken that the rows in a
        node say the rest of.

    Notes
    -----
    The squared error of the whole ensemble, of probabilities for classifiers, as a share of
    that without shrinkage, is added up over a few levels whose sizes fall by the same
    factor. O(rows * trees * values) per level and strength.
    """
    table, (leaf, y, weight, looks) = surgeon.table, judges(surgeon, rows, "recovery='shrinkage'")
    target = y[:, :, np.newaxis]
    if surgeon.is_classifier:
        target = (target == np.arange(table.value.shape[2])).astype(float)
    n_looks = looks.sum(axis=0)
    weight = np.where((n_looks > 0) & (weight > 0), weight, 0.0)
    levels = geometric_levels(path.units, N_JUDGES + 1)[1:]
    stays = np.zeros((len(levels), table.n_nodes), dtype=bool)
    for j, level in enumerate(levels):
        stays[j, table.is_split] = path.mask(level)
    homes = [survivors(table, keep_split)[leaf] for keep_split in stays]
    loss = np.zeros((len(STRENGTHS), len(levels)))
    for i, strength in enumerate(STRENGTHS):
        value = hierarchical_shrinkage(table, strength)
        for j, home in enumerate(homes):
            guess = np.zeros((len(y), *value.shape[1:]))
            for nodes, may in zip(home, looks, strict=True):
                guess += np.where(may[:, np.newaxis, np.newaxis], value[nodes], 0.0)
            guess /= np.maximum(n_looks, 1)[:, np.newaxis, np.newaxis]
            loss[i, j] = weight @ ((guess - target) ** 2).sum(axis=(1, 2))
    least = np.maximum(loss[0], np.finfo(float).tiny)
    return STRENGTHS[int((loss / least).sum(axis=1).argmin())]


def _targets(surgeon, rows, purpose):
    """Return the targets, or the codes of the labels, that nodes are judged by."""
    if rows.y is None:
        msg = f"{purpose} was given, but fit got no y. Give fit the targets."
        raise InputError(msg)
    y = np.asarray(rows.y)
    check_consistent_length(rows.X, y)
    y = y.reshape(len(y), -1)
    if y.shape[1] != surgeon.n_outputs:
        msg = (
            f"y has {y.shape[1]} outputs, but the model has {surgeon.n_outputs}. Give the "
            "targets that the model was made for."
        )
        raise InputError(msg)
    if not surgeon.is_classifier:
        return check_array(y, dtype=float, input_name="y")
    codes = surgeon.encode(y)
    if (codes < 0).all():
        msg = (
            f"No label of y is known to the model: given were {np.unique(y)[:5]}, known are "
            f"{surgeon.model.classes_}. Give the labels that the model was made for."
        )
        raise InputError(msg)
    return codes
