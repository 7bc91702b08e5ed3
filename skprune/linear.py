"""Linear pruner: removes coefficients, or whole columns, of anything with `coef_`."""

from typing import Any, ClassVar

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.linear_model import lars_path_gram
from sklearn.utils import check_random_state

from skprune._columns import units_of
from skprune._compat import StrOptions
from skprune._linear_objective import MAX_COLUMNS, objective_for
from skprune._linear_path import LinearPath
from skprune.base import BaseModelPruner
from skprune.exceptions import InputError
from skprune.solvers.inverse_hessian import eliminate, merge_orders
from skprune.surgery import LINEAR_SURGEONS, surgeon_for, surgeon_type

__all__ = ["LinearPruner"]

# They look at the whole matrix of curvature, columns by columns.
BY_CURVATURE = ("obs", "wald", "l1")
WITHOUT_ROWS = ("magnitude", "random")
CRITERIA = (*BY_CURVATURE, "gradient", "scaled_magnitude", *WITHOUT_ROWS)
# Numbers in the matrices of curvature of all outputs together.
MAX_CELLS = 40_000_000
# So few units go in one round.
FEW = 8


class LinearPruner(BaseModelPruner):
    """Prune the coefficients of a linear model, or its columns.

    The coefficients that the others need least become exact zeros, and what stays is fitted
    anew with the same loss and the same penalty. What comes back in `estimator_` is a plain
    model of the class that went in. All levels of pruning come from one fit: see `path_`.

    Parameters
    ----------
    estimator : estimator
        A linear model of scikit-learn: least squares, ridge, lasso, elastic net, logistic
        regression, `LinearSVC`, `LinearSVR`, `SGD*`, `Perceptron`, generalised linear
        models, linear discriminant analysis. It is cloned and fitted; a model that is fitted
        already comes in a `sklearn.frozen.FrozenEstimator`, and is then copied, never changed.
    criterion : {"obs", "wald", "l1", "gradient", "scaled_magnitude", "magnitude", \
            "random"}, default="obs"
        How units are ordered:

        - "obs": one after the other goes, each time the one whose removal raises the loss
          least when all others make up for it [1]_; exact for squared loss, elsewhere by
          the curvature at the whole model. For a log-loss that of a refit is taken whenever
          half of the units have gone;
        - "wald": the squared coefficient over its variance, once, at the whole model;
        - "l1": the highest L1 penalty under which it has a coefficient, by the same
          curvature, for columns of one scale;
        - "gradient": the squared coefficient times the sum over rows of the squared
          gradient of the loss;
        - "scaled_magnitude": the absolute coefficient times the standard deviation of its
          column;
        - "magnitude": the absolute coefficient, which depends on the unit of its column;
        - "random": the baseline that every other criterion is held against.
    unit : {"weight", "feature"}, default="weight"
        What goes: single coefficients, of each class or target by itself, or columns for
        all of them.
    keep : int or float, default=None
        Non-zero coefficients, or columns, that stay: at most so many (int) or this fraction
        (float in (0, 1]). ``keep=1.0`` is the whole model. If `threshold` is None too, half
        stay.
    threshold : float, default=None
        Units with a score above it stay.
    recovery : {"refit"}, default="refit"
        "refit" fits the coefficients that stay, and the intercepts. None leaves them as
        they are.
    groups : list of lists or dict of lists, default=None
        Columns, by name or place, that stand or fall together, such as those of one
        category; for ``unit="feature"``. `keep` counts columns all the same.
    random_state : int, RandomState instance or None, default=None
        Draws the order of "random". It is not passed on: set that of the inner model too.

    Attributes
    ----------
    estimator_ : estimator
        The pruned model, plain; its `coef_` has the shape that it had.
    path_ : PruningPath
        All levels of this fit. It holds the rows of the fit by reference if it needs them.
        Not part of the pickle.
    scores_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Score of each column or coefficient. For "obs" what the removal adds to the loss,
        never below that of units that went before; zero for coefficients that are zero.
    keep_mask_ : ndarray of bool, shape (n_features,) or (n_outputs, n_features)
        Columns or coefficients that stay.
    report_ : DataFrame
        A row per column: whether any of its coefficients was kept, its largest score, and
        the number of its coefficients before and after.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    n_features_in_ : int
        Number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where they are all strings.

    Raises
    ------
    InputError
        If "obs", "wald" or "l1" meets more than 2,000 columns with a coefficient, or
        coefficients of several outputs cannot be fitted anew one by one.

    See Also
    --------
    PruningSearchCV : Cross-validates all levels of a pruner.
    sklearn.feature_selection.RFE : Fits the model again for every column that goes.

    Notes
    -----
    "obs" takes one inverse of the matrix of curvature and O(p^3) for the order of p columns,
    as do "wald" and "l1"; the others O(n p) or less. A level of squared loss costs the
    solution of a system in the columns that stay; elsewhere it costs a fit on them. Sparse
    rows are never made dense.

    For several classes of a logistic regression the curvature of each class is taken by
    itself.

    A level between units of equal score is named by `keep` only.

    References
    ----------
    .. [1] B. Hassibi, D. G. Stork, "Second order derivatives for network pruning: optimal
       brain surgeon", NIPS 1992.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from skprune import LinearPruner
    >>> X, y = load_diabetes(return_X_y=True)
    >>> pruner = LinearPruner(LinearRegression(), keep=4).fit(X, y)
    >>> pruner.estimator_.coef_.round()
    array([   0.,    0.,  606.,  271., -207.,    0.,    0.,    0.,  646.,    0.])
    >>> pruner.path_.units
    array([10,  9,  8,  7,  6,  5,  4,  3,  2,  1])
    """

    counts: ClassVar[str] = "weights"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseModelPruner._parameter_constraints,
        "criterion": [StrOptions(set(CRITERIA))],
        "unit": [StrOptions({"weight", "feature"})],
        "recovery": [StrOptions({"refit"}), None],
        "groups": [list, tuple, dict, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        criterion="obs",
        unit="weight",
        keep=None,
        threshold=None,
        recovery="refit",
        groups=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.criterion = criterion
        self.unit = unit
        self.keep = keep
        self.threshold = threshold
        self.recovery = recovery
        self.groups = groups
        self.random_state = random_state

    def _check_model(self, model):
        surgeon_type(model, LINEAR_SURGEONS)

    def _needs_rows(self):
        return self.recovery is not None or self.criterion not in WITHOUT_ROWS

    def _resolve_validation(self):
        return "train"  # curvature and refits are those of the fit

    def _prune_model(self, model, rows):
        surgeon = surgeon_for(model)
        objective: Any = None if rows is None else objective_for(surgeon, rows)
        coef, by_column = surgeon.coef, self.unit == "feature"
        units, refits = self._read_units(model, coef), self.recovery is not None
        if refits and not (by_column or objective.holds_weights or objective.can_split):
            msg = (
                f"{type(model).__name__} fits all of its {len(coef)} outputs together, and cannot "
                "be fitted anew with zeros for some of them only. Set unit='feature' or "
                "recovery=None."
            )
            raise InputError(msg)
        if self.criterion in BY_CURVATURE:
            _check_width(surgeon.columns.size, len(coef), self.criterion, by_column=by_column)
        if self.criterion == "obs":
            remove = _columns_by_removal if by_column else _weights_by_removal
            order, scores = _in_rounds(remove, objective, units)
        else:
            worth = self._worth(objective, coef)
            order, scores = _by_score(worth.sum(axis=0) if by_column else worth, coef, units)
        return LinearPath(surgeon, units, order, scores, objective=objective if refits else None)

    def _read_units(self, model, coef):
        """Return the unit of each column, or of each flattened coefficient."""
        if self.unit == "weight":
            if self.groups is not None:
                reason = "groups are of columns, and unit='weight' removes coefficients"
                self._warn_of_idle("groups", reason, stacklevel=5)
            return np.arange(coef.size)
        return units_of(self.groups, getattr(model, "feature_names_in_", None), coef.shape[1])

    def _worth(self, objective, coef):
        """Return what each coefficient is worth by itself; shape (n_outputs, n_features)."""
        if self.criterion == "random":
            return check_random_state(self.random_state).uniform(size=coef.shape)
        if self.criterion == "magnitude":
            return np.abs(coef)
        if self.criterion in {"wald", "l1"}:
            judge = {"wald": _wald, "l1": _highest_penalty}[self.criterion]
            return judge(objective, coef)
        if self.criterion == "gradient":
            squares = objective.weight[:, np.newaxis] * objective.slopes() ** 2
            return coef**2 * (_squared(objective.X).T @ squares).T
        total = objective.weight.sum()
        mean = objective.X.T @ objective.weight / total
        square = _squared(objective.X).T @ objective.weight / total
        return np.abs(coef) * np.sqrt(np.maximum(square - mean**2, 0.0))

    def _make_report(self, path, index):
        return path.report(index)


def _check_width(n_columns, n_outputs, criterion, *, by_column):
    n_cells = n_columns**2 * (n_outputs if by_column else 1)
    if n_columns <= MAX_COLUMNS and n_cells <= MAX_CELLS:
        return
    msg = (
        f"criterion={criterion!r} was given, but {n_columns} columns have a coefficient: a matrix "
        f"of columns by columns is built for at most {MAX_COLUMNS} of them, and for all outputs "
        f"together if unit='feature'. Use criterion='scaled_magnitude', 'gradient' or "
        "'magnitude', which recovery='refit' makes up for."
    )
    raise InputError(msg)


def _in_rounds(remove, objective, units):
    """Order units by removal; where curvature changes, half of them at a time.

    The curvature at the whole model says little about a model that has lost most of its
    coefficients: whenever half of them have gone, the others are fitted anew, and theirs is
    taken. Squared loss has one for all, and takes one round.
    """
    coef, floor = objective.coef, 0.0
    by_column = remove is _columns_by_removal
    alive = (coef != 0).any(axis=0) if by_column else (coef != 0).ravel()
    orders, scores = [], np.zeros(alive.shape)
    while alive.any():
        order, worth = remove(objective, coef, units)
        # A refit may leave a zero, which is then the next to go.
        order = np.concatenate([np.setdiff1d(units[alive], order), order])
        stays = len(order) // 2 if objective.bends and len(order) > FEW else 0
        orders.append(order[: len(order) - stays])
        gone = alive & np.isin(units, orders[-1])
        scores[gone] = np.maximum(worth.ravel()[gone], floor)
        floor = scores.max()
        alive &= ~gone
        if alive.any():
            mask = (coef != 0) & alive.reshape(-1, coef.shape[1])
            objective = objective.moved(*objective.refit(mask))
            coef = objective.coef
    order = np.concatenate(orders) if orders else np.empty(0, dtype=np.intp)
    return order, scores if by_column else scores.reshape(coef.shape)


def _columns_by_removal(objective, coef, units):
    """Return the order in which groups of columns go, and the scores of all columns."""
    scores = np.zeros(coef.shape[1])
    columns = np.flatnonzero((coef != 0).any(axis=0))
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


def _weights_by_removal(objective, coef, units):  # noqa: ARG001 - each is its own
    """Return the order in which coefficients go, and their scores."""
    alone, places = [], []
    scores = np.zeros(coef.shape)
    for output, weights in enumerate(coef):
        columns = np.flatnonzero(weights)
        if not columns.size:
            continue
        hessian = _steady(objective.hessian(output, columns))
        alone.append(eliminate(hessian[np.newaxis], weights[np.newaxis, columns, np.newaxis]))
        places.append(output * coef.shape[1] + columns)
        scores[output, columns[alone[-1].order]] = np.maximum.accumulate(alone[-1].cost)
    if not alone:
        return np.empty(0, dtype=np.intp), scores
    model, unit = merge_orders(alone)
    starts = np.cumsum([0, *map(len, places[:-1])])
    return np.concatenate(places)[starts[model] + unit], scores


def _by_score(worth, coef, units):
    """Return the units that have a coefficient by their best score, and the scores of all."""
    alive = (coef != 0).ravel() if worth.ndim == 2 else (coef != 0).any(axis=0)
    best = np.full(units.max() + 1, -np.inf)
    np.maximum.at(best, units[alive], worth.ravel()[alive])
    there = np.unique(units[alive])
    scores = np.where(alive, best[units], 0.0).reshape(worth.shape)
    return there[np.argsort(best[there], kind="stable")], scores


def _wald(objective, coef):
    """Return the squared coefficient over its variance, per coefficient."""
    found = np.zeros(coef.shape)
    for output, weights in enumerate(coef):
        columns = np.flatnonzero(weights)
        if columns.size:
            factor = cho_factor(_steady(objective.hessian(output, columns)), lower=True)
            variance = cho_solve(factor, np.eye(len(columns))).diagonal()
            found[output, columns] = weights[columns] ** 2 / variance
    return found / objective.noise()[:, np.newaxis]


def _highest_penalty(objective, coef):
    """Return the highest L1 penalty under which each coefficient is not zero.

    The loss is its curvature at the whole model, the columns are of one curvature.
    """
    found = np.zeros(coef.shape)
    for output, weights in enumerate(coef):
        columns = np.flatnonzero(weights)
        if not columns.size:
            continue
        hessian = _steady(objective.hessian(output, columns))
        scale = np.sqrt(hessian.diagonal())
        hessian = hessian / np.outer(scale, scale)
        pull = hessian @ (weights[columns] * scale)
        alphas, _, path = lars_path_gram(pull, hessian, n_samples=1, method="lasso")
        # A knot has the coefficients down to it: what is not zero there came in above.
        seen = np.append((path[:, 1:] != 0), np.ones((len(columns), 1), bool), axis=1)
        found[output, columns] = alphas[np.minimum(seen.argmax(axis=1), len(alphas) - 1)]
    return found


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


def _squared(X):
    return X**2 if isinstance(X, np.ndarray) else X.power(2)
