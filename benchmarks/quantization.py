"""Bits: answers that stay the same, and bytes on disk, with fewer bits for each number.

Agreement is the share of test rows, which chose nothing, with the answer of the whole model.
The peer of bytes is the pickle of the whole model; of a network that of the plain model that the
codes stand for, which is without the state of its optimiser. Pruned forests are chosen by
cross-validation on the training rows.
"""

import pickle

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from benchmarks._measure import row, table
from benchmarks._sets import tables
from skprune import PruningSearchCV, Quantizer, TreePruner, WithinTolerance

METHODS = (("auto", 8), ("feedback", 8), ("auto", 4), ("affine", 4), ("codebook", 4), ("auto", 2))
# Fixed before these divisions were looked at: what the level may lose of the best accuracy
# between folds, and the rows that are trained on at most.
TOLERANCE, SEEDS, MAX_ROWS = 0.002, (101, 102), 8000


def run(repeat):
    """Return the table of the benchmark; `repeat` counts divisions of the rows."""
    return table(*networks(repeat), *forests(repeat), *pruned_forests())


def pickled(model):
    """Return the bytes of the pickle of a model."""
    return len(pickle.dumps(model))


def networks(repeat):
    """Yield agreement and bytes of a network on digits, per method and bits."""
    X, y = load_digits(return_X_y=True)
    parts = [
        train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=seed)
        for seed in range(repeat)
    ]
    models = [
        MLPClassifier((100,), max_iter=300, random_state=seed).fit(X, y)
        for seed, (X, _, y, _) in enumerate(parts)
    ]
    for method, bits in METHODS:
        same, shares = [], []
        for model, (X, X_test, y, _) in zip(models, parts, strict=True):
            coded = Quantizer(FrozenEstimator(model), bits=bits, method=method).fit(X, y)
            same.append(np.mean(coded.predict(X_test) == model.predict(X_test)))
            shares.append(pickled(coded.codes_) / pickled(coded.estimator_))
        yield row(
            f"digits, network of 100, {bits} bits, {method}",
            f"agreement {np.mean(same):.4f} (least {min(same):.4f})",
            "1",
            f"{np.mean(shares):.2f} of the bytes",
            f"{len(same)} divisions",
        )


def forests(repeat):
    """Yield agreement and bytes of forests with at most 256 thresholds per column."""
    X, y = make_classification(8000, 20, n_informative=8, flip_y=0.05, random_state=0)
    for name, data in (("8,000 rows", (X, y)), ("digits", load_digits(return_X_y=True))):
        same, ratios = [], []
        for seed in range(repeat):
            X, X_test, y, _ = train_test_split(*data, test_size=0.5, random_state=seed)
            coded = Quantizer(RandomForestClassifier(random_state=seed, n_jobs=2)).fit(X, y)
            whole = coded.path_.model
            same.append(np.mean(coded.predict(X_test) == whole.predict(X_test)))
            ratios.append(pickled(whole) / pickled(coded))
        most = coded.report_.values_before[:-1].max()
        yield row(
            f"{name}, forest of 100, {most} thresholds in a column",
            f"agreement {np.mean(same):.4f} (least {min(same):.4f})",
            "1",
            f"{np.mean(ratios):.0f} times smaller",
            f"{repeat} divisions",
        )


def pruned_forests():
    """Yield accuracy and bytes of forests that are pruned by backfitting, then quantised."""
    for seed in SEEDS:
        for data in tables(seed):
            if data.kind != "regression":
                yield pruned_forest(data, seed)


def pruned_forest(data, seed):
    """Return the row of one table."""
    X, y = data.X, data.y
    if len(X) > MAX_ROWS:
        X, _, y, _ = train_test_split(X, y, stratify=y, train_size=MAX_ROWS, random_state=seed)
    forest = RandomForestClassifier(random_state=seed, n_jobs=2)
    whole = clone(forest).fit(X, y)
    pruner = TreePruner(forest, criterion="backfitting", random_state=seed)
    search = PruningSearchCV(pruner, refit=WithinTolerance(TOLERANCE), cv=5, max_levels=30)
    coded = Quantizer(search).fit(X, y)
    return row(
        f"{data.name}, forest of 100, backfitted, 8 bits, seed {seed}",
        f"accuracy {coded.score(data.X_test, data.y_test):.4f}, {pickled(coded):,} bytes",
        f"accuracy {whole.score(data.X_test, data.y_test):.4f}, {pickled(whole):,} bytes",
        f"{pickled(whole) / pickled(coded):.0f} times smaller",
        f"pruned alone {pickled(whole) / pickled(coded.path_.model):.0f} times",
    )
