"""Node records of scikit-learn's `Tree` objects: reading, cutting and building them."""

from types import MappingProxyType

import numpy as np

from skprune.arrays.nodes import NO_NODE
from skprune.exceptions import UnsupportedModelError

# Values of the fields of a leaf, as scikit-learn sets them.
LEAF = MappingProxyType(
    {
        "left_child": NO_NODE,
        "right_child": NO_NODE,
        "feature": -2,
        "threshold": -2.0,
        "missing_go_to_left": 0,
    }
)
KEPT_BY_LEAVES = frozenset({"impurity", "n_node_samples", "weighted_n_node_samples"})


def records(tree):
    """Return the node records of a `Tree`; an error if they have unknown fields."""
    nodes = tree.__getstate__()["nodes"]
    unknown = sorted(set(nodes.dtype.names) - set(LEAF) - KEPT_BY_LEAVES)
    if unknown:
        msg = (
            f"The nodes of this tree have the fields {unknown}, which this version of "
            "skprune does not know and would drop. Update skprune, or use an older "
            "scikit-learn."
        )
        raise UnsupportedModelError(msg)
    return nodes


def node_bytes(tree):
    """Return the bytes per node of a `Tree`, including its values."""
    state = tree.__getstate__()
    return state["nodes"].dtype.itemsize + state["values"][0].nbytes


def cut_records(nodes, order, left, right):
    """Return some node records of a `Tree` with new children; those without are leaves."""
    nodes = copy_records(nodes, order)
    nodes["left_child"], nodes["right_child"] = left, right
    for field in set(LEAF) & set(nodes.dtype.names):
        nodes[field][left == NO_NODE] = LEAF[field]
    return nodes


def new_records(like, left, right, feature, threshold, missing_left, n_samples, weight, impurity):
    """Return node records.

    Parameters
    ----------
    like : Tree
        A tree with these fields.
    left, right, feature, threshold, missing_left : ndarray of shape (n_nodes,)
        The splits. The children of leaves are -1; their other values are ignored.
    n_samples, weight, impurity : ndarray of shape (n_nodes,)
        Numbers of samples, weighted numbers and impurities.

    Returns
    -------
    structured ndarray of shape (n_nodes,)
        One record per node.
    """
    nodes = np.zeros(len(left), dtype=records(like).dtype)
    known = {
        "left_child": left,
        "right_child": right,
        "feature": feature,
        "threshold": threshold,
        "missing_go_to_left": missing_left,
        "impurity": impurity,
        "n_node_samples": n_samples,
        "weighted_n_node_samples": weight,
    }
    for field in set(known) & set(nodes.dtype.names):
        nodes[field] = known[field]
    for field in set(LEAF) & set(nodes.dtype.names):
        nodes[field][left == NO_NODE] = LEAF[field]
    return nodes


def new_tree(like, nodes, value, depth):
    """Build a `Tree` by the constructor and the `__setstate__` of another.

    Parameters
    ----------
    like : Tree
        A tree of as many features, classes and outputs; never changed.
    nodes : structured ndarray of shape (n_nodes,)
        Records, parents before children.
    value : ndarray of shape (n_nodes, n_outputs, n_values)
        Values of the nodes.
    depth : int
        Depth of the tree.

    Returns
    -------
    Tree
        Shares no data with `like`.
    """
    cls, arguments, state = like.__reduce__()
    state |= {
        "max_depth": depth,
        "node_count": len(nodes),
        "nodes": nodes,
        "values": np.ascontiguousarray(value),
    }
    fresh = cls(*arguments)
    fresh.__setstate__(state)
    return fresh


def copy_records(nodes, order):
    """Return some records of an array with zeroed padding: equal trees then pickle equally."""
    old = np.ascontiguousarray(nodes)
    raw = old.view(np.uint8).reshape(len(old), old.dtype.itemsize)[order]
    raw[:, _padding(old.dtype)] = 0
    return raw.reshape(-1).view(old.dtype)


def _padding(dtype):
    """Return which bytes of a record belong to no field, and so are uninitialised."""
    padding = np.ones(dtype.itemsize, dtype=bool)
    for field, offset in dtype.fields.values():
        padding[offset : offset + field.itemsize] = False
    return padding
