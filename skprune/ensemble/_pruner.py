"""Ensemble pruner: removes members of forests, bagging, AdaBoost and voting, or stages."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_random_state

from skprune._compat import StrOptions
from skprune.arrays.annotations import Seed
from skprune.base import VALIDATION, BaseModelPruner
from skprune.criteria import diversity
from skprune.ensemble._faithful_path import FaithfulPath
from skprune.ensemble._path import MemberPath, MemberSetsPath, MemberWeightsPath
from skprune.ensemble._rows import read_votes, standardize_votes
from skprune.exceptions import InputError
from skprune.solvers import greedy, reweighting
from skprune.surgery import members_for, members_type

__all__ = ["EnsemblePruner"]

# Orders that count votes for classes.
BY_VOTES = {
    "reduced_error": diversity.reduced_error,
    "complementarity": diversity.complementarity,
    "margin_distance": diversity.margin_distance,
    "individual_contribution": diversity.individual_contribution,
    "kappa": diversity.kappa,
    "drep": diversity.drep,
    "error": diversity.error,
}
# What they are for regressors, where they make sense.
BY_SQUARES = {
    "reduced_error": greedy.forward,
    "error": lambda gram, _: np.argsort(gram.diagonal(), kind="stable"),
}
REWEIGHTINGS = ("nnls", "lasso")
WITHOUT_ROWS = ("stages", "random")
CRITERIA = (*BY_VOTES, "backward", "swaps", *REWEIGHTINGS, "faithful", *WITHOUT_ROWS)


class EnsemblePruner(BaseModelPruner):
    """Prune the members of an ensemble, or the last stages of boosting.

    The members that the others need least go first. What comes back in `estimator_` is a
    plain model of the class that went in, with fewer members. All levels of pruning come
    from one fit: see `path_`.

    Parameters
    ----------
    estimator : estimator
        A `RandomForest*`, `ExtraTrees*`, `Bagging*`, `AdaBoost*`, `Voting*`,
        `GradientBoosting*` or `HistGradientBoosting*`. It is cloned and fitted; a model
        that is fitted already comes in a `sklearn.frozen.FrozenEstimator`, and is then
        copied, never changed.
    criterion : {"reduced_error", "complementarity", "margin_distance", \
            "individual_contribution", "kappa", "drep", "error", "backward", "swaps", \
            "nnls", "lasso", "faithful", "stages", "random"}, default="reduced_error"
        How members are chosen. Orders, from the best member on:

        - "reduced_error": the member is added with which the ensemble errs least, in
          squared error for regressors [1]_;
        - "complementarity": the one that is right most often where the ensemble is
          wrong [2]_;
        - "margin_distance": the one that brings the ensemble nearest to being right by
          a small margin everywhere [2]_;
        - "individual_contribution": by how much each is worth in the vote of all [3]_;
        - "kappa": pairs that agree least come first [1]_;
        - "drep": of those that differ most from the ensemble, the one with which it errs
          least [4]_;
        - "error": by the error of each alone;
        - "backward": all start, and the one leaves without which the squared error (of
          probabilities, for classifiers) of the average is lowest;
        - "stages": the last stages leave; for boosting, and the only order for
          `GradientBoosting*` and `HistGradientBoosting*`;
        - "random": the baseline that every other criterion is held against.

        Choices that are not nested:

        - "swaps": for each size the best member is added, then members are swapped while
          that lowers the squared error of the average;
        - "lasso": weights under a penalty on their sum; members without one leave;
        - "nnls": the members that "lasso" chooses, with the weights of the average that
          has the least squared error [5]_.

        One that decides by itself, and takes no `keep` or `threshold`:

        - "faithful": few members, and weights for them, with which the ensemble names the
          same class for every row that it was grown on [6]_; for classifiers.
    keep : int or float, default=None
        Members or stages that stay: at most so many (int) or this fraction (float in
        (0, 1]). ``keep=1.0`` is the whole model. If `threshold` is None too, half stay.
    threshold : float, default=None
        Members with a score, or rank share, above it are kept. Shares run from
        ``1 / n_members`` to 1; "lasso" and "nnls" take the penalty.
    validation : {"oob", "train"}, float or None, default=None
        Rows that choose: those out of each member's bootstrap sample, the training rows,
        or a fraction that is held out (the model is then grown on the rest). None is "oob"
        where the model bootstraps, else 0.2. "stages" and "random" use no rows. With a
        `FrozenEstimator` the rows given to `fit` choose. Of "faithful" a fraction, 0.2 if
        None, is held out for `disagreement_bound_`; the rows that grew the model, or were
        given with a frozen one, are those whose class is kept.
    random_state : int, RandomState instance or None, default=None
        Draws the held-out rows and the order of "random". It is not passed on: set that
        of the inner model too.

    Attributes
    ----------
    estimator_ : estimator
        The pruned model, plain.
    path_ : PruningPath
        All levels of this fit. Not part of the pickle.
    scores_ : ndarray of shape (n_members,)
        Importance of each member: for "lasso" and "nnls" the highest penalty under which it
        has a weight, for "faithful" its weight. Other criteria only order the members, and
        have `rank_shares_` instead.
    rank_shares_ : ndarray of shape (n_members,)
        For orders the share of the members that are removed no later than each one, for
        "swaps" the share of sizes at which it is chosen; larger shares are kept.
    keep_mask_ : ndarray of bool, shape (n_members,)
        Members that stay.
    report_ : DataFrame
        A row per member: whether it was kept, its score or rank share, its share of the vote,
        and its own error on the validation data.
    disagreement_bound_ : float
        Of "faithful" only: upper bound, at 95 % confidence, of the share of new rows for
        which the pruned model names another class than the whole one, exact (binomial) and
        from the rows that were held out, which choose nothing. NaN where none were: with
        ``validation="train"`` or a `FrozenEstimator`.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Impurity-based importances of the pruned model, where it has them.
    n_features_in_ : int
        Number of columns seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where they are all strings.

    See Also
    --------
    TreePruner : Removes splits, in every tree of an ensemble.
    PruningSearchCV : Cross-validates all levels of a pruner.

    Notes
    -----
    Predictions of T members on n rows are stacked once; an order takes O(T n) per member
    picked, "margin_distance" and those by squared error O(T).

    New weights add up to one. They are multiplied into the leaf values of forests and
    bagged trees, whose single trees then no longer predict by themselves, and replace
    ``estimator_weights_`` and ``weights`` elsewhere.

    `AdaBoostRegressor` answers with a weighted median; members are ordered by the squared
    error of the weighted mean.

    Latency follows the number of members; memory follows the number of leaves.

    References
    ----------
    .. [1] D. Margineantu, T. Dietterich, "Pruning adaptive boosting", ICML 1997.
    .. [2] G. Martinez-Munoz, A. Suarez, "Aggregation ordering in bagging", IASTED
       International Conference on Artificial Intelligence and Applications, 2004.
    .. [3] Z. Lu, X. Wu, X. Zhu, J. Bongard, "Ensemble pruning via individual contribution
       ordering", KDD 2010.
    .. [4] N. Li, Y. Yu, Z.-H. Zhou, "Diversity regularized ensemble pruning", ECML PKDD
       2012.
    .. [5] L. Breiman, "Stacked regressions", Machine Learning 24, 1996.
    .. [6] E. Candes, M. Wakin, S. Boyd, "Enhancing sparsity by reweighted l1 minimization",
       Journal of Fourier Analysis and Applications 14, 2008 (the linear programmes).

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from skprune import EnsemblePruner
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> pruner = EnsemblePruner(RandomForestClassifier(random_state=0), keep=10).fit(X, y)
    >>> pruner.estimator_
    RandomForestClassifier(n_estimators=10, random_state=0)
    >>> len(pruner.estimator_.estimators_), int(pruner.path_.units[0])
    (10, 100)
    """

    _unit_name: ClassVar[str] = "members"
    _deciding: ClassVar[frozenset[str]] = frozenset({"faithful"})
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseModelPruner._parameter_constraints,
        "criterion": [StrOptions(set(CRITERIA))],
        "validation": VALIDATION,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        criterion: str = "reduced_error",
        keep: float | None = None,
        threshold: float | None = None,
        validation: float | str | None = None,
        random_state: Seed | None = None,
    ) -> None:
        super().__init__(estimator, keep=keep, threshold=threshold)
        self.criterion = criterion
        self.validation = validation
        self.random_state = random_state

    def _check_model(self, model):
        kind, name = members_type(model), type(model).__name__
        given = f"criterion={self.criterion!r} was given with {name}, "
        if kind.sequential and self.criterion != "stages":
            msg = (
                f"{given}but each of its stages corrects those before it: only the last ones "
                "can go. Allowed for it is criterion='stages'."
            )
        elif self.criterion == "stages" and not kind.staged:
            msg = (
                f"{given}but its members have no order of their own. Allowed for it are all "
                "other criteria; 'random' takes away members without looking."
            )
        elif self.criterion == "faithful" and not is_classifier(model):
            msg = (
                f"{given}but it keeps the class that a classifier names. Allowed for "
                "regressors are criteria that lower an error, such as 'swaps' or 'nnls'."
            )
        elif self.criterion in (*REWEIGHTINGS, "faithful") and not kind.takes_weights(model):
            msg = (
                f"{given}but it cannot hold new weights for its members. Allowed for it are "
                "the criteria that only choose members, such as 'reduced_error'."
            )
        elif self.criterion in set(BY_VOTES) - set(BY_SQUARES) and not is_classifier(model):
            msg = (
                f"{given}but it counts votes for classes. Allowed for regressors are "
                "'reduced_error', 'error', 'backward', 'swaps', 'nnls', 'lasso' and 'random'."
            )
        else:
            return
        raise InputError(msg)

    def _needs_rows(self):
        return self.criterion not in WITHOUT_ROWS

    def _resolve_validation(self):
        if self.criterion != "faithful":
            return super()._resolve_validation()
        if self.validation == "oob":
            msg = (
                "validation='oob' was given with criterion='faithful', but a row that is out of "
                "the samples of all members does not exist. Give None, a fraction or 'train'."
            )
            raise InputError(msg)
        return 0.2 if self.validation is None else self.validation

    def _set_level(self, path, index):
        super()._set_level(path, index)
        self.__dict__.pop("disagreement_bound_", None)  # of an earlier fit
        if self.criterion == "faithful":
            self.disagreement_bound_ = path.bound(index)

    def _prune_model(self, model, rows):
        members = members_for(model)
        if self.criterion == "faithful":
            return FaithfulPath(members, rows)
        if self.criterion in WITHOUT_ROWS:
            order = np.arange(members.n_members)
            if self.criterion == "random":
                order = check_random_state(self.random_state).permutation(order)
            return MemberPath(members, order)
        votes, y, weight, looks = read_votes(members, rows, self.criterion)
        strength = members.weights
        if members.is_classifier and self.criterion in BY_VOTES:
            ballots = diversity.MemberVotes(
                votes, y, member_weight=strength, weight=weight, mask=looks
            )
            order = BY_VOTES[self.criterion](ballots)
            return MemberPath(members, order, diversity.own_error(ballots))
        votes, target = standardize_votes(votes, y, weight, classifies=members.is_classifier)
        gram = diversity.pair_means(votes - target, weight=weight, mask=looks)
        errors = gram.diagonal().copy()
        if self.criterion in REWEIGHTINGS:
            penalties, weights = _weights(self.criterion, votes, target, gram, weight, looks)
            return MemberWeightsPath.of_penalties(members, penalties, weights, errors)
        if self.criterion == "swaps":
            return MemberSetsPath(members, greedy.swaps(gram, strength), errors)
        order = {**BY_SQUARES, "backward": greedy.backward}[self.criterion](gram, strength)
        return MemberPath(members, order, errors)


def _weights(criterion, votes, target, residual_gram, weight, looks):
    """Return penalties, descending, and the weights under each, adding up to one."""
    n_members = len(votes)
    stack = np.concatenate([votes, target[np.newaxis]])
    if looks is not None:
        looks = np.concatenate([looks, np.ones_like(looks[:1])])
    means = diversity.pair_means(stack, weight=weight, mask=looks)
    gram, aim = means[:n_members, :n_members], means[:n_members, n_members]
    if not aim.max() > 0:
        # No member knows more than the mean of the target: the best alone is all there is.
        best = np.argmin(residual_gram.diagonal())
        return np.zeros(1), np.eye(n_members)[[best]]
    penalties, weights = reweighting.lasso_path(gram, aim)
    if criterion == "nnls":
        for row in weights:
            support = np.flatnonzero(row)
            row[support] = reweighting.average_weights(residual_gram[np.ix_(support, support)])
    return penalties, weights / weights.sum(axis=1, keepdims=True)
