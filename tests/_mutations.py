"""Mutated files of dump: what load must refuse, or load as if nothing had happened."""

import io
import json
import zipfile
from functools import cache

import numpy as np
from sklearn.datasets import make_classification
from sklearn.decomposition import NMF
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from skprune import (
    InformationPruner,
    LinearPruner,
    MLPPruner,
    PruningSearchCV,
    Quantizer,
    SVMPruner,
    TreePruner,
    dump,
    strip,
)
from skprune.deployment._archive import pack, unpack

X, Y = make_classification(
    120, 6, n_informative=4, n_classes=3, n_clusters_per_class=1, random_state=0
)
TEXTS = [f"word{i % 7} word{i % 5} " + ("offer" if i % 3 else "hello") for i in range(120)]
CATEGORIES = np.column_stack([X[:, 0], np.arange(120) % 9])


@cache
def bases():
    """Return fitted objects of every kind of fitted state, each with samples to predict."""
    forest = RandomForestClassifier(4, max_depth=4, random_state=0)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    hist = HistGradientBoostingClassifier(
        max_iter=3, max_leaf_nodes=6, categorical_features=[1], min_samples_leaf=2, random_state=0
    )
    table = [
        TreePruner(forest),
        TreePruner(forest, criterion="backfitting", ridge=1.0, random_state=0),
        TreePruner(RandomForestRegressor(3, max_depth=4, random_state=0)),
        TreePruner(BaggingRegressor(n_estimators=3, max_features=0.7, random_state=0)),
        TreePruner(GradientBoostingClassifier(n_estimators=3, random_state=0)),
        TreePruner(AdaBoostClassifier(tree, n_estimators=3, random_state=0)),
        TreePruner(HistGradientBoostingRegressor(max_iter=3, max_leaf_nodes=6, random_state=0)),
        SVMPruner(SVC()),
        SVMPruner(SVR()),
        MLPPruner(MLPClassifier(4, solver="lbfgs", random_state=0), sparse_coef=True),
        LinearPruner(LogisticRegression()),
        Quantizer(forest),
        Quantizer(LogisticRegression(), bits=4),
        Quantizer(HistGradientBoostingRegressor(max_iter=3, max_leaf_nodes=6, random_state=0)),
        PruningSearchCV(tree, cv=2, max_levels=4),
        make_pipeline(StandardScaler(), InformationPruner(keep=4), TreePruner(tree)),
        make_pipeline(KBinsDiscretizer(4, quantile_method="linear"), LogisticRegression()),
        IsolationForest(n_estimators=3, max_features=4, random_state=0),
        make_pipeline(SplineTransformer(4), LogisticRegression()),
        make_pipeline(MinMaxScaler(), NMF(3, max_iter=20, tol=0.1, random_state=0), tree),
    ]
    fitted = [(model.fit(X, Y), X) for model in table]
    fitted.append((strip(fitted[15][0]), X))
    fitted.append((hist.fit(CATEGORIES, Y), CATEGORIES))
    cells = (np.round(X[:, :2]) % 4).astype(int)
    encoded = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    fitted.append((encoded.fit(cells, Y), cells))
    words = make_pipeline(CountVectorizer(), LinearPruner(LogisticRegression(), keep=6))
    fitted.append((words.fit(TEXTS, Y), TEXTS))
    return fitted


def bytes_of(fitted, **params):
    """Return the bytes of the file of an object."""
    file = io.BytesIO()
    dump(fitted, file, **params)
    return file.getvalue()


def answers(model, samples):
    """Return what a model predicts, by every method; dict of arrays."""
    found = {}
    for name in ("predict", "predict_proba", "decision_function", "transform", "apply"):
        if hasattr(model, name):
            result = getattr(model, name)(samples)
            found[name] = result.toarray() if hasattr(result, "toarray") else np.asarray(result)
    return found


def agree(first, second):
    """Return whether two answers are equal, to the last bit."""
    return first.keys() == second.keys() and all(
        np.array_equal(first[name], second[name], equal_nan=first[name].dtype.kind == "f")
        for name in first
    )


def repack(data, edit):
    """Return a file whose members, a dict, were edited in place, with a new manifest."""
    members, manifest, _ = unpack(data, None)
    edit(members)
    about = {name: manifest[name] for name in ("class", "libraries")}
    return pack(members, about, None)[0]


# One kind of mutation each: from bytes and a random generator to bytes.


def flip_bits(data, rng, others):  # noqa: ARG001 - one signature for all
    """Flip up to eight bits."""
    found = bytearray(data)
    for place in rng.integers(0, len(data), rng.integers(1, 9)):
        found[place] ^= 1 << rng.integers(8)
    return bytes(found)


def truncate(data, rng, others):  # noqa: ARG001
    """Cut off the end, the beginning, or a piece of the middle."""
    first, end = np.sort(rng.integers(0, len(data), 2))
    return [data[:end], data[first + 1 :], data[:first] + data[end + 1 :]][rng.choice(3)]


def swap_members(data, rng, others):
    """Exchange the contents of two members, or take those of another file, under the manifest."""
    members, _, _ = unpack(data, None)
    manifest = raw_manifest(data)
    names = list(members)
    if rng.random() < 0.5 or len(names) < 2:
        other, _, _ = unpack(others[rng.integers(len(others))], None)
        name = names[rng.integers(len(names))]
        members[name] = other[list(other)[rng.integers(len(other))]]
    else:
        first, second = rng.choice(names, 2, replace=False)
        members[first], members[second] = members[second], members[first]
    return pack_as(members, manifest)


def raw_manifest(data):
    """Return the bytes of the manifest of a file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("manifest.json")


def pack_as(members, manifest):
    """Return a file of members under a manifest that may not be theirs."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in ({"manifest.json": manifest} | members).items():
            archive.writestr(name, part)
    return out.getvalue()


HOSTILE = [
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("builtins", "getattr"),
    ("os", "system"),
    ("posix", "system"),
    ("subprocess", "Popen"),
    ("pickle", "loads"),
    ("importlib", "import_module"),
    ("sklearn.neighbors._kd_tree", "KDTree"),
    ("sklearn.ensemble._iforest", "IsolationForest"),
    ("pandas", "read_pickle"),
    ("joblib.numpy_pickle", "load"),
    ("skprune.deployment._persistence", "load"),
    ("numpy", "load"),
    ("numpy.lib._npyio_impl", "save"),
]
LOADERS = [
    "ConstructorFromReduceNode",
    "DefaultDictNode",
    "DictNode",
    "FunctionNode",
    "MethodNode",
    "ObjectNode",
    "OperatorFuncNode",
    "PartialNode",
    "ReduceNode",
    "TreeNode",
    "TupleNode",
    "TypeNode",
]


def plant_types(data, rng, others):  # noqa: ARG001
    """Let a part be of a foreign type, with a new manifest; arguments would leave a file behind."""
    module, name = HOSTILE[rng.integers(len(HOSTILE))]
    arguments = [{"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}]
    arguments[0] |= {"content": json.dumps("touch executed.txt"), "is_json": True}
    inside = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode"}
    inside["content"] = arguments

    def edit(members):
        schema = json.loads(members["schema.json"])
        nodes = [node for node in nodes_of(schema) if "content" in node]
        node = nodes[rng.integers(len(nodes))]
        node |= {"__class__": name, "__module__": module}
        if rng.random() < 0.8:
            node["__loader__"] = LOADERS[rng.integers(len(LOADERS))]
        if rng.random() < 0.8:
            node["content"] = inside
            node["__reduce__"] = {"args": inside}
        members["schema.json"] = json.dumps(schema).encode()

    return repack(data, edit)


def nodes_of(part):
    """Return all nodes of a description; a list of dicts."""
    if isinstance(part, list):
        return [node for each in part for node in nodes_of(each)]
    if not isinstance(part, dict):
        return []
    own = [part] if "__loader__" in part else []
    return own + [node for each in part.values() for node in nodes_of(each)]


def forge_arrays(data, rng, others):  # noqa: ARG001
    """Write what no fit writes into trees and other arrays, with a new manifest."""

    def edit(members):
        arrays = {
            name: np.load(io.BytesIO(part))
            for name, part in members.items()
            if name.endswith(".npy")
        }
        records = [name for name, array in arrays.items() if array.dtype.names and array.size]
        floats = [name for name, a in arrays.items() if a.dtype.kind == "f" and a.size > 1]
        if records and rng.random() < 0.75:
            name = records[rng.integers(len(records))]
            array = forged_records(arrays[name].copy(), rng)
        else:
            name = (floats or list(arrays))[rng.integers(len(floats or arrays))]
            array = misshapen(arrays[name], rng)
        out = io.BytesIO()
        np.save(out, array, allow_pickle=False)
        members[name] = out.getvalue()

    return repack(data, edit)


def forged_records(nodes, rng):
    """Return node records with a wrong child, a wrong feature, no number, or too few of them."""
    children = [name for name in nodes.dtype.names if name.startswith(("left", "right"))]
    features = [name for name in nodes.dtype.names if name.startswith("feature")]
    thresholds = [name for name in nodes.dtype.names if name.endswith("threshold")]
    place, kind = rng.integers(len(nodes)), rng.integers(5)
    is_leaf = nodes["is_leaf"] if "is_leaf" in nodes.dtype.names else nodes["left_child"] < 0
    split = np.flatnonzero(is_leaf == 0)
    place = rng.choice(split) if len(split) else 0
    if kind == 0:
        nodes[children[rng.integers(len(children))]][place] = rng.choice([len(nodes), 2**31 - 1])
    elif kind == 1:  # a cycle, or a shared child
        nodes[children[rng.integers(2)]][place] = rng.integers(0, place + 1)
    elif kind == 2:
        nodes[features[0]][place] = rng.choice([-1, 6, 10**6, 2**40])
    elif kind == 3:
        nodes[thresholds[0]][place] = np.nan
    else:
        return nodes[: rng.integers(len(nodes))]
    return nodes


def misshapen(array, rng):
    """Return an array with other entries, another shape or another type than fits."""
    kind = rng.integers(4)
    if kind == 0:
        return array.ravel()[: rng.integers(array.size)]
    if kind == 1:
        return np.concatenate([array.ravel(), array.ravel()])
    if kind == 2:
        return array.astype(np.complex128) if array.dtype.kind == "f" else array.astype("S8")
    return np.zeros((*array.shape, 2), dtype=array.dtype)


def edit_parts(data, rng, others):  # noqa: ARG001
    """Replace a number or a text, or write into an array, with a new manifest."""

    def edit(members):
        if rng.random() < 0.5:
            schema = json.loads(members["schema.json"])
            scalars = [node for node in nodes_of(schema) if node["__loader__"] == "JsonNode"]
            node = scalars[rng.integers(len(scalars))]
            values = [None, True, -1, 0, 1, 2, 10**9, -(10**30), 0.5, 1e300, "", "rbf", "gini"]
            node["content"] = json.dumps(values[rng.integers(len(values))])
            members["schema.json"] = json.dumps(schema).encode()
            return
        names = [name for name in members if name.endswith(".npy")]
        name = names[rng.integers(len(names))]
        part = bytearray(members[name])
        for place in rng.integers(128, len(part), 3) if len(part) > 128 else []:
            part[place] = rng.integers(256)
        members[name] = bytes(part)

    return repack(data, edit)


MUTATIONS = {
    "bits flipped": flip_bits,
    "truncated": truncate,
    "members swapped": swap_members,
    "foreign types": plant_types,
    "forged arrays": forge_arrays,
}
