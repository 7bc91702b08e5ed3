"""strip(drop_unread=True): a narrower table, a smaller file, and the same predictions."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import RFE, SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import (
    CorrelationPruner,
    InformationPruner,
    LinearPruner,
    RandomPruner,
    RulePruner,
    TreePruner,
    strip,
)
from skprune.exceptions import PruningWarning

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)
X, Y = X.iloc[::2], Y.iloc[::2]
RNG = np.random.default_rng(0)
N = len(Y)
TREE = DecisionTreeClassifier(max_leaf_nodes=5, random_state=0)
LINEAR = LogisticRegression(max_iter=500)
MIXED = pd.DataFrame(
    {
        "age": RNG.integers(18, 90, N).astype(float),
        "income": RNG.normal(size=N),
        "sign": RNG.normal(size=N) + Y.to_numpy(),
        "noise": RNG.normal(size=N),
        "colour": RNG.choice(list("abcdefgh"), N),
        "city": RNG.choice(["u", "v", "w"], N),
        "letter": RNG.choice(list("pqrs"), N),
    }
)
MIXED.loc[::7, "income"] = np.nan
TEXT = [
    " ".join(RNG.choice([f"word{i}" for i in range(80)], 8)) + (" good" if label else " bad")
    for label in Y
]


def quietly_fitted(model, table):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(model).fit(table, Y)


def narrower(small, table):
    """The table that a narrower model takes."""
    if isinstance(table, list):
        return table
    if isinstance(table, pd.DataFrame):
        assert list(small.feature_names_in_) == list(table.columns[small.features_read_])
        return table[list(small.feature_names_in_)]
    assert small.n_features_in_ == len(small.features_read_)
    return table[:, small.features_read_]


def assert_same(small, model, table):
    inputs = narrower(small, table)
    methods = ["predict", "predict_proba", "decision_function", "transform"]
    for method in [m for m in methods if hasattr(model, m)]:
        ours, whole = getattr(small, method)(inputs), getattr(model, method)(table)
        ours, whole = (
            v.toarray() if hasattr(v, "toarray") else np.asarray(v) for v in (ours, whole)
        )
        np.testing.assert_array_equal(ours, whole)


def columns(*, sparse=True, **params):
    """Numbers are scaled, text is encoded."""
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return ColumnTransformer(
        [
            ("numbers", numbers, ["age", "income", "sign", "noise"]),
            (
                "categories",
                OneHotEncoder(handle_unknown="ignore", sparse_output=sparse),
                ["colour", "city", "letter"],
            ),
        ],
        **params,
    )


def random_pipeline(seed):
    """A table and a pipeline of random steps."""
    rng = np.random.default_rng(seed)

    def draw(*choices):
        return clone(choices[rng.integers(len(choices))])

    reader = draw(
        TreePruner(TREE, keep=4),
        RandomForestClassifier(3, max_depth=2, random_state=seed),
        LinearPruner(LINEAR, keep=0.4),
        LINEAR,
        HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=4),
    )
    pruner = draw(RandomPruner(keep=5, random_state=seed), InformationPruner(keep=4), RulePruner())
    kind = rng.integers(4)
    if kind == 0:
        words = draw(
            TfidfVectorizer(norm=None), CountVectorizer(ngram_range=(1, 2)), TfidfVectorizer()
        )
        pruner = draw(RandomPruner(keep=9, random_state=seed), SelectKBest(k=9))
        if isinstance(reader, HistGradientBoostingClassifier):
            reader = clone(TREE)
        return TEXT, make_pipeline(words, *[pruner][: rng.integers(2)], reader)
    scaler = draw(StandardScaler(), MinMaxScaler(), RobustScaler(), MaxAbsScaler())
    if kind == 1:
        output = str(rng.choice(["default", "pandas"]))
        first = columns(sparse=False).set_output(transform=output)
        return MIXED, make_pipeline(first, *[pruner][: rng.integers(2)], reader)
    table = X if kind == 2 else np.asarray(X)
    before = [[scaler], [], [scaler, PolynomialFeatures(2)]][rng.integers(3)]
    after = [[], [draw(StandardScaler(), MinMaxScaler())]][rng.integers(2)]
    return table, make_pipeline(*before, pruner, *after, reader)


@pytest.mark.parametrize("seed", range(40))
def test_random_pipeline_is_bit_identical(seed):
    table, model = random_pipeline(seed)
    model = quietly_fitted(model, table)
    before = pickle.dumps(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PruningWarning)
        small = strip(model, drop_unread=True)
    plain = strip(model)
    assert pickle.dumps(model) == before
    assert b"skprune" not in pickle.dumps(small)
    assert_same(small, model, table)
    np.testing.assert_array_equal(plain.predict_proba(table), model.predict_proba(table))


READERS = [
    TreePruner(TREE, keep=3),
    RandomForestClassifier(3, max_depth=2, random_state=0),
    ExtraTreesClassifier(3, max_depth=2, random_state=0),
    BaggingClassifier(TREE, n_estimators=3, max_features=0.4, random_state=0),
    AdaBoostClassifier(n_estimators=4, random_state=0),
    GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0),
    HistGradientBoostingClassifier(max_iter=3, max_leaf_nodes=4),
    DecisionTreeClassifier(max_depth=1),
]


@pytest.mark.parametrize("as_frame", [True, False])
@pytest.mark.parametrize("reader", READERS, ids=lambda model: type(model).__name__)
def test_trees_take_the_features_that_they_split_on(reader, as_frame):
    table = X if as_frame else np.asarray(X)
    model = quietly_fitted(reader, table)
    small = strip(model, drop_unread=True)
    assert small.n_features_in_ < X.shape[1]
    assert_same(small, model, table)
    if as_frame:  # their names take more than their indices
        assert len(pickle.dumps(small)) < len(pickle.dumps(strip(model)))
    assert strip(small, drop_unread=True).n_features_in_ == small.n_features_in_


def test_tree_without_splits_takes_one_feature():
    model = DecisionTreeClassifier(max_depth=1).fit(X, np.zeros(N))
    small = strip(model, drop_unread=True)
    assert list(small.feature_names_in_) == [X.columns[0]]
    assert_same(small, model, X)


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), RobustScaler(), MaxAbsScaler(), SimpleImputer()]
)
def test_columns_that_a_tree_does_not_read_are_not_scaled(scaler):
    model = quietly_fitted(make_pipeline(scaler, TREE), X)
    small = strip(model, drop_unread=True)
    assert list(small.feature_names_in_) == list(X.columns[np.unique(model[-1].tree_.feature)[1:]])
    assert small[0].n_features_in_ == small[1].n_features_in_ == len(small.feature_names_in_)
    assert_same(small, model, X)


def test_categories_and_columns_of_a_frame_are_left_out():
    model = quietly_fitted(
        make_pipeline(columns(sparse_threshold=1.0), LinearPruner(LINEAR, keep=6)), MIXED
    )
    small = strip(model, drop_unread=True)
    assert small[1].coef_.shape == (1, 6)
    assert small[0].transform(narrower(small, MIXED)).shape[1] == 6
    assert set(small[0].get_feature_names_out()) <= set(model[0].get_feature_names_out())
    assert_same(small, model, MIXED)
    unknown = narrower(small, MIXED.assign(colour="z", city="z", letter="z"))
    assert small.predict(unknown).shape == (N,)
    again = clone(small).fit(narrower(small, MIXED), Y)
    assert again[0].transform(narrower(small, MIXED)).shape[1] == 6


def test_sparse_table_remains_sparse_if_only_dense_parts_are_read():
    model = quietly_fitted(
        make_pipeline(columns(sparse_threshold=1.0), SelectKBest(k=2), "passthrough", LINEAR), MIXED
    )
    assert all(name.startswith("numbers") for name in model[:2].get_feature_names_out())
    assert_same(strip(model, drop_unread=True), model, MIXED)


def test_steps_that_pass_all_are_left_out():
    model = quietly_fitted(make_pipeline("passthrough", InformationPruner(keep=4), TREE), X)
    small = strip(model, drop_unread=True)
    assert list(small.feature_names_in_) == [c for c in X if c in set(small.feature_names_in_)]
    assert small.n_features_in_ <= 4
    np.testing.assert_array_equal(small.predict(X[list(small.feature_names_in_)]), model.predict(X))


@pytest.mark.parametrize("drop", [None, "first", "if_binary"])
def test_remainder_and_dropped_categories(drop):
    table = MIXED[["sign", "colour", "noise", "city", "age"]]
    first = ColumnTransformer(
        [
            ("categories", OneHotEncoder(drop=drop), slice("colour", "colour")),
            ("codes", OrdinalEncoder(), [3]),
            ("none", "drop", ["age"]),
        ],
        remainder=SimpleImputer(),
    )
    for steps in ([TREE], [RandomPruner(keep=4, random_state=1), LINEAR]):
        model = quietly_fitted(make_pipeline(first, *steps), table)
        assert_same(strip(model, drop_unread=True), model, table)


def test_words_are_left_out_of_a_vocabulary():
    for words in (
        [TfidfVectorizer(norm=None, sublinear_tf=True)],
        [CountVectorizer(), TfidfTransformer(norm=None)],
    ):
        model = make_pipeline(*words, LinearPruner(LINEAR, keep=4)).fit(TEXT, Y)
        small = strip(model, drop_unread=True)
        assert len(small[0].vocabulary_) == small[-1].n_features_in_ == 4
        assert_same(small, model, TEXT)
        assert not hasattr(small, "features_read_")
        assert len(clone(small).fit(TEXT, Y)[0].vocabulary_) == 4


def test_polynomial_terms_are_selected_and_their_factors_left_out():
    model = quietly_fitted(
        make_pipeline(
            StandardScaler(), PolynomialFeatures(2), RandomPruner(keep=3, random_state=0), TREE
        ),
        X,
    )
    small = strip(model, drop_unread=True)
    assert small.n_features_in_ <= 6
    assert_same(small, model, X)


def test_selections_of_any_class_are_merged():
    steps = CorrelationPruner(), SelectKBest(k=6), StandardScaler(), SelectKBest(k=3), TREE
    model = quietly_fitted(make_pipeline(*steps), np.asarray(X))
    small = strip(model, drop_unread=True)
    assert [type(step).__name__ for step in small] == ["StandardScaler", "DecisionTreeClassifier"]
    assert_same(small, model, np.asarray(X))


def test_transformers_are_narrowed_by_their_own_output():
    model = make_pipeline(columns(), RandomPruner(keep=4, random_state=0)).fit(MIXED, Y)
    small = strip(model, drop_unread=True)
    assert small.n_features_in_ <= 4
    assert list(small.get_feature_names_out()) == list(model.get_feature_names_out())
    assert_same(small, model, MIXED)
    pruner = InformationPruner(keep=3).set_output(transform="pandas").fit(X, Y)
    small = strip(pruner, drop_unread=True)
    pd.testing.assert_frame_equal(small.transform(narrower(small, X)), pruner.transform(X))


def test_models_inside_wrappers():
    tree = DecisionTreeRegressor(max_leaf_nodes=4)
    target = TransformedTargetRegressor(TreePruner(tree, keep=3), transformer=StandardScaler())
    frozen = FrozenEstimator(TreePruner(TREE, keep=3).fit(X, Y))
    for model in (quietly_fitted(target, X), frozen):
        small = strip(model, drop_unread=True)
        assert small.n_features_in_ <= 3
        assert_same(small, model, X)


@pytest.mark.parametrize(
    ("table", "model", "complaint"),
    [
        (X, make_pipeline(StandardScaler(), LinearPruner(LINEAR, keep=5)), "25 features have coef"),
        (TEXT, make_pipeline(TfidfVectorizer(), TREE), "TfidfVectorizer: .* norm='l2' divides"),
        (X, make_pipeline(PCA(6), StandardScaler(), TREE), "PCA: [1-5] of 6 features"),
        (X, make_pipeline(PCA(6), RandomPruner(keep=2, random_state=0), TREE), "PCA: 4 of 6"),
        (X, VotingClassifier([("a", TREE), ("b", LINEAR)]), "VotingClassifier: it is not known"),
        (
            MIXED[["colour", "city"]],
            make_pipeline(OneHotEncoder(min_frequency=3), SelectKBest(k=2), TREE),
            "infrequent",
        ),
    ],
)
def test_what_remains_is_listed(table, model, complaint):
    model = quietly_fitted(model, table)
    with pytest.warns(PruningWarning, match=complaint):
        small = strip(model, drop_unread=True)
    assert_same(small, model, table)


def test_subclass_is_left_as_it_is():
    class Scaler(StandardScaler):
        def transform(self, X):
            return np.asarray(super().transform(X)) + np.asarray(X).mean(axis=1, keepdims=True)

    model = make_pipeline(Scaler(), SelectKBest(k=3), SGDClassifier(random_state=0)).fit(X, Y)
    with pytest.warns(PruningWarning, match="Scaler: 27 of 30"):
        small = strip(model, drop_unread=True)
    assert small.n_features_in_ == X.shape[1]
    np.testing.assert_array_equal(small.predict(X), model.predict(X))


class Doubled(TransformerMixin, BaseEstimator):
    """A transformer without names of its features."""

    def fit(self, X, *_):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.hstack([X, X])


def test_transformers_of_others_without_names():
    doubled = ColumnTransformer([("a", Doubled(), [0, 1, 2]), ("b", "passthrough", [3, 4])])
    for steps, n_read in (
        ([Doubled(), RandomPruner(keep=7, random_state=0), StandardScaler(), TREE], 30),
        ([Doubled(), StandardScaler(), TREE], 30),
        ([doubled, RandomPruner(keep=2, random_state=0), TREE], None),
    ):
        model = quietly_fitted(make_pipeline(*steps), np.asarray(X))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PruningWarning)
            small = strip(model, drop_unread=True)
        assert n_read in {None, small.n_features_in_}
        assert_same(small, model, np.asarray(X))
    with pytest.warns(PruningWarning, match="it is not known how many features it returns"):
        strip(Doubled().fit(np.asarray(X)), drop_unread=True)


def test_selector_that_predicts_is_left_as_it_is():
    model = quietly_fitted(RFE(TREE, n_features_to_select=3), X)
    with pytest.warns(PruningWarning, match="RFE"):
        small = strip(model, drop_unread=True)
    np.testing.assert_array_equal(small.predict(X), model.predict(X))
