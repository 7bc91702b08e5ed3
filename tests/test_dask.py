"""Tables of dask are read by partition, and a cluster of dask gives what one process gives."""

import warnings

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.validation import check_is_fitted

from skprune import (
    CorrelationPruner,
    Distiller,
    InformationPruner,
    LinearPruner,
    PermutationPruner,
    PruningSearchCV,
    ReliefPruner,
    RulePruner,
    SamplePruner,
    ShadowPruner,
    TreePruner,
)
from skprune.exceptions import InputError
from tests._instances import DISTILLERS, FEATURE_PRUNERS, SEARCHES, name_of

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
distributed = pytest.importorskip("distributed")

rng = np.random.default_rng(0)
X, Y = make_classification(120, 6, n_informative=3, n_redundant=3, random_state=0)
X = np.column_stack([X, X[:, 0], np.full(120, 3.0), X[:, 1] + 0.3 * rng.normal(size=120)])
X[::7, 2] = np.nan
FRAME = pd.DataFrame(X, columns=list("abcdefghi"))
KINDS = {
    "frame": dd.from_pandas(FRAME, npartitions=4),
    "array": da.from_array(X, chunks=(50, 4)),  # columns in parts too
    "first of one row": da.from_array(X, chunks=((1, 0, 60, 59), (9,))),
}
BY_PARTITION = [
    CorrelationPruner(threshold=0.7),
    CorrelationPruner(keep=4, prefer="variance"),
    CorrelationPruner(linkage="average", groups=[[0, 1]], always_keep=[3]),
    RulePruner(),
    RulePruner(missing=0.1, constant=0.9, psi=0.2, reference=X[:40]),
]
# What runs in parallel, or holds what does.
PARALLEL = [
    *SEARCHES,
    PruningSearchCV(make_pipeline(InformationPruner(), LinearPruner(LogisticRegression())), cv=2),
    PruningSearchCV(
        TreePruner(
            RandomForestClassifier(3, max_depth=4, random_state=0),
            criterion="backfitting",
            ridge=1.0,
            random_state=0,
        ),
        cv=2,
        max_levels=4,
        return_train_score=True,
    ),
    *DISTILLERS,
    *(
        pruner
        for pruner in FEATURE_PRUNERS
        if isinstance(pruner, (PermutationPruner, ReliefPruner, ShadowPruner))
    ),
    *(
        SamplePruner(
            DecisionTreeClassifier(random_state=0), criterion=criterion, cv=2, random_state=0
        )
        for criterion in ("el2n", "disagreement")
    ),
]


def fit(estimator, table, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few samples: of levels, of convergence
        return clone(estimator).fit(table, **params)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("pruner", BY_PARTITION, ids=lambda each: repr(each)[:50])
def test_partitions_are_one_table(pruner, kind, weighted):
    table = FRAME if kind == "frame" else X
    weight = {"sample_weight": np.arange(120) // 30} if weighted else {}  # the first weigh nothing
    whole, found = fit(pruner, table, **weight), fit(pruner, KINDS[kind], **weight)
    assert not whole.keep_mask_.all()
    pd.testing.assert_frame_equal(found.report_, whole.report_, rtol=0, atol=1e-10)
    assert_array_equal(found.path_.units, whole.path_.units)
    assert_array_equal(found.get_feature_names_out(), whole.get_feature_names_out())
    kept = found.transform(KINDS[kind])
    assert type(kept) is type(KINDS[kind])
    assert_array_equal(kept.compute(), X[:, whole.keep_mask_])


def test_fit_forgets_earlier_batches_and_fails_whole():
    pruner = RulePruner(missing=0.1).partial_fit(X[:50, :3])
    expected = fit(RulePruner(missing=0.1), X)
    pruner.fit(KINDS["array"])
    assert_array_equal(pruner.keep_mask_, expected.keep_mask_)
    before = dict(vars(pruner))
    with pytest.raises(InputError, match="None of n_features=2 would be kept"):
        pruner.fit(da.ones((30, 2), chunks=(10, 2)))
    assert vars(pruner) == before


@pytest.mark.parametrize("kind", ["frame", "array"])
@pytest.mark.parametrize(
    "estimator",
    [
        *(pruner for pruner in FEATURE_PRUNERS if not hasattr(pruner, "partial_fit")),
        TreePruner(DecisionTreeClassifier()),
        LinearPruner(LogisticRegression()),
        SamplePruner(DecisionTreeClassifier()),
        Distiller(LogisticRegression(), DecisionTreeClassifier()),
        PruningSearchCV(DecisionTreeClassifier()),
    ],
    ids=name_of,
)
def test_other_pruners_name_compute(estimator, kind):
    estimator = clone(estimator)
    with pytest.raises(InputError, match=r"X\.compute\(\)"):
        estimator.fit(KINDS[kind], Y)
    with pytest.raises(ValueError, match="not fitted"):
        check_is_fitted(estimator)


@pytest.mark.parametrize(
    ("pruner", "table", "params", "message"),
    [
        (CorrelationPruner(), "array", {"y": Y}, "association with y"),
        (CorrelationPruner(prefer="association"), "array", {}, "association with y"),
        (RulePruner(psi=0.1), "array", {}, r"reference=0\.5 .* or give X\.compute"),
        (RulePruner(ks=0.1, reference=X), "array", {}, r"Use psi, or give X\.compute"),
        (RulePruner(), "array", {"sample_weight": np.ones(119)}, "has 119 weights"),
        (RulePruner(), "array", {"sample_weight": np.ones(130)}, "but X has 120 samples"),
        (RulePruner(), "array", {"sample_weight": np.zeros(120)}, "all of weight 0"),
        (RulePruner(), da.ones(5), {}, r"1 dimension\(s\)"),
        (RulePruner(), da.ones((0, 2)), {}, r"0 sample\(s\)"),
        (CorrelationPruner(), da.ones((1, 2)), {}, "minimum of 2"),
    ],
)
def test_what_partitions_cannot_serve_is_said(pruner, table, params, message):
    table = KINDS[table] if isinstance(table, str) else table
    with pytest.raises(ValueError, match=message):
        clone(pruner).fit(table, **params)


def test_selecting_from_partitions_checks_names_and_container():
    pruner = RulePruner().fit(FRAME)
    with pytest.raises(ValueError, match="feature names"):
        pruner.transform(KINDS["frame"].rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match="9 features"):
        RulePruner().fit(X).transform(KINDS["array"][:, :8])
    with pytest.raises(InputError, match="asks for pandas"):
        pruner.set_output(transform="pandas").transform(KINDS["frame"])


@pytest.fixture(scope="module")
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as workers,
        distributed.Client(workers) as client,
    ):
        yield client


def bits(value):
    """What two fits must have in common, as something that compares to the last bit."""
    if isinstance(value, dict):  # cv_results_; times are no results
        return {k: bits(v) for k, v in value.items() if not k.endswith("_time")}
    if isinstance(value, pd.DataFrame):
        return value.to_json(double_precision=15)
    if isinstance(value, (list, tuple)):
        return [bits(each) for each in value]
    if isinstance(value, np.ma.MaskedArray):
        return [repr(each) for each in value.tolist()]
    if isinstance(value, np.ndarray):
        return [repr(each) for each in value.tolist()]
    return repr(value) if isinstance(value, (bool, int, float, str, np.generic)) else None


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of dask's own processes
@pytest.mark.parametrize("estimator", PARALLEL, ids=name_of)
def test_a_cluster_gives_what_one_process_gives(estimator, cluster):
    assert len(cluster.scheduler_info()["workers"]) == 2
    table = np.nan_to_num(X)
    alone = fit(estimator, table, y=Y)
    with parallel_config("dask"):
        found = fit(estimator, table, y=Y)
    fitted = [n for n in vars(alone) if n.endswith("_") and n != "refit_time_"]
    assert fitted
    for name in fitted:
        assert bits(getattr(found, name)) == bits(getattr(alone, name)), name
    if hasattr(alone, "predict"):
        assert_array_equal(found.predict(table), alone.predict(table))
        if hasattr(alone, "predict_proba"):
            assert_array_equal(found.predict_proba(table), alone.predict_proba(table))
