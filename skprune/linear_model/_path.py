"""The path of a linear model: which coefficients or columns stay at every level."""

import numpy as np
import pandas as pd

from skprune.base import PruningPath
from skprune.base._levels import partings
from skprune.linear_model._refit import RowsLeftBehind


class LinearPath(PruningPath):
    """The levels of a linear model; a cut gives the plain model with zeros.

    Parameters
    ----------
    surgeon : LinearSurgeon
        Reader and writer of the whole model.
    units : ndarray of int, shape (n_features,) or (n_outputs * n_features,)
        The unit of each column, or of each flattened coefficient.
    order : ndarray of int, shape (n_units,)
        The units with a coefficient, the first to go first.
    scores : ndarray of shape (n_features,) or (n_outputs, n_features)
        Score of each column or coefficient, ascending along `order`.
    refit : callable, default=None
        Gives the coefficients that stay at a level, but the first, new values, as `ByClone`
        does. None if they keep theirs.
    sparsify : bool, default=False
        Whether levels but the first store their coefficients sparsely, where that saves
        bytes.

    Notes
    -----
    Levels that part units of equal scores are cut by `keep` alone, and have NaN for a
    threshold.
    """

    def __init__(self, surgeon, units, order, scores, *, refit=None, sparsify=False):
        self._surgeon = surgeon
        self._refit, self._sparsify = refit, sparsify
        self._alive = surgeon.coef != 0
        n_levels = max(1, len(order))
        place = np.zeros(units.max() + 1, dtype=np.intp)
        place[order] = np.arange(1, len(order) + 1)
        # Whatever has no coefficient is gone from the start.
        by_column = scores.ndim == 1
        here = self._alive.any(axis=0) if by_column else self._alive.ravel()
        self._gone_at = np.where(here, place[units], 0)
        ordered = np.empty(len(order))
        ordered[self._gone_at[here] - 1] = scores.ravel()[here]
        self._breaks = ordered[: n_levels - 1]
        self.scores = scores.ravel() if len(surgeon.coef) == 1 else scores

        def left(amount):
            lost = np.bincount(self._gone_at, amount, minlength=n_levels + 1)[1:n_levels]
            return (amount[here].sum() - np.append(0, np.cumsum(lost))).astype(int)

        counts = left(here.astype(int))
        weights = left(self._alive.sum(axis=0)) if by_column else counts
        thresholds = np.append(-np.inf, partings(ordered))[:n_levels]
        _, parameters, n_bytes = surgeon.size_of(weights, sparsify=sparsify)
        n_bytes[0] = surgeon.size()[2]
        unit = "features" if by_column else "weights"
        levels = pd.DataFrame(
            {
                "keep": counts / max(1, counts[0]),
                "threshold": thresholds,
                unit: counts,
                "parameters": parameters,
                "bytes": n_bytes,
            }
        )
        super().__init__(surgeon.model, levels, unit=unit, common_scale=False)

    def mask(self, index):
        """Return the units that stay at a level; see `PruningPath.mask`."""
        return (self._gone_at > index).reshape(self.scores.shape)

    def report(self, index):
        """Say of each column what is left of it at a level.

        Parameters
        ----------
        index : int
            Row of `levels`.

        Returns
        -------
        DataFrame
            A row per column.
        """
        left = self._weights(index)
        names = getattr(self.model, "feature_names_in_", np.arange(left.shape[1]))
        return pd.DataFrame(
            {
                "kept": left.any(axis=0),
                "score": np.atleast_2d(self.scores).max(axis=0),
                "weights_before": self._alive.sum(axis=0),
                "weights": left.sum(axis=0),
            },
            index=pd.Index(names, name="feature"),
        )

    def _weights(self, index):
        """Return the coefficients that stay at a level; shape (n_outputs, n_features)."""
        return self._alive & np.atleast_2d(self.mask(index))

    def _build(self, index):
        if index == 0:
            return self._surgeon.whole()
        mask = self._weights(index)
        if self._refit is None:
            coef, intercept = np.where(mask, self._surgeon.coef, 0.0), self._surgeon.intercept
        else:
            coef, intercept = self._refit(mask)
        return self._surgeon.replace(coef, intercept, sparsify=self._sparsify)

    @property
    def lost_rows(self):
        """Whether this was pickled, and can cut no level but the whole model."""
        return isinstance(self._refit, RowsLeftBehind)

    def __getstate__(self):
        refit = None if self._refit is None else self._refit.without_rows()
        return {**super().__getstate__(), "_refit": refit}
