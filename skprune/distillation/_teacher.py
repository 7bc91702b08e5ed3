"""Soft labels from teachers that were not fitted to the labelled samples."""

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.parallel import Parallel, delayed

from skprune._compat import n_rows_of, rows_of
from skprune.distillation._student import align, predict_soft, weights_for
from skprune.exceptions import InputError


class Teacher:
    """A teacher, and its soft labels for samples that it was not fitted to.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor. A `FrozenEstimator` predicts as it is.
    data : TrainingData
        All training samples.
    n_jobs : int or None
        Number of fits in parallel.

    Attributes
    ----------
    model : fitted estimator
        The teacher, fitted to all samples.
    how : str
        "out of bag", "out of fold" or "frozen".
    """

    def __init__(self, estimator, data, n_jobs):
        self.estimator, self.data, self.n_jobs = estimator, data, n_jobs
        self.how = "out of fold"
        if isinstance(estimator, FrozenEstimator):
            self.how = "frozen"
        elif draws_rows(estimator):
            self.how = "out of bag"
            self.estimator = clone(estimator)
            self.estimator.set_params(oob_score=estimator.oob_score or True)
        self.model = self._fit(data)

    def _fit(self, data):
        weights = weights_for(self.estimator, data.weight) if self.how != "frozen" else {}
        return clone(self.estimator).fit(data.X, data.labels, **weights)

    def __getstate__(self):
        # Fits in other processes do not need this model, which may be large.
        return {name: value for name, value in vars(self).items() if name != "model"}

    def label(self, fold, parts):
        """Return soft labels.

        Parameters
        ----------
        fold : ndarray of int, shape (n_samples,)
            Folds.
        parts : list of Part
            All samples; then, if students are compared, those outside of each fold.

        Returns
        -------
        list of tuple of ndarray
            For each part the labels of its own samples, by teachers that were fitted neither to
            the sample nor to any in the fold, and those of its synthetic samples.
        """
        if self.how == "frozen":
            own = predict_soft(self.model, self.data.X, self.data.classes)
            return [(own[part.index], self._made(self.model, part)) for part in parts]
        first = self._made(self.model, parts[0])
        if self.how == "out of bag":
            labels = [(self._out_of_bag(self.model, self.data), first)]
            return labels + self._parallel(self._label_out_of_bag, parts[1:])
        return self._label_out_of_fold(fold, parts, first)

    def _made(self, model, part):
        if not n_rows_of(part.made):
            return self.data.one_hot_targets[:0]
        return predict_soft(model, part.made, self.data.classes)

    def _parallel(self, function, jobs):
        return Parallel(n_jobs=self.n_jobs)(delayed(function)(job) for job in jobs)

    def _label_out_of_bag(self, part):
        data = self.data.part(part.index)
        model = self._fit(data)
        return self._out_of_bag(model, data), self._made(model, part)

    def _out_of_bag(self, model, data):
        if data.classes is None:
            labels = np.array(model.oob_prediction_)
        else:
            labels = align(model.oob_decision_function_, model.classes_, data.classes)
        drawn = always_drawn(model.estimators_samples_, len(data.y))
        labels[drawn] = data.one_hot_targets[drawn]  # no member has an out-of-bag prediction
        return labels

    def _label_out_of_fold(self, fold, parts, first):
        n_folds = fold.max() + 1
        # Each fold is labelled by the teacher that was fitted to all others; so that the labels
        # of a part are independent of its fold, teachers leave out each pair of folds as well.
        pairs = [(k, k) for k in range(n_folds)]
        if len(parts) > 1:
            pairs += [(k, j) for k in range(n_folds) for j in range(k)]
        jobs = [(fold, k, j, parts[k + 1] if k == j and parts[1:] else None) for k, j in pairs]
        labels = np.empty((n_folds + 1, *self.data.one_hot_targets.shape))
        made = [first] + [None] * n_folds
        done = self._parallel(self._label_folds, jobs)
        for (k, j), (found, of_made) in zip(pairs, done, strict=True):
            if k == j:
                labels[0, fold == k], made[k + 1] = found[k], of_made
            else:
                labels[j + 1, fold == k], labels[k + 1, fold == j] = found[k], found[j]
        return [(labels[p, part.index], made[p]) for p, part in enumerate(parts)]

    def _label_folds(self, job):
        fold, k, j, part = job
        seen = np.flatnonzero((fold != k) & (fold != j))
        if not len(seen):
            msg = (
                "cv gives two folds, but the comparison leaves out each pair of folds: no samples "
                "are left for the teacher. Give cv=3 or more, or gate=False."
            )
            raise InputError(msg)
        model = self._fit(self.data.part(seen))
        X, classes = self.data.X, self.data.classes
        found = {
            left: predict_soft(model, rows_of(X, np.flatnonzero(fold == left)), classes)
            for left in {k, j}
        }
        return found, part and self._made(model, part)


def draws_rows(estimator):
    """Whether the members of a model are fitted to bootstrap samples, with out-of-bag scores."""
    params = estimator.get_params(deep=False)
    return bool(params.get("bootstrap") and "oob_score" in params and not params.get("warm_start"))


def always_drawn(samples, n_rows):
    """Return the samples that every member drew; O(members * n_rows).

    Parameters
    ----------
    samples : list of ndarray of int
        The bootstrap sample of each member.
    n_rows : int
        Number of training samples.

    Returns
    -------
    ndarray of bool, shape (n_rows,)
        True for samples without an out-of-bag prediction.
    """
    always = np.ones(n_rows, dtype=bool)
    for sample in samples:
        drawn = np.zeros(n_rows, dtype=bool)
        drawn[sample] = True
        always &= drawn
    return always
