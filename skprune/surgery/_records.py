"""The bytes of trees: reading the node records of `Tree` objects, and writing new ones."""

from types import MappingProxyType

import numpy as np

from skprune.arrays.nodes import NO_NODE
from skprune.exceptions import UnsupportedModelError

# What scikit-learn writes into the fields of a leaf.
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
    """Return the node records of a `Tree`, refusing fields that are not known."""
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
    """Return the bytes that each node of a `Tree` takes, its values included."""
    state = tree.__getstate__()
    return state["nodes"].dtype.itemsize + state["values"][0].nbytes


def cut_records(nodes, order, left, right):
    """Return some node records of a `Tree`, with new children; those without are leaves."""
    nodes = copy_records(nodes, order)
    nodes["left_child"], nodes["right_child"] = left, right
    for field in set(LEAF) & set(nodes.dtype.names):
        nodes[field][left == NO_NODE] = LEAF[field]
    return nodes


def new_records(like, left, right, feature, threshold, missing_left):
    """Return node records of which only what predictions read is known.

    Parameters
    ----------
    like : Tree
        Says which fields there are.
    left, right, feature, threshold, missing_left : ndarray of shape (n_nodes,)
        What the fields hold; of leaves the children are -1, the rest is not looked at.

    Returns
    -------
    structured ndarray of shape (n_nodes,)
        Impurities and weights are NaN, numbers of rows zero.
    """
    nodes = np.zeros(len(left), dtype=records(like).dtype)
    known = {
        "left_child": left,
        "right_child": right,
        "feature": feature,
        "threshold": threshold,
        "missing_go_to_left": missing_left,
        "impurity": np.nan,
        "weighted_n_node_samples": np.nan,
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
        Says columns, classes and outputs; never changed.
    nodes : structured ndarray of shape (n_nodes,)
        Records, parents before children.
    value : ndarray of shape (n_nodes, n_outputs, n_values)
        What the nodes store.
    depth : int
        Depth of the tree.

    Returns
    -------
    Tree
        Shares nothing with `like`.
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
    """Return some records of an array, as bytes: equal trees then have equal pickles."""
    old = np.ascontiguousarray(nodes)
    raw = old.view(np.uint8).reshape(len(old), old.dtype.itemsize)[order]
    raw[:, _padding(old.dtype)] = 0
    return raw.reshape(-1).view(old.dtype)


def _padding(dtype):
    """Return which bytes of a record belong to no field; what they hold is left to chance."""
    idle = np.ones(dtype.itemsize, dtype=bool)
    for field, offset in dtype.fields.values():
        idle[offset : offset + field.itemsize] = False
    return idle
