"""Support vector machines taken apart and put together again."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

from skprune import model_size
from skprune.exceptions import InputError, UnsupportedModelError
from skprune.surgery import surgeon_for

RNG = np.random.default_rng(0)
IRIS, SPECIES = load_iris(return_X_y=True)
SPECIES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
IRIS = IRIS + RNG.normal(scale=0.5, size=IRIS.shape)  # overlapping classes: many vectors
QUERY = RNG.permutation(IRIS)[:40] + 0.01


def own_kernel(A, B):
    return rbf_kernel(np.asarray(A), np.asarray(B), gamma=0.3)


def sparse_kernel(A, B):
    return sparse.csr_array(own_kernel(A, B))


KERNELS = [
    {"kernel": "linear"},
    {"kernel": "poly", "degree": 2, "coef0": 1.5},
    {"kernel": "rbf", "gamma": "auto"},
    {"kernel": "rbf"},
    {"kernel": "sigmoid", "gamma": 0.01},
    {"kernel": own_kernel},
    {"kernel": sparse_kernel},
    {"kernel": "precomputed"},
]
KINDS = [SVC, NuSVC, SVR, NuSVR, OneClassSVM]


def target(kind, n_classes=3):
    if kind in (SVC, NuSVC):
        return np.where(np.arange(150) % 7 == 0, SPECIES[0], SPECIES)[: 50 * n_classes]
    return IRIS[: 50 * n_classes, 0] + IRIS[: 50 * n_classes, 2]


def fitted(kind, n_classes=3, *, as_csr=False, **params):
    """A model, and the rows it can be asked about."""
    X, query = IRIS[: 50 * n_classes], QUERY
    if params.get("kernel") == "precomputed":
        X, query = own_kernel(X, X), own_kernel(QUERY, X)
    if as_csr:
        X, query = sparse.csr_array(X), sparse.csr_array(query)
    model = kind(**params) if kind is not NuSVC else kind(nu=0.2, **params)
    return model.fit(X, target(kind, n_classes)), query


def pair_values(model, X):
    """What a model answers, without summing up pairs."""
    if isinstance(model, SVC | NuSVC):
        model.decision_function_shape = "ovo"
    ask = model.decision_function if hasattr(model, "decision_function") else model.predict
    return ask(X).reshape(len(X) if not sparse.issparse(X) else X.shape[0], -1)


@pytest.mark.parametrize("params", KERNELS, ids=lambda p: str(p["kernel"])[:20])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_an_uncut_rebuild_answers_the_same_to_the_bit(kind, params, n_classes):
    model, query = fitted(kind, n_classes, **params)
    surgeon = surgeon_for(model)
    surgeon.check_parity()
    rebuilt = surgeon.cut(np.ones(surgeon.n_vectors, dtype=bool))
    assert_array_equal(rebuilt.predict(query), model.predict(query))
    assert_array_equal(pair_values(rebuilt, query), pair_values(model, query))
    expected = surgeon.kernel(query) @ surgeon.coefficients + surgeon.offsets
    assert_allclose(pair_values(model, query), expected, rtol=1e-6, atol=1e-6)
    again = surgeon_for(rebuilt)
    again.check_parity()
    assert_array_equal(again.coefficients, surgeon.coefficients)


@pytest.mark.parametrize("params", KERNELS, ids=lambda p: str(p["kernel"])[:20])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_cut_model_answers_from_what_stays_alone(kind, params, n_classes):
    model, query = fitted(kind, n_classes, **params)
    surgeon = surgeon_for(model)
    keep = np.arange(surgeon.n_vectors) % 3 == 0
    coefficients = surgeon.coefficients * 1.5 + 0.1 * surgeon.takes_part
    offsets = surgeon.offsets + 0.25
    before = pickle.dumps(model)
    cut = surgeon.cut(keep, coefficients=coefficients, offsets=offsets)
    assert pickle.dumps(model) == before
    expected = surgeon.kernel(query)[:, keep] @ coefficients[keep] + offsets
    assert_allclose(pair_values(cut, query), expected, rtol=1e-6, atol=1e-6)
    assert type(cut) is kind
    assert len(cut.support_) == keep.sum() == cut.n_support_.sum()
    read = surgeon_for(cut)
    assert_array_equal(read.coefficients, coefficients[keep])
    assert model_size(cut).units == keep.sum()
    assert model_size(cut).bytes < model_size(model).bytes
    assert len(pickle.dumps(cut)) < len(before)


def test_classes_vote_as_a_plain_loop_over_pairs_says():
    model, query = fitted(SVC)
    surgeon = surgeon_for(model)
    keep = RNG.random(surgeon.n_vectors) < 0.5
    cut = surgeon.cut(keep)
    dual, kernel = model.dual_coef_, surgeon.kernel(query)
    ends = np.concatenate([[0], np.cumsum(model.n_support_)])
    votes, pair = np.zeros((len(query), 3), dtype=int), 0
    for i in range(3):
        for j in range(i + 1, 3):
            value = np.full(len(query), model.intercept_[pair])
            for own, other in [(i, j - 1), (j, i)]:
                for vector in range(ends[own], ends[own + 1]):
                    value += keep[vector] * dual[other, vector] * kernel[:, vector]
            votes[np.arange(len(query)), np.where(value > 0, i, j)] += 1
            pair += 1
    assert_array_equal(cut.predict(query), model.classes_[votes.argmax(axis=1)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparse_vectors_are_cut_as_dense_ones(kind, n_classes):
    model, query = fitted(kind, n_classes, as_csr=True)
    dense, rows = fitted(kind, n_classes)
    surgeon = surgeon_for(model)
    surgeon.check_parity()
    keep = np.arange(surgeon.n_vectors) % 2 == 0
    cut, plain = surgeon.cut(keep), surgeon_for(dense).cut(keep)
    assert sparse.issparse(cut.support_vectors_)
    assert sparse.issparse(cut.dual_coef_)
    assert_allclose(pair_values(cut, query), pair_values(plain, rows), atol=1e-6)
    if kind in (SVC, NuSVC):
        assert_array_equal(cut.predict(rows), plain.predict(rows))
    surgeon_for(cut).check_parity()
    assert model_size(cut).bytes < model_size(model).bytes


def test_a_single_vector_is_enough():
    for kind in KINDS:
        model, query = fitted(kind)
        surgeon = surgeon_for(model)
        keep = np.arange(surgeon.n_vectors) == 3
        expected = surgeon.kernel(query)[:, keep] @ surgeon.coefficients[keep] + surgeon.offsets
        assert_allclose(pair_values(surgeon.cut(keep), query), expected, atol=1e-9)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_those_of_the_sigmoid_of_the_whole(n_classes):
    model, query = fitted(SVC, n_classes, probability=True, random_state=0)
    surgeon = surgeon_for(model)
    whole = surgeon.cut(np.ones(surgeon.n_vectors, dtype=bool))
    assert_array_equal(whole.predict_proba(query), model.predict_proba(query))
    cut = surgeon.cut(np.arange(surgeon.n_vectors) % 2 == 0)
    found = cut.predict_proba(query)
    assert_allclose(found.sum(axis=1), 1.0)
    if n_classes == 2:
        falling = np.exp(cut.probB_ - cut.probA_ * cut.decision_function(query))
        expected = np.clip(1 / (1 + falling), 1e-7, 1 - 1e-7)
        assert_allclose(found[:, 0], expected, rtol=0.01)  # libsvm iterates
        assert (cut.probA_, cut.probB_) == (model.probA_, model.probB_)


def test_nothing_of_the_vectors_that_went_is_held():
    for params in ({}, {"kernel": own_kernel}):
        model, query = fitted(SVC, **params)
        surgeon = surgeon_for(model)
        cut = surgeon.cut(np.arange(surgeon.n_vectors) < 5)
        sizes = [v.size for v in vars(cut).values() if isinstance(v, np.ndarray)]
        assert max(sizes) <= 5 * IRIS.shape[1]
        again = pickle.loads(pickle.dumps(cut))
        assert_array_equal(again.predict(query), cut.predict(query))


def test_sizes_count_what_is_stored():
    model, _ = fitted(SVC)
    n, d = model.support_vectors_.shape
    assert model_size(model) == type(model_size(model))(n, n * (d + 2) + 3, n * (8 * d + 8 * 2 + 4))
    matrix, _ = fitted(SVR, kernel="precomputed")
    n = len(matrix.support_)
    assert model_size(matrix).parameters == 2 * n + 1
    rows, _ = fitted(SVR, kernel=own_kernel)
    assert model_size(rows).bytes > IRIS.nbytes


def test_bad_cuts_are_refused():
    model, _ = fitted(SVC)
    surgeon = surgeon_for(model)
    with pytest.raises(InputError, match="keep at least one vector"):
        surgeon.cut(np.zeros(surgeon.n_vectors, dtype=bool))
    with pytest.raises(InputError, match="Give arrays of shapes"):
        surgeon.cut(np.ones(3, dtype=bool))


def moody_kernel(A, B):
    """No kernel: what two rows get depends on the rows beside them."""
    return own_kernel(A, B) / len(B)


def test_a_kernel_that_looks_at_other_rows_is_refused():
    model, _ = fitted(SVC, kernel=moody_kernel)
    with pytest.raises(UnsupportedModelError, match="does not depend on other samples"):
        surgeon_for(model).check_parity()


def test_a_model_that_was_tampered_with_is_refused():
    model, _ = fitted(SVR)
    model._gamma *= 2
    surgeon = surgeon_for(model)
    surgeon.check_parity()  # the fitted gamma is what predicts, whatever the parameter says
    model._intercept_ = model._intercept_ + 1
    with pytest.raises(UnsupportedModelError, match="fitted attributes are unchanged"):
        surgeon.check_parity()


def test_only_the_training_matrix_compares_vectors_of_a_precomputed_kernel():
    model, query = fitted(SVC, kernel="precomputed")
    surgeon, K = surgeon_for(model), own_kernel(IRIS, IRIS)
    assert_allclose(surgeon.kernel_matrix(K), K[np.ix_(model.support_, model.support_)])
    for wrong in (query, K + np.arange(150)):
        with pytest.raises(InputError, match="not the symmetric kernel matrix of the 150"):
            surgeon.kernel_matrix(wrong)
