"""The base of the surgeons of XGBoost and LightGBM.

They read the form in which a booster is saved, and write a valid one of the trees that are kept,
which the library itself loads: no memory of a booster is touched.
"""

import copy
from abc import abstractmethod
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from skprune.arrays.nodes import NO_NODE, NodeTable, bottom_up_sum, check_children, splice
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery._checks import check_nodes, require, require_indices
from skprune.surgery._registry import ANY_ESTIMATOR
from skprune.surgery.boosting import BoostingSurgeon, with_leaf_means
from skprune.surgery.trees import remaining_trees

# The names of one parameter, aliases of LightGBM after the first.
CONSTRAINTS = ("monotone_constraints", "mc", "monotone_constraint", "monotonic_cst")
TINY = np.finfo(float).tiny


class SavedTree(NamedTuple):
    """A tree as its library saves it, and its nodes as arrays.

    Attributes
    ----------
    saved : object
        The saved form.
    left, right : ndarray of int, shape (n_nodes,)
        Children, as indices into the tree; -1 for leaves. The first node is the root.
    feature : ndarray of int, shape (n_nodes,)
        Feature of each split.
    threshold : ndarray of shape (n_nodes,)
        A sample goes left if its value is at most this.
    missing_left : ndarray of bool, shape (n_nodes,)
        Whether NaN goes left.
    ordered : ndarray of bool, shape (n_nodes,)
        Whether a node, if it splits, is fully described by these.
    value : ndarray of shape (n_nodes,)
        Values of the leaves.
    hessian : ndarray of shape (n_nodes,)
        Sum of the second derivatives of the loss.
    gain : ndarray of shape (n_nodes,)
        Gain of each split; 0 for leaves.
    """

    saved: Any
    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    ordered: np.ndarray
    value: np.ndarray
    hessian: np.ndarray
    gain: np.ndarray


class Kept(NamedTuple):
    """What a cut leaves of a tree.

    Attributes
    ----------
    nodes : ndarray of int, shape (n_kept,)
        Kept nodes, as indices into the tree; the first is the root.
    left, right : ndarray of int, shape (n_kept,)
        Their children, as positions in `nodes`; -1 for leaves.
    value : ndarray of shape (n_kept,)
        Their values as leaves.
    """

    nodes: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray


class BoosterSurgeon(BoostingSurgeon):
    """Base of the surgeons of boosters of other libraries.

    Only the stages that predict are read: after early stopping those up to the best one. The
    value of a split is the mean of the leaves below, weighted by the sums of second derivatives.
    The weight of a node is its share of this sum, so that with every split the risk that
    ``table.impurity`` represents decreases by the gain that the booster stores.
    """

    learning_rate = 1.0
    takes_missing = True
    has_constant_start = False
    has_snapshots = even_odds_win = is_coded = False

    def _read(self):
        trees = self._trees
        require(len(trees) > 0, self.model, "it has no trees", "give at least one")
        offsets = np.concatenate([[0], np.cumsum([len(tree.left) for tree in trees])])

        def column(name):
            return np.concatenate([getattr(tree, name) for tree in trees])

        shift = np.repeat(offsets[:-1], np.diff(offsets))
        left, right = column("left"), column("right")
        is_leaf = left == NO_NODE
        hessian, gain = column("hessian"), np.where(is_leaf, 0.0, column("gain"))
        root = np.repeat(hessian[offsets[:-1]], np.diff(offsets))
        table = NodeTable(
            left=np.where(is_leaf, NO_NODE, left + shift),
            right=np.where(right == NO_NODE, NO_NODE, right + shift),
            feature=np.where(is_leaf, -2, column("feature")),
            threshold=np.where(is_leaf, -2.0, column("threshold")),
            missing_left=column("missing_left") & ~is_leaf,
            value=column("value").astype(float)[:, np.newaxis, np.newaxis],
            weight=np.maximum(np.where(root > 0, hessian / np.maximum(root, TINY), 1.0), TINY),
            impurity=gain,
            offsets=offsets,
        )
        check_children(table)
        check_nodes(self.model, table, self.model.n_features_in_)
        wrong = np.count_nonzero(~np.isfinite(gain))
        require(not wrong, self.model, f"the gain of {wrong} splits is not finite", "give numbers")
        risk = bottom_up_sum(table, gain)
        return with_leaf_means(replace(table, impurity=risk / table.weight))

    @property
    def is_ordered(self):
        """Whether each node, if it splits, compares with a threshold; shape (n_nodes,)."""
        return np.concatenate([tree.ordered for tree in self._trees])

    def cut(self, keep_split, *, keep_tree=None, value=None, only_child=None):
        """Build the plain model that keeps some of the splits and trees.

        Parameters, result and errors as for `TreeSurgeon.cut`. Unchanged trees are saved as they
        were. O(nodes), and the time in which the library loads the result.
        """
        keep_tree, value = self._check_cut(keep_tree, value)
        table, trees, saved, whole = self.table, self._arrange(keep_tree), [], value is None
        keep_split = keep_split & keep_tree[table.tree]
        links = None if only_child is None else splice(table, only_child)
        stored = table.value if value is None else value
        stored = np.where(keep_tree[table.tree], stored[:, 0, 0], 0.0)
        if not np.isfinite(stored).all():
            msg = "value has numbers that are not finite. Give finite ones."
            raise InputError(msg)
        for t, kept, left, right, _ in remaining_trees(table, keep_split, trees, links):
            first, end = table.offsets[t : t + 2]
            if keep_tree[t] and len(kept) == end - first and value is None:
                saved.append(self._trees[t].saved)
                continue
            whole = False
            saved.append(self._written(t, Kept(kept - first, left, right, stored[kept])))
        n_stages = len(trees) // self.n_values_per_stage
        return self._with_trees(saved, trees, n_stages, whole=whole and bool(keep_tree.all()))

    def whole(self):
        """Return a copy of the model without the stages that do not predict."""
        return self.cut(self.table.is_split)

    @abstractmethod
    def _written(self, tree, kept):
        """Return the saved form of what is kept of a tree."""

    @abstractmethod
    def _with_trees(self, saved, trees, n_stages, *, whole):
        """Return a new model of saved trees.

        Parameters
        ----------
        saved : list
            Trees, stage by stage.
        trees : ndarray of int
            The trees that they were.
        n_stages : int
            Number of stages.
        whole : bool
            Whether these are all the trees that predict, unchanged.
        """

    def _shell(self, **without):
        """Return a deep copy of the model with some attributes replaced before copying."""
        shell = copy.copy(self.model)
        vars(shell).update(without)
        return copy.deepcopy(shell)

    def apply(self, X):
        """Find the leaf of each sample in each tree; shape (n_trees, n_samples)."""
        leaf = self._leaves(X)
        table = self.table
        for t, own in enumerate(leaf):
            require_indices(self.model, "a leaf", own, table.offsets[t + 1] - table.offsets[t])
        return leaf + table.roots[:, np.newaxis]

    @abstractmethod
    def _leaves(self, X):
        """Return the leaf of each sample, as an index into its tree; shape (n_trees, n_samples)."""

    @classmethod
    def constraints(cls, model):
        """Return the monotonic constraints among the parameters of a model, or None."""
        given = model.get_params()
        found = next((given[name] for name in CONSTRAINTS if given.get(name) is not None), None)
        if isinstance(found, str):  # such as "(1, 0, -1)"
            found = [int(sign) for sign in found.strip("() ").split(",") if sign.strip()]
        return found


def refuse_fields(model, place, given, known):
    """Raise an error if a saved booster has fields that would be lost.

    Parameters
    ----------
    model : estimator
        The model.
    place : str
        Where they are.
    given, known : iterable of str
        Fields that it has, and those that skprune knows.
    """
    unknown = sorted(set(given) - set(known))
    if unknown:
        msg = (
            f"{place} of this {type(model).__name__} has the fields {unknown}, which this version "
            "of skprune does not know and would drop. Update skprune, or use another version of "
            "the library that fitted it."
        )
        raise UnsupportedModelError(msg)


def refused(model, reason):
    """Return the error for a booster that is not pruned; it says what takes any estimator."""
    msg = f"{type(model).__name__} {reason}. {ANY_ESTIMATOR}."
    return UnsupportedModelError(msg)
