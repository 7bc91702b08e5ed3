"""What a linear model minimised: its curvature at the whole model, and the best refit."""

import copy
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import clone, is_classifier
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    GammaRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    OrthogonalMatchingPursuit,
    Perceptron,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import has_fit_parameter, validate_data

from skprune._compat import check_sample_weight
from skprune.exceptions import InputError
from skprune.solvers import masked_logistic
from skprune.solvers.least_squares import moments, solve_on
from skprune.surgery.trees import codes_of

# Above so many columns no matrix of columns by columns is built.
MAX_COLUMNS = 2000

LEAST_SQUARES = (
    LinearRegression,
    OrthogonalMatchingPursuit,
    Ridge,
    RidgeCV,
    RidgeClassifier,
    RidgeClassifierCV,
)
LOGISTIC = (LogisticRegression, LogisticRegressionCV)
GLMS = (PoissonRegressor, GammaRegressor, TweedieRegressor)
# A model per class against the rest, which can be fitted one by one.
ONE_VS_REST = (LinearSVC, SGDClassifier, Perceptron)


def objective_for(surgeon, rows):
    """Return the objective of a fitted model.

    Parameters
    ----------
    surgeon : LinearSurgeon
        Reader of the whole model.
    rows : ChoosingRows
        The rows that it was fitted on.

    Returns
    -------
    Objective
        Holds the rows by reference.
    """
    model = surgeon.model
    if isinstance(model, LEAST_SQUARES) and not getattr(model, "positive", False):
        return LeastSquares(surgeon, rows)
    if isinstance(model, LOGISTIC) and _is_smooth(model):
        return Logistic(surgeon, rows)
    return Objective(surgeon, rows)


class Objective:
    """The objective of any linear model; a refit is a fit of a clone on fewer columns.

    Parameters
    ----------
    surgeon : LinearSurgeon
        Reader of the whole model.
    rows : ChoosingRows
        The rows that it was fitted on.

    Attributes
    ----------
    X : ndarray or sparse matrix of shape (n_rows, n_features)
        The rows, in float64.
    weight : ndarray of shape (n_rows,)
        Their weights, those of classes among them.
    penalty : ndarray of shape (n_outputs,)
        Half of it multiplies the squared coefficients, beside a loss summed over rows.
    """

    # Whether a refit can hold single coefficients at zero, for some outputs only.
    holds_weights = False
    # Whether a refit has another curvature, and is cheap enough to look at it.
    bends = False

    def __init__(self, surgeon, rows):
        model = self.model = surgeon.model
        if rows.y is None:
            msg = f"{type(model).__name__} is pruned by its targets. Give fit a y."
            raise InputError(msg)
        self.coef, self.intercept = surgeon.coef, surgeon.intercept
        self.X = validate_data(model, rows.X, reset=False, accept_sparse="csr", dtype=np.float64)
        self.sample_weight = rows.sample_weight
        self.weight = check_sample_weight(rows.sample_weight, self.X, dtype=np.float64)
        self.y = np.asarray(rows.y)
        self.has_intercept = bool(getattr(model, "fit_intercept", True))
        self._read_targets()
        penalty = _penalty(model, self.weight.sum())
        self.penalty = np.broadcast_to(np.ravel(penalty), len(self.coef))

    def _read_targets(self):
        """Turn targets into numbers, and weights of classes into weights of rows."""
        if not is_classifier(self.model):
            self.target = check_array(
                self.y.reshape(len(self.y), -1), dtype=np.float64, input_name="y"
            )
            return
        classes = self.model.classes_
        if self.y.ndim == 2 and self.y.shape[1] > 1:  # several labels per row
            self.codes, self.target = np.zeros(len(self.y), int), self.y.astype(np.float64)
            return
        self.y = self.y.ravel()
        self.codes = codes_of(classes, self.y)
        given = getattr(self.model, "class_weight", None)
        known = self.codes >= 0
        if given is not None:
            found = compute_class_weight(
                given, classes=classes, y=self.y[known], sample_weight=self.weight[known]
            )
            self.weight = self.weight * np.where(known, found[self.codes], 0.0)
        # A class that the model does not know says nothing about it.
        self.weight = np.where(known, self.weight, 0.0)
        self.codes = np.where(known, self.codes, 0)
        if not self.weight.any():
            msg = (
                f"None of the n_samples={len(known)} rows has a positive weight and a class that "
                "the model knows. Give other rows."
            )
            raise InputError(msg)
        n_outputs = len(self.coef)
        named = np.arange(n_outputs) if n_outputs > 1 else np.ones(1, dtype=int)
        self.target = np.equal.outer(self.codes, named).astype(np.float64)

    @property
    def shares_curvature(self):
        """Whether all outputs have the same Hessian."""
        return self._is_flat and bool((self.penalty == self.penalty[0]).all())

    def noise(self):
        """Return the variance of what a model leaves over; 1 where the loss knows it."""
        n_outputs = len(self.coef)
        if not self._is_flat:
            return np.ones(n_outputs)
        left = self.weight @ (self.answers() - self.target) ** 2
        free = self.weight.sum() - self.has_intercept - (self.coef != 0).sum(axis=1)
        variance = left / np.maximum(free, 1.0)
        return np.where(variance > 0, variance, 1.0)

    def raw(self):
        """Return the scores of the whole model; ndarray of shape (n_rows, n_outputs)."""
        return self.X @ self.coef.T + self.intercept

    def answers(self):
        """Return means or probabilities of the whole model; shape (n_rows, n_outputs)."""
        if is_classifier(self.model):
            return expit(self.raw())
        return np.exp(self.raw()) if self._has_log_link else self.raw()

    @property
    def _has_log_link(self):
        model = self.model
        if not isinstance(model, GLMS):
            return False
        if not isinstance(model, TweedieRegressor):
            return True
        return model.link == "log" or (model.link == "auto" and model.power > 0)

    def curvature(self, output):
        """Return the second derivative of each row's loss in its score; shape (n_rows,)."""
        if not self._is_flat:
            answer = self.answers()[:, output]
            if is_classifier(self.model):
                return self.weight * answer * (1 - answer)
            power = 1 if isinstance(self.model, PoissonRegressor) else 2
            power = getattr(self.model, "power", power)
            inner = answer**2 if self._has_log_link else 1.0
            return self.weight * inner / answer**power
        return self.weight

    @property
    def _is_flat(self):
        """Whether the loss is squared, or taken to be: of the same curvature everywhere."""
        if isinstance(self.model, LEAST_SQUARES):
            return True
        return not (is_classifier(self.model) or isinstance(self.model, GLMS))

    def hessian(self, output, columns):
        """Return the curvature of the loss of one output, with the intercept at its best.

        Parameters
        ----------
        output : int
            Row of the coefficients.
        columns : ndarray of int
            Columns of the table.

        Returns
        -------
        ndarray of shape (n_columns, n_columns)
            O(n_rows * n_columns^2).
        """
        weight = self.curvature(output)
        found = moments(self.X[:, columns], weight, center=self.has_intercept)[0]
        found[np.diag_indices_from(found)] += self.penalty[output]
        return found

    def moved(self, coef, intercept):
        """Return the same objective, looked at from other coefficients."""
        twin = copy.copy(self)
        twin.coef, twin.intercept = coef, intercept
        return twin

    def slopes(self):
        """Return the derivative of each row's loss in its scores; shape (n_rows, n_outputs)."""
        return self.answers() - self.target

    def refit(self, mask):
        """Fit what is not masked, with the same loss and the same penalty.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_outputs, n_features)
            Coefficients that may differ from zero.

        Returns
        -------
        coef : ndarray of shape (n_outputs, n_features)
            Exactly zero where masked.
        intercept : ndarray of shape (n_outputs,)
            Intercepts.
        """
        kept = mask.any(axis=0)
        if (mask == kept).all() or not self.can_split:
            return self._fit(kept, self.y, self.sample_weight, self.model)
        coef, intercept = np.zeros(mask.shape), np.zeros(len(mask))
        alone = clone(self.model)
        if "class_weight" in alone.get_params():
            alone.set_params(class_weight=None)
        for output, kept in enumerate(mask):
            y = np.equal(self.codes, output).astype(int)
            if kept.any():
                found = self._fit(kept, y, self.weight, alone)
                coef[output], intercept[output] = found[0][0], found[1][0]
            else:  # no row is told from another: the sign of the more frequent answer
                share = np.average(y, weights=self.weight)
                intercept[output] = 1.0 if share > 0.5 else -1.0
        return coef, intercept

    @property
    def can_split(self):
        """Whether each output can be fitted by itself."""
        return len(self.coef) == 1 or isinstance(self.model, ONE_VS_REST)

    def _fit(self, kept, y, weight, model):
        small = _with_fixed_penalty(model)
        takes = weight is not None and has_fit_parameter(small, "sample_weight")
        small.fit(self.X[:, kept], y, **({"sample_weight": weight} if takes else {}))
        found = np.atleast_2d(small.coef_)
        coef = np.zeros((len(found), len(kept)))
        coef[:, kept] = found
        return coef, np.broadcast_to(np.ravel(small.intercept_), len(found)).copy()


class LeastSquares(Objective):
    """Squared loss, with or without a ridge: refits are exact, from one matrix."""

    holds_weights = True
    _gram = None

    def _read_targets(self):
        super()._read_targets()
        if is_classifier(self.model):
            self.target = 2 * self.target - 1

    def answers(self):
        """Return the scores of the whole model; shape (n_rows, n_outputs)."""
        return self.raw()

    @property
    def _columns(self):
        return np.flatnonzero((self.coef != 0).any(axis=0))

    def hessian(self, output, columns):
        """Return the curvature; see `Objective.hessian`. The products are those of refits."""
        place = np.searchsorted(self._columns, columns)
        found = self._products(self._columns)[0][np.ix_(place, place)]
        found[np.diag_indices_from(found)] += self.penalty[output]
        return found

    def refit(self, mask):
        """Fit what is not masked; see `Objective.refit`. O(n_kept^3) per output."""
        columns = self._columns
        coef, intercept = np.zeros(mask.shape), self.intercept.copy()
        for output, kept in enumerate(mask):
            if len(columns) > MAX_COLUMNS:
                coef[output], intercept[output] = self._fit_sparsely(output, kept)
                continue
            gram, pull, mean, level = self._products(columns)
            ridged = gram + self.penalty[output] * np.eye(len(columns))
            found = solve_on(ridged, pull[:, output], kept[columns])
            coef[output, columns] = found
            if self.has_intercept:
                intercept[output] = level[output] - mean @ found
        return coef, intercept

    def _products(self, columns):
        if self._gram is None:
            X, total = self.X[:, columns], self.weight.sum()
            gram, mean = moments(X, self.weight, center=self.has_intercept)
            level = np.zeros(self.target.shape[1])
            if self.has_intercept:
                level = self.weight @ self.target / total
            weighted = self.weight[:, np.newaxis] * (self.target - level)
            # The target is centred, and sums to zero with any mean of a column.
            self._gram = gram, X.T @ weighted, mean, level
        return self._gram

    def _fit_sparsely(self, output, kept):
        model = Ridge(alpha=self.penalty[output], fit_intercept=self.has_intercept, tol=1e-8)
        coef = np.zeros(len(kept))
        if kept.any():
            model.fit(self.X[:, kept], self.target[:, output], sample_weight=self.weight)
            coef[kept] = np.ravel(model.coef_)
            return coef, float(np.ravel(model.intercept_)[0]) if self.has_intercept else 0.0
        level = np.average(self.target[:, output], weights=self.weight)
        return coef, level if self.has_intercept else 0.0


class Logistic(Objective):
    """Log-loss with a ridge, of two classes or many: refits hold any weight at zero."""

    holds_weights = True
    bends = True

    def answers(self):
        """Return probabilities of the whole model; shape (n_rows, n_outputs)."""
        return masked_logistic.probabilities(self.raw())

    def refit(self, mask):
        """Fit what is not masked; see `Objective.refit`."""
        return masked_logistic.fit(
            self.X,
            self.codes,
            self.weight,
            self.penalty[0],
            mask,
            (self.coef, self.intercept),
            intercept=self.has_intercept,
        )


def _is_smooth(model):
    """Say whether a logistic model has the log-loss of all classes and no L1 penalty."""
    by_class = getattr(model, "multi_class", None) == "ovr" and len(model.classes_) > 2
    penalty = getattr(model, "penalty", "deprecated")
    if model.solver == "liblinear" or by_class or penalty == "l1":
        return False
    # The ratio speaks for scikit-learn from 1.8 on, and before for the elastic net only.
    return penalty in {"l2", None} or not any(map(bool, _ratios(model)))


def _ratios(model):
    found = getattr(model, "l1_ratio_", getattr(model, "l1_ratio", None))
    return [] if found is None else np.ravel(found).tolist()


def _penalty(model, total):
    """Return what half of multiplies the squared coefficients, beside a summed loss."""
    penalty: Any = 0.0
    if isinstance(model, LOGISTIC) and getattr(model, "penalty", "deprecated") is not None:
        penalty = 1 / np.ravel(getattr(model, "C_", getattr(model, "C", 1.0)))[0]
    elif isinstance(model, LinearSVC | LinearSVR):
        penalty = 1 / model.C
    elif isinstance(model, Ridge | RidgeCV | RidgeClassifier | RidgeClassifierCV):
        penalty = model.alpha_ if hasattr(model, "alpha_") else model.alpha
    elif isinstance(model, ElasticNet | ElasticNetCV):  # the lasso is one, of ratio 1
        alpha = getattr(model, "alpha_", getattr(model, "alpha", 0.0))
        penalty = alpha * (1 - (_ratios(model) or [1.0])[0]) * total
    elif isinstance(model, GLMS):
        penalty = model.alpha * total
    elif isinstance(model, SGDClassifier | SGDRegressor):
        share = {"l2": 1.0, "elasticnet": 1 - model.l1_ratio}.get(model.penalty, 0.0)
        penalty = model.alpha * share * total
    return penalty


def _with_fixed_penalty(model):
    """Return a clone that keeps the penalty which a cross-validation chose."""
    if not isinstance(model, LassoCV | ElasticNetCV):
        return clone(model)
    small = Lasso() if isinstance(model, LassoCV) else ElasticNet(l1_ratio=model.l1_ratio_)
    own = set(small.get_params()) - {"alpha", "l1_ratio", "precompute"}
    shared = {name: value for name, value in model.get_params().items() if name in own}
    return small.set_params(alpha=model.alpha_, **shared)
