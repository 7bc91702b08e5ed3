"""The objective of a linear model on its rows: its curvature and its slopes."""

import copy
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import validate_data

from skprune._compat import check_sample_weight, rows_of
from skprune.arrays.labels import codes_of
from skprune.base._rows import nothing_known
from skprune.exceptions import InputError
from skprune.linear_model._loss_and_penalty import loss_of, penalty_of
from skprune.solvers.least_squares import moments, sums_of_squares
from skprune.solvers.linear_losses import Squared

# Above so many columns no matrix of columns by columns is built.
MAX_COLUMNS = 2000
# A log-loss with a smaller share of the curvature of a model without columns says little of
# what a removal costs; a penalty of so much of that curvature makes it bend again.
SURE = 0.1
FIRM = 0.1


class Products(NamedTuple):
    """The products of some columns, from which squared loss is minimised.

    Attributes
    ----------
    columns : ndarray of int
        Columns of the table.
    gram : ndarray of shape (n_columns, n_columns)
        Their products, centred if there is an intercept.
    pull : ndarray of shape (n_columns, n_outputs)
        Their products with the targets.
    mean : ndarray of shape (n_columns,)
        Their means; zeros without an intercept.
    level : ndarray of shape (n_outputs,)
        The means of the targets; zeros without an intercept.
    """

    columns: Any
    gram: Any
    pull: Any
    mean: Any
    level: Any


class Objective:
    """The loss of a linear model on its rows, near its coefficients, and its ridge.

    Parameters
    ----------
    surgeon : LinearSurgeon
        Reader of the whole model.
    rows : ChoosingRows
        The rows that it was fitted on, held by reference. Those of classes that the model
        does not know say nothing about it, and are left out.

    Attributes
    ----------
    model : fitted estimator
        The whole model.
    coef : ndarray of shape (n_outputs, n_features)
        Coefficients.
    intercept : ndarray of shape (n_outputs,)
        Intercepts.
    X : ndarray or sparse matrix of shape (n_rows, n_features)
        The rows, in float64.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Their targets, as given.
    target : ndarray of shape (n_rows, n_outputs)
        Their targets as numbers: of classes 1 and -1.
    codes : ndarray of int, shape (n_rows,)
        The class of each row, for classifiers with one label per row.
    sample_weight : ndarray of shape (n_rows,) or None
        The weights of rows as given.
    weight : ndarray of shape (n_rows,)
        Those weights times those of classes.
    penalty : ndarray of shape (n_outputs, n_features)
        Half of it multiplies the squared coefficients, beside a loss summed over rows.
    """

    def __init__(self, surgeon, rows):
        model = self.model = surgeon.model
        if rows.y is None:
            msg = f"{type(model).__name__} is pruned by its targets. Give fit a y."
            raise InputError(msg)
        self.coef, self.intercept = surgeon.coef, surgeon.intercept
        self.X = validate_data(model, rows.X, reset=False, accept_sparse="csr", dtype=np.float64)
        self.weight = check_sample_weight(rows.sample_weight, self.X, dtype=np.float64)
        self.sample_weight = None if rows.sample_weight is None else self.weight
        self.y = np.asarray(rows.y)
        self.has_intercept = bool(getattr(model, "fit_intercept", True))
        self.loss = loss_of(model)
        if is_classifier(model):
            self._read_classes()
        else:
            y = self.y.reshape(len(self.y), -1)
            self.target = check_array(y, dtype=np.float64, input_name="y")
        penalty = np.reshape(penalty_of(model, self.weight), (-1, 1))
        self.penalty = np.broadcast_to(penalty, self.coef.shape)

    def _read_classes(self):
        """Turn classes into numbers, and their weights into weights of rows."""
        if self.y.ndim == 2 and self.y.shape[1] > 1:  # several labels per row
            self.target = 2 * self.y.astype(np.float64) - 1
            return
        self.y = self.y.ravel()
        self.codes = codes_of(self.model.classes_, self.y)
        known = self.codes >= 0
        if not known.all():
            self.X, self.y, self.codes = (rows_of(a, known) for a in (self.X, self.y, self.codes))
            self.weight = self.weight[known]
            self.sample_weight = rows_of(self.sample_weight, known)
        if not self.weight.any():
            raise nothing_known(len(known))
        given = getattr(self.model, "class_weight", None)
        if given is not None:
            self.weight = self.weight * self._class_weights(given)[self.codes]
        n_outputs = len(self.coef)
        named = np.arange(n_outputs) if n_outputs > 1 else np.ones(1, dtype=int)
        self.target = np.where(np.equal.outer(self.codes, named), 1.0, -1.0)

    def _class_weights(self, given):
        """Return the weight of each class, as the model's own fit finds it."""
        classes = self.model.classes_
        if isinstance(given, dict):
            return np.array([given.get(label, 1.0) for label in classes.tolist()])
        # Only some models count the weights of rows when they balance classes.
        counts = isinstance(self.model, LogisticRegression | LinearSVC)
        seen = np.unique(self.codes)
        found = np.ones(len(classes))
        found[seen] = compute_class_weight(
            given, classes=seen, y=self.codes, sample_weight=self.weight if counts else None
        )
        return found

    def moved(self, coef, intercept):
        """Return the same objective, looked at from other coefficients."""
        twin = copy.copy(self)
        for name in ("raw", "curvature", "columns", "products"):
            twin.__dict__.pop(name, None)
        twin.coef, twin.intercept = coef, intercept
        return twin

    def firmer(self):
        """Return the log-loss under a penalty that keeps a model from being sure of its rows.

        Probabilities near 0 and 1 leave the log-loss without the curvature that tells what
        the removal of a unit costs. O(cells of X).

        Returns
        -------
        Objective
            At the same coefficients, with a penalty for each column of at least a share of
            the curvature that it has in a model without columns. This one itself if it has
            curvature left, or that much of a penalty.
        """
        total = self.weight.sum()
        share = self.weight @ (self.target > 0) / total
        null = (share * (1 - share)).mean()
        bends = self.weight @ self.loss.hessian(self.raw, self.target, self.weight) / total
        if bends.mean() >= SURE * null:
            return self
        spread = sums_of_squares(self.X, self.weight[:, np.newaxis], center=self.has_intercept)[
            :, 0
        ]
        penalty = np.maximum(self.penalty, FIRM * null * spread)
        if (penalty == self.penalty).all():
            return self
        twin = self.moved(self.coef, self.intercept)
        twin.penalty = penalty
        return twin

    @property
    def is_flat(self):
        """Whether the loss is squared: of the same curvature everywhere."""
        return type(self.loss) is Squared

    @property
    def shares_curvature(self):
        """Whether all outputs have the same Hessian."""
        return self.is_flat and bool((self.penalty == self.penalty[0]).all())

    @cached_property
    def columns(self):
        """Columns with a coefficient; ndarray of int."""
        return np.flatnonzero((self.coef != 0).any(axis=0))

    @cached_property
    def raw(self):
        """Scores of the rows; ndarray of shape (n_rows, n_outputs)."""
        return self.X @ self.coef.T + self.intercept

    def slopes(self):
        """Return the derivative of each row's loss in its scores; shape (n_rows, n_outputs)."""
        return self.loss.gradient(self.raw, self.target)

    @cached_property
    def curvature(self):
        """Weighted second derivative of each row's loss; shape (n_rows, n_outputs)."""
        weight = self.weight[:, np.newaxis]
        found = weight * self.loss.hessian(self.raw, self.target, self.weight)
        # Where no row is near enough to bend the loss, all of them stand in.
        return np.where(found.any(axis=0), found, weight)

    def noise(self):
        """Return the variance of what a model leaves over; 1 where the loss knows it."""
        n_outputs = len(self.coef)
        if not self.is_flat:
            return np.ones(n_outputs)
        left = self.weight @ self.slopes() ** 2
        free = self.weight.sum() - self.has_intercept - (self.coef != 0).sum(axis=1)
        variance = left / np.maximum(free, 1.0)
        return np.where(variance > 0, variance, 1.0)

    def hessian(self, output, columns):
        """Return the curvature of the loss of one output, with the intercept at its best.

        Parameters
        ----------
        output : int
            Row of the coefficients.
        columns : ndarray of int
            Columns of the table, with a coefficient.

        Returns
        -------
        ndarray of shape (n_columns, n_columns)
            O(n_rows * n_columns^2).
        """
        if self.is_flat and len(self.columns) <= MAX_COLUMNS:
            place = np.searchsorted(self.columns, columns)
            found = self.products.gram[np.ix_(place, place)]
        else:
            weight = self.curvature[:, output]
            found = moments(self.X[:, columns], weight, center=self.has_intercept)[0]
        found[np.diag_indices_from(found)] += self.penalty[output, columns]
        return found

    def diagonals(self):
        """Return the diagonals of the Hessians; shape (n_outputs, n_features), O(cells of X)."""
        found = sums_of_squares(self.X, self.curvature, center=self.has_intercept)
        return found.T + self.penalty

    @cached_property
    def products(self):
        """The products of all columns with a coefficient."""
        return self.products_of(self.columns)

    def products_of(self, columns):
        """Return the products of some columns and targets; O(n_rows * n_columns^2).

        Parameters
        ----------
        columns : ndarray of int
            Columns of the table.

        Returns
        -------
        Products
            Computed afresh.
        """
        X, weight = self.X[:, columns], self.weight
        gram, mean = moments(X, weight, center=self.has_intercept)
        level = np.zeros(self.target.shape[1])
        if self.has_intercept:
            level = weight @ self.target / weight.sum()
        # The target is centred, and sums to zero with any mean of a column.
        pull = X.T @ (weight[:, np.newaxis] * (self.target - level))
        return Products(columns, gram, pull, mean, level)
