"""Errors and warnings of skprune.

The tree::

    PruningError
    ├── InputError                also a ValueError: invalid parameters or data
    ├── LevelError                also a ValueError: an invalid pruning level
    ├── UnsupportedModelError     also a TypeError: a model that cannot be pruned
    └── MissingExtraError         also an ImportError: a missing optional package
    UserWarning
    └── PruningWarning            a parameter was ignored or a level adjusted

Every message states what was given, what is allowed and what to do.
"""

__all__ = [
    "InputError",
    "LevelError",
    "MissingExtraError",
    "PruningError",
    "PruningWarning",
    "UnsupportedModelError",
]


class PruningError(Exception):
    """Base class of the errors of skprune."""


class InputError(PruningError, ValueError):
    """Parameters are inconsistent, or the data do not suit them or the model."""


class LevelError(PruningError, ValueError):
    """A pruning level is malformed, or the model has no such level."""


class UnsupportedModelError(PruningError, TypeError):
    """The class of the model is not supported."""


class MissingExtraError(PruningError, ImportError):
    """An optional dependency is not installed; the message names its extra."""


class PruningWarning(UserWarning):
    """A parameter was ignored, or a level was adjusted."""
