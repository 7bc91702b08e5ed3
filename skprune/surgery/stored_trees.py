"""Trees as they stand in a file, checked before scikit-learn builds them."""

import numpy as np

from skprune._compat import NODE_DTYPE
from skprune.arrays.nodes import NO_NODE, NodeTable, check_children
from skprune.exceptions import InputError


def check_stored_tree(arguments, state):
    """Raise an error for the state of a `Tree` that its compiled code must not see.

    Parameters
    ----------
    arguments : sequence of (int, ndarray, int)
        Arguments of its constructor: features, classes of each output, outputs.
    state : dict of str to object
        Its state: `max_depth`, `node_count`, `nodes` and `values`.

    Raises
    ------
    InputError
        If sizes do not fit together, children do not form a tree, or a split is on a feature
        that there is not. O(nodes).
    """
    n_features, n_classes, n_outputs = arguments
    nodes, values = state["nodes"], state["values"]
    depth, n_nodes = state["max_depth"], state["node_count"]
    counts = (n_features, n_outputs, depth, n_nodes)
    _require(all(type(count) is int and count >= 0 for count in counts), "a size is no count")
    _require(
        isinstance(n_classes, np.ndarray)
        and n_classes.dtype == np.intp
        and n_classes.shape == (n_outputs,)
        and n_outputs > 0
        and n_classes.min() > 0,
        "it does not state the classes of each output",
    )
    _require(
        isinstance(nodes, np.ndarray) and nodes.dtype == NODE_DTYPE and nodes.ndim == 1,
        "its nodes are not those of the installed scikit-learn",
    )
    _require(len(nodes) == n_nodes > depth, f"it states {n_nodes} nodes and has {len(nodes)}")
    shape = (n_nodes, n_outputs, int(n_classes.max()))
    _require(
        isinstance(values, np.ndarray) and values.dtype == np.float64 and values.shape == shape,
        f"its values must have shape {shape}",
    )
    _check_nodes(nodes, values, n_features)


def _check_nodes(nodes, values, n_features):
    left, feature = nodes["left_child"], nodes["feature"]
    table = NodeTable(
        left=left,
        right=nodes["right_child"],
        feature=feature,
        threshold=nodes["threshold"],
        missing_left=nodes["missing_go_to_left"],
        value=values,
        weight=nodes["weighted_n_node_samples"],
        impurity=nodes["impurity"],
        offsets=np.array([0, len(nodes)]),
    )
    check_children(table)
    split = left != NO_NODE
    inside = (feature[split] >= 0) & (feature[split] < n_features)
    _require(inside.all(), f"a split is on a feature that is not among its {n_features}")
    _require(not np.isnan(nodes["threshold"][split]).any(), "a threshold is NaN")


def _require(holds, given):
    if not holds:
        msg = (
            f"This stored tree is malformed: {given}. It was edited, or read from a damaged file: "
            "dump the model again, or load an intact copy."
        )
        raise InputError(msg)
