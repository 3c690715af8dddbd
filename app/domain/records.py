"""Causeway's own records as a caller may see them: those of its projects, and no others."""

from __future__ import annotations

from typing import Any, TypeVar

from app.domain.access import READ, Caller, check, list_projects
from app.errors import RecordNotFound
from app.store import records as store
from app.store.pages import Page
from app.store.records import Record

AnyRecord = TypeVar("AnyRecord", bound=Record)


def get(caller: Caller, table: type[AnyRecord], record_id: str, action: str = READ) -> AnyRecord:
    """The record, when the caller may do `action` in its project; raises `RecordNotFound` or `PermissionDenied`."""
    record = store.find(table, record_id)
    if record is None or record.project not in list_projects(caller):
        raise RecordNotFound(kind=table.kind, id=record_id)
    check(caller, action, record.project)
    return record


def list_page(
    caller: Caller, table: type[AnyRecord], equal: dict[str, Any], after: str | None, size: int
) -> Page[AnyRecord]:
    """Newest first: the records of the caller's projects."""
    return store.list_page(table, set(list_projects(caller)), equal, after, size)
