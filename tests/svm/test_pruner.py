"""Support vectors in the order of least loss, and what those that stay then say."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_friedman1
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier

from skprune import (
    EnsemblePruner,
    OneStandardError,
    PruningPath,
    PruningSearchCV,
    SVMPruner,
    TreePruner,
    model_size,
)
from skprune.exceptions import InputError, LevelError, UnsupportedModelError
from skprune.surgery import surgeon_for
from tests.surgery.test_svm import own_kernel, pair_values


def table(n_samples=240, n_classes=2):
    X, y = make_classification(
        n_samples, 6, n_informative=4, n_classes=n_classes, class_sep=0.7, random_state=0
    )
    return X, np.array(["ant", "bee", "cow"])[y]


def quantities(n_samples=240):
    return make_friedman1(n_samples, 6, noise=0.5, random_state=0)


def loss_in_feature_space(K, coefficients, takes_part, kept):
    """Squared distance of the best model of some vectors, by plain solves, pair by pair."""
    total = 0.0
    for pair, own in enumerate(coefficients.T):
        may = np.flatnonzero(kept & takes_part[:, pair])
        best = np.zeros_like(own)
        best[may] = np.linalg.solve(K[np.ix_(may, may)], (K @ own)[may])
        total += (best - own) @ K @ (best - own)
    return total / 2


@pytest.mark.parametrize("n_classes", [2, 3])
def test_each_time_the_vector_goes_without_which_the_loss_is_least(n_classes):
    X, y = table(45, n_classes)
    pruner = SVMPruner(SVC(gamma=0.5)).fit(X, y)
    surgeon = surgeon_for(pruner.path_.model)
    K = surgeon.kernel_matrix() + 1e-6 * np.eye(surgeon.n_vectors)
    own, takes_part = surgeon.coefficients, surgeon.takes_part
    kept = np.ones(len(K), dtype=bool)
    for index in range(1, 9):
        losses = np.full(len(K), np.inf)
        for vector in np.flatnonzero(kept):
            kept[vector] = False
            losses[vector] = loss_in_feature_space(K, own, takes_part, kept)
            kept[vector] = True
        kept[np.argmin(losses)] = False
        assert_array_equal(pruner.path_.mask(index), kept)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_refit_is_least_squares_of_decision_values(n_classes, weighted):
    X, y = table(n_classes=n_classes)
    weight = np.random.default_rng(0).integers(1, 4, len(y)) if weighted else None
    model = SVC(decision_function_shape="ovo").fit(X, y)
    pruner = SVMPruner(FrozenEstimator(model), keep=20).fit(X, y, sample_weight=weight)
    aim = pair_values(model, X)
    root = np.sqrt(np.ones(len(y)) if weight is None else weight)[:, np.newaxis]
    whole, cut = surgeon_for(model), surgeon_for(pruner.estimator_)
    kernel = whole.kernel(X)[:, pruner.keep_mask_]
    for pair, takes_part in enumerate(cut.takes_part.T):
        columns = np.column_stack([kernel[:, takes_part], np.ones(len(X))])
        best = np.linalg.lstsq(root * columns, root[:, 0] * aim[:, pair], rcond=None)[0]
        least = (root[:, 0] * (columns @ best - aim[:, pair])) ** 2
        found = (root[:, 0] * (pair_values(pruner.estimator_, X)[:, pair] - aim[:, pair])) ** 2
        assert found.sum() <= least.sum() * 1.01


def test_weights_of_rows_mean_repetition_in_the_refit():
    X, y = table()
    model = FrozenEstimator(SVC().fit(X, y))
    weight = np.random.default_rng(0).integers(0, 4, len(y))
    weighted = SVMPruner(model, keep=15).fit(X, y, sample_weight=weight)
    repeated = SVMPruner(model, keep=15).fit(X.repeat(weight, axis=0), y.repeat(weight))
    assert_allclose(weighted.decision_function(X), repeated.decision_function(X), rtol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_vectors_that_say_the_same_go_first_and_cost_nothing(n_classes):
    X, y = table(150, n_classes)
    model = SVC(gamma=0.5).fit(X, y)
    copies = np.arange(0, len(model.support_), 3)
    twice = np.concatenate([X, X[model.support_[copies]]])
    labels = np.concatenate([y, y[model.support_[copies]]])
    pruner = SVMPruner(SVC(gamma=0.5, decision_function_shape="ovo")).fit(twice, labels)
    vectors = pruner.path_.model.support_vectors_
    n_distinct = len(np.unique(vectors, axis=0))
    assert n_distinct < len(vectors)
    small = pruner.path_.cut(keep=n_distinct)
    # One of hardly any weight may go before the last copy.
    assert len(np.unique(small.support_vectors_, axis=0)) >= n_distinct - 2
    whole = pruner.path_.cut(keep=1.0)
    assert_allclose(small.decision_function(X), whole.decision_function(X), atol=1e-3)


@pytest.mark.parametrize(
    "model",
    [
        SVC(),
        SVC(kernel="poly", degree=2, coef0=1.0),
        SVC(kernel="sigmoid", gamma=0.05),
        SVC(kernel="linear"),
        SVC(kernel=own_kernel),
        NuSVC(nu=0.3),
        SVC(class_weight="balanced"),
    ],
    ids=lambda model: str(model).partition(" at 0x")[0],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_quarter_of_the_vectors_agrees_with_all(model, n_classes):
    X, y = table(400, n_classes)
    pruner = SVMPruner(clone(model), keep=0.25).fit(X[:200], y[:200])
    whole = pruner.path_.cut(keep=1.0)
    assert (pruner.predict(X[200:]) == whole.predict(X[200:])).mean() > 0.85


@pytest.mark.parametrize("model", [SVR(C=10.0), NuSVR(C=10.0), SVR(kernel="linear")], ids=str)
def test_regression_stays_near(model):
    X, y = quantities()
    pruner = SVMPruner(model, keep=0.4).fit(X, y)
    whole = pruner.path_.cut(keep=1.0).predict(X)
    assert ((pruner.predict(X) - whole) ** 2).mean() < 0.02 * whole.var()
    again = SVMPruner(model, criterion="random", random_state=0, keep=0.4).fit(X, y).predict(X)
    assert ((pruner.predict(X) - whole) ** 2).mean() <= ((again - whole) ** 2).mean()


def test_one_class_models_say_who_is_out():
    X, _ = table()
    pruner = SVMPruner(OneClassSVM(nu=0.3), keep=0.3).fit(X)
    whole = pruner.path_.cut(keep=1.0)
    assert (pruner.predict(X) == whole.predict(X)).mean() > 0.95
    cut = pruner.estimator_
    assert_allclose(cut.decision_function(X), cut.score_samples(X) - cut.offset_)
    assert_array_equal(pruner.score_samples(X), cut.score_samples(X))
    assert_array_equal(pruner.offset_, cut.offset_)


@pytest.mark.parametrize("kind", [SVC, SVR, OneClassSVM])
def test_precomputed_kernels_are_those_of_the_rows(kind):
    X, y = table() if kind is SVC else quantities()
    K, query = own_kernel(X, X), own_kernel(X[:50] + 0.1, X)
    given = SVMPruner(kind(kernel="precomputed"), keep=20).fit(K, y)
    called = SVMPruner(kind(kernel=own_kernel), keep=20).fit(X, y)
    assert_array_equal(given.keep_mask_, called.keep_mask_)
    ask = "predict" if kind is SVR else "decision_function"
    found, expected = getattr(given, ask)(query), getattr(called, ask)(X[:50] + 0.1)
    assert_allclose(found, expected, atol=1e-6)
    others = query.copy()
    others[:, ~np.isin(np.arange(len(X)), given.estimator_.support_)] = np.nan_to_num(np.inf)
    assert_array_equal(getattr(given, ask)(others), found)


def test_a_frozen_precomputed_model_needs_its_matrix_only_where_vectors_are_compared():
    X, y = table()
    K = own_kernel(X, X)
    frozen = FrozenEstimator(SVC(kernel="precomputed").fit(K, y))
    with pytest.raises(InputError, match="kernel matrix of the 240 samples"):
        SVMPruner(frozen).fit(K[:50], y[:50])
    SVMPruner(frozen, criterion="magnitude").fit(K[:50], y[:50])
    assert SVMPruner(frozen, recovery=None).fit(K, y).estimator_.predict(K).shape == (240,)


def test_sparse_rows_give_the_model_of_dense_ones():
    X, y = table()
    dense = SVMPruner(SVC(gamma=0.2), keep=20).fit(X, y)
    found = SVMPruner(SVC(gamma=0.2), keep=20).fit(sparse.csr_array(X), y)
    assert sparse.issparse(found.estimator_.support_vectors_)
    assert_allclose(found.decision_function(X), dense.decision_function(X), atol=1e-3)


@pytest.mark.parametrize("shape", ["ovr", "ovo"])
@pytest.mark.parametrize("break_ties", [False, True])
def test_shapes_of_decisions_are_those_of_the_model(shape, break_ties):
    X, y = table(n_classes=3)
    model = SVC(decision_function_shape=shape, break_ties=break_ties and shape == "ovr")
    pruner = SVMPruner(model, keep=0.3).fit(X, y)
    decision = pruner.decision_function(X)
    assert decision.shape == (len(X), 3)
    if model.break_ties:
        assert_array_equal(pruner.classes_[decision.argmax(axis=1)], pruner.predict(X))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_stay_near(n_classes):
    X, y = table(400, n_classes)
    pruner = SVMPruner(SVC(probability=True, random_state=0), keep=0.3).fit(X, y)
    whole = pruner.path_.cut(keep=1.0).predict_proba(X)
    assert np.abs(pruner.predict_proba(X) - whole).mean() < 0.02
    assert not hasattr(SVMPruner(SVC()).fit(X, y), "predict_proba")


@pytest.mark.filterwarnings("error")
def test_frozen_models_with_probabilities_are_pruned_without_a_warning():
    X, y = table()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # scikit-learn 1.9 warns in fit
        model = FrozenEstimator(SVC(probability=True, random_state=0).fit(X, y))
    assert SVMPruner(model, keep=9).fit(X, y).predict_proba(X).shape == (240, 2)


def test_without_recovery_coefficients_come_from_the_criterion_alone():
    X, y = table()
    model = SVC().fit(X, y)
    kept = SVMPruner(FrozenEstimator(model), criterion="magnitude", recovery=None, keep=30).fit(X)
    assert_array_equal(kept.estimator_.dual_coef_, model.dual_coef_[:, kept.keep_mask_])
    assert_array_equal(kept.estimator_.intercept_, model.intercept_)
    moved = SVMPruner(FrozenEstimator(model), recovery=None, keep=30).fit(X)
    assert_array_equal(moved.estimator_.intercept_, model.intercept_)
    K, (own,) = rbf_kernel(model.support_vectors_, gamma=model._gamma), model.dual_coef_
    mask = moved.keep_mask_
    expected = np.linalg.solve(K[np.ix_(mask, mask)], K[mask] @ own)
    change = moved.estimator_.dual_coef_[0] - expected
    assert change @ K[np.ix_(mask, mask)] @ change < 1e-6 * (own @ K @ own)


def test_magnitude_and_random_are_what_they_say():
    X, y = table(n_classes=3)
    found = SVMPruner(SVC(), criterion="magnitude", keep=0.5).fit(X, y)
    size = (found.path_.model.dual_coef_**2).sum(axis=0)
    assert size[found.keep_mask_].min() >= size[~found.keep_mask_].max() - 1e-12
    first, second = (
        SVMPruner(SVC(), criterion="random", random_state=seed).fit(X, y) for seed in (0, 1)
    )
    assert (first.keep_mask_ != second.keep_mask_).any()


def test_the_path_has_a_level_for_every_count():
    X, y = table()
    pruner = SVMPruner(SVC(), keep=17).fit(X, y)
    path = pruner.path_
    n_vectors = len(path.model.support_)
    assert isinstance(path, PruningPath)
    assert_array_equal(path.units, np.arange(n_vectors, 0, -1))
    assert not path.common_scale
    assert len(pruner.estimator_.support_) == 17
    assert_array_equal(pruner.report_["kept"], pruner.keep_mask_)
    assert_array_equal(pruner.report_["row"], path.model.support_)
    for index in (0, 1, n_vectors // 2, n_vectors - 1):
        size, row = model_size(path.cut(index=index)), path.levels.iloc[index]
        assert (size.units, size.parameters, size.bytes) == tuple(row[-3:])
        assert_array_equal(pruner.rank_shares_ > row["threshold"], path.mask(index))
    again = pickle.loads(pickle.dumps(path))
    assert_array_equal(again.cut(keep=9).predict(X), path.cut(keep=9).predict(X))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [SVC, SVR])
def test_names_of_columns_are_kept_and_asked_for_no_more_than_by_the_model(kind):
    X, y = table() if kind is SVC else quantities()
    frame = pd.DataFrame(X, columns=list("abcdef"))
    pruner = SVMPruner(kind(), keep=20).fit(frame, y)
    assert_array_equal(pruner.estimator_.feature_names_in_, frame.columns)
    plain = SVMPruner(kind(), keep=20).fit(X, y)
    assert_array_equal(pruner.keep_mask_, plain.keep_mask_)


def test_callable_kernels_keep_the_rows_of_their_vectors_only():
    X, y = table()
    pruner = SVMPruner(SVC(kernel=own_kernel), keep=10).fit(X, y)
    assert_array_equal(pruner.estimator_.support_, np.arange(10))
    assert model_size(pruner).bytes < X[:12].nbytes + 10 * 30
    words = [f"{'ab' * (i % 5)}{'c' * (i % 3)}" for i in range(60)]
    labels = np.arange(60) % 5 > 1

    def common(A, B):
        return np.array([[float(a.count("a") * b.count("a") + (a == b)) for b in B] for a in A])

    found = SVMPruner(SVC(kernel=common), keep=3).fit(words, labels)
    assert found.predict(words).shape == (60,)


def test_a_model_without_vectors_is_whole():
    X, y = quantities()
    pruner = SVMPruner(SVR(epsilon=1000.0)).fit(X, y)
    assert len(pruner.path_) == 1
    assert pruner.path_.units[0] == len(pruner.rank_shares_) == 0
    assert_array_equal(pruner.predict(X), pruner.estimator_.predict(X))
    assert model_size(pruner).parameters == 1


def test_a_class_of_which_no_row_has_weight_has_no_part():
    X, y = table(n_classes=3)
    for absent, n_pairs in ((["ant"], 1), ([], 3)):
        weight = np.where(np.isin(y, absent), 0.0, 1.0)
        pruner = SVMPruner(SVC(), keep=0.3).fit(X, y, sample_weight=weight)
        whole = pruner.path_.model
        assert surgeon_for(whole).coefficients.shape[1] == n_pairs
        assert (pruner.predict(X) == whole.predict(X)).mean() > 0.9


def test_rare_classes_keep_their_answers():
    X, y = table(n_classes=3)
    rare = np.concatenate([np.flatnonzero(y != "cow"), np.flatnonzero(y == "cow")[:1]])
    pruner = SVMPruner(SVC(class_weight="balanced"), keep=1).fit(X[rare], y[rare])
    assert 1 in pruner.path_.model.n_support_
    for index in (1, len(pruner.path_) // 2, -1):
        cut, query = pruner.path_.cut(index=index), X[:50]
        surgeon = surgeon_for(cut)
        expected = surgeon.kernel(query) @ surgeon.coefficients + surgeon.offsets
        assert_allclose(pair_values(cut, query), expected, rtol=1e-6, atol=1e-6)


def test_the_path_holds_no_rows():
    X, y = table(800)
    model = FrozenEstimator(SVC(kernel=own_kernel).fit(X[:100], y[:100]))
    few, many = (SVMPruner(model).fit(X[:n], y[:n]).path_ for n in (100, 800))
    assert len(pickle.dumps(many)) == len(pickle.dumps(few))


def test_constant_rows_leave_the_offset():
    X, y = np.zeros((20, 2)), np.arange(20) % 2
    for kernel in ("linear", "rbf"):
        pruner = SVMPruner(SVC(kernel=kernel), keep=1).fit(X, y)
        assert np.isfinite(pruner.decision_function(X)).all()


def contrary(A, B):
    return -own_kernel(A, B)


@pytest.mark.parametrize("kernel", ["sigmoid", contrary])
def test_kernels_that_are_not_positive_definite_have_a_path(kernel):
    X, y = table()
    pruner = SVMPruner(SVC(kernel=kernel, coef0=-1.0)).fit(X, y)
    whole = pruner.path_.cut(keep=1.0).decision_function(X)
    for index in (1, len(pruner.path_) // 2, -1):
        cut = pruner.path_.cut(index=index).decision_function(X)
        assert ((cut - whole) ** 2).mean() <= 1.001 * whole.var()


def test_the_search_equals_a_grid_search_at_the_same_levels():
    X, y = table(n_classes=3)
    grid = {"keep": [1.0, 0.4, 0.1]}
    ours = PruningSearchCV(SVMPruner(SVC()), grid, cv=3).fit(X, y)
    plain = GridSearchCV(SVMPruner(SVC()), grid, cv=3, refit=False).fit(X, y)
    assert_array_equal(ours.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"])


def test_the_search_wraps_models_and_pipelines_and_divides_kernel_matrices():
    X, y = table()
    piped = make_pipeline(StandardScaler(), SVC())
    found = PruningSearchCV(piped, cv=3, max_levels=12, refit=OneStandardError()).fit(X, y)
    assert found.best_estimator_[-1].path_.unit == "vectors"
    assert model_size(found).units < model_size(found.best_estimator_[-1].path_.model).units
    K = own_kernel(X, X)
    given = PruningSearchCV(SVC(kernel="precomputed"), cv=3, max_levels=6).fit(K, y)
    called = PruningSearchCV(SVC(kernel=own_kernel), cv=3, max_levels=6).fit(X, y)
    assert_allclose(given.cv_results_["mean_test_score"], called.cv_results_["mean_test_score"])


def test_other_models_and_pruners_are_refused():
    X, y = table()
    with pytest.raises(UnsupportedModelError, match=r"DecisionTreeClassifier .*Known are: NuSVC"):
        SVMPruner(DecisionTreeClassifier()).fit(X, y)
    for model in (SVC(), FrozenEstimator(SVC())):
        with pytest.raises(UnsupportedModelError, match=r"SVC is not a model.*RandomForest"):
            TreePruner(model).fit(X, y)
    with pytest.raises(LevelError, match="keep=0 is not a level"):
        SVMPruner(SVC(), keep=0).fit(X, y)
    frozen = FrozenEstimator(SVC().fit(X, y))
    with pytest.raises(InputError, match="None of the n_samples=240 samples has a positive weight"):
        SVMPruner(frozen).fit(X, y, sample_weight=np.zeros(len(y)))


def test_ensembles_of_machines_are_still_pruned_by_members():
    X, y = table()
    bagged = BaggingClassifier(SVC(), n_estimators=4, random_state=0)
    vote = VotingClassifier([("a", SVC()), ("b", SVC(C=10.0)), ("c", DecisionTreeClassifier())])
    for model in (bagged, vote):
        pruner = EnsemblePruner(model, keep=2, random_state=0).fit(X, y)
        assert len(pruner.estimator_.estimators_) == 2
        assert pruner.predict(X).shape == y.shape
