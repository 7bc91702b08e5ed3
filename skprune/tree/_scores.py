"""Validation scores of nodes: their risk as leaves, and the ridge of their values."""

from typing import NamedTuple

import numpy as np

from skprune.arrays.nodes import survivors
from skprune.base._levels import geometric_levels
from skprune.base._rows import out_of_bag_mask
from skprune.base._targets import samples_missing, targets_for_model
from skprune.criteria.weakest_link import error_risk, squared_risk
from skprune.solvers.shrinkage import hierarchical_shrinkage

# Ridges of hierarchical shrinkage to choose from, in samples, and the number of levels at
# which they are evaluated.
RIDGE_GRID = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
N_LEVELS = 5


class ValidationLeaves(NamedTuple):
    """Leaves and targets of the validation samples.

    Attributes
    ----------
    leaf : ndarray of int, shape (n_trees, n_samples)
        The leaf of each sample in each tree.
    y : ndarray of shape (n_samples, n_outputs)
        Numbers; for a classifier class codes, -1 for labels that it does not know.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    mask : ndarray of bool, shape (n_trees, n_samples)
        Which samples evaluate which tree.
    """

    leaf: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    mask: np.ndarray


def validation_leaves(surgeon, rows, purpose):
    """Find the leaves and targets of the validation samples.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    rows : ValidationData
        The validation samples.
    purpose : str
        The parameter that needs them, for errors.

    Returns
    -------
    ValidationLeaves
        Their leaves and targets.

    Raises
    ------
    InputError
        If the targets do not suit the model, or no sample is left to evaluate a tree on.
    """
    y, _, weight = targets_for_model(
        surgeon.model, rows.X, rows.y, rows.sample_weight, purpose, n_outputs=surgeon.n_outputs
    )
    leaf = surgeon.apply(rows.X)
    mask = np.ones(leaf.shape, dtype=bool)
    if rows.out_of_bag:
        mask = out_of_bag_mask(surgeon.in_bag(), len(y))
    if not (mask @ weight).sum() > 0:
        raise samples_missing(len(y), out_of_bag=rows.out_of_bag)
    return ValidationLeaves(leaf, y, weight, mask)


def validation_risk(surgeon, rows):
    """Return the validation risk of each node.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    rows : ValidationData
        The validation samples.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Weighted errors, or squared errors, of each node as a leaf.
    """
    leaf, y, weight, mask = validation_leaves(surgeon, rows, "criterion='reduced_error'")
    tree, sample = np.nonzero(mask)
    risk = error_risk if surgeon.is_classifier else squared_risk
    return risk(surgeon.table, leaf[tree, sample], y[sample], weight[sample])


def best_ridge(surgeon, path, rows):
    """Choose the ridge of hierarchical shrinkage with the least validation loss.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model.
    path : TreePath
        The levels, without shrinkage.
    rows : ValidationData
        The validation samples.

    Returns
    -------
    float
        The ridge, in samples; the same for all levels, as it shrinks every split's step by
        what the samples of its node leave uncertain.

    Notes
    -----
    The loss is the squared error of the whole ensemble, of probabilities for classifiers,
    relative to that without shrinkage, summed over a few levels of geometrically falling
    sizes. O(n_samples * n_trees * n_values) per level and ridge.
    """
    leaves = validation_leaves(surgeon, rows, "recovery='shrinkage'")
    table, target = surgeon.table, leaves.y[:, :, np.newaxis]
    if surgeon.is_classifier:
        target = (target == np.arange(table.value.shape[2])).astype(float)
    levels = geometric_levels(path.units, N_LEVELS + 1)[1:]
    keep_split = np.zeros((len(levels), table.n_nodes), dtype=bool)
    for j, level in enumerate(levels):
        keep_split[j, table.is_split] = path.mask(level)
    leaf_at = [survivors(table, keep)[leaves.leaf] for keep in keep_split]
    loss = np.zeros((len(RIDGE_GRID), len(levels)))
    for i, ridge in enumerate(RIDGE_GRID):
        value = hierarchical_shrinkage(table, ridge)
        loss[i] = [_squared_error(leaves, leaf, value, target) for leaf in leaf_at]
    least = np.maximum(loss[0], np.finfo(float).tiny)
    return RIDGE_GRID[int((loss / least).sum(axis=1).argmin())]


def _squared_error(leaves, leaf, value, target):
    """Return the squared error of the mean over the trees that each sample evaluates."""
    n_trees = leaves.mask.sum(axis=0)
    mean = np.zeros((len(target), *value.shape[1:]))
    for nodes, mask in zip(leaf, leaves.mask, strict=True):
        mean += np.where(mask[:, np.newaxis, np.newaxis], value[nodes], 0.0)
    mean /= np.maximum(n_trees, 1)[:, np.newaxis, np.newaxis]
    weight = np.where((n_trees > 0) & (leaves.weight > 0), leaves.weight, 0.0)
    return weight @ ((mean - target) ** 2).sum(axis=(1, 2))
