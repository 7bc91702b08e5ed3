"""The paths of an ensemble's members: which of them are kept at every level."""

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from skprune.base import PruningPath
from skprune.base._ordered_path import OrderedPath, removal_levels
from skprune.base._path import tabulate
from skprune.base._snapshot import Snapshot
from skprune.solvers.reweighting import nearest_whole_numbers


class BaseMemberPath(PruningPath):
    """Base of the paths of members; a cut gives a plain model of the members that are kept."""

    # Reader and writer of the whole model, and the error of each member, or None.
    _members: Any
    errors: Any

    def report(self, index):
        """Tabulate, by member, its score and its share of the vote; see `PruningPath.report`."""
        mask, new = self.mask(index), self._new_weights(index)
        table = pd.DataFrame({"kept": mask})
        if hasattr(self, "scores"):
            table["score"] = self.scores
        else:
            table["rank_share"] = self.shares_at(index)
        if not self._members.sequential:
            weight = np.where(mask, self._members.weights if new is None else new, 0.0)
            table["weight"] = weight / weight.sum() if weight.sum() > 0 else weight
        if self.errors is not None:
            table["error"] = self.errors
        return table.set_axis(self._members.names).rename_axis("member")

    def shares_at(self, index):  # noqa: ARG002 - a hook
        """Return the rank shares that a pruner has at a level; ndarray of shape (n_members,)."""
        return self.rank_shares

    def snapshots(self, X, index=None):
        """Yield models with the predictions of one level after the other, for given samples.

        Parameters and result are those of `PruningPath.snapshots`. Where the model predicts
        the mean of its members, these predict once, and a level costs a sum.
        """
        if not self._members.predicts_by_mean:
            yield from super().snapshots(X, index)
            return
        votes = self._members.votes(X)
        for level in self._ascending(index):
            mask, copies = self.mask(level), self._new_weights(level)
            copies = mask if copies is None else copies
            total = np.zeros(votes.shape[1:])
            # One after the other, as the model does: the order of a sum affects its rounding.
            for member in np.repeat(np.arange(len(mask)), copies.astype(np.intp)):
                total += votes[member]
            total /= copies.sum()
            yield Snapshot(self.model, total)

    def _new_weights(self, index):  # noqa: ARG002 - a hook
        """Return the weights of the members in the vote; None if they keep their own."""
        return

    def _build(self, index):
        return self._members.keep(self.mask(index), self._new_weights(index))

    def _sizes_of(self, masks):
        """Return parameters and bytes of each level; NaN where those of a member are unknown."""
        stored = self._members.stored(masks)
        sizes = [np.where(stored, size, 0.0).sum(axis=1) for size in self._members.sizes().T]
        return dict(zip(("parameters", "bytes"), sizes, strict=True))


class MemberPath(BaseMemberPath, OrderedPath):
    """The levels of an order of members.

    Parameters
    ----------
    members : Members
        Reader and writer of the whole model.
    order : ndarray of int, shape (n_members,)
        The members, the best first.
    errors : ndarray of shape (n_members,), default=None
        Error of each member by itself, where the criterion uses data.
    """

    def __init__(self, members, order, errors=None):
        self._members, self.errors = members, errors
        removed_at = removal_levels(order[::-1], members.n_members)
        super().__init__(members.model, removed_at, unit="members")

    def _sizes(self, n_levels):
        return self._sizes_of(np.array([self.mask(index) for index in range(n_levels)]))


class GreedyPath(BaseMemberPath):
    """The levels of an order that adds one member after the other, as far as it is asked for.

    The first level that is cut takes as many members as it keeps. What needs more of them
    (a larger level, `levels`, `rank_shares`, or a pickle) orders them all: the first ones are
    the same, so that no level depends on what was asked before.

    Parameters
    ----------
    members : Members
        Reader and writer of the whole model.
    errors : ndarray of shape (n_members,)
        Error of each member by itself.
    pick : callable
        Takes votes and the number of members to select, and returns these, the best first.
    votes : object
        The votes. They are released after the first order: they may take more memory than
        the model.
    read : callable
        Reads the votes once more.
    """

    def __init__(self, members, errors, pick, votes, read):
        self._members, self.errors, self._pick, self._read = members, errors, pick, read
        self._votes, self._order = votes, np.empty(0, dtype=np.intp)
        self.model, self.unit, self.common_scale = members.model, "members", False
        self._breaks = self._shares(np.arange(members.n_members))[:0:-1]

    def __len__(self):
        return len(self._breaks) + 1

    @property
    def units(self):
        """Number of members that are kept, per level; ndarray of shape (n_levels,)."""
        return np.arange(len(self), 0, -1)

    @property
    def levels(self):
        """One row per level; see `PruningPath`."""
        return self._complete.levels

    @property
    def rank_shares(self):
        """The share of the members that are removed no later than each; see `PruningPath`."""
        return self._complete.rank_shares

    def mask(self, index):
        """Return the members that are kept at a level; see `PruningPath.mask`."""
        kept = np.zeros(len(self), dtype=bool)
        kept[self._best(len(self) - index)] = True
        return kept

    def shares_at(self, index):
        """Return the rank shares at a level, of which those that it removes have the lowest."""
        n_kept = len(self) - index
        shares = np.full(len(self), self._shares(n_kept))
        shares[self._best(n_kept)] = self._shares(np.arange(n_kept))
        return shares

    @cached_property
    def _complete(self):
        """The path of the order of all members."""
        return MemberPath(self._members, self._best(len(self)), self.errors)

    def _shares(self, place):
        """Return the rank share of the member at a place of the order."""
        return 1 - place / self._members.n_members

    def _best(self, n_members):
        """Return the first members of the order."""
        if n_members > len(self._order):
            more = len(self) if len(self._order) else n_members
            votes = self._read() if self._votes is None else self._votes
            self._order, self._votes = self._pick(votes, more), None
        return self._order[:n_members]

    def __getstate__(self):
        self._best(len(self))
        return {**super().__getstate__(), "_pick": None, "_read": None}


class MemberSetsPath(MemberPath):
    """The levels of one set of members per size; the sets need not be nested.

    Parameters
    ----------
    members : Members
        Reader and writer of the whole model.
    sets : ndarray of bool, shape (n_members, n_members)
        The members that are kept, one set per row, in ascending order of size.
    errors : ndarray of shape (n_members,), default=None
        Error of each member by itself.
    """

    def __init__(self, members, sets, errors=None):
        self._masks = sets[::-1]
        # The levels have the sizes of those of an order, whichever order that is.
        super().__init__(members, np.arange(len(sets)), errors)
        # For nested sets, this share of the sets that contain a member is its rank share.
        self.rank_shares = sets.mean(axis=0)

    def mask(self, index):
        """Return the members that are kept at a level; see `PruningPath.mask`."""
        return self._masks[index].copy()


class MemberWeightsPath(BaseMemberPath):
    """The levels of an ensemble with new weights in the vote; they need not be nested.

    Parameters
    ----------
    members : Members
        Reader and writer of the whole model.
    weights : ndarray of shape (n_levels, n_members)
        Weights of the members, as `Members.keep` takes them; members of weight 0 are removed.
        The first level is the whole model, which keeps its own weights.
    thresholds : ndarray of shape (n_levels,)
        A threshold within each level, ascending.
    breaks : ndarray of shape (n_levels - 1,)
        Thresholds from which on each level but the first is cut, ascending.
    scores : ndarray of shape (n_members,)
        Score of each member.
    errors : ndarray of shape (n_members,), default=None
        Error of each member by itself, where the criterion uses data.
    common_scale : bool, default=False
        As in `PruningPath`.
    """

    def __init__(
        self, members, weights, thresholds, breaks, scores, *, errors=None, common_scale=False
    ):
        self._members, self._weights, self._breaks = members, weights, breaks
        self.scores, self.errors = scores, errors
        masks = np.array([self.mask(index) for index in range(len(weights))])
        columns = {"members": masks.sum(axis=1), **self._sizes_of(masks)}
        levels = tabulate("members", thresholds, columns)
        super().__init__(members.model, levels, unit="members", common_scale=common_scale)

    @classmethod
    def of_penalties(cls, members, penalties, weights, errors=None):
        """Build the path of weights under an increasing penalty.

        Parameters
        ----------
        members : Members
            Reader and writer of the whole model.
        penalties : ndarray of shape (n_penalties,)
            Descending.
        weights : ndarray of shape (n_penalties, n_members)
            Non-negative; each row sums to 1. Where the model repeats its members, they are
            rounded to whole numbers, of which some are 0.
        errors : ndarray of shape (n_members,), default=None
            Error of each member by itself.

        Returns
        -------
        MemberWeightsPath
            The whole model, then one level per size of the support that no higher penalty
            exceeds, with the weights of the lowest penalty that has it. The score of a
            member is the highest penalty under which its weight is positive.
        """
        if members.repeats:
            weights = np.array([nearest_whole_numbers(row) for row in weights])
        support = weights > 0
        n_members = support.shape[1]
        sizes = support.sum(axis=1)
        records = sizes >= np.maximum.accumulate(sizes)
        last = {int(sizes[row]): row for row in np.flatnonzero(records & (sizes < n_members))}
        rows = np.array([last[size] for size in sorted(last, reverse=True)], dtype=np.intp)
        held = np.where(support, penalties[:, np.newaxis], 0.0)
        return cls(
            members,
            np.concatenate([np.full((1, n_members), 1 / n_members), weights[rows]]),
            np.concatenate([[-np.inf], penalties[rows]]),
            penalties[rows],
            held.max(axis=0),
            errors=errors,
            common_scale=True,
        )

    def mask(self, index):
        """Return the members that are kept at a level; see `PruningPath.mask`."""
        return (self._weights[index] > 0) | (index == 0)

    def _new_weights(self, index):
        return self._weights[index] if index else None
