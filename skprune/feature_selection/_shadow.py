"""Shadows: columns that beat the best of many copies that only chance ties to the target."""

import warnings
from numbers import Integral, Real
from operator import attrgetter
from typing import Any, ClassVar

import numpy as np
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import has_fit_parameter

from skprune._compat import HasMethods, Interval, StrOptions
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

# Rounds between two looks at the counts, whatever n_jobs: three losses in a row are the
# fewest that reject.
ROUNDS_PER_LOOK = 3
WORDS = {CONFIRMED: "confirmed", TENTATIVE: "tentative", REJECTED: "rejected"}
# The built-in forest: candidates enough per split to find a column among shadows of all.
FOREST = {"n_estimators": 100, "max_depth": 8, "max_features": 1 / 3}


class ShadowPruner(BaseRankingPruner):
    """Keep every column that a model finds more important than shadows (Boruta).

    A shadow is a column with its rows shuffled: as it says nothing, its importance is chance.
    In each round a clone of the estimator is fitted on the columns together with fresh shadows
    of them, and a column wins if it is more important than the best shadow. Columns that win
    clearly more often than not are confirmed and stay; columns that lose too often are
    rejected, and leave the table together with their shadows. So all columns that matter are
    sought, redundant ones too, and not the smallest set that predicts well.

    Parameters
    ----------
    estimator : estimator, default=None
        A model with `feature_importances_` or `coef_` once fitted; never changed. None is a
        forest of 100 extremely randomised trees, a classifier if `y` holds strings, booleans
        or at most 20 distinct whole numbers, else a regressor.
    alpha : float, default=0.05
        Bound of the share of columns that are confirmed, or rejected, wrongly (see Notes).
    max_rounds : int, default=20
        Rounds at most. More rounds settle more columns that are hardly better than shadows.
    min_shadows : int, default=5
        Shadows in each round, at least. The fewer there are, the easier it is to beat the best.
    importance_getter : str or callable, default="auto"
        Attribute of the fitted estimator with the importances (dots are followed), or a
        function that is given the fitted estimator. "auto" is `feature_importances_`, or
        `coef_` times the standard deviation of each column. Signs are dropped; of several
        rows, one per class, the norm is taken.
    tentative : {"drop", "keep"}, default="drop"
        What becomes of columns that are undecided at the end, if neither `keep` nor `threshold`
        is given.
    keep : int or float, default=None
        Number (int) or fraction (float in (0, 1]) of columns that stay: confirmed ones first,
        then tentative, then rejected ones, each ordered by score. If neither `keep` nor
        `threshold` is given, the confirmed ones stay.
    threshold : float, default=None
        Columns with a score above it stay, provided that those ranked before them do.
    groups : list of lists or dict of lists, default=None
        Columns, by name or place, that stand or fall together. They are shuffled together, and
        are as important as the best of them.
    always_keep : list of str or int, default=None
        Columns that stay at every level, with their groups. They are put to the test too.
    random_state : int, RandomState instance or None, default=None
        Draws the seeds of the rounds, for the shadows and for every `random_state` in the
        estimator.
    n_jobs : int, default=None
        Rounds at a time, in threads where the backend allows; 3 at most. The result does not
        depend on it.

    Attributes
    ----------
    keep_mask_ : ndarray of bool, shape (`n_features_in_`,)
        Columns that stay.
    decision_ : ndarray of str, shape (`n_features_in_`,)
        "confirmed", "tentative" or "rejected"; the same for the columns of a group.
    wins_ : ndarray of int, shape (`n_features_in_`,)
        Rounds won until the decision.
    rounds_ : ndarray of int, shape (`n_features_in_`,)
        Rounds played until the decision.
    scores_ : ndarray of shape (`n_features_in_`,)
        Median over the rounds of i / (i + s), with the importance i of the column and that of
        the best shadow, s: from 0 to 1, and 0.5 for a column as good as the best shadow.
        Decisions come before scores: confirmed columns are kept first, rejected ones last.
    ranking_ : ndarray of int, shape (`n_features_in_`,)
        Ranks, the best 1.
    report_ : DataFrame
        A row per input column: `feature`, `kept`, `score`, `reason` (the decision, and what it
        rests on), `value` (share of rounds won), `partner` (the column of the group that the
        score is that of) and `rank`.
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
        By `fit`, if the estimator says nothing of importances or takes no weights, or if
        columns do not exist or hold what it cannot read.

    See Also
    --------
    PermutationPruner : Shuffles the columns themselves, on rows held out.
    sklearn.feature_selection.SelectFromModel : Takes importances as they are.

    Notes
    -----
    Counts are looked at every three rounds, and at each look the evidence is a likelihood
    ratio that may be looked at as often as one likes. Among the confirmed columns, those whose
    chance to win was never above 1/2 are a share `alpha` at most, on average over the draws of
    the rounds; so are those with a chance of 3/4 or more among the rejected. This holds
    however the columns depend on each other. It is a promise about *this table*: a column that
    says nothing but happens to go with `y` in its rows wins against fresh shadows again and
    again, and no number of rounds tells it from one that matters. The survivors of many
    columns are such lucky ones, and they meet ever fewer shadows: `min_shadows` as large as the
    number of columns makes false ones rare, and rounds slower.

    Rounds end early once no tentative column could be confirmed in those that are left. If no
    column is confirmed the best one stays, with a warning.

    The published method tests at most 100 rounds with a binomial test; the counts, the hypothesis
    and the dropping of rejected columns are the same here. A model that reads missing values
    may be given them; categories are given as codes, to models with `feature_importances_`.
    Sparse tables are refused. The cost is that of the rounds: fits with twice the columns.

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
        estimator=None,
        *,
        alpha=0.05,
        max_rounds=20,
        min_shadows=5,
        importance_getter="auto",
        tentative="drop",
        keep=None,
        threshold=None,
        groups=None,
        always_keep=None,
        random_state=None,
        n_jobs=None,
    ):
        self.estimator = estimator
        self.alpha = alpha
        self.max_rounds = max_rounds
        self.min_shadows = min_shadows
        self.importance_getter = importance_getter
        self.tentative = tentative
        self.keep = keep
        self.threshold = threshold
        self.groups = groups
        self.always_keep = always_keep
        self.random_state = random_state
        self.n_jobs = n_jobs

    @property
    def _reads(self):  # type: ignore[override]
        """What the estimator can read; codes of categories say nothing to a linear model."""
        model = ExtraTreesRegressor() if self.estimator is None else self.estimator
        able = {
            "nan": get_tags(model).input_tags.allow_nan,
            "categories": hasattr(type(model), "feature_importances_"),
        }
        return frozenset(name for name, can in able.items() if can)

    def _prune_columns(self, table, y, sample_weight):
        scores = self._score_columns(table, y, sample_weight)
        order = np.lexsort((-scores, -self._verdicts))
        path = RankedPath(scores, order=order, units=self._units, forced=self._forced)
        if self.keep is None and self.threshold is None and "index" in self._level_of(None, None):
            msg = (
                "No column is confirmed: none is clearly better than the best of its shadows. The "
                "best one stays nevertheless; see decision_ and scores_, or give keep."
            )
            warnings.warn(msg, PruningWarning, stacklevel=4)
        return self._cut(path), path

    def _score_columns(self, table, y, sample_weight):
        model, fit_params = self._model_for(y, sample_weight)
        if self.estimator is None:
            y = read_target(y).y
        job = delayed(_play)
        # `fit` turned off the checks of parameters: those of the estimator are due.
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
        """Play rounds until all is decided; return what became of the units, and all shares."""
        units, n_units = self._units, int(self._units.max()) + 1
        verdicts, wins, losses = np.zeros((3, n_units), dtype=int)
        shares = np.full((self.max_rounds, len(units)), np.nan)
        seeds = check_random_state(self.random_state).randint(2**31 - 1, size=self.max_rounds)
        for start in range(0, self.max_rounds, ROUNDS_PER_LOOK):
            live = np.flatnonzero(verdicts[units] != REJECTED)
            played = play(live, seeds[start : start + ROUNDS_PER_LOOK])
            undecided = verdicts == TENTATIVE
            for i, (found, best) in enumerate(played, start):
                won = best_of_units(found, units[live], n_units) > best
                wins += undecided & won
                losses += undecided & ~won
                shares[i, live] = _share(found, best)
            verdicts = decide(verdicts, wins, losses, self.alpha)
            # Undecided units could at best win all the rounds that are left.
            undecided = verdicts == TENTATIVE
            at_best = wins + (self.max_rounds - start - len(played)) * undecided
            hoped = decide(verdicts, at_best, losses, self.alpha)
            if not (hoped[undecided] == CONFIRMED).any():
                break
        return verdicts, wins, wins + losses, shares

    def _model_for(self, y, sample_weight):
        """Return the estimator of the rounds, and the parameters of its fit."""
        model = self.estimator
        if model is None:
            quantity = read_target(y).classes is None
            model = (ExtraTreesRegressor if quantity else ExtraTreesClassifier)(**FOREST)
        if sample_weight is None:
            return model, {}
        if not has_fit_parameter(model, "sample_weight"):
            msg = (
                f"sample_weight was given, but the fit of {type(model).__name__} takes none. Leave "
                "it out, or give an estimator that takes weights, for example a forest."
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
    """Fit a clone on columns and shadows; return their importances and that of the best shadow."""
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
    """Return the importance of each column of `X` to a model that was fitted on it."""
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
            f"importance_getter={getter!r} gives {found.shape[-1]} importances for {X.shape[1]} "
            "columns. Give one that has an importance for each column of the table."
        )
        raise InputError(msg)
    found = np.linalg.norm(found, axis=0)
    if not np.isfinite(found).all():
        msg = (
            f"The importances of {type(model).__name__} are not all finite. Bring y and the "
            "columns to a usual scale, or give another estimator or importance_getter."
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
