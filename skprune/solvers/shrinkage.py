"""Hierarchical shrinkage: leaves that lean towards the means above them.

References
----------
A. Agarwal, Y. S. Tan, O. Ronen, C. Singh and B. Yu, "Hierarchical shrinkage: improving the
accuracy and interpretability of tree-based models", ICML 2022.
"""

import numpy as np


def hierarchical_shrinkage(table, strength):
    """Shrink every node's value towards the values of its ancestors.

    On the way from the root each step from mean to mean is taken only in part::

        f = mean_root + sum_l (mean_l - mean_(l-1)) / (1 + strength / n_(l-1))

    so that steps out of nodes with few rows count little.

    Parameters
    ----------
    table : NodeTable
        The trees. Their values have to be the means of the rows at each node: not those
        of boosting, whose inner nodes hold no means of their leaves.
    strength : float
        Number of rows in a node at which the step out of it is halved, at least 0. With 0
        the values are those of the table, to the bit; with infinity all of them are the
        root's.

    Returns
    -------
    ndarray of shape (n_nodes, n_outputs, n_values)
        Values; class fractions stay fractions.

    Notes
    -----
    All trees at once in one pass from the top: O(nodes * values).
    """
    total = strength + table.weight
    # The part of a step that is not taken; 0 / 0 and inf / inf would be no shares.
    with np.errstate(invalid="ignore"):
        left_out = 1 - np.where(np.isinf(strength), 0.0, table.weight) / total
    left_out = np.where(total > 0, left_out, 0.0)[:, np.newaxis, np.newaxis]
    shift = np.zeros_like(table.value)
    for splits in table.levels:
        for child in (table.left[splits], table.right[splits]):
            step = table.value[child] - table.value[splits]
            shift[child] = shift[splits] - left_out[splits] * step
    return table.value + shift
