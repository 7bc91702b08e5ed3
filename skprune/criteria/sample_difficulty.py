"""Sample difficulty: prediction error, influence on a fit, forgetting, and label noise.

For all scores except `leverage`, samples with high scores are those to remove.
"""

import numpy as np
from scipy.linalg import svd

# Relative tolerance for singular values that count as zero.
RANK_RTOL = 1e-10
# Distance of Tukey's outer fences from the quartiles, in distances between the quartiles.
N_SPREADS = 3


def error_norm(prediction, target):
    """Return the norm of each sample's error: EL2N for probabilities.

    Parameters
    ----------
    prediction : ndarray of shape (n_samples, n_values)
        Class probabilities or predicted values, ideally out of sample.
    target : ndarray of shape (n_samples, n_values)
        One-hot classes, or values.

    Returns
    -------
    ndarray of shape (n_samples,)
        In [0, sqrt(2)] for probabilities; absolute errors for a single value.
        O(n_samples * n_values).

    References
    ----------
    M. Paul, S. Ganguli and G. K. Dziugaite, "Deep learning on a data diet: finding important
    examples early in training", NeurIPS 2021.
    """
    return np.sqrt(((prediction - target) ** 2).sum(axis=1))


def wrong_labels(probabilities, codes, weight):
    """Estimate the share of the samples whose label is wrong (confident learning).

    A label counts as wrong if another class is more probable, and at least as probable as it is
    on average for the samples that have its label: the self-confidence of that class. Classes of
    which a model is unsure therefore count no sooner than others, and labels that are merely
    uncertain do not count.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Class probabilities, of models that were not fitted to the sample.
    codes : ndarray of int, shape (n_samples,)
        Encoded class labels.
    weight : ndarray of shape (n_samples,)
        Sample weights; samples of weight zero have no part in the estimate.

    Returns
    -------
    float
        Share of the samples. O(n_samples * n_classes).

    References
    ----------
    C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning: estimating uncertainty in
    dataset labels", Journal of Artificial Intelligence Research 70, 2021.
    """
    n_classes = probabilities.shape[1]
    own = np.take_along_axis(probabilities, codes[:, np.newaxis], axis=1)
    total = np.bincount(codes, weight, n_classes)
    confidence = np.full(n_classes, np.inf)  # no sample is of a class without weight
    sums = np.bincount(codes, weight * own[:, 0], n_classes)
    np.divide(sums, total, out=confidence, where=total > 0)
    wrong = ((probabilities >= confidence) & (probabilities > own)).any(axis=1) & (weight > 0)
    return float(wrong.mean())


def far_outliers(residuals, weight):
    """Return the share of residuals that are far outliers: outside of Tukey's outer fences.

    Parameters
    ----------
    residuals : ndarray of shape (n_samples,)
        Residuals of a regression, by models that were not fitted to the sample.
    weight : ndarray of shape (n_samples,)
        Sample weights, at least one of them positive; samples of weight zero are no outliers.

    Returns
    -------
    float
        Share of the residuals that are more than three times the distance of the quartiles below
        the lower or above the upper quartile: two in a million of normal ones. 0 if the quartiles
        are equal. O(n_samples).

    References
    ----------
    J. W. Tukey, "Exploratory data analysis", Addison-Wesley, 1977.
    """
    low, high = np.percentile(residuals[weight > 0], [25, 75])
    reach = N_SPREADS * (high - low)
    outside = (residuals < low - reach) | (residuals > high + reach)
    return float((outside & (weight > 0)).mean()) if reach > 0 else 0.0


def leverage(X, weight):
    """Return the leverage of each sample in a linear regression with an intercept.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples.
    weight : ndarray of shape (n_samples,)
        Non-negative sample weights, at least one of them positive.

    Returns
    -------
    ndarray of shape (n_samples,)
        Diagonal of the hat matrix of the weighted samples; in [0, 1], adding up to the
        rank. O(n_samples * n_features^2).

    References
    ----------
    P. Ma, M. W. Mahoney and B. Yu, "A statistical perspective on algorithmic leveraging",
    Journal of Machine Learning Research 16, 2015.
    """
    root = np.sqrt(weight)[:, np.newaxis]
    centred = (X - np.average(X, axis=0, weights=weight)) * root
    # Scale the columns to norm 1, so that one tolerance fits all of them.
    size = np.sqrt((centred**2).sum(axis=0))
    varies = size > RANK_RTOL * np.sqrt(((X * root) ** 2).sum(axis=0))
    left, values, _ = svd(centred[:, varies] / size[varies], full_matrices=False)
    real = values > RANK_RTOL * max(values.max(initial=0.0), np.finfo(float).tiny)
    return np.minimum((left[:, real] ** 2).sum(axis=1) + weight / weight.sum(), 1.0)


def leave_one_out_error(error, share):
    """Return the leave-one-out error ``e / (1 - h)`` of each sample; O(n_samples).

    Parameters
    ----------
    error : ndarray of shape (n_samples,)
        Residuals e of a least-squares or ridge fit.
    share : ndarray of shape (n_samples,)
        Leverages h: the diagonal of its hat matrix, in [0, 1].

    Returns
    -------
    ndarray of shape (n_samples,)
        Exact for h < 1. For h = 1 the error is infinite, or 0 if the residual is 0.
    """
    saturated = share >= 1 - RANK_RTOL
    found = error / np.where(saturated, 1.0, 1 - share)
    return np.where(saturated & (error != 0), np.copysign(np.inf, error), found)


def cooks_distance(gradient, curvature, form):
    """Return Cook's distance of each sample, up to a constant factor; O(n_samples).

    Parameters
    ----------
    gradient : ndarray of shape (n_samples,)
        Derivative of the sample's loss with respect to its raw score, times its weight.
    curvature : ndarray of shape (n_samples,)
        Second derivative, times the weight.
    form : ndarray of shape (n_samples,)
        ``x' inv(H) x`` of each sample, H the Hessian of the summed loss.

    Returns
    -------
    ndarray of shape (n_samples,)
        ``d' H d``, where d is the change of the coefficients without the sample: exact for
        squared losses, otherwise for one Newton step.

    References
    ----------
    R. D. Cook, "Detection of influential observation in linear regression", Technometrics 19,
    1977; D. Pregibon, "Logistic regression diagnostics", The Annals of Statistics 9, 1981.
    """
    return leave_one_out_error(gradient, curvature * form) ** 2 * form


def out_of_bag_error(losses, unseen):
    """Return the out-of-bag mean loss of each sample (Data-OOB).

    Parameters
    ----------
    losses : ndarray of shape (n_members, n_samples)
        Loss of each member on each sample.
    unseen : ndarray of bool, shape (n_members, n_samples)
        Whether the sample is out of bag for the member.

    Returns
    -------
    ndarray of shape (n_samples,)
        NaN for samples that are out of bag for no member. O(n_members * n_samples).

    References
    ----------
    Y. Kwon and J. Zou, "Data-OOB: out-of-bag estimate as a simple and efficient data value",
    ICML 2023, arXiv:2304.07718.
    """
    count = unseen.sum(axis=0)
    total = np.where(unseen, losses, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def forgetting(stages):
    """Count the forgetting events of each sample.

    Parameters
    ----------
    stages : iterable of ndarray of bool, shape (n_samples,)
        Whether each sample is classified correctly after each stage of training.

    Returns
    -------
    ndarray of shape (n_samples,)
        Number of changes from correct to wrong; the number of stages for samples that are
        never classified correctly. O(n_stages * n_samples).

    References
    ----------
    M. Toneva et al., "An empirical study of example forgetting during deep neural network
    learning", ICLR 2019, arXiv:1812.05159.
    """
    events, before, ever, n_stages = 0.0, False, False, 0
    for right in stages:
        events = events + (before & ~right)
        before, ever = right, ever | right
        n_stages += 1
    return np.where(ever, events, float(n_stages))


def disagreement(codes, neighbours):
    """Return the share of each sample's neighbours that are of another class.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
        Encoded class labels.
    neighbours : ndarray of int, shape (n_samples, n_neighbors)
        Nearest other samples.

    Returns
    -------
    ndarray of shape (n_samples,)
        In [0, 1]; edited nearest neighbours keeps the samples with 0.
        O(n_samples * n_neighbors).

    References
    ----------
    D. L. Wilson, "Asymptotic properties of nearest neighbor rules using edited data", IEEE
    Transactions on Systems, Man, and Cybernetics 2, 1972.
    """
    return (codes[neighbours] != codes[:, np.newaxis]).mean(axis=1)


def tomek_links(codes, nearest):
    """Find Tomek links: pairs of mutual nearest neighbours of different classes.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
        Encoded class labels.
    nearest : ndarray of int, shape (n_samples,)
        Nearest other sample.

    Returns
    -------
    ndarray of bool, shape (n_samples,)
        Samples that are part of a link. O(n_samples).

    References
    ----------
    I. Tomek, "Two modifications of CNN", IEEE Transactions on Systems, Man, and Cybernetics 6,
    1976.
    """
    return (nearest[nearest] == np.arange(len(codes))) & (codes[nearest] != codes)
