"""Quantization: uniform, codebook, half precision, and error feedback (GPTQ).

References
----------
E. Frantar, S. Ashkboos, T. Hoefler and D. Alistarh, "GPTQ: accurate post-training
quantization for generative pre-trained transformers", ICLR 2023. S. P. Lloyd, "Least squares
quantization in PCM", IEEE Transactions on Information Theory 28, 1982.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import cholesky

from skprune.arrays.packing import QuantizedArray, pack, width_of

# Candidate spans of a grid, as shares of the channel's range: clipping rare extreme values
# can reduce the error.
SPANS = np.linspace(1.0, 0.5, 26)
# Grids of at least this many bits always span the whole range.
FINE = 7
MAX_ITER = 100


class UniformGrid(NamedTuple):
    """Equidistant levels of each channel: ``offset + scale * code``.

    Attributes
    ----------
    offset, scale : ndarray of float32
        Offset and scale of each channel, broadcastable with the matrix.
    n_levels : int
        Number of levels.
    """

    offset: Any
    scale: Any
    n_levels: int

    def encode(self, W):
        """Return the code of the nearest level of each entry; ndarray of int."""
        codes = np.rint((W - self.offset.astype(float)) / self.scale.astype(float))
        return np.clip(codes, 0, self.n_levels - 1).astype(np.intp)

    def decode(self, codes):
        """Return the levels of codes; ndarray of float64."""
        return codes * self.scale.astype(float) + self.offset.astype(float)


def uniform_grid(W, bits, axis):
    """Return the uniform grid of each channel with the smallest squared error.

    Parameters
    ----------
    W : ndarray
        Numbers; exact zeros are ignored.
    bits : int
        Bits per code.
    axis : int
        Axis along which the entries of a channel lie.

    Returns
    -------
    UniformGrid
        The best of several spans per channel. O(size) per span.
    """
    alive = W != 0
    low = np.where(alive, W, np.inf).min(axis=axis, keepdims=True)
    high = np.where(alive, W, -np.inf).max(axis=axis, keepdims=True)
    low, high = (np.where(np.isfinite(end), end, 0.0) for end in (low, high))
    best, least = None, np.full(low.shape, np.inf)
    for span in SPANS[:1] if bits >= FINE else SPANS:
        middle, half = (low + high) / 2, span * (high - low) / 2
        scale = (2 * half / (2**bits - 1)).astype(np.float32)
        scale = np.where(scale > 0, scale, np.float32(1.0))
        grid = UniformGrid((middle - half).astype(np.float32), scale, 2**bits)
        residual = np.where(alive, W - grid.decode(grid.encode(W)), 0.0)
        error = (residual**2).sum(axis=axis, keepdims=True)
        better = error < least
        least = np.where(better, error, least)
        best = best or grid
        offset, scale = (
            np.where(better, new, old) for new, old in zip(grid[:2], best[:2], strict=True)
        )
        best = UniformGrid(offset, scale, 2**bits)
    return best


def affine(W, bits, axis):
    """Round numbers to a uniform grid per channel.

    Parameters as for `uniform_grid`.

    Returns
    -------
    QuantizedArray
        Exact zeros are preserved. O(size) per span of the grid.
    """
    grid = uniform_grid(W, bits, axis)
    return _on_grid(grid, grid.encode(W), W != 0, bits)


def _on_grid(grid, codes, alive, bits):
    return _masked(codes, alive, bits, scale=grid.scale, offset=grid.offset)


def _masked(codes, alive, width, **parts):
    """Pack the codes of the non-zero entries, and their mask if there are zeros."""
    nonzero = None if alive.all() else pack(alive.ravel(), 1)
    return QuantizedArray(pack(codes[alive], width), codes.shape, nonzero=nonzero, **parts)


def error_feedback(W, bits, axis, C):
    """Round to a uniform grid input by input, with error feedback (GPTQ).

    The error that rounding one input causes in the pre-activations is compensated by the
    inputs that are not rounded yet, as far as their covariance allows.

    Parameters
    ----------
    W : ndarray of shape (n_inputs, n_units) or (n_units, n_inputs)
        Weights.
    bits : int
        Bits per code.
    axis : int
        Axis of the inputs.
    C : ndarray of shape (n_inputs, n_inputs)
        Covariance of the inputs, positive definite.

    Returns
    -------
    QuantizedArray
        Exact zeros are preserved. O(n_inputs^3 + n_inputs^2 * n_units).

    Notes
    -----
    Inputs are rounded in order of decreasing variance: their errors matter most, and early
    errors can be compensated by more of the other inputs.
    """
    grid, first = uniform_grid(W, bits, axis), axis in (0, -W.ndim)
    inputs = W if first else W.T
    offset, scale = (part if first else part.T for part in grid[:2])
    by_input = UniformGrid(offset.reshape(1, -1), scale.reshape(1, -1), grid.n_levels)
    order = np.argsort(-C.diagonal(), kind="stable")
    factor = cholesky(np.linalg.inv(C[np.ix_(order, order)]))  # upper U with U'U = inv(C)
    target = inputs.reshape(len(C), -1)[order].astype(float)
    alive = target != 0
    codes = np.empty(target.shape, dtype=np.intp)
    for i, row in enumerate(target):  # sequential: each row includes the errors before it
        codes[i] = by_input.encode(row[np.newaxis])[0]
        rounded = np.where(alive[i], by_input.decode(codes[[i]])[0], 0.0)
        error = (row - rounded) / factor[i, i]
        target[i + 1 :] -= factor[i, i + 1 :, np.newaxis] * error
    unsorted = np.empty_like(codes)
    unsorted[order] = codes
    codes = (unsorted if first else unsorted.T).reshape(W.shape)
    return _on_grid(grid, codes, W != 0, bits)


def half_precision(W, axis):
    """Store numbers in half precision, each channel scaled by a power of two.

    Parameters
    ----------
    W : ndarray
        Numbers.
    axis : int
        Axis along which the entries of a channel lie.

    Returns
    -------
    QuantizedArray
        16 bits per entry; the largest of each channel is scaled to [0.5, 1). O(size).
    """
    largest = np.abs(W).max(axis=axis, keepdims=True)
    exponent = np.clip(np.frexp(largest)[1], -126, 127)
    scale = np.ldexp(np.ones(largest.shape, dtype=np.float32), exponent)
    return QuantizedArray(
        (W / scale.astype(float)).astype(np.float16).ravel(), W.shape, scale=scale
    )


def codebook(W, bits, axis):
    """Quantize to a codebook that all channels share, each with its own scale.

    Parameters as for `uniform_grid`.

    Returns
    -------
    QuantizedArray
        Lossless if there are at most ``2 ** bits`` distinct non-zero numbers. O(size) per
        iteration of Lloyd's algorithm, plus a sort.
    """
    alive = W != 0
    values = np.unique(W[alive])
    if len(values) <= 2**bits:
        codes = np.searchsorted(values, W).clip(0, max(0, len(values) - 1))
        return _masked(codes, alive, width_of(len(values)), table=_as_float32(values))
    scale = np.abs(W).max(axis=axis, keepdims=True).astype(np.float32)
    scale = np.where(scale > 0, scale, np.float32(1.0))
    normal = W / scale.astype(float)
    weight = np.broadcast_to(scale.astype(float) ** 2, W.shape)[alive]
    values, place = np.unique(normal[alive], return_inverse=True)
    weight = np.bincount(place.ravel(), weight)
    starts = clusters(values, weight, [0, len(values)], [min(2**bits, len(values))])
    table = means(values, weight, starts).astype(np.float32)
    codes = np.zeros(W.shape, dtype=np.intp)
    codes[alive] = labels(starts, len(values))[place.ravel()]
    return _masked(codes, alive, width_of(len(table)), table=table, scale=scale)


def clusters(values, weight, offsets, counts):
    """Cluster sorted values by k-means in one dimension, group by group.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Distinct finite values, ascending within each group.
    weight : ndarray of shape (n_values,)
        Positive weights.
    offsets : array-like of int, shape (n_groups + 1,)
        Values of group g are ``offsets[g]:offsets[g + 1]``; none is empty.
    counts : array-like of int, shape (n_groups,)
        Clusters per group: at least one, at most its number of values.

    Returns
    -------
    ndarray of int, shape (sum of `counts`,)
        First value of each cluster, which is a run of values; none is empty.

    Notes
    -----
    Lloyd's algorithm for the weighted squared error of all groups at once; O(n_values) per
    iteration, at most 100 iterations.
    """
    offsets, counts = np.asarray(offsets), np.asarray(counts)
    sizes, group = np.diff(offsets), np.repeat(np.arange(len(counts)), np.diff(offsets))
    low, high = values[offsets[:-1]], values[offsets[1:] - 1]
    span = np.where(high > low, high - low, 1.0)
    # Map each group to its own interval, so that the concatenation is ascending.
    place = (values - low[group]) / span[group] + 2.0 * group
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    run = np.arange(counts.sum())
    own = run - first[owner]
    least = offsets[:-1][owner] + own
    most = (offsets[1:] - counts)[owner] + own
    starts = offsets[:-1][owner] + own * sizes[owner] // counts[owner]
    for _ in range(MAX_ITER):
        centres = means(place, weight, starts)
        borders = np.searchsorted(place, (centres[1:] + centres[:-1]) / 2)
        moved = np.clip(np.concatenate([[0], borders]), least, most)
        moved[first] = offsets[:-1]
        moved = run + np.maximum.accumulate(moved - run)
        if np.array_equal(moved, starts):
            break
        starts = moved
    return starts


def means(values, weight, starts):
    """Return the weighted mean of each run of values, exact for runs of one; O(n_values)."""
    totals = np.add.reduceat(weight, starts)
    found = np.add.reduceat(weight * values, starts) / totals
    single = np.diff(np.append(starts, len(values))) == 1
    return np.where(single, values[starts], found)


def medians(weight, starts):
    """Return the position of the weighted median in each run; O(n_values)."""
    total = np.cumsum(weight)
    ends = np.append(starts[1:], len(weight)) - 1
    before = np.where(starts > 0, total[starts - 1], 0.0)
    return np.clip(np.searchsorted(total, (before + total[ends]) / 2), starts, ends)


def labels(starts, n_values):
    """Return the index of the run of each value; ndarray of int, shape (n_values,)."""
    return np.repeat(np.arange(len(starts)), np.diff(np.append(starts, n_values)))


def _as_float32(values):
    """Return numbers in single precision if that is lossless."""
    short = values.astype(np.float32)
    return short if np.array_equal(short, values) else values
