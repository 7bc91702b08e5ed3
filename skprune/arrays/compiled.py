"""The one look-up of compiled twins: numba compiles the loops of a kernel where it is installed.

A kernel has two forms, with the same arguments and results: numpy, which is the reference, and
plain loops over flat arrays, which Python would run slowly. The loops stand in a module of their
own that imports nothing but numpy; here a second copy of it is loaded, whose functions numba
compiles when they are first called. Compiled code is stored beside the bytecode of that module,
or in the cache of the user where that folder cannot be written to.

Importing numba and loading stored code takes seconds, more than small trees ever need in numpy.
So a process begins with numpy, and turns to the loops where it has worked, or is about to work,
for as long as loading them takes: it never takes twice the time of the better choice. Both forms
give the same bits, so that no result depends on when this happens.
"""

import sys
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import isfunction
from types import ModuleType
from typing import Any

# Seconds of work in numpy that importing numba and loading the loops of a kernel are worth.
WORTH_LOADING = 2.0
_spent: dict[str, float] = {}


def compiled(loops: Any, reference: Any, seconds: float) -> Any:
    """Return the form of a kernel that is expected to be the fastest.

    Parameters
    ----------
    loops : function
        The kernel as loops, from a module of loops only.
    reference : function
        The kernel in numpy.
    seconds : float
        Seconds that this call takes in numpy, roughly.

    Returns
    -------
    function
        The loops compiled by numba. The reference where numba is not installed, and until the
        kernels of that module have worked for long enough in this process.
    """
    name = loops.__module__
    _spent[name] = spent = _spent.get(name, 0.0) + seconds
    if spent < WORTH_LOADING:
        return reference
    numba = _numba()
    return reference if numba is None else getattr(_twin(name, numba), loops.__name__)


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
