"""The level protocol for scikit-learn's own selectors, which name levels by other parameters."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, SelectPercentile

from skprune._compat import check_params, importances_of, rank_as_rfe, score_as_filter
from skprune.base import BasePruner
from skprune.exceptions import LevelError
from skprune.feature_selection._path import RankedPath


class SelectorPath(RankedPath):
    """The levels of a selector of scikit-learn: features are removed one after the other.

    Parameters
    ----------
    order : ndarray of int, shape (n_features,)
        Features, the best first.
    """

    def __init__(self, order):
        self.order = order
        scores = -1.0 * order.argsort()
        super().__init__(scores)


class SelectorAdapter(ABC):
    """A selector of scikit-learn that can be fitted and cut as a `BasePruner` can.

    A subclass knows one class of selectors: the parameters that name its level, with the values
    that keep all features (`_whole`), and the order of the features.

    Parameters
    ----------
    selector : estimator
        Fitted already, or in place by `fit`.
    X : array-like of shape (n_samples, n_features), default=None
        What it was fitted to: a level may be a function of that.
    """

    _whole: ClassVar[dict[str, Any]]
    _unit_name: ClassVar[str] = "columns"

    def __init__(self, selector, X=None):
        self.selector, self.X = selector, X

    def fit(self, X, y=None, **params):
        """Fit the selector so that it ranks all features; return this object."""
        self.X = X
        self.selector.fit(X, y, **params)
        return self

    @property
    def path_(self):
        """All levels of the fit."""
        return SelectorPath(self._order())

    @abstractmethod
    def _order(self):
        """Return the features of a fitted selector, the best first."""

    @classmethod
    def _level_names(cls):
        return tuple(cls._whole)

    def _search_grid(self):
        return {}

    @classmethod
    def _whole_level(cls):
        return dict(cls._whole)

    def _level_params(self):
        return {name: getattr(self.selector, name) for name in self._whole}

    def _level_of_row(self, path, index):
        return {**self._whole, self._level_names()[0]: int(path.units[index])}

    def _row_of_level(self, path, level):
        n_kept = self._at_level(path, None, level).get_support().sum()
        if not n_kept:
            given = ", ".join(f"{name}={value!r}" for name, value in level.items())
            name = type(self.selector).__name__
            msg = f"{name} keeps no feature at {given}. Give a level that keeps more."
            raise LevelError(msg)
        return int(path.units[0] - n_kept)

    def _at_level(self, path, index, level):  # noqa: ARG002 - the parameters are enough
        twin = copy.copy(self.selector).set_params(**level)
        check_params(twin)
        return twin


class SelectKBestAdapter(SelectorAdapter):
    """The adapter of `SelectKBest`."""

    _whole: ClassVar[dict[str, Any]] = {"k": "all"}

    def _order(self):
        # Of equal scores the last is the best.
        return np.argsort(score_as_filter(self.selector.scores_), kind="stable")[::-1]


class SelectPercentileAdapter(SelectorAdapter):
    """The adapter of `SelectPercentile`."""

    _whole: ClassVar[dict[str, Any]] = {"percentile": 100}

    def _order(self):
        # Of equal scores the first is the best.
        return np.argsort(-score_as_filter(self.selector.scores_), kind="stable")

    def _level_of_row(self, path, index):
        return {"percentile": 100 * path.units[index] / path.units[0]}


class SelectFromModelAdapter(SelectorAdapter):
    """The adapter of `SelectFromModel`."""

    _whole: ClassVar[dict[str, Any]] = {"threshold": -np.inf, "max_features": None}
    _known: Any = None

    @classmethod
    def _level_names(cls):
        return ("max_features", "threshold")

    def fit(self, X, y=None, **params):
        """Fit the selector so that it ranks all features; return this object."""
        self._known = None
        return super().fit(X, y, **params)

    def _order(self):
        # Of equal importances the first is the best.
        selector = self.selector
        scores = importances_of(selector.estimator_, self._importances, "norm", selector.norm_order)
        return np.argsort(-scores, kind="stable")

    def _importances(self, estimator):
        """Return the importances of the features, which a model computes once for all levels."""
        if self._known is None:
            self._known = importances_of(estimator, self.selector.importance_getter)
        return self._known

    def _at_level(self, path, index, level):
        twin = super()._at_level(path, index, level)
        twin.importance_getter = self._importances
        twin.__dict__.pop("max_features_", None)
        n_kept = twin.max_features
        if n_kept is not None:
            twin.max_features_ = n_kept(self.X) if callable(n_kept) else n_kept
        return twin


class RFEAdapter(SelectorAdapter):
    """The adapter of `RFE`.

    One elimination down to a single feature passes through all levels: where another one would
    have stopped, the features are the same.
    """

    _whole: ClassVar[dict[str, Any]] = {"n_features_to_select": 1.0}

    def fit(self, X, y=None, **params):
        """Eliminate down to one feature, and note the ranks of each step."""
        selector, ranks = self.selector, []
        getter = selector.importance_getter

        def note(estimator):
            raw = importances_of(estimator, getter)
            ranks.append(rank_as_rfe(importances_of(estimator, getter, "square")))
            return raw

        selector.set_params(importance_getter=note, n_features_to_select=1)
        super().fit(X, y, **params)
        selector.set_params(importance_getter=getter, **self._whole)
        remaining, removed = np.arange(selector.n_features_in_), []
        for rank in ranks:
            n_removed = min(self._step, len(remaining) - 1)
            removed.append(remaining[rank[:n_removed]])
            remaining = np.sort(remaining[rank[n_removed:]])
        self._eliminated = np.concatenate([*removed, remaining])
        return self

    def _order(self):
        if hasattr(self, "_eliminated"):
            return self._eliminated[::-1]
        # Fitted elsewhere: features that were removed together, or never, come in any order.
        return np.argsort(self.selector.ranking_, kind="stable")

    def _at_level(self, path, index, level):
        twin, n_features = super()._at_level(path, index, level), len(path.order)
        n_kept = twin.n_features_to_select
        if n_kept is None:
            n_kept = n_features // 2
        elif isinstance(n_kept, float):
            n_kept = int(n_features * n_kept)
        n_kept = min(n_kept, n_features)
        position = np.argsort(path.order)
        # How many features each step left; the rank counts the steps that a feature missed.
        left = np.maximum(np.arange(n_features, n_kept, -self._step) - self._step, n_kept)
        twin.n_features_ = n_kept
        twin.support_ = position < n_kept
        twin.ranking_ = 1 + (left <= position[:, None]).sum(axis=1)
        twin.__dict__.pop("estimator_", None)
        return twin

    @property
    def _step(self):
        """Number of features that each step of the elimination removes."""
        step = self.selector.step
        return int(max(1, step * self.selector.n_features_in_)) if 0 < step < 1 else int(step)


ADAPTERS: Mapping[type, Callable[..., SelectorAdapter]] = MappingProxyType(
    {
        SelectKBest: SelectKBestAdapter,
        SelectPercentile: SelectPercentileAdapter,
        SelectFromModel: SelectFromModelAdapter,
        RFE: RFEAdapter,
    }
)


def adapt(step, X=None):
    """Return what has the level protocol for a step of a pipeline, or for an estimator.

    Parameters
    ----------
    step : object
        Any estimator.
    X : array-like of shape (n_samples, n_features), default=None
        What it was fitted to.

    Returns
    -------
    BasePruner, SelectorAdapter or None
        A pruner itself, or the adapter of a selector. None if there are no levels: subclasses
        of scikit-learn's selectors may select otherwise.
    """
    if isinstance(step, BasePruner):
        return step
    adapter = ADAPTERS.get(type(step))
    return None if adapter is None else adapter(step, X)


def step_with_levels(pipeline):
    """Return the position of the step of a pipeline whose levels are searched.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted or not.

    Returns
    -------
    int or None
        The last pruner, or a selector that another step follows. None if there is none.
    """
    positions = [i for i, (_, step) in enumerate(pipeline.steps) if adapt(step) is not None]
    if positions and not isinstance(pipeline.steps[-1][1], BasePruner):
        positions = [i for i in positions if i < len(pipeline.steps) - 1]
    return positions[-1] if positions else None


def complete(selector, pruner, X, y, params):
    """Give a selector what the levels of a search leave out; in place.

    Parameters
    ----------
    selector : estimator
        Cut at a level. `RFE` keeps a model for its features, and `SelectFromModel` its own
        `importance_getter`; others lack nothing.
    pruner : BasePruner or SelectorAdapter
        What was cut.
    X, y : array-like
        Training samples and targets.
    params : dict
        Parameters of its `fit`.
    """
    if isinstance(pruner, RFEAdapter):
        selector.estimator_ = clone(selector.estimator).fit(selector.transform(X), y, **params)
    if isinstance(pruner, SelectFromModelAdapter):
        selector.importance_getter = pruner.selector.importance_getter
