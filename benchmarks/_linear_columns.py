"""Columns of linear models: those that `LinearPruner` keeps, and those that its peers keep.

Every side names its columns at each of some sizes; a clone of the same model is fitted on
them and scored on rows that chose nothing. Timed is the naming of the columns at all sizes,
the fit of the model included.
"""

import importlib.util
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, lasso_path
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks._measure import row, seconds
from benchmarks._sets import FOLDER, load
from skprune import LinearPruner

CRITERIA = ("obs", "wald", "l1", "gradient", "scaled_magnitude", "magnitude", "random")
SPLITS = 5


class Task(NamedTuple):
    """A model, the table of a seed, and the numbers of columns that are asked for."""

    name: str
    model: Any
    table: Any
    sizes: tuple


def rows():
    """Return a row per table and way, ours by "obs" against it; means over the splits."""
    found = []
    for task in tasks():
        means, n_columns = compare(task)
        ours, took = means.pop("obs")
        sizes = ", ".join(map(str, task.sizes))
        note = f"{sizes} of {n_columns} columns; {SPLITS} splits"
        for way, (scores, time) in means.items():
            sides = (f"{_text(s)}, {t:.2g} s" for s, t in ((ours, took), (scores, time)))
            found.append(row(f"{task.name}: obs against {way}", *sides, f"{time / took:.2g}", note))
    return found


def compare(task):
    """Return mean scores at each size and mean seconds, per way, and the number of columns."""
    scores, times = {}, {}
    for seed in range(SPLITS):
        X, X_test, y, y_test = task.table(seed)
        for way, name_columns in ways(is_classifier(task.model)).items():
            took, masks = seconds(partial(name_columns, task.model, X, y, task.sizes, seed))
            times.setdefault(way, []).append(took)
            scores.setdefault(way, []).append(
                [
                    clone(task.model).fit(X[:, kept], y).score(X_test[:, kept], y_test)
                    for kept in masks
                ]
            )
    return {way: (np.mean(scores[way], axis=0), np.mean(times[way])) for way in scores}, X.shape[1]


def tasks():
    """Return the tasks whose tables are there."""
    logistic = LogisticRegression(max_iter=1000)
    found = [
        Task("planted, R2", LinearRegression(), planted, (5, 10, 20)),
        Task("digits, accuracy", logistic, digits, (10, 15, 20)),
    ]
    for task in (
        Task("ames_housing, R2", Ridge(alpha=10.0), houses, (10, 20, 40)),
        Task("spambase, accuracy", logistic, spam, (5, 10, 20)),
    ):
        path = FOLDER / f"{task.name.split(',')[0]}.csv.gz"
        if path.exists():
            found.append(task)
        else:
            print(f"{path} is not there (set SKPRUNE_DATA): skipped")
    return found


def planted(seed):
    """Make 200 columns, 20 of which matter; neighbours correlate at 0.7."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2000, 200))
    for column in range(1, 200):
        X[:, column] = 0.7 * X[:, column - 1] + np.sqrt(1 - 0.7**2) * X[:, column]
    true = rng.choice(200, 20, replace=False)
    y = X[:, true] @ rng.choice([-1.0, 1.0], 20) + 2 * rng.normal(size=len(X))
    return train_test_split(X, y, test_size=0.5, random_state=seed)


def houses(seed):
    """Return the logarithm of prices, categories as columns of zeros and ones."""
    frame = pd.read_csv(FOLDER / "ames_housing.csv.gz")
    y = np.log(frame.pop("target").to_numpy())
    numbers = frame.select_dtypes("number")
    frame[numbers.columns] = numbers.fillna(numbers.median())
    return _split(pd.get_dummies(frame, dtype=float).to_numpy(), y, seed)


def spam(seed):
    """Return logarithms of counts of words and signs."""
    X, y = load("spambase")
    return _split(np.log1p(X), y, seed, stratify=y)


def digits(seed):
    """Return pixels that are not the same everywhere."""
    X, y = load_digits(return_X_y=True)
    return _split(X, y, seed, stratify=y)


def _split(X, y, seed, stratify=None):
    """Divide the rows; scale the columns that are not constant by those to train on."""
    split = train_test_split(X, y, test_size=0.4, random_state=seed, stratify=stratify)
    varies = split[0].std(axis=0) > 0
    scaler = StandardScaler().fit(split[0][:, varies])
    return *(scaler.transform(part[:, varies]) for part in split[:2]), *split[2:]


def ways(classifies):
    """Return all ways by name: functions of a model, rows, targets, sizes and a seed."""
    found = {criterion: partial(by_pruner, criterion) for criterion in CRITERIA}
    found |= {"SelectFromModel": by_coefficient, "RFE": by_elimination}
    found["L1 path"] = by_l1_of_classes if classifies else by_lasso
    if importlib.util.find_spec("abess") is None:
        print("abess: not installed, skipped")
        return found
    return found | {"abess": by_abess}


def by_pruner(criterion, model, X, y, sizes, seed):
    """Return masks of columns at levels of one path."""
    pruner = LinearPruner(
        model, criterion=criterion, unit="feature", keep=1.0, random_state=seed
    ).fit(X, y)
    masks = [pruner.path_.mask(pruner.path_.locate(keep=size)) for size in sizes]
    return [np.atleast_2d(mask).any(axis=0) for mask in masks]


def by_coefficient(model, X, y, sizes, seed):  # noqa: ARG001 - draws nothing
    """Return the columns of the largest coefficients of one fit."""
    whole = clone(model).fit(X, y)
    found = [
        SelectFromModel(whole, threshold=-np.inf, max_features=size, prefit=True) for size in sizes
    ]
    return [selector.fit(X, y).get_support() for selector in found]


def by_elimination(model, X, y, sizes, seed):  # noqa: ARG001 - draws nothing
    """Return what recursive elimination leaves, a fit per column."""
    smallest = min(sizes)
    ranking = RFE(clone(model), n_features_to_select=smallest, step=1).fit(X, y).ranking_
    return [ranking <= size - smallest + 1 for size in sizes]


def by_lasso(model, X, y, sizes, seed):  # noqa: ARG001 - its penalty is another, it draws nothing
    """Return columns of the lasso's path: the first point with enough of them."""
    scale = X.std(axis=0)
    _, coefs, _ = lasso_path((X - X.mean(axis=0)) / scale, y - y.mean(), eps=1e-3, alphas=200)
    return largest_of_first(np.abs(coefs.T), sizes)


def by_l1_of_classes(model, X, y, sizes, seed):  # noqa: ARG001 - its penalty is another
    """Return columns of logistic regressions with an L1 penalty that falls."""
    coefs = l1_path(X, y, seed, enough=lambda coef: coef.any(axis=0).sum() >= max(sizes))
    return largest_of_first(np.array([np.abs(coef).sum(axis=0) for coef in coefs]), sizes)


def l1_path(X, y, seed, enough):
    """Return the coefficients of an L1 penalty that falls until there are enough."""
    coefs = []
    model = LogisticRegression(
        solver="saga", l1_ratio=1.0, warm_start=True, max_iter=200, tol=1e-3, random_state=seed
    )
    for C in np.geomspace(1e-3, 10, 33):
        coefs.append(model.set_params(C=C).fit(X, y).coef_.copy())
        if enough(coefs[-1]):
            break
    return coefs


def largest_of_first(worth, sizes):
    """Return, per size, the largest values of the first point with that many."""
    masks = []
    for size in sizes:
        enough = (worth > 0).sum(axis=1) >= size
        point = worth[enough.argmax() if enough.any() else -1]
        kept = np.zeros(len(point), dtype=bool)
        kept[np.argsort(-point, kind="stable")[:size]] = True
        masks.append(kept)
    return masks


def by_abess(model, X, y, sizes, seed):  # noqa: ARG001 - draws nothing
    """Return best subsets by splicing, a fit per size."""
    import abess

    kind = abess.LinearRegression
    if is_classifier(model):
        several = len(np.unique(y)) > 2
        kind = abess.MultinomialRegression if several else abess.LogisticRegression
    coefs = [kind(support_size=size).fit(X, y).coef_ for size in sizes]
    return [coef.reshape(len(coef), -1).any(axis=1) for coef in coefs]


def _text(scores):
    return " ".join(f"{score:.3f}" for score in scores)
