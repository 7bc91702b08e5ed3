"""Linear pruner: removes coefficients, or whole features, of linear models."""

import warnings
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from sklearn.utils import check_random_state

from skprune._compat import StrOptions
from skprune.arrays.annotations import Groups, Seed
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

# Importance of each coefficient by itself, from data.
IMPORTANCE = MappingProxyType(
    {
        "wald": wald,
        "l1": highest_penalty,
        "gradient": squared_gradient,
        "scaled_magnitude": scaled_magnitude,
    }
)
WITHOUT_ROWS = ("magnitude", "random")
CRITERIA = ("obs", *IMPORTANCE, *WITHOUT_ROWS)


class LinearPruner(BaseModelPruner):
    """Prune the coefficients of a linear model, or its features.

    The least important coefficients are set to exactly zero, and the others are refitted
    with the same loss and penalty. The result in `estimator_` is a plain model of the same
    class. One fit gives all levels of pruning: see `path_`.

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

        - "obs": optimal brain surgeon: removes one unit after the other, each time the one
          whose removal increases the loss least after all others are adjusted [1]_. Exact for
          the squared loss; for other losses, a quadratic approximation at the whole model.
          For logistic regression the curvature is recomputed at a refit after every removal
          of half of the units, with a stronger L2 penalty if the data are nearly separable.
          With more than 2,000 features with a coefficient only the diagonal of the Hessian is
          used [2]_, likewise with a refit after every removal of half of the units;
        - "wald": the Wald statistic at the whole model, the squared coefficient over its
          variance. With more than 2,000 features, over its variance when all other
          coefficients are fixed;
        - "l1": the highest L1 penalty at which the coefficient is not zero, by the quadratic
          approximation of "obs" (with its penalty), with features scaled to equal curvature;
          for at most 2,000 features;
        - "gradient": the squared coefficient times the sum over samples of the squared
          gradient of the loss;
        - "scaled_magnitude": the absolute coefficient times the standard deviation of its
          feature, or its root mean square if the model has no intercept;
        - "magnitude": the absolute coefficient, which depends on the scale of its feature;
        - "random": random scores, the baseline of all other criteria.
    unit : {"weight", "feature"}, default="weight"
        What is removed: single coefficients, separately for each class or target, or features,
        for all of them.
    keep : int or float, default=None
        Non-zero coefficients, or features, to keep: their maximum number (int) or fraction
        (float in (0, 1]). ``keep=1.0`` is the whole model. If `threshold` is None too, half
        of them are kept.
    threshold : float, default=None
        Units with a score above it are kept.
    recovery : {"refit"}, default="refit"
        "refit" refits the remaining coefficients and the intercepts. None leaves them
        unchanged.
    sparse_coef : bool, default=False
        Whether `coef_` is sparse where that takes fewer bytes, as after the method `sparsify`
        of these models; their `densify` reverts it. For classifiers except ridge and
        discriminant analysis, and for `SGDRegressor`.
    groups : list of lists or dict of lists, default=None
        Features, by name or index, that are kept or removed together, such as those of one
        category; for ``unit="feature"``. `keep` counts single features all the same.
    random_state : int, RandomState instance or None, default=None
        Draws the order of "random". It is not passed on: set that of the inner model too.

    Attributes
    ----------
    estimator_ : estimator
        The pruned model, plain; the shape of its `coef_` is unchanged.
    path_ : PruningPath
        All levels of this fit. Not part of the pickle. It holds a reference to the training
        data if refits need them. A pickle of the path leaves them out, after which levels
        other than ``keep=1.0`` can be cut only for the squared loss or ``recovery=None``.
    scores_ : ndarray of shape (n_features,) or (n_outputs, n_features)
        Score of each feature or coefficient. For "obs" the increase of the loss by its
        removal, with the stronger penalty if one is used, and no less than that of units
        removed before; zero for coefficients that are zero.
    keep_mask_ : ndarray of bool, shape (n_features,) or (n_outputs, n_features)
        Features or coefficients that are kept.
    report_ : DataFrame
        One row per feature: whether any of its coefficients is kept, its largest score, and
        its number of coefficients before and after.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if they are all strings.

    Raises
    ------
    InputError
        If "l1" is given more than 2,000 features with a coefficient, single coefficients of
        several outputs cannot be refitted, or there is no training sample of a class.

    See Also
    --------
    PruningSearchCV : Cross-validates all levels of a pruner.
    sklearn.feature_selection.RFE : Refits the model after every removal of features.

    Notes
    -----
    For n samples and p features, "obs", "wald" and "l1" take O(p^3) to invert the Hessian and
    to order the units. The other criteria, and with more than 2,000 features all but "l1",
    take O(n p) or less, apart from a refit after every removal of half of the units. A level
    of the squared loss costs the solution of a linear system in the remaining features; other
    losses cost a fit to them. Sparse data remain sparse.

    For a logistic regression of several classes, the Hessian of each class is taken
    separately. A hinge loss has no curvature almost everywhere; its curvature is smoothed
    with a Gaussian as wide as the standard deviation of the decision values.

    The log-loss has little curvature where probabilities are close to 0 or 1. If that of a
    logistic regression with ``recovery="refit"`` is less than a tenth of that of a model
    without features, "obs" and "l1" start from a refit with a stronger L2 penalty: for each
    feature at least a tenth of the curvature that it has in the model without features. This
    affects the order and `scores_` only; levels are refitted with the penalty of the model.

    Levels that separate units of equal score can be selected by `keep` only.

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
        estimator: Any,
        *,
        criterion: str = "obs",
        unit: str = "weight",
        keep: float | None = None,
        threshold: float | None = None,
        recovery: str = "refit",
        sparse_coef: bool = False,
        groups: Groups | None = None,
        random_state: Seed | None = None,
    ) -> None:
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
                f"{type(model).__name__} fits all of its {len(surgeon.coef)} outputs jointly, and "
                "cannot be refitted with zeros for some of them only. Set unit='feature' or "
                "recovery=None."
            )
            raise InputError(msg)
        if self.criterion == "obs":
            order, scores = by_removal(objective, units, by_column=by_column, refit=refit)
        else:
            if self.criterion == "l1" and refit is not None:
                objective, _ = refit.regularized()
            importance = self._importance(objective, surgeon.coef)
            importance = importance.sum(axis=0) if by_column else importance
            order, scores = by_score(importance, surgeon.coef, units)
        return LinearPath(surgeon, units, order, scores, refit=refit, sparsify=sparsify)

    def _read_units(self, model, coef):
        """Return the unit of each feature, or of each flattened coefficient."""
        if self.unit == "weight":
            if self.groups is not None:
                reason = "groups are of features, but unit='weight' removes single coefficients"
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

    def _importance(self, objective, coef):
        """Return the importance of each coefficient; shape (n_outputs, n_features)."""
        if self.criterion == "random":
            return check_random_state(self.random_state).uniform(size=coef.shape)
        if self.criterion == "magnitude":
            return np.abs(coef)
        return IMPORTANCE[self.criterion](objective)
