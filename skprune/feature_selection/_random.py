"""Features removed at random: the baseline of all other criteria."""

from typing import Any, ClassVar

from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skprune.arrays.annotations import Groups, Seed
from skprune.feature_selection._ranking import BaseRankingPruner


class RandomPruner(BaseRankingPruner):
    """Remove features at random: the baseline of all other criteria.

    A criterion that does not outperform this one at the same number of features has found
    nothing.

    Parameters
    ----------
    keep : int or float, default=None
        Number (int) or fraction (float in (0, 1]) of features to keep. If neither `keep` nor
        `threshold` is given, half of them are kept.
    threshold : float, default=None
        Features are kept whose score, drawn uniformly from [0, 1), is above it.
    groups : list of lists or dict of lists, default=None
        Features, by name or index, that are kept or removed together.
    always_keep : list of str or int, default=None
        Features that are kept at every level, with their groups.
    random_state : int, RandomState instance or None, default=None
        Draws the scores.

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Mask of the features that are kept.
    scores_ : ndarray of shape (`n_features_in_`,)
        The draws; equal within a group.
    ranking_ : ndarray of int, shape (`n_features_in_`,)
        Ranks; the highest score has rank 1.
    report_ : DataFrame
        A row per input feature: `feature`, `kept`, `score`, `reason`, `value`, `partner`
        and `rank`.
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
        By `fit`, if `groups` or `always_keep` name features that do not exist.

    See Also
    --------
    CorrelationPruner : Removes redundant features.

    Notes
    -----
    The values of `X` are not used: it may hold text, dates or missing values, or be sparse.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skprune import RandomPruner
    >>> X, y = load_iris(return_X_y=True)
    >>> RandomPruner(keep=2, random_state=0).fit_transform(X).shape
    (150, 2)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseRankingPruner._parameter_constraints,
        "random_state": ["random_state"],
    }
    _reads: ClassVar[frozenset[str]] = frozenset({"nan", "categories", "dates", "sparse"})

    def __init__(
        self,
        *,
        keep: float | None = None,
        threshold: float | None = None,
        groups: Groups | None = None,
        always_keep: ArrayLike | None = None,
        random_state: Seed | None = None,
    ) -> None:
        super().__init__(keep=keep, threshold=threshold, groups=groups, always_keep=always_keep)
        self.random_state = random_state

    def _score_columns(self, table, y, sample_weight):  # noqa: ARG002 - the values are not used
        return check_random_state(self.random_state).uniform(size=table.X.shape[1])
