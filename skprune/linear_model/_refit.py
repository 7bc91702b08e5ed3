"""Refits of a linear model: the best coefficients where some of them are zero."""

import copy
from functools import cached_property
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.linear_model import Ridge

from skprune._compat import fit_takes_weights
from skprune.base._rows import rows_left_behind
from skprune.exceptions import InputError
from skprune.linear_model._objective import MAX_COLUMNS
from skprune.linear_model._walk import NestedWalk
from skprune.solvers import masked_logistic
from skprune.solvers.least_squares import NestedSolver, root_of, solve_on

# Largest number of cells in the factors that are held for the levels of a path.
MAX_CELLS = 4_000_000


def refit_for(objective):
    """Return what refits a model, with the objective that it was fitted with.

    Parameters
    ----------
    objective : Objective
        That of the whole model.

    Returns
    -------
    ByClone
        Or its sibling `ByMask`, `ByProducts` or `ByRoot`.
    """
    surgeon = objective.surgeon
    if surgeon.is_least_squares:
        return ByProducts(objective)
    if surgeon.averages_squares and ByRoot.takes(objective):
        return ByRoot(objective)
    return ByMask(objective) if surgeon.is_multinomial else ByClone(objective)


class ByClone:
    """Fits a clone of the model to fewer features, separately for each output if need be.

    Parameters
    ----------
    objective : Objective
        That of the whole model; holds the training data.
    """

    # Whether "obs" refits between its rounds to recompute the curvature.
    renews = False

    def __init__(self, objective):
        self._objective = objective

    @property
    def takes_weights(self):
        """Whether coefficients can be held at zero for some outputs only."""
        objective = self._objective
        return len(objective.coef) == 1 or objective.surgeon.fits_outputs_apart

    def without_rows(self):
        """Return the part of this that is pickled."""
        return RowsLeftBehind()

    def follow(self, removed_at):
        """Prepare for the levels of a path.

        Parameters
        ----------
        removed_at : ndarray of int, shape (n_outputs, n_features)
            The first level without each coefficient; 0 for those that the model does not have.
        """

    def walker(self, removed_at):  # noqa: ARG002 - a hook
        """Return what refits levels of a path in turn, each with fewer coefficients.

        Parameters
        ----------
        removed_at : ndarray
            As of `follow`.

        Returns
        -------
        callable
            As this, but for the start. Results may differ by rounding.
        """
        return self

    def regularized(self):
        """Return the objective to order by, at its minimum, and its refit.

        Returns
        -------
        objective : Objective
            That of the whole model, or `Objective.regularized` of a log-loss.
        refit : ByClone
            Refits that objective.
        """
        return self._objective, self

    def __call__(self, mask, start=None):  # noqa: ARG002 - a clone does not start warm
        """Fit what is not masked, with the same loss and the same penalty.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_outputs, n_features)
            Coefficients that may differ from zero.
        start : tuple of ndarray, default=None
            Coefficients and intercepts to start from, for an intermediate fit that may be less
            exact than that of a level. Default: those of the whole model.

        Returns
        -------
        coef : ndarray of shape (n_outputs, n_features)
            Exactly zero where masked.
        intercept : ndarray of shape (n_outputs,)
            Intercepts.

        Raises
        ------
        InputError
            If there is no sample of a class that the model knows.
        """
        self._check_classes()
        objective, kept = self._objective, mask.any(axis=0)
        if (mask == kept).all() or not self.takes_weights:
            return self._fit(self._unfitted(), kept, objective.y, objective.sample_weight)
        coef, intercept = np.zeros(mask.shape), np.zeros(len(mask))
        for output, kept in enumerate(mask):
            if kept.any():
                found = self._fit(*self._alone(output, kept))
                coef[output], intercept[output] = found[0][0], found[1][0]
            elif objective.has_intercept:
                intercept[output] = self._constant(output)
        return coef, intercept

    def _unfitted(self):
        """Return an unfitted model with the penalty of the whole one."""
        return self._objective.surgeon.with_fixed_penalty()

    def _alone(self, output, kept):
        """Return the model, features, targets and weights of one output."""
        objective = self._objective
        small = self._unfitted()
        target = objective.target[:, output]
        if not hasattr(objective, "codes"):
            if np.ndim(getattr(small, "alpha", 0.0)):  # a penalty for each output
                small.set_params(alpha=objective.penalty[output, 0])
            return small, kept, target, objective.sample_weight
        if "class_weight" in small.get_params():
            small.set_params(class_weight=None)  # sample weights include them
        return small, kept, (target > 0).astype(int), objective.weight

    def _constant(self, output):
        """Return the intercept of an output without features."""
        objective = self._objective
        mean = np.average(objective.target[:, output], weights=objective.weight)
        # Without features all predictions are equal: those of the more frequent class.
        return np.where(mean > 0, 1.0, -1.0) if hasattr(objective, "codes") else mean

    def _fit(self, small, kept, y, weight):
        takes = weight is not None and fit_takes_weights(small)
        small.fit(self._objective.X[:, kept], y, **({"sample_weight": weight} if takes else {}))
        found = np.atleast_2d(small.coef_)
        coef = np.zeros((len(found), len(kept)))
        coef[:, kept] = found
        return coef, np.broadcast_to(np.ravel(small.intercept_), len(found)).copy()

    def _check_classes(self):
        objective = self._objective
        if not hasattr(objective, "codes"):
            return
        seen = np.bincount(objective.codes, minlength=len(objective.model.classes_)) > 0
        if not seen.all():
            absent = objective.model.classes_[~seen].tolist()
            msg = (
                f"There are no samples of the classes {absent}, which the model knows, and "
                f"{type(objective.model).__name__} cannot be refitted without them. Give samples "
                "of all classes, or set recovery=None."
            )
            raise InputError(msg)


class ByMask(ByClone):
    """Minimises the multinomial log-loss over the coefficients in a mask."""

    takes_weights = True
    renews = True

    def regularized(self):
        """See `ByClone`."""
        strong = self._objective.regularized()
        if strong is self._objective:
            return strong, self
        refit = ByMask(strong)
        return strong.at(*refit(strong.coef != 0, (strong.coef, strong.intercept))), refit

    def walker(self, removed_at):
        """See `ByClone`."""
        return NestedWalk(self, self._objective, removed_at)

    def __call__(self, mask, start=None, *, near=False):
        """Fit what is not masked; see `ByClone`. A level is fitted from a start that is near."""
        whole = self._objective
        return masked_logistic.fit(
            whole.X,
            whole.codes,
            whole.weight,
            whole.penalty,
            mask,
            (whole.coef, whole.intercept) if start is None else start,
            intercept=whole.has_intercept,
            polish=near or start is None,  # intermediate fits need not be exact
            near=near,
        )


class ByProducts(ByClone):
    """Solves least squares, with or without an L2 penalty, from the products of the features."""

    takes_weights = True

    def __init__(self, objective):
        super().__init__(objective)
        self._penalty = objective.penalty[:, 0]  # the same for all features
        self._intercept = objective.intercept
        self._has_intercept = objective.has_intercept
        self._products: Any = None
        self._removed_at: Any = None
        self._solvers: dict[int, NestedSolver] = {}

    def follow(self, removed_at):
        """See `ByClone`."""
        n_columns, n_outputs = len(self._objective.columns), len(removed_at)
        if n_columns <= MAX_COLUMNS and n_outputs * n_columns**2 <= MAX_CELLS:
            self._removed_at = removed_at

    def without_rows(self):
        """Return the part of this that is pickled: the products, if they serve all levels."""
        whole = self._objective
        if whole is not None and len(whole.columns) > MAX_COLUMNS:
            return RowsLeftBehind()
        twin = copy.copy(self)
        vars(twin).update(_products=self._products_for(None), _objective=None, _solvers={})
        return twin

    def __call__(self, mask, start=None):  # noqa: ARG002 - the solution is in closed form
        """Fit what is not masked; see `ByClone`.

        O(n_kept^3) per output, O(n_kept^2) at a level of a path that is followed.
        """
        coef, intercept = np.zeros(mask.shape), self._intercept.copy()
        for output, kept in enumerate(mask):
            products = self._products_for(kept)
            if products is None:
                coef[output], intercept[output] = self._fit_sparsely(output, kept)
                continue
            columns = products.columns
            found = self._solve(products, output, kept[columns])
            coef[output, columns] = found
            if self._has_intercept:
                intercept[output] = products.target_mean[output] - products.mean @ found
        return coef, intercept

    def _solve(self, products, output, kept):
        """Solve for the coefficients of one output."""
        found = None
        if self._removed_at is not None:
            if output not in self._solvers:
                removed_at = self._removed_at[output, products.columns]
                last = np.argsort(-removed_at, kind="stable")[: np.count_nonzero(removed_at)]
                data = self._ridged(products, output), products.cross[:, output]
                self._solvers[output] = NestedSolver(*data, last)
            found = self._solvers[output].solve(kept)
        if found is None:
            ridged = self._ridged(products, output)
            found = solve_on(ridged, products.cross[:, output], kept)
        return found

    def _ridged(self, products, output):
        return products.gram + self._penalty[output] * np.eye(len(products.columns))

    def _products_for(self, kept):
        """Return the products of all features if they are few, else of those that are kept."""
        if self._objective is None:
            return self._products
        if len(self._objective.columns) <= MAX_COLUMNS:
            return self._objective.products
        columns = np.flatnonzero(kept)
        if len(columns) > MAX_COLUMNS:
            return None
        if self._products is None or not np.array_equal(self._products.columns, columns):
            self._products = self._objective.products_of(columns)
        return self._products

    def _fit_sparsely(self, output, kept):
        whole, coef = self._objective, np.zeros(len(kept))
        model = Ridge(alpha=self._penalty[output], fit_intercept=self._has_intercept, tol=1e-8)
        model.fit(whole.X[:, kept], whole.target[:, output], sample_weight=whole.weight)
        coef[kept] = np.ravel(model.coef_)
        return coef, np.ravel(model.intercept_)[0] if self._has_intercept else 0.0


class ByRoot(ByClone):
    """Fits a clone to a table of few rows that has the products of all samples.

    The mean of squared errors depends on the samples only by the products of features and
    targets, so that a square root of these stands for the samples, and the fit of a level costs
    no pass over them.
    """

    @staticmethod
    def takes(objective):
        """Say whether the root of the products is the smaller table, and counts sample weights."""
        n_columns = len(objective.columns)
        counts = objective.sample_weight is None or fit_takes_weights(objective.model)
        return counts and n_columns <= MAX_COLUMNS and n_columns + 1 < objective.X.shape[0]

    def __call__(self, mask, start=None):
        """Fit what is not masked; see `ByClone`. O(n_features) rows instead of all samples."""
        small = self._small
        if small is None:
            return super().__call__(mask, start)
        products, found = self._objective.products, np.zeros(mask.shape)
        found[:, products.columns], intercept = small(mask[:, products.columns])
        if self._objective.has_intercept:
            intercept = products.target_mean - found[:, products.columns] @ products.mean
        return found, intercept

    @cached_property
    def _small(self):
        """The refit of the few rows; None if features are nearly dependent."""
        objective = self._objective
        products, weight = objective.products, objective.weight
        squares = weight @ (objective.target - products.target_mean) ** 2
        X, y = root_of(products.gram, products.cross, squares)
        if X is None:
            return None
        scale = np.sqrt(len(X) / weight.sum())
        return FewRows(objective.surgeon, scale * X, scale * y)


class FewRows(ByClone):
    """Fits a clone without an intercept to other samples, and is their objective.

    Parameters
    ----------
    surgeon : LinearSurgeon
        Reader of the whole model, a regressor.
    X : ndarray of shape (n_samples, n_features)
        The samples.
    target : ndarray of shape (n_samples, n_outputs)
        Their targets.
    """

    has_intercept = False
    sample_weight = None

    def __init__(self, surgeon, X, target):
        super().__init__(self)
        self.surgeon, self.coef = surgeon, surgeon.coef
        self.X, self.target = X, target
        self.y = target if np.ndim(surgeon.model.coef_) == 2 else target[:, 0]

    def _unfitted(self):
        return self._model  # is fitted again: a clone takes longer than the fit of few rows

    @cached_property
    def _model(self):
        model = super()._unfitted().set_params(fit_intercept=False)
        return model.set_params(warm_start=False) if hasattr(model, "warm_start") else model

    def _fit(self, small, kept, y, weight):
        with config_context(assume_finite=True, skip_parameter_validation=True):
            return super()._fit(small, kept, y, weight)


class RowsLeftBehind:
    """Replaces a refit that needs the training data in a pickled path."""

    def follow(self, removed_at):
        """Do nothing."""

    def walker(self, removed_at):  # noqa: ARG002 - as of the refit that it replaces
        """Return this."""
        return self

    def __call__(self, mask, start=None):  # noqa: ARG002 - the signature of the refit it replaces
        """Raise the error of missing training data."""
        raise rows_left_behind()

    def without_rows(self):
        """Return this."""
        return self
