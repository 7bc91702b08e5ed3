"""Converters of sums of trees to ONNX, and of models that ONNX has in single precision only."""

import numbers

import numpy as np
from sklearn.base import is_classifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import Pipeline
from sklearn.svm import SVR, LinearSVC, NuSVR, OneClassSVM
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from skprune._compat import import_extra
from skprune.deployment._tree_sums import tree_sum
from skprune.exceptions import UnsupportedModelError

MODELS = (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    Pipeline,
    # ONNX, or skl2onnx, has these in single precision only.
    LinearSVC,
    NuSVR,
    OneClassSVM,
    SVR,
)


def tree_converters():
    """Return the converters of trees, as arguments of `skl2onnx.convert_sklearn`."""
    return {
        "custom_parsers": dict.fromkeys(MODELS, parse),
        "custom_shape_calculators": dict.fromkeys(MODELS, set_types),
        "custom_conversion_functions": dict.fromkeys(MODELS, convert),
    }


def skl2onnx_module(name):
    """Return a module of skl2onnx, which is an optional dependency."""
    return import_extra(f"skl2onnx.{name}", "export", "to_onnx")


def parse(scope, model, inputs, custom_parsers=None):
    """Declare the operator of a model and its outputs."""
    types = skl2onnx_module("common.data_types")
    if tree_sum(model) is None:
        return _parse_other(scope, model, inputs, custom_parsers)
    operator = scope.declare_local_operator(_alias(model), model)
    operator.inputs = inputs
    number = types.guess_tensor_type(inputs[0].type)
    if is_classifier(model):
        operator.outputs.append(scope.declare_local_variable("label", types.Int64TensorType()))
        operator.outputs.append(scope.declare_local_variable("probabilities", number))
    else:
        operator.outputs.append(scope.declare_local_variable("variable", number))
    return operator.outputs


def _parse_other(scope, model, inputs, custom_parsers):
    """Let skl2onnx declare a pipeline, or a model that it converts in single precision only."""
    parser = skl2onnx_module("_parse")
    if isinstance(model, Pipeline):
        parse_steps = parser.sklearn_parsers_map[Pipeline]
        return parse_steps(scope, model, inputs, custom_parsers=custom_parsers)
    types = skl2onnx_module("common.data_types")
    inputs = [_in_single_precision(scope, given, types) for given in inputs]
    outputs = parser.parse_sklearn(scope, model, inputs)
    for output in outputs:
        output.init_status(is_leaf=False)  # whoever asked for them knows whether it is the last
    return outputs


def _alias(model):
    return skl2onnx_module("_supported_operators").get_model_alias(type(model))


def _in_single_precision(scope, given, types):
    """Declare the conversion of double to single precision; return its result."""
    if not isinstance(given.type, types.DoubleTensorType):
        return given
    operator = scope.declare_local_operator("SklearnCast")
    operator.inputs = [given]
    single = scope.declare_local_variable("single", types.FloatTensorType(given.type.shape))
    operator.outputs.append(single)
    return single


def set_types(operator):
    """Set the types of the outputs of a model of trees."""
    model, outputs = operator.raw_operator, operator.outputs
    total = None if len(outputs) > 1 + is_classifier(model) else tree_sum(model)
    if total is None:
        registration = skl2onnx_module("common._registration")
        registration.get_shape_calculator(_alias(model))(operator)
        return
    types = skl2onnx_module("common.data_types")
    n_samples = operator.inputs[0].get_first_dimension()
    number = type(types.guess_tensor_type(operator.inputs[0].type))
    if not is_classifier(model):
        outputs[0].set_type(number([n_samples, len(total.start)]))
        return
    classes = _classes(model)
    several = [total.n_outputs] if total.n_outputs > 1 else []
    kind = types.StringTensorType if _holds_text(classes) else types.Int64TensorType
    outputs[0].set_type(kind([n_samples, *several]))
    outputs[1].set_type(number([*several, n_samples, max(map(len, classes))]))


def _classes(model):
    """Return the labels of each target, a list of lists."""
    classes = model.classes_
    return [each.tolist() for each in (classes if isinstance(classes, list) else [classes])]


def _holds_text(classes):
    """Return whether labels are text; refuse other than whole numbers."""
    labels = [label for each in classes for label in each]
    if all(isinstance(label, str) for label in labels):
        return True
    if all(isinstance(label, numbers.Real) and float(label).is_integer() for label in labels):
        return False
    msg = f"The labels are {labels}; ONNX has whole numbers or text. Encode them before the fit."
    raise UnsupportedModelError(msg)


def convert(scope, operator, container):
    """Add the nodes of a model."""
    model, outputs = operator.raw_operator, operator.outputs
    total = None if len(outputs) > 1 + is_classifier(model) else tree_sum(model)
    if total is None:
        registration = skl2onnx_module("common._registration")
        registration.get_converter(_alias(model))(scope, operator, container)
        return
    graph = Graph(scope, container)
    types = skl2onnx_module("common.data_types")
    predicted = _linked(graph, total, _sums(graph, total, operator.inputs[0], types))
    if is_classifier(model):
        predicted = _probabilities(graph, total, predicted)
        _add_labels(graph, total, _classes(model), predicted, outputs[0].full_name)
    double = isinstance(outputs[-1].type, types.DoubleTensorType)
    to = graph.proto.DOUBLE if double else graph.proto.FLOAT
    graph.add("Cast", predicted, output=outputs[-1].full_name, to=to)


class Graph:
    """Adds nodes to the graph that skl2onnx builds."""

    def __init__(self, scope, container):
        self._scope, self._container = scope, container
        self.proto = import_extra("onnx", "export", "to_onnx").TensorProto

    def add(self, kind, inputs, *, output=None, **attributes):
        """Add a node; return the name of its output."""
        if output is None:
            output = self._scope.get_unique_variable_name(kind.lower())
        name = self._scope.get_unique_operator_name(kind)
        self._container.add_node(kind, inputs, output, name=name, **attributes)
        return output

    def constant(self, kind, values, *, shape=None):
        """Add an array, by default a vector; return its name."""
        name = self._scope.get_unique_variable_name("constant")
        self._container.add_initializer(name, kind, shape or [len(values)], values)
        return name


def _linked(graph, total, sums):
    """Add the function of the sums that is predicted."""
    if total.link == "Identity":
        return sums
    return graph.add(total.link, sums, **({"axis": 1} if total.link == "Softmax" else {}))


def _probabilities(graph, total, predicted):
    """Add the other class of two, or give each of several targets a matrix of its own."""
    if total.link == "Sigmoid":
        one = graph.constant(graph.proto.FLOAT, [1.0])
        return graph.add("Concat", [graph.add("Sub", [one, predicted]), predicted], axis=1)
    if total.n_outputs == 1:
        return predicted
    shape = graph.constant(graph.proto.INT64, [0, total.n_outputs, -1])
    return graph.add("Transpose", graph.add("Reshape", [predicted, shape]), perm=[1, 0, 2])


def _add_labels(graph, total, classes, probabilities, output):
    """Add the look-up of the class with the largest probability, of each target."""
    proto, text = graph.proto, _holds_text(classes)
    last = {"select_last_index": 1} if total.last_wins and total.link == "Sigmoid" else {}
    best = graph.add("ArgMax", probabilities, axis=-1, keepdims=0, **last)
    n_values = max(map(len, classes))
    padded = [label for each in classes for label in (each + each[:1] * n_values)[:n_values]]
    labels = [str(label).encode() if text else int(label) for label in padded]
    labels = graph.constant(proto.STRING if text else proto.INT64, labels)
    if total.n_outputs == 1:
        graph.add("Gather", [labels, best], output=output)
        return
    starts = np.arange(total.n_outputs) * n_values
    starts = graph.constant(proto.INT64, starts.tolist(), shape=[total.n_outputs, 1])
    found = graph.add("Gather", [labels, graph.add("Add", [best, starts])])
    graph.add("Transpose", found, output=output, perm=[1, 0])


def _sums(graph, total, given, types):
    """Add the nodes that sum over the leaves of a sample, in the precision of the model."""
    single = total.compares_in is np.float32 or isinstance(given.type, types.FloatTensorType)
    x = given.full_name
    if not isinstance(given.type, types.FloatTensorType if single else types.DoubleTensorType):
        x = graph.add("Cast", x, to=graph.proto.FLOAT if single else graph.proto.DOUBLE)
    attributes = _ensemble(total)
    if single:
        values = attributes["nodes_values"]
        attributes["nodes_values"] = rounded_down(values)
    else:
        # Attributes of lists are in single precision; those in double precision are tensors.
        helper = import_extra("onnx.helper", "export", "to_onnx")
        for name in ("nodes_values", "target_weights", "base_values"):
            values, long = attributes.pop(name), f"{name}_as_tensor"
            attributes[long] = helper.make_tensor(long, graph.proto.DOUBLE, [len(values)], values)
    return graph.add(
        "TreeEnsembleRegressor",
        x,
        op_domain="ai.onnx.ml",
        op_version=1 if single else 3,
        **{k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in attributes.items()},
    )


def _ensemble(total):
    """Return the attributes of `TreeEnsembleRegressor`, thresholds in double precision."""
    table = total.table
    nodes = np.flatnonzero(total.is_used[table.tree])
    tree = table.tree[nodes]
    root, split = table.roots[tree], table.is_split[nodes]
    leaves = nodes[~split]
    adds = total.weight[leaves] != 0
    adds[~adds.any(axis=1), 0] = True  # every leaf adds something, be it zero
    leaf, target = np.nonzero(adds)
    return {
        "n_targets": len(total.start),
        "base_values": total.start,
        "nodes_treeids": tree,
        "nodes_nodeids": nodes - root,
        "nodes_modes": np.where(split, "BRANCH_LEQ", "LEAF"),
        "nodes_featureids": np.where(split, total.columns[nodes], 0),
        "nodes_values": np.where(split, table.threshold[nodes], 0.0),
        "nodes_truenodeids": np.where(split, table.left[nodes] - root, 0),
        "nodes_falsenodeids": np.where(split, table.right[nodes] - root, 0),
        "nodes_missing_value_tracks_true": (split & table.missing_left[nodes]).astype(int),
        "target_treeids": table.tree[leaves[leaf]],
        "target_nodeids": leaves[leaf] - table.roots[table.tree[leaves[leaf]]],
        "target_ids": target,
        "target_weights": total.weight[leaves[leaf], target],
    }


def rounded_down(threshold):
    """Round thresholds to single precision so that all such values take the same branch.

    Parameters
    ----------
    threshold : ndarray of float64
        Thresholds.

    Returns
    -------
    ndarray of float32
        The largest numbers that are not larger.
    """
    with np.errstate(over="ignore"):
        single = threshold.astype(np.float32)
    return np.where(single > threshold, np.nextafter(single, np.float32(-np.inf)), single)
