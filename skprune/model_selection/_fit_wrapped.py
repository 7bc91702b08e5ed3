"""Fits of what is around a pruner: nested pipelines, transformed targets, and any other wrapper."""

import copy
from collections import defaultdict
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from skprune.base._shared_fits import lent, signature_of
from skprune.exceptions import InputError
from skprune.model_selection._level_adapters import adapt
from skprune.model_selection._routes import at_route, nest, pipeline_like


class Nested:
    """A fit of the flat form of nested pipelines, which are nested again where they are seen.

    Parameters
    ----------
    fitted : FittedEnd, FittedMiddle, FittedBehind or RefittedPerLevel
        The fit of the flat pipeline.
    template : Pipeline
        The nested pipelines.
    """

    def __init__(self, fitted, template):
        self.fitted, self.template = fitted, template

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.__dict__["fitted"], name)

    def at(self, index, level):
        """Return the whole estimator, fitted, with the pruner cut at a level."""
        return nest(self.fitted.at(index, level), self.template)


class LevelsOutside:
    """The levels of a path that holds nothing that predicts as the whole estimator does.

    Parameters
    ----------
    path : BasePath
        The path of the pruner inside.
    """

    def __init__(self, path):
        self.units, self.sizes, self.lost_rows = path.units, path.sizes, path.lost_rows

    def __len__(self):
        return len(self.units)


class Captured(RegressorMixin, BaseEstimator):
    """A regressor that keeps what it is fitted to."""

    def fit(self, X, y, **params):
        """Keep samples, targets and parameters; return this object."""
        self.X, self.y, self.params = X, y, params
        return self

    def predict(self, X):
        """Refuse: nothing was learned. scikit-learn takes regressors with this method only."""
        msg = f"{type(self).__name__} holds no model that could predict {len(X)} samples."
        raise NotFittedError(msg)


class FittedTarget:
    """A `TransformedTargetRegressor` around a pruner, or around what holds one, fitted once.

    Parameters
    ----------
    estimator : TransformedTargetRegressor
        Unfitted.
    route : tuple of str
        The way to the pruner within its regressor.
    X, y : array-like
        Training samples and targets.
    fit_params : dict
        Parameters of its `fit`.
    fits : SharedFits
        What is fitted already.
    fit_once : callable
        Fits the regressor, as the function of that name does.
    """

    def __init__(self, estimator, route, X, y, fit_params, fits, fit_once):
        inner = estimator.regressor

        def make():
            outer = clone(estimator).set_params(regressor=Captured())
            return outer.fit(X, y, **fit_params)

        setting = signature_of(clone(estimator).set_params(regressor=None))
        data = (X, y, *fit_params.values())
        outer = fits.once("target", (setting, *fit_params), data, None, make)
        seen, self.outer = outer.regressor_, copy.copy(outer)
        del self.outer.regressor_
        self.inner = fit_once(inner, route, seen.X, seen.y, seen.params, fits)
        self.regressor, self.pruner = inner, self.inner.pruner
        self.named_path, self.path = self.inner.path, LevelsOutside(self.inner.path)

    def transform(self, X):
        """Transform samples by the steps before the pruner."""
        return self.inner.transform(X)

    def locate(self, level):
        """Return the row of the path that a level names."""
        return self.inner.locate(level)

    def at(self, index, level):
        """Return the whole estimator, fitted, with the pruner cut at a level."""
        fitted = self._around(self.inner.at(index, level))
        if hasattr(fitted.regressor_, "feature_names_in_"):
            fitted.feature_names_in_ = fitted.regressor_.feature_names_in_
        return fitted

    def predictor_at(self, index, level):
        """Return what predicts from transformed samples."""
        return self._around(self.inner.predictor_at(index, level))

    def _around(self, regressor):
        twin = copy.copy(self.outer)
        twin.regressor, twin.regressor_ = self.regressor, regressor
        return twin


class FittedBehind:
    """A pipeline that ends in a wrapper of a pruner, of which each part is fitted once.

    Parameters
    ----------
    estimator : Pipeline
        Unfitted.
    front : Front
        Its fitted steps before the wrapper.
    inner : FittedTarget
        The fit of the wrapper.
    """

    def __init__(self, estimator, front, inner):
        self.estimator, self.front, self.inner = estimator, front, inner
        self.pruner, self.path, self.named_path = inner.pruner, inner.path, inner.named_path

    def transform(self, X):
        """Transform samples by the steps before the pruner."""
        return self.inner.transform(self.front.transform(X))

    def locate(self, level):
        """Return the row of the path that a level names."""
        return self.inner.locate(level)

    def at(self, index, level):
        """Return the whole pipeline, fitted, with the pruner cut at a level."""
        last = self.estimator.steps[-1][0], self.inner.at(index, level)
        return pipeline_like(self.estimator, [*self.front.pipeline.steps, last])

    def predictor_at(self, index, level):
        """Return what predicts from transformed samples."""
        return self.inner.predictor_at(index, level)


class AnyLevels:
    """Levels that are fitted one by one: their sizes are those of the models that come out."""

    lost_rows = False

    def __init__(self):
        self.units: Any = defaultdict(lambda: np.nan)
        self.sizes: Any = defaultdict(lambda: (np.nan, np.nan, np.nan))


class FittedPlainly:
    """An estimator that is fitted as a whole for every level, as `GridSearchCV` does.

    It serves where what is around the pruner depends on the level: calibrators, thresholds,
    several models, students that are compared.

    Parameters
    ----------
    estimator : estimator
        Unfitted; its pruner keeps everything.
    route : tuple of str
        The way to the pruner.
    X, y : array-like
        Training samples and targets.
    fit_params : dict
        Parameters of its `fit`.
    fits : SharedFits
        What is fitted already.
    """

    def __init__(self, estimator, route, X, y, fit_params, fits):
        self.estimator, self.route, self.X, self.y = estimator, route, X, y
        self.fit_params, self.fits = fit_params, fits
        self.pruner = adapt(at_route(estimator, route))
        self.path, self.levels = AnyLevels(), list[str]()

    @property
    def named_path(self):
        """The path of the pruner inside the estimator fitted at its whole level."""
        model = self._fit(clone(self.estimator))
        for name in self.route:
            model = _fitted_part(model, name)
        path = None if model is None else getattr(adapt(model), "path_", None)
        if path is None:
            msg = (
                f"The path of the {type(self.pruner).__name__} inside "
                f"{type(self.estimator).__name__} is out of reach after fit, so that 'path' has "
                f"no levels. List them: {{'{'__'.join(self.route)}__"
                f"{self.pruner._level_names()[0]}': [...]}}."
            )
            raise InputError(msg)
        return path

    def transform(self, X):
        """Return the samples as they are: everything is fitted for each level."""
        return X

    def locate(self, level):
        """Return the number of a level; equal levels have one."""
        key = repr(level)  # 1 is one unit, 1.0 is all of them
        if key not in self.levels:
            self.levels.append(key)
        return self.levels.index(key)

    def at(self, index, level):  # noqa: ARG002 - the parameters are enough
        """Return the whole estimator, fitted at a level."""
        prefix = "".join(f"{name}__" for name in self.route)
        params = {prefix + key: value for key, value in level.items()}
        return self._fit(clone(self.estimator).set_params(**params))

    predictor_at = at

    def _fit(self, estimator):
        target = () if self.y is None else (self.y,)  # some name it Y
        holder = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
        with lent(holder, self.fits):
            return estimator.fit(self.X, *target, **self.fit_params)


def _fitted_part(model, name):
    """Return the fitted form of a parameter of a fitted estimator; None if it is unknown."""
    if isinstance(model, Pipeline):
        return dict(model.steps)[name]
    by_name = getattr(model, "named_estimators_", getattr(model, "named_transformers_", {}))
    if name in by_name:
        return by_name[name]
    if calibrated := getattr(model, "calibrated_classifiers_", None):
        return calibrated[0].estimator
    found = getattr(model, f"{name}_", None)
    if found is None and (several := getattr(model, "estimators_", None)) is not None:
        found = several[0]
    return found
