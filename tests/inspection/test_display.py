import pickle
import sys
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.datasets import load_breast_cancer, load_diabetes, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import RFE, SelectKBest, SelectPercentile
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune.exceptions import InputError, MissingExtraError
from skprune.feature_selection import CorrelationPruner
from skprune.inspection import PruningPathDisplay
from skprune.model_selection import OneStandardError, PruningSearchCV
from skprune.quantization import Quantizer
from skprune.sample import SamplePruner
from skprune.size import size_scorer
from skprune.tree import TreePruner


@pytest.fixture(autouse=True)
def plt():
    with mpl.rc_context({"backend": "agg"}):
        import matplotlib.pyplot as plt

        yield plt
        plt.close("all")


@pytest.fixture(scope="module")
def table():
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="module")
def search(table):
    return PruningSearchCV(DecisionTreeClassifier(random_state=0), cv=4).fit(*table)


@pytest.fixture(scope="module")
def pruner(table):
    X, y = table
    return TreePruner(DecisionTreeClassifier(random_state=0), keep=5).fit(X[::2], y[::2])


@pytest.fixture(scope="module")
def forest():
    X, y = make_classification(400, random_state=0)
    forest = RandomForestClassifier(10, random_state=0)
    return TreePruner(forest, keep=61).fit(X[::2], y[::2]), X[1::2], y[1::2]


class Results:
    """A search as far as a display looks at it."""

    def __init__(self, params, score, units, best_index=None):
        self.cv_results_ = {
            "params": params,
            "mean_test_score": score,
            "std_test_score": [0.02] * len(score),
            **{f"split{i}_test_score": score for i in range(4)},
            "mean_units": units,
        }
        if best_index is not None:
            self.best_index_ = best_index


def labels(display):
    display.figure_.canvas.draw()
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


# A search


@pytest.mark.parametrize("size", ["units", "parameters", "bytes"])
def test_frame_holds_the_columns_of_the_search(search, size):
    frame = PruningPathDisplay.from_search(search, size=size).frame()
    results = search.cv_results_
    assert list(frame) == ["line", size, "score", "standard_error", "chosen", "whole"]
    assert (frame[size] == results[f"mean_{size}"]).all()
    assert (frame["score"] == results["mean_test_score"]).all()
    assert (frame["standard_error"] == results["std_test_score"] / 2).all()
    assert np.flatnonzero(frame["chosen"]).tolist() == [search.best_index_]
    assert np.flatnonzero(frame["whole"]).tolist() == [0]
    assert set(frame["line"]) == {""}


def test_line_band_and_marks_are_the_frame(search):
    display = PruningPathDisplay.from_search(search)
    frame = display.frame().sort_values("units", kind="stable")
    line, whole, chosen = display.ax_.lines
    assert (line.get_xydata() == frame[["units", "score"]].to_numpy()).all()
    for mark, column in ((whole, "whole"), (chosen, "chosen")):
        assert (mark.get_xydata() == frame.loc[frame[column], ["units", "score"]]).all(axis=None)
    (band,) = display.ax_.collections
    edge = band.get_paths()[0].vertices
    best = frame.loc[frame["score"].idxmax()]
    assert edge[:, 1].max() >= best["score"] + best["standard_error"]
    low = (frame["score"] - frame["standard_error"]).min()
    assert edge[:, 1].min() == pytest.approx(low)


def test_legend_says_what_was_chosen(search):
    display = PruningPathDisplay.from_search(search)
    frame = display.frame()
    texts = []
    for label, column in (("whole model", "whole"), ("chosen", "chosen")):
        row = frame[frame[column]].iloc[0]
        units = f"{row['units']:.1f}".removesuffix(".0")
        texts.append(f"{label}: {row['score']:.3f} at {units} leaves")
    assert labels(display) == ["± one standard error", *texts]
    assert display.ax_.get_xlabel() == "Leaves (mean over folds)"
    assert display.ax_.get_ylabel() == "Cross-validated accuracy"
    assert display.ax_.get_xscale() == "log"


def test_metric_is_one_of_several(table):
    tree = DecisionTreeClassifier(random_state=0)
    scoring = {"area": "roc_auc", "f1": "f1"}
    search = PruningSearchCV(tree, {"keep": [1.0, 0.5]}, scoring=scoring, refit="area", cv=2)
    display = PruningPathDisplay.from_search(search.fit(*table), metric="f1", size="bytes")
    assert (display.frame()["f1"] == search.cv_results_["mean_test_f1"]).all()
    assert display.ax_.get_ylabel() == "Cross-validated F1"
    assert labels(display)[-1].endswith("B")
    with pytest.raises(InputError, match=r"metric='score' finds no column.*\['area', 'f1'\]"):
        PruningPathDisplay.from_search(search)


def test_each_setting_has_a_line_and_the_chosen_one_stands_out(table):
    grid = {"keep": "path", "estimator__min_samples_leaf": [1, 20, 40]}
    tree = TreePruner(DecisionTreeClassifier(random_state=0))
    search = PruningSearchCV(tree, grid, cv=3).fit(*table)
    display = PruningPathDisplay.from_search(search)
    frame = display.frame()
    leaf = [params["estimator__min_samples_leaf"] for params in search.cv_results_["params"]]
    assert frame["line"].tolist() == [f"estimator__min_samples_leaf={n}" for n in leaf]
    main = frame.loc[search.best_index_, "line"]
    assert len(display.ax_.lines) == 3 + 2
    assert len(display.ax_.collections) == 1
    assert labels(display)[:2] == ["other settings (2)", main]
    drawn = display.ax_.lines[2].get_xydata()
    points = frame.loc[frame["line"] == main, ["units", "score"]].to_numpy()
    assert set(map(tuple, drawn)) == set(map(tuple, points))


@pytest.mark.parametrize(
    ("params", "lines"),
    [
        ([{"keep": 1.0}, {"keep": 0.5}], ["", ""]),
        ([{"keep": 1.0}, {"threshold": 0.5}, {}], ["", "", ""]),
        ([{"t__keep": 1.0, "a": 1}, {"t__keep": 1.0, "a": 2}], ["a=1", "a=2"]),
        # Two pruners: the path is that of the one with more levels.
        (
            [{"c__threshold": 1, "t__keep": k} for k in (1.0, 0.5)],
            ["c__threshold=1", "c__threshold=1"],
        ),
        # No level: the parameter with the most values stands in for one.
        ([{"depth": d, "leaf": 5} for d in (1, 2)], ["leaf=5", "leaf=5"]),
        ([{"m": "a\n  b", "keep": 3}, {"m": "c", "keep": 3}], ["m=a b", "m=c"]),
        ([{}, {}], ["", ""]),
    ],
)
def test_lines_are_told_apart_by_what_is_no_level(params, lines):
    results = Results(params, [0.5] * len(params), range(1, len(params) + 1))
    assert PruningPathDisplay.from_search(results).frame()["line"].tolist() == lines


def test_nothing_chosen_shows_the_line_of_the_best():
    params = [{"keep": k, "a": a} for a in (1, 2) for k in (0.5, 0.2)]
    results = Results(params, [0.5, 0.4, 0.6, np.nan], [4, 2, 4, 2])
    display = PruningPathDisplay.from_search(results)
    assert not display.frame()["chosen"].any()
    assert labels(display) == [
        "other settings (1)",
        "a=2",
        "± one standard error",
        "largest: 0.600 at 4 units",
    ]
    assert display.ax_.get_ylabel() == "Cross-validated score"


def test_whole_model_is_known_by_its_keep():
    params = [{"keep": 1.0}, {"keep": 1}]
    frame = PruningPathDisplay.from_search(Results(params, [0.5, 0.4], [4, 1])).frame()
    assert frame["whole"].tolist() == [True, False]


@pytest.mark.parametrize("refit", ["score", False])
def test_plain_grid_search_with_a_size_scorer(table, refit):
    grid = {"ccp_alpha": [0.0, 0.01, 0.1]}
    scoring = {"score": "roc_auc", "leaves": size_scorer()}
    tree = DecisionTreeClassifier(random_state=0)
    search = GridSearchCV(tree, grid, scoring=scoring, refit=refit, cv=3).fit(*table)
    display = PruningPathDisplay.from_search(search, size="leaves")
    frame = display.frame()
    assert (frame["leaves"] == -search.cv_results_["mean_test_leaves"]).all()
    assert frame["chosen"].sum() == bool(refit)
    assert display.ax_.get_ylabel() == "Cross-validated ROC AUC"
    assert display.ax_.get_xlabel() == "Leaves (mean over folds)"


def test_search_over_a_pruner_of_columns(table):
    model = make_pipeline(CorrelationPruner(), DecisionTreeClassifier(random_state=0))
    grid = {"correlationpruner__threshold": [0.9, 0.5]}
    search = PruningSearchCV(model, grid, cv=2).fit(*table)
    display = PruningPathDisplay.from_search(search)
    assert display.frame()["chosen"].sum() == 1
    assert set(display.frame()["line"]) == {""}


@pytest.fixture(scope="module")
def quantized(table):
    grid = {"bits": "path", "estimator__C": [0.01, 1.0]}
    logistic = LogisticRegression(max_iter=5000)
    X, y = table
    X = StandardScaler().fit_transform(X)
    return PruningSearchCV(Quantizer(logistic), grid, cv=3).fit(X, y), X, y


def test_search_over_numbers_of_bits_is_marked_as_any_other(quantized):
    search, *_ = quantized
    display = PruningPathDisplay.from_search(search)
    frame, params = display.frame(), search.cv_results_["params"]
    assert [row["bits"] is None for row in params] == frame["whole"].tolist()
    assert frame["whole"].sum() == 2
    assert np.flatnonzero(frame["chosen"]).tolist() == [search.best_index_]
    assert frame["line"].tolist() == [f"estimator__C={row['estimator__C']}" for row in params]
    whole, chosen = labels(display)[-2:]
    assert whole.startswith("whole model: ")
    assert whole.endswith(" at 64 bits")
    assert chosen.endswith(f" at {search.best_params_['bits']} bits")
    assert display.ax_.get_xlabel() == "Bits (mean over folds)"


def test_whole_is_known_by_the_own_level_where_the_grid_names_none(table):
    # The path leaves parameters out that are None already.
    logistic = make_pipeline(StandardScaler(), Quantizer(LogisticRegression(), bits=None))
    search = PruningSearchCV(logistic, {"quantizer__bits": "path"}, cv=2).fit(*table)
    assert search.cv_results_["params"][0] == {}
    frame = PruningPathDisplay.from_search(search).frame()
    assert np.flatnonzero(frame["whole"]).tolist() == [0]
    grid = {"quantizer__estimator__C": [1.0, 2.0]}
    search = PruningSearchCV(logistic.set_params(quantizer__bits=4), grid, cv=2).fit(*table)
    assert not PruningPathDisplay.from_search(search).frame()["whole"].any()


def test_parameter_with_more_values_is_no_level(table):
    grid = {"bits": [None, 4], "estimator__C": [0.1, 1.0, 10.0]}
    logistic = LogisticRegression(max_iter=50, tol=0.1)
    for refit in (True, False):
        search = PruningSearchCV(Quantizer(logistic), grid, cv=2, refit=refit)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            frame = PruningPathDisplay.from_search(search.fit(*table)).frame()
        assert frame["line"].nunique() == 3
        assert frame["whole"].sum() == 3


def test_families_in_one_search_have_levels_of_their_own(table):
    forest = RandomForestClassifier(4, max_depth=4, random_state=0)
    grid = [
        {"prune": [TreePruner(forest)], "prune__keep": [1.0, 0.5]},
        {"prune": [Quantizer(forest)], "prune__bits": [None, 4]},
    ]
    model = Pipeline([("scale", StandardScaler()), ("prune", TreePruner(forest))])
    rule = OneStandardError(size="bytes")
    search = PruningSearchCV(model, grid, cv=2, refit=rule).fit(*table)
    frame = PruningPathDisplay.from_search(search, size="bytes").frame()
    assert frame["whole"].tolist() == [True, False, True, False]
    assert frame["line"].nunique() == 2


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        (SelectKBest(), "selectkbest__k"),
        (SelectPercentile(), "selectpercentile__percentile"),
        (RFE(DecisionTreeClassifier(random_state=0)), "rfe__n_features_to_select"),
    ],
)
def test_search_over_a_selector_of_scikit_learn(selector, name):
    X, y = make_classification(100, 6, random_state=0)
    model = make_pipeline(selector, DecisionTreeClassifier(random_state=0))
    grid = {name: "path", "decisiontreeclassifier__max_depth": list(range(1, 9))}
    display = PruningPathDisplay.from_search(PruningSearchCV(model, grid, cv=2).fit(X, y))
    frame = display.frame()
    assert frame["line"].nunique() == 8
    assert frame.loc[frame["whole"], "units"].tolist() == [6.0] * 8
    assert display.ax_.get_xlabel() == "Columns (mean over folds)"


# A fitted pruner


@pytest.mark.parametrize("scoring", [None, "f1", "roc_auc"])
def test_every_level_of_a_tree_is_scored(table, pruner, scoring):
    X, y = (values[1::2] for values in table)
    display = PruningPathDisplay.from_estimator(pruner, X, y, scoring=scoring)
    frame, path = display.frame(), pruner.path_
    metric = scoring or "score"
    assert list(frame) == ["line", "units", metric, "chosen", "whole"]
    assert (frame["units"] == path.units).all()
    scorer = metrics.get_scorer(scoring or "accuracy")
    expected = [scorer(path.cut(index=i), X, y) for i in range(len(path))]
    assert frame[metric].tolist() == pytest.approx(expected, rel=1e-12)
    assert frame.loc[frame["chosen"], "units"].tolist() == [5]
    assert np.flatnonzero(frame["whole"]).tolist() == [0]
    names = {None: "Accuracy", "f1": "F1", "roc_auc": "ROC AUC"}
    assert display.ax_.get_ylabel() == names[scoring]
    assert display.ax_.get_xlabel() == "Leaves"
    assert len(display.ax_.collections) == 0


def test_scores_take_weights(table, pruner):
    X, y = table
    weight = np.arange(len(y))
    frame = PruningPathDisplay.from_estimator(pruner, X, y, sample_weight=weight).frame()
    assert frame.loc[0, "score"] == pruner.path_.cut(index=0).score(X, y, weight)


@pytest.mark.parametrize("max_levels", [5, 40])
def test_levels_of_an_ensemble_are_spread_evenly(forest, max_levels):
    pruner, X, y = forest
    display = PruningPathDisplay.from_estimator(pruner, X, y, max_levels=max_levels)
    frame, path = display.frame(), pruner.path_
    assert max_levels / 2 < len(frame) <= max_levels + 1 < len(path)
    assert (frame["units"] == path.units[frame.index]).all()
    assert frame["units"].iloc[[0, -1]].tolist() == path.units[[0, -1]].tolist()
    assert frame.loc[frame["chosen"], "units"].tolist() == [61]
    assert (frame["score"] == path.score(X, y, index=frame.index)).all()
    units = frame.loc[~frame["chosen"], "units"].to_numpy()
    ratio = (path.units[0] / path.units[-1]) ** (1 / (max_levels - 1))
    # A level may be missed by the splits that go together, and by whole numbers.
    assert (units[:-1] / units[1:] < ratio**2 + 0.2).all()


def test_all_levels_of_a_short_path_are_scored(forest):
    pruner, X, y = forest
    display = PruningPathDisplay.from_estimator(pruner, X, y, max_levels=10**6)
    assert len(display.frame()) == len(pruner.path_)


def test_sizes_are_columns_of_the_path(table, pruner):
    for size in ("parameters", "bytes"):
        frame = PruningPathDisplay.from_estimator(pruner, *table, size=size).frame()
        assert (frame[size] == pruner.path_.levels[size]).all()
    with pytest.raises(InputError, match=r"size='weight' is not known. Allowed are 'units'"):
        PruningPathDisplay.from_estimator(pruner, *table, size="weight")


def test_search_and_pipeline_stand_for_their_pruner(table, search):
    frame = PruningPathDisplay.from_estimator(search, *table).frame()
    expected = PruningPathDisplay.from_estimator(search.best_estimator_, *table).frame()
    pd.testing.assert_frame_equal(frame, expected)
    X, y = table
    model = TreePruner(DecisionTreeClassifier(random_state=0), keep=4)
    piped = make_pipeline(StandardScaler(), model).fit(X, y)
    frame = PruningPathDisplay.from_estimator(piped, X, y).frame()
    assert frame.loc[frame["chosen"], "score"].tolist() == [piped.score(X, y)]
    frame = PruningPathDisplay.from_estimator(make_pipeline(model).fit(X, y), X, y).frame()
    assert frame.loc[frame["chosen"], "units"].tolist() == [4]


@pytest.mark.parametrize("bits", [None, 16, 3])
def test_chosen_number_of_bits_is_marked(quantized, bits):
    _, X, y = quantized
    quantizer = Quantizer(LogisticRegression(), bits=bits).fit(X, y)
    display = PruningPathDisplay.from_estimator(quantizer, X, y)
    frame = display.frame()
    assert frame.loc[frame["chosen"], "units"].tolist() == [bits or 64]
    assert frame.loc[frame["chosen"], "score"].tolist() == [quantizer.score(X, y)]
    assert frame.loc[frame["whole"], "units"].tolist() == [64]
    assert display.ax_.get_xlabel() == "Bits"


def test_chosen_number_of_samples_is_marked(table):
    pruner = SamplePruner(DecisionTreeClassifier(random_state=0), criterion="random", keep=100)
    frame = PruningPathDisplay.from_estimator(pruner.fit(*table), *table, max_levels=4).frame()
    assert frame.loc[frame["chosen"], "units"].tolist() == [100]


def test_large_negative_scores_are_readable():
    X, y = load_diabetes(return_X_y=True)
    pruner = TreePruner(DecisionTreeRegressor(random_state=0), keep=5).fit(X, y)
    scoring = "neg_root_mean_squared_error"
    display = PruningPathDisplay.from_estimator(pruner, X, y, scoring=scoring)
    value = -metrics.root_mean_squared_error(y, pruner.predict(X))
    text = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
    assert labels(display)[-1] == f"chosen: {text} at 5 leaves"
    assert display.ax_.get_ylabel() == "Negative root mean squared error"


def test_path_of_a_single_level(table):
    X, _ = table
    pruner = TreePruner(DecisionTreeClassifier(), keep=1.0).fit(X, np.zeros(len(X)))
    display = PruningPathDisplay.from_estimator(pruner, X, np.zeros(len(X)))
    assert len(display.frame()) == 1
    assert labels(display)[-1] == "chosen: 1.000 at 1 leaves"


# The picture


def test_displays_share_axes(table, pruner, plt):
    _, ax = plt.subplots()
    first = PruningPathDisplay.from_estimator(pruner, *table, ax=ax, name="a")
    other = first.plot(ax, name="b", marks=False, color="red", linewidth=3)
    assert other is first
    assert other.ax_ is ax
    assert other.figure_ is ax.figure
    assert labels(other)[0] == "a"
    assert labels(other)[-1] == "b"
    assert len(ax.lines) == 3 + 1
    assert ax.lines[-1].get_color() == "red"
    assert ax.lines[-1].get_linewidth() == 3


def test_bare_line_has_no_legend(table, pruner):
    display = PruningPathDisplay.from_estimator(pruner, *table, marks=False)
    assert display.ax_.get_legend() is None


def test_display_of_a_frame(table, pruner):
    frame = PruningPathDisplay.from_estimator(pruner, *table).frame()
    display = PruningPathDisplay(frame, metric="score", size="units")
    changed = display.frame()
    changed["units"] = 0
    assert not hasattr(display, "ax_")
    display.plot()
    assert display.ax_.get_xlabel() == "Units"
    pd.testing.assert_frame_equal(display.frame(), frame)


@pytest.mark.parametrize(("size", "ticks"), [("units", "10,000"), ("bytes", "10 kB")])
def test_ticks_of_wide_axes_are_powers_of_ten(size, ticks):
    frame = pd.DataFrame({"line": "", size: [4, 2e5], "score": [0.1, 0.2]})
    frame = frame.assign(chosen=False, whole=False)
    display = PruningPathDisplay(frame, metric="score", size=size).plot()
    display.figure_.canvas.draw()
    low, high = display.ax_.get_xlim()
    assert 2 < low < 4
    assert 2e5 < high < 4e5
    shown = [
        text.get_text()
        for text in display.ax_.get_xticklabels()
        if low <= text.get_position()[0] <= high
    ]
    assert ticks in shown
    assert len(shown) == 5


# Errors


def test_missing_matplotlib_names_the_extra(monkeypatch, table, pruner, search):
    for name in ("matplotlib", "matplotlib.pyplot", "matplotlib.ticker"):
        monkeypatch.setitem(sys.modules, name, None)
    for draw in (
        lambda: PruningPathDisplay.from_search(search),
        lambda: PruningPathDisplay.from_estimator(pruner, *table),
    ):
        with pytest.raises(MissingExtraError, match=r"pip install 'skprune\[plot\]'"):
            draw()


def test_search_without_results_is_an_error(pruner):
    for given in (PruningSearchCV(DecisionTreeClassifier()), pruner):
        with pytest.raises(InputError, match=r"has no cv_results_. Give a fitted search"):
            PruningPathDisplay.from_search(given)


def test_search_without_sizes_is_an_error(table):
    search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=2).fit(*table)
    with pytest.raises(InputError, match=r"size='units' finds no column.*add a size_scorer"):
        PruningPathDisplay.from_search(search)


def test_nothing_to_draw_is_an_error():
    with pytest.raises(InputError, match="No level has both a score"):
        PruningPathDisplay.from_search(Results([{"keep": 1.0}], [np.nan], [1]))


def test_estimator_without_a_path_is_an_error(table, pruner):
    X, y = table
    tree = DecisionTreeClassifier().fit(X, y)
    with pytest.raises(InputError, match="DecisionTreeClassifier has no path of models"):
        PruningPathDisplay.from_estimator(tree, X, y)
    columns = CorrelationPruner().fit(X)
    with pytest.raises(InputError, match=r"CorrelationPruner has no path.*from_search"):
        PruningPathDisplay.from_estimator(columns, X, y)
    with pytest.raises(NotFittedError):
        PruningPathDisplay.from_estimator(TreePruner(DecisionTreeClassifier()), X, y)
    with pytest.raises(AttributeError, match="leaves path_ out"):
        PruningPathDisplay.from_estimator(pickle.loads(pickle.dumps(pruner)), X, y)


# Validation and test side by side


def test_test_scores_are_those_of_the_refitted_models(table):
    X, y = table
    tree = TreePruner(DecisionTreeClassifier(max_depth=4, random_state=0))
    model = make_pipeline(StandardScaler(), tree)
    grid = {"treepruner__keep": [1.0, 0.5, 2], "treepruner__estimator__min_samples_leaf": [1, 9]}
    search = PruningSearchCV(model, grid, cv=2).fit(X[::2], y[::2])
    test = {"X_test": X[1::2], "y_test": y[1::2]}
    display = PruningPathDisplay.from_search(search, **test)
    frame = display.frame()
    line = frame.loc[frame["chosen"], "line"].iloc[0]
    for i, row in frame.iterrows():
        params = search.cv_results_["params"][i]
        if row["line"] != line:
            assert np.isnan(row["test_score"])
            continue
        expected = model.set_params(**params).fit(X[::2], y[::2]).score(*test.values())
        assert row["test_score"] == pytest.approx(expected)
    assert search.score(*test.values()) in frame.loc[frame["chosen"], "test_score"].to_numpy()
    assert "on test data" in labels(display)
    assert display.ax_.get_ylabel() == "Accuracy"


def test_test_scores_need_a_path_of_models(table, search):
    X, y = table
    with pytest.raises(InputError, match="not given together"):
        PruningPathDisplay.from_search(search, X_test=X)
    model = make_pipeline(CorrelationPruner(), DecisionTreeClassifier(max_depth=2))
    features = PruningSearchCV(model, {"correlationpruner__threshold": [0.9, 0.5]}, cv=2)
    with pytest.raises(InputError, match="no path of models"):
        PruningPathDisplay.from_search(features.fit(X, y), X_test=X, y_test=y)


@pytest.mark.parametrize("refit", ["roc_auc", OneStandardError(metric="roc_auc")])
def test_one_of_several_metrics_is_drawn_beside_its_test_scores(table, refit):
    X, y = table
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    search = PruningSearchCV(tree, scoring=["accuracy", "roc_auc"], refit=refit, cv=2)
    search.fit(X[::2], y[::2])
    test = {"X_test": X[1::2], "y_test": y[1::2]}
    frame = PruningPathDisplay.from_search(search, metric="roc_auc", **test).frame()
    expected = metrics.get_scorer("roc_auc")(search.best_estimator_, *test.values())
    assert frame.loc[frame["chosen"], "test_score"].to_list() == [pytest.approx(expected)]


def test_a_path_display_survives_a_pickle(search):
    display = PruningPathDisplay.from_search(search)
    again = pickle.loads(pickle.dumps(display))
    pd.testing.assert_frame_equal(again.frame(), display.frame())
