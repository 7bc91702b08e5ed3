"""What a criterion says of each row: the scores that orders of rows are made of."""

from inspect import signature

import numpy as np
from scipy.linalg import pinvh
from scipy.sparse import issparse
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import check_array, check_random_state
from sklearn.utils.parallel import Parallel, delayed

from skprune._compat import n_rows_of, rows_of
from skprune.arrays.blocks import block_size, blocks
from skprune.arrays.labels import encode_labels
from skprune.base._rows import out_of_bag_mask
from skprune.criteria.sample_difficulty import (
    cooks_distance,
    error_norm,
    forgetting,
    out_of_bag_error,
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

# Votes that are held at once.
BATCH = 2**22
# Passes over the rows after which a network or a linear model is asked what it has learnt.
N_EPOCHS = 20


def out_of_fold_errors(model, rows, n_folds, seed, n_jobs):
    """Return the error of each row by a model that was fitted without it.

    Parameters
    ----------
    model : estimator
        Cloned.
    rows : TrainingSamples
        The rows.
    n_folds : int
        Parts of the rows, each of which is left out once.
    seed : int
        Draws the parts, which have the strata in proportion.
    n_jobs : int or None
        Fits at the same time.

    Returns
    -------
    ndarray of shape (n_rows,)
        Norms of the errors of probabilities, or absolute errors.

    Raises
    ------
    InputError
        If there is one row only.
    """
    n_rows = _at_least_two(len(rows.target))
    n_folds = min(n_folds, n_rows)
    fold = np.empty(n_rows, dtype=np.intp)
    order = np.lexsort((check_random_state(seed).permutation(n_rows), rows.stratum))
    fold[order] = np.arange(n_rows) % n_folds
    parts = Parallel(n_jobs=n_jobs)(
        delayed(_answer_without)(model, rows, fold == part) for part in range(n_folds)
    )
    answer = np.empty((n_rows, parts[0].shape[1]))
    for part, found in enumerate(parts):
        answer[fold == part] = found
    target = rows.target[:, np.newaxis]
    return error_norm(answer, target == np.arange(answer.shape[1]) if _named(rows) else target)


def _answer_without(model, rows, out):
    """Fit without some rows and answer them; probabilities of all classes, or values."""
    X = rows_of(rows.X, np.flatnonzero(out))
    if not _named(rows):
        return np.reshape(rows.fit(model, ~out).predict(X), (-1, 1))
    answer = np.zeros((n_rows_of(X), len(rows.classes)))
    seen = np.unique(rows.target[~out])
    if len(seen) == 1:  # many models refuse to be fitted on one class
        answer[:, seen] = 1.0
        return answer
    fitted = rows.fit(model, ~out)
    answer[:, encode_labels(rows.classes, fitted.classes_)] = _probabilities(fitted, X)
    return answer


def _probabilities(model, X):
    """Return probabilities of classes, or what comes nearest to them."""
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
    """Return what each row does to a fit: Cook's distance, or its error out of bag.

    Parameters
    ----------
    model : fitted estimator
        A smooth linear model, or an ensemble of bootstrap samples; fitted on the rows.
    rows : TrainingSamples
        The rows.

    Returns
    -------
    ndarray of shape (n_rows,)
        The highest are those of the rows that the model would rather be without.

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
    n_rows = len(rows.target)
    unseen = out_of_bag_mask(members.in_bag(), n_rows)
    found = np.empty(n_rows)
    n_values = len(rows.classes) if _named(rows) else 1
    for batch in blocks(n_rows, block_size(BATCH, members.n_members * n_values)):
        votes = members.votes(rows_of(rows.X, np.arange(batch.start, batch.stop)))
        if _named(rows):
            losses = votes.argmax(axis=2) != rows.target[batch]
        else:
            losses = (votes[:, :, 0] - rows.target[batch]) ** 2
        found[batch] = out_of_bag_error(losses, unseen[:, batch])
    known = np.isfinite(found)
    return np.where(known, found, found[known].mean() if known.any() else 0.0)


def forgotten(model, rows):
    """Count how often each row was learnt and forgotten while a classifier was trained.

    Parameters
    ----------
    model : fitted classifier
        With `staged_predict`, or else `partial_fit`, with which a clone is trained anew.
    rows : TrainingSamples
        The rows.

    Returns
    -------
    ndarray of shape (n_rows,)
        Events; more than there can be for rows that were never learnt.
    """
    said = (
        model.staged_predict(rows.X) if hasattr(model, "staged_predict") else _epochs(model, rows)
    )
    return forgetting(encode_labels(rows.classes, np.ravel(each)) == rows.target for each in said)


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
    """Return the nearest other rows of each row; ndarray of int, shape (n_rows, n_neighbors)."""
    n_neighbors = min(n_neighbors, _at_least_two(X.shape[0]) - 1)
    graph = NearestNeighbors(n_neighbors=n_neighbors + 1, n_jobs=n_jobs).fit(X)
    # The first is the row itself, or one at the same place: so imbalanced-learn has it, and
    # these criteria give its rows.
    return graph.kneighbors(X, return_distance=False)[:, 1:]


def numbers(rows, *, sparse=False):
    """Return the rows as finite numbers; ndarray, or CSR matrix if `sparse` and given so."""
    try:
        return check_array(rows.X, dtype=np.float64, accept_sparse="csr" if sparse else False)
    except (TypeError, ValueError) as error:
        kinds = "finite numbers" if sparse else "finite numbers, and dense"
        msg = (
            f"{error}\nThe criterion looks at the rows themselves, which have to be {kinds}. "
            "Make the pruner the last step of a pipeline that prepares them, or use "
            "criterion='el2n'."
        )
        raise InputError(msg) from error


def _at_least_two(n_rows):
    if n_rows < 2:
        msg = f"n_samples={n_rows}: a row is held against others. Give at least two rows."
        raise InputError(msg)
    return n_rows


def _named(rows):
    return rows.classes is not None
