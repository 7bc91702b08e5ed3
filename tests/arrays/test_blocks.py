"""Ranges cut into blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skprune.arrays.blocks import block_size, blocks, even_blocks


@pytest.mark.parametrize(
    ("n_elements", "n_per_item", "size"), [(100, 30, 3), (100, 101, 1), (100, 0, 100), (7, 7, 1)]
)
def test_a_block_holds_so_many_items_but_at_least_one(n_elements, n_per_item, size):
    assert block_size(n_elements, n_per_item) == size


@given(st.integers(0, 300), st.integers(1, 400))
def test_blocks_cover_the_range_in_order_and_are_full_but_the_last(n, size):
    parts = blocks(n, size)
    assert [i for part in parts for i in range(n)[part]] == list(range(n))
    assert all(part.stop - part.start == size for part in parts[:-1])
    assert all(0 < part.stop - part.start <= size for part in parts)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 400))
def test_even_blocks_cover_the_range_in_order_and_are_about_equal(start, n, size):
    parts = even_blocks(start, start + n, size)
    assert [i for part in parts for i in range(part.start, part.stop)] == list(
        range(start, start + n)
    )
    lengths = np.array([part.stop - part.start for part in parts])
    assert lengths.max() <= max(1, size) + 1
    assert np.ptp(lengths) <= 2
    assert len(parts) == max(1, -(-n // max(1, size)))
