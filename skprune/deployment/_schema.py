"""The description of an object in a file of skops: made smaller and unambiguous, and checked.

skops describes an object by nested dicts: nodes, each of which names how it is loaded, its class
and its parts. Before skops constructs anything, the whole description is checked here against the
list of trusted types, and what compiled code would trust blindly is read and checked.
"""

import hashlib
import io
import json
import zipfile
from importlib import import_module
from tokenize import TokenError
from types import FunctionType, MappingProxyType
from typing import Any

import numpy as np

from skprune.deployment import _trusted as trusted
from skprune.deployment._archive import DAMAGED, check_member, tampered
from skprune.exceptions import PersistenceError, UntrustedTypeError
from skprune.surgery.stored_trees import check_stored_tree

SCHEMA = "schema.json"
# The protocols of skops whose descriptions are known here.
PROTOCOLS = (2,)
# Parts may be nested so deep; skops reads them by recursion.
MAX_DEPTH = 120
# The state of the Mersenne twister.
N_WORDS = 624
# Nodes that are not told apart by identity.
WITHOUT_IDENTITY = frozenset({"JsonNode", "TypeNode", "FunctionNode", "SliceNode", "DTypeNode"})
CACHED = "CachedNode"


def kinds_of(loader):
    """Return the names of the classes that a kind of node may construct."""
    lists = {
        "DictNode": trusted.DICTS,
        "ListNode": {"builtins.list"},
        "SetNode": {"builtins.set"},
        "TupleNode": trusted.TUPLES,
        "BytesNode": {"builtins.bytes"},
        "SliceNode": {"builtins.slice"},
        "JsonNode": {"builtins.str"},
        "NdArrayNode": trusted.SCALARS | {"numpy.ndarray"},
        "MaskedArrayNode": {"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"},
        "SparseMatrixNode": trusted.SPARSE,
        "DTypeNode": {"numpy.dtype"},
        "ConstructorFromReduceNode": trusted.STAND_INS,
        "RandomStateNode": {trusted.RANDOM_STATE},
        "RandomGeneratorNode": {trusted.GENERATOR},
        "PartialNode": {"functools.partial"},
        "TreeNode": {trusted.TREE},
        "LossNode": trusted.LOSSES,
    }
    if loader == "ObjectNode":
        return trusted.estimators()
    if loader == "FunctionNode":
        return trusted.functions()
    if loader == "TypeNode":
        kinds = trusted.PRIMITIVES | trusted.SCALARS | trusted.SPARSE | {"builtins.tuple"}
        return trusted.estimators() | kinds
    return lists.get(loader, frozenset())


def parts_of(node):
    """Return the nodes inside a node in the order in which skops reads them; a list."""
    content = node.get("content")
    read = PARTS.get(node["__loader__"])
    return [] if read is None or content is None else read(node, content)


def _of_array(node, content):
    return [*content, node["shape"]] if node["type"] == "json" else []


def _of_reduced(node, content):
    return [content, node["__reduce__"]["args"]]


def _only(_, content):
    return [content]


def _all_of(_, content):
    return list(content)


PARTIAL = ("func", "args", "kwds", "namespace")
PARTS = {
    "DictNode": lambda node, content: [node["key_types"], *content.values()],
    "ListNode": _all_of,
    "TupleNode": _all_of,
    "SetNode": _all_of,
    "NdArrayNode": _of_array,
    "MaskedArrayNode": lambda _, content: [content["data"], content["mask"]],
    "RandomGeneratorNode": lambda _, content: [content["bit_generator"], content["seed_seq"]],
    "PartialNode": lambda _, content: [content[name] for name in PARTIAL],
    "TreeNode": _of_reduced,
    "LossNode": _of_reduced,
    "ObjectNode": _only,
    "ConstructorFromReduceNode": _only,
    "RandomStateNode": _only,
    "DTypeNode": _only,
}


def normalised(members):
    """Return the members of a file of skops with a description that is short and unambiguous.

    Parameters
    ----------
    members : dict of str to bytes
        As skops wrote them.

    Returns
    -------
    dict of str to bytes
        Objects that stand several times are described once, arrays are stored once, and names
        are numbers in the order of reading, so that equal objects give equal bytes.
    """
    schema = json.loads(members[SCHEMA])
    numbers: dict[int, int] = {}
    kept: dict[str, bytes] = {}
    names: dict[bytes, str] = {}

    def visit(node):
        loader, number = node["__loader__"], node.pop("__id__", None)
        if loader not in WITHOUT_IDENTITY and number is not None:
            if number in numbers:
                name = {key: node[key] for key in ("__class__", "__module__")}
                node.clear()
                node.update(name, __loader__=CACHED, __id__=numbers[number])
                return
            numbers[number] = node["__id__"] = len(numbers) + 1
        if "file" in node:
            part = members[node["file"]]
            suffix = node["file"].rpartition(".")[2]
            digest = hashlib.sha256(part).digest()
            node["file"] = names.setdefault(digest, f"{len(names)}.{suffix}")
            kept[node["file"]] = part
        for part in parts_of(node):
            visit(part)

    visit(schema)
    return {SCHEMA: json.dumps(schema, separators=(",", ":")).encode(), **kept}


class Description:
    """The checked description of an object.

    Parameters
    ----------
    members : dict of str to bytes
        The members of a file.

    Attributes
    ----------
    names : set of str
        The trusted types that it names.

    Raises
    ------
    UntrustedTypeError
        If it names a type that is not trusted.
    InputError
        If a tree or another part that compiled code trusts is malformed.
    TamperedFileError
        If it is malformed.
    """

    def __init__(self, members):
        self._members = members
        self.names: set[str] = set()
        self._known: dict[int, Any] = {}
        self._checks = MappingProxyType(
            {
                "JsonNode": self._check_json,
                "ObjectNode": self._check_object,
                "PartialNode": self._check_partial,
                "TreeNode": self._check_tree,
                "LossNode": self._check_loss,
                "RandomStateNode": self._check_random_state,
                "RandomGeneratorNode": self._check_generator,
            }
        )
        try:
            schema = json.loads(members[SCHEMA])
            if schema["protocol"] not in PROTOCOLS or isinstance(schema["protocol"], bool):
                tampered(f"skops wrote it by the unknown protocol {schema['protocol']!r}")
            self._visit(schema, 0)
        except (KeyError, TypeError, AttributeError, RecursionError, json.JSONDecodeError) as error:
            tampered(f"its description is malformed ({type(error).__name__}: {error})", error)

    def _visit(self, node, depth):
        loader = node["__loader__"]
        if depth > MAX_DEPTH:
            tampered(f"its parts are nested more than {MAX_DEPTH} deep")
        if loader == CACHED:
            if node["__id__"] not in self._known:
                tampered("it refers to a part that was not described before")
            return
        name = f"{node['__module__']}.{node['__class__']}"
        if name not in kinds_of(loader):
            self._refuse(loader, name)
        self.names.add(name)
        for part in parts_of(node):
            self._visit(part, depth + 1)
        if "file" in node:
            self._check_file(node)
        if check := self._checks.get(loader):
            check(node)
        self._number(node)

    def _number(self, node):
        """Remember a node by its number, if it has one; only one has."""
        if "__id__" not in node:
            return
        number = node["__id__"]
        if type(number) is not int or number in self._known:
            tampered(f"a part has the number {number!r}, as another has")
        self._known[number] = node

    def _refuse(self, loader, name):
        how = trusted.ADVICE.get(name.partition(".")[0], trusted.ADVICE[""])
        msg = (
            f"{name} ({loader}) is not among the types that skprune.dump and skprune.load trust: "
            "estimators of scikit-learn whose fitted attributes can be checked, those of skprune, "
            f"and arrays. {how}"
        )
        raise UntrustedTypeError(msg)

    def _check_file(self, node):
        """Check that a member is the array that its own header states."""
        name, part = node["file"], self._members[node["file"]]
        if node["__loader__"] == "NdArrayNode":
            check_array(name, part)
        elif node["__loader__"] == "SparseMatrixNode":
            with zipfile.ZipFile(io.BytesIO(part)) as archive:
                for info in archive.infolist():
                    check_member(info)
                    check_array(f"{name}/{info.filename}", archive.read(info))

    @staticmethod
    def _check_json(node):
        if isinstance(json.loads(node["content"]), dict | list):
            tampered("a number or a text is described as a list")

    @staticmethod
    def _check_object(node):
        """Refuse attributes that would stand before those of the class, such as methods."""
        if node.get("content") is None:
            return
        cls = getattr(import_module(node["__module__"]), node["__class__"])
        state = node["content"]
        if state["__loader__"] == "JsonNode":  # None: an object without attributes
            return
        if state["__loader__"] != "DictNode":
            tampered(f"the state of a {cls.__name__} is no dict")
        for name in state["content"]:
            held = getattr(cls, name, None)
            if name.startswith("__") or isinstance(held, FunctionType | classmethod):
                tampered(f"a {cls.__name__} has the attribute {name!r}, a part of its class")

    @staticmethod
    def _check_partial(node):
        if node["content"]["func"]["__loader__"] not in {"FunctionNode", CACHED}:
            tampered("what is to be called is no function")

    def _check_tree(self, node):
        arguments, state = self.value(node["__reduce__"]["args"]), self.value(node["content"])
        check_stored_tree(arguments, state)

    def _check_loss(self, node):
        arguments, state = self.value(node["__reduce__"]["args"]), self.value(node["content"])
        if state or not all(isinstance(number, int | float) for number in arguments):
            tampered(f"the loss {node['__class__']} has a state that is not known")

    def _check_random_state(self, node):
        state = self.value(node["content"])
        key, place = state["state"]["key"], state["state"]["pos"]
        fits = key.shape == (N_WORDS,) and key.dtype == np.uint32 and 0 <= place <= N_WORDS
        if state["bit_generator"] != "MT19937" or not fits or type(place) is not int:
            tampered("the state of a random generator is malformed")

    def _check_generator(self, node):
        generator, seeds = (self.value(part) for part in parts_of(node))
        if generator["bit_generator"] != "PCG64" or seeds["pool_size"] != 4:
            tampered("the state of a random generator is not that of PCG64")

    def value(self, node):
        """Return what a node describes: numbers, text, arrays, and lists and dicts of these."""
        loader = node["__loader__"]
        if loader == CACHED:
            return self.value(self._known[node["__id__"]])
        if loader == "JsonNode":
            return json.loads(node["content"])
        if loader == "DictNode":
            return {name: self.value(part) for name, part in node["content"].items()}
        if loader in {"ListNode", "TupleNode"}:
            return [self.value(part) for part in node["content"]]
        if loader == "NdArrayNode" and node["type"] == "numpy":
            found = np.load(io.BytesIO(self._members[node["file"]]), allow_pickle=False)
            return found if node["__class__"] == "ndarray" else found.item()
        return tampered(f"a {loader} stands where numbers do")


def check_array(name, part):
    """Check the header of a stored array: its bytes are as many as it states, and no objects."""
    stream = io.BytesIO(part)
    try:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(stream)
    except (*DAMAGED, SyntaxError, TokenError, RecursionError) as error:
        tampered(f"{name} is no array ({error})", error)
    n_bytes = dtype.itemsize
    for size in shape:
        n_bytes *= size
    if dtype.hasobject or n_bytes != len(part) - stream.tell():
        tampered(f"{name} has other bytes than its header states")


def describe_error(error):
    """Return an error that names what an object holds that skops cannot store."""
    return PersistenceError(
        f"The object holds a part that is not stored without pickle ({error}). Set the parameter "
        "that holds it to another value, or strip the object."
    )
