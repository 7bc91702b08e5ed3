"""A forest of 300 trees taught to one tree and to a small network.

Means over the seeds, on rows that chose nothing. Ours is the distilled student, the peer the
same student taught the target alone; the note holds the teacher, and how many times faster
than it the student predicts the test rows, in turn.
"""

import warnings

import numpy as np
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from benchmarks._measure import row, seconds, table
from benchmarks._sets import tables
from skprune import Distiller

SEEDS = (0, 1)
N_ROWS = 3000
SETS = [
    *("adult", "bank_marketing", "churn_modelling", "credit_default", "higgs_7k", "spambase"),
    *("covertype_15k", "optdigits", "satimage", "waveform5000"),
]


def students(seed):
    """Return what is taught: a tree, and a small network, which may stop early or not."""
    trained = MLPClassifier(16, solver="lbfgs", max_iter=200, random_state=seed)
    stopped = MLPClassifier(16, max_iter=100, random_state=seed)
    return {
        "tree": DecisionTreeClassifier(max_leaf_nodes=128, random_state=seed),
        "network": make_pipeline(StandardScaler(), trained),
        "stopped network": make_pipeline(StandardScaler(), stopped),
    }


def run(repeat):
    """Measure; see the docstring of the module."""
    warnings.simplefilter("ignore")
    found = {}
    for seed in SEEDS:
        for data in tables(seed):
            for name, student in students(seed).items() if data.name in SETS else ():
                found.setdefault((data.name, name), []).append(teach(data, student, seed, repeat))
    means = {key: np.mean(results, axis=0) for key, results in found.items()}
    rows = [_row(*key, *values) for key, values in means.items()]
    return table(*rows, *(_summary(means, name) for name in students(0)))


def teach(data, student, seed, repeat):
    """Return the scores of teacher, hard and distilled student, its speed, and what was taught."""
    X, y = data.X[:N_ROWS], data.y[:N_ROWS]
    forest = RandomForestClassifier(300, random_state=seed)
    distiller = Distiller(forest, student, cv=3, random_state=seed).fit(X, y)
    models = [distiller.teacher_, clone(student).fit(X, y), distiller.estimator_]
    scores = [measure(model, data) for model in models]
    faster = np.median([_faster(models, data.X_test) for _ in range(repeat)])
    return (*np.ravel(scores), faster, distiller.taught_ == "soft")


def measure(model, data):
    """Return accuracy and log-loss on the rows that chose nothing."""
    said = model.predict_proba(data.X_test)
    return model.score(data.X_test, data.y_test), log_loss(data.y_test, said, labels=model.classes_)


def _faster(models, X):
    teacher, _, student = (seconds(lambda model=model: model.predict(X))[0] for model in models)
    return teacher / student


def _row(data, student, *values):
    (t_acc, t_loss, h_acc, h_loss, s_acc, s_loss, faster, soft) = values
    note = f"teacher {t_acc:.3f} {t_loss:.3f}; {faster:.0f} times faster; soft {soft:.0%}"
    ratio = f"{1 - s_loss / h_loss:.0%}"
    return row(
        f"{data}, {student}", f"{s_acc:.3f} {s_loss:.3f}", f"{h_acc:.3f} {h_loss:.3f}", ratio, note
    )


def _summary(means, student):
    values = np.array([v for (_, name), v in means.items() if name == student])
    gain = 1 - values[:, 5] / values[:, 3]
    worse = int((gain < -1e-9).sum())
    note = f"median of {len(gain)} sets; log-loss worse on {worse}"
    note += f"; at least {values[:, 6].min():.0f} times faster"
    return row(f"log-loss saved, {student}", "", "", f"{np.median(gain):.0%}", note)
