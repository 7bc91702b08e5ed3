"""The gate: two students compared on rows that neither they nor their teacher saw."""

import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.utils.parallel import Parallel, delayed

from skprune._compat import rows_of
from skprune.distillation._student import ask, teach
from skprune.exceptions import PruningWarning, UnsupportedModelError
from skprune.size import SIZES, model_size
from skprune.solvers.soft_labels import log_loss


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


def choose(scores, *, by_loss):
    """Return which student is taken, with a warning if it is not the distilled one.

    Parameters
    ----------
    scores : dict of str to dict
        As of `compare`; empty without a comparison.
    by_loss : bool
        Whether the loss decides, or the score.

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
        f"The student learned no better from the teacher: {name} {soft:.4g} on rows held out, "
        f"{hard:.4g} with the target alone. It was taught that. Try another mix, more rows by "
        "augment, or a larger student.",
        PruningWarning,
        stacklevel=4,
    )
    return "hard"


def make_report(scores, models, taught, how):
    """Return the scores of teacher and students, and the sizes of those that were kept.

    Parameters
    ----------
    scores : dict of str to dict
        Of "teacher", and of "hard" and "soft" where these were compared.
    models : dict of str to estimator
        Fitted ones under these names.
    taught : {"soft", "hard"}
        Which is taken.
    how : str
        How the teacher was asked.

    Returns
    -------
    DataFrame
        See `Distiller`.
    """
    report = pd.DataFrame(scores, index=list(scores["teacher"])).T
    report = report.reindex(["teacher", "hard", "soft"])
    report["chosen"] = report.index == taught
    report["asked"] = [how, "", ""]
    sizes = {name: _size(model) for name, model in models.items()}
    return report.join(pd.DataFrame(sizes, index=list(SIZES), dtype=float).T)


def _size(model):
    try:
        size = model_size(model)
    except UnsupportedModelError:
        return dict.fromkeys(SIZES, np.nan)
    return {name: getattr(size, name) for name in SIZES}
