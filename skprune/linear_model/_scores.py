"""Orders of the units of a linear model: what each is worth, or what a removal costs."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.linear_model import lars_path_gram

from skprune.exceptions import InputError
from skprune.linear_model._objective import MAX_COLUMNS
from skprune.solvers.inverse_hessian import eliminate, merge_orders
from skprune.solvers.least_squares import sums_of_squares

# Numbers in the matrices of curvature of all outputs together.
MAX_CELLS = 40_000_000
# A model of more columns than that, once it is down to these, is worth the matrix again.
FEW_COLUMNS = 500
# So few units go in one round.
FEW = 8


def by_removal(objective, units, *, by_column, refit=None):
    """Order units by removal, always the one that the others best make up for.

    What is known of the loss at the whole model says less about a model that has lost most
    of its coefficients. For logistic regression, and where columns are too many for more than the
    diagonal of the curvature, half of the units go in a round: the others are then fitted
    anew, and the curvature is taken there. A model that is sure of its rows has lost its
    curvature, and is first fitted anew under a firmer penalty, as all rounds are then.

    Parameters
    ----------
    objective : Objective
        That of the whole model.
    units : ndarray of int, shape (n_features,) or (n_outputs * n_features,)
        The unit of each column, or of each flattened coefficient.
    by_column : bool
        Whether units are of columns.
    refit : callable, default=None
        Fits a model anew, as `ByClone` does. If None there is one round.

    Returns
    -------
    order : ndarray of int, shape (n_units,)
        The units with a coefficient, the first to go first.
    scores : ndarray of shape (n_features,) or (n_outputs, n_features)
        What the removal of each adds to the loss, ascending along `order`.
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
        order, worth = (_by_diagonal if wide else remove)(objective, units)
        # A refit may leave a zero, which is then the next to go.
        order = np.concatenate([np.setdiff1d(units[alive], order), order])
        again = refit is not None and (wide or refit.renews) and len(order) > FEW
        orders.append(order[: len(order) - (len(order) // 2 if again else 0)])
        gone = alive & np.isin(units, orders[-1])
        scores[gone] = np.maximum(worth.ravel()[gone], floor)
        floor = scores.max()
        alive &= ~gone
        if alive.any():
            mask = (coef != 0) & alive.reshape(-1, coef.shape[1])
            objective = objective.at(*refit(mask, (coef, objective.intercept)))
            coef = objective.coef
    order = np.concatenate(orders) if orders else np.empty(0, dtype=np.intp)
    return order, scores if by_column else scores.reshape(coef.shape)


def _is_wide(objective, limit=MAX_COLUMNS, *, by_column=False):
    """Say whether the matrices of columns by columns would be too large."""
    there = objective.coef != 0
    if not by_column:
        return there.sum(axis=1).max() > limit
    n_columns, n_matrices = len(objective.columns), len(there)
    if objective.shares_curvature:
        n_matrices = 1
    return n_columns > limit or n_columns**2 * n_matrices > MAX_CELLS


def _by_diagonal(objective, units):
    """Return the order by what a removal costs if the other units stay as they are.

    This is the saliency of Y. LeCun, J. S. Denker and S. A. Solla, "Optimal brain damage",
    NIPS 1989. By column or by coefficient as `units` are.
    """
    cost = objective.coef**2 * objective.diagonals() / 2
    there = objective.coef != 0
    if len(units) == there.shape[1]:
        cost, there = cost.sum(axis=0), there.any(axis=0)
    total = np.bincount(units, cost.ravel())
    left = np.unique(units[there.ravel()])
    return left[np.argsort(total[left], kind="stable")], total[units].reshape(cost.shape)


def _columns_by_removal(objective, units):
    """Return the order in which groups of columns go, and the scores of all columns."""
    coef, columns = objective.coef, objective.columns
    scores = np.zeros(coef.shape[1])
    if not columns.size:
        return columns, scores
    outputs = [0] if objective.shares_curvature else range(len(coef))
    hessians = np.stack([_steady(objective.hessian(output, columns)) for output in outputs])
    W = coef[:, columns].T[np.newaxis] if len(hessians) == 1 else coef[:, columns, np.newaxis]
    there, units_left = np.unique(units[columns], return_inverse=True)
    found = eliminate(hessians, W, units_left)
    worth = np.empty(len(there))
    worth[found.order] = np.maximum.accumulate(found.cost)
    scores[columns] = worth[units_left]
    return there[found.order], scores


def _weights_by_removal(objective, units):  # noqa: ARG001 - each is its own
    """Return the order in which coefficients go, and their scores."""
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


def by_score(worth, coef, units):
    """Order units by the best score of their coefficients.

    Parameters
    ----------
    worth : ndarray of shape (n_features,) or (n_outputs, n_features)
        What each column, or coefficient, is worth.
    coef : ndarray of shape (n_outputs, n_features)
        Coefficients; those that are zero are no units.
    units : ndarray of int, shape (n_features,) or (n_outputs * n_features,)
        The unit of each column, or of each flattened coefficient.

    Returns
    -------
    order, scores : ndarray
        As of `by_removal`.
    """
    alive = (coef != 0).ravel() if worth.ndim == 2 else (coef != 0).any(axis=0)
    best = np.full(units.max() + 1, -np.inf)
    np.maximum.at(best, units[alive], worth.ravel()[alive])
    there = np.unique(units[alive])
    scores = np.where(alive, best[units], 0.0).reshape(worth.shape)
    return there[np.argsort(best[there], kind="stable")], scores


# What each coefficient is worth by itself: functions of an objective, which return an array
# of shape (n_outputs, n_features).


def wald(objective):
    """Return squared coefficients over their variances.

    Of more columns than a matrix is built for, the variance is that of each by itself.
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
    """Return the highest L1 penalty under which each coefficient is not zero.

    The loss is its curvature at the whole model, the columns are of one curvature.
    """
    coef = objective.coef
    if _is_wide(objective):
        msg = (
            f"criterion='l1' was given, but {len(objective.columns)} columns have a coefficient, "
            f"and a matrix of columns by columns is built for at most {MAX_COLUMNS} of them. Use "
            "criterion='obs', which then looks at the diagonal of that matrix."
        )
        raise InputError(msg)
    found = np.zeros(coef.shape)
    for output, weights, columns, hessian in _hessians(objective):
        scale = np.sqrt(hessian.diagonal())
        scaled = hessian / np.outer(scale, scale)
        pull = scaled @ (weights * scale)
        alphas, _, path = lars_path_gram(pull, scaled, n_samples=1, method="lasso")
        # A knot has the coefficients down to it: what is not zero there came in above.
        seen = np.append((path[:, 1:] != 0), np.ones((len(columns), 1), bool), axis=1)
        found[output, columns] = alphas[np.minimum(seen.argmax(axis=1), len(alphas) - 1)]
    return found


def squared_gradient(objective):
    """Return squared coefficients times the squared gradients of the rows' losses."""
    X, weight = objective.X, objective.weight[:, np.newaxis]
    squares = weight * objective.gradient() ** 2
    return objective.coef**2 * sums_of_squares(X, squares, center=False).T


def scaled_magnitude(objective):
    """Return coefficients in standard deviations of their columns.

    Without an intercept in root mean squares: nothing else then takes up a mean.
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
    """Return a Hessian that is positive definite by more than rounding.

    Dependent columns get a share of their own curvature as a penalty, the smallest that
    does of some that grow.
    """
    diagonal = hessian.diagonal().copy()
    floor = max(diagonal.max(), np.finfo(float).tiny) * 1e-12
    for share in (0.0, 1e-10, 1e-8, 1e-6, 1e-4):
        steady = hessian + np.diag(share * diagonal + (floor if share else 0.0))
        try:
            pivots = np.linalg.cholesky(steady).diagonal() ** 2
        except np.linalg.LinAlgError:
            continue
        if (pivots > 1e-12 * steady.diagonal()).all():
            return steady
    return hessian + np.diag(1e-3 * diagonal + diagonal.mean() * 1e-3)
