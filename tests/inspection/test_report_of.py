import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.feature_selection import RFE, SelectFromModel, SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skprune import (
    CorrelationPruner,
    InformationPruner,
    LinearPruner,
    PruningSearchCV,
    Quantizer,
    SamplePruner,
    TreePruner,
    report_of,
)
from skprune.exceptions import InputError

RNG = np.random.default_rng(0)
N = 80
X = pd.DataFrame(
    {
        "age": RNG.normal(size=N),
        "copy": np.zeros(N),
        "<script>": RNG.normal(size=N),
        "town": RNG.choice(["Rome", "Oslo"], size=N),
    }
)
X["copy"] = X["age"] * 3.0
Y = (X["age"] + 0.1 * RNG.normal(size=N) > 0).astype(int)
NUMBERS = ["age", "copy", "<script>"]


def mixed():
    parts = [("n", StandardScaler(), NUMBERS), ("c", OneHotEncoder(), ["town"])]
    return ColumnTransformer(parts)


ENCODED = ["n__age", "n__copy", "n__<script>", "c__town_Oslo", "c__town_Rome"]


@pytest.mark.parametrize(
    ("columns", "steps", "names"),
    [
        (NUMBERS, [StandardScaler()], NUMBERS),
        (NUMBERS, [StandardScaler(), None, "passthrough"], NUMBERS),
        (NUMBERS, [FrozenEstimator(StandardScaler().fit(X[NUMBERS]))], NUMBERS),
        (NUMBERS, [PCA(2)], ["pca0", "pca1"]),
        (NUMBERS, [SelectKBest(k=2)], ["age", "copy"]),
        (NUMBERS, [FunctionTransformer(np.fliplr, validate=True)], ["x0", "x1", "x2"]),
        ([*NUMBERS, "town"], [mixed()], ENCODED),
        ([*NUMBERS, "town"], [mixed(), CorrelationPruner()], [ENCODED[0], *ENCODED[2:4]]),
    ],
)
def test_names_are_traced_through_the_steps(columns, steps, names):
    model = make_pipeline(*steps, InformationPruner(), DecisionTreeClassifier())
    found = report_of(model.fit(X[columns], Y))
    assert found["feature"].tolist() == names
    given = model[-2].report_
    assert given["feature"].tolist() == [f"x{i}" for i in range(len(names))]
    same = [name for name in given if name not in {"feature", "partner"}]
    pd.testing.assert_frame_equal(found[same], given[same])


def test_partner_is_named_too():
    model = make_pipeline(StandardScaler(), CorrelationPruner()).fit(X[NUMBERS], Y)
    found = report_of(model).set_index("feature")
    (removed,) = found.index[~found["kept"]]
    assert {removed, found.loc[removed, "partner"]} == {"age", "copy"}


def test_words_are_named():
    texts = ["red wine", "white wine", "red roses", "white lilies"] * 3
    model = make_pipeline(CountVectorizer(), TfidfTransformer(), InformationPruner(keep=2))
    found = report_of(model.fit(texts, [1, 0, 1, 0] * 3))
    assert found["feature"].tolist() == ["lilies", "red", "roses", "white", "wine"]
    assert set(found.loc[found["kept"], "feature"]) == {"red", "white"}


def test_selectors_of_scikit_learn_have_a_report():
    for selector, has_scores in [
        (SelectKBest(k=1), True),
        (RFE(LogisticRegression(), n_features_to_select=1), True),
        (SelectFromModel(LogisticRegression(), max_features=1, threshold=-np.inf), False),
    ]:
        model = make_pipeline(StandardScaler(), selector, LogisticRegression()).fit(X[NUMBERS], Y)
        found = report_of(model)
        assert found["feature"].tolist() == NUMBERS
        assert found["kept"].tolist() == model[1].get_support().tolist()
        assert found["score"].notna().all() == has_scores


def test_pruners_inside_others_are_found_by_the_names_of_their_steps():
    inner = make_pipeline(StandardScaler(), CorrelationPruner())
    union = FeatureUnion([("a", "passthrough"), ("b", CorrelationPruner())])
    parts = [("n", inner, NUMBERS), ("m", union, slice(0, 2)), ("c", OneHotEncoder(), ["town"])]
    model = make_pipeline(ColumnTransformer(parts), TreePruner(DecisionTreeClassifier()))
    model.fit(X, Y)
    at = "columntransformer__n__correlationpruner"
    assert report_of(model, at)["feature"].tolist() == NUMBERS
    assert report_of(model, "columntransformer__m__b")["feature"].tolist() == ["age", "copy"]
    assert "leaves" in report_of(model)
    with pytest.raises(InputError, match=f"'{at}', 'columntransformer__m__b', 'treepruner'"):
        report_of(model, "n")


def test_columns_by_number_take_the_names_of_an_array():
    parts = [("n", make_pipeline(StandardScaler(), CorrelationPruner()), [2, 0])]
    model = make_pipeline(StandardScaler(), ColumnTransformer(parts)).fit(X[NUMBERS])
    assert report_of(model)["feature"].tolist() == ["<script>", "age"]


def test_reports_of_models_name_their_features():
    for pruner, read in [
        (LinearPruner(LogisticRegression(), unit="feature", keep=1), lambda f: list(f.index)),
        (Quantizer(DecisionTreeClassifier(max_depth=1)), lambda f: [f["place"].iloc[0]]),
    ]:
        model = make_pipeline(StandardScaler(), pruner).fit(X[NUMBERS], Y)
        found = read(report_of(model))
        assert found == NUMBERS or found[0] in {"age", "copy"}


def test_pruner_in_a_model_that_is_pruned():
    inner = make_pipeline(StandardScaler(), InformationPruner(keep=1), LogisticRegression())
    outer = SamplePruner(inner, criterion="random", random_state=0).fit(X[NUMBERS], Y)
    assert "samples" in report_of(outer, "")
    assert report_of(outer, "informationpruner")["feature"].tolist() == NUMBERS


def test_search_and_transformed_target():
    pipeline = make_pipeline(StandardScaler(), InformationPruner(), Ridge())
    grid = {"informationpruner__keep": [1, 2]}
    search = PruningSearchCV(pipeline, grid, cv=2).fit(X[NUMBERS], X["age"])
    model = TransformedTargetRegressor(pipeline, func=np.cbrt, inverse_func=lambda y: y**3)
    for each in (search, model.fit(X[NUMBERS], X["age"])):
        assert report_of(each)["feature"].tolist() == NUMBERS


def test_report_is_a_copy():
    pruner = CorrelationPruner().fit(X[NUMBERS])
    found = report_of(pruner)
    found["kept"] = None
    assert pruner.report_["kept"].notna().all()


def test_what_holds_no_pruner_is_refused():
    with pytest.raises(InputError, match="Ridge holds no pruner"):
        report_of(Ridge().fit(X[["age"]], Y))
    with pytest.raises(NotFittedError):
        report_of(make_pipeline(StandardScaler(), CorrelationPruner()))
