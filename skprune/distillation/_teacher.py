"""What a teacher says of rows that it did not see."""

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from skprune._compat import n_rows_of, rows_of
from skprune.distillation._student import align, ask, weights_for
from skprune.exceptions import InputError


def fold_of(cv, rows):
    """Return the fold in which each row is held out.

    Parameters
    ----------
    cv : int, splitter or iterable
        As in scikit-learn.
    rows : Rows
        The training rows.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        Folds, from 0.

    Raises
    ------
    InputError
        If a row is not held out exactly once.
    """
    splitter = check_cv(cv, rows.labels, classifier=rows.classes is not None)
    fold, times = np.zeros(len(rows.y), dtype=int), np.zeros(len(rows.y), dtype=int)
    for k, (_, held) in enumerate(splitter.split(rows.X, rows.labels)):
        fold[held] = k
        times[held] += 1
    if (times != 1).any():
        msg = (
            f"cv={cv!r} holds some rows out {times[times != 1][0]} times. Each row is to be held "
            "out once: give a number of folds, or a splitter such as KFold."
        )
        raise InputError(msg)
    return fold


class Teacher:
    """A teacher, and what it says of rows that it did not see.

    Parameters
    ----------
    estimator : estimator
        A classifier or regressor. A `FrozenEstimator` is asked as it is.
    rows : Rows
        The training rows.
    n_jobs : int or None
        Fits at a time.

    Attributes
    ----------
    model : fitted estimator
        The teacher that saw all rows.
    how : str
        "out of bag", "out of fold" or "frozen".
    """

    def __init__(self, estimator, rows, n_jobs):
        self.estimator, self.rows, self.n_jobs = estimator, rows, n_jobs
        self.how = "out of fold"
        if isinstance(estimator, FrozenEstimator):
            self.how = "frozen"
        elif draws_rows(estimator):
            self.how = "out of bag"
            self.estimator = clone(estimator)
            self.estimator.set_params(oob_score=estimator.oob_score or True)
        self.model = self._fit(rows)

    def _fit(self, rows):
        weights = weights_for(self.estimator, rows.weight) if self.how != "frozen" else {}
        return clone(self.estimator).fit(rows.X, rows.labels, **weights)

    def __getstate__(self):
        # What fits others in another process needs none of this one, which may be large.
        return {name: value for name, value in vars(self).items() if name != "model"}

    def label(self, fold, parts):
        """Return soft labels of rows.

        Parameters
        ----------
        fold : ndarray of int, shape (n_rows,)
            Folds.
        parts : list of Part
            All rows, and after it, or not, one part for each fold: the rows outside of it.

        Returns
        -------
        list of tuple of ndarray
            For each part the labels of its own rows, by teachers that saw neither the row nor
            any in the fold, and those of its made rows.
        """
        if self.how == "frozen":
            own = ask(self.model, self.rows.X, self.rows.classes)
            return [(own[part.index], self._made(self.model, part)) for part in parts]
        first = self._made(self.model, parts[0])
        if self.how == "out of bag":
            labels = [(self._out_of_bag(self.model, self.rows), first)]
            return labels + self._parallel(self._label_out_of_bag, parts[1:])
        return self._label_out_of_fold(fold, parts, first)

    def _made(self, model, part):
        if not n_rows_of(part.made):
            return self.rows.truth[:0]
        return ask(model, part.made, self.rows.classes)

    def _parallel(self, function, jobs):
        return Parallel(n_jobs=self.n_jobs)(delayed(function)(job) for job in jobs)

    def _label_out_of_bag(self, part):
        rows = self.rows.part(part.index)
        model = self._fit(rows)
        return self._out_of_bag(model, rows), self._made(model, part)

    def _out_of_bag(self, model, rows):
        if rows.classes is None:
            labels = np.array(model.oob_prediction_)
        else:
            labels = align(model.oob_decision_function_, model.classes_, rows.classes)
        drawn = always_drawn(model.estimators_samples_, len(rows.y))
        labels[drawn] = rows.truth[drawn]  # no member can say
        return labels

    def _label_out_of_fold(self, fold, parts, first):
        n_folds = fold.max() + 1
        # Each fold is labelled by the teacher that saw all others; so that a part has labels
        # that owe nothing to its fold, teachers leave each two folds out as well.
        pairs = [(k, k) for k in range(n_folds)]
        if len(parts) > 1:
            pairs += [(k, j) for k in range(n_folds) for j in range(k)]
        jobs = [(fold, k, j, parts[k + 1] if k == j and parts[1:] else None) for k, j in pairs]
        labels = np.empty((n_folds + 1, *self.rows.truth.shape))
        made = [first] + [None] * n_folds
        done = self._parallel(self._ask_without, jobs)
        for (k, j), (said, of_made) in zip(pairs, done, strict=True):
            if k == j:
                labels[0, fold == k], made[k + 1] = said[k], of_made
            else:
                labels[j + 1, fold == k], labels[k + 1, fold == j] = said[k], said[j]
        return [(labels[p, part.index], made[p]) for p, part in enumerate(parts)]

    def _ask_without(self, job):
        fold, k, j, part = job
        seen = np.flatnonzero((fold != k) & (fold != j))
        if not len(seen):
            msg = (
                "Two folds leave no rows for a teacher that saw neither. Give cv=3 or more, or "
                "gate=False."
            )
            raise InputError(msg)
        model = self._fit(self.rows.part(seen))
        X, classes = self.rows.X, self.rows.classes
        said = [ask(model, rows_of(X, np.flatnonzero(fold == f)), classes) for f in {k, j}]
        return dict(zip({k, j}, said, strict=True)), part and self._made(model, part)


def draws_rows(estimator):
    """Whether a model's members see drawn rows, so that the others are out of their bag."""
    params = estimator.get_params(deep=False)
    return bool(params.get("bootstrap") and "oob_score" in params and not params.get("warm_start"))


def always_drawn(samples, n_rows):
    """Return the rows that every member drew; O(members * n_rows).

    Parameters
    ----------
    samples : list of ndarray of int
        Rows that each member drew.
    n_rows : int
        How many there are.

    Returns
    -------
    ndarray of bool, shape (n_rows,)
        True for rows without a prediction out of bag.
    """
    always = np.ones(n_rows, dtype=bool)
    for sample in samples:
        drawn = np.zeros(n_rows, dtype=bool)
        drawn[sample] = True
        always &= drawn
    return always
