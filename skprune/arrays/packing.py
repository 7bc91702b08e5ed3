"""Packed integers and quantized arrays."""

from typing import Any, NamedTuple

import numpy as np


class PackedIntegers(NamedTuple):
    """Small integers packed with a fixed number of bits each.

    Attributes
    ----------
    data : ndarray of uint8
        The packed bits, one integer after the other.
    width : int
        Bits per integer; 0 if all are zero.
    n_codes : int
        Number of integers.
    """

    data: Any
    width: int
    n_codes: int

    @property
    def nbytes(self):
        """Number of bytes of the packed integers."""
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
        Bits per integer.

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
    """Return the number of bits that distinguishes `n_values` values; int."""
    return max(0, int(n_values) - 1).bit_length()


def packed_bytes(n_codes, width):
    """Return the number of bytes that `n_codes` integers of `width` bits take; int."""
    return -(-int(n_codes) * int(width) // 8)


class QuantizedArray(NamedTuple):
    """An array stored as codes.

    An entry is ``(table[code] * scale + offset) * 2 ** exponent``; without a table the code
    takes the place of ``table[code]``.

    Attributes
    ----------
    data : PackedIntegers or ndarray of float16
        Codes of the non-zero entries in C order, or all entries in half precision.
    shape : tuple of int
        Shape of the array.
    table : ndarray of shape (n_levels,) or None
        Codebook: the value of each code.
    scale, offset : ndarray or None
        Scale and offset of each channel, broadcastable with the array.
    nonzero : PackedIntegers or None
        Mask of the non-zero entries; all are non-zero if None.
    exponent : int
        Common power of two, which keeps the other arrays within the range of float32.
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
        """Number of bytes of all arrays."""
        return sum(each.nbytes for each in self if hasattr(each, "nbytes"))

    @property
    def width(self):
        """Bits per code."""
        return self.data.width if isinstance(self.data, PackedIntegers) else 8 * self.data.itemsize

    def decode(self):
        """Return the decoded array; ndarray of float64, of shape `shape`. O(size)."""
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
    """Return the binary exponent of the largest absolute value.

    Parameters
    ----------
    values : ndarray
        Finite numbers; may be empty.

    Returns
    -------
    int
        The smallest e with ``abs(values) < 2 ** e``; 0 if `values` is empty. O(size).
    """
    return int(np.frexp(np.abs(values).max(initial=0.0))[1])
