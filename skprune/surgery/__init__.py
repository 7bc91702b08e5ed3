"""Surgery: the only reader and writer of the fitted internals of models."""

from skprune.surgery._registry import (
    family_of,
    has_members,
    has_surgeon,
    members_for,
    members_type,
    surgeon_for,
    surgeon_type,
)

__all__ = [
    "family_of",
    "has_members",
    "has_surgeon",
    "members_for",
    "members_type",
    "surgeon_for",
    "surgeon_type",
]
