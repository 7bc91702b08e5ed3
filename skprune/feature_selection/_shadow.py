"""All-relevant selection (Boruta): features that are more important than shuffled copies."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from operator import attrgetter
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from skprune._compat import HasMethods, Interval, StrOptions, fit_takes_weights
from skprune.arrays.annotations import Groups, Seed
from skprune.base._delegation import tags_of
from skprune.base._frozen import check_frozen
from skprune.criteria.shadows import (
    CONFIRMED,
    REJECTED,
    TENTATIVE,
    best_of_units,
    decide,
    shadow_columns,
)
from skprune.exceptions import InputError, PruningWarning
from skprune.feature_selection._path import RankedPath
from skprune.feature_selection._ranking import BaseRankingPruner
from skprune.feature_selection._target_type import read_target

# Rounds between two tests of the counts, whatever n_jobs: a rejection takes at least three
# losses in a row.
ROUNDS_PER_TEST = 3
WORDS = {CONFIRMED: "confirmed", TENTATIVE: "tentative", REJECTED: "rejected"}
# The built-in forest: enough candidates per split to find a feature among all the shadows.
FOREST = {"n_estimators": 100, "max_depth": 8, "max_features": 1 / 3}


class ShadowPruner(BaseRankingPruner):
    """Keep all features that a model finds more important than shuffled copies (Boruta).

    A shadow is a shuffled copy of a feature, so that its importance is due to chance. In each
    round a clone of the estimator is fitted on the features and new shadows of them, and a
    feature wins if it is more important than the best shadow. Features that win significantly
    often are confirmed and kept; features that lose too often are rejected, and left out of
    later rounds together with their shadows. The result are all relevant features, redundant
    ones included, not the smallest set that predicts well.

    Parameters
    ----------
    estimator : estimator, default=None
        A model with `feature_importances_` or `coef_` once fitted; never changed. None is a
        forest of 100 extremely randomised trees, a classifier if `y` holds strings, booleans
        or at most 20 distinct whole numbers, else a regressor.
    alpha : float, default=0.05
        Bound on the share of features that are confirmed, or rejected, wrongly (see Notes).
    max_rounds : int, default=20
        Maximum number of rounds. More rounds decide more features that are hardly better than
        shadows.
    min_shadows : int, default=5
        Minimum number of shadows in each round. The best of few shadows is easier to beat.
    importance_getter : str or callable, default="auto"
        Attribute of the fitted estimator with the importances (which may contain dots), or a
        function of the fitted estimator. "auto" is `feature_importances_`, or `coef_` times the
        standard deviation of each feature. Absolute values are taken, and the norm over several
        rows, one per class.
    tentative : {"drop", "keep"}, default="drop"
        Whether features that are undecided after the last round are removed or kept, if neither
        `keep` nor `threshold` is given.
    keep : int or float, default=None
        Number (int) or fraction (float in (0, 1]) of features to keep: confirmed ones first,
        then tentative, then rejected ones, each ordered by score. If neither `keep` nor
        `threshold` is given, the confirmed ones are kept.
    threshold : float, default=None
        Features with a score above it are kept, provided that all those ranked before them are.
    groups : list of lists or dict of lists, default=None
        Features, by name or index, that are kept or removed together. They are shuffled
        together, and have the importance of the most important of them.
    always_keep : list of str or int, default=None
        Features that are kept at every level, with their groups. They are tested as well.
    random_state : int, RandomState instance or None, default=None
        Draws the seeds of the rounds, for the shadows and for every `random_state` in the
        estimator.
    n_jobs : int, default=None
        Number of rounds in parallel, at most 3, in threads where the backend allows. The result
        does not depend on it.

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Mask of the features that are kept.
    decision_ : ndarray of str, shape (`n_features_in_`,)
        "confirmed", "tentative" or "rejected"; equal within a group.
    wins_ : ndarray of int, shape (`n_features_in_`,)
        Rounds won until the decision.
    rounds_ : ndarray of int, shape (`n_features_in_`,)
        Rounds played until the decision.
    scores_ : ndarray of shape (`n_features_in_`,)
        Median over the rounds of i / (i + s), where i is the importance of the feature and s
        that of the best shadow: from 0 to 1, and 0.5 for a feature as good as the best shadow.
        Decisions come before scores: confirmed features are kept first, rejected ones last.
    ranking_ : ndarray of int, shape (`n_features_in_`,)
        Ranks; the best feature has rank 1.
    report_ : DataFrame
        A row per input feature: `feature`, `kept`, `score`, `reason` (the decision and the
        rounds won), `value` (share of rounds won), `partner` (the feature of its group with
        the score of the group) and `rank`.
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
        By `fit`, if the estimator has no importances or takes no sample weights, or if
        features do not exist or hold values that it cannot read.

    See Also
    --------
    PermutationPruner : Shuffles the features themselves, in held-out samples.
    sklearn.feature_selection.SelectFromModel : Selects by the importances themselves.

    Notes
    -----
    Counts of wins are tested every three rounds by a likelihood ratio that remains valid under
    repeated testing (a sequential test). On average over the draws of the rounds, at most a
    share `alpha` of the confirmed features never had a probability above 1/2 to win a round,
    and at most a share `alpha` of the rejected ones always had one of 3/4 or more, whatever
    the dependence between features. This bound is conditional on *this table*: an irrelevant
    feature that correlates with `y` by chance in these samples wins against new shadows again
    and again, and more rounds do not distinguish it from a relevant one. Among many features
    there are such ones, and as others are rejected they meet ever fewer shadows: `min_shadows`
    as large as the number of features makes false confirmations rare, and rounds slower.

    Rounds end early once no tentative feature could be confirmed in the remaining ones. If no
    feature is confirmed, the best one is kept, with a warning.

    The published method tests at most 100 rounds with a binomial test; the counts, the hypothesis
    and the removal of rejected features are the same here. Missing values are passed to models
    that accept them; categories are passed as codes, to models with `feature_importances_`.
    Sparse matrices are refused. The cost is that of the rounds: fits with twice the features.

    References
    ----------
    M. B. Kursa and W. R. Rudnicki, "Feature selection with the Boruta package", Journal of
    Statistical Software 36(11), 2010.

    Examples
    --------
    >>> from sklearn.datasets import make_friedman1
    >>> from skprune import ShadowPruner
    >>> X, y = make_friedman1(300, n_features=20, random_state=0)
    >>> pruner = ShadowPruner(random_state=0).fit(X, y)
    >>> pruner.get_support(indices=True)
    array([0, 1, 2, 3, 4])
    >>> pruner.report_["reason"][0]
    'confirmed: won 9 of 9 rounds'
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseRankingPruner._parameter_constraints,
        "estimator": [HasMethods(["fit"]), None],
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "max_rounds": [Interval(Integral, 1, None, closed="left")],
        "min_shadows": [Interval(Integral, 1, None, closed="left")],
        "importance_getter": [str, callable],
        "tentative": [StrOptions({"drop", "keep"})],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }
    _needs_target: ClassVar[bool] = True

    def __init__(
        self,
        estimator: Any = None,
        *,
        alpha: float = 0.05,
        max_rounds: int = 20,
        min_shadows: int = 5,
        importance_getter: str | Callable[..., Any] = "auto",
        tentative: str = "drop",
        keep: float | None = None,
        threshold: float | None = None,
        groups: Groups | None = None,
        always_keep: ArrayLike | None = None,
        random_state: Seed | None = None,
        n_jobs: int | None = None,
    ) -> None:
        super().__init__(keep=keep, threshold=threshold, groups=groups, always_keep=always_keep)
        self.estimator = estimator
        self.alpha = alpha
        self.max_rounds = max_rounds
        self.min_shadows = min_shadows
        self.importance_getter = importance_getter
        self.tentative = tentative
        self.random_state = random_state
        self.n_jobs = n_jobs

    @property
    def _reads(self):  # type: ignore[override]
        """Values that the estimator can read; codes of categories are no use to linear models."""
        model = ExtraTreesRegressor() if self.estimator is None else self.estimator
        able = {
            "nan": tags_of(model).input_tags.allow_nan,
            "categories": hasattr(type(model), "feature_importances_"),
        }
        return frozenset(name for name, can in able.items() if can)

    def _prune_columns(self, table, y, sample_weight):
        scores = self._score_columns(table, y, sample_weight)
        order = np.lexsort((-scores, -self._verdicts))
        path = RankedPath(scores, order=order, units=self._units, forced=self._forced)
        if self.keep is None and self.threshold is None and "index" in self._level_of(None, None):
            msg = (
                "No feature is confirmed: none is significantly better than the best shadow. The "
                "best one is kept nevertheless; see decision_ and scores_, or give keep."
            )
            warnings.warn(msg, PruningWarning, stacklevel=4)
        return self._cut(path), path

    def _score_columns(self, table, y, sample_weight):
        check_frozen(self.estimator)
        model, fit_params = self._model_for(y, sample_weight)
        if self.estimator is None:
            y = read_target(y).y
        job = delayed(_play)
        # `fit` turned off the validation of parameters, which the estimator needs.
        with (
            config_context(skip_parameter_validation=False),
            Parallel(n_jobs=self.n_jobs, prefer="threads") as run,
        ):

            def play(live, seeds):
                X, units = table.X[:, live], self._units[live]
                return run(job(self, model, X, y, fit_params, units, seed) for seed in seeds)

            verdicts, wins, rounds, shares = self._contest(play)
        self._verdicts = verdicts[self._units]
        self.wins_, self.rounds_ = wins[self._units], rounds[self._units]
        self.decision_ = np.array([WORDS[verdict] for verdict in self._verdicts])
        return np.nanmedian(shares, axis=0)

    def _contest(self, play):
        """Play rounds until all units are decided; return verdicts, wins, rounds and shares."""
        units, n_units = self._units, int(self._units.max()) + 1
        verdicts, wins, losses = np.zeros((3, n_units), dtype=int)
        shares = np.full((self.max_rounds, len(units)), np.nan)
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.max_rounds)
        for start in range(0, self.max_rounds, ROUNDS_PER_TEST):
            live = np.flatnonzero(verdicts[units] != REJECTED)
            played = play(live, seeds[start : start + ROUNDS_PER_TEST])
            undecided = verdicts == TENTATIVE
            for i, (found, best) in enumerate(played, start):
                won = best_of_units(found, units[live], n_units) > best
                wins += undecided & won
                losses += undecided & ~won
                shares[i, live] = _share(found, best)
            verdicts = decide(verdicts, wins, losses, self.alpha)
            # At best, undecided units win all the remaining rounds.
            undecided = verdicts == TENTATIVE
            most_wins = wins + (self.max_rounds - start - len(played)) * undecided
            at_best = decide(verdicts, most_wins, losses, self.alpha)
            if not (at_best[undecided] == CONFIRMED).any():
                break
        return verdicts, wins, wins + losses, shares

    def _model_for(self, y, sample_weight):
        """Return the estimator of the rounds, and the parameters of its fit."""
        model = self.estimator
        if model is None:
            is_continuous = read_target(y).classes is None
            model = (ExtraTreesRegressor if is_continuous else ExtraTreesClassifier)(**FOREST)
        if sample_weight is None:
            return model, {}
        if not fit_takes_weights(model):
            msg = (
                f"sample_weight was given, but the fit of {type(model).__name__} takes none. Leave "
                "it out, or give an estimator that takes sample weights, for example a forest."
            )
            raise InputError(msg)
        return model, {"sample_weight": sample_weight}

    def _level_of(self, keep, threshold):
        if keep is not None or threshold is not None or not hasattr(self, "_verdicts"):
            return super()._level_of(keep, threshold)
        last = TENTATIVE if self.tentative == "keep" else CONFIRMED
        n_kept = int(((self._verdicts >= last) | self._forced).sum())
        return {"keep": n_kept} if n_kept else {"index": -1}

    def _make_report(self):
        report = super()._make_report()
        report["reason"] = [
            f"{decision}: won {wins} of {rounds} rounds" + ("; always kept" if forced else "")
            for decision, wins, rounds, forced in zip(
                self.decision_, self.wins_, self.rounds_, self._forced, strict=True
            )
        ]
        report["value"] = self.wins_ / self.rounds_
        return report


def _play(pruner, model, X, y, fit_params, units, seed):
    """Fit a clone on features and shadows; return importances and that of the best shadow."""
    rng = np.random.default_rng(seed)
    X = np.hstack([X, shadow_columns(X, units, pruner.min_shadows, rng)])
    model = clone(model)
    names = sorted(model.get_params())
    names = [name for name in names if name.rpartition("__")[2] == "random_state"]
    model.set_params(**{name: int(rng.integers(2**31 - 1)) for name in names})
    model.fit(X, y, **fit_params)
    found = _importances(model, pruner.importance_getter, X)
    return found[: len(units)], found[len(units) :].max()


def _importances(model, getter, X):
    """Return the importance of each feature of `X` to a model that was fitted on it."""
    if callable(getter):
        found = getter(model)
    elif getter != "auto":
        found = _attribute(model, getter)
    elif hasattr(model, "feature_importances_"):
        found = model.feature_importances_
    elif hasattr(model, "coef_"):
        found = model.coef_ * X.std(axis=0)
    else:
        msg = (
            f"{type(model).__name__} has neither feature_importances_ nor coef_ once it is fitted. "
            "Give another estimator, for example a forest, or importance_getter."
        )
        raise InputError(msg)
    found = np.atleast_2d(np.asarray(found, dtype=float))
    if found.shape[-1] != X.shape[1]:
        msg = (
            f"importance_getter={getter!r} returns {found.shape[-1]} importances for "
            f"{X.shape[1]} features. Give one that returns an importance for each feature."
        )
        raise InputError(msg)
    found = np.linalg.norm(found, axis=0)
    if not np.isfinite(found).all():
        msg = (
            f"The importances of {type(model).__name__} are not all finite. Scale y and the "
            "features, or give another estimator or importance_getter."
        )
        raise InputError(msg)
    return found


def _attribute(model, getter):
    try:
        return attrgetter(getter)(model)
    except AttributeError as error:
        msg = (
            f"importance_getter={getter!r} finds nothing: {error}. Give an attribute of the fitted "
            "estimator (in a pipeline: 'named_steps.<step>.coef_'), or a function."
        )
        raise InputError(msg) from error


def _share(found, best):
    """Return i / (i + s), or 0 where both are 0."""
    total = found + best
    return np.divide(found, total, out=np.zeros(len(found)), where=total > 0)
