"""The base class of all pruners: their path, which pickles leave out, and their levels."""

import warnings
from abc import ABCMeta, abstractmethod
from contextlib import contextmanager
from inspect import signature
from typing import Any, ClassVar

from sklearn.base import BaseEstimator, clone

from skprune.base._audit import record_prune
from skprune.base._compact import compact, restore
from skprune.base._levels import check_level, check_no_level
from skprune.exceptions import PruningWarning


@contextmanager
def all_or_nothing(estimator):
    """Leave an estimator as it was if its fit fails or is interrupted; audit it otherwise.

    Parameters
    ----------
    estimator : estimator
        Its attributes are never those of two fits, nor of half a fit.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
    record_prune(estimator)


def without_earlier_fits(estimator, state):
    """Return the state of an estimator, for its pickle, with its parameters unfitted.

    Parameters
    ----------
    estimator : estimator
        An estimator that fits clones of its parameters: a model that was fitted before it was
        passed would only take room. A `FrozenEstimator` remains fitted.
    state : dict of str to object
        Its state.

    Returns
    -------
    dict of str to object
        With clones of the parameters that are estimators.
    """
    models = {
        name: clone(value)
        for name, value in estimator.get_params(deep=False).items()
        if hasattr(value, "get_params") and not isinstance(value, type)
    }
    return state | models


class BasePruner(BaseEstimator, metaclass=ABCMeta):
    """Base class of all pruners.

    A subclass sets `path_`, all levels of one fit, and writes `_set_level`. Searches and
    displays read levels by the level protocol: `_level_names`, `_whole_level`,
    `_level_of_row` and `_row_of_level`, which a subclass with other parameters than `keep`
    and `threshold` overrides, `_search_grid`, and `_at_level`, which cuts.
    """

    # The level where neither `keep` nor `threshold` is given, as arguments of `path_.locate`:
    # half of the units, as in RFE.
    _default_level: ClassVar[dict[str, float]] = {"keep": 0.5}
    # What the levels count, in the plural. It is known before a path is.
    _unit_name: ClassVar[str] = "units"
    # Criteria that determine the selection by themselves, and have no other level.
    _deciding: ClassVar[frozenset[str]] = frozenset()

    @property
    def path_(self) -> Any:
        """All levels of this fit; not part of the pickle."""
        path = self.__dict__.get("_path")
        if path is None:
            msg = (
                f"This {type(self).__name__} has no path_: it is not fitted, or it was "
                "pickled or copied, which leaves path_ out. Fit it, or pickle path_ itself."
            )
            raise AttributeError(msg)
        if callable(path):  # a path that is expensive is computed when it is first read
            self._path = path = path()
        return path

    def __getstate__(self):
        state = {k: v for k, v in super().__getstate__().items() if k != "_path"}
        return compact(without_earlier_fits(self, state))

    def __setstate__(self, state):
        super().__setstate__(restore(state))

    # scikit-learn reads every property to list or display an object. What is computed when it is
    # first read is not read for that.

    def __dir__(self):
        return sorted(
            {*super(BasePruner, self._computed()).__dir__(), *self._uncomputed().values()}
        )

    def _get_fitted_attr_html(self, doc_link=""):
        return super(BasePruner, self._computed())._get_fitted_attr_html(doc_link)

    def _computed(self):
        """Return an object with those attributes alone that are computed."""
        twin = object.__new__(type(self))
        hidden = self._uncomputed()
        twin.__dict__.update({k: v for k, v in vars(self).items() if k not in hidden})
        return twin

    def _uncomputed(self):
        """Return attributes from which properties are computed when first read; dict to those."""
        return {"_path": "path_"} if callable(self.__dict__.get("_path")) else {}

    # The level protocol.

    @classmethod
    def _level_names(cls):
        """Return the parameters that select a level; in a grid the first may be "path"."""
        return ("keep", "threshold")

    def _search_grid(self):
        """Return what a search without a grid tries beside the path; dict of str to list."""
        return {}

    @classmethod
    def _whole_level(cls):
        """Return the parameters that keep everything."""
        return {"keep": 1.0, "threshold": None}

    def _level_of_row(self, path, index):
        """Return the parameters that select a level of a path, in any other fold as well.

        Parameters
        ----------
        path : BasePath
            The path of a fit of this pruner.
        index : int
            Row of its levels.

        Returns
        -------
        dict of str to object
            A value for each of `_level_names`.
        """
        if self._decides:
            return {"keep": None if index else 1.0, "threshold": None}
        name = "threshold" if path.common_scale else "keep"
        return {"keep": None, "threshold": None, name: float(path.levels[name].iloc[index])}

    def _row_of_level(self, path, level):
        """Return the level of a path that parameters select.

        Parameters
        ----------
        path : BasePath
            The path of a fit of this pruner.
        level : dict of str to object
            A value for each of `_level_names`.

        Returns
        -------
        int
            Row of its levels.

        Raises
        ------
        LevelError
            If the parameters are malformed, or there is no such level.
        """
        return path.locate(**self._level_of(**level))

    def _row_of_own_level(self, path):
        """Return the level of a path that the own parameters select; `fit` has checked them."""
        return path._locate(**self._level_of(**self._level_params()))

    def _at_level(self, path, index, level=None):
        """Return a fitted copy, cut at row `index` of `path`, with the parameters in `level`."""
        twin = object.__new__(type(self))
        twin.__dict__.update(vars(self))  # unlike `copy`, which clones the parameters
        twin._path = path
        twin._set_level(path, index)
        return twin if level is None else twin.set_params(**level)

    # The level that the parameters of this pruner select.

    def _level_params(self):
        """Return the parameters that select a level, as they are set."""
        return {name: getattr(self, name) for name in self._level_names()}

    @property
    def _decides(self):
        """Whether the criterion determines the selection by itself."""
        return getattr(self, "criterion", None) in self._deciding

    def _own_level(self):
        """Return the level of the parameters, checked, as arguments of `path_.locate`."""
        check_level(self.keep, self.threshold)
        return self._level_of(self.keep, self.threshold)

    def _level_of(self, keep, threshold):
        """Return a level as arguments of `path_.locate`; the default level for None and None."""
        if self._decides:
            criterion = getattr(self, "criterion", None)
            who = type(self).__name__ if criterion is None else f"criterion={criterion!r}"
            check_no_level(who, keep, threshold)
        if keep is None and threshold is None:
            return {"index": -1} if self._decides else self._default_level
        return {"keep": keep, "threshold": threshold}

    @abstractmethod
    def _set_level(self, path, index):
        """Set the fitted attributes to row `index` of `path`."""

    def _warn_of_unused(self, parameter, reason, *, stacklevel):
        """Warn of a parameter that is set and unused; `stacklevel` as of `warnings.warn`."""
        warnings.warn(
            f"{parameter}={getattr(self, parameter)!r} has no meaning here and is ignored: "
            f"{reason}. Leave it out.",
            PruningWarning,
            stacklevel=stacklevel,
        )

    def _warn_if_set(self, reasons, *, stacklevel):
        """Warn of those unused parameters that are not at their default."""
        defaults = signature(type(self)).parameters
        for name, reason in reasons.items():
            if getattr(self, name) != defaults[name].default:
                self._warn_of_unused(name, reason, stacklevel=stacklevel + 1)
