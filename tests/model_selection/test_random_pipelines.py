"""Random pipelines and scorers: the scores of a search are those of a GridSearchCV."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_classif, f_regression
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skprune import (
    CorrelationPruner,
    EnsemblePruner,
    LinearPruner,
    PruningSearchCV,
    Quantizer,
    SamplePruner,
    TreePruner,
)

N = 120
FAST = 4


def table(rng):
    """Numbers and categories with holes."""
    numbers = rng.normal(size=(N, 4))
    frame = pd.DataFrame(numbers, columns=list("abcd"))
    frame["e"] = frame["a"] + rng.normal(scale=0.1, size=N)
    frame["city"] = rng.choice(["Bern", "Lima", "Kyoto"], size=N)
    target = frame["a"] - frame["b"] * (frame["city"] == "Lima") + rng.normal(scale=0.3, size=N)
    frame.loc[rng.choice(N, 10, replace=False), "c"] = np.nan
    return frame, target.to_numpy()


def columns(rng):
    """Return encoders and imputers for the columns."""
    strategy = str(rng.choice(["mean", "median", "most_frequent"]))
    scaler = [StandardScaler(), RobustScaler(), "passthrough"][rng.integers(3)]
    coders = [
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1),
    ]
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy=strategy), scaler), list("abcde")),
        (coders[rng.integers(2)], make_column_selector(dtype_exclude="number")),
    )


def end(rng, *, classify):
    """Return a pruner of a model, its name for a level, and levels."""
    tree = (DecisionTreeClassifier if classify else DecisionTreeRegressor)(random_state=0)
    forest = (RandomForestClassifier if classify else RandomForestRegressor)(6, random_state=0)
    linear = LogisticRegression(max_iter=500) if classify else Ridge()
    found = [
        (TreePruner(tree), "keep", [1.0, 0.5, 0.2, 3]),
        (TreePruner(forest), "keep", [1.0, 0.3]),
        (EnsemblePruner(forest), "keep", [1.0, 0.5, 2]),
        (LinearPruner(linear), "keep", [1.0, 0.5, 2]),
        (Quantizer(linear), "bits", [None, 8, 3]),
        (SamplePruner(tree, criterion="random", random_state=0), "keep", [1.0, 0.5]),
    ]
    return found[rng.integers(len(found))]


def draw(seed):
    """Return a pipeline, its grid, samples, targets and a scoring."""
    rng = np.random.default_rng(seed)
    classify = bool(rng.integers(2))
    X, y = table(rng)
    y = (y > np.median(y)).astype(int) if classify else y
    first = columns(rng)
    steps = [("columns", FrozenEstimator(first.fit(X, y)) if rng.random() < 0.2 else first)]
    grid = {}
    kind = rng.integers(4)
    if kind == 0:
        steps.append(("few", CorrelationPruner(threshold=0.95)))
        grid["few__threshold"] = [0.95, 0.5]
    if kind == 1:
        steps.append(("few", SelectKBest(f_classif if classify else f_regression)))
        grid["few__k"] = [2, 4]
    pruner, name, levels = end(rng, classify=classify)
    inside = not classify and rng.random() < 0.4
    nested = rng.random() < 0.4
    model, prefix = (make_pipeline(StandardScaler(), pruner), "model__") if nested else (pruner, "")
    if nested:
        prefix += f"{model.steps[-1][0]}__"
    else:
        prefix = "model__"
    if inside:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
        prefix = prefix.replace("model__", "model__regressor__", 1)
    steps.append(("model", model))
    grid[prefix + name] = levels
    scorers = (
        [None, "accuracy", "roc_auc", "neg_log_loss"]
        if classify
        else [None, "r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"]
    )
    return Pipeline(steps), grid, X, y, scorers[rng.integers(4)]


@pytest.mark.parametrize(
    "seed", [pytest.param(s, marks=[pytest.mark.slow] if s >= FAST else []) for s in range(30)]
)
def test_scores_are_those_of_a_grid_search(seed):
    pipeline, grid, X, y, scoring = draw(seed)
    search = {"cv": 3, "scoring": scoring}
    plain = GridSearchCV(pipeline, grid, refit=False, **search).fit(X, y)
    ours = PruningSearchCV(pipeline, grid, refit=False, **search).fit(X, y)
    assert ours.cv_results_["params"] == plain.cv_results_["params"]
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"], rtol=1e-10
    )
    assert not np.isnan(ours.cv_results_["mean_test_score"]).all()
