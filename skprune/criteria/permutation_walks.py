"""Permuted columns: the permutations, and where trees send the rows that have changed.

A row answers otherwise after a permutation only through the splits on its way down that look
at a permuted column, and only if the new value goes the other way there. So the splits on the
ways of all rows are listed once, and a permutation walks on from the first split that is
taken otherwise; all else stays.
"""

from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.nodes import step, walk


def permutations(n_rows, n_repeats, seed):
    """Draw permutations of rows as `sklearn.inspection.permutation_importance` does.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    n_repeats : int
        Number of permutations.
    seed : int
        Seed of the draws; all columns share them there as well.

    Returns
    -------
    ndarray of int, shape (n_repeats, n_rows)
        The row that each row takes its value from. Each permutation follows upon those
        before it, as that of scikit-learn's one copy of the table.
    """
    rng = np.random.RandomState(seed)
    shuffled, source = np.arange(n_rows), np.arange(n_rows)
    found = np.empty((n_repeats, n_rows), dtype=np.intp)
    for repeat in range(n_repeats):
        rng.shuffle(shuffled)
        found[repeat] = source = source[shuffled]
    return found


class DecisionSteps(NamedTuple):
    """The ways of rows down trees, as far as they look at columns that will be permuted.

    Attributes
    ----------
    leaf : ndarray of int, shape (n_walks,)
        Where each walk ends; walks are numbered ``tree * n_rows + row``.
    unit, walk, split : ndarray of int, shape (n_steps,)
        The unit of columns that a step looks at, its walk and its split; ordered by unit,
        then walk, then from the root down.
    goes_left : ndarray of bool, shape (n_steps,)
        Which way it goes.
    """

    leaf: Any
    unit: Any
    walk: Any
    split: Any
    goes_left: Any


def decision_steps(table, X, rows, unit_of):
    """Walk rows down every tree and list the steps that may change.

    Parameters
    ----------
    table : NodeTable
        The trees.
    X : ndarray of shape (n_all_rows, n_features)
        The table, in the precision in which the model compares.
    rows : ndarray of int, shape (n_rows,)
        Rows to walk.
    unit_of : ndarray of int, shape (n_features,)
        The unit of each column; -1 for columns that are not permuted.

    Returns
    -------
    DecisionSteps
        Their ways.

    Notes
    -----
    O(rows * trees * depth), and a sort of the steps.
    """
    node, n_rows = np.repeat(table.roots, len(rows)), len(rows)
    parts = []
    look_up = _values(X, lambda walks, _: rows[walks % n_rows])
    for walks, split, goes_left in walk(table, node, look_up):
        unit = unit_of[table.feature[split]]
        asked = np.flatnonzero(unit >= 0)
        parts.append((unit[asked], walks[asked], split[asked], goes_left[asked]))
    if not parts:
        nothing = np.empty(0, dtype=np.intp)
        return DecisionSteps(node, nothing, nothing, nothing, nothing.astype(bool))
    unit, walks, split, goes_left = map(np.concatenate, zip(*parts, strict=True))
    order = np.argsort(unit * len(node) + walks, kind="stable")
    return DecisionSteps(node, unit[order], walks[order], split[order], goes_left[order])


def reroute(table, X, rows, unit_of, steps, source):
    """Find the walks that a permutation of each unit changes, and where these end.

    Parameters
    ----------
    table, X, rows, unit_of
        As for `decision_steps`.
    steps : DecisionSteps
        What that returned.
    source : ndarray of int, shape (n_all_rows,)
        The row that each row takes its values from, in the columns of one unit at a time.

    Returns
    -------
    unit, walk, leaf : ndarray of int, shape (n_changed,)
        The unit that is permuted, the walk that it changes, and its new leaf; ordered by
        unit.

    Notes
    -----
    O(steps) for those that may change, and O(walks * depth) below the splits that are taken
    otherwise.
    """
    n_rows, new_rows = len(rows), source[rows]
    x = _values(X, lambda walks, _: new_rows[walks % n_rows])(
        steps.walk, table.feature[steps.split]
    )
    turned = np.flatnonzero(step(table, steps.split, x) != steps.goes_left)
    # The first split of a walk that is taken otherwise; the old ones below it are not met.
    unit, walks = steps.unit[turned], steps.walk[turned]
    again = (unit[1:] == unit[:-1]) & (walks[1:] == walks[:-1])
    turned = np.delete(turned, np.flatnonzero(again) + 1)
    unit, walks, split = steps.unit[turned], steps.walk[turned], steps.split[turned]
    node = np.where(steps.goes_left[turned], table.right[split], table.left[split])
    row = walks % n_rows

    def row_of(moving, feature):
        at = row[moving]
        return np.where(unit_of[feature] == unit[moving], new_rows[at], rows[at])

    for _ in walk(table, node, _values(X, row_of)):
        pass
    return unit, walks, node


def _values(X, row_of):
    """Return a function that looks up the values of walks in columns."""
    flat, width = np.ascontiguousarray(X).ravel(), X.shape[1]
    return lambda walks, feature: flat[row_of(walks, feature) * width + feature]
