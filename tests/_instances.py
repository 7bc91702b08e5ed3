"""One table of instances for every public estimator; the common tests run over it.

A new pruner joins by one row here: scikit-learn's checks and all contracts follow.
"""

from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.svm import SVC, SVR, LinearSVC, NuSVC, NuSVR, OneClassSVM
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from skprune import (
    CorrelationPruner,
    Distiller,
    EnsemblePruner,
    InformationPruner,
    LinearPruner,
    MLPPruner,
    PermutationPruner,
    PruningSearchCV,
    Quantizer,
    RandomPruner,
    ReliefPruner,
    RulePruner,
    SamplePruner,
    ShadowPruner,
    SVMPruner,
    TreePruner,
)

TREES = [
    DecisionTreeClassifier(random_state=0),
    DecisionTreeRegressor(random_state=0),
    ExtraTreeClassifier(random_state=0),
    ExtraTreeRegressor(random_state=0),
    RandomForestClassifier(5, random_state=0),
    RandomForestRegressor(5, random_state=0),
    ExtraTreesClassifier(5, random_state=0),
    ExtraTreesRegressor(5, random_state=0),
    BaggingClassifier(DecisionTreeClassifier(), n_estimators=3, random_state=0),
    BaggingRegressor(n_estimators=3, max_features=0.7, random_state=0),
]
BOOSTING = [
    GradientBoostingClassifier(n_estimators=6, max_depth=6, subsample=0.7, random_state=0),
    GradientBoostingRegressor(n_estimators=6, max_depth=6, min_samples_leaf=3, random_state=0),
    HistGradientBoostingClassifier(max_iter=6, min_samples_leaf=2, random_state=0),
    HistGradientBoostingRegressor(max_iter=6, min_samples_leaf=2, random_state=0),
    AdaBoostClassifier(DecisionTreeClassifier(min_samples_leaf=3), n_estimators=5, random_state=0),
    AdaBoostRegressor(DecisionTreeRegressor(max_depth=6), n_estimators=5, random_state=0),
]
CRITERIA = ["cost_complexity", "reduced_error", "pessimistic", "random"]

# Every model with the default criterion; every criterion with a tree and an ensemble.
EVERY_CRITERION = {
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "RandomForestRegressor",
    "BaggingClassifier",
}

MODEL_PRUNERS = [
    TreePruner(model, criterion=criterion, random_state=0)
    for model in TREES
    for criterion in CRITERIA
    if criterion == "cost_complexity" or type(model).__name__ in EVERY_CRITERION
    if not (criterion == "pessimistic" and type(model).__name__.endswith("Regressor"))
] + [TreePruner(model, random_state=0) for model in BOOSTING]
MODEL_PRUNERS.append(TreePruner(BOOSTING[0], criterion="random", random_state=0))
# The ridge is given, or chosen on rows that are held out. Small models: each level is a refit.
BACKFITTED = [
    TreePruner(model, criterion="backfitting", ridge=ridge, random_state=0)
    for model, ridge in [
        (RandomForestClassifier(6, random_state=0), 1.0),
        (RandomForestRegressor(6, random_state=0), 3.0),
        (ExtraTreesClassifier(6, random_state=0), 1.0),
        (BaggingRegressor(n_estimators=6, max_features=0.7, random_state=0), 3.0),
        (
            GradientBoostingClassifier(n_estimators=4, max_depth=4, subsample=0.7, random_state=0),
            None,
        ),
        (
            GradientBoostingRegressor(
                n_estimators=4, max_depth=5, min_samples_leaf=3, random_state=0
            ),
            None,
        ),
        (HistGradientBoostingClassifier(max_iter=4, min_samples_leaf=5, random_state=0), None),
    ]
]
MODEL_PRUNERS += BACKFITTED
SHRUNK = [
    TreePruner(model, recovery="shrinkage", random_state=0, **params)
    for model, params in [
        (RandomForestClassifier(5, random_state=0), {}),
        (DecisionTreeRegressor(random_state=0), {"ridge": 10.0}),
        (BaggingClassifier(n_estimators=5, random_state=0), {"criterion": "reduced_error"}),
    ]
]
MODEL_PRUNERS += SHRUNK
# A model of each kind, and a criterion of each kind: votes, squares, weights, none.
ENSEMBLE_PRUNERS = [
    EnsemblePruner(model, criterion=criterion, random_state=0)
    for model, criterion in [
        (RandomForestClassifier(6, random_state=0), "reduced_error"),
        (RandomForestClassifier(6, random_state=0), "lasso"),
        (RandomForestRegressor(6, random_state=0), "random"),
        (ExtraTreesRegressor(6, random_state=0), "swaps"),
        (BaggingClassifier(n_estimators=6, random_state=0), "kappa"),
        (BaggingRegressor(n_estimators=6, max_features=0.7, random_state=0), "nnls"),
        # Fewer members agree on the rows of scikit-learn's check of weights, which fails alone.
        (AdaBoostClassifier(n_estimators=8, random_state=0), "margin_distance"),
        (AdaBoostRegressor(n_estimators=6, random_state=0), "backward"),
        (BOOSTING[0], "stages"),
        (BOOSTING[2], "stages"),
    ]
]
# Exact refits, masked ones, refits of clones, and none; weights and columns.
LINEAR_PRUNERS = [
    LinearPruner(model, criterion=criterion, unit=unit, recovery=recovery, random_state=0)
    for model, criterion, unit, recovery in [
        (LinearRegression(), "obs", "weight", "refit"),
        (Ridge(), "wald", "feature", "refit"),
        (Lasso(0.01, tol=1e-9, max_iter=100_000, random_state=0), "l1", "feature", "refit"),
        (Ridge(), "random", "weight", "refit"),
        (LogisticRegression(tol=1e-10), "obs", "weight", "refit"),
        (LogisticRegression(tol=1e-10), "gradient", "feature", "refit"),
        (LogisticRegression(tol=1e-10), "magnitude", "weight", None),
        (LinearSVC(tol=1e-10, max_iter=100_000, random_state=0), "obs", "feature", "refit"),
    ]
]
MODEL_PRUNERS += LINEAR_PRUNERS
# Members of a smaller level need not be among those of a larger one.
NOT_NESTED = {"backfitting", "swaps", "lasso", "nnls"}
MODEL_PRUNERS += ENSEMBLE_PRUNERS
# A model, a kernel and a criterion of each kind.
SVM_PRUNERS = [
    SVMPruner(SVC()),
    SVMPruner(SVC(kernel="poly"), criterion="magnitude"),
    SVMPruner(NuSVC(nu=0.2)),
    SVMPruner(SVR(C=10.0), recovery=None),
    SVMPruner(NuSVR(kernel="linear"), criterion="random", random_state=0),
    SVMPruner(OneClassSVM(nu=0.2)),
]
MODEL_PRUNERS += SVM_PRUNERS
# Training ends early: what is looked at is what pruning does.
CLASSIFYING = MLPClassifier(6, solver="lbfgs", tol=0.01, alpha=0.1, random_state=0)
REGRESSING = MLPRegressor(
    hidden_layer_sizes=(6, 4), solver="lbfgs", max_iter=100, tol=0.01, random_state=0
)
MLP_PRUNERS = [
    MLPPruner(CLASSIFYING),
    MLPPruner(REGRESSING, criterion="lamp", sparse_coef=True),
    MLPPruner(REGRESSING, unit="neuron"),
    MLPPruner(CLASSIFYING, unit="neuron", criterion="random", recovery=None, random_state=0),
    MLPPruner(
        CLASSIFYING,
        criterion="magnitude",
        recovery="fine_tune",
        schedule="cubic",
        n_rounds=2,
        tuning_iter=20,
    ),
]
MODEL_PRUNERS += MLP_PRUNERS
# Errors out of fold, weights by odds, distances, and none.
SAMPLE_PRUNERS = [
    SamplePruner(model, criterion=criterion, random_state=0, **params)
    for model, criterion, params in [
        (DecisionTreeClassifier(random_state=0), "el2n", {"cv": 2}),
        (DecisionTreeRegressor(random_state=0), "leverage", {}),
        (DecisionTreeClassifier(random_state=0), "prototype", {}),
        (DecisionTreeRegressor(random_state=0), "random", {}),
    ]
]
MODEL_PRUNERS += SAMPLE_PRUNERS
# Their levels are numbers of bits: they have contracts of their own in test_quantization.py.
QUANTIZERS = [
    Quantizer(RandomForestClassifier(5, random_state=0)),
    Quantizer(LogisticRegression(tol=1e-10), bits=4),
]
# They decide by themselves and take no level, which most contracts give them.
DECIDING = [
    TreePruner(DecisionTreeClassifier(random_state=0), criterion="lossless"),
    TreePruner(BOOSTING[3], criterion="lossless"),
    TreePruner(BOOSTING[4], criterion="lossless"),
    EnsemblePruner(RandomForestClassifier(6, random_state=0), criterion="faithful", random_state=0),
    SamplePruner(DecisionTreeClassifier(random_state=0), criterion="tomek"),
]
FEATURE_PRUNERS = [
    CorrelationPruner(),
    CorrelationPruner(threshold=0.5),
    CorrelationPruner(criterion="spearman", keep=0.5),
    CorrelationPruner(criterion="mixed", linkage="complete"),
    CorrelationPruner(criterion="vif"),
    InformationPruner(),
    InformationPruner(relevance="f_statistic", scheme="quotient"),
    InformationPruner(criterion="cmim", keep=0.3),
    RandomPruner(random_state=0),
    PermutationPruner(LogisticRegression(), cv=2, n_repeats=1, random_state=0),
    PermutationPruner(
        DecisionTreeClassifier(max_depth=3, random_state=0), cv=2, n_repeats=2, random_state=0
    ),
    ReliefPruner(n_neighbors=3),
    ReliefPruner(criterion="multisurf", task="regression", keep=0.5),
    ShadowPruner(DecisionTreeClassifier(max_depth=3), max_rounds=9, random_state=0),
    ShadowPruner(DecisionTreeRegressor(max_depth=4), max_rounds=6, keep=0.5, random_state=0),
]
# They name columns that the tables of scikit-learn's checks do not have.
GROUPED = [
    CorrelationPruner(groups=[[0, 1], [5, -1]], always_keep=[2]),
    CorrelationPruner(criterion="vif", groups=[[0, 1], [5, -1]], always_keep=[2]),
    InformationPruner(criterion="jmi", groups=[[0, 1], [5, -1]], always_keep=[1]),
    PermutationPruner(
        LogisticRegression(), cv=2, n_repeats=1, groups=[[0, 1]], always_keep=[1], random_state=0
    ),
    RandomPruner(groups=[[0, 1], [5, -1]], always_keep=[1], random_state=0),
    RandomPruner(groups=[[0, 1], [5, -1]], random_state=0),
    ReliefPruner(criterion="surf", groups=[[0, 1], [5, -1]], always_keep=[1]),
    ShadowPruner(
        DecisionTreeClassifier(max_depth=3),
        max_rounds=9,
        groups=[[0, 1], [5, -1]],
        always_keep=[1],
        random_state=0,
    ),
]
# They decide by themselves which columns stay.
DECIDING_FEATURES = [
    InformationPruner(criterion="fcbf"),
    RulePruner(),
    RulePruner(constant=0.95, missing=0.8, identifiers=True, always_keep=[0]),
]
DRAWING = (PermutationPruner, RandomPruner, ShadowPruner)
SEARCHES = [
    PruningSearchCV(DecisionTreeClassifier(random_state=0), cv=2, max_levels=8),
    PruningSearchCV(TreePruner(RandomForestRegressor(3, random_state=0)), cv=2, max_levels=5),
]
# A pruner, logits and numbers are taught; with the gate and without.
DISTILLERS = [
    Distiller(
        DecisionTreeClassifier(max_depth=4, random_state=0),
        TreePruner(DecisionTreeClassifier(random_state=0)),
        cv=3,
    ),
    Distiller(GaussianNB(), Ridge(), gate=False, cv=2),
    Distiller(
        ExtraTreesRegressor(3, random_state=0),
        DecisionTreeRegressor(random_state=0),
        cv=3,
    ),
]
INSTANCES = MODEL_PRUNERS + QUANTIZERS + DECIDING + FEATURE_PRUNERS + DECIDING_FEATURES + SEARCHES
INSTANCES += DISTILLERS
# The ridge is chosen out of bag, which takes as long as the fits of half the table. All contracts
# run over it; scikit-learn's checks see such a forest above, with the ridge given.
OUT_OF_BAG = TreePruner(
    RandomForestClassifier(6, max_depth=6, random_state=0), criterion="backfitting", random_state=0
)
MODEL_PRUNERS.append(OUT_OF_BAG)

WEIGHT_CHECKS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
# These models fail the checks by themselves, as a test says. Extra-trees draw no rows, and pass.
DRAWS = "it draws rows, so that a row twice is not a row of weight two, with or without a pruner"
LISTED = "it fails without a pruner too, as scikit-learn's own list of expected failures says"
FAILS_ALONE = {
    "RandomForestClassifier": DRAWS,
    "RandomForestRegressor": DRAWS,
    "BaggingClassifier": DRAWS,
    "BaggingRegressor": DRAWS,
    "GradientBoostingClassifier": LISTED,
    "GradientBoostingRegressor": LISTED,
    "AdaBoostClassifier": LISTED,
    "HistGradientBoostingClassifier": LISTED,
    "HistGradientBoostingRegressor": LISTED,
    "SVC": LISTED,
    "NuSVC": LISTED,
    "SVR": LISTED,
    "NuSVR": LISTED,
    "OneClassSVM": LISTED,
}
# This one is listed too, but its members agree on the few rows of the checks until they are cut.
DRAWS_AS_MANY = {"AdaBoostRegressor": "it draws as many rows as there are, repeated or not"}


def name_of(instance):
    """A short name for the reports of pytest."""
    words = [type(instance).__name__]
    inner = getattr(instance, "estimator", None)
    while inner is not None and (not words[1:] or words[-1] == "TreePruner"):
        words.append(type(inner).__name__)
        inner = getattr(inner, "estimator", None)
    words += [
        str(getattr(instance, name, "")) for name in ("criterion", "keep", "threshold", "recovery")
    ]
    return "-".join(word for word in words if word not in {"", "None"})


def draws(instance):
    """Whether scores are drawn, for each row or column of its own."""
    return isinstance(instance, DRAWING) or getattr(instance, "criterion", "") == "random"


def orders_otherwise(instance):
    """Whether units with larger scores may be removed before others, as documented."""
    if isinstance(instance, ShadowPruner):  # decisions come before scores
        return True
    # A column is scored beside those that were picked before it; fcbf decides.
    criterion = getattr(instance, "criterion", "")
    if criterion in NOT_NESTED | {"mrmr", "jmi", "fcbf"}:
        return True
    return getattr(instance, "schedule", "") == "cubic"


def holds_rows_out(instance):
    """Whether some rows are kept from the fit of the inner model, and choose."""
    return instance._needs_rows() and isinstance(instance._resolve_validation(), float)


def cuts_by_rows(instance):
    """Whether a level is fitted on rows, which a pickled path does not have."""
    if isinstance(instance, SamplePruner):
        return True
    if isinstance(instance, MLPPruner):
        return instance._needs_rows()
    if not isinstance(instance, LinearPruner) or instance.recovery is None:
        return False
    return not isinstance(instance.estimator, LinearRegression | Ridge)  # which have products


def expected_failed_checks(instance):
    """Checks that may fail, keyed on the inner class, each with its reason in words."""
    if isinstance(instance, ShadowPruner) and instance.keep is not None:
        return dict.fromkeys(WEIGHT_CHECKS[:1], "shadows are drawn, and rank those not confirmed")
    if isinstance(instance, LinearPruner):
        return _too_small(instance)
    if isinstance(instance, SamplePruner):
        reason = "a row is a unit: a row twice is not a row of weight two"
        # On the table of the check these keep what they keep of repeated rows.
        passes = {"tomek": 2, "prototype": 1}.get(instance.criterion, 0)
        failed = dict.fromkeys(WEIGHT_CHECKS[passes:], reason)
        if instance.criterion in {"leverage", "prototype", "tomek"}:
            reason = (
                "fit refuses missing values; at predict time that is for the tree, which does not"
            )
            failed["check_estimators_nan_inf"] = reason
        return failed
    if isinstance(instance, MLPPruner) and instance.criterion == "random":
        return {"check_classifiers_train": "half of the hidden units that go are drawn"}
    if not isinstance(instance, TreePruner | EnsemblePruner | SVMPruner | Quantizer):
        return {}
    inner = type(instance.estimator).__name__
    reason = (FAILS_ALONE | DRAWS_AS_MANY).get(inner)
    if holds_rows_out(instance):
        reason = "rows are held out by a draw: a repeated row may land in both parts"
    # Histogram boosting takes no sparse rows, which passes.
    checks = WEIGHT_CHECKS[:1] if "Hist" in inner else WEIGHT_CHECKS
    failed = dict.fromkeys(checks, f"{inner}: {reason}") if reason else {}
    if inner == "NuSVC":
        failed["check_classifiers_one_label_sample_weights"] = LISTED
    return failed


def _too_small(instance):
    """Checks of a good fit, on tables of two columns of which half must go."""
    few = instance.unit == "feature" and hasattr(instance.estimator, "decision_function")
    if few:
        return {"check_classifiers_train": "one column of two does not tell three classes apart"}
    if instance.criterion == "random":
        return {"check_regressors_train": "half of the coefficients that go are drawn"}
    return {}
