"""The path of a linear model: which coefficients or columns stay at every level."""

import numpy as np
import pandas as pd

from skprune._levels import midpoints, slack
from skprune.path import PruningPath


class LinearPath(PruningPath):
    """The levels of a linear model; a cut gives the plain model with zeros.

    Parameters
    ----------
    surgeon : LinearSurgeon
        Reader and writer of the whole model.
    order : ndarray of int, shape (n_units,)
        The units with a coefficient, the first to go first: columns, or positions in the
        flattened coefficients.
    scores : ndarray of shape (n_features,) or (n_outputs, n_features)
        Score of each unit, ascending along `order`; columns, or coefficients.
    objective : Objective, default=None
        What is fitted anew at each level but the first, by its rows. None if coefficients
        keep their values.
    """

    def __init__(self, surgeon, order, scores, *, objective=None):
        self._surgeon = surgeon
        self._objective = objective
        self._by_column = scores.ndim == 1
        self._alive = surgeon.coef != 0
        n_levels = max(1, len(order))
        # Units without a coefficient are gone from the start.
        self._gone_at = np.zeros(scores.size, dtype=np.intp)
        self._gone_at[order] = np.arange(1, len(order) + 1)
        ordered = scores.ravel()[order]
        self._breaks = ordered[: n_levels - 1]
        single = self._by_column or len(surgeon.coef) == 1
        self.scores = scores.reshape(-1) if single else scores
        counts = len(order) - np.arange(n_levels)
        weights = counts
        if self._by_column:
            lost = self._alive.sum(axis=0)[order][: n_levels - 1]
            weights = np.count_nonzero(self._alive) - np.append(0, np.cumsum(lost)).astype(int)
        _, parameters, n_bytes = surgeon.size_of(weights)
        levels = pd.DataFrame(
            {
                "keep": counts / max(1, len(order)),
                "threshold": np.append(-np.inf, midpoints(ordered))[:n_levels],
                "features" if self._by_column else "weights": counts,
                "parameters": parameters,
                "bytes": n_bytes,
            }
        )
        unit = "features" if self._by_column else "weights"
        super().__init__(surgeon.model, levels, unit=unit, common_scale=False)

    def mask(self, index):
        """Return the units that stay at a level.

        Parameters
        ----------
        index : int
            Row of `levels`.

        Returns
        -------
        ndarray of bool
            Aligned with `scores`.
        """
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
        if self._objective is None:
            coef = np.where(mask, self._surgeon.coef, 0.0)
            return self._surgeon.replace(coef, self._surgeon.intercept)
        return self._surgeon.replace(*self._objective.refit(mask))

    def _index_of_threshold(self, threshold):
        return np.searchsorted(self._breaks, slack(threshold), side="right")
