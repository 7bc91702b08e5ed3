"""From a parameter grid to combinations: what has to be fitted, what is only a level."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from skprune.base import BasePruner
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.model_selection._level_adapters import PATH, handle_for
from skprune.model_selection._make import make_pruner


class Combination(NamedTuple):
    """One setting of all parameters but the level, and the levels to score.

    Attributes
    ----------
    estimator : estimator
        Unfitted, with the other parameters set; its pruner keeps everything.
    position : int or None
        Step of the pruner in a pipeline; None if the estimator is the pruner.
    prefix : str
        What the names of the pruner's parameters begin with in the grid.
    params : dict
        The other parameters, as in the grid.
    own : dict
        Parameters of the level that the pruner has where the grid names none.
    entries : list of (int, dict)
        Place in the grid and the level's parameters as the grid gives them.
    """

    estimator: Any
    position: int | None
    prefix: str
    params: dict[str, Any]
    own: dict[str, Any]
    entries: list[tuple[int, dict[str, Any]]]

    @property
    def pruner(self):
        """The pruner that has the path."""
        if self.position is None:
            return self.estimator
        return self.estimator.steps[self.position][1]

    @property
    def handle(self):
        """What turns the level of the pruner."""
        return handle_for(self.pruner)

    def level(self, named):
        """Return the parameters of a level that the grid names."""
        given = {key.removeprefix(self.prefix): value for key, value in named.items()}
        return self.handle.level(self.own, given)

    def whole(self):
        """Return the grid parameters, and the level, that keep everything."""
        level = self.handle.whole
        return {self.prefix + self.handle.path_name: level[self.handle.path_name]}, level

    def at_path_level(self, path, index):
        """Return the grid parameters that cut row `index` of a path, on any fold."""
        level = self.handle.at(self.pruner, path, index)
        return {
            self.prefix + key: value
            for key, value in level.items()
            if not (value is None and self.own[key] is None)
        }


def combinations(estimator, param_grid):
    """Split a grid into combinations of the parameters that ask for a fit.

    Parameters
    ----------
    estimator : estimator
        A bare model, a pruner, or a pipeline with either or with a selector.
    param_grid : dict, list of dict or None
        As in `GridSearchCV`; the value "path" is allowed for `keep`, and for what counts the
        columns of a selector. None is ``{"keep": "path"}``.

    Returns
    -------
    list of Combination
        In the order of the grid.
    """
    found: dict[Any, Combination] = {}
    levels: dict[Any, set[str]] = {}
    for place, (part, params) in enumerate(_expand(estimator, param_grid)):
        # ParameterGrid hands out the very objects of the lists: identity tells them apart.
        steps = tuple((name, id(params[name])) for name in _step_names(estimator) & set(params))
        if steps not in levels:
            levels[steps] = _with_steps(estimator, params).level_names
        names = levels[steps]
        named = {key: value for key, value in params.items() if key in names}
        others = {key: value for key, value in params.items() if key not in names}
        key = (part, *((name, id(value)) for name, value in sorted(others.items())))
        if key not in found:
            found[key] = _combine(estimator, others)
        found[key].handle.check(found[key].level(named))
        found[key].entries.append((place, named))
    if not found:
        msg = f"param_grid={param_grid!r} names no point; give at least one, or None."
        raise InputError(msg)
    return list(found.values())


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
        raise ValueError(msg) from error
    pruner, handle = located.pruner, handle_for(located.pruner)
    own = {name: getattr(pruner, name) for name in handle.names}
    pruner.set_params(**handle.whole)
    return Combination(ready, position, prefix, params, own, [])


def _expand(estimator, param_grid):
    """Yield the number of the grid and the parameters of each of its points."""
    if param_grid is None:
        located = _with_steps(estimator, {})
        param_grid = {located.prefix + handle_for(located.pruner).path_name: PATH}
    grids = [param_grid] if isinstance(param_grid, Mapping) else param_grid
    for part, grid in enumerate(grids):
        listed = {k: [PATH] if isinstance(v, str) and v == PATH else v for k, v in grid.items()}
        for params in ParameterGrid(listed):
            yield part, params


class Located(NamedTuple):
    """An estimator and where its pruner is: a clone with whole steps of the grid set.

    Attributes
    ----------
    estimator : estimator
        The clone; its bare model is wrapped.
    position : int or None
        Step of the last pruner; None if the estimator is the pruner.
    prefix : str
        What the names of the pruner's parameters begin with.
    rest : dict
        The parameters that are not whole steps.
    wrapped : bool
        Whether the pruner was put around a bare model here.
    """

    estimator: Any
    position: int | None
    prefix: str
    rest: dict[str, Any]
    wrapped: bool

    @property
    def pruner(self):
        """The pruner that has the path."""
        if self.position is None:
            return self.estimator
        return self.estimator.steps[self.position][1]

    @property
    def level_names(self):
        """Names in the grid that name levels; set of str."""
        return {self.prefix + name for name in handle_for(self.pruner).names}


def _step_names(estimator):
    return set(estimator.named_steps) if isinstance(estimator, Pipeline) else set()


def _with_steps(estimator, params):
    """Set whole steps, wrap a bare model, and find the pruner that has the path."""
    ready, rest = clone(estimator), dict(params)
    if not isinstance(ready, Pipeline):
        return Located(make_pruner(ready), None, "", rest, not isinstance(ready, BasePruner))
    for name in _step_names(ready) & set(rest):
        ready.set_params(**{name: clone(rest.pop(name), safe=False)})
    positions = [i for i, (_, step) in enumerate(ready.steps) if handle_for(step)]
    if positions and not isinstance(ready.steps[-1][1], BasePruner):
        positions = [i for i in positions if i < len(ready.steps) - 1]
    wrapped = not positions
    if wrapped:
        ready = _wrap_last_step(ready)
        positions = [len(ready.steps) - 1]
    name = ready.steps[positions[-1]][0]
    return Located(ready, positions[-1], f"{name}__", rest, wrapped)


def _wrap_last_step(pipeline):
    advice = (
        "A pruner has to be a step of its own, not inside another step; in place of "
        "'passthrough' give it a level that keeps all. Without one, the last step has to be "
        "a model that make_pruner can wrap."
    )
    try:
        wrapped = make_pruner(pipeline)
    except UnsupportedModelError as error:
        msg = f"No step of the pipeline is a pruner. {advice} {error}"
        raise UnsupportedModelError(msg) from error
    if not isinstance(wrapped.steps[-1][1], BasePruner):
        msg = f"No step of the pipeline is a pruner, and the last is a pipeline. {advice}"
        raise UnsupportedModelError(msg)
    return wrapped
