"""Random small inputs: tables, targets, weights and levels, and what is right to come of them.

`trials` is a strategy of `Trial`; `outcome` runs one. It returns what came of it, by a short name,
and fails with an AssertionError if the answer is wrong or the error unclear.
"""

import pickle
import re
import sys
import traceback
import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import clone, is_regressor
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.validation import check_is_fitted

from skprune import (
    CorrelationPruner,
    Distiller,
    EnsemblePruner,
    LinearPruner,
    MLPPruner,
    PruningSearchCV,
    Quantizer,
    SamplePruner,
    SVMPruner,
    TreePruner,
    model_size,
)
from skprune.exceptions import PruningError
from tests._instances import (
    DECIDING,
    DECIDING_FEATURES,
    FEATURE_PRUNERS,
    GROUPED,
    INSTANCES,
    OUT_OF_BAG,
    holds_rows_out,
    name_of,
)

FEATURES = FEATURE_PRUNERS + GROUPED + DECIDING_FEATURES
# What the table of instances has no row for: parameters that change what is read and returned.
SMALL_VOTE = [("tree", DecisionTreeClassifier(random_state=0)), ("bayes", GaussianNB())]
SMALL_MEAN = [("tree", DecisionTreeRegressor(random_state=0)), ("ridge", Ridge())]
MORE = [
    EnsemblePruner(VotingClassifier(SMALL_VOTE)),
    EnsemblePruner(VotingClassifier(SMALL_VOTE, voting="soft"), criterion="lasso"),
    EnsemblePruner(VotingRegressor(SMALL_MEAN), criterion="nnls"),
    EnsemblePruner(BaggingClassifier(n_estimators=4, random_state=0), criterion="complementarity"),
    EnsemblePruner(RandomForestRegressor(4, random_state=0), criterion="lasso", random_state=0),
    TreePruner(ExtraTreesClassifier(4, random_state=0), recovery="shrinkage", random_state=0),
    TreePruner(ExtraTreesRegressor(4, random_state=0), recovery="shrinkage", random_state=0),
    TreePruner(
        ExtraTreesClassifier(3, random_state=0),
        criterion="backfitting",
        ridge=1.0,
        validation="train",
        random_state=0,
    ),
    TreePruner(
        HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2, random_state=0),
        criterion="reduced_error",
        random_state=0,
    ),
    LinearPruner(LinearSVR(random_state=0, max_iter=200), unit="weight"),
    LinearPruner(LinearRegression(), criterion="wald", unit="weight"),
    LinearPruner(LogisticRegression(class_weight="balanced"), criterion="l1"),
    SVMPruner(SVC(class_weight="balanced")),
    SVMPruner(SVC(), criterion="random", recovery=None, random_state=0),
    SamplePruner(LogisticRegression(), criterion="influence", random_state=0),
    SamplePruner(DecisionTreeClassifier(random_state=0), criterion="leverage", random_state=0),
    CorrelationPruner(criterion="cramer", linkage="average"),
    Quantizer(SVC(), bits=4),
    Quantizer(LinearSVR(random_state=0, max_iter=200), bits=2),
    Quantizer(HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2), bits=4),
]
for _instance in MORE:
    if "random_state" in _instance.get_params(deep=False):
        _instance.set_params(random_state=0)
ALL = [*INSTANCES, *GROUPED, OUT_OF_BAG, *MORE]
EVERY = tuple(range(len(ALL)))
# Those that a search takes with two levels of its own.
SEARCHED = [
    number
    for number, estimator in enumerate(ALL)
    if estimator not in DECIDING + DECIDING_FEATURES
    and not isinstance(estimator, (Distiller, PruningSearchCV))
]
VALIDATIONS = ["train", 0.5, 0.01, 0.99, "oob", "text", 0.0, True]
COLUMNS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "whole": lambda rng, n: rng.integers(0, 3, n).astype(float),
    "constant": lambda _rng, n: np.ones(n),
    "missing": lambda _rng, n: np.full(n, np.nan),
    "holes": lambda rng, n: np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n)),
    "infinite": lambda rng, n: np.where(rng.random(n) < 0.3, np.inf, rng.normal(size=n)),
    "huge": lambda rng, n: rng.normal(size=n) * 1e300,
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-300,
    "bool": lambda rng, n: rng.random(n) < 0.5,
    "text": lambda rng, n: rng.choice(np.array(["a", "b", "c"], dtype=object), n),
    "numbers as objects": lambda rng, n: rng.normal(size=n).astype(object),
    "mixed": lambda rng, n: np.array(["a", 1.5, None, True], dtype=object)[rng.integers(0, 4, n)],
    "dates": lambda rng, n: pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 9, n)),
}
NUMERIC = {"normal", "whole", "constant", "missing", "holes", "infinite", "huge", "tiny", "bool"}
PLAIN = ("normal", "whole")
CONTAINERS = ["array", "float32", "list", "frame", "sparse"]
TARGETS = {
    "two": lambda rng, n: rng.permutation(np.arange(n) % 2),
    "three": lambda rng, n: rng.permutation(np.arange(n) % 3),
    "one class": lambda _rng, n: np.ones(n, dtype=int),
    "lone": lambda _rng, n: np.r_[1, np.zeros(n - 1, dtype=int)],
    "bool": lambda rng, n: rng.random(n) < 0.5,
    "text": lambda rng, n: rng.choice(["no", "yes"], n),
    "objects": lambda rng, n: rng.choice(np.array(["no", "yes"], dtype=object), n),
    "mixed": lambda rng, n: np.array([1, "a"], dtype=object)[rng.integers(0, 2, n)],
    "continuous": lambda rng, n: rng.normal(size=n),
    "constant": lambda _rng, n: np.full(n, 0.5),
    "huge": lambda rng, n: rng.normal(size=n) * 1e300,
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-300,
    "column": lambda rng, n: rng.integers(0, 2, (n, 1)),
    "labels": lambda rng, n: rng.integers(0, 2, (n, 2)),
    "outputs": lambda rng, n: rng.normal(size=(n, 2)),
    "missing": lambda rng, n: np.where(np.arange(n) == 0, np.nan, rng.integers(0, 2, n)),
    "infinite": lambda rng, n: np.where(np.arange(n) == 0, np.inf, rng.normal(size=n)),
    "short": lambda rng, n: rng.integers(0, 2, n - 1),
    "long": lambda rng, n: rng.integers(0, 2, n + 1),
    "none": lambda _rng, _n: None,
}
WEIGHTS = {
    "ones": lambda _rng, n: np.ones(n),
    "random": lambda rng, n: rng.uniform(0.5, 2, n),
    "some zero": lambda rng, n: rng.integers(0, 3, n).astype(float),
    "zero": lambda _rng, n: np.zeros(n),
    "one": lambda _rng, n: np.eye(1, n)[0],
    "negative": lambda rng, n: rng.normal(size=n),
    "one negative": lambda _rng, n: np.r_[-1.0, np.ones(n - 1)],
    "short": lambda _rng, n: np.ones(n - 1),
    "long": lambda _rng, n: np.ones(n + 1),
    "scalar": lambda _rng, _n: 2.0,
    "column": lambda _rng, n: np.ones((n, 1)),
    "huge": lambda rng, n: rng.uniform(0.5, 1.5, n) * 1e300,
    "tiny": lambda rng, n: rng.uniform(0.5, 1.5, n) * 1e-300,
    "missing": lambda _rng, n: np.r_[np.nan, np.ones(n - 1)],
    "infinite": lambda _rng, n: np.r_[np.inf, np.ones(n - 1)],
    "text": lambda _rng, n: np.full(n, "a"),
    "list": lambda _rng, n: [1] * n,
}
KEEPS = [1, 2, 3, 0.5, 1.0, 1e-9, np.float32(1.0), np.float64(0.3), np.int64(2), 1000]
KEEPS += [0, 0.0, -1, -0.5, 1.5, np.nan, np.inf, 10**400, True, "text", Fraction(1, 3), [1], 1j]
THRESHOLDS = [0, 0.0, 0.01, 0.5, 0.9, 1, 1.0, 2, -1, -0.5, np.inf, -np.inf, np.float32(0.5), 1e300]
THRESHOLDS += [np.nan, 10**400, True, "text", Fraction(1, 3), [1], 1j]
BITS = [None, 1, 2, 8, 16, 0, -1, 64, 2.0, True, "text", np.nan, 10**400]


@dataclass
class Trial:
    """What is fitted to what; the tables follow from the names and the seed."""

    number: int
    name: str
    columns: tuple[str, ...]
    container: str
    n_rows: int
    target: str
    weight: str | None
    level: dict[str, Any]
    frozen: bool
    search: bool
    seed: int

    @property
    def estimator(self):
        """The estimator, with the level."""
        return clone(ALL[self.number]).set_params(**self.level)

    def data(self):
        """The table, the target and the weights."""
        rng, n = np.random.default_rng(self.seed), self.n_rows
        with np.errstate(all="ignore"):
            X = _table([COLUMNS[name](rng, n) for name in self.columns], self.container)
        y = TARGETS[self.target](rng, n)
        return X, y, WEIGHTS[self.weight](rng, n) if self.weight else None


def _table(columns, container):
    """Return columns as a table; those that hold no numbers only as objects or in frames."""
    if container == "frame":
        return pd.DataFrame({f"a{i}": column for i, column in enumerate(columns)})
    kinds = {np.asarray(column).dtype.kind for column in columns}
    if kinds & set("OM"):
        columns = [np.asarray(pd.Series(column), dtype=object) for column in columns]
        table = np.column_stack(columns)
    else:
        table = np.column_stack(columns).astype(float if kinds - {"b"} else bool)
        if container == "float32":
            table = table.astype(np.float32)
        if container == "sparse":
            return csr_array(table)
    return table.tolist() if container == "list" else table


def _suits(number):
    """Return the name of a target that an estimator is made for."""
    estimator = ALL[number]
    inner = getattr(estimator, "estimator", estimator)
    regresses = is_regressor(estimator) or getattr(estimator, "task", "") == "regression"
    return "continuous" if regresses or is_regressor(inner) else "two"


@st.composite
def trials(draw, numbers=EVERY):
    """Draw trials; about a third of the draws of each part are usual values."""
    number = draw(st.sampled_from(numbers))
    n_columns = draw(st.sampled_from([1, 2, 4, 6]))
    kinds = draw(st.sampled_from([PLAIN, PLAIN, tuple(sorted(NUMERIC)), tuple(COLUMNS)]))
    columns = draw(st.lists(st.sampled_from(kinds), min_size=n_columns, max_size=n_columns))
    n_rows = draw(st.sampled_from([1, 2, 3, 12, 20, 30]))
    level = {}
    if isinstance(ALL[number], Quantizer):
        level = draw(st.sampled_from([{}, *({"bits": bits} for bits in BITS)]))
    elif "keep" in ALL[number].get_params(deep=False):
        keeps = [{"keep": keep, "threshold": None} for keep in KEEPS]
        thresholds = [{"keep": None, "threshold": value} for value in THRESHOLDS]
        both = [{"keep": 0.5, "threshold": 0.5}]
        level = draw(st.sampled_from([{}] * 12 + keeps + thresholds + both))
    if "validation" in ALL[number].get_params(deep=False) and draw(st.integers(0, 3)) == 0:
        level = level | {"validation": draw(st.sampled_from(VALIDATIONS))}
    suits = [_suits(number)] * len(TARGETS)
    return Trial(
        number,
        name_of(ALL[number]),
        tuple(columns),
        draw(st.sampled_from(["array", *CONTAINERS])),
        n_rows,
        draw(st.sampled_from(suits + list(TARGETS))),
        draw(st.sampled_from([None] * len(WEIGHTS) + list(WEIGHTS))),
        level,
        draw(st.integers(0, 5)) == 5 and "estimator" in vars(ALL[number]),
        draw(st.integers(0, 9)) == 9 and number in SEARCHED,
        draw(st.integers(0, 99)),
    )


# What comes of a call: a result, or an error and whose it is.

UNCLEAR = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    RecursionError,
    StopIteration,
    UnboundLocalError,
)
# Words of numpy and Python about arrays and values that our own code made.
BARE = re.compile(
    "zero-size array|cannot reshape|could not be broadcast|object is not|has no attribute|"
    "unsupported operand|not supported between|must be the same size|inhomogeneous|"
    "could not convert|invalid literal|not iterable|truth value|of an empty|zero-dimensional|"
    "need at least one array|cannot convert|out of bounds|unexpected keyword|positional argument|"
    "[sS]ingular|too large|too big|setting an array element|unhashable|must match"
)
VALIDATION = ("sklearn/utils/validation.py", "sklearn/utils/_param_validation.py")
QUOTED = re.compile(r"'[^']*'|[0-9.e+-]+")
LEAKS = (RuntimeWarning, DeprecationWarning, FutureWarning, pd.errors.PerformanceWarning)


def attempt(call):
    """Return the result of a call, its error, and the warnings that it should not have given."""
    leaks = []

    def note(message, kind, *_, **__):
        owner, place = _speaker()
        if issubclass(kind, LEAKS):
            leaks.append((owner, f"{kind.__name__} {message} at {place}"))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        try:
            return call(), None, leaks
        except Exception as error:  # noqa: BLE001 - which it is, is the question
            return None, error, leaks


def _speaker():
    """Return the package that is nearest to the code that warns, and where."""
    frame = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename
        for package in ("skprune", "sklearn"):
            if f"/{package}/" in path:
                return package, f"{Path(path).name}:{frame.f_lineno}"
        frame = frame.f_back
    return "neither", ""


def owner_of(error):
    """Return whose an error is: "ours", "scikit-learn" or "unclear"."""
    if isinstance(error, PruningError):
        return "ours"
    message = str(error)
    nearest = traceback.extract_tb(error.__traceback__)[-1].filename
    if isinstance(error, (ValueError, TypeError)) and nearest.endswith(VALIDATION):
        return "scikit-learn"
    if isinstance(error, UNCLEAR) or BARE.search(message) or len(message.split()) < 4:
        return "unclear"
    if isinstance(error, (ValueError, TypeError)) and "sklearn" in nearest:
        return "scikit-learn"
    return "unclear"


# What may come of a trial; a refusal of ours is named by its class.
OUTCOMES = frozenset(
    {
        "right",
        "right, a model that does not predict such samples",
        "nothing to freeze",
        "InputError",
        "LevelError",
        "UnsupportedModelError",
        "scikit-learn",
        "inner model",
        "search right",
        "search refused",
    }
)


def outcome(trial):
    """Run a trial; return what came of it, and fail if that is wrong or unclear."""
    X, y, weight = trial.data()
    estimator = trial.estimator
    plain = plain_of(estimator)
    if trial.frozen:
        model, error, _ = attempt(lambda: clone(plain).fit(*_usual(trial, X)))
        if error is not None:
            return "nothing to freeze"
        estimator.set_params(estimator=FrozenEstimator(model))
    if trial.search and not trial.frozen:
        return _search(trial, estimator, X, y, weight)
    before = _content(X, y, weight)
    _, error, leaks = attempt(lambda: estimator.fit(X, y, **_weights(weight)))
    assert _content(X, y, weight) == before, "the input is changed"
    for owner, text in leaks:
        assert owner != "skprune", f"a warning leaks: {text}"
    if error is not None:
        _check_unfitted(estimator)
        return _judge(error, plain, X, y, weight)
    return _check_fitted(trial, estimator, plain, X, y, weight)


def _content(*tables):
    """Return the values of tables, without what they note about themselves."""
    parts = []
    for table in tables:
        sparse = hasattr(table, "indptr")
        parts += [table.data, table.indices, table.indptr] if sparse else [table]
    return repr([np.asarray(part).tolist() for part in parts])


def plain_of(estimator):
    """Return the inner model of an estimator, or None."""
    if isinstance(estimator, Distiller):
        return estimator.teacher
    return vars(estimator).get("estimator")


def _weights(weight):
    return {} if weight is None else {"sample_weight": weight}


def _usual(trial, X):
    """Return more rows of the same columns, and a target that the model is made for."""
    rng = np.random.default_rng(trial.seed + 1)
    more = np.asarray(rng.normal(size=(40, len(trial.columns))))
    if isinstance(X, pd.DataFrame):
        more = pd.DataFrame(more, columns=X.columns)
    return more, TARGETS[_suits(trial.number)](rng, 40)


def _judge(error, plain, X, y, weight):
    owner = owner_of(error)
    if owner != "unclear":
        return owner if owner == "scikit-learn" else type(error).__name__
    if plain is not None:
        _, alone, _ = attempt(lambda: clone(plain).fit(X, y, **_weights(weight)))
        # Part of the samples may begin with another of the values that are wrong.
        if type(alone) is type(error) and QUOTED.sub("", str(alone)) == QUOTED.sub("", str(error)):
            return "inner model"
    raise AssertionError(f"unclear: {type(error).__name__}: {error}") from error


def _check_unfitted(estimator):
    """An estimator whose fit failed is as it was."""
    names = [name for name in vars(estimator) if name.endswith("_") and not name.startswith("_")]
    assert not names, f"half a fit: {names}"
    assert isinstance(attempt(lambda: check_is_fitted(estimator))[1], NotFittedError)


def _must(call):
    """Return the result of a call that has to succeed, without a warning of ours."""
    result, error, leaks = attempt(call)
    for owner, text in leaks:
        assert owner != "skprune", f"a warning leaks: {text}"
    if error is not None:
        raise error
    return result


def _answer(model, X, names=("predict_proba", "predict", "transform")):
    """Return what a model answers: probabilities, a column per class, or whatever it has."""
    call = next(getattr(model, name) for name in names if hasattr(model, name))
    result = _must(lambda: call(X))
    return np.hstack(result) if isinstance(result, list) else _dense(result)


def _same(found, expected, what):
    if expected.dtype.kind == "O":  # in which missing values differ from each other
        found, expected = np.array([[repr(c) for c in np.ravel(t)] for t in (found, expected)])
    np.testing.assert_array_equal(found, expected, err_msg=what)


def _dense(table):
    return table.toarray() if hasattr(table, "toarray") else np.asarray(table)


def _check_fitted(trial, estimator, plain, X, y, weight):
    if hasattr(estimator, "predict"):
        whole = _whole(trial, estimator, plain, X, y, weight)
        if whole is None:
            return "right, a model that does not predict such samples"
        _check_model(trial, estimator, whole, X)
    else:
        _check_columns(trial, estimator, X)
    _check_path(trial, estimator, X, y, weight)
    loaded = pickle.loads(pickle.dumps(estimator))
    _same(_answer(loaded, X), _answer(estimator, X), "a pickle answers otherwise")
    return "right"


def _check_columns(trial, pruner, X):
    kept = pruner.get_support()
    assert kept.shape == (len(trial.columns),)
    table = X.iloc[:, kept] if hasattr(X, "iloc") else _cells(X)[:, kept]
    _same(_answer(pruner, X), _dense(table), "transform changes values")
    if trial.level.get("keep") == 1.0 and isinstance(trial.level["keep"], (float, np.floating)):
        assert kept.all(), "keep=1.0 removes columns"


def _cells(X):
    if not isinstance(X, list):
        return X
    numeric = all(isinstance(cell, (float, bool)) for row in X for cell in row)
    return np.array(X, dtype=None if numeric else object)


def _whole(trial, pruner, plain, X, y, weight):
    """Return the model without a pruner; None where it refuses to predict these samples."""
    if trial.frozen:
        whole = pruner.estimator.estimator
    else:
        whole = clone(plain)
        _, error, _ = attempt(lambda: whole.fit(X, y, **_weights(weight)))
        if error is not None:
            raise AssertionError(f"the plain model refuses: {error}") from error
    return None if attempt(lambda: whole.predict(X))[1] else whole


def _check_model(trial, pruner, whole, X):
    found, expected = _answer(pruner, X), _answer(whole, X)
    assert len(_answer(pruner, X, ["predict"])) == trial.n_rows
    if hasattr(whole, "classes_") and not isinstance(whole.classes_, list):
        _same(pruner.classes_, whole.classes_, "classes are lost")
    if expected.dtype.kind == "f" and np.isfinite(expected).all():
        assert np.isfinite(found).all(), "the answer is not finite"
    if isinstance(pruner, (Distiller, PruningSearchCV, Quantizer)):
        return
    held, *_ = attempt(lambda: holds_rows_out(pruner))  # it may warn
    if trial.frozen or not held:
        cut = _must(lambda: pruner.path_.cut(keep=1.0))
        _same(_answer(cut, X), expected, "keep=1.0 is not the whole model")


def _check_path(trial, pruner, X, y, weight):
    if isinstance(pruner, (Distiller, PruningSearchCV, Quantizer)):
        return
    path = _must(lambda: pruner.path_)
    units = path.units
    # A column may return where the one that stood for it goes, as the documentation says.
    if not isinstance(pruner, CorrelationPruner):
        assert (np.diff(units) <= 0).all(), f"units grow along the path: {units}"
    if ALL[trial.number] in DECIDING + DECIDING_FEATURES:
        return
    # A network without weights has a level that no count can name.
    for keep in {max(1, int(units[(trial.seed * len(units)) // 100])), 0.4}:
        twin = clone(pruner).set_params(keep=keep, threshold=None)
        _must(lambda twin=twin: twin.fit(X, y, **_weights(weight)))
        cut = _must(lambda keep=keep: path.cut(keep=keep))
        what = f"path_.cut(keep={keep}) is not the fit"
        if isinstance(pruner, MLPPruner) and pruner.recovery == "fine_tune":
            # Training magnifies the rounding of matrix products, by which equal fits differ.
            assert model_size(twin) == model_size(cut), what
        elif hasattr(twin, "predict"):
            _same(_answer(twin, X), _answer(cut, X), what)
        else:
            _same(twin.get_support(), cut, what)


def _search(trial, estimator, X, y, weight):
    """Search two levels, with and without what is known of pruners; both say the same."""
    name, levels = ("bits", [None, 4]) if isinstance(estimator, Quantizer) else ("keep", [1.0, 0.5])
    estimator, weights = clone(ALL[trial.number]), _weights(weight)
    if not isinstance(estimator, Quantizer):
        estimator.set_params(threshold=None)
    if not hasattr(estimator, "estimator") or not hasattr(estimator, "predict"):
        regresses = _suits(trial.number) == "continuous"
        model = (DecisionTreeRegressor if regresses else DecisionTreeClassifier)(random_state=0)
        name = f"{type(estimator).__name__.lower()}__{name}"
        estimator, weights = make_pipeline(estimator, model), {}
    searches = [
        kind(estimator, {name: levels}, cv=2, refit=False)
        for kind in (GridSearchCV, PruningSearchCV)
    ]
    grid, found = (attempt(lambda s=s: s.fit(X, y, **weights))[1] for s in searches)
    if found is not None:
        owner = owner_of(found)
        assert owner != "unclear" or type(found) is type(grid), f"unclear: {found}"
        if grid is None:
            scores = searches[0].cv_results_["mean_test_score"]
            assert np.isnan(scores).all(), f"only the search refuses: {found}"
        return "search refused"
    assert grid is None, f"only GridSearchCV refuses: {grid}"
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-6, err_msg="scores differ")
    return "search right"
