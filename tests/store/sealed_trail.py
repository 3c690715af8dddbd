"""A sealed trail of thirty events in three batches to tamper with, and keys of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import text

from app import configuration, settings
from app.domain import audit
from app.domain.audit import keys, seals, verification
from app.domain.audit.findings import Finding, Verification
from app.store.audit_events import AuditEvent, append
from app.store.database import transaction
from tests.http.conftest import make_configuration

KEY = Ed25519PrivateKey.generate()


def private_pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def public_line(key: Ed25519PrivateKey) -> str:
    return "".join(public_pem(key).splitlines()[1:-1])


@contextmanager
def configured(folder: Path, audit_part: dict[str, Any]) -> Iterator[Path]:
    """This process seals as `audit_part` says, and its heads go to the folder that this answers."""
    path, heads = folder / "causeway.yaml", folder / "heads"
    path.write_text(yaml.safe_dump({**make_configuration(), "audit": audit_part}))
    kept = {name: os.environ.get(name) for name in ("CAUSEWAY_AUDIT_HEADS", "CAUSEWAY_CONFIG", "CAUSEWAY_DATA")}
    os.environ.update(CAUSEWAY_AUDIT_HEADS=str(heads), CAUSEWAY_CONFIG=str(path), CAUSEWAY_DATA=str(folder))
    settings.current.cache_clear()
    configuration.use(path)
    yield heads
    for name, value in kept.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})
    settings.current.cache_clear()


def happen(*numbers: int, ago: timedelta = timedelta(0)) -> None:
    """Have events happen, one after the other."""
    with transaction() as session:
        for number in numbers:
            event = audit.event("person:a", f"act {number}", "bikes", f"res_{number}", threshold=0.5, number=number)
            event.created_at = datetime(2026, 11, 26, 12, tzinfo=UTC) + timedelta(seconds=number) - ago
            append(session, event)


def seal_all() -> None:
    """What a worker does every few seconds."""
    while seals.seal():
        pass
    seals.publish()


def seal_thirty() -> None:
    for first in (1, 11, 21):
        happen(*range(first, first + 10))
        seal_all()


def sql(*statements: str, **values: Any) -> None:
    """What somebody does who can write to the database, and has no key."""
    with transaction() as session:
        for statement in statements:
            session.connection().execute(text(statement), values)


def verify() -> Verification:
    return verification.verify(keys.list_trusted(), None)


def found() -> list[tuple[str, int | None, int | None, int | None]]:
    """What a verification finds: kind, batch, first and last event."""
    return sorted(map(_place, verify().findings), key=str)


def _place(finding: Finding) -> tuple[str, int | None, int | None, int | None]:
    return finding.kind, finding.batch, finding.first_event, finding.last_event


def refusal(minute: datetime) -> AuditEvent:
    return AuditEvent(
        id="evt_refused", principal="person:b", action="POST /x", refused_code="not-in-project", created_at=minute
    )
