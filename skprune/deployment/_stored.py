"""What stands in a file for objects that skops does not store, or not without loss.

Each class here is one that skops stores by the arguments of its constructor. Called with these, as
skops does when it loads a file, it returns the object itself, built from plain lists and arrays.
"""

import io
import pickle
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
import pandas as pd
from scipy.interpolate import BSpline

# They are handed over as they are: skops stores them by name.
BY_NAME = (type, FunctionType, BuiltinFunctionType, np.ufunc)


class Stored:
    """Base of the stand-ins; `arguments` are those of the constructor."""

    arguments: tuple[Any, ...]

    def __reduce__(self):
        return type(self), self.arguments


def stand_in(cls, *arguments):
    """Return a stand-in of a class without calling its constructor."""
    found = object.__new__(cls)
    found.arguments = arguments
    return found


class StoredFrame(Stored):
    """A frame of pandas, such as `report_`, by its columns."""

    def __new__(cls, names, columns, index, index_names):
        """Return the frame."""
        levels = [np.asarray(level) for level in index]
        rows = (
            pd.MultiIndex.from_arrays(levels, names=index_names)
            if len(levels) > 1
            else pd.Index(levels[0], name=index_names[0])
        )
        series = [pd.Series(_cells(*column), index=rows) for column in columns]
        found = pd.concat(series, axis=1) if series else pd.DataFrame(index=rows)
        found.columns = pd.Index(names)
        return found

    @classmethod
    def of(cls, frame):
        """Return the stand-in of a frame."""
        index = frame.index
        levels = [np.asarray(index.get_level_values(i)) for i in range(index.nlevels)]
        columns = [
            (str(kind), _plain_cells(frame.iloc[:, i])) for i, kind in enumerate(frame.dtypes)
        ]
        return stand_in(cls, list(frame.columns), columns, levels, list(index.names))


class StoredDict(Stored):
    """A dict whose keys are not all text, by its keys and values."""

    def __new__(cls, keys, values):
        """Return the dict."""
        return dict(zip(keys, values, strict=True))

    @classmethod
    def of(cls, held):
        """Return the stand-in of a dict."""
        return stand_in(cls, list(held), list(held.values()))


class StoredSpline(Stored):
    """A spline of SciPy, whose constructor checks what its compiled code trusts."""

    def __new__(cls, knots, coefficients, degree, extrapolate):
        """Return the spline."""
        return BSpline(knots, coefficients, degree, extrapolate=extrapolate)

    @classmethod
    def of(cls, spline):
        """Return the stand-in of a spline along the first axis."""
        coefficients = np.moveaxis(spline.c, spline.axis, 0)
        return stand_in(cls, spline.t, coefficients, int(spline.k), spline.extrapolate)


def storable(fitted):
    """Return a copy of an object, as its pickle would be, with stand-ins inside.

    Parameters
    ----------
    fitted : object
        Never changed. It is pickled in memory, so that what its class leaves out of pickles, such
        as a path, is left out here.

    Returns
    -------
    object
        The copy.
    """
    found: list[Any] = []
    out = io.BytesIO()
    _Writer(out, found).dump(fitted)
    out.seek(0)
    return _Reader(out, found).load()


class _Writer(pickle.Pickler):
    """Pickles an object, and hands over stand-ins."""

    def __init__(self, out, found):
        super().__init__(out, protocol=pickle.HIGHEST_PROTOCOL)
        self._found = found
        self._places: dict[int, int] = {}
        self._seen: list[Any] = []  # an object that is kept keeps its id

    def persistent_id(self, part):
        """Return the place of what stands for a part; None if it is pickled."""
        if not (isinstance(part, BY_NAME) or type(part) in STAND_INS):
            return None
        if type(part) is dict and all(type(key) is str for key in part):
            return None
        if id(part) not in self._places:
            self._seen.append(part)
            self._places[id(part)] = len(self._found)
            self._found.append(part)
            if type(part) in STAND_INS:
                self._found[self._places[id(part)]] = self._replaced(part)
        return self._places[id(part)]

    def _replaced(self, part):
        found = STAND_INS[type(part)].of(part)
        return stand_in(type(found), *(storable(each) for each in found.arguments))


class _Reader(pickle.Unpickler):
    """Loads what a `_Writer` pickled."""

    def __init__(self, out, found):
        super().__init__(out)
        self._found = found

    def persistent_load(self, place):
        """Return what was handed over."""
        return self._found[place]


STAND_INS: dict[type, Any] = {
    pd.DataFrame: StoredFrame,
    dict: StoredDict,
    BSpline: StoredSpline,
}


def _plain_cells(column):
    """Return the cells of a column as an array that skops stores."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufc":
        return column.to_numpy()
    return column.to_numpy(dtype=object)


def _cells(kind, cells):
    """Return the cells of a column in their type."""
    if isinstance(cells, np.ndarray) and str(cells.dtype) == kind:
        return cells
    return pd.array(cells, dtype=kind) if kind != "object" else pd.Series(cells, dtype=object).array
