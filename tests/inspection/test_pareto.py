import pickle

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skprune import ParetoDisplay, PruningSearchCV, TreePruner
from skprune.exceptions import InputError
from skprune.model_selection._cv_results import CVResults


@pytest.fixture(autouse=True)
def plt():
    with mpl.rc_context({"backend": "agg"}):
        import matplotlib.pyplot as plt

        yield plt
        plt.close("all")


class Families:
    """A search over several families, as far as a display looks at it."""

    def __init__(self):
        score = np.array([0.90, 0.92, 0.95, 0.90, 0.93, np.nan])
        names = ["Ridge/LinearPruner"] * 3 + ["Forest $x$/TreePruner"] * 3
        self.cv_results_ = {
            "params": [{"keep": keep} for keep in (1, 2, 1.0, 3, 1.0, 5)],
            "mean_test_score": score,
            "std_test_score": score * 0.01,
            "split0_test_score": score,
            "split1_test_score": score,
            "mean_bytes": np.array([10.0, 20.0, 300.0, 30.0, 200.0, 40.0]),
            "family": np.array(names),
        }
        self.best_index_ = 1


def labels(display):
    display.figure_.canvas.draw()
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def front(size, score):
    results = CVResults({"mean_test_score": score, "mean_bytes": size})
    return results.front("score", "bytes")


def brute_front(size, score):
    pairs = [(s, c) for s, c in zip(size, score, strict=True)]
    kept = []
    for i, (s, c) in enumerate(pairs):
        beaten = any(
            (a <= s and b > c) or (a < s and b >= c) or ((a, b) == (s, c) and j < i)
            for j, (a, b) in enumerate(pairs)
        )
        kept.append(not beaten and not np.isnan(s) and not np.isnan(c))
    return kept


@pytest.mark.parametrize("seed", range(20))
def test_front_is_what_no_other_model_beats(seed):
    rng = np.random.default_rng(seed)
    size, score = (rng.integers(0, 6, 12).astype(float) for _ in range(2))
    size[rng.integers(12)] = np.nan
    score[rng.integers(12)] = np.nan
    assert sorted(front(size, score)) == np.flatnonzero(brute_front(size, score)).tolist()
    assert front(size[:0], score[:0]).tolist() == []


def test_families_have_a_colour_each_and_one_front():
    display = ParetoDisplay.from_search(Families())
    frame = display.frame()
    columns = ["family", "line", "bytes", "score", "standard_error", "chosen", "whole", "front"]
    assert list(frame) == columns
    assert frame["front"].tolist() == [True, True, True, False, True, False]
    assert frame["whole"].tolist() == [False, False, True, False, True, False]
    assert labels(display) == [
        "front",
        r"Forest \$x\$/TreePruner",
        "Ridge/LinearPruner",
        "whole models",
        "chosen: 0.920 at 20 B",
    ]
    first, second = display.ax_.lines[1:3]
    assert first.get_color() != second.get_color()
    assert first.get_marker() != second.get_marker()
    assert display.ax_.lines[0].get_xydata().tolist() == [
        [10, 0.90],
        [20, 0.92],
        [200, 0.93],
        [300, 0.95],
    ]


def test_search_without_families_is_one_family():
    X, y = load_breast_cancer(return_X_y=True)
    tree = TreePruner(DecisionTreeClassifier(max_depth=3, random_state=0))
    search = PruningSearchCV(make_pipeline(StandardScaler(), tree), cv=2).fit(X, y)
    del search.cv_results_["mean_parameters"]
    search.cv_results_.pop("family", None)
    display = ParetoDisplay.from_search(search, size="units", color="k")
    frame = display.frame()
    assert set(frame["family"]) == {"DecisionTreeClassifier/TreePruner"}
    assert frame["chosen"].sum() == 1
    assert frame["front"].any()
    assert display.ax_.get_ylabel() == "Cross-validated accuracy"
    assert ParetoDisplay(frame, metric="score", size="units").plot(ax=display.ax_).ax_


def test_swapped_models_are_families():
    search = Families()
    del search.cv_results_["family"]
    tree = DecisionTreeClassifier()
    search.cv_results_["params"] = [{"m": tree}, {"m": TreePruner(tree)}, *[{"keep": 1}] * 4]
    found = ParetoDisplay.from_search(search).frame()["family"].tolist()
    assert found == ["DecisionTreeClassifier", "DecisionTreeClassifier/TreePruner", *["models"] * 4]


def test_models_without_a_size_are_refused():
    search = Families()
    search.cv_results_["mean_bytes"] = np.full(6, np.nan)
    with pytest.raises(InputError, match="No model has both"):
        ParetoDisplay.from_search(search)
    with pytest.raises(InputError, match="size='units'"):
        ParetoDisplay.from_search(search, size="units")


def test_each_combination_of_several_families_has_a_whole_model():
    search = Families()
    search.cv_results_["combination"] = np.array([0, 0, 0, 1, 1, 1])
    del search.cv_results_["params"]
    search.cv_results_["params"] = [{"model": i // 3, "model__level": i} for i in range(6)]
    frame = ParetoDisplay.from_search(search).frame()
    assert frame["whole"].tolist() == [False, False, True, False, True, False]


def test_a_display_survives_a_pickle():
    display = ParetoDisplay.from_search(Families())
    again = pickle.loads(pickle.dumps(display))
    pd.testing.assert_frame_equal(again.frame(), display.frame())
