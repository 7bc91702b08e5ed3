"""Linear models: the least-squares path, weights of a classifier of digits, and text.

The path is held against one inverse of its size, and against recursive elimination, which
fits the model again for every column. On digits the share of weights that go is 80, 90 and
95 %, each class by itself; the peer orders by magnitude and is refitted as ours is. Accuracy
is that of rows that chose nothing.
"""

import warnings

import numpy as np
from scipy.linalg import inv
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits
from sklearn.feature_selection import RFE
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC

from benchmarks._measure import row, seconds, side_by_side, table
from skprune import LinearPruner

N_COLUMNS = 1000
KEEP = (0.2, 0.1, 0.05)
SPLITS = 10


def run(repeat):
    """Measure; see the docstring of the module."""
    warnings.simplefilter("ignore")
    return table(
        *_paths(repeat),
        *(_digits(name) for name in ("magnitude", "random")),
        *(_text(model) for model in (LogisticRegression(max_iter=300), LinearSVC(C=0.1))),
    )


def _paths(repeat):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3 * N_COLUMNS, N_COLUMNS))
    y = X[:, :50] @ rng.normal(size=50) + rng.normal(size=len(X))
    gram = X.T @ X

    def ours():
        return LinearPruner(LinearRegression(), keep=1.0).fit(X, y).path_

    path, worst = ours(), 0.0
    for index in range(0, N_COLUMNS, 50):
        kept = path.mask(index)
        model, alone = path.cut(index=index), LinearRegression().fit(X[:, kept], y)
        losses = [((y - m.predict(Z)) ** 2).sum() for m, Z in ((model, X), (alone, X[:, kept]))]
        worst = max(worst, abs(losses[0] / losses[1] - 1))
    note = f"n = {len(X)}, p = {N_COLUMNS}, the fit of the model included"
    yield side_by_side("path against one inverse", ours, lambda: inv(gram), repeat, note)

    def peer():
        return RFE(LinearRegression(), n_features_to_select=1, step=1).fit(X, y)

    yield side_by_side("path against RFE(step=1)", ours, peer, repeat, note, peer_repeat=1)
    yield row("largest error of a level's loss", f"{worst:.1e}", "exact refit", "", "relative")


def _digits(peer):
    X, y = load_digits(return_X_y=True)
    found = {criterion: [] for criterion in ("obs", peer)}
    for seed in range(SPLITS):
        X_train, X_test, y_train, y_test = train_test_split(
            X / 16, y, test_size=0.4, random_state=seed, stratify=y
        )
        for criterion, scores in found.items():
            model = LogisticRegression(max_iter=1000)
            pruner = LinearPruner(model, criterion=criterion, keep=1.0, random_state=seed)
            path = pruner.fit(X_train, y_train).path_
            scores.append([path.cut(keep=k).score(X_test, y_test) for k in (1.0, *KEEP)])
    means = {criterion: np.mean(scores, axis=0) for criterion, scores in found.items()}
    ours, theirs = (" ".join(f"{v:.3f}" for v in means[c][1:]) for c in ("obs", peer))
    note = f"{SPLITS} splits, 40 % for testing; dense {means['obs'][0]:.3f}"
    return row(f"digits, obs against {peer}", ours, theirs, "", note)


def _text(model):
    X, y = words()
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    pruner = LinearPruner(model, criterion="magnitude", keep=0.05)
    took, _ = seconds(lambda: pruner.fit(X_train, y_train))
    whole = pruner.path_.cut(keep=1.0)
    alone, _ = seconds(lambda: model.fit(X_train, y_train))
    return row(
        f"sparse counts, {type(model).__name__}",
        f"{pruner.score(X_test, y_test):.3f}, {took:.3g} s",
        f"{whole.score(X_test, y_test):.3f}, {alone:.3g} s",
        "",
        f"{X.shape[1]} columns; 5 % of weights against all",
    )


def words(n_rows=4000, n_words=30_000, length=80):
    """Make counts of words of a heavy-tailed vocabulary, few of which say the class.

    Returns
    -------
    X : sparse matrix of shape (n_rows, n_words)
        Counts.
    y : ndarray of int, shape (n_rows,)
        One of four classes.
    """
    rng = np.random.default_rng(0)
    found = np.minimum(rng.pareto(0.8, size=(n_rows, length)) * 20, n_words - 1).astype(int)
    rows = np.arange(n_rows).repeat(length)
    X = csr_matrix((np.ones(len(rows)), (rows, found.ravel())), (n_rows, n_words))
    signal = rng.normal(size=(n_words, 4)) * (rng.random((n_words, 1)) < 0.05)
    return X, np.argmax(X @ signal + rng.normal(size=(n_rows, 4)), axis=1)
