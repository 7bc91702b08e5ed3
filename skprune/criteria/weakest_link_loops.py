"""Weakest-link pruning as loops, for a compiler.

The twin of a function of the same name in `skprune.criteria.weakest_link`, equal to the bit:
entries come in the same order, and sums run in it.
"""

import numpy as np


def collapse_costs(nodes, edges, parent, left, right, branch, rounding):  # noqa: ARG001 - numpy
    """Return the cost per leaf of each split's own collapse; see the numpy form.

    The lists of two children are merged, which takes no sort: O(n_nodes) per level.
    """
    n_nodes, size = len(left), len(nodes)
    cost, own = np.full(n_nodes, np.inf), np.zeros((n_nodes, 2))
    lists = np.zeros((n_nodes, 2), np.intp)  # first and end of the list of each node
    above, below = np.empty((size, 3)), np.empty((size, 3))
    heads, at = np.empty(4), np.empty(2, np.intp)
    for level in range(len(edges) - 2, -1, -1):
        above, below = below, above
        total, size = np.zeros(2), edges[0]  # 0, of the type of an index: one thing to compile
        for node in nodes[edges[level] : edges[level + 1]]:
            first, pair = size, (left[node], right[node])
            for side in range(2):
                at[side] = lists[pair[side], 0]
                has_list = at[side] < lists[pair[side], 1]
                heads[side] = below[at[side], 0] if has_list else np.inf
                heads[2 + side] = cost[pair[side]]
            size = _merge(pair, lists, own, heads, at, below, above, size, total, branch[node])
            lists[node, 0], lists[node, 1] = first, size
            for column in range(2):
                spent = 0.0
                for entry in range(first, size):
                    spent += above[entry, column + 1]
                own[node, column] = branch[node, column] - spent
            if abs(own[node, 0]) <= rounding[node]:
                own[node, 0] = 0.0
            cost[node] = own[node, 0] / own[node, 1]
    return cost


def _merge(pair, lists, own, heads, at, below, above, size, total, branch):
    """Append the collapses that happen before their owner's, sorted by cost; return the size.

    `heads` are the next costs in the lists of both children, and the costs of the children
    themselves, which is the order of equal costs; infinity where nothing is left.
    """
    begins, precedes = True, True
    before_0, before_1 = 0.0, 0.0
    while True:
        source = 0
        for other in range(1, 4):
            if heads[other] < heads[source]:
                source = other
        price = heads[source]
        if price == np.inf:
            return size
        if source < 2:
            gain, splits = below[at[source], 1], below[at[source], 2]
            at[source] += 1
            is_last = at[source] == lists[pair[source], 1]
            heads[source] = np.inf if is_last else below[at[source], 0]
        else:
            gain, splits = own[pair[source - 2], 0], own[pair[source - 2], 1]
            heads[source] = np.inf
        # The sums run over all entries of a level, as those of numpy do.
        total[0] += gain
        total[1] += splits
        if begins:
            before_0, before_1, begins = total[0] - gain, total[1] - splits, False
        rest_0 = branch[0] - ((total[0] - gain) - before_0)
        rest_1 = branch[1] - ((total[1] - splits) - before_1)
        precedes = precedes and price * rest_1 < rest_0
        if precedes:
            above[size, 0], above[size, 1], above[size, 2] = price, gain, splits
            size += 1
