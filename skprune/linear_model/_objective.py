"""The objective that a linear model minimises: its gradient and its curvature."""

import copy
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import validate_data

from skprune._compat import rows_of
from skprune.base._rows import refuse_huge
from skprune.base._targets import samples_missing, targets_for_model
from skprune.linear_model._losses import loss_of
from skprune.solvers.least_squares import moments, sums_of_squares
from skprune.solvers.linear_losses import Squared

# With more features no Hessian is built, only its diagonal.
MAX_COLUMNS = 2000
# Where data are nearly separable, the log-loss keeps less than this share of the curvature of
# the model without features, too little to estimate the cost of a removal. An L2 penalty of a
# share of that curvature replaces it.
MIN_CURVATURE = 0.1
EXTRA_PENALTY = 0.1


class Products(NamedTuple):
    """The products of some features, from which least squares is solved.

    Attributes
    ----------
    columns : ndarray of int
        Indices of the features.
    gram : ndarray of shape (n_columns, n_columns)
        Their products, centred if there is an intercept.
    cross : ndarray of shape (n_columns, n_outputs)
        Their products with the targets.
    mean : ndarray of shape (n_columns,)
        Their means; zeros without an intercept.
    target_mean : ndarray of shape (n_outputs,)
        The means of the targets; zeros without an intercept.
    """

    columns: Any
    gram: Any
    cross: Any
    mean: Any
    target_mean: Any


class Objective:
    """The objective of a linear model, summed loss plus L2 penalty, at its coefficients.

    Parameters
    ----------
    surgeon : LinearSurgeon
        Reader of the whole model.
    rows : ValidationData
        The samples that it was fitted on, held by reference. Those with labels that the model
        does not know are left out.

    Attributes
    ----------
    surgeon : LinearSurgeon
        As given.
    model : fitted estimator
        The whole model.
    coef : ndarray of shape (n_outputs, n_features)
        Coefficients.
    intercept : ndarray of shape (n_outputs,)
        Intercepts.
    X : ndarray or sparse matrix of shape (n_samples, n_features)
        The samples, in float64.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Their targets, as given.
    target : ndarray of shape (n_samples, n_outputs)
        Their targets as numbers: of classes 1 and -1.
    codes : ndarray of int, shape (n_samples,)
        The class code of each sample, for classifiers with one label per sample.
    sample_weight : ndarray of shape (n_samples,) or None
        The sample weights as given.
    weight : ndarray of shape (n_samples,)
        Those weights times those of classes.
    penalty : ndarray of shape (n_outputs, n_features)
        ``alpha`` of ``sum(loss) + alpha / 2 * coef**2``.
    """

    def __init__(self, surgeon, rows):
        self.surgeon = surgeon
        model = self.model = surgeon.model
        self.coef, self.intercept = surgeon.coef, surgeon.intercept
        self.X = validate_data(model, rows.X, reset=False, accept_sparse="csr", dtype=np.float64)
        refuse_huge(self.X)
        self.y = np.asarray(rows.y)
        multilabel = is_classifier(model) and self.y.ndim == 2 and self.y.shape[1] > 1
        targets = targets_for_model(
            model,
            self.X,
            rows.y,
            rows.sample_weight,
            f"Pruning {type(model).__name__}",
            n_outputs=len(self.coef),
            multilabel=multilabel,
        )
        self.target, self.weight = targets.values, targets.weight
        self.sample_weight = None if rows.sample_weight is None else self.weight
        self.has_intercept = bool(getattr(model, "fit_intercept", True))
        self.loss = loss_of(surgeon)
        if multilabel:
            self.target = 2 * self.target - 1
        elif is_classifier(model):
            self._read_classes(targets.known[:, 0])
        penalty = np.reshape(surgeon.l2_penalty(self.weight), (-1, 1))
        self.penalty = np.broadcast_to(penalty, self.coef.shape)

    def _read_classes(self, known):
        """Turn class codes into numbers, and weights of classes into weights of samples."""
        self.y, self.codes = self.y.ravel(), self.target[:, 0]
        if not known.all():
            self.X, self.y, self.codes = (rows_of(a, known) for a in (self.X, self.y, self.codes))
            self.weight = self.weight[known]
            self.sample_weight = rows_of(self.sample_weight, known)
        if not self.weight.any():
            raise samples_missing(len(known), labels=True)
        class_weight = getattr(self.model, "class_weight", None)
        if class_weight is not None:
            self.weight = self.weight * self._class_weights(class_weight)[self.codes]
        n_outputs = len(self.coef)
        positive = np.arange(n_outputs) if n_outputs > 1 else np.ones(1, dtype=int)
        self.target = np.where(np.equal.outer(self.codes, positive), 1.0, -1.0)

    def _class_weights(self, given):
        """Return the weight of each class, as the fit of the model computes it."""
        classes = self.model.classes_
        if isinstance(given, dict):
            return np.array([given.get(label, 1.0) for label in classes.tolist()])
        # Only some models count sample weights when they balance classes.
        weight = self.weight if self.surgeon.balances_by_weight else None
        seen = np.unique(self.codes)
        found = np.ones(len(classes))
        # A class whose samples have no weight gets infinity, and a sample of it NaN for a weight.
        with np.errstate(divide="ignore"):
            found[seen] = compute_class_weight(
                given, classes=seen, y=self.codes, sample_weight=weight
            )
        return np.where(np.isfinite(found), found, 1.0)

    def at(self, coef, intercept):
        """Return the same objective at other coefficients."""
        twin = copy.copy(self)
        for name in ("raw", "curvature", "columns", "products"):
            twin.__dict__.pop(name, None)
        twin.coef, twin.intercept = coef, intercept
        return twin

    def regularized(self):
        """Return the log-loss with a stronger L2 penalty, where data are nearly separable.

        Where probabilities are close to 0 or 1 the log-loss lacks the curvature from which
        the cost of a removal is estimated. O(cells of X).

        Returns
        -------
        Objective
            At the same coefficients, with a penalty for each feature of at least
            `EXTRA_PENALTY` of the curvature that it has in the model without features. This
            one itself if it has enough curvature, or that much of a penalty.
        """
        total = self.weight.sum()
        share = self.weight @ (self.target > 0) / total
        null = (share * (1 - share)).mean()
        curvature = self.weight @ self.loss.hessian(self.raw, self.target, self.weight) / total
        if curvature.mean() >= MIN_CURVATURE * null:
            return self
        spread = sums_of_squares(self.X, self.weight[:, np.newaxis], center=self.has_intercept)[
            :, 0
        ]
        penalty = np.maximum(self.penalty, EXTRA_PENALTY * null * spread)
        if (penalty == self.penalty).all():
            return self
        twin = self.at(self.coef, self.intercept)
        twin.penalty = penalty
        return twin

    @property
    def is_quadratic(self):
        """Whether the loss is the squared error, of the same curvature everywhere."""
        return type(self.loss) is Squared

    @property
    def shares_curvature(self):
        """Whether all outputs have the same Hessian."""
        return self.is_quadratic and bool((self.penalty == self.penalty[0]).all())

    @cached_property
    def columns(self):
        """Features with a coefficient; ndarray of int."""
        return np.flatnonzero((self.coef != 0).any(axis=0))

    @cached_property
    def raw(self):
        """Raw predictions; ndarray of shape (n_samples, n_outputs)."""
        return self.X @ self.coef.T + self.intercept

    def gradient(self):
        """Return the gradient of each sample's loss; shape (n_samples, n_outputs)."""
        return self.loss.gradient(self.raw, self.target)

    @cached_property
    def curvature(self):
        """Weighted second derivative of each sample's loss; shape (n_samples, n_outputs)."""
        weight = self.weight[:, np.newaxis]
        found = weight * self.loss.hessian(self.raw, self.target, self.weight)
        # Where the loss of no sample has any curvature, all samples count alike.
        return np.where(found.any(axis=0), found, weight)

    def dispersion(self):
        """Return the residual variance; 1 for losses with a fixed dispersion."""
        n_outputs = len(self.coef)
        if not self.is_quadratic:
            return np.ones(n_outputs)
        residual = self.weight @ self.gradient() ** 2
        free = self.weight.sum() - self.has_intercept - (self.coef != 0).sum(axis=1)
        variance = residual / np.maximum(free, 1.0)
        return np.where(variance > 0, variance, 1.0)

    def hessian(self, output, columns):
        """Return the Hessian of one output, minimised over the intercept.

        Parameters
        ----------
        output : int
            Row of the coefficients.
        columns : ndarray of int
            Features with a coefficient.

        Returns
        -------
        ndarray of shape (n_columns, n_columns)
            O(n_samples * n_columns^2).
        """
        if self.is_quadratic and len(self.columns) <= MAX_COLUMNS:
            place = np.searchsorted(self.columns, columns)
            found = self.products.gram[np.ix_(place, place)]
        else:
            weight = self.curvature[:, output]
            found = moments(self._part(columns), weight, center=self.has_intercept)[0]
        found[np.diag_indices_from(found)] += self.penalty[output, columns]
        return found

    def _part(self, columns):
        """Return some features of the samples, of which all are not copied."""
        return self.X if len(columns) == self.X.shape[1] else self.X[:, columns]

    def diagonals(self):
        """Return the diagonals of the Hessians; shape (n_outputs, n_features), O(cells of X)."""
        found = sums_of_squares(self.X, self.curvature, center=self.has_intercept)
        return found.T + self.penalty

    @cached_property
    def products(self):
        """The products of all features with a coefficient."""
        return self.products_of(self.columns)

    def products_of(self, columns):
        """Compute the products of some features and the targets; O(n_samples * n_columns^2).

        Parameters
        ----------
        columns : ndarray of int
            The features.

        Returns
        -------
        Products
            Of this call.
        """
        X, weight = self._part(columns), self.weight
        gram, mean = moments(X, weight, center=self.has_intercept)
        target_mean = np.zeros(self.target.shape[1])
        if self.has_intercept:
            target_mean = weight @ self.target / weight.sum()
        # The target is centred, so that the features need not be.
        cross = X.T @ (weight[:, np.newaxis] * (self.target - target_mean))
        return Products(columns, gram, cross, mean, target_mean)
