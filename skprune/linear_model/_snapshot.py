"""Levels of a linear model that predict the same samples, without a model for each.

A level is a vector or a matrix of coefficients, and its predictions are one product with the
samples: the very product that the model computes, so that predictions are equal to the last
bit. What scikit-learn does beside it (checks of samples and attributes, copies of the model)
takes longer for tables of usual size, and is done once for all levels.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import get_tags
from sklearn.utils.extmath import softmax
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data


class LinearResponses:
    """The predictions of linear models with one set of parameters for the same samples.

    Parameters
    ----------
    model : fitted estimator
        The whole model.
    X : array-like of shape (n_samples, n_features)
        Samples.
    """

    def __init__(self, model, X):
        self.model, self._given = model, X
        self._classifies = is_classifier(model)
        accepted = "csr" if self._classifies else ["csr", "csc", "coo"]
        self._X = validate_data(model, X, reset=False, accept_sparse=accepted)
        self._known: dict[str, Any] = {}

    def raw(self, coef, intercept):
        """Return the decision values of a level, or the predictions of a regressor.

        Parameters
        ----------
        coef, intercept : ndarray or float
            As the model stores them.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            O(cells of X * n_outputs).
        """
        found = self._X @ (coef if coef.ndim == 1 else coef.T) + intercept
        return found.ravel() if self._classifies and found.shape[1:] == (1,) else found

    def of(self, method, raw):
        """Return what the method of a level predicts.

        Parameters
        ----------
        method : {"predict", "predict_proba", "decision_function"}
            Name of the method.
        raw : ndarray
            As `raw` returns it.

        Returns
        -------
        ndarray or None
            None if the whole model predicts otherwise.
        """
        if method not in self._known:
            self._known[method] = self._formula_of(method)
        formula = self._known[method]
        return None if formula is None else formula(self.model, raw)

    def _formula_of(self, method):
        """Return the formula by which the whole model predicts, to the last bit."""
        found = getattr(self.model, method)(self._given)
        raw = self.raw(self.model.coef_, self.model.intercept_)
        for formula in FORMULAS[method, self._classifies]:
            own = formula(self.model, raw)
            if own is not None and own.dtype == found.dtype and np.array_equal(own, found):
                return formula
        return None


def _values(model, raw):  # noqa: ARG001 - one signature for all formulas
    return raw


def _labels(model, raw):
    code = (raw > 0).astype(np.intp) if raw.ndim == 1 else raw.argmax(axis=1)
    return model.classes_.take(code)


def _logistic(model, raw):  # noqa: ARG001 - one signature for all formulas
    chance = expit(raw)
    return np.stack([1 - chance, chance], axis=1) if raw.ndim == 1 else None


def _softmax(model, raw):  # noqa: ARG001 - one signature for all formulas
    return softmax(raw) if raw.ndim == 2 else None


# The formulas of each method, by whether the model is a classifier.
FORMULAS: Mapping[tuple[str, bool], tuple[Callable[..., Any], ...]] = MappingProxyType(
    {
        ("predict", True): (_labels,),
        ("predict", False): (_values,),
        ("decision_function", True): (_values,),
        ("predict_proba", True): (_logistic, _softmax),
    }
)


def _model_has(name):
    return lambda self: hasattr(self.model, name)


class LinearSnapshot(BaseEstimator):
    """A level of a linear model, for scorers and the samples of its responses.

    Parameters
    ----------
    responses : LinearResponses
        The samples, and the whole model for its labels and tags.
    coef, intercept : ndarray or float
        Those of the level, as the model stores them.
    build : callable
        Builds the model of the level, for what is not computed from its decision values.
    """

    def __init__(self, responses, coef, intercept, build):
        self.responses, self.coef, self.intercept = responses, coef, intercept
        self.build = build
        self._made: dict[str, Any] = {}

    def __sklearn_tags__(self):
        return get_tags(self.model)

    def __sklearn_is_fitted__(self):
        return True

    @property
    def model(self):
        """The whole model."""
        return self.responses.model

    @property
    def classes_(self):
        """Class labels of the whole model."""
        return self.model.classes_

    def predict(self, X):
        """Return the predictions of the level."""
        return self._answer("predict", X)

    @available_if(_model_has("predict_proba"))
    def predict_proba(self, X):
        """Return the probabilities of the level."""
        return self._answer("predict_proba", X)

    @available_if(_model_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Return the logarithms of the probabilities of the level."""
        return self._cut.predict_log_proba(X)

    @available_if(_model_has("decision_function"))
    def decision_function(self, X):
        """Return the decision values of the level."""
        return self._answer("decision_function", X)

    def _answer(self, method, X):
        found = self.responses.of(method, self._raw)
        return getattr(self._cut, method)(X) if found is None else found

    @property
    def _raw(self):
        if "raw" not in self._made:
            self._made["raw"] = self.responses.raw(self.coef, self.intercept)
        return self._made["raw"]

    @property
    def _cut(self):
        if "cut" not in self._made:
            self._made["cut"] = self.build()
        return self._made["cut"]
