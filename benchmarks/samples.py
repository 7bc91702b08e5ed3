"""Training rows: accuracy with fewer of them, wrong labels, and time beside imbalanced-learn.

Shares of the training labels are wrong, drawn anew in each division of a table; test labels are
left alone and choose nothing. The whole and rows at random are the peers. imbalanced-learn gives
the rows that neighbours decide on. `SKPRUNE_PARTS` names some of the parts (shares, wrong,
criteria, peers), all by default; `SKPRUNE_WRONG` lists the shares of wrong labels of the first.
"""

import os

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
SHARES = [float(share) for share in os.environ.get("SKPRUNE_WRONG", "0,0.1,0.2,0.3").split(",")]
# What the default is measured on: the tables that are quick to fit.
DEFAULT_ON = ["adult", "bank_marketing", "churn_modelling", "credit_default", "credit_g"]
DEFAULT_ON += ["higgs_7k", "mammography", "satimage", "spambase", "waveform5000"]
N_TRAIN, N_TEST = 2500, 4000
# Hundreds or thousands of columns say little of rows, and take their time.
LEFT_OUT = {"arcene", "colon", "madelon", "mnist_10k"}
BOOSTING = HistGradientBoostingClassifier(random_state=0)
# Where every criterion is looked at, beside the generated tables.
COMPARED = {"churn_modelling", "satimage", "spambase"}
SHORT = HistGradientBoostingClassifier(max_iter=40, random_state=0)
LOGISTIC = LogisticRegression(max_iter=2000)
NEIGHBOURS, NEAREST = KNeighborsClassifier(5), KNeighborsClassifier(1)
CRITERIA = [
    ("el2n", LOGISTIC),
    ("influence", LOGISTIC),
    ("leverage", LOGISTIC),
    ("el2n", NEIGHBOURS),
    ("prototype", NEIGHBOURS),
    ("disagreement", NEIGHBOURS),
    ("tomek", NEIGHBOURS),
    ("condensed", NEAREST),
    ("influence", RandomForestClassifier(100, random_state=0)),
    ("forgetting", SHORT),
]

DECIDING = {"disagreement", "tomek", "condensed"}  # they take no level
RANKING = {"el2n", "influence", "forgetting"}  # a tenth is removed as the hardest


def run(repeat):
    """Return the table of the benchmark; `repeat` counts divisions of the rows, and rounds."""
    parts = {"shares": by_share, "wrong": wrong_labels, "criteria": criteria, "peers": peers}
    chosen = os.environ.get("SKPRUNE_PARTS", ",".join(parts)).split(",")
    return table(*(line for name in chosen for line in parts[name](repeat)))


def by_share(repeat):
    """Yield the accuracy of 70 % of the rows by default, for shares of wrong labels."""
    for wrong in SHARES:
        gains = []
        for name, splits in divisions(repeat, wrong):
            if name not in DEFAULT_ON:
                continue
            found = [_default_beside_whole(seed, *split) for seed, split in enumerate(splits)]
            ours, whole, hardest = np.mean(found, axis=0)
            gains.append(ours - whole)
            yield row(
                f"{wrong:.0%} of labels wrong, {name}",
                f"{ours:.4f}",
                f"{whole:.4f}",
                f"{100 * gains[-1]:+.2f} points",
                f"70 % by default, {hardest:.0%} counted as the hardest; peer: all rows",
            )
        yield row(f"{wrong:.0%} wrong, mean", "", "", f"{100 * np.mean(gains):+.2f} points", "")


def _default_beside_whole(seed, X, X_test, y, y_test):
    """Return accuracies of 70 % and of all rows, and the share counted as the hardest."""
    ours = SamplePruner(BOOSTING, keep=0.7, random_state=seed).fit(X, y)
    return ours.score(X_test, y_test), ours.path_.model.score(X_test, y_test), ours.hardest_


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
    # A stream of its own: pruners are seeded with `seed`, and would draw the very wrong rows.
    scaler, rng = StandardScaler().fit(X), np.random.RandomState(10_000 + seed)
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
                SamplePruner(BOOSTING, random_state=seed, **params).fit(X, y).path_
                for params in ({"hardest": 0.1}, {"criterion": "random"})
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
    """Yield the accuracy of every criterion beside as many rows at random."""
    splits = {
        wrong: [
            division
            for name, found in divisions(repeat, wrong)
            if name.startswith("generated") or name in COMPARED
            for division in enumerate(found)
        ]
        for wrong in (0.0, WRONG)
    }
    for criterion, model in CRITERIA:
        means = [
            np.mean([_beside_random(model, criterion, *one) for one in splits[wrong]], axis=0)
            for wrong in splits
        ]
        yield row(
            f"{criterion}, {type(model).__name__}",
            "; ".join(f"{ours:.4f}" for ours, _, _ in means),
            "; ".join(f"{peer:.4f}" for _, peer, _ in means),
            "; ".join(f"{100 * (ours - peer):+.1f}" for ours, peer, _ in means) + " points",
            f"right; {WRONG:.0%} wrong labels; {means[0][2]:.0%}, {means[1][2]:.0%} kept; "
            "peer: random",
        )


def _beside_random(model, criterion, seed, division):
    """Return accuracies of a criterion and of as many rows at random, and their share."""
    X, X_test, y, y_test = division
    ours = SamplePruner(model, criterion=criterion, random_state=seed)
    params = {"keep": None if criterion in DECIDING else 0.4}
    params |= {"hardest": 0.1} if criterion in RANKING else {}
    ours.set_params(**params).fit(X, y)
    n_kept = len(ours.sample_indices_)
    drawn = SamplePruner(model, criterion="random", keep=n_kept, random_state=seed).fit(X, y)
    return ours.score(X_test, y_test), drawn.score(X_test, y_test), n_kept / len(y)


def peers(repeat):
    """Yield times beside imbalanced-learn, after the rows were compared."""
    X, y = make_classification(3000, 20, n_informative=8, flip_y=0.1, random_state=0)
    model = NEAREST
    for criterion, peer in [
        ("disagreement", EditedNearestNeighbours(sampling_strategy="all")),
        ("tomek", TomekLinks(sampling_strategy="all")),
    ]:
        ours = SamplePruner(model, criterion=criterion)
        peer.fit_resample(X, y)
        rows = ours.fit(X, y).sample_indices_
        if not np.array_equal(rows, np.sort(peer.sample_indices_)):
            raise AssertionError(criterion)
        yield side_by_side(
            f"{criterion}, 3,000 x 20",
            lambda ours=ours: ours.fit_resample(X, y),
            lambda peer=peer: peer.fit_resample(X, y),
            repeat,
            f"the same {len(rows)} rows",
        )
    ours = SamplePruner(model, criterion="condensed", remove="majority")
    peer = CondensedNearestNeighbour(random_state=0)
    if ours.fit(X, y).score(X, y) < 1.0:
        raise AssertionError("the rows that stay do not tell all rows apart")
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
