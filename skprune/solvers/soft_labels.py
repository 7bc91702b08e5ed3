"""Soft labels: class probabilities of a teacher, in forms that any student can be fitted to.

Soft labels are arrays of probabilities, one column per class. Students are fitted to weighted
samples of one class each, to one class drawn per sample, or to logits.
"""

import numpy as np

# Smaller probabilities are set to zero, or raised to this where logarithms are taken.
FLOOR = 1e-3


def one_hot(codes, n_classes):
    """Return the one-hot encoding of classes; O(n_samples * n_classes).

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
        Encoded class labels, from 0.
    n_classes : int
        Number of classes.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        A single 1 in each row, otherwise 0.
    """
    labels = np.zeros((len(codes), n_classes))
    labels[np.arange(len(codes)), codes] = 1.0
    return labels


def soften(labels, temperature):
    """Apply a temperature to probabilities: divide their logits by it.

    Parameters
    ----------
    labels : ndarray of shape (n_samples, n_classes)
        Probabilities; zeros are preserved.
    temperature : float
        Positive; above 1 distributions become flatter, below 1 sharper.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        ``p ** (1 / temperature)``, each row normalised. O(n_samples * n_classes).
    """
    if temperature == 1.0:
        return labels
    # Divide by the largest first, so that no row underflows.
    powers = (labels / labels.max(axis=1, keepdims=True)) ** (1.0 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def expand(labels, weight, floor=FLOOR):
    """Return soft labels as weighted copies of samples with one class each.

    For losses that are additive over weighted samples and linear in the label, such as
    cross-entropy, Gini impurity and entropy, fitting the copies is equivalent to fitting the
    soft labels.

    Parameters
    ----------
    labels : ndarray of shape (n_samples, n_classes)
        Probabilities.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    floor : float, default=1e-3
        Probabilities up to it are set to zero and the others of the sample normalised; the
        most probable class is always kept.

    Returns
    -------
    rows : ndarray of int, shape (n_expanded,)
        Indices of samples, ascending.
    codes : ndarray of int, shape (n_expanded,)
        Class of each copy.
    weights : ndarray of shape (n_expanded,)
        Weight of each copy; the copies of a sample add up to its weight.
        O(n_samples * n_classes).
    """
    kept = (labels > floor) | (labels == labels.max(axis=1, keepdims=True))
    rows, codes = np.nonzero(kept)
    weights = labels[rows, codes]
    totals = np.bincount(rows, weights, minlength=len(labels))
    return rows, codes, weights * (weight / totals)[rows]


def draw(labels, rng):
    """Draw one class per sample.

    Parameters
    ----------
    labels : ndarray of shape (n_samples, n_classes)
        Probabilities.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    ndarray of int, shape (n_samples,)
        Encoded classes. O(n_samples * n_classes).
    """
    bounds = labels.cumsum(axis=1)
    # Uniform draws are below 1, so classes of probability zero at the end are never drawn.
    uniform = rng.uniform(size=len(labels)) * bounds[:, -1]
    return (bounds <= uniform[:, np.newaxis]).sum(axis=1)


def to_logits(labels, floor=FLOOR):
    """Return the logits of soft labels; O(n_samples * n_classes).

    Parameters
    ----------
    labels : ndarray of shape (n_samples, n_classes)
        Probabilities.
    floor : float, default=1e-3
        Smaller probabilities are raised to it, so that logits are finite.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_classes)
        For two classes the log-odds of the second, otherwise centred log-probabilities.
    """
    logs = np.log(np.maximum(labels, floor))
    if labels.shape[1] == 2:
        return logs[:, 1] - logs[:, 0]
    return logs - logs.mean(axis=1, keepdims=True)


def from_logits(logits):
    """Return the probabilities of logits, the inverse of `to_logits`.

    Parameters
    ----------
    logits : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Log-odds of the second of two classes, or one column per class.

    Returns
    -------
    ndarray of shape (n_samples, n_classes)
        Probabilities. O(n_samples * n_classes).
    """
    if logits.ndim == 1:
        logits = np.column_stack([np.zeros(len(logits)), logits])
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def swap(neighbors, n_new, n_columns, rng):
    """Choose the source of each value of synthetic samples (MUNGE).

    A synthetic sample mixes a sample and one of its neighbours, drawn at random; each value
    is taken from either with probability 1/2 [1]_.

    Parameters
    ----------
    neighbors : ndarray of int, shape (n_samples, n_neighbors)
        Neighbours of each sample.
    n_new : int
        Number of synthetic samples; parents are taken in turn.
    n_columns : int
        Number of features.
    rng : RandomState
        Source of randomness.

    Returns
    -------
    parents : ndarray of int, shape (n_new,)
        The parent of each synthetic sample.
    sources : ndarray of int, shape (n_new, n_columns)
        The sample from which each value is taken. O(n_new * n_columns).

    References
    ----------
    .. [1] C. Bucila, R. Caruana and A. Niculescu-Mizil, "Model compression", KDD 2006.
    """
    n_samples, n_neighbors = neighbors.shape
    parents = np.arange(n_new) % n_samples
    others = neighbors[parents, rng.randint(n_neighbors, size=n_new)]
    swapped = rng.uniform(size=(n_new, n_columns)) < 0.5
    return parents, np.where(swapped, others[:, np.newaxis], parents[:, np.newaxis])


def log_loss(labels, weight, codes):
    """Return the mean log-loss of probabilities, in nats.

    Parameters
    ----------
    labels : ndarray of shape (n_samples, n_classes)
        Predicted probabilities, clipped below at 2.2e-16.
    weight : ndarray of shape (n_samples,)
        Sample weights.
    codes : ndarray of int, shape (n_samples,)
        Encoded true classes.

    Returns
    -------
    float
        Weighted mean. O(n_samples).
    """
    probability = labels[np.arange(len(codes)), codes]
    losses = -np.log(np.maximum(probability, np.finfo(np.float64).eps))
    return float(np.average(losses, weights=weight))
