"""One fit for all levels: an estimator is fitted as far as its pruner, once."""

import copy

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from skprune._compat import routing_enabled
from skprune.model_selection._level_adapters import adapt, fit_inner_of_rfe


class FittedEnd:
    """An estimator that ends in a pruner (or is one), fitted once.

    Parameters
    ----------
    estimator : estimator
        A `Pipeline`, or the pruner itself; fitted in place.
    X, y : array-like
        Training samples and targets.
    fit_params : dict
        Parameters of its `fit`.
    """

    def __init__(self, estimator, X, y, fit_params):
        self.estimator = estimator.fit(X, **_target(y), **fit_params)
        self.is_pipeline = isinstance(estimator, Pipeline)
        self.pruner = estimator.steps[-1][1] if self.is_pipeline else estimator
        self.path = self.pruner.path_

    def transform(self, X):
        """Transform samples by the steps before the pruner."""
        return _transform(self.estimator[:-1], X) if self.is_pipeline else X

    def locate(self, level):
        """Return the row of the path that a level names."""
        return self.pruner._row_of_level(self.path, level)

    def at(self, index, level):
        """Return the whole estimator, fitted, with the pruner cut at a level."""
        twin = self.predictor_at(index, level)
        if not self.is_pipeline:
            return twin
        *steps, (name, _) = self.estimator.steps
        return _pipeline_like(self.estimator, [*steps, (name, twin)])

    def predictor_at(self, index, level):
        """Return what predicts from transformed samples."""
        return self.pruner._at_level(self.path, index, level)


class FittedMiddle:
    """A pipeline with a pruner of features inside it, fitted up to the pruner.

    Parameters
    ----------
    estimator : Pipeline
        Its steps are fitted here, those after the pruner once per level.
    position : int
        Index of the pruner's step.
    X, y : array-like
        Training samples and targets.
    fit_params : dict
        Parameters of its `fit`.
    """

    def __init__(self, estimator, position, X, y, fit_params):
        self.estimator, self.position, self.y = estimator, position, y
        self.fit_params = fit_params
        self.name, step = estimator.steps[position]
        # A pipeline with a memory fits copies of its steps.
        self.front = estimator[:position]
        if position:
            X = self.front.fit_transform(X, y, **self._params_of(self.front))
        # Named as in the pipeline, so that the same parameters reach it.
        own = self._params_of(estimator[position : position + 1])
        own = {key.removeprefix(f"{self.name}__"): value for key, value in own.items()}
        self.X, self.own_params = X, own
        self.pruner = adapt(step).fit(X, **_target(y), **own)
        self.path = self.pruner.path_

    def _params_of(self, pipeline):
        names = tuple(f"{name}__" for name, _ in pipeline.steps)
        return {k: v for k, v in self.fit_params.items() if k.startswith(names)}

    def transform(self, X):
        """Transform samples by the steps before the pruner."""
        return _transform(self.front, X)

    def locate(self, level):
        """Return the row of the path that a level names."""
        return self.pruner._row_of_level(self.path, level)

    def at(self, index, level):
        """Return the whole pipeline, fitted, with the pruner cut at a level."""
        (name, twin), *rest = self.predictor_at(index, level).steps
        fit_inner_of_rfe(twin, self.X, self.y, self.own_params)
        return _pipeline_like(self.estimator, [*self.front.steps, (name, twin), *rest])

    def predictor_at(self, index, level):
        """Return what predicts from transformed samples: the steps after the pruner are fitted."""
        twin = self.pruner._at_level(self.path, index, level)
        tail = clone(self.estimator[self.position + 1 :])
        tail.fit(twin.transform(self.X), self.y, **self._params_of(tail))
        return _pipeline_like(self.estimator, [(self.name, twin), *tail.steps])


class RefittedPerLevel:
    """A pipeline that is fitted as a whole for every level: slow, and always right.

    It serves where metadata is routed or samples are drawn anew: only the pipeline itself can
    route metadata to its steps, and hand the samples of a sampler on.

    Parameters
    ----------
    estimator : Pipeline
        Fitted here once, for the path.
    position : int
        Index of the pruner's step.
    X, y : array-like
        Training samples and targets.
    fit_params : dict
        Parameters of its `fit`.
    """

    def __init__(self, estimator, position, X, y, fit_params):
        self.estimator = estimator.fit(X, **_target(y), **fit_params)
        self.X, self.y, self.fit_params = X, y, fit_params
        self.name, step = estimator.steps[position]
        self.pruner = adapt(step, _transform(estimator[:position], X))
        self.path = self.pruner.path_

    def transform(self, X):
        """Return the samples as they are: the steps differ from level to level."""
        return X

    def locate(self, level):
        """Return the row of the path that a level names."""
        return self.pruner._row_of_level(self.path, level)

    def at(self, index, level):  # noqa: ARG002 - the parameters are enough
        """Return the whole pipeline, fitted at a level."""
        params = {f"{self.name}__{key}": value for key, value in level.items()}
        estimator = clone(self.estimator).set_params(**params)
        return estimator.fit(self.X, **_target(self.y), **self.fit_params)

    predictor_at = at


def fit_once(estimator, position, X, y, fit_params):
    """Fit an estimator as far as all levels share it.

    Parameters
    ----------
    estimator : estimator
        Its pruner keeps everything.
    position : int or None
        Step of the pruner in a pipeline; None if the estimator is the pruner.
    X, y : array-like
        Training samples and targets.
    fit_params : dict
        Parameters of `fit`.

    Returns
    -------
    FittedEnd, FittedMiddle or RefittedPerLevel
        With a `path`.
    """
    if position is None or position == len(estimator.steps) - 1:
        return FittedEnd(estimator, X, y, fit_params)
    if any(_is_sampler(step) for _, step in estimator.steps):
        return RefittedPerLevel(estimator, position, X, y, fit_params)
    names = tuple(f"{name}__" for name, _ in estimator.steps)
    if fit_params and (routing_enabled() or not all(k.startswith(names) for k in fit_params)):
        return RefittedPerLevel(estimator, position, X, y, fit_params)
    return FittedMiddle(estimator, position, X, y, fit_params)


def _is_sampler(step):
    """Say whether a step draws samples while the pipeline is fitted, as in imbalanced-learn."""
    return hasattr(step, "fit_resample")


def _transform(pipeline, X):
    """Transform samples by the steps before the pruner; samplers leave them as they are."""
    steps = [(name, step) for name, step in pipeline.steps if not _is_sampler(step)]
    return _pipeline_like(pipeline, steps).transform(X) if steps else X


def _pipeline_like(pipeline, steps):
    """Return a pipeline of fitted steps with the settings of another."""
    twin = copy.copy(pipeline)
    twin.steps = steps
    return twin


def _target(y):
    return {} if y is None else {"y": y}
