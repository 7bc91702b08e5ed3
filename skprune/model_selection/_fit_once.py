"""One fit that all levels share: an estimator is fitted as far as its pruner, once."""

import copy

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skprune._compat import routing_enabled
from skprune.model_selection._level_adapters import handle_for


class FittedEnd:
    """An estimator that ends in a pruner (or is one), fitted once.

    Parameters
    ----------
    estimator : estimator
        Fitted here; a `Pipeline`, or the pruner itself.
    X, y : array-like
        Training rows.
    fit_params : dict
        Parameters of its `fit`.
    """

    def __init__(self, estimator, X, y, fit_params):
        self.estimator = estimator.fit(X, **_target(y), **fit_params)
        self.is_pipeline = isinstance(estimator, Pipeline)
        self.pruner = estimator.steps[-1][1] if self.is_pipeline else estimator
        self.handle = handle_for(self.pruner)
        self.path = self.handle.path_of(self.pruner)

    def enter(self, X):
        """Transform rows by the steps before the pruner."""
        if not self.is_pipeline or len(self.estimator.steps) == 1:
            return X
        return self.estimator[:-1].transform(X)

    def at(self, index, level):
        """Return the whole estimator, fitted, with the pruner cut at a level."""
        twin = self.handle.cut(self.pruner, self.path, index, level)
        if not self.is_pipeline:
            return twin
        *steps, (name, _) = self.estimator.steps
        return _pipeline_like(self.estimator, [*steps, (name, twin)])

    def predictor_at(self, index, level):
        """Return what predicts from rows that have entered."""
        return self.handle.cut(self.pruner, self.path, index, level)

    def locate(self, level):
        """Return the row of the path that a level falls on."""
        return self.handle.locate(self.pruner, self.path, level)


class FittedMiddle:
    """A pipeline with a pruner of columns inside it, fitted up to the pruner.

    Parameters
    ----------
    estimator : Pipeline
        Its steps are fitted here, those after the pruner once per level.
    position : int
        Index of the pruner's step.
    X, y : array-like
        Training rows.
    fit_params : dict
        Parameters of its `fit`.
    """

    def __init__(self, estimator, position, X, y, fit_params):
        self.estimator, self.position, self.y = estimator, position, y
        self.fit_params = fit_params
        self.name, self.pruner = estimator.steps[position]
        # A pipeline with a memory fits copies of its steps.
        self.front = estimator[:position]
        if position:
            X = self.front.fit_transform(X, y, **self._params_of(self.front))
        # Named as in the pipeline, so that the same parameters reach it.
        own = self._params_of(estimator[position : position + 1])
        own = {key.removeprefix(f"{self.name}__"): value for key, value in own.items()}
        self.X, self.own_params = X, own
        self.handle = handle_for(self.pruner)
        self.path = self.handle.fit(self.pruner, X, y, own)

    def _params_of(self, pipeline):
        names = tuple(f"{name}__" for name, _ in pipeline.steps)
        return {k: v for k, v in self.fit_params.items() if k.startswith(names)}

    def enter(self, X):
        """Transform rows by the steps before the pruner."""
        return self.front.transform(X) if self.position else X

    def at(self, index, level):
        """Return the whole pipeline, fitted, with the pruner cut at a level."""
        pruner, *rest = self.predictor_at(index, level).steps
        self.handle.complete(pruner[1], self.X, self.y, self.own_params)
        return _pipeline_like(self.estimator, [*self.front.steps, pruner, *rest])

    def predictor_at(self, index, level):
        """Return what predicts from rows that have entered: what follows is refitted."""
        twin = self.handle.cut(self.pruner, self.path, index, level, self.X)
        tail = clone(self.estimator[self.position + 1 :])
        tail.fit(twin.transform(self.X), self.y, **self._params_of(tail))
        return _pipeline_like(self.estimator, [(self.name, twin), *tail.steps])

    def locate(self, level):
        """Return the row of the path that a level falls on."""
        return self.handle.locate(self.pruner, self.path, level, self.X)


class FittedAnew:
    """A pipeline that is fitted as a whole for every level: slow, always right.

    It serves where metadata is routed: which step gets what, only the pipeline knows.

    Parameters
    ----------
    estimator : Pipeline
        Fitted here once, to learn the path.
    position : int
        Index of the pruner's step.
    X, y : array-like
        Training rows.
    fit_params : dict
        Parameters of its `fit`.
    """

    def __init__(self, estimator, position, X, y, fit_params):
        self.estimator = estimator.fit(X, **_target(y), **fit_params)
        self.rows, self.position = (X, y), position
        self.fit_params = fit_params
        self.name, self.pruner = estimator.steps[position]
        self.handle = handle_for(self.pruner)
        self.path = self.handle.path_of(self.pruner)

    def enter(self, X):
        """Return the rows as they are: every level has its own steps."""
        return X

    def at(self, index, level):  # noqa: ARG002 - the level says it all
        """Return the whole pipeline, fitted at a level."""
        X, y = self.rows
        params = {f"{self.name}__{key}": value for key, value in level.items()}
        estimator = clone(self.estimator).set_params(**params)
        return estimator.fit(X, **_target(y), **self.fit_params)

    predictor_at = at

    def locate(self, level):
        """Return the row of the path that a level falls on."""
        X = self.rows[0]
        X = self.estimator[: self.position].transform(X) if self.position else X
        return self.handle.locate(self.pruner, self.path, level, X)


def fit_once(estimator, position, X, y, fit_params):
    """Fit an estimator as far as all levels share it.

    Parameters
    ----------
    estimator : estimator
        Its pruner keeps everything.
    position : int or None
        Step of the pruner in a pipeline; None if the estimator is the pruner.
    X, y : array-like
        Training rows.
    fit_params : dict
        Parameters of `fit`.

    Returns
    -------
    FittedEnd, FittedMiddle or FittedAnew
        With a `path`.
    """
    if position is None or position == len(estimator.steps) - 1:
        return FittedEnd(estimator, X, y, fit_params)
    names = tuple(f"{name}__" for name, _ in estimator.steps)
    if fit_params and (routing_enabled() or not all(k.startswith(names) for k in fit_params)):
        return FittedAnew(estimator, position, X, y, fit_params)
    return FittedMiddle(estimator, position, X, y, fit_params)


def _pipeline_like(pipeline, steps):
    """Return a pipeline of fitted steps with the settings of another."""
    twin = copy.copy(pipeline)
    twin.steps = steps
    return twin


def _target(y):
    return {} if y is None else {"y": y}
