"""Greedy selection by squared error, compared with recomputed averages."""

from itertools import combinations

import numpy as np
import pytest

from skprune.criteria.diversity import pair_means
from skprune.solvers import greedy


def case(seed, n_members=6, *, weighted=False):
    rng = np.random.default_rng(seed)
    residuals = rng.normal(size=(n_members, 30, 2)) + rng.normal(size=(1, 30, 2))
    member_weight = rng.uniform(0.2, 2.0, n_members) if weighted else None
    return residuals, pair_means(residuals), member_weight


def error(residuals, members, member_weight):
    weights = None if member_weight is None else member_weight[members]
    mean = np.average(residuals[members], axis=0, weights=weights)
    return (mean**2).sum() / residuals.shape[1]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_forward_adds_the_best(seed, weighted):
    residuals, gram, member_weight = case(seed, weighted=weighted)
    chosen, left = [], list(range(len(gram)))
    while left:
        errors = [error(residuals, [*chosen, m], member_weight) for m in left]
        chosen.append(left.pop(int(np.argmin(errors))))
    assert list(greedy.forward(gram, member_weight)) == chosen


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_backward_removes_the_worst(seed, weighted):
    residuals, gram, member_weight = case(seed, weighted=weighted)
    left, removed = list(range(len(gram))), []
    while len(left) > 1:
        errors = [error(residuals, [m for m in left if m != out], member_weight) for out in left]
        removed.append(left.pop(int(np.argmin(errors))))
    assert list(greedy.backward(gram, member_weight)) == [*left, *removed[::-1]]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_no_swap_improves_the_result_of_swaps(seed, weighted):
    residuals, gram, member_weight = case(seed, weighted=weighted)
    masks = greedy.swaps(gram, member_weight)
    assert list(masks.sum(axis=1)) == [1, 2, 3, 4, 5, 6]
    for mask in masks:
        inside, outside = np.flatnonzero(mask), np.flatnonzero(~mask)
        now = error(residuals, inside, member_weight)
        for out in inside:
            for new in outside:
                swapped = [*(m for m in inside if m != out), new]
                assert error(residuals, swapped, member_weight) >= now * (1 - 1e-9)


def test_swaps_improve_on_forward_selection_and_are_often_optimal():
    best = 0
    for seed in range(20):
        residuals, gram, _ = case(seed)
        order, mask = greedy.forward(gram)[:3], greedy.swaps(gram)[2]
        swapped = error(residuals, np.flatnonzero(mask), None)
        assert swapped <= error(residuals, order, None) + 1e-12
        every = [error(residuals, list(c), None) for c in combinations(range(6), 3)]
        best += np.isclose(swapped, min(every))
    assert best >= 16


def test_members_of_weight_zero_come_last():
    _, gram, _ = case(0)
    member_weight = np.array([0.0, 1, 1, 0, 1, 1])
    assert set(greedy.forward(gram, member_weight)[:4]) == {1, 2, 4, 5}
    assert sorted(greedy.backward(gram, member_weight)) == list(range(6))
