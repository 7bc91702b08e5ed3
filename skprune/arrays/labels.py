"""Class labels as positions among the known classes."""

import numpy as np
import pandas as pd


def codes_of(classes, labels):
    """Return the position of each label among the classes; O(n).

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
        Classes that are known.
    labels : ndarray of shape (n_rows,)
        Labels.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        Positions; -1 for labels that are not among them.
    """
    # Through an index and not a sort: labels of mixed type still compare.
    known, given = (pd.Index(_as_numbers(a)) for a in (classes, labels))
    return known.get_indexer(given)


def _as_numbers(labels):
    """Return booleans as 0 and 1, which they equal elsewhere; other labels as they are."""
    labels = np.asarray(labels)
    return labels.astype(int) if labels.dtype.kind == "b" else labels
