"""From a parameter grid to combinations: what has to be fitted, what is only a level."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from skprune.base import BasePruner
from skprune.base._levels import is_number
from skprune.exceptions import InputError, LevelError, UnsupportedModelError
from skprune.model_selection._level_adapters import adapt, step_with_levels
from skprune.model_selection._make import freeze_steps, make_pruner

# The value of a grid that is replaced by all levels of the path.
PATH = "path"


class Combination(NamedTuple):
    """Values of all parameters but the level, and the levels to score.

    Attributes
    ----------
    estimator : estimator
        Unfitted, with the other parameters set; its pruner keeps everything.
    position : int or None
        Step of the pruner in a pipeline; None if the estimator is the pruner.
    prefix : str
        Prefix of the pruner's parameters in the grid.
    params : dict
        The other parameters, as in the grid.
    own : dict
        The level that the pruner had, for parameters that the grid does not set.
    entries : list of (int, dict)
        Place in the grid, and the parameters of the level as the grid gives them.
    """

    estimator: Any
    position: int | None
    prefix: str
    params: dict[str, Any]
    own: dict[str, Any]
    entries: list[tuple[int, dict[str, Any]]]

    @property
    def pruner(self):
        """What has the level protocol for the step with the path."""
        return adapt(_step_at(self.estimator, self.position))

    def unfitted(self):
        """Return a clone of the estimator, and the step of its pruner."""
        return clone(self.estimator), self.position

    def level(self, named):
        """Return the level of some parameters of the grid."""
        return self.own | {key.removeprefix(self.prefix): value for key, value in named.items()}

    def path_unless_set(self):
        """Return how the grid would name the path of a pruner that has no level of its own."""
        pruner = self.pruner
        is_open = isinstance(pruner, BasePruner) and all(v is None for v in self.own.values())
        # A pruner that is itself a value of the grid stands for its level, as in GridSearchCV.
        if is_open and self.prefix.removesuffix("__") not in self.params:
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
        steps = tuple((name, id(params[name])) for name in _step_names(estimator) & set(params))
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
    ready, position, prefix, rest, wrapped = located
    try:
        ready.set_params(**clone(rest, safe=False))
    except ValueError as error:
        if not wrapped:
            raise
        msg = (
            f"{error} The model was wrapped in a pruner: its own parameters are named "
            f"'{prefix}estimator__<name>' in the grid."
        )
        raise InputError(msg) from error
    step = _step_at(ready, position)
    pruner = adapt(step)
    own = pruner._level_params()
    step.set_params(**pruner._whole_level())
    return Combination(ready, position, prefix, params, own, [])


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
    position : int or None
        Step of the last pruner; None if the estimator is the pruner.
    prefix : str
        Prefix of the pruner's parameters.
    rest : dict
        The parameters that are not whole steps.
    wrapped : bool
        Whether a bare model was wrapped.
    """

    estimator: Any
    position: int | None
    prefix: str
    rest: dict[str, Any]
    wrapped: bool

    @property
    def pruner(self):
        """What has the level protocol for the step with the path."""
        return adapt(_step_at(self.estimator, self.position))

    @property
    def level_names(self):
        """Names in the grid of the parameters that name levels; set of str."""
        return {self.prefix + name for name in self.pruner._level_names()}


def _step_at(estimator, position):
    """Return a step of a pipeline, or the estimator itself."""
    return estimator if position is None else estimator.steps[position][1]


def _step_names(estimator):
    return set(estimator.named_steps) if isinstance(estimator, Pipeline) else set()


def _with_steps(estimator, params):
    """Set whole steps, wrap a bare model, and find the pruner that has the path."""
    ready, rest = freeze_steps(clone(estimator)), dict(params)
    if not isinstance(ready, Pipeline):
        return Located(_wrap(ready), None, "", rest, not isinstance(ready, BasePruner))
    for name in _step_names(ready) & set(rest):
        ready.set_params(**{name: clone(rest.pop(name), safe=False)})
    position = step_with_levels(ready)
    wrapped = position is None
    if wrapped:
        ready = _wrap_last_step(ready)
        position = len(ready.steps) - 1
    return Located(ready, position, f"{ready.steps[position][0]}__", rest, wrapped)


def _wrap(model):
    try:
        return make_pruner(model)
    except UnsupportedModelError as error:
        msg = f"{error} Without a level to prune, search with GridSearchCV."
        raise UnsupportedModelError(msg) from error


def _wrap_last_step(pipeline):
    advice = (
        "A pruner has to be a step of its own, not inside another step; in place of "
        "'passthrough' give it a level that keeps all. Without one, the last step has to be "
        "a model that make_pruner can wrap."
    )
    try:
        wrapped = _wrap(pipeline)
    except UnsupportedModelError as error:
        msg = f"No step of the pipeline is a pruner. {advice} {error}"
        raise UnsupportedModelError(msg) from error
    if not isinstance(wrapped.steps[-1][1], BasePruner):
        msg = f"No step of the pipeline is a pruner, and the last is a pipeline. {advice}"
        raise UnsupportedModelError(msg)
    return wrapped
