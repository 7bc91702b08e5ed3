"""What meta-estimators answer: what the model inside can do, they can do."""

from typing import ClassVar

from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted


def _can(method):
    """Make a method available if the model has it, fitted or not."""

    def check(self):
        self._check_delegation(method)
        return True

    return check


class DelegatesToModel:
    """Mixin of meta-estimators that hand every question on to one model.

    A subclass names that model in `_delegate`, and may answer some questions by itself: then it
    overrides `_ask`, and `_check_delegation` where the model alone could not.
    """

    # The fitted model, and the parameter that it is fitted from.
    _delegate: ClassVar[tuple[str, str]] = ("estimator_", "estimator")

    def _check_delegation(self, method):
        """Raise an AttributeError if there is no such method."""
        fitted, given = self._delegate
        getattr(getattr(self, fitted, getattr(self, given)), method)

    def _fitted_inner(self, attribute):
        """Return the fitted model, which is asked for an attribute."""
        model = getattr(self, self._delegate[0], None)
        if model is None:
            msg = f"{type(self).__name__} has no {attribute} before fit."
            raise AttributeError(msg)
        return model

    def _ask(self, method, X, *args, **kwargs):
        check_is_fitted(self)
        # The model was fitted on the same columns: its own checks are the right ones.
        return getattr(self._fitted_inner(method), method)(X, *args, **kwargs)

    @available_if(_can("predict"))
    def predict(self, X):
        """Predict with the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions.
        """
        return self._ask("predict", X)

    @available_if(_can("predict_proba"))
    def predict_proba(self, X):
        """Predict class probabilities with the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or a list of them per output
            Probabilities, in the order of `classes_`.
        """
        return self._ask("predict_proba", X)

    @available_if(_can("predict_log_proba"))
    def predict_log_proba(self, X):
        """Predict logarithms of class probabilities with the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or a list of them per output
            Natural logarithms, in the order of `classes_`.
        """
        return self._ask("predict_log_proba", X)

    @available_if(_can("score_samples"))
    def score_samples(self, X):
        """Score how usual rows are with the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Scores; the higher, the more usual.
        """
        return self._ask("score_samples", X)

    @available_if(_can("decision_function"))
    def decision_function(self, X):
        """Compute the decision function of the model.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Decision values.
        """
        return self._ask("decision_function", X)

    @available_if(_can("score"))
    def score(self, X, y, sample_weight=None):
        """Score the model as it scores itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that chose nothing, if the score is to be honest.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        float
            Accuracy for the usual classifiers, R2 for the usual regressors.
        """
        return self._ask("score", X, y, sample_weight=sample_weight)
