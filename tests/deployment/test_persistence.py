"""dump and load: predictions stay, and whatever is not as it was written is refused."""

import io
import json
import logging
import os
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import make_classification
from sklearn.decomposition import NMF
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

import skprune
from skprune import Quantizer, TreePruner, dump, load, strip
from skprune.base._compact import PackedMask
from skprune.deployment import _persistence
from skprune.deployment._archive import VERSION, pack, unpack
from skprune.deployment._stored import StoredSpline
from skprune.deployment._trusted import OURS
from skprune.exceptions import (
    InputError,
    MissingExtraError,
    PersistenceError,
    PruningError,
    SignatureError,
    TamperedFileError,
    TruncatedFileError,
    UntrustedTypeError,
    VersionError,
)
from tests._instances import GROUPED, INSTANCES, name_of
from tests._mutations import (
    MUTATIONS,
    agree,
    answers,
    bases,
    bytes_of,
    nodes_of,
    pack_as,
    raw_manifest,
    repack,
)

pytest.importorskip("skops")
ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")

X, Y = make_classification(90, 6, n_informative=4, random_state=0)
PRIVATE = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key()


@pytest.fixture(scope="module")
def pruner():
    return TreePruner(DecisionTreeClassifier(random_state=0), keep=6).fit(X, Y)


@pytest.fixture(scope="module")
def data(pruner):
    return bytes_of(pruner)


def read(content, **params):
    return load(io.BytesIO(content), **params)


# What comes back.


@pytest.mark.filterwarnings("ignore::skprune.exceptions.PruningWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("instance", INSTANCES + GROUPED, ids=name_of)
def test_a_loaded_object_is_the_one_that_was_dumped(instance):
    instance.fit(X, Y)
    content = bytes_of(instance)
    loaded = read(content)
    assert type(loaded) is type(instance)
    assert agree(answers(instance, X), answers(loaded, X))
    given, found = instance.get_params(), loaded.get_params()
    assert {k: repr(v) for k, v in given.items()} == {k: repr(v) for k, v in found.items()}
    if hasattr(instance, "report_"):
        pd.testing.assert_frame_equal(loaded.report_, instance.report_)
    assert not hasattr(loaded, "path_")
    assert bytes_of(instance) == content


def test_pipelines_plain_models_and_codes_come_back():
    for fitted, samples in bases():
        assert agree(answers(fitted, samples), answers(read(bytes_of(fitted)), samples))


def test_names_types_and_keys_come_back():
    names = [f"x{i}" for i in range(6)]
    table, labels = pd.DataFrame(X, columns=names), np.where(Y, "yes", "no")
    forest = RandomForestClassifier(3, class_weight={"yes": 2.0, "no": 1.0}, random_state=0)
    search = GridSearchCV(TreePruner(forest), {"keep": [5, 9]}, cv=2, scoring="f1_macro")
    model = make_pipeline(
        FunctionTransformer(np.abs, feature_names_out="one-to-one"),
        SelectKBest(f_classif, k=4),
        search,
    ).fit(table, labels)
    loaded = read(bytes_of(model))
    assert agree(answers(model, table), answers(loaded, table))
    assert list(loaded.feature_names_in_) == names
    score = loaded[-1].score(loaded[:-1].transform(table), labels)
    assert score == model.score(table, labels)
    weights = {False: 1.0, True: 3.0}
    model = LogisticRegression(class_weight=weights).fit(X, Y.astype(bool))
    assert read(bytes_of(model)).class_weight == weights


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("estimators_features_", lambda held: [own[:-1] for own in held]),
        ("estimators_features_", lambda held: [own + 3 for own in held]),
        ("_max_features", lambda held: held + 1),
        ("n_features_in_", lambda held: held - 4),
        ("_decision_path_lengths", lambda held: [own[:-1] for own in held]),
        ("estimators_", lambda held: held[:-1]),
    ],
)
def test_isolation_forests_whose_trees_do_not_fit_are_refused(attribute, value):
    """Such trees are not asked to check the samples."""
    model = IsolationForest(n_estimators=3, max_features=4, random_state=0).fit(X)
    assert agree(answers(model, X), answers(read(bytes_of(model)), X))
    setattr(model, attribute, value(getattr(model, attribute)))
    with pytest.raises(InputError, match="malformed"):
        bytes_of(model)


def test_factors_of_another_shape_are_refused():
    model = NMF(2, max_iter=20, tol=0.1).fit(np.abs(X))
    np.testing.assert_array_equal(
        read(bytes_of(model)).transform(np.abs(X)), model.transform(np.abs(X))
    )
    model.components_ = model.components_[:, :-1]
    with pytest.raises(InputError, match="components_"):
        bytes_of(model)


@pytest.mark.parametrize("extrapolation", ["constant", "linear", "periodic", "error"])
def test_splines_come_back(extrapolation):
    model = SplineTransformer(4, extrapolation=extrapolation).fit(X)
    loaded = read(bytes_of(model))
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))


@pytest.mark.parametrize(
    "arguments",
    [
        (np.arange(5.0), np.zeros((2, 2)), 3, True),
        (np.arange(8.0), np.zeros((2, 2)), 3, True),
        (np.arange(8.0)[::-1].copy(), np.zeros((4, 2)), 3, True),
        (np.arange(8.0), np.zeros((4, 2)), -1, True),
        (np.zeros(8), np.zeros((4, 2)), 3, True),
    ],
)
def test_splines_that_compiled_code_could_not_read_are_refused(arguments):
    with pytest.raises(ValueError, match=r"[Kk]nots|coefficients|order"):
        StoredSpline(*arguments)


@pytest.mark.parametrize(
    ("package", "model", "how"),
    [
        ("xgboost", "XGBClassifier", r"strip\(fitted\)\.save_model"),
        ("lightgbm", "LGBMClassifier", r"strip\(fitted\)\.booster_\.save_model"),
    ],
)
def test_boosters_are_referred_to_their_own_format(package, model, how):
    booster = getattr(pytest.importorskip(package), model)(n_estimators=2)
    fitted = TreePruner(booster, keep=4).fit(X, Y)
    for each in (fitted, fitted.estimator_):
        with pytest.raises(UntrustedTypeError, match=how):
            bytes_of(each)


def test_trees_that_stand_several_times_remain_one_object():
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)
    forest.estimators_ = forest.estimators_ * 4
    content = bytes_of(forest)
    loaded = read(content)
    assert len(set(map(id, loaded.estimators_))) == 3
    assert len(content) < 1.5 * len(bytes_of(RandomForestClassifier(3, random_state=0).fit(X, Y)))


def test_categories_of_quantized_boosting_come_back():
    table = np.column_stack([X[:, 0], np.arange(90) % 9])
    model = HistGradientBoostingClassifier(
        max_iter=3, categorical_features=[1], min_samples_leaf=2, random_state=0
    )
    for bits in (None, 8):
        fitted = Quantizer(model, bits=bits).fit(table, Y)
        assert agree(answers(fitted, table), answers(read(bytes_of(fitted)), table))


def test_skops_alone_reads_a_plain_model(pruner):
    skops_io = pytest.importorskip("skops.io")
    plain = strip(pruner)
    loaded = skops_io.loads(bytes_of(plain), trusted=["sklearn.tree._tree.Tree"])
    assert agree(answers(plain, X), answers(loaded, X))


def test_paths_are_written_whole_or_not_at_all(tmp_path, pruner, monkeypatch):
    path = tmp_path / "model.skprune"
    dump(pruner, path)
    dump(pruner, str(path))
    assert agree(answers(pruner, X), answers(load(str(path)), X))
    before = path.read_bytes()

    def fail(_):
        raise OSError

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError):  # noqa: PT011 - it has no text
        dump(TreePruner(DecisionTreeClassifier()).fit(X, Y), path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_every_public_estimator_is_trusted():
    public = [getattr(skprune, name) for name in skprune.__all__]
    kinds = [kind for kind in public if isinstance(kind, type) and hasattr(kind, "get_params")]
    assert len(kinds) > 15
    assert {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds} <= OURS


# Signatures.


def pem(key):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        no_password = serialization.NoEncryption()
        kind = serialization.PrivateFormat.PKCS8
        return key.private_bytes(serialization.Encoding.PEM, kind, no_password)
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, kind)


def test_signed_files_load_with_the_key_of_their_author(pruner):
    content = bytes_of(pruner, key=PRIVATE)
    assert content == bytes_of(pruner, key=pem(PRIVATE))
    for key in (PUBLIC, pem(PUBLIC), pem(PUBLIC).decode(), None):
        assert agree(answers(pruner, X), answers(read(content, key=key), X))


def test_files_that_another_or_nobody_signed_are_refused(pruner, data):
    other = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(SignatureError, match="was not made with the private key"):
        read(bytes_of(pruner, key=other), key=PUBLIC)
    with pytest.raises(SignatureError, match="has no signature"):
        read(data, key=PUBLIC)
    # A change with a new manifest, which no digest reveals.
    members, manifest, _ = unpack(data, None)
    about = {name: manifest[name] for name in ("class", "libraries")}
    content, _ = pack(members, about | {"note": 1}, lambda _: PRIVATE.sign(b"other"))
    with pytest.raises(SignatureError, match="was not made"):
        read(content, key=PUBLIC)


@pytest.mark.parametrize("key", [PUBLIC, b"no key", pem(PUBLIC), 7])
def test_what_is_no_private_key_is_refused(pruner, key):
    with pytest.raises(InputError, match="key is not the private key"):
        dump(pruner, io.BytesIO(), key=key)


@pytest.mark.parametrize("key", [PRIVATE, b"no key", pem(PRIVATE), 7])
def test_what_is_no_public_key_is_refused(data, key):
    with pytest.raises(InputError, match="key is not the public key"):
        read(data, key=key)


# What is refused.


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_ends_early_is_refused(data, share):
    with pytest.raises(TruncatedFileError, match="ends early, after"):
        read(data[: int(share * len(data))])


def test_changed_bytes_are_refused(data):
    members, _, _ = unpack(data, None)
    for change in (
        {name: part for name, part in members.items() if not name.startswith("1")},
        members | {"more": b""},
        members | {"1.npy": members["0.npy"]},
        dict(reversed(members.items())),
    ):
        with pytest.raises(TamperedFileError, match="was changed after it was dumped"):
            read(pack_as(change, raw_manifest(data)))
    for content in (b"", b"no archive", pickle.dumps(1)):
        with pytest.raises(TamperedFileError):
            read(content)


def test_an_archive_without_a_manifest_is_refused(pruner):
    skops_io = pytest.importorskip("skops.io")
    with pytest.raises(TamperedFileError, match="has no manifest"):
        read(skops_io.dumps(strip(pruner)))


def test_members_that_expand_without_bound_are_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(10**7))
    with pytest.raises(TamperedFileError, match="would expand to 10000000 bytes"):
        read(out.getvalue())
    with pytest.raises(InputError, match="does not expand to"):
        PackedMask(b"", (10,)).restore()
    with pytest.raises(InputError, match="states shape"):
        PackedMask(b"", (2**40,)).restore()


@pytest.mark.parametrize(
    ("version", "words"), [(VERSION + 1, "Update skprune"), (0, "known are 1"), ("1", "known are")]
)
def test_other_versions_are_refused(data, version, words):
    members, manifest, _ = unpack(data, None)
    content, _ = pack(members, {"class": manifest["class"]}, None)
    edited = json.loads(raw_manifest(content)) | {"version": version}
    with pytest.raises(VersionError, match=words):
        read(pack_as(members, json.dumps(edited).encode()))


class Mine(TransformerMixin, BaseEstimator):
    """A class that is not on the list."""

    def fit(self, X, y=None):  # noqa: ARG002 - as scikit-learn calls it
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (KNeighborsClassifier(), r"KNeighborsClassifier \(ObjectNode\) is not among"),
        (make_pipeline(FunctionTransformer(lambda X: X), LogisticRegression()), "lambda"),
        (make_pipeline(Mine(), LogisticRegression()), "Mine"),
        (make_pipeline(FunctionTransformer(os.system), LogisticRegression()), "system"),
    ],
)
def test_foreign_types_are_refused_when_they_are_dumped(model, words):
    fitted = model.fit(X, Y) if words != "system" else Mine().fit(X)
    if words == "system":
        fitted.extra = os.system
        words = "is not among the types"
    file = io.BytesIO()
    with pytest.raises(UntrustedTypeError, match=words):
        dump(fitted, file)
    assert not file.getvalue()


def test_what_skops_does_not_store_is_refused():
    model = LogisticRegression().fit(X, Y)
    model.stream_ = (number for number in range(3))
    with pytest.raises(PersistenceError, match="without pickle"):
        bytes_of(model)


def edit_schema(content, edit):
    """Return a file whose description was edited, with a new manifest."""

    def change(members):
        schema = json.loads(members["schema.json"])
        edit(schema)
        members["schema.json"] = json.dumps(schema).encode()

    return repack(content, change)


def first(schema, loader):
    return next(node for node in nodes_of(schema) if node["__loader__"] == loader)


def test_foreign_types_are_refused_when_they_are_loaded(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    command |= {"content": '"touch executed"', "is_json": True}
    inside = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode"}
    inside["content"] = [command]
    for loader in ("ConstructorFromReduceNode", "FunctionNode", "ObjectNode", "UnknownNode"):

        def plant(schema, loader=loader):
            node = {"__class__": "system", "__module__": "os", "__loader__": loader}
            schema["content"]["content"]["keep"] = node | {"content": inside}

        with pytest.raises(UntrustedTypeError, match=rf"os\.system \({loader}\)"):
            read(edit_schema(data, plant))
    assert not list(tmp_path.iterdir())


def set_method(schema):
    schema["content"]["content"]["predict"] = schema["content"]["content"]["keep"]


def set_twice(schema):
    numbered = [node for node in nodes_of(schema) if "__id__" in node]
    numbered[1]["__id__"] = numbered[2]["__id__"]


def set_cycle(schema):
    node = {"__class__": "T", "__module__": "m", "__loader__": "CachedNode"}
    schema["content"]["content"]["keep"] = node | {"__id__": schema["__id__"]}


def set_class(schema):
    schema["__class__"] = "EnsemblePruner"
    schema["__module__"] = "skprune.ensemble._pruner"


def nest(schema):
    node = schema["content"]["content"]["keep"]
    for _ in range(200):
        node = {"__class__": "list", "__module__": "builtins", "content": [node]}
        node["__loader__"] = "ListNode"
    schema["content"]["content"]["keep"] = node


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (set_method, "has the attribute 'predict'"),
        (set_twice, "has the number"),
        (set_cycle, "was not described before"),
        (set_class, "states"),
        (nest, "nested more than"),
        (lambda schema: schema.pop("content"), "is not fitted"),
        (lambda schema: schema.update(protocol=99), "unknown protocol"),
    ],
)
def test_ambiguous_descriptions_are_refused(data, edit, words):
    with pytest.raises((TamperedFileError, InputError), match=words):
        read(edit_schema(data, edit))


def forge(content, loader, name, value):
    """Return a file in which a count of a tree has another value."""

    def edit(schema):
        node = first(schema, loader)["content"]["content"][name]
        node["content"] = json.dumps(value)

    return edit_schema(content, edit)


@pytest.mark.parametrize(
    ("name", "value"),
    [("node_count", 10**6), ("node_count", -1), ("max_depth", 10**6), ("node_count", 1.5)],
)
def test_trees_are_checked_before_they_are_built(data, name, value):
    with pytest.raises(InputError, match="stored tree is malformed"):
        read(forge(data, "TreeNode", name, value))


def test_arrays_are_checked_before_they_are_read(data):
    def cut(members):
        members["0.npy"] = members["0.npy"][:-1]

    def claim(members):
        out = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            out, {"descr": "<f8", "fortran_order": False, "shape": (2**40,)}
        )
        members["0.npy"] = out.getvalue()

    for edit in (cut, claim):
        with pytest.raises(TamperedFileError, match="other bytes than its header states"):
            read(repack(data, edit))


@pytest.mark.parametrize("file", [7, None, io.StringIO()])
def test_what_is_no_file_is_refused(file):
    with pytest.raises(InputError, match="neither a path nor a binary file"):
        load(file)


def test_unfitted_objects_and_missing_packages_are_named(monkeypatch, pruner):
    with pytest.raises(NotFittedError):
        dump(TreePruner(DecisionTreeClassifier()), io.BytesIO())
    monkeypatch.setitem(__import__("sys").modules, "skops", None)
    with pytest.raises(MissingExtraError, match="secure"):
        dump(pruner, io.BytesIO())


# 60 mutations of each kind; `python -m benchmarks fuzz` makes 10,000.


@pytest.mark.parametrize("kind", MUTATIONS)
def test_a_mutated_file_is_refused_or_predicts_as_the_original(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng, table = np.random.default_rng(0), bases()
    contents = [bytes_of(fitted) for fitted, _ in table]
    n_refused = 0
    for _ in range(60):
        place = rng.integers(len(table))
        fitted, samples = table[place]
        try:
            loaded = read(MUTATIONS[kind](contents[place], rng, contents))
        except PruningError:
            n_refused += 1
            continue
        try:
            found = answers(loaded, samples)
        except (ValueError, LookupError, TypeError):  # an array that does not fit the samples
            continue
        assert agree(found, answers(fitted, samples))
    assert n_refused > 30
    assert not (tmp_path / "executed.txt").exists()


# The audit trail.


@pytest.fixture
def trail():
    """The records of the audit logger."""
    records = []

    class Keep(logging.Handler):
        def emit(self, record):
            records.append(record)

    logger, handler = logging.getLogger("skprune.audit"), Keep()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield records
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_prunes_dumps_and_loads_are_recorded_without_data(trail):
    pruner = TreePruner(DecisionTreeClassifier(random_state=0), keep=6).fit(X, Y)
    content = bytes_of(pruner, key=PRIVATE)
    read(content, key=PUBLIC)
    assert [record.event for record in trail] == ["prune", "dump", "load"]
    assert {record.estimator for record in trail} == {"skprune.tree._pruner.TreePruner"}
    assert {record.levelname for record in trail} == {"INFO"}
    prune, dumped, loaded = trail
    assert (prune.inner, prune.criterion) == ("DecisionTreeClassifier", "cost_complexity")
    assert prune.sizes["units_whole"] > 6
    assert dumped.digest == loaded.digest
    assert len(dumped.digest) == len(prune.digest) == 64
    assert dumped.sizes == loaded.sizes == {"bytes": len(content)}
    assert (prune.signed, dumped.signed, loaded.signed) == (None, True, True)
    assert all(record.user for record in trail)


def test_a_failed_fit_is_not_recorded(trail):
    with pytest.raises(ValueError, match="does not match number of samples"):
        TreePruner(DecisionTreeClassifier()).fit(X, Y[:-1])
    assert trail == []


def test_nothing_is_computed_where_nobody_listens(monkeypatch):
    def fail(*_, **__):
        raise AssertionError

    monkeypatch.setattr("skprune.base._audit.record", fail)
    monkeypatch.setattr(_persistence, "record", fail)
    TreePruner(DecisionTreeClassifier()).fit(X, Y)
    read(bytes_of(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)))
