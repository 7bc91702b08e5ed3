"""Scores by metrics known by name, from predictions alone.

The metrics of scikit-learn examine targets and predictions anew for each of hundreds of levels,
which takes longer than the metric itself. Here targets are examined once. Counts are equal to
the last bit, and sums are taken in the same order.
"""

from functools import partial

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer
from sklearn.utils import assert_all_finite

from skprune.exceptions import InputError
from skprune.tree._level_scores import CONFUSION, defines, from_margins


class NamedScores:
    """Scores of levels of one path for the same samples.

    Parameters
    ----------
    path : PruningPath
        Whose levels are scored.
    specs : dict of str to object
        The `scoring` of each metric, as the user wrote it.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True targets.

    Attributes
    ----------
    names : set of str
        The metrics that are known, and defined for these targets in the usual way.
    """

    def __init__(self, path, specs, y):
        self.y = np.asarray(y)
        metrics = {name: path.resolve_scoring(spec) for name, spec in specs.items()}
        table = self._table(path.model) if specs else {}
        self._metrics = {
            name: table[metric]
            for name, metric in metrics.items()
            if isinstance(metric, str) and metric in table
        }
        self.names = set(self._metrics)

    def _table(self, model):
        """Return the metrics that these targets have."""
        y = self.y
        if y.ndim != 1 or len(y) < 2:
            return {}
        if not is_classifier(model):
            # Of other types, sums are taken in another precision.
            usual = y.dtype == np.float64 and bool(np.isfinite(y).all())
            if not usual or not (y != y[0]).any():
                return {}
            self.spread = np.sum((y - np.mean(y)) ** 2)
            return NUMBERS
        classes = model.classes_
        if isinstance(classes, list) or not np.isin(y, classes).all():
            return {}
        _, self.codes, self.counts = np.unique(y, return_inverse=True, return_counts=True)
        if not len(self.counts) == len(classes) > 1:
            return CLASSES
        # Of strings the scorer does not know which class is the positive one.
        two_numbers = len(classes) == 2 and classes.dtype.kind in "iufb"
        brier = {"neg_brier_score": _brier} if two_numbers else {}
        confusion = {
            metric: partial(_from_margins, metric)
            for metric in CONFUSION
            if defines(metric, classes)
        }
        return confusion | CLASSES | CHANCES | brier

    def of(self, model, X):
        """Return the scores of a level; dict of str to float.

        Parameters
        ----------
        model : estimator
            What predicts as the cut model does.
        X : array-like of shape (n_samples, n_features)
            The samples.
        """
        return {name: float(metric(self, model, X)) for name, metric in self._metrics.items()}


def _accuracy(known, model, X):
    return np.mean(known.y == np.asarray(model.predict(X)))


def _balanced_accuracy(known, model, X):
    right = known.y == np.asarray(model.predict(X))
    return np.mean(np.bincount(known.codes[right], minlength=len(known.counts)) / known.counts)


def _from_margins(metric, known, model, X):
    code = np.searchsorted(model.classes_, np.asarray(model.predict(X)))
    n_classes = len(known.counts)
    predicted = np.bincount(code, minlength=n_classes)
    hits = np.bincount(code[code == known.codes], minlength=n_classes)
    if not predicted.all():
        return get_scorer(metric)(model, X, known.y)  # it warns of shares of nothing
    return from_margins(metric, hits[np.newaxis], predicted[np.newaxis], known.counts)[0]


def _log_loss(known, model, X):
    chance = model.predict_proba(X)
    assert_all_finite(chance)
    eps = np.finfo(chance.dtype).eps
    own = np.clip(chance[np.arange(len(chance)), known.codes], eps, 1 - eps)
    return np.mean(np.log(own))


def _brier(known, model, X):
    chance = model.predict_proba(X)[:, 1]
    assert_all_finite(chance)
    if chance.min() < 0 or chance.max() > 1:
        msg = f"predict_proba returned {chance.min()} to {chance.max()}. Give a model of chances."
        raise InputError(msg)
    return -np.mean((known.codes - chance) ** 2)


def _numbers(known, model, X):
    found = np.asarray(model.predict(X)).reshape(known.y.shape)
    if not np.isfinite(found.sum()):  # the same test as below, for less
        assert_all_finite(found)
    return found


def _squared_error(known, model, X):
    miss = (known.y - _numbers(known, model, X)) ** 2
    return -np.mean(miss)


def _root_squared_error(known, model, X):
    return -np.sqrt(-_squared_error(known, model, X))


def _absolute_error(known, model, X):
    return -np.mean(np.abs(_numbers(known, model, X) - known.y))


def _r2(known, model, X):
    misses = np.sum((known.y - _numbers(known, model, X)) ** 2)
    if known.spread == 0:  # values so near each other that their squares are 0
        return float(misses == 0)
    return 1 - misses / known.spread


CLASSES = {"accuracy": _accuracy, "balanced_accuracy": _balanced_accuracy}
CHANCES = {"neg_log_loss": _log_loss}
NUMBERS = {
    "r2": _r2,
    "neg_mean_squared_error": _squared_error,
    "neg_root_mean_squared_error": _root_squared_error,
    "neg_mean_absolute_error": _absolute_error,
}
