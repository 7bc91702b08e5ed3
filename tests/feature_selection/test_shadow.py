"""ShadowPruner: exact decisions of a model with known importances, and planted columns."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.datasets import make_classification, make_friedman1
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import get_tags

from skprune import ShadowPruner
from skprune.exceptions import InputError, PruningWarning

ALWAYS, COIN, NEVER = 2.0, 1.0, 0.0
FAST = ExtraTreesClassifier(10, max_depth=4, max_features=1.0)


class Known(BaseEstimator):
    """A model whose importances are known: the values of a column say when it wins.

    Half of the columns it is given must be shadows, so `min_shadows` is 1.
    """

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):  # noqa: ARG002 - the target plays no part
        kind = X[0, : X.shape[1] // 2]  # shadows are the second half
        coin = np.random.default_rng(self.random_state).random(len(kind)) < 0.5
        won = (kind == ALWAYS) | ((kind == COIN) & coin)
        self.feature_importances_ = np.append(np.where(won, 3.0, 0.5), np.ones(len(kind)))
        return self


def known(*kinds, n_rows=10):
    """A table of such columns, and a target."""
    return np.tile(kinds, (n_rows, 1)), np.arange(n_rows) % 2


def planted(n_rows=200, n_columns=12):
    """A table whose first three columns make the classes."""
    return make_classification(
        n_rows, n_columns, n_informative=3, n_redundant=0, class_sep=1.5, shuffle=False,
        random_state=0,
    )  # fmt: skip


def test_known_importances_are_decided_exactly():
    X, y = known(NEVER, ALWAYS, COIN, NEVER, ALWAYS, NEVER)
    pruner = ShadowPruner(Known(), min_shadows=1, random_state=3).fit(X, y)
    decisions = ["rejected", "confirmed", "tentative", "rejected", "confirmed", "rejected"]
    assert pruner.decision_.tolist() == decisions
    # 6 columns: two confirmed need evidence of 60 each, 9 wins; three rejected of 40, 6 losses.
    assert pruner.rounds_[[0, 1]].tolist() == [6, 9]
    assert pruner.wins_[[0, 1, 3, 4, 5]].tolist() == [0, 9, 0, 9, 0]
    assert_array_equal(pruner.get_support(), np.array(decisions) == "confirmed")
    assert_allclose(pruner.scores_[[0, 1]], [1 / 3, 3 / 4])
    assert pruner.ranking_.tolist() == [4, 1, 3, 5, 2, 6]
    report = pruner.report_
    assert report["reason"][[0, 1]].tolist() == [
        "rejected: won 0 of 6 rounds",
        "confirmed: won 9 of 9 rounds",
    ]
    assert_allclose(report["value"], pruner.wins_ / pruner.rounds_)


def test_levels_beside_the_own_one():
    X, y = known(NEVER, ALWAYS, COIN, NEVER, ALWAYS, NEVER)
    pruner = ShadowPruner(Known(), min_shadows=1, random_state=3)

    def kept(**params):
        return pruner.set_params(**params).fit(X, y).get_support(indices=True).tolist()

    assert kept(tentative="keep") == [1, 2, 4]
    assert kept(keep=3) == [1, 2, 4]
    assert kept(keep=4) == [0, 1, 2, 4]
    assert kept(keep=1) == [1]
    assert kept(keep=None, threshold=0.7) == [1, 4]
    assert kept(threshold=0.3) == [0, 1, 2, 3, 4, 5]
    # Asked again, without a level, an earlier fit plays no part.
    assert kept(threshold=None, tentative="drop") == [1, 4]


def test_nothing_confirmed_leaves_the_best_and_warns():
    X, y = known(NEVER, COIN, NEVER, NEVER, NEVER)
    pruner = ShadowPruner(Known(), min_shadows=1, max_rounds=9, random_state=0)
    with pytest.warns(PruningWarning, match="No feature is confirmed") as caught:
        pruner.fit(X, y)
    assert caught[0].filename == __file__
    assert pruner.get_support(indices=True).tolist() == [1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pruner.set_params(keep=2).fit(X, y)
        pruner.set_params(keep=None, always_keep=[3]).fit(X, y)
    assert pruner.get_support(indices=True).tolist() == [3]
    assert pruner.report_["reason"][3] == "rejected: won 0 of 3 rounds; always kept"


def test_rounds_end_when_nothing_can_be_confirmed_any_more():
    X, y = known(COIN, COIN, COIN, COIN, COIN)
    pruner = ShadowPruner(Known(), min_shadows=1, max_rounds=12, keep=1, random_state=0).fit(X, y)
    assert pruner.rounds_.max() < 12
    longer = ShadowPruner(Known(), min_shadows=1, max_rounds=60, keep=1, random_state=0).fit(X, y)
    assert longer.rounds_.max() > 12
    few = ShadowPruner(Known(), min_shadows=1, max_rounds=2, keep=1, random_state=0).fit(X, y)
    assert few.rounds_.tolist() == [2] * 5


def test_rejected_columns_leave_with_their_shadows():
    seen = []

    def watch(model):
        seen.append(len(model.feature_importances_))
        return model.feature_importances_

    X, y = known(*[NEVER] * 20, *[ALWAYS] * 6)
    ShadowPruner(Known(), min_shadows=1, importance_getter=watch, random_state=0).fit(X, y)
    assert seen[:3] == [52] * 3
    assert seen[-1] == 12


@pytest.mark.parametrize(("min_shadows", "n_columns"), [(1, 24), (5, 24), (13, 36), (30, 48)])
def test_shadows_at_least(min_shadows, n_columns):
    X, y = planted()
    sizes = set()

    def watch(model):
        sizes.add(model.n_features_in_)
        return model.feature_importances_

    ShadowPruner(
        FAST, importance_getter=watch, min_shadows=min_shadows, max_rounds=3, keep=1, random_state=0
    ).fit(X, y)
    assert sizes == {n_columns}


def test_planted_columns_are_found():
    X, y = planted()
    labels = np.array(["no", "yes"])[y]
    pruner = ShadowPruner(random_state=0).fit(X, labels)
    assert pruner.get_support()[:3].all()
    assert set(pruner.ranking_[:3]) == {1, 2, 3}
    X, y = make_friedman1(200, 10, random_state=0)
    assert ShadowPruner(random_state=0).fit(X, y).get_support()[[0, 1, 3]].all()


def test_estimator_is_never_touched():
    X, y = planted()
    forest = RandomForestClassifier(5, random_state=7, n_jobs=1)
    before = pickle.dumps(forest)
    ShadowPruner(forest, max_rounds=9, keep=3, random_state=0).fit(X, y)
    assert pickle.dumps(forest) == before


@pytest.mark.parametrize("estimator", [FAST, make_pipeline(StandardScaler(), FAST)])
def test_same_answer_for_any_number_of_jobs(estimator):
    X, y = planted()
    getter = "steps" if estimator is FAST else "named_steps.extratreesclassifier"
    getter = "feature_importances_" if estimator is FAST else f"{getter}.feature_importances_"
    pruner = ShadowPruner(estimator, importance_getter=getter, max_rounds=9, random_state=0, keep=3)
    alone = pruner.fit(X, y).scores_
    assert_array_equal(pruner.set_params(n_jobs=2).fit(X, y).scores_, alone)
    assert (pruner.set_params(random_state=1).fit(X, y).scores_ != alone).any()


def test_coefficients_count_per_standard_deviation():
    X, y = planted()
    pruner = ShadowPruner(LogisticRegression(), random_state=0, keep=3)
    plain = pruner.fit(X, y).scores_
    # Scales change the coefficients, not what they say; a weak penalty keeps it that way.
    scale = 10.0 ** (np.arange(12) % 3)
    scaled = pruner.set_params(estimator=LogisticRegression(C=1e6, max_iter=5000)).fit(X * scale, y)
    assert scaled.get_support().sum() == 3
    assert np.corrcoef(plain, scaled.scores_)[0, 1] > 0.9


def test_coefficients_of_several_classes_are_one_norm():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 8))
    y = np.digitize(X[:, 0], [-0.5, 0.5]) + 3 * (X[:, 1] > 0)
    pruner = ShadowPruner(RidgeClassifier(), random_state=0).fit(X, y)
    assert {0, 1} <= set(pruner.get_support(indices=True))
    assert ShadowPruner(LinearRegression(), random_state=0).fit(X, X[:, 2]).get_support()[2]


def test_groups_are_as_important_as_their_best_column():
    X, y = planted()
    groups = [[0, 11], [5, 6, 7]]
    pruner = ShadowPruner(FAST, groups=groups, random_state=0).fit(X, y)
    assert pruner.decision_[11] == pruner.decision_[0] == "confirmed"
    assert len(set(pruner.decision_[5:8])) == 1
    assert pruner.report_["partner"][11] == "x0"
    assert pruner.get_support()[[0, 11]].all()


def test_weights_reach_the_fit():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 6))
    half = np.arange(400) < 200
    y = np.where(half, X[:, 0], X[:, 1]) > 0
    for weight, column in [(half, 0), (~half, 1)]:
        pruner = ShadowPruner(FAST, random_state=0).fit(X, y, sample_weight=weight.astype(float))
        assert pruner.ranking_[column] == 1
        assert pruner.decision_[column] == "confirmed"


def test_rows_without_weight_are_not_there():
    X, y = planted()
    y = np.append(np.full(40, 0.5), y[40:])  # they would make the target a quantity
    weight = np.repeat([0.0, 1.0], [40, 160])
    pruner = ShadowPruner(random_state=0, max_rounds=3, keep=3)
    found = pruner.fit(X, y, sample_weight=weight).scores_
    alone = pruner.fit(X[40:], y[40:], sample_weight=weight[40:]).scores_
    assert_array_equal(found, alone)


def no_number(model):
    return np.where(np.arange(model.n_features_in_) == 3, np.nan, 1.0)


def test_errors_teach():
    X, y = planted()
    for estimator, weight, words in [
        (HistGradientBoostingClassifier(max_iter=2), None, "neither feature_importances_ nor"),
        (KNeighborsClassifier(), np.ones(len(y)), "KNeighborsClassifier takes none"),
    ]:
        with pytest.raises(InputError, match=words):
            ShadowPruner(estimator).fit(X, y, sample_weight=weight)
    short = ShadowPruner(
        make_pipeline(PCA(2), LinearSVC()), importance_getter="named_steps.linearsvc.coef_"
    )
    with pytest.raises(InputError, match="returns 2 importances for 24 features"):
        short.fit(X, y)
    with pytest.raises(InputError, match=r"'coef' finds nothing: .* no attribute 'coef'"):
        ShadowPruner(FAST, importance_getter="coef").fit(X, y)
    with pytest.raises(InputError, match="ExtraTreesClassifier are not all finite"):
        ShadowPruner(FAST, importance_getter=no_number).fit(X, y)
    with pytest.raises(ValueError, match="n_estimators"):
        ShadowPruner(RandomForestRegressor(-1)).fit(X, y)


def test_reads_what_the_estimator_reads():
    X, y = planted()
    X[::9, 0] = np.nan
    assert ShadowPruner(FAST, random_state=0).fit(X, y).get_support()[0]
    assert get_tags(ShadowPruner()).input_tags.allow_nan
    assert not get_tags(ShadowPruner(LogisticRegression())).input_tags.allow_nan
    frame = pd.DataFrame({"size": X[:, 1], "kind": np.where(X[:, 2] > 0, "up", "down")})
    assert ShadowPruner(FAST, keep=1, random_state=0).fit(frame, y).get_support().sum() == 1
    with pytest.raises(InputError, match="'kind'"):
        ShadowPruner(LogisticRegression()).fit(frame, y)


def test_one_column_and_one_row():
    X, y = planted()
    pruner = ShadowPruner(FAST, random_state=0)
    assert pruner.fit(X[:, [1]], y).decision_.tolist() == ["confirmed"]
    with pytest.warns(PruningWarning):
        pruner.fit(X[:, [8]], np.zeros(len(y)))
    assert pruner.scores_.tolist() == [0.0]
