"""Surgery for the members of ensembles: their predictions, and the model of some of them.

Each kind of ensemble has one reader and writer, and all have the same interface: `n_members`,
`names`, `weights`, `votes`, `in_bag`, `encode`, `sizes` and `keep`.
"""

import copy
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted, validate_data

from skprune.arrays.labels import encode_targets
from skprune.surgery._registry import has_surgeon, surgeon_for, surgeon_type
from skprune.surgery._repeats import first_of
from skprune.surgery.forests import drop_out_of_bag, repeat_members


class Members:
    """Reads and writes the members of a fitted ensemble; the base of all kinds.

    It is given a fitted model and keeps it unchanged as `model`.
    """

    # Whether each member corrects the previous ones, so that only the last can be removed.
    sequential = False
    # Whether the first k members are the model after k iterations.
    staged = False
    # Whether the model has no place for weights, and holds a member as often as its weight states.
    repeats = False

    def __init__(self, model):
        check_is_fitted(model)
        self.model = model
        self._surgeon: Any = surgeon_for(model) if has_surgeon(model, family="tree") else None

    @classmethod
    def check(cls, model):
        """Raise an error if the parameters of a model already rule it out."""

    @classmethod
    def takes_weights(cls, model):  # noqa: ARG003 - a hook
        """Return whether the plain model can store any weights of its members."""
        return True

    @classmethod
    def bootstraps(cls, model):
        """Return whether members are fitted on bootstrap samples, from the parameters."""
        return bool(getattr(model, "bootstrap", False))

    @property
    def _members(self):
        return list(self.model.estimators_)

    @property
    def n_members(self):
        """Number of members."""
        return len(self._members)

    @property
    def names(self):
        """Names of the members; numbers if they have none."""
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
        """Whether `n_outputs` is read from the model, rather than assumed to be 1."""
        return self._surgeon is not None

    @property
    def predicts_by_mean(self):
        """Whether the model predicts the unweighted mean of `votes`, of one output."""
        return False

    def in_bag(self):
        """Return the training samples of each member, or None without bootstrap."""
        return self.model.estimators_samples_ if self.bootstraps(self.model) else None

    def encode(self, y):
        """Encode labels as indices of the classes; -1 for other labels.

        Parameters
        ----------
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels.

        Returns
        -------
        ndarray of int, shape (n_samples * n_outputs,)
            Indices, sample by sample.
        """
        return encode_targets(self.model.classes_, y).ravel()

    def sizes(self):
        """Return the size of each member.

        Returns
        -------
        ndarray of shape (n_members, 2)
            Parameters and bytes; NaN for members without a surgeon.
        """
        return np.array([_size_of(member) for member in self._members], dtype=float)

    def stored(self, masks):
        """Return which members some models store, if a member may stand several times.

        Parameters
        ----------
        masks : ndarray of bool, shape (n_models, n_members)
            Members that each model keeps.

        Returns
        -------
        ndarray of bool, shape (n_models, n_members)
            The same, without those that are one object with an earlier one of these.
        """
        masks, first = masks.copy(), first_of(self._members)
        for member in np.unique(first[first != np.arange(len(first))]):
            same = np.flatnonzero(first == member)
            masks[:, same] &= masks[:, same].cumsum(axis=1) == 1
        return masks

    def keep(self, mask, weights=None):
        """Build the plain model of some of the members.

        Parameters
        ----------
        mask : ndarray of bool, shape (n_members,)
            Members to keep, at least one.
        weights : ndarray of shape (n_members,), default=None
            New weights, positive for the kept members; the model's own if None. Where the
            model `repeats` its members, whole numbers.

        Returns
        -------
        estimator
            Of the same class; it shares no data with the whole model. A member that is
            repeated is one object.
        """
        mask = np.asarray(mask, dtype=bool)
        if self._surgeon is not None:
            model = self._cut(mask)
        else:
            shell = copy.copy(self.model)
            if not mask.all():
                self._subset(shell, np.flatnonzero(mask))
            model = _copied(shell, self._members)
        if weights is not None:
            self._reweight(model, np.asarray(weights, dtype=float)[mask])
        return model

    def _cut(self, mask):
        return self._surgeon.cut(self._surgeon.table.is_split, keep_tree=mask)

    def _subset(self, shell, members):
        """Replace the members of a shallow copy of the model by some of them."""
        shell.estimators_ = [self._members[m] for m in members]
        shell.n_estimators = len(members)

    def _reweight(self, model, weights):
        """Set the weights of the kept members of a new model."""


class IndependentMembers(Members, ABC):
    """Members that predict the target by themselves, unlike stages of boosting."""

    @abstractmethod
    def votes(self, X):
        """Return the predictions of each member.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_members, n_samples, n_values)
            Class probabilities in the order of the model's classes, output by output, one-hot
            where the model counts hard votes; for regressors a column per output.
        """


class ForestMembers(IndependentMembers):
    """The trees of random forests and extra-trees; a weight is a number of times."""

    repeats = True

    @classmethod
    def check(cls, model):
        """Raise an error if the trees cannot be read."""
        surgeon_type(model, family="tree")

    @property
    def predicts_by_mean(self):
        """Whether the model predicts the unweighted mean of `votes`, of one output."""
        return self._surgeon.predicts_by_mean and self.n_outputs == 1

    def votes(self, X):
        """Return the predictions of each tree; see `IndependentMembers.votes`."""
        value = self._surgeon.table.value
        leaf = self._surgeon.apply(X)
        return value.reshape(len(value), -1)[leaf]

    def _reweight(self, model, weights):
        copies = np.asarray(weights, dtype=np.intp)
        if (copies > 1).any():
            repeat_members(model, np.repeat(np.arange(len(copies)), copies))


class BaggingMembers(ForestMembers):
    """The members of bagging, of any kind; a weight is a number of times."""

    @classmethod
    def check(cls, model):
        """Accept any members."""

    @property
    def predicts_by_mean(self):
        """Whether the model predicts the unweighted mean of `votes`, of one output."""
        return self._surgeon is not None and super().predicts_by_mean

    def votes(self, X):
        """Return the predictions of each member; see `IndependentMembers.votes`."""
        if self._surgeon is not None:
            return super().votes(X)
        X = _validated(self.model, X)
        members = list(zip(self._members, self.model.estimators_features_, strict=True))
        if not self.is_classifier:
            return np.stack([_as_columns(m.predict(X[:, columns])) for m, columns in members])
        n_classes = len(self.model.classes_)
        return np.stack([_class_votes(m, X[:, columns], n_classes) for m, columns in members])

    def _subset(self, shell, members):
        super()._subset(shell, members)
        shell.estimators_features_ = [self.model.estimators_features_[m] for m in members]
        # `estimators_samples_` draws the samples from these seeds whenever it is read.
        if len(seeds := self.model._seeds) == self.n_members:
            shell._seeds = seeds[members]
        drop_out_of_bag(shell)


class AdaBoostMembers(IndependentMembers):
    """The members of AdaBoost, with the weights of their hard votes, or in a median."""

    staged = True

    @classmethod
    def takes_weights(cls, model):
        """Return whether predictions are weighted sums; those of regressors are medians."""
        return is_classifier(model)

    @property
    def weights(self):
        """Weights in the vote; ndarray of shape (n_members,)."""
        # Where boosting stopped early there are more weights than members.
        return self.model.estimator_weights_[: self.n_members]

    def votes(self, X):
        """Return the predictions of each member; see `IndependentMembers.votes`."""
        X = _validated(self.model, X)
        predictions = [member.predict(X) for member in self._members]
        if not self.is_classifier:
            return np.stack([_as_columns(each) for each in predictions])
        eye = np.eye(len(self.model.classes_))
        return np.stack([eye[self.encode(each)] for each in predictions])

    def _subset(self, shell, members):
        super()._subset(shell, members)
        shell.estimator_weights_ = self.model.estimator_weights_[members]
        shell.estimator_errors_ = self.model.estimator_errors_[members]

    def _reweight(self, model, weights):
        model.estimator_weights_ = weights


class VotingMembers(IndependentMembers):
    """The members of voting, without those that were dropped before fitting."""

    @property
    def names(self):
        """Names of the fitted members."""
        return [name for name, member in self.model.estimators if _is_fitted(member)]

    @property
    def weights(self):
        """Weights in the vote; ndarray of shape (n_members,)."""
        if self.model.weights is None:
            return np.ones(self.n_members)
        pairs = zip(self.model.estimators, self.model.weights, strict=True)
        return np.array(
            [weight for (_, member), weight in pairs if _is_fitted(member)], dtype=float
        )

    def votes(self, X):
        """Return the predictions of each member; see `IndependentMembers.votes`."""
        if not self.is_classifier:
            return np.stack([_as_columns(member.predict(X)) for member in self._members])
        if self.model.voting == "soft":
            return np.stack([member.predict_proba(X) for member in self._members])
        eye = np.eye(len(self.model.classes_))  # members predict encoded labels
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
        # A member that was dropped before fitting has a weight too.
        fitted = iter(weights)
        model.weights = [
            float(next(fitted)) if _is_fitted(member) else 0.0 for _, member in model.estimators
        ]


class StageMembers(Members):
    """The stages of boosting: only the last can be removed, as each corrects the previous."""

    sequential = True
    staged = True

    @classmethod
    def check(cls, model):
        """Raise an error if the trees cannot be read."""
        surgeon_type(model, family="tree")

    @classmethod
    def takes_weights(cls, model):  # noqa: ARG003 - a hook
        """Return False: stages have no weights."""
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
        # Without its splits a tree is one leaf, and leaves are all of one size.
        trees += (np.array(surgeon.size()[1:]) - trees.sum(axis=0)) / n_trees
        return trees.reshape(self.n_members, -1, 2).sum(axis=1)

    def _cut(self, mask):
        keep_tree = np.repeat(mask, self._surgeon.n_values_per_stage)
        return self._surgeon.cut(self._surgeon.table.is_split, keep_tree=keep_tree)


def _size_of(member):
    known = has_surgeon(member, family="tree")
    return surgeon_for(member).size()[1:] if known else (np.nan, np.nan)


def _copied(shell, members):
    """Return a deep copy; its trees are rebuilt, so that equal models pickle equally."""
    surgeons = [(m, surgeon_for(m)) for m in members if has_surgeon(m, family="tree")]
    memo = {id(m): surgeon.cut(surgeon.table.is_split) for m, surgeon in surgeons}
    return copy.deepcopy(shell, memo)


def _validated(model, X):
    return validate_data(
        model, X, reset=False, accept_sparse=["csr", "csc"], dtype=None, ensure_all_finite=False
    )


def _as_columns(predictions):
    return np.asarray(predictions, dtype=float).reshape(len(predictions), -1)


def _class_votes(member, X, n_classes):
    """Return the votes of a member that was fitted on encoded labels of some of the classes."""
    if not hasattr(member, "predict_proba"):
        return np.eye(n_classes)[np.asarray(member.predict(X), dtype=int)]
    full = np.zeros((X.shape[0], n_classes))
    full[:, np.asarray(member.classes_, dtype=int)] = member.predict_proba(X)
    return full


def _is_fitted(member):
    return not (isinstance(member, str) and member == "drop")
