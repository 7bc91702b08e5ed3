"""The look-up of compiled kernels."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import skprune
import skprune.arrays.compiled as look_up
from skprune.criteria import weakest_link_loops
from skprune.solvers import backfitting_loops as loops
from tests._forms import NUMBA, form

needs_numba = pytest.mark.skipif(NUMBA is None, reason="numba is not installed")


def reference():
    """Stand in for a kernel in numpy."""


def test_without_numba_the_reference_is_chosen():
    with form("numpy"):
        assert look_up.compiled(loops._cumulate, reference, 1.0) is reference


@needs_numba
def test_with_numba_the_loops_are_compiled():
    with form("compiled"):
        twin = look_up.compiled(loops._cumulate, reference, 1.0)
        assert twin is look_up.compiled(loops._cumulate, reference, 0.0)
    push, mass = np.ones((2, 4))
    twin(push, mass, 3)
    assert push.tolist() == mass.tolist() == [1, 2, 3, 4]
    assert twin.signatures


@needs_numba
@pytest.mark.parametrize(
    ("works", "loads"),
    [([0.1] * 4, [False] * 4), ([1.5, 0.1, 0.6, 0.0], [False, False, True, True]), ([5.0], [True])],
)
def test_loops_are_loaded_for_as_much_work_as_loading_takes(monkeypatch, works, loads):
    """Small trees are done in numpy before numba is there."""
    monkeypatch.setattr(look_up, "WORTH_LOADING", 2.0)
    monkeypatch.setattr(look_up, "_spent", {})
    other = look_up.compiled(weakest_link_loops.collapse_costs, reference, 1.9)
    assert other is reference  # each module of kernels is loaded by itself
    found = [look_up.compiled(loops._cumulate, reference, work) for work in works]
    assert [kernel is not reference for kernel in found] == loads


def test_small_trees_are_pruned_without_numba():
    code = """if True:
        import sys
        from sklearn.datasets import load_diabetes
        from sklearn.ensemble import RandomForestRegressor
        from skprune import TreePruner
        X, y = load_diabetes(return_X_y=True)
        for options in ({"ridge": 10.0, "criterion": "backfitting"}, {}):
            TreePruner(RandomForestRegressor(5), keep=20, **options).fit(X, y)
        assert "numba" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_numba_that_refuses_this_numpy_is_none(monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(look_up, "import_module", refuse)
    assert look_up._numba.__wrapped__() is None


def test_without_a_folder_for_compiled_code_it_is_not_stored():
    class Numba:
        @staticmethod
        def njit(*, cache=False, **options):
            def decorate(function):
                if cache:
                    raise RuntimeError("cannot cache function: no locator available")
                return function, options

            return decorate

    function, options = look_up._compile(reference, Numba)
    assert function is reference
    assert options["error_model"] == "numpy"


def test_no_module_imports_numba():
    """Compiling takes seconds, and the import half a second: neither without a reason."""
    package = Path(skprune.__file__).parent
    files = [path.relative_to(package.parent) for path in package.rglob("*.py")]
    names = {".".join(f.with_suffix("").parts).removesuffix(".__init__") for f in files}
    lines = [f"import {name}" for name in sorted(names)]
    code = "\n".join(["import sys", *lines, "assert 'numba' not in sys.modules"])
    subprocess.run([sys.executable, "-c", code], check=True, cwd=package.parent)
