"""Training rows: accuracy with fewer of them, wrong labels, and time beside imbalanced-learn.

A fifth of the training labels are wrong, drawn anew in each division of a table; test labels are
left alone and choose nothing. The whole and rows at random are the peers. imbalanced-learn gives
the rows that neighbours decide on.
"""

import numpy as np
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import (
    CondensedNearestNeighbour,
    EditedNearestNeighbours,
    TomekLinks,
)
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from benchmarks._measure import row, seconds, side_by_side, table
from benchmarks._sets import tables
from skprune import SamplePruner

WRONG = 0.2
N_TRAIN, N_TEST = 2500, 4000
# Wide tables of a few hundred rows say little of rows.
LEFT_OUT = {"arcene", "colon", "madelon", "mnist_10k", "breast_cancer", "adult", "credit_g"}
BOOSTING = HistGradientBoostingClassifier(random_state=0)
FOREST = RandomForestClassifier(100, random_state=0)
CRITERIA = [
    ("el2n", BOOSTING),
    ("forgetting", BOOSTING),
    ("leverage", BOOSTING),
    ("prototype", BOOSTING),
    ("disagreement", BOOSTING),
    ("tomek", BOOSTING),
    ("condensed", BOOSTING),
    ("influence", FOREST),
    ("influence", LogisticRegression(max_iter=2000)),
    ("leverage", LogisticRegression(max_iter=2000)),
    ("condensed", KNeighborsClassifier(1)),
]


def run(repeat):
    """Return the table of the benchmark; `repeat` counts divisions of the rows, and rounds."""
    return table(*wrong_labels(repeat), *criteria(repeat), *peers(repeat))


def divisions(repeat, wrong):
    """Yield names of tables, and their divisions: training rows, test rows and targets."""
    drawn = [(f"generated {seed}", *generated(seed)) for seed in range(3)]
    named = [
        (one.name, np.vstack([one.X, one.X_test]), np.concatenate([one.y, one.y_test]))
        for one in tables()
        if one.kind != "regression" and one.name not in LEFT_OUT
    ]
    for name, X, y in drawn + named:
        codes = np.unique(y, return_inverse=True)[1]
        yield name, [divide(X, codes, seed, wrong) for seed in range(repeat)]


def generated(seed):
    """Return a table of three classes in six clusters."""
    return make_classification(
        6000,
        20,
        n_informative=8,
        n_classes=3,
        n_clusters_per_class=2,
        flip_y=0.0,
        class_sep=0.8,
        random_state=seed,
    )


def divide(X, y, seed, wrong):
    """Return scaled training and test rows, and their targets; a share of the first is wrong."""
    n_train = min(N_TRAIN, 2 * len(y) // 3)
    X, X_test, y, y_test = train_test_split(X, y, train_size=n_train, stratify=y, random_state=seed)
    scaler, rng = StandardScaler().fit(X), np.random.RandomState(seed)
    n_classes = y.max() + 1
    flipped = rng.uniform(size=len(y)) < wrong
    y = np.where(flipped, (y + rng.randint(1, n_classes, len(y))) % n_classes, y)
    return scaler.transform(X), scaler.transform(X_test[:N_TEST]), y, y_test[:N_TEST]


def wrong_labels(repeat):
    """Yield mean accuracies with a fifth of the labels wrong, for 70 and 40 % of the rows."""
    means = []
    for name, splits in divisions(repeat, WRONG):
        found = []
        for seed, (X, X_test, y, y_test) in enumerate(splits):
            paths = [
                SamplePruner(BOOSTING, criterion=criterion, random_state=seed).fit(X, y).path_
                for criterion in ("el2n", "random")
            ]
            found.append(
                [paths[0].model.score(X_test, y_test)]
                + [p.cut(keep=k).score(X_test, y_test) for k in (0.7, 0.4) for p in paths]
            )
        means.append(np.mean(found, axis=0))
        yield _accuracies(name, means[-1])
    yield _accuracies("mean of all tables", np.mean(means, axis=0))


def _accuracies(name, scores):
    whole, *cuts = scores
    return row(
        f"{WRONG:.0%} of labels wrong, {name}",
        f"{cuts[0]:.4f}, {cuts[2]:.4f}",
        f"{whole:.4f}; {cuts[1]:.4f}, {cuts[3]:.4f}",
        f"{100 * (cuts[0] - whole):+.1f}; {100 * (cuts[2] - cuts[3]):+.1f} points",
        "70 %, 40 % of the rows; peers: all rows; random",
    )


def criteria(repeat):
    """Yield the gain of every criterion over as many rows at random, with right and wrong labels."""
    for criterion, model in CRITERIA:
        gains, kept = [], []
        for wrong in (0.0, WRONG):
            found = []
            for _, splits in divisions(min(repeat, 2), wrong):
                for seed, (X, X_test, y, y_test) in enumerate(splits):
                    level = (
                        {} if criterion in {"tomek", "condensed", "disagreement"} else {"keep": 0.4}
                    )
                    ours = SamplePruner(model, criterion=criterion, random_state=seed, **level)
                    ours.fit(X, y)
                    n_kept = len(ours.sample_indices_)
                    drawn = SamplePruner(model, criterion="random", keep=n_kept, random_state=seed)
                    score = drawn.fit(X, y).score(X_test, y_test)
                    found.append((ours.score(X_test, y_test), score, n_kept / len(y)))
            means = np.mean(found, axis=0)
            gains.append(means[:2])
            kept.append(means[2])
        yield row(
            f"{criterion}, {type(model).__name__}",
            f"{gains[0][0]:.4f}; {gains[1][0]:.4f}",
            f"{gains[0][1]:.4f}; {gains[1][1]:.4f}",
            f"{100 * (gains[0][0] - gains[0][1]):+.1f}; {100 * (gains[1][0] - gains[1][1]):+.1f} points",
            f"right labels; {WRONG:.0%} wrong; {kept[0]:.0%}, {kept[1]:.0%} kept; peer: random",
        )


def peers(repeat):
    """Yield times beside imbalanced-learn, after the rows were compared."""
    X, y = make_classification(3000, 20, n_informative=8, flip_y=0.1, random_state=0)
    model = KNeighborsClassifier(1)
    for criterion, peer in [
        ("disagreement", EditedNearestNeighbours(sampling_strategy="all")),
        ("tomek", TomekLinks(sampling_strategy="all")),
    ]:
        ours = SamplePruner(model, criterion=criterion)
        peer.fit_resample(X, y)
        rows = ours.fit(X, y).sample_indices_
        assert np.array_equal(rows, np.sort(peer.sample_indices_))
        yield side_by_side(
            f"{criterion}, 3,000 x 20",
            lambda ours=ours: ours.fit_resample(X, y),
            lambda peer=peer: peer.fit_resample(X, y),
            repeat,
            f"the same {len(rows)} rows",
        )
    ours = SamplePruner(model, criterion="condensed", remove="majority")
    peer = CondensedNearestNeighbour(random_state=0)
    assert ours.fit(X, y).score(X, y) == 1.0  # its rows tell all of them apart
    taken, _ = seconds(lambda: peer.fit_resample(X, y))
    exact = model.fit(X[peer.sample_indices_], y[peer.sample_indices_]).score(X, y)
    note = f"{len(ours.sample_indices_)} rows, {len(peer.sample_indices_)} of the peer; 1-NN on "
    yield side_by_side(
        "condensed, 3,000 x 20",
        lambda: ours.fit_resample(X, y),
        lambda: peer.fit_resample(X, y),
        repeat,
        note + f"them is right on 100 % of all rows, {exact:.1%} of the peer",
        peer_repeat=1 if taken > 10 else repeat,
    )
    pipeline = make_pipeline(SamplePruner(model, criterion="tomek"), LogisticRegression())
    pipeline.fit(X, y)
    yield row("a step in a pipeline of imbalanced-learn", "fits", "", "", "")
