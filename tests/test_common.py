"""The contracts of every estimator: scikit-learn's checks, and skprune's own.

Every test runs over the table in `_instances.py`.
"""

import copy
import pickle
import warnings
from contextlib import nullcontext
from functools import cache, partial
from itertools import pairwise, product
from unittest import SkipTest

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.validation import check_is_fitted

from skprune import (
    AgreementMonitor,
    Distiller,
    LinearPruner,
    MLPPruner,
    PruningSearchCV,
    SamplePruner,
    ShadowPruner,
    TreePruner,
    model_size,
)
from skprune.base import BaseModelPruner
from skprune.base._shared_fits import SharedFits, lent
from skprune.exceptions import InputError, LevelError, PruningWarning, UnsupportedModelError
from skprune.surgery import surgeon_for
from skprune.surgery._registry import SURGEONS
from tests._instances import (
    DECIDING,
    DECIDING_FEATURES,
    DISTILLERS,
    FAILS_ALONE,
    FEATURE_PRUNERS,
    GROUPED,
    INSTANCES,
    MODEL_PRUNERS,
    NOT_NESTED,
    OUT_OF_BAG,
    SEARCHES,
    WEIGHT_CHECKS,
    cuts_by_rows,
    draws,
    expected_failed_checks,
    holds_rows_out,
    name_of,
    orders_otherwise,
)

pytestmark = [
    pytest.mark.untraced,
    # Networks of the table stop early.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


def kind_of(instance):
    """What checks of data can tell apart: the class, who reads its model, and the task."""
    model = vars(instance).get("estimator")
    reader = type(model)
    if isinstance(instance, BaseModelPruner):
        reader = SURGEONS.get(f"sklearn.{reader.__name__}", reader)
    return type(instance), reader, is_classifier(instance), is_regressor(instance)


def rows(instances):
    """Return rows of the table, slow where one of the same kind and the same way came before.

    So is the ridge that is chosen out of bag, which takes as long as the fits of a third of the
    table; that it is chosen on held-out samples is in three other rows.
    """
    seen, found = set(), []
    for instance in instances:
        params = vars(instance)
        way = [params.get(name) for name in ("criterion", "unit", "recovery", "bits")]
        key = (*kind_of(instance), *way)
        slow = instance is OUT_OF_BAG or ("estimator" in params and key in seen)
        seen.add(key)
        found.append(pytest.param(instance, marks=[pytest.mark.slow] if slow else []))
    return found


over_models = pytest.mark.parametrize("pruner", rows(MODEL_PRUNERS), ids=name_of)
over_features = pytest.mark.parametrize("pruner", FEATURE_PRUNERS + GROUPED, ids=name_of)
over_pruners = pytest.mark.parametrize(
    "pruner", [*rows(MODEL_PRUNERS), *FEATURE_PRUNERS], ids=name_of
)
over_ranking = pytest.mark.parametrize(
    "pruner",
    rows(MODEL_PRUNERS + DECIDING + FEATURE_PRUNERS + GROUPED + DECIDING_FEATURES),
    ids=name_of,
)
over_all = pytest.mark.parametrize("estimator", rows([*INSTANCES, OUT_OF_BAG]), ids=name_of)


WITH_ESTIMATORS = [
    instance
    for instance in INSTANCES
    if {"estimator", "teacher"} & set(instance.get_params(deep=False))
    and not isinstance(instance, PruningSearchCV)
]
over_with_estimators = pytest.mark.parametrize("pruner", rows(WITH_ESTIMATORS), ids=name_of)

VOTES = (RandomForestClassifier, ExtraTreesClassifier, BaggingClassifier)


@cache
def table(n_samples, make, **params):
    """A table on which trees overfit, with correlated columns."""
    X, y = make(n_samples, 8, n_informative=4, random_state=0, **params)
    X[:, 1] = X[:, 0] + 0.1 * X[:, 1]
    return X, y


def data_for(estimator, n_samples=200):
    """A copy of the table for the task of an estimator, which a test may write to."""
    if is_regressor(estimator):
        X, y = table(n_samples, make_regression, noise=20.0)
    else:
        X, y = table(n_samples, make_classification, flip_y=0.2)
    return X.copy(order="K"), y.copy()


@cache
def fitted(pruner, **params):
    """A pruner as the table has it, or with other parameters; tests only look at it."""
    return clone(pruner).set_params(**params).fit(*data_for(pruner))


@cache
def fitted_alone(pruner):
    """The model of a pruner, fitted without it; tests only look at it."""
    return clone(pruner.estimator).fit(*data_for(pruner))


def answer(model, X):
    """What a model says: probabilities if it has them."""
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def order_of(pruner):
    """The scores of the units, or their rank shares where the criterion only orders them."""
    names = [name for name in ("scores_", "rank_shares_") if hasattr(pruner, name)]
    assert len(names) == 1
    return getattr(pruner, names[0])


def depth_of(tree):
    """The depth that a tree of either kind says it has."""
    return tree.max_depth if hasattr(tree, "max_depth") else tree.get_max_depth()


def keeps_its_shape(pruner):
    """Whether what goes leaves a zero."""
    return isinstance(pruner, LinearPruner) or getattr(pruner, "unit", "") == "weight"


def parts_of(model):
    """What a cut replaces in a model, by identity: trees, or else arrays."""
    arrays = [part for part in vars(model).values() if isinstance(part, np.ndarray)]
    return {id(part) for part in getattr(surgeon_for(model), "_trees", arrays)}


def name_of_check(part):
    """A short name for one half of a check: the instance, or the function with its options."""
    if not isinstance(part, partial):
        return name_of(part)
    options = ",".join(f"{key}={value}" for key, value in part.keywords.items())
    return f"{part.func.__name__}({options})" if options else part.func.__name__


def checked(instances):
    """Yield estimators with their checks; slow where a pruner of its kind came before.

    Of the two kinds of sparse containers, of ten formats each, the old one is slow too, but for the
    first instance of a class.
    """
    seen = set()
    for instance in instances:
        kind = kind_of(instance)
        again = kind in seen and "estimator" in vars(instance)
        old = {"check_estimator_sparse_matrix"} if type(instance) in seen else set()
        seen |= {kind, type(instance)}
        for pair in estimator_checks_generator(
            instance, expected_failed_checks=expected_failed_checks(instance), mark="xfail"
        ):
            values = getattr(pair, "values", pair)
            marks = [pytest.mark.slow] if again or values[1].func.__name__ in old else []
            yield pytest.param(*values, marks=[*getattr(pair, "marks", []), *marks])


# As `parametrize_with_checks` does, but named by `name_of`: to print all estimators takes longer
# than to import everything, in each worker.
@pytest.mark.parametrize(("estimator", "check"), checked(INSTANCES), ids=name_of_check)
def test_scikit_learn_checks(estimator, check):
    with warnings.catch_warnings():
        # Checks feed what no one should: a class too small for the folds, a target of NaN.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            check(estimator)
        except SkipTest:
            raise
        except Exception:
            reason = expected_failed_checks(estimator).get(check.func.__name__)
            if reason is None:
                raise
            # The mark says the same; a traceback that no one sees takes longer than the check.
            raise pytest.xfail.Exception(reason, pytrace=False) from None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_models_that_excuse_a_pruner_fail_by_themselves():
    alone = {type(pruner.estimator).__name__: pruner.estimator for pruner in MODEL_PRUNERS}
    check = getattr(estimator_checks, WEIGHT_CHECKS[0])
    for name in FAILS_ALONE:
        with pytest.raises(AssertionError):
            check(name, clone(alone[name]))


# Contract 1: the result is plain.


@over_models
def test_result_is_plain(pruner):
    X, _ = data_for(pruner)
    pruner = fitted(pruner, keep=0.3)
    result = pruner.estimator_
    if pruner.criterion == "backfitting" and isinstance(pruner.estimator, VOTES):
        assert type(result) is HistGradientBoostingClassifier  # log-odds, as documented
    else:
        assert type(result) is type(pruner.estimator)
    clone(result)
    pickled = pickle.dumps(result)
    assert b"skprune" not in pickled
    np.testing.assert_array_equal(answer(pickle.loads(pickled), X), answer(result, X))
    whole = pruner.path_.cut(keep=1.0)
    if not keeps_its_shape(pruner):  # zeros take the room of what they replace
        assert len(pickled) < len(pickle.dumps(whole))


@pytest.mark.parametrize(
    "pruner", rows(p for p in MODEL_PRUNERS if isinstance(p, TreePruner)), ids=name_of
)
def test_missing_values_are_taken_where_the_whole_model_takes_them(pruner):
    """Whether or not there were any in training."""
    X, _ = data_for(pruner)
    gaps = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    whole, small = fitted_alone(pruner), fitted(pruner, keep=0.3).estimator_
    if surgeon_for(whole).takes_missing:
        assert whole.predict(gaps).shape == small.predict(gaps).shape == (len(X),)
        return
    for model in (whole, small):
        with pytest.raises(ValueError, match="contains NaN"):
            model.predict(gaps)


@over_models
def test_pickled_pruner_is_smaller_than_its_whole_model(pruner):
    X, y = data_for(pruner, 1000)
    pruner = clone(pruner).set_params(keep=0.2).fit(X, y)
    pickled = pickle.dumps(pruner)
    # These models are no more than some rows: no table is in the pickle.
    small = isinstance(pruner, LinearPruner | MLPPruner | SamplePruner)
    whole = X if small else pruner.path_.cut(keep=1.0)
    assert len(pickled) < len(pickle.dumps(whole))
    loaded = pickle.loads(pickled)
    np.testing.assert_array_equal(answer(loaded, X), answer(pruner, X))
    with pytest.raises(AttributeError, match="pickle path_ itself"):
        _ = loaded.path_
    path = pickle.loads(pickle.dumps(pruner.path_))
    if cuts_by_rows(pruner):
        with pytest.raises(InputError, match="leaves out the samples"):
            path.cut(keep=0.2)
        return
    np.testing.assert_array_equal(answer(path.cut(keep=0.2), X), answer(pruner, X))


def documented_extras(pruner):
    """Bytes that the guide lists beside the model: parameters, scores, masks, and the report."""
    n_units = pruner.keep_mask_.size
    n_scores = 4 * sum(hasattr(pruner, name) for name in ("scores_", "rank_shares_"))
    if isinstance(pruner, SamplePruner):
        n_scores += 4 * hasattr(pruner, "difficulty_") + 8  # and the weights
    report = 20 * pruner.report_.size + 300
    return len(pickle.dumps(clone(pruner))) + (n_scores + 1 / 8) * n_units + report + 500


@pytest.mark.parametrize("pruner", rows([*MODEL_PRUNERS, *DECIDING]), ids=name_of)
def test_pickled_pruner_holds_its_model_and_documented_extras(pruner):
    found = fitted(pruner)
    size, model = (len(pickle.dumps(each)) for each in (found, found.estimator_))
    assert size <= 1.05 * model + documented_extras(found)
    loaded = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(loaded.keep_mask_, found.keep_mask_)
    pd.testing.assert_frame_equal(loaded.report_, found.report_, check_exact=True)
    for name in ("scores_", "rank_shares_", "difficulty_", "sample_indices_"):
        if hasattr(found, name):
            values = getattr(loaded, name), getattr(found, name)
            scale = np.abs(values[1][np.isfinite(values[1])]).max(initial=0)
            np.testing.assert_allclose(*values, rtol=1e-7, atol=1e-7 * scale)
    assert pickle.dumps(loaded) == pickle.dumps(pickle.loads(pickle.dumps(loaded)))


@pytest.mark.parametrize("instance", SEARCHES + DISTILLERS, ids=name_of)
def test_pickled_search_or_distiller_holds_its_model_and_documented_extras(instance):
    """The parameters stand in a scorer that passes through, too."""
    found = fitted(instance)
    model = found.best_estimator_ if isinstance(found, PruningSearchCV) else found.student_
    results = getattr(found, "cv_results_", {})
    extras = sum(8 * len(column) + 200 for column in results.values())
    extras += 20 * found.report_.size + 300 if hasattr(found, "report_") else 0
    parameters = len(pickle.dumps(clone(found))) * (2 if results else 1)
    size = len(pickle.dumps(found))
    assert size <= 1.05 * len(pickle.dumps(model)) + extras + parameters + 500
    loaded = pickle.loads(pickle.dumps(found))
    assert loaded.predict(data_for(instance)[0]).tolist() == (
        found.predict(data_for(instance)[0]).tolist()
    )
    if hasattr(found, "report_"):
        pd.testing.assert_frame_equal(loaded.report_, found.report_, check_exact=True)


@pytest.mark.parametrize("kind", [RandomForestClassifier, RandomForestRegressor])
def test_pickled_pruner_of_a_large_forest_is_little_larger_than_its_model(kind):
    """All that is left of nine leaves of ten are their scores."""
    forest = kind(10, random_state=0)
    pruner = TreePruner(forest, keep=0.1).fit(*data_for(forest, 3000))
    assert len(pickle.dumps(pruner)) <= 1.3 * len(pickle.dumps(pruner.estimator_))


def warned_of_a_fit(pruner):
    """Expect a warning that a fitted model is fitted again, where a frozen one would not be."""
    if isinstance(pruner, BaseModelPruner | Distiller) and not isinstance(pruner, SamplePruner):
        return pytest.warns(PruningWarning, match="fitted again, to the samples.*Frozen")
    return nullcontext()  # a search, or a selection of columns, fits clones in any case


@pytest.mark.parametrize("pruner", rows(WITH_ESTIMATORS + SEARCHES), ids=name_of)
def test_an_earlier_fit_of_a_parameter_is_not_in_the_pickle(pruner):
    X, y = data_for(pruner)
    fresh = fitted(pruner)
    names = {"estimator", "teacher", "student"} & set(pruner.get_params(deep=False))
    models = {name: clone(getattr(pruner, name)).fit(X, y) for name in names}
    used = clone(fresh).set_params(**models)
    with warned_of_a_fit(pruner):
        used.fit(X, y)
    size = len(pickle.dumps(fresh))
    assert abs(len(pickle.dumps(used)) - size) < 0.02 * size + 200
    for name, model in models.items():
        assert getattr(used, name) is model  # this object has it still
        assert not hasattr(getattr(pickle.loads(pickle.dumps(used)), name), "n_features_in_")


# Contract 2: nothing cut, nothing changed.


@over_models
def test_keeping_everything_is_the_whole_model(pruner):
    X, y = data_for(pruner)
    cut = clone(pruner).set_params(keep=1.0).fit(X, y)
    if holds_rows_out(pruner):
        cut.set_params(validation="train").fit(X, y)  # nothing is held out
    plain = fitted_alone(pruner)
    assert len(pickle.dumps(cut.estimator_)) <= len(pickle.dumps(plain))
    np.testing.assert_array_equal(answer(cut, X), answer(plain, X))
    assert cut.keep_mask_.all()


@over_features
def test_keeping_all_columns_changes_nothing(pruner):
    X, y = data_for(pruner)
    cut = clone(pruner).set_params(keep=1.0, threshold=None).fit(X, y)
    np.testing.assert_array_equal(cut.transform(X), X)


# Contract 3: path = fit.


@over_models
def test_path_equals_fit(pruner):
    X, y = data_for(pruner)
    path = fitted(pruner).path_
    smallest, whole = int(path.units[-1]), int(path.units[0])
    for keep in [0.77, 0.1, smallest, min(smallest + 7, whole), whole]:
        alone = clone(pruner).set_params(keep=keep).fit(X, y)
        np.testing.assert_array_equal(answer(alone, X), answer(path.cut(keep=keep), X))
    for threshold in path.levels.threshold.iloc[1 :: max(1, len(path) // 3)].dropna():
        alone = clone(pruner).set_params(threshold=threshold).fit(X, y)
        np.testing.assert_array_equal(answer(alone, X), answer(path.cut(threshold=threshold), X))


@over_features
def test_column_path_equals_fit(pruner):
    X, y = data_for(pruner)
    path = clone(pruner).fit(X, y).path_
    for keep in [*range(int(path.units.min()), X.shape[1] + 1), 0.3]:
        alone = clone(pruner).set_params(keep=keep, threshold=None).fit(X, y)
        np.testing.assert_array_equal(alone.get_support(), path.cut(keep=keep))
    for threshold in path.levels.threshold.dropna():
        alone = clone(pruner).set_params(keep=None, threshold=threshold).fit(X, y)
        np.testing.assert_array_equal(alone.get_support(), path.cut(threshold=threshold))


# Contract 4: nested and monotone.


@over_models
def test_levels_are_nested(pruner):
    path = fitted(pruner).path_
    masks = [path.mask(index) for index in range(len(path))]
    for larger, smaller in pairwise(masks):
        if pruner.criterion not in NOT_NESTED and getattr(pruner, "schedule", "") != "cubic":
            assert (smaller <= larger).all()
            assert smaller.sum() < larger.sum()
    counts = [path.units[path.locate(keep=k)] for k in range(int(path.units[-1]), path.units[0])]
    assert (np.diff(counts) >= 0).all()
    assert all(count <= k for k, count in enumerate(counts, int(path.units[-1])))


@over_ranking
def test_larger_scores_are_kept(pruner):
    found = fitted(pruner)
    scores, kept = np.nan_to_num(order_of(found), nan=-np.inf), found.keep_mask_
    if not hasattr(found, "scores_"):
        assert 0 < scores.min() <= scores.max() == 1
        with pytest.raises(AttributeError, match=r"gives no scores_[.] Read rank_shares_"):
            _ = found.scores_
    if orders_otherwise(pruner):
        return
    chosen = kept & ~getattr(found, "_forced", np.zeros_like(kept))  # the others stay anyway
    assert scores[chosen].min(initial=np.inf) >= scores[~kept].max(initial=-np.inf)


# Contract 5: the input is untouched.


@over_all
def test_input_is_untouched(estimator):
    X, y = data_for(estimator)
    weight = np.ones(len(y))
    inner = [getattr(estimator, name, None) for name in ("estimator", "teacher", "student")]
    before = joblib.hash((X, y, weight, inner))
    X.flags.writeable = y.flags.writeable = weight.flags.writeable = False
    clone(estimator).fit(X, y, sample_weight=weight)
    assert joblib.hash((X, y, weight, inner)) == before


@over_models
def test_frozen_model_is_copied_and_never_written(pruner):
    X, y = data_for(pruner)
    model = clone(pruner.estimator).fit(X, y)
    before = pickle.dumps(model)
    pruner = clone(pruner).set_params(estimator=FrozenEstimator(model), keep=0.3)
    pruner.fit(X[:100], y[:100])
    pruner.estimator_.random_state = 17
    pruner.path_.cut(keep=0.5)
    assert pickle.dumps(model) == before
    assert model_size(pruner).units < model_size(model).units
    own = parts_of(model)
    assert not own & parts_of(pruner.path_.model)
    assert not own & parts_of(pruner.estimator_)


def interrupt_late(estimator, monkeypatch):
    """Make the next fit of an estimator end near its end, as Ctrl-C does."""
    late = {PruningSearchCV: "_refit", Distiller: "_divide"}.get(type(estimator), "_set_level")
    late = "_make_report" if hasattr(estimator, "_make_report") else late
    before = getattr(estimator, late)

    def interrupted(*args, **params):
        before(*args, **params)
        raise KeyboardInterrupt

    monkeypatch.setattr(type(estimator), late, lambda _, *a, **k: interrupted(*a, **k))


@over_models
@pytest.mark.filterwarnings("ignore::skprune.exceptions.PruningWarning")  # parameters are idle
def test_a_model_that_pruners_share_is_never_written(pruner):
    X, y = data_for(pruner, 150)
    second, fits = clone(pruner), SharedFits()
    if pruner.criterion not in {"stages", "random"}:
        second.set_params(criterion="random", random_state=1)
    if pruner.criterion == "backfitting":
        second.set_params(ridge=None)
    alone = clone(second).fit(X, y)
    with lent(pruner := clone(pruner), fits):
        pruner.fit(X, y)
    before, path = joblib.hash(pruner.path_.model), pruner.path_
    some = np.unique(np.linspace(0, len(path) - 1, 4).astype(int))
    answers = [answer(path.cut(index=index), X) for index in some]
    with lent(second, fits):
        second.fit(X, y)
    if not (holds_rows_out(pruner) or holds_rows_out(second)):
        assert second.path_.model is path.model
    for index in np.unique(np.linspace(0, len(alone.path_) - 1, 4).astype(int)):
        found = answer(second.path_.cut(index=index), X)
        np.testing.assert_array_equal(found, answer(alone.path_.cut(index=index), X))
    for index, known in zip(some, answers, strict=True):
        np.testing.assert_array_equal(answer(path.cut(index=index), X), known)
    assert joblib.hash(path.model) == before


@over_all
@pytest.mark.filterwarnings("ignore::skprune.exceptions.PruningWarning")  # samples are few
def test_an_interrupted_fit_changes_nothing(estimator, monkeypatch):
    X, y = data_for(estimator, 150)
    found = clone(estimator)
    interrupt_late(found, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, y)
    assert vars(found) == found.get_params(deep=False)
    with pytest.raises(NotFittedError):
        check_is_fitted(found)
    monkeypatch.undo()
    before = dict(vars(found.fit(X, y)))
    interrupt_late(found, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        found.fit(X[:100, :6], y[:100])
    assert vars(found).keys() == before.keys()
    assert all(vars(found)[name] is value for name, value in before.items())


# Contract 6: deterministic.


@over_pruners
def test_fit_is_deterministic(pruner):
    X, y = data_for(pruner)
    first, second = fitted(pruner), clone(pruner).fit(X, y)
    assert pickle.dumps(first.keep_mask_) == pickle.dumps(second.keep_mask_)
    if isinstance(first, SamplePruner):  # bytes between the fields of grown nodes are any
        np.testing.assert_array_equal(order_of(first), order_of(second))
        np.testing.assert_array_equal(answer(first, X), answer(second, X))
    elif hasattr(first, "estimator_"):
        assert pickle.dumps(first.estimator_) == pickle.dumps(second.estimator_)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_search_does_not_depend_on_the_backend(backend):
    search = SEARCHES[0]
    X, y = data_for(search)
    alone = clone(search).fit(X, y)
    with joblib.parallel_config(backend, n_jobs=2):
        together = clone(search).set_params(n_jobs=2).fit(X, y)
    for key, column in alone.cv_results_.items():
        if "time" not in key:
            assert np.array_equal(np.ma.getdata(column), np.ma.getdata(together.cv_results_[key]))
    np.testing.assert_array_equal(alone.predict_proba(X), together.predict_proba(X))
    assert len(together.best_estimator_.path_) == len(alone.best_estimator_.path_)


@over_models
def test_frozen_models_without_samples_say_so(pruner):
    X, y = data_for(pruner, 60)
    frozen = FrozenEstimator(clone(pruner.estimator).fit(X, y))
    pruner = clone(pruner).set_params(estimator=frozen)
    if pruner._needs_rows():
        with pytest.raises(InputError, match="X has 0 samples, but the pruner of a frozen model"):
            pruner.fit(X[:0], y[:0])


@over_models
def test_frozen_models_with_samples_of_weight_zero_only_say_so(pruner):
    X, y = data_for(pruner, 60)
    frozen = FrozenEstimator(clone(pruner.estimator).fit(X, y))
    pruner = clone(pruner).set_params(estimator=frozen)
    if pruner._needs_rows() or isinstance(pruner, SamplePruner):
        with pytest.raises(InputError, match="has a positive weight"):
            pruner.fit(X, y, sample_weight=np.zeros(60))


@over_models
def test_missing_values_of_held_out_samples_are_refused_as_those_of_others(pruner):
    X, y = data_for(pruner, 60)
    model = clone(pruner.estimator).fit(X, y)
    if get_tags(model).input_tags.allow_nan or not holds_rows_out(pruner):
        pytest.skip("it reads missing values, or holds no samples out")
    for row in range(0, 60, 6):
        gap = X.copy()
        gap[row, 0] = np.nan
        with pytest.raises(ValueError, match="contains NaN"):
            clone(pruner).fit(gap, y)


MALFORMED_WEIGHTS = {
    "holds negative values": np.r_[-1.0, np.ones(59)],
    "holds NaN or infinity": np.r_[np.nan, np.ones(59)],
    r"holds values beyond 1e[+]100": np.full(60, 1e300),
    "holds a value that is no number": np.full(60, "heavy"),
    r"has shape \(59,\)": np.ones(59),
    r"has shape \(61,\)": np.ones(61),
    r"has shape \(60, 1\)": np.ones((60, 1)),
    r"has shape \(\)": 2.0,
}


@over_all
def test_malformed_weights_are_refused_alike(estimator):
    X, y = data_for(estimator, 60)
    for what, weight in MALFORMED_WEIGHTS.items():
        with pytest.raises(InputError, match=f"sample_weight {what}"):
            clone(estimator).fit(X, y, sample_weight=weight)


# Contract 7: weights mean repetition.


@over_pruners
def test_weights_mean_repetition(pruner):
    if WEIGHT_CHECKS[0] in expected_failed_checks(pruner) or draws(pruner):
        pytest.skip("it holds rows out or draws")
    if isinstance(pruner, MLPPruner):
        pytest.skip("rounding grows as networks train; tests/test_neural.py asks a frozen one")
    if isinstance(pruner, SamplePruner):
        pytest.skip("a row is a unit: repeated rows are more of them")
    X, y = data_for(pruner)
    y = np.round(y)  # whole numbers add up without rounding: the grown trees agree
    weight = np.random.RandomState(0).randint(1, 4, len(y))
    weighted = clone(pruner).fit(X, y, sample_weight=weight)
    repeated = clone(pruner).fit(X.repeat(weight, axis=0), y.repeat(weight))
    np.testing.assert_allclose(order_of(weighted), order_of(repeated), rtol=1e-9, atol=1e-12)
    if hasattr(pruner, "get_support"):
        np.testing.assert_array_equal(weighted.get_support(), repeated.get_support())
        return
    assert weighted.path_.units[0] == repeated.path_.units[0]
    np.testing.assert_allclose(answer(weighted, X), answer(repeated, X))


# Contract 8: smaller is smaller.


@over_models
def test_smaller_is_smaller(pruner):
    path = fitted(pruner).path_
    sizes = []
    for index in np.unique(np.linspace(0, len(path) - 1, 6, dtype=int)):
        surgeon = surgeon_for(model := path.cut(index=index))
        size = model_size(model)
        row = path.levels.iloc[index]
        if path.unit == "samples":  # what a model of fewer rows stores is not known beforehand
            assert row["samples"] == path.mask(index).sum()
            assert model.tree_.n_node_samples[0] == row["samples"]
            sizes.append(-index)
            continue
        assert (size.parameters, size.bytes) == tuple(row[["parameters", "bytes"]])
        sizes.append((size.units, size.parameters, size.bytes))
        if isinstance(pruner, LinearPruner):
            assert size.units == (model.coef_ != 0).sum()
            continue
        if path.unit == "neurons":
            assert np.sum(model.hidden_layer_sizes) == row["neurons"]
        if path.unit == "leaves":
            assert (size.units, surgeon.table.n_nodes) == tuple(row[["leaves", "nodes"]])
        if hasattr(surgeon, "table"):
            depths = np.zeros(surgeon.table.n_trees, dtype=int)
            np.maximum.at(depths, surgeon.table.tree, surgeon.table.depth)
            assert [depth_of(tree) for tree in surgeon._trees] == list(depths)
    if pruner.criterion != "backfitting":  # its levels are what each penalty makes of them
        assert sizes == sorted(sizes, reverse=True)
        assert len(set(sizes)) == len(sizes)


# Contract 9: errors teach.


MALFORMED_LEVELS = {
    "keep=0 is not a level. Allowed are an int of at least 1": {"keep": 0},
    "keep=-3 is not a level": {"keep": -3},
    "keep=True is not a level": {"keep": True},
    "keep=nan is not a level": {"keep": float("nan")},
    "keep=0.0 is not a level": {"keep": 0.0},
    r"keep=1.5 is not a level. .* a float in \(0, 1\]": {"keep": 1.5},
    "threshold=nan is not a level": {"threshold": float("nan")},
    "each alone selects a level": {"keep": 2, "threshold": 0.1},
}


@over_pruners
def test_malformed_levels_are_refused(pruner):
    X, y = data_for(pruner)
    for words, level in MALFORMED_LEVELS.items():
        with pytest.raises(LevelError, match=words):
            clone(pruner).set_params(**{"keep": None, "threshold": None, **level}).fit(X, y)


@over_models
def test_level_below_the_smallest_names_it(pruner):
    X, y = data_for(pruner)
    alone = clone(pruner).set_params(keep=1e-9).fit(X, y)
    smallest = alone.path_.units[-1]
    assert alone.path_.unit != "leaves" or model_size(alone).units == smallest
    if smallest > 1:
        with pytest.raises(LevelError, match=f"Give at least keep={smallest}"):
            clone(pruner).set_params(keep=int(smallest) - 1).fit(X, y)


@over_pruners
def test_level_above_the_whole_warns_and_cuts_nothing(pruner):
    X, y = data_for(pruner)
    with pytest.warns(PruningWarning, match="nothing is removed"):
        alone = clone(pruner).set_params(keep=10**6, threshold=None).fit(X, y)
    assert alone.keep_mask_.all()


@over_models
def test_idle_validation_warns(pruner):
    if not hasattr(pruner, "validation"):
        pytest.skip("it has none")
    X, y = data_for(pruner)
    if pruner._needs_rows():
        frozen = FrozenEstimator(clone(pruner.estimator).fit(X, y))
        with pytest.warns(PruningWarning, match="samples passed to fit are the validation"):
            clone(pruner).set_params(estimator=frozen, validation=0.3).fit(X, y)
        with pytest.raises(InputError, match="Give validation=None"):
            clone(pruner).set_params(estimator=frozen, validation="oob").fit(X, y)
    else:
        with pytest.warns(PruningWarning, match="no meaning here and is ignored"):
            clone(pruner).set_params(validation=0.3).fit(X, y)


def test_unknown_models_are_refused_before_any_work():
    from sklearn.ensemble import IsolationForest
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    X, y = data_for(TreePruner(LogisticRegression()))
    for model, words in [
        (LogisticRegression(), "Known are: .*RandomForestClassifier"),
        (IsolationForest(), "caches the path lengths"),
        (make_pipeline(LogisticRegression()), "inside the pipeline"),
        (FrozenEstimator(LogisticRegression()), "Known are: "),
    ]:
        with pytest.raises(UnsupportedModelError, match=words):
            TreePruner(model).fit(X, y)


@over_with_estimators
def test_unfitted_frozen_model_is_named(pruner):
    name = "teacher" if isinstance(pruner, Distiller) else "estimator"
    given = getattr(pruner, name)
    model = DecisionTreeClassifier() if given is None else clone(given)
    X, y = data_for(pruner)
    with pytest.raises(NotFittedError, match=type(model).__name__):
        clone(pruner).set_params(**{name: FrozenEstimator(model)}).fit(X, y)


@over_all
def test_a_wrong_estimator_is_shown_and_refused_by_fit(estimator):
    names = {"estimator", "teacher", "student"} & set(estimator.get_params(deep=False))
    for name, wrong in product(names, ["text", None, object]):
        if wrong is None and isinstance(estimator, ShadowPruner):
            continue  # its default
        shown = clone(estimator).set_params(**{name: wrong})
        assert f"{name}={wrong!r}" in repr(shown)
        assert shown._repr_html_()
        assert not hasattr(shown, "predict_proba") or name != "estimator"
        dir(shown)
        with pytest.raises((ValueError, TypeError)):
            shown.fit(*data_for(estimator))


@over_all
def test_looking_at_a_fitted_estimator_computes_nothing(estimator):
    found = clone(estimator).fit(*data_for(estimator))
    before, path = dict(vars(found)), vars(found).get("_path")
    computed = set() if path is None or callable(path) else set(vars(path))
    repr(found)
    assert {name for name in vars(found) if name.endswith("_")} - {"codes_"} <= set(dir(found))
    assert any(hasattr(found, name) for name in ("predict", "predict_proba", "transform"))
    assert type(found).__name__ in found._repr_html_()
    assert found._repr_mimebundle_()["text/html"]
    assert vars(found).keys() == before.keys()
    assert all(vars(found)[name] is value for name, value in before.items())
    assert computed == (set() if path is None or callable(path) else set(vars(path)))
    assert repr(getattr(found, "path_", ""))


# Contract 10: no side effects.


@over_all
def test_no_side_effects(estimator, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    X, y = data_for(estimator)
    if name_of(estimator).startswith(("TreePruner-Hist", "EnsemblePruner-Hist", "SVMPruner")):
        # Threads of its own binning race for the warning filters, or it draws a seed from the
        # global state, with or without a pruner.
        model = clone(estimator.estimator).fit(X, y)
        estimator = clone(estimator).set_params(estimator=FrozenEstimator(model))
    np.random.seed(1)  # noqa: NPY002 - the global state is what is watched
    state, filters = np.random.get_state()[1].copy(), copy.copy(warnings.filters)  # noqa: NPY002
    clone(estimator).fit(X, y)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    assert warnings.filters == filters
    assert not list(tmp_path.iterdir())


@over_models
def test_kind_and_classes_are_those_of_the_model(pruner):
    found = fitted(pruner)
    assert is_classifier(found) == is_classifier(pruner.estimator)
    assert hasattr(found, "classes_") == is_classifier(pruner.estimator)
    assert found.n_features_in_ == 8
    if isinstance(pruner, LinearPruner | MLPPruner):
        assert found.report_["weights"].sum() == model_size(found).units
        return
    if isinstance(pruner, SamplePruner):
        assert (
            found.report_["samples"].sum() == found.keep_mask_.sum() == len(found.sample_indices_)
        )
        return
    if not isinstance(pruner, TreePruner):
        assert found.report_["kept"].tolist() == found.keep_mask_.tolist()
        return
    if pruner.criterion == "backfitting":  # trees may vanish, or hold no more than a constant
        assert len(found.report_) == surgeon_for(found.path_.model).table.n_trees
        assert found.report_["leaves"].sum() <= model_size(found).units
        return
    assert len(found.report_) == surgeon_for(found.estimator_).table.n_trees
    assert found.report_["leaves"].sum() == model_size(found).units


def test_the_table_holds_every_public_estimator():
    import skprune

    public = {getattr(skprune, name) for name in skprune.__all__}
    # A monitor is fitted to what two models predict, and prunes nothing.
    estimators = {c for c in public if isinstance(c, type) and hasattr(c, "fit")} - {
        AgreementMonitor
    }
    assert estimators == {type(instance) for instance in INSTANCES}
    assert PruningSearchCV in estimators
