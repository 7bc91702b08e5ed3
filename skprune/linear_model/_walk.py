"""Refits of the levels of a logistic regression in turn, each from the one before."""

import numpy as np

from skprune.solvers.nested_logistic import NestedLogistic

# With more features, a Hessian costs more than the steps that it saves.
MAX_NESTED = 300


class NestedWalk:
    """Refits ever fewer coefficients of a log-loss, warm.

    Parameters
    ----------
    refit : ByMask
        Refits what cannot be refitted from the level before.
    objective : Objective
        That of the whole model.
    removed_at : ndarray of int, shape (n_outputs, n_features)
        The first level without each coefficient; 0 for those that the model does not have.
    """

    def __init__(self, refit, objective, removed_at):
        self._refit, self._objective = refit, objective
        self._order = np.argsort(-removed_at[0], kind="stable")
        self._order = self._order[: np.count_nonzero(removed_at[0])]
        self._solver = None
        self._nests = (
            len(removed_at) == 1
            and len(self._order) <= MAX_NESTED
            and isinstance(objective.X, np.ndarray)
            and bool((objective.penalty[0, self._order] > 0).all())
        )

    def __call__(self, mask):
        """Fit what is not masked, a part of what was not masked before; as `ByMask`."""
        whole, n_kept = self._objective, np.count_nonzero(mask)
        if not self._nests:
            return self._refit(mask)
        if self._solver is None:
            order = self._order
            self._solver = NestedLogistic(
                whole.X[:, order],
                whole.codes == 1,
                whole.weight,
                whole.penalty[0, order],
                whole.coef[0, order],
                whole.intercept[0],
                intercept=whole.has_intercept,
            )
        found = self._solver.fit(n_kept)
        if found is None:
            self._nests = False
            return self._refit(mask)
        coef = np.zeros(mask.shape)
        coef[0, self._order[:n_kept]] = found[0]
        return coef, np.array([found[1]], dtype=float)
