"""Training sets of students: samples with true targets, and with soft labels."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array, column_or_1d, indexable
from sklearn.utils.multiclass import check_classification_targets

from skprune._compat import check_sample_weight, rows_of
from skprune.base._frames import stack_rows
from skprune.base._rows import check_weights_fit
from skprune.base._targets import as_numbers, single_target
from skprune.exceptions import InputError
from skprune.solvers.soft_labels import one_hot, soften


class TrainingData(NamedTuple):
    """Samples with their true targets.

    Attributes
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples, as the user gave them.
    y : ndarray of shape (n_samples,)
        Encoded classes, or numbers.
    weight : ndarray of shape (n_samples,) or None
        Sample weights.
    classes : ndarray or None
        Sorted class labels; None for regression.
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
    def one_hot_targets(self):
        """True targets, one-hot encoded for classification."""
        return self.y if self.classes is None else one_hot(self.y, len(self.classes))

    def part(self, index):
        """Return some of the samples."""
        weight = None if self.weight is None else self.weight[index]
        return self._replace(X=rows_of(self.X, index), y=self.y[index], weight=weight)


def check_training_data(teacher, X, y, sample_weight):
    """Validate the data for the kind of teacher.

    Parameters
    ----------
    teacher : estimator
        A classifier or a regressor; a frozen classifier determines the classes.
    X : array-like of shape (n_samples, n_features)
        Training samples.
    y : array-like of shape (n_samples,)
        True targets.
    sample_weight : array-like of shape (n_samples,) or None
        Sample weights.

    Returns
    -------
    TrainingData
        The same samples.

    Raises
    ------
    InputError
        If there is no target, weights are malformed, or there is a class that a frozen teacher
        does not know.
    """
    X, y = indexable(X, y)
    y = single_target(y, "Distiller")
    y = column_or_1d(check_array(y, ensure_2d=False, dtype=None, input_name="y"))
    if sample_weight is not None:
        check_weights_fit(X, {"sample_weight": sample_weight})
        sample_weight = check_sample_weight(sample_weight, X)
    if is_regressor(teacher):
        return TrainingData(X, as_numbers(y), sample_weight, None)
    check_classification_targets(y)
    classes = np.unique(y)
    if isinstance(teacher, FrozenEstimator):
        if not np.isin(classes, teacher.classes_).all():
            msg = (
                f"y holds the classes {classes.tolist()}, but the frozen teacher knows "
                f"{teacher.classes_.tolist()} only. Leave samples of other classes out."
            )
            raise InputError(msg)
        classes = teacher.classes_
    return TrainingData(X, np.searchsorted(classes, y), sample_weight, classes)


class TrainingSet(NamedTuple):
    """What a student is fitted to.

    Attributes
    ----------
    X : array-like of shape (n_samples, n_features)
        Samples.
    targets : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Numbers, or class probabilities.
    weight : ndarray of shape (n_samples,) or None
        Sample weights.
    classes : ndarray or None
        Class labels of the columns of `targets`.
    """

    X: Any
    targets: Any
    weight: Any
    classes: Any


def make_training_sets(data, part, own, made, *, temperature, mix):
    """Return the training sets of the two students, for a part of the samples.

    Parameters
    ----------
    data : TrainingData
        All training samples.
    part : Part
        Some of them, and synthetic samples made from them.
    own, made : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Soft labels of both, from the teacher.
    temperature : float
        Divides the logits of the soft labels.
    mix : float
        Share of the true targets.

    Returns
    -------
    dict of str to TrainingSet
        "hard", with true targets alone, and "soft", with mixed ones and the synthetic samples.
    """
    true = data.part(part.index)
    if data.classes is not None:
        own, made = soften(own, temperature), soften(made, temperature)
    hard = TrainingSet(true.X, true.one_hot_targets, true.weight, data.classes)
    soft = hard._replace(targets=mix * hard.targets + (1.0 - mix) * own)
    if len(made):
        weight = data.weight
        soft = soft._replace(
            X=stack_rows(soft.X, part.made),
            targets=np.concatenate([soft.targets, made]),
            weight=weight if weight is None else weight[np.r_[part.index, part.parents]],
        )
    return {"hard": hard, "soft": soft}
