"""Names for the types of public arguments that many signatures share."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from numpy.random import RandomState

# Arrays, sparse matrices, frames of pandas and polars, nested lists: no type holds them all.
MatrixLike: TypeAlias = Any
# Of features, by name or position.
Groups: TypeAlias = Sequence[Sequence[Any]] | Mapping[Any, Sequence[Any]]
Seed: TypeAlias = int | RandomState
