"""The price of a search over all levels, in processor time, for every family.

Each row compares a search of five folds over all levels with the K + 1 plain fits that it needs
anyway, and then the same search over up to eight combinations of the pruner's own parameters with
the search of one. The ratio in the table is the first of the two; the second is in the note.

The environment variable ``SKPRUNE_PRICE_ROWS`` gives the numbers of rows (``1000,10000``), and
``SKPRUNE_PRICE_ROWS_OF`` the words of which a row's name has to contain one (``linear,svc``).
Set ``OMP_NUM_THREADS=1``: processor time counts idle threads as well. Rows appear on the standard
error stream as they come, and together at the end.
"""

import os
import sys
import time
import warnings

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import (
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import skprune
from benchmarks._measure import row, table
from skprune import EnsemblePruner, LinearPruner, MLPPruner, PruningSearchCV, SVMPruner, TreePruner

N_FOLDS = 5
RANDOM = {"random_state": list(range(8))}


def run(repeat):
    """Measure; see the docstring of the module."""
    sizes = [int(size) for size in os.environ.get("SKPRUNE_PRICE_ROWS", "1000,10000").split(",")]
    words = os.environ.get("SKPRUNE_PRICE_ROWS_OF", "").lower().split(",")
    chosen = [each for each in cases() if any(word in each[0].lower() for word in words)]
    rows = []
    for size in sizes:
        for each in chosen:
            rows.append(measure(*each, size, repeat))
            print(*rows[-1].values(), sep=" | ", file=sys.stderr, flush=True)
    return table(*rows)


def cases():
    """Return names, estimators with a pruner, the plain ones, eight combinations, and tables."""
    forest = RandomForestClassifier(100, random_state=0)
    members = {"criterion": ["reduced_error", "kappa", "drep", "error", "random", "backward"]}
    members["criterion"] += ["margin_distance", "complementarity"]
    found = [
        ("tree", TreePruner(DecisionTreeClassifier(random_state=0)), None),
        ("random forest", TreePruner(forest), None),
        ("extra trees", TreePruner(ExtraTreesClassifier(100, random_state=0)), None),
        ("bagging", TreePruner(BaggingClassifier(n_estimators=50, random_state=0)), None),
        ("gradient boosting", TreePruner(GradientBoostingClassifier(random_state=0)), None),
        ("histogram boosting", TreePruner(HistGradientBoostingClassifier(random_state=0)), None),
        (
            "adaboost",
            TreePruner(AdaBoostClassifier(DecisionTreeClassifier(max_depth=4), random_state=0)),
            None,
        ),
        (
            "backfitting, classes",
            TreePruner(forest, criterion="backfitting", random_state=0),
            {"ridge": [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 100.0]},
        ),
        (
            "backfitting, numbers",
            TreePruner(RandomForestRegressor(100, random_state=0), criterion="backfitting"),
            {"ridge": [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 100.0]},
        ),
        ("members of a forest", EnsemblePruner(forest), members),
        ("stages", EnsemblePruner(BOOSTING, criterion="stages"), None),
    ]
    found += [
        (f"linear, {type(model).__name__}", LinearPruner(model), LINEAR)
        for model in (
            LinearRegression(),
            Ridge(),
            Lasso(0.1),
            LogisticRegression(max_iter=1000),
            RidgeClassifier(),
            SGDClassifier(random_state=0),
        )
    ]
    network = MLPClassifier(32, max_iter=100, random_state=0)
    found += [
        ("text", make_pipeline(TfidfVectorizer(), LinearPruner(LogisticRegression())), LINEAR),
        ("svc, linear", SVMPruner(SVC(kernel="linear")), VECTORS),
        ("svc, rbf", SVMPruner(SVC()), VECTORS),
        ("network, weights", MLPPruner(network), NETWORK),
        ("network, neurons", MLPPruner(network, unit="neuron"), NEURONS),
    ]
    found += [
        (
            f"columns, {name}",
            make_pipeline(
                StandardScaler(),
                getattr(skprune, name)(**params),
                RandomForestClassifier(20, random_state=0),
            ),
            None,
        )
        for name, params in COLUMNS.items()
    ]
    return found


BOOSTING = GradientBoostingClassifier(random_state=0)
LINEAR = {
    "criterion": ["obs", "wald", "magnitude", "gradient"],
    "unit": ["weight", "feature"],
}
VECTORS = {"criterion": ["obs", "magnitude", "random"], "recovery": ["refit", None]}
NETWORK = {
    "criterion": ["obs", "magnitude", "lamp", "layer_magnitude"],
    "recovery": ["least_squares", None],
}
NEURONS = {"criterion": ["obs", "magnitude"], "recovery": ["least_squares", None]}
COLUMNS = {
    "CorrelationPruner": {},
    "InformationPruner": {},
    "RandomPruner": {"random_state": 0},
    "ReliefPruner": {},
}


def table_of(name, model, n_rows):
    """Return samples and targets for a model."""
    rng = np.random.default_rng(0)
    if name == "text":
        # Words as frequent as in a language: by rank, with some that depend on the class.
        y = rng.integers(0, 2, n_rows)
        ranks = np.arange(1, 8001)
        odds = 1 / ranks
        tilt = rng.normal(scale=0.4, size=len(ranks))
        lines = []
        for label in y:
            chances = odds * np.exp(tilt * (2 * label - 1))
            words = rng.choice(len(ranks), 20, p=chances / chances.sum())
            lines.append(" ".join(f"w{word}" for word in words))
        return lines, y
    if not is_classifier(model):
        return make_regression(n_rows, 30, n_informative=10, noise=50.0, random_state=0)
    X, y = make_classification(n_rows, 30, n_informative=10, flip_y=0.1, random_state=0)
    return X, y


def measure(name, estimator, combinations, n_rows, repeat):
    """Return the row of one model."""
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    position = next(
        (step for step, each in getattr(estimator, "steps", []) if hasattr(each, "keep")), None
    )
    prefix = "" if position is None else f"{position}__"
    model = getattr(last, "estimator", last)
    X, y = table_of(name, model, n_rows)
    plain = model
    if position is not None:
        steps = [each for step, each in estimator.steps[:-1] if step != position]
        plain = make_pipeline(*steps, model)
    splitter = (StratifiedKFold if is_classifier(model) else KFold)(N_FOLDS)
    splits = list(splitter.split(np.zeros(len(y)), y))
    fits, one, eight, n_levels = [], [], [], 0
    several = RANDOM if combinations is None else combinations
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(min(repeat, 2)):
            fits.append(seconds(lambda: plain_fits(plain, X, y, splits)))
            took, n_levels = search(estimator, {f"{prefix}keep": "path"}, X, y, splits)
            one.append(took)
        grid = {f"{prefix}{key}": values for key, values in several.items()}
        n_combinations = int(np.prod([len(values) for values in several.values()]))
        if supports(estimator, grid):
            took, _ = search(estimator, grid | {f"{prefix}keep": "path"}, X, y, splits)
            eight.append(took)
    price = f"{n_combinations} combinations {min(eight) / min(one):.3g} x one" if eight else ""
    return row(
        f"{name}, {n_rows:,} rows",
        f"{min(one):.3g} s",
        f"{min(fits):.3g} s",
        f"{min(one) / min(fits):.3g}",
        f"{n_levels} levels; {price}",
    )


def supports(estimator, grid):
    """Say whether an estimator has the parameters of a grid."""
    return set(grid) <= set(estimator.get_params())


def plain_fits(model, X, y, splits):
    """Fit the model to each training part, and to all samples."""
    X = np.array(X, dtype=object) if isinstance(X, list) else X
    for train, _ in splits:
        clone(model).fit(X[train], y[train])
    clone(model).fit(X, y)


def search(estimator, grid, X, y, splits):
    """Return the processor seconds of a search, and the number of its rows."""
    found = PruningSearchCV(clone(estimator), grid, cv=splits)
    return seconds(lambda: found.fit(X, y)), len(found.cv_results_["params"])


def seconds(function):
    """Return the processor seconds that one call takes."""
    started = time.process_time()
    function()
    return time.process_time() - started
