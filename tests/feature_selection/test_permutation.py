"""Columns that are not missed on held-out rows, against a plain loop and planted truth."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import make_regression
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags
from sklearn.utils._param_validation import InvalidParameterError

from skprune import PermutationPruner
from skprune.exceptions import InputError

FOREST = RandomForestClassifier(15, random_state=0)


def planted(n_rows=300, n_columns=12, seed=0):
    """Classes made of the first three columns; the others are noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_columns))
    return X, (X[:, 0] - X[:, 1] + X[:, 2] + 0.3 * rng.standard_normal(n_rows) > 0).astype(int)


def test_scores_are_the_means_of_scikit_learn_over_folds():
    X, y = planted()
    cv = KFold(3, shuffle=True, random_state=1)
    found = PermutationPruner(FOREST, cv=cv, n_repeats=4, random_state=7).fit(X, y)
    seeds = np.random.RandomState(7).randint(np.iinfo(np.int32).max, size=3)
    for fold, (train, test) in enumerate(cv.split(X)):
        model = clone(FOREST).fit(X[train], y[train])

        class Drawn(np.random.RandomState):
            """Hands out the seed of this fold, as `permutation_importance` draws one."""

            def randint(self, *_, seed=seeds[fold]):
                return seed

        peer = permutation_importance(model, X[test], y[test], n_repeats=4, random_state=Drawn())
        assert_array_equal(found.importances_[:, fold], peer.importances)
    assert_allclose(found.scores_, found.importances_.reshape(12, -1).mean(axis=1))
    report = found.report_
    assert_allclose(report["std"], found.importances_.reshape(12, -1).std(axis=1))
    means = found.importances_.mean(axis=2)
    assert_allclose(report["se"], means.std(axis=1, ddof=1) / np.sqrt(3))


@pytest.mark.parametrize("estimator", [FOREST, KNeighborsClassifier(), "boosting"])
def test_planted_columns_rank_first(estimator):
    if estimator == "boosting":
        estimator = HistGradientBoostingClassifier(max_iter=30, random_state=0)
    for seed in range(2):
        X, y = planted(400, 8, seed=seed)
        found = PermutationPruner(estimator, cv=3, keep=3, random_state=seed).fit(X, y)
        assert found.get_support(indices=True).tolist() == [0, 1, 2]


def test_a_threshold_of_zero_drops_what_is_not_missed():
    X, y = make_regression(200, 8, n_informative=3, shuffle=False, noise=1.0, random_state=0)
    found = PermutationPruner(LinearRegression(), threshold=0, random_state=0).fit(X, y)
    assert found.get_support()[:3].all()
    assert_array_equal(found.get_support(), found.scores_ > 0)
    # Noise is missed half of the time: a limit above its spread takes all of it.
    limit = 3 * found.report_["std"].to_numpy()[3:].max()
    strict = PermutationPruner(LinearRegression(), threshold=limit, random_state=0).fit(X, y)
    assert strict.get_support(indices=True).tolist() == [0, 1, 2]


def twins(seed):
    """The first column says it all, and so does the last one; three are noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((400, 5))
    X[:, 4] = X[:, 0]
    return X, (X[:, 0] + 0.1 * rng.standard_normal(400) > 0).astype(int)


def test_twins_hide_each_other_alone_and_not_as_a_group():
    for seed in range(2):
        X, y = twins(seed)
        estimator = LogisticRegression()  # it gives both the same weight
        alone = PermutationPruner(estimator, cv=3, random_state=0).fit(X, y)
        group = PermutationPruner(estimator, cv=3, groups=0.9, random_state=0).fit(X, y)
        assert group.scores_[0] == group.scores_[4] > 0.4
        assert alone.scores_.max() < 0.7 * group.scores_[0]
        assert group.report_["partner"].fillna("").tolist() == ["", "", "", "", "x0"]
        assert group.importances_.shape == (5, 3, 5)
        named = PermutationPruner(estimator, cv=3, groups=[[0, 4]], random_state=0).fit(X, y)
        assert_array_equal(named.scores_, group.scores_)


def mixed(n_rows=120):
    """A frame with text; the target goes with the text and with numbers that say the same."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.standard_normal(n_rows)})
    frame["text"] = rng.choice(["high", "low", "none"], n_rows)
    frame["curved"] = -np.exp(3 * frame["a"])
    frame["noise"] = rng.standard_normal(n_rows)
    frame["holes"] = frame["a"].where(rng.random(n_rows) < 0.8)
    return frame, ((frame["text"] == "high") ^ (frame["a"] > 0.5)).to_numpy()


def reader():
    """A model of text and numbers."""
    text = make_column_selector(dtype_exclude="number")
    encode = make_column_transformer(
        (OneHotEncoder(sparse_output=False), text), remainder="passthrough"
    )
    return make_pipeline(encode, HistGradientBoostingClassifier(max_iter=20, random_state=0))


def test_a_pipeline_may_read_text():
    frame, y = mixed(300)
    found = PermutationPruner(reader(), cv=3, keep=1, random_state=0).fit(frame, y)
    assert found.get_feature_names_out().tolist() == ["text"]
    assert get_tags(PermutationPruner(HistGradientBoostingClassifier())).input_tags.allow_nan


def test_groups_by_correlation_see_ranks_and_leave_text_alone():
    frame, y = mixed()
    found = PermutationPruner(reader(), cv=2, n_repeats=1, groups=0.9, random_state=0)
    partner = found.fit(frame, y).report_["partner"]
    assert partner.fillna("").tolist() == ["", "", "a", "", "a"]
    whole = found.set_params(groups=0.9999).fit(frame, y).report_["partner"]
    assert whole.isna().sum() >= 4  # ranks of a column with holes are not quite the same


@pytest.mark.parametrize("kind", [pl.DataFrame, sparse.csr_array, np.array])
def test_groups_by_correlation_in_any_table(kind):
    X, y = twins(0)
    table = pl.DataFrame(dict(zip("abcde", X.T, strict=True))) if kind is pl.DataFrame else kind(X)
    pruner = PermutationPruner(DecisionTreeClassifier(random_state=0), cv=2, groups=0.9)
    assert pruner.fit(table, y).report_["partner"].notna().tolist() == [False] * 4 + [True]


def test_text_that_the_model_refuses_is_named_and_its_words_are_told():
    frame, y = mixed()
    with pytest.raises(InputError, match=r"raised .could not convert.*1 feature\(s\).*'text'"):
        PermutationPruner(DecisionTreeClassifier()).fit(frame, y)


def test_errors_of_the_estimator_pass():
    X, y = planted(60)
    with pytest.raises(InvalidParameterError, match="'C' parameter"):
        PermutationPruner(LogisticRegression(C=-1)).fit(X, y)
    with pytest.raises(ValueError, match="n_splits=50"):
        PermutationPruner(LogisticRegression(), cv=50).fit(X, y)
    with pytest.raises(ValueError, match="requires y"):
        PermutationPruner(LogisticRegression()).fit(X)
    for wrong in ({"groups": 1.0}, {"groups": "auto"}, {"n_repeats": 0}, {"scoring": "none"}):
        with pytest.raises(InvalidParameterError, match=next(iter(wrong))):
            PermutationPruner(LogisticRegression(), **wrong).fit(X, y)


def test_scorer_of_ones_own():
    X, y = planted()

    def recall_of_ones(model, rows, targets):
        return float(model.predict(rows)[targets == 1].mean())

    pruner = PermutationPruner(FOREST, cv=2, scoring=recall_of_ones, random_state=0).fit(X, y)
    named = PermutationPruner(FOREST, cv=2, scoring="recall", random_state=0).fit(X, y)
    assert_allclose(pruner.scores_, named.scores_, atol=1e-12)


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_number_of_jobs_does_not_matter(backend):
    from joblib import parallel_config

    X, y = planted()
    pruner = PermutationPruner(FOREST, cv=3, random_state=np.random.RandomState(0))
    alone = clone(pruner).fit(X, y)
    with parallel_config(backend):
        together = clone(pruner).set_params(n_jobs=2).fit(X, y)
    assert_array_equal(alone.importances_, together.importances_)


def test_estimator_is_never_touched():
    X, y = planted()
    model = clone(FOREST)
    PermutationPruner(model, cv=2).fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)


class Watched(LogisticRegression):
    """Keeps the weights that its fits are given."""

    seen: list = []  # noqa: RUF012 - clones share it

    def fit(self, X, y, sample_weight=None):
        self.seen.append(sample_weight)
        return super().fit(X, y, sample_weight)


@pytest.mark.parametrize(
    "wrap", [lambda model: model, lambda m: make_pipeline(StandardScaler(), m)]
)
def test_weights_reach_the_fit_and_the_scorer(wrap):
    X, y = planted(100)
    weight = np.random.default_rng(0).integers(0, 3, 100).astype(float)
    cv = ShuffleSplit(1, random_state=0)
    Watched.seen.clear()
    found = PermutationPruner(wrap(Watched()), cv=cv, n_repeats=1, random_state=0)
    found.fit(X, y, sample_weight=weight)
    train, test = next(cv.split(X))
    assert_array_equal(Watched.seen[0], weight[train])
    assert np.isnan(found.report_["se"]).all()
    # Shuffled or not, a held-out row of weight 0 does not count.
    scorer = get_scorer("accuracy")
    model = wrap(LogisticRegression())
    name = {"sample_weight": weight[train]}
    if hasattr(model, "steps"):
        name = {"logisticregression__sample_weight": weight[train]}
    model.fit(X[train], y[train], **name)
    whole = scorer(model, X[test], y[test], sample_weight=weight[test])
    n_steps = found.scores_ * weight[test].sum()
    assert_allclose(n_steps, np.round(n_steps), atol=1e-9)
    assert (found.scores_ <= whole).all()


def test_an_estimator_without_weights_is_fitted_without():
    X, y = planted(100)
    pruner = PermutationPruner(KNeighborsClassifier(), cv=2, n_repeats=1, random_state=0)
    even = pruner.fit(X, y).scores_
    weighted = pruner.fit(X, y, sample_weight=np.arange(1.0, 101)).scores_
    assert not np.array_equal(even, weighted)


def test_missing_values_pass_where_a_part_of_the_model_or_the_fit_accepts_them():
    X, y = planted(100)
    holes = X.copy()
    holes[::7] = np.nan
    model = make_pipeline(SimpleImputer(), LogisticRegression())
    for estimator, seen in [(model, holes), (model, X), (GridSearchCV(model, {}, cv=2), X)]:
        pruner = PermutationPruner(estimator, cv=2, n_repeats=1, random_state=0).fit(seen, y)
        for given in (holes, pd.DataFrame(holes)):
            assert np.shape(pruner.transform(given)) == (100, 6)
        holes[0, 0] = np.inf
        with pytest.raises(InputError, match="contain infinity"):
            pruner.transform(holes)
        with pytest.raises(InputError, match="contain infinity"):
            pruner.fit(holes, y)
        holes[0, 0] = np.nan
