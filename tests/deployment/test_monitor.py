import copy
import json
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_array
from scipy.stats import binomtest, ks_2samp
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, mean_absolute_error

from skprune.deployment import AgreementMonitor, _stream
from skprune.exceptions import InputError, MissingExtraError
from skprune.feature_selection import RulePruner
from skprune.tree import TreePruner

N = 4000


@pytest.fixture(scope="module")
def table():
    X, y = make_classification(N, 6, random_state=0)
    return X, y


@pytest.fixture(scope="module")
def models(table):
    X, y = table
    forest = RandomForestClassifier(10, random_state=0).fit(X[:500], y[:500])
    pruned = TreePruner(RandomForestClassifier(10, random_state=0), keep=0.1)
    return forest, pruned.fit(X[:500], y[:500])


def stream(rng, n, agreement):
    """Predictions of two classes with this agreement."""
    first = rng.integers(0, 2, n)
    return first, np.where(rng.random(n) < agreement, first, 1 - first)


def state(monitor):
    return json.loads(monitor.to_json())


# What is counted


def test_agreement_and_scores_are_those_of_numpy(table, models):
    X, y = table
    monitor = AgreementMonitor(*models).fit(X[500:2000], y[500:2000])
    for start in range(2000, N, 400):
        assert monitor.update(X[start : start + 400], y[start : start + 400]) is monitor
    first, second = (model.predict(X) for model in models)
    rest = slice(2000, N)
    assert monitor.n_samples_seen_ == N - 2000
    assert monitor.agreement_ == np.mean(first[rest] == second[rest])
    known = binomtest(int((first[rest] == second[rest]).sum()), N - 2000)
    assert monitor.interval_ == pytest.approx(tuple(known.proportion_ci(0.95, method="exact")))
    scores = [accuracy_score(y[rest], each[rest]) for each in (second, first)]
    assert monitor.score_difference_ == pytest.approx(scores[0] - scores[1])
    low, high = monitor.score_interval_
    assert low < monitor.score_difference_ < high
    base = slice(500, 2000)
    assert monitor.baseline_["agreement"] == np.mean(first[base] == second[base])
    assert monitor.baseline_["n_samples"] == 1500


def test_stored_predictions_are_as_good_as_models(table, models):
    X, y = table
    first, second = (model.predict(X) for model in models)
    with_models = AgreementMonitor(*models).fit(X[:2000], y[:2000]).update(X[2000:], y[2000:])
    stored = AgreementMonitor()
    stored.fit_predictions(first[:2000], pd.Series(second[:2000]), y[:2000], X[:2000])
    stored.update_predictions(list(first[2000:]), second[2000:], y[2000:], X[2000:])
    assert stored.to_json() == with_models.to_json()


def test_level_is_the_lower_bound_of_the_baseline_minus_the_tolerance():
    first, second = stream(np.random.default_rng(0), 1000, 0.95)
    monitor = AgreementMonitor(tolerance=0.02, confidence=0.9).fit_predictions(first, second)
    hits = int((first == second).sum())
    low = binomtest(hits, 1000).proportion_ci(0.9, method="exact").low
    assert monitor.level_ == pytest.approx(low - 0.02)
    assert AgreementMonitor(level=0.9).fit_predictions(first, second).level_ == 0.9


def test_labels_of_all_types_agree_if_they_are_equal():
    for labels in (["a", "b", "c"], [True, False, True], [0.5, 2.0, 7.0], ["a", None, "c"]):
        monitor = AgreementMonitor(level=0.5).update_predictions(labels, labels[:2] + labels[1:2])
        assert monitor.agreement_ == 2 / 3
    categories = pd.Series(["a", "b", "c"], dtype="category"), pd.array(["a", None, "x"])
    assert AgreementMonitor(level=0.5).update_predictions(*categories).agreement_ == 1 / 3


def test_predictions_of_regressors_agree_within_a_tolerance():
    first, second = np.array([1.0, 2.0, 3.0, np.nan, np.inf]), [1.25, 2.26, 3.0, np.nan, 0.0]
    monitor = AgreementMonitor(level=0.5, atol=0.25).update_predictions(first, second)
    assert monitor.agreement_ == 3 / 5
    assert AgreementMonitor(level=0.5, atol=0.0).update_predictions(first, first).agreement_ == 1


def test_score_difference_of_regressors_is_that_of_mean_absolute_errors(table):
    X, _ = table
    y = X[:, 0] + X[:, 1]
    whole = RandomForestRegressor(5, random_state=0).fit(X[:300], y[:300])
    small = RandomForestRegressor(5, max_depth=2, random_state=0).fit(X[:300], y[:300])
    monitor = AgreementMonitor(whole, small, atol=0.5, drift=False).fit(X[300:1000])
    monitor.update(X[1000:1500], y[1000:1500]).update(X[1500:2000], y[1500:2000])
    rest = slice(1000, 2000)
    errors = [mean_absolute_error(y[rest], each.predict(X[rest])) for each in (whole, small)]
    assert monitor.score_difference_ == pytest.approx(errors[0] - errors[1])
    assert monitor.score_interval_[1] < 0  # worse for certain
    gain = np.abs(y[rest] - whole.predict(X[rest])) - np.abs(y[rest] - small.predict(X[rest]))
    width = 1.959964 * gain.std(ddof=1) / np.sqrt(1000)
    assert monitor.score_interval_[0] == pytest.approx(gain.mean() - width, rel=1e-6)


def test_several_outputs_agree_if_all_of_them_do():
    first = np.array([[0, 1], [1, 1], [0, 0], [1, 0]])
    second = np.array([[0, 1], [1, 0], [1, 1], [1, 0]])
    monitor = AgreementMonitor(level=0.4).update_predictions(first, second, first)
    assert monitor.agreement_ == 0.5
    assert monitor.score_difference_ == -0.5


def test_targets_may_come_late_or_never():
    labels = np.array(["a", "b", "a", "b"])
    wrong = np.array(["a", "a", "b", "b"])
    monitor = AgreementMonitor(level=0.4).update_predictions(labels, wrong)
    assert np.isnan(monitor.score_difference_)
    monitor.update_predictions(labels, wrong, ["a", "b", None, None])
    assert monitor.score_difference_ == -0.5
    monitor.update_predictions(labels, wrong, [None] * 4)
    assert monitor.frame()["n_labelled"].tolist() == [0, 2, 0]


def test_score_interval_covers_the_difference():
    """At least as often as stated: of 400 streams of 60 samples at most 5 % and noise miss it."""
    rng, missed = np.random.default_rng(5), 0
    for _ in range(400):
        y = rng.integers(0, 2, 60)
        first, second = (np.where(rng.random(60) < p, y, 1 - y) for p in (0.9, 0.85))
        monitor = AgreementMonitor(level=0.5).update_predictions(first, second, y)
        low, high = monitor.score_interval_
        missed += not low <= -0.05 <= high
    assert missed / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


# The test


def test_batches_give_the_same_alarm_whatever_their_sizes():
    rng = np.random.default_rng(0)
    base, calm, worse = (stream(rng, 1000, p) for p in (0.98, 0.98, 0.8))
    first, second = (np.concatenate(pair) for pair in zip(calm, worse, strict=True))
    found = []
    for size in (2000, 300, 1):
        monitor = AgreementMonitor().fit_predictions(*base)
        for start in range(0, 2000, size):
            monitor.update_predictions(first[start : start + size], second[start : start + size])
        found.append(monitor)
    assert 1000 < found[0].alarm_at_ < 1300
    assert {monitor.alarm_at_ for monitor in found} == {found[0].alarm_at_}
    assert found[2].evidence_ == pytest.approx(found[0].evidence_, rel=1e-6)
    assert [len(monitor.frame()) for monitor in found[:2]] == [1, 7]
    assert len(found[2].frame()) <= 1000


def test_alarm_remains():
    monitor = AgreementMonitor(level=0.9).update_predictions([0] * 50, [1] * 50)
    at = monitor.alarm_at_
    assert monitor.alarm_
    monitor.update_predictions([0] * 100_000, [0] * 100_000)
    assert monitor.evidence_ < 20
    assert (monitor.alarm_, monitor.alarm_at_) == (True, at)


@pytest.mark.parametrize(("level", "confidence", "limit"), [(0.9, 0.95, 20), (None, 0.9, 20)])
def test_alarm_is_raised_where_the_evidence_reaches_its_limit(level, confidence, limit):
    """One tenth of 1 - 0.9 is shared with the baseline: 1 / 0.05 again."""
    monitor = AgreementMonitor(level=level, confidence=confidence)
    monitor.fit_predictions([0] * 1000, [0] * 1000)
    while not monitor.alarm_:
        assert monitor.evidence_ < limit
        monitor.update_predictions([0], [1])
    assert monitor.evidence_ >= limit


def test_streams_without_a_change_raise_no_more_alarms_than_stated():
    """Baseline included, and without a tolerance, which would make alarms rarer."""
    rng, alarms = np.random.default_rng(1), 0
    for _ in range(200):
        monitor = AgreementMonitor(tolerance=0.0).fit_predictions(*stream(rng, 1000, 0.97))
        alarms += monitor.update_predictions(*stream(rng, 5000, 0.97)).alarm_
    assert alarms / 200 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


def test_a_drop_of_two_points_is_found():
    """Within as many samples as the guide states for 90 % of the streams."""
    rng, found = np.random.default_rng(2), 0
    for _ in range(60):
        monitor = AgreementMonitor(level=0.98).update_predictions(*stream(rng, 10_000, 0.98))
        monitor.update_predictions(*stream(rng, 2500, 0.96))
        found += monitor.alarm_ and monitor.alarm_at_ > 10_000
    # 90 % less three standard errors of 60 streams; `python -m benchmarks monitor` runs 1,000
    assert found / 60 >= 0.9 - 3 * np.sqrt(0.09 / 60)


# Drift


def test_drift_is_that_of_the_rule_pruner(table):
    X, _ = table
    earlier, later = X[:2500], X[2500:] + np.linspace(0, 1, 6)
    zeros = [np.zeros(len(part)) for part in (earlier, later)]
    monitor = AgreementMonitor().fit_predictions(zeros[0], zeros[0], X=earlier)
    for rows in (slice(0, 500), slice(500, None)):
        monitor.update_predictions(zeros[1][rows], zeros[1][rows], X=later[rows])
    for rule, slack in (("psi", 1e-9), ("ks", 0.011)):
        limit = {rule: 1e-9}
        pruner = RulePruner(reference=earlier, always_keep=[0], **limit).fit(later)
        expected = pruner.report_["value"].to_numpy()
        np.testing.assert_allclose(monitor.drift_[rule], expected, atol=slack)
    assert (monitor.drift_["ks"] <= expected + 1e-12).all()
    assert (monitor.drift_["psi"].iloc[1:] > 10 * monitor.drift_["psi"].iloc[0]).all()
    last = AgreementMonitor().fit_predictions(zeros[0], zeros[0], X=earlier)
    last.update_predictions(zeros[1][500:], zeros[1][500:], X=later[500:])
    np.testing.assert_array_equal(monitor.drift_["psi_last"], last.drift_["psi"])


def test_drift_of_categories_dates_and_missing_values():
    frame = pd.DataFrame(
        {
            "colour": ["red", "blue"] * 50,
            "when": pd.date_range("2024-01-01", periods=100),
            "gap": [1.0, 2.0] * 50,
            "steady": np.arange(100.0),
        }
    )
    later = frame.assign(colour="red", gap=np.nan)
    monitor = AgreementMonitor(level=0.9).fit_predictions([0] * 100, [0] * 100, X=frame)
    assert monitor.drift_.isna().all(axis=None)
    drift = monitor.update_predictions([0] * 100, [0] * 100, X=later).drift_
    assert drift.index.tolist() == ["colour", "when", "gap", "steady"]
    assert drift.loc["colour", "psi"] > 1
    assert drift.loc["gap", "psi"] > 1
    assert drift.loc["gap", "ks"] == 0
    assert drift.loc["steady", ["psi", "ks"]].tolist() == [0, 0]
    assert drift.loc[["colour", "when"], "ks"].isna().all()
    assert np.isnan(drift.loc["when", "psi"])
    restored = AgreementMonitor.from_json(monitor.to_json())
    pd.testing.assert_frame_equal(restored.drift_, drift)
    batch = [0] * 100, [0] * 100
    again = [each.update_predictions(*batch, X=frame).drift_ for each in (monitor, restored)]
    pd.testing.assert_frame_equal(*again)


def test_drift_of_sparse_samples_is_that_of_dense_ones(table):
    X = np.where(table[0] > 0.5, table[0], 0.0)
    zeros = np.zeros(1000)
    found = []
    for make in (np.asarray, csc_array):
        monitor = AgreementMonitor().fit_predictions(zeros, zeros, X=make(X[:1000]))
        found.append(monitor.update_predictions(zeros, zeros, X=make(X[1000:2000])).drift_)
    pd.testing.assert_frame_equal(*found)


def test_binned_ks_of_few_values_is_exact():
    rng = np.random.default_rng(0)
    earlier, later = rng.integers(0, 50, 400).astype(float), rng.integers(0, 40, 300).astype(float)
    monitor = AgreementMonitor().fit_predictions([0] * 400, [0] * 400, X=earlier[:, None])
    monitor.update_predictions([0] * 300, [0] * 300, X=later[:, None])
    assert monitor.drift_["ks"].iloc[0] == pytest.approx(ks_2samp(earlier, later).statistic)


def test_without_samples_there_is_no_drift(table, models):
    X, _ = table
    monitor = AgreementMonitor(*models, drift=False).fit(X).update(X)
    with pytest.raises(AttributeError, match="drift=False"):
        _ = monitor.drift_
    assert len(monitor.to_json()) < 2000


def test_texts_are_watched_without_drift():
    class Length:
        def predict(self, texts):
            return [len(text) > 3 for text in texts]

    monitor = AgreementMonitor(Length(), Length(), drift=False).fit(["a", "long"] * 50)
    assert monitor.update(["more", "b"]).agreement_ == 1.0


# The state


def test_restored_monitor_continues_where_the_first_was(table, models):
    X, y = table
    for seen in (0, 700):
        monitor = AgreementMonitor(*models).fit(X[:2000], y[:2000])
        if seen:
            monitor.update(X[2000 : 2000 + seen], y[2000 : 2000 + seen])
        restored = AgreementMonitor.from_json(monitor.to_json(), *models)
        assert restored.to_json() == monitor.to_json()
        for each in (monitor, restored):
            each.update(X[2700:], y[2700:])
        assert restored.to_json() == monitor.to_json()
        pd.testing.assert_frame_equal(restored.frame(), monitor.frame())
    empty = AgreementMonitor(confidence=0.99)
    assert AgreementMonitor.from_json(empty.to_json()).to_json() == empty.to_json()


def test_text_holds_no_samples_and_is_strict_json(table, models):
    X, y = table
    monitor = AgreementMonitor(*models).fit(X[:2000], y[:2000]).update(X[2000:], y[2000:])

    def refuse(name):
        raise AssertionError(name)

    json.loads(monitor.to_json(), parse_constant=refuse)
    assert len(monitor.to_json()) < 4000 * X.shape[1]


def paths(value, path=()):
    """All places in nested lists and dicts."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    if isinstance(value, (dict, list)):
        for key, each in items:
            yield from (
                paths(each, (*path, key)) if isinstance(each, (dict, list)) else [(*path, key)]
            )


def test_malformed_texts_are_refused_with_an_error_of_our_own(table, models):
    X, y = table
    frame = pd.DataFrame(X[:, :2], columns=["a", "b"]).assign(c=np.where(y, "x", "z"))
    first, second = (model.predict(X) for model in models)
    monitor = AgreementMonitor().fit_predictions(first, second, y, frame)
    whole = state(monitor.update_predictions(first, second, y, frame))
    rng = np.random.default_rng(0)
    places = [path for path in paths(whole) if path]
    refused = 0
    places = [p for p in places if len(p) < 4] + [places[i] for i in rng.choice(len(places), 60)]
    for path in places:
        for value in (None, "x", -1, 1e308, [], [[]]):
            text = copy.deepcopy(whole)
            inner = text
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
            try:
                found = AgreementMonitor.from_json(json.dumps(text))
            except InputError:
                refused += 1
                continue
            # What is accepted can be used, and written again.
            found.update_predictions(first[:50], second[:50], y[:50])
            found.frame()
            AgreementMonitor.from_json(found.to_json())
    assert refused > 3 * len(places)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"format": 1}', None, "[" * 100_000])
def test_what_is_no_monitor_is_refused(text):
    with pytest.raises(InputError, match="Give what to_json returned"):
        AgreementMonitor.from_json(text)


def test_newer_versions_are_refused():
    text = AgreementMonitor().to_json().replace('"version": 1', '"version": 2')
    with pytest.raises(InputError, match=r"version 2.*update skprune"):
        AgreementMonitor.from_json(text)


def test_many_batches_become_fewer(monkeypatch):
    monkeypatch.setattr(_stream, "MAX_BATCHES", 10)
    monitor = AgreementMonitor(level=0.5)
    for i in range(37):
        monitor.update_predictions([0, 0], [0, i % 2])
    frame = monitor.frame()
    assert len(frame) <= 10
    assert frame["n_samples"].sum() == 74
    assert (frame["agreement"] * frame["n_samples"]).sum() == 74 * monitor.agreement_
    assert frame["evidence"].iloc[-1] == monitor.evidence_


# Errors


def test_failed_update_changes_nothing(table, models):
    X, y = table
    monitor = AgreementMonitor(*models).fit(X[:2000]).update(X[2000:3000])
    before = monitor.to_json()
    first, second = (model.predict(X[3000:]) for model in models)
    for given in (
        (first, second[1:]),
        (first, second, y[:3]),
        (first, second, None, X[:3]),
        (first, second, None, X[3000:, 1:]),
        (first, second, None, np.full((1000, 6), "a", dtype=object)),
        (first, second, None, np.full((1000, 6), np.inf)),
        ([], []),
        (first, second.astype(str)),
    ):
        with pytest.raises(ValueError, match=r".+"):
            monitor.update_predictions(*given)
        assert monitor.to_json() == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"level": 1.0}, "level=1.0 was given"),
        ({"level": True}, "level=True"),
        ({"tolerance": -0.1}, "tolerance"),
        ({"confidence": 1}, "confidence"),
        ({"atol": np.inf}, "atol"),
        ({"reference": RandomForestRegressor()}, "largest difference"),
    ],
)
def test_parameters_are_checked(given, message):
    with pytest.raises(InputError, match=message):
        AgreementMonitor(**given)


def test_what_is_missing_is_named(table, models):
    X, _ = table
    with pytest.raises(InputError, match="update_predictions"):
        AgreementMonitor(level=0.9).update(X)
    with pytest.raises(InputError, match="fit_predictions"):
        AgreementMonitor(models[0]).fit(X)
    with pytest.raises(NotFittedError, match="give level"):
        AgreementMonitor(*models).update(X)
    with pytest.raises(NotFittedError, match="give level"):
        _ = AgreementMonitor().level_
    with pytest.raises(InputError, match="no table to compare"):
        AgreementMonitor(level=0.5).update_predictions([0], [0], X=X[:1])
    with pytest.raises(InputError, match="smaller tolerance"):
        AgreementMonitor().fit_predictions([0, 0], [1, 1])
    with pytest.raises(InputError, match="holds text and predictions numbers"):
        AgreementMonitor(level=0.5).update_predictions(["0"], [0])
    with pytest.raises(InputError, match="something else than numbers"):
        AgreementMonitor(level=0.5, atol=1).update_predictions(["a"], ["b"])


def test_features_are_compared_by_name():
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    monitor = AgreementMonitor(level=0.5).fit_predictions([0, 0], [0, 0], X=frame)
    with pytest.raises(InputError, match="'b' where fit was given 'a'"):
        monitor.update_predictions([0, 0], [0, 0], X=frame[["b", "a"]])
    monitor.update_predictions([0, 0], [0, 0], X=frame.to_numpy())
    with pytest.raises(InputError, match="text in X and numbers"):
        monitor.update_predictions([0, 0], [0, 0], X=frame.assign(b="x"))


# The picture


@pytest.fixture
def plt():
    with mpl.rc_context({"backend": "agg"}):
        import matplotlib.pyplot as plt

        yield plt
        plt.close("all")


@pytest.mark.parametrize("n_batches", [5, 100])
def test_picture_shows_batches_levels_and_the_alarm(plt, n_batches):
    rng = np.random.default_rng(0)
    monitor = AgreementMonitor().fit_predictions(*stream(rng, 4000, 0.98))
    for i in range(n_batches):
        monitor.update_predictions(*stream(rng, 200, 0.9 if i > 2 else 0.98))
    ax = monitor.plot()
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert any(label.startswith("tested level") for label in labels)
    assert any(f"{monitor.alarm_at_:,}" in label for label in labels)
    assert sum("batch" in label for label in labels) == 1
    own = plt.subplots()[1]
    assert monitor.plot(ax=own) is own


def test_picture_needs_a_batch_and_matplotlib(monkeypatch):
    monitor = AgreementMonitor(level=0.9)
    with pytest.raises(InputError, match="update first"):
        monitor.plot()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match=r"skprune\[plot\]"):
        monitor.update_predictions([0], [0]).plot()
