"""From a parameter grid to combinations: what has to be fitted, what is only a level."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from skprune.base import BasePruner
from skprune.base._levels import is_number
from skprune.exceptions import InputError, LevelError, UnsupportedModelError
from skprune.model_selection._level_adapters import adapt
from skprune.model_selection._make import freeze_steps, make_pruner
from skprune.model_selection._routes import at_route, family_label, route_of

# The value of a grid that is replaced by all levels of the path.
PATH = "path"


class Combination(NamedTuple):
    """Values of all parameters but the level, and the levels to score.

    Attributes
    ----------
    estimator : estimator
        Unfitted, with the other parameters set; its pruner keeps everything.
    route : tuple of str
        The way to the pruner; empty if the estimator is the pruner.
    params : dict
        The other parameters, as in the grid.
    own : dict
        The level that the pruner had, for parameters that the grid does not set.
    entries : list of (int, dict)
        Place in the grid, and the parameters of the level as the grid gives them.
    """

    estimator: Any
    route: tuple[str, ...]
    params: dict[str, Any]
    own: dict[str, Any]
    entries: list[tuple[int, dict[str, Any]]]

    @property
    def pruner(self):
        """What has the level protocol for the step with the path."""
        return adapt(at_route(self.estimator, self.route))

    @property
    def prefix(self):
        """Prefix of the pruner's parameters in the grid."""
        return prefix_of(self.route)

    @property
    def family(self):
        """Classes of the model and of what is around it; str."""
        return family_label(self.estimator, self.route)

    def unfitted(self):
        """Return a clone of the estimator, and the way to its pruner."""
        return clone(self.estimator), self.route

    def level(self, named):
        """Return the level of some parameters of the grid."""
        return self.own | {key.removeprefix(self.prefix): value for key, value in named.items()}

    def path_unless_set(self):
        """Return how the grid would name the path of a pruner that has no level of its own."""
        pruner = self.pruner
        is_open = isinstance(pruner, BasePruner) and all(v is None for v in self.own.values())
        # A pruner that is itself a value of the grid stands for its level, as in GridSearchCV.
        holders = ("__".join(self.route[: depth + 1]) for depth in range(len(self.route)))
        if is_open and self.params.keys().isdisjoint(holders):
            return {self.prefix + pruner._level_names()[0]: PATH}
        return {}

    def whole(self):
        """Return the level that keeps everything, and how the grid would name it."""
        level, name = self.pruner._whole_level(), self.pruner._level_names()[0]
        return level, {self.prefix + name: level[name]}

    def level_of_row(self, path, index):
        """Return a level of the path, and how the grid would name it."""
        level = self.pruner._level_of_row(path, index)
        return level, {
            self.prefix + key: value
            for key, value in level.items()
            if not (value is None and self.own[key] is None)
        }


def combinations(estimator, param_grid):
    """Split a grid into combinations of the parameters that need a fit each.

    Parameters
    ----------
    estimator : estimator
        A bare model, a pruner, or a pipeline with either or with a selector.
    param_grid : dict, list of dict or None
        As in `GridSearchCV`; the value "path" is allowed for `keep`, or for the parameter of a
        selector that is a number of features. None is ``{"keep": "path"}``, with ridges where
        "backfitting" has none of its own; a grid of other parameters alone has the path for a
        pruner that has no level of its own.

    Returns
    -------
    list of Combination
        In the order of the grid.
    """
    found: dict[Any, Combination] = {}
    levels: dict[Any, set[str]] = {}
    for place, (part, params) in enumerate(_expand(estimator, param_grid)):
        # ParameterGrid yields the very objects of the lists: identity tells them apart.
        steps = tuple((name, id(params[name])) for name in params if _is_step(params[name]))
        if steps not in levels:
            levels[steps] = _with_steps(estimator, params).level_names
        names = levels[steps]
        named = {key: value for key, value in params.items() if key in names}
        others = {key: value for key, value in params.items() if key not in names}
        key = (part, *((name, id(value)) for name, value in sorted(others.items())))
        if key not in found:
            found[key] = _combine(estimator, others)
        named = named or found[key].path_unless_set()
        _check_level(found[key], named)
        found[key].entries.append((place, named))
    if not found:
        msg = f"param_grid={param_grid!r} names no point; give at least one, or None."
        raise InputError(msg)
    return list(found.values())


def _check_level(combination, named):
    """Refuse what is no number and not "path", and two levels at once; the fit checks all else."""
    level, prefix = combination.level(named), combination.prefix
    keep, threshold = level.get("keep"), level.get("threshold")
    is_path = isinstance(keep, str) and keep == PATH
    if keep is not None and not is_path and not is_number(keep):
        msg = (
            f"keep={keep!r} is not a level. Allowed in a grid are ints, floats in (0, 1], None "
            f"and {PATH!r}, which is replaced by the levels of the path."
        )
        raise LevelError(msg)
    # The path overrides a threshold that the pruner has, but not one of the grid.
    overrides = is_path and f"{prefix}threshold" not in named
    if keep is not None and threshold is not None and not overrides:
        msg = (
            f"keep={keep!r} and threshold={threshold!r} meet in one point of the grid, but "
            "each alone selects a level. Drop one from the grid, or set the pruner's own to "
            "None."
        )
        raise LevelError(msg)


def _combine(estimator, params):
    """Set the other parameters; returns a combination without entries."""
    located = _with_steps(estimator, params)
    ready, route, rest, wrapped = located
    _check_one_path(located)
    try:
        ready.set_params(**clone(rest, safe=False))
    except ValueError as error:
        if not wrapped:
            raise
        msg = (
            f"{error} The model was wrapped in a pruner: its own parameters are named "
            f"'{located.prefix}estimator__<name>' in the grid. Without a level to prune, search "
            "with GridSearchCV."
        )
        raise InputError(msg) from error
    step = at_route(ready, route)
    pruner = adapt(step)
    own = pruner._level_params()
    step.set_params(**pruner._whole_level())
    return Combination(ready, route, params, own, [])


def _check_one_path(located):
    """Refuse a second path in one grid."""
    for name, value in located.rest.items():
        if isinstance(value, str) and value == PATH:
            own = located.prefix + located.pruner._level_names()[0]
            msg = (
                f"{name}={PATH!r} was given, but one pruner owns the path of a search: here "
                f"{type(at_route(located.estimator, located.route)).__name__}, whose levels are "
                f"those of {own!r}. List values for the others, such as {{{name!r}: [1.0, 0.5]}}, "
                "or search another path in a grid of its own."
            )
            raise LevelError(msg)


def _expand(estimator, param_grid):
    """Yield the number of the grid and the parameters of each of its points."""
    if param_grid is None:
        located = _with_steps(estimator, {})
        grid = {located.pruner._level_names()[0]: PATH} | located.pruner._search_grid()
        param_grid = {located.prefix + name: values for name, values in grid.items()}
    grids = [param_grid] if isinstance(param_grid, Mapping) else param_grid
    for part, grid in enumerate(grids):
        listed = {k: [PATH] if isinstance(v, str) and v == PATH else v for k, v in grid.items()}
        for params in ParameterGrid(listed):
            yield part, params


class Located(NamedTuple):
    """A clone of an estimator with whole steps of the grid set, and where its pruner is.

    Attributes
    ----------
    estimator : estimator
        The clone; a bare model is wrapped.
    route : tuple of str
        The way to its pruner; empty if the estimator is the pruner.
    rest : dict
        The parameters that are not whole steps.
    wrapped : bool
        Whether a bare model was wrapped.
    """

    estimator: Any
    route: tuple[str, ...]
    rest: dict[str, Any]
    wrapped: bool

    @property
    def prefix(self):
        """Prefix of the pruner's parameters."""
        return prefix_of(self.route)

    @property
    def pruner(self):
        """What has the level protocol for the step with the path."""
        return adapt(at_route(self.estimator, self.route))

    @property
    def level_names(self):
        """Names in the grid of the parameters that name levels; set of str."""
        return {self.prefix + name for name in self.pruner._level_names()}


def prefix_of(route):
    """Return the prefix of the parameters of what a route leads to."""
    return "".join(f"{name}__" for name in route)


def _is_step(value):
    """Say whether a value of a grid may replace a whole step of a pipeline."""
    return value is None or isinstance(value, str) or hasattr(value, "fit")


def _with_steps(estimator, params):
    """Set whole steps, wrap a bare model, and find the pruner that has the path."""
    ready, rest = freeze_steps(clone(estimator)), dict(params)
    # Outer steps first: an inner one may be a step of what replaces them.
    for name in sorted(rest, key=lambda name: name.count("__")):
        if _is_step(rest[name]) and name in _step_names(ready):
            ready.set_params(**{name: clone(rest.pop(name), safe=False)})
    route = route_of(ready)
    wrapped = route is None
    if wrapped:
        ready = _wrap(ready)
        route = route_of(ready)
    return Located(ready, route, rest, wrapped)


def _step_names(estimator, prefix=""):
    """Return the names of the steps of a pipeline and of those inside its steps; set of str."""
    if not isinstance(estimator, Pipeline):
        return set()
    found = set()
    for name, step in estimator.steps:
        found |= {prefix + name} | _step_names(step, f"{prefix}{name}__")
    return found


def _wrap(model):
    try:
        return make_pruner(model)
    except UnsupportedModelError as error:
        advice = (
            "No step of the pipeline is a pruner; in place of 'passthrough' give it a level that "
            "keeps all. "
            if isinstance(model, Pipeline)
            else ""
        )
        msg = f"{error} {advice}Without a level to prune, search with GridSearchCV."
        raise UnsupportedModelError(msg) from error
