"""The path of an ensemble's members: which of them stay at every level."""

import numpy as np
import pandas as pd

from skprune.base import PruningPath
from skprune.base._levels import midpoints, rank_shares
from skprune.base._snapshot import Snapshot
from skprune.surgery.members import factors


class MemberPath(PruningPath):
    """The levels of an ensemble; a cut gives the plain model of the members that stay.

    Parameters
    ----------
    members : Members
        Reader and writer of the whole model.
    masks : ndarray of bool, shape (n_levels, n_members)
        Members that stay at each level; the first row keeps all.
    thresholds : ndarray of shape (n_levels,)
        A threshold within each level, ascending.
    breaks : ndarray of shape (n_levels - 1,)
        Thresholds from which on each level but the first is cut, ascending.
    scores : ndarray of shape (n_members,)
        Score of each member.
    weights : ndarray of shape (n_levels, n_members), default=None
        Weights of the members in the vote, adding up to one, from the second level on;
        the first is the whole model as it is. None if members keep their own.
    errors : ndarray of shape (n_members,), default=None
        Error of each member by itself, where rows were looked at.
    common_scale : bool, default=False
        As in `PruningPath`.
    """

    def __init__(
        self,
        members,
        masks,
        thresholds,
        breaks,
        scores,
        *,
        weights=None,
        errors=None,
        common_scale=False,
    ):
        self._members = members
        self._masks = masks
        self._breaks = breaks
        self._weights = weights
        self.scores = scores
        self.errors = errors
        counts = masks.sum(axis=1)
        # Members of unknown size make the size of a level unknown that holds one.
        sizes = [np.where(masks, size, 0.0).sum(axis=1) for size in members.sizes().T]
        levels = pd.DataFrame(
            {
                "keep": counts / counts[0],
                "threshold": thresholds,
                "members": counts,
                "parameters": sizes[0],
                "bytes": sizes[1],
            }
        )
        super().__init__(members.model, levels, unit="members", common_scale=common_scale)

    @classmethod
    def of_order(cls, members, order, errors=None):
        """Make the nested path of an order, best member first.

        Parameters
        ----------
        members : Members
            Reader and writer of the whole model.
        order : ndarray of int, shape (n_members,)
            The members; the last one goes first.
        errors : ndarray of shape (n_members,), default=None
            Error of each member by itself.

        Returns
        -------
        MemberPath
            A level per count of members. The score of a member is the share of members
            that do not come before it.
        """
        place, scores = rank_shares(order)
        masks = place < np.arange(len(order), 0, -1)[:, np.newaxis]
        breaks = np.sort(scores)
        thresholds = np.concatenate([[-np.inf], midpoints(breaks)])
        return cls(members, masks, thresholds, breaks[:-1], scores, errors=errors)

    @classmethod
    def of_sets(cls, members, masks, errors=None):
        """Make the path of one set of members per count; they need not be nested.

        Parameters
        ----------
        members : Members
            Reader and writer of the whole model.
        masks : ndarray of bool, shape (n_members, n_members)
            The members that stay, in the order of growing sets.
        errors : ndarray of shape (n_members,), default=None
            Error of each member by itself.

        Returns
        -------
        MemberPath
            The score of a member is the share of sets that hold it.
        """
        n_members = len(masks)
        breaks = np.arange(1, n_members + 1) / n_members
        thresholds = np.concatenate([[-np.inf], midpoints(breaks)])
        scores = masks.mean(axis=0)
        return cls(members, masks[::-1], thresholds, breaks[:-1], scores, errors=errors)

    @classmethod
    def of_weights(cls, members, penalties, weights, errors=None):
        """Make the path of weights under a rising penalty; supports need not be nested.

        Parameters
        ----------
        members : Members
            Reader and writer of the whole model.
        penalties : ndarray of shape (n_penalties,)
            Descending.
        weights : ndarray of shape (n_penalties, n_members)
            Non-negative, adding up to one in each row.
        errors : ndarray of shape (n_members,), default=None
            Error of each member by itself.

        Returns
        -------
        MemberPath
            For each size of a support that no higher penalty surpassed, the weights of the
            lowest penalty; before them the whole model. The score of a member is the
            highest penalty under which it has a weight.
        """
        support = weights > 0
        n_members = support.shape[1]
        sizes = support.sum(axis=1)
        records = sizes >= np.maximum.accumulate(sizes)
        last = {int(sizes[row]): row for row in np.flatnonzero(records & (sizes < n_members))}
        rows = np.array([last[size] for size in sorted(last, reverse=True)], dtype=np.intp)
        whole = np.ones((1, n_members))
        held = np.where(support, penalties[:, np.newaxis], 0.0)
        return cls(
            members,
            np.concatenate([whole > 0, support[rows]]),
            np.concatenate([[-np.inf], penalties[rows]]),
            penalties[rows],
            held.max(axis=0),
            weights=np.concatenate([whole / n_members, weights[rows]]),
            errors=errors,
            common_scale=True,
        )

    def mask(self, index):
        """Return the members that stay at a level; see `PruningPath.mask`."""
        return self._masks[index].copy()

    def report(self, index):
        """Say of each member whether it stays at a level, and why.

        Parameters
        ----------
        index : int
            Row of `levels`.

        Returns
        -------
        DataFrame
            A row per member.
        """
        mask, new = self._masks[index], self._new_weights(index)
        table = pd.DataFrame({"kept": mask, "score": self.scores})
        if not self._members.sequential:
            weight = np.where(mask, self._members.weights if new is None else new, 0.0)
            table["weight"] = weight / weight.sum() if weight.sum() > 0 else weight
        if self.errors is not None:
            table["error"] = self.errors
        return table.set_axis(self._members.names).rename_axis("member")

    def snapshots(self, X, index=None):
        """Stand in for the models cut at one level after the other, on given rows.

        Parameters and result are those of `PruningPath.snapshots`. Where the model answers
        with the mean of its members, these are asked once, and a level costs a sum.
        """
        if not self._members.predicts_by_mean:
            yield from super().snapshots(X, index)
            return
        votes = self._members.votes(X)
        for level in self._ascending(index):
            mask, weights = self._masks[level], self._new_weights(level)
            total = np.zeros(votes.shape[1:])
            # In the order of the members: sums in another order differ in the last bit.
            for member in np.flatnonzero(mask):
                vote = votes[member]
                total += vote if weights is None else vote * factors(weights, mask)[member]
            total /= mask.sum()
            yield Snapshot(self.model, total)

    def _new_weights(self, index):
        return None if self._weights is None or index == 0 else self._weights[index]

    def _build(self, index):
        return self._members.keep(self._masks[index], self._new_weights(index))
