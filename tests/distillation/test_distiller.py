"""The distiller: out-of-sample labels, exact targets, the comparison, all kinds of students."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_classification, make_regression
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import Distiller, LinearPruner, PruningSearchCV, Quantizer, TreePruner, model_size
from skprune._compat import rows_of
from skprune.base._folds import fold_of_each
from skprune.distillation._augmentation import Part, augment
from skprune.distillation._student import fit_student, weight_parameter
from skprune.distillation._teacher import Teacher
from skprune.distillation._training_sets import TrainingData, TrainingSet
from skprune.exceptions import InputError, PruningWarning
from tests._instances import DISTILLERS

FOREST = RandomForestClassifier(40, random_state=0)
TREE = DecisionTreeClassifier(max_leaf_nodes=30, random_state=0)
X, Y = make_classification(400, 6, n_informative=4, n_classes=3, flip_y=0.2, random_state=0)
X_TEST, Y_TEST, X, Y = X[200:], Y[200:], X[:200], Y[:200]
WORDS = np.array(["no", "perhaps", "yes"])
XR, YR = make_regression(200, 5, noise=50.0, random_state=0)


def quietly(distiller, *args, **kwargs):
    """A fit after which the plain student may be returned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PruningWarning)
        return distiller.fit(*args, **kwargs)


# Soft labels of the teacher.


def test_labels_out_of_fold_are_those_of_cross_val_predict():
    data = TrainingData(X, Y, None, np.arange(3))
    fold = stratified(3)
    teacher = Teacher(GaussianNB(), data, None)
    own, _ = teacher.label(fold, [part_of(fold, None)])[0]
    expected = cross_val_predict(GaussianNB(), X, Y, cv=3, method="predict_proba")
    np.testing.assert_array_equal(own, expected)


def stratified(n_folds):
    return fold_of_each(list(StratifiedKFold(n_folds).split(X, Y)), len(Y), n_folds)


def part_of(fold, k):
    return Part(np.flatnonzero(fold != k) if k is not None else np.arange(len(fold)), X[:0], [])


def test_labels_of_the_comparison_are_independent_of_the_fold():
    data = TrainingData(X, Y, None, np.arange(3))
    fold = stratified(4)
    parts = [part_of(fold, k) for k in [None, *range(4)]]
    labels = Teacher(GaussianNB(), data, None).label(fold, parts)
    for k in range(4):
        for j in set(range(4)) - {k}:
            seen = (fold != k) & (fold != j)
            expected = GaussianNB().fit(X[seen], Y[seen]).predict_proba(X[fold == j])
            own, _ = labels[k + 1]
            np.testing.assert_array_equal(own[fold[parts[k + 1].index] == j], expected)


@pytest.mark.parametrize("n_estimators", [40, 4])
def test_labels_out_of_bag_are_those_of_the_forest(n_estimators):
    forest = clone(FOREST).set_params(n_estimators=n_estimators)
    data = TrainingData(X, Y, None, np.arange(3))
    fold = np.zeros(len(Y), dtype=int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # samples that all of few trees have drawn
        teacher = Teacher(forest, data, None)
        expected = forest.set_params(oob_score=True).fit(X, Y)
    own, _ = teacher.label(fold, [part_of(fold, None)])[0]
    always = ~np.isfinite(expected.oob_decision_function_).all(axis=1)
    always |= expected.oob_decision_function_.sum(axis=1) == 0
    assert always.any() == (n_estimators == 4)
    np.testing.assert_array_equal(own[~always], expected.oob_decision_function_[~always])
    np.testing.assert_array_equal(own[always], np.eye(3)[Y[always]])
    assert teacher.how == "out of bag"


def test_regression_out_of_bag_falls_back_to_the_true_target():
    bag = BaggingRegressor(n_estimators=3, random_state=0)
    data = TrainingData(XR, YR, None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        teacher = Teacher(bag, data, None)
    fold = np.zeros(len(YR), dtype=int)
    own, _ = teacher.label(fold, [part_of(fold, None)])[0]
    always = teacher.model.oob_prediction_ == 0.0
    assert always.any()
    np.testing.assert_array_equal(own, np.where(always, YR, teacher.model.oob_prediction_))


def test_frozen_teacher_predicts_as_it_is():
    model = GaussianNB().fit(X, Y)
    before = pickle.dumps(model)
    distiller = Distiller(FrozenEstimator(model), Ridge(), mix=0.0, gate=False).fit(X_TEST, Y_TEST)
    assert pickle.dumps(model) == before
    assert distiller.report_.asked["teacher"] == "frozen"
    logs = np.log(np.maximum(model.predict_proba(X_TEST), 1e-3))
    expected = Ridge().fit(X_TEST, logs - logs.mean(axis=1, keepdims=True))
    np.testing.assert_allclose(distiller.estimator_.coef_, expected.coef_)


# Targets of the student.


@pytest.mark.parametrize(
    "student", [TREE, TreePruner(TREE, criterion="reduced_error", random_state=0)]
)
def test_true_targets_alone_give_the_plain_student(student):
    distiller = Distiller(GaussianNB(), student, mix=1.0, gate=False).fit(X, WORDS[Y])
    plain = clone(student).fit(X, WORDS[Y])
    np.testing.assert_array_equal(distiller.predict_proba(X_TEST), plain.predict_proba(X_TEST))
    np.testing.assert_array_equal(distiller.classes_, WORDS)


def test_soft_labels_are_mixed_and_samples_weighted():
    mix, heat = 0.3, 2.0
    teacher = GaussianNB()
    distiller = Distiller(teacher, TREE, mix=mix, temperature=heat, cv=3, gate=False).fit(X, Y)
    predicted = cross_val_predict(teacher, X, Y, cv=3, method="predict_proba") ** (1 / heat)
    labels = mix * np.eye(3)[Y] + (1 - mix) * predicted / predicted.sum(axis=1, keepdims=True)
    labels[labels <= 1e-3] = 0.0
    labels /= labels.sum(axis=1, keepdims=True)
    # A node's impurity is that of the soft labels: a naive root split agrees.
    tree = distiller.estimator_.tree_
    np.testing.assert_allclose(tree.value[0, 0], labels.mean(axis=0))
    left = X[:, tree.feature[0]].astype(np.float32) <= tree.threshold[0]
    np.testing.assert_allclose(tree.value[1, 0], labels[left].mean(axis=0))


def test_cross_entropy_with_the_soft_labels_is_at_its_least():
    teacher = FrozenEstimator(LogisticRegression(C=0.01).fit(X_TEST, Y_TEST))
    weight = np.random.RandomState(0).uniform(size=len(Y))
    student = LogisticRegression(tol=1e-10, max_iter=1000)
    distiller = Distiller(teacher, student, mix=0.3, gate=False).fit(X, Y, sample_weight=weight)
    labels = 0.3 * np.eye(3)[Y] + 0.7 * teacher.predict_proba(X)
    assert labels.min() > 1e-3  # none is left out
    errors = weight[:, np.newaxis] * (distiller.predict_proba(X) - labels)
    # The gradient of cross-entropy, and of the penalty.
    np.testing.assert_allclose(errors.T @ X + distiller.estimator_.coef_, 0.0, atol=1e-4)
    np.testing.assert_allclose(errors.sum(axis=0), 0.0, atol=1e-4)


def test_regression_targets_are_mixed():
    distiller = Distiller(Ridge(), LinearRegression(), mix=0.25, cv=KFold(3), gate=False)
    distiller.fit(XR, YR)
    mixed = 0.25 * YR + 0.75 * cross_val_predict(Ridge(), XR, YR, cv=KFold(3))
    expected = LinearRegression().fit(XR, mixed)
    np.testing.assert_allclose(distiller.predict(XR), expected.predict(XR))


def test_student_without_weights_learns_drawn_classes():
    first, second, other = (
        quietly(
            Distiller(FOREST, KNeighborsClassifier(1), mix=0.0, gate=False, random_state=seed), X, Y
        )
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.predict(X), second.predict(X))
    assert (first.predict(X) != other.predict(X)).any()
    assert first.report_.units.dtype == float
    assert np.isnan(first.report_.units["soft"])


def test_weights_are_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(GaussianNB, "fit", lambda *_, **__: pytest.fail("work was done"))
    with pytest.raises(InputError, match=r"KNeighborsClassifier\(\) takes none"):
        Distiller(GaussianNB(), KNeighborsClassifier()).fit(X, Y, sample_weight=np.ones(len(Y)))
    with pytest.raises(InputError, match="holds negative values"):
        Distiller(GaussianNB(), TREE).fit(X, Y, sample_weight=-np.ones(len(Y)))


def test_student_of_logits_predicts_classes():
    for labels in (WORDS[Y], WORDS[Y % 2]):
        student = DecisionTreeRegressor(max_leaf_nodes=20, random_state=0)
        distiller = Distiller(FOREST, student, gate=False).fit(X, labels)
        predicted = distiller.predict_proba(X_TEST)
        assert is_classifier(distiller)
        np.testing.assert_allclose(predicted.sum(axis=1), 1.0)
        np.testing.assert_array_equal(
            distiller.predict(X_TEST), distiller.classes_[predicted.argmax(axis=1)]
        )
        score = distiller.score(X_TEST, labels[: len(X_TEST)])
        assert score == np.mean(distiller.predict(X_TEST) == labels[: len(X_TEST)])
        assert not hasattr(distiller, "decision_function")
        distiller.set_params(student=TREE)  # of the next fit, not of this one
        np.testing.assert_array_equal(distiller.predict_proba(X_TEST), predicted)
    with pytest.raises(InputError, match="1 class"):
        Distiller(FOREST, student).fit(X, np.zeros(len(X)))


def test_weights_reach_the_last_step_of_a_pipeline():
    nested = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), TreePruner(TREE)))
    assert weight_parameter(nested) == "pipeline__treepruner__sample_weight"
    assert weight_parameter(make_pipeline(StandardScaler(), KNeighborsClassifier())) is None
    assert weight_parameter(LinearPruner(LinearDiscriminantAnalysis())) is None
    assert weight_parameter(Distiller(FOREST, KNeighborsClassifier())) is None
    assert weight_parameter(Quantizer(TreePruner(TREE))) == "sample_weight"
    student = make_pipeline(StandardScaler(), LogisticRegression())
    distiller = Distiller(FOREST, student, gate=False).fit(X, Y, sample_weight=np.ones(len(Y)))
    assert type(distiller.estimator_) is type(student)


HOLDER = TreePruner(TREE, criterion="reduced_error", random_state=0)


@pytest.mark.parametrize(
    "student",
    [
        make_pipeline(StandardScaler(), HOLDER),
        make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), HOLDER)),
        Quantizer(HOLDER),
    ],
)
def test_pruner_that_holds_rows_out_keeps_copies_together(student, monkeypatch):
    from skprune.base import _model

    found = []
    hold_out = _model.hold_out

    def watched(X, y, *args, **params):
        found.append((params["copies"], *(parts := hold_out(X, y, *args, **params))))
        return parts

    monkeypatch.setattr(_model, "hold_out", watched)
    student = clone(student)
    fit_student(student, TrainingSet(X, np.full((len(X), 3), 1 / 3), None, np.arange(3)), 0)
    assert len(found) == 1
    for copies, grow, choose in found:
        assert len(copies) == 3 * len(X)
        assert not set(copies[grow]) & set(copies[choose])
        assert len(set(copies[choose])) == 0.2 * len(X)
        assert sorted([*grow, *choose]) == list(range(len(copies)))
    assert b"_copies" not in pickle.dumps(student)


# Synthetic samples.


@pytest.mark.parametrize("as_frame", [False, True])
def test_synthetic_samples_mix_neighbours_and_are_labelled_by_the_teacher(as_frame):
    class Kept(DecisionTreeClassifier):
        def fit(self, X, y, sample_weight=None):
            self.table_, self.labels_, self.weight_ = X, y, sample_weight
            return super().fit(X, y, sample_weight)

    table = pd.DataFrame(X, columns=list("abcdef")) if as_frame else X
    if as_frame:
        table["a"] = table["a"].round().astype(int)
    teacher = FrozenEstimator(KNeighborsClassifier(1).fit(table, Y))
    distiller = Distiller(teacher, Kept(), mix=1.0, augment=1.5, gate=False, random_state=0)
    model = distiller.fit(table, Y).estimator_
    assert type(model.table_) is type(table)
    made = model.table_[len(X) :]
    assert len(made) == 1.5 * len(X)
    np.testing.assert_array_equal(model.labels_[len(X) :], teacher.predict(made))
    values, made = np.asarray(table), np.asarray(made)
    for column, new in zip(values.T, made.T, strict=True):
        assert set(new) <= set(column)
    assert not (made[:, np.newaxis] == values).all(axis=2).any(axis=1).all()
    if as_frame:
        assert model.table_["a"].dtype == table["a"].dtype


def test_synthetic_samples_are_counted_and_measured_without_what_is_missing():
    table = np.column_stack([X, np.full(len(X), np.nan)])
    table[::7, 0] = np.nan
    data, index = TrainingData(table, Y, None, np.arange(3)), np.arange(100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        part = augment(data, index, 0.29, np.random.RandomState(0))
    assert len(part.made) == len(part.parents) == 29
    assert np.isnan(part.made[:, -1]).all()


def test_synthetic_samples_of_polars_frames_are_frames():
    polars = pytest.importorskip("polars")
    table = polars.DataFrame(dict(zip("abcdef", X.T, strict=True)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as those of missing names
        distiller = Distiller(GaussianNB(), TREE, augment=1, gate=False, random_state=0)
        distiller.fit(table, Y)
    bare = clone(TREE).fit(table, Y)  # not every scikit-learn reads the names of every polars
    names = [getattr(model, "feature_names_in_", None) for model in (distiller, bare)]
    np.testing.assert_array_equal(*names)
    plain = clone(distiller).fit(X, Y)
    np.testing.assert_array_equal(distiller.predict_proba(table), plain.predict_proba(X))


def test_synthetic_samples_need_numbers():
    words = pd.DataFrame({"a": ["x", "y"] * 100})
    for table in (words, csr_matrix(X)):
        teacher = FrozenEstimator(LogisticRegression().fit(X, Y))
        with pytest.raises(InputError, match=r"Give augment=0, or encode"):
            Distiller(teacher, TREE, augment=1).fit(table, Y)


def test_synthetic_samples_carry_the_weight_of_the_row_they_are_made_of():
    weight = np.arange(1.0, len(Y) + 1)
    distiller = Distiller(GaussianNB(), TREE, augment=1, gate=False, random_state=0)
    tree = distiller.fit(X, Y, sample_weight=weight).estimator_.tree_
    assert tree.weighted_n_node_samples[0] == pytest.approx(2 * weight.sum())


# The comparison.


@pytest.mark.parametrize("teacher", [FOREST, GradientBoostingClassifier(n_estimators=20)])
def test_better_student_is_taken(teacher):
    distiller = Distiller(teacher, TREE, cv=3).fit(X, Y)
    report = distiller.report_
    assert distiller.taught_ == "soft"
    assert report.chosen.tolist() == [False, False, True]
    assert report.log_loss["soft"] < report.log_loss["hard"]
    hard = cross_val_predict(TREE, X, Y, cv=3, method="predict_proba")
    assert report.log_loss["hard"] == pytest.approx(log_loss(Y, hard))
    assert report.units["soft"] == model_size(distiller).units
    assert report.units.isna()["hard"]
    plain = clone(TREE).fit(X, Y)
    soft, bare = (log_loss(Y_TEST, m.predict_proba(X_TEST)) for m in (distiller, plain))
    assert soft < 0.7 * bare


def test_worse_student_is_not_taken():
    bad = FrozenEstimator(GaussianNB().fit(X, np.random.RandomState(0).permutation(Y)))
    distiller = Distiller(bad, LogisticRegression(), mix=0.0)
    with pytest.warns(PruningWarning, match="no better from the teacher: out-of-fold log_loss"):
        distiller.fit(X, Y)
    assert distiller.taught_ == "hard"
    expected = LogisticRegression().fit(X, Y)
    np.testing.assert_allclose(distiller.predict_proba(X), expected.predict_proba(X))
    assert distiller.report_.chosen["hard"]


def test_students_without_probabilities_are_compared_by_accuracy():
    bad = FrozenEstimator(GaussianNB().fit(X, np.random.RandomState(0).permutation(Y)))
    with pytest.warns(PruningWarning, match="from the teacher: out-of-fold accuracy"):
        Distiller(bad, LinearSVC(), mix=0.0, cv=3).fit(X, Y)


def test_gate_of_regressors_is_the_squared_error():
    forest = RandomForestRegressor(40, random_state=0)
    student = DecisionTreeRegressor(max_leaf_nodes=30, random_state=0)
    distiller = Distiller(forest, student, cv=3).fit(XR, YR)
    errors = distiller.report_.squared_error
    assert distiller.taught_ == "soft"
    assert errors["soft"] < errors["hard"]
    assert errors["teacher"] == pytest.approx(
        np.mean((distiller.teacher_.oob_prediction_ - YR) ** 2)
    )


# Students that are pruners, and levels.


def test_student_may_be_a_pruner():
    student = TreePruner(TREE, criterion="reduced_error", keep=6, random_state=0)
    distiller = Distiller(FOREST, student, cv=3).fit(X, Y)
    assert type(distiller.estimator_) is DecisionTreeClassifier
    assert distiller.estimator_.get_n_leaves() == 6
    assert distiller.path_.cut(keep=3).get_n_leaves() == 3
    search = PruningSearchCV(TreePruner(TREE), cv=2)
    found = Distiller(FOREST, search, gate=False, random_state=0).fit(X, Y)
    assert type(found.estimator_) is DecisionTreeClassifier


@pytest.mark.parametrize(
    "student",
    [AdaBoostClassifier(TREE, n_estimators=3), StackingClassifier([("tree", TREE)], cv=2)],
)
def test_ensemble_is_its_own_plain_result(student):
    distiller = Distiller(GaussianNB(), student, gate=False, random_state=0)
    assert distiller.fit(X, Y).estimator_ is distiller.student_


def test_level_of_a_student_is_a_parameter_of_a_grid():
    distiller = Distiller(GaussianNB(), TreePruner(TREE), gate=False, cv=3)
    grid = GridSearchCV(distiller, {"student__keep": [2, 20]}, cv=3).fit(X, Y)
    assert grid.best_estimator_.estimator_.get_n_leaves() == grid.best_params_["student__keep"]


# Contracts.


@pytest.mark.parametrize("distiller", DISTILLERS)
def test_result_is_plain_and_the_teacher_stays_behind(distiller):
    table, target = (X, Y) if is_classifier(distiller) else (XR, YR)
    distiller = quietly(clone(distiller), table, target)
    assert b"skprune" not in pickle.dumps(distiller.estimator_)
    loaded = pickle.loads(pickle.dumps(distiller))
    np.testing.assert_array_equal(loaded.predict(table), distiller.predict(table))
    assert type(distiller.teacher_) is type(distiller.teacher)
    with pytest.raises(AttributeError, match="pickle teacher_ itself"):
        _ = loaded.teacher_
    again = quietly(clone(distiller), table, target)
    assert pickle.dumps(again) == pickle.dumps(distiller)
    with joblib.parallel_config("threading"):
        together = quietly(clone(distiller).set_params(n_jobs=2), table, target)
    np.testing.assert_array_equal(together.predict(table), distiller.predict(table))


def test_pickle_is_smaller_than_the_teacher():
    distiller = quietly(Distiller(FOREST, TREE, cv=3), X, Y)
    assert len(pickle.dumps(distiller)) < len(pickle.dumps(distiller.teacher_)) / 10


def test_weights_mean_repetition_where_nothing_is_held_out():
    weight = np.random.RandomState(0).randint(1, 4, len(Y))
    teacher = FrozenEstimator(GaussianNB().fit(X_TEST, Y_TEST))
    distiller = Distiller(teacher, LogisticRegression(tol=1e-8), gate=False)
    weighted = clone(distiller).fit(X, Y, sample_weight=weight)
    repeated = clone(distiller).fit(X.repeat(weight, axis=0), Y.repeat(weight))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-4)


@pytest.mark.parametrize(
    ("teacher", "student", "params", "words"),
    [
        (Ridge(), TREE, {}, "do not go together. Allowed are two classifiers"),
        (StandardScaler(), TREE, {}, "do not go together"),
        (GaussianNB(), GradientBoostingRegressor(n_estimators=2), {}, "MultiOutputRegressor"),
        (LinearSVC(), TREE, {}, "Wrap it in a CalibratedClassifierCV"),
        (GaussianNB(), FrozenEstimator(TREE), {}, "learns nothing. Give the model in it"),
        (GaussianNB(), TREE, {"cv": 2}, "Give cv=3 or more, or gate=False"),
        (GaussianNB(), TREE, {"cv": ShuffleSplit(3)}, "held out once|hold some samples out"),
        (FrozenEstimator(GaussianNB().fit(X, Y + 1)), TREE, {}, "knows .1, 2, 3. only"),
        (GaussianNB(), TREE, {"mix": 1.5}, "'mix' parameter"),
        (GaussianNB(), TREE, {"temperature": 0}, "'temperature' parameter"),
    ],
)
def test_errors_teach(teacher, student, params, words):
    with pytest.raises(ValueError, match=words):
        Distiller(teacher, student, **params).fit(X, Y)


def test_temperature_of_a_regressor_is_unused():
    with pytest.warns(PruningWarning, match="temperature=2.0 has no meaning here"):
        Distiller(Ridge(), Ridge(), temperature=2.0, gate=False).fit(XR, YR)


def test_what_is_not_there_before_fit_says_so():
    distiller = Distiller(FOREST, TREE)
    for name in ("estimator_", "teacher_", "path_", "classes_"):
        with pytest.raises(AttributeError, match=r"before fit|not fitted"):
            getattr(distiller, name)


def test_frame_names_are_those_of_the_student():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    distiller = Distiller(GaussianNB(), TREE, cv=StratifiedKFold(3)).fit(frame, WORDS[Y])
    assert list(distiller.feature_names_in_) == list("abcdef")
    assert distiller.n_features_in_ == 6


def test_several_outputs_are_refused():
    for targets in (np.column_stack([Y, Y]), csr_array(np.column_stack([Y, Y]))):
        with pytest.raises(InputError, match="2 outputs, but Distiller allows one only"):
            Distiller(FOREST, TREE).fit(X, targets)


def test_array_api_dispatch_takes_the_indices(monkeypatch):
    # Under dispatch scikit-learn indexes arrays as the array API does: by whole numbers only.
    taken = []

    def indexed(data, indices):
        taken.append(np.asarray(indices).dtype.kind)
        return rows_of(data, indices)

    monkeypatch.setattr("skprune.distillation._augmentation.rows_of", indexed)
    quietly(Distiller(GaussianNB(), TREE, cv=3), X, Y)
    assert taken
    assert set(taken) == {"i"}
