"""Node criteria: one weakest-link engine over any additive node risk.

A criterion for splits is a *risk per node*: what the tree would lose there if the node
were a leaf. The engine turns it into scores: the price per leaf, alpha, at which a split
is no longer worth its leaves, when the weakest split always goes first (Breiman,
Friedman, Olshen and Stone, *Classification and Regression Trees*, 1984, chapter 3). The
trees that minimise ``risk + alpha * leaves`` are exactly those that keep the splits with
a score above alpha, for negative alphas too: a negative score says that the risk itself
falls when the split goes.
"""

import numpy as np
from scipy.special import betaincinv

from skprune.arrays.nodes import bottom_up_max, bottom_up_sum, top_down_min

# C4.5's default confidence factor (Quinlan, C4.5: Programs for Machine Learning, 1993).
CONFIDENCE = 0.25

# A gain below this share of the risks that it is made of is rounding. Ties are common, and
# at zero they decide: a split that gains nothing goes, whatever the order of the sums.
ROUNDING = 1e-12


def weakest_link(table, risk):
    """Score every split by the price per leaf at which it collapses.

    Parameters
    ----------
    table : NodeTable
        The trees; each is pruned for itself, all in the same passes.
    risk : ndarray of shape (n_nodes,)
        Additive risk of each node as if it were a leaf; any finite numbers.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Scores, never higher than the parent's; minus infinity for leaves.

    Notes
    -----
    Depth by depth from below, all trees together. Each node holds the list of collapses
    that would happen below it first, in the order of their price. The price of the node
    itself is its gain per split; taking the cheaper collapses out of its subtree raises
    that price (a mediant), so the ones that precede its own collapse are a prefix of its
    sorted list, found with one cumulative sum. One sort of the live lists per depth:
    O(nodes log nodes) per pass, with as many passes as the deepest tree has levels.
    """
    splits = np.flatnonzero(table.is_split)
    gain = np.zeros(table.n_nodes)
    gain[splits] = risk[splits] - risk[table.left[splits]] - risk[table.right[splits]]
    branch_gain = bottom_up_sum(table, gain)
    branch_splits = bottom_up_sum(table, table.is_split.astype(float))
    rounding = ROUNDING * bottom_up_max(table, np.abs(risk))
    price = np.full(table.n_nodes, np.inf)
    # The lists of all nodes of one depth: who owns each collapse, and what it takes.
    owner = np.empty(0, dtype=np.intp)
    collapse = np.empty((0, 3))  # price, gain, splits
    slot = np.empty(table.n_nodes, dtype=np.intp)
    for nodes in reversed(table.levels):
        slot[nodes] = np.arange(len(nodes))
        own = np.column_stack([nodes, branch_gain[nodes], branch_splits[nodes]])
        place, collapse = _precede(slot[table.parent[owner]], collapse, own[:, 1:])
        for column in (1, 2):
            own[:, column] -= np.bincount(place, collapse[:, column], len(nodes))
        own[np.abs(own[:, 1]) <= rounding[nodes], 1] = 0
        own[:, 0] = own[:, 1] / own[:, 2]
        price[nodes] = own[:, 0]
        owner = np.concatenate([nodes[place], nodes])
        collapse = np.concatenate([collapse, own])
    # A split whose ancestor collapses first goes with it.
    scores = top_down_min(table, price)
    return np.where(table.is_split, scores, -np.inf)


def _precede(place, collapse, branch):
    """Return the collapses that happen before their owner's, sorted by owner and price.

    Parameters
    ----------
    place : ndarray of int, shape (n_collapses,)
        Position of the owner of each collapse in `branch`.
    collapse : ndarray of shape (n_collapses, 3)
        Price, gain and splits of each.
    branch : ndarray of shape (n_owners, 2)
        Gain and splits of each owner's whole subtree.

    Returns
    -------
    place, collapse : ndarray
        The rows that precede.
    """
    order = np.lexsort((collapse[:, 0], place))
    place, collapse = place[order], collapse[order]
    before = np.cumsum(collapse[:, 1:], axis=0) - collapse[:, 1:]
    first = np.searchsorted(place, place)  # first row of each row's owner
    left = branch[place] - (before - before[first])
    cheaper = collapse[:, 0] * left[:, 1] < left[:, 0]
    dearer_so_far = np.cumsum(~cheaper)
    prefix = dearer_so_far - dearer_so_far[first] + ~cheaper[first] == 0
    return place[prefix], collapse[prefix]


def training_risk(table):
    """Training impurity of each node, the risk of cost-complexity pruning.

    Parameters
    ----------
    table : NodeTable
        The trees.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Impurity times the share of the tree's training weight, as in scikit-learn's
        ``ccp_alpha``.
    """
    return table.impurity * table.weight / _root_of(table, table.weight)


def class_weights(table, node, label, weight):
    """Weight of each class among the rows that reach each node.

    Parameters
    ----------
    table : NodeTable
        The trees of a classifier.
    node : ndarray of int, shape (n_visits,)
        Leaf that a row ends in; a row may visit one leaf of every tree.
    label : ndarray of int, shape (n_visits,)
        Class of the row, as an index into the values; -1 for a class unknown to the tree.
    weight : ndarray of shape (n_visits,)
        Weight of the row.

    Returns
    -------
    ndarray of shape (n_nodes, n_classes)
        Sums of weights; rows of unknown class are left out.

    Notes
    -----
    O(visits + nodes * classes).
    """
    shape = table.n_nodes, table.value.shape[2]
    known = label >= 0
    cell = node[known] * shape[1] + label[known]
    return bottom_up_sum(table, _tally(cell, weight[known], np.prod(shape)).reshape(shape))


def squared_loss(table, node, target, weight):
    """Squared error of each node, as if it were a leaf, over the rows that reach it.

    Parameters
    ----------
    table : NodeTable
        The trees of a regressor; values are predictions.
    node : ndarray of int, shape (n_visits,)
        Leaf that a row ends in; a row may visit one leaf of every tree.
    target : ndarray of shape (n_visits, n_outputs)
        Target of the row.
    weight : ndarray of shape (n_visits,)
        Weight of the row.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Weighted sums over rows and outputs.

    Notes
    -----
    O(visits + nodes) per output. The sums are moments of the residuals that rows have in
    their leaf; a node above adds its distance from the leaf, so nothing cancels.
    """
    value = table.value[:, :, 0]
    loss = np.zeros(table.n_nodes)
    for output in range(value.shape[1]):
        residual = target[:, output] - value[node, output]
        square = _tally(node, weight * residual**2, table.n_nodes)
        loss += _moment_about(table, value[:, output], square, node, residual, weight)
    return loss


def _moment_about(table, value, square, node, residual, weight):
    """Carry second moments up the trees, from each node's value to its parent's."""
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
    """Misclassified weight of each node over the rows that reach it.

    Reduced-error pruning (Quinlan, *Simplifying decision trees*, International Journal
    of Man-Machine Studies 27, 1987) is the weakest-link path of this risk cut at 0.

    Parameters
    ----------
    table : NodeTable
        The trees of a classifier; values are class fractions.
    node : ndarray of int, shape (n_visits,)
        Leaf that a row ends in; a row may visit one leaf of every tree.
    label : ndarray of int, shape (n_visits, n_outputs)
        Class of the row, as an index into the values; -1 for a class unknown to the tree.
    weight : ndarray of shape (n_visits,)
        Weight of the row.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Share of the tree's visiting weight, summed over outputs.

    Notes
    -----
    O(visits + nodes * classes) per output.
    """
    reached = bottom_up_sum(table, _tally(node, weight, table.n_nodes))
    risk = np.zeros(table.n_nodes)
    for output in range(label.shape[1]):
        # Sums of what is wrong: the rows reached less those that are right would cancel.
        wrong = class_weights(table, node, label[:, output], weight)
        wrong[np.arange(table.n_nodes), table.value[:, output].argmax(axis=1)] = 0
        unknown = _tally(node, weight * (label[:, output] < 0), table.n_nodes)
        risk += wrong.sum(axis=1) + bottom_up_sum(table, unknown)
    return risk / _positive(_root_of(table, reached))


def squared_risk(table, node, target, weight):
    """Mean squared error of each node over the rows that reach it.

    The regression form of reduced-error pruning.

    Parameters
    ----------
    table : NodeTable
        The trees of a regressor; values are predictions.
    node : ndarray of int, shape (n_visits,)
        Leaf that a row ends in; a row may visit one leaf of every tree.
    target : ndarray of shape (n_visits, n_outputs)
        Target of the row.
    weight : ndarray of shape (n_visits,)
        Weight of the row.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Mean over the tree's visiting weight, summed over outputs, in squared units of
        the target.

    Notes
    -----
    O(visits + nodes) per output.
    """
    reached = bottom_up_sum(table, _tally(node, weight, table.n_nodes))
    loss = squared_loss(table, node, target, weight)
    return loss / _positive(_root_of(table, reached))


def pessimistic_risk(table, confidence=CONFIDENCE):
    """Upper confidence limit of each node's training errors, as in C4.5.

    Error-based pruning (Quinlan, *C4.5: Programs for Machine Learning*, 1993, chapter 4)
    is the weakest-link path of this risk cut at 0.

    Parameters
    ----------
    table : NodeTable
        The trees of a classifier; values are class fractions.
    confidence : float, default=0.25
        Chance that the limit is exceeded; smaller prunes more.

    Returns
    -------
    ndarray of shape (n_nodes,)
        Pessimistic share of errors of the tree's training weight, summed over outputs.
    """
    n = table.weight[:, np.newaxis]
    share = table.value.max(axis=2) / _positive(table.value.sum(axis=2))
    errors = np.clip(n * (1 - share), 0, n)
    all_wrong = errors >= n  # the beta distribution has no such end
    limit = betaincinv(errors + 1, np.where(all_wrong, 1.0, n - errors), 1 - confidence)
    risk = (n * np.where(all_wrong, 1.0, limit)).sum(axis=1)
    return risk / _root_of(table, table.weight)


def random_scores(table, rng):
    """Score splits at random, nested: the baseline of every criterion.

    Parameters
    ----------
    table : NodeTable
        The trees.
    rng : RandomState
        Source of the draws.

    Returns
    -------
    ndarray of shape (n_nodes,)
        For each split the largest of the uniform draws in its subtree; minus infinity
        for leaves.
    """
    draws = np.full(table.n_nodes, -np.inf)
    draws[table.is_split] = rng.uniform(size=table.n_splits)
    return bottom_up_max(table, draws)


def _tally(index, weight, length):
    """Add up weights per index; exact for whole numbers."""
    return np.bincount(index, weight, length)


def _root_of(table, amount):
    """Return each node's amount at the root of its tree."""
    return amount[table.roots][table.tree]


def _positive(amount):
    """Replace zeros by one, for divisions whose numerator is then zero too."""
    return np.where(amount > 0, amount, 1.0)
