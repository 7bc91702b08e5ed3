"""The layers of the package, read from its imports.

`violations` is a function of one module's name and source, so that it is held against
made-up offenders too. Names are those inside the package: `surgery.trees` is
`skprune/surgery/trees.py`, `surgery` is `skprune/surgery/__init__.py`, and the empty
name is `skprune/__init__.py`.
"""

import ast
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "skprune"

# A module belongs to the layer that names it, or its folder. Imports go to a lower layer.
LAYERS = [
    {"exceptions", "_compat"},
    {"_bins", "_codes", "_extras", "_levels", "_network", "_nodes"},
    {"criteria", "solvers", "surgery"},
    {"path", "size", "_additive", "_rows", "_columns", "_targets", "_risks", "_tree_path"}
    | {"_column_path", "_lossless_path", "_permuted", "_redundancy_path", "_strength"}
    | {"_member_path", "_faithful_path", "_backfitting", "_backfit_path", "_svm_path"}
    | {"_gate", "_lessons", "_made_rows", "_students", "_taught", "_teacher"}
    | {"_linear_loss", "_linear_settings", "_linear_objective", "_linear_order"}
    | {"_linear_refit", "_linear_path"}
    | {"_neural_path", "_neural_rounds", "_neural_rows", "_neural_scores"}
    | {"_sample_orders", "_sample_path", "_sample_rows", "_sample_scores"}
    | {"_quantized_path", "_quantized_trees", "_quantized_weights"},
    {"base"},
    {"feature", "tree", "ensemble", "linear", "neural", "svm"}
    | {"sample", "distillation", "quantization"},
    {"model_selection", "inspection", "deployment"},
]
# Imports within one layer that are allowed: (importer, imported), and why.
SIBLINGS = {
    ("criteria.contingency", "criteria.association"): "numbers beside categories",
    ("criteria.relief", "criteria.differences"): "what is summed over pairs of rows",
    ("surgery._dispatch", "surgery.*"): "it registers the surgeons",
    ("surgery.forests", "surgery.trees"): "a member is a tree",
    ("surgery.boosting", "surgery.trees"): "a stage is a tree",
    ("surgery.hist_boosting", "surgery.boosting"): "stages of one tree per raw score",
    ("surgery.coded_*", "surgery.coded"): "they are coded models",
    ("surgery.coded_trees", "surgery.husks"): "what is left of a model beside its nodes",
    ("surgery.coded_weights", "surgery.linear"): "it knows where each family keeps its weights",
    ("surgery.coded_weights", "surgery.neural"): "it knows where each family keeps its weights",
    ("surgery.coded_weights", "surgery.svm"): "it knows where each family keeps its weights",
    ("surgery.husks", "surgery.forests"): "what speaks of the training rows goes",
    ("surgery.husks", "surgery.hist_boosting"): "its node records and order of columns",
    ("surgery.additive", "surgery.boosting"): "it compacts stages alike",
    ("surgery.additive", "surgery.trees"): "it is made of trees",
    ("surgery.*", "surgery._records"): "the bytes that trees are made of",
    ("solvers.*", "solvers.least_squares"): "the kernel that solvers share",
    ("solvers.backfitting", "solvers.losses"): "what is fitted to",
    ("solvers.neurons", "solvers.inverse_hessian"): "units of a layer go by its orders",
    ("solvers.neurons", "solvers.layerwise"): "what a layer reads, and its covariance",
    ("solvers.backfitting", "solvers.layout"): "what is fitted",
    ("_backfit_path", "_tree_path"): "the same snapshot stands in",
    ("_backfit_path", "path"): "a family's path is a path of a model",
    ("_tree_path", "_additive"): "a single tree scores its levels at once",
    ("surgery.members", "surgery._dispatch"): "members have surgeons of their own",
    ("surgery.members", "surgery.trees"): "labels are encoded alike",
    ("surgery.members", "surgery.forests"): "what speaks of the whole model goes",
    ("_member_path", "_tree_path"): "the same snapshot stands in",
    ("_lossless_path", "path"): "a family's path is a path of a model",
    ("_faithful_path", "_member_path"): "its levels are sets of members",
    ("_svm_path", "path"): "a family's path is a path of a model",
    ("_member_path", "path"): "a family's path is a path of a model",
    ("_column_path", "path"): "it is a path",
    ("_redundancy_path", "_column_path"): "its levels are sets of columns",
    ("_strength", "_targets"): "targets are read as classes or quantities",
    ("_lessons", "_made_rows"): "made rows join the others",
    ("_teacher", "_students"): "a teacher is asked as a student is",
    ("_gate", "_students"): "it teaches students to compare them",
    ("_gate", "size"): "a report says what models store",
    ("_taught", "size"): "it says which model is plain",
    ("_permuted", "_tree_path"): "the same snapshot stands in",
    ("_permuted", "_columns"): "which columns hold text",
    ("base._*", "base._pruner"): "what all bases share",
    ("base._ranking", "base._features"): "a ranking is of columns",
    ("_linear_path", "path"): "a family's path is a path of a model",
    ("_*", "_rows"): "what is said where rows are missing",
    ("_neural_path", "path"): "a family's path is a path of a model",
    ("_neural_path", "_neural_rounds"): "its levels are what rounds leave",
    ("_linear_path", "_linear_refit"): "a path knows when its refit has lost its rows",
    ("_linear_objective", "_linear_loss"): "an objective is a loss on rows",
    ("_linear_settings", "_linear_loss"): "the parameters of a model name its loss",
    ("_linear_*", "_linear_settings"): "what a model minimised says how it is fitted",
    ("_linear_*", "_linear_objective"): "it is ordered by and fitted to",
    ("_sample_path", "path"): "a family's path is a path of a model",
    ("_sample_scores", "_linear_*"): "the curvature of a linear fit",
    ("_quantized_path", "path"): "a family's path is a path of a model",
    ("_quantized_*", "_quantized_path"): "rows of the report",
    ("_tree_path", "path"): "a family's path is a path of a model",
    ("inspection._compare", "inspection._scratch"): "small models beside pruned ones",
    ("model_selection._search", "model_selection._*"): "it lists, folds, and has a default rule",
    ("model_selection._candidates", "model_selection._make"): "a bare model is wrapped",
    ("model_selection._candidates", "model_selection._handles"): "a combination turns levels",
    ("model_selection._fit_once", "model_selection._handles"): "a fit is cut at levels",
    ("model_selection._score_levels", "model_selection._fit_once"): "a fold fits, then scores",
    ("model_selection._non_inferior", "model_selection._rules"): "a rule with a test in it",
    ("model_selection._score_levels", "model_selection._paired"): "losses are scores in pairs",
}
RUNTIME = {"sklearn", "numpy", "scipy", "joblib", "pandas"}
OPTIONAL = {"matplotlib", "polars"}
# Pure functions of arrays: what these modules may import beside lower layers.
PURE = {
    "_bins": {"numpy"},
    "_codes": {"numpy"},
    "_nodes": {"numpy"},
    "_network": {"numpy", "scipy"},
    "criteria*": {"numpy", "scipy"},
    "solvers*": {"numpy", "scipy"},
}
# Fitted state that only the surgeons read and write.
INTERNALS = {"tree_", "_predictors"}
MAX_LINES = 500

SIZE = f"a module has at most {MAX_LINES} lines"
PLACE = "every module has a place in LAYERS"
DOWNWARD = "imports go strictly downward"
PRIVATE = "private scikit-learn names and versions are read in _compat.py only"
IN_FUNCTION = "imports in functions are for optional dependencies only"
LAZY = "optional dependencies are imported in functions only"
ARRAYS_ONLY = "pure modules import array libraries and lower layers only"
UNKNOWN = "only declared dependencies are imported"
FITTED = "fitted internals are read and written in surgery/ only"


def layer(module: str) -> int:
    top = module.partition(".")[0]
    return next((i for i, names in enumerate(LAYERS) if top in names), -1)


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


def internal_rule(module: str, name: str, *, is_folder: bool) -> str | None:
    """The rule that breaks when `module` imports `name`, another part of the package."""
    if not module:
        return None
    if layer(name) < 0:
        return PLACE
    if name.startswith("_compat") and any(fnmatch(module, pattern) for pattern in PURE):
        return ARRAYS_ONLY
    if layer(name) < layer(module) or (is_folder and name.startswith(f"{module}.")):
        return None
    named = any(
        fnmatch(module, importer) and (fnmatch(name, imported) or fnmatch(name, f"{imported}.*"))
        for importer, imported in SIBLINGS
    )
    return None if named else DOWNWARD


def external_rule(module: str, name: str, *, local: bool, typing: bool) -> str | None:
    """The rule that breaks when `module` imports `name` from outside of the package."""
    top, *rest = name.split(".")
    if top == "sklearn" and module != "_compat" and any(part.startswith("_") for part in rest):
        return PRIVATE
    if top in OPTIONAL:
        return None if local or typing else LAZY
    if local:
        return IN_FUNCTION
    pure = next((names for pattern, names in PURE.items() if fnmatch(module, pattern)), None)
    if top in sys.stdlib_module_names or top in (pure or RUNTIME):
        return None
    return ARRAYS_ONLY if pure else UNKNOWN


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
        root, private = ast.unparse(node).split(".")[0], node.attr.startswith("_")
        private &= not node.attr.startswith("__") or node.attr == "__version__"
        if private and root in sklearn and root.islower() and module != "_compat":
            yield ast.unparse(node), PRIVATE
        if node.attr in INTERNALS and not module.startswith("surgery"):
            yield ast.unparse(node), FITTED


def violations(module: str, source: str, *, is_folder: bool = False) -> list[str]:
    """What breaks a rule: sentences that name the module, the import and the rule."""
    tree = ast.parse(source)
    local = within(tree, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    typing = within(tree, ast.If)
    found = []
    if source.count("\n") > MAX_LINES:
        found.append((f"has {source.count(chr(10))} lines", SIZE))
    if module and layer(module) < 0:
        found.append(("is new", PLACE))
    for node, name in imports(module, tree, is_folder=is_folder):
        if name.split(".")[0] == "skprune":
            rule = internal_rule(module, name[len("skprune.") :], is_folder=is_folder)
            rule = rule or (IN_FUNCTION if node in local else None)
        else:
            rule = external_rule(module, name, local=node in local, typing=node in typing)
        found += [(f"imports {name}", rule)] if rule else []
    found += [(f"reads {name}", rule) for name, rule in attribute_rules(module, tree)]
    return [f"{module or '__init__'} {what}: {rule}" for what, rule in found]


def modules() -> list[tuple[str, Path]]:
    """The name inside the package, and the file, of every module."""
    paths = sorted(PACKAGE.rglob("*.py"))
    files = [path.relative_to(PACKAGE).with_suffix("") for path in paths]
    names = [".".join(file.parts).removesuffix("__init__").rstrip(".") for file in files]
    return list(zip(names, paths, strict=True))


@pytest.mark.parametrize(("module", "path"), modules())
def test_module_keeps_the_rules(module, path):
    is_folder = path.name == "__init__.py"
    found = violations(module, path.read_text(encoding="utf-8"), is_folder=is_folder)
    assert not found, "\n".join(found)


def test_the_package_was_found():
    assert {"", "_compat", "_nodes", "surgery", "surgery.trees"} <= {name for name, _ in modules()}


OFFENDERS = [
    ("_nodes", "from skprune.path import PruningPath", DOWNWARD),
    ("_levels", "from skprune._nodes import NodeTable", DOWNWARD),
    ("criteria.complexity", "from skprune.surgery import read", DOWNWARD),
    ("criteria.complexity", "from ..surgery.trees import read", DOWNWARD),
    ("criteria.relief", "from .association import pearson", DOWNWARD),
    ("solvers.least_squares", "from .greedy import forward", DOWNWARD),
    ("surgery.trees", "from skprune.surgery.forests import cut", DOWNWARD),
    ("surgery.trees", "from . import forests", DOWNWARD),
    ("tree", "from skprune.model_selection import PruningSearchCV", DOWNWARD),
    ("feature.relief", "from skprune.tree import TreePruner", DOWNWARD),
    ("inspection.compare", "from skprune.model_selection.rules import best", DOWNWARD),
    ("tree", "import skprune", PLACE),
    ("tree", "from skprune import TreePruner", PLACE),
    ("utils", "", PLACE),
    ("tree", "def f():\n    from skprune.path import PruningPath", IN_FUNCTION),
    ("tree", "def f():\n    import pandas", IN_FUNCTION),
    ("tree", "from sklearn.tree import _tree", PRIVATE),
    ("tree", "from sklearn.utils._param_validation import Interval", PRIVATE),
    ("tree", "import sklearn.tree._tree", PRIVATE),
    ("tree", "import sklearn\nif sklearn.__version__ > '1.8': pass", PRIVATE),
    ("tree", "from sklearn import tree\ntree._tree.Tree", PRIVATE),
    ("inspection.displays", "import matplotlib.pyplot as plt", LAZY),
    ("criteria.association", "from sklearn.base import BaseEstimator", ARRAYS_ONLY),
    ("criteria", "import pandas as pd", ARRAYS_ONLY),
    ("solvers.greedy", "from skprune._compat import Interval", ARRAYS_ONLY),
    ("_nodes", "from scipy import sparse", ARRAYS_ONLY),
    ("tree", "import requests", UNKNOWN),
    ("tree", "def f(model):\n    return model.tree_.value", FITTED),
    ("size", "\n" * (MAX_LINES + 1), SIZE),
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
        (
            "_nodes",
            "from __future__ import annotations\nimport math\nimport numpy as np",
        ),
        (
            "criteria.complexity",
            "from scipy.stats import beta\nfrom skprune._nodes import NodeTable",
        ),
        ("solvers.greedy", "from skprune.solvers.least_squares import refit"),
        ("solvers.greedy", "from .least_squares import refit"),
        ("surgery.forests", "from .trees import cut\nfrom . import trees"),
        ("surgery.trees", "from .._nodes import NodeTable\nx = model.tree_"),
        ("surgery._dispatch", "from skprune.surgery import forests, trees"),
        ("tree", "from .base import BaseModelPruner\nfrom sklearn.base import clone"),
        ("inspection.displays", "def plot():\n    import matplotlib.pyplot as plt"),
    ],
)
def test_allowed_import_is_silent(module, source):
    assert violations(module, source) == []


def test_folder_imports_its_own_modules_only():
    source = "from skprune.surgery import trees\nfrom .forests import cut"
    assert violations("surgery", source, is_folder=True) == []
    assert violations("surgery", "from ..criteria.relief import relief", is_folder=True)
    assert (
        violations("", "from skprune.tree import TreePruner\nfrom .path import x", is_folder=True)
        == []
    )
