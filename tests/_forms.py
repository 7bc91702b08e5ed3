"""The forms of a kernel: numpy, loops run by Python, and the same loops compiled by numba."""

from contextlib import contextmanager
from unittest.mock import patch

import skprune.arrays.compiled as look_up

NUMBA = look_up._numba()


class _Interpreter:
    """Stands in for numba, and leaves loops to Python."""

    @staticmethod
    def njit(**options):
        del options
        return lambda function: function


FORMS = {"numpy": None, "loops": _Interpreter}
if NUMBA is not None:
    FORMS["compiled"] = NUMBA


@contextmanager
def form(name):
    """Let the look-up of kernels choose one of `FORMS`, for any amount of work."""
    with (
        patch.object(look_up, "_numba", lambda: FORMS[name]),
        patch.object(look_up, "WORTH_LOADING", 0.0),
    ):
        yield
