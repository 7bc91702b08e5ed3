"""Distiller: teaches a small student what a large teacher knows."""

import copy
import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score
from sklearn.utils import check_array, check_random_state, column_or_1d, get_tags, indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from skprune._compat import (
    HasMethods,
    Interval,
    check_sample_weight,
    fit_context,
)
from skprune._lessons import Rows, compare, draws_classes, make_lessons, rate, teach
from skprune._made_rows import make_rows
from skprune._teacher import Teacher, fold_of
from skprune.exceptions import InputError, PruningWarning, UnsupportedModelError
from skprune.size import SIZES, model_size, plain_result
from skprune.solvers.soft_labels import from_logits

__all__ = ["Distiller"]


def _student_has(method):
    """Make a method available if the student has it, or its logits stand for it."""

    def check(self):
        if not (method == "predict_proba" and self._on_logits):
            getattr(getattr(self, "student_", self.student), method)
        return True

    return check


class Distiller(MetaEstimatorMixin, BaseEstimator):
    """Teach a small student what a large teacher knows.

    The teacher says of each training row how likely it finds each class, or which number it
    expects; the student learns that, mixed with the true target. It learns from it what rows
    say that lie near, and so a tree or a small network comes nearer to a forest than it does
    with the target alone. What comes back in `estimator_` is the student, a plain model.

    The teacher is only asked about rows that it did not see, for of those that it saw it is
    too sure. And the student is compared with one that was taught the target alone, on rows
    that neither it nor its teacher saw: if it is not better, the other one is taken.

    Parameters
    ----------
    teacher : estimator
        A classifier with `predict_proba`, or a regressor. It is cloned and fitted. One that is
        fitted already comes in a `sklearn.frozen.FrozenEstimator` and is asked as it is, also
        about rows that it may have seen; give `fit` others if you can.
    student : estimator
        What is taught: a classifier if the teacher is one, else a regressor; cloned. It may be
        a pruner or another meta-estimator. A regressor of which a classifier is the teacher is
        taught logits, and then says classes and probabilities here.
    temperature : float, default=1.0
        Logits of the teacher are divided by it: above 1 the classes come nearer to each other.
        It has no meaning for regressors.
    mix : float, default=0.5
        Share of the true target in what the student is taught, from 0 to 1.
    augment : float, default=0
        Rows that are added, per training row. They are made of a training row and one of its
        five nearest, each value from either, and labelled by the teacher alone.
    cv : int, cross-validation generator or iterable, default=5
        Folds: of teachers without out-of-bag predictions, and of the comparison. Each row is
        held out once.
    gate : bool, default=True
        Whether to compare with a student that is taught the target alone, and to take that
        one unless the distilled one is better.
    random_state : int, RandomState instance or None, default=None
        Draws the added rows, and the classes that students without weights are taught. It is
        not passed on: set those of the teacher and the student too.
    n_jobs : int or None, default=None
        Fits at a time.

    Attributes
    ----------
    estimator_ : estimator
        The student, plain: of a pruner its pruned model. A regressor that was taught logits
        gives logits.
    student_ : estimator
        The fitted student.
    teacher_ : estimator
        The teacher, fitted to all rows. Not part of the pickle.
    taught_ : {"soft", "hard"}
        What `student_` was taught: the mix, or the target alone.
    report_ : DataFrame
        A row each for "teacher", "hard" and "soft": score and loss on rows held out (of a
        frozen teacher on the rows given), whether it is the `estimator_`, how the teacher was
        asked ("out of bag", "out of fold" or "frozen"), and its size, where known.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    n_features_in_ : int
        Number of columns seen during `fit`, where the student says it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where they are all strings.

    See Also
    --------
    TreePruner : Prunes the teacher itself; also prunes trees that are students.
    MLPPruner : Prunes networks that are students.

    Notes
    -----
    Forests and bagging are asked out of bag, which is free; all others out of fold. With k
    folds the gate fits 2 k students, and k forests, or of other teachers ``k (k - 1) / 2``:
    so that labels owe nothing to the rows on which students are compared, a teacher leaves out
    each two folds. Two classifiers with `predict_proba` are compared by log-loss, others by
    accuracy, regressors by squared error.

    A classifier that takes `sample_weight` is fitted to each row once per class, weighted by
    its probability, which gives cross-entropy with soft labels exactly, and Gini impurity and
    entropy too; probabilities of 0.001 and less are left out [1]_. Parameters that count rows,
    such as `min_samples_leaf`, count these. A pruner that holds rows out keeps the copies of a
    row together; other students that hold rows out or draw them, such as forests and networks
    with early stopping, find them on both sides. To those whose `fit` takes no `sample_weight`,
    searches among them, one class per row is taught, drawn.

    References
    ----------
    .. [1] G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network",
       2015, arXiv:1503.02531.
    .. [2] R. Fakoor et al., "Fast, accurate, and simple models for tabular data via augmented
       distillation", NeurIPS 2020, arXiv:2006.14284.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import Distiller
    >>> X, y = load_digits(return_X_y=True)
    >>> forest = RandomForestClassifier(50, random_state=0)
    >>> tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0)
    >>> distiller = Distiller(forest, tree, cv=3).fit(X, y)
    >>> distiller.estimator_
    DecisionTreeClassifier(max_leaf_nodes=64, random_state=0)
    >>> distiller.taught_
    'soft'
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "teacher": [HasMethods(["fit", "predict"])],
        "student": [HasMethods(["fit", "predict"])],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "mix": [Interval(Real, 0, 1, closed="both")],
        "augment": [Interval(Real, 0, None, closed="left")],
        "cv": ["cv_object"],
        "gate": ["boolean"],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        teacher,
        student,
        *,
        temperature=1.0,
        mix=0.5,
        augment=0,
        cv=5,
        gate=True,
        random_state=None,
        n_jobs=None,
    ):
        self.teacher = teacher
        self.student = student
        self.temperature = temperature
        self.mix = mix
        self.augment = augment
        self.cv = cv
        self.gate = gate
        self.random_state = random_state
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Fit the teacher, ask it about rows that it did not see, and teach the student.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, handed to teacher and student as they are.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights, for teacher, student and their comparison.

        Returns
        -------
        self : object
            The fitted distiller.

        Raises
        ------
        InputError
            If teacher and student do not go together, or not with the rows.
        """
        self._check_pair()
        rows = self._read(X, y, sample_weight)
        rng = check_random_state(self.random_state)
        teacher = Teacher(self.teacher, rows, self.n_jobs)
        self._check_classes(rows)
        fold = np.zeros(len(rows.y), dtype=int)
        if self.gate or teacher.how == "out of fold":
            fold = fold_of(self.cv, rows)
        indices = [np.flatnonzero(fold >= 0)]
        indices += [np.flatnonzero(fold != k) for k in range(fold.max() + 1) if self.gate]
        parts = [make_rows(rows, index, self.augment, rng) for index in indices]
        labels = teacher.label(fold, parts)
        lessons = [
            make_lessons(rows, part, *said, temperature=self.temperature, mix=self.mix)
            for part, said in zip(parts, labels, strict=True)
        ]
        seeds = [None] * len(lessons)
        if draws_classes(self.student):
            seeds = rng.randint(2**31 - 1, size=len(lessons))
        scores = {}
        if self.gate:
            scores = compare(self.student, rows, fold, lessons[1:], seeds[1:], self.n_jobs)
        self.taught_ = self._choose(scores)
        self._classes = rows.classes
        self.student_ = teach(clone(self.student), lessons[0][self.taught_], seeds[0])
        self._teacher = teacher.model
        scores["teacher"] = rate(labels[0][0], rows)
        self.report_ = self._make_report(scores, teacher.how)
        return self

    # Before any work: what does not go together.

    def _check_pair(self):
        teacher, student = self.teacher, self.student
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
        if kinds[0] == "regressor" and self.temperature != 1.0:
            warnings.warn(
                f"temperature={self.temperature!r} has no meaning here and is ignored: the teacher "
                "is a regressor. Leave it out.",
                PruningWarning,
                stacklevel=4,
            )

    def _read(self, X, y, sample_weight):
        X, y = indexable(X, y)
        if y is None:
            msg = "This Distiller requires y to be passed, but the target y is None."
            raise InputError(msg)
        y = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"), warn=True)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, X)
        if is_regressor(self.teacher):
            return Rows(X, y.astype(np.float64), sample_weight, None)
        check_classification_targets(y)
        classes = np.unique(y)
        if isinstance(self.teacher, FrozenEstimator):
            check_is_fitted(self.teacher)
            if not np.isin(classes, self.teacher.classes_).all():
                msg = (
                    f"y holds the classes {classes.tolist()}, but the frozen teacher knows "
                    f"{self.teacher.classes_.tolist()} only. Leave rows of others out."
                )
                raise InputError(msg)
            classes = self.teacher.classes_
        return Rows(X, np.searchsorted(classes, y), sample_weight, classes)

    def _check_classes(self, rows):
        if self._on_logits and len(rows.classes) < 2:
            msg = f"y holds 1 class, {rows.classes[0]!r}; logits need two at least."
            raise InputError(msg)

    @property
    def _on_logits(self):
        return is_classifier(self.teacher) and is_regressor(self.student)

    # What is taught, and which of the two students is better.

    def _choose(self, scores):
        if not scores:
            return "soft"
        score, loss = scores["hard"]
        by_loss = is_regressor(self.teacher) or self._on_logits
        by_loss |= hasattr(self.student, "predict_proba")
        gains = {name: -each[loss] if by_loss else each[score] for name, each in scores.items()}
        if gains["soft"] > gains["hard"]:
            return "soft"
        name = loss if by_loss else score
        warnings.warn(
            f"The student learned no better from the teacher: {name} {abs(gains['soft']):.4g} on "
            f"rows held out, {abs(gains['hard']):.4g} with the target alone. It was taught that. "
            "Try another mix, more rows by augment, or a larger student.",
            PruningWarning,
            stacklevel=4,
        )
        return "hard"

    def _make_report(self, scores, how):
        report = pd.DataFrame(scores, index=list(scores["teacher"])).T
        report = report.reindex(["teacher", "hard", "soft"])
        report["chosen"] = report.index == self.taught_
        report["asked"] = [how, "", ""]
        sizes = {"teacher": self.teacher_, self.taught_: self.estimator_}
        measured = pd.DataFrame({name: _size(model) for name, model in sizes.items()}, index=SIZES)
        return report.join(measured.T)

    # The result, and what it can do.

    @property
    def estimator_(self):
        """The student as a plain model."""
        if "student_" not in self.__dict__:
            msg = f"{type(self).__name__} has no estimator_ before fit."
            raise AttributeError(msg)
        return plain_result(self.student_)

    @property
    def teacher_(self):
        """The teacher, fitted to all rows; not part of the pickle."""
        if "_teacher" not in self.__dict__:
            msg = (
                "This Distiller has no teacher_: it is not fitted, or it was pickled, which "
                "leaves the teacher behind. Fit it, or pickle teacher_ itself."
            )
            raise AttributeError(msg)
        return self._teacher

    @property
    def path_(self):
        """All levels of a student that is a pruner; not part of the pickle."""
        return self._fitted("path_").path_

    @property
    def classes_(self):
        """Class labels."""
        student = self._fitted("classes_")
        return self._classes if self._on_logits else student.classes_

    @property
    def n_features_in_(self):
        """Number of columns seen during `fit`."""
        return self._fitted("n_features_in_").n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns seen during `fit`."""
        return self._fitted("feature_names_in_").feature_names_in_

    def _fitted(self, attribute):
        if "student_" not in self.__dict__:
            msg = f"{type(self).__name__} has no {attribute} before fit."
            raise AttributeError(msg)
        return self.student_

    def __sklearn_is_fitted__(self):
        return "student_" in self.__dict__

    def __getstate__(self):
        return {k: v for k, v in super().__getstate__().items() if k != "_teacher"}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        teacher, student = get_tags(self.teacher), get_tags(self.student)
        tags.estimator_type = teacher.estimator_type
        same = teacher.estimator_type == student.estimator_type
        tags.classifier_tags = copy.deepcopy((student if same else teacher).classifier_tags)
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = False
        tags.regressor_tags = copy.deepcopy(student.regressor_tags) if same else None
        tags.target_tags = copy.deepcopy(teacher.target_tags)
        tags.target_tags.required = True
        tags.target_tags.multi_output = False
        tags.input_tags = copy.deepcopy(student.input_tags)
        tags.input_tags.sparse &= teacher.input_tags.sparse and not self.augment
        tags.input_tags.allow_nan &= teacher.input_tags.allow_nan
        tags.non_deterministic = teacher.non_deterministic or student.non_deterministic
        return tags

    def _ask(self, method, X):
        check_is_fitted(self)
        return getattr(self.student_, method)(X)

    def predict(self, X):
        """Predict with the student.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes or numbers.
        """
        said = self._ask("predict", X)
        return self._classes[from_logits(said).argmax(axis=1)] if self._on_logits else said

    @available_if(_student_has("predict_proba"))
    def predict_proba(self, X):
        """Predict class probabilities with the student.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities, in the order of `classes_`.
        """
        if self._on_logits:
            return from_logits(self._ask("predict", X))
        return self._ask("predict_proba", X)

    @available_if(_student_has("decision_function"))
    def decision_function(self, X):
        """Compute the decision function of the student.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            Decision values.
        """
        return self._ask("decision_function", X)

    @available_if(_student_has("score"))
    def score(self, X, y, sample_weight=None):
        """Score the student as it scores itself.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows that chose nothing, if the score is to be honest.
        y : array-like of shape (n_samples,)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        float
            Accuracy for the usual classifiers, R2 for the usual regressors.
        """
        check_is_fitted(self)
        if self._on_logits:
            return accuracy_score(y, self.predict(X), sample_weight=sample_weight)
        return self.student_.score(X, y, sample_weight=sample_weight)


def _size(model):
    try:
        size = model_size(model)
    except UnsupportedModelError:
        return dict.fromkeys(SIZES)
    return {name: getattr(size, name) for name in SIZES}
