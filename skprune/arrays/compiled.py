"""The one look-up of compiled twins: numba compiles the loops of a kernel where it is installed.

A kernel has two forms, with the same arguments and results: numpy, which is the reference, and
plain loops over flat arrays, which Python would run slowly. The loops stand in a module of their
own that imports nothing but numpy; here a second copy of it is loaded, whose functions numba
compiles when they are first called. Compiled code is stored beside the bytecode of that module,
or in the cache of the user where that folder cannot be written to.
"""

import sys
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import isfunction
from types import ModuleType
from typing import Any


def compiled(loops: Any, reference: Any) -> Any:
    """Return the fastest form of a kernel that is there.

    Parameters
    ----------
    loops : function
        The kernel as loops, from a module of loops only.
    reference : function
        The kernel in numpy.

    Returns
    -------
    function
        The loops compiled by numba, or the reference where numba is not installed.
    """
    numba = _numba()
    return reference if numba is None else getattr(_twin(loops.__module__, numba), loops.__name__)


@cache
def _numba() -> Any:
    """Return numba; None where it is missing, or where it does not know this numpy."""
    try:
        return import_module("numba")
    except ImportError:
        return None


@cache
def _twin(name: str, numba: Any) -> ModuleType:
    """Return a copy of a module in which every function is compiled at its first call."""
    spec: Any = spec_from_file_location(name, sys.modules[name].__file__)
    twin = module_from_spec(spec)
    spec.loader.exec_module(twin)
    for key, function in list(vars(twin).items()):
        if isfunction(function) and function.__module__ == name:
            setattr(twin, key, _compile(function, numba))
    return twin


def _compile(function: Any, numba: Any) -> Any:
    # Divisions by zero give what they give in numpy; sums keep their order without `fastmath`.
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder to store compiled code in
        return numba.njit(**options)(function)
