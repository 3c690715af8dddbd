"""Who vouches for a copy's bytes? Its manifest, signed in the OpenSSF model-signing format, for anybody to verify.

The format is that of the `model-signing` library, which can sign only files that lie on this disk: here are none.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import PurePosixPath
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from app import configuration
from app.configuration import SecretUnreadable
from app.errors import SigningKeyUnusable

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}

Files = list[dict[str, Any]]
Bundle = dict[str, Any]


def find_key() -> ec.EllipticCurvePrivateKey | None:
    """The configured key, or None where there is none; raises `SigningKeyUnusable`."""
    secret = configuration.current().signing_key
    if secret is None:
        return None
    try:
        key = load_pem_private_key(secret.read().encode(), password=None)
    except SecretUnreadable as error:
        raise SigningKeyUnusable(reason=str(error)) from error
    except (TypeError, ValueError) as error:
        # What the parser says may quote the key.
        raise SigningKeyUnusable(reason="it is no private key in PEM without a password") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in HASHES:
        raise SigningKeyUnusable(reason=f"it is on none of the curves {', '.join(HASHES)}")
    return key


def sign(name: str, files: Files) -> Bundle | None:
    """The signature over the manifest as a Sigstore bundle, or None where no key is configured."""
    key = find_key()
    if key is None:
        return None
    payload = json.dumps(_state(name, files), indent=1).encode()
    signature = key.sign(_frame(payload), ec.ECDSA(HASHES[key.curve.name]()))
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
    }
    material = {"publicKey": {"hint": _hint(key.public_key())}, "tlogEntries": []}
    return {"mediaType": BUNDLE_TYPE, "verificationMaterial": material, "dsseEnvelope": envelope}


def find_fault(bundle: Bundle, files: Files) -> str | None:
    """Why the bundle does not vouch for exactly these files, in words; None when it does."""
    try:
        return _find_fault(bundle, files)
    except (KeyError, IndexError, TypeError, ValueError):
        return "it is no bundle of the format"


def _find_fault(bundle: Bundle, files: Files) -> str | None:
    key = _find_public(get_hint(bundle))
    if key is None:
        return f"it was made with key {get_hint(bundle)}, which is neither the signing key nor among the trusted ones"
    envelope = bundle["dsseEnvelope"]
    payload, made = (base64.b64decode(part) for part in (envelope["payload"], envelope["signatures"][0]["sig"]))
    try:
        key.verify(made, _frame(payload), ec.ECDSA(HASHES[key.curve.name]()))
    except InvalidSignature:
        return "it is not that key's signature over what it states"
    stated = {one["name"]: one["digest"] for one in json.loads(payload)["predicate"]["resources"]}
    if stated != {file["path"]: file["sha256"] for file in files}:
        return "it states other files than the publication"
    return None


def get_hint(bundle: Bundle) -> str:
    """The SHA-256 of the public key (in PEM) that the signature was made with."""
    return str(bundle["verificationMaterial"]["publicKey"]["hint"])


def find_hint() -> str | None:
    """The same of the configured key, or None where no key is configured."""
    key = find_key()
    return None if key is None else _hint(key.public_key())


def find_public_key(bundle: Bundle) -> str | None:
    """The public key in PEM that verifies the bundle, or None where it is not known."""
    key = _find_public(get_hint(bundle))
    return None if key is None else _as_pem(key).decode()


def can_verify() -> bool:
    """Whether there is any key to hold signatures against."""
    known = configuration.current()
    return known.signing_key is not None or bool(known.trusted_keys)


def _find_public(hint: str) -> ec.EllipticCurvePublicKey | None:
    """The key of this hint, of those that are trusted and the one that signs; raises `SigningKeyUnusable`."""
    for pem in configuration.current().trusted_keys:
        key = load_pem_public_key(pem.encode())
        if isinstance(key, ec.EllipticCurvePublicKey) and _hint(key) == hint:
            return key
    signing = find_key()
    return signing.public_key() if signing is not None and _hint(signing.public_key()) == hint else None


def _state(name: str, files: Files) -> dict[str, Any]:
    """The in-toto statement: every file with its digest, in the order of their paths' parts, and one over all."""
    ordered = sorted(files, key=lambda file: PurePosixPath(file["path"]))
    whole = hashlib.sha256(b"".join(bytes.fromhex(file["sha256"]) for file in ordered)).hexdigest()
    resources = [{"name": file["path"], "algorithm": "sha256", "digest": file["sha256"]} for file in ordered]
    serialization = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": whole}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"serialization": serialization, "resources": resources},
    }


def _frame(payload: bytes) -> bytes:
    """What is really signed: DSSE's encoding of type and payload, so that neither can be taken for the other."""
    return b" ".join([b"DSSEv1", b"%d" % len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), b"%d" % len(payload), payload])


def _hint(key: ec.EllipticCurvePublicKey) -> str:
    return hashlib.sha256(_as_pem(key)).hexdigest()


def _as_pem(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
