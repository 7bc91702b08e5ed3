"""The types of the public interface, as `mypy --strict` reads them in a user's script."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import skprune

pytestmark = pytest.mark.slow
pytest.importorskip("mypy", reason="mypy is a linter, not needed to run the tests")

ROOT = Path(skprune.__file__).parents[1]
# scikit-learn ships no types.
CONFIG = """\
[mypy]
strict = True
[mypy-sklearn.*]
ignore_missing_imports = True
"""
SCRIPT = """\
import numpy as np
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skprune import (
    CorrelationPruner,
    Distiller,
    LinearPruner,
    PruningPath,
    PruningPathDisplay,
    PruningSearchCV,
    Quantizer,
    ReliefPruner,
    SamplePruner,
    TreePruner,
    WithinTolerance,
    compare,
    make_pruner,
    model_size,
    size_scorer,
)

X, y = load_iris(return_X_y=True)
rows: list[list[float]] = [[0.0, 1.0], [1.0, 0.0]]
forest = RandomForestClassifier(random_state=0)
search = PruningSearchCV(forest, {"keep": ["path"]}, cv=3, refit=WithinTolerance(0.01)).fit(X, y)
columns = CorrelationPruner(threshold=0.9, groups=[["a", "b"], ["c"]], always_keep=[0])
pipeline = make_pipeline(columns, ReliefPruner(keep=2), LogisticRegression()).fit(X, y)
table = compare({"forest": search, "line": pipeline}, X, y, scoring="accuracy", n_repeats=0)
table.to_csv("table.csv")
pruner = TreePruner(forest, keep=0.2, random_state=np.random.RandomState(0)).fit(X, y)
path: PruningPath = pruner.path_
small = path.cut(keep=20)
kept: int = path.mask(path.locate(index=-1)).sum()
labels = pruner.predict(rows)
accuracy: float = pruner.score(X, y, sample_weight=[1.0] * 150) + search.score(X, y)
for probabilities in path.predictions(X, method="predict_proba", index=[0, 1]):
    print(probabilities.shape, len(path), path.units.max(), path.lost_rows)
size: float = model_size(small).bytes + size_scorer("bytes")(small)
columns.fit(rows).partial_fit(rows).transform(rows)
smaller_X, smaller_y = SamplePruner(forest, criterion="random", keep=50).fit_resample(X, y)
quantizer = Quantizer(LinearPruner(LogisticRegression(), keep=0.5), bits=4).fit(X, y)
distiller = Distiller(forest, make_pruner(LogisticRegression(), keep=0.5)).fit(X, list(y))
print(quantizer.estimator_, quantizer.classes_, distiller.predict(X).shape, columns.scores_)
PruningPathDisplay.from_search(search).plot(marks=False).frame()
"""


def check_types(folder, script):
    """Run `mypy --strict` on a script; return its exit code and what it says."""
    (folder / "mypy.ini").write_text(CONFIG, encoding="utf-8")
    (folder / "script.py").write_text(script, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "script.py"]
    # On PYTHONPATH the package is what it is to a user: installed, and its types are read if
    # there is a `py.typed`.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MYPY_CACHE_DIR": str(folder / "cache")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that keeps what mypy knows of the libraries from one script to the next."""
    return tmp_path_factory.mktemp("typing")


def test_the_script_of_a_user_passes(folder):
    code, said = check_types(folder, SCRIPT)
    assert code == 0, said


MISTAKES = {
    "search = PruningSearchCV(None, cvv=3)": 'Unexpected keyword argument "cvv"',
    'TreePruner(None, keep="x")': 'Argument "keep" to "TreePruner" has incompatible type "str"',
    'TreePruner(None).fit([[1.0]], [1]).path_.cut(keep="x")': 'Argument "keep" to "cut"',
    "compare([None], [[1.0]])": 'Missing positional argument "y"',
    "model_size(None).bites": '"ModelSize" has no attribute "bites"',
    "CorrelationPruner().partial_fit()": 'Missing positional argument "X"',
    "word: str = TreePruner(None).fit([[1.0]], [1]).score([[1.0]], [1])": "Incompatible types",
}


def test_mistakes_are_found(folder):
    names = "CorrelationPruner, PruningSearchCV, Quantizer, TreePruner, compare, model_size"
    lines = [f"from skprune import {names}", *MISTAKES]
    _, said = check_types(folder, "\n".join(lines) + "\n")
    for number, (line, complaint) in enumerate(MISTAKES.items(), start=2):
        found = [each for each in said.splitlines() if each.startswith(f"script.py:{number}:")]
        assert any(complaint in each for each in found), f"{line}\n{said}"
