"""Orders of members, compared with naive loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from skprune.criteria import diversity
from skprune.criteria.diversity import MemberVotes

ORDERS = {
    name: getattr(diversity, name)
    for name in (
        "reduced_error",
        "complementarity",
        "margin_distance",
        "individual_contribution",
        "kappa",
        "drep",
        "error",
    )
}


class Case:
    """Votes with exact sums, and their naive statistics."""

    def __init__(self, seed, n_members=7, n_rows=40, n_classes=3, *, soft=False, oob=False):
        rng = np.random.default_rng(seed)
        self.y = rng.integers(0, n_classes, n_rows)
        noise = rng.integers(0, n_classes, (n_members, n_rows))
        self.votes = np.eye(n_classes)[np.where(rng.random(noise.shape) < 0.5, self.y, noise)]
        if soft:
            self.votes = 0.75 * self.votes + 0.25 * np.eye(n_classes)[noise]
        self.weight = rng.integers(1, 4, n_rows).astype(float)
        self.mask = rng.random(noise.shape) < 0.5 if oob else None
        self.member_weight = rng.integers(1, 4, n_members) if soft else None
        given = {"member_weight": self.member_weight, "weight": self.weight, "mask": self.mask}
        self.member_votes = MemberVotes(self.votes, self.y, **given)
        self.n_members = n_members

    def sees(self, member, row):
        return self.mask is None or self.mask[member, row]

    def label(self, member, row):
        return int(np.argmax(self.votes[member, row]))

    def ensemble(self, members, row):
        """The class that some members vote for; None if all are masked."""
        member_weight = (
            np.ones(self.n_members) if self.member_weight is None else self.member_weight
        )
        seen = [m for m in members if self.sees(m, row)]
        if not seen:
            return None
        return int(np.argmax(sum(member_weight[m] * self.votes[m, row] for m in seen)))

    def rate(self, member, amount):
        """Mean of an amount over the samples of a member."""
        rows = [r for r in range(len(self.y)) if self.sees(member, r)]
        return sum(self.weight[r] * amount(r) for r in rows) / self.weight[rows].sum()

    def error(self, members):
        named = [self.ensemble(members, r) for r in range(len(self.y))]
        rows = [r for r, name in enumerate(named) if name is not None]
        wrong = sum(self.weight[r] for r in rows if named[r] != self.y[r])
        return wrong / self.weight[rows].sum()

    def greedy(self, score):
        chosen, left = [], list(range(self.n_members))
        while left:
            scores = np.round([score(m, chosen, left) for m in left], 12)
            chosen.append(left.pop(int(np.argmin(scores))))
        return chosen


def naive_reduced_error(case):
    return case.greedy(lambda m, chosen, _: case.error([*chosen, m]))


def naive_complementarity(case):
    def gain(m, chosen, _):
        return -case.rate(m, lambda r: case.label(m, r) == case.y[r] != case.ensemble(chosen, r))

    return case.greedy(gain)


def naive_margin_distance(case, aim=0.075):
    def signature(m):
        total = case.weight.sum()
        mine = sum(case.weight[r] for r in range(len(case.y)) if case.sees(m, r))
        return np.array(
            [
                (1 if case.label(m, r) == case.y[r] else -1) * case.sees(m, r) * total / mine
                for r in range(len(case.y))
            ]
        )

    def distance(m, chosen, _):
        mean = sum(signature(c) for c in [*chosen, m]) / case.n_members
        return np.sum(case.weight * (aim - mean) ** 2)

    return case.greedy(distance)


def naive_individual_contribution(case):
    def contribution(m):
        def on(r):
            voters = [j for j in range(case.n_members) if case.sees(j, r)]
            counts = np.bincount([case.label(j, r) for j in voters], minlength=case.votes.shape[2])
            own, true = case.label(m, r), case.y[r]
            if own != true:
                return counts[true] - counts[own] - counts.max()
            if own == counts.argmax():
                return np.sort(counts)[-2]
            return 2 * counts.max() - counts[own]

        return case.rate(m, on)

    scores = [-contribution(m) for m in range(case.n_members)]
    return np.argsort(np.round(scores, 12), kind="stable")


def naive_kappa_matrix(case):
    matrix = np.ones((case.n_members, case.n_members))
    for a in range(case.n_members):
        for b in range(case.n_members):
            rows = [r for r in range(len(case.y)) if case.sees(a, r) and case.sees(b, r)]
            one, two = ([case.label(m, r) for r in rows] for m in (a, b))
            matrix[a, b] = cohen_kappa_score(one, two, sample_weight=case.weight[rows])
    return matrix


def naive_kappa(case):
    matrix, order = naive_kappa_matrix(case), []
    pairs = [(matrix[a, b], a, b) for a in range(case.n_members) for b in range(a)]
    for _, a, b in sorted(pairs):
        order += [m for m in sorted((a, b)) if m not in order]
    return order


def naive_drep(case, share=0.25):
    def score(m, chosen, left):
        if not chosen:
            return case.rate(m, lambda r: case.label(m, r) != case.y[r])
        agree = [
            case.rate(c, lambda r, c=c: case.label(c, r) == (case.ensemble(chosen, r) or 0))
            for c in left
        ]
        near = np.argsort(np.round(agree, 12), kind="stable")[: int(np.ceil(share * len(left)))]
        return case.error([*chosen, m]) if left.index(m) in near else np.inf

    return case.greedy(score)


def naive_error(case):
    errors = [case.rate(m, lambda r, m=m: case.label(m, r) != case.y[r]) for m in range(7)]
    return np.argsort(np.round(errors, 12), kind="stable")


NAIVE = {name: globals()[f"naive_{name}"] for name in ORDERS}


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("oob", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_order_matches_naive_loops(name, soft, oob, n_classes):
    for seed in range(2):
        case = Case(seed, n_classes=n_classes, soft=soft, oob=oob)
        order = ORDERS[name](case.member_votes)
        assert list(order) == list(NAIVE[name](case)), seed


@given(st.integers(0, 10**6), st.sampled_from(sorted(ORDERS)))
def test_orders_are_permutations_with_stable_prefixes(seed, name):
    case = Case(seed, n_rows=12, oob=seed % 2 == 1)
    if case.mask is not None:
        case.mask[:, 0] = True
    order = ORDERS[name](case.member_votes)
    assert sorted(order) == list(range(7))
    assert list(ORDERS[name](case.member_votes, 3)) == list(order[:3])


@pytest.mark.parametrize("name", ORDERS)
def test_weights_are_repetition(name):
    case = Case(5)
    times = case.weight.astype(int)
    repeated = MemberVotes(case.votes.repeat(times, axis=1), case.y.repeat(times))
    np.testing.assert_array_equal(ORDERS[name](case.member_votes), ORDERS[name](repeated))


@pytest.mark.parametrize("oob", [False, True])
def test_kappa_matrix_matches_scikit_learn(oob):
    case = Case(1, oob=oob)
    np.testing.assert_allclose(
        diversity.kappa_matrix(case.member_votes), naive_kappa_matrix(case), atol=1e-12
    )


def test_constant_members_have_kappa_one():
    votes = np.zeros((2, 5, 2))
    votes[:, :, 0] = 1
    np.testing.assert_array_equal(diversity.kappa_matrix(MemberVotes(votes, np.zeros(5, int))), 1)


def test_masked_votes_are_ignored():
    case = Case(3, oob=True)
    changed = case.votes.copy()
    changed[~case.mask] = [0, 0, 9]
    other = MemberVotes(changed, case.y, weight=case.weight, mask=case.mask)
    for order in ORDERS.values():
        np.testing.assert_array_equal(order(case.member_votes), order(other))


@pytest.mark.parametrize("oob", [False, True])
def test_pair_means_use_the_samples_of_both_members(oob):
    rng = np.random.default_rng(0)
    stack, weight = rng.normal(size=(4, 400, 2)), rng.random(400)
    mask = rng.random((4, 400)) < 0.6 if oob else None
    means = diversity.pair_means(stack, weight=weight, mask=mask)
    for a in range(4):
        for b in range(4):
            both = np.ones(400, bool) if mask is None else mask[a] & mask[b]
            product = (stack[a] * stack[b]).sum(axis=1)[both]
            np.testing.assert_allclose(means[a, b], np.average(product, weights=weight[both]))


def test_pair_means_have_no_negative_eigenvalue():
    rng = np.random.default_rng(0)
    stack = rng.normal(size=(30, 20, 1)) + 1
    means = diversity.pair_means(stack, mask=rng.random((30, 20)) < 0.4)
    assert np.linalg.eigvalsh(means).min() > -1e-9
