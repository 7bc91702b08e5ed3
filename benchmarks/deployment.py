"""What `strip` saves: bytes of the pickle with pruners, plain, and without what nothing reads.

`ours` is the pickle of the copy with ``drop_unread=True``, `peer` that of the copy without it, and
`ratio` how many times smaller it is. Predictions of held-out samples are compared first, to the
last bit. The note states the ratio at the smallest level of the pruner, which reads a feature or
two: what is left then are the classes, names and parameters of the steps. Where that is below a
wanted ratio, no leaving out of features reaches it. The tables come from the folder that
SKPRUNE_DATA names; see `benchmarks._sets`.
"""

import pickle
import warnings

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from benchmarks._measure import row, table
from benchmarks._sets import FOLDER
from skprune import InformationPruner, LinearPruner, TreePruner, strip

# The smallest level of a pruner, and of a selector.
LEAST = {"keep": 1e-9, "k": 1}


def run(repeat):  # noqa: ARG001 - as all benchmarks are called; nothing is timed
    """Measure; see the docstring of the module."""
    rows = []
    for name, cases in (("sms_spam", text_models()), ("adult", table_models())):
        path = FOLDER / f"{name}.csv.gz"
        if not path.exists():
            print(f"{name}: skipped, {path} is not there (set SKPRUNE_DATA)")
            continue
        frame = pd.read_csv(path).drop_duplicates()
        y = frame.pop("target")
        X = frame["text"] if name == "sms_spam" else frame
        parts = train_test_split(X, y, stratify=y, random_state=0)
        rows += [measure(f"{name}: {what}", model, *parts) for what, model in cases.items()]
    return table(*rows)


def text_models():
    """Return pipelines of text, by what they are."""
    linear = LinearPruner(LogisticRegression(max_iter=1000), keep=300)
    tree = TreePruner(DecisionTreeClassifier(random_state=0), keep=30)
    return {
        "tf-idf without norm, 300 coefficients": make_pipeline(TfidfVectorizer(norm=None), linear),
        "counts of pairs, 300 coefficients": make_pipeline(
            CountVectorizer(ngram_range=(1, 2), min_df=2), linear
        ),
        "counts, 500 words, linear": make_pipeline(
            CountVectorizer(), SelectKBest(k=500), LogisticRegression(max_iter=1000)
        ),
        "counts, 30 leaves": make_pipeline(CountVectorizer(), tree),
        "tf-idf of norm l2, 300 coefficients": make_pipeline(TfidfVectorizer(), linear),
    }


def table_models():
    """Return pipelines of a table with text columns, by what they are."""

    def prepared(sparse_threshold=1.0):
        numbers = ["age", "fnlwgt", "education_num", "capital_gain", "capital_loss"]
        numbers += ["hours_per_week"]
        words = ["workclass", "education", "marital_status", "occupation", "relationship"]
        words += ["race", "sex", "native_country"]
        return ColumnTransformer(
            [
                ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
                ("words", OneHotEncoder(handle_unknown="ignore"), words),
            ],
            sparse_threshold=sparse_threshold,
        )

    linear = LinearPruner(LogisticRegression(max_iter=1000), keep=20)
    largest = LinearPruner(
        LogisticRegression(max_iter=1000), keep=20, criterion="magnitude", recovery=None
    )
    pairs = PolynomialFeatures(interaction_only=True)
    return {
        "20 coefficients": make_pipeline(prepared(), linear),
        "20 coefficients of interactions": make_pipeline(prepared(), pairs, largest),
        "10 features, linear": make_pipeline(
            prepared(0.0), InformationPruner(keep=10), LogisticRegression(max_iter=1000)
        ),
        "10 leaves": make_pipeline(
            prepared(), TreePruner(DecisionTreeClassifier(random_state=0), keep=10)
        ),
        "forest of 500 leaves": make_pipeline(
            prepared(), TreePruner(RandomForestClassifier(20, random_state=0), keep=500)
        ),
    }


def measure(what, model, X, X_test, y, y_test):  # noqa: ARG001 - the parts of a split
    """Return the row of one pipeline."""
    model.fit(X, y)
    plain = strip(model)
    small, complete = without_unread(model)
    inputs = X_test
    if isinstance(X_test, pd.DataFrame):
        inputs = X_test[list(small.feature_names_in_)]
    expected = model.predict_proba(X_test)
    for copy, samples in ((plain, X_test), (small, inputs)):
        if not np.array_equal(copy.predict_proba(samples), expected):
            msg = f"{what}: predictions differ"
            raise RuntimeError(msg)
    least, _ = without_unread(with_one_unit(model).fit(X, y))
    sizes = [len(pickle.dumps(each)) for each in (model, plain, small, least)]
    note = f"with pruners {sizes[0]:,} B; at the smallest level {sizes[1] / sizes[3]:.3g}"
    if isinstance(X_test, pd.DataFrame):
        note += f"; {small.n_features_in_} of {X_test.shape[1]} columns"
    if not complete:
        note += "; not all could be left out"
    return row(what, f"{sizes[2]:,} B", f"{sizes[1]:,} B", f"{sizes[1] / sizes[2]:.3g}", note)


def without_unread(model):
    """Return the smallest copy, and whether all that nothing reads was left out."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        small = strip(model, drop_unread=True)
    return small, not found


def with_one_unit(model):
    """Return the pipeline, unfitted, whose pruner or selector keeps as little as it can."""
    twin = clone(model)
    levels = [(f"{step}__{name}", n) for step, _ in twin.steps for name, n in LEAST.items()]
    return twin.set_params(**{name: n for name, n in levels if name in twin.get_params()})
