"""Students: who can be taught by whom, how each kind is taught, and what it says then."""

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.validation import has_fit_parameter

from skprune._compat import n_rows_of, routing_enabled, rows_of
from skprune.base._model import copies_for
from skprune.exceptions import InputError
from skprune.solvers.soft_labels import draw, expand, from_logits, one_hot, to_logits


def check_pair(teacher, student):
    """Refuse a teacher and a student that do not go together.

    Parameters
    ----------
    teacher, student : estimator
        The pair.

    Raises
    ------
    InputError
        If they do not.
    """
    if isinstance(student, FrozenEstimator):
        msg = "The student is a FrozenEstimator, which learns nothing. Give the model in it."
        raise InputError(msg)
    kinds = [
        "classifier" if is_classifier(m) else "regressor" if is_regressor(m) else None
        for m in (teacher, student)
    ]
    if None in kinds or kinds == ["regressor", "classifier"]:
        msg = (
            f"The teacher {teacher!r} and the student {student!r} do not go together. Allowed "
            "are two classifiers, two regressors, or a classifier that teaches a regressor."
        )
        raise InputError(msg)
    if kinds[0] == "classifier" and not hasattr(teacher, "predict_proba"):
        msg = (
            f"The teacher {teacher!r} has no predict_proba, so it has no soft labels. Wrap it "
            "in a CalibratedClassifierCV, or give another one."
        )
        raise InputError(msg)


def check_lesson(student, rows):
    """Refuse rows that a student cannot be taught, before any work.

    Parameters
    ----------
    student : estimator
        Unfitted.
    rows : Rows
        The training rows.

    Raises
    ------
    InputError
        If they have weights and its `fit` takes none, or are of one class, which has no logits.
    """
    weights_for(student, rows.weight)
    if is_regressor(student) and rows.classes is not None and len(rows.classes) < 2:
        msg = f"y holds 1 class, {rows.classes[0]!r}; logits need two at least."
        raise InputError(msg)


def weight_parameter(model):
    """Return the name under which a model's `fit` takes weights of rows, or None.

    A pipeline passes them to its last step, and what wraps a model, or teaches one, to that.
    """
    if isinstance(model, Pipeline) and not routing_enabled():
        name, last = model.steps[-1]
        inner = weight_parameter(last)
        return inner and f"{name}__{inner}"
    if not has_fit_parameter(model, "sample_weight"):
        return None
    inner = getattr(model, "estimator", getattr(model, "student", None))
    takes = not hasattr(inner, "fit") or weight_parameter(inner) == "sample_weight"
    return "sample_weight" if takes else None


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

    Raises
    ------
    InputError
        If a regressor cannot be fitted to the logits of several classes.
    """
    X, targets, weight, classes = lesson
    if is_regressor(student) and classes is None:
        return student.fit(X, targets, **weights_for(student, weight))
    if is_regressor(student):
        return _teach_logits(student, X, to_logits(targets), weights_for(student, weight))
    if draws_classes(student):
        return student.fit(X, classes[draw(targets, check_random_state(seed))])
    name = weight_parameter(student)
    weight = np.ones(len(targets)) if weight is None else weight
    index, codes, weights = expand(targets, weight)
    copies = index if len(index) > len(targets) else None
    params = {name: weights, **copies_for(student, copies)}
    return student.fit(rows_of(X, index), classes[codes], **params)


def _teach_logits(student, X, logits, weights):
    try:
        return student.fit(X, logits, **weights)
    except ValueError as error:
        if logits.ndim == 1:
            raise
        msg = (
            f"{student!r} could not be fitted to the logits of {logits.shape[1]} classes: {error} "
            "If it learns one number only, wrap it in a MultiOutputRegressor, or give a "
            "classifier."
        )
        raise InputError(msg) from error


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
