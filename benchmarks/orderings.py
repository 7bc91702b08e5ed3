"""Orders of 256 trees down to 16, against the plain loop that defines each.

The votes of a random forest on 2,000 rows of 3 classes that did not grow it. A peer is the
definition as it is usually coded: one candidate after the other, its ensemble added up and
judged anew, on one core. Both start from the same array of votes and choose the
same members, and the note gives the accuracy of their vote on 4,000 rows that chose nothing.
The rows "fit" compare a fit to 16 members with one that orders all of them.
"""

import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import cohen_kappa_score

from benchmarks._measure import side_by_side, table
from skprune import EnsemblePruner
from skprune.criteria import diversity
from skprune.ensemble._pruner import ONE_BY_ONE
from skprune.surgery import members_for

N_TREES, N_CHOSEN = 256, 16


def run(repeat):
    """Measure; see the docstring of the module."""
    forest, X, y, test_X, test_y = tables()
    votes, test_votes = (members_for(forest).votes(each) for each in (X, test_X))
    rows = []
    for name, peer in PEERS.items():
        order = getattr(diversity, name)

        def ours(order=order):
            return order(diversity.MemberVotes(votes, y), N_CHOSEN)

        chosen = {}

        def theirs(peer=peer, chosen=chosen):
            chosen["peer"] = peer(votes, y)

        row = side_by_side(name, ours, theirs, repeat, peer_repeat=1)
        mine, other = (sorted(map(int, c)) for c in (ours(), chosen["peer"]))
        if mine != other:
            msg = f"{name} chooses {mine}, its definition {other}."
            raise AssertionError(msg)
        accuracy = (test_votes[mine].sum(axis=0).argmax(axis=1) == test_y).mean()
        row["note"] += f"; same members; accuracy {accuracy:.3f}"
        rows.append(row)
    whole = (test_votes.sum(axis=0).argmax(axis=1) == test_y).mean()
    rng = np.random.default_rng(0)
    drawn = [
        (test_votes[rng.permutation(N_TREES)[:N_CHOSEN]].sum(axis=0).argmax(axis=1) == test_y)
        for _ in range(50)
    ]
    rows[0]["note"] += f"; all trees {whole:.3f}, 16 at random {np.mean(drawn):.3f}"
    fits = [fit_as_asked(name, forest, X, y, repeat) for name in ONE_BY_ONE]
    return table(*rows, *fits)


def fit_as_asked(criterion, forest, X, y, repeat):
    """Compare a fit to some members with a fit that orders all."""

    def fit(keep):
        return EnsemblePruner(FrozenEstimator(forest), criterion=criterion, keep=keep).fit(X, y)

    few, whole = fit(N_CHOSEN), fit(1.0)
    if few.keep_mask_.tolist() != whole.path_.mask(N_TREES - N_CHOSEN).tolist():
        msg = f"A fit by {criterion} keeps others than the whole order."
        raise AssertionError(msg)
    note = "both copy the forest, and predict"
    return side_by_side(f"fit, {criterion}", lambda: fit(N_CHOSEN), lambda: fit(1.0), repeat, note)


def tables():
    """Return a forest, the rows that choose with their classes, and those that do not."""
    X, y = make_classification(
        8000, 20, n_informative=10, n_classes=3, flip_y=0.1, class_sep=0.7, random_state=0
    )
    forest = RandomForestClassifier(N_TREES, random_state=0).fit(X[:2000], y[:2000])
    return forest, X[2000:4000], y[2000:4000], X[4000:], y[4000:]


def _greedy(votes, score):
    """Choose one member after the other by the lowest score."""
    chosen, left = [], list(range(len(votes)))
    for _ in range(N_CHOSEN):
        scores = [score(member, chosen, left) for member in left]
        chosen.append(left.pop(int(np.argmin(scores))))
    return chosen


def _error(votes, y, members):
    return (votes[members].sum(axis=0).argmax(axis=1) != y).mean()


def reduced_error(votes, y):
    """Choose the member with which the ensemble errs least."""
    return _greedy(votes, lambda m, chosen, _: _error(votes, y, [*chosen, m]))


def complementarity(votes, y):
    """Choose the member that is right most often where the ensemble is wrong."""

    def score(member, chosen, _):
        right = votes[member].argmax(axis=1) == y
        wrong = votes[chosen].sum(axis=0).argmax(axis=1) != y if chosen else np.ones(len(y), bool)
        return -np.sum(right & wrong)

    return _greedy(votes, score)


def margin_distance(votes, y):
    """Choose the member that brings the mean signature nearest to the point."""

    def score(member, chosen, _):
        signs = [np.where(votes[m].argmax(axis=1) == y, 1.0, -1.0) for m in [*chosen, member]]
        # In whole numbers, so that equal distances are equal.
        total = np.sum(signs, axis=0)
        return np.sum(total**2) - 2 * diversity.AIM * len(votes) * np.sum(total)

    return _greedy(votes, score)


def individual_contribution(votes, y):
    """Rank by what each member contributes to the vote of all."""
    scores = []
    for member in votes:
        labels = votes.argmax(axis=2)
        own, total = member.argmax(axis=1), 0
        for row, true in enumerate(y):
            counts = np.bincount(labels[:, row], minlength=votes.shape[2])
            if own[row] != true:
                total += counts[true] - counts[own[row]] - counts.max()
            elif own[row] == counts.argmax():
                total += np.sort(counts)[-2]
            else:
                total += 2 * counts.max() - counts[own[row]]
        scores.append(-total)
    return np.argsort(scores, kind="stable")[:N_CHOSEN]


def kappa(votes, y):  # noqa: ARG001 - agreement needs no truth
    """Rank by the least agreement with another member."""
    scores = [
        min(
            cohen_kappa_score(votes[i].argmax(axis=1), votes[j].argmax(axis=1))
            for j in range(len(votes))
            if j != i
        )
        for i in range(len(votes))
    ]
    # Kappas that are equal come out of a division: rounding must not rank them.
    return np.argsort(np.round(scores, 12), kind="stable")[:N_CHOSEN]


def drep(votes, y):
    """Choose, of the quarter that agrees least with the ensemble, the one that errs least."""

    def score(member, chosen, left):
        if not chosen:
            return _error(votes, y, [member])
        ensemble = votes[chosen].sum(axis=0).argmax(axis=1)
        agree = [(votes[m].argmax(axis=1) == ensemble).sum() for m in left]
        n_near = int(np.ceil(diversity.SHARE * len(left)))
        near = [left[i] for i in np.argsort(agree, kind="stable")[:n_near]]
        return _error(votes, y, [*chosen, member]) if member in near else np.inf

    return _greedy(votes, score)


def error(votes, y):
    """Rank by the error of each alone."""
    scores = [_error(votes, y, [member]) for member in range(len(votes))]
    return np.argsort(scores, kind="stable")[:N_CHOSEN]


PEERS = {
    "reduced_error": reduced_error,
    "complementarity": complementarity,
    "margin_distance": margin_distance,
    "individual_contribution": individual_contribution,
    "kappa": kappa,
    "drep": drep,
    "error": error,
}
