"""Malformed models: every surgeon refuses them before anything is computed from them."""

import copy

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone, is_regressor
from sklearn.datasets import make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
)
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, RobustScaler, StandardScaler
from sklearn.svm import SVC, SVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from skprune.exceptions import InputError
from skprune.surgery import surgeon_for
from skprune.surgery._records import new_tree
from skprune.surgery.intact import check_intact
from tests._instances import BOOSTING, TREES, name_of

X, LABELS = make_classification(120, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
NUMBERS = X @ np.arange(5.0)


def fitted(model):
    return clone(model).fit(X, NUMBERS if is_regressor(model) else LABELS)


def members_of(model):
    members = getattr(model, "estimators_", [model])
    return list(np.ravel(members))


def edit_nodes(model, field, value, at=0):
    """Write into the node records of the last tree."""
    if hasattr(model, "_predictors"):
        tree = model._predictors[-1][-1]
        tree.nodes = tree.nodes.copy()
        tree.nodes[field][at] = value
        return
    member = members_of(model)[-1]
    state = member.tree_.__getstate__()
    nodes, values = state["nodes"].copy(), state["values"].copy()
    (values if field == "values" else nodes[field])[at] = value
    member.tree_ = new_tree(member.tree_, nodes, values, state["max_depth"])


TREE_EDITS = {
    "left_child": (10**6, 0),
    "right_child": (-7, 0),
    "feature": (5, 0),
    "threshold": (np.nan, 0),
    "impurity": (np.nan, 0),
    "weighted_n_node_samples": (np.nan, 0),
    "n_node_samples": (0, 0),
    "values": (np.nan, slice(None)),
}
HIST_EDITS = {
    "left": (10**6, 0),
    "right": (0, 0),  # a cycle
    "feature_idx": (5, 0),
    "num_threshold": (np.nan, 0),
    "gain": (np.nan, 0),
    "count": (0, 0),
    "value": (np.nan, slice(None)),
    "is_categorical": (1, 0),
}
REFUSED = "edited.* or (read )?from a damaged file: fit it again"


@pytest.mark.parametrize("model", TREES + BOOSTING, ids=name_of)
def test_malformed_trees_are_refused(model):
    model = fitted(model)
    edits = HIST_EDITS if hasattr(model, "_predictors") else TREE_EDITS
    for field, (value, at) in edits.items():
        edited = copy.deepcopy(model)
        edit_nodes(edited, field, value, at)
        with pytest.raises(InputError, match=REFUSED):
            surgeon_for(edited)
    surgeon_for(model)


def test_a_cycle_and_a_wrong_depth_are_refused():
    model = fitted(DecisionTreeClassifier())
    edited = copy.deepcopy(model)
    edit_nodes(edited, "left_child", 0)
    with pytest.raises(InputError, match="one parent"):
        surgeon_for(edited)
    state = model.tree_.__getstate__()
    model.tree_ = new_tree(model.tree_, state["nodes"], state["values"], 1)
    with pytest.raises(InputError, match="deeper than its max_depth"):
        surgeon_for(model)


def test_sets_of_categories_that_are_not_there_are_refused():
    table = np.column_stack([X[:, 0], np.arange(120) % 9])
    model = HistGradientBoostingClassifier(
        max_iter=3, categorical_features=[1], min_samples_leaf=2
    ).fit(table, np.arange(120) % 3 == 0)
    surgeon_for(model)
    tree = next(t for (t,) in model._predictors if t.nodes["is_categorical"].any())
    tree.nodes = tree.nodes.copy()
    tree.nodes["bitset_idx"][tree.nodes["is_categorical"] == 1] = 10**6
    with pytest.raises(InputError, match="bitset_idx has the index 1000000"):
        surgeon_for(model)


def test_bagged_trees_without_their_features_are_refused():
    model = fitted(TREES[-1])
    for columns, words in (
        ([np.array([9])], "lists of features"),
        (None, "indices must be from 0 to 4"),
    ):
        edited = copy.deepcopy(model)
        edited.estimators_features_ = columns or [c + 9 for c in edited.estimators_features_]
        with pytest.raises(InputError, match=words):
            surgeon_for(edited)


def first(values, value):
    """Return a copy of numbers with another first one."""
    values = np.array(values, dtype=float)
    values.flat[0] = value
    return values


ARRAYS = [
    (LogisticRegression(), "coef_", lambda a: first(a, np.nan)),
    (LogisticRegression(), "coef_", lambda a: a[:, :3]),
    (LogisticRegression(), "intercept_", lambda a: a[:2]),
    (Ridge(), "coef_", lambda a: np.append(a, 1.0)),
    (Ridge(), "intercept_", lambda _: np.inf),
    (MLPClassifier(3, max_iter=2), "coefs_", lambda a: [a[0][:3], a[1]]),
    (MLPClassifier(3, max_iter=2), "coefs_", lambda a: [a[0], first(a[1], np.nan)]),
    (MLPClassifier(3, max_iter=2), "coefs_", lambda a: a[:1]),
    (MLPRegressor(hidden_layer_sizes=3, max_iter=2), "intercepts_", lambda a: [a[0][:2], a[1]]),
    (MLPRegressor(hidden_layer_sizes=(3, 4), max_iter=2), "coefs_", lambda a: [a[0], a[2], a[1]]),
    (SVC(), "dual_coef_", lambda a: a[:, :-1]),
    (SVC(), "_dual_coef_", lambda a: first(a, np.nan)),
    (SVC(), "_intercept_", lambda a: a[:1]),
    (SVC(), "_n_support", lambda a: a + 1),
    (SVC(), "support_vectors_", lambda a: a[:, :3]),
    (SVC(), "support_vectors_", lambda a: first(a, np.inf)),
    (SVC(), "support_", lambda a: a + 10**6),
    (SVR(), "intercept_", lambda a: first(a, np.nan)),
    (OneClassSVM(), "support_vectors_", lambda a: a[:-1]),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("model", "name", "edit"), ARRAYS)
def test_malformed_arrays_are_refused(model, name, edit):
    model = fitted(model)
    surgeon_for(model)
    setattr(model, name, edit(getattr(model, name)))
    with pytest.raises(InputError, match=REFUSED):
        surgeon_for(model)


def test_boosting_that_starts_from_too_few_scores_is_refused():
    model = fitted(GradientBoostingClassifier(n_estimators=2, random_state=0))
    surgeon_for(model)
    model.init_.class_prior_ = model.init_.class_prior_[:1]
    with pytest.raises(InputError, match="scores before the first stage has shape"):
        surgeon_for(model)


def test_weights_of_members_that_are_not_there_are_refused():
    model = fitted(AdaBoostClassifier(n_estimators=2, random_state=0))
    model.estimator_weights_ = np.append(model.estimator_weights_, 1.0)
    with pytest.raises(InputError, match="members that it does not have"):
        surgeon_for(model)


@pytest.mark.parametrize(
    ("model", "name", "edit"),
    [
        (SVC(), "_probA", lambda _: np.ones(1)),
        (SVC(), "_sparse", lambda _: True),
        (SVR(), "_n_support", lambda a: np.append(a, a)),
        (KBinsDiscretizer(3, quantile_method="linear"), "n_bins_", lambda a: a + 1),
        (OneHotEncoder(), "_n_features_outs", lambda a: [size - 1 for size in a]),
        (HashingVectorizer(), "n_features", lambda _: 0),
        (StandardScaler(), "mean_", lambda a: a[:1]),
        (RobustScaler(), "scale_", lambda a: a[:1]),
        (SimpleImputer(), "statistics_", lambda a: a[:1]),
    ],
)
def test_what_no_surgeon_reads_is_checked_in_loaded_objects(model, name, edit):
    model = clone(model).fit(np.round(X), LABELS)
    check_intact(model)
    setattr(model, name, edit(getattr(model, name)))
    with pytest.raises(InputError, match=REFUSED):
        check_intact([{"inside": model}])


def test_vocabularies_and_sparse_arrays_are_checked_in_loaded_objects():
    words = CountVectorizer().fit(["one two three"])
    check_intact(words)
    words.vocabulary_["two"] = 10**6
    with pytest.raises(InputError, match="vocabulary_ has the index 1000000"):
        check_intact(words)
    array = csr_array(np.eye(3))
    check_intact(array)
    array.indices[0] = 7
    with pytest.raises(InputError, match="no valid sparse array"):
        check_intact(array)
