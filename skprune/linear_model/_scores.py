"""Orders of the units of a linear model by their importance, or by the cost of their removal."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.linear_model import lars_path_gram

from skprune.exceptions import InputError
from skprune.linear_model._objective import MAX_COLUMNS
from skprune.solvers.inverse_hessian import eliminate, merge_orders
from skprune.solvers.least_squares import sums_of_squares

# Largest number of cells in the Hessians of all outputs together.
MAX_CELLS = 40_000_000
# Number of features at which a model that was too wide for a Hessian gets one again.
FEW_COLUMNS = 500
# Curvature whose inverse is finite, times 1e-12 too.
LEAST_CURVATURE = 1e-280
# At most so many units are removed in one last round.
FEW = 8


def by_removal(objective, units, *, by_column, refit=None):
    """Order units by removal, always the one whose loss the others compensate best.

    A quadratic approximation at the whole model is inaccurate for models with few of its
    coefficients. For logistic regression, and where features are so many that only the diagonal
    of the Hessian is used, half of the units are removed in each round: the others are then
    refitted, and the curvature is recomputed. If data are nearly separable, the log-loss has
    little curvature; the model is then refitted with a stronger penalty before all rounds.

    Parameters
    ----------
    objective : Objective
        That of the whole model.
    units : ndarray of int, shape (n_features,) or (n_outputs * n_features,)
        The unit of each feature, or of each flattened coefficient.
    by_column : bool
        Whether units are features.
    refit : callable, default=None
        Refits a model, as `ByClone` does. If None there is one round.

    Returns
    -------
    order : ndarray of int, shape (n_units,)
        The units with a coefficient, the first to be removed first.
    scores : ndarray of shape (n_features,) or (n_outputs, n_features)
        Increase of the loss by the removal of each, ascending along `order`.
    """
    coef, floor = objective.coef, 0.0
    alive = (coef != 0).any(axis=0) if by_column else (coef != 0).ravel()
    orders, scores, wide = [], np.zeros(alive.shape), False
    if refit is not None:
        objective, refit = refit.regularized()
        coef = objective.coef
    while alive.any():
        wide = _is_wide(objective, FEW_COLUMNS if wide else MAX_COLUMNS, by_column=by_column)
        remove = _columns_by_removal if by_column else _weights_by_removal
        order, cost = (_by_diagonal if wide else remove)(objective, units)
        # A refit may set a coefficient to zero, which is then removed next.
        order = np.concatenate([np.setdiff1d(units[alive], order), order])
        again = refit is not None and (wide or refit.renews) and len(order) > FEW
        orders.append(order[: len(order) - (len(order) // 2 if again else 0)])
        removed = alive & np.isin(units, orders[-1])
        scores[removed] = np.maximum(cost.ravel()[removed], floor)
        floor = scores.max()
        alive &= ~removed
        if alive.any():
            mask = (coef != 0) & alive.reshape(-1, coef.shape[1])
            objective = objective.at(*refit(mask, (coef, objective.intercept)))
            coef = objective.coef
    order = np.concatenate(orders) if orders else np.empty(0, dtype=np.intp)
    return order, scores if by_column else scores.reshape(coef.shape)


def _is_wide(objective, limit=MAX_COLUMNS, *, by_column=False):
    """Return whether the Hessians would be too large."""
    alive = objective.coef != 0
    if not by_column:
        return alive.sum(axis=1).max() > limit
    n_columns, n_matrices = len(objective.columns), len(alive)
    if objective.shares_curvature:
        n_matrices = 1
    return n_columns > limit or n_columns**2 * n_matrices > MAX_CELLS


def _by_diagonal(objective, units):
    """Return the order by the cost of a removal with all other units unchanged.

    This is the saliency of Y. LeCun, J. S. Denker and S. A. Solla, "Optimal brain damage",
    NIPS 1989. By feature or by coefficient as `units` are.
    """
    cost = objective.coef**2 * objective.diagonals() / 2
    alive = objective.coef != 0
    if len(units) == alive.shape[1]:
        cost, alive = cost.sum(axis=0), alive.any(axis=0)
    total = np.bincount(units, cost.ravel())
    left = np.unique(units[alive.ravel()])
    return left[np.argsort(total[left], kind="stable")], total[units].reshape(cost.shape)


def _columns_by_removal(objective, units):
    """Return the order in which groups of features are removed, and the scores of features."""
    coef, columns = objective.coef, objective.columns
    scores = np.zeros(coef.shape[1])
    if not columns.size:
        return columns, scores
    outputs = [0] if objective.shares_curvature else range(len(coef))
    hessians = np.stack([_steady(objective.hessian(output, columns)) for output in outputs])
    W = coef[:, columns].T[np.newaxis] if len(hessians) == 1 else coef[:, columns, np.newaxis]
    present, units_left = np.unique(units[columns], return_inverse=True)
    found = eliminate(hessians, W, units_left)
    cost = np.empty(len(present))
    cost[found.order] = np.maximum.accumulate(found.cost)
    scores[columns] = cost[units_left]
    return present[found.order], scores


def _weights_by_removal(objective, units):  # noqa: ARG001 - each is its own
    """Return the order in which coefficients are removed, and their scores."""
    alone, places, coef = [], [], objective.coef
    scores = np.zeros(coef.shape)
    for output, weights, columns, hessian in _hessians(objective):
        alone.append(eliminate(hessian[np.newaxis], weights[np.newaxis, :, np.newaxis]))
        places.append(output * coef.shape[1] + columns)
        scores[output, columns[alone[-1].order]] = np.maximum.accumulate(alone[-1].cost)
    if not alone:
        return np.empty(0, dtype=np.intp), scores
    model, unit = merge_orders(alone)
    starts = np.cumsum([0, *map(len, places[:-1])])
    return np.concatenate(places)[starts[model] + unit], scores


def by_score(importance, coef, units):
    """Order units by the best score of their coefficients.

    Parameters
    ----------
    importance : ndarray of shape (n_features,) or (n_outputs, n_features)
        Importance of each feature or coefficient.
    coef : ndarray of shape (n_outputs, n_features)
        Coefficients; those that are zero are no units.
    units : ndarray of int, shape (n_features,) or (n_outputs * n_features,)
        The unit of each feature, or of each flattened coefficient.

    Returns
    -------
    order, scores : ndarray
        As of `by_removal`.
    """
    alive = (coef != 0).ravel() if importance.ndim == 2 else (coef != 0).any(axis=0)
    best = np.full(units.max() + 1, -np.inf)
    np.maximum.at(best, units[alive], importance.ravel()[alive])
    present = np.unique(units[alive])
    scores = np.where(alive, best[units], 0.0).reshape(importance.shape)
    return present[np.argsort(best[present], kind="stable")], scores


# The importance of each coefficient: functions of an objective, which return an array of
# shape (n_outputs, n_features).


def wald(objective):
    """Return squared coefficients over their variances.

    With too many features for a Hessian, variances are those with all other coefficients fixed.
    """
    coef = objective.coef
    if _is_wide(objective):
        found = coef**2 * objective.diagonals()
        return found / objective.dispersion()[:, np.newaxis]
    found = np.zeros(coef.shape)
    for output, weights in enumerate(coef):
        columns = np.flatnonzero(weights)
        if columns.size:
            factor = cho_factor(_steady(objective.hessian(output, columns)), lower=True)
            variance = cho_solve(factor, np.eye(len(columns))).diagonal()
            found[output, columns] = weights[columns] ** 2 / variance
    return found / objective.dispersion()[:, np.newaxis]


def highest_penalty(objective):
    """Return the highest L1 penalty at which each coefficient is not zero.

    The loss is approximated by a quadratic function at the whole model, and features are
    scaled to equal curvature.
    """
    coef = objective.coef
    if _is_wide(objective):
        msg = (
            f"criterion='l1' was given, but {len(objective.columns)} features have a coefficient, "
            f"and the Hessian is built for at most {MAX_COLUMNS} of them. Use criterion='obs', "
            "which then uses only its diagonal."
        )
        raise InputError(msg)
    found = np.zeros(coef.shape)
    for output, weights, columns, hessian in _hessians(objective):
        scale = np.sqrt(hessian.diagonal())
        scaled = hessian / np.outer(scale, scale)
        pull = scaled @ (weights * scale)
        alphas, _, path = lars_path_gram(pull, scaled, n_samples=1, method="lasso")
        # A coefficient that is not zero at a knot entered at the knot above it.
        seen = np.append((path[:, 1:] != 0), np.ones((len(columns), 1), bool), axis=1)
        found[output, columns] = alphas[np.minimum(seen.argmax(axis=1), len(alphas) - 1)]
    return found


def squared_gradient(objective):
    """Return squared coefficients times the summed squared gradients of the samples' losses."""
    X, weight = objective.X, objective.weight[:, np.newaxis]
    squares = weight * objective.gradient() ** 2
    return objective.coef**2 * sums_of_squares(X, squares, center=False).T


def scaled_magnitude(objective):
    """Return absolute coefficients times the standard deviations of their features.

    Without an intercept, times their root mean squares: the mean then contributes too.
    """
    weight = objective.weight[:, np.newaxis]
    squares = sums_of_squares(objective.X, weight, center=objective.has_intercept)[:, 0]
    return np.abs(objective.coef) * np.sqrt(squares / weight.sum())


def _hessians(objective):
    """Yield each output with coefficients, these, their columns and their Hessian."""
    for output, weights in enumerate(objective.coef):
        columns = np.flatnonzero(weights)
        if columns.size:
            yield output, weights[columns], columns, _steady(objective.hessian(output, columns))


def _steady(hessian):
    """Return a Hessian that is positive definite beyond rounding errors.

    If features are linearly dependent, a share of the diagonal is added as a ridge, the
    smallest sufficient one of an ascending sequence.
    """
    diagonal = hessian.diagonal().copy()
    floor = max(diagonal.max(), LEAST_CURVATURE) * 1e-12
    for share in (0.0, 1e-10, 1e-8, 1e-6, 1e-4):
        steady = hessian + np.diag(share * diagonal + (floor if share else 0.0))
        try:
            pivots = np.linalg.cholesky(steady).diagonal() ** 2
        except np.linalg.LinAlgError:
            continue
        if (pivots > 1e-12 * steady.diagonal()).all():
            return steady
    return hessian + np.diag(1e-3 * diagonal + diagonal.mean() * 1e-3)
