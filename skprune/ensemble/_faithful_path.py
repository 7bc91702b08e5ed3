"""The path of faithful pruning: the whole ensemble, and a smaller one that predicts the same."""

import numpy as np

from skprune.ensemble._path import MemberWeightsPath
from skprune.solvers.faithful_weights import disagreement_bound, faithful_weights

# Number of attempts to give a margin to samples that rounding moves to another class.
ATTEMPTS = 5


class FaithfulPath(MemberWeightsPath):
    """The whole ensemble and, if it exists, a smaller one that predicts the same classes.

    Parameters
    ----------
    members : Members
        Reader and writer of the whole model, a classifier.
    rows : ValidationData
        The held-out samples, if the model was fitted to others, else the samples whose
        predicted classes are preserved.

    Attributes
    ----------
    disagreement_bound : float
        Upper bound, at 95 % confidence, of the probability that the smaller model predicts
        another class. NaN if no samples were held out.
    """

    def __init__(self, members, rows):
        reference = rows if rows.grown_on is None else rows.grown_on
        weights = _weights(members, reference.X)
        share = np.ones(members.n_members) / members.n_members if weights is None else weights
        n_levels = 1 + (weights is not None)
        super().__init__(
            members,
            np.tile(share, (n_levels, 1)),
            np.array([-np.inf, 0.0])[:n_levels],
            np.zeros(n_levels - 1),
            share,
        )
        self.disagreement_bound = np.nan
        if rows.grown_on is not None:
            whole, small = self.model.predict(rows.X), self.cut(index=-1).predict(rows.X)
            differ = (whole != small).reshape(len(whole), -1).any(axis=1)
            self.disagreement_bound = float(disagreement_bound(differ.sum(), len(differ)))

    def bound(self, index):
        """Return the bound on the disagreement at a level; 0 for the whole model."""
        return self.disagreement_bound if index else 0.0


def _weights(members, X):
    """Find weights, of sum 1, of few members; None if all of them are needed."""
    winner = members.encode(members.model.predict(X))
    votes = members.votes(X)
    votes = votes.reshape(len(votes), len(winner), -1)
    strict = np.zeros(len(winner), dtype=bool)
    for _ in range(ATTEMPTS):
        weights = faithful_weights(votes, members.weights, winner=winner, strict=strict)
        weights = weights / weights.sum()
        if (weights > 0).all():
            return None
        # The plain model sums votes in another order, which may break a tie.
        model = members.keep(weights > 0, weights)
        wrong = members.encode(model.predict(X)) != winner
        if not wrong.any():
            return weights
        strict |= wrong
    return None
