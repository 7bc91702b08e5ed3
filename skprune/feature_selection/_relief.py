"""Relief: features that differ more between near samples of different classes."""

import warnings
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.parallel import Parallel, delayed

from skprune._compat import Interval, StrOptions
from skprune.arrays.annotations import Groups
from skprune.criteria.relief import relief_scores
from skprune.criteria.row_differences import encode_samples
from skprune.exceptions import InputError, PruningWarning
from skprune.feature_selection._columns import warn_of_small_weights
from skprune.feature_selection._ranking import BaseRankingPruner
from skprune.feature_selection._target_type import read_target

DEFAULT_NEIGHBORS = 10


class ReliefPruner(BaseRankingPruner):
    """Rank features by their differences between near misses and near hits (Relief).

    The score of a feature is how much more it differs between near samples of different
    classes (misses) than between near samples of the same class (hits). Samples are near if
    they are near in all features at once, so features that are informative only together are
    found as well. Redundant features all rank high; `CorrelationPruner` removes them.

    Parameters
    ----------
    criterion : {"relieff", "surf", "multisurf"}, default="relieff"
        Which samples are near a sample. "relieff": the `n_neighbors` nearest ones of each
        class. "surf": all that are nearer than the mean distance of two samples. "multisurf":
        all that are nearer than the sample's own mean distance to the others, less half the
        standard deviation of these distances.
    n_neighbors : int, default=10
        Number of near samples of each class for `criterion="relieff"`; all of a smaller class.
        More neighbours lower the variance of the scores, but also those of features that are
        informative only together.
    discrete_threshold : int, default=None
        Numeric features of at most so many distinct values count as categories: their values
        differ by 0 or 1. 10 is the rule of skrebate. None: only features of text, and
        categorical ones, are categories.
    task : {"auto", "classification", "regression"}, default="auto"
        Type of the target. With "auto", strings, booleans and at most 20 distinct whole numbers
        are classes, other numbers a continuous target.
    keep : int or float, default=None
        Number (int) or fraction (float in (0, 1]) of features to keep. If neither `keep` nor
        `threshold` is given, half of them are kept.
    threshold : float, default=None
        Features with a score above it are kept; uninformative features have an expected score
        of 0.
    groups : list of lists or dict of lists, default=None
        Features, by name or index, that are kept or removed together; a group has the score of
        its best feature.
    always_keep : list of str or int, default=None
        Features that are kept at every level, with their groups.
    n_jobs : int, default=None
        Number of threads; None is 1 unless in a `joblib.parallel_config`. The scores are
        the same for any number.

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Mask of the features that are kept.
    scores_ : ndarray of shape (`n_features_in_`,)
        Scores in [-1, 1], the higher the better; equal within a group. NaN for constant
        features, which are removed first.
    ranking_ : ndarray of int, shape (`n_features_in_`,)
        Ranks; the best feature has rank 1.
    report_ : DataFrame
        A row per input feature: `feature`, `kept`, `score`, `reason`, `value` (its own score),
        `partner` (the feature of its group with the score of the group) and `rank`.
    path_ : RankedPath
        All levels of this fit; not pickled.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen during `fit`, if all are strings.

    Raises
    ------
    LevelError
        By `fit`, if `keep` or `threshold` cannot be met.
    InputError
        By `fit`, if `y` has one value only or does not suit `task`, if features hold dates,
        or if `groups` or `always_keep` name features that do not exist.
    ValueError
        By `fit`, if `y` is missing, or values are infinite.
    TypeError
        By `fit`, if `X` is sparse.

    Warns
    -----
    PruningWarning
        If `n_neighbors` is set but the criterion ignores it, or weights are too small to be
        numbers of repetitions.

    See Also
    --------
    CorrelationPruner : Removes redundant features.
    RandomPruner : The baseline.

    Notes
    -----
    *Differences.* The distance of two samples is the sum of their differences over all
    features. Numbers differ by their distance over the range of the feature, categories
    (features of text, or categorical) by 0 or 1. A missing value differs from another value by
    the expected difference within its class [2]_.

    *Score.* For classification it is the mean over the samples of ::

        sum over other classes c of P(c) / (1 - P(own)) * (mean difference to near misses of c)
            - (mean difference to near hits)

    where P(c) is the share of class c among the samples; classes without samples within a
    radius are left out. For regression it is RReliefF [2]_, ::

        N_dCdA / N_dC - (N_dA - N_dCdA) / (m - N_dC)

    with sums over all m samples of the mean differences to near samples: in the feature
    (N_dA), in the target over its range (N_dC), and of their product (N_dCdA); all near samples
    count alike.

    *Other packages.* For two classes, numeric features without missing values and no ties, the
    scores of "relieff" and "multisurf" are those of skrebate 0.8.4: with
    ``discrete_threshold=10`` if features have at most 10 distinct values, which it takes as
    categories. Elsewhere skrebate departs from the papers, and its scores differ: beside
    categories, numbers that differ by more than their standard deviation differ by 1; its
    radius of SURF includes the zero distance of each sample to itself; with more than two
    classes it weights misses by their number among the near samples (all alike for "relieff"),
    not by the shares of their classes; in regression it splits neighbours into hits and misses
    at one standard deviation of the target; and it leaves missing values out.

    *Sample weights* are numbers of repetitions: a sample of weight 3 is three samples, two of
    which are neighbours of the third, so weights of 3 everywhere differ from no weights.
    Rescale other weights to a mean of 1; with weights that sum to 1, for example, no sample has
    `n_neighbors` neighbours. Ties of distances go to the first samples.

    *Cost.* The time is quadratic in the number of samples and linear in that of features. The
    memory is linear in both: copies of `X` (and one per class of its features with missing
    values), lists of `n_neighbors` samples per sample and class, and some tens of MB. SURF and
    MultiSURF take several times as long as ReliefF, as a third of all pairs are near.

    References
    ----------
    .. [1] I. Kononenko, "Estimating attributes: analysis and extensions of RELIEF", ECML,
       1994.
    .. [2] M. Robnik-Sikonja and I. Kononenko, "Theoretical and empirical analysis of ReliefF
       and RReliefF", Machine Learning 53, 2003.
    .. [3] C. S. Greene, N. M. Penrod, J. Kiralis and J. H. Moore, "Spatially uniform ReliefF
       (SURF) for computationally-efficient filtering of gene-gene interactions", BioData
       Mining 2, 2009.
    .. [4] R. J. Urbanowicz, R. S. Olson, P. Schmitt, M. Meeker and J. H. Moore, "Benchmarking
       relief-based feature selection methods for bioinformatics data mining", Journal of
       Biomedical Informatics 85, 2018.

    Examples
    --------
    The class is whether two features have the same sign; each alone is uninformative.

    >>> import numpy as np
    >>> from skprune import ReliefPruner
    >>> X = np.random.default_rng(0).uniform(-1, 1, size=(200, 6))
    >>> y = X[:, 1] * X[:, 4] > 0
    >>> ReliefPruner(keep=2).fit(X, y).get_support(indices=True)
    array([1, 4])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseRankingPruner._parameter_constraints,
        "criterion": [StrOptions({"relieff", "surf", "multisurf"})],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "discrete_threshold": [Interval(Integral, 1, None, closed="left"), None],
        "task": [StrOptions({"auto", "classification", "regression"})],
        "n_jobs": [Integral, None],
    }
    _reads: ClassVar[frozenset[str]] = frozenset({"nan", "categories"})
    _needs_target: ClassVar[bool] = True
    _min_rows: ClassVar[int] = 2  # a single sample has no neighbour

    def __init__(
        self,
        *,
        criterion: str = "relieff",
        n_neighbors: int = DEFAULT_NEIGHBORS,
        discrete_threshold: int | None = None,
        task: str = "auto",
        keep: float | None = None,
        threshold: float | None = None,
        groups: Groups | None = None,
        always_keep: ArrayLike | None = None,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(keep=keep, threshold=threshold, groups=groups, always_keep=always_keep)
        self.criterion = criterion
        self.n_neighbors = n_neighbors
        self.discrete_threshold = discrete_threshold
        self.task = task
        self.n_jobs = n_jobs

    def _score_columns(self, table, y, sample_weight):
        if self.criterion != "relieff" and self.n_neighbors != DEFAULT_NEIGHBORS:
            msg = (
                f"n_neighbors={self.n_neighbors!r} has no meaning for criterion="
                f"{self.criterion!r}, which uses a radius, and is ignored."
            )
            warnings.warn(msg, PruningWarning, stacklevel=5)
        warn_of_small_weights(sample_weight, stacklevel=6)
        label, target = _read_labels(y, self.task)
        order = np.argsort(label, kind="stable")
        target = None if target is None else target[order]
        X = np.asarray(table.X[order], dtype=np.float64)
        weight = np.ones(len(y)) if sample_weight is None else sample_weight[order]
        X, nominal = _with_few_values_coded(X, table.nominal, self.discrete_threshold)
        rows = encode_samples(X, nominal, label[order], weight.astype(np.float64))
        return relief_scores(rows, self.criterion, self.n_neighbors, target, self._run)

    def _run(self, function, tasks):
        tasks = (delayed(function)(*task) for task in tasks)
        return Parallel(n_jobs=self.n_jobs, require="sharedmem")(tasks)


def _with_few_values_coded(X, nominal, limit):
    """Return a table in which features of few distinct values are codes, and which are codes."""
    if limit is None:
        return X, nominal
    X, nominal = X.copy(), nominal.copy()
    for column in np.flatnonzero(~nominal):
        present = ~np.isnan(X[:, column])
        values, codes = np.unique(X[present, column], return_inverse=True)
        if len(values) <= limit:
            X[present, column], nominal[column] = codes, True
    return X, nominal


def _read_labels(y, task):
    """Return class codes and None; or zeros, and a continuous target scaled to its range."""
    values, classes = read_target(y, task)
    low, high = values.min(), values.max()
    if low == high:
        msg = (
            f"y has one value only, {y[:1].tolist()[0]!r}, in all samples (of positive weight): "
            "all features score alike. Give samples with different targets."
        )
        raise InputError(msg)
    if classes is not None:
        return values, None
    return np.zeros(len(y), dtype=np.intp), (values / 2 - low / 2) / (high / 2 - low / 2)
