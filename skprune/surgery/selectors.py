"""scikit-learn's own selectors of columns, read as rankings and cut at any level."""

import copy
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, SelectPercentile

from skprune._compat import check_params, importances_of, rank_as_rfe, score_as_filter


class SelectKBestSurgeon:
    """Reads a `SelectKBest` as a ranking, and cuts it.

    Its siblings have the same attributes and methods: `names`, the parameters that name
    a level; `path_name`, the one of them that counts columns; `whole`, their values that
    keep the ranking whole.
    """

    names: ClassVar[tuple[str, ...]] = ("k",)
    path_name: ClassVar[str] = "k"
    whole: ClassVar[dict[str, Any]] = {"k": "all"}

    def fit(self, selector, X, y, params):
        """Fit a selector that keeps everything.

        Parameters
        ----------
        selector : estimator
            Fitted in place.
        X, y : array-like
            Training rows.
        params : dict
            Parameters of its `fit`.

        Returns
        -------
        ndarray of int, shape (n_features,)
            Columns in the order in which the selector keeps them, the best first.
        """
        selector.fit(X, y, **params)
        return self.order(selector)

    def order(self, selector):
        """Return the columns, the best first; of equal scores the last is the best."""
        return np.argsort(score_as_filter(selector.scores_), kind="stable")[::-1]

    def at(self, n_kept, n_columns):  # noqa: ARG002 - a percentile needs it
        """Return the parameters that keep a number of columns of any table."""
        return {self.path_name: int(n_kept)}

    def cut(self, selector, order, level, X=None):  # noqa: ARG002 - others need them
        """Return a fitted copy at another level.

        Parameters
        ----------
        selector : estimator
            As `fit` left it.
        order : ndarray of int, shape (n_features,)
            What `fit` returned.
        level : dict
            Parameters that name the level.
        X : array-like of shape (n_samples, n_features), default=None
            The rows of the fit, for levels that are functions of them.

        Returns
        -------
        estimator
            Selects the same columns as a fit at that level.

        Raises
        ------
        ValueError
            If the parameters are such that a fit refuses them.
        """
        return _copy_at(selector, level)

    def complete(self, twin, X, y, params):
        """Fit what a copy made by `cut` lacks of a fit at its level; in place."""


class SelectPercentileSurgeon(SelectKBestSurgeon):
    """Reads a `SelectPercentile` as a ranking, and cuts it."""

    names: ClassVar[tuple[str, ...]] = ("percentile",)
    path_name: ClassVar[str] = "percentile"
    whole: ClassVar[dict[str, Any]] = {"percentile": 100}

    def order(self, selector):
        """Return the columns, the best first; of equal scores the first is the best."""
        return np.argsort(-score_as_filter(selector.scores_), kind="stable")

    def at(self, n_kept, n_columns):
        """Return the percentile that keeps a number of columns."""
        return {"percentile": 100 * n_kept / n_columns}


class SelectFromModelSurgeon(SelectKBestSurgeon):
    """Reads a `SelectFromModel` as a ranking, and cuts it."""

    names: ClassVar[tuple[str, ...]] = ("threshold", "max_features")
    path_name: ClassVar[str] = "max_features"
    whole: ClassVar[dict[str, Any]] = {"threshold": -np.inf, "max_features": None}

    def order(self, selector):
        """Return the columns, the best first; of equal importances the first is the best."""
        scores = importances_of(
            selector.estimator_, selector.importance_getter, "norm", selector.norm_order
        )
        return np.argsort(-scores, kind="stable")

    def at(self, n_kept, n_columns):  # noqa: ARG002 - a percentile needs it
        """Return the parameters that keep a number of columns, whatever their importance."""
        return {"threshold": -np.inf, "max_features": int(n_kept)}

    def cut(self, selector, order, level, X=None):  # noqa: ARG002 - others need them
        """Return a fitted copy at another level; as `SelectKBestSurgeon.cut`."""
        twin = _copy_at(selector, level)
        twin.__dict__.pop("max_features_", None)
        if twin.max_features is not None:
            n_kept = twin.max_features
            twin.max_features_ = n_kept(X) if callable(n_kept) else n_kept
        return twin


class RFESurgeon(SelectKBestSurgeon):
    """Reads a recursive feature elimination as a ranking, and cuts it.

    One elimination down to a single column passes through every other: where it would
    have stopped, the columns are the same.
    """

    names: ClassVar[tuple[str, ...]] = ("n_features_to_select",)
    path_name: ClassVar[str] = "n_features_to_select"
    whole: ClassVar[dict[str, Any]] = {"n_features_to_select": 1}

    def fit(self, selector, X, y, params):
        """Eliminate down to one column; as `SelectKBestSurgeon.fit`."""
        getter, ranks = selector.importance_getter, []

        def note(estimator):
            raw = importances_of(estimator, getter)
            ranks.append(rank_as_rfe(importances_of(estimator, getter, "square")))
            return raw

        selector.set_params(importance_getter=note).fit(X, y, **params)
        selector.set_params(importance_getter=getter)
        remaining, gone = np.arange(selector.n_features_in_), []
        for rank in ranks:
            n_gone = min(_step(selector), len(remaining) - 1)
            gone.append(remaining[rank[:n_gone]])
            remaining = np.sort(remaining[rank[n_gone:]])
        return np.concatenate([*gone, remaining])[::-1]

    def order(self, selector):
        """Return the columns, the best first; those that went together in any order."""
        return np.argsort(selector.ranking_, kind="stable")

    def cut(self, selector, order, level, X=None):  # noqa: ARG002 - others need them
        """Return a fitted copy at another level; as `SelectKBestSurgeon.cut`."""
        twin = _copy_at(selector, level)
        n_columns = len(order)
        n_kept = twin.n_features_to_select
        if n_kept is None:
            n_kept = n_columns // 2
        elif isinstance(n_kept, float):
            n_kept = int(n_columns * n_kept)
        n_kept = min(n_kept, n_columns)
        position = np.argsort(order)
        # How many columns each step left; the rank counts the steps that a column missed.
        left = np.maximum(np.arange(n_columns, n_kept, -_step(twin)) - _step(twin), n_kept)
        twin.n_features_ = n_kept
        twin.support_ = position < n_kept
        twin.ranking_ = 1 + (left <= position[:, None]).sum(axis=1)
        twin.__dict__.pop("estimator_", None)
        return twin

    def complete(self, twin, X, y, params):
        """Fit the model that an elimination keeps for its columns; in place."""
        twin.estimator_ = clone(twin.estimator).fit(twin.transform(X), y, **params)


def _copy_at(selector, level):
    """Return a copy with other parameters, checked as in a fit."""
    twin = copy.copy(selector).set_params(**level)
    check_params(twin)
    return twin


def _step(selector):
    """Return how many columns each step of an elimination takes."""
    step = selector.step
    return int(max(1, step * selector.n_features_in_)) if 0 < step < 1 else int(step)


SURGEONS = MappingProxyType(
    {
        SelectKBest: SelectKBestSurgeon(),
        SelectPercentile: SelectPercentileSurgeon(),
        SelectFromModel: SelectFromModelSurgeon(),
        RFE: RFESurgeon(),
    }
)
