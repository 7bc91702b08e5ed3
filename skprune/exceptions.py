"""Errors and warnings of skprune.

The tree::

    PruningError
    ├── InputError                also a ValueError: invalid parameters or data
    ├── LevelError                also a ValueError: an invalid pruning level
    ├── UnsupportedModelError     also a TypeError: a model that cannot be pruned
    ├── MissingExtraError         also an ImportError: a missing optional package
    └── PersistenceError          also a ValueError: a file that is not dumped or loaded
        ├── TamperedFileError     the bytes are not those that were written
        │   └── TruncatedFileError    the file ends early
        ├── SignatureError        no signature, or that of another key
        ├── UntrustedTypeError    a type that is not among the trusted ones
        └── VersionError          an unknown or a newer version of the format
    UserWarning
    └── PruningWarning            a parameter was ignored or a level adjusted

Every message states what was given, what is allowed and what to do.
"""

__all__ = [
    "InputError",
    "LevelError",
    "MissingExtraError",
    "PersistenceError",
    "PruningError",
    "PruningWarning",
    "SignatureError",
    "TamperedFileError",
    "TruncatedFileError",
    "UnsupportedModelError",
    "UntrustedTypeError",
    "VersionError",
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


class PersistenceError(PruningError, ValueError):
    """A fitted object cannot be dumped, or a file cannot be loaded."""


class TamperedFileError(PersistenceError):
    """The bytes of a file are not those that `skprune.dump` wrote."""


class TruncatedFileError(TamperedFileError):
    """A file ends early."""


class SignatureError(PersistenceError):
    """A file has no signature, or one that the given key did not make."""


class UntrustedTypeError(PersistenceError):
    """A file, or an object to be dumped, holds a type that is not trusted."""


class VersionError(PersistenceError):
    """The version of the format of a file is unknown, or newer than this one."""


class PruningWarning(UserWarning):
    """A parameter was ignored, or a level was adjusted."""
