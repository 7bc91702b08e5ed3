"""The layers of the package, read from its imports and held to one table.

`violations` is a function of one module's name and source, so that it is held against
made-up offenders too; rules about a whole folder (cycles, chains) are functions of an
import graph. Names are those inside the package: `surgery.trees` is
`skprune/surgery/trees.py`, `surgery` is `skprune/surgery/__init__.py`, and the empty
name is `skprune/__init__.py`.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "skprune"

# The one table. A module imports from lower layers and from its own folder; other parts of
# its own layer are out of reach, so that families stay apart.
LAYERS = [
    {"exceptions"},
    {"_compat", "arrays"},
    {"criteria", "solvers", "surgery", "base"},
    {"size"},
    {"feature_selection", "tree", "ensemble", "linear_model", "neural_network", "svm"}
    | {"sample", "quantization", "distillation"},
    {"model_selection"},
    {"inspection", "deployment"},
]
FAMILIES = LAYERS[4]
# The one exception: influence is the curvature of a linear model.
NAMED = {("sample", "linear_model")}
# Pure functions of arrays: they know these libraries and lower pure folders only.
PURE = {"arrays", "criteria", "solvers"}
ARRAY_LIBRARIES = {"numpy", "scipy"}
RUNTIME = {"sklearn", "numpy", "scipy", "joblib", "pandas"}
OPTIONAL = {"matplotlib", "polars", "numba", "xgboost", "lightgbm", "skl2onnx", "onnxruntime"}
OPTIONAL |= {"skops", "cryptography", "dask"}
# Fitted state that only the surgeons read and write.
INTERNALS = {"tree_", "_predictors", "booster_", "_Booster", "get_booster"}
# Files at the top of the package; everything else lives in a folder.
TOP = {"__init__.py", "exceptions.py", "_compat.py", "size.py", "py.typed"}
MAX_LINES, MAX_BODY = 500, 40
# Kernels stand alone: behind one of them are two of its siblings at most, one after the other.
MAX_CHAIN = 2

SIZE = f"a module has at most {MAX_LINES} lines"
BODY = f"the body of a function has at most {MAX_BODY} lines"
PLACE = "every module has a place in LAYERS"
DOWNWARD = "imports go strictly downward, or stay in one folder"
ENTRANCE = "what a family exports is imported by its __init__ only, not by its other modules"
PRIVATE = "private scikit-learn names and versions are read in _compat.py only"
IN_FUNCTION = "imports in functions are for optional dependencies only, through _compat.py"
LAZY = "optional imports are those of import_extra of _compat.py, and numba in arrays.compiled"
ARRAYS_ONLY = "pure modules import array libraries and lower pure modules only"
UNKNOWN = "only declared dependencies are imported"
FITTED = "fitted internals are read and written in surgery/ only"


@cache
def parsed(source: str) -> ast.Module:
    """The tree of a source, which no rule changes."""
    return ast.parse(source)


def top_of(module: str) -> str:
    return module.partition(".")[0]


def layer(module: str) -> int:
    return next((i for i, names in enumerate(LAYERS) if top_of(module) in names), -1)


def imports(module: str, tree: ast.Module, *, is_folder: bool) -> Iterator[tuple[ast.AST, str]]:
    """Each import: its node, and the dotted name of the module or object that it brings in."""
    package = ["skprune", *module.split(".")][: None if is_folder else -1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            prefix = ".".join([*filter(None, base), *filter(None, [node.module])])
            yield from ((node, f"{prefix}.{alias.name}") for alias in node.names)


def within(tree: ast.Module, *kinds: type[ast.AST]) -> set[ast.AST]:
    """All nodes inside functions, or inside blocks for type checkers."""
    roots = (node for node in ast.walk(tree) if isinstance(node, kinds))
    if kinds == (ast.If,):
        roots = (node for node in roots if "TYPE_CHECKING" in ast.unparse(node.test))
    return {inner for root in roots for inner in ast.walk(root)}


def internal_rule(module: str, name: str) -> str | None:
    """The rule that breaks when `module` imports `name`, another part of the package."""
    if not module:
        return None
    if layer(name) < 0:
        return PLACE
    here, there = top_of(module), top_of(name)
    if here in PURE and there not in PURE | {"exceptions"}:
        return ARRAYS_ONLY
    if here == there or layer(name) < layer(module) or (here, there) in NAMED:
        return None
    return DOWNWARD


def external_rule(module: str, name: str, *, local: bool, typing: bool) -> str | None:
    """The rule that breaks when `module` imports `name` from outside of the package."""
    top, *rest = name.split(".")
    if top == "sklearn" and module != "_compat" and any(part.startswith("_") for part in rest):
        return PRIVATE
    if top in OPTIONAL:
        return None if typing else LAZY
    if local:
        return IN_FUNCTION
    allowed = ARRAY_LIBRARIES if top_of(module) in PURE else RUNTIME
    if top in sys.stdlib_module_names or top in allowed:
        return None
    return ARRAYS_ONLY if top in RUNTIME else UNKNOWN


def root_of(node: ast.expr) -> str:
    """The first name of a dotted one, or the empty text if something else stands there."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def attribute_rules(module: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Attributes that only `_compat.py` or only the surgeons may read."""
    sklearn = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if f"{getattr(node, 'module', '')}.{alias.name}".lstrip(".").startswith("sklearn")
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        root, private = root_of(node), node.attr.startswith("_")
        private &= not node.attr.startswith("__") or node.attr == "__version__"
        if private and root in sklearn and root.islower() and module != "_compat":
            yield ast.unparse(node), PRIVATE
        if node.attr in INTERNALS and top_of(module) != "surgery":
            yield ast.unparse(node), FITTED


def size_rules(source: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Modules and bodies of functions (without their docstrings) that are too long."""
    if source.count("\n") > MAX_LINES:
        yield f"has {source.count(chr(10))} lines", SIZE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[ast.get_docstring(node) is not None :]
            n_lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            if n_lines > MAX_BODY:
                yield f"has {n_lines} lines in {node.name}", BODY


def violations(module: str, source: str, *, is_folder: bool = False) -> list[str]:
    """What breaks a rule: sentences that name the module, the import and the rule."""
    tree = parsed(source)
    local = within(tree, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    typing = within(tree, ast.If)
    found = [(f"reads {name}", rule) for name, rule in attribute_rules(module, tree)]
    found += size_rules(source, tree)
    if module and layer(module) < 0:
        found.append(("is new", PLACE))
    for node, name in imports(module, tree, is_folder=is_folder):
        if top_of(name) == "skprune":
            rule = internal_rule(module, name[len("skprune.") :])
            rule = rule or (IN_FUNCTION if node in local else None)
        else:
            rule = external_rule(module, name, local=node in local, typing=node in typing)
        found += [(f"imports {name}", rule)] if rule else []
    return [f"{module or '__init__'} {what}: {rule}" for what, rule in found]


def modules() -> dict[str, Path]:
    """The file of every module, by its name inside the package."""
    paths = sorted(PACKAGE.rglob("*.py"))
    files = [path.relative_to(PACKAGE).with_suffix("") for path in paths]
    names = [".".join(file.parts).removesuffix("__init__").rstrip(".") for file in files]
    return dict(zip(names, paths, strict=True))


MODULES = modules()


def graph(sources: Mapping[str, str], folders: Iterable[str] = ()) -> dict[str, set[str]]:
    """For each module, those of the given ones that it imports from its own folder."""
    found: dict[str, set[str]] = {name: set() for name in sources}
    for module, source in sources.items():
        tree = parsed(source)
        for _, name in imports(module, tree, is_folder=module in folders):
            inner = name.removeprefix("skprune.")
            ends = [inner, inner.rpartition(".")[0]]
            target = next((end for end in ends if end in sources), None)
            if target and target != module and top_of(target) == top_of(module):
                found[module].add(target)
    return found


def cycle(edges: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, the first one again at the end; or none."""
    done: set[str] = set()

    def walk(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in done:
            return []
        found = next(filter(None, (walk(m, [*way, module]) for m in sorted(edges[module]))), [])
        done.add(module)
        return found

    return next(filter(None, (walk(module, []) for module in sorted(edges))), [])


def chain(module: str, edges: Mapping[str, set[str]]) -> int:
    """How many siblings stand behind a module, one after the other."""
    return max((1 + chain(sibling, edges) for sibling in edges[module]), default=0)


def entrances(edges: Mapping[str, set[str]], folder: str) -> list[str]:
    """Imports of what a family exports by a module other than its `__init__`."""
    exported = edges[folder]
    return [
        f"{module} imports {target}: {ENTRANCE}"
        for module, targets in sorted(edges.items())
        if top_of(module) == folder and module != folder
        for target in sorted(targets & exported)
    ]


@pytest.fixture(scope="module")
def edges():
    sources = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}
    folders = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    return graph(sources, folders)


@pytest.mark.parametrize("module", MODULES)
def test_module_keeps_the_rules(module):
    path = MODULES[module]
    is_folder = path.name == "__init__.py"
    found = violations(module, path.read_text(encoding="utf-8"), is_folder=is_folder)
    assert not found, "\n".join(found)


def test_no_folder_has_a_cycle(edges):
    found = cycle(edges)
    assert not found, " -> ".join(found)


def test_kernels_stand_alone(edges):
    long = {m: chain(m, edges) for m in edges if top_of(m) in {"criteria", "solvers"}}
    assert {m: n for m, n in long.items() if n > MAX_CHAIN} == {}


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_pruners_are_entered_by_their_folder(family, edges):
    assert entrances(edges, family) == []


def test_few_files_stand_at_the_top():
    files = {path.name for path in PACKAGE.iterdir() if path.is_file()}
    assert files == TOP


def test_the_package_was_found():
    wanted = {"", "_compat", "arrays.nodes", "surgery", "surgery.trees"}
    assert wanted <= set(MODULES)
    assert {top_of(module) for module in MODULES} >= FAMILIES


OFFENDERS = [
    ("exceptions", "from skprune._compat import Interval", DOWNWARD),
    ("_compat", "from skprune.arrays.nodes import NodeTable", DOWNWARD),
    ("surgery.trees", "from skprune.base import PruningPath", DOWNWARD),
    ("base._path", "from skprune.surgery import surgeon_for", DOWNWARD),
    ("criteria.weakest_link", "from ..solvers.greedy import forward", DOWNWARD),
    ("tree", "from skprune.model_selection import PruningSearchCV", DOWNWARD),
    ("tree._path", "from skprune.ensemble._path import MemberPath", DOWNWARD),
    ("linear_model._path", "from skprune.sample import SamplePruner", DOWNWARD),
    ("feature_selection._relief", "from skprune.tree import TreePruner", DOWNWARD),
    ("model_selection._rules", "from skprune.inspection import compare", DOWNWARD),
    ("inspection._compare", "from skprune.deployment import strip", DOWNWARD),
    ("tree", "import skprune", PLACE),
    ("tree", "from skprune import TreePruner", PLACE),
    ("utils", "", PLACE),
    ("_levels", "", PLACE),
    ("tree", "def f():\n    from skprune.base import PruningPath", IN_FUNCTION),
    ("tree", "def f():\n    import pandas", IN_FUNCTION),
    ("tree", "from sklearn.tree import _tree", PRIVATE),
    ("tree", "from sklearn.utils._param_validation import Interval", PRIVATE),
    ("tree", "import sklearn.tree._tree", PRIVATE),
    ("tree", "import sklearn\nif sklearn.__version__ > '1.8': pass", PRIVATE),
    ("tree", "from sklearn import tree\ntree._tree.Tree", PRIVATE),
    ("inspection.displays", "import matplotlib.pyplot as plt", LAZY),
    ("inspection.displays", "def plot():\n    import matplotlib.pyplot as plt", LAZY),
    ("surgery.xgboost", "def read(model):\n    import xgboost", LAZY),
    ("criteria.association", "from sklearn.base import BaseEstimator", ARRAYS_ONLY),
    ("criteria", "import pandas as pd", ARRAYS_ONLY),
    ("arrays.nodes", "import pandas as pd", ARRAYS_ONLY),
    ("solvers.greedy", "from skprune._compat import Interval", ARRAYS_ONLY),
    ("criteria.relief", "from skprune.surgery import read", ARRAYS_ONLY),
    ("tree", "import requests", UNKNOWN),
    ("tree", "def f(model):\n    return model.tree_.value", FITTED),
    ("size", "\n" * (MAX_LINES + 1), SIZE),
    ("size", "def f():\n" + "    x = 1\n" * (MAX_BODY + 1), BODY),
]


@pytest.mark.parametrize(("module", "source", "rule"), OFFENDERS)
def test_offender_is_named(module, source, rule):
    found = violations(module, source)
    assert found
    assert all(sentence.startswith(f"{module} ") for sentence in found)
    assert any(sentence.endswith(rule) for sentence in found), found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("_compat", "from sklearn.tree._tree import Tree\nimport sklearn\nsklearn.__version__"),
        ("arrays.nodes", "from __future__ import annotations\nimport math\nimport numpy as np"),
        ("criteria.relief", "from scipy.stats import beta\nfrom skprune.arrays.nodes import walk"),
        ("solvers.greedy", "from .least_squares import refit"),
        ("surgery.forests", "from .trees import cut\nfrom . import trees"),
        ("surgery.trees", "from ..arrays.nodes import NodeTable\nx = model.tree_"),
        ("sample._scores", "from skprune.linear_model._objective import Objective"),
        ("tree._path", "from ..base import BaseModelPruner\nfrom sklearn.base import clone"),
        ("inspection.displays", "if TYPE_CHECKING:\n    from matplotlib.axes import Axes"),
        ("size", 'def f():\n    """' + "Says much.\n" * 50 + '    """\n    return 1'),
    ],
)
def test_allowed_import_is_silent(module, source):
    assert violations(module, source) == []


def test_the_top_exports_from_everywhere():
    source = "from skprune.tree import TreePruner\nfrom .base import x"
    assert violations("", source, is_folder=True) == []


def test_planted_cycle_is_caught():
    sources = {
        "tree._path": "from skprune.tree._scores import risk",
        "tree._scores": "from skprune.tree import _validation",
        "tree._validation": "from ._path import TreePath\nfrom skprune.base import PruningPath",
        "tree._refit": "from skprune.tree._path import TreePath",
    }
    found = cycle(graph(sources))
    assert found[0] == found[-1]
    assert set(found) == {"tree._path", "tree._scores", "tree._validation"}
    sources["tree._validation"] = ""
    assert cycle(graph(sources)) == []


def test_planted_chain_and_entrance_are_caught():
    sources = {
        "solvers.a": "from .b import f",
        "solvers.b": "from skprune.solvers import c",
        "solvers.c": "from .d import f",
        "solvers.d": "",
        "svm": "from skprune.svm._pruner import SVMPruner",
        "svm._pruner": "from skprune.svm._path import SVMPath",
        "svm._path": "from skprune.svm._pruner import SVMPruner",
    }
    found = graph(sources, folders={"svm"})
    assert chain("solvers.a", found) == 3
    assert [sentence.split(":")[0] for sentence in entrances(found, "svm")] == [
        "svm._path imports svm._pruner"
    ]
