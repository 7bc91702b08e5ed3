"""Arrays in few bits: integers packed into bytes, and what turns them back into numbers."""

from typing import Any, NamedTuple

import numpy as np


class PackedIntegers(NamedTuple):
    """Small integers, each in as many bits as the largest one needs.

    Attributes
    ----------
    data : ndarray of uint8
        The bits, one integer after the other.
    width : int
        Bits of an integer; 0 where all are zero.
    n_codes : int
        How many there are.
    """

    data: Any
    width: int
    n_codes: int

    @property
    def nbytes(self):
        """Bytes of the packed integers."""
        return self.data.nbytes

    def unpack(self):
        """Return the integers; ndarray of int, shape (n_codes,). O(n_codes * width)."""
        stream = np.unpackbits(self.data, count=self.n_codes * self.width, bitorder="little")
        bits = stream.reshape(self.n_codes, self.width)
        found = np.zeros(self.n_codes, dtype=np.intp)
        for place in range(self.width):
            found |= bits[:, place].astype(np.intp) << place
        return found


def pack(codes, width):
    """Pack small integers.

    Parameters
    ----------
    codes : ndarray of int, shape (n_codes,)
        Integers from 0 to ``2 ** width - 1``.
    width : int
        Bits of an integer.

    Returns
    -------
    PackedIntegers
        O(n_codes * width).
    """
    codes = np.asarray(codes)
    bits = np.empty((len(codes), width), dtype=np.uint8)
    for place in range(width):
        bits[:, place] = (codes >> place) & 1
    return PackedIntegers(np.packbits(bits, bitorder="little"), width, len(codes))


def width_of(n_values):
    """Return how many bits tell so many values apart; int."""
    return max(0, int(n_values) - 1).bit_length()


def packed_bytes(n_codes, width):
    """Return the bytes of so many integers of so many bits; int."""
    return -(-int(n_codes) * int(width) // 8)


class QuantizedArray(NamedTuple):
    """A matrix of numbers as codes.

    An entry is ``(table[code] * scale + offset) * 2 ** exponent``; without a table the code
    itself stands for its entry of it.

    Attributes
    ----------
    data : PackedIntegers or ndarray of float16
        The codes of the entries that are not zero, in C order, or all entries as short floats.
    shape : tuple of int
        Shape of the matrix.
    table : ndarray of shape (n_levels,) or None
        Values that codes stand for.
    scale, offset : ndarray or None
        Of each channel, in a shape that broadcasts with the matrix.
    nonzero : PackedIntegers or None
        Whether each entry is something else than zero; all are if None.
    exponent : int
        Power of two that brings single precision to numbers of any size.
    """

    data: Any
    shape: tuple[int, ...]
    table: Any = None
    scale: Any = None
    offset: Any = None
    nonzero: Any = None
    exponent: int = 0

    @property
    def nbytes(self):
        """Bytes of all arrays."""
        return sum(each.nbytes for each in self if hasattr(each, "nbytes"))

    @property
    def width(self):
        """Bits of a code."""
        return self.data.width if isinstance(self.data, PackedIntegers) else 8 * self.data.itemsize

    def decode(self):
        """Return the numbers; ndarray of float64, of shape `shape`. O(entries)."""
        data = self.data.unpack() if isinstance(self.data, PackedIntegers) else self.data
        entries = data.astype(np.float64) if self.table is None else self.table[data]
        mask = None
        if self.nonzero is not None:
            mask = self.nonzero.unpack().astype(bool)
            spread = np.zeros(mask.size)
            spread[mask] = entries
            entries = spread
        found = entries.astype(np.float64).reshape(self.shape)
        if self.scale is not None:
            found = found * self.scale.astype(np.float64)
        if self.offset is not None:
            found = found + self.offset.astype(np.float64)
        if mask is not None:
            found = np.where(mask.reshape(self.shape), found, 0.0)
        return np.ldexp(found, self.exponent)


def exponent_of(values):
    """Return the power of two just above all numbers, so that these times its inverse are near 1.

    Parameters
    ----------
    values : ndarray
        Finite numbers, or none.

    Returns
    -------
    int
        O(values).
    """
    return int(np.frexp(np.abs(values).max(initial=0.0))[1])
