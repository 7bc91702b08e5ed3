"""Ed25519 signatures of dumped objects, by the optional package cryptography."""

from pathlib import Path

from skprune._compat import import_extra
from skprune.exceptions import InputError, SignatureError


def signer(key):
    """Return a function that signs bytes.

    Parameters
    ----------
    key : Ed25519PrivateKey, bytes, str or None
        The private key, or its PEM without a password.

    Returns
    -------
    callable or None
        None without a key.
    """
    return None if key is None else _loaded(key, private=True).sign


def verifier(key):
    """Return a function that raises a `SignatureError` unless a signature is that of bytes.

    Parameters
    ----------
    key : Ed25519PublicKey, bytes, str or None
        The public key, or its PEM.

    Returns
    -------
    callable or None
        None without a key.
    """
    if key is None:
        return None
    invalid = import_extra("cryptography.exceptions", "secure", "A key").InvalidSignature
    public = _loaded(key, private=False)

    def verify(signature, content):
        if signature is None:
            msg = (
                "A key was given, but the file has no signature. Have its author dump it with "
                "the private key, or leave the key out if you trust the file anyway."
            )
            raise SignatureError(msg)
        try:
            public.verify(signature, content)
        except invalid as error:
            msg = (
                "The signature of the file was not made with the private key that belongs to the "
                "given public key, or the file was changed since. Do not use it."
            )
            raise SignatureError(msg) from error

    return verify


def _loaded(key, *, private):
    """Return a key of cryptography from such a key or its PEM."""
    keys = import_extra(
        "cryptography.hazmat.primitives.asymmetric.ed25519", "secure", "A signature"
    )
    wanted = keys.Ed25519PrivateKey if private else keys.Ed25519PublicKey
    found = key
    if isinstance(key, bytes | str):
        reader = import_extra("cryptography.hazmat.primitives.serialization", "secure", "A key")
        pem = key.encode() if isinstance(key, str) else key
        try:
            found = (
                reader.load_pem_private_key(pem, None)
                if private
                else reader.load_pem_public_key(pem)
            )
        except (ValueError, TypeError) as error:
            _refuse(f"it is no PEM that can be read ({error})", private=private, cause=error)
    if not isinstance(found, wanted):
        kind = "a path" if isinstance(key, Path) else f"a {type(found).__name__}"
        _refuse(f"it is {kind}", private=private)
    return found


def _refuse(what, *, private, cause=None):
    kind, name = ("private", "Ed25519PrivateKey") if private else ("public", "Ed25519PublicKey")
    msg = (
        f"key is not the {kind} key that is needed: {what}. Give an {name} of the package "
        f"cryptography, or its PEM as bytes{', without a password' if private else ''}."
    )
    raise InputError(msg) from cause
