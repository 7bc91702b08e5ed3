"""Lessons: rows with their true targets, and with the labels that a student is taught."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array, column_or_1d, indexable
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from skprune._compat import check_sample_weight, rows_of
from skprune.base._frames import stack_rows
from skprune.base._targets import targets_missing
from skprune.exceptions import InputError
from skprune.solvers.soft_labels import one_hot, soften


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


def read_rows(teacher, X, y, sample_weight):
    """Check rows and return them as a teacher of classes or of numbers sees them.

    Parameters
    ----------
    teacher : estimator
        A classifier or a regressor; of a frozen classifier the classes count.
    X : array-like of shape (n_rows, n_features)
        Rows.
    y : array-like of shape (n_rows,)
        Their targets.
    sample_weight : array-like of shape (n_rows,) or None
        Their weights.

    Returns
    -------
    Rows
        The same rows.

    Raises
    ------
    InputError
        If there is no target, or a class that a frozen teacher does not know.
    """
    X, y = indexable(X, y)
    if y is None:
        raise targets_missing("Distiller")
    y = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"), warn=True)
    if sample_weight is not None:
        sample_weight = check_sample_weight(sample_weight, X, ensure_non_negative=True)
    if is_regressor(teacher):
        return Rows(X, y.astype(np.float64), sample_weight, None)
    check_classification_targets(y)
    classes = np.unique(y)
    if isinstance(teacher, FrozenEstimator):
        check_is_fitted(teacher)
        if not np.isin(classes, teacher.classes_).all():
            msg = (
                f"y holds the classes {classes.tolist()}, but the frozen teacher knows "
                f"{teacher.classes_.tolist()} only. Leave rows of others out."
            )
            raise InputError(msg)
        classes = teacher.classes_
    return Rows(X, np.searchsorted(classes, y), sample_weight, classes)


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
            X=stack_rows(soft.X, part.made),
            targets=np.concatenate([soft.targets, made]),
            weight=weight if weight is None else weight[np.r_[part.index, part.parents]],
        )
    return {"hard": hard, "soft": soft}
