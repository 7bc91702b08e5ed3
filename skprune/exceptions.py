"""Errors and warnings of skprune.

The tree::

    PruningError
    ├── InputError                also a ValueError: parameters or rows that do not serve
    ├── LevelError                also a ValueError: a level that cannot be met
    ├── UnsupportedModelError     also a TypeError: no surgeon knows this model
    └── MissingExtraError         also an ImportError: an optional package is absent
    UserWarning
    └── PruningWarning            a request that was honoured otherwise than it reads

Every message says what was given, what is allowed and what to do.
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
    """Base of all errors that skprune raises on its own account."""


class InputError(PruningError, ValueError):
    """Parameters do not go together, or no rows are left to work with."""


class LevelError(PruningError, ValueError):
    """A pruning level is malformed, or the model has no such level."""


class UnsupportedModelError(PruningError, TypeError):
    """The class of the model is not one that skprune can prune."""


class MissingExtraError(PruningError, ImportError):
    """An optional dependency is needed; the message names its extra."""


class PruningWarning(UserWarning):
    """A parameter had no meaning here, or a level was met only in part."""
