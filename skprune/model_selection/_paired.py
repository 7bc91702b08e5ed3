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


class Known(NamedTuple):
    """What losses need beside responses and targets: class labels, and factors of outputs."""

    classes: Any
    scale: Any


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
    method : str
        Name of the method from whose responses the losses are computed.
    """

    def __init__(self, path, metric, y, weight=None):
        classifies, metric = is_classifier(path.model), path.resolve_scoring(metric)
        table, other = (CLASSES, "accuracy") if classifies else (NUMBERS, "neg_mean_squared_error")
        self._metric = metric if isinstance(metric, str) and metric in table else other
        self.complete = False
        self.method, self._loss = table[self._metric]
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
        self._known = Known(getattr(path.model, "classes_", None), self._scale)
        self._sums: dict[int, Any] = {}
        self._increases: dict[int, Increase] | None = None
        self._whole: Any = None
        self._largest = 1.0 if self._loss is _error else 0.0

    def _has_classes(self, path):
        y, classes = self._y, path.model.classes_
        return y.ndim == 1 and not isinstance(classes, list) and bool(np.isin(y, classes).all())

    def _has_numbers(self):
        y, several = self._y, self._y.ndim > 1 and self._y.shape[1] > 1
        numbers = y.dtype.kind in "iufb" and bool(np.isfinite(y).all())
        return numbers and not (several and self._metric == "neg_root_mean_squared_error")

    def add_levels(self, block):
        """Add the losses of some levels; the first of all has to be the whole model.

        Parameters
        ----------
        block : Block
            Their predictions of the test samples, by `method`.
        """
        loss = self._loss(block.get(self.method), self._y, self._known)
        if self._whole is None:
            self._whole = loss[0]
        moments = self._moments(slice(None), loss)
        if self._n_strata == 1:
            sums = [moment.sum(axis=1, keepdims=True) for moment in moments]
        else:
            place = self._stratum + self._n_strata * np.arange(len(loss))[:, np.newaxis]
            shape, size = (len(loss), self._n_strata), len(loss) * self._n_strata
            sums = [np.bincount(place.ravel(), m.ravel(), size).reshape(shape) for m in moments]
        self._sums |= dict(zip(block.levels, np.stack(sums, axis=1), strict=True))

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
            found = np.asarray(getattr(model, self.method)(None))[np.newaxis]
            loss = self._loss(found, self._y[rows], self._known)[0]
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
        shift = influence * difference
        square = shift**2
        return shift, influence * shift, square, np.abs(shift) * square

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
        if self._increases is None:
            columns = self._increases_of(np.stack(list(self._sums.values())))
            found = map(Increase, *(column.tolist() for column in columns))
            self._increases = dict(zip(self._sums, found, strict=True))
            self._increases[0] = Increase(0.0, 0.0, 0.0)
        return self._increases[level]

    def _increases_of(self, sums):
        """Return means, variances and steps, from sums of shape (n_levels, 4, n_strata)."""
        first, cross, square, cube = np.moveaxis(sums, 1, 0)
        influence = self._influence
        n_rows = np.bincount(self._stratum[influence > 0], minlength=self._n_strata)
        among = np.bincount(self._stratum, influence**2)
        # A class with a single sample has no variance about its mean: take it about zero.
        centre = np.where(n_rows > 1, first * self._n_strata, 0.0)
        variance = (square - 2 * centre * cross + centre**2 * among).clip(min=0)
        variance = (variance * n_rows / np.maximum(n_rows - 1, 1)).sum(axis=1)
        step = np.zeros(self._n_strata)
        np.maximum.at(step, self._stratum, influence)
        step *= self._largest or self._whole.max() or 1.0
        event = ((cube + step**3) / (square + step**2)).max(axis=1)
        mean = first.sum(axis=1)
        if self._metric != "neg_root_mean_squared_error":
            return mean, variance, event
        # a - b = (a^2 - b^2) / (a + b), the exact difference of the roots.
        whole = influence @ self._whole
        unit = np.sqrt(whole) + np.sqrt(np.maximum(whole + mean, 0.0))
        unit = np.where(unit > 0, unit, 1.0)
        return mean / unit, variance / unit**2, event / unit


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


# The losses: functions of the responses of some levels, of shape (n_levels, n_samples, ...), of
# the targets, and of what else is known. They return an array of shape (n_levels, n_samples).


def _error(found, y, known):  # noqa: ARG001 - one signature for all losses
    return (found != y).astype(float)


def _log_loss(chance, y, known):
    eps = np.finfo(chance.dtype).eps
    own = chance[:, np.arange(len(y)), np.searchsorted(known.classes, y)]
    return -np.log(np.clip(own, eps, 1 - eps))


def _brier(chance, y, known):
    square = (chance - (y[:, np.newaxis] == known.classes)) ** 2
    # As in scikit-learn: half of it for two classes.
    return square.sum(axis=2) / (2 if len(known.classes) == 2 else 1)


def _squared_error(found, y, known):
    miss = (found.reshape(len(found), *y.shape) - y) ** 2 * known.scale
    return miss if miss.ndim == 2 else miss.reshape(*miss.shape[:2], -1).mean(axis=2)


def _absolute_error(found, y, known):  # noqa: ARG001 - one signature for all losses
    miss = np.abs(found.reshape(len(found), *y.shape) - y)
    return miss if miss.ndim == 2 else miss.reshape(*miss.shape[:2], -1).mean(axis=2)


# By metric, what its loss is computed from, and how.
CLASSES = MappingProxyType(
    {
        "accuracy": ("predict", _error),
        "balanced_accuracy": ("predict", _error),
        "neg_log_loss": ("predict_proba", _log_loss),
        "neg_brier_score": ("predict_proba", _brier),
    }
)
NUMBERS = MappingProxyType(
    {
        "r2": ("predict", _squared_error),
        "neg_mean_squared_error": ("predict", _squared_error),
        "neg_root_mean_squared_error": ("predict", _squared_error),
        "neg_mean_absolute_error": ("predict", _absolute_error),
    }
)
