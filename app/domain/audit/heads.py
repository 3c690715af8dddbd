"""What is hashed and signed: the one form of an event, of a batch's manifest, and of the head that leaves the database.

SHA-256 of JSON in ASCII with sorted keys and no spaces; times in UTC with microseconds. Nothing in it depends on the
database that kept the event, nor on this program: a few lines in any language can check it.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.domain.audit.keys import Trusted
from app.store.audit_batches import AuditBatch

BEGINNING = "0" * 64
"""What the first batch names as the digest of the one before."""
LOG_EVENT = "audit head"
"""What the log calls the line of a head."""
PROOF = ("digest", "signature")
"""The members of a head that are made from the others."""
COVERED = (
    "action",
    "count",
    "created_at",
    "details",
    "id",
    "operation_id",
    "principal",
    "project",
    "refused_code",
    "request_id",
    "resource",
)
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def describe(event: Mapping[str, Any]) -> dict[str, Any]:
    """Everything of an event but its number, as its digest covers it."""
    return {**{name: event[name] for name in COVERED}, "created_at": stamp(event["created_at"])}


def make_line(event: Mapping[str, Any]) -> str:
    """The event's line in a manifest: its id and the digest of all of it."""
    return f"{event['id']} {hashlib.sha256(_encode(describe(event)).encode()).hexdigest()}"


def describe_batch(batch: AuditBatch) -> dict[str, Any]:
    """What a head says, without its digest and its signature."""
    return {
        "batch": batch.number,
        "first_event": batch.first_event,
        "last_event": batch.last_event,
        "manifest": hashlib.sha256(batch.manifest.encode()).hexdigest(),
        "previous": batch.previous,
        "sealed_at": stamp(batch.sealed_at),
        "key_id": batch.key_id,
    }


def make_head(batch: AuditBatch) -> dict[str, Any]:
    """The head as it leaves the database."""
    return {**describe_batch(batch), "digest": batch.digest, "signature": batch.signature}


def digest(head: Mapping[str, Any]) -> str:
    """The digest of what a head says."""
    return hashlib.sha256(_content(head)).hexdigest()


def sign(head: Mapping[str, Any], key: Ed25519PrivateKey) -> str:
    """The Ed25519 signature of what a head says, in base64."""
    return b64encode(key.sign(_content(head))).decode()


def is_signed(head: Mapping[str, Any], trusted: Trusted) -> bool:
    """Whether a key that is believed has signed what the head says."""
    key = trusted.get(str(head["key_id"]))
    try:
        if key is None:
            return False
        key.verify(b64decode(str(head["signature"]), validate=True), _content(head))
    except (InvalidSignature, ValueError):
        return False
    return True


def stamp(at: datetime) -> str:
    """A time as it is hashed."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def to_json(document: Mapping[str, Any]) -> str:
    """A document on one line, in the form that is hashed."""
    return _encode(document)


def _content(head: Mapping[str, Any]) -> bytes:
    return _encode({name: value for name, value in head.items() if name not in PROOF}).encode()
