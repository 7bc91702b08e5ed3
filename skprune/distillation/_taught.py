"""Base of what a teacher teaches a student: what the student can do, it can do."""

import copy

from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_classifier, is_regressor
from sklearn.metrics import accuracy_score
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skprune.size import plain_result
from skprune.solvers.soft_labels import from_logits


def _student_has(method):
    """Make a method available if the student has it, or its logits stand for it."""

    def check(self):
        if not (method == "predict_proba" and self._on_logits):
            getattr(getattr(self, "student_", self.student), method)
        return True

    return check


class Taught(MetaEstimatorMixin, BaseEstimator):
    """Base of meta-estimators with a `teacher` and a `student`, which answers.

    A subclass writes `fit`, which sets `student_`, and `_classes`: the classes of the teacher,
    for a student that is a regressor and says their logits.
    """

    @property
    def _on_logits(self):
        student = self.__dict__.get("student_", self.student)
        return is_classifier(self.teacher) and is_regressor(student)

    @property
    def estimator_(self):
        """The student as a plain model."""
        if "student_" not in self.__dict__:
            msg = f"{type(self).__name__} has no estimator_ before fit."
            raise AttributeError(msg)
        return plain_result(self.student_)

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
        tags.input_tags.sparse &= teacher.input_tags.sparse
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
