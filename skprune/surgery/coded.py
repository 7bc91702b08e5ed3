"""Models whose numbers are stored as codes, and the plain models that these stand for."""

import copy
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from scipy.sparse import issparse

from skprune.arrays.packing import QuantizedArray


class CodedModel(ABC):
    """A fitted model without its large arrays, and codes in their place.

    Parameters
    ----------
    shell : estimator
        The model without them; kept as it is.
    counts : tuple of (int, int)
        Units and parameters of the model.
    """

    def __init__(self, shell, counts):
        self._shell, self._counts = shell, counts

    @abstractmethod
    def decode(self):
        """Build the plain model that the codes stand for; it shares nothing with them."""

    @property
    @abstractmethod
    def nbytes(self):
        """Bytes of the codes and of what turns them into numbers."""

    def size(self):
        """Return units, parameters and bytes; a tuple of int."""
        return (*self._counts, self.nbytes)


class CodedArray(NamedTuple):
    """An array of a model as codes.

    Attributes
    ----------
    codes : QuantizedArray
        What it holds.
    dtype : dtype
        Type of its numbers.
    sparse : type or None
        What sparse array it is, if it is one.
    negated : bool
        Whether it holds minus the numbers of the codes.
    """

    codes: QuantizedArray
    dtype: Any
    sparse: Any = None
    negated: bool = False

    @classmethod
    def like(cls, array, codes, *, negated=False):
        """Stand in for an array of a model, with the numbers of codes."""
        return cls(codes, array.dtype, type(array) if issparse(array) else None, negated)

    def decode(self):
        """Return the array; ndarray or sparse array."""
        found = self.codes.decode().astype(self.dtype)
        found = -found if self.negated else found
        return found if self.sparse is None else self.sparse(found)


class CodedArrays(CodedModel):
    """A model whose weights are arrays in attributes of their own.

    Parameters
    ----------
    model : estimator
        The decoded model, which is taken apart.
    parts : dict of str to CodedArray or list of CodedArray
        What its attributes are made of.
    counts : tuple of (int, int)
        Units and parameters of the model.
    plain_bytes : int
        Bytes of what is stored as it is, such as intercepts.
    """

    def __init__(self, model, parts, counts, plain_bytes):
        shell = copy.copy(model)
        for name in parts:
            delattr(shell, name)
        super().__init__(shell, counts)
        self._parts, self._plain_bytes = parts, plain_bytes

    def decode(self):
        """Build the plain model; O(numbers)."""
        model = copy.deepcopy(self._shell)
        for name, part in self._parts.items():
            several = isinstance(part, list)
            setattr(model, name, [each.decode() for each in part] if several else part.decode())
        return model

    def codes_of(self, part, place):
        """Return the codes of an array, by its attribute and its place there; QuantizedArray."""
        held = self._parts[part]
        return (held[place] if isinstance(held, list) else held).codes

    @property
    def nbytes(self):
        """Bytes of codes, scales, tables and intercepts; int."""
        parts = self._parts.values()
        arrays = [each for part in parts for each in (part if isinstance(part, list) else [part])]
        # Arrays that hold the same numbers share their codes.
        codes = {id(each.codes): each.codes for each in arrays}
        return self._plain_bytes + sum(each.nbytes for each in codes.values())


class WholeModel(CodedModel):
    """A model that is stored as it is.

    Parameters
    ----------
    surgeon : object
        Reader of the model.
    """

    def __init__(self, surgeon):
        super().__init__(surgeon.model, surgeon.size()[:2])
        self._nbytes = surgeon.size()[2]

    def decode(self):
        """Return a deep copy of the model."""
        return copy.deepcopy(self._shell)

    @property
    def nbytes(self):
        """Bytes of the model; int."""
        return self._nbytes
