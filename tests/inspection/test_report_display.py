import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skprune import (
    Distiller,
    EnsemblePruner,
    InformationPruner,
    LinearPruner,
    MLPPruner,
    Quantizer,
    ReportDisplay,
    SamplePruner,
    TreePruner,
)
from skprune.exceptions import InputError
from skprune.inspection._report_display import parts_of

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
X = X.iloc[:150].rename(columns={"mean radius": "$x <script> $", "mean area": "n" * 90})
y = y.iloc[:150]
NETWORK = MLPClassifier(4, solver="lbfgs", tol=0.01, random_state=0, max_iter=999)


@pytest.fixture(autouse=True)
def plt():
    with mpl.rc_context({"backend": "agg"}):
        import matplotlib.pyplot as plt

        yield plt
        plt.close("all")


def draw(pruner):
    display = ReportDisplay.from_estimator(make_pipeline(StandardScaler(), pruner).fit(X, y))
    display.figure_.canvas.draw()
    return display, [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_one_large_importance_does_not_hide_the_others():
    report = pd.DataFrame({"feature": list("abcd"), "kept": [True, True, False, False]})
    for score, scale in ([100.0, 3.0, 2.0, 1.0], "symlog"), ([9.0, 3.0, 2.0, 0.0], "linear"):
        display = ReportDisplay(**parts_of(report.assign(score=score))).plot()
        assert display.ax_.get_xscale() == scale


def test_features_are_drawn_by_importance_with_the_cut():
    display, labels = draw(InformationPruner(keep=4))
    frame = display.frame()
    assert list(frame) == ["name", "value", "kept"]
    assert frame["name"].tolist() == X.columns[frame.index].tolist()
    assert frame["value"].is_monotonic_decreasing
    assert frame["kept"].tolist() == [True] * 4 + [False] * 26
    assert sorted(labels) == ["cut", "kept (4)", "removed (26)"]
    ticks = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert "$x <script> $" in ticks
    assert "n" * 31 + "…" in ticks
    kept = display.ax_.containers[0]
    assert [bar.get_width() for bar in kept] == frame["value"][:4].tolist()


@pytest.mark.parametrize(
    ("pruner", "kind", "amount", "column"),
    [
        (TreePruner(RandomForestClassifier(5, random_state=0)), "tree", "leaves", "leaves"),
        (TreePruner(RandomForestClassifier(40, random_state=0)), "tree", "leaves", "leaves"),
        (MLPPruner(NETWORK), "layer", "weights", "weights"),
        (SamplePruner(DecisionTreeClassifier(), criterion="random"), "class", "samples", "samples"),
        (Quantizer(LogisticRegression(), bits=4), "array", "bytes", "bytes"),
    ],
)
def test_amounts_before_and_after(pruner, kind, amount, column):
    display, labels = draw(pruner)
    assert (display.kind, display.amount) == (kind, amount)
    assert labels == ["before", "after"]
    frame, before = display.frame(), display.ax_.containers[0]
    report = pruner.report_.loc[frame.index]
    assert frame["after"].tolist() == report[column].tolist()
    assert frame["before"].tolist() == report[f"{column}_before"].tolist()
    drawn = [max(bar.get_height(), bar.get_width()) for bar in before]
    assert np.allclose(drawn, np.maximum(frame["before"], 0.85 if len(frame) <= 30 else 1.0))
    if kind == "tree":
        assert frame["before"].is_monotonic_decreasing


@pytest.mark.parametrize(
    ("pruner", "kind"),
    [
        (EnsemblePruner(RandomForestClassifier(6, random_state=0), keep=2), "member"),
        (LinearPruner(LogisticRegression(tol=1e-3), unit="feature", keep=3), "feature"),
    ],
)
def test_units_of_models(pruner, kind):
    display, labels = draw(pruner)
    frame = display.frame()
    assert display.kind == kind
    assert frame["kept"].sum() == pruner.report_["kept"].sum()
    assert f"kept ({frame['kept'].sum()})" in labels


def test_without_importance_there_is_no_picture():
    with pytest.raises(InputError, match="cannot be drawn"):
        draw(Distiller(RandomForestClassifier(30), DecisionTreeClassifier(max_depth=2), cv=2))


def test_scores_that_are_unknown_or_infinite():
    model = SelectFromModel(LogisticRegression(max_iter=2000), max_features=2, threshold=-np.inf)
    display, labels = draw(model)
    assert (display.frame()["value"] == 1).all()
    assert "kept (2)" in labels
    report = pd.DataFrame({"feature": list("abcd"), "kept": [True, True, False, False]})
    report["score"] = [np.inf, 3.0, 1.0, np.nan]
    parts = parts_of(report)["parts"]
    assert parts["value"].tolist() == [3.0, 3.0, 1.0, 1.0]
