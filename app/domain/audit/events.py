"""The trail: what an event says, and what a caller may read of it."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime
from typing import Any

from app.domain.access import Caller, is_admin, list_projects
from app.store import audit_events as store
from app.store.audit_events import AuditEvent
from app.store.pages import Page


def event(
    by: str,
    action: str,
    project: str | None,
    resource: str | None,
    operation_id: str | None = None,
    request_id: str | None = None,
    **details: Any,
) -> AuditEvent:
    """An event to be written in the transaction of the change that it tells of."""
    return AuditEvent(
        id=f"evt_{secrets.token_hex(12)}",
        principal=by,
        action=action,
        project=project,
        resource=resource,
        operation_id=operation_id,
        request_id=request_id,
        details=details,
    )


def record_refusal(principal: str, action: str, code: str, projects: list[str], request_id: str) -> None:
    """Write in each of these projects, or in none, that something was refused; within a minute, the same is counted."""
    at = datetime.now(UTC)
    refusal = (principal, action, code, at.replace(second=0, microsecond=0).isoformat())
    told: dict[str, Any] = {"principal": principal, "action": action, "refused_code": code, "request_id": request_id}
    places: list[str | None] = [*projects] or [None]
    store.count_refusals(
        [AuditEvent(id=_make_id(*refusal, place), created_at=at, project=place, **told) for place in places]
    )


def list_page(caller: Caller, equal: dict[str, Any], after: str | None, size: int) -> Page[AuditEvent]:
    """Newest first: the events of the caller's projects and, by `find_own_name`, its own; every event for an admin."""
    own = find_own_name(caller)
    return store.list_page(set(list_projects(caller)), own, is_admin(caller), equal, after, size)


def find_own_name(caller: Caller) -> str | None:
    """Whose events the caller reads beside those of its projects; a key that is limited to projects reads no others."""
    return caller.principal if caller.limited_to is None else None


def _make_id(*refusal: str | None) -> str:
    """The same for the same refusal within a minute."""
    return f"evt_{hashlib.sha256(json.dumps(refusal).encode()).hexdigest()[:24]}"
