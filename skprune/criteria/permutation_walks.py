"""Permutation importance of trees: the permutations, and incremental routing.

Permuting a column changes the leaf of a sample only if, at some split of its decision path on
that column, the new value goes the other way. So the decision paths of all samples are
recorded once, and for each permutation only the affected samples are routed again, from the
first split at which they deviate.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.nodes import step, walk


def permutations(n_rows, n_repeats, seed):
    """Draw permutations as `sklearn.inspection.permutation_importance` does.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    n_repeats : int
        Number of permutations.
    seed : int
        Seed; all columns use the same permutations, as in scikit-learn.

    Returns
    -------
    ndarray of int, shape (n_repeats, n_rows)
        The row that each row takes its value from. The permutations are cumulative, since
        scikit-learn shuffles one copy of the table repeatedly. O(n_repeats * n_rows).
    """
    rng = np.random.RandomState(seed)
    shuffled, source = np.arange(n_rows), np.arange(n_rows)
    found = np.empty((n_repeats, n_rows), dtype=np.intp)
    for repeat in range(n_repeats):
        rng.shuffle(shuffled)
        found[repeat] = source = source[shuffled]
    return found


class DecisionSteps(NamedTuple):
    """The steps of decision paths at splits on columns that will be permuted.

    Attributes
    ----------
    leaf : ndarray of int, shape (n_paths,)
        Last node of each path; paths are numbered ``tree * n_rows + row``.
    unit, path, split : ndarray of int, shape (n_steps,)
        The unit of columns that a step depends on, its path and its split; sorted by unit,
        then path, then depth.
    goes_left : ndarray of bool, shape (n_steps,)
        Whether the step goes left.
    """

    leaf: Any
    unit: Any
    path: Any
    split: Any
    goes_left: Any


def decision_steps(table, X, rows, unit_of):
    """Record the steps of all decision paths that depend on permuted columns.

    Parameters
    ----------
    table : NodeTable
        The trees.
    X : ndarray of shape (n_all_rows, n_columns)
        The samples, in the precision in which the model compares.
    rows : ndarray of int, shape (n_rows,)
        Rows to route.
    unit_of : ndarray of int, shape (n_columns,)
        The unit of each column; -1 for columns that are not permuted.

    Returns
    -------
    DecisionSteps
        Steps of the paths of these rows in every tree.

    Notes
    -----
    O(n_rows * n_trees * depth), plus a sort of the steps.
    """
    node, n_rows = np.repeat(table.roots, len(rows)), len(rows)
    parts = []
    look_up = _values(X, lambda paths, _: rows[paths % n_rows])
    for paths, split, goes_left in walk(table, node, look_up):
        unit = unit_of[table.feature[split]]
        recorded = np.flatnonzero(unit >= 0)
        parts.append((unit[recorded], paths[recorded], split[recorded], goes_left[recorded]))
    if not parts:
        empty = np.empty(0, dtype=np.intp)
        return DecisionSteps(node, empty, empty, empty, empty.astype(bool))
    unit, paths, split, goes_left = map(np.concatenate, zip(*parts, strict=True))
    order = np.argsort(unit * len(node) + paths, kind="stable")
    return DecisionSteps(node, unit[order], paths[order], split[order], goes_left[order])


def reroute(table, X, rows, unit_of, steps, source):
    """Find the decision paths that permuting each unit changes, and their new leaves.

    Parameters
    ----------
    table, X, rows, unit_of
        As for `decision_steps`.
    steps : DecisionSteps
        Result of `decision_steps`.
    source : ndarray of int, shape (n_all_rows,)
        The row that each row takes its values from, in the columns of one unit at a time.

    Returns
    -------
    unit, path, leaf : ndarray of int, shape (n_changed,)
        The permuted unit, the path that it changes, and the new leaf; sorted by unit.

    Notes
    -----
    O(n_steps) comparisons, and O(n_changed * depth) to route the changed paths.
    """
    n_rows, new_rows = len(rows), source[rows]
    x = _values(X, lambda paths, _: new_rows[paths % n_rows])(
        steps.path, table.feature[steps.split]
    )
    changed = np.flatnonzero(step(table, steps.split, x) != steps.goes_left)
    # Only the first changed split of a path counts; the splits below it are not reached.
    unit, paths = steps.unit[changed], steps.path[changed]
    later = (unit[1:] == unit[:-1]) & (paths[1:] == paths[:-1])
    changed = np.delete(changed, np.flatnonzero(later) + 1)
    unit, paths, split = steps.unit[changed], steps.path[changed], steps.split[changed]
    node = np.where(steps.goes_left[changed], table.right[split], table.left[split])
    row = paths % n_rows

    def row_of(moving, feature):
        at = row[moving]
        return np.where(unit_of[feature] == unit[moving], new_rows[at], rows[at])

    for _ in walk(table, node, _values(X, row_of)):
        pass
    return unit, paths, node


def _values(X, row_of):
    """Return a function that looks up the values that paths compare."""
    flat, width = np.ascontiguousarray(X).ravel(), X.shape[1]
    return lambda paths, feature: flat[row_of(paths, feature) * width + feature]
