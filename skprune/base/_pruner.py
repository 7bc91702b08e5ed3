"""What all pruners share: a path that stays out of pickles, and its levels."""

import copy
import warnings
from abc import ABCMeta, abstractmethod
from inspect import signature
from typing import ClassVar

from sklearn.base import BaseEstimator

from skprune.base._levels import check_level, check_no_level
from skprune.exceptions import PruningWarning


class BasePruner(BaseEstimator, metaclass=ABCMeta):
    """What both bases share: a path that stays out of pickles, and its levels."""

    # The level where neither `keep` nor `threshold` is given: half, as in RFE. A
    # subclass that decides by itself says so here.
    _default_level: ClassVar[dict[str, float]] = {"keep": 0.5}
    # What `keep` counts, as the unit of its path.
    counts: ClassVar[str] = "units"
    # Criteria that decide by themselves what stays, and so have no other level.
    _deciding: ClassVar[frozenset[str]] = frozenset()

    @property
    def path_(self):
        """All levels of this fit; not part of the pickle."""
        path = self.__dict__.get("_path")
        if path is None:
            msg = (
                f"This {type(self).__name__} has no path_: it is not fitted, or it was "
                "pickled or copied, which leaves path_ behind. Fit it, or pickle path_ "
                "itself."
            )
            raise AttributeError(msg)
        if callable(path):  # a path that is dear to compute waits until it is asked for
            self._path = path = path()
        return path

    def __getstate__(self):
        return {k: v for k, v in super().__getstate__().items() if k != "_path"}

    def _at_level(self, path, index):
        """Return a fitted copy of this pruner, cut at row `index` of `path`."""
        twin = copy.copy(self)
        twin._path = path  # a copy leaves it behind
        twin._set_level(path, index)
        return twin

    @property
    def decides(self):
        """Whether this decides by itself what stays."""
        return getattr(self, "criterion", None) in self._deciding

    def _own_level(self):
        """Return what the parameters name, as arguments of `path_.locate`, once checked."""
        check_level(self.keep, self.threshold)
        return self._level_of(self.keep, self.threshold)

    def _level_of(self, keep, threshold):
        """Return what `keep` and `threshold` name, as arguments of `path_.locate`."""
        if self.decides:
            criterion = getattr(self, "criterion", None)
            who = type(self).__name__ if criterion is None else f"criterion={criterion!r}"
            check_no_level(who, keep, threshold)
        if keep is None and threshold is None:
            return {"index": -1} if self.decides else self._default_level
        return {"keep": keep, "threshold": threshold}

    def _warn_of_idle(self, parameter, reason, *, stacklevel):
        """Say that a parameter is set and has no meaning; the level is that of `warn`."""
        warnings.warn(
            f"{parameter}={getattr(self, parameter)!r} has no meaning here and is ignored: "
            f"{reason}. Leave it out.",
            PruningWarning,
            stacklevel=stacklevel,
        )

    def _warn_if_set(self, reasons, *, stacklevel):
        """Say so of parameters that are not at their default; `stacklevel` as for one of them."""
        usual = signature(type(self)).parameters
        for name, reason in reasons.items():
            if getattr(self, name) != usual[name].default:
                self._warn_of_idle(name, reason, stacklevel=stacklevel + 1)

    @abstractmethod
    def _set_level(self, path, index):
        """Set the fitted attributes to row `index` of `path`."""
