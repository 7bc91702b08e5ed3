"""One fit for all levels: an estimator is fitted as far as its pruner, once."""

from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from skprune._compat import routing_enabled
from skprune.base import BaseModelPruner
from skprune.base._shared_fits import Same, SharedFits, lent, signature_of
from skprune.model_selection._fit_wrapped import (
    FittedBehind,
    FittedPlainly,
    FittedTarget,
    Nested,
)
from skprune.model_selection._level_adapters import adapt, complete
from skprune.model_selection._routes import at_route, flatten, flatten_params, pipeline_like


class Front:
    """The steps before a pruner, fitted once for all combinations in which they are equal.

    Parameters
    ----------
    pipeline : Pipeline
        It has any number of steps, also none.
    X, y : array-like
        Training samples and targets.
    fit_params : dict
        Parameters of the `fit` of the whole pipeline.
    fits : SharedFits
        What is fitted already.

    Attributes
    ----------
    pipeline : Pipeline
        The fitted steps.
    X : array-like
        The training samples, transformed.
    """

    def __init__(self, pipeline, X, y, fit_params, fits):
        self.pipeline, self.X, self._fits = pipeline, X, fits
        if not pipeline.steps:
            return
        params = _params_of(pipeline, fit_params)

        def make():
            # A pipeline with a memory fits copies of its steps, all but the last.
            whole = pipeline_like(pipeline, [*pipeline.steps, ("end", "passthrough")])
            transformed = whole.fit_transform(X, y, **params)
            return pipeline_like(pipeline, whole.steps[:-1]), transformed

        setting = signature_of(pipeline.steps), *params
        self.pipeline, self.X = fits.once("front", setting, (X, y, *params.values()), None, make)

    def transform(self, X):
        """Transform samples, those last transformed only once."""
        if not self.pipeline.steps:
            return X
        data, key = (self.pipeline,), Same(X)
        return self._fits.once("transformed", None, data, key, lambda: self.pipeline.transform(X))

    def forget(self):
        """Forget the training samples, which some levels need no more."""
        self.X = None


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
    fits : SharedFits
        What is fitted already.
    """

    def __init__(self, estimator, X, y, fit_params, fits):
        self.is_pipeline, self.front = isinstance(estimator, Pipeline), None
        self.pruner = pruner = estimator.steps[-1][1] if self.is_pipeline else estimator
        with lent(pruner, fits):
            if self.is_pipeline and _fits_in_parts(estimator, fit_params):
                self.front = Front(estimator[:-1], X, y, fit_params, fits)
                own = _own_params(estimator, -1, fit_params)
                pruner.fit(self.front.X, **_target(y), **own)
                self.front.forget()
                steps = [*self.front.pipeline.steps, estimator.steps[-1]]
                self.estimator = pipeline_like(estimator, steps)
            else:
                self.estimator = estimator.fit(X, **_target(y), **fit_params)
        self.path = pruner.path_

    def transform(self, X):
        """Transform samples by the steps before the pruner."""
        if self.front is not None:
            return self.front.transform(X)
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
        return pipeline_like(self.estimator, [*steps, (name, twin)])

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
    fits : SharedFits
        What is fitted already.
    """

    def __init__(self, estimator, position, X, y, fit_params, fits):
        self.estimator, self.position, self.y = estimator, position, y
        self.fit_params = fit_params
        self.name, step = estimator.steps[position]
        self.front = Front(estimator[:position], X, y, fit_params, fits)
        # Named as in the pipeline, so that the same parameters reach it.
        own = _own_params(estimator, position, fit_params)
        self.X, self.own_params = self.front.X, own
        setting, data = (signature_of(step), *own), (self.X, y, *own.values())
        self.pruner = fits.once(
            "selector", setting, data, None, lambda: adapt(step).fit(self.X, **_target(y), **own)
        )
        self.path = self.pruner.path_

    def transform(self, X):
        """Transform samples by the steps before the pruner."""
        return self.front.transform(X)

    def locate(self, level):
        """Return the row of the path that a level names."""
        return self.pruner._row_of_level(self.path, level)

    def at(self, index, level):
        """Return the whole pipeline, fitted, with the pruner cut at a level."""
        (name, twin), *rest = self.predictor_at(index, level).steps
        complete(twin, self.pruner, self.X, self.y, self.own_params)
        return pipeline_like(self.estimator, [*self.front.pipeline.steps, (name, twin), *rest])

    def predictor_at(self, index, level):
        """Return what predicts from transformed samples: the steps after the pruner are fitted."""
        twin = self.pruner._at_level(self.path, index, level)
        tail = clone(self.estimator[self.position + 1 :])
        tail.fit(twin.transform(self.X), self.y, **_params_of(tail, self.fit_params))
        return pipeline_like(self.estimator, [(self.name, twin), *tail.steps])


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


def fit_once(estimator, route, X, y, fit_params, fits=None):
    """Fit an estimator as far as all levels share it.

    Parameters
    ----------
    estimator : estimator
        Its pruner keeps everything.
    route : tuple of str
        The way to the pruner.
    X, y : array-like
        Training samples and targets.
    fit_params : dict
        Parameters of `fit`.
    fits : SharedFits, default=None
        What is fitted already, and may be taken from there.

    Returns
    -------
    FittedEnd, FittedMiddle, RefittedPerLevel, or what `_fit_wrapped` has
        With a `path`.
    """
    fits = SharedFits() if fits is None else fits
    if not route:
        return FittedEnd(estimator, X, y, fit_params, fits)
    if not reaches(estimator, route):
        return FittedPlainly(estimator, route, X, y, fit_params, fits)
    if isinstance(estimator, TransformedTargetRegressor):
        return FittedTarget(estimator, route[1:], X, y, fit_params, fits, fit_once)
    flat, position, rest = flatten(estimator, route)
    params = flatten_params(fit_params, flat)
    if rest:
        front = Front(flat[:position], X, y, params, fits)
        own = _own_params(flat, position, params)
        inner = fit_once(flat.steps[position][1], rest, front.X, y, own, fits)
        fitted = FittedBehind(flat, front, inner)
    else:
        fitted = _fit_flat(flat, position, X, y, params, fits)
    return fitted if flat is estimator else Nested(fitted, estimator)


def _fit_flat(pipeline, position, X, y, fit_params, fits):
    """Fit a pipeline that has the pruner as one of its steps."""
    if position == len(pipeline.steps) - 1:
        return FittedEnd(pipeline, X, y, fit_params, fits)
    if _fits_in_parts(pipeline, fit_params):
        return FittedMiddle(pipeline, position, X, y, fit_params, fits)
    return RefittedPerLevel(pipeline, position, X, y, fit_params)


def reaches(estimator, route):
    """Say whether all levels can share a fit; otherwise each is fitted by itself.

    Parameters
    ----------
    estimator : estimator
        Unfitted.
    route : tuple of str
        The way to its pruner.

    Returns
    -------
    bool
        True for pipelines and for transformed targets on the way.
    """
    if not route:
        return True
    if isinstance(estimator, TransformedTargetRegressor):
        return not routing_enabled() and reaches(estimator.regressor, route[1:])
    if not isinstance(estimator, Pipeline):
        return False
    flat, position, rest = flatten(estimator, route)
    if not rest:
        # A pruner of samples is a sampler too, but one whose levels share their samples.
        others = [*flat.steps[:position], *flat.steps[position + 1 :]]
        return flat is estimator or _fits_in_parts(pipeline_like(flat, others), {})
    inner = flat.steps[position][1]
    is_last = position == len(flat.steps) - 1
    return is_last and _fits_in_parts(flat, {}) and reaches(inner, rest)


def shared_by(estimator, route):
    """Return what other combinations have to be equal in, to share fits with this one.

    Parameters
    ----------
    estimator : estimator
        Unfitted.
    route : tuple of str
        The way to the pruner.

    Returns
    -------
    front, rest : hashable
        Signatures of the steps before the pruner, which is empty if there are none, and of what
        is fitted then: the model inside the pruner, or the pruner of features itself.
    """
    if not reaches(estimator, route):
        return (), Same(estimator)
    front, step = (), at_route(estimator, route)
    if isinstance(estimator, TransformedTargetRegressor):
        front = signature_of(clone(estimator).set_params(regressor=None))
    elif route:
        flat, position, _ = flatten(estimator, route)
        if any(_is_sampler(step) for _, step in flat.steps):
            return (), Same(estimator)  # its samples are drawn anew for each combination
        front = signature_of(flat.steps[:position]) if position else ()
    return front, signature_of(step.estimator if isinstance(step, BaseModelPruner) else step)


def _fits_in_parts(pipeline, fit_params):
    """Say whether a pipeline is fitted by fitting its steps one after the other."""
    if any(_is_sampler(step) for _, step in pipeline.steps):
        return False
    if getattr(pipeline, "transform_input", None) is not None:
        return False
    names = tuple(f"{name}__" for name, _ in pipeline.steps)
    return not fit_params or (
        not routing_enabled() and all(k.startswith(names) for k in fit_params)
    )


def _params_of(pipeline, fit_params):
    """Return the parameters of `fit` that are meant for the steps of a part of a pipeline."""
    names = tuple(f"{name}__" for name, _ in pipeline.steps)
    return {key: value for key, value in fit_params.items() if key.startswith(names)}


def _own_params(pipeline, position, fit_params):
    """Return the parameters of the `fit` of one step, as it names them."""
    prefix = f"{pipeline.steps[position][0]}__"
    return {
        key.removeprefix(prefix): value
        for key, value in fit_params.items()
        if key.startswith(prefix)
    }


def _is_sampler(step):
    """Say whether a step draws samples while the pipeline is fitted, as in imbalanced-learn."""
    return hasattr(step, "fit_resample")


def _transform(pipeline, X):
    """Transform samples by the steps before the pruner; samplers leave them as they are."""
    steps = [(name, step) for name, step in pipeline.steps if not _is_sampler(step)]
    return pipeline_like(pipeline, steps).transform(X) if steps else X


def _target(y):
    return {} if y is None else {"y": y}
