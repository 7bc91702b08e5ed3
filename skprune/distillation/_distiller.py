"""Distiller: fits a small student to the predictions of a large teacher."""

import copy
import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_regressor
from sklearn.metrics import accuracy_score
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRequest

from skprune._compat import HasMethods, Interval, fit_context
from skprune.arrays.annotations import MatrixLike, Seed
from skprune.base._compact import compact, restore
from skprune.base._delegation import DelegatesToModel, inner_attribute, tags_of
from skprune.base._folds import (
    check_training_weights,
    fold_of_each,
    request_groups,
    splits_of,
)
from skprune.base._frozen import check_frozen, warn_if_fitted
from skprune.base._partitions import refuse_partitions
from skprune.base._pruner import all_or_nothing, without_earlier_fits
from skprune.base._shared_fits import LENT, signature_of
from skprune.distillation._augmentation import augment
from skprune.distillation._comparison import (
    compare_students,
    make_report,
    score_predictions,
    select_student,
)
from skprune.distillation._student import check_pair, check_student, draws_classes, fit_student
from skprune.distillation._teacher import Teacher
from skprune.distillation._training_sets import check_training_data, make_training_sets
from skprune.exceptions import PruningWarning
from skprune.size import plain_result
from skprune.solvers.soft_labels import from_logits


class Distiller(DelegatesToModel, MetaEstimatorMixin, BaseEstimator):
    """Train a small student on the predictions of a large teacher (knowledge distillation).

    The student is fitted to soft labels: the class probabilities that the teacher predicts for
    each training sample, or the numbers of a regressor, mixed with the true targets. They carry
    more information than the targets alone, so that a tree or a small network approximates a
    forest better than one that is fitted to the targets. The result in `estimator_` is the
    student, a plain model.

    Soft labels are predicted out of bag or out of fold, as a teacher is overconfident on its own
    training samples. The student is compared with one that is fitted to the true targets alone,
    on samples that neither they nor their teacher were fitted to: the latter is returned unless
    the distilled student is better.

    Parameters
    ----------
    teacher : estimator
        A classifier with `predict_proba`, or a regressor. It is cloned and fitted. A teacher that
        is fitted already comes in a `sklearn.frozen.FrozenEstimator` and predicts as it is, also
        for samples that it may have been fitted to; pass others to `fit` if you can. It is then
        part of the pickle.
    student : estimator
        A classifier if the teacher is one, else a regressor; cloned. It may be a pruner or
        another meta-estimator. A regressor that is the student of a classifier is fitted to
        logits, and the distiller predicts classes and probabilities from them.
    temperature : float, default=1.0
        Divides the logits of the teacher: above 1 the probabilities become less extreme, below 1
        more. It is not used for regressors.
    mix : float, default=0.5
        Share of the true targets in the soft labels, from 0 to 1.
    augment : float, default=0
        Number of synthetic samples per training sample. They are mixtures of a training sample
        and one of its five nearest neighbours, and labelled by the teacher alone.
    cv : int, cross-validation generator or iterable, default=5
        Folds: of teachers without out-of-bag predictions, and of the comparison. Each sample is
        held out once. A splitter that needs groups takes those of `fit`.
    gate : bool, default=True
        Whether to compare with a student that is fitted to the true targets alone, and to return
        that one unless the distilled student is better.
    random_state : int, RandomState instance or None, default=None
        Seed of the synthetic samples, and of the classes that are drawn for students without
        sample weights. It is not passed on: set those of the teacher and the student too.
    n_jobs : int or None, default=None
        Number of fits in parallel.

    Attributes
    ----------
    estimator_ : estimator
        The student, plain: of a pruner its pruned model. A regressor that was fitted to logits
        predicts logits.
    student_ : estimator
        The fitted student.
    teacher_ : estimator
        The teacher, fitted to all samples. Not part of the pickle.
    taught_ : {"soft", "hard"}
        What `student_` was fitted to: the soft labels, or the true targets alone.
    report_ : DataFrame
        A row each for "teacher", "hard" and "soft": score and loss out of fold (of a frozen
        teacher on the samples given), `chosen`: whether it is the `estimator_`, `asked`: how the
        soft labels were predicted ("out of bag", "out of fold" or "frozen"), and its size, where
        known.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    n_features_in_ : int
        Number of features seen during `fit`, where the student has it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, where they are all strings.

    See Also
    --------
    TreePruner : Prunes the teacher itself; also prunes trees that are students.
    MLPPruner : Prunes networks that are students.

    Notes
    -----
    Forests and bagging predict out of bag, at no extra cost; all others out of fold. With k folds
    the comparison fits 2 k students, and k forests, or ``k (k - 1) / 2`` of other teachers: so
    that soft labels are independent of the samples on which students are compared, a teacher
    leaves out each pair of folds. Students with `predict_proba` are compared by log-loss, other
    classifiers by accuracy, regressors by squared error.

    A classifier that takes `sample_weight` is fitted to each sample once per class, weighted by
    its probability, which gives cross-entropy with soft labels exactly, and Gini impurity and
    entropy too; probabilities of 0.001 and less are left out [1]_. Parameters that count samples,
    such as `min_samples_leaf` and ``class_weight="balanced"``, count these. A pruner that holds
    samples out by `validation` keeps the copies of a sample together, also within a pipeline or
    another pruner; other students that hold samples out or draw them, such as `SamplePruner`,
    forests and networks with early stopping, have copies on both sides. Students whose `fit`
    takes no `sample_weight`, searches among them, are fitted to one drawn class per sample.

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
        teacher: Any,
        student: Any,
        *,
        temperature: float = 1.0,
        mix: float = 0.5,
        augment: float = 0,
        cv: Any = 5,
        gate: bool = True,
        random_state: Seed | None = None,
        n_jobs: int | None = None,
    ) -> None:
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
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Fit the teacher, and the student to its soft labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, passed to teacher and student as they are.
        y : array-like of shape (n_samples,)
            Target.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights, for teacher, student and their comparison.
        groups : array-like of shape (n_samples,), default=None
            Groups of the samples, for a splitter as `cv`.

        Returns
        -------
        self : object
            The fitted distiller.

        Raises
        ------
        InputError
            If teacher and student do not go together, or not with the data.
        """
        with all_or_nothing(self):
            check_pair(self.teacher, self.student)
            check_frozen(self.teacher)
            refuse_partitions(X)
            warn_if_fitted(self.teacher, stacklevel=3)
            self._warn_of_unused_temperature()
            data = check_training_data(self.teacher, X, y, sample_weight)
            check_student(self.student, data)
            rng, teacher, fold, parts, labels = self._ask(data, X, y, sample_weight, groups)
            training_sets = [
                make_training_sets(data, part, *soft, temperature=self.temperature, mix=self.mix)
                for part, soft in zip(parts, labels, strict=True)
            ]
            seeds = [None] * len(training_sets)
            if draws_classes(self.student):
                seeds = rng.randint(2**31 - 1, size=len(training_sets))
            scores = {}
            if self.gate:
                scores = compare_students(
                    self.student, data, fold, training_sets[1:], seeds[1:], self.n_jobs
                )
            taught = select_student(scores, by_loss=self._compared_by_loss)
            self.student_ = fit_student(clone(self.student), training_sets[0][taught], seeds[0])
            self.taught_, self._classes, self._teacher = taught, data.classes, teacher.model
            scores["teacher"] = score_predictions(labels[0][0], data)
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

    def _ask(self, data, X, y, sample_weight, groups):
        """Return what does not depend on the student, which a search asks for once."""

        def make():
            rng = check_random_state(self.random_state)
            teacher = Teacher(self.teacher, data, self.n_jobs)
            fold, parts = self._divide(data, teacher, groups, rng)
            return rng, teacher, fold, parts, teacher.label(fold, parts)

        lent_fits = self.__dict__.get(LENT)
        if lent_fits is None:
            return make()
        params = self.get_params(deep=False)
        setting = signature_of({k: v for k, v in params.items() if k != "student"})
        known = lent_fits.once("teacher", setting, (X, y, sample_weight, groups), None, make)
        return copy.deepcopy(known[0]), *known[1:]

    def _divide(self, data, teacher, groups, rng):
        """Return folds, and the parts that are labelled: all samples, and those of each fold."""
        fold = np.zeros(len(data.y), dtype=int)
        if self.gate or teacher.how == "out of fold":
            classifier = data.classes is not None
            splits = splits_of(self.cv, data.X, data.labels, classifier=classifier, groups=groups)
            fold = fold_of_each(splits, len(fold), self.cv)
            if data.weight is not None:
                check_training_weights(fold, data.weight, self.cv)
        indices = [np.arange(len(fold))]
        indices += [np.flatnonzero(fold != k) for k in range(fold.max() + 1) if self.gate]
        return fold, [augment(data, index, self.augment, rng) for index in indices]

    def get_metadata_routing(self) -> MetadataRequest:
        """Return the metadata request.

        Returns
        -------
        MetadataRequest
            `fit` requests groups where `cv` needs them.
        """
        return request_groups(super().get_metadata_routing(), self.cv)

    @property
    def _compared_by_loss(self):
        predicts_numbers = tags_of(self.student).estimator_type == "regressor"
        return predicts_numbers or hasattr(self.student, "predict_proba")

    @property
    def teacher_(self) -> Any:
        """The teacher, fitted to all samples; not part of the pickle."""
        if "_teacher" not in self.__dict__:
            msg = (
                "This Distiller has no teacher_: it is not fitted, or it was pickled or copied, "
                "which leaves the teacher behind. Fit it, or pickle teacher_ itself."
            )
            raise AttributeError(msg)
        return self._teacher

    def __getstate__(self):
        state = {k: v for k, v in super().__getstate__().items() if k != "_teacher"}
        return compact(without_earlier_fits(self, state))

    def __setstate__(self, state):
        super().__setstate__(restore(state))

    # The student predicts; logits of a regressor become classes.

    path_ = inner_attribute("path_", "All levels of a student that is a pruner; not pickled.")
    n_features_in_ = inner_attribute("n_features_in_", "Number of features seen during `fit`.")
    coef_ = inner_attribute("coef_", "Coefficients of a linear student.")
    feature_importances_ = inner_attribute(
        "feature_importances_", "Impurity-based importances of the student."
    )
    feature_names_in_ = inner_attribute("feature_names_in_", "Names of the features.")

    @property
    def _on_logits(self):
        student = self.__dict__.get("student_", self.student)
        kinds = [tags_of(model).estimator_type for model in (self.teacher, student)]
        return kinds == ["classifier", "regressor"]

    @property
    def estimator_(self) -> Any:
        """The student as a plain model."""
        return plain_result(self._fitted_inner("estimator_"))

    @property
    def classes_(self) -> NDArray[Any]:
        """Class labels."""
        student = self._fitted_inner("classes_")
        return self._classes if self._on_logits else student.classes_

    def __sklearn_is_fitted__(self):
        return "student_" in self.__dict__

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        teacher, student = tags_of(self.teacher), tags_of(self.student)
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
            msg = f"A student that predicts logits has no {method}."
            raise AttributeError(msg)

    def _call_inner(self, method, X, *args, **kwargs):
        if not self._on_logits:
            return super()._call_inner(method, X, *args, **kwargs)
        probabilities = from_logits(super()._call_inner("predict", X))
        if method == "predict_proba":
            return probabilities
        classes = self._classes[probabilities.argmax(axis=1)]
        return classes if method == "predict" else accuracy_score(*args, classes, **kwargs)
