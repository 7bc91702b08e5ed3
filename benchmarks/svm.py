"""Support vectors: scores and time of predict with fewer of them.

Each table is divided anew in each round; all scores are of the rows that were not trained on, and
chose nothing. The peers are the order by magnitude and at random, with the same refit, and the
small model from scratch: fitted to as many random rows as leave it with that many vectors. Of
times, the peer is the whole model.
"""

import os
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, OneClassSVM

from benchmarks._measure import row, side_by_side, table
from benchmarks._sets import FOLDER, load
from skprune import SVMPruner

SHARES = (0.25, 0.10, 0.05, 0.02)
CRITERIA = ("obs", "magnitude", "random")
N_TRAIN = 2400


class Task(NamedTuple):
    """A model, its table, and how its answers are scored."""

    model: Any
    rows: Any
    score: Any
    ask: str = "predict"


def run(repeat):
    """Return the table of the benchmark; `repeat` counts divisions of the rows, and rounds."""
    found = []
    asked = os.environ.get("SKPRUNE_SETS", ",".join(TASKS)).split(",")
    for name, task in TASKS.items():
        if name not in asked:
            continue
        if task.rows in REAL and not (FOLDER / f"{name}.csv.gz").exists():
            print(f"{name}: skipped, it is not in {FOLDER} (set SKPRUNE_DATA)")
            continue
        splits = [split(task, seed) for seed in range(repeat)]
        paths = {
            criterion: [
                SVMPruner(task.model, criterion=criterion, random_state=seed).fit(X, y).path_
                for seed, (X, _, y, _) in enumerate(splits)
            ]
            for criterion in CRITERIA
        }
        found += [*scores(name, task, paths, splits), *times(name, task, paths, splits, repeat)]
    return table(*found)


def generated():
    """Return rows of two noisy classes."""
    return make_classification(
        12_000,
        10,
        n_informative=6,
        n_clusters_per_class=3,
        class_sep=1.4,
        flip_y=0.06,
        random_state=4,
    )


def digits():
    """Return the images of digits that scikit-learn ships."""
    return load_digits(return_X_y=True)


def spambase():
    """Return mails."""
    return load("spambase")


def satimage():
    """Return pixels of six kinds of land."""
    return load("satimage")


def california_housing():
    """Return districts and the standardised price of their houses."""
    X, y = load("california_housing")
    return X, (y - y.mean()) / y.std()


def mammography():
    """Return spots, and whether each is one of the many harmless ones."""
    X, y = load("mammography")
    return X, y < 0


def split(task, seed):
    """Return training rows, test rows and their targets; real columns are standardised."""
    X, y = task.rows()
    size = min(N_TRAIN, 2 * len(X) // 3)
    stratify = y if task.rows in (digits, *REAL) and not isinstance(task.model, SVR) else None
    X, X_test, y, y_test = train_test_split(
        X, y, train_size=size, stratify=stratify, random_state=seed
    )
    if isinstance(task.model, OneClassSVM):
        X, y = X[y], y[y]  # what is usual is learned from usual rows
    if task.rows is generated:
        return X, X_test, y, y_test
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), scaler.transform(X_test), y, y_test


def from_scratch(model, X, y, n_vectors, seed):
    """Return the model of the most random rows that leave it with no more vectors than that."""
    order = np.random.default_rng(seed).permutation(len(X))
    if isinstance(model, SVC):  # a row of each class comes first
        _, firsts = np.unique(y[order], return_index=True)
        order = order[np.concatenate([firsts, np.setdiff1d(np.arange(len(X)), firsts)])]

    def fitted(n_rows):
        return clone(model).fit(X[order[:n_rows]], y[order[:n_rows]])

    few = max(n_vectors, 2, len(np.unique(y)) if isinstance(model, SVC) else 0)
    many, found = few, fitted(few)
    while many < len(X):  # few rows are quick to fit: begin with them
        many = min(2 * few, len(X))
        tried = fitted(many)
        if len(tried.support_) > n_vectors:
            break
        few, found = many, tried
    while many - few > 1:
        middle = (few + many) // 2
        tried = fitted(middle)
        if len(tried.support_) <= n_vectors:
            few, found = middle, tried
        else:
            many = middle
    return found


def scores(name, task, paths, splits):
    """Yield mean and spread of the scores on the test rows, per share of the vectors."""
    vectors = np.array([path.units[0] for path in paths["obs"]])
    score = partial(score_of, task)
    whole = np.array(
        [score(path.model, part) for path, part in zip(paths["obs"], splits, strict=True)]
    )
    yield row(f"{name}: score, all of {vectors.mean():.0f} vectors", spread(whole), "", "")
    for share in SHARES:
        found = {
            criterion: np.array(
                [
                    score(path.cut(keep=share), part)
                    for path, part in zip(paths[criterion], splits, strict=True)
                ]
            )
            for criterion in CRITERIA
        }
        small = [
            score(from_scratch(task.model, part[0], part[2], int(share * n), seed), part)
            for seed, (n, part) in enumerate(zip(vectors, splits, strict=True))
        ]
        yield row(
            f"{name}: score, {share * vectors.mean():.0f} vectors ({share:.0%})",
            spread(found["obs"]),
            f"{spread(found['magnitude'])}, {spread(found['random'])}, {spread(small)}",
            f"{100 * (found['obs'] - whole).mean():+.1f} points of the whole",
            "peers: magnitude, random, from scratch",
        )


def score_of(task, model, part):
    """Score one model on the test rows of a division."""
    return task.score(part[3], getattr(model, task.ask)(part[1]))


def spread(values):
    """Return mean and standard deviation as text."""
    return f"{np.mean(values):.4f} +- {np.std(values):.4f}"


def times(name, task, paths, splits, repeat):
    """Yield times of predict at each share, and of the whole path."""
    (X, X_test, y, _), path = splits[0], paths["obs"][0]
    for share in SHARES:
        yield side_by_side(
            f"{name}: predict {len(X_test)} rows, {share:.0%} of the vectors",
            partial(path.cut(keep=share).predict, X_test),
            partial(path.model.predict, X_test),
            max(5, repeat),
            "the peer is the whole model",
        )
    yield side_by_side(
        f"{name}: fit with the whole path",
        partial(SVMPruner(task.model).fit, X, y),
        partial(clone(task.model).fit, X, y),
        max(3, repeat),
        "the peer is the plain fit",
    )


REAL = (spambase, satimage, california_housing, mammography)
TASKS = {
    "generated": Task(SVC(), generated, accuracy_score),
    "spambase": Task(SVC(), spambase, accuracy_score),
    "digits": Task(SVC(), digits, accuracy_score),
    "satimage": Task(SVC(), satimage, accuracy_score),
    "california_housing": Task(SVR(epsilon=0.2), california_housing, r2_score),
    "mammography": Task(OneClassSVM(nu=0.25), mammography, roc_auc_score, "score_samples"),
}
