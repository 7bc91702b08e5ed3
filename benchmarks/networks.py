"""Networks: weights and hidden units, each criterion against chance, and small ones from scratch.

Rows of digits are divided anew for each seed (a quarter for testing), those of friedman in half;
test rows choose nothing. `SKPRUNE_PARTS` names some of the parts (oneshot, tuned, neurons,
regression, time, mnist), all by default; `mnist` reads a table of `SKPRUNE_DATA`. Repeats are
seeds, three at least.
"""

import os
import pickle
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.datasets import load_digits, make_friedman1
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks._measure import row, side_by_side, table
from skprune import MLPPruner, densify, model_size
from skprune.surgery.neural import NeuralSurgeon

DATA = Path(os.environ.get("SKPRUNE_DATA", "../shared/data"))
TUNED = {"recovery": "fine_tune", "schedule": "cubic"}


def run(repeat):
    """Return the table of the benchmark."""
    warnings.simplefilter("ignore")
    parts = {
        "oneshot": _one_shot,
        "tuned": _tuned,
        "neurons": _neurons,
        "regression": _regression,
        "time": _times,
        "mnist": _mnist,
    }
    chosen = os.environ.get("SKPRUNE_PARTS", ",".join(parts)).split(",")
    return table(*(each for part in chosen for each in parts[part](max(3, repeat))))


def _digits(n_seeds, *sizes):
    """Return (network, training rows, test rows, their targets) per seed."""
    X, y = load_digits(return_X_y=True)
    found = []
    for seed in range(n_seeds):
        rows = train_test_split(X / 16, y, test_size=0.25, random_state=seed, stratify=y)
        network = MLPClassifier(sizes, max_iter=400, random_state=seed).fit(rows[0], rows[2])
        found.append((network, *rows))
    return found


def _friedman(n_seeds):
    X, y = make_friedman1(2000, 10, noise=1.0, random_state=0)
    y = (y - y.mean()) / y.std()
    found = []
    for seed in range(n_seeds):
        rows = train_test_split(X, y, test_size=0.5, random_state=seed)
        network = MLPRegressor(hidden_layer_sizes=(100, 50), max_iter=400, random_state=seed)
        found.append((network.fit(rows[0], rows[2]), *rows))
    return found


def _dense(runs):
    return np.mean([network.score(X, y) for network, _, X, _, y in runs])


def _scores(runs, keeps, **params):
    """Return the mean score of each level on the test rows."""
    found = []
    for seed, (network, X, X_test, y, y_test) in enumerate(runs):
        pruner = MLPPruner(FrozenEstimator(network), keep=1.0, random_state=seed, **params)
        path = pruner.fit(X, y).path_
        found.append([path.cut(keep=keep).score(X_test, y_test) for keep in keeps])
    return np.mean(found, axis=0)


def _scratch(runs, keeps, **params):
    """Return the mean score of networks of the same sizes that are trained from scratch."""
    found = []
    for network, X, X_test, y, y_test in runs:
        path = MLPPruner(FrozenEstimator(network), keep=1.0, **params).fit(X, y).path_
        small = [NeuralSurgeon(path.cut(keep=keep)).from_scratch() for keep in keeps]
        found.append([model.fit(X, y).score(X_test, y_test) for model in small])
    return np.mean(found, axis=0)


def _words(scores):
    return " ".join(f"{score:.3f}" for score in scores)


def _rows_of(what, runs, keeps, criteria, **params):
    """Yield a row per criterion, each against the same without a recovery; and from scratch."""
    note = f"{len(runs)} seeds; whole {_dense(runs):.3f}"
    for criterion in criteria:
        ours = _scores(runs, keeps, criterion=criterion, **params)
        bare = _scores(
            runs,
            keeps,
            criterion=criterion,
            **{**params, "recovery": None, "schedule": "one_shot"},
        )
        yield row(f"{what}, {criterion}", _words(ours), f"cut only {_words(bare)}", "", note)
    unit = {"unit": params.get("unit", "weight")}
    yield row(f"{what}, from scratch", "", _words(_scratch(runs, keeps, **unit)), "", note)


def _one_shot(n_seeds):
    criteria = ("obs", "l1", "magnitude", "lamp", "wanda", "gradient", "layer_magnitude", "random")
    what = "weights, 80 / 90 / 95 % gone"
    yield from _rows_of(what, _digits(n_seeds, 100), (0.2, 0.1, 0.05), criteria)


def _tuned(n_seeds):
    runs, keeps = _digits(n_seeds, 128, 64), (0.1, 0.05, 0.02)
    what = "weights, fine-tuned, 90 / 95 / 98 % gone"
    yield from _rows_of(what, runs, keeps, ("obs", "l1", "magnitude", "lamp", "random"), **TUNED)
    for name, params in {
        "one shot": {"schedule": "one_shot"},
        "iterative": {"schedule": "iterative"},
        "rewound": {"rewind": True},
        "soft labels": {"soft_labels": 0.5},
    }.items():
        found = _scores(runs, keeps, **{**TUNED, **params})
        yield row(f"{what}, obs, {name}", _words(found), "", "", f"{n_seeds} seeds")


def _neurons(n_seeds):
    runs, keeps = _digits(n_seeds, 100), (50, 20, 10)
    criteria = ("obs", "l1", "magnitude", "wanda", "gradient", "random")
    yield from _rows_of("50 / 20 / 10 of 100 units", runs, keeps, criteria, unit="neuron")
    for criterion in ("obs", "random"):
        params = {"criterion": criterion, "unit": "neuron", "recovery": "fine_tune"}
        note = f"{n_seeds} seeds"
        yield row(
            f"50 / 20 / 10 of 100 units, fine-tuned, {criterion}",
            _words(_scores(runs, keeps, **params)),
            "",
            "",
            note,
        )


def _regression(n_seeds):
    runs, keeps = _friedman(n_seeds), (0.1, 0.05)
    what = "friedman R2, 90 / 95 % gone"
    yield from _rows_of(what, runs, keeps, ("obs", "magnitude", "random"))
    yield from _rows_of(f"{what}, fine-tuned", runs, keeps, ("obs", "magnitude", "random"), **TUNED)


def _times(n_seeds):
    network, X, X_test, y, _ = _digits(1, 100)[0]
    frozen, many = FrozenEstimator(network), np.tile(X_test, (20, 1))
    small = MLPPruner(frozen, unit="neuron", keep=20).fit(X, y).estimator_
    n_bytes = [model_size(model).bytes for model in (small, network)]
    files = [len(pickle.dumps(model)) for model in (small, network)]
    sizes = f"bytes {n_bytes[0]} of {n_bytes[1]}, files {files[0]} of {files[1]}"
    note = f"{len(many)} rows; {sizes}; the peer is the whole"
    rounds = max(7, n_seeds)
    yield side_by_side(
        "predict with 20 of 100 units",
        lambda: small.predict(many),
        lambda: network.predict(many),
        rounds,
        note,
    )
    for keep in (0.2, 0.1, 0.05):
        sparse = MLPPruner(frozen, keep=keep, sparse_coef=True).fit(X, y).estimator_
        dense = densify(sparse)
        share = model_size(sparse).bytes / model_size(dense).bytes
        yield side_by_side(
            f"predict with sparse arrays, {keep:.0%} of the weights",
            lambda sparse=sparse: sparse.predict(many),
            lambda dense=dense: dense.predict(many),
            rounds,
            f"bytes {share:.2f} of dense; the peer is the same network, dense",
        )

    def all_levels():
        path = MLPPruner(frozen, keep=1.0).fit(X, y).path_
        levels = np.unique(np.geomspace(1, len(path) - 1, 20, dtype=int))
        return [path.cut(index=index) for index in levels]

    for name, ours in (
        ("path of the weights", lambda: MLPPruner(frozen, keep=1.0).fit(X, y).path_),
        ("path of the weights, and 20 of its levels", all_levels),
    ):
        yield side_by_side(name, ours, lambda: clone(network).fit(X, y), 3, "the peer is the fit")


def _mnist(n_seeds):
    table = pd.read_csv(DATA / "mnist_10k.csv.gz")
    X, y = table.iloc[:, :-1].to_numpy(float) / 255, table.iloc[:, -1].to_numpy()
    runs = []
    for seed in range(int(os.environ.get("SKPRUNE_SEEDS", n_seeds))):
        rows = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
        network = MLPClassifier((256, 128), max_iter=60, early_stopping=False, random_state=seed)
        runs.append((network.fit(rows[0], rows[2]), *rows))
    note = f"{len(runs)} seeds; whole {_dense(runs):.4f}"
    for name, params in {
        "obs, least squares": {},
        "magnitude, least squares": {"criterion": "magnitude"},
        "magnitude, fine-tuned": {"criterion": "magnitude", **TUNED},
        "obs, fine-tuned in one shot": {"recovery": "fine_tune"},
        "random, fine-tuned": {"criterion": "random", **TUNED},
    }.items():
        found = _scores(runs, (0.1,), **params)
        yield row(f"mnist, 90 % gone, {name}", f"{found[0]:.4f}", "", "", note)
