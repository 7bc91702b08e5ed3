"""The path of a quantized model: one level per number of bits."""

import copy

import numpy as np
import pandas as pd

from skprune.base import PruningPath
from skprune.exceptions import LevelError
from skprune.surgery.coded import WholeModel

# Bits of a number, besides those of the model. Between 8 and 16 bits, codes would take as many
# bytes as half precision.
LEVELS = (16, 8, 7, 6, 5, 4, 3, 2, 1)


class QuantizedPath(PruningPath):
    """The levels of a model by the bits of its numbers; a cut gives the plain decoded model.

    Parameters
    ----------
    coder : TreeCoder or WeightCoder
        Turns the model into codes.
    """

    def __init__(self, coder):
        self._coder = coder
        surgeon = coder.surgeon
        _, parameters, n_bytes = surgeon.size()
        bits = [coder.whole_bits, *(level for level in LEVELS if level < coder.whole_bits)]
        levels = pd.DataFrame(
            {
                "keep": np.array(bits) / bits[0],
                "bits": bits,
                "parameters": parameters,
                "bytes": [n_bytes, *map(coder.nbytes, bits[1:])],
            }
        )
        super().__init__(surgeon.model, levels, unit="bits", common_scale=False)

    def mask(self, index):
        """Return which bits of a number are kept at a level; ndarray of bool, shape (n_bits,)."""
        return np.arange(self.units[0]) < self.units[index]

    def coded(self, index):
        """Return a level as a `CodedModel`, which shares nothing that can be written."""
        if index == 0:
            return WholeModel(copy.deepcopy(self._coder.surgeon))
        return copy.copy(self._once(index, lambda: self._coder.code(int(self.units[index]))))

    def report(self, index):
        """Tabulate what the numbers of each array have become; see `PruningPath.report`.

        There is a row per array of weights, per feature with thresholds, and for all leaves.
        """
        coded = None if index == 0 else self.coded(index)
        rows = self._coder.report(coded)
        return tabulate_report(rows)

    def _build(self, index):
        return self.coded(index).decode()

    def _index_of_threshold(self, threshold):
        msg = (
            f"threshold={threshold!r} was given, but the levels of a quantizer are numbers of "
            "bits, which have no thresholds. Give keep, a number or a fraction of bits."
        )
        raise LevelError(msg)


REPORT = ("part", "place", "values_before", "values", "bits", "bytes_before", "bytes", "error")


def tabulate_report(rows):
    """Return the report of rows as `report_row` returns them."""
    return pd.DataFrame(rows, columns=REPORT).rename_axis("array")


def report_row(part, place, before, after, width, n_bytes):
    """Return a row of the report: numbers before and after, and how these are stored.

    Parameters
    ----------
    part : str
        Kind of the numbers.
    place : object
        Index of the array among those of this kind: a layer, or a feature.
    before, after : ndarray
        The numbers; NaN are ignored.
    width : int
        Bits of each number.
    n_bytes : int
        Bytes of all numbers as stored.
    """
    known = ~np.isnan(before)
    before, after = before[known], after[known]
    with np.errstate(invalid="ignore"):  # equal infinities differ by NaN
        moved = np.abs(np.where(after == before, 0.0, after - before))
    return (
        part,
        place,
        len(np.unique(before)),
        len(np.unique(after)),
        width,
        before.nbytes,
        n_bytes,
        float(moved.max(initial=0.0)),
    )
