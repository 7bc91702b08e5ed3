"""Out-of-fold comparison of the distilled and the plainly trained student."""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.utils.parallel import Parallel, delayed

from skprune._compat import rows_of
from skprune.distillation._student import fit_student, predict_soft
from skprune.exceptions import PruningWarning
from skprune.size import SIZES, size_or_nan
from skprune.solvers.soft_labels import log_loss


def score_predictions(predicted, data):
    """Score predictions by the true targets.

    Parameters
    ----------
    predicted : ndarray of shape (n_samples,) or (n_samples, n_classes)
        As of `predict_soft`.
    data : TrainingData
        With the true targets.

    Returns
    -------
    dict of str to float
        "accuracy" and "log_loss" for classification, else "r2" and "squared_error": first a
        score, then a loss.
    """
    weight = np.ones(len(predicted)) if data.weight is None else data.weight
    if data.classes is None:
        loss = np.average((predicted - data.y) ** 2, weights=weight)
        r2 = r2_score(data.y, predicted, sample_weight=weight) if len(predicted) > 1 else np.nan
        return {"r2": float(r2), "squared_error": float(loss)}
    hits = predicted.argmax(axis=1) == data.y
    return {
        "accuracy": float(np.average(hits, weights=weight)),
        "log_loss": log_loss(predicted, weight, data.y),
    }


def compare_students(student, data, fold, training_sets, seeds, n_jobs):
    """Score students out of fold: neither they nor their teacher were fitted to the samples.

    Parameters
    ----------
    student : estimator
        Cloned.
    data : TrainingData
        All training samples.
    fold : ndarray of int, shape (n_samples,)
        The fold of each sample.
    training_sets : list of dict of str to TrainingSet
        For each fold, those of the samples outside of it.
    seeds : sequence of int or None
        One for each fold.
    n_jobs : int or None
        Number of fits in parallel.

    Returns
    -------
    dict of str to dict
        For each kind of training set the scores of `score_predictions`, over all samples.
    """
    held = [np.flatnonzero(fold == k) for k in range(len(training_sets))]
    jobs = [(name, k) for k, both in enumerate(training_sets) for name in both]
    done = Parallel(n_jobs=n_jobs)(
        delayed(_fit_and_predict)(
            student, training_sets[k][name], seeds[k], rows_of(data.X, held[k])
        )
        for name, k in jobs
    )
    predicted = {name: np.empty(data.one_hot_targets.shape) for name in training_sets[0]}
    for (name, k), found in zip(jobs, done, strict=True):
        predicted[name][held[k]] = found
    return {name: score_predictions(found, data) for name, found in predicted.items()}


def _fit_and_predict(student, training_set, seed, X):
    fitted = fit_student(clone(student), training_set, seed)
    return predict_soft(fitted, X, training_set.classes)


def select_student(scores, *, by_loss):
    """Return which student is selected, with a warning if it is not the distilled one.

    Parameters
    ----------
    scores : dict of str to dict
        As of `compare_students`; empty without a comparison.
    by_loss : bool
        Whether students are compared by their loss, or by their score.

    Returns
    -------
    {"soft", "hard"}
        "hard" unless "soft" is better.
    """
    if not scores:
        return "soft"
    name = list(scores["hard"])[by_loss]
    soft, hard = scores["soft"][name], scores["hard"][name]
    if soft < hard if by_loss else soft > hard:
        return "soft"
    warnings.warn(
        f"The student learned no better from the teacher: out-of-fold {name} {soft:.4g}, "
        f"{hard:.4g} with the target alone, which the returned student is fitted to. Try another "
        "mix, more samples by augment, or a larger student.",
        PruningWarning,
        stacklevel=4,
    )
    return "hard"


def make_report(scores, models, taught, how):
    """Return the scores of teacher and students, and the sizes of the fitted ones.

    Parameters
    ----------
    scores : dict of str to dict
        Of "teacher", and of "hard" and "soft" where these were compared.
    models : dict of str to estimator
        Fitted models under these names.
    taught : {"soft", "hard"}
        The selected student.
    how : str
        How the soft labels were predicted.

    Returns
    -------
    DataFrame
        See `Distiller`.
    """
    report = pd.DataFrame(scores, index=list(scores["teacher"])).T
    report = report.reindex(["teacher", "hard", "soft"])
    report["chosen"] = report.index == taught
    report["asked"] = [how, "", ""]
    sizes = {name: size_or_nan(model) for name, model in models.items()}
    return report.join(pd.DataFrame(sizes, index=list(SIZES), dtype=float).T)
