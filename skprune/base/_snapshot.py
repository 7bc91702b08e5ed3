"""Models of a path with known predictions for given samples."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if


class Snapshot(BaseEstimator):
    """A pruned model with known predictions, for scorers.

    For many levels of one path, predictions are cheaper to update than to compute, and no
    pruned model has to be built.

    Parameters
    ----------
    model : fitted estimator
        The whole model, for its labels and tags.
    value : ndarray of shape (n_samples, n_values)
        Class probabilities, or predictions with a column per output.
    """

    def __init__(self, model, value):
        self.model = model
        self.value = value

    def __sklearn_tags__(self):
        return get_tags(self.model)

    def __sklearn_is_fitted__(self):
        return True

    def _classifies(self):
        return get_tags(self.model).estimator_type == "classifier"

    @property
    def classes_(self):
        """Class labels of the whole model."""
        return self.model.classes_

    def predict(self, X):  # noqa: ARG002 - the predictions are known
        """Return the known predictions."""
        if self._classifies():
            return self.classes_.take(self.value.argmax(axis=1))
        return self.value[:, 0] if self.value.shape[1] == 1 else self.value

    @available_if(_classifies)
    def predict_proba(self, X):  # noqa: ARG002 - the predictions are known
        """Return the known probabilities."""
        return self.value

    @available_if(_classifies)
    def predict_log_proba(self, X):  # noqa: ARG002 - the predictions are known
        """Return the logarithms of the known probabilities."""
        return np.log(self.value)
