"""The trail as a file: every event that the caller may see, oldest first, as NDJSON or CSV, a page at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from app.domain.access import Caller, is_admin, list_projects
from app.domain.audit import heads
from app.domain.audit.events import find_own_name
from app.store import audit_events as store

PAGE = 1000
FORMATS = ("ndjson", "csv")
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS = ("number", *heads.COVERED)
# What a spreadsheet takes for the beginning of a formula; full-width forms, too.
FORMULA = tuple("=+-@＝＋－＠\t\r\n")


def export(
    caller: Caller | None, file_format: str, project: str | None, since: datetime | None, until: datetime
) -> Iterator[str]:
    """The text of the file in pieces, each read from the database when it is asked for; of all events without a caller.

    The events are those of the caller's projects and its own, of one `project` where it is given, before `until`.
    NDJSON has each event as its digest covers it, with its `number`, so that it can be checked anywhere. In CSV, a text
    that a spreadsheet would take for a formula has an apostrophe before it.
    """
    projects = None if caller is None or is_admin(caller) else set(list_projects(caller))
    principal = find_own_name(caller) if caller is not None else None
    equal, after = {"project": project} if project is not None else {}, (max(since or BEGINNING, BEGINNING), "")
    if file_format == "csv":
        yield _table([COLUMNS])
    while after[0] < until and (events := store.list_oldest(projects, principal, equal, after, until, PAGE)):
        described = [{"number": event["number"], **heads.describe(event)} for event in events]
        if file_format == "csv":
            yield _table([_cell(event[name]) for name in COLUMNS] for event in described)
        else:
            yield "".join(f"{heads.to_json(event)}\n" for event in described)
        after = (events[-1]["created_at"], events[-1]["id"])


def _table(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A value as a cell: nothing for null, and nothing that a spreadsheet runs."""
    text = heads.to_json(value) if isinstance(value, dict) else value
    # Some programs pass over spaces before they look for a formula.
    is_formula = isinstance(text, str) and (text.startswith(FORMULA) or text.lstrip().startswith(FORMULA))
    return f"'{text}" if is_formula else text
