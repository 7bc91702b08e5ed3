"""Models that are fitted already, in a `FrozenEstimator`."""

from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted


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
