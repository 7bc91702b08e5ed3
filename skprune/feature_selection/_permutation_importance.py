"""Permutation importance: how much the score of a model drops when features are shuffled.

Three ways give the same numbers. In models that sum or average leaves of trees, samples are
sent again only through the splits at which a permutation changes their path. Other models
predict many permuted copies of the table in one call. Both pass the scorer a model with the
known predictions of one copy; a scorer that reads more than predictions is given the model
itself, and one copy after the other.
"""

from dataclasses import replace
from functools import partial
from itertools import product
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, get_tags
from sklearn.utils.metaestimators import available_if

from skprune._compat import n_rows_of, passes_through, predicts_only, takes_weights
from skprune.arrays.blocks import block_size, blocks, even_blocks
from skprune.base._frames import is_frame, non_numeric_columns, take_by_column
from skprune.base._snapshot import Snapshot
from skprune.criteria.permutation_walks import decision_steps, permutations, reroute
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery import surgeon_for

# Bytes of the arrays of one block: of permuted copies, of predictions, of paths.
BLOCK = 2**26
# The usual `score` methods, which are functions of `predict` and the targets.
OWN_SCORES = (ClassifierMixin.score, RegressorMixin.score)
# Bytes of a step of a path while it is recorded, sorted and taken again.
STEP_BYTES = 100


def permutation_importances(
    model, X, y, scorer, *, n_repeats=5, seed=0, units=None, sample_weight=None
):
    """Compute how much the score of a model drops when features are permuted.

    Parameters
    ----------
    model : fitted estimator
        Any model whose prediction for a sample depends on no other sample; never changed.
    X : ndarray, sparse matrix or frame of shape (n_samples, n_features)
        Samples; use held-out data to measure what generalises.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their targets.
    scorer : callable
        As `sklearn.metrics.check_scoring` returns it.
    n_repeats : int, default=5
        Permutations of each unit.
    seed : int, default=0
        Seed of the permutations; all units share them.
    units : ndarray of int, shape (n_features,), default=None
        The unit of each feature, numbered from 0: features of one unit are permuted together,
        sample by sample. Default: each its own.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights, for scorers that take them.

    Returns
    -------
    ndarray of shape (n_units, n_repeats)
        Score of the table as it is, minus that of the permuted one.

    Notes
    -----
    For trees O(n_samples * n_trees * depth * n_repeats) in all, and a sum over the trees and
    the scorer per copy; for other models a prediction and the scorer per copy.
    """
    units = np.arange(X.shape[1]) if units is None else units
    if isinstance(model, FrozenEstimator):
        model = model.estimator
    scorer = _unbound(scorer, model)
    weights = {}
    if sample_weight is not None and takes_weights(scorer):
        weights = {"sample_weight": sample_weight}
    whole = _number(scorer(model, X, y, **weights), scorer)
    source = permutations(n_rows_of(X), n_repeats, seed)
    scores = [
        scorer(each, rows, y, **weights)
        for each, rows in _permuted_models(model, X, scorer, units, source)
    ]
    return whole - np.reshape(scores, (units.max() + 1, n_repeats))


def _number(score, scorer):
    """Refuse a score that is no number, in the words of scikit-learn's searches."""
    if np.ndim(score) or not isinstance(score, (Real, np.number, np.bool_)):
        msg = (
            f"scoring must return a number, got {score!r} ({type(score)}) instead. "
            f"(scorer={scorer!r})"
        )
        raise InputError(msg)
    return score


def _unbound(scorer, model):
    """Return the function behind the `score` of a model, where that only calls `predict`."""
    last = model.steps[-1][1] if isinstance(model, Pipeline) else model
    is_usual = passes_through(scorer) and type(last).score in OWN_SCORES
    return type(last).score if is_usual else scorer


def _permuted_models(model, X, scorer, units, source):
    """Yield a model, or one of known predictions, and samples, per unit and permutation."""
    columns = [np.flatnonzero(units == unit) for unit in range(units.max() + 1)]
    changes = list(product(columns, source))
    if not (predicts_only(scorer) or scorer in OWN_SCORES):
        for change in changes:
            yield model, permuted_copies(X, [change])
        return
    leaves = _leaves_of(model, X)
    if leaves is not None:
        yield from ((known, X) for known in walked(leaves, units, source))
        return
    for rows, count in _stacks(X, changes):
        stack = Stack(model, rows, n_rows_of(X))
        yield from ((Copy(stack, place), X) for place in range(count))


# Many copies in one prediction.


def _stacks(X, changes):
    """Yield stacks of permuted copies, and the number of copies in each."""
    n_copies = min(len(changes), block_size(BLOCK, _bytes_of(X)))
    parts = [changes[block] for block in blocks(len(changes), n_copies)]
    if sparse.issparse(X) or is_frame(X):
        yield from ((permuted_copies(X, part), len(part)) for part in parts)
        return
    # One buffer for all: only permuted columns are written, and restored afterwards.
    copies = np.tile(X, (n_copies, 1, 1))
    for part in parts:
        yield _permute_in(copies[: len(part)], X, part), len(part)
        _permute_in(copies, X, [(columns, slice(None)) for columns, _ in part])


def _permute_in(copies, X, changes):
    """Write permuted columns into copies of an array; return these as one table."""
    for copy, (columns, source) in zip(copies, changes, strict=False):
        copy[:, columns] = X[:, columns][source]
    return copies.reshape(-1, X.shape[1])


def permuted_copies(X, changes):
    """Stack copies of a table, in each of which some columns are permuted.

    Parameters
    ----------
    X : ndarray, sparse matrix or frame of shape (n_rows, n_features)
        The table.
    changes : list of (ndarray, ndarray)
        For each copy the columns, and the row that each row takes their values from.

    Returns
    -------
    ndarray, sparse matrix or frame of shape (n_copies * n_rows, n_features)
        Of the kind of `X`; columns keep their types.
    """
    n_rows = n_rows_of(X)
    every = np.tile(np.arange(n_rows), len(changes))
    if sparse.issparse(X):
        return _sparse_copies(X.tocsr(), changes)
    if not is_frame(X):
        return _permute_in(np.tile(X, (len(changes), 1, 1)), X, changes)
    source_of: dict[int, np.ndarray] = {}
    for place, (columns, source) in enumerate(changes):
        for column in columns:
            taken = source_of.setdefault(column, every.copy())
            taken[place * n_rows : (place + 1) * n_rows] = source
    sources = [source_of.get(column, every) for column in range(X.shape[1])]
    return take_by_column(X, sources, index_from=every)


def _sparse_copies(X, changes):
    copies = []
    for columns, source in changes:
        # Products with ones on the diagonal pick columns: exact, and nothing is densified.
        others = np.setdiff1d(np.arange(X.shape[1]), columns)
        copies.append(X @ _picking(others, X) + X[source] @ _picking(columns, X))
    return sparse.vstack(copies, format="csr")


def _picking(columns, X):
    at = columns.astype(np.int32)  # trees read no wider ones
    ones = np.ones(len(at), dtype=X.dtype)
    return sparse.csr_array((ones, (at, at)), shape=(X.shape[1], X.shape[1]))


def _bytes_of(X):
    return 12 * X.nnz if sparse.issparse(X) else 8 * X.shape[0] * X.shape[1]


class Stack:
    """Predictions of a model for stacked copies of a table; each method is called only once.

    Parameters
    ----------
    model : fitted estimator
        The model.
    X : array-like of shape (n_copies * n_samples, n_features)
        The copies.
    n_samples : int
        Samples of each copy.
    """

    def __init__(self, model, X, n_samples):
        self.model, self.n_samples = model, n_samples
        self._X, self._predictions = X, {}

    def predictions(self, method, place):
        """Return what a method returns for one copy: an array, or a list of arrays."""
        if method not in self._predictions:
            self._predictions[method] = getattr(self.model, method)(self._X)
        found = self._predictions[method]
        rows = slice(place * self.n_samples, (place + 1) * self.n_samples)
        return [output[rows] for output in found] if isinstance(found, list) else found[rows]


def _from_stack(method):
    """Make a method that returns the predictions in a stack, if the model has that method."""

    def has_method(copy):
        return hasattr(copy.stack.model, method)

    def predictions(self, X):  # noqa: ARG001 - the predictions are known
        return self.stack.predictions(method, self.place)

    predictions.__name__ = method
    return available_if(has_method)(predictions)


class Copy(BaseEstimator):
    """A model with known predictions, those for one copy of a stack.

    Parameters
    ----------
    stack : Stack
        The predictions for all copies.
    place : int
        Index of the copy.
    """

    def __init__(self, stack, place):
        self.stack = stack
        self.place = place

    def __sklearn_tags__(self):
        return get_tags(self.stack.model)

    def __sklearn_is_fitted__(self):
        return True

    @property
    def classes_(self):
        """Class labels of the model."""
        return self.stack.model.classes_

    predict = _from_stack("predict")
    predict_proba = _from_stack("predict_proba")
    predict_log_proba = _from_stack("predict_log_proba")
    decision_function = _from_stack("decision_function")


# Trees: only paths that a permutation changes are taken again.


class Leaves(NamedTuple):
    """A model whose predictions are sums over the leaves of samples.

    Attributes
    ----------
    table : NodeTable
        The trees; splits name columns of `X`.
    X : ndarray of shape (n_samples, n_features)
        The samples, in the precision in which the model compares.
    value : ndarray of shape (n_nodes, n_values)
        What each leaf adds to the sum.
    first : ndarray of shape (n_samples, n_values)
        The sum before the first tree.
    finish : callable
        Makes a model with known predictions from the sums, of shape (n_samples, n_values).
    """

    table: Any
    X: Any
    value: Any
    first: Any
    finish: Any


def _leaves_of(model, X):
    """Return a model as `Leaves`, or None if its predictions are no such sums."""
    if sparse.issparse(X) or non_numeric_columns(X):
        return None
    try:
        surgeon = surgeon_for(model, family="tree")
    except UnsupportedModelError:
        return None
    boosts = surgeon.has_constant_start
    answers = boosts or (surgeon.predicts_by_mean and surgeon.n_outputs == 1)
    if not answers or not surgeon.is_ordered[surgeon.table.is_split].all():
        return None
    how = {"accept_sparse": "csr", "ensure_all_finite": False}
    rows = check_array(X, dtype=surgeon.compares_in, **how)
    if sparse.issparse(rows):  # of a frame with sparse columns
        return None
    table = replace(surgeon.table, feature=surgeon.columns)
    if boosts:
        column = surgeon.tree_column[table.tree]
        value = np.zeros((table.n_nodes, surgeon.n_values_per_stage))
        value[np.arange(table.n_nodes), column] = surgeon.learning_rate * table.value[:, 0, 0]
        return Leaves(table, rows, value, surgeon.raw_init(X), surgeon.with_raw_scores)
    value = table.value[:, 0]
    first = np.zeros((len(rows), value.shape[1]))
    return Leaves(table, rows, value, first, partial(_mean_of, model, table.n_trees))


def _mean_of(model, n_trees, total):
    return Snapshot(model, total / n_trees)


def walked(leaves, units, source):
    """Predict permuted samples by a model of trees.

    Parameters
    ----------
    leaves : Leaves
        The model.
    units : ndarray of int, shape (n_features,)
        The unit of each feature.
    source : ndarray of int, shape (n_repeats, n_samples)
        The sample that each sample takes the values of a unit from.

    Yields
    ------
    estimator
        Predicts what the model predicts, for each unit and each permutation of it.
    """
    n_repeats, n_rows = source.shape
    n_units, n_values, table = units.max() + 1, leaves.value.shape[1], leaves.table
    n_blocked = block_size(BLOCK, 8 * n_values * n_rows * n_repeats)
    walk_bytes = 8 * n_values + STEP_BYTES * (1 + table.depth[~table.is_split].mean())
    n_walked = max(3, int(BLOCK / (walk_bytes * table.n_trees)))
    for block in blocks(n_units, n_blocked):
        inside = (units >= block.start) & (units < block.stop)
        local = np.where(inside, units - block.start, -1)
        sums = np.empty((block.stop - block.start, n_repeats, n_rows, n_values))
        for part in even_blocks(0, n_rows, n_walked):
            rows = np.arange(part.start, part.stop)
            _fill_in(leaves, local, source, rows, sums[:, :, part])
        yield from map(leaves.finish, sums.reshape(-1, n_rows, n_values))


def _fill_in(leaves, units, source, rows, sums):
    """Fill in the sums for some samples; of shape (n_units, n_repeats, n_rows, n_values)."""
    table, X, value, first, _ = leaves
    known = decision_steps(table, X, rows, units)
    terms = np.empty((table.n_trees + 1, first[rows].size))
    terms[0] = first[rows].ravel()
    votes = terms[1:].reshape(-1, value.shape[1])
    votes[:] = value[known.leaf]
    for repeat, taken in enumerate(source):
        unit, walks, leaf = reroute(table, X, rows, units, known, taken)
        ends = np.searchsorted(unit, np.arange(len(sums) + 1))
        for place, part in enumerate(map(slice, ends[:-1], ends[1:])):
            changed = walks[part]
            votes[changed] = value[leaf[part]]
            # Tree after tree, as in the model: another order changes the last bit.
            sums[place, repeat] = np.add.reduce(terms, axis=0).reshape(len(rows), -1)
            votes[changed] = value[known.leaf[changed]]
