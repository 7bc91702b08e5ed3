"""What the tests of the boosters of other libraries share."""

import pickle

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine

from skprune import EnsemblePruner, TreePruner, model_size
from skprune.arrays.nodes import route, survivors
from skprune.surgery import members_for, surgeon_for

CRITERIA = ("cost_complexity", "random", "lossless", "backfitting")


def data_for(case):
    """Samples and targets of a case, by words in its name."""
    if "class" in case:
        X, y = load_wine(return_X_y=True)
        y = (y == 1).astype(int) if "two" in case else y
    else:
        X, y = load_diabetes(return_X_y=True)
        y = np.column_stack([y, -(y**2)]) if "outputs" in case else y
    rng = np.random.default_rng(0)
    if "missing" in case:
        X = np.where(rng.random(X.shape) < 0.2, np.nan, X)
        X[rng.random(X.shape) < 0.1] = 0.0
    if "categories" in case:
        X = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
        X["x2"] = pd.Categorical(rng.choice(list("abcdefgh"), len(X)))
        X["x7"] = pd.Categorical(rng.integers(0, 40, len(X)))
        y = y + 90 * X["x2"].isin(["b", "e", "h"]) + 60 * (X["x7"].cat.codes % 3 == 1)
        X.iloc[::11, 2] = None
    return X, y


def naive(surgeon, X, keep_split, keep_tree, value):
    """Sum the values of the leaves that samples end up in, one tree after the other."""
    total = surgeon.raw_init(X)
    end = survivors(surgeon.table, keep_split)[surgeon.apply(X)]
    for t in np.flatnonzero(keep_tree):
        total[:, surgeon.tree_column[t]] += value[end[t], 0, 0]
    return total


def check_leaves(model, X):
    """Leaves of the library are those of a plain walk of the table, and make up its scores."""
    surgeon = surgeon_for(model)
    if surgeon.is_ordered.all():
        told = np.asarray(X, surgeon.compares_in)
        told = np.where(told == getattr(model, "missing", np.nan), np.nan, told)
        assert_array_equal(route(surgeon.table, told).T, surgeon.apply(X))


def check_cuts(model, X, raw, saved):
    """The whole model is the same to the bit; any other predicts what a naive sum does."""
    before, surgeon = saved(model), surgeon_for(model)
    table, everything = surgeon.table, np.ones(surgeon.table.n_trees, dtype=bool)
    whole = surgeon.cut(table.is_split)
    assert_array_equal(raw(whole, X), raw(model, X))
    assert type(whole) is type(model)
    assert_allclose(
        raw(model, X), naive(surgeon, X, table.is_split, everything, table.value), rtol=2e-5
    )
    for seed in range(4):
        rng = np.random.default_rng(seed)
        keep_split = table.is_split & (rng.random(table.n_nodes) < 0.8)
        keep_tree = rng.random(table.n_trees) < 0.7 if seed else everything
        keep_tree[rng.integers(table.n_trees)] = True
        value = rng.normal(size=table.value.shape) if seed % 2 else None
        cut = surgeon.cut(keep_split, keep_tree=keep_tree, value=value)
        expected = naive(surgeon, X, keep_split, keep_tree, table.value if value is None else value)
        assert_allclose(raw(cut, X), expected, rtol=2e-5, atol=2e-5)
        again = pickle.loads(pickle.dumps(cut))
        assert_array_equal(raw(again, X), raw(cut, X))
        check_size(cut, surgeon, keep_split, keep_tree)
        assert type(clone(cut)) is type(model)
    assert saved(model) == before


def check_size(cut, surgeon, keep_split, keep_tree):
    """The model has the leaves that stay, and those of trees that fill up its stages."""
    table = surgeon.table
    alive = survivors(table, keep_split & keep_tree[table.tree]) == np.arange(table.n_nodes)
    own = surgeon_for(cut).table
    n_splits = np.count_nonzero(alive & keep_split & keep_tree[table.tree])
    assert own.n_splits == n_splits
    columns = surgeon.tree_column[keep_tree]
    assert own.n_trees == surgeon.n_values_per_stage * np.bincount(columns).max()
    assert len(cut.feature_importances_) == cut.n_features_in_


def check_paths(model, X, y, raw):
    """Each criterion has a path whose levels are fits, of the sizes that it states."""
    fitted = clone(model).fit(X, y)
    for criterion in CRITERIA:
        pruner = TreePruner(model, criterion=criterion, validation=None, random_state=0)
        if criterion == "backfitting":
            pruner.set_params(ridge=3.0)
        path = pruner.fit(X, y).path_
        check_levels(path)
        assert_array_equal(raw(path.cut(keep=1.0), X), raw(fitted, X))
        if criterion == "lossless":
            assert_allclose(raw(pruner.estimator_, X), raw(fitted, X), rtol=1e-5, atol=1e-5)
            continue
        keep = int(path.units[len(path) // 2])
        once = clone(pruner).set_params(keep=keep).fit(X, y)
        assert_array_equal(raw(once.estimator_, X), raw(path.cut(keep=keep), X))
        assert model_size(once).units == keep
        again = pickle.loads(pickle.dumps(once))
        assert_array_equal(again.predict(X), once.predict(X))


def check_levels(path):
    """Levels shrink, and have the sizes that the path states."""
    assert (np.diff(path.units) < 0).all()
    for index in {0, len(path) // 2, len(path) - 1}:
        size = model_size(path.cut(index=index))
        stated = path.levels.iloc[index][["leaves", "parameters", "bytes"]]
        assert (size.units, size.parameters, size.bytes) == tuple(stated.astype(int))


def check_stages(model, X, y, raw, first):
    """The first stages are the model after so many rounds."""
    pruner = EnsemblePruner(model, criterion="stages", keep=3).fit(X, y)
    assert_array_equal(raw(pruner.estimator_, X), first(clone(model).fit(X, y), X, 3))
    assert pruner.estimator_.n_estimators == 3
    path = pruner.path_
    for index in (0, 3):
        size = model_size(path.cut(index=index))
        stated = path.levels.iloc[index][["parameters", "bytes"]]
        assert (size.parameters, size.bytes) == tuple(stated)
    assert members_for(path.model).n_members == model.n_estimators
