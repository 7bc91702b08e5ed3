"""What runs in production: fitted models without skprune."""

from skprune.deployment._strip import strip

__all__ = ["strip"]
