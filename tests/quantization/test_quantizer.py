"""Fewer bits: the contracts of quantizers, whose levels are numbers of bits."""

import pickle
import warnings
from functools import cache

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone, is_regressor
from sklearn.datasets import load_digits, make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, OneClassSVM

from skprune import (
    LinearPruner,
    MLPPruner,
    PruningSearchCV,
    Quantizer,
    TreePruner,
    model_size,
)
from skprune.base import BaseModelPruner
from skprune.exceptions import InputError, LevelError, PruningWarning, UnsupportedModelError
from tests._instances import name_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NETWORK = MLPClassifier(12, solver="lbfgs", max_iter=30, random_state=0)
MODELS = [
    RandomForestClassifier(10, random_state=0),
    GradientBoostingRegressor(n_estimators=20, random_state=0),
    HistGradientBoostingClassifier(max_iter=5, random_state=0),
    LogisticRegression(),
    Ridge(),
    NETWORK,
    SVC(),
    OneClassSVM(nu=0.2),
    MLPPruner(NETWORK, keep=0.2, sparse_coef=True),
]
over_models = pytest.mark.parametrize("model", MODELS, ids=name_of)


@cache
def data_for(kind):
    make = make_regression if kind == "regression" else make_classification
    return make(600, 8, n_informative=6, random_state=0)


def split(model):
    X, y = data_for("regression" if is_regressor(model) else "classification")
    return X[:400], y[:400], X[400:], y[400:]


@cache
def fitted(model):
    X, y, *_ = split(model)
    return Quantizer(clone(model)).fit(X, y)


def agreement(first, second):
    """Share of rows with the same answer, or R2 of one as the other."""
    if first.dtype.kind == "f":
        return 1 - ((first - second) ** 2).sum() / ((second - second.mean()) ** 2).sum()
    return np.mean(first == second)


@over_models
def test_path_equals_fit_and_its_bytes_are_true(model):
    X, y, X_test, _ = split(model)
    path = fitted(model).path_
    for index in (2, -1):
        row = path.levels.iloc[index]
        alone = Quantizer(clone(model), bits=int(row.bits)).fit(X, y)
        np.testing.assert_array_equal(alone.predict(X_test), path.cut(index=index).predict(X_test))
        size = model_size(alone)
        assert (size.parameters, size.bytes) == tuple(row[["parameters", "bytes"]])
    for index in range(len(path)):
        assert path.coded(index).size()[2] == path.levels.bytes[index]
    assert (np.diff(path.levels.bytes) <= 0).all()
    whole = path.model
    assert agreement(path.cut(index=1).predict(X_test), whole.predict(X_test)) > 0.999
    assert agreement(path.cut(keep=8).predict(X_test), whole.predict(X_test)) > 0.985


@over_models
def test_the_pickle_holds_the_codes_only(model):
    X_test = split(model)[2]
    quantizer = fitted(model)
    plain = quantizer.estimator_
    assert type(plain) is type(quantizer.path_.model)
    assert quantizer.estimator_ is plain
    loaded = pickle.loads(pickle.dumps(quantizer))
    assert not loaded._decoded
    np.testing.assert_array_equal(loaded.predict(X_test), plain.predict(X_test))
    assert b"skprune" not in pickle.dumps(plain)
    with pytest.raises(AttributeError, match="pickle path_ itself"):
        _ = loaded.path_
    assert pickle.dumps(loaded.codes_) == pickle.dumps(pickle.loads(pickle.dumps(loaded)).codes_)


def test_large_models_are_small_on_disk():
    X, y = data_for("classification")
    forest = RandomForestClassifier(50, random_state=0)
    for bits, times in ((8, 25), (4, 30)):
        quantizer = Quantizer(forest, bits=bits).fit(X, y)
        whole = quantizer.path_.model
        # A pickle also holds the report, and a few small objects per tree.
        assert times * len(pickle.dumps(quantizer)) < len(pickle.dumps(whole))
        assert times * model_size(quantizer).bytes < model_size(whole).bytes
    network = MLPClassifier(300, max_iter=5, random_state=0)
    quantizer = Quantizer(network).fit(X, y)
    assert 3 * model_size(quantizer).bytes < model_size(quantizer.path_.model).bytes


@over_models
def test_no_bits_named_is_the_whole_model(model):
    X, y, X_test, _ = split(model)
    quantizer = Quantizer(clone(model), bits=None).fit(X, y)
    whole = clone(model).fit(X, y)
    np.testing.assert_array_equal(quantizer.predict(X_test), whole.predict(X_test))
    assert model_size(quantizer) == model_size(whole)
    assert quantizer.report_.error.max() == 0


@over_models
def test_fit_is_deterministic_and_writes_nothing(model):
    X, y, *_ = split(model)
    whole = clone(model).fit(X, y)
    whole = whole.estimator_ if isinstance(whole, BaseModelPruner) else whole
    frozen = FrozenEstimator(whole)
    before, hashed = pickle.dumps(whole), joblib.hash((X, y))
    first, second = (Quantizer(frozen, bits=3).fit(X, y) for _ in range(2))
    assert pickle.dumps(first.codes_) == pickle.dumps(second.codes_)
    first.path_.cut(keep=1.0).random_state = 17
    first.estimator_.n_features_in_ = -1
    assert pickle.dumps(whole) == before
    assert joblib.hash((X, y)) == hashed
    assert first.codes_.decode().n_features_in_ == 8


@over_models
def test_report_adds_up(model):
    quantizer = fitted(model)
    report = quantizer.report_
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(quantizer)).report_, report)
    assert (report["values"] <= report.values_before).all()
    assert report.bytes.sum() <= model_size(quantizer).bytes
    assert (report[report.part != "coefs_"]["values"] <= 2 ** (3 + 8)).all()
    if "threshold" in set(report.part):
        assert (report[report.part == "threshold"]["values"] <= 256).all()


def test_digits_forest_loses_nothing():
    X, y = load_digits(return_X_y=True)
    for forest in (RandomForestClassifier(20), RandomForestClassifier(20, min_samples_leaf=3)):
        quantizer = Quantizer(forest.set_params(random_state=0)).fit(X[::2], y[::2])
        report = quantizer.report_[quantizer.report_.part == "threshold"]
        assert report.error.max() < 1e-6  # thresholds move to the single before them at most
        assert (report["values"] == report.values_before).all()
        np.testing.assert_array_equal(
            quantizer.predict(X[1::2]), quantizer.path_.model.predict(X[1::2])
        )


def test_thresholds_move_inside_gaps_between_training_values_first():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 16, size=(600, 2)) * 1.0
    y = (X[:, 0] * 3 + X[:, 1]) % 5 > 2
    forest = ExtraTreesClassifier(20, random_state=0).fit(X, y)  # its thresholds are drawn
    # There are 15 gaps, and so 15 thresholds do for the training rows.
    quantizer = Quantizer(FrozenEstimator(forest), bits=4).fit(X, y)
    assert quantizer.report_.values_before[:2].min() > 100
    np.testing.assert_array_equal(quantizer.predict_proba(X), forest.predict_proba(X))
    blind = Quantizer(FrozenEstimator(forest), bits=4).fit(None)
    assert (blind.predict_proba(X) != forest.predict_proba(X)).any()


def test_feedback_answers_more_alike_than_plain_rounding():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    network = FrozenEstimator(MLPClassifier(40, max_iter=60, random_state=0).fit(X[::2], y[::2]))
    same = {}
    for method in ("auto", "feedback", "affine", "codebook"):
        quantizer = Quantizer(network, bits=2, method=method).fit(X[::2], y[::2])
        same[method] = quantizer.score(X[1::2], network.predict(X[1::2]))
    assert same["auto"] == same["feedback"] > same["affine"] + 0.01
    assert same["feedback"] > 0.95


def test_error_feedback_needs_the_training_samples():
    X, y, X_test, _ = split(Ridge())
    quantizer = Quantizer(Ridge(), bits=3).fit(X, y)
    path = pickle.loads(pickle.dumps(quantizer.path_))
    np.testing.assert_array_equal(
        path.cut(keep=2).predict(X), quantizer.path_.cut(keep=2).predict(X)
    )
    fresh = Quantizer(Ridge()).fit(X, y)
    path = pickle.loads(pickle.dumps(fresh.path_))
    np.testing.assert_array_equal(path.cut(keep=8).predict(X_test), fresh.predict(X_test))
    with pytest.raises(InputError, match="a pickled path leaves them out"):
        path.cut(keep=3)
    sparse = Quantizer(Ridge(), bits=3).fit(csr_array(X), y)
    np.testing.assert_allclose(sparse.predict(X), quantizer.predict(X), rtol=1e-3, atol=1)


def test_weights_of_rows_mean_repetition():
    X, y, *_ = split(LinearRegression())
    weight = np.random.default_rng(0).integers(1, 4, len(y))
    frozen = FrozenEstimator(LinearRegression().fit(X, y))
    weighted = Quantizer(frozen, bits=2).fit(X, y, sample_weight=weight)
    repeated = Quantizer(frozen, bits=2).fit(X.repeat(weight, axis=0), y.repeat(weight))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X))


def test_weights_that_were_pruned_stay_away():
    X, y, *_ = split(NETWORK)
    pruned = Quantizer(MLPPruner(NETWORK, keep=0.2), bits=4).fit(X, y)
    zero = [coef == 0 for coef in pruned.path_.model.coefs_]
    for coef, gone in zip(pruned.estimator_.coefs_, zero, strict=True):
        assert (coef[gone] == 0).all()
    linear = Quantizer(LinearPruner(LogisticRegression(), keep=3)).fit(X, y)
    assert np.count_nonzero(linear.estimator_.coef_) == 3


@pytest.mark.parametrize("model", [LogisticRegression(), RandomForestClassifier(5, random_state=0)])
def test_search_equals_grid_search(model):
    X, y, X_test, _ = split(model)
    grid = {"bits": [None, 8, 2, 1]}
    ours = PruningSearchCV(Quantizer(model), grid, cv=2, refit=True).fit(X, y)
    theirs = GridSearchCV(Quantizer(model), grid, cv=2).fit(X, y)
    np.testing.assert_array_equal(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_array_equal(ours.predict(X_test), theirs.predict(X_test))
    assert (np.diff(ours.cv_results_["mean_bytes"]) <= 0).all()


def test_search_finds_the_bits_by_itself_inside_a_pipeline():
    X, y, *_ = split(LogisticRegression())
    pipeline = make_pipeline(StandardScaler(), Quantizer(LogisticRegression()))
    search = PruningSearchCV(pipeline, cv=3).fit(X, y)
    assert len(search.cv_results_["params"]) == 10
    assert search.best_params_["quantizer__bits"] < 8
    assert search.best_estimator_[-1].bits == search.best_params_["quantizer__bits"]
    assert model_size(search).bytes < model_size(search.best_estimator_[-1].path_.model).bytes


def test_a_search_of_pruners_is_quantised():
    X, y, X_test, _ = split(RandomForestClassifier())
    forest = TreePruner(RandomForestClassifier(5, random_state=0))
    quantizer = Quantizer(PruningSearchCV(forest, cv=2, max_levels=5)).fit(X, y)
    assert type(quantizer.estimator_) is RandomForestClassifier
    assert quantizer.score(X_test, y[:200]) == quantizer.estimator_.score(X_test, y[:200])


def test_importances_are_those_of_the_model_before():
    quantizer = fitted(MODELS[0])
    whole = quantizer.path_.model
    np.testing.assert_array_equal(quantizer.feature_importances_, whole.feature_importances_)
    assert not hasattr(fitted(MODELS[3]), "feature_importances_")
    assert not hasattr(Quantizer(MODELS[0]), "feature_importances_")
    assert fitted(MODELS[7]).offset_ == fitted(MODELS[7]).estimator_.offset_


@pytest.mark.parametrize("bits", [0, 9, 17, True])
def test_bits_that_are_no_level_are_refused(bits):
    X, y, *_ = split(Ridge())
    with pytest.raises(LevelError, match=r"Allowed are 1, 2, .*, 8, 16, and None"):
        Quantizer(Ridge(), bits=bits).fit(X, y)


def test_errors_teach():
    X, y, *_ = split(LogisticRegression())
    for model in (KNeighborsClassifier(), make_pipeline(LogisticRegression())):
        with pytest.raises(UnsupportedModelError):
            Quantizer(model).fit(X, y)
    with pytest.raises(LevelError, match="have no thresholds"):
        fitted(MODELS[0]).path_.cut(threshold=0.5)
    with pytest.raises(AttributeError, match="no estimator_ before fit"):
        _ = Quantizer(Ridge()).estimator_
    with pytest.warns(PruningWarning, match="thresholds have codebooks"):
        Quantizer(RandomForestClassifier(2), method="affine").fit(X, y)
    with pytest.raises(InputError, match="Fit with samples"):
        Quantizer(FrozenEstimator(LogisticRegression().fit(X, y)), bits=2).fit(None)


def test_few_bits_of_a_vector_machine_leave_special_kernels_alone():
    X, y, *_ = split(SVC())
    for model, given in [
        (SVC(kernel="precomputed"), X @ X.T),
        (SVC(kernel=lambda a, b: a @ b.T), X),
        (SVC(kernel="linear"), csr_array(X)),
    ]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            quantizer = Quantizer(model).fit(given, y)
        whole = quantizer.path_.model
        assert agreement(quantizer.predict(given), whole.predict(given)) > 0.98


@pytest.mark.parametrize("classes", [2, 3])
def test_vectors_make_up_for_each_other(classes):
    # The decision is a small difference of large sums: plain rounding to 8 bits loses it.
    X, y = make_classification(400, 8, n_informative=6, n_classes=classes, random_state=0)
    machine = SVC(kernel="linear", decision_function_shape="ovo").fit(X, y)
    whole, error = machine.decision_function(X), {}
    for method in ("auto", "feedback", "affine"):
        quantizer = Quantizer(FrozenEstimator(machine), method=method).fit(None)
        error[method] = np.abs(quantizer.decision_function(X) - whole).mean() / whole.std()
    assert error["auto"] == error["feedback"] < 0.1 * error["affine"]
    assert error["auto"] < 0.02
    finest = Quantizer(FrozenEstimator(machine), bits=16).fit(None).decision_function(X)
    assert np.abs(finest - whole).mean() / whole.std() < error["auto"]


def test_a_machine_without_vectors():
    X, _ = data_for("regression")
    machine = Quantizer(SVR(), bits=2).fit(X, np.ones(len(X)))
    assert (machine.predict(X) == 1).all()


@pytest.mark.parametrize("size", [1e-300, 1e-40, 1e150])
def test_numbers_of_any_size(size):
    X, y, *_ = split(Ridge())
    for model in (Ridge(), RandomForestRegressor(3, max_depth=6, random_state=0)):
        for bits in (16, 4):
            quantizer = Quantizer(model, bits=bits).fit(X, y * size)
            found, whole = quantizer.predict(X), quantizer.path_.model.predict(X)
            if not np.array_equal(found, whole):  # forests do not split so little variance
                assert agreement(found / size, whole / size) > 0.95
    tiny = Quantizer(LinearRegression()).fit(X * size, y) if size < 1 else None
    assert tiny is None or tiny.score(X * size, y) > 0.99


def test_whole_numbers_of_bits_alone():
    quantizer = fitted(MODELS[4])
    with pytest.raises(LevelError, match=r"bits=4\.0 is not a level"):
        quantizer._row_of_level(quantizer.path_, {"bits": 4.0})
    wide = np.random.default_rng(0).normal(size=(10, 2001))
    with pytest.warns(PruningWarning, match="inputs are more than 2000"):
        Quantizer(Ridge(), bits=3, method="feedback").fit(wide, wide[:, 0])


def test_a_model_frozen_twice_is_the_model():
    X, y, *_ = split(MODELS[0])
    model = clone(MODELS[0]).fit(X, y)
    quantizer = Quantizer(FrozenEstimator(FrozenEstimator(model)), bits=None).fit(X, y)
    np.testing.assert_array_equal(quantizer.predict_proba(X), model.predict_proba(X))


def test_decoded_trees_are_pruned_as_the_model_was():
    X, y = make_classification(200, random_state=0)
    quantizer = Quantizer(ExtraTreesClassifier(1, random_state=0), bits=16).fit(X, y)
    whole, plain = quantizer.path_.model, quantizer.estimator_
    for criterion in ("cost_complexity", "reduced_error", "random", "backfitting"):
        pruner = TreePruner(FrozenEstimator(plain), criterion=criterion, keep=4, random_state=0)
        again = clone(pruner).set_params(estimator=FrozenEstimator(whole))
        for fitted in (pruner.fit(X, y), again.fit(X, y)):
            assert model_size(fitted).units <= 4
        np.testing.assert_allclose(pruner.predict_proba(X), again.predict_proba(X), atol=1e-5)
    lossless = TreePruner(FrozenEstimator(plain), criterion="lossless").fit(X, y)
    assert (lossless.predict(X) == plain.predict(X)).all()


@pytest.mark.parametrize("pruner", [Quantizer(LinearRegression(), bits=2), LinearPruner(Ridge())])
def test_values_without_finite_squares_are_refused(pruner):
    X = 1e200 * np.random.default_rng(0).normal(size=(20, 3))
    frozen = FrozenEstimator(clone(pruner.estimator).fit(X / 1e200, X[:, 0] / 1e200))
    with pytest.raises(InputError, match=r"sum of squares is not finite[.] Scale the features"):
        clone(pruner).set_params(estimator=frozen).fit(X, X[:, 0] / 1e200)


def test_ensembles_of_other_members_are_refused_and_their_template_is_not_read():
    X, y = make_classification(40, random_state=0)
    with pytest.raises(UnsupportedModelError, match="members of type LogisticRegression, but only"):
        Quantizer(BaggingClassifier(LogisticRegression(), n_estimators=2)).fit(X, y)


@pytest.mark.parametrize("missing", [False, True], ids=["complete", "gaps"])
def test_leaves_that_are_coefficients_are_coded(missing):
    X, y = load_digits(return_X_y=True)
    X, y = X[:600], np.array(list("abcdefghij"))[y[:600]]
    if missing:
        X = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    forest = RandomForestClassifier(10, random_state=0)
    pruner = TreePruner(forest, criterion="backfitting", ridge=1.0, keep=0.2, random_state=0)
    whole = pruner.fit(X, y).estimator_
    sizes = [model_size(whole).bytes]
    for bits, least in [(16, 0.999), (4, 0.97)]:
        small = Quantizer(FrozenEstimator(whole), bits=bits).fit(X, y)
        plain = pickle.loads(pickle.dumps(small)).estimator_
        assert [type(step) for step in plain] == [type(step) for step in whole]
        assert (plain.predict(X) == whole.predict(X)).mean() >= least
        np.testing.assert_array_equal(small.predict_proba(X), plain.predict_proba(X))
        assert plain[-1].coef_.shape == whole[-1].coef_.shape
        for own, other in zip(plain[0].estimators_, whole[0].estimators_, strict=True):
            np.testing.assert_array_equal(own.tree_.children_left, other.tree_.children_left)
        sizes.append(model_size(small).bytes)
        assert len(pickle.dumps(small.codes_)) < len(pickle.dumps(whole)) / 2
    assert sizes == sorted(sizes, reverse=True)
