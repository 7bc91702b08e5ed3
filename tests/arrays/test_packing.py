"""Packed integers and quantized arrays."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skprune.arrays.packing import QuantizedArray, pack, packed_bytes, width_of


@given(st.integers(1, 16), st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_unpack_inverts_pack_and_bytes_are_minimal(width, count, seed):
    codes = np.random.default_rng(seed).integers(0, 2**width, count)
    packed = pack(codes, width)
    np.testing.assert_array_equal(packed.unpack(), codes)
    assert packed.nbytes == packed_bytes(count, width) == -(-count * width // 8)


def test_a_single_value_takes_no_bits():
    packed = pack(np.zeros(9, dtype=int), width_of(1))
    assert packed.nbytes == 0
    np.testing.assert_array_equal(packed.unpack(), np.zeros(9))


@pytest.mark.parametrize(("n_values", "width"), [(1, 0), (2, 1), (3, 2), (256, 8), (257, 9)])
def test_width_of_a_number_of_values(n_values, width):
    assert width_of(n_values) == width


def test_decode_applies_table_scale_and_offset_but_keeps_zeros():
    codes = QuantizedArray(
        pack([1, 0, 2], 2),
        (2, 2),
        table=np.array([-1.0, 0.5, 3.0]),
        scale=np.array([[2.0, 10.0]], dtype=np.float32),
        offset=np.array([[1.0, 0.0]], dtype=np.float32),
        nonzero=pack([1, 1, 0, 1], 1),
    )
    np.testing.assert_array_equal(codes.decode(), [[2.0, -10.0], [0.0, 30.0]])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(codes)).decode(), codes.decode())
    assert codes.nbytes == 1 + 24 + 8 + 8 + 1
