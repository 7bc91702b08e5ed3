"""The contracts of transformers that remove columns, beside those of all pruners."""

import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags

from skprune import PermutationPruner, PruningSearchCV
from skprune.exceptions import InputError
from tests._instances import DECIDING_FEATURES, FEATURE_PRUNERS, GROUPED, NOT_NESTED, draws, name_of

pytestmark = pytest.mark.untraced

EVERY = FEATURE_PRUNERS + DECIDING_FEATURES
over_every = pytest.mark.parametrize("pruner", EVERY, ids=name_of)
over_ranking = pytest.mark.parametrize(
    "pruner", [p for p in FEATURE_PRUNERS if hasattr(p, "_score_columns")], ids=name_of
)
over_groups = pytest.mark.parametrize(
    "pruner", [p for p in EVERY if hasattr(p, "groups")], ids=name_of
)
NAMES = ["a", "b", "c", "d", "e", "f"]


def table(n_rows=150):
    """A frame of six columns, two of which say the same, and a target of two classes."""
    X, y = make_classification(
        n_rows, len(NAMES), n_informative=3, n_redundant=0, shuffle=False, random_state=0
    )
    X[:, 4] = X[:, 0] + 1e-3 * X[:, 4]
    return pd.DataFrame(X, columns=NAMES), y


@over_every
def test_frames_in_and_out(pruner):
    X, y = table()
    alone = clone(pruner).fit(X, y)
    kept = list(alone.get_feature_names_out())
    pandas = clone(pruner).set_output(transform="pandas").fit(X, y)
    assert list(pandas.transform(X).columns) == kept
    frame = pl.DataFrame(X.to_dict("list"))
    polars = clone(pruner).set_output(transform="polars").fit(frame, y)
    assert isinstance(polars.transform(frame), pl.DataFrame)
    if hasattr(StandardScaler().fit(frame), "feature_names_in_"):  # from scikit-learn 1.9 on
        assert polars.transform(frame).columns == kept
    assert_array_equal(clone(pruner).fit(X.to_numpy(), y).get_support(), alone.get_support())


@over_every
def test_report_says_what_went_and_why(pruner):
    X, y = table()
    report = clone(pruner).fit(X, y).report_
    columns = ["feature", "kept", "score", "reason", "value", "partner"]
    assert report.columns[: len(columns)].tolist() == columns
    assert report["feature"].tolist() == NAMES
    assert_array_equal(report["kept"], clone(pruner).fit(X, y).get_support())
    assert (report.loc[~report["kept"], "reason"] != "").all()


@over_every
def test_missing_values_are_read_or_refused(pruner):
    X, y = table()
    X.iloc[::7, 1] = np.nan
    if get_tags(pruner).input_tags.allow_nan:
        assert clone(pruner).fit(X, y).get_support().any()
    else:
        with pytest.raises(ValueError, match="NaN"):
            clone(pruner).fit(X, y)
    X.iloc[3, 2] = np.inf
    with pytest.raises(ValueError, match=r"infinity|NaN"):
        clone(pruner).fit(X, y)


@over_every
def test_missing_values_of_pandas_are_read_as_nan(pruner):
    X, y = table()
    X.iloc[::7, 1] = np.nan
    na = X.assign(b=X["b"].astype("Float64").astype(object))
    given = [X.assign(b=na["b"].astype("Float64")), na, na.to_numpy(), na.to_numpy().tolist()]
    if hasattr(pruner, "n_repeats"):
        given = given[:1]  # scikit-learn's models do not read the others
    if not get_tags(pruner).input_tags.allow_nan:
        for one in given:
            with pytest.raises(ValueError, match="NaN"):
                clone(pruner).fit(one, y)
        return
    expected = clone(pruner).fit(X, y).get_support()
    for one in given:
        found = clone(pruner).fit(one, y)
        assert_array_equal(found.get_support(), expected)
        assert np.shape(found.transform(one)) == (len(y), expected.sum())
    if "categories" in pruner._reads:
        text = np.where(X["c"] > 0, "high", "low")
        expected = clone(pruner).fit(X.assign(c=text), y).get_support()
        for one in given[:2]:
            assert_array_equal(clone(pruner).fit(one.assign(c=text), y).get_support(), expected)


@over_every
@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_transform_treats_numbers_as_fit_does(pruner, output):
    X, y = table()
    found = clone(pruner).set_output(transform=output).fit(X, y)
    unnamed = clone(pruner).set_output(transform=output).fit(X.to_numpy(), y)
    place = found.get_support(indices=True)[0]
    for value, words in [(np.nan, "contain NaN"), (np.inf, "contain infinity")]:
        bad = X.copy()
        bad.iloc[5, place] = value
        rows = sparse.csr_array(np.where(np.abs(bad) < 0.5, 0.0, bad))
        frame = pl.DataFrame(bad.to_dict("list"))
        passes = np.isnan(value) and get_tags(found).input_tags.allow_nan
        for given in (bad, bad.astype(object), bad.to_numpy(), frame, rows):
            if given is rows and output != "default":
                continue  # no library of frames takes sparse rows
            fitted = found if hasattr(given, "columns") else unnamed
            if passes:
                assert fitted.transform(given).shape == (len(y), found.get_support().sum())
            else:
                with pytest.raises(InputError, match=words):
                    fitted.transform(given)


@over_every
def test_transform_reads_no_values(pruner):
    X, y = table()
    found, unnamed = clone(pruner).fit(X, y), clone(pruner).fit(X.to_numpy(), y)
    names = found.get_feature_names_out()
    days = pd.date_range("2020-01-01", periods=len(y))
    kinds = [days, days - days[0], days.to_period("D"), days.day_name()]
    kinds += [pd.Categorical(days.day_name()), pd.array([1, None] * (len(y) // 2), dtype="Int64")]
    for kind in kinds[: 6 if get_tags(found).input_tags.allow_nan else 5]:
        mixed = X.assign(**{names[0]: kind})
        cells = found.transform(mixed)
        assert cells.shape == (len(y), len(names))
        there = pd.Series(cells[:, 0]).isna()
        assert_array_equal(there, mixed[names[0]].isna())
        alike = unnamed.transform(mixed.to_numpy())
        assert_array_equal(pd.isna(alike), pd.isna(cells))
        frame = clone(found).set_output(transform="pandas").fit(X, y).transform(mixed)
        pd.testing.assert_frame_equal(frame, mixed[list(names)])
    mixed = pl.DataFrame({**X.to_dict("list"), names[0]: days.to_pydatetime().tolist()})
    polars = clone(pruner).set_output(transform="polars").fit(X, y)
    assert polars.transform(mixed).equals(mixed[list(names)])
    assert unnamed.transform(mixed.rows()).shape == (len(y), len(names))


@over_every
def test_text_is_read_or_refused_by_name(pruner):
    X, y = table()
    X["b"] = np.where(X["b"] > 0, "high", "low")
    X["c"] = pd.Categorical(["yes" if value > 0 else None for value in X["c"]])
    frames = [X, pl.DataFrame(X.astype(object).where(X.notna(), None).to_dict("list"))]
    if get_tags(pruner).input_tags.categorical:
        for frame in frames:
            assert clone(pruner).fit(frame, y).n_features_in_ == len(NAMES)
        objects = X.astype(object).where(X.notna(), None).to_numpy()
        assert clone(pruner).fit(objects, y).n_features_in_ == len(NAMES)
    else:
        for frame in frames:
            with pytest.raises(InputError, match=r"2 feature\(s\) hold something else: 'b', 'c'"):
                clone(pruner).fit(frame, y)


@over_every
def test_dates_are_kept_or_refused_by_name(pruner):
    X, y = table()
    days = pd.date_range("2020-01-01", periods=len(y))
    kinds = [days, days.tz_localize("UTC"), days.to_period("D"), days - days[0]]
    models_read = hasattr(pruner, "n_repeats")  # scikit-learn's read durations, and polars' dates
    for kind in kinds[: 3 if models_read else 4]:
        mixed = X.assign(a=kind)
        tables = [mixed, mixed.astype(object)]
        if kind is days and not models_read:
            tables.append(pl.DataFrame({**X.to_dict("list"), "a": days.to_pydatetime().tolist()}))
        for given in tables:
            if "dates" in pruner._reads:
                assert len(clone(pruner).fit(given, y).report_) == len(NAMES)
            else:
                with pytest.raises(InputError, match="'a'"):
                    clone(pruner).fit(given, y)


@over_every
def test_cells_that_hold_lists_are_refused_by_name(pruner):
    X, y = table()
    lists = pl.DataFrame({**X.to_dict("list"), "b": [[1, 2]] * len(y)})
    dicts = pl.DataFrame({**X.to_dict("list"), "b": [{"k": 1}] * len(y)})
    frames = [X.assign(b=pd.Series([cell] * len(y))) for cell in ([1, 2], {"k": 1}, np.ones(2))]
    for given in (*frames, lists, dicts):
        with pytest.raises(InputError, match=r"1 feature\(s\) hold something else: 'b'"):
            clone(pruner).fit(given, y)
    lazy = pl.DataFrame(X.to_dict("list")).lazy()
    with pytest.raises(InputError, match=r"polars LazyFrame.* X\.collect\(\)"):
        clone(pruner).fit(lazy, y)


@over_every
def test_sparse_rows_are_read_or_refused(pruner):
    X, y = table()
    dense = np.where(np.abs(X) < 0.5, 0.0, X)
    if get_tags(pruner).input_tags.sparse:
        for kind in (sparse.csr_array, sparse.csc_matrix):
            found = clone(pruner).fit(kind(dense), y)
            assert_array_equal(found.get_support(), clone(pruner).fit(dense, y).get_support())
            assert found.transform(kind(dense)).shape == (len(y), found.get_support().sum())
        frame = pd.DataFrame(dense, columns=NAMES).astype(pd.SparseDtype(float, 0))
        assert_array_equal(clone(pruner).fit(frame, y).get_support(), found.get_support())
    else:
        for kind in (sparse.csr_array, lambda X: pd.DataFrame(X).astype(pd.SparseDtype(float, 0))):
            with pytest.raises(TypeError, match=r"[Ss]parse"):
                clone(pruner).fit(kind(dense), y)


@over_every
def test_a_search_equals_a_grid_search(pruner):
    X, y = table()
    model = Pipeline([("prune", clone(pruner)), ("tree", DecisionTreeClassifier(random_state=0))])
    grid = {"prune__keep": [1.0, None] if pruner._decides else [1, 3, 0.5, 1.0]}
    grid["prune__threshold"] = [None]
    plain = GridSearchCV(model, grid, cv=2).fit(X, y)
    ours = PruningSearchCV(model, grid, cv=2, refit=True).fit(X, y)
    assert ours.cv_results_["params"] == plain.cv_results_["params"]
    key = "mean_test_score"
    assert_array_equal(ours.cv_results_[key], plain.cv_results_[key])
    assert_array_equal(ours.predict(X), plain.predict(X))
    path = PruningSearchCV(model, cv=2).fit(X, y)
    assert len(path.cv_results_["params"]) == len(clone(pruner).fit(X, y).path_)


@over_ranking
def test_rankings_are_nested_and_tell_the_scores(pruner):
    X, y = table()
    path = clone(pruner).fit(X, y).path_
    masks = [path.cut(index=index) for index in range(len(path))]
    assert [mask.sum() for mask in masks] == list(range(len(NAMES), 0, -1))
    if getattr(pruner, "criterion", None) not in NOT_NESTED:
        assert all((smaller <= larger).all() for larger, smaller in pairwise(masks))
    found = clone(pruner).set_params(keep=1, threshold=None).fit(X, y)
    assert found.ranking_[found.get_support()].tolist() == [1]


@over_groups
def test_groups_stand_or_fall_together(pruner):
    X, y = table()
    pruner = clone(pruner).set_params(groups={"pair": ["b", "f"], "others": [0, -2]})
    if not pruner._decides:
        pruner.set_params(keep=3, threshold=None)
    found = pruner.fit(X, y)
    kept = dict(zip(NAMES, found.get_support(), strict=True))
    assert kept["b"] == kept["f"]
    assert kept["a"] == kept["e"]
    assert 1 <= sum(kept.values()) <= (6 if pruner._decides else 3)


@over_groups
def test_columns_always_kept_stay(pruner):
    X, y = table()
    pruner = clone(pruner).set_params(always_keep=["f", 4])
    if not pruner._decides:
        pruner.set_params(keep=2, threshold=None)
    found = pruner.fit(X, y)
    assert found.get_support()[[4, 5]].all()
    if not pruner._decides:
        assert found.get_support().sum() == 2
        assert found.path_.units[-1] == 2


@over_groups
@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"groups": [["a", "z"]]}, "groups names the feature 'z', which does not exist"),
        ({"groups": [["a", "b"], ["b", "c"]]}, "groups has the feature 'b' twice"),
        ({"groups": [[[0]]]}, r"groups names the feature \[0\], which does not exist"),
        ({"groups": [None]}, "groups has None in place of a group"),
        ({"always_keep": [[0]]}, r"always_keep names the feature \[0\], which does not exist"),
        ({"always_keep": [6]}, "allowed is an index from -6 to 5, or one of the names 'a', 'b'"),
    ],
)
def test_columns_that_do_not_exist_are_named(pruner, params, words):
    X, y = table()
    with pytest.raises(InputError, match=words):
        clone(pruner).set_params(**params).fit(X, y)


@over_every
def test_several_outputs_are_read_or_refused_in_one_way(pruner):
    X, y = table()
    if isinstance(pruner, PermutationPruner) or not get_tags(pruner).target_tags.required:
        return
    labels = np.column_stack([y, 1 - y])
    for targets in (labels, sparse.csr_array(labels)):
        with pytest.raises(InputError, match=f"2 outputs, but {type(pruner).__name__} allows one"):
            clone(pruner).fit(X, targets)


@over_groups
def test_names_need_a_frame(pruner):
    X, y = table()
    pruner = make_pipeline(StandardScaler(), clone(pruner).set_params(always_keep="b"))
    with pytest.raises(InputError, match=r"set_output\(transform='pandas'\)"):
        pruner.fit(X, y)
    assert pruner.set_output(transform="pandas").fit(X, y)[-1].get_support()[1]


@over_every
def test_rows_without_weight_are_not_there(pruner):
    if draws(pruner):
        pytest.skip("draws depend on the number of rows")
    X, y = table()
    weight = np.repeat([1.0, 0.0, 2.0], len(y) // 3)
    found = clone(pruner).fit(X, y, sample_weight=weight)
    there = clone(pruner).fit(X[weight > 0], y[weight > 0], sample_weight=weight[weight > 0])
    np.testing.assert_allclose(found.scores_, there.scores_)
    with pytest.raises(ValueError, match="zero for all samples"):
        clone(pruner).fit(X, y, sample_weight=0 * weight)


@over_every
def test_pickles_hold_no_table(pruner):
    X, y = table(2000)
    found = clone(pruner).fit(X, y)
    assert len(pickle.dumps(found)) < 20_000
    assert_array_equal(pickle.loads(pickle.dumps(found)).get_support(), found.get_support())


def test_grouped_instances_are_grouped():
    assert all(pruner.groups for pruner in GROUPED)
