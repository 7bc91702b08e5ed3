"""Distiller: teaches a small student what a large teacher knows."""

import copy
import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier, is_regressor
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state, get_tags

from skprune._compat import HasMethods, Interval, fit_context
from skprune.base._delegation import DelegatesToModel, inner_attribute
from skprune.distillation._augmentation import make_rows
from skprune.distillation._comparison import choose, compare, make_report, rate
from skprune.distillation._student import check_lesson, check_pair, draws_classes, teach
from skprune.distillation._teacher import Teacher, fold_of
from skprune.distillation._training_sets import make_lessons, read_rows
from skprune.exceptions import PruningWarning
from skprune.size import plain_result
from skprune.solvers.soft_labels import from_logits

__all__ = ["Distiller"]


class Distiller(DelegatesToModel, MetaEstimatorMixin, BaseEstimator):
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
    each two folds. Students that say probabilities are compared by log-loss, other
    classifiers by accuracy, regressors by squared error.

    A classifier that takes `sample_weight` is fitted to each row once per class, weighted by
    its probability, which gives cross-entropy with soft labels exactly, and Gini impurity and
    entropy too; probabilities of 0.001 and less are left out [1]_. Parameters that count rows,
    such as `min_samples_leaf` and ``class_weight="balanced"``, count these. A pruner that holds
    rows out by `validation` keeps the copies of a row together, also within a pipeline or another
    pruner; other students that hold rows out or draw them, such as `SamplePruner`, forests and
    networks with early stopping, find them on both sides. To those whose `fit` takes no
    `sample_weight`, searches among them, one class per row is taught, drawn.

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

    _inner_names = ("student_", "student")
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "teacher": [HasMethods(["fit"])],
        "student": [HasMethods(["fit"])],
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
        check_pair(self.teacher, self.student)
        self._warn_of_unused_temperature()
        rows = read_rows(self.teacher, X, y, sample_weight)
        check_lesson(self.student, rows)
        rng = check_random_state(self.random_state)
        teacher = Teacher(self.teacher, rows, self.n_jobs)
        fold, parts = self._divide(rows, teacher, rng)
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
        taught = choose(scores, by_loss=self._compared_by_loss)
        self.student_ = teach(clone(self.student), lessons[0][taught], seeds[0])
        self.taught_, self._classes, self._teacher = taught, rows.classes, teacher.model
        scores["teacher"] = rate(labels[0][0], rows)
        models = {"teacher": self.teacher_, taught: self.estimator_}
        self.report_ = make_report(scores, models, taught, teacher.how)
        return self

    def _warn_of_unused_temperature(self):
        if is_regressor(self.teacher) and self.temperature != 1.0:
            warnings.warn(
                f"temperature={self.temperature!r} has no meaning here and is ignored: the teacher "
                "is a regressor. Leave it out.",
                PruningWarning,
                stacklevel=4,
            )

    def _divide(self, rows, teacher, rng):
        """Return folds, and what lessons are made of: all rows, and those outside of each fold."""
        fold = np.zeros(len(rows.y), dtype=int)
        if self.gate or teacher.how == "out of fold":
            fold = fold_of(self.cv, rows)
        indices = [np.arange(len(fold))]
        indices += [np.flatnonzero(fold != k) for k in range(fold.max() + 1) if self.gate]
        return fold, [make_rows(rows, index, self.augment, rng) for index in indices]

    @property
    def _compared_by_loss(self):
        return is_regressor(self.student) or hasattr(self.student, "predict_proba")

    @property
    def teacher_(self):
        """The teacher, fitted to all rows; not part of the pickle."""
        if "_teacher" not in self.__dict__:
            msg = (
                "This Distiller has no teacher_: it is not fitted, or it was pickled or copied, "
                "which leaves the teacher behind. Fit it, or pickle teacher_ itself."
            )
            raise AttributeError(msg)
        return self._teacher

    def __getstate__(self):
        return {k: v for k, v in super().__getstate__().items() if k != "_teacher"}

    # The student predicts; logits of a regressor become classes.

    path_ = inner_attribute("path_", "All levels of a student that is a pruner; not pickled.")
    n_features_in_ = inner_attribute("n_features_in_", "Number of features seen during `fit`.")
    feature_names_in_ = inner_attribute("feature_names_in_", "Names of the features.")

    @property
    def _on_logits(self):
        student = self.__dict__.get("student_", self.student)
        return is_classifier(self.teacher) and is_regressor(student)

    @property
    def estimator_(self):
        """The student as a plain model."""
        return plain_result(self._fitted_inner("estimator_"))

    @property
    def classes_(self):
        """Class labels."""
        student = self._fitted_inner("classes_")
        return self._classes if self._on_logits else student.classes_

    def __sklearn_is_fitted__(self):
        return "student_" in self.__dict__

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

    def _check_inner_method(self, method):
        if not self._on_logits:
            super()._check_inner_method(method)
        elif method not in {"predict", "predict_proba", "score"}:
            msg = f"A student that says logits has no {method}."
            raise AttributeError(msg)

    def _call_inner(self, method, X, *args, **kwargs):
        if not self._on_logits:
            return super()._call_inner(method, X, *args, **kwargs)
        chances = from_logits(super()._call_inner("predict", X))
        if method == "predict_proba":
            return chances
        classes = self._classes[chances.argmax(axis=1)]
        return classes if method == "predict" else accuracy_score(*args, classes, **kwargs)
