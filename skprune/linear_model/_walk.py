"""Refits of the levels of a logistic regression in turn, each from the one before."""

import numpy as np

from skprune.solvers.nested_logistic import NestedLogistic

# With more features, or more cells, a dense Hessian costs more than the steps that it saves.
MAX_NESTED = 300
MAX_DENSE_CELLS = 8_000_000


class NestedWalk:
    """Refits ever fewer coefficients of a log-loss, each time from the last ones.

    With two classes and few features, by `NestedLogistic`.

    Parameters
    ----------
    refit : ByMask
        Refits what is not nested.
    objective : Objective
        That of the whole model.
    removed_at : ndarray of int, shape (n_outputs, n_features)
        The first level without each coefficient; 0 for those that the model does not have.
    """

    def __init__(self, refit, objective, removed_at):
        self._refit, self._objective = refit, objective
        self._last = objective.coef, objective.intercept
        self._order = np.argsort(-removed_at[0], kind="stable")
        self._solver, self._nests = None, len(removed_at) == 1

    def __call__(self, mask):
        """Fit what is not masked, a part of what was not masked before; as `ByMask`."""
        n_kept = np.count_nonzero(mask)
        found = self._nested(n_kept) if self._nests else None
        if found is None:
            self._last = self._refit(mask, self._last, near=True)
            return self._last
        coef = np.zeros(mask.shape)
        coef[0, self._order[:n_kept]] = found[0]
        return coef, np.array([found[1]], dtype=float)

    def _nested(self, n_kept):
        """Fit the last features to be removed, if they are few."""
        if self._solver is None:
            self._solver = self._solver_for(self._order[:n_kept])
        found = None if self._solver is None else self._solver.fit(n_kept)
        # What this solver does not find for one level, it does not find for the next.
        self._nests = found is not None or self._solver is None
        return found

    def _solver_for(self, order):
        whole, (coef, intercept) = self._objective, self._last
        if len(order) > MAX_NESTED or not (whole.penalty[0, order] > 0).all():
            return None
        X = whole.X[:, order]
        if not isinstance(X, np.ndarray):
            if X.shape[0] * X.shape[1] > MAX_DENSE_CELLS:
                return None
            X = X.toarray()
        return NestedLogistic(
            X,
            whole.codes == 1,
            whole.weight,
            whole.penalty[0, order],
            coef[0, order],
            intercept[0],
            intercept=whole.has_intercept,
        )
