"""Paths that remove units in one order: masks, counts and thresholds of their levels."""

import numpy as np

from skprune.base._levels import partings
from skprune.base._path import PruningPath, tabulate


class OrderedPath(PruningPath):
    """The levels of a model whose units are removed one after the other; they are nested.

    A subclass writes `_sizes`, `_build` and `report`.

    Parameters
    ----------
    model : fitted estimator
        The whole model.
    removed_at : ndarray of int
        The first level without each unit, as of `removal_levels`; 0 for units that the whole
        model does not have. Units of one level are removed together.
    ordered : ndarray of shape (n_removals,), default=None
        Score of the units that level ``i + 1`` removes, ascending in i. None if the criterion
        only orders the units, which then have `rank_shares` and no `scores`.
    scores : ndarray of the shape of `removed_at`, default=None
        Score of each unit, where `ordered` is given.
    unit : str
        Name of the column that counts the units.
    n_levels : int, default=None
        Number of levels. None: the units that would be removed last are kept.
    common_scale : bool, default=False
        As in `PruningPath`.

    Notes
    -----
    Levels that separate units of equal scores can be selected by `keep` only; their threshold
    is NaN.
    """

    def __init__(
        self,
        model,
        removed_at,
        ordered=None,
        scores=None,
        *,
        unit,
        n_levels=None,
        common_scale=False,
    ):
        if ordered is None:
            self.rank_shares = 1 - (removed_at.size - removed_at) / max(1, removed_at.size)
            ordered = np.sort(self.rank_shares)
        else:
            self.scores = scores
        self.model, self._removed_at = model, removed_at
        n_levels = max(1, len(ordered)) if n_levels is None else n_levels
        self._breaks = ordered[: n_levels - 1]
        thresholds = np.concatenate([[-np.inf], partings(ordered), ordered[-1:]])[:n_levels]
        columns = {unit: remaining(removed_at, n_levels), **self._sizes(n_levels)}
        levels = tabulate(unit, thresholds, columns)
        super().__init__(model, levels, unit=unit, common_scale=common_scale)

    def mask(self, index):
        """Return the units that are kept at a level; see `PruningPath.mask`."""
        return self._removed_at > index

    def _sizes(self, n_levels):  # noqa: ARG002 - a hook
        """Return the columns of `levels` with sizes of the levels, by name."""
        return {}


def removal_levels(order, n_units):
    """Return the first level without each unit if one is removed after the other.

    Parameters
    ----------
    order : ndarray of int, shape (n_removals,)
        The units, the first to be removed first. Others are never removed.
    n_units : int
        Number of all units.
    """
    removed_at = np.full(n_units, len(order) + 1)
    removed_at[order] = np.arange(1, len(order) + 1)
    return removed_at


def remaining(removed_at, n_levels, amount=1):
    """Sum an amount over the units that are kept at each level; ndarray of shape (n_levels,).

    Parameters
    ----------
    removed_at : ndarray of int
        As of `OrderedPath`.
    n_levels : int
        Number of levels.
    amount : float, or ndarray of the shape of `removed_at`, default=1
        Amount of each unit.
    """
    weights = np.broadcast_to(amount, removed_at.shape).ravel()
    removed = np.bincount(np.minimum(removed_at, n_levels).ravel(), weights, n_levels + 1)
    # Summed from the end, so that an unknown amount (NaN) affects only the levels that include it.
    return removed[:0:-1].cumsum()[::-1].astype(np.result_type(amount, np.intp))
