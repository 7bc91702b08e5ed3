"""Paired losses: by how much the loss of each level exceeds that of the whole model.

The whole model and its levels predict the same samples, so that what their losses have in
common, which is most of it, cancels in the differences. Given the models, samples are
independent, and the variance of the differences gives the standard error of their mean. Means
and variances are those of the metric: each sample has an influence on the mean (the share of
its weight; for balanced accuracy the share within its class), and classes are strata there.
"""

from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier


class Increase(NamedTuple):
    """Increase of the loss of a level over the whole model, on the test samples of a fold.

    Attributes
    ----------
    mean : float
        Score of the whole model minus that of the level, for metrics that add up.
    variance : float
        Squared standard error of the mean, given the models.
    step : float
        Size of one loss event in the mean: third over second moment of the differences of the
        samples; sets the lattice of the Poisson test. One event of the largest size seen at any
        level is added to both moments, so that it is defined where no sample differs. For
        errors it is the influence of one sample; 0 for the whole model itself.
    """

    mean: float
    variance: float
    step: float


UNKNOWN = Increase(np.nan, np.nan, np.nan)


class PairedLosses:
    """The losses of the levels of one path on the test samples of one fold.

    Parameters
    ----------
    path : PruningPath
        Whose levels are compared.
    metric : str, callable or None
        A `scoring`: the name of a metric that is a mean of losses, or any other, which is
        replaced by the error rate (classifiers) or the squared error (regressors).
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True targets.
    weight : array-like of shape (n_samples,), default=None
        Sample weights.

    Attributes
    ----------
    applies : bool
        Whether these targets have a loss per sample: not where a class is unknown to the model
        or an output is constant (R2); nor for classifiers of several outputs, or for the
        root of the mean squared error of several outputs.
    complete : bool
        Whether the losses of all levels have been added.
    """

    def __init__(self, path, metric, y, weight=None):
        classifies, metric = is_classifier(path.model), path.resolve_scoring(metric)
        table, other = (CLASSES, "accuracy") if classifies else (NUMBERS, "neg_mean_squared_error")
        self._metric = metric if isinstance(metric, str) and metric in table else other
        self.complete = False
        self._loss = table[self._metric]
        self._y, self._n_levels = np.asarray(y), len(path)
        self.applies = self._has_classes(path) if classifies else self._has_numbers()
        if not self.applies:
            return
        weight = np.ones(len(self._y)) if weight is None else np.asarray(weight, dtype=float)
        self._stratum, self._n_strata = np.zeros(len(self._y), dtype=np.intp), 1
        if self._metric == "balanced_accuracy":
            present, self._stratum = np.unique(self._y, return_inverse=True)
            self._n_strata = len(present)
        total = np.bincount(self._stratum, weight)
        self.applies = bool((total > 0).all())
        if self.applies:
            self._influence = weight / total[self._stratum] / self._n_strata
        self._scale: Any = 1.0
        if self._metric == "r2" and self.applies:
            mean = np.average(self._y, axis=0, weights=weight)
            spread = np.average((self._y - mean) ** 2, axis=0, weights=weight)
            self.applies = bool((spread > 0).all())
            self._scale = 1 / spread if self.applies else 1.0
        self._sums: dict[int, Any] = {}
        self._whole: Any = None
        self._largest = 1.0 if self._loss is _error else 0.0

    def _has_classes(self, path):
        y, classes = self._y, path.model.classes_
        return y.ndim == 1 and not isinstance(classes, list) and bool(np.isin(y, classes).all())

    def _has_numbers(self):
        y, several = self._y, self._y.ndim > 1 and self._y.shape[1] > 1
        numbers = y.dtype.kind in "iufb" and bool(np.isfinite(y).all())
        return numbers and not (several and self._metric == "neg_root_mean_squared_error")

    def add_level(self, level, model, X):
        """Add the losses of a level; the first has to be the whole model.

        Parameters
        ----------
        level : int
            Row of the path.
        model : estimator
            The cut model, or what predicts as it does.
        X : array-like of shape (n_samples, n_features)
            The test samples.
        """
        loss = self._loss(model, X, self._y, self._scale)
        if self._whole is None:
            self._whole = loss
        moments = self._moments(slice(None), loss)
        self._sums[level] = np.array([np.bincount(self._stratum, a) for a in moments])

    def add_segments(self, segments):
        """Add the losses of all levels of a path; O(segments + levels * classes).

        Parameters
        ----------
        segments : iterable
            As of `PruningPath.segments`.
        """
        n_strata, size = self._n_strata, (self._n_levels + 1) * self._n_strata
        change = np.zeros((4, size))
        for rows, start, end, model in segments:
            loss = self._loss(model, None, self._y[rows], self._scale)
            if self._whole is None:
                self._whole = loss
            stratum = self._stratum[rows]
            for k, moment in enumerate(self._moments(rows, loss)):
                change[k] += np.bincount(start * n_strata + stratum, moment, size)
                change[k] -= np.bincount(end * n_strata + stratum, moment, size)
        sums = np.cumsum(change.reshape(4, -1, n_strata), axis=1)
        self._sums = dict(enumerate(np.moveaxis(sums, 1, 0)[:-1]))
        self.complete = True

    def _moments(self, rows, loss):
        """Return what samples add to the moments of the loss differences of a level."""
        influence, difference = self._influence[rows], loss - self._whole[rows]
        self._largest = max(self._largest, np.abs(difference).max(initial=0.0))
        shift, square = influence * difference, influence**2
        return shift, square * difference, shift**2, np.abs(shift) ** 3

    def increase(self, level):
        """Return the increase of a level, once all levels have been added.

        Parameters
        ----------
        level : int
            Row of the path.

        Returns
        -------
        Increase
            Over the whole model, row 0 of the path.
        """
        if level == 0:
            return Increase(0.0, 0.0, 0.0)
        first, cross, square, cube = self._sums[level]
        influence = self._influence
        n_rows = np.bincount(self._stratum[influence > 0], minlength=self._n_strata)
        among = np.bincount(self._stratum, influence**2)
        # A class with a single sample has no variance about its mean: take it about zero.
        centre = np.where(n_rows > 1, first * self._n_strata, 0.0)
        variance = (square - 2 * centre * cross + centre**2 * among).clip(min=0)
        variance = (variance * n_rows / np.maximum(n_rows - 1, 1)).sum()
        step = np.zeros(self._n_strata)
        np.maximum.at(step, self._stratum, influence)
        step *= self._largest or self._whole.max() or 1.0
        event = ((cube + step**3) / (square + step**2)).max()
        mean, unit = first.sum(), 1.0
        if self._metric == "neg_root_mean_squared_error":
            # a - b = (a^2 - b^2) / (a + b), the exact difference of the roots.
            whole = influence @ self._whole
            unit = np.sqrt(whole) + np.sqrt(max(whole + mean, 0.0)) or 1.0
        return Increase(float(mean / unit), float(variance / unit**2), float(event / unit))


def over_folds(increases):
    """Combine the folds of one level as `mean_test_score` does.

    Parameters
    ----------
    increases : ndarray of shape (n_levels, n_folds, 3)
        Mean, variance and step of each.

    Returns
    -------
    dict of str to ndarray of shape (n_levels,)
        Columns of `cv_results_`. Test samples of different folds are independent given the
        models, so the variances of the folds add up.
    """
    n_folds = increases.shape[1]
    mean, variance, step = np.moveaxis(increases, 2, 0)
    return {
        "mean_loss_increase": mean.mean(axis=1),
        "se_loss_increase": np.sqrt(variance.sum(axis=1)) / n_folds,
        "row_loss_increase": step.max(axis=1) / n_folds,
    }


def _error(model, X, y, scale):  # noqa: ARG001 - one signature for all losses
    return (np.asarray(model.predict(X)) != y).astype(float)


def _log_loss(model, X, y, scale):  # noqa: ARG001 - one signature for all losses
    chance = model.predict_proba(X)
    eps = np.finfo(chance.dtype).eps
    own = chance[np.arange(len(y)), np.searchsorted(model.classes_, y)]
    return -np.log(np.clip(own, eps, 1 - eps))


def _brier(model, X, y, scale):  # noqa: ARG001 - one signature for all losses
    classes = model.classes_
    square = (model.predict_proba(X) - (y[:, np.newaxis] == classes)) ** 2
    # As in scikit-learn: half of it for two classes.
    return square.sum(axis=1) / (2 if len(classes) == 2 else 1)


def _squared_error(model, X, y, scale):
    miss = (np.asarray(model.predict(X)).reshape(y.shape) - y) ** 2 * scale
    return miss.reshape(len(y), -1).mean(axis=1)


def _absolute_error(model, X, y, scale):  # noqa: ARG001 - one signature for all losses
    miss = np.abs(np.asarray(model.predict(X)).reshape(y.shape) - y)
    return miss.reshape(len(y), -1).mean(axis=1)


CLASSES = MappingProxyType(
    {
        "accuracy": _error,
        "balanced_accuracy": _error,
        "neg_log_loss": _log_loss,
        "neg_brier_score": _brier,
    }
)
NUMBERS = MappingProxyType(
    {
        "r2": _squared_error,
        "neg_mean_squared_error": _squared_error,
        "neg_root_mean_squared_error": _squared_error,
        "neg_mean_absolute_error": _absolute_error,
    }
)
