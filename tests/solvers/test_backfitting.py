"""Backfitting, compared with recursion, brute force and refits of fixed supports."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from skprune.arrays.nodes import route
from skprune.solvers.additive_losses import BinomialLoss, MultinomialLoss, QuantileLoss, SquaredLoss
from skprune.solvers.backfitting import Backfitting, predict_raw
from skprune.solvers.backfitting_layout import lay_out
from tests._forms import FORMS, form
from tests._trees import N_FEATURES, node_tables, reproducible, single_tree, subtree

N_ROWS = 60


def problem(table, seed, n_columns=1):
    """Leaves of samples, integer weights, and targets that depend on the leaves."""
    rng = np.random.default_rng(seed)
    X = rng.integers(-3, 4, (N_ROWS, N_FEATURES)) / 2
    leaf = route(table, X).T
    shift = rng.normal(size=(n_columns, table.n_nodes))
    target = shift[:, leaf].sum(axis=1) + rng.normal(size=(n_columns, N_ROWS))
    return leaf, target, rng.integers(1, 4, N_ROWS).astype(float)


def start(table, loss, target, leaf, weight, **options):
    structures = lay_out(table, leaf, weight, least_weight=0)
    return Backfitting(structures, structures.rank(leaf), target, loss, weight, 0, **options)


def pruned_subtrees(table, node):
    """The leaf sets of all prunings of the subtree below a node."""
    yield [node]
    if table.is_split[node]:
        for left in pruned_subtrees(table, table.left[node]):
            for right in pruned_subtrees(table, table.right[node]):
                yield left + right


def brute_force(table, leaf, residual, weight, penalty, ridge):
    """The minimum of the objective over all prunings of one tree, on residuals."""
    best, found = 0.0, []
    for leaves in pruned_subtrees(table, 0):
        if len(leaves) == 1:
            continue
        gain, values = 0.0, []
        for node in leaves:
            below = np.isin(leaf, subtree(table, node))
            push = residual[:, below] @ weight[below]
            value = push / (weight[below].sum() + ridge)
            gain += 0.5 * push @ value - penalty
            values.append(value)
        if gain > best + 1e-12:
            best, found = gain, list(zip(leaves, values, strict=True))
    return best, found


@reproducible
@given(node_tables(max_trees=1, max_splits=5), st.integers(0, 99), st.booleans())
def test_a_step_finds_the_optimal_pruning(table, seed, shared):
    n_columns = 2 if shared else 1
    leaf, target, weight = problem(table, seed, n_columns)
    state = start(table, SquaredLoss(), target, leaf, weight, shared=shared)
    residual = target - np.average(target, axis=1, weights=weight)[:, np.newaxis]
    before = weight @ (0.5 * residual**2).sum(axis=0)
    gain, found = brute_force(table, leaf[0], residual, weight, 2.0, 1.5)
    solution = state.descend(2.0, 1.5, n_passes=1)
    np.testing.assert_allclose(before - state.objective(2.0, 1.5), gain, atol=1e-9)
    assert sorted(solution.node) == sorted(node for node, _ in found)
    for node, value in found:
        np.testing.assert_allclose(solution.value[solution.node == node][0], value)


@reproducible
@given(node_tables(), st.integers(0, 99))
def test_objective_never_increases_and_predictions_add_up(table, seed):
    leaf, target, weight = problem(table, seed)
    binary = (target > 0).astype(float)
    for loss, goal in [(SquaredLoss(), target), (BinomialLoss(), binary)]:
        state = start(table, loss, goal, leaf, weight)
        for penalty in (8.0, 2.0, 0.5):
            before = state.objective(penalty, 3.0)
            for _ in range(4):
                solution = state.descend(penalty, 3.0, n_passes=1)
                after = state.objective(penalty, 3.0)
                assert after <= before + 1e-9 * max(1, abs(before))
                before = after
            raw = predict_raw(state.structures, table.tree, state.rank, solution)
            np.testing.assert_allclose(raw, state.raw, atol=1e-9)


@settings(reproducible, max_examples=5)
@given(node_tables(), st.integers(0, 99))
def test_values_solve_the_ridge_problem_of_their_support(table, seed):
    """After many passes over a fixed support, values are those of a joint ridge regression."""
    leaf, target, weight = problem(table, seed)
    state = start(table, SquaredLoss(), target, leaf, weight)
    solution = state.descend(0.5, 2.0, n_passes=1000)
    columns = []
    for node in solution.node:
        tree = table.tree[node]
        below = table.offsets[tree] + np.array(
            subtree(single_tree(table, tree), node - table.offsets[tree])
        )
        columns.append(np.isin(leaf[tree], below))
    design = np.column_stack([np.ones(N_ROWS), *columns]).astype(float)
    ridge = np.diag([0.0] + [2.0] * len(columns))
    gram = design.T @ (weight[:, np.newaxis] * design) + ridge
    exact = np.linalg.solve(gram, design.T @ (weight * target[0]))
    np.testing.assert_allclose(solution.intercept[0], exact[0], atol=1e-6)
    np.testing.assert_allclose(solution.value[:, 0], exact[1:], atol=1e-6)


@reproducible
@given(node_tables(), st.integers(0, 99))
def test_weights_mean_repetition(table, seed):
    leaf, target, weight = problem(table, seed)
    times = weight.astype(int)
    once = start(table, SquaredLoss(), target, leaf, weight).descend(1.0, 2.0)
    again = start(
        table,
        SquaredLoss(),
        target.repeat(times, axis=1),
        leaf.repeat(times, axis=1),
        np.ones(times.sum()),
    ).descend(1.0, 2.0)
    np.testing.assert_array_equal(once.node, again.node)
    np.testing.assert_allclose(once.value, again.value)


@reproducible
@given(node_tables(), st.integers(0, 99))
def test_columns_of_a_softmax_are_pruned_independently(table, seed):
    leaf, target, weight = problem(table, seed, 3)
    one_hot = np.eye(3)[:, target.argmax(axis=0)]
    state = start(table, MultinomialLoss(), one_hot, leaf, weight)
    before = state.objective(1.0, 1.0)
    solution = state.descend(1.0, 1.0, n_passes=6)
    assert state.objective(1.0, 1.0) <= before + 1e-9
    raw = predict_raw(state.structures, table.tree, state.rank, solution)
    np.testing.assert_allclose(raw, state.raw, atol=1e-9)
    # Trees that contribute to a single column do not affect the others.
    columns = np.arange(table.n_trees) % 3
    state = start(table, MultinomialLoss(), one_hot, leaf, weight, columns=columns)
    solution = state.descend(0.5, 1.0, n_passes=3)
    np.testing.assert_array_equal(solution.column, columns[table.tree[solution.node]])
    raw = predict_raw(state.structures, table.tree, state.rank, solution)
    np.testing.assert_allclose(raw, state.raw, atol=1e-9)


@reproducible
@given(node_tables(), st.integers(0, 99))
def test_light_nodes_are_not_split(table, seed):
    leaf, _, weight = problem(table, seed)
    structures = lay_out(table, leaf, weight, least_weight=30)
    below = np.zeros(table.n_nodes)
    for node in range(table.n_nodes):
        tree = table.tree[node]
        own = table.offsets[tree] + np.array(
            subtree(single_tree(table, tree), node - table.offsets[tree])
        )
        below[node] = weight[np.isin(leaf[tree], own)].sum()
    trees = structures.trees
    split = np.zeros(len(structures.node), dtype=bool)
    split[(trees.base + trees.parent)[trees.parent >= 0]] = True
    assert (below[structures.node[split]] >= 30).all()
    light = table.is_split[structures.node] & ~split
    assert (below[structures.node[light]] < 30).all()
    for tree in range(table.n_trees):
        node, parent = (
            array[trees.offsets[tree] : trees.offsets[tree + 1]]
            for array in (structures.node, trees.parent)
        )
        np.testing.assert_array_equal(node[1::2], table.left[node[parent[1::2]]])
        np.testing.assert_array_equal(node[2::2], table.right[node[parent[2::2]]])


@reproducible
@given(node_tables(), st.integers(0, 99))
def test_an_increase_of_the_objective_is_undone(table, seed):
    """Steps from distant raw predictions overshoot and must be damped."""
    leaf, target, weight = problem(table, seed)
    offset = np.random.default_rng(seed).normal(scale=8, size=target.shape)
    goal = (target > 0).astype(float)
    state = start(table, BinomialLoss(), goal, leaf, weight, offset=offset)
    before = state.objective(0.1, 0.1)
    state.descend(0.1, 0.1, n_passes=3)
    assert state.objective(0.1, 0.1) <= before


@reproducible
@given(node_tables(), st.integers(0, 99), st.sampled_from([0.2, 0.5]))
def test_quantile_steps_decrease_the_pinball_loss(table, seed, level):
    leaf, target, weight = problem(table, seed)
    state = start(table, QuantileLoss(level), target, leaf, weight)
    before = state.objective(0.1, 1.0)
    state.descend(0.1, 1.0, n_passes=10)
    assert state.objective(0.1, 1.0) <= before * (1 + 1e-7)


@settings(reproducible, max_examples=25)
@given(node_tables(), st.integers(0, 99), st.sampled_from([1.5, 0.1]))
def test_all_forms_agree_to_the_bit(table, seed, ridge):
    leaf, target, weight = problem(table, seed, 3)
    one_hot = np.eye(3)[:, target.argmax(axis=0)]
    weight[seed % N_ROWS] = 0
    for loss, goal, options in [
        (SquaredLoss(), target[:1], {"shared": True}),
        (SquaredLoss(), target, {"shared": True}),
        (BinomialLoss(), (target[:1] > 0).astype(float), {}),
        (MultinomialLoss(), one_hot, {}),
        (MultinomialLoss(), one_hot, {"shared": True}),
        (MultinomialLoss(), one_hot, {"columns": np.arange(table.n_trees) % 3}),
    ]:
        found = []
        for name in FORMS:
            with form(name):
                state = start(table, loss, goal, leaf, weight, **options)
                path = [state.descend(penalty, ridge) for penalty in (4.0, 1.0, 0.3)]
                found.append(
                    [state.raw, state.objective(1.0, ridge), *(a for s in path for a in s)]
                )
        for other in found[1:]:
            for one, two in zip(found[0], other, strict=True):
                np.testing.assert_array_equal(one, two)
