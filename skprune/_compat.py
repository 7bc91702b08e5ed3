"""The only importer of private scikit-learn names, of version branches and of optional packages."""

from collections.abc import Callable
from importlib import import_module
from inspect import signature
from typing import Any, TypeVar

import numpy as np
import sklearn
from sklearn.base import _fit_context
from sklearn.ensemble._base import _BaseHeterogeneousEnsemble
from sklearn.feature_selection._base import _get_feature_importances as importances_of
from sklearn.feature_selection._univariate_selection import _clean_nans as score_as_filter
from sklearn.metrics._scorer import _BaseScorer, _PassthroughScorer
from sklearn.metrics._scorer import _MultimetricScorer as MultimetricScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._validation import _insert_error_scores as insert_error_scores
from sklearn.model_selection._validation import _score as score_model
from sklearn.model_selection._validation import (
    _warn_or_raise_about_fit_failures as report_fit_failures,
)
from sklearn.multiclass import _ConstantPredictor
from sklearn.tree._tree import NODE_DTYPE
from sklearn.utils import _safe_indexing
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils._set_output import _get_output_config as output_config
from sklearn.utils.fixes import parse_version
from sklearn.utils.metaestimators import _safe_split as split_rows
from sklearn.utils.metaestimators import available_if as _available_if
from sklearn.utils.parallel import _get_threadpool_controller
from sklearn.utils.validation import _check_method_params, _check_sample_weight, has_fit_parameter
from sklearn.utils.validation import _num_samples as n_rows_of

from skprune.exceptions import MissingExtraError

try:
    _callbacks: Any = import_module("sklearn.callback")
except ImportError:  # before scikit-learn 1.9
    _callbacks = None

# Decorators, which leave the type of what they decorate known.

Function = TypeVar("Function", bound=Callable[..., Any])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Function], Function]:
    """Check the parameters of an estimator before its `fit`."""
    return _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)


def available_if(check: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """Make a method available only where a check of its object holds."""
    return _available_if(check)


# Validation.


def check_sample_weight(sample_weight, X, **params):
    """Return valid sample weights, as scikit-learn does; weights that are all zero pass.

    Since 1.9 scikit-learn refuses these by itself, in words that do not name the samples.
    """
    if "allow_all_zero_weights" in signature(_check_sample_weight).parameters:
        params["allow_all_zero_weights"] = True
    return _check_sample_weight(sample_weight, X, **params)


# What the `fit` of a search is made of: methods of scikit-learn's own base class.


def scorers_of(search, refit):
    """Return the scorer, or scorers, of a search and the name of the metric that refits."""
    return _with_refit(search, refit)._get_scorers()


def _with_refit(search, refit):
    """Return a search whose `refit` is what its own one means."""
    twin = object.__new__(type(search))
    twin.__dict__.update(vars(search) | {"refit": refit})
    return twin


def route_fit_params(search, X, params):
    """Return the fit parameters of the estimator, the scorer and the splitter."""
    return search._get_routed_params_for_fit(rows_of_params(X, params, None))


def check_refit(search, refit, scores):
    """Refuse a `refit` that names no metric of several."""
    _with_refit(search, refit)._check_refit_for_multimetric(scores)


def tabulate(search, candidates, n_splits, out):
    """Return `cv_results_` from one result per candidate and split."""
    return search._format_results(candidates, n_splits, out)


def choose_row(refit, refit_metric, results):
    """Return the row that `refit` chooses."""
    return BaseSearchCV._select_best_index(refit, refit_metric, results)


# Callbacks, which scikit-learn has since 1.9, as an experiment. Without them all of this does
# nothing, and contexts are None.


def has_callbacks(estimator):
    """Say whether callbacks were registered."""
    return bool(getattr(estimator, "_skl_callbacks", None))


def with_callbacks(method: Function) -> Function:
    """Let a method call callbacks: they are closed however it ends."""
    found = getattr(_callbacks, "with_callbacks", None)
    return method if found is None else found(method)


def open_callbacks(estimator, max_subtasks):
    """Return the context of the callbacks for a `fit` that begins; None without callbacks."""
    if _callbacks is None or not has_callbacks(estimator):
        return None
    return estimator._init_callback_context(max_subtasks=max_subtasks)


def subtask(context, name, max_subtasks=0):
    """Return the context of a part of a task."""
    return context and context.subcontext(task_name=name, max_subtasks=max_subtasks)


def begin_task(context, estimator):
    """Call the callbacks as a task begins."""
    if context is not None:
        context.call_on_fit_task_begin(estimator=estimator)


def end_task(context, estimator):
    """Call the callbacks as a task ends."""
    if context is not None:
        context.call_on_fit_task_end(estimator=estimator)


def scorers_by_name(scorer):
    """Return the scorers of a multi-metric scorer; dict."""
    return scorer._scorers


def rows_of(data, indices):
    """Return rows of an array, a sparse matrix, a frame or a list; None stays None."""
    return None if data is None else _safe_indexing(data, indices)


def rows_of_params(X, params, indices):
    """Return the fit parameters for some rows: those as long as `X` are indexed."""
    return _check_method_params(X, params, indices=indices)


def predicts_only(scorer):
    """Say whether a scorer asks a model for nothing but predictions."""
    return isinstance(scorer, _BaseScorer)


def passes_through(scorer):
    """Say whether a scorer is the model's own `score`."""
    return isinstance(scorer, _PassthroughScorer)


def takes_weights(scorer):
    """Say whether a scorer takes weights of rows."""
    if hasattr(scorer, "_accept_sample_weight"):
        return scorer._accept_sample_weight()
    return "sample_weight" in signature(scorer).parameters


def fit_takes_weights(model):
    """Say whether the `fit` of a model takes weights of rows."""
    if has_fit_parameter(model, "sample_weight"):
        return True
    # They take weights among other parameters, and hand them to all of their members.
    if not isinstance(model, _BaseHeterogeneousEnsemble) or not hasattr(model, "estimators"):
        return False
    last = getattr(model, "final_estimator", None)
    members = [member for _, member in model.estimators] + ([] if last is None else [last])
    return all(fit_takes_weights(member) for member in members if not isinstance(member, str))


def one_thread():
    """Return a context in which libraries compute on one thread."""
    # A new controller sees the libraries that were loaded since.
    return type(_get_threadpool_controller())().limit(limits=1)


def is_constant(model):
    """Say whether a model is that of `OneVsRestClassifier` for a class without a rest."""
    return isinstance(model, _ConstantPredictor)


def check_params(estimator):
    """Refuse parameters that the `fit` of an estimator would refuse."""
    estimator._validate_params()


def rank_as_rfe(importances):
    """Order columns by importance as a recursive elimination does, the least first."""
    stable = parse_version(sklearn.__version__) >= parse_version("1.9")
    return np.ravel(np.argsort(importances, kind="stable" if stable else None))


def output_sizes(encoder):
    """Return the number of columns that a one-hot encoder makes of each feature; list of int."""
    return encoder._compute_n_features_outs()


# Optional packages.


def import_extra(module, extra, purpose):
    """Import a module of an optional dependency.

    Parameters
    ----------
    module : str
        Dotted name.
    extra : str
        The extra of skprune that brings it.
    purpose : str
        What it is needed for; begins the message.

    Returns
    -------
    module
        The module.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        msg = (
            f"{purpose} needs {package}, which is not installed. Install the extra that "
            f"brings it: pip install 'skprune[{extra}]'."
        )
        raise MissingExtraError(msg) from error
