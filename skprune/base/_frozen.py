"""Models that are fitted already, in a `FrozenEstimator` or without one."""

import warnings

from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skprune.exceptions import PruningWarning


def check_frozen(estimator):
    """Refuse a `FrozenEstimator` around a model that is not fitted.

    Parameters
    ----------
    estimator : estimator
        Any estimator; others than a `FrozenEstimator` are not checked.

    Raises
    ------
    sklearn.exceptions.NotFittedError
        Which names the class of the model inside.
    """
    if not isinstance(estimator, FrozenEstimator):
        return
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        msg = (
            f"The model inside the FrozenEstimator is not fitted: {estimator.estimator!r}. Fit it "
            "before, or pass it without the FrozenEstimator."
        )
        raise NotFittedError(msg) from error


def warn_if_fitted(estimator, *, stacklevel):
    """Warn of a model that was fitted, but will be cloned and fitted again.

    Parameters
    ----------
    estimator : estimator
        Any estimator; a `FrozenEstimator` is not fitted again.
    stacklevel : int
        As of `warnings.warn`, seen from the caller.
    """
    if isinstance(estimator, FrozenEstimator):
        return
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return
    if get_tags(estimator).requires_fit:
        name = type(estimator).__name__
        warnings.warn(
            f"The {name} that was given is fitted, but a clone is fitted again, to the samples "
            "passed to fit. To use it as it is, wrap it in a sklearn.frozen.FrozenEstimator; else "
            "give an unfitted one, such as sklearn.base.clone makes.",
            PruningWarning,
            stacklevel=stacklevel + 1,
        )
