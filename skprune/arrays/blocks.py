"""Ranges cut into blocks, so that what is computed at a time fits into cache or memory."""

from itertools import pairwise

import numpy as np


def block_size(n_elements, n_per_item):
    """Return how many items of `n_per_item` elements a block of `n_elements` holds; at least 1."""
    return max(1, int(n_elements // max(1, n_per_item)))


def blocks(n, size):
    """Cut ``range(n)`` into slices of `size`; the last one may be shorter."""
    return [slice(*ends) for ends in pairwise([*range(0, n, size), n])]


def even_blocks(start, stop, size):
    """Cut ``range(start, stop)`` into slices of about equal length, of `size` or less.

    Rounding may make a slice one longer. An empty range is one empty slice.
    """
    n_blocks = max(1, -(-(stop - start) // max(1, size)))
    edges = np.linspace(start, stop, n_blocks + 1).astype(int).tolist()
    return [slice(*ends) for ends in pairwise(edges)]
