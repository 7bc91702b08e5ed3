"""One table of instances for every public estimator; the common tests run over it.

A new pruner joins by one row here: scikit-learn's checks and all contracts follow.
"""

from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from skprune import CorrelationPruner, PruningSearchCV, TreePruner

TREES = [
    DecisionTreeClassifier(random_state=0),
    DecisionTreeRegressor(random_state=0),
    ExtraTreeClassifier(random_state=0),
    ExtraTreeRegressor(random_state=0),
    RandomForestClassifier(5, random_state=0),
    RandomForestRegressor(5, random_state=0),
    ExtraTreesClassifier(5, random_state=0),
    ExtraTreesRegressor(5, random_state=0),
    BaggingClassifier(DecisionTreeClassifier(), n_estimators=5, random_state=0),
    BaggingRegressor(n_estimators=5, max_features=0.7, random_state=0),
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
]
FEATURE_PRUNERS = [
    CorrelationPruner(),
    CorrelationPruner(threshold=0.5),
    CorrelationPruner(criterion="spearman", keep=0.5),
]
SEARCHES = [
    PruningSearchCV(DecisionTreeClassifier(random_state=0), cv=2),
    PruningSearchCV(TreePruner(RandomForestRegressor(3, random_state=0)), cv=2, max_levels=5),
]
INSTANCES = MODEL_PRUNERS + FEATURE_PRUNERS + SEARCHES

WEIGHT_CHECKS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
# The inner model fails these by itself: it draws rows, so that a row twice is not a row of
# weight two. Extra-trees without bootstrap draw none.
DRAWS_ROWS = {
    "RandomForestClassifier",
    "RandomForestRegressor",
    "BaggingClassifier",
    "BaggingRegressor",
}


def name_of(instance):
    """A short name for the reports of pytest."""
    words = [type(instance).__name__]
    inner = getattr(instance, "estimator", None)
    while inner is not None and (not words[1:] or words[-1] == "TreePruner"):
        words.append(type(inner).__name__)
        inner = getattr(inner, "estimator", None)
    words += [str(getattr(instance, name, "")) for name in ("criterion", "keep", "threshold")]
    return "-".join(word for word in words if word not in {"", "None"})


def expected_failed_checks(instance):
    """Checks that may fail, keyed on the inner class, each with its reason in words."""
    if not isinstance(instance, TreePruner):
        return {}
    inner = type(instance.estimator).__name__
    if inner in DRAWS_ROWS:
        reason = f"{inner} draws bootstrap rows: it fails the check without a pruner too"
        return dict.fromkeys(WEIGHT_CHECKS, reason)
    if instance.criterion == "reduced_error":
        reason = f"rows of {inner} are held out by a draw: a repeated row may land in both parts"
        return dict.fromkeys(WEIGHT_CHECKS, reason)
    return {}
