"""Pages, also in a real browser where there is one (CHROMIUM names of tests/_browser.py)."""

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import (
    CorrelationPruner,
    Distiller,
    EnsemblePruner,
    InformationPruner,
    LinearPruner,
    MLPPruner,
    NonInferior,
    PruningSearchCV,
    Quantizer,
    SamplePruner,
    SVMPruner,
    TreePruner,
    WithinBudget,
    WithinTolerance,
    compare,
    make_search,
    report,
)
from skprune.exceptions import InputError

SPEC = importlib.util.spec_from_file_location("_browser", Path(__file__).parents[1] / "_browser.py")
browsers = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(browsers)

EVIL = "<script>alert(1)</script>"
X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = X.iloc[:, :6].set_axis([EVIL, "<img src=x onerror=alert(2)>", "\"&'$_", "d", "e", "f"], axis=1)
X, X_test, y, y_test = X[:200], X[200:260], y[:200], y[200:260]
TREE = DecisionTreeClassifier(random_state=0)
ONCE = {"n_repeats": 0}


@pytest.fixture(scope="module")
def search():
    forest = RandomForestClassifier(4, max_depth=3, random_state=0)
    return PruningSearchCV(TreePruner(forest), cv=2, max_levels=10).fit(X, y)


@pytest.fixture(scope="module")
def page(search):
    return report(search, X_test, y_test, train=(X, y), n_repeats=5)


@pytest.fixture(scope="module")
def feature_page():
    model = make_pipeline(StandardScaler(), InformationPruner(), LogisticRegression())
    found = PruningSearchCV(model, cv=2).fit(X, y)
    return report(found, X_test, y_test, train=(X, y), **ONCE)


def words(page):
    """The text of a page, without tags."""
    body = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", str(page), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_page_is_one_small_file_that_loads_nothing(page, feature_page, tmp_path):
    for each in (page, feature_page):
        html = str(each)
        assert len(html.encode()) < 500_000
        assert html.startswith("<!DOCTYPE html>")
        assert "<script" not in html
        assert not re.search(r"<(img|link|iframe|object|embed|audio|video|base)\b", html)
        assert not re.search(r"(href|src|url\()\s*=?\s*[\"']?(https?:|//)", html)
        assert html.count("<svg") >= 1
        assert "prefers-color-scheme: dark" in html
        assert "@media print" in html
        assert each.save(tmp_path / "page.html").read_text(encoding="utf-8") == html


def test_names_are_text(page, feature_page):
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in str(feature_page)
    for each in (page, feature_page):
        assert "onerror" not in re.sub(r">[^<]*<", "><", str(each))


def test_page_states_the_figures_of_the_table(page, search):
    text, models = words(page), {"chosen": search.best_estimator_}
    table = compare(models, X_test, y_test, n_repeats=0)
    for column in ("accuracy", "roc_auc"):
        assert f"{table.loc['chosen', column]:.3f}" in text
    for name in ("whole", "chosen", "pruned at random", "from scratch"):
        assert name in text
    assert f"{int(table.loc['chosen', 'bytes']):,}" in text
    assert "µs per sample, batch" in text
    assert "agreement with whole" in text
    assert "The dashed line is that of the test data." in text


def test_page_marks_the_scores_that_have_chosen(page, search):
    text = words(page)
    assert "within one standard error of the best one" in text
    assert "chosen †" in text
    assert f"{search.best_score_:.3f}" in text
    limit = re.search(r"best mean is ([\d.]+), with a standard error of ([\d.]+): ([\d.]+)", text)
    best, error, least = map(float, limit.groups())
    assert best == pytest.approx(search.cv_results_["mean_test_score"].max(), abs=1e-3)
    assert least == pytest.approx(best - error, abs=2e-3)
    assert search.best_score_ >= least - 1e-3


def test_names_of_what_was_removed(feature_page, page):
    assert "features are removed:" in words(feature_page)
    assert "InformationPruner (step informationpruner)" in words(feature_page)
    assert "leaves before" in words(page)


@pytest.mark.parametrize(
    ("refit", "expected"),
    [
        (WithinTolerance(0.05, reference="whole"), "at most 0.05 below that of the whole model"),
        (WithinTolerance(0.05, confidence=0.8), "at a confidence of 80%"),
        (WithinBudget(5), "Of the models with at most 5 units on average"),
        (
            WithinBudget(bytes=5000, units=9),
            "at most 9 units and 5,000 bytes on average over the folds",
        ),
        (WithinBudget(latency=9), "models with a latency of at most 9 s after the refit"),
        ("one_standard_error", "(fewest units) was chosen"),
        (NonInferior(0.9), "not worse than the whole model by more than 0.9"),
        (True, "The model with the best mean cross-validated accuracy"),
        (lambda results: len(results["params"]) - 1, "The model was chosen by &lt;lambda&gt;"),
    ],
)
def test_rules_in_words(refit, expected):
    found = PruningSearchCV(TreePruner(TREE), cv=2, refit=refit, max_levels=5).fit(X, y)
    text = words(report(found))
    assert expected in text
    assert "No test data were given" in text


def test_page_of_a_search_with_several_metrics():
    metrics = ["accuracy", "roc_auc"]
    found = PruningSearchCV(TREE, scoring=metrics, refit="accuracy", cv=2).fit(X, y)
    assert "best mean cross-validated accuracy" in words(report(found, X_test, y_test, **ONCE))


def test_page_of_several_families_compares_them_in_bytes():
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    found = make_search(TREE, scaled, cv=2).fit(X, y)
    page = report(found, X_test, y_test, **ONCE)
    text = words(page)
    assert "<svg" in str(page)
    assert "of each family of models" in text
    assert "(fewest bytes) was chosen" in text


FITTED = DecisionTreeRegressor(random_state=0).fit(X.to_numpy(), X["d"])
INSTANCES = [
    TreePruner(GradientBoostingRegressor(n_estimators=4, random_state=0), keep=10),
    TreePruner(
        FrozenEstimator(DecisionTreeRegressor(random_state=0).fit(X.to_numpy(), X["d"])), keep=4
    ),
    EnsemblePruner(RandomForestClassifier(6, random_state=0), keep=3),
    LinearPruner(LogisticRegression(tol=1e-3), unit="feature", keep=2),
    MLPPruner(MLPClassifier(4, solver="lbfgs", tol=0.01, random_state=0, max_iter=999), keep=0.5),
    SVMPruner(SVC(), keep=5),
    SamplePruner(TREE, criterion="random", random_state=0, keep=0.5),
    Quantizer(TREE),
    Distiller(RandomForestClassifier(30, random_state=0), TREE, cv=2, random_state=0),
]


@pytest.mark.parametrize("pruner", INSTANCES, ids=lambda pruner: type(pruner).__name__)
def test_every_pruner_has_a_page(pruner):
    target = X["d"] if "Regressor" in repr(pruner) else y
    model = make_pipeline(StandardScaler(), pruner).fit(X, target)
    test = X_test["d"] if "Regressor" in repr(pruner) else y_test
    text = words(report(model, X_test, test, train=(X, target), **ONCE))
    for part in ("What was asked", "On test data", "What was removed", "Caveats", "Settings"):
        assert part in text
    assert "whole chosen" in text


@pytest.mark.parametrize("trains", [True, False])
def test_baselines_that_are_missing_are_named(trains):
    train = (X, y) if trains else None
    model = make_pipeline(StandardScaler(), SVMPruner(SVC(), keep=9)).fit(X, y)
    text = words(report(model, X_test, y_test, train=train, **ONCE))
    if trains:
        assert "No model “from scratch” is known for this estimator." in text
        assert "chosen pruned at random" in text
    else:
        assert "No model “pruned at random” was compared, as report was given no train." in text


def test_random_baseline_is_as_large_as_the_chosen_model():
    pruner = TreePruner(RandomForestClassifier(4, random_state=0), keep=20).fit(X, y)
    text = words(report(pruner, X_test, y_test, train=(X, y), **ONCE))
    units = re.search(r" units (\d+) (\d+) (\d+) (\d+) ", text)
    whole, chosen, random, scratch = map(int, units.groups())
    assert whole > chosen
    assert abs(random - chosen) <= 2
    assert abs(scratch - chosen) <= 4


def test_pages_without_models_and_of_selectors():
    text = words(report(CorrelationPruner().fit(X)))
    assert "features are kept." in text
    assert "On test data" not in text
    model = make_pipeline(SelectKBest(k=2), LogisticRegression(max_iter=999)).fit(X, y)
    assert "2 of 6 features are kept." in words(report(model, X_test, y_test, **ONCE))
    grid = GridSearchCV(TreePruner(TREE), {"keep": [2, 1.0]}, cv=2).fit(X, y)
    assert "2 models were scored" in words(report(grid, X_test, y_test, **ONCE))


def test_pruner_in_another_estimator():
    inner = make_pipeline(InformationPruner(keep=2), Ridge())
    model = TransformedTargetRegressor(inner).fit(X, X["d"])
    assert "2 of 6 features are kept." in words(report(model, X_test, X_test["d"], **ONCE))


def test_long_tables_and_names_are_cut():
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(
        rng.normal(size=(20, 700)), columns=[f"{'long' * 50}{i}" for i in range(700)]
    )
    wide["copy"] = wide.iloc[:, 0]
    html = str(report(CorrelationPruner().fit(wide)))
    assert len(html.encode()) < 500_000
    assert "more rows" in html
    assert "long" * 30 not in html


def test_page_without_matplotlib(search, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    text = words(report(search))
    assert "The plot is missing" in text
    assert "skprune[plot]" in text


def test_forms_of_the_page(page):
    assert re.fullmatch(r"<PruningReport: 'Random.*', \d+ kB; save\(path\) writes it>", repr(page))
    shown = page._repr_html_()
    assert shown.startswith("<iframe srcdoc=")
    assert "<script" not in shown
    assert report(TreePruner(TREE, keep=2).fit(X, y), title="A & B").title == "A & B"


def test_what_cannot_be_reported_is_refused(search):
    for bad, message in [
        (lambda: report(search, X_test), "not given together"),
        (lambda: report(search, train=X), "Allowed is a pair"),
        (lambda: report(TREE.fit(X, y)), "holds no pruner"),
        (
            lambda: report(PruningSearchCV(TreePruner(TREE), refit=False, cv=2).fit(X, y)),
            "has chosen nothing",
        ),
    ]:
        with pytest.raises(InputError, match=message):
            bad()
    with pytest.raises(NotFittedError):
        report(TreePruner(TREE))


@pytest.mark.skipif(browsers.PROGRAM is None, reason="there is no Chromium")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_pages_in_a_browser(page, feature_page, tmp_path):
    with browsers.Browser() as browser:
        for name, each in {"forest": page, "features": feature_page}.items():
            path = each.save(tmp_path / f"{name}.html")
            backgrounds = set()
            for width, dark in ((1400, False), (500, False), (500, True)):
                found = browser.open(path, width, dark=dark)
                assert found["console"] == []
                assert found["dialogs"] == []
                assert found["requests"] == []
                assert found["overflow"] <= 0
                for wide, high, n_shapes in found["pictures"]:
                    assert wide > 300
                    assert high > 150
                    assert n_shapes > 50
                assert found["pictures"]
                assert name == "forest" or EVIL in found["text"]
                backgrounds.add(found["background"])
            assert len(backgrounds) == 2


@pytest.mark.skipif(browsers.PROGRAM is None, reason="there is no Chromium")
def test_browser_sees_what_is_wrong(tmp_path):
    path = tmp_path / "bad.html"
    path.write_text("<div style='width: 900px'>x</div><script>console.error('no')</script>")
    with browsers.Browser() as browser:
        found = browser.open(path, 500)
    assert found["overflow"] > 300
    assert found["console"]
    assert found["pictures"] == []
