"""Drift: where a workspace is not as it should be, one row for each difference however often it is found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlmodel import Field, col, or_, select

from app.store.audit_events import AuditEvent, append
from app.store.database import UtcDateTime, reading, repeatable, transaction
from app.store.records import Record

OPEN, GONE, REMEDIED = "OPEN", "GONE", "REMEDIED"


class Drift(Record, table=True):
    """A difference; states OPEN, GONE (a later look did not find it), REMEDIED. `target` is what remedies need.

    `operation_id` found it first, at `known_since`; `reconciliation_id` found it last; it is told as of `seen_at`.
    """

    __tablename__ = "drifts"
    kind: ClassVar[str] = "drift"

    drift_kind: str
    severity: str = Field(index=True)
    workspace: str
    object_kind: str
    object_name: str
    wanted: str
    found: str
    advice: str
    record_kind: str | None = None
    record_id: str | None = None
    remedies: list[str] = Field(default_factory=list, sa_type=JSON)
    target: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    reconciliation_id: str
    known_since: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)


# What stays as it was when the same difference is found again, and when it is found again after it was over.
LASTING_PAST_THE_END = {"id", "created_at"}
LASTING = {*LASTING_PAST_THE_END, "created_by", "operation_id", "known_since", "state"}


@dataclass(frozen=True)
class Looked:
    """Where and when somebody looked for which kinds; of what is `undecided` (ids) it learned nothing."""

    project: str
    workspace: str
    at: datetime
    kinds: set[str]
    undecided: set[str]


@repeatable
def replace(looked: Looked, found: list[Drift], events: list[AuditEvent]) -> int:
    """Put what a look found in the place of what was open of the same kinds; answers how many are new.

    `events` go with `found`, one for each, and are written for new ones. A row that somebody told later than
    the look stays as it is; so a look that ends late, or that is written twice, spoils nothing.
    """
    told = dict(zip([one.id for one in found], events, strict=True))
    new = 0
    with transaction() as session:
        mine = select(Drift).where(Drift.project == looked.project, Drift.workspace == looked.workspace)
        rows = session.exec(mine.with_for_update().where(or_(col(Drift.state) == OPEN, col(Drift.id).in_(list(told)))))
        known = {row.id: row for row in rows}
        for one in found:
            row = known.pop(one.id, None)
            if row is not None and row.seen_at > looked.at:
                continue
            if row is None or row.state != OPEN:
                append(session, told[one.id])
            if row is None:
                session.add(one)
            else:
                _tell(row, one)
            # Not "was added now": a step that runs again after a crash would count none.
            new += (row or one).operation_id == one.operation_id
        for row in known.values():
            is_decided = row.drift_kind in looked.kinds and row.id not in looked.undecided
            if row.state == OPEN and row.seen_at <= looked.at and is_decided:
                row.state, row.seen_at, row.updated_at = GONE, looked.at, looked.at
    return new


@repeatable
def note_gone(drift_id: str, at: datetime) -> None:
    """A look at `at` did not find it; a row that somebody told later than that stays as it is."""
    with transaction() as session:
        row = session.get_one(Drift, drift_id, with_for_update=True)
        if row.state == OPEN and row.seen_at <= at:
            row.state, row.seen_at, row.updated_at = GONE, at, at


def list_found(drift_ids: list[str]) -> list[Drift]:
    """The rows of these ids, by workspace and kind, in one query."""
    statement = select(Drift).where(col(Drift.id).in_(drift_ids))
    with reading() as session:
        return list(session.exec(statement.order_by(col(Drift.workspace), col(Drift.drift_kind), col(Drift.id))))


def _tell(row: Drift, one: Drift) -> None:
    lasting = LASTING if row.state == OPEN else LASTING_PAST_THE_END
    for column, value in one.model_dump(exclude=lasting).items():
        setattr(row, column, value)
