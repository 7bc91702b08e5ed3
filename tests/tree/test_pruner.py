"""TreePruner: its parameters, and inputs of all kinds."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.datasets import make_classification, make_friedman1, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import PruningSearchCV, TreePruner, model_size
from skprune.arrays.nodes import survivors
from skprune.exceptions import InputError, LevelError, PruningWarning, UnsupportedModelError
from skprune.solvers.shrinkage import hierarchical_shrinkage
from skprune.surgery import surgeon_for

X, y = make_classification(500, 8, n_informative=5, flip_y=0.2, random_state=0)
XR, yr = make_regression(400, 6, noise=60.0, random_state=0)
TREE = DecisionTreeClassifier(random_state=0)
FOREST = RandomForestClassifier(8, random_state=0)


def leaves(model):
    return model_size(model).units


@pytest.mark.parametrize("alpha", [0.0, 1e-4, 0.0021, 0.0107, 1.0])
@pytest.mark.parametrize("model", [TREE, FOREST, BaggingRegressor(DecisionTreeRegressor(), 4)])
def test_threshold_is_the_ccp_alpha_of_scikit_learn(model, alpha):
    model = clone(model).set_params(random_state=0)
    name = "ccp_alpha" if "ccp_alpha" in model.get_params() else "estimator__ccp_alpha"
    pruned = TreePruner(model, threshold=alpha).fit(X, y)
    reference = clone(model).set_params(**{name: alpha}).fit(X, y)
    assert leaves(pruned) == leaves(reference)
    np.testing.assert_array_equal(pruned.predict(X), reference.predict(X))


def test_keep_counts_leaves_over_the_whole_model():
    pruner = TreePruner(FOREST, keep=100).fit(X, y)
    assert sum(tree.get_n_leaves() for tree in pruner.estimator_) == leaves(pruner)
    assert 90 <= leaves(pruner) <= 100
    assert list(pruner.report_["leaves"]) == [t.get_n_leaves() for t in pruner.estimator_]
    assert list(pruner.report_["depth"]) == [t.get_depth() for t in pruner.estimator_]
    assert list(pruner.report_["leaves_before"]) == [
        t.get_n_leaves() for t in clone(FOREST).fit(X, y)
    ]


def test_half_of_the_leaves_are_kept_by_default():
    pruner = TreePruner(FOREST).fit(X, y)
    assert leaves(pruner) <= pruner.path_.units[0] / 2
    assert leaves(pruner) > 0.45 * pruner.path_.units[0]
    assert pruner.keep_mask_.sum() + 8 == leaves(pruner)
    assert pruner.scores_.shape == pruner.keep_mask_.shape
    assert pruner.scores_[pruner.keep_mask_].min() > pruner.scores_[~pruner.keep_mask_].max()


def test_published_rules_are_thresholds_of_zero():
    for criterion in ["reduced_error", "pessimistic"]:
        pruner = TreePruner(TREE, criterion=criterion, threshold=0, random_state=0).fit(X, y)
        assert leaves(pruner) < pruner.path_.units[0]
        assert (pruner.scores_[pruner.keep_mask_] > 0).all()
        assert (pruner.path_.scores < 0).any()


def test_reduced_error_reduces_the_validation_error():
    grown, choose = train_test_split(np.arange(len(y)), random_state=0)
    whole = clone(TREE).fit(X[grown], y[grown])
    pruner = TreePruner(FrozenEstimator(whole), criterion="reduced_error", threshold=0)
    pruner.fit(X[choose], y[choose])
    assert pruner.score(X[choose], y[choose]) > whole.score(X[choose], y[choose])
    scores = pruner.path_.score(X[choose], y[choose])
    assert pruner.score(X[choose], y[choose]) == scores.max()


@pytest.mark.parametrize(
    ("model", "default"),
    [
        (TREE, 0.2),
        (FOREST, "oob"),
        (ExtraTreesClassifier(4, random_state=0), 0.2),
        (ExtraTreesClassifier(4, bootstrap=True, random_state=0), "oob"),
        (BaggingClassifier(n_estimators=4, random_state=0), "oob"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_validation_defaults_to_oob_or_a_share(model, default):
    params = {"criterion": "reduced_error", "random_state": 0}
    by_default = TreePruner(model, **params).fit(X, y)
    named = TreePruner(model, validation=default, **params).fit(X, y)
    np.testing.assert_array_equal(by_default.scores_, named.scores_)
    trained = TreePruner(model, validation="train", **params).fit(X, y)
    assert len(trained.scores_) >= len(named.scores_)
    assert trained.path_.locate(threshold=0) <= named.path_.locate(threshold=0)


def test_with_a_share_the_whole_model_is_fitted_to_the_rest():
    pruner = TreePruner(TREE, criterion="reduced_error", keep=1.0, validation=0.3, random_state=0)
    pruner.fit(X, y)
    assert pruner.estimator_.tree_.n_node_samples[0] == 350


def test_out_of_bag_samples_are_those_not_drawn_for_a_tree():
    pruner = TreePruner(FOREST, criterion="reduced_error").fit(X, y)
    forest = pruner.path_.model
    table = surgeon_for(forest).table
    scores = np.full(table.n_nodes, -np.inf)
    scores[table.is_split] = pruner.scores_
    for t, (tree, seen) in enumerate(zip(forest, forest.estimators_samples_, strict=True)):
        free = np.setdiff1d(np.arange(len(y)), seen)
        alone = TreePruner(FrozenEstimator(tree), criterion="reduced_error")
        alone.fit(X[free], y[free].astype(float))
        own = slice(table.offsets[t], table.offsets[t + 1])
        np.testing.assert_allclose(scores[own][table.is_split[own]], alone.scores_)


def test_oob_needs_a_bootstrap():
    with pytest.raises(InputError, match="draws none"):
        TreePruner(TREE, criterion="reduced_error", validation="oob").fit(X, y)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_an_empty_part_is_refused(share):
    pruner = TreePruner(TREE, criterion="reduced_error", validation=share)
    with pytest.raises(InputError, match=r"leaves an empty part: .*Give more samples"):
        pruner.fit(X[:1], y[:1])


def test_validation_data_of_weight_zero_are_refused():
    weight = np.zeros(len(y))
    weight[:250] = 1
    model = clone(TREE).fit(X, y)
    pruner = TreePruner(FrozenEstimator(model), criterion="reduced_error")
    with pytest.raises(ValueError, match=r"None of the n_samples=500 samples"):
        pruner.fit(X, y, sample_weight=np.zeros(len(y)))
    pruner.fit(X, y, sample_weight=weight)
    half = TreePruner(FrozenEstimator(model), criterion="reduced_error").fit(X[:250], y[:250])
    np.testing.assert_allclose(pruner.scores_, half.scores_)


def test_seed_matters_only_if_something_is_drawn():
    for criterion, draws in [("random", True), ("reduced_error", True), ("pessimistic", False)]:
        first, second = (
            TreePruner(TREE, criterion=criterion, random_state=seed).fit(X, y).scores_
            for seed in (0, 1)
        )
        assert np.array_equal(first, second) is not draws


def test_one_class_or_a_constant_target_gives_the_same_predictions():
    for criterion in ["cost_complexity", "reduced_error", "pessimistic", "random"]:
        pruner = TreePruner(TREE, criterion=criterion, random_state=0).fit(X, np.ones(len(y)))
        assert leaves(pruner) == 1
        assert len(pruner.path_) == 1
        assert (pruner.predict(X) == 1).all()
        np.testing.assert_array_equal(pruner.path_.score(X, np.ones(len(y))), [1.0])
    pruner = TreePruner(RandomForestRegressor(3)).fit(XR, np.full(len(yr), 7.0))
    assert (pruner.predict(XR) == 7).all()


def test_missing_values_are_routed_as_before():
    holes = X.copy()
    holes[np.random.RandomState(0).rand(*X.shape) < 0.2] = np.nan
    for model in [TREE, FOREST]:
        pruner = TreePruner(model, threshold=0.01).fit(holes, y)
        reference = clone(model).set_params(ccp_alpha=0.01).fit(holes, y)
        np.testing.assert_array_equal(pruner.predict_proba(holes), reference.predict_proba(holes))


def test_several_outputs():
    for model, target in [
        (DecisionTreeRegressor(random_state=0), np.c_[yr, -(yr**2)]),
        (RandomForestRegressor(4, random_state=0), np.c_[yr, -(yr**2)]),
    ]:
        for criterion in ["cost_complexity", "reduced_error"]:
            pruner = TreePruner(model, criterion=criterion, random_state=0).fit(XR, target)
            assert pruner.predict(XR).shape == target.shape
    words = np.c_[y, X[:, 0] > 0].astype(str)
    for criterion in ["cost_complexity", "reduced_error", "pessimistic"]:
        pruner = TreePruner(TREE, criterion=criterion, random_state=0, keep=0.3).fit(X, words)
        assert pruner.predict(X).shape == words.shape
        assert len(pruner.classes_) == 2
        np.testing.assert_array_equal(
            next(pruner.path_.predictions(X)), pruner.path_.cut(index=0).predict(X)
        )


def test_unseen_labels_count_as_errors():
    model = clone(TREE).fit(X, y)
    strange = np.where(np.arange(len(y)) < 100, 7, y)
    pruner = TreePruner(FrozenEstimator(model), criterion="reduced_error").fit(X, strange)
    assert set(pruner.predict(X)) <= {0, 1}


@pytest.mark.parametrize("model", [TREE, FOREST, BaggingClassifier(n_estimators=3, random_state=0)])
def test_sparse_samples_are_accepted_if_the_model_does(model):
    pruner = TreePruner(model, criterion="reduced_error", random_state=0)
    dense = clone(pruner).fit(X, y)
    sparse = clone(pruner).fit(csr_array(X), y)
    np.testing.assert_array_equal(dense.predict(X), sparse.predict(csr_array(X)))


def test_frames_keep_their_names():
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(8)])
    pruner = TreePruner(FOREST, criterion="reduced_error").fit(frame, pd.Series(y))
    assert list(pruner.feature_names_in_) == list(frame.columns)
    pruner.path_.score(frame, y, scoring="roc_auc", index=[0])
    with pytest.raises(ValueError, match="feature names should match"):
        pruner.predict(frame.rename(columns={"c0": "d0"}))


def test_weights_need_a_model_that_accepts_them():
    class NoWeights(DecisionTreeClassifier):
        def fit(self, X, y):
            return super().fit(X, y)

    with pytest.raises(ValueError, match=r"the fit of NoWeights.* takes none"):
        TreePruner(NoWeights()).fit(X, y, sample_weight=np.ones(len(y)))


def test_routing_of_metadata():
    weight = np.random.RandomState(0).randint(1, 3, len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        with pytest.raises(UnsetMetadataPassedError):
            TreePruner(TREE).fit(X, y, sample_weight=weight)
        asked = clone(TREE).set_fit_request(sample_weight=True)
        routed = TreePruner(asked).fit(X, y, sample_weight=weight)
        held = TreePruner(asked, criterion="reduced_error", random_state=0)
        held.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        held.fit(X, y, sample_weight=weight)
        grid = GridSearchCV(clone(held), {"keep": [0.5]}, cv=2)
        grid.fit(X, y, sample_weight=weight)
    plain = TreePruner(TREE).fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(routed.scores_, plain.scores_)


def test_methods_are_those_of_the_model():
    assert not hasattr(TreePruner(DecisionTreeRegressor()), "predict_proba")
    assert not hasattr(TreePruner(TREE), "decision_function")
    assert not hasattr(TreePruner(TREE), "classes_")
    with pytest.raises(NotFittedError):
        TreePruner(TREE).predict(X)
    pruner = TreePruner(TREE).fit(X, y)
    with np.errstate(divide="ignore"):  # trees predict probabilities of 0 and 1
        logs = pruner.predict_log_proba(X), pruner.estimator_.predict_log_proba(X)
    np.testing.assert_array_equal(*logs)
    np.testing.assert_array_equal(
        pruner.feature_importances_, pruner.estimator_.feature_importances_
    )
    assert pruner.score(X, y) == pruner.estimator_.score(X, y)
    assert cross_val_score(TreePruner(TREE), X, y).shape == (5,)


@pytest.mark.parametrize(
    ("pruner", "error", "words"),
    [
        (TreePruner(FrozenEstimator(TREE)), NotFittedError, "not fitted"),
        (TreePruner(LinearRegression()), UnsupportedModelError, "Known are: .*DecisionTree"),
        (
            TreePruner(DecisionTreeRegressor(), criterion="pessimistic"),
            InputError,
            "DecisionTreeRegressor is none. Allowed for it are 'cost_complexity'",
        ),
        (
            TreePruner(BaggingClassifier(FOREST, n_estimators=2)),
            UnsupportedModelError,
            "members of type RandomForestClassifier, but only ensembles of trees",
        ),
        (TreePruner(TREE, criterion="gini"), ValueError, "'criterion' parameter of TreePruner"),
        (TreePruner(TREE, validation=1.5), ValueError, "'validation' parameter of TreePruner"),
        (TreePruner(FOREST, keep=3), LevelError, "the smallest level of this path keeps 8 of"),
        (TreePruner(DecisionTreeClassifier(max_depth=-1)), ValueError, "'max_depth' parameter"),
    ],
    ids=str,
)
def test_impossible_combinations_are_explained(pruner, error, words):
    with pytest.raises(error, match=words):
        pruner.fit(X, y)


def test_malformed_input_gets_the_errors_of_the_model():
    for bad, words in [
        ((np.where(np.arange(8) < 1, np.inf, X), y), "infinity"),
        ((X[:, :0], y), "0 feature"),
        ((X[:10], y[:9]), "inconsistent|does not match"),
        ((X, None), "None"),
    ]:
        for criterion in ["cost_complexity", "reduced_error"]:
            with pytest.raises((ValueError, TypeError), match=words):
                TreePruner(TREE, criterion=criterion).fit(*bad)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (None, "requires y to be passed"),
        (np.where(y, "b", "a"), "labels that the model does not know"),
        (np.c_[y, y], "y has 2 outputs, but the model has 1"),
    ],
    ids=["none", "other labels", "two outputs"],
)
def test_targets_unsuited_to_a_frozen_model_are_refused(target, words):
    frozen = FrozenEstimator(clone(TREE).fit(X, y))
    with pytest.raises(InputError, match=words):
        TreePruner(frozen, criterion="reduced_error").fit(X, target)


def test_targets_of_a_frozen_regressor_must_be_finite():
    frozen = FrozenEstimator(DecisionTreeRegressor().fit(XR, yr))
    with pytest.raises(ValueError, match="Input y contains NaN"):
        TreePruner(frozen, criterion="reduced_error").fit(XR, np.full(len(yr), np.nan))


def test_booleans_equal_numbers():
    for known, given in [(y, y.astype(bool)), (y.astype(bool), y)]:
        frozen = FrozenEstimator(clone(TREE).fit(X, known))
        pruner = TreePruner(frozen, criterion="reduced_error")
        np.testing.assert_array_equal(
            pruner.fit(X, given).scores_, clone(pruner).fit(X, known).scores_
        )


def test_a_frozen_model_refuses_fit_parameters_and_checks_features():
    pruner = TreePruner(FrozenEstimator(clone(TREE).fit(X, y)))
    with pytest.raises(InputError, match=r"\['bogus'\] were given to fit, but the model is frozen"):
        pruner.fit(X, y, bogus=3)
    with pytest.raises(ValueError, match="3 features, but DecisionTreeClassifier is expecting 8"):
        pruner.fit(X[:, :3], y)
    with pytest.warns(PruningWarning, match="sample_weight has no meaning here"):
        pruner.fit(X, y, sample_weight=np.ones(len(y)))


def test_a_second_fit_forgets_the_names_of_the_first():
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(8)])
    assert not hasattr(TreePruner(TREE).fit(frame, y).fit(X, y), "feature_names_in_")


def test_a_class_instead_of_an_instance_is_named():
    with pytest.raises((UnsupportedModelError, ValueError), match=r"is a class|'estimator' param"):
        TreePruner(DecisionTreeClassifier).fit(X, y)


SHRUNK = [
    (DecisionTreeRegressor(random_state=0), XR, yr),
    (RandomForestRegressor(4, random_state=0), XR, yr),
    (FOREST, X, y),
    (BaggingClassifier(n_estimators=4, max_samples=0.05, random_state=0), X, y),
]
over_shrunk = pytest.mark.parametrize(
    ("model", "X", "y"), SHRUNK, ids=[type(row[0]).__name__ for row in SHRUNK]
)


@over_shrunk
@pytest.mark.parametrize("criterion", ["cost_complexity", "reduced_error", "random"])
def test_leaves_are_shrunk_at_every_level_but_the_first(model, X, y, criterion):
    params = {"criterion": criterion, "random_state": 0}
    plain = TreePruner(model, **params).fit(X, y)
    shrunk = TreePruner(model, recovery="shrinkage", ridge=7.0, **params).fit(X, y)
    np.testing.assert_array_equal(shrunk.keep_mask_, plain.keep_mask_)
    np.testing.assert_array_equal(
        shrunk.path_.cut(index=0).predict(X), plain.path_.cut(index=0).predict(X)
    )
    value = hierarchical_shrinkage(surgeon_for(plain.path_.model).table, 7.0)
    for index in np.linspace(1, len(plain.path_) - 1, 4, dtype=int):
        node = surgeon_for(plain.path_.model)
        keep = np.zeros(node.table.n_nodes, dtype=bool)
        keep[node.table.is_split] = plain.path_.mask(index)
        leaf = survivors(node.table, keep)[node.apply(X)]
        expected = value[leaf].mean(axis=0)[:, 0]
        cut = shrunk.path_.cut(index=index)
        found = cut.predict_proba(X) if hasattr(cut, "predict_proba") else cut.predict(X)[:, None]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    assert shrunk.path_.levels["ridge"].iloc[1:].eq(7.0).all()


@over_shrunk
def test_scores_and_snapshots_use_shrunk_values(model, X, y):
    path = TreePruner(model, recovery="shrinkage", ridge=20.0).fit(X[::2], y[::2]).path_
    index = np.unique(np.linspace(0, len(path) - 1, 9, dtype=int))
    cut = [path.cut(index=i) for i in index]
    for own, snapshot in zip(cut, path.snapshots(X, index), strict=True):
        np.testing.assert_array_equal(snapshot.predict(X), own.predict(X))
    for own, later in zip(cut[2:], path.snapshots(X, index[2:]), strict=True):
        np.testing.assert_array_equal(later.predict(X), own.predict(X))
    scores = path.score(X[1::2], y[1::2], index=index)
    np.testing.assert_allclose(scores, [m.score(X[1::2], y[1::2]) for m in cut], rtol=1e-9)
    if (segments := path.segments(X)) is not None:
        answers = np.full((len(path), len(X)), np.nan)
        for n, (rows, start, end, snapshot) in enumerate(segments):
            assert n > 0 or len(rows) == len(X)
            for row, first, last, said in zip(rows, start, end, snapshot.predict(X), strict=True):
                assert np.isnan(answers[first:last, row]).all()
                answers[first:last, row] = said
        np.testing.assert_array_equal(answers[index], [m.predict(X) for m in cut])


def test_shrinkage_helps_an_overgrown_tree():
    rows, target = make_friedman1(1500, noise=3.0, random_state=0)
    model = DecisionTreeRegressor(random_state=0).fit(rows[:500], target[:500])
    pruner = TreePruner(FrozenEstimator(model), recovery="shrinkage")
    shrunk = pruner.fit(rows[500:1000], target[500:1000]).path_
    plain = TreePruner(FrozenEstimator(model)).fit(None).path_
    assert shrunk.levels["ridge"].iloc[-1] > 0
    gain = shrunk.score(rows[1000:], target[1000:]) - plain.score(rows[1000:], target[1000:])
    assert gain[0] == 0
    assert gain[shrunk.units > 50][1:].min() > 0.05


def test_search_and_grid_search_agree_on_shrunk_levels():
    pruner = TreePruner(DecisionTreeRegressor(random_state=0), recovery="shrinkage", ridge=5.0)
    grid = {"keep": [1.0, 0.5, 0.2, 0.05]}
    ours = PruningSearchCV(pruner, grid, cv=3, refit=True).fit(XR, yr)
    theirs = GridSearchCV(pruner, grid, cv=3).fit(XR, yr)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-9
    )
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_array_equal(ours.predict(XR), theirs.predict(XR))
