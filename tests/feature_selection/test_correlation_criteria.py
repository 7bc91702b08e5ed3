"""`CorrelationPruner` beyond the walk over numbers: categories, inflation, clusters, groups."""

import copy

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats.contingency import association
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import check_estimator

from skprune import CorrelationPruner
from skprune.criteria import redundancy
from skprune.exceptions import InputError, LevelError, PruningWarning


@pytest.mark.parametrize(
    "estimator",
    [
        CorrelationPruner(criterion="cramer", threshold=0.3),
        CorrelationPruner(criterion="mixed", linkage="average", prefer="variance"),
        CorrelationPruner(criterion="vif", threshold=0.5, prefer="order"),
        CorrelationPruner(linkage="complete", keep=0.5),
    ],
    ids=str,
)
def test_scikit_learn_checks(estimator):
    check_estimator(estimator, on_skip=None)


def table(n_rows=120, n_columns=10, missing=0.0, seed=0):
    """Columns in families, so that correlations of all strengths occur, and a target."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 4)) @ rng.normal(size=(4, n_columns))
    X += 0.3 * rng.normal(size=X.shape)
    y = X @ rng.normal(size=n_columns) + rng.normal(size=n_rows)
    X[rng.random(X.shape) < missing] = np.nan
    return X, y


def places(n_rows=600, seed=0):
    """Cities, their regions, what follows from them, and what does not."""
    rng = np.random.default_rng(seed)
    city = rng.integers(0, 8, n_rows)
    frame = pd.DataFrame(
        {
            "city": np.array([*"ABCDEFGH"])[city],
            "town": np.array([*"abcdefgh"])[city],
            "region": pd.Categorical(np.array(["north", "south"])[city // 4]),
            "height": 100.0 * city + rng.normal(size=n_rows),
            "name": [f"row {i}" for i in range(n_rows)],
            "other": rng.choice([*"xyz"], n_rows),
            "noise": rng.normal(size=n_rows),
        }
    )
    frame.loc[rng.random(n_rows) < 0.1, "other"] = None
    return frame, city + rng.normal(size=n_rows)


MEASURES = [
    {"criterion": "cramer"},
    {"criterion": "mixed"},
    {"criterion": "vif"},
    {"linkage": "complete"},
    {"linkage": "average", "criterion": "mixed"},
]


@pytest.mark.parametrize("params", MEASURES, ids=str)
@pytest.mark.parametrize("grouped", [False, True])
def test_path_equals_fit_at_every_level(monkeypatch, params, grouped):
    monkeypatch.setattr(redundancy, "BLOCK_WIDTH", 20)  # several tiles
    X, y = table()
    X[:, 8] = X[:, 0] - X[:, 3]
    if grouped:
        params = {**params, "groups": [[0, 8], [2, 5, 6]], "always_keep": [4, 7]}
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    pruner = CorrelationPruner(**params).fit(X, y, weight)
    path = pruner.path_
    assert_array_equal(pruner.keep_mask_, path.cut(threshold=0.9))
    _, breaks = path._masks_and_breaks
    for threshold in [*path.levels["threshold"], *breaks, *np.nextafter(breaks, 0), 0.0]:
        fitted = clone(pruner).set_params(threshold=threshold).fit(X, y, weight)
        assert_array_equal(fitted.keep_mask_, path.cut(threshold=threshold))
        if grouped:
            assert fitted.keep_mask_[[4, 7]].all()
    for index in range(len(path)):
        twin = copy.copy(pruner)
        twin._set_level(path, index)
        level = path.levels["threshold"][index]
        fitted = clone(pruner).set_params(threshold=level).fit(X, y, weight)
        assert_array_equal(twin.scores_, fitted.scores_)
        pd.testing.assert_frame_equal(twin.report_, fitted.report_)
    masks = np.array([path.cut(index=index) for index in range(len(path))])
    if "linkage" in params or params["criterion"] == "vif":
        assert (masks[1:] <= masks[:-1]).all()


@pytest.mark.parametrize("params", MEASURES, ids=str)
def test_weights_mean_repetition(params):
    X, y = table()
    X[:, 8] = np.round(X[:, 8])
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    pruner = CorrelationPruner(**params, threshold=0.6)
    weighted = clone(pruner).fit(X, y, sample_weight=weight)
    repeated = clone(pruner).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    pd.testing.assert_frame_equal(weighted.report_, repeated.report_, rtol=1e-9)


# Categories.


def test_mixed_tables_lose_what_follows_from_the_rest():
    X, y = places()
    pruner = CorrelationPruner(criterion="mixed", prefer="order").fit(X, y)
    report = pruner.report_.set_index("feature")
    assert pruner.get_feature_names_out().tolist() == ["city", "name", "other", "noise"]
    assert report.loc[["town", "region", "height"], "partner"].tolist() == ["city"] * 3
    assert report.loc["town", "value"] == 1.0
    assert report.loc["height", "reason"] == "association above 0.9"


def test_cramer_counts_numbers_in_bins():
    X, _ = places()
    pruner = CorrelationPruner(criterion="cramer", prefer="order", threshold=0.7).fit(X)
    report = pruner.report_.set_index("feature")
    assert pruner.get_feature_names_out().tolist() == ["city", "name", "other", "noise"]
    assert report.loc["height", "reason"] == "Cramer's V above 0.7"
    categories = X[["city", "region", "other"]]
    pair = CorrelationPruner(criterion="cramer", prefer="order", threshold=0.0).fit(categories)
    raw = association(pd.crosstab(X["city"], X["region"]), method="cramer")
    assert_allclose(pair.report_["association"][1], raw, atol=0.02)  # less what chance gives


def test_priority_of_categories_is_their_association_with_the_target():
    X, y = places()
    for target in (y, np.round(y).astype(int) // 3):
        for criterion in ("cramer", "mixed"):
            found = CorrelationPruner(criterion=criterion).fit(X, target)
            rated = found.report_.set_index("feature")["priority"]
            assert rated.between(0, 1).all()
            assert rated["city"] == rated["town"] > 0.5
            assert rated["region"] > 0.5
            assert rated["noise"] < 0.3
            assert rated["name"] < 0.3
    variance = CorrelationPruner(criterion="mixed", prefer="variance").fit(X)
    assert variance.report_["priority"].tolist()[:3] == [0, 0, 0]
    missing = CorrelationPruner(criterion="mixed", prefer="missing").fit(X)
    assert missing.report_["priority"].idxmin() == 5


@pytest.mark.parametrize("criterion", ["pearson", "spearman", "vif"])
def test_text_is_refused_by_name_with_a_way_out(criterion):
    X, y = places()
    with pytest.raises(InputError, match=r"'mixed' and 'cramer' read categories.*'city', 'town'"):
        CorrelationPruner(criterion=criterion).fit(X, y)


# Variance inflation.


def inflation(X):
    """The variance inflation factor of each column, by a regression."""
    share = [
        LinearRegression().fit(np.delete(X, j, 1), X[:, j]).score(np.delete(X, j, 1), X[:, j])
        for j in range(X.shape[1])
    ]
    return 1 / (1 - np.array(share))


def test_no_inflation_survives_and_every_loss_says_its_own():
    X, y = table(200)
    X[:, 9] = X[:, 0] + X[:, 1]
    pruner = CorrelationPruner(criterion="vif", threshold=0.8).fit(X, y)
    report = pruner.report_
    kept = pruner.keep_mask_
    assert 1 < kept.sum() < 9
    assert_allclose(inflation(X[:, kept]), 1 / pruner.scores_[kept], rtol=1e-7)
    assert inflation(X[:, kept]).max() <= 5
    combined = report["reason"] == "linear combination of columns of higher priority"
    assert combined.sum() == 1
    assert np.isinf(report.loc[combined, "value"]).all()
    assert report["priority"][combined].item() == report["priority"][[0, 1, 9]].min()
    inflated = report[report["reason"] == "variance inflation above 5"]
    assert len(inflated) == (~kept).sum() - 1
    assert (inflated["value"] > 5).all()
    strength = np.abs(np.corrcoef(X.T))
    for j, row in report[~kept].iterrows():
        stays = np.flatnonzero(kept)
        assert row["partner"] == f"x{stays[np.argmax(strength[j, stays])]}"


def test_the_default_is_an_inflation_of_ten():
    X, y = table()
    kept = CorrelationPruner(criterion="vif").fit(X, y).keep_mask_
    assert not kept.all()
    assert inflation(X[:, kept]).max() <= 10


def test_inflation_keeps_constants_and_refuses_what_it_cannot_mean():
    X, y = table()
    X[:, 2] = 7.0
    assert CorrelationPruner(criterion="vif", threshold=0.0).fit(X, y).keep_mask_[2]
    with pytest.raises(LevelError, match=r"threshold=5 is no share.* 0\.9 is a variance inflation"):
        CorrelationPruner(criterion="vif", threshold=5).fit(X, y)
    with pytest.warns(PruningWarning, match="linkage='complete' has no meaning here"):
        CorrelationPruner(criterion="vif", linkage="complete").fit(X, y)
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        CorrelationPruner(criterion="vif").fit(X, y)


# Clusters.


@pytest.mark.parametrize("linkage", ["complete", "average"])
def test_the_best_of_each_cluster_stays(linkage):
    X, y = table(missing=0.1)
    pruner = CorrelationPruner(linkage=linkage, threshold=0.5).fit(X, y)
    report = pruner.report_
    assert_array_equal(report["association"] <= 0.5, report["kept"])
    strength = pd.DataFrame(X).corr().to_numpy()
    assert report["cluster"].nunique() == report["kept"].sum() < 9
    for _, members in report.groupby("cluster"):
        best = members["priority"].idxmax()
        assert members["kept"].idxmax() == best
        gone = members[~members["kept"]]
        assert set(gone["partner"]) <= {f"x{best}"}
        assert_allclose(gone["value"], strength[best, gone.index], atol=1e-12)
        if linkage == "complete":
            within = np.abs(strength[np.ix_(members.index, members.index)])
            assert within.min() > 0.5


# Groups and columns that always stay.


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6, 0.9])
def test_groups_are_held_against_each_other_by_their_closest_pair(threshold):
    X, y = table()
    groups = [[0, 1, 2], [4, 9]]
    pruner = CorrelationPruner(groups=groups, always_keep=[3, 5], threshold=threshold).fit(X, y)
    strength, kept = np.abs(np.corrcoef(X.T)), pruner.keep_mask_
    parts = [*groups, [3], [5], [6], [7], [8]]
    stay = [part for part in parts if kept[part].any()]
    assert all(kept[part].all() for part in stay)
    assert kept[[3, 5]].all()
    for i, part in enumerate(stay):
        for other in stay[:i]:
            if not {*part, *other} <= {3, 5}:
                assert strength[np.ix_(part, other)].max() <= threshold
    report = pruner.report_
    assert report.loc[[3, 5], "rank"].tolist() == [1, 1]
    assert report.loc[[3, 5], "reason"].tolist() == ["always kept"] * 2
    assert (report.loc[~kept, "association"] > threshold).all()
    for part in groups:
        assert report.loc[part, "rank"].nunique() == report.loc[part, "score"].nunique() == 1
    assert sorted(report["rank"].unique()) == list(range(1, 7))
    assert_array_equal(pruner.ranking_, report["rank"])


def test_columns_always_kept_may_be_redundant_to_each_other():
    X, y = table()
    X[:, 1] = X[:, 0]
    pruner = CorrelationPruner(always_keep=[0, 1]).fit(X, y)
    assert pruner.keep_mask_[[0, 1]].all()
    assert pruner.scores_[1] == 0.0
    vif = CorrelationPruner(criterion="vif", always_keep=[0, 1], threshold=0.5).fit(X, y)
    assert vif.keep_mask_[[0, 1]].all()
    assert vif.scores_[[0, 1]].tolist() == [0.0, 0.0]
    clusters = CorrelationPruner(linkage="average", always_keep=[0, 1]).fit(X, y)
    assert clusters.keep_mask_[[0, 1]].all()
