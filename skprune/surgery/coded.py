"""Coded models: fitted models whose large arrays are stored as codes of few bits."""

import copy
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from scipy.sparse import issparse

from skprune.arrays.packing import QuantizedArray


class CodedModel(ABC):
    """A fitted model whose large arrays are replaced by codes.

    Parameters
    ----------
    shell : estimator
        The model without these arrays; held by reference.
    counts : tuple of (int, int)
        Units and parameters of the model.
    """

    def __init__(self, shell, counts):
        self._shell, self._counts = shell, counts

    @abstractmethod
    def decode(self):
        """Build the plain model from the codes; it shares no data with them."""

    @property
    @abstractmethod
    def nbytes(self):
        """Bytes of the codes and of their tables and scales."""

    def size(self):
        """Return units, parameters and bytes; a tuple of int."""
        return (*self._counts, self.nbytes)


class CodedArray(NamedTuple):
    """An array of a model, stored as codes.

    Attributes
    ----------
    codes : QuantizedArray
        QuantizedArray of the numbers.
    dtype : dtype
        Type of the numbers in the model.
    sparse : type or None
        Type of sparse array; None for a dense one.
    negated : bool
        Whether the array contains the negated numbers.
    """

    codes: QuantizedArray
    dtype: Any
    sparse: Any = None
    negated: bool = False

    @classmethod
    def like(cls, array, codes, *, negated=False):
        """Describe an array of a model whose numbers are stored as given codes."""
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
        The decoded model; its arrays are dropped.
    parts : dict of str to CodedArray or list of CodedArray
        Arrays by the attribute that contains them.
    counts : tuple of (int, int)
        Units and parameters of the model.
    plain_bytes : int
        Bytes of arrays that are not coded, such as intercepts.
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
        """Return the `QuantizedArray` of an array, by its attribute and its index there."""
        held = self._parts[part]
        return (held[place] if isinstance(held, list) else held).codes

    @property
    def nbytes(self):
        """Bytes of codes, scales, tables and intercepts; int."""
        parts = self._parts.values()
        arrays = [each for part in parts for each in (part if isinstance(part, list) else [part])]
        # Arrays of the same numbers share their codes.
        codes = {id(each.codes): each.codes for each in arrays}
        return self._plain_bytes + sum(each.nbytes for each in codes.values())


class WholeModel(CodedModel):
    """A model that is stored without coding.

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
