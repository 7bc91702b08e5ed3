"""Adapters: how a search turns the level of a step, be it a pruner or a selector.

A pruner of skprune names its levels by `keep` and `threshold`; scikit-learn's selectors
have parameters of their own. An adapter knows them, and asks nothing else of a step.
"""

import copy
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest, SelectPercentile

from skprune._compat import check_params, importances_of, rank_as_rfe, score_as_filter
from skprune.base import BasePruner
from skprune.exceptions import LevelError
from skprune.feature_selection._path import RankedPath
from skprune.quantization import Quantizer

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
