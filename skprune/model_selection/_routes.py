"""Where the pruner is inside an estimator, and what holds it: pipelines, wrappers, ensembles.

A route is the tuple of the names of parameters that lead from an estimator to its pruner: steps
of pipelines, however deep, and parameters of other estimators. It is empty for a pruner itself.
"""

import copy

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from skprune.base import BaseModelPruner, BasePruner
from skprune.model_selection._level_adapters import adapt
from skprune.surgery import has_surgeon

# Joins the names of nested steps; a name of a pipeline cannot hold two underscores.
WITHIN = "."


def route_of(estimator):
    """Find the pruner whose levels are searched; the last one of several.

    Parameters
    ----------
    estimator : estimator
        Unfitted or fitted.

    Returns
    -------
    tuple of str or None
        The names that lead to it; None if there is none.
    """
    return () if isinstance(estimator, BasePruner) else _route_within(estimator, followed=False)


def at_route(estimator, route):
    """Return what a route leads to."""
    return estimator.get_params()["__".join(route)] if route else estimator


def _route_within(estimator, *, followed):
    """Return a route into an estimator that is no pruner itself; `followed` by other steps."""
    if isinstance(estimator, FrozenEstimator) or not hasattr(estimator, "get_params"):
        return None
    if not isinstance(estimator, Pipeline):
        return None if has_surgeon(estimator) else _route_of_params(estimator)
    last = len(estimator.steps) - 1
    for place, (name, step) in reversed([*enumerate(estimator.steps)]):
        followed_here = followed or place < last
        # A selector without a model behind it is nothing that a score depends on.
        if isinstance(step, BasePruner) or (followed_here and adapt(step) is not None):
            return (name,)
        if (rest := _route_within(step, followed=followed_here)) is not None:
            return (name, *rest)
    return None


def _route_of_params(estimator):
    """Return the route to the last pruner of a wrapper or an ensemble of any estimators."""
    params = estimator.get_params()
    held = {name: value for name, value in params.items() if "__" not in name}
    for name, value in reversed(held.items()):
        if isinstance(value, BasePruner):
            return (name,)
        if hasattr(value, "fit") and not isinstance(value, type):
            rest = _route_within(value, followed=False)
            if rest is not None:
                return (name, *rest)
    return None


def flatten(estimator, route):
    """Return a pipeline whose steps lead to the pruner as one pipeline.

    Parameters
    ----------
    estimator : Pipeline
        Nested pipelines on the way to the pruner become steps of it.
    route : tuple of str
        The way.

    Returns
    -------
    flat : Pipeline
        With the very steps of `estimator`.
    position : int
        The step in which the route ends, or what is no pipeline begins.
    rest : tuple of str
        The rest of the route, within that step.
    """
    flat, position, name = estimator, None, ""
    for depth, each in enumerate(route):
        name = f"{name}{WITHIN}{each}" if name else each
        position = [n for n, _ in flat.steps].index(name)
        inner, rest = flat.steps[position][1], route[depth + 1 :]
        if not rest or not opens(inner):
            return flat, position, rest
        inside = [(f"{name}{WITHIN}{n}", step) for n, step in inner.steps]
        flat = pipeline_like(flat, [*flat.steps[:position], *inside, *flat.steps[position + 1 :]])
    return flat, position, ()


def opens(step):
    """Say whether a nested pipeline does no more than its steps do one after the other."""
    return isinstance(step, Pipeline) and getattr(step, "transform_input", None) is None


def nest(flat, template, name=""):
    """Put the steps of a flat pipeline back into nested ones, as in a template."""
    known, steps = dict(flat.steps), []
    for own, step in template.steps:
        full = f"{name}{WITHIN}{own}" if name else own
        steps.append((own, known[full] if full in known else nest(flat, step, full)))
    return pipeline_like(template, steps)


def flatten_params(params, flat):
    """Return the parameters of a `fit` as those of a flat pipeline; nested names are joined."""
    names = {name.replace(WITHIN, "__"): name for name, _ in flat.steps if WITHIN in name}
    flattened = {}
    for key, value in params.items():
        found = next((n for n in names if key.startswith(f"{n}__")), None)
        flattened[key if found is None else names[found] + key.removeprefix(found)] = value
    return flattened


def pipeline_like(pipeline, steps):
    """Return a pipeline of other steps with the settings of another."""
    twin = copy.copy(pipeline)
    twin.steps = list(steps)
    return twin


def family_label(estimator, route):
    """Return the classes of a model and of what is around it, as "Ridge/LinearPruner".

    Parameters
    ----------
    estimator : estimator
        What is searched.
    route : tuple of str
        The way to its pruner.

    Returns
    -------
    str
        The model first, then what prunes it, then other wrappers outwards.
    """
    pruner, model, outer = at_route(estimator, route), estimator, list[str]()
    for depth in range(len(route)):
        around = at_route(estimator, route[:depth])
        if not isinstance(around, Pipeline):
            outer.insert(0, type(around).__name__)
            model = at_route(estimator, route[: depth + 1])
    if not isinstance(pruner, BaseModelPruner):  # the model is behind it, at the end
        outer.insert(0, type(pruner).__name__)
    while (inner := _inner(model)) is not None:
        if isinstance(model, BaseModelPruner):
            outer.insert(0, type(model).__name__)
        model = inner
    return "/".join([type(model).__name__, *outer])


def _inner(model):
    """Return the model inside a pipeline, a pruner or a frozen model; None for a model itself."""
    if isinstance(model, Pipeline):
        return model.steps[-1][1]
    if isinstance(model, BaseModelPruner | FrozenEstimator):
        return model.estimator
    return None
