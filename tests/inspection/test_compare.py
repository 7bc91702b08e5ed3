import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune.exceptions import InputError, MissingExtraError, PruningWarning
from skprune.inspection import _compare, compare
from skprune.size import model_size
from skprune.tree import TreePruner

LATENCY = ["batch_us", "batch_us_iqr", "row_us", "row_us_iqr"]
SIZE = ["units", "parameters", "bytes"]


@pytest.fixture(scope="module")
def binary():
    X, y = load_breast_cancer(return_X_y=True)
    return X[:, :4], y


@pytest.fixture(scope="module")
def trees(binary):
    return {
        "whole": DecisionTreeClassifier(random_state=0, min_samples_leaf=5).fit(*binary),
        "stump": DecisionTreeClassifier(random_state=0, max_depth=1).fit(*binary),
    }


@pytest.fixture(scope="module")
def weight(binary):
    return np.random.default_rng(0).uniform(0.1, 2, len(binary[1]))


@pytest.fixture
def plt():
    with mpl.rc_context({"backend": "agg"}):
        import matplotlib.pyplot as plt

        yield plt
        plt.close("all")


@pytest.mark.parametrize("weighted", [False, True])
def test_binary_scores_are_those_of_scikit_learn(binary, trees, weight, weighted):
    X, y = binary
    weights = {"sample_weight": weight if weighted else None}
    table = compare(trees, X, y, n_repeats=0, **weights)
    for name, tree in trees.items():
        answer = tree.predict(X)
        assert table.loc[name, "accuracy"] == metrics.accuracy_score(y, answer, **weights)
        expected = metrics.balanced_accuracy_score(y, answer, **weights)
        assert table.loc[name, "balanced_accuracy"] == pytest.approx(expected, rel=1e-14)
        assert table.loc[name, "recall"] == metrics.recall_score(y, answer, **weights)
        assert table.loc[name, "f1"] == metrics.f1_score(y, answer, **weights)
        ranking = tree.predict_proba(X)[:, 1]
        assert table.loc[name, "roc_auc"] == metrics.roc_auc_score(y, ranking, **weights)


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_of_several_classes_are_those_of_scikit_learn(weighted):
    X, y = load_iris(return_X_y=True)
    weights = {"sample_weight": np.arange(1, 151) if weighted else None}
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, y)
    row = compare({"tree": tree}, X, y, n_repeats=0, **weights).loc["tree"]
    answer = tree.predict(X)
    assert row["recall_macro"] == metrics.recall_score(y, answer, average="macro", **weights)
    assert row["f1_macro"] == metrics.f1_score(y, answer, average="macro", **weights)
    ranking = tree.predict_proba(X)
    expected = metrics.roc_auc_score(y, ranking, multi_class="ovr", **weights)
    assert row["roc_auc_ovr"] == expected


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_of_regressors_are_those_of_scikit_learn(weighted):
    X, y = load_diabetes(return_X_y=True)
    weights = {"sample_weight": np.arange(1, 443) if weighted else None}
    models = [DecisionTreeRegressor(max_depth=2).fit(X, y), LinearRegression().fit(X, y)]
    table = compare(models, X, y, n_repeats=0, **weights)
    names = ["r2", "mean_absolute_error", "root_mean_squared_error"]
    assert list(table) == [*names, *SIZE, "agreement"]
    first = models[0].predict(X)
    for model in models:
        row, answer = table.loc[type(model).__name__], model.predict(X)
        assert row[names].tolist() == [
            metrics.r2_score(y, answer, **weights),
            metrics.mean_absolute_error(y, answer, **weights),
            metrics.root_mean_squared_error(y, answer, **weights),
        ]
        assert row["agreement"] == metrics.r2_score(first, answer, **weights)
    assert table["agreement"].iloc[0] == 1


def test_columns_and_rows_are_in_order(binary, trees):
    table = compare(trees, *binary, n_repeats=1)
    scores = ["accuracy", "balanced_accuracy", "recall", "f1", "roc_auc"]
    assert list(table) == [*scores, *SIZE, *LATENCY, "agreement"]
    assert list(table.index) == ["whole", "stump"]
    assert table.index.name == "model"


def test_agreement_is_the_share_of_equal_predictions(binary, trees, weight):
    X, y = binary
    equal = trees["whole"].predict(X) == trees["stump"].predict(X)
    assert 0 < equal.mean() < 1
    table = compare(trees, X, y, n_repeats=0)
    assert table["agreement"].tolist() == pytest.approx([1, equal.mean()])
    table = compare(trees, X, y, n_repeats=0, sample_weight=weight)
    assert table["agreement"].tolist() == pytest.approx([1, np.average(equal, weights=weight)])


def test_sizes_are_those_of_model_size(binary):
    X, y = binary
    tree = DecisionTreeClassifier(random_state=0)
    pruner = TreePruner(tree, keep=4).fit(X, y)
    models = {
        "forest": RandomForestClassifier(3, random_state=0).fit(X, y),
        "pruner": pruner,
        "plain": pruner.estimator_,
        "pipeline": make_pipeline(StandardScaler(), tree).fit(X, y),
        "search": GridSearchCV(tree, {"max_depth": [1, 2]}, cv=2).fit(X, y),
        "neighbors": make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(X, y),
    }
    table = compare(models, X, y, n_repeats=0)
    for name in SIZE:
        sizes = [getattr(model_size(model), name) for model in list(models.values())[:-1]]
        assert table[name].tolist()[:-1] == sizes
        assert np.isnan(table.loc["neighbors", name])
    assert table.loc["pruner", "units"] == 4
    assert table.loc["pruner"].equals(table.loc["plain"])


def test_names_come_from_the_classes(binary, trees):
    models = [trees["whole"], LinearSVC().fit(*binary), trees["stump"]]
    table = compare(models, *binary, n_repeats=0)
    names = ["DecisionTreeClassifier-1", "LinearSVC", "DecisionTreeClassifier-2"]
    assert list(table.index) == names
    assert compare(iter(models), *binary, n_repeats=0).equals(table)


def test_greater_label_is_the_positive_class(binary, trees):
    X, y = binary
    words = np.array(["benign", "malign"])[y]
    tree = DecisionTreeClassifier(random_state=0, max_depth=1).fit(X, words)
    row = compare([tree], pd.DataFrame(X), list(words), n_repeats=0).iloc[0]
    assert row.equals(compare([trees["stump"]], X, y, n_repeats=0).iloc[0])


def test_score_that_a_model_cannot_give_is_nan(binary):
    X, y = load_iris(return_X_y=True)
    models = [DecisionTreeClassifier().fit(X, y), LinearSVC().fit(X, y)]
    area = compare(models, X, y, n_repeats=0)["roc_auc_ovr"]
    assert area.notna().tolist() == [True, False]
    # Of two classes the decision function is enough.
    svc = LinearSVC().fit(*binary)
    area = compare([svc], *binary, n_repeats=0).loc["LinearSVC", "roc_auc"]
    assert area == metrics.roc_auc_score(binary[1], svc.decision_function(binary[0]))


def test_score_that_the_rows_leave_undefined_is_nan(binary, trees):
    X, y = binary
    row = compare(trees, X[y == 0], y[y == 0], n_repeats=0).loc["whole"]
    assert row[["recall", "roc_auc"]].isna().all()
    assert row["balanced_accuracy"] == row["accuracy"] < 1
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=2).fit(X, y)
    row = compare([tree], X, np.minimum(y, 1), n_repeats=0).iloc[0]
    assert row["balanced_accuracy"] == pytest.approx((1 + row["accuracy"] * 1.5 - 0.5) / 2)
    assert np.isnan(row["roc_auc_ovr"])


def test_single_class_and_model_that_knows_only_one(binary, trees):
    X, y = binary
    lone = DecisionTreeClassifier().fit(X[y == 0], y[y == 0])
    row = compare([lone], X[y == 0], y[y == 0], n_repeats=0).iloc[0]
    assert row[["accuracy", "recall", "f1"]].tolist() == [1, 1, 1]
    assert np.isnan(row["roc_auc"])
    row = compare({"lone": lone, **trees}, X, y, n_repeats=0).loc["lone"]
    assert row["recall"] == 0
    assert np.isnan(row["roc_auc"])


@pytest.mark.parametrize(
    ("scoring", "names"),
    [
        ("neg_log_loss", ["neg_log_loss"]),
        (["accuracy", "precision"], ["accuracy", "precision"]),
        ({"mine": "accuracy", "brier": "neg_brier_score"}, ["mine", "brier"]),
        (metrics.make_scorer(metrics.f1_score), ["score"]),
    ],
)
def test_scoring_asks_the_scorers(binary, trees, weight, scoring, names):
    X, y = binary
    table = compare(trees, X, y, scoring=scoring, sample_weight=weight, n_repeats=0)
    assert list(table) == [*names, *SIZE, "agreement"]
    specs = dict(zip(names, scoring.values(), strict=True)) if isinstance(scoring, dict) else {}
    for name in names:
        scorer = metrics.get_scorer(specs.get(name, scoring if name == "score" else name))
        expected = [scorer(tree, X, y, sample_weight=weight) for tree in trees.values()]
        assert table[name].tolist() == expected


def test_scorer_without_its_method_is_nan_but_own_errors_pass(binary, trees):
    models = {**trees, "svc": LinearSVC().fit(*binary)}
    table = compare(models, *binary, scoring="neg_log_loss", n_repeats=0)
    assert table["neg_log_loss"].notna().tolist() == [True, True, False]

    def broken(model, _X, _y):
        return model.no_such_attribute

    with pytest.raises(AttributeError, match="no_such_attribute"):
        compare(trees, *binary, scoring=broken, n_repeats=0)


def test_scoring_makes_room_for_several_outputs():
    X, y = make_classification(60, random_state=0)
    y = np.column_stack([y, np.arange(60) % 3])
    models = {f"depth {d}": DecisionTreeClassifier(max_depth=d).fit(X, y) for d in (9, 1)}

    def share(model, X, y):
        return (model.predict(X) == y).mean()

    table = compare(models, X, y, scoring=share, n_repeats=0)
    answers = [model.predict(X) for model in models.values()]
    assert table["score"].tolist() == [(answer == y).mean() for answer in answers]
    expected = [1, (answers[0] == answers[1]).mean()]
    assert table["agreement"].tolist() == pytest.approx(expected)
    with pytest.raises(InputError, match=r"one column of class labels.*scoring="):
        compare(models, X, y, n_repeats=0)


class Watched(ClassifierMixin, BaseEstimator):
    """Notes who was asked about how many rows."""

    def __init__(self, name="", log=None):
        self.name = name
        self.log = log
        self.classes_ = np.array([0, 1])

    def fit(self, X, y):  # noqa: ARG002 - there is nothing to learn
        return self

    def predict(self, X):
        self.log.append((self.name, len(X), X.ravel()[0]))
        return np.zeros(len(X), dtype=int)


@pytest.fixture
def watched():
    log: list = []
    return {name: Watched(name, log) for name in "ab"}, log


def test_models_take_turns_at_the_stopwatch(watched):
    models, log = watched
    X = np.arange(3.0).reshape(-1, 1)
    compare(models, X, [0, 1, 0], n_repeats=4)
    there = [("a", 3), ("b", 3), ("a", 1), ("b", 1)]
    back = [("b", 3), ("a", 3), ("b", 1), ("a", 1)]
    assert [call[:2] for call in log[2:]] == [*there, *back, *there, *back]
    assert [call[2] for call in log[2:] if call[:2] == ("a", 1)] == [0, 1, 2, 0]


def test_latency_is_median_and_interquartile_range(watched, monkeypatch):
    # The stopwatch reads 1, 2, 3, 4 and 5 microseconds: two readings per measurement.
    took = iter([1, 10, 2, 20, 3, 30, 4, 40, 5, 50])
    monkeypatch.setattr(_compare, "_seconds", lambda *_: 1e-6 * next(took))
    models, _ = watched
    row = compare([models["a"]], np.zeros((2, 1)), [0, 1], n_repeats=5).iloc[0]
    assert row[LATENCY].tolist() == pytest.approx([3 / 2, 2 / 2, 30, 20])


def test_auto_repeats_end_after_about_a_second(watched, monkeypatch):
    models, log = watched
    compare(models, np.zeros((3, 1)), [0, 1, 0])
    assert len(log) == 2 + 4 * _compare.MOST
    log.clear()
    monkeypatch.setattr(_compare, "AUTO_SECONDS", 0)
    compare(models, np.zeros((3, 1)), [0, 1, 0])
    assert len(log) == 2 + 4 * _compare.FEWEST


def test_nothing_is_timed_with_zero_repeats(watched):
    models, log = watched
    assert set(LATENCY).isdisjoint(compare(models, np.zeros((3, 1)), [0, 1, 0], n_repeats=0))
    assert len(log) == 2


def test_input_is_untouched(binary, trees, weight):
    X, y = (values.copy() for values in binary)
    compare(trees, X, y, sample_weight=weight, n_repeats=1)
    assert np.array_equal(X, binary[0])
    assert np.array_equal(y, binary[1])


def test_roc_curves_are_drawn(plt, binary, trees, weight):
    X, y = binary
    _, ax = plt.subplots()
    models = {**trees, "svc": LinearSVC().fit(X, y)}
    table = compare(models, X, y, sample_weight=weight, n_repeats=0, roc_ax=ax)
    labels = ax.get_legend_handles_labels()[1]
    expected = [f"{name} (AUC = {area:.2f})" for name, area in table["roc_auc"].items()]
    assert labels == [*expected, "Chance level (AUC = 0.5)"]
    ranking = trees["whole"].predict_proba(X)[:, 1]
    fpr, tpr, _ = metrics.roc_curve(y, ranking, sample_weight=weight)
    drawn = ax.lines[0].get_xydata()
    assert metrics.auc(*drawn.T) == pytest.approx(metrics.auc(fpr, tpr))
    assert set(map(tuple, drawn)) <= set(zip(fpr, tpr, strict=True))


def test_roc_curves_make_a_figure_on_demand(plt, binary, trees):
    compare(trees, *binary, n_repeats=0)
    compare(trees, *binary, n_repeats=0, roc_ax=False)
    assert plt.get_fignums() == []
    compare(trees, *binary, scoring="accuracy", n_repeats=0, roc_ax=True)
    assert len(plt.gca().lines) == 3


def test_model_without_a_curve_is_named(plt, binary, watched):
    models, _ = watched
    models = {"tree": DecisionTreeClassifier().fit(*binary), "silent": models["a"]}
    with pytest.warns(PruningWarning, match=r"No ROC curve for \['silent'\].*predict_proba"):
        compare(models, *binary, n_repeats=0, roc_ax=plt.subplots()[1])
    assert len(plt.gca().lines) == 2


def test_roc_curves_need_two_classes(trees, binary):
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier().fit(X, y)
    with pytest.raises(InputError, match=r"classifiers of 3 classes.*two classes"):
        compare([tree], X, y, n_repeats=0, roc_ax=True)
    model = LinearRegression().fit(X, y)
    with pytest.raises(InputError, match="are regressors"):
        compare([model], X, y, n_repeats=0, roc_ax=True)
    with pytest.raises(InputError, match=r"roc_ax='here'.*Allowed are matplotlib Axes"):
        compare(trees, *binary, n_repeats=0, roc_ax="here")


def test_missing_matplotlib_names_the_extra(monkeypatch, binary, trees):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'skprune\[plot\]'"):
        compare(trees, *binary, roc_ax=True)
    assert len(compare(trees, *binary, n_repeats=0)) == 2


@pytest.mark.parametrize("models", [{}, [], iter(())])
def test_no_models_is_an_error(models, binary):
    with pytest.raises(InputError, match="models is empty; give at least one"):
        compare(models, *binary)


@pytest.mark.parametrize(
    "model", [None, RandomForestClassifier(2), make_pipeline(DecisionTreeClassifier())]
)
def test_lone_model_is_an_error(model, binary):
    with pytest.raises(InputError, match=r"a mapping of names.*\[model\] for a single one"):
        compare(model, *binary)


@pytest.mark.parametrize(
    "model", [DecisionTreeClassifier(), TreePruner(DecisionTreeClassifier()), LinearSVC()]
)
def test_unfitted_model_is_an_error(model, binary, trees):
    with pytest.raises(NotFittedError):
        compare({**trees, "unfitted": model}, *binary)


def test_mixture_of_kinds_is_an_error(binary, trees):
    other = LinearRegression().fit(*binary)
    pattern = "'whole' is a classifier, .*'line' is a regressor.*give classifiers only"
    with pytest.raises(InputError, match=pattern):
        compare({**trees, "line": other}, *binary)
    with pytest.raises(InputError, match="'KMeans' is neither"):
        compare([KMeans(2, n_init=1).fit(binary[0])], *binary)


@pytest.mark.parametrize("n_repeats", [-1, 1.5, True, "often", None])
def test_bad_repeats_are_an_error(n_repeats, binary, trees):
    with pytest.raises(InputError, match=r"n_repeats=.*Allowed are a number of rounds"):
        compare(trees, *binary, n_repeats=n_repeats)


def test_bad_scoring_is_an_error(binary, trees):
    with pytest.raises(InputError, match=r"\['bytes'\], which are columns that compare fills"):
        compare(trees, *binary, scoring={"bytes": "accuracy"})
    with pytest.raises(ValueError, match="acuracy"):
        compare(trees, *binary, scoring="acuracy")


def test_rows_of_different_lengths_are_an_error(binary, trees):
    X, y = binary
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        compare(trees, X, y[1:])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        compare(trees, X, y, sample_weight=y[1:])


def test_constant_classifier(binary):
    table = compare([DummyClassifier().fit(*binary)], *binary, n_repeats=0)
    assert table["roc_auc"].tolist() == [0.5]
