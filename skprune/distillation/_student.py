"""Students: which teachers they go with, how each kind is fitted, and what it predicts."""

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from skprune._compat import fit_takes_weights, n_rows_of, routing_enabled, rows_of
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
            "are two classifiers, two regressors, or a regressor as the student of a classifier: "
            "give one of these pairs."
        )
        raise InputError(msg)
    if kinds[0] == "classifier" and not hasattr(teacher, "predict_proba"):
        msg = (
            f"The teacher {teacher!r} has no predict_proba, so it has no soft labels. Wrap it "
            "in a CalibratedClassifierCV, or give another one."
        )
        raise InputError(msg)


def check_student(student, data):
    """Refuse data that a student cannot be fitted to, before any work.

    Parameters
    ----------
    student : estimator
        Unfitted.
    data : TrainingData
        All training samples.

    Raises
    ------
    InputError
        If they have weights and its `fit` takes none, or are of one class, which has no logits.
    """
    weights_for(student, data.weight)
    if is_regressor(student) and data.classes is not None and len(data.classes) < 2:
        msg = (
            f"y holds 1 class, {data.classes[0]!r}, but a regressor is fitted to logits, which "
            "need two at least. Give samples of other classes too."
        )
        raise InputError(msg)


def weight_parameter(model):
    """Return the name of the parameter for sample weights in the `fit` of a model, or None.

    A pipeline passes them to its last step, a meta-estimator to its inner model or student.
    """
    if isinstance(model, Pipeline) and not routing_enabled():
        name, last = model.steps[-1]
        inner = weight_parameter(last)
        return inner and f"{name}__{inner}"
    if not fit_takes_weights(model):
        return None
    inner = getattr(model, "estimator", getattr(model, "student", None))
    takes = not hasattr(inner, "fit") or weight_parameter(inner) == "sample_weight"
    return "sample_weight" if takes else None


def draws_classes(student):
    """Whether a student is fitted to one drawn class per sample: its `fit` takes no weights."""
    return not is_regressor(student) and weight_parameter(student) is None


def weights_for(model, weight):
    """Return sample weights as parameters of the `fit` of a model.

    Parameters
    ----------
    model : estimator
        What is to be fitted.
    weight : ndarray of shape (n_samples,) or None
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


def fit_student(student, training_set, seed):
    """Fit a student to soft labels, in place.

    Parameters
    ----------
    student : estimator
        Unfitted. A regressor is fitted to numbers, or to the logits of class probabilities. A
        classifier that takes weights is fitted to each sample once per class, weighted by its
        probability; another one to a class that is drawn for each sample.
    training_set : TrainingSet
        What to fit it to.
    seed : int or None
        Seed of drawn classes.

    Returns
    -------
    estimator
        The fitted student.

    Raises
    ------
    InputError
        If a regressor cannot be fitted to the logits of several classes.
    """
    X, targets, weight, classes = training_set
    if is_regressor(student) and classes is None:
        return student.fit(X, targets, **weights_for(student, weight))
    if is_regressor(student):
        return _fit_to_logits(student, X, to_logits(targets), weights_for(student, weight))
    if draws_classes(student):
        return student.fit(X, classes[draw(targets, check_random_state(seed))])
    name = weight_parameter(student)
    weight = np.ones(len(targets)) if weight is None else weight
    index, codes, weights = expand(targets, weight)
    copies = index if len(index) > len(targets) else None
    params = {name: weights, **copies_for(student, copies)}
    return student.fit(rows_of(X, index), classes[codes], **params)


def _fit_to_logits(student, X, logits, weights):
    try:
        return student.fit(X, logits, **weights)
    except ValueError as error:
        if logits.ndim == 1:
            raise
        msg = (
            f"{student!r} could not be fitted to the logits of {logits.shape[1]} classes: {error} "
            "If it supports a single output only, wrap it in a MultiOutputRegressor, or give a "
            "classifier."
        )
        raise InputError(msg) from error


def predict_soft(model, X, classes):
    """Predict numbers or class probabilities with a fitted teacher or student.

    Parameters
    ----------
    model : fitted estimator
        A classifier, or a regressor of numbers or of logits.
    X : array-like of shape (n_samples, n_features)
        Samples.
    classes : ndarray or None
        Sorted class labels; None for regression.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_classes)
        Numbers; or probabilities, which are zeros and ones for a model without any.
    """
    if classes is None:
        return np.asarray(model.predict(X), dtype=np.float64).reshape(n_rows_of(X))
    if is_regressor(model):
        return from_logits(model.predict(X))
    if hasattr(model, "predict_proba"):
        return align(model.predict_proba(X), model.classes_, classes)
    return one_hot(np.searchsorted(classes, model.predict(X)), len(classes))


def align(labels, own, classes):
    """Return the probabilities of a model's own classes as columns of all classes."""
    aligned = np.zeros((len(labels), len(classes)))
    aligned[:, np.searchsorted(classes, own)] = labels
    return aligned
