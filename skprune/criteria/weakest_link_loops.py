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
    begin, end = np.zeros(n_nodes, np.intp), np.zeros(n_nodes, np.intp)
    above, below = np.empty((size, 3)), np.empty((size, 3))
    for level in range(len(edges) - 2, -1, -1):
        above, below = below, above
        total, size = np.zeros(2), 0
        for node in nodes[edges[level] : edges[level + 1]]:
            begin[node] = size
            pair = left[node], right[node]
            size = _merge(pair, begin, end, cost, own, below, above, size, total, branch[node])
            end[node] = size
            for column in range(2):
                spent = 0.0
                for at in range(begin[node], size):
                    spent += above[at, column + 1]
                own[node, column] = branch[node, column] - spent
            if abs(own[node, 0]) <= rounding[node]:
                own[node, 0] = 0.0
            cost[node] = own[node, 0] / own[node, 1]
    return cost


def _merge(pair, begin, end, cost, own, below, above, size, total, branch):
    """Append the collapses that happen before their owner's, sorted by cost.

    Of equal costs, those of the lists of the children come first, then those of the children.
    """
    one, two = begin[pair[0]], begin[pair[1]]
    last_one, last_two = end[pair[0]], end[pair[1]]
    first_own, second_own = own[pair[0], 1] > 0, own[pair[1], 1] > 0
    begins, precedes = True, True
    before_0, before_1 = 0.0, 0.0
    while True:
        price, source = np.inf, -1
        if one < last_one:
            price, source = below[one, 0], 0
        if two < last_two and (source < 0 or below[two, 0] < price):
            price, source = below[two, 0], 1
        if first_own and (source < 0 or cost[pair[0]] < price):
            price, source = cost[pair[0]], 2
        if second_own and (source < 0 or cost[pair[1]] < price):
            price, source = cost[pair[1]], 3
        if source < 0:
            return size
        if source == 0:
            gain, splits = below[one, 1], below[one, 2]
            one += 1
        elif source == 1:
            gain, splits = below[two, 1], below[two, 2]
            two += 1
        elif source == 2:
            gain, splits, first_own = own[pair[0], 0], own[pair[0], 1], False
        else:
            gain, splits, second_own = own[pair[1], 0], own[pair[1], 1], False
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
