"""The keys of the trail: the one that signs heads, which is never in the database, and those that are believed."""

from __future__ import annotations

import hashlib
from base64 import b64decode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from app import configuration
from app.configuration import SecretUnreadable

Trusted = dict[str, Ed25519PublicKey]
"""Public keys by their ids."""


class KeyUnusable(Exception):
    """A configured key cannot be read, or is no Ed25519 key; the text names the place, never the value."""


def find_signing_key() -> Ed25519PrivateKey | None:
    """The key that signs here, read anew; None when none is configured. Raises `KeyUnusable`."""
    reference = configuration.current().audit.signing_key
    if reference is None:
        return None
    try:
        key = load_pem_private_key(reference.read().encode(), None)
    except SecretUnreadable as error:
        raise KeyUnusable(f"audit.signing_key: {error}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("audit.signing_key is no private key in PEM without a password") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable("audit.signing_key is a private key, but not of Ed25519")
    return key


def list_trusted() -> Trusted:
    """The keys whose signatures are believed here: those that are listed, and the one that signs, where it is known."""
    trusted = [parse_public_key(text) for text in configuration.current().audit.trusted_keys]
    try:
        signing = find_signing_key()
    except KeyUnusable:
        signing = None
    return by_id([*trusted, *([signing.public_key()] if signing is not None else [])])


def parse_public_key(text: str) -> Ed25519PublicKey:
    """An Ed25519 public key from PEM, or from the one line of base64 in it; raises `KeyUnusable`."""
    line = "".join(part for part in text.split("\n") if not part.startswith("-----"))
    try:
        key = load_der_public_key(b64decode("".join(line.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusable("this is no public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusable("this is a public key, but not of Ed25519")
    return key


def by_id(keys: list[Ed25519PublicKey]) -> Trusted:
    """The keys by their ids."""
    return {key_id(key): key for key in keys}


def key_id(key: Ed25519PublicKey) -> str:
    """The first half of the SHA-256 of the key's DER form, in hex: what heads name their key by."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[:32]
