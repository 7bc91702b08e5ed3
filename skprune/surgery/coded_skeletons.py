"""Models of trees without their nodes, and back: members that are alike are stored once."""

import copy
import pickle
from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.nodes import NO_NODE
from skprune.surgery._records import new_records, new_tree, records
from skprune.surgery.forests import OUT_OF_BAG_ATTRIBUTES
from skprune.surgery.hist_boosting import columns_seen, new_nodes

# Where models keep their trees, and the members their nodes.
HOLDERS = ("tree_", "estimators_", "_predictors")


class Distinct(NamedTuple):
    """A list of objects many of which are the same: each is stored once.

    Attributes
    ----------
    values : list
        Those that differ.
    which : ndarray of int, shape (n_objects,)
        Which of them each object is.
    """

    values: list[Any]
    which: Any

    @classmethod
    def of(cls, objects):
        """Find what is the same among objects, by their pickles."""
        places: dict[bytes, int] = {}
        which = [places.setdefault(pickle.dumps(each), len(places)) for each in objects]
        values = [objects[which.index(place)] for place in range(len(places))]
        return cls(values, np.array(which, dtype=np.min_scalar_type(max(which))))

    def at(self, place):
        """Return one of the objects, a copy."""
        return copy.deepcopy(self.values[self.which[place]])


class Husk:
    """A fitted model of trees without nodes.

    Parameters
    ----------
    surgeon : TreeSurgeon
        Reader of the model, which is never changed.
    """

    def __init__(self, surgeon):
        shell = copy.copy(surgeon.model)
        # Of the training rows, or bound to the whole model: no prediction reads them.
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
        self._kind: Any = type(members[0])
        self._places: tuple[int, ...] = np.shape(getattr(shell, self._holder))
        self._kept: dict[str, Distinct] = {}
        if self._holder != "tree_":
            names = dict.fromkeys(name for member in members for name in vars(member))
            self._kept = {
                name: Distinct.of([_seedless(vars(member).get(name)) for member in members])
                for name in names
                if name != self._nodes
            }
        self._seeds = Distinct.of([_seed(getattr(member, self._nodes)) for member in members])
        delattr(shell, self._holder)
        self._shell = shell

    def filled(self, table):
        """Build the plain model with given nodes.

        Parameters
        ----------
        table : NodeTable
            As many trees as the model had. Weights and impurities are not looked at.

        Returns
        -------
        estimator
            It shares nothing with the husk. O(nodes), and a little per tree.
        """
        model = copy.deepcopy(self._shell)
        if self._columns is not None:
            n_members = len(self._columns.which)
            model.estimators_features_ = [self._columns.at(t) for t in range(n_members)]
        trees = [self._tree(table, t, model) for t in range(table.n_trees)]
        if self._holder == "tree_":
            model.tree_ = trees[0]
            return model
        members = np.empty(len(trees), dtype=object)
        members[:] = [self._member(t, tree) for t, tree in enumerate(trees)]
        members = members.reshape(self._places)
        as_array = self._holder == "estimators_" and members.ndim > 1
        setattr(model, self._holder, members if as_array else members.tolist())
        return model

    def _member(self, t, tree):
        member = self._kind.__new__(self._kind)
        vars(member).update({name: kept.at(t) for name, kept in self._kept.items()})
        setattr(member, self._nodes, tree)
        return member

    def _tree(self, table, t, model):
        """Build what a member keeps its nodes in."""
        first, end = table.offsets[t : t + 2]
        nodes, seed = slice(first, end), self._seeds.at(t)
        left, right = (
            np.where(child[nodes] == NO_NODE, NO_NODE, child[nodes] - first)
            for child in (table.left, table.right)
        )
        feature, value, depth = table.feature[nodes], table.value[nodes], table.depth[nodes]
        rest = (table.threshold[nodes], table.missing_left[nodes])
        if self._nodes == "nodes":
            feature = np.argsort(columns_seen(model))[np.maximum(feature, 0)]  # -2 in leaves
            return new_nodes(seed, left, right, depth, feature, *rest, value[:, 0, 0])
        if self._columns is not None:
            feature = _own_columns(self._columns.values[self._columns.which[t]], feature)
        if value.shape[2] > seed.value.shape[2]:  # classes that a bagged tree has not seen
            value = value[:, :, self._kept["classes_"].at(t).astype(np.intp)]
        return new_tree(seed, new_records(seed, left, right, feature, *rest), value, depth.max())


def _seed(nodes):
    """Return what says of a tree all but its nodes: one of them, empty."""
    if not isinstance(nodes, np.ndarray):
        empty = np.zeros(1, dtype=records(nodes).dtype)
        return new_tree(nodes, empty, np.zeros_like(nodes.value[:1]), 0)
    return np.zeros(1, dtype=nodes.dtype)


def _seedless(value):
    """Leave out generators of random numbers: trees that are not grown again draw none."""
    return None if isinstance(value, np.random.RandomState) else value


def _own_columns(columns, feature):
    """Return which of some columns, each listed at least once, are meant; -2 stays."""
    order = np.argsort(columns, kind="stable")
    found = order[np.searchsorted(columns[order], np.maximum(feature, columns.min()))]
    return np.where(feature < 0, feature, found)


def _without_bins(mapper):
    """Return a mapper of bins that knows categories only, which is all that predictions ask.

    Training that goes on from the model finds all bins anew.
    """
    mapper = copy.copy(mapper)
    categorical = np.flatnonzero(mapper.is_categorical_)
    mapper.bin_thresholds_ = {int(column): mapper.bin_thresholds_[column] for column in categorical}
    return mapper
