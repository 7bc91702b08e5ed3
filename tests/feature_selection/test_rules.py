"""RulePruner: its rules one by one, against pandas, and rows in pieces."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skprune import RulePruner
from skprune.exceptions import InputError, LevelError, PruningWarning

OFF = {"constant": None, "missing": None, "duplicates": False}


def rules(**params):
    """A pruner with these rules alone."""
    return RulePruner(**{**OFF, **params})


def customers(n_rows=200):
    """A frame of columns of all types, the later half of which drifts."""
    rng = np.random.default_rng(0)
    age = rng.integers(18, 90, n_rows)
    sex = rng.choice(["f", "m"], n_rows)
    return pd.DataFrame(
        {
            "id": [f"c{i:05d}" for i in range(n_rows)],
            "number": rng.permutation(n_rows) + 1000,
            "age": age,
            "years": age.astype(np.float32),
            "sex": sex,
            "gender": pd.Categorical(sex),
            "site": "north",
            "note": None,
            "income": rng.lognormal(size=n_rows),
            "flag": rng.random(n_rows) < 0.02,
            "phone": np.where(rng.random(n_rows) < 0.9, None, "yes"),
            "price": rng.normal(size=n_rows) + 3 * (np.arange(n_rows) >= n_rows // 2),
            "plan": np.where(np.arange(n_rows) < n_rows // 2, "old", "new"),
        }
    )


def gone(pruner):
    """The columns that went, and why."""
    report = pruner.report_
    return report.loc[~report["kept"]].set_index("feature")


def test_defaults_remove_what_adds_nothing():
    pruner = RulePruner().fit(customers())
    assert gone(pruner)["reason"].to_dict() == {
        "years": "equal to another feature",
        "gender": "equal to another feature",
        "site": "share of one value at least 1",
        "note": "share of missing values at least 1",
    }
    assert gone(pruner)["partner"].dropna().to_dict() == {"years": "age", "gender": "sex"}
    assert gone(pruner).loc[["site", "note"], "value"].tolist() == [1.0, 1.0]
    assert pruner.report_["score"].tolist() == pruner.scores_.tolist()


@pytest.mark.parametrize(
    ("params", "columns"),
    [
        ({"constant": 1.0}, {"site", "note"}),
        ({"constant": 0.97}, {"site", "note", "flag"}),
        ({"missing": 1.0}, {"note"}),
        ({"missing": 0.8}, {"note", "phone"}),
        ({"duplicates": True}, {"years", "gender"}),
        ({"identifiers": True}, {"id", "number"}),
        ({"psi": 0.5}, {"id", "price", "plan"}),
        ({"ks": 0.5}, {"price"}),
        ({"psi": 100.0, "ks": 1.0}, set()),
    ],
)
def test_each_rule_alone(params, columns):
    found = gone(rules(**params).fit(customers()))
    assert set(found.index) == columns
    limit = next(iter(params.values()))
    assert (found["value"].fillna(1) >= limit).all()


def test_no_rule_removes_nothing():
    assert rules().fit(customers()).get_support().all()
    assert len(rules().fit(customers()).path_) == 1


def test_shares_are_those_of_pandas():
    X = customers()
    pruner = RulePruner().fit(X)
    found = pruner.statistics_
    assert found.index.tolist() == X.columns.tolist()
    assert_allclose(found["missing"], X.isna().mean())
    top = X.apply(lambda column: column.value_counts(normalize=True, dropna=False).iloc[0])
    assert_allclose(found["share"], np.where(X.nunique() > 128, 0.0, top))
    assert_allclose(pruner.scores_, 1 - found["share"])
    numbers = ["number", "age", "years", "income", "price"]
    expected = X[numbers].agg(["min", "max", "mean"]).T.astype(float)
    assert_allclose(found.loc[numbers, ["low", "high", "mean"]], expected, rtol=1e-6)
    assert_allclose(found.loc[numbers, "std"], X[numbers].std(ddof=0).astype(float), rtol=1e-6)
    assert found.loc[["sex", "note"], ["low", "mean", "std"]].isna().all(axis=None)


def test_no_value_is_a_value_of_its_own():
    X = pd.DataFrame({"a": [5.0, np.nan, 5.0, 5.0], "b": [1.0, 2.0, 3.0, 4.0]})
    assert RulePruner().fit(X).get_support().all()
    assert rules(constant=0.75).fit(X).get_support().tolist() == [False, True]


def test_a_share_at_the_limit_goes():
    X = np.column_stack([np.arange(100) < 90, np.arange(100) < 89, np.arange(100)]).astype(float)
    weight = np.full(100, 0.1)
    for sample_weight in (None, weight):
        pruner = rules(constant=0.9).fit(X, sample_weight=sample_weight)
        assert pruner.get_support().tolist() == [False, True, True]


def test_text_is_equal_only_to_the_same_text():
    X = pd.DataFrame(
        {
            "a": ["x", "y", "x", None],
            "relabelled": ["p", "q", "p", None],
            "same": pd.Categorical(["x", "y", "x", None]),
            "number": [0.0, 1.0, 0.0, np.nan],
        }
    )
    for frame in (X, pl.DataFrame(X.astype(object).where(X.notna(), None).to_dict("list"))):
        pruner = RulePruner().fit(frame)
        assert pruner.get_feature_names_out().tolist() == ["a", "relabelled", "number"]


def test_collisions_of_hashes_remove_nothing(monkeypatch):
    monkeypatch.setattr(
        "skprune.criteria.column_statistics._digest",
        lambda entries, *_: np.zeros((len(entries.first), 2), dtype=np.uint64),
    )
    X = np.array([[1.0, 1.0, 2.0], [2.0, 2.0, 3.0], [3.0, 3.0, 3.0]])
    assert RulePruner().fit(X).get_support().tolist() == [True, False, True]


def test_identifiers_need_rows_and_whole_values():
    X = np.column_stack([np.arange(50.0), np.arange(50.0) / 4, np.arange(50.0)])
    X[0, 2] = np.nan
    assert rules(identifiers=True).fit(X).get_support().tolist() == [False, True, True]
    assert rules(identifiers=True).fit(X[:49]).get_support().all()
    # Rows are what counts, not how often they are repeated.
    pruner = rules(identifiers=True).fit(X, sample_weight=np.full(50, 3.0))
    assert not pruner.get_support()[0]
    assert gone(pruner)["value"].tolist() == [50]


def test_rows_without_weight_do_not_exist():
    X = np.array([[1.0, 1.0], [1.0, 2.0], [7.0, 3.0]])
    pruner = RulePruner().fit(X, sample_weight=[1, 1, 0])
    assert pruner.get_support().tolist() == [False, True]
    assert pruner.statistics_["high"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("reference", [0.5, 0.3])
def test_drift_with_weights_is_that_of_repeated_rows(reference):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(101, 5))
    X[70:, 1:3] += [1.0, 3.0]
    weight = rng.integers(0, 4, 101)
    pruner = rules(psi=1.0, ks=0.5, reference=reference)
    weighted = clone(pruner).fit(X, sample_weight=weight)
    repeated = clone(pruner).fit(X.repeat(weight, axis=0))
    pd.testing.assert_frame_equal(weighted.report_, repeated.report_)
    assert not weighted.get_support().all()


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, pd.DataFrame])
def test_drift_against_a_table(kind):
    rng = np.random.default_rng(0)
    earlier, later = rng.integers(0, 5, (300, 4)), rng.integers(0, 5, (200, 4))
    later[:, 2] += 2
    both = np.concatenate([earlier, later])
    expected = rules(psi=0.2, ks=0.2, reference=0.6).fit(both)
    found = rules(psi=0.2, ks=0.2, reference=kind(earlier)).fit(kind(later))
    assert found.get_support().tolist() == [True, True, False, True]
    assert_array_equal(found.report_["value"], expected.report_["value"])
    dense = rules(psi=0.2, ks=0.2, reference=0.6).fit(sparse.csr_array(both))
    assert_array_equal(dense.report_["value"], expected.report_["value"])


def test_drift_of_text_against_a_table():
    X = customers()
    pruner = rules(psi=0.5, reference=X[:100]).fit(X[100:])
    assert set(gone(pruner).index) == {"id", "price", "plan"}
    # What has no value has no type: to be missing throughout, and later not, is drift.
    empty = rules(psi=0.5, reference=X.assign(sex=np.nan)).fit(X)
    assert set(gone(empty).index) == {"sex"}
    wrong = X.assign(sex=1.0)
    with pytest.raises(InputError, match=r"1 feature\(s\) hold text in one of .* 'sex'"):
        rules(psi=0.5, reference=wrong).fit(X)


def test_drift_in_a_pipeline():
    X = customers()[["age", "income", "price"]]
    model = make_pipeline(StandardScaler(), rules(ks=0.4), LogisticRegression())
    model.set_params(rulepruner__reference=0.5).fit(X, X["income"] > 1)
    assert model[-1].n_features_in_ == 2


def test_samples_of_drift_need_rows():
    with pytest.raises(InputError, match=r"reference=0.01 of 20 sample\(s\) leaves no earlier"):
        rules(psi=0.1, reference=0.01).fit(np.arange(40.0).reshape(20, 2))


# Groups, levels, errors.


def test_a_group_goes_if_each_of_its_columns_does():
    X = np.column_stack([np.zeros(6), np.arange(6.0), np.ones(6), np.ones(6)])
    pruner = RulePruner(groups=[[0, 1], [2, 3]]).fit(X)
    assert pruner.get_support().tolist() == [True, True, False, False]
    assert RulePruner(always_keep=[3]).fit(X).get_support().tolist() == [False, True, False, True]


def test_the_partner_is_a_column_that_stays():
    x = np.arange(6.0)
    X = np.column_stack([x, x, x[::-1], x])
    assert gone(RulePruner().fit(X))["partner"].to_dict() == {"x1": "x0", "x3": "x0"}
    pruner = RulePruner(always_keep=[1]).fit(X)
    assert gone(pruner)["partner"].to_dict() == {"x0": "x1", "x3": "x1"}
    assert pruner.report_["reason"].tolist()[1] == "always kept"
    pruner = RulePruner(groups=[[1, 3]]).fit(X)
    assert gone(pruner)["partner"].to_dict() == {"x1": "x0", "x3": "x0"}


def test_levels_are_all_columns_and_those_that_stay():
    X = customers()
    pruner = RulePruner(keep=1.0).fit(X)
    assert pruner.get_support().all()
    assert pruner.report_["reason"].eq("").all()
    assert pruner.path_.units.tolist() == [13, 9]
    assert_array_equal(pruner.path_.cut(index=-1), RulePruner().fit(X).get_support())
    for level in ({"keep": 3}, {"keep": 0.5}, {"threshold": 0.1}):
        with pytest.raises(LevelError, match="RulePruner decides by itself"):
            RulePruner(**level).fit(X)


def test_a_table_of_which_nothing_stays_is_refused():
    pruner = RulePruner()
    with pytest.raises(
        InputError, match=r"None of n_features=2 would be kept after 3 sample\(s\): share of"
    ):
        pruner.fit(np.ones((3, 2)))
    with pytest.raises(NotFittedError):
        pruner.transform(np.ones((3, 2)))


@pytest.mark.parametrize(
    "params",
    [
        {"constant": 0.5},
        {"constant": 1.1},
        {"missing": 0.0},
        {"psi": 0.0},
        {"ks": 1.5},
        {"reference": 1.0},
        {"duplicates": None},
        {"identifiers": 0.9},
    ],
)
def test_limits_without_a_meaning_are_refused(params):
    with pytest.raises(ValueError, match="parameter of RulePruner must be"):
        RulePruner(**params).fit(customers())


# Rows in pieces.


def in_pieces(pruner, X, cuts, weight=None):
    """A pruner that was given a table in pieces."""
    pruner, ends = clone(pruner), sorted({*cuts, len(X)})
    begin = 0
    for end in ends:
        piece = None if weight is None else weight[begin:end]
        pruner.partial_fit(X[begin:end], sample_weight=piece)
        begin = end
    return pruner


@settings(max_examples=10, deadline=None)
@given(st.sets(st.integers(2, 199), max_size=4), st.booleans())
@pytest.mark.filterwarnings("ignore:None of n_features")
def test_pieces_give_the_same(cuts, weighted):
    X = customers()
    weight = np.random.default_rng(0).integers(0, 3, 200).astype(float) if weighted else None
    if weighted:
        weight[[0, *(cut - 1 for cut in cuts), -1]] = 1.0  # each piece has a row that counts
    pruner = RulePruner(constant=0.97, missing=0.8, identifiers=True, psi=1.0, reference=X[:90])
    whole, pieces = clone(pruner).fit(X, sample_weight=weight), in_pieces(pruner, X, cuts, weight)
    pd.testing.assert_frame_equal(pieces.report_, whole.report_, rtol=1e-10)
    pd.testing.assert_frame_equal(pieces.statistics_, whole.statistics_, rtol=1e-10, atol=1e-10)
    assert_array_equal(pieces.path_.cut(index=-1), whole.path_.cut(index=-1))


def test_pieces_may_be_sparse_or_of_other_kinds():
    X = np.random.default_rng(0).poisson(0.3, (60, 5)).astype(float)
    X[:, 4] = X[:, 1]
    pruner = RulePruner()
    for part in (X[:20], sparse.csr_array(X[20:40]), X[40:].astype(np.float32)):
        pruner.partial_fit(part)
    pd.testing.assert_frame_equal(pruner.report_, RulePruner().fit(X).report_)


def test_the_pruner_is_usable_after_each_piece():
    X = np.column_stack([np.zeros(6), np.arange(6.0), np.ones(6)])
    pruner = RulePruner()
    with pytest.warns(PruningWarning, match=r"after 1 sample\(s\).*None is removed yet") as caught:
        pruner.partial_fit(X[:1])
    assert caught[0].filename == __file__
    assert pruner.transform(X).shape == (6, 3)
    assert pruner.partial_fit(X[1:3]).transform(X).shape == (6, 1)
    X[5, 0] = 1.0
    assert pruner.partial_fit(X[3:]).get_support().tolist() == [True, True, False]
    assert len(pruner.path_) == 2
    # Fit begins anew, and pieces go on from there, also after a round trip.
    pruner = pickle.loads(pickle.dumps(pruner.fit(X[:3])))
    assert pruner.get_support().tolist() == [False, True, False]
    assert pruner.partial_fit(X[3:]).get_support().tolist() == [True, True, False]
    assert clone(pruner).set_params(keep=1.0).partial_fit(X).get_support().all()


def test_a_rule_may_be_switched_off_between_pieces():
    X = np.column_stack([np.arange(60.0), np.arange(60.0) % 7])
    pruner = RulePruner(identifiers=True).partial_fit(X)
    assert pruner.get_support().tolist() == [False, True]
    pruner.set_params(identifiers=False).partial_fit(X)
    assert pruner.get_support().all()
    with pytest.raises(InputError, match="identifiers or psi was turned on after"):
        pruner.set_params(identifiers=True).partial_fit(X)


def test_pieces_keep_one_type_of_column():
    first = pd.DataFrame({"a": [1.0, 2.0], "b": [None, None], "c": ["x", "y"]})
    pruner = RulePruner().partial_fit(first)
    pruner.partial_fit(first.assign(b=["u", "v"]))  # it had no value yet
    assert pruner.statistics_.loc["b", "missing"] == 0.5
    with pytest.raises(InputError, match=r"text in one of these samples and earlier ones.* 'a'"):
        pruner.partial_fit(first.assign(a=["u", "v"]))
    with pytest.raises(ValueError, match="feature names should match"):
        pruner.partial_fit(first.rename(columns={"a": "z"}))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"ks": 0.1}, "ks=0.1 needs all values at once"),
        ({"psi": 0.1}, "reference=0.5 is a share of a number of samples"),
    ],
)
def test_rules_that_need_all_rows_are_refused_in_pieces(params, words):
    with pytest.raises(InputError, match=words):
        RulePruner(**params).partial_fit(customers())


def test_rules_cannot_be_switched_on_between_pieces():
    X = np.arange(12.0).reshape(4, 3)
    for params in ({"identifiers": True}, {"psi": 0.1, "reference": X}):
        pruner = RulePruner().partial_fit(X).set_params(**params)
        with pytest.raises(InputError, match="turned on after the first batch"):
            pruner.partial_fit(X)


def test_columns_that_repeat_a_value_are_not_held():
    X = np.column_stack([np.arange(400), np.arange(400) % 399, np.arange(400) / 3])
    pruner = in_pieces(RulePruner(identifiers=True), X, [100, 300, 399])
    assert list(pruner._state.seen) == [0]
    assert pruner.get_support().tolist() == [False, True, True]


def test_rules_count_dates_and_leave_their_drift_alone():
    days = pd.date_range("2020-01-01", periods=60)
    X = pd.DataFrame(
        {
            "when": days,
            "again": days.to_pydatetime().astype(object),
            "once": days[0],
            "never": pd.Series([pd.NaT] * 60, dtype="datetime64[ns]"),
            "some": days.where(days.day > 2),
            "lasts": days - days[0],
        }
    )
    report = RulePruner(psi=0.1, ks=0.1).fit(X).report_.set_index("feature")
    assert report.index[report["kept"]].tolist() == ["when", "some", "lasts"]
    assert report.loc["again", "partner"] == "when"
    assert report.loc["once", "reason"].startswith("share of one value")
    assert report.loc["never", "reason"].startswith("share of missing values")
    named = RulePruner(identifiers=True).fit(X.assign(number=np.tile([1.0, 2], 30))).report_
    assert (
        named.set_index("feature").loc[["when", "lasts"], "reason"].eq("all values distinct").all()
    )
    pieces = RulePruner().partial_fit(X[:30]).partial_fit(X[30:])
    assert pieces.get_support().tolist() == report["kept"].tolist()
