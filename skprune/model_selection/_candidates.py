"""From a parameter grid to combinations: what has to be fitted, what is only a level."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from skprune._levels import check_level
from skprune.base import BasePruner
from skprune.exceptions import LevelError
from skprune.model_selection._make import make_pruner

# The value of `keep` that stands for the levels of the path itself.
PATH = "path"


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
        `keep` and `threshold` that the pruner has where the grid names none.
    entries : list of (int, dict)
        Place in the grid and the level's parameters as the grid gives them.
    """

    estimator: Any
    position: int | None
    prefix: str
    params: dict[str, Any]
    own: dict[str, Any]
    entries: list[tuple[int, dict[str, Any]]]

    def level(self, named):
        """Return `keep` and `threshold` of a level that the grid names."""
        given = {key.removeprefix(self.prefix): value for key, value in named.items()}
        return {**self.own, **given}

    def at_path_level(self, path, index):
        """Return the grid parameters that cut row `index` of a path, on any fold."""
        row = path.levels.iloc[index]
        name = "threshold" if path.common_scale else "keep"
        level = {"keep": None, "threshold": None, name: float(row[name])}
        # Only what differs from the pruner as it is has to be set.
        return {self.prefix + key: value for key, value in level.items() if value != self.own[key]}


def combinations(estimator, param_grid):
    """Split a grid into combinations of the parameters that ask for a fit.

    Parameters
    ----------
    estimator : estimator
        A bare model, a pruner, or a pipeline with either.
    param_grid : dict, list of dict or None
        As in `GridSearchCV`; the value "path" is allowed for `keep`. None is
        ``{"keep": "path"}``.

    Returns
    -------
    list of Combination
        In the order of the grid.
    """
    found: dict[Any, Combination] = {}
    for place, (part, params) in enumerate(_expand(estimator, param_grid)):
        ready, position, prefix, rest = _with_steps(estimator, params)
        names = (prefix + "keep", prefix + "threshold")
        named = {key: rest.pop(key) for key in names if key in rest}
        others = {key: value for key, value in params.items() if key not in named}
        # ParameterGrid hands out the very objects of the lists: identity tells them apart.
        key = (part, *((name, id(value)) for name, value in sorted(others.items())))
        if key not in found:
            _set(ready, rest, estimator)
            pruner = ready if position is None else ready.steps[position][1]
            own = {"keep": pruner.keep, "threshold": pruner.threshold}
            pruner.set_params(keep=1.0, threshold=None)
            found[key] = Combination(ready, position, prefix, others, own, [])
        if named.get(prefix + "keep") == PATH:
            named = {prefix + "keep": PATH}
        else:
            check_kind(found[key].level(named))
        found[key].entries.append((place, named))
    return list(found.values())


def check_kind(level):
    """Refuse a string other than "path" as a level; the rest is checked by the fit."""
    if isinstance(level["keep"], str):
        msg = (
            f"keep={level['keep']!r} is no level. Allowed in a grid are ints, floats in "
            f"(0, 1], None and {PATH!r}, which stands for the levels of the path."
        )
        raise LevelError(msg)
    if level["keep"] is not None and level["threshold"] is not None:
        check_level(**level)


def _expand(estimator, param_grid):
    """Yield the number of the grid and the parameters of each of its points."""
    if param_grid is None:
        _, _, prefix, _ = _with_steps(estimator, {})
        param_grid = {prefix + "keep": PATH}
    grids = [param_grid] if isinstance(param_grid, Mapping) else param_grid
    for part, grid in enumerate(grids):
        listed = {k: [PATH] if isinstance(v, str) and v == PATH else v for k, v in grid.items()}
        for params in ParameterGrid(listed):
            yield part, params


def _with_steps(estimator, params):
    """Set whole steps, wrap a bare model, and find the pruner that has the path.

    Returns
    -------
    estimator : estimator
        A clone.
    position : int or None
        Step of the last pruner; None if the estimator is the pruner.
    prefix : str
        What its parameters begin with.
    rest : dict
        The parameters that are not whole steps.
    """
    ready, rest = clone(estimator), dict(params)
    if not isinstance(ready, Pipeline):
        return make_pruner(ready), None, "", rest
    names = [name for name, _ in ready.steps]
    for name in names:
        if name in rest:
            ready.set_params(**{name: clone(rest.pop(name), safe=False)})
    positions = [i for i, (_, s) in enumerate(ready.steps) if isinstance(s, BasePruner)]
    if not positions:
        ready = make_pruner(ready)
        positions = [len(names) - 1]
    position = positions[-1]
    return ready, position, names[position] + "__", rest


def _set(ready, params, original):
    try:
        ready.set_params(**clone(params, safe=False))
    except ValueError as error:
        if isinstance(original, (BasePruner, Pipeline)):
            raise
        msg = (
            f"{error} The model was wrapped in a {type(ready).__name__}: its own parameters "
            "are named 'estimator__<name>' in the grid."
        )
        raise ValueError(msg) from error
