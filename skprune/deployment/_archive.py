"""The container of a dumped object: a ZIP archive with a manifest of digests and a signature.

Members are compressed, within bounds: a file cannot ask for more memory than `MAX_RATIO` times its
size. The archive is one that skops itself reads; manifest and signature are members that it passes
by.
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from typing import Any, NoReturn

from skprune.exceptions import TamperedFileError, TruncatedFileError, VersionError

# The version of the format that is written, and the newest that is read.
VERSION = 1
FORMAT = "skprune"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
# The first moment that a ZIP archive can state: equal objects give equal files.
DATE = (1980, 1, 1, 0, 0, 0)
# How an archive begins, and the record at its end.
FIRST, LAST, SIZE_OF_LAST = b"PK\x03\x04", b"PK\x05\x06", 22
# A member is read if it expands to so many times its compressed size at most, or is small.
MAX_RATIO, SMALL = 200, 2**16
# What reading a damaged archive raises.
DAMAGED = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    struct.error,
    zlib.error,
    ValueError,
    LookupError,
    OverflowError,
    MemoryError,
)


def pack(members, about, sign):
    """Return the bytes of an archive, and the digest of its manifest.

    Parameters
    ----------
    members : dict of str to bytes
        What the archive holds, by name.
    about : dict of str to object
        What else the manifest states, as JSON.
    sign : callable or None
        Returns the signature of bytes.

    Returns
    -------
    data : bytes
        The archive.
    digest : str
        SHA-256 of the manifest, which has those of all members; hexadecimal.
    """
    listed = {name: {"size": len(part), "sha256": _digest(part)} for name, part in members.items()}
    content = {"format": FORMAT, "version": VERSION, **about, "members": listed}
    manifest = json.dumps(content, separators=(",", ":")).encode()
    parts = {MANIFEST: manifest}
    if sign is not None:
        parts[SIGNATURE] = sign(manifest)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, part in (parts | members).items():
            squeezed = len(zlib.compress(part)) * MAX_RATIO / 2 > len(part)
            kind = zipfile.ZIP_DEFLATED if squeezed else zipfile.ZIP_STORED
            archive.writestr(zipfile.ZipInfo(name, DATE), part, kind)
    return out.getvalue(), _digest(manifest)


def unpack(data, verify):
    """Return what an archive holds, once its version, signature and digests are checked.

    Parameters
    ----------
    data : bytes
        The archive.
    verify : callable or None
        Raises an error unless a signature, which may be None, is that of given bytes.

    Returns
    -------
    members : dict of str to bytes
        As given to `pack`.
    manifest : dict of str to object
        The manifest.
    digest : str
        Its SHA-256.

    Raises
    ------
    TruncatedFileError
        If the archive ends early.
    VersionError
        If its version is unknown.
    SignatureError
        If `verify` raises it.
    TamperedFileError
        If it is damaged in another way, or no file of `skprune.dump`.
    """
    parts = _parts_of(data)
    if MANIFEST not in parts:
        msg = (
            f"The file has no {MANIFEST}, so that skprune.dump did not write it, or it was "
            "changed. Give a file that skprune.dump wrote."
        )
        raise TamperedFileError(msg)
    raw = parts.pop(MANIFEST)
    manifest = _read_manifest(raw)
    signature = parts.pop(SIGNATURE, None)
    if verify is not None:
        verify(signature, raw)
    listed = manifest["members"]
    if list(listed) != list(parts):
        odd = sorted(set(listed) ^ set(parts))
        tampered(f"members are missing, added or moved: {odd or 'their order is another'}")
    for name, part in parts.items():
        if listed[name] != {"size": len(part), "sha256": _digest(part)}:
            tampered(f"{name} has another SHA-256 digest than the manifest states")
    return parts, manifest, _digest(raw)


def _parts_of(data):
    """Return all members of an archive by name."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            for info in infos:
                check_member(info)
            parts = {info.filename: archive.read(info) for info in infos}
    except DAMAGED as error:
        last = data.rfind(LAST)
        if data.startswith(FIRST) and (last < 0 or last + SIZE_OF_LAST > len(data)):
            msg = (
                f"The file ends early, after {len(data)} bytes. Copy it again, or dump the "
                "object again."
            )
            raise TruncatedFileError(msg) from error
        if isinstance(error, TamperedFileError):
            raise
        tampered(f"it is no ZIP archive that can be read ({type(error).__name__}: {error})", error)
    if len(parts) < len(infos):
        tampered("a member stands twice")
    return parts


def check_member(info):
    """Refuse a member of an archive that would take much more memory than it takes of the file."""
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} or info.flag_bits & 1:
        tampered(f"{info.filename} is encrypted, or compressed in an unknown way")
    if info.file_size > max(SMALL, MAX_RATIO * info.compress_size):
        tampered(f"{info.filename} would expand to {info.file_size} bytes")


def _read_manifest(raw):
    """Return the manifest from its bytes, of a version that is known."""
    try:
        manifest = json.loads(raw)
    except (ValueError, RecursionError) as error:
        tampered(f"{MANIFEST} is no JSON", error)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        tampered(f"{MANIFEST} is not that of skprune.dump")
    version = manifest.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        newer = type(version) is int and version > VERSION
        advice = "Update skprune to load it." if newer else "Dump the object again."
        msg = f"The file has version {version!r}; known are 1 to {VERSION}. {advice}"
        raise VersionError(msg)
    if not isinstance(manifest.get("members"), dict):
        tampered(f"{MANIFEST} lists no members")
    return manifest


def _digest(part):
    return hashlib.sha256(part).hexdigest()


def tampered(what: str, cause: Any = None) -> NoReturn:
    """Raise an error for a file that was changed or damaged."""
    msg = f"The file was changed after it was dumped, or damaged: {what}. Load an intact copy."
    raise TamperedFileError(msg) from cause
