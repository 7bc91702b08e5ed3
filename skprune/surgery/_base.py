"""What all surgeons share."""

import copy
from abc import ABC, abstractmethod

from sklearn.utils.validation import check_is_fitted


class Surgeon(ABC):
    """Reads a fitted model into arrays, and builds smaller plain models from arrays.

    Parameters
    ----------
    model : fitted estimator
        Never changed.

    Attributes
    ----------
    model : fitted estimator
        As given.
    """

    # Attribute of a fitted model; None leaves it to scikit-learn to find one.
    fitted_attribute: str | None = None
    # Whether a `Quantizer` stores its numbers in fewer bits.
    is_coded = True

    def __init__(self, model):
        check_is_fitted(model, self.fitted_attribute)
        self.model = model

    @classmethod  # noqa: B027 - a hook
    def check(cls, model):
        """Raise an error if the parameters of a model already rule it out."""

    def whole(self):
        """Return a deep copy of the model as it is."""
        return copy.deepcopy(self.model)

    @abstractmethod
    def size(self):
        """Return units, parameters and bytes of the model; a tuple of int."""
