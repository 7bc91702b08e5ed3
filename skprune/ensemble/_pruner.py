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
from skprune.ensemble._path import GreedyPath, MemberPath, MemberSetsPath, MemberWeightsPath
from skprune.ensemble._rows import read_votes, standardize_votes
from skprune.exceptions import InputError
from skprune.solvers import greedy, reweighting
from skprune.surgery import members_for, members_type

# Orders computed from votes for classes.
BY_VOTES = {
    "reduced_error": diversity.reduced_error,
    "complementarity": diversity.complementarity,
    "margin_distance": diversity.margin_distance,
    "individual_contribution": diversity.individual_contribution,
    "kappa": diversity.kappa,
    "drep": diversity.drep,
    "error": diversity.error,
}
# Those that take time for every member that is selected.
ONE_BY_ONE = ("reduced_error", "complementarity", "drep")
# The same orders for regressors, as far as they are defined for them.
BY_SQUARES = {
    "reduced_error": greedy.forward,
    "error": lambda gram, _: np.argsort(gram.diagonal(), kind="stable"),
}
REWEIGHTINGS = ("nnls", "lasso")
WITHOUT_ROWS = ("stages", "random")
CRITERIA = (*BY_VOTES, "backward", "swaps", *REWEIGHTINGS, "faithful", *WITHOUT_ROWS)


class EnsemblePruner(BaseModelPruner):
    """Prune the members of an ensemble, or the last stages of boosting.

    Members are selected so that the ensemble of those that are kept is accurate. The result
    in `estimator_` is a plain model of the same class, with fewer members. One fit gives all
    levels of pruning: see `path_`.

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
        How members are selected. The following order all members, the best first:

        - "reduced_error": greedy forward selection by the error of the ensemble; by its
          squared error for regressors [1]_;
        - "complementarity": forward selection of the member that is most often right where
          the ensemble so far is wrong [2]_;
        - "margin_distance": forward selection of the member that brings the ensemble
          closest to a small positive margin on all samples [2]_;
        - "individual_contribution": by the contribution of each member to the vote of the
          whole ensemble [3]_;
        - "kappa": pairs of members in ascending order of their agreement (Cohen's
          kappa) [1]_;
        - "drep": forward selection by error among the members that differ most from the
          ensemble so far [4]_;
        - "error": by the error of each member alone;
        - "backward": backward elimination by the squared error of the average prediction (of
          probabilities, for classifiers);
        - "stages": removes the last stages; for boosting, and the only criterion for
          `GradientBoosting*` and `HistGradientBoosting*`;
        - "random": random order, the baseline of all other criteria.

        The following give subsets that are not nested:

        - "swaps": for each size adds the best member, then swaps members while that lowers
          the squared error of the average prediction;
        - "lasso": non-negative weights under an L1 penalty; members of weight zero are
          removed (see Notes for how a model holds weights);
        - "nnls": the members selected by "lasso", with the weights (non-negative, of sum 1)
          that minimise the squared error of the average prediction [5]_.

        One determines the number of members itself and takes no `keep` or `threshold`:

        - "faithful": few members, with new weights, for which the ensemble predicts the same
          class for every training sample [6]_; for classifiers.
    keep : int or float, default=None
        Members or stages to keep: their maximum number (int) or fraction (float in (0, 1]).
        ``keep=1.0`` is the whole model. If `threshold` is None too, half of them are kept.
    threshold : float, default=None
        Members with a score, or rank share, above it are kept. Shares range from
        ``1 / n_members`` to 1; for "lasso" and "nnls" it is a penalty.
    validation : {"oob", "train"}, float or None, default=None
        Validation data: the out-of-bag samples of each member, the training samples, or a
        held-out fraction (the model is then fitted to the rest). None is "oob" if the model
        bootstraps, else 0.2. "stages" and "random" use no data. With a `FrozenEstimator` the
        samples given to `fit` are the validation data. For "faithful" the held-out fraction,
        0.2 if None, serves `disagreement_bound_` only; the predicted classes of the training
        samples, or of the samples given with a frozen model, are preserved.
    random_state : int, RandomState instance or None, default=None
        Draws the held-out samples and the order of "random". It is not passed on: set that
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
        "swaps" the share of sizes at which it is chosen; larger shares are kept. Members that
        "reduced_error", "complementarity" and "drep" remove from classifiers all share the
        lowest value: `fit` selects no more members than are kept. ``path_.rank_shares``
        orders them all.
    keep_mask_ : ndarray of bool, shape (n_members,)
        Members that are kept.
    report_ : DataFrame
        One row per member: whether it is kept, its score or rank share, its share of the
        vote, and its own error on the validation data.
    disagreement_bound_ : float
        For "faithful" only: exact (binomial) upper bound, at 95 % confidence, of the
        probability that the pruned model predicts another class than the whole model for a
        new sample, from the held-out samples, which are not used for selection. NaN if none
        are held out: with ``validation="train"`` or a `FrozenEstimator`.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers.
    feature_importances_ : ndarray of shape (`n_features_in_`,)
        Impurity-based importances of the pruned model, where it has them.
    n_features_in_ : int
        Number of features seen during `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during `fit`, if they are all strings.

    See Also
    --------
    TreePruner : Removes splits, in every tree of an ensemble.
    PruningSearchCV : Cross-validates all levels of a pruner.

    Notes
    -----
    The predictions of T members for n samples are computed once. An order takes O(T n) time
    per selected member, for "margin_distance" and the criteria of squared error O(T). With
    "reduced_error", "complementarity" and "drep" `fit` of a classifier selects only the members
    that are kept. The others are ordered when `path_` is asked for a larger level, for its
    `levels` or `rank_shares`, or is pickled; for that it refers to the validation samples, and
    predicts them once more.

    Forests and bagging have no place for weights: they hold a member as often as its weight
    states, at most 16 times, as one object that takes memory and bytes of a pickle once. The
    weights are rounded to the whole numbers with the nearest shares of the vote whose sum is
    at most the number of members of the whole model, so that ``n_estimators`` never grows.
    Members whose weight rounds to 0 are removed. The whole numbers of "faithful" are checked
    to preserve all predictions; if none do, the whole model is kept. `AdaBoostClassifier` and
    voting store the exact weights, of sum 1, as ``estimator_weights_`` and ``weights``.

    Members of a voting model to which its ``weights`` give 0 have no vote, and go before all
    others.

    `AdaBoostRegressor` predicts a weighted median; its members are ordered by the squared
    error of the weighted mean.

    Prediction time is proportional to ``len(estimator_.estimators_)``, memory to the number of
    leaves of distinct members.

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
                "can be removed. Allowed for it is criterion='stages'."
            )
        elif self.criterion == "stages" and not kind.staged:
            msg = (
                f"{given}but its members have no order of their own. Allowed for it are all "
                "other criteria, of which 'random' removes members in random order."
            )
        elif self.criterion == "faithful" and not is_classifier(model):
            msg = (
                f"{given}but it preserves the classes that a classifier predicts. Allowed for "
                "regressors are criteria that minimise an error, such as 'swaps' or 'nnls'."
            )
        elif self.criterion in (*REWEIGHTINGS, "faithful") and not kind.takes_weights(model):
            msg = (
                f"{given}but it cannot store new weights of its members. Allowed for it are "
                "the criteria that only select members, such as 'reduced_error'."
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
                "validation='oob' was given with criterion='faithful', but no sample is out of "
                "bag for all members. Give None, a fraction or 'train'."
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
                order = _voters_first(order, members.weights)
            return MemberPath(members, order)
        if members.is_classifier and self.criterion in BY_VOTES:
            return self._order_by_votes(members, rows)
        votes, y, weight, mask = read_votes(members, rows, self.criterion)
        member_weight = members.weights
        votes, target = standardize_votes(votes, y, weight, classifies=members.is_classifier)
        gram = diversity.pair_means(votes - target, weight=weight, mask=mask)
        errors = gram.diagonal().copy()
        if self.criterion in REWEIGHTINGS:
            penalties, weights = _weights(self.criterion, votes, target, gram, weight, mask)
            return MemberWeightsPath.of_penalties(members, penalties, weights, errors)
        if self.criterion == "swaps":
            return MemberSetsPath(members, greedy.swaps(gram, member_weight), errors)
        order = {**BY_SQUARES, "backward": greedy.backward}[self.criterion](gram, member_weight)
        return MemberPath(members, _voters_first(order, member_weight), errors)

    def _order_by_votes(self, members, rows):
        criterion = self.criterion

        def read():
            votes, y, weight, mask = read_votes(members, rows, criterion)
            return diversity.MemberVotes(
                votes, y, member_weight=members.weights, weight=weight, mask=mask
            )

        votes, pick = read(), BY_VOTES[criterion]
        errors = diversity.own_error(votes)
        if criterion in ONE_BY_ONE and members.weights.all():
            return GreedyPath(members, errors, pick, votes, read)
        return MemberPath(members, _voters_first(pick(votes), members.weights), errors)

    def _shares_at(self, path, index):
        return path.shares_at(index)


def _voters_first(order, weight):
    """Return an order with the members of weight zero at its end: alone they have no vote."""
    return order[np.argsort(weight[order] == 0, kind="stable")]


def _weights(criterion, votes, target, residual_gram, weight, mask):
    """Return penalties, descending, and the weights of members under each, which sum to 1."""
    n_members = len(votes)
    stack = np.concatenate([votes, target[np.newaxis]])
    if mask is not None:
        mask = np.concatenate([mask, np.ones_like(mask[:1])])
    means = diversity.pair_means(stack, weight=weight, mask=mask)
    gram, aim = means[:n_members, :n_members], means[:n_members, n_members]
    if not aim.max() > 0:
        # No member predicts better than the mean of the target: keep the best one alone.
        best = np.argmin(residual_gram.diagonal())
        return np.zeros(1), np.eye(n_members)[[best]]
    penalties, weights = reweighting.lasso_path(gram, aim)
    if criterion == "nnls":
        for row in weights:
            support = np.flatnonzero(row)
            row[support] = reweighting.average_weights(residual_gram[np.ix_(support, support)])
    return penalties, weights / weights.sum(axis=1, keepdims=True)
