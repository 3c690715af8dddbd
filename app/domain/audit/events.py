"""The trail: what an event says, and what a caller may read of it."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Any

from app.domain.access import Caller, check_admin, is_admin, list_projects
from app.domain.audit import verification
from app.domain.audit.findings import Verification
from app.domain.audit.keys import list_trusted
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


def record_refusal(principal: str, action: str, code: str, project: str | None, request_id: str) -> None:
    """Write that something was refused; the same refusal within a minute is counted, not repeated."""
    refused_at = datetime.now(UTC)
    minute = refused_at.replace(second=0, microsecond=0).isoformat()
    digest = hashlib.sha256("|".join([principal, action, code, project or "", minute]).encode()).hexdigest()
    store.count_refusal(
        AuditEvent(
            id=f"evt_{digest[:24]}",
            created_at=refused_at,
            principal=principal,
            action=action,
            project=project,
            request_id=request_id,
            refused_code=code,
        )
    )


def list_page(caller: Caller, equal: dict[str, Any], after: str | None, size: int) -> Page[AuditEvent]:
    """Newest first: the events of the caller's projects and its own, or every event for an admin."""
    return store.list_page(set(list_projects(caller)), caller.principal, is_admin(caller), equal, after, size)


def verify(caller: Caller) -> Verification:
    """Whether the trail is what was sealed, by the keys and the heads that are known here; for admins alone."""
    check_admin(caller, "verify the audit trail")
    return verification.verify(list_trusted(), None)
