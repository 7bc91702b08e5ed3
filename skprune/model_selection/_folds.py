"""The folds of a search: as many as are announced, without those that weigh nothing."""

from skprune._compat import rows_of_params
from skprune.base._folds import splits_of
from skprune.base._partitions import refuse_partitions
from skprune.base._rows import check_weights_fit, folds_that_weigh


def folds_of(cv, X, y, routed, *, classifier):
    """Return the folds of a search that have samples of positive weight.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        As in `GridSearchCV`.
    X, y : array-like
        Samples and targets.
    routed : Bunch
        Parameters of the estimator, the scorer and the splitter.
    classifier : bool
        Whether the folds are stratified, where `cv` leaves it open.

    Returns
    -------
    list of tuple of ndarray
        Indices of training and test samples.

    Raises
    ------
    InputError
        If there is no fold, or another number of them than is announced, or weights are
        malformed or zero in all folds; or if the samples are a table of dask.
    """
    refuse_partitions(X)
    params = routed.splitter.split
    splits = splits_of(cv, X, y, classifier=classifier, **params)
    fit, score = _weights_in(routed.estimator.fit), _weights_in(routed.scorer.score)
    check_weights_fit(X, fit | score)
    parts = [list(rows_of_params(X, part, None).values()) for part in (fit, score)]
    return folds_that_weigh(splits, *parts, cv=cv, stacklevel=4)


def _weights_in(params):
    """Return those of some parameters that are weights of samples; dict."""
    return {
        name: value
        for name, value in params.items()
        if name.rpartition("__")[2] == "sample_weight" and value is not None
    }
