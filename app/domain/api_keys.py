"""API keys: how a principal gets one, and how a request's bearer becomes a caller."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app import configuration
from app.domain import audit
from app.domain.access import Caller
from app.errors import PrincipalUnknown, Unauthenticated
from app.store import api_keys as store
from app.store.api_keys import ApiKey as ApiKey

CACHED_SECONDS = 2.0


@dataclass(frozen=True)
class NewKey:
    """A key as it is shown once; only a hash of its secret is kept."""

    id: str
    token: str


def create(principal: str, projects: list[str] | None, days: int, created_by: str) -> NewKey:
    """Make a key for a person or a declared service account; raises `PrincipalUnknown` for anyone else."""
    if not _is_known(principal):
        raise PrincipalUnknown(principal=principal)
    key_id, secret = secrets.token_hex(6), secrets.token_hex(24)
    key = ApiKey(
        id=key_id,
        principal=principal,
        secret_sha256=_digest(secret),
        projects=projects,
        expires_at=datetime.now(UTC) + timedelta(days=days),
    )
    store.insert(key, audit.event(created_by, "key created", None, key_id, principal=principal))
    return NewKey(key_id, f"cwk_{key_id}_{secret}_{_checksum(key_id, secret)}")


def list_keys() -> list[ApiKey]:
    """Every key, oldest first, without its secret, which nobody has."""
    return store.list_keys()


def list_usable(project: str) -> list[ApiKey]:
    """The keys that are not revoked of all who have a role in the project, ended ones too."""
    roles = configuration.current().projects[project].roles
    known = {principal for principals in roles.values() for principal in principals}
    return [
        key
        for key in store.list_keys()
        if key.revoked_at is None and key.principal in known and (key.projects is None or project in key.projects)
    ]


def revoke(key_id: str, revoked_by: str) -> bool:
    """End a key everywhere within seconds; False when there is none."""
    return store.revoke(key_id, audit.event(revoked_by, "key revoked", None, key_id))


def authenticate(token: str | None, request_id: str | None = None) -> Caller:
    """The caller that a bearer stands for; raises `Unauthenticated`, without saying what is wrong with it.

    Answers are kept for two seconds, so that predictions do not wait for the database.
    """
    parts = (token or "").split("_")
    if len(parts) != 4 or parts[0] != "cwk" or parts[3] != _checksum(parts[1], parts[2]):
        raise Unauthenticated
    key = _find_cached(parts[1])
    given, kept = _digest(parts[2]), key.secret_sha256 if key is not None else _digest("")
    if not hmac.compare_digest(given, kept) or key is None:
        raise Unauthenticated
    if key.revoked_at is not None or key.expires_at <= datetime.now(UTC) or not _is_known(key.principal):
        raise Unauthenticated
    limits = frozenset(key.projects) if key.projects is not None else None
    return Caller(key.principal, limits, request_id)


_cache: dict[str, tuple[float, ApiKey | None]] = {}


def _find_cached(key_id: str) -> ApiKey | None:
    kept = _cache.get(key_id)
    if kept is not None and time.monotonic() - kept[0] < CACHED_SECONDS:
        return kept[1]
    key = store.find(key_id)
    if key is not None:
        store.record_use(key_id)
        _cache[key_id] = (time.monotonic(), key)
    return key


def _is_known(principal: str) -> bool:
    known = configuration.current()
    return principal.startswith("person:") or principal in known.principals


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(key_id: str, secret: str) -> str:
    """Tells a mistyped key from a wrong one without asking the database."""
    return f"{zlib.crc32(f'{key_id}_{secret}'.encode()):08x}"
