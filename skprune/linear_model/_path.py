"""The path of a linear model: which coefficients or features are kept at every level."""

from functools import partial

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from skprune.base._ordered_path import OrderedPath, remaining, removal_levels
from skprune.linear_model._refit import RowsLeftBehind
from skprune.linear_model._snapshot import LinearResponses, LinearSnapshot


class LinearPath(OrderedPath):
    """The levels of a linear model; a cut gives the plain model with zeros.

    Parameters
    ----------
    surgeon : LinearSurgeon
        Reader and writer of the whole model.
    units : ndarray of int, shape (n_features,) or (n_outputs * n_features,)
        The unit of each feature, or of each flattened coefficient.
    order : ndarray of int, shape (n_units,)
        The units with a coefficient, the first to be removed first.
    scores : ndarray of shape (n_features,) or (n_outputs, n_features)
        Score of each feature or coefficient, ascending along `order`.
    refit : callable, default=None
        Refits the coefficients that are kept at every level but the first, as `ByClone`
        does. None if they are left unchanged.
    sparsify : bool, default=False
        Whether every level but the first stores its coefficients as a sparse matrix, where
        that saves bytes.
    """

    def __init__(self, surgeon, units, order, scores, *, refit=None, sparsify=False):
        self._surgeon = surgeon
        self._refit, self._sparsify = refit, sparsify
        self._alive = surgeon.coef != 0
        by_column = scores.ndim == 1
        # Features without a coefficient are no units.
        here = self._alive.any(axis=0) if by_column else self._alive.ravel()
        removed_at = np.where(here, removal_levels(order, units.max() + 1)[units], 0)
        ordered = np.empty(len(order))
        ordered[removed_at[here] - 1] = scores.ravel()[here]
        if len(surgeon.coef) == 1:
            scores = scores.ravel()
        super().__init__(
            surgeon.model,
            removed_at.reshape(scores.shape),
            ordered,
            scores,
            unit="features" if by_column else "weights",
        )
        if refit is not None:
            refit.follow(self._removal_levels)

    def _sizes(self, n_levels):
        amount = self._alive.sum(axis=0) if self._removed_at.ndim == 1 else self._alive
        weights = remaining(self._removed_at, n_levels, amount)
        _, parameters, n_bytes = self._surgeon.size_of(weights, sparsify=self._sparsify)
        n_bytes[0] = self._surgeon.size()[2]
        return {"parameters": parameters, "bytes": n_bytes}

    def report(self, index):
        """Tabulate what is left of each feature; see `PruningPath.report`."""
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
        """Return the coefficients that are kept at a level; shape (n_outputs, n_features)."""
        return self._alive & np.atleast_2d(self.mask(index))

    def _build(self, index):
        if index == 0:
            return self._surgeon.whole()
        return self._surgeon.replace(*self._parameters(index), sparsify=self._sparsify)

    def _parameters(self, index, refit=None):
        """Return the coefficients and intercepts of a level but the first."""
        mask = self._weights(index)
        if self._refit is None:
            return np.where(mask, self._surgeon.coef, 0.0), self._surgeon.intercept
        return (refit or self._refit)(mask)

    @property
    def _removal_levels(self):
        """The first level without each coefficient; shape (n_outputs, n_features)."""
        return np.broadcast_to(self._removed_at, self._alive.shape) * self._alive

    def snapshots(self, X, index=None):
        """Yield models with the predictions of one level after the other, for given samples.

        Parameters and result are those of `PruningPath.snapshots`. Classes of scikit-learn
        predict from one product per level; no model is built.
        """
        model, surgeon = self.model, self._surgeon
        known = type(model).__module__.startswith("sklearn.")
        if not known or self._sparsify or issparse(model.coef_):
            yield from super().snapshots(X, index)
            return
        responses = LinearResponses(model, X)
        refit = None if self._refit is None else self._refit.walker(self._removal_levels)
        for level in self._ascending(index):
            if level:
                found = self._parameters(level, refit)
                (coef, intercept), build = surgeon.stored(*found), partial(surgeon.replace, *found)
            else:
                coef, intercept, build = model.coef_, model.intercept_, surgeon.whole
            yield LinearSnapshot(responses, coef, intercept, build)

    @property
    def lost_rows(self):
        """Whether this was pickled, and can cut no level but the whole model."""
        return isinstance(self._refit, RowsLeftBehind)

    def __getstate__(self):
        refit = None if self._refit is None else self._refit.without_rows()
        return {**super().__getstate__(), "_refit": refit}
