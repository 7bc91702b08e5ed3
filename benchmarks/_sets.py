"""Tables for benchmarks: those that scikit-learn ships, and more where a folder has them.

The environment variable SKPRUNE_DATA names the folder of gzipped CSV files with a column
`target`; SKPRUNE_SETS, if set, lists the tables to use, separated by commas.
"""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import OrdinalEncoder

FOLDER = Path(os.environ.get("SKPRUNE_DATA", "../shared/data"))
BINARY = [
    *("adult", "arcene", "bank_marketing", "churn_modelling", "colon", "credit_default"),
    *("credit_g", "higgs_7k", "madelon", "mammography", "spambase"),
]
MULTICLASS = [
    *("covertype_15k", "mnist_10k", "optdigits", "page_blocks", "satimage", "waveform5000"),
]
REGRESSION = [
    *("abalone", "ames_housing", "bike_sharing", "california_housing", "cpu_act", "fried", "pol"),
]
SHIPPED = {
    "breast_cancer": ("binary", datasets.load_breast_cancer),
    "digits": ("multiclass", datasets.load_digits),
    "diabetes": ("regression", datasets.load_diabetes),
}
KINDS = (
    dict.fromkeys(BINARY, "binary")
    | dict.fromkeys(MULTICLASS, "multiclass")
    | dict.fromkeys(REGRESSION, "regression")
    | {name: kind for name, (kind, _) in SHIPPED.items()}
)


class Table(NamedTuple):
    """A table, divided into rows to train on and rows that choose nothing."""

    name: str
    kind: str
    X: np.ndarray
    X_test: np.ndarray
    y: np.ndarray
    y_test: np.ndarray


def tables(seed=0):
    """Yield the tables that are there; say which are not."""
    asked = os.environ.get("SKPRUNE_SETS")
    for name, kind in KINDS.items():
        if asked and name not in asked.split(","):
            continue
        if name not in SHIPPED and not _path(name).exists():
            print(f"{name}: skipped, {_path(name)} is not there (set SKPRUNE_DATA)")
            continue
        X, y = load(name)
        stratify = None if kind == "regression" else y
        yield Table(name, kind, *train_test_split(X, y, stratify=stratify, random_state=seed))


def _path(name):
    return FOLDER / f"{name}.csv.gz"


def load(name):
    """Return all rows of a table as numbers.

    Categories are coded, missing values are a number far off.
    """
    if name in SHIPPED:
        return SHIPPED[name][1](return_X_y=True)
    frame = pd.read_csv(_path(name))
    y = frame.pop("target").to_numpy()
    frame = frame.drop(columns="duration", errors="ignore")  # it leaks the target
    words = [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]
    coder = OrdinalEncoder(encoded_missing_value=-2)
    frame[words] = coder.fit_transform(frame[words].astype(object))
    return frame.fillna(-999).to_numpy(dtype=np.float32), y
