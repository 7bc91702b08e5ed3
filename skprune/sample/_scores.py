"""Scores of training samples, by which they are ordered."""

from inspect import signature
from numbers import Integral

import numpy as np
from scipy.linalg import pinvh
from scipy.sparse import issparse
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array
from sklearn.utils.parallel import Parallel, delayed

from skprune._compat import n_rows_of, rows_of
from skprune.arrays.blocks import block_size, blocks
from skprune.arrays.labels import encode_labels
from skprune.base._folds import check_training_weights, fold_of_each, splits_of
from skprune.base._rows import out_of_bag_mask, refuse_huge
from skprune.criteria.sample_difficulty import (
    cooks_distance,
    error_norm,
    far_outliers,
    forgetting,
    out_of_bag_error,
    wrong_labels,
)
from skprune.exceptions import InputError
from skprune.linear_model._objective import Objective
from skprune.surgery import (
    has_members,
    has_surgeon,
    members_for,
    members_type,
    surgeon_for,
    surgeon_type,
)

# Number of votes held at once.
BATCH = 2**22
# Number of folds where none is given, as in scikit-learn.
N_FOLDS = 5
# Number of epochs of training, each followed by predictions.
N_EPOCHS = 20


def out_of_fold_predictions(model, rows, cv, rng, n_jobs):
    """Predict each sample by a model that was fitted without it.

    Parameters
    ----------
    model : estimator
        Cloned.
    rows : TrainingSamples
        The samples.
    cv : int, splitter, iterable or None
        Folds, each of which is left out once. A number of folds is drawn, and stratified.
    rng : RandomState
        Draws the folds.
    n_jobs : int or None
        Number of parallel fits.

    Returns
    -------
    ndarray of shape (n_samples, n_values)
        Probabilities of all classes, or predicted values.

    Raises
    ------
    InputError
        If there is one sample only, or folds do not hold out each sample once, or leave no
        sample of positive weight to fit to.
    """
    fold = _fold_of(rows, cv, rng)
    check_training_weights(fold, rows.weight, cv)
    parts = Parallel(n_jobs=n_jobs)(
        delayed(_predict_without)(model, rows, fold == part) for part in np.unique(fold)
    )
    predicted = np.empty((len(fold), parts[0].shape[1]))
    for part, found in zip(np.unique(fold), parts, strict=True):
        predicted[fold == part] = found
    return predicted


def _fold_of(rows, cv, rng):
    """Return the fold in which each sample is held out; drawn where `cv` is their number."""
    n_samples = _at_least_two(len(rows.target))
    if cv is not None and not isinstance(cv, Integral):
        splits = splits_of(cv, rows.X, rows.y, classifier=_has_classes(rows), groups=rows.groups)
        return fold_of_each(splits, n_samples, cv)
    n_folds = min(N_FOLDS if cv is None else cv, n_samples)
    fold = np.empty(n_samples, dtype=np.intp)
    # Samples of weight zero come last, so that they do not change the folds of the others.
    order = np.lexsort((rng.permutation(n_samples), rows.stratum, rows.weight <= 0))
    fold[order] = np.arange(n_samples) % n_folds
    return fold


def errors(predicted, rows):
    """Return the error of each sample: the norm of that of probabilities, or the absolute one.

    Parameters
    ----------
    predicted : ndarray of shape (n_samples, n_values)
        As of `out_of_fold_predictions`.
    rows : TrainingSamples
        The samples.

    Returns
    -------
    ndarray of shape (n_samples,)
        The errors.
    """
    target = rows.target[:, np.newaxis]
    if _has_classes(rows):
        target = target == np.arange(predicted.shape[1])
    return error_norm(predicted, target)


def doubtful(predicted, rows):
    """Estimate the share of the targets that are wrong: labels, or far outliers.

    Parameters
    ----------
    predicted : ndarray of shape (n_samples, n_values)
        As of `out_of_fold_predictions`.
    rows : TrainingSamples
        The samples; those of weight zero are not counted.

    Returns
    -------
    float
        Share of the samples.
    """
    if _has_classes(rows):
        return wrong_labels(predicted, rows.target, rows.weight)
    return far_outliers(rows.target - predicted[:, 0], rows.weight)


def _predict_without(model, rows, out):
    """Fit without some samples and predict them; probabilities of all classes, or values."""
    X = rows_of(rows.X, np.flatnonzero(out))
    if not _has_classes(rows):
        return np.reshape(rows.fit(model, ~out).predict(X), (-1, 1))
    predicted = np.zeros((n_rows_of(X), len(rows.classes)))
    seen = np.unique(rows.target[~out])
    if len(seen) == 1:  # many models refuse to be fitted to one class
        predicted[:, seen] = 1.0
        return predicted
    fitted = rows.fit(model, ~out)
    predicted[:, encode_labels(rows.classes, fitted.classes_)] = _probabilities(fitted, X)
    return predicted


def _probabilities(model, X):
    """Return probabilities of classes, else transformed decision values, else predictions."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X)
    if not hasattr(model, "decision_function"):
        return encode_labels(model.classes_, model.predict(X))[:, np.newaxis] == np.arange(
            len(model.classes_)
        )
    raw = model.decision_function(X)
    if raw.ndim == 1:
        return np.column_stack([expit(-raw), expit(raw)])
    return softmax(raw, axis=1)


def has_influence(model):
    """Return whether the influence of samples on a model, fitted or not, is known."""
    if has_surgeon(model, family="linear"):
        return surgeon_type(model).may_be_smooth
    return has_members(model) and members_type(model).bootstraps(model)


def influence(model, rows):
    """Return the influence of each sample on a fit: Cook's distance, or its out-of-bag error.

    Parameters
    ----------
    model : fitted estimator
        A smooth linear model, or an ensemble of bootstrap samples; fitted to the samples.
    rows : TrainingSamples
        The samples.

    Returns
    -------
    ndarray of shape (n_samples,)
        The influence; larger for samples that are more unusual.

    Raises
    ------
    InputError
        If the model has penalties or solvers without a closed form.
    """
    if has_members(model):
        return _out_of_bag(model, rows)
    objective = Objective(surgeon_for(model, family="linear"), rows)
    if not objective.surgeon.is_smooth:
        msg = (
            f"criterion='influence' was given with {model!r}, which has a penalty, a bound or a "
            "solver without a closed form. Use an L2 penalty and another solver, or "
            "criterion='el2n'."
        )
        raise InputError(msg)
    columns = objective.columns
    X = objective.X[:, columns]
    X = X.toarray() if issparse(X) else X
    slopes = objective.weight[:, np.newaxis] * objective.gradient()
    scale = objective.dispersion() * (len(columns) + objective.has_intercept)
    total = np.zeros(len(X))
    for output in range(slopes.shape[1]):
        curvature = objective.curvature[:, output]
        centred, form = X, np.zeros(len(X))
        if objective.has_intercept:
            centred, form = X - np.average(X, axis=0, weights=curvature), 1 / curvature.sum()
        inverse = pinvh(objective.hessian(output, columns)) if len(columns) else np.zeros((0, 0))
        form = form + ((centred @ inverse) * centred).sum(axis=1)
        total += cooks_distance(slopes[:, output], curvature, form) / scale[output]
    return total


def _out_of_bag(model, rows):
    members = members_for(model)
    n_samples = len(rows.target)
    unseen = out_of_bag_mask(members.in_bag(), n_samples)
    found = np.empty(n_samples)
    n_values = len(rows.classes) if _has_classes(rows) else 1
    for batch in blocks(n_samples, block_size(BATCH, members.n_members * n_values)):
        votes = members.votes(rows_of(rows.X, np.arange(batch.start, batch.stop)))
        if _has_classes(rows):
            losses = votes.argmax(axis=2) != rows.target[batch]
        else:
            losses = (votes[:, :, 0] - rows.target[batch]) ** 2
        found[batch] = out_of_bag_error(losses, unseen[:, batch])
    known = np.isfinite(found)
    return np.where(known, found, found[known].mean() if known.any() else 0.0)


def forgotten(model, rows):
    """Count how often each sample was learnt and forgotten during the training of a classifier.

    Parameters
    ----------
    model : fitted classifier
        With `staged_predict`, or else `partial_fit`, by which a clone is then trained.
    rows : TrainingSamples
        The samples.

    Returns
    -------
    ndarray of shape (n_samples,)
        Number of forgetting events; for samples never learnt, more than there can be.
    """
    predictions = (
        model.staged_predict(rows.X) if hasattr(model, "staged_predict") else _epochs(model, rows)
    )
    return forgetting(
        encode_labels(rows.classes, np.ravel(each)) == rows.target for each in predictions
    )


def _epochs(model, rows):
    model, y = clone(model), np.ravel(np.asarray(rows.y))
    takes = (
        rows.sample_weight is not None
        and "sample_weight" in signature(model.partial_fit).parameters
    )
    weights = {"sample_weight": rows.weight} if takes else {}
    for _ in range(N_EPOCHS):
        yield model.partial_fit(rows.X, y, classes=rows.classes, **weights).predict(rows.X)


def neighbours(X, n_neighbors, n_jobs):
    """Return the nearest neighbours of each sample; ndarray of int, (n_samples, n_neighbors)."""
    n_neighbors = min(n_neighbors, _at_least_two(X.shape[0]) - 1)
    graph = NearestNeighbors(n_neighbors=n_neighbors + 1, n_jobs=n_jobs).fit(X)
    # The first is the sample itself or a duplicate of it. imbalanced-learn drops it likewise, so
    # that these criteria select the same samples.
    return graph.kneighbors(X, return_distance=False)[:, 1:]


def numbers(rows, *, sparse=False):
    """Return the features as finite numbers; ndarray, or CSR matrix if `sparse` and given so."""
    try:
        X = check_array(rows.X, dtype=np.float64, accept_sparse="csr" if sparse else False)
    except (TypeError, ValueError) as error:
        kinds = "finite numbers" if sparse else "finite numbers, and dense"
        msg = (
            f"{error}\nThe criterion uses the features directly, which have to be {kinds}. "
            "Make the pruner the last step of a pipeline that prepares them, or use "
            "criterion='el2n'."
        )
        raise InputError(msg) from error
    refuse_huge(X)
    return X


def _at_least_two(n_samples):
    if n_samples < 2:
        msg = (
            f"n_samples={n_samples} was given, but samples are compared with others. Give at "
            "least two samples."
        )
        raise InputError(msg)
    return n_samples


def _has_classes(rows):
    return rows.classes is not None
