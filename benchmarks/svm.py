"""Support vectors: accuracy and time of predict with fewer of them, for each criterion.

Rows of two noisy classes are drawn, and divided anew in each round. The peers are the order by
magnitude and at random, with the same refit; of times, the whole model.
"""

from functools import partial

import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from benchmarks._measure import row, side_by_side, table
from skprune import SVMPruner

SHARES = (0.25, 0.10, 0.05, 0.02)
CRITERIA = ("obs", "magnitude", "random")


def run(repeat):
    """Return the table of the benchmark; `repeat` counts divisions of the rows, and rounds."""
    splits = [split(seed) for seed in range(repeat)]
    paths = {
        criterion: [
            SVMPruner(SVC(), criterion=criterion, random_state=seed).fit(X, y).path_
            for seed, (X, _, y, _) in enumerate(splits)
        ]
        for criterion in CRITERIA
    }
    X, X_test, y, _ = splits[0]
    whole, path = paths["obs"][0].model, paths["obs"][0]
    times = [
        side_by_side(
            f"predict {len(X_test)} rows, {share:.0%} of the vectors",
            partial(path.cut(keep=share).predict, X_test),
            partial(whole.predict, X_test),
            max(5, repeat),
            "the peer is the whole model",
        )
        for share in SHARES
    ]
    path_time = side_by_side(
        "fit with the whole path",
        partial(SVMPruner(SVC()).fit, X, y),
        partial(SVC().fit, X, y),
        max(3, repeat),
        "the peer is the plain fit",
    )
    return table(*accuracies(paths, splits), *times, path_time)


def split(seed):
    """Return training rows, test rows and their targets."""
    X, y = make_classification(
        12_000,
        10,
        n_informative=6,
        n_clusters_per_class=3,
        class_sep=1.4,
        flip_y=0.06,
        random_state=4,
    )
    return train_test_split(X, y, train_size=2400, random_state=seed)


def accuracies(paths, splits):
    """Yield mean accuracy on the test rows per share, and how often the class is the same."""
    tests = [(X, y) for _, X, _, y in splits]
    vectors = np.mean([path.units[0] for path in paths["obs"]])
    for share in (1.0, *SHARES):
        means, same = {}, []
        for criterion in CRITERIA:
            cuts = [path.cut(keep=share) for path in paths[criterion]]
            scores = [cut.score(*test) for cut, test in zip(cuts, tests, strict=True)]
            means[criterion] = np.mean(scores)
            if criterion == "obs":
                same = [
                    np.mean(cut.predict(X) == path.model.predict(X))
                    for cut, path, (X, _) in zip(cuts, paths["obs"], tests, strict=True)
                ]
        yield row(
            f"accuracy, {share * vectors:.0f} vectors ({share:.0%})",
            f"{means['obs']:.4f}",
            f"{means['magnitude']:.4f}, {means['random']:.4f}",
            f"{100 * (means['obs'] - means['random']):+.1f} points",
            f"peers: magnitude, random; same class as the whole {np.mean(same):.3f}",
        )
