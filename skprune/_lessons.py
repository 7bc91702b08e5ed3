"""Lessons: rows with the labels that a student is taught, and how each kind of student is."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.metrics import r2_score
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from skprune._compat import n_rows_of, routing_enabled, rows_of
from skprune._made_rows import stack
from skprune.exceptions import InputError
from skprune.solvers.soft_labels import (
    draw,
    expand,
    from_logits,
    log_loss,
    one_hot,
    soften,
    to_logits,
)


class Rows(NamedTuple):
    """Rows with their true targets.

    Attributes
    ----------
    X : array-like of shape (n_rows, n_features)
        The rows, as the user gave them.
    y : ndarray of shape (n_rows,)
        Codes of classes, or numbers.
    weight : ndarray of shape (n_rows,) or None
        Their weights.
    classes : ndarray or None
        Sorted labels in the order of the codes; None for a quantity.
    """

    X: Any
    y: Any
    weight: Any
    classes: Any

    @property
    def labels(self):
        """The targets as the user gave them."""
        return self.y if self.classes is None else self.classes[self.y]

    @property
    def truth(self):
        """The targets as a teacher who is always right would give them."""
        return self.y if self.classes is None else one_hot(self.y, len(self.classes))

    def part(self, index):
        """Return some of the rows."""
        weight = None if self.weight is None else self.weight[index]
        return self._replace(X=rows_of(self.X, index), y=self.y[index], weight=weight)


class Lesson(NamedTuple):
    """What a student is taught.

    Attributes
    ----------
    X : array-like of shape (n_rows, n_features)
        The rows.
    targets : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Numbers, or probabilities of classes.
    weight : ndarray of shape (n_rows,) or None
        Weights of the rows.
    classes : ndarray or None
        Labels in the order of the columns of `targets`.
    """

    X: Any
    targets: Any
    weight: Any
    classes: Any


def make_lessons(rows, part, own, made, *, temperature, mix):
    """Return what the two students are taught of a part of the rows.

    Parameters
    ----------
    rows : Rows
        The training rows.
    part : Part
        Which of them, and the rows made of them.
    own, made : ndarray of shape (n_rows,) or (n_rows, n_classes)
        What the teacher says of them.
    temperature : float
        Softens what the teacher says of classes.
    mix : float
        Share of the truth.

    Returns
    -------
    dict of str to Lesson
        "hard", the truth alone, and "soft", both mixed; only this one has the made rows.
    """
    true = rows.part(part.index)
    if rows.classes is not None:
        own, made = soften(own, temperature), soften(made, temperature)
    hard = Lesson(true.X, true.truth, true.weight, rows.classes)
    soft = hard._replace(targets=mix * hard.targets + (1.0 - mix) * own)
    if len(made):
        weight = rows.weight
        soft = soft._replace(
            X=stack(soft.X, part.made),
            targets=np.concatenate([soft.targets, made]),
            weight=weight if weight is None else weight[np.r_[part.index, part.parents]],
        )
    return {"hard": hard, "soft": soft}


def weight_parameter(model):
    """Return the name under which a model's `fit` takes weights of rows, or None.

    A pipeline passes them to its last step, and what wraps a model in `estimator` to that.
    """
    if isinstance(model, Pipeline) and not routing_enabled():
        name, last = model.steps[-1]
        inner = weight_parameter(last)
        return inner and f"{name}__{inner}"
    if not has_fit_parameter(model, "sample_weight"):
        return None
    inner = getattr(model, "estimator", None)
    wraps = hasattr(inner, "fit") and not has_fit_parameter(inner, "sample_weight")
    return None if wraps else "sample_weight"


def draws_classes(student):
    """Whether a student is taught one class per row, for its `fit` takes no weights."""
    return not is_regressor(student) and weight_parameter(student) is None


def weights_for(model, weight):
    """Return the weights of rows as a model's `fit` takes them.

    Parameters
    ----------
    model : estimator
        What is to be fitted.
    weight : ndarray of shape (n_rows,) or None
        The weights.

    Returns
    -------
    dict
        Empty if there are no weights.

    Raises
    ------
    InputError
        If there are weights and the model takes none.
    """
    if weight is None:
        return {}
    name = weight_parameter(model)
    if name is None:
        msg = (
            f"sample_weight was given, but the fit of {model!r} takes none. Leave it out, or use "
            "a model that takes weights."
        )
        raise InputError(msg)
    return {name: weight}


def teach(student, lesson, seed):
    """Fit a student to a lesson, in place.

    Parameters
    ----------
    student : estimator
        An unfitted one. A regressor is fitted to numbers, of classes to their logits. A
        classifier that takes weights is fitted to each row once per class, weighted by its
        probability; another one to a class that is drawn for each row.
    lesson : Lesson
        What to fit it to.
    seed : int or None
        Draws classes, where any are drawn.

    Returns
    -------
    estimator
        The fitted student.
    """
    X, targets, weight, classes = lesson
    if is_regressor(student):
        targets = targets if classes is None else to_logits(targets)
        return student.fit(X, targets, **weights_for(student, weight))
    if draws_classes(student):
        weights_for(student, weight)  # it can have none
        return student.fit(X, classes[draw(targets, check_random_state(seed))])
    name = weight_parameter(student)
    weight = np.ones(len(targets)) if weight is None else weight
    index, codes, weights = expand(targets, weight)
    learner = student.steps[-1][1] if isinstance(student, Pipeline) else student
    if not hasattr(learner, "row_copies"):
        return student.fit(rows_of(X, index), classes[codes], **{name: weights})
    learner.row_copies = index  # a pruner that holds rows out keeps these together
    student.fit(rows_of(X, index), classes[codes], **{name: weights})
    del learner.row_copies
    return student


def ask(model, X, classes):
    """Return what a fitted teacher or student says of rows.

    Parameters
    ----------
    model : fitted estimator
        A classifier, or a regressor of numbers or of logits.
    X : array-like of shape (n_rows, n_features)
        The rows.
    classes : ndarray or None
        Sorted labels; None for a quantity.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_classes)
        Numbers; or probabilities, which are zeros and ones of a model that has none.
    """
    if classes is None:
        return np.asarray(model.predict(X), dtype=np.float64).reshape(n_rows_of(X))
    if is_regressor(model):
        return from_logits(model.predict(X))
    if hasattr(model, "predict_proba"):
        return align(model.predict_proba(X), model.classes_, classes)
    return one_hot(np.searchsorted(classes, model.predict(X)), len(classes))


def align(labels, own, classes):
    """Return probabilities of some classes as columns of all of them."""
    aligned = np.zeros((len(labels), len(classes)))
    aligned[:, np.searchsorted(classes, own)] = labels
    return aligned


def rate(answers, rows):
    """Score what a model said of rows.

    Parameters
    ----------
    answers : ndarray of shape (n_rows,) or (n_rows, n_classes)
        As of `ask`.
    rows : Rows
        With the truth.

    Returns
    -------
    dict of str to float
        "accuracy" and "log_loss" of classes, or "r2" and "squared_error"; a score first, then
        a loss.
    """
    weight = np.ones(len(answers)) if rows.weight is None else rows.weight
    if rows.classes is None:
        loss = np.average((answers - rows.y) ** 2, weights=weight)
        r2 = r2_score(rows.y, answers, sample_weight=weight) if len(answers) > 1 else np.nan
        return {"r2": float(r2), "squared_error": float(loss)}
    hits = answers.argmax(axis=1) == rows.y
    return {
        "accuracy": float(np.average(hits, weights=weight)),
        "log_loss": log_loss(answers, weight, rows.y),
    }


def compare(student, rows, fold, lessons, seeds, n_jobs):
    """Score a student as it is taught, on rows that neither it nor its teacher saw.

    Parameters
    ----------
    student : estimator
        Cloned.
    rows : Rows
        The training rows.
    fold : ndarray of int, shape (n_rows,)
        The fold of each row.
    lessons : list of dict of str to Lesson
        For each fold, what is taught of the rows outside of it.
    seeds : sequence of int or None
        One for each fold.
    n_jobs : int or None
        Fits at a time.

    Returns
    -------
    dict of str to dict
        For each kind of lesson the scores of `rate`, over all rows.
    """
    held = [np.flatnonzero(fold == k) for k in range(len(lessons))]
    jobs = [(name, k) for k, both in enumerate(lessons) for name in both]
    done = Parallel(n_jobs=n_jobs)(
        delayed(_teach_and_ask)(student, lessons[k][name], seeds[k], rows_of(rows.X, held[k]))
        for name, k in jobs
    )
    answers = {name: np.empty(rows.truth.shape) for name in lessons[0]}
    for (name, k), said in zip(jobs, done, strict=True):
        answers[name][held[k]] = said
    return {name: rate(said, rows) for name, said in answers.items()}


def _teach_and_ask(student, lesson, seed, X):
    return ask(teach(clone(student), lesson, seed), X, lesson.classes)
