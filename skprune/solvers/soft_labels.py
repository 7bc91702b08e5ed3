"""Soft labels: how sure a teacher is of each class, in forms that any student can learn from.

Labels are rows of probabilities, one column per class. What students take are rows with one
class each and a weight, one class drawn per row, or logits.
"""

import numpy as np

# Probabilities that are not above this go, and the others of their row make up for it.
FLOOR = 1e-3


def one_hot(codes, n_classes):
    """Return classes as rows of probabilities.

    Parameters
    ----------
    codes : ndarray of int, shape (n_rows,)
        Classes, from 0.
    n_classes : int
        How many there are.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        One in each row, else zeros.
    """
    labels = np.zeros((len(codes), n_classes))
    labels[np.arange(len(codes)), codes] = 1.0
    return labels


def soften(labels, temperature):
    """Return the probabilities of logits divided by a temperature; O(cells).

    Parameters
    ----------
    labels : ndarray of shape (n_rows, n_classes)
        Probabilities; a class at zero stays there.
    temperature : float
        Above 0. Above 1 classes come nearer to each other, below 1 the likeliest gains.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        ``p ** (1 / temperature)``, each row divided by its sum.
    """
    if temperature == 1.0:
        return labels
    # Divided by the largest first: no row of small powers vanishes.
    powers = (labels / labels.max(axis=1, keepdims=True)) ** (1.0 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def expand(labels, weight, floor=FLOOR):
    """Return soft labels as weighted rows of one class each; O(cells).

    For any loss that adds up over weighted rows and is linear in the label, such as
    cross-entropy, Gini impurity and entropy, learning from these rows is learning from the
    soft labels.

    Parameters
    ----------
    labels : ndarray of shape (n_rows, n_classes)
        Probabilities.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    floor : float, default=1e-3
        Probabilities that are not above it are taken for zero, and the others of their row
        divided by their sum; the likeliest class always stays.

    Returns
    -------
    rows : ndarray of int, shape (n_expanded,)
        Indices of rows, ascending.
    codes : ndarray of int, shape (n_expanded,)
        A class of each.
    weights : ndarray of shape (n_expanded,)
        Its weight; those of a row add up to its own.
    """
    kept = (labels > floor) | (labels == labels.max(axis=1, keepdims=True))
    rows, codes = np.nonzero(kept)
    weights = labels[rows, codes]
    sums = np.bincount(rows, weights, minlength=len(labels))
    return rows, codes, weights * (weight / sums)[rows]


def draw(labels, rng):
    """Draw one class per row; O(cells).

    Parameters
    ----------
    labels : ndarray of shape (n_rows, n_classes)
        Probabilities.
    rng : RandomState
        Source of the draw.

    Returns
    -------
    ndarray of int, shape (n_rows,)
        Classes.
    """
    bounds = labels.cumsum(axis=1)
    # A uniform draw lies below one, so the last class with any probability is the last drawn.
    aim = rng.uniform(size=len(labels)) * bounds[:, -1]
    return (bounds <= aim[:, np.newaxis]).sum(axis=1)


def to_logits(labels, floor=FLOOR):
    """Return the logits of soft labels.

    Parameters
    ----------
    labels : ndarray of shape (n_rows, n_classes)
        Probabilities.
    floor : float, default=1e-3
        What smaller probabilities are raised to, so that logits are finite.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_classes)
        Of two classes the log-odds of the second, else logarithms less their mean per row.
    """
    logs = np.log(np.maximum(labels, floor))
    if labels.shape[1] == 2:
        return logs[:, 1] - logs[:, 0]
    return logs - logs.mean(axis=1, keepdims=True)


def from_logits(logits):
    """Return the probabilities of logits, as `to_logits` has them.

    Parameters
    ----------
    logits : ndarray of shape (n_rows,) or (n_rows, n_classes)
        Log-odds of the second of two classes, or a column per class.

    Returns
    -------
    ndarray of shape (n_rows, n_classes)
        Probabilities.
    """
    if logits.ndim == 1:
        logits = np.column_stack([np.zeros(len(logits)), logits])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def swap(neighbors, n_new, n_columns, rng):
    """Say where the values of new rows come from: a row, or one of its neighbours.

    Each new row is made of an old one and one of its neighbours, drawn; each value is that
    of either, at even odds. [1]_ O(n_new * n_columns).

    Parameters
    ----------
    neighbors : ndarray of int, shape (n_rows, n_neighbors)
        Neighbours of each row.
    n_new : int
        New rows; they go through the old ones in turn.
    n_columns : int
        Values in a row.
    rng : RandomState
        Source of the draws.

    Returns
    -------
    parents : ndarray of int, shape (n_new,)
        The old row of each new one.
    sources : ndarray of int, shape (n_new, n_columns)
        The row from which each value comes.

    References
    ----------
    .. [1] C. Bucila, R. Caruana and A. Niculescu-Mizil, "Model compression", KDD 2006.
    """
    n_rows, n_neighbors = neighbors.shape
    parents = np.arange(n_new) % n_rows
    others = neighbors[parents, rng.randint(n_neighbors, size=n_new)]
    swapped = rng.uniform(size=(n_new, n_columns)) < 0.5
    return parents, np.where(swapped, others[:, np.newaxis], parents[:, np.newaxis])


def log_loss(labels, weight, codes):
    """Return the mean log-loss of probabilities, in nats.

    Parameters
    ----------
    labels : ndarray of shape (n_rows, n_classes)
        Predicted probabilities, raised to 2.2e-16 at least.
    weight : ndarray of shape (n_rows,)
        Weights of the rows.
    codes : ndarray of int, shape (n_rows,)
        True classes.

    Returns
    -------
    float
        Weighted mean.
    """
    said = labels[np.arange(len(codes)), codes]
    losses = -np.log(np.maximum(said, np.finfo(np.float64).eps))
    return float(np.average(losses, weights=weight))
