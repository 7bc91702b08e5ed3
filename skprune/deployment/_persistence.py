"""dump and load: fitted objects in files without pickle."""

import io
import os
import uuid
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import scipy
import sklearn
from sklearn.utils.validation import check_is_fitted

from skprune._compat import import_extra
from skprune.base._audit import is_audited, record
from skprune.deployment._archive import pack, tampered, unpack
from skprune.deployment._schema import Description, describe_error, normalised
from skprune.deployment._signature import signer, verifier
from skprune.deployment._stored import storable
from skprune.exceptions import InputError, PersistenceError
from skprune.surgery.intact import check_intact

# What is raised for objects that skops does not store, and for parts that are not there.
UNSTORED = (AttributeError, LookupError, RecursionError, TypeError, ValueError)


def dump(fitted: Any, file: Any, *, key: Any = None) -> None:
    """Write a fitted object to a file without pickle.

    Parameters
    ----------
    fitted : fitted estimator
        A pruner, a search, a quantizer, a distiller, or a plain model, such as `estimator_` or
        the result of `strip`; also pipelines of these. Its `path_` is left out, as in pickles.
    file : str, path or binary file
        Where to write. A path is written whole or not at all: to a temporary file in the same
        folder, which then takes its place.
    key : Ed25519PrivateKey or bytes, default=None
        The private key that signs the file, as an object of the package `cryptography` or as PEM
        without a password. Without one the file has no signature.

    Raises
    ------
    UntrustedTypeError
        If the object holds a type that `load` does not trust, such as a function of your own or
        a nearest-neighbour model.
    PersistenceError
        If a part of it cannot be stored without pickle.
    InputError
        If a fitted attribute inside is malformed, or `key` is not a private key.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    MissingExtraError
        If skops is not installed, or with a `key` cryptography.

    See Also
    --------
    load : Reads the file.
    strip : The copy without skprune, which is to be loaded elsewhere.

    Notes
    -----
    The file is a ZIP archive in the format of skops, and a manifest with the SHA-256 digest of each
    member, which the signature is of. An object gives the same bytes each time it is dumped. A
    record goes to the logger ``skprune.audit``.

    Examples
    --------
    >>> import io
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import TreePruner, dump, load
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> pruner = TreePruner(DecisionTreeClassifier(random_state=0), keep=5).fit(X, y)
    >>> file = io.BytesIO()
    >>> dump(pruner, file)
    >>> _ = file.seek(0)
    >>> bool((load(file).predict(X) == pruner.predict(X)).all())
    True
    """
    skops = import_extra("skops", "secure", "dump")
    skops_io = import_extra("skops.io", "secure", "dump")
    sign = signer(key)
    check_is_fitted(fitted)
    try:
        raw = skops_io.dumps(storable(fitted))
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = normalised({name: archive.read(name) for name in archive.namelist()})
    except PersistenceError:
        raise
    except UNSTORED as error:
        raise describe_error(error) from error
    Description(members)  # what load would refuse is refused here
    check_intact(fitted)
    libraries = {each.__name__: each.__version__ for each in (sklearn, np, scipy, skops)}
    data, digest = pack(members, {"class": _name_of(fitted), "libraries": libraries}, sign)
    _write(data, file)
    if is_audited():
        record("dump", fitted, digest=digest, sizes={"bytes": len(data)}, signed=sign is not None)


def load(file: Any, *, key: Any = None) -> Any:
    """Read a fitted object that `dump` wrote; nothing in the file is executed.

    Parameters
    ----------
    file : str, path or binary file
        What to read.
    key : Ed25519PublicKey or bytes, default=None
        The public key of the author, as an object of the package `cryptography` or as PEM. The
        file must have the signature of its private key. Without a key, signatures are not looked
        at: anybody could have written the file.

    Returns
    -------
    estimator
        The fitted object, with bit-identical predictions under the same version of scikit-learn;
        under another one scikit-learn warns.

    Raises
    ------
    TruncatedFileError
        If the file ends early.
    TamperedFileError
        If its bytes are not those that were written.
    SignatureError
        If a key is given, and the file has no signature, or another one.
    VersionError
        If the version of its format is unknown, or newer than this skprune.
    UntrustedTypeError
        If it names a type that is not on the fixed list of trusted ones.
    InputError
        If trees, codes or other fitted attributes inside are malformed, or `key` is not a public
        key.
    MissingExtraError
        If skops is not installed, or with a `key` cryptography.

    See Also
    --------
    dump : Writes the file.

    Notes
    -----
    Digests, types, trees and shapes are checked before anything can predict. That keeps a file from
    crashing the interpreter or running code. Only a signature proves that the model inside is that
    of its author. A record goes to the logger ``skprune.audit``.

    Examples
    --------
    >>> import io
    >>> from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skprune import LinearPruner, dump, load
    >>> X, y = load_iris(return_X_y=True)
    >>> pruner = LinearPruner(LogisticRegression(max_iter=1000), keep=4).fit(X, y)
    >>> private, file = Ed25519PrivateKey.generate(), io.BytesIO()
    >>> dump(pruner, file, key=private)
    >>> _ = file.seek(0)
    >>> loaded = load(file, key=private.public_key())
    >>> bool((loaded.predict(X) == pruner.predict(X)).all())
    True
    """
    skops_io = import_extra("skops.io", "secure", "load")
    verify = verifier(key)
    data = _read(file)
    members, manifest, digest = unpack(data, verify)
    names = Description(members).names
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in members.items():
            archive.writestr(name, part)
    try:
        fitted = skops_io.loads(out.getvalue(), trusted=sorted(names))
    except InputError:
        raise
    except (*UNSTORED, MemoryError, ArithmeticError) as error:
        tampered(f"it cannot be constructed ({type(error).__name__}: {error})", error)
    if _name_of(fitted) != manifest.get("class"):
        tampered(f"it holds a {_name_of(fitted)} and states {manifest.get('class')!r}")
    check_intact(fitted)
    try:
        check_is_fitted(fitted)
    except UNSTORED as error:
        tampered(f"what it holds is not fitted ({error})", error)
    if is_audited():
        record("load", fitted, digest=digest, sizes={"bytes": len(data)}, signed=key is not None)
    return fitted


def _name_of(fitted):
    return f"{type(fitted).__module__}.{type(fitted).__qualname__}"


def _read(file):
    """Return the bytes of a path or of a binary file."""
    if isinstance(file, str | os.PathLike):
        return Path(file).read_bytes()
    if not hasattr(file, "read"):
        _refuse_file(file)
    data = file.read()
    if not isinstance(data, bytes):
        _refuse_file(file)
    return data


def _write(data: bytes, file: Any) -> None:
    """Write bytes to a binary file, or to a path, whole or not at all."""
    if not isinstance(file, str | os.PathLike):
        if not hasattr(file, "write"):
            _refuse_file(file)
        stream: BinaryIO = file
        stream.write(data)
        return
    path = Path(file)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with beside.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _refuse_file(file):
    msg = f"file={file!r} is neither a path nor a binary file. Give one of these."
    raise InputError(msg)
