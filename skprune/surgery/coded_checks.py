"""Checks of codes that were read from a file, before they are decoded."""

import zlib

import numpy as np
from scipy import sparse

from skprune.arrays.packing import PackedIntegers, QuantizedArray, packed_bytes
from skprune.surgery._checks import require, require_finite, require_indices
from skprune.surgery.coded import CodedArray
from skprune.surgery.coded_statistics import Compressed
from skprune.surgery.coded_trees import CodedTrees, Leaves, Thresholds

# Bits of an integer that is packed, and of the largest number of them.
MAX_WIDTH, MAX_CODES = 62, 2**40
# Codes of no bits take no bytes, and so could be any number.
MAX_EMPTY = 2**28
SPARSE = (sparse.csr_array, sparse.csc_array, sparse.csr_matrix, sparse.csc_matrix, type(None))


def check_codes(coded):
    """Raise an error if codes ask for more memory than they describe, or are out of range.

    Parameters
    ----------
    coded : CodedModel
        As it was loaded. The model that it decodes to is checked by its surgeon.

    Raises
    ------
    InputError
        If so. O(codes).
    """
    waiting = list(vars(coded).values())
    n_codes = max((p.n_codes for p in _all(waiting) if isinstance(p, PackedIntegers)), default=0)
    for part in _all(waiting):
        if isinstance(part, PackedIntegers):
            _check_packed(coded, part)
        elif isinstance(part, QuantizedArray):
            _check_array(coded, part)
        elif isinstance(part, CodedArray):
            known = part.sparse in {kind if kind is not type(None) else None for kind in SPARSE}
            require(known, coded, f"it decodes to a {part.sparse}", "give a sparse array")
        elif isinstance(part, Compressed):
            _check_compressed(coded, part, n_codes)
        elif isinstance(part, Thresholds | Leaves):
            _check_codebook(coded, part)
    if isinstance(coded, CodedTrees):
        _check_columns(coded)


def _all(parts):
    """Return all tuples inside lists, tuples, dicts and parts of codes; a list."""
    waiting, found = list(parts), []
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, list | tuple):
            found.append(part)
            waiting += part
    return found


def _check_packed(coded, part):
    counts = type(part.width) is int and 0 <= part.width <= MAX_WIDTH
    counts = counts and type(part.n_codes) is int and 0 <= part.n_codes <= MAX_CODES
    fits = counts and isinstance(part.data, np.ndarray) and part.data.dtype == np.uint8
    fits = fits and part.data.shape == (packed_bytes(part.n_codes, part.width),)
    given = f"{part.n_codes} codes of {part.width} bits"
    require(fits, coded, f"it states {given}", "its bytes must be as many")
    bounded = part.width > 0 or part.n_codes <= MAX_EMPTY
    require(bounded, coded, given, "these are too many")


def _check_array(coded, part):
    size = int(np.prod([int(n) for n in part.shape], dtype=object)) if part.shape else 1
    packed = isinstance(part.data, PackedIntegers)
    # A number per channel, which extends along one axis.
    channels = {(*part.shape[:i], 1, *part.shape[i + 1 :]) for i in range(len(part.shape))}
    for name, numbers in (("scale", part.scale), ("offset", part.offset)):
        if numbers is not None:
            shape = np.shape(numbers)
            require(shape in channels, coded, f"{name} has shape {shape}", "give one per channel")
            require_finite(coded, **{name: numbers})
    if part.table is not None:
        require_finite(coded, table=part.table)
    n_entries = part.data.n_codes if packed else part.data.size
    if part.nonzero is not None:
        given = f"a mask of {part.nonzero.n_codes} entries for {size}"
        fits = part.nonzero.n_codes == size and part.nonzero.width == 1
        require(fits, coded, given, "give one for each")
        n_ones = int(part.nonzero.unpack().sum())
        require(n_ones == n_entries, coded, f"{n_entries} entries for {n_ones}", "give all")
    else:
        require(n_entries == size, coded, f"{n_entries} entries for {part.shape}", "give all")
    if packed and part.table is not None and n_entries:
        largest, n_values = int(part.data.unpack().max()), len(part.table)
        given = f"code {largest} of a codebook of {n_values}"
        require(largest < n_values, coded, given, "codes must be in their codebook")


def _check_codebook(coded, part):
    if part.table is not None:
        fits = np.ndim(part.table) == (1 if isinstance(part, Thresholds) else 2)
        require(fits, coded, f"a codebook has shape {np.shape(part.table)}", "give one as written")
        kind = np.asarray(part.table).dtype
        require(kind.kind in "iuf", coded, f"a codebook is of type {kind}", "give numbers")


def _check_columns(coded):
    """Check that each split has a threshold of its own feature."""
    counts, column = np.asarray(coded.thresholds.counts), coded._structure.columns.unpack()
    n_thresholds = len(coded.thresholds.table)
    fits = counts.ndim == 1 and counts.dtype.kind in "iu" and counts.sum() == n_thresholds
    require(fits, coded, f"{n_thresholds} thresholds", "each feature must have its own")
    require_indices(coded, "a split", column, len(counts))
    codes = coded.thresholds.codes.unpack()
    fits = len(codes) == len(column) and (codes < np.maximum(counts[column], 1)).all()
    require(fits, coded, "a threshold is that of another feature", "give one of its own")


def _check_compressed(coded, part, n_codes):
    """Refuse bytes that expand to more numbers than there are nodes."""
    limit = max(n_codes, 1) * np.dtype(part.dtype).itemsize
    found = zlib.decompressobj()
    try:
        read = len(found.decompress(part.data, limit + 1))
    except zlib.error as error:
        require(False, coded, f"compressed numbers are damaged ({error})", "give them whole")  # noqa: FBT003
    require(read <= limit, coded, "compressed numbers expand to too many", f"give {n_codes}")
