"""Linear models: the least-squares path, weights of digits, columns against peers, and text.

The path is held against one inverse of its size, and against recursive elimination, which
fits the model again for every column. On digits the share of weights that go is 80, 90 and
95 %, each class by itself; every order, that of scikit-learn's L1 path too, has the same refit.
Accuracy is that of rows that chose nothing. `repeat` counts rounds of the times of the path.
"""

import warnings

import numpy as np
from scipy.linalg import inv
from sklearn.datasets import load_digits
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from benchmarks import _linear_columns, _linear_text
from benchmarks._measure import row, side_by_side, table
from skprune import LinearPruner
from skprune.solvers import masked_logistic

N_COLUMNS = 1000
RFE_STEPS = 100
KEEP = (0.2, 0.1, 0.05)
SPLITS = 5
SCALES = {
    "divided by 16": FunctionTransformer(lambda X: X / 16),
    "standardised": StandardScaler(),
    "raw": FunctionTransformer(),
}
CRITERIA = ("obs", "wald", "l1", "gradient", "scaled_magnitude", "magnitude", "random")


def run(repeat):
    """Measure; see the docstring of the module."""
    warnings.simplefilter("ignore")
    return table(
        *_paths(repeat),
        *(line for name, scale in SCALES.items() for line in _digits(name, scale)),
        *_linear_columns.rows(),
        *_linear_text.rows(),
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
    yield row("largest error of a level's loss", f"{worst:.1e}", "exact refit", "", "relative")
    note = f"n = {len(X)}, p = {N_COLUMNS}, the fit of the model included"
    yield side_by_side("path against one inverse", ours, lambda: inv(gram), repeat, note)

    def peer():
        left = N_COLUMNS - RFE_STEPS
        return RFE(LinearRegression(), n_features_to_select=left, step=1).fit(X, y)

    note = f"only the first {RFE_STEPS} of the peer's {N_COLUMNS - 1} steps"
    yield side_by_side("path against RFE(step=1)", ours, peer, repeat, note, peer_repeat=1)


def _digits(name, scale):
    ways = {criterion: [] for criterion in (*CRITERIA, "L1 path")}
    dense = []
    for seed in range(SPLITS):
        X, y = load_digits(return_X_y=True)
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.4, random_state=seed, stratify=y)
        X = scale.fit_transform(X)
        test = scale.transform(X_test), y_test
        model = FrozenEstimator(LogisticRegression(max_iter=1000).fit(X, y))
        for criterion in CRITERIA:
            path = LinearPruner(model, criterion=criterion, random_state=seed).fit(X, y).path_
            ways[criterion].append([path.cut(keep=keep).score(*test) for keep in KEEP])
        dense.append(path.model.score(*test))
        sizes = [int(keep * path.units[0]) for keep in KEEP]
        ways["L1 path"].append(_by_l1(X, y, test, sizes, path.model, seed))
    means = {
        way: " ".join(f"{v:.3f}" for v in np.mean(found, axis=0)) for way, found in ways.items()
    }
    note = f"80 90 95 % of weights gone; {SPLITS} splits; none gone {np.mean(dense):.3f}"
    for way in ways:
        if way != "obs":
            yield row(f"digits {name}: obs against {way}", means["obs"], means[way], "", note)


def _by_l1(X, y, test, sizes, model, seed):
    """Return accuracies of scikit-learn's L1 path, refitted by its ridge, at some sizes."""
    coefs = _linear_columns.l1_path(
        X, y, seed, enough=lambda coef: np.count_nonzero(coef) >= max(sizes)
    )
    worth = np.abs(np.reshape(coefs, (len(coefs), -1)))
    scores = []
    for mask in _linear_columns.largest_of_first(worth, sizes):
        start = model.coef_, model.intercept_
        free = mask.reshape(model.coef_.shape)
        weight = np.ones(len(X))
        coef, shift = masked_logistic.fit(X, y, weight, 1 / model.C, free, start, intercept=True)
        scores.append(np.mean((test[0] @ coef.T + shift).argmax(axis=1) == test[1]))
    return scores
