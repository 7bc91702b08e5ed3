"""Quantization, compared with plain loops."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skprune.solvers.codebooks import (
    affine,
    clusters,
    codebook,
    error_feedback,
    half_precision,
    labels,
    means,
    medians,
    uniform_grid,
)


def weights(shape=(30, 8), seed=0):
    return np.random.default_rng(seed).normal(size=shape) * np.logspace(-3, 3, shape[-1])


@pytest.mark.parametrize("axis", [0, 1])
def test_error_of_eight_bits_is_half_a_step_of_each_channel(axis):
    W = weights() if axis == 0 else weights().T
    span = W.max(axis=axis, keepdims=True) - W.min(axis=axis, keepdims=True)
    codes = affine(W, 8, axis)
    assert (np.abs(codes.decode() - W) <= 0.5001 * span / 255).all()
    assert codes.nbytes == W.size + 8 * 8


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_narrower_grid_is_used_if_its_error_is_smaller(bits):
    W = weights()
    whole = np.linspace(W.min(axis=0), W.max(axis=0), 2**bits)
    nearest = np.abs(W - whole[:, np.newaxis]).min(axis=0)
    error = (affine(W, bits, 0).decode() - W) ** 2
    assert (error.sum(axis=0) <= (nearest**2).sum(axis=0) * 1.0001).all()
    grid = uniform_grid(W, bits, 0)
    every = grid.decode(np.arange(2**bits)[:, np.newaxis, np.newaxis])
    nearest = np.abs(W - every).min(axis=0)
    np.testing.assert_allclose(np.sqrt(error), nearest, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("round_", [affine, codebook])
def test_zeros_are_preserved_and_take_one_bit(round_):
    W = weights()
    W[::2] = 0.0
    for bits in (1, 3, 8):
        decoded = round_(W, bits, 0).decode()
        assert (decoded[::2] == 0).all()
        assert (decoded[1::2] != 0).any()
    assert affine(W, 8, 0).nbytes == W.size // 2 + W.size // 8 + 64
    np.testing.assert_array_equal(round_(np.zeros((4, 3)), 4, 0).decode(), np.zeros((4, 3)))


def test_a_codebook_of_few_distinct_numbers_is_lossless():
    rng = np.random.default_rng(0)
    W = rng.choice(np.append(rng.normal(size=15) / 3, 0.0), size=(20, 5))
    codes = codebook(W, 4, 0)
    np.testing.assert_array_equal(codes.decode(), W)
    assert codes.width == 4
    assert len(np.unique(codebook(weights((200, 1)), 4, 0).decode())) == 16


def test_half_precision_handles_any_magnitude():
    W = weights() * np.logspace(-20, 20, 8)
    largest = np.abs(W).max(axis=0)
    assert (np.abs(half_precision(W, 0).decode() - W) <= largest * 2**-11).all()
    exact = np.array([[0.5, 1024.0], [-0.25, 3072.0]])
    np.testing.assert_array_equal(half_precision(exact, 0).decode(), exact)


def naive_feedback(W, bits, C):
    """The same, with a separate regression for each input."""
    grid, left = uniform_grid(W, bits, 0), W.copy()
    order = list(np.argsort(-C.diagonal(), kind="stable"))
    rounded = np.zeros_like(W)
    while order:
        i, *rest = order
        codes = np.clip(np.rint((left[[i]] - grid.offset) / grid.scale), 0, grid.n_levels - 1)
        rounded[i] = grid.decode(codes)[0]
        error = left[i] - rounded[i]
        # The best compensation of an error is the regression on the remaining inputs.
        if rest:
            best = np.linalg.solve(C[np.ix_(rest, rest)], C[rest, i])
            left[rest] += np.outer(best, error)
        order = rest
    return rounded


@pytest.mark.parametrize("bits", [2, 4])
def test_error_feedback_matches_a_naive_loop(bits):
    rng = np.random.default_rng(1)
    H = rng.normal(size=(100, 12)) @ rng.normal(size=(12, 12))
    W = rng.normal(size=(12, 5))
    C = np.cov(H.T)
    found = error_feedback(W, bits, 0, C)
    np.testing.assert_allclose(found.decode(), naive_feedback(W, bits, C), rtol=1e-6, atol=1e-9)
    transposed = error_feedback(np.ascontiguousarray(W.T), bits, -1, C)
    np.testing.assert_array_equal(transposed.decode().T, found.decode())
    single = error_feedback(W[:, 0], bits, -1, C)
    np.testing.assert_array_equal(single.decode(), found.decode()[:, 0])
    moved = [np.square(H @ (each.decode() - W)).sum() for each in (found, affine(W, bits, 0))]
    assert moved[0] < 0.7 * moved[1]


def test_error_feedback_without_covariance_is_plain_rounding():
    W = weights()
    np.testing.assert_array_equal(
        error_feedback(W, 3, 0, np.eye(len(W))).decode(), affine(W, 3, 0).decode()
    )


@settings(max_examples=60)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_runs_are_not_empty_and_within_their_group(sizes, seed):
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    values = np.concatenate([np.sort(rng.choice(10_000, n, replace=False)) ** 2.0 for n in sizes])
    counts = [rng.integers(1, n + 1) for n in sizes]
    weight = rng.uniform(1e-3, 10, len(values))
    starts = clusters(values, weight, offsets, counts)
    assert len(starts) == sum(counts)
    assert (np.diff(starts) > 0).all()
    assert set(offsets[:-1]) <= set(starts)
    run = labels(starts, len(values))
    for group, count in enumerate(counts):
        assert len(np.unique(run[offsets[group] : offsets[group + 1]])) == count
    middle = medians(weight, starts)
    np.testing.assert_array_equal(run[middle], np.arange(len(starts)))
    for k, position in enumerate(middle):
        here = run == k
        below, half = weight[here & (np.arange(len(run)) < position)].sum(), weight[here].sum() / 2
        assert below <= half * 1.0001
        assert below + weight[position] >= half * 0.9999


def test_runs_are_nearly_optimal():
    rng = np.random.default_rng(3)
    values, weight = np.sort(rng.normal(size=14)), rng.uniform(1, 3, 14)

    def loss(starts):
        run = labels(np.array(starts), 14)
        centre = means(values, weight, np.array(starts))
        return (weight * (values - centre[run]) ** 2).sum()

    best = min(loss([0, *rest]) for rest in combinations(range(1, 14), 3))
    assert loss(clusters(values, weight, [0, 14], [4])) <= 1.2 * best
