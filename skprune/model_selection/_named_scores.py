"""Scores by metrics known by name, from predictions alone.

The metrics of scikit-learn examine targets and predictions anew for each of hundreds of levels,
which takes longer than the metric itself. Here targets are examined once, and many levels are
scored by one call. Counts are equal to the last bit, and sums up to the order of their terms.
"""

from functools import partial

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import get_scorer
from sklearn.utils import assert_all_finite

from skprune.exceptions import InputError
from skprune.model_selection._predictions import RANKING
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
        confusion = {
            metric: ("predict", partial(_from_margins, metric))
            for metric in CONFUSION
            if defines(metric, classes)
        }
        found = confusion | CLASSES | CHANCES
        if len(classes) == 2 and (
            hasattr(model, "decision_function") or hasattr(model, "predict_proba")
        ):
            found |= TWO_CLASSES
        # Of strings the scorer does not know which class is the positive one.
        if len(classes) == 2 and classes.dtype.kind in "iufb":
            found |= TWO_NUMBERS
        return found

    @property
    def methods(self):
        """The responses of a level that the metrics are computed from; set of str."""
        return {method for method, _ in self._metrics.values()}

    def of(self, block):
        """Return the scores of some levels; dict of str to ndarray of shape (n_levels,).

        Parameters
        ----------
        block : Block
            The predictions of the levels, of all `methods`.
        """
        return {
            name: metric(self, block.get(method), block)
            for name, (method, metric) in self._metrics.items()
        }


# The metrics: functions of what is known, of the responses of the levels, and of their block.


def _accuracy(known, found, block):  # noqa: ARG001 - one signature for all metrics
    return np.mean(known.y == found, axis=1)


def _margins(known, code):
    """Return the number of right samples and of predictions, per level and class."""
    n_classes = len(known.counts)
    place = code + n_classes * np.arange(len(code))[:, np.newaxis]
    shape, size = (len(code), n_classes), len(code) * n_classes
    hits = np.bincount(place[code == known.codes], minlength=size)
    return hits.reshape(shape), np.bincount(place.ravel(), minlength=size).reshape(shape)


def _balanced_accuracy(known, found, block):  # noqa: ARG001 - one signature for all metrics
    n_classes = len(known.counts)
    right = np.where(known.y == found, known.codes, n_classes)
    right += (n_classes + 1) * np.arange(len(right))[:, np.newaxis]
    hits = np.bincount(right.ravel(), minlength=len(right) * (n_classes + 1))
    return np.mean(hits.reshape(len(right), -1)[:, :-1] / known.counts, axis=1)


def _from_margins(metric, known, found, block):
    hits, predicted = _margins(known, np.searchsorted(block.model.classes_, found))
    scores = np.empty(len(hits))
    usual = predicted.all(axis=1)
    if usual.any():
        scores[usual] = from_margins(metric, hits[usual], predicted[usual], known.counts)
    for place in np.flatnonzero(~usual):  # the scorer warns of shares of nothing
        scores[place] = get_scorer(metric)(block.predictor(place), block.X, known.y)
    return scores


def _log_loss(known, chance, block):  # noqa: ARG001 - one signature for all metrics
    assert_all_finite(chance.reshape(-1))
    eps = np.finfo(chance.dtype).eps
    own = np.clip(chance[:, np.arange(chance.shape[1]), known.codes], eps, 1 - eps)
    return np.mean(np.log(own), axis=1)


def _brier(known, chance, block):  # noqa: ARG001 - one signature for all metrics
    chance = chance[:, :, 1]
    assert_all_finite(chance)
    if chance.min() < 0 or chance.max() > 1:
        msg = f"predict_proba returned {chance.min()} to {chance.max()}. Give a model of chances."
        raise InputError(msg)
    return -np.mean((known.codes - chance) ** 2, axis=1)


def _roc_auc(known, found, block):  # noqa: ARG001 - one signature for all metrics
    assert_all_finite(found)
    return np.array([_area(ranking, known.codes) for ranking in found])


def _area(ranking, codes):
    """Return the area under the ROC curve, from the corners that scikit-learn sums over."""
    order = np.argsort(ranking)[::-1]
    ends = np.append(np.flatnonzero(np.diff(ranking[order])), len(order) - 1)
    hits = np.cumsum(codes[order])[ends]
    false = 1 + ends - hits
    corner = np.concatenate([[True], (np.diff(false, 2) != 0) | (np.diff(hits, 2) != 0), [True]])
    x, y = (np.append(0, each[corner[-len(each) :]]) / each[-1] for each in (false, hits))
    return ((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2).sum()


def _numbers(known, found):
    found = found.reshape(len(found), *known.y.shape)
    if not np.isfinite(found.sum()):  # the same test as below, for less
        assert_all_finite(found)
    return found


def _squared_error(known, found, block):  # noqa: ARG001 - one signature for all metrics
    return -np.mean((known.y - _numbers(known, found)) ** 2, axis=1)


def _root_squared_error(known, found, block):
    return -np.sqrt(-_squared_error(known, found, block))


def _absolute_error(known, found, block):  # noqa: ARG001 - one signature for all metrics
    return -np.mean(np.abs(_numbers(known, found) - known.y), axis=1)


def _r2(known, found, block):  # noqa: ARG001 - one signature for all metrics
    misses = np.sum((known.y - _numbers(known, found)) ** 2, axis=1)
    if known.spread == 0:  # values so near each other that their squares are 0
        return (misses == 0).astype(float)
    return 1 - misses / known.spread


# By name, what a metric is computed from, and how.
CLASSES = {
    "accuracy": ("predict", _accuracy),
    "balanced_accuracy": ("predict", _balanced_accuracy),
}
CHANCES = {"neg_log_loss": ("predict_proba", _log_loss)}
TWO_CLASSES = {"roc_auc": (RANKING, _roc_auc)}
TWO_NUMBERS = {"neg_brier_score": ("predict_proba", _brier)}
NUMBERS = {
    "r2": ("predict", _r2),
    "neg_mean_squared_error": ("predict", _squared_error),
    "neg_root_mean_squared_error": ("predict", _root_squared_error),
    "neg_mean_absolute_error": ("predict", _absolute_error),
}
