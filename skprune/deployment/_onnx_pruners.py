"""Converters of pruners to ONNX: they are their inner models, or a choice of columns."""

from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from skprune._compat import import_extra
from skprune.distillation import Distiller
from skprune.ensemble import EnsemblePruner
from skprune.feature_selection import (
    CorrelationPruner,
    InformationPruner,
    PermutationPruner,
    RandomPruner,
    ReliefPruner,
    RulePruner,
    ShadowPruner,
)
from skprune.linear_model import LinearPruner
from skprune.model_selection import PruningSearchCV
from skprune.neural_network import MLPPruner
from skprune.quantization import Quantizer
from skprune.sample import SamplePruner
from skprune.svm import SVMPruner
from skprune.tree import TreePruner

COLUMN_PRUNERS: tuple[Any, ...] = (
    CorrelationPruner,
    InformationPruner,
    PermutationPruner,
    RandomPruner,
    ReliefPruner,
    RulePruner,
    ShadowPruner,
)
# The attribute that holds the fitted model of each class that only delegates to it.
INNER: dict[Any, str] = dict.fromkeys(
    (TreePruner, EnsemblePruner, LinearPruner, MLPPruner, SVMPruner, SamplePruner, Quantizer),
    "estimator_",
)
INNER |= {Distiller: "student_", PruningSearchCV: "best_estimator_", FrozenEstimator: "estimator"}


def inner_of(model):
    """Return the fitted model that an estimator only delegates to, or None.

    Parameters
    ----------
    model : fitted estimator
        Of any class. Other searches over levels are wrappers too.

    Returns
    -------
    estimator or None
        Its inner model.
    """
    name = next((n for kind, n in INNER.items() if isinstance(model, kind)), "best_estimator_")
    return getattr(model, name, None)


def register_pruners():
    """Register the converters of pruners with skl2onnx."""
    register = import_extra("skl2onnx", "export", "to_onnx").update_registered_converter
    for kind in COLUMN_PRUNERS:
        register(kind, _alias(kind), column_shape, convert_columns)
    for kind in INNER:
        register(
            kind,
            _alias(kind),
            inner_shape,
            convert_inner,
            parser=parse_inner,
            options="passthrough",
        )


def _alias(kind):
    return f"Skprune{kind.__name__}"


def column_shape(operator):
    """Set the type of the output of a pruner of columns."""
    given = operator.inputs[0]
    n_kept = int(np.sum(operator.raw_operator.get_support()))
    operator.outputs[0].type = type(given.type)([given.get_first_dimension(), n_kept])


def convert_columns(scope, operator, container):
    """Add the nodes of a pruner of columns."""
    kept = operator.raw_operator.get_support(indices=True)
    onnx = import_extra("onnx", "export", "to_onnx")
    name = scope.get_unique_variable_name("columns")
    container.add_initializer(name, onnx.TensorProto.INT64, [len(kept)], kept.tolist())
    container.add_node(
        "Gather",
        [operator.inputs[0].full_name, name],
        operator.outputs[0].full_name,
        name=scope.get_unique_operator_name("Columns"),
        axis=1,
    )


def parse_inner(scope, model, inputs, custom_parsers=None):
    """Declare the operators of the model inside a pruner."""
    parser = import_extra("skl2onnx._parse", "export", "to_onnx")
    inner = inner_of(model)
    scope.add_options(id(inner), scope.get_options(model))
    outputs = parser.parse_sklearn(scope, inner, inputs, custom_parsers=custom_parsers)
    for output in outputs:
        output.init_status(is_leaf=False)  # whoever asked for them knows whether it is the last
    return outputs


def inner_shape(operator):
    """Set the types of the outputs of a pruner that is a member of another model."""
    inner = inner_of(operator.raw_operator)
    alias = _alias_of(inner)
    registration = import_extra("skl2onnx.common._registration", "export", "to_onnx")
    twin = operator.new_raw_operator(inner, alias)
    registration.get_shape_calculator(alias)(twin)
    operator.outputs = twin.outputs


def convert_inner(scope, operator, container):
    """Add the nodes of a pruner that is a member of another model."""
    inner = inner_of(operator.raw_operator)
    options = scope.get_options(operator.raw_operator)
    container.add_options(id(inner), options)
    scope.add_options(id(inner), options)
    member = scope.declare_local_operator(_alias_of(inner), inner)
    member.inputs = operator.inputs
    for output in operator.outputs:
        own = scope.declare_local_variable(output.onnx_name, type=output.type)
        member.outputs.append(own)
        container.add_node(
            "Identity",
            own.full_name,
            output.full_name,
            name=scope.get_unique_operator_name("Inner"),
        )


def _alias_of(model):
    """Return the name by which skl2onnx knows the class of a model."""
    supported = import_extra("skl2onnx._supported_operators", "export", "to_onnx")
    return supported.get_model_alias(type(model))


def allowed_options(model):
    """Return the names of the options that the converter of a model takes; empty if unknown."""
    registration = import_extra("skl2onnx.common._registration", "export", "to_onnx")
    names = import_extra("skl2onnx._supported_operators", "export", "to_onnx")
    alias = names.sklearn_operator_name_map.get(type(model))
    return (registration.get_converter(alias).get_allowed_options() or ()) if alias else ()
