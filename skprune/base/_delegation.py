"""Delegate prediction methods to a fitted inner estimator."""

from typing import Any, ClassVar

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from skprune._compat import available_if
from skprune.arrays.annotations import MatrixLike


def inner_attribute(name: str, doc: str) -> Any:
    """Return a property that reads an attribute of the fitted inner estimator.

    Parameters
    ----------
    name : str
        Name of the attribute.
    doc : str
        Docstring of the property.

    Returns
    -------
    property
        Raises an AttributeError before `fit`.
    """

    def read(self: Any) -> Any:
        return getattr(self._fitted_inner(name), name)

    return property(read, doc=doc)


def tags_of(estimator: Any) -> Tags:
    """Return the tags of a parameter that is an estimator.

    Parameters
    ----------
    estimator : object
        As it was given, checked or not: `fit` refuses a wrong value, but tags are read before,
        for example to display the object that has it.

    Returns
    -------
    sklearn.utils.Tags
        Those of any estimator, if it has none.
    """
    try:
        return get_tags(estimator)
    except (AttributeError, TypeError):
        return get_tags(BaseEstimator())


def _inner_has(method):
    """Make a method available if the inner estimator has it, fitted or not."""

    def check(self):
        self._check_inner_method(method)
        return True

    return check


class DelegatesToModel:
    """Mixin of meta-estimators that predict with one inner estimator.

    A subclass names the inner estimator in `_inner_names`. Where it changes predictions, it
    overrides `_call_inner`, and `_check_inner_method` if other methods are then available.
    """

    # Attribute of the fitted inner estimator, and the parameter that it is a clone of.
    _inner_names: ClassVar[tuple[str, str]] = ("estimator_", "estimator")

    def _check_inner_method(self, method):
        """Raise an AttributeError if the method is not available."""
        fitted, given = self._inner_names
        getattr(getattr(self, fitted, getattr(self, given)), method)

    def _fitted_inner(self, attribute):
        """Return the fitted inner estimator; `attribute` is what is read from it."""
        model = getattr(self, self._inner_names[0], None)
        if model is None:
            msg = f"{type(self).__name__} has no {attribute} before fit."
            raise AttributeError(msg)
        return model

    def _call_inner(self, method, X, *args, **kwargs):
        """Call a method of the fitted inner estimator."""
        check_is_fitted(self)
        # It was fitted to the same features, so that its own checks of X are the right ones.
        return getattr(self._fitted_inner(method), method)(X, *args, **kwargs)

    @available_if(_inner_has("predict"))
    def predict(self, X: MatrixLike) -> NDArray[Any]:
        """Predict with the inner model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions.
        """
        return self._call_inner("predict", X)

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X: MatrixLike) -> Any:
        """Predict class probabilities with the inner model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or a list of them per output
            Probabilities, in the order of `classes_`.
        """
        return self._call_inner("predict_proba", X)

    @available_if(_inner_has("predict_log_proba"))
    def predict_log_proba(self, X: MatrixLike) -> Any:
        """Predict logarithms of class probabilities with the inner model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or a list of them per output
            Natural logarithms, in the order of `classes_`.
        """
        return self._call_inner("predict_log_proba", X)

    @available_if(_inner_has("score_samples"))
    def score_samples(self, X: MatrixLike) -> NDArray[Any]:
        """Compute how normal samples are with the inner model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores; the lower, the more abnormal.
        """
        return self._call_inner("score_samples", X)

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X: MatrixLike) -> NDArray[Any]:
        """Compute the decision function of the inner model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Decision values.
        """
        return self._call_inner("decision_function", X)

    @available_if(_inner_has("score"))
    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the score of the inner model, by its own metric.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Test samples; use data seen neither in fitting nor in selection.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            Accuracy for the usual classifiers, R2 for the usual regressors.
        """
        # A `score` of its own, or that of a pipeline which routes, may take no weights.
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return self._call_inner("score", X, y, **weights)
