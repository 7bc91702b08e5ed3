"""Columns by their neighbourhoods: what differs where the target does."""

import warnings
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from sklearn.utils.parallel import Parallel, delayed

from skprune._compat import Interval, StrOptions
from skprune.criteria.relief import relief_scores
from skprune.criteria.row_differences import encode_samples
from skprune.exceptions import InputError, PruningWarning
from skprune.feature_selection._columns import warn_of_small_weights
from skprune.feature_selection._ranking import BaseRankingPruner
from skprune.feature_selection._target_type import read_target

DEFAULT_NEIGHBORS = 10


class ReliefPruner(BaseRankingPruner):
    """Rank columns by how they differ between near rows, with equal targets and with others.

    A column is worth more the more it differs between rows that are near each other and of
    different classes, and the less between those of the same class. Near means near in all
    columns at once: so columns that say something only together, and nothing alone, are
    found as well. Columns that say the same all rank high (`CorrelationPruner` removes
    those).

    Parameters
    ----------
    criterion : {"relieff", "surf", "multisurf"}, default="relieff"
        Which rows are near a row: the `n_neighbors` nearest ones of each class; all that
        are nearer than the mean distance of two rows; or all that are nearer than the
        row's own mean distance to the others, less half the standard deviation of those.
    n_neighbors : int, default=10
        Number of near rows of each class for `criterion="relieff"`; of a smaller class, all.
        More of them make scores steadier and blinder to what columns say only together.
    task : {"auto", "classification", "regression"}, default="auto"
        What `y` is. With "auto", strings, booleans and at most 20 distinct whole numbers
        are classes, and other numbers a quantity.
    keep : int or float, default=None
        Number (int) or fraction (float in (0, 1]) of columns that stay. If neither `keep`
        nor `threshold` is given, half of them stay.
    threshold : float, default=None
        Columns whose score is above it stay; 0 is the score of a column that says nothing.
    groups : list of lists or dict of lists, default=None
        Columns, by name or place, that stand or fall together; a group has the score of
        its best column.
    always_keep : list of str or int, default=None
        Columns that stay at every level, with their groups.
    n_jobs : int, default=None
        Number of threads; None is 1 unless in a `joblib.parallel_config`. The scores are
        the same for any number.

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Columns that stay.
    scores_ : ndarray of shape (`n_features_in_`,)
        Scores in [-1, 1], the higher the better; the same for the columns of a group. NaN
        for columns that do not vary, which go first.
    ranking_ : ndarray of int, shape (`n_features_in_`,)
        Ranks, the best 1.
    report_ : DataFrame
        A row per input column: `feature`, `kept`, `score`, `reason`, `value` (its own
        score), `partner` (the column that gives its group the score) and `rank`.
    path_ : RankedPath
        Every level of this fit; not pickled.
    n_features_in_ : int
        Number of columns seen by `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen by `fit`, if all are strings.

    Raises
    ------
    LevelError
        By `fit`, if `keep` or `threshold` cannot be met.
    InputError
        By `fit`, if `y` has one value only or does not suit `task`, if columns hold dates,
        or if `groups` or `always_keep` name columns that do not exist.
    ValueError
        By `fit`, if `y` is missing, or values are infinite.
    TypeError
        By `fit`, if the table is sparse: zeros are values here like all others.

    Warns
    -----
    PruningWarning
        If `n_neighbors` is set and has no meaning for the criterion, or weights are too small
        to count rows.

    See Also
    --------
    CorrelationPruner : Removes columns that say what others say.
    RandomPruner : The baseline.

    Notes
    -----
    *Differences.* The distance of two rows is the sum of their differences: of numbers, the
    distance over the range of the column; of categories (columns of text, or categorical),
    1 unless they are the same. What is missing in a column differs from a value as much as
    the values of its class do on average [2]_, whatever those are.

    *Score.* With classes it is the mean over the rows of ::

        sum over other classes c of P(c) / (1 - P(own)) * (mean difference to near rows of c)
            - (mean difference to near rows of the own class)

    P(c) being the share of a class in the rows; classes without rows within a radius are
    left out. With a quantity there is one score for all rows, RReliefF [2]_, ::

        N_dCdA / N_dC - (N_dA - N_dCdA) / (m - N_dC)

    from the sums over all m rows of the mean differences to near rows, in the column (dA),
    in the target over its range (dC), and of their product; all near rows count alike.

    *Other packages.* For two classes, complete numeric tables and no ties, the scores of
    "relieff" and "multisurf" are those of skrebate 0.8.4. Elsewhere it departs from the
    papers, and its scores differ: its radius of SURF averages in the zeros between each
    row and itself; of more than two classes, the misses count by their number among the
    near rows (all alike for "relieff"), not by the shares of their classes; regression
    splits neighbours into hits and misses at one standard deviation of the target; and
    missing values are left out.

    *Weights* count rows: a row of weight 3 is three rows, two of which are neighbours of the
    third, so weights of 3 everywhere are not the same as none. Weights that are no counts
    (such as those that sum to 1, with which no row has `n_neighbors` neighbours) should be
    rescaled to a mean of 1. Of rows that are equally near, the first ones count.

    *Cost.* The time grows with the square of the number of rows and in proportion to that of
    columns. The memory grows with neither square: it holds copies of the table (and one
    per class of its columns with gaps), lists of `n_neighbors` rows per row and class, and
    some tens of MB. SURF and MultiSURF take several times as long as ReliefF, as a third
    of all pairs are near.

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
    The class says whether two columns have the same sign: each alone says nothing.

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
        "task": [StrOptions({"auto", "classification", "regression"})],
        "n_jobs": [Integral, None],
    }
    _reads: ClassVar[frozenset[str]] = frozenset({"nan", "categories"})
    _needs_target: ClassVar[bool] = True
    _min_rows: ClassVar[int] = 2  # a row alone has no neighbour

    def __init__(
        self,
        *,
        criterion="relieff",
        n_neighbors=DEFAULT_NEIGHBORS,
        task="auto",
        keep=None,
        threshold=None,
        groups=None,
        always_keep=None,
        n_jobs=None,
    ):
        self.criterion = criterion
        self.n_neighbors = n_neighbors
        self.task = task
        self.keep = keep
        self.threshold = threshold
        self.groups = groups
        self.always_keep = always_keep
        self.n_jobs = n_jobs

    def _score_columns(self, table, y, sample_weight):
        if self.criterion != "relieff" and self.n_neighbors != DEFAULT_NEIGHBORS:
            msg = (
                f"n_neighbors={self.n_neighbors!r} has no meaning for criterion="
                f"{self.criterion!r}, which has a radius instead, and is ignored."
            )
            warnings.warn(msg, PruningWarning, stacklevel=5)
        warn_of_small_weights(sample_weight, stacklevel=6)
        label, target = _read_labels(y, self.task)
        order = np.argsort(label, kind="stable")
        target = None if target is None else target[order]
        X = np.asarray(table.X[order], dtype=np.float64)
        weight = np.ones(len(y)) if sample_weight is None else sample_weight[order]
        rows = encode_samples(X, table.nominal, label[order], weight.astype(np.float64))
        return relief_scores(rows, self.criterion, self.n_neighbors, target, self._run)

    def _run(self, function, tasks):
        tasks = (delayed(function)(*task) for task in tasks)
        return Parallel(n_jobs=self.n_jobs, require="sharedmem")(tasks)


def _read_labels(y, task):
    """Return the class of each row, and None; or zeros, and the target over its range."""
    values, classes = read_target(y, task)
    low, high = values.min(), values.max()
    if low == high:
        msg = (
            f"y has one value only, {y[:1].tolist()[0]!r}, in all rows (of positive weight): no "
            "column can say anything of it. Give rows with different targets."
        )
        raise InputError(msg)
    if classes is not None:
        return values, None
    return np.zeros(len(y), dtype=np.intp), (values / 2 - low / 2) / (high / 2 - low / 2)
