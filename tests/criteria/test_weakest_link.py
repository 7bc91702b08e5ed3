"""Weakest-link scores, compared with brute-force optima; risks, compared with recursion."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import beta
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from skprune.arrays.nodes import bottom_up_sum
from skprune.base._levels import distinct, midpoints
from skprune.criteria.weakest_link import (
    class_weights,
    error_risk,
    pessimistic_risk,
    random_scores,
    squared_loss,
    squared_risk,
    training_risk,
    weakest_link,
)
from skprune.surgery import surgeon_for
from tests._forms import FORMS, form
from tests._trees import (
    N_CLASSES,
    ancestors,
    node_tables,
    per_node,
    reproducible,
    single_tree,
    subtree,
    tied,
)

risky = per_node(tied)
rough = per_node(st.floats(-10, 10, allow_subnormal=False))


# The engine.


def cheapest_by_size(table, node, risk):
    """Return {leaves: smallest risk} over all prunings of the subtree at a node."""
    cheapest = {1: Fraction(risk[node])}
    if table.is_split[node]:
        left = cheapest_by_size(table, table.left[node], risk)
        right = cheapest_by_size(table, table.right[node], risk)
        for n_left, risk_left in left.items():
            for n_right, risk_right in right.items():
                n, total = n_left + n_right, risk_left + risk_right
                cheapest[n] = min(total, cheapest.get(n, total))
    return cheapest


def optimum(cheapest, alpha):
    """Return the smallest risk + alpha * leaves, and the fewest leaves that reach it."""
    return min((risk + alpha * n, n) for n, risk in cheapest.items())


def breakpoints(cheapest):
    """Return the alphas at which the optimal size changes, ascending."""
    breaks, n = [], max(cheapest)
    # At an alpha of minus infinity only the largest tree is optimal.
    while n > 1:
        price, n = min((Fraction(cheapest[m] - cheapest[n]) / (n - m), m) for m in range(1, n))
        breaks.append(price)
    return breaks


def probes(breaks):
    """Return alphas below, at, between and above the breakpoints, exactly."""
    if not breaks:
        return [Fraction(0)]
    between = [(low + high) / 2 for low, high in pairwise(breaks)]
    return [breaks[0] - 1, *breaks, *between, breaks[-1] + 1]


def cut_at(table, scores, alpha):
    """Return the leaves of the tree that keeps the splits with a score above alpha."""
    keep = np.array([score > alpha for score in scores]) & table.is_split
    leaves = [
        node
        for node in range(table.n_nodes)
        if not keep[node] and all(keep[ancestors(table, node)[1:]])
    ]
    return keep, leaves


def rational_scores(scores):
    """Return exact scores: quotients of small integers, recovered from their rounding."""
    return [
        Fraction(score).limit_denominator(100) if np.isfinite(score) else score for score in scores
    ]


@reproducible
@given(risky)
def test_kept_splits_minimise_risk_plus_alpha_times_leaves(drawn):
    forest, risks = drawn
    all_scores = weakest_link(forest, risks)
    for t in range(forest.n_trees):
        own = slice(*forest.offsets[t : t + 2])
        table, risk, scores = single_tree(forest, t), risks[own], rational_scores(all_scores[own])
        assert_array_equal([float(score) for score in scores], all_scores[own])
        cheapest = cheapest_by_size(table, 0, risk)
        for alpha in probes(breakpoints(cheapest)):
            _, leaves = cut_at(table, scores, alpha)
            total = sum(Fraction(risk[leaf]) for leaf in leaves)
            assert (total + alpha * len(leaves), len(leaves)) == optimum(cheapest, alpha)


@reproducible
@given(risky)
def test_distinct_scores_are_the_breakpoints(drawn):
    forest, risks = drawn
    scores = weakest_link(forest, risks)
    expected = set()
    for t in range(forest.n_trees):
        own = slice(*forest.offsets[t : t + 2])
        cheapest = cheapest_by_size(single_tree(forest, t), 0, risks[own])
        expected.update(map(float, breakpoints(cheapest)))
    assert_array_equal(distinct(scores[forest.is_split]), sorted(expected))


@reproducible
@given(rough)
def test_kept_splits_are_optimal_for_any_floats(drawn):
    forest, risks = drawn
    scores = weakest_link(forest, risks)
    for t in range(forest.n_trees):
        own = slice(*forest.offsets[t : t + 2])
        table, risk = single_tree(forest, t), risks[own]
        cheapest = cheapest_by_size(table, 0, risk)
        breaks = [float(b) for b in breakpoints(cheapest)]
        for alpha in [-100.0, *midpoints(np.array(breaks)), 100.0]:
            _, leaves = cut_at(table, scores[own], alpha)
            best, _ = optimum(cheapest, Fraction(alpha))
            assert risk[leaves].sum() + alpha * len(leaves) == pytest.approx(float(best), abs=1e-9)


@reproducible
@given(rough)
def test_scores_do_not_increase_with_depth_and_leaves_have_none(drawn):
    table, risk = drawn
    before = risk.copy()
    scores = weakest_link(table, risk)
    below = np.flatnonzero(table.is_split & (table.parent >= 0))
    assert (scores[below] <= scores[table.parent[below]]).all()
    assert np.isfinite(scores[table.is_split]).all()
    assert (scores[~table.is_split] == -np.inf).all()
    assert_array_equal(risk, before)


@reproducible
@given(rough)
def test_a_forest_is_scored_like_its_trees(drawn):
    forest, risks = drawn
    together = weakest_link(forest, risks)
    for t in range(forest.n_trees):
        own = slice(*forest.offsets[t : t + 2])
        alone = weakest_link(single_tree(forest, t), risks[own])
        assert_allclose(together[own], alone, rtol=1e-9, atol=1e-12)


@reproducible
@given(risky, tied, st.sampled_from([0.25, 2.0, 3.0]))
def test_scores_scale_with_the_risk_and_ignore_constants(drawn, shift, factor):
    # A constant loss per sample cancels between the root and its leaves.
    table, risk = drawn
    rows_at = bottom_up_sum(table, (~table.is_split).astype(float))
    scores = weakest_link(table, risk)
    assert_allclose(weakest_link(table, risk * factor), scores * factor, rtol=1e-12)
    assert_array_equal(weakest_link(table, risk + shift * rows_at), scores)


@reproducible
@given(st.one_of(rough, risky))
def test_all_forms_agree_to_the_bit(drawn):
    found = []
    for name in FORMS:
        with form(name):
            found.append(weakest_link(*drawn))
    for other in found[1:]:
        assert_array_equal(found[0], other)


def test_forms_agree_to_the_bit_on_a_forest():
    X, y = make_classification(600, 8, flip_y=0.3, random_state=0)
    table = surgeon_for(RandomForestClassifier(20, random_state=0).fit(X, y)).table
    with form("numpy"):
        reference = weakest_link(table, training_risk(table))
    assert_array_equal(weakest_link(table, training_risk(table)), reference)


def test_a_cheap_split_below_an_expensive_one_is_collapsed_first():
    #      0: 10            gain of 0: 10 - 4 - 3 = 3
    #    1: 4    2: 3       gain of 1: 4 - 1 - 2.5 = 0.5
    #  3: 1  4: 2.5
    table = _chain([1, 3, -1, -1, -1], [2, 4, -1, -1, -1])
    scores = weakest_link(table, np.array([10, 4, 3, 1, 2.5]))
    assert_array_equal(scores, [3, 0.5, -np.inf, -np.inf, -np.inf])


def test_a_split_is_removed_with_its_cheaper_parent():
    #      0: 4             gain of 0: 4 - 4 - 2 = -2;  both: (4 - 0 - 1 - 2) / 2 = 0.5
    #    1: 4    2: 2       gain of 1: 4 - 0 - 1 = 3
    #  3: 0  4: 1
    table = _chain([1, 3, -1, -1, -1], [2, 4, -1, -1, -1])
    scores = weakest_link(table, np.array([4, 4, 2, 0, 1.0]))
    assert_array_equal(scores, [0.5, 0.5, -np.inf, -np.inf, -np.inf])


def _chain(left, right):
    table = surgeon_for(DecisionTreeRegressor().fit([[0.0]], [0.0])).table
    left, right = np.array(left), np.array(right)
    return replace(table, left=left, right=right, offsets=np.array([0, len(left)]))


# Cost complexity, compared with scikit-learn's own.

CLASSIFICATION = [
    pytest.param(load_iris, id="iris"),
    pytest.param(load_wine, id="wine"),
    pytest.param(load_breast_cancer, id="breast cancer"),
]
MODELS = [
    pytest.param(load_iris, DecisionTreeClassifier(random_state=0), id="gini"),
    pytest.param(load_wine, DecisionTreeClassifier(criterion="entropy", random_state=0), id="ent"),
    pytest.param(load_breast_cancer, DecisionTreeClassifier(random_state=0), id="cancer"),
    pytest.param(load_breast_cancer, ExtraTreeClassifier(random_state=0), id="extra"),
    pytest.param(load_wine, DecisionTreeClassifier(max_leaf_nodes=9, random_state=0), id="best"),
    pytest.param(load_diabetes, DecisionTreeRegressor(random_state=0), id="squared"),
    pytest.param(load_diabetes, ExtraTreeRegressor(max_depth=8, random_state=0), id="extra reg"),
    pytest.param(
        load_diabetes,
        DecisionTreeRegressor(criterion="absolute_error", max_depth=7, random_state=0),
        id="absolute",
    ),
    pytest.param(
        load_diabetes,
        DecisionTreeRegressor(criterion="poisson", max_depth=7, random_state=0),
        id="poisson",
    ),
]


def assert_same_nodes(ours, theirs):
    """Compare two `Tree` objects field by field, where a field has a meaning."""
    a, b = ours.__getstate__(), theirs.__getstate__()
    assert a["node_count"] == b["node_count"]
    assert a["max_depth"] == b["max_depth"]
    splits = b["nodes"]["left_child"] != -1
    for field in b["nodes"].dtype.names:
        where = splits if field == "missing_go_to_left" else slice(None)
        assert_array_equal(a["nodes"][field][where], b["nodes"][field][where], err_msg=field)
    assert_array_equal(a["values"], b["values"])


def own_scores(model):
    table = surgeon_for(model).table
    return weakest_link(table, training_risk(table))


def training_rows(load, weighted):
    X, y = load(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else None
    return X, y, weight


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("load", "model"), MODELS)
def test_scores_match_the_path_of_scikit_learn(load, model, weighted):
    X, y, weight = training_rows(load, weighted)
    model.fit(X, y, sample_weight=weight)
    scores = own_scores(model)
    path = model.cost_complexity_pruning_path(X, y, sample_weight=weight)
    splits = scores[surgeon_for(model).table.is_split]
    # Scores and breakpoints differ by rounding: each must be close to one of the other.
    scale = np.abs(splits).max()
    for one, other in [(splits, path.ccp_alphas), (path.ccp_alphas[1:], splits)]:
        gap = np.abs(one[:, np.newaxis] - other).min(axis=1)
        assert (gap <= 1e-9 * np.abs(one) + 1e-13 * scale).all()


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("load", "model"), MODELS)
def test_pruned_trees_match_scikit_learn_node_by_node(load, model, weighted):
    X, y, weight = training_rows(load, weighted)
    surgeon = surgeon_for(model.set_params(ccp_alpha=0.0).fit(X, y, sample_weight=weight))
    scores = own_scores(model)
    breaks = distinct(np.unique(scores[surgeon.table.is_split & (scores > 1e-9)]))
    alphas = [*midpoints(breaks), breaks[-1] * 1.1]
    for alpha in alphas[:: max(1, len(alphas) // 6)]:
        refit = type(model)(**model.get_params() | {"ccp_alpha": alpha})
        refit.fit(X, y, sample_weight=weight)
        assert_same_nodes(surgeon.cut(scores > alpha).tree_, refit.tree_)


@pytest.mark.parametrize("model", [DecisionTreeClassifier, DecisionTreeRegressor])
def test_pruned_multioutput_trees_match_scikit_learn(model):
    X, y = load_wine(return_X_y=True)
    targets = np.column_stack([y, X[:, 0] > 13, X[:, 4] // 10])
    whole = model(random_state=0).fit(X[:, 1:4], targets)
    scores = own_scores(whole)
    breaks = distinct(scores[surgeon_for(whole).table.is_split & (scores > 1e-9)])
    for alpha in midpoints(breaks)[::4]:
        refit = model(random_state=0, ccp_alpha=alpha).fit(X[:, 1:4], targets)
        assert_same_nodes(surgeon_for(whole).cut(scores > alpha).tree_, refit.tree_)


def test_scores_of_a_forest_match_the_paths_of_its_trees():
    X, y = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(8, random_state=0).fit(X, y)
    scores, offsets = own_scores(forest), surgeon_for(forest).table.offsets
    for t, tree in enumerate(forest.estimators_):
        own = scores[offsets[t] : offsets[t + 1]]
        assert_allclose(own, own_scores(tree), rtol=1e-9, atol=1e-15)


# Risks on samples.


@st.composite
def visited(draw, min_rows=1):
    """Draw a forest, leaves that samples reach, their labels (-1: unknown) and weights."""
    table = draw(node_tables())
    leaves = np.flatnonzero(~table.is_split)
    n = draw(st.integers(min_rows, 25))
    node = draw(hnp.arrays(int, n, elements=st.sampled_from(leaves.tolist())))
    label = draw(hnp.arrays(int, (n, 1), elements=st.integers(-1, N_CLASSES - 1)))
    weight = draw(hnp.arrays(int, n, elements=st.integers(1, 3)))
    return table, node, label, weight.astype(float)


def rows_at(table, node, node_of_row):
    return np.isin(node_of_row, subtree(table, node))


def total_at_root(table, node, node_of_row, weight):
    root = table.roots[table.tree[node]]
    return weight[rows_at(table, root, node_of_row)].sum()


@reproducible
@given(visited())
def test_class_weights_count_the_samples_below(drawn):
    table, node, label, weight = drawn
    counts = class_weights(table, node, label[:, 0], weight)
    for at in range(table.n_nodes):
        here = rows_at(table, at, node)
        for k in range(N_CLASSES):
            assert counts[at, k] == weight[here & (label[:, 0] == k)].sum()


@reproducible
@given(visited())
def test_error_risk_is_the_error_rate_of_a_leaf_at_the_node(drawn):
    table, node, label, weight = drawn
    risk = error_risk(table, node, label, weight)
    for at in range(table.n_nodes):
        wrong = rows_at(table, at, node) & (label[:, 0] != table.value[at, 0].argmax())
        total = total_at_root(table, at, node, weight) or 1
        assert risk[at] == pytest.approx(weight[wrong].sum() / total, rel=1e-12, abs=1e-15)


@reproducible
@given(visited())
def test_squared_risk_is_the_squared_error_of_a_leaf_at_the_node(drawn):
    table, node, target, weight = drawn
    risk = squared_risk(table, node, target.astype(float), weight)
    loss = squared_loss(table, node, target.astype(float), weight)
    for at in range(table.n_nodes):
        here = rows_at(table, at, node)
        square = (weight * (target[:, 0] - table.value[at, 0, 0]) ** 2)[here].sum()
        total = total_at_root(table, at, node, weight) or 1
        assert loss[at] == square
        assert risk[at] == pytest.approx(square / total, rel=1e-12, abs=1e-15)


@reproducible
@given(visited())
def test_risks_add_up_over_outputs(drawn):
    table, node, label, weight = drawn
    double = replace(table, value=np.concatenate([table.value, table.value[:, :, ::-1]], axis=1))
    turned = replace(table, value=table.value[:, :, ::-1])
    labels = np.column_stack([label, label[::-1]])
    for risk in (error_risk, squared_risk):
        apart = risk(table, node, label, weight) + risk(turned, node, label[::-1], weight)
        assert_allclose(risk(double, node, labels, weight), apart, rtol=1e-12, atol=1e-15)


def reduced_error(table, node, loss):
    """Prune bottom-up by Quinlan's rule; returns the loss and the kept splits."""
    if not table.is_split[node]:
        return loss[node], set()
    left, kept_left = reduced_error(table, table.left[node], loss)
    right, kept_right = reduced_error(table, table.right[node], loss)
    if loss[node] <= left + right:
        return loss[node], set()
    return left + right, {node} | kept_left | kept_right


def pruned_by_hand(table, loss):
    kept = set().union(*(reduced_error(table, root, loss)[1] for root in table.roots))
    return np.isin(np.arange(table.n_nodes), list(kept))


@reproducible
@given(visited())
def test_error_risk_cut_at_zero_is_reduced_error_pruning(drawn):
    table, node, label, weight = drawn
    errors = np.array(
        [
            weight[rows_at(table, at, node) & (label[:, 0] != value.argmax())].sum()
            for at, value in enumerate(table.value[:, 0])
        ]
    )
    scores = weakest_link(table, error_risk(table, node, label, weight))
    assert_array_equal(scores > 0, pruned_by_hand(table, errors))


@reproducible
@given(visited())
def test_squared_risk_cut_at_zero_is_reduced_error_pruning(drawn):
    table, node, target, weight = drawn
    squares = np.array(
        [
            (weight * (target[:, 0] - value) ** 2)[rows_at(table, at, node)].sum()
            for at, value in enumerate(table.value[:, 0, 0])
        ]
    )
    scores = weakest_link(table, squared_risk(table, node, target.astype(float), weight))
    assert_array_equal(scores > 0, pruned_by_hand(table, squares))


@pytest.mark.parametrize("n_rows", [7, 45, 50, 90, 1000])
def test_ties_of_real_trees_collapse_at_zero(n_rows):
    X, y = load_breast_cancer(return_X_y=True)
    y = np.where(np.random.default_rng(0).random(len(y)) < 0.2, 1 - y, y)
    forest = RandomForestClassifier(5, bootstrap=False, random_state=0).fit(X[::2], y[::2])
    surgeon = surgeon_for(forest)
    X, y = X[1::2][:n_rows], y[1::2][:n_rows]
    leaf = surgeon.apply(X)
    node, label = leaf.ravel(), np.tile(y, len(leaf))[:, np.newaxis]
    weight = np.ones(len(node))
    predicted = surgeon.table.value[:, 0].argmax(axis=1)
    counts = class_weights(surgeon.table, node, label[:, 0], weight)
    errors = counts.sum(axis=1) - counts[np.arange(len(counts)), predicted]
    scores = weakest_link(surgeon.table, error_risk(surgeon.table, node, label, weight))
    assert_array_equal(scores > 0, pruned_by_hand(surgeon.table, errors))


@pytest.mark.parametrize("risk", [error_risk, squared_risk], ids=["error", "squared"])
@reproducible
@given(drawn=visited(), seed=st.integers(0, 1000))
def test_splits_that_change_no_prediction_are_removed_at_zero_for_any_weights(risk, drawn, seed):
    table, node, label, weight = drawn
    same = replace(table, value=np.broadcast_to(table.value[:1], table.value.shape))
    weight = np.random.default_rng(seed).uniform(0.1, 3, len(weight))
    scores = weakest_link(same, risk(same, node, label, weight))
    assert (scores[table.is_split] == 0).all()


@pytest.mark.parametrize("risk", [error_risk, squared_risk], ids=["error", "squared"])
@reproducible
@given(drawn=visited())
def test_weights_mean_repetition(risk, drawn):
    table, node, label, weight = drawn
    times = weight.astype(int)
    repeated = (node.repeat(times), label.repeat(times, axis=0), np.ones(times.sum()))
    assert_array_equal(risk(table, node, label, weight), risk(table, *repeated))


@reproducible
@given(visited())
def test_class_weights_mean_repetition(drawn):
    table, node, label, weight = drawn
    times = weight.astype(int)
    repeated = (node.repeat(times), label[:, 0].repeat(times), np.ones(times.sum()))
    assert_array_equal(
        class_weights(table, node, label[:, 0], weight), class_weights(table, *repeated)
    )


@reproducible
@given(visited())
def test_unknown_labels_are_errors_everywhere(drawn):
    table, node, label, weight = drawn
    risk = error_risk(table, node, np.full_like(label, -1), weight)
    share = [
        weight[rows_at(table, at, node)].sum() / (total_at_root(table, at, node, weight) or 1)
        for at in range(table.n_nodes)
    ]
    assert_allclose(risk, share, rtol=1e-12)
    assert (class_weights(table, node, np.full(len(node), -1), weight) == 0).all()


def test_squared_loss_does_not_cancel_far_from_zero():
    far = 1e9
    X = np.arange(64.0)[:, np.newaxis]
    y = far + np.random.default_rng(0).normal(size=64)
    surgeon = surgeon_for(DecisionTreeRegressor(max_leaf_nodes=8, random_state=0).fit(X, y))
    table, leaf = surgeon.table, surgeon.apply(X)[0]
    loss = squared_loss(table, leaf, y[:, np.newaxis], np.ones(64))
    by_hand = [
        ((y - table.value[at, 0, 0]) ** 2)[rows_at(table, at, leaf)].sum()
        for at in range(table.n_nodes)
    ]
    assert_allclose(loss, by_hand, rtol=1e-6)


# The pessimistic limit.


def upper_limit(errors, n, confidence):
    if errors >= n:
        return 1.0
    return beta.ppf(1 - confidence, errors + 1, n - errors)


def class_tree(load, **params):
    X, y = load(return_X_y=True)
    y = np.where(np.random.default_rng(1).random(len(y)) < 0.15, 0, y)
    model = DecisionTreeClassifier(random_state=0, **params).fit(X, y)
    return surgeon_for(model).table


@pytest.mark.parametrize("confidence", [0.25, 0.05])
@pytest.mark.parametrize("load", CLASSIFICATION)
def test_pessimistic_risk_is_the_upper_limit_of_the_beta_distribution(load, confidence):
    table = class_tree(load)
    n = table.weight
    errors = n * (1 - table.value[:, 0].max(axis=1))
    limits = [upper_limit(e, m, confidence) for e, m in zip(errors, n, strict=True)]
    expected = n * np.array(limits) / n[0]
    assert_allclose(pessimistic_risk(table, confidence), expected, rtol=1e-9)


@pytest.mark.parametrize("confidence", [0.25, 0.05])
@pytest.mark.parametrize("load", CLASSIFICATION)
def test_pessimistic_risk_cut_at_zero_is_the_rule_of_c45(load, confidence):
    table = class_tree(load)
    n = table.weight
    errors = n * (1 - table.value[:, 0].max(axis=1))
    limits = [upper_limit(e, m, confidence) for e, m in zip(errors, n, strict=True)]
    scores = weakest_link(table, pessimistic_risk(table, confidence))
    kept = pruned_by_hand(table, n * np.array(limits))
    assert 0 < kept.sum() < table.n_splits
    assert_array_equal(scores > 0, kept)


def test_smaller_confidence_prunes_more():
    table = class_tree(load_breast_cancer)
    kept = [
        (weakest_link(table, pessimistic_risk(table, c)) > 0).sum() for c in (0.5, 0.25, 0.05, 0.01)
    ]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > kept[-1]


def test_pessimistic_risk_of_known_nodes():
    # C4.5 (Quinlan 1993, page 42): U(0, 6) = 0.206, U(0, 9) = 0.143, U(0, 1) = 0.750.
    table = surgeon_for(DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])).table
    pure = np.array([[[1.0, 0.0]]] * 3)
    for n, limit in [(6, 0.206), (9, 0.143), (1, 0.750)]:
        of_n = replace(table, value=pure, weight=np.full(3, float(n)))
        assert_allclose(pessimistic_risk(of_n), limit, atol=5e-4)


def test_a_node_with_errors_only_has_the_limit_one():
    table = surgeon_for(DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1])).table
    assert_array_equal(pessimistic_risk(replace(table, value=np.zeros((3, 1, 2)))), [1, 0.5, 0.5])


def test_pessimistic_risk_adds_up_over_outputs():
    X, y = load_iris(return_X_y=True)
    both = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, np.column_stack([y, y > 0]))
    table = surgeon_for(both).table
    apart = [replace(table, value=table.value[:, [k]]) for k in (0, 1)]
    assert_allclose(pessimistic_risk(table), sum(map(pessimistic_risk, apart)), rtol=1e-12)


# The baseline.


@reproducible
@given(node_tables(), st.integers(0, 1000))
def test_random_scores_are_nested_bounded_and_repeatable(table, seed):
    scores = random_scores(table, np.random.RandomState(seed))
    splits = scores[table.is_split]
    assert ((splits >= 0) & (splits <= 1)).all()
    assert (scores[~table.is_split] == -np.inf).all()
    below = np.flatnonzero(table.is_split & (table.parent >= 0))
    assert (scores[below] <= scores[table.parent[below]]).all()
    assert_array_equal(scores, random_scores(table, np.random.RandomState(seed)))
    draws = np.random.RandomState(seed).uniform(size=table.n_splits)
    assert set(splits) <= set(draws)


def test_another_seed_draws_other_scores():
    table = class_tree(load_wine)
    one, other = (random_scores(table, np.random.RandomState(seed)) for seed in (0, 1))
    assert (one != other)[table.is_split].any()
