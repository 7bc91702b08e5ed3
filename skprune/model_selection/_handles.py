"""Handles: how a search turns the level of a step, be it a pruner or a selector.

A pruner of skprune names its levels by `keep` and `threshold`; scikit-learn's selectors
have parameters of their own. A handle knows them, and asks nothing else of a step.
"""

from skprune._column_path import RankedPath
from skprune.base import BasePruner
from skprune.exceptions import LevelError
from skprune.quantization import Quantizer
from skprune.surgery.selectors import SURGEONS

# The value that stands for the levels of the path itself.
PATH = "path"


class PrunerHandle:
    """The handle of a pruner of skprune.

    Attributes
    ----------
    names : tuple of str
        Parameters that name a level.
    path_name : str
        The one of them that takes "path".
    whole : dict
        Their values that keep everything.
    """

    names: tuple[str, ...] = ("keep", "threshold")
    path_name = "keep"
    whole: dict[str, float | None] = {"keep": 1.0, "threshold": None}  # noqa: RUF012 - never changed

    def counts(self, step):
        """Say what the levels of a step count."""
        return step.counts

    def level(self, own, given):
        """Return the level of a point of the grid that names some of the parameters."""
        # The path is that of the model: a level that the pruner has by itself is passed over.
        own = {"threshold": None} if given.get("keep") == PATH else own
        return {**own, **given}

    def at(self, step, path, index):
        """Return the parameters that cut row `index` of a path, on any fold."""
        level: dict[str, float | None] = {"keep": None, "threshold": None}
        if step.decides:
            level["keep"] = None if index else 1.0
        else:
            name = "threshold" if path.common_scale else "keep"
            level[name] = float(path.levels[name].iloc[index])
        return level

    def check(self, level):
        """Refuse strings other than "path", and two levels at once; the fit checks the rest."""
        keep, threshold = level["keep"], level["threshold"]
        if isinstance(keep, str) and keep != PATH:
            msg = (
                f"keep={keep!r} is no level. Allowed in a grid are ints, floats in (0, 1], None "
                f"and {PATH!r}, which stands for the levels of the path."
            )
            raise LevelError(msg)
        if keep is not None and threshold is not None:
            msg = (
                f"keep={keep!r} and threshold={threshold!r} meet in one point of the grid, but "
                "each alone names a level. Drop one from the grid, or set the pruner's own to "
                "None."
            )
            raise LevelError(msg)

    def fit(self, step, X, y, params):
        """Fit a step that keeps everything; return its path."""
        step.fit(X, **({} if y is None else {"y": y}), **params)
        return step.path_

    def path_of(self, step):
        """Return the path of a step that was fitted as part of a pipeline."""
        return step.path_

    def locate(self, step, path, level, X=None):  # noqa: ARG002 - a selector needs them
        """Return the row of a path that a step would cut at a level."""
        return path.locate(**step._level_of(**level))

    def cut(self, step, path, index, level, X=None):  # noqa: ARG002 - a selector needs them
        """Return a fitted copy of a step, cut at one row of its path; it shares the path."""
        return step._at_level(path, index).set_params(**level)

    def complete(self, twin, X, y, params):
        """Fit what a copy lacks of a fit at its level: nothing."""


class QuantizerHandle(PrunerHandle):
    """The handle of a quantizer, whose levels are numbers of bits; as `PrunerHandle`."""

    names = ("bits",)
    path_name = "bits"
    whole = {"bits": None}  # noqa: RUF012 - never changed

    def level(self, own, given):
        """Return the level of a point of the grid that names some of the parameters."""
        return {**own, **given}

    def at(self, step, path, index):  # noqa: ARG002 - as of a pruner
        """Return the parameters that cut row `index` of a path, on any fold."""
        return {"bits": int(path.units[index]) if index else None}

    def check(self, level):
        """Leave levels to the parameter checks of the quantizer itself."""

    def locate(self, step, path, level, X=None):  # noqa: ARG002 - a selector needs them
        """Return the row of a path that a step would cut at a level."""
        return step.row_of(path, **level)


class SelectorHandle:
    """The handle of a selector of scikit-learn; as `PrunerHandle`.

    Parameters
    ----------
    surgeon : object
        Reads and cuts selectors of its kind.
    """

    def __init__(self, surgeon):
        self.surgeon = surgeon
        self.names, self.path_name = surgeon.names, surgeon.path_name
        self.whole = surgeon.whole

    def counts(self, step):  # noqa: ARG002 - as of a pruner
        """Say what the levels of a step count."""
        return "columns"

    def level(self, own, given):
        """Return the level of a point of the grid that names some of the parameters."""
        return {**own, **given}

    def at(self, step, path, index):  # noqa: ARG002 - as of a pruner
        """Return the parameters that cut row `index` of a path, on any fold."""
        return self.surgeon.at(path.units[index], path.units[0])

    def check(self, level):
        """Leave levels to the parameter checks of the selector itself."""

    def fit(self, step, X, y, params):
        """Fit a step that keeps everything; return its path."""
        return SelectorPath(self.surgeon.fit(step, X, y, params))

    def path_of(self, step):
        """Return the path of a step that was fitted as part of a pipeline."""
        return SelectorPath(self.surgeon.order(step))

    def locate(self, step, path, level, X=None):
        """Return the row of a path that a step would cut at a level."""
        n_kept = self.surgeon.cut(step, path.order, level, X).get_support().sum()
        if not n_kept:
            given = ", ".join(f"{name}={value!r}" for name, value in level.items())
            msg = f"{type(step).__name__} keeps no column at {given}. Give a milder level."
            raise LevelError(msg)
        return int(path.units[0] - n_kept)

    def cut(self, step, path, index, level, X=None):  # noqa: ARG002 - as of a pruner
        """Return a fitted copy of a step at a level."""
        return self.surgeon.cut(step, path.order, level, X)

    def complete(self, twin, X, y, params):
        """Fit what a copy lacks of a fit at its level."""
        self.surgeon.complete(twin, X, y, params)


class SelectorPath(RankedPath):
    """The levels of a selector of scikit-learn: one column after the other goes.

    Parameters
    ----------
    order : ndarray of int, shape (n_features,)
        Columns, the best first.
    """

    def __init__(self, order):
        self.order = order
        scores = -1.0 * order.argsort()
        super().__init__(scores)


PRUNER = PrunerHandle()
QUANTIZER = QuantizerHandle()
SELECTORS = {kind: SelectorHandle(surgeon) for kind, surgeon in SURGEONS.items()}


def handle_for(step):
    """Return the handle of a step, or None if it has no levels.

    Parameters
    ----------
    step : object
        A step of a pipeline, or an estimator.

    Returns
    -------
    PrunerHandle, QuantizerHandle, SelectorHandle or None
        Subclasses of scikit-learn's selectors may select otherwise, and have none.
    """
    if isinstance(step, Quantizer):
        return QUANTIZER
    return PRUNER if isinstance(step, BasePruner) else SELECTORS.get(type(step))
