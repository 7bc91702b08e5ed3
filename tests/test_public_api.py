"""The public surface: what is exported, documented, and left alone by the import."""

import importlib
import importlib.util
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import skprune

ROOT = Path(__file__).parents[1]
EXPORTED = [name for name in skprune.__all__ if not name.startswith("_")]
CLASSES = [name for name in EXPORTED if inspect.isclass(getattr(skprune, name))]

# Run in a fresh interpreter. The dependencies come first, for what they change is theirs.
PROBE = """
import json, locale, os, random, signal, sys, threading, warnings
import joblib, numpy, pandas, scipy.stats, sklearn
import sklearn.ensemble, sklearn.feature_selection, sklearn.model_selection
from threadpoolctl import threadpool_info

def state():
    return {
        "warning filters": repr(warnings.filters),
        "warning hook": repr(warnings.showwarning),
        "exception hook": repr(sys.excepthook),
        "numpy random state": repr(numpy.random.get_state(legacy=False)),
        "random state": hash(random.getstate()),
        "numpy errors": numpy.geterr(),
        "numpy printing": numpy.get_printoptions(),
        "pandas options": pandas.describe_option(_print_desc=False),
        "scikit-learn settings": sklearn.get_config(),
        "joblib backend": repr(type(joblib.parallel.get_active_backend()[0])),
        "BLAS and OpenMP threads": {i["filepath"]: i["num_threads"] for i in threadpool_info()},
        "threads": threading.active_count(),
        "environment": dict(os.environ),
        "locale": locale.setlocale(locale.LC_ALL),
        "interrupt": repr(signal.getsignal(signal.SIGINT)),
        "recursion limit": sys.getrecursionlimit(),
        "folder": os.getcwd(),
        "files": sorted(os.listdir()),
    }

sys.path.insert(0, sys.argv[1])
before = state()
{action}
after = state()
print(json.dumps({
    "changed": [name for name in before if before[name] != after[name]],
    "loaded": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""


def probe(action, folder):
    """What `action` changes in a fresh process, and the packages loaded afterwards."""
    command = [sys.executable, "-c", PROBE.replace("{action}", action), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def documented():
    spec = importlib.util.spec_from_file_location("api_reference", ROOT / "docs/api_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [name for section in module.SECTIONS for name in section["names"]]


def test_all_is_sorted():
    assert skprune.__all__ == sorted(set(skprune.__all__))


def test_all_is_what_can_be_imported():
    public = {
        name
        for name, value in vars(skprune).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(EXPORTED)


@pytest.mark.parametrize("name", EXPORTED)
def test_name_is_importable_from_its_family(name):
    value = getattr(skprune, name)
    assert value.__name__ == name
    path = value.__module__.split(".")
    assert path[0] == "skprune"
    public = [part for part in path if not part.startswith("_")][:2]
    assert getattr(importlib.import_module(".".join(public)), name) is value


def test_every_name_is_in_the_api_reference_once():
    assert sorted(documented()) == sorted(EXPORTED)


def test_every_name_is_in_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in EXPORTED if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("name", CLASSES)
def test_public_attributes_of_a_class_are_methods_and_properties(name):
    """Settings of a class are private: what is public is documented by its docstring."""
    cls = getattr(skprune, name)
    public = {key: inspect.getattr_static(cls, key) for key in dir(cls) if not key.startswith("_")}
    plain = [k for k, v in public.items() if not (callable(v) or hasattr(type(v), "__get__"))]
    assert plain == []


def test_every_module_can_be_imported():
    modules = [info.name for info in pkgutil.walk_packages(skprune.__path__, "skprune.")]
    assert len(modules) > 1
    for name in modules:
        importlib.import_module(name)


def test_import_has_no_side_effect(tmp_path):
    found = probe("import skprune", tmp_path)
    assert found["changed"] == []
    assert "skprune" in found["loaded"]
    assert {"matplotlib", "polars"}.isdisjoint(found["loaded"])


@pytest.mark.parametrize(
    ("action", "changed"),
    [
        ("warnings.simplefilter('ignore')", {"warning filters"}),
        (
            (
                "numpy.random.seed(0); random.seed(0); numpy.seterr(all='raise');"
                "sklearn.set_config(transform_output='pandas');"
                "pandas.set_option('display.width', 81);"
                "os.environ['OMP_NUM_THREADS'] = '3'; open('left-behind', 'w').close()"
            ),
            {
                "numpy random state",
                "random state",
                "numpy errors",
                "scikit-learn settings",
                "pandas options",
                "environment",
                "files",
            },
        ),
    ],
)
def test_probe_sees_a_side_effect(action, changed, tmp_path):
    assert set(probe(action, tmp_path)["changed"]) == changed


@pytest.mark.slow
def test_example_of_the_readme_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, {})  # noqa: S102 - it is our own page
