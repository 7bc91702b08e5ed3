"""The path of faithful pruning: the whole ensemble, and a smaller one that predicts the same."""

import numpy as np

from skprune.ensemble._path import MemberWeightsPath
from skprune.solvers.faithful_weights import disagreement_bound, faithful_weights
from skprune.solvers.reweighting import whole_numbers

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
        n_levels = 1 + (weights is not None)
        weights = np.ones(members.n_members) if weights is None else weights
        super().__init__(
            members,
            np.tile(weights, (n_levels, 1)),
            np.array([-np.inf, 0.0])[:n_levels],
            np.zeros(n_levels - 1),
            weights / weights.sum(),
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
    """Find weights of few members that preserve all predictions; None if all are needed."""
    winner = members.encode(members.model.predict(X))
    votes = members.votes(X)
    votes = votes.reshape(len(votes), len(winner), -1)
    strict = np.zeros(len(winner), dtype=bool)
    for _ in range(ATTEMPTS):
        weights = faithful_weights(votes, members.weights, winner=winner, strict=strict)
        weights = weights / weights.sum()
        if (weights > 0).all() and not members.repeats:
            return None
        for stored in _stored(members, weights, votes, winner):
            # The plain model sums votes in another order, which may break a tie.
            model = members.keep(stored > 0, stored)
            wrong = members.encode(model.predict(X)) != winner
            if not wrong.any():
                return None if (stored > 0).all() else stored
        strict |= wrong
    return None


def _stored(members, weights, votes, winner):
    """Yield weights as the plain model stores them, the fewest members first."""
    if not members.repeats:
        yield weights
        return
    rounded = whole_numbers(weights)
    few = np.lexsort([rounded.sum(axis=1), np.count_nonzero(rounded, axis=1)])
    for copies in rounded[few]:
        if (np.tensordot(copies, votes, 1).argmax(axis=1) == winner).all():
            yield copies
    yield rounded[-1]
