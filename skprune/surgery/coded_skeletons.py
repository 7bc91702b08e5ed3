"""Tree models without their node arrays; what members have in common is stored once."""

import copy
import pickle
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.nodes import NO_NODE
from skprune.surgery._records import new_records, new_tree, records
from skprune.surgery.embedded import set_leaves
from skprune.surgery.forests import OUT_OF_BAG_ATTRIBUTES
from skprune.surgery.hist_boosting import feature_order, new_nodes

# Attributes in which models store their trees.
HOLDERS = ("tree_", "estimators_", "_predictors")


class Distinct(NamedTuple):
    """A list of objects with many duplicates, each of which is stored once.

    Attributes
    ----------
    values : list
        Distinct objects.
    which : ndarray of int, shape (n_objects,), or None
        Index in `values` of each object; None if all are the same.
    """

    values: list[Any]
    which: Any

    @classmethod
    def of(cls, objects):
        """Find the duplicates among objects, by their pickles."""
        places: dict[bytes, int] = {}
        which = [places.setdefault(pickle.dumps(each), len(places)) for each in objects]
        values = [objects[which.index(place)] for place in range(len(places))]
        if len(values) == 1:
            return cls(values, None)
        return cls(values, np.array(which, dtype=np.min_scalar_type(max(which))))

    def at(self, place):
        """Return a copy of one of the objects."""
        return copy.deepcopy(self.values[0 if self.which is None else self.which[place]])


class TreeModelSkeleton:
    """A fitted tree model with its node arrays removed.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model, which is never changed.
    first : ndarray of int, shape (n_trees,)
        Position at which each tree stands first; the nodes of others are not given back.
    """

    def __init__(self, surgeon, first):
        shell = copy.copy(surgeon.model)
        distinct, which = np.unique(first, return_inverse=True)
        # No tree stands twice as a rule, and each number would be a byte of the pickle.
        self._first = self._which = None
        if len(distinct) < len(first):
            self._first, self._which = (
                part.astype(np.min_scalar_type(len(first))) for part in (distinct, which)
            )
        # They belong to the training data or to the whole model; predictions do not need them.
        for name in (*OUT_OF_BAG_ATTRIBUTES, "_raw_predict", "_rng"):
            vars(shell).pop(name, None)
        self._holder = next(name for name in HOLDERS if name in vars(shell))
        self._columns = None
        if hasattr(shell, "estimators_features_"):
            self._columns = Distinct.of(shell.estimators_features_)
            del shell.estimators_features_
        members, self._nodes = surgeon._members(), "tree_"
        if self._holder == "_predictors":
            members, self._nodes = surgeon.in_preorder(), "nodes"
            shell._bin_mapper = _without_bins(shell._bin_mapper)
        members = [members[place] for place in distinct]
        self._kind: Any = type(members[0])
        self._places: tuple[int, ...] = np.shape(getattr(shell, self._holder))
        self._kept: dict[str, Distinct] = {}
        if self._holder != "tree_":
            names = dict.fromkeys(name for member in members for name in vars(member))
            self._kept = {
                name: Distinct.of([_without_state(vars(member).get(name)) for member in members])
                for name in names
                if name != self._nodes
            }
        self._empty = Distinct.of([_emptied(getattr(member, self._nodes)) for member in members])
        delattr(shell, self._holder)
        self._shell = shell

    def with_nodes(self, table, n_samples):
        """Build the plain model with given nodes.

        Parameters
        ----------
        table : NodeTable
            The distinct trees of the model.
        n_samples : ndarray of int, shape (n_nodes,)
            Number of training samples of each node.

        Returns
        -------
        estimator
            It shares no data with the skeleton. O(nodes), and a constant per tree.
        """
        model = copy.deepcopy(self._shell)
        if self._columns is not None:
            model.estimators_features_ = [self._columns.at(t) for t in range(self._places[0])]
        trees = [self._tree(table, n_samples, t, model) for t in range(table.n_trees)]
        if self._holder == "tree_":
            model.tree_ = trees[0]
            return model
        members = np.empty(len(trees), dtype=object)
        members[:] = [self._member(t, tree) for t, tree in enumerate(trees)]
        members = members if self._which is None else members[self._which]
        members = members.reshape(self._places)
        as_array = self._holder == "estimators_" and members.ndim > 1
        setattr(model, self._holder, members if as_array else members.tolist())
        return model

    def _member(self, t, tree):
        member = self._kind.__new__(self._kind)
        vars(member).update({name: kept.at(t) for name, kept in self._kept.items()})
        setattr(member, self._nodes, tree)
        return member

    def _tree(self, table, n_samples, t, model):
        """Build the object in which a member stores its nodes."""
        first, end = table.offsets[t : t + 2]
        nodes, empty = slice(first, end), self._empty.at(t)
        left, right = (
            np.where(child[nodes] == NO_NODE, NO_NODE, child[nodes] - first)
            for child in (table.left, table.right)
        )
        feature, value, depth = table.feature[nodes], table.value[nodes], table.depth[nodes]
        rest = (table.threshold[nodes], table.missing_left[nodes])
        statistics = (n_samples[nodes], table.weight[nodes], table.impurity[nodes])
        if self._nodes == "nodes":
            feature = np.argsort(feature_order(model))[np.maximum(feature, 0)]  # -2 in leaves
            return new_nodes(empty, left, right, depth, feature, *rest, value[:, 0, 0], *statistics)
        if self._columns is not None:
            place = t if self._first is None else self._first[t]
            feature = _local_features(self._columns.at(place), feature)
        if value.shape[2] > empty.value.shape[2]:  # a bagged tree may lack some classes
            value = value[:, :, self._kept["classes_"].at(t).astype(np.intp)]
        nodes = new_records(empty, left, right, feature, *rest, *statistics)
        return new_tree(empty, nodes, value, depth.max())


class EmbeddedSkeleton:
    """A logistic regression on leaves, with its node arrays and coefficients removed.

    Parameters
    ----------
    surgeon : EmbeddedTreesSurgeon
        Reader of the model, which is never changed.
    first : ndarray of int, shape (n_trees,)
        As of `TreeModelSkeleton`; the places of all trees.
    """

    def __init__(self, surgeon, first):
        self._shell = copy.copy(surgeon.model)
        self._shell.steps = [(name, copy.copy(step)) for name, step in surgeon.model.steps]
        embedding, last = self._shell[0], self._shell[-1]
        encoder = embedding.one_hot_encoder_
        self._number, self._precision = encoder.categories_[0].dtype, last.coef_.dtype
        last.coef_ = None
        self._trees = TreeModelSkeleton(surgeon.embedding, first)
        bare = self._trees._shell.one_hot_encoder_ = copy.copy(encoder)
        bare.categories_ = bare._n_features_outs = None
        embedding.__dict__.clear()  # the skeleton of the trees holds it

    def with_nodes(self, table, n_samples):
        """Build the plain model with given nodes; as `TreeModelSkeleton.with_nodes`."""
        model, leaves = copy.deepcopy(self._shell), ~table.is_split
        bare = replace(table, value=np.zeros((table.n_nodes, 1, 1)))
        embedding = self._trees.with_nodes(bare, n_samples)
        found = [
            np.flatnonzero(leaves[first:end]).astype(self._number)
            for first, end in pairwise(table.offsets)
        ]
        set_leaves(embedding, found)
        model.steps[0] = (model.steps[0][0], embedding)
        coefficients = table.value[leaves, 0].T
        model[-1].coef_ = np.ascontiguousarray(coefficients, dtype=self._precision)
        return model


def skeleton_of(surgeon, first):
    """Return the skeleton of a tree model, given the position at which each tree stands first."""
    kind = TreeModelSkeleton if surgeon.embedding is None else EmbeddedSkeleton
    return kind(surgeon, first)


def _emptied(nodes):
    """Return a tree of the same kind with a single leaf of zeros."""
    if not isinstance(nodes, np.ndarray):
        empty = np.zeros(1, dtype=records(nodes).dtype)
        empty["left_child"] = empty["right_child"] = NO_NODE
        return new_tree(nodes, empty, np.zeros_like(nodes.value[:1]), 0)
    return np.zeros(1, dtype=nodes.dtype)


def _without_state(value):
    """Return an attribute, or None for a random generator, which only growing a tree needs."""
    return None if isinstance(value, np.random.RandomState) else value


def _local_features(columns, feature):
    """Return the positions of features in a list of columns; -2 remains -2."""
    order = np.argsort(columns, kind="stable")
    found = order[np.searchsorted(columns[order], np.maximum(feature, columns.min()))]
    return np.where(feature < 0, feature, found)


def _without_bins(mapper):
    """Return a bin mapper with the bins of categories only, which are all that predictions need.

    A warm start computes all bins again.
    """
    mapper = copy.copy(mapper)
    categorical = np.flatnonzero(mapper.is_categorical_)
    mapper.bin_thresholds_ = {int(column): mapper.bin_thresholds_[column] for column in categorical}
    return mapper
