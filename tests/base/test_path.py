"""Paths: every level found by every name, nested, and scored as real cuts are."""

import pickle
import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import get_scorer, make_scorer, roc_auc_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from skprune import model_size
from skprune.criteria.weakest_link import random_scores, training_risk, weakest_link
from skprune.exceptions import LevelError, PruningWarning
from skprune.surgery import surgeon_for
from skprune.tree._path import TreePath

SMALL = {"n_estimators": 4, "random_state": 0, "n_jobs": 1}
LEAN = {"max_depth": 5, "random_state": 0}
CASES = {
    "tree": (DecisionTreeClassifier(random_state=0), load_breast_cancer),
    "tree of numbers": (DecisionTreeRegressor(**LEAN), load_diabetes),
    "extra tree": (ExtraTreeClassifier(**LEAN), load_wine),
    "forest": (RandomForestClassifier(max_depth=4, **SMALL), load_wine),
    "forest of numbers": (RandomForestRegressor(max_depth=4, **SMALL), load_diabetes),
    "extra trees": (ExtraTreesClassifier(max_depth=4, **SMALL), load_wine),
    "extra trees of numbers": (ExtraTreesRegressor(max_depth=4, **SMALL), load_diabetes),
    "bagging": (
        BaggingClassifier(DecisionTreeClassifier(), max_features=0.5, **SMALL),
        load_wine,
    ),
    "bagging of numbers": (BaggingRegressor(DecisionTreeRegressor(**LEAN), **SMALL), load_diabetes),
}
each_case = pytest.mark.parametrize("case", CASES)


def path_of(model, scores=None, **kwargs):
    surgeon = surgeon_for(model)
    if scores is None:
        scores = weakest_link(surgeon.table, training_risk(surgeon.table))
    return TreePath(surgeon, scores, **kwargs)


def fitted(case):
    """Return a path, rows that it was not grown on, and their targets."""
    model, load = CASES[case]
    X, y = load(return_X_y=True)
    return path_of(clone(model).fit(X[::2], y[::2])), X[1::2], y[1::2]


def some_levels(path, n=12):
    return np.unique(np.linspace(0, len(path) - 1, n).astype(int))


def answers(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


# Levels.


@each_case
def test_levels_count_what_each_cut_holds(case):
    path, _, _ = fitted(case)
    levels = path.levels
    names = ["keep", "threshold", "leaves", "nodes", "parameters", "bytes"]
    assert levels.columns.tolist() == names
    for index in some_levels(path):
        model = path.cut(index=index)
        size, row = model_size(model), levels.iloc[index]
        assert (size.units, size.parameters, size.bytes) == (
            row.leaves,
            row.parameters,
            row.bytes,
        )
        assert row.nodes == sum(t.tree_.node_count for t in getattr(model, "estimators_", [model]))
        assert row.keep == row.leaves / levels.leaves[0]
    assert_array_equal(path.units, levels.leaves)
    assert_array_equal(path.sizes, levels[["leaves", "parameters", "bytes"]])


@each_case
def test_levels_fall_from_the_whole_model_to_the_roots(case):
    path, _, _ = fitted(case)
    assert (np.diff(path.units) < 0).all()
    assert (np.diff(path.levels.threshold) > 0).all()
    assert path.units[0] == model_size(path.model).units
    assert path.units[-1] == len(getattr(path.model, "estimators_", [1]))
    assert path.levels.threshold[0] == -np.inf
    assert len(path) == len(np.unique(path.units))
    assert repr(path) == (
        f"<TreePath: {len(path)} levels, {path.units[0]} to {path.units[-1]} leaves>"
    )


@each_case
def test_smaller_levels_keep_some_of_what_larger_ones_keep(case):
    path, _, _ = fitted(case)
    masks = [path.mask(index) for index in range(len(path))]
    assert masks[0].all()
    assert not masks[-1].any()
    for larger, smaller in pairwise(masks):
        assert (smaller <= larger).all()
        assert smaller.sum() < larger.sum()
    table = surgeon_for(path.model).table
    n_kept = [mask.sum() + table.n_trees for mask in masks]
    assert_array_equal(n_kept, path.units)


@each_case
def test_counts_by_tree_are_those_of_the_cut_members(case):
    path, _, _ = fitted(case)
    for index in some_levels(path):
        model = path.cut(index=index)
        leaves, depth = path.count_by_tree(index)
        members = getattr(model, "estimators_", [model])
        assert_array_equal(leaves, [member.get_n_leaves() for member in members])
        assert_array_equal(depth, [member.get_depth() for member in members])


@each_case
def test_the_stated_threshold_of_a_level_finds_the_level(case):
    path, _, _ = fitted(case)
    for index, threshold in enumerate(path.levels.threshold):
        assert path.locate(threshold=threshold) == index


def test_splits_stay_that_score_above_the_threshold():
    path, _, _ = fitted("forest")
    for threshold in [-1.0, 0.0, 1e-4, *np.quantile(path.scores, [0.1, 0.5, 0.9]), 1.0]:
        index = path.locate(threshold=threshold)
        above = path.scores > threshold + 1e-9 * abs(threshold)
        assert_array_equal(path.mask(index), above)


def test_a_score_itself_cuts_its_split_even_if_it_comes_with_another_rounding():
    path, _, _ = fitted("tree of numbers")
    for score in np.unique(path.scores)[::5]:
        for threshold in (score, score * (1 - 1e-15), score * (1 + 1e-15)):
            kept = path.mask(path.locate(threshold=threshold))
            assert not kept[np.isclose(path.scores, score, rtol=1e-12, atol=0)].any()


@pytest.mark.parametrize("whole", [-np.inf, 0.0])
def test_infinities_name_the_ends(whole):
    path = path_of(fitted("forest")[0].model, whole=whole)
    assert path.locate(threshold=-np.inf) == 0
    assert path.locate(threshold=np.inf) == len(path) - 1
    assert path.levels.threshold[0] == whole


@each_case
def test_every_count_finds_the_largest_level_that_is_no_larger(case):
    path, _, _ = fitted(case)
    units = path.units
    for keep in range(units[-1], units[0] + 1):
        index = path.locate(keep=keep)
        assert units[index] <= keep
        assert index == 0 or units[index - 1] > keep
    counts = [len(path.mask(path.locate(keep=int(k)))) for k in units[:3]]
    assert set(counts) == {len(path.scores)}


@each_case
def test_every_fraction_finds_its_level(case):
    path, _, _ = fitted(case)
    units = path.units
    for index, keep in enumerate(path.levels.keep):
        assert path.locate(keep=keep) == index
        assert path.locate(keep=np.float64(keep)) == index
    for keep in (0.9, 0.5, 0.1, 1e-9):
        count = max(1, int(np.floor(keep * units[0] + 1e-9)))
        expected = max([n for n in units if n <= count], default=units[-1])
        assert units[path.locate(keep=keep)] == expected


@each_case
def test_cuts_hold_at_most_the_leaves_asked_for(case):
    path, X, _ = fitted(case)
    for keep in np.unique(np.geomspace(path.units[-1], path.units[0], 8).astype(int)):
        model = path.cut(keep=int(keep))
        assert model_size(model).units == path.units[path.locate(keep=int(keep))] <= keep
        assert type(model) is type(path.model)
        same = path.cut(index=path.locate(keep=int(keep)))
        assert answers(model, X).tobytes() == answers(same, X).tobytes()


def test_a_cut_shares_nothing_with_the_path():
    path, X, _ = fitted("forest")
    first = answers(path.cut(keep=0.5), X)
    path.cut(keep=0.5).estimators_[0].tree_.value[...] = 0
    path.cut(keep=1.0).estimators_[0].tree_.value[...] = 0
    assert_array_equal(answers(path.cut(keep=0.5), X), first)


@pytest.mark.parametrize("as_type", [int, np.int64, np.intp])
def test_rows_count_from_both_ends(as_type):
    path, _, _ = fitted("tree")
    for index in range(len(path)):
        assert path.locate(index=as_type(index)) == index
        assert path.locate(index=as_type(index - len(path))) == index


def test_a_count_below_the_smallest_level_names_that_level():
    path, _, _ = fitted("forest")
    whole = path.units[0]
    message = (
        rf"keep=3 cannot be met: the smallest level of this path keeps 4 of {whole} leaves. "
        r"Give at least keep=4, or a fraction"
    )
    for keep in (3, np.int64(3)):
        with pytest.raises(LevelError, match=message):
            path.cut(keep=keep)
    assert path.locate(keep=1e-6) == len(path) - 1


def test_a_count_above_the_whole_model_cuts_nothing_and_warns():
    path, _, _ = fitted("forest")
    more = int(path.units[0]) + 1
    with pytest.warns(PruningWarning, match=f"keep={more} is more than the {more - 1} leaves"):
        model = path.cut(keep=more)
    assert model_size(model).units == more - 1


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ({}, "keep=None, threshold=None and index=None were given, but exactly one"),
        ({"keep": 3, "threshold": 0.1}, "keep=3, threshold=0.1 and index=None"),
        ({"threshold": 0.0, "index": 0}, "exactly one of them selects a level"),
        ({"keep": 0}, "keep=0 is not a level"),
        ({"keep": True}, "keep=True is not a level"),
        ({"keep": 1.5}, "keep=1.5 is not a level"),
        ({"keep": np.nan}, "keep=nan is not a level"),
        ({"threshold": np.nan}, "threshold=nan is not a level"),
        ({"threshold": "0"}, "threshold='0' is not a level"),
        ({"index": 1.0}, "index=1.0 is not a row of the path. Give an int"),
        ({"index": False}, "index=False is not a row"),
        ({"index": np.True_}, r"index=np.True_ is not a row"),
        ({"index": "0"}, "index='0' is not a row"),
    ],
    ids=str,
)
def test_what_names_no_level_is_refused(level, message):
    path, _, _ = fitted("tree")
    for call in (path.locate, path.cut):
        with pytest.raises(LevelError, match=message):
            call(**level)


@pytest.mark.parametrize("beyond", [0, 1, 50])
def test_rows_outside_the_path_are_refused_with_its_ends(beyond):
    path, X, y = fitted("tree")
    n = len(path)
    for index in (n + beyond, -n - 1 - beyond):
        message = f"index={index} is outside the path, which has {n} levels. .* {-n} to {n - 1}"
        with pytest.raises(LevelError, match=message):
            path.cut(index=index)
        with pytest.raises(LevelError, match=message):
            path.score(X, y, index=[0, index])
        with pytest.raises(LevelError, match=message):
            list(path.predictions(X, index=[index]))


def test_scores_of_any_origin_make_a_path():
    model = fitted("forest")[0].model
    table = surgeon_for(model).table
    path = path_of(model, random_scores(table, np.random.RandomState(0)), common_scale=False)
    assert len(path) == len(np.unique(path.units))
    assert path.units[-1] == 4
    assert not path.common_scale
    assert (np.diff(path.units) < 0).all()


def tied_scores(table):
    risk = np.random.default_rng(0).integers(-2, 3, table.n_nodes).astype(float)
    return weakest_link(table, risk)


def test_negative_scores_go_before_zero_and_zeros_go_at_zero():
    model = fitted("forest")[0].model
    path = path_of(model, tied_scores(surgeon_for(model).table))
    assert path.scores.min() < 0 < path.scores.max()
    assert (path.scores == 0).any()
    assert path.locate(threshold=-np.inf) == 0
    for threshold in (0, 0.0, -0.0):
        assert_array_equal(path.mask(path.locate(threshold=threshold)), path.scores > 0)


def test_scores_that_differ_by_rounding_go_together():
    model = fitted("forest")[0].model
    table = surgeon_for(model).table
    scores = tied_scores(table)
    noise = np.random.default_rng(0).uniform(-1e-14, 1e-14, table.n_nodes)
    clean, noisy = path_of(model, scores), path_of(model, scores * (1 + noise))
    assert len(np.unique(noisy.scores)) > len(noisy) == len(clean)
    for index in range(len(clean)):
        assert_array_equal(noisy.mask(index), clean.mask(index))


def test_a_model_without_splits_has_one_level():
    X, y = load_iris(return_X_y=True)
    path = path_of(DecisionTreeClassifier().fit(X, np.zeros(len(y))))
    assert len(path) == 1
    assert path.units.tolist() == [1]
    for level in ({"keep": 1}, {"keep": 0.1}, {"threshold": 3.0}, {"index": -1}):
        assert path.locate(**level) == 0
        assert path.cut(**level).get_n_leaves() == 1
    assert_array_equal(path.score(X, np.zeros(len(y))), [1.0])


@each_case
def test_a_path_survives_a_pickle(case):
    path, X, y = fitted(case)
    again = pickle.loads(pickle.dumps(path))
    pd.testing.assert_frame_equal(again.levels, path.levels)
    assert_array_equal(again.score(X, y), path.score(X, y))
    assert answers(again.cut(keep=0.5), X).tobytes() == answers(path.cut(keep=0.5), X).tobytes()
    assert_array_equal(again.sizes, path.sizes)


# Answers and scores of all levels.


@each_case
def test_predictions_are_those_of_the_cut_models_to_the_last_bit(case):
    path, X, _ = fitted(case)
    methods = ["predict", "predict_proba"] if hasattr(path.model, "classes_") else ["predict"]
    for method in methods:
        n_levels = 0
        for index, found in enumerate(path.predictions(X, method=method)):
            expected = getattr(path.cut(index=index), method)(X)
            assert found.dtype == expected.dtype
            assert found.tobytes() == expected.tobytes()
            n_levels += 1
        assert n_levels == len(path)


@each_case
def test_some_levels_are_predicted_like_all(case):
    path, X, _ = fitted(case)
    everything = list(path.predictions(X))
    rows = some_levels(path, 4)
    for asked in (rows, rows.tolist(), rows - len(path), np.repeat(rows, 2)):
        some = list(path.predictions(X, index=asked))
        assert_array_equal(some, [everything[index] for index in asked])


def test_levels_that_go_back_are_refused_by_a_walk_that_only_goes_on():
    path, X, _ = fitted("forest")
    with pytest.raises(LevelError, match=r"index=\[3, 0\] is not ascending\. Give rows"):
        next(path.predictions(X, index=[3, 0]))


def test_predictions_of_a_level_stay_what_they_were():
    path, X, _ = fitted("forest of numbers")
    walk = path.predictions(X)
    first = next(walk)
    copy = first.copy()
    list(walk)
    assert_array_equal(first, copy)


def scored_by_cutting(path, X, y, *scorings, weight=None):
    """Score each cut model: a row of scores for each scoring, or the one row."""
    scorers = [get_scorer(s) if isinstance(s, str) else s for s in scorings]
    weights = {} if weight is None else {"sample_weight": weight}
    models = (path.cut(index=index) for index in range(len(path)))
    scores = np.array([[s(model, X, y, **weights) for s in scorers] for model in models]).T
    return scores if len(scorings) > 1 else scores[0]


def own_scorer(model, X, y):
    """Ask the model for more than predictions."""
    leaves = [member.get_n_leaves() for member in getattr(model, "estimators_", [model])]
    return model.score(X, y) - sum(leaves)


CLASS_SCORES = ["accuracy", "roc_auc_ovr", "neg_log_loss", "matthews_corrcoef", "f1_macro"]
NUMBER_SCORES = ["r2", "neg_max_error", "neg_mean_squared_error", "neg_median_absolute_error"]


@pytest.mark.untraced
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("case", [case for case in CASES if "tree" not in case or "trees" in case])
def test_scores_of_ensembles_are_those_of_the_cut_models_to_the_last_bit(case, weighted):
    path, X, y = fitted(case)
    weight = np.random.default_rng(0).integers(1, 4, len(y)) if weighted else None
    names = CLASS_SCORES if hasattr(path.model, "classes_") else NUMBER_SCORES
    names = [name for name in names if not (weighted and name == "neg_max_error")]
    scores = path.score(X, y, scoring={name: name for name in names}, sample_weight=weight)
    assert list(scores) == names
    expected = scored_by_cutting(path, X, y, *names, weight=weight)
    assert_array_equal(np.stack(list(scores.values())), expected)


@pytest.mark.parametrize("case", ["tree", "tree of numbers", "forest", "bagging of numbers"])
def test_no_scoring_is_the_score_of_the_model_itself(case):
    path, X, y = fitted(case)
    expected = [path.cut(index=index).score(X, y) for index in range(len(path))]
    exact = hasattr(path.model, "classes_") or "tree" not in case
    np.testing.assert_allclose(path.score(X, y), expected, rtol=0 if exact else 1e-10)


class OwnScore(DecisionTreeClassifier):
    """A tree that scores itself in its own way."""

    def score(self, X, y, sample_weight=None):
        return super().score(X, y, sample_weight) - self.get_n_leaves()


def test_a_model_with_a_score_of_its_own_is_asked_for_it():
    X, y = load_wine(return_X_y=True)
    path = path_of(OwnScore(random_state=0).fit(X, y))
    expected = [path.cut(index=index).score(X, y) for index in range(len(path))]
    assert_array_equal(path.score(X, y), expected)
    assert path.resolve_scoring(None) is None


@pytest.mark.parametrize("case", ["tree", "forest", "bagging of numbers"])
def test_a_scorer_that_looks_at_the_model_sees_the_cut_model(case):
    path, X, y = fitted(case)
    expected = scored_by_cutting(path, X, y, own_scorer)
    assert_array_equal(path.score(X, y, scoring=own_scorer), expected)
    both = path.score(X, y, scoring={"own": own_scorer, "none": None})
    assert_array_equal(both["own"], expected)


def test_a_scorer_made_by_hand_is_taken():
    path, X, y = fitted("tree")
    scorer = make_scorer(roc_auc_score, response_method="predict_proba")
    assert_array_equal(path.score(X, y, scoring=scorer), scored_by_cutting(path, X, y, scorer))


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc", own_scorer])
def test_scores_come_in_the_order_of_the_rows_asked_for(scoring):
    path, X, y = fitted("tree")
    everything = path.score(X, y, scoring=scoring)
    for rows in ([3, 0, 0], [-1], [-1, 1], np.array([2]), []):
        some = path.score(X, y, scoring=scoring, index=rows)
        assert_array_equal(some, everything[np.array(rows, dtype=int)])


@pytest.mark.parametrize("case", ["tree", "forest"])
def test_labels_may_be_words(case):
    model, load = CASES[case]
    X, y = load(return_X_y=True)
    words = np.array(["no", "yes", "perhaps"])[y]
    path = path_of(clone(model).fit(X[::2], words[::2]))
    X, words = X[1::2], words[1::2]
    for scoring in ("accuracy", "balanced_accuracy", "f1_macro", "neg_log_loss"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found = path.score(X, words, scoring=scoring)
            expected = scored_by_cutting(path, X, words, scoring)
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    for found, model in zip(
        path.predictions(X), (path.cut(index=i) for i in range(len(path))), strict=True
    ):
        assert_array_equal(found, model.predict(X))


@pytest.mark.parametrize("case", ["tree", "forest", "bagging"])
def test_frames_are_taken_where_the_model_takes_them(case):
    model, load = CASES[case]
    frame, y = load(return_X_y=True, as_frame=True)
    path = path_of(clone(model).fit(frame, y))
    plain = path_of(clone(model).fit(frame.to_numpy(), y.to_numpy()))
    for scoring in ("accuracy", "roc_auc_ovr"):
        scores = path.score(frame, y, scoring=scoring, sample_weight=pd.Series(np.ones(len(y))))
        assert_array_equal(scores, plain.score(frame.to_numpy(), y.to_numpy(), scoring=scoring))


@pytest.mark.parametrize(
    "model",
    [DecisionTreeClassifier, DecisionTreeRegressor, RandomForestClassifier, RandomForestRegressor],
)
def test_several_outputs_are_answered_by_cut_models(model):
    X, y = load_wine(return_X_y=True)
    targets = np.column_stack([y, X[:, 0] > 13])
    forest = {"n_estimators": 3} if "Forest" in model.__name__ else {}
    path = path_of(model(max_depth=4, random_state=0, **forest).fit(X, targets))
    assert path.free_scores("r2", X, targets) is None
    for index, found in enumerate(path.predictions(X)):
        assert_array_equal(found, path.cut(index=index).predict(X))
    if "Regressor" in model.__name__:
        expected = scored_by_cutting(path, X, targets, "r2")
        assert_array_equal(path.score(X, targets, scoring="r2"), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": slice(0, -1)}, "inconsistent numbers of samples"),
        ({"weight": np.ones(3)}, "inconsistent|shape|numbers of samples"),
    ],
    ids=["too few targets", "too few weights"],
)
@pytest.mark.parametrize("case", ["tree", "tree of numbers", "forest"])
def test_rows_that_do_not_match_get_the_error_of_the_scorer(case, change, message):
    path, X, y = fitted(case)
    y = y[change.get("y", slice(None))]
    with pytest.raises(ValueError, match=message):
        path.score(X, y, sample_weight=change.get("weight"))


def test_a_stand_in_answers_as_the_kind_of_model_it_stands_for():
    path, X, _ = fitted("tree of numbers")
    stand_in = next(path.snapshots(X))
    assert not hasattr(stand_in, "predict_proba")
    assert not hasattr(stand_in, "predict_log_proba")
    path, X, _ = fitted("forest")
    for index, stand_in in enumerate(path.snapshots(X)):
        with np.errstate(divide="ignore"):
            expected = path.cut(index=index).predict_log_proba(X)
            assert_array_equal(stand_in.predict_log_proba(X), expected)
        assert_array_equal(stand_in.classes_, path.model.classes_)
