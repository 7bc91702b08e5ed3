"""Models side by side: scores, sizes, latency, agreement."""

import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import (
    RocCurveDisplay,
    accuracy_score,
    f1_score,
    get_scorer,
    mean_absolute_error,
    r2_score,
    recall_score,
    roc_auc_score,
    root_mean_squared_error,
)
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skprune._compat import import_extra, predicts_only, rows_of
from skprune.arrays.annotations import MatrixLike
from skprune.exceptions import InputError, PruningWarning
from skprune.inspection._scratch import with_scratch
from skprune.size import SIZES, size_or_nan

LATENCIES = ("batch_us", "batch_us_iqr", "row_us", "row_us_iqr")
# n_repeats="auto": as many rounds as fit into this time, within these bounds.
AUTO_SECONDS, FEWEST, MOST = 1.0, 5, 100


def compare(
    models: Mapping[str, Any] | Sequence[Any],
    X: MatrixLike,
    y: ArrayLike,
    *,
    scoring: Any = None,
    sample_weight: ArrayLike | None = None,
    scratch: tuple[Any, Any] | None = None,
    n_repeats: int | str = "auto",
    roc_ax: Any = None,
) -> pd.DataFrame:
    """Compare fitted models side by side: scores, sizes, latency, agreement.

    Use data seen neither in fitting nor in the selection of a model, a level or a parameter:
    scores on data that a model was fitted to, or its level was selected on, are optimistic.

    Parameters
    ----------
    models : mapping of str to fitted estimator, or sequence of fitted estimators
        What to compare, all classifiers or all regressors; the first is the reference for the
        agreement of the others. A pruner, a search and a pipeline count too. In a
        sequence the class gives the name, with a number where several would be equal.
    X : array-like of shape (n_samples, n_features)
        Test samples; use data seen neither in fitting nor in selection.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True targets.
    scoring : str, callable, sequence of str or mapping of them, default=None
        Names of scorers or callables with the signature ``(model, X, y)``. None is the
        usual set, see Notes.
    sample_weight : array-like of shape (n_samples,), default=None
        Sample weights, for scores and agreement.
    scratch : tuple of (X, y), default=None
        Training samples of the models. Each network is then followed by another of its size
        that is trained on them from scratch, the baseline of all pruning; a network with
        zeros by one with as many weights and no zeros. Networks only.
    n_repeats : int or "auto", default="auto"
        Number of timing rounds; in each, every model predicts all samples at once and one
        sample alone. "auto" is as many as fit into one second, at least 5, at most 100; 0
        leaves the latency out.
    roc_ax : matplotlib Axes or True, default=None
        Axes for the ROC curve of each model; True creates a new figure, which is then
        matplotlib's current one. For classifiers of two classes.

    Returns
    -------
    table : DataFrame
        A row per model, with these columns:

        - the scores; NaN where a model has none, as without `predict_proba`;
        - `units`, `parameters`, `bytes`: see `ModelSize`; NaN for a model that cannot be
          taken apart;
        - `batch_us`, `row_us`: median time of `predict` in microseconds per sample, for all
          samples of `X` at once and for one sample alone; `batch_us_iqr`, `row_us_iqr`: the
          interquartile range over the rounds, in the same unit;
        - `agreement`: for classifiers the share of samples with the same prediction as the
          first model; for regressors the R2 of a model's predictions with those of the
          first as true targets. 1 means the same predictions on these samples.

    Raises
    ------
    InputError
        If there are no models, they are not all classifiers or all regressors, or a
        parameter does not apply to them.
    MissingExtraError
        If `roc_ax` is True and matplotlib is not installed.
    sklearn.exceptions.NotFittedError
        If a model is not fitted.

    See Also
    --------
    model_size : The sizes of one model.
    PruningPathDisplay : Score against size, for all levels of pruning.
    sklearn.metrics.RocCurveDisplay : Draws the ROC curves.

    Notes
    -----
    The usual scores of classifiers are `accuracy`, `balanced_accuracy`, `recall`, `f1`
    and `roc_auc`, the last three for the greater one of two classes, as in scikit-learn.
    With more classes they are `recall_macro`, `f1_macro` and `roc_auc_ovr`, unweighted
    means over the classes. Those of regressors are `r2`, `mean_absolute_error` and
    `root_mean_squared_error`; the errors are positive, in the unit of the target. A score
    that is undefined on the samples, as the AUC of a single class, is NaN.

    The models take turns in each round, forwards and backwards, so that other load on the
    machine affects them all alike. Latencies are comparable within one table only.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import TreePruner, compare
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    >>> whole = DecisionTreeClassifier(random_state=0).fit(X, y)
    >>> pruner = TreePruner(DecisionTreeClassifier(random_state=0), keep=4).fit(X, y)
    >>> table = compare({"whole": whole, "pruned": pruner}, X_test, y_test, n_repeats=0)
    >>> table[["accuracy", "units", "agreement"]].round(2)
            accuracy  units  agreement
    model
    whole       0.88     16       1.00
    pruned      0.92      4       0.92
    """
    fitted = _named(models)
    if scratch is not None:
        fitted = with_scratch(fitted, scratch)
    classify = _check_kind(fitted)
    check_consistent_length(X, y, sample_weight)
    _check_repeats(n_repeats)
    draw = roc_ax is not None and roc_ax is not False
    labels = _labels(fitted, y) if classify and (scoring is None or draw) else None
    ax = _roc_axes(roc_ax, labels) if draw else None

    predictions = {name: np.asarray(model.predict(X)) for name, model in fitted.items()}
    rankings = {name: _ranking(model, X, labels) for name, model in fitted.items()}
    if scoring is None:
        scores = {
            name: _usual_scores(y, predictions[name], rankings[name], labels, sample_weight)
            for name in fitted
        }
    else:
        scores = _scores_of(fitted, _scorers(scoring), X, y, sample_weight)
    if ax is not None:
        _draw_roc(ax, y, rankings, labels, sample_weight)
    first = next(iter(predictions.values()))
    latencies = _latencies(fitted, X, len(first), n_repeats)
    rows = [
        scores[name]
        | size_or_nan(model)
        | latencies[name]
        | {"agreement": _agreement(first, predictions[name], sample_weight, classify=classify)}
        for name, model in fitted.items()
    ]
    return pd.DataFrame(rows, index=pd.Index(fitted, name="model"))


# What was given


def _named(models):
    """Return the models by name, in the order given."""
    # Ensembles and pipelines are iterable, but are one model.
    if hasattr(models, "fit") or not isinstance(models, Iterable):
        msg = (
            f"models={models!r} was given. Allowed are a mapping of names to fitted models "
            "and a sequence of fitted models; give [model] for a single one."
        )
        raise InputError(msg)
    models = dict(models) if isinstance(models, Mapping) else _numbered(list(models))
    if not models:
        msg = "models is empty; give at least one fitted model."
        raise InputError(msg)
    return models


def _numbered(models):
    kinds = [type(model).__name__ for model in models]
    return {
        f"{kind}-{kinds[: i + 1].count(kind)}" if kinds.count(kind) > 1 else kind: model
        for i, (kind, model) in enumerate(zip(kinds, models, strict=True))
    }


def _check_kind(models):
    """Return whether the models are classifiers; refuse a mixture, and unfitted models."""
    for model in models.values():
        check_is_fitted(model)
    kinds = {name: _kind(model) for name, model in models.items()}
    if len(set(kinds.values())) > 1 or "neither" in kinds.values():
        given = ", ".join(f"{name!r} is {kind}" for name, kind in kinds.items())
        msg = (
            f"{given}. Only models of one kind can be compared: give classifiers only, or "
            "regressors only."
        )
        raise InputError(msg)
    return "a classifier" in kinds.values()


def _kind(model):
    if is_classifier(model):
        return "a classifier"
    return "a regressor" if is_regressor(model) else "neither"


def _check_repeats(n_repeats):
    if n_repeats == "auto":
        return
    if not isinstance(n_repeats, Integral) or isinstance(n_repeats, bool) or n_repeats < 0:
        msg = (
            f"n_repeats={n_repeats!r} was given. Allowed are a number of rounds, 0 for no "
            "latency, and 'auto' for about a second. Give one of these."
        )
        raise InputError(msg)


def _labels(models, y):
    """Return all classes of the targets and of the models, sorted."""
    kind = type_of_target(y, input_name="y")
    if kind not in {"binary", "multiclass"}:
        msg = (
            f"y is {kind!r}, but the usual scores and ROC curves of classifiers need one "
            "column of class labels. Give such a y, or scoring=... for this kind."
        )
        raise InputError(msg)
    known = [model.classes_ for model in models.values() if hasattr(model, "classes_")]
    return unique_labels(y, *known)


# Scores


def _usual_scores(y, predicted, ranking, labels, sample_weight):
    """Return the usual scores of one model by name; `labels` is None for regressors."""
    weight = {"sample_weight": sample_weight}
    if labels is None:
        return {
            "r2": r2_score(y, predicted, **weight),
            "mean_absolute_error": mean_absolute_error(y, predicted, **weight),
            "root_mean_squared_error": root_mean_squared_error(y, predicted, **weight),
        }
    two = len(labels) <= 2
    suffix = "" if two else "_macro"
    # NaN where a score is undefined, rather than 0 and a warning.
    average = {"average": "binary", "pos_label": labels[-1]} if two else {"average": "macro"}
    average |= {"zero_division": np.nan, **weight}
    return {
        "accuracy": accuracy_score(y, predicted, **weight),
        "balanced_accuracy": _balanced_accuracy(y, predicted, **weight),
        f"recall{suffix}": recall_score(y, predicted, **average),
        f"f1{suffix}": f1_score(y, predicted, **average),
        "roc_auc" if two else "roc_auc_ovr": _area(y, ranking, labels, **weight),
    }


def _balanced_accuracy(y, predicted, sample_weight):
    # balanced_accuracy_score by definition, without its warnings on classes not in y.
    return recall_score(
        y, predicted, labels=np.unique(y), average="macro", sample_weight=sample_weight
    )


def _ranking(model, X, labels):
    """Return the scores by which a model ranks samples, if it has one for each class.

    Shape (n_samples,) for two classes, (n_samples, n_classes) for more.
    """
    if labels is None or len(labels) == 1:
        return None
    if not np.array_equal(getattr(model, "classes_", labels), labels):
        return None
    two = len(labels) == 2
    if two and hasattr(model, "decision_function"):
        return model.decision_function(X)
    if not hasattr(model, "predict_proba"):
        return None
    return model.predict_proba(X)[:, 1] if two else model.predict_proba(X)


def _area(y, ranking, labels, sample_weight):
    if ranking is None or not np.array_equal(np.unique(y), labels):
        return np.nan
    return roc_auc_score(y, ranking, multi_class="ovr", sample_weight=sample_weight)


def _scorers(scoring):
    """Return the scorers asked for, by name."""
    if isinstance(scoring, str):
        scoring = {scoring: scoring}
    elif callable(scoring):
        scoring = {"score": scoring}
    elif not isinstance(scoring, Mapping):
        scoring = {name: name for name in scoring}
    taken = sorted({*SIZES, *LATENCIES, "agreement"} & set(scoring))
    if taken:
        msg = (
            f"scoring names {taken}, which are columns that compare fills by itself. Leave "
            "these scorers out, or give them other names."
        )
        raise InputError(msg)
    return {name: get_scorer(scorer) for name, scorer in scoring.items()}


def _scores_of(models, scorers, X, y, sample_weight):
    weight = {} if sample_weight is None else {"sample_weight": sample_weight}
    return {
        name: {
            metric: _score_or_nan(scorer, model, X, y, weight) for metric, scorer in scorers.items()
        }
        for name, model in models.items()
    }


def _score_or_nan(scorer, model, X, y, weight):
    try:
        return scorer(model, X, y, **weight)
    except AttributeError:
        # Scorers of scikit-learn raise it for a model without predict_proba, for example.
        if predicts_only(scorer):
            return np.nan
        raise


def _agreement(first, predicted, sample_weight, *, classify):
    """Return how far the predictions of a model agree with those of the first; at most 1."""
    if not classify:
        return r2_score(first, predicted, sample_weight=sample_weight)
    # Not accuracy_score: it refuses several outputs with several classes each.
    equal = (first == predicted).reshape(len(first), -1).mean(axis=1)
    return np.average(equal, weights=sample_weight)


# Size and latency


def _latencies(models, X, n_rows, n_repeats):
    """Return the columns of the latency for each model; none without rounds."""
    if n_repeats == 0:
        return {name: {} for name in models}
    batch: dict[str, list[float]] = {name: [] for name in models}
    row: dict[str, list[float]] = {name: [] for name in models}
    turns = list(models.items())
    started = time.perf_counter()
    for i in range(MOST if n_repeats == "auto" else n_repeats):
        if n_repeats == "auto" and i >= FEWEST and time.perf_counter() - started > AUTO_SECONDS:
            break
        # Samples take different paths through a tree, so each round has its own.
        single = rows_of(X, [i % n_rows])
        for name, model in turns:
            batch[name].append(_seconds(model, X) / n_rows)
        for name, model in turns:
            row[name].append(_seconds(model, single))
        turns.reverse()
    return {
        name: _spread("batch_us", batch[name]) | _spread("row_us", row[name]) for name in models
    }


def _seconds(model, X):
    started = time.perf_counter()
    model.predict(X)
    return time.perf_counter() - started


def _spread(column, seconds):
    low, middle, high = np.percentile(seconds, [25, 50, 75]) * 1e6
    return {column: middle, f"{column}_iqr": high - low}


# ROC curves


def _roc_axes(roc_ax, labels):
    """Return the axes to plot on; refuse models without a single ROC curve."""
    if labels is None or len(labels) != 2:
        given = "regressors" if labels is None else f"classifiers of {len(labels)} classes"
        msg = (
            f"roc_ax was given, but the models are {given}. A ROC curve needs classifiers of "
            "two classes; leave roc_ax out."
        )
        raise InputError(msg)
    if hasattr(roc_ax, "plot"):
        return roc_ax
    if roc_ax is not True:
        msg = f"roc_ax={roc_ax!r} was given. Allowed are matplotlib Axes, True and None."
        raise InputError(msg)
    plt = import_extra("matplotlib.pyplot", "plot", "roc_ax=True")
    return plt.subplots(figsize=(4.8, 4.8), layout="constrained")[1]


def _draw_roc(ax, y, rankings, labels, sample_weight):
    drawn = {name: ranking for name, ranking in rankings.items() if ranking is not None}
    missing = [name for name in rankings if name not in drawn]
    if missing:
        warnings.warn(
            f"No ROC curve for {missing}: a curve needs predict_proba or decision_function, "
            "and both classes in the training data. Leave these models or roc_ax out.",
            PruningWarning,
            stacklevel=3,
        )
    for i, (name, ranking) in enumerate(drawn.items()):
        RocCurveDisplay.from_predictions(
            y,
            ranking,
            sample_weight=sample_weight,
            pos_label=labels[1],
            name=name,
            ax=ax,
            # The first is drawn below as a broad band, so that equal curves are visible.
            curve_kwargs={"linewidth": 1.5 if i else 4, "alpha": 1 if i else 0.5},
            plot_chance_level=i == len(drawn) - 1,
            despine=True,
        )
