"""Hierarchical shrinkage: node values are shrunk towards those of their ancestors.

References
----------
A. Agarwal, Y. S. Tan, O. Ronen, C. Singh and B. Yu, "Hierarchical shrinkage: improving the
accuracy and interpretability of tree-based models", ICML 2022.
"""

import numpy as np


def hierarchical_shrinkage(table, ridge):
    """Shrink every node's value towards the values of its ancestors.

    Along the path from the root, the step from each mean to the next is shrunk::

        f = mean_root + sum_l (mean_l - mean_(l-1)) / (1 + ridge / n_(l-1))

    so that steps from nodes with few samples contribute little.

    Parameters
    ----------
    table : NodeTable
        The trees. Values must be the means of the samples at each node; this excludes
        boosting, where inner nodes do not hold means of their leaves.
    ridge : float
        Number of samples in a node at which the step from it is halved, at least 0. With 0
        the values are those of the table, exactly; with infinity all are the root's.

    Returns
    -------
    ndarray of shape (n_nodes, n_outputs, n_values)
        Shrunk values; class fractions remain fractions.

    Notes
    -----
    One top-down pass over all trees: O(n_nodes * n_values).
    """
    total = ridge + table.weight
    # The fraction of a step that is removed; 0 / 0 and inf / inf need care.
    with np.errstate(invalid="ignore"):
        removed = 1 - np.where(np.isinf(ridge), 0.0, table.weight) / total
    removed = np.where(total > 0, removed, 0.0)[:, np.newaxis, np.newaxis]
    shift = np.zeros_like(table.value)
    for splits in table.levels:
        for child in (table.left[splits], table.right[splits]):
            step = table.value[child] - table.value[splits]
            shift[child] = shift[splits] - removed[splits] * step
    return table.value + shift
