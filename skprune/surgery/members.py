"""Surgery for the members of ensembles: what each says, and the model of some of them.

Every kind of ensemble has one reader and writer, and all have one silhouette: `n_members`,
`names`, `weights`, `votes`, `in_bag`, `encode`, `sizes` and `keep`.
"""

import copy
from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import Any

import numpy as np
from sklearn import ensemble
from sklearn.base import is_classifier
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted, validate_data

from skprune.arrays.labels import encode_targets
from skprune.exceptions import UnsupportedModelError
from skprune.surgery._dispatch import TREE_SURGEONS, look_up, surgeon_for, surgeon_type
from skprune.surgery.forests import OUT_OF_BAG_ATTRIBUTES


class Members:
    """Reads and writes the members of a fitted ensemble; the base of all kinds.

    Parameters
    ----------
    model : fitted estimator
        Never changed.

    Attributes
    ----------
    model : fitted estimator
        As given.
    """

    # Whether members only make sense together with all before them.
    sequential = False
    # Whether the model of the first k members is the model after k rounds.
    staged = False

    def __init__(self, model):
        check_is_fitted(model)
        self.model = model
        self._surgeon: Any = surgeon_for(model) if _is_known(model) else None

    @classmethod
    def check(cls, model):
        """Refuse a model whose parameters already say that it cannot be read."""

    @classmethod
    def takes_weights(cls, model):  # noqa: ARG003 - a hook
        """Say whether the plain model can hold any weights for its members."""
        return True

    @property
    def _members(self):
        return list(self.model.estimators_)

    @property
    def n_members(self):
        """Number of members."""
        return len(self._members)

    @property
    def names(self):
        """What the members are called: numbers, if nothing else."""
        return list(range(self.n_members))

    @property
    def weights(self):
        """Weights in the vote; ndarray of shape (n_members,)."""
        return np.ones(self.n_members)

    @property
    def is_classifier(self):
        """Whether members vote for classes."""
        return is_classifier(self.model)

    @property
    def n_outputs(self):
        """Number of targets."""
        return 1 if self._surgeon is None else self._surgeon.n_outputs

    @property
    def knows_outputs(self):
        """Whether `n_outputs` is read from the model, and not taken to be one."""
        return self._surgeon is not None

    @property
    def answers_by_mean(self):
        """Whether the model answers with the plain mean of `votes` of one output."""
        return False

    def in_bag(self):
        """Return the training rows of each member, or None without bootstrap samples."""
        return self.model.estimators_samples_ if getattr(self.model, "bootstrap", False) else None

    def encode(self, y):
        """Turn labels into indices of the classes; -1 for those that are not known.

        Parameters
        ----------
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Labels.

        Returns
        -------
        ndarray of int, shape (n_rows * n_outputs,)
            Indices, row by row.
        """
        return encode_targets(self.model.classes_, y).ravel()

    def sizes(self):
        """Return parameters and bytes of each member, NaN where no surgeon knows it.

        Returns
        -------
        ndarray of shape (n_members, 2)
            Numbers.
        """
        return np.array([_size_of(member) for member in self._members], dtype=float)

    def keep(self, mask, weights=None):
        """Build the plain model of some of the members.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_members,)
            Members that stay, at least one.
        weights : ndarray of shape (n_members,), default=None
            Their new weights in the vote, adding up to one over those that stay; the
            model's own if None.

        Returns
        -------
        estimator
            Of the same class; it shares nothing with the whole model.
        """
        mask = np.asarray(mask, dtype=bool)
        if self._surgeon is not None:
            model = self._cut(mask, weights)
        else:
            shell = copy.copy(self.model)
            if not mask.all():
                self._subset(shell, np.flatnonzero(mask))
            model = _copied(shell, self._members)
        if weights is not None:
            self._reweight(model, np.asarray(weights, dtype=float)[mask])
        return model

    def _cut(self, mask, weights):  # noqa: ARG002 - a hook
        return self._surgeon.cut(self._surgeon.table.is_split, keep_tree=mask)

    def _subset(self, shell, members):
        """Let a shallow copy of the model hold some of its members only."""
        shell.estimators_ = [self._members[m] for m in members]
        shell.n_estimators = len(members)

    def _reweight(self, model, weights):
        """Set the weights of the members that stayed."""


class SpeakingMembers(Members, ABC):
    """Members that each answer by themselves, as stages of boosting do not."""

    @abstractmethod
    def votes(self, X):
        """Return what each member says.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_members, n_rows, n_values)
            Class probabilities in the order of the model's classes (of one output after the
            other), ones where it counts hard votes; for regressors a column per output.
        """


class ForestMembers(SpeakingMembers):
    """The trees of random forests and extra-trees; weights are baked into their values."""

    @classmethod
    def check(cls, model):
        """Refuse what cannot be taken apart."""
        surgeon_type(model, TREE_SURGEONS)

    @property
    def answers_by_mean(self):
        """Whether the model answers with the plain mean of `votes` of one output."""
        return self._surgeon.answers_by_mean and self.n_outputs == 1

    def votes(self, X):
        """Return what each tree says; see `Members.votes`."""
        value = self._surgeon.table.value
        leaf = self._surgeon.apply(X)
        return value.reshape(len(value), -1)[leaf]

    def _cut(self, mask, weights):
        table, value = self._surgeon.table, None
        if weights is not None:
            value = table.value * factors(weights, mask)[table.tree][:, np.newaxis, np.newaxis]
        return self._surgeon.cut(table.is_split, keep_tree=mask, value=value)


class BaggingMembers(ForestMembers):
    """The members of bagging; other members than trees have no weights."""

    @classmethod
    def check(cls, model):
        """Accept any members."""

    @classmethod
    def takes_weights(cls, model):
        """Say whether members are trees, which can hold their weights."""
        return _is_known(model)

    @property
    def answers_by_mean(self):
        """Whether the model answers with the plain mean of `votes` of one output."""
        return self._surgeon is not None and super().answers_by_mean

    def votes(self, X):
        """Return what each member says; see `Members.votes`."""
        if self._surgeon is not None:
            return super().votes(X)
        X = _validated(self.model, X)
        members = list(zip(self._members, self.model.estimators_features_, strict=True))
        if not self.is_classifier:
            return np.stack([_columns(m.predict(X[:, columns])) for m, columns in members])
        n_classes = len(self.model.classes_)
        return np.stack([_ballot(m, X[:, columns], n_classes) for m, columns in members])

    def _subset(self, shell, members):
        super()._subset(shell, members)
        shell.estimators_features_ = [self.model.estimators_features_[m] for m in members]
        # The samples are drawn anew from these whenever they are asked for.
        if len(seeds := self.model._seeds) == self.n_members:
            shell._seeds = seeds[members]
        for name in OUT_OF_BAG_ATTRIBUTES:
            shell.__dict__.pop(name, None)


class AdaBoostMembers(SpeakingMembers):
    """The members of AdaBoost, with the weights of their hard votes or medians."""

    staged = True

    @classmethod
    def takes_weights(cls, model):
        """Say whether answers are sums: the regressor takes a weighted median."""
        return is_classifier(model)

    @property
    def weights(self):
        """Weights in the vote; ndarray of shape (n_members,)."""
        # Where boosting stopped early there are more of these than members.
        return self.model.estimator_weights_[: self.n_members]

    def votes(self, X):
        """Return what each member says; see `Members.votes`."""
        X = _validated(self.model, X)
        answers = [member.predict(X) for member in self._members]
        if not self.is_classifier:
            return np.stack([_columns(answer) for answer in answers])
        eye = np.eye(len(self.model.classes_))
        return np.stack([eye[self.encode(answer)] for answer in answers])

    def _subset(self, shell, members):
        super()._subset(shell, members)
        shell.estimator_weights_ = self.model.estimator_weights_[members]
        shell.estimator_errors_ = self.model.estimator_errors_[members]

    def _reweight(self, model, weights):
        model.estimator_weights_ = weights


class VotingMembers(SpeakingMembers):
    """The members of voting; those that were dropped before fitting are not counted."""

    @property
    def names(self):
        """Names of the members that vote."""
        return [name for name, member in self.model.estimators if _votes(member)]

    @property
    def weights(self):
        """Weights in the vote; ndarray of shape (n_members,)."""
        if self.model.weights is None:
            return np.ones(self.n_members)
        pairs = zip(self.model.estimators, self.model.weights, strict=True)
        return np.array([weight for (_, member), weight in pairs if _votes(member)], dtype=float)

    def votes(self, X):
        """Return what each member says; see `Members.votes`."""
        if not self.is_classifier:
            return np.stack([_columns(member.predict(X)) for member in self._members])
        if self.model.voting == "soft":
            return np.stack([member.predict_proba(X) for member in self._members])
        eye = np.eye(len(self.model.classes_))  # members name the codes of labels
        return np.stack([eye[np.asarray(member.predict(X), int)] for member in self._members])

    def _subset(self, shell, members):
        kept = set(np.asarray(self.names, dtype=object)[members])
        shell.estimators = [pair for pair in self.model.estimators if pair[0] in kept]
        shell.estimators_ = [self._members[m] for m in members]
        shell.named_estimators_ = Bunch(
            **{n: self.model.named_estimators_[n] for n, _ in shell.estimators}
        )
        if self.model.weights is not None:
            shell.weights = list(self.weights[members])

    def _reweight(self, model, weights):
        # A member dropped before fitting still has its place among the weights.
        votes = iter(weights)
        model.weights = [float(next(votes)) if _votes(m) else 0.0 for _, m in model.estimators]


class StageMembers(Members):
    """The stages of boosting: each corrects those before it, so only first ones may stay."""

    sequential = True
    staged = True

    @classmethod
    def check(cls, model):
        """Refuse what cannot be taken apart."""
        surgeon_type(model, TREE_SURGEONS)

    @classmethod
    def takes_weights(cls, model):  # noqa: ARG003 - a hook
        """Stages have no weights."""
        return False

    @property
    def _members(self):
        width = self._surgeon.n_values_per_stage
        return list(np.arange(self._surgeon.table.n_trees).reshape(-1, width))

    def sizes(self):
        """Return parameters and bytes of each stage; ndarray of shape (n_members, 2)."""
        surgeon, table = self._surgeon, self._surgeon.table
        split, n_trees = table.is_split, table.n_trees
        saved = np.stack([surgeon.split_parameters, surgeon.split_bytes], axis=1)
        trees = np.zeros((n_trees, 2))
        np.add.at(trees, table.tree[split], saved[split])
        # What is left when all splits are gone is one leaf per tree, all of one size.
        trees += (np.array(surgeon.size()[1:]) - trees.sum(axis=0)) / n_trees
        return trees.reshape(self.n_members, -1, 2).sum(axis=1)

    def _cut(self, mask, weights):  # noqa: ARG002 - a hook
        keep_tree = np.repeat(mask, self._surgeon.n_values_per_stage)
        return self._surgeon.cut(self._surgeon.table.is_split, keep_tree=keep_tree)


def factors(weights, mask):
    """Return what values are multiplied with, so that a plain mean is a weighted one.

    Parameters
    ----------
    weights : ndarray of shape (n_members,)
        Weights that add up to one over the members that stay.
    mask : ndarray of bool, shape (n_members,)
        Members that stay.

    Returns
    -------
    ndarray of shape (n_members,)
        Factors; 0 for members that go.
    """
    return np.where(mask, np.asarray(weights, dtype=float) * mask.sum(), 0.0)


def members_type(model):
    """Return the reader and writer of a model's members, for a model fitted or not.

    Parameters
    ----------
    model : estimator
        A model, of a known type or a subclass of one.

    Returns
    -------
    type
        A subclass of `Members`.

    Raises
    ------
    UnsupportedModelError
        If it is no ensemble that is known; the message lists those.
    """
    return look_up(model, MEMBERS, "has no members that skprune can choose among")


def members_for(model):
    """Return the reader and writer that has read a fitted ensemble.

    Parameters
    ----------
    model : fitted estimator
        A model, of a known type or a subclass of one.

    Returns
    -------
    Members
        Its members.
    """
    return members_type(model)(model)


def _is_known(model):
    try:
        surgeon_type(model, TREE_SURGEONS)
    except UnsupportedModelError:
        return False
    return True


def _size_of(member):
    return surgeon_for(member).size()[1:] if _is_known(member) else (np.nan, np.nan)


def _copied(shell, members):
    """Copy deeply; trees are rebuilt, so that equal models have equal pickles."""
    surgeons = [(m, surgeon_for(m)) for m in members if _is_known(m)]
    memo = {id(m): surgeon.cut(surgeon.table.is_split) for m, surgeon in surgeons}
    return copy.deepcopy(shell, memo)


def _validated(model, X):
    return validate_data(
        model, X, reset=False, accept_sparse=["csr", "csc"], dtype=None, ensure_all_finite=False
    )


def _columns(answer):
    return np.asarray(answer, dtype=float).reshape(len(answer), -1)


def _ballot(member, X, n_classes):
    """Return the vote of a member that was fitted on codes of labels, perhaps not all."""
    if not hasattr(member, "predict_proba"):
        return np.eye(n_classes)[np.asarray(member.predict(X), dtype=int)]
    full = np.zeros((X.shape[0], n_classes))
    full[:, np.asarray(member.classes_, dtype=int)] = member.predict_proba(X)
    return full


def _votes(member):
    return not (isinstance(member, str) and member == "drop")


MEMBERS = MappingProxyType(
    {
        ensemble.RandomForestClassifier: ForestMembers,
        ensemble.RandomForestRegressor: ForestMembers,
        ensemble.ExtraTreesClassifier: ForestMembers,
        ensemble.ExtraTreesRegressor: ForestMembers,
        ensemble.BaggingClassifier: BaggingMembers,
        ensemble.BaggingRegressor: BaggingMembers,
        ensemble.AdaBoostClassifier: AdaBoostMembers,
        ensemble.AdaBoostRegressor: AdaBoostMembers,
        ensemble.VotingClassifier: VotingMembers,
        ensemble.VotingRegressor: VotingMembers,
        ensemble.GradientBoostingClassifier: StageMembers,
        ensemble.GradientBoostingRegressor: StageMembers,
        ensemble.HistGradientBoostingClassifier: StageMembers,
        ensemble.HistGradientBoostingRegressor: StageMembers,
    }
)
