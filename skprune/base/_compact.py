"""Fitted attributes in few bytes, for pickles: masks as bits, scores rounded, tables as columns."""

import math
import zlib
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skprune.arrays.packing import exponent_of
from skprune.exceptions import InputError

# Attributes of scores, one for each unit, that nothing but a reader needs after `fit`.
ROUNDED = {"_scores", "rank_shares_", "difficulty_"}
# The largest array that is restored, so that few bytes cannot ask for all memory.
MAX_SIZE = 2**30
DAMAGED = "The file is damaged: load an intact copy."


class PackedMask(NamedTuple):
    """A mask as compressed bits, and its shape."""

    data: bytes
    shape: tuple[int, ...]

    def restore(self):
        """Return the mask; ndarray of bool."""
        n_bits = _size_of(self.shape)
        bits = np.frombuffer(_expand(self.data, -(-n_bits // 8)), dtype=np.uint8)
        return np.unpackbits(bits, count=n_bits).astype(bool).reshape(self.shape)


class RoundedArray(NamedTuple):
    """An array rounded to float32, with a common power of two that keeps it in range.

    The bytes of a number are stored apart, all first ones first, which compresses better.
    """

    data: bytes
    shape: tuple[int, ...]
    exponent: int

    def restore(self):
        """Return the array; ndarray of float64."""
        planes = np.frombuffer(_expand(self.data, 4 * _size_of(self.shape)), dtype=np.uint8)
        planes = planes.reshape(4, -1)
        values = np.ascontiguousarray(planes.T).view("<f4")
        return np.ldexp(values.astype(np.float64), self.exponent).reshape(self.shape)


class ColumnTable(NamedTuple):
    """A frame as lists: names, types and values of its columns; its rows, None if numbered."""

    names: list[Any]
    dtypes: list[str]
    values: list[list[Any]]
    index_name: Any
    rows: list[Any] | None = None

    def restore(self):
        """Return the frame."""
        columns = zip(self.names, self.values, self.dtypes, strict=True)
        frame = pd.DataFrame({name: pd.Series(cells, dtype=kind) for name, cells, kind in columns})
        if self.rows is not None:
            frame.index = pd.Index(self.rows)
        return frame.rename_axis(self.index_name)


def compact(state):
    """Return the state of an estimator with smaller stand-ins for what can be restored.

    Parameters
    ----------
    state : dict of str to object
        Fitted attributes and parameters by name.

    Returns
    -------
    dict of str to object
        Masks and tables are restored exactly, those of `ROUNDED` to float32. O(size).
    """
    return {name: _smaller(name, value) for name, value in state.items()}


def restore(state):
    """Return the state that `compact` was given."""
    small = PackedMask, RoundedArray, ColumnTable
    return {k: v.restore() if isinstance(v, small) else v for k, v in state.items()}


def _size_of(shape):
    """Return the number of entries of a stored array, which may come from a damaged file."""
    size = math.prod(shape)
    if not 0 <= size <= MAX_SIZE:
        msg = f"A stored array states shape {shape}. {DAMAGED}"
        raise InputError(msg)
    return size


def _expand(data, n_bytes):
    """Return compressed bytes that are known to be so many, and no more than these."""
    try:
        found = zlib.decompressobj().decompress(data, n_bytes + 1)
    except zlib.error:
        found = b""
    if len(found) != n_bytes:
        msg = f"A stored array does not expand to the {n_bytes} bytes of its shape. {DAMAGED}"
        raise InputError(msg)
    return found


def _smaller(name, value):
    if isinstance(value, np.ndarray):
        if value.dtype == bool and name.endswith("_"):
            return PackedMask(zlib.compress(np.packbits(value).tobytes()), value.shape)
        if value.dtype == np.float64 and name in ROUNDED:
            return _round(value)
    if name == "report_" and isinstance(value, pd.DataFrame):
        dtypes = [str(kind) for kind in value.dtypes]
        cells = [value.iloc[:, i].tolist() for i in range(value.shape[1])]
        labelled = all(isinstance(label, str) for label in value.index)
        rows = value.index.tolist() if labelled and len(value) else None
        found = ColumnTable(list(value.columns), dtypes, cells, value.index.name, rows)
        return found if _is_same(found, value) else value
    return value


def _round(values):
    exponent = exponent_of(values[np.isfinite(values)])
    rounded = np.ldexp(values, -exponent).astype("<f4")
    planes = np.ascontiguousarray(rounded.reshape(-1, 1).view(np.uint8).T)
    return RoundedArray(zlib.compress(planes.tobytes()), values.shape, exponent)


def _is_same(table, frame):
    """Return whether a frame is restored exactly: its types are plain."""
    try:
        pd.testing.assert_frame_equal(table.restore(), frame, check_exact=True)
    except (AssertionError, TypeError, ValueError):
        return False
    return not frame.attrs
