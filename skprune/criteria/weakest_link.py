"""Weakest-link pruning for any additive risk per node.

A criterion for splits is a *risk per node*: the loss of the tree at a node if that were a
leaf. Weakest-link pruning turns it into scores: the cost per leaf, alpha, at which a split is
collapsed when the weakest split is always collapsed first (Breiman, Friedman, Olshen and
Stone, *Classification and Regression Trees*, 1984, chapter 3). The trees that minimise
``risk + alpha * leaves`` are exactly those that keep the splits with a score above alpha.
This holds for negative alpha too: a negative score means that collapsing the split lowers
the risk itself.
"""

from itertools import pairwise

import numpy as np
from scipy.special import betaincinv

from skprune.arrays.compiled import compiled
from skprune.arrays.nodes import bottom_up_max, bottom_up_sum, top_down_min
from skprune.criteria import weakest_link_loops

# C4.5's default confidence factor (Quinlan, C4.5: Programs for Machine Learning, 1993).
CONFIDENCE = 0.25

# A gain below this fraction of the risks that it is the difference of is rounding error and
# set to 0. Splits without gain are common, and a cut at 0 must remove all of them.
ROUNDING = 1e-12

# What a node costs in numpy.
SECONDS_PER_NODE = 2e-6


def weakest_link(table, risk):
    """Score every split by the cost per leaf at which it is collapsed.

    Parameters
    ----------
    table : NodeTable
        The trees; pruned independently, but in the same passes.
    risk : ndarray of shape (n_nodes,)
        Additive risk of each node as if it were a leaf; any finite numbers.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Scores, at most the parent's; minus infinity for leaves.

    Notes
    -----
    Level by level from the deepest, all trees at once. Each node holds the list of collapses
    that happen in its subtree before its own, sorted by cost. The cost of the node is its
    gain per split; removing a cheaper collapse from its subtree raises that ratio (a
    mediant), so the collapses that precede its own are a prefix of the sorted list, found by
    a cumulative sum. One sort of the current lists per level: O(n_nodes log n_nodes) per
    level, with as many levels as the deepest tree.
    """
    splits = np.flatnonzero(table.is_split)
    gain = np.zeros(table.n_nodes)
    gain[splits] = risk[splits] - risk[table.left[splits]] - risk[table.right[splits]]
    amounts = gain, table.is_split.astype(float)
    branch = np.column_stack([bottom_up_sum(table, amount) for amount in amounts])
    rounding = ROUNDING * bottom_up_max(table, np.abs(risk))
    nodes = np.concatenate([*table.levels, np.empty(0, dtype=np.intp)])
    edges = np.cumsum([0, *map(len, table.levels)])
    costs = compiled(
        weakest_link_loops.collapse_costs, collapse_costs, SECONDS_PER_NODE * table.n_nodes
    )
    cost = costs(nodes, edges, table.parent, table.left, table.right, branch, rounding)
    # A split is removed at the latest when an ancestor is collapsed.
    scores = top_down_min(table, cost)
    return np.where(table.is_split, scores, -np.inf)


def collapse_costs(nodes, edges, parent, left, right, branch, rounding):  # noqa: ARG001 - loops
    """Return the cost per leaf of each split's own collapse.

    Parameters
    ----------
    nodes : ndarray of int, shape (n_splits,)
        Splits, by depth.
    edges : ndarray of int, shape (n_levels + 1,)
        Start of each depth in `nodes`.
    parent, left, right : ndarray of int, shape (n_nodes,)
        Links of the trees.
    branch : ndarray of shape (n_nodes, 2)
        Gain and number of splits of each subtree.
    rounding : ndarray of shape (n_nodes,)
        Gains up to this are 0.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Costs; infinity for leaves. O(n_nodes log n_nodes) per level.
    """
    cost = np.full(len(parent), np.inf)
    # The concatenated lists of all nodes of one level, and the node that owns each entry.
    owner = np.empty(0, dtype=np.intp)
    collapse = np.empty((0, 3))  # cost, gain, number of splits
    slot = np.empty(len(parent), dtype=np.intp)
    for begin, end in reversed(list(pairwise(edges))):
        level = nodes[begin:end]
        slot[level] = np.arange(len(level))
        own = np.column_stack([level, branch[level]])
        place, collapse = _precede(slot[parent[owner]], collapse, own[:, 1:])
        for column in (1, 2):
            own[:, column] -= np.bincount(place, collapse[:, column], len(level))
        own[np.abs(own[:, 1]) <= rounding[level], 1] = 0
        own[:, 0] = own[:, 1] / own[:, 2]
        cost[level] = own[:, 0]
        owner = np.concatenate([level[place], level])
        collapse = np.concatenate([collapse, own])
    return cost


def _precede(place, collapse, branch):
    """Return the collapses that happen before their owner's, sorted by owner and cost.

    Parameters
    ----------
    place : ndarray of int, shape (n_collapses,)
        Position of the owner of each collapse in `branch`.
    collapse : ndarray of shape (n_collapses, 3)
        Cost, gain and number of splits of each.
    branch : ndarray of shape (n_owners, 2)
        Gain and number of splits of each owner's whole subtree.

    Returns
    -------
    place, collapse : ndarray
        The entries that precede.
    """
    order = np.argsort(collapse[:, 0], kind="stable")
    # Few numbers fit into 16 bits, for which the second sort is linear.
    few = np.min_scalar_type(len(branch))
    order = order[np.argsort(place[order].astype(few), kind="stable")]
    place, collapse = place[order], collapse[order]
    before = np.cumsum(collapse[:, 1:], axis=0) - collapse[:, 1:]
    first = np.searchsorted(place, place)  # first entry of the same owner
    left = branch[place] - (before - before[first])
    cheaper = collapse[:, 0] * left[:, 1] < left[:, 0]
    n_dearer = np.cumsum(~cheaper)
    prefix = n_dearer - n_dearer[first] + ~cheaper[first] == 0
    return place[prefix], collapse[prefix]


def training_risk(table):
    """Return the training impurity of each node, the risk of cost-complexity pruning.

    Parameters
    ----------
    table : NodeTable
        The trees.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Impurity times the node's share of the training weight, as for scikit-learn's
        ``ccp_alpha``. O(n_nodes).
    """
    return table.impurity * table.weight / _root_of(table, table.weight)


def class_weights(table, node, label, weight):
    """Return the weight of each class among the samples that reach each node.

    Parameters
    ----------
    table : NodeTable
        The trees of a classifier.
    node : ndarray of int, shape (n_visits,)
        Leaves that samples reach; one visit per sample and tree.
    label : ndarray of int, shape (n_visits,)
        Class of the sample, as an index into the values; -1 if unknown to the tree.
    weight : ndarray of shape (n_visits,)
        Weight of the sample.

    Returns
    -------
    ndarray of shape (n_nodes, n_classes)
        Sums of weights; samples of unknown class are ignored.

    Notes
    -----
    O(n_visits + n_nodes * n_classes).
    """
    shape = table.n_nodes, table.value.shape[2]
    known = label >= 0
    cell = node[known] * shape[1] + label[known]
    return bottom_up_sum(table, _tally(cell, weight[known], np.prod(shape)).reshape(shape))


def squared_loss(table, node, target, weight):
    """Return the squared error of each node, as if it were a leaf, on the samples reaching it.

    Parameters
    ----------
    table : NodeTable
        The trees of a regressor; values are predictions.
    node : ndarray of int, shape (n_visits,)
        Leaves that samples reach; one visit per sample and tree.
    target : ndarray of shape (n_visits, n_outputs)
        Target of the sample.
    weight : ndarray of shape (n_visits,)
        Weight of the sample.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Weighted sums over samples and outputs.

    Notes
    -----
    O(n_visits + n_nodes) per output. Moments of the residuals are computed about the leaf
    values and shifted to the values of the nodes above, which avoids cancellation.
    """
    value = table.value[:, :, 0]
    loss = np.zeros(table.n_nodes)
    for output in range(value.shape[1]):
        residual = target[:, output] - value[node, output]
        square = _tally(node, weight * residual**2, table.n_nodes)
        loss += _moment_about(table, value[:, output], square, node, residual, weight)
    return loss


def _moment_about(table, value, square, node, residual, weight):
    """Propagate second moments up the trees, shifted from each node's value to its parent's."""
    count = _tally(node, weight, table.n_nodes)
    first = _tally(node, weight * residual, table.n_nodes)
    for splits in reversed(table.levels):
        for child in (table.left[splits], table.right[splits]):
            shift = value[child] - value[splits]
            count[splits] += count[child]
            square[splits] += square[child] + shift * (2 * first[child] + shift * count[child])
            first[splits] += first[child] + shift * count[child]
    return square


def error_risk(table, node, label, weight):
    """Return the misclassification rate of each node on the samples that reach it.

    Reduced-error pruning (Quinlan, *Simplifying decision trees*, International Journal
    of Man-Machine Studies 27, 1987) is the weakest-link path of this risk cut at 0.

    Parameters
    ----------
    table : NodeTable
        The trees of a classifier; values are class fractions.
    node : ndarray of int, shape (n_visits,)
        Leaves that samples reach; one visit per sample and tree.
    label : ndarray of int, shape (n_visits, n_outputs)
        Class of the sample, as an index into the values; -1 if unknown to the tree.
    weight : ndarray of shape (n_visits,)
        Weight of the sample.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Misclassified weight, as a share of the weight that reaches the tree's root, summed
        over outputs.

    Notes
    -----
    O(n_visits + n_nodes * n_classes) per output.
    """
    reached = bottom_up_sum(table, _tally(node, weight, table.n_nodes))
    risk = np.zeros(table.n_nodes)
    for output in range(label.shape[1]):
        # Sum the errors directly: the total minus the correct ones would cancel.
        wrong = class_weights(table, node, label[:, output], weight)
        wrong[np.arange(table.n_nodes), table.value[:, output].argmax(axis=1)] = 0
        unknown = _tally(node, weight * (label[:, output] < 0), table.n_nodes)
        risk += wrong.sum(axis=1) + bottom_up_sum(table, unknown)
    return risk / _positive(_root_of(table, reached))


def squared_risk(table, node, target, weight):
    """Return the squared error of each node on the samples that reach it.

    The risk of reduced-error pruning in regression.

    Parameters
    ----------
    table, node, target, weight
        As for `squared_loss`.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Squared error divided by the weight that reaches the tree's root, summed over
        outputs, in squared units of the target.

    Notes
    -----
    O(n_visits + n_nodes) per output.
    """
    reached = bottom_up_sum(table, _tally(node, weight, table.n_nodes))
    loss = squared_loss(table, node, target, weight)
    return loss / _positive(_root_of(table, reached))


def pessimistic_risk(table, confidence=CONFIDENCE):
    """Return the upper confidence limit of each node's training errors, as in C4.5.

    Error-based pruning (Quinlan, *C4.5: Programs for Machine Learning*, 1993, chapter 4)
    is the weakest-link path of this risk cut at 0.

    Parameters
    ----------
    table : NodeTable
        The trees of a classifier; values are class fractions.
    confidence : float, default=0.25
        Probability that the limit is exceeded; smaller values prune more.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Upper limit of the misclassified weight, as a share of the tree's training weight,
        summed over outputs. O(n_nodes * n_classes).
    """
    n = table.weight[:, np.newaxis]
    share = table.value.max(axis=2) / _positive(table.value.sum(axis=2))
    errors = np.clip(n * (1 - share), 0, n)
    all_wrong = errors >= n  # outside the parameter range of the beta distribution
    limit = betaincinv(errors + 1, np.where(all_wrong, 1.0, n - errors), 1 - confidence)
    risk = (n * np.where(all_wrong, 1.0, limit)).sum(axis=1)
    return risk / _root_of(table, table.weight)


def random_scores(table, rng):
    """Score splits at random, consistently with nesting: the baseline of every criterion.

    Parameters
    ----------
    table : NodeTable
        The trees.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    ndarray of shape (n_nodes,)
        For each split the maximum of uniform draws over its subtree; minus infinity for
        leaves. O(n_nodes).
    """
    draws = np.full(table.n_nodes, -np.inf)
    draws[table.is_split] = rng.uniform(size=table.n_splits)
    return bottom_up_max(table, draws)


def _tally(index, weight, length):
    """Sum weights per index; exact for integer weights."""
    return np.bincount(index, weight, length)


def _root_of(table, amount):
    """Return each node's amount at the root of its tree."""
    return amount[table.roots][table.tree]


def _positive(amount):
    """Replace zeros by one, as denominators of zero numerators."""
    return np.where(amount > 0, amount, 1.0)
