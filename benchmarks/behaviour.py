"""Behaviour of every estimator as digests, to hold a redesign against the state before it.

``python -m benchmarks.behaviour record FILE.json [--only SUBSTRING]`` fits every instance of
`tests/_instances.py` and writes a digest of each result, ``compare BEFORE.json AFTER.json`` prints
every entry that differs or is missing in one of two files; the exit code is then 1.

Package and table are those of the working directory, so that one copy of this file records any
state: ``cd STATE && python PATH/TO/benchmarks/behaviour.py record FILE.json``. Digests hold dtype,
shape and every bit: both files must come from one machine with the same versions.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy: the order of sums must not vary
    sys.path.insert(0, str(Path.cwd()))  # before the folder of this file, and what is installed
    import benchmarks

    benchmarks.__path__.insert(0, str(Path(__file__).parent))  # the other state may have none of it

import numpy as np
import pandas as pd
import scipy
import sklearn
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification, make_regression
from sklearn.feature_selection import RFE, SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags

import skprune
from benchmarks._digests import describe, name_of
from benchmarks._measure import side_by_side, table
from skprune import Distiller, NonInferior, PruningSearchCV, TreePruner, WithinBudget

N_TRAIN, N_SAMPLES = 150, 200
DATA = {  # by type of estimator; searches take the first
    "classifier": ["classes", "binary"],
    "regressor": ["regression", "weighted regression"],
    "outlier_detector": ["binary"],
    None: ["classes", "binary", "regression"],
}
METRICS = {"regression": ["r2", "neg_median_absolute_error"]}
CLASS_METRICS = ["accuracy", "f1_macro", "neg_log_loss"]
# What searches over single instances do not reach: selectors of scikit-learn, rules, grids.
TREE = DecisionTreeClassifier(random_state=0)
GRIDS = [{"criterion": ["reduced_error", "random"], "keep": "path"}, {"keep": [0.2, 5]}]
BUDGET = {"cv": 2, "refit": WithinBudget(4000, size="bytes")}
SEARCHES = [
    PruningSearchCV(make_pipeline(SelectKBest(), LogisticRegression()), cv=2),
    PruningSearchCV(make_pipeline(RFE(TREE), TREE), cv=2),
    PruningSearchCV(TREE, cv=2, refit=NonInferior(0.1)),
    PruningSearchCV(TreePruner(TREE, random_state=0), GRIDS, **BUDGET),
]


def datasets():
    """Return features, targets and the weights of the training samples, by name."""
    shape = {"n_samples": N_SAMPLES, "n_features": 8, "n_informative": 4}
    X, y = make_classification(**shape, flip_y=0.2, random_state=0)
    three, classes = make_classification(**shape, n_classes=3, flip_y=0.1, random_state=1)
    numbers, target = make_regression(**shape, noise=20.0, random_state=2)
    for features in (X, three, numbers):
        features[:, 1] = features[:, 0] + 0.1 * features[:, 1]
    missing = np.where(X > 1.5, np.nan, X)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(8)]).assign(constant=1.0)
    text = frame.assign(x2=missing[:, 2], text=np.array(["red", "green", "blue"])[classes])
    targets = np.column_stack([target, numbers[:, 2] * numbers[:, 3]])
    weight = np.random.RandomState(3).randint(1, 4, N_TRAIN).astype(float)
    return {
        "binary": (X, y, None),
        "classes": (three, np.array(["low", "middle", "high"])[classes], weight),
        "regression": (numbers, target, None),
        "weighted regression": (numbers, target, weight),
        "two labels": (numbers, (targets > 0).astype(int), None),
        "two targets": (numbers, targets, None),
        "missing values": (missing, y, None),
        "frame": (frame, y, None),
        "text": (text.assign(identifier=np.arange(N_SAMPLES)), y, None),
    }


def names_of_data(estimator):
    """Return the names of the data sets that suit the tags of an estimator."""
    tags, kind = get_tags(estimator), get_tags(estimator).estimator_type
    if kind is None:  # selectors may rank by a model, or for a task
        kind = get_tags(getattr(estimator, "estimator", estimator)).estimator_type
        kind = "regressor" if getattr(estimator, "task", None) == "regression" else kind
    suits = {
        "two labels": tags.target_tags.multi_output and kind == "classifier",
        "two targets": tags.target_tags.multi_output and kind == "regressor",
        "missing values": tags.input_tags.allow_nan and kind != "regressor",
        "frame": hasattr(estimator, "transform"),
        "text": tags.input_tags.categorical,
    }
    return [*DATA[kind], *(name for name in suits if suits[name])]


def instances():
    """Return all estimators of skprune in the table of the working directory, by name."""
    spec = spec_from_file_location("_behaviour_instances", Path.cwd() / "tests" / "_instances.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    values = [*vars(module).values()]
    values += [each for value in values if isinstance(value, list) for each in value]
    ours = [value for value in values if type(value).__module__.startswith("skprune")]
    return {name_of(value): value for value in ours if isinstance(value, BaseEstimator)}


def fits():
    """Return every estimator that is fitted, and the name of its data, by a stable key."""
    pairs = [(search, "binary") for search in SEARCHES]
    for instance in instances().values():
        names = names_of_data(instance)
        pairs += [(instance, name) for name in names]
        if isinstance(instance, PruningSearchCV | Distiller):
            continue
        model, metrics = instance, METRICS.get(names[0], CLASS_METRICS)
        if hasattr(instance, "transform"):
            last = Ridge() if names[0] == "regression" else LogisticRegression()
            model = make_pipeline(instance, last)
        several = {"scoring": metrics, "refit": metrics[0], "return_train_score": True}
        for options in ({}, several):
            pairs.append((PruningSearchCV(model, cv=2, max_levels=5, **options), names[0]))
    return {f"{name}: {name_of(estimator)}": (estimator, name) for estimator, name in pairs}


def record(file, only=""):
    """Fit all estimators whose key holds a text, and write their digests to a file."""
    if not Path(skprune.__file__).is_relative_to(Path.cwd()):
        sys.exit(f"{skprune.__file__} was imported, which is outside of {Path.cwd()}.")
    found = {"versions": {each.__name__: each.__version__ for each in (np, scipy, pd, sklearn)}}
    data = datasets()
    for key, (estimator, name) in fits().items():
        if only in key:
            X, y, weight = data[name]
            if isinstance(getattr(estimator, "estimator", None), Pipeline):
                weight = None  # it takes none
            found[key] = describe(estimator, X, y, N_TRAIN, weight)
    Path(file).write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(f"{len(found) - 1} fits, {sum(map(len, found.values()))} entries")


def compare(before, after, only=""):
    """Print each entry that differs between two files, and return how many do."""
    old, new = (json.loads(Path(file).read_text(encoding="utf-8")) for file in (before, after))
    count = 0
    for key in (key for key in old | new if only in key):
        left, right = old.get(key, {}), new.get(key, {})
        for name in left | right:
            was, became = left.get(name, "missing"), right.get(name, "missing")
            if was != became:
                count += 1
                print(f"{key}\n    {name}: {was} -> {became}")
    print(f"{count} entries differ")
    return count


def run(repeat):  # noqa: ARG001 - what is equal to the last bit needs no rounds
    """Record the working directory twice, each in a process of its own, and compare the two."""
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/{name}.json" for name in ("first", "second")]
        command = [sys.executable, "-m", "benchmarks.behaviour", "record"]
        sides = [partial(subprocess.run, [*command, file], check=True) for file in files]
        times = side_by_side("every instance, recorded twice", *sides, 1)
        if compare(*files):
            raise AssertionError("Two recordings of one state differ.")
    return table(times)


def main():
    """Parse the command line, and record or compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.behaviour")
    parser.add_argument("command", choices=["record", "compare"])
    parser.add_argument("files", nargs="+", help="one to record, two to compare")
    parser.add_argument("--only", default="", help="a part of the names of what is fitted")
    options = parser.parse_args()
    command = record if options.command == "record" else compare
    sys.exit(bool(command(*options.files, only=options.only)))


if __name__ == "__main__":
    main()
