"""Who read the trail: each export and each verification is an event, too, written before anything is handed out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from app import configuration
from app.domain.access import Caller, check_admin, is_admin, list_projects
from app.domain.audit import events, exports, verification
from app.domain.audit.findings import Verification
from app.domain.audit.keys import list_trusted
from app.store import audit_events as store

OPERATOR = "operator:cli"


def export(caller: Caller, file_format: str, project: str | None, since: datetime | None) -> Iterator[str]:
    """What `exports.export` has for the caller, up to the event that says so: no file tells of itself."""
    until = tell_export(caller, file_format, project, since)
    return exports.export(caller, file_format, project, since, until)


def verify(caller: Caller) -> Verification:
    """Whether the trail is what was sealed, by the keys and the heads that are known here; for admins alone."""
    check_admin(caller, "verify the audit trail")
    seen = verification.verify(list_trusted(), None)
    tell_verification(caller, seen)
    return seen


def tell_export(caller: Caller | None, file_format: str, project: str | None, since: datetime | None) -> datetime:
    """Write who takes which part of the trail, in each project whose part that is; when that was.

    Without a caller it is whoever works on the database itself. Raises `DatabaseReadOnly`.
    """
    told: dict[str, Any] = {
        "format": file_format,
        "only_project": project,
        "since": since.isoformat() if since is not None else None,
    }
    by, request_id = _name(caller)
    written = [
        events.event(by, "trail exported", place, None, request_id=request_id, **told)
        for place in _list_concerned(caller, project)
    ]
    store.insert(written)
    return min(one.created_at for one in written)


def tell_verification(caller: Caller | None, seen: Verification) -> None:
    """Write who verified the whole trail, and what was found; raises `DatabaseReadOnly`."""
    by, request_id = _name(caller)
    told: dict[str, Any] = {
        "sound": seen.is_sound,
        "complete": seen.complete,
        "findings": len(seen.findings),
        "events": seen.events,
        "last_batch": seen.last.number if seen.last is not None else None,
        "digest": seen.last.digest if seen.last is not None else None,
    }
    store.insert([events.event(by, "trail verified", None, None, request_id=request_id, **told)])


def _name(caller: Caller | None) -> tuple[str, str | None]:
    return (caller.principal, caller.request_id) if caller is not None else (OPERATOR, None)


def _list_concerned(caller: Caller | None, project: str | None) -> list[str | None]:
    """The projects of which events may be in the file; none for one that holds the trail of everybody."""
    seen = list_projects(caller) if caller is not None else list(configuration.current().projects)
    if project is not None:
        return [project if project in seen else None]
    return [None] if caller is None or is_admin(caller) else [*seen] or [None]
