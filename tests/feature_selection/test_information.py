"""InformationPruner: mRMR and its relatives on planted columns."""

import warnings
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.feature_selection import f_classif

from skprune import InformationPruner
from skprune.exceptions import InputError, LevelError, PruningWarning

RANKING = ["mrmr", "jmi", "cmim", "mi"]
EVERY = [
    InformationPruner(),
    InformationPruner(scheme="difference"),
    InformationPruner(relevance="f_statistic", scheme="difference"),
    InformationPruner(relevance="f_statistic"),
    InformationPruner(relevance="correlation", scheme="difference"),
    InformationPruner(relevance="correlation"),
    InformationPruner(criterion="jmi"),
    InformationPruner(criterion="cmim"),
    InformationPruner(criterion="mi"),
    InformationPruner(criterion="fcbf"),
]
over_every = pytest.mark.parametrize("pruner", EVERY, ids=lambda p: repr(p)[17:])
N_INFORMATIVE, N_COPIES, N_NOISE = 4, 4, 12
INFORMATIVE = np.arange(N_INFORMATIVE)
COPIES = N_INFORMATIVE + np.arange(N_COPIES)
NOISE = N_INFORMATIVE + N_COPIES + np.arange(N_NOISE)


def planted(seed=0, n_rows=1500):
    """Informative columns of falling strength, near copies of the best one, and noise."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, N_INFORMATIVE + N_COPIES + N_NOISE))
    X[:, COPIES] = X[:, [0]] + 0.1 * X[:, COPIES]
    quantity = X[:, INFORMATIVE] @ [2.0, 1.6, 1.4, 1.2] + 0.5 * rng.normal(size=n_rows)
    return X, (quantity > 0).astype(int), quantity


def ranks_of(pruner, X, y, **fit_params):
    pruner = clone(pruner)
    if not pruner._decides:
        pruner.set_params(keep=X.shape[1])
    return pruner.fit(X, y, **fit_params).ranking_


# What is found.


@over_every
@pytest.mark.parametrize("regression", [False, True])
def test_informative_columns_rank_above_noise(pruner, regression):
    X, classes, quantity = planted()
    y = quantity if regression else classes
    if pruner._decides:
        assert clone(pruner).fit(X, y).keep_mask_[INFORMATIVE[1:]].all()
        return
    ranks = ranks_of(pruner, X, y)
    assert min(ranks[0], ranks[COPIES].min()) == 1
    assert ranks[INFORMATIVE[1:]].max() < ranks[NOISE].min()


def test_copies_come_late_unless_each_column_is_alone():
    X, y, _ = planted()
    family = np.append(0, COPIES)
    for criterion in ("mrmr", "cmim"):
        ranks = ranks_of(InformationPruner(criterion=criterion), X, y)
        assert np.sort(ranks[family])[1] > N_INFORMATIVE
        assert ranks[INFORMATIVE[1:]].max() == N_INFORMATIVE
    # A mean over the chosen columns forgives a copy of one of them, when there are more.
    assert ranks_of(InformationPruner(criterion="jmi"), X, y)[1] == 2
    assert ranks_of(InformationPruner(criterion="mi"), X, y)[family].max() == len(family)
    kept = InformationPruner(criterion="fcbf").fit(X, y).keep_mask_
    assert kept[INFORMATIVE[1:]].all()
    assert kept[family].sum() == 1


def test_jmi_and_cmim_see_what_two_columns_say_together_only():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2, (600, 6)).astype(float)
    y = (X[:, 1] + 2 * X[:, 4] + X[:, 5] * 2 == 2).astype(int) ^ (X[:, 5] > 0)
    for criterion in ("jmi", "cmim"):
        assert set(np.argsort(ranks_of(InformationPruner(criterion=criterion), X, y))[:3]) == {
            1,
            4,
            5,
        }


def test_quotients_of_f_statistics_are_those_of_the_plain_loop():
    X, y, _ = planted()
    relevance, correlation = f_classif(X, y)[0], np.abs(np.corrcoef(X, rowvar=False))
    picked = [int(relevance.argmax())]
    while len(picked) < 10:
        redundancy = np.maximum(correlation[:, picked], 0.001).mean(axis=1)
        score = relevance / redundancy
        score[picked] = -1
        picked.append(int(score.argmax()))
    pruner = InformationPruner(relevance="f_statistic", scheme="quotient", keep=10).fit(X, y)
    assert np.argsort(pruner.ranking_)[:10].tolist() == picked
    first = picked[0]
    assert pruner.scores_[first] == pytest.approx(relevance[first] / 0.001)


@pytest.mark.parametrize("criterion", RANKING)
def test_bins_follow_increasing_maps(criterion):
    X, y, _ = planted(n_rows=300)
    pruner = InformationPruner(criterion=criterion, keep=8).fit(X, y)
    bent = clone(pruner).fit(np.exp(X), y)
    assert_array_equal(bent.scores_, pruner.scores_)
    assert_array_equal(bent.keep_mask_, pruner.keep_mask_)


@over_every
def test_constant_columns_never_win(pruner):
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(80), rng.normal(size=(80, 4)), np.full(80, np.nan)])
    y = rng.integers(0, 2, 80)
    found = clone(pruner).fit(X, y)
    assert np.isnan(found.scores_[[0, 5]]).all()
    assert not found.keep_mask_[[0, 5]].any()
    if not pruner._decides:
        assert sorted(found.path_.ranking[[0, 5]]) == [5, 6]


@over_every
def test_equal_columns_tie_and_the_first_one_wins(pruner):
    X, y, _ = planted(n_rows=200)
    X = np.column_stack([X[:, 8], X[:, 1], X[:, 1], X[:, 1]])
    found = clone(pruner).fit(X, y)
    if pruner._decides:
        assert found.keep_mask_[1:].tolist() == [True, False, False]
    else:
        assert (np.diff(found.path_.ranking[1:]) > 0).all()


# What is read.


@over_every
def test_weights_mean_repetition_with_holes_and_classes(pruner):
    X, y, quantity = planted(n_rows=250)
    rng = np.random.default_rng(1)
    X[rng.random(X.shape) < 0.1] = np.nan
    weight = rng.integers(0, 4, len(y))
    for target in (y, np.round(quantity, 1)):
        weighted = clone(pruner).fit(X, target, sample_weight=weight)
        repeated = clone(pruner).fit(X.repeat(weight, axis=0), target.repeat(weight))
        assert_allclose(weighted.scores_, repeated.scores_, rtol=1e-9, atol=1e-12)
        assert_array_equal(weighted.keep_mask_, repeated.keep_mask_)


@over_every
@pytest.mark.parametrize("without", ["fractions", "many values", "classes"])
def test_rows_without_weight_do_not_say_what_the_target_is(pruner, without):
    X, _, quantity = planted(n_rows=300)
    y = np.clip(np.round(quantity), -4, 4) + 4.0  # more classes than bins
    X[:40] *= 100.0
    y = {
        "fractions": np.append(np.full(40, 0.5), y[40:]),
        "many values": np.append(100 + np.arange(40), y[40:]),
        "classes": np.append(np.full(40, "other"), y[40:].astype(str)),
    }[without]
    weight = np.repeat([0.0, 1.0], [40, 260])
    found = clone(pruner).fit(X, y, sample_weight=weight)
    alone = clone(pruner).fit(X[40:], y[40:])
    assert_allclose(found.scores_, alone.scores_, rtol=1e-9)


def test_weights_that_are_no_repetitions_warn():
    X, y, _ = planted(n_rows=100)
    with pytest.warns(PruningWarning, match="adds up to 1 over 100 samples") as caught:
        InformationPruner().fit(X, y, sample_weight=np.full(100, 0.01))
    assert caught[0].filename == __file__
    InformationPruner().fit(X, y, sample_weight=np.repeat([0.0, 1.0], [95, 5]))


def test_a_missing_value_is_a_value_of_its_own():
    X, y, _ = planted(n_rows=400)
    X = X[:, NOISE].copy()
    X[y == 1, 3] = np.where(np.random.default_rng(0).random(y.sum()) < 0.5, np.nan, X[y == 1, 3])
    for criterion in RANKING:
        assert ranks_of(InformationPruner(criterion=criterion), X, y)[3] == 1


def test_categories_are_read_by_counts_and_refused_by_correlation():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    frame = pd.DataFrame({"noise": rng.normal(size=300), "text": np.array(["b", "c", "a"])[y]})
    frame["few"] = np.where(y == 1, np.array(["x", None])[rng.integers(0, 2, 300)], "z")
    pruner = InformationPruner(scheme="difference", keep=1).fit(frame, y)
    assert pruner.get_feature_names_out().tolist() == ["text"]
    assert pruner.scores_[1] == pytest.approx(
        -np.sum(np.bincount(y) / 300 * np.log(np.bincount(y) / 300))
    )
    for relevance in ("f_statistic", "correlation"):
        with pytest.raises(InputError, match=r"2 feature\(s\) hold something else: 'text', 'few'"):
            clone(pruner).set_params(relevance=relevance).fit(frame, y)


@pytest.mark.parametrize("criterion", [*RANKING, "fcbf"])
def test_sparse_tables_are_counted_as_dense_ones(criterion):
    X, y, _ = planted(n_rows=300)
    X = np.where(np.abs(X) < 1, 0.0, X)
    pruner = InformationPruner(criterion=criterion)
    assert_array_equal(
        clone(pruner).fit(sparse.csr_array(X), y).scores_, clone(pruner).fit(X, y).scores_
    )


def test_sparse_tables_are_not_correlated():
    X, y, _ = planted(n_rows=50)
    with pytest.raises(TypeError, match="dense"):
        InformationPruner(relevance="correlation").fit(sparse.csr_array(X), y)


def test_task_says_what_the_target_is():
    X, _, quantity = planted(n_rows=400)
    whole = np.round(quantity) + 0.0  # no negative zeros: as text they differ
    as_classes = InformationPruner(criterion="mi", task="classification").fit(X, whole)
    as_number = InformationPruner(criterion="mi", task="regression", n_bins=5).fit(X, whole)
    words = InformationPruner(criterion="mi").fit(X, whole.astype(str))
    assert_array_equal(words.scores_, as_classes.scores_)
    assert np.nanmax(as_number.scores_) <= np.log(5)
    with pytest.raises(InputError, match="task='regression' was given"):
        InformationPruner(task="regression").fit(X, whole.astype(str))
    with pytest.raises(InputError, match="task='classification' was given"):
        InformationPruner(task="classification").fit(X, quantity)


def test_n_bins_bounds_what_a_column_can_say():
    X, y, _ = planted(n_rows=400)
    scores = [
        InformationPruner(criterion="mi", n_bins=n_bins).fit(X, y).scores_ for n_bins in (2, 16)
    ]
    assert scores[1][0] > scores[0][0] > 0.05


# Levels, groups, reports.


@pytest.mark.parametrize("criterion", RANKING)
def test_only_the_picks_that_are_needed_are_made(criterion):
    X, y, _ = planted(n_rows=300)
    whole = InformationPruner(criterion=criterion, keep=1.0).fit(X, y)
    for keep in (1, 5, 0.5):
        found = InformationPruner(criterion=criterion, keep=keep).fit(X, y)
        assert_array_equal(found.keep_mask_, whole.path_.cut(keep=keep))
        assert_array_equal(found.path_.ranking, whole.ranking_)
        kept = found.keep_mask_
        assert_array_equal(found.ranking_[kept], whole.ranking_[kept])
        assert_array_equal(found.scores_[kept], whole.scores_[kept])
    with pytest.warns(PruningWarning, match="more than the 20 columns") as caught:
        InformationPruner(criterion=criterion, keep=21).fit(X, y)
    assert len(caught) == 1


def test_a_level_set_from_the_path_tells_of_the_path():
    X, y, _ = planted(n_rows=300)
    found = InformationPruner(criterion="jmi", keep=2).fit(X, y)
    twin = found._at_level(found.path_, found.path_.locate(keep=7))
    alone = InformationPruner(criterion="jmi", keep=1.0).fit(X, y)
    assert_array_equal(twin.ranking_, alone.ranking_)
    assert twin.report_["kept"].sum() == 7
    decided = InformationPruner(criterion="fcbf").fit(X, y)
    assert decided._at_level(decided.path_, 0).report_["kept"].all()


@pytest.mark.parametrize("criterion", RANKING)
def test_thresholds_end_the_picks(criterion):
    X, y, _ = planted(n_rows=300)
    path = InformationPruner(criterion=criterion).fit(X, y).path_
    for threshold in np.unique(path.levels["threshold"])[:-1]:
        found = InformationPruner(criterion=criterion, threshold=threshold).fit(X, y)
        assert_array_equal(found.keep_mask_, path.cut(threshold=threshold))


def test_groups_enter_together_and_count_as_picked():
    X, y, _ = planted()
    pruner = InformationPruner(criterion="cmim", keep=3, groups=[[1, COPIES[0]], [2, NOISE[0]]])
    found = pruner.fit(X, y)
    # The copy came in with column 1, so that column 0 has nothing left to say.
    path = found.path_
    assert path.ranking[1] == path.ranking[COPIES[0]] == 1
    assert path.ranking[0] > path.ranking[3] > path.ranking[2]
    assert path.ranking[2] == path.ranking[NOISE[0]]
    assert found.keep_mask_.sum() <= 3


@pytest.mark.parametrize("criterion", ["mrmr", "cmim"])
def test_columns_always_kept_count_as_picked(criterion):
    X, y, _ = planted()
    found = InformationPruner(criterion=criterion, keep=4, always_keep=[COPIES[0]]).fit(X, y)
    assert_array_equal(np.flatnonzero(found.keep_mask_), [1, 2, 3, COPIES[0]])
    assert found.report_["reason"][COPIES[0]] == "always kept"
    assert not np.isnan(found.scores_[COPIES[0]])


def test_fcbf_says_which_column_stands_for_one_that_went():
    X, y, _ = planted()
    X[:, NOISE[0]] = 3.0
    report = InformationPruner(criterion="fcbf").fit(X, y).report_
    kept = report["kept"].to_numpy()
    family = np.append(0, COPIES)
    stays = f"x{family[kept[family]][0]}"
    gone = report.loc[family[~kept[family]]]
    assert (gone["partner"] == stays).all()
    assert (gone["reason"] == "redundant with partner").all()
    assert (gone["value"] >= gone["score"]).all()
    assert report["reason"][NOISE[0]] == "no information about the target"
    assert pd.isna(report["partner"][NOISE[0]])
    assert (report.loc[kept, ["reason", "partner"]].fillna("") == "").all(axis=None)
    assert report["rank"].tolist() == np.where(kept, 1, 2).tolist()


def test_fcbf_decides_by_itself():
    X, y, _ = planted(n_rows=200)
    for level in ({"keep": 3}, {"threshold": 0.1}):
        with pytest.raises(LevelError, match="criterion='fcbf' decides by itself"):
            InformationPruner(criterion="fcbf", **level).fit(X, y)
    assert InformationPruner(criterion="fcbf", keep=1.0).fit(X, y).keep_mask_.all()
    forced = InformationPruner(criterion="fcbf", always_keep=[NOISE[3]]).fit(X, y)
    assert forced.keep_mask_[NOISE[3]]
    assert forced.report_["reason"][NOISE[3]] == "always kept"


def test_fcbf_that_finds_nothing_keeps_a_column_that_varies_and_warns():
    X = np.ones((20, 3))
    with pytest.warns(PruningWarning, match="No feature is informative") as caught:
        found = InformationPruner(criterion="fcbf").fit(X, np.arange(20) % 2)
    assert caught[0].filename == __file__
    assert found.keep_mask_.tolist() == [True, False, False]
    X[::4, 1], X[1::4, 1] = 0, 0  # each value as often in either class
    with pytest.warns(PruningWarning, match="No feature is informative"):
        found = InformationPruner(criterion="fcbf").fit(X, np.arange(20) % 2)
    assert found.keep_mask_.tolist() == [False, True, False]
    assert_array_equal(found.scores_, [np.nan, 0.0, np.nan])
    forced = InformationPruner(criterion="fcbf", always_keep=[2]).fit(X, np.arange(20) % 2)
    assert forced.keep_mask_.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (
            {"criterion": "jmi", "relevance": "correlation"},
            "relevance='correlation' has no meaning",
        ),
        ({"criterion": "mi", "scheme": "quotient"}, "scheme='quotient' has no meaning"),
        ({"relevance": "f_statistic", "n_bins": 4}, "n_bins=4 has no meaning"),
    ],
)
def test_idle_parameters_warn(params, words):
    X, y, _ = planted(n_rows=60)
    with pytest.warns(PruningWarning, match=words) as caught:
        InformationPruner(**params).fit(X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@over_every
def test_paths_are_nested(pruner):
    X, y, _ = planted(n_rows=200)
    path = clone(pruner).fit(X, y).path_
    masks = [path.cut(index=index) for index in range(len(path))]
    assert all((smaller <= larger).all() for larger, smaller in pairwise(masks))


@pytest.mark.parametrize(("n_rows", "n_names"), [(60, 60), (500, 250), (2000, 2000)])
def test_names_that_hardly_repeat_say_nothing(n_rows, n_names):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n_rows)
    X = pd.DataFrame(
        {
            "name": [f"no. {i}" for i in rng.integers(0, n_names, n_rows)],
            "number": rng.normal(size=n_rows) + y,
        }
    )
    for criterion in ("mi", "mrmr", "jmi", "cmim"):
        pruner = InformationPruner(criterion=criterion, keep=1).fit(X, y)
        assert pruner.get_feature_names_out().tolist() == ["number"]


def test_categories_that_repeat_keep_what_they_say():
    rng = np.random.default_rng(0)
    city = rng.choice(["Bern", "Kyoto", "Lima"], 200)
    X = pd.DataFrame({"city": city, "number": rng.normal(size=200)})
    pruner = InformationPruner(criterion="mi", keep=1).fit(X, city == "Kyoto")
    assert pruner.get_feature_names_out().tolist() == ["city"]


def test_half_of_many_features_is_announced(monkeypatch):
    X = np.random.default_rng(0).normal(size=(30, 12))
    y = np.arange(30) % 2
    monkeypatch.setattr("skprune.feature_selection._information.MANY_COLUMNS", 10)
    with pytest.warns(PruningWarning, match="half of 12 features are selected") as caught:
        InformationPruner().fit(X, y)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for params in ({"keep": 0.5}, {"criterion": "mi"}, {"criterion": "fcbf"}):
            InformationPruner(**params).fit(X, y)
