"""`CorrelationPruner`: what it promises to its user."""

import copy
import pickle
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csc_array, csr_array
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from skprune import CorrelationPruner
from skprune.criteria import association, redundancy
from skprune.exceptions import LevelError, PruningWarning


@pytest.mark.parametrize(
    "estimator",
    [
        CorrelationPruner(),
        CorrelationPruner(threshold=0.3, criterion="spearman"),
        CorrelationPruner(keep=0.5, prefer="variance"),
    ],
    ids=str,
)
def test_scikit_learn_checks(estimator):
    check_estimator(estimator, on_skip=None)


def table(n_rows=120, n_columns=14, missing=0.0, seed=0):
    """Columns in families, so that correlations of all strengths occur, and a target."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 5)) @ rng.normal(size=(5, n_columns))
    X += 0.3 * rng.normal(size=X.shape)
    y = X @ rng.normal(size=n_columns) + rng.normal(size=n_rows)
    X[rng.random(X.shape) < missing] = np.nan
    return X, y


def strengths(X, criterion="pearson"):
    X = pd.DataFrame(X)
    X = X.rank() if criterion == "spearman" else X
    return X.corr().abs().fillna(0.0).to_numpy()


def naive(strength, order, threshold):
    kept = []
    for j in order:
        if all(strength[i, j] <= threshold + 1e-12 for i in kept):
            kept.append(j)
    return np.isin(np.arange(len(strength)), kept)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 1000),
    st.sampled_from([0.0, 0.2]),
    st.floats(0, 1),
    st.sampled_from(["pearson", "spearman"]),
    st.sampled_from(["association", "variance", "missing", "order"]),
)
def test_no_pair_survives_and_every_loss_has_a_partner(seed, missing, threshold, criterion, prefer):
    X, y = table(missing=missing, seed=seed)
    pruner = CorrelationPruner(criterion=criterion, threshold=threshold, prefer=prefer).fit(X, y)
    strength = strengths(X, criterion)
    kept = pruner.keep_mask_
    assert np.triu(strength, 1)[np.ix_(kept, kept)].max() <= threshold + 1e-12
    report = pruner.report_
    order = np.lexsort((np.arange(len(kept)), -report["priority"]))
    assert_array_equal(kept, naive(strength, order, threshold))
    place = np.argsort(order)
    for j, row in report[~report["kept"]].iterrows():
        i = int(row["partner"].removeprefix("x"))
        assert kept[i]
        assert place[i] < place[j]
        assert abs(row["value"]) > threshold
        assert_allclose(abs(row["value"]), strength[i, j], atol=1e-12)
        assert row["association"] == abs(row["value"])
        assert row["score"] == 1 - row["association"]


@pytest.mark.untraced
@pytest.mark.parametrize("criterion", ["pearson", "spearman"])
@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_path_equals_fit_at_every_level(monkeypatch, criterion, missing, weighted):
    monkeypatch.setattr(redundancy, "BLOCK_WIDTH", 4)  # several tiles
    X, y = table(missing=missing)
    X[:, :4] = np.round(X[:, :4])
    weight = np.random.default_rng(0).integers(0, 3, len(X)) if weighted else None
    pruner = CorrelationPruner(criterion=criterion).fit(X, y, weight)
    path = pruner.path_
    assert_array_equal(pruner.keep_mask_, path.cut(threshold=0.9))
    assert path.units[0] == 14
    for keep in [*range(int(path.units.min()), 15), 0.01, 0.5, 1.0]:
        fitted = clone(pruner).set_params(keep=keep).fit(X, y, weight)
        assert_array_equal(fitted.keep_mask_, path.cut(keep=keep))
    _, breaks = path._masks_and_breaks
    cuts = [*path.levels["threshold"], *breaks, *np.nextafter(breaks, 0), 0.0]
    for threshold in cuts:
        fitted = clone(pruner).set_params(threshold=threshold).fit(X, y, weight)
        assert_array_equal(fitted.keep_mask_, path.cut(threshold=threshold))
    for index in range(len(path)):
        twin = copy.copy(pruner)
        twin._set_level(path, index)
        fitted = clone(pruner).set_params(threshold=path.levels["threshold"][index])
        fitted.fit(X, y, weight)
        assert_array_equal(twin.keep_mask_, fitted.keep_mask_)
        assert_array_equal(twin.scores_, fitted.scores_)
        pd.testing.assert_frame_equal(twin.report_, fitted.report_)


def test_levels_that_grow_again():
    """Where the path is not nested, `keep` still takes the largest level that fits."""
    found = 0
    for seed in range(20):
        X, y = table(seed=seed, n_columns=30)
        path = CorrelationPruner().fit(X, y).path_
        units = path.units
        found += (np.diff(units) > 0).any()
        for keep in range(1, 31):
            assert path.cut(keep=keep).sum() == units[units <= keep].max()
        kept = [path.cut(keep=keep).sum() for keep in range(1, 31)]
        assert (np.diff(kept) >= 0).all()
    assert found


def test_nothing_goes_at_one():
    X, _ = load_breast_cancer(return_X_y=True)
    X = np.column_stack([X, X[:, 0]])
    for level in ({"threshold": 1.0}, {"threshold": 1}, {"keep": 1.0}, {"keep": 31}):
        assert CorrelationPruner(**level).fit(X).keep_mask_.all()


def test_duplicates_and_negatives_go():
    x = np.random.default_rng(0).normal(size=50)
    X = pd.DataFrame({"a": x, "b": x, "c": -2 * x, "d": 3 + x / 3, "e": x**2})
    pruner = CorrelationPruner(threshold=1 - 1e-9).fit(X)
    assert pruner.get_feature_names_out().tolist() == ["a", "e"]
    report = pruner.report_.set_index("feature")
    assert report.loc[["b", "c", "d"], "partner"].tolist() == ["a", "a", "a"]
    assert report.loc[["b", "c", "d"], "value"].tolist() == [1.0, -1.0, 1.0]
    assert report.loc[["a", "e"], "partner"].isna().all()


def test_default_threshold_is_not_half():
    X, y = table()
    found = CorrelationPruner().fit(X, y)
    assert_array_equal(found.keep_mask_, CorrelationPruner(threshold=0.9).fit(X, y).keep_mask_)
    assert "above 0.9" in found.report_.loc[~found.keep_mask_, "reason"].iloc[0]


def test_who_stays():
    rng = np.random.default_rng(0)
    first = rng.normal(size=200)
    X = pd.DataFrame(
        {
            "first": first + 0.1 * rng.normal(size=200),
            "wide": 100 * (first + 0.1 * rng.normal(size=200)),
            "useful": first + 0.1 * rng.normal(size=200),
        }
    )
    y = X["useful"] * 2 + 1
    X.loc[:20, ["first", "useful"]] = np.nan

    def stays(prefer, target=y):
        return CorrelationPruner(prefer=prefer).fit(X, target).get_feature_names_out().tolist()

    assert stays("order") == ["first"]
    assert stays("variance") == ["wide"]
    assert stays("missing") == ["wide"]
    assert stays("association") == ["useful"]
    assert stays(None) == ["useful"]
    assert stays(None, None) == ["wide"]


@pytest.mark.parametrize("prefer", ["association", "variance", "missing", "order"])
def test_ties_go_to_the_first_column(prefer):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 8))
    X = np.column_stack([X, X[:, ::-1]])  # the mirror is exact, also in variance
    y = X[:, 0] - X[:, 5]
    kept = CorrelationPruner(prefer=prefer).fit(X, y).keep_mask_
    assert kept.tolist() == [True] * 8 + [False] * 8


@pytest.mark.parametrize("criterion", ["pearson", "spearman"])
@pytest.mark.parametrize(
    "y",
    [
        load_iris().target,
        load_iris().target_names[load_iris().target],
        pd.Series(load_iris().target_names[load_iris().target], dtype="category"),
        load_iris().target == 1,
        np.array([*load_iris().target_names[load_iris().target]], dtype=object),
        load_iris().data[:, 1],
        load_iris().data[:, 1].astype(object),
        load_iris().target[:, None],
        pd.DataFrame({"u": load_iris().target == 1, "v": load_iris().data[:, 3]}),
    ],
    ids=["int", "str", "category", "bool", "object", "float", "numbers", "column", "two"],
)
def test_targets(y, criterion):
    X = load_iris().data
    pruner = CorrelationPruner(criterion=criterion).fit(X, y)
    priority = pruner.report_["priority"]
    assert priority.between(0.0, 1.0).all()
    assert priority.max() > 0.3


def test_targets_that_say_the_same_rate_the_same():
    X, codes = load_iris(return_X_y=True)

    def rate(y):
        return CorrelationPruner().fit(X, y).report_["priority"].to_numpy()

    expected = rate(codes)
    assert_array_equal(rate(codes.astype(str)), expected)
    assert_array_equal(rate(codes.astype(float).astype(object)), expected)
    assert_array_equal(rate(np.array([20, 0, 10])[codes]), expected)
    # More than 20 distinct whole numbers are a quantity.
    quantity = np.arange(150)
    expected = np.abs(np.corrcoef(X.T, quantity)[-1, :-1])
    assert_allclose(rate(quantity), expected, atol=1e-12)
    both = pd.DataFrame({"codes": codes.astype(str), "quantity": quantity})
    assert_array_equal(rate(both), np.maximum(rate(codes), rate(quantity)))


@pytest.mark.parametrize("criterion", ["pearson", "spearman"])
@pytest.mark.parametrize("prefer", ["association", "variance", "missing", "order"])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_weights_mean_repetition(criterion, prefer, missing):
    X, y = table(missing=missing)
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    pruner = CorrelationPruner(criterion=criterion, prefer=prefer, threshold=0.6)
    weighted = clone(pruner).fit(X, y, sample_weight=weight)
    repeated = clone(pruner).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert not weighted.keep_mask_.all()
    pd.testing.assert_frame_equal(weighted.report_, repeated.report_, rtol=1e-11)
    assert_array_equal(weighted.path_.units, repeated.path_.units)


def test_constant_and_empty_columns_stay():
    X, y = table()
    X[:, 2], X[:, 5] = 0.1, np.nan
    pruner = CorrelationPruner(threshold=0.0).fit(X, y)
    assert pruner.keep_mask_[[2, 5]].all()
    assert_array_equal(pruner.scores_[[2, 5]], 1.0)
    assert pruner.path_.units[-1] == 3
    with pytest.raises(LevelError, match=r"keep=2 cannot be met: the smallest level .* keeps 3"):
        CorrelationPruner(keep=2).fit(X, y)
    assert CorrelationPruner(keep=0.01).fit(X, y).keep_mask_.sum() == 3


def test_one_column():
    X = np.arange(5.0)[:, None]
    pruner = CorrelationPruner(threshold=0.0).fit(X)
    assert pruner.keep_mask_.tolist() == [True]
    assert pruner.path_.levels["columns"].tolist() == [1]
    assert CorrelationPruner(keep=1).fit(X).transform(X).shape == (5, 1)


def test_one_row_has_no_correlation():
    with pytest.raises(ValueError, match=r"1 sample.* minimum of 2"):
        CorrelationPruner().fit([[1.0, 2.0]])


def test_input_stays_as_it_was_and_may_be_read_only():
    X, y = table(missing=0.1)
    weight = np.ones(len(X))
    given = [X, y, weight]
    copies = [a.copy() for a in given]
    for a in given:
        a.setflags(write=False)
    for criterion in ("pearson", "spearman"):
        pruner = CorrelationPruner(criterion=criterion).fit(X, y, weight)
        pruner.path_.cut(keep=3)
    for a, b in zip(given, copies, strict=True):
        assert_array_equal(a, b)


def test_layout_and_float32_do_not_matter():
    X, y = table()
    X = X.astype(np.float32)
    expected = CorrelationPruner(threshold=0.6).fit(X.astype(np.float64), y)
    strided = np.repeat(X, 2, axis=1)[:, ::2]
    for same in (X, np.asfortranarray(X), strided, pd.DataFrame(X).to_numpy()):
        found = CorrelationPruner(threshold=0.6).fit(same, y)
        assert_array_equal(found.keep_mask_, expected.keep_mask_)
        assert_allclose(found.scores_, expected.scores_, atol=2e-13)


def test_no_pair_survives_in_float32():
    X = table()[0].astype(np.float32) + 100
    threshold = np.sort(strengths(X), axis=None)[60]
    kept = CorrelationPruner(threshold=threshold).fit(X).keep_mask_
    assert np.triu(strengths(X), 1)[np.ix_(kept, kept)].max() <= threshold + 1e-12


def test_pickle_leaves_the_path_behind_and_says_so():
    X, y = table(n_rows=2000)
    pruner = CorrelationPruner().fit(X, y)
    pickled = pickle.dumps(pruner)
    assert len(pickled) < X.nbytes / 10
    loaded = pickle.loads(pickled)
    assert_array_equal(loaded.transform(X), pruner.transform(X))
    pd.testing.assert_frame_equal(loaded.report_, pruner.report_)
    with pytest.raises(AttributeError, match="pickled or copied, which leaves path_ out"):
        _ = loaded.path_
    path = pickle.loads(pickle.dumps(pruner.path_))
    assert_array_equal(path.cut(threshold=0.5), pruner.path_.cut(threshold=0.5))


def test_levels_wait_until_they_are_asked_for():
    pruner = CorrelationPruner().fit(*table())
    assert "levels" not in vars(pruner.path_)
    assert pruner.path_.levels is pruner.path_.levels


def test_frames_in_and_out():
    X, y = table(n_columns=4)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["whole"] = pd.array([1, 2, None, 4] * 30, dtype="Int64")
    frame["flag"] = frame["whole"] > 2
    frame["mixed"] = pd.Series([1, 2.5, None] * 40, dtype=object)
    pruner = CorrelationPruner(threshold=0.5).set_output(transform="pandas")
    names = pruner.fit_transform(frame, y).columns.tolist()
    assert names == pruner.get_feature_names_out().tolist()
    assert pruner.report_["feature"].tolist() == list(frame.columns)
    polar = pl.DataFrame(
        {
            **{name: X[:, i] for i, name in enumerate("abcd")},
            "whole": [1, 2, None, 4] * 30,
            "flag": [False, False, None, True] * 30,
            "mixed": [1.0, 2.5, None] * 40,
        }
    )
    out = pruner.set_output(transform="polars").fit_transform(polar, y)
    assert isinstance(out, pl.DataFrame)
    # Names are not compared: scikit-learn reads those of recent polars from 1.9 on only.
    assert out.columns == pruner.get_feature_names_out().tolist()
    assert_array_equal(out.to_numpy(), pruner.set_output(transform="default").transform(polar))


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"n": [1.0, 2.0], "city": ["a", "b"], "day": ["1", "2"]}),
        pd.DataFrame({"n": [1, 2], "city": pd.Categorical([1, 2]), "day": pd.Timestamp(0)}),
        pd.DataFrame({"n": [1, 2], "city": ["a", None], "day": [1, "2"]}, dtype=object),
        pl.DataFrame({"n": [1.0, 2.0], "city": ["a", "b"], "day": ["1", "2"]}),
    ],
    ids=["str", "category", "object", "polars"],
)
def test_columns_that_are_not_numeric_are_named(X):
    with pytest.raises(ValueError, match=r"2 feature\(s\).*'city', 'day'\. Encode them first"):
        CorrelationPruner().fit(X)


@pytest.mark.parametrize(
    "X",
    [
        [[1.0, "a"], [2.0, "b"]],
        np.array([[1.0, "a"], [2.0, "b"]], dtype=object),
    ],
)
def test_text_in_an_array_is_placed(X):
    with pytest.raises(ValueError, match=r"1 feature\(s\).*: 'x1'\. Encode them first"):
        CorrelationPruner().fit(X)


def test_many_text_columns_are_not_all_named():
    X = pd.DataFrame({f"c{i}": ["a", "b"] for i in range(30)})
    with pytest.raises(ValueError, match=r"30 feature\(s\).*'c9', \.\.\.\. Encode"):
        CorrelationPruner().fit(X)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, np.inf])
def test_threshold_outside_of_a_correlation(threshold):
    message = f"threshold={threshold!r} is no absolute correlation.* from 0 .* to 1"
    with pytest.raises(LevelError, match=re.escape(message[:20])) as caught:
        CorrelationPruner(threshold=threshold).fit(*table())
    assert re.search(message, str(caught.value))


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ({"keep": 0}, "keep=0 is not a level"),
        ({"keep": True}, "keep=True is not a level"),
        ({"keep": 1.5}, r"keep=1\.5 is not a level"),
        ({"keep": np.nan}, "keep=nan is not a level"),
        ({"threshold": np.nan}, "threshold=nan is not a level"),
        ({"keep": 3, "threshold": 0.5}, "Set one of them to None"),
    ],
)
def test_malformed_levels(level, message):
    with pytest.raises(LevelError, match=message):
        CorrelationPruner(**level).fit(*table())


def test_more_than_all_columns():
    with pytest.warns(PruningWarning, match="keep=15 is more than the 14 columns"):
        pruner = CorrelationPruner(keep=15).fit(*table())
    assert pruner.keep_mask_.all()


def test_association_needs_a_target():
    X, y = table()
    with pytest.raises(ValueError, match=r"fit got no y\. Give fit the target, or choose"):
        CorrelationPruner(prefer="association").fit(X)
    with pytest.raises(ValueError, match="y contains NaN"):
        CorrelationPruner().fit(X, np.where(y > 0, y, np.nan))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        CorrelationPruner().fit(X, y[1:])
    # Who does not use it does not look at it.
    CorrelationPruner(prefer="order").fit(X, y[1:])


def test_infinity_sparse_and_idle_weights_are_refused():
    X, y = table()
    with pytest.raises(ValueError, match=r"[Ss]ample.weight"):
        CorrelationPruner().fit(X, y, sample_weight=np.zeros(len(X)))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        CorrelationPruner().fit(X, y, sample_weight=-np.ones(len(X)))
    for criterion in ("spearman", "cramer", "mixed"):
        with pytest.raises(TypeError, match=r"[Ss]parse"):
            CorrelationPruner(criterion=criterion).fit(csr_array(np.eye(4)))
    X[3, 4] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        CorrelationPruner().fit(X, y)


@pytest.mark.parametrize("criterion", ["pearson", "vif"])
def test_sparse_rows_give_what_dense_ones_give(monkeypatch, criterion):
    monkeypatch.setattr(association, "CHUNK", 300)
    X, y = table()
    X[np.abs(X) < 0.7] = 0.0
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    dense = CorrelationPruner(criterion=criterion).fit(X, y, sample_weight=weight)
    for kind in (csr_array, csc_array):
        found = CorrelationPruner(criterion=criterion).fit(kind(X), y, sample_weight=weight)
        assert_allclose(found.scores_, dense.scores_, atol=1e-10)
        assert_array_equal(found.get_support(), dense.get_support())
        parts = CorrelationPruner(criterion=criterion)
        for rows in np.array_split(np.arange(len(X)), 3):
            parts.partial_fit(kind(X[rows]))
        whole = CorrelationPruner(criterion=criterion).fit(X)
        assert_allclose(parts.scores_, whole.scores_, atol=1e-9)


def test_grid_search_over_the_level():
    X, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(CorrelationPruner(), StandardScaler(), LogisticRegression())
    grid = {"correlationpruner__threshold": [0.5, 0.9, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert (search.cv_results_["mean_test_score"] > 0.9).all()
