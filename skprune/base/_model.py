"""The base of all pruners of fitted models."""

import copy
import warnings
from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import MetaEstimatorMixin, clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import validate_data

from skprune._compat import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    fit_takes_weights,
    n_rows_of,
    routing_enabled,
    rows_of,
    rows_of_params,
)
from skprune.arrays.annotations import MatrixLike
from skprune.base._delegation import DelegatesToModel, inner_attribute, tags_of
from skprune.base._frozen import check_frozen, warn_if_fitted
from skprune.base._partitions import refuse_partitions
from skprune.base._path import PruningPath
from skprune.base._pruner import BasePruner, all_or_nothing
from skprune.base._rows import ValidationData, check_weights_fit, hold_out
from skprune.base._shared_fits import LENT, signature_of
from skprune.base._targets import samples_missing
from skprune.exceptions import InputError, PruningWarning

# What `validation` may be, in the pruners that have it.
VALIDATION = [StrOptions({"oob", "train"}), Interval(Real, 0, 1, closed="neither"), None]
# Tags of a pruner that are those of its inner model.
INNER_TAGS = ("estimator_type", "classifier_tags", "regressor_tags", "target_tags", "input_tags")
# Private parameter of `fit`: equal values for samples that are copies of one, as in `hold_out`.
COPIES = "_sample_copies"


class BaseModelPruner(DelegatesToModel, MetaEstimatorMixin, BasePruner):
    """Base class of the meta-estimators that prune a fitted model.

    A subclass writes `_check_model` and `_prune_model`, which turns a fitted model into its path;
    `_needs_rows` tells whether its criterion uses data at all. The base class fits (or
    unfreezes) the inner model, holds data out, cuts, and delegates.
    """

    # Whether the inner model is fitted again at every level, a frozen one too.
    _refits_often: ClassVar[bool] = False
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [HasMethods(["fit"])],
        "keep": [Integral, Real, None],
        "threshold": [Real, None],
    }

    def __init__(self, estimator, *, keep=None, threshold=None):
        self.estimator = estimator
        self.keep = keep
        self.threshold = threshold

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Fit the inner model and prune it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, passed to the inner model as they are.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights, for the inner model and for the criterion.
        **fit_params : dict
            Passed to the `fit` of the inner model.

        Returns
        -------
        self : object
            The fitted pruner.

        Raises
        ------
        LevelError
            If `keep` or `threshold` is malformed or cannot be met.
        UnsupportedModelError
            If the class of the inner model is not supported.
        """
        with all_or_nothing(self):
            self._own_level()  # fails before any work
            refuse_partitions(X)
            if sample_weight is not None and X is not None:
                check_weights_fit(X, {"sample_weight": sample_weight})
            copies = fit_params.pop(COPIES, None)
            frozen = isinstance(self.estimator, FrozenEstimator)
            self._check_model(self.estimator.estimator if frozen else self.estimator)
            check_frozen(self.estimator)
            if not self._refits_often:
                warn_if_fitted(self.estimator, stacklevel=3)
            self._warn_of_unused_validation(frozen=frozen)
            model, data = self._fit_whole(X, y, sample_weight, fit_params, copies)
            path = self._prune_model(model, data)
            self._path = path
            self._set_level(path, self._row_of_own_level(path))
            for name in ("n_features_in_", "feature_names_in_"):
                self.__dict__.pop(name, None)  # of an earlier fit
                if hasattr(model, name):
                    setattr(self, name, getattr(model, name))
        return self

    @abstractmethod
    def _check_model(self, model):
        """Refuse a model that does not fit the parameters, before any work."""

    @abstractmethod
    def _prune_model(self, model, rows):
        """Return the path of a fitted model; `rows` is a `ValidationData` or None."""

    def _needs_rows(self):
        """Return whether the criterion uses data, beside the fitted model."""
        return False

    def _set_level(self, path, index):
        self.estimator_ = path.cut(index=index)
        self._scores = getattr(path, "scores", None)
        self.__dict__.pop("rank_shares_", None)  # of an earlier fit
        if self._scores is None:
            self.rank_shares_ = self._shares_at(path, index)
        self.keep_mask_ = path.mask(index)
        self.report_ = path.report(index)

    def _shares_at(self, path, index):  # noqa: ARG002 - a hook
        """Return the rank shares of the units at a level of a path that only orders them."""
        return path.rank_shares

    # The whole model and the data that the criterion uses.

    def _fit_whole(self, X, y, sample_weight, fit_params, copies):
        """Return the fitted model, and a `ValidationData` if the criterion uses data."""
        if isinstance(self.estimator, FrozenEstimator):
            # The frozen model is the user's own: nothing below may be written through.
            model = copy.deepcopy(self.estimator.estimator)
            self._check_data_of_frozen(model, X, sample_weight, fit_params)
            return model, self._validation_of_frozen(X, y, sample_weight)
        params = self._inner_fit_params(sample_weight, fit_params)
        validation = self._resolve_validation() if self._needs_rows() else "train"
        once = partial(self._once, data=(X, y, sample_weight, copies, params))
        if y is None or not isinstance(validation, Real):
            model = once("all", partial(self._fit_all, X, y, params, copies))
            data = ValidationData(X, y, sample_weight, out_of_bag=validation == "oob")
            return model, data if self._needs_rows() else None
        X, y = indexable(X, y)
        divide: Callable[[], Any] = partial(
            hold_out,
            X,
            y,
            validation,
            stratified=is_classifier(self.estimator),
            seed=self.random_state,
            copies=copies,
        )
        key = validation, self.random_state
        if isinstance(self.random_state, np.random.RandomState):  # every draw moves it on
            parts = divide()
            key, divide = parts[0].tobytes(), lambda: parts
        return once(key, partial(self._fit_part, X, y, sample_weight, params, divide))

    def _once(self, key, make, data):
        """Return what `make` returns, or what it returned for a pruner with an equal model."""
        fits = self.__dict__.get(LENT)
        if fits is None:
            return make()
        *data, params = data
        setting = signature_of(self.estimator), *params
        return fits.once("model", setting, (*data, *params.values()), key, make)

    def _fit_all(self, X, y, params, copies):
        model = clone(self.estimator)
        model.fit(X, y, **params, **copies_for(model, copies))
        return model

    def _fit_part(self, X, y, sample_weight, params, divide):
        """Return a model fitted to the training part, and the `ValidationData` of the other."""
        parts = divide()
        train, held = (
            ValidationData(
                rows_of(X, part),
                rows_of(y, part),
                None if sample_weight is None else np.asarray(sample_weight)[part],
                out_of_bag=False,
            )
            for part in parts
        )
        model = clone(self.estimator)
        model.fit(train.X, train.y, **rows_of_params(X, params, parts[0]))
        if not tags_of(model).input_tags.allow_nan:  # no other check sees the part held out
            validate_data(model, held.X, reset=False, accept_sparse=True, dtype=None)
        return model, held._replace(grown_on=train)

    def _warn_of_unused_validation(self, *, frozen):
        validation = getattr(self, "validation", None)
        if validation is None or (frozen and validation == "oob" and self._needs_rows()):
            return
        if not self._needs_rows():
            reason = f"criterion={self.criterion!r} uses no validation data"
        elif frozen:
            reason = "with a FrozenEstimator the samples passed to fit are the validation data"
        else:
            return
        self._warn_of_unused("validation", reason, stacklevel=5)

    def _check_data_of_frozen(self, model, X, sample_weight, fit_params):
        if fit_params:
            msg = (
                f"{sorted(fit_params)} were given to fit, but the model is frozen: nothing is "
                "fitted. Leave them out."
            )
            raise InputError(msg)
        if X is not None:
            validate_data(model, X, reset=False, skip_check_array=True)
        if sample_weight is not None and not self._needs_rows():
            warnings.warn(
                "sample_weight has no meaning here and is ignored: the model is frozen, and "
                "the criterion uses no data. Leave it out.",
                PruningWarning,
                stacklevel=5,
            )

    def _validation_of_frozen(self, X, y, sample_weight):
        if not self._needs_rows():
            return None
        if getattr(self, "validation", None) == "oob":
            msg = (
                "validation='oob' was given with a FrozenEstimator, but which samples its "
                "members were fitted to is not known here. Give validation=None: the samples "
                "passed to fit are then the validation data."
            )
            raise InputError(msg)
        if X is not None and n_rows_of(X) == 0:
            msg = (
                "X has 0 samples, but the pruner of a frozen model looks at the samples passed to "
                "fit. Give some that the model was not fitted to."
            )
            raise InputError(msg)
        if sample_weight is not None and not np.any(sample_weight):
            raise samples_missing(len(sample_weight))
        return ValidationData(X, y, sample_weight, out_of_bag=False)

    def _resolve_validation(self):
        """Return "oob", "train" or a fraction; "train" if there is no parameter to set it."""
        validation = getattr(self, "validation", "train")
        bootstraps = getattr(self.estimator, "bootstrap", False)
        if validation is None:
            return "oob" if bootstraps else 0.2
        if validation == "oob" and not bootstraps:
            msg = (
                f"validation='oob' needs members fitted to bootstrap samples, but "
                f"{self.estimator!r} draws none. Set its bootstrap=True, or give "
                "validation='train' or a fraction of the samples."
            )
            raise InputError(msg)
        return validation

    def _inner_fit_params(self, sample_weight, fit_params):
        if sample_weight is not None:
            fit_params = {**fit_params, "sample_weight": sample_weight}
        if routing_enabled():
            return process_routing(self, "fit", **fit_params).estimator.fit
        if sample_weight is not None and not fit_takes_weights(self.estimator):
            msg = (
                f"sample_weight was given, but the fit of {self.estimator!r}, or a member of it, "
                "takes none. Leave it out, or use a model that takes weights."
            )
            raise InputError(msg)
        return fit_params

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the metadata routing.

        Returns
        -------
        MetadataRouter
            The `fit` and the `score` of the inner model get what they request; `sample_weight`
            is also used by `fit` here where the criterion uses data.
        """
        own = self._get_metadata_request()
        if not self._needs_rows():
            own.fit.requests.clear()
        # Unless it is requested of the pruner itself, what the inner model requests is enough.
        if own.score.requests.get("sample_weight") is None:
            own.score.requests.clear()
        frozen = isinstance(self.estimator, FrozenEstimator)
        mapping = MethodMapping().add(caller="score", callee="score")
        if not frozen:
            mapping.add(caller="fit", callee="fit")
        return (
            MetadataRouter(owner=self)
            .add_self_request(own)
            .add(
                estimator=self.estimator.estimator if frozen else self.estimator,
                method_mapping=mapping,
            )
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = tags_of(self.estimator)
        for name in INNER_TAGS:
            setattr(tags, name, copy.deepcopy(getattr(inner, name)))
        tags.non_deterministic = inner.non_deterministic
        return tags

    classes_ = inner_attribute("classes_", "Class labels of the inner classifier.")
    coef_ = inner_attribute("coef_", "Coefficients of the pruned linear model.")
    feature_importances_ = inner_attribute(
        "feature_importances_", "Impurity-based importances of the pruned model."
    )

    @property
    def path_(self) -> PruningPath:
        """All levels of this fit; not part of the pickle."""
        return super().path_

    @property
    def scores_(self) -> NDArray[np.float64]:
        """Importance of each unit; larger scores are kept."""
        scores = self.__dict__.get("_scores")
        if scores is None:
            msg = (
                f"This {type(self).__name__} has no scores_: it is not fitted, or what it prunes "
                "has none."
            )
            if "rank_shares_" in self.__dict__:
                criterion = getattr(self, "criterion", None)
                who = type(self).__name__ if criterion is None else f"criterion={criterion!r}"
                msg = (
                    f"{who} only orders the units, and gives no scores_. "
                    "Read rank_shares_: the share of the units that are removed no later than each."
                )
            raise AttributeError(msg)
        return scores


def copies_for(model, copies):
    """Return which samples are copies of one, as a parameter of the `fit` of a model.

    Parameters
    ----------
    model : estimator
        A pruner that may hold out validation data, a pipeline that ends in one, or any other.
    copies : ndarray of int, shape (n_samples,), or None
        As in `hold_out`.

    Returns
    -------
    dict of str to ndarray
        Empty if there are no copies, or no pruner that would hold them together.
    """
    prefix = ""
    while isinstance(model, Pipeline):
        name, model = model.steps[-1]
        prefix += f"{name}__"
    if copies is None or not isinstance(model, BaseModelPruner):
        return {}
    return {f"{prefix}{COPIES}": copies}
