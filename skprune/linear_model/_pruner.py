"""Linear pruner: removes coefficients, or whole columns, of anything with `coef_`."""

import warnings
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state

from skprune._compat import StrOptions
from skprune.base import BaseModelPruner
from skprune.base._column_groups import units_of
from skprune.exceptions import InputError, PruningWarning
from skprune.linear_model._objective import Objective
from skprune.linear_model._path import LinearPath
from skprune.linear_model._refit import refit_for
from skprune.linear_model._scores import (
    by_removal,
    by_score,
    highest_penalty,
    scaled_magnitude,
    squared_gradient,
    wald,
)
from skprune.surgery import surgeon_for, surgeon_type

__all__ = ["LinearPruner"]

# What each coefficient is worth by itself, on rows.
WORTH = MappingProxyType(
    {
        "wald": wald,
        "l1": highest_penalty,
        "gradient": squared_gradient,
        "scaled_magnitude": scaled_magnitude,
    }
)
WITHOUT_ROWS = ("magnitude", "random")
CRITERIA = ("obs", *WORTH, *WITHOUT_ROWS)


class LinearPruner(BaseModelPruner):
    """Prune the coefficients of a linear model, or its columns.

    The coefficients that the others need least become exact zeros, and what stays is fitted
    anew with the same loss and the same penalty. What comes back in `estimator_` is a plain
    model of the class that went in. All levels of pruning come from one fit: see `path_`.

    Parameters
    ----------
    estimator : estimator
        A linear model of scikit-learn: least squares, ridge, lasso, elastic net, also of
        several tasks, logistic regression, `LinearSVC`, `LinearSVR`, `SGD*`, `Perceptron`,
        generalised linear models, linear discriminant analysis. It is cloned and fitted; a
        model that is fitted already comes in a `sklearn.frozen.FrozenEstimator`, and is then
        copied, never changed.
    criterion : {"obs", "wald", "l1", "gradient", "scaled_magnitude", "magnitude", \
            "random"}, default="obs"
        How units are ordered:

        - "obs": one after the other goes, each time the one whose removal raises the loss
          least when all others make up for it [1]_; exact for squared loss, elsewhere by
          the curvature at the whole model. For logistic regression that of a refit is taken
          whenever half of the units have gone, under a firmer penalty if the model is sure of
          nearly every row. Above 2,000 columns with a coefficient only the diagonal of the
          curvature is looked at [2]_, and half go at a time too;
        - "wald": the squared coefficient over its variance, once, at the whole model. Above
          2,000 columns, over the variance that it has by itself;
        - "l1": the highest L1 penalty under which it has a coefficient, by the same
          curvature and penalty, for columns of one scale; of at most 2,000 columns;
        - "gradient": the squared coefficient times the sum over rows of the squared
          gradient of the loss;
        - "scaled_magnitude": the absolute coefficient times the standard deviation of its
          column, or its root mean square if the model has no intercept;
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
    sparse_coef : bool, default=False
        Whether `coef_` comes back sparse where that takes fewer bytes, as the method
        `sparsify` of these models leaves it; their `densify` is the way back. For
        classifiers but ridge and discriminant analysis, and for `SGDRegressor`.
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
        All levels of this fit. Not part of the pickle. It holds the rows of the fit by
        reference if it needs them, and leaves them behind when it is pickled itself: then
        only squared loss, or ``recovery=None``, has more levels than ``keep=1.0``.
    scores_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Score of each column or coefficient. For "obs" what the removal adds to the loss,
        under the firmer penalty if there is one, and never below that of units that went
        before; zero for coefficients that are zero.
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
        If "l1" meets more than 2,000 columns with a coefficient, coefficients of several
        outputs cannot be fitted anew one by one, or a class has no row to be fitted on.

    See Also
    --------
    PruningSearchCV : Cross-validates all levels of a pruner.
    sklearn.feature_selection.RFE : Fits the model again for every column that goes.

    Notes
    -----
    "obs" takes one inverse of the matrix of curvature and O(p^3) for the order of p columns,
    as do "wald" and "l1"; the others, and all but "l1" above 2,000 columns, O(n p) or less,
    besides a fit for each time that half of the units go. A level of squared loss costs the
    solution of a system in the columns that stay; elsewhere it costs a fit on them. Sparse
    rows are never made dense.

    For several classes of a logistic regression the curvature of each class is taken by
    itself. A hinge bends on few rows only, and on others once units have gone: its curvature
    is the mean over scores that move by as much as they spread.

    A log-loss bends where probabilities are neither 0 nor 1. Where a logistic regression that
    is refitted has less than a tenth of the curvature of a model without columns, "obs" and
    "l1" start from a fit under a firmer penalty: each column's is then at least a tenth of the
    curvature that it has in that model. This is for the order and for `scores_` alone; levels
    are fitted under the penalty of the model.

    A level between units of equal score is named by `keep` only.

    References
    ----------
    .. [1] B. Hassibi, D. G. Stork, "Second order derivatives for network pruning: optimal
       brain surgeon", NIPS 1992.
    .. [2] Y. LeCun, J. S. Denker, S. A. Solla, "Optimal brain damage", NIPS 1989.

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

    _unit_name: ClassVar[str] = "weights"
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseModelPruner._parameter_constraints,
        "criterion": [StrOptions(set(CRITERIA))],
        "unit": [StrOptions({"weight", "feature"})],
        "recovery": [StrOptions({"refit"}), None],
        "sparse_coef": ["boolean"],
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
        sparse_coef=False,
        groups=None,
        random_state=None,
    ):
        super().__init__(estimator, keep=keep, threshold=threshold)
        self.criterion = criterion
        self.unit = unit
        self.recovery = recovery
        self.sparse_coef = sparse_coef
        self.groups = groups
        self.random_state = random_state

    def _check_model(self, model):
        surgeon_type(model, family="linear")

    def _needs_rows(self):
        return self.recovery is not None or self.criterion not in WITHOUT_ROWS

    def _prune_model(self, model, rows):
        surgeon = surgeon_for(model)
        units, by_column = self._read_units(model, surgeon.coef), self.unit == "feature"
        sparsify = self.sparse_coef and self._can_be_sparse(model)
        objective: Any = None if rows is None else Objective(surgeon, rows)
        refit: Any = None if self.recovery is None else refit_for(objective)
        if refit is not None and not (by_column or refit.takes_weights):
            msg = (
                f"{type(model).__name__} fits all of its {len(surgeon.coef)} outputs together, and "
                "cannot be fitted anew with zeros for some of them only. Set unit='feature' or "
                "recovery=None."
            )
            raise InputError(msg)
        if self.criterion == "obs":
            order, scores = by_removal(objective, units, by_column=by_column, refit=refit)
        else:
            if self.criterion == "l1" and refit is not None:
                objective, _ = refit.regularized()
            worth = self._worth(objective, surgeon.coef)
            worth = worth.sum(axis=0) if by_column else worth
            order, scores = by_score(worth, surgeon.coef, units)
        return LinearPath(surgeon, units, order, scores, refit=refit, sparsify=sparsify)

    def _read_units(self, model, coef):
        """Return the unit of each column, or of each flattened coefficient."""
        if self.unit == "weight":
            if self.groups is not None:
                reason = "groups are of columns, and unit='weight' removes coefficients"
                self._warn_of_unused("groups", reason, stacklevel=6)
            return np.arange(coef.size)
        return units_of(self.groups, getattr(model, "feature_names_in_", None), coef.shape[1])

    def _can_be_sparse(self, model):
        if hasattr(model, "sparsify"):
            return True
        warnings.warn(
            "sparse_coef=True has no meaning here and is ignored: the coefficients of "
            f"{type(model).__name__} are always dense. Set it to False.",
            PruningWarning,
            stacklevel=4,
        )
        return False

    def _worth(self, objective, coef):
        """Return what each coefficient is worth by itself; shape (n_outputs, n_features)."""
        if self.criterion == "random":
            return check_random_state(self.random_state).uniform(size=coef.shape)
        if self.criterion == "magnitude":
            return np.abs(coef)
        return WORTH[self.criterion](objective)
