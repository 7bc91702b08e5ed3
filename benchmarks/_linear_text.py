"""Messages as tens of thousands of sparse columns: accuracy, time and memory per criterion.

`sms_spam` of the folder that SKPRUNE_DATA names, each message once; 30 % of them are tested
on and choose nothing. Rows that were made dense would raise an error here.
"""

import tracemalloc
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC

from benchmarks._measure import row, seconds
from benchmarks._sets import FOLDER
from skprune import LinearPruner

CRITERIA = ("obs", "wald", "scaled_magnitude", "gradient", "magnitude", "random")
KEEP = (0.1, 0.05, 0.02, 0.01)
SPLITS = 5
# "obs" ends by a matrix of columns by columns once so few are left.
MAX_PRODUCTS = 500
VECTORIZERS = {
    "words": TfidfVectorizer(ngram_range=(1, 2)),
    "letters": TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)),
}
MODELS = (LogisticRegression(C=10, max_iter=1000), LinearSVC())


def rows():
    """Return a row per vectorizer, model and criterion; no rows if the set is not there."""
    path = FOLDER / "sms_spam.csv.gz"
    if not path.exists():
        print(f"{path} is not there (set SKPRUNE_DATA): skipped")
        return []
    frame = pd.read_csv(path).drop_duplicates("text")
    messages, y = frame["text"].to_numpy(), frame["target"].to_numpy()
    return [
        line
        for name, vectorizer in VECTORIZERS.items()
        for model in MODELS
        for line in _of_model(name, vectorizer, model, messages, y)
    ]


def _of_model(name, vectorizer, model, messages, y):
    dense, scores, times = [], {c: [] for c in CRITERIA}, {c: [] for c in CRITERIA}
    for seed in range(SPLITS):
        split = train_test_split(messages, y, test_size=0.3, random_state=seed, stratify=y)
        X, X_test = vectorizer.fit_transform(split[0]), vectorizer.transform(split[1])
        plain, whole = seconds(lambda X=X, split=split: model.fit(X, split[2]))
        dense.append((plain, whole.score(X_test, split[3])))
        for criterion in CRITERIA:
            took, found = seconds(
                lambda c=criterion, X=X, split=split, seed=seed: _cuts(model, c, X, split[2], seed)
            )
            scores[criterion].append([each.score(X_test, split[3]) for each in found])
            times[criterion].append(took)
    plain, whole = np.mean(dense, axis=0)
    note = f"{X.shape[0]} x {X.shape[1]}, 10 5 2 1 % of weights; all: {whole:.4f}, {plain:.2g} s"
    for criterion in CRITERIA[:-1]:
        ours, peer = (_text(scores[c], times[c]) for c in (criterion, "random"))
        yield row(f"{name}, {type(model).__name__}, {criterion}", ours, peer, "", note)
    peak, full = _peak(model, X, split[2]), 8 * X.shape[0] * X.shape[1]
    yield row(f"{name}, {type(model).__name__}: peak", _mb(peak), _mb(full), "", "peer: X if dense")


def _cuts(model, criterion, X, y, seed):
    """Return the models of all levels; their coefficients that are not zero are counted."""
    with never_dense():
        pruner = LinearPruner(model, criterion=criterion, keep=1.0, random_state=seed).fit(X, y)
        found = [pruner.path_.cut(keep=keep) for keep in KEEP]
    n_weights = pruner.path_.units[0]
    for keep, cut in zip(KEEP, found, strict=True):
        coef = cut.coef_
        left = coef.nnz if sparse.issparse(coef) else np.count_nonzero(coef)
        if left > keep * n_weights:
            msg = f"{left} of {n_weights} coefficients are left at keep={keep}"
            raise AssertionError(msg)
    return found


@contextmanager
def never_dense():
    """Let sparse matrices raise an error that are asked for dense ones, but products of few."""

    def watched(plain):
        def method(matrix, *args, **kwargs):
            if max(matrix.shape) > MAX_PRODUCTS:
                msg = f"a {type(matrix).__name__} of shape {matrix.shape} was made dense"
                raise AssertionError(msg)
            return plain(matrix, *args, **kwargs)

        return method

    kinds = [
        getattr(sparse, f"{f}_{t}") for f in ("csr", "csc", "coo") for t in ("matrix", "array")
    ]
    with ExitStack() as stack:
        for kind in kinds:
            for method in ("toarray", "todense"):
                plain = getattr(kind, method)
                stack.enter_context(patch.object(kind, method, watched(plain)))
        yield


def _peak(model, X, y):
    """Return the most bytes that a fit with all cuts holds at once, those of X not among them."""
    tracemalloc.start()
    try:
        _cuts(model, "scaled_magnitude", X, y, 0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _text(scores, times):
    return f"{' '.join(f'{s:.4f}' for s in np.mean(scores, axis=0))}, {np.mean(times):.2g} s"


def _mb(n_bytes):
    return f"{n_bytes / 1e6:.0f} MB"
